#include "store/format/side_files.h"

#define VERSION 1

enum side_fault side_open(struct side_reader *r, slice bytes)
{
    *r = (struct side_reader){.in = byte_reader_of(bytes)};
    uint8_t version = take_u8(&r->in);
    r->left = take_u64(&r->in);
    r->stamp = take_u64(&r->in);
    if (r->in.bad)
        return SIDE_SHORT;
    return version == VERSION ? SIDE_GOOD : SIDE_VERSION;
}

/* The next entry may be read: SIDE_GOOD, and it is counted. */
static enum side_fault begin(struct side_reader *r)
{
    if (r->left == 0)
        return SIDE_END;
    r->left--;
    return SIDE_GOOD;
}

static enum side_fault finish(const struct side_reader *r)
{
    return r->in.bad ? SIDE_SHORT : SIDE_GOOD;
}

enum side_fault side_get_ttl(struct side_reader *r, int64_t *expires_ns, uint64_t *seq)
{
    if (begin(r) == SIDE_END)
        return SIDE_END;
    *expires_ns = take_sv(&r->in);
    *seq = take_uv(&r->in);
    return finish(r);
}

enum side_fault side_get_schedule(struct side_reader *r, slice *subject, int64_t *next_ns, uint64_t *seq)
{
    if (begin(r) == SIDE_END)
        return SIDE_END;
    *subject = take_bytes(&r->in, take_u16(&r->in));
    *next_ns = take_sv(&r->in);
    *seq = take_uv(&r->in);
    return finish(r);
}

enum side_fault side_get_source(struct side_reader *r, struct source_entry *e)
{
    if (begin(r) == SIDE_END)
        return SIDE_END;
    e->name = take_bytes(&r->in, take_uv(&r->in));
    e->seq = take_uv(&r->in);
    e->identity = take_bytes(&r->in, take_uv(&r->in));
    return finish(r);
}

void side_put_head(struct byte_buf *b, uint64_t count, uint64_t stamp)
{
    buf_u8(b, VERSION);
    buf_u64(b, count);
    buf_u64(b, stamp);
}

void side_put_ttl(struct byte_buf *b, int64_t expires_ns, uint64_t seq)
{
    buf_sv(b, expires_ns);
    buf_uv(b, seq);
}

void side_put_schedule(struct byte_buf *b, slice subject, int64_t next_ns, uint64_t seq)
{
    buf_u16(b, (uint16_t)subject.len);
    buf_slice(b, subject);
    buf_sv(b, next_ns);
    buf_uv(b, seq);
}

void side_put_source(struct byte_buf *b, const struct source_entry *e)
{
    buf_uv(b, e->name.len);
    buf_slice(b, e->name);
    buf_uv(b, e->seq);
    buf_uv(b, e->identity.len);
    buf_slice(b, e->identity);
}
