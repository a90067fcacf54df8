# SPDX-License-Identifier: GPL-2.0-only
"""The end of what a run shows: what to do next, what is known, what was skipped, the totals."""
from __future__ import annotations

import results
import screen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from shape import Document

# Where a skip of each class would be none
SKIP_HELP = {
    "architecture": "they are for other machines",
    "capability": "a newer kernel (--kernel sid) or other hardware may have it",
    "permission": "as root they would run",
    "resource": "--doctor tells what this host lacks",
    "target": "another --target may run them",
}


def skipped_text(document: Document) -> list[str]:
    """How much was skipped for want of what, and where it would not be."""
    kinds: dict[str, int] = {}
    for _, skip in results.skipped(document):
        kinds[skip["kind"] or ""] = kinds.get(skip["kind"] or "", 0) + 1
    return [f"{count} skipped{f' for {kind}' if kind else ''}{': ' + SKIP_HELP[kind] if kind in SKIP_HELP else ''}"
            for kind, count in sorted(kinds.items())]


def closing(document: Document, folder: str, verbose: bool) -> str:
    """The end of what is shown; its last line has the totals."""
    totals = document["totals"]
    text = ["", *screen.again_text(document), *screen.end_text(document), *screen.known_text(document),
            *screen.uncounted_text(document)]
    if totals["xfail"]:
        lines = "line is" if totals["xfail"] == 1 else "lines are"
        text.append(f"{totals['xfail']} {lines} known to fail (XFAIL): neither passed nor failed")
    text += skipped_text(document)
    if verbose:
        text.append(screen.cost_text(document))
    text += [f"results: {folder}", f"report:  {folder}/report.html"]
    if totals["broken"]:
        text.append(f"{totals['broken']} of {totals['tests']} tests did not end as a test should (BROKEN above)")
    return "\n".join([*text, screen.totals_text(document)])
