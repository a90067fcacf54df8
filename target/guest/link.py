# SPDX-License-Identifier: GPL-2.0-only
"""The host's end of the disks over which it talks to an emulated machine.

The layouts are those of chan.h and init.c. An image is a plain file of the
disk's bytes; the machine sees what is written here and the other way round
while both run.
"""
from __future__ import annotations

import io
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

BLOCK = 4096
DISK_BYTES = 512 << 20
DISKS = ("out", "job", "res", "in")
# Beyond the job's own time, for what the machine does before and after it
GRACE_SECONDS = 20


class Broken(Exception):
    """The machine, not the job in it, failed. First line: what; rest: evidence."""


def create_disks(folder: Path) -> None:
    for name in DISKS:
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
        image.write(b"JOB %s %d %d\n\0" % (mode.encode(), seconds, len(data)))


class Reader:
    """Follows what the machine writes to a disk."""

    def __init__(self, image: Path) -> None:
        self.fd = os.open(image, os.O_RDONLY | os.O_CLOEXEC)
        self.done = 0

    def close(self) -> None:
        os.close(self.fd)

    def read(self) -> bytes:
        """What has come since the last call, at most 1 MiB."""
        head = os.pread(self.fd, 32, 0).split(b"\n")[0]
        total = int(head) if head.isdigit() else 0
        data = os.pread(self.fd, min(total - self.done, 1 << 20), BLOCK + self.done) if total > self.done else b""
        self.done += len(data)
        return data


class Writer:
    """Appends to what the machine reads from a disk."""

    def __init__(self, image: Path) -> None:
        self.fd = os.open(image, os.O_WRONLY | os.O_CLOEXEC)
        self.total = 0

    def write(self, data: bytes) -> None:
        os.pwrite(self.fd, data, BLOCK + self.total)
        self.total += len(data)
        os.pwrite(self.fd, b"%d\n" % self.total, 0)


@dataclass
class Results:
    """What the machine left of a job."""

    status: str  # "exit 0", "signal 11", "timeout 60"


def take_results(folder: Path, out: Path) -> Results:
    """Unpack what the machine has sent into OUT; it must be whole."""
    reader = Reader(folder / "res.img")
    data = b""
    while part := reader.read():
        data += part
    reader.close()
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                name = Path(member.name).name
                content = tar.extractfile(member) if member.isfile() else None
                if content and name:
                    (out / name).write_bytes(content.read())
    except tarfile.TarError as error:
        raise Broken(f"results lost: the machine sent {len(data)} bytes that are no archive: {error}") from error
    if not (out / "status").exists():
        raise Broken("results lost: the machine ended without the job's status")
    if (out / "lost").exists():
        raise Broken(f"results lost: output could not be written: {(out / 'lost').read_text().strip()}")
    status = (out / "status").read_text().strip()
    if status.startswith("unstarted"):
        raise Broken("the job could not be started in the machine: see its console log")
    return Results(status)
