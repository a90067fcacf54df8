# SPDX-License-Identifier: GPL-2.0-only
"""What the trials of a campaign came to: a row for docs/reliability.md, complaints in full."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from trial import Outcome, same_as


class Table:
    def __init__(self, log: Path) -> None:
        self.log = log
        self.rows: list[str] = []
        self.trials = 0
        self.wrong = 0

    def campaign(self, name: str, clean: Outcome, trials: Iterable[tuple[str, Outcome, set[int]]]) -> None:
        """TRIALS: what was done, what came of it, and the exit statuses that fit if it came in time."""
        statuses: Counter[int] = Counter()
        count = hit = wrong = 0
        for what, outcome, fitting in trials:
            count += 1
            hit += outcome.hit
            statuses[outcome.status] += 1
            said = outcome.complaints + same_as(clean, outcome)
            if outcome.hit and outcome.status not in fitting:
                said.append(f"exit status {outcome.status} where {sorted(fitting)} fit")
            if said:
                wrong += 1
                print(f"{name}: {what}:", *said, sep="\n    ", flush=True)
            if said or outcome.status:
                self.keep(f"{name}: {what}: exit status {outcome.status}", said, outcome)
        self.trials += count
        self.wrong += wrong
        if not hit:
            self.wrong += 1
            print(f"{name}: no trial was hit before its end: nothing was tested", flush=True)
        row = " ".join(f"{status}:{number}" for status, number in sorted(statuses.items()))
        self.rows.append(f"| {name} | {count} | {hit} | {row} | {wrong} |")
        print(self.rows[-1], flush=True)

    def keep(self, what: str, said: list[str], outcome: Outcome) -> None:
        """What a run printed that was wrong, or only not green."""
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(f"=== {what}; wrong: {said or 'nothing'}\n{outcome.out}\n--- stderr\n{outcome.err}\n")

    def end(self) -> int:
        print("\n| what happens | trials | in time | exit statuses | wrong |\n|---|---|---|---|---|", *self.rows, sep="\n")
        if self.wrong:
            print(f"all that the wrong ones, and those that were not green, said: {self.log}")
        print(f"{self.trials - self.wrong} passed, {self.wrong} failed, 0 skipped", flush=True)
        return 1 if self.wrong or not self.trials else 0
