/* Damage, and what is left of a store after it. The golden list states what the Go server makes of each case;
 * where midge does better on purpose (docs/differences/store.md) the table says so. */
#include "store_fixture.h"

#define GOLDEN "tests/golden/store/crash-base/"

struct damage_case {
    const char *name;    /* in recovery.json; "" for cases of our own */
    const char *command; /* in the streams' folder */
    /* What differs from the golden state of ONE, when `differs`. */
    bool differs;
    uint64_t msgs, bytes, first, last, lost_bytes;
    uint64_t lost_first, lost_last; /* 0: only bytes are lost */
};

#define INVERT                                                                               \
    "invert() { b=$(od -An -tu1 -j$2 -N1 $1); printf \"\\\\$(printf %03o $((255 - b)))\" | " \
    "dd of=$1 bs=1 seek=$2 conv=notrunc status=none; }; "

static const struct damage_case damages[] = {
    {.name = "tail-garbage", .command = "printf '\\057\\000\\000\\000garbage-tail' >> ONE/msgs/1.blk"},
    {.name = "tail-torn", .command = "truncate -s -7 ONE/msgs/1.blk"},
    {.name = "tail-torn-noindex", .command = "truncate -s -7 ONE/msgs/1.blk; rm ONE/msgs/index.db"},
    {.name = "mid-badsum", .command = INVERT "invert ONE/msgs/1.blk 202"},
    /* D5: one bad record costs that record */
    {.name = "mid-badsum-noindex",
     .command = INVERT "invert ONE/msgs/1.blk 202; rm ONE/msgs/index.db",
     .differs = true,
     .msgs = 9,
     .bytes = 378,
     .first = 1,
     .last = 10,
     .lost_bytes = 42,
     .lost_first = 5,
     .lost_last = 5},
    {.name = "noindex", .command = "rm ONE/msgs/index.db MULTI/msgs/index.db"},
    {.name = "bad-index", .command = INVERT "invert ONE/msgs/index.db 5; invert MULTI/msgs/index.db 12"},
    {.name = "missing-first-blk", .command = "rm MULTI/msgs/1.blk"},
    {.name = "missing-mid-blk", .command = "rm MULTI/msgs/2.blk"},
    {.name = "missing-last-blk", .command = "rm MULTI/msgs/3.blk"},
    {.name = "missing-mid-blk-noindex", .command = "rm MULTI/msgs/2.blk MULTI/msgs/index.db"},
    {.name = "missing-only-blk", .command = "rm ONE/msgs/1.blk"},
    {.name = "empty-blk", .command = "truncate -s 0 ONE/msgs/1.blk"},
    {.name = "extra-blk", .command = "cp MULTI/msgs/3.blk MULTI/msgs/9.blk"},
    {.name = "blk-tmp-leftover",
     .command = "cp MULTI/msgs/3.blk MULTI/msgs/3.blk.tmp; cp MULTI/msgs/3.blk MULTI/msgs/3.new"},
    {.name = "purge-partial-newmsgs", .command = "mkdir ONE/__new_msgs__; touch ONE/__new_msgs__/2.blk"},
    {.name = "purge-partial-msgs", .command = "cp -r ONE/msgs ONE/__msgs__"},
    {.name = "short-index", .command = "printf '\\013\\004short' > ONE/msgs/index.db"},
    /* A purge that had only moved its key away: undone. */
    {.name = "noindex", .command = "rm ONE/msgs/index.db MULTI/msgs/index.db; mkdir ONE/__new_msgs__"},
};

static struct store *open_stream(struct fixture *f, const struct json *config)
{
    static char dir[512];
    struct store *s;
    snprintf(dir, sizeof dir, "%s/jetstream/$G/streams/%s", f->dir, json_text(json_get(config, "name")));
    struct file_store_options o = fixture_options(f, dir, config, NULL);
    CU_ASSERT_EQUAL_FATAL(file_store_open(&o, &s), STORE_OK);
    return s;
}

/* "31..60 (30)", [1,2,..] or null. */
static void lost_range(const struct json *lost, uint64_t *first, uint64_t *last)
{
    const struct json *msgs = json_get(lost, "msgs");
    *first = *last = 0;
    if (msgs != NULL && msgs->type == JSON_STRING) {
        sscanf(msgs->text, "%lu..%lu", first, last);
    } else if (msgs != NULL && msgs->type == JSON_ARRAY) {
        *first = json_u64(msgs->first);
        for (const struct json *m = msgs->first; m != NULL; m = m->next)
            *last = json_u64(m);
    }
}

static void check_lost(struct store *s, uint64_t first, uint64_t last, uint64_t bytes)
{
    struct store_lost lost[8];
    size_t count;
    uint64_t lost_bytes, got_first = 0, got_last = 0;
    CU_ASSERT_EQUAL(store_lost_data(s, lost, 8, &count, &lost_bytes), STORE_OK);
    CU_ASSERT_EQUAL(lost_bytes, bytes);
    for (size_t i = 0; i < count && i < 8; i++) {
        if (lost[i].first == 0)
            continue;
        got_first = got_first == 0 ? lost[i].first : got_first;
        got_last = lost[i].last;
    }
    CU_ASSERT_EQUAL(got_first, first);
    CU_ASSERT_EQUAL(got_last, last);
}

/* Every sequence either loads or is one of `bad`. */
static void check_reads(struct store *s, uint64_t bad)
{
    struct store_state st;
    struct store_msg m;
    uint64_t good = 0;
    store_state(s, &st);
    for (uint64_t seq = 1; seq <= st.last; seq++) {
        enum store_rc rc = store_load(s, seq, &m);
        CU_ASSERT(rc == STORE_OK || rc == STORE_NOT_FOUND);
        good += rc == STORE_OK;
        if (rc == STORE_OK)
            CU_ASSERT(m.seq == seq && m.subject.len > 0);
    }
    CU_ASSERT_EQUAL(good, st.msgs - bad);
}

static void check_golden(struct store *s, const struct json *want, uint64_t unreadable)
{
    const struct json *state = json_get(want, "state_or_error"), *lost = json_get(state, "lost");
    struct store_state st;
    uint64_t first, last;
    store_state(s, &st);
    CU_ASSERT_EQUAL(st.msgs, json_u64(json_get(state, "messages")));
    CU_ASSERT_EQUAL(st.bytes, json_u64(json_get(state, "bytes")));
    CU_ASSERT_EQUAL(st.first, json_u64(json_get(state, "first_seq")));
    CU_ASSERT_EQUAL(st.last, json_u64(json_get(state, "last_seq")));
    CU_ASSERT_EQUAL(st.first_ts, fixture_time(json_text(json_get(state, "first_ts"))));
    CU_ASSERT_EQUAL(st.last_ts, fixture_time(json_text(json_get(state, "last_ts"))));
    if (st.last > 0)
        CU_ASSERT_EQUAL(st.num_deleted, json_u64(json_get(state, "num_deleted")));
    lost_range(lost, &first, &last);
    check_lost(s, first, last, json_u64(json_get(lost, "bytes")));
    check_reads(s, unreadable);
}

static void check_own(struct store *s, const struct damage_case *c)
{
    struct store_state st;
    store_state(s, &st);
    CU_ASSERT_EQUAL(st.msgs, c->msgs);
    CU_ASSERT_EQUAL(st.bytes, c->bytes);
    CU_ASSERT_EQUAL(st.first, c->first);
    CU_ASSERT_EQUAL(st.last, c->last);
    check_lost(s, c->lost_first, c->lost_last, c->lost_bytes);
    check_reads(s, 0);
}

/* After recovery and a stop the store opens without a complaint and with the same state. */
static void check_settled(struct fixture *f, const struct json *config, const struct store_state *was)
{
    struct store_state st;
    f->log[0] = 0;
    struct store *s = open_stream(f, config);
    store_state(s, &st);
    CU_ASSERT_EQUAL(memcmp(&st, was, sizeof st), 0);
    CU_ASSERT_STRING_EQUAL(f->log, "");
    check_lost(s, 0, 0, 0);
    CU_ASSERT_EQUAL(store_close(s, FIXTURE_NOW), STORE_OK);
}

static const struct json *golden_case(const struct json *list, const char *name)
{
    for (const struct json *c = list->first; c != NULL; c = c->next) {
        if (strcmp(json_text(json_get(c, "name")), name) == 0)
            return c;
    }
    json_die(name);
    return NULL;
}

static void check_logged(const struct fixture *f, const struct json *warnings)
{
    for (const struct json *w = warnings->first; w != NULL; w = w->next) {
        const char *text = strstr(w->text, "Filestore");
        CU_ASSERT(text == NULL || strstr(f->log, text) != NULL);
    }
}

/* covers: ST-161 ST-162 ST-163 ST-164 ST-165 ST-166 ST-167 ST-168 ST-99 ST-6 ST-173 ST-174 */
static void test_golden_damages(void)
{
    struct json *list = json_load(GOLDEN "recovery.json"), *expected = json_load(GOLDEN "expected.json");
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        const struct damage_case *c = &damages[i];
        const struct json *want = golden_case(list, c->name);
        static const char *const streams[] = {"ONE", "MULTI"};
        struct fixture f;
        fixture_start(&f, GOLDEN "store");
        fixture_shell("cd '%s/jetstream/$G/streams' && %s", f.dir, c->command);
        for (size_t k = 0; k < 2; k++) {
            const struct json *config = json_get(json_get(expected, streams[k]), "config");
            bool flipped = strcmp(c->name, "mid-badsum") == 0 && k == 0;
            struct store *s = open_stream(&f, config);
            unsigned before = CU_get_number_of_failures();
            if (c->differs && k == 0)
                check_own(s, c);
            else if (flipped)
                check_reads(s, 1); /* found when it is read: then it is reported */
            else
                check_golden(s, json_get(json_get(want, "streams"), streams[k]), 0);
            if (flipped)
                check_lost(s, 5, 5, 0);
            struct store_state st;
            store_state(s, &st);
            CU_ASSERT_EQUAL(store_close(s, FIXTURE_NOW), STORE_OK);
            if (!flipped)
                check_settled(&f, config, &st);
            if (CU_get_number_of_failures() > before)
                printf("in case %s, stream %s\n%s", c->name, streams[k], f.log);
        }
        fixture_stop(&f);
    }
    json_free(list);
    json_free(expected);
}

/* covers: ST-99 */
static void test_golden_warnings(void)
{
    struct json *list = json_load(GOLDEN "recovery.json"), *expected = json_load(GOLDEN "expected.json");
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct fixture f;
        fixture_start(&f, GOLDEN "store");
        fixture_shell("cd '%s/jetstream/$G/streams' && %s", f.dir, damages[i].command);
        CU_ASSERT_EQUAL(
            store_close(open_stream(&f, json_get(json_get(expected, "ONE"), "config")), FIXTURE_NOW),
            STORE_OK);
        CU_ASSERT_EQUAL(
            store_close(open_stream(&f, json_get(json_get(expected, "MULTI"), "config")), FIXTURE_NOW),
            STORE_OK);
        check_logged(&f, json_get(golden_case(list, damages[i].name), "warnings"));
        fixture_stop(&f);
    }
    json_free(list);
    json_free(expected);
}

static void put_file(const struct fixture *f, const char *name, const char *bytes, size_t len)
{
    char path[512];
    snprintf(path, sizeof path, "%s/jetstream/$G/streams/ONE/msgs/%s", f->dir, name);
    FILE *out = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, len, out), len);
    fclose(out);
}

/* Flip every single byte of a block, with and without its index: never a wrong message, never more lost than
 * the record that was hit. covers: ST-164 ST-174 */
static void test_every_byte_flipped(void)
{
    struct json *expected = json_load(GOLDEN "expected.json");
    const struct json *config = json_get(json_get(expected, "ONE"), "config");
    size_t block_len, index_len = 0;
    char *block = json_read_file(GOLDEN "store/jetstream/$G/streams/ONE/msgs/1.blk", &block_len);
    char *index = json_read_file(GOLDEN "store/jetstream/$G/streams/ONE/msgs/index.db", &index_len);
    CU_ASSERT_EQUAL(block_len, 420);
    struct fixture f;
    fixture_start(&f, GOLDEN "store");
    for (size_t at = 0; at < 2 * block_len; at++) {
        size_t byte = at / 2;
        fixture_shell("rm -f '%s/jetstream/$G/streams/ONE/msgs/'*%s", f.dir, "");
        block[byte] = (char)~block[byte];
        put_file(&f, "1.blk", block, block_len);
        block[byte] = (char)~block[byte];
        if (at % 2 == 0)
            put_file(&f, "index.db", index, index_len);
        struct store *s = open_stream(&f, config);
        uint64_t hit = byte / 42 + 1, good = 0;
        const struct json *m = json_get(json_get(expected, "ONE"), "messages")->first;
        for (uint64_t seq = 1; seq <= 10; seq++, m = m->next) {
            struct store_msg got;
            if (store_load(s, seq, &got) != STORE_OK) {
                CU_ASSERT_EQUAL(seq, hit);
                continue;
            }
            good++;
            if (byte % 42 != 20 && byte % 42 != 21) /* the subject's length stands under no checksum */
                fixture_check_message(s, m);
        }
        CU_ASSERT(good >= 9);
        CU_ASSERT_EQUAL(store_close(s, FIXTURE_NOW), STORE_OK);
    }
    fixture_stop(&f);
    free(block);
    free(index);
    json_free(expected);
}

/* What was lost comes back from a replica. */
static void test_repair(void)
{
    struct json *expected = json_load(GOLDEN "expected.json");
    const struct json *one = json_get(expected, "ONE");
    for (int with_index = 0; with_index < 2; with_index++) {
        struct fixture f;
        fixture_start(&f, GOLDEN "store");
        fixture_shell("cd '%s/jetstream/$G/streams' && %s", f.dir, INVERT "invert ONE/msgs/1.blk 202");
        if (!with_index)
            fixture_shell("rm '%s/jetstream/$G/streams/ONE/msgs/index.db'%s", f.dir, "");
        struct store *s = open_stream(&f, json_get(one, "config"));
        struct store_msg m;
        CU_ASSERT_EQUAL(store_load(s, 5, &m), STORE_NOT_FOUND);
        const struct json *want = json_get(one, "messages")->first;
        for (int i = 0; i < 4; i++)
            want = want->next;
        struct store_msg back = {.seq = 5,
                                 .ts = fixture_time(json_text(json_get(want, "time"))),
                                 .subject = slice_str(json_text(json_get(want, "subject"))),
                                 .data = slice_str(json_text(json_get(want, "data")))};
        back.seq = 4;
        CU_ASSERT_EQUAL(store_repair(s, &back), STORE_INVALID);
        back.seq = 5;
        CU_ASSERT_EQUAL(store_repair(s, &back), STORE_OK);
        fixture_check_state(s, json_get(one, "state"));
        for (want = json_get(one, "messages")->first; want != NULL; want = want->next)
            fixture_check_message(s, want);
        CU_ASSERT_EQUAL(store_close(s, FIXTURE_NOW), STORE_OK);
        s = open_stream(&f, json_get(one, "config"));
        fixture_check_state(s, json_get(one, "state"));
        CU_ASSERT_EQUAL(store_close(s, FIXTURE_NOW), STORE_OK);
        fixture_stop(&f);
    }
    json_free(expected);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_golden_damages),
    UNIT_TEST(test_golden_warnings),
    UNIT_TEST(test_every_byte_flipped),
    UNIT_TEST(test_repair),
};

UNIT_MAIN("store recovery", tests)
