/* stream.c: one direction of a connection. */
#include "server/decode/stream.h"
#include "server/decode/session.h"
#include <stdlib.h>
#include <string.h>

/* ---- bytes ---- */

static slice rest(const struct bytes *b)
{
    return slice_make(b->buffer == NULL ? (const uint8_t *)"" : b->buffer + b->begin, b->end - b->begin);
}

static bool append(struct bytes *b, slice bytes)
{
    if (b->begin > 0 && b->end + bytes.len > b->cap) {
        memmove(b->buffer, b->buffer + b->begin, b->end - b->begin);
        b->end -= b->begin;
        b->begin = 0;
    }
    if (b->end + bytes.len > b->cap) {
        size_t cap = b->cap == 0 ? 4096 : b->cap;
        while (cap < b->end + bytes.len)
            cap *= 2;
        uint8_t *buffer = realloc(b->buffer, cap);
        if (buffer == NULL)
            return false;
        b->buffer = buffer;
        b->cap = cap;
    }
    if (bytes.len > 0)
        memcpy(b->buffer + b->end, bytes.ptr, bytes.len);
    b->end += bytes.len;
    return true;
}

static void use(struct bytes *b, size_t n)
{
    b->begin += n;
    if (b->begin == b->end)
        b->begin = b->end = 0;
}

/* ---- streams ---- */

void stream_begin(struct stream *st, enum codec_protocol protocol, enum codec_direction direction)
{
    uint64_t base = st->begun ? st->base + st->wire.consumed : st->base;
    codec_wire_init(&st->wire, protocol, direction);
    st->wire.whole = WHOLE_MAX;
    st->base = base;
    st->settled = 0;
    st->begun = true;
}

bool stream_put(struct stream *st, slice bytes)
{
    return append(st->unpacker != NULL ? &st->packed : &st->plain, bytes);
}

slice stream_at_hand(const struct stream *st)
{
    return rest(&st->plain);
}

void stream_use(struct stream *st, size_t n)
{
    use(&st->plain, n);
}

/* ---- S2 ---- */

static bool may_be_packed(const struct stream *st)
{
    enum codec_protocol p = st->wire.protocol;
    return st->unpacker == NULL && (p == CODEC_NATS_ROUTE || p == CODEC_NATS_LEAF || p == CODEC_WS);
}

/* The bytes at hand and all that come are packed. */
static enum stream_rc begin_unpacking(struct stream *st, const char **problem)
{
    st->unpacker = calloc(1, sizeof(*st->unpacker));
    if (st->unpacker == NULL)
        return *problem = "out of memory", STREAM_BAD;
    st->packed = st->plain;
    st->plain = (struct bytes){0};
    return STREAM_OK;
}

enum stream_rc stream_look_for_s2(struct stream *st, const char **problem)
{
    static const char *const identifiers[] = {"\xff\x06\0\0S2sTwO", "\xff\x06\0\0sNaPpY"};
    slice in = stream_at_hand(st);
    bool at_message = st->wire.consumed == st->settled && codec_wire_payload_left(&st->wire) == 0;
    if (!may_be_packed(st) || !at_message || in.len == 0 || in.ptr[0] != 0xff)
        return STREAM_OK;
    for (size_t i = 0; i < 2; i++) {
        size_t n = in.len < S2_IDENTIFIER ? in.len : S2_IDENTIFIER;
        if (memcmp(in.ptr, identifiers[i], n) == 0)
            return n < S2_IDENTIFIER ? STREAM_MORE : begin_unpacking(st, problem);
    }
    return STREAM_OK;
}

enum stream_rc stream_unpack(struct stream *st, const char **problem)
{
    slice data;
    size_t used;
    if (st->unpacker == NULL)
        return STREAM_MORE;
    enum s2_rc rc = s2_reader_next(st->unpacker, rest(&st->packed), &used, &data);
    if (rc != S2_OK && rc != S2_MORE)
        return *problem = s2_rc_text(rc), STREAM_BAD;
    if (rc == S2_OK && !append(&st->plain, data))
        return *problem = "out of memory", STREAM_BAD;
    use(&st->packed, used);
    return rc == S2_OK ? STREAM_OK : STREAM_MORE;
}

void stream_free(struct stream *st)
{
    free(st->plain.buffer);
    free(st->packed.buffer);
    if (st->unpacker != NULL)
        s2_reader_free(st->unpacker);
    free(st->unpacker);
}
