/* SPDX-License-Identifier: MIT */
/* Kernel, initrd and module files: opened, read, inflated. */
#include "vmm/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/x86/boot/boot.h"

/* A kernel inflates to a few times its size; a gzip bomb does not get to fill the host. */
#define INFLATED_MAX_BYTES (1ull << 30)

#define HUGE_PAGE_BYTES (2ull << 20)

int image_open(struct image_file *image, const char *option, const char *path, struct err *err)
{
	struct stat st;
	int ret;

	*image = (struct image_file){.option = option, .path = path};
	/* O_NONBLOCK: opening a FIFO must not hang before it is refused. */
	image->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (image->fd < 0) {
		ret = -errno;
		return err_set(err, ret, "%s %s: cannot open: %s; give the path of a readable file",
			       option, path, strerror(-ret));
	}
	if (fstat(image->fd, &st) < 0)
		ret = err_set(err, -errno, "%s %s: %s", option, path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		ret = err_set(err, -EINVAL, "%s %s: not a regular file; give a file", option, path);
	else if (st.st_size == 0)
		ret = err_set(err, -EINVAL,
			      "%s %s: the file is empty; was its download or build cut short?",
			      option, path);
	else
		ret = 0;
	if (ret < 0) {
		close(image->fd);
		image->fd = -1;
		return ret;
	}
	image->size_bytes = (size_t)st.st_size;
	image->modified = st.st_mtim;
	return 0;
}

void image_close(struct image_file *image)
{
	image_drop(image);
	if (image->fd >= 0)
		close(image->fd);
	image->fd = -1;
}

static int has_changed(const struct image_file *image, struct err *err)
{
	return err_set(err, -ESTALE,
		       "%s %s: the file has changed since the start of this program; start again "
		       "with the new one",
		       image->option, image->path);
}

/* Seen after reading, so that a change while it was read is seen as well. */
static int check_unchanged(const struct image_file *image, struct err *err)
{
	struct stat st;

	if (fstat(image->fd, &st) < 0)
		return err_set(err, -errno, "%s %s: %s", image->option, image->path,
			       strerror(errno));
	if ((size_t)st.st_size != image->size_bytes ||
	    st.st_mtim.tv_sec != image->modified.tv_sec ||
	    st.st_mtim.tv_nsec != image->modified.tv_nsec)
		return has_changed(image, err);
	return 0;
}

int image_read_to(const struct image_file *image, void *to, struct err *err)
{
	size_t done = 0;

	while (done < image->size_bytes) {
		ssize_t n = pread(image->fd, (uint8_t *)to + done, image->size_bytes - done,
				  (off_t)done);

		if (n == 0)
			return has_changed(image, err);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, -errno, "%s %s: cannot read: %s", image->option,
				       image->path, strerror(errno));
		done += (size_t)n;
	}
	return check_unchanged(image, err);
}

/* Replaces the bytes by what they hold, if they are gzip. */
static int inflate_bytes(struct image_file *image, struct err *err)
{
	uint8_t *inflated;
	size_t len;
	int ret = boot_gunzip(image->bytes, image->len, INFLATED_MAX_BYTES, &inflated, &len, err);

	if (ret < 0)
		return err_prefix(err, ret, "%s %s", image->option, image->path);
	if (ret == 0)
		return 0;
	image_drop(image);
	image->bytes = inflated;
	image->len = len;
	return 0;
}

int image_read(struct image_file *image, struct err *err)
{
	void *bytes = mmap(NULL, image->size_bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int ret;

	if (bytes == MAP_FAILED)
		return err_set(err, -errno, "%s %s: no memory to read it: %s", image->option,
			       image->path, strerror(errno));
	/* Fewer page faults; where it is not possible, nothing is lost. */
	if (image->size_bytes >= HUGE_PAGE_BYTES)
		madvise(bytes, image->size_bytes, MADV_HUGEPAGE);
	image->bytes = bytes;
	image->len = image->size_bytes;
	ret = image_read_to(image, bytes, err);
	if (ret == 0)
		ret = inflate_bytes(image, err);
	if (ret < 0)
		image_drop(image);
	return ret;
}

void image_drop(struct image_file *image)
{
	if (image->bytes != NULL)
		munmap(image->bytes, image->len);
	image->bytes = NULL;
	image->len = 0;
}
