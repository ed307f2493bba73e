/* bytes.h: numbers in byte order, read from and written to unaligned memory. The caller has checked that the
 * bytes are there. Pure functions; each compiles to one or two instructions. */
#ifndef CODEC_BYTES_H
#define CODEC_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t bytes_u16be(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t bytes_u32be(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t bytes_u64be(const uint8_t *p)
{
    return (uint64_t)bytes_u32be(p) << 32 | bytes_u32be(p + 4);
}

static inline uint16_t bytes_u16le(const uint8_t *p)
{
    return (uint16_t)(p[1] << 8 | p[0]);
}

static inline uint32_t bytes_u32le(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline uint64_t bytes_u64le(const uint8_t *p)
{
    return (uint64_t)bytes_u32le(p + 4) << 32 | bytes_u32le(p);
}

static inline void bytes_put_be(uint8_t *p, uint64_t v, size_t width)
{
    for (size_t i = width; i-- > 0; v >>= 8)
        p[i] = (uint8_t)v;
}

static inline void bytes_put_le(uint8_t *p, uint64_t v, size_t width)
{
    for (size_t i = 0; i < width; i++, v >>= 8)
        p[i] = (uint8_t)v;
}

#endif
