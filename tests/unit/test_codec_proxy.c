/* The PROXY protocol: both versions, every refusal (checked against the Go server's answers), every split,
 * and encoders as the inverse. The parser's part of
 * covers: CP-147 CP-148 CP-149 CP-150 CP-151 CP-152 */
#include "unit.h"
#include <midge/proxy.h>

#define SIG "\r\n\r\n\0\r\nQUIT\n"

/* Feeds the bytes `step` at a time; what is left of them comes back in *rest. */
static enum codec_rc run(slice bytes, size_t step, struct codec_proxy_event *e, slice *rest)
{
    struct codec_proxy ps;
    codec_proxy_init(&ps);
    size_t shown = 0;
    for (;;) {
        slice in = slice_make(bytes.ptr, shown);
        enum codec_rc rc = codec_proxy_next(&ps, &in, e);
        if (rc != CODEC_MORE || shown == bytes.len) {
            *rest = slice_make(in.ptr, bytes.len - (size_t)(in.ptr - bytes.ptr));
            return rc;
        }
        CU_ASSERT(e->need > 0);
        shown = bytes.len - shown < step ? bytes.len : shown + step;
    }
}

static enum codec_rc run_each_step(slice bytes, struct codec_proxy_event *e, slice *rest)
{
    enum codec_rc first = run(bytes, bytes.len, e, rest);
    struct codec_proxy_event whole = *e;
    for (size_t step = 1; step < bytes.len && step < 20; step++) {
        CU_ASSERT_EQUAL(run(bytes, step, e, rest), first);
        CU_ASSERT_EQUAL(e->error.kind, whole.error.kind);
        CU_ASSERT_EQUAL(e->error.offset, whole.error.offset);
        CU_ASSERT_EQUAL(e->version, whole.version);
        CU_ASSERT_EQUAL(e->family, whole.family);
        CU_ASSERT(memcmp(e->source, whole.source, 16) == 0);
        CU_ASSERT_EQUAL(e->dest_port, whole.dest_port);
    }
    return first;
}

static slice with_tail(const char *line, char *buf)
{
    size_t n = (size_t)sprintf(buf, "%sPING\r\n", line);
    return slice_make(buf, n);
}

static void test_v1_accepted(void)
{
    static const struct {
        const char *line;
        enum codec_proxy_family family;
        const char *source, *dest;
        unsigned source_port, dest_port;
    } cases[] = {
        {"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", CODEC_PROXY_IPV4, "1.2.3.4", "5.6.7.8", 1, 2},
        {"PROXY  TCP4  1.2.3.4 5.6.7.8 1 2 \r\n", CODEC_PROXY_IPV4, "1.2.3.4", "5.6.7.8", 1, 2},
        {"PROXY TCP4 1.2.3.4 5.6.7.8\r 1 2\t\r\n", CODEC_PROXY_IPV4, "1.2.3.4", "5.6.7.8", 1, 2},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 000001 65535\r\n", CODEC_PROXY_IPV4, "1.2.3.4", "5.6.7.8", 1, 65535},
        {"PROXY TCP6 2001:db8::1 ::1 0 4222\r\n", CODEC_PROXY_IPV6, "2001:db8::1", "::1", 0, 4222},
        {"PROXY TCP6 ::ffff:1.2.3.4 ::1 1 2\r\n", CODEC_PROXY_IPV6, "1.2.3.4", "::1", 1, 2},
        {"PROXY UNKNOWN\r\n", CODEC_PROXY_UNSPEC, "", "", 0, 0},
        {"PROXY UNKNOWN a b c d e f g\r\n", CODEC_PROXY_UNSPEC, "", "", 0, 0},
        {"PROXY UNKNOWN\n\r\n", CODEC_PROXY_UNSPEC, "", "", 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char buf[200], text[CODEC_PROXY_ADDRESS_TEXT];
        struct codec_proxy_event e;
        slice rest;
        CU_ASSERT_EQUAL_FATAL(run_each_step(with_tail(cases[i].line, buf), &e, &rest), CODEC_EVENT);
        CU_ASSERT(slice_eq_str(rest, "PING\r\n"));
        CU_ASSERT_EQUAL(e.version, CODEC_PROXY_V1);
        CU_ASSERT_EQUAL(e.family, cases[i].family);
        codec_proxy_address(e.family, e.source, text);
        CU_ASSERT_STRING_EQUAL(text, cases[i].source);
        codec_proxy_address(e.family, e.dest, text);
        CU_ASSERT_STRING_EQUAL(text, cases[i].dest);
        CU_ASSERT_EQUAL(e.source_port, cases[i].source_port);
        CU_ASSERT_EQUAL(e.dest_port, cases[i].dest_port);

        /* encode, parse: the same */
        uint8_t out[CODEC_PROXY_V1_MAX];
        size_t n = codec_proxy_encode(&e, out, sizeof(out));
        CU_ASSERT_FATAL(n > 0 && n <= sizeof(out));
        struct codec_proxy_event again;
        CU_ASSERT_EQUAL(run(slice_make(out, n), n, &again, &rest), CODEC_EVENT);
        CU_ASSERT_EQUAL(rest.len, 0);
        CU_ASSERT_EQUAL(again.family, e.family);
        CU_ASSERT(memcmp(again.source, e.source, 16) == 0 && memcmp(again.dest, e.dest, 16) == 0);
        CU_ASSERT_EQUAL(again.source_port, e.source_port);
        CU_ASSERT(slice_eq(again.extra, e.extra));
    }
}

static void test_v1_refused(void)
{
    static const struct {
        const char *line;
        int kind;
        uint64_t offset;
    } cases[] = {
        {"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", CODEC_PROXY_BAD_FORMAT,
         6}, /* the LF is white space: PING is a word */
        {"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n", CODEC_PROXY_BAD_SOURCE_PORT, 27},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n", CODEC_PROXY_BAD_SOURCE_PORT, 27},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 1 99999999999\r\n", CODEC_PROXY_BAD_DEST_PORT, 29},
        {"PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n", CODEC_PROXY_BAD_PROTOCOL, 6},
        {"PROXY UNKNOWNX\r\n", CODEC_PROXY_BAD_FORMAT, 6},
        {"PROXY \r\n", CODEC_PROXY_BAD_FORMAT, 6},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n", CODEC_PROXY_BAD_FORMAT, 6},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3 4\r\n", CODEC_PROXY_BAD_FORMAT, 6},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", CODEC_PROXY_BAD_FORMAT, 6},
        {"PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n", CODEC_PROXY_BAD_ADDRESS, 11},
        {"PROXY TCP4 1.2.3.4 5.6.7 1 2\r\n", CODEC_PROXY_BAD_ADDRESS, 19},
        {"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", CODEC_PROXY_BAD_ADDRESS, 11},
        {"PROXY TCP6 1111:2222:3333:4444:5555:6666:7777:8888:9999 ::1 1 2\r\n", CODEC_PROXY_BAD_ADDRESS, 11},
        {"PROXY TCP4 ::1 5.6.7.8 1 2\r\n", CODEC_PROXY_TCP4_WITH_IPV6, 6},
        {"PROXY TCP6 ::1 5.6.7.8 1 2\r\n", CODEC_PROXY_TCP6_WITH_IPV4, 6},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char buf[200];
        struct codec_proxy_event e;
        slice rest;
        CU_ASSERT_EQUAL(run_each_step(with_tail(cases[i].line, buf), &e, &rest), CODEC_ERROR);
        CU_ASSERT_EQUAL(e.error.kind, cases[i].kind);
        CU_ASSERT_EQUAL(e.error.offset, cases[i].offset);
    }
}

/* 107 bytes with CR LF are the most; one more and the line is refused as soon as its bytes are there. */
static void test_v1_length(void)
{
    char buf[200];
    struct codec_proxy_event e;
    slice rest;
    int n = sprintf(buf, "PROXY UNKNOWN %091d\r\n", 0);
    CU_ASSERT_EQUAL(n, CODEC_PROXY_V1_MAX);
    CU_ASSERT_EQUAL(run_each_step(slice_make(buf, (size_t)n), &e, &rest), CODEC_EVENT);
    uint8_t out[200];
    CU_ASSERT_EQUAL(codec_proxy_encode(&e, out, sizeof(out)), CODEC_PROXY_V1_MAX);
    e.extra.len++;
    CU_ASSERT_EQUAL(codec_proxy_encode(&e, out, sizeof(out)), 0);
    e.extra.len = 1000;
    CU_ASSERT_EQUAL(codec_proxy_encode(&e, out, sizeof(out)), 0);
    n = sprintf(buf, "PROXY UNKNOWN %092d\r\n", 0);
    CU_ASSERT_EQUAL(run_each_step(slice_make(buf, (size_t)n), &e, &rest), CODEC_ERROR);
    CU_ASSERT_EQUAL(e.error.kind, CODEC_PROXY_LINE_TOO_LONG);
    CU_ASSERT_EQUAL(e.error.offset, 107);
    CU_ASSERT_EQUAL(run(slice_make(buf, 106), 106, &e, &rest), CODEC_MORE);
}

#define V4                 "\1\2\3\4\5\6\7\10\0\1\0\2"
#define V6                 "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\x10\x7e\0\2"
#define HEAD(vc, fam, len) SIG vc fam len

static void test_v2_accepted(void)
{
    static const struct {
        const char *bytes;
        size_t len;
        bool local;
        enum codec_proxy_family family;
        const char *source;
        unsigned source_port;
        size_t extra;
    } cases[] = {
        {HEAD("\x21", "\x11", "\0\x0c") V4, 28, false, CODEC_PROXY_IPV4, "1.2.3.4", 1, 0},
        {HEAD("\x21", "\x11", "\0\x0f") V4 "tlv", 31, false, CODEC_PROXY_IPV4, "1.2.3.4", 1, 3},
        {HEAD("\x21", "\x21", "\0\x24") V6, 52, false, CODEC_PROXY_IPV6, "2001:db8::1", 4222, 0},
        {HEAD("\x21", "\x01", "\0\0"), 16, false, CODEC_PROXY_UNSPEC, "", 0, 0},
        {HEAD("\x21", "\x01", "\0\2") "ab", 18, false, CODEC_PROXY_UNSPEC, "", 0, 2},
        {HEAD("\x20", "\0", "\0\0"), 16, true, CODEC_PROXY_UNSPEC, "", 0, 0},
        {HEAD("\x20", "\x99", "\0\2") "ab", 18, true, CODEC_PROXY_UNSPEC, "", 0, 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t buf[80], out[80];
        char text[CODEC_PROXY_ADDRESS_TEXT];
        struct codec_proxy_event e;
        slice rest;
        memcpy(buf, cases[i].bytes, cases[i].len);
        memcpy(buf + cases[i].len, "\x16\x03", 2);
        CU_ASSERT_EQUAL_FATAL(run_each_step(slice_make(buf, cases[i].len + 2), &e, &rest), CODEC_EVENT);
        CU_ASSERT(slice_eq_str(rest, "\x16\x03"));
        CU_ASSERT_EQUAL(e.version, CODEC_PROXY_V2);
        CU_ASSERT_EQUAL(e.local, cases[i].local);
        CU_ASSERT_EQUAL(e.family, cases[i].family);
        codec_proxy_address(e.family, e.source, text);
        CU_ASSERT_STRING_EQUAL(text, cases[i].source);
        CU_ASSERT_EQUAL(e.source_port, cases[i].source_port);
        CU_ASSERT_EQUAL(e.extra.len, cases[i].extra);
        CU_ASSERT_EQUAL(codec_proxy_encode(&e, out, sizeof(out)), cases[i].len);
        if (buf[13] == 0x99)
            buf[13] = 0; /* what LOCAL says behind its command is not kept */
        CU_ASSERT(memcmp(out, buf, cases[i].len) == 0);
        memset(out, 0xee, sizeof(out));
        CU_ASSERT_EQUAL(codec_proxy_encode(&e, out, cases[i].len - 1), cases[i].len);
        CU_ASSERT_EQUAL(out[0], 0xee);
    }
}

static void test_v2_refused(void)
{
    static const struct {
        const char *bytes;
        int kind;
        uint64_t offset;
    } cases[] = {
        {HEAD("\x21", "\x10", "\0\x0c"), CODEC_PROXY_NOT_STREAM, 13},
        {HEAD("\x21", "\x12", "\0\x0c"), CODEC_PROXY_NOT_STREAM, 13},
        {HEAD("\x21", "\0", "\0\x0c"), CODEC_PROXY_NOT_STREAM, 13},
        {HEAD("\x21", "\x32", "\0\x0c"), CODEC_PROXY_NOT_STREAM, 13},
        {HEAD("\x21", "\x31", "\0\x0c"), CODEC_PROXY_BAD_FAMILY, 13},
        {HEAD("\x22", "\x11", "\0\x0c"), CODEC_PROXY_BAD_COMMAND, 12},
        {HEAD("\x31", "\x11", "\0\x0c"), CODEC_PROXY_BAD_VERSION, 12},
        {"\r\n\r\n\0\r\nQUIX\n\x21\x11\0\x0c", CODEC_PROXY_BAD_SIGNATURE, 10},
        {HEAD("\x21", "\x11", "\0\x0b"), CODEC_PROXY_ADDRESS_TOO_SHORT, 14},
        {HEAD("\x21", "\x21", "\0\x23"), CODEC_PROXY_ADDRESS_TOO_SHORT, 14},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct codec_proxy_event e;
        slice rest;
        CU_ASSERT_EQUAL(run_each_step(slice_make(cases[i].bytes, 16), &e, &rest), CODEC_ERROR);
        CU_ASSERT_EQUAL(e.error.kind, cases[i].kind);
        CU_ASSERT_EQUAL(e.error.offset, cases[i].offset);
    }
}

/* No header: decided by the sixth byte, and nothing is taken. */
static void test_none(void)
{
    static const char *const streams[] = {"CONNECT {}\r\n", "PROXYX", "\r\n\r\n\0\n", "\x16\x03\x01\0\1\2"};
    static const size_t lens[] = {12, 6, 6, 6};
    for (int i = 0; i < 4; i++) {
        struct codec_proxy_event e;
        slice rest;
        CU_ASSERT_EQUAL(run_each_step(slice_make(streams[i], lens[i]), &e, &rest), CODEC_EVENT);
        CU_ASSERT_EQUAL(e.version, CODEC_PROXY_NONE);
        CU_ASSERT_EQUAL(rest.len, lens[i]);
        CU_ASSERT_EQUAL(codec_proxy_encode(&e, NULL, 0), 0);
        CU_ASSERT_EQUAL(run(slice_make(streams[i], 5), 5, &e, &rest), CODEC_MORE);
        CU_ASSERT_EQUAL(e.need, 1);
    }
}

/* A header comes once; an error is final. */
static void test_after(void)
{
    struct codec_proxy ps;
    struct codec_proxy_event e;
    slice in = SLICE_LIT("PROXY UNKNOWN\r\nPROXY UNKNOWN\r\n");
    codec_proxy_init(&ps);
    CU_ASSERT_EQUAL(codec_proxy_next(&ps, &in, &e), CODEC_EVENT);
    CU_ASSERT_EQUAL(codec_proxy_next(&ps, &in, &e), CODEC_MORE);
    CU_ASSERT_EQUAL(e.need, 0);
    codec_proxy_init(&ps);
    in = SLICE_LIT("PROXY X\r\n");
    CU_ASSERT_EQUAL(codec_proxy_next(&ps, &in, &e), CODEC_ERROR);
    in = SLICE_LIT("PROXY UNKNOWN\r\n");
    CU_ASSERT_EQUAL(codec_proxy_next(&ps, &in, &e), CODEC_ERROR);
    CU_ASSERT_EQUAL(e.error.kind, CODEC_PROXY_BAD_FORMAT);
    struct codec_proxy_event big = {.version = CODEC_PROXY_V2, .extra = slice_make("", 65536)};
    CU_ASSERT_EQUAL(codec_proxy_encode(&big, NULL, 0), 0);
    for (int k = CODEC_PROXY_OK; k <= CODEC_PROXY_ADDRESS_TOO_SHORT; k++)
        CU_ASSERT(strcmp(codec_proxy_error_text(k), "unknown error") != 0);
    CU_ASSERT_STRING_EQUAL(codec_proxy_error_text(-1), "unknown error");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_v1_accepted), UNIT_TEST(test_v1_refused), UNIT_TEST(test_v1_length),
    UNIT_TEST(test_v2_accepted), UNIT_TEST(test_v2_refused), UNIT_TEST(test_none),
    UNIT_TEST(test_after),
};
UNIT_MAIN("codec_proxy", tests)
