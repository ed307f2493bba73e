/* arena.h: memory that is freed all at once.
 *
 * For data with one lifetime: a parsed configuration, a set of options. Nothing is freed singly. One thread
 * at a time. Memory is zeroed and aligned for any type.
 *
 * When the heap is exhausted, or the arena would pass its limit, arena_alloc returns NULL and arena_failed
 * says so from then on: a builder may check once at its end where it copes with NULL on the way. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <midge/slice.h>
#include <stdarg.h>

struct arena;

/* limit: bytes of payload, 0 for none. NULL when out of memory. */
struct arena *arena_new(size_t limit);
void arena_free(struct arena *a); /* NULL is fine */

void *arena_alloc(struct arena *a, size_t size);
/* count * size with a check for overflow. */
void *arena_array(struct arena *a, size_t count, size_t size);
bool arena_failed(const struct arena *a);

/* Copies with a NUL behind that is not counted; SLICE_EMPTY when out of memory. */
slice arena_copy(struct arena *a, slice s);
slice arena_concat(struct arena *a, const slice *parts, size_t count);
__attribute__((format(printf, 2, 3))) slice arena_printf(struct arena *a, const char *fmt, ...);
slice arena_vprintf(struct arena *a, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));

#endif
