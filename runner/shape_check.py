# SPDX-License-Identifier: GPL-2.0-only
"""Whether what was read has the shape that shape.py says; imported only where results are read."""
from __future__ import annotations

import types
import typing

import shape


def check(value: object, wanted: object = shape.Document, place: str = "results") -> None:
    """ValueError with the place of what is missing or of another type."""
    kind, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if kind is types.UnionType:
        if value is None:
            return
        kind, inner, wanted = typing.get_origin(inner[0]), typing.get_args(inner[0]), inner[0]
    if typing.is_typeddict(wanted):
        check_fields(value, wanted, place)
    elif kind is list and isinstance(value, list):
        for i, part in enumerate(value):
            check(part, inner[0], f"{place}[{i}]")
    elif kind is dict and isinstance(value, dict):
        for key, part in value.items():
            check(part, inner[1], f"{place}.{key}")
    elif kind is typing.Literal and value in inner:
        return
    elif kind or not is_simple(value, wanted):
        raise ValueError(f"{place} is not of the form that docs/results.md has")


def check_fields(value: object, wanted: object, place: str) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{place} has no fields")
    for name, hint in typing.get_type_hints(wanted).items():
        if name not in value:
            raise ValueError(f"{place}.{name} is missing")
        check(value[name], hint, f"{place}.{name}")


def is_simple(value: object, wanted: object) -> bool:
    if wanted is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return type(value) is wanted
