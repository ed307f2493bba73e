#include "store/file/salvage.h"

#include "store/format/bytes.h"

#define HOP_MAX       64   /* damaged bodies in a row that are passed by their lengths */
#define WORK_MAX      64   /* so many times the block's bytes are hashed in searches, at most */
#define BIT_SIZE_MAX  2048 /* larger records are not searched for a wrong bit */
#define BIT_WORK_MAX  1024 /* as WORK_MAX, in the searches for wrong bits, ... */
#define BIT_BYTES_MAX (UINT64_C(1) << 29) /* ... and so many bytes: half a second */

struct salvage salvage_of(uint8_t *bytes, size_t len, const struct hash_key *key)
{
    uint64_t bit_work = (uint64_t)len * BIT_WORK_MAX;
    return (struct salvage){.bytes = bytes,
                            .len = len,
                            .key = key,
                            .work = (uint64_t)len * WORK_MAX,
                            .bit_work = bit_work < BIT_BYTES_MAX ? bit_work : BIT_BYTES_MAX};
}

static enum record_fault decode_at(struct salvage *s, size_t at, struct record *r)
{
    return record_decode(s->bytes + at, s->len - at, s->key, r);
}

/* From a damaged record with sensible lengths on by lengths alone: the place of the next sound record, or the
 * end; 0 when the lengths lead nowhere. */
static size_t hop(struct salvage *s, size_t at)
{
    struct record r;
    for (int i = 0; i < HOP_MAX; i++) {
        if (record_peek(s->bytes + at, s->len - at, &r) != RECORD_GOOD)
            return 0;
        at += r.size;
        if (at == s->len || decode_at(s, at, &r) == RECORD_GOOD)
            return at;
    }
    return 0;
}

/* As decode_at, within what may still be spent on searches: a body can be made to look like many records. */
static bool is_sound(struct salvage *s, size_t at, struct record *r)
{
    if (record_peek(s->bytes + at, s->len - at, r) != RECORD_GOOD || r->size > s->work)
        return false;
    s->work -= r->size;
    return decode_at(s, at, r) == RECORD_GOOD;
}

/* The first sound record behind `at` from which sound records alone lead to exactly `until`, the end of the
 * block or the place where the damaged record's lengths lead; `until` when there is none. Every byte is
 * tried, but bytes inside a chain that was followed in vain only once. */
static size_t search(struct salvage *s, size_t at, size_t until)
{
    struct record r;
    for (size_t p = at + 1; p + RECORD_MIN <= until; p++) {
        size_t end = p;
        while (end < until && is_sound(s, end, &r))
            end += r.size;
        if (end == until)
            return p;
        p = end > p ? end - 1 : p;
    }
    return until;
}

/* The record at `at` is sound but for its length, which `next` implies: put it right. */
static bool mend_length(struct salvage *s, size_t at, size_t next, struct record *r)
{
    uint32_t was = get_u32(s->bytes + at);
    uint64_t size = next - at;
    if (size < RECORD_MIN || size > RECORD_SIZE_MAX)
        return false;
    for (uint32_t flag = 0; flag < 2; flag++) {
        put_u32(s->bytes + at, (uint32_t)size | flag << 31);
        if (decode_at(s, at, r) == RECORD_GOOD)
            return true;
    }
    put_u32(s->bytes + at, was);
    return false;
}

/* One bit of the record at `at` is wrong, not one of its length: put it right. */
static bool mend_bit(struct salvage *s, size_t at, struct record *r)
{
    if (s->len - at < RECORD_MIN)
        return false;
    size_t size = get_u32(s->bytes + at) & 0x7fffffff;
    uint64_t work = 8 * (uint64_t)size * size;
    if (size < RECORD_MIN || size > s->len - at || size > BIT_SIZE_MAX || work > s->bit_work)
        return false;
    s->bit_work -= work;
    for (size_t bit = 32; bit < 8 * size; bit++) {
        uint8_t *byte = s->bytes + at + bit / 8, mask = (uint8_t)(1u << bit % 8);
        *byte ^= mask;
        if (decode_at(s, at, r) == RECORD_GOOD)
            return true;
        *byte ^= mask;
    }
    return false;
}

/* What the damaged record says of itself. */
static void take_claims(const struct salvage *s, struct damage *d)
{
    struct record r;
    if (record_peek(s->bytes + d->at, s->len - d->at, &r) != RECORD_GOOD)
        return;
    d->seq = r.kind == RECORD_MESSAGE ? r.seq : 0;
    d->one = r.size == d->len;
}

enum salvage_rc salvage_next(struct salvage *s, struct record *r, size_t *place, struct damage *d)
{
    size_t at = s->at;
    s->mended = false;
    if (at >= s->len)
        return SALVAGE_END;
    *place = at;
    enum record_fault fault = decode_at(s, at, r);
    if (fault == RECORD_GOOD) {
        s->at += r->size;
        return SALVAGE_RECORD;
    }
    size_t hopped = fault == RECORD_CHECKSUM ? hop(s, at) : 0;
    size_t until = hopped > 0 ? hopped : s->len, next = search(s, at, until);
    if (mend_length(s, at, next, r) || mend_bit(s, at, r)) {
        s->mended = true;
        s->at += r->size;
        return SALVAGE_RECORD;
    }
    if (next == until && hopped > 0 && hopped < s->len) {
        /* One damaged record at a time: the next may be reported by itself. */
        struct record bad;
        record_peek(s->bytes + at, s->len - at, &bad);
        next = at + bad.size;
    }
    *d = (struct damage){.at = at, .len = next - at, .tail = next == s->len, .fault = fault};
    take_claims(s, d);
    s->at = next;
    return SALVAGE_DAMAGE;
}
