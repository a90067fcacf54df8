/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Storage keys (Principles of Operation, chapter 3, "Storage Key") and the
 * ioctls KVM_S390_GET_SKEYS and KVM_S390_SET_SKEYS.
 */
#ifndef SKEY_H
#define SKEY_H

#include <stdbool.h>
#include <stdint.h>

#include "kvm_util.h"
#include "case/outcome.h"

/* The byte that SSKE takes and ISKE gives: ACC F R C and a zero */
#define SKEY_ACCESS_KEYS 16 /* and as many values of the access-control bits */
#define SKEY_ACC_SHIFT 4
#define SKEY_FETCH_PROTECTION 0x08
#define SKEY_REFERENCE 0x04
#define SKEY_CHANGE 0x02

/* skey_byte - access-control bits @acc (0..15), fetch protection; R and C off */
uint8_t skey_byte(unsigned int acc, bool fetch_protection);

/*
 * skey_set - give @pages pages from absolute address @gpa on the storage key @key
 * Returns what KVM_S390_SET_SKEYS came to.
 */
struct outcome skey_set(struct kvm_vm *vm, uint64_t gpa, size_t pages, uint8_t key);

/*
 * skey_get - the storage keys of @pages pages from absolute address @gpa, to @keys
 * Returns what KVM_S390_GET_SKEYS came to; KVM_S390_GET_SKEYS_NONE is 1.
 */
struct outcome skey_get(struct kvm_vm *vm, uint64_t gpa, size_t pages, uint8_t *keys);

#endif
