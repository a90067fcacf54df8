# SPDX-License-Identifier: GPL-2.0-only
"""Faults in a run that need no machine: full disks, read-only folders, an apt that fails."""
from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from emulated import Campaign, Trials
from trial import PROJECT, Place, attempt

PAGE = 4096
RESERVE = {"size={}": 8 << 20, "nr_inodes={}": 32}  # what a run keeps for its end: without it none begins
SET_UP, BROKEN = 2, 3
FAKE = PROJECT / "tests/fake/target"


def fake_place(top: Path) -> Place:
    """Shell scripts for tests, on the target that is this host."""
    suite = top / "suite"
    (suite / "memop").mkdir(parents=True)
    (suite / "memop/family").write_text("timeout=20\n")
    (suite / "memop/contract.md").write_text("")
    names = [f"memop/t{i}" for i in range(6)]
    (suite / "list").write_text("".join(f"{name}\n" for name in names))
    for name in names:
        (suite / name).write_text("#!/bin/sh\necho TAP version 13\necho 1..3\n" + "".join(
            f"echo '# cases: 5'\necho 'ok {i} line {i} of {name}'\nsleep 0.02\n" for i in (1, 2, 3)))
        (suite / name).chmod(0o755)
    return Place(top / "run", top / "cache", ["--target", str(FAKE), "--suite", str(suite), "-j", "2"])


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A small file system on FOLDER."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def full(campaign: Campaign) -> Trials:
    """Disks that are full after N pages or N files: every write meets that once."""
    place = campaign.place
    shutil.rmtree(place.results, ignore_errors=True)
    temporary = place.top / "tmp"
    for folder in (place.results, place.cache, temporary):
        env = {"TMPDIR": str(temporary)}
        temporary.mkdir(exist_ok=True)
        for what in RESERVE:
            for i in range(1, campaign.count + 1):
                kept = RESERVE[what] if folder == place.results else 0
                amount = what.format(kept + i * (PAGE if "size" in what else 1))
                shutil.rmtree(place.cache, ignore_errors=True)
                with mounted(folder, amount):
                    outcome = attempt(place, env=env)
                    outcome.hit = outcome.status != 0
                    yield f"{folder.name} with {amount}", outcome, {SET_UP, BROKEN}


# In a mount namespace of its own: for all others the folder stays as it is
READ_ONLY = ("unshare", "--mount", "sh", "-ec", 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; shift; exec "$@"',
             "sh")


def read_only(campaign: Campaign) -> Trials:
    """Folders that nothing may be written to."""
    place = campaign.place
    for folder in (place.results, place.cache, place.top / "tmp", PROJECT, Path("/tmp"), Path("/var/tmp")):
        if place.top.is_relative_to(folder) and folder != place.results:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        env = {"TMPDIR": str(place.top / "tmp")} if folder.parent == place.top else None
        outcome = attempt(place, env=env, within=(*READ_ONLY, str(folder)))
        outcome.hit = outcome.status != 0
        yield f"{folder} is read-only", outcome, {SET_UP, BROKEN}


def stopped_early(campaign: Campaign) -> Trials:
    """A signal at each of so many moments of a whole run."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
    for i in range(campaign.count):
        number, moment = numbers[i % 4], campaign.clean.seconds * i / campaign.count
        shutil.rmtree(campaign.place.cache, ignore_errors=True)

        def fault(_: str, process: subprocess.Popen[bytes]) -> bool:
            time.sleep(moment)
            if process.poll() is not None:
                return False
            os.kill(process.pid, number)
            return True
        fitting = {-number} if number == signal.SIGKILL else {128 + number, -number, 0}
        yield f"{number.name} at {moment:.2f} s", attempt(campaign.place, fault), fitting


APT = """#!/bin/sh
# Lets so many calls through as the file beside it says; the next one fails, and all after it
here=$(dirname "$0")
echo x >>"$here/calls"
[ "$(wc -l <"$here/calls")" -gt "$(cat "$here/allowed")" ] || exec /usr/bin/apt-get "$@"
case $(cat "$here/how") in
refused) echo "E: asked to fail" >&2; exit 100 ;;
*) timeout -s KILL "$(cat "$here/how")" /usr/bin/apt-get "$@"; exit 100 ;;
esac
"""


def apt(campaign: Campaign) -> Trials:
    """apt goes away after the first call of a run, in turn at once and half-way, each run going
    on where the last one ended: so each of its steps fails once. In the end all is there."""
    tools = campaign.place.top / "tools"
    tools.mkdir()
    (tools / "apt-get").write_text(APT)
    (tools / "apt-get").chmod(0o755)
    place = Place(campaign.place.top / "cold", campaign.place.top / "cold/cache", ["-t", "memop/backing"])
    for i in range(100):
        (tools / "calls").write_text("")
        (tools / "allowed").write_text(str(0 if i % 2 else 1))
        (tools / "how").write_text(("refused", "0.3", "1.5")[i % 3])
        outcome = attempt(place, env={"PATH": f"{tools}:{os.environ['PATH']}"}, limit=1800)
        outcome.hit = outcome.status != 0
        yield f"run {i + 1}: {(tools / 'how').read_text()}", outcome, {SET_UP}
        if outcome.status == 0:
            return
    raise SystemExit("after 100 runs apt's part is not done: nothing was kept from run to run")


CAMPAIGNS: dict[str, Callable[[Campaign], Trials]] = {
    "a disk is full": full, "a folder is read-only": read_only, "a signal, no machine": stopped_early}
COLD = {"apt fails half-way": apt}
