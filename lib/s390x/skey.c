// SPDX-License-Identifier: GPL-2.0-only
/*
 * Storage keys: see skey.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "case/bytes.h"
#include "s390x/skey.h"

uint8_t skey_byte(unsigned int acc, bool fetch_protection)
{
	return (uint8_t)(acc << SKEY_ACC_SHIFT | (fetch_protection ? SKEY_FETCH_PROTECTION : 0));
}

struct outcome skey_set(struct kvm_vm *vm, uint64_t gpa, size_t pages, uint8_t key)
{
	uint8_t *keys = malloc(pages);
	struct kvm_s390_skeys request = {
		.start_gfn = gpa / BYTES_PAGE,
		.count = pages,
		.skeydata_addr = (uintptr_t)keys,
	};
	struct outcome outcome;

	if (!keys)
		return outcome_error(ENOMEM);
	memset(keys, key, pages);
	outcome = outcome_of(ioctl(vm->fd, KVM_S390_SET_SKEYS, &request));
	free(keys);
	return outcome;
}

struct outcome skey_get(struct kvm_vm *vm, uint64_t gpa, size_t pages, uint8_t *keys)
{
	struct kvm_s390_skeys request = {
		.start_gfn = gpa / BYTES_PAGE,
		.count = pages,
		.skeydata_addr = (uintptr_t)keys,
	};

	return outcome_of(ioctl(vm->fd, KVM_S390_GET_SKEYS, &request));
}
