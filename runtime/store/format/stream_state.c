#include "store/format/stream_state.h"

#define MAGIC     42
#define RUN_MAGIC 33
#define SET_MAGIC 22

void stream_state_put_head(struct byte_buf *b, const struct stream_state_head *h)
{
    buf_u8(b, MAGIC);
    buf_u8(b, 1);
    buf_uv(b, h->msgs);
    buf_uv(b, h->bytes);
    buf_uv(b, h->first);
    buf_uv(b, h->last);
    buf_uv(b, h->failed);
    buf_uv(b, h->deleted);
}

void stream_state_put_run(struct byte_buf *b, uint64_t first, uint64_t count)
{
    buf_u8(b, RUN_MAGIC);
    buf_uv(b, first);
    buf_uv(b, count);
}

void stream_state_put_set(struct byte_buf *b, const struct seqset *s)
{
    seqset_encode(s, b);
}

bool stream_state_get_head(slice bytes, struct stream_state_head *h, slice *blocks, stream_state_source_fn fn,
                           void *ctx)
{
    struct byte_reader r = byte_reader_of(bytes);
    uint8_t magic = take_u8(&r), version = take_u8(&r);
    if (r.bad || magic != MAGIC || version < 1 || version > 2)
        return false;
    h->msgs = take_uv(&r);
    h->bytes = take_uv(&r);
    h->first = take_uv(&r);
    h->last = take_uv(&r);
    h->failed = take_uv(&r);
    uint64_t sources = version == 2 ? take_uv(&r) : 0;
    for (; sources > 0 && !r.bad; sources--) {
        slice name = take_bytes(&r, take_uv(&r));
        uint64_t seq = take_uv(&r);
        slice identity = take_bytes(&r, take_uv(&r));
        if (!r.bad && fn != NULL)
            fn(ctx, name, seq, identity);
    }
    h->deleted = take_uv(&r);
    if (r.bad)
        return false;
    *blocks = slice_make(r.p, reader_left(&r));
    return true;
}

bool stream_state_get_block(struct byte_reader *r, uint64_t *first, uint64_t *count, struct seqset *set)
{
    if (reader_left(r) == 0)
        return false;
    *count = 0;
    if (*r->p == SET_MAGIC)
        return seqset_decode(set, r);
    if (take_u8(r) != RUN_MAGIC) {
        r->bad = true;
        return false;
    }
    *first = take_uv(r);
    *count = take_uv(r);
    r->bad |= *count == 0 || *first > UINT64_MAX - *count;
    return !r->bad;
}
