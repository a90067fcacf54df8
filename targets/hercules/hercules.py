# SPDX-License-Identifier: GPL-2.0-only
"""Hercules as a process: how it is started, and what its log says of its end.

What is imported here and in emulator.py each start waits for.
"""
from __future__ import annotations

import os

from disks import Broken
from emulator import Emulator, last_lines, run_job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from emulator import RunArguments

PANIC_LINES = 60


def start(program: Path, folder: Path, rc: str) -> Emulator:
    """PROGRAM is a script that tells the loader of the libraries beside it; that is done here."""
    binary = program.with_name("hercules.bin")
    environment = {"HERCULES_RC": rc, "NICENESS": str(os.nice(0))}
    if not binary.exists():
        return Emulator([program, "-d", "-f", "herc.cnf"], folder, environment)
    environment["LD_LIBRARY_PATH"] = str(program.parent.parent / "lib")
    return Emulator([binary, "-d", "-f", "herc.cnf"], folder, environment)


def powered_off(emulator: Emulator) -> bool:
    import re
    return re.search(r"^.{0,8}CPU\d+: SIGP Stop", emulator.log_text(), re.M) is not None


def stopped_in_panic(emulator: Emulator) -> bool:
    return "HHCCP011I CPU" in emulator.log_text()


def panic_text(emulator: Emulator) -> str:
    """The kernel's last messages; patch 04 lets all of them reach the console."""
    import re
    said = emulator.log_text().replace("\r", "").partition("ipl linux.ins\n")[2] or emulator.log_text()
    lines = [line for line in said.splitlines() if line.strip() and not re.match(r".{0,8}HHC| {8,}|quit$", line)]
    return "\n".join(lines[-PANIC_LINES:]) or "(the kernel's console says nothing)"


def judge_end(emulator: Emulator, _: Path) -> None:
    if stopped_in_panic(emulator):
        raise Broken(f"the guest kernel panicked\n{panic_text(emulator)}")
    if not powered_off(emulator):
        raise Broken(f"the emulator died ({emulator.how_ended()})\n{last_lines(emulator.log_text())}")


def resume(args: RunArguments, machine: Path, program: Path) -> int:
    """Resume the suspended MACHINE and run a job in it."""
    cards = (machine / "ap.so").exists()

    def begin(folder: Path) -> Emulator:
        for name in ("herc.cnf", "resume.rc", "snap", *(["ap.so"] if cards else [])):
            os.link(machine / name, folder / name)
        return start(program, folder, "resume.rc")

    run_job(args, begin, judge_end, ("ap",) if cards else ())
    return 0
