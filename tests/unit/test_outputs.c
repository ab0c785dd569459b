/* SPDX-License-Identifier: MIT */
/* What tinyvmm writes for itself never lands in what the machine is made from. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tempdir.h"
#include "vmm/core/array.h"
#include "vmm/outputs.h"

#define CONTENT "some bytes"

/* The files of a machine, in the working directory; hard and soft links to two of them. */
struct world {
	struct tempdir dir;
	struct config config;
	struct file_use file[4];
	int saved_out, saved_err;
};

static int set_up(void **state)
{
	static const char *const names[] = {"kernel", "initrd", "disk.img", "ro.img"};
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	tempdir_create(&w->dir);
	assert_int_equal(chdir(w->dir.path), 0);
	for (size_t i = 0; i < NR_OF(names); i++) {
		tempdir_write(&w->dir, names[i], CONTENT);
		w->file[i] = (struct file_use){.option = i < 2 ? i == 0 ? "--kernel" : "--initrd"
							       : "--disk",
					       .path = names[i],
					       .fd = open(names[i], O_RDONLY | O_CLOEXEC),
					       .is_written = i == 2};
	}
	tempdir_write(&w->dir, "old.log", CONTENT);
	assert_int_equal(link("kernel", "hard"), 0);
	assert_int_equal(symlink("disk.img", "soft"), 0);
	assert_int_equal(mkdir("directory", 0700), 0);
	w->saved_out = dup(STDOUT_FILENO);
	w->saved_err = dup(STDERR_FILENO);
	*state = w;
	return 0;
}

/* Gives the test its own standard descriptors back, for cmocka's messages. */
static void restore_streams(const struct world *w)
{
	dup2(w->saved_out, STDOUT_FILENO);
	dup2(w->saved_err, STDERR_FILENO);
}

static int tear_down(void **state)
{
	struct world *w = *state;

	restore_streams(w);
	close(w->saved_out);
	close(w->saved_err);
	for (size_t i = 0; i < NR_OF(w->file); i++)
		close(w->file[i].fd);
	assert_int_equal(chdir("/"), 0);
	tempdir_remove(&w->dir);
	free(w);
	return 0;
}

static void want(struct world *w, const char *console, const char *stats)
{
	w->config.console.kind = console != NULL ? CONSOLE_FILE : CONSOLE_NONE;
	w->config.console.path = console;
	w->config.stats_path = stats;
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : -1;
}

static void outputs_are_made_or_emptied(void **state)
{
	struct world *w = *state;
	struct outputs outputs;
	struct err err = {""};

	want(w, "old.log", "new.json");
	assert_int_equal(outputs_open(&outputs, &w->config, w->file, NR_OF(w->file), &err), 0);
	assert_int_equal(size_of("old.log"), 0);
	assert_int_equal(size_of("new.json"), 0);
	/* The console must not block the I/O thread; the report may wait for its reader. */
	assert_true((fcntl(outputs.console_fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(outputs.stats_fd, F_GETFL) & O_NONBLOCK) == 0);
	outputs_close(&outputs);
	assert_int_equal(outputs.console_fd, -1);
	assert_int_equal(size_of("kernel"), strlen(CONTENT));
}

static void without_such_options_nothing_is_opened(void **state)
{
	struct world *w = *state;
	struct outputs outputs;
	struct err err = {""};

	want(w, NULL, NULL);
	assert_int_equal(outputs_open(&outputs, &w->config, w->file, NR_OF(w->file), &err), 0);
	assert_int_equal(outputs.console_fd, -1);
	assert_int_equal(outputs.stats_fd, -1);
	outputs_close(&outputs);
}

/* Both as a run and as a dry run; and nothing is lost. */
static void refuse(struct world *w, const char *message)
{
	for (int dry = 0; dry <= 1; dry++) {
		struct outputs outputs;
		struct err err = {""};
		int ret;

		w->config.dry_run = dry;
		ret = outputs_open(&outputs, &w->config, w->file, NR_OF(w->file), &err);
		restore_streams(w);
		assert_true(ret < 0);
		assert_string_equal(err.text, message);
		assert_int_equal(outputs.console_fd, -1);
		assert_int_equal(outputs.stats_fd, -1);
		for (size_t i = 0; i < NR_OF(w->file); i++)
			assert_int_equal(size_of(w->file[i].path), strlen(CONTENT));
		assert_int_equal(size_of("old.log"), strlen(CONTENT));
	}
}

static void an_output_is_no_file_of_the_machine_and_no_other_output(void **state)
{
	static const struct {
		const char *console, *stats, *message;
	} cases[] = {
		{NULL, "kernel",
		 "--stats=kernel: is the same file as --kernel kernel; name another file"},
		{NULL, "hard",
		 "--stats=hard: is the same file as --kernel kernel; name another file"},
		{"initrd", NULL,
		 "--console file=initrd: is the same file as --initrd initrd; name another file"},
		{"soft", NULL,
		 "--console file=soft: is the same file as --disk disk.img; name another file"},
		{NULL, "ro.img",
		 "--stats=ro.img: is the same file as --disk ro.img; name another file"},
		{"old.log", "./old.log",
		 "--stats=./old.log: is the same file as --console file=old.log; name another "
		 "file"},
		{"directory", NULL,
		 "--console file=directory: cannot open: Is a directory; name a file that can be "
		 "written"},
		{NULL, "no/where",
		 "--stats=no/where: cannot open: No such file or directory; name a file that can "
		 "be written"},
	};

	for (size_t i = 0; i < NR_OF(cases); i++) {
		want(*state, cases[i].console, cases[i].stats);
		refuse(*state, cases[i].message);
	}
}

/* A dry run knows them as one, although there is none yet. */
static void two_names_of_a_file_that_is_still_to_be_made_are_one(void **state)
{
	struct world *w = *state;
	struct outputs outputs;
	struct err err = {""};

	w->config.dry_run = true;
	want(w, "new", "directory/../new");
	assert_int_equal(outputs_open(&outputs, &w->config, w->file, NR_OF(w->file), &err),
			 -EINVAL);
	assert_string_equal(err.text, "--stats=directory/../new: is the same file as --console "
				      "file=new; name another file");
	want(w, "new", "directory/new");
	assert_int_equal(outputs_open(&outputs, &w->config, w->file, NR_OF(w->file), &err), 0);
	want(w, "new", "newer");
	assert_int_equal(outputs_open(&outputs, &w->config, w->file, NR_OF(w->file), &err), 0);
	assert_int_equal(size_of("new"), -1);
	assert_int_equal(outputs.stats_fd, -1);
}

static void a_dry_run_empties_and_makes_nothing(void **state)
{
	struct world *w = *state;
	struct stat before, after;
	struct outputs outputs;
	struct err err = {""};

	w->config.dry_run = true;
	want(w, "old.log", "new.json");
	assert_int_equal(stat("old.log", &before), 0);
	assert_int_equal(outputs_open(&outputs, &w->config, w->file, NR_OF(w->file), &err), 0);
	assert_int_equal(stat("old.log", &after), 0);
	assert_int_equal(size_of("old.log"), strlen(CONTENT));
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
	assert_int_equal(size_of("new.json"), -1);
}

static void put(const char *path, int flags, int fd)
{
	int opened = open(path, flags | O_CLOEXEC);

	assert_true(opened >= 0);
	assert_int_equal(dup2(opened, fd), fd);
	close(opened);
}

static void a_stream_into_a_file_of_the_machine_is_refused(void **state)
{
	static const struct {
		const char *path;
		int flags, fd;
		const char *message;
	} cases[] = {
		{"disk.img", O_WRONLY | O_APPEND, STDOUT_FILENO,
		 "standard output: is the same file as --disk disk.img; redirect it to another "
		 "file"},
		{"hard", O_RDWR, STDOUT_FILENO,
		 "standard output: is the same file as --kernel kernel; redirect it to another "
		 "file"},
		{"ro.img", O_WRONLY, STDERR_FILENO,
		 "standard error: is the same file as --disk ro.img; redirect it to another file"},
	};
	struct world *w = *state;

	want(w, NULL, NULL);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		for (int dry = 0; dry <= 1; dry++) {
			struct outputs outputs;
			struct err err = {""};
			int ret;

			w->config.dry_run = dry;
			put(cases[i].path, cases[i].flags, cases[i].fd);
			ret = outputs_open(&outputs, &w->config, w->file, NR_OF(w->file), &err);
			/* What is said now, as a message of main() is, spares the file. */
			assert_true(write(STDERR_FILENO, "", 0) == 0);
			if (cases[i].fd == STDERR_FILENO)
				assert_true(write(STDERR_FILENO, "x", 1) == 1 || errno == EIO);
			restore_streams(w);
			assert_int_equal(ret, -EINVAL);
			assert_string_equal(err.text, cases[i].message);
			assert_int_equal(size_of(cases[i].path), strlen(CONTENT));
		}
	}
}

static void an_output_into_a_redirected_stream_is_refused(void **state)
{
	struct world *w = *state;
	struct outputs outputs;
	struct err err = {""};
	int ret;

	want(w, NULL, "old.log");
	put("old.log", O_WRONLY, STDOUT_FILENO);
	ret = outputs_open(&outputs, &w->config, w->file, NR_OF(w->file), &err);
	restore_streams(w);
	assert_int_equal(ret, -EINVAL);
	assert_string_equal(err.text, "--stats=old.log: is the same file as standard output; name "
				      "another file");
	assert_int_equal(size_of("old.log"), strlen(CONTENT));
}

static void what_keeps_nothing_or_is_only_read_may_be_shared(void **state)
{
	struct world *w = *state;
	struct outputs outputs;
	struct err err = {""};
	int ret;

	/* Both streams in one file, as 2>&1 makes them, and a stream that is only open to read. */
	want(w, "/dev/null", "/dev/null");
	put("old.log", O_WRONLY, STDOUT_FILENO);
	put("old.log", O_WRONLY, STDERR_FILENO);
	ret = outputs_open(&outputs, &w->config, w->file, NR_OF(w->file), &err);
	restore_streams(w);
	assert_string_equal(err.text, "");
	assert_int_equal(ret, 0);
	outputs_close(&outputs);
	assert_int_equal(size_of("old.log"), strlen(CONTENT));

	put("/dev/null", O_WRONLY, STDOUT_FILENO);
	put("kernel", O_RDONLY, STDERR_FILENO);
	ret = outputs_open(&outputs, &w->config, w->file, NR_OF(w->file), &err);
	restore_streams(w);
	assert_int_equal(ret, 0);
	outputs_close(&outputs);
}

static void a_guest_writes_neither_its_kernel_nor_its_initrd(void **state)
{
	struct world *w = *state;

	want(w, NULL, NULL);
	close(w->file[2].fd);
	w->file[2].fd = open("hard", O_RDWR | O_CLOEXEC);
	w->file[2].path = "hard";
	refuse(w, "--disk hard: is the same file as --kernel kernel; add \",ro\", or give a copy");
	w->file[2].is_written = false;
	for (int dry = 0; dry <= 1; dry++) {
		struct outputs outputs;
		struct err err = {""};

		w->config.dry_run = dry;
		assert_int_equal(outputs_open(&outputs, &w->config, w->file, NR_OF(w->file), &err),
				 0);
	}
}

static void a_fifo_without_a_reader_is_refused_with_the_remedy(void **state)
{
	struct world *w = *state;
	struct outputs outputs;
	struct err err = {""};
	int reader;

	assert_int_equal(mkfifo("fifo", 0600), 0);
	want(w, NULL, "fifo");
	assert_int_equal(outputs_open(&outputs, &w->config, w->file, NR_OF(w->file), &err), -ENXIO);
	assert_string_equal(err.text, "--stats=fifo: cannot open: No such device or address; start "
				      "the reader of the FIFO first");
	reader = open("fifo", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(outputs_open(&outputs, &w->config, w->file, NR_OF(w->file), &err), 0);
	outputs_close(&outputs);
	close(reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(outputs_are_made_or_emptied),
		TEST(without_such_options_nothing_is_opened),
		TEST(an_output_is_no_file_of_the_machine_and_no_other_output),
		TEST(two_names_of_a_file_that_is_still_to_be_made_are_one),
		TEST(a_dry_run_empties_and_makes_nothing),
		TEST(a_stream_into_a_file_of_the_machine_is_refused),
		TEST(an_output_into_a_redirected_stream_is_refused),
		TEST(what_keeps_nothing_or_is_only_read_may_be_shared),
		TEST(a_guest_writes_neither_its_kernel_nor_its_initrd),
		TEST(a_fifo_without_a_reader_is_refused_with_the_remedy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
