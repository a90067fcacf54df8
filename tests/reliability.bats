#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Faults in a run itself, the half that needs no machine: full disks, folders that are
# read-only, signals at any moment. docs/reliability.md has the whole.

@test "a run that meets a full disk, a read-only folder or a signal tells so, and loses nothing" {
	[ "$(id -u)" -eq 0 ] || skip "needs to mount small file systems"
	run "$BATS_TEST_DIRNAME/reliability/reliability.py" --quick --cache "$BATS_TEST_TMPDIR/none"
	printf '%s\n' "$output"
	[ "$status" -eq 0 ]
	[[ ${lines[-1]} =~ ^[1-9][0-9]*\ passed,\ 0\ failed ]]
}
