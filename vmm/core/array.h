/* SPDX-License-Identifier: MIT */
/* The number of entries of an array whose size the compiler knows; of a pointer it is no use. */
#ifndef CORE_ARRAY_H
#define CORE_ARRAY_H

#define NR_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
