# SPDX-License-Identifier: GPL-2.0-only
"""One plain sentence for each known deviation and finding that a run met."""
from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

DEVIATION = re.compile(r"\| *(DEV-[0-9]+) *\|[^|]*\|([^|]*)\|")
FINDING = re.compile(r"#+ .*?\b(FIND-[0-9]+)\b[:.,]? *(.*)")


def first_sentence(text: str) -> str:
    return text.strip().partition(". ")[0].rstrip(".")


def lines_of(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().split("\n")
    except OSError:
        return []  # the numbers are told all the same


def sentences(suite: str, names: Container[str]) -> dict[str, str]:
    """What the contracts and the findings of SUITE say of NAMES."""
    found: dict[str, str] = {}
    folders = sorted(entry.path for entry in os.scandir(suite) if entry.is_dir())
    for line in [line for folder in folders for line in lines_of(os.path.join(folder, "contract.md"))]:
        if (row := DEVIATION.match(line)) and row[1] in names:
            found[row[1]] = first_sentence(row[2])
    own = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../docs/findings.md")
    for line in lines_of(os.path.join(suite, "findings.md")) or lines_of(own):
        if (heading := FINDING.match(line)) and heading[1] in names:
            found[heading[1]] = first_sentence(heading[2])
    return found
