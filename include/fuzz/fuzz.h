/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What fuzzers of requests have in common: how many, from which seed, and the memory in
 * which a request or its buffer lies: anywhere, at the end of what can be accessed, across
 * it, read-only, nowhere, or in memory that another thread takes away all the time.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "case/draw.h"
#include "case/outcome.h"
#include "oracle/raw.h"

/* fuzz_options - --seed, --steps and --minutes, to be told before report_options() */
void fuzz_options(void);

struct fuzz {
	struct draw draw; /* for this request */
	uint64_t line, number, steps;
	double end;
};

/* fuzz_begin - the requests of a line: @steps of them, unless options say otherwise */
struct fuzz fuzz_begin(unsigned int line, uint64_t steps);

/* fuzz_next - on to the next one; false if it was the last */
bool fuzz_next(struct fuzz *f);

#define FUZZ_TEXT 80

/* fuzz_text - which one it is, in words, to @text of FUZZ_TEXT bytes; returns @text */
const char *fuzz_text(const struct fuzz *f, char *text);

/* Bytes that the process may access, behind them bytes that it may not; and both again, read-only
 */
struct fuzz_memory {
	uint8_t *user;	/* as it is */
	uint8_t *alias; /* the same bytes, always there */
	size_t size;	/* that can be accessed */
	int fd;		/* a file, of which all this is */
};

/* fuzz_memory - for what has at most @size bytes; fuzz_memory_free() gives it back */
struct fuzz_memory fuzz_memory(size_t size);
void fuzz_memory_free(struct fuzz_memory *m);

/* Bytes that lie in such memory */
struct fuzz_place {
	const struct fuzz_memory *memory;
	void *user;	/* where, for the kernel */
	uint8_t *alias; /* the same bytes; NULL if there are none */
	size_t size;
	size_t readable, writable; /* leading ones */
};

/* fuzz_place - a place for @size bytes, one in @odd no ordinary one; guards are laid around it */
struct fuzz_place fuzz_place(const struct fuzz_memory *m, struct draw *d, size_t size,
			     unsigned int odd);

/* fuzz_fill - put bytes there, as far as there are any */
void fuzz_fill(const struct fuzz_place *p, const void *bytes);

/*
 * fuzz_changed - the first byte of all the memory that is not what is said
 * @bytes: what the place itself is to hold; NULL: anything
 * Returns its distance from the place, LONG_MIN if there is none.
 */
long fuzz_changed(const struct fuzz_place *p, const void *bytes);

/* The other thread: it takes the memory's first half away, and gives it back */
struct fuzz_thief;

struct fuzz_thief *fuzz_thief(const struct fuzz_memory *m);

/* fuzz_thief_end - it ends, and all of the memory is there; returns how often it was not */
unsigned long fuzz_thief_end(struct fuzz_thief *t);

/* One request: what it is made on, and where it lies */
struct fuzz_call {
	unsigned long nr;
	const char *name;
	const void *request; /* _IOC_SIZE() bytes */
	struct raw raw;
	struct fuzz_place place;
	struct outcome outcome; /* what came of it */
};

/* Descriptors, as enum raw_file has them; the last one is closed */
struct fuzz_files {
	int fd[RAW_FILES];
};

/* fuzz_files - @other: KVM's, without the requests that @right has */
struct fuzz_files fuzz_files(int right, int other);
void fuzz_files_close(struct fuzz_files *f);

/* fuzz_lay - draw where the request lies and on which file it is made, and put it there */
void fuzz_lay(struct fuzz_call *c, struct fuzz *f, const struct fuzz_memory *m);

/* fuzz_issue - make it */
void fuzz_issue(struct fuzz_call *c, const struct fuzz_files *files);

/*
 * fuzz_judge - one case: did it come to one of @a, and is its memory as it was?
 * @answered: KVM may have written into the request, which is copied there; NULL: it may not
 * @text: the request in words
 * Returns whether it has begun, and all is right so far.
 */
bool fuzz_judge(const struct fuzz *f, const struct fuzz_call *c, const struct answers *a,
		void *answered, const char *text);

/* fuzz_wrong - the case has failed */
void fuzz_wrong(const struct fuzz *f, const char *text, const char *expected, const char *format,
		...) __attribute__((format(printf, 4, 5)));

#endif
