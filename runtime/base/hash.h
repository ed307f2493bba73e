/* hash.h: a fast hash of short byte strings for tables in memory.
 *
 * 64 bits out of a folded 64x64 multiplication, two words a step. Every word is mixed with a secret that is
 * derived from the seed before it is multiplied, so without the seed nobody can choose colliding keys: give
 * each table a random seed. Not for files or wires: the value depends on byte order and may change. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <midge/slice.h>

__extension__ typedef unsigned __int128 hash_wide;

static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
    hash_wide p = (hash_wide)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static inline uint64_t hash_load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint64_t hash_load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint64_t hash_bytes(slice s, uint64_t seed)
{
    const uint8_t *p = s.ptr;
    size_t left = s.len;
    const uint64_t secret = seed * 0x9e3779b97f4a7c15U ^ 0xd6e8feb86659fd93U;
    uint64_t acc = seed ^ (uint64_t)s.len, a = 0, b = 0;
    for (; left > 16; left -= 16, p += 16)
        acc = hash_fold(hash_load64(p) ^ secret, hash_load64(p + 8) ^ acc);
    if (left >= 8) {
        a = hash_load64(p);
        b = hash_load64(p + left - 8);
    } else if (left >= 4) {
        a = hash_load32(p);
        b = hash_load32(p + left - 4);
    } else if (left > 0) {
        a = (uint64_t)p[0] << 16 | (uint64_t)p[left / 2] << 8 | p[left - 1];
    }
    return hash_fold(hash_fold(a ^ secret, b ^ acc) ^ 0xa0761d6478bd642fU, secret);
}

#endif
