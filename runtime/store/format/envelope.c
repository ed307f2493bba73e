#include "store/format/envelope.h"

#include "base/s2.h"

#define HEAD     4 /* "cmp" and the algorithm */
#define TRAILER  8 /* the checksum of the last record, verbatim */
#define ALGO_S2  1
#define ALGO_RAW 0

bool envelope_is(slice file)
{
    return file.len >= HEAD + 1 && memcmp(file.ptr, "cmp", 3) == 0;
}

static enum store_rc open_s2(slice body, uint64_t max, struct byte_buf *out)
{
    if (body.len < TRAILER)
        return STORE_CORRUPT;
    uint8_t *plain;
    size_t len;
    switch (s2_stream_decode(slice_first(body, body.len - TRAILER), max, &plain, &len)) {
    case S2_OK:
        break;
    case S2_NO_MEMORY:
        return STORE_NO_MEMORY;
    default:
        return STORE_CORRUPT;
    }
    if (out->ptr == NULL) {
        /* The usual case: keep the decoder's buffer. */
        *out = (struct byte_buf){.ptr = plain, .len = len, .cap = len};
    } else {
        buf_bytes(out, plain, len);
        free(plain);
    }
    buf_bytes(out, body.ptr + body.len - TRAILER, TRAILER);
    return out->failed ? STORE_NO_MEMORY : STORE_OK;
}

enum store_rc envelope_open(slice file, uint64_t max, struct byte_buf *out)
{
    if (!envelope_is(file))
        return STORE_CORRUPT;
    struct byte_reader r = byte_reader_of(slice_from(file, HEAD));
    take_uv(&r); /* the stated length: not believed, as the Go server does not */
    if (r.bad)
        return STORE_CORRUPT;
    slice body = slice_make(r.p, reader_left(&r));
    if (file.ptr[3] == ALGO_S2)
        return open_s2(body, max, out);
    if (file.ptr[3] != ALGO_RAW || body.len > max)
        return STORE_CORRUPT;
    buf_slice(out, body);
    return out->failed ? STORE_NO_MEMORY : STORE_OK;
}

enum store_rc envelope_seal(slice plain, struct byte_buf *out)
{
    slice body = slice_first(plain, plain.len - TRAILER);
    buf_bytes(out, "cmp\x01", HEAD);
    buf_uv(out, plain.len);
    struct s2_table *table = malloc(sizeof *table);
    uint8_t *p = buf_room(out, s2_stream_bound(S2_FAST, body.len));
    if (table != NULL && p != NULL)
        out->len += s2_stream_encode(table, S2_FAST, body, p);
    else
        out->failed = true;
    free(table);
    buf_bytes(out, plain.ptr + body.len, TRAILER);
    return out->failed ? STORE_NO_MEMORY : STORE_OK;
}
