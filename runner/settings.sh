#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# settings.sh FAMILY-FILE: print kselftest's "settings" for a folder of tests.
# kselftest knows one limit of time for all of a folder: the longest of them.
sed -e 's/#.*//' -e 's/[[:blank:]]//g' "$1" | awk -F = -v file="$1" '
	$1 !~ /^([a-z0-9_]+\.)?timeout$/ { next }
	$2 !~ /^[1-9][0-9]*$/ {
		print file ": timeout takes a whole number from 1 on, not: " $2 >"/dev/stderr"
		exit wrong = 1
	}
	$2 > longest { longest = $2 + 0 }
	END {
		if (wrong)
			exit 1
		print "timeout=" (longest ? longest : 120)
	}'
