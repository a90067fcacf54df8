#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""validate_results.py FILE...: hold results.json against docs/results.md.

The schema is read from the document's tables, so the two cannot differ. Besides
the shape, what is counted must agree with what it is counted from.
"""
from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).resolve().parent.parent / "docs/results.md"
ROW = re.compile(r"^\| (\w+) \| ([^|]+) \| [^|]+ \|$")
SIMPLE = {
    "text": lambda v: isinstance(v, str),
    "flag": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "count": lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 0,
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "seconds": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool) and v >= 0,
}


def read_schema() -> dict[str, dict[str, str]]:
    schema: dict[str, dict[str, str]] = {}
    fields: dict[str, str] = {}
    for line in DOCUMENT.read_text().split("\n"):
        if line.startswith("### "):
            fields = schema.setdefault(line[4:], {})
        elif (row := ROW.match(line)) and row[1] != "field":
            fields[row[1]] = row[2].strip()
    return schema


class Validator:
    def __init__(self) -> None:
        self.schema = read_schema()
        self.faults: list[str] = []

    def check(self, value: Any, kind: str, where: str) -> None:
        if kind.endswith(" or null"):
            if value is not None:
                self.check(value, kind.removesuffix(" or null"), where)
        elif kind.startswith("one of "):
            self.choice(value, kind.removeprefix("one of "), where)
        elif kind.startswith("list of "):
            self.container(value, list, where, kind.removeprefix("list of "))
        elif kind.startswith("map of "):
            self.container(value, dict, where, kind.removeprefix("map of "))
        elif kind in SIMPLE:
            if not SIMPLE[kind](value):
                self.faults.append(f"{where}: {value!r} is no {kind}")
        else:
            self.object(value, kind, where)

    def choice(self, value: Any, kind: str, where: str) -> None:
        words = kind.removesuffix(" or empty").split(", ") + ([""] if kind.endswith(" or empty") else [])
        if value not in words:
            self.faults.append(f"{where}: {value!r} is not one of {', '.join(words)}")

    def container(self, value: Any, of: type, where: str, kind: str) -> None:
        if not isinstance(value, of):
            self.faults.append(f"{where}: {value!r} is no {of.__name__}")
            return
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in pairs:
            self.check(item, kind, f"{where}[{key}]")

    def object(self, value: Any, kind: str, where: str) -> None:
        fields = self.schema[kind]
        if not isinstance(value, dict):
            self.faults.append(f"{where}: {value!r} is no {kind}")
            return
        self.faults += [f"{where}: has no {name}" for name in fields if name not in value]
        self.faults += [f"{where}: {name} is not in docs/results.md" for name in value if name not in fields]
        for name, item in value.items():
            if name in fields:
                self.check(item, fields[name], f"{where}.{name}")

    def sums(self, document: dict[str, Any]) -> None:
        """What is counted twice must be the same."""
        lines = [line for test in document["tests"] for line in test["lines"]]
        totals = document["totals"]
        for verdict in ("passed", "xfail"):
            if totals[verdict] != sum(line["verdict"] == verdict for line in lines):
                self.faults.append(f"totals: {verdict} is not what the lines say")
        if totals["cases"] != sum(line["cases"] for line in lines):
            self.faults.append("totals: cases are not those of the lines")
        if document["run"]["complete"] != (document["run"]["exit_status"] in (0, 1, 2, 3, 4)
                                           and not document["run"]["fault"]):
            self.faults.append("run: complete and exit_status do not agree")
        for clause in document["clauses"]:
            if clause["result"] == "passed" and not clause["cases"]:
                self.faults.append(f"{clause['name']}: passed without a case")


def main() -> int:
    status = 0
    for name in sys.argv[1:]:
        validator = Validator()
        document = json.loads(Path(name).read_text())
        validator.check(document, "document", "document")
        if not validator.faults:
            validator.sums(document)
        for fault in validator.faults:
            print(f"{name}: {fault}", file=sys.stderr)
        status = 1 if validator.faults else status
    return status


if __name__ == "__main__":
    sys.exit(main())
