# SPDX-License-Identifier: GPL-2.0-only
"""Several kernels side by side: a table of tests, and what differs line by line."""
from __future__ import annotations

import results
import screen
from reports.compare import Place, lines_of, place_text, tests_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from shape import Document, Line, Test

ABSENT = "-"


def column(document: Document) -> str:
    """What a run is called at the head of its column."""
    release = document["kernel"].split("+")[0]
    asked = document["about"].get("asked", "").rpartition("/")[2]
    return f"{asked} {release}".strip() or document["run"]["id"]


def columns(documents: Sequence[Document]) -> list[str]:
    """Their names, told apart where two are alike."""
    names = [column(document) for document in documents]
    return [f"{name} ({document['run']['id']})" if names.count(name) > 1 else name
            for name, document in zip(names, documents)]


def cell(test: Test | None) -> str:
    """A test in few letters: ok with its lines, or what is wrong."""
    if test is None:
        return ABSENT
    found = results.counts(test)
    if test["verdict"] == "skipped":
        return "skipped"
    if test["verdict"] not in ("passed", "failed", "broken"):
        return screen.WORDS[test["verdict"]]
    known = f" +{found['xfail']} known" if found["xfail"] else ""
    if test["verdict"] == "passed":
        return f"{found['passed']} ok{known}"
    return f"{screen.WORDS[test['verdict']]} {found['failed']} of {len(test['lines'])}"


def names_of(documents: Sequence[Document]) -> list[str]:
    return list(dict.fromkeys(test["name"] for document in documents for test in document["tests"]))


def line_cell(line: Line | None) -> str:
    if line is None:
        return ABSENT
    known = results.known_of(line)
    return f"{screen.WORDS[line['verdict']]}{' ' + ' '.join(known) if known else ''}"


def different(documents: Sequence[Document]) -> list[tuple[Place, list[str]]]:
    """Lines that not all kernels answer alike."""
    tables = [lines_of(document) for document in documents]
    places = list(dict.fromkeys(place for table in tables for place in table))
    rows = [(place, [line_cell(table.get(place)) for table in tables]) for place in places]
    return [(place, cells) for place, cells in rows if len(set(cells)) > 1]


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, cells)) for cells in zip(*rows)]
    return ["  ".join(f"{screen.plain(cell):<{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows]


def text(documents: Sequence[Document]) -> str:
    heads = columns(documents)
    tests = [tests_of(document) for document in documents]
    rows = [["", *heads], *([name, *(cell(found.get(name)) for found in tests)] for name in names_of(documents))]
    rows.append(["all", *(screen.totals_text(document) for document in documents)])
    out = table(rows)
    if rows := [[place_text(place), *cells] for place, cells in different(documents)]:
        out += ["", "what differs:", *(f"  {line}" for line in table(rows))]
    return "\n".join([*out, ""])


def status(documents: Sequence[Document]) -> int:
    """The worst of the runs: broken, set-up, failed, nothing tested, passed."""
    order = (results.EXIT_BROKEN, results.EXIT_USAGE, results.EXIT_FAILED, results.EXIT_UNTESTED)
    found = [document["run"]["exit_status"] for document in documents]
    if None in found:
        return results.EXIT_BROKEN
    return next((number for number in found if number and number > 128),
                next((number for number in order if number in found), results.EXIT_PASSED))
