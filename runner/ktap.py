# SPDX-License-Identifier: GPL-2.0-only
"""Reading what a test binary prints: plan, results, and the facts in comments before them.

Facts have one form (docs/results.md). Output is split at line feeds only, and
what looks like a result, a plan or a fact and is none is a fault of the
document: nothing that was meant to be a failure is passed over.
"""
from __future__ import annotations

import re
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from shape import Failure, Line, Note, Skip

NUMBER = "[0-9]{1,9}"
RESULT = re.compile(rf"(not )?ok ({NUMBER})(?: (.*))?", re.S)
LOOKS_RESULT = re.compile(r"(?:\x1b\[[0-9;]*[A-Za-z]|[^\w#])*(?:not\s+)?ok\b", re.I | re.A)
PLAN = re.compile(rf"1\.\.({NUMBER})(?:\s+#\s*SKIP\b\s*(.*))?\s*", re.I | re.S | re.A)
LOOKS_PLAN = re.compile(r"[^\w#]*[0-9]+\s*\.\.\s*[0-9]", re.A)
BAIL = re.compile(r"\s*Bail out!\s*(.*)", re.I | re.S | re.A)
HEADER = re.compile(r"K?TAP version |Random seed: ")
DIRECTIVE = re.compile(r"(?:^|\s)#\s*(SKIP|TODO|XFAIL|XPASS)\b:?\s*(.*)", re.I | re.S | re.A)
FACT = re.compile(r"# (program|option|begin|names|about|progress|clause|deviation|finding|note|capability|cases):"
                  r"(?: (.*)|$)", re.S)
FORMS = {name: re.compile(form, re.A) for name, form in {
    "program": rf"(\S+) ({NUMBER})",
    "option": r"(-\S+) (\S+)",
    "begin": rf"({NUMBER}) (.*)",
    "names": r"(\S+(?: \S+)*)",
    "about": r"(.*)",
    "progress": rf"({NUMBER}) ([0-9]{{1,15}})",
    "clause": r"(\S+) ([0-9]{1,15})",
    "deviation": r"(\S+) ([0-9]{1,15})",
    "finding": r"(\S+) ([0-9]{1,15})",
    "note": r"(\S+) (-?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?) (\S.*)",
    "capability": r"(\S+) (-?[0-9]{1,19})",
    "cases": r"([0-9]{1,15})",
}.items()}
SKIP_KINDS = ("architecture", "capability", "permission", "resource", "target")
SKIP_CLASS = re.compile(rf"({'|'.join(SKIP_KINDS)}): *(.*)", re.S)
FIELD = re.compile(r"#   (clause|state|request|expected|observed|at byte|again) +(.*)", re.S)
KEPT_COMMENTS = 60
KEPT_TAIL = 15
KEPT_CHARACTERS = 1000


def skip_of(reason: str) -> Skip:
    named = SKIP_CLASS.fullmatch(reason)
    return {"kind": named[1], "reason": named[2]} if named else {"kind": None, "reason": reason}


def new_line() -> Line:
    return {"number": 0, "name": "", "verdict": "", "reason": "", "skip": None, "cases": 0, "seconds": 0.0,
            "cpu_seconds": None, "promised": [], "clauses": {}, "deviations": {}, "findings": {}, "failures": [],
            "notes": [], "said": [], "command": "", "expected": None}


class Reader:
    """The document of one process, taken line by line while it comes."""

    def __init__(self, now: float, cpu: Callable[[], float | None] = lambda: None) -> None:
        self.cpu = cpu
        self.program: tuple[str, int] | None = None
        self.planned: int | None = None
        self.skip_all: str | None = None
        self.bailed: str | None = None
        self.faults: list[str] = []
        self.lines: list[Line] = []
        self.options: list[str] = []
        self.capabilities: dict[str, int] = {}
        self.tail: deque[str] = deque(maxlen=KEPT_TAIL)  # what was said last
        self.begun: tuple[int, str] | None = None  # the line that runs
        self.progress = 0  # its cases so far
        self.about = ""  # what it was about to do
        self.told_begin = False
        self.settled: float | None = None  # when the last line was there
        self.sign = now  # the last sign of life of the test
        self.mark = (now, self.cpu())  # where the open line's time begins
        self.start: float | None = None  # from the process to its first line
        self.began = now
        self.partial = b""
        self.clear()

    def clear(self) -> None:
        self.open = new_line()
        self.omitted = 0
        self.block: Failure | None = None
        self.last_field = ""
        self.nested_failure = False

    def feed(self, data: bytes, now: float) -> list[tuple[str, Line | None]]:
        """Take DATA; whole lines, each with the result that it is."""
        pieces = (self.partial + data).split(b"\n") if b"\n" in data else [self.partial + data]
        self.partial = pieces.pop()
        return [(text, self.take(text, now)) for text in (p.decode(errors="replace") for p in pieces)]

    def end(self, now: float) -> list[tuple[str, Line | None]]:
        return self.feed(b"\n", now) if self.partial else []

    def fault(self, text: str) -> None:
        if len(self.faults) < 10:
            self.faults.append(text)

    def take(self, text: str, now: float) -> Line | None:
        if text.startswith("#"):
            self.comment(text, now)
        elif result := RESULT.fullmatch(text):
            return self.result(result, now)
        elif plan := PLAN.fullmatch(text):
            self.plan(plan)
        elif bail := BAIL.fullmatch(text):
            self.bailed = bail[1].strip() or "no reason given"
        elif text.startswith("  "):
            self.nested(text.strip(" "))
        elif LOOKS_RESULT.match(text[:200]) or LOOKS_PLAN.match(text[:200]):
            self.fault(f"this is no result: {text[:80]!r}")
        elif text and not HEADER.match(text):
            self.say(text)
        return None

    def plan(self, plan: re.Match[str]) -> None:
        if self.planned is not None:
            self.fault("two plans")
        elif self.lines:
            self.fault("its plan comes after results")
        self.planned = int(plan[1])
        if plan[2] is not None:
            self.skip_all = plan[2].strip() or "no reason given"

    def nested(self, text: str) -> None:
        """A line of a subtest, whose failure is its parent's."""
        if result := RESULT.fullmatch(text):
            directive = DIRECTIVE.search(result[3] or "")
            known = directive and directive[1].upper() in ("SKIP", "TODO", "XFAIL")
            self.nested_failure |= bool(result[1]) and not known
        elif LOOKS_RESULT.match(text[:200]):
            self.fault(f"this is no result: {text[:80]!r}")

    def result(self, match: re.Match[str], now: float) -> Line:
        line, number = self.open, int(match[2])
        directive = DIRECTIVE.search(match[3] or "")
        text = (match[3] or "")[:directive.start()] if directive else match[3] or ""
        what, reason = (directive[1].upper(), directive[2].strip()) if directive else ("", "")
        if number != len(self.lines) + 1:
            self.fault(f"result {number} where {len(self.lines) + 1} was due")
        line["number"] = self.begun[0] if self.begun else number
        line["name"] = text.strip().removeprefix("- ").strip() or (self.begun[1] if self.begun else "")
        line["verdict"], line["reason"] = "failed" if match[1] else "passed", reason
        if what in ("TODO", "XFAIL"):
            line["verdict"] = "xfail"
        elif what == "XPASS":
            line["verdict"], line["reason"] = "failed", f"it was expected to fail: {reason}"
        elif what == "SKIP" and not match[1]:
            # "not ok # SKIP" is nonsense of which the worse half is believed
            line["verdict"], line["skip"] = "skipped", skip_of(reason or "no reason given")
        if self.nested_failure and line["verdict"] != "failed":
            line["verdict"], line["reason"] = "failed", "a subtest of it failed"
        if self.told_begin and not self.begun:
            self.fault(f"result {number} of a line that did not begin")
        line["seconds"], line["cpu_seconds"] = self.lap(now)
        if line["verdict"] != "failed":
            line["said"] = []
        elif self.omitted:
            line["said"].append(f"# ... {self.omitted} more lines: they are in the KTAP")
        self.lines.append(line)
        self.begun, self.sign, self.progress, self.about = None, now, 0, ""
        self.tail.clear()
        self.clear()
        return line

    def lap(self, now: float) -> tuple[float, float | None]:
        """Seconds and CPU seconds since the open line began."""
        (then, cpu_then), cpu = self.mark, self.cpu()
        self.mark = (now, cpu)
        cost = max(0.0, cpu - cpu_then) if cpu is not None and cpu_then is not None else None
        return round(now - then, 3), round(cost, 2) if cost is not None else None

    def say(self, text: str) -> None:
        """What is no fact, for whoever reads of a failure."""
        self.tail.append(text[:KEPT_CHARACTERS])
        if len(self.open["said"]) < KEPT_COMMENTS:
            self.open["said"].append(text[:KEPT_CHARACTERS])
        else:
            self.omitted += 1

    def comment(self, text: str, now: float) -> None:
        if fact := FACT.fullmatch(text):
            self.block = None
            self.fact(fact[1], fact[2] or "", now)
        elif text.startswith("# FAILED: "):
            self.block = {"fields": {}, "command": ""}
            self.open["failures"].append(self.block)
        elif self.block is not None and text.startswith("#   "):
            self.field(text, self.block["fields"])
        elif text.startswith("# Totals:"):
            self.settled = now
        else:
            self.block = None
            self.say(text)

    def field(self, text: str, fields: dict[str, str]) -> None:
        """A field of a failure block, or more of the one before."""
        if match := FIELD.fullmatch(text):
            self.last_field = match[1].replace(" ", "_")
            fields[self.last_field] = match[2]
        elif fields:
            fields[self.last_field] += "\n" + text[4:]
        else:
            self.say(text)

    def fact(self, name: str, value: str, now: float) -> None:
        match = FORMS[name].fullmatch(value)
        if not match:
            self.fault(f"this is no fact of its form: {f'# {name}: {value}'[:80]!r}")
            return
        line = self.open
        if name in ("clause", "deviation", "finding"):
            counts = line["clauses" if name == "clause" else f"{name}s"]  # type: ignore[literal-required]
            counts[match[1]] = counts.get(match[1], 0) + int(match[2])
        elif name == "cases":
            line["cases"] += int(match[1])
        elif name == "names":
            line["promised"] += match[1].split(" ")
        elif name == "note":
            note: Note = {"name": match[1], "value": float(match[2]), "unit": match[3]}
            line["notes"].append(note)
        elif name == "capability":
            self.capabilities[match[1]] = int(match[2])
        elif name == "option":
            self.options.append(value)
        elif name == "program":
            if self.program:
                self.fault("two programs")
            self.program = (match[1], int(match[2]))
        else:
            self.life(name, match, now)

    def life(self, name: str, match: re.Match[str], now: float) -> None:
        """Facts that tell what goes on."""
        if name == "begin":
            if self.begun:
                self.fault(f"line {self.begun[0]} began and has no result")
            if self.start is None:
                self.start = now - self.began
            self.begun, self.told_begin, self.progress = (int(match[1]), match[2]), True, 0
            self.mark = (now, self.cpu())
            self.sign = now
        elif name == "progress":
            if int(match[2]) > self.progress:
                self.progress, self.sign = int(match[2]), now
        else:
            self.about = match[1]
