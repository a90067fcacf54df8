// SPDX-License-Identifier: GPL-2.0-only
/*
 * ABSOLUTE_READ and ABSOLUTE_WRITE move exactly the bytes they name.
 *
 * api.rst, KVM_S390_MEM_OP: an absolute access reads or writes "size" bytes of
 * absolute memory at "gaddr", at most KVM_CAP_S390_MEM_OP of them, from or to
 * "buf"; with KVM_S390_MEMOP_F_SKEY_PROTECTION it also needs an access key that
 * the storage key permits.
 *
 * How it is seen: the guest's memory and the buffer hold known bytes, and what a
 * request moves is their inverse. A request that moved a byte too few, too many
 * or to the wrong place would leave one that differs, on one of both sides or
 * in the guards around. The guest itself copies the same bytes with its own
 * instructions, so memory that only the host sees would be found too.
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
	{ "absolute write: sizes around whole pages, up to the maximum", "KVM_S390_MEM_OP, absolute",
	  write_around_pages },
	{ "absolute read: sizes around whole pages, up to the maximum", "KVM_S390_MEM_OP, absolute",
	  read_around_pages },
	{ "absolute write: every size up to a page", "KVM_S390_MEM_OP, absolute", write_every_size },
	{ "absolute read: every size up to a page", "KVM_S390_MEM_OP, absolute", read_every_size },
	{ "absolute write: every offset in a page", "KVM_S390_MEM_OP, absolute", write_every_offset },
	{ "absolute read: every offset in a page", "KVM_S390_MEM_OP, absolute", read_every_offset },
	{ "absolute write: the guest fetches what was written", "KVM_S390_MEM_OP, absolute",
	  guest_sees_write },
	{ "absolute read: what the guest stored is read", "KVM_S390_MEM_OP, absolute", read_sees_guest },
	{ "absolute write: a matching access key, or key 0, is permitted",
	  "KVM_S390_MEM_OP, KVM_S390_MEMOP_F_SKEY_PROTECTION", write_matching_keys },
	{ "absolute read: a matching access key, or key 0, is permitted",
	  "KVM_S390_MEM_OP, KVM_S390_MEMOP_F_SKEY_PROTECTION", read_matching_keys },
	{ "absolute access: another access key is denied and moves nothing",
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
	path.view = &path.guest->absolute;
	path.fd = path.guest->vm->fd;
	path.read_op = KVM_S390_MEMOP_ABSOLUTE_READ;
	path.write_op = KVM_S390_MEMOP_ABSOLUTE_WRITE;
	path.base = path.guest->tested_gpa;
	path.max = memop_max_size();
	view_rest(path.view);
	status = report_run();
	copy_guest_free(path.guest);
	return status;
}
