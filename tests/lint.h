/* SPDX-License-Identifier: MIT */
/* What cppcheck needs to know of jansson, whose header it does not read. */
#define json_array_foreach(array, index, value) \
	for ((index) = 0; ((value) = json_array_get(array, index)); (index)++)
#define json_object_foreach(object, key, value) \
	for ((key) = ""; ((value) = json_object_get(object, key));)
