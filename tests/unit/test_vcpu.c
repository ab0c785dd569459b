/* SPDX-License-Identifier: MIT */
/*
 * The run loop and the exit dispatch table (api.rst, section 5) against a scripted KVM: ioctl(2) is
 * wrapped, so that every way out of KVM_RUN can be taken, also those that no guest on this host
 * can bring about.
 */
#include <assert.h>
#include <errno.h>
#include <linux/kvm.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/core/exit_status.h"
#include "vmm/vcpu.h"
#include "vmm/x86/cpu.h"

#define VCPU_FD	   12345 /* no descriptor of this process */
#define RUN_BYTES  8192	 /* of struct kvm_run and the data page behind it */
#define IO_OFFSET  4096
#define MAX_EXITS  8
#define MAX_REPORT 1024

/* ---- KVM_RUN, wrapped ---- */

/* One way out of KVM_RUN. */
struct exit {
	int error;	       /* not 0: what the ioctl fails with */
	uint32_t reason;       /* KVM_EXIT_* ... */
	struct kvm_run fields; /* ... and what comes with it */
	const char *data;      /* of port I/O */
	bool until_kicked;     /* the guest runs until a signal comes, and then this happens */
};

struct world {
	struct vcpu_shared shared;
	struct vcpu vcpu;
	struct bus pio, mmio;
	struct gmem mem;
	struct log log;
	struct log_output output;
	FILE *report;
	_Alignas(struct kvm_run) uint8_t run[RUN_BYTES];
	struct exit script[MAX_EXITS];
	unsigned int nr_exits, taken;
	int failed_with;     /* exit status; -1: not called */
	unsigned int halted; /* calls */
};

/* vcpu.c passes a descriptor and nothing else, so what KVM does in a test cannot hang on more. */
static struct world *world;

static struct kvm_run *run_of(struct world *w)
{
	return (struct kvm_run *)w->run;
}

/* Ends the run when the script does, as a device does when the guest ends the machine. */
static int run_guest(struct world *w)
{
	static const struct timespec a_while = {.tv_sec = 1};
	const struct exit *exit;

	if (w->taken == w->nr_exits) {
		vcpus_stop(&w->shared);
		errno = EINTR;
		return -1;
	}
	exit = &w->script[w->taken++];
	if (exit->until_kicked) {
		/* api.rst, KVM_RUN: immediate_exit is looked at first. */
		while (!__atomic_load_n(&run_of(w)->immediate_exit, __ATOMIC_SEQ_CST))
			nanosleep(&a_while, NULL);
		errno = EINTR;
		return -1;
	}
	if (exit->error != 0) {
		errno = exit->error;
		return -1;
	}
	memcpy(w->run, &exit->fields, sizeof(exit->fields));
	run_of(w)->exit_reason = exit->reason;
	if (exit->reason == KVM_EXIT_IO) {
		run_of(w)->io.data_offset = IO_OFFSET;
		memcpy(w->run + IO_OFFSET, exit->data, strlen(exit->data));
	}
	return 0;
}

/* On the vCPU's thread, where cmocka's assertions cannot be. */
int ioctl(int fd, unsigned long request, ...)
{
	assert(fd == VCPU_FD && request == KVM_RUN);
	return run_guest(world);
}

/* ---- what else vcpu.c calls ---- */

int vm_create_vcpu(struct vm *vm, uint32_t apic_id, struct kvm_run **run)
{
	(void)vm, (void)apic_id;
	*run = run_of(world);
	return VCPU_FD;
}

void vm_close_vcpu(struct vm *vm, int fd, struct kvm_run *run)
{
	(void)vm, (void)run;
	assert_int_equal(fd, VCPU_FD);
}

void cpu_print_state(int vcpu_fd, const struct gmem *mem, FILE *to)
{
	(void)mem;
	assert(vcpu_fd == VCPU_FD);
	fputs("rip 0\n", to);
}

/* ---- the machine around the vCPU ---- */

static void on_failed(void *ctx, int status)
{
	((struct world *)ctx)->failed_with = status;
}

static void on_halted(void *ctx)
{
	((struct world *)ctx)->halted++;
}

static void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->report = tmpfile();
	assert_non_null(w->report);
	log_output_open(&w->output, fileno(w->report));
	w->log = (struct log){.level = LOG_WARN, .output = &w->output};
	w->failed_with = -1;
	w->shared = (struct vcpu_shared){
		.mem = &w->mem,
		.pio = &w->pio,
		.mmio = &w->mmio,
		.log = &w->log,
		.kind = HOST_KVM_INTEL,
		.failed = on_failed,
		.halted = on_halted,
		.ctx = w,
	};
	world = w;
	assert_int_equal(vcpu_install_kick(), 0);
}

static void add_exit(struct world *w, struct exit exit)
{
	assert_true(w->nr_exits < MAX_EXITS);
	w->script[w->nr_exits++] = exit;
}

static void start(struct world *w, struct exitstat *stat)
{
	assert_int_equal(vcpu_create(&w->vcpu, &w->shared, NULL, 3, 3, stat), 0);
	assert_int_equal(vcpu_start(&w->vcpu, -1), 0);
}

static void finish(struct world *w)
{
	vcpu_join(&w->vcpu);
	vcpu_destroy(&w->vcpu);
}

/* Runs the script to its end, or to that of the vCPU. */
static void play(struct world *w)
{
	start(w, NULL);
	finish(w);
}

/* What was said on stderr. */
static const char *said(struct world *w, char text[MAX_REPORT])
{
	size_t len;

	rewind(w->report);
	len = fread(text, 1, MAX_REPORT - 1, w->report);
	text[len] = '\0';
	return text;
}

static void world_fini(struct world *w)
{
	log_output_close(&w->output);
	fclose(w->report);
	world = NULL;
}

/* ---- exits that end the guest ---- */

static void each_end_has_its_status_and_a_report(void **state)
{
	static const struct {
		struct exit exit;
		int status;
		const char *says;
	} cases[] = {
		{{.reason = KVM_EXIT_SHUTDOWN}, EXIT_STATUS_TRIPLE_FAULT, "triple fault"},
		{{.reason = KVM_EXIT_INTERNAL_ERROR,
		  .fields.internal.suberror = KVM_INTERNAL_ERROR_EMULATION},
		 EXIT_STATUS_EMULATION,
		 "emulation failure"},
		{{.reason = KVM_EXIT_INTERNAL_ERROR,
		  .fields.internal.suberror = KVM_INTERNAL_ERROR_DELIVERY_EV},
		 EXIT_STATUS_UNKNOWN_EXIT,
		 "suberror 3"},
		{{.reason = KVM_EXIT_FAIL_ENTRY,
		  .fields.fail_entry.hardware_entry_failure_reason = 0x80000021},
		 EXIT_STATUS_UNKNOWN_EXIT,
		 "hardware reason 0x80000021"},
		{{.reason = KVM_EXIT_UNKNOWN}, EXIT_STATUS_UNKNOWN_EXIT, "exit reason 0"},
		{{.reason = KVM_EXIT_DEBUG}, EXIT_STATUS_UNKNOWN_EXIT, "exit reason 4"},
		{{.reason = 0xffffffff}, EXIT_STATUS_UNKNOWN_EXIT, "exit reason 4294967295"},
		{{.error = EFAULT}, EXIT_STATUS_HOST, "memory that the host could not provide"},
		{{.error = ENOMEM}, EXIT_STATUS_HOST, "KVM_RUN: Cannot allocate memory"},
	};
	char text[MAX_REPORT];

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct world w;

		world_init(&w);
		add_exit(&w, cases[i].exit);
		add_exit(&w, (struct exit){.reason = KVM_EXIT_INTR});
		play(&w);
		assert_int_equal(w.failed_with, cases[i].status);
		assert_int_equal(w.taken, 1); /* the guest is not entered again */
		assert_non_null(strstr(said(&w, text), cases[i].says));
		assert_non_null(strstr(text, "vCPU 3: "));
		assert_non_null(strstr(text, "\nrip 0\n"));
		world_fini(&w);
	}
}

/* AMD APM vol. 2, 15.14.3, and what kvm_pvm interprets: a reader must not be led astray. */
static void the_report_says_what_the_end_means_on_this_host(void **state)
{
	static const struct {
		enum host_kind kind;
		uint32_t reason;
		const char *says, *does_not_say;
	} cases[] = {
		{HOST_KVM_AMD, KVM_EXIT_SHUTDOWN, "KVM's state after INIT", "kvm_pvm"},
		{HOST_KVM_AMD, KVM_EXIT_FAIL_ENTRY, "VM entry failed", "after INIT"},
		{HOST_KVM_PVM, KVM_EXIT_SHUTDOWN, "kvm_pvm", "after INIT"},
		{HOST_KVM_INTEL, KVM_EXIT_SHUTDOWN, "triple fault", "On AMD"},
	};
	char text[MAX_REPORT];

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct world w;

		world_init(&w);
		w.shared.kind = cases[i].kind;
		add_exit(&w, (struct exit){.reason = cases[i].reason});
		play(&w);
		assert_non_null(strstr(said(&w, text), cases[i].says));
		assert_null(strstr(text, cases[i].does_not_say));
		world_fini(&w);
	}
}

static void a_vcpu_that_halts_for_good_says_so_and_stops(void **state)
{
	char text[MAX_REPORT];
	struct world w;

	(void)state;
	world_init(&w);
	add_exit(&w, (struct exit){.reason = KVM_EXIT_HLT});
	add_exit(&w, (struct exit){.reason = KVM_EXIT_INTR});
	play(&w);
	assert_int_equal(w.halted, 1);
	assert_int_equal(w.taken, 1);
	assert_int_equal(w.failed_with, -1);
	assert_string_equal(said(&w, text), "");
	world_fini(&w);
}

/* ---- exits that are served ---- */

/* KVM_EXIT_SET_TPR: a guest without a local APIC in the kernel has lowered CR8. */
static void the_guest_goes_on_after_what_concerns_only_the_host(void **state)
{
	static const struct exit cases[] = {
		{.reason = KVM_EXIT_INTR},
		{.reason = KVM_EXIT_IRQ_WINDOW_OPEN},
		{.reason = KVM_EXIT_SET_TPR},
		{.error = EINTR},
		{.error = EAGAIN}, /* api.rst, KVM_RUN: waits for its SIPI, and was interrupted */
	};
	char text[MAX_REPORT];
	struct world w;

	(void)state;
	world_init(&w);
	for (size_t i = 0; i < NR_OF(cases); i++)
		add_exit(&w, cases[i]);
	play(&w);
	assert_int_equal(w.taken, NR_OF(cases));
	assert_int_equal(w.failed_with, -1);
	assert_string_equal(said(&w, text), "");
	world_fini(&w);
}

static void a_hypercall_that_nobody_serves_fails(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	add_exit(&w, (struct exit){.reason = KVM_EXIT_HYPERCALL, .fields.hypercall.nr = 12});
	play(&w);
	assert_true(run_of(&w)->hypercall.ret == UINT64_MAX);
	world_fini(&w);
}

/* One register of a byte at each end. */
static uint64_t register_read(void *device, uint64_t offset, unsigned int size)
{
	(void)offset, (void)size;
	return *(uint8_t *)device;
}

static void register_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	(void)offset, (void)size;
	*(uint8_t *)device = (uint8_t)value;
}

static const struct bus_ops register_ops = {register_read, register_write};

static void ports_and_addresses_are_the_buses(void **state)
{
	uint8_t at_port = 0, at_address = 0;
	struct world w;

	(void)state;
	world_init(&w);
	assert_int_equal(bus_add(&w.pio, 0x80, 1, &register_ops, &at_port, "post"), 0);
	assert_int_equal(bus_add(&w.mmio, 0xd0000000, 4, &register_ops, &at_address, "slot"), 0);
	add_exit(&w, (struct exit){.reason = KVM_EXIT_IO,
				   .fields.io = {.direction = KVM_EXIT_IO_OUT,
						 .size = 1,
						 .port = 0x80,
						 .count = 3},
				   .data = "abc"}); /* rep outsb: the last byte stays */
	add_exit(&w, (struct exit){.reason = KVM_EXIT_MMIO,
				   .fields.mmio = {.phys_addr = 0xd0000000,
						   .data = {7},
						   .len = 4,
						   .is_write = 1}});
	add_exit(&w, (struct exit){.reason = KVM_EXIT_MMIO,
				   .fields.mmio = {.phys_addr = 0xd0000000, .len = 4}});
	play(&w);
	assert_int_equal(at_port, 'c');
	assert_int_equal(at_address, 7);
	assert_int_equal(run_of(&w)->mmio.data[0], 7); /* where KVM takes the answer from */

	w.nr_exits = w.taken = 0;
	atomic_store(&w.shared.mode, VCPU_RUN);
	add_exit(&w, (struct exit){.reason = KVM_EXIT_IO,
				   .fields.io = {.direction = KVM_EXIT_IO_IN,
						 .size = 1,
						 .port = 0x80,
						 .count = 2},
				   .data = ""});
	play(&w);
	assert_memory_equal(w.run + IO_OFFSET, "cc", 2);
	world_fini(&w);
}

/* ---- counting ---- */

static void each_exit_is_counted_under_its_kind_and_place(void **state)
{
	static const struct {
		struct exit exit;
		enum exit_kind kind;
		uint64_t detail;
	} cases[] = {
		{{.reason = KVM_EXIT_IO,
		  .fields.io = {.direction = KVM_EXIT_IO_OUT, .size = 1, .port = 0x80, .count = 1},
		  .data = "a"},
		 EXIT_PIO_OUT,
		 0x80},
		{{.reason = KVM_EXIT_IO,
		  .fields.io = {.direction = KVM_EXIT_IO_IN, .size = 1, .port = 0x80, .count = 1},
		  .data = ""},
		 EXIT_PIO_IN,
		 0x80},
		{{.reason = KVM_EXIT_MMIO,
		  .fields.mmio = {.phys_addr = 0xd0000050, .len = 4, .is_write = 1}},
		 EXIT_MMIO_WRITE,
		 0xd0000050},
		{{.reason = KVM_EXIT_MMIO, .fields.mmio = {.phys_addr = 0xd0000060, .len = 4}},
		 EXIT_MMIO_READ,
		 0xd0000060},
		{{.reason = KVM_EXIT_HYPERCALL, .fields.hypercall.nr = 12}, EXIT_HYPERCALL, 12},
		{{.error = EINTR}, EXIT_EINTR, 0},
		{{.reason = KVM_EXIT_HLT}, EXIT_HLT, 0},
		{{.reason = KVM_EXIT_SHUTDOWN}, EXIT_SHUTDOWN, 0},
		{{.reason = KVM_EXIT_DEBUG}, EXIT_OTHER, KVM_EXIT_DEBUG},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		const struct exit_row *row;
		struct exitstat *stat;
		struct world w;

		world_init(&w);
		assert_int_equal(exitstat_create(&stat), 0);
		add_exit(&w, cases[i].exit);
		start(&w, stat);
		finish(&w);
		row = exitstat_row(stat, 0);
		assert_non_null(row);
		assert_int_equal(row->kind, cases[i].kind);
		assert_true(row->detail == cases[i].detail);
		exitstat_destroy(stat);
		world_fini(&w);
	}
}

/* ---- stamps ---- */

/* At each exit of the script, what a device finds, and what it then asks for. */
struct watcher {
	struct world *world;
	unsigned int exits;
	bool on[MAX_EXITS];
	uint64_t served_at[MAX_EXITS], left[MAX_EXITS], entered[MAX_EXITS];
};

static void watch_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct watcher *watcher = device;
	unsigned int i = watcher->exits++;

	(void)offset, (void)size, (void)value;
	watcher->left[i] = watcher->world->vcpu.stamps.left;
	watcher->entered[i] = watcher->world->vcpu.stamps.entered;
	watcher->served_at[i] = __rdtsc();
	vcpus_stamp_exits(&watcher->world->shared, watcher->on[i]);
}

static const struct bus_ops watch_ops = {register_read, watch_write};

static void while_watched_each_exit_has_a_stamp_on_both_sides(void **state)
{
	struct exitstat *const not_counted = NULL;
	struct exitstat *counted;

	(void)state;
	assert_int_equal(exitstat_create(&counted), 0);
	for (int with_stats = 0; with_stats < 2; with_stats++) {
		struct world w;
		struct watcher seen = {.world = &w, .on = {false, true, true, true, false, false}};

		world_init(&w);
		assert_int_equal(bus_add(&w.pio, 0x80, 1, &watch_ops, &seen, "watch"), 0);
		for (unsigned int i = 0; i < 6; i++)
			add_exit(&w, (struct exit){.reason = KVM_EXIT_IO,
						   .fields.io = {.direction = KVM_EXIT_IO_OUT,
								 .size = 1,
								 .port = 0x80,
								 .count = 1},
						   .data = "a"});
		start(&w, with_stats ? counted : not_counted);
		finish(&w);
		assert_int_equal(seen.exits, 6);
		/* No device had asked. */
		assert_true(seen.left[0] == 0 && seen.entered[0] == 0);
		assert_true(seen.left[1] == 0 && seen.entered[1] == 0);
		/* While an exit is served, they are those of the one before. */
		for (unsigned int i = 3; i < 5; i++) {
			assert_true(seen.served_at[i - 2] < seen.left[i]);
			assert_true(seen.left[i] < seen.served_at[i - 1]);
			assert_true(seen.served_at[i - 1] < seen.entered[i]);
			assert_true(seen.entered[i] < seen.served_at[i]);
		}
		/* No more since the watch ended. */
		assert_true(seen.left[5] == seen.left[4] && seen.entered[5] == seen.entered[4]);
		world_fini(&w);
	}
	assert_int_equal(histogram_count(&exitstat_row(counted, 0)->ticks), 6);
	exitstat_destroy(counted);
}

static void a_watch_undoes_no_stop(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	vcpus_stop(&w.shared);
	vcpus_stamp_exits(&w.shared, true);
	assert_int_equal(atomic_load(&w.shared.mode), VCPU_STOP);
	vcpus_stamp_exits(&w.shared, false);
	assert_int_equal(atomic_load(&w.shared.mode), VCPU_STOP);
	world_fini(&w);
}

/* ---- kicks ---- */

/* Whether the vCPU is in the guest, about to enter it, or has not even begun. */
static void a_kick_is_never_lost(void **state)
{
	static const struct timespec moments[] = {{0}, {.tv_nsec = 100000}, {.tv_nsec = 20000000}};
	sigset_t kick, blocked;

	(void)state;
	sigemptyset(&kick);
	sigaddset(&kick, SIGRTMIN);
	for (size_t i = 0; i < NR_OF(moments); i++) {
		struct world w;

		sigprocmask(SIG_BLOCK, &kick, NULL); /* as a parent may have left it */
		world_init(&w);
		sigprocmask(SIG_BLOCK, NULL, &blocked);
		assert_false(sigismember(&blocked, SIGRTMIN));
		add_exit(&w, (struct exit){.until_kicked = true});
		start(&w, NULL);
		nanosleep(&moments[i], NULL);
		vcpus_stop(&w.shared);
		vcpu_kick(&w.vcpu);
		finish(&w);
		assert_int_equal(w.failed_with, -1);
		world_fini(&w);
	}
}

static void a_vcpu_that_was_never_started_can_be_kicked_and_joined(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	assert_int_equal(vcpu_create(&w.vcpu, &w.shared, NULL, 0, 0, NULL), 0);
	vcpu_kick(&w.vcpu);
	finish(&w);
	assert_int_equal(w.taken, 0);
	world_fini(&w);
}

static void a_host_cpu_that_is_not_there_is_an_error(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	assert_int_equal(vcpu_create(&w.vcpu, &w.shared, NULL, 0, 0, NULL), 0);
	assert_int_equal(vcpu_start(&w.vcpu, 100000), -EINVAL);
	finish(&w);
	world_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_end_has_its_status_and_a_report),
		cmocka_unit_test(the_report_says_what_the_end_means_on_this_host),
		cmocka_unit_test(a_vcpu_that_halts_for_good_says_so_and_stops),
		cmocka_unit_test(the_guest_goes_on_after_what_concerns_only_the_host),
		cmocka_unit_test(a_hypercall_that_nobody_serves_fails),
		cmocka_unit_test(ports_and_addresses_are_the_buses),
		cmocka_unit_test(each_exit_is_counted_under_its_kind_and_place),
		cmocka_unit_test(while_watched_each_exit_has_a_stamp_on_both_sides),
		cmocka_unit_test(a_watch_undoes_no_stop),
		cmocka_unit_test(a_kick_is_never_lost),
		cmocka_unit_test(a_vcpu_that_was_never_started_can_be_kicked_and_joined),
		cmocka_unit_test(a_host_cpu_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
