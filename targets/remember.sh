# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Steps whose result is known as long as what they were made from is unchanged. A
# step names the files that its result depends on, before it reads them, and its
# products when they are there; size, time of change and inode of each, and of all
# below a folder, are kept with the result. One look at them then takes the place of
# the step: that is what makes a warm start fast.
#
# To be sourced after host.sh. Uses $CACHE and $WORK.

# looks FILE...: a line for each of them, or of what is below it
looks() {
	find -L "$@" -name __pycache__ -prune -o -type f -printf '%p %s %T@ %i\n' 2>/dev/null || true
}

# depends FILE...: the step that runs now depends on these
depends() {
	[[ -n ${DEPENDS:-} ]] && (($#)) || return 0
	printf '%s\n' "$@" >>"$DEPENDS/depends"
	looks "$@" >>"$DEPENDS/looks"
}

# include_step MEMO: the step that runs now depends on all that the step of MEMO does
include_step() {
	[[ -n ${DEPENDS:-} ]] || return 0
	if [[ -s $1/depends ]]; then
		cat "$1/depends" >>"$DEPENDS/depends" && cat "$1/looks" >>"$DEPENDS/looks"
	else
		: >"$DEPENDS/always"
	fi
}

# memory_of STEP WORD...: sets memo to the folder for it; checkouts may share a cache
memory_of() {
	local IFS=$'\n'

	# shellcheck disable=SC2154 # the root of this project
	memo=$(cksum <<<"$here $*")
	memo=$CACHE/ready/$1-${memo% *}
}

# recall STEP WORD...: sets memo, and REPLY to the result if nothing changed; status 1 if something did
recall() {
	local files seen

	memory_of "$@"
	[[ -s $memo/result && -s $memo/depends && ! -e $memo/always ]] || return 1
	# Another run may put its own in the place of it just now
	{ mapfile -t files <"$memo/depends" && seen=$(<"$memo/looks") && REPLY=$(<"$memo/result"); } 2>/dev/null ||
		return 1
	[[ $(looks "${files[@]}") == "$seen" ]]
}

# remember STEP WORD... -- CMD...: CMD's output is the result; prints it. A CMD that
# names nothing that it depends on is run each time, and so is one with such a step in it.
remember() {
	local words=() new memo

	while [[ $1 != -- ]]; do words+=("$1") && shift; done
	shift
	# Another run may have done it while this one waited
	if recall "${words[@]}" && include_step "$memo" 2>/dev/null; then
		printf '%s\n' "$REPLY"
		return
	fi
	mkdir -p "$CACHE/ready"
	new=$(mktemp -d "$WORK/step-XXXXXX")
	# Plainly: after "||" a failure within it would go unnoticed
	DEPENDS=$new "$@" >"$new/result"
	# What is large is looked after by keep_bound
	[[ ${words[0]} != suite && ${words[0]} != state ]] || : >"$WORK/made"
	cat "$new/result"
	memory_of "${words[@]}"
	# Another run may be doing the same: whose comes first stays, both are right
	rm -rf "$memo" 2>/dev/null || true
	include_step "$new"
	mv -T "$new" "$memo" 2>/dev/null || rm -rf "$new"
}

# seal DIR: what its files hold is kept with them, at once: others may look at it already
seal() {
	(cd "$1" && find . -type f ! -name sums -exec sha256sum {} + >"$WORK/sums" && mv "$WORK/sums" sums)
}

# drop_damaged DIR: a folder that is not what was sealed goes, to be made anew; earlier
# releases sealed none
drop_damaged() {
	[[ -e $1/sums ]] || return 0
	(cd "$1" && sha256sum --quiet --check sums) >/dev/null 2>&1 && return
	step "${1#"$CACHE"/} is damaged: it is made anew"
	rm -rf "$1"
}
