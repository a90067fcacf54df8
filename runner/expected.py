#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What lines are expected to do other than pass: docs/expected.md.

Files of the suite's folder "expected" say it for a target and kernel series
(TARGET-SERIES, e.g. hercules-6.12), a user's own (--expect) for whatever is run. An entry
has a name, why, and rows: how many cases of a line meet a deviation or finding, which
lines fail, which are skipped. What is met otherwise fails: an excuse that applies more
often hides something new, one that applies less often is not needed any more.

  expected.py SUITE FILE...    says what is wrong with these files, given a suite or a checkout
"""
from __future__ import annotations

import os
import re
import sys
from fnmatch import fnmatchcase

import results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from options import Options
    from shape import Line, Test

HEAD = re.compile(r"\[([A-Z]+-[A-Za-z0-9-]+)\]")
FIELD = re.compile(r"(reason|clause|reference|fixed) +(\S.*)")
ROW = re.compile(r"([\w*?-]+/[\w*?-]+) +([0-9,-]+|\*) +(fails|skips|([0-9]+)(?:-([0-9]+))?)")
LINES = re.compile(r"[1-9][0-9]*(-[0-9]+)?(,[1-9][0-9]*(-[0-9]+)?)*")
COUNTED = re.compile(r"(?:DEV|FIND)-[0-9]+")
NEEDED = ("reason", "clause", "reference", "fixed")
UNEXPECTED = "it was skipped, and nothing expects that (--strict-skips)"
FORM = "a row is TEST LINES CASES, where CASES may be LEAST-MOST, or TEST LINES fails, or TEST LINES skips"

Span = tuple[int, int]
Counts = dict[tuple[str, int], dict[str, Span]]


class NotReadable(Exception):
    """A file of expectations that is none."""


class Entry:
    def __init__(self, name: str, place: str) -> None:
        self.name, self.place = name, place
        self.fields: dict[str, str] = {}
        self.rows: list[tuple[str, str, str, Span | None]] = []  # test, lines, what, cases

    def reason(self) -> str:
        return f"{self.name}: {self.fields.get('reason', '')}"

    def fits(self, what: str, test: str, line: int) -> bool:
        return any(kind == what and fnmatchcase(test, pattern) and within(lines, line)
                   for pattern, lines, kind, _ in self.rows)

    def counted(self) -> Iterator[tuple[str, int, Span]]:
        """Test, line and cases of each row that counts."""
        for test, lines, _, span in self.rows:
            if span:
                for line in numbers(lines):
                    yield test, line, span


def numbers(lines: str) -> list[int]:
    """The lines that 2-4,7 names."""
    pairs = (piece.partition("-") for piece in lines.split(","))
    return [line for first, _, last in pairs for line in range(int(first), int(last or first) + 1)]


def within(lines: str, line: int) -> bool:
    return lines == "*" or line in numbers(lines)


def read(path: str) -> list[Entry]:
    """The entries of a file; what has not its form is refused."""
    entries: list[Entry] = []
    with open(path, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            place, text = f"{path}:{number}", text.partition("#")[0].strip()
            if not text:
                continue
            if head := HEAD.fullmatch(text):
                if any(entry.name == head[1] for entry in entries):
                    raise NotReadable(f"{place}: {head[1]} is there twice")
                entries.append(Entry(head[1], place))
            elif not entries:
                raise NotReadable(f"{place}: an entry begins with its [NAME], e.g. [FIND-10]")
            elif field := FIELD.fullmatch(text):
                entries[-1].fields[field[1]] = field[2]
            else:
                entries[-1].rows.append(row_of(place, text, entries[-1].name))
    for entry in entries:
        check(entry)
    return entries


def row_of(place: str, text: str, name: str) -> tuple[str, str, str, Span | None]:
    row = ROW.fullmatch(text)
    if not row or row[2] != "*" and not LINES.fullmatch(row[2]):
        raise NotReadable(f"{place}: {FORM}")
    if row[2] != "*" and any(not numbers(piece) for piece in row[2].split(",")):
        raise NotReadable(f"{place}: {row[2]} names lines from the higher to the lower: {FORM}")
    if not row[4]:
        return row[1], row[2], row[3], None
    if not COUNTED.fullmatch(name):
        raise NotReadable(f"{place}: cases are counted of deviations and findings (DEV-, FIND-);"
                          f" of {name} a line fails or skips")
    if "*" in row[1] + row[2] or "?" in row[1]:
        raise NotReadable(f"{place}: cases are counted line by line: name the test and its lines")
    return row[1], row[2], "cases", (int(row[4]), int(row[5] or row[4]))


def check(entry: Entry) -> None:
    skips = entry.rows and all(what == "skips" for _, _, what, _ in entry.rows)
    lacking = [name for name in (("reason",) if skips else NEEDED) if not entry.fields.get(name)]
    if lacking:
        raise NotReadable(f"{entry.place}: {entry.name} has no {' and no '.join(lacking)}")
    if not entry.rows:
        raise NotReadable(f"{entry.place}: {entry.name} matches nothing: it has no row")
    places = [(test, line) for test, line, _ in entry.counted()]
    for test, line in places:
        if places.count((test, line)) > 1:
            raise NotReadable(f"{entry.place}: {entry.name} is there twice for {test} {line}")


class Expected:
    """What a run is to meet; COUNTED: cases are held against what is here."""

    def __init__(self, entries: Sequence[Entry], counted: bool, fewer: bool) -> None:
        self.entries, self.counted = entries, counted
        self.counts: Counts = {}
        for entry in entries if counted else ():
            for test, line, (least, most) in entry.counted():
                self.counts.setdefault((test, line), {})[entry.name] = (0 if fewer else least, most)

    def entry(self, what: str, test: str, line: int) -> Entry | None:
        return next((entry for entry in self.entries if entry.fits(what, test, line)), None)


def of(options: Options, release: str, whole: bool) -> Expected:
    """What is expected of this kernel. Cases are counted in WHOLE runs on a usual one only."""
    series = re.match(r"[0-9]+\.[0-9]+", release)
    target = os.path.basename(options.about.get("target", ""))
    path = os.path.join(options.suite, "expected", f"{target}-{series[0]}") if series and target else ""
    entries = [entry for name in options.expect for entry in read(name)]
    own = {entry.name for entry in entries}
    there = bool(path) and os.path.exists(path)
    if there:
        entries += [entry for entry in read(path) if entry.name not in own]
    # A kernel or module of the user's own may have mended what the distribution's has
    fewer = "/" in options.about.get("asked", "")
    counted = there and whole and not (options.cpus or options.memory)
    return Expected(entries, counted, fewer)


def in_words(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} to {most}"


def compare(counts: Counts, test: str, line: Line) -> str:
    """Set what LINE was to meet; returns what it met otherwise, "" if nothing."""
    wanted = counts.get((test, line["number"]), {})
    met = results.known_of(line)
    line["expected"] = {name: in_words(*span) for name, span in wanted.items()}
    wrong = [f"{name} in {met.get(name, 0)} cases, expected in {in_words(*wanted.get(name, (0, 0)))}"
             for name in sorted({*wanted, *met})
             if not wanted.get(name, (0, 0))[0] <= met.get(name, 0) <= wanted.get(name, (0, 0))[1]]
    return "; ".join(wrong)


def judge_line(line: Line, test: str, expected: Expected, strict_skips: bool) -> None:
    """Change the verdict of LINE to what it is in the light of what was expected."""
    verdict, fails = line["verdict"], expected.entry("fails", test, line["number"])
    if verdict == "failed" and fails:
        line["verdict"], line["reason"] = "xfail", fails.reason()
    elif verdict == "passed" and fails:
        line["verdict"] = "failed"
        line["reason"] = f"it passed, and was expected to fail ({fails.reason()}): remove the row"
    elif verdict in ("passed", "xfail") and expected.counted and (why := compare(expected.counts, test, line)):
        line["verdict"], line["reason"] = "failed", why
    elif verdict == "skipped" and strict_skips and not expected.entry("skips", test, line["number"]):
        line["verdict"], line["reason"] = "failed", UNEXPECTED


def judge(lines: list[Line], test: str, expected: Expected, strict_skips: bool) -> str:
    """The verdict of lines that passed or failed, by what was expected of them."""
    for line in lines:
        judge_line(line, test, expected, strict_skips)
    return "failed" if any(line["verdict"] == "failed" for line in lines) else "passed"


class Wanted:
    """What a run is to meet, read once for each kernel: it should be one."""

    def __init__(self, options: Options, whole: bool) -> None:
        self.options, self.whole = options, whole
        self.kept: dict[str, Expected] = {}
        self.fault = ""  # why a file could not be read

    def of(self, release: str) -> Expected:
        if release not in self.kept:
            try:
                self.kept[release] = of(self.options, release, self.whole)
            except (NotReadable, OSError, UnicodeError) as error:
                self.fault = f"what is expected cannot be read: {error}"
                self.kept[release] = Expected([], False, False)
        return self.kept[release]

    def judge_skip(self, test: Test) -> None:
        """A test that is skipped as a whole needs a row that says so (--strict-skips)."""
        if test["verdict"] == "skipped" and not test["lines"] and not any(
                expected.entry("skips", test["name"], 1) for expected in self.kept.values()):
            test["verdict"], test["skip"] = "failed", None
            test["reason"] = f"{UNEXPECTED}: {test['reason']}"


# ------------------------------------------------------------------ checking

def known_names(top: str) -> set[str]:
    """Clauses, deviations and findings that this suite has."""
    texts = []
    for folder in sorted(entry.path for entry in os.scandir(top) if entry.is_dir()):
        if os.path.exists(path := os.path.join(folder, "contract.md")):
            texts.append(path)
    texts += [path for path in (f"{top}/docs/findings.md", f"{top}/findings.md") if os.path.exists(path)]
    found: set[str] = set()
    for path in texts:
        with open(path, encoding="utf-8") as file:
            found.update(re.findall(r"^(?:\| *|#+ .*?)([A-Z]+(?:-[A-Z]+)*-[0-9]+)", file.read(), re.MULTILINE))
    return found


def faults(top: str, path: str) -> list[str]:
    """What is wrong with a file, beyond its form."""
    names, wrong = known_names(top), []
    there = [f"{family}/{name.removesuffix('.c')}" for family in os.listdir(top)
             if os.path.exists(f"{top}/{family}/family") for name in os.listdir(f"{top}/{family}")]
    for entry in read(path):
        if COUNTED.fullmatch(entry.name) and entry.name not in names:
            wrong.append(f"{entry.place}: no contract.md and no docs/findings.md has {entry.name}")
        for clause in entry.fields.get("clause", "").replace(",", " ").split():
            if clause not in names:
                wrong.append(f"{entry.place}: no contract.md has the clause {clause}")
        for test, lines, _, _ in entry.rows:
            if not any(fnmatchcase(name, test) for name in there):
                wrong.append(f"{entry.place}: {entry.name} matches nothing: there is no test {test}")
    return wrong


def main(words: Sequence[str]) -> int:
    if len(words) < 2:
        print(__doc__, end="", file=sys.stderr)
        return 2
    wrong = []
    for path in words[1:]:
        try:
            wrong += faults(words[0], path)
        except (NotReadable, OSError, UnicodeError) as error:
            wrong.append(str(error))
    for text in wrong:
        print(f"expected.py: {text}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
