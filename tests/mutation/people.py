#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""people.py: put the faults of people.txt or ap.txt into a module, one at a time, and see what the suite says.

Faults as people make them, where campaign.py makes them by rule: each is a few edits of one
function, written as regular expressions, so that no text of the kernel is kept here. Each
runs in a machine of its own against the tests that might see it; one of vfio_ap.ko against all
of vfio_ap/, and then by itself against the walk, longer than it is by default. A line of JSON for
each is appended to the log; what was caught is left out the next time.

Environment: as campaign.py's; mutation.sh --set people sets it.
"""
from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from campaign import HERE, Machine, Said, TEST_SECONDS, stripped_programs, verdict
from module import Builder, DoesNotCompile, module_of
from operators import function_lines


AP_TESTS = [f"vfio_ap/{name}" for name in ("assign", "sharing", "masks", "config", "lifetime", "guest", "hotplug",
                                           "reset", "interrupts", "events", "restored")]
WALK, WALK_OPTIONS = "vfio_ap/walk", "--lines 1 --steps 600 --failures 1 --shrink 0"


@dataclass
class Fault:
    name: str
    file: str = ""
    edits: list[tuple[str, str, str]] = field(default_factory=list)  # function, pattern, replacement
    tests: list[str] = field(default_factory=list)
    without: str = ""  # why nobody outside of the kernel can tell


def read_faults(path: Path) -> list[Fault]:
    """Stanzas of "fault:", "in:" (file and function), "edit:" (PATTERN => REPLACEMENT), "tests:"."""
    faults: list[Fault] = []
    function = ""
    for number, line in enumerate(path.read_text().split("\n"), 1):
        key, _, value = line.partition(":")
        value = value.strip()
        if not line or line.startswith("#"):
            continue
        if key == "fault":
            faults.append(Fault(value))
        elif key == "in":
            faults[-1].file, function = value.split()
        elif key == "edit":
            pattern, replacement = re.split(r" =>(?: |$)", value, maxsplit=1)
            faults[-1].edits.append((function, pattern, replacement))
        elif key == "tests":
            faults[-1].tests += value.split()
        elif key == "unseen":
            faults[-1].without = value
        else:
            raise SystemExit(f"{path}:{number}: {key}?")
    return faults


def edited(text: str, fault: Fault) -> str:
    for function, pattern, replacement in fault.edits:
        span = function_lines(text, function)
        if not span:
            raise SystemExit(f"{fault.name}: no {function}() in {fault.file}")
        lines = text.split("\n")
        body = "\n".join(lines[span[0]:span[1]])
        new, count = re.subn(pattern, replacement, body, flags=re.M | re.S)
        if count != 1:
            raise SystemExit(f"{fault.name}: {count} places in {function}() for {pattern}")
        text = "\n".join([*lines[:span[0]], new, *lines[span[1]:]])
    return text


def build(tree: Path, folder: Path, fault: Fault) -> Path:
    """The module with this fault."""
    builder = Builder(tree, folder)
    module = builder.with_text(fault.file, edited(builder.text(fault.file), fault))
    if not module:
        raise DoesNotCompile("the code is the same")
    return module


def judge(machine: Machine, plain: Said, programs: Path, tree: Path, fault: Fault) -> dict[str, str]:
    entry = {"fault": fault.name, "file": fault.file, "function": " ".join(dict.fromkeys(e[0] for e in fault.edits))}
    with tempfile.TemporaryDirectory(dir=os.environ["WORK"]) as temp:
        try:
            module = build(tree, Path(temp), fault)
        except DoesNotCompile as why:
            return entry | {"result": "no fault", "by": str(why)}
        if keep := os.environ.get("KEEP"):
            shutil.copy(module, Path(keep) / (re.sub(r"\W+", "-", fault.name) + ".ko"))
        said = machine.run(module, fault.tests, programs)
        if module.stem == "vfio_ap":
            entry["walk"] = walked(machine.run(module, [WALK], programs, WALK_OPTIONS))
    why = verdict(said, plain)
    return entry | {"result": "caught" if why else "SURVIVED", "by": why[:200]}


def walked(said: Said) -> str:
    """What the walk by itself says: after how many steps it failed, or how else."""
    if said.steps:
        return said.steps
    status = said.ends.get(WALK, ("", ""))[0]
    return said.log[:60] or ("" if status == "0" else said.first or said.how)


def measure(machine: Machine, tree: Path, programs: Path, tests: list[str]) -> Said:
    plain = Said()
    with ThreadPoolExecutor(2) as pool:
        module = tree / f"source/{module_of(tree)}.ko"
        for said in pool.map(lambda t: machine.run(module, [t], programs), tests):
            plain.ends.update(said.ends)
    for test in tests:
        if plain.ends.get(test, ("", ""))[0] not in ("0", "4"):
            print(f"without a fault: {test}: {plain.ends.get(test)}", flush=True)
    return plain


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path, required=True, help="what tree.sh has made")
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--suite", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True, help="a line of JSON for each fault is appended")
    parser.add_argument("--set", default="people")
    parser.add_argument("--faults", type=Path, help="people.txt or ap.txt, as the set is")
    parser.add_argument("--only", default="", help="a regular expression: faults of this name")
    parser.add_argument("--test", action="append", help="these tests, not the fault's own")
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


def main() -> int:
    args = arguments()
    log = [json.loads(line) for line in args.log.read_text().splitlines()] if args.log.exists() else []
    done = {e["fault"] for e in log if e["result"] == "caught"}
    faults = [f for f in read_faults(args.faults or HERE / f"{args.set}.txt")
              if not f.without and (re.search(args.only, f.name) if args.only else f.name not in done)]
    for fault in faults:
        fault.tests = args.test or fault.tests or AP_TESTS
    machine = Machine(args.target, args.suite)
    tests = sorted({t for f in faults for t in f.tests})
    programs = stripped_programs(args.suite, Path(os.environ["WORK"]) / "programs", [*tests, WALK])
    plain = measure(machine, args.tree, programs, tests)
    machine.seconds = TEST_SECONDS
    survived = 0
    with open(args.log, "a") as log, ThreadPoolExecutor(args.jobs) as pool:
        for entry in pool.map(lambda f: judge(machine, plain, programs, args.tree, f), faults):
            log.write(json.dumps(entry) + "\n")
            log.flush()
            survived += entry["result"] == "SURVIVED"
            walk = f" (walk: {entry['walk'] or 'not'})" if "walk" in entry else ""
            print(f"{entry['result']:<9} {entry['fault']}: {entry['by']}{walk}", flush=True)
    print(f"{len(faults)} faults, {survived} survived")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
