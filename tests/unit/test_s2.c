/* S2 and Snappy: each code of a block, the framing, what the Go server wrote, damage.
 * covers: FB-48 FB-49 FB-50 FB-51 FB-52 FB-53 FB-54 ST-15 ST-63 ST-65 ST-66 */
#include "unit.h"
#include "base/crc32c.h"
#include "base/s2.h"

#include <stdlib.h>

static struct s2_table table;

/* Bytes made up from a seed: noise, runs, repeated phrases, in turns. */
static uint64_t next_rand(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void make_up(uint8_t *p, size_t len, uint64_t seed)
{
    uint64_t x = seed * 2 + 1;
    for (size_t i = 0; i < len;) {
        size_t n = 1 + next_rand(&x) % (seed % 3 == 0 ? 20000 : 300);
        if (n > len - i)
            n = len - i;
        uint64_t how = next_rand(&x) % 4, back = i == 0 ? 0 : 1 + next_rand(&x) % i;
        for (size_t k = 0; k < n; k++, i++)
            p[i] = how == 0             ? (uint8_t)next_rand(&x)
                   : how == 1 || i == 0 ? (uint8_t)("PUB foo 5\r\n"[k % 11])
                                        : p[i - back];
    }
}

static uint8_t *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    uint8_t *buf = malloc(1 << 20);
    *len = fread(buf, 1, 1 << 20, f);
    fclose(f);
    return buf;
}

static void test_crc(void)
{
    uint8_t buf[300];
    make_up(buf, sizeof buf, 7);
    CU_ASSERT_EQUAL(crc32c(SLICE_LIT("")), 0);
    CU_ASSERT_EQUAL(crc32c(SLICE_LIT("123456789")), 0xe3069283u);
    for (size_t n = 0; n < sizeof buf; n++)
        CU_ASSERT_EQUAL(crc32c(slice_make(buf + n % 8, n - n % 8)),
                        crc32c_portable(slice_make(buf + n % 8, n - n % 8)));
}

/* The masked checksums of vectors.json, seen through a plain chunk. */
static void test_vectors(void)
{
    static const struct {
        const char *text;
        const char *masked; /* as it lies in the stream */
    } v[] = {{"a", "\x78\x6e\xe4\x28"}, {"123456789", "\xe5\xb0\x8a\xc7"}};
    uint8_t out[64];
    for (size_t i = 0; i < 2; i++) {
        size_t n = s2_stream_encode(&table, S2_PLAIN, slice_str(v[i].text), out);
        CU_ASSERT_EQUAL(n, 18 + strlen(v[i].text));
        CU_ASSERT_EQUAL(memcmp(out + 14, v[i].masked, 4), 0);
    }
    /* spec/fabric.md 2.5 */
    static const uint8_t ping[] = {0xff, 0x06, 0x00, 0x00, 0x53, 0x32, 0x73, 0x54, 0x77, 0x4f, 0x01, 0x0a,
                                   0x00, 0x00, 0xab, 0x90, 0xcc, 0x24, 0x50, 0x49, 0x4e, 0x47, 0x0d, 0x0a};
    CU_ASSERT_EQUAL(s2_stream_encode(&table, S2_FAST, SLICE_LIT("PING\r\n"), out), sizeof ping);
    CU_ASSERT_EQUAL(memcmp(out, ping, sizeof ping), 0);
}

static enum s2_rc unblock(const char *block, size_t block_len, uint8_t *dst, size_t *len)
{
    enum s2_rc rc = s2_block_length(slice_make(block, block_len), len, NULL);
    return rc != S2_OK ? rc : s2_block_decode(slice_make(block, block_len), dst, *len);
}

#define BLOCK_IS(block, text)                                                 \
    do {                                                                      \
        uint8_t got_[512];                                                    \
        size_t n_;                                                            \
        CU_ASSERT_EQUAL(unblock(block, sizeof(block) - 1, got_, &n_), S2_OK); \
        CU_ASSERT_EQUAL(n_, sizeof(text) - 1);                                \
        CU_ASSERT_EQUAL(memcmp(got_, text, sizeof(text) - 1), 0);             \
    } while (0)

#define BLOCK_FAILS(block)                                                         \
    do {                                                                           \
        uint8_t got_[512];                                                         \
        size_t n_;                                                                 \
        CU_ASSERT_EQUAL(unblock(block, sizeof(block) - 1, got_, &n_), S2_CORRUPT); \
    } while (0)

static void test_block_codes(void)
{
    BLOCK_IS("\x00", "");
    BLOCK_IS("\x03\x08"
             "abc",
             "abc");
    BLOCK_IS("\x83\x00\x08"
             "abc",
             "abc"); /* the length in more bytes than it needs */
    BLOCK_IS("\x03\xf0\x02"
             "abc",
             "abc");
    BLOCK_IS("\x03\xf4\x02\x00"
             "abc",
             "abc");
    BLOCK_IS("\x03\xf8\x02\x00\x00"
             "abc",
             "abc");
    BLOCK_IS("\x03\xfc\x02\x00\x00\x00"
             "abc",
             "abc");
    BLOCK_IS("\x07\x08"
             "abc"
             "\x01\x03",
             "abcabca"); /* copy 1, length 4 */
    BLOCK_IS("\x06\x08"
             "abc"
             "\x0a\x03\x00",
             "abcabc"); /* copy 2, length 3 */
    BLOCK_IS("\x04\x08"
             "abc"
             "\x03\x01\x00\x00\x00",
             "abcc"); /* copy 4, length 1 */
    BLOCK_IS("\x0b\x08"
             "abc"
             "\x01\x03\x01\x00",
             "abcabcabcab"); /* repeat, code 0 */
    BLOCK_IS("\x0f\x04"
             "ab"
             "\x01\x02\x11\x00\x00"
             "x",
             "ababababababab"
             "x"); /* code 4, then a literal */
}

/* One 'a', a copy of 4, and a repeat of the length that code and bytes say. */
static void repeat_is(const char *code, size_t code_len, size_t repeats)
{
    uint8_t block[32] = "";
    size_t total = 5 + repeats, at = 0, n;
    for (size_t v = total; at == 0 || v > 0; v >>= 7)
        block[at++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
    memcpy(block + at,
           "\x00"
           "a"
           "\x01\x01",
           4);
    memcpy(block + at + 4, code, code_len);
    slice whole = slice_make(block, at + 4 + code_len);
    CU_ASSERT_EQUAL_FATAL(s2_block_length(whole, &n, NULL), S2_OK);
    CU_ASSERT_EQUAL_FATAL(n, total);
    uint8_t *out = malloc(total);
    CU_ASSERT_EQUAL(s2_block_decode(whole, out, total), S2_OK);
    size_t same = 0;
    while (same < total && out[same] == 'a')
        same++;
    CU_ASSERT_EQUAL(same, total);
    free(out);
    /* one byte less of the code is no code */
    out = malloc(total);
    CU_ASSERT_EQUAL(s2_block_decode(slice_first(whole, whole.len - 1), out, total), S2_CORRUPT);
    free(out);
}

static void test_repeat_codes(void)
{
    repeat_is("\x01\x00", 2, 4);
    repeat_is("\x11\x00", 2, 8);
    repeat_is("\x15\x00\x00", 3, 8);
    repeat_is("\x15\x00\xff", 3, 263);
    repeat_is("\x19\x00\xd5\x02", 4, 985);
    repeat_is("\x19\x00\xff\xff", 4, 65795);
    repeat_is("\x1d\x00\x00\x00\x00", 5, 65540);
    repeat_is("\x1d\x00\x01\x02\x03", 5, 65540 + 0x030201);
}

static void test_block_errors(void)
{
    BLOCK_FAILS("");
    BLOCK_FAILS("\x80");
    BLOCK_FAILS("\x80\x80\x80\x80\x80");
    BLOCK_FAILS("\xff\xff\xff\xff\x1f"); /* above 2^32 - 1 */
    BLOCK_FAILS("\x04\x08"
                "abc"); /* too short */
    BLOCK_FAILS("\x02\x08"
                "abc"); /* too long */
    BLOCK_FAILS("\x03\x08"
                "ab");       /* literal cut off */
    BLOCK_FAILS("\x03\xf0"); /* its length cut off */
    BLOCK_FAILS("\x03\xfc\xff\xff\xff\xff"
                "abc"); /* 4 GiB */
    BLOCK_FAILS("\x07\x08"
                "abc"
                "\x01"); /* copy cut off */
    BLOCK_FAILS("\x07\x08"
                "abc"
                "\x01\x04"); /* before the beginning */
    BLOCK_FAILS("\x07\x08"
                "abc"
                "\x01\x00"); /* repeat without a copy */
    BLOCK_FAILS("\x06\x08"
                "abc"
                "\x0a\x00\x00"); /* offset 0 */
    BLOCK_FAILS("\x06\x08"
                "abc"
                "\x0b\x00\x00\x00\x00");
    BLOCK_FAILS("\x06\x08"
                "abc"
                "\x0b\xff\xff\xff\xff");
    BLOCK_FAILS("\x06\x08"
                "abc"
                "\x01\x03"); /* one byte too many */
    uint8_t dst[4];
    CU_ASSERT_EQUAL(s2_block_decode(SLICE_LIT("\x03\x08"
                                              "abc"),
                                    dst, 4),
                    S2_CORRUPT);
}

/* Decode a stream whole and byte by byte: both must agree. */
static enum s2_rc unstream(slice in, size_t max, uint8_t **out, size_t *len)
{
    enum s2_rc rc = s2_stream_decode(in, max, out, len);
    if (in.len > 4096)
        return rc;
    struct s2_reader r = {0};
    size_t seen = 0, from = 0, to = 0;
    enum s2_rc piece = S2_MORE;
    while (piece == S2_OK || (piece == S2_MORE && to < in.len)) {
        if (piece == S2_MORE)
            to++;
        uint8_t *part = malloc(to - from + 1); /* of its own, so that a read too far is seen */
        memcpy(part, in.ptr + from, to - from);
        slice data;
        size_t used;
        piece = s2_reader_next(&r, slice_make(part, to - from), &used, &data);
        from += used;
        if (piece == S2_OK) {
            if (rc == S2_OK) {
                CU_ASSERT_FATAL(data.len <= *len - seen);
                CU_ASSERT_EQUAL(memcmp(*out + seen, data.ptr, data.len), 0);
            }
            seen += data.len;
        }
        free(part);
    }
    if (rc == S2_OK) {
        CU_ASSERT(piece == S2_MORE && seen == *len);
    } else if (rc != S2_TOO_LARGE) {
        CU_ASSERT_EQUAL(piece, rc);
    }
    s2_reader_free(&r);
    return rc;
}

#define STREAM_IS(stream, text)                                                      \
    do {                                                                             \
        uint8_t *out_;                                                               \
        size_t n_;                                                                   \
        CU_ASSERT_EQUAL_FATAL(unstream(SLICE_LIT(stream), 1000, &out_, &n_), S2_OK); \
        CU_ASSERT(slice_eq_str(slice_make(out_, n_), text));                         \
        free(out_);                                                                  \
    } while (0)

#define STREAM_FAILS(stream, why)                                            \
    do {                                                                     \
        uint8_t *out_;                                                       \
        size_t n_;                                                           \
        CU_ASSERT_EQUAL(unstream(SLICE_LIT(stream), 1000, &out_, &n_), why); \
    } while (0)

#define ID        "\xff\x06\x00\x00S2sTwO"
#define ID_SNAPPY "\xff\x06\x00\x00sNaPpY"
#define PLAIN_A                        \
    "\x01\x05\x00\x00\x78\x6e\xe4\x28" \
    "a"
#define PACKED_A                               \
    "\x00\x07\x00\x00\x78\x6e\xe4\x28\x01\x00" \
    "a"

static void test_stream_chunks(void)
{
    STREAM_IS("", "");
    STREAM_IS(ID, "");
    STREAM_IS(ID PLAIN_A PACKED_A, "aa");
    STREAM_IS(ID_SNAPPY PACKED_A ID PLAIN_A, "aa");
    STREAM_IS(ID "\x80\x02\x00\x00"
                 "zz" PLAIN_A "\xfd\x00\x00\x00"
                 "\x99\x01\x00\x00"
                 "i",
              "a"); /* index */
    STREAM_IS(ID "\xfe\x03\x00\x00"
                 "\0\0\0" PACKED_A,
              "a");                                                /* padding */
    STREAM_IS(ID "\x01\x04\x00\x00\xd8\xea\x82\xa2" PLAIN_A, "a"); /* no data */
}

static void test_stream_errors(void)
{
    STREAM_FAILS(PLAIN_A, S2_CORRUPT);
    STREAM_FAILS("\xfe\x00\x00\x00" ID, S2_CORRUPT);
    STREAM_FAILS("\xff\x06\x00\x00S2sTwo", S2_CORRUPT);
    STREAM_FAILS("\xff\x07\x00\x00S2sTwO.", S2_CORRUPT);
    STREAM_FAILS(ID "\x02\x00\x00\x00", S2_UNSUPPORTED);
    STREAM_FAILS(ID "\x7f\x00\x00\x00", S2_UNSUPPORTED);
    STREAM_FAILS(ID "\x01\x03\x00\x00"
                    "abc",
                 S2_CORRUPT);
    STREAM_FAILS(ID "\x01\x05\x00\x00\x79\x6e\xe4\x28"
                    "a",
                 S2_BAD_CHECKSUM);
    STREAM_FAILS(ID "\x00\x07\x00\x00\x78\x6e\xe4\x28\x01\x00"
                    "b",
                 S2_BAD_CHECKSUM);
    STREAM_FAILS(ID "\x00\x06\x00\x00\x78\x6e\xe4\x28\x01\x00", S2_CORRUPT);
    STREAM_FAILS(ID "\x00\x09\x00\x00\x78\x6e\xe4\x28\x81\x80\x80\x04\x00", S2_CORRUPT); /* above 4 MiB */
    STREAM_FAILS(ID "\x00\xff\xff\xff", S2_CORRUPT);
    STREAM_FAILS(ID PLAIN_A "\x01", S2_MORE);
    STREAM_FAILS(ID "\x01\x05\x00\x00\x78\x6e\xe4\x28", S2_MORE);
    STREAM_FAILS(ID "\xfe\x03\x00\x00"
                    "\0\0",
                 S2_MORE);
    uint8_t *out;
    size_t n;
    CU_ASSERT_EQUAL(s2_stream_decode(SLICE_LIT(ID PLAIN_A PLAIN_A), 1, &out, &n), S2_TOO_LARGE);
}

/* A Snappy stream holds at most 64 KiB a chunk, an S2 stream 4 MiB. */
static void test_block_sizes(void)
{
    static const struct {
        const char *id;
        size_t most;
    } kinds[] = {{ID_SNAPPY, S2_SNAPPY_MAX}, {ID, S2_BLOCK_MAX}};
    uint8_t *data = calloc(1, S2_BLOCK_MAX + 1), *stream = malloc(S2_BLOCK_MAX + 100), *out;
    for (int k = 0; k < 2; k++) {
        for (size_t more = 0; more < 2; more++) {
            size_t len = kinds[k].most + more, n;
            memcpy(stream, kinds[k].id, 10);
            uint8_t *chunk = stream + 10;
            size_t packed = s2_block_encode(&table, slice_make(data, len), true, chunk + 8);
            CU_ASSERT(packed < 40);
            memcpy(chunk, (uint8_t[]){0, (uint8_t)(packed + 4), 0, 0}, 4);
            uint32_t crc = crc32c(slice_make(data, len));
            crc = ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
            memcpy(chunk + 4, &crc, 4);
            enum s2_rc rc = s2_stream_decode(slice_make(stream, 18 + packed), SIZE_MAX, &out, &n);
            CU_ASSERT_EQUAL(rc, more ? S2_CORRUPT : S2_OK);
            if (rc == S2_OK) {
                CU_ASSERT_EQUAL(n, len);
                free(out);
            }
        }
    }
    free(data);
    free(stream);
}

static void test_inverse(void)
{
    static const size_t sizes[] = {0,      1,     2,     3,      4,    5,    11,    12,      59,
                                   60,     61,    64,    255,    256,  257,  1000,  4095,    65535,
                                   65536,  65537, 70000, 200000, 1000, 3000, 30000, 1 << 20, (1 << 20) + 1,
                                   2500000};
    size_t packed_sum = 0, plain_sum = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (uint64_t seed = 0; seed < 3; seed++) {
            size_t len = sizes[i], n;
            uint8_t *data = malloc(len + 1), *back;
            make_up(data, len, seed * 100 + i);
            for (int mode = S2_PLAIN; mode <= S2_SNAPPY; mode++) {
                size_t bound = s2_stream_bound((enum s2_mode)mode, len);
                uint8_t *stream = malloc(bound);
                size_t got = s2_stream_encode(&table, (enum s2_mode)mode, slice_make(data, len), stream);
                CU_ASSERT(got <= bound);
                CU_ASSERT_EQUAL_FATAL(unstream(slice_make(stream, got), len, &back, &n), S2_OK);
                CU_ASSERT(slice_eq(slice_make(data, len), slice_make(back, n)));
                plain_sum += mode == S2_FAST ? len : 0;
                packed_sum += mode == S2_FAST ? got : 0;
                free(back);
                free(stream);
            }
            free(data);
        }
    }
    CU_ASSERT(packed_sum < plain_sum / 2);
}

/* The encoder of blocks never writes beyond its bound, and Snappy's blocks hold no repeat. */
static void test_block_inverse(void)
{
    for (uint64_t seed = 0; seed < 2000; seed++) {
        size_t len = seed % 700, n;
        uint8_t data[700], back[700];
        make_up(data, len, seed);
        uint8_t *block = malloc(s2_block_bound(len));
        size_t got = s2_block_encode(&table, slice_make(data, len), seed % 2 == 0, block);
        CU_ASSERT_FATAL(got <= s2_block_bound(len));
        CU_ASSERT_EQUAL(s2_block_length(slice_make(block, got), &n, NULL), S2_OK);
        CU_ASSERT_EQUAL_FATAL(n, len);
        CU_ASSERT_EQUAL(s2_block_decode(slice_make(block, got), back, n), S2_OK);
        CU_ASSERT_EQUAL(memcmp(back, data, n), 0);
        free(block);
    }
}

/* Literals of 62 bytes and matches of 4, from far behind: packed element by element this is longer than it
 * was, so it is sent as one literal. */
static void test_block_grows(void)
{
    enum { PERIOD = 66, COUNT = 900, BACK = 40, LEN = PERIOD * COUNT };
    static uint8_t data[LEN], block[LEN + 10 + 8], back[LEN];
    uint64_t x = 99;
    for (size_t i = 0; i < LEN; i++) {
        bool match = i / PERIOD >= BACK && i % PERIOD >= PERIOD - 4;
        data[i] =
            match ? data[(i / PERIOD - BACK) * PERIOD + i % PERIOD - (PERIOD - 4)] : (uint8_t)next_rand(&x);
    }
    memset(block, 0xa5, sizeof block);
    size_t got = s2_block_encode(&table, slice_make(data, LEN), true, block);
    CU_ASSERT_FATAL(got <= s2_block_bound(LEN));
    CU_ASSERT_EQUAL(block[s2_block_bound(LEN)], 0xa5);
    CU_ASSERT(got >= LEN + 4 && block[got - LEN - 3] >> 2 == 61); /* a literal with two bytes of length */
    CU_ASSERT_EQUAL(s2_block_decode(slice_make(block, got), back, LEN), S2_OK);
    CU_ASSERT_EQUAL(memcmp(back, data, LEN), 0);
    CU_ASSERT_EQUAL(s2_block_decode(slice_make(block, got), back, LEN - 1), S2_CORRUPT);
}

static void test_texts(void)
{
    static const char *const texts[] = {[S2_OK] = "ok",
                                        [S2_MORE] = "unexpected EOF",
                                        [S2_CORRUPT] = "s2: corrupt input",
                                        [S2_BAD_CHECKSUM] = "s2: crc mismatch",
                                        [S2_UNSUPPORTED] = "s2: unsupported input",
                                        [S2_TOO_LARGE] = "s2: decoded block is too large",
                                        [S2_NO_MEMORY] = "out of memory"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        CU_ASSERT_STRING_EQUAL(s2_rc_text((enum s2_rc)i), texts[i]);
    CU_ASSERT_STRING_EQUAL(s2_rc_text((enum s2_rc)99), "unknown");
}

/* Streams of the Go server: backups whole, and the s2 stream inside a compressed store block. */
static void test_golden(void)
{
    static const struct {
        const char *path;
        size_t skip, tail, bytes;
        const char *begins;
    } files[] = {
        {"tests/golden/store/backup/WORK.v1.s2", 0, 0, 30720, "meta.inf"},
        {"tests/golden/store/backup/WORK.v2.s2", 0, 0, 0, "NATSARC1"},
        {"tests/golden/store/backup/DEL.v2.s2", 0, 0, 336, "NATSARC1"},
        {"tests/golden/store/s2/store/jetstream/$G/streams/COMP/msgs/1.blk", 7, 8, 31072, "\x0c\x04"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t len, n, again;
        uint8_t *file = read_file(files[i].path, &len), *out, *back;
        slice stream = slice_make(file + files[i].skip, len - files[i].skip - files[i].tail);
        CU_ASSERT_EQUAL_FATAL(s2_stream_decode(stream, 1 << 20, &out, &n), S2_OK);
        if (files[i].bytes > 0)
            CU_ASSERT_EQUAL(n, files[i].bytes);
        CU_ASSERT(slice_starts(slice_make(out, n), slice_str(files[i].begins)));
        uint8_t *mine = malloc(s2_stream_bound(S2_FAST, n));
        size_t got = s2_stream_encode(&table, S2_FAST, slice_make(out, n), mine);
        CU_ASSERT(got < n);
        CU_ASSERT_EQUAL_FATAL(s2_stream_decode(slice_make(mine, got), n, &back, &again), S2_OK);
        CU_ASSERT(slice_eq(slice_make(out, n), slice_make(back, again)));
        free(back);
        free(mine);
        free(out);
        free(file);
    }
}

/* Damage is noticed: nothing but the data that went in ever comes out (skipped chunks aside). */
static void test_damage(void)
{
    uint8_t data[3000], stream[4000], *out;
    make_up(data, sizeof data, 5);
    size_t len = s2_stream_encode(&table, S2_FAST, slice_make(data, sizeof data), stream), n;
    uint64_t x = 99;
    unsigned noticed = 0;
    for (int round = 0; round < 3000; round++) {
        uint8_t *bad = malloc(len);
        memcpy(bad, stream, len);
        size_t at = next_rand(&x) % len, cut = round % 5 == 0 ? next_rand(&x) % len : len;
        bad[at] ^= (uint8_t)(1u << next_rand(&x) % 8);
        if (s2_stream_decode(slice_make(bad, cut), sizeof data, &out, &n) == S2_OK) {
            CU_ASSERT(n == 0 || slice_eq(slice_make(out, n), slice_make(data, sizeof data)));
            free(out);
        } else {
            noticed++;
        }
        free(bad);
    }
    CU_ASSERT(noticed > 2900);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_crc),           UNIT_TEST(test_vectors),      UNIT_TEST(test_block_codes),
    UNIT_TEST(test_repeat_codes),  UNIT_TEST(test_block_errors), UNIT_TEST(test_stream_chunks),
    UNIT_TEST(test_stream_errors), UNIT_TEST(test_block_sizes),  UNIT_TEST(test_inverse),
    UNIT_TEST(test_block_inverse), UNIT_TEST(test_golden),       UNIT_TEST(test_damage),
    UNIT_TEST(test_block_grows),   UNIT_TEST(test_texts),
};
UNIT_MAIN("s2", tests)
