# SPDX-License-Identifier: GPL-2.0-only
"""kvm.ko or vfio_ap.ko with one line changed: compiled by the saved commands of the whole build.

Only the changed file is compiled (without debug information, which takes most of
the time), and the module is linked from it and the objects that are there.
"""
from __future__ import annotations

import hashlib
import re
import shlex
import subprocess
from pathlib import Path

from operators import Mutant


class DoesNotCompile(Exception):
    """The changed text is no C: such a fault is left out."""


def saved_command(path: Path) -> list[str]:
    line = path.read_text().split("\n", 1)[0].split(":=", 1)[1]
    words = shlex.split(line.split(";")[0])
    return [w for w in words if not re.fullmatch(r"-g(?:dwarf-\d)?|-Wp,-MMD,.*", w)]


def module_of(tree: Path) -> str:
    """kvm or vfio_ap: which of them tree.sh has built there."""
    return next(name for name in ("vfio_ap", "kvm") if (tree / f"source/{name}.ko").exists())


class Builder:
    """Makes modules in FOLDER from the tree that tree.sh has made."""

    def __init__(self, tree: Path, folder: Path) -> None:
        self.source, self.headers, self.folder = tree / "source", tree / "headers", folder
        folder.mkdir(parents=True, exist_ok=True)
        self.name = module_of(tree)
        self.objects = (self.source / f"{self.name}.mod").read_text().split()
        self.plain: dict[str, str] = {}

    def text(self, file: str) -> str:
        return (self.source / file).read_text()

    def compile(self, file: str, text: str) -> Path:
        """The object of FILE with TEXT; the file itself stays as it is."""
        path = self.source / file
        changed = self.folder / path.name
        changed.write_text(text)
        out = changed.with_suffix(".o")
        words = saved_command(path.with_name(f".{path.stem}.o.cmd"))
        words = [str(out) if w == str(path.with_suffix(".o")) else str(changed) if w == str(path) else w for w in words]
        words += ["-w", f"-I{path.parent}"]
        done = subprocess.run(words, cwd=self.headers, capture_output=True, text=True)
        if done.returncode:
            raise DoesNotCompile(done.stderr[-500:])
        return out

    def code(self, out: Path) -> str:
        """A checksum over what the object does: its sections but those of the compiler's notes."""
        dump = subprocess.run(["s390x-linux-gnu-objdump", "-drs", "-j.text", "-j.rodata", "-j.data", "-j.init.text",
                               "-j.exit.text", "-j.bss", out], capture_output=True, text=True).stdout
        return hashlib.sha256(dump.split("\n", 3)[-1].encode()).hexdigest()

    def unchanged_code(self, file: str) -> str:
        if file not in self.plain:
            self.plain[file] = self.code(self.compile(file, self.text(file)))
        return self.plain[file]

    def module(self, mutant: Mutant) -> Path | None:
        """The kvm.ko with this fault; None where the code is the same without it."""
        lines = self.text(mutant.file).split("\n")
        assert lines[mutant.line - 1] == mutant.old
        lines[mutant.line - 1] = mutant.new
        plain = self.unchanged_code(mutant.file)
        changed = self.compile(mutant.file, "\n".join(lines))
        if self.code(changed) == plain:
            return None
        own = str(self.source / Path(mutant.file).with_suffix(".o"))
        return self.link([str(changed) if o == own else o for o in self.objects])

    def link(self, objects: list[str]) -> Path:
        whole, module = self.folder / f"{self.name}.o", self.folder / f"{self.name}.ko"
        ld = saved_command(self.source / f".{self.name}.o.cmd")
        at = ld.index("-o")
        subprocess.run([*ld[:at], "-o", str(whole), *objects], cwd=self.headers, check=True)
        ld = saved_command(self.source / f".{self.name}.ko.cmd")
        swap = {str(self.source / f"{self.name}.o"): str(whole), str(self.source / f"{self.name}.ko"): str(module)}
        subprocess.run([swap.get(w, w) for w in ld], cwd=self.headers, check=True)
        subprocess.run(["s390x-linux-gnu-strip", "--strip-debug", module], check=True)
        return module
