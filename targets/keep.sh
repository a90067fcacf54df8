# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the cache keeps: shown, bounded, and held while it is used. Everything in it can
# be fetched or made again.
#
# To be sourced after host.sh. Uses $CACHE and $KEEP (GiB).

readonly KEEP_DAYS=30

# kept_items: each thing that can go by itself
kept_items() {
	find "$CACHE"/{apt,guest,headers,hercules,initrd,kernel,machine,modules,out,ready,suite} "$CACHE"/run/*/ \
		-mindepth 1 -maxdepth 1 -type d ! -name '.*' ! -path "$CACHE/run/*" 2>/dev/null || true
	find "$CACHE" -mindepth 1 -maxdepth 1 -type d \( -name 'linux-*' -o -name busybox -o -name bench -o \
		-name 'soak*' \)
}

# item_of FILE: sets item to the one that FILE is in, to nothing for what is not in the cache
item_of() {
	local rest=${1#"$CACHE"/}

	item=
	[[ $rest != "$1" ]] || return 0
	case $rest in
	linux-* | busybox/*) item=$CACHE/${rest%%/*} ;;
	*/*/*) item=$CACHE/${rest%"/${rest#*/*/}"} ;;
	*/*) item=$CACHE/$rest ;;
	esac
}

# hold FILE...: the items with these stay while this process, or the one that takes its
# place, lives, and count as used now
hold() {
	local file item held=() fd

	for file in "$@"; do
		item_of "$file"
		[[ -d $item && " ${held[*]} " != *" $item "* ]] || continue
		exec {fd}<"$item"
		flock -s "$fd"
		held+=("$item")
	done
	((!${#held[@]})) || touch -c "${held[@]}"
}

# sized_items: kibibytes, time of last use, path; the one unused for longest first. What
# another run replaces meanwhile is that run's to count.
sized_items() {
	local item used size

	kept_items | sort -u | while IFS= read -r item; do
		used=$(stat -c %Y "$item" 2>/dev/null || true)
		size=$(du -sk "$item" 2>/dev/null | cut -f 1 || true)
		[[ -z $used || -z $size ]] || printf '%s %s %s\n' "$size" "$used" "$item"
	done | sort -k 2,2n
}

# remove ITEM: unless someone uses it
remove() {
	flock -n "$1" rm -rf "$1" 2>/dev/null
}

# keep_bound HOW: remove what is old or too much; "show" says what stays, too
keep_bound() {
	local how=$1 total=0 size used item limit=$((KEEP << 20)) now items

	now=$(date +%s)
	items=$(sized_items)
	while read -r size _; do total=$((total + ${size:-0})); done <<<"$items"
	[[ $how != show ]] || printf '%10s  %-16s  %s\n' MIB 'LAST USED' WHAT
	while read -r size used item; do
		[[ -n $item ]] || continue
		if ((total > limit || now - used > KEEP_DAYS * 86400)) && remove "$item"; then
			total=$((total - size))
			say "... removed ${item#"$CACHE"/}, $((size >> 10)) MiB, last used $(date -d "@$used" +%F)"
		elif [[ $how == show ]]; then
			printf '%10s  %-16s  %s\n' "$((size >> 10))" "$(date -d "@$used" '+%F %R')" "${item#"$CACHE"/}"
		fi
	done <<<"$items"
	[[ $how != show ]] || printf '%10s  %-16s  %s\n' "$((total >> 10))" '' \
		"in $CACHE, of $((KEEP << 10)) MiB (--keep $KEEP)"
}
