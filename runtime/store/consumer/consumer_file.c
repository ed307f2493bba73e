/* o.dat: the consumer state in a file. */
#include "store/consumer/consumer_state.h"

#include <stdio.h>

#define MAGIC      22
#define SECOND     1000000000LL
#define BAD_BIT    (1ULL << 63)
#define ENTRY_MIN1 2 /* bytes that an entry takes at least: version 1 has no consumer sequence */
#define ENTRY_MIN2 3

/* Nearest second, as time is rounded there. */
static int64_t to_second(int64_t ns)
{
    int64_t s = ns / SECOND, rest = ns % SECOND;
    if (rest < 0) {
        s--;
        rest += SECOND;
    }
    return rest >= SECOND / 2 ? s + 1 : s;
}

static void encode_pending(const struct consumer_state *s, int64_t now, struct byte_buf *out)
{
    bool failed;
    struct seqmap_entry *all = seqmap_sorted(&s->pending, &failed);
    out->failed |= failed;
    int64_t base = to_second(now);
    buf_sv(out, base);
    for (size_t i = 0; all != NULL && i < s->pending.count; i++) {
        buf_uv(out, all[i].key - s->floor.stream);
        buf_uv(out, all[i].a - s->floor.consumer);
        buf_sv(out, wrap_sub(base, all[i].b / SECOND));
    }
    free(all);
}

void consumer_state_encode(const struct consumer_state *s, int64_t now, struct byte_buf *out)
{
    buf_u8(out, MAGIC);
    buf_u8(out, 2);
    buf_uv(out, s->floor.consumer);
    buf_uv(out, s->floor.stream);
    buf_uv(out, s->delivered.consumer);
    buf_uv(out, s->delivered.stream);
    buf_uv(out, s->pending.count);
    if (s->pending.count > 0)
        encode_pending(s, now, out);
    buf_uv(out, s->redelivered.count);
    bool failed;
    struct seqmap_entry *all = seqmap_sorted(&s->redelivered, &failed);
    out->failed |= failed;
    for (size_t i = 0; all != NULL && i < s->redelivered.count; i++) {
        buf_uv(out, all[i].key - s->floor.stream);
        buf_uv(out, all[i].a);
    }
    free(all);
}

static bool decode_pending(struct consumer_state *s, struct byte_reader *r, unsigned version, uint64_t count)
{
    int64_t base = take_sv(r);
    if (r->bad || count > reader_left(r) / (version == 1 ? ENTRY_MIN1 : ENTRY_MIN2))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t sseq = take_uv(r) + s->floor.stream;
        uint64_t dseq = version == 1 ? 0 : take_uv(r) + s->floor.consumer;
        int64_t t = take_sv(r);
        if (r->bad || sseq == 0)
            return false;
        struct seqmap_entry *e = seqmap_put(&s->pending, sseq);
        if (e == NULL)
            return false;
        e->a = dseq;
        t = version == 1 ? wrap_add(t, base) : wrap_sub(base, t);
        e->b = (int64_t)((uint64_t)t * (uint64_t)SECOND);
    }
    return true;
}

/* Entries with a zero in them are dropped, and so is what is not whole: the Go server looks for no end here.
 */
static bool decode_redelivered(struct consumer_state *s, struct byte_reader *r)
{
    uint64_t count = take_uv(r);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t diff = take_uv(r), deliveries = take_uv(r);
        if (r->bad)
            break;
        if (diff == 0 || deliveries == 0 || diff + s->floor.stream == 0)
            continue;
        struct seqmap_entry *e = seqmap_put(&s->redelivered, diff + s->floor.stream);
        if (e == NULL)
            return false;
        e->a = deliveries;
    }
    return true;
}

static bool decode_body(struct consumer_state *s, struct byte_reader *r, unsigned version)
{
    s->floor.consumer = take_uv(r);
    s->floor.stream = take_uv(r);
    s->delivered.consumer = take_uv(r);
    s->delivered.stream = take_uv(r);
    if (version == 1) {
        if (s->floor.consumer > 1)
            s->delivered.consumer += s->floor.consumer - 1;
        if (s->floor.stream > 1)
            s->delivered.stream += s->floor.stream - 1;
    }
    if (r->bad || ((s->floor.stream | s->delivered.stream) & BAD_BIT) != 0)
        return false;
    uint64_t pending = take_uv(r);
    if (r->bad || (pending > 0 && !decode_pending(s, r, version, pending)))
        return false;
    return decode_redelivered(s, r);
}

enum store_rc consumer_state_decode(struct consumer_state *s, slice bytes, char *text, size_t cap)
{
    if (bytes.len == 0)
        return STORE_OK;
    struct byte_reader r = byte_reader_of(bytes);
    uint8_t magic = take_u8(&r), version = take_u8(&r);
    if (!r.bad && magic == MAGIC && version != 1 && version != 2) {
        snprintf(text, cap, "unsupported version: %u", version);
        return STORE_BAD_STATE;
    }
    if (!r.bad && magic == MAGIC && decode_body(s, &r, version))
        return STORE_OK;
    snprintf(text, cap, "corrupt state file");
    consumer_state_free(s);
    return STORE_BAD_STATE;
}
