#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""house.py: does the code keep to the map in docs/house.md?

  house.py [TOP]    fails where a room of lib/ or a family includes what the map
                    does not let it use, and where a file of more than 300 lines
                    does not say in its head why ("Over 300 lines: ...")
"""
from __future__ import annotations

import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<(linux/kvm[^>]*|asm/kvm[^>]*)>)', re.MULTILINE)
ROW = re.compile(r"^\| ([a-z0-9 _,-]+?) \| .* \| ([^|]*) \|$", re.MULTILINE)
REASON = re.compile(r"Over 300 lines: \S+ \S+")
LONGEST, HEAD = 300, 25
SOURCES = (".c", ".h", ".py", ".sh", ".awk", ".bats")


def read_map(top: Path) -> dict[str, set[str]]:
    """Room -> what it may use, from the table of docs/house.md."""
    text = (top / "docs/house.md").read_text()
    table = text[text.index("| room |"):].split("\n\n")[0]
    rooms: dict[str, set[str]] = {}
    for names, uses in ROW.findall(table)[1:]:
        for name in names.split(", "):
            rooms[name] = set(filter(None, re.split(r"[,\s]+", uses)))
    every = set(rooms) | {"kselftest", "kvm"}
    return {name: every if uses == {"all"} else uses for name, uses in rooms.items()}


def room_of(path: Path) -> str:
    """The room of a file below lib/ or include/."""
    return path.parts[1] if len(path.parts) > 2 else path.stem


def used(name: str, folder: Path) -> str:
    """The room that an include comes from; empty for a header of the same folder."""
    if (folder / name).exists():
        return ""
    if "/" in name and not name.startswith(("linux/", "asm/")):
        return name.partition("/")[0]
    return {"compat.h": "compat", "kselftest.h": "kselftest"}.get(name, "kvm")


def family_room(top: Path, family: Path) -> str:
    text = (family / "family").read_text()
    return "neutral family" if re.search(r"^architectures=.*\bany\b", text, re.MULTILINE) else "s390x family"


def include_faults(top: Path) -> list[str]:
    rooms = read_map(top)
    users = [(path, room_of(path.relative_to(top)))
             for part in ("lib", "include") for path in sorted((top / part).rglob("*.[ch]"))]
    for family in sorted(top.glob("*/family")):
        room = family_room(top, family.parent)
        users += [(path, room) for path in sorted(family.parent.glob("*.[ch]"))]
    wrong = []
    for path, room in users:
        where = path.relative_to(top)
        if room not in rooms:
            wrong.append(f"{where}: docs/house.md has no room {room}")
            continue
        for quoted, angled in INCLUDE.findall(path.read_text()):
            other = used(quoted or angled, path.parent)
            if other and other != room and other not in rooms[room]:
                wrong.append(f"{where}: includes {quoted or angled}, but {room} may use only:"
                             f" {' '.join(sorted(rooms[room])) or 'nothing'} (docs/house.md)")
    return wrong


def long_files(top: Path) -> list[str]:
    wrong = []
    for path in sorted(top.rglob("*")):
        inside = path.relative_to(top)
        if inside.parts[0] in ("build", "results", ".git") or path.is_symlink() or not path.is_file():
            continue
        if path.suffix in SOURCES or (not path.suffix and path.open("rb").read(2) == b"#!"):
            lines = path.read_text(errors="replace").split("\n")[:-1]
            if len(lines) > LONGEST and not REASON.search("\n".join(lines[:HEAD])):
                wrong.append(f"{inside}: {len(lines)} lines, and its head has no \"Over 300 lines: reason\"")
    return wrong


def main() -> int:
    top = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    wrong = include_faults(top) + long_files(top)
    for line in wrong:
        print(f"house.py: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
