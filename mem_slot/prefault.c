// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests about ranges of guest memory: KVM_PRE_FAULT_MEMORY and
 * KVM_SET_MEMORY_ATTRIBUTES.
 *
 * mem_slot/contract.md, FAULT and ATTR; api.rst.
 *
 * How it is seen: ranges in, across the end of, and outside of slots; what is left of
 * the range in the request; the bytes that guest and process find afterwards, and a
 * dirty log that must have none of it. Requests that differ from a good one in a
 * single field, and the same requests where the capability is missing.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "case/report.h"
#include "compat.h"
#include "guest/worker.h"
#include "slot/backing.h"
#include "slot/dirty_log.h"
#include "slot/region.h"

#define SLOT 9
#define HERE 0x40000000UL

/* Older than 6.8, and 6.11 */
struct range_attributes {
	uint64_t address, size, attributes, flags;
};
struct range_fault {
	uint64_t gpa, size, flags, padding[5];
};
#define SET_ATTRIBUTES _IOW(KVMIO, 0xd2, struct range_attributes)
#define PRE_FAULT _IOWR(KVMIO, 0xd5, struct range_fault)
#define CAP_ATTRIBUTES 233
#define CAP_PRE_FAULT 236

static struct worker worker;
static struct dirty_log the_log;
static uint8_t *memory;
static uint64_t page, size;

static void begin(void)
{
	struct region r = { .slot = SLOT, .flags = KVM_MEM_LOG_DIRTY_PAGES, .gpa = HERE };

	page = (uint64_t)getpagesize();
	size = 2UL << 20;
	memory = region_memory(size);
	worker_create(&worker);
	worker_map(&worker, HERE, size / page);
	r.size = size;
	r.user = (uintptr_t)memory;
	TEST_ASSERT(!region_set(worker.vm->fd, false, &r).ret, "the slot");
	the_log = (struct dirty_log){ worker.vm->fd, SLOT, size / page };
}

static void end(void)
{
	worker_free(&worker);
	region_free_memory(memory, size);
}

static struct outcome fault(struct range_fault *r)
{
	return outcome_of(ioctl(worker.vcpu->fd, PRE_FAULT, r));
}

static bool can_fault(void)
{
	if (kvm_check_cap(CAP_PRE_FAULT) > 0)
		return true;
	report_skip(SKIP_CAPABILITY, "needs KVM_CAP_PRE_FAULT_MEMORY");
	return false;
}

/* All of it, by as many requests as KVM wants: one case */
static void faults_all(uint64_t gpa, uint64_t bytes, const char *request)
{
	struct range_fault r = { .gpa = gpa, .size = bytes };
	struct outcome o = { 0 };
	char text[OUTCOME_TEXT];

	while (!o.ret && r.size) {
		uint64_t before = r.size;

		o = fault(&r);
		if (!o.ret && (r.size >= before || r.gpa + r.size != gpa + bytes))
			break;
	}
	report_check(!o.ret && !r.size && r.gpa == gpa + bytes, request,
		     "success, and nothing left of the range", "%s, %#llx bytes at %#llx left",
		     outcome_text(o, text), (unsigned long long)r.size, (unsigned long long)r.gpa);
}

static void faulted_in(void)
{
	if (!can_fault())
		return;
	*(volatile uint64_t *)(memory + page) = 0x1234;
	worker_read(&worker, HERE + size - 8);
	faults_all(HERE, page, "one page, never touched");
	faults_all(HERE + page, 7 * page, "seven pages");
	faults_all(HERE, size, "the whole slot");
	faults_all(HERE, size, "again");
	report_check(worker_read(&worker, HERE + page) == 0x1234, NULL,
		     "the guest finds what the process wrote", "another value");
	report_check(worker_read(&worker, HERE) == 0, NULL, "the guest finds zero",
		     "another value");
	worker_write(&worker, HERE, 0x77);
	report_check(*(volatile uint64_t *)memory == 0x77, NULL,
		     "the process finds what the guest wrote", "another value");
	report_check(!*(volatile uint64_t *)(memory + 3 * page), NULL, "no other page has changed",
		     "page 3 has");
}

static void refuse(int err, uint64_t gpa, uint64_t bytes, uint64_t flags, const char *request)
{
	struct range_fault r = { .gpa = gpa, .size = bytes, .flags = flags };

	report_outcome(outcome_error(err), fault(&r), request);
	report_check(r.gpa == gpa && r.size == bytes, request, "the request is as it was",
		     "%#llx bytes at %#llx", (unsigned long long)r.size, (unsigned long long)r.gpa);
}

static void fault_refused(void)
{
	struct range_fault across = { .gpa = HERE + size - page, .size = 2 * page };

	if (!can_fault())
		return;
	worker_read(&worker, HERE);
	refuse(EINVAL, HERE, 0, 0, "no bytes");
	refuse(EINVAL, HERE + 1, page, 0, "an address within a page");
	refuse(EINVAL, HERE + page / 2, page, 0, "half a page");
	refuse(EINVAL, HERE, page + 1, 0, "no whole pages");
	refuse(EINVAL, HERE, page / 2, 0, "less than a page");
	refuse(EINVAL, -page, 2 * page, 0, "beyond 2^64");
	for (unsigned int bit = 0; bit < 64; bit++)
		refuse(EINVAL, HERE, page, 1UL << bit, "a flag");
	refuse(ENOENT, HERE + size, page, 0, "behind the slot");
	refuse(ENOENT, HERE - page, page, 0, "before the slot");
	report_outcome(outcome_error(EFAULT), fault(NULL), "request at NULL");
	/* One page is processed, which is success */
	report_outcome(outcome_success(), fault(&across), "across the end of the slot");
	report_check(across.gpa == HERE + size && across.size == page, "across the end of the slot",
		     "one page is left", "%#llx bytes at %#llx", (unsigned long long)across.size,
		     (unsigned long long)across.gpa);
	refuse(ENOENT, across.gpa, across.size, 0, "what is left of it");
}

static void fault_missing(void)
{
	struct range_fault r = { .gpa = HERE, .size = page };

	if (kvm_check_cap(CAP_PRE_FAULT) > 0)
		report_skip(SKIP_CAPABILITY, "KVM_CAP_PRE_FAULT_MEMORY is there");
	else
		report_outcome(outcome_refused(), fault(&r), "KVM_PRE_FAULT_MEMORY");
}

static void attribute(struct outcome expected, struct range_attributes r, const char *request)
{
	report_outcome(expected, outcome_of(ioctl(worker.vm->fd, SET_ATTRIBUTES, &r)), request);
}

static void attributes(void)
{
	int caps = vm_check_cap(worker.vm, CAP_ATTRIBUTES);
	uint64_t defined = caps > 0 ? (uint64_t)caps : 0;

	if (caps < 0 || kvm_check_cap(CAP_ATTRIBUTES) <= 0) {
		report_skip(SKIP_CAPABILITY, "needs KVM_CAP_MEMORY_ATTRIBUTES");
		return;
	}
	attribute(outcome_success(), (struct range_attributes){ HERE, page, 0, 0 },
		  "none, one page");
	attribute(outcome_success(), (struct range_attributes){ HERE, size, 0, 0 }, "none, all");
	attribute(outcome_success(), (struct range_attributes){ HERE + size, page, 0, 0 },
		  "none, where there is no slot");
	for (unsigned int bit = 0; bit < 64; bit++) {
		if (!(defined >> bit & 1))
			attribute(outcome_error(EINVAL),
				  (struct range_attributes){ HERE, page, 1UL << bit, 0 },
				  "an attribute that is not supported");
		attribute(outcome_error(EINVAL),
			  (struct range_attributes){ HERE, page, 0, 1UL << bit }, "a flag");
	}
	attribute(outcome_error(EINVAL), (struct range_attributes){ HERE, 0, 0, 0 }, "no bytes");
	attribute(outcome_error(EINVAL), (struct range_attributes){ HERE + 1, page, 0, 0 },
		  "an address within a page");
	attribute(outcome_error(EINVAL), (struct range_attributes){ HERE, page + 8, 0, 0 },
		  "no whole pages");
	attribute(outcome_error(EINVAL), (struct range_attributes){ -page, 2 * page, 0, 0 },
		  "beyond 2^64");
}

static void attributes_missing(void)
{
	if (kvm_check_cap(CAP_ATTRIBUTES) > 0)
		report_skip(SKIP_CAPABILITY, "KVM_CAP_MEMORY_ATTRIBUTES is there");
	else
		attribute(outcome_refused(), (struct range_attributes){ HERE, page, 0, 0 },
			  "KVM_SET_MEMORY_ATTRIBUTES");
}

static void fault_logs_nothing(void)
{
	if (!can_fault())
		return;
	worker_read(&worker, HERE + size - 8);
	dirty_is_empty(&the_log, "before");
	faults_all(HERE, 64 * page, "64 pages that were never touched");
	dirty_is_empty(&the_log, "faulted in");
	worker_write(&worker, HERE + 5 * page, 1);
	dirty_is_only(&the_log, 5, "one of them written");
}

static const struct line lines[] = {
	{ "memory that is faulted in is what it was", "FAULT-01", faulted_in },
	{ "ranges that cannot be faulted in", "FAULT-02", fault_refused },
	{ "to fault in is no write", "FAULT-03", fault_logs_nothing },
	{ "KVM_PRE_FAULT_MEMORY is refused without its capability", "FAULT-04", fault_missing },
	{ "attributes of a range: none, undefined ones, bad ranges", "ATTR-01", attributes },
	{ "KVM_SET_MEMORY_ATTRIBUTES is refused without its capability", "ATTR-02",
	  attributes_missing },
};

int main(int argc, char **argv)
{
	const char *why;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	report_around(begin, end);
	return report_run();
}
