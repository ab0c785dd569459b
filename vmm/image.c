/* SPDX-License-Identifier: MIT */
/* Kernel and initrd files: opened, mapped, inflated. */
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
	return 0;
}

void image_close(struct image_file *image)
{
	image_unmap(image);
	if (image->fd >= 0)
		close(image->fd);
	image->fd = -1;
}

/* Somebody may have built the kernel anew meanwhile; pages past its end would be a SIGBUS. */
static int check_size(const struct image_file *image, struct err *err)
{
	struct stat st;

	if (fstat(image->fd, &st) < 0)
		return err_set(err, -errno, "%s %s: %s", image->option, image->path,
			       strerror(errno));
	if ((size_t)st.st_size != image->size_bytes)
		return err_set(err, -ESTALE,
			       "%s %s: has changed: it had %zu bytes at the start and has %zu "
			       "bytes now; start again with the new one",
			       image->option, image->path, image->size_bytes, (size_t)st.st_size);
	return 0;
}

int image_map(struct image_file *image, bool gunzip, struct err *err)
{
	int ret;

	if (image->map != NULL)
		return 0;
	ret = check_size(image, err);
	if (ret < 0)
		return ret;
	image->map = mmap(NULL, image->size_bytes, PROT_READ, MAP_PRIVATE, image->fd, 0);
	if (image->map == MAP_FAILED) {
		image->map = NULL;
		return err_set(err, -errno, "%s %s: cannot map: %s", image->option, image->path,
			       strerror(errno));
	}
	image->bytes = image->map;
	image->len = image->size_bytes;
	if (!gunzip)
		return 0;
	ret = boot_gunzip(image->map, image->size_bytes, INFLATED_MAX_BYTES, &image->inflated,
			  &image->len, err);
	if (ret < 0) {
		image->len = image->size_bytes;
		image_unmap(image);
		return err_prefix(err, ret, "%s %s", image->option, image->path);
	}
	if (ret == 0)
		image->len = image->size_bytes;
	else
		image->bytes = image->inflated;
	return 0;
}

void image_unmap(struct image_file *image)
{
	if (image->inflated != NULL)
		munmap(image->inflated, image->len);
	if (image->map != NULL)
		munmap(image->map, image->size_bytes);
	image->inflated = NULL;
	image->map = NULL;
	image->bytes = NULL;
	image->len = 0;
}
