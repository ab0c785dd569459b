/* SPDX-License-Identifier: MIT */
/*
 * A descriptor chain as two byte streams (virtio 1.2, 2.7.4): a device that uses them cannot tell
 * how the driver cut its message into buffers. The segments were checked when the chain was taken
 * from its queue; guest RAM does not move or shrink.
 */
#include "virtio/virtq.h"

#include <errno.h>

/*
 * Moves to the next piece of a stream that ends before segment `end`: at most `want` (not 0)
 * bytes that lie together. Returns its length and address, 0 at the end.
 */
static size_t next_piece(const struct vchain *chain, struct vchain_pos *pos, uint16_t end,
			 size_t want, gpa_t *at)
{
	for (; pos->segment < end; pos->segment++, pos->offset = 0) {
		const struct virtq_segment *segment = &chain->segment[pos->segment];
		uint32_t left = segment->len - pos->offset;
		uint32_t piece = want < left ? (uint32_t)want : left;

		if (piece == 0)
			continue;
		*at = gpa_add(segment->at, pos->offset);
		pos->offset += piece;
		return piece;
	}
	return 0;
}

static size_t bytes_left(const struct vchain *chain, struct vchain_pos pos, uint16_t end)
{
	size_t left = 0;

	for (; pos.segment < end; pos.segment++, pos.offset = 0)
		left += chain->segment[pos.segment].len - pos.offset;
	return left;
}

size_t vchain_readable(const struct vchain *chain)
{
	return bytes_left(chain, chain->read_pos, chain->nr_readable);
}

size_t vchain_writable(const struct vchain *chain)
{
	return bytes_left(chain, chain->write_pos, chain->nr_segments);
}

size_t vchain_read(struct vchain *chain, void *to, size_t len)
{
	uint8_t *bytes = to;
	size_t done = 0;
	gpa_t at;

	while (done < len) {
		size_t piece =
			next_piece(chain, &chain->read_pos, chain->nr_readable, len - done, &at);

		if (piece == 0 || gmem_read(chain->vq->mem, at, bytes + done, piece) != 0)
			break;
		done += piece;
	}
	return done;
}

size_t vchain_write(struct vchain *chain, const void *from, size_t len)
{
	const uint8_t *bytes = from;
	size_t done = 0;
	gpa_t at;

	while (done < len) {
		size_t piece =
			next_piece(chain, &chain->write_pos, chain->nr_segments, len - done, &at);

		if (piece == 0 || gmem_write(chain->vq->mem, at, bytes + done, piece) != 0)
			break;
		done += piece;
	}
	chain->written += done;
	return done;
}

static int map(const struct vchain *chain, struct vchain_pos *pos, uint16_t end, size_t len,
	       struct iovec *iov, int max)
{
	struct vchain_pos here = *pos;
	int nr = 0;
	gpa_t at;

	for (size_t done = 0; done < len; nr++) {
		size_t piece = next_piece(chain, &here, end, len - done, &at);

		if (piece == 0)
			return -EMSGSIZE;
		if (nr < max)
			iov[nr] = (struct iovec){
				.iov_base = gmem_ptr(chain->vq->mem, at, piece),
				.iov_len = piece,
			};
		done += piece;
	}
	if (nr > max)
		return -E2BIG;
	*pos = here;
	return nr;
}

int vchain_iov_readable(struct vchain *chain, size_t len, struct iovec *iov, int max)
{
	return map(chain, &chain->read_pos, chain->nr_readable, len, iov, max);
}

int vchain_iov_writable(struct vchain *chain, size_t len, struct iovec *iov, int max)
{
	int nr = map(chain, &chain->write_pos, chain->nr_segments, len, iov, max);

	if (nr >= 0)
		chain->written += len;
	return nr;
}
