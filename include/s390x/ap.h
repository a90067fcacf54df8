/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vfio-ap at work: files in sysfs, the machine's description, guests that use a device,
 * and steps that are taken at the kernel and at the model of it (ap/model.h) at once.
 *
 * Which adapters and domains there are to use: in the emulated machine those that its
 * description gets here, on a host of one's own those that AP_ADAPTERS and AP_DOMAINS name.
 */
#ifndef S390X_AP_H
#define S390X_AP_H

#include "ap/model.h"
#include "case/report.h"

#define AP_BUS "/sys/bus/ap/"
#define AP_MATRIX "/sys/devices/vfio_ap/matrix/"
#define AP_SPARE 4U
#define AP_WORDS 400
#define AP_PATH 200

/* ------------------------------------------------------------------ files (ap_files.c) */

/* ap_write - 0 or the errno of a write of these bytes at once */
int ap_write_bytes(const char *path, const void *bytes, size_t count);
/* ap_write - the same for a line */
int ap_write(const char *path, const char *line);
/* ap_read - the text of the file, to @size bytes; false where it cannot be read */
bool ap_read(const char *path, char *text, size_t size);
/* ap_mdev_file - path of a file of the device with this number; NULL: its folder */
const char *ap_mdev_file(unsigned int mdev, const char *file);
/* ap_mdev_uuid - its name */
const char *ap_mdev_uuid(unsigned int mdev);
/* ap_driver_is - who has this queue, as the bus says */
enum ap_driver ap_driver_is(unsigned int queue);

/* ------------------------------------------------------- the machine (ap_machine.c) */

/* ap_machine_there - is this the emulated machine, whose cards can be changed? */
bool ap_machine_there(void);
/*
 * ap_machine_describe - give the machine these cards, and have the bus look
 * @more: lines of the description besides, see docs/targets.md
 */
void ap_machine_describe(const struct ap_host *host, const char *more);
/*
 * ap_trace - what happened to queues since the last call, by queue; "error:" ends the test
 * @zeroized, @reset: of AP_QUEUES; counted on
 */
struct ap_trace {
	uint16_t zeroized[AP_QUEUES], reset[AP_QUEUES];
	bool failed[AP_QUEUES]; /* the last reset */
};
void ap_trace(struct ap_trace *t);

/* ------------------------------------------------------------ guests (ap_guest.c) */

struct ap_guest;

/* What the guest's own instructions found */
struct ap_scan {
	size_t count;
	uint16_t queue[AP_QUEUES]; /* asked for */
	uint8_t rc[AP_QUEUES];	   /* TAPQ's response code */
	struct ap_matrix qci;
};

/* ap_guest_create - a VM with a vCPU, with AP instructions or not, that has no device yet */
struct ap_guest *ap_guest_create(bool instructions);
/* ap_guest_open - 0 or the errno of opening the device; NULL: without a VM, for a moment */
int ap_guest_open(struct ap_guest *g, unsigned int mdev);
/* ap_guest_close - the device alone; ap_guest_free - and the VM */
void ap_guest_close(struct ap_guest *g);
void ap_guest_free(struct ap_guest *g);
/* ap_guest_device - the file of the open device */
int ap_guest_device(const struct ap_guest *g);
/* ap_guest_scan - QCI, and TAPQ for each queue of @scan; false: it came to user space */
bool ap_guest_scan(struct ap_guest *g, struct ap_scan *scan);
/* ap_guest_memory - its byte at this address, below 1 MiB */
void *ap_guest_memory(const struct ap_guest *g, unsigned long address);
/*
 * ap_guest_map - all of its memory, for its open device: notification bytes lie there
 * ap_guest_unmap - what is below AP_MAPPED_APART (@from 0), or from there on
 */
#define AP_MAPPED_APART 0x10000UL
void ap_guest_map(const struct ap_guest *g);
void ap_guest_unmap(const struct ap_guest *g, unsigned long from);
/*
 * ap_guest_run - run the program at this address, to its DIAGNOSE 501
 * Returns the address behind that, 0 where something else came to user space.
 */
unsigned long ap_guest_run(struct ap_guest *g, unsigned long address);

/* ------------------------------------------------- their interrupts (ap_interrupt.c) */

/* A PQAP of the guest: its status, or its program interruption */
struct ap_status {
	uint32_t word; /* AP_STATUS_... and the response code */
	uint16_t program;
};

#define AP_STATUS_INTERRUPTS 0x01000000U
#define AP_STATUS_RC(word) ((word) >> 16 & 0xff)

/* ap_guest_test - PQAP(TAPQ) */
struct ap_status ap_guest_test(struct ap_guest *g, unsigned int queue);
/* ap_guest_control - PQAP(AQIC), with this subclass and address of the notification byte */
struct ap_status ap_guest_control(struct ap_guest *g, unsigned int queue, bool enable,
				  unsigned int subclass, unsigned long byte);
/* ap_guest_wait - so many loops in which all I/O interruptions are taken; the first one's word, or
 * 0 */
uint32_t ap_guest_wait(struct ap_guest *g, uint32_t loops);

/* ----------------------------------------------------------- the rig (ap_rig.c) */

struct ap_rig {
	struct ap_model model; /* what has to be */
	struct ap_guest *vm[AP_MDEVS];
	unsigned int adapter[AP_SPARE], domain[AP_SPARE]; /* to use */
	unsigned int adapters, domains;
	bool machine, has_config;		   /* the emulated one; with the file ap_config */
	bool minds_resets;			   /* FIND-40, -41 and -46 may be met */
	bool lost;				   /* a case of this line has failed */
	struct ap_mask controls_left;		   /* the host, since the line began */
	struct ap_mask apmask_first, aqmask_first; /* before the test */
	const char *more;			   /* lines of the machine's description */
};

extern struct ap_rig ap;

/* ap_options - report_options(), and what every test of vfio-ap needs: skips where it is not */
void ap_options(int argc, char **argv, const struct line *lines, size_t count);
/*
 * ap_guard - masks, bindings and devices will be as they are now once this process has ended,
 * in whatever way: a child sees to it
 */
void ap_guard(void);
/* ap_begin - for report_around(): masks, cards and devices as at a start, all spare queues ours */
void ap_begin(void);
/* ap_end - for report_around(): no guest, no device, and masks as they were */
void ap_end(void);
/* ap_need_machine - skip this line unless cards can be changed; returns whether they can */
bool ap_need_machine(void);

/* --------------------------------------------------------------- steps (ap_step.c) */

enum ap_deed {
	AP_CREATE,
	AP_REMOVE,
	AP_ASSIGN,   /* kind, number */
	AP_UNASSIGN, /* kind, number */
	AP_CONFIG,   /* matrix */
	AP_EDIT,     /* text to apmask (kind AP_ADAPTER) or aqmask (AP_DOMAIN) */
	AP_BIND,     /* number: the queue */
	AP_UNBIND,
	AP_OPEN, /* number: of the VM, from 1; 0: none */
	AP_CLOSE,
	AP_RESET, /* VFIO_DEVICE_RESET */
	AP_HOST,  /* host: the machine's cards become these */
	AP_DEEDS,
};

struct ap_step {
	enum ap_deed deed;
	unsigned int mdev;
	enum ap_kind kind;
	uint64_t number;
	const char *text;
	const struct ap_matrix *matrix;
	const struct ap_host *host;
};

/* What has to come of a step, and what did */
struct ap_came {
	struct ap_answer expected;
	int err;
};

/* ap_take - take the step at the kernel and at the model */
struct ap_came ap_take(const struct ap_step *s);
/*
 * ap_known_answer - the deviation that explains an answer which is not the expected one, or NULL
 * The model is then as the kernel has it.
 */
const char *ap_known_answer(const struct ap_model *before, const struct ap_step *s,
			    const struct ap_came *came);
/* ap_words - the step in words, to AP_WORDS bytes; returns @text */
const char *ap_words(const struct ap_step *s, char *text);

/* ----------------------------------------------------------- judging (ap_judge.c) */

/* The first thing that is not as the model has it */
struct ap_wrong {
	const char *clause;
	const char *fault; /* of released kernels, that explains it; NULL: none */
	bool in_step;	   /* and the kernel's state is the model's all the same */
	char expected[AP_WORDS], observed[AP_WORDS];
};

/*
 * ap_judge - hold every file, every guest's own scan and the machine's trace against the model
 * @before: the model before the step; NULL: nothing is said about resets
 * @all: guests scan all 65,536 queues, and not only those near what there is
 */
bool ap_judge(const struct ap_model *before, const struct ap_step *s, bool all,
	      struct ap_wrong *wrong);

/*
 * ap_case - a whole case: the step is taken, its answer and everything else is judged
 * @decides: clauses, as for report_decided()
 * Returns whether all was right. After the first that was not, no step of the line is taken:
 * the model is not the kernel's state any more.
 */
bool ap_case(const struct ap_step *s, const char *decides);

/* ap_look - a whole case without a step; with @all guests scan all 65,536 queues */
bool ap_look(bool all, const char *decides);

/* Short forms; those of them that assign, for devices that exist */
bool ap_assign(unsigned int mdev, enum ap_kind kind, uint64_t number, const char *decides);
bool ap_unassign(unsigned int mdev, enum ap_kind kind, uint64_t number, const char *decides);
bool ap_edit(enum ap_kind kind, const char *text, const char *decides);
/* ap_do - a step of a device alone, or of a device and a number */
bool ap_do(enum ap_deed deed, unsigned int mdev, uint64_t number, const char *decides);
/* ap_host - the machine's cards become these */
bool ap_host(const struct ap_host *host, const char *decides);

#endif
