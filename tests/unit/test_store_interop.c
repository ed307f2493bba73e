/* Store directories go back and forth between midge and the real Go server: what one wrote the other reads
 * and goes on writing, after clean stops and after kills. Needs NATS_SERVER; STORE_ROUNDS sets how many
 * changes of hands (8). */
#include "store_fixture.h"
#include "go_server.h"
#include "store/consumer_store.h"

struct stream_case {
    const char *name;
    const char *subjects; /* JSON array without brackets */
    const char *limits;   /* members that differ from the defaults, with a comma at the end */
    const char *more;     /* members behind allow_msg_ttl, with a comma before */
    const char *allow_ttl;
    const char *compression;
};

static const struct stream_case streams[] = {
    {"PLAIN", "\"p.>\"", "\"max_bytes\":-1,\"max_msgs_per_subject\":-1,", "", "false", "none"},
    {"BLOCKS", "\"b.>\"", "\"max_bytes\":400000,\"max_msgs_per_subject\":-1,", "", "false", "none"},
    {"KV_x", "\"$KV.x.>\"", "\"max_bytes\":-1,\"max_msgs_per_subject\":2,", "", "false", "none"},
    {"PRESSED", "\"c.>\"", "\"max_bytes\":300000,\"max_msgs_per_subject\":-1,", "", "false", "s2"},
    {"TTLS", "\"t.>\"", "\"max_bytes\":-1,\"max_msgs_per_subject\":-1,", "", "true", "none"},
    {"LATE", "\"l.>\"", "\"max_bytes\":-1,\"max_msgs_per_subject\":-1,", "", "false", "none"},
};
#define STREAMS (sizeof streams / sizeof streams[0])

struct security {
    const char *label;
    const char *config; /* of the Go server */
    const char *key;
    enum store_cipher cipher;
};

static const struct security securities[] = {
    {"plain", "", NULL, 0},
    {"aes", "key: \"interop-secret\"\ncipher: aes", "interop-secret", STORE_CIPHER_AES},
    {"chacha", "key: \"interop-secret\"\ncipher: chachapoly", "interop-secret", STORE_CIPHER_CHACHA},
};

static uint64_t seed = 1;

static uint64_t chance(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

static char *stream_meta(const struct stream_case *c)
{
    char text[1500];
    snprintf(
        text, sizeof text,
        "{\"Created\":\"2026-11-23T06:52:11.875336543Z\",\"name\":\"%s\",\"subjects\":[%s],\"retention\":"
        "\"limits\","
        "\"max_consumers\":-1,\"max_msgs\":-1,%s\"max_age\":0,\"max_msg_size\":-1,\"discard\":\"old\","
        "\"storage\":\"file\",\"num_replicas\":1,\"duplicate_window\":120000000000,\"compression\":\"%s\","
        "%s\"allow_direct\":false,\"mirror_direct\":false,\"sealed\":false,\"deny_delete\":false,"
        "\"deny_purge\":false,\"allow_rollup_hdrs\":false,\"consumer_limits\":{},\"allow_msg_ttl\":%s%s}",
        c->name, c->subjects, c->limits, c->compression,
        strcmp(c->name, "LATE") == 0 ? "\"first_seq\":1000," : "", c->allow_ttl, c->more);
    return strdup(text);
}

static struct store *open_stream(struct fixture *f, const struct stream_case *c, const struct security *sec)
{
    static char dir[512];
    struct store *s;
    char *meta = stream_meta(c);
    struct json *config = json_parse(meta);
    struct store_keys keys = {.key = slice_str(sec->key), .cipher = sec->cipher, .info = SLICE_LIT("$G")};
    snprintf(dir, sizeof dir, "%s/jetstream/$G/streams/%s", f->dir, c->name);
    struct file_store_options o = fixture_options(f, dir, config, &keys);
    o.meta = slice_str(meta);
    enum store_rc rc = file_store_open(&o, &s);
    CU_ASSERT_EQUAL_FATAL(rc, STORE_OK);
    json_free(config);
    free(meta);
    return s;
}

/* ---- random work ---- */

struct text {
    char subject[64];
    char hdr[128];
    uint8_t data[1500];
    size_t data_len;
};

static void make_text(const struct stream_case *c, struct text *t)
{
    const char *prefix = c->subjects + 1;
    snprintf(t->subject, sizeof t->subject, "%.*s%llu", (int)(strchr(prefix, '>') - prefix), prefix,
             (unsigned long long)chance(6));
    t->hdr[0] = 0;
    if (strcmp(c->allow_ttl, "true") == 0 && chance(2) == 0)
        snprintf(t->hdr, sizeof t->hdr, "NATS/1.0\r\nNats-TTL: %s\r\n\r\n",
                 chance(2) == 0 ? "876000h" : "never");
    else if (chance(4) == 0)
        snprintf(t->hdr, sizeof t->hdr, "NATS/1.0\r\nX-Key: v%llu\r\n\r\n", (unsigned long long)chance(100));
    t->data_len = chance(3) == 0 ? chance(1500) : chance(40);
    uint64_t kind = chance(3);
    for (size_t i = 0; i < t->data_len; i++)
        t->data[i] = kind == 0 ? (uint8_t)chance(256) : (uint8_t)('a' + i % 7);
}

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* A message that is there most of the time; 0 when the stream is empty. */
static uint64_t some_seq(const struct store_state *st)
{
    return st->msgs == 0 ? 0 : st->first + chance(st->last - st->first + 1);
}

static void work_here(struct store *s, const struct stream_case *c, size_t steps)
{
    for (size_t i = 0; i < steps; i++) {
        struct store_state st;
        struct text t;
        uint64_t seq, purged;
        bool removed;
        store_state(s, &st);
        make_text(c, &t);
        switch (chance(24)) {
        case 0:
        case 1:
        case 2:
            seq = some_seq(&st);
            if (seq > 0)
                CU_ASSERT_EQUAL(
                    store_remove(s, seq, chance(2) == 0 ? STORE_REMOVE : STORE_REMOVE_ERASE, &removed),
                    STORE_OK);
            break;
        case 3:
            if (chance(6) == 0)
                CU_ASSERT_EQUAL(store_purge(s, slice_str(t.subject), 0, chance(3), &purged), STORE_OK);
            break;
        case 4:
            if (chance(10) == 0 && st.msgs > 0)
                CU_ASSERT_EQUAL(store_compact(s, some_seq(&st), &purged), STORE_OK);
            break;
        case 5:
            if (chance(40) == 0)
                CU_ASSERT_EQUAL(store_purge(s, SLICE_EMPTY, 0, 0, &purged), STORE_OK);
            break;
        case 6:
            CU_ASSERT_EQUAL(store_maintain(s, now_ns()), STORE_OK);
            break;
        default: {
            struct store_append a = {
                .ts = now_ns(), .subject = slice_str(t.subject), .hdr = slice_str(t.hdr)};
            a.data = slice_make(t.data, t.data_len);
            a.ttl_s = strstr(t.hdr, "876000h") != NULL ? 876000LL * 3600
                      : strstr(t.hdr, "never") != NULL ? -1
                                                       : 0;
            CU_ASSERT_EQUAL(store_append(s, &a, a.ts, &seq), STORE_OK);
            break;
        }
        }
        if (chance(5) == 0)
            CU_ASSERT_EQUAL(store_commit(s), STORE_OK);
    }
    CU_ASSERT_EQUAL(store_sync_now(s), STORE_OK);
}

static void expect_success(struct json *answer)
{
    if (json_get(answer, "error") != NULL)
        printf("%s\n", json_text(json_get(json_get(answer, "error"), "description")));
    CU_ASSERT_PTR_NULL(json_get(answer, "error"));
    json_free(answer);
}

static void work_there(struct go_server *g, const struct stream_case *c, size_t steps)
{
    char body[128];
    for (size_t i = 0; i < steps; i++) {
        struct text t;
        make_text(c, &t);
        uint64_t kind = chance(24);
        struct json *info = kind < 3 ? go_api(g, "STREAM.INFO", c->name, "") : NULL;
        if (info != NULL) {
            const struct json *state = json_get(info, "state");
            struct store_state st = {.msgs = json_u64(json_get(state, "messages")),
                                     .first = json_u64(json_get(state, "first_seq")),
                                     .last = json_u64(json_get(state, "last_seq"))};
            uint64_t seq = some_seq(&st);
            snprintf(body, sizeof body, "{\"seq\":%llu%s}", (unsigned long long)seq,
                     chance(2) == 0 ? ",\"no_erase\":true" : "");
            if (seq > 0) /* it may be deleted already */
                json_free(go_api(g, "STREAM.MSG.DELETE", c->name, body));
            json_free(info);
        } else if (kind == 3 && chance(6) == 0) {
            snprintf(body, sizeof body, "{\"filter\":\"%s\",\"keep\":%llu}", t.subject,
                     (unsigned long long)chance(3));
            expect_success(go_api(g, "STREAM.PURGE", c->name, body));
        } else {
            expect_success(go_request(g, t.subject, slice_str(t.hdr), slice_make(t.data, t.data_len)));
        }
    }
}

/* ---- comparison ---- */

/* What the Go server says of a stream: its state, and each message or an error. Kept for comparison after its
 * stop. */
struct told {
    struct json *info;
    struct json **msgs; /* from first to last */
    uint64_t first;
    uint64_t count;
};

static struct told ask(struct go_server *g, const char *stream)
{
    struct told t = {
        .info = go_api(g, "STREAM.INFO", stream, "{\"deleted_details\":true,\"subjects_filter\":\">\"}")};
    const struct json *state = json_get(t.info, "state");
    CU_ASSERT_PTR_NOT_NULL(state);
    t.first = json_u64(json_get(state, "first_seq"));
    uint64_t last = json_u64(json_get(state, "last_seq"));
    t.count = json_u64(json_get(state, "messages")) == 0 ? 0 : last - t.first + 1;
    t.msgs = calloc(t.count + 1, sizeof t.msgs[0]);
    for (uint64_t i = 0; i < t.count; i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"seq\":%llu}", (unsigned long long)(t.first + i));
        t.msgs[i] = go_api(g, "STREAM.MSG.GET", stream, body);
    }
    return t;
}

static void forget(struct told *t)
{
    json_free(t->info);
    for (uint64_t i = 0; i < t->count; i++)
        json_free(t->msgs[i]);
    free(t->msgs);
}

static void same_bytes(slice got, const struct json *base64)
{
    size_t len;
    uint8_t *want = go_base64(json_text(base64), &len);
    CU_ASSERT(slice_eq(got, slice_make(want, len)));
    free(want);
}

static void compare(struct store *s, const struct told *t)
{
    fixture_check_state(s, json_get(t->info, "state"));
    for (uint64_t i = 0; i < t->count; i++) {
        const struct json *m = json_get(t->msgs[i], "message");
        struct store_msg got;
        enum store_rc rc = store_load(s, t->first + i, &got);
        CU_ASSERT_EQUAL(rc, m == NULL ? STORE_NOT_FOUND : STORE_OK);
        if (m == NULL || rc != STORE_OK)
            continue;
        CU_ASSERT(slice_eq_str(got.subject, json_text(json_get(m, "subject"))));
        CU_ASSERT_EQUAL(got.ts, fixture_time(json_text(json_get(m, "time"))));
        same_bytes(got.hdr, json_get(m, "hdrs"));
        same_bytes(got.data, json_get(m, "data"));
    }
}

/* The server has nothing to complain about in what it found. */
static void check_no_complaint(const struct go_server *g)
{
    char *log = go_log(g), *save = NULL;
    for (char *line = strtok_r(log, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        bool bad =
            strstr(line, "[WRN]") != NULL || strstr(line, "[ERR]") != NULL || strstr(line, "[FTL]") != NULL;
        CU_ASSERT(!bad);
        if (bad)
            printf("%s\n", line);
    }
    free(log);
}

/* ---- rounds ---- */

/* midge's turn: in a process of its own when it is to be killed. */
static void midge_turn(struct fixture *f, const struct stream_case *c, const struct security *sec,
                       size_t steps, bool killed, bool no_index)
{
    if (killed) {
        pid_t pid = fork();
        if (pid == 0) {
            unsigned before = CU_get_number_of_failures();
            work_here(open_stream(f, c, sec), c, steps);
            _exit(CU_get_number_of_failures() > before);
        }
        int status;
        waitpid(pid, &status, 0);
        CU_ASSERT_EQUAL(status, 0);
        for (size_t i = 0; i < steps; i++)
            chance(2); /* go on elsewhere than the child did */
    } else {
        struct store *s = open_stream(f, c, sec);
        work_here(s, c, steps);
        CU_ASSERT_EQUAL(store_close(s, now_ns()), STORE_OK);
    }
    if (no_index)
        fixture_shell("rm -f '%s/jetstream/$G/streams/%s/msgs/index.db'", f->dir, c->name);
}

/* midge's view of all streams in the folder against what the Go server said of them. */
static void compare_all(struct fixture *f, const struct security *sec, struct told *told)
{
    for (size_t i = 0; i < STREAMS; i++) {
        unsigned before = CU_get_number_of_failures();
        struct store *s = open_stream(f, &streams[i], sec);
        compare(s, &told[i]);
        CU_ASSERT_EQUAL(store_close(s, now_ns()), STORE_OK);
        forget(&told[i]);
        if (CU_get_number_of_failures() > before)
            printf("stream %s differs\n", streams[i].name);
    }
}

/* What a fresh Go server makes of a copy of the folder. Removals by limits leave no trace in the files, so
 * after a kill that, not what was before it, is what both must agree on. */
static void ask_of_copy(const struct fixture *f, const struct security *sec, struct told *told, bool complain)
{
    struct fixture copy;
    struct go_server g;
    fixture_start(&copy, f->dir);
    go_start(&g, copy.dir, sec->config, "", "");
    if (!complain)
        check_no_complaint(&g);
    for (size_t i = 0; i < STREAMS; i++)
        told[i] = ask(&g, streams[i].name);
    go_stop(&g, SIGKILL);
    fixture_stop(&copy);
}

static void play(const struct security *sec, unsigned rounds, size_t steps)
{
    struct fixture f;
    fixture_start(&f, NULL);
    for (unsigned round = 0; round < rounds; round++) {
        struct told told[STREAMS];
        struct go_server g;
        bool midge_killed = round % 3 == 1, go_killed = round % 3 == 2, no_index = round % 4 == 2;
        unsigned before = CU_get_number_of_failures();
        for (size_t i = 0; i < STREAMS; i++)
            midge_turn(&f, &streams[i], sec, steps, midge_killed, no_index);
        ask_of_copy(&f, sec, told, midge_killed || no_index);
        compare_all(&f, sec, told);

        go_start(&g, f.dir, sec->config, "", "");
        for (size_t i = 0; i < STREAMS; i++) {
            work_there(&g, &streams[i], steps);
            told[i] = ask(&g, streams[i].name);
        }
        go_stop(&g, go_killed ? SIGKILL : SIGTERM);
        if (go_killed) {
            for (size_t i = 0; i < STREAMS; i++)
                forget(&told[i]);
            ask_of_copy(&f, sec, told, true);
        }
        compare_all(&f, sec, told);
        if (CU_get_number_of_failures() > before) {
            printf("security %s, round %u\n%s", sec->label, round, f.log);
            break;
        }
    }
    fixture_stop(&f);
}

/* What midge wrote, read by the Go server, against what midge itself reads. */
static void written_here(const struct security *sec)
{
    struct fixture f;
    struct go_server g;
    fixture_start(&f, NULL);
    for (size_t i = 0; i < STREAMS; i++)
        midge_turn(&f, &streams[i], sec, 600, false, false);
    go_start(&g, f.dir, sec->config, "", "");
    check_no_complaint(&g);
    struct told told[STREAMS];
    for (size_t i = 0; i < STREAMS; i++)
        told[i] = ask(&g, streams[i].name);
    go_stop(&g, SIGKILL);
    compare_all(&f, sec, told);
    fixture_stop(&f);
}

/* covers: ST-64 ST-78 ST-84 ST-243 ST-30 ST-60 ST-109 ST-238 */
static void test_written_here(void)
{
    for (size_t i = 0; i < sizeof securities / sizeof securities[0]; i++)
        written_here(&securities[i]);
}

/* covers: ST-244 ST-79 ST-68 */
static void test_rounds(void)
{
    const char *set = getenv("STORE_ROUNDS");
    unsigned rounds = set != NULL ? (unsigned)atoi(set) : 6;
    for (size_t i = 0; i < sizeof securities / sizeof securities[0]; i++) {
        seed = 88172645463325252ULL + i;
        play(&securities[i], rounds, 120);
    }
}

/* ---- consumers ---- */

static const char consumer_meta[] =
    "{\"Created\":\"2026-11-23T06:52:12.5Z\",\"Name\":\"dur\",\"durable_name\":\"dur\",\"name\":\"dur\","
    "\"deliver_policy\":\"all\",\"ack_policy\":\"explicit\",\"ack_wait\":3600000000000,\"max_deliver\":-1,"
    "\"replay_policy\":\"instant\",\"max_waiting\":512,\"max_ack_pending\":1000,\"num_replicas\":0}";

static struct consumer_store *open_consumer(struct fixture *f, const struct security *sec)
{
    static char dir[512];
    char why[64];
    struct consumer_store *c;
    snprintf(dir, sizeof dir, "%s/jetstream/$G/streams/PLAIN/obs/dur", f->dir);
    struct consumer_store_options o = {
        .host = &f->host, .dir = dir, .stream = SLICE_LIT("PLAIN"), .name = SLICE_LIT("dur")};
    o.meta = SLICE_LIT(consumer_meta);
    o.keys = (struct store_keys){.key = slice_str(sec->key), .cipher = sec->cipher, .info = SLICE_LIT("$G")};
    o.policy.ack = CONSUMER_ACK_EXPLICIT;
    CU_ASSERT_EQUAL_FATAL(consumer_store_open(&o, &c, why), STORE_OK);
    return c;
}

static void consumer_round(const struct security *sec)
{
    struct fixture f;
    struct go_server g;
    fixture_start(&f, NULL);
    struct store *s = open_stream(&f, &streams[0], sec);
    for (uint64_t i = 1; i <= 10; i++) {
        uint64_t seq;
        struct store_append a = {.ts = now_ns(), .subject = SLICE_LIT("p.1"), .data = SLICE_LIT("work")};
        CU_ASSERT_EQUAL(store_append(s, &a, a.ts, &seq), STORE_OK);
    }
    CU_ASSERT_EQUAL(store_close(s, now_ns()), STORE_OK);
    struct consumer_store *c = open_consumer(&f, sec);
    for (uint64_t i = 1; i <= 6; i++) {
        struct consumer_delivery d = {i, i, 1, now_ns()};
        CU_ASSERT_EQUAL(consumer_store_delivered(c, &d), STORE_OK);
    }
    struct consumer_delivery again = {7, 4, 2, now_ns()};
    CU_ASSERT_EQUAL(consumer_store_delivered(c, &again), STORE_OK);
    CU_ASSERT_EQUAL(consumer_store_acked(c, 1, 1), STORE_OK);
    CU_ASSERT_EQUAL(consumer_store_acked(c, 3, 3), STORE_OK);
    CU_ASSERT_EQUAL(consumer_store_close(c, now_ns()), STORE_OK);

    go_start(&g, f.dir, sec->config, "", "");
    check_no_complaint(&g);
    struct json *info = go_request(&g, "$JS.API.CONSUMER.INFO.PLAIN.dur", SLICE_EMPTY, SLICE_EMPTY);
    CU_ASSERT_EQUAL(json_u64(json_get(json_get(info, "delivered"), "consumer_seq")), 7);
    CU_ASSERT_EQUAL(json_u64(json_get(json_get(info, "delivered"), "stream_seq")), 6);
    CU_ASSERT_EQUAL(json_u64(json_get(json_get(info, "ack_floor"), "stream_seq")), 1);
    CU_ASSERT_EQUAL(json_u64(json_get(info, "num_ack_pending")), 4);
    CU_ASSERT_EQUAL(json_u64(json_get(info, "num_redelivered")), 1);
    CU_ASSERT_EQUAL(json_u64(json_get(info, "num_pending")), 4);
    CU_ASSERT_STRING_EQUAL(json_text(json_get(info, "created")), "2026-11-23T06:52:12.5Z");
    json_free(info);
    go_stop(&g, SIGTERM);

    c = open_consumer(&f, sec);
    const struct consumer_state *st = consumer_store_state(c);
    CU_ASSERT(st->delivered.consumer == 7 && st->delivered.stream == 6);
    CU_ASSERT(st->floor.consumer == 1 && st->floor.stream == 1);
    CU_ASSERT_EQUAL(st->pending.count, 4);
    CU_ASSERT_EQUAL(seqmap_get(&st->pending, 4)->a, 4);
    CU_ASSERT_EQUAL(seqmap_get(&st->redelivered, 4)->a, 1);
    CU_ASSERT_EQUAL(consumer_store_close(c, now_ns()), STORE_OK);
    fixture_stop(&f);
}

/* covers: ST-18 ST-27 ST-80 ST-81 ST-126 */
static void test_consumers(void)
{
    for (size_t i = 0; i < sizeof securities / sizeof securities[0]; i++)
        consumer_round(&securities[i]);
}

/* A store that one cipher wrote opens under another one and under a new key, and the Go server reads the
 * result. covers: ST-84 ST-85 ST-86 */
static void test_conversions(void)
{
    struct fixture f;
    struct go_server g;
    fixture_start(&f, NULL);
    for (size_t i = 0; i < sizeof securities / sizeof securities[0]; i++) {
        for (size_t k = 0; k < STREAMS; k++)
            midge_turn(&f, &streams[k], &securities[i], 100, false, false);
        struct consumer_store *c = open_consumer(&f, &securities[i]);
        struct consumer_delivery d = {i + 1, i + 1, 1, now_ns()};
        CU_ASSERT_EQUAL(consumer_state_check(consumer_store_state(c), consumer_store_state(c), true, NULL, 0),
                        NULL);
        CU_ASSERT_EQUAL(consumer_store_delivered(c, &d), STORE_OK);
        CU_ASSERT_EQUAL(consumer_store_state(c)->delivered.stream, i + 1);
        CU_ASSERT_EQUAL(consumer_store_close(c, now_ns()), STORE_OK);
        go_start(&g, f.dir, securities[i].config, "", "");
        check_no_complaint(&g);
        for (size_t k = 0; k < STREAMS; k++) {
            struct told t = ask(&g, streams[k].name);
            forget(&t);
        }
        go_stop(&g, SIGTERM);
    }
    /* No plain body is left in any block file of the encrypted store. */
    char cmd[512];
    snprintf(cmd, sizeof cmd, "grep -rqa abcdefgabcdefg '%s/jetstream'", f.dir);
    CU_ASSERT_NOT_EQUAL(system(cmd), 0);
    fixture_stop(&f);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_written_here),
    UNIT_TEST(test_rounds),
    UNIT_TEST(test_consumers),
    UNIT_TEST(test_conversions),
};

int main(int argc, char **argv)
{
    if (go_server_program() == NULL) {
        printf("SKIP store interop: no Go server (NATS_SERVER)\n0 passed, 0 failed, %zu skipped\n",
               sizeof tests / sizeof tests[0]);
        return 0;
    }
    return unit_run("store interop", tests, sizeof tests / sizeof tests[0], argc, argv);
}
