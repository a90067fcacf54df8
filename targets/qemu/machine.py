#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""machine.py: boot an s390x machine in QEMU for one job.

With KVM (an s390x host) the guest has nested KVM. QEMU's own emulator has no
SIE: the guest comes up, kvm.ko refuses to load, and the job is not run; the
file "skip" in the results says so.
"""
from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "guest"))
from disks import DISKS, Broken  # noqa: E402
from emulator import (Emulator, add_run_arguments, guarded, guest_reasons, last_lines,  # noqa: E402
                  run_job)

PROGRAM = "qemu-system-s390x"
PARAMETERS = "console=ttysclp0 rdinit=/init panic=-1 loglevel=3 disks=vd"


def command(args: argparse.Namespace) -> list[str]:
    nested = platform.machine() == "s390x" and os.access("/dev/kvm", os.R_OK | os.W_OK)
    words = [PROGRAM, "-M", "s390-ccw-virtio", "-cpu", "host" if nested else "max",
             "-accel", "kvm" if nested else "tcg", "-m", str(args.memory), "-smp", str(args.cpus),
             "-nographic", "-nodefaults", "-no-reboot", "-chardev", "stdio,id=console",
             "-device", "sclpconsole,chardev=console", "-kernel", str(args.kernel.resolve()),
             "-initrd", str(args.initrd.resolve()), "-append", f"{PARAMETERS} {args.parameters}"]
    for name in DISKS:
        words += ["-drive", f"if=none,id={name},format=raw,file={name}.img,cache=unsafe",
                  "-device", f"virtio-blk-ccw,drive={name},serial={name}"]
    return words


def judge_end(emulator: Emulator, _: Path) -> None:
    log = emulator.log_text()
    if "Kernel panic - not syncing" in log:
        raise Broken(f"the guest kernel panicked\n{last_lines(log, 40)}")
    if emulator.returncode != 0:
        raise Broken(f"QEMU died ({emulator.how_ended()})\n{last_lines(log)}")
    if "TESTED " not in log:
        said = "\n".join(guest_reasons(log)) or last_lines(log)
        raise Broken(f"the machine cannot be used: {said}")


def run(args: argparse.Namespace) -> int:
    run_job(args, lambda folder: Emulator(command(args), folder), judge_end)
    if "READY 0" in (args.out / "console").read_text():
        refused = (args.out / "boot").read_text().strip() or "the kernel has no kvm"
        (args.out / "skip").write_text(
            f"the QEMU guest booted but has no KVM ({refused}): QEMU's emulator has no SIE,"
            " nested KVM needs an s390x host with KVM; --target hercules has SIE\n")
        return 4
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", type=Path, required=True)
    parser.add_argument("--initrd", type=Path, required=True)
    parser.add_argument("--memory", type=int, default=512, help="MiB")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--parameters", default="", help="for the kernel, besides those that the machine needs")
    add_run_arguments(parser)
    return guarded(run, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
