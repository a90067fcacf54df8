#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Reports: what becomes of the results of runs, good and bad ones.
# Needs Chromium and xmllint, no KVM, no emulator and no network.

bats_require_minimum_version 1.5.0

load fake/suite

setup() {
	fake_suite_setup
}

# saved NAME ARG...: a run of the fake suite, kept as $dir/NAME
saved() {
	local name=$1
	shift
	in_runner --about=target=fake "$@"
	rm -rf "${dir:?}/$name"
	mv "$dir/results/run" "$dir/$name"
}

report() {
	run --separate-stderr /usr/bin/python3 -ES "$root/runner/report.py" "$@"
}

# One of everything that a result can be, with text that would be markup
add_everything() {
	echo '| MEMOP-KEY-05 | documented | a store is <b>denied</b> & nothing changes | |' >"$suite/memop/contract.md"
	add_passing good
	add_test markup <<-'END'
		echo "TAP version 13"; echo "1..4"
		echo "# begin: 1 <script>alert(1)</script> & \"more\""; echo "# names: MEMOP-KEY-05"
		echo "# FAILED: it says ]]> and </script>"; echo "#   clause    MEMOP-KEY-05"
		echo "#   expected  <img src=x onerror=alert(2)>"; echo "#   observed  ]]>"
		echo "#   again     memop/markup --case 0x1"
		echo "# note: keys:fetch:3 32 cases pdpdpdpdpdpdpdpdpdpdpdpdpdpdpdpd ppppppppppppppppppppppppppppppep"
		echo "# note: slots:10 1.5 s"; echo "# note: slots:20 3.1 s"
		echo "# clause: MEMOP-KEY-05 4"; echo "# cases: 4"; echo "not ok 1 <script>alert(1)</script> & \"more\""
		echo "# begin: 2 not here"; echo "ok 2 not here # SKIP capability: <i>none</i>"
		echo "# begin: 3 known"; echo "# finding: FIND-01 2"; echo "# cases: 2"; echo "ok 3 known # XFAIL FIND-01"
		echo "# begin: 4 a walk"; echo "# note: action:a-b 3 times"; echo "# note: after:a-b 1 times a-b=2"
		echo "# cases: 2"; echo "ok 4 a walk"; exit 1
	END
	add_test dies <<<'echo "1..2"; echo "ok 1 lives"; kill -11 $$'
	add_test skips <<<'echo "1..0 # SKIP architecture: elsewhere"; exit 4'
}

@test "report.html has the numbers of results.json, in a window and on a phone, and fetches nothing" {
	add_everything
	saved all
	[ "$status" -eq 3 ]
	"$root/tests/validate_results.py" "$dir/all/results.json"
	"$root/tests/report_dom.py" "$dir/all" 1200
	"$root/tests/report_dom.py" "$dir/all" 500
	grep -q 'which says</dt><dd>a store is &lt;b&gt;denied&lt;/b&gt; &amp; nothing changes' "$dir/all/report.html"
	grep -q 'fetch, access key 3 on ACC 15: an error, permitted is right' "$dir/all/report.html"
	run ! grep -q '<img\|<script>alert' "$dir/all/report.html"
	rm "$suite/memop/markup" "$suite/memop/dies" && printf 'memop/good\nmemop/skips\n' >"$suite/list"
	saved good
	[ "$status" -eq 0 ]
	"$root/tests/report_dom.py" "$dir/good"
	grep -q 'id="verdict" class="good"' "$dir/good/report.html"
}

@test "report_dom.py sees a page that is wrong" {
	add_everything
	saved all
	sed -i 's/data-count="failed">[0-9]*/data-count="failed">0/' "$dir/all/report.html"
	run "$root/tests/report_dom.py" "$dir/all"
	[ "$status" -eq 1 ]
	report make "$dir/all"
	sed -i 's/"use strict";/"use strict"; nothing();/' "$dir/all/report.html"
	run "$root/tests/report_dom.py" "$dir/all"
	[ "$status" -eq 1 ]
	[[ $output == *"script"* ]]
}

@test "junit.xml is as CI servers read it, whatever tests print" {
	add_everything
	saved all
	xmllint --noout --schema "$root/tests/junit.xsd" "$dir/all/junit.xml"
	[ "$(xmllint --xpath 'count(//failure)' "$dir/all/junit.xml")" = 1 ]
	[ "$(xmllint --xpath 'count(//error)' "$dir/all/junit.xml")" = 1 ]
	[ "$(xmllint --xpath 'count(//skipped)' "$dir/all/junit.xml")" = 2 ]
	[ "$(xmllint --xpath 'string(/testsuites/@tests)' "$dir/all/junit.xml")" = 9 ]
	[[ $(xmllint --xpath 'string(//failure)' "$dir/all/junit.xml") == *'observed  ]]>'* ]]
}

@test "annotations: workflow commands that stay one line each, and code quality as JSON" {
	add_everything
	in_runner --about=target=fake --annotate github
	has '^::error file=memop/markup.c,line=1,title=memop/markup 1%3A <script>alert\(1\)</script> & "more"::1 cases failed%0A'
	has '^::notice file=memop/markup.c,.*::known to fail%3A|^::notice .*known to fail'
	has '^::error file=memop/dies.c,line=1,title=memop/dies BROKEN::'
	in_runner --about=target=fake --annotate gitlab
	python3 - "$dir/results/run/codequality.json" <<-'END'
		import json, sys
		found = json.load(open(sys.argv[1]))
		assert [entry["severity"] for entry in found] == ["major", "info", "major"], found
		assert len({entry["fingerprint"] for entry in found}) == 3
		assert found[0]["location"] == {"path": "memop/markup.c", "lines": {"begin": 1}}
	END
	in_runner --annotate other
	[ "$status" -eq 2 ]
}

@test "compare: the same, newly failing, fixed, newly skipped, gone, slower; status 1 where B is worse" {
	add_passing good
	add_failing bad
	saved a
	report compare "$dir/a" "$dir/a"
	[ "$status" -eq 0 ]
	has '^the runs do not differ$'
	rm "$suite/memop/bad" && : >"$suite/list" && echo memop/good >"$suite/list"
	add_test bad <<-'END'
		echo "TAP version 13"; echo "1..2"; echo "ok 1 first # SKIP resource: none"; echo "ok 2 key 5 is denied"
	END
	saved b
	report compare "$dir/a" "$dir/b" "$dir/page.html"
	[ "$status" -eq 1 ]
	has '^newly skipped:$'
	has '^  memop/bad 1 first: passed, now skipped: resource: none$'
	has '^fixed:$'
	has '^the second run is worse$'
	grep -q 'id="verdict" class="bad"' "$dir/page.html"
	report compare "$dir/b" "$dir/a"
	[ "$status" -eq 1 ]
	has '^newly failing:$'
	echo memop/good >"$suite/list"
	saved c
	report compare "$dir/a" "$dir/c"
	[ "$status" -eq 1 ]
	has '^not in the second run:$'
	sed 's/"cpu_seconds": [0-9.]*/"cpu_seconds": 50.0/g' "$dir/c/results.json" >"$dir/c/new"
	mkdir "$dir/slow" && mv "$dir/c/new" "$dir/slow/results.json"
	report compare "$dir/c" "$dir/slow"
	[ "$status" -eq 0 ]
	has '^slower:$'
	sed -i 's/"complete": true/"complete": false/' "$dir/slow/results.json"
	report compare "$dir/c" "$dir/slow"
	[ "$status" -eq 1 ]
	report compare "$dir/c" "$dir/nosuch"
	[ "$status" -eq 2 ]
	complains 'nosuch holds no results that can be read'
}

@test "matrix: a table of tests by kernel, what differs, and the worst exit status" {
	add_passing good
	add_failing bad
	saved a --about=asked=6.1
	echo memop/good >"$suite/list"
	saved b --about=asked=6.12
	report matrix "$dir/page.html" "$dir/a" "$dir/b"
	[ "$status" -eq 1 ]
	has '^memop/bad  +FAILED 1 of 2 +-$'
	has '^memop/good +2 ok +2 ok$'
	has '^  memop/bad 2 key 5 is denied +FAILED +-$'
	grep -q 'Not all is well: 6.1' "$dir/page.html"
	report matrix "$dir/page.html" "$dir/b" "$dir/b"
	[ "$status" -eq 0 ]
}

@test "run.sh: compare, report, matrix and doctor, and what they refuse" {
	add_passing good
	in_fake
	in_fake --compare latest latest
	[ "$status" -eq 0 ]
	[ -s "$dir/results/latest/compare-$(basename "$(readlink "$dir/results/latest")").html" ]
	rm "$dir/results/latest/report.html"
	in_fake --report latest
	[ "$status" -eq 0 ]
	[ -s "$dir/results/latest/report.html" ]
	in_fake --compare latest nosuch
	[ "$status" -eq 2 ]
	complains 'give the folder that a run names at its end'
	in_fake --compare latest
	[ "$status" -eq 2 ]
	in_fake --matrix 6.1,6.12 --kernel sid
	[ "$status" -eq 2 ]
	in_fake --matrix 6.1,6.12
	[ "$status" -eq 2 ]
	complains 'no kernel got as far as a test'
	in_fake --doctor
	has '^targets$'
	has 'CPUs +[0-9]'
}
