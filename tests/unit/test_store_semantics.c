/* The file store's blocks as they lie on disk after each operation, and the rules of docs/spec/storage.md
 * that no random run pins down: sizes, rolls, tombstones, erasure, compression, compaction, keys, timers,
 * ages. */
#include "store_fixture.h"
#include "store/format/index_db.h"
#include "store/format/record.h"
#include "store/format/seqset.h"
#include "store/format/side_files.h"
#include "store/format/stream_state.h"
#include "store/keyring.h"
#include "store/mem_store.h"
#include "store/meta_file.h"
#include "store/msg_ttl.h"

#include <sys/stat.h>

#define SECOND 1000000000LL

static char stream_dir[128];

static struct file_store_options options(struct fixture *f)
{
    return fixture_plain(f, stream_dir, sizeof stream_dir);
}

static enum store_rc put_at(struct store *s, const char *subject, const char *hdr, size_t len, int64_t ts)
{
    static char body[STORE_RECORD_MAX];
    uint64_t seq;
    memset(body, 'x', len < 4096 ? len : 4096);
    struct store_append a = {.ts = ts,
                             .ttl_s = msg_ttl(slice_str(hdr)),
                             .subject = slice_str(subject),
                             .hdr = slice_str(hdr),
                             .data = slice_make(body, len)};
    return store_append(s, &a, ts, &seq);
}

static void put(struct store *s, const char *subject, size_t len)
{
    CU_ASSERT_EQUAL(put_at(s, subject, "", len, FIXTURE_NOW), STORE_OK);
}

static void drop(struct store *s, uint64_t seq)
{
    bool removed;
    CU_ASSERT_EQUAL(store_remove(s, seq, STORE_REMOVE, &removed), STORE_OK);
    CU_ASSERT_TRUE(removed);
}

/* Bytes of a file of the store: NULL when it is absent. */
static uint8_t *file_of(const char *name, size_t *len)
{
    char path[256];
    *len = 0;
    snprintf(path, sizeof path, "%s/msgs/%s", stream_dir, name);
    return (uint8_t *)json_read_file(path, len);
}

static bool exists(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", stream_dir, name);
    return access(path, F_OK) == 0;
}

static void shell(const char *fmt)
{
    fixture_shell(fmt, stream_dir, "");
}

struct counts {
    uint64_t messages, skips, tombstones, bytes, last_tombstone;
    int64_t tombstone_ts;
};

static void count_block(unsigned block, struct counts *c)
{
    char name[32];
    size_t len;
    struct hash_key key = hash_key_block(SLICE_LIT("S"), block);
    struct record r;
    snprintf(name, sizeof name, "%u.blk", block);
    uint8_t *bytes = file_of(name, &len);
    c->bytes += len;
    for (size_t at = 0; bytes != NULL && at < len; at += r.size) {
        CU_ASSERT_EQUAL_FATAL(record_decode(bytes + at, len - at, &key, &r), RECORD_GOOD);
        c->messages += r.kind == RECORD_MESSAGE;
        c->skips += r.kind == RECORD_ERASED;
        if (r.kind == RECORD_TOMBSTONE) {
            c->tombstones++;
            c->last_tombstone = r.seq;
            c->tombstone_ts = r.ts;
        }
    }
    free(bytes);
}

static struct counts count_all(struct store *s)
{
    struct counts c = {0};
    CU_ASSERT_EQUAL(store_sync_now(s), STORE_OK);
    for (unsigned b = 1; b < 50; b++)
        count_block(b, &c);
    return c;
}

/* ---- names, modes, sizes ---- */

/* covers: ST-1 ST-42 ST-105 ST-48 */
static void test_new_store(void)
{
    struct fixture f;
    struct stat st;
    fixture_start(&f, NULL);
    mode_t mask = umask(0);
    struct file_store_options o = options(&f);
    struct store *s = fixture_open(&o);
    size_t len = 1;
    uint8_t *block = file_of("1.blk", &len);
    CU_ASSERT_PTR_NOT_NULL(block);
    CU_ASSERT_EQUAL(len, 0);
    free(block);
    fixture_close(s);
    CU_ASSERT_TRUE(exists("msgs/index.db")); /* also of a store that was never used */
    CU_ASSERT_EQUAL(stat(stream_dir, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0700);
    static const char *const files[] = {"meta.inf", "meta.sum", "msgs/1.blk", "msgs/index.db"};
    for (size_t i = 0; i < 4; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", stream_dir, files[i]);
        CU_ASSERT_EQUAL(stat(path, &st), 0);
        CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    }
    umask(mask);
    o.block_size = STORE_BLOCK_MAX + 1;
    CU_ASSERT_EQUAL(file_store_open(&o, &s), STORE_INVALID);
    fixture_stop(&f);
}

/* covers: ST-44 ST-45 ST-46 */
static void test_block_sizes(void)
{
    static const struct {
        struct file_store_sizing z;
        uint64_t size;
    } cases[] = {
        {{.max_bytes = 120000}, 32000},
        {{.max_bytes = 127996}, 32000},
        {{.max_bytes = 128000}, 4u << 20},
        {{.max_bytes = 30 << 20}, 4u << 20},
        {{.max_bytes = 32 << 20}, 8u << 20},
        {{.max_bytes = 1 << 20, .encrypted = true}, 4u << 20},
        {{.max_bytes = INT64_MAX, .encrypted = true}, 8u << 20},
        {{.max_msgs = 10, .max_payload = 100, .longest_literal = 10}, 32000},
        {{.max_msgs = 1000, .max_payload = 1000, .longest_literal = 10}, 4u << 20},
        {{.max_msgs = 100}, 8u << 20}, /* a payload of a megabyte each */
        {{.max_msgs = 399, .max_payload = 30, .longest_literal = 256}, 32000},
        {{.max_msgs = 399, .max_payload = 30}, 32000}, /* wildcards count as 256 */
        {{.max_msgs = INT64_MAX}, 8u << 20},
        {{.max_per_subject = 1, .limits_retention = true}, 4u << 20},
        {{.encrypted = true, .limits_retention = true}, 2u << 20},
        {{.limits_retention = true}, 8u << 20},
        {{0}, 4u << 20},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CU_ASSERT_EQUAL(file_store_block_size(&cases[i].z), cases[i].size);
}

/* covers: ST-43 ST-47 */
static void test_rolls(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    o.block_size = 1000;
    struct store *s = fixture_open(&o);
    for (int i = 0; i < 10; i++)
        put(s, "a", 69); /* records of 100 bytes: ten fill a block to the byte */
    struct counts c = {0};
    count_all(s);
    count_block(1, &c);
    CU_ASSERT_EQUAL(c.messages, 10);
    CU_ASSERT_EQUAL(c.bytes, 1000);
    CU_ASSERT_FALSE(exists("msgs/2.blk"));
    put(s, "a", 69);
    CU_ASSERT_TRUE(exists("msgs/2.blk"));
    put(s, "a", 5000); /* larger than a block: one of its own */
    put(s, "a", 69);
    c = (struct counts){0};
    count_all(s);
    count_block(3, &c);
    CU_ASSERT_EQUAL(c.messages, 1);
    CU_ASSERT_EQUAL(c.bytes, 5031);
    /* What a configuration becomes changes the size of blocks with the next open. */
    struct store_limits l = {.max_bytes = 1 << 30};
    CU_ASSERT_EQUAL(store_update(s, &l, SLICE_EMPTY, FIXTURE_NOW), STORE_OK);
    for (int i = 0; i < 10; i++)
        put(s, "a", 69);
    CU_ASSERT_TRUE(exists("msgs/5.blk"));
    fixture_close(s);
    o.block_size = STORE_BLOCK_MAX;
    s = fixture_open(&o);
    for (int i = 0; i < 30; i++)
        put(s, "a", 69);
    CU_ASSERT_FALSE(exists("msgs/6.blk"));
    fixture_close(s);
    fixture_stop(&f);
}

/* covers: ST-34 */
static void test_largest_record(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    struct store *s = fixture_open(&o);
    CU_ASSERT_EQUAL(put_at(s, "a", "", STORE_RECORD_MAX - 31, 1), STORE_OK);
    CU_ASSERT_EQUAL(put_at(s, "a", "", STORE_RECORD_MAX - 30, 1), STORE_TOO_LARGE);
    CU_ASSERT_STRING_EQUAL(store_rc_text(STORE_TOO_LARGE), "message too large");
    CU_ASSERT_EQUAL(fixture_state(s).last, 1);
    fixture_close(s);
    s = fixture_open(&o);
    struct store_msg m;
    CU_ASSERT_EQUAL(store_load(s, 1, &m), STORE_OK);
    CU_ASSERT_EQUAL(m.data.len, STORE_RECORD_MAX - 31);
    fixture_close(s);
    fixture_stop(&f);
}

/* ---- records that others have written ---- */

static void add_record(struct byte_buf *b, unsigned block, uint64_t seq, const char *body)
{
    struct hash_key key = hash_key_block(SLICE_LIT("S"), block);
    uint8_t *p = buf_room(b, 200);
    b->len +=
        record_encode_message(p, &key, seq, (int64_t)seq + 1, SLICE_LIT("a"), SLICE_EMPTY, slice_str(body));
}

static void write_msgs(const char *name, const struct byte_buf *b)
{
    char path[256];
    snprintf(path, sizeof path, "%s/msgs/%s", stream_dir, name);
    FILE *out = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    CU_ASSERT_EQUAL(fwrite(b->ptr, 1, b->len, out), b->len);
    fclose(out);
}

/* covers: ST-40 ST-41 ST-169 */
static void test_odd_records(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    fixture_close(fixture_open(&o));
    shell("rm '%s/msgs/index.db'%s");
    struct byte_buf b = {0};
    struct hash_key key = hash_key_block(SLICE_LIT("S"), 1);
    add_record(&b, 1, 1, "one");
    add_record(&b, 1, 0, "erased long ago");
    add_record(&b, 1, 3, "three");
    add_record(&b, 1, 2, "late");
    add_record(&b, 1, 3, "again");
    add_record(&b, 1, 4, "four");
    uint8_t *p = buf_room(&b, RECORD_MIN);
    b.len +=
        record_encode_mark(p, &key, RECORD_TOMBSTONE, 9999, 5); /* of a sequence whose record is nowhere */
    write_msgs("1.blk", &b);
    struct store *s = fixture_open(&o);
    struct store_state st = fixture_state(s);
    struct store_msg m;
    CU_ASSERT_EQUAL(st.msgs, 3);
    CU_ASSERT_EQUAL(st.first, 1);
    CU_ASSERT_EQUAL(st.last, 9999); /* the Go server says 4: here a sequence is never used again */
    CU_ASSERT_EQUAL(store_load(s, 2, &m), STORE_NOT_FOUND);
    CU_ASSERT_EQUAL(store_load(s, 3, &m), STORE_OK);
    CU_ASSERT(slice_eq_str(m.data, "three"));
    CU_ASSERT_EQUAL(f.lost_calls, 0);
    fixture_close(s);
    buf_free(&b);
    fixture_stop(&f);
}

/* ---- tombstones ---- */

/* covers: ST-52 ST-55 ST-56 ST-49 ST-193 */
static void test_tombstones(void)
{
    struct fixture f;
    uint64_t purged;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    o.limits.max_per_subject = 2;
    struct store *s = fixture_open(&o);
    for (int i = 0; i < 6; i++)
        put(s, i % 2 == 0 ? "a" : "b", 10); /* limits take 1 and 2 */
    CU_ASSERT_EQUAL(fixture_state(s).first, 3);
    CU_ASSERT_EQUAL(count_all(s).tombstones, 0);
    drop(s, 4);
    CU_ASSERT_EQUAL(count_all(s).tombstones, 1);
    CU_ASSERT_EQUAL(count_all(s).last_tombstone, 4);
    CU_ASSERT_EQUAL(count_all(s).tombstone_ts, FIXTURE_NOW);
    bool removed;
    CU_ASSERT_EQUAL(store_remove(s, 5, STORE_REMOVE_LIMIT, &removed), STORE_OK);
    CU_ASSERT_EQUAL(count_all(s).tombstones, 1);
    for (int i = 0; i < 2; i++)
        put(s, "c", 10);
    CU_ASSERT_EQUAL(store_purge(s, SLICE_LIT("c"), 0, 0, &purged), STORE_OK); /* one for each */
    CU_ASSERT_EQUAL(count_all(s).tombstones, 3);
    CU_ASSERT_EQUAL(store_purge(s, SLICE_EMPTY, 0, 0, &purged), STORE_OK);
    CU_ASSERT_EQUAL(purged, 2);
    struct counts c = count_all(s);
    CU_ASSERT_EQUAL(c.tombstones, 1); /* of everything: one, for the last */
    CU_ASSERT_EQUAL(c.last_tombstone, 8);
    CU_ASSERT_EQUAL(c.messages, 0);
    CU_ASSERT_EQUAL(fixture_state(s).first, 9);
    /* Up to a sequence beyond the last: that is where it goes on. */
    CU_ASSERT_EQUAL(store_purge(s, SLICE_EMPTY, 100, 0, &purged), STORE_OK);
    CU_ASSERT_EQUAL(fixture_state(s).first, 100);
    CU_ASSERT_EQUAL(fixture_state(s).last, 99);
    put(s, "a", 1);
    CU_ASSERT_EQUAL(fixture_state(s).last, 100);
    fixture_close(s);
    fixture_stop(&f);
}

/* A block without messages stays as long as its tombstones say something about older blocks. */
static void test_needed_tombstones_stay(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    o.block_size = 300;
    struct store *s = fixture_open(&o);
    for (int i = 0; i < 3; i++)
        put(s, "a", 69); /* 1-3: a block */
    put(s, "a", 69);     /* 4 */
    drop(s, 2);          /* its tombstone lies with 4 */
    for (int i = 0; i < 3; i++)
        put(s, "a", 69); /* 5, 6 and the next block */
    bool removed;
    for (uint64_t seq = 4; seq <= 5; seq++)
        CU_ASSERT_EQUAL(store_remove(s, seq, STORE_REMOVE_LIMIT, &removed), STORE_OK);
    CU_ASSERT_EQUAL(store_sync_now(s), STORE_OK);
    CU_ASSERT_TRUE(exists("msgs/2.blk"));
    /* With them gone nothing needs it: seen when the store looks after its blocks. */
    for (uint64_t seq = 1; seq <= 3; seq += 2)
        CU_ASSERT_EQUAL(store_remove(s, seq, STORE_REMOVE_LIMIT, &removed), STORE_OK);
    for (int i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(store_maintain(s, FIXTURE_NOW + i), STORE_OK);
    CU_ASSERT_EQUAL(store_sync_now(s), STORE_OK);
    CU_ASSERT_FALSE(exists("msgs/1.blk"));
    CU_ASSERT_FALSE(exists("msgs/2.blk"));
    fixture_close(s);
    fixture_stop(&f);
}

/* covers: ST-58 ST-59 */
static void test_erase(void)
{
    for (int encrypted = 0; encrypted < 2; encrypted++) {
        struct fixture f;
        bool removed;
        size_t before, after;
        fixture_start(&f, NULL);
        struct file_store_options o = options(&f);
        if (encrypted)
            o.keys = (struct store_keys){.key = SLICE_LIT("k"), .info = SLICE_LIT("$G")};
        struct store *s = fixture_open(&o);
        put(s, "a", 100);
        CU_ASSERT_EQUAL(store_sync_now(s), STORE_OK);
        uint8_t *was = file_of("1.blk", &before);
        CU_ASSERT_EQUAL(store_remove(s, 1, STORE_REMOVE_ERASE, &removed), STORE_OK);
        CU_ASSERT_TRUE(removed);
        CU_ASSERT_EQUAL(fixture_state(s).msgs, 0);
        CU_ASSERT_EQUAL(fixture_state(s).first, 2);
        CU_ASSERT_EQUAL(store_sync_now(s), STORE_OK);
        uint8_t *is = file_of("1.blk", &after);
        /* Plain: what was written is gone from the disk. Encrypted: it may stay, nobody can read it. */
        if (!encrypted)
            CU_ASSERT(is == NULL || memmem(is, after, was + 23, 90) == NULL);
        put(s, "a", 5);
        CU_ASSERT_EQUAL(fixture_state(s).last, 2);
        fixture_close(s);
        s = fixture_open(&o);
        CU_ASSERT_EQUAL(fixture_state(s).msgs, 1);
        CU_ASSERT_EQUAL(fixture_state(s).first, 2);
        fixture_close(s);
        free(was);
        free(is);
        fixture_stop(&f);
    }
}

/* ---- compression and compaction ---- */

static void fill_blocks(struct store *s, int messages)
{
    for (int i = 0; i < messages; i++)
        put(s, "a", 69);
}

static void tend(struct store *s)
{
    for (int i = 0; i < 60; i++)
        CU_ASSERT_EQUAL(store_maintain(s, FIXTURE_NOW + i * SECOND), STORE_OK);
}

static bool is_compressed(const char *name)
{
    size_t len;
    uint8_t *bytes = file_of(name, &len);
    bool yes = bytes != NULL && len > 5 && memcmp(bytes, "cmp\1", 4) == 0;
    free(bytes);
    return yes;
}

/* covers: ST-61 ST-62 ST-70 ST-71 ST-72 ST-175 */
static void test_compression(void)
{
    struct fixture f;
    struct store_msg m;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    o.block_size = 1000;
    o.compress = true;
    struct store *s = fixture_open(&o);
    fill_blocks(s, 25);
    struct counts c = {0};
    CU_ASSERT_EQUAL(store_sync_now(s), STORE_OK);
    size_t plain_len, len;
    uint8_t *plain = file_of("1.blk", &plain_len);
    count_block(1, &c);
    tend(s);
    CU_ASSERT_TRUE(is_compressed("1.blk") && is_compressed("2.blk"));
    CU_ASSERT_FALSE(is_compressed("3.blk")); /* the last never */
    uint8_t *packed = file_of("1.blk", &len);
    CU_ASSERT(len < plain_len);
    CU_ASSERT(packed[4] == (1000 % 128 | 128) && packed[5] == 1000 / 128); /* its plain length */
    CU_ASSERT_EQUAL(memcmp(packed + len - 8, plain + plain_len - 8, 8), 0);
    free(packed);
    free(plain);
    fixture_close(s);

    /* Compacted after a restart it is still readable. */
    s = fixture_open(&o);
    for (uint64_t seq = 2; seq <= 9; seq++)
        drop(s, seq);
    tend(s);
    CU_ASSERT_EQUAL(store_load(s, 1, &m), STORE_OK);
    CU_ASSERT_EQUAL(store_load(s, 5, &m), STORE_NOT_FOUND);
    CU_ASSERT_EQUAL(store_load(s, 10, &m), STORE_OK);
    fixture_close(s);

    /* Damage in its middle: with index.db only reads notice; without it nothing but that block is lost, and
     * the directory stays. */
    shell("printf 'rubbish-rubbish' | dd of='%s/msgs/2.blk' bs=1 seek=20 conv=notrunc status=none%s");
    uint64_t msgs = 0;
    for (int without = 0; without < 2; without++) {
        if (without)
            shell("rm '%s/msgs/index.db'%s");
        s = fixture_open(&o);
        msgs = without ? msgs : fixture_state(s).msgs;
        CU_ASSERT_EQUAL(fixture_state(s).last, 25);
        CU_ASSERT_EQUAL(store_load(s, 1, &m), STORE_OK);
        CU_ASSERT_EQUAL(store_load(s, 15, &m), STORE_NOT_FOUND);
        CU_ASSERT_EQUAL(store_load(s, 25, &m), STORE_OK);
        CU_ASSERT(f.lost_calls > 0);
        if (without)
            CU_ASSERT_EQUAL(fixture_state(s).msgs, msgs - 10);
        fixture_close(s);
        CU_ASSERT_TRUE(exists("meta.inf"));
    }
    fixture_stop(&f);
}

/* covers: ST-155 ST-156 ST-157 ST-158 ST-160 */
static void test_compaction(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    o.block_size = 1000;
    struct store *s = fixture_open(&o);
    fill_blocks(s, 25); /* 1-10, 11-20, 21-25 */
    CU_ASSERT_EQUAL(store_sync_now(s), STORE_OK);
    size_t len, after;
    uint8_t *was = file_of("1.blk", &len);
    for (uint64_t seq = 2; seq <= 4; seq++)
        drop(s, seq);
    tend(s);
    struct counts c = {0};
    count_block(1, &c);
    CU_ASSERT_EQUAL(c.messages, 10); /* less than half is dead: not yet */
    for (uint64_t seq = 5; seq <= 10; seq++)
        drop(s, seq);
    c = (struct counts){0};
    CU_ASSERT_EQUAL(store_sync_now(s), STORE_OK);
    count_block(1, &c);
    CU_ASSERT_EQUAL(c.bytes, 1000); /* not inline: it is small */
    for (uint64_t seq = 21; seq <= 24; seq++)
        drop(s, seq);
    tend(s);
    uint8_t *is = file_of("1.blk", &after);
    CU_ASSERT_EQUAL(after, 100);
    CU_ASSERT_EQUAL(memcmp(was, is, 100), 0); /* what is kept is kept to the byte */
    c = (struct counts){0};
    CU_ASSERT_EQUAL(store_sync_now(s), STORE_OK);
    count_block(3, &c);
    CU_ASSERT_EQUAL(c.messages, 5);    /* the last block stays as it is */
    CU_ASSERT_EQUAL(c.tombstones, 13); /* with the tombstones that the others need */
    free(was);
    free(is);
    struct store_state before = fixture_state(s), again;
    fixture_close(s);
    /* Killed before the rename: the old block counts, the new one beside it does not. */
    shell("printf junk > '%s/msgs/1.new'%s");
    shell("rm '%s/msgs/index.db'%s");
    s = fixture_open(&o);
    again = fixture_state(s);
    CU_ASSERT_EQUAL(again.msgs, before.msgs);
    CU_ASSERT_EQUAL(again.last, before.last);
    CU_ASSERT_EQUAL(f.lost_calls, 0);
    fixture_close(s);
    fixture_stop(&f);
}

/* ---- keys ---- */

/* covers: ST-82 ST-98 */
static void test_encrypted_files(void)
{
    for (int i = 0; i < 2; i++) {
        struct fixture f;
        size_t len;
        fixture_start(&f, NULL);
        struct file_store_options o = options(&f);
        o.keys = (struct store_keys){.key = SLICE_LIT("k"),
                                     .cipher = i == 0 ? STORE_CIPHER_AES : STORE_CIPHER_CHACHA,
                                     .info = SLICE_LIT("$G")};
        o.limits.allow_ttl = true;
        o.block_size = 1000;
        o.compress = true;
        struct store *s = fixture_open(&o);
        fill_blocks(s, 15);
        CU_ASSERT_EQUAL(put_at(s, "a", "NATS/1.0\r\nNats-TTL: 1h\r\n\r\n", 3, FIXTURE_NOW), STORE_OK);
        tend(s);
        fixture_close(s);
        uint8_t *ttls = file_of("thw.db", &len);
        struct side_reader r;
        int64_t expires;
        uint64_t seq;
        CU_ASSERT_EQUAL(side_open(&r, slice_make(ttls, len)), SIDE_GOOD);
        CU_ASSERT_EQUAL(side_get_ttl(&r, &expires, &seq), SIDE_GOOD);
        CU_ASSERT_EQUAL(expires, FIXTURE_NOW + 3600 * SECOND);
        CU_ASSERT_EQUAL(seq, 16);
        free(ttls);
        /* index.db compares the last block's plain bytes: it fits, and nobody complains. */
        s = fixture_open(&o);
        CU_ASSERT_STRING_EQUAL(f.log, "");
        CU_ASSERT_EQUAL(fixture_state(s).msgs, 16);
        fixture_close(s);
        fixture_stop(&f);
    }
}

/* covers: ST-20 ST-21 ST-87 ST-88 ST-89 */
static void test_metadata_faults(void)
{
    static const struct {
        const char *damage;
        enum meta_fault fault;
        bool checked; /* the checksum is looked at */
    } cases[] = {
        {"true '%s'%s", META_GOOD, true},
        {"printf '\\n' >> '%s/meta.sum'%s", META_SUM_DIFFERS, true},
        {"printf 0123456789abcdef > '%s/meta.sum'%s", META_SUM_DIFFERS, true},
        {"printf 0123456789abcdef > '%s/meta.sum'%s", META_GOOD, false}, /* a consumer's may say anything */
        {"rm '%s/meta.sum'%s", META_SUM_MISSING, true},
        {"rm '%s/meta.sum'%s", META_SUM_MISSING, false}, /* but it must be there */
        {"rm '%s/meta.inf'%s", META_MISSING, true},
        {"printf 'sixty-three bytes or less' > '%s/meta.key'%s", META_KEY_LENGTH, true},
        {"head -c 72 /dev/zero > '%s/meta.key'%s", META_WRONG_KEY, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        struct meta_file m;
        struct hash_key sum = hash_key_of(SLICE_LIT("S"));
        fixture_start(&f, NULL);
        struct file_store_options o = options(&f);
        o.keys = (struct store_keys){.key = SLICE_LIT("k"), .info = SLICE_LIT("$G")};
        fixture_close(fixture_open(&o));
        shell(cases[i].damage);
        CU_ASSERT_EQUAL(meta_read(f.disk, stream_dir, &sum, cases[i].checked, &o.keys, o.name, &m),
                        cases[i].fault);
        if (cases[i].fault == META_KEY_LENGTH)
            CU_ASSERT_EQUAL(m.key_len, 25);
        meta_free(&m);
        fixture_stop(&f);
    }
}

/* A wrong key or none changes nothing; the right one opens it again. */
static void test_wrong_key_changes_nothing(void)
{
    struct fixture f;
    struct store *s;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    o.keys = (struct store_keys){.key = SLICE_LIT("k"), .info = SLICE_LIT("$G")};
    s = fixture_open(&o);
    put(s, "a", 10);
    fixture_close(s);
    shell("cd '%s' && find . -type f | sort | xargs sha256sum > ../before%s");
    o.keys.key = SLICE_LIT("other");
    CU_ASSERT_EQUAL(file_store_open(&o, &s), STORE_WRONG_KEY);
    o.keys.key = SLICE_EMPTY;
    CU_ASSERT_EQUAL(file_store_open(&o, &s), STORE_NO_KEY);
    shell("cd '%s' && find . -type f | sort | xargs sha256sum | cmp - ../before%s");
    o.keys.key = SLICE_LIT("k");
    s = fixture_open(&o);
    CU_ASSERT_EQUAL(fixture_state(s).msgs, 1);
    fixture_close(s);
    fixture_stop(&f);
}

/* covers: ST-90 ST-91 */
static void test_block_keys(void)
{
    static const char *const damages[] = {"rm '%s/msgs/1.key'%s", "printf short > '%s/msgs/1.key'%s",
                                          "head -c 72 /dev/zero > '%s/msgs/1.key'%s"};
    for (size_t i = 0; i < 6; i++) {
        struct fixture f;
        struct store_msg m;
        fixture_start(&f, NULL);
        struct file_store_options o = options(&f);
        o.keys = (struct store_keys){.key = SLICE_LIT("k"), .info = SLICE_LIT("$G")};
        o.block_size = 1000;
        struct store *s = fixture_open(&o);
        fill_blocks(s, 15);
        fixture_close(s);
        shell(damages[i % 3]);
        if (i >= 3)
            shell("rm '%s/msgs/index.db'%s");
        s = fixture_open(&o); /* that block's messages are lost, and reported; the rest is there */
        CU_ASSERT_EQUAL(store_load(s, 5, &m), STORE_NOT_FOUND);
        CU_ASSERT_EQUAL(store_load(s, 11, &m), STORE_OK);
        CU_ASSERT_EQUAL(fixture_state(s).last, 15);
        CU_ASSERT(f.lost_calls > 0);
        CU_ASSERT_TRUE(exists(i < 3 ? "msgs/1.blk" : "msgs/1.blk.damaged"));
        fixture_close(s);
        fixture_stop(&f);
    }
}

/* D6. One byte of 1.blk differs and there is no index.db: in an encrypted block its record is lost, a
 * compressed one is set aside whole and untouched, and the next block is there. */
static void test_damage_in_coded_blocks(void)
{
    for (int i = 1; i < 4; i++) {
        struct fixture f;
        struct store_msg m;
        size_t len, kept;
        fixture_start(&f, NULL);
        struct file_store_options o = options(&f);
        if (i & 1)
            o.keys = (struct store_keys){.key = SLICE_LIT("k"), .info = SLICE_LIT("$G")};
        o.compress = i & 2;
        o.block_size = 1000;
        struct store *s = fixture_open(&o);
        fill_blocks(s, 15); /* 1-10, 11-15; 100 bytes each */
        tend(s);
        fixture_close(s);
        uint8_t *block = file_of("1.blk", &len);
        size_t at = o.compress ? len / 2 : 450;
        CU_ASSERT_FATAL(len > at && (o.compress ? len < 1000 : len == 1000));
        block[at] ^= 0x55;
        write_msgs("1.blk", &(struct byte_buf){.ptr = block, .len = len});
        shell("rm '%s/msgs/index.db'%s");
        s = fixture_open(&o);
        for (uint64_t seq = 1; seq <= 15; seq++) {
            bool lost = o.compress ? seq <= 10 : seq == 5;
            CU_ASSERT_EQUAL(store_load(s, seq, &m), lost ? STORE_NOT_FOUND : STORE_OK);
        }
        CU_ASSERT_EQUAL(fixture_state(s).last, 15);
        CU_ASSERT(f.lost_calls > 0);
        if (o.compress) {
            uint8_t *aside = file_of("1.blk.damaged", &kept);
            CU_ASSERT(slice_eq(slice_make(aside, kept), slice_make(block, len)));
            free(aside);
        }
        fixture_close(s);
        free(block);
        fixture_stop(&f);
    }
}

/* ---- timers and ages ---- */

/* covers: ST-103 ST-151 */
static void test_index_by_timer(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    struct store *s = fixture_open(&o);
    put(s, "a", 10);
    CU_ASSERT_EQUAL(store_maintain(s, FIXTURE_NOW), STORE_OK);
    int64_t t = 1;
    for (; t <= 151 && !exists("msgs/index.db"); t++)
        CU_ASSERT_EQUAL(store_maintain(s, FIXTURE_NOW + t * SECOND), STORE_OK);
    CU_ASSERT(t > 119 && t <= 151);
    shell("rm '%s/msgs/index.db'%s");
    for (int64_t end = t + 151; t < end; t++) /* nothing has changed: it is not written again */
        CU_ASSERT_EQUAL(store_maintain(s, FIXTURE_NOW + t * SECOND), STORE_OK);
    CU_ASSERT_FALSE(exists("msgs/index.db"));
    uint64_t purged;
    put(s, "a", 10);
    fixture_close(s);
    CU_ASSERT_TRUE(exists("msgs/index.db"));
    s = fixture_open(&o);
    CU_ASSERT_EQUAL(store_purge(s, SLICE_EMPTY, 0, 0, &purged), STORE_OK);
    fixture_close(s);
    fixture_stop(&f);
}

/* covers: ST-151 */
static void test_sync_by_timer(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    o.sync = STORE_SYNC_INTERVAL;
    o.sync_interval_ns = 100 * SECOND;
    struct store *s = fixture_open(&o);
    struct store_progress p;
    CU_ASSERT_EQUAL(store_maintain(s, FIXTURE_NOW), STORE_OK);
    put(s, "a", 10);
    CU_ASSERT_EQUAL(store_commit(s), STORE_OK);
    int64_t t = 0;
    for (; t < 101; t++) {
        CU_ASSERT_EQUAL(store_maintain(s, FIXTURE_NOW + t * SECOND), STORE_OK);
        struct stat st;
        char path[256];
        snprintf(path, sizeof path, "%s/msgs/1.blk", stream_dir);
        CU_ASSERT(stat(path, &st) == 0 && st.st_size >= 41); /* written at once, whenever it is synced */
    }
    store_progress(s, &p);
    CU_ASSERT_EQUAL(p.durable, p.written);
    fixture_close(s);
    fixture_stop(&f);
}

/* covers: ST-113 */
static void test_ttl_texts(void)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {
        {"never", -1},
        {"NEVER", -1},
        {"1s", 1},
        {"1.9s", 1},
        {"1h", 3600},
        {"876000h", 876000LL * 3600},
        {"90", 90},
        {"0", MSG_TTL_INVALID}, /* a duration, as the Go server reads it */
        {"+0", MSG_TTL_INVALID},
        {"00", 0}, /* and this is a number */
        {"", 0},
        {"+1s", 1},
        {"1.s", 1},
        {".5s", MSG_TTL_INVALID},
        {"+5", MSG_TTL_INVALID},
        {"5 ", MSG_TTL_INVALID},
        {"99999999999", 99999999999},
        {"9223372036854775807", INT64_MAX},
        {"9223372036854775808", MSG_TTL_INVALID},
        {"2562047h47m16.854775807s", 9223372036},
        {"2562047h47m16.854775808s", MSG_TTL_INVALID},
        {"999ms", MSG_TTL_INVALID},
        {"0s", MSG_TTL_INVALID},
        {"-5", MSG_TTL_INVALID},
        {"-5s", MSG_TTL_INVALID},
        {"1.5", MSG_TTL_INVALID},
        {"soon", MSG_TTL_INVALID},
        {"1d", MSG_TTL_INVALID},
        {"99999999999999999999", MSG_TTL_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CU_ASSERT_EQUAL(msg_ttl_parse(slice_str(cases[i].text)), cases[i].seconds);
}

/* covers: ST-116 ST-117 ST-124 */
static void test_ttls(void)
{
    struct fixture f;
    int64_t due;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    struct store *s = fixture_open(&o);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(put_at(s, "a", "NATS/1.0\r\nNats-TTL: 5s\r\n\r\n", 3, FIXTURE_NOW + i), STORE_OK);
    CU_ASSERT_EQUAL(store_expire(s, FIXTURE_NOW + 60 * SECOND, 100, &due), STORE_OK);
    CU_ASSERT_EQUAL(fixture_state(s).msgs, 3); /* not honoured */
    struct store_limits l = {.allow_ttl = true};
    CU_ASSERT_EQUAL(store_update(s, &l, SLICE_EMPTY, FIXTURE_NOW), STORE_OK); /* now they are */
    CU_ASSERT_EQUAL(store_expire(s, FIXTURE_NOW + 5 * SECOND, 100, &due), STORE_OK);
    CU_ASSERT_EQUAL(fixture_state(s).msgs, 2);
    CU_ASSERT_EQUAL(count_all(s).tombstones, 1);
    o.limits = l;
    o.now = FIXTURE_NOW + 60 * SECOND;
    fixture_close(s);
    s = fixture_open(&o); /* passed while it was down: seen until the first look */
    CU_ASSERT_EQUAL(fixture_state(s).msgs, 2);
    CU_ASSERT_EQUAL(store_expire(s, o.now, 100, &due), STORE_OK);
    CU_ASSERT_EQUAL(fixture_state(s).msgs, 0);
    CU_ASSERT_EQUAL(put_at(s, "a", "NATS/1.0\r\nNats-TTL: 1h\r\n\r\n", 3, o.now), STORE_OK);
    CU_ASSERT_EQUAL(put_at(s, "a", "NATS/1.0\r\nNats-TTL: never\r\n\r\n", 3, o.now), STORE_OK);
    l.max_age_ns = 10 * SECOND;
    CU_ASSERT_EQUAL(store_update(s, &l, SLICE_EMPTY, o.now), STORE_OK);
    CU_ASSERT_EQUAL(store_expire(s, o.now + 11 * SECOND, 100, &due), STORE_OK);
    CU_ASSERT_EQUAL(fixture_state(s).msgs, 1); /* age wins over a TTL, not over "never" */
    fixture_close(s);
    o.limits = l;
    o.now += 20 * SECOND;
    s = fixture_open(&o);
    CU_ASSERT_EQUAL(fixture_state(s).msgs, 1); /* nor at a start */
    fixture_close(s);
    fixture_stop(&f);
}

static void on_expired(void *ctx, const struct store_msg *m, enum store_expire_why why, bool last)
{
    (void)m;
    (void)why;
    (void)last;
    ++*(int *)ctx;
}

/* covers: ST-123 ST-172 ST-125 */
static void test_age_at_start(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    o.block_size = 300;
    struct store *s = fixture_open(&o);
    for (int i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(put_at(s, "a", "", 69, FIXTURE_NOW + i * SECOND), STORE_OK);
    fixture_close(s);
    o.limits.max_age_ns = 4 * SECOND;
    o.limits.marker_ttl_ns = SECOND;
    o.now = FIXTURE_NOW + 100 * SECOND;
    int told = 0;
    o.hooks = (struct store_hooks){.ctx = &told, .expired = on_expired};
    s = fixture_open(&o); /* with markers nothing goes at the start: the owner is asked */
    CU_ASSERT_EQUAL(fixture_state(s).msgs, 10);
    int64_t due;
    CU_ASSERT_EQUAL(store_expire(s, o.now, 100, &due), STORE_OK);
    CU_ASSERT_EQUAL(told, 10);
    fixture_close(s);
    o.limits.marker_ttl_ns = 0;
    o.hooks = (struct store_hooks){0};
    o.now = FIXTURE_NOW + 9 * SECOND;
    s = fixture_open(&o);
    CU_ASSERT_EQUAL(fixture_state(s).first, 7); /* 1 to 6 were 4 s old or more */
    CU_ASSERT_FALSE(exists("msgs/1.blk"));
    CU_ASSERT_EQUAL(store_expire(s, o.now, 100, &due), STORE_OK);
    CU_ASSERT_EQUAL(due, FIXTURE_NOW + 10 * SECOND); /* the next one's turn */
    fixture_close(s);
    o.now = FIXTURE_NOW + 100 * SECOND;
    s = fixture_open(&o);
    CU_ASSERT_EQUAL(fixture_state(s).msgs, 0);
    CU_ASSERT_EQUAL(fixture_state(s).first, 11);
    CU_ASSERT_EQUAL(fixture_state(s).last_ts, FIXTURE_NOW + 9 * SECOND);
    struct counts c = count_all(s);
    CU_ASSERT_EQUAL(c.last_tombstone, 10);
    CU_ASSERT_EQUAL(c.messages, 0);
    fixture_close(s);
    shell("rm '%s/msgs/index.db'%s");
    s = fixture_open(&o);
    CU_ASSERT_EQUAL(fixture_state(s).last, 10); /* also without index.db */
    fixture_close(s);
    fixture_stop(&f);
}

/* ---- rules ---- */

/* covers: ST-189 */
static void test_many_skips(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    struct store *s = fixture_open(&o);
    put(s, "a", 1);
    CU_ASSERT_EQUAL(store_skip(s, 0, 60000, FIXTURE_NOW), STORE_OK);
    CU_ASSERT_FALSE(exists("msgs/2.blk"));
    CU_ASSERT_EQUAL(store_skip(s, 0, 60000, FIXTURE_NOW), STORE_OK); /* 65,536 deletes are enough for one */
    CU_ASSERT_TRUE(exists("msgs/2.blk"));
    CU_ASSERT_EQUAL(store_skip(s, 0, 1ULL << 40, FIXTURE_NOW), STORE_OK);
    put(s, "a", 1);
    for (int i = 0; i < 2; i++) {
        struct store_state st = fixture_state(s);
        CU_ASSERT_EQUAL(st.msgs, 2);
        CU_ASSERT_EQUAL(st.last, (1ULL << 40) + 120002);
        CU_ASSERT_EQUAL(st.num_deleted, (1ULL << 40) + 120000);
        CU_ASSERT_EQUAL(count_all(s).skips, 3);
        fixture_close(s);
        shell("rm '%s/msgs/index.db'%s");
        s = fixture_open(&o);
    }
    fixture_close(s);
    fixture_stop(&f);
}

/* covers: ST-196 */
static void test_truncate_then_restart(void)
{
    for (int i = 0; i < 4; i++) {
        struct fixture f;
        fixture_start(&f, NULL);
        struct file_store_options o = options(&f);
        o.block_size = 1000;
        o.compress = i % 2 == 1;
        if (i >= 2)
            o.keys = (struct store_keys){.key = SLICE_LIT("k"), .info = SLICE_LIT("$G")};
        struct store *s = fixture_open(&o);
        fill_blocks(s, 35);
        drop(s, 3);
        drop(s, 14);
        tend(s);
        CU_ASSERT_EQUAL(store_truncate(s, 40, FIXTURE_NOW), STORE_INVALID);
        CU_ASSERT_EQUAL(store_truncate(s, 14, FIXTURE_NOW), STORE_OK); /* a deleted one */
        struct store_state st = fixture_state(s), again;
        CU_ASSERT_EQUAL(st.last, 14);
        CU_ASSERT_EQUAL(st.msgs, 12);
        fixture_close(s);
        shell("rm '%s/msgs/index.db'%s");
        s = fixture_open(&o);
        again = fixture_state(s);
        CU_ASSERT_EQUAL(again.msgs, st.msgs);
        CU_ASSERT_EQUAL(again.last, st.last);
        CU_ASSERT_EQUAL(again.bytes, st.bytes);
        put(s, "a", 1);
        CU_ASSERT_EQUAL(fixture_state(s).last, 15);
        fixture_close(s);
        fixture_stop(&f);
    }
}

/* covers: ST-198 */
static void test_destroyed(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    struct store *s = fixture_open(&o);
    for (int i = 0; i < 5; i++)
        put(s, "a", 10);
    CU_ASSERT_EQUAL(f.msgs, 5);
    CU_ASSERT_EQUAL(store_destroy(s), STORE_OK);
    CU_ASSERT_EQUAL(f.msgs, 0);
    CU_ASSERT_EQUAL(f.bytes, 0);
    CU_ASSERT_FALSE(exists("."));
    char hidden[256];
    snprintf(hidden, sizeof hidden, "%s/.S", f.dir);
    CU_ASSERT_NOT_EQUAL(access(hidden, F_OK), 0);
    fixture_stop(&f);
}

/* covers: ST-245 */
static void test_texts(void)
{
    static const struct {
        enum store_rc rc;
        const char *text;
    } texts[] = {
        {STORE_CLOSED, "store is closed"},
        {STORE_NOT_FOUND, "no message found"},
        {STORE_EOF, "stream store EOF"},
        {STORE_MAX_MSGS, "maximum messages exceeded"},
        {STORE_MAX_BYTES, "maximum bytes exceeded"},
        {STORE_MAX_PER_SUBJECT, "maximum messages per subject exceeded"},
        {STORE_TOO_LARGE, "message too large"},
        {STORE_BAD_SEQUENCE, "expected sequence does not match store"},
        {STORE_TOO_MANY, "too many matching results for request"},
        {STORE_ACK_NONE, "ack policy is none"},
        {STORE_OLD_UPDATE, "old update ignored"},
        {STORE_BAD_STATE, "stream state snapshot is corrupt"},
        {STORE_NO_KEY, "encryption not enabled"},
        {STORE_WRONG_KEY, "unable to recover keys"},
        {STORE_NOT_SUPPORTED, "partial purges not supported on memory store"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        CU_ASSERT_STRING_EQUAL(store_rc_text(texts[i].rc), texts[i].text);
}

/* covers: ST-110 ST-111 ST-112 */
static void test_sets(void)
{
    static bool model[20000];
    struct seqset s = {0}, back = {0};
    uint64_t seed = 7, count = 0;
    for (int i = 0; i < 40000; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        uint64_t seq = (seed >> 33) % 19999 + 1;
        if (seed >> 63) {
            count += !model[seq];
            model[seq] = true;
            CU_ASSERT_TRUE(seqset_insert(&s, seq));
        } else {
            count -= model[seq];
            CU_ASSERT_EQUAL(seqset_remove(&s, seq), model[seq]);
            model[seq] = false;
        }
    }
    CU_ASSERT_EQUAL(s.count, count);
    uint64_t min = 1, max = 19999, first, last;
    while (!model[min])
        min++;
    while (!model[max])
        max--;
    CU_ASSERT_EQUAL(seqset_min(&s), min);
    CU_ASSERT_EQUAL(seqset_max(&s), max);
    for (uint64_t seq = 1; seq < 20000; seq++)
        CU_ASSERT_EQUAL(seqset_has(&s, seq), model[seq]);
    uint64_t seen = 0;
    for (uint64_t from = 1; seqset_next_run(&s, from, &first, &last); from = last + 1)
        seen += last - first + 1;
    CU_ASSERT_EQUAL(seen, count);
    struct byte_buf b = {0};
    seqset_encode(&s, &b);
    struct byte_reader r = byte_reader_of(buf_view(&b));
    CU_ASSERT_TRUE(seqset_decode(&back, &r));
    CU_ASSERT_EQUAL(back.count, count);
    seqset_free(&back);
    for (int i = 0; i < 3; i++) { /* magic, version, more nodes than there are bytes for */
        b.ptr[i] ^= 0xff;
        r = byte_reader_of(buf_view(&b));
        CU_ASSERT_FALSE(seqset_decode(&back, &r));
        CU_ASSERT_EQUAL(back.count, 0);
        b.ptr[i] ^= 0xff;
    }
    for (uint64_t seq = 1; seq < 20000; seq++) {
        if (model[seq])
            CU_ASSERT_TRUE(seqset_remove(&s, seq));
    }
    CU_ASSERT_EQUAL(s.node_count, 0); /* a node goes with its last bit */
    seqset_free(&s);
    buf_free(&b);

    /* Version 1: 64 words a node, and the count is counted. */
    for (int wrong = 0; wrong < 2; wrong++) {
        buf_u8(&b, 22);
        buf_u8(&b, 1);
        buf_u32(&b, 1);
        buf_u32(&b, wrong ? 3 : 2);
        buf_u64(&b, 4096);
        buf_u64(&b, 1);
        for (int i = 1; i < 64; i++)
            buf_u64(&b, i == 63 ? 1ULL << 63 : 0);
        buf_u16(&b, 1);
        r = byte_reader_of(buf_view(&b));
        CU_ASSERT_EQUAL(seqset_decode(&back, &r), !wrong);
        if (!wrong)
            CU_ASSERT(seqset_has(&back, 4096) && seqset_has(&back, 4096 + 4095) && back.count == 2);
        seqset_free(&back);
        buf_free(&b);
    }
}

/* covers: ST-214 */
static void test_state_of_the_reference(void)
{
    /* The body of a snapshot of the Go server: docs/spec/storage.md section 17. */
    struct byte_buf b = {0};
    struct stream_state_head h = {.msgs = 5, .bytes = 191, .first = 2, .last = 12, .deleted = 6}, got;
    slice blocks;
    stream_state_put_head(&b, &h);
    static const uint8_t want[] = {42, 1, 5, 0xbf, 1, 2, 12, 0, 6};
    CU_ASSERT(slice_eq(buf_view(&b), slice_make(want, sizeof want)));
    CU_ASSERT_TRUE(stream_state_get_head(buf_view(&b), &got, &blocks, NULL, NULL));
    CU_ASSERT_EQUAL(got.last, 12);
    buf_free(&b);
    /* Version 2 carries what sources have reached. */
    static const uint8_t version2[] = {42, 2, 1, 50, 1, 1, 0, 1, 3, 'a', 'b', 'c', 7, 0, 0};
    CU_ASSERT_TRUE(stream_state_get_head(slice_make(version2, sizeof version2), &got, &blocks, NULL, NULL));
    CU_ASSERT_EQUAL(got.msgs, 1);
    for (size_t cut = 0; cut < sizeof version2; cut++)
        CU_ASSERT_FALSE(stream_state_get_head(slice_make(version2, cut), &got, &blocks, NULL, NULL));
}

/* Blocks say how many schedules they hold, or a Go server would not look for them there. */
static void test_schedules_are_counted(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    for (int rebuilt = 0; rebuilt < 2; rebuilt++) {
        struct file_store_options o = options(&f);
        o.allow_schedules = true;
        struct store *s = fixture_open(&o);
        if (!rebuilt)
            CU_ASSERT_EQUAL(put_at(s, "a", "NATS/1.0\r\nNats-Schedule: @every 1h\r\n\r\n", 3, 1), STORE_OK);
        fixture_close(s);
        size_t len;
        uint8_t *bytes = file_of("index.db", &len);
        struct index_reader r = {0};
        struct index_head h;
        struct index_subject subject;
        struct index_block b;
        uint64_t count;
        CU_ASSERT_EQUAL_FATAL(index_get_head(&r, slice_make(bytes, len - 8), &h), INDEX_GOOD);
        CU_ASSERT_EQUAL_FATAL(index_get_subject(&r, &subject), INDEX_GOOD);
        CU_ASSERT_EQUAL_FATAL(index_get_block_count(&r, &count), INDEX_GOOD);
        CU_ASSERT_EQUAL_FATAL(index_get_block(&r, &b), INDEX_GOOD);
        CU_ASSERT_EQUAL(b.schedules, 1);
        seqset_free(&b.deleted);
        free(bytes);
        shell("rm '%s/msgs/index.db'%s");
    }
    fixture_stop(&f);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_new_store),
    UNIT_TEST(test_block_sizes),
    UNIT_TEST(test_rolls),
    UNIT_TEST(test_largest_record),
    UNIT_TEST(test_odd_records),
    UNIT_TEST(test_tombstones),
    UNIT_TEST(test_needed_tombstones_stay),
    UNIT_TEST(test_erase),
    UNIT_TEST(test_compression),
    UNIT_TEST(test_compaction),
    UNIT_TEST(test_encrypted_files),
    UNIT_TEST(test_metadata_faults),
    UNIT_TEST(test_wrong_key_changes_nothing),
    UNIT_TEST(test_block_keys),
    UNIT_TEST(test_damage_in_coded_blocks),
    UNIT_TEST(test_index_by_timer),
    UNIT_TEST(test_sync_by_timer),
    UNIT_TEST(test_ttl_texts),
    UNIT_TEST(test_ttls),
    UNIT_TEST(test_age_at_start),
    UNIT_TEST(test_many_skips),
    UNIT_TEST(test_truncate_then_restart),
    UNIT_TEST(test_destroyed),
    UNIT_TEST(test_texts),
    UNIT_TEST(test_sets),
    UNIT_TEST(test_state_of_the_reference),
    UNIT_TEST(test_schedules_are_counted),
};

UNIT_MAIN("store semantics", tests)
