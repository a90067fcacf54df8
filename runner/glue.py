# SPDX-License-Identifier: GPL-2.0-only
"""From words to a run and its results: what main.py does."""
from __future__ import annotations

import os
import sys
import time

from family import Families, FamilyError
from options import USAGE, Options, UsageError, selected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from run import Run
    from shape import Document

EXIT_PASSED, EXIT_USAGE, EXIT_BROKEN = 0, 2, 3


def say(text: str) -> None:
    print(f"run.sh: {text}", file=sys.stderr)


def describe(options: Options, names: Sequence[str]) -> Document:
    """The document of a run that begins."""
    import results
    import screen
    date = options.about.get("date") or time.strftime("%F %T %z")
    words = [*(f"-t {screen.quoted(pattern)}" for pattern in options.filters)]
    if options.arguments:
        words.append("-- " + " ".join(map(screen.quoted, options.arguments)))
    document = results.new_document(os.path.basename(os.path.abspath(options.results)), date,
                                    " ".join([options.command, *words]), options.arguments, options.jobs,
                                    {key: value for key, value in options.about.items() if key != "date"})
    for name in names:
        command = f"{options.command} -t {screen.quoted(name)}"
        if options.arguments:
            command += " -- " + " ".join(map(screen.quoted, options.arguments))
        document["tests"].append(results.new_test(name, command))
    return document


def begin(options: Options, families: Families, names: Sequence[str]) -> Run:
    import reserve
    import results
    import run
    import schedule
    import screen
    document = describe(options, names)
    try:
        room = reserve.Reserve(options.results)
    except OSError as error:
        raise UsageError(f"no room for results, which may take {reserve.SIZE >> 20} MiB, in {options.results}:"
                         f" {error.strerror}. Free some, or give --results DIR") from error
    costs = schedule.Costs(options.costs, options.target)
    tasks = schedule.plan(names, options.suite, families, costs, options.jobs, not options.arguments)
    results.write(document, options.results)
    results.write_text(os.path.join(options.results, "summary.txt"), screen.summary(document))
    results.link_latest(options.results)
    return run.Run(options, tasks, families, document, costs, room)


def close(running: Run) -> int:
    """The end of a run, however it came: results, summary, exit status."""
    import closing
    import known
    import results
    import screen
    from reports import write
    options, document = running.options, running.document
    own = document["run"]
    own["moments"]["end"] = running.elapsed()
    own["signal"] = running.signals[0] if running.signals else None
    own["fault"] = own["fault"] or ("" if own["signal"] else running.show.lost)
    own["complete"] = not own["signal"] and not own["fault"]
    status = results.exit_status(document, options.strict)
    own["exit_status"] = status
    try:
        results.refresh(document)
        document["sentences"] = known.sentences(options.suite, {**document["deviations"], **document["findings"]})
        document["clauses"] = results.clause_table(document["tests"], running.contract())
        results.write(document, options.results)
        results.write_text(os.path.join(options.results, "summary.txt"), screen.summary(document))
        write.all_of(document, options.results)
    except OSError as error:
        say(f"results lost: {error}")
        status = status if own["signal"] else EXIT_BROKEN
    if options.tap and own["signal"]:
        running.show.end_tap(f"Bail out! ended by signal {own['signal']}")
    if options.annotate:
        annotate(options, document)
    running.show.end(closing.closing(document, options.results, options.verbose))
    if own["fault"]:
        say(own["fault"])
    running.costs.save()
    return EXIT_BROKEN if running.show.lost and not own["signal"] else status  # its end may not have been shown


def annotate(options: Options, document: Document) -> None:
    """Failures for a code host: on stdout, or in a file of the run."""
    import results
    from reports import annotate as forms
    text = forms.FORMS[options.annotate](document)
    if options.annotate == "github":
        print(text, end="", file=sys.stderr if options.tap else sys.stdout)
    else:
        results.write_text(os.path.join(options.results, "codequality.json"), text)


def quiet_exit() -> None:
    """What Python does with stdout at its end must not change the exit status."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def main(words: Sequence[str]) -> int:
    try:
        if sys.stdout is None:  # and its number would go to the next file that is opened
            raise UsageError("stdout is closed: send it to a file, or to /dev/null")
        options = Options(words)
        if options.help:
            print(USAGE, end="")
            return EXIT_PASSED
        names = selected(options.suite, options.filters)
        families = Families(options.suite)
        needs = {options.needs(families, name): None for name in names}
        if options.states and (lost := [need for need in needs if need not in options.states]):
            cpus, memory, devices = lost[0]
            raise UsageError(f"no --state for {cpus} CPUs and {memory} MiB{f' with {devices}' if devices else ''}")
        for name in names:  # what a family says is checked before anything runs
            families.number(name, "timeout")
    except (UsageError, FamilyError) as error:
        say(str(error))
        return EXIT_USAGE
    if options.list or options.show_needs:
        lines = names if options.list else [" ".join(map(str, need)).rstrip() for need in needs]
        sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
        print("\n".join(lines))
        return EXIT_PASSED
    try:
        running = begin(options, families, names)
        running.execute()
        return close(running)
    except UsageError as error:
        say(str(error))
        return EXIT_USAGE
    except OSError as error:
        say(f"results lost: {error}")
        return EXIT_BROKEN
    finally:
        import shutil
        shutil.rmtree(options.work, ignore_errors=True)
        quiet_exit()
