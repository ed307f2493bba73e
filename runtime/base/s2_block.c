#include "base/s2.h"

/* An element's first byte says its kind in the two low bits and holds a small number m in the others:
 *
 *   literal  m < 60: m + 1 bytes follow; 60..63: the length less 1 is in the next 1..4 bytes, then the data
 *   copy 1   11 bits of offset, 3 of length (4..11); with offset 0 it repeats the last offset (S2 only)
 *   copy 2   length m + 1, offset in 2 bytes
 *   copy 4   length m + 1, offset in 4 bytes */
enum { KIND_LITERAL, KIND_COPY1, KIND_COPY2, KIND_COPY4 };

#define MIN_MATCH     4
#define FAR           65536u /* offsets from here on need a copy 4 */
#define MIN_FAR_MATCH 8      /* which pays only from this length on */
#define COPY_MAX      64u    /* the length of one copy 2 or copy 4 */

static uint32_t load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint32_t little(const uint8_t *p, size_t bytes)
{
    uint32_t v = 0;
    for (size_t i = 0; i < bytes; i++)
        v |= (uint32_t)p[i] << (8 * i);
    return v;
}

/* ---- decoding ---- */

enum s2_rc s2_block_length(slice block, size_t *len, size_t *head)
{
    uint64_t v = 0;
    for (size_t i = 0; i < block.len && i < 5; i++) {
        v |= (uint64_t)(block.ptr[i] & 0x7f) << (7 * i);
        if (block.ptr[i] < 0x80) {
            if (v > UINT32_MAX)
                return S2_CORRUPT;
            *len = (size_t)v;
            if (head != NULL)
                *head = i + 1;
            return S2_OK;
        }
    }
    return S2_CORRUPT;
}

struct decoder {
    const uint8_t *in, *end;
    uint8_t *dst;
    size_t done, len;
    size_t offset; /* of the last copy; 0: none yet */
};

/* The next `bytes` bytes as a number: false when the block ends before them. */
static bool take(struct decoder *d, size_t bytes, uint32_t *v)
{
    if ((size_t)(d->end - d->in) < bytes)
        return false;
    *v = little(d->in, bytes);
    d->in += bytes;
    return true;
}

static bool literal(struct decoder *d, uint32_t m)
{
    uint32_t less1 = m;
    if (m >= 60 && !take(d, m - 59, &less1))
        return false;
    size_t n = (size_t)less1 + 1;
    if (n > (size_t)(d->end - d->in) || n > d->len - d->done)
        return false;
    memcpy(d->dst + d->done, d->in, n);
    d->in += n;
    d->done += n;
    return true;
}

/* Copy n bytes from `offset` back. When they overlap, what is there already repeats: each round doubles it.
 */
static bool copy(struct decoder *d, size_t offset, size_t n)
{
    if (offset == 0 || offset > d->done || n > d->len - d->done)
        return false;
    d->offset = offset;
    uint8_t *to = d->dst + d->done;
    const uint8_t *from = to - offset;
    d->done += n;
    while (n > offset) {
        memcpy(to, from, offset);
        to += offset;
        n -= offset;
        offset *= 2;
    }
    memcpy(to, from, n);
    return true;
}

static bool repeat(struct decoder *d, uint32_t code)
{
    static const uint32_t base[4] = {4, 8, 260, 65540};
    uint32_t more = code, wide = code <= 4 ? 0 : code - 4;
    if (wide > 0 && !take(d, wide, &more))
        return false;
    return copy(d, d->offset, (size_t)base[wide] + more);
}

static bool element(struct decoder *d)
{
    uint32_t tag = *d->in++, m = tag >> 2, v;
    switch (tag & 3) {
    case KIND_LITERAL:
        return literal(d, m);
    case KIND_COPY1:
        if (!take(d, 1, &v))
            return false;
        v |= (tag >> 5) << 8;
        return v == 0 ? repeat(d, m & 7) : copy(d, v, (m & 7) + 4);
    case KIND_COPY2:
        return take(d, 2, &v) && copy(d, v, m + 1);
    default:
        return take(d, 4, &v) && copy(d, v, m + 1);
    }
}

enum s2_rc s2_block_decode(slice block, uint8_t *dst, size_t len)
{
    size_t stated, head;
    if (s2_block_length(block, &stated, &head) != S2_OK || stated != len)
        return S2_CORRUPT;
    struct decoder d = {.in = block.ptr + head, .end = block.ptr + block.len, .dst = dst, .len = len};
    while (d.in < d.end) {
        if (!element(&d))
            return S2_CORRUPT;
    }
    return d.done == len ? S2_OK : S2_CORRUPT;
}

/* ---- encoding ---- */

/* Writes elements as long as they fit. */
struct encoder {
    uint8_t *out, *end;
    bool repeats;
    bool full;     /* something did not fit: the output is void */
    size_t offset; /* of the last copy */
};

static void put(struct encoder *e, uint32_t tag, uint32_t v, size_t bytes)
{
    if ((size_t)(e->end - e->out) < 1 + bytes) {
        e->full = true;
        return;
    }
    *e->out++ = (uint8_t)tag;
    for (size_t i = 0; i < bytes; i++)
        *e->out++ = (uint8_t)(v >> (8 * i));
}

static void put_literal(struct encoder *e, const uint8_t *p, size_t n)
{
    if (n == 0)
        return;
    uint32_t less1 = (uint32_t)(n - 1);
    uint32_t bytes = less1 < 60 ? 0 : less1 < 1u << 8 ? 1 : less1 < 1u << 16 ? 2 : less1 < 1u << 24 ? 3 : 4;
    put(e, (bytes == 0 ? less1 : 59 + bytes) << 2 | KIND_LITERAL, less1, bytes);
    if (e->full || n > (size_t)(e->end - e->out)) {
        e->full = true;
        return;
    }
    memcpy(e->out, p, n);
    e->out += n;
}

/* n is at least 4. */
static void put_repeat(struct encoder *e, size_t n)
{
    /* Tag and its second byte are offset 0; the length follows. */
    static const struct {
        size_t least, most;
        uint32_t code, bytes;
    } forms[] = {{8, 263, 5, 1}, {260, 65795, 6, 2}, {65540, 65540 + 0xffffff, 7, 3}};
    while (n > 0 && !e->full) {
        if (n <= 8) {
            put(e, (uint32_t)(n - 4) << 2 | KIND_COPY1, 0, 1);
            return;
        }
        int f = n <= forms[0].most ? 0 : n <= forms[1].most ? 1 : 2;
        size_t now = n <= forms[f].most ? n : forms[f].most - MIN_MATCH; /* what is left is a match, too */
        put(e, forms[f].code << 2 | KIND_COPY1, (uint32_t)(now - forms[f].least) << 8, 1 + forms[f].bytes);
        n -= now;
    }
}

/* One copy of 4 to 64 bytes. */
static void put_copy(struct encoder *e, size_t offset, size_t n)
{
    if (offset >= FAR)
        put(e, (uint32_t)(n - 1) << 2 | KIND_COPY4, (uint32_t)offset, 4);
    else if (offset < 2048 && n < 12)
        put(e, (uint32_t)(offset >> 8) << 5 | (uint32_t)(n - 4) << 2 | KIND_COPY1, offset & 0xff, 1);
    else
        put(e, (uint32_t)(n - 1) << 2 | KIND_COPY2, (uint32_t)offset, 2);
}

static void put_match(struct encoder *e, size_t offset, size_t n)
{
    if (e->repeats && offset == e->offset) {
        put_repeat(e, n);
        return;
    }
    e->offset = offset;
    while (n > COPY_MAX && !e->full) {
        size_t now = n - COPY_MAX < MIN_MATCH ? COPY_MAX - MIN_MATCH : COPY_MAX;
        put_copy(e, offset, now);
        n -= now;
        if (e->repeats) {
            put_repeat(e, n);
            return;
        }
    }
    put_copy(e, offset, n);
}

/* How many bytes from a and b on are equal, b ending at `end`. */
static size_t common(const uint8_t *a, const uint8_t *b, const uint8_t *end)
{
    const uint8_t *start = b;
    while (end - b >= 8 && memcmp(a, b, 8) == 0) {
        a += 8;
        b += 8;
    }
    while (b < end && *a == *b) {
        a++;
        b++;
    }
    return (size_t)(b - start);
}

static uint32_t hash(uint32_t v, unsigned bits)
{
    return v * 0x9e3779b1u >> (32 - bits);
}

/* The table holds where each hash of four bytes was seen last. It is cleared first (an entry 0 is position 0,
 * which is as good a guess as any), so it is kept small for small blocks. Where nothing matches the steps get
 * longer: data that cannot be packed costs little. */
static void encode_elements(struct s2_table *t, struct encoder *e, const uint8_t *src, size_t n)
{
    unsigned bits = 8;
    while (bits < S2_TABLE_BITS && n >> bits > 0)
        bits++;
    memset(t->at, 0, sizeof t->at[0] << bits);
    const uint8_t *end = src + n;
    size_t from = 0, pos = 1; /* what lies before `from` is written */
    uint32_t step = 32;
    while (pos + MIN_MATCH <= n && !e->full) {
        uint32_t v = load32(src + pos), h = hash(v, bits);
        size_t seen = t->at[h];
        t->at[h] = (uint32_t)pos;
        if (load32(src + seen) != v) {
            pos += step++ >> 5;
            continue;
        }
        size_t len = MIN_MATCH + common(src + seen + MIN_MATCH, src + pos + MIN_MATCH, end);
        while (pos > from && seen > 0 && src[pos - 1] == src[seen - 1]) {
            pos--;
            seen--;
            len++;
        }
        if (pos - seen >= FAR && len < MIN_FAR_MATCH) {
            pos += len;
            continue;
        }
        put_literal(e, src + from, pos - from);
        put_match(e, pos - seen, len);
        pos += len;
        from = pos;
        step = 32;
        if (pos + MIN_MATCH <= n)
            t->at[hash(load32(src + pos - 1), bits)] = (uint32_t)(pos - 1);
    }
    put_literal(e, src + from, n - from);
}

static size_t put_length(size_t len, uint8_t *dst)
{
    size_t i = 0;
    for (; len >= 0x80; len >>= 7)
        dst[i++] = (uint8_t)(len | 0x80);
    dst[i++] = (uint8_t)len;
    return i;
}

size_t s2_block_encode(struct s2_table *t, slice src, bool repeats, uint8_t *dst)
{
    size_t head = put_length(src.len, dst);
    if (src.len == 0)
        return head;
    struct encoder e = {.out = dst + head, .end = dst + s2_block_bound(src.len), .repeats = repeats};
    encode_elements(t, &e, src.ptr, src.len);
    if (e.full) {
        /* Longer than the data: one literal is not. */
        e = (struct encoder){.out = dst + head, .end = dst + s2_block_bound(src.len)};
        put_literal(&e, src.ptr, src.len);
    }
    return (size_t)(e.out - dst);
}
