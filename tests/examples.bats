#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# examples/ and debian/tests do what docs/gate.md says of them: their commands run here, on a
# fake suite that passes, fails, or is skipped, with what tmt, LAVA, openQA and a CI service
# would bring put in by the tests. Needs no KVM.

bats_require_minimum_version 1.5.0

load fake/suite

setup() {
	fake_suite_setup
	mkdir -p "$suite/runner" "$dir/bin"
	cp "$root/runner/run_tests" "$suite/"
	cp "$root"/runner/*.py "$root"/runner/{judge.awk,one_test.sh} "$suite/runner/"
	echo 'architectures=any' >>"$suite/memop/family"
	PATH=$dir/bin:$PATH
}

add_skipped() {
	add_test "$1" <<<'echo "1..0 # SKIP needs KVM_CAP_S390_MEM_OP"; exit 4'
}

# field FILE EXPRESSION: a value of a YAML file, "it" is all of it
field() {
	/usr/bin/python3 -c 'import sys, yaml
it = yaml.safe_load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$root/examples/$1" "$2"
}

# here < SCRIPT: the installed suite is that of this test
here() {
	sed "s,/usr/libexec/kvm-s390-memory,$suite,g"
}

@test "tmt: 0 passed, 1 failed, and what tested nothing is an error" {
	field tmt/suite.fmf 'it["discover"]["tests"][0]["test"]' | here >"$dir/test"
	[ "$(field tmt/suite.fmf 'it["discover"]["tests"][0]["result"]')" = respect ]
	export TMT_TEST_DATA=$dir/data
	add_skipped none
	run sh "$dir/test" 3>&-
	[ "$status" -eq 4 ]
	add_passing good
	run sh "$dir/test" 3>&-
	[ "$status" -eq 0 ]
	grep -q '^passed memop/good:' "$dir/data/summary.txt"
	add_failing bad
	run sh "$dir/test" 3>&-
	[ "$status" -eq 1 ]
}

# lava: what LAVA is told, a line for each result
lava() {
	field lava/suite.yaml '"\n".join(it["actions"][-1]["test"]["definitions"][0]["repository"]["run"]["steps"])' |
		here >"$dir/steps"
	printf '#!/bin/sh\necho "$*" >>"%s"\n' "$dir/told" >"$dir/bin/lava-test-case"
	chmod +x "$dir/bin/lava-test-case"
	: >"$dir/told"
	sh -e "$dir/steps" >/dev/null 2>&1 3>&-
	sort "$dir/told"
}

@test "LAVA: each test is a result, and so is the whole" {
	add_skipped none
	[ "$(lava)" = $'memop-none --result skip\nsuite --result skip' ]
	add_passing good
	[ "$(lava)" = $'memop-good --result pass\nmemop-none --result skip\nsuite --result pass' ]
	add_failing bad
	add_test broken <<<'exit 0'
	[[ $(lava) == $'memop-bad --result fail\nmemop-broken --result fail\nmemop-good --result pass'*'suite --result fail' ]]
}

# openqa [VARIABLE]: run the module with a testapi that works on this host
openqa() {
	mkdir -p "$dir/perl/Mojo"
	sed "s,/tmp/,$dir/,g" "$root/examples/openqa/kvm_s390_memory.pm" | here >"$dir/perl/kvm_s390_memory.pm"
	cat >"$dir/perl/Mojo/Base.pm" <<-'END'
		package Mojo::Base;
		use strict; use warnings;
		sub import { strict->import; warnings->import; my $to = caller; no strict 'refs';
			require "$_[1].pm"; @{"${to}::ISA"} = ($_[1]); }
		1;
	END
	printf 'package basetest; sub new { bless {}, shift } 1;\n' >"$dir/perl/basetest.pm"
	cat >"$dir/perl/testapi.pm" <<-'END'
		package testapi;
		use parent 'Exporter';
		our @EXPORT = qw(select_console assert_script_run script_run script_output upload_logs get_var record_info);
		sub select_console { }
		sub script_run { system('sh', '-c', $_[0]) >> 8 }
		sub assert_script_run { script_run(@_) and die "failed: $_[0]" }
		sub script_output { my $said = qx{$_[0]}; chomp $said; $said }
		sub upload_logs { -e $_[0] or die "no file $_[0]" }
		sub get_var { $ENV{$_[0]} }
		sub record_info { print "info: @_\n" }
		1;
	END
	rm -rf "$dir/suite.ktap"
	run perl -w -I"$dir/perl" -e 'require kvm_s390_memory; my $test = "main"->can("run"); $test->(); print "done\n"' 3>&-
}

@test "openQA: a failure dies with the totals, a skipped run unless it may be" {
	add_skipped none
	openqa
	[[ $status -ne 0 && $output == *"the suite: 0 passed, 0 failed, 1 skipped"* ]]
	KVM_S390_MEMORY_MAY_SKIP=1 openqa
	[[ $status -eq 0 && $output == *"info: skipped"*"needs KVM_CAP_S390_MEM_OP"* ]]
	add_passing good
	openqa
	[[ $status -eq 0 && $output == *done ]]
	add_failing bad
	openqa
	[[ $status -ne 0 && $output == *"the suite: 3 passed, 1 failed"* ]]
}

# workflow: every command of the workflow for one kernel, as the service would run it
workflow() {
	field github/gate.yml '"\n".join(s["run"] for s in it["jobs"]["suite"]["steps"] if "run" in s)' |
		sed 's/\${{ matrix.kernel }}/sid/g' >"$dir/commands"
	run ! grep -F '${{' "$dir/commands"
	printf '#!/bin/sh\n' | tee "$dir/bin/apt-get" >"$dir/run.sh"
	# The fake target takes no kernel: what its words were is kept
	cat >>"$dir/run.sh" <<-END
		echo "\$*" >>"$dir/words"
		[ "\$1 \$2" = "--kernel sid" ] && shift 2
		exec "$root/run.sh" --target "$root/tests/fake/target" --suite "$suite" --cache "$dir/cache" \\
			--results "$dir/results" "\$@"
	END
	chmod +x "$dir/run.sh" "$dir/bin/apt-get"
	: >"$dir/words"
	cd "$dir"
	run bash --noprofile --norc -eo pipefail "$dir/commands" 3>&-
}

@test "a CI workflow: its commands are run.sh's, a failure fails the step" {
	add_passing good
	workflow
	[ "$status" -eq 0 ]
	[ "$(<"$dir/words")" = $'--kernel sid --prepare\n--kernel sid --tap' ]
	grep -qE '^ok [0-9]+ .*good' "$dir/result.ktap"
	add_failing bad
	workflow
	[ "$status" -eq 1 ]
	grep -q '^not ok' "$dir/result.ktap"
	for kernel in $(field github/gate.yml '" ".join(it["jobs"]["suite"]["strategy"]["matrix"]["kernel"])'); do
		grep -qw -- "$kernel" "$root/targets/debian.sh"
	done
}

@test "autopkgtest: a testbed without KVM, or where all is skipped, is no pass" {
	here <"$root/debian/tests/suite" >"$dir/autopkgtest"
	printf '#!/bin/sh\n' >"$dir/bin/kvm-s390-memory"
	chmod +x "$dir/bin/kvm-s390-memory"
	export AUTOPKGTEST_ARTIFACTS=$dir/artifacts
	add_skipped none
	run sh "$dir/autopkgtest" 3>&-
	[ "$status" -eq 77 ]
	[[ -e /dev/kvm ]] || return 0
	add_passing good
	run sh "$dir/autopkgtest" 3>&-
	[ "$status" -eq 0 ]
	add_failing bad
	run sh "$dir/autopkgtest" 3>&-
	[ "$status" -eq 1 ]
	[ -e "$dir/artifacts/summary.txt" ]
}
