// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of a guest's queues: PQAP(AQIC) with facility 65.
 *
 * vfio-ap.rst, "The CPU model features for AP" (apqi); clauses AP-INTR. How it is seen: the guest
 * itself enables and disables interrupts, its PQAP(TAPQ) tells which is in force, and the
 * emulated machine has a queue interrupt it. An interrupt that outlives its device would store
 * a byte in memory that is not the guest's any more, and one for a queue that the guest has
 * not would let it meddle with another's.
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "ap/deviation.h"
#include "s390x/ap.h"
#include "test_util.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BYTE 0x19010UL /* where the guest is notified */
#define SUBCLASS 5U
#define SPECIFICATION 6
#define A_MOMENT 10000U /* loops: less than a tick of the host's clock, which ends SIE */
#define LONG 100000000U /* loops: until something comes */

static struct ap_guest *guest;
static unsigned int queue;

/* A guest with one queue and facility 65 */
static bool guest_begins(void)
{
	ap_assign(0, AP_ADAPTER, ap.adapter[0], NULL);
	ap_assign(0, AP_DOMAIN, ap.domain[0], NULL);
	ap_do(AP_OPEN, 0, 1, NULL);
	if (ap.lost)
		return false;
	guest = ap.vm[0];
	queue = ap_queue(ap.adapter[0], ap.domain[0]);
	ap_guest_map(guest);
	if (ap_guest_control(guest, queue, false, 0, 0).program == SPECIFICATION) {
		report_skip(SKIP_CAPABILITY, "facility 65 for guests (apqi)");
		return false;
	}
	return true;
}

static void expect(struct ap_status s, uint8_t rc, const char *request)
{
	char expected[40];

	if (!report_case())
		return;
	snprintf(expected, sizeof(expected), "response code %02x", rc);
	if (s.program || AP_STATUS_RC(s.word) != rc)
		report_wrong(request, expected, "status %08x, program interruption %04x", s.word,
			     s.program);
}

static void expect_enabled(bool enabled, const char *when)
{
	struct ap_status s = ap_guest_test(guest, queue);

	report_check(!s.program && !AP_STATUS_RC(s.word) &&
			     enabled == !!(s.word & AP_STATUS_INTERRUPTS),
		     when, enabled ? "TAPQ: interrupts are enabled" : "TAPQ: they are not",
		     "status %08x, program interruption %04x", s.word, s.program);
}

static struct ap_status control(bool enable)
{
	return ap_guest_control(guest, queue, enable, SUBCLASS, BYTE);
}

static void switched(void)
{
	if (!guest_begins())
		return;
	report_deciding("AP-INTR-01");
	expect_enabled(false, "a new guest");
	expect(control(true), 0x00, "AQIC enables");
	expect_enabled(true, "after AQIC");
	expect(control(true), 0x07, "AQIC enables again");
	expect_enabled(true, "after AQIC again");
	expect(control(false), 0x00, "AQIC disables");
	expect_enabled(false, "after AQIC that disables");
	expect(control(false), 0x07, "AQIC disables again");
}

static void interrupted(void)
{
	uint8_t *byte;
	uint32_t word;
	char more[40];

	if (!ap_need_machine() || !guest_begins())
		return;
	report_deciding("AP-INTR-02");
	snprintf(more, sizeof(more), "irq %02x.%04x\n", ap.adapter[0], ap.domain[0]);
	for (unsigned int i = 0; i < 2; i++) {
		byte = ap_guest_memory(guest, BYTE);
		*byte = 0;
		expect(control(true), 0x00, "AQIC enables");
		word = ap_guest_wait(guest, A_MOMENT);
		report_check(!word && !*byte, "nothing has happened", "no interruption",
			     "interruption word %08x, notification %02x", word, *byte);
		ap_machine_describe(&ap.model.host, more);
		report_check(*byte, "the queue interrupts", "a notification byte that is not 0",
			     "0");
		word = ap_guest_wait(guest, A_MOMENT);
		report_check(word == (0x80000000 | SUBCLASS << 27),
			     "the guest enables I/O interruptions",
			     "an adapter interruption of its subclass", "interruption word %08x",
			     word);
		word = ap_guest_wait(guest, A_MOMENT);
		report_check(!word, "the guest waits again", "one interruption alone",
			     "interruption word %08x", word);
		expect(control(false), 0x00, "AQIC disables");
	}
}

static void *run(void *word)
{
	*(uint32_t *)word = ap_guest_wait(guest, LONG);
	return NULL;
}

/* It loops with interruptions enabled when the queue interrupts */
static void interrupted_running(void)
{
	uint32_t word = 0;
	pthread_t thread;
	char more[40];

	if (!ap_need_machine() || !guest_begins())
		return;
	report_deciding("AP-INTR-02");
	snprintf(more, sizeof(more), "irq %02x.%04x\n", ap.adapter[0], ap.domain[0]);
	expect(control(true), 0x00, "AQIC enables");
	TEST_ASSERT(!pthread_create(&thread, NULL, run, &word), "pthread_create");
	usleep(20000);
	ap_machine_describe(&ap.model.host, more);
	pthread_join(thread, NULL);
	report_check(word == (0x80000000 | SUBCLASS << 27), "a guest runs, the queue interrupts",
		     "an adapter interruption of its subclass", "interruption word %08x", word);
}

static void not_its_memory(void)
{
	static const unsigned long bytes[] = { 0, 1UL << 20, 1UL << 40, -1UL };

	if (!guest_begins())
		return;
	report_deciding("AP-INTR-03");
	for (size_t i = 0; i < COUNT(bytes); i++)
		expect(ap_guest_control(guest, queue, true, SUBCLASS, bytes[i]), 0x06,
		       "AQIC with a notification byte where the guest has no memory");
	expect_enabled(false, "after AQIC that was refused");
}

/* One that the host has, and one that it has not */
static void not_its_queue(void)
{
	unsigned int other = ap_queue(ap.adapter[0], ap.domain[1]);

	if (!guest_begins())
		return;
	report_deciding("AP-INTR-04");
	expect(ap_guest_control(guest, other, true, SUBCLASS, BYTE), 0x01,
	       "AQIC for a queue that is not assigned");
	expect(ap_guest_control(guest, ap_queue(50, 5), true, SUBCLASS, BYTE), 0x01,
	       "AQIC for a queue that is not there");
}

static void ends_with_the_device(void)
{
	if (!guest_begins())
		return;
	report_deciding("AP-INTR-05");
	expect(control(true), 0x00, "AQIC enables");
	ap_do(AP_RESET, 0, 0, "AP-INTR-05");
	expect_enabled(false, "after VFIO_DEVICE_RESET");
	expect(control(true), 0x00, "AQIC enables");
	ap_unassign(0, AP_DOMAIN, ap.domain[0], "AP-INTR-05");
	ap_assign(0, AP_DOMAIN, ap.domain[0], "AP-INTR-05");
	expect_enabled(false, "after the queue has gone and come");
	expect(control(true), 0x00, "AQIC enables");
	ap_do(AP_CLOSE, 0, 0, "AP-INTR-05");
	ap_do(AP_OPEN, 0, 2, "AP-INTR-05");
	guest = ap.vm[1];
	expect_enabled(false, "for the next guest");
}

/* Two queues, whose bytes are in the two parts of the guest's memory */
static void ends_with_its_memory(void)
{
	unsigned int other = ap_queue(ap.adapter[0], ap.domain[1]);

	if (ap.minds_resets) {
		report_skip(SKIP_CAPABILITY,
			    "unmapping that comes back while interrupts are on (FIND-46)");
		return;
	}
	if (!guest_begins())
		return;
	ap_assign(0, AP_DOMAIN, ap.domain[1], NULL);
	report_deciding("AP-INTR-05");
	/* Whatever the host has left, as for the first one */
	ap_guest_control(guest, other, false, 0, 0);
	expect(ap_guest_control(guest, other, true, SUBCLASS, BYTE - AP_MAPPED_APART), 0x00,
	       "AQIC enables another queue's");
	expect(control(true), 0x00, "AQIC enables");
	ap_guest_unmap(guest, 0);
	expect_enabled(true, "after the memory of another queue's byte is unmapped");
	ap_guest_unmap(guest, AP_MAPPED_APART);
	expect_enabled(false, "after the memory of the notification byte is unmapped");
	expect(control(true), 0x06, "AQIC with that byte again");
	expect_enabled(false, "after AQIC that was refused");
}

/* A second device that the VM may not have: the first one's interrupts are its own still */
static void beside_a_second_device(void)
{
	struct ap_status s;

	if (!guest_begins())
		return;
	ap_do(AP_CREATE, 1, 0, "AP-GUEST-03");
	ap_do(AP_OPEN, 1, 1, "AP-GUEST-03");
	s = control(true);
	if (!s.program && ap_known_takeover(AP_STATUS_RC(s.word))) {
		report_case();
		report_fault(ap_known_takeover(AP_STATUS_RC(s.word)));
		return;
	}
	report_deciding("AP-INTR-01");
	expect(s, 0x00, "AQIC enables");
	expect_enabled(true, "after AQIC");
}

static const struct line lines[] = {
	{ "a guest switches interrupts of its queue on and off", "AP-INTR-01", switched },
	{ "a queue interrupts its guest (observed)", "AP-INTR-02", interrupted },
	{ "a notification byte that is not in the guest's memory is refused (observed)",
	  "AP-INTR-03", not_its_memory },
	{ "interrupts of a queue that the guest has not cannot be switched (observed)",
	  "AP-INTR-04", not_its_queue },
	{ "interrupts end when the queue is reset, and with the guest (observed)", "AP-INTR-05",
	  ends_with_the_device },
	{ "a second device that is refused takes nothing from the first one",
	  "AP-GUEST-03 AP-INTR-01", beside_a_second_device },
	{ "interrupts end when the memory of their notification byte is unmapped (observed)",
	  "AP-INTR-05", ends_with_its_memory },
	{ "a queue interrupts its guest while that runs (observed)", "AP-INTR-02",
	  interrupted_running },
};

int main(int argc, char **argv)
{
	ap_options(argc, argv, lines, COUNT(lines));
	report_around(ap_begin, ap_end);
	return report_run();
}
