/* The server-to-client parser: transcripts whole and cut at every place, and written back. */
#include "unit.h"
#include <midge/client.h>
#include <stdlib.h>

static char got[16384], cut[16384];

static size_t put_slice(char *buf, size_t n, const char *key, slice s)
{
    n += (size_t)snprintf(buf + n, sizeof(got) - n, " %s[", key);
    for (size_t i = 0; i < s.len; i++)
        n += (size_t)snprintf(buf + n, sizeof(got) - n, s.ptr[i] < 0x20 || s.ptr[i] > 0x7e ? "\\%02x" : "%c",
                              s.ptr[i]);
    return n + (size_t)snprintf(buf + n, sizeof(got) - n, "]");
}

static const char *const kinds[] = {"?", "INFO", "MSG", "HMSG", "PAYLOAD", "PING", "PONG", "+OK", "-ERR"};

static size_t put_event(char *buf, size_t n, const struct codec_server_event *e)
{
    n += (size_t)snprintf(buf + n, sizeof(got) - n, "%s", kinds[e->kind]);
    switch (e->kind) {
    case CODEC_SERVER_INFO:
    case CODEC_SERVER_ERR:
        n = put_slice(buf, n, "", e->text);
        break;
    case CODEC_SERVER_MSG:
    case CODEC_SERVER_HMSG:
        n = put_slice(buf, put_slice(buf, n, "", e->msg.subject), "sid", e->msg.sid);
        n = put_slice(buf, put_slice(buf, n, "reply", e->msg.reply), "hdr", e->msg.hdr_text);
        n = put_slice(buf, n, "size", e->msg.size_text);
        n += (size_t)snprintf(buf + n, sizeof(got) - n, " =%u/%u", e->msg.hdr_size, e->msg.size);
        if (e->msg.payload_complete)
            n = put_slice(buf, n + (size_t)snprintf(buf + n, sizeof(got) - n, "\nPAYLOAD"), "",
                          e->msg.payload);
        break;
    case CODEC_SERVER_PAYLOAD:
        n = put_slice(buf, n, "", e->payload);
        break;
    default:
        break;
    }
    return n + (size_t)snprintf(buf + n, sizeof(got) - n, "\n");
}

/* Feeds `all` in pieces that end at the cuts, from a heap block of exactly the bytes kept. */
static void drive(char *buf, slice all, const size_t *cuts, size_t ncuts, uint32_t max_line)
{
    struct codec_server p;
    struct codec_server_event e;
    size_t n = 0, fed = 0;
    slice kept = SLICE_EMPTY;
    uint8_t *block = NULL;
    codec_server_init(&p);
    p.max_line = max_line;
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
        while ((rc = codec_server_next(&p, &in, &e)) == CODEC_EVENT)
            n = put_event(buf, n, &e);
        if (rc == CODEC_ERROR) {
            snprintf(buf + n, sizeof(got) - n, "ERROR %d at %d", e.error.kind, (int)e.error.offset);
            CU_ASSERT_EQUAL(codec_server_next(&p, &in, &e), CODEC_ERROR);
            break;
        }
        kept = in;
    }
    free(block);
}

/* The events written by the encoder and read back are the same. */
static void expect_inverse(slice all, uint32_t max_line)
{
    static uint8_t bytes[65536];
    struct codec_server p;
    struct codec_server_event e;
    size_t len = 0;
    codec_server_init(&p);
    p.max_line = max_line;
    for (slice in = all; codec_server_next(&p, &in, &e) == CODEC_EVENT;) {
        size_t n = codec_server_encode(&e, NULL, 0);
        CU_ASSERT(n > 0);
        memset(bytes + len, '#', n + 1);
        CU_ASSERT_EQUAL(codec_server_encode(&e, bytes + len, n - 1), n);
        CU_ASSERT_EQUAL(bytes[len], '#');
        CU_ASSERT_EQUAL(codec_server_encode(&e, bytes + len, n), n);
        CU_ASSERT_EQUAL(bytes[len + n], '#');
        len += n;
    }
    char *error = strstr(got, "ERROR");
    if (error != NULL)
        *error = 0;
    drive(cut, slice_make(bytes, len), NULL, 0, CODEC_SERVER_LINE_LIMIT);
    CU_ASSERT_STRING_EQUAL(cut, got);
}

static void expect_limit(slice all, const char *want, uint32_t max_line)
{
    drive(got, all, NULL, 0, max_line);
    if (strcmp(got, want) != 0)
        printf("\n%.*s\n  got  %s\n  want %s\n", (int)all.len, (const char *)all.ptr, got, want);
    CU_ASSERT_STRING_EQUAL(got, want);
    size_t every[512];
    for (size_t i = 0; i <= all.len && i < 512; i++) {
        drive(cut, all, &i, 1, max_line);
        CU_ASSERT_STRING_EQUAL(cut, got);
        every[i] = i;
    }
    drive(cut, all, every, all.len, max_line);
    CU_ASSERT_STRING_EQUAL(cut, got);
    expect_inverse(all, max_line);
}

#define EXPECT(text, want) expect_limit(SLICE_LIT(text), want, CODEC_SERVER_LINE_LIMIT)

static void test_session(void)
{
    EXPECT("INFO {\"port\":1} \r\nPING\r\nPONG\r\n+OK\r\n-ERR 'Unknown Protocol Operation'\r\n",
           "INFO [{\"port\":1} ]\nPING\nPONG\n+OK\n-ERR [Unknown Protocol Operation]\n");
    EXPECT("-ERR foo  \r\n-ERR ''\r\n-err '''\r\n-ERR '\r\n-ERR 'a' b\r\n-ERR 'x' \t\r\n",
           "-ERR [foo]\n-ERR []\n-ERR [']\n-ERR [']\n-ERR ['a' b]\n-ERR [x]\n");
    EXPECT("-ERR \nfoo\r\n-ERR \r\n-ERR \r'\r\n", "-ERR [\\0afoo]\n-ERR [\\0d]\n-ERR [\\0d']\n");
    EXPECT("info{}\n", "INFO [{}]\n");
}

/* covers: CP-103 CP-104 */
static void test_messages(void)
{
    EXPECT("MSG foo 1 5\r\nhello\r\nMSG foo 1 _INBOX.x 0\r\n\r\n",
           "MSG [foo] sid[1] reply[] hdr[] size[5] =0/5\nPAYLOAD [hello]\n"
           "MSG [foo] sid[1] reply[_INBOX.x] hdr[] size[0] =0/0\nPAYLOAD []\n");
    EXPECT("MSG tr.1 1  3\r\nabc\r\n", "MSG [tr.1] sid[1] reply[] hdr[] size[3] =0/3\nPAYLOAD [abc]\n");
    EXPECT("MSG foo 1 00005\r\nhello\r\n",
           "MSG [foo] sid[1] reply[] hdr[] size[00005] =0/5\nPAYLOAD [hello]\n");
    EXPECT("HMSG r 9 15 15\r\nNATS/1.0 503\r\n\r\n\r\nPING\r\n",
           "HMSG [r] sid[9] reply[] hdr[15] size[15] =15/15\nERROR 1 at 31");
    EXPECT(
        "HMSG r 9 q 16 18\r\nNATS/1.0 503\r\n\r\nhi\r\nPING\r\n",
        "HMSG [r] sid[9] reply[q] hdr[16] size[18] =16/18\nPAYLOAD [NATS/1.0 503\\0d\\0a\\0d\\0ahi]\nPING\n");
    EXPECT("MSG a\rb 1 0\r\n\r\n", "MSG [a\\0db] sid[1] reply[] hdr[] size[0] =0/0\nPAYLOAD []\n");
    EXPECT("HMSG a\rb 1 0 0\r\n\r\n", "HMSG [a\\0db] sid[1] reply[] hdr[0] size[0] =0/0\nPAYLOAD []\n");
    EXPECT("MSG a 1 999999999\r\n", "MSG [a] sid[1] reply[] hdr[] size[999999999] =0/999999999\n");
}

static void test_refused(void)
{
    EXPECT("SUB a 1\r\n", "ERROR 1 at 0");
    EXPECT("MSG\r\n", "ERROR 1 at 3");
    EXPECT("MSG a 1\r\n", "ERROR 3 at 4");
    EXPECT("MSG a 1 r 5 6\r\n", "ERROR 3 at 4");
    EXPECT("MSG a 1 x\r\n", "ERROR 4 at 4");
    EXPECT("MSG a 1 1000000000\r\n", "ERROR 4 at 4");
    EXPECT("HMSG a 1 5\r\n", "ERROR 5 at 5");
    EXPECT("HMSG a 1 r 5 6 7\r\n", "ERROR 5 at 5");
    EXPECT("HMSG a 1 x 5\r\n", "ERROR 6 at 5");
    EXPECT("HMSG a 1 5 x\r\n", "ERROR 7 at 5");
    EXPECT("HMSG a 1 6 5\r\n", "ERROR 8 at 5");
    EXPECT("MSG a 1 1\r\nxy", "MSG [a] sid[1] reply[] hdr[] size[1] =0/1\nERROR 1 at 12");
    EXPECT("MSG a 1 1\r\nx\rz", "MSG [a] sid[1] reply[] hdr[] size[1] =0/1\nERROR 1 at 13");
    expect_limit(SLICE_LIT("INFO 0123456789\r\nINFO 01234567890\r\n"), "INFO [0123456789]\nERROR 2 at 32",
                 10);
    expect_limit(SLICE_LIT("PINGxxxxxxxxxxxxxxx\r\nINFO      0123456789"), "PING\n", 10);
    for (int kind = CODEC_SERVER_NO_ERROR; kind <= CODEC_SERVER_HMSG_HDR_GT_TOTAL; kind++)
        CU_ASSERT_STRING_NOT_EQUAL(codec_server_error_text((enum codec_server_error)kind), "unknown error");
    CU_ASSERT_STRING_EQUAL(codec_server_error_text((enum codec_server_error)99), "unknown error");
}

static void test_payload_taken(void)
{
    struct codec_server p;
    struct codec_server_event e;
    codec_server_init(&p);
    slice in = SLICE_LIT("MSG foo 1 10\r\n0123");
    CU_ASSERT_EQUAL(codec_server_next(&p, &in, &e), CODEC_EVENT);
    CU_ASSERT_FALSE(e.msg.payload_complete);
    CU_ASSERT_EQUAL(codec_server_payload_left(&p), 10);
    CU_ASSERT_EQUAL(codec_server_next(&p, &in, &e), CODEC_MORE);
    CU_ASSERT_EQUAL(e.need, 8);
    codec_server_payload_taken(&p, 4);
    codec_server_payload_taken(&p, 99);
    in = SLICE_LIT("\r\nX");
    CU_ASSERT_EQUAL(codec_server_next(&p, &in, &e), CODEC_EVENT);
    CU_ASSERT_EQUAL(e.kind, CODEC_SERVER_PAYLOAD);
    CU_ASSERT_EQUAL(e.payload.len, 0);
    CU_ASSERT_EQUAL(codec_server_payload_left(&p), 0);
    CU_ASSERT_EQUAL(codec_server_next(&p, &in, &e), CODEC_ERROR);
    CU_ASSERT_EQUAL(e.error.offset, 14 + 12);
}

#define S(text) SLICE_LIT(text)

static void test_encode(void)
{
    uint8_t bytes[64];
    const struct codec_server_msg bad[] = {
        {.subject = S(""), .sid = S("1")},
        {.subject = S("a"), .sid = S("")},
        {.subject = S("a"), .sid = S("1 2")},
        {.subject = S("a"), .sid = S("1"), .reply = S("a\n")},
        {.subject = S("a\nPING"), .sid = S("1")},
        {.subject = S("a"), .sid = S("1"), .size = 1000000000},
        {.subject = S("a"), .sid = S("1"), .size = 1, .hdr_size = 2},
        {.subject = S("a"), .sid = S("1"), .size = 1, .payload_complete = true},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct codec_server_event e = {.kind = CODEC_SERVER_MSG, .msg = bad[i]};
        CU_ASSERT_EQUAL(codec_server_encode(&e, bytes, sizeof(bytes)), 0);
    }
    struct codec_server_event e = {.kind = (enum codec_server_kind)0};
    CU_ASSERT_EQUAL(codec_server_encode(&e, bytes, sizeof(bytes)), 0);
    e = (struct codec_server_event){.kind = CODEC_SERVER_INFO, .text = S("")};
    CU_ASSERT_EQUAL(codec_server_encode(&e, bytes, sizeof(bytes)), 0);
    e = (struct codec_server_event){.kind = CODEC_SERVER_ERR, .text = S("a\nb")};
    CU_ASSERT_EQUAL(codec_server_encode(&e, bytes, sizeof(bytes)), 0);
    e = (struct codec_server_event){.kind = CODEC_SERVER_ERR, .text = S("\nb ")};
    CU_ASSERT_EQUAL(codec_server_encode(&e, bytes, sizeof(bytes)), 0);
    struct codec_server_msg m = {.subject = S("foo"), .sid = S("1"), .size = 5};
    size_t n = codec_server_msg_line(&m, bytes, sizeof(bytes));
    CU_ASSERT(slice_eq_str(slice_make(bytes, n), "MSG foo 1 5\r\n"));
    CU_ASSERT_EQUAL(codec_server_msg_line(&m, bytes, 5), n);
    m.reply = S("r");
    m.hdr_size = 12;
    m.size = 14;
    n = codec_server_msg_line(&m, bytes, sizeof(bytes));
    CU_ASSERT(slice_eq_str(slice_make(bytes, n), "HMSG foo 1 r 12 14\r\n"));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_session),       UNIT_TEST(test_messages), UNIT_TEST(test_refused),
    UNIT_TEST(test_payload_taken), UNIT_TEST(test_encode),
};

UNIT_MAIN("server-to-client codec", tests)
