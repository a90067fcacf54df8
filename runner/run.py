# SPDX-License-Identifier: GPL-2.0-only
"""A run: tasks go to machines, their results come back, and everything is kept as it comes."""
from __future__ import annotations

import os
import select
import signal
import time

import expected
import judge
import results
import schedule
from machine import Job, close_on_exec, storm_notes
from progress import Progress
from show import ReaderGone, Show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract import Clause
    from family import Families
    from options import Options
    from reserve import Reserve
    from schedule import Task
    from shape import Document, Line, Test

TARGET_GRACE = 60  # for a target that does not keep the limit itself
SETTLE_GRACE = 60  # between a test's last line and its end, at most
STOP_SECONDS = 15  # for all targets to end, when the run is interrupted


class Run:
    def __init__(self, options: Options, tasks: Sequence[Task], families: Families, document: Document,
                 costs: schedule.Costs, reserve: Reserve) -> None:
        self.options, self.families, self.document, self.costs = options, families, document, costs
        self.reserve, self.full = reserve, False
        self.waiting = list(reversed(tasks))
        self.whole = not options.arguments
        self.tests: dict[str, Progress] = {}
        for test in document["tests"]:
            name = test["name"]
            self.tests[name] = Progress(test, schedule.identity(options.suite, name), options,
                                        families.get(name, "isolation") == "line")
        for task in tasks:
            self.tests[task.name].pending += 1
        self.running: dict[Job, Task] = {}
        self.files: dict[int, tuple[Job, bool]] = {}  # file descriptor -> job, is it its report
        self.poll = select.poll()
        self.started = time.monotonic()
        self.show = Show(options.tap, options.verbose, [test["name"] for test in document["tests"]])
        self.clauses: dict[str, Clause] | None = None
        self.wanted = expected.Wanted(options, self.whole)
        self.signals: list[int] = []
        self.wake, waker = os.pipe()
        os.set_blocking(waker, False)
        self.poll.register(self.wake, select.POLLIN)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        close_on_exec()

    # ---------------------------------------------------------- signals

    def catch_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup means it
                signal.signal(number, self.on_signal)

    def on_signal(self, number: int, _: object) -> None:
        self.signals.append(number)
        if len(self.signals) > 1:
            for job in self.running:
                job.signal(signal.SIGUSR1)

    # ------------------------------------------------------------- jobs

    def elapsed(self) -> float:
        return round(time.monotonic() - self.started, 3)

    def timeout(self, name: str) -> int:
        return self.options.timeout or self.options.slow * self.families.number(name, "timeout")

    def start(self, task: Task) -> None:
        progress = self.tests[task.name]
        progress.test["verdict"] = results.RUNNING
        place = os.path.join(self.options.work, f"job-{os.getpid()}-{time.monotonic_ns()}")
        suffix = f".{task.lines}" if task.lines else ""
        job = Job(place, os.path.join(self.options.results, task.name + suffix))
        progress.paths[task.first] = f"{job.kept}.ktap"
        moments = self.document["run"]["moments"]
        if moments["first_job"] is None:
            moments["first_job"] = self.elapsed()
        self.running[job] = task
        try:
            os.mkdir(place)
            arguments = [*(["--lines", task.lines] if task.lines else []), *self.options.arguments]
            job.prepare(self.options.suite, task.name, arguments, self.options.storm)
            job.start(self.options.target, self.timeout(task.name), self.environment(task.name))
        except OSError as error:
            job.evidence.error = f"it could not be started: {error.strerror}: {error.filename or task.name}"
            self.finish(job)
            return
        for fd, report in ((job.out, False), (job.report, True)):
            self.files[fd] = (job, report)
            self.poll.register(fd, select.POLLIN)

    def environment(self, name: str) -> dict[str, str]:
        """What the target finds: docs/targets.md."""
        env = dict(os.environ)
        if self.options.states:
            needs = self.options.needs(self.families, name)
            env.update(zip(("CPUS", "MEMORY", "DEVICES"), map(str, needs)), TARGET_STATE=self.options.states[needs])
        return env

    def take(self, job: Job) -> bool:
        """Show and keep what has come; False if nothing has."""
        try:
            data = job.read()
        except OSError as error:
            job.end(f"its output is lost: {error.strerror}")
            data = b""
        if data is None:
            return False
        if not data:
            self.forget(job.out)
            return False
        self.show_lines(job, job.reader.feed(data, time.monotonic()))
        return True

    def show_lines(self, job: Job, lines: list[tuple[str, Line | None]]) -> None:
        moments = self.document["run"]["moments"]
        if moments["first_result"] is None and any(line for _, line in lines):
            moments["first_result"] = self.elapsed()
        for _, line in lines:
            if line:
                self.tests[self.running[job].name].add_commands(line, job.reader.told_begin)
        self.show.said(self.running[job].name, lines)

    def forget(self, fd: int) -> None:
        if self.files.pop(fd, None):
            self.poll.unregister(fd)

    def finish(self, job: Job) -> None:
        """A process has ended: judge what it did."""
        while job.out >= 0 and job.out in self.files and self.take(job):
            pass
        self.show_lines(job, job.reader.end(time.monotonic()))
        for fd in (job.out, job.report):
            self.forget(fd)
        try:
            job.close()
            job.collect()
        except OSError as error:
            job.evidence.error = job.evidence.error or f"results lost: {error.strerror}: {error.filename or job.kept}"
        if self.options.storm and job.reader.lines:
            job.reader.lines[-1]["notes"] += storm_notes(job.evidence.text("dmesg"))
        task = self.running.pop(job)
        job.remove()
        progress = self.tests[task.name]
        wanted = self.wanted.of(job.tested().get("release", ""))
        self.document["run"]["fault"] = self.document["run"]["fault"] or self.wanted.fault
        rest = progress.add(job, task, self.contract(), wanted, self.elapsed(), bool(self.signals))
        if rest:
            self.waiting.append(rest)
        if not progress.pending:
            self.conclude(progress)

    def contract(self) -> dict[str, Clause]:
        """The clauses of the suite, read once, and not before the first result."""
        if self.clauses is None:
            import contract
            from pathlib import Path
            try:
                self.clauses = contract.clauses_of(Path(self.options.suite))
            except (SystemExit, OSError) as error:
                self.document["run"]["fault"] = f"the suite's contract cannot be read: {error}"
                self.clauses = {}
        return self.clauses

    def conclude(self, progress: Progress) -> None:
        """All of a test is there."""
        test = progress.test
        judge.merge(test, self.whole)
        if self.options.strict_skips:
            self.wanted.judge_skip(test)
        if not self.signals:
            self.check_machine(test)
        if self.whole and test["verdict"] in ("passed", "failed") and test["lines"]:
            self.costs.learn(test, progress.identity)
        if not self.signals:
            self.show.done(test, [progress.paths[first] for first in sorted(progress.paths)])
        self.write()

    def check_machine(self, test: Test) -> None:
        """One run, one kernel: a machine that tells of another one is not what is tested."""
        for part in test["parts"]:
            for key, place in (("release", "kernel"), ("kvm", "kvm")):
                told = part["machine"].get(key, "")
                if told and self.document[place] and told != self.document[place]:  # type: ignore[literal-required]
                    test["verdict"] = "broken"
                    test["reason"] = f"this machine ran {told}, others {self.document[place]}"  # type: ignore
                elif told:
                    self.document[place] = told  # type: ignore[literal-required]

    def write(self) -> None:
        """The results so far; what cannot be written is a fault of the run."""
        try:
            results.write(self.document, self.options.results)
        except OSError as error:
            self.full, where = True, f"{error.strerror}: {error.filename or self.options.results}"
            self.document["run"]["fault"] = f"results lost: {where}"
            if self.reserve.release():
                self.document["run"]["fault"] = f"ended, as no more results can be kept: {where}"
                self.write()

    # ------------------------------------------------------------- loop

    def step(self) -> None:
        if self.waiting and len(self.running) < self.options.jobs:
            while self.waiting and len(self.running) < self.options.jobs:
                self.start(self.waiting.pop())
            self.write()
        for fd, _ in self.poll.poll(500 if self.running else 0):
            if fd == self.wake:
                os.read(self.wake, 100)
            elif fd in self.files:
                job, report = self.files[fd]
                if not report:
                    self.take(job)
                elif job.ended():
                    self.finish(job)
        now = time.monotonic()
        for job, task in self.running.items():
            self.check_limits(job, task, now)
        self.show.alive(self.life_text())

    def check_limits(self, job: Job, task: Task, now: float) -> None:
        reader, timeout, slow = job.reader, self.timeout(task.name), self.options.slow
        if reader.settled and now > reader.settled + min(SETTLE_GRACE * slow, timeout / 2):
            job.end("the test has told all its results, and then did not end")
        elif now > job.started + timeout + TARGET_GRACE * slow:
            job.end(f"the target did not end within {timeout + TARGET_GRACE * slow} s")
        elif reader.begun and now > reader.sign + self.options.stuck * slow:
            job.end(f"stuck: no case in {self.options.stuck * slow} s")

    def life_text(self) -> str:
        """One line: what runs, how far it is, how long it may take."""
        doing = []
        for job, task in self.running.items():
            reader = job.reader
            line = f" line {reader.begun[0]}" if reader.begun else ""
            doing.append(f"{task.name}{line}{f' ({reader.progress} cases)' if reader.progress else ''}")
        over = sum(not progress.pending for progress in self.tests.values())
        left = sum(task.cost for task in self.waiting)
        left += sum(max(0.0, task.cost - (time.monotonic() - job.started)) for job, task in self.running.items())
        return (f"... {self.elapsed():.0f} s, {over} of {len(self.tests)} tests done, about"
                f" {left / max(1, self.options.jobs):.0f} s left: {', '.join(doing)}")

    def execute(self) -> None:
        """Run all tasks; whatever happens, what is known by then is in the document."""
        self.catch_signals()
        try:
            while (self.waiting or self.running) and not self.signals and not self.full:
                self.step()
        except ReaderGone:
            self.signals.append(signal.SIGPIPE)
        except Exception as error:  # noqa: BLE001 # a run that broke is reported as one
            import traceback
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{os.path.basename(where.filename)}:{where.lineno}"
            self.document["run"]["fault"] = f"{type(error).__name__}: {error} ({place})"
        finally:
            self.stop()

    def stop(self) -> None:
        """End what still runs; what it printed so far is kept."""
        for job in self.running:
            job.end("the run was ended")
        patience = time.monotonic() + STOP_SECONDS
        while self.running and time.monotonic() < patience:
            for fd, _ in self.poll.poll(200):
                if fd == self.wake:
                    os.read(self.wake, 100)
                elif fd in self.files:
                    self.stop_one(*self.files[fd])
        for job in list(self.running):
            job.signal(signal.SIGKILL)
        for test in self.document["tests"]:
            if test["verdict"] == results.RUNNING:
                test["verdict"], test["reason"] = results.UNFINISHED, "the run was ended"

    def stop_one(self, job: Job, report: bool) -> None:
        try:
            if not report:
                self.take(job)
            elif job.ended():
                self.finish(job)
        except ReaderGone:
            pass
