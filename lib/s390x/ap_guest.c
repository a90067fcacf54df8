// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that look for crypto adapters themselves: see s390x/ap.h.
 *
 * They have a program and a VM of their own, and not guest/order.h: the program is three
 * instructions in a loop over up to 65,536 queues, without DAT and stack, so that a new guest
 * costs no copy of the test into its memory.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/vfio.h>

#include "kvm_util.h"
#include "s390x/ap.h"

#define UNIT (1UL << 20)
#define CODE 0x10000UL
#define COUNT 0x11000UL	 /* of the queues to test */
#define QCI 0x12000UL	 /* what PQAP(QCI) stores */
#define FOUND 0x20000UL	 /* response codes, a byte each */
#define QUEUES 0x40000UL /* two bytes each */
#define PSW_64_BIT 0x0000000180000000UL
#define EXIT_IPA 0x8300
#define AP_INTERRUPTS (1ULL << (127 - 65))

/*
 * PQAP (Principles of Operation do not have it; include/uapi and arch/s390/include/asm/ap.h of
 * KSRC do): function code and queue in r0, status in r1 with the response code in bits 40-47.
 */
asm(".pushsection .rodata\n"
    "	.balign 8\n"
    "ap_program:\n"
    "	llilf	%r6,0x11000\n"
    "	lg	%r3,0(%r6)\n"
    "	llilf	%r4,0x20000\n"
    "	llilf	%r7,0x40000\n"
    "	ltgr	%r3,%r3\n"
    "	jz	2f\n"
    "1:	llgh	%r0,0(%r7)\n"
    "	lghi	%r1,0\n"
    "	lghi	%r2,0\n"
    "	.insn	rre,0xb2af0000,0,0\n"
    "	srlg	%r5,%r1,16\n"
    "	stc	%r5,0(%r4)\n"
    "	la	%r4,1(%r4)\n"
    "	la	%r7,2(%r7)\n"
    "	brctg	%r3,1b\n"
    "2:	llilf	%r0,0x04000000\n"
    "	llilf	%r2,0x12000\n"
    "	.insn	rre,0xb2af0000,0,0\n"
    "	diag	%r0,%r0,0x501\n"
    "ap_program_end:\n"
    ".popsection\n");

extern const uint8_t ap_program[], ap_program_end[];

struct ap_guest {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	uint8_t *memory;
	int container, group, link, device; /* -1: not open; link: KVM's to the group */
};

/* STFLE bit 65, where KVM has it to offer: before there is a vCPU */
static void offer_interrupts(struct kvm_vm *vm)
{
	struct kvm_s390_vm_cpu_machine offered;
	struct kvm_s390_vm_cpu_processor model;

	if (__kvm_device_attr_get(vm->fd, KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_MACHINE,
				  &offered) ||
	    !(offered.fac_mask[1] & AP_INTERRUPTS))
		return;
	TEST_ASSERT(!__kvm_device_attr_get(vm->fd, KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR,
					   &model),
		    "the CPU model, errno %d", errno);
	model.fac_list[1] |= AP_INTERRUPTS;
	TEST_ASSERT(!__kvm_device_attr_set(vm->fd, KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR,
					   &model),
		    "facility 65, errno %d", errno);
}

struct ap_guest *ap_guest_create(bool instructions)
{
	struct ap_guest *g = calloc(1, sizeof(*g));
	uint8_t *whole =
		mmap(NULL, 2 * UNIT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	TEST_ASSERT(g && whole != MAP_FAILED, "no memory");
	g->container = g->group = g->link = g->device = -1;
	g->memory = (uint8_t *)(((uintptr_t)whole + UNIT - 1) & -UNIT);
	/* The rest goes with the process: a VM here is made a few times only */
	g->vm = vm_create_barebones();
	TEST_ASSERT(!__vm_set_user_memory_region(g->vm, 0, 0, 0, UNIT, g->memory), "a slot");
	TEST_ASSERT(!__kvm_device_attr_set(g->vm->fd, KVM_S390_VM_CRYPTO,
					   instructions ? KVM_S390_VM_CRYPTO_ENABLE_APIE
							: KVM_S390_VM_CRYPTO_DISABLE_APIE,
					   NULL),
		    "AP instructions, errno %d", errno);
	offer_interrupts(g->vm);
	g->vcpu = __vm_vcpu_add(g->vm, 0);
	memcpy(g->memory + CODE, ap_program, (size_t)(ap_program_end - ap_program));
	return g;
}

static int open_device(struct ap_guest *g, unsigned int mdev)
{
	g->device = ioctl(g->group, VFIO_GROUP_GET_DEVICE_FD, ap_mdev_uuid(mdev));
	return g->device < 0 ? errno : 0;
}

/* /dev/vfio/NUMBER of the device */
static int open_group(unsigned int mdev)
{
	char link[AP_PATH], path[AP_PATH];
	ssize_t count = readlink(ap_mdev_file(mdev, "iommu_group"), link, sizeof(link) - 1);

	if (count < 0)
		return -1;
	link[count] = 0;
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(link, '/') + 1);
	return open(path, O_RDWR | O_CLOEXEC);
}

static int attach(struct ap_guest *g, unsigned int mdev)
{
	g->group = open_group(mdev);
	if (g->group < 0)
		return errno;
	g->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	TEST_ASSERT(g->container >= 0 &&
			    !ioctl(g->group, VFIO_GROUP_SET_CONTAINER, &g->container) &&
			    !ioctl(g->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU),
		    "a container for the device, errno %d", errno);
	if (!g->vm)
		return 0;
	if (g->link < 0)
		g->link = __kvm_create_device(g->vm, KVM_DEV_TYPE_VFIO);
	TEST_ASSERT(g->link >= 0 && !__kvm_device_attr_set(g->link, KVM_DEV_VFIO_GROUP,
							   KVM_DEV_VFIO_GROUP_ADD, &g->group),
		    "KVM_DEV_VFIO_GROUP_ADD, errno %d", errno);
	return 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void ap_guest_close(struct ap_guest *g)
{
	close_one(&g->device);
	close_one(&g->link);
	close_one(&g->group);
	close_one(&g->container);
}

/* A VM that has one device tries to get a second, with the one link that KVM lets it have */
static int open_second(const struct ap_guest *g, unsigned int mdev)
{
	struct ap_guest other = {
		.vm = g->vm, .link = g->link, .container = -1, .group = -1, .device = -1
	};
	int err = attach(&other, mdev);

	if (!err) {
		err = open_device(&other, mdev);
		__kvm_device_attr_set(g->link, KVM_DEV_VFIO_GROUP, KVM_DEV_VFIO_GROUP_DEL,
				      &other.group);
	}
	other.link = -1;
	ap_guest_close(&other);
	return err;
}

int ap_guest_open(struct ap_guest *g, unsigned int mdev)
{
	struct ap_guest none = { .container = -1, .group = -1, .link = -1, .device = -1 };
	int err;

	if (g && g->device >= 0)
		return open_second(g, mdev);
	g = g ? g : &none;
	err = attach(g, mdev);
	if (!err)
		err = open_device(g, mdev);
	if (err || g == &none)
		ap_guest_close(g);
	return err;
}

int ap_guest_device(const struct ap_guest *g)
{
	return g->device;
}

void ap_guest_free(struct ap_guest *g)
{
	ap_guest_close(g);
	kvm_vm_free(g->vm);
	free(g);
}

static struct ap_mask mask_at(const uint8_t *at)
{
	struct ap_mask m;

	memcpy(&m, at, sizeof(m));
	return m;
}

void *ap_guest_memory(const struct ap_guest *g, unsigned long address)
{
	return g->memory + address;
}

static void map_from(const struct ap_guest *g, unsigned long from, unsigned long size)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)g->memory + from,
		.iova = from,
		.size = size,
	};

	TEST_ASSERT(!ioctl(g->container, VFIO_IOMMU_MAP_DMA, &map), "VFIO_IOMMU_MAP_DMA, errno %d",
		    errno);
}

void ap_guest_map(const struct ap_guest *g)
{
	map_from(g, 0, AP_MAPPED_APART);
	map_from(g, AP_MAPPED_APART, UNIT - AP_MAPPED_APART);
}

void ap_guest_unmap(const struct ap_guest *g, unsigned long from)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = from,
		.size = from ? UNIT - AP_MAPPED_APART : AP_MAPPED_APART,
	};

	TEST_ASSERT(!ioctl(g->container, VFIO_IOMMU_UNMAP_DMA, &unmap) && unmap.size,
		    "VFIO_IOMMU_UNMAP_DMA, errno %d", errno);
}

unsigned long ap_guest_run(struct ap_guest *g, unsigned long address)
{
	struct kvm_run *run = g->vcpu->run;

	run->psw_mask = PSW_64_BIT;
	run->psw_addr = address;
	TEST_ASSERT(!_vcpu_run(g->vcpu), "KVM_RUN, errno %d", errno);
	if (run->exit_reason != KVM_EXIT_S390_SIEIC || run->s390_sieic.icptcode != 4 ||
	    (run->s390_sieic.ipa & 0xff00) != EXIT_IPA)
		return 0;
	return run->psw_addr;
}

bool ap_guest_scan(struct ap_guest *g, struct ap_scan *scan)
{
	uint64_t count = scan->count;

	TEST_ASSERT(count <= AP_QUEUES, "%zu queues", scan->count);
	memcpy(g->memory + COUNT, &count, sizeof(count));
	memcpy(g->memory + QUEUES, scan->queue, count * sizeof(*scan->queue));
	memset(g->memory + FOUND, 0xee, count);
	memset(g->memory + QCI, 0, 128);
	if (!ap_guest_run(g, CODE))
		return false;
	memcpy(scan->rc, g->memory + FOUND, count);
	scan->qci.adapters = mask_at(g->memory + QCI + 16);
	scan->qci.domains = mask_at(g->memory + QCI + 48);
	scan->qci.controls = mask_at(g->memory + QCI + 80);
	return true;
}
