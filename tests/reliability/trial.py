# SPDX-License-Identifier: GPL-2.0-only
"""One run of run.sh to which something is done, and what must hold of it whatever that is.

Never a green run that is not the clean one, never a printed result lost, no process and
no folder of work left, always an exit status that README.md knows, and a sentence.
"""
from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
RUN = PROJECT / "run.sh"
MARK = "RELIABILITY_TRIAL"
STATUSES = {0, 1, 2, 3, 4, 129, 130, 141, 143}
PRINTED = re.compile(r"^(\S+) +(ok|not ok) (\d+)\b", re.M)
TOTALS = re.compile(r"^\d+ passed, \d+ failed, \d+ skipped$", re.M)
END_SECONDS = 10  # for what a run started to end after it


@dataclass
class Outcome:
    status: int
    out: str
    err: str
    seconds: float
    hit: bool  # whether the fault came before the run's end
    document: dict | None = None
    folder: Path | None = None
    complaints: list[str] = field(default_factory=list)

    def verdicts(self) -> dict[tuple[str, int], str]:
        return {(test["name"], line["number"]): line["verdict"]
                for test in (self.document or {}).get("tests", []) for line in test["lines"]}


class Place:
    """The folders of a trial, and the words of its command."""

    def __init__(self, top: Path, cache: Path, words: Sequence[str]) -> None:
        self.top, self.cache, self.words = top, cache, list(words)
        self.results = top / "results"
        self.results.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        return [str(RUN), "--cache", str(self.cache), "--results", str(self.results), *self.words]


def marked(mark: str) -> list[int]:
    """Processes that a trial started, whoever their parent is by now."""
    found = []
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def named(mark: str, program: str) -> list[int]:
    found = []
    for pid in marked(mark):
        try:
            if Path(os.readlink(f"/proc/{pid}/exe")).name == program:
                found.append(pid)
        except OSError:
            continue
    return found


def newest(results: Path, known: set[str]) -> Path | None:
    fresh = sorted(p.parent for p in results.glob("*/results.json") if p.parent.name not in known | {"latest"})
    return fresh[-1] if fresh else None


def read(folder: Path) -> dict:
    try:
        return json.loads((folder / "results.json").read_text())
    except ValueError as error:
        return {"damaged": str(error)}


Fault = Callable[[str, subprocess.Popen[bytes]], bool]


def attempt(place: Place, fault: Fault | None = None, env: dict[str, str] | None = None,
            limit: float = 900, within: Sequence[str] = ()) -> Outcome:
    """Start run.sh, let FAULT do its work (it gets the trial's mark and the process), wait, judge.
    WITHIN are words before the command."""
    mark = uuid.uuid4().hex
    known = {p.name for p in place.results.iterdir()} if place.results.is_dir() else set()
    began = time.monotonic()
    with open(place.top / "out", "w+b") as out, open(place.top / "err", "w+b") as err:
        process = subprocess.Popen([*within, *place.command()], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   env={**os.environ, **(env or {}), MARK: mark}, start_new_session=True)
        hit = fault(mark, process) if fault else False
        try:
            process.wait(timeout=limit)
            late = False
        except subprocess.TimeoutExpired:
            late = True
            for pid in marked(mark):
                os.kill(pid, signal.SIGKILL)
            process.wait()
        out.seek(0)
        err.seek(0)
        seconds = time.monotonic() - began
        outcome = Outcome(process.returncode, out.read().decode(errors="replace"),
                          err.read().decode(errors="replace"), seconds, hit)
    if late:
        outcome.complaints.append(f"it did not end within {limit:.0f} s")
    outcome.complaints += left_behind(mark)
    outcome.folder = newest(place.results, known)
    outcome.document = read(outcome.folder) if outcome.folder else None
    outcome.complaints += told(outcome)
    return outcome


def left_behind(mark: str) -> list[str]:
    until = time.monotonic() + END_SECONDS
    while pids := marked(mark):
        if time.monotonic() > until:
            names = [Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                     for pid in pids if Path(f"/proc/{pid}").exists()]
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            return ["processes are left: " + "; ".join(name[:100] for name in names)]
        time.sleep(0.05)
    return []


def in_output(outcome: Outcome, test: str, number: str) -> bool:
    """Who is killed outright leaves results that say so, and what the tests printed as it came."""
    assert outcome.folder
    return any(re.search(rf"^(not )?ok {number}\b", path.read_text(errors="replace"), re.M)
               for path in outcome.folder.glob(f"{test}*.ktap"))


def told(outcome: Outcome) -> list[str]:
    """What the screen, the exit status and results.json owe each other."""
    said = []
    document = outcome.document
    if outcome.status not in STATUSES and outcome.status >= 0:  # below, a shell tells of the signal
        said.append(f"exit status {outcome.status}, which README.md has not")
    if document and "damaged" in document:
        said.append(f"results.json cannot be read: {document['damaged']}")
        outcome.document = document = None
    kept = outcome.verdicts()
    if document:
        lost = [f"{test} {number}" for test, _, number in PRINTED.findall(outcome.out)
                if (test, int(number)) not in kept and not (outcome.status < 0 and in_output(outcome, test, number))]
        if lost:
            said.append(f"printed, and not in results.json: {', '.join(lost[:5])}")
        if outcome.status == 0 and not document["run"]["complete"]:
            said.append("exit status 0 with results that say they are not complete")
    elif PRINTED.search(outcome.out):
        said.append("results were printed, and there is no results.json")
    if outcome.status == 1 and not any(test["verdict"] == "failed" for test in (document or {}).get("tests", [])):
        said.append("exit status 1, and no test failed")
    words = [line for line in (outcome.out + outcome.err).splitlines()
             if line.strip() and not TOTALS.match(line) and not line.startswith("==>")]
    if outcome.status > 0 and not words:
        said.append(f"exit status {outcome.status} without a sentence")
    return said


def same_as(clean: Outcome, outcome: Outcome) -> list[str]:
    """A green run is the clean one, line by line."""
    if outcome.status != 0:
        return []
    differ = [f"{test} {number}" for (test, number), verdict in clean.verdicts().items()
              if outcome.verdicts().get((test, number)) != verdict]
    return [f"green, but other than the clean run: {', '.join(differ[:5])}"] if differ else []
