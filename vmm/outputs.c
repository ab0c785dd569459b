/* SPDX-License-Identifier: MIT */
/* What tinyvmm writes for itself: opened, compared with what it reads, and emptied last. */
#include "vmm/outputs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The console's file, that of --stats, and the two standard ones, beside the machine's. */
#define MAX_PARTIES (OUTPUTS_MAX_FILES + 4)

enum role {
	ROLE_INPUT,  /* is read */
	ROLE_DISK,   /* is read, and written by the guest */
	ROLE_OUTPUT, /* is emptied and written */
	ROLE_STREAM, /* is written where its offset is */
};

struct party {
	enum role role;
	const char *option, *sep, *path; /* "--stats", "=", "a.json" */
	/* What it writes to or reads from; false: nothing that keeps bytes. */
	bool is_storage;
	bool is_device;
	dev_t dev;
	ino_t ino;
	const char *name; /* not NULL: the file is to be made in the directory dev:ino */
};

struct parties {
	unsigned int nr;
	struct party party[MAX_PARTIES];
};

static void identify(struct party *party, const struct stat *st)
{
	party->is_device = S_ISBLK(st->st_mode);
	party->is_storage = S_ISREG(st->st_mode) || party->is_device;
	party->dev = party->is_device ? st->st_rdev : st->st_dev;
	party->ino = party->is_device ? 0 : st->st_ino;
}

/* A descriptor that cannot be asked is of no danger either. */
static void add_fd(struct parties *parties, struct party party, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0)
		identify(&party, &st);
	parties->party[parties->nr++] = party;
}

static bool is_same(const struct party *a, const struct party *b)
{
	if (!a->is_storage || !b->is_storage || a->is_device != b->is_device || a->dev != b->dev ||
	    a->ino != b->ino)
		return false;
	if (a->name == NULL || b->name == NULL)
		return a->name == b->name;
	return strcmp(a->name, b->name) == 0;
}

/* Whether one of the two would destroy what the other reads or writes; *a is the one to change. */
static bool is_conflict(const struct party **a, const struct party **b)
{
	const struct party *lower = *a;

	if ((*a)->role < (*b)->role) {
		*a = *b;
		*b = lower;
	}
	switch ((*a)->role) {
	case ROLE_INPUT:
		return false;
	case ROLE_DISK: /* in a run, a lock has refused two disks already */
	case ROLE_OUTPUT:
		return true;
	case ROLE_STREAM:
		break;
	}
	if ((*b)->role != ROLE_OUTPUT)
		return (*b)->role != ROLE_STREAM;
	lower = *a; /* the option is easier to change */
	*a = *b;
	*b = lower;
	return true;
}

static int refuse(const struct party *blamed, const struct party *other, struct err *err)
{
	static const char *const remedies[] = {
		[ROLE_DISK] = "add \",ro\", or give a copy",
		[ROLE_OUTPUT] = "name another file",
		[ROLE_STREAM] = "redirect it to another file",
	};

	return err_set(err, -EINVAL, "%s%s%s: is the same file as %s%s%s; %s", blamed->option,
		       blamed->sep, blamed->path, other->option, other->sep, other->path,
		       remedies[blamed->role]);
}

/* The message must not become the last line of the disk. */
static void leave_standard_error(void)
{
	int fd = open("/dev/tty", O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static int compare_all(const struct parties *parties, struct err *err)
{
	for (unsigned int i = 0; i < parties->nr; i++) {
		for (unsigned int j = 0; j < i; j++) {
			const struct party *blamed = &parties->party[i];
			const struct party *other = &parties->party[j];

			if (!is_same(blamed, other) || !is_conflict(&blamed, &other))
				continue;
			if (blamed->role == ROLE_STREAM)
				leave_standard_error();
			return refuse(blamed, other, err);
		}
	}
	return 0;
}

static int cannot_open(const struct party *party, int error, struct err *err)
{
	return err_set(err, -error, "%s%s%s: cannot open: %s; %s", party->option, party->sep,
		       party->path, strerror(error),
		       error == ENXIO ? "start the reader of the FIFO first"
				      : "name a file that can be written");
}

/* For --dry-run: what opening it would say. */
static int judge(struct party *party, struct err *err)
{
	char copy[PATH_MAX];
	const char *slash = strrchr(party->path, '/');
	const char *dir;
	struct stat st;

	if (stat(party->path, &st) == 0) {
		identify(party, &st);
		if (S_ISDIR(st.st_mode))
			return cannot_open(party, EISDIR, err);
		return eaccess(party->path, W_OK) < 0 ? cannot_open(party, errno, err) : 0;
	}
	if (errno != ENOENT || strlen(party->path) >= sizeof(copy))
		return cannot_open(party, errno, err);
	/* It would be made: in a directory where that is allowed. */
	strcpy(copy, party->path);
	dir = dirname(copy);
	if (stat(dir, &st) < 0 || eaccess(dir, W_OK | X_OK) < 0)
		return cannot_open(party, errno, err);
	identify(party, &st);
	party->is_storage = true;
	party->name = slash != NULL ? slash + 1 : party->path;
	return 0;
}

/* Adds the file of an option and opens it, unless that is only to be judged. */
static int add_output(struct parties *parties, struct party party, bool is_dry, int *fd,
		      struct err *err)
{
	int ret = 0;

	party.role = ROLE_OUTPUT;
	if (is_dry) {
		ret = judge(&party, err);
		parties->party[parties->nr++] = party;
		return ret;
	}
	*fd = open(party.path, O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
	if (*fd < 0)
		return cannot_open(&party, errno, err);
	add_fd(parties, party, *fd);
	return ret;
}

/* Standard output or error, if it can be written at all. */
static void add_stream(struct parties *parties, const char *name, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY)
		add_fd(parties,
		       (struct party){.role = ROLE_STREAM, .option = name, .sep = "", .path = ""},
		       fd);
}

/* Not so a block device, which has no length to lose. */
static int empty(int fd, const char *option, const char *path, struct err *err)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || ftruncate(fd, 0) == 0)
		return 0;
	return err_set(err, -errno, "%s=%s: cannot empty it: %s; name another file", option, path,
		       strerror(errno));
}

int outputs_open(struct outputs *outputs, const struct config *config, const struct file_use *files,
		 unsigned int nr_files, struct err *err)
{
	static const char console[] = "--console file", stats[] = "--stats";
	const char *console_path = config->console.path;
	struct parties parties = {0};
	int ret = 0;

	assert(nr_files <= OUTPUTS_MAX_FILES);
	*outputs = OUTPUTS_NONE;
	for (unsigned int i = 0; i < nr_files; i++) {
		struct party party = {.role = files[i].is_written ? ROLE_DISK : ROLE_INPUT,
				      .option = files[i].option,
				      .sep = " ",
				      .path = files[i].path};

		add_fd(&parties, party, files[i].fd);
	}
	add_stream(&parties, "standard output", STDOUT_FILENO);
	add_stream(&parties, "standard error", STDERR_FILENO);
	if (config->console.kind == CONSOLE_FILE)
		ret = add_output(
			&parties,
			(struct party){.option = console, .sep = "=", .path = console_path},
			config->dry_run, &outputs->console_fd, err);
	if (ret == 0 && config->stats_path != NULL)
		ret = add_output(
			&parties,
			(struct party){.option = stats, .sep = "=", .path = config->stats_path},
			config->dry_run, &outputs->stats_fd, err);
	if (ret == 0)
		ret = compare_all(&parties, err);
	if (ret == 0)
		ret = empty(outputs->console_fd, console, console_path, err);
	if (ret == 0)
		ret = empty(outputs->stats_fd, stats, config->stats_path, err);
	/* The report is written at the end, when waiting for its reader harms no guest. */
	if (ret == 0 && outputs->stats_fd >= 0)
		ret = fcntl(outputs->stats_fd, F_SETFL, 0) < 0 ? -errno : 0;
	if (ret < 0)
		outputs_close(outputs);
	return ret;
}

void outputs_close(struct outputs *outputs)
{
	if (outputs->console_fd >= 0)
		close(outputs->console_fd);
	if (outputs->stats_fd >= 0)
		close(outputs->stats_fd);
	*outputs = OUTPUTS_NONE;
}
