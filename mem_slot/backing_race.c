// SPDX-License-Identifier: GPL-2.0-only
/*
 * What backs a slot changes while two vCPUs write to it: no store is lost, no page is stale.
 *
 * mem_slot/contract.md, SLOT-09; api.rst, KVM_SET_USER_MEMORY_REGION: "changes in the backing
 * of the memory region are automatically reflected into the guest".
 *
 * How it is seen: each vCPU reads a word of its own in every page, which must be what it wrote
 * there last, and writes the next number. Meanwhile the process makes pages read-only or
 * not accessible and writable again, or forks, none of which changes a byte: an access that is
 * denied is made again, or by the process where KVM for x86 asks it to (KVM_EXIT_MMIO). Or it drops
 * pages, after which a word may be 0, too. Slots beside it come and go all the time. At last
 * process and guest must have the same in every page. KVM that goes on with a page that the process
 * has no longer loses stores, or shows old ones. page_history.c has the same changes one by one.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "case/report.h"
#include "compat.h"
#include "guest/order.h"
#include "slot/backing.h"
#include "slot/region.h"

#define SLOT 9
#define HERE 0x40000000UL
#define PAGES 512UL
#define PAGE 4096UL
#define SIZE (PAGES * PAGE)
#define UNIT (1UL << 20)
#define VCPUS 2U
#define STORM 400UL
#define LOSSY 2UL /* bit of an order: words may be 0 */

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[VCPUS];
static struct order_desk desks[VCPUS];
static uint8_t *memory;
static unsigned long rounds = 12;
static uint64_t lossy;
static volatile bool stop;
static pthread_mutex_t denying = PTHREAD_MUTEX_INITIALIZER; /* while the process denies itself */
static unsigned long storms[VCPUS], denied[VCPUS];

/* In the guest: what each vCPU wrote last, and what it found instead at last */
static volatile uint64_t last[VCPUS][PAGES];
static volatile struct {
	uint64_t times, page, expected, found;
} wrong[VCPUS];

/* Until the process allows it: on s390x an access that it does not is an addressing exception */
static uint64_t persist(uint64_t address, bool write, uint64_t value)
{
	while (!order_guest_access(address, 8, write, &value))
		;
	return value;
}

/* In the guest. The order: number of the vCPU, LOSSY, and from the third bit on of the storm */
static uint64_t guest_storm(uint64_t order)
{
	uint64_t v = order % VCPUS;

	for (uint64_t i = 0; i < STORM; i++) {
		uint64_t number = order / 4 * STORM + i, page = number * 37 % PAGES;
		uint64_t at = HERE + page * PAGE + 8 * v, found = persist(at, false, 0);

		if (found != last[v][page] && (found || !(order & LOSSY))) {
			wrong[v].times++;
			wrong[v].page = page;
			wrong[v].expected = last[v][page];
			wrong[v].found = found;
		}
		persist(at, true, number + 1);
		last[v][page] = number + 1;
	}
	return order;
}

static void set(uint32_t slot, uint64_t gpa, uint64_t size, uint8_t *user)
{
	struct region r = { .slot = slot, .gpa = gpa, .size = size, .user = (uintptr_t)user };
	struct outcome o = region_set(vm->fd, false, &r);

	TEST_ASSERT(!o.ret, "slot %u, errno %d", slot, o.err);
}

/* The process makes an access that KVM has for it, since it could not make it itself */
static void make_access(struct kvm_run *run)
{
	uint64_t at = run->mmio.phys_addr - HERE;

	TEST_ASSERT(run->exit_reason == KVM_EXIT_MMIO && at < SIZE && run->mmio.len <= SIZE - at,
		    "exit reason %u", run->exit_reason);
	pthread_mutex_lock(&denying);
	if (run->mmio.is_write)
		memcpy(memory + at, run->mmio.data, run->mmio.len);
	else
		memcpy(run->mmio.data, memory + at, run->mmio.len);
	pthread_mutex_unlock(&denying);
}

/* KVM_RUN, as often as the process does not let the vCPU at its memory */
static void carry_out(unsigned int v, struct order order)
{
	order_put(&desks[v], &order, 1);
	for (;; denied[v]++) {
		if (_vcpu_run(vcpus[v])) {
			TEST_ASSERT(errno == EFAULT, "KVM_RUN, errno %d", errno);
			sched_yield();
		} else if (desks[v].is_back(vcpus[v])) {
			return;
		} else {
			make_access(vcpus[v]->run);
		}
	}
}

static void *storm_thread(void *argument)
{
	unsigned int v = *(unsigned int *)argument;

	for (; !stop; storms[v]++)
		carry_out(v, order_call(guest_storm, storms[v] * 4 + lossy + v));
	return argument;
}

static void fork_once(void)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(0);
	TEST_ASSERT(child > 0 && waitpid(child, &status, 0) == child, "fork");
}

static void protect_for_a_while(uint8_t *at, size_t size, int protection)
{
	pthread_mutex_lock(&denying);
	TEST_ASSERT(!mprotect(at, size, protection), "mprotect, errno %d", errno);
	sched_yield();
	TEST_ASSERT(!mprotect(at, size, PROT_READ | PROT_WRITE), "mprotect, errno %d", errno);
	pthread_mutex_unlock(&denying);
}

static void change_backing(unsigned long round)
{
	size_t first = (size_t)random() % PAGES, count = 1 + (size_t)random() % 32;
	uint8_t *at = memory + first * PAGE;

	if (first + count > PAGES)
		count = PAGES - first;
	if (lossy)
		TEST_ASSERT(!madvise(at, count * PAGE, MADV_DONTNEED), "madvise");
	else if (round % 16 == 15)
		fork_once();
	else if (round % 8 == 7)
		protect_for_a_while(memory, SIZE, PROT_READ);
	else
		protect_for_a_while(at, count * PAGE, round % 2 ? PROT_READ : PROT_NONE);
}

/* Adjacent slots on both sides, which no vCPU accesses */
static void change_neighbours(unsigned long round)
{
	static const struct {
		uint64_t gpa, size;
	} turns[] = { { HERE - UNIT, UNIT }, { HERE + SIZE, UNIT }, { 0, 0 } };

	set(SLOT + 1, turns[round % 3].gpa, turns[round % 3].size, memory + SIZE);
}

/* One case: what the guest wrote at last is in the memory of the process, in every page */
static void compare(void)
{
	size_t differ = 0, first = 0;

	for (unsigned int v = 0; v < VCPUS; v++) {
		carry_out(v, order_call(guest_storm, storms[v]++ * 4 + lossy + v));
		carry_out(v, order_call(guest_storm, storms[v]++ * 4 + lossy + v));
	}
	for (size_t page = PAGES; page--;)
		for (unsigned int v = 0; v < VCPUS; v++) {
			volatile uint64_t *of_guest = addr_gva2hva(vm, (uintptr_t)&last[v][page]);

			if (*of_guest != *(volatile uint64_t *)(memory + page * PAGE + 8 * v)) {
				differ++;
				first = page;
			}
		}
	report_check(!differ, "when nothing changes any more",
		     "the process has what the guest wrote last",
		     "%zu words differ, the first in page %zu", differ, first);
}

static void judge(unsigned int v)
{
	const volatile typeof(wrong[0]) *is = addr_gva2hva(vm, (uintptr_t)&wrong[v]);

	report_check(!is->times, "a vCPU reads while its backing changes",
		     lossy ? "what it wrote last, or 0" : "what it wrote last",
		     "%llu times not, at last %#llx for %#llx in page %llu",
		     (unsigned long long)is->times, (unsigned long long)is->found,
		     (unsigned long long)is->expected, (unsigned long long)is->page);
	report_check(storms[v] > 2, NULL, "the vCPU has written every page", "%lu times %lu words",
		     storms[v], STORM);
}

static void race(void)
{
	static unsigned int numbers[VCPUS] = { 0, 1 };
	pthread_t threads[VCPUS];

	stop = false;
	for (unsigned int v = 0; v < VCPUS; v++)
		pthread_create(&threads[v], NULL, storm_thread, &numbers[v]);
	for (unsigned long round = 0; round < rounds || *(volatile unsigned long *)&storms[0] < 3 ||
				      *(volatile unsigned long *)&storms[1] < 3;
	     round++) {
		/* It waits for both vCPUs, which takes long where they share a CPU */
		if (round % 4 == 0)
			change_neighbours(round / 4);
		change_backing(round);
		usleep(1000);
	}
	stop = true;
	for (unsigned int v = 0; v < VCPUS; v++)
		pthread_join(threads[v], NULL);
	compare();
	for (unsigned int v = 0; v < VCPUS; v++)
		judge(v);
	report_note("storms", (double)(storms[0] + storms[1]), "storms");
	report_note("denied", (double)(denied[0] + denied[1]), "runs");
}

static void kept(void)
{
	lossy = 0;
	race();
}

static void dropped(void)
{
	lossy = LOSSY;
	race();
}

static const struct line lines[] = {
	{ "memory is protected and shared while two vCPUs write: nothing is lost", "SLOT-09",
	  kept },
	{ "memory is dropped while two vCPUs write: no page is stale", "SLOT-09", dropped },
};

static void begin(void)
{
	memory = region_memory(SIZE + UNIT);
	vm = vm_create(VCPUS);
	for (unsigned int v = 0; v < VCPUS; v++) {
		vcpus[v] = vm_vcpu_add(vm, v, order_main);
		desks[v] = order_desk_open(vm, vcpus[v], v);
		storms[v] = denied[v] = 0;
	}
	virt_map(vm, HERE, HERE, PAGES);
	set(SLOT, HERE, SIZE, memory);
}

static void end(void)
{
	kvm_vm_free(vm);
	region_free_memory(memory, SIZE + UNIT);
}

int main(int argc, char **argv)
{
	static const struct report_number numbers[] = {
		{ "--rounds", "how often the backing changes, at least", &rounds },
	};
	const char *why;

	report_numbers(numbers, ARRAY_SIZE(numbers));
	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	report_need(getpagesize() == PAGE, SKIP_ARCHITECTURE, "pages of 4 KiB");
	report_around(begin, end);
	return report_run();
}
