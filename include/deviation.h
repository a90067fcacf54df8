/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where kernels are known to differ from the contract: docs/contract.md, "Known
 * deviations", tells of each, with its reason. The oracle does not know them: a
 * case that deviates in the known way, and in no other, is counted apart.
 */
#ifndef DEVIATION_H
#define DEVIATION_H

#include "contract.h"

/*
 * deviation_known - is @o, which the contract does not allow, known of kernels?
 * @p: what the oracle says of @r in @s
 * Returns the deviation's name, e.g. "DEV-01", or NULL.
 */
const char *deviation_known(const struct state *s, const struct request *r,
			    const struct prediction *p, struct outcome o);

/*
 * deviation_of_old - is what became of the old value of a cmpxchg known of kernels?
 * @old: the @size bytes at "old_addr" after an outcome @o that leaves them alone
 */
const char *deviation_of_old(struct outcome o, const uint8_t *old, size_t size);

/* deviation_of_user_address - is it known of kernels to take a user address that no process has? */
const char *deviation_of_user_address(struct outcome o);

/*
 * deviation_of_dirty_page - is it known of kernels to log a page that was not written?
 * @attempted: a store to it was denied, or a cmpxchg found another value there
 */
const char *deviation_of_dirty_page(bool attempted);

/* deviation_of_read_page - is it known of kernels to log a page that the guest has only read? */
const char *deviation_of_read_page(void);

/*
 * deviation_of_memfd - is it known of kernels that a guest reaches the slot's user address
 * where it should reach its guest_memfd?
 */
const char *deviation_of_memfd(void);

#endif
