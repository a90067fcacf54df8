// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration mode of a VM on s390, and the storage attributes that it is for (CMMA).
 *
 * mem_slot/contract.md, MIGR and CMMA; devices/vm.rst, KVM_S390_VM_MIGRATION; api.rst,
 * KVM_S390_GET_CMMA_BITS and KVM_S390_SET_CMMA_BITS.
 *
 * How it is seen: the mode is switched in VMs whose slots have a dirty log, or of
 * which one has none, and KVM_S390_VM_MIGRATION_STATUS read after each request. Then
 * the slots change while the mode is on: it has to end with the first log.
 *
 * Over 300 lines: one mode, its start, its bits and its end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "case/report.h"
#include "compat.h"
#include "slot/backing.h"
#include "slot/region.h"

#ifdef __s390x__

#define MIB (1UL << 20)

static struct kvm_vm *vm;
static uint64_t unit;
static uint8_t *memory;

static struct outcome attribute(unsigned long nr, uint64_t attr, const void *at)
{
	struct kvm_device_attr request = {
		.group = KVM_S390_VM_MIGRATION,
		.attr = attr,
		.addr = (uintptr_t)at,
	};

	return outcome_of(ioctl(vm->fd, nr, &request));
}

static struct outcome start(void)
{
	return attribute(KVM_SET_DEVICE_ATTR, KVM_S390_VM_MIGRATION_START, NULL);
}

static struct outcome stop(void)
{
	return attribute(KVM_SET_DEVICE_ATTR, KVM_S390_VM_MIGRATION_STOP, NULL);
}

/* One case: is the mode what it is to be? All 8 bytes are written */
static bool mode_is(uint64_t to_be, const char *state)
{
	uint64_t is = 0x5555555555555555;
	struct outcome o = attribute(KVM_GET_DEVICE_ATTR, KVM_S390_VM_MIGRATION_STATUS, &is);

	return report_check(!o.ret && is == to_be, state,
			    to_be ? "KVM_S390_VM_MIGRATION_STATUS 1"
				  : "KVM_S390_VM_MIGRATION_STATUS 0",
			    "returned %d, status %#llx", o.ret, (unsigned long long)is);
}

static void set(uint32_t slot, uint64_t at, uint32_t flags)
{
	struct region r = { .slot = slot,
			    .flags = flags,
			    .gpa = at * unit,
			    .size = unit,
			    .user = (uintptr_t)memory + slot * unit };
	struct outcome o = region_set(vm->fd, false, &r);

	TEST_ASSERT(o.ret == 0, "slot %u, errno %d", slot, o.err);
}

static void drop(uint32_t slot)
{
	struct region r = { .slot = slot };

	TEST_ASSERT(!region_set(vm->fd, false, &r).ret, "delete slot %u", slot);
}

static void begin(void)
{
	vm = vm_create_barebones();
	unit = compat_slot_unit() > MIB ? compat_slot_unit() : MIB;
	memory = region_memory(4 * unit);
}

static void end(void)
{
	kvm_vm_free(vm);
	region_free_memory(memory, 4 * unit);
}

static void on_and_off(void)
{
	set(0, 0, KVM_MEM_LOG_DIRTY_PAGES);
	set(1, 1, KVM_MEM_LOG_DIRTY_PAGES);
	for (int round = 0; round < 2; round++) {
		report_deciding("MIGR-01");
		mode_is(0, round ? "stopped" : "a new VM");
		report_deciding("MIGR-04");
		report_outcome(outcome_success(), stop(), "stop what is not on");
		mode_is(0, "after that");
		report_outcome(outcome_success(), start(), "start");
		mode_is(1, "started");
		report_outcome(outcome_success(), start(), "start again");
		mode_is(1, "started again");
		report_outcome(outcome_success(), stop(), "stop");
	}
	report_deciding("MIGR-01");
	mode_is(0, "stopped");
	report_outcome(outcome_error(EFAULT),
		       attribute(KVM_GET_DEVICE_ATTR, KVM_S390_VM_MIGRATION_STATUS, NULL),
		       "status to NULL");
}

static void attributes(void)
{
	uint64_t value = 0;

	for (uint64_t attr = KVM_S390_VM_MIGRATION_STOP; attr <= KVM_S390_VM_MIGRATION_STATUS;
	     attr++)
		report_outcome(outcome_success(), attribute(KVM_HAS_DEVICE_ATTR, attr, NULL),
			       "is the attribute there?");
	report_outcome(outcome_error(ENXIO),
		       attribute(KVM_SET_DEVICE_ATTR, KVM_S390_VM_MIGRATION_STATUS, &value),
		       "the status is written");
	report_outcome(outcome_error(ENXIO),
		       attribute(KVM_GET_DEVICE_ATTR, KVM_S390_VM_MIGRATION_START, &value),
		       "start is read");
	report_outcome(outcome_error(ENXIO),
		       attribute(KVM_GET_DEVICE_ATTR, KVM_S390_VM_MIGRATION_STOP, &value),
		       "stop is read");
	for (uint64_t attr = 3; attr < 0x10000; attr = attr * 7 + 1) {
		report_outcome(outcome_error(ENXIO), attribute(KVM_SET_DEVICE_ATTR, attr, &value),
			       "an attribute that is not there is written");
		report_outcome(outcome_error(ENXIO), attribute(KVM_GET_DEVICE_ATTR, attr, &value),
			       "an attribute that is not there is read");
	}
	report_outcome(outcome_error(EINVAL), start(), "a VM without slots");
	mode_is(0, "after that");
}

/* One case, and its status: known of kernels without CMMA is that the mode is on */
static void not_started(const char *state)
{
	struct outcome o = start();
	char text[OUTCOME_TEXT];

	if (o.ret == 0) {
		if (report_case())
			report_fault("FIND-13");
		stop();
		return;
	}
	if (report_case() && !outcome_equal(o, outcome_error(EINVAL)))
		report_wrong(state, "errno 22 (Invalid argument)", "%s", outcome_text(o, text));
	mode_is(0, state);
}

static void needs_logs(void)
{
	set(0, 0, 0);
	not_started("the only slot has no log");
	set(1, 1, KVM_MEM_LOG_DIRTY_PAGES);
	not_started("the first slot has no log");
	set(0, 0, KVM_MEM_LOG_DIRTY_PAGES);
	set(2, 2, 0);
	not_started("the last slot has no log");
	set(2, 2, KVM_MEM_LOG_DIRTY_PAGES);
	report_outcome(outcome_success(), start(), "all slots have one");
	mode_is(1, "all slots have one");
}

static void started(const char *request)
{
	set(0, 0, KVM_MEM_LOG_DIRTY_PAGES);
	set(1, 1, KVM_MEM_LOG_DIRTY_PAGES);
	report_outcome(outcome_success(), start(), request);
	mode_is(1, request);
}

static void ends_with_a_log(void)
{
	started("start");
	set(1, 1, 0);
	mode_is(0, "the log of a slot is turned off");
	started("start again");
	set(2, 2, 0);
	mode_is(0, "a slot without a log is added");
	set(2, 2, KVM_MEM_LOG_DIRTY_PAGES);
	started("start a third time");
	set(2, 3, 0);
	mode_is(0, "a slot is moved and its log turned off");
}

static void goes_on(void)
{
	started("start");
	set(2, 2, KVM_MEM_LOG_DIRTY_PAGES);
	mode_is(1, "a slot with a log is added");
	set(2, 3, KVM_MEM_LOG_DIRTY_PAGES);
	mode_is(1, "it is moved");
	set(2, 3, KVM_MEM_LOG_DIRTY_PAGES);
	mode_is(1, "set as it is");
	drop(2);
	mode_is(1, "it is deleted");
}

/* A slot without a log that is not added, a log that is not turned off: the mode goes on */
static void refused(struct region r, int err, const char *state)
{
	region_case(vm->fd, false, &r, outcome_error(err), state);
	mode_is(1, state);
}

static void refused_changes(void)
{
	struct region r = {
		.slot = 2, .gpa = 2 * unit, .size = unit, .user = (uintptr_t)memory + 2 * unit
	};

	started("start");
	r.user += 8;
	refused(r, EINVAL, "a slot without a log is refused for its user address");
	if (compat_slot_unit() > 4096) {
		r.user += 4096 - 8;
		refused(r, EINVAL, "a slot without a log is refused for a part of a MiB");
	}
	r.user = (uintptr_t)memory + 2 * unit;
	r.gpa = unit;
	refused(r, EEXIST, "a slot without a log is refused for its place");
	r.slot = 1;
	r.gpa = 0;
	r.user = (uintptr_t)memory + unit;
	refused(r, EEXIST, "a slot that loses its log is refused for its place");
	r.gpa = unit;
	r.flags = 1U << 31;
	refused(r, EINVAL, "a slot that loses its log is refused for its flags");
	r.flags = 0;
	r.size = 2 * unit;
	refused(r, EINVAL, "a slot that loses its log is refused for its size");
	r = (struct region){ .slot = 3 };
	refused(r, EINVAL, "a slot that is not there is deleted");
}

static struct outcome cmma(unsigned long nr, struct kvm_s390_cmma_log *log)
{
	return outcome_of(ioctl(vm->fd, nr, log));
}

static struct outcome cmma_control(unsigned long nr, uint64_t attr)
{
	struct kvm_device_attr request = { .group = KVM_S390_VM_MEM_CTRL, .attr = attr };

	return outcome_of(ioctl(vm->fd, nr, &request));
}

static void cmma_disabled(void)
{
	uint8_t values[16] = { 0 };
	struct kvm_s390_cmma_log log = { .count = sizeof(values), .values = (uintptr_t)values };

	set(0, 0, KVM_MEM_LOG_DIRTY_PAGES);
	report_outcome(outcome_error(ENXIO), cmma(KVM_S390_GET_CMMA_BITS, &log),
		       "KVM_S390_GET_CMMA_BITS");
	report_outcome(outcome_error(ENXIO), cmma(KVM_S390_SET_CMMA_BITS, &log),
		       "KVM_S390_SET_CMMA_BITS");
	report_outcome(outcome_error(EFAULT), cmma(KVM_S390_GET_CMMA_BITS, NULL),
		       "KVM_S390_GET_CMMA_BITS, request at NULL");
	report_outcome(outcome_error(EFAULT), cmma(KVM_S390_SET_CMMA_BITS, NULL),
		       "KVM_S390_SET_CMMA_BITS, request at NULL");
	if (cmma_control(KVM_HAS_DEVICE_ATTR, KVM_S390_VM_MEM_ENABLE_CMMA).ret) {
		report_outcome(outcome_error(ENXIO),
			       cmma_control(KVM_SET_DEVICE_ATTR, KVM_S390_VM_MEM_ENABLE_CMMA),
			       "enable CMMA where the machine has none");
		report_outcome(outcome_error(ENXIO),
			       cmma_control(KVM_SET_DEVICE_ATTR, KVM_S390_VM_MEM_CLR_CMMA),
			       "reset CMMA where the machine has none");
	}
}

/* One case: a slot of one page, where it may be that small, and the page behind it */
static void behind_a_page(struct kvm_s390_cmma_log log)
{
	struct region r = {
		.slot = 3, .gpa = 3 * unit, .size = 4096, .user = (uintptr_t)memory + 3 * unit
	};
	struct outcome o;

	if (compat_slot_unit() > r.size)
		return;
	region_case(vm->fd, false, &r, outcome_success(), "a slot of one page");
	log.start_gfn = r.gpa / 4096 + 1;
	o = cmma(KVM_S390_SET_CMMA_BITS, &log);
	if (compat_new_memory_management() && !o.ret) {
		if (report_case())
			report_fault("FIND-29");
	} else {
		report_outcome(outcome_error(EFAULT), o, "set behind a slot of one page");
	}
	drop(3);
}

static void cmma_requests(uint8_t *values, size_t count)
{
	struct kvm_s390_cmma_log log = { .count = (uint32_t)count, .values = (uintptr_t)values };

	report_outcome(outcome_error(EINVAL), cmma(KVM_S390_GET_CMMA_BITS, &log),
		       "get without KVM_S390_CMMA_PEEK, not in migration mode");
	log.flags = ~(uint32_t)KVM_S390_CMMA_PEEK;
	report_outcome(outcome_error(EINVAL), cmma(KVM_S390_GET_CMMA_BITS, &log),
		       "get with undefined flags");
	log.flags = 1;
	report_outcome(outcome_error(EINVAL), cmma(KVM_S390_SET_CMMA_BITS, &log),
		       "set with a flag");
	log.flags = 0;
	log.start_gfn = unit / 4096;
	log.mask = ~0UL;
	report_outcome(outcome_error(EFAULT), cmma(KVM_S390_SET_CMMA_BITS, &log),
		       "set where there is no slot");
	behind_a_page(log);
	log.start_gfn = 0;
	log.values = 0;
	report_outcome(outcome_error(EFAULT), cmma(KVM_S390_SET_CMMA_BITS, &log), "set from NULL");
}

static void cmma_values(void)
{
	uint8_t values[16], found[16] = { 0 };
	struct kvm_s390_cmma_log log = { .count = sizeof(values),
					 .mask = ~0UL,
					 .values = (uintptr_t)values };

	if (cmma_control(KVM_HAS_DEVICE_ATTR, KVM_S390_VM_MEM_ENABLE_CMMA).ret) {
		report_skip(SKIP_ARCHITECTURE, "needs a machine with CMMA");
		return;
	}
	if (cmma_control(KVM_SET_DEVICE_ATTR, KVM_S390_VM_MEM_ENABLE_CMMA).ret) {
		report_skip(SKIP_CAPABILITY, "needs KVM_S390_VM_MEM_ENABLE_CMMA");
		return;
	}
	set(0, 0, KVM_MEM_LOG_DIRTY_PAGES);
	memset(memory, 1, unit);
	cmma_requests(values, sizeof(values));
	/* Stable and unused, by turns */
	for (size_t i = 0; i < sizeof(values); i++)
		values[i] = i % 3 ? 0 : 1;
	report_outcome(outcome_success(), cmma(KVM_S390_SET_CMMA_BITS, &log), "set 16 pages");
	log.flags = KVM_S390_CMMA_PEEK;
	log.values = (uintptr_t)found;
	report_outcome(outcome_success(), cmma(KVM_S390_GET_CMMA_BITS, &log), "peek at them");
	report_check(log.count == sizeof(found) && !memcmp(found, values, sizeof(found)),
		     "peek at what was set", "the values that were set", "%u values, others",
		     log.count);
	report_outcome(outcome_success(), start(), "start of migration mode");
	log = (struct kvm_s390_cmma_log){ .count = sizeof(found), .values = (uintptr_t)found };
	report_outcome(outcome_success(), cmma(KVM_S390_GET_CMMA_BITS, &log), "get");
	report_check(log.start_gfn == 0 && log.count == sizeof(found) &&
			     log.remaining == unit / 4096 - sizeof(found),
		     "get after the start: all pages are dirty",
		     "the first 16 pages, and how many remain", "%u from %#llx, %llu remain",
		     log.count, (unsigned long long)log.start_gfn,
		     (unsigned long long)log.remaining);
}

static const struct line lines[] = {
	{ "migration mode is started, stopped, and its status read", "MIGR-01 MIGR-04",
	  on_and_off },
	{ "attributes that are not there, a VM without slots", "MIGR-05", attributes },
	{ "it needs a dirty log of every slot", "MIGR-02", needs_logs },
	{ "it ends when a slot has no log any more", "MIGR-03", ends_with_a_log },
	{ "it goes on while every slot has a log", "MIGR-03", goes_on },
	{ "it goes on after requests that are refused", "MIGR-03", refused_changes },
	{ "storage attributes of a VM that has not enabled them", "CMMA-01", cmma_disabled },
	{ "storage attributes that are set are found", "CMMA-02", cmma_values },
};

int main(int argc, char **argv)
{
	const char *why;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	report_around(begin, end);
	return report_run();
}

#else

static void nothing(void)
{
}

static const struct line lines[] = { { "migration mode of s390", "MIGR-01", nothing } };

int main(int argc, char **argv)
{
	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(false, SKIP_ARCHITECTURE, "s390x");
	return report_run();
}

#endif
