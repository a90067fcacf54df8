# SPDX-License-Identifier: GPL-2.0-only
"""Two runs held against each other: what is worse, what is better, what is only other.

Lines are the same if test and number and sentence are. Worse is what failed newly, what
is newly known to fail, what was run and is skipped now, and what is not there any more:
whatever could hide a fault. Time and counts of known deviations are told, and decide nothing.
"""
from __future__ import annotations

import results
import screen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shape import Document, Line, Test

    Pair = tuple[Line, Line]

SLOWER, SLOWER_BY = 1.5, 1.0  # times, and seconds: less is the host's mood
BAD, RAN = ("failed", "broken"), ("passed", "xfail", "failed", "broken")
Place = tuple[str, int, str]


def lines_of(document: Document) -> dict[Place, Line]:
    return {(test["name"], line["number"], line["name"]): line for test in document["tests"] for line in test["lines"]}


def tests_of(document: Document) -> dict[str, Test]:
    return {test["name"]: test for test in document["tests"]}


def place_text(place: Place) -> str:
    return screen.plain(f"{place[0]} {place[1]} {place[2]}")


class Comparison:
    """What differs between runs A and B; "worse" where B is."""

    def __init__(self, a: Document, b: Document) -> None:
        self.a, self.b = a, b
        self.old, self.new = lines_of(a), lines_of(b)
        self.parts: list[tuple[str, list[str]]] = []
        self.worse = False
        self.verdicts()
        self.tests()
        self.clauses()
        self.known()
        self.times()

    def add(self, heading: str, found: Iterable[str], worse: bool = False) -> None:
        lines = list(found)
        if lines:
            self.parts.append((heading, lines))
            self.worse = self.worse or worse

    def both(self, wanted: Callable[[Line, Line], bool]) -> list[tuple[Place, Line, Line]]:
        return [(place, self.old[place], line) for place, line in self.new.items()
                if place in self.old and wanted(self.old[place], line)]

    def verdicts(self) -> None:
        self.add("newly failing", (self.changed(*pair) for pair in self.both(
            lambda a, b: b["verdict"] in BAD and a["verdict"] not in BAD)), worse=True)
        self.add("newly known to fail", (self.changed(*pair) for pair in self.both(
            lambda a, b: b["verdict"] == "xfail" and a["verdict"] == "passed")), worse=True)
        self.add("newly skipped", (self.changed(*pair) for pair in self.both(
            lambda a, b: b["verdict"] == "skipped" and a["verdict"] in RAN)), worse=True)
        self.add("fixed", (self.changed(*pair) for pair in self.both(
            lambda a, b: b["verdict"] in ("passed", "xfail") and a["verdict"] in BAD
            or b["verdict"] == "passed" and a["verdict"] == "xfail")))
        self.add("no longer skipped", (self.changed(*pair) for pair in self.both(
            lambda a, b: a["verdict"] == "skipped" and b["verdict"] in RAN)))

    @staticmethod
    def changed(place: Place, a: Line, b: Line) -> str:
        reason = screen.skip_text(b) or b["reason"]
        return (f"{place_text(place)}: {screen.WORDS[a['verdict']]}, now {screen.WORDS[b['verdict']]}"
                f"{': ' + screen.plain(reason) if reason else ''}")

    def tests(self) -> None:
        """What is not a line's: tests that broke, that are missing, lines that are."""
        old, new = tests_of(self.a), tests_of(self.b)
        self.add("tests that newly fail, beside their lines", (
            f"{name}: {screen.verdict_text(test)}" for name, test in new.items()
            if test["verdict"] in BAD and old.get(name, test)["verdict"] not in BAD
            or name in old and test["verdict"] == "skipped" and not test["lines"]
            and old[name]["verdict"] == "passed"), worse=True)
        self.add("not in the second run", (screen.plain(name) for name in old if name not in new), worse=True)
        self.add("only in the second run", (screen.plain(name) for name in new if name not in old))
        gone = [place for place in self.old if place not in self.new and place[0] in new]
        self.add("lines that the second run has not", map(place_text, gone), worse=True)
        self.add("lines that the first run had not", (
            f"{place_text(place)}: {screen.WORDS[line['verdict']]}" for place, line in self.new.items()
            if place not in self.old and place[0] in old))
        if not self.b["run"]["complete"]:
            self.add("the second run", screen.end_text(self.b) or ["it did not run to its end"], worse=True)

    def clauses(self) -> None:
        before = {clause["name"]: clause["result"] for clause in self.a["clauses"]}
        self.add("clauses proved before and not now", (
            f"{clause['name']}: passed, now {screen.WORDS[clause['result']]}" for clause in self.b["clauses"]
            if before.get(clause["name"]) == "passed" and clause["result"] != "passed"), worse=True)

    def known(self) -> None:
        """Deviations and findings that were met in other numbers of cases."""
        other = []
        for place, a, b in self.both(lambda a, b: results.known_of(a) != results.known_of(b)):
            for name in sorted({*results.known_of(a), *results.known_of(b)}):
                was, now = results.known_of(a).get(name, 0), results.known_of(b).get(name, 0)
                if was != now:
                    other.append(f"{place_text(place)}: {name} in {was} cases, now in {now}")
        self.add("other deviations and findings", other)

    def times(self) -> None:
        old, found = tests_of(self.a), []
        for name, test in tests_of(self.b).items():
            was, now = old.get(name, test)["cpu_seconds"] or 0.0, test["cpu_seconds"] or 0.0
            if was and now > was * SLOWER and now > was + SLOWER_BY:
                found.append(f"{screen.plain(name)}: {was:.1f} CPU seconds, now {now:.1f}")
        self.add("slower", found)

    def verdict(self) -> str:
        if self.worse:
            return "the second run is worse"
        return "the second run is not worse" if self.parts else "the runs do not differ"

    def text(self) -> str:
        out = [f"{label}  {screen.plain(run_text(document))}" for label, document in (("A", self.a), ("B", self.b))]
        for heading, found in self.parts:
            out += ["", f"{heading}:", *(f"  {text}" for text in found)]
        return "\n".join([*out, "", self.verdict(), ""])

    def status(self) -> int:
        return results.EXIT_FAILED if self.worse else results.EXIT_PASSED


def run_text(document: Document) -> str:
    run, about = document["run"], document["about"]
    kernel = f"Linux {document['kernel']}" if document["kernel"] else "no kernel"
    totals = results.total(document["tests"])
    return (f"{run['id']}, {kernel}, {about.get('target', 'no target')}, suite {about.get('suite', 'unknown')}:"
            f" {totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped")
