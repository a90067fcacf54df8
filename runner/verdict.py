#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""verdict.py: judge one test that run_tests ran, with the judge of run.sh.

  verdict.py SUITE OUT WHOLE < TEXT

TEXT is what the test printed, OUT what docs/targets.md describes, besides "error"
(why it was ended) and "orphans" (processes that outlived it); WHOLE is 1 where
all lines were to run. Prints the verdict, the reason, and "passed failed skipped
xfail cases", as judge.awk does.
"""
from __future__ import annotations

import os
import sys
from pathlib import Path

import contract
import judge
import ktap
import results

LEFT = ("status", "dmesg", "taint_before", "taint_after", "log_lost", "broken")


def evidence_of(out: str) -> judge.Evidence:
    evidence = judge.Evidence()
    for name in os.listdir(out):
        with open(os.path.join(out, name), encoding="utf-8", errors="replace") as file:
            text = file.read()
        if name in LEFT:
            evidence.left[name] = text
        elif name in ("error", "orphans"):
            setattr(evidence, name, text.strip())
    return evidence


def main() -> int:
    suite, out, whole = sys.argv[1], sys.argv[2], sys.argv[3] == "1"
    reader = ktap.Reader(0.0)
    reader.feed(sys.stdin.buffer.read(), 0.0)
    reader.end(0.0)
    evidence = evidence_of(out)
    known = contract.clauses_of(Path(suite))
    verdict, reason, skip = judge.part(reader, evidence, known, whole)
    test = results.new_test("", "")
    test["lines"] = reader.lines
    test["parts"] = [{
        "lines": "", "verdict": verdict, "reason": reason, "status": evidence.text("status"), "started": 0.0,
        "seconds": 0.0, "cpu_seconds": None, "planned": reader.planned,
        "program": reader.program[1] if reader.program else None, "skip": skip,
        "kernel_log": judge.kernel_trouble(evidence)[:1], "log_lost": "", "taint": [], "machine": {}, "said": [],
        "files": []}]
    judge.merge(test, whole)
    count = results.counts(test)
    print(test["verdict"], test["reason"].partition("\n")[0], sep="\n")
    print(*(count[key] for key in ("passed", "failed", "skipped", "xfail")),
          sum(line["cases"] for line in reader.lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
