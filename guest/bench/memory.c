/* SPDX-License-Identifier: MIT */
/*
 * The four functions that a freestanding compiler may call (GCC manual, 2.1), and zlib does. The
 * same in all arms, so that none has a better libc.
 */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int value, size_t len);
int memcmp(const void *a, const void *b, size_t len);

/* Below, the start-up of a string instruction costs more than a loop. */
#define SHORT 64

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	uint8_t *d = to;
	const uint8_t *s = from;

	if (len < SHORT)
		while (len-- > 0)
			*d++ = *s++;
	else
		__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(len)::"memory");
	return to;
}

void *memmove(void *to, const void *from, size_t len)
{
	uint8_t *d = to;
	const uint8_t *s = from;

	if (d <= s || d >= s + len)
		return memcpy(to, from, len);
	while (len-- > 0)
		d[len] = s[len];
	return to;
}

void *memset(void *to, int value, size_t len)
{
	uint8_t *d = to;

	if (len < SHORT)
		while (len-- > 0)
			*d++ = (uint8_t)value;
	else
		__asm__ volatile("rep stosb" : "+D"(d), "+c"(len) : "a"(value) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;

	for (; len > 0; len--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
