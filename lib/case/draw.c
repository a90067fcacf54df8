// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbers drawn from a seed: see draw.h.
 */
#include "case/draw.h"

/* splitmix64 */
uint64_t draw_next(struct draw *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void draw_begin(struct draw *d, uint64_t seed, uint64_t stream)
{
	d->state = seed ^ stream * 0xd1342543de82ef95;
	draw_next(d);
}

uint64_t draw_below(struct draw *d, uint64_t limit)
{
	return draw_next(d) % limit;
}

bool draw_one_in(struct draw *d, unsigned int n)
{
	return draw_below(d, n) == 0;
}

static uint64_t any_edge(struct draw *d, unsigned int bits)
{
	uint64_t power = 1UL << draw_below(d, bits), beside = draw_below(d, 3) - 1;

	switch (draw_below(d, 6)) {
	case 0:
		return beside; /* 0, 1 and all ones */
	case 1:
		return power;
	case 2:
		return power + beside;
	case 3:
		return -power + beside;
	case 4:
		return draw_below(d, 1024) * 4096 + beside;
	}
	return draw_next(d);
}

uint64_t draw_edge(struct draw *d, unsigned int bits)
{
	return any_edge(d, bits) & (bits < 64 ? (1UL << bits) - 1 : UINT64_MAX);
}
