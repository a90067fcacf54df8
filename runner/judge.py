# SPDX-License-Identifier: GPL-2.0-only
"""What a test's output, its end and its machine's evidence amount to.

The rule above all: never a false green. Whatever is not a complete plan with a
result for each of its lines, a fitting exit status and a machine that tells how
it fared is "broken", not passed; what is missing counts as broken too.
"""
from __future__ import annotations

import re

from ktap import skip_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from ktap import Reader
    from shape import Line, Part, Skip, Test

KERNEL_TROUBLE = re.compile(
    r"WARNING: |BUG: |BUG \S+ \(|kernel BUG|\bOops\b|Unable to handle|Kernel panic|KASAN|KCSAN|UBSAN|KFENCE"
    r"|ODEBUG: |lockdep is turned off|kmemleak: \d+ new|kmemleak: .*disabled"
    r"|(?:general protection fault|divide error|invalid opcode|double fault)[:,]"
    r"|possible circular locking|possible recursive locking|inconsistent lock state|suspicious RCU usage"
    r"|non-static key|soft lockup|[hH]ard LOCKUP|blocked for more than|rcu: .*stall|list_(?:add|del) corruption"
    r"|refcount_t: |[bB]ad page|scheduling while atomic|sleeping function called"
    r"|(?:illegal operation|protection exception|specification exception|addressing exception|data exception"
    r"|operation exception|translation exception|monitor event): [0-9a-f]{4}")
# Bits of /proc/sys/kernel/tainted after which a kernel's behaviour proves nothing
BAD_TAINTS = {5: "B, a bad page", 7: "D, it died", 9: "W, a warning", 14: "L, a lockup"}
TARGET_DONE, TARGET_SKIP, TARGET_BROKEN = 0, 4, 3
# How a kselftest ends
EXIT_PASS, EXIT_FAIL, EXIT_SKIP = 0, 1, 4
KEPT_TROUBLE = 40


class Evidence:
    """What is left of a process in a machine, besides what it printed."""

    def __init__(self) -> None:
        self.error = ""  # why the runner ended it, or could not run it
        self.code = 0  # the target's exit status
        self.said = ""  # and what it said on stderr
        self.left: dict[str, str] = {}  # files of OUT
        self.orphans = ""  # processes that outlived the target

    def has(self, name: str) -> bool:
        return name in self.left

    def text(self, name: str) -> str:
        return self.left.get(name, "").strip()


def first(*reasons: str) -> str:
    return next((reason for reason in reasons if reason), "")


def taint_bits(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None


def kernel_trouble(evidence: Evidence) -> list[str]:
    """Lines of the kernel log, and taints, that no good test leaves."""
    found = [line for line in evidence.text("dmesg").split("\n") if KERNEL_TROUBLE.search(line)][:KEPT_TROUBLE]
    before, after = taint_bits(evidence.text("taint_before")), taint_bits(evidence.text("taint_after"))
    if before is not None:
        found += [f"the kernel was tainted before the test: {why}"
                  for bit, why in BAD_TAINTS.items() if before >> bit & 1]
    if before is not None and after is not None and before != after:
        found.append(f"the kernel's taint went from {before} to {after}")
    return found


def machine_fault(evidence: Evidence) -> str:
    """Why the machine, not the test in it, is to blame; empty if it is sound."""
    if evidence.error:
        return evidence.error
    if evidence.has("broken"):
        return evidence.text("broken") or "the machine broke, and does not say why"
    if evidence.code == TARGET_SKIP:
        return "" if evidence.text("skip") else "the target says that nothing can run here, and not why"
    if evidence.code != TARGET_DONE:
        return evidence.said or f"the target ended with status {evidence.code}"
    if evidence.has("skip"):
        return "the target says that nothing can run here, and that it ran"
    if evidence.orphans:
        return f"processes outlived the test: {evidence.orphans}"
    return ""


def missing(evidence: Evidence) -> str:
    """Evidence that has to be there; where the log may not be read, the reason takes its place."""
    if not evidence.has("dmesg") and not evidence.text("log_lost"):
        return "the machine left no kernel log, and does not say why"
    if evidence.has("dmesg") and evidence.has("log_lost"):
        return f"the kernel log is not complete: {evidence.text('log_lost')}"
    for name in ("taint_before", "taint_after"):
        if taint_bits(evidence.text(name)) is None:
            return f"the machine left no {name}: {evidence.text(name)[:40]!r}"
    return ""


def status_fault(status: str) -> str:
    how, _, number = status.partition(" ")
    if how == "signal":
        return f"killed by signal {number}"
    if how == "timeout":
        return f"hung: not finished within {number} s"
    if how == "unstarted":
        return "the test could not be started in the machine"
    if how != "exit" or not re.fullmatch("[0-9]{1,3}", number):
        return f"no exit status ({status[:40] or 'nothing'})"
    return ""


def document_fault(reader: Reader, code: int) -> str:
    """Why output and exit status CODE are no complete result."""
    lines = reader.lines
    failed, skipped = (sum(line["verdict"] == v for line in lines) for v in ("failed", "skipped"))
    if reader.bailed is not None:
        return f"bailed out: {reader.bailed}"
    if code == 2 and not lines:
        return f"it refused its arguments: {' '.join(reader.tail) or 'exit status 2'}"
    if reader.planned is None:
        return f"no plan in its output (exit status {code})"
    if reader.faults:
        return f"its output is no KTAP: {reader.faults[0]}"
    if len(lines) != reader.planned:
        return f"{len(lines)} of {reader.planned} planned results (exit status {code})"
    if reader.begun:
        return f"line {reader.begun[0]} began and has no result"
    if reader.nested_failure:
        return "a subtest failed, and no result follows"
    if reader.planned == 0 and (code != EXIT_SKIP or reader.skip_all is None):
        return "checked nothing"
    if code not in (EXIT_PASS, EXIT_FAIL, EXIT_SKIP):
        return f"exit status {code}"
    if code == EXIT_FAIL and not failed:
        return "exit status 1 although no result failed"
    if code == EXIT_SKIP and skipped != len(lines):
        return "exit status 4 (skip) although results passed"
    return ""


def clause_fault(reader: Reader, known: Container[str], whole: bool) -> str:
    """Clauses that are none; where lines ran WHOLE, promises of passed lines that no case kept."""
    for line in reader.lines:
        unknown = [name for name in [*line["clauses"], *line["promised"]] if name not in known]
        if unknown:
            return f"line {line['number']} names {unknown[0]}, which no contract.md of this suite has"
        unkept = [name for name in line["promised"] if not line["clauses"].get(name)]
        if whole and unkept and line["verdict"] == "passed":
            return f"error of the suite: line {line['number']} promises {unkept[0]}, and no case of it decided that"
    return ""


def part(reader: Reader, evidence: Evidence, known: Container[str], whole: bool) -> tuple[str, str, Skip | None]:
    """Verdict, reason and skip of what one process did."""
    trouble = kernel_trouble(evidence)
    failed = any(line["verdict"] == "failed" for line in reader.lines)
    if fault := machine_fault(evidence):
        return "broken", fault, None
    if evidence.code == TARGET_SKIP:
        if reader.lines or reader.nested_failure:
            return "broken", "the target says that nothing can run here, after results", None
        if trouble:
            return "failed", f"kernel log: {trouble[0]}", None
        return "skipped", evidence.text("skip"), {"kind": "target", "reason": evidence.text("skip")}
    fault = status_fault(evidence.text("status"))
    if not fault:
        code = int(evidence.text("status").partition(" ")[2])
        fault = document_fault(reader, code) or missing(evidence) or clause_fault(reader, known, whole)
    if fault:
        return "broken", fault, None
    if trouble:
        return "failed", f"kernel log: {trouble[0]}", None
    if failed:
        return "failed", "", None
    if reader.lines and any(line["verdict"] in ("passed", "xfail") for line in reader.lines):
        return "passed", "", None
    skips = [line["skip"] for line in reader.lines if line["skip"]]
    skip = skip_of(reader.skip_all) if reader.skip_all is not None else skips[0] if skips else None
    return "skipped", skip["reason"] if skip else "", skip


def coverage_fault(parts: list[Part], lines: list[Line]) -> str:
    """Why PARTS do not decide each line of their test exactly once; empty if they do."""
    parts = [part for part in parts if part["planned"]]
    totals = {part["program"] for part in parts}
    if len(parts) > 1 and (None in totals or len(totals) > 1):
        return "its parts do not agree on the number of its lines"
    total = parts[0]["program"] if parts else None
    if total is None:
        return ""
    numbers = sorted(line["number"] for line in lines)
    lost = sorted(set(range(1, total + 1)) - set(numbers))
    twice = sorted({n for n in numbers if numbers.count(n) > 1})
    beyond = [n for n in numbers if not 1 <= n <= total]
    for what, which in (("was not decided", lost), ("was decided twice", twice), ("is not one of its lines", beyond)):
        if which:
            return f"line {which[0]} {what} (it has {total})"
    return ""


def merge(test: Test, whole: bool) -> None:
    """Make the verdict of TEST from those of its parts; WHOLE: all its lines were to run."""
    parts, lines = test["parts"], test["lines"]
    verdicts = [part["verdict"] for part in parts]
    test["kernel_log"] = list(dict.fromkeys(text for part in parts for text in part["kernel_log"]))
    test["skip"] = None
    if "broken" in verdicts:
        bad = [part for part in parts if part["verdict"] == "broken"]
        test["verdict"], test["reason"] = "broken", bad[0]["reason"]
    elif "unfinished" in verdicts:
        test["verdict"], test["reason"] = "unfinished", "the run was ended"
    elif whole and (fault := coverage_fault(parts, lines)):
        test["verdict"], test["reason"] = "broken", fault
    elif "failed" in verdicts:
        test["verdict"] = "failed"
        test["reason"] = first(*(part["reason"] for part in parts if part["verdict"] == "failed"))
    elif "passed" in verdicts:
        test["verdict"], test["reason"] = "passed", ""
    else:
        test["verdict"] = "skipped"
        test["skip"] = next((part["skip"] for part in parts if part["skip"]), None)
        test["reason"] = test["skip"]["reason"] if test["skip"] else ""
