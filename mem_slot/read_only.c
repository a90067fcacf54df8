// SPDX-License-Identifier: GPL-2.0-only
/*
 * Read-only slots: guest writes come to user space as MMIO and change nothing.
 *
 * docs/contract.md, SLOT-11; api.rst, KVM_SET_USER_MEMORY_REGION,
 * KVM_MEM_READONLY. Where the capability is missing the flag is refused
 * (max_slots and arguments prove that).
 *
 * How it is seen: the guest writes and reads at several places of a read-only
 * slot. Each write must exit with KVM_EXIT_MMIO for its very address, and bytes
 * that the guest wrote must neither be in the host's memory nor found by the
 * guest; what the host writes is found.
 */
#include <stdio.h>

#include "compat.h"
#include "guest/worker.h"
#include "slot/backing.h"
#include "slot/region.h"
#include "case/report.h"

#define SLOT 9
#define SIZE (1UL << 20)
#define HERE 0x40000000UL

static struct worker worker;
static uint8_t *memory;
static const uint64_t places[] = { 0, 8, 4088, 4096, SIZE / 2, SIZE - 8 };

static void wrong(uint64_t place, const char *expected, const char *observed)
{
	char state[60];

	snprintf(state, sizeof(state), "guest address %#llx", (unsigned long long)(HERE + place));
	report_fail(&(struct finding){
		.state = state, .expected = expected, .observed = observed, .offset = -1 });
}

/* Is what came to user space the access that the guest made, and nothing else? */
static void check_exit(const struct order *o, const struct order_mmio *mmio)
{
	uint64_t data = o->size == 8 ? o->value : o->value & ((1UL << 8 * o->size) - 1);
	char expected[120], observed[120];

	if (mmio->exits == 1 && mmio->address == o->address && mmio->length == o->size &&
	    mmio->write && mmio->data == data)
		return;
	snprintf(expected, sizeof(expected),
		 "one KVM_EXIT_MMIO, a write of %#llx to %#llx, length %u",
		 (unsigned long long)data, (unsigned long long)o->address, (unsigned int)o->size);
	snprintf(observed, sizeof(observed), "%u exits, a %s of %#llx at %#llx, length %u",
		 mmio->exits, mmio->write ? "write" : "read", (unsigned long long)mmio->data,
		 (unsigned long long)mmio->address, mmio->length);
	wrong(o->address - HERE, expected, observed);
}

/* The guest writes @size bytes where it may not; memory must have none of them */
static void exits(uint64_t place, uint64_t size)
{
	struct order o = { ORDER_WRITE, HERE + place, size, 0x8899aabbccddeeff, 0 };
	struct order_mmio mmio;

	if (worker_try(&worker, &o, &mmio))
		wrong(place, "the write exits as MMIO", "the guest met memory");
	else
		check_exit(&o, &mmio);
}

static void each_place(uint64_t mark)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		volatile uint64_t *here = (volatile uint64_t *)(memory + places[i]);
		uint64_t found;

		if (!report_case())
			continue;
		*here = mark + i;
		for (uint64_t size = 1; size <= 8; size *= 2)
			exits(places[i] + 8 - size, size);
		if (*here != mark + i)
			wrong(places[i], "the host's bytes stay", "they have changed");
		found = worker_read(&worker, HERE + places[i]);
		if (found != mark + i)
			wrong(places[i], "the guest reads what the host wrote", "something else");
	}
}

static void set(uint32_t flags, uint64_t size, struct outcome expected, const char *state)
{
	struct region r = {
		.slot = SLOT, .flags = flags, .gpa = HERE, .size = size, .user = (uintptr_t)memory
	};

	region_case(worker.vm->fd, false, &r, expected, state);
}

static void writes_exit(void)
{
	set(KVM_MEM_READONLY, SIZE, outcome_success(), "a new read-only slot");
	each_place(0x1234500000000);
	set(KVM_MEM_READONLY | KVM_MEM_LOG_DIRTY_PAGES, SIZE, outcome_success(),
	    "with a dirty log");
	each_place(0x2234500000000);
	set(0, SIZE, outcome_error(EINVAL), "made writable");
	each_place(0x3234500000000);
	set(0, 0, outcome_success(), "deleted");
}

/* Deleted and added again without the flag, and back */
static void writable_again(void)
{
	for (int round = 0; round < 3; round++) {
		report_deciding("SLOT-04");
		set(0, SIZE, outcome_success(), "a new slot");
		for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
			volatile uint64_t *here = (volatile uint64_t *)(memory + places[i]);

			if (!report_case())
				continue;
			worker_write(&worker, HERE + places[i], 0x777 + i);
			if (*here != 0x777 + i)
				wrong(places[i], "the guest writes", "it does not");
		}
		set(0, 0, outcome_success(), "deleted");
		report_deciding("SLOT-11");
		set(KVM_MEM_READONLY, SIZE, outcome_success(), "a new read-only slot");
		each_place(0x4234500000000);
		set(0, 0, outcome_success(), "deleted");
	}
}

static const struct line lines[] = {
	{ "guest writes exit as MMIO and change nothing, reads work", "SLOT-11", writes_exit },
	{ "a slot added again is writable, or read-only again", "SLOT-11 SLOT-04", writable_again },
};

static void begin(void)
{
	memory = region_memory(SIZE);
	worker_create(&worker);
	worker_map(&worker, HERE, SIZE / (uint64_t)getpagesize());
}

static void end(void)
{
	worker_free(&worker);
	region_free_memory(memory, SIZE);
}

int main(int argc, char **argv)
{
	const char *why;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	report_need(kvm_check_cap(KVM_CAP_READONLY_MEM) > 0, SKIP_CAPABILITY,
		    "KVM_CAP_READONLY_MEM");
	report_around(begin, end);
	return report_run();
}
