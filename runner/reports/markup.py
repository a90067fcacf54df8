# SPDX-License-Identifier: GPL-2.0-only
"""Text that becomes HTML: nothing that a test printed may be taken for markup."""
from __future__ import annotations

import html
import re

import screen


def escape(text: object) -> str:
    return html.escape(screen.plain(str(text)))


def tag(name: str, text: object, **attributes: str) -> str:
    """An element that holds TEXT; a "class" is given as class_."""
    words = "".join(f' {key.rstrip("_")}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{words}>{escape(text)}</{name}>"


def anchor(*words: object) -> str:
    """WORDS as the name of a place in the page."""
    return re.sub(r"[^A-Za-z0-9]+", "-", "-".join(map(str, words))).strip("-")
