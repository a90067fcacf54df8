// SPDX-License-Identifier: GPL-2.0-only
/*
 * MEM_OP and memory slots of a protected guest.
 *
 * docs/contract.md: logical and absolute accesses are refused, the secure
 * instruction data area (SIDA) is read and written, no slot can be set.
 *
 * How it is seen: KVM_PV_ENABLE makes the VM and its vCPU protected; no guest
 * image is needed for what is checked here. Pieces of the SIDA are read and written
 * between bytes that must stay, with guard bytes around the buffer; after each
 * refusal the SIDA is as it was.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "case/bytes.h"
#include "compat.h"
#include "s390x/memop.h"
#include "slot/region.h"
#include "case/report.h"
#include "s390x/trial.h"

#define PLACE 0x100000UL
#define SIDA_SIZE 4096U

static const uint64_t slots[] = { 0, PLACE };

static struct arena *arena;

static int pv_command(uint32_t command)
{
	struct kvm_pv_cmd cmd = { .cmd = command };

	return ioctl(arena->vm->fd, KVM_S390_PV_COMMAND, &cmd);
}

static void refused(void)
{
	static const uint32_t sizes[] = { 0, 1, 8, 16, 4096, 65536, 65537 };

	for (uint32_t op = 0; op <= KVM_S390_MEMOP_ABSOLUTE_CMPXCHG; op++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			for (uint64_t flags = 0; flags < 16; flags++)
				for (int on_vcpu = 0; on_vcpu < 2; on_vcpu++) {
					struct trial t = {
						.arena = arena,
						.request.on_vcpu = on_vcpu,
						.request.op = { .op = op,
								.gaddr = PLACE,
								.size = sizes[i],
								.flags = flags },
					};
					bool sida = op == KVM_S390_MEMOP_SIDA_READ ||
						    op == KVM_S390_MEMOP_SIDA_WRITE;

					if (!sida || !on_vcpu || flags || !sizes[i] ||
					    sizes[i] > SIDA_SIZE)
						trial_run(&t);
				}
}

static struct outcome sida(uint32_t op, const uint8_t *buf, uint32_t offset, uint32_t size)
{
	struct kvm_s390_mem_op request = { .op = op, .size = size, .buf = (uintptr_t)buf };

	request.sida_offset = offset;
	return memop(arena->vcpu->fd, &request);
}

#define PIECE_TEXT 80

static const char *piece_text(const char *request, uint32_t offset, uint32_t size, char *text)
{
	snprintf(text, PIECE_TEXT, "%s offset %u size %u", request, offset, size);
	return text;
}

/* The whole SIDA is put to rest: byte n is bytes_rest(n) */
static void rest(void)
{
	TEST_ASSERT(sida(KVM_S390_MEMOP_SIDA_WRITE, bytes_rest(0), 0, SIDA_SIZE).ret == 0,
		    "a write of the whole SIDA");
}

static void read_piece(uint8_t *buf, uint32_t offset, uint32_t size)
{
	uint8_t *at = buf + BYTES_GUARD;
	char text[PIECE_TEXT];

	piece_text("SIDA_READ", offset, size, text);
	bytes_copy(buf, bytes_inverted(offset), size + 2 * BYTES_GUARD);
	if (sida(KVM_S390_MEMOP_SIDA_READ, at, offset, size).ret)
		report_wrong(text, "success", "an error");
	report_same(at, bytes_rest(offset), size, text, "the bytes of the SIDA");
	report_same(buf, bytes_inverted(offset), BYTES_GUARD, text,
		    "bytes before the buffer are left alone");
	report_same(at + size, bytes_inverted(offset) + BYTES_GUARD + size, BYTES_GUARD, text,
		    "bytes after the buffer are left alone");
}

static void write_piece(uint8_t *buf, uint32_t offset, uint32_t size)
{
	const uint8_t *piece = bytes_inverted(offset);
	uint32_t end = offset + size;
	char text[PIECE_TEXT];

	piece_text("SIDA_WRITE", offset, size, text);
	if (sida(KVM_S390_MEMOP_SIDA_WRITE, piece, offset, size).ret)
		report_wrong(text, "success", "an error");
	TEST_ASSERT(sida(KVM_S390_MEMOP_SIDA_READ, buf, 0, SIDA_SIZE).ret == 0, "a read of all");
	report_same(buf + offset, piece, size, text, "the bytes of the buffer");
	report_same(buf, bytes_rest(0), offset, text, "bytes of the SIDA before them stay");
	report_same(buf + end, bytes_rest(end), SIDA_SIZE - end, text,
		    "bytes of the SIDA after them stay");
	rest();
}

static void pieces(void)
{
	static const uint32_t sizes[] = { 1, 2, 8, 255, 256, 2048, 4095, 4096 };
	uint8_t *buf = malloc(SIDA_SIZE + 2 * BYTES_GUARD);

	TEST_ASSERT(buf, "no memory");
	rest();
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (uint32_t offset = 0; offset + sizes[i] <= SIDA_SIZE; offset += 61) {
			if (report_case())
				read_piece(buf, offset, sizes[i]);
			if (report_case())
				write_piece(buf, offset, sizes[i]);
		}
	/* The last bytes */
	for (uint32_t size = 1; size <= 16; size++) {
		if (report_case())
			read_piece(buf, SIDA_SIZE - size, size);
		if (report_case())
			write_piece(buf, SIDA_SIZE - size, size);
	}
	free(buf);
}

/* One case: both operations are refused, and move nothing */
static void refused_sida(uint8_t *buf, uint32_t offset, uint32_t size)
{
	static const uint32_t ops[] = { KVM_S390_MEMOP_SIDA_READ, KVM_S390_MEMOP_SIDA_WRITE };

	char text[PIECE_TEXT];

	if (!report_case())
		return;
	piece_text("either operation", offset, size, text);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		bytes_copy(buf, bytes_inverted(0), SIDA_SIZE + 8);
		if (sida(ops[i], buf, offset, size).ret != -1)
			report_wrong(text, "it is refused", "it is not");
		report_same(buf, bytes_inverted(0), SIDA_SIZE + 8, text,
			    "the buffer is left alone");
	}
	TEST_ASSERT(sida(KVM_S390_MEMOP_SIDA_READ, buf, 0, SIDA_SIZE).ret == 0, "a read of all");
	report_same(buf, bytes_rest(0), SIDA_SIZE, text, "the SIDA is left alone");
}

static void beyond(void)
{
	static const struct {
		uint32_t offset, size;
	} ranges[] = {
		{ 0, SIDA_SIZE + 1 },
		{ 1, SIDA_SIZE },
		{ SIDA_SIZE - 1, 2 },
		{ SIDA_SIZE, 1 },
		{ SIDA_SIZE, SIDA_SIZE },
		{ 1U << 16, 8 },
		{ 1U << 31, 8 },
		{ 0, 65536 },
		{ 0, 1U << 31 },
		{ 0, ~0U },
		{ ~0U, 1 },
		{ ~0U, 2 },
		{ ~0U - 7, 8 },
		{ ~0U - 7, 16 },
		{ -SIDA_SIZE, SIDA_SIZE },
		{ -SIDA_SIZE, 2 * SIDA_SIZE },
		{ 1, ~0U },
		{ 8, ~0U - 3 },
	};
	uint8_t *buf = malloc(SIDA_SIZE + 8);

	TEST_ASSERT(buf, "no memory");
	rest();
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		refused_sida(buf, ranges[i].offset, ranges[i].size);
	free(buf);
}

/* Buffers that this process cannot reach, or not write */
static void bad_buffers(void)
{
	uint8_t *none = mmap(NULL, SIDA_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *fixed = mmap(NULL, SIDA_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	TEST_ASSERT(none != MAP_FAILED && fixed != MAP_FAILED, "mmap");
	rest();
	report_deciding("MEMOP-SIDA-05 MEMOP-BUF-01");
	for (uint32_t size = 1; size <= SIDA_SIZE; size *= 4) {
		report_outcome(outcome_error(EFAULT), sida(KVM_S390_MEMOP_SIDA_READ, none, 0, size),
			       "SIDA_READ to memory that cannot be reached");
		report_outcome(outcome_error(EFAULT),
			       sida(KVM_S390_MEMOP_SIDA_WRITE, none, 0, size),
			       "SIDA_WRITE from memory that cannot be reached");
		report_outcome(outcome_error(EFAULT),
			       sida(KVM_S390_MEMOP_SIDA_READ, fixed, 0, size),
			       "SIDA_READ to memory that cannot be written");
		report_outcome(outcome_success(), sida(KVM_S390_MEMOP_SIDA_WRITE, fixed, 0, size),
			       "SIDA_WRITE from memory that cannot be written");
	}
	munmap(none, SIDA_SIZE);
	munmap(fixed, SIDA_SIZE);
}

static void no_slots(void)
{
	struct region known = {
		.slot = 1, .gpa = PLACE, .size = ARENA_UNIT, .user = (uintptr_t)arena->host[1]
	};
	struct region r;

	for (int second = 0; second <= (int)region_has_second(); second++) {
		r = known;
		r.slot = 5;
		r.gpa = 0x40000000;
		region_case(arena->vm->fd, second, &r, outcome_error(EINVAL), "a new slot");
		r = known;
		r.gpa = 0x40000000;
		region_case(arena->vm->fd, second, &r, outcome_error(EINVAL), "a slot is moved");
		r = known;
		r.flags = KVM_MEM_LOG_DIRTY_PAGES;
		region_case(arena->vm->fd, second, &r, outcome_error(EINVAL), "other flags");
		r = known;
		r.size = 0;
		region_case(arena->vm->fd, second, &r, outcome_error(EINVAL), "a slot is deleted");
	}
}

static const struct line lines[] = {
	{ "all but SIDA accesses are refused",
	  "MEMOP-ABS-06 MEMOP-LOG-08 MEMOP-SIDA-01 MEMOP-SIDA-03 MEMOP-SIDA-04", refused },
	{ "pieces of the SIDA are read and written, and nothing else", "MEMOP-SIDA-05", pieces },
	{ "offsets and sizes beyond the SIDA (observed)", "MEMOP-SIDA-04", beyond },
	{ "buffers that cannot be reached", "MEMOP-SIDA-05 MEMOP-BUF-01", bad_buffers },
	{ "no memory slot can be set", "SLOT-13", no_slots },
};

static void set_up(void)
{
	arena = arena_create(slots, ARRAY_SIZE(slots), 0);
	TEST_ASSERT(!pv_command(KVM_PV_ENABLE), "KVM_PV_ENABLE");
	arena->state.protected_guest = true;
}

static void tear_down(void)
{
	pv_command(KVM_PV_DISABLE);
	arena_free(arena);
}

int main(int argc, char **argv)
{
	memop_begin(argc, argv, lines, ARRAY_SIZE(lines), MEMOP_ANY);
	report_need(kvm_check_cap(KVM_CAP_S390_PROTECTED) > 0, SKIP_CAPABILITY,
		    "KVM_CAP_S390_PROTECTED");
	report_around(set_up, tear_down);
	return report_run();
}
