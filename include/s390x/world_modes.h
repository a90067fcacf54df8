/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Modes that vCPUs of a world are in: PSW, control and access registers, and the
 * translation tables, in the guest's home, that they lead to.
 */
#ifndef WORLD_MODES_H
#define WORLD_MODES_H

#include "s390x/world.h"

#define MODE_PLAIN 0U

/* world_modes_build - put the tables into the guest's home */
void world_modes_build(struct world *w);
/* world_modes_facilities - what the guest's CPU model has */
void world_modes_facilities(struct world *w, struct cpu *cpu);
/* world_modes_set - the model becomes that mode; the vCPU does with its next order */
void world_modes_set(struct world *w, struct cpu_model *model, unsigned int mode);
/*
 * world_modes_virtual - the address by which a vCPU in that mode reaches the absolute @gpa
 * @ar: access register that it uses
 */
uint64_t world_modes_virtual(const struct cpu_model *model, uint64_t gpa, unsigned int ar);
unsigned int world_modes_count(void);
const char *world_modes_name(unsigned int mode);

#endif
