#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# mutation.sh [OPTION...]: a campaign of single faults in kvm.ko against the suite, in the
# emulated machine. Options are campaign.py's: --set memop|slot, --sample N, --seed N,
# --jobs N, --test PATTERN, --without TEST; with --set people, or --set ap for those in vfio_ap.ko,
# those of people.py: --only NAME, --jobs N, --test TEST. The log stays in build/mutation/SET.jsonl; a campaign that was
# ended goes on from it. KERNEL names the Debian kernel (--list-kernels).
set -euo pipefail
shopt -s inherit_errexit
here=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
for part in host remember packages debian; do
	# shellcheck source=/dev/null # each is checked by itself
	. "$here/targets/$part.sh"
done

main() {
	local tree suite set=memop script=campaign module=kvm i

	for ((i = 1; i < $#; i++)); do
		[[ ${!i} != --set ]] || set=${*:i+1:1}
	done
	[[ $set != people ]] || script=people
	if [[ $set == ap ]]; then
		script=people module=vfio_ap
		export DEVICES=ap MODULES='kvm zcrypt zcrypt_cex4 vfio vfio_iommu_type1 mdev vfio_ap'
	fi
	export CACHE=${CACHE:-$here/build} KERNEL=${KERNEL:-$(debian_default_suite)} MEMORY=${MEMORY:-512} CPUS=${CPUS:-1} MODULES=${MODULES:-kvm:hpage=1}
	mkdir -p "$CACHE/mutation"
	PYTHON=$(host_python)
	WORK=$(mktemp -d "$CACHE/mutation/work-XXXXXX")
	export PYTHON WORK
	# shellcheck disable=SC2064 # the folder is known now
	trap "rm -rf '$WORK'" EXIT
	"$here/run.sh" --prepare --kernel "$KERNEL" --cache "$CACHE"
	tree=$("$here/tests/mutation/tree.sh" "$KERNEL" "$module")
	suite=$CACHE/mutation/suite
	make -s -C "$here" -j "$(nproc)" KSRC="$CACHE/linux-$KERNEL" CROSS_COMPILE=s390x-linux-gnu- \
		OUTPUT="$CACHE/out/mutation" INSTALL_PATH="$suite" install
	"$PYTHON" "$here/tests/mutation/$script.py" --tree "$tree" --suite "$suite" \
		--target "$here/targets/hercules/target" --log "$CACHE/mutation/$set.jsonl" "$@"
}

main "$@"
