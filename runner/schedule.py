# SPDX-License-Identifier: GPL-2.0-only
"""What runs when: tests, or parts of them, longest first, by what the last run cost.

A resumed machine costs about half a second. So a test is cut where its lines
may stand alone (isolation=line), its length is known from a run of this very
binary, and it is longer than a fair share: then one long test does not decide
when a run ends, and a crash costs one part.
"""
from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from family import Families
    from shape import Test

UNKNOWN_COST = 30.0  # of a test that never ran: early, so that it is no surprise at the end
MACHINE_COST = 0.5
LEAST_PART = 2.0  # seconds; shorter ones spend too much on their machine
PARTS_PER_JOB = 4  # the grain: enough to fill the end of a run evenly


class Task:
    """What is run in one machine: a test, or some of its lines."""

    def __init__(self, name: str, first: int = 0, last: int = 0, cost: float = UNKNOWN_COST) -> None:
        self.name, self.first, self.last, self.cost = name, first, last, cost

    @property
    def lines(self) -> str:
        """For --lines: empty for all, open at the end for what comes after the last known line."""
        if not self.first:
            return ""
        return f"{self.first}-{self.last or ''}"


def identity(suite: str, name: str) -> str:
    """Changes with the binary: line numbers of another one mean nothing."""
    try:
        status = os.stat(os.path.join(suite, name))
    except OSError:
        return "missing"
    return f"{status.st_size} {status.st_mtime_ns}"


class Costs:
    """Seconds by test and line of the last complete runs, kept between runs."""

    def __init__(self, path: str, target: str) -> None:
        self.path, self.target = path, target
        self.all: dict[str, dict[str, dict[str, object]]] = {}
        if path:
            import json
            try:
                with open(path, encoding="utf-8") as file:
                    known = json.load(file)
                self.all = known if self.sound(known) else {}
            except (OSError, ValueError):
                pass  # the first run, or a damaged file: nothing but time depends on it
        self.tests = self.all.setdefault(target, {})

    @staticmethod
    def sound(known: object) -> bool:
        return isinstance(known, dict) and all(
            isinstance(tests, dict) and all(
                isinstance(test, dict) and isinstance(test.get("of"), str)
                and isinstance(test.get("seconds"), (int, float)) and isinstance(test.get("lines"), list)
                and all(isinstance(seconds, (int, float)) for seconds in test["lines"])
                for test in tests.values()) for tests in known.values())

    def total(self, name: str) -> float:
        known = self.tests.get(name)
        return float(known["seconds"]) if known else UNKNOWN_COST  # type: ignore[arg-type]

    def lines(self, name: str, of: str) -> list[float]:
        known = self.tests.get(name)
        return known["lines"] if known and known["of"] == of else []  # type: ignore[return-value]

    def learn(self, test: Test, of: str) -> None:
        """Take the costs of TEST, which ran to its end, with all its lines."""
        lines = [line["seconds"] for line in test["lines"]]
        overhead = min(part["seconds"] for part in test["parts"])
        overhead = max(0.0, min(overhead, test["seconds"] - sum(lines)) / len(test["parts"]))
        self.tests[test["name"]] = {"of": of, "seconds": round(sum(lines) + overhead, 2), "lines": lines}

    def save(self) -> None:
        if not self.path:
            return
        import json
        temp = f"{self.path}.{os.getpid()}"
        try:
            with open(temp, "w", encoding="utf-8") as file:
                json.dump(self.all, file)
            os.replace(temp, self.path)
        except OSError:
            pass  # the next run starts in another order


def cut(name: str, lines: Sequence[float], piece: float) -> list[Task]:
    """Parts of TEST of about PIECE seconds, the last one open-ended."""
    parts: list[Task] = []
    first, cost = 1, 0.0
    for number, seconds in enumerate(lines, 1):
        if number > first and cost + seconds > piece:
            parts.append(Task(name, first, number - 1, cost))
            first, cost = number, 0.0
        cost += seconds
    parts.append(Task(name, first, 0, cost))
    return parts if len(parts) > 1 else [Task(name, cost=cost)]


def plan(names: Sequence[str], suite: str, families: Families, costs: Costs, jobs: int, whole: bool) -> list[Task]:
    """The tasks of a run in the order in which they start; WHOLE: no arguments choose lines."""
    work = sum(costs.total(name) + MACHINE_COST for name in names)
    piece = max(LEAST_PART, work / jobs / PARTS_PER_JOB)
    tasks: list[Task] = []
    for name in names:
        lines = costs.lines(name, identity(suite, name))
        total = costs.total(name)
        if whole and jobs > 1 and lines and total > 2 * piece and families.get(name, "isolation") == "line":
            tasks += cut(name, lines, piece)
        else:
            tasks.append(Task(name, cost=total))
    tasks.sort(key=lambda task: -task.cost)
    return quick_one_first(tasks, jobs, costs.tests)


def quick_one_first(tasks: list[Task], jobs: int, known: Mapping[str, object]) -> list[Task]:
    """Put a short task among those that start at once: its result shows that all is well."""
    quick = [task for task in tasks[jobs:] if task.name in known and task.cost < LEAST_PART]
    if quick:
        tasks.remove(quick[-1])
        tasks.insert(0, quick[-1])
    return tasks


def after_crash(task: Task, line: int, total: int) -> Task | None:
    """What is left of TASK, of a test with TOTAL lines, after it broke in LINE."""
    last = task.last or total
    return Task(task.name, line + 1, task.last, task.cost * (last - line) / total) if line < last else None
