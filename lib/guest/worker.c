// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that looks at memory slots: see worker.h.
 */
#include "guest/worker.h"

void worker_create(struct worker *w)
{
	w->vm = vm_create_with_one_vcpu(&w->vcpu, order_main);
	w->desk = order_desk_open(w->vm, w->vcpu, 0);
}

#ifdef __s390x__
bool worker_create_huge(struct worker *w)
{
	if (kvm_check_cap(KVM_CAP_S390_HPAGE_1M) <= 0)
		return false;
	w->vm = vm_create(1);
	/* It has to be asked for before there is a vCPU */
	vm_enable_cap(w->vm, KVM_CAP_S390_HPAGE_1M, 0);
	w->vcpu = vm_vcpu_add(w->vm, 0, order_main);
	w->desk = order_desk_open(w->vm, w->vcpu, 0);
	return true;
}
#else
bool worker_create_huge(struct worker *w)
{
	worker_create(w);
	return true;
}
#endif

void worker_free(struct worker *w)
{
	kvm_vm_free(w->vm);
}

void worker_map(struct worker *w, uint64_t gpa, uint64_t pages)
{
	virt_map(w->vm, gpa, gpa, (unsigned int)pages);
}

static void run(struct worker *w, struct order *orders, size_t count, struct order_mmio *mmio)
{
	order_put(&w->desk, orders, count);
	TEST_ASSERT(order_run(&w->desk, mmio),
		    "the guest ended otherwise than by its ucall, exit reason %u",
		    w->vcpu->run->exit_reason);
	order_take(&w->desk, orders, count);
}

void worker_do(struct worker *w, struct order *orders, size_t count)
{
	for (size_t done = 0; done < count; done += ORDER_ROOM) {
		size_t some = count - done < ORDER_ROOM ? count - done : ORDER_ROOM;

		run(w, orders + done, some, NULL);
		for (size_t i = done; i < done + some; i++)
			TEST_ASSERT(orders[i].met, "the guest met no memory at %#llx",
				    (unsigned long long)orders[i].address);
	}
}

uint64_t worker_read(struct worker *w, uint64_t gpa)
{
	struct order o = { .kind = ORDER_READ, .address = gpa, .size = 8 };

	worker_do(w, &o, 1);
	return o.value;
}

void worker_write(struct worker *w, uint64_t gpa, uint64_t value)
{
	worker_do(w, &(struct order){ ORDER_WRITE, gpa, 8, value, 0 }, 1);
}

bool worker_try(struct worker *w, struct order *o, struct order_mmio *mmio)
{
	*mmio = (struct order_mmio){ 0 };
	run(w, o, 1, mmio);
	return o->met && !mmio->exits;
}

bool worker_finds_memory(struct worker *w, uint64_t gpa)
{
	struct order o = { .kind = ORDER_READ, .address = gpa, .size = 8 };
	struct order_mmio mmio;

	return worker_try(w, &o, &mmio);
}

bool worker_denied(struct worker *w, uint64_t gpa, bool write, uint64_t value,
		   void (*allow)(void *arg), void *arg)
{
	struct order o = { write ? ORDER_WRITE : ORDER_READ, gpa, 8, value, 0 };
	bool came_back;

	order_put(&w->desk, &o, 1);
	came_back = !_vcpu_run(w->vcpu) && w->desk.is_back(w->vcpu);
	allow(arg);
	if (!came_back)
		TEST_ASSERT(order_run(&w->desk, NULL), "the guest does not go on");
	order_take(&w->desk, &o, 1);
	return !came_back || !o.met;
}

uint64_t worker_call(struct worker *w, uint64_t (*function)(uint64_t), uint64_t value)
{
	struct order o = order_call(function, value);
	struct order_mmio mmio[1] = { 0 };

	run(w, &o, 1, mmio);
	return o.value;
}
