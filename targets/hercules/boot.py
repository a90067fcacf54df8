#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""boot.py: boot a kernel in Hercules once and keep the suspended machine.

Prints the folder that holds it; resume.py goes on from there, for each job.

A suspended machine is tied to the kernel, the initial file system, the memory
size and the emulator: its folder is named by a checksum over all of them, and
the suspended memory has a checksum of its own, so a stale or damaged one is
never resumed.
"""
from __future__ import annotations

import argparse
import fcntl
import hashlib
import re
import shutil
import struct
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "guest"))
from disks import DISKS, Broken, create_disks  # noqa: E402
from emulator import SLOW, Emulator, guarded, guest_reasons, last_lines, machine_facts  # noqa: E402
from hercules import panic_text, start, stopped_in_panic  # noqa: E402
from snapshot import folder_checksum, intact, unpack_snapshot  # noqa: E402

INITRD_AT = 0x4000000
BOOT_SECONDS = 300 * min(SLOW, 4)
BOOT_TIME = "half a minute" if SLOW == 1 else "some minutes, with all its checks"
TICK_SECONDS = 15
# Only needed until the machine is suspended
BOOT_FILES = ("suspended", "vmlinuz", "initrd", "console", "boot.rc", "linux.ins", "ofsize", "parm")

# A module of the emulator, and the disk that it describes crypto cards on: ap/README.md
AP_MODULE, AP_DISK, AP_DEVICE = "ap.so", "ap", "0ac0"

# What they leave out and why is told in docs/targets.md
PARAMETERS = (
    "conmode=sclp sclp_con_drop=0 rdinit=/init panic=1 loglevel=3 cryptomgr.notests nokaslr"
    " initcall_blacklist=load_system_certificate_list,jent_mod_init,crypto_kdf108_init,"
    "init_user_buckets,init_msg_buckets rcupdate.rcu_cpu_stall_suppress=1"
    " psi=0 noautogroup lsm= cgroup_disable=memory"
    " disks=dasd"
)

# All threads stay as nice as the user made them: the emulator sets its priorities itself
CONFIGURATION = """\
MAINSIZE {memory}
NUMCPU {cpus}
CPUSERIAL 002623
CPUMODEL 2097
ARCHMODE ESAME
OSTAILOR LINUX
PANRATE SLOW
TIMERINT 1000
CODEPAGE 819/500
HERCPRIO $(NICENESS)
CPUPRIO $(NICENESS)
DEVPRIO $(NICENESS)
TODPRIO $(NICENESS)
"""

# The patterns do not match their own echo in the log
ENDINGS = """\
hao tgt CPU[0-9]+: SIGP Stop
hao cmd quit
hao tgt HHCCP011[I]
hao cmd quit
"""
BOOT = ENDINGS + """\
hao tgt READY [0-9]
hao cmd suspend suspended
ipl linux.ins
"""
RESUME = ENDINGS + "resume snap\n"
LOAD_LIST = f"""\
vmlinuz 0x00000000
ofsize 0x00010408
parm 0x00010480
initrd 0x{INITRD_AT:08x}
"""


def write_configuration(folder: Path, memory: int, cpus: int, ap: bool) -> None:
    load = f"ldmod ./{AP_MODULE}\n" if ap else ""
    disks = "".join(f"{0x100 + i:04x} 9336 {name}.img\n" for i, name in enumerate(DISKS))
    disks += f"{AP_DEVICE} AP9336 {AP_DISK}.img\n" if ap else ""
    (folder / "herc.cnf").write_text(load + CONFIGURATION.format(memory=memory, cpus=cpus) + disks)
    (folder / "boot.rc").write_text(BOOT)
    (folder / "resume.rc").write_text(RESUME)


def machine_key(args: argparse.Namespace) -> str:
    digest = hashlib.sha256()
    emulator = args.emulator.resolve().parent.parent
    programs = sorted(path for path in emulator.rglob("*") if path.is_file() and path.suffix != ".log")
    for path in (args.kernel, args.initrd, *programs, *filter(None, [args.ap])):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    digest.update(Path(__file__).read_bytes())
    digest.update(f"{args.memory} {args.cpus} {args.parameters}".encode())
    return digest.hexdigest()[:16]


def boot(args: argparse.Namespace, folder: Path) -> None:
    """Boot the kernel in FOLDER and leave the suspended machine there."""
    write_configuration(folder, args.memory, args.cpus, args.ap is not None)
    disks = (*DISKS, AP_DISK) if args.ap else DISKS
    create_disks(folder, disks)
    if args.ap:
        shutil.copy(args.ap, folder / AP_MODULE)
    shutil.copy(args.kernel, folder / "vmlinuz")
    shutil.copy(args.initrd, folder / "initrd")
    devices = f" dasd=0100-0104,{AP_DEVICE} devices=ap" if args.ap else " dasd=0100-0104"
    (folder / "parm").write_bytes(f"{PARAMETERS}{devices} {args.parameters}".rstrip().encode() + b"\0")
    (folder / "ofsize").write_bytes(struct.pack(">QQ", INITRD_AT, args.initrd.stat().st_size))
    (folder / "linux.ins").write_text(LOAD_LIST)
    emulator = start(args.emulator, folder, "boot.rc")
    try:
        in_time = emulator.wait(BOOT_SECONDS, Ticker())
    finally:
        emulator.kill()
    if fault := boot_fault(emulator, folder, in_time):
        raise NotUp(fault, emulator.log_text())
    unpack_snapshot(folder / "suspended", folder / "snap")
    (folder / "tested").write_text(machine_facts(emulator.log_text()))
    for name in (*(f"{d}.img" for d in disks), *BOOT_FILES):
        (folder / name).unlink()
    (folder / "checksum").write_text(folder_checksum(folder) + "\n")


class NotUp(Broken):
    """The kernel under test did not come up; what the console said is kept."""

    def __init__(self, fault: str, console: str) -> None:
        super().__init__(fault)
        self.console = console


class Ticker:
    """A sign of life while the kernel boots."""

    def __init__(self) -> None:
        self.due = TICK_SECONDS

    def __call__(self, seconds: float) -> None:
        if seconds > self.due:
            print(f"... the kernel boots, {self.due} s", file=sys.stderr, flush=True)
            self.due += TICK_SECONDS


def boot_fault(emulator: Emulator, folder: Path, in_time: bool) -> str:
    """Why the machine cannot be used, in the guest's own words where it has some; empty if it can."""
    log = emulator.log_text()
    ready = re.search(r"READY (\d)", log.replace("READY [0-9]", ""))
    said = "\n".join(guest_reasons(log))
    if not in_time:
        return f"the kernel did not come up within {BOOT_SECONDS} s\n{said or panic_text(emulator)}"
    if ready and ready[1] == "0":
        return f"the machine has no KVM to test: {said or last_lines(log)}"
    if stopped_in_panic(emulator):
        return f"the kernel panicked while it booted\n{panic_text(emulator)}"
    if not ready:
        return f"the kernel did not come up\n{said or panic_text(emulator)}"
    if not (folder / "suspended").exists():
        return f"the emulator could not suspend the machine\n{last_lines(log)}"
    return ""


def keep_console(folder: Path, fault: NotUp) -> Broken:
    """FAULT with the place where all that the console said can be read."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "console-of-last-failure"
    path.write_text(fault.console)
    return Broken(f"{fault}\nall of the console: {path}")


def prepare(args: argparse.Namespace) -> int:
    args.machines.mkdir(parents=True, exist_ok=True)
    folder = args.machines / machine_key(args)
    with open(args.machines / f".{folder.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not intact(folder):
            stale = "the suspended machine is damaged: " if folder.exists() else ""
            print(f"==> {stale}boot the kernel once and suspend it ({BOOT_TIME})", file=sys.stderr, flush=True)
            shutil.rmtree(folder, ignore_errors=True)
            make_machine(args, folder)
    print(folder)
    return 0


def make_machine(args: argparse.Namespace, folder: Path) -> None:
    """Boot in a folder beside FOLDER, which appears when it is complete."""
    with tempfile.TemporaryDirectory(dir=args.machines, prefix=".boot-") as temp:
        place = Path(temp) / "keep"
        place.mkdir()
        try:
            boot(args, place)
        except NotUp as fault:
            raise keep_console(args.machines.parent / "log", fault) from fault
        place.rename(folder)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emulator", type=Path, required=True, help="the hercules program")
    parser.add_argument("--kernel", type=Path, required=True)
    parser.add_argument("--initrd", type=Path, required=True)
    parser.add_argument("--machines", type=Path, required=True, help="folder for suspended machines")
    parser.add_argument("--memory", type=int, default=512, help="MiB")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--ap", type=Path, help="the emulator's module for crypto cards: a machine with them")
    parser.add_argument("--parameters", default="", help="for the kernel, besides those that the machine needs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(guarded(prepare, arguments()))
