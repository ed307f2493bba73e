/* pieces.h: what harnesses of stream parsers share: the same bytes in one piece and in many, and a digest of
 * what came out, so that the two can be compared. */
#ifndef FUZZ_PIECES_H
#define FUZZ_PIECES_H

#include "fuzz.h"
#include <midge/codec.h>

/* A digest of the events seen (FNV-1a). */
struct fuzz_trace {
    uint64_t hash;
    size_t events;
};

static inline void fuzz_mix(struct fuzz_trace *t, const void *bytes, size_t n)
{
    const uint8_t *p = (const uint8_t *)bytes;
    for (size_t i = 0; i < n; i++)
        t->hash = (t->hash ^ p[i]) * 1099511628211u;
}

static inline void fuzz_mix_number(struct fuzz_trace *t, uint64_t v)
{
    fuzz_mix(t, &v, sizeof(v));
}

/* Reads every byte of the slice, which a sanitizer checks. */
static inline void fuzz_mix_slice(struct fuzz_trace *t, slice s)
{
    fuzz_mix_number(t, s.len);
    fuzz_mix(t, s.ptr, s.len);
}

static inline bool fuzz_same(const struct fuzz_trace *a, const struct fuzz_trace *b)
{
    return a->hash == b->hash && a->events == b->events;
}

/* A generator of no quality: piece sizes. */
static inline uint32_t fuzz_rand(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Takes events until there is none; false on an error. */
typedef bool (*fuzz_step)(void *ctx, slice *in);

/* Gives `all` to step, in pieces of random size (seed 0: in one). What step leaves is kept and comes again in
 * front of the next piece, each time in a new block of exactly so many bytes: a read past the end is found.
 */
static inline void fuzz_feed(slice all, uint32_t seed, fuzz_step step, void *ctx)
{
    uint8_t *block = NULL;
    slice kept = SLICE_EMPTY;
    bool going = true;
    for (size_t fed = 0; going && fed < all.len;) {
        size_t left = all.len - fed, n = seed == 0 ? left : 1 + fuzz_rand(&seed) % 40;
        n = n < left ? n : left;
        uint8_t *next = (uint8_t *)malloc(kept.len + n);
        if (next == NULL)
            break;
        if (kept.len > 0)
            memcpy(next, kept.ptr, kept.len);
        memcpy(next + kept.len, all.ptr + fed, n);
        fed += n;
        slice in = slice_make(next, kept.len + n);
        going = step(ctx, &in);
        free(block);
        block = next;
        kept = in;
    }
    free(block);
}

#endif
