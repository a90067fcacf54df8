# SPDX-License-Identifier: GPL-2.0-only
"""Showing a run while it goes: result lines as they come, or one KTAP document.

What is written is made by screen.py; here is when, and what happens where it
cannot be written: a reader that went away ends the run as it ends any program.
"""
from __future__ import annotations

import errno
import os
import sys
import time

import ktap
import screen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shape import Line, Test

SILENCE = 15.0  # seconds after which a run says that it lives
CLEAR = "\r\x1b[K"
COLOURS = {"failed": "1;31", "broken": "1;31", "unfinished": "1;31", "xfail": "33", "passed": "32", "skipped": "2"}


class ReaderGone(Exception):
    """Nobody reads what is shown: "| head" has what it wanted."""


class Show:
    def __init__(self, tap: bool, verbose: bool, names: Sequence[str]) -> None:
        self.tap, self.verbose, self.number = tap, verbose, 0
        self.width = max(map(len, names), default=0)
        self.last = time.monotonic()
        self.lost = ""  # why stdout could not be written
        self.status = ""  # the last line of a terminal, which moves
        self.live = not tap and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self.coloured = self.live and not os.environ.get("NO_COLOR")
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        if tap:
            self.put([screen.tap_header(len(names))])

    def columns(self) -> int:
        """The width of the terminal; 0 where lines stay whole: for grep, and in KTAP."""
        try:
            return 0 if self.tap else os.get_terminal_size(sys.stdout.fileno()).columns
        except (OSError, ValueError):
            return 0

    def put(self, lines: Iterable[str], label: str = "", verdict: str = "") -> None:
        width = self.columns()
        if width:
            lines = [piece for line in lines for piece in screen.wrapped(label, line, width)]
            label = ""
        if self.coloured and verdict in COLOURS:
            lines = [f"\x1b[{COLOURS[verdict]}m{line}\x1b[0m" for line in lines]
        text = "".join(f"{label}{line}\n" for line in lines)
        if self.lost or not text:
            return
        self.last = time.monotonic()
        self.write(f"{CLEAR if self.status else ''}{text}{self.status}")

    def write(self, text: str) -> None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError as error:
            self.lost = f"what was to be shown could not be written: {error.strerror}"
            if error.errno == errno.EPIPE:
                raise ReaderGone from None

    def said(self, name: str, lines: Iterable[tuple[str, Line | None]]) -> None:
        """What a test has printed, in whole lines."""
        if self.tap:
            return
        label = f"{screen.plain(name):<{self.width}}  "
        for text, line in lines:
            if self.verbose or line and not (self.live and line["verdict"] in ("passed", "skipped")):
                self.put([screen.plain(text) if self.verbose or not line else screen.line_text(line)], label,
                         line["verdict"] if line else "")

    def done(self, test: Test, paths: Sequence[str]) -> None:
        """A test has its verdict; PATHS hold what it printed, in the order of its lines."""
        self.number += 1
        if self.tap:
            self.put([*(f"    {line}" for line in self.document(test, paths)), *screen.tap_result(self.number, test)])
            return
        label = f"{screen.plain(test['name']):<{self.width}}  "
        if not self.verbose and test["verdict"] in ("failed", "broken"):
            self.put(screen.details(test), label)
        self.put([screen.verdict_text(test)], label, test["verdict"])

    def document(self, test: Test, paths: Sequence[str]) -> list[str]:
        """The test's own KTAP, that of several parts joined to one."""
        texts = []
        for path in paths:
            try:
                with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
                    texts.append([screen.plain(line) for line in file.read().split("\n") if line])
            except OSError as error:
                texts.append([f"# its output cannot be read: {error.strerror}"])
        return texts[0] if len(texts) == 1 else joined(texts, len(test["lines"]))

    def alive(self, text: str) -> None:
        """A sign of life: on a terminal all the time, elsewhere where there was none for a while."""
        if self.live:
            width = self.columns()
            self.status = screen.plain(text)[:max(0, width - 1)]
            self.write(f"{CLEAR}{self.status}")
            return
        if time.monotonic() - self.last < SILENCE:
            return
        self.last = time.monotonic()
        if self.tap:
            print(text, file=sys.stderr, flush=True)
        else:
            self.put([text])

    def end_tap(self, text: str) -> None:
        try:
            self.put([text])
        except ReaderGone:
            pass

    def end(self, text: str) -> None:
        if self.status:
            self.status = ""
            self.write(CLEAR)
        width = self.columns()
        if width:
            text = "\n".join(piece for line in text.split("\n") for piece in screen.wrapped("", line, width))
        try:
            print(text, file=sys.stderr if self.tap else sys.stdout, flush=True)
        except OSError as error:
            self.lost = self.lost or f"what was to be shown could not be written: {error.strerror}"


def joined(texts: Sequence[Sequence[str]], planned: int) -> list[str]:
    """The documents of a test's parts as one, its results numbered anew."""
    lines, number = ["KTAP version 1", f"1..{planned}"], 0
    for text in texts:
        for line in text:
            if ktap.PLAN.fullmatch(line) or line.startswith(("TAP version", "KTAP version", "# Totals:")):
                continue
            if match := ktap.RESULT.fullmatch(line):
                number += 1
                line = f"{match[1] or ''}ok {number}{' ' + match[3] if match[3] else ''}"
            lines.append(line)
    return lines
