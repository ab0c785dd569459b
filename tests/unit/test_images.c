/* SPDX-License-Identifier: MIT */
/* From options to a loaded guest memory, with files that change at the worst moments. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/boot_fixture.h"
#include "tests/unit/tempdir.h"
#include "vmm/images.h"

struct disk_fixture {
	struct boot_fixture *boot;
	struct tempdir dir;
	char kernel[128], initrd[128];
	struct config config;
	struct images images;
};

static void write_file(const char *path, const void *bytes, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

/* A PVH kernel and an initrd. */
static int setup(void **state)
{
	static struct disk_fixture fixture;
	struct disk_fixture *d = &fixture;

	fixture_setup(state);
	*d = (struct disk_fixture){.boot = *state};
	make_elf(d->boot, true);
	elf_add_pvh_note(d->boot, ELF_PADDR);
	tempdir_create(&d->dir);
	snprintf(d->kernel, sizeof(d->kernel), "%.63s/kernel", d->dir.path);
	snprintf(d->initrd, sizeof(d->initrd), "%.63s/initrd", d->dir.path);
	write_file(d->kernel, d->boot->file, d->boot->size);
	write_file(d->initrd, "initrd!", 7);
	d->config.kernel = d->kernel;
	d->config.initrd = d->initrd;
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	struct disk_fixture *d = *state;

	images_close(&d->images);
	tempdir_remove(&d->dir);
	*state = d->boot;
	return fixture_teardown(state);
}

static void must_open(struct disk_fixture *d)
{
	if (images_open(&d->images, &d->config, &d->boot->err))
		fail_msg("refused: %s", d->boot->err.text);
}

static int load(struct disk_fixture *d)
{
	struct boot_fixture *f = d->boot;

	return images_load(&d->images, &f->board, &f->mem, &f->entry, &f->err);
}

static void must_be_loaded(struct disk_fixture *d)
{
	struct boot_fixture *f = d->boot;
	uint64_t modules;

	if (load(d))
		fail_msg("not loaded: %s", f->err.text);
	assert_memory_equal(f->ram + ELF_PADDR, f->file + ELF_TEXT, ELF_FILESZ);
	assert_int_equal(f->entry.rip, ELF_PADDR);
	assert_int_equal(ram32(f, f->entry.rbx + 12), 1);
	modules = ram64(f, f->entry.rbx + 16);
	assert_memory_equal(f->ram + ram64(f, modules), "initrd!", 7);
	assert_memory_equal(f->ram + MEMMAP_RSDP, "RSD PTR ", 8);
}

static void kernel_initrd_and_tables_are_loaded(void **state)
{
	struct disk_fixture *d = *state;
	struct boot_plan plan;

	must_open(d);
	assert_int_equal(d->images.image.protocol, BOOT_PVH);
	assert_int_equal(images_plan(&d->images, &d->boot->board, &plan, &d->boot->err), 0);
	assert_int_equal(plan.module[0].size_bytes, 7);
	assert_true(plan.fdt.size_bytes > 0);
	must_be_loaded(d);
}

static void modules_follow_the_initrd_with_their_strings(void **state)
{
	struct disk_fixture *d = *state;
	struct boot_fixture *f = d->boot;
	uint64_t list;

	d->config.modules.nr = 2;
	d->config.modules.module[0].path = d->kernel;
	d->config.modules.module[0].string = "one";
	d->config.modules.module[1].path = d->initrd;
	must_open(d);
	assert_int_equal(load(d), 0);
	assert_int_equal(ram32(f, f->entry.rbx + 12), 3);
	list = ram64(f, f->entry.rbx + 16);
	assert_memory_equal(f->ram + ram64(f, list), "initrd!", 7);
	assert_memory_equal(f->ram + ram64(f, list + 32), f->file, f->size);
	assert_string_equal(ram_string(f, ram64(f, list + 32 + 16)), "one");
	assert_memory_equal(f->ram + ram64(f, list + 64), "initrd!", 7);
	assert_int_equal(ram64(f, list + 64 + 16), 0);
}

static void a_module_is_no_initrd(void **state)
{
	struct disk_fixture *d = *state;

	make_bzimage(d->boot);
	write_file(d->kernel, d->boot->file, d->boot->size);
	d->config.initrd = NULL;
	d->config.modules.nr = 1;
	d->config.modules.module[0].path = d->initrd;
	must_open(d);
	assert_int_equal(load(d), -EINVAL);
	must_say(d->boot, "this Linux bzImage (64-bit entry) takes no modules");
}

/* The bytes that were judged are the bytes that run, whatever the file holds by then. */
static void a_kernel_that_changes_after_it_was_identified_does_not_matter(void **state)
{
	struct disk_fixture *d = *state;

	must_open(d);
	write_file(d->kernel, "short", 5);
	must_be_loaded(d);
}

static void a_second_life_begins_with_the_same_kernel(void **state)
{
	struct disk_fixture *d = *state;

	d->config.restart_on_reset = true;
	must_open(d);
	must_be_loaded(d);
	write_file(d->kernel, "short", 5);
	fixture_ram(d->boot, 64 * MIB);
	must_be_loaded(d);
}

static void the_copy_is_kept_only_where_there_may_be_a_second_life(void **state)
{
	struct disk_fixture *d = *state;

	must_open(d);
	assert_non_null(d->images.kernel.bytes);
	must_be_loaded(d);
	assert_null(d->images.kernel.bytes);
	images_close(&d->images);
	d->config.restart_on_reset = true;
	must_open(d);
	must_be_loaded(d);
	assert_non_null(d->images.kernel.bytes);
}

static void an_initrd_that_changes_before_it_is_loaded_is_refused(void **state)
{
	struct disk_fixture *d = *state;

	must_open(d);
	assert_int_equal(truncate(d->initrd, 3), 0);
	assert_int_equal(load(d), -ESTALE);
	must_say(d->boot, "--initrd /");
	must_say(d->boot, "the file has changed since the start");
}

static void errors_name_the_file(void **state)
{
	struct disk_fixture *d = *state;

	write_file(d->kernel, "text", 4);
	assert_int_equal(images_open(&d->images, &d->config, &d->boot->err), -ENOEXEC);
	must_say(d->boot, "--kernel /");
	must_say(d->boot, "/kernel: this is a text file");
	images_close(&d->images);
	write_file(d->initrd, "", 0);
	assert_int_equal(images_open(&d->images, &d->config, &d->boot->err), -EINVAL);
	must_say(d->boot, "--initrd /");
	images_close(&d->images);
	assert_int_equal(unlink(d->kernel), 0);
	assert_int_equal(images_open(&d->images, &d->config, &d->boot->err), -ENOENT);
	must_say(d->boot, "--kernel /");
}

static void what_does_not_fit_is_known_before_anything_is_loaded(void **state)
{
	struct disk_fixture *d = *state;
	struct boot_plan plan;

	assert_int_equal(truncate(d->initrd, 64 << 20), 0);
	must_open(d);
	assert_int_equal(images_plan(&d->images, &d->boot->board, &plan, &d->boot->err), -ENOMEM);
	must_say(d->boot, "--mem 64M: this image with its --initrd needs ");
	assert_int_equal(load(d), -ENOMEM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kernel_initrd_and_tables_are_loaded),
		TEST(modules_follow_the_initrd_with_their_strings),
		TEST(a_module_is_no_initrd),
		TEST(a_kernel_that_changes_after_it_was_identified_does_not_matter),
		TEST(a_second_life_begins_with_the_same_kernel),
		TEST(the_copy_is_kept_only_where_there_may_be_a_second_life),
		TEST(an_initrd_that_changes_before_it_is_loaded_is_refused),
		TEST(errors_name_the_file),
		TEST(what_does_not_fit_is_known_before_anything_is_loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
