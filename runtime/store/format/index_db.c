#include "store/format/index_db.h"

#define MAGIC   11
#define VERSION 4

void index_put_head(struct byte_buf *b, const struct index_head *h)
{
    buf_u8(b, MAGIC);
    buf_u8(b, VERSION);
    buf_uv(b, h->msgs);
    buf_uv(b, h->bytes);
    buf_uv(b, h->first);
    buf_sv(b, h->first_ts);
    buf_uv(b, h->last);
    buf_sv(b, h->last_ts);
    buf_uv(b, h->subjects);
}

void index_put_subject(struct byte_buf *b, const struct index_subject *s)
{
    buf_uv(b, s->subject.len);
    buf_slice(b, s->subject);
    buf_uv(b, s->msgs);
    buf_uv(b, s->first_block);
    buf_uv(b, s->last_block);
}

void index_put_block_count(struct byte_buf *b, uint64_t count)
{
    buf_uv(b, count);
}

void index_put_block(struct byte_buf *b, const struct index_block *k, int64_t base_ts)
{
    buf_uv(b, k->index);
    buf_uv(b, k->bytes);
    buf_uv(b, k->first);
    buf_sv(b, wrap_sub(k->first_ts, base_ts));
    buf_uv(b, k->last);
    buf_sv(b, wrap_sub(k->last_ts, base_ts));
    buf_uv(b, k->deleted.count);
    buf_uv(b, k->ttls);
    buf_uv(b, k->schedules);
    if (k->deleted.count > 0)
        seqset_encode(&k->deleted, b);
}

void index_put_tail(struct byte_buf *b, const struct index_tail *t)
{
    buf_uv(b, t->last_block);
    buf_bytes(b, t->last_sum, sizeof t->last_sum);
}

static enum index_fault result(const struct index_reader *r)
{
    return r->in.bad ? INDEX_SHORT : INDEX_GOOD;
}

enum index_fault index_get_head(struct index_reader *r, slice plain, struct index_head *h)
{
    *r = (struct index_reader){.in = byte_reader_of(plain)};
    uint8_t magic = take_u8(&r->in);
    r->version = take_u8(&r->in);
    if (r->in.bad || magic != MAGIC || r->version < 1 || r->version > VERSION)
        return INDEX_VERSION;
    h->msgs = take_uv(&r->in);
    h->bytes = take_uv(&r->in);
    h->first = take_uv(&r->in);
    h->first_ts = take_sv(&r->in);
    h->last = take_uv(&r->in);
    h->last_ts = take_sv(&r->in);
    h->subjects = take_uv(&r->in);
    r->base_ts = h->first_ts;
    return result(r);
}

enum index_fault index_get_subject(struct index_reader *r, struct index_subject *s)
{
    uint64_t len = take_uv(&r->in);
    if (r->in.bad)
        return INDEX_SHORT;
    *s = (struct index_subject){0};
    if (len == 0)
        return INDEX_GOOD;
    s->subject = take_bytes(&r->in, len);
    if (r->in.bad)
        return INDEX_SUBJECT_LEN;
    s->msgs = take_uv(&r->in);
    s->first_block = take_uv(&r->in);
    s->last_block = r->version < 4 && s->msgs <= 1 ? s->first_block : take_uv(&r->in);
    return result(r);
}

enum index_fault index_get_block_count(struct index_reader *r, uint64_t *count)
{
    *count = take_uv(&r->in);
    return result(r);
}

enum index_fault index_get_block(struct index_reader *r, struct index_block *k)
{
    *k = (struct index_block){0};
    k->index = take_uv(&r->in);
    k->bytes = take_uv(&r->in);
    k->first = take_uv(&r->in);
    k->first_ts = wrap_add(take_sv(&r->in), r->base_ts);
    k->last = take_uv(&r->in);
    k->last_ts = wrap_add(take_sv(&r->in), r->base_ts);
    uint64_t deletes = take_uv(&r->in);
    if (r->version >= 2)
        k->ttls = take_uv(&r->in);
    if (r->version >= 3)
        k->schedules = take_uv(&r->in);
    if (r->in.bad)
        return INDEX_SHORT;
    if (deletes > 0 && (!seqset_decode(&k->deleted, &r->in) || k->deleted.count != deletes)) {
        seqset_free(&k->deleted);
        return INDEX_DELETES;
    }
    return INDEX_GOOD;
}

enum index_fault index_get_tail(struct index_reader *r, struct index_tail *t)
{
    t->last_block = take_uv(&r->in);
    slice sum = take_bytes(&r->in, STORE_SUM_SIZE);
    if (r->in.bad)
        return INDEX_SHORT;
    memcpy(t->last_sum, sum.ptr, STORE_SUM_SIZE);
    return INDEX_GOOD;
}
