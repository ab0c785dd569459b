/* SPDX-License-Identifier: MIT */
/*
 * The run loop and the exit dispatch table. After the Linux KVM API, api.rst section 5.
 */
#include "vmm/vcpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <x86intrin.h>

#include "vmm/core/array.h"
#include "vmm/core/exit_status.h"
#include "vmm/x86/cpu.h"

/* A vCPU's thread calls nothing deep; guard page and all. */
#define VCPU_STACK_BYTES (128u << 10)

/* Whether this vCPU enters the guest again. */
enum verdict {
	VERDICT_RESUME,
	VERDICT_STOP, /* never again; failed() or halted() has been called */
};

static int kick_signal(void)
{
	return SIGRTMIN;
}

static void on_kick(int signal)
{
	(void)signal;
}

int vcpu_install_kick(void)
{
	struct sigaction action = {.sa_handler = on_kick};
	sigset_t kick;

	/* A parent may have left it blocked, but nothing else stops a guest that spins. */
	sigemptyset(&kick);
	sigaddset(&kick, kick_signal());
	if (sigaction(kick_signal(), &action, NULL) < 0 ||
	    sigprocmask(SIG_UNBLOCK, &kick, NULL) < 0)
		return -errno;
	return 0;
}

/* ---- reports of vCPUs that cannot continue -------------------------------------------------- */

static const char *on_this_host(enum host_kind kind, int status)
{
	/* AMD APM vol. 2, 15.14.3: after a shutdown intercept the guest's state is undefined. */
	if (kind == HOST_KVM_AMD && status == EXIT_STATUS_TRIPLE_FAULT)
		return "\nOn AMD the state is lost in a triple fault; what follows is KVM's state "
		       "after INIT.";
	if (kind == HOST_KVM_PVM)
		return "\nThis host interprets ring 0 in software (kvm_pvm), which also ends so at "
		       "an instruction that its interpreter lacks; the host's dmesg names the "
		       "reason.";
	return "";
}

/* One sentence, then the state; written at once so that two vCPUs' reports do not mix. */
static enum verdict fail(struct vcpu *vcpu, int status, const char *sentence)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	if (to != NULL) {
		fprintf(to, "vCPU %u: %s%s\n", vcpu->index, sentence,
			on_this_host(vcpu->shared->kind, status));
		cpu_print_state(vcpu->fd, vcpu->shared->mem, to);
		if (fclose(to) == 0)
			log_report(vcpu->shared->log, LOG_ERROR, text);
		free(text);
	}
	vcpu->shared->failed(vcpu->shared->ctx, status);
	return VERDICT_STOP;
}

static enum verdict on_shutdown(struct vcpu *vcpu)
{
	return fail(
		vcpu, EXIT_STATUS_TRIPLE_FAULT,
		"triple fault: the guest took an exception, and delivering it, and then the "
		"double fault, failed too; its IDT, stack or page tables are not what it thinks.");
}

static enum verdict on_internal_error(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	char sentence[256];

	if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
		return fail(
			vcpu, EXIT_STATUS_EMULATION,
			"emulation failure: KVM had to emulate the instruction at rip and does not "
			"know how; often the guest jumped into data or MMIO space.");
	snprintf(sentence, sizeof(sentence),
		 "KVM internal error, suberror %u: KVM met a state that it cannot continue from.",
		 run->internal.suberror);
	return fail(vcpu, EXIT_STATUS_UNKNOWN_EXIT, sentence);
}

static enum verdict on_fail_entry(struct vcpu *vcpu)
{
	char sentence[256];

	snprintf(sentence, sizeof(sentence),
		 "VM entry failed, hardware reason 0x%llx: the CPU refused the guest's state.",
		 vcpu->run->fail_entry.hardware_entry_failure_reason);
	return fail(vcpu, EXIT_STATUS_UNKNOWN_EXIT, sentence);
}

static enum verdict on_unknown(struct vcpu *vcpu)
{
	char sentence[256];

	snprintf(sentence, sizeof(sentence),
		 "exit reason %u of KVM_RUN, which tinyvmm did not ask for and cannot serve.",
		 vcpu->run->exit_reason);
	return fail(vcpu, EXIT_STATUS_UNKNOWN_EXIT, sentence);
}

static enum verdict on_run_error(struct vcpu *vcpu, int code)
{
	char sentence[256];

	snprintf(sentence, sizeof(sentence), "KVM_RUN: %s%s", strerror(code),
		 code == EFAULT ? " (the guest touched memory that the host could not provide)"
				: "");
	return fail(vcpu, EXIT_STATUS_HOST, sentence);
}

/* ---- exits that are served -------------------------------------------------------------- */

static enum verdict on_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	if (run->io.direction == KVM_EXIT_IO_OUT)
		bus_write(vcpu->shared->pio, run->io.port, data, run->io.size, run->io.count);
	else
		bus_read(vcpu->shared->pio, run->io.port, data, run->io.size, run->io.count);
	return VERDICT_RESUME;
}

static enum verdict on_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	if (run->mmio.is_write)
		bus_write(vcpu->shared->mmio, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
			  1);
	else
		bus_read(vcpu->shared->mmio, run->mmio.phys_addr, run->mmio.data, run->mmio.len, 1);
	return VERDICT_RESUME;
}

static enum verdict on_hlt(struct vcpu *vcpu)
{
	vcpu->shared->halted(vcpu->shared->ctx);
	return VERDICT_STOP;
}

/* KVM hands over only what it was asked to; a hypercall that tinyvmm does not serve fails with
 * all-ones. */
static enum verdict on_hypercall(struct vcpu *vcpu)
{
	vcpu->run->hypercall.ret = UINT64_MAX;
	return VERDICT_RESUME;
}

static enum verdict on_nothing(struct vcpu *vcpu)
{
	(void)vcpu;
	return VERDICT_RESUME;
}

struct exit_handler {
	enum verdict (*handle)(struct vcpu *vcpu);
	enum exit_kind kind;
};

/* All but KVM_EXIT_IO and KVM_EXIT_MMIO, which serve() and exit_key() know themselves. */
static const struct exit_handler exit_handlers[] = {
	[KVM_EXIT_UNKNOWN] = {on_unknown, EXIT_OTHER},
	[KVM_EXIT_HYPERCALL] = {on_hypercall, EXIT_HYPERCALL},
	[KVM_EXIT_HLT] = {on_hlt, EXIT_HLT},
	[KVM_EXIT_IRQ_WINDOW_OPEN] = {on_nothing, EXIT_OTHER},
	/* CR8 was lowered, and its APIC is not in the kernel: there is none to tell (api.rst 5). */
	[KVM_EXIT_SET_TPR] = {on_nothing, EXIT_OTHER},
	[KVM_EXIT_SHUTDOWN] = {on_shutdown, EXIT_SHUTDOWN},
	[KVM_EXIT_FAIL_ENTRY] = {on_fail_entry, EXIT_OTHER},
	[KVM_EXIT_INTR] = {on_nothing, EXIT_EINTR},
	[KVM_EXIT_INTERNAL_ERROR] = {on_internal_error, EXIT_OTHER},
};

static const struct exit_handler *exit_handler_of(uint32_t reason)
{
	if (reason < NR_OF(exit_handlers) && exit_handlers[reason].handle != NULL)
		return &exit_handlers[reason];
	return &exit_handlers[KVM_EXIT_UNKNOWN];
}

/* The key under which an exit is counted: its kind, and the port or address it was about. */
static enum exit_kind exit_key(const struct kvm_run *run, uint64_t *detail)
{
	enum exit_kind kind;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		*detail = run->io.port;
		return run->io.direction == KVM_EXIT_IO_OUT ? EXIT_PIO_OUT : EXIT_PIO_IN;
	case KVM_EXIT_MMIO:
		*detail = run->mmio.phys_addr;
		return run->mmio.is_write ? EXIT_MMIO_WRITE : EXIT_MMIO_READ;
	case KVM_EXIT_HYPERCALL:
		*detail = run->hypercall.nr;
		return EXIT_HYPERCALL;
	default:
		kind = exit_handler_of(run->exit_reason)->kind;
		*detail = kind == EXIT_OTHER ? run->exit_reason : 0;
		return kind;
	}
}

/* The counter, not before what comes before it has been done (Intel SDM vol. 2, RDTSC). */
static inline uint64_t stamp(void)
{
	_mm_lfence();
	return __rdtsc();
}

static inline void set_stamp(_Atomic uint64_t *stamp, uint64_t value)
{
	atomic_store_explicit(stamp, value, memory_order_relaxed);
}

/* KVM_RUN failed. EAGAIN: a vCPU that waits for its SIPI was interrupted. */
static enum verdict on_run_failed(struct vcpu *vcpu)
{
	return errno == EINTR || errno == EAGAIN ? VERDICT_RESUME : on_run_error(vcpu, errno);
}

/* The two that come by the million are spared the way through the table. */
static inline enum verdict serve(struct vcpu *vcpu)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		return on_io(vcpu);
	case KVM_EXIT_MMIO:
		return on_mmio(vcpu);
	default:
		return exit_handler_of(vcpu->run->exit_reason)->handle(vcpu);
	}
}

/*
 * One loop for all modes: what it asks of them costs 6 instructions of an exit's 3,275
 * (docs/architecture.md).
 */
static void run_loop(struct vcpu *vcpu)
{
	const bool counted = vcpu->stat != NULL;
	enum verdict verdict = VERDICT_RESUME;
	enum vcpu_mode mode;
	uint64_t left_at = 0;

	while (verdict == VERDICT_RESUME &&
	       (mode = atomic_load_explicit(&vcpu->shared->mode, memory_order_relaxed)) !=
		       VCPU_STOP) {
		const bool stamped = mode == VCPU_RUN_STAMPED;
		enum exit_kind kind = EXIT_EINTR;
		uint64_t detail = 0;
		int ret;

		if (stamped) {
			/* Only now, so that a device shows those of the exit before. */
			set_stamp(&vcpu->stamps.left, left_at);
			set_stamp(&vcpu->stamps.entered, stamp());
		}
		ret = ioctl(vcpu->fd, KVM_RUN, 0ul);
		left_at = stamped ? stamp() : counted ? __rdtsc() : 0;
		if (counted && ret == 0)
			kind = exit_key(vcpu->run, &detail);
		verdict = ret == 0 ? serve(vcpu) : on_run_failed(vcpu);
		if (counted)
			exitstat_add(vcpu->stat, kind, detail, __rdtsc() - left_at);
	}
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	char name[16]; /* as much as the kernel keeps */

	snprintf(name, sizeof(name), "vcpu%u", vcpu->index);
	prctl(PR_SET_NAME, name);
	run_loop(vcpu);
	return NULL;
}

/* ---- life ------------------------------------------------------------------------------- */

int vcpu_create(struct vcpu *vcpu, struct vcpu_shared *shared, struct vm *vm, unsigned int index,
		uint32_t apic_id, struct exitstat *stat)
{
	*vcpu = (struct vcpu){.shared = shared, .vm = vm, .index = index, .stat = stat};
	vcpu->fd = vm_create_vcpu(vm, apic_id, &vcpu->run);
	return vcpu->fd < 0 ? vcpu->fd : 0;
}

int vcpu_start(struct vcpu *vcpu, int host_cpu)
{
	pthread_attr_t attr;
	cpu_set_t *cpus = NULL;
	size_t cpus_bytes;
	int ret;

	ret = pthread_attr_init(&attr);
	if (ret != 0)
		return -ret;
	ret = pthread_attr_setstacksize(&attr, VCPU_STACK_BYTES);
	if (ret == 0 && host_cpu >= 0) {
		cpus = CPU_ALLOC((size_t)host_cpu + 1);
		if (cpus == NULL) {
			ret = ENOMEM;
			goto out;
		}
		cpus_bytes = CPU_ALLOC_SIZE((size_t)host_cpu + 1);
		CPU_ZERO_S(cpus_bytes, cpus);
		CPU_SET_S((size_t)host_cpu, cpus_bytes, cpus);
		/* Before the thread exists, so that it never runs anywhere else. */
		ret = pthread_attr_setaffinity_np(&attr, cpus_bytes, cpus);
	}
	if (ret == 0)
		ret = pthread_create(&vcpu->thread, &attr, vcpu_thread, vcpu);
	if (ret != 0)
		goto out;
	vcpu->started = true;
out:
	if (cpus != NULL)
		CPU_FREE(cpus);
	pthread_attr_destroy(&attr);
	return -ret;
}

void vcpus_stop(struct vcpu_shared *shared)
{
	atomic_store(&shared->mode, VCPU_STOP);
}

void vcpus_stamp_exits(void *ctx, bool on)
{
	struct vcpu_shared *shared = ctx;
	enum vcpu_mode other = on ? VCPU_RUN : VCPU_RUN_STAMPED;

	/* Compared, so that it does not undo a stop on another thread. */
	atomic_compare_exchange_strong(&shared->mode, &other, on ? VCPU_RUN_STAMPED : VCPU_RUN);
}

void vcpu_kick(struct vcpu *vcpu)
{
	if (!vcpu->started)
		return;
	/* The order is what makes this race-free: the flag that KVM_RUN reads, then the signal. */
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pthread_kill(vcpu->thread, kick_signal());
}

void vcpu_join(struct vcpu *vcpu)
{
	if (!vcpu->started)
		return;
	pthread_join(vcpu->thread, NULL);
	vcpu->started = false;
}

void vcpu_destroy(struct vcpu *vcpu)
{
	vm_close_vcpu(vcpu->vm, vcpu->fd, vcpu->run);
}
