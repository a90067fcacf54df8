// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that the process hands to MEM_OP: buffers and the request itself.
 *
 * A buffer that cannot be read or written in full is EFAULT, except where
 * CHECK_ONLY does not use it; the request is only read (docs/contract.md,
 * MEMOP-BUF, MEMOP-CHK-03). A write whose buffer fails stores nothing.
 *
 * How it is seen: buffers end at pages that are unmapped, unreadable or
 * read-only, begin in them, or cross into good ones, for sizes from a byte to the
 * largest; a second mapping of the same memory shows what became of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "case/bytes.h"
#include "s390x/bench.h"
#include "case/report.h"
#include "s390x/trial.h"

#define PLACE 0x110000UL
#define HALF (1UL << 17) /* bytes of good memory, and of what follows */

static const uint64_t slots[] = { 0, 0x100000 };
static const uint32_t ops[] = {
	KVM_S390_MEMOP_LOGICAL_READ,
	KVM_S390_MEMOP_LOGICAL_WRITE,
	KVM_S390_MEMOP_ABSOLUTE_READ,
	KVM_S390_MEMOP_ABSOLUTE_WRITE,
};

static struct arena *arena;
static uint32_t max;

/* Memory whose second half has another protection, and all of it once more, writable */
struct memory {
	uint8_t *user, *alias;
};

static struct memory map_memory(int protection)
{
	int fd = memfd_create("buffer", MFD_CLOEXEC);
	struct memory m;

	TEST_ASSERT(fd >= 0 && !ftruncate(fd, 2 * HALF), "memfd");
	m.user = mmap(NULL, 2 * HALF, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	m.alias = mmap(NULL, 2 * HALF, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	TEST_ASSERT(m.user != MAP_FAILED && m.alias != MAP_FAILED, "mmap");
	if (protection < 0)
		munmap(m.user + HALF, HALF);
	else
		TEST_ASSERT(!mprotect(m.user + HALF, HALF, protection), "mprotect");
	close(fd);
	return m;
}

static void unmap_memory(struct memory m)
{
	munmap(m.user, 2 * HALF);
	munmap(m.alias, 2 * HALF);
}

static bool is_logical(uint32_t op)
{
	return op <= KVM_S390_MEMOP_LOGICAL_WRITE;
}

static bool is_write(uint32_t op)
{
	return op == KVM_S390_MEMOP_LOGICAL_WRITE || op == KVM_S390_MEMOP_ABSOLUTE_WRITE;
}

/* What @size bytes in this memory are to hold after @t */
static bool buffer_is_right(const struct trial *t, const uint8_t *alias, const uint8_t *before)
{
	bool filled = !is_write(t->request.op.op) && t->outcome.ret == 0 &&
		      !(t->request.op.flags & KVM_S390_MEMOP_F_CHECK_ONLY);
	const uint8_t *expected = filled ? arena_rest(arena, PLACE, false) : before;
	long d = bytes_differ(alias, expected, t->request.op.size);

	/* A read that cannot fill all of it may fill a part */
	if (d < 0 || (!filled && !is_write(t->request.op.op) && t->outcome.err == EFAULT))
		return true;
	trial_fail(t, filled ? "the buffer holds the guest's bytes" : "the buffer is left alone",
		   "another byte", d);
	return false;
}

/* A buffer of @size bytes of which the first @good lie in the first half */
static void buffer(struct memory m, int protection, uint32_t size, uint32_t good)
{
	uint8_t *alias = m.alias + HALF - good;
	const uint8_t *before = arena_rest(arena, PLACE, true);
	bool second = size > good;

	for (size_t o = 0; o < ARRAY_SIZE(ops); o++)
		for (unsigned int check = 0; check < 2; check++) {
			struct trial t = {
				.arena = arena,
				.buf_given = true,
				.request.on_vcpu = is_logical(ops[o]),
				.request.op = {
					.op = ops[o],
					.gaddr = PLACE,
					.size = size,
					.buf = (uintptr_t)(m.user + HALF - good),
					.flags = check ? KVM_S390_MEMOP_F_CHECK_ONLY : 0,
				},
				.area.readable = second && (protection < 0 || !(protection & PROT_READ)) ?
							 good : size,
				.area.writable = second && (protection < 0 || !(protection & PROT_WRITE)) ?
							 good : size,
			};

			bytes_copy(alias, before, size);
			if (trial_run(&t))
				buffer_is_right(&t, alias, before);
		}
}

static void every_part(int protection)
{
	const uint32_t sizes[] = { 1, 2, 16, 4096, 4097, 8192, 12289, max };
	struct memory m = map_memory(protection);

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const uint32_t parts[] = { 0, 1, sizes[i] / 2, sizes[i] - 1, sizes[i] };

		for (size_t k = 0; k < ARRAY_SIZE(parts); k++)
			if (parts[k] <= sizes[i] && (!k || parts[k] > parts[k - 1]))
				buffer(m, protection, sizes[i], parts[k]);
	}
	unmap_memory(m);
}

static void unmapped(void)
{
	every_part(-1);
}

static void no_access(void)
{
	every_part(PROT_NONE);
}

static void read_only(void)
{
	every_part(PROT_READ);
}

static void all_good(void)
{
	every_part(PROT_READ | PROT_WRITE);
}

/* NULL, and addresses that no process has */
static void no_buffer(void)
{
	static const uint64_t addresses[] = { 0, 8, -4096UL, -1UL, 1UL << 63, 1UL << 56 };
	const uint32_t sizes[] = { 1, 4096, max };

	for (size_t a = 0; a < ARRAY_SIZE(addresses); a++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			for (size_t o = 0; o < ARRAY_SIZE(ops); o++)
				for (unsigned int check = 0; check < 2; check++) {
					struct trial t = {
						.arena = arena,
						.buf_given = true,
						.request.on_vcpu = is_logical(ops[o]),
						.request.op = {
							.op = ops[o],
							.gaddr = PLACE,
							.size = sizes[i],
							.buf = addresses[a],
							.flags = check ? KVM_S390_MEMOP_F_CHECK_ONLY : 0,
						},
					};

					trial_run(&t);
				}
}

/* A bad buffer and a bad address, or a denied key: either may be found first */
static void two_errors(void)
{
	static const uint64_t places[] = { PLACE, 0x1ff000, 0x1fffff, 0x200000, -8UL };
	struct memory m = map_memory(-1);

	arena_key(arena, PLACE, 1, 0x58);
	for (size_t p = 0; p < ARRAY_SIZE(places); p++)
		for (size_t o = 0; o < ARRAY_SIZE(ops); o++)
			for (uint8_t key = 0; key < 16; key += 5) {
				struct trial t = {
					.arena = arena,
					.buf_given = true,
					.request.on_vcpu = is_logical(ops[o]),
					.request.op = {
						.op = ops[o],
						.gaddr = places[p],
						.size = 16,
						.buf = (uintptr_t)(m.user + HALF - 8),
						.flags = KVM_S390_MEMOP_F_SKEY_PROTECTION,
						.key = key,
					},
					.area = { 8, 8 },
				};

				bytes_copy(m.alias + HALF - 8, bytes_inverted(1), 8);
				trial_run(&t);
			}
	arena_key(arena, PLACE, 1, 0);
	unmap_memory(m);
}

static void request_at(const void *at, int fd, struct outcome expected, const char *where)
{
	report_outcome(expected, outcome_of(ioctl(fd, KVM_S390_MEM_OP, at)), where);
}

/* A request of which the last bytes lie behind the border of two halves */
static void request_across(int protection, struct outcome behind)
{
	struct memory m = map_memory(protection);
	struct kvm_s390_mem_op op = { .gaddr = PLACE, .size = 8, .buf = (uintptr_t)m.alias };

	for (size_t part = 0; part <= sizeof(op); part++) {
		struct outcome expected = part == sizeof(op) ? outcome_success() : behind;

		op.op = KVM_S390_MEMOP_LOGICAL_READ;
		memcpy(m.alias + HALF - part, &op, sizeof(op));
		request_at(m.user + HALF - part, arena->vcpu->fd, expected,
			   "a request to the vCPU");
		if (!arena->state.extension)
			continue;
		op.op = KVM_S390_MEMOP_ABSOLUTE_READ;
		memcpy(m.alias + HALF - part, &op, sizeof(op));
		request_at(m.user + HALF - part, arena->vm->fd, expected, "a request to the VM");
	}
	unmap_memory(m);
}

static void request_memory(void)
{
	static const uint64_t nowhere[] = { 0, -4096UL, -1UL, 1UL << 63 };

	request_across(-1, outcome_error(EFAULT));
	request_across(PROT_NONE, outcome_error(EFAULT));
	request_across(PROT_READ, outcome_success());
	request_across(PROT_READ | PROT_WRITE, outcome_success());
	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++) {
		const void *at = (const void *)(uintptr_t)nowhere[i];

		request_at(at, arena->vm->fd, outcome_error(EFAULT),
			   "a request to the VM at no address");
		request_at(at, arena->vcpu->fd, outcome_error(EFAULT),
			   "a request to the vCPU at no address");
	}
}

#define BUFFERS "MEMOP-BUF-01 MEMOP-BUF-02 MEMOP-BUF-04 MEMOP-CHK-03"
#define READS "MEMOP-BUF-01 MEMOP-BUF-04 MEMOP-CHK-03"

static const struct line lines[] = {
	{ "a buffer whose end, or all of it, is not mapped", BUFFERS, unmapped },
	{ "a buffer whose end, or all of it, may not be accessed", BUFFERS, no_access },
	{ "a buffer whose end, or all of it, is read-only", READS, read_only },
	{ "a good buffer across the same border", "MEMOP-BUF-04", all_good },
	{ "NULL and impossible addresses: taken by CHECK_ONLY alone",
	  "MEMOP-BUF-01 MEMOP-BUF-02 MEMOP-CHK-03", no_buffer },
	{ "a bad buffer together with a denied or missing page", "MEMOP-ORDER-01 MEMOP-BUF-01",
	  two_errors },
	{ "the request itself: only read, EFAULT where it cannot be", "MEMOP-BUF-05",
	  request_memory },
};

static void take_size(void)
{
	max = (uint32_t)memop_max_size();
}

static const struct bench bench = {
	.need = MEMOP_KEYED,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
	.begin = take_size,
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
