#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""runner.py: run an installed suite on a target, judge it and keep the results.

Each test binary gets a machine of its own from the target, several at a time.
A result line is shown when it comes, a verdict when its binary has ended, and
everything is kept below the results folder. The exit status tells a failed
test (1) from a run that broke (3).
"""
from __future__ import annotations

import argparse
import ctypes
import fnmatch
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import contract
import ktap
from ktap import Kind, Verdict

EXIT_PASSED, EXIT_FAILED, EXIT_USAGE, EXIT_BROKEN = 0, 1, 2, 3
DEFAULT_TIMEOUT = 120
# For a target that does not keep the limit itself
TARGET_GRACE = 60
SETTLE_GRACE = 60  # between a test's last line and its end, at most
KEPT = {"console": "console", "dmesg": "dmesg", "boot": "boot"}


class UsageError(Exception):
    """The caller asked for something that is not there."""


@dataclass
class Test:
    name: str
    timeout: int


@dataclass
class Job:
    """A test that runs."""

    test: Test
    folder: tempfile.TemporaryDirectory[str]
    process: subprocess.Popen[bytes]
    ktap: IO[bytes]
    started: float
    text: bytearray = field(default_factory=bytearray)
    shown: int = 0
    overdue: bool = False
    settled: float | None = None  # when its last line was there

    @property
    def out(self) -> Path:
        return Path(self.folder.name) / "out"


@dataclass
class Done:
    test: Test
    verdict: Verdict
    seconds: float
    text: str


def die_with_parent() -> None:
    """Between fork and exec: no target outlives a killed runner."""
    os.setsid()
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def read_settings(path: Path) -> int:
    if path.exists():
        for line in path.read_text().splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "timeout" and value.strip().isdigit():
                return int(value)
    return DEFAULT_TIMEOUT


def select_tests(suite: Path, patterns: list[str], timeout: int | None) -> list[Test]:
    try:
        names = (suite / "list").read_text().split()
    except OSError as error:
        raise UsageError(f"{suite} is no installed suite: {error.strerror}: {suite / 'list'}") from error
    chosen = [n for n in names if not patterns or any(fnmatch.fnmatchcase(n, p) for p in patterns)]
    if not chosen:
        raise UsageError(f"no test matches {' '.join(patterns)}: see --list" if patterns
                         else f"{suite} holds no tests")
    return [Test(n, timeout or read_settings((suite / n).parent / "settings")) for n in chosen]


def make_job(folder: Path, suite: Path, test: Test, arguments: list[str]) -> None:
    job = folder / "job"
    (job / test.name).parent.mkdir(parents=True)
    shutil.copy2(suite / test.name, job / test.name)
    words = " ".join("'" + a.replace("'", "'\\''") + "'" for a in arguments)
    (job / "run").write_text(f"exec ./{test.name} {words}\n")
    (folder / "out").mkdir()


class Screen:
    """What the user sees: result lines as they come, or one KTAP document."""

    def __init__(self, tap: bool, verbose: bool, width: int, total: int) -> None:
        self.tap, self.verbose, self.width, self.number = tap, verbose, width, 0
        if tap:
            self.put(f"KTAP version 1\n1..{total}")

    @staticmethod
    def put(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def output(self, job: Job) -> None:
        """Show what has come in whole lines."""
        end = job.text.rfind(b"\n") + 1
        lines = bytes(job.text[job.shown:end]).decode(errors="replace").splitlines()
        job.shown = max(end, job.shown)
        if self.tap:
            return
        for line in lines:
            if self.verbose or ktap.parse_result(line):
                self.put(f"{job.test.name:<{self.width}}  {line}")

    def done(self, done: Done) -> None:
        self.number += 1
        verdict = done.verdict
        passed, failed, skipped = verdict.totals()
        if self.tap:
            for line in done.text.splitlines():
                self.put(f"    {line}")
            word = "not ok" if verdict.kind in (Kind.FAILED, Kind.BROKEN) else "ok"
            skip = f" # SKIP {verdict.reason}" if verdict.kind is Kind.SKIPPED else ""
            if verdict.kind is Kind.BROKEN:
                self.put(f"# {done.test.name}: {verdict.reason}")
            self.put(f"{word} {self.number} {done.test.name}{skip}")
            return
        if not self.verbose and verdict.kind in (Kind.FAILED, Kind.BROKEN):
            for line in failure_text(done):
                self.put(f"{done.test.name:<{self.width}}  {line}")
        cases = f", {verdict.output.cases} cases" if verdict.output.cases else ""
        first = verdict.reason.splitlines()[0] if verdict.reason else ""
        self.put(f"{done.test.name:<{self.width}}  {verdict.kind.value}: {passed} passed, {failed} failed,"
                 f" {skipped} skipped{cases}, {done.seconds:.1f} s{': ' + first if first else ''}")


def failure_text(done: Done) -> list[str]:
    """The comments before the first failed results, and what explains a break."""
    lines: list[str] = []
    block: list[str] = []
    for line in done.text.splitlines():
        result = ktap.parse_result(line)
        if result and not result.ok:
            lines += block
        block = [] if result else block + [line]
    if done.verdict.kind is Kind.BROKEN:
        lines += block[-15:] + done.verdict.reason.splitlines()
    lines += [f"kernel: {line}" for line in done.verdict.kernel_log[:10]]
    return lines[:120]


class Run:
    def __init__(self, args: argparse.Namespace, tests: list[Test]) -> None:
        self.args = args
        self.waiting = list(reversed(tests))
        self.order = [t.name for t in tests]
        self.running: dict[int, Job] = {}
        self.done: list[Done] = []
        self.selector = selectors.DefaultSelector()
        self.screen = Screen(args.tap, args.verbose, max(len(n) for n in self.order), len(tests))
        self.started = time.monotonic()

    def start(self, test: Test) -> None:
        folder = tempfile.TemporaryDirectory(dir=self.args.work, prefix="job-")
        place = Path(folder.name)
        make_job(place, self.args.suite, test, self.args.arguments)
        kept = self.args.results / f"{test.name}.ktap"
        kept.parent.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            [self.args.target, "run", place / "job", place / "out", str(test.timeout)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=open(place / "target", "wb"), preexec_fn=die_with_parent)
        assert process.stdout
        os.set_blocking(process.stdout.fileno(), False)
        job = Job(test, folder, process, open(kept, "wb"), time.monotonic())
        self.running[process.pid] = job
        self.selector.register(process.stdout, selectors.EVENT_READ, job)

    def pump(self, job: Job) -> bool:
        """Take what the test has printed; False at its end."""
        assert job.process.stdout
        data = job.process.stdout.read(1 << 20)
        if data is None:
            return True
        job.text += data
        job.ktap.write(data)
        job.ktap.flush()
        if job.settled is None and b"\n# Totals: " in job.text[-len(data) - 16:]:
            job.settled = time.monotonic()
        self.screen.output(job)
        return bool(data)

    def finish(self, job: Job) -> None:
        code = job.process.wait()
        job.ktap.close()
        verdict = self.judge(job, code)
        for name, suffix in KEPT.items():
            if (job.out / name).exists():
                shutil.copy(job.out / name, self.args.results / f"{job.test.name}.{suffix}")
        done = Done(job.test, verdict, time.monotonic() - job.started, job.text.decode(errors="replace"))
        job.folder.cleanup()
        del self.running[job.process.pid]
        self.done.append(done)
        self.screen.done(done)

    def judge(self, job: Job, code: int) -> Verdict:
        def left(name: str) -> str:
            path = job.out / name
            return path.read_text(errors="replace").strip() if path.exists() else ""

        text = job.text.decode(errors="replace")
        trouble = ktap.kernel_trouble(left("dmesg"), left("taint_before"), left("taint_after"))
        if code == 4 and left("skip"):
            return Verdict(Kind.SKIPPED, left("skip"))
        if job.overdue:
            reason = "the target did not end in time"
            if job.settled:
                reason = "the test has told all its results, and then did not end"
            return Verdict(Kind.BROKEN, reason, ktap.parse(text), trouble)
        if code != 0:
            said = left("broken") or (Path(job.folder.name) / "target").read_text(errors="replace").strip()
            reason = said or f"the target ended with status {code}"
            return Verdict(Kind.BROKEN, reason, ktap.parse(text), trouble)
        return ktap.judge(text, left("status"), trouble)

    def step(self) -> None:
        while self.waiting and len(self.running) < self.args.jobs:
            self.start(self.waiting.pop())
        for key, _ in self.selector.select(1.0):
            if not self.pump(key.data):
                self.selector.unregister(key.fileobj)
                self.finish(key.data)
        for job in list(self.running.values()):
            limit = job.started + job.test.timeout + TARGET_GRACE
            if job.settled:
                limit = min(limit, job.settled + min(SETTLE_GRACE, job.test.timeout / 2))
            if not job.overdue and time.monotonic() > limit:
                job.overdue = True
                os.killpg(job.process.pid, signal.SIGKILL)

    def execute(self) -> None:
        try:
            while self.waiting or self.running:
                self.step()
        finally:
            self.stop()

    def stop(self) -> None:
        """End what still runs; what it printed so far is kept."""
        for job in self.running.values():
            try:
                os.killpg(job.process.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        for job in self.running.values():
            try:
                job.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(job.process.pid, signal.SIGKILL)
                job.process.wait()
            job.ktap.close()
            job.folder.cleanup()
        self.running.clear()

    def totals(self) -> tuple[int, int, int]:
        each = [d.verdict.totals() for d in self.done]
        return sum(e[0] for e in each), sum(e[1] for e in each), sum(e[2] for e in each)

    def exit_status(self) -> int:
        kinds = {d.verdict.kind for d in self.done}
        if Kind.BROKEN in kinds or not self.done:
            return EXIT_BROKEN
        return EXIT_FAILED if Kind.FAILED in kinds else EXIT_PASSED

    def summary(self, interrupted: bool) -> str:
        lines = list(self.args.about)
        lines.append(f"tests   {len(self.done)} of {len(self.order)} run in {time.monotonic() - self.started:.1f} s,"
                     f" {sum(d.verdict.output.cases for d in self.done)} cases")
        if interrupted:
            lines.append("interrupted: what had not ended by then is not counted")
        lines.append("")
        for done in sorted(self.done, key=lambda d: self.order.index(d.test.name)):
            passed, failed, skipped = done.verdict.totals()
            lines.append(f"{done.verdict.kind.value:<8} {done.test.name}: {passed} passed, {failed} failed,"
                         f" {skipped} skipped, {done.verdict.output.cases} cases, {done.seconds:.1f} s")
            lines += [f"         {line}" for line in done.verdict.reason.splitlines()]
            lines += [f"         {line}" for line in done.verdict.output.lines if not line.ok or line.skip]
            lines += [f"         kernel: {line}" for line in done.verdict.kernel_log]
        lines += ["", *self.deviations(), *self.clauses()]
        return "\n".join(lines) + "\n"

    def deviations(self) -> list[str]:
        seen: dict[str, int] = {}
        for done in self.done:
            for name, cases in done.verdict.output.deviations.items():
                seen[name] = seen.get(name, 0) + cases
        return [f"known deviation {name} in {cases} cases (docs/contract.md)"
                for name, cases in sorted(seen.items())] + ([""] if seen else [])

    def found(self) -> dict[str, list[tuple[str, str, int]]]:
        """Clause -> result, test and line; a test that skips as a whole has no lines."""
        found: dict[str, list[tuple[str, str, int]]] = {}
        for done in self.done:
            for line in done.verdict.output.lines:
                result = "FAILED" if not line.ok else "skipped" if line.skip is not None else "passed"
                for name in line.clauses:
                    found.setdefault(name, []).append((result, done.test.name, line.number))
        skipped = {done.test.name for done in self.done if not done.verdict.output.lines}
        for name, tests in contract.named_by_tests(contract.TOP).items():
            for test in sorted(tests & skipped):
                found.setdefault(name, []).append(("skipped", test, 0))
        return found

    def clauses(self) -> list[str]:
        """The table: clause, what this run found, which lines of which tests found it."""
        found = self.found()
        lines = ["clause           kind        result    by test:lines", ""]
        for name, clause in contract.clauses_of(contract.TOP).items():
            entries = found.get(name, [])
            results = {result for result, _, _ in entries}
            worst = next((r for r in ("FAILED", "passed", "skipped") if r in results), "-")
            numbers: dict[str, list[str]] = {}
            for _, test, number in sorted(entries, key=lambda e: (e[1], e[2])):
                numbers.setdefault(test, []).append(str(number) if number else "-")
            by = " ".join(f"{test}:{','.join(dict.fromkeys(n))}" for test, n in numbers.items())
            lines.append(f"{name:<16} {clause.kind:<11} {worst:<9} {by or clause.reason or 'not in this run'}")
        return lines


def link_latest(results: Path) -> None:
    """Point "latest" beside RESULTS at it, in one step."""
    temp = results.parent / f".latest-{os.getpid()}"
    temp.symlink_to(results.name)
    temp.replace(results.parent / "latest")


def report(run: Run, interrupted: bool) -> None:
    text = run.summary(interrupted)
    (run.args.results / "summary.txt").write_text(text)
    stream = sys.stderr if run.args.tap else sys.stdout
    passed, failed, skipped = run.totals()
    broken = sum(d.verdict.kind is Kind.BROKEN for d in run.done)
    print(f"\nresults: {run.args.results}", file=stream)
    if broken:
        print(f"{broken} of {len(run.done)} tests did not end as a test should (BROKEN above)", file=stream)
    print(f"{passed} passed, {failed} failed, {skipped} skipped", file=stream, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", type=Path, required=True, help="program with the verbs of docs/targets.md")
    parser.add_argument("--suite", type=Path, required=True, help="folder that make install made")
    parser.add_argument("--results", type=Path, help="folder for this run's results; it must exist")
    parser.add_argument("--work", type=Path, help="folder for temporary files; removed at the end")
    parser.add_argument("--filter", action="append", default=[], metavar="GLOB")
    parser.add_argument("--timeout", type=int, help="seconds for each test, instead of its settings")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--about", action="append", default=[], help="a line for the summary")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--tap", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("arguments", nargs="*", help="passed to each test")
    return parser.parse_args()


def interrupt(number: int, _: object) -> None:
    raise KeyboardInterrupt(number)


def main() -> int:
    args = arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        tests = select_tests(args.suite, args.filter, args.timeout)
    except UsageError as error:
        print(f"run.sh: {error}", file=sys.stderr)
        return EXIT_USAGE
    if args.list:
        print("\n".join(t.name for t in tests))
        return EXIT_PASSED
    run = Run(args, tests)
    interrupted = 0
    try:
        try:
            run.execute()
        except KeyboardInterrupt as stop:
            interrupted = int(stop.args[0]) if stop.args else signal.SIGINT
        report(run, bool(interrupted))
        link_latest(args.results)
    except OSError as error:
        print(f"run.sh: results lost: {error}", file=sys.stderr)
        return EXIT_BROKEN
    finally:
        shutil.rmtree(args.work, ignore_errors=True)
    return 128 + interrupted if interrupted else run.exit_status()


if __name__ == "__main__":
    sys.exit(main())
