# SPDX-License-Identifier: GPL-2.0-only
"""The host's end of the disks over which it talks to an emulated machine.

The layouts are those of chan.h and init.c. An image is a plain file of the
disk's bytes; the machine sees what is written here and the other way round
while both run.
"""
from __future__ import annotations

import argparse
import ctypes
import io
import os
import select
import signal
import subprocess
import sys
import tarfile
import tempfile
import termios
import time
import tty
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

BLOCK = 4096
DISK_BYTES = 512 << 20
DISKS = ("out", "job", "res", "in")
# Beyond the job's own time, for what the machine does before and after it
GRACE_SECONDS = 20
POLL_SECONDS = 0.01
# A machine that goes round in program checks writes 20 MB of log a second
LOG_BYTES = 16 << 20


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

    def close(self) -> None:
        os.close(self.fd)

    def write(self, data: bytes) -> None:
        os.pwrite(self.fd, data, BLOCK + self.total)
        self.total += len(data)
        os.pwrite(self.fd, b"%d\n" % self.total, 0)


def take_results(folder: Path, out: Path) -> None:
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
    if (out / "status").read_text().startswith("unstarted"):
        raise Broken("the job could not be started in the machine: see its console log")


def die_with_parent() -> None:
    """Between fork and exec: no emulator outlives a killed run."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Emulator:
    """An emulator's process in FOLDER, with all that it prints in FOLDER/console."""

    def __init__(self, command: Sequence[str | Path], folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.log = folder / "console"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=dict(os.environ, **(env or {})), preexec_fn=die_with_parent)

    def ended(self) -> bool:
        return self.process.poll() is not None

    def kill(self) -> None:
        if not self.ended():
            self.process.kill()
        self.process.wait()

    def log_text(self) -> str:
        with open(self.log, "rb") as log:
            return log.read(2 * LOG_BYTES).decode(errors="replace")

    def flooding(self) -> bool:
        return self.log.stat().st_size > LOG_BYTES

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False, and killed, if that does not come in time."""
        end = time.monotonic() + seconds
        while not self.ended():
            if time.monotonic() > end or self.flooding():
                self.kill()
                return False
            time.sleep(POLL_SECONDS)
        return True

    def how_ended(self) -> str:
        code = self.process.returncode
        return f"killed by signal {-code}" if code < 0 else f"exit status {code}"


def last_lines(text: str, count: int = 12) -> str:
    return "\n".join(text.strip().splitlines()[-count:])


class RawTerminal:
    """The user's terminal without line discipline, while a shell runs."""

    def __init__(self, wanted: bool) -> None:
        self.saved = termios.tcgetattr(0) if wanted and os.isatty(0) else None

    def __enter__(self) -> RawTerminal:
        if self.saved:
            tty.setraw(0)
        return self

    def __exit__(self, *_: object) -> None:
        if self.saved:
            termios.tcsetattr(0, termios.TCSADRAIN, self.saved)


def pass_input(writer: Writer) -> bool:
    """Pass on what was typed; False at the end of the input."""
    if not select.select([0], [], [], POLL_SECONDS)[0]:
        return True
    data = os.read(0, 4096)
    writer.write(data or b"\x04")
    return bool(data)


def serve(emulator: Emulator, folder: Path, limit: float, shell: bool) -> bool:
    """Pass output and input on until the machine ends; False if LIMIT came first."""
    reader, writer = Reader(folder / "out.img"), Writer(folder / "in.img")
    typing = shell
    end = time.monotonic() + limit if limit else float("inf")
    try:
        while True:
            ended = emulator.ended()
            while data := reader.read():
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            if ended or time.monotonic() > end or emulator.flooding():
                return ended
            if typing:
                typing = pass_input(writer)
            else:
                time.sleep(POLL_SECONDS)
    finally:
        reader.close()
        writer.close()


def run_job(args: argparse.Namespace, start: Callable[[Path], Emulator],
            judge: Callable[[Emulator, Path], None]) -> None:
    """Run args.job in a machine that START makes; JUDGE raises Broken for a bad end."""
    args.out.mkdir(parents=True, exist_ok=True)
    limit = args.timeout + GRACE_SECONDS if args.timeout else 0
    with tempfile.TemporaryDirectory(dir=args.work, prefix="machine-") as temp:
        folder = Path(temp)
        create_disks(folder)
        put_job(folder, args.job, "shell" if args.shell else "run", args.timeout)
        emulator = start(folder)
        try:
            with RawTerminal(args.shell):
                in_time = serve(emulator, folder, limit, args.shell)
        finally:
            emulator.kill()
            (args.out / "console").write_text(emulator.log_text())
        if emulator.flooding():
            raise Broken(f"the machine went round in program checks\n{last_lines(emulator.log_text())}")
        if not in_time:
            raise Broken(f"the machine hung: it did not end within {limit:g} s\n{last_lines(emulator.log_text())}")
        judge(emulator, folder)
        take_results(folder, args.out)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--work", type=Path, required=True, help="folder for running machines")
    parser.add_argument("--job", type=Path, required=True, help="folder with a script: run")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--timeout", type=int, default=0, help="seconds, 0 for none")
    parser.add_argument("--shell", action="store_true", help="connect the terminal to the job")


def guarded(call: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """CALL with signals turned into an orderly end, and failures into exit status 3."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, _: sys.exit(128 + n))
    try:
        return call(args)
    except (Broken, OSError) as error:
        if hasattr(args, "out"):
            (args.out / "broken").write_text(f"{error}\n")
        else:
            print(f"machine: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
