#include "store/format/record.h"

#include "store/format/bytes.h"

#include <assert.h>
#include <stdio.h>

#define HAS_HEADERS 0x80000000u
#define ERASED_BIT  (1ULL << 63)
#define TOMB_BIT    (1ULL << 62)
#define FLAG_BITS   (ERASED_BIT | TOMB_BIT)

uint64_t record_size(size_t subject, size_t hdr, size_t data)
{
    return (uint64_t)subject + hdr + data + (hdr > 0 ? 34u : 30u);
}

/* The checksum of the record at rec. What it covers is not contiguous: the subject length parts the time from
 * the subject, the header length the subject from the headers. Instead of copying the body the front parts
 * are moved up against it for the time of the computation, and moved back. */
static uint64_t record_sum(uint8_t *rec, const struct hash_key *key, uint32_t size, bool has_hdr)
{
    size_t subject = get_u16(rec + 20);
    uint8_t saved[10];
    if (!has_hdr) {
        memcpy(saved, rec + 20, 2);
        memmove(rec + 6, rec + 4, 16);
        uint64_t sum = hash64(key, rec + 6, size - 6 - STORE_SUM_SIZE);
        memmove(rec + 4, rec + 6, 16);
        memcpy(rec + 20, saved, 2);
        return sum;
    }
    uint8_t *hdr_len = rec + RECORD_HEAD + subject;
    memcpy(saved, rec + 20, 2);
    memcpy(saved + 2, hdr_len, 4);
    memmove(rec + RECORD_HEAD + 4, rec + RECORD_HEAD, subject);
    memmove(rec + 10, rec + 4, 16);
    uint64_t sum = hash64(key, rec + 10, size - 10 - STORE_SUM_SIZE);
    memmove(rec + 4, rec + 10, 16);
    memmove(rec + RECORD_HEAD, rec + RECORD_HEAD + 4, subject);
    memcpy(hdr_len, saved + 2, 4);
    memcpy(rec + 20, saved, 2);
    return sum;
}

static void put_head(uint8_t *dst, uint32_t size, uint64_t seq, int64_t ts, size_t subject)
{
    put_u32(dst, size);
    put_u64(dst + 4, seq);
    put_u64(dst + 12, (uint64_t)ts);
    put_u16(dst + 20, (uint16_t)subject);
}

size_t record_encode_message(uint8_t *dst, const struct hash_key *key, uint64_t seq, int64_t ts,
                             slice subject, slice hdr, slice data)
{
    uint64_t total = record_size(subject.len, hdr.len, data.len);
    assert(total <= RECORD_SIZE_MAX && subject.len <= UINT16_MAX && (seq & FLAG_BITS) == 0);
    uint32_t size = (uint32_t)total;
    bool has_hdr = hdr.len > 0;
    put_head(dst, size | (has_hdr ? HAS_HEADERS : 0), seq, ts, subject.len);
    uint8_t *p = dst + RECORD_HEAD;
    if (subject.len > 0)
        memcpy(p, subject.ptr, subject.len);
    p += subject.len;
    if (has_hdr) {
        put_u32(p, (uint32_t)hdr.len);
        memcpy(p + 4, hdr.ptr, hdr.len);
        p += 4 + hdr.len;
    }
    if (data.len > 0)
        memcpy(p, data.ptr, data.len);
    p += data.len;
    put_u64(p, record_sum(dst, key, size, has_hdr));
    return size;
}

size_t record_encode_mark(uint8_t *dst, const struct hash_key *key, enum record_kind kind, uint64_t seq,
                          int64_t ts)
{
    assert(kind != RECORD_MESSAGE && (seq & FLAG_BITS) == 0);
    put_head(dst, RECORD_MIN, seq | (kind == RECORD_TOMBSTONE ? TOMB_BIT : ERASED_BIT), ts, 0);
    put_u64(dst + RECORD_HEAD, hash64(key, dst + 4, 16));
    return RECORD_MIN;
}

void record_erase(uint8_t *rec, const struct hash_key *key, const uint8_t *fill)
{
    uint32_t size = get_u32(rec) & ~HAS_HEADERS;
    put_head(rec, size, (get_u64(rec + 4) & ~FLAG_BITS) | ERASED_BIT, 0, 0);
    memcpy(rec + RECORD_HEAD, fill, size - RECORD_MIN);
    put_u64(rec + size - STORE_SUM_SIZE, record_sum(rec, key, size, false));
}

/* The lengths of the record at p agree with each other and with what is left. */
static enum record_fault check_lengths(const uint8_t *p, size_t left)
{
    if (left < RECORD_HEAD)
        return RECORD_SHORT;
    uint32_t size = get_u32(p) & ~HAS_HEADERS;
    size_t before_data = get_u16(p + 20) + ((get_u32(p) & HAS_HEADERS) != 0 ? 4u : 0u);
    if (size < RECORD_MIN || before_data > size - RECORD_MIN || size > RECORD_SIZE_MAX)
        return RECORD_INSANE;
    if (size > left)
        return RECORD_OVERRUN;
    if ((get_u32(p) & HAS_HEADERS) != 0) {
        uint32_t hdr = get_u32(p + RECORD_HEAD + get_u16(p + 20));
        if (hdr > size - RECORD_MIN - before_data)
            return RECORD_INSANE;
    }
    return RECORD_GOOD;
}

enum record_fault record_peek(const uint8_t *p, size_t left, struct record *out)
{
    enum record_fault fault = check_lengths(p, left);
    if (fault != RECORD_GOOD)
        return fault;
    uint32_t word = get_u32(p);
    uint64_t seq = get_u64(p + 4);
    out->size = word & ~HAS_HEADERS;
    out->seq = seq & ~FLAG_BITS;
    out->kind = (seq & TOMB_BIT) != 0                      ? RECORD_TOMBSTONE
                : (seq & ERASED_BIT) != 0 || out->seq == 0 ? RECORD_ERASED
                                                           : RECORD_MESSAGE;
    out->ts = (int64_t)get_u64(p + 12);
    out->subject = slice_make(p + RECORD_HEAD, get_u16(p + 20));
    const uint8_t *q = p + RECORD_HEAD + out->subject.len;
    out->hdr = SLICE_EMPTY;
    if ((word & HAS_HEADERS) != 0) {
        out->hdr = slice_make(q + 4, get_u32(q));
        q += 4 + out->hdr.len;
    }
    out->data = slice_make(q, (size_t)(p + out->size - STORE_SUM_SIZE - q));
    return RECORD_GOOD;
}

/* No checksum covers the header length. A header block says itself where it ends; one that does not end there
 * has had its length damaged. */
static bool headers_end_right(const struct record *r)
{
    slice all = slice_make(r->hdr.ptr, r->hdr.len + r->data.len); /* the body lies behind */
    return !slice_starts(all, SLICE_LIT("NATS/1.0")) ||
           (r->hdr.len >= 4 && memcmp(r->hdr.ptr + r->hdr.len - 4, "\r\n\r\n", 4) == 0);
}

enum record_fault record_decode(uint8_t *p, size_t left, const struct hash_key *key, struct record *out)
{
    enum record_fault fault = record_peek(p, left, out);
    if (fault != RECORD_GOOD || key == NULL)
        return fault;
    bool has_hdr = (get_u32(p) & HAS_HEADERS) != 0;
    uint64_t sum = record_sum(p, key, out->size, has_hdr);
    bool sound = sum == get_u64(p + out->size - STORE_SUM_SIZE) && (!has_hdr || headers_end_right(out));
    return sound ? RECORD_GOOD : RECORD_CHECKSUM;
}

const char *record_fault_text(enum record_fault fault, char *buf, size_t cap, const uint8_t *p, size_t left,
                              size_t index)
{
    switch (fault) {
    case RECORD_GOOD:
        return "";
    case RECORD_SHORT:
        return "record too short";
    case RECORD_CHECKSUM:
        return "invalid checksum";
    case RECORD_OVERRUN:
        snprintf(buf, cap, "message overrun (index %zu lbuf %zu)", index, index + left);
        return buf;
    case RECORD_INSANE:
        break;
    }
    uint32_t size = get_u32(p) & ~HAS_HEADERS;
    snprintf(buf, cap, "sanity check failed (dlen %lld slen %u rl %u index %zu lbuf %zu)",
             (long long)size - (long long)RECORD_HEAD, get_u16(p + 20), size, index, index + left);
    return buf;
}
