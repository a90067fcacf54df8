#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""resume.py: resume the suspended machine in a process of its own, run one job, power off.

  resume.py --emulator PROGRAM --machine FOLDER --work FOLDER --job FOLDER --out FOLDER
            --mode run|exec|shell --timeout SECONDS

It is short because Python compiles it anew each time, and each start waits for it.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "guest"))
from emulator import RunArguments, guarded  # noqa: E402
from hercules import resume  # noqa: E402


def main() -> int:
    given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    args = RunArguments(Path(given["--work"]), Path(given["--job"]), Path(given["--out"]), int(given["--timeout"]),
                        given["--mode"])
    return guarded(lambda args: resume(args, Path(given["--machine"]), Path(given["--emulator"])), args)


if __name__ == "__main__":
    sys.exit(main())
