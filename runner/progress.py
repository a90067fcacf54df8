# SPDX-License-Identifier: GPL-2.0-only
"""A test of a run while its parts come in."""
from __future__ import annotations

import os
import time

import expected
import judge
import results
import schedule
import screen
from ktap import new_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from ktap import Reader
    from machine import Job
    from options import Options
    from schedule import Task
    from shape import Line, Part, Test

MOST_CRASHES = 5  # after which the rest of its lines is not tried


def where(reader: Reader) -> str:
    """What was going on when a machine or a test ended too early."""
    assert reader.begun
    text = f"in line {reader.begun[0]}, {reader.begun[1]}"
    if reader.progress:
        text += f", after {reader.progress} cases"
    return text + (f", while: {reader.about}" if reader.about else "")


class Progress:
    def __init__(self, test: Test, identity: str, options: Options, alone: bool) -> None:
        self.test, self.identity, self.options = test, identity, options
        self.alone = alone  # its lines need not run in one machine
        self.pending = 0  # tasks that are still to come
        self.crashes = 0
        self.paths: dict[int, str] = {}  # what parts printed, by their first line

    def add_commands(self, line: Line, numbered: bool) -> None:
        """The commands that repeat LINE and its failures: of this run, with what was tested."""
        base = f"{self.options.command} -t {screen.quoted(self.test['name'])}"
        own = [*(["--lines", str(line["number"])] if numbered else []), *self.options.arguments]
        line["command"] = f"{base} -- {' '.join(map(screen.quoted, own))}" if own else base
        for failure in line["failures"]:
            again = failure["fields"].pop("again", "").partition(" ")[2]
            failure["command"] = f"{base} -- {again}" if again else line["command"]

    def add(self, job: Job, task: Task, known: Container[str], wanted: expected.Expected,
            now: float, interrupted: bool) -> Task | None:
        """Take what JOB, which ran TASK, came to; what is left to do after a crash."""
        part = self.judge(job, task, known, wanted, now, interrupted)
        self.test["parts"].append(part)
        self.test["lines"] += job.reader.lines
        self.pending -= 1
        rest = None
        if part["verdict"] == "broken" and job.reader.begun:
            rest = self.after_crash(job.reader, task)
            self.pending += bool(rest)
        self.count(job.reader)
        return rest

    def judge(self, job: Job, task: Task, known: Container[str], wanted: expected.Expected,
              now: float, interrupted: bool) -> Part:
        reader, evidence = job.reader, job.evidence
        if interrupted:
            verdict, reason, skip = results.UNFINISHED, "interrupted", None
        else:
            verdict, reason, skip = judge.part(reader, evidence, known, not self.options.arguments)
            strict = self.options.strict_skips
            if verdict in ("passed", "failed") and not reason or verdict == "skipped" and reader.lines and strict:
                verdict = expected.judge(reader.lines, self.test["name"], wanted, strict)
        if verdict == "broken" and reader.begun:
            reason += f"\n{where(reader)}"
        seconds = round(time.monotonic() - job.started, 3)
        return {"lines": task.lines, "verdict": verdict, "reason": reason, "status": evidence.text("status"),
                "started": round(max(0.0, now - seconds), 3), "seconds": seconds, "cpu_seconds": job.cpu_seconds,
                "planned": reader.planned, "program": reader.program[1] if reader.program else None, "skip": skip,
                "kernel_log": judge.kernel_trouble(evidence), "log_lost": evidence.text("log_lost"),
                "taint": [evidence.text("taint_before"), evidence.text("taint_after")], "machine": job.tested(),
                "said": list(reader.tail) if verdict == "broken" else [],
                "files": [os.path.relpath(f"{job.kept}.{name}", self.options.results) for name in job.files]}

    def after_crash(self, reader: Reader, task: Task) -> Task | None:
        """The line that broke is lost; where lines stand alone, those after it are to be tried."""
        assert reader.begun
        line = new_line()
        line["number"], line["name"] = reader.begun
        line["verdict"], line["promised"] = "broken", reader.open["promised"]
        line["failures"] = reader.open["failures"]
        line["seconds"], line["cpu_seconds"] = reader.lap(time.monotonic())
        self.add_commands(line, True)
        self.test["lines"].append(line)
        self.crashes += 1
        if self.options.arguments or not (self.alone and reader.program) or self.crashes > MOST_CRASHES:
            return None
        return schedule.after_crash(task, line["number"], reader.program[1])

    def count(self, reader: Reader) -> None:
        """Add up what the parts have told so far."""
        test = self.test
        test["options"] = list(dict.fromkeys([*test["options"], *reader.options]))
        test["capabilities"].update(reader.capabilities)
        test["lines"].sort(key=lambda line: line["number"])
        test["cases"] = sum(line["cases"] for line in test["lines"])
        test["seconds"] = round(sum(part["seconds"] for part in test["parts"]), 3)
        known = [part["cpu_seconds"] for part in test["parts"] if part["cpu_seconds"] is not None]
        test["cpu_seconds"] = round(sum(known), 2) if known else None
