// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest finds in its slots when they, or what backs them, change.
 *
 * docs/contract.md, SLOT-05, SLOT-08, SLOT-09; api.rst,
 * KVM_SET_USER_MEMORY_REGION: a slot may be moved; anonymous memory, files and
 * hugetlbfs may back it; with KVM_CAP_SYNC_MMU a change of the backing is seen by
 * the guest at once.
 *
 * How it is seen: guest and host write different marks to the first, a middle and
 * the last 8 bytes of a slot, and around each MiB, each reads the other's, the slot is changed, and
 * both read again. After a move nothing is at the old place.
 *
 * Over 300 lines: each kind of memory brings its set-up and its checks.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compat.h"
#include "guest/worker.h"
#include "slot/backing.h"
#include "slot/region.h"
#include "case/report.h"

#define SLOT 9
#define SIZE (3UL << 20) /* several segments of s390 */
#define MIB (1UL << 20)
#define HERE 0x40000000UL
#define THERE 0x48000000UL
#define LARGE (8UL << 30)

static struct worker worker;
/* First and last of the slot, both sides of the borders of its MiB, and one in the middle */
static const uint64_t places[] = {
	0, (1UL << 20) - 8, 1UL << 20, SIZE / 2 + 0x128, (2UL << 20) - 8, 2UL << 20, SIZE - 8
};

static struct region slot(uint64_t gpa, uint64_t size, const uint8_t *memory)
{
	return (struct region){ .slot = SLOT, .gpa = gpa, .size = size, .user = (uintptr_t)memory };
}

static void set(uint64_t gpa, uint64_t size, const uint8_t *memory)
{
	struct region r = slot(gpa, size, memory);
	struct outcome o = region_set(worker.vm->fd, false, &r);

	TEST_ASSERT(o.ret == 0, "slot at %#llx, errno %d", (unsigned long long)gpa, o.err);
}

static void differs(const char *state, uint64_t gpa, uint64_t is_to_be, uint64_t is)
{
	char where[80], expected[40], observed[40];

	snprintf(where, sizeof(where), "%s, guest address %#llx", state, (unsigned long long)gpa);
	snprintf(expected, sizeof(expected), "%#llx", (unsigned long long)is_to_be);
	snprintf(observed, sizeof(observed), "%#llx", (unsigned long long)is);
	report_fail(&(struct finding){
		.state = where, .expected = expected, .observed = observed, .offset = -1 });
}

/* The guest finds @value at each place of the slot at @gpa, and a host that writes is seen */
static void guest_finds(const char *state, uint64_t gpa, uint64_t value)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		uint64_t found;

		if (!report_case())
			continue;
		found = worker_read(&worker, gpa + places[i]);
		if (found != value + i)
			differs(state, gpa + places[i], value + i, found);
	}
}

static void host_writes(uint8_t *memory, uint64_t value)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		*(volatile uint64_t *)(memory + places[i]) = value + i;
}

static void guest_writes(uint64_t gpa, uint64_t value)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		worker_write(&worker, gpa + places[i], value + i);
}

static void host_finds(const char *state, const uint8_t *memory, uint64_t value)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		uint64_t found = *(const volatile uint64_t *)(memory + places[i]);

		if (report_case() && found != value + i)
			differs(state, places[i], value + i, found);
	}
}

/* Both ways */
static void shared(const char *state, uint64_t gpa, uint8_t *memory)
{
	static uint64_t mark = 0x1000000000000;

	mark += 0x10000;
	host_writes(memory, mark);
	guest_finds(state, gpa, mark);
	guest_writes(gpa, mark + 0x100);
	host_finds(state, memory, mark + 0x100);
}

static void no_memory(const char *state, uint64_t gpa)
{
	if (report_case() && worker_finds_memory(&worker, gpa))
		differs(state, gpa, 0, 1);
}

static void nothing_at(const char *state, uint64_t gpa)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		no_memory(state, gpa + places[i]);
}

static void move(void)
{
	uint8_t *memory = region_memory(SIZE);

	set(HERE, SIZE, memory);
	shared("before the move", HERE, memory);
	guest_writes(HERE, 0x5000);
	for (int round = 0; round < 4; round++) {
		uint64_t to = round & 1 ? HERE : THERE, from = round & 1 ? THERE : HERE;

		set(to, SIZE, memory);
		guest_finds("moved", to, 0x5000);
		host_finds("moved", memory, 0x5000);
		nothing_at("where it was", from);
	}
	shared("moved four times", HERE, memory);
	guest_writes(HERE, 0x5100);
	set(HERE + MIB, SIZE, memory);
	guest_finds("moved over itself, up", HERE + MIB, 0x5100);
	no_memory("moved over itself, up", HERE);
	set(HERE, SIZE, memory);
	guest_finds("moved over itself, down", HERE, 0x5100);
	no_memory("moved over itself, down", HERE + SIZE);
	set(HERE, 0, memory);
	nothing_at("deleted", HERE);
}

/* Deleted and added again, elsewhere too: nothing of it stays in any of its MiB */
static void add_again(void)
{
	uint8_t *memory = region_memory(SIZE), *other = region_memory(SIZE);

	set(HERE, SIZE, memory);
	guest_writes(HERE, 0x6000);
	set(HERE, 0, memory);
	host_finds("deleted", memory, 0x6000);
	nothing_at("deleted", HERE);
	host_writes(memory, 0x6100);
	set(HERE, SIZE, memory);
	guest_finds("added again", HERE, 0x6100);
	set(HERE, 0, memory);
	host_writes(other, 0x6200);
	set(HERE, SIZE, other);
	guest_finds("added with other memory", HERE, 0x6200);
	guest_writes(HERE, 0x6300);
	host_finds("the memory that it had before", memory, 0x6100);
	host_finds("the memory that it has", other, 0x6300);
	set(HERE, 0, other);
}

static void flag_change(void)
{
	uint8_t *memory = region_memory(SIZE);
	struct region r = slot(HERE, SIZE, memory);

	set(HERE, SIZE, memory);
	guest_writes(HERE, 0x7000);
	for (int round = 0; round < 4; round++) {
		r.flags ^= KVM_MEM_LOG_DIRTY_PAGES;
		region_case(worker.vm->fd, false, &r, outcome_success(), "other flags");
		guest_finds("other flags", HERE, 0x7000);
	}
	shared("flags changed four times", HERE, memory);
	set(HERE, 0, memory);
}

static bool follows_backing(void)
{
	if (kvm_check_cap(KVM_CAP_SYNC_MMU) > 0)
		return true;
	report_skip(SKIP_CAPABILITY, "needs KVM_CAP_SYNC_MMU");
	return false;
}

/* mmap() over the memory, madvise() that drops it, mprotect() that takes it away and back */
static void backing_changes(void)
{
	uint8_t *memory = region_memory(SIZE);

	if (!follows_backing())
		return;
	set(HERE, SIZE, memory);
	guest_writes(HERE, 0x8000);
	for (int round = 0; round < 3; round++) {
		TEST_ASSERT(mmap(memory, SIZE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory,
			    "mmap");
		host_writes(memory, 0x8100);
		guest_finds("other memory at the same address", HERE, 0x8100);
		guest_writes(HERE, 0x8200);
		TEST_ASSERT(!madvise(memory, SIZE, MADV_DONTNEED), "madvise");
		for (size_t i = 0; i < ARRAY_SIZE(places); i++)
			if (report_case() && worker_read(&worker, HERE + places[i]))
				differs("dropped", HERE + places[i], 0, 1);
		shared("dropped and written again", HERE, memory);
		TEST_ASSERT(!mprotect(memory, SIZE, PROT_READ), "mprotect");
		TEST_ASSERT(!mprotect(memory, SIZE, PROT_READ | PROT_WRITE), "mprotect");
		shared("protected and unprotected", HERE, memory);
	}
	set(HERE, 0, memory);
}

/* Pages of other files, moved in by mremap() */
static void moved_backing(void)
{
	uint8_t *memory = region_memory(SIZE), *other = region_memory(SIZE);

	if (!follows_backing())
		return;
	set(HERE, SIZE, memory);
	guest_writes(HERE, 0x9000);
	host_writes(other, 0x9100);
	if (mremap(other, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, memory) != memory)
		report_about("mremap() is refused here: nothing moved");
	else
		guest_finds("other pages moved in", HERE, 0x9100);
	set(HERE, 0, memory);
}

static void file_backing(void)
{
	char name[] = "/tmp/slot-XXXXXX";
	int fd = mkstemp(name);
	uint8_t *memory = region_memory(SIZE);
	uint64_t value;

	TEST_ASSERT(fd >= 0 && !ftruncate(fd, SIZE), "a file in /tmp");
	unlink(name);
	TEST_ASSERT(mmap(memory, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
			    memory,
		    "mmap of a file");
	set(HERE, SIZE, memory);
	shared("a file", HERE, memory);
	guest_writes(HERE, 0xa000);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (report_case() &&
		    (pread(fd, &value, 8, (off_t)places[i]) != 8 || value != 0xa000 + i))
			differs("read from the file", HERE + places[i], 0xa000 + i, value);
	value = 0xa100;
	TEST_ASSERT(pwrite(fd, &value, 8, (off_t)places[0]) == 8, "write to a file");
	if (report_case() && worker_read(&worker, HERE) != 0xa100)
		differs("written to the file", HERE, 0xa100, 0);
	set(HERE, 0, memory);
	close(fd);
}

static void map_both_places(void)
{
	worker_map(&worker, HERE, 2 * SIZE / (uint64_t)getpagesize());
	worker_map(&worker, THERE, 2 * SIZE / (uint64_t)getpagesize());
}

static void huge_backing(void)
{
	const size_t size = 4UL << 20; /* a multiple of the huge page of every architecture */
	uint8_t *memory = region_huge_memory(size);
	struct worker ordinary = worker;

	if (!memory) {
		report_skip(SKIP_RESOURCE, "needs huge pages, reserved or root (vm.nr_hugepages)");
		return;
	}
	if (worker_create_huge(&worker)) {
		map_both_places();
		set(HERE, size, memory);
		shared("huge pages", HERE, memory);
		guest_writes(HERE, 0xc000);
		set(THERE, size, memory);
		guest_finds("huge pages, moved", THERE, 0xc000);
		nothing_at("where they were", HERE);
		set(THERE, 0, memory);
		worker_free(&worker);
	} else {
		report_skip(SKIP_CAPABILITY,
			    "needs KVM_CAP_S390_HPAGE_1M (module parameter hpage=1)");
	}
	worker = ordinary;
	munmap(memory, size);
}

/* Two slots side by side, of memory that lies the other way round: nothing crosses over */
static void neighbours(void)
{
	uint8_t *memory = region_memory(2 * SIZE);
	struct region second = slot(HERE + SIZE, SIZE, memory);

	report_deciding("SLOT-03");
	set(HERE, SIZE, memory + SIZE);
	second.slot = SLOT + 1;
	region_case(worker.vm->fd, false, &second, outcome_success(), "the second slot");
	guest_writes(HERE, 0xb000);
	guest_writes(HERE + SIZE, 0xb100);
	host_finds("the first slot", memory + SIZE, 0xb000);
	host_finds("the second slot", memory, 0xb100);
	report_deciding("SLOT-04");
	second.size = 0;
	region_case(worker.vm->fd, false, &second, outcome_success(), "delete the second slot");
	nothing_at("the second slot, deleted", HERE + SIZE);
	guest_finds("the first slot stays", HERE, 0xb000);
	set(HERE, 0, memory);
}

/* Sizes that 32 bits do not hold, in memory of which few pages are touched */
static void beyond_4g(void)
{
	static const uint64_t sizes[] = { 4UL << 30, (4UL << 30) + 2 * MIB };
	static const uint64_t at[] = { 0,
				       MIB,
				       2 * MIB - 8,
				       2UL << 30,
				       (4UL << 30) - 8,
				       4UL << 30,
				       (4UL << 30) + 2 * MIB - 8 };

	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		if (!i || at[i] / MIB != at[i - 1] / MIB)
			worker_map(&worker, LARGE + at[i] / MIB * MIB,
				   MIB / (uint64_t)getpagesize());
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		uint8_t *memory = region_memory(sizes[s]);

		set(LARGE, sizes[s], memory);
		for (size_t i = 0; i < ARRAY_SIZE(at) && at[i] < sizes[s]; i++) {
			worker_write(&worker, LARGE + at[i], 0x7000 + i);
			if (report_case() && *(volatile uint64_t *)(memory + at[i]) != 0x7000 + i)
				differs("written by the guest", LARGE + at[i], 0x7000 + i,
					*(volatile uint64_t *)(memory + at[i]));
		}
		set(LARGE, 0, memory);
		for (size_t i = 0; i < ARRAY_SIZE(at); i++)
			no_memory("deleted, of 4 GiB or more", LARGE + at[i]);
		region_free_memory(memory, sizes[s]);
	}
}

static const struct line lines[] = {
	{ "a slot is moved, nothing is lost, nothing stays behind", "SLOT-05", move },
	{ "deleted and added again, with the same and with other memory", "SLOT-04", add_again },
	{ "flags are changed, nothing is lost", "SLOT-05", flag_change },
	{ "the backing is replaced, dropped, protected", "SLOT-09", backing_changes },
	{ "the backing is moved", "SLOT-09", moved_backing },
	{ "a file backs a slot", "SLOT-08", file_backing },
	{ "huge pages back a slot", "SLOT-08", huge_backing },
	{ "adjacent slots with memory of their own", "SLOT-03 SLOT-04", neighbours },
	{ "a slot of 4 GiB or more is deleted in all of it", "SLOT-04", beyond_4g },
};

static void begin(void)
{
	worker_create(&worker);
	map_both_places();
}

static void end(void)
{
	worker_free(&worker);
}

int main(int argc, char **argv)
{
	const char *why;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	report_around(begin, end);
	return report_run();
}
