# SPDX-License-Identifier: GPL-2.0-only
"""Failures in the forms in which code hosts show them beside the source.

github: workflow commands on stdout, one a line. gitlab: the report of code quality, JSON.
"""
from __future__ import annotations

import hashlib
import json
import os

import screen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from shape import Document, Line, Test

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The field of a failure, in the order of what a reader wants first
SHOWN = ("clause", "state", "request", "expected", "observed")


def source_line(path: str, sentence: str) -> int:
    """Where the SENTENCE stands in the source; its first line where there is none."""
    try:
        with open(os.path.join(TOP, path), encoding="utf-8", errors="replace") as file:
            return next((n for n, text in enumerate(file, 1) if f'"{sentence}"' in text), 1)
    except OSError:
        return 1


def message_of(line: Line) -> str:
    told = [f"{len(line['failures'])} cases failed" if line["failures"] else line["reason"] or "failed"]
    if line["failures"]:
        fields = line["failures"][0]["fields"]
        told += [f"{name}: {fields[name]}" for name in SHOWN if name in fields]
    return "\n".join([*told, f"again: {line['failures'][0]['command'] if line['failures'] else line['command']}"])


def troubles(document: Document) -> Iterator[tuple[str, int, str, str, str]]:
    """File, line, severity, title and message of what failed and of what is known to fail."""
    for test in document["tests"]:
        path = f"{test['name']}.c"
        for line in test["lines"]:
            title = f"{test['name']} {line['number']}: {line['name']}"
            if line["verdict"] == "failed":
                yield path, source_line(path, line["name"]), "error", title, message_of(line)
            elif line["verdict"] == "xfail":
                yield path, source_line(path, line["name"]), "notice", title, f"known to fail: {line['reason']}"
        if whole := whole_test(test):
            yield path, 1, "error", f"{test['name']} {screen.WORDS[test['verdict']]}", whole


def whole_test(test: Test) -> str:
    """What is wrong with TEST and is no line's."""
    if test["verdict"] == "broken" or test["kernel_log"]:
        return "\n".join([test["reason"], *screen.trouble_of(test)]).strip() or test["verdict"]
    return test["reason"] if test["verdict"] in ("unfinished", "running", "waiting") else ""


def property_text(text: str) -> str:
    return data_text(text).replace(":", "%3A").replace(",", "%2C")


def data_text(text: str) -> str:
    return screen.plain(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def github(document: Document) -> str:
    return "".join(f"::{kind} file={property_text(path)},line={line},title={property_text(title)}::{data_text(text)}\n"
                   for path, line, kind, title, text in troubles(document))


def gitlab(document: Document) -> str:
    found = [{"description": screen.plain(f"{title}: {text}"), "check_name": path.removesuffix(".c"),
              "fingerprint": hashlib.sha256(f"{path}\0{title}".encode()).hexdigest(),
              "severity": "major" if kind == "error" else "info",
              "location": {"path": path, "lines": {"begin": line}}}
             for path, line, kind, title, text in troubles(document)]
    return json.dumps(found, indent=1) + "\n"


FORMS = {"github": github, "gitlab": gitlab}
