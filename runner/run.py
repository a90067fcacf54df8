# SPDX-License-Identifier: GPL-2.0-only
"""A run: tasks go to machines, their results come back, and everything is kept as it comes."""
from __future__ import annotations

import os
import select
import signal
import time

import judge
import results
import schedule
import screen
from ktap import new_line
from machine import Job, close_on_exec
from show import ReaderGone, Show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract import Clause
    from family import Families
    from options import Options
    from schedule import Task
    from shape import Document, Line, Part, Test

TARGET_GRACE = 60  # for a target that does not keep the limit itself
SETTLE_GRACE = 60  # between a test's last line and its end, at most
STOP_SECONDS = 15  # for all targets to end, when the run is interrupted
MOST_CRASHES = 5  # of a test, after which the rest of its lines is not tried


class Progress:
    """A test of the run: what of it is still to come."""

    def __init__(self, test: Test, identity: str) -> None:
        self.test, self.identity = test, identity
        self.pending = 0  # tasks
        self.crashes = 0
        self.paths: dict[int, str] = {}  # what parts printed, by their first line


class Run:
    def __init__(self, options: Options, tasks: Sequence[Task], families: Families, document: Document,
                 costs: schedule.Costs) -> None:
        self.options, self.families, self.document, self.costs = options, families, document, costs
        self.waiting = list(reversed(tasks))
        self.whole = not options.arguments
        self.tests: dict[str, Progress] = {}
        for test in document["tests"]:
            self.tests[test["name"]] = Progress(test, schedule.identity(options.suite, test["name"]))
        for task in tasks:
            self.tests[task.name].pending += 1
        self.running: dict[Job, Task] = {}
        self.files: dict[int, tuple[Job, bool]] = {}  # file descriptor -> job, is it its report
        self.poll = select.poll()
        self.started = time.monotonic()
        self.show = Show(options.tap, options.verbose, [test["name"] for test in document["tests"]])
        self.known: dict[str, Clause] | None = None
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
        return self.options.timeout or self.families.number(name, "timeout")

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
            job.prepare(self.options.suite, task.name, arguments)
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
            cpus, memory = self.options.needs(self.families, name)
            env.update(CPUS=str(cpus), MEMORY=str(memory), TARGET_STATE=self.options.states[cpus, memory])
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
                self.add_commands(self.running[job].name, line, job.reader.told_begin)
        self.show.said(self.running[job].name, lines)

    def forget(self, fd: int) -> None:
        if self.files.pop(fd, None):
            self.poll.unregister(fd)

    def add_commands(self, name: str, line: Line, numbered: bool) -> None:
        """The commands that repeat LINE and its failures: of this run, with what was tested."""
        base = f"{self.options.command} -t {screen.quoted(name)}"
        own = [*(["--lines", str(line["number"])] if numbered else []), *self.options.arguments]
        line["command"] = f"{base} -- {' '.join(map(screen.quoted, own))}" if own else base
        for failure in line["failures"]:
            again = failure["fields"].pop("again", "").partition(" ")[2]
            failure["command"] = f"{base} -- {again}" if again else line["command"]

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
        task = self.running.pop(job)
        self.remove(job.place)
        progress = self.tests[task.name]
        part = self.judge(job, task)
        progress.test["parts"].append(part)
        progress.test["lines"] += job.reader.lines
        progress.pending -= 1
        if part["verdict"] == "broken" and job.reader.begun:
            self.after_crash(job, task, progress)
        self.update(progress.test, job)
        if not progress.pending:
            self.conclude(progress)

    @staticmethod
    def remove(folder: str) -> None:
        import shutil
        shutil.rmtree(folder, ignore_errors=True)

    def judge(self, job: Job, task: Task) -> Part:
        reader, evidence = job.reader, job.evidence
        family = task.name.rpartition("/")[0]
        known = {name for name, clause in self.contract().items() if clause.family == family} or None
        if self.signals:
            verdict, reason, skip = results.UNFINISHED, "interrupted", None
        else:
            verdict, reason, skip = judge.part(reader, evidence, known, self.whole)
        if verdict == "broken" and reader.begun:
            reason += f"\n{self.where(job)}"
        return {"lines": task.lines, "verdict": verdict, "reason": reason, "status": evidence.text("status"),
                "started": round(job.started - self.started, 3), "seconds": round(time.monotonic() - job.started, 3),
                "cpu_seconds": job.cpu_seconds, "planned": reader.planned,
                "program": reader.program[1] if reader.program else None, "skip": skip,
                "kernel_log": judge.kernel_trouble(evidence), "log_lost": evidence.text("log_lost"),
                "taint": [evidence.text("taint_before"), evidence.text("taint_after")], "machine": job.tested(),
                "said": [text for text in reader.tail if verdict == "broken"],
                "files": [os.path.relpath(f"{job.kept}.{name}", self.options.results) for name in job.files]}

    def where(self, job: Job) -> str:
        """What was going on when a machine or a test ended too early."""
        reader = job.reader
        assert reader.begun
        text = f"in line {reader.begun[0]}, {reader.begun[1]}"
        if reader.progress:
            text += f", after {reader.progress} cases"
        return text + (f", while: {reader.about}" if reader.about else "")

    def contract(self) -> dict[str, Clause]:
        """The clauses of the suite, read once, and not before the first result."""
        if self.known is None:
            import contract
            from pathlib import Path
            try:
                self.known = contract.clauses_of(Path(self.options.suite))
            except (SystemExit, OSError) as error:
                self.document["run"]["fault"] = f"the suite's contract cannot be read: {error}"
                self.known = {}
        return self.known

    def after_crash(self, job: Job, task: Task, progress: Progress) -> None:
        """The line that broke is lost; where lines stand alone, those after it are tried."""
        reader = job.reader
        assert reader.begun
        line = new_line()
        line["number"], line["name"] = reader.begun
        line["verdict"], line["promised"] = "broken", reader.open["promised"]
        line["seconds"], line["cpu_seconds"] = reader.lap(time.monotonic())
        self.add_commands(task.name, line, True)
        progress.test["lines"].append(line)
        progress.crashes += 1
        alone = self.families.get(task.name, "isolation") == "line"
        if self.signals or not (alone and self.whole and reader.program) or progress.crashes > MOST_CRASHES:
            return
        rest = schedule.after_crash(task, line["number"], reader.program[1])
        if rest:
            progress.pending += 1
            self.waiting.append(rest)

    def update(self, test: Test, job: Job) -> None:
        """Add up what the parts of TEST have told so far."""
        test["options"] = list(dict.fromkeys([*test["options"], *job.reader.options]))
        test["capabilities"].update(job.reader.capabilities)
        test["lines"].sort(key=lambda line: line["number"])
        test["cases"] = sum(line["cases"] for line in test["lines"])
        test["seconds"] = round(sum(part["seconds"] for part in test["parts"]), 3)
        known = [part["cpu_seconds"] for part in test["parts"] if part["cpu_seconds"] is not None]
        test["cpu_seconds"] = round(sum(known), 2) if known else None

    def conclude(self, progress: Progress) -> None:
        """All of a test is there."""
        test = progress.test
        judge.merge(test, self.whole)
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
            self.document["run"]["fault"] = f"results lost: {error.strerror}: {error.filename}"

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
        reader, timeout = job.reader, self.timeout(task.name)
        if reader.settled and now > reader.settled + min(SETTLE_GRACE, timeout / 2):
            job.end("the test has told all its results, and then did not end")
        elif now > job.started + timeout + TARGET_GRACE:
            job.end(f"the target did not end within {timeout + TARGET_GRACE} s")
        elif reader.begun and now > reader.sign + self.options.stuck:
            job.end(f"stuck: no case in {self.options.stuck} s")

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
        return (f"... {self.elapsed():.0f} s: {', '.join(doing)}; {over} of {len(self.tests)} tests done,"
                f" about {left / max(1, self.options.jobs):.0f} s left")

    def execute(self) -> None:
        """Run all tasks; whatever happens, what is known by then is in the document."""
        self.catch_signals()
        try:
            while (self.waiting or self.running) and not self.signals:
                self.step()
        except ReaderGone:
            self.signals.append(signal.SIGPIPE)
        except Exception as error:  # noqa: BLE001 # a run that broke is reported as one
            import traceback
            where = traceback.extract_tb(error.__traceback__)[-1]
            self.document["run"]["fault"] = f"{type(error).__name__}: {error} ({os.path.basename(where.filename)}:{where.lineno})"
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
