#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""contract.py: the clauses of docs/contract.md, and the tests that name them.

  contract.py          fails on a documented clause without a test or a reason,
                       and on a test that names a clause that is not there
"""
from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
CLAUSE = re.compile(r"\b(?:MEMOP-[A-Z]+|SKEY|SLOT|MEMFD|DIRTY)-\d\d\b")
DEVIATION = re.compile(r"\bDEV-\d\d\b")
ROW = re.compile(r"^\|\s*(?P<name>[A-Z]+(?:-[A-Z]+)*-\d\d)\s*\|(?P<rest>.*)\|\s*$")


@dataclass
class Clause:
    name: str
    kind: str
    text: str
    reason: str


def read_clauses(path: Path) -> dict[str, Clause]:
    """The rows of the tables, except those of known deviations."""
    clauses: dict[str, Clause] = {}
    for line in path.read_text().splitlines():
        row = ROW.match(line)
        if not row or DEVIATION.match(row["name"]):
            continue
        cells = [cell.strip() for cell in row["rest"].split("|")]
        if len(cells) != 3 or cells[0] not in ("documented", "observed"):
            raise SystemExit(f"{path}: the row of {row['name']} is not: kind | what holds | reason")
        if row["name"] in clauses:
            raise SystemExit(f"{path}: {row['name']} is there twice")
        clauses[row["name"]] = Clause(row["name"], *cells)
    return clauses


def named_by_tests(top: Path) -> dict[str, set[str]]:
    """Clause -> tests whose result lines name it."""
    found: dict[str, set[str]] = {}
    for source in sorted([*top.glob("memop/*.c"), *top.glob("mem_slot/*.c")]):
        strings = " ".join(re.findall(r'"((?:[^"\\]|\\.)*)"', source.read_text()))
        for name in CLAUSE.findall(strings):
            found.setdefault(name, set()).add(f"{source.parent.name}/{source.stem}")
    return found


def named_deviations(top: Path) -> set[str]:
    return {name for source in top.glob("lib/**/*.c") for name in DEVIATION.findall(source.read_text())}


def faults(top: Path) -> list[str]:
    document = top / "docs/contract.md"
    clauses = read_clauses(document)
    named = named_by_tests(top)
    told = set(re.findall(r"^\|\s*(DEV-\d\d)\s*\|", document.read_text(), re.MULTILINE))
    wrong = [f"{', '.join(sorted(tests))}: names {name}, which docs/contract.md does not have"
             for name, tests in named.items() if name not in clauses]
    for clause in clauses.values():
        if clause.name not in named and clause.kind == "documented" and not clause.reason:
            wrong.append(f"{clause.name}: no test names it, and docs/contract.md gives no reason")
        if clause.name in named and clause.reason:
            wrong.append(f"{clause.name}: docs/contract.md says why it has no test, but it has one:"
                         f" {', '.join(sorted(named[clause.name]))}")
    wrong += [f"{name}: lib/ knows it, the table of known deviations does not"
              for name in sorted(named_deviations(top) - told)]
    wrong += [f"{name}: in the table of known deviations, but not in lib/"
              for name in sorted(told - named_deviations(top))]
    return wrong


def main() -> int:
    top = Path(sys.argv[1]) if len(sys.argv) > 1 else TOP
    wrong = faults(top)
    for line in wrong:
        print(f"contract.py: {line}", file=sys.stderr)
    if not wrong:
        named = named_by_tests(top)
        print(f"{len(named)} of {len(read_clauses(top / 'docs/contract.md'))} clauses are named by tests")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
