/* Backups: byte for byte what the Go server writes, restored from what it wrote, and nothing left behind
 * by one that is not whole. test_store_interop_backup has the server itself. */
#include "store_fixture.h"
#include "base/s2.h"
#include "store/backup_json.h"
#include "store/consumer_store.h"
#include "store/mem_store.h"
#include "store/meta_file.h"

#define GOLDEN "tests/golden/store/"
#define WORK   "jetstream/$G/streams/WORK"

/* ---- helpers ---- */

static void unpack(const void *bytes, size_t len, struct byte_buf *plain)
{
    uint8_t *out;
    size_t n;
    CU_ASSERT_EQUAL_FATAL(s2_stream_decode(slice_make(bytes, len), 1 << 28, &out, &n), S2_OK);
    buf_bytes(plain, out, n);
    free(out);
}

static void golden_backup(const char *name, struct byte_buf *packed)
{
    char path[256];
    size_t len = 0;
    snprintf(path, sizeof path, GOLDEN "backup/%s.s2", name);
    char *text = json_read_file(path, &len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    buf_bytes(packed, text, len);
    free(text);
}

/* Consumers of a stream's folder as a backup wants them. */
struct consumers {
    struct consumer_store *stores[16];
    struct byte_buf configs[16];
    struct backup_consumer list[16];
    char *names[16];
    size_t count;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void open_consumers(struct fixture *f, const char *dir, const char *stream, struct consumers *c)
{
    char obs[512], path[640], why[64];
    struct files_list l;
    *c = (struct consumers){0};
    snprintf(obs, sizeof obs, "%s/obs", dir);
    if (files_list_dir(f->disk, obs, &l) != STORE_OK)
        return;
    if (l.count > 0)
        qsort(l.names, l.count, sizeof l.names[0], by_name);
    for (size_t i = 0; i < l.count; i++, c->count++) {
        snprintf(path, sizeof path, "%s/%s", obs, l.names[i]);
        c->names[i] = strdup(l.names[i]);
        struct consumer_store_options o = {.host = &f->host,
                                           .dir = strdup(path),
                                           .stream = slice_str(stream),
                                           .name = slice_str(c->names[i])};
        CU_ASSERT_EQUAL_FATAL(consumer_store_open(&o, &c->stores[i], why), STORE_OK);
        free((void *)(uintptr_t)o.dir);
        struct meta_file m;
        struct hash_key sum = hash_key_consumer(slice_str(stream), o.name);
        struct store_keys none = {.info = SLICE_LIT("$G")};
        CU_ASSERT_EQUAL(meta_read(f->disk, path, &sum, true, &none, SLICE_EMPTY, &m), META_GOOD);
        backup_put_consumer_config(&c->configs[i], buf_view(&m.json));
        meta_free(&m);
        c->list[i] = (struct backup_consumer){
            .name = o.name, .config = buf_view(&c->configs[i]), .state = consumer_store_state(c->stores[i])};
    }
    files_free_list(&l);
}

static void close_consumers(struct consumers *c)
{
    for (size_t i = 0; i < c->count; i++) {
        CU_ASSERT_EQUAL(consumer_store_close(c->stores[i], FIXTURE_NOW), STORE_OK);
        buf_free(&c->configs[i]);
        free(c->names[i]);
    }
}

static void write_backup(struct store *s, const struct backup_consumer *list, size_t count, int64_t now,
                         struct byte_buf *out)
{
    struct backup *b;
    bool end = false;
    CU_ASSERT_EQUAL_FATAL(backup_new(s, list, count, now, &b), STORE_OK);
    while (!end)
        CU_ASSERT_EQUAL_FATAL(backup_next(b, out, &end), STORE_OK);
    backup_free(b);
}

/* The whole of a restore, fed in steps; its rc, and `why`. */
static enum store_rc restore(struct fixture *f, const struct file_store_options *o, slice bytes, size_t step,
                             char why[256])
{
    char staging[128];
    struct restore *r;
    snprintf(staging, sizeof staging, "%s/jetstream/$G/__snapshots__/snap-1", f->dir);
    struct restore_options ro = {.store = *o,
                                 .staging = staging,
                                 .account = SLICE_LIT("$G"),
                                 .max_payload = 1 << 20,
                                 .max_msg_size = 1000};
    enum store_rc rc = restore_new(&ro, &r);
    CU_ASSERT_EQUAL_FATAL(rc, STORE_OK);
    while (rc == STORE_OK && bytes.len > 0) {
        slice part = slice_first(bytes, step);
        rc = restore_feed(r, part);
        bytes = slice_from(bytes, part.len);
    }
    if (rc == STORE_OK)
        rc = restore_finish(r);
    snprintf(why, 256, "%s", restore_why(r));
    CU_ASSERT((rc == STORE_OK) == (why[0] == 0));
    restore_free(r);
    struct disk_stat st;
    CU_ASSERT_EQUAL(disk_stat(f->disk, staging, &st), -ENOENT);
    return rc;
}

static struct json *expected_of(const char *stream, const struct json **want)
{
    struct json *all = json_load(GOLDEN "deletes-ttl-consumers/expected.json");
    *want = json_get(all, stream);
    return all;
}

static char *meta_text(const char *stream)
{
    char path[256];
    size_t len;
    snprintf(path, sizeof path, GOLDEN "deletes-ttl-consumers/store/jetstream/$G/streams/%s/meta.inf",
             stream);
    return json_read_file(path, &len);
}

/* ---- what is written ---- */

static void check_written(const char *stream)
{
    struct fixture f;
    char dir[256], file[64];
    const struct json *want;
    struct json *all = expected_of(stream, &want);
    struct byte_buf packed = {0}, golden = {0}, got = {0}, ours = {0};
    snprintf(file, sizeof file, "%s.v2", stream);
    golden_backup(file, &packed);
    unpack(packed.ptr, packed.len, &golden);
    /* The archive's own time stands in its first entry. */
    struct byte_reader r = byte_reader_of(slice_from(buf_view(&golden), 8));
    take_uv(&r);
    int64_t now = take_sv(&r);
    fixture_start(&f, GOLDEN "deletes-ttl-consumers/store");
    snprintf(dir, sizeof dir, "%s/jetstream/$G/streams/%s", f.dir, stream);
    struct file_store_options o = fixture_options(&f, dir, json_get(want, "config"), NULL);
    struct store *s;
    struct consumers c;
    CU_ASSERT_EQUAL_FATAL(file_store_open(&o, &s), STORE_OK);
    open_consumers(&f, dir, stream, &c);
    write_backup(s, c.list, c.count, now, &ours);
    unpack(ours.ptr, ours.len, &got);
    CU_ASSERT(slice_eq(buf_view(&got), buf_view(&golden)));
    if (!slice_eq(buf_view(&got), buf_view(&golden)))
        printf("%s\n got %.*s\nwant %.*s\n", stream, (int)got.len, (char *)got.ptr, (int)golden.len,
               (char *)golden.ptr);
    close_consumers(&c);
    CU_ASSERT_EQUAL(store_close(s, FIXTURE_NOW), STORE_OK);
    buf_free(&packed);
    buf_free(&golden);
    buf_free(&got);
    buf_free(&ours);
    json_free(all);
    fixture_stop(&f);
}

/* covers: ST-229 ST-232 */
static void test_written_as_go_does(void)
{
    check_written("DEL");
    check_written("WORK");
}

/* covers: ST-238 */
static void test_always_plain(void)
{
    static const struct {
        const char *dir, *account, *stream, *key, *says;
        enum store_cipher cipher;
    } cases[] = {
        {"encrypted-aes", "ACME", "ORDERS", "golden-jetstream-key-1", "secret-1", STORE_CIPHER_AES},
        {"s2-aes", "$G", "COMP", "golden-jetstream-key-3", "last block is not compressed", STORE_CIPHER_AES},
    };
    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        char path[256], dir[256];
        snprintf(path, sizeof path, GOLDEN "%s/store", cases[i].dir);
        fixture_start(&f, path);
        snprintf(path, sizeof path, GOLDEN "%s/expected.json", cases[i].dir);
        struct json *all = json_load(path);
        snprintf(dir, sizeof dir, "%s/jetstream/%s/streams/%s", f.dir, cases[i].account, cases[i].stream);
        struct store_keys keys = {
            .key = slice_str(cases[i].key), .cipher = cases[i].cipher, .info = slice_str(cases[i].account)};
        struct file_store_options o =
            fixture_options(&f, dir, json_get(json_get(all, cases[i].stream), "config"), &keys);
        struct store *s;
        struct byte_buf out = {0}, plain = {0};
        CU_ASSERT_EQUAL_FATAL(file_store_open(&o, &s), STORE_OK);
        write_backup(s, NULL, 0, FIXTURE_NOW, &out);
        unpack(out.ptr, out.len, &plain);
        CU_ASSERT_PTR_NOT_NULL(memmem(plain.ptr, plain.len, cases[i].says, strlen(cases[i].says)));
        CU_ASSERT_EQUAL(store_close(s, FIXTURE_NOW), STORE_OK);
        buf_free(&out);
        buf_free(&plain);
        json_free(all);
        fixture_stop(&f);
    }
}

/* ---- what is restored ---- */

static void check_consumers(struct fixture *f, const char *dir, const char *stream, const struct json *want,
                            const struct store_keys *keys)
{
    for (const struct json *w = want->first; w != NULL; w = w->next) {
        char path[512], why[64];
        snprintf(path, sizeof path, "%s/obs/%s", dir, w->key);
        struct consumer_store_options o = {
            .host = &f->host, .dir = path, .stream = slice_str(stream), .name = slice_str(w->key)};
        if (keys != NULL)
            o.keys = *keys;
        struct consumer_store *c;
        enum store_rc rc = consumer_store_open(&o, &c, why);
        CU_ASSERT_EQUAL(rc, STORE_OK);
        if (rc != STORE_OK)
            continue;
        const struct consumer_state *s = consumer_store_state(c);
        const struct json *delivered = json_get(w, "delivered"), *floor = json_get(w, "ack_floor");
        CU_ASSERT_EQUAL(s->delivered.consumer, json_u64(json_get(delivered, "consumer_seq")));
        CU_ASSERT_EQUAL(s->delivered.stream, json_u64(json_get(delivered, "stream_seq")));
        CU_ASSERT_EQUAL(s->floor.consumer, json_u64(json_get(floor, "consumer_seq")));
        CU_ASSERT_EQUAL(s->floor.stream, json_u64(json_get(floor, "stream_seq")));
        CU_ASSERT_EQUAL(s->pending.count, json_u64(json_get(w, "num_ack_pending")));
        CU_ASSERT_EQUAL(consumer_store_close(c, FIXTURE_NOW), STORE_OK);
    }
}

static void check_restored(const char *file, const char *stream, size_t step, const struct store_keys *keys)
{
    struct fixture f;
    char dir[256], why[256];
    const struct json *want;
    struct json *all = expected_of(stream, &want);
    struct byte_buf packed = {0};
    char *meta = meta_text(stream);
    golden_backup(file, &packed);
    fixture_start(&f, NULL);
    snprintf(dir, sizeof dir, "%s/jetstream/$G/streams/%s", f.dir, stream);
    struct file_store_options o = fixture_options(&f, dir, json_get(want, "config"), keys);
    o.meta = slice_str(meta);
    enum store_rc rc = restore(&f, &o, buf_view(&packed), step, why);
    CU_ASSERT_EQUAL(rc, STORE_OK);
    if (rc != STORE_OK)
        printf("%s: %s\n", file, why);
    struct store *s;
    CU_ASSERT_EQUAL_FATAL(file_store_open(&o, &s), STORE_OK);
    struct json *last_ts = (struct json *)(uintptr_t)json_get(json_get(want, "state"), "last_ts");
    for (const struct json *m = json_get(want, "messages")->first; m != NULL; m = m->next) {
        fixture_check_message(s, m);
        if (m->next == NULL) { /* deleted ones behind it have left their time nowhere */
            free(last_ts->text);
            last_ts->text = strdup(json_text(json_get(m, "time")));
        }
    }
    fixture_check_state(s, json_get(want, "state"));
    CU_ASSERT_EQUAL(store_close(s, FIXTURE_NOW), STORE_OK);
    check_consumers(&f, dir, stream, json_get(want, "consumers"), keys);
    char path[512];
    struct disk_stat st;
    snprintf(path, sizeof path, "%s/meta.key", dir);
    CU_ASSERT_EQUAL(disk_stat(f.disk, path, &st) == 0, keys != NULL);
    /* The name is in use now. */
    CU_ASSERT_EQUAL(restore(&f, &o, buf_view(&packed), step, why), STORE_INVALID);
    CU_ASSERT_STRING_EQUAL(why, "stream name already in use, cannot restore");
    free(meta);
    buf_free(&packed);
    json_free(all);
    fixture_stop(&f);
}

/* covers: ST-233 ST-234 ST-236 */
static void test_golden_restores(void)
{
    struct store_keys keys = {
        .key = SLICE_LIT("a key"), .cipher = STORE_CIPHER_CHACHA, .info = SLICE_LIT("$G")};
    static const size_t steps[] = {SIZE_MAX, 1, 1000};
    for (size_t i = 0; i < 3; i++) {
        check_restored("DEL.v2", "DEL", steps[i], NULL);
        check_restored("WORK.v2", "WORK", steps[i], NULL);
        check_restored("WORK.v1", "WORK", steps[i], NULL);
    }
    check_restored("WORK.v2", "WORK", 4096, &keys);
    check_restored("WORK.v1", "WORK", 4096, &keys);
}

/* Everything below the store directory is as it was. */
static void check_nothing_left(struct fixture *f)
{
    char cmd[256];
    snprintf(cmd, sizeof cmd, "test -z \"$(find '%s' -type f)\" && test ! -e '%s/" WORK "'", f->dir, f->dir);
    CU_ASSERT_EQUAL(system(cmd), 0);
}

static void check_refused(struct fixture *f, const struct file_store_options *o, slice bytes)
{
    char why[256];
    enum store_rc rc = restore(f, o, bytes, 700, why);
    CU_ASSERT_NOT_EQUAL(rc, STORE_OK);
    CU_ASSERT(why[0] != 0);
}

/* covers: ST-236 */
static void test_damaged_are_refused(void)
{
    static const char *const files[] = {"WORK.v2", "WORK.v1"};
    const struct json *want;
    struct json *all = expected_of("WORK", &want);
    char *meta = meta_text("WORK"), dir[256];
    struct fixture f;
    fixture_start(&f, NULL);
    snprintf(dir, sizeof dir, "%s/" WORK, f.dir);
    struct file_store_options o = fixture_options(&f, dir, json_get(want, "config"), NULL);
    o.meta = slice_str(meta);
    for (size_t i = 0; i < 2; i++) {
        struct byte_buf packed = {0};
        golden_backup(files[i], &packed);
        size_t stride = packed.len / 60 + 1;
        for (size_t at = 0; at < packed.len; at += at < 20 ? 1 : stride) {
            check_refused(&f, &o, slice_first(buf_view(&packed), at));
            packed.ptr[at] ^= (uint8_t)(1u << at % 8);
            check_refused(&f, &o, buf_view(&packed));
            packed.ptr[at] ^= (uint8_t)(1u << at % 8);
            check_nothing_left(&f);
        }
        buf_free(&packed);
    }
    free(meta);
    json_free(all);
    fixture_stop(&f);
}

/* ---- archives made by hand ---- */

static void entry(struct byte_buf *b, const char *name, int64_t ts, uint64_t seq, const char *hdr,
                  const char *data)
{
    buf_uv(b, strlen(name));
    buf_sv(b, ts);
    buf_uv(b, seq);
    buf_uv(b, strlen(hdr));
    buf_uv(b, strlen(data));
    buf_bytes(b, name, strlen(name));
    buf_bytes(b, hdr, strlen(hdr));
    buf_bytes(b, data, strlen(data));
}

static void head(struct byte_buf *b, uint64_t msgs, uint64_t first, uint64_t last)
{
    char json[200];
    buf_bytes(b, "NATSARC1", 8);
    snprintf(json, sizeof json, "{\"messages\":%llu,\"bytes\":1,\"first_seq\":%llu,\"last_seq\":%llu}",
             (unsigned long long)msgs, (unsigned long long)first, (unsigned long long)last);
    entry(b, "state.json", 1, 0, "", json);
}

static struct file_store_options small_options(struct fixture *f, char dir[256])
{
    snprintf(dir, 256, "%s/" WORK, f->dir);
    struct file_store_options o = {.host = &f->host,
                                   .dir = dir,
                                   .name = SLICE_LIT("WORK"),
                                   .meta = SLICE_LIT("{\"name\":\"WORK\"}"),
                                   .block_size = STORE_BLOCK_MAX,
                                   .track_subjects = true,
                                   .now = FIXTURE_NOW};
    o.limits.allow_ttl = true;
    return o;
}

static enum store_rc restore_plain(struct fixture *f, const struct byte_buf *plain, char why[256])
{
    static struct s2_table table;
    char dir[256];
    uint8_t *packed = malloc(s2_stream_bound(S2_PLAIN, plain->len));
    size_t len = s2_stream_encode(&table, S2_PLAIN, buf_view(plain), packed);
    struct file_store_options o = small_options(f, dir);
    enum store_rc rc = restore(f, &o, slice_make(packed, len), 999, why);
    free(packed);
    return rc;
}

/* covers: ST-237 */
static void test_messages_of_a_backup(void)
{
    struct fixture f;
    char why[256], dir[256];
    fixture_start(&f, NULL);
    struct byte_buf b = {0};
    head(&b, 3, 5, 12);
    entry(&b, "a", FIXTURE_NOW, 5, "", "one");
    entry(&b, "b", FIXTURE_NOW - 10000000000, 7, "NATS/1.0\r\nNats-TTL: 5s\r\n\r\n", "expired");
    entry(&b, "b", FIXTURE_NOW, 9, "NATS/1.0\r\nNats-TTL: 1h\r\n\r\n", "alive");
    entry(&b, "", 0, 0, "", "");
    CU_ASSERT_EQUAL(restore_plain(&f, &b, why), STORE_OK);
    struct file_store_options o = small_options(&f, dir);
    struct store *s;
    struct store_state st;
    struct store_msg m;
    CU_ASSERT_EQUAL_FATAL(file_store_open(&o, &s), STORE_OK);
    store_state(s, &st);
    CU_ASSERT_EQUAL(st.msgs, 2);
    CU_ASSERT_EQUAL(st.first, 5);
    CU_ASSERT_EQUAL(st.last, 12);
    CU_ASSERT_EQUAL(store_load(s, 7, &m), STORE_NOT_FOUND);
    CU_ASSERT_EQUAL(store_load(s, 9, &m), STORE_OK);
    CU_ASSERT(slice_eq_str(m.data, "alive"));
    CU_ASSERT_EQUAL(store_destroy(s), STORE_OK);
    buf_free(&b);

    head(&b, 2, 1, 9);
    entry(&b, "a", 1, 4, "", "x");
    entry(&b, "a", 1, 4, "", "x");
    CU_ASSERT_EQUAL(restore_plain(&f, &b, why), STORE_CORRUPT);
    CU_ASSERT_STRING_EQUAL(why, "message sequence 4 out of order");
    buf_free(&b);

    char large[1200];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = 0;
    head(&b, 1, 1, 1);
    entry(&b, "a", 1, 1, "", large);
    CU_ASSERT_EQUAL(restore_plain(&f, &b, why), STORE_TOO_LARGE);
    CU_ASSERT_STRING_EQUAL(why, "message sequence 1 exceeds maximum message size");
    buf_free(&b);

    head(&b, 1, 1, 1);
    entry(&b, "a", 1, 1, "", "no end");
    CU_ASSERT_EQUAL(restore_plain(&f, &b, why), STORE_CORRUPT);
    CU_ASSERT_STRING_EQUAL(why, "EOF");
    buf_free(&b);

    head(&b, 1, 1, 1);
    entry(&b, "consumers/../../x", 1, 0, "", "{\"config\":{},\"state\":{}}");
    CU_ASSERT_EQUAL(restore_plain(&f, &b, why), STORE_CORRUPT);
    check_nothing_left(&f);
    buf_free(&b);
    fixture_stop(&f);
}

static void tar_entry(struct byte_buf *b, const char *name, char type, const char *data)
{
    char h[512] = {0};
    unsigned sum = 0;
    snprintf(h, 100, "%s", name);
    snprintf(h + 124, 12, "%011o", (unsigned)strlen(data));
    h[156] = type;
    memset(h + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += (uint8_t)h[i];
    snprintf(h + 148, 8, "%06o", sum);
    buf_bytes(b, h, 512);
    if (data[0] != 0) {
        char block[512] = {0};
        memcpy(block, data, strlen(data));
        buf_bytes(b, block, 512);
    }
}

/* covers: ST-235 */
static void test_old_backups_are_looked_at(void)
{
    struct fixture f;
    char why[256];
    fixture_start(&f, NULL);
    static const struct {
        const char *name;
        char type;
        const char *why;
    } cases[] = {
        {"../x", '0', "unexpected content (account=$G)"},
        {"/etc/x", '0', "unexpected content (account=$G)"},
        {"msgs/../../../x", '0', "unexpected content (account=$G)"},
        {"msgs/1.blk", '2', "unexpected content (account=$G)"},
        {"msgs", '5', "unexpected content (account=$G)"},
        {"meta.inf", '0', "unexpected EOF"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct byte_buf b = {0};
        tar_entry(&b, cases[i].name, cases[i].type, cases[i].type == '0' ? "{\"name\":\"WORK\"}" : "");
        CU_ASSERT_NOT_EQUAL(restore_plain(&f, &b, why), STORE_OK);
        CU_ASSERT_STRING_EQUAL(why, cases[i].why);
        check_nothing_left(&f);
        buf_free(&b);
    }
    struct byte_buf b = {0};
    char end[1024] = {0}, sum[17] = {0};
    struct hash_key key = hash_key_of(SLICE_LIT("OTHER"));
    hash_hex(&key, SLICE_LIT("{\"name\":\"OTHER\"}"), sum);
    tar_entry(&b, "meta.inf", '0', "{\"name\":\"OTHER\"}");
    tar_entry(&b, "meta.sum", '0', sum);
    buf_bytes(&b, end, sizeof end);
    CU_ASSERT_NOT_EQUAL(restore_plain(&f, &b, why), STORE_OK);
    CU_ASSERT_STRING_EQUAL(why, "stream names do not match");
    check_nothing_left(&f);
    buf_free(&b);
    fixture_stop(&f);
}

/* However large the messages are, a piece is about a megabyte and one of them. */
static void test_pieces_are_small(void)
{
    struct mem_store_options o = {.track_subjects = true};
    struct store *s;
    struct backup *b;
    static uint8_t body[700000];
    uint64_t seed = 1, seq;
    for (size_t i = 0; i < sizeof body; i++) { /* nothing that could be packed */
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        body[i] = (uint8_t)(seed >> 56);
    }
    CU_ASSERT_EQUAL_FATAL(mem_store_new(&o, &s), STORE_OK);
    for (int i = 0; i < 20; i++) {
        struct store_append a = {
            .ts = i + 1, .subject = SLICE_LIT("a"), .data = slice_make(body, sizeof body)};
        CU_ASSERT_EQUAL(store_append(s, &a, i, &seq), STORE_OK);
    }
    CU_ASSERT_EQUAL_FATAL(backup_new(s, NULL, 0, FIXTURE_NOW, &b), STORE_OK);
    struct byte_buf all = {0}, plain = {0};
    bool end = false;
    while (!end) {
        size_t before = all.len;
        CU_ASSERT_EQUAL_FATAL(backup_next(b, &all, &end), STORE_OK);
        CU_ASSERT(all.len - before < BACKUP_PIECE + sizeof body + 1000);
    }
    backup_free(b);
    unpack(all.ptr, all.len, &plain);
    CU_ASSERT(plain.len > 20 * sizeof body && plain.len < 20 * sizeof body + 2000);
    buf_free(&all);
    buf_free(&plain);
    CU_ASSERT_EQUAL(store_close(s, FIXTURE_NOW), STORE_OK);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_written_as_go_does),   UNIT_TEST(test_always_plain),
    UNIT_TEST(test_golden_restores),      UNIT_TEST(test_damaged_are_refused),
    UNIT_TEST(test_messages_of_a_backup), UNIT_TEST(test_old_backups_are_looked_at),
    UNIT_TEST(test_pieces_are_small),
};

UNIT_MAIN("store backup", tests)
