/* Backups go back and forth between midge and the real Go server, consumers and all. Needs NATS_SERVER. */
#include "store_fixture.h"
#include "go_server.h"
#include "store/backup_json.h"
#include "store/consumer_store.h"
#include "store/files.h"
#include "store/meta_file.h"

/* ---- more of the Go server's protocol: messages with a reply ---- */

struct go_msg {
    char subject[256];
    char reply[256];
    uint8_t *data; /* behind the headers; the caller frees */
    size_t len;
};

static void go_line_out(struct go_server *g, const char *fmt, const char *a, const char *b)
{
    char line[1024];
    int n = snprintf(line, sizeof line, fmt, a, b);
    go_write(g, line, (size_t)n);
}

/* The next message of any subscription. */
static struct go_msg go_next(struct go_server *g)
{
    for (;;) {
        struct go_msg m = {0};
        char *line = go_line(g), a[3][256] = {"", "", ""};
        size_t hdr = 0;
        int n = 0;
        if (strncmp(line, "MSG ", 4) == 0) {
            n = sscanf(line, "MSG %255s %*s %255s %255s", m.subject, a[0], a[1]);
            m.len = strtoul(a[n - 2], NULL, 10);
            snprintf(m.reply, sizeof m.reply, "%s", n == 3 ? a[0] : "");
        } else if (strncmp(line, "HMSG ", 5) == 0) {
            n = sscanf(line, "HMSG %255s %*s %255s %255s %255s", m.subject, a[0], a[1], a[2]);
            hdr = strtoul(a[n - 3], NULL, 10);
            m.len = strtoul(a[n - 2], NULL, 10) - hdr;
            snprintf(m.reply, sizeof m.reply, "%s", n == 4 ? a[0] : "");
        } else if (strcmp(line, "PING") == 0) {
            go_write(g, "PONG\r\n", 6);
        } else if (strncmp(line, "-ERR", 4) == 0) {
            go_die(g, line);
        }
        free(line);
        if (n == 0)
            continue;
        while (g->len < hdr + m.len + 2)
            go_fill(g);
        m.data = malloc(m.len + 1);
        memcpy(m.data, g->buf + hdr, m.len);
        go_drop(g, hdr + m.len + 2);
        return m;
    }
}

/* Publish and wait for the answer of the stream, so that it is stored. */
static void publish(struct go_server *g, const char *subject, slice hdr, slice data)
{
    struct json *ack = go_request(g, subject, hdr, data);
    CU_ASSERT_PTR_NOT_NULL(json_get(ack, "seq"));
    json_free(ack);
}

/* Take the consumer's next message and answer it ("" to leave it). */
static void take(struct go_server *g, const char *answer)
{
    go_line_out(g,
                "SUB _TAKE.%s 7\r\nUNSUB 7 1\r\nPUB $JS.API.CONSUMER.MSG.NEXT.WORK.dur _TAKE.1 0\r\n%s\r\n",
                "1", "");
    struct go_msg m = go_next(g);
    CU_ASSERT(strncmp(m.reply, "$JS.ACK.", 8) == 0);
    if (answer[0] != 0)
        json_free(go_request(g, m.reply, SLICE_EMPTY, slice_str(answer)));
    free(m.data);
}

static void snapshot(struct go_server *g, struct byte_buf *packed)
{
    static const char ask[] = "{\"deliver_subject\":\"snap.here\",\"chunk_size\":1024}";
    char head[128];
    snprintf(head, sizeof head, "PUB $JS.API.STREAM.SNAPSHOT.WORK snap.answer %zu\r\n", sizeof ask - 1);
    go_line_out(g, "SUB snap.* 8\r\n%s%s\r\n", head, ask);
    for (bool ended = false; !ended;) {
        struct go_msg m = go_next(g);
        if (strcmp(m.subject, "snap.answer") == 0) {
            CU_ASSERT_PTR_NULL(memmem(m.data, m.len, "\"error\"", 7));
        } else {
            ended = m.len == 0;
            buf_bytes(packed, m.data, m.len);
            if (m.reply[0] != 0)
                go_line_out(g, "PUB %s 0\r\n%s\r\n", m.reply, "");
        }
        free(m.data);
    }
    go_line_out(g, "UNSUB 8\r\n%s%s", "", "");
}

/* Into the Go server through its API. */
static void restore_there(struct go_server *g, const char *config, struct store *s, slice packed)
{
    struct byte_buf request = {0};
    struct store_state st;
    store_state(s, &st);
    buf_bytes(&request, "{\"config\":", 10);
    buf_slice(&request, slice_str(config));
    buf_bytes(&request, ",\"state\":", 9);
    backup_put_state(&request, &st, 1);
    buf_bytes(&request, "}", 2);
    struct json *answer = go_api(g, "STREAM.RESTORE", "WORK", (const char *)request.ptr);
    const char *to = json_text(json_get(answer, "deliver_subject"));
    CU_ASSERT_FATAL(to[0] != 0);
    while (packed.len > 0) {
        slice part = slice_first(packed, 131072);
        json_free(go_request(g, to, SLICE_EMPTY, part));
        packed = slice_from(packed, part.len);
    }
    struct json *done = go_request(g, to, SLICE_EMPTY, SLICE_EMPTY);
    const struct json *error = json_get(done, "error");
    CU_ASSERT_PTR_NULL(error);
    if (error != NULL)
        printf("%s\n", json_text(json_get(error, "description")));
    json_free(done);
    json_free(answer);
    buf_free(&request);
}

/* ---- comparisons ---- */

static void check_stream(struct go_server *g, struct store *s)
{
    struct store_state st;
    store_state(s, &st);
    struct json *info = go_api(g, "STREAM.INFO", "WORK", "{\"deleted_details\":true}");
    const struct json *state = json_get(info, "state");
    CU_ASSERT_EQUAL(json_u64(json_get(state, "messages")), st.msgs);
    CU_ASSERT_EQUAL(json_u64(json_get(state, "bytes")), st.bytes);
    CU_ASSERT_EQUAL(json_u64(json_get(state, "first_seq")), st.first);
    CU_ASSERT_EQUAL(json_u64(json_get(state, "last_seq")), st.last);
    CU_ASSERT_EQUAL(json_u64(json_get(state, "num_deleted")), st.num_deleted);
    CU_ASSERT_EQUAL(json_u64(json_get(state, "consumer_count")), 1);
    json_free(info);
    for (uint64_t seq = st.first; seq <= st.last; seq++) {
        char body[64];
        struct store_msg m;
        enum store_rc rc = store_load(s, seq, &m);
        snprintf(body, sizeof body, "{\"seq\":%llu}", (unsigned long long)seq);
        struct json *answer = go_api(g, "STREAM.MSG.GET", "WORK", body);
        const struct json *got = json_get(answer, "message");
        CU_ASSERT_EQUAL(got != NULL, rc == STORE_OK);
        if (got != NULL && rc == STORE_OK) {
            size_t n, h;
            uint8_t *data = go_base64(json_text(json_get(got, "data")), &n);
            uint8_t *hdr = go_base64(json_text(json_get(got, "hdrs")), &h);
            CU_ASSERT(slice_eq(m.data, slice_make(data, n)));
            CU_ASSERT(slice_eq(m.hdr, slice_make(hdr, h)));
            CU_ASSERT(slice_eq_str(m.subject, json_text(json_get(got, "subject"))));
            CU_ASSERT_EQUAL(m.ts, fixture_time(json_text(json_get(got, "time"))));
            free(data);
            free(hdr);
        }
        json_free(answer);
    }
}

static void check_consumer(struct go_server *g, const struct consumer_state *c)
{
    struct json *ci = go_api(g, "CONSUMER.INFO", "WORK.dur", "");
    const struct json *delivered = json_get(ci, "delivered"), *floor = json_get(ci, "ack_floor");
    CU_ASSERT_EQUAL(json_u64(json_get(delivered, "consumer_seq")), c->delivered.consumer);
    CU_ASSERT_EQUAL(json_u64(json_get(delivered, "stream_seq")), c->delivered.stream);
    CU_ASSERT_EQUAL(json_u64(json_get(floor, "consumer_seq")), c->floor.consumer);
    CU_ASSERT_EQUAL(json_u64(json_get(floor, "stream_seq")), c->floor.stream);
    CU_ASSERT_EQUAL(json_u64(json_get(ci, "num_ack_pending")), c->pending.count);
    CU_ASSERT_EQUAL(json_u64(json_get(ci, "num_redelivered")), c->redelivered.count);
    json_free(ci);
}

/* ---- from midge into the Go server ---- */

static struct file_store_options work_options(struct fixture *f, char dir[256])
{
    snprintf(dir, 256, "%s/jetstream/$G/streams/WORK", f->dir);
    struct file_store_options o = fixture_plain(f, dir, 0);
    snprintf(dir, 256, "%s/jetstream/$G/streams/WORK", f->dir);
    o.name = SLICE_LIT("WORK");
    o.meta = SLICE_LIT("{\"name\":\"WORK\"}");
    o.hooks = (struct store_hooks){0};
    o.limits.allow_ttl = true;
    return o;
}

static struct store *filled(struct fixture *f, char dir[256], const char *key)
{
    struct file_store_options o = work_options(f, dir);
    o.block_size = 32000;
    o.compress = true;
    o.keys = (struct store_keys){.key = slice_str(key), .info = SLICE_LIT("$G")};
    struct store *s = fixture_open(&o);
    static char body[3000];
    for (unsigned i = 1; i <= 400; i++) {
        char subject[32];
        uint64_t seq;
        memset(body, 'a' + (int)(i % 26), sizeof body);
        snprintf(subject, sizeof subject, "w.%u", i % 7);
        struct store_append a = {.ts = FIXTURE_NOW + i,
                                 .subject = slice_str(subject),
                                 .hdr = i % 5 == 0 ? SLICE_LIT("NATS/1.0\r\nX-Key: v\r\n\r\n") : SLICE_EMPTY,
                                 .data = slice_make(body, i * 37 % sizeof body)};
        CU_ASSERT_EQUAL(store_append(s, &a, a.ts, &seq), STORE_OK);
    }
    bool removed;
    for (uint64_t seq = 1; seq <= 400; seq += seq % 9 == 0 ? 1 : 11)
        CU_ASSERT_EQUAL(store_remove(s, seq, STORE_REMOVE, &removed), STORE_OK);
    CU_ASSERT_EQUAL(store_remove(s, 400, STORE_REMOVE, &removed), STORE_OK);
    return s;
}

static void write_backup(struct store *s, slice config, const struct consumer_state *state,
                         struct byte_buf *out)
{
    struct backup_consumer c = {.name = SLICE_LIT("dur"), .config = config, .state = state};
    struct backup *b;
    bool end = false;
    CU_ASSERT_EQUAL_FATAL(backup_new(s, &c, 1, FIXTURE_NOW, &b), STORE_OK);
    while (!end)
        CU_ASSERT_EQUAL_FATAL(backup_next(b, out, &end), STORE_OK);
    backup_free(b);
}

/* covers: ST-233 ST-238 */
static void test_restored_by_go(void)
{
    if (go_server_program() == NULL)
        return;
    struct fixture f, there;
    struct go_server g;
    char dir[256];
    fixture_start(&f, NULL);
    fixture_start(&there, NULL);
    struct store *s = filled(&f, dir, "a key");
    struct byte_buf packed = {0};
    struct consumer_state consumer = {.delivered = {3, 9}, .floor = {1, 3}};
    seqmap_put(&consumer.pending, 5)->a = 2;
    seqmap_put(&consumer.pending, 9)->a = 3;
    seqmap_put(&consumer.redelivered, 5)->a = 1;
    write_backup(s,
                 SLICE_LIT("{\"durable_name\":\"dur\",\"name\":\"dur\",\"deliver_policy\":\"all\","
                           "\"ack_policy\":\"explicit\",\"replay_policy\":\"instant\",\"num_replicas\":0}"),
                 &consumer, &packed);
    go_start(&g, there.dir, "", "", "");
    restore_there(&g,
                  "{\"name\":\"WORK\",\"subjects\":[\"w.>\"],\"retention\":\"limits\",\"storage\":\"file\","
                  "\"num_replicas\":1,\"max_msgs\":-1,\"max_bytes\":-1}",
                  s, buf_view(&packed));
    check_stream(&g, s);
    check_consumer(&g, &consumer);
    go_stop(&g, SIGTERM);
    CU_ASSERT_EQUAL(store_close(s, FIXTURE_NOW), STORE_OK);
    consumer_state_free(&consumer);
    buf_free(&packed);
    fixture_stop(&there);
    fixture_stop(&f);
}

/* ---- from the Go server into midge, and back ---- */

static const char work_config[] =
    "{\"name\":\"WORK\",\"subjects\":[\"w.>\"],\"retention\":\"%s\",\"storage\":\"%s\",\"num_replicas\":1}";

/* Twelve messages, one of them deleted; a consumer has had seven of them, one twice, and acknowledged some.
 */
static void fill_there(struct go_server *g, const char *config)
{
    json_free(go_api(g, "STREAM.CREATE", "WORK", config));
    json_free(go_api(g, "CONSUMER.DURABLE.CREATE", "WORK.dur",
                     "{\"stream_name\":\"WORK\",\"config\":{\"durable_name\":\"dur\",\"ack_policy\":"
                     "\"explicit\",\"ack_wait\":3600000000000}}"));
    for (int i = 1; i <= 12; i++) {
        char data[32];
        snprintf(data, sizeof data, "message %d", i);
        publish(g, i % 2 == 0 ? "w.even" : "w.odd",
                i % 3 == 0 ? SLICE_LIT("NATS/1.0\r\nX-Key: v\r\n\r\n") : SLICE_EMPTY, slice_str(data));
    }
    static const char *const answers[] = {"+ACK", "+ACK", "", "+ACK", "-NAK", "", "", "+ACK"};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        take(g, answers[i]);
    json_free(go_api(g, "STREAM.MSG.DELETE", "WORK", "{\"seq\":9}"));
}

static void restore_here(struct fixture *f, const struct file_store_options *o, slice packed)
{
    char staging[128];
    struct restore *r;
    snprintf(staging, sizeof staging, "%s/snap-1", f->dir);
    struct restore_options ro = {.store = *o, .staging = staging, .account = SLICE_LIT("$G")};
    CU_ASSERT_EQUAL_FATAL(restore_new(&ro, &r), STORE_OK);
    CU_ASSERT_EQUAL(restore_feed(r, packed), STORE_OK);
    CU_ASSERT_EQUAL(restore_finish(r), STORE_OK);
    if (restore_why(r)[0] != 0)
        printf("%s\n", restore_why(r));
    restore_free(r);
}

static void check_circle(const char *retention, const char *storage)
{
    struct fixture from, f, to;
    struct go_server g;
    char dir[256], obs[300], config[300], why[64];
    struct byte_buf packed = {0}, again = {0}, consumer_config = {0};
    snprintf(config, sizeof config, work_config, retention, storage);
    fixture_start(&from, NULL);
    fixture_start(&f, NULL);
    fixture_start(&to, NULL);
    go_start(&g, from.dir, "", "", "");
    fill_there(&g, config);
    snapshot(&g, &packed);
    struct file_store_options o = work_options(&f, dir);
    restore_here(&f, &o, buf_view(&packed));
    struct store *s = fixture_open(&o);
    snprintf(obs, sizeof obs, "%s/obs/dur", dir);
    struct consumer_store_options co = {
        .host = &f.host, .dir = obs, .stream = SLICE_LIT("WORK"), .name = SLICE_LIT("dur")};
    struct consumer_store *c;
    CU_ASSERT_EQUAL_FATAL(consumer_store_open(&co, &c, why), STORE_OK);
    if (strcmp(storage, "file") == 0) /* the sizes of messages in memory are others */
        check_stream(&g, s);
    check_consumer(&g, consumer_store_state(c));
    CU_ASSERT_EQUAL(consumer_store_state(c)->pending.count, 3);
    go_stop(&g, SIGTERM);

    struct meta_file m;
    struct hash_key sum = hash_key_consumer(co.stream, co.name);
    struct store_keys none = {.info = SLICE_LIT("$G")};
    CU_ASSERT_EQUAL(meta_read(f.disk, obs, &sum, true, &none, SLICE_EMPTY, &m), META_GOOD);
    backup_put_consumer_config(&consumer_config, buf_view(&m.json));
    meta_free(&m);
    write_backup(s, buf_view(&consumer_config), consumer_store_state(c), &again);
    go_start(&g, to.dir, "", "", "");
    snprintf(config, sizeof config, work_config, retention, "file");
    restore_there(&g, config, s, buf_view(&again));
    check_stream(&g, s);
    check_consumer(&g, consumer_store_state(c));
    take(&g, "+ACK"); /* it goes on */
    go_stop(&g, SIGTERM);
    CU_ASSERT_EQUAL(consumer_store_close(c, FIXTURE_NOW), STORE_OK);
    fixture_close(s);
    buf_free(&packed);
    buf_free(&again);
    buf_free(&consumer_config);
    fixture_stop(&to);
    fixture_stop(&f);
    fixture_stop(&from);
}

/* covers: ST-233 */
static void test_backed_up_by_go(void)
{
    if (go_server_program() == NULL)
        return;
    check_circle("limits", "file");
    check_circle("workqueue", "file");
    check_circle("interest", "file");
    check_circle("limits", "memory");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_restored_by_go),
    UNIT_TEST(test_backed_up_by_go),
};

UNIT_MAIN("store interop backup", tests)
