# SPDX-License-Identifier: GPL-2.0-only
"""results.json: what a run found, as data. docs/results.md is its schema.

The document is a plain dictionary, so that a run that goes, a run that ended
and one that was read from a file look the same to whoever reports of it. What
can be counted from the tests is counted here, in one place.
"""
from __future__ import annotations

import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from contract import Clause as ContractClause
    from shape import Clause, Document, Line, Skip, Test

VERSION = 1
EXIT_PASSED, EXIT_FAILED, EXIT_USAGE, EXIT_BROKEN, EXIT_UNTESTED = 0, 1, 2, 3, 4
# Of a clause, the worst first: what a reader has to know about it
CLAUSE_RESULTS = ("failed", "broken", "unproven", "xfail", "passed", "skipped")
WAITING, RUNNING, UNFINISHED = "waiting", "running", "unfinished"


def new_test(name: str, command: str) -> Test:
    return {"name": name, "verdict": WAITING, "reason": "", "skip": None, "cases": 0, "seconds": 0.0,
            "cpu_seconds": None, "options": [], "capabilities": {}, "command": command, "kernel_log": [],
            "parts": [], "lines": []}


def new_document(identifier: str, date: str, command: str, arguments: Sequence[str], jobs: int,
                 about: dict[str, str]) -> Document:
    system = os.uname()
    return {
        "version": VERSION,
        "run": {"id": identifier, "date": date, "complete": False, "signal": None, "fault": "", "exit_status": None,
                "command": command, "arguments": list(arguments), "jobs": jobs,
                "moments": {"first_job": None, "first_result": None, "end": None}, "longest": None,
                "cpu_seconds": 0.0},
        "about": about,
        "host": {"system": system.sysname, "release": system.release, "machine": system.machine,
                 "cpus": str(os.cpu_count() or 0), "python": sys.version.split()[0]},
        "kernel": "", "kvm": "", "capabilities": {},
        "totals": {}, "deviations": {}, "findings": {}, "sentences": {}, "tests": [], "clauses": [],
    }


def counts(test: Test) -> dict[str, int]:
    """Passed, failed, skipped, xfail lines, so that a test that broke never counts for nothing."""
    found = {verdict: sum(line["verdict"] == verdict for line in test["lines"])
             for verdict in ("passed", "failed", "skipped", "xfail")}
    if test["verdict"] in ("failed", "broken") and not found["failed"]:
        found["failed"] = 1  # for what is no line's: the kernel log, the machine, lines that did not come
    if test["verdict"] == "skipped" and not test["lines"]:
        found["skipped"] = 1
    return found


def total(tests: Iterable[Test]) -> dict[str, int]:
    found = {"passed": 0, "failed": 0, "skipped": 0, "xfail": 0, "cases": 0, "tests": 0, "broken": 0}
    for test in tests:
        for key, count in counts(test).items():
            found[key] += count
        found["cases"] += test["cases"]
        found["tests"] += test["verdict"] not in (WAITING, RUNNING, UNFINISHED)
        found["broken"] += test["verdict"] == "broken"
    return found


def met(tests: Iterable[Test], what: str) -> dict[str, int]:
    """Deviations or findings (WHAT) of all lines, with their cases."""
    found: dict[str, int] = {}
    for test in tests:
        for line in test["lines"]:
            for name, cases in line[what].items():  # type: ignore[literal-required]
                found[name] = found.get(name, 0) + cases
    return dict(sorted(found.items()))


def known_of(line: Line) -> dict[str, int]:
    """Deviations and findings that LINE met, with their cases."""
    return {**line["deviations"], **line["findings"]}


def skipped(document: Document) -> list[tuple[str, Skip]]:
    """What was skipped, lines and whole tests, and why."""
    found: list[tuple[str, Skip]] = []
    for test in document["tests"]:
        entries: list[tuple[str, Line | Test]] = [(f"{test['name']} {line['number']}", line) for line in test["lines"]]
        found += [(where, entry["skip"] or {"kind": None, "reason": entry["reason"]})
                  for where, entry in entries or [(test["name"], test)] if entry["verdict"] == "skipped"]
    return found


def evidence_of(test: Test, line: Line) -> str:
    """What LINE says of the clauses it met; only a test that passed proves anything."""
    if line["verdict"] != "passed":
        return line["verdict"]
    return {"passed": "passed", "broken": "broken"}.get(test["verdict"], "unproven")


def clause_table(tests: Iterable[Test], contract: dict[str, ContractClause]) -> list[Clause]:
    """Each clause of the contract, and what this run found of it."""
    table: dict[str, Clause] = {
        name: {"name": name, "kind": clause.kind, "result": "", "cases": 0, "by": {}, "deviations": [],
               "reason": clause.reason, "text": clause.text} for name, clause in contract.items()}
    for test in tests:
        for line in test["lines"]:
            for name in dict.fromkeys([*line["clauses"], *line["promised"]]):
                if name in table:
                    add_evidence(table[name], test, line)
    return list(table.values())


def add_evidence(clause: Clause, test: Test, line: Line) -> None:
    result = evidence_of(test, line)
    if result == "passed" and not line["clauses"].get(clause["name"]):
        return
    if not clause["result"] or CLAUSE_RESULTS.index(result) < CLAUSE_RESULTS.index(clause["result"]):
        clause["result"] = result
    clause["cases"] += line["clauses"].get(clause["name"], 0)
    clause["by"].setdefault(test["name"], []).append(line["number"])
    clause["deviations"] = sorted({*clause["deviations"], *known_of(line)})


def refresh(document: Document) -> None:
    """Bring what is counted up to date with the tests."""
    tests, run = document["tests"], document["run"]
    document["totals"] = total(tests)
    document["deviations"], document["findings"] = met(tests, "deviations"), met(tests, "findings")
    for test in tests:
        document["capabilities"].update(test["capabilities"])
    parts = [(part, test) for test in tests for part in test["parts"]]
    run["cpu_seconds"] = round(sum(part["cpu_seconds"] or 0.0 for part, _ in parts), 2)
    if parts:
        part, test = max(parts, key=lambda pair: pair[0]["seconds"])
        run["longest"] = {"test": test["name"], "lines": part["lines"], "seconds": part["seconds"]}


def exit_status(document: Document, strict: bool) -> int:
    verdicts = {test["verdict"] for test in document["tests"]}
    if document["run"]["signal"]:
        return 128 + document["run"]["signal"]
    if document["run"]["fault"] or not verdicts or verdicts & {"broken", WAITING, RUNNING, UNFINISHED}:
        return EXIT_BROKEN
    known = document["findings"] or any(line["verdict"] == "xfail" for test in document["tests"] for line in test["lines"])
    if "failed" in verdicts or (strict and known):
        return EXIT_FAILED
    return EXIT_UNTESTED if verdicts == {"skipped"} else EXIT_PASSED


def write_text(path: str, text: str) -> None:
    """In one step: a reader finds the old text or the new one."""
    temp = f"{path}.new"
    with open(temp, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    os.replace(temp, path)


def dumped(document: Document) -> str:
    """JSON with a line for each part of the document, and for each test and clause."""
    parts = []
    for key, value in document.items():
        if key in ("tests", "clauses"):
            text = "[\n" + ",\n".join(map(json.dumps, value)) + "\n]"  # type: ignore[call-overload]
        else:
            text = json.dumps(value)
        parts.append(f"{json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def write(document: Document, folder: str) -> None:
    refresh(document)
    write_text(os.path.join(folder, "results.json"), dumped(document))


def read(folder: str) -> Document:
    with open(os.path.join(folder, "results.json"), encoding="utf-8") as file:
        document: Document = json.load(file)
    if document.get("version") != VERSION:
        raise ValueError(f"{folder}: results of version {document.get('version')}, this reads {VERSION}")
    import shape_check
    shape_check.check(document)
    return document


def link_latest(folder: str) -> None:
    """Point "latest" beside FOLDER at it, in one step."""
    parent, name = os.path.split(os.path.abspath(folder))
    temp = os.path.join(parent, f".latest-{os.getpid()}")
    os.symlink(name, temp)
    os.replace(temp, os.path.join(parent, "latest"))
