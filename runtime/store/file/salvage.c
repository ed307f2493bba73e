#include "store/file/salvage.h"

#include "store/format/bytes.h"

#define HOP_MAX 64 /* damaged bodies in a row that are passed by their lengths */

struct salvage salvage_of(uint8_t *bytes, size_t len, const struct hash_key *key)
{
    return (struct salvage){.bytes = bytes, .len = len, .key = key};
}

/* No checksum covers the header length. A header block says itself where it ends; one that does not end there
 * has had its length damaged. */
static bool headers_end_right(const struct record *r)
{
    return r->hdr.len == 0 || !slice_starts(r->hdr, SLICE_LIT("NATS/1.0")) ||
           (r->hdr.len >= 4 && memcmp(r->hdr.ptr + r->hdr.len - 4, "\r\n\r\n", 4) == 0);
}

static enum record_fault decode_at(struct salvage *s, size_t at, struct record *r)
{
    enum record_fault f = record_decode(s->bytes + at, s->len - at, s->key, r);
    return f == RECORD_GOOD && !headers_end_right(r) ? RECORD_CHECKSUM : f;
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

/* Where the chain of sound records that begins at `at` stops; bodies that are damaged inside it are hopped
 * over. */
static size_t chain_end(struct salvage *s, size_t at)
{
    struct record r;
    while (at < s->len) {
        if (decode_at(s, at, &r) == RECORD_GOOD) {
            at += r.size;
            continue;
        }
        size_t next = hop(s, at);
        if (next == 0)
            break;
        at = next;
    }
    return at;
}

/* The first sound record behind `at` whose chain reaches the end; len when there is none. Every byte is
 * tried, but bytes inside a chain that was followed in vain only once. */
static size_t search(struct salvage *s, size_t at)
{
    struct record r;
    for (size_t p = at + 1; p + RECORD_MIN <= s->len; p++) {
        if (record_peek(s->bytes + p, s->len - p, &r) != RECORD_GOOD || decode_at(s, p, &r) != RECORD_GOOD)
            continue;
        size_t end = chain_end(s, p);
        if (end == s->len)
            return p;
        p = end - 1;
    }
    return s->len;
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

static uint64_t claimed_seq(const struct salvage *s, size_t at)
{
    struct record r;
    if (record_peek(s->bytes + at, s->len - at, &r) != RECORD_GOOD || r.kind != RECORD_MESSAGE)
        return 0;
    return r.seq;
}

enum salvage_rc salvage_next(struct salvage *s, struct record *r, size_t *place, struct damage *d)
{
    size_t at = s->at;
    if (at >= s->len)
        return SALVAGE_END;
    *place = at;
    enum record_fault fault = decode_at(s, at, r);
    if (fault == RECORD_GOOD) {
        s->at += r->size;
        return SALVAGE_RECORD;
    }
    size_t next = fault == RECORD_CHECKSUM ? hop(s, at) : 0;
    if (next == 0) {
        next = search(s, at);
        if (next < s->len && mend_length(s, at, next, r)) {
            s->mended = true;
            s->at = next;
            return SALVAGE_RECORD;
        }
    } else if (next < s->len) {
        /* One damaged record at a time: the next may be reported by itself. */
        struct record bad;
        record_peek(s->bytes + at, s->len - at, &bad);
        next = at + bad.size;
    }
    *d = (struct damage){at, next - at, next == s->len, fault, claimed_seq(s, at)};
    s->at = next;
    return SALVAGE_DAMAGE;
}
