#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""shell.py ROOT FOLDER: ./run.sh --shell's end of a terminal, without an emulator.

Runs targets/guest/emulator.py in a terminal of its own with a process of this file in the
emulator's place, which does to the disks what the machine does: it gives back what is
typed, in capitals, and ends at "exit".
"""
from __future__ import annotations

import argparse
import io
import os
import pty
import select
import sys
import tarfile
import termios
import time
from pathlib import Path

ROOT = Path(sys.argv[1])
sys.path.insert(0, str(ROOT / "targets/guest"))
import disks  # noqa: E402
import emulator  # noqa: E402


def machine() -> None:
    """In the emulator's place, in a folder with the disks."""
    here = Path()
    typed, out, err = disks.Reader(here / "in.img"), disks.Writer(here / "out.img"), disks.Writer(here / "err.img")
    text = b""
    while b"exit" not in text:
        if part := typed.read():
            text += part
            out.write(part.upper())
        time.sleep(0.01)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in disks.REQUIRED:
            info = tarfile.TarInfo(name)
            info.size = 7
            tar.addfile(info, io.BytesIO(b"exit 5\n"))
    results = disks.Writer(here / "res.img")
    results.write(packed.getvalue())
    for writer in (out, err, results):
        writer.end()


def target(folder: Path) -> int:
    """What a target's "shell" does."""
    args = argparse.Namespace(job=folder / "job", out=folder / "out", work=folder, timeout=0, mode="shell")

    def run(args: argparse.Namespace) -> int:
        command = [sys.executable, Path(__file__).resolve(), ROOT, "machine"]
        emulator.run_job(args, lambda place: emulator.Emulator(command, place), lambda *_: None)
        return 0
    return emulator.guarded(run, args)


class Terminal:
    """A user before a terminal in which a target runs."""

    def __init__(self, folder: Path) -> None:
        for name in ("job", "out"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "job/run").write_text("")
        self.text = b""
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os._exit(target(folder))

    def type(self, data: bytes) -> None:
        os.write(self.fd, data)

    def sees(self, data: bytes, seconds: float = 15) -> None:
        end = time.monotonic() + seconds
        while data not in self.text:
            assert time.monotonic() < end, f"{data!r} did not come, but {self.text!r}"
            if select.select([self.fd], [], [], 0.1)[0]:
                self.text += os.read(self.fd, 4096)

    def flags(self) -> int:
        return termios.tcgetattr(self.fd)[3]

    def ended(self) -> int:
        before = time.monotonic()
        while time.monotonic() < before + 15:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.05)
        raise AssertionError("the shell did not end")


def main(folder: Path) -> None:
    user = Terminal(folder / "one")
    time.sleep(1)
    user.type(b"echo one\r")
    user.sees(b"ECHO ONE")
    assert not user.flags() & termios.ECHO, "the terminal is not raw"
    user.type(b"\x03two")
    user.sees(b"TWO")
    user.type(b"exit\r")
    assert user.ended() == 0
    assert (folder / "one/out/status").read_text() == "exit 5\n"

    user = Terminal(folder / "two")
    time.sleep(1)
    user.type(b"a")
    user.sees(b"A")
    user.type(emulator.LEAVE)
    assert user.ended() == 0
    assert user.flags() & termios.ECHO, "the terminal stays raw"

    user = Terminal(folder / "three")
    time.sleep(1)
    user.type(b"b")
    user.sees(b"B")
    os.kill(user.pid, 15)
    assert user.ended() == 143
    assert user.flags() & termios.ECHO, "the terminal stays raw"
    assert b"Traceback" not in user.text, user.text


if __name__ == "__main__":
    if sys.argv[2] == "machine":
        machine()
    else:
        main(Path(sys.argv[2]))
