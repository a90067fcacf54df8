/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walks through the states of devices, masks, cards and guests: see world/walk.h.
 */
#ifndef S390X_AP_WALK_H
#define S390X_AP_WALK_H

#include "world/walk.h"

extern const struct walk_subject ap_walk_subject;
extern const struct actions ap_walk_actions;

#endif
