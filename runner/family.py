# SPDX-License-Identifier: GPL-2.0-only
"""What a family of tests says of itself: the file "family" in its folder.

Lines KEY=VALUE for all tests of the folder, TEST.KEY=VALUE for one; "#" begins
a comment. Whatever cannot be understood is refused: a limit that was not read
would be another limit.
"""
from __future__ import annotations

import os

DEFAULTS = {"architectures": "any", "modules": "kvm", "cpus": "1", "memory": "512", "timeout": "120",
            "isolation": "test", "devices": ""}
NUMBERS = {"cpus": (1, 64), "memory": (1, 1 << 20), "timeout": (1, 100000)}
CHOICES = {"isolation": ("line", "test"), "devices": ("ap",)}


class FamilyError(Exception):
    """A line that says nothing that can be relied on."""


def checked(where: str, key: str, value: str) -> str:
    if key in NUMBERS:
        low, high = NUMBERS[key]
        if not (value.isascii() and value.isdigit() and len(value) < 8 and low <= int(value) <= high):
            raise FamilyError(f"{where}: {key} takes a whole number from {low} to {high}, not: {value}")
    elif key in CHOICES and value not in CHOICES[key]:
        raise FamilyError(f"{where}: {key} is {' or '.join(CHOICES[key])}, not: {value}")
    return value


class Family:
    """The settings of one folder of tests."""

    def __init__(self, path: str) -> None:
        self.settings: dict[str, str] = {}
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except FileNotFoundError:
            return
        for number, line in enumerate(text.split("\n"), 1):
            line = line.partition("#")[0].strip()
            if not line:
                continue
            name, equals, value = (word.strip() for word in line.partition("="))
            key = name.rpartition(".")[2]
            if not equals or key not in DEFAULTS:
                raise FamilyError(f"{path}:{number}: KEY=VALUE is wanted, KEY one of {' '.join(DEFAULTS)}: {line}")
            self.settings[name] = checked(f"{path}:{number}", key, value)

    def get(self, test: str, key: str) -> str:
        """The value of KEY for TEST, a name without its folder."""
        return self.settings.get(f"{test}.{key}") or self.settings.get(key) or DEFAULTS[key]

    def number(self, test: str, key: str) -> int:
        return int(self.get(test, key))


class Families:
    """The families of an installed suite, each read once."""

    def __init__(self, suite: str) -> None:
        self.suite = suite
        self.known: dict[str, Family] = {}

    def of(self, name: str) -> tuple[Family, str]:
        folder, _, test = name.rpartition("/")
        if folder not in self.known:
            self.known[folder] = Family(os.path.join(self.suite, folder, "family"))
        return self.known[folder], test

    def get(self, name: str, key: str) -> str:
        family, test = self.of(name)
        return family.get(test, key)

    def number(self, name: str, key: str) -> int:
        return int(self.get(name, key))
