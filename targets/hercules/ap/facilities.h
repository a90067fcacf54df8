/* SPDX-License-Identifier: QPL-1.0 */
/*
 * Instructions of facilities.c; to be included after arch.h.
 */
#ifndef AP_FACILITIES_H
#define AP_FACILITIES_H

DEF_INST(ap_stfle);
DEF_INST(ap_pckmo);

#endif
