/* SPDX-License-Identifier: MIT */
/*
 * What the 8-bit chips of an ISA bus have in common: a wider access reaches them as single bytes at
 * consecutive ports, low byte first.
 */
#ifndef DEVICES_ISA_H
#define DEVICES_ISA_H

#include <stdint.h>

static inline uint64_t isa_read(void *device, uint64_t offset, unsigned int size,
				uint8_t (*read8)(void *device, uint64_t offset))
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)read8(device, offset + i) << (8 * i);
	return value;
}

static inline void isa_write(void *device, uint64_t offset, unsigned int size, uint64_t value,
			     void (*write8)(void *device, uint64_t offset, uint8_t value))
{
	for (unsigned int i = 0; i < size; i++)
		write8(device, offset + i, (uint8_t)(value >> (8 * i)));
}

#endif
