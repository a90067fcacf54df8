# SPDX-License-Identifier: GPL-2.0-only
"""What a test binary's output, exit status and kernel log amount to.

The rule above all: never a false green. Whatever is not a complete plan with a
result for each of its lines and a fitting exit status is "broken", not passed.
"""
from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

RESULT = re.compile(r"(?P<not>not )?ok (?P<number>\d+)(?P<rest>(?: .*)?)$")
PLAN = re.compile(r"1\.\.(?P<count>\d+)(?:\s+#\s*SKIP\b\s*(?P<reason>.*))?\s*$", re.I)
DIRECTIVE = re.compile(r"#\s*(?P<what>SKIP|TODO|XFAIL|XPASS)\b\s*(?P<reason>.*)", re.I)
CASES = re.compile(r"#\s*cases: (?P<count>\d+)\s*$")
CLAUSE = re.compile(r"# clause: (?P<name>\S+) \d+\s*$")
DEVIATION = re.compile(r"# deviation: (?P<name>\S+) (?P<count>\d+)\s*$")
KERNEL_TROUBLE = re.compile(
    r"WARNING: |BUG: |kernel BUG|\bOops\b|Unable to handle|Kernel panic|KASAN|KCSAN|UBSAN|KFENCE"
    r"|possible circular locking|suspicious RCU usage|soft lockup|blocked for more than|rcu: .*stall"
    r"|list_(?:add|del) corruption|refcount_t: |bad page|Bad page|scheduling while atomic"
    r"|(?:illegal operation|protection exception|specification exception|monitor event): [0-9a-f]{4}")

# How a kselftest ends
EXIT_PASS, EXIT_FAIL, EXIT_SKIP = 0, 1, 4


class Kind(Enum):
    PASSED = "passed"
    FAILED = "FAILED"
    SKIPPED = "skipped"
    BROKEN = "BROKEN"


@dataclass
class Line:
    """One result line."""

    number: int
    ok: bool
    name: str
    skip: str | None = None  # the reason, where it is a skip
    clauses: list[str] = field(default_factory=list)  # that its cases decided

    def __str__(self) -> str:
        text = f"{'ok' if self.ok else 'not ok'} {self.number} {self.name}".rstrip()
        return text if self.skip is None else f"{text} # SKIP {self.skip}".rstrip()


@dataclass
class Output:
    """What the text of a test says, by itself."""

    planned: int | None = None
    skip_all: str | None = None
    bailed: str | None = None
    cases: int = 0
    deviations: dict[str, int] = field(default_factory=dict)  # known ones, with their cases
    lines: list[Line] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def count(self, ok: bool) -> int:
        return sum(line.ok == ok and line.skip is None for line in self.lines)

    def skipped(self) -> int:
        return sum(line.skip is not None for line in self.lines)


@dataclass
class Verdict:
    kind: Kind
    reason: str = ""
    output: Output = field(default_factory=Output)
    kernel_log: list[str] = field(default_factory=list)

    def totals(self) -> tuple[int, int, int]:
        """Passed, failed, skipped, so that a test that broke never counts for nothing."""
        out = self.output
        failed = out.count(False) + bool(self.kernel_log) + (self.kind is Kind.BROKEN)
        if self.kind is Kind.FAILED and not failed:
            failed = 1
        skipped = out.skipped() + (self.kind is Kind.SKIPPED and not out.lines)
        return out.count(True), failed, skipped


def parse_result(text: str) -> Line | None:
    match = RESULT.match(text)
    if not match:
        return None
    rest = match["rest"].strip()
    directive = DIRECTIVE.search(rest)
    name = rest[:directive.start()] if directive else rest
    name = re.sub(r"^- ", "", name.strip()).strip()
    ok, skip = not match["not"], None
    if directive and directive["what"].upper() == "SKIP":
        # "not ok # SKIP" is nonsense of which the worse half is believed
        skip = directive["reason"].strip() if ok else None
    elif directive and directive["what"].upper() == "XPASS":
        ok = False
    elif directive and directive["what"].upper() in ("XFAIL", "TODO"):
        skip = f"known to fail: {directive['reason'].strip()}"
        ok = True
    return Line(int(match["number"]), ok, name, skip)


def parse(text: str) -> Output:
    """Read the top level of a KTAP document; nested levels are indented."""
    out = Output()
    clauses: list[str] = []
    for raw in text.splitlines():
        if plan := PLAN.match(raw):
            if out.planned is not None:
                out.faults.append("two plans")
            out.planned = int(plan["count"])
            if plan["reason"] is not None:
                out.skip_all = plan["reason"].strip() or "no reason given"
        elif line := parse_result(raw):
            if line.number != len(out.lines) + 1:
                out.faults.append(f"result {line.number} where {len(out.lines) + 1} was due")
            line.clauses, clauses = clauses, []
            out.lines.append(line)
        elif raw.startswith("Bail out!"):
            out.bailed = raw.removeprefix("Bail out!").strip()
        elif cases := CASES.match(raw):
            out.cases += int(cases["count"])
        elif decided := CLAUSE.match(raw):
            clauses.append(decided["name"])
        elif known := DEVIATION.match(raw):
            out.deviations[known["name"]] = out.deviations.get(known["name"], 0) + int(known["count"])
    return out


def fault_of(out: Output, status: str) -> str:
    """Why OUT and STATUS are no complete result; empty if they are one."""
    how, _, number = status.partition(" ")
    if how == "signal":
        return f"killed by signal {number}"
    if how == "timeout":
        return f"hung: not finished within {number} s"
    if how != "exit" or not number.isdigit():
        return f"no exit status ({status or 'nothing'})"
    if out.bailed is not None:
        return f"bailed out: {out.bailed}"
    if out.planned is None:
        return f"no plan in its output (exit status {number})"
    if out.faults:
        return f"its output is no KTAP: {out.faults[0]}"
    if len(out.lines) != out.planned:
        return f"{len(out.lines)} of {out.planned} planned results (exit status {number})"
    code = int(number)
    if out.planned == 0 and (code != EXIT_SKIP or out.skip_all is None):
        return "checked nothing"
    if code not in (EXIT_PASS, EXIT_FAIL, EXIT_SKIP):
        return f"exit status {code}"
    if code == EXIT_FAIL and not out.count(False):
        return "exit status 1 although no result failed"
    if code == EXIT_SKIP and out.count(True):
        return "exit status 4 (skip) although results passed"
    return ""


def kernel_trouble(log: str, taint_before: str, taint_after: str) -> list[str]:
    found = [line for line in log.splitlines() if KERNEL_TROUBLE.search(line)]
    if taint_before != taint_after:
        found.append(f"the kernel's taint went from {taint_before or '?'} to {taint_after or '?'}")
    return found


def judge(text: str, status: str, kernel_log: list[str]) -> Verdict:
    out = parse(text)
    if fault := fault_of(out, status):
        return Verdict(Kind.BROKEN, fault, out, kernel_log)
    if kernel_log:
        return Verdict(Kind.FAILED, f"kernel log: {kernel_log[0]}", out, kernel_log)
    if out.count(False):
        return Verdict(Kind.FAILED, "", out)
    if not out.count(True):
        reasons = [line.skip for line in out.lines if line.skip]
        return Verdict(Kind.SKIPPED, out.skip_all or (reasons[0] if reasons else ""), out)
    return Verdict(Kind.PASSED, "", out)
