// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests and instructions on one page: see page_op.h.
 */
#include "case/bytes.h"
#include "s390x/judge.h"
#include "s390x/memop.h"
#include "s390x/page_op.h"
#include "s390x/skey.h"

#define READ KVM_S390_MEMOP_ABSOLUTE_READ
#define WRITE KVM_S390_MEMOP_ABSOLUTE_WRITE

/* Key 3 is that of the page where it has one, key 5 is another */
const struct page_op page_ops[] = {
	{ "absolute read", PAGE_OP_MEMOP, READ, false, false, -1, false },
	{ "absolute read, key 3", PAGE_OP_MEMOP, READ, false, false, 3, false },
	{ "absolute read, key 5", PAGE_OP_MEMOP, READ, false, false, 5, false },
	{ "absolute write", PAGE_OP_MEMOP, WRITE, true, false, -1, false },
	{ "absolute write, key 3", PAGE_OP_MEMOP, WRITE, true, false, 3, false },
	{ "absolute write, key 5", PAGE_OP_MEMOP, WRITE, true, false, 5, false },
	{ "check of a read, key 5", PAGE_OP_MEMOP, READ, false, true, 5, false },
	{ "check of a write", PAGE_OP_MEMOP, WRITE, true, true, -1, false },
	{ "check of a write, key 3", PAGE_OP_MEMOP, WRITE, true, true, 3, false },
	{ "logical read, key 3", PAGE_OP_MEMOP, KVM_S390_MEMOP_LOGICAL_READ, false, false, 3,
	  false },
	{ "logical write", PAGE_OP_MEMOP, KVM_S390_MEMOP_LOGICAL_WRITE, true, false, -1, false },
	{ "logical write, key 5", PAGE_OP_MEMOP, KVM_S390_MEMOP_LOGICAL_WRITE, true, false, 5,
	  false },
	{ "check of a logical write", PAGE_OP_MEMOP, KVM_S390_MEMOP_LOGICAL_WRITE, true, true, -1,
	  false },
	{ "cmpxchg", PAGE_OP_EXCHANGE, 0, true, false, -1, false },
	{ "cmpxchg, key 3", PAGE_OP_EXCHANGE, 0, true, false, 3, false },
	{ "cmpxchg, key 5", PAGE_OP_EXCHANGE, 0, true, false, 5, false },
	{ "cmpxchg of another value", PAGE_OP_DIFFERS, 0, true, false, -1, false },
	{ "GET_SKEYS", PAGE_OP_GET_KEY, 0, false, false, -1, false },
	{ "LG", PAGE_OP_GUEST, JUDGE_FETCH, false, false, 0, false },
	{ "LG, key 5", PAGE_OP_GUEST, JUDGE_FETCH, false, false, 5, false },
	{ "STG", PAGE_OP_GUEST, JUDGE_STORE, true, false, 0, false },
	{ "STG, key 5", PAGE_OP_GUEST, JUDGE_STORE, true, false, 5, false },
	{ "SET_SKEYS", PAGE_OP_SET_KEY, 0, false, false, -1, true },
	{ "ISKE", PAGE_OP_GUEST, JUDGE_ISKE, false, false, 0, true },
	{ "SSKE", PAGE_OP_GUEST, JUDGE_SSKE, false, false, 0, true },
	{ "RRBE", PAGE_OP_GUEST, JUDGE_RRBE, false, false, 0, true },
};
const size_t page_op_count = ARRAY_SIZE(page_ops);

static bool is_key_instruction(const struct page_op *o)
{
	return o->kind == PAGE_OP_GUEST && o->uses_keys;
}

bool page_op_denied(const struct page_op *o, uint8_t storage_key)
{
	if (o->key <= 0 || o->key == storage_key >> SKEY_ACC_SHIFT)
		return false;
	return o->store || storage_key & SKEY_FETCH_PROTECTION;
}

size_t page_op_stores(const struct page_op *o)
{
	if (!o->store || o->check || o->kind == PAGE_OP_DIFFERS)
		return 0;
	return o->kind == PAGE_OP_GUEST ? 8 : PAGE_OP_BYTES;
}

size_t page_op_reads(const struct page_op *o)
{
	if (o->kind == PAGE_OP_DIFFERS)
		return PAGE_OP_BYTES;
	if (o->store || o->check || o->kind == PAGE_OP_GET_KEY || o->kind == PAGE_OP_SET_KEY)
		return 0;
	return o->kind == PAGE_OP_MEMOP ? PAGE_OP_BYTES : is_key_instruction(o) ? 0 : 8;
}

static void request(const struct page_op *o, struct page_access *x)
{
	bool on_vcpu =
		o->op == KVM_S390_MEMOP_LOGICAL_READ || o->op == KVM_S390_MEMOP_LOGICAL_WRITE;
	bool exchange = o->kind != PAGE_OP_MEMOP;
	struct kvm_s390_mem_op op = {
		.op = exchange ? KVM_S390_MEMOP_ABSOLUTE_CMPXCHG : o->op,
		.gaddr = x->gpa,
		.size = PAGE_OP_BYTES,
		.flags = (o->check ? KVM_S390_MEMOP_F_CHECK_ONLY : 0) |
			 (o->key >= 0 ? KVM_S390_MEMOP_F_SKEY_PROTECTION : 0),
		.buf = (uintptr_t)(o->store ? x->new : x->buf),
		.key = o->key >= 0 ? (uint8_t)o->key : 0,
	};

	if (exchange) {
		bytes_copy(x->buf, x->now, PAGE_OP_BYTES);
		if (o->kind == PAGE_OP_DIFFERS)
			x->buf[PAGE_OP_BYTES - 1] ^= 1;
		compat_set_old_addr(&op, x->buf);
	}
	x->outcome = memop(on_vcpu && !exchange ? x->arena->vcpu->fd : x->arena->vm->fd, &op);
}

static void instruction(const struct page_op *o, struct page_access *x)
{
	struct judge_order order = {
		.address = judge_real(x->gpa),
		.psw_mask = JUDGE_PSW | JUDGE_PSW_KEY(o->key),
		.kind = o->op,
	};

	if (o->op == JUDGE_SSKE)
		order.value = x->key;
	else
		bytes_copy(&order.value, x->new, 8);
	judge_run(x->arena, &order, 1);
	x->outcome = (struct outcome){ .ret = order.code };
	bytes_copy(x->buf, &order.value, 8);
	if (o->op == JUDGE_ISKE)
		x->key = (uint8_t)order.value;
}

void page_op_run(const struct page_op *o, struct page_access *x)
{
	bytes_copy(x->buf, bytes_inverted(123), PAGE_OP_BYTES);
	if (o->kind == PAGE_OP_GET_KEY)
		x->outcome = skey_get(x->arena->vm, x->gpa, 1, &x->key);
	else if (o->kind == PAGE_OP_SET_KEY)
		x->outcome = skey_set(x->arena->vm, x->gpa, 1, x->key);
	else if (o->kind == PAGE_OP_GUEST)
		instruction(o, x);
	else
		request(o, x);
}
