/* SPDX-License-Identifier: QPL-1.0 */
/*
 * Hercules' headers, once for each architecture, as it reads them itself: the first time lays
 * out its structures, and what follows is of the last, z/Architecture.
 */
#ifndef AP_ARCH_H
#define AP_ARCH_H

#include "hstdinc.h"
#include "hercules.h"
#include "opcode.h"
#include "inline.h"

#define _GEN_ARCH 390
#include "hercules.h"
#include "opcode.h"
#include "inline.h"
#undef _GEN_ARCH
#define _GEN_ARCH 900
#include "hercules.h"
#include "opcode.h"
#include "inline.h"

#endif
