/* SPDX-License-Identifier: MIT */
/* The ioctls of /dev/kvm and of a VM (Linux Documentation/virt/kvm/api.rst, section 4). */
#include "vmm/kvm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define VM_NR_GSIS 24 /* pins of the in-kernel I/O APIC */

struct vm_line {
	struct vm *vm;
	uint32_t gsi;
	pthread_mutex_t lock; /* around the making of fd */
	int fd;		      /* negative until the line is first raised */
	bool failure_told;
};

struct vm {
	struct kvm *kvm;
	const struct log *log;
	int fd;
	bool has_irqchip;
	struct vm_line line[VM_NR_GSIS];
};

static int open_failed(struct err *err)
{
	int ret = -errno;
	struct stat st;
	struct group *group;

	if (ret == -ENOENT || ret == -ENODEV || ret == -ENXIO)
		return err_set(err, ret,
			       "/dev/kvm: %s; load kvm_intel or kvm_amd (and enable "
			       "virtualisation in the firmware, or nested virtualisation on the "
			       "host below), or emulate a KVM host: \"build/venue tinyvmm ...\"",
			       strerror(-ret));
	if (ret != -EACCES && ret != -EPERM)
		return err_set(err, ret, "/dev/kvm: cannot open: %s", strerror(-ret));
	if (stat("/dev/kvm", &st) < 0)
		return err_set(err, ret, "/dev/kvm: cannot open: %s", strerror(-ret));
	if ((st.st_mode & (S_IRGRP | S_IWGRP)) != (S_IRGRP | S_IWGRP))
		return err_set(err, ret,
			       "/dev/kvm: cannot open: %s; its mode %04o lets no group in: as "
			       "root, \"chgrp kvm /dev/kvm && chmod 660 /dev/kvm\"; or emulate a "
			       "KVM host: "
			       "\"build/venue tinyvmm ...\"",
			       strerror(-ret), (unsigned int)st.st_mode & 07777);
	group = getgrgid(st.st_gid);
	return err_set(err, ret,
		       "/dev/kvm: cannot open: %s; it belongs to group %s: join that with "
		       "\"usermod -aG %s USER\" and log in again, or emulate a KVM host: "
		       "\"build/venue tinyvmm ...\"",
		       strerror(-ret), group != NULL ? group->gr_name : "kvm",
		       group != NULL ? group->gr_name : "kvm");
}

static int check_extension(const struct kvm *kvm, int cap)
{
	return ioctl(kvm->fd, KVM_CHECK_EXTENSION, (unsigned long)cap);
}

static int require_extension(const struct kvm *kvm, int cap, const char *name, struct err *err)
{
	if (check_extension(kvm, cap) > 0)
		return 0;
	return err_set(err, -ENOTSUP, "/dev/kvm: lacks %s; a newer host kernel is needed", name);
}

int kvm_open(struct kvm *kvm, struct err *err)
{
	int ret;

	*kvm = (struct kvm){.fd = open("/dev/kvm", O_RDWR | O_CLOEXEC)};
	if (kvm->fd < 0)
		return open_failed(err);
	ret = ioctl(kvm->fd, KVM_GET_API_VERSION, 0ul);
	if (ret != KVM_API_VERSION) {
		ret = err_set(err, -ENOTSUP, "/dev/kvm: API version %d, but %d is needed", ret,
			      KVM_API_VERSION);
		goto fail;
	}
	ret = require_extension(kvm, KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY", err);
	if (ret == 0)
		ret = require_extension(kvm, KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT", err);
	if (ret < 0)
		goto fail;
	ret = ioctl(kvm->fd, KVM_GET_VCPU_MMAP_SIZE, 0ul);
	if (ret < 0) {
		ret = err_set(err, -errno, "/dev/kvm: KVM_GET_VCPU_MMAP_SIZE: %s", strerror(errno));
		goto fail;
	}
	kvm->run_bytes = (size_t)ret;
	kvm->kind = host_kind_detect();
	/* api.rst 4.7: 4 where the capability is not reported; the bound on ids defaults to it. */
	ret = check_extension(kvm, KVM_CAP_MAX_VCPUS);
	kvm->max_vcpus = ret > 0 ? (unsigned int)ret : 4;
	ret = check_extension(kvm, KVM_CAP_MAX_VCPU_ID);
	kvm->max_vcpu_id = ret > 0 ? (uint32_t)ret : kvm->max_vcpus;
	kvm->has_stats_fd = check_extension(kvm, KVM_CAP_BINARY_STATS_FD) > 0;
	kvm->has_tsc_deadline = check_extension(kvm, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	return 0;
fail:
	kvm_close(kvm);
	return ret;
}

void kvm_close(struct kvm *kvm)
{
	if (kvm->fd >= 0)
		close(kvm->fd);
	kvm->fd = -1;
}

int vm_create(struct kvm *kvm, const struct log *log, struct vm **out, struct err *err)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int ret;

	if (vm == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	vm->kvm = kvm;
	vm->log = log;
	/* EINTR: a signal, a SIGCONT perhaps, came while KVM waited for the address space. */
	do
		vm->fd = ioctl(kvm->fd, KVM_CREATE_VM, 0ul);
	while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0) {
		ret = -errno;
		free(vm);
		return err_set(err, ret, "/dev/kvm: cannot create a VM: %s", strerror(-ret));
	}
	for (uint32_t gsi = 0; gsi < VM_NR_GSIS; gsi++) {
		vm->line[gsi] = (struct vm_line){.vm = vm, .gsi = gsi, .fd = -1};
		pthread_mutex_init(&vm->line[gsi].lock, NULL);
	}
	*out = vm;
	return 0;
}

void vm_destroy(struct vm *vm)
{
	if (vm == NULL)
		return;
	close(vm->fd);
	for (unsigned int gsi = 0; gsi < VM_NR_GSIS; gsi++) {
		if (vm->line[gsi].fd >= 0)
			close(vm->line[gsi].fd);
		pthread_mutex_destroy(&vm->line[gsi].lock);
	}
	free(vm);
}

int vm_map_memory(struct vm *vm, const struct gmem *mem)
{
	for (uint32_t i = 0; i < mem->nr_regions; i++) {
		struct kvm_userspace_memory_region region = {
			.slot = i,
			.guest_phys_addr = mem->region[i].start.addr,
			.memory_size = mem->region[i].size_bytes,
			.userspace_addr = (uint64_t)(uintptr_t)mem->region[i].hva,
		};

		if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
			return -errno;
	}
	return 0;
}

static int set_pic_base(struct vm *vm, uint32_t chip, uint8_t base)
{
	struct kvm_irqchip state = {.chip_id = chip};

	if (ioctl(vm->fd, KVM_GET_IRQCHIP, &state) < 0)
		return -errno;
	state.chip.pic.irq_base = base;
	return ioctl(vm->fd, KVM_SET_IRQCHIP, &state) < 0 ? -errno : 0;
}

int vm_set_pic_vectors(struct vm *vm, uint8_t master, uint8_t slave, struct err *err)
{
	int ret = set_pic_base(vm, KVM_IRQCHIP_PIC_MASTER, master);

	if (ret == 0)
		ret = set_pic_base(vm, KVM_IRQCHIP_PIC_SLAVE, slave);
	if (ret < 0)
		return err_set(err, ret, "--irqchip kernel: KVM_SET_IRQCHIP: %s", strerror(-ret));
	return 0;
}

int vm_create_irqchip(struct vm *vm, bool x2apic_ids, struct err *err)
{
	struct kvm_enable_cap x2apic = {
		.cap = KVM_CAP_X2APIC_API,
		.args = {KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK},
	};

	/* api.rst 7.7: without this, id 255 means broadcast even in x2APIC mode. */
	if (x2apic_ids && ioctl(vm->fd, KVM_ENABLE_CAP, &x2apic) < 0)
		return err_set(err, -errno,
			       "--cpus: this KVM cannot address APIC ids above 254: %s",
			       strerror(errno));
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0ul) < 0)
		return err_set(err, -errno, "--irqchip kernel: KVM_CREATE_IRQCHIP: %s",
			       strerror(errno));
	vm->has_irqchip = true;
	return 0;
}

int vm_create_pit(struct vm *vm, struct err *err)
{
	struct kvm_pit_config config = {.flags = KVM_PIT_SPEAKER_DUMMY};

	if (ioctl(vm->fd, KVM_CREATE_PIT2, &config) < 0)
		return err_set(err, -errno, "--pit on: KVM_CREATE_PIT2: %s", strerror(errno));
	return 0;
}

int vm_reserve_intel_pages(struct vm *vm, gpa_t at)
{
	uint64_t identity = at.addr; /* one page; the TSS takes the three after it */

	if (vm->kvm->kind != HOST_KVM_INTEL)
		return 0;
	if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0)
		return -errno;
	return ioctl(vm->fd, KVM_SET_TSS_ADDR, (unsigned long)at.addr + 0x1000) < 0 ? -errno : 0;
}

int vm_create_vcpu(struct vm *vm, uint32_t apic_id, struct kvm_run **run)
{
	int fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)apic_id);
	void *map;
	int ret;

	if (fd < 0)
		return -errno;
	map = mmap(NULL, vm->kvm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		ret = -errno;
		close(fd);
		return ret;
	}
	*run = map;
	return fd;
}

void vm_close_vcpu(struct vm *vm, int fd, struct kvm_run *run)
{
	munmap(run, vm->kvm->run_bytes);
	close(fd);
}

/* ---- interrupts ------------------------------------------------------------------------- */

static int line_open(struct vm_line *line)
{
	struct kvm_irqfd irqfd = {.gsi = line->gsi};
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int ret;

	if (fd < 0)
		return -errno;
	irqfd.fd = (uint32_t)fd;
	if (ioctl(line->vm->fd, KVM_IRQFD, &irqfd) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

/* The line's descriptor, or -errno if it could not be connected. */
static int line_connect(struct vm_line *line)
{
	int fd;

	pthread_mutex_lock(&line->lock);
	if (line->fd < 0)
		__atomic_store_n(&line->fd, line_open(line), __ATOMIC_RELEASE);
	fd = line->fd;
	if (fd < 0 && !line->failure_told)
		log_error(
			line->vm->log,
			"interrupt line %u cannot be connected (KVM_IRQFD): %s; the guest does not "
			"hear its device%s",
			line->gsi, strerror(-fd),
			fd == -EMFILE ? "; raise the limit with \"ulimit -n\"" : "");
	line->failure_told |= fd < 0;
	pthread_mutex_unlock(&line->lock);
	return fd;
}

static void line_raise(void *ctx)
{
	struct vm_line *line = ctx;
	int fd = __atomic_load_n(&line->fd, __ATOMIC_ACQUIRE);

	if (fd < 0)
		fd = line_connect(line);
	if (fd >= 0)
		eventfd_write(fd, 1);
}

struct irq vm_irq(struct vm *vm, unsigned int gsi)
{
	if (!vm->has_irqchip || gsi >= VM_NR_GSIS)
		return (struct irq){0};
	return (struct irq){.raise = line_raise, .ctx = &vm->line[gsi]};
}

static void lines_set(void *ctx, unsigned int gsi, bool high)
{
	struct vm *vm = ctx;
	struct kvm_irq_level level = {.irq = gsi, .level = high};

	/* A line that the controllers do not have is the guest's mistake, and does nothing. */
	ioctl(vm->fd, KVM_IRQ_LINE, &level);
}

struct irq_lines vm_irq_lines(struct vm *vm)
{
	if (!vm->has_irqchip)
		return (struct irq_lines){0};
	return (struct irq_lines){.set = lines_set, .ctx = vm};
}

/* ---- doorbells -------------------------------------------------------------------------- */

static int ioeventfd(struct vm *vm, gpa_t at, uint32_t value, int fd, uint32_t flags)
{
	struct kvm_ioeventfd request = {
		.datamatch = value,
		.addr = at.addr,
		.len = sizeof(value),
		.fd = fd,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH | flags,
	};

	return ioctl(vm->fd, KVM_IOEVENTFD, &request) < 0 ? -errno : 0;
}

static int doorbell_bind(void *ctx, gpa_t at, uint32_t value, int fd)
{
	return ioeventfd(ctx, at, value, fd, 0);
}

static void doorbell_unbind(void *ctx, gpa_t at, uint32_t value, int fd)
{
	ioeventfd(ctx, at, value, fd, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

struct doorbell vm_doorbell(struct vm *vm)
{
	return (struct doorbell){.bind = doorbell_bind, .unbind = doorbell_unbind, .ctx = vm};
}

int vm_stats_fd(struct vm *vm)
{
	int fd = ioctl(vm->fd, KVM_GET_STATS_FD, 0ul);

	return fd < 0 ? -errno : fd;
}

int vm_vcpu_stats_fd(int vcpu_fd)
{
	int fd = ioctl(vcpu_fd, KVM_GET_STATS_FD, 0ul);

	return fd < 0 ? -errno : fd;
}
