/* subject_map.h: subjects to pointers: a chained hash table that copies its keys. One owner at a time.
 * Running out of memory ends the program (it is a test's). */
#ifndef RAFT_PROCESS_SUBJECT_MAP_H
#define RAFT_PROCESS_SUBJECT_MAP_H

#include <midge/slice.h>

struct subject_entry;

struct subject_map {
    struct subject_entry **heads;
    size_t count, cap; /* cap: a power of two, or 0 */
};

void subject_map_put(struct subject_map *m, slice subject, void *value);
void *subject_map_get(const struct subject_map *m, slice subject); /* NULL: absent */
void subject_map_remove(struct subject_map *m, slice subject);
void subject_map_remove_value(struct subject_map *m, const void *value);
void subject_map_each(const struct subject_map *m, void (*fn)(void *ctx, slice subject), void *ctx);
void subject_map_free(struct subject_map *m);

#endif
