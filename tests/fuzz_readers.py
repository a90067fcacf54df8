#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""fuzz_readers.py [--count N] [--seed N] [--awk PROGRAM]: what tests print and runs leave, damaged.

Texts of tests/judge/cases, mutated, go to both judges: they must agree on verdict and counts,
none may crash, and nothing but a complete plan of results is passed. results.json of a run,
mutated, goes to all reports: each is made, or refused in words.
"""
from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "runner"))

import report  # noqa: E402 # after the path
import verdict  # noqa: E402

TOKENS = ["ok", "not ok", "1..", "1..0", "# SKIP", "# skip x", "# XFAIL", "# TODO y", "Bail out!", "\\#", "#", " ", "\t", "\r",
          "\0", "\x1b[32m", "ok 1", "OK 2 b", "not  ok 1", "# cases: ", "# begin: 1 x", "# clause: T-01 4",
          "# clause: T-09 1", "# names: T-02", "# program: t/x 2", "    not ok 1 x", "    ok 1", "99999999999", "-1", "0",
          "# deviation: DEV-01 3", "# finding: FIND-01 2", "# note: a 1e9 s", "\u00e9", "\xff", "# Totals: pass:2 fail:0"]


def texts() -> list[bytes]:
    """What the tests of tests/judge/cases print."""
    found: list[bytes] = []
    for case in (ROOT / "tests/judge/cases").read_text().split("\n\n"):
        lines = [line[1:] for line in case.split("\n") if line.startswith("|")]
        text = "".join(line[:-2] if line.endswith("\\c") else line + "\n" for line in lines)
        if text:
            found.append(text.encode("latin-1", "replace").decode("unicode_escape").encode("latin-1", "replace"))
    return found


def mutated(text: bytes, dice: random.Random) -> bytes:
    lines = text.split(b"\n")
    for _ in range(dice.choice((1, 1, 2, 4))):
        at = dice.randrange(len(lines))
        how = dice.randrange(7)
        if how == 0:
            del lines[at]
        elif how == 1:
            lines.insert(at, lines[at])
        elif how == 2:
            other = dice.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        elif how == 3:
            lines.insert(at, dice.choice(TOKENS).encode("latin-1"))
        elif how == 4 and lines[at]:
            place = dice.randrange(len(lines[at]))
            lines[at] = lines[at][:place] + dice.choice(TOKENS).encode("latin-1") + lines[at][place:]
        elif how == 5 and lines[at]:
            place = dice.randrange(len(lines[at]))
            lines[at] = lines[at][:place] + bytes([dice.randrange(256)]) + lines[at][place + 1:]
        elif lines[at]:
            lines[at] = lines[at][:dice.randrange(len(lines[at]))]
        lines = lines or [b""]
    return b"\n".join(lines)


class Judges:
    def __init__(self, top: Path, awk: list[str]) -> None:
        self.suite, self.out, self.awk = top / "suite", top / "out", awk
        (self.suite / "t").mkdir(parents=True)
        self.out.mkdir()
        (self.suite / "t/family").write_text("architectures=any\n")
        self.contract = self.suite / "t/contract.md"
        self.contract.write_text("| T-01 | documented | a | |\n| T-02 | observed | b | |\n")
        for name, text in (("dmesg", ""), ("taint_before", "0\n"), ("taint_after", "0\n")):
            (self.out / name).write_text(text)

    def by_python(self, text: bytes, whole: str) -> list[str]:
        stdin, argv, said = sys.stdin, sys.argv, io.StringIO()
        sys.stdin = io.TextIOWrapper(io.BytesIO(text))
        sys.argv = ["verdict.py", str(self.suite), str(self.out), whole]
        try:
            with contextlib.redirect_stdout(said):
                verdict.main()
        finally:
            sys.stdin, sys.argv = stdin, argv
        return said.getvalue().split("\n")

    def by_awk(self, text: bytes, whole: str) -> list[str]:
        done = subprocess.run([*self.awk, "-f", str(ROOT / "runner/judge.awk"), "-v", f"out={self.out}", "-v",
                               f"whole={whole}", str(self.contract), "-"], input=text.replace(b"\0", b"\1"),
                              capture_output=True, env={**os.environ, "LC_ALL": "C"}, check=False)
        return (done.stdout + done.stderr).decode(errors="replace").split("\n")

    def complaints(self, text: bytes, status: int, whole: str) -> list[str]:
        (self.out / "status").write_text(f"exit {status}\n")
        one, other = self.by_python(text, whole), self.by_awk(text, whole)
        said = []
        if (one[0], one[2:3]) != (other[0], other[2:3]):
            said.append(f"judge.py says {one[:3]}, judge.awk {other[:3]}")
        if one[0] == "passed" and status != 0:
            said.append(f"passed with exit status {status}")
        if one[0] == "passed":
            results = re.findall(rb"^(?:not )?ok \d+", text, re.M)
            plans = re.findall(rb"^1\.\.(\d+)", text, re.M)
            if len(plans) != 1 or int(plans[0]) != len(results) or re.search(rb"^not ok(?!.*#\s*(?i:TODO|XFAIL))", text, re.M):
                said.append("passed without a complete plan, or with a failure")
        return said


def judge_texts(count: int, dice: random.Random, top: Path, awk: list[str]) -> int:
    judges, seeds, wrong = Judges(top, awk), texts(), 0
    for i in range(count):
        text, status, whole = mutated(dice.choice(seeds), dice), dice.choice((0, 0, 0, 1, 4, 139)), dice.choice("011")
        try:
            said = judges.complaints(text, status, whole)
        except Exception as error:  # noqa: BLE001 # a reader that crashes is what is looked for
            said = [f"{type(error).__name__}: {error}"]
        if said:
            wrong += 1
            print(f"text {i}, exit {status}, whole {whole}: {'; '.join(said)}\n    {text!r}")
    return wrong


def places(value: object, path: tuple = ()) -> list[tuple]:
    """The path of each value within VALUE."""
    inner: list[tuple] = []
    if isinstance(value, dict):
        inner = [p for key, part in value.items() for p in places(part, (*path, key))]
    elif isinstance(value, list):
        inner = [p for i, part in enumerate(value) for p in places(part, (*path, i))]
    return [path, *inner] if path else inner


def damaged(document: dict, dice: random.Random) -> dict:
    copy = json.loads(json.dumps(document))
    path = dice.choice(places(copy))
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    if dice.random() < 0.3:
        del holder[path[-1]]
    else:
        holder[path[-1]] = dice.choice((None, -1, 1 << 70, 0.5, "", "<script>", "passed", [], {}, [[]], {"a": {}}, True))
    return copy


def reported(folder: Path, other: Path) -> list[str]:
    said = []
    for words in (["make", str(folder)], ["compare", str(other), str(folder), str(folder / "c.html")],
                  ["matrix", str(folder / "m.html"), str(folder), str(other)], ["annotate", "github", str(folder)],
                  ["annotate", "gitlab", str(folder)]):
        out, err = io.StringIO(), io.StringIO()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = report.main(words)
            if status == report.EXIT_USAGE and not err.getvalue():
                said.append(f"{words[0]}: refused without a word")
            if words[0] == "make" and status == 0 and "<script>" in (folder / "junit.xml").read_text():
                said.append("make: markup in junit.xml")
        except Exception as error:  # noqa: BLE001
            said.append(f"{words[0]}: {type(error).__name__}: {error}")
    return said


def report_documents(count: int, dice: random.Random, top: Path, source: Path) -> int:
    good, bad, wrong = top / "good", top / "bad", 0
    document = json.loads((source / "results.json").read_text())
    good.mkdir()
    bad.mkdir()
    (good / "results.json").write_text(json.dumps(document))
    for i in range(count):
        text = json.dumps(damaged(document, dice))
        if dice.random() < 0.1:
            text = text[:dice.randrange(len(text))]
        (bad / "results.json").write_text(text)
        said = reported(bad, good)
        if said:
            wrong += 1
            print(f"results {i}: {'; '.join(said)}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--awk", default="awk", help="words of the awk to compare with")
    parser.add_argument("results", type=Path, help="the folder of a run")
    asked = parser.parse_args()
    if asked.count < 1:
        parser.error("--count: a number from 1 on")
    dice = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        wrong = judge_texts(asked.count, dice, top, asked.awk.split())
        wrong += report_documents(max(1, asked.count // 5), dice, top, asked.results)
    print(f"{asked.count + max(1, asked.count // 5) - wrong} passed, {wrong} failed, 0 skipped")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
