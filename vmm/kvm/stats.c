/* SPDX-License-Identifier: MIT */
/* KVM's binary statistics: a header, descriptors, then the values (api.rst 4.133). */
#include "vmm/kvm/stats.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

/* Far above what any KVM has (about 60 counters, names of 48 bytes); bounds the allocations. */
#define STATS_MAX_DESCRIPTORS 4096
#define STATS_MAX_NAME_BYTES  1024

static int read_exactly(int fd, void *to, size_t len, uint64_t offset)
{
	ssize_t n = pread(fd, to, len, (off_t)offset);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EBADMSG;
}

int kvm_stats_read(int stats_fd, void (*visit)(void *ctx, const char *name, uint64_t value),
		   void *ctx)
{
	struct kvm_stats_header header;
	size_t descriptor_bytes;
	char *descriptors = NULL;
	int ret = read_exactly(stats_fd, &header, sizeof(header), 0);

	if (ret < 0)
		return ret;
	if (header.num_desc > STATS_MAX_DESCRIPTORS || header.name_size > STATS_MAX_NAME_BYTES ||
	    header.name_size == 0)
		return -EBADMSG;
	descriptor_bytes = sizeof(struct kvm_stats_desc) + header.name_size;
	descriptors = malloc(header.num_desc * descriptor_bytes);
	if (descriptors == NULL)
		return -ENOMEM;
	ret = read_exactly(stats_fd, descriptors, header.num_desc * descriptor_bytes,
			   header.desc_offset);
	for (uint32_t i = 0; ret == 0 && i < header.num_desc; i++) {
		struct kvm_stats_desc *desc = (void *)(descriptors + i * descriptor_bytes);
		uint64_t value;

		if (desc->size != 1)
			continue;
		desc->name[header.name_size - 1] = '\0';
		ret = read_exactly(stats_fd, &value, sizeof(value),
				   (uint64_t)header.data_offset + desc->offset);
		if (ret == 0)
			visit(ctx, desc->name, value);
	}
	free(descriptors);
	return ret;
}
