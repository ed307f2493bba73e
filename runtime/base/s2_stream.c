#include "base/s2.h"
#include "base/crc32c.h"

#include <stdlib.h>

enum chunk { CHUNK_PACKED = 0x00, CHUNK_PLAIN = 0x01, CHUNK_SKIP = 0x80, CHUNK_IDENTIFIER = 0xff };

static const uint8_t identifier_s2[6] = {'S', '2', 's', 'T', 'w', 'O'};
static const uint8_t identifier_snappy[6] = {'s', 'N', 'a', 'P', 'p', 'Y'};

const char *s2_rc_text(enum s2_rc rc)
{
    switch (rc) {
    case S2_OK:
        return "ok";
    case S2_MORE:
        return "unexpected EOF";
    case S2_CORRUPT:
        return "s2: corrupt input";
    case S2_BAD_CHECKSUM:
        return "s2: crc mismatch";
    case S2_UNSUPPORTED:
        return "s2: unsupported input";
    case S2_TOO_LARGE:
        return "s2: decoded block is too large";
    case S2_NO_MEMORY:
        return "out of memory";
    }
    return "unknown";
}

/* The checksum as streams carry it: masked, so that checksums of data with checksums in it stay good. */
static uint32_t checksum(slice data)
{
    uint32_t crc = crc32c(data);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* ---- encoding ---- */

static size_t block_sent(enum s2_mode mode)
{
    return mode == S2_SNAPPY ? S2_SNAPPY_MAX : S2_BLOCK_SENT;
}

size_t s2_stream_bound(enum s2_mode mode, size_t len)
{
    /* A packed block is built in place and may be longer than its plain form before that is preferred. */
    return S2_IDENTIFIER + (len / block_sent(mode) + 1) * (S2_CHUNK_HEAD + S2_CHECKSUM + 10) + len;
}

/* Type and length of the body in the four bytes at p. */
static void put_chunk_head(uint8_t *p, enum chunk type, size_t len)
{
    put32(p, (uint32_t)type | (uint32_t)len << 8);
}

static size_t put_block(struct s2_table *t, enum s2_mode mode, slice data, uint8_t *dst)
{
    uint8_t *body = dst + S2_CHUNK_HEAD + S2_CHECKSUM;
    enum chunk type = CHUNK_PACKED;
    size_t len = data.len;
    if (mode != S2_PLAIN)
        len = s2_block_encode(t, data, mode != S2_SNAPPY, body);
    if (len >= data.len) {
        type = CHUNK_PLAIN;
        len = data.len;
        memcpy(body, data.ptr, len);
    }
    put_chunk_head(dst, type, S2_CHECKSUM + len);
    put32(dst + S2_CHUNK_HEAD, checksum(data));
    return S2_CHUNK_HEAD + S2_CHECKSUM + len;
}

size_t s2_stream_encode(struct s2_table *t, enum s2_mode mode, slice src, uint8_t *dst)
{
    put_chunk_head(dst, CHUNK_IDENTIFIER, sizeof identifier_s2);
    memcpy(dst + S2_CHUNK_HEAD, mode == S2_SNAPPY ? identifier_snappy : identifier_s2, sizeof identifier_s2);
    size_t done = S2_IDENTIFIER;
    while (src.len > 0) {
        slice block = slice_first(src, block_sent(mode));
        done += put_block(t, mode, block, dst + done);
        src = slice_from(src, block.len);
    }
    return done;
}

/* ---- decoding ---- */

static size_t block_accepted(const struct s2_reader *r)
{
    return r->snappy ? S2_SNAPPY_MAX : S2_BLOCK_MAX;
}

static enum s2_rc identifier(struct s2_reader *r, slice body)
{
    r->snappy = slice_eq(body, slice_make(identifier_snappy, sizeof identifier_snappy));
    if (!r->snappy && !slice_eq(body, slice_make(identifier_s2, sizeof identifier_s2)))
        return S2_CORRUPT;
    r->started = true;
    return S2_OK;
}

static enum s2_rc unpack(struct s2_reader *r, slice block, slice *out)
{
    size_t len;
    if (s2_block_length(block, &len, NULL) != S2_OK || len > block_accepted(r))
        return S2_CORRUPT;
    if (len > r->cap) {
        uint8_t *buf = realloc(r->buf, len);
        if (buf == NULL)
            return S2_NO_MEMORY;
        r->buf = buf;
        r->cap = len;
    }
    *out = slice_make(r->buf, len);
    return s2_block_decode(block, r->buf, len);
}

static enum s2_rc data_chunk(struct s2_reader *r, uint8_t type, slice body, slice *out)
{
    slice block = slice_from(body, S2_CHECKSUM);
    if (type == CHUNK_PLAIN) {
        if (block.len > block_accepted(r))
            return S2_CORRUPT;
        *out = block;
    } else {
        enum s2_rc rc = unpack(r, block, out);
        if (rc != S2_OK)
            return rc;
    }
    return checksum(*out) == get32(body.ptr) ? S2_OK : S2_BAD_CHECKSUM;
}

/* Is a chunk of this type and length allowed here? */
static enum s2_rc judge_head(const struct s2_reader *r, uint8_t type, size_t len)
{
    if (!r->started && type != CHUNK_IDENTIFIER)
        return S2_CORRUPT;
    if (type == CHUNK_PACKED || type == CHUNK_PLAIN)
        return len < S2_CHECKSUM || len > S2_READER_NEED_MAX - S2_CHUNK_HEAD ? S2_CORRUPT : S2_OK;
    if (type == CHUNK_IDENTIFIER)
        return len == sizeof identifier_s2 ? S2_OK : S2_CORRUPT;
    return type < CHUNK_SKIP ? S2_UNSUPPORTED : S2_OK;
}

enum s2_rc s2_reader_next(struct s2_reader *r, slice in, size_t *used, slice *out)
{
    *used = 0;
    for (;;) {
        slice rest = slice_from(in, *used);
        if (r->skip > 0) {
            size_t n = rest.len < r->skip ? rest.len : r->skip;
            r->skip -= (uint32_t)n;
            *used += n;
            rest = slice_from(in, *used);
        }
        r->need = S2_CHUNK_HEAD;
        if (rest.len < S2_CHUNK_HEAD)
            return S2_MORE;
        uint8_t type = rest.ptr[0];
        size_t len = get32(rest.ptr) >> 8;
        enum s2_rc rc = judge_head(r, type, len);
        if (rc != S2_OK)
            return rc;
        if (type >= CHUNK_SKIP && type != CHUNK_IDENTIFIER) {
            r->skip = (uint32_t)len;
            *used += S2_CHUNK_HEAD;
            continue;
        }
        r->need = S2_CHUNK_HEAD + len;
        if (rest.len < r->need)
            return S2_MORE;
        *used += r->need;
        slice body = slice_make(rest.ptr + S2_CHUNK_HEAD, len);
        rc = type == CHUNK_IDENTIFIER ? identifier(r, body) : data_chunk(r, type, body, out);
        if (rc != S2_OK || type != CHUNK_IDENTIFIER)
            return rc;
    }
}

void s2_reader_free(struct s2_reader *r)
{
    free(r->buf);
    *r = (struct s2_reader){0};
}

/* A growing buffer with a bound. */
struct gather {
    uint8_t *buf;
    size_t len, cap, max;
};

static enum s2_rc gather(struct gather *g, slice data)
{
    if (data.len > g->max - g->len)
        return S2_TOO_LARGE;
    if (g->len + data.len > g->cap) {
        size_t cap = g->len + data.len;
        cap += cap / 2;
        uint8_t *buf = realloc(g->buf, cap);
        if (buf == NULL)
            return S2_NO_MEMORY;
        g->buf = buf;
        g->cap = cap;
    }
    if (data.len > 0)
        memcpy(g->buf + g->len, data.ptr, data.len);
    g->len += data.len;
    return S2_OK;
}

enum s2_rc s2_stream_decode(slice in, size_t max, uint8_t **out, size_t *len)
{
    struct s2_reader r = {0};
    struct gather g = {.buf = malloc(1), .cap = 1, .max = max};
    enum s2_rc rc = g.buf == NULL ? S2_NO_MEMORY : S2_OK;
    while (rc == S2_OK) {
        slice data = SLICE_EMPTY;
        size_t used;
        rc = s2_reader_next(&r, in, &used, &data);
        in = slice_from(in, used);
        if (rc == S2_OK)
            rc = gather(&g, data);
    }
    if (rc == S2_MORE && in.len == 0 && r.skip == 0)
        rc = S2_OK;
    s2_reader_free(&r);
    if (rc != S2_OK) {
        free(g.buf);
        return rc;
    }
    *out = g.buf;
    *len = g.len;
    return S2_OK;
}
