# SPDX-License-Identifier: GPL-2.0-only
"""JUnit XML: a suite for each test, a case for each line, in the form that CI servers read.

What is known to fail (XFAIL) is no failure there and no silence either: it passed as a case,
and its output says what is known. What no line stands for (a machine that died, a line that
is lost, the kernel log) is a case of its own that is in error.
"""
from __future__ import annotations

import xml.etree.ElementTree as ET

import results
import screen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from shape import Document, Line, Test


def clean(text: str) -> str:
    """TEXT without what XML cannot hold."""
    return "".join(c for c in screen.plain(text) if c in "\t\n\r" or ord(c) >= 32 and ord(c) not in (0xFFFE, 0xFFFF))


def child(parent: ET.Element, tag: str, text: str = "", **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, {key: clean(value) for key, value in attributes.items()})
    if text:
        element.text = clean(text)
    return element


def add_line(suite: ET.Element, test: Test, line: Line) -> str:
    """The case of LINE; returns what it counts as."""
    case = child(suite, "testcase", classname=test["name"].replace("/", "."),
                 name=f"{line['number']} {line['name']}", time=f"{line['seconds']:.3f}")
    said = [f"{line['cases']} cases", f"again: {line['command']}"]
    said += [f"{name} in {cases} cases" for name, cases in results.known_of(line).items()]
    if line["verdict"] == "skipped":
        child(case, "skipped", message=screen.skip_text(line))
    elif line["verdict"] == "failed":
        child(case, "failure", "\n".join(screen.failures_of(line)), type="failed",
              message=line["reason"] or f"{len(line['failures'])} cases failed")
    elif line["verdict"] == "broken":
        child(case, "error", "\n".join(screen.failures_of(line)), type="broken", message=test["reason"].split("\n")[0])
    elif line["verdict"] == "xfail":
        said.insert(0, f"known to fail: {line['reason']}")
    child(case, "system-out", "\n".join(said))
    return {"skipped": "skipped", "failed": "failures", "broken": "errors"}.get(line["verdict"], "")


def unseen(test: Test) -> str:
    """Why TEST is not passed, where none of its lines says so."""
    if test["verdict"] in ("passed", "skipped") or any(
            line["verdict"] in ("failed", "broken") for line in test["lines"]):
        return ""
    return test["reason"] or "\n".join(screen.trouble_of(test)) or f"it has no verdict: {test['verdict']}"


def add_test(root: ET.Element, document: Document, test: Test) -> None:
    suite = child(root, "testsuite", name=test["name"], time=f"{test['seconds']:.3f}",
                  timestamp="T".join(document["run"]["date"].split()[:2]), hostname=document["host"].get("system", ""))
    properties = child(suite, "properties")
    for name, value in {"kernel": document["kernel"], "kvm": document["kvm"], **document["about"]}.items():
        child(properties, "property", name=name, value=value)
    counted = {"tests": len(test["lines"]), "failures": 0, "errors": 0, "skipped": 0}
    for line in test["lines"]:
        kind = add_line(suite, test, line)
        if kind:
            counted[kind] += 1
    if not test["lines"] or unseen(test):
        counted["tests"] += 1
        case = child(suite, "testcase", classname=test["name"].replace("/", "."), name="the test itself", time="0")
        if test["verdict"] == "skipped":
            child(case, "skipped", message=screen.skip_text(test))
            counted["skipped"] += 1
        else:
            child(case, "error", "\n".join(screen.details(test)), type=test["verdict"],
                  message=(unseen(test) or "no line").split("\n")[0])
            counted["errors"] += 1
    for key, count in counted.items():
        suite.set(key, str(count))


def text(document: Document) -> str:
    root = ET.Element("testsuites", name=document["run"]["id"])
    for test in document["tests"]:
        add_test(root, document, test)
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
