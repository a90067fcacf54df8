# SPDX-License-Identifier: GPL-2.0-only
"""kvm.ko or vfio_ap.ko with one line changed: compiled by the saved commands of the whole build.

Only the changed file is compiled (without debug information, which takes most of
the time), and the module is linked from it and the objects that are there. A changed
header, the kernel's (include/linux/) or one beside the files, is in all of them.
"""
from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
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
        self.source, self.headers, self.folder = (p.absolute() for p in (tree / "source", tree / "headers", folder))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = module_of(tree)
        ld = saved_command(self.source / f".{self.name}.o.cmd")
        # Until 6.12 commands ran in the headers and named all files in full, since then in the module's folder
        self.where = self.headers if Path(ld[ld.index("-o") + 1]).is_absolute() else self.source
        self.objects = [self.full(o) for o in (self.source / f"{self.name}.mod").read_text().split()]
        self.plain: dict[str, str] = {}

    def full(self, word: str | Path) -> str:
        """The path that WORD is in a saved command."""
        return os.path.normpath(self.where / word)

    def object(self, file: str) -> str:
        """The unchanged object of FILE, as it is among the module's."""
        return os.path.normpath((self.source / file).with_suffix(".o"))

    def places(self, file: str) -> Iterator[Path]:
        """Where FILE would be: among the module's own, or the kernel's headers."""
        yield self.source / file
        for word in saved_command(next(self.source.rglob(".*.o.cmd"))):
            if word.startswith("-I"):
                yield self.where / word[2:] / file.removeprefix("include/")

    def has(self, file: str) -> bool:
        """Has this kernel such a file?"""
        return any(path.exists() for path in self.places(file))

    def text(self, file: str) -> str:
        return next(path for path in self.places(file) if path.exists()).read_text()

    def compile(self, file: str, text: str) -> Path:
        """The object of FILE with TEXT; the file itself stays as it is."""
        path = self.source / file
        changed = self.folder / path.name
        changed.write_text(text)
        out = changed.with_suffix(".o")
        words = saved_command(path.with_name(f".{path.stem}.o.cmd"))
        swap = {self.object(file): str(out), os.path.normpath(path): str(changed)}
        words = [swap.get(self.full(w), w) for w in words]
        words += ["-w", f"-I{path.parent}"]
        words.insert(1, f"-I{self.folder}/include")
        done = subprocess.run(words, cwd=self.where, capture_output=True, text=True)
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
        """The module with this fault; None where the code is the same without it."""
        lines = self.text(mutant.file).split("\n")
        assert lines[mutant.line - 1] == mutant.old
        lines[mutant.line - 1] = mutant.new
        return self.with_text(mutant.file, "\n".join(lines))

    def with_text(self, file: str, text: str) -> Path | None:
        """The module with FILE changed to TEXT; None where the code is the same."""
        if not file.endswith(".h"):
            return self.with_objects({file: text})
        kernels = file.startswith("include/")
        header = self.folder / file if kernels else self.folder / Path(file).name
        near = self.source if kernels else (self.source / file).parent
        # A header that stays where it is would find the unchanged one beside it
        for beside in near.glob("*.h"):
            shutil.copy(beside, self.folder)
        header.parent.mkdir(parents=True, exist_ok=True)
        files = [str(p.relative_to(self.source)) for p in sorted(near.rglob("*.c")) if not p.name.endswith(".mod.c")]
        texts = {f: self.text(f) for f in files if self.object(f) in self.objects}
        for f in texts:
            self.unchanged_code(f)
        header.write_text(text)
        try:
            return self.with_objects(texts)
        finally:
            header.unlink()

    def with_objects(self, texts: dict[str, str]) -> Path | None:
        changed = {}
        for file, text in texts.items():
            plain = self.unchanged_code(file)
            out = self.compile(file, text)
            if self.code(out) != plain:
                changed[self.object(file)] = str(out)
        return self.link([changed.get(o, o) for o in self.objects]) if changed else None

    def link(self, objects: list[str]) -> Path:
        whole, module = self.folder / f"{self.name}.o", self.folder / f"{self.name}.ko"
        ld = saved_command(self.source / f".{self.name}.o.cmd")
        at = ld.index("-o")
        subprocess.run([*ld[:at], "-o", str(whole), *objects], cwd=self.where, check=True)
        ld = saved_command(self.source / f".{self.name}.ko.cmd")
        swap = {self.full(self.source / f"{self.name}.{what}"): str(made) for what, made in (("o", whole), ("ko", module))}
        subprocess.run([swap.get(self.full(w), w) for w in ld], cwd=self.where, check=True)
        subprocess.run(["s390x-linux-gnu-strip", "--strip-debug", module], check=True)
        return module
