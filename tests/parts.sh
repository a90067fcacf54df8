# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the programs of tests/ begin with: the parts of targets/, and counted results.
#
# To be sourced. Sets $here, the top of the project.

shopt -s inherit_errexit
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
for part in host remember packages debian kernel guest source; do
	# shellcheck source=/dev/null # each is checked by itself
	. "$here/targets/$part.sh"
done
passed=0 failed=0 skipped=0

# holds TEXT CMD...: count whether CMD succeeds
holds() {
	local text=$1
	shift

	if "$@"; then
		passed=$((passed + 1))
		printf 'ok %s\n' "$text"
	else
		failed=$((failed + 1))
		printf 'not ok %s\n' "$text"
	fi
}

# The last line of a program; its status
totals() {
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	((!failed))
}

# own_sources DIR: what git has of this project, so that nothing can happen to the checkout
own_sources() {
	mkdir -p "$1"
	(cd "$here" && git ls-files -z | xargs -0 cp --parents -t "$1")
}
