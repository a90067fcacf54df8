// SPDX-License-Identifier: QPL-1.0
/*
 * The Adjunct Processor instructions for Hercules: PQAP with TAPQ (and its T bit), RAPQ,
 * ZAPQ, AQIC and QCI; NQAP and DQAP as of a card that takes no messages.
 *
 * A guest's instruction is carried out here where its state description says so
 * (ECA.APIE): with the cards, domains and control domains that the masks in its crypto
 * control block leave it. Elsewhere, and for AQIC, it is intercepted.
 */
#include "arch.h"
#include "ap_chsc.h"
#include "disk.h"
#include "enabled.h"
#include "facilities.h"
#include "guest.h"
#include "machine.h"

extern BYTE z900_stfl_data[];

enum function { TAPQ, RAPQ, ZAPQ, AQIC, QCI };

#define QUEUE_EMPTY 0x80000000
#define INTERRUPTS_ENABLED 0x01000000

/* Of general register 0 */
#define FUNCTION(gr0) ((gr0) >> 24)
#define T_BIT 0x00800000
#define F_BIT 0x00400000
#define QID(gr0) ((gr0)&0xffff)
#define RESERVED 0x00ff0000
/* Without extended addressing: a card above 63, a domain above 15 */
#define EXTENDED 0xc0f0

static enum ap_rc queue_rc(REGS *regs, struct ap_machine *machine, unsigned int qid)
{
	struct ap_masks m;

	if (SIE_MODE(regs)) {
		ap_guest_masks(regs, &m);
		if (!ap_mask_has(m.apm, qid / AP_IDS) || !ap_mask_has(m.aqm, qid % AP_IDS))
			return AP_NOT_AVAILABLE;
	}
	return ap_queue_rc(&machine->d, qid);
}

static void set_status(REGS *regs, struct ap_queue *queue, enum ap_rc rc)
{
	regs->GR_G(1) = (U32)rc << 16;
	if (rc == AP_NORMAL || rc == AP_RESET_IN_PROGRESS)
		regs->GR_G(1) |= QUEUE_EMPTY | (queue->interrupts ? INTERRUPTS_ENABLED : 0);
	regs->psw.cc = rc == AP_NORMAL ? 0 : 3;
}

static enum ap_rc while_busy(struct ap_queue *queue)
{
	if (!queue->busy)
		return AP_NORMAL;
	queue->busy--;
	return AP_RESET_IN_PROGRESS;
}

static enum ap_rc test_queue(REGS *regs, struct ap_machine *machine, unsigned int qid, bool t)
{
	static const U64 apsc = 1ULL << 63, apxa = 1ULL << 57, keys_4k = 3ULL << 61;
	const struct ap_card *card = &machine->d.card[qid / AP_IDS];
	enum ap_rc rc = queue_rc(regs, machine, qid);

	if (rc == AP_NORMAL)
		rc = while_busy(&machine->queue[qid]);
	regs->GR_G(2) = 0;
	if (rc == AP_NOT_AVAILABLE || rc > AP_BUSY)
		return rc;
	/* Type, domains, messages of 12 KiB, depth of 8 */
	regs->GR_G(2) = (U64)card->type << 24 | machine->d.max_domain << 16 | 3 << 8 | 7;
	if (t)
		regs->GR_G(2) |= apsc | (U64)card->mode << 56 |
				 (card->mode == AP_ACCEL ? keys_4k : 0) |
				 (machine->d.apxa ? apxa : 0);
	return rc;
}

static enum ap_rc reset_queue(REGS *regs, struct ap_machine *machine, unsigned int qid,
			      const char *name)
{
	struct ap_queue *queue = &machine->queue[qid];
	enum ap_rc rc = queue_rc(regs, machine, qid);

	if (rc == AP_NORMAL)
		rc = while_busy(queue);
	if (rc == AP_NORMAL)
		*queue = (struct ap_queue){ .busy = machine->d.busy };
	ap_trace("%s%s %02x.%04x rc %02x", SIE_MODE(regs) ? "guest " : "", name, qid / AP_IDS,
		 qid % AP_IDS, rc);
	return rc;
}

/* A control word in general register 1, where the notification goes in 2 */
static enum ap_rc control_interrupts(REGS *regs, struct ap_machine *machine, unsigned int qid)
{
	U64 control = regs->GR_G(1), address = regs->GR_G(2);
	bool enable = control >> 47 & 1;
	struct ap_queue *queue = &machine->queue[qid];
	enum ap_rc rc = queue_rc(regs, machine, qid);

	if (rc == AP_NORMAL)
		rc = while_busy(queue);
	if (rc == AP_NORMAL && queue->interrupts == enable)
		rc = AP_OTHERWISE_CHANGED;
	else if (rc == AP_NORMAL && enable && address > regs->mainlim)
		rc = AP_INVALID_ADDRESS;
	if (rc == AP_NORMAL)
		*queue = (struct ap_queue){ .interrupts = enable,
					    .nib = address,
					    .gisa = control & 0x7ffffff0,
					    .gisc = control >> 40 & 7 };
	ap_trace("AQIC %02x.%04x ir %d isc %d gisa %x gisc %d nib %llx rc %02x", qid / AP_IDS,
		 qid % AP_IDS, enable, (int)(control & 7), (unsigned int)control & 0x7ffffff0,
		 (int)(control >> 40 & 7), (unsigned long long)address, rc);
	return rc;
}

static void query_configuration(REGS *regs)
{
	struct ap_machine *machine;
	BYTE block[128] = { 0 };
	struct ap_masks guest;

	machine = ap_machine_get();
	block[0] = machine->d.apxa ? 0xc0 : 0x80;
	block[4] = machine->d.max_ap;
	block[5] = machine->d.max_domain;
	memcpy(block + 16, machine->d.apm, AP_MASK);
	memcpy(block + 48, machine->d.aqm, AP_MASK);
	memcpy(block + 80, machine->d.adm, AP_MASK);
	if (SIE_MODE(regs)) {
		ap_guest_masks(regs, &guest);
		for (size_t i = 0; i < sizeof(guest); i++)
			block[16 + i] =
				((BYTE *)&guest)[i] & (machine->d.raw_qci ? 0xff : block[16 + i]);
	}
	ap_machine_put();
	/* This does not return where the operand cannot be stored */
	ARCH_DEP(vstorec)(block, sizeof(block) - 1, regs->GR_G(2) & ADDRESS_MAXWRAP(regs), 2, regs);
	regs->psw.cc = 0;
}

/* Privilege, interception, and what is no queue number of this machine */
static void check(REGS *regs, bool intercept, U32 reserved)
{
	bool extended;

	PRIV_CHECK(regs);
	if (SIE_MODE(regs) && (intercept || !ap_interpreted(regs)))
		longjmp(regs->progjmp, SIE_INTERCEPT_INST);
	extended = ap_machine_get()->d.apxa;
	ap_machine_put();
	if (regs->GR_L(0) & (reserved | (extended ? 0 : EXTENDED)))
		ARCH_DEP(program_interrupt)(regs, PGM_SPECIFICATION_EXCEPTION);
}

DEF_INST(ap_pqap)
{
	int r1, r2;
	U32 gr0;
	struct ap_machine *machine;
	enum ap_rc rc = AP_NORMAL;

	RRE(inst, regs, r1, r2);
	gr0 = regs->GR_L(0);
	if (FUNCTION(gr0) == QCI) {
		PRIV_CHECK(regs);
		if (SIE_MODE(regs) && !ap_interpreted(regs))
			longjmp(regs->progjmp, SIE_INTERCEPT_INST);
		query_configuration(regs);
		return;
	}
	check(regs, FUNCTION(gr0) == AQIC,
	      RESERVED & ~(FUNCTION(gr0) == TAPQ ? T_BIT : 0) &
		      ~(FUNCTION(gr0) == RAPQ || FUNCTION(gr0) == ZAPQ ? F_BIT : 0));
	if (FUNCTION(gr0) > QCI)
		ARCH_DEP(program_interrupt)(regs, PGM_SPECIFICATION_EXCEPTION);
	machine = ap_machine_get();
	switch (FUNCTION(gr0)) {
	case TAPQ:
		rc = test_queue(regs, machine, QID(gr0), gr0 & T_BIT);
		break;
	case RAPQ:
		rc = reset_queue(regs, machine, QID(gr0), "RAPQ");
		break;
	case ZAPQ:
		rc = reset_queue(regs, machine, QID(gr0), "ZAPQ");
		break;
	case AQIC:
		rc = control_interrupts(regs, machine, QID(gr0));
		break;
	}
	set_status(regs, &machine->queue[QID(gr0)], rc);
	ap_machine_put();
}

/* A message is refused in a way after which Linux keeps the queue, and a reply never comes */
static void no_message(REGS *regs, enum ap_rc refusal)
{
	U32 qid = QID(regs->GR_L(0));
	struct ap_machine *machine;
	enum ap_rc rc;

	check(regs, false, 0);
	machine = ap_machine_get();
	rc = queue_rc(regs, machine, qid);
	set_status(regs, &machine->queue[qid], rc);
	if (rc == AP_NORMAL) {
		regs->GR_G(1) |= (U32)refusal << 16;
		regs->psw.cc = 3;
	}
	ap_machine_put();
}

DEF_INST(ap_nqap)
{
	int r1, r2;

	RRE(inst, regs, r1, r2);
	no_message(regs, AP_NOT_INSTALLED);
}

DEF_INST(ap_dqap)
{
	int r1, r2;

	RRE(inst, regs, r1, r2);
	no_message(regs, AP_NO_REPLY);
}

static void offer_facilities(void)
{
	static const int bits[] = { 12 /* QCI */, 15 /* T bit */, 65 /* AQIC */ };

	for (size_t i = 0; i < sizeof(bits) / sizeof(*bits); i++)
		z900_stfl_data[bits[i] / 8] |= 0x80 >> bits[i] % 8;
}

HDL_DEPENDENCY_SECTION;
{
	HDL_DEPENDENCY(HERCULES);
	HDL_DEPENDENCY(REGS);
	HDL_DEPENDENCY(DEVBLK);
	HDL_DEPENDENCY(SYSBLK);
}
END_DEPENDENCY_SECTION

HDL_REGISTER_SECTION;
{
	HDL_REGISTER(debug_chsc_unknown_request, ap_chsc);
}
END_REGISTER_SECTION

HDL_DEVICE_SECTION;
{
	ap_disk_prepare();
	offer_facilities();
	HDL_DEVICE(AP9336, ap_disk);
}
END_DEVICE_SECTION

HDL_INSTRUCTION_SECTION;
{
	HDL_900_DEFINST(HDL_INSTARCH_900, 0x8000, ap_ssm);
	HDL_900_DEFINST(HDL_INSTARCH_900, 0xAD00, ap_stosm);
	HDL_900_DEFINST(HDL_INSTARCH_900, 0xB2B2, ap_lpswe);
	HDL_900_DEFINST(HDL_INSTARCH_900, 0xEB2F, ap_lctlg);
	HDL_900_DEFINST(HDL_INSTARCH_900, 0xB2B0, ap_stfle);
	HDL_900_DEFINST(HDL_INSTARCH_900, 0xB928, ap_pckmo);
	HDL_900_DEFINST(HDL_INSTARCH_900, 0xB2AD, ap_nqap);
	HDL_900_DEFINST(HDL_INSTARCH_900, 0xB2AE, ap_dqap);
	HDL_900_DEFINST(HDL_INSTARCH_900, 0xB2AF, ap_pqap);
}
END_INSTRUCTION_SECTION
