// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots that are backed by a guest_memfd, where the VM has it.
 *
 * docs/contract.md, MEMFD; api.rst, KVM_CREATE_GUEST_MEMFD and
 * KVM_SET_USER_MEMORY_REGION2. Where the capability is missing the flag is refused
 * (mem_slot/arguments proves that).
 *
 * How it is seen: requests to create and to bind a file differ from a good one in a
 * single field, and after each refusal neither the slot nor the binding may be
 * there. Then guest and host write different marks, and each looks for the other's
 * in the file's mapping and at the slot's user address, of which only one may have
 * them. A file that user space can reach though it may not shows by a success.
 *
 * Over 300 lines: files, bindings and slots refer to each other in each line.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compat.h"
#include "slot/deviation.h"
#include "guest/worker.h"
#include "slot/backing.h"
#include "slot/region.h"
#include "case/report.h"

#define SLOT 9
#define OTHER_SLOT 10
#define HERE 0x40000000UL
#define THERE 0x48000000UL
#define UNITS 8 /* of a file, and of ordinary memory */

static struct worker worker;
static uint64_t unit, page, defined; /* the last: flags of a file */
static uint8_t *memory;

static struct outcome create(uint64_t size, uint64_t flags)
{
	return region_memfd(worker.vm->fd, size, flags);
}

/* A file of UNITS units */
static int new_file(uint64_t flags)
{
	struct outcome o = create(UNITS * unit, flags);

	TEST_ASSERT(o.ret >= 0, "KVM_CREATE_GUEST_MEMFD, errno %d", o.err);
	return o.ret;
}

static struct region bind(int file, uint64_t offset, uint64_t size)
{
	return (struct region){ .slot = SLOT,
				.flags = KVM_MEM_GUEST_MEMFD,
				.gpa = HERE,
				.size = size,
				.user = (uintptr_t)memory,
				.memfd = (uint32_t)file,
				.memfd_offset = offset };
}

static struct outcome drop(uint32_t slot)
{
	struct region gone = { .slot = slot, .gpa = HERE, .user = (uintptr_t)memory };

	return region_set(worker.vm->fd, true, &gone);
}

static void set(struct region r)
{
	struct outcome o = region_set(worker.vm->fd, true, &r);

	TEST_ASSERT(o.ret == 0, "slot %u, errno %d", r.slot, o.err);
}

/* One case; a slot is there afterwards if the request is to succeed, and is taken away */
static void expect(struct outcome expected, struct region r, const char *state)
{
	bool right = region_case(worker.vm->fd, true, &r, expected, state);
	bool there = drop(r.slot).ret == 0;
	char text[REGION_TEXT];

	if (right && there != (expected.ret == 0))
		report_fail(&(struct finding){ .state = state,
					       .request = region_text(&r, text),
					       .expected = there ? "no slot" : "a slot",
					       .observed = there ? "a slot" : "no slot",
					       .offset = -1 });
}

/* One case: is the file as large as it was made? */
static void has_size(int file, uint64_t size, const char *request)
{
	struct stat status;

	if (report_case() && (fstat(file, &status) || (uint64_t)status.st_size != size))
		report_fail(&(struct finding){ .request = request,
					       .expected = "the size as it was made",
					       .observed = "another size",
					       .offset = -1 });
}

static void created_with(struct outcome expected, uint64_t size, uint64_t flags)
{
	struct outcome o = create(size, flags);
	char request[80];

	snprintf(request, sizeof(request), "KVM_CREATE_GUEST_MEMFD size %#llx flags %#llx",
		 (unsigned long long)size, (unsigned long long)flags);
	if (o.ret < 0) {
		report_outcome(expected, o, request);
		return;
	}
	if (report_outcome(expected, outcome_success(), request))
		has_size(o.ret, size, request);
	close(o.ret);
}

static void created(void)
{
	const uint64_t sizes[] = { page, 3 * page, unit, UNITS * unit, 1UL << 40 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (uint64_t flags = defined;; flags = (flags - 1) & defined) {
			created_with(outcome_success(), sizes[i], flags);
			if (!flags)
				break;
		}
	for (unsigned int bit = 0; bit < 64; bit++)
		if (!(defined >> bit & 1)) {
			created_with(outcome_refused(), page, 1UL << bit);
			created_with(outcome_refused(), page, defined | 1UL << bit);
		}
}

static void odd_sizes(void)
{
	const uint64_t sizes[] = { 0, 1, page - 1, page + 1, UNITS * unit + 8, 1UL << 63, -page };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		created_with(outcome_refused(), sizes[i], 0);
}

/* mmap() as an outcome: what was mapped is unmapped again */
static struct outcome mapped(int file, int sharing)
{
	void *at = mmap(NULL, page, PROT_READ | PROT_WRITE, sharing, file, 0);

	if (at == MAP_FAILED)
		return outcome_of(-1);
	munmap(at, page);
	return outcome_success();
}

static struct outcome done(ssize_t ret)
{
	return ret < 0 ? outcome_of(-1) : outcome_success();
}

static void fallocates(int file)
{
	const int keep = FALLOC_FL_KEEP_SIZE, hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	const uint64_t end = UNITS * unit;
	const struct {
		int mode;
		uint64_t offset, length;
		bool good;
		const char *request;
	} calls[] = {
		{ keep, 0, end, true, "fallocate() of the whole file" },
		{ keep, page, page, true, "fallocate() of a page" },
		{ keep, end, page, false, "fallocate() behind the end" },
		{ keep, end - page, 2 * page, false, "fallocate() across the end" },
		{ keep, 1, page, false, "fallocate() within a page" },
		{ keep, 0, page - 1, false, "fallocate() of less than a page" },
		{ 0, 0, page, false, "fallocate() that may resize, inside" },
		{ 0, end, page, false, "fallocate() that resizes" },
		{ hole, page, page, true, "a hole of a page" },
		{ hole, 0, end, true, "a hole that is the file" },
		{ hole, 1, page, false, "a hole that begins within a page" },
		{ hole, page, page / 2, false, "a hole of half a page" },
		{ hole, page / 2, page / 2, false, "a hole of the second half of a page" },
		{ hole, 0, page + 1, false, "a hole that ends within a page" },
		{ hole, end, page, true, "a hole behind the end" },
		{ hole, end - page, 4 * page, true, "a hole across the end" },
		{ FALLOC_FL_ZERO_RANGE | keep, 0, page, false, "fallocate() that zeroes" },
		{ FALLOC_FL_COLLAPSE_RANGE, 0, page, false, "fallocate() that collapses" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		report_outcome(calls[i].good ? outcome_success() : outcome_refused(),
			       done(fallocate(file, calls[i].mode, (off_t)calls[i].offset,
					      (off_t)calls[i].length)),
			       calls[i].request);
}

static void closed_file(uint64_t flags)
{
	static const off_t lengths[] = { 0, 1, 4096, 1L << 40 };
	int file = new_file(flags);
	char bytes[16] = { 0 };

	report_outcome(outcome_refused(), done(read(file, bytes, sizeof(bytes))), "read()");
	report_outcome(outcome_refused(), done(pread(file, bytes, 1, 0)), "pread()");
	report_outcome(outcome_refused(), done(write(file, bytes, sizeof(bytes))), "write()");
	report_outcome(outcome_refused(), done(pwrite(file, bytes, 1, 8)), "pwrite()");
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		report_outcome(outcome_refused(), done(ftruncate(file, lengths[i])), "ftruncate()");
	fallocates(file);
	report_outcome(flags & GUEST_MEMFD_FLAG_MMAP ? outcome_success() : outcome_refused(),
		       mapped(file, MAP_SHARED), "mmap(), shared");
	if (!(flags & GUEST_MEMFD_FLAG_MMAP))
		report_outcome(outcome_refused(), mapped(file, MAP_PRIVATE), "mmap(), private");
	has_size(file, UNITS * unit, "fstat() after all this");
	close(file);
}

static void closed_to_user_space(void)
{
	report_deciding("MEMFD-02 MEMFD-07");
	for (uint64_t flags = defined;; flags = (flags - 1) & defined) {
		closed_file(flags);
		if (!flags)
			break;
	}
}

static void files(void)
{
	struct kvm_vm *vm = vm_create_barebones();
	struct outcome others = region_memfd(vm->fd, UNITS * unit, 0);
	int good = new_file(0), null = open("/dev/null", O_RDWR), gone = dup(null);
	int ordinary = memfd_create("ordinary", 0);

	report_deciding("MEMFD-03");
	TEST_ASSERT(ordinary >= 0 && !ftruncate(ordinary, (off_t)(UNITS * unit)), "memfd_create");
	close(gone);
	expect(outcome_success(), bind(good, 0, unit), "a file of this VM");
	expect(outcome_refused(), bind(-1, 0, unit), "no file");
	expect(outcome_refused(), bind(gone, 0, unit), "a file that is closed");
	expect(outcome_refused(), bind(null, 0, unit), "a device");
	expect(outcome_refused(), bind(ordinary, 0, unit), "an ordinary memfd");
	expect(outcome_refused(), bind(worker.vm->fd, 0, unit), "the VM itself");
	if (others.ret >= 0) {
		expect(outcome_refused(), bind(others.ret, 0, unit), "a file of another VM");
		close(others.ret);
	}
	expect(outcome_success(), bind(good, 0, unit), "the good one again");
	close(good);
	close(null);
	close(ordinary);
	kvm_vm_free(vm);
}

static void bounds(void)
{
	const uint64_t end = UNITS * unit;
	const struct {
		uint64_t offset, size;
		bool good;
	} ranges[] = {
		{ 0, unit, true },
		{ 0, end, true },
		{ page, unit, true },
		{ unit, end - unit, true },
		{ end - unit, unit, true },
		{ 1, unit, false },
		{ page / 2, unit, false },
		{ page - 1, unit, false },
		{ end - unit + page, unit, false },
		{ end - unit, 2 * unit, false },
		{ end, unit, false },
		{ 0, end + unit, false },
		{ page, end, false },
		{ -unit, unit, false },
		{ -unit, 2 * unit, false },
		{ 1UL << 63, unit, false },
	};
	int file = new_file(0);

	report_deciding("MEMFD-03");
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		expect(ranges[i].good ? outcome_success() : outcome_refused(),
		       bind(file, ranges[i].offset, ranges[i].size),
		       ranges[i].good ? "within the file" : "not whole pages of the file");
	close(file);
}

static void user_addresses(void)
{
	uint8_t *unmapped = region_memory(UNITS * unit);
	int file = new_file(0);
	struct region r = bind(file, 0, unit);

	report_deciding("MEMFD-05");
	TEST_ASSERT(!munmap(unmapped, UNITS * unit), "munmap");
	r.user = (uintptr_t)unmapped;
	expect(outcome_success(), r, "a legal address where nothing is mapped");
	r.user = (uintptr_t)memory + 1;
	expect(outcome_refused(), r, "an address within a page");
	r.user = 1UL << 63;
	region_case_user(worker.vm->fd, true, r, "an address that no process has");
	close(file);
}

/* Observed: what a slot with a guest_memfd cannot have, and that it stays as it is */
static void limits(void)
{
	int file = new_file(0);
	struct region r = bind(file, 0, 2 * unit), changed;
	const char *text = "KVM_SET_USER_MEMORY_REGION with KVM_MEM_GUEST_MEMFD";

	report_outcome(outcome_refused(), region_set(worker.vm->fd, false, &r), text);
	changed = r;
	changed.flags |= KVM_MEM_LOG_DIRTY_PAGES;
	expect(outcome_refused(), changed, "with a dirty log");
	changed.flags = KVM_MEM_GUEST_MEMFD | KVM_MEM_READONLY;
	expect(outcome_refused(), changed, "read-only");
	set(r);
	region_case(worker.vm->fd, true, &r, outcome_refused(), "the identical request");
	changed = r;
	changed.gpa = THERE;
	region_case(worker.vm->fd, true, &changed, outcome_refused(), "moved");
	changed = r;
	changed.memfd_offset = 2 * unit;
	region_case(worker.vm->fd, true, &changed, outcome_refused(), "another offset");
	changed = bind(file, 0, unit);
	region_case(worker.vm->fd, true, &changed, outcome_refused(), "made smaller");
	changed = r;
	changed.flags = 0;
	region_case(worker.vm->fd, true, &changed, outcome_refused(), "without the file");
	report_outcome(outcome_success(), drop(SLOT), "deleted");
	set(changed);
	region_case(worker.vm->fd, true, &r, outcome_refused(), "a slot without file gets one");
	report_outcome(outcome_success(), drop(SLOT), "deleted");
	expect(outcome_success(), r, "nothing of the file is bound");
	close(file);
}

static void bound_once(void)
{
	const struct {
		uint64_t offset, size;
		const char *what;
		bool free;
	} ranges[] = {
		{ 2 * unit, 2 * unit, "equal", false },
		{ 2 * unit, unit, "its first half", false },
		{ 3 * unit, unit, "its second half", false },
		{ unit, 4 * unit, "around it", false },
		{ unit, 2 * unit, "its left part", false },
		{ 3 * unit, 2 * unit, "its right part", false },
		{ 0, UNITS * unit, "the whole file", false },
		{ unit + page, unit, "by one page on the left", false },
		{ 4 * unit - page, unit, "by one page on the right", false },
		{ 0, 2 * unit, "adjacent on the left", true },
		{ 4 * unit, 2 * unit, "adjacent on the right", true },
		{ 7 * unit, unit, "far away", true },
	};
	int file = new_file(0), second = new_file(0);
	struct region r;

	report_deciding("MEMFD-04 SLOT-17");
	set(bind(file, 2 * unit, 2 * unit));
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		r = bind(file, ranges[i].offset, ranges[i].size);
		r.slot = OTHER_SLOT;
		r.gpa = THERE;
		expect(ranges[i].free ? outcome_success() : outcome_refused(), r, ranges[i].what);
	}
	r = bind(second, 2 * unit, 2 * unit);
	r.slot = OTHER_SLOT;
	r.gpa = THERE;
	expect(outcome_success(), r, "the same range of another file");
	r = bind(file, 6 * unit, unit);
	r.slot = OTHER_SLOT;
	expect(outcome_error(EEXIST), r, "onto the other slot");
	r.gpa = THERE;
	expect(outcome_success(), r, "the refusal has bound nothing");
	drop(SLOT);
	r = bind(file, 2 * unit, 2 * unit);
	r.slot = OTHER_SLOT;
	expect(outcome_success(), r, "the range of a slot that is deleted");
	close(file);
	close(second);
}

/* Marks at the first, a middle and the last 8 bytes of two units */
static const unsigned int places = 3;

static uint64_t place(unsigned int i)
{
	return i == 0 ? 0 : i == 1 ? unit + 0x128 : 2 * unit - 8;
}

static void host_writes(uint8_t *at, uint64_t mark)
{
	for (unsigned int i = 0; i < places; i++)
		*(volatile uint64_t *)(at + place(i)) = mark + i;
}

static void guest_writes(uint64_t gpa, uint64_t mark)
{
	for (unsigned int i = 0; i < places; i++)
		worker_write(&worker, gpa + place(i), mark + i);
}

static void found(const char *who, unsigned int i, uint64_t is, uint64_t to_be)
{
	char expected[40], observed[40], state[80];

	if (!report_case() || is == to_be)
		return;
	snprintf(state, sizeof(state), "%s, offset %#llx", who, (unsigned long long)place(i));
	snprintf(expected, sizeof(expected), "%#llx", (unsigned long long)to_be);
	snprintf(observed, sizeof(observed), "%#llx", (unsigned long long)is);
	report_fail(&(struct finding){
		.state = state, .expected = expected, .observed = observed, .offset = -1 });
}

/* @mark 0: all places are zero */
static void host_finds(const char *who, const uint8_t *at, uint64_t mark)
{
	for (unsigned int i = 0; i < places; i++)
		found(who, i, *(const volatile uint64_t *)(at + place(i)), mark ? mark + i : 0);
}

static void guest_finds(const char *who, uint64_t gpa, uint64_t mark)
{
	for (unsigned int i = 0; i < places; i++)
		found(who, i, worker_read(&worker, gpa + place(i)), mark ? mark + i : 0);
}

static void shared_at_first(void)
{
	int file = new_file(0);

	set(bind(file, 0, 2 * unit));
	host_writes(memory, 0x1000);
	guest_finds("the guest, written by the host", HERE, 0x1000);
	guest_writes(HERE, 0x1100);
	host_finds("the host, written by the guest", memory, 0x1100);
	drop(SLOT);
	close(file);
}

/* Does a guest that should reach the file reach what the host wrote to the user address? */
static bool strays(uint64_t mark)
{
	bool stray = false;

	for (unsigned int i = 0; i < places; i++)
		stray |= worker_read(&worker, HERE + place(i)) == mark + i;
	if (!stray || !deviation_of_memfd())
		return false;
	if (report_case())
		report_deviation(deviation_of_memfd());
	return true;
}

static bool files_have(uint64_t flags)
{
	if ((defined & flags) == flags)
		return true;
	report_skip(SKIP_CAPABILITY, "needs KVM_CAP_GUEST_MEMFD_FLAGS with %#llx",
		    (unsigned long long)flags);
	return false;
}

static uint8_t *map_file(int file)
{
	uint8_t *at = mmap(NULL, UNITS * unit, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	TEST_ASSERT(at != MAP_FAILED, "mmap of a guest_memfd");
	return at;
}

static void punch(int file, uint64_t offset, uint64_t size)
{
	TEST_ASSERT(!fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
			       (off_t)size),
		    "punch a hole");
}

/* Two slots, at HERE and THERE, of whose files user space sees @first and @second */
static void seen_in_both(uint8_t *first, uint8_t *second)
{
	guest_finds("a new file", HERE, 0);
	host_writes(first, 0x2100);
	host_writes(second, 0x2200);
	guest_finds("the guest, the first slot", HERE, 0x2100);
	guest_finds("the guest, the second slot", THERE, 0x2200);
	guest_writes(HERE, 0x2300);
	host_finds("the file, behind the first slot", first, 0x2300);
	host_finds("the file, behind the second slot", second, 0x2200);
	host_finds("the user address", memory, 0x2000);
}

static void punched_and_bound_again(int file, struct region first, uint8_t *map)
{
	punch(file, first.memfd_offset, first.size);
	guest_finds("the guest, after a hole was punched", HERE, 0);
	host_finds("the file, after a hole was punched", map, 0);
	guest_finds("the guest, beside the hole", THERE, 0x2200);
	guest_writes(HERE, 0x2400);
	drop(SLOT);
	host_finds("the file, its slot deleted", map, 0x2400);
	set(first);
	guest_finds("the guest, the slot added again", HERE, 0x2400);
}

/* The ranges of the two slots lie the other way round in the file */
static void from_the_file(void)
{
	const uint64_t flags = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;
	struct region first, second;
	uint8_t *map;
	int file;

	if (!files_have(flags))
		return;
	report_deciding("MEMFD-07 MEMFD-02");
	file = new_file(flags);
	map = map_file(file);
	first = bind(file, 3 * unit, 2 * unit);
	second = bind(file, 1 * unit, 2 * unit);
	second.slot = OTHER_SLOT;
	second.gpa = THERE;
	set(first);
	set(second);
	host_writes(memory, 0x2000);
	if (!strays(0x2000)) {
		seen_in_both(map + 3 * unit, map + 1 * unit);
		punched_and_bound_again(file, first, map + 3 * unit);
	}
	drop(SLOT);
	drop(OTHER_SLOT);
	munmap(map, UNITS * unit);
	close(file);
}

/* What a system call makes of memory that cannot be reached */
static struct outcome copied(uint8_t *at, bool write_to)
{
	char bytes[8] = { 0 };
	int ends[2];
	struct outcome o;

	TEST_ASSERT(!pipe(ends) && write(ends[1], bytes, sizeof(bytes)) == sizeof(bytes), "pipe");
	o = done(write_to ? read(ends[0], at, 8) : write(ends[1], at, 8));
	close(ends[0]);
	close(ends[1]);
	return o;
}

static void host_cannot_reach(uint8_t *map)
{
	for (unsigned int i = 0; i < places; i++) {
		report_outcome(outcome_error(EFAULT), copied(map + place(i), false),
			       "the host reads private memory");
		report_outcome(outcome_error(EFAULT), copied(map + place(i), true),
			       "the host writes private memory");
	}
}

static void private_at_first(void)
{
	uint8_t *map;
	int file;

	if (!files_have(GUEST_MEMFD_FLAG_MMAP))
		return;
	file = new_file(GUEST_MEMFD_FLAG_MMAP);
	map = map_file(file);
	set(bind(file, 0, 2 * unit));
	host_writes(memory, 0x3000);
	host_cannot_reach(map);
	if (!strays(0x3000)) {
		guest_finds("the guest, a new file", HERE, 0);
		guest_writes(HERE, 0x3100);
		host_cannot_reach(map);
		guest_finds("the guest", HERE, 0x3100);
		host_finds("the user address", memory, 0x3000);
	}
	drop(SLOT);
	munmap(map, UNITS * unit);
	close(file);
}

static const struct line lines[] = {
	{ "a file is made, with every set of defined flags, and no other", "MEMFD-01", created },
	{ "files have whole pages (observed)", "MEMFD-09", odd_sizes },
	{ "user space can neither read, write, resize nor map a file", "MEMFD-02 MEMFD-07",
	  closed_to_user_space },
	{ "only a file of this VM can be bound", "MEMFD-03", files },
	{ "only a range of whole pages in the file can be bound", "MEMFD-03", bounds },
	{ "the user address has to be legal, not to be mapped", "MEMFD-05", user_addresses },
	{ "a range is bound once, disjoint ones to several slots", "MEMFD-04 SLOT-17", bound_once },
	{ "no dirty log, not read-only, never changed (observed)", "MEMFD-09", limits },
	{ "memory is shared at first: the guest reaches the user address", "MEMFD-06",
	  shared_at_first },
	{ "what can be mapped is the guest's memory, shared or not", "MEMFD-07 MEMFD-02",
	  from_the_file },
	{ "private memory cannot be reached through a mapping", "MEMFD-08", private_at_first },
};

int main(int argc, char **argv)
{
	const char *why;
	int flags, status;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	report_need(region_has_second(), SKIP_CAPABILITY,
		    "KVM_SET_USER_MEMORY_REGION2 (in KSRC's headers too)");
	worker_create(&worker);
	report_need(vm_check_cap(worker.vm, KVM_CAP_GUEST_MEMFD) > 0, SKIP_CAPABILITY,
		    "KVM_CAP_GUEST_MEMFD");
	flags = vm_check_cap(worker.vm, KVM_CAP_GUEST_MEMFD_FLAGS);
	defined = flags > 0 ? (uint64_t)flags : 0;
	unit = compat_slot_unit();
	page = (uint64_t)getpagesize();
	memory = region_memory(UNITS * unit);
	worker_map(&worker, HERE, 2 * unit / page);
	worker_map(&worker, THERE, 2 * unit / page);
	status = report_run();
	worker_free(&worker);
	return status;
}
