/* SPDX-License-Identifier: MIT */
/* One process at a time in a directory of results. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/measure/claim.h"

#define LOCK_NAME "lock"
#define TRIES	  100 /* that a process which ends beside this one may spoil */

static int open_lock(const struct claim *claim)
{
	char *path = xasprintf("%s/" LOCK_NAME, claim->path);
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	free(path);
	return fd < 0 ? -errno : fd;
}

/* Whether the locked file is still the one that others would find. */
static bool is_current(const struct claim *claim)
{
	char *path = xasprintf("%s/" LOCK_NAME, claim->path);
	struct stat ours, found;
	bool current = fstat(claim->fd, &ours) == 0 && stat(path, &found) == 0 &&
		       ours.st_dev == found.st_dev && ours.st_ino == found.st_ino;

	free(path);
	return current;
}

static int say_in_use(const struct claim *claim, const char *dir, struct err *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	/* 0 or less: of another host, or of another PID namespace. */
	if (fcntl(claim->fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0)
		return err_set(err, -EBUSY,
			       "%s: process %d measures into it; wait for its end, or name another "
			       "directory",
			       dir, (int)lock.l_pid);
	return err_set(err, -EBUSY,
		       "%s: another process measures into it; wait for its end, or name another "
		       "directory",
		       dir);
}

/* -EAGAIN: the file has vanished meanwhile, with the process that had it. */
static int take_lock(struct claim *claim, const char *dir, struct err *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int ret = open_lock(claim);

	if (ret == -ENOENT)
		return -EAGAIN;
	if (ret < 0)
		return err_set(err, ret, "%s/" LOCK_NAME ": cannot open: %s", claim->path,
			       strerror(-ret));
	claim->fd = ret;
	if (fcntl(claim->fd, F_SETLK, &lock) == 0)
		return is_current(claim) ? 0 : -EAGAIN;
	if (errno == EACCES || errno == EAGAIN)
		return say_in_use(claim, dir, err);
	return err_set(err, -errno,
		       "%s/" LOCK_NAME ": cannot lock: %s; name a directory on another file system",
		       claim->path, strerror(errno));
}

/* A directory of this user: what is in it will be removed. */
static int make_directory(const struct claim *claim, struct err *err)
{
	struct stat st;

	if (mkdir(claim->path, 0700) < 0 && errno != EEXIST)
		return err_set(err, -errno, "%s: cannot make the directory: %s", claim->path,
			       strerror(errno));
	if (lstat(claim->path, &st) < 0)
		return errno == ENOENT
			       ? -EAGAIN
			       : err_set(err, -errno, "%s: %s", claim->path, strerror(errno));
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return err_set(err, -EEXIST,
			       "%s: is not a directory of this user; remove it, or name another "
			       "directory for results",
			       claim->path);
	return 0;
}

static void remove_leftovers(const struct claim *claim)
{
	DIR *dir = opendir(claim->path);
	struct dirent *entry;
	char *path;

	while (dir && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    strcmp(entry->d_name, LOCK_NAME) == 0)
			continue;
		path = xasprintf("%s/%s", claim->path, entry->d_name);
		file_remove_tree(path);
		free(path);
	}
	if (dir)
		closedir(dir);
}

/* The number of this process, for the one that comes after its violent end. */
static int leave_name(struct claim *claim, struct err *err)
{
	char text[32] = "";
	ssize_t length = pread(claim->fd, text, sizeof(text) - 1, 0);

	claim->before = length > 0 ? (pid_t)atoi(text) : 0;
	length = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(claim->fd, 0) < 0 || pwrite(claim->fd, text, (size_t)length, 0) != length)
		return err_set(err, -EIO, "%s/" LOCK_NAME ": cannot write: %s", claim->path,
			       strerror(errno));
	return 0;
}

int claim_take(struct claim *claim, const char *dir, struct err *err)
{
	int ret = file_make_directory(dir, err), tries;
	char *absolute;

	*claim = CLAIM_NONE;
	if (ret)
		return ret;
	absolute = realpath(dir, NULL);
	if (!absolute)
		return err_set(err, -errno, "%s: %s", dir, strerror(errno));
	claim->path = xasprintf("%s/.tinybench", absolute);
	free(absolute);
	for (tries = 0, ret = -EAGAIN; ret == -EAGAIN && tries < TRIES; tries++) {
		if (claim->fd >= 0)
			close(claim->fd);
		claim->fd = -1;
		ret = make_directory(claim, err);
		if (!ret)
			ret = take_lock(claim, dir, err);
	}
	if (ret == -EAGAIN)
		ret = err_set(err, -EIO,
			      "%s: other processes make and remove it; name another directory for "
			      "results",
			      claim->path);
	if (!ret) {
		remove_leftovers(claim);
		ret = leave_name(claim, err);
	}
	if (ret && claim->fd >= 0) {
		close(claim->fd);
		claim->fd = -1;
	}
	return ret;
}

void claim_release(struct claim *claim)
{
	char *lock = xasprintf("%s/" LOCK_NAME, claim->path ? claim->path : "");

	if (claim->fd >= 0) {
		remove_leftovers(claim);
		unlink(lock);
		(void)rmdir(claim->path); /* fails if another process makes its lock right now */
		close(claim->fd);
	}
	free(lock);
	free(claim->path);
	*claim = CLAIM_NONE;
}
