# SPDX-License-Identifier: GPL-2.0-only
"""What is shown: functions that take results and return text.

Nothing here knows whether a run goes on or was read from a file.
"""
from __future__ import annotations

import results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from shape import Clause, Document, Failure, Line, Skip, Test

WORDS = {"passed": "passed", "failed": "FAILED", "broken": "BROKEN", "skipped": "skipped", "xfail": "XFAIL",
         "unfinished": "unfinished", "running": "running", "waiting": "not run", "unproven": "unproven", "": "-"}
SHOWN_FAILURES = 10  # of a line
SHOWN_TROUBLE = 10
LEAST_WIDTH = 24  # of text beside what stands before it, in a terminal
FIELDS = ("clause", "state", "request", "expected", "observed", "at_byte")


def plain(text: str) -> str:
    """TEXT with what would steer a terminal spelled out."""
    return text if text.isprintable() else "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape", "replace").decode() for c in text)


def quoted(word: str) -> str:
    """WORD for a shell."""
    safe = word and all(c.isascii() and (c.isalnum() or c in "%+,-./:=@_") for c in word)
    return word if safe else "'" + word.replace("'", "'\\''") + "'"


def hang(text: str) -> int:
    """Where a line that goes on begins: behind the number of a result, the name of a field."""
    if text.startswith("#"):
        text = " " + text[1:]
    words = text.split()
    for word in words[:3]:
        if word.isdigit() and words[0] in ("ok", "not", "lost", "FAILED"):
            return text.index(word) + len(word) + 1
    gap = text.find("  ", 3) if text.startswith("  ") else -1
    return len(text) - len(text[gap:].lstrip()) if 0 < gap < 12 else len(text) - len(text.lstrip()) + 2


def wrapped(label: str, text: str, width: int) -> list[str]:
    """LABEL and TEXT in lines of at most WIDTH, broken at blanks. A command stays whole, to be copied."""
    if len(label) + len(text) <= width or text.lstrip("# ").startswith("again"):
        return [label + text]
    indent = len(label) + hang(text)
    if width - indent < LEAST_WIDTH:
        indent = 4
    lines, line = [], label + text
    while len(line) > width:
        start = indent if lines else len(label) + hang(text)
        cut = line.rfind(" ", start, width + 1)
        if cut < 0:
            cut = line.find(" ", width)
        if cut < 0:
            break
        lines.append(line[:cut].rstrip())
        line = " " * indent + line[cut:].lstrip()
    return [*lines, line]


def reason_text(skip: Skip) -> str:
    return f"{skip['kind'] + ': ' if skip['kind'] else ''}{skip['reason']}"


def skip_text(line_or_test: Line | Test) -> str:
    return reason_text(line_or_test["skip"]) if line_or_test["skip"] else ""


def line_text(line: Line) -> str:
    """A result in KTAP's words, under its number in the test."""
    if line["verdict"] == "broken":
        return plain(f"lost {line['number']} {line['name']}")
    text = f"{'not ok' if line['verdict'] == 'failed' else 'ok'} {line['number']} {line['name']}".rstrip()
    if line["verdict"] == "skipped":
        text += f" # SKIP {skip_text(line)}"
    elif line["verdict"] == "xfail":
        text += f" # XFAIL {line['reason']}"
    return plain(text.rstrip())


def failure_text(failure: Failure) -> list[str]:
    lines = [f"  {name.replace('_', ' '):<9} {value}" for name in FIELDS
             if (value := failure["fields"].get(name)) is not None]
    return [plain(text) for line in lines for text in line.split("\n")] + [f"  again     {failure['command']}"]


def failures_of(line: Line) -> list[str]:
    """What is known of a line that failed."""
    shown = line["failures"][:SHOWN_FAILURES]
    text = [piece for failure in shown for piece in failure_text(failure)]
    if len(line["failures"]) > len(shown):
        text.append(f"  ... {len(line['failures']) - len(shown)} more: results.json has them")
    return text + [plain(said) for said in line["said"]]


def trouble_of(test: Test) -> list[str]:
    shown = test["kernel_log"][:SHOWN_TROUBLE]
    more = len(test["kernel_log"]) - len(shown)
    return [plain(f"kernel: {text}") for text in shown] + ([f"kernel: ... {more} more lines"] if more else [])


def details(test: Test) -> list[str]:
    """Why TEST did not pass."""
    text: list[str] = []
    for line in test["lines"]:
        if line["verdict"] == "failed" or line["failures"]:
            text += [f"FAILED {line['number']} {plain(line['name'])}", *failures_of(line)]
            if line["reason"]:
                text.append(f"  {plain(line['reason'])}")
    if test["verdict"] == "broken":
        broken = [part for part in test["parts"] if part["verdict"] == "broken"]
        for part in broken:
            text += [plain(said) for said in part["said"]]
            text += [plain(reason) for reason in part["reason"].split("\n")]
        if not broken:
            text.append(plain(test["reason"]))
    return text + trouble_of(test)


def counted(test: Test) -> str:
    found = results.counts(test)
    known = [*results.met([test], "deviations"), *results.met([test], "findings")]
    text = f"{found['passed']} passed, {found['failed']} failed, {found['skipped']} skipped"
    if found["xfail"]:
        text += f", {found['xfail']} known to fail"
    text += f", {test['cases']} cases" if test["cases"] else ""
    return text + (f" ({', '.join(known)})" if known else "") + f", {test['seconds']:.1f} s"


def verdict_text(test: Test) -> str:
    first = plain((skip_text(test) or test["reason"]).split("\n")[0])
    return f"{WORDS[test['verdict']]}: {counted(test)}{': ' + first if first else ''}"


def tap_header(tests: int) -> str:
    return f"KTAP version 1\n1..{tests}"


def escaped(text: str) -> str:
    return plain(text).replace("#", "\\#")


def tap_result(number: int, test: Test) -> list[str]:
    """The result of one test of the outer document, with why as comments."""
    bad = test["verdict"] in ("failed", "broken", "unfinished", "running", "waiting")
    why = test["reason"].split("\n") if test["verdict"] != "skipped" and test["reason"] else []
    comments = [f"# {plain(text)}" for text in [*why, *(f"kernel: {text}" for text in test["kernel_log"])]]
    skip = f" # SKIP {plain(skip_text(test)).split(chr(10))[0]}" if test["verdict"] == "skipped" else ""
    return [*comments, f"{'not ok' if bad else 'ok'} {number} {escaped(test['name'])}{skip}"]


def head(document: Document) -> list[str]:
    """What was tested, by whom and where."""
    run = document["run"]
    known = {"date": run["date"], **document["about"]}
    if document["kernel"]:
        known["kernel"] = f"Linux {document['kernel']}"
    if document["kvm"]:
        known["kvm"] = document["kvm"]
    known["command"] = run["command"]
    return [f"{key:<8} {plain(value)}" for key, value in known.items() if value]


def known_text(document: Document) -> list[str]:
    """Deviations and findings that the run met, a sentence each."""
    text = [plain(f"{test['name']} {line['number']} failed, as expected: {line['reason']}") for test in document["tests"]
            for line in test["lines"] if line["verdict"] == "xfail" and not line["findings"]]
    for what in ("deviations", "findings"):
        for name, cases in document[what].items():  # type: ignore[literal-required]
            sentence = document["sentences"].get(name, "")
            text.append(plain(f"{name} in {cases} cases{': ' if sentence else ''}{sentence}"))
    return text


def uncounted_text(document: Document) -> list[str]:
    """Whether what is known of this kernel was held against expected counts."""
    lines = [line for test in document["tests"] for line in test["lines"] if line["deviations"] or line["findings"]]
    if not lines or any(line["expected"] is not None for line in lines):
        return []
    return ["their cases were not held against expected counts (expected/): there are none for this"
            " target and kernel, or tests had options of their own"]


def end_text(document: Document) -> list[str]:
    """How a run ended that did not run to its end."""
    run = document["run"]
    if run["fault"]:
        return [f"the run broke: {plain(run['fault'])}"]
    if run["signal"]:
        return [f"interrupted by signal {run['signal']}: what had not ended by then is not counted,"
                " but for results that had come"]
    if not run["complete"]:
        return ["not finished: this run goes on, or was killed"]
    return ["nothing was tested: every test was skipped"] if run["exit_status"] == results.EXIT_UNTESTED else []


def cost_text(document: Document) -> str:
    run, moments = document["run"], document["run"]["moments"]
    parts = [f"{run['cpu_seconds']:.1f} CPU seconds"]
    if run["longest"]:
        longest = run["longest"]
        lines = f" lines {longest['lines']}" if longest["lines"] else ""
        parts.append(f"longest part {longest['seconds']:.1f} s ({longest['test']}{lines})")
    if moments["first_result"] is not None:
        parts.append(f"first result after {moments['first_result']:.2f} s")
    return ", ".join(parts)


def again_text(document: Document) -> list[str]:
    """Tests that failed, once more, and how the first failure is repeated."""
    bad = [test for test in document["tests"] if test["verdict"] in ("failed", "broken")]
    if not bad:
        return []
    failed = [line for line in bad[0]["lines"] if line["verdict"] == "failed"]
    command = bad[0]["command"]
    if failed:
        command = failed[0]["failures"][0]["command"] if failed[0]["failures"] else failed[0]["command"]
    return [*(f"{WORDS[test['verdict']]:<8} {plain(test['name'])}" for test in bad), f"again:   {command}"]


def clause_text(clause: Clause) -> str:
    by = " ".join(f"{test}:{','.join(map(str, numbers))}" for test, numbers in sorted(clause["by"].items()))
    cases = f" {clause['cases']} cases" if clause["cases"] else ""
    known = f" ({', '.join(clause['deviations'])})" if clause["deviations"] else ""
    return (f"{clause['name']:<16} {clause['kind']:<11} {WORDS[clause['result']]:<9}"
            f" {by or clause['reason'] or 'not in this run'}{cases}{known}")


def expected_text(line: Line, name: str) -> str:
    if line["expected"] is None:
        return ""
    return f", expected in {line['expected'].get(name, '0')}"


def test_text(test: Test) -> list[str]:
    text = [f"{WORDS[test['verdict']]:<8} {plain(test['name'])}: {counted(test)}"]
    text += [f"         {plain(reason)}" for reason in (skip_text(test) or test["reason"]).split("\n") if reason]
    for line in test["lines"]:
        if line["verdict"] == "passed" and not (line["deviations"] or line["findings"]):
            continue
        known = [f"{name} in {cases} cases{expected_text(line, name)}"
                 for name, cases in results.known_of(line).items()]
        text.append(f"         {line_text(line)}{' (' + ', '.join(known) + ')' if known else ''}")
        if line["verdict"] == "failed" or line["failures"]:
            text += [f"           {piece}" for piece in failures_of(line)]
    text += [f"         {piece}" for piece in trouble_of(test)]
    lost = [part["log_lost"] for part in test["parts"] if part["log_lost"]]
    return text + [f"         kernel log not read: {plain(reason)}" for reason in dict.fromkeys(lost)]


def summary(document: Document) -> str:
    """summary.txt."""
    totals, run = document["totals"], document["run"]
    end = run["moments"]["end"]
    took = f" in {end:.1f} s" if end is not None else ""
    text = [*head(document), *end_text(document),
            f"tests    {totals.get('tests', 0)} of {len(document['tests'])} run{took}, {totals.get('cases', 0)} cases",
            f"cost     {cost_text(document)}", ""]
    for test in document["tests"]:
        text += test_text(test)
    if known := known_text(document):
        text += ["", *known, *uncounted_text(document)]
    if again := again_text(document):
        text += ["", *again]
    if document["clauses"]:
        text += ["", "clause           kind        result    by test:lines", "",
                 *(clause_text(clause) for clause in document["clauses"])]
    return "\n".join([*text, "", totals_text(document)]) + "\n"


def totals_text(document: Document) -> str:
    totals = document["totals"]
    return f"{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped"
