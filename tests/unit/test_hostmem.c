/* SPDX-License-Identifier: MIT */
/*
 * Guest RAM on this host: lazily, aligned, taken at once where asked; and the messages otherwise.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/host/file.h"
#include "vmm/host/memory.h"
#include "tests/unit/tempdir.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static size_t resident_pages(const struct hostmem *hostmem)
{
	size_t nr = hostmem->size_bytes / 4096;
	unsigned char *present = malloc(nr);
	size_t resident = 0;
	size_t i;

	assert_non_null(present);
	assert_int_equal(mincore(hostmem->base, hostmem->size_bytes, present), 0);
	for (i = 0; i < nr; i++)
		resident += present[i] & 1;
	free(present);
	return resident;
}

static void small_pages_are_aligned_zero_and_untouched(void **state)
{
	static const struct mem_options cases[] = {
		{.size_bytes = 2 * MIB, .node = -1},
		{.size_bytes = 5 * MIB + 4096, .node = -1},
		{.size_bytes = 64 * MIB, .node = -1, .pages = MEM_PAGES_4K},
		{.size_bytes = 64 * MIB, .node = -1, .pages = MEM_PAGES_THP},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		struct hostmem hostmem;
		struct err err;

		assert_int_equal(hostmem_map(&hostmem, &cases[i], &err), 0);
		assert_int_equal(hostmem.size_bytes, cases[i].size_bytes);
		assert_int_equal(hostmem.page_bytes, 4096);
		assert_int_equal((uintptr_t)hostmem.base % (2 * MIB), 0);
		assert_int_equal(resident_pages(&hostmem), 0);
		assert_int_equal(hostmem.base[0], 0);
		hostmem.base[hostmem.size_bytes - 1] = 1;
		assert_int_equal(hostmem.base[hostmem.size_bytes - 1], 1);
		hostmem_unmap(&hostmem);
		assert_null(hostmem.base);
	}
}

static void more_than_the_host_has_is_mapped_but_not_taken(void **state)
{
	struct mem_options mem = {.size_bytes = 4096 * GIB, .node = -1};
	struct hostmem hostmem;
	struct err err;
	uint64_t policy;

	(void)state;
	if (hostfile_read_u64(&policy, "/proc/sys/vm/overcommit_memory") == 0 && policy == 2)
		skip(); /* there NORESERVE means nothing */
	assert_int_equal(hostmem_map(&hostmem, &mem, &err), 0);
	hostmem.base[mem.size_bytes - 1] = 1;
	hostmem_unmap(&hostmem);
}

static void more_than_an_address_space_is_refused(void **state)
{
	struct mem_options mem = {.size_bytes = 1ull << 47, .node = -1};
	struct hostmem hostmem;
	struct err err;

	(void)state;
	assert_int_equal(hostmem_map(&hostmem, &mem, &err), -ENOMEM);
	assert_string_equal(
		err.text, "--mem 128T: the host cannot map that much: Cannot allocate memory; ask "
			  "for less, or see ulimit -v and /proc/sys/vm/overcommit_memory");
	assert_null(hostmem.base);
}

static void prealloc_takes_every_page(void **state)
{
	struct mem_options mem = {.size_bytes = 6 * MIB, .node = -1, .prealloc = true};
	struct hostmem hostmem;
	struct err err;

	(void)state;
	assert_int_equal(hostmem_map(&hostmem, &mem, &err), 0);
	assert_int_equal(resident_pages(&hostmem), 6 * MIB / 4096);
	hostmem_unmap(&hostmem);
}

/* tinyvmm blocks the signals that end it: what takes minutes must ask for them. */
static void prealloc_gives_up_at_a_signal_that_ends_us(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct mem_options mem = {.size_bytes = 6 * MIB, .node = -1, .prealloc = true};
	struct hostmem hostmem;
	sigset_t set, before;
	struct err err;

	(void)state;
	for (size_t i = 0; i < NR_OF(signals); i++) {
		sigemptyset(&set);
		sigaddset(&set, signals[i]);
		assert_int_equal(sigprocmask(SIG_BLOCK, &set, &before), 0);
		raise(signals[i]);
		assert_int_equal(hostmem_map(&hostmem, &mem, &err), -EINTR);
		assert_string_equal(err.text, "--mem 6M,prealloc: interrupted while it was taken");
		assert_null(hostmem.base);
		assert_int_equal(sigtimedwait(&set, NULL, &(struct timespec){0}), signals[i]);
		assert_int_equal(hostmem_map(&hostmem, &mem, &err), 0);
		hostmem_unmap(&hostmem);
		assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
	}
}

static void prealloc_of_too_much_says_what_is_there(void **state)
{
	static const struct {
		const char *file, *content;
		struct mem_options mem;
		const char *message; /* NULL: there is enough, or the host does not say */
	} cases[] = {
		{"proc/meminfo",
		 "MemTotal: 24675936 kB\nMemAvailable:    2097152 kB\n",
		 {.size_bytes = 2 * GIB, .node = -1, .prealloc = true},
		 NULL},
		{"proc/meminfo",
		 "MemTotal: 24675936 kB\nMemAvailable:    2097151 kB\n",
		 {.size_bytes = 2 * GIB, .node = -1, .prealloc = true},
		 "--mem 2G,prealloc: only 2047M of memory are available; ask for less, or drop "
		 "prealloc"},
		{"proc/meminfo",
		 "MemTotal: 1 kB\nMemAvailable: much\n",
		 {.size_bytes = 2 * GIB, .node = -1, .prealloc = true},
		 NULL},
		{"proc/meminfo",
		 "MemTotal: 1 kB\n",
		 {.size_bytes = 2 * GIB, .node = -1, .prealloc = true},
		 NULL},
		{"proc/nothing", "", {.size_bytes = 2 * GIB, .node = -1, .prealloc = true}, NULL},
		{"sys/devices/system/node/node1/meminfo",
		 "Node 1 MemTotal: 4194304 kB\nNode 1 MemFree:  1048576 kB\n"
		 "Node 1 Active(file):  1024 kB\nNode 1 Inactive(file):  2048 kB\n",
		 {.size_bytes = GIB + 3 * MIB, .node = 1, .prealloc = true},
		 NULL},
		{"sys/devices/system/node/node1/meminfo",
		 "Node 1 MemTotal: 4194304 kB\nNode 1 MemFree:  1048576 kB\n"
		 "Node 1 Active(file):  1024 kB\nNode 1 Inactive(file):  2048 kB\n",
		 {.size_bytes = GIB + 4 * MIB, .node = 1, .prealloc = true},
		 "--mem 1028M,prealloc,node=1: only 1027M of memory are available on that node; "
		 "ask "
		 "for less, or drop prealloc"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		struct tempdir dir;
		struct err err;
		int ret;

		tempdir_create(&dir);
		tempdir_write(&dir, cases[i].file, cases[i].content);
		ret = hostmem_check_available(&cases[i].mem, dir.path, &err);
		assert_int_equal(ret, cases[i].message != NULL ? -ENOMEM : 0);
		if (cases[i].message != NULL)
			assert_string_equal(err.text, cases[i].message);
		tempdir_remove(&dir);
	}
}

static void too_few_huge_pages_are_counted_and_the_remedy_named(void **state)
{
#define POOL_2M "sys/kernel/mm/hugepages/hugepages-2048kB/"
#define POOL_1G "sys/kernel/mm/hugepages/hugepages-1048576kB/"
#define NODE_2M "sys/devices/system/node/node1/hugepages/hugepages-2048kB/"
	static const struct {
		const char *pool;
		const char *total, *free, *reserved; /* NULL: no such file */
		struct mem_options mem;
		int ret;
		const char *message;
	} cases[] = {
		{POOL_2M,
		 "0\n",
		 "0\n",
		 "0\n",
		 {.size_bytes = 512 * MIB, .pages = MEM_PAGES_2M, .node = -1},
		 -ENOMEM,
		 "--mem 512M,pages=2m: needs 256 huge pages of 2M, 0 of 0 are free; reserve them "
		 "with \"echo 256 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages\" as "
		 "root, or drop pages=2m"},
		{POOL_2M,
		 "256\n",
		 "256\n",
		 "0\n",
		 {.size_bytes = 512 * MIB, .pages = MEM_PAGES_2M, .node = -1},
		 0,
		 NULL},
		/* What others use or have a claim to is added to what to reserve. */
		{POOL_2M,
		 "300\n",
		 "256\n",
		 "1\n",
		 {.size_bytes = 512 * MIB, .pages = MEM_PAGES_2M, .node = -1},
		 -ENOMEM,
		 "--mem 512M,pages=2m: needs 256 huge pages of 2M, 255 of 300 are free; reserve "
		 "them "
		 "with \"echo 301 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages\" as "
		 "root, or drop pages=2m"},
		{POOL_1G,
		 "1\n",
		 "1\n",
		 "0\n",
		 {.size_bytes = 2 * GIB, .pages = MEM_PAGES_1G, .node = -1, .prealloc = true},
		 -ENOMEM,
		 "--mem 2G,pages=1g,prealloc: needs 2 huge pages of 1G, 1 of 1 are free; reserve "
		 "them with \"echo 2 > /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages\" "
		 "as root, or drop pages=1g"},
		{POOL_2M,
		 "9\n",
		 "9\n",
		 "0\n",
		 {.size_bytes = GIB, .pages = MEM_PAGES_1G, .node = -1},
		 -ENOENT,
		 "--mem 1G,pages=1g: this host has no huge pages of 1G; drop pages=1g, or use "
		 "pages=2m"},
		/* Each node has its own pool, which does not count claims. */
		{NODE_2M,
		 "4\n",
		 "3\n",
		 NULL,
		 {.size_bytes = 8 * MIB, .pages = MEM_PAGES_2M, .node = 1},
		 -ENOMEM,
		 "--mem 8M,pages=2m,node=1: needs 4 huge pages of 2M, 3 of 4 are free; reserve "
		 "them "
		 "with \"echo 5 > /sys/devices/system/node/node1/hugepages/hugepages-2048kB/"
		 "nr_hugepages\" as root, or drop pages=2m"},
		{NODE_2M,
		 "4\n",
		 "4\n",
		 NULL,
		 {.size_bytes = 8 * MIB, .pages = MEM_PAGES_2M, .node = 1},
		 0,
		 NULL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		char name[128];
		struct tempdir dir;
		struct err err;

		tempdir_create(&dir);
		snprintf(name, sizeof(name), "%snr_hugepages", cases[i].pool);
		tempdir_write(&dir, name, cases[i].total);
		snprintf(name, sizeof(name), "%sfree_hugepages", cases[i].pool);
		tempdir_write(&dir, name, cases[i].free);
		snprintf(name, sizeof(name), "%sresv_hugepages", cases[i].pool);
		if (cases[i].reserved != NULL)
			tempdir_write(&dir, name, cases[i].reserved);
		assert_int_equal(hostmem_check_huge_pages(&cases[i].mem, dir.path, &err),
				 cases[i].ret);
		if (cases[i].message != NULL)
			assert_string_equal(err.text, cases[i].message);
		tempdir_remove(&dir);
	}
}

static void huge_pages_are_reserved_or_refused(void **state)
{
	struct mem_options mem = {.size_bytes = 4 * MIB, .node = -1, .pages = MEM_PAGES_2M};
	struct hostmem hostmem;
	struct err err;
	int ret;

	(void)state;
	ret = hostmem_map(&hostmem, &mem, &err);
	if (ret == 0) {
		assert_int_equal(hostmem.page_bytes, 2 * MIB);
		assert_int_equal((uintptr_t)hostmem.base % (2 * MIB), 0);
		hostmem.base[mem.size_bytes - 1] = 1;
		hostmem_unmap(&hostmem);
	} else {
		assert_ptr_equal(strstr(err.text, "--mem 4M,pages=2m: "), err.text);
		assert_non_null(strstr(err.text, "drop pages=2m"));
		assert_null(hostmem.base);
	}
}

static void a_node_that_is_not_there_is_refused_with_those_that_are(void **state)
{
	struct mem_options mem = {.size_bytes = 4 * MIB, .node = 1023};
	struct hostmem hostmem;
	struct err err;

	(void)state;
	assert_true(hostmem_map(&hostmem, &mem, &err) < 0);
	assert_ptr_equal(strstr(err.text, "--mem 4M,node=1023: "), err.text);
	assert_null(hostmem.base);
}

static void memory_is_bound_to_a_node_that_is_there(void **state)
{
	struct mem_options mem = {.size_bytes = 4 * MIB, .node = 0};
	struct hostmem hostmem;
	struct err err;
	int ret;

	(void)state;
	ret = hostmem_map(&hostmem, &mem, &err);
	if (ret == -EPERM || ret == -ENOSYS)
		skip(); /* a container, or a kernel without NUMA */
	assert_int_equal(ret, 0);
	hostmem.base[0] = 1;
	assert_int_equal(hostmem_bind(&hostmem, 2 * MIB, 2 * MIB, 0), 0);
	assert_int_equal(hostmem_bind(&hostmem, 2 * MIB, 2 * MIB, 1023), -EINVAL);
	assert_int_equal(hostmem_bind(&hostmem, 2 * MIB, 2 * MIB, 5000), -EINVAL);
	assert_int_equal(hostmem_bind(&hostmem, 2 * MIB, 2 * MIB + 4096, 0), -EINVAL);
	assert_int_equal(hostmem_bind(&hostmem, UINT64_MAX - 4095, 8192, 0), -EINVAL);
	hostmem_unmap(&hostmem);
}

static void a_share_is_bound_where_its_cpus_are_and_the_log_says_if_not(void **state)
{
	/* No host has the nodes 1023 and 1022, so that binding to them fails everywhere. */
	struct hostcpu cpu[] = {
		{.id = 0, .node = 1023}, {.id = 1, .node = 1023}, {.id = 2, .node = 1022}};
	const struct hostcpus host = {.nr = NR_OF(cpu), .cpu = cpu};
	static const unsigned int near[] = {0, 1}, apart[] = {1, 2};
	const struct hostmem_share share[] = {
		{.guest_node = 0, .offset = 0, .len = MIB, .cpus = near, .nr_cpus = 2},
		{.guest_node = 1, .offset = MIB, .len = MIB, .cpus = apart, .nr_cpus = 2},
		{.guest_node = 2, .offset = MIB, .len = MIB, .cpus = apart + 1, .nr_cpus = 1},
		{.guest_node = 3, .offset = MIB, .len = MIB, .cpus = near, .nr_cpus = 0},
	};
	struct mem_options mem = {.size_bytes = 2 * MIB, .node = -1};
	struct hostmem hostmem;
	struct err err;
	char text[512];
	int fds[2];
	ssize_t len;
	struct log_output output;
	struct log log = {.level = LOG_INFO, .output = &output};

	(void)state;
	assert_int_equal(pipe(fds), 0);
	log_output_open(&output, fds[1]);
	assert_int_equal(hostmem_map(&hostmem, &mem, &err), 0);
	hostmem_bind_near_cpus(&hostmem, &host, share, NR_OF(share), &log);
	log_output_close(&output);
	close(fds[1]);
	len = read(fds[0], text, sizeof(text) - 1);
	assert_true(len >= 0);
	text[len] = '\0';
	close(fds[0]);
	assert_non_null(strstr(text, "RAM of guest node 0 is not bound to host node 1023: "));
	assert_null(strstr(text, "guest node 1"));
	assert_non_null(strstr(text, "RAM of guest node 2 is not bound to host node 1022: "));
	assert_null(strstr(text, "guest node 3"));
	hostmem_unmap(&hostmem);
}

static void a_small_host_file_is_read_whole_or_not_at_all(void **state)
{
	static const struct {
		const char *content;
		int ret;
		uint64_t value;
	} cases[] = {
		{"42\n", 0, 42},
		{"42", 0, 42},
		{"0\n", 0, 0},
		{"\n", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"4 2\n", -EINVAL, 0},
		{"42\n\n", -EINVAL, 0},
		{"-1\n", -EINVAL, 0},
		{"0000000000000000000000000000000000000001\n", -E2BIG, 0},
	};
	struct tempdir dir;
	uint64_t value;
	char text[3];
	size_t i;

	(void)state;
	tempdir_create(&dir);
	for (i = 0; i < NR_OF(cases); i++) {
		value = 0;
		tempdir_write(&dir, "file", cases[i].content);
		assert_int_equal(hostfile_read_u64(&value, "%s/file", dir.path), cases[i].ret);
		assert_int_equal(value, cases[i].value);
	}
	tempdir_write(&dir, "file", "abc");
	assert_int_equal(hostfile_read(text, sizeof(text), "%s/file", dir.path), -E2BIG);
	tempdir_write(&dir, "file", "ab");
	assert_int_equal(hostfile_read(text, sizeof(text), "%s/file", dir.path), 0);
	assert_string_equal(text, "ab");
	assert_int_equal(hostfile_read(text, sizeof(text), "%s/absent", dir.path), -ENOENT);
	tempdir_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_pages_are_aligned_zero_and_untouched),
		cmocka_unit_test(more_than_the_host_has_is_mapped_but_not_taken),
		cmocka_unit_test(more_than_an_address_space_is_refused),
		cmocka_unit_test(prealloc_takes_every_page),
		cmocka_unit_test(prealloc_gives_up_at_a_signal_that_ends_us),
		cmocka_unit_test(prealloc_of_too_much_says_what_is_there),
		cmocka_unit_test(too_few_huge_pages_are_counted_and_the_remedy_named),
		cmocka_unit_test(huge_pages_are_reserved_or_refused),
		cmocka_unit_test(a_node_that_is_not_there_is_refused_with_those_that_are),
		cmocka_unit_test(memory_is_bound_to_a_node_that_is_there),
		cmocka_unit_test(a_share_is_bound_where_its_cpus_are_and_the_log_says_if_not),
		cmocka_unit_test(a_small_host_file_is_read_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
