#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""campaign.py: put single faults into kvm.ko, one at a time, and see what the suite says.

Each mutant is loaded in a freshly resumed machine, where it replaces the kernel's own
module, and the tests run against it, those that have killed most first, until one
fails. What they say of the module without a fault is what they are held against. A
line of JSON for each mutant is kept, so that a campaign can go on where it was ended.

Environment: CACHE, PYTHON, WORK and what else a target's "prepare" and "run" take
(docs/targets.md); mutation.sh sets it.
"""
from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from threading import Lock, local

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "runner"))

from judge import KERNEL_TROUBLE  # noqa: E402
from module import Builder, DoesNotCompile  # noqa: E402
from operators import Mutant, mutants  # noqa: E402

PARAMETERS = {"kvm": "hpage=1"}
# Lines that passed; of vfio_ap also those that are known to fail, since their seeds say how often
COUNT = {"kvm": "wc -l", "vfio_ap": "sed 's/.*# XFAIL/XFAIL/; s/^ok .*/ok/' | sort | uniq -c | tr -d '\\n '"}
TEST_SECONDS = 60  # and as many times as long as without a fault:
SLOWER = 8
SCRIPT = """\
dmesg -c >/dev/null
rmmod {name} && insmod ./{name}.ko {parameters} || {{ echo "end unloaded 0"; exit 3; }}
for t in {tests}; do
	echo "begin $t"
	timeout -s KILL {seconds} ./$t {options} >/tmp/out 2>&1
	rc=$?
	grep -E '^not ok|^Bail out' /tmp/out | head -n 1
	grep -E '^#   state .* steps in all' /tmp/out | head -n 1
	echo "end $t $rc $(grep '^ok ' /tmp/out | {count})"
	dmesg -c | sed 's/^/log /'
	[ $rc = 0 ] || [ $rc = 4 ] || exit 1
done
"""


@dataclass
class Said:
    """What the tests said of a module, as far as they ran."""

    ends: dict[str, tuple[str, str]] = field(default_factory=dict)  # test -> exit status, lines that passed
    log: str = ""  # the first line of trouble in the kernel's log
    last: str = ""  # the test that was running at the end
    how: str = ""  # how the machine ended
    first: str = ""  # the first failed line
    steps: str = ""  # after how many of them a walk failed


def read_said(text: str, how: str) -> Said:
    said = Said(how=how)
    for line in text.split("\n"):
        words = line.split()
        if line.startswith("begin ") and len(words) == 2:
            said.last = words[1]
        elif line.startswith("end ") and len(words) >= 3:
            said.ends[words[1]] = (words[2], words[3] if len(words) > 3 else "")
        elif line.startswith("log "):
            said.log = said.log or (line[4:] if KERNEL_TROUBLE.search(line) else "")
        elif not said.first and line.startswith("not ok"):
            said.first = line
        elif match := re.search(r" failed after (\d+) steps in all", line):
            said.steps = said.steps or match[1]
    return said


class Machine:
    """Runs a list of tests against a module in a machine of its own."""

    def __init__(self, target: Path, suite: Path) -> None:
        self.target, self.suite, self.seconds = target, suite, TEST_SECONDS * 4
        said = subprocess.run([target, "prepare"], check=True, stdout=subprocess.PIPE, text=True).stdout
        self.state = said.split("\n", 1)[0]

    def run(self, module: Path, tests: list[str], programs: Path, options: str = "") -> Said:
        with tempfile.TemporaryDirectory(dir=os.environ["WORK"]) as temp:
            job, out = Path(temp) / "job", Path(temp) / "out"
            job.mkdir()
            out.mkdir()
            name = module.stem
            shutil.copy(module, job)
            for test in tests:
                (job / test).parent.mkdir(exist_ok=True)
                os.link(programs / test, job / test)
            (job / "run").write_text(SCRIPT.format(
                name=name, parameters=PARAMETERS.get(name, ""), count=COUNT[name], options=options,
                tests=" ".join(tests), seconds=self.seconds))
            done = subprocess.run([self.target, "run", job, out, str(self.seconds * 4)], capture_output=True,
                                  stdin=subprocess.DEVNULL, env=dict(os.environ, TARGET_STATE=self.state))
            status = out / "status"
            how = status.read_text().strip() if status.exists() else f"machine {done.returncode}"
            broken = out / "broken"
            if broken.exists() and broken.read_text().strip():
                how = "machine: " + broken.read_text().split("\n")[0]
            return read_said(done.stdout.decode(errors="replace"), how)


def stripped_programs(suite: Path, folder: Path, tests: list[str]) -> Path:
    for test in tests:
        (folder / test).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["s390x-linux-gnu-strip", "-o", folder / test, suite / test], check=True)
    return folder


def verdict(said: Said, plain: Said) -> str:
    """What kills the mutant; empty if nothing did."""
    if said.log:
        return f"kernel log: {said.log}"
    for test, end in said.ends.items():
        if test == "unloaded":
            return "the module does not load"
        if end != plain.ends.get(test):
            return f"{test} {said.first}".strip() if end[0] in ("1", "0") else f"{test} status {end[0]}"
    if not said.how.startswith("exit 0"):
        return f"{said.last} {said.how}"
    return ""


class Campaign:
    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.machine = Machine(args.target, args.suite)
        names = (args.suite / "list").read_text().split()
        self.tests = [n for n in names if n not in args.without and any(fnmatchcase(n, p) for p in args.test or ["*"])]
        self.programs = stripped_programs(args.suite, Path(os.environ["WORK"]) / "programs", self.tests)
        self.kills: Counter[str] = Counter()
        self.cost: dict[str, float] = {}
        self.lock, self.own = Lock(), local()
        self.plain = Said()

    def builder(self) -> Builder:
        if not hasattr(self.own, "builder"):
            self.own.builder = Builder(self.args.tree, Path(tempfile.mkdtemp(dir=os.environ["WORK"])))
        return self.own.builder

    def measure(self) -> None:
        """What the tests say without a fault, and what each costs."""
        module = self.args.tree / "source/kvm.ko"
        for test in list(self.tests):
            begun = time.monotonic()
            said = self.machine.run(module, [test], self.programs)
            self.cost[test] = time.monotonic() - begun
            if said.ends.get(test, ("", ""))[0] == "0" and not said.log:
                self.plain.ends.update(said.ends)
            else:
                self.tests.remove(test)
                print(f"left out: {test}: {said.ends.get(test)} {said.how} {said.first} {said.log}", flush=True)
        self.machine.seconds = int(TEST_SECONDS + SLOWER * max(self.cost.values()))
        print(f"{len(self.tests)} tests, {sum(self.cost.values()):.0f} s", flush=True)

    def order(self) -> list[list[str]]:
        """The quick and deadly first, in jobs of growing length."""
        with self.lock:
            ranked = sorted(self.tests, key=lambda t: self.cost[t] / (1 + 4 * self.kills[t]))
        return [ranked[:6], ranked[6:]] if len(ranked) > 8 else [ranked]

    def judge(self, mutant: Mutant) -> dict[str, str]:
        entry = {"set": self.args.set, "file": mutant.file, "name": mutant.name, "old": mutant.old.strip(),
                 "new": mutant.new.strip()}
        try:
            module = self.builder().module(mutant)
        except DoesNotCompile:
            return entry | {"result": "no C"}
        if not module:
            return entry | {"result": "same code"}
        for tests in self.order():
            said = self.machine.run(module, tests, self.programs)
            if why := verdict(said, self.plain):
                with self.lock:
                    self.kills[said.last] += 1
                return entry | {"result": "caught", "by": why[:200]}
        return entry | {"result": "SURVIVED"}


def all_mutants(args: argparse.Namespace) -> Iterator[Mutant]:
    builder = Builder(args.tree, Path(os.environ["WORK"]))
    for line in (HERE / "functions.txt").read_text().split("\n"):
        words = line.split()
        if not words or words[0] != args.set:
            continue
        if builder.has(words[1]):
            yield from mutants(words[1], builder.text(words[1]), words[2:])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path, required=True, help="what tree.sh has made")
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--suite", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True, help="a line of JSON for each mutant; read first, appended to")
    parser.add_argument("--set", default="memop", help="memop or slot: functions.txt")
    parser.add_argument("--sample", type=int, default=60, help="mutants to draw; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--test", action="append", metavar="PATTERN", help="these tests, e.g. 'mem_slot/*'; all if left out")
    parser.add_argument("--without", action="append", default=[], metavar="TEST")
    return parser.parse_args()


def main() -> int:
    args = arguments()
    done = {json.loads(line)["name"] for line in args.log.read_text().splitlines()} if args.log.exists() else set()
    chosen = sorted(all_mutants(args), key=lambda m: (m.file, m.line, m.operator))
    random.Random(args.seed).shuffle(chosen)
    campaign = Campaign(args)
    campaign.measure()
    found: Counter[str] = Counter()
    chosen = [m for m in chosen if m.name not in done]
    pool = ThreadPoolExecutor(args.jobs)
    with open(args.log, "a") as log:
        wanted = args.sample or len(chosen)
        for entry in pool.map(campaign.judge, chosen[:wanted]):
            log.write(json.dumps(entry) + "\n")
            log.flush()
            found[entry["result"]] += 1
            if entry["result"] in ("SURVIVED", "caught"):
                print(f"{entry['result']:<9} {entry['name']}: {entry['old']}  =>  {entry['new']}  {entry.get('by', '')}", flush=True)
    print(", ".join(f"{count} {what}" for what, count in sorted(found.items())))
    return 0 if found["SURVIVED"] + found["caught"] else 3


if __name__ == "__main__":
    sys.exit(main())
