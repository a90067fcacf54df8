/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers drawn from a seed: the same ones for the same seed, on every machine.
 */
#ifndef DRAW_H
#define DRAW_H

#include <stdbool.h>
#include <stdint.h>

struct draw {
	uint64_t state;
};

/* draw_begin - the stream @stream of the numbers of @seed; streams have nothing in common */
void draw_begin(struct draw *d, uint64_t seed, uint64_t stream);

uint64_t draw_next(struct draw *d);

/* draw_below - from 0 to @limit - 1 */
uint64_t draw_below(struct draw *d, uint64_t limit);

bool draw_one_in(struct draw *d, unsigned int n);

/*
 * draw_edge - where mistakes are: 0, all ones, a power of two, and what lies beside these;
 * a single bit, a page's multiple, anything. Of @bits bits.
 */
uint64_t draw_edge(struct draw *d, unsigned int bits);

#endif
