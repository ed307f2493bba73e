/* subject_memory.h: what an allocation really costs, for the accounts of the subject index. */
#ifndef STORE_SUBJECT_MEMORY_H
#define STORE_SUBJECT_MEMORY_H

#include <stddef.h>

/* glibc: eight bytes in front, multiples of sixteen. */
static inline size_t subject_chunk(size_t bytes)
{
    return (bytes + 8 + 15) / 16 * 16;
}

#endif
