// SPDX-License-Identifier: GPL-2.0-only
/*
 * purges ROUNDS: makes the CPU purge its TLB at least twice in each round, by changing
 * the protection of a page of its own, and prints how long that took. Nothing is
 * left behind but the age: an emulated CPU counts its purges, and what it does wrong
 * after many of them no machine that is resumed for each test shows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE 4096

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
	double begin = seconds();
	volatile char *page;

	if (!rounds) {
		fprintf(stderr, "usage: purges ROUNDS\n");
		return 2;
	}
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	for (unsigned long i = 0; i < rounds; i++) {
		*page = 1;
		if (mprotect((void *)page, PAGE, PROT_READ) ||
		    mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE)) {
			perror("mprotect");
			return 1;
		}
	}
	printf("# %lu rounds in %.1f s\n", rounds, seconds() - begin);
	return 0;
}
