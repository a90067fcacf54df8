# SPDX-License-Identifier: GPL-2.0-only
"""The host's end of the disks over which it talks to an emulated machine.

The layouts are those of chan.h and init.c. An image is a plain file of the
disk's bytes; the machine sees what is written here and the other way round
while both run. Every stream has a checksum and an end: what the machine wrote
and what arrived here are the same, or the run is broken.
"""
from __future__ import annotations

import io
import os
import re
import tarfile
import zlib
from pathlib import Path

BLOCK = 4096
DISK_BYTES = 512 << 20
DISKS = ("out", "job", "res", "in", "err")
# Without one of them nothing can be said of the job
REQUIRED = ("status", "tested", "dmesg", "taint_before", "taint_after")
HEAD = re.compile(rb"(\d{1,12}) ([0-9a-f]{8})( end)?\n")


class Broken(Exception):
    """The machine, not the job in it, failed. First line: what; rest: evidence."""


def create_disks(folder: Path, names: tuple[str, ...] = DISKS) -> None:
    for name in names:
        with open(folder / f"{name}.img", "wb") as image:
            image.truncate(DISK_BYTES)


def put_job(folder: Path, job: Path, mode: str, seconds: int) -> None:
    """Store the folder JOB as what the machine is to run."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(job.iterdir()):
            tar.add(path, path.name)
    data = packed.getbuffer()
    if len(data) > DISK_BYTES - BLOCK:
        raise Broken(f"the job has {len(data) >> 20} MiB, the machine's disk {DISK_BYTES >> 20} MiB")
    with open(folder / "job.img", "r+b") as image:
        image.seek(BLOCK)
        image.write(data)
        image.seek(0)
        image.write(b"JOB %s %d %d %08x\n\0" % (mode.encode(), seconds, len(data), zlib.crc32(data)))


class Reader:
    """Follows what the machine writes to a disk."""

    def __init__(self, image: Path) -> None:
        self.name = image.stem
        self.fd = os.open(image, os.O_RDONLY | os.O_CLOEXEC)
        self.done = self.crc = 0

    def close(self) -> None:
        os.close(self.fd)

    def head(self) -> tuple[int, int, bool]:
        """Bytes, checksum, and whether the machine has ended the stream."""
        match = HEAD.match(os.pread(self.fd, 64, 0))
        return (int(match[1]), int(match[2], 16), bool(match[3])) if match else (0, 0, False)

    def read(self) -> bytes:
        """What has come since the last call, at most 1 MiB."""
        total = self.head()[0]
        data = os.pread(self.fd, min(total - self.done, 1 << 20), BLOCK + self.done) if total > self.done else b""
        self.done += len(data)
        self.crc = zlib.crc32(data, self.crc)
        return data

    def verify(self) -> None:
        """Did all arrive that the machine wrote?"""
        total, crc, ended = self.head()
        if not ended:
            raise Broken(f"results lost: the machine's disk \"{self.name}\" has no end: is this host's disk full?")
        if (total, crc) != (self.done, self.crc):
            raise Broken(f"results lost: {self.done} bytes of checksum {self.crc:08x} arrived on the disk"
                         f" \"{self.name}\", the machine wrote {total} of {crc:08x}: was this host's disk full?")


class Writer:
    """Appends to what the machine reads from a disk."""

    def __init__(self, image: Path) -> None:
        self.fd = os.open(image, os.O_WRONLY | os.O_CLOEXEC)
        self.total = self.crc = 0

    def close(self) -> None:
        os.close(self.fd)

    def put_head(self, end: bytes = b"") -> None:
        os.pwrite(self.fd, b"%d %08x%s\n" % (self.total, self.crc, end), 0)

    def write(self, data: bytes) -> None:
        os.pwrite(self.fd, data, BLOCK + self.total)
        self.total += len(data)
        self.crc = zlib.crc32(data, self.crc)
        self.put_head()

    def end(self) -> None:
        self.put_head(b" end")


def take_results(folder: Path, out: Path) -> None:
    """Unpack what the machine has sent into OUT; it must be whole."""
    reader = Reader(folder / "res.img")
    data = b""
    while part := reader.read():
        data += part
    try:
        reader.verify()
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                name = Path(member.name).name
                content = tar.extractfile(member) if member.isfile() else None
                if content and name:
                    (out / name).write_bytes(content.read())
    except tarfile.TarError as error:
        raise Broken(f"results lost: the machine sent {len(data)} bytes that are no archive: {error}") from error
    finally:
        reader.close()
    missing = [name for name in REQUIRED if not (out / name).exists()]
    if missing:
        raise Broken(f"results lost: the machine ended without {', '.join(missing)}")
    if (out / "lost").exists():
        raise Broken(f"results lost: output could not be written: {(out / 'lost').read_text().strip()}")
    if (out / "status").read_text().startswith("unstarted"):
        raise Broken("the job could not be started in the machine: see its console log")
