/* SPDX-License-Identifier: QPL-1.0 */
/*
 * Instructions by which a guest enables interruptions; to be included after arch.h.
 */
#ifndef AP_ENABLED_H
#define AP_ENABLED_H

DEF_INST(ap_ssm);
DEF_INST(ap_stosm);
DEF_INST(ap_lpswe);
DEF_INST(ap_lctlg);

#endif
