#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""doctor.py CACHE RESULTS TARGET...: what this host can run, why not the rest, and what would help.

TARGET is NAME=PACKAGE,...: a target and the packages that it lacks. Only reads: whoever asks
what is wrong with a host wants nothing changed.
"""
from __future__ import annotations

import glob
import os
import sys

import results
import screen
from closing import SKIP_HELP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shape import Skip

KVM_GET_API_VERSION, KVM_CHECK_EXTENSION = 0xAE00, 0xAE03
# Capabilities that tests ask for: name, number in the uapi, and what is skipped without it
CAPABILITIES = (
    ("USER_MEMORY", 3, "everything"), ("NR_MEMSLOTS", 10, "mem_slot/max_slots"), ("SYNC_MMU", 16, "page histories"),
    ("READONLY_MEM", 81, "read-only slots"), ("S390_MEM_OP", 108, "memop/*"),
    ("S390_SKEYS", 110, "memop/storage_keys and histories with keys"), ("MULTI_ADDRESS_SPACE", 118, "address spaces"),
    ("S390_CMMA_MIGRATION", 145, "mem_slot/storage_attributes"), ("S390_HPAGE_1M", 156, "memop/huge_pages"),
    ("MANUAL_DIRTY_LOG_PROTECT2", 168, "mem_slot/dirty_clear"), ("S390_PROTECTED", 180, "SIDA accesses of a protected guest"),
    ("DIRTY_LOG_RING", 192, "mem_slot/dirty_ring"), ("S390_MEM_OP_EXTENSION", 211, "keyed and absolute accesses, cmpxchg"),
    ("DIRTY_LOG_RING_ACQ_REL", 223, "mem_slot/dirty_ring"), ("USER_MEMORY2", 231, "KVM_SET_USER_MEMORY_REGION2"),
    ("MEMORY_ATTRIBUTES", 233, "a line of mem_slot/prefault and of requests"), ("GUEST_MEMFD", 234, "guest_memfd"),
    ("PRE_FAULT_MEMORY", 236, "mem_slot/prefault"))
OK, NO, NOTE = "ok", "NO", "--"
NEEDED_GIB = 4.0  # for the emulated machine: source, kernel, builds, one suspended machine


def said(mark: str, what: str, value: object = "", help_text: str = "") -> None:
    print(f"  {mark}  {what:<28} {value}{'' if not help_text else f'  ({help_text})'}".rstrip())


def text_of(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def kvm_capabilities() -> dict[str, int] | str:
    """The values of this host's KVM, or why there are none."""
    import fcntl
    try:
        fd = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return "there is no /dev/kvm: load the kvm module (modprobe kvm; on x86 kvm_intel or kvm_amd)"
    except PermissionError:
        return "you may not open /dev/kvm: be root, or in the group kvm (usermod -aG kvm NAME, log in anew)"
    except OSError as error:
        return f"/dev/kvm cannot be opened: {error.strerror}"
    try:
        version = fcntl.ioctl(fd, KVM_GET_API_VERSION)
        if version != 12:
            return f"/dev/kvm speaks version {version} of the API, not 12"
        return {name: fcntl.ioctl(fd, KVM_CHECK_EXTENSION, number) for name, number, _ in CAPABILITIES}
    except OSError as error:
        return f"/dev/kvm does not answer: {error.strerror}"
    finally:
        os.close(fd)


def host(cache: str, kept: str) -> None:
    system = os.uname()
    memory = {key: int(value.split()[0]) for key, _, value in
              (line.partition(":") for line in text_of("/proc/meminfo").split("\n")) if value}
    print("this host")
    said(OK, "system", f"{system.sysname} {system.release} {system.machine}")
    said(OK, "CPUs", os.cpu_count())
    available = memory.get("MemAvailable", 0) >> 10
    said(OK if available >= 1024 else NO, "memory", f"{available} MiB available",
         "" if available >= 1024 else "an emulated machine takes 512 MiB: -j 1")
    for name, folder in (("cache", cache), ("results", kept)):
        place = folder
        while not os.path.exists(place):
            place = os.path.dirname(place) or "."
        free = os.statvfs(place)
        gib = free.f_bavail * free.f_frsize / (1 << 30)
        enough = gib >= (NEEDED_GIB if name == "cache" and not os.path.exists(f"{cache}/machine") else 0.5)
        said(OK if enough else NO, f"disk for {name}", f"{gib:.1f} GiB free in {place}",
             "" if enough else f"give --{name} DIR on a larger disk")
        if not os.access(place, os.W_OK):
            said(NO, f"disk for {name}", f"{place} cannot be written", f"give --{name} DIR")


def settings() -> None:
    """What of this host's kernel decides what native tests can do."""
    print("\nits kernel, for --target native")
    if os.uname().machine == "s390x":
        sie = " sie " in f" {text_of('/proc/cpuinfo')} ".replace("\n", " ")
        said(OK if sie else NO, "SIE", "yes" if sie else "no", "" if sie else "in an LPAR, or in a guest with nesting")
        pgste = text_of("/proc/sys/vm/allocate_pgste")
        said(OK if pgste == "1" else NOTE, "vm.allocate_pgste", pgste or "none",
             "" if pgste == "1" else "test programs are marked to have page tables with PGSTE (ld --s390-pgste)")
    for module in ("kvm", "kvm_intel", "kvm_amd"):
        nested = text_of(f"/sys/module/{module}/parameters/nested")
        if nested:
            said(OK if nested in ("Y", "1") else NOTE, f"{module}.nested", nested,
                 "" if nested in ("Y", "1") else "a guest that runs guests, e.g. nested KVM in --target qemu, needs 1")
    if os.uname().machine == "s390x":
        said(*switch("/sys/module/kvm/parameters/hpage", "kvm.hpage", "memop/huge_pages"))
    said(*switch("/sys/kernel/mm/ksm/run", "KSM", "pages that are merged"))
    huge = text_of("/sys/kernel/mm/transparent_hugepage/enabled")
    said(OK if huge and "[never]" not in huge else NOTE, "transparent huge pages", huge or "none",
         "" if huge and "[never]" not in huge else "huge histories are skipped: echo madvise > "
         "/sys/kernel/mm/transparent_hugepage/enabled")
    pages = text_of("/proc/sys/vm/nr_hugepages")
    said(OK if pages not in ("", "0") else NOTE, "reserved huge pages", pages or "none",
         "" if pages not in ("", "0") else "hugetlbfs cases are skipped: sysctl vm.nr_hugepages=8")
    swap = len(text_of("/proc/swaps").split("\n")) > 1
    zram = bool(glob.glob(f"/lib/modules/{os.uname().release}/**/zram.ko*", recursive=True)) or os.path.exists("/dev/zram0")
    said(OK if swap or zram else NOTE, "swap", "yes" if swap else "zram" if zram else "none",
         "" if swap or zram else "pages that were swapped out are skipped: swap space, or the zram module")


def switch(path: str, name: str, lost: str) -> tuple[str, str, str, str]:
    value = text_of(path)
    there = value in ("1", "Y")
    return (OK if there else NOTE, name, value or "none",
            "" if there else f"{lost} are skipped, or set it for themselves where they may")


def capabilities() -> bool:
    """Print this KVM's capabilities; is there a KVM?"""
    print("\nits KVM, for --target native")
    found = kvm_capabilities()
    if isinstance(found, str):
        said(NO, "/dev/kvm", found)
        return False
    s390 = os.uname().machine == "s390x"
    for name, _, lost in CAPABILITIES:
        if name.startswith("S390") and not s390:
            continue
        value = found[name]
        said(OK if value > 0 else NOTE, f"KVM_CAP_{name}", value, f"skipped: {lost}" if value <= 0 and lost else "")
    if not s390:
        said(NOTE, "MEM_OP, storage keys", "on s390x only", "mem_slot/* runs here; the rest with --target hercules")
    return True


def targets(words: Sequence[str], kvm: bool) -> list[str]:
    """Print what can be said of each target; those that can run tests."""
    print("\ntargets")
    machine, usable = os.uname().machine, []
    for word in words:
        name, _, packages = word.partition("=")
        lacking = packages.replace(",", " ")
        trouble = ""
        if name == "hercules" and machine != "x86_64":
            trouble = "is made for x86-64 hosts"
        elif name == "native" and not kvm:
            trouble = "needs /dev/kvm, see above"
        elif name == "qemu" and not (machine == "s390x" and kvm):
            trouble = "skips everything without KVM of an s390x host: QEMU's emulator has no SIE"
        help_text = f"installed by the run, or: apt-get install {lacking}" if lacking else ""
        said(NO if trouble else OK, f"--target {name}", trouble or "can run here", help_text)
        if not trouble:
            usable.append(name)
    return usable


def last_skips(folder: str) -> Iterator[tuple[str, Skip]]:
    """What the last run skipped, by reason."""
    try:
        document = results.read(os.path.join(folder, "latest"))
    except (OSError, ValueError):
        return
    told: dict[str, list[Skip]] = {}
    for _, skip in results.skipped(document):
        told.setdefault(screen.reason_text(skip), []).append(skip)
    for _, skips in sorted(told.items()):
        yield f"{len(skips)} lines on {document['about'].get('target', '?')}", skips[0]


def main(words: Sequence[str]) -> int:
    cache, folder = words[0], words[1]
    host(cache, folder)
    settings()
    kvm = capabilities()
    usable = targets(words[2:], kvm)
    last = list(last_skips(folder))
    if last:
        print("\nskipped by the last run, and would not be:")
        for count, skip in last:
            said(NOTE, count, screen.reason_text(skip), SKIP_HELP.get(skip["kind"] or "", ""))
    print(f"\n{'this host can run: ./run.sh --target ' + usable[0] if usable else 'this host can run nothing of it'}")
    return 0 if usable else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
