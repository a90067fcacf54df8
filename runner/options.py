# SPDX-License-Identifier: GPL-2.0-only
"""The words that run.sh gives to the runner."""
from __future__ import annotations

USAGE = """\
usage: main.py --target PROG --suite DIR --results DIR --work DIR [OPTION...] [-- TEST-ARGUMENTS]
       main.py --suite DIR [--filter GLOB]... --list | --needs

Runs an installed suite on a target, judges it and keeps the results.

  --target PROG        program with the verbs of docs/targets.md
  --suite DIR          folder that make install made
  --results DIR        folder for this run's results; it must exist
  --work DIR           folder for temporary files; removed at the end
  --jobs N             machines side by side (1)
  --state C:M[:D]=STATE TARGET_STATE for tests that need C CPUs, M MiB and the device D
  --cpus N, --memory N, --devices D for all tests, whatever their family says
  --timeout SECONDS    for each test, whatever its family says
  --storm SEED         beside each test others of its kind, from this seed, which are killed (storm.sh)
  --stuck SECONDS      in which a line must get through a case (90)
  --slow N             all of these limits but a --timeout are N times as long (1)
  --filter GLOB        only tests whose name matches; may be repeated
  --costs FILE         seconds of the last runs, to plan by and to be kept
  --command TEXT       the ./run.sh line that repeats this run, but for -t and what follows --
  --about KEY=VALUE    what the results say of this run; may be repeated
  --strict             what is expected to fail (findings, lines of expected files) counts as a failure
  --strict-skips       a skip that no expected file names is a failure
  --expect FILE        lines that are expected to fail or be skipped (docs/expected.md); may be repeated
  --annotate FORM      failures in the form of a code host: github, gitlab
  --tap                one KTAP document on stdout
  -v, --verbose        every line that the tests print
  --list               names of the tests
  --needs              "CPUS MEMORY [DEVICES]" of each combination that the tests need

Exit status: 0 passed, 1 a test failed, 2 usage, 3 the run broke, 128 + N ended by signal N.
"""
TEXTS = {"--target", "--suite", "--results", "--work", "--costs", "--command", "--devices",
         "--annotate"}
NUMBERS = {"--jobs": (1, 1024), "--cpus": (1, 64), "--memory": (1, 1 << 20), "--timeout": (1, 100000),
           "--stuck": (1, 100000), "--slow": (1, 100), "--storm": (1, 9999999)}
LISTS = {"--filter": "filters", "--about": "pairs", "--state": "state_words", "--expect": "expect"}
FLAGS = {"--strict": "strict", "--strict-skips": "strict_skips", "--tap": "tap", "-v": "verbose",
         "--verbose": "verbose", "--list": "list",
         "--needs": "show_needs", "-h": "help", "--help": "help"}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from family import Families


class UsageError(Exception):
    """The caller asked for something that is not there."""


def number(option: str, text: str) -> int:
    low, high = NUMBERS[option]
    if not (text.isascii() and text.isdigit() and len(text) < 8 and low <= int(text) <= high):
        raise UsageError(f"{option} takes a whole number from {low} to {high}, not: {text}")
    return int(text)


class Options:
    """What was asked for."""

    def __init__(self, words: Sequence[str]) -> None:
        self.target = self.suite = self.results = self.work = self.costs = self.devices = self.annotate = ""
        self.command = "./run.sh"
        self.jobs, self.stuck, self.slow, self.storm = 1, 90, 1, 0
        self.cpus = self.memory = self.timeout = 0  # 0: as the family has it
        self.filters: list[str] = []
        self.pairs: list[str] = []
        self.state_words: list[str] = []
        self.expect: list[str] = []
        self.strict = self.strict_skips = self.tap = self.verbose = self.list = self.show_needs = self.help = False
        self.arguments: list[str] = []
        self.read(list(words))
        self.about = dict(self.pair("--about", word) for word in self.pairs)
        self.states = dict(self.state(word) for word in self.state_words)
        if not self.help:
            self.check()

    def read(self, words: list[str]) -> None:
        while words:
            word = words.pop(0)
            if word == "--":
                self.arguments = words
                return
            option, equals, value = word.partition("=")
            if word in FLAGS:
                setattr(self, FLAGS[word], True)
                continue
            if option not in TEXTS | set(NUMBERS) | set(LISTS):
                raise UsageError(f"unknown argument: {word}")
            if not equals:
                if not words:
                    raise UsageError(f"{option} needs a value")
                value = words.pop(0)
            self.set(option, value)

    def set(self, option: str, value: str) -> None:
        if not value:
            raise UsageError(f"{option} needs a value, and it is empty")
        if option in LISTS:
            getattr(self, LISTS[option]).append(value)
        else:
            setattr(self, option[2:], number(option, value) if option in NUMBERS else value)

    @staticmethod
    def pair(option: str, word: str) -> tuple[str, str]:
        key, equals, value = word.partition("=")
        if not key or not equals:
            raise UsageError(f"{option} takes KEY=VALUE, not: {word}")
        return key, value

    def state(self, word: str) -> tuple[tuple[int, int, str], str]:
        key, value = self.pair("--state", word)
        cpus, _, rest = key.partition(":")
        memory, _, devices = rest.partition(":")
        return (number("--cpus", cpus), number("--memory", memory), devices), value

    def check(self) -> None:
        wanted = ["suite"] if self.list or self.show_needs else ["target", "suite", "results", "work"]
        for name in wanted:
            if not getattr(self, name):
                raise UsageError(f"--{name} is needed")
        if self.annotate not in ("", "github", "gitlab"):
            raise UsageError(f"--annotate takes github or gitlab, not: {self.annotate}")
        if self.expect:
            self.check_expected()

    def check_expected(self) -> None:
        """What the user expects is read before anything runs."""
        import expected
        for name in self.expect:
            try:
                expected.read(name)
            except (expected.NotReadable, OSError, UnicodeError) as error:
                raise UsageError(f"--expect: {error}") from error

    def needs(self, families: Families, name: str) -> tuple[int, int, str]:
        """CPUs, memory and devices of the machine for a test."""
        return (self.cpus or families.number(name, "cpus"), self.memory or families.number(name, "memory"),
                self.devices or families.get(name, "devices"))


def selected(suite: str, filters: Sequence[str]) -> list[str]:
    """The names of the tests; each filter has to match one."""
    try:
        with open(f"{suite}/list", encoding="utf-8", errors="surrogateescape") as file:
            names = list(dict.fromkeys(file.read().split()))
    except OSError as error:
        raise UsageError(f"{suite} is no installed suite: {error.strerror}: {suite}/list") from error
    if not names:
        raise UsageError(f"{suite} holds no tests")
    if not filters:
        return names
    from fnmatch import fnmatchcase
    chosen: set[str] = set()
    for pattern in filters:
        matching = {name for name in names if fnmatchcase(name, pattern)}
        if not matching:
            raise UsageError(f"no test matches {pattern}: see --list{hint(pattern, names)}")
        chosen |= matching
    return [name for name in names if name in chosen]


def hint(pattern: str, names: Sequence[str]) -> str:
    """What may have been meant by a PATTERN that matches nothing."""
    if any(name.startswith(f"{pattern.rstrip('/')}/") for name in names):
        return f"; all of that family: -t '{pattern.rstrip('/')}/*'"
    near = [name for name in names if pattern.strip("*") in name]
    return f"; did you mean {' or '.join(near[:3])}?" if near and pattern.strip("*") else ""
