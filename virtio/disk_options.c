/* SPDX-License-Identifier: MIT */
/* --disk FILE[,ro][,cache=...]: what the user asks for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/disk.h"
#include "vmm/core/parse.h"

static int parse_id(const char *id, struct disk_options *options, struct err *err)
{
	size_t len = id != NULL ? strlen(id) : 0;

	if (len == 0 || len > DISK_ID_MAX)
		return err_set(
			err, -EINVAL,
			"--disk %s: id=%s: an id has 1 to %d characters; give one of that length",
			options->path, id != NULL ? id : "", DISK_ID_MAX);
	for (size_t i = 0; i < len; i++) {
		if (id[i] <= ' ' || id[i] > '~') /* 5.2.6: an ASCII string */
			return err_set(
				err, -EINVAL,
				"--disk %s: id=%s: use printable ASCII characters and no blanks",
				options->path, id);
	}
	memcpy(options->id, id, len + 1);
	return 0;
}

static bool is(const char *key, const char *value, const char *want_key, const char *want_value)
{
	if (strcmp(key, want_key) != 0 || (value != NULL) != (want_value != NULL))
		return false;
	return value == NULL || strcmp(value, want_value) == 0;
}

static int parse_one(const char *key, const char *value, struct disk_options *options,
		     struct err *err)
{
	if (strcmp(key, "id") == 0)
		return parse_id(value, options, err);
	if (is(key, value, "ro", NULL))
		options->read_only = true;
	else if (is(key, value, "cache", "none"))
		options->cache = DISK_CACHE_NONE;
	else if (is(key, value, "cache", "writeback"))
		options->cache = DISK_CACHE_WRITEBACK;
	else if (is(key, value, "format", "raw"))
		options->format_raw = true;
	else if (is(key, value, "lock", "off"))
		options->lock_off = true;
	else
		return err_set(
			err, -EINVAL,
			"--disk %s: unknown \"%s%s%s\"; after the file come ro, cache=none, "
			"cache=writeback, id=NAME, format=raw or lock=off, and a comma in its "
			"name is written twice",
			options->path, key, value != NULL ? "=" : "", value != NULL ? value : "");
	return 0;
}

int disk_parse_options(const char *value, struct disk_options *options, struct err *err)
{
	char *cursor, *path, *key, *val;
	int ret;

	memset(options, 0, sizeof(*options));
	options->path = strdup(value);
	if (options->path == NULL)
		return err_set(err, -ENOMEM, "--disk %s: out of memory", value);
	cursor = options->path;
	parse_part(&cursor, &path); /* which is in place; a '=' belongs to the file's name */
	if (options->path[0] == '\0') {
		ret = err_set(err, -EINVAL, "--disk %s: no file; use --disk FILE[,ro]", value);
		goto free_options;
	}
	while (parse_suboption(&cursor, &key, &val)) {
		ret = parse_one(key, val, options, err);
		if (ret < 0)
			goto free_options;
	}
	return 0;

free_options:
	disk_free_options(options);
	return ret;
}

void disk_free_options(struct disk_options *options)
{
	free(options->path);
	options->path = NULL;
}
