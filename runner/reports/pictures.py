# SPDX-License-Identifier: GPL-2.0-only
"""The pictures of report.html, each with its numbers in words beside it.

Tests state figures as notes (docs/results.md): memop/absolute_keys its answer for each key on
each storage key, mem_slot/max_slots its cost by number of slots, walks their actions and pairs.
"""
from __future__ import annotations

import re

from reports.markup import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from shape import Document, Line, Note

KEYS = re.compile(r"keys:(fetch|store):([0-9]+)")
SLOTS = re.compile(r"slots:([0-9]+)")
AFTER = re.compile(r"after:([\w-]+)")
CELL, LEFT, TOP = 13, 74, 34  # of a grid, in the units of the picture
WIDTH = 900


def svg(width: float, height: float, label: str, parts: Sequence[str]) -> str:
    return (f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img" aria-label="{escape(label)}">'
            f"{''.join(parts)}</svg>")


def words(x: float, y: float, text: object, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def box(x: float, y: float, width: float, height: float, kind: str, title: str, more: str = "") -> str:
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" class="{kind}"{more}>'
            f"<title>{escape(title)}</title></rect>")


def section(name: str, heading: str, body: str) -> str:
    return f'<section id="{name}"><h2>{escape(heading)}</h2>{body}</section>\n'


def notes(document: Document) -> list[tuple[str, Line, Note]]:
    return [(test["name"], line, note) for test in document["tests"] for line in test["lines"] for note in line["notes"]]


# ------------------------------------------------------------ storage keys

def key_rows(document: Document) -> dict[str, dict[int, tuple[str, str]]]:
    """fetch or store -> access key -> a letter for each storage key: expected, observed."""
    rows: dict[str, dict[int, tuple[str, str]]] = {}
    for _, _, note in notes(document):
        match, told = KEYS.fullmatch(note["name"]), note["unit"].split()
        if match and len(told) == 3 and len(told[1]) == len(told[2]) == 32:
            rows.setdefault(match[1], {})[int(match[2])] = (told[1], told[2])
    return rows


def key_words(what: str, key: int, column: int, expected: str, observed: str) -> str:
    named = {"p": "permitted", "d": "denied", "e": "an error", "-": "not seen"}
    return (f"{what}, access key {key} on ACC {column // 2}{', fetch protection' if column % 2 else ''}:"
            f" {named.get(observed, observed)}, {named.get(expected, expected)} is right")


def key_grid(what: str, rows: dict[int, tuple[str, str]]) -> tuple[str, list[str]]:
    parts = [words(LEFT, 12, "ACC of the storage key; the right half of each pair has fetch protection"),
             words(0, TOP - 4, "access key")]
    differ = []
    parts += [words(LEFT + (2 * acc + 1) * CELL, TOP - 4, acc, "middle") for acc in range(16)]
    for key, (expected, observed) in sorted(rows.items()):
        y = TOP + key * CELL
        parts.append(words(LEFT - 8, y + CELL - 2, key, "end"))
        for column, (want, got) in enumerate(zip(expected, observed)):
            told = key_words(what, key, column, want, got)
            kind = {"p": "permitted", "d": "denied"}.get(got, "unseen")
            if want != got:
                differ.append(told)
                kind = "differs"
            parts.append(box(LEFT + column * CELL, y, CELL - 1, CELL - 1, kind, told))
    label = f"{what}: {len(differ)} of {32 * len(rows)} combinations are not as expected"
    return svg(LEFT + 32 * CELL, TOP + 16 * CELL, label, parts), differ


def keys(document: Document) -> str:
    grids, told = [], []
    for what, rows in sorted(key_rows(document).items()):
        grid, differ = key_grid(what, rows)
        told += differ
        grids.append(f"<figure>{grid}<figcaption>{escape(what)}: green is permitted, grey is denied; red is not as"
                     f" expected ({len(differ)} of {32 * len(rows)}).</figcaption></figure>")
    if not grids:
        return ""
    items = "".join(f"<li>{escape(text)}</li>" for text in told)
    return section("keys", "Every access key on every storage key",
                   f'<div class="pair">{"".join(grids)}</div>{f"<ul>{items}</ul>" if items else ""}')


# ------------------------------------------------------------------- slots

def slots(document: Document) -> str:
    """What a slot costs, by how many there are."""
    found = [(int(match[1]), note["value"]) for _, _, note in notes(document)
             if (match := SLOTS.fullmatch(note["name"]))]
    points = sorted(found)
    if len(points) < 2:
        return ""
    most, longest = points[-1][0], max(seconds for _, seconds in points) or 1.0
    place = [(60 + 800 * n / most, 200 - 170 * seconds / longest) for n, seconds in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in place)
    parts = ['<line class="axis" x1="60" y1="200" x2="860" y2="200"/><line class="axis" x1="60" y1="30" x2="60" y2="200"/>',
             f'<polyline class="curve" points="60,200 {line}"/>', words(54, 34, f"{longest:.1f} s", "end"),
             words(54, 204, "0", "end"), words(860, 216, f"{most} slots", "end")]
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{n} slots: {seconds:.2f} s</title></circle>'
              for (x, y), (n, seconds) in zip(place, points)]
    label = f"{most} slots were set in {points[-1][1]:.2f} s"
    return section("slots", "What memory slots cost",
                   f"<figure>{svg(WIDTH, 224, label, parts)}<figcaption>{escape(label)}; a straight line means that a"
                   " slot costs the same however many there are.</figcaption></figure>")


# ------------------------------------------------------------------- walks

def walk_pairs(line: Line) -> tuple[list[str], dict[tuple[str, str], int]]:
    pairs: dict[tuple[str, str], int] = {}
    actions = [note["name"].removeprefix("action:") for note in line["notes"] if note["name"].startswith("action:")]
    for note in line["notes"]:
        if match := AFTER.fullmatch(note["name"]):
            for word in note["unit"].split()[1:]:
                following, _, count = word.partition("=")
                pairs[match[1], following] = int(count) if count.isdigit() else 0
    return actions, pairs


def walk(name: str, line: Line) -> str:
    actions, pairs = walk_pairs(line)
    if not actions or not pairs:
        return ""
    times = {note["name"].removeprefix("action:"): note["value"] for note in line["notes"]}
    most = max(pairs.values()) or 1
    left, top, cell = 150, 8, 11
    parts = []
    for row, before in enumerate(actions):
        parts.append(words(left - 6, top + row * cell + 9, f"{before} {times.get(before, 0):.0f}", "end"))
        for column, after in enumerate(actions):
            count = pairs.get((before, after), 0)
            shade = f' fill-opacity="{0.25 + 0.75 * count / most:.2f}"' if count else ""
            parts.append(box(left + column * cell, top + row * cell, cell - 1, cell - 1, "heat" if count else "never",
                             f"{after} after {before}: {count} times", shade))
    seen = len([pair for pair in pairs.values() if pair])
    label = f"{name} {line['number']}: {len(actions)} actions, {seen} of {len(actions) ** 2} pairs of actions came up"
    return (f"<figure>{svg(left + len(actions) * cell + 4, top + len(actions) * cell + 4, label, parts)}"
            f"<figcaption>{escape(label)}. Rows: an action, with its times; columns, in the same order: what came next."
            "</figcaption></figure>")


def walks(document: Document) -> str:
    found = [walk(test["name"], line) for test in document["tests"] for line in test["lines"]]
    body = "".join(figure for figure in found if figure)
    return section("walks", "What the walks did", f'<div class="pair">{body}</div>') if body else ""


# -------------------------------------------------------------------- time

def lanes(document: Document) -> list[list[tuple[str, str, float, float]]]:
    """The parts of the run as they lay beside each other: label, verdict, start, seconds."""
    parts = sorted(((part["started"], part["seconds"], test["name"], part) for test in document["tests"]
                    for part in test["parts"]), key=lambda entry: entry[:3])
    found: list[list[tuple[str, str, float, float]]] = []
    for started, seconds, name, part in parts:
        lane = next((lane for lane in found if lane[-1][2] + lane[-1][3] <= started + 0.05), None)
        if lane is None:
            lane = []
            found.append(lane)
        label = f"{name}{' lines ' + part['lines'] if part['lines'] else ''}"
        lane.append((label, part["verdict"], started, seconds))
    return found


def timeline(document: Document) -> str:
    found = lanes(document)
    if not found:
        return ""
    end = max(start + seconds for lane in found for _, _, start, seconds in lane) or 1.0
    scale, height, parts = (WIDTH - 20) / end, 26, []
    for row, lane in enumerate(found):
        for label, verdict, start, seconds in lane:
            parts.append(box(10 + start * scale, 8 + row * height, max(1.0, seconds * scale), height - 6,
                             f"part {verdict}", f"{label}: {verdict}, {seconds:.1f} s from {start:.1f} s"))
            if seconds * scale > 7 * len(label):
                parts.append(words(14 + start * scale, 22 + row * height, label))
    bottom = 8 + len(found) * height
    parts += [f'<line class="axis" x1="10" y1="{bottom}" x2="{WIDTH - 10}" y2="{bottom}"/>', words(10, bottom + 14, "0 s"),
              words(WIDTH - 10, bottom + 14, f"{end:.1f} s", "end")]
    count = sum(map(len, found))
    label = f"{count} machines, at most {len(found)} side by side, in {end:.1f} s"
    return section("timeline", "Time, by machine",
                   f"<figure>{svg(WIDTH, bottom + 20, label, parts)}<figcaption>{escape(label)}.</figcaption></figure>")
