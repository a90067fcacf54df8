// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long files of guest_memfd live: beside their descriptors, slots and VMs.
 *
 * mem_slot/contract.md, MEMFD-04, MEMFD-06, MEMFD-10; api.rst, KVM_CREATE_GUEST_MEMFD: a file
 * is released when the last reference is dropped, and bound to its VM.
 *
 * How it is seen: files are closed while slots are bound to them, by one of two descriptors
 * and by the last; VMs end before their files. A slot whose file is gone is deleted like any
 * other, once, and what it had bound can be bound again; a file that somebody has open
 * stays as it is. A binding that outlives its file, or a file that does not know that its
 * slot is gone, is refused where it must not be, or crashes the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "case/report.h"
#include "compat.h"
#include "guest/worker.h"
#include "slot/backing.h"
#include "slot/region.h"

#define SLOT 9
#define OTHER_SLOT 10
#define HERE 0x40000000UL
#define THERE 0x48000000UL
#define FILES 4

static struct worker worker;
static uint64_t unit;
static uint8_t *memory;

static int new_file(uint64_t size)
{
	struct outcome o = region_memfd(worker.vm->fd, size, 0);

	TEST_ASSERT(o.ret >= 0, "KVM_CREATE_GUEST_MEMFD, errno %d", o.err);
	return o.ret;
}

static struct region bind(uint32_t slot, int file)
{
	return (struct region){ .slot = slot,
				.flags = KVM_MEM_GUEST_MEMFD,
				.gpa = slot == SLOT ? HERE : THERE,
				.size = unit,
				.user = (uintptr_t)memory + (slot - SLOT) * unit,
				.memfd = (uint32_t)file };
}

static void expect(struct outcome expected, struct region r, const char *state)
{
	region_case(worker.vm->fd, true, &r, expected, state);
}

static void drop(uint32_t slot, struct outcome expected, const char *state)
{
	expect(expected, (struct region){ .slot = slot }, state);
}

static void closed_while_bound(void)
{
	int file = new_file(2 * unit), again, last;

	report_deciding("MEMFD-10");
	expect(outcome_success(), bind(SLOT, file), "a file");
	close(file);
	report_deciding("MEMFD-06 MEMFD-10");
	if (report_case()) {
		worker_write(&worker, HERE, 0x1234);
		if (*(volatile uint64_t *)memory != 0x1234)
			report_wrong("its file is closed", "the guest writes to the user address",
				     "%#llx is there",
				     (unsigned long long)*(volatile uint64_t *)memory);
	}
	report_deciding("MEMFD-10");
	again = new_file(2 * unit);
	expect(outcome_success(), bind(OTHER_SLOT, again), "another file, for another slot");
	drop(SLOT, outcome_success(), "its file is closed: deleted");
	drop(SLOT, outcome_error(EINVAL), "its file is closed: deleted again");
	last = new_file(unit);
	expect(outcome_success(), bind(SLOT, last), "added with another file");
	drop(OTHER_SLOT, outcome_success(), "its file is open: deleted");
	close(again);
	drop(SLOT, outcome_success(), "its file is open: deleted");
	close(last);
}

static void with_references(void)
{
	int file = new_file(unit), second = dup(file), status;
	pid_t child;

	report_deciding("MEMFD-04 MEMFD-10");
	expect(outcome_success(), bind(SLOT, file), "a file");
	close(file);
	expect(outcome_refused(), bind(OTHER_SLOT, second), "one of two descriptors is closed");
	drop(SLOT, outcome_success(), "one of two descriptors is closed: deleted");
	expect(outcome_success(), bind(OTHER_SLOT, second), "by the other descriptor");
	child = fork();
	if (!child)
		_exit(0);
	TEST_ASSERT(child > 0 && waitpid(child, &status, 0) == child, "fork");
	expect(outcome_refused(), bind(SLOT, second), "a child has closed its own");
	drop(OTHER_SLOT, outcome_success(), "a child has closed its own: deleted");
	close(second);
}

static void outlives_its_vm(void)
{
	struct kvm_vm *other = vm_create_barebones();
	struct outcome file = region_memfd(other->fd, unit, 0);
	struct region r = bind(SLOT, file.ret);

	report_deciding("MEMFD-10");
	TEST_ASSERT(file.ret >= 0 && !region_set(other->fd, true, &r).ret, "a file of a VM");
	kvm_vm_free(other);
	report_outcome(outcome_success(),
		       outcome_of(fallocate(file.ret, FALLOC_FL_KEEP_SIZE, 0, (off_t)unit)),
		       "fallocate() when the VM has ended");
	report_outcome(outcome_success(),
		       outcome_of(fallocate(file.ret, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
					    (off_t)unit)),
		       "a hole is punched when the VM has ended");
	expect(outcome_refused(), bind(SLOT, file.ret), "a file of a VM that has ended");
	close(file.ret);
}

/* Files are files of their own */
static void told_apart(void)
{
	struct stat is[FILES];
	int files[FILES];

	report_deciding("MEMFD-10");
	for (size_t i = 0; i < FILES; i++) {
		files[i] = new_file((i + 1) * unit);
		TEST_ASSERT(!fstat(files[i], &is[i]), "fstat");
	}
	for (size_t i = 0; i < FILES; i++) {
		bool same = false;

		for (size_t j = 0; j < i; j++)
			same |= is[i].st_ino == is[j].st_ino && is[i].st_dev == is[j].st_dev;
		report_check(!same && is[i].st_size == (off_t)((i + 1) * unit), "fstat()",
			     "the file's own inode and size", "inode %lu, %lld bytes",
			     (unsigned long)is[i].st_ino, (long long)is[i].st_size);
		report_check(is[i].st_blksize == getpagesize(), "fstat()", "st_blksize is a page",
			     "%ld", (long)is[i].st_blksize);
		close(files[i]);
	}
}

static const struct line lines[] = {
	{ "a file is closed while a slot is bound to it", "MEMFD-06 MEMFD-10", closed_while_bound },
	{ "a file stays while somebody has it open", "MEMFD-04 MEMFD-10", with_references },
	{ "a file outlives its VM", "MEMFD-10", outlives_its_vm },
	{ "each file has an inode and a size of its own (observed)", "MEMFD-10", told_apart },
};

static void begin(void)
{
	memory = region_memory(2 * unit);
	worker_create(&worker);
	worker_map(&worker, HERE, unit / (uint64_t)getpagesize());
}

static void end(void)
{
	worker_free(&worker);
	region_free_memory(memory, 2 * unit);
}

int main(int argc, char **argv)
{
	struct kvm_vm *vm;
	bool there;
	const char *why;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	vm = vm_create_barebones();
	there = vm_check_cap(vm, KVM_CAP_GUEST_MEMFD) > 0;
	kvm_vm_free(vm);
	report_need(there && region_has_second(), SKIP_CAPABILITY, "KVM_CAP_GUEST_MEMFD");
	unit = compat_slot_unit();
	report_around(begin, end);
	return report_run();
}
