# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# shellcheck disable=SC2154 # run_tests sets name, number, limit, tick, per_second, work
#
# How run_tests runs one test: with a limit of time, and so that nothing that it
# started is left. Its output goes to $text, and what the judge has to know of its
# end, the kernel's log and taints to the folder $out, as docs/targets.md has it.
#
# To be sourced by run_tests.

# What the test started: it has the mark in its environment, which busybox does
# not find everywhere, or the test's output open
marked() {
	{
		grep -slF "RUN_TESTS_ID=$mark" /proc/[0-9]*/environ 2>/dev/null
		# shellcheck disable=SC2012 # no name is of interest
		ls -l /proc/[0-9]*/fd 2>/dev/null | awk -v text="$text" '
			/^\/proc\// { pid = $0 }
			$NF == text { print pid }'
	} | sed 's,^/proc/,,;s,/.*,,' | sort -u | while read -r pid; do
		# It puts back what the test has changed of the host, and ends by itself
		[ "$(name_of "$pid")" = restorer ] || printf '%s\n' "$pid"
	done
}

kill_marked() {
	for pid in $(marked); do
		kill -KILL "$pid" 2>/dev/null
	done
}

name_of() {
	cat "/proc/$1/comm" 2>/dev/null || printf '?\n'
}

# The kernel's log from the line on that was its last one before
log_since() {
	dmesg 2>/dev/null | awk -v last="$last" '
		last == "" || found { print }
		$0 == last { found = 1 }
		END { exit last != "" && !found }'
}

log_begin() {
	last=
	readable=
	if dmesg >"$work/log" 2>/dev/null; then
		readable=1
		last=$(tail -n 1 "$work/log" | sed 's/\\/\\\\/g')
	fi
}

log_end() {
	if [ -z "$readable" ]; then
		printf 'this user may not read it\n' >"$out/log_lost"
	elif ! log_since >"$out/dmesg"; then
		dmesg >"$out/dmesg"
		printf 'it went round, or was cleared, while the test ran\n' >"$out/log_lost"
	fi
}

# Show what has come in whole lines; with "all", the rest too
show() {
	have=$(wc -l <"$text")
	[ "$have" -le "$shown" ] || sed -n "$((shown + 1)),${have}s/^/    /p" "$text" 2>/dev/null || lost stdout
	shown=$((have))
	if [ "${1-}" = all ] && [ -n "$(tail -c 1 "$text" | tr -d '\n\000')" ]; then
		put "    $(tail -n 1 "$text" | tr -d '\000')"
	fi
}

# Write how the test ended to $out/status
encode() {
	if [ -e "$out/overdue" ]; then
		how="timeout $limit"
	elif [ "$1" -gt 128 ] && [ "$1" -le 192 ]; then
		how="signal $(($1 - 128))"
	else
		how="exit $1"
	fi
	printf '%s\n' "$how" >"$out/status.new" && mv "$out/status.new" "$out/status"
}

# In the background: run the test, tell its end by a file
start() {
	{ mkdir -p "$out" && : >"$text"; } || lost "$work"
	if [ ! -x "$name" ]; then
		printf 'unstarted 0\n' >"$out/status"
		return
	fi
	{
		(export RUN_TESTS_ID="$mark" && exec "./$name" "$@") </dev/null >"$text" 2>&1
		encode $?
	} 2>/dev/null &
}

# Wait for the test's end, its limit, or too much output. What SIGKILL does not
# end within half a minute hangs in the kernel: it is left to itself.
watch() {
	ticks=0
	until [ -e "$out/status" ]; do
		sleep "$tick" 2>/dev/null || { tick=1 per_second=1 && sleep 1; }
		ticks=$((ticks + 1))
		[ $((ticks % per_second)) -eq 0 ] || continue
		if [ $((ticks / per_second)) -ge $((limit + 30)) ]; then
			encode 0
		elif [ $((ticks / per_second)) -ge "$limit" ]; then
			: >"$out/overdue"
			kill_marked
		elif [ "$(wc -c <"$text")" -gt 16777216 ]; then
			printf 'it printed more than 16 MiB\n' >"$out/error"
			kill_marked
		else
			show
		fi
	done
}

# What is left of the test's processes is its fault, unless it was ended
clear_up() {
	left=$(marked)
	[ -z "$left" ] || sleep 1
	left=$(marked)
	[ -n "$left" ] || return
	[ -e "$out/overdue" ] || [ -e "$out/error" ] || for pid in $left; do name_of "$pid"; done >"$out/orphans"
	kill_marked
}

run_one() {
	mark=$$.$number.
	text=$work/text.$number out=$work/out.$number shown=0
	cat /proc/sys/kernel/tainted >"$work/taint" 2>/dev/null
	log_begin
	start "$@"
	watch
	clear_up
	mv "$work/taint" "$out/taint_before"
	cat /proc/sys/kernel/tainted >"$out/taint_after" 2>/dev/null
	log_end
	show all
}
