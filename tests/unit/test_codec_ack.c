/* The small texts: durations and sizes, acknowledgements, ack subjects of both layouts, pull requests.
 * covers: JA-194 JS-161 JS-162 */
#include "unit.h"
#include <midge/ack.h>
#include <midge/duration.h>
#include <stdlib.h>

/* A copy of exactly these bytes: a read past them is seen by a sanitizer. */
static slice copy_of(const char *s)
{
    size_t n = strlen(s);
    uint8_t *p = malloc(n + (n == 0));
    memcpy(p, s, n);
    return slice_make(p, n);
}

static void drop(slice s)
{
    free((void *)(uintptr_t)s.ptr);
}

static void test_duration_read(void)
{
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"0", 0},
        {"+0", 0},
        {"-0", 0},
        {"0s", 0},
        {"5s", 5000000000},
        {"+5s", 5000000000},
        {"-5s", -5000000000},
        {"1478s", 1478000000000},
        {"5.0s", 5000000000},
        {"5.6s", 5600000000},
        {"5.s", 5000000000},
        {".5s", 500000000},
        {"1.0s", 1000000000},
        {"1.00s", 1000000000},
        {"1.004s", 1004000000},
        {"100.00100s", 100001000000},
        {"10ns", 10},
        {"11us", 11000},
        {"12\302\265s", 12000},
        {"12\316\274s", 12000},
        {"13ms", 13000000},
        {"14s", 14000000000},
        {"15m", 900000000000},
        {"16h", 57600000000000},
        {"3h30m", 12600000000000},
        {"10.5s4m", 250500000000},
        {"-2m3.4s", -123400000000},
        {"1h2m3s4ms5us6ns", 3723004005006},
        {"39h9m14.425s", 140954425000000},
        {"52763797000ns", 52763797000},
        {"0.3333333333333333333h", 1200000000000},
        {"9007199254740993ns", 9007199254740993},
        {"9223372036854775807ns", INT64_MAX},
        {"9223372036854775.807us", INT64_MAX},
        {"-9223372036854775808ns", INT64_MIN},
        {"9223372036s854ms775us807ns", INT64_MAX},
        {"-2562047h47m16.854775808s", INT64_MIN},
        {"0.100000000000000000000h", 360000000000},
        {"0.830103483285477580700h", 2988372539827},
        {"0.9223372036854775807ns", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        slice text = copy_of(cases[i].text);
        int64_t ns = -1;
        CU_ASSERT_EQUAL(codec_duration_read(text, &ns, NULL), CODEC_DURATION_OK);
        CU_ASSERT_EQUAL(ns, cases[i].ns);
        if (ns != cases[i].ns)
            printf("  %s gave %lld\n", cases[i].text, (long long)ns);
        drop(text);
    }
}

static void test_duration_refused(void)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"", "time: invalid duration \"\""},
        {"abc", "time: invalid duration \"abc\""},
        {"3", "time: missing unit in duration \"3\""},
        {"5", "time: missing unit in duration \"5\""},
        {"-", "time: invalid duration \"-\""},
        {"s", "time: invalid duration \"s\""},
        {".", "time: invalid duration \".\""},
        {"-.", "time: invalid duration \"-.\""},
        {".s", "time: invalid duration \".s\""},
        {"+.s", "time: invalid duration \"+.s\""},
        {"5x", "time: unknown unit \"x\" in duration \"5x\""},
        {"1d", "time: unknown unit \"d\" in duration \"1d\""},
        {"1 s", "time: unknown unit \" s\" in duration \"1 s\""},
        {"1msx", "time: unknown unit \"msx\" in duration \"1msx\""},
        {"1n", "time: unknown unit \"n\" in duration \"1n\""},
        /* as nats-server 2.15.1 reports them for write_deadline */
        {"5\302\265", "time: unknown unit \"\\xc2\\xb5\" in duration \"5\\xc2\\xb5\""},
        {"1\303\2512s", "time: unknown unit \"\\xc3\\xa9\" in duration \"1\\xc3\\xa92s\""},
        {"\342\202\254", "time: invalid duration \"\\xe2\\x82\\xac\""},
        {"5\tx", "time: unknown unit \"\\x09x\" in duration \"5\\x09x\""},
        {"5\177", "time: unknown unit \"\177\" in duration \"5\177\""},
        {"5\303\251\"x", "time: unknown unit \"\\xc3\\xa9\\\"x\" in duration \"5\\xc3\\xa9\\\"x\""},
        {"5\\x", "time: unknown unit \"\\\\x\" in duration \"5\\\\x\""},
        {"5x`y", "time: unknown unit \"x`y\" in duration \"5x`y\""},
        {"\205\205", "time: invalid duration \"\\x85\\x85\""},
        {"1h5", "time: missing unit in duration \"1h5\""},
        {"1.5.5s", "time: missing unit in duration \"1.5.5s\""},
        {"9223372036854775810ns", "time: invalid duration \"9223372036854775810ns\""},
        {"9223372036854775808ns", "time: invalid duration \"9223372036854775808ns\""},
        {"-9223372036854775809ns", "time: invalid duration \"-9223372036854775809ns\""},
        {"9223372036854776us", "time: invalid duration \"9223372036854776us\""},
        {"3000000h", "time: invalid duration \"3000000h\""},
        {"9223372036854775.808us", "time: invalid duration \"9223372036854775.808us\""},
        {"9223372036854ms775us808ns", "time: invalid duration \"9223372036854ms775us808ns\""},
        {"99999999999999999999s", "time: invalid duration \"99999999999999999999s\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        slice text = copy_of(cases[i].text), unit = SLICE_EMPTY;
        int64_t ns;
        char said[200];
        struct codec_out out = codec_out_on(said, sizeof(said));
        enum codec_duration_error error = codec_duration_read(text, &ns, &unit);
        CU_ASSERT_NOT_EQUAL(error, CODEC_DURATION_OK);
        codec_duration_error_text(&out, error, text, unit);
        CU_ASSERT(slice_eq_str(codec_out_slice(&out), cases[i].said));
        if (!slice_eq_str(codec_out_slice(&out), cases[i].said))
            printf("  %s said %.*s\n", cases[i].text, (int)out.len, said);
        drop(text);
    }
    struct codec_out out = codec_out_on(NULL, 0);
    codec_duration_error_text(&out, CODEC_DURATION_OK, SLICE_EMPTY, SLICE_EMPTY);
    CU_ASSERT_EQUAL(out.len, 0);
}

static void test_duration_text(void)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "0s"},
        {1, "1ns"},
        {1100, "1.1\302\265s"},
        {2200000, "2.2ms"},
        {3300000000, "3.3s"},
        {245000000000, "4m5s"},
        {245001000000, "4m5.001s"},
        {18367001000000, "5h6m7.001s"},
        {480000000001, "8m0.000000001s"},
        {INT64_MAX, "2562047h47m16.854775807s"},
        {INT64_MIN, "-2562047h47m16.854775808s"},
        {3600000000000, "1h0m0s"},
        {-1500000000, "-1.5s"},
        {999, "999ns"},
        {100000, "100\302\265s"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char buf[CODEC_DURATION_TEXT];
        int64_t back;
        size_t n = codec_duration_text(cases[i].ns, buf);
        CU_ASSERT_STRING_EQUAL(buf, cases[i].text);
        CU_ASSERT_EQUAL(n, strlen(buf));
        CU_ASSERT_EQUAL(codec_duration_read(slice_make(buf, n), &back, NULL), CODEC_DURATION_OK);
        CU_ASSERT_EQUAL(back, cases[i].ns);
    }
}

static void test_size(void)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {{"0", 0},
                 {"17", 17},
                 {"1k", 1000},
                 {"1K", 1000},
                 {"1kb", 1024},
                 {"1KiB", 1024},
                 {"2ki", 2048},
                 {"3mb", 3 << 20},
                 {"1G", 1000000000},
                 {"1gib", 1 << 30},
                 {"1T", 1000000000000},
                 {"1tb", INT64_C(1) << 40},
                 {"1p", 1000000000000000},
                 {"1pi", INT64_C(1) << 50},
                 {"9e", 9000000000000000000},
                 {"7eib", INT64_C(7) << 60},
                 {"9223372036854775807", INT64_MAX}};
    int64_t v;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        slice text = copy_of(cases[i].text);
        CU_ASSERT_TRUE(codec_size_read(text, &v));
        CU_ASSERT_EQUAL(v, cases[i].bytes);
        drop(text);
    }
    static const char *const bad[] = {"",
                                      "k",
                                      "-1",
                                      "1kbb",
                                      "1kx",
                                      "1x",
                                      "1 k",
                                      "8eib",
                                      "10e",
                                      "9223372036854775808",
                                      "99999999999999999999",
                                      "1kib ",
                                      "1.5k"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        slice text = copy_of(bad[i]);
        CU_ASSERT_FALSE(codec_size_read(text, &v));
        drop(text);
    }
}

static void test_ack(void)
{
    static const struct {
        const char *payload;
        enum codec_ack_kind kind;
        const char *rest;
    } cases[] = {
        {"", CODEC_ACK_ACK, ""},
        {"+ACK", CODEC_ACK_ACK, ""},
        {"+OK", CODEC_ACK_ACK, ""},
        {"+ACK ", CODEC_ACK_UNKNOWN, "+ACK "},
        {"+OKx", CODEC_ACK_UNKNOWN, "+OKx"},
        {"+ack", CODEC_ACK_UNKNOWN, "+ack"},
        {"+WPI", CODEC_ACK_PROGRESS, ""},
        {"+WPI ", CODEC_ACK_UNKNOWN, "+WPI "},
        {"-NAK", CODEC_ACK_NAK, ""},
        {"-NAK  10s ", CODEC_ACK_NAK, "10s"},
        {"-NAKx", CODEC_ACK_NAK, "x"},
        {"+NXT", CODEC_ACK_NEXT, ""},
        {"+NXT 5", CODEC_ACK_NEXT, "5"},
        {"+NXT{\"batch\":1}", CODEC_ACK_NEXT, "{\"batch\":1}"},
        {"+TERM", CODEC_ACK_TERM, ""},
        {"+TERM no good ", CODEC_ACK_TERM, "no good"},
        {"+TER", CODEC_ACK_UNKNOWN, "+TER"},
        {"x", CODEC_ACK_UNKNOWN, "x"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        slice payload = copy_of(cases[i].payload);
        struct codec_ack a = codec_ack_read(payload);
        CU_ASSERT_EQUAL(a.kind, cases[i].kind);
        CU_ASSERT(slice_eq_str(a.rest, cases[i].rest));
        uint8_t out[64];
        size_t n = codec_ack_encode(&a, out, sizeof(out));
        struct codec_ack b = codec_ack_read(slice_make(out, n));
        CU_ASSERT(b.kind == a.kind && slice_eq(a.rest, b.rest));
        if (n > 0) {
            out[0] = 0xee;
            CU_ASSERT_EQUAL(codec_ack_encode(&a, out, n - 1), n);
            CU_ASSERT_EQUAL(out[0], 0xee);
        }
        drop(payload);
    }
    int64_t ns = -1;
    CU_ASSERT_TRUE(codec_ack_delay(SLICE_EMPTY, &ns));
    CU_ASSERT_EQUAL(ns, 0);
    CU_ASSERT_TRUE(codec_ack_delay(SLICE_LIT("100ms"), &ns));
    CU_ASSERT_EQUAL(ns, 100000000);
    CU_ASSERT_TRUE(codec_ack_delay(SLICE_LIT("{\"delay\": 5000}"), &ns));
    CU_ASSERT_EQUAL(ns, 5000);
    CU_ASSERT_FALSE(codec_ack_delay(SLICE_LIT("soon"), &ns));
    CU_ASSERT_FALSE(codec_ack_delay(SLICE_LIT("{\"delay\":\"5s\"}"), &ns));
    CU_ASSERT_EQUAL(ns, 0);
}

static void test_ack_reply(void)
{
    struct codec_ack_reply r;
    uint8_t out[200];
    slice v1 = SLICE_LIT("$JS.ACK.ORDERS.worker.1.22.7.1700000000123456789.3");
    CU_ASSERT_TRUE_FATAL(codec_ack_reply_read(v1, &r));
    CU_ASSERT_FALSE(r.v2);
    CU_ASSERT(slice_eq_str(r.stream, "ORDERS") && slice_eq_str(r.consumer, "worker"));
    CU_ASSERT(r.delivered == 1 && r.stream_seq == 22 && r.consumer_seq == 7 && r.pending == 3);
    CU_ASSERT_EQUAL(r.timestamp, 1700000000123456789);
    CU_ASSERT(slice_eq(slice_make(out, codec_ack_reply_encode(&r, out, sizeof(out))), v1));
    CU_ASSERT_EQUAL(codec_ack_reply_encode(&r, out, 3), v1.len);
    slice v2 = SLICE_LIT("$JS.ACK._.szMpdrwD.ORDERS.worker.1.22.7.1700000000123456789.3");
    CU_ASSERT_TRUE_FATAL(codec_ack_reply_read(v2, &r));
    CU_ASSERT(r.v2 && slice_eq_str(r.domain, "_") && slice_eq_str(r.account_hash, "szMpdrwD"));
    CU_ASSERT(slice_eq(slice_make(out, codec_ack_reply_encode(&r, out, sizeof(out))), v2));
    CU_ASSERT_TRUE(codec_ack_reply_read(SLICE_LIT("$JS.ACK.d.h.S.C.1.2.3.4.5.x.y"), &r));
    CU_ASSERT_EQUAL(r.pending, 5);
    static const char *const bad[] = {"",
                                      "$JS.ACK",
                                      "$JS.ACK.",
                                      "$JS.ACK.S.C.1.2.3.4",
                                      "$JS.ACK.S.C.1.2.3.4.5.6",
                                      "$JS.ACK.S.C.x.2.3.4.5",
                                      "$JS.ACK.S.C.1..3.4.5",
                                      "$JS.ACK.S.C.1.-2.3.4.5",
                                      "$JS.ACK.S.C.1.2.9223372036854775808.4.5",
                                      "$JS.ACX.S.C.1.2.3.4.5"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        slice text = copy_of(bad[i]);
        CU_ASSERT_FALSE(codec_ack_reply_read(text, &r));
        drop(text);
    }
    slice ack, subject;
    CU_ASSERT_TRUE(codec_ack_reply_split(SLICE_LIT("$JS.ACK.S.C.1.2.3.4.5@foo.bar@x"), &ack, &subject));
    CU_ASSERT(slice_eq_str(ack, "$JS.ACK.S.C.1.2.3.4.5") && slice_eq_str(subject, "foo.bar@x"));
    CU_ASSERT_TRUE(codec_ack_reply_split(SLICE_LIT("$JS.ACK.S@x.C@y.1.2.3.4.5@f"), &ack, &subject));
    CU_ASSERT(slice_eq_str(subject, "f"));
    CU_ASSERT_FALSE(codec_ack_reply_split(SLICE_LIT("$JS.ACK.S.C@x.1.2.3.4.5"), &ack, &subject));
    CU_ASSERT_FALSE(codec_ack_reply_split(SLICE_LIT("_INBOX.a.b.c.d.e.f.g.h@x"), &ack, &subject));
}

static bool pull_is(const struct codec_pull *a, const struct codec_pull *b)
{
    return a->json == b->json && a->batch == b->batch && a->expires == b->expires &&
           a->max_bytes == b->max_bytes && a->no_wait == b->no_wait &&
           a->idle_heartbeat == b->idle_heartbeat && slice_eq(a->group, b->group) &&
           a->min_pending == b->min_pending && a->min_ack_pending == b->min_ack_pending &&
           slice_eq(a->id, b->id) && a->priority == b->priority;
}

static void test_pull(void)
{
    static const struct {
        const char *body;
        struct codec_pull pull;
    } cases[] = {
        {"", {.batch = 1}},
        {" \r\n", {.batch = 1}},
        {"5", {.batch = 5}},
        {" +7 ", {.batch = 7}},
        {"0", {.batch = 1}},
        {"-3", {.batch = 1}},
        {"x", {.batch = 1}},
        {"+", {.batch = 1}},
        {"99999999999999999999", {.batch = 1}},
        {"{}", {.json = true, .batch = 1}},
        {" {\"batch\" : 10, \"no_wait\":true}\n", {.json = true, .batch = 10, .no_wait = true}},
        {"{\"expires\":30000000000,\"batch\":-1}", {.json = true, .batch = 1, .expires = 30000000000}},
        {"{\"max_bytes\":1,\"idle_heartbeat\":2,\"group\":\"g\",\"min_pending\":3,\"min_ack_pending\":4,"
         "\"id\":\"i\","
         "\"priority\":5,\"no_wait\":false}",
         {.json = true,
          .batch = 1,
          .max_bytes = 1,
          .idle_heartbeat = 2,
          .group = {(const uint8_t *)"g", 1},
          .min_pending = 3,
          .min_ack_pending = 4,
          .id = {(const uint8_t *)"i", 1},
          .priority = 5}},
        /* what the fast path does not know */
        {"{\"Batch\":3,\"other\":[1,{}],\"group\":\"\\u0067\"}",
         {.json = true, .batch = 3, .group = {(const uint8_t *)"g", 1}}},
        {"{\"batch\":null}", {.json = true, .batch = 1}},
        {"{\"batch\":1000000000000000001}", {.json = true, .batch = 1000000000000000001}},
        {"{\"batch\":1,\"batch\":2}", {.json = true, .batch = 2}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t block[256], again[512];
        struct codec_arena arena = codec_arena_on(block, sizeof(block));
        struct codec_json_error error;
        struct codec_pull p, q;
        slice body = copy_of(cases[i].body);
        CU_ASSERT_TRUE(codec_pull_read(body, &p, &arena, &error));
        CU_ASSERT_TRUE(pull_is(&p, &cases[i].pull));
        struct codec_out out = codec_out_on(again, sizeof(again));
        codec_pull_write(&out, &p);
        CU_ASSERT_TRUE(codec_pull_read(codec_out_slice(&out), &q, &arena, &error));
        q.json = p.json;
        CU_ASSERT_TRUE(pull_is(&p, &q));
        drop(body);
    }
    static const char *const bad[] = {"{",
                                      "{\"batch\"}",
                                      "{\"batch\":\"x\"}",
                                      "{\"batch\":1.5}",
                                      "{\"batch\":1}x",
                                      "{\"batch\":1,}",
                                      "{,}",
                                      "{\"batch\":01}",
                                      "{\"no_wait\":1}",
                                      "{\"group\":1}",
                                      "{\"batch\":1 \"id\":\"\"}",
                                      "{\"id\":\"\x01\"}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t block[256];
        struct codec_arena arena = codec_arena_on(block, sizeof(block));
        struct codec_json_error error = {.kind = CODEC_JSON_NO_ERROR};
        struct codec_pull p;
        slice body = copy_of(bad[i]);
        CU_ASSERT_FALSE(codec_pull_read(body, &p, &arena, &error));
        CU_ASSERT_NOT_EQUAL(error.kind, CODEC_JSON_NO_ERROR);
        drop(body);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_duration_read), UNIT_TEST(test_duration_refused),
    UNIT_TEST(test_duration_text), UNIT_TEST(test_size),
    UNIT_TEST(test_ack),           UNIT_TEST(test_ack_reply),
    UNIT_TEST(test_pull),
};
UNIT_MAIN("codec_ack", tests)
