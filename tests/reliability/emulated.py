# SPDX-License-Identifier: GPL-2.0-only
"""Faults in a run in the emulated machine: killed emulators, signals, panics, damage, company."""
from __future__ import annotations

import os
import random
import shutil
import signal
import struct
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trial import HERE, Fault, Outcome, Place, attempt, marked, named

EMULATOR = "hercules.bin"
SHORT = ("-t", "memop/capabilities", "-t", "mem_slot/requests", "-t", "memop/backing", "-t", "mem_slot/read_only")
BROKEN = 3
INTERRUPTED = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGKILL: -signal.SIGKILL}
Trials = Iterator[tuple[str, Outcome, set[int]]]


@dataclass
class Campaign:
    """What every campaign is given: where, how often, by which dice, and what a clean run is."""

    place: Place
    count: int
    dice: random.Random
    clean: Outcome

    def moment(self, share: float = 1.0) -> float:
        return self.dice.uniform(0, self.clean.seconds * share)


def after(seconds: float, what: Fault) -> Fault:
    def fault(mark: str, process: subprocess.Popen[bytes]) -> bool:
        try:
            process.wait(timeout=seconds)
            return False
        except subprocess.TimeoutExpired:
            return what(mark, process)
    return fault


def kill_emulator(mark: str, _: subprocess.Popen[bytes]) -> bool:
    pids = named(mark, EMULATOR)
    if pids:
        os.kill(random.choice(pids), signal.SIGKILL)
    return bool(pids)


def killed(campaign: Campaign) -> Trials:
    """One of the emulators is killed at some moment. Had its test just ended, nothing is lost."""
    for _ in range(campaign.count):
        moment = campaign.moment()
        yield f"killed at {moment:.2f} s", attempt(campaign.place, after(moment, kill_emulator)), {BROKEN, 0}


def stopped(campaign: Campaign) -> Trials:
    """A signal at any stage: to run.sh's group, as a terminal does, or to run.sh alone."""
    for i in range(campaign.count):
        number = list(INTERRUPTED)[i % len(INTERRUPTED)]
        moment, group = campaign.moment(), campaign.dice.random() < 0.5

        def fault(_: str, process: subprocess.Popen[bytes]) -> bool:
            (os.killpg if group else os.kill)(process.pid, number)
            return True
        outcome = attempt(campaign.place, after(moment, fault))
        # One that comes while Bash or Python itself goes, has nothing left to end
        yield f"{number.name} at {moment:.2f} s", outcome, {INTERRUPTED[number], 0, -number}


PANIC = r"""
#include <stdio.h>
#include <unistd.h>
#include <fcntl.h>
int main(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);

	puts("TAP version 13\n1..2\nok 1 before");
	fflush(stdout);
	usleep(%d);
	return write(fd, "c", 1) != 1;
}
"""


def panicked(campaign: Campaign) -> Trials:
    """A test brings the machine's kernel down."""
    suite = campaign.place.top / "suite"
    (suite / "crash").mkdir(parents=True)
    (suite / "crash/family").write_text("timeout=60\nmodules=kvm\n")
    (suite / "crash/contract.md").write_text("")
    (suite / "list").write_text("crash/panic\n")
    place = Place(campaign.place.top / "panic", campaign.place.cache, ["--suite", str(suite)])
    for _ in range(max(1, campaign.count // 10)):
        micros = campaign.dice.choice((0, 1000, 100000))
        source = campaign.place.top / "panic.c"
        source.write_text(PANIC % micros)
        subprocess.run(["s390x-linux-gnu-gcc", "-static", "-o", str(suite / "crash/panic"), str(source)], check=True)
        outcome = attempt(place)
        outcome.hit = True
        if "panic" not in outcome.out:
            outcome.complaints.append("nothing is said of a panic")
        yield f"a panic after {micros} us", outcome, {BROKEN}


def together(campaign: Campaign) -> Trials:
    """Two and ten runs at once, with one cache."""
    for many in (2, 10):
        found: list[Outcome | None] = [None] * many

        def one(i: int) -> None:
            place = Place(campaign.place.top / f"run{i}", campaign.place.cache, campaign.place.words)
            found[i] = attempt(place)
        threads = [threading.Thread(target=one, args=(i,)) for i in range(many)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for i, outcome in enumerate(found):
            assert outcome
            outcome.hit = True
            yield f"{i + 1} of {many} at once", outcome, {0}


def ended(campaign: Campaign) -> Trials:
    """Helpers of a run, whichever they are, are killed one at a time."""
    for _ in range(campaign.count):
        moment = campaign.moment()

        def fault(mark: str, process: subprocess.Popen[bytes]) -> bool:
            pids = [pid for pid in marked(mark) if pid != process.pid]
            if pids:
                os.kill(campaign.dice.choice(pids), signal.SIGKILL)
            return bool(pids)
        outcome = attempt(campaign.place, after(moment, fault))
        yield f"a helper killed at {moment:.2f} s", outcome, {0, 1, 2, BROKEN}


def kept_files(cache: Path, each: int, dice: random.Random) -> list[Path]:
    """Of each kind of thing that the cache keeps, EACH files of the newest, sources aside."""
    found = []
    for kind in ("machine", "kernel", "initrd", "hercules", "busybox", "guest", "suite", "ready", "costs", "modules"):
        newest = sorted((p for p in (cache / kind).glob("*") if not p.name.startswith(".")),
                        key=lambda p: p.stat().st_mtime)[-1:]
        files = [p for top in newest for p in ([top] if top.is_file() else sorted(top.rglob("*")))
                 if p.is_file() and not p.is_symlink() and p.stat().st_size]
        found += dice.sample(files, min(len(files), each))
    return found


def spoil(path: Path, how: str, dice: random.Random) -> None:
    """Within the file, as a failing disk or a crash does; other names of it keep the old one."""
    data = bytearray(path.read_bytes())
    if how == "truncated":
        del data[len(data) // 2:]
    elif how == "emptied":
        data.clear()
    else:
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    times, mode = path.stat(), path.stat().st_mode
    fresh = path.with_name(path.name + ".spoilt")
    fresh.write_bytes(data)
    fresh.chmod(mode)
    os.utime(fresh, ns=(times.st_atime_ns, times.st_mtime_ns))
    fresh.rename(path)


def damaged(campaign: Campaign) -> Trials:
    """Each kept file truncated, emptied, or with a bit flipped. Green is right where the
    file was not used or was made again; after it, with the file as it was, all is well."""
    cache = campaign.place.cache
    for path in kept_files(cache, max(1, campaign.count // 25), campaign.dice):
        for how in ("truncated", "emptied", "flipped"):
            if not path.exists():
                continue
            good = campaign.place.top / "good"
            shutil.copy2(path, good)
            spoil(path, how, campaign.dice)
            outcome = attempt(campaign.place)
            outcome.hit = True
            yield f"{path.relative_to(cache)} {how}", outcome, {0, 1, 2, BROKEN}
            if path.parent.is_dir():
                shutil.copy2(good, path.with_name(path.name + ".good"))
                path.with_name(path.name + ".good").rename(path)
            outcome = attempt(campaign.place)
            yield f"after {path.relative_to(cache)} was {how}", outcome, {0}
            if outcome.status:
                outcome.complaints.append("the run after it is not green")


def jumped(campaign: Campaign) -> Trials:
    """The clock of the host jumps by a day, forward and back, while all goes on."""
    library, seconds = campaign.place.top / "clock.so", campaign.place.top / "seconds"
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        raise SystemExit("the clock jumps: no C compiler (apt-get install gcc)")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(HERE / "clock.c")], check=True)
    # A machine whose clock went back waits until its limit of time
    place = Place(campaign.place.top, campaign.place.cache, [*campaign.place.words, "--timeout", "30"])
    for i in range(max(4, campaign.count // 5)):
        moment, jump = campaign.moment(), (86400, -86400, 3600, -30)[i % 4]
        seconds.write_bytes(bytes(8))

        def fault(_: str, process: subprocess.Popen[bytes]) -> bool:
            with open(seconds, "r+b") as file:  # in place: it is mapped
                file.write(struct.pack("=q", jump))
            return True
        env = {"LD_PRELOAD": str(library), "CLOCK_JUMP": str(seconds)}
        yield f"{jump} s at {moment:.2f} s", attempt(place, after(moment, fault), env), {0, 1, BROKEN}


CAMPAIGNS = {"an emulator is killed": killed, "a signal": stopped, "a helper is killed": ended,
             "the guest's kernel panics": panicked, "runs at once": together,
             "the clock jumps": jumped, "a kept file is damaged": damaged}
