#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What comes to users in a package: the tree that "make install" makes, the command in it,
# manual page and completions, which have to know the options that run.sh knows. Needs no KVM.

bats_require_minimum_version 1.5.0

setup_file() {
	export root=$BATS_TEST_DIRNAME/.. out=$BATS_FILE_TMPDIR
	export HOME=$BATS_FILE_TMPDIR/home
	unset XDG_CACHE_HOME XDG_STATE_HOME NO_INSTALL
	mkdir "$HOME"
}

# The options of run.sh, as its --help has them
options() {
	"$root/run.sh" --help | sed -n 's/^  \(-[^ ].*\)/\1/p' | sed 's/  .*//' | grep -oE -- '(^|[ ,])--?[a-z][a-z-]*' |
		tr -d ' ,' | sort -u
}

# same_options FILE: those in it are those of run.sh
same_options() {
	options >"$out/of_help"
	[ "$(wc -l <"$out/of_help")" -gt 20 ]
	diff "$out/of_help" "$1"
}

# For tests that need one: a package's tree with a test or two
install_tree() {
	[[ -e $out/tree/usr/bin/kvm-s390-memory ]] || make -s -C "$root" -j "$(nproc)" \
		OUTPUT="$out/build" TARGETS=mem_slot TESTS=edges VERSION=1.2 install DESTDIR="$out/tree" prefix=/usr
}

@test "make install makes the tree of a package, in which the command works" {
	install_tree
	for file in bin/kvm-s390-memory libexec/kvm-s390-memory/{run_tests,list,mem_slot/edges} \
		share/kvm-s390-memory/{run.sh,Makefile,targets/hercules/target,lib/compat.c,mem_slot/edges.c} \
		share/man/man1/kvm-s390-memory.1 share/bash-completion/completions/kvm-s390-memory \
		share/zsh/site-functions/_kvm-s390-memory share/doc/kvm-s390-memory/{README.md,findings.md}; do
		[ -e "$out/tree/usr/$file" ]
	done
	grep -qx 'suite 1.2' "$out/tree/usr/libexec/kvm-s390-memory/version"
	[ -z "$(find "$out/tree" -name '__pycache__' -o -name '*.o' -o -name '*.new')" ]
	run ! grep -rlF -- "$out" "$out/tree/usr/share" "$out/tree/usr/libexec/kvm-s390-memory/list"
	# It moves as one, says its own name, and keeps nothing beside itself
	mv "$out/tree" "$out/moved"
	mv "$out/moved" "$out/tree"
	chmod -R a-w "$out/tree"
	run --separate-stderr env -u KSRC "$out/tree/usr/bin/kvm-s390-memory" --target native --list
	chmod -R u+w "$out/tree"
	[[ $status -eq 0 && $output == mem_slot/edges ]]
	[ -d "$HOME/.cache/kvm-s390-memory/ready" ]
	run "$out/tree/usr/bin/kvm-s390-memory" --no-such
	[[ $status -eq 2 && $output == *"(see kvm-s390-memory --help)" ]]
}

@test "install without a place is refused" {
	run env -u DESTDIR -u prefix make -C "$root" OUTPUT="$out/none" install_package
	[[ $status -ne 0 && $output == *"install needs INSTALL_PATH="*"DESTDIR= or prefix="* ]]
}

@test "an OUTPUT that holds this project is refused: clean removes it" {
	for folder in "$root" "$root/.." /; do
		run make -C "$root" OUTPUT="$folder" clean
		[[ $status -ne 0 && $output == *"is the folder of this project or one above it"* ]]
	done
}

@test "the manual page is clean" {
	run man --warnings -l "$root/docs/kvm-s390-memory.1"
	[ "$status" -eq 0 ]
	run bash -c "man --warnings -l '$root/docs/kvm-s390-memory.1' 2>&1 >/dev/null"
	[ -z "$output" ]
	! command -v mandoc >/dev/null || mandoc -T lint -W warning "$root/docs/kvm-s390-memory.1"
}

@test "the manual page has the options of run.sh --help, and its exit statuses" {
	sed -n 's/^\.It \(Fl .*\)/\1/p' "$root/docs/kvm-s390-memory.1" | grep -oE 'Fl [a-z-]+' | sed 's/^Fl /-/' |
		sort -u >"$out/of_manual"
	same_options "$out/of_manual"
	for status in 0 1 2 3 4 '128 + N'; do
		grep -qx "\.It $status" "$root/docs/kvm-s390-memory.1"
	done
}

# completes WORD...: what bash offers for the last one
completes() {
	bash -c '. "$1/completions/kvm-s390-memory.bash"; shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _kvm_s390_memory "$1" "${@: -1}" "${@: -2:1}"
		printf "%s\n" "${COMPREPLY[@]}"' - "$root" "$root/run.sh" "$@"
}

@test "bash completes the options of run.sh, and their values" {
	completes - | grep -vx -- -- | sort -u >"$out/of_bash"
	same_options "$out/of_bash"
	[[ $(completes --target n) == native* ]]
	[[ $(completes --kernel si) == sid* ]]
	[[ $(completes --tar) == --target ]]
	cd "$root"
	[[ $(completes --exec run.s) == run.sh ]]
	[ -z "$(completes --exec run.sh -)" ]
	[ -z "$(completes -- -)" ]
}

@test "bash completes names of tests" {
	[[ $(completes -t mem_slot/edg) == mem_slot/edges ]]
	[ "$(completes --filter '')" = "$(make -s -C "$root" list)" ]
}

@test "zsh completes the options of run.sh" {
	grep -oE -- "^.*\[" "$root/completions/_kvm-s390-memory" | grep -oE -- "(^|[{,' *])--?[a-z][a-z-]*" | tr -d "{,' *" |
		sort -u >"$out/of_zsh"
	same_options "$out/of_zsh"
	command -v zsh >/dev/null || return 0
	zsh -n "$root/completions/_kvm-s390-memory"
}
