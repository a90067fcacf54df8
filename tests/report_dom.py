#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""report_dom.py RESULTS [WIDTH]: open report.html in Chromium, and hold the page against results.json.

Fails on script errors, on a page whose script did not run, on numbers that are not those of
the results, on anything that is fetched from elsewhere, and where the page is wider than the
window (WIDTH, in pixels).
"""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path


class Page(HTMLParser):
    """What of the DOM is compared."""

    def __init__(self) -> None:
        super().__init__()
        self.root: dict[str, str | None] = {}
        self.counts: dict[str, str] = {}
        self.tests: list[str] = []
        self.rows = self.cells = self.failed = self.scripts = 0
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.counting = ""
        self.verdict = ""
        self.in_verdict = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        classes = (values.get("class") or "").split()
        if tag == "html":
            self.root = values
        self.ids += [values["id"] or ""] if "id" in values else []
        self.fetched += [values[key] or "" for key in ("src", "data", "action") if key in values]
        if tag == "a":
            self.links.append(values.get("href") or "")
        if tag == "link":
            self.fetched.append(values.get("href") or "")
        self.scripts += tag == "script"
        self.counting = values.get("data-count") or ""
        self.in_verdict = values.get("id") == "verdict"
        self.cells += "cell" in classes
        self.failed += tag == "article" and "failed" in classes
        if tag == "details" and "test" in classes:
            self.tests.append(values.get("data-name") or "")
        self.rows += tag == "td" and bool(self.tests) and "number" in classes

    def handle_endtag(self, tag: str) -> None:
        self.counting, self.in_verdict = "", False

    def handle_data(self, data: str) -> None:
        if self.counting:
            self.counts[self.counting] = data
        if self.in_verdict:
            self.verdict += data


def dom(path: Path, width: int) -> str:
    """The page as it is when its script has run; the script also writes how wide it is."""
    text = path.read_text(encoding="utf-8")
    probe = "<script>document.documentElement.dataset.wide = document.documentElement.scrollWidth;</script></body>"
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(text.replace("</body>", probe), encoding="utf-8")
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile",
                   f"--window-size={width},900", "--dump-dom", page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False,
                              env={**os.environ, "HOME": folder})
    if done.returncode or not done.stdout:
        sys.exit(f"report_dom.py: chromium ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def faults(page: Page, document: dict[str, object], width: int) -> list[str]:
    totals, tests = document["totals"], document["tests"]
    assert isinstance(totals, dict) and isinstance(tests, list)
    lines = sum(len(test["lines"]) for test in tests)
    wrong = []
    if page.root.get("data-errors"):
        wrong.append(f"{page.root['data-errors']} script errors")
    if page.root.get("data-ready") != "yes":
        wrong.append("the script did not run to its end")
    if int(page.root.get("data-wide") or 0) > width:
        wrong.append(f"the page is {page.root['data-wide']} pixels wide in a window of {width}")
    if not page.root.get("lang") or not page.verdict.strip():
        wrong.append("no language, or no verdict")
    for key in ("passed", "failed", "xfail", "skipped", "cases", "tests"):
        if page.counts.get(key) != str(totals[key]):
            wrong.append(f"{key}: the page has {page.counts.get(key)}, the results {totals[key]}")
    if page.tests != [test["name"] for test in tests]:
        wrong.append("the page has other tests than the results")
    if page.rows != 3 * lines:
        wrong.append(f"the page has {page.rows / 3} lines of tests, the results {lines}")
    clauses = document["clauses"]
    assert isinstance(clauses, list)
    if page.cells != len(clauses):
        wrong.append(f"the page has {page.cells} clauses, the results {len(clauses)}")
    bad = [line for test in tests for line in test["lines"] if line["verdict"] in ("failed", "broken")]
    if len(bad) > page.failed:
        wrong.append(f"the page tells of {page.failed} failures, the results of {len(bad)}")
    if page.fetched or page.scripts != 2:
        wrong.append(f"the page fetches {page.fetched}, or has {page.scripts} scripts")
    if twice := {name for name in page.ids if page.ids.count(name) > 1}:
        wrong.append(f"places with one name: {sorted(twice)}")
    if dead := [link for link in page.links if not link.startswith("#") or link[1:] not in page.ids]:
        wrong.append(f"links that lead nowhere, or elsewhere: {dead}")
    return wrong


def main() -> int:
    folder, width = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1200
    document = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    source = (folder / "report.html").read_text(encoding="utf-8")
    if found := re.search(r"(?:https?:)?//[a-z]|@import|url\(", source):
        print(f"report_dom.py: the page names a place elsewhere: {source[found.start():][:60]}", file=sys.stderr)
        return 1
    page = Page()
    page.feed(dom(folder / "report.html", width))
    wrong = faults(page, document, width)
    for text in wrong:
        print(f"report_dom.py: {text}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
