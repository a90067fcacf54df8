// SPDX-License-Identifier: GPL-2.0-only
/*
 * LOGICAL_READ and LOGICAL_WRITE move exactly the bytes they name.
 *
 * api.rst, KVM_S390_MEM_OP: a logical access translates "gaddr" to an absolute
 * address by the state of the vCPU, here DAT in primary-space mode, and then
 * reads or writes "size" bytes there; with KVM_S390_MEMOP_F_SKEY_PROTECTION it
 * also needs an access key that the storage key permits.
 *
 * How it is seen: as in absolute_copy, and the pages that are neighbours in the
 * guest's virtual memory are none in absolute memory. An access that translated
 * only its first page, or took the virtual address for the absolute one, would
 * change or fetch bytes of another page, and each byte tells where it is from.
 */
#include "compat.h"
#include "copy_check.h"
#include "memop.h"
#include "report.h"

static struct copy_path path;

static void write_around_pages(void)
{
	copy_around_pages(&path, copy_check_write);
}

static void read_around_pages(void)
{
	copy_around_pages(&path, copy_check_read);
}

static void write_every_size(void)
{
	copy_every_size(&path, copy_check_write);
}

static void read_every_size(void)
{
	copy_every_size(&path, copy_check_read);
}

static void write_every_offset(void)
{
	copy_every_offset(&path, copy_check_write);
}

static void read_every_offset(void)
{
	copy_every_offset(&path, copy_check_read);
}

static void guest_sees_write(void)
{
	copy_some(&path, copy_check_write_guest);
}

static void read_sees_guest(void)
{
	copy_some(&path, copy_check_read_guest);
}

static void write_matching_keys(void)
{
	copy_matching_keys(&path, copy_check_write);
}

static void read_matching_keys(void)
{
	copy_matching_keys(&path, copy_check_read);
}

static void other_keys(void)
{
	copy_other_keys(&path);
}

static const struct line lines[] = {
	{ "logical write: sizes around whole pages, up to the maximum", "KVM_S390_MEM_OP, logical",
	  write_around_pages },
	{ "logical read: sizes around whole pages, up to the maximum", "KVM_S390_MEM_OP, logical",
	  read_around_pages },
	{ "logical write: every size up to a page", "KVM_S390_MEM_OP, logical", write_every_size },
	{ "logical read: every size up to a page", "KVM_S390_MEM_OP, logical", read_every_size },
	{ "logical write: every offset in a page", "KVM_S390_MEM_OP, logical", write_every_offset },
	{ "logical read: every offset in a page", "KVM_S390_MEM_OP, logical", read_every_offset },
	{ "logical write: the guest fetches what was written", "KVM_S390_MEM_OP, logical",
	  guest_sees_write },
	{ "logical read: what the guest stored is read", "KVM_S390_MEM_OP, logical", read_sees_guest },
	{ "logical write: a matching access key, or key 0, is permitted",
	  "KVM_S390_MEM_OP, KVM_S390_MEMOP_F_SKEY_PROTECTION", write_matching_keys },
	{ "logical read: a matching access key, or key 0, is permitted",
	  "KVM_S390_MEM_OP, KVM_S390_MEMOP_F_SKEY_PROTECTION", read_matching_keys },
	{ "logical access: another access key is denied and moves nothing",
	  "KVM_S390_MEM_OP, KVM_S390_MEMOP_F_SKEY_PROTECTION", other_keys },
};

int main(int argc, char **argv)
{
	const char *why;
	int status;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), why);
	report_need(memop_max_size() > 0, "KVM_CAP_S390_MEM_OP");
	report_need(kvm_check_cap(KVM_CAP_S390_MEM_OP_EXTENSION) > 0, "KVM_CAP_S390_MEM_OP_EXTENSION");
	path = (struct copy_path){ .guest = copy_guest_create() };
	path.view = &path.guest->logical;
	path.fd = path.guest->vcpu->fd;
	path.read_op = KVM_S390_MEMOP_LOGICAL_READ;
	path.write_op = KVM_S390_MEMOP_LOGICAL_WRITE;
	path.base = path.guest->tested_gva;
	path.max = memop_max_size();
	view_rest(path.view);
	status = report_run();
	copy_guest_free(path.guest);
	return status;
}
