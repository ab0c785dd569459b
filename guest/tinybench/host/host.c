/* SPDX-License-Identifier: MIT */
/* What the figures were measured on. */
#include <cpuid.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/base/spawn.h"
#include "guest/tinybench/base/text.h"
#include "guest/tinybench/host/host.h"
#include "vmm/core/array.h"

static json_t *text_or_null(const char *text)
{
	return text[0] ? text_json(text) : json_null();
}

static json_t *read_text(const char *path)
{
	char text[256];

	return text_or_null(file_read_line(path, text, sizeof(text)));
}

/* "always [madvise] never" -> "madvise" */
static json_t *read_choice(const char *path)
{
	char text[256], *open, *close;

	file_read_line(path, text, sizeof(text));
	open = strchr(text, '[');
	close = open ? strchr(open, ']') : NULL;
	if (!close)
		return text_or_null(text);
	*close = '\0';
	return text_json(open + 1);
}

/* The value of the first line "KEY : VALUE", or "". */
static void read_key(const char *path, const char *key, char *value, size_t size)
{
	char *text = file_read(path), *cursor = text, *line, *colon;

	value[0] = '\0';
	while (text && (line = strsep(&cursor, "\n"))) {
		colon = strchr(line, ':');
		if (strncmp(line, key, strlen(key)) != 0 || !colon)
			continue;
		(void)snprintf(value, size, "%s", colon + 1 + strspn(colon + 1, " \t"));
		break;
	}
	free(text);
}

static bool has_flag(const char *flags, const char *flag)
{
	size_t length = strlen(flag);
	const char *at;

	for (at = strstr(flags, flag); at; at = strstr(at + 1, flag))
		if ((at == flags || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
			return true;
	return false;
}

/* ---- the parts ---- */

/* What runs this machine if it is itself a virtual one: the signature of CPUID leaf 0x40000000. */
static json_t *read_hypervisor(bool is_guest)
{
	unsigned int eax, signature[4] = {0};

	if (!is_guest)
		return json_null();
	__cpuid(0x40000000, eax, signature[0], signature[1], signature[2]);
	return text_or_null((const char *)signature);
}

/* "Amazon EC2 m7a.large", as the firmware's tables say; not all machines have some. */
static json_t *read_machine(void)
{
	char vendor[128], product[128];
	char *text;
	json_t *machine;

	file_read_line("/sys/class/dmi/id/sys_vendor", vendor, sizeof(vendor));
	file_read_line("/sys/class/dmi/id/product_name", product, sizeof(product));
	text = xasprintf("%s%s%s", vendor, vendor[0] && product[0] ? " " : "", product);
	machine = text_or_null(text);
	free(text);
	return machine;
}

static void add_cpu(json_t *facts)
{
	char model[256], flags[8192], microcode[64];

	read_key("/proc/cpuinfo", "model name", model, sizeof(model));
	read_key("/proc/cpuinfo", "flags", flags, sizeof(flags));
	read_key("/proc/cpuinfo", "microcode", microcode, sizeof(microcode));
	json_object_set_new(facts, "cpu", text_or_null(model));
	json_object_set_new(facts, "microcode", text_or_null(microcode));
	json_object_set_new(facts, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	json_object_set_new(facts, "is_guest", json_boolean(has_flag(flags, "hypervisor")));
	json_object_set_new(facts, "hypervisor", read_hypervisor(has_flag(flags, "hypervisor")));
	json_object_set_new(facts, "machine", read_machine());
	json_object_set_new(facts, "hardware_virtualisation",
			    json_boolean(has_flag(flags, "vmx") || has_flag(flags, "svm")));
	json_object_set_new(facts, "smt", read_text("/sys/devices/system/cpu/smt/control"));
	json_object_set_new(facts, "governor",
			    read_text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"));
}

static json_t *read_turbo(void)
{
	char text[16];

	file_read_line("/sys/devices/system/cpu/intel_pstate/no_turbo", text, sizeof(text));
	if (text[0])
		return json_boolean(text[0] == '0');
	file_read_line("/sys/devices/system/cpu/cpufreq/boost", text, sizeof(text));
	return text[0] ? json_boolean(text[0] == '1') : json_null();
}

static json_t *read_mitigations(void)
{
	static const char dir_name[] = "/sys/devices/system/cpu/vulnerabilities";
	json_t *mitigations = json_object();
	DIR *dir = opendir(dir_name);
	struct dirent *entry;
	char *path;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		path = xasprintf("%s/%s", dir_name, entry->d_name);
		json_object_set_new(mitigations, entry->d_name, read_text(path));
		free(path);
	}
	if (dir)
		closedir(dir);
	return mitigations;
}

/* The module that KVM on this machine is made of, if it is loaded, as a kind. */
static const char *kind_of_modules(const char *root, const char **module)
{
	static const struct {
		const char *module, *kind;
	} rows[] = {{"kvm_pvm", "software (kvm_pvm)"},
		    {"kvm_intel", "hardware (kvm_intel)"},
		    {"kvm_amd", "hardware (kvm_amd)"}};
	char path[256];
	size_t i;

	for (i = 0; i < NR_OF(rows); i++) {
		*module = rows[i].module;
		(void)snprintf(path, sizeof(path), "%s/sys/module/%s", root, *module);
		if (file_exists(path))
			return rows[i].kind;
	}
	*module = NULL;
	return "unknown";
}

static bool is_nested(const char *root, const char *module)
{
	char path[256], text[8];

	(void)snprintf(path, sizeof(path), "%s/sys/module/%s/parameters/nested", root, module);
	file_read_line(path, text, sizeof(text));
	return text[0] == '1' || text[0] == 'Y';
}

void host_kvm_read(const char *root, struct host_kvm *kvm)
{
	const char *module, *kind = kind_of_modules(root, &module);
	char path[256];

	memset(kvm, 0, sizeof(*kvm));
	(void)snprintf(path, sizeof(path), "%s/dev/kvm", root);
	if (!file_exists(path)) {
		(void)snprintf(kvm->kind, sizeof(kvm->kind), "none: no /dev/kvm%s%s%s",
			       module ? ", although " : "", module ? module : "",
			       module ? " is loaded" : "");
		return;
	}
	(void)snprintf(kvm->kind, sizeof(kvm->kind), "%s", kind);
	kvm->software = module && strcmp(module, "kvm_pvm") == 0;
	kvm->nested = module && !kvm->software && is_nested(root, module);
}

static void add_kvm(json_t *facts)
{
	struct host_kvm kvm;

	host_kvm_read("", &kvm);
	json_object_set_new(facts, "kvm", json_string(kvm.kind));
	json_object_set_new(facts, "kvm_nested", json_boolean(kvm.nested));
}

static void add_kernel(json_t *facts)
{
	struct utsname name;

	if (uname(&name) == 0) {
		json_object_set_new(facts, "kernel", json_string(name.release));
		json_object_set_new(facts, "kernel_build", json_string(name.version));
	}
	json_object_set_new(facts, "mitigations", read_mitigations());
	json_object_set_new(facts, "clocksource",
			    read_text("/sys/devices/system/clocksource/clocksource0/"
				      "current_clocksource"));
}

static void add_memory(json_t *facts)
{
	char total[64];

	read_key("/proc/meminfo", "MemTotal", total, sizeof(total));
	json_object_set_new(facts, "memory", text_or_null(total));
	json_object_set_new(facts, "thp",
			    read_choice("/sys/kernel/mm/transparent_hugepage/enabled"));
	json_object_set_new(facts, "numa_nodes", read_text("/sys/devices/system/node/online"));
	json_object_set_new(facts, "numa_balancing", read_text("/proc/sys/kernel/numa_balancing"));
	json_object_set_new(facts, "rapl",
			    json_boolean(file_exists("/sys/class/powercap/intel-rapl:0")));
}

/* Whether the program has the pattern in one of its strings. */
static bool contains(const char *path, const char *pattern)
{
	struct argv argv = {0};
	struct err why;
	char *output;

	argv_add(&argv, "grep");
	argv_add(&argv, "-zac"); /* strings end with zeros; fails where there is none */
	argv_add(&argv, "%s", pattern);
	argv_add(&argv, "%s", path);
	output = spawn_capture(argv.at, &why);
	argv_free(&argv);
	free(output);
	return output != NULL;
}

/* Sanitizers leave their name in the program, and gcc its options with the debug information. */
static json_t *tinyvmm_build(const char *path)
{
	const char *build = "release";

	if (contains(path, "__[aut][a-z]*san_"))
		build = "sanitizers";
	else if (contains(path, "GNU C[0-9]") && !contains(path, "GNU C[0-9].* -O[123s]"))
		build = "debug";
	return json_string(build);
}

static void add_tinyvmm(json_t *facts, const char *build_dir)
{
	char *path = xasprintf("%s/tinyvmm", build_dir), *output = NULL;
	struct argv argv = {0};
	struct err why;

	argv_add(&argv, "%s", path);
	argv_add(&argv, "--version");
	if (file_exists(path))
		output = spawn_capture(argv.at, &why);
	if (output)
		output[strcspn(output, "\n")] = '\0';
	json_object_set_new(facts, "tinyvmm", output ? text_json(output) : json_null());
	json_object_set_new(facts, "tinyvmm_build", output ? tinyvmm_build(path) : json_null());
	free(output);
	argv_free(&argv);
	free(path);
}

json_t *host_facts(const char *build_dir)
{
	json_t *facts = json_object();

	add_cpu(facts);
	json_object_set_new(facts, "turbo", read_turbo());
	add_kernel(facts);
	add_kvm(facts);
	add_memory(facts);
	add_tinyvmm(facts, build_dir);
	return facts;
}

static const char *text_of(const json_t *facts, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(facts, key));

	return text ? text : otherwise;
}

void host_describe(const json_t *facts, char *text, size_t size)
{
	const char *machine = text_of(facts, "machine", NULL);
	json_int_t cpus = json_integer_value(json_object_get(facts, "cpus"));
	bool is_guest = json_is_true(json_object_get(facts, "is_guest"));

	(void)snprintf(text, size,
		       "%s, %" JSON_INTEGER_FORMAT " CPU%s, Linux %s, KVM: %s; %s%s%s%s%s",
		       text_of(facts, "cpu", "unknown CPU"), cpus, cpus == 1 ? "" : "s",
		       text_of(facts, "kernel", "unknown"), text_of(facts, "kvm", "unknown"),
		       is_guest ? "itself a virtual machine of " : "not itself a virtual machine",
		       is_guest ? text_of(facts, "hypervisor", "an unknown hypervisor") : "",
		       machine ? ", " : "", machine ? machine : "",
		       is_guest ? ": its VMs are nested" : "");
}
