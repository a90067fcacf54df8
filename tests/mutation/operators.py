# SPDX-License-Identifier: GPL-2.0-only
"""Single small faults in C functions, by generic operators on their text.

Nothing here knows the kernel: a function is found by its name, each line of its
body is tokenized, and an operator makes the variants of it. A line keeps its
number, so that two variants differ in code only if they do something else.
"""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    r'(?P<string>"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\')|(?P<word>[A-Za-z_]\w*)|(?P<number>0[xX][0-9a-fA-F]+[uUlL]*|\d+[uUlL]*)'
    r"|(?P<op><<=|>>=|->|\+\+|--|&&|\|\||<=|>=|==|!=|<<|>>|[-+*/%&|^]=|[-+*/%&|^~!<>=?:;,.(){}\[\]])|(?P<space>\s+)|(?P<other>.)")
SWAPS: dict[str, tuple[str, ...]] = {
    "<": ("<=", ">="), "<=": ("<",), ">": (">=", "<="), ">=": (">",), "==": ("!=",), "!=": ("==",),
    "&&": ("||",), "||": ("&&",), "+": ("-",), "-": ("+",), "<<": (">>",), ">>": ("<<",), "|=": ("=", "&="),
    "&=": ("=", "|="), "+=": ("-=", "="), "-=": ("+=", "=")}
BINARY_ONLY = {"+", "-", "<<", ">>"}
ERRORS = {"EINVAL": "EFAULT", "EFAULT": "EINVAL", "EEXIST": "EINVAL", "ENOENT": "EINVAL", "E2BIG": "EINVAL",
          "ENOMEM": "EINVAL", "EBUSY": "EINVAL", "EOPNOTSUPP": "EINVAL", "ENXIO": "EINVAL", "EAGAIN": "EFAULT"}
DECLARATION = re.compile(
    r"^\s*(?:static |const |struct \w+ |union \w+ |enum \w+ |unsigned |signed |long |int |bool |char |void |u8 |u16 |u32 |u64"
    r"|s64 |gfn_t |gpa_t |hva_t |size_t |ktime_t |__u\w+ |kvm_pfn_t )+\**\s*\w+\s*(?:[;,\[]|$)")
CALL = re.compile(r"^\s*(?:\w+\s*\([^;]*\)|[\w>.\-\[\]()]+\s*[-+|&]?=(?!=)[^;]*|[\w>.\-]+(?:\+\+|--)|(?:\+\+|--)[\w>.\-]+);\s*$")
UNCHANGED = re.compile(r"lockdep|WARN_ON|BUG_ON|VM_EVENT|VCPU_EVENT|KVM_EVENT|trace_|kvm_s390_.*dbf|might_|BUILD_BUG|pr_")


@dataclass(frozen=True)
class Mutant:
    file: str
    function: str
    line: int  # from 1
    operator: str
    old: str  # the line
    new: str

    @property
    def name(self) -> str:
        return f"{self.function}:{self.line}:{self.operator}"


def function_lines(text: str, name: str) -> tuple[int, int] | None:
    """First and last line, from 0, of the body of the function NAME."""
    match = re.search(rf"^[^\s#/*][^;{{}}=]*?\b{name}\([^;{{}}]*\)\s*\n{{\n", text, re.M)
    if not match:
        return None
    end = text.find("\n}\n", match.end() - 1)
    return text.count("\n", 0, match.end()), text.count("\n", 0, end + 1)


def tokens(line: str) -> list[tuple[str, str]]:
    return [(match.lastgroup or "other", match[0]) for match in TOKEN.finditer(line)]


def replaced(parts: list[tuple[str, str]], at: int, text: str) -> str:
    return "".join(text if i == at else part for i, (_, part) in enumerate(parts))


def is_binary(parts: list[tuple[str, str]], at: int) -> bool:
    before = next((p for p in reversed(parts[:at]) if p[0] != "space"), ("", ""))
    return before[0] in ("word", "number") or before[1] in (")", "]")


def token_mutants(line: str) -> Iterator[tuple[str, str]]:
    parts = tokens(line)
    for at, (kind, text) in enumerate(parts):
        if kind == "op" and text in SWAPS and (text not in BINARY_ONLY or is_binary(parts, at)):
            for other in SWAPS[text]:
                yield f"{text} to {other}", replaced(parts, at, other)
        elif kind == "word" and text in ERRORS:
            yield f"{text} to {ERRORS[text]}", replaced(parts, at, ERRORS[text])
        elif kind == "word" and text in ("true", "false"):
            yield f"not {text}", replaced(parts, at, "false" if text == "true" else "true")
        elif kind == "number":
            number = int(text.rstrip("uUlL"), 0)
            yield f"{text} to {number + 1}", replaced(parts, at, str(number + 1))
            if number > 0:
                yield f"{text} to {number - 1}", replaced(parts, at, str(number - 1))


def line_mutants(line: str) -> Iterator[tuple[str, str]]:
    if match := re.match(r"^(\s*(?:\} else )?if \()(.*)(\)\s*\{?)$", line):
        if match[2].count("(") == match[2].count(")"):
            yield "condition negated", f"{match[1]}!({match[2]}){match[3]}"
            yield "condition true", f"{match[1]}1 || ({match[2]}){match[3]}"
            yield "condition false", f"{match[1]}0 && ({match[2]}){match[3]}"
    if CALL.match(line) and not DECLARATION.match(line):
        what = "unlock dropped" if "unlock" in line else "lock dropped" if "lock" in line else "statement dropped"
        yield what, re.match(r"\s*", line)[0] + ";"  # type: ignore[index]
    if match := re.match(r"^(\s*return )(?!0;)([^;]+);$", line):
        yield "returns 0", f"{match[1]}0;"
    if re.match(r"^\s*(?:break|continue);$", line):
        yield "jump dropped", re.match(r"\s*", line)[0] + ";"  # type: ignore[index]


def argument_swaps(line: str) -> Iterator[tuple[str, str]]:
    for match in re.finditer(r"\b\w+\((?P<a>[\w>.\-]+), (?P<b>[\w>.\-]+)(?=[,)])", line):
        if match["a"] != match["b"]:
            yield "arguments swapped", (line[:match.start("a")] + f"{match['b']}, {match['a']}" + line[match.end("b"):])


def mutants(file: str, text: str, functions: list[str]) -> Iterator[Mutant]:
    lines = text.split("\n")
    for function in functions:
        span = function_lines(text, function)
        if not span:
            continue
        for number in range(*span):
            line = lines[number]
            stripped = line.strip()
            if not stripped or stripped.startswith(("/*", "*", "//", "#", "case ", "default")) or UNCHANGED.search(line):
                continue
            for source in (token_mutants, line_mutants, argument_swaps):
                for operator, new in source(line):
                    yield Mutant(file, function, number + 1, operator, line, new)
