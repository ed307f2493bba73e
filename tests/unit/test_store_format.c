/* The files of the message store, byte by byte: golden vectors and golden directories read and written again.
 */
#include "unit.h"
#include "json_lite.h"
#include "store/consumer/consumer_state.h"
#include "store/format/crypt.h"
#include "store/format/index_db.h"
#include "store/format/record.h"
#include "store/format/side_files.h"

#include <glob.h>

#define GOLDEN "tests/golden/store/"

static struct json *vectors(void)
{
    struct json *v = json_load(GOLDEN "vectors.json");
    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    return v;
}

static void assert_hex(const uint8_t *got, size_t len, const char *hex)
{
    size_t want_len;
    uint8_t *want = json_hex(hex, &want_len);
    CU_ASSERT_EQUAL_FATAL(len, want_len);
    CU_ASSERT_EQUAL(memcmp(got, want, len), 0);
    free(want);
}

/* covers: ST-12 */
static void test_highway_hash(void)
{
    struct json *v = vectors();
    struct hash_key key;
    uint8_t bytes[66], raw[32];
    for (size_t i = 0; i < 32; i++)
        raw[i] = (uint8_t)i;
    for (size_t i = 0; i < 66; i++)
        bytes[i] = (uint8_t)i;
    for (size_t i = 0; i < 4; i++)
        key.lane[i] = get_u64(raw + 8 * i);
    size_t seen = 0;
    for (struct json *m = json_get(v, "highwayhash64_key_00_1f")->first; m != NULL; m = m->next) {
        uint8_t sum[8];
        hash_sum(&key, slice_make(bytes, strtoul(m->key, NULL, 10)), sum);
        assert_hex(sum, sizeof sum, m->text);
        seen++;
    }
    CU_ASSERT_EQUAL(seen, 66);
    json_free(v);
}

static void assert_key(struct json *keys, const char *name, struct hash_key k)
{
    uint8_t raw[32];
    for (size_t i = 0; i < 4; i++)
        put_u64(raw + 8 * i, k.lane[i]);
    assert_hex(raw, sizeof raw, json_text(json_get(keys, name)));
}

/* covers: ST-13 ST-10 */
static void test_keys_and_names(void)
{
    struct json *v = vectors(), *keys = json_get(v, "sha256_keys");
    assert_key(keys, "ORDERS", hash_key_of(SLICE_LIT("ORDERS")));
    assert_key(keys, "ORDERS-1", hash_key_block(SLICE_LIT("ORDERS"), 1));
    assert_key(keys, "WORK/explicit", hash_key_consumer(SLICE_LIT("WORK"), SLICE_LIT("explicit")));
    assert_key(keys, "_meta_", hash_key_of(SLICE_LIT("_meta_")));
    for (struct json *m = json_get(v, "getHash_8")->first; m != NULL; m = m->next) {
        char name[8];
        hash_name8(slice_str(m->key), name);
        CU_ASSERT_EQUAL(memcmp(name, m->text, 8), 0);
    }
    json_free(v);
}

/* covers: ST-14 */
static void test_varints(void)
{
    struct json *v = vectors();
    for (struct json *m = json_get(v, "uvarint")->first; m != NULL; m = m->next) {
        uint8_t b[UV_MAX_BYTES];
        uint64_t n = strtoull(m->key, NULL, 10);
        size_t len = put_uv(b, n);
        assert_hex(b, len, m->text);
        struct byte_reader r = byte_reader_of(slice_make(b, len));
        CU_ASSERT_EQUAL(take_uv(&r), n);
        CU_ASSERT(!r.bad && r.p == r.end);
    }
    for (struct json *m = json_get(v, "varint_zigzag")->first; m != NULL; m = m->next) {
        struct byte_buf b = {0};
        int64_t n = strtoll(m->key, NULL, 10);
        buf_sv(&b, n);
        assert_hex(b.ptr, b.len, m->text);
        struct byte_reader r = byte_reader_of(buf_view(&b));
        CU_ASSERT_EQUAL(take_sv(&r), n);
        CU_ASSERT(!r.bad);
        buf_free(&b);
    }
    /* An eleventh byte, a tenth that passes 64 bits, and an early end. */
    static const char *bad[] = {"8080808080808080808001", "ffffffffffffffffff02", "80", ""};
    for (size_t i = 0; i < 4; i++) {
        size_t len = 0;
        uint8_t *b = json_hex(bad[i], &len);
        struct byte_reader r = byte_reader_of(slice_make(b, len));
        CU_ASSERT_EQUAL(take_uv(&r), 0);
        CU_ASSERT(r.bad);
        free(b);
    }
    json_free(v);
}

/* Decode every record of a plain block, encode what it says again, and compare the bytes. */
static size_t walk_block(const char *path, const char *stream, unsigned number)
{
    size_t len, at = 0, count = 0;
    uint8_t *b = (uint8_t *)json_read_file(path, &len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    struct hash_key key = hash_key_block(slice_str(stream), number);
    while (at < len) {
        struct record r;
        CU_ASSERT_EQUAL_FATAL(record_decode(b + at, len - at, &key, &r), RECORD_GOOD);
        uint8_t *again = malloc(r.size);
        if (r.kind == RECORD_MESSAGE) {
            CU_ASSERT_EQUAL(record_size(r.subject.len, r.hdr.len, r.data.len), r.size);
            record_encode_message(again, &key, r.seq, r.ts, r.subject, r.hdr, r.data);
        } else if (r.size == RECORD_MIN) {
            record_encode_mark(again, &key, r.kind, r.seq, r.ts);
        } else { /* erased: put its random content over another record of the size */
            record_encode_message(again, &key, r.seq, 1, SLICE_EMPTY, SLICE_EMPTY, r.data);
            record_erase(again, &key, r.data.ptr);
        }
        CU_ASSERT_EQUAL(memcmp(again, b + at, r.size), 0);
        free(again);
        at += r.size;
        count++;
    }
    CU_ASSERT_EQUAL(at, len);
    free(b);
    return count;
}

/* covers: ST-30 ST-31 ST-32 ST-33 ST-36 ST-37 ST-38 ST-39 */
static void test_golden_blocks(void)
{
    CU_ASSERT_EQUAL(walk_block(GOLDEN "plain/store/jetstream/$G/streams/ORDERS/msgs/1.blk", "ORDERS", 1), 7);
    CU_ASSERT_EQUAL(walk_block(GOLDEN "plain/store/jetstream/$G/streams/EVENTS/msgs/2.blk", "EVENTS", 2), 30);
    CU_ASSERT_EQUAL(walk_block(GOLDEN "plain/store/jetstream/$G/streams/FSEQ/msgs/2.blk", "FSEQ", 2), 2);
    CU_ASSERT_EQUAL(walk_block(GOLDEN "plain/store/jetstream/$G/streams/KV_cfg/msgs/1.blk", "KV_cfg", 1), 7);
    CU_ASSERT(walk_block(GOLDEN "deletes-ttl-consumers/store/jetstream/$G/streams/DEL/msgs/1.blk", "DEL", 1) >
              12);
    CU_ASSERT(
        walk_block(GOLDEN "deletes-ttl-consumers/store/jetstream/$G/streams/INT/msgs/1.blk", "INT", 1) >= 7);
}

/* covers: ST-35 */
static void test_bad_records(void)
{
    struct hash_key key = hash_key_block(SLICE_LIT("S"), 1);
    uint8_t good[128], b[128];
    char text[128];
    size_t len = record_encode_message(good, &key, 7, 9, SLICE_LIT("a.b"), SLICE_LIT("NATS/1.0\r\n\r\n"),
                                       SLICE_LIT("x"));
    struct record r;
    for (size_t bit = 0; bit < len * 8;
         bit++) { /* no flipped bit goes unnoticed but in the two inner lengths */
        size_t byte = bit / 8;
        if (byte == 20 || byte == 21 || (byte >= 25 && byte < 29))
            continue;
        memcpy(b, good, len);
        b[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        CU_ASSERT_NOT_EQUAL(record_decode(b, len, &key, &r), RECORD_GOOD);
        b[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        CU_ASSERT_EQUAL(memcmp(b, good, len), 0); /* the bytes are as they were */
    }
    CU_ASSERT_EQUAL(record_decode(good, 21, &key, &r), RECORD_SHORT);
    CU_ASSERT_STRING_EQUAL(record_fault_text(RECORD_SHORT, text, sizeof text, good, 21, 0),
                           "record too short");
    CU_ASSERT_EQUAL(record_decode(good, len - 1, &key, &r), RECORD_OVERRUN);
    CU_ASSERT_STRING_EQUAL(record_fault_text(RECORD_OVERRUN, text, sizeof text, good, len - 1, 5),
                           "message overrun (index 5 lbuf 54)");
    memcpy(b, good, len);
    put_u16(b + 20, 60000);
    CU_ASSERT_EQUAL(record_decode(b, len, &key, &r), RECORD_INSANE);
    CU_ASSERT_STRING_EQUAL(record_fault_text(RECORD_INSANE, text, sizeof text, b, len, 0),
                           "sanity check failed (dlen 28 slen 60000 rl 50 index 0 lbuf 50)");
    put_u16(b + 20, 3);
    put_u32(b + 25, 0xffffffffu); /* header length */
    CU_ASSERT_EQUAL(record_decode(b, len, &key, &r), RECORD_INSANE);
    memcpy(b, good, len);
    put_u32(b, 21);
    CU_ASSERT_EQUAL(record_decode(b, len, &key, &r), RECORD_INSANE);
    b[32] ^= 1;
    put_u32(b, get_u32(good));
    CU_ASSERT_EQUAL(record_decode(b, len, &key, &r), RECORD_CHECKSUM);
    CU_ASSERT_STRING_EQUAL(record_fault_text(RECORD_CHECKSUM, text, sizeof text, b, len, 0),
                           "invalid checksum");
}

/* index.db read and written again gives the same bytes. */
static void round_trip_index(const char *path, const char *stream)
{
    size_t len = 0;
    char *file = json_read_file(path, &len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    struct hash_key key = hash_key_of(slice_str(stream));
    uint8_t sum[8];
    slice plain = slice_make(file, len - 8);
    hash_sum(&key, plain, sum);
    CU_ASSERT_EQUAL(memcmp(sum, file + len - 8, 8), 0);

    struct index_reader r;
    struct index_head h;
    struct byte_buf out = {0};
    CU_ASSERT_EQUAL_FATAL(index_get_head(&r, plain, &h), INDEX_GOOD);
    index_put_head(&out, &h);
    for (uint64_t i = 0; i < h.subjects; i++) {
        struct index_subject s;
        CU_ASSERT_EQUAL_FATAL(index_get_subject(&r, &s), INDEX_GOOD);
        index_put_subject(&out, &s);
    }
    uint64_t blocks;
    CU_ASSERT_EQUAL_FATAL(index_get_block_count(&r, &blocks), INDEX_GOOD);
    index_put_block_count(&out, blocks);
    for (uint64_t i = 0; i < blocks; i++) {
        struct index_block k;
        CU_ASSERT_EQUAL_FATAL(index_get_block(&r, &k), INDEX_GOOD);
        index_put_block(&out, &k, h.first_ts);
        seqset_free(&k.deleted);
    }
    struct index_tail t;
    CU_ASSERT_EQUAL_FATAL(index_get_tail(&r, &t), INDEX_GOOD);
    index_put_tail(&out, &t);
    CU_ASSERT_EQUAL(out.len, plain.len);
    CU_ASSERT(slice_eq(buf_view(&out), plain));
    /* Cut off anywhere it is refused, and never read past its end. */
    for (size_t cut = 0; cut < plain.len; cut++) {
        uint8_t *part = malloc(cut + 1);
        memcpy(part, file, cut);
        enum index_fault f = index_get_head(&r, slice_make(part, cut), &h);
        for (uint64_t i = 0; f == INDEX_GOOD && i < h.subjects; i++) {
            struct index_subject s;
            f = index_get_subject(&r, &s);
        }
        if (f == INDEX_GOOD)
            f = index_get_block_count(&r, &blocks);
        for (uint64_t i = 0; f == INDEX_GOOD && i < blocks; i++) {
            struct index_block k;
            f = index_get_block(&r, &k);
            seqset_free(&k.deleted);
        }
        if (f == INDEX_GOOD)
            f = index_get_tail(&r, &t);
        CU_ASSERT_NOT_EQUAL(f, INDEX_GOOD);
        free(part);
    }
    buf_free(&out);
    free(file);
}

/* covers: ST-93 ST-96 ST-97 ST-108 */
static void test_golden_indexes(void)
{
    static const char *cases[] = {"plain", "seqset",    "compacted", "deletes-ttl-consumers",
                                  "s2",    "crash-base"};
    size_t seen = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char pattern[256];
        snprintf(pattern, sizeof pattern, GOLDEN "%s/store/jetstream/*/streams/*/msgs/index.db", cases[i]);
        glob_t g;
        CU_ASSERT_EQUAL_FATAL(glob(pattern, 0, NULL, &g), 0);
        for (size_t k = 0; k < g.gl_pathc; k++) {
            char stream[64];
            const char *at = strstr(g.gl_pathv[k], "/streams/") + 9;
            snprintf(stream, sizeof stream, "%.*s", (int)(strchr(at, '/') - at), at);
            round_trip_index(g.gl_pathv[k], stream);
            seen++;
        }
        globfree(&g);
    }
    CU_ASSERT_EQUAL(seen, 20);
}

/* covers: ST-94 ST-95 */
static void test_old_indexes(void)
{
    for (unsigned version = 1; version <= 4; version++) {
        struct byte_buf b = {0};
        buf_u8(&b, 11);
        buf_u8(&b, (uint8_t)version);
        static const uint64_t head[] = {3, 99, 1, 0, 4, 0};
        for (size_t i = 0; i < 6; i++)
            buf_uv(&b, head[i]);
        buf_uv(&b, 3); /* subjects: one message, none (passed over), two messages */
        buf_uv(&b, 1);
        buf_u8(&b, 'z');
        buf_uv(&b, 1);
        buf_uv(&b, 1);
        if (version == 4)
            buf_uv(&b, 1);
        buf_uv(&b, 0);
        buf_uv(&b, 1);
        buf_u8(&b, 'a');
        buf_uv(&b, 2);
        buf_uv(&b, 1);
        buf_uv(&b, 2);
        buf_uv(&b, 1); /* one block */
        static const uint64_t block[] = {2, 99, 1, 0, 4, 0, 1};
        for (size_t i = 0; i < 7; i++)
            buf_uv(&b, block[i]);
        for (unsigned n = 1; n < version && n < 3; n++)
            buf_uv(&b, n);
        struct seqset s = {0};
        seqset_insert(&s, 3);
        seqset_encode(&s, &b);
        seqset_free(&s);
        struct index_tail t = {.last_block = 2};
        index_put_tail(&b, &t);

        struct index_reader r;
        struct index_head h;
        struct index_subject x;
        CU_ASSERT_EQUAL_FATAL(index_get_head(&r, buf_view(&b), &h), INDEX_GOOD);
        CU_ASSERT_EQUAL(index_get_subject(&r, &x), INDEX_GOOD);
        CU_ASSERT(slice_eq_str(x.subject, "z") && x.first_block == 1 && x.last_block == 1);
        CU_ASSERT_EQUAL(index_get_subject(&r, &x), INDEX_GOOD);
        CU_ASSERT_EQUAL(x.subject.len, 0);
        CU_ASSERT_EQUAL(index_get_subject(&r, &x), INDEX_GOOD);
        CU_ASSERT(x.msgs == 2 && x.first_block == 1 && x.last_block == 2);
        uint64_t blocks;
        struct index_block k;
        CU_ASSERT_EQUAL(index_get_block_count(&r, &blocks), INDEX_GOOD);
        CU_ASSERT_EQUAL(blocks, 1);
        CU_ASSERT_EQUAL_FATAL(index_get_block(&r, &k), INDEX_GOOD);
        CU_ASSERT(seqset_has(&k.deleted, 3));
        CU_ASSERT_EQUAL(k.ttls, version >= 2 ? 1 : 0);
        CU_ASSERT_EQUAL(k.schedules, version >= 3 ? 2 : 0);
        seqset_free(&k.deleted);
        CU_ASSERT_EQUAL(index_get_tail(&r, &t), INDEX_GOOD);
        b.ptr[1] = 5;
        CU_ASSERT_EQUAL(index_get_head(&r, buf_view(&b), &h), INDEX_VERSION);
        buf_free(&b);
    }
}

/* covers: ST-114 ST-118 ST-120 */
static void test_side_files(void)
{
    static const char dir[] = GOLDEN "deletes-ttl-consumers/store/jetstream/$G/streams/";
    char path[256];
    size_t len = 0;
    snprintf(path, sizeof path, "%sTTLS/msgs/thw.db", dir);
    char *file = json_read_file(path, &len);
    struct side_reader r;
    CU_ASSERT_EQUAL_FATAL(side_open(&r, slice_make(file, len)), SIDE_GOOD);
    CU_ASSERT_EQUAL(r.stamp, 7);
    struct byte_buf b = {0};
    side_put_head(&b, r.left, r.stamp);
    int64_t when;
    uint64_t seq, sum = 0;
    while (side_get_ttl(&r, &when, &seq) == SIDE_GOOD) {
        side_put_ttl(&b, when, seq);
        sum += seq;
    }
    CU_ASSERT_EQUAL(sum, 4 + 2 + 5);
    CU_ASSERT(slice_eq(buf_view(&b), slice_make(file, len)));
    /* Cut off: the entry is short, or the head is. */
    CU_ASSERT_EQUAL(side_open(&r, slice_make(file, 16)), SIDE_SHORT);
    CU_ASSERT_EQUAL(side_open(&r, slice_make(file, len - 1)), SIDE_GOOD);
    enum side_fault f = SIDE_GOOD;
    while (f == SIDE_GOOD)
        f = side_get_ttl(&r, &when, &seq);
    CU_ASSERT_EQUAL(f, SIDE_SHORT);
    file[0] = 2;
    CU_ASSERT_EQUAL(side_open(&r, slice_make(file, len)), SIDE_VERSION);
    free(file);
    buf_free(&b);

    snprintf(path, sizeof path, "%sSCHED/msgs/sched.db", dir);
    file = json_read_file(path, &len);
    CU_ASSERT_EQUAL_FATAL(side_open(&r, slice_make(file, len)), SIDE_GOOD);
    side_put_head(&b, r.left, r.stamp);
    slice subject;
    while (side_get_schedule(&r, &subject, &when, &seq) == SIDE_GOOD)
        side_put_schedule(&b, subject, when, seq);
    CU_ASSERT(slice_eq(buf_view(&b), slice_make(file, len)));
    free(file);
    buf_free(&b);

    snprintf(path, sizeof path, "%sAGG/sources.db", dir);
    file = json_read_file(path, &len);
    CU_ASSERT_EQUAL_FATAL(side_open(&r, slice_make(file, len)), SIDE_GOOD);
    side_put_head(&b, r.left, r.stamp);
    struct source_entry e;
    while (side_get_source(&r, &e) == SIDE_GOOD) {
        CU_ASSERT(slice_eq_str(e.name, "ORIG o.> >") && e.seq == 4 && slice_eq_str(e.identity, "KMqcgnBW"));
        side_put_source(&b, &e);
    }
    CU_ASSERT(slice_eq(buf_view(&b), slice_make(file, len)));
    free(file);
    buf_free(&b);
}

/* Golden consumer files decode; what is encoded from them decodes to the same and is as long (order is free).
 * covers: ST-126 */
static void test_golden_consumers(void)
{
    glob_t g;
    size_t seen = 0;
    CU_ASSERT_EQUAL_FATAL(
        glob(GOLDEN
             "{deletes-ttl-consumers,crash-base,crash-sigkill}/store/jetstream/*/streams/*/obs/*/o.dat",
             GLOB_BRACE, NULL, &g),
        0);
    for (size_t i = 0; i < g.gl_pathc; i++) {
        size_t len = 0;
        char text[64], *file = json_read_file(g.gl_pathv[i], &len);
        struct consumer_state a = {0}, b = {0};
        CU_ASSERT_EQUAL_FATAL(consumer_state_decode(&a, slice_make(file, len), text, sizeof text), STORE_OK);
        int64_t base = 0;
        if (a.pending.count > 0) { /* the time of writing stands behind the counts */
            struct byte_reader r = byte_reader_of(slice_make(file + 2, len - 2));
            for (int k = 0; k < 5; k++)
                take_uv(&r);
            base = take_sv(&r);
        }
        struct byte_buf out = {0};
        consumer_state_encode(&a, base * 1000000000, &out);
        CU_ASSERT_EQUAL(out.len, len);
        CU_ASSERT_EQUAL(consumer_state_decode(&b, buf_view(&out), text, sizeof text), STORE_OK);
        CU_ASSERT_EQUAL(memcmp(&a.delivered, &b.delivered, 2 * sizeof a.delivered), 0);
        CU_ASSERT_EQUAL(a.pending.count, b.pending.count);
        for (size_t k = 0; k < a.pending.cap; k++) {
            const struct seqmap_entry *x = &a.pending.slots[k], *y = seqmap_get(&b.pending, x->key);
            CU_ASSERT(x->key == 0 || (y != NULL && y->a == x->a && y->b == x->b));
        }
        CU_ASSERT_EQUAL(a.redelivered.count, b.redelivered.count);
        buf_free(&out);
        consumer_state_free(&a);
        consumer_state_free(&b);
        free(file);
        seen++;
    }
    globfree(&g);
    CU_ASSERT_EQUAL(seen, 10);
    size_t len = 0;
    char text[64],
        *file = json_read_file(
            GOLDEN "deletes-ttl-consumers/store/jetstream/$G/streams/WORK/obs/explicit/o.dat", &len);
    struct consumer_state s = {0};
    CU_ASSERT_EQUAL(consumer_state_decode(&s, slice_make(file, len), text, sizeof text), STORE_OK);
    CU_ASSERT(s.floor.consumer == 1 && s.floor.stream == 1 && s.delivered.consumer == 8 &&
              s.delivered.stream == 7);
    CU_ASSERT_EQUAL(s.pending.count, 5);
    CU_ASSERT_EQUAL(seqmap_get(&s.pending, 4)->a, 4);
    CU_ASSERT_EQUAL(seqmap_get(&s.pending, 4)->b, 1795416738 * 1000000000LL);
    CU_ASSERT_EQUAL(seqmap_get(&s.redelivered, 4)->a, 1);
    consumer_state_free(&s);
    free(file);
}

/* Every key file of an encrypted case opens with the key and holds the seed that keys.json states. */
static void open_keys(const char *kase, enum store_cipher cipher, const char *server_key, size_t want)
{
    char path[512];
    snprintf(path, sizeof path, GOLDEN "%s/keys.json", kase);
    struct json *keys = json_load(path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(keys);
    size_t seen = 0;
    for (struct json *k = json_get(keys, "keys")->first; k != NULL; k = k->next) {
        snprintf(path, sizeof path, GOLDEN "%s/%s", kase, json_text(json_get(k, "file")));
        size_t len = 0;
        char *file = json_read_file(path, &len);
        CU_ASSERT_PTR_NOT_NULL_FATAL(file);
        uint8_t kek[32], again[CRYPT_KEY_FILE_MAX];
        crypt_kek(slice_str(server_key), slice_str(json_text(json_get(k, "prf_info"))),
                  slice_str(json_text(json_get(k, "prf_context"))), kek);
        assert_hex(kek, sizeof kek, json_text(json_get(k, "kek")));
        struct crypt_key key;
        CU_ASSERT_FATAL(crypt_key_open(&key, cipher, kek, slice_make(file, len)));
        assert_hex(key.seed, sizeof key.seed, json_text(json_get(k, "seed")));
        CU_ASSERT(crypt_key_seal(&key, kek, again));
        CU_ASSERT_EQUAL(memcmp(again, file, len), 0);
        kek[3] ^= 1;
        CU_ASSERT(!crypt_key_open(&key, cipher, kek, slice_make(file, len)));
        free(file);
        seen++;
    }
    CU_ASSERT_EQUAL(seen, want);
    json_free(keys);
}

/* covers: ST-73 ST-74 ST-75 */
static void test_key_files(void)
{
    open_keys("encrypted-aes", STORE_CIPHER_AES, "golden-jetstream-key-1", 6);
    open_keys("encrypted-chacha", STORE_CIPHER_CHACHA, "golden-jetstream-key-2", 6);
}

/* The cipher of a block gives the same bytes whatever the pieces. */
static void test_block_cipher_positions(void)
{
    for (int c = 0; c < 2; c++) {
        struct crypt_key key = {.cipher = c == 0 ? STORE_CIPHER_CHACHA : STORE_CIPHER_AES};
        memset(key.seed, 7, sizeof key.seed);
        memset(key.nonce, 0xff, sizeof key.nonce); /* the AES counter wraps around */
        uint8_t plain[1000], whole[1000], parts[1000];
        for (size_t i = 0; i < sizeof plain; i++)
            plain[i] = (uint8_t)(i * 31);
        CU_ASSERT(crypt_block(&key, 0, plain, whole, sizeof plain));
        for (size_t step = 1; step < 150; step += 7) {
            memcpy(parts, plain, sizeof plain);
            for (size_t at = 0; at < sizeof plain; at += step) {
                size_t n = sizeof plain - at < step ? sizeof plain - at : step;
                CU_ASSERT(crypt_block(&key, at, parts + at, parts + at, n));
            }
            CU_ASSERT_EQUAL(memcmp(parts, whole, sizeof whole), 0);
        }
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_highway_hash),
    UNIT_TEST(test_keys_and_names),
    UNIT_TEST(test_varints),
    UNIT_TEST(test_golden_blocks),
    UNIT_TEST(test_bad_records),
    UNIT_TEST(test_golden_indexes),
    UNIT_TEST(test_old_indexes),
    UNIT_TEST(test_side_files),
    UNIT_TEST(test_golden_consumers),
    UNIT_TEST(test_key_files),
    UNIT_TEST(test_block_cipher_positions),
};

UNIT_MAIN("store format", tests)
