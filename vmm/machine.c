/* SPDX-License-Identifier: MIT */
/* One life of the machine: built in the order that KVM wants, run, taken down in reverse. */
#include "vmm/machine.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "vmm/describe.h"
#include "vmm/device_table.h"
#include "vmm/ending.h"
#include "vmm/core/exit_status.h"
#include "vmm/core/parse.h"
#include "guest/abi.h"
#include "vmm/host/cpus.h"
#include "vmm/host/memory.h"
#include "vmm/kvm/stats.h"
#include "vmm/vcpu.h"
#include "vmm/x86/cpu.h"

struct machine {
	const struct machine_parts *parts;
	struct hostmem hostmem;
	struct gmem mem;
	struct bus pio;
	struct bus mmio;
	struct vm *vm;
	struct evloop *loop;
	bool console_started;
	struct device *device[DEVICE_TABLE_MAX];
	unsigned int nr_devices;
	struct vcpu_shared shared;
	struct exit_clock clock;
	struct vcpu *vcpu;
	unsigned int nr_vcpus; /* created */
	struct boot_entry entry;
	struct button button;
	struct ending ending;

	pthread_mutex_t lock; /* around what follows */
	bool ended;
	struct machine_end end;
	unsigned int nr_startable;
	unsigned int nr_halted;
};

/* ---- how a life ends -------------------------------------------------------------------- */

/* The first one to end the machine decides how. From any thread. */
static void end_machine(struct machine *machine, struct machine_end end)
{
	pthread_mutex_lock(&machine->lock);
	if (!machine->ended) {
		machine->ended = true;
		machine->end = end;
		machine->end.reset &= !ending_is_asked(&machine->ending);
		vcpus_stop(&machine->shared);
	}
	pthread_mutex_unlock(&machine->lock);
	evloop_stop(machine->loop);
}

static void on_guest_end(void *ctx, enum guest_end_reason reason, uint32_t value)
{
	struct machine_end end = {.status = EXIT_STATUS_OK};

	switch (reason) {
	case GUEST_END_POWER_OFF:
		break;
	case GUEST_END_CONSOLE:
		/* Ctrl-A x, or a reader that has read enough; anything else has lost output. */
		if (value != 0 && value != EPIPE && value != EIO)
			end.status = EXIT_STATUS_HOST;
		break;
	case GUEST_END_RESET:
		end.reset = true;
		end.status = EXIT_STATUS_RESET;
		break;
	case GUEST_END_DEBUG_EXIT:
		end.status = (int)TINYVMM_DEBUG_EXIT_STATUS(value);
		break;
	}
	end_machine(ctx, end);
}

static void on_vcpu_failed(void *ctx, int status)
{
	end_machine(ctx, (struct machine_end){.status = status});
}

/* Once every vCPU has halted with nothing left that could wake one, the guest is over. */
static void on_vcpu_halted(void *ctx)
{
	struct machine *machine = ctx;
	bool all;

	pthread_mutex_lock(&machine->lock);
	all = ++machine->nr_halted == machine->nr_startable;
	pthread_mutex_unlock(&machine->lock);
	if (all)
		end_machine(machine, (struct machine_end){.status = EXIT_STATUS_OK});
}

static void on_signal_end(void *ctx, int signal_number)
{
	end_machine(ctx, (struct machine_end){.signal = signal_number});
}

/* ---- memory ------------------------------------------------------------------------------ */

/* Each guest node's RAM to where its vCPUs are, unless --mem node= says otherwise. */
static void bind_to_nodes(struct machine *machine)
{
	const struct machine_parts *parts = machine->parts;
	struct hostmem_share share[2 * BOARD_MAX_NODES];

	if (parts->cpu_of != NULL && parts->config->mem.node < 0)
		hostmem_bind_near_cpus(&machine->hostmem, parts->host, share,
				       describe_shares(parts->board, parts->cpu_of, share),
				       parts->log);
}

/* Where there is a VM, it has this memory afterwards. */
static int create_memory(struct machine *machine, bool only_judge, struct err *err)
{
	const struct mem_options *options = &machine->parts->config->mem;
	int ret = only_judge ? hostmem_judge(&machine->hostmem, options, err)
			     : hostmem_map(&machine->hostmem, options, err);

	if (ret < 0)
		return ret;
	bind_to_nodes(machine);
	ret = board_map_ram(&machine->mem, machine->hostmem.size_bytes, machine->hostmem.base);
	if (ret == 0 && machine->vm != NULL)
		ret = vm_map_memory(machine->vm, &machine->mem);
	if (ret < 0) {
		char size[SIZE_TEXT];

		format_size(size, machine->hostmem.size_bytes);
		return err_set(err, ret,
			       "--mem %s: this host's KVM cannot map that much (%s); ask for less",
			       size, strerror(-ret));
	}
	return 0;
}

/* ---- interrupt controllers, vCPUs, devices ----------------------------------------------- */

static int create_irqchip(struct machine *machine, struct err *err)
{
	const struct board *board = machine->parts->board;
	int ret = vm_reserve_intel_pages(machine->vm, gpa(MEMMAP_KVM_IDENTITY));

	if (ret < 0)
		return err_set(err, ret, "/dev/kvm: KVM_SET_TSS_ADDR: %s", strerror(-ret));
	if (board->has_irqchip)
		ret = vm_create_irqchip(machine->vm, topology_needs_x2apic(&board->topo), err);
	/* Multiboot 0.6.96, 3.2: other machine state is as the BIOS initialised it. */
	if (ret == 0 && board->has_irqchip && machine->parts->images->image.wants_acpi)
		ret = vm_set_pic_vectors(machine->vm, PIC_MASTER_BASE, PIC_SLAVE_BASE, err);
	if (ret == 0 && board->has_pit)
		ret = vm_create_pit(machine->vm, err);
	return ret;
}

static bool vcpu_starts_at_entry(const struct machine *machine, unsigned int index)
{
	return index == 0 || machine->entry.all_cpus;
}

/* The others wait in the kernel for a SIPI; without local APICs there is none to wait for. */
static bool vcpu_can_start(const struct machine *machine, unsigned int index)
{
	return machine->parts->board->has_irqchip || vcpu_starts_at_entry(machine, index);
}

/* So that exits can be timed from both sides. */
static void share_tsc(struct machine *machine, unsigned int index)
{
	uint64_t offset;
	int ret = cpu_share_tsc(machine->vcpu[index].fd, &offset);

	if (index != 0)
		return;
	machine->clock.related = ret == 0;
	machine->clock.offset = offset;
}

static int create_vcpu(struct machine *machine, unsigned int index)
{
	const struct machine_parts *parts = machine->parts;
	const struct topology *topo = &parts->board->topo;
	const struct boot_image *image = &parts->images->image;
	struct vcpu *vcpu = &machine->vcpu[index];
	struct cpuid_table cpuid = *parts->cpuid;
	int ret = vcpu_create(vcpu, &machine->shared, machine->vm, index,
			      topology_apic_id(topo, index),
			      parts->stat != NULL ? parts->stat[index] : NULL);

	if (ret < 0)
		return ret;
	machine->nr_vcpus++;
	ret = cpuid_set_topology(&cpuid, topo, index);
	if (ret == 0)
		ret = cpu_set_cpuid(vcpu->fd, &cpuid);
	if (ret == 0 && image->wants_acpi)
		ret = cpu_be_firmware(vcpu->fd,
				      topology_needs_x2apic(topo) && cpuid_has(&cpuid, "x2apic"));
	if (ret == 0 && image->protocol == BOOT_TINYVMM)
		share_tsc(machine, index);
	if (ret == 0 && vcpu_starts_at_entry(machine, index))
		ret = cpu_enter(vcpu->fd, &machine->entry, index);
	return ret;
}

static int create_vcpus(struct machine *machine, struct err *err)
{
	const struct machine_parts *parts = machine->parts;
	unsigned int nr = parts->board->topo.nr_cpus;

	machine->shared = (struct vcpu_shared){
		.mem = &machine->mem,
		.pio = &machine->pio,
		.mmio = &machine->mmio,
		.log = parts->log,
		.kind = parts->kvm->kind,
		.failed = on_vcpu_failed,
		.halted = on_vcpu_halted,
		.ctx = machine,
	};
	machine->vcpu = calloc(nr, sizeof(*machine->vcpu));
	if (machine->vcpu == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < nr; i++) {
		int ret = create_vcpu(machine, i);

		if (ret < 0)
			return err_set(err, ret, "--cpus %u: cannot create vCPU %u: %s", nr, i,
				       strerror(-ret));
	}
	machine->clock.stamps = &machine->vcpu[0].stamps;
	machine->clock.watch = vcpus_stamp_exits;
	machine->clock.ctx = &machine->shared;
	return 0;
}

static struct irq wire_irq(void *ctx, unsigned int gsi)
{
	struct machine *machine = ctx;

	return vm_irq(machine->vm, gsi);
}

static int create_devices(struct machine *machine, struct err *err)
{
	const struct machine_parts *parts = machine->parts;
	struct device_env env = {
		.mem = &machine->mem,
		.pio = &machine->pio,
		.mmio = &machine->mmio,
		.lines = vm_irq_lines(machine->vm),
		.doorbell = vm_doorbell(machine->vm),
		.loop = machine->loop,
		.console = console_chario(parts->backends->console),
		.end = {.report = on_guest_end, .ctx = machine},
		.button = &machine->button,
		.clock = machine->clock,
		.log = parts->log,
	};
	struct device_wiring wiring = {.irq = wire_irq, .ctx = machine};

	return device_table_create(&env, &wiring, parts->backends, parts->board, parts->log_limit,
				   machine->device, &machine->nr_devices, err);
}

/* The I/O thread's loop. Here come the signals that end a run; devices and the console add theirs.
 */
static int create_loop(struct machine *machine, struct err *err)
{
	int ret = evloop_create(&machine->loop);

	machine->ending = (struct ending){
		.button = &machine->button,
		.grace_s = machine->parts->config->grace_s,
		.log = machine->parts->log,
		.end = on_signal_end,
		.ctx = machine,
	};
	if (ret == 0)
		ret = ending_start(&machine->ending, machine->loop, machine->parts->signal_fd);
	if (ret < 0)
		return err_set(err, ret, "cannot create the event loop: %s", strerror(-ret));
	return 0;
}

/* ---- life ------------------------------------------------------------------------------- */

static struct machine *allocate(const struct machine_parts *parts)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	if (machine == NULL)
		return NULL;
	machine->parts = parts;
	pthread_mutex_init(&machine->lock, NULL);
	return machine;
}

/* All that needs no back end; without /dev/kvm, which only a dry run can do, the KVM-free part. */
static int create_board(struct machine *machine, bool only_judge, struct err *err)
{
	const struct machine_parts *parts = machine->parts;
	int ret = 0;

	/* vm.h says why in this order. */
	if (parts->kvm->fd >= 0)
		ret = vm_create(parts->kvm, parts->log, &machine->vm, err);
	if (ret == 0)
		ret = create_memory(machine, only_judge, err);
	if (ret == 0)
		ret = images_load(parts->images, parts->board, &machine->mem, &machine->entry, err);
	if (ret < 0 || machine->vm == NULL)
		return ret;
	ret = create_irqchip(machine, err);
	return ret < 0 ? ret : create_vcpus(machine, err);
}

int machine_create(const struct machine_parts *parts, struct machine **out, struct err *err)
{
	struct machine *machine = allocate(parts);
	int ret;

	if (machine == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	ret = create_board(machine, false, err);
	if (ret == 0)
		ret = create_loop(machine, err);
	if (ret == 0)
		ret = create_devices(machine, err);
	if (ret < 0) {
		machine_destroy(machine);
		return ret;
	}
	*out = machine;
	return 0;
}

int machine_judge(const struct machine_parts *parts, struct err *err)
{
	struct machine *machine = allocate(parts);
	int ret;

	if (machine == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	ret = create_board(machine, true, err);
	machine_destroy(machine);
	return ret;
}

void machine_destroy(struct machine *machine)
{
	if (machine == NULL)
		return;
	while (machine->nr_devices > 0)
		device_destroy(machine->device[--machine->nr_devices]);
	ending_stop(&machine->ending);
	evloop_destroy(machine->loop);
	while (machine->nr_vcpus > 0)
		vcpu_destroy(&machine->vcpu[--machine->nr_vcpus]);
	free(machine->vcpu);
	vm_destroy(machine->vm);
	hostmem_unmap(&machine->hostmem);
	pthread_mutex_destroy(&machine->lock);
	free(machine);
}

static int start_vcpus(struct machine *machine, struct err *err)
{
	const unsigned int *cpu_of = machine->parts->cpu_of;
	int ret;

	for (unsigned int i = 0; i < machine->nr_vcpus; i++)
		machine->nr_startable += vcpu_can_start(machine, i);
	for (unsigned int i = 0; i < machine->nr_vcpus; i++) {
		if (!vcpu_can_start(machine, i)) {
			log_info(machine->parts->log,
				 "vCPU %u stays off: the image neither starts it at its entry nor "
				 "has an interrupt controller to start it with",
				 i);
			continue;
		}
		ret = vcpu_start(&machine->vcpu[i], cpu_of != NULL ? (int)cpu_of[i] : -1);
		if (ret < 0)
			return err_set(err, ret,
				       "--cpus %u: cannot start the thread of vCPU %u: %s; raise "
				       "\"ulimit -u\" or the control group's pids.max",
				       machine->nr_vcpus, i, strerror(-ret));
	}
	return 0;
}

static void stop_vcpus(struct machine *machine)
{
	/* Also on the way out of a start that failed. */
	vcpus_stop(&machine->shared);
	for (unsigned int i = 0; i < machine->nr_vcpus; i++)
		vcpu_kick(&machine->vcpu[i]);
	for (unsigned int i = 0; i < machine->nr_vcpus; i++)
		vcpu_join(&machine->vcpu[i]);
}

int machine_run(struct machine *machine, struct machine_end *end, struct err *err)
{
	const struct machine_parts *parts = machine->parts;
	struct console_hooks hooks = {
		.end = {.report = on_guest_end, .ctx = machine},
		.show_counters = parts->show_counters,
		.ctx = parts->show_ctx,
	};
	int ret = console_start(parts->backends->console, machine->loop, &hooks);
	bool has_begun;

	if (ret < 0)
		return err_set(err, ret, "--console: cannot be served: %s", strerror(-ret));
	ret = start_vcpus(machine, err);
	has_begun = machine->vcpu[0].started;
	if (ret == 0) {
		int broken = evloop_run(machine->loop);

		if (broken < 0) {
			log_error(parts->log, "event loop: %s", strerror(-broken));
			end_machine(machine, (struct machine_end){.status = EXIT_STATUS_HOST});
		}
	}
	stop_vcpus(machine);
	console_stop(parts->backends->console);
	*end = machine->end;
	if (ret < 0 && has_begun)
		end->status = EXIT_STATUS_HOST;
	return ret;
}

/* ---- for the report --------------------------------------------------------------------- */

struct counters {
	struct exitstat_kvm_counter *counter;
	unsigned int nr, max;
	int vcpu;
};

static void take_counter(void *ctx, const char *name, uint64_t value)
{
	struct counters *counters = ctx;
	struct exitstat_kvm_counter *counter;

	if (counters->nr == counters->max)
		return;
	counter = &counters->counter[counters->nr++];
	counter->vcpu = counters->vcpu;
	counter->value = value;
	strncpy(counter->name, name, sizeof(counter->name) - 1);
	counter->name[sizeof(counter->name) - 1] = '\0';
}

static void take_counters(struct counters *counters, int stats_fd, int vcpu)
{
	if (stats_fd < 0)
		return;
	counters->vcpu = vcpu;
	kvm_stats_read(stats_fd, take_counter, counters);
	close(stats_fd);
}

unsigned int machine_kvm_counters(const struct machine *machine,
				  struct exitstat_kvm_counter *counters, unsigned int max)
{
	struct counters all = {.counter = counters, .max = max};

	if (!machine->parts->kvm->has_stats_fd)
		return 0;
	take_counters(&all, vm_stats_fd(machine->vm), -1);
	for (unsigned int i = 0; i < machine->nr_vcpus; i++)
		take_counters(&all, vm_vcpu_stats_fd(machine->vcpu[i].fd), (int)i);
	return all.nr;
}

const char *machine_name_of(const struct machine *machine, enum exit_kind kind, uint64_t detail)
{
	const struct bus_region *region = NULL;

	if (kind == EXIT_PIO_IN || kind == EXIT_PIO_OUT)
		region = bus_find(&machine->pio, detail);
	else if (kind == EXIT_MMIO_READ || kind == EXIT_MMIO_WRITE)
		region = bus_find(&machine->mmio, detail);
	return region != NULL ? region->name : NULL;
}
