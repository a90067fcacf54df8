# SPDX-License-Identifier: GPL-2.0-only
"""report.html: one file, nothing fetched from anywhere, made from results.

Here is the frame: head, style, script, and what a page of one run, of several kernels and of
a comparison consist of. The parts are made by sections.py (text) and pictures.py.
"""
from __future__ import annotations

import os

import results
import screen
from reports import matrix, pictures, sections
from reports.compare import Comparison, place_text, tests_of
from reports.markup import escape, tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from shape import Document

HERE = os.path.dirname(os.path.abspath(__file__))


def beside(name: str) -> str:
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def frame(title: str, verdict: str, kind: str, parts: Sequence[str]) -> str:
    """A page: VERDICT first, in a colour and a word of its KIND."""
    body = "".join(part for part in parts if part)
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<meta name="color-scheme" content="light dark">\n<title>{escape(title)}</title>\n'
            f"<style>\n{beside('page.css')}</style>\n</head>\n<body>\n"
            f'<a class="skip" href="#main">to the content</a>\n<header>\n<p class="title">{escape(title)}</p>\n'
            f'<h1 id="verdict" class="{kind}">{escape(verdict)}</h1>\n</header>\n<main id="main">\n{body}</main>\n'
            f"<script>\n{beside('page.js')}</script>\n</body>\n</html>\n")


def of_run(document: Document) -> str:
    verdict, kind = sections.verdict(document)
    return frame(f"Guest memory under KVM: {document['run']['id']}", verdict, kind, [
        sections.about(document), sections.contents(document), sections.failures(document),
        sections.findings(document), sections.skips(document), sections.clause_map(document),
        pictures.keys(document), pictures.slots(document), pictures.walks(document), pictures.timeline(document),
        sections.tests(document)])


def of_matrix(documents: Sequence[Document]) -> str:
    status = matrix.status(documents)
    names = ", ".join(matrix.columns(documents))
    words = {results.EXIT_PASSED: f"Nothing failed on {names}.", results.EXIT_UNTESTED: "Nothing was tested."}
    bad = [name for name, document in zip(matrix.columns(documents), documents)
           if document["run"]["exit_status"] not in (results.EXIT_PASSED, results.EXIT_UNTESTED)]
    verdict = words.get(status, f"Not all is well: {', '.join(bad)}.")
    parts = [kernel_table(documents), differences(documents)]
    for name, document in zip(matrix.columns(documents), documents):
        parts.append(f'<section><h2>{escape(name)}</h2>{tag("p", sections.verdict(document)[0])}</section>')
        parts += [sections.failures(document, heading="h3"), sections.findings(document, heading="h3")]
    return frame(f"Guest memory under KVM: {names}", verdict, "good" if status in words else "bad", parts)


def heads(documents: Sequence[Document]) -> str:
    """A column for each kernel."""
    return "".join(f'<th scope="col">{escape(name)}</th>' for name in matrix.columns(documents))


def kernel_table(documents: Sequence[Document]) -> str:
    tables = [tests_of(document) for document in documents]
    rows = []
    for name in matrix.names_of(documents):
        cells = "".join(f'<td class="{(found[name]["verdict"] if name in found else "absent")}">'
                        f"{escape(matrix.cell(found.get(name)))}</td>" for found in tables)
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    total = "".join(f"<td>{escape(screen.totals_text(document))}</td>" for document in documents)
    return ('<section id="kernels"><h2>Tests by kernel</h2><div class="wide"><table>'
            f"<thead><tr><th scope=\"col\">test</th>{heads(documents)}</tr></thead><tbody>{''.join(rows)}</tbody>"
            f'<tfoot><tr><th scope="row">all</th>{total}</tr></tfoot></table></div></section>\n')


def differences(documents: Sequence[Document]) -> str:
    rows = matrix.different(documents)
    if not rows:
        return '<section id="differences"><h2>What differs</h2><p>No line.</p></section>\n'
    body = "".join(f'<tr><th scope="row">{escape(place_text(place))}</th>'
                   + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>" for place, cells in rows)
    return (f'<section id="differences"><h2>What differs, line by line</h2><p>{len(rows)} lines.</p><div class="wide">'
            f'<table><thead><tr><th scope="col">line</th>{heads(documents)}</tr></thead><tbody>{body}</tbody></table></div>'
            "</section>\n")


def of_comparison(comparison: Comparison) -> str:
    parts = ['<section><h2>The runs</h2><dl class="about">']
    for label, document in (("A", comparison.a), ("B", comparison.b)):
        parts.append(f"<dt>{label}</dt><dd>{escape(document['run']['id'])}: {escape(sections.verdict(document)[0])}</dd>")
    parts.append("</dl></section>\n")
    for heading, found in comparison.parts:
        parts.append(f'<section><h2>{escape(heading.capitalize())}</h2><p>{len(found)}</p>'
                     f"<ul>{''.join(tag('li', text) for text in found)}</ul></section>\n")
    verdict = f"{comparison.verdict().capitalize()}."
    return frame(f"{comparison.a['run']['id']} and {comparison.b['run']['id']}", verdict,
                 "bad" if comparison.worse else "good", parts)
