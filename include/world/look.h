/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looks at storage keys, compared with a world's model; what was open is settled by them.
 */
#ifndef LOOK_H
#define LOOK_H

#include "world/world.h"

/* The parts of a storage key (PoP, chapter 3, "Storage Key") */
#define LOOK_ACC_F 0xf8
#define LOOK_REFERENCE 0x04
#define LOOK_CHANGE 0x02
#define LOOK_RC (LOOK_REFERENCE | LOOK_CHANGE)

/* world_look_at_keys - compare what KVM_S390_GET_SKEYS says; true where there are no keys */
bool world_look_at_keys(struct world *w, unsigned int slot, size_t page, size_t pages);

/* world_look_at_key - is @is what the page's key may be? Only on s390x. */
bool world_look_at_key(struct world *w, unsigned int memory, size_t page, uint8_t is);

#endif
