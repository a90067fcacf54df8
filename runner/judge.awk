# SPDX-License-Identifier: GPL-2.0-only
#
# judge.awk: judge.py's verdict for hosts without python3 (run_tests calls one or
# the other). tests/judge/ holds the cases in which both have to agree.
#
#   awk -f judge.awk -v out=OUT -v whole=0|1 [-v name=FAMILY/NAME] CONTRACT.md... - <TEXT
#
# TEXT is what the test printed (without NULs), OUT what docs/targets.md describes.
# Prints the verdict, the reason, and "passed failed skipped xfail cases".
#
# Over 300 lines: awk has no modules, and a host may have one awk and nothing else.

function trim(s) {
	sub(/^[ \t\r\f\v]+/, "", s)
	sub(/[ \t\r\f\v]+$/, "", s)
	return s
}

# The text of OUT/NAME; has[NAME] says whether it is there
function read_left(name,    line, text, got) {
	has[name] = 0
	while ((got = (getline line <(out "/" name))) > 0) {
		has[name] = 1
		text = text (text == "" ? "" : "\n") line
	}
	if (got == 0)
		has[name] = 1
	close(out "/" name)
	return trim(text)
}

function fault(text) {
	if (faults == "")
		faults = text
}

function looks_result(s) {
	s = substr(s, 1, 200)
	gsub(/\033\[[0-9;]*[A-Za-z]/, "", s)
	return s ~ /^[^A-Za-z0-9_#]*([Nn][Oo][Tt][ \t\r\f\v]+)?[Oo][Kk]([^A-Za-z0-9_]|$)/
}

# Of a result line: sets number, rest, bad; false if it is none
function parse_result(s,    n) {
	if (s !~ /^(not )?ok [0-9]+( .*)?$/)
		return 0
	bad = sub(/^not /, "", s)
	sub(/^ok /, "", s)
	n = match(s, /^[0-9]+/) ? RLENGTH : 0
	number = substr(s, 1, n)
	rest = substr(s, n + 2)
	return n <= 9
}

# Of the rest of a result line: sets directive and reason
function parse_directive(s,    at, upper) {
	directive = reason = ""
	upper = toupper(s)
	if (!match(upper, /(^|[ \t\r\f\v])#[ \t\r\f\v]*(SKIP|TODO|XFAIL|XPASS)([^A-Z0-9_]|$)/))
		return
	at = RSTART
	directive = substr(upper, at, RLENGTH)
	reason = substr(s, at + RLENGTH)
	if (directive ~ /[^A-Z]$/)
		directive = substr(directive, 1, length(directive) - 1)
	sub(/^[ \t\r\f\v]*#[ \t\r\f\v]*/, "", directive)
	sub(/^:/, "", reason)
	reason = trim(reason)
}

function without_class(s) {
	sub(/^(architecture|capability|permission|resource|target): */, "", s)
	return s
}

function result(    v, name) {
	parse_directive(rest)
	if (number + 0 != lines + 1)
		fault("result " number " where " (lines + 1) " was due")
	v = bad ? "failed" : "passed"
	if (directive == "TODO" || directive == "XFAIL")
		v = "xfail"
	else if (directive == "XPASS")
		v = "failed"
	else if (directive == "SKIP" && !bad) {
		v = "skipped"
		if (skip == "")
			skip = without_class(reason == "" ? "no reason given" : reason)
	}
	if (nested_failure)
		v = "failed"
	if (told_begin && begun == "")
		fault("result " number " of a line that did not begin")
	line_number[++lines] = begun == "" ? number + 0 : begun + 0
	count[v]++
	clauses_of_line(line_number[lines], v)
	begun = ""
	cases += open_cases
	open_cases = 0
	nested_failure = 0
	said = ""
}

# Clauses that are none; promises of a passed line that no case kept
function clauses_of_line(n, v,    i, names) {
	i = split(met_names " " promised, names, " ")
	for (; i > 0; i--)
		if (!(names[i] in clause))
			clause_fault = clause_fault == "" ? "line " n " names " names[i] \
				", which no contract.md of this suite has" : clause_fault
	i = whole + 0 && v == "passed" ? split(promised, names, " ") : 0
	for (; i > 0; i--)
		if (index(decided " ", " " names[i] " ") == 0)
			clause_fault = clause_fault == "" ? "error of the suite: line " n " promises " names[i] \
				", and no case of it decided that" : clause_fault
	met_names = promised = decided = ""
}

function plan(s) {
	if (planned != "")
		fault("two plans")
	else if (lines)
		fault("its plan comes after results")
	planned = substr(s, 4) + 0
	if (match(toupper(s), /#[ \t\r\f\v]*SKIP/)) {
		skip_all = trim(substr(s, RSTART + RLENGTH))
		if (skip_all == "")
			skip_all = "no reason given"
		told_skip = 1
	}
}

function nested(s) {
	s = trim(s)
	if (parse_result(s)) {
		parse_directive(rest)
		if (bad && (directive == "" || directive == "XPASS"))
			nested_failure = 1
	} else if (looks_result(s))
		fault("this is no result: " substr(s, 1, 80))
}

function fact(s,    name, value, form, part, count_at) {
	name = substr(s, 3)
	value = name
	sub(/:.*/, "", name)
	sub(/^[a-z]*: ?/, "", value)
	form["program"] = "^[^ \t]+ [0-9]+$"
	form["option"] = "^-[^ \t]+ [^ \t]+$"
	form["begin"] = "^[0-9]+ .*$"
	form["names"] = "^[^ \t]+( [^ \t]+)*$"
	form["about"] = ""
	form["progress"] = "^[0-9]+ [0-9]+$"
	form["clause"] = form["deviation"] = form["finding"] = "^[^ \t]+ [0-9]+$"
	form["note"] = "^[^ \t]+ -?[0-9]+([.][0-9]+)?(e[-+]?[0-9]+)? [^ \t].*$"
	form["capability"] = "^[^ \t]+ -?[0-9]+$"
	form["cases"] = "^[0-9]+$"
	split(value, part, " ")
	count_at["clause"] = count_at["deviation"] = count_at["finding"] = count_at["progress"] = 2
	count_at["cases"] = 1
	if (value !~ form[name] || ((name in count_at) && length(part[count_at[name]]) > 15)) {
		fault("this is no fact of its form: " substr(s, 1, 80))
		return
	}
	if (name == "clause")
	{
		met_names = met_names " " part[1]
		if (part[2] + 0 > 0)
			decided = decided " " part[1]
	}
	else if (name == "names")
		promised = promised " " value
	else if (name == "cases")
		open_cases += value
	else if (name == "program") {
		if (total != "")
			fault("two programs")
		total = part[2] + 0
	} else if (name == "begin") {
		if (begun != "")
			fault("line " begun " began and has no result")
		begun = part[1]
		told_begin = 1
	}
}

function read_line(s) {
	if (s ~ /^#/) {
		if (s ~ /^# (program|option|begin|names|about|progress|clause|deviation|finding|note|capability|cases):( |$)/)
			fact(s)
	} else if (parse_result(s))
		result()
	else if (s ~ /^1\.\.[0-9]+([ \t\r\f\v]+#[ \t\r\f\v]*[Ss][Kk][Ii][Pp]([^A-Za-z0-9_].*)?)?[ \t\r\f\v]*$/ && \
		 match(s, /[0-9][0-9]*([^0-9.]|$)/) && length(s) && RLENGTH <= 10)
		plan(s)
	else if (s ~ /^[ \t\r\f\v]*[Bb][Aa][Ii][Ll] [Oo][Uu][Tt]!/) {
		sub(/^[^!]*!/, "", s)
		bailed = trim(s) == "" ? "no reason given" : trim(s)
	} else if (s ~ /^(  |\t)/)
		nested(s)
	else if (looks_result(s) || substr(s, 1, 200) ~ /^[^A-Za-z0-9_#]*[0-9]+[ \t\r\f\v]*\.\.[ \t\r\f\v]*[0-9]/)
		fault("this is no result: " substr(s, 1, 80))
	else if (s != "")
		said = s
}

function kernel_trouble(log_text, before, after,    n, i, all, bits, what) {
	n = split(log_text, all, "\n")
	for (i = 1; i <= n; i++)
		if (all[i] ~ trouble_words)
			return all[i]
	if (before ~ /^[0-9]+$/) {
		split("32 128 512 16384", bits, " ")
		split("B, a bad page|D, it died|W, a warning|L, a lockup", what, "|")
		for (i = 1; i <= 4; i++)
			if (int(before / bits[i]) % 2)
				return "the kernel was tainted before the test: " what[i]
		if (after ~ /^[0-9]+$/ && before + 0 != after + 0)
			return "the kernel's taint went from " before " to " after
	}
	return ""
}

function machine_fault() {
	if (left_error != "")
		return left_error
	if (has["broken"])
		return left_broken == "" ? "the machine broke, and does not say why" : left_broken
	if (left_orphans != "")
		return "processes outlived the test: " left_orphans
	return ""
}

function status_fault(s) {
	if (s ~ /^signal /)
		return "killed by " s
	if (s ~ /^timeout /)
		return "hung: not finished within " substr(s, 9) " s"
	if (s ~ /^unstarted/)
		return "the test could not be started in the machine"
	if (s !~ /^exit [0-9][0-9]?[0-9]?$/)
		return "no exit status (" (s == "" ? "nothing" : substr(s, 1, 40)) ")"
	return ""
}

function document_fault(code) {
	if (bailed != "")
		return "bailed out: " bailed
	if (code == 2 && !lines)
		return "it refused its arguments: " (said == "" ? "exit status 2" : said)
	if (planned == "")
		return "no plan in its output (exit status " code ")"
	if (faults != "")
		return "its output is no KTAP: " faults
	if (lines != planned)
		return lines " of " planned " planned results (exit status " code ")"
	if (begun != "")
		return "line " begun " began and has no result"
	if (nested_failure)
		return "a subtest failed, and no result follows"
	if (planned == 0 && (code != 4 || !told_skip))
		return "checked nothing"
	if (code != 0 && code != 1 && code != 4)
		return "exit status " code
	if (code == 1 && !count["failed"])
		return "exit status 1 although no result failed"
	if (code == 4 && count["skipped"] != lines)
		return "exit status 4 (skip) although results passed"
	return ""
}

function missing(    name) {
	if (!has["dmesg"] && left_log_lost == "")
		return "the machine left no kernel log, and does not say why"
	if (has["dmesg"] && has["log_lost"])
		return "the kernel log is not complete: " left_log_lost
	if (taint_before !~ /^[0-9]+$/)
		return "the machine left no taint_before: " taint_before
	if (taint_after !~ /^[0-9]+$/)
		return "the machine left no taint_after: " taint_after
	return ""
}

function coverage_fault(    i, times, n) {
	if (!whole || total == "" || planned == 0)
		return ""
	for (i = 1; i <= lines; i++)
		times[line_number[i]]++
	for (n = 1; n <= total; n++)
		if (!times[n])
			return "line " n " was not decided (it has " total ")"
	for (i = 1; i <= lines; i++) {
		if (times[line_number[i]] > 1)
			return "line " line_number[i] " was decided twice (it has " total ")"
		if (line_number[i] < 1 || line_number[i] > total)
			return "line " line_number[i] " is not one of its lines (it has " total ")"
	}
	return ""
}

function tell(verdict, why,    failed, skipped) {
	sub(/\n.*/, "", why)
	failed = count["failed"]
	if ((verdict == "failed" || verdict == "broken") && !failed)
		failed = 1
	skipped = count["skipped"]
	if (verdict == "skipped" && !lines)
		skipped = 1
	printf "%s\n%s\n%d %d %d %d %.0f\n", verdict, why, count["passed"], failed, skipped, count["xfail"], cases
	exit
}

BEGIN {
	trouble_words = "WARNING: |BUG: |BUG [^ ]+ \\(|kernel BUG|(^|[^A-Za-z0-9_])Oops([^A-Za-z0-9_]|$)" \
		"|Unable to handle|Kernel panic|KASAN|KCSAN|UBSAN|KFENCE" \
		"|ODEBUG: |lockdep is turned off|kmemleak: [0-9]+ new|kmemleak: .*disabled" \
		"|(general protection fault|divide error|invalid opcode|double fault)[:,]" \
		"|possible circular locking|possible recursive locking|inconsistent lock state" \
		"|suspicious RCU usage|non-static key|soft lockup|[hH]ard LOCKUP|blocked for more than" \
		"|rcu: .*stall|list_(add|del) corruption|refcount_t: |[bB]ad page|scheduling while atomic" \
		"|sleeping function called|(illegal operation|protection exception|specification exception" \
		"|addressing exception|data exception|operation exception|translation exception" \
		"|monitor event): [0-9a-f][0-9a-f][0-9a-f][0-9a-f]"
	lines = cases = open_cases = clauses = 0
}

FILENAME != "-" && FILENAME != "" {
	if ($0 ~ /^\|[ \t]*[A-Z]+(-[A-Z]+)*-[0-9][0-9][ \t]*\|[ \t]*(documented|observed)[ \t]*\|/) {
		split($0, cell, "|")
		clause[trim(cell[2])] = 1
		clauses++
	}
	next
}

{ read_line($0) }

END {
	left_error = read_left("error")
	left_broken = read_left("broken")
	left_orphans = read_left("orphans")
	left_log_lost = read_left("log_lost")
	taint_before = read_left("taint_before")
	taint_after = read_left("taint_after")
	dmesg = read_left("dmesg")
	status = read_left("status")
	trouble = kernel_trouble(dmesg, taint_before, taint_after)
	why = machine_fault()
	if (why == "")
		why = status_fault(status)
	if (why == "")
		why = document_fault(substr(status, 6) + 0)
	if (why == "")
		why = missing()
	if (why == "")
		why = clause_fault
	if (why != "")
		tell("broken", why)
	why = coverage_fault()
	if (why != "")
		tell("broken", why)
	if (trouble != "")
		tell("failed", "kernel log: " trouble)
	if (count["failed"])
		tell("failed", "")
	if (count["passed"] || count["xfail"])
		tell("passed", "")
	tell("skipped", skip_all == "" ? skip : without_class(skip_all))
}
