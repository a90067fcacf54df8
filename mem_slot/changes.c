// SPDX-License-Identifier: GPL-2.0-only
/*
 * What may be asked of a slot that is there: moves, flags, deletion, and nothing else.
 *
 * mem_slot/contract.md, SLOT-03 to SLOT-05, SLOT-10, SLOT-15, SLOT-17, SLOT-19, SLOT-21,
 * SLOT-22; api.rst, KVM_SET_USER_MEMORY_REGION: slots may not overlap, an existing one may
 * be moved or its flags changed, not resized; 2. File descriptors: only the process that
 * created a VM may issue its ioctls.
 *
 * How it is seen: in a VM with two adjacent slots and a third, which has a dirty log, each
 * row of a table changes one slot in one way or in two at once. After each request the
 * places around all slots are tried, logs are read, and where user space can reach guest
 * memory, each slot has its own. arguments.c does the same with slots that are new.
 *
 * Over 300 lines: two tables of changes, and the checks that follow each row.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "case/report.h"
#include "compat.h"
#include "slot/backing.h"
#include "slot/dirty_log.h"
#include "slot/region.h"
#include "slot/request.h"

#define LOG KVM_MEM_LOG_DIRTY_PAGES
#define PROBE 31
#define FIRST 62 /* units that are looked at */
#define UNITS 22

static struct kvm_vm *vm;
static uint64_t unit, page_size;
static uint8_t *memory; /* two units for each slot, then two for the probe */

/* How the slots are set, and what the last request made of them */
static const struct known {
	uint32_t slot, flags;
	uint64_t at; /* unit */
} known[] = { { 5, 0, 64 }, { 6, 0, 66 }, { 7, LOG, 72 } };
static struct known now[ARRAY_SIZE(known)];

static struct region two_units(uint32_t slot, uint32_t flags, uint64_t at)
{
	return (struct region){ .slot = slot,
				.flags = flags,
				.gpa = at * unit,
				.size = 2 * unit,
				.user = (uintptr_t)memory + (slot - 5) % 3 * 2 * unit };
}

static struct outcome set(struct region r)
{
	return region_set(vm->fd, false, &r);
}

static void begin(void)
{
	vm = vm_create_barebones();
	memory = region_memory(8 * unit);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		now[i] = known[i];
		TEST_ASSERT(!set(two_units(known[i].slot, known[i].flags, known[i].at)).ret,
			    "slot %u", known[i].slot);
		memset(memory + i * 2 * unit, (int)known[i].slot, 2 * unit);
	}
}

static void end(void)
{
	kvm_vm_free(vm);
	region_free_memory(memory, 8 * unit);
}

static bool is_free(uint64_t at)
{
	struct region r = {
		.slot = PROBE, .gpa = at * unit, .size = unit, .user = (uintptr_t)memory + 6 * unit
	};
	bool free = set(r).ret == 0;

	r.size = 0;
	if (free)
		set(r);
	return free;
}

static bool is_taken(uint64_t at)
{
	for (size_t i = 0; i < ARRAY_SIZE(now); i++)
		if (now[i].at && at - now[i].at < 2)
			return true;
	return false;
}

/* What is wrong with a slot, NULL if nothing is */
static const char *slot_is(const struct known *k)
{
	struct dirty_log log = { vm->fd, k->slot, 2 * unit / page_size };
	struct pages found = pages_none(log.pages);
	bool logged = dirty_get(&log, &found).ret == 0;
	uint8_t byte = 0;
	int why;

	pages_free(&found);
	if (logged != (k->at && k->flags & LOG))
		return logged ? "it has a log" : "it has no log";
	if (!k->at || !request_there())
		return NULL;
	for (uint64_t end = 0; end < 2; end++) {
		uint64_t gpa = k->at * unit + end * (2 * unit - 1);

		if (request_move(vm->fd, false, gpa, &byte, 1, &why) != REQUEST_DONE)
			return "its memory cannot be reached";
		if (byte != k->slot)
			return "it has other memory";
	}
	return NULL;
}

/* Part of the case: are all slots what they are to be? */
static void check_slots(const struct region *r, const char *state)
{
	char text[REGION_TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(now); i++) {
		const char *wrong = slot_is(&now[i]);

		if (wrong)
			report_wrong(region_text(r, text), state, "slot %u: %s after it",
				     now[i].slot, wrong);
	}
	for (uint64_t at = FIRST; at < FIRST + UNITS; at++)
		if (is_free(at) == is_taken(at)) {
			report_wrong(region_text(r, text), state, "unit %u is %s after it",
				     (unsigned int)at, is_taken(at) ? "free" : "taken");
			return;
		}
}

/* One case: the request, and what it makes of slot number @i of the table */
static void change(size_t i, struct region r, struct outcome expected, const char *state)
{
	for (int second = 0; second <= (int)region_has_second(); second++) {
		bool right = region_case(vm->fd, second, &r, expected, state);

		if (!right) {
			end();
			begin();
			return;
		}
		if (expected.ret == 0)
			now[i] = (struct known){ r.slot, r.flags, r.size ? r.gpa / unit : 0 };
		check_slots(&r, state);
		if (expected.ret == 0)
			set(two_units(known[i].slot, known[i].flags, known[i].at));
		now[i] = known[i];
	}
}

/* Two things at once; "more" is added to the good request */
static const struct row {
	size_t i; /* of known[] */
	uint64_t at;
	int64_t more_gpa, more_size, more_user; /* bytes */
	uint32_t flags;
	int err;
	const char *what;
} moves[] = {
	{ 0, 65, 0, 0, 0, 0, EEXIST, "moved over itself onto the next slot" },
	{ 1, 65, 0, 0, 0, 0, EEXIST, "moved over itself onto the slot before" },
	{ 2, 67, 0, 0, 0, LOG, EEXIST, "moved onto the end of a slot" },
	{ 2, 63, 0, 0, 0, LOG, EEXIST, "moved onto the begin of a slot" },
	{ 2, 64, 0, 0, 0, LOG, EEXIST, "moved to where another slot is" },
	{ 0, 66, 0, 0, 0, 0, EEXIST, "moved to where the next slot is" },
	{ 1, 68, 0, 0, 0, 0, 0, "moved to behind itself" },
	{ 0, 62, 0, 0, 0, 0, 0, "moved to before itself" },
	{ 1, 67, 0, 0, 0, 0, 0, "moved over itself, up" },
	{ 0, 63, 0, 0, 0, 0, 0, "moved over itself, down" },
	{ 2, 71, 0, 0, 0, LOG, 0, "with its log, moved over itself, down" },
	{ 2, 68, 0, 0, 0, LOG, 0, "with its log, moved to behind another" },
	{ 2, 62, 0, 0, 0, 0, 0, "moved to before another, its log turned off" },
	{ 0, 80, 0, 0, 0, LOG, 0, "moved, its log turned on" },
}, both[] = {
	{ 2, 72, 0, 0, 0, LOG, 0, "the same again" },
	{ 0, 64, 0, 0, 0, 0, 0, "the same again" },
	{ 0, 64, 0, 0, 0, LOG, 0, "its log turned on" },
	{ 2, 72, 0, 0, 0, 0, 0, "its log turned off" },
	{ 2, 80, 0, 0, 1 << 20, LOG, EINVAL, "moved, with another user address" },
	{ 2, 73, 0, 0, 1 << 20, LOG, EINVAL, "moved over itself, with another user address" },
	{ 2, 72, 0, 0, 1 << 20, 0, EINVAL, "other flags, with another user address" },
	{ 2, 80, 0, 0, 1 << 20, 0, EINVAL, "moved, other flags, another user address" },
	{ 2, 80, 0, -(1 << 20), 0, LOG, EINVAL, "moved, and smaller" },
	{ 2, 80, 0, 1 << 20, 0, LOG, EINVAL, "moved, and larger" },
	{ 2, 72, 0, 1 << 20, 0, 0, EINVAL, "other flags, and larger" },
	{ 0, 64, 0, 1 << 20, 0, 0, EINVAL, "larger, onto the next slot" },
	{ 2, 72, 0, 0, 0, LOG | KVM_MEM_READONLY, EINVAL, "read-only too" },
	{ 0, 80, 0, 0, 0, KVM_MEM_READONLY, EINVAL, "moved, and read-only" },
	{ 2, 80, 0, 0, 0, LOG | KVM_MEM_READONLY, EINVAL, "moved, and read-only too" },
	{ 2, 72, 8, 0, 0, LOG, EINVAL, "moved within a page" },
	{ 2, 72, 0, 0, 8, LOG, EINVAL, "user address within a page" },
	{ 2, 72, 0, 8, 0, LOG, EINVAL, "size of no whole pages" },
};

static void rows(const struct row *row, size_t count)
{
	for (; count--; row++) {
		struct region r = two_units(known[row->i].slot, row->flags, row->at);

		r.gpa += (uint64_t)row->more_gpa;
		r.size += (uint64_t)row->more_size;
		r.user += (uint64_t)row->more_user;
		change(row->i, r, row->err ? outcome_error(row->err) : outcome_success(),
		       row->what);
	}
}

static void moved(void)
{
	report_deciding("SLOT-03 SLOT-05");
	rows(moves, ARRAY_SIZE(moves));
}

static void two_changes(void)
{
	report_deciding("SLOT-05 SLOT-17");
	rows(both, ARRAY_SIZE(both));
}

/* Bits 0 to 2 are defined, at least for some VMs */
static void undefined_flags(void)
{
	struct region r;

	report_deciding("SLOT-10 SLOT-17");
	for (unsigned int bit = 3; bit < 32; bit++) {
		r = two_units(7, LOG | 1U << bit, 72);
		change(2, r, outcome_error(EINVAL), "an undefined flag for a slot that is there");
		/* What follows is looked at for each third bit, the last among them */
		if ((31 - bit) % 3)
			continue;
		r.gpa = 80 * unit;
		change(2, r, outcome_error(EINVAL), "moved, with an undefined flag");
		r = two_units(6, 1U << bit, 66);
		r.size = 0;
		change(1, r, outcome_error(EINVAL), "deleted, with an undefined flag");
	}
}

/* Only its id says which slot is meant */
static void deleted(void)
{
	struct region r = two_units(6, 0, 66);

	report_deciding("SLOT-04");
	r.size = 0;
	change(1, r, outcome_success(), "deleted");
	r.gpa = 64 * unit;
	change(1, r, outcome_success(), "deleted, with the guest address of another slot");
	r.gpa = 0;
	r.user = 0;
	change(1, r, outcome_success(), "deleted, with all addresses 0");
	r.flags = LOG;
	change(1, r, outcome_success(), "deleted, with other flags");
	r = two_units(7, 0, 72);
	r.size = 0;
	change(2, r, outcome_success(), "a slot with a log, deleted without the flag");
	r.slot = 8;
	change(2, r, outcome_error(EINVAL), "a slot that is not there, at the place of another");
}

/* s390 looks at the limit when the slot is out of use already, and has to put it back */
static void beyond_the_limit(void)
{
#ifdef __s390x__
	struct pages dirty = pages_none(2 * unit / page_size);
	struct dirty_log log = { vm->fd, 7, dirty.count };
	uint64_t limit = 0;
	struct kvm_device_attr attr = { .group = KVM_S390_VM_MEM_CTRL,
					.attr = KVM_S390_VM_MEM_LIMIT_SIZE,
					.addr = (uintptr_t)&limit };
	uint8_t byte = 7;
	int why;

	report_deciding("SLOT-19 SLOT-17");
	if (ioctl(vm->fd, KVM_GET_DEVICE_ATTR, &attr) || limit == UINT64_MAX) {
		report_skip(SKIP_ARCHITECTURE, "needs a machine with a limit of guest storage");
		return;
	}
	for (uint64_t below = 0; below < 2; below++) {
		struct region r = two_units(7, LOG, limit / unit - below);

		change(2, r, outcome_error(EINVAL), "moved to the limit of guest storage");
		change(0, two_units(5, LOG, limit / unit - below), outcome_error(EINVAL),
		       "moved to the limit, its log turned on");
		region_set(vm->fd, false, &r);
		/* check_slots() has read the log */
		request_move(vm->fd, true, 72 * unit + 3 * page_size, &byte, 1, &why);
		pages_put(&dirty, 3);
		region_set(vm->fd, false, &r);
		dirty_is(&log, &dirty, "written, then a move that is refused");
	}
	pages_free(&dirty);
#else
	report_skip(SKIP_ARCHITECTURE, "needs s390x");
#endif
}

/* The largest slot needs two times 256 MiB for its log; a smaller machine cannot give it */
static void no_memory_for_a_log(void)
{
	struct region r = { .slot = 8,
			    .flags = LOG,
			    .gpa = 1UL << 40,
			    .size = ((1UL << 31) - unit / page_size) * page_size,
			    .user = 1UL << 40 };

	if ((uint64_t)sysconf(_SC_PHYS_PAGES) * page_size >= r.size / page_size / 4) {
		report_skip(SKIP_RESOURCE, "needs a machine with less than 512 MiB");
		return;
	}
	change(0, r, outcome_error(ENOMEM), "a log that does not fit into memory");
}

/* One case: the request lies at the end of what can be read */
static void request_of(unsigned long nr, size_t size, size_t readable, struct outcome expected,
		       const char *state)
{
	uint8_t *two = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct region gone = { .slot = 8 };
	struct kvm_userspace_memory_region region = { .slot = 8,
						      .guest_phys_addr = 80 * unit,
						      .memory_size = unit,
						      .userspace_addr =
							      (uintptr_t)memory + 6 * unit };
	size_t common = sizeof(region) < readable ? sizeof(region) : readable;
	struct outcome o;

	TEST_ASSERT(two != MAP_FAILED && size >= readable, "mmap");
	memcpy(two + page_size - readable, &region, common);
	TEST_ASSERT(!mprotect(two, page_size, PROT_READ) &&
			    !mprotect(two + page_size, page_size, PROT_NONE),
		    "mprotect");
	o = outcome_of(ioctl(vm->fd, nr, two + page_size - readable));
	report_outcome(expected, o, state);
	if (o.ret == 0)
		set(gone);
	munmap(two, 2 * page_size);
}

static void request_memory(void)
{
	const size_t first = sizeof(struct kvm_userspace_memory_region);

	request_of(KVM_SET_USER_MEMORY_REGION, first, first, outcome_success(),
		   "KVM_SET_USER_MEMORY_REGION, nothing behind the request can be read");
	request_of(KVM_SET_USER_MEMORY_REGION, first, first - 8, outcome_error(EFAULT),
		   "KVM_SET_USER_MEMORY_REGION, the end of the request cannot be read");
	request_of(KVM_SET_USER_MEMORY_REGION, first, 0, outcome_error(EFAULT),
		   "KVM_SET_USER_MEMORY_REGION, the request cannot be read");
	report_outcome(outcome_error(EFAULT),
		       outcome_of(ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, NULL)),
		       "KVM_SET_USER_MEMORY_REGION, the request is at NULL");
	report_outcome(outcome_error(EFAULT), outcome_of(ioctl(vm->fd, KVM_GET_DIRTY_LOG, NULL)),
		       "KVM_GET_DIRTY_LOG, the request is at NULL");
#ifdef KVM_SET_USER_MEMORY_REGION2
	if (region_has_second()) {
		const size_t all = sizeof(struct kvm_userspace_memory_region2);

		request_of(KVM_SET_USER_MEMORY_REGION2, all, all, outcome_success(),
			   "KVM_SET_USER_MEMORY_REGION2, nothing behind the request can be read");
		request_of(KVM_SET_USER_MEMORY_REGION2, all, all - 8, outcome_error(EFAULT),
			   "KVM_SET_USER_MEMORY_REGION2, the end of the request cannot be read");
		request_of(
			KVM_SET_USER_MEMORY_REGION2, all, first, outcome_error(EFAULT),
			"KVM_SET_USER_MEMORY_REGION2, only what the other ioctl has can be read");
	}
#endif
	report_case();
	check_slots(&(struct region){ .slot = 8 }, "a request that cannot be read");
}

/* What a child gets from each of these, in its exit status: 0 only if all are refused */
static int tries(void)
{
	struct region add = two_units(8, 0, 80), move = two_units(5, 0, 62), gone = add;
	uint8_t bits[4096] = { 0 };
	struct dirty_log log = { vm->fd, 7, 2 * unit / page_size };

	gone.slot = 6;
	gone.size = 0;
	return (set(add).ret == 0) | (set(move).ret == 0) << 1 | (set(gone).ret == 0) << 2 |
	       (2 * unit / page_size / 8 <= sizeof(bits) && dirty_get_to(&log, bits).ret == 0) << 3;
}

static void another_process(void)
{
	pid_t child = fork();
	int status = 0;

	if (!child)
		_exit(tries());
	TEST_ASSERT(child > 0 && waitpid(child, &status, 0) == child, "fork");
	report_check(WIFEXITED(status) && !WEXITSTATUS(status),
		     "a child of the VM's process adds, moves, deletes a slot, reads a log",
		     "each is refused", "status %#x", status);
	report_case();
	check_slots(&(struct region){ .slot = 8 }, "requests of another process");
}

static const struct line lines[] = {
	{ "a slot is moved beside, onto and over itself and others", "SLOT-03 SLOT-05", moved },
	{ "changes of a slot, two at once", "SLOT-05 SLOT-17", two_changes },
	{ "undefined flags for a slot that is there", "SLOT-10 SLOT-17", undefined_flags },
	{ "a slot is deleted by its id and size 0, whatever else is said", "SLOT-04", deleted },
	{ "moves to the limit of guest storage leave slot and log (observed)", "SLOT-17 SLOT-19",
	  beyond_the_limit },
	{ "a slot whose log the kernel has no memory for (observed)", "SLOT-17",
	  no_memory_for_a_log },
	{ "requests that cannot be read (observed)", "SLOT-21", request_memory },
	{ "requests of another process", "SLOT-22", another_process },
};

int main(int argc, char **argv)
{
	const char *why;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	page_size = (uint64_t)getpagesize();
	unit = compat_slot_unit() > 1UL << 20 ? compat_slot_unit() : 1UL << 20;
	report_around(begin, end);
	return report_run();
}
