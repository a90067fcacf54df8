# SPDX-License-Identifier: GPL-2.0-only
"""What lies beside results.json when a run has ended."""
from __future__ import annotations

import os

import results
from reports import junit, page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from shape import Document


def all_of(document: Document, folder: str) -> None:
    results.write_text(os.path.join(folder, "junit.xml"), junit.text(document))
    results.write_text(os.path.join(folder, "report.html"), page.of_run(document))
