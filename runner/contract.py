#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""contract.py: the clauses of each family's contract.md, and the tests that name them.

  contract.py          fails on a documented clause without a test or a reason,
                       and on a test that names a clause that is not there
"""
from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
CLAUSE = re.compile(r"\b(?!DEV-|FIND-)[A-Z]+(?:-[A-Z]+)*-\d\d\b")
DEVIATION = re.compile(r"\bDEV-\d\d\b")
DEVIATION_ROW = re.compile(r"^\|\s*(DEV-\d\d)\s*\|", re.MULTILINE)
ROW = re.compile(r"^\|\s*(?P<name>[A-Z]+(?:-[A-Z]+)*-\d\d)\s*\|(?P<rest>.*)\|\s*$")


@dataclass
class Clause:
    family: str
    name: str
    kind: str
    text: str
    reason: str


def read_clauses(path: Path, family: str) -> dict[str, Clause]:
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
        clauses[row["name"]] = Clause(family, row["name"], *cells)
    return clauses


def families(top: Path) -> list[str]:
    """The folders of tests of a checkout or an installed suite."""
    found = sorted(path.parent.name for path in top.glob("*/family"))
    for family in found:
        if not (top / family / "contract.md").exists():
            raise SystemExit(f"{top / family}: a family needs a contract.md (docs/contract.md)")
    return found


def clauses_of(top: Path) -> dict[str, Clause]:
    """The clauses of all families, with the family each belongs to."""
    found: dict[str, Clause] = {}
    for family in families(top):
        path = top / family / "contract.md"
        for name, clause in read_clauses(path, family).items():
            if name in found:
                raise SystemExit(f"{path}: {name} is a clause of {found[name].family} too")
            found[name] = clause
    return found


def deviations_of(top: Path) -> Counter[str]:
    return Counter(name for family in families(top)
                   for name in DEVIATION_ROW.findall((top / family / "contract.md").read_text()))


def named_by_tests(top: Path) -> dict[str, set[str]]:
    """Clause -> tests whose result lines name it."""
    found: dict[str, set[str]] = {}
    for source in sorted(path for family in families(top) for path in (top / family).glob("*.c")):
        strings = " ".join(re.findall(r'"((?:[^"\\]|\\.)*)"', source.read_text()))
        for name in CLAUSE.findall(strings):
            found.setdefault(name, set()).add(f"{source.parent.name}/{source.stem}")
    return found


def named_deviations(top: Path) -> set[str]:
    return {name for source in top.glob("lib/**/*.c") for name in DEVIATION.findall(source.read_text())}


def faults(top: Path) -> list[str]:
    clauses = clauses_of(top)
    named, known, counts = named_by_tests(top), named_deviations(top), deviations_of(top)
    told = set(counts)
    wrong = [f"{', '.join(sorted(tests))}: names {name}, which no family's contract.md has"
              for name, tests in named.items() if name not in clauses]
    for clause in clauses.values():
        where = f"{clause.family}/contract.md"
        if clause.name not in named and clause.kind == "documented" and not clause.reason:
            wrong.append(f"{clause.name}: no test names it, and {where} gives no reason")
        if clause.name in named and clause.reason:
            wrong.append(f"{clause.name}: {where} says why it has no test, but it has one:"
                         f" {', '.join(sorted(named[clause.name]))}")
    wrong += [f"{name}: is in two tables of known deviations" for name, n in counts.items() if n > 1]
    wrong += [f"{name}: lib/ knows it, no table of known deviations does" for name in sorted(known - told)]
    wrong += [f"{name}: in a table of known deviations, but not in lib/" for name in sorted(told - known)]
    return wrong


def main() -> int:
    top = Path(sys.argv[1]) if len(sys.argv) > 1 else TOP
    wrong = faults(top)
    for line in wrong:
        print(f"contract.py: {line}", file=sys.stderr)
    if not wrong:
        named = named_by_tests(top)
        print(f"{len(named)} of {len(clauses_of(top))} clauses are named by tests")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
