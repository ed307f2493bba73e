/* The client-to-server parser. Transcripts are parsed whole and cut at every place; what comes out is written
 * down as text, one event a line, with %q-like escapes for control bytes. */
#include "unit.h"
#include <midge/client.h>
#include <stdarg.h>
#include <stdlib.h>

/* ----------------------------------------------------------------------- events as lines of text */

struct text {
    char buf[65536];
    size_t len;
};

static void put(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->buf + t->len, sizeof(t->buf) - t->len, fmt, ap);
    va_end(ap);
    if (n > 0)
        t->len += (size_t)n;
    if (t->len >= sizeof(t->buf))
        t->len = sizeof(t->buf) - 1;
}

static void put_slice(struct text *t, const char *key, slice s)
{
    put(t, " %s[", key);
    for (size_t i = 0; i < s.len; i++)
        put(t, s.ptr[i] < 0x20 || s.ptr[i] > 0x7e ? "\\%02x" : "%c", s.ptr[i]);
    put(t, "]");
}

/* The argument text as a whole is left out where blanks may differ. */
static bool without_lines;

static void put_line(struct text *t, slice line)
{
    if (!without_lines)
        put_slice(t, "line", line);
}

static const char *const kinds[] = {"?",   "CONNECT", "INFO", "PUB",  "HPUB", "HMSG", "PAYLOAD",
                                    "SUB", "UNSUB",   "PING", "PONG", "+OK",  "-ERR"};

/* A payload is always a line of its own, whether it came with its PUB or later. */
static void put_event(struct text *t, const struct codec_client_event *e)
{
    put(t, "%s", kinds[e->kind]);
    switch (e->kind) {
    case CODEC_CLIENT_CONNECT:
    case CODEC_CLIENT_INFO:
    case CODEC_CLIENT_ERR:
        put_slice(t, "text", e->text);
        break;
    case CODEC_CLIENT_PUB:
    case CODEC_CLIENT_HPUB:
    case CODEC_CLIENT_HMSG:
        put_line(t, e->pub.line);
        put_slice(t, "subject", e->pub.subject);
        if (e->pub.has_reply)
            put_slice(t, "reply", e->pub.reply);
        if (e->kind == CODEC_CLIENT_HPUB) {
            put_slice(t, "hdr", e->pub.hdr_text);
            put(t, "=%u", e->pub.hdr_size);
        }
        put_slice(t, "size", e->pub.size_text);
        put(t, "=%u", e->pub.size);
        if (e->pub.payload_complete) {
            put(t, "\nPAYLOAD");
            put_slice(t, "", e->pub.payload);
        }
        break;
    case CODEC_CLIENT_PAYLOAD:
        put_slice(t, "", e->payload);
        break;
    case CODEC_CLIENT_SUB:
        put_line(t, e->sub.line);
        put_slice(t, "subject", e->sub.subject);
        if (e->sub.queue.len > 0)
            put_slice(t, "queue", e->sub.queue);
        put_slice(t, "sid", e->sub.sid);
        break;
    case CODEC_CLIENT_UNSUB:
        put_line(t, e->unsub.line);
        put_slice(t, "sid", e->unsub.sid);
        if (e->unsub.max_text.len > 0)
            put_slice(t, "max", e->unsub.max_text);
        put(t, "=%d/%u", e->unsub.has_max, e->unsub.max);
        break;
    case CODEC_CLIENT_PING:
    case CODEC_CLIENT_PONG:
    case CODEC_CLIENT_OK:
        break;
    }
    put(t, "\n");
}

static void put_error(struct text *t, const struct codec_client_event *e)
{
    put(t, "ERROR %d at %llu", e->error.kind, (unsigned long long)e->error.offset);
    if (e->error.kind == CODEC_CLIENT_UNKNOWN_OP)
        put(t, " state %d", e->fault.state);
    else
        put_slice(t, "arg", e->fault.arg);
    put(t, "\n");
}

/* ------------------------------------------------------------------------------------ the driver */

struct options {
    bool headers;
    uint32_t max_control_line;
};

/* Feeds `all` in pieces that end at the given places, in a heap block of exactly the bytes kept (so that a
 * sanitizer sees any read past them) which is moved each time. */
static void drive(struct text *out, slice all, const size_t *cuts, size_t ncuts, struct options opt)
{
    struct codec_client p;
    codec_client_init(&p);
    p.headers = opt.headers;
    if (opt.max_control_line != 0)
        p.max_control_line = opt.max_control_line;
    out->len = 0;
    out->buf[0] = 0;
    size_t fed = 0;
    slice kept = SLICE_EMPTY;
    uint8_t *block = NULL;
    for (size_t i = 0; i <= ncuts; i++) {
        size_t upto = i < ncuts ? cuts[i] : all.len;
        uint8_t *grown = malloc(kept.len + (upto - fed) + 1);
        CU_ASSERT_PTR_NOT_NULL_FATAL(grown);
        uint8_t *start = grown + 1; /* odd alignment, end of block = end of input */
        if (kept.len > 0)
            memcpy(start, kept.ptr, kept.len);
        memcpy(start + kept.len, all.ptr + fed, upto - fed);
        slice in = slice_make(start, kept.len + (upto - fed));
        free(block);
        block = grown;
        fed = upto;
        struct codec_client_event e;
        enum codec_rc rc;
        while ((rc = codec_client_next(&p, &in, &e)) == CODEC_EVENT)
            put_event(out, &e);
        if (rc == CODEC_ERROR) {
            put_error(out, &e);
            uint64_t at = e.error.offset;
            CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_ERROR);
            CU_ASSERT_EQUAL(e.error.offset, at);
            break;
        }
        kept = in;
    }
    free(block);
}

static struct text whole, cut;

/* What the events are when written by the encoder and read back. */
static void expect_inverse(slice all, struct options opt)
{
    static uint8_t bytes[65536];
    struct codec_client p;
    struct codec_client_event e;
    size_t len = 0;
    codec_client_init(&p);
    p.headers = opt.headers;
    p.max_control_line = opt.max_control_line != 0 ? opt.max_control_line : p.max_control_line;
    for (slice in = all; codec_client_next(&p, &in, &e) == CODEC_EVENT;) {
        size_t n = codec_client_encode(&e, NULL, 0);
        CU_ASSERT(n > 0);
        memset(bytes + len, '#', n + 1);
        CU_ASSERT_EQUAL(codec_client_encode(&e, bytes + len, n - 1), n);
        CU_ASSERT_EQUAL(bytes[len], '#');
        CU_ASSERT_EQUAL(codec_client_encode(&e, bytes + len, n), n);
        CU_ASSERT_EQUAL(bytes[len + n], '#');
        len += n;
    }
    without_lines = true;
    drive(&whole, all, NULL, 0, opt);
    char *error = strstr(whole.buf, "ERROR");
    if (error != NULL)
        *error = 0;
    drive(&cut, slice_make(bytes, len), NULL, 0,
          (struct options){.headers = true, .max_control_line = 65536});
    CU_ASSERT_STRING_EQUAL(cut.buf, whole.buf);
    without_lines = false;
}

static void expect_with(slice all, const char *want, struct options opt)
{
    drive(&whole, all, NULL, 0, opt);
    if (strcmp(whole.buf, want) != 0)
        printf("\n--- for %.*s\n--- got\n%s--- want\n%s", (int)all.len, (const char *)all.ptr, whole.buf,
               want);
    CU_ASSERT_STRING_EQUAL(whole.buf, want);
    for (size_t i = 0; i <= all.len; i++) {
        drive(&cut, all, &i, 1, opt);
        CU_ASSERT_STRING_EQUAL(cut.buf, whole.buf);
    }
    size_t every[4096];
    size_t n = all.len < 4096 ? all.len : 4096;
    for (size_t i = 0; i < n; i++)
        every[i] = i + 1;
    drive(&cut, all, every, n, opt);
    CU_ASSERT_STRING_EQUAL(cut.buf, whole.buf);
    expect_inverse(all, opt);
}

#define EXPECT(in, want)   expect_with(SLICE_LIT(in), want, (struct options){.headers = false})
#define EXPECT_H(in, want) expect_with(SLICE_LIT(in), want, (struct options){.headers = true})

/* ------------------------------------------------------------------------------------- the tests */

/* covers: CP-47 CP-48 CP-49 */
static void test_verbs(void)
{
    EXPECT("PING\r\npOnG\r\n+ok\r\nPINGxyz\r\nPONG abc\n+OKzz\r\n", "PING\nPONG\n+OK\nPING\nPONG\n+OK\n");
    EXPECT("pUb foo 0\r\n\r\nsUB a 1\r\nUnSuB 1\r\n",
           "PUB line[foo 0] subject[foo] size[0]=0\nPAYLOAD []\nSUB line[a 1] subject[a] sid[1]\n"
           "UNSUB line[1] sid[1]=0/0\n");
    EXPECT("PUB foo 5\nhello\r\nPING\n", "PUB line[foo 5] subject[foo] size[5]=5\nPAYLOAD [hello]\nPING\n");
    EXPECT("PING\r\r\nPING\0\xff\n", "PING\nPING\n");
}

/* covers: CP-50 CP-51 */
static void test_unknown_operations(void)
{
    EXPECT(" PING\r\n", "ERROR 1 at 0 state 0\n");
    EXPECT("\r\n", "ERROR 1 at 0 state 0\n");
    EXPECT("xyz\r\n", "ERROR 1 at 0 state 0\n");
    EXPECT("GET / HTTP/1.1\r\n", "ERROR 1 at 0 state 0\n");
    EXPECT("MSG a 1 0\r\n", "ERROR 1 at 0 state 0\n");
    EXPECT("A+ a\r\n", "ERROR 1 at 0 state 0\n");
    EXPECT("LS+ a\r\n", "ERROR 1 at 0 state 0\n");
    EXPECT("RS+ a\r\n", "ERROR 1 at 0 state 0\n");
    EXPECT("PING\nPUBfoo\r\n", "PING\nERROR 1 at 8 state 31\n");
    EXPECT("PUB\r\n", "ERROR 1 at 3 state 31\n");
    EXPECT("UNSUB\r\n", "ERROR 1 at 5 state 63\n");
    EXPECT("-ERR\r\n", "ERROR 1 at 4 state 7\n");
    EXPECT("\x81UB a 1\r\n", "ERROR 1 at 0 state 0\n");
}

/* The numbers in the Go server's log, one for each place in a verb. */
static void test_error_places(void)
{
    static const struct {
        const char *prefix;
        int state;
    } cases[] = {
        {"", 0},    {"+", 1},    {"+o", 2},    {"-", 4},     {"-e", 5},     {"-er", 6},     {"-err", 7},
        {"c", 10},  {"co", 11},  {"con", 12},  {"conn", 13}, {"conne", 14}, {"connec", 15}, {"h", 18},
        {"hp", 19}, {"hpu", 20}, {"hpub", 21}, {"hm", 24},   {"hms", 25},   {"hmsg", 26},   {"P", 29},
        {"pu", 30}, {"puB", 31}, {"pi", 34},   {"pin", 35},  {"po", 37},    {"pon", 38},    {"s", 43},
        {"su", 44}, {"sub", 45}, {"u", 59},    {"un", 60},   {"uns", 61},   {"unsu", 62},   {"unsub", 63},
        {"i", 71},  {"in", 72},  {"inf", 73},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[16], want[64];
        snprintf(line, sizeof(line), "%s!", cases[i].prefix);
        snprintf(want, sizeof(want), "ERROR 1 at %zu state %d\n", strlen(cases[i].prefix), cases[i].state);
        expect_with(slice_str(line), want, (struct options){.headers = true});
    }
    EXPECT("PUB a 1\r\nx!!", "PUB line[a 1] subject[a] size[1]=1\nERROR 1 at 10 state 41\n");
    EXPECT("PUB a 1\r\nx\r!", "PUB line[a 1] subject[a] size[1]=1\nERROR 1 at 11 state 42\n");
}

/* The bytes that a log line quotes begin with the refused one. */
static void test_error_rest(void)
{
    struct codec_client p;
    struct codec_client_event e;
    codec_client_init(&p);
    slice in = SLICE_LIT("PING\r\nSUX foo 1\r\n");
    CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_EVENT);
    CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_ERROR);
    CU_ASSERT(slice_eq_str(e.fault.rest, "X foo 1\r\n"));
    CU_ASSERT_EQUAL(e.fault.state, 44);
    CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_ERROR);
    CU_ASSERT_EQUAL(e.error.kind, CODEC_CLIENT_UNKNOWN_OP);
    CU_ASSERT_EQUAL(e.fault.rest.len, 0);
}

/* covers: CP-23 CP-57 CP-58 */
static void test_raw_text(void)
{
    EXPECT("CONNECT {\"verbose\":true}\r\n", "CONNECT text[{\"verbose\":true}]\n");
    EXPECT("CONNECT{}\r\nconnect \t  {} \n", "CONNECT text[{}]\nCONNECT text[{} ]\n");
    EXPECT("INFO{}\r\nINFO {} \r\n", "INFO text[{}]\nINFO text[{} ]\n");
    EXPECT("-ERR 'Unknown'\r\n-err\t x y  \r\n", "-ERR text['Unknown']\n-ERR text[x y  ]\n");
    /* the first byte after the blanks begins the text, whatever it is */
    EXPECT("CONNECT\r\nPING\r\n", "CONNECT text[\\0d]\nPING\n");
    EXPECT("CONNECT\n{}\r\nPING\r\n", "CONNECT text[\\0a{}]\nPING\n");
    EXPECT("-ERR \r\nPING\r\n", "-ERR text[\\0d]\nPING\n");
    /* a CR inside costs the last byte */
    EXPECT("CONNECT {\"a\":\r1}\nPING\r\n", "CONNECT text[{\"a\":\\0d1]\nPING\n");
    EXPECT("CONNECT {\"a\":\r1}\r\nPING\r\n", "CONNECT text[{\"a\":\\0d1}]\nPING\n");
}

/* covers: CP-52 CP-53 CP-54 CP-55 CP-64 CP-66 CP-67 */
static void test_pub(void)
{
    EXPECT("PUB foo 5\r\nhello\r\nPUB foo bar 2\r\n\r\n\r\n",
           "PUB line[foo 5] subject[foo] size[5]=5\nPAYLOAD [hello]\n"
           "PUB line[foo bar 2] subject[foo] reply[bar] size[2]=2\nPAYLOAD [\\0d\\0a]\n");
    EXPECT("PUB \t foo\t  bar \t 3 \t \r\nabc\r\n",
           "PUB line[foo\\09  bar \\09 3 \\09 ] subject[foo] reply[bar] size[3]=3\nPAYLOAD [abc]\n");
    EXPECT("PUB a..b.>.* ..*.> 000000003\r\nabc\r\n",
           "PUB line[a..b.>.* ..*.> 000000003] subject[a..b.>.*] reply[..*.>] size[000000003]=3\n"
           "PAYLOAD [abc]\n");
    EXPECT("PUB \xff\x0c\x0b\"\\\x80 0\r\n\r\n",
           "PUB line[\\ff\\0c\\0b\"\\\\80 0] subject[\\ff\\0c\\0b\"\\\\80] size[0]=0\nPAYLOAD []\n");
    EXPECT("PUB a\0b 0\r\n\r\n", "PUB line[a\\00b 0] subject[a\\00b] size[0]=0\nPAYLOAD []\n");
    EXPECT("PUB foo 999999999\r\n", "PUB line[foo 999999999] subject[foo] size[999999999]=999999999\n");
}

/* covers: CP-48 CP-63 CP-64 CP-51 */
static void test_pub_refused(void)
{
    EXPECT("PUB foo\r\n", "ERROR 4 at 4 arg[foo]\n");
    EXPECT("PUB foo 1 2 3 \r\n", "ERROR 4 at 4 arg[foo 1 2 3 ]\n");
    EXPECT("PUB 1 2 3 4 5 6 7 8 9 10 11\r\n", "ERROR 4 at 4 arg[1 2 3 4 5 6 7 8 9 10 11]\n");
    EXPECT("PUB \r\n", "ERROR 4 at 4 arg[\\0d]\n");
    EXPECT("PUB foo -1\r\n", "ERROR 5 at 4 arg[foo -1]\n");
    EXPECT("PUB foo +5\r\n", "ERROR 5 at 4 arg[foo +5]\n");
    EXPECT("PUB foo abc\r\n", "ERROR 5 at 4 arg[foo abc]\n");
    EXPECT("PUB foo 1000000000\r\n", "ERROR 5 at 4 arg[foo 1000000000]\n");
    EXPECT("PUB foo 2\nab\n", "PUB line[foo 2] subject[foo] size[2]=2\nERROR 1 at 12 state 41\n");
    EXPECT("PUB foo 2\r\nabc\r\n", "PUB line[foo 2] subject[foo] size[2]=2\nERROR 1 at 13 state 41\n");
    EXPECT("PUB foo 3\r\nab\r\n\r\n", "PUB line[foo 3] subject[foo] size[3]=3\nERROR 1 at 14 state 41\n");
}

/* Lines with a CR where none belongs, as the Go server takes them when they come in one read. */
static void test_odd_lines(void)
{
    EXPECT("PUB \nfoo 0\r\n\r\n", "PUB line[\\0afoo 0] subject[\\0afoo] size[0]=0\nPAYLOAD []\n");
    EXPECT("PUB a\rb 0\r\n\r\n", "PUB line[a\\0db 0] subject[a\\0db] size[0]=0\nPAYLOAD []\n");
    EXPECT("PUB a\rb 05\n\r\n", "PUB line[a\\0db 0] subject[a\\0db] size[0]=0\nPAYLOAD []\n");
    EXPECT("PUB a 0\r\r\n\r\n", "ERROR 5 at 4 arg[a 0\\0d]\n");
    EXPECT("SUB \nfoo 1\r\n", "SUB line[\\0afoo 1] subject[foo] sid[1]\n");
    EXPECT("SUB \rfoo 1\r\n", "SUB line[\\0dfoo 1] subject[foo] sid[1]\n");
    EXPECT("SUB a\rq 12\n", "SUB line[a\\0dq 1] subject[a] queue[q] sid[1]\n");
    EXPECT("SUB a 1\r\r\r\n", "SUB line[a 1\\0d\\0d] subject[a] sid[1]\n");
    EXPECT("SUB \r\n", "ERROR 10 at 4 arg[\\0d]\n");
    EXPECT("UNSUB 1 \r 2\r\n", "UNSUB line[1 \\0d 2] sid[1] max[2]=1/2\n");
    EXPECT("UNSUB 1 2\r3\r\n", "ERROR 11 at 6 arg[1 2\\0d3]\n");
    EXPECT_H("HPUB a\rb 0 0\r\n\r\n",
             "HPUB line[a\\0db 0 0] subject[a\\0db] hdr[0]=0 size[0]=0\nPAYLOAD []\n");
    EXPECT("PUB 1\r2 3 4 5 6 7 8 9 10 11 12\r\n", "ERROR 4 at 4 arg[1\\0d2 3 4 5 6 7 8 9 10 11 12]\n");
}

/* covers: CP-76 CP-77 CP-81 */
static void test_hpub(void)
{
    EXPECT_H(
        "HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\nHPUB foo bar 3 5 \r\nhello\r\nHPUB foo 0 000\r\n\r\n",
        "HPUB line[foo 12 14] subject[foo] hdr[12]=12 size[14]=14\nPAYLOAD [NATS/1.0\\0d\\0a\\0d\\0ahi]\n"
        "HPUB line[foo bar 3 5 ] subject[foo] reply[bar] hdr[3]=3 size[5]=5\nPAYLOAD [hello]\n"
        "HPUB line[foo 0 000] subject[foo] hdr[0]=0 size[000]=0\nPAYLOAD []\n");
    EXPECT("HPUB foo 1 2\r\n", "ERROR 3 at 5 arg[foo 1 2]\n");
    EXPECT("HPUB foo\r\n", "ERROR 3 at 5 arg[foo]\n");
    EXPECT_H("HPUB foo 1\r\n", "ERROR 6 at 5 arg[foo 1]\n");
    EXPECT_H("HPUB a b 1 2 3\r\n", "ERROR 6 at 5 arg[a b 1 2 3]\n");
    EXPECT_H("HPUB foo x y\r\n", "ERROR 7 at 5 arg[foo x y]\n");
    EXPECT_H("HPUB foo -1 2\r\n", "ERROR 7 at 5 arg[foo -1 2]\n");
    EXPECT_H("HPUB foo 1 y\r\n", "ERROR 8 at 5 arg[foo 1 y]\n");
    EXPECT_H("HPUB foo 2 1\r\n", "ERROR 9 at 5 arg[foo 2 1]\n");
}

/* covers: CP-56 */
static void test_hmsg(void)
{
    EXPECT("HMSG x\r\n\r\nPING\r\n", "HMSG line[x] subject[] size[]=0\nPAYLOAD []\nPING\n");
    EXPECT("HMSG a b c d e\r\n\r\n", "HMSG line[a b c d e] subject[] size[]=0\nPAYLOAD []\n");
    EXPECT("HMSG x\r\nhello\r\n", "HMSG line[x] subject[] size[]=0\nERROR 1 at 8 state 41\n");
    EXPECT("HMSG\r\n\r\n", "ERROR 1 at 4 state 26\n");
}

/* covers: CP-89 CP-94 */
static void test_sub_unsub(void)
{
    EXPECT("SUB foo 1\r\nSUB foo.> q 2\r\nSUB a b.c* \xc3\xa4$x\r\n",
           "SUB line[foo 1] subject[foo] sid[1]\nSUB line[foo.> q 2] subject[foo.>] queue[q] sid[2]\n"
           "SUB line[a b.c* \\c3\\a4$x] subject[a] queue[b.c*] sid[\\c3\\a4$x]\n");
    EXPECT("UNSUB 1\r\nUNSUB abc 010\t\r\nUNSUB 1 0\r\n",
           "UNSUB line[1] sid[1]=0/0\nUNSUB line[abc 010\\09] sid[abc] max[010]=1/10\n"
           "UNSUB line[1 0] sid[1] max[0]=1/0\n");
    EXPECT("UNSUB 1 x\r\nUNSUB 1 1234567890\r\nUNSUB 1 -1\r\n",
           "UNSUB line[1 x] sid[1] max[x]=0/0\nUNSUB line[1 1234567890] sid[1] max[1234567890]=0/0\n"
           "UNSUB line[1 -1] sid[1] max[-1]=0/0\n");
    EXPECT("SUB a\r\n", "ERROR 10 at 4 arg[a]\n");
    EXPECT("SUB a b c d\t\r\n", "ERROR 10 at 4 arg[a b c d\\09]\n");
    EXPECT("UNSUB \r\n", "ERROR 11 at 6 arg[\\0d]\n");
    EXPECT("UNSUB a b c\r\n", "ERROR 11 at 6 arg[a b c]\n");
}

/* covers: CP-59 CP-60 CP-61 */
static void test_control_line_limit(void)
{
    const struct options ten = {.headers = true, .max_control_line = 10};
#define EXPECT_10(in, want) expect_with(SLICE_LIT(in), want, ten)
    EXPECT_10("SUB 12345678 1\r\nPING\r\n", "SUB line[12345678 1] subject[12345678] sid[1]\nPING\n");
    EXPECT_10("SUB 12345678 1\nPING\r\n", "SUB line[12345678 1] subject[12345678] sid[1]\nPING\n");
    EXPECT_10("SUB              12345678 1\nPING\r\n",
              "SUB line[12345678 1] subject[12345678] sid[1]\nPING\n");
    EXPECT_10("SUB 123456789 1\r\n", "ERROR 2 at 14 arg[123456789 ]\n");
    EXPECT_10("SUB 123456789 1\n", "ERROR 2 at 14 arg[123456789 ]\n");
    EXPECT_10("PUB 12345678901", "ERROR 2 at 14 arg[1234567890]\n");
    EXPECT_10("PUB 1234567890", "");
    EXPECT_10("PUB 1234567890\r", "");
    EXPECT_10("PUB 1234567890\r\r", "ERROR 2 at 15 arg[1234567890\\0d]\n");
    EXPECT_10("PUB 12345\r67890", "");
    EXPECT_10("PUB 12345\r678901", "ERROR 2 at 15 arg[12345\\0d67890]\n");
    EXPECT_10("CONNECT {\"a\":1234}\r\nCONNECT {\"a\":12345}\r\n",
              "CONNECT text[{\"a\":1234}]\nERROR 2 at 38 arg[{\"a\":12345]\n");
    EXPECT_10("INFO {\"a\":12345}\r\n", "ERROR 2 at 15 arg[{\"a\":12345]\n");
    EXPECT_10("-ERR 'abcdefghi'\r\n", "ERROR 2 at 15 arg['abcdefghi]\n");
    EXPECT_10("HMSG 12345678901\r\n", "ERROR 2 at 15 arg[1234567890]\n");
    EXPECT_10("HPUB foo 1 2 3 4 \r\n", "ERROR 2 at 15 arg[foo 1 2 3 ]\n");
    EXPECT_10("UNSUB 1234567890 1\r\n", "ERROR 2 at 16 arg[1234567890]\n");
    EXPECT_10("PINGxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n+OKxxxxxxxxxxxxxxxxxxx\r\n", "PING\n+OK\n");
}

/* Ignored text of any length needs no buffer. */
static void test_ignored_text_is_dropped(void)
{
    struct codec_client p;
    struct codec_client_event e;
    codec_client_init(&p);
    slice in = SLICE_LIT("PINGjunk");
    CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_MORE);
    CU_ASSERT_EQUAL(in.len, 0);
    CU_ASSERT_FALSE(codec_client_at_verb(&p));
    char junk[100];
    memset(junk, 'x', sizeof(junk));
    for (int i = 0; i < 1000; i++) {
        in = slice_make(junk, sizeof(junk));
        CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_MORE);
        CU_ASSERT_EQUAL(in.len, 0);
    }
    in = SLICE_LIT("\r\nSUB ");
    CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_EVENT);
    CU_ASSERT_EQUAL(e.kind, CODEC_CLIENT_PING);
    CU_ASSERT(codec_client_at_verb(&p));
    CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_MORE);
    CU_ASSERT_EQUAL(in.len, 0);
    in = SLICE_LIT(" foo 1\r\nX");
    CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_EVENT);
    CU_ASSERT(slice_eq_str(e.sub.subject, "foo"));
    CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_ERROR);
    CU_ASSERT_EQUAL(e.error.offset, 8 + 100000 + 6 + 8);
}

/* A payload that the caller takes in pieces past the parser. */
static void test_payload_taken(void)
{
    struct codec_client p;
    struct codec_client_event e;
    codec_client_init(&p);
    slice in = SLICE_LIT("PUB foo 10\r\n0123");
    CU_ASSERT_EQUAL(codec_client_payload_left(&p), 0);
    CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_EVENT);
    CU_ASSERT_FALSE(e.pub.payload_complete);
    CU_ASSERT_EQUAL(codec_client_payload_left(&p), 10);
    CU_ASSERT(slice_eq_str(in, "0123"));
    CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_MORE);
    CU_ASSERT_EQUAL(e.need, 8);
    codec_client_payload_taken(&p, 4);
    CU_ASSERT_EQUAL(codec_client_payload_left(&p), 6);
    in = SLICE_EMPTY;
    CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_MORE);
    CU_ASSERT_EQUAL(e.need, 8);
    codec_client_payload_taken(&p, 5);
    in = SLICE_LIT("9\r");
    CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_MORE);
    CU_ASSERT_EQUAL(e.need, 1);
    codec_client_payload_taken(&p, 1000); /* no more than there is */
    CU_ASSERT_EQUAL(codec_client_payload_left(&p), 0);
    in = SLICE_LIT("\r\nPING\r\nSUX");
    CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_EVENT);
    CU_ASSERT_EQUAL(e.kind, CODEC_CLIENT_PAYLOAD);
    CU_ASSERT_EQUAL(e.payload.len, 0);
    CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_EVENT);
    CU_ASSERT_EQUAL(e.kind, CODEC_CLIENT_PING);
    CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_ERROR);
    CU_ASSERT_EQUAL(e.error.offset, 12 + 12 + 6 + 2);
}

static void test_payload_taken_bad_trailer(void)
{
    struct codec_client p;
    struct codec_client_event e;
    codec_client_init(&p);
    slice in = SLICE_LIT("PUB foo 10\r\n");
    CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_EVENT);
    codec_client_payload_taken(&p, 10);
    in = SLICE_LIT("\rX");
    CU_ASSERT_EQUAL(codec_client_next(&p, &in, &e), CODEC_ERROR);
    CU_ASSERT_EQUAL(e.error.kind, CODEC_CLIENT_UNKNOWN_OP);
    CU_ASSERT_EQUAL(e.error.offset, 23);
    CU_ASSERT_EQUAL(e.fault.state, 42);
    CU_ASSERT_EQUAL(codec_client_payload_left(&p), 0);
}

static void refuse_to_encode(struct codec_client_event e)
{
    uint8_t bytes[64];
    CU_ASSERT_EQUAL(codec_client_encode(&e, bytes, sizeof(bytes)), 0);
}

#define S(text) SLICE_LIT(text)

static void test_encode_refuses(void)
{
    refuse_to_encode((struct codec_client_event){.kind = (enum codec_client_kind)0});
    refuse_to_encode((struct codec_client_event){.kind = CODEC_CLIENT_CONNECT, .text = S("")});
    refuse_to_encode((struct codec_client_event){.kind = CODEC_CLIENT_CONNECT, .text = S(" {}")});
    refuse_to_encode((struct codec_client_event){.kind = CODEC_CLIENT_ERR, .text = S("a\nPING\r\n")});
    const struct codec_client_pub pubs[] = {
        {.subject = S("")},
        {.subject = S("a b")},
        {.subject = S("a\tb")},
        {.subject = S("a\nb")},
        {.subject = S("a"), .has_reply = true},
        {.subject = S("a"), .has_reply = true, .reply = S("\n")},
        {.subject = S("a"), .size = 1000000000},
        {.subject = S("a"), .size_text = S("0000000000")},
        {.subject = S("a"), .size = 1, .hdr_size = 2},
        {.subject = S("a"), .size = 1, .size_text = S("2")},
        {.subject = S("a"), .size = 1, .size_text = S("x")},
        {.subject = S("a"), .size = 1, .hdr_size = 1, .hdr_text = S("0")},
        {.subject = S("a"), .size = 1, .payload_complete = true, .payload = S("ab")},
    };
    for (size_t i = 0; i < sizeof(pubs) / sizeof(pubs[0]); i++)
        refuse_to_encode((struct codec_client_event){.kind = CODEC_CLIENT_HPUB, .pub = pubs[i]});
    refuse_to_encode(
        (struct codec_client_event){.kind = CODEC_CLIENT_SUB, .sub = {.subject = S("a"), .sid = S("")}});
    refuse_to_encode(
        (struct codec_client_event){.kind = CODEC_CLIENT_SUB, .sub = {.subject = S("a\r"), .sid = S("1")}});
    refuse_to_encode((struct codec_client_event){
        .kind = CODEC_CLIENT_SUB, .sub = {.subject = S("a"), .queue = S("q "), .sid = S("1")}});
    const struct codec_client_unsub unsubs[] = {
        {.sid = S("1\n")},
        {.sid = S("1"), .has_max = true, .max = 1000000000},
        {.sid = S("1"), .max_text = S("1 2")},
        {.sid = S("1"), .max_text = S("5")},
        {.sid = S("1"), .has_max = true, .max = 5, .max_text = S("6")},
        {.sid = S("1"), .has_max = true, .max_text = S("x")},
    };
    for (size_t i = 0; i < sizeof(unsubs) / sizeof(unsubs[0]); i++)
        refuse_to_encode((struct codec_client_event){.kind = CODEC_CLIENT_UNSUB, .unsub = unsubs[i]});
}

static void encode_gives(struct codec_client_event e, const char *want)
{
    uint8_t bytes[256];
    size_t n = codec_client_encode(&e, bytes, sizeof(bytes));
    CU_ASSERT(slice_eq_str(slice_make(bytes, n), want));
}

/* Events that a client makes itself need no texts of numbers. */
static void test_encode(void)
{
    encode_gives((struct codec_client_event){.kind = CODEC_CLIENT_PUB,
                                             .pub = {.subject = S("foo"),
                                                     .has_reply = true,
                                                     .reply = S("r"),
                                                     .size = 5,
                                                     .payload_complete = true,
                                                     .payload = S("hello")}},
                 "PUB foo r 5\r\nhello\r\n");
    encode_gives((struct codec_client_event){.kind = CODEC_CLIENT_HPUB,
                                             .pub = {.subject = S("foo"), .size = 14, .hdr_size = 12}},
                 "HPUB foo 12 14\r\n");
    encode_gives((struct codec_client_event){.kind = CODEC_CLIENT_UNSUB,
                                             .unsub = {.sid = S("7"), .has_max = true, .max = 30}},
                 "UNSUB 7 30\r\n");
    encode_gives((struct codec_client_event){.kind = CODEC_CLIENT_PAYLOAD, .payload = S("xyz")}, "xyz\r\n");
}

static void test_error_texts(void)
{
    for (int kind = CODEC_CLIENT_NO_ERROR; kind <= CODEC_CLIENT_UNSUB_ARGS; kind++) {
        const char *text = codec_client_error_text((enum codec_client_error)kind);
        CU_ASSERT_STRING_NOT_EQUAL(text, "unknown error");
        for (int other = 0; other < kind; other++)
            CU_ASSERT_STRING_NOT_EQUAL(text, codec_client_error_text((enum codec_client_error)other));
    }
    CU_ASSERT_STRING_EQUAL(codec_client_error_text((enum codec_client_error)999), "unknown error");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_verbs),
    UNIT_TEST(test_unknown_operations),
    UNIT_TEST(test_error_places),
    UNIT_TEST(test_error_rest),
    UNIT_TEST(test_raw_text),
    UNIT_TEST(test_pub),
    UNIT_TEST(test_pub_refused),
    UNIT_TEST(test_odd_lines),
    UNIT_TEST(test_hpub),
    UNIT_TEST(test_hmsg),
    UNIT_TEST(test_sub_unsub),
    UNIT_TEST(test_control_line_limit),
    UNIT_TEST(test_ignored_text_is_dropped),
    UNIT_TEST(test_payload_taken),
    UNIT_TEST(test_payload_taken_bad_trailer),
    UNIT_TEST(test_encode_refuses),
    UNIT_TEST(test_encode),
    UNIT_TEST(test_error_texts),
};

UNIT_MAIN("client codec", tests)
