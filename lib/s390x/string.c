// SPDX-License-Identifier: GPL-2.0-only
/*
 * memset(), memcpy() and memcmp() in blocks of one instruction each.
 *
 * kvm_util has these as loops over bytes, so that guests can call them, and the compiler
 * calls them where a structure is copied or cleared: thousands of instructions for each
 * request. These are fit for guests too, and take the place of those (Makefile).
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* In assembler, or the compiler would make a call of the function itself of it */
#define BLOCKS(size, instruction, n, x, y)                                                         \
	for (; (n) >= (size); (n) -= (size), (x) += (size), (y) += (size))                         \
	asm volatile(instruction : : "a"(x), "a"(y) : "memory")
#define KEEP(x) asm volatile("" : "+a"(x))

void *memcpy(void *to, const void *from, size_t n)
{
	uint8_t *x = to;
	const uint8_t *y = from;

	BLOCKS(256, "mvc	0(256,%0),0(%1)", n, x, y);
	BLOCKS(32, "mvc	0(32,%0),0(%1)", n, x, y);
	BLOCKS(8, "mvc	0(8,%0),0(%1)", n, x, y);
	BLOCKS(1, "mvc	0(1,%0),0(%1)", n, x, y);
	return to;
}

/* MVC goes byte by byte from the left, so the first one goes all the way */
void *memset(void *s, int c, size_t n)
{
	uint8_t *x = s, *y;

	if (!n)
		return s;
	*x = (uint8_t)c;
	y = x + 1;
	n--;
	BLOCKS(256, "mvc	0(256,%1),0(%0)", n, x, y);
	BLOCKS(32, "mvc	0(32,%1),0(%0)", n, x, y);
	BLOCKS(8, "mvc	0(8,%1),0(%0)", n, x, y);
	BLOCKS(1, "mvc	0(1,%1),0(%0)", n, x, y);
	return s;
}

static int differs(const uint8_t *x, const uint8_t *y)
{
	int cc;

	asm volatile("clc	0(32,%1),0(%2)\n"
		     "ipm	%0\n"
		     "srl	%0,28\n"
		     : "=d"(cc)
		     : "a"(x), "a"(y)
		     : "cc", "memory");
	return cc;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	while (n >= 32 && !differs(x, y)) {
		x += 32;
		y += 32;
		n -= 32;
	}
	for (; n; n--, x++, y++) {
		KEEP(x);
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}
