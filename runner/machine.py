# SPDX-License-Identifier: GPL-2.0-only
"""The protocol with a target program (docs/targets.md): one job, one process, what it leaves."""
from __future__ import annotations

import os
import re
import signal
import sys
import time

from judge import Evidence
from ktap import Reader
from supervisor import SIGNALS, Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import BinaryIO

    from shape import Note

OUTPUT_LIMIT = 16 << 20
LEFT_LIMIT = 64 << 20  # of a file in OUT
CLOCK_STEP = 2  # seconds: what is less, time services do all day
KEPT = ("console", "dmesg", "boot")
READ = ("status", "dmesg", "taint_before", "taint_after", "log_lost", "tested", "skip", "broken")


def clock_offset() -> float:
    """It changes where the host's clock is set, or the host sleeps."""
    return time.time() - time.monotonic()


def close_on_exec() -> None:
    """No file of this process, a shell's lock for one, is any target's business."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.set_inheritable(int(name), False)
            except OSError:
                pass


def children(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def cpu_seconds(pid: int) -> float | None:
    """What PID and all below it have used so far."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    ticks = sum(int(n) for n in fields[11:15])
    below = [cpu_seconds(child) for child in children(pid)]
    return ticks / os.sysconf("SC_CLK_TCK") + sum(c for c in below if c is not None)


def job_script(name: str, arguments: Sequence[str], storm: int) -> str:
    words = " ".join("'" + a.replace("'", "'\\''") + "'" for a in arguments)
    if not storm:
        return f"exec ./{name} {words}\n"
    return (f"sh ./storm.sh {name} {storm} &\nstorm=$!\n./{name} {words}\nrc=$?\n"
            "kill $storm\nwait $storm\nexit $rc\n")


def storm_notes(log: str) -> list[Note]:
    """What a storm said of the machine's memory, round by round."""
    notes: list[Note] = []
    for number, free, slab in re.findall(r"soak: round (\d+), (\d+) KiB available, (\d+) KiB in slabs", log):
        notes.append({"name": f"available_{number}", "value": float(free), "unit": "KiB"})
        notes.append({"name": f"slabs_{number}", "value": float(slab), "unit": "KiB"})
    return notes


class Job:
    """One process of a test in a machine of its own."""

    def __init__(self, place: str, kept: str) -> None:
        self.place, self.kept = place, kept  # a folder of its own; the path of what is kept, without suffix
        self.started, self.offset = time.monotonic(), clock_offset()
        self.evidence = Evidence()
        self.files: list[str] = []
        self.pid = self.out = self.report = -1
        self.reported = b""
        self.size = 0
        self.killed = False
        self.ktap: BinaryIO | None = None
        self.reader = Reader(self.started, self.cpu)
        self.cpu_seconds: float | None = None

    def cpu(self) -> float | None:
        return cpu_seconds(self.pid) if self.pid > 0 else 0.0

    def prepare(self, suite: str, name: str, arguments: Sequence[str], storm: int) -> None:
        """The folders of docs/targets.md: JOB with the test in it, OUT empty."""
        job = os.path.join(self.place, "job")
        os.makedirs(os.path.dirname(os.path.join(job, name)))
        os.mkdir(os.path.join(self.place, "out"))
        source, target = os.path.join(suite, name), os.path.join(job, name)
        try:
            os.link(source, target)
        except OSError:
            import shutil
            shutil.copy2(source, target)
        with open(os.path.join(job, "run"), "w", encoding="utf-8", errors="surrogateescape") as script:
            script.write(job_script(name, arguments, storm))
        if storm:
            import shutil
            shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "storm.sh"), job)
        os.makedirs(os.path.dirname(self.kept), exist_ok=True)
        self.ktap = open(f"{self.kept}.ktap", "wb")
        self.files.append("ktap")

    def start(self, target: str, seconds: int, env: Mapping[str, str]) -> None:
        command = [target, "run", os.path.join(self.place, "job"), os.path.join(self.place, "out"), str(seconds)]
        said = os.open(os.path.join(self.place, "target"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self.out, out = os.pipe()
        self.report, report = os.pipe()
        sys.stdout.flush()
        self.started = time.monotonic()
        # Until the supervisor has handlers of its own, it must not run the runner's
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            self.pid = os.fork()
            if not self.pid:
                Supervisor(report).run(command, out, said, env)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            for fd in (out, report, said):
                os.close(fd)
        os.set_blocking(self.out, False)

    def read(self) -> bytes | None:
        """What has come; None if nothing has, empty at the end of the output."""
        try:
            data = os.read(self.out, 1 << 16)
        except BlockingIOError:
            return None
        self.size += len(data)
        if self.ktap and data:
            self.ktap.write(data)
            self.ktap.flush()
        if self.size > OUTPUT_LIMIT:
            self.end(f"it printed more than {OUTPUT_LIMIT >> 20} MiB")
            return b""
        return data

    def end(self, why: str) -> None:
        """End the target in order, because of WHY."""
        self.evidence.error = self.evidence.error or why
        if not self.killed:
            self.killed = True
            self.signal(signal.SIGTERM)

    def signal(self, number: int) -> None:
        if self.pid > 0:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass

    def ended(self) -> bool:
        """Take the supervisor's report; True at its end."""
        data = os.read(self.report, 4096)
        self.reported += data
        return not data

    def close(self) -> None:
        for fd in (self.out, self.report):
            if fd >= 0:
                os.close(fd)
        self.out = self.report = -1
        if self.ktap:
            self.ktap.close()
            self.ktap = None

    def remove(self) -> None:
        """What the job had for itself while it lasted."""
        import shutil
        shutil.rmtree(self.place, ignore_errors=True)

    def collect(self) -> None:
        """After the end: the evidence, and the files that are kept."""
        if self.pid > 0:
            os.waitpid(self.pid, 0)
            self.pid = 0
        evidence = self.evidence
        code, _, rest = self.reported.decode(errors="replace").strip().partition(" ")
        cpu, _, evidence.orphans = rest.partition(" ")
        if not cpu:
            evidence.error = evidence.error or "the process that watches the target was killed"
        else:
            evidence.code, self.cpu_seconds = int(code), float(cpu)
        out = os.path.join(self.place, "out")
        for name in sorted(os.listdir(out)):
            if name not in READ and name not in KEPT:
                continue
            data = self.left(os.path.join(out, name))
            if name in READ:
                evidence.left[name] = data.decode(errors="replace")
            if name in KEPT:
                with open(f"{self.kept}.{name}", "wb") as file:
                    file.write(data)
                self.files.append(name)
        evidence.said = self.left(os.path.join(self.place, "target")).decode(errors="replace").strip()
        evidence.error = evidence.error or self.clock_fault()

    def clock_fault(self) -> str:
        """Why a limit of time proves nothing: the machine's clock, which follows this host's, has jumped."""
        how, _, limit = self.evidence.text("status").partition(" ")
        if how == "timeout" and limit.isdecimal() and (passed := time.monotonic() - self.started) < int(limit) - 1:
            return (f"the machine's clock jumped: {limit} s by it were {passed:.0f} s by that of this host, "
                    "which was set, or slept; run it again")
        moved = clock_offset() - self.offset
        hung = self.evidence.text("broken").partition("\n")[0]
        if "hung" not in hung or abs(moved) < CLOCK_STEP:
            return ""
        return f"{hung}; this host's clock was set by {moved:+.0f} s meanwhile, and the machine's with it: run it again"

    def left(self, path: str) -> bytes:
        with open(path, "rb") as file:
            data = file.read(LEFT_LIMIT + 1)
        if len(data) > LEFT_LIMIT:
            self.evidence.error = f"the target left more than {LEFT_LIMIT >> 20} MiB in {os.path.basename(path)}"
        return data[:LEFT_LIMIT]

    def tested(self) -> dict[str, str]:
        """What the machine says was tested."""
        pairs = (line.strip().partition(" ") for line in self.evidence.text("tested").split("\n"))
        return {key: value for key, _, value in pairs if value}
