/* info.h: reads the JSON of an INFO line, member by member.
 *
 * Strings are given without their quotes and with their escapes as they stand; arrays and objects as their
 * text. The text ends in NUL and outlives the slices. */
#ifndef TESTS_SCENARIO_INFO_H
#define TESTS_SCENARIO_INFO_H

#include <midge/slice.h>

struct info_reader {
    const char *at;
    bool inside;
    bool done; /* set when the object ended as it should */
};

/* False at the end of the object (`done`) or at something that is no JSON. */
bool info_next(struct info_reader *reader, slice *key, slice *value);

/* The value of a key; false when the object lacks it. */
bool info_find(const char *json, const char *key, slice *value);

#endif
