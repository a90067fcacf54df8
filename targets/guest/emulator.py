# SPDX-License-Identifier: GPL-2.0-only
"""An emulated machine that runs one job: its process, its streams, its end."""
from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from pathlib import Path

from disks import DISKS, Broken, Reader, Writer, create_disks, put_job, take_results

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence
    from typing import BinaryIO

# How many times as long the kernel under test may take: docs/targets.md
SLOW = int(os.environ.get("SLOW") or 1)
# Beyond the job's own time, for what the machine does before and after it
GRACE_SECONDS = 20 * SLOW
POLL_SECONDS = 0.01
# A machine that goes round in program checks writes 20 MB of log a second
LOG_BYTES = 16 << 20
LEAVE = b"\x1d"  # Ctrl-]: leaves the shell whatever the machine does


class Left(Exception):
    """The user has left the shell."""


def become(command: Sequence[str | Path], folder: Path, env: Mapping[str, str], log: int) -> None:
    """In the child: the emulator, that outlives no killed run and inherits nothing but its log."""
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execvpe(command[0], [str(word) for word in command], env)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


class Emulator:
    """An emulator's process in FOLDER, with all that it prints in FOLDER/console."""

    def __init__(self, command: Sequence[str | Path], folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.log = folder / "console"
        self.returncode: int | None = None
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        self.pid = os.fork()  # subprocess is slow to import
        if not self.pid:
            become(command, folder, {**os.environ, **(env or {})}, log)
        os.close(log)

    def wait_for(self, options: int) -> None:
        pid, status = os.waitpid(self.pid, options)
        if pid:
            self.returncode = os.waitstatus_to_exitcode(status)

    def ended(self) -> bool:
        if self.returncode is None:
            self.wait_for(os.WNOHANG)
        return self.returncode is not None

    def kill(self) -> None:
        if not self.ended():
            os.kill(self.pid, signal.SIGKILL)
            self.wait_for(0)

    def log_text(self) -> str:
        with open(self.log, "rb") as log:
            return log.read(2 * LOG_BYTES).decode(errors="replace")

    def flooding(self) -> bool:
        return self.log.stat().st_size > LOG_BYTES

    def wait(self, seconds: float, tick: Callable[[float], None] = lambda _: None) -> bool:
        """Wait for its end; False, and killed, if that does not come in time."""
        begin = time.monotonic()
        while not self.ended():
            if time.monotonic() > begin + seconds or self.flooding():
                self.kill()
                return False
            tick(time.monotonic() - begin)
            time.sleep(POLL_SECONDS)
        return True

    def how_ended(self) -> str:
        code = self.returncode or 0
        return f"killed by signal {-code}" if code < 0 else f"exit status {code}"


def last_lines(text: str, count: int = 12) -> str:
    return "\n".join(text.strip().splitlines()[-count:])


def guest_reasons(console: str) -> list[str]:
    """What process 1 says of why the machine cannot be used, and the kernel's lines with it."""
    import re
    lines = re.findall(r"^(?:init: .*|\[ *\d+\.\d+\] .*)$", console.replace("\r", ""), re.M)
    return [line.removeprefix("init: ") for line in lines]


def machine_facts(console: str) -> str:
    """What process 1 says of the machine, as in its file "tested"."""
    import re
    return "".join(f"{line}\n" for line in re.findall(r"^TESTED (.*)$", console.replace("\r", ""), re.M))


class RawTerminal:
    """The user's terminal without line discipline, while a shell runs."""

    def __init__(self, wanted: bool) -> None:
        self.saved = None
        if wanted and os.isatty(0):
            import termios
            self.saved = termios.tcgetattr(0)

    def __enter__(self) -> RawTerminal:
        if self.saved:
            import tty
            tty.setraw(0)
        return self

    def __exit__(self, *_: object) -> None:
        if self.saved:
            import termios
            termios.tcsetattr(0, termios.TCSADRAIN, self.saved)


class Input:
    """What is typed, or piped in, on its way to the machine."""

    def __init__(self, writer: Writer, mode: str) -> None:
        self.writer, self.terminal, self.open = writer, mode == "shell", mode != "run"

    def pump(self) -> None:
        """Pass on what there is; wait a moment if there is nothing."""
        if not self.open:
            time.sleep(POLL_SECONDS)
            return
        if not select.select([0], [], [], POLL_SECONDS)[0]:
            return
        data = os.read(0, 65536)
        if self.terminal and LEAVE in data:
            raise Left
        if data:
            self.writer.write(data)
            return
        self.open = False
        if self.terminal:
            self.writer.write(b"\x04")
        else:
            self.writer.end()


def copy(reader: Reader, to: BinaryIO) -> None:
    while data := reader.read():
        to.write(data)
        to.flush()


def serve(emulator: Emulator, streams: Mapping[Reader, BinaryIO], source: Input, limit: float) -> bool:
    """Pass output and input on until the machine ends; False if LIMIT came first."""
    end = time.monotonic() + limit if limit else float("inf")
    while True:
        ended = emulator.ended()
        for reader, to in streams.items():
            copy(reader, to)
        if ended or time.monotonic() > end or emulator.flooding():
            return ended
        source.pump()


def serve_whole(emulator: Emulator, folder: Path, args: RunArguments,
                judge: Callable[[Emulator, Path], None]) -> None:
    """Serve until the machine has ended as it should; raises Broken if it has not."""
    limit = args.timeout + GRACE_SECONDS if args.timeout else 0
    streams: dict[Reader, BinaryIO] = {Reader(folder / "out.img"): sys.stdout.buffer,
                                       Reader(folder / "err.img"): sys.stderr.buffer}
    try:
        with RawTerminal(args.mode == "shell"):
            in_time = serve(emulator, streams, Input(Writer(folder / "in.img"), args.mode), limit)
    finally:
        emulator.kill()
        (args.out / "console").write_text(emulator.log_text())
    if emulator.flooding():
        raise Broken(f"the machine went round in program checks\n{last_lines(emulator.log_text())}")
    if not in_time:
        raise Broken(f"the machine hung: it did not end within {limit:g} s\n{last_lines(emulator.log_text())}")
    judge(emulator, folder)
    for reader in streams:
        reader.verify()


def run_job(args: RunArguments | argparse.Namespace, start: Callable[[Path], Emulator],
            judge: Callable[[Emulator, Path], None], more_disks: tuple[str, ...] = ()) -> None:
    """Run args.job in a machine that START makes; JUDGE raises Broken for a bad end."""
    args.out.mkdir(parents=True, exist_ok=True)
    folder = args.work / f"machine-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir()
    try:
        create_disks(folder, (*DISKS, *more_disks))
        put_job(folder, args.job, args.mode, args.timeout)
        try:
            serve_whole(start(folder), folder, args, judge)
        except Left:
            (args.out / "status").write_text("exit 0\n")
            return
        take_results(folder, args.out)
    finally:
        import shutil
        shutil.rmtree(folder, ignore_errors=True)


class RunArguments:
    """What a target is told of a job; as add_run_arguments() has it."""

    def __init__(self, work: Path, job: Path, out: Path, timeout: int, mode: str) -> None:
        self.work, self.job, self.out, self.timeout, self.mode = work, job, out, timeout, mode


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--work", type=Path, required=True, help="folder for running machines")
    parser.add_argument("--job", type=Path, required=True, help="folder with a script: run")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--timeout", type=int, default=0, help="seconds, 0 for none")
    parser.add_argument("--mode", choices=("run", "exec", "shell"), default="run",
                        help="exec: with input, and errors apart; shell: connect the terminal")


def stop(number: int, _: object) -> None:
    """The first signal ends the machine in order; a second must not disturb that."""
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    sys.exit(128 + number)


def guarded(call: Callable[..., int], args: RunArguments | argparse.Namespace) -> int:
    """CALL with signals turned into an orderly end, and failures into exit status 3."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        return call(args)
    except (Broken, OSError) as error:
        if hasattr(args, "out"):
            (args.out / "broken").write_text(f"{error}\n")
        else:
            print(f"machine: {error}", file=sys.stderr)
        return 3
