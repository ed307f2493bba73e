/* record.h: one record of a message block, and its checksum.
 *
 * Layout (all little endian): u32 length with bit 31 "has headers"; u64 sequence with bit 63 "erased or
 * skipped" and bit 62 "tombstone"; i64 time; u16 subject length; subject; with bit 31 u32 header length and
 * headers; body; HighwayHash-64 over sequence, time, subject, headers and body, that is over everything but
 * the three lengths.
 *
 * Pure functions over the caller's bytes. */
#ifndef STORE_FORMAT_RECORD_H
#define STORE_FORMAT_RECORD_H

#include "store/format/hash.h"

#define RECORD_HEAD      22u /* up to the subject */
#define RECORD_MIN       30u /* nothing but a head and a checksum */
#define RECORD_SIZE_MAX  (32u << 20)
#define RECORD_TIME_NONE (-6795364578871345152LL) /* what a tombstone without a time carries */

enum record_kind {
    RECORD_MESSAGE,
    RECORD_ERASED,    /* a sequence without a message: erased or skipped; 0 when from very old servers */
    RECORD_TOMBSTONE, /* the removal of that sequence */
};

enum record_fault {
    RECORD_GOOD,
    RECORD_SHORT,    /* fewer bytes left than a head takes */
    RECORD_INSANE,   /* lengths that contradict each other */
    RECORD_OVERRUN,  /* longer than what is left */
    RECORD_CHECKSUM, /* lengths that may be, wrong checksum, or headers that do not end where their length
                        says */
};

struct record {
    enum record_kind kind;
    uint32_t size; /* of the whole record */
    uint64_t seq;  /* without flags */
    int64_t ts;
    slice subject;
    slice hdr;
    slice data;
};

/* Bytes that a message takes. The lengths may be up to 2^32; compare with RECORD_SIZE_MAX. */
uint64_t record_size(size_t subject, size_t hdr, size_t data);

/* Write a record of record_size bytes at dst. `data` may not overlap dst. */
size_t record_encode_message(uint8_t *dst, const struct hash_key *, uint64_t seq, int64_t ts, slice subject,
                             slice hdr, slice data);
/* Write a RECORD_MIN byte record without subject and body: a skip or a tombstone. */
size_t record_encode_mark(uint8_t *dst, const struct hash_key *, enum record_kind, uint64_t seq, int64_t ts);
/* Turn the message record at `rec` into an erased one of the same size whose content is `fill` (size - 30
 * bytes). */
void record_erase(uint8_t *rec, const struct hash_key *, const uint8_t *fill);

/* Read the record at p, of which `left` bytes are there. Slices point into p. Without a key the checksum is
 * not looked at. On RECORD_CHECKSUM *out is filled as the bytes say. The bytes at p are changed and changed
 * back while the checksum is computed (they must be writable and not shared). */
enum record_fault record_decode(uint8_t *p, size_t left, const struct hash_key *, struct record *out);

/* Without checksum and without touching the bytes. */
enum record_fault record_peek(const uint8_t *p, size_t left, struct record *out);

/* The Go server's words for a fault, e.g. "record too short"; into buf, NUL-terminated. */
const char *record_fault_text(enum record_fault, char *buf, size_t cap, const uint8_t *p, size_t left,
                              size_t index);

#endif
