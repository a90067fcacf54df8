// SPDX-License-Identifier: GPL-2.0-only
/*
 * INJECT_EXCEPTION: the guest gets the exception that MEM_OP reports.
 *
 * docs/contract.md, MEMOP-INJ; PoP, chapter 6, "Program Interruption" and
 * "Instruction-Length Code"; chapter 3, "Suppression on Protection" and
 * "Translation-Exception Identification"; chapter 5 for the access id.
 *
 * How it is seen: the guest leaves to user space in the middle of an instruction
 * stream, under the PSW that MEM_OP then goes by. After the MEM_OP it runs on. Its
 * program-interruption handler writes down what the CPU stored, or the next
 * instruction that nothing was pending. Code, length, old PSW, TEID and access id
 * are compared with what the oracle says of them (contract_interruption()); fields
 * that the manual leaves undefined, or ties to a facility that is missing, are not.
 *
 * Over 300 lines: one table of exceptions and what each leaves in the lowcore.
 */
#include <sys/mman.h>

#include "injected.h"
#include "s390x/memop_deviation.h"

static struct judge_order leave(void)
{
	return (struct judge_order){ .psw_mask = arena->state.cpu.psw_mask, .kind = JUDGE_EXIT };
}

static void field(const struct trial *t, const char *clause, const char *name, uint64_t is,
		  uint64_t is_to_be)
{
	char expected[80], observed[40];

	if (is == is_to_be)
		return;
	snprintf(expected, sizeof(expected), "%s %#llx in the guest's lowcore", name,
		 (unsigned long long)is_to_be);
	snprintf(observed, sizeof(observed), "%#llx", (unsigned long long)is);
	trial_wrong(t, clause, expected, observed, -1);
}

static void check_teid(const struct trial *t, const struct judge_order *o,
		       const struct interruption *i)
{
	const char *fault = fault_of_checked_address(&t->request.op, arena->state.cpu.psw_mask,
						     (o->teid ^ i->teid) & i->teid_mask);

	if (fault)
		report_fault(fault);
	else
		field(t, i->code == PGM_PROTECTION ? "MEMOP-INJ-04" : "MEMOP-INJ-01", "TEID",
		      o->teid & i->teid_mask, i->teid & i->teid_mask);
}

/* Is what the CPU has stored for @o what the exception of @t is to look like? */
static void check_lowcore(const struct trial *t, const struct judge_order *o, uint64_t psw_addr,
			  bool changed)
{
	const uint64_t cc = 3UL << 44;
	struct interruption i;

	contract_interruption(&arena->state, &t->request, &t->prediction, t->outcome.ret,
			      DIAG_LENGTH, changed, &i);
	if (i.code == PGM_PROTECTION)
		report_decided("MEMOP-INJ-04");
	field(t, "MEMOP-INJ-01", "interruption code", o->code, (uint64_t)i.code);
	field(t, "MEMOP-INJ-01", "instruction length", o->ilc & 7, DIAG_LENGTH);
	field(t, "MEMOP-INJ-01", "old PSW mask", o->old_psw[0] & ~cc, arena->state.cpu.psw_mask);
	field(t, "MEMOP-INJ-01", "old PSW address", o->old_psw[1], psw_addr - i.psw_back);
	check_teid(t, o, &i);
	if (i.has_access_id)
		field(t, "MEMOP-INJ-01", "exception access id", o->exception_access_id,
		      i.access_id);
}

/* Did the failed store change the page before the one that failed? */
static bool stored_in_part(const struct trial *t)
{
	const struct fragment *f = &t->prediction.fragment[0];

	return t->request.op.op == KVM_S390_MEMOP_LOGICAL_WRITE && t->outcome.ret > 0 &&
	       prediction_reach(&t->prediction, t->outcome) &&
	       bytes_differ(arena_at(arena, f->gpa), arena_rest(arena, f->gpa, false), f->len) >= 0;
}

/*
 * One case. The guest leaves, MEM_OP is issued, the guest goes on: with what is to
 * be pending, or without.
 */
static void inject(struct trial t)
{
	struct judge_order order = leave();
	uint64_t flags = t.request.op.flags, psw_addr;
	bool changed, fine;

	if (!report_case())
		return;
	report_decided(!(flags & INJECT) ? "MEMOP-INJ-02"
		       : flags & CHECK	 ? "MEMOP-INJ-03"
					 : "MEMOP-INJ-01");
	t.keep = true;
	judge_run(arena, &order, 1);
	psw_addr = arena->vcpu->run->psw_addr;
	fine = trial_issue(&t);
	changed = stored_in_part(&t);
	trial_restore(&t);
	judge_go_on(arena, &order, 1);
	if (!fine)
		return;
	if (flags & INJECT && t.outcome.ret > 0)
		check_lowcore(&t, &order, psw_addr, changed);
	else
		field(&t, "MEMOP-INJ-02", "nothing pending: code", order.code, 0);
	/* The judge's last exit was behind the interruption, or there was none */
	if (arena->vcpu->run->psw_addr < psw_addr)
		trial_wrong(&t, "MEMOP-INJ-01", "the guest goes on", "it does not", -1);
}

static void each_flag(uint32_t op, uint64_t gaddr, uint32_t size)
{
	for (unsigned int n = 0; n < 8; n++)
		inject(request(op, gaddr, size,
			       (n & 1 ? CHECK : 0) | (n & 2 ? INJECT : 0) | (n & 4 ? KEYED : 0),
			       4));
}

/* Each page, within it and across its beginning, with key 4 */
static void each_page(uint64_t as, uint64_t mode)
{
	build(as, mode);
	for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++)
		for (enum tested_page p = 0; p < PAGES; p++) {
			snprintf(state, sizeof(state), "%s", page_text[p]);
			each_flag(op, address_of(p) + 0x123, 8);
			each_flag(op, address_of(p) - 3, 8);
			each_flag(op, address_of(p) - CONTRACT_PAGE + 8, 8180);
		}
	/* No page of it: low address, segment translation, ASCE type, around the end */
	snprintf(state, sizeof(state), "addresses without a page");
	for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++) {
		each_flag(op, 0x10, 8);
		each_flag(op, BASE + 0x100000, 8);
		each_flag(op, 1UL << 31, 8);
		each_flag(op, (1UL << 24) + 0x1010, 8);
		each_flag(op, (1UL << 31) + BASE + 0x100000, 8);
		each_flag(op, -8UL, 8);
	}
}

static void primary(void)
{
	each_page(PSW_AS_PRIMARY, JUDGE_PSW);
}

static void secondary(void)
{
	each_page(PSW_AS_SECONDARY, JUDGE_PSW);
}

static void home(void)
{
	each_page(PSW_AS_HOME, JUDGE_PSW);
}

static void access_register(void)
{
	each_page(PSW_AS_REGISTER, JUDGE_PSW);
}

/* What is above the addressing mode's bits is no part of the address, nor of the TEID */
static void short_addresses(void)
{
	each_page(PSW_AS_SECONDARY, PSW_BA);
	each_page(PSW_AS_PRIMARY, PSW_BA);
	each_page(PSW_AS_SECONDARY, 0);
	each_page(PSW_AS_HOME, 0);
}

static void dat_off(void)
{
	static const uint64_t modes[] = { JUDGE_PSW, PSW_BA, 0 };

	for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
		build(PSW_AS_PRIMARY, 0);
		arena->state.cpu.psw_mask = modes[m];
		arena_key(arena, FRAME, 1, skey_byte(5, true));
		snprintf(state, sizeof(state), "DAT off");
		for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++) {
			each_flag(op, FRAME + 8, 8);
			each_flag(op, FRAME - 3, 8);
			each_flag(op, NOWHERE, 8);
			each_flag(op, NOWHERE - 8, 8);
			each_flag(op, FRAME + CONTRACT_PAGE, 8);
			each_flag(op, (1UL << 31) + FRAME + 8, 8);
			each_flag(op, (1UL << 31) + 0x10, 8);
		}
	}
}

/* Every exception of access-register translation that one token can lead to */
static void tokens(void)
{
	static const uint32_t alets[] = {
		ALET_SEQUENCE << 16 | 3,	    /* fetch-only */
		1U << 25,			    /* ALET specification */
		ALET_SEQUENCE << 16 | 100,	    /* ALEN translation */
		(ALET_SEQUENCE + 1) << 16 | 2,	    /* ALE sequence */
		1U << 24 | ALET_SEQUENCE << 16 | 2, /* no primary list */
		ALET_SEQUENCE << 16 | 4,	    /* extended authority */
	};

	static const uint64_t modes[] = { JUDGE_PSW, PSW_BA, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(alets); i++)
		for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
			/* The address in a TEID is without what the mode leaves out */
			uint64_t beyond = m ? 0xa5a5a5a5UL << 32 : 0;

			build(PSW_AS_REGISTER, modes[m]);
			arena->state.cpu.ar[AR] = alets[i];
			snprintf(state, sizeof(state), "ALET %#x", alets[i]);
			for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++)
				each_flag(op, (address_of(GOOD) + 8) | beyond, 8);
		}
}

/* The guest gets the second of two, whole and once */
static void two_in_a_row(void)
{
	static const enum tested_page pages[] = { INVALID, PROTECTED, KEY_STORE, BIT_52, MISSING };

	build(PSW_AS_SECONDARY, JUDGE_PSW);
	snprintf(state, sizeof(state), "second of two injections");
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		for (size_t k = 0; k < ARRAY_SIZE(pages); k++) {
			struct judge_order orders[2] = { leave(), leave() };
			struct trial t = request(KVM_S390_MEMOP_LOGICAL_WRITE, address_of(pages[i]),
						 8, INJECT | KEYED, 4);
			uint64_t psw_addr;

			if (!report_case())
				continue;
			report_decided("MEMOP-INJ-06");
			judge_run(arena, orders, 2);
			psw_addr = arena->vcpu->run->psw_addr;
			trial_issue(&t);
			t.request.op.gaddr = address_of(pages[k]) + 0x100;
			trial_issue(&t);
			judge_go_on(arena, orders, 2);
			check_lowcore(&t, &orders[0], psw_addr, false);
			judge_go_on(arena, orders, 2);
			field(&t, "MEMOP-INJ-06", "nothing more pending: code", orders[1].code, 0);
		}
}

/* Tables that the process cannot read: the code of the exception before must not turn up */
static void errors_of_tables(void)
{
	uint8_t *table = dat_at(&dat, arena->state.cpu.cr[7] & -CONTRACT_PAGE);

	for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++) {
		struct trial before = request(op, address_of(INVALID), 8, 0, 4);
		struct trial t = request(op, address_of(GOOD), 8, INJECT, 4);
		struct judge_order order = leave();
		uint64_t value = 0;

		if (!report_case())
			continue;
		report_decided("MEMOP-INJ-02");
		t.request.op.buf = (uintptr_t)&value;
		judge_run(arena, &order, 1);
		trial_issue(&before);
		TEST_ASSERT(!mprotect(table, CONTRACT_PAGE, PROT_NONE), "mprotect");
		t.outcome = memop(arena->vcpu->fd, &t.request.op);
		TEST_ASSERT(!mprotect(table, CONTRACT_PAGE, PROT_READ | PROT_WRITE), "mprotect");
		if (t.outcome.ret != -1)
			trial_wrong(&t, "MEMOP-INJ-02", "an error", "none", -1);
		judge_go_on(arena, &order, 1);
		field(&t, "MEMOP-INJ-02", "nothing pending: code", order.code, 0);
	}
}

/* What is refused, or fails for want of a buffer, is no exception of the guest's */
static void errors(void)
{
	static const struct {
		uint64_t flags, buf;
		uint32_t size;
		uint8_t key, ar;
	} bad[] = {
		{ 0, 0, 8, 4, AR },	     { KEYED, 0, 8, 4, AR },
		{ KEYED, 1, 8, 16, AR },     { 0, 1, 0, 4, AR },
		{ 0, 1, UINT32_MAX, 4, AR }, { 0, 1, 8, 4, 16 },
		{ CHECK, 1, 0, 4, AR },	     { CHECK | KEYED, 1, 8, 255, AR },
		{ 1UL << 3, 1, 8, 4, AR },   { 0, -4096UL, 4096, 4, AR },
	};

	build(PSW_AS_SECONDARY, JUDGE_PSW);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++) {
			struct trial t = request(op, address_of(GOOD), bad[i].size,
						 INJECT | bad[i].flags, bad[i].key);
			struct judge_order order = leave();

			if (!report_case())
				continue;
			report_decided("MEMOP-INJ-02");
			t.request.op.ar = bad[i].ar;
			t.buf_given = bad[i].buf != 1;
			t.request.op.buf = bad[i].buf;
			judge_run(arena, &order, 1);
			if (trial_issue(&t) && t.outcome.ret != -1)
				trial_fail(&t, "an error", "none", -1);
			judge_go_on(arena, &order, 1);
			field(&t, "MEMOP-INJ-02", "nothing pending: code", order.code, 0);
		}
	errors_of_tables();
}

/* Three vCPUs have left; one meets an exception, by its own tables, and it alone gets it */
static void several_vcpus(void)
{
	enum { VCPUS = 3 };
	static const enum tested_page pages[] = { INVALID, PROTECTED, KEY_STORE, MISSING };
	struct kvm_vcpu *vcpu[VCPUS] = { arena->vcpu };
	struct judge_order order;
	uint64_t asce, psw_addr;

	for (uint32_t n = 1; n < VCPUS; n++)
		vcpu[n] = __vm_vcpu_add(arena->vm, n);
	build(PSW_AS_SECONDARY, JUDGE_PSW);
	asce = arena->state.cpu.cr[7];
	for (size_t p = 0; p < ARRAY_SIZE(pages); p++)
		for (unsigned int n = 0; n < VCPUS; n++) {
			struct trial t = request(KVM_S390_MEMOP_LOGICAL_WRITE, address_of(pages[p]),
						 8, INJECT | KEYED, 4);

			if (!report_case())
				continue;
			report_decided("MEMOP-INJ-01");
			snprintf(state, sizeof(state), "vCPU %u of %u", n, VCPUS);
			/* The other vCPUs have no such space */
			for (unsigned int i = 0; i < VCPUS; i++) {
				order = leave();
				arena->vcpu = vcpu[i];
				arena->state.cpu.cr[7] = i == n ? asce : NOWHERE;
				judge_run(arena, &order, 1);
			}
			arena->vcpu = vcpu[n];
			arena->state.cpu.cr[7] = asce;
			psw_addr = arena->vcpu->run->psw_addr;
			trial_issue(&t);
			for (unsigned int i = 0; i < VCPUS; i++) {
				arena->vcpu = vcpu[(n + 1 + i) % VCPUS];
				judge_go_on(arena, &order, 1);
				if (i < VCPUS - 1)
					field(&t, "MEMOP-INJ-01", "nothing at another vCPU: code",
					      order.code, 0);
				else
					check_lowcore(&t, &order, psw_addr, false);
			}
			arena->vcpu = vcpu[0];
		}
}

/* The interruption cannot be taken: the vCPU must come back, and not loop in the kernel */
static void invalid_new_psw(void)
{
	static const enum tested_page pages[] = { INVALID, PROTECTED, MISSING };

	build(PSW_AS_SECONDARY, JUDGE_PSW);
	snprintf(state, sizeof(state), "program-new PSW not valid");
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		struct trial t =
			request(KVM_S390_MEMOP_LOGICAL_WRITE, address_of(pages[i]), 8, INJECT, 0);
		struct judge_order order = leave();

		if (!report_case())
			continue;
		report_decided("MEMOP-INJ-05");
		judge_run(arena, &order, 1);
		if (trial_issue(&t) && !judge_stray(arena))
			trial_wrong(&t, "MEMOP-INJ-05", "KVM_RUN comes back with an intercept",
				    "another exit", -1);
	}
}

#define CLAUSES "MEMOP-INJ-01 MEMOP-INJ-02 MEMOP-INJ-03 MEMOP-INJ-04"

static const struct line lines[] = {
	{ "secondary space: each exception, with and without the flag", CLAUSES, secondary },
	{ "access-register mode: each exception, with and without the flag", CLAUSES,
	  access_register },
	{ "DAT off: addressing and protection", CLAUSES, dat_off },
	{ "exceptions of access-register translation", CLAUSES, tokens },
	{ "two injections in a row", "MEMOP-INJ-06", two_in_a_row },
	{ "injection while the program-new PSW is not valid (observed)", "MEMOP-INJ-05",
	  invalid_new_psw },
	{ "primary space: each exception, with and without the flag", CLAUSES, primary },
	{ "home space: each exception, with and without the flag", CLAUSES, home },
	{ "24- and 31-bit addressing: each exception, with and without the flag", CLAUSES,
	  short_addresses },
	{ "a request that is refused raises nothing", "MEMOP-INJ-02", errors },
	{ "of several vCPUs the one that is addressed, by its own tables",
	  "MEMOP-INJ-01 MEMOP-INJ-04", several_vcpus },
};

static const struct bench bench = {
	.need = MEMOP_KEYED,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
	.dat = &dat,
	.tables = TABLES,
	.judge = true,
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
