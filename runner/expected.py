# SPDX-License-Identifier: GPL-2.0-only
"""How often the known deviations and findings are met, by result line: what was counted is to be met again.

An excuse that applies more often than it did hides something new; one that applies less
often is not needed any more. Files of the suite's folder "expected" hold the counts, one
for each target and kernel series: TARGET-SERIES, e.g. hercules-6.12. Where there is
none, what is met is told and not compared.
"""
from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from options import Options
    from shape import Line

ROW = re.compile(r"([\w-]+/[\w-]+) +([1-9][0-9]*) +((?:DEV|FIND)-[0-9]+) +([0-9]+)(?:-([0-9]+))?")

Key = tuple[str, int]
Counts = dict[Key, dict[str, tuple[int, int]]]


class NotReadable(Exception):
    """A file of expected counts that is none."""


def read(path: str) -> Counts:
    """The rows of a file: test and line -> name -> least and most cases."""
    counts: Counts = {}
    with open(path, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            text = text.partition("#")[0].strip()
            if not text:
                continue
            row = ROW.fullmatch(text)
            if not row:
                raise NotReadable(f"{path}:{number}: a row is TEST LINE NAME CASES, or LEAST-MOST in place of CASES")
            line = counts.setdefault((row[1], int(row[2])), {})
            if row[3] in line:
                raise NotReadable(f"{path}:{number}: {row[3]} is there twice for this line")
            line[row[3]] = (int(row[4]), int(row[5] or row[4]))
    return counts


def of(options: Options, machine: dict[str, str]) -> Counts | None:
    """The counts for what runs on this machine; None where there are none, or it is no usual one."""
    series = re.match(r"[0-9]+\.[0-9]+", machine.get("release", ""))
    target = options.about.get("target", "")
    if not series or not target or options.cpus or options.memory:
        return None
    path = os.path.join(options.suite, "expected", f"{os.path.basename(target)}-{series[0]}")
    counts = read(path) if os.path.exists(path) else None
    # A kernel or module of the user's own may have mended what the distribution's has
    if counts and "/" in options.about.get("asked", ""):
        counts = {place: {name: (0, most) for name, (_, most) in line.items()} for place, line in counts.items()}
    return counts


def in_words(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} to {most}"


def compare(counts: Counts, test: str, line: Line) -> str:
    """Set what LINE was to meet; returns what it met otherwise, "" if nothing."""
    wanted = counts.get((test, line["number"]), {})
    met = {**line["deviations"], **line["findings"]}
    line["expected"] = {name: in_words(*span) for name, span in wanted.items()}
    wrong = [f"{name} in {met.get(name, 0)} cases, expected in {in_words(*wanted.get(name, (0, 0)))}"
             for name in sorted({*wanted, *met})
             if not wanted.get(name, (0, 0))[0] <= met.get(name, 0) <= wanted.get(name, (0, 0))[1]]
    return "; ".join(wrong)


def judge(lines: list[Line], test: str, counts: Counts) -> str:
    """The verdict of what passed so far: lines that met something else than is expected fail."""
    verdict = "passed"
    for line in lines:
        if line["verdict"] in ("passed", "xfail") and (why := compare(counts, test, line)):
            line["reason"] = why
            line["verdict"] = verdict = "failed"
    return verdict
