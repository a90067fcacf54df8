# SPDX-License-Identifier: GPL-2.0-only
"""The parts of report.html that are text and tables: verdict, failures, findings, clauses, tests."""
from __future__ import annotations

import results
import screen
from reports.markup import anchor, escape, tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from shape import Clause, Document, Failure, Line, Test

SIGNS = {"passed": "\u2713", "failed": "\u2717", "broken": "\u2717", "xfail": "!", "skipped": "\u2013",
         "unproven": "?", "": "\u00b7"}
SHOWN_CASES = 10  # of a line


def lines_text(count: int) -> str:
    return f"{count} line" if count == 1 else f"{count} lines"


def verdict(document: Document) -> tuple[str, str]:
    """One sentence, and whether it is good, bad or neither."""
    totals, run = results.total(document["tests"]), document["run"]
    kernel = f"Linux {document['kernel']}" if document["kernel"] else "The kernel"
    known = len(document["findings"])
    if not run["complete"]:
        return f"{' '.join(screen.end_text(document))}.".capitalize(), "bad"
    if totals["broken"] and run["exit_status"] == results.EXIT_BROKEN:
        return (f"The run broke: {totals['broken']} of {totals['tests']} tests did not end as a test should,"
                f" {lines_text(totals['failed'])} failed."), "bad"
    if totals["failed"]:
        bad = sum(test["verdict"] in ("failed", "broken") for test in document["tests"])
        return (f"{kernel} does not keep the contract: {lines_text(totals['failed'])} of"
                f" {sum(len(test['lines']) for test in document['tests'])} failed, in {bad} tests."), "bad"
    if run["exit_status"] == results.EXIT_UNTESTED:
        return "Nothing was tested: every test was skipped.", "neither"
    if run["exit_status"]:
        return f"{kernel} meets {known} faults that are known, and they count as failures (--strict).", "bad"
    met = f"; {known} known faults of this kernel were met, as expected" if known else ""
    return (f"{kernel} keeps the contract wherever it was tested: {lines_text(totals['passed'])} passed with"
            f" {totals['cases']} cases, none failed{met}."), "good"


def about(document: Document) -> str:
    items = [row.partition(" ") for row in screen.head(document)]
    end = document["run"]["moments"]["end"]
    items.append(("cost", "", f"{f'{end:.1f} s, ' if end is not None else ''}{screen.cost_text(document)}"))
    rows = "".join(f"{tag('dt', key)}{tag('dd', value.strip())}" for key, _, value in items)
    totals = results.total(document["tests"])
    counts = "".join(f'<li class="{key}"><b data-count="{key}">{totals[key]}</b> {word}</li>' for key, word in (
        ("passed", "lines passed"), ("failed", "failed"), ("xfail", "known to fail"), ("skipped", "skipped"),
        ("cases", "cases"), ("tests", "tests")))
    return f'<section id="about"><ul class="counts">{counts}</ul><dl class="about">{rows}</dl></section>\n'


def contents(document: Document) -> str:
    places = [("failures", "What failed")] if bad_tests(document) else []
    places += [("findings", "Known faults and deviations")] if document["findings"] or document["deviations"] else []
    places += [("clauses", "Clauses"), ("timeline", "Time"), ("tests", "Tests")]
    items = "".join(f'<li><a href="#{name}">{escape(text)}</a></li>' for name, text in places)
    return f'<nav aria-label="Contents"><ul>{items}</ul></nav>\n'


def bad_tests(document: Document) -> list[Test]:
    return [test for test in document["tests"] if test["verdict"] in ("failed", "broken", "unfinished")]


def failure(document: Document, case: Failure, heading: str) -> str:
    texts = {clause["name"]: clause.get("text", "") for clause in document["clauses"]}
    rows = []
    for name in screen.FIELDS:
        value = case["fields"].get(name)
        if value is None:
            continue
        rows.append(f"{tag('dt', name.replace('_', ' '))}{tag('dd', value)}")
        if name == "clause":
            rows += [f"<dt>which says</dt>{tag('dd', texts[word])}" for word in value.split() if texts.get(word)]
    rows.append(f"<dt>again</dt><dd><code>{escape(case['command'])}</code></dd>")
    return f'<{heading} class="case">A case that failed</{heading}><dl class="case">{"".join(rows)}</dl>'


def failed_line(document: Document, test: Test, line: Line, heading: str) -> str:
    below = f"h{int(heading[1]) + 1}"
    shown = line["failures"][:SHOWN_CASES]
    text = [f'<article class="failed" id="{anchor("failed", test["name"], line["number"])}">'
            f"<{heading}>{escape(test['name'])} {line['number']}: {escape(line['name'])}</{heading}>"]
    if line["reason"]:
        text.append(tag("p", line["reason"]))
    text += [failure(document, case, below) for case in shown]
    if len(line["failures"]) > len(shown):
        text.append(f"<p>{len(line['failures']) - len(shown)} more cases: results.json has them.</p>")
    if line["said"]:
        text.append(tag("pre", "\n".join(line["said"])))
    if not shown:
        text.append(f"<p>again: <code>{escape(line['command'])}</code></p>")
    return "".join([*text, "</article>\n"])


def failures(document: Document, heading: str = "h2") -> str:
    """What failed, with all that is known of it, and the command that repeats it."""
    below, out = f"h{int(heading[1]) + 1}", []
    for test in bad_tests(document):
        lines = [line for line in test["lines"] if line["verdict"] in ("failed", "broken")]
        out += [failed_line(document, test, line, below) for line in lines]
        if test["verdict"] != "failed" or test["kernel_log"] or not lines:
            told = "\n".join([test["reason"], *screen.trouble_of(test),
                              *(said for part in test["parts"] for said in part["said"])]).strip()
            out.append(f'<article class="failed"><{below}>{escape(test["name"])}: '
                       f"{escape(screen.WORDS[test['verdict']])}</{below}><pre>{escape(told)}</pre>"
                       f"<p>again: <code>{escape(test['command'])}</code></p></article>\n")
    return f'<section id="failures"><{heading}>What failed</{heading}>\n{"".join(out)}</section>\n' if out else ""


def findings(document: Document, heading: str = "h2") -> str:
    """Known faults and deviations that were met, with the lines that met them."""
    rows = []
    for what in ("findings", "deviations"):
        for name, cases in document[what].items():  # type: ignore[literal-required]
            where = [f"{test['name']} {line['number']}" for test in document["tests"] for line in test["lines"]
                     if name in line[what]]  # type: ignore[literal-required]
            rows.append(f'<tr class="{"xfail" if what == "findings" else ""}"><th scope="row">{escape(name)}</th>'
                        f"{tag('td', document['sentences'].get(name, ''))}"
                        f'<td class="number">{cases}</td>{tag("td", ", ".join(where))}</tr>')
    if not rows:
        return ""
    return (f'<section id="findings"><{heading}>Known faults of this kernel, known deviations</{heading}><div class="wide">'
            '<table><thead><tr><th scope="col">name</th><th scope="col">what</th><th scope="col">cases</th>'
            f'<th scope="col">met by</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div></section>\n')


def skips(document: Document) -> str:
    """What was not tested here, by what is missing."""
    found: dict[str, list[str]] = {}
    for where, skip in results.skipped(document):
        found.setdefault(screen.reason_text(skip), []).append(where)
    if not found:
        return ""
    rows = "".join(f"<li>{escape(reason)}: <span class=\"quiet\">{escape(', '.join(places))}</span></li>"
                   for reason, places in sorted(found.items()))
    return f'<section id="skips"><h2>Not tested here</h2><ul>{rows}</ul></section>\n'


def clause_row(clause: Clause) -> str:
    by = ", ".join(f"{test} {' '.join(map(str, lines))}" for test, lines in sorted(clause["by"].items()))
    known = f" ({', '.join(clause['deviations'])})" if clause["deviations"] else ""
    return (f'<tr id="{anchor("clause", clause["name"])}" class="{clause["result"]}"><th scope="row">'
            f"{escape(clause['name'])}</th>{tag('td', clause.get('text', ''))}"
            f"<td>{escape(screen.WORDS[clause['result']])}{escape(known)}</td>"
            f'<td class="number">{clause["cases"]}</td>{tag("td", by or clause["reason"] or "not in this run")}</tr>')


def clause_map(document: Document) -> str:
    """A cell for each clause, with what this run found of it."""
    if not document["clauses"]:
        return ""
    cells = []
    for clause in document["clauses"]:
        word = screen.WORDS[clause["result"]] if clause["result"] else "not in this run"
        title = f"{clause['name']}: {word}, {clause['cases']} cases"
        cells.append(f'<li><a class="cell {clause["result"] or "none"}" href="#{anchor("clause", clause["name"])}"'
                     f' title="{escape(title)}" aria-label="{escape(title)}">{SIGNS[clause["result"]]}</a></li>')
    counted: dict[str, int] = {}
    for clause in document["clauses"]:
        counted[clause["result"]] = counted.get(clause["result"], 0) + 1
    told = ", ".join(f"{count} {screen.WORDS[name] if name else 'not in this run'}" for name, count in counted.items())
    rows = "".join(map(clause_row, document["clauses"]))
    return (f'<section id="clauses"><h2>Clauses of the contract</h2><p>{len(document["clauses"])} clauses: {escape(told)}.'
            f'</p><ul class="map">{"".join(cells)}</ul><details id="clause-table"><summary>each clause, and what proved '
            'it</summary><div class="wide"><table><thead><tr><th scope="col">clause</th><th scope="col">what holds</th>'
            '<th scope="col">result</th><th scope="col">cases</th><th scope="col">by test and lines</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></div></details></section>\n")


def line_row(line: Line) -> str:
    known = ", ".join(results.known_of(line))
    more = screen.skip_text(line) or line["reason"] or known
    return (f'<tr class="{line["verdict"]}"><td class="number">{line["number"]}</td>{tag("td", line["name"])}'
            f"<td>{escape(screen.WORDS[line['verdict']])}</td><td class=\"number\">{line['cases']}</td>"
            f'<td class="number">{line["seconds"]:.2f}</td>{tag("td", more)}</tr>')


def test_entry(test: Test) -> str:
    body = "".join(map(line_row, test["lines"]))
    table = ('<div class="wide"><table><thead><tr><th scope="col">line</th><th scope="col">sentence</th><th scope="col">'
             'result</th><th scope="col">cases</th><th scope="col">seconds</th><th scope="col">why</th></tr></thead>'
             f"<tbody>{body}</tbody></table></div>") if body else tag("p", screen.skip_text(test) or test["reason"])
    is_open = " open" if test["verdict"] in ("failed", "broken") else ""
    return (f'<details class="test {test["verdict"]}" data-name="{escape(test["name"])}"{is_open}><summary>'
            f"<b>{escape(test['name'])}</b> {escape(screen.verdict_text(test))}</summary>"
            f"<p><code>{escape(test['command'])}</code></p>{table}</details>\n")


def tests(document: Document) -> str:
    entries = "".join(map(test_entry, document["tests"]))
    return ('<section id="tests"><h2>Tests</h2><form role="search"><label>Only tests whose name holds '
            '<input type="search" id="filter" autocomplete="off"></label> <label><input type="checkbox" id="unpassed"> '
            'only what did not pass</label> <button type="button" id="unfold">open all</button> '
            f'<output id="shown" for="filter unpassed">{len(document["tests"])} tests</output></form>\n{entries}</section>\n')
