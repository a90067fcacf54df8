/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one place that knows how kernel trees (KSRC) and kernels differ.
 *
 * kvm_util of 6.8 and later adds memory with KVM_SET_USER_MEMORY_REGION2 only,
 * so the kernel it runs on has to have that; compat_kernel_fits() finds out.
 */
#ifndef COMPAT_H
#define COMPAT_H

#include <stdbool.h>
#include <stdint.h>

#include "kvm_util.h"

/*
 * compat_kernel_fits - can kvm_util of this KSRC work on the running kernel?
 * @why: set to what is missing
 */
bool compat_kernel_fits(const char **why);

/*
 * compat_slot_unit - smallest size, and alignment of user addresses, of a slot
 *
 * s390 asked for 1 MiB up to 6.x and asks for a page since its new gmap code;
 * api.rst, KVM_SET_USER_MEMORY_REGION, leaves it to the architecture. Found by
 * trying on a VM of its own.
 */
uint64_t compat_slot_unit(void);

#endif
