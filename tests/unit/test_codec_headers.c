/* Header blocks: the parser at every split, the server's lookup, the rewriting. */
#include "unit.h"
#include <midge/headers.h>
#include <stdlib.h>

static char got[4096], cut[4096];

static size_t put_slice(char *buf, size_t n, const char *key, slice s)
{
    n += (size_t)snprintf(buf + n, 4096 - n, " %s[", key);
    for (size_t i = 0; i < s.len; i++)
        n += (size_t)snprintf(buf + n, 4096 - n, s.ptr[i] < 0x20 || s.ptr[i] > 0x7e ? "\\%02x" : "%c",
                              s.ptr[i]);
    return n + (size_t)snprintf(buf + n, 4096 - n, "]");
}

/* Feeds `all` in pieces that end at the cuts, from a heap block of exactly the bytes kept. */
static void drive(char *buf, slice all, const size_t *cuts, size_t ncuts)
{
    struct codec_headers h = {0};
    struct codec_headers_event e;
    size_t n = 0, fed = 0;
    slice kept = SLICE_EMPTY;
    uint8_t *block = NULL;
    buf[0] = 0;
    for (size_t i = 0; i <= ncuts; i++) {
        size_t upto = i < ncuts ? cuts[i] : all.len;
        uint8_t *grown = malloc(kept.len + (upto - fed) + 1);
        CU_ASSERT_PTR_NOT_NULL_FATAL(grown);
        if (kept.len > 0)
            memcpy(grown + 1, kept.ptr, kept.len);
        memcpy(grown + 1 + kept.len, all.ptr + fed, upto - fed);
        slice in = slice_make(grown + 1, kept.len + (upto - fed));
        free(block);
        block = grown;
        fed = upto;
        enum codec_rc rc;
        while ((rc = codec_headers_next(&h, &in, &e)) == CODEC_EVENT) {
            if (e.kind == CODEC_HEADERS_STATUS)
                n = put_slice(buf, n + (size_t)snprintf(buf + n, 4096 - n, "%u", e.code), "", e.value);
            else if (e.kind == CODEC_HEADERS_FIELD)
                n = put_slice(buf, put_slice(buf, n, "", e.name), "=", e.value);
            else
                n += (size_t)snprintf(buf + n, 4096 - n, " end ");
        }
        if (rc == CODEC_ERROR) {
            snprintf(buf + n, 4096 - n, " ERROR %d at %d", e.error.kind, (int)e.error.offset);
            CU_ASSERT_EQUAL(codec_headers_next(&h, &in, &e), CODEC_ERROR);
            break;
        }
        kept = in;
    }
    free(block);
}

static void expect(slice all, const char *want)
{
    drive(got, all, NULL, 0);
    if (strcmp(got, want) != 0)
        printf("\n%.*s\n  got  %s\n  want %s\n", (int)all.len, (const char *)all.ptr, got, want);
    CU_ASSERT_STRING_EQUAL(got, want);
    size_t every[512];
    for (size_t i = 0; i <= all.len && i < 512; i++) {
        drive(cut, all, &i, 1);
        CU_ASSERT_STRING_EQUAL(cut, got);
        every[i] = i;
    }
    drive(cut, all, every, all.len);
    CU_ASSERT_STRING_EQUAL(cut, got);
}

#define EXPECT(text, want) expect(SLICE_LIT(text), want)

static void test_parser(void)
{
    EXPECT("NATS/1.0\r\n\r\n", "0 [] end ");
    EXPECT("NATS/1.0\r\nA: b\r\nC:d e\r\nE:\r\nF:  \t\r\nG:\t h:i \t\r\n\r\n",
           "0 [] [A] =[b] [C] =[d e] [E] =[] [F] =[] [G] =[h:i] end ");
    EXPECT("NATS/1.0 503\r\n\r\n", "503 [] end ");
    EXPECT("NATS/1.0 503 \r\n\r\n", "503 [] end ");
    EXPECT("NATS/1.0 \t100  Idle Heartbeat \r\nNats-Last: 5\r\n\r\n",
           "100 [Idle Heartbeat] [Nats-Last] =[5] end ");
    EXPECT("NATS/1.0 \r\n\r\n", "0 [] end ");
    EXPECT("NATS/1.0\r\nX: \xc3\xa4\xff\x00z\r\n\r\nNATS/1.0 404 No\r\n\r\n",
           "0 [] [X] =[\\c3\\a4\\ff\\00z] end 404 [No] end ");
    EXPECT("NATS/1.0\r\nA: b", "0 []");
}

static void test_parser_refuses(void)
{
    EXPECT("nats/1.0\r\n\r\n", " ERROR 1 at 0");
    EXPECT("NATS/1.1\r\n\r\n", " ERROR 1 at 7");
    EXPECT("NATS/1.0X\r\n\r\n", " ERROR 1 at 8");
    EXPECT("\r\n", " ERROR 1 at 0");
    EXPECT("NATS/1.0 5x3\r\n\r\n", " ERROR 2 at 10");
    EXPECT("NATS/1.0 50\r\n\r\n", " ERROR 2 at 11");
    EXPECT("NATS/1.0 OK\r\n\r\n", " ERROR 2 at 9");
    EXPECT("NATS/1.0 5033\r\n\r\n", " ERROR 4 at 12");
    EXPECT("NATS/1.0 503\n\r\n", " ERROR 4 at 12");
    EXPECT("NATS/1.0\n\r\n", " ERROR 1 at 8");
    EXPECT("NATS/1.0\r\r\n", " ERROR 4 at 9");
    EXPECT("NATS/1.0\r\n: x\r\n\r\n", "0 [] ERROR 3 at 10");
    EXPECT("NATS/1.0\r\nA b: x\r\n\r\n", "0 [] ERROR 3 at 11");
    EXPECT("NATS/1.0\r\n A: x\r\n\r\n", "0 [] ERROR 3 at 10");
    EXPECT("NATS/1.0\r\nA\r\n\r\n", "0 [] ERROR 3 at 11");
    EXPECT("NATS/1.0\r\n\xc3\xa4: x\r\n\r\n", "0 [] ERROR 3 at 10");
    EXPECT("NATS/1.0\r\nA: x\n\r\n", "0 [] ERROR 4 at 14");
    EXPECT("NATS/1.0\r\nA: x\rB\r\n", "0 [] ERROR 4 at 15");
    EXPECT("NATS/1.0\r\n\rX", "0 [] ERROR 4 at 11");
    for (int kind = CODEC_HEADERS_NO_ERROR; kind <= CODEC_HEADERS_EOL; kind++)
        CU_ASSERT_STRING_NOT_EQUAL(codec_headers_error_text((enum codec_headers_error)kind), "unknown error");
    CU_ASSERT_STRING_EQUAL(codec_headers_error_text((enum codec_headers_error)99), "unknown error");
}

static bool finds(const char *block, const char *name, const char *want)
{
    slice value;
    return codec_headers_get(slice_str(block), slice_str(name), &value) && slice_eq_str(value, want);
}

static bool misses(const char *block, const char *name)
{
    slice value;
    return !codec_headers_get(slice_str(block), slice_str(name), &value);
}

/* Seen with Nats-Msg-Id and stream deduplication. */
static void test_get(void)
{
    const char *h =
        "NATS/1.0\r\nA: 1\r\nAB:2\r\nC:   3  \r\nD:\t4\r\nE:\r\nX: F: 5\r\nyF: 6\r\nF: 7\r\nF: 8\r\n\r\n";
    CU_ASSERT(finds(h, "A", "1"));
    CU_ASSERT(finds(h, "AB", "2"));
    CU_ASSERT(finds(h, "C", "3  "));
    CU_ASSERT(finds(h, "D", "\t4"));
    CU_ASSERT(finds(h, "E", ""));
    CU_ASSERT(finds(h, "F", "7"));
    CU_ASSERT(finds(h, "yF", "6"));
    CU_ASSERT(misses(h, "a"));
    CU_ASSERT(misses(h, "B"));
    CU_ASSERT(misses(h, "NATS/1.0"));
    CU_ASSERT(misses("Nats-Msg-Id: a\r\n\r\n", "Nats-Msg-Id"));
    CU_ASSERT(misses("NATS/1.0\r\nK : a\r\n\r\n", "K"));
    CU_ASSERT(finds("x\r\nK: a\r\n\r\n", "K", "a"));
    CU_ASSERT(finds("NATS/1.0\r\n\r\nK: a\r\n\r\n", "K", "a"));
    CU_ASSERT(finds("NATS/1.0\r\nK: a", "K", "a"));
    CU_ASSERT(finds("NATS/1.0\r\nK: a\rb\r\n", "K", "a\rb"));
    CU_ASSERT(finds("NATS/1.0\r\nK:", "K", ""));
    CU_ASSERT(finds("NATS/1.0\r\nK:  ", "K", ""));
    CU_ASSERT(misses("NATS/1.0\r\nK", "K"));
    CU_ASSERT(misses("NATS/1.0\r\n", "K"));
    CU_ASSERT(misses("\r\n", "K"));
    CU_ASSERT(misses("", "K"));
}

static void expect_text(const struct codec_out *out, const char *want)
{
    if (!slice_eq_str(codec_out_slice(out), want))
        printf("\ngot  %.*s\nwant %s\n", (int)out->len, (const char *)out->ptr, want);
    CU_ASSERT(slice_eq_str(codec_out_slice(out), want));
}

static void set_gives(const char *block, const char *name, const char *value, const char *want)
{
    char buf[256];
    struct codec_out out = codec_out_on(buf, sizeof(buf)), size = codec_out_on(NULL, 0);
    codec_headers_set(&out, slice_str(block), slice_str(name), slice_str(value));
    expect_text(&out, want);
    codec_headers_set(&size, slice_str(block), slice_str(name), slice_str(value));
    CU_ASSERT_EQUAL(size.len, out.len);
}

static void remove_gives(const char *block, const char *name, const char *want)
{
    char buf[256];
    struct codec_out out = codec_out_on(buf, sizeof(buf));
    codec_headers_remove(&out, slice_str(block), slice_str(name));
    expect_text(&out, want);
}

static void test_rewriting(void)
{
    set_gives("", "A", "1", "NATS/1.0\r\nA: 1\r\n\r\n");
    set_gives("NATS/1.0\r\n\r\n", "A", "1", "NATS/1.0\r\nA: 1\r\n\r\n");
    set_gives("NATS/1.0\r\nB: 2\r\n\r\n", "A", "1", "NATS/1.0\r\nB: 2\r\nA: 1\r\n\r\n");
    set_gives("NATS/1.0\r\nA: 0\r\nB: 2\r\n\r\n", "A", "1", "NATS/1.0\r\nB: 2\r\nA: 1\r\n\r\n");
    set_gives("NATS/1.0\r\nB: 2\r\nA:0\r\n\r\n", "A", "1", "NATS/1.0\r\nB: 2\r\nA: 1\r\n\r\n");
    set_gives("NATS/1.0\r\nA: 0\r\n\r\n", "A", "1", "NATS/1.0\r\nA: 1\r\n\r\n");
    set_gives("NATS/1.0 503\r\n\r\n", "A", "1", "NATS/1.0 503\r\nA: 1\r\n\r\n");
    set_gives("NATS/1.0\r\nB: 2", "A", "1", "NATS/1.0\r\nB: 2A: 1\r\n\r\n");
    remove_gives("NATS/1.0\r\nA: 0\r\nB: 2\r\n\r\n", "A", "NATS/1.0\r\nB: 2\r\n\r\n");
    remove_gives("NATS/1.0\r\nA: 0\r\nA: 2\r\n\r\n", "A", "NATS/1.0\r\nA: 2\r\n\r\n");
    remove_gives("NATS/1.0\r\nA: 0\r\n\r\n", "A", "");
    remove_gives("NATS/1.0\r\nB: 2\r\n\r\n", "A", "NATS/1.0\r\nB: 2\r\n\r\n");
    remove_gives("NATS/1.0\r\nB: 2\r\nA: 1", "A", "NATS/1.0\r\nB: 2\r\n");
    remove_gives("", "A", "");
}

static void test_building(void)
{
    char buf[256];
    struct codec_out out = codec_out_on(buf, sizeof(buf));
    codec_headers_begin(&out, 503, SLICE_EMPTY);
    codec_headers_field(&out, SLICE_LIT("Nats-Subject"), SLICE_LIT("foo"));
    codec_headers_end(&out);
    expect_text(&out, "NATS/1.0 503\r\nNats-Subject: foo\r\n\r\n");
    CU_ASSERT_EQUAL(out.len, 32 + 3);
    out.len = 0;
    codec_headers_begin(&out, 42, SLICE_LIT("So so"));
    codec_headers_end(&out);
    expect_text(&out, "NATS/1.0 042 So so\r\n\r\n");
    out.len = 0;
    codec_headers_begin(&out, 0, SLICE_LIT("no"));
    codec_headers_end(&out);
    expect_text(&out, "NATS/1.0\r\n\r\n");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_parser),    UNIT_TEST(test_parser_refuses), UNIT_TEST(test_get),
    UNIT_TEST(test_rewriting), UNIT_TEST(test_building),
};

UNIT_MAIN("headers codec", tests)
