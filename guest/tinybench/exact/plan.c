/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/exact/plan.h"
#include "vmm/core/array.h"

#define BENCH_FILE PLAN_BUILD "/guest/bench.elf"

/* ---- arms --------------------------------------------------------------------------------------
 */

/* Arms that run the floor's loops instead of the benchmark file. */
static const char *const own_arms[] = {"floor", "vm-bare"};

bool plan_is_own_arm(const char *name)
{
	size_t length = strcspn(name, "+");

	for (size_t i = 0; i < NR_OF(own_arms); i++)
		if (strlen(own_arms[i]) == length && strncmp(own_arms[i], name, length) == 0)
			return true;
	return false;
}

static bool is_arm(const char *arm, const char *name)
{
	size_t length = strlen(name);

	return strncmp(arm, name, length) == 0 &&
	       (arm[length] == '\0' || arm[length] == ':' || arm[length] == '+');
}

char *plan_program(const char *arm)
{
	char path[4096];
	const char *name = is_arm(arm, "qemu-microvm") ? "qemu-system-x86_64"
			   : is_arm(arm, "kvmtool")    ? "lkvm"
						       : NULL;

	if (is_arm(arm, "exec"))
		return xasprintf("%.*s", (int)strcspn(arm + 5, "+"), arm + 5);
	return name && file_find_program(name, path, sizeof(path)) ? xstrdup(path) : NULL;
}

/* ---- benchmarks --------------------------------------------------------------------------------
 */

static const struct {
	const char *name, *text;
} own_benches[] = {
	{"life.start", "a start and end of the smallest guest, from execve(2) on"},
	{"trap.serial_out", "one byte to the serial port, from ring 0"},
};

void plan_add_to_catalog(struct catalog *catalog)
{
	for (size_t i = 0; i < NR_OF(own_benches); i++)
		catalog_add(catalog, own_benches[i].name, "instructions", false,
			    own_benches[i].text);
}

static bool begins(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool ends(const char *text, const char *suffix)
{
	size_t length = strlen(text), wanted = strlen(suffix);

	return length >= wanted && strcmp(text + length - wanted, suffix) == 0;
}

/* Why its count says nothing, or NULL. */
static const char *why_no_meaning(const char *bench)
{
	if (begins(bench, "cpu.") || begins(bench, "mem."))
		return "has no meaning in instructions: the same ones run everywhere, and what "
		       "they "
		       "cost is time";
	if (ends(bench, "_way_out") || ends(bench, "_handling") || ends(bench, "_way_back"))
		return "is a part of a time; the account of the whole exit has its parts";
	if (begins(bench, "life.") && strcmp(bench, "life.start") != 0)
		return "is measured in time, bytes or watts; life.start is what is counted";
	return NULL;
}

static unsigned int depth_of(const char *bench)
{
	const char *depth = strstr(bench, "_qd");

	return depth ? (unsigned int)atoi(depth + 3) : begins(bench, "blk.seq") ? 4 : 1;
}

static unsigned int rounds_of(const char *bench)
{
	unsigned int depth = depth_of(bench);

	if (begins(bench, "blk.seq"))
		return 8;
	return depth > 1 ? (2 * PLAN_ROUNDS + depth - 1) / depth : PLAN_ROUNDS;
}

/* ---- jobs --------------------------------------------------------------------------------------
 */

static struct plan_job *add_job(struct plan *plan, const char *arm, const char *bench,
				const char *on)
{
	struct plan_job *job;

	plan->jobs = xgrow(plan->jobs, plan->nr, &plan->capacity, sizeof(plan->jobs[0]));
	job = &plan->jobs[plan->nr++];
	*job = (struct plan_job){.number = (unsigned int)plan->nr,
				 .arm = xstrdup(arm),
				 .bench = on ? xasprintf("%s@%s", bench, on) : xstrdup(bench)};
	return job;
}

static void refuse(struct plan_job *job, const char *why)
{
	if (!job->why_not)
		job->why_not = xstrdup(why);
	argv_free(&job->argv);
}

/* What follows each + of an arm's name are options for its VMM: behind the program. */
static void add_options(struct plan_job *job, const char *arm)
{
	size_t at = 1;

	for (arm = strchr(arm, '+'); arm && job->argv.nr + 1 < NR_OF(job->argv.at); at++) {
		const char *end = strchrnul(arm + 1, '+');

		memmove(job->argv.at + at + 1, job->argv.at + at,
			(job->argv.nr - at) * sizeof(job->argv.at[0]));
		job->argv.at[at] = xasprintf("%.*s", (int)(end - arm - 1), arm + 1);
		job->argv.nr++;
		arm = *end ? end : NULL;
	}
}

static void add_disk(struct plan_job *job, const char *device)
{
	if (strcmp(device, "null_blk") == 0)
		names_add(&job->setup,
			  "[ -e /dev/nullb0 ] || insmod /later/10-null_blk.ko irqmode=0 "
			  "nr_devices=1 gb=1 submit_queues=1");
	else
		names_add(&job->setup, "[ -e /dev/ram0 ] || insmod /later/11-brd.ko rd_nr=1 "
				       "rd_size=65536");
}

static const char *disk_path(const char *device)
{
	return strcmp(device, "null_blk") == 0 ? "/dev/nullb0" : "/dev/ram0";
}

/* A TAP beside the machine, and the peer at its address; a process reaches it as well. */
static void add_net(struct plan_job *job)
{
	names_add(&job->setup,
		  "[ -e /sys/class/net/tb0 ] || { ip link set lo up; tunctl -t tb0 >/dev/null; "
		  "ip addr add 198.18.1.1/24 dev tb0; ip link set tb0 up; }");
	argv_add(&job->peer, BENCH_FILE);
	argv_add(&job->peer, "serve");
	argv_add(&job->peer, "address=198.18.1.1:7");
}

/* Of a class of arm.h: the command that measures times, with a fixed number of rounds. */
static void fill_from_class(struct plan_job *job, const char *arm_name, const char *bench,
			    const char *on, const char *program, struct err *err)
{
	static const struct arm_context context = {
		.build_dir = PLAN_BUILD, .bench_file = BENCH_FILE, .scratch = "/tmp"};
	struct netlab lab = {.name = "tb0", .tap = "tb0"};
	struct names extra = {0};
	struct job spec = {.bench = job->is_life ? NULL : bench,
			   .samples = 2,
			   .min_ms = 1,
			   .cpus = 1,
			   .disk = on ? disk_path(on) : NULL,
			   .net = begins(bench, "net.") ? &lab : NULL,
			   .extra = &extra};
	char *rounds = xasprintf("iterations=%u", rounds_of(bench));
	char *name = xasprintf("%.*s", (int)strcspn(arm_name, "+"), arm_name);
	struct arm arm;

	names_add(&extra, rounds);
	if (is_arm(arm_name, "native"))
		spec.net = NULL; /* no namespace: the peer is reached on this machine */
	if (arm_parse(&arm, name, &context, err) == 0) {
		if (program) {
			free(arm.program);
			arm.program = xstrdup(program);
		}
		if (arm.class->command(&arm, &spec, &job->argv, err) < 0)
			refuse(job, err->text);
		else if (is_arm(arm_name, "native") && begins(bench, "net."))
			argv_add(&job->argv, NETLAB_VM_PEER);
	}
	arm_release(&arm);
	names_free(&extra);
	free(rounds);
	free(name);
	names_add(&job->guests, "guest/payload.elf");
	names_add(&job->guests, "guest/bench.elf");
}

/* What the floor's loops have: an exit of each kind, and a start. */
static void fill_own(struct plan_job *job, const char *arm, const char *bench,
		     const char *build_dir)
{
	char *guest = job->is_life ? xstrdup("tests/kvm/three.elf")
				   : xasprintf("tests/kvm/loop_%s.elf", bench + strlen("trap."));
	char *file = xasprintf("%s/%s", build_dir, guest);

	if (!job->is_life && (!begins(bench, "trap.") || !file_exists(file))) {
		refuse(job, "the floor has loops of exits only, and no devices");
	} else if (is_arm(arm, "floor")) {
		argv_add(&job->argv, PLAN_BUILD "/tests/bench/floor");
		argv_add(&job->argv, "-C");
		argv_add(&job->argv, "-m");
		argv_add(&job->argv, "64");
		argv_add(&job->argv, PLAN_BUILD "/%s", guest);
	} else {
		argv_add(&job->argv, PLAN_BUILD "/tinyvmm");
		argv_add(&job->argv, "--mem");
		argv_add(&job->argv, "64M");
		argv_add(&job->argv, "--kernel");
		argv_add(&job->argv, PLAN_BUILD "/%s", guest);
	}
	names_add(&job->guests, guest);
	free(file);
	free(guest);
}

static void add_one(struct plan *plan, const char *arm, const char *bench, const char *on,
		    const char *build_dir)
{
	struct plan_job *job = add_job(plan, arm, bench, on);
	const char *why = why_no_meaning(bench);
	char *program = plan_program(arm);
	struct err err;

	job->is_life = strcmp(bench, "life.start") == 0;
	job->is_benchmark = is_arm(arm, "native");
	if (why)
		refuse(job, why);
	else if ((is_arm(arm, "qemu-microvm") || is_arm(arm, "kvmtool")) && !program)
		refuse(job, is_arm(arm, "kvmtool") ? "kvmtool (lkvm) is not installed"
						   : "qemu-system-x86_64 is not installed");
	else if (is_arm(arm, "linux-vm") && job->is_life)
		refuse(job, "the start of a Linux kernel is longer than a trace may be");
	else if (plan_is_own_arm(arm))
		fill_own(job, arm, bench, build_dir);
	else if (strcmp(bench, "trap.serial_out") == 0)
		refuse(job, "is the floor's loop; arms floor and vm-bare have it");
	else
		fill_from_class(job, arm, bench, on, program, &err);
	if (job->argv.nr) {
		add_options(job, arm);
		if (on)
			add_disk(job, on);
		if (begins(bench, "net."))
			add_net(job);
	}
	free(program);
}

/* Wanted by its name, or by that and what it is on. */
static void add_if_wanted(struct plan *plan, const char *arm, const char *bench, const char *on,
			  const char *patterns, const char *build_dir)
{
	char *name = xasprintf("%s%s%s", bench, on ? "@" : "", on ? on : "");

	if (names_match(patterns, bench) || names_match(patterns, name))
		add_one(plan, arm, bench, on, build_dir);
	free(name);
}

int plan_add_arm(struct plan *plan, const char *arm, const struct catalog *catalog,
		 const char *patterns, const char *build_dir, struct err *err)
{
	struct arm_context context = {0};
	char *name = xasprintf("%.*s", (int)strcspn(arm, "+"), arm);
	struct arm parsed = {0};
	int ret = 0;

	if (!plan_is_own_arm(arm))
		ret = arm_parse(&parsed, name, &context, err);
	if (!ret && parsed.class == &arm_container)
		ret = err_set(err, -EINVAL,
			      "--arms %s: there are no containers in the machine that is counted",
			      arm);
	arm_release(&parsed);
	free(name);
	for (size_t i = 0; !ret && i < catalog->nr; i++) {
		const char *bench = catalog->at[i]->name;

		if (begins(bench, "blk.")) {
			add_if_wanted(plan, arm, bench, "null_blk", patterns, build_dir);
			add_if_wanted(plan, arm, bench, "brd", patterns, build_dir);
		} else {
			add_if_wanted(plan, arm, bench, NULL, patterns, build_dir);
		}
	}
	return ret;
}

void plan_free(struct plan *plan)
{
	for (size_t i = 0; i < plan->nr; i++) {
		struct plan_job *job = &plan->jobs[i];

		free(job->arm);
		free(job->bench);
		free(job->why_not);
		argv_free(&job->argv);
		argv_free(&job->peer);
		names_free(&job->setup);
		names_free(&job->guests);
	}
	free(plan->jobs);
	*plan = (struct plan){0};
}
