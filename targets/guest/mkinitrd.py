#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""mkinitrd.py: the initial file system of the emulated machine.

Holds init, busybox and the kernel modules that the machine needs, each with
the modules it depends on, as an uncompressed cpio archive (that unpacks fastest)
whose bytes depend on nothing but its contents. It is kept in a folder under its
checksum, so that two runs with different modules never meet. Prints its path.
"""
from __future__ import annotations

import argparse
import gzip
import hashlib
import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

# What the machine itself needs where the kernel has it as a module, with parameters
MODULES: tuple[tuple[str, str], ...] = (
    ("dasd_mod", "dasd=0100-0104"),
    ("dasd_fba_mod", ""),
    ("virtio_ccw", ""),
    ("virtio_blk", ""),
)
# Modules of the emulator's disks do not load under QEMU and the other way round
DISK_MODULES = {"dasd": ("dasd_mod", "dasd_fba_mod"), "vd": ("virtio_ccw", "virtio_blk")}
FOLDERS = ("bin", "dev", "job", "lib", "out", "proc", "sys", "tmp", "etc")
APPLETS = (
    "ash awk basename cat chmod cmp cp cut date dd df dirname dmesg echo env expr false find free"
    " grep head hexdump hostname id insmod kill less ln ls lsmod md5sum mkdir mktemp more mount mv"
    " nproc od printf ps pwd reset rm rmdir rmmod sed seq sh sha256sum sleep sort stat stty sync"
    " sysctl tail tar tee test time timeout top touch tr true umount uname uniq uptime usleep vi wc"
    " which xargs yes"
).split()


class ImageError(Exception):
    """The image cannot be made; the text says why."""


def decompressed(path: Path) -> bytes:
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".zst":
        if not shutil.which("zstd"):
            raise ImageError(f"{path.name} is compressed with zstd: apt-get install zstd")
        return subprocess.run(["zstd", "-dc", path], check=True, stdout=subprocess.PIPE).stdout
    return path.read_bytes()


def without_debug(data: bytes, strip: str | None) -> bytes:
    """A developer's module has tens of megabytes of debug information."""
    if not strip or len(data) < 4 << 20:
        return data
    with tempfile.NamedTemporaryFile() as temp:
        temp.write(data)
        temp.flush()
        subprocess.run([strip, "--strip-debug", temp.name], check=True)
        return Path(temp.name).read_bytes()


def module_files(root: Path) -> Iterator[Path]:
    """Those of unpacked packages, or of a build tree: what it lists, and single ones made later."""
    order = root / "modules.order"
    if not (root / "arch/s390").is_dir():
        yield from sorted(root.rglob("*.ko*"))
        return
    for line in order.read_text().split() if order.exists() else []:
        path = root / line.removeprefix("kernel/")
        yield path.with_suffix(".ko") if path.suffix == ".o" else path
    for folder in ("arch/s390", "drivers/s390", "drivers/block", "drivers/vfio", "drivers/virtio"):
        yield from sorted((root / folder).rglob("*.ko"))


def find_modules(root: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in module_files(root):
        match = re.fullmatch(r"(.+)\.ko(?:\.(?:xz|gz|zst))?", path.name)
        if match and path.is_file():
            found.setdefault(match[1].replace("-", "_"), path)
    return found


def depends(data: bytes) -> list[str]:
    match = re.search(rb"\0depends=([^\0]*)\0", data)
    names = match[1].decode().split(",") if match else []
    return [n.replace("-", "_") for n in names if n]


def with_dependencies(wanted: tuple[str, ...], found: dict[str, Path],
                      strip: str | None) -> dict[str, bytes]:
    """The modules among WANTED that exist, in an order in which they load."""
    loaded: dict[str, bytes] = {}

    def add(name: str) -> None:
        if name in loaded or name not in found:
            return  # built in, or there already
        data = without_debug(decompressed(found[name]), strip)
        for other in depends(data):
            add(other)
        loaded[name] = data

    for name in wanted:
        add(name)
    return loaded


class Cpio:
    """Writer of the "newc" form."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.inode = 0

    def add(self, name: str, mode: int, content: bytes = b"", rdev: tuple[int, int] = (0, 0)) -> None:
        self.inode += 1
        raw = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(content), 0, 0, *rdev, len(raw), 0)
        self.data += b"070701" + b"".join(b"%08X" % f for f in fields) + raw
        self.pad()
        self.data += content
        self.pad()

    def pad(self) -> None:
        self.data += b"\0" * (-len(self.data) % 4)

    def finish(self) -> bytes:
        self.inode = -1
        self.add("TRAILER!!!", 0)
        return bytes(self.data)


def origin(name: str, given: dict[str, Path], own: dict[str, Path]) -> str:
    """As process 1 knows it: guest.h."""
    return "given" if name in given else "own" if name in own else "built"


def build(args: argparse.Namespace) -> bytes:
    found: dict[str, Path] = {}
    for folder in args.modules:  # what the kernel itself has goes first
        for name, path in find_modules(folder).items():
            found.setdefault(name, path)
    given = {name: Path(path) for name, _, path in (text.partition("=") for text in args.given)}
    found.update(given)
    archive = Cpio()
    for folder in FOLDERS:
        archive.add(folder, 0o040755)
    archive.add("dev/console", 0o020600, rdev=(5, 1))
    archive.add("dev/null", 0o020666, rdev=(1, 3))
    archive.add("etc/passwd", 0o100644, b"root:x:0:0:root:/job:/bin/sh\n")
    archive.add("init", 0o100755, args.init.read_bytes())
    archive.add("bin/busybox", 0o100755, args.busybox.read_bytes())
    for applet in APPLETS:
        archive.add(f"bin/{applet}", 0o120777, b"busybox")
    params = dict(MODULES)
    if "ap" in args.devices.split():
        params["dasd_mod"] += ",0ac0"
    for name, _, parameters in (text.partition(":") for text in args.module):
        params[name] = " ".join(filter(None, (params.get(name), parameters)))
    for name in given:
        params.setdefault(name, "")
    wanted = tuple(n for n in params
                   if n not in sum(DISK_MODULES.values(), ()) or n in DISK_MODULES[args.disks])
    modules = with_dependencies(wanted, found, args.strip)
    if args.used:
        args.used.write_text("".join(f"{path}\n" for path in (args.init, args.busybox, *(found[n] for n in modules))))
    for name, data in modules.items():
        archive.add(f"lib/{name}.ko", 0o100644, data)
    own = find_modules(args.modules[0]) if args.modules else {}
    lines = [f"{name}.ko {origin(name, given, own)} {params.get(name, '')}".rstrip() for name in modules]
    archive.add("lib/modules.list", 0o100644, "".join(f"{l}\n" for l in lines).encode())
    return archive.finish()


def keep(parent: Path, image: bytes) -> Path:
    """The file that holds IMAGE, in a folder that is named by it."""
    folder = parent / hashlib.sha256(image).hexdigest()[:16]
    folder.mkdir(exist_ok=True)
    path = folder / "initrd"
    if not path.exists() or path.read_bytes() != image:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".new-", delete=False) as temp:
            temp.write(image)
        os.replace(temp.name, path)
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--init", type=Path, required=True, help="static program, process 1")
    parser.add_argument("--busybox", type=Path, required=True, help="static busybox")
    parser.add_argument("--modules", type=Path, action="append", default=[],
                        help="folder with modules below it, or a build tree; another one for what that lacks")
    parser.add_argument("--module", action="append", default=[], metavar="NAME[:PARAMETERS]",
                        help="one that the tests need")
    parser.add_argument("--given", action="append", default=[], metavar="NAME=FILE",
                        help="take this module instead of the one of that name")
    parser.add_argument("--devices", default="", help="what the machine has that others have not")
    parser.add_argument("--disks", choices=sorted(DISK_MODULES), required=True)
    parser.add_argument("--strip", help="a strip program for modules with debug information")
    parser.add_argument("--used", type=Path, help="write the names of the files that were used")
    parser.add_argument("folder", type=Path, help="where images are kept")
    args = parser.parse_args()
    try:
        print(keep(args.folder, build(args)))
    except (ImageError, OSError, lzma.LZMAError, subprocess.CalledProcessError) as error:
        print(f"mkinitrd: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
