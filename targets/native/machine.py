#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""machine.py: run one job on this host itself.

  machine.py run [--program] JOB OUT SECONDS   run it
  machine.py tested                            what this host is

Whatever the job starts ends with it: this process is what orphans are given to, so
a daemon that a test leaves behind is found and killed. The kernel's log is read from
a saved position of /dev/kmsg, which says when lines were lost.
"""
from __future__ import annotations

import argparse
import ctypes
import os
import re
import signal
import subprocess
import time
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
POLL_SECONDS = 0.01
TAINT = Path("/proc/sys/kernel/tainted")


class KernelLog:
    """The kernel's log from the moment at which this is made."""

    def __init__(self, out: Path) -> None:
        self.out, self.lines, self.lost, self.fd = out, [], "", -1
        try:
            self.fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.lseek(self.fd, 0, os.SEEK_END)
        except OSError as error:
            self.lost = f"this user may not read the kernel's log: /dev/kmsg: {error.strerror}"

    def take(self) -> None:
        while self.fd >= 0:
            try:
                record = os.read(self.fd, 8192).decode(errors="replace")
            except BlockingIOError:
                return
            except BrokenPipeError:
                self.lost = "the kernel said more than its log holds"
                continue
            except OSError as error:
                self.lost = f"/dev/kmsg: {error.strerror}"
                return
            head, _, text = record.partition(";")
            text = re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), text.split("\n")[0])
            us = int(head.split(",")[2]) if head.count(",") >= 2 else 0
            self.lines.append(f"[{us // 1000000:5}.{us % 1000000:06}] {text}\n")

    def save(self) -> None:
        self.take()
        (self.out / "dmesg").write_text("".join(self.lines))
        if self.lost:
            (self.out / "log_lost").write_text(self.lost + "\n")


def kvm() -> str:
    """Which KVM answers here: of a loaded module its id, where it has one."""
    module = Path("/sys/module/kvm")
    if not Path("/dev/kvm").exists():
        return "none"
    if not (module / "initstate").exists():
        return "builtin"
    try:
        if (module / "srcversion").exists():
            return f"module {(module / 'srcversion').read_text().strip()}"
        return f"module {(module / 'notes/.note.gnu.build-id').read_bytes()[16:].hex()}"
    except OSError:
        return "host"


def memory() -> int:
    total = re.search(r"^MemTotal: *(\d+)", Path("/proc/meminfo").read_text(), re.M)
    return int(total[1]) >> 10 if total else 0


def tested() -> str:
    return (f"release {os.uname().release}\nkvm {kvm()}\ncpus {len(os.sched_getaffinity(0))}\n"
            f"memory {memory()}\n")


def descendants(all_of_them: bool = True) -> list[int]:
    """All that this process and its children have started and that still lives; or but for
    restorers, which put back what a test has changed of the host, and end by themselves."""
    parents: dict[int, list[int]] = {}
    restorers: set[int] = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = path.read_text(errors="replace").split(" (", 1)
            state, parent = rest.rpartition(") ")[2].split()[:2]
        except (OSError, ValueError):
            continue
        if state != "Z":
            parents.setdefault(int(parent), []).append(int(pid))
            if rest.startswith("restorer) "):
                restorers.add(int(pid))
    found, new = [], [os.getpid()]
    while new:
        children = parents.get(new.pop(), [])
        found += children
        new += children
    return found if all_of_them else [pid for pid in found if pid not in restorers]


def end_all() -> None:
    """Kill and reap until nothing is left; what a fork bomb makes meanwhile goes with the next turn."""
    end = time.monotonic() + 10
    while descendants() and time.monotonic() < end:
        for pid in descendants(time.monotonic() > end - 5):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(POLL_SECONDS)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass


def start(job: Path, program: bool) -> subprocess.Popen[bytes]:
    def alone() -> None:
        os.setsid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    return subprocess.Popen(["sh", "./run"], cwd=job, stdin=None if program else subprocess.DEVNULL,
                            stderr=None if program else subprocess.STDOUT, preexec_fn=alone)


def wait(process: subprocess.Popen[bytes], seconds: int, log: KernelLog) -> str:
    end = time.monotonic() + seconds if seconds else float("inf")
    while process.poll() is None:
        if time.monotonic() > end:
            return f"timeout {seconds}"
        log.take()
        time.sleep(POLL_SECONDS)
    code = process.returncode
    return f"signal {-code}" if code < 0 else f"exit {code}"


def stop(number: int, _: object) -> None:
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    end_all()
    os._exit(128 + number)


def run(args: argparse.Namespace) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    log = KernelLog(args.out)
    (args.out / "tested").write_text(tested())
    (args.out / "taint_before").write_text(TAINT.read_text())
    status = wait(start(args.job, args.program), args.seconds, log)
    end_all()
    log.save()
    (args.out / "taint_after").write_text(TAINT.read_text())
    (args.out / "status").write_text(status + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("tested").set_defaults(call=lambda _: print(tested(), end=""))
    sub = verbs.add_parser("run")
    sub.add_argument("job", type=Path)
    sub.add_argument("out", type=Path)
    sub.add_argument("seconds", type=int)
    sub.add_argument("--program", action="store_true", help="with input, and errors apart")
    sub.set_defaults(call=run)
    args = parser.parse_args()
    args.call(args)


if __name__ == "__main__":
    main()
