# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Packages of any Debian suite and architecture, fetched through apt with a
# state directory of our own: nothing of the host's apt configuration changes,
# apt verifies every file by the archive's signature, and no root is needed.
# Where the archive is comes from the host's own sources.
#
# To be sourced after host.sh. Uses $CACHE.

# shellcheck disable=SC2034 # used by those who source this
readonly DEBIAN_SUITES=(bookworm bookworm-security bookworm-backports trixie trixie-security
	trixie-backports sid)
readonly DEBIAN_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# The suite whose kernel the suite is made for: 6.12, on the host's release
debian_default_suite() {
	local codename

	codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
	if [[ $codename == bookworm ]]; then
		printf 'bookworm-backports\n'
	else
		printf 'trixie\n'
	fi
}

# debian_uri SUITE: where the host's sources have it. Security updates are in an archive
# of their own, which stands beside the main one where the sources do not name it.
debian_uri() {
	local label=Debian uri

	[[ $1 != *-security ]] || label=Debian-Security
	# shellcheck disable=SC2016 # apt expands them
	uri=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT) $(LABEL) $(RELEASE)' \
		'Created-By: Packages' 2>/dev/null |
		awk -v label="$label" '$2 == "main" && ($3 == label ||
			(label == "Debian" && $3 !~ /^Debian/ && $NF !~ /security/)) { print $1; exit }')
	if [[ -z $uri && $1 == *-security ]]; then
		uri=$(debian_uri "${1%-security}")
		uri=${uri%/}-security/
	fi
	[[ -n $uri ]] ||
		die "apt's sources on this host name no Debian archive: this needs Debian 12 or later" \
			"(for a kernel of your own: --kernel and KSRC=)"
	printf '%s\n' "$uri"
}

# debian_apt SUITE ARCH TOOL ARG...: apt-get or apt-cache on the private state
debian_apt() {
	local dir=$CACHE/apt/$1-$2 arch=$2 tool=$3
	shift 3

	"$tool" -o Dir::State="$dir" -o Dir::State::Lists="$dir/lists" \
		-o Dir::State::status="$dir/status" -o Dir::Cache="$dir/cache" \
		-o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
		-o APT::Sandbox::User= -o APT::Architecture="$arch" -o APT::Architectures::="$arch" \
		-o Acquire::Languages=none -o Acquire::Retries=3 -qq "$@"
}

# debian_lists SUITE ARCH: have the package lists, not older than a day; status 1 if
# there are none and none can be had
debian_lists() {
	locked "apt-$1-$2" debian_lists_update "$@"
}

debian_lists_update() {
	local suite=$1 arch=$2 dir=$CACHE/apt/$1-$2 uri

	[[ -n $(find "$dir/updated" -mmin -1440 2>/dev/null) ]] && return
	packages_need debian-archive-keyring
	uri=$(debian_uri "$suite")
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	: >"$dir/status"
	printf '%s [arch=%s signed-by=%s] %s %s main\n' \
		deb "$arch" "$DEBIAN_KEYRING" "$uri" "$suite" \
		deb-src "$arch" "$DEBIAN_KEYRING" "$uri" "$suite" >"$dir/sources.list"
	step "package lists of $suite ($arch)"
	# By itself apt takes an archive that does not answer for a warning
	if ! retry 3 debian_apt "$suite" "$arch" apt-get update --error-on=any >&2; then
		[[ -e $dir/updated ]] || return 1
		say "... keeping the lists of $(date -r "$dir/updated" '+%F %R')"
		return
	fi
	touch "$dir/updated"
}

# debian_lists_or_die SUITE ARCH
debian_lists_or_die() {
	debian_lists "$@" || die "could not read the package lists of $1: see apt's message above;" \
		"is there a network?"
}

# debian_version SUITE ARCH PACKAGE: the version in that suite, nothing if none
debian_version() {
	debian_apt "$1" "$2" apt-cache policy "$3" | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'
}

# debian_depends SUITE ARCH PACKAGE: names of the packages it depends on
debian_depends() {
	# shellcheck disable=SC2020
	debian_apt "$1" "$2" apt-cache show --no-all-versions "$3" |
		sed -n 's/^Depends: //p' | tr ',|' '\n\n' | awk '{ print $1 }'
}

# debian_fetch SUITE ARCH DIR PACKAGE...: download into DIR, verified by apt
debian_fetch() {
	local suite=$1 arch=$2 dir=$3
	shift 3

	mkdir -p "$dir"
	(cd "$dir" && retry 3 debian_apt "$suite" "$arch" apt-get download "$@") >&2 ||
		die "could not fetch $* from $suite"
}

# debian_fetch_orig SUITE DIR PACKAGE: the upstream tarball of a source package
debian_fetch_orig() {
	local suite=$1 dir=$2 package=$3

	mkdir -p "$dir"
	(cd "$dir" && retry 3 debian_apt "$suite" s390x apt-get source --download-only --tar-only \
		"$package") >&2 || die "could not fetch the source of $package from $suite"
}
