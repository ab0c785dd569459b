/* SPDX-License-Identifier: MIT */
/* Results on the disk: they come back as they were, or an error says why not. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/tinybench/base/file.h"
#include "guest/tinybench/base/prng.h"
#include "guest/tinybench/data/dataset.h"
#include "tests/unit/tempdir.h"
#include "tests/unit/tinybench_rounds.h"
#include "vmm/core/array.h"

static void results_come_back_from_the_disk_as_they_were(void **state)
{
	struct dataset data, back;
	struct tempdir dir;
	struct err err;
	size_t i;

	(void)state;
	tempdir_create(&dir);
	make_data(&data);
	data.samples[3].value = 0.1; /* has no exact form in binary */
	assert_int_equal(dataset_save(&data, dir.path, &err), 0);
	dataset_init(&back);
	assert_int_equal(dataset_load(&back, dir.path, &err), 0);
	assert_int_equal(back.nr_samples, data.nr_samples);
	for (i = 0; i < data.nr_samples; i++) {
		assert_string_equal(back.samples[i].bench->name, data.samples[i].bench->name);
		assert_string_equal(back.samples[i].bench->unit, data.samples[i].bench->unit);
		assert_string_equal(back.samples[i].arm, data.samples[i].arm);
		assert_int_equal(back.samples[i].round, data.samples[i].round);
		assert_int_equal(back.samples[i].warmup, data.samples[i].warmup);
		assert_true(back.samples[i].value == data.samples[i].value);
	}
	assert_int_equal(back.nr_notes, 2);
	assert_string_equal(back.notes[0].text, "the payload faulted, \"vector\" 14");
	assert_true(back.notes[0].error);
	assert_null(back.notes[1].bench);
	assert_true(json_equal(back.runs, data.runs));
	assert_true(json_equal(back.series, data.series));
	assert_int_equal(dataset_next_round(&back), 10);
	dataset_free(&back);
	dataset_free(&data);
	tempdir_remove(&dir);
}

static void an_empty_directory_is_an_empty_result(void **state)
{
	struct tempdir dir;
	struct dataset data;
	struct err err;

	(void)state;
	tempdir_create(&dir);
	dataset_init(&data);
	assert_int_equal(dataset_load(&data, dir.path, &err), 0);
	assert_int_equal(dataset_next_round(&data), 0);
	dataset_free(&data);
	tempdir_remove(&dir);
}

static void a_line_that_is_not_ours_is_named_and_nothing_is_guessed(void **state)
{
	static const char *const lines[] = {
		"garbage\n",
		"{\"type\":\"sample\"}\n",
		"{\"type\":\"unheard\"}\n",
		"[1]\n",
		"{\"type\":\"sample\",\"bench\":\"a.b\",\"arm\":\"vm\",\"round\":-1,\"i\":0,"
		"\"value\":1,\"unit\":\"ms\",\"better\":\"lower\",\"warmup\":false}\n",
		"{\"type\":\"skip\",\"arm\":\"vm\",\"round\":1}\n",
		"{\"type\":\"skip\",\"arm\":\"v\\u001bm\",\"round\":1,\"reason\":\"r\"}\n",
		"{\"type\":\"run\",\"arms\":{\"a\\nb\":{}}}\n",
		"\n{\"type\":\"run\"}\n",
	};
	struct tempdir dir;
	struct dataset data;
	struct err err;
	size_t i;

	(void)state;
	tempdir_create(&dir);
	for (i = 0; i < NR_OF(lines); i++) {
		tempdir_write(&dir, DATASET_PLAIN, lines[i]);
		dataset_init(&data);
		assert_int_equal(dataset_load(&data, dir.path, &err), -EPROTO);
		assert_non_null(strstr(err.text, DATASET_PLAIN ":1: not a line"));
		dataset_free(&data);
	}
	tempdir_remove(&dir);
}

/* A median of them would be nonsense that looks like a figure. */
static void a_negative_value_in_a_file_is_refused_with_its_line(void **state)
{
	struct tempdir dir;
	struct dataset data;
	struct err err;

	(void)state;
	tempdir_create(&dir);
	tempdir_write(&dir, DATASET_PLAIN,
		      "{\"type\":\"run\"}\n{\"type\":\"sample\",\"bench\":\"a.b\",\"arm\":\"vm\","
		      "\"round\":1,\"i\":0,\"value\":-5.7,\"unit\":\"ms\",\"better\":\"lower\","
		      "\"warmup\":false}\n");
	dataset_init(&data);
	assert_int_equal(dataset_load(&data, dir.path, &err), -ERANGE);
	assert_non_null(strstr(err.text, DATASET_PLAIN ":2: the value is below 0"));
	dataset_free(&data);
	tempdir_remove(&dir);
}

static int write_to_full_disk(FILE *file, const void *opaque)
{
	size_t i;

	(void)opaque;
	for (i = 0; i < 100000; i++)
		fputs("more than any buffer holds\n", file);
	return 0;
}

/* The temporary file beside the result is a link to /dev/full, on which each write fails. */
static void a_full_disk_leaves_the_old_file_and_says_so(void **state)
{
	struct tempdir dir;
	struct err err;
	char link_name[128], *text;

	(void)state;
	tempdir_create(&dir);
	tempdir_write(&dir, "result", "old");
	snprintf(link_name, sizeof(link_name), "%s/result.new", dir.path);
	assert_int_equal(symlink("/dev/full", link_name), 0);
	assert_int_equal(file_replace(dir.path, "result", write_to_full_disk, NULL, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "No space left on device"));
	snprintf(link_name, sizeof(link_name), "%s/result", dir.path);
	text = file_read(link_name);
	assert_string_equal(text, "old");
	free(text);
	tempdir_remove(&dir);
}

/* Of what is not whole, nothing is taken for the whole. */
static void a_damaged_file_is_an_error_and_not_fewer_samples(void **state)
{
	static const char zero[] = "{\"type\":\"run\"}\n\0{\"type\":\"run\"}\n";
	struct tempdir dir;
	struct dataset data;
	struct err err;
	char path[128];
	long long size;
	FILE *file;

	(void)state;
	tempdir_create(&dir);
	snprintf(path, sizeof(path), "%s/" DATASET_FILE, dir.path);
	make_data(&data);
	assert_int_equal(dataset_save(&data, dir.path, &err), 0);
	dataset_free(&data);
	size = file_size(path);
	for (long long length = size - 1; length > 20; length -= 50) {
		assert_int_equal(truncate(path, length), 0);
		dataset_init(&data);
		assert_int_equal(dataset_load(&data, dir.path, &err), -EIO);
		assert_non_null(strstr(err.text, DATASET_FILE ": cannot be read: it is damaged"));
		dataset_free(&data);
	}
	file = fopen(path, "w"); /* gzip reads what is not compressed as it is */
	assert_non_null(file);
	assert_int_equal(fwrite(zero, 1, sizeof(zero) - 1, file), sizeof(zero) - 1);
	fclose(file);
	dataset_init(&data);
	assert_int_equal(dataset_load(&data, dir.path, &err), -EIO);
	dataset_free(&data);
	tempdir_remove(&dir);
}

/* There is one form of it, and the other is gone only when that is on the disk. */
static void results_without_compression_are_read_and_replaced(void **state)
{
	struct tempdir dir;
	struct dataset data;
	struct err err;
	char plain[128], compressed[128];

	(void)state;
	tempdir_create(&dir);
	snprintf(plain, sizeof(plain), "%s/" DATASET_PLAIN, dir.path);
	snprintf(compressed, sizeof(compressed), "%s/" DATASET_FILE, dir.path);
	tempdir_write(&dir, DATASET_PLAIN,
		      "{\"type\":\"run\"}\n{\"type\":\"skip\",\"arm\":\"vm\",\"round\":1,"
		      "\"reason\":\"r\"}\n");
	dataset_init(&data);
	assert_int_equal(dataset_load_result(&data, dir.path, &err), 0);
	assert_int_equal(data.nr_notes, 1);
	assert_true(file_exists(plain) && !file_exists(compressed));
	assert_int_equal(dataset_save(&data, dir.path, &err), 0);
	assert_true(!file_exists(plain) && file_exists(compressed));
	dataset_free(&data);
	tempdir_write(&dir, DATASET_PLAIN, "a copy of the user's\n");
	dataset_init(&data);
	assert_int_equal(dataset_load_result(&data, dir.path, &err), 0);
	assert_int_equal(data.nr_notes, 1);
	assert_int_equal(dataset_save(&data, dir.path, &err), 0);
	assert_true(file_exists(plain));
	dataset_free(&data);
	tempdir_remove(&dir);
}

static void a_long_result_survives_compression(void **state)
{
	struct sample sample = {0};
	struct dataset data, back;
	struct prng prng = {1};
	struct tempdir dir;
	struct err err;

	(void)state;
	tempdir_create(&dir);
	make_data(&data);
	sample.bench = data.benches.at[0];
	sample.arm = data.arms.at[0];
	for (sample.round = 10; sample.round < 5000; sample.round++) {
		sample.value = (double)prng_below(&prng, 1000000);
		dataset_add_sample(&data, &sample);
	}
	assert_int_equal(dataset_save(&data, dir.path, &err), 0);
	dataset_init(&back);
	assert_int_equal(dataset_load(&back, dir.path, &err), 0);
	assert_int_equal(back.nr_samples, data.nr_samples);
	for (size_t i = 0; i < data.nr_samples; i++)
		assert_true(back.samples[i].value == data.samples[i].value);
	dataset_free(&back);
	dataset_free(&data);
	tempdir_remove(&dir);
}

/* No line is left out, and what was kept before stays. */
static void what_json_cannot_express_is_an_error_of_the_file(void **state)
{
	struct tempdir dir;
	struct dataset data;
	struct err err;
	char path[128];
	long long size;

	(void)state;
	tempdir_create(&dir);
	snprintf(path, sizeof(path), "%s/" DATASET_FILE, dir.path);
	make_data(&data);
	assert_int_equal(dataset_save(&data, dir.path, &err), 0);
	size = file_size(path);
	data.samples[2].value = NAN;
	assert_int_equal(dataset_save(&data, dir.path, &err), -EILSEQ);
	data.samples[2].value = 1;
	data.samples[2].arm = "\377";
	assert_int_equal(dataset_save(&data, dir.path, &err), -EILSEQ);
	assert_non_null(strstr(err.text, DATASET_FILE ": cannot write: "));
	data.samples[2].arm = data.samples[1].arm;
	data.notes[0].arm = "\377";
	assert_int_equal(dataset_save(&data, dir.path, &err), -EILSEQ);
	assert_int_equal(file_size(path), size);
	dataset_free(&data);
	tempdir_remove(&dir);
}

static void a_benchmark_is_in_an_arm_by_a_sample_or_by_a_note(void **state)
{
	struct dataset data;
	const struct bench *loop, *copy;

	(void)state;
	make_data(&data);
	loop = catalog_find(&data.benches, "cpu.noploop");
	copy = catalog_find(&data.benches, "mem.stream_copy");
	assert_true(dataset_has(&data, loop, dataset_arm(&data, "native")));
	assert_true(dataset_has(&data, copy, dataset_arm(&data, "native")));
	assert_true(dataset_has(&data, copy, dataset_arm(&data, "vm")));
	assert_false(dataset_has(&data, loop, dataset_arm(&data, "linux-vm")));
	assert_false(dataset_has(&data, loop, dataset_arm(&data, "other")));
	dataset_free(&data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_come_back_from_the_disk_as_they_were),
		cmocka_unit_test(an_empty_directory_is_an_empty_result),
		cmocka_unit_test(a_line_that_is_not_ours_is_named_and_nothing_is_guessed),
		cmocka_unit_test(a_negative_value_in_a_file_is_refused_with_its_line),
		cmocka_unit_test(a_full_disk_leaves_the_old_file_and_says_so),
		cmocka_unit_test(a_damaged_file_is_an_error_and_not_fewer_samples),
		cmocka_unit_test(results_without_compression_are_read_and_replaced),
		cmocka_unit_test(a_long_result_survives_compression),
		cmocka_unit_test(what_json_cannot_express_is_an_error_of_the_file),
		cmocka_unit_test(a_benchmark_is_in_an_arm_by_a_sample_or_by_a_note),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
