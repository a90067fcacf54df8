# SPDX-License-Identifier: GPL-2.0-only
"""The shape of results.json, for those who check types: docs/results.md says what each field means.

Never imported while a run goes: typing costs more time than it takes to read a line. What
is read from a file is held against it (shape_check.py).
"""
from __future__ import annotations

from typing import Literal, TypedDict

Verdict = Literal["passed", "failed", "skipped", "xfail", "broken", "unproven", "waiting", "running", "unfinished", ""]

class Skip(TypedDict):
    kind: str | None
    reason: str


class Note(TypedDict):
    name: str
    value: float
    unit: str


class Failure(TypedDict):
    fields: dict[str, str]
    command: str


class Line(TypedDict):
    number: int
    name: str
    verdict: Verdict
    reason: str
    skip: Skip | None
    cases: int
    seconds: float
    cpu_seconds: float | None
    promised: list[str]
    clauses: dict[str, int]
    deviations: dict[str, int]
    findings: dict[str, int]
    failures: list[Failure]
    notes: list[Note]
    said: list[str]
    command: str
    expected: dict[str, str] | None


class Part(TypedDict):
    lines: str
    verdict: Verdict
    reason: str
    status: str
    started: float
    seconds: float
    cpu_seconds: float | None
    planned: int | None
    program: int | None
    skip: Skip | None
    kernel_log: list[str]
    log_lost: str
    taint: list[str]
    machine: dict[str, str]
    said: list[str]
    files: list[str]


class Test(TypedDict):
    name: str
    verdict: Verdict
    reason: str
    skip: Skip | None
    cases: int
    seconds: float
    cpu_seconds: float | None
    options: list[str]
    capabilities: dict[str, int]
    command: str
    kernel_log: list[str]
    parts: list[Part]
    lines: list[Line]


class Clause(TypedDict):
    name: str
    kind: str
    result: Verdict
    cases: int
    by: dict[str, list[int]]
    deviations: list[str]
    reason: str
    text: str


class Moments(TypedDict):
    first_job: float | None
    first_result: float | None
    end: float | None


class Longest(TypedDict):
    test: str
    lines: str
    seconds: float


class Run(TypedDict):
    id: str
    date: str
    complete: bool
    signal: int | None
    fault: str
    exit_status: int | None
    command: str
    arguments: list[str]
    jobs: int
    moments: Moments
    longest: Longest | None
    cpu_seconds: float


class Totals(TypedDict):
    passed: int
    failed: int
    skipped: int
    xfail: int
    cases: int
    tests: int
    broken: int


class Document(TypedDict):
    version: int
    run: Run
    about: dict[str, str]
    host: dict[str, str]
    kernel: str
    kvm: str
    capabilities: dict[str, int]
    totals: Totals
    deviations: dict[str, int]
    findings: dict[str, int]
    sentences: dict[str, str]
    tests: list[Test]
    clauses: list[Clause]
