# SPDX-License-Identifier: GPL-2.0-only
"""The process between the runner and a target.

It is forked from the runner and is the parent that orphans fall to: when the
target has ended, everything that the job started is found and ended too, also
where the runner was killed.
"""
from __future__ import annotations

import ctypes
import os
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
END_SECONDS = 10  # from SIGTERM, in which a target keeps its console, to SIGKILL
ORPHAN_SECONDS = 0.3  # for what is about to end anyway
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
libc = ctypes.CDLL(None)


class Supervisor:
    """What the forked process does: start the target, wait, clear up, report."""

    def __init__(self, report: int) -> None:
        self.report, self.target, self.cpu, self.ended = report, 0, 0.0, False

    def run(self, command: Sequence[str], out: int, said: int, env: Mapping[str, str]) -> NoReturn:
        code, orphans = 127, ""
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, self.on_term)
            signal.signal(signal.SIGUSR1, self.on_kill)
            signal.signal(signal.SIGALRM, self.on_kill)
            parent = os.getppid()
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
            self.target = os.fork()
            if not self.target:
                self.become(command, out, said, env)
            os.close(out)
            os.close(said)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            if os.getppid() != parent:
                self.on_kill()
            code = self.wait_for_target()
            orphans = self.clear_up()
            os.write(self.report, f"{code} {self.cpu:.2f} {orphans}\n".encode(errors="replace"))
        finally:
            os._exit(0)

    def become(self, command: Sequence[str], out: int, said: int, env: Mapping[str, str]) -> NoReturn:
        try:
            os.setsid()
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(out, 1)
            os.dup2(said, 2)
            for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            os.execvpe(command[0], command, env)
        except OSError as error:
            os.write(2, f"{command[0]}: {error.strerror}\n".encode(errors="replace"))
        finally:
            os._exit(127)

    def signal_target(self, number: int) -> None:
        for send in (os.killpg, os.kill):  # the group is not there until the target has made it
            try:
                return send(self.target, number)
            except OSError:
                continue

    def on_term(self, *_: object) -> None:
        self.ended = True
        self.signal_target(signal.SIGTERM)
        signal.alarm(END_SECONDS)

    def on_kill(self, *_: object) -> None:
        self.ended = True
        self.signal_target(signal.SIGKILL)

    def reap(self, options: int) -> tuple[int, int]:
        pid, status, usage = os.wait4(-1, options)
        if pid:
            self.cpu += usage.ru_utime + usage.ru_stime
        return pid, status

    def wait_for_target(self) -> int:
        while True:
            pid, status = self.reap(0)
            if pid == self.target:
                return os.waitstatus_to_exitcode(status)

    def clear_up(self) -> str:
        """End all that the target left; their names, unless it was told to end."""
        names: list[str] = []
        patience = time.monotonic() + (0 if self.ended else ORPHAN_SECONDS)
        try:
            while True:
                if self.reap(os.WNOHANG)[0]:
                    continue
                if time.monotonic() >= patience:
                    for pid, name in self.orphans():
                        names.append(name)
                        os.kill(pid, signal.SIGKILL)
                time.sleep(0.01)
        except ChildProcessError:
            return "" if self.ended else ", ".join(dict.fromkeys(names))

    @staticmethod
    def orphans() -> list[tuple[int, str]]:
        found, own = [], str(os.getpid()).encode()
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/stat", "rb") as file:
                        head, _, rest = file.read().rpartition(b")")
                except OSError:
                    continue
                state, parent = rest.split()[:2]
                if parent == own and state != b"Z":
                    found.append((int(entry), head.partition(b"(")[2].decode(errors="replace")))
        return found
