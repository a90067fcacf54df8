#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# One verdict, not two: runner/judge.py and, for hosts without python3,
# runner/judge.awk give the verdicts of tests/judge/cases.

bats_require_minimum_version 1.5.0

setup() {
	root=$BATS_TEST_DIRNAME/..
	suite=$BATS_TEST_TMPDIR/suite
	mkdir -p "$suite/t"
	echo architectures=any >"$suite/t/family"
	printf '| T-01 | documented | a | |\n| T-02 | observed | b | |\n' >"$suite/t/contract.md"
}

by_python() {
	/usr/bin/python3 "$root/runner/verdict.py" "$suite" "$1" "$2" <"$1.text"
}

by_awk() {
	tr '\000' '\001' <"$1.text" |
		LC_ALL=C "${awk[@]}" -f "$root/runner/judge.awk" -v out="$1" -v whole="$2" "$suite/t/contract.md" -
}

# read_case: the next case of stdin: name, expected, whole, the files of $out
read_case() {
	local line file

	rm -rf "$out"
	mkdir "$out"
	: >"$out.text"
	: >"$out/dmesg"
	printf 'exit 0\n' >"$out/status"
	printf '0\n' | tee "$out/taint_before" >"$out/taint_after"
	whole=1
	while IFS= read -r line && [[ -n $line ]]; do
		file=${line%%:*}
		case $line in
		'== '*) name=${line#== } ;;
		'> '*) expected=${line#> } ;;
		'|'*'\c') printf '%b' "${line:1}" >>"$out.text" ;;
		'|'*) printf '%b\n' "${line:1}" >>"$out.text" ;;
		'no '*) rm "$out/${line#no }" ;;
		part) whole=0 ;;
		status:* | taint_*:*) printf '%s\n' "${line#*: }" >"$out/$file" ;;
		*:*) printf '%s\n' "${line#*: }" >>"$out/$file" ;;
		esac
	done
}

# agrees JUDGE: with each of the cases
agrees() {
	local name='' expected whole count=0 wrong=0 got verdict counts reason
	out=$BATS_TEST_TMPDIR/out

	while [[ $name != last ]]; do
		name=last
		read_case
		[[ $name != last ]] || break
		mapfile -t got < <("$1" "$out" "$whole" 2>&1)
		IFS=';' read -r verdict counts reason <<<"$expected"
		count=$((count + 1))
		if [[ ${got[0]-} != "$verdict" || ${got[2]-} != "${counts# }" ||
			${got[1]-} != *"${reason# }"* || (-z $reason && -n ${got[1]-}) ]]; then
			wrong=$((wrong + 1))
			printf '%s: %s\nis  %s\n' "$name" "$expected" "${got[*]-}"
		fi
	done < <(sed -n '/^== /,$p' "$BATS_TEST_DIRNAME/judge/cases")
	((count > 80 && !wrong))
}

@test "judge.py gives the verdicts of the table" {
	agrees by_python
}

@test "judge.awk gives the verdicts of the table" {
	awk=(awk)
	agrees by_awk
}

@test "judge.awk gives them under busybox too" {
	command -v busybox >/dev/null || skip "no busybox here"
	awk=(busybox awk)
	agrees by_awk
}
