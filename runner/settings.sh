#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# settings.sh FAMILY-FILE: print kselftest's "settings" for a folder of tests.
# kselftest knows one limit of time for all of a folder: the longest of them.
awk -F = '/^([a-z0-9_]+\.)?timeout=[0-9]+$/ && $2 > longest { longest = $2 }
	END { print "timeout=" (longest ? longest : 120) }' "$1"
