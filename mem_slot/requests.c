// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests that lie at the end of what can be read, for every ioctl about slots, logs and
 * guest memory that takes one.
 *
 * mem_slot/contract.md, SLOT-21; api.rst, the request of each ioctl. changes.c has those
 * that set slots.
 *
 * How it is seen: each request is right, and lies with its last byte on the last byte of a
 * page, behind which nothing can be read: it succeeds as it does anywhere. A part of it
 * moved behind, or all of it, it is EFAULT, and the next one succeeds as before. A kernel
 * that copies more than the request has, or takes what it could not copy for
 * zeroes, is seen.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "case/report.h"
#include "compat.h"
#include "guest/worker.h"
#include "slot/backing.h"
#include "slot/dirty_log.h"
#include "slot/region.h"

#define SLOT 9
#define HERE 0x40000000UL
#define SIZE (2UL << 20)
#define WORDS 13 /* of the longest request, 104 bytes */

/* Headers may be older than these: as api.rst has them */
#define SET_ATTRIBUTES _IOW(KVMIO, 0xd2, uint64_t[4])
#define CREATE_GUEST_MEMFD _IOWR(KVMIO, 0xd4, uint64_t[8])
#define PRE_FAULT _IOWR(KVMIO, 0xd5, uint64_t[8])
#define CAP_ATTRIBUTES 233
#define CAP_PRE_FAULT 236
#define ENABLE_CAP _IOW(KVMIO, 0xa3, uint64_t[WORDS])

static struct worker worker;
static uint64_t page;
static uint8_t *memory, *two; /* pages: the second cannot be read */
static uint64_t bitmap[SIZE / 4096 / 64];

static void begin(void)
{
	struct region r = { .slot = SLOT, .flags = KVM_MEM_LOG_DIRTY_PAGES, .gpa = HERE };

	memory = region_memory(SIZE);
	worker_create(&worker);
	r.size = SIZE;
	r.user = (uintptr_t)memory;
	TEST_ASSERT(!region_set(worker.vm->fd, false, &r).ret, "the slot");
	two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(two != MAP_FAILED && !mprotect(two + page, page, PROT_NONE), "mmap");
}

static void end(void)
{
	munmap(two, 2 * page);
	worker_free(&worker);
	region_free_memory(memory, SIZE);
}

/* One case: so many bytes of the request can be read. A file that is made is closed */
static void request(int fd, unsigned long nr, const uint64_t *words, size_t readable,
		    const char *name)
{
	const size_t all = _IOC_SIZE(nr);
	char state[120];
	struct outcome o;

	memcpy(two + page - readable, words, readable);
	o = outcome_of(ioctl(fd, nr, two + page - readable));
	if (nr == CREATE_GUEST_MEMFD && o.ret > 0) {
		close(o.ret);
		o = outcome_success();
	}
	snprintf(state, sizeof(state), "%s, %zu of %zu bytes can be read", name, readable, all);
	report_outcome(readable == all ? outcome_success() : outcome_error(EFAULT), o, state);
}

static void request_ends(int fd, unsigned long nr, const uint64_t *words, const char *name)
{
	const size_t all = _IOC_SIZE(nr);

	request(fd, nr, words, all, name);
	for (size_t less = 1; less <= all; less *= 2)
		request(fd, nr, words, all - less, name);
	request(fd, nr, words, 0, name);
	report_outcome(outcome_error(EFAULT), outcome_of(ioctl(fd, nr, NULL)), name);
	request(fd, nr, words, all, name);
}

static void logs(void)
{
	/* Slot and padding, bitmap; or slot and number of pages, the first page, bitmap */
	struct kvm_dirty_log get = { .slot = SLOT, .dirty_bitmap = bitmap };
	struct kvm_clear_dirty_log clear = { .slot = SLOT,
					     .num_pages = 64,
					     .dirty_bitmap = bitmap };
	uint64_t words[WORDS] = { 0 };

	memcpy(words, &get, sizeof(get));
	request_ends(worker.vm->fd, KVM_GET_DIRTY_LOG, words, "KVM_GET_DIRTY_LOG");
	if (kvm_check_cap(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) <= 0)
		return;
	memcpy(words, &clear, sizeof(clear));
	request_ends(worker.vm->fd, KVM_CLEAR_DIRTY_LOG, words, "KVM_CLEAR_DIRTY_LOG");
}

static void ranges(void)
{
	/* gpa, size, flags */
	const uint64_t fault[WORDS] = { HERE, page }, nothing[WORDS] = { HERE, page };

	if (kvm_check_cap(CAP_PRE_FAULT) <= 0 && vm_check_cap(worker.vm, CAP_ATTRIBUTES) <= 0)
		report_skip(SKIP_CAPABILITY,
			    "needs KVM_CAP_PRE_FAULT_MEMORY or KVM_CAP_MEMORY_ATTRIBUTES");
	if (kvm_check_cap(CAP_PRE_FAULT) > 0)
		request_ends(worker.vcpu->fd, PRE_FAULT, fault, "KVM_PRE_FAULT_MEMORY");
	if (vm_check_cap(worker.vm, CAP_ATTRIBUTES) > 0)
		request_ends(worker.vm->fd, SET_ATTRIBUTES, nothing, "KVM_SET_MEMORY_ATTRIBUTES");
}

static void files(void)
{
	const uint64_t file[WORDS] = { SIZE };

	if (vm_check_cap(worker.vm, KVM_CAP_GUEST_MEMFD) <= 0) {
		report_skip(SKIP_CAPABILITY, "needs KVM_CAP_GUEST_MEMFD");
		return;
	}
	request_ends(worker.vm->fd, CREATE_GUEST_MEMFD, file, "KVM_CREATE_GUEST_MEMFD");
}

/* One that every VM has, and that no memory knows of: how long a CPU polls */
static void capabilities(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_HALT_POLL };
	uint64_t words[WORDS] = { 0 };

	if (kvm_check_cap(KVM_CAP_HALT_POLL) <= 0) {
		report_skip(SKIP_CAPABILITY, "needs KVM_CAP_HALT_POLL");
		return;
	}
	memcpy(words, &cap, sizeof(cap));
	request_ends(worker.vm->fd, ENABLE_CAP, words, "KVM_ENABLE_CAP");
}

#ifdef __s390x__
static void limits(void)
{
	uint64_t limit = 0;
	struct kvm_device_attr attr = { .group = KVM_S390_VM_MEM_CTRL,
					.attr = KVM_S390_VM_MEM_LIMIT_SIZE,
					.addr = (uintptr_t)&limit };
	uint64_t words[WORDS] = { 0 };

	memcpy(words, &attr, sizeof(attr));
	request_ends(worker.vm->fd, KVM_HAS_DEVICE_ATTR, words, "KVM_HAS_DEVICE_ATTR");
	request_ends(worker.vm->fd, KVM_GET_DEVICE_ATTR, words, "KVM_GET_DEVICE_ATTR");
	/* What it points to; a vCPU is there, so that the limit is not set */
	for (size_t readable = 0; readable <= 8; readable++) {
		attr.addr = (uintptr_t)two + page - readable;
		memcpy(two + page - readable, &limit, readable);
		report_outcome(readable == 8 ? outcome_success() : outcome_error(EFAULT),
			       outcome_of(ioctl(worker.vm->fd, KVM_GET_DEVICE_ATTR, &attr)),
			       "KVM_S390_VM_MEM_LIMIT_SIZE, to the end of a page");
	}
}
#else
static void limits(void)
{
	report_skip(SKIP_ARCHITECTURE, "needs s390x");
}
#endif

static const struct line lines[] = {
	{ "requests about dirty logs at the end of a page (observed)", "SLOT-21", logs },
	{ "requests about ranges at the end of a page (observed)", "SLOT-21", ranges },
	{ "requests for files at the end of a page (observed)", "SLOT-21", files },
	{ "requests for capabilities at the end of a page (observed)", "SLOT-21", capabilities },
	{ "requests about the limit of storage at the end of a page (observed)", "SLOT-21",
	  limits },
};

int main(int argc, char **argv)
{
	const char *why;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	page = (uint64_t)getpagesize();
	report_around(begin, end);
	return report_run();
}
