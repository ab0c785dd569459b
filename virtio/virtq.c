/* SPDX-License-Identifier: MIT */
/*
 * The device's side of a split virtqueue (virtio 1.2, section 2.7).
 *
 * Memory ordering. The rings are shared with a driver that runs at the same time, and each step
 * that publishes something is paired with one that takes it over:
 *
 *	driver					device
 *	writes descriptors, ring entry
 *	[release] avail.idx		->	[acquire] avail.idx, in avail_index()
 *						reads ring entry, descriptors
 *						writes data, used entry
 *	[acquire] used.idx		<-	[release] used.idx, in virtq_publish()
 *
 * Suppression of notifications is the other pattern: each side writes one thing and then reads
 * the other's, and at least one of them must see the other's write, which takes a full barrier on
 * both (2.7.13.4.1, 2.7.14).
 *
 *	writes used_event / flags	..	writes used.idx
 *	[full barrier]				[full barrier], in virtq_want_interrupt()
 *	reads used.idx			..	reads used_event / flags
 *
 *	writes avail.idx		..	writes avail_event / flags
 *	[full barrier]				[full barrier], in virtq_want_notify()
 *	reads avail_event / flags	..	reads avail.idx
 */
#include "virtio/virtq.h"

#include <endian.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

/* Where things are in the available and the used ring (2.7.6, 2.7.8). */
#define RING_FLAGS   0
#define RING_IDX     2
#define RING_ENTRIES 4

#define MAX_CHAIN_BYTES (1ull << 32) /* 2.7.5.2 */

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct used_elem {
	uint32_t id;
	uint32_t len;
};

_Static_assert(sizeof(struct desc) == 16, "2.7.5");
_Static_assert(sizeof(struct used_elem) == 8, "2.7.8");

/* A descriptor table: the queue's own, or an indirect one. */
struct desc_table {
	gpa_t at;
	uint32_t entries;
	bool indirect;
};

/* What both rings are made of: flags, idx, the entries, and the event index of 2.7.7 and 2.7.10. */
static size_t ring_bytes(uint16_t size, size_t entry_bytes)
{
	return RING_ENTRIES + entry_bytes * size + sizeof(uint16_t);
}

static gpa_t used_event(const struct virtq *vq)
{
	return gpa_add(vq->driver, RING_ENTRIES + sizeof(uint16_t) * vq->size);
}

static gpa_t avail_event(const struct virtq *vq)
{
	return gpa_add(vq->device, RING_ENTRIES + sizeof(struct used_elem) * vq->size);
}

static bool is_ram(const struct gmem *mem, gpa_t at, size_t len)
{
	return gmem_ptr(mem, at, len) != NULL;
}

int virtq_enable(struct virtq *vq, struct gmem *mem, bool event_idx)
{
	/* 2.7: a power of two; 4.2.2.2: at most what the device offers. */
	if (vq->size == 0 || vq->size > VIRTQ_MAX_SIZE || (vq->size & (vq->size - 1)) != 0)
		return -EINVAL;
	/* 2.7.1 */
	if (vq->desc.addr % 16 != 0 || vq->driver.addr % 2 != 0 || vq->device.addr % 4 != 0)
		return -EINVAL;
	if (!is_ram(mem, vq->desc, sizeof(struct desc) * vq->size) ||
	    !is_ram(mem, vq->driver, ring_bytes(vq->size, sizeof(uint16_t))) ||
	    !is_ram(mem, vq->device, ring_bytes(vq->size, sizeof(struct used_elem))))
		return -EFAULT;

	vq->mem = mem;
	vq->event_idx = event_idx;
	vq->broken = false;
	vq->next_avail = 0;
	vq->next_used = 0;
	vq->signalled_used = 0;
	vq->signalled_valid = true;
	vq->enabled = true;
	return 0;
}

void virtq_disable(struct virtq *vq)
{
	memset(vq, 0, sizeof(*vq));
}

/* The driver's index of the available ring, and with it all that was written before it. */
static int avail_index(const struct virtq *vq, uint16_t *index)
{
	/* Pairs with the driver's barrier before it moves the index (2.7.13.3.1). */
	int ret = gmem_load_acquire16(vq->mem, gpa_add(vq->driver, RING_IDX), index);

	if (ret != 0)
		return ret;
	*index = le16toh(*index);
	return 0;
}

static int avail_entry(const struct virtq *vq, uint16_t index, uint16_t *head)
{
	uint64_t slot = index & (vq->size - 1u);
	int ret = gmem_read(vq->mem, gpa_add(vq->driver, RING_ENTRIES + sizeof(*head) * slot), head,
			    sizeof(*head));

	if (ret != 0)
		return ret;
	*head = le16toh(*head);
	return 0;
}

/* The one copy of a descriptor that is looked at. */
static int read_desc(const struct virtq *vq, const struct desc_table *table, uint32_t index,
		     struct desc *desc)
{
	int ret = gmem_read(vq->mem, gpa_add(table->at, sizeof(*desc) * (uint64_t)index), desc,
			    sizeof(*desc));

	if (ret != 0)
		return ret;
	desc->addr = le64toh(desc->addr);
	desc->len = le32toh(desc->len);
	desc->flags = le16toh(desc->flags);
	desc->next = le16toh(desc->next);
	return 0;
}

/* Appends a buffer to the chain. NULL, or what is wrong with it. */
static const char *add_segment(struct vchain *chain, const struct desc *desc)
{
	if (chain->nr_segments == VIRTQ_MAX_SIZE)
		return "a chain of more buffers than the largest queue has entries";
	if (desc->len > MAX_CHAIN_BYTES - chain->readable_bytes - chain->writable_bytes)
		return "a chain of more than 2^32 bytes";
	if (desc->len != 0 && !is_ram(chain->vq->mem, gpa(desc->addr), desc->len))
		return "a buffer outside RAM";
	if ((desc->flags & VIRTQ_DESC_F_WRITE) != 0) {
		chain->writable_bytes += desc->len;
	} else {
		if (chain->nr_segments != chain->nr_readable) /* 2.7.4.2 */
			return "a readable buffer after a writable one";
		chain->nr_readable++;
		chain->readable_bytes += desc->len;
	}
	chain->segment[chain->nr_segments++] = (struct virtq_segment){
		.at = gpa(desc->addr),
		.len = desc->len,
	};
	return NULL;
}

/*
 * Goes over from the queue's table to the indirect one that `desc` refers to. The WRITE flag is
 * ignored (2.7.5.3.2). A driver that did not accept VIRTIO_F_INDIRECT_DESC and yet uses a table
 * is served: nothing depends on it. NULL, or what is wrong.
 */
static const char *enter_indirect(const struct virtq *vq, const struct desc *desc,
				  struct desc_table *table)
{
	if (table->indirect) /* 2.7.5.3.1 */
		return "an indirect table inside an indirect table";
	if ((desc->flags & VIRTQ_DESC_F_NEXT) != 0) /* 2.7.5.3.1 */
		return "an indirect table with a next descriptor";
	if (desc->len == 0 || desc->len % sizeof(struct desc) != 0)
		return "an indirect table that is empty or not a multiple of 16 bytes";
	if (!is_ram(vq->mem, gpa(desc->addr), desc->len))
		return "an indirect table outside RAM";
	*table = (struct desc_table){
		.at = gpa(desc->addr),
		.entries = (uint32_t)(desc->len / sizeof(struct desc)),
		.indirect = true,
	};
	return NULL;
}

/*
 * Follows the chain from `chain->head` and describes it in `chain`. NULL, or what is wrong with it.
 *
 * A chain visits no entry of a table twice, so one that takes more steps than the table has entries
 * loops. An indirect table may be larger than the queue (Linux makes such), but no chain needs
 * more steps than it may have buffers.
 */
static const char *walk(const struct virtq *vq, struct vchain *chain)
{
	struct desc_table table = {.at = vq->desc, .entries = vq->size, .indirect = false};
	uint32_t steps = vq->size;
	uint32_t index = chain->head;
	struct desc desc;
	const char *why;

	for (;;) {
		if (steps-- == 0)
			return "a chain that loops or is longer than the queue";
		if (read_desc(vq, &table, index, &desc) != 0)
			return "a descriptor table outside RAM";
		if ((desc.flags & VIRTQ_DESC_F_INDIRECT) != 0) {
			why = enter_indirect(vq, &desc, &table);
			if (why != NULL)
				return why;
			steps = table.entries < VIRTQ_MAX_SIZE ? table.entries : VIRTQ_MAX_SIZE;
			index = 0;
			continue;
		}
		why = add_segment(chain, &desc);
		if (why != NULL || (desc.flags & VIRTQ_DESC_F_NEXT) == 0)
			return why;
		if (desc.next >= table.entries)
			return "a next descriptor past the table";
		index = desc.next;
	}
}

/* Describes the chain whose head is next in the available ring. NULL, or what is wrong. */
static const char *take(struct virtq *vq, uint16_t avail_idx, struct vchain *chain)
{
	uint16_t head;

	/* 2.7.6.1: no chain is taken back, and no ring holds more chains than it has entries. */
	if ((uint16_t)(avail_idx - vq->next_avail) > vq->size)
		return "an available index that moved by more than the queue's size";
	if (avail_entry(vq, vq->next_avail, &head) != 0)
		return "an available ring outside RAM";
	if (head >= vq->size)
		return "a head descriptor past the table";

	chain->vq = vq;
	chain->head = head;
	chain->nr_readable = 0;
	chain->nr_segments = 0;
	chain->readable_bytes = 0;
	chain->writable_bytes = 0;
	chain->written = 0;
	return walk(vq, chain);
}

int virtq_pop(struct virtq *vq, struct vchain *chain, const char **why)
{
	uint16_t avail_idx;

	*why = NULL;
	if (!vq->enabled)
		return 0;
	if (vq->broken)
		*why = "a queue that is broken already";
	else if (avail_index(vq, &avail_idx) != 0)
		*why = "an available ring outside RAM";
	else if (avail_idx == vq->next_avail)
		return 0;
	else
		*why = take(vq, avail_idx, chain);
	if (*why != NULL) {
		vq->broken = true;
		return -EPROTO;
	}
	vq->next_avail++;
	chain->read_pos = (struct vchain_pos){.segment = 0, .offset = 0};
	chain->write_pos = (struct vchain_pos){.segment = chain->nr_readable, .offset = 0};
	return 1;
}

void virtq_unpop(struct virtq *vq)
{
	vq->next_avail--;
}

bool virtq_has_work(const struct virtq *vq)
{
	uint16_t avail_idx;

	return vq->enabled && !vq->broken && avail_index(vq, &avail_idx) == 0 &&
	       avail_idx != vq->next_avail;
}

/* Stores into the used ring or the flags of it; failing breaks the queue. */
static int used_store16(struct virtq *vq, gpa_t at, uint16_t value)
{
	if (gmem_store_release16(vq->mem, at, htole16(value)) == 0)
		return 0;
	vq->broken = true;
	return -EFAULT;
}

int virtq_fill(struct virtq *vq, uint16_t head, uint32_t written, uint16_t ahead)
{
	struct used_elem elem = {.id = htole32(head), .len = htole32(written)};
	uint64_t slot;

	if (!vq->enabled || vq->broken)
		return -EFAULT;
	slot = (uint16_t)(vq->next_used + ahead) & (vq->size - 1u);
	if (gmem_write(vq->mem, gpa_add(vq->device, RING_ENTRIES + sizeof(elem) * slot), &elem,
		       sizeof(elem)) == 0)
		return 0;
	vq->broken = true;
	return -EFAULT;
}

int virtq_publish(struct virtq *vq, uint16_t count)
{
	if (!vq->enabled || vq->broken)
		return -EFAULT;
	if (count > UINT16_MAX - (uint16_t)(vq->next_used - vq->signalled_used))
		vq->signalled_valid = false;
	vq->next_used = (uint16_t)(vq->next_used + count);
	/* 2.7.8.2: data and entries first, then the index; pairs with the driver's read of it. */
	return used_store16(vq, gpa_add(vq->device, RING_IDX), vq->next_used);
}

int virtq_push(struct virtq *vq, const struct vchain *chain)
{
	/* 2.7.8.2: `len` may be less than was written, which 2^32 bytes do not fit. */
	uint32_t written = chain->written < UINT32_MAX ? (uint32_t)chain->written : UINT32_MAX;
	int ret = virtq_fill(vq, chain->head, written, 0);

	return ret != 0 ? ret : virtq_publish(vq, 1);
}

/*
 * Did the index move past `event` on its way from `old` to `new`, all modulo 2^16? The entry that
 * the other side waits for is number `event`, and it was among old .. new - 1.
 */
static bool event_passed(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

bool virtq_want_interrupt(struct virtq *vq)
{
	uint16_t old = vq->signalled_used;
	uint16_t new = vq->next_used;
	bool old_valid = vq->signalled_valid;
	uint16_t value;

	if (!vq->enabled || vq->broken || (old_valid && old == new))
		return false;
	vq->signalled_used = new;
	vq->signalled_valid = true;

	/* Either the driver sees our used index, or we see that it wants an interrupt (2.7.14). */
	atomic_thread_fence(memory_order_seq_cst);
	if (!vq->event_idx) {
		if (gmem_load_acquire16(vq->mem, gpa_add(vq->driver, RING_FLAGS), &value) != 0)
			return true;
		return (le16toh(value) & VIRTQ_AVAIL_F_NO_INTERRUPT) == 0;
	}
	/* 2.7.7.2: the flag is ignored then. */
	if (gmem_load_acquire16(vq->mem, used_event(vq), &value) != 0)
		return true;
	return !old_valid || event_passed(le16toh(value), new, old);
}

bool virtq_want_notify(struct virtq *vq, bool wanted)
{
	if (!vq->enabled || vq->broken)
		return false;
	if (vq->event_idx) {
		/*
		 * 2.7.10.2: left where it is, the driver passes it once and is quiet from then on.
		 */
		if (wanted && used_store16(vq, avail_event(vq), vq->next_avail) != 0)
			return false;
	} else if (used_store16(vq, gpa_add(vq->device, RING_FLAGS),
				wanted ? 0 : VIRTQ_USED_F_NO_NOTIFY) != 0) {
		return false;
	}
	if (!wanted)
		return false;
	/* Either the driver sees what we stored, or we see its new index (2.7.13.4.1). */
	atomic_thread_fence(memory_order_seq_cst);
	return virtq_has_work(vq);
}
