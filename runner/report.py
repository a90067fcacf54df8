#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""report.py: reports from the results of runs that ended.

  report.py compare A B [HTML]    what is worse in B; exit status 1 if anything is
  report.py matrix HTML DIR...    several kernels side by side; the worst of their exit statuses
  report.py make DIR              report.html and junit.xml of a run, anew
  report.py annotate FORM DIR     failures for a code host: github or gitlab
"""
from __future__ import annotations

import sys

import results
from reports import annotate, compare, matrix, page, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from shape import Document

EXIT_USAGE = 2


class Wrong(Exception):
    """What was asked for cannot be had."""


def read(folder: str) -> Document:
    try:
        return results.read(folder)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise Wrong(f"{folder} holds no results that can be read ({error}): give the folder of a run,"
                    " as named at its end") from error


def do_compare(words: Sequence[str]) -> int:
    comparison = compare.Comparison(read(words[0]), read(words[1]))
    if len(words) > 2:
        results.write_text(words[2], page.of_comparison(comparison))
    print(comparison.text(), end="")
    return comparison.status()


def do_matrix(words: Sequence[str]) -> int:
    documents = [read(folder) for folder in words[1:]]
    results.write_text(words[0], page.of_matrix(documents))
    print(matrix.text(documents), end="")
    return matrix.status(documents)


def do_make(words: Sequence[str]) -> int:
    write.all_of(read(words[0]), words[0])
    return 0


def do_annotate(words: Sequence[str]) -> int:
    if words[0] not in annotate.FORMS:
        raise Wrong(f"annotations have the form {' or '.join(annotate.FORMS)}, not: {words[0]}")
    print(annotate.FORMS[words[0]](read(words[1])), end="")
    return 0


VERBS = {"compare": (do_compare, 2, 3), "matrix": (do_matrix, 2, 100), "make": (do_make, 1, 1),
         "annotate": (do_annotate, 2, 2)}


def main(words: Sequence[str]) -> int:
    if not words or words[0] not in VERBS or not VERBS[words[0]][1] <= len(words) - 1 <= VERBS[words[0]][2]:
        print(__doc__, end="", file=sys.stderr)
        return EXIT_USAGE
    try:
        return VERBS[words[0]][0](words[1:])
    except (Wrong, OSError) as error:
        print(f"report.py: {error}", file=sys.stderr)
        return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
