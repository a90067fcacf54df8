#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""reliability.py [OPTION...] [WORDS...]: do things to runs of run.sh, and see what they say of it.

Campaigns whose name has one of the WORDS; without any, all but the one that fetches all anew
(apt). Prints the table of docs/reliability.md; exit status 0 if nothing was wrong. Root, as
it mounts. --quick takes what needs no machine, in a minute.
"""
from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

import emulated
import host
from emulated import Campaign
from table import Table
from trial import PROJECT, Place, attempt


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=100, metavar="N", help="trials of a campaign (default 100)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the moments (default 1)")
    parser.add_argument("--quick", action="store_true", help="only what needs no machine, few of each")
    parser.add_argument("--cache", type=Path, default=PROJECT / "build", metavar="DIR", help="default build/")
    parser.add_argument("words", nargs="*", help="parts of names of campaigns")
    chosen = parser.parse_args()
    if chosen.count < 1:
        parser.error("--count: a number from 1 on")
    return chosen


def chosen(campaigns: dict[str, object], words: list[str]) -> list[str]:
    return [name for name in campaigns if not words or any(word in name for word in words)]


def clean(place: Place) -> emulated.Outcome:
    """Twice: the first time makes what is missing."""
    attempt(place, limit=3600)
    outcome = attempt(place)
    if outcome.status or outcome.complaints:
        raise SystemExit(f"a run to which nothing is done is not clean: {outcome.complaints}\n{outcome.out}{outcome.err}")
    return outcome


def main() -> int:
    asked = arguments()
    if asked.quick:
        asked.count = min(asked.count, 6)
    names = {**({} if asked.quick else emulated.CAMPAIGNS), **host.CAMPAIGNS}
    if asked.words:
        names.update(host.COLD)
    wanted = chosen(names, asked.words)
    if not wanted:
        raise SystemExit(f"reliability.py: no campaign has such a name; there are: {', '.join(names)}")
    dice = random.Random(asked.seed)
    log = asked.cache / "reliability.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    table = Table(log)
    with tempfile.TemporaryDirectory(prefix="reliability-", dir=asked.cache) as top:
        for campaigns, place in ((host.CAMPAIGNS, lambda: host.fake_place(Path(top) / "fake")),
                                 (emulated.CAMPAIGNS, lambda: Place(Path(top) / "emulated", asked.cache,
                                                                    [*emulated.SHORT, "--no-install"])),
                                 (host.COLD, lambda: Place(Path(top) / "cold", asked.cache, ["--help"]))):
            mine = [name for name in wanted if name in campaigns]
            if mine:
                where = place()
                undisturbed = clean(where)
                for name in mine:
                    campaign = Campaign(where, asked.count, dice, undisturbed)
                    table.campaign(name, undisturbed, campaigns[name](campaign))
    return table.end()


if __name__ == "__main__":
    sys.exit(main())
