/* HTTP/1.1: heads of requests and responses, each way in which a body ends, each refusal with its place,
 * every split, encoders as the inverse. */
#include "unit.h"
#include <midge/http.h>
#include <stdarg.h>
#include <stdlib.h>

struct text {
    char buf[1 << 15];
    size_t len;
    bool in_data;
};

static void put(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    t->len += (size_t)vsnprintf(t->buf + t->len, sizeof(t->buf) - t->len, fmt, ap);
    va_end(ap);
}

static void put_slice(struct text *t, slice s)
{
    for (size_t i = 0; i < s.len; i++)
        put(t, s.ptr[i] < 0x20 || s.ptr[i] > 0x7e ? "\\%02x" : "%c", s.ptr[i]);
}

/* Pieces of a body are joined, however they came. */
static void put_event(struct text *t, const struct codec_http_event *e)
{
    if (t->in_data && e->kind != CODEC_HTTP_DATA)
        put(t, "]\n");
    switch (e->kind) {
    case CODEC_HTTP_REQUEST:
        put_slice(t, e->start.method);
        put(t, "|");
        put_slice(t, e->start.target);
        put(t, "|%u\n", e->start.minor);
        break;
    case CODEC_HTTP_RESPONSE:
        put(t, "%u|", e->start.status);
        put_slice(t, e->start.reason);
        put(t, "|%u\n", e->start.minor);
        break;
    case CODEC_HTTP_HEADER:
    case CODEC_HTTP_TRAILER:
        put(t, e->kind == CODEC_HTTP_HEADER ? "h%u " : "t%u ", e->header.id);
        put_slice(t, e->header.name);
        put(t, "=");
        put_slice(t, e->header.value);
        put(t, "\n");
        break;
    case CODEC_HTTP_END:
        put(t, "end%s%s%s%s", e->end.chunked ? " chunked" : "", e->end.until_close ? " open" : "",
            e->end.upgrade ? " upgrade" : "", e->end.keep_alive ? " keep" : "");
        if (e->end.has_length)
            put(t, " %llu", (unsigned long long)e->end.length);
        put(t, "\n");
        break;
    case CODEC_HTTP_DATA:
        if (!t->in_data)
            put(t, "[");
        put_slice(t, e->data);
        break;
    case CODEC_HTTP_LAST:
        put(t, "last\n");
        break;
    case CODEC_HTTP_DONE:
        put(t, "done\n");
        break;
    }
    t->in_data = e->kind == CODEC_HTTP_DATA;
}

static struct codec_error drive(struct codec_http ps, slice all, size_t first, size_t step, struct text *t,
                                uint8_t *again, size_t *again_len)
{
    struct codec_http_event e;
    size_t at = 0, shown = first;
    bool chunked = false;
    t->len = 0;
    t->buf[0] = '\0';
    t->in_data = false;
    for (;;) {
        uint8_t *copy = malloc(shown - at + (shown == at));
        if (shown > at)
            memcpy(copy, all.ptr + at, shown - at);
        slice in = slice_make(copy, shown - at);
        enum codec_rc rc = codec_http_next(&ps, &in, &e);
        size_t used = (size_t)(in.ptr - copy);
        at += used;
        if (rc == CODEC_EVENT) {
            put_event(t, &e);
            if (e.kind == CODEC_HTTP_END)
                chunked = e.end.chunked;
            if (again != NULL)
                *again_len += codec_http_encode(&e, chunked, again + *again_len, 4096 - *again_len);
        }
        free(copy);
        if (rc == CODEC_ERROR)
            return e.error;
        if (rc == CODEC_EVENT)
            continue;
        if (shown == all.len)
            return (struct codec_error){0, 0};
        shown = all.len - shown < step ? all.len : shown + step;
    }
}

static struct text want, got;

static void every_split(struct codec_http ps, slice all, struct codec_error error)
{
    for (size_t cut = 0; cut <= all.len; cut++) {
        struct codec_error e = drive(ps, all, cut, cut == 0 ? 1 : all.len, &got, NULL, NULL);
        CU_ASSERT_EQUAL(e.kind, error.kind);
        CU_ASSERT_EQUAL(e.offset, error.offset);
        CU_ASSERT_STRING_EQUAL(got.buf, want.buf);
    }
}

static void accepts(enum codec_http_side side, const char *bytes, const char *events)
{
    static uint8_t again[4096];
    size_t n = 0;
    struct codec_http ps;
    codec_http_init(&ps, side);
    slice all = slice_str(bytes);
    struct codec_error e = drive(ps, all, all.len, 1, &want, again, &n);
    CU_ASSERT_EQUAL(e.kind, 0);
    CU_ASSERT_STRING_EQUAL(want.buf, events);
    if (e.kind != 0 || strcmp(want.buf, events) != 0)
        printf("  %s gave %d at %llu\n%s", bytes, e.kind, (unsigned long long)e.offset, want.buf);
    every_split(ps, all, e);
    e = drive(ps, slice_make(again, n), n, 1, &got, NULL, NULL);
    CU_ASSERT_EQUAL(e.kind, 0);
    CU_ASSERT_STRING_EQUAL(got.buf, events);
}

static void refuses(enum codec_http_side side, const char *bytes, int kind, uint64_t offset)
{
    struct codec_http ps;
    codec_http_init(&ps, side);
    slice all = slice_str(bytes);
    struct codec_error e = drive(ps, all, all.len, 1, &want, NULL, NULL);
    CU_ASSERT_EQUAL(e.kind, kind);
    CU_ASSERT_EQUAL(e.offset, offset);
    if (e.kind != kind || e.offset != offset)
        printf("  %s gave %d at %llu\n", bytes, e.kind, (unsigned long long)e.offset);
    every_split(ps, all, e);
}

#define REQ  CODEC_HTTP_REQUESTS
#define RESP CODEC_HTTP_RESPONSES

static void test_requests(void)
{
    accepts(REQ, "GET /varz?x=1 HTTP/1.1\r\nHost: h:1\r\n\r\n",
            "GET|/varz?x=1|1\nh1 Host=h:1\nend keep\ndone\n");
    accepts(REQ, "GET / HTTP/1.0\n\n", "GET|/|0\nend\ndone\n");
    accepts(REQ, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
            "GET|/|0\nh2 Connection=Keep-Alive\nend keep\ndone\n");
    accepts(REQ, "GET / HTTP/1.1\r\nConnection:close\r\n\r\n", "GET|/|1\nh2 Connection=close\nend\ndone\n");
    accepts(REQ, "GET / HTTP/1.1\r\nX:\t a b \t \r\nY:\r\nhosts: x\r\n\r\n",
            "GET|/|1\nh0 X=a b\nh0 Y=\nh0 hosts=x\nend keep\ndone\n");
    accepts(REQ, "POST /a HTTP/1.1\r\ncontent-LENGTH: 5\r\n\r\nhelloGET / HTTP/1.1\r\n\r\n",
            "POST|/a|1\nh4 content-LENGTH=5\nend keep 5\n[hello]\ndone\nGET|/|1\nend keep\ndone\n");
    accepts(REQ, "POST / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
            "POST|/|1\nh4 Content-Length=0\nh4 Content-Length=0\nend keep 0\ndone\n");
    accepts(REQ, "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", "CONNECT|h:1|1\nh1 Host=h:1\nend keep\ndone\n");
    accepts(REQ, "M-SEARCH * HTTP/1.1\r\nK: \xe9\r\n\r\n", "M-SEARCH|*|1\nh0 K=\\e9\nend keep\ndone\n");
}

static void test_upgrade(void)
{
    accepts(REQ,
            "GET /leafnode HTTP/1.1\r\nHost: h:p\r\nConnection: keep-alive, UPGRADE\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\nNats-No-Masking: "
            "true\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\nOrigin: http://h\r\nCookie: a=b\r\n"
            "X-Forwarded-For: 1.2.3.4\r\n\r\n",
            "GET|/leafnode|1\nh1 Host=h:p\nh2 Connection=keep-alive, UPGRADE\nh3 Upgrade=websocket\n"
            "h12 Sec-WebSocket-Key=dGhlIHNhbXBsZSBub25jZQ==\nh13 sec-websocket-version=13\nh18 "
            "Nats-No-Masking=true\n"
            "h14 Sec-WebSocket-Extensions=permessage-deflate\nh7 Origin=http://h\nh8 Cookie=a=b\n"
            "h11 X-Forwarded-For=1.2.3.4\nend upgrade keep\ndone\n");
    accepts(
        RESP,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: x\r\nSec-Websocket-Protocol: mqtt\r\n\r\n",
        "101|Switching Protocols|1\nh3 Upgrade=websocket\nh2 Connection=Upgrade\nh16 Sec-WebSocket-Accept=x\n"
        "h15 Sec-Websocket-Protocol=mqtt\nend upgrade keep\ndone\n");
    CU_ASSERT_TRUE(codec_http_has_token(SLICE_LIT("a , Upgrade\t,b"), SLICE_LIT("upgrade")));
    CU_ASSERT_FALSE(codec_http_has_token(SLICE_LIT("upgraded,up grade"), SLICE_LIT("upgrade")));
    CU_ASSERT_FALSE(codec_http_has_token(SLICE_EMPTY, SLICE_LIT("upgrade")));
    CU_ASSERT_FALSE(codec_http_has_token(SLICE_LIT(" ,\t, , downtime"), SLICE_LIT("upgrade")));
    CU_ASSERT_FALSE(codec_http_has_token(SLICE_LIT("upgradf"), SLICE_LIT("upgrade")));
    CU_ASSERT_TRUE(codec_http_has_token(SLICE_LIT("a,\tupgrade"), SLICE_LIT("upgrade")));
    /* one of the two headers alone upgrades nothing */
    accepts(REQ, "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
            "GET|/|1\nh3 Upgrade=websocket\nend keep\ndone\n");
    accepts(REQ, "GET / HTTP/1.1\r\nConnection: upgrade\r\n\r\n",
            "GET|/|1\nh2 Connection=upgrade\nend keep\ndone\n");
}

static void test_responses(void)
{
    accepts(
        RESP,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404 Not Found\r\n"
        "Content-Length: 0\r\n\r\n",
        "200|OK|1\nh6 Content-Type=text/plain\nh4 Content-Length=2\nend keep 2\n[ok]\ndone\n404|Not Found|1\n"
        "h4 Content-Length=0\nend keep 0\ndone\n");
    accepts(RESP,
            "HTTP/1.1 204 \r\n\r\nHTTP/1.1 304\r\nContent-Length: 9\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
            "204||1\nend keep\ndone\n304||1\nh4 Content-Length=9\nend keep 9\ndone\n100|Continue|1\nend "
            "keep\ndone\n");
    accepts(RESP, "HTTP/1.0 200 OK\r\n\r\nall to the end", "200|OK|0\nend open\n[all to the end");
    accepts(
        RESP,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n00A;ext=1\r\n0123456789\r\n0 \r\n"
        "T: v\r\n\r\nHTTP/1.1 204 x\r\n\r\n",
        "200|OK|1\nh5 Transfer-Encoding=chunked\nend chunked keep\n[hello0123456789]\nlast\nt0 "
        "T=v\ndone\n204|x|1\n"
        "end keep\ndone\n");
}

static void test_refused(void)
{
    refuses(REQ, "\r\nGET / HTTP/1.1\r\n", CODEC_HTTP_BAD_START, 0);
    refuses(REQ, "GET  / HTTP/1.1\r\n", CODEC_HTTP_BAD_START, 4);
    refuses(REQ, "GET / \r\n", CODEC_HTTP_BAD_START, 6);
    refuses(REQ, "G(T / HTTP/1.1\r\n", CODEC_HTTP_BAD_START, 1);
    refuses(REQ, "GET /\x01 HTTP/1.1\r\n", CODEC_HTTP_BAD_START, 5);
    refuses(REQ, "GET / HTTP/1.1 \r\n", CODEC_HTTP_BAD_START, 14);
    refuses(REQ, "GET / HTTP/1.1\rx", CODEC_HTTP_BAD_START, 15);
    refuses(REQ, "GET / HTTP/2.0\r\n", CODEC_HTTP_BAD_VERSION, 12);
    refuses(REQ, "GET / HTTP/1.2\r\n", CODEC_HTTP_BAD_VERSION, 13);
    refuses(RESP, "HTTP/1.1 20 OK\r\n", CODEC_HTTP_BAD_START, 11);
    refuses(RESP, "HTTP/1.1 2000\r\n", CODEC_HTTP_BAD_START, 12);
    refuses(REQ, "GET / HTTP/1.1\r\n: v\r\n", CODEC_HTTP_BAD_HEADER, 16);
    refuses(REQ, "GET / HTTP/1.1\r\nA : v\r\n", CODEC_HTTP_BAD_HEADER, 17);
    refuses(REQ, "GET / HTTP/1.1\r\nA\r\n", CODEC_HTTP_BAD_HEADER, 17);
    refuses(REQ, "GET / HTTP/1.1\r\nA: v\x7f\r\n", CODEC_HTTP_BAD_HEADER, 20);
    refuses(REQ, "GET / HTTP/1.1\r\nA: v\rx\r\n", CODEC_HTTP_BAD_HEADER, 21);
    refuses(REQ, "GET / HTTP/1.1\r\nA: v\r\n folded\r\n", CODEC_HTTP_FOLDED, 22);
    refuses(REQ, "GET / HTTP/1.1\r\nContent-Length: x\r\n", CODEC_HTTP_BAD_LENGTH, 16);
    refuses(REQ, "GET / HTTP/1.1\r\nContent-Length: +1\r\n", CODEC_HTTP_BAD_LENGTH, 16);
    refuses(REQ, "GET / HTTP/1.1\r\nContent-Length:\r\n", CODEC_HTTP_BAD_LENGTH, 16);
    refuses(REQ, "GET / HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n", CODEC_HTTP_BAD_LENGTH, 16);
    refuses(REQ, "A / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n", CODEC_HTTP_BAD_LENGTH, 33);
    refuses(REQ, "A / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n", CODEC_HTTP_BAD_CODING, 14);
    refuses(REQ, "A / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n", CODEC_HTTP_BAD_CODING, 14);
    refuses(REQ, "A / HTTP/1.1\r\nTransfer-Encoding: deflate\r\n", CODEC_HTTP_BAD_CODING, 14);
    refuses(REQ, "A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            CODEC_HTTP_BAD_CODING, 42);
    refuses(REQ, "A / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n", CODEC_HTTP_BAD_CODING,
            33);
    refuses(REQ, "A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n", CODEC_HTTP_BAD_CODING,
            42);
    refuses(REQ, "A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", CODEC_HTTP_BAD_CHUNK, 44);
    refuses(REQ, "A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n", CODEC_HTTP_BAD_CHUNK, 48);
    refuses(REQ, "A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1000000000000000\r\n",
            CODEC_HTTP_BAD_CHUNK, 59);
}

static void test_limit(void)
{
    const char *bytes = "GET / HTTP/1.1\r\nA: b\r\n\r\n";
    for (uint32_t max = 0; max <= 26; max++) {
        struct codec_http ps;
        codec_http_init(&ps, REQ);
        ps.max_head = max;
        struct codec_error e = drive(ps, slice_str(bytes), 24, 1, &want, NULL, NULL);
        CU_ASSERT_EQUAL(e.kind, max < 24 ? CODEC_HTTP_HEAD_TOO_LONG : CODEC_HTTP_OK);
        if (max < 24)
            CU_ASSERT_EQUAL(e.offset, max);
        every_split(ps, slice_str(bytes), e);
    }
}

static void test_no_body(void)
{
    struct codec_http ps;
    struct codec_http_event e;
    codec_http_init(&ps, RESP);
    CU_ASSERT_TRUE(codec_http_may_close(&ps));
    slice in = SLICE_LIT("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nHTTP/1.1 200 OK\r\n\r\nrest");
    CU_ASSERT_EQUAL(codec_http_next(&ps, &in, &e), CODEC_EVENT);
    CU_ASSERT_FALSE(codec_http_may_close(&ps));
    CU_ASSERT_EQUAL(codec_http_next(&ps, &in, &e), CODEC_EVENT);
    CU_ASSERT_EQUAL(codec_http_next(&ps, &in, &e), CODEC_EVENT);
    CU_ASSERT_EQUAL(e.kind, CODEC_HTTP_END);
    codec_http_no_body(&ps); /* it answered HEAD */
    CU_ASSERT_EQUAL(codec_http_next(&ps, &in, &e), CODEC_EVENT);
    CU_ASSERT_EQUAL(e.kind, CODEC_HTTP_DONE);
    CU_ASSERT_EQUAL(codec_http_next(&ps, &in, &e), CODEC_EVENT);
    CU_ASSERT_EQUAL(e.kind, CODEC_HTTP_RESPONSE);
    CU_ASSERT_EQUAL(codec_http_next(&ps, &in, &e), CODEC_EVENT);
    CU_ASSERT_EQUAL(codec_http_next(&ps, &in, &e), CODEC_EVENT);
    CU_ASSERT(slice_eq_str(e.data, "rest"));
    CU_ASSERT_TRUE(codec_http_may_close(&ps));
    CU_ASSERT_EQUAL(codec_http_next(&ps, &in, &e), CODEC_MORE);
    codec_http_init(&ps, RESP); /* inside a line it may not */
    in = SLICE_LIT("HTTP/1.1 2");
    CU_ASSERT_EQUAL(codec_http_next(&ps, &in, &e), CODEC_MORE);
    CU_ASSERT_FALSE(codec_http_may_close(&ps));
}

/* The id of the header name in a request of its own. */
static unsigned id_of(const char *name, size_t len, const char *value)
{
    char head[160];
    struct codec_http ps;
    struct codec_http_event e;
    unsigned id = 99;
    int n = snprintf(head, sizeof(head), "GET / HTTP/1.1\r\n%.*s: %s\r\n\r\n", (int)len, name, value);
    slice in = slice_make(head, (size_t)n);
    codec_http_init(&ps, REQ);
    while (codec_http_next(&ps, &in, &e) == CODEC_EVENT) {
        if (e.kind == CODEC_HTTP_HEADER && e.header.name.len == len)
            id = e.header.id;
    }
    return id;
}

/* Each name that is known, in any letter case; each of its beginnings, and it with one byte changed or one
 * more, is another name. */
static void test_header_names(void)
{
    static const char *const names[] = {
        [CODEC_HTTP_HOST] = "host",
        [CODEC_HTTP_CONNECTION] = "connection",
        [CODEC_HTTP_UPGRADE] = "upgrade",
        [CODEC_HTTP_CONTENT_LENGTH] = "content-length",
        [CODEC_HTTP_TRANSFER_ENCODING] = "transfer-encoding",
        [CODEC_HTTP_CONTENT_TYPE] = "content-type",
        [CODEC_HTTP_ORIGIN] = "origin",
        [CODEC_HTTP_COOKIE] = "cookie",
        [CODEC_HTTP_USER_AGENT] = "user-agent",
        [CODEC_HTTP_AUTHORIZATION] = "authorization",
        [CODEC_HTTP_X_FORWARDED_FOR] = "x-forwarded-for",
        [CODEC_HTTP_WS_KEY] = "sec-websocket-key",
        [CODEC_HTTP_WS_VERSION] = "sec-websocket-version",
        [CODEC_HTTP_WS_EXTENSIONS] = "sec-websocket-extensions",
        [CODEC_HTTP_WS_PROTOCOL] = "sec-websocket-protocol",
        [CODEC_HTTP_WS_ACCEPT] = "sec-websocket-accept",
        [CODEC_HTTP_WS_ORIGIN] = "sec-websocket-origin",
        [CODEC_HTTP_NO_MASKING] = "nats-no-masking",
    };
    for (unsigned id = 1; id < sizeof(names) / sizeof(names[0]); id++) {
        const char *value = id == CODEC_HTTP_TRANSFER_ENCODING ? "chunked" : "0";
        size_t len = strlen(names[id]);
        char name[32];
        snprintf(name, sizeof(name), "%sx", names[id]);
        CU_ASSERT_EQUAL(id_of(name, len, value), id);
        CU_ASSERT_EQUAL(id_of(name, len + 1, value), CODEC_HTTP_OTHER);
        for (size_t i = 0; i < len; i++) {
            char was = name[i], upper = was == '-' ? '-' : (char)(was - 'a' + 'A');
            CU_ASSERT_EQUAL(id_of(name, i + 1, value), i + 1 == len ? id : CODEC_HTTP_OTHER);
            name[i] = '~';
            CU_ASSERT_EQUAL(id_of(name, len, value), CODEC_HTTP_OTHER);
            name[i] = upper; /* and stays so: each mixture from all small to all large */
            CU_ASSERT_EQUAL(id_of(name, len, value), id);
        }
    }
}

/* What was wrong stays wrong, whatever comes. */
static void test_error_stays(void)
{
    struct codec_http ps;
    struct codec_http_event e;
    codec_http_init(&ps, REQ);
    slice bad = SLICE_LIT("GET  / HTTP/1.1\r\n"), good = SLICE_LIT("GET / HTTP/1.1\r\n\r\n");
    CU_ASSERT_EQUAL(codec_http_next(&ps, &bad, &e), CODEC_ERROR);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(codec_http_next(&ps, &good, &e), CODEC_ERROR);
        CU_ASSERT(e.error.kind == CODEC_HTTP_BAD_START && e.error.offset == 4);
    }
}

static void test_encode(void)
{
    struct codec_http_event e = {.kind = CODEC_HTTP_DATA, .data = SLICE_LIT("0123456789abcdef0")};
    uint8_t out[64];
    size_t n = codec_http_encode(&e, true, out, sizeof(out));
    CU_ASSERT(slice_eq_str(slice_make(out, n), "11\r\n0123456789abcdef0\r\n"));
    out[0] = 0xee;
    CU_ASSERT_EQUAL(codec_http_encode(&e, true, out, n - 1), n);
    CU_ASSERT_EQUAL(out[0], 0xee);
    CU_ASSERT_EQUAL(codec_http_encode(&e, false, out, sizeof(out)), 17);
    e = (struct codec_http_event){.kind = CODEC_HTTP_RESPONSE, .start = {.status = 404, .minor = 1}};
    n = codec_http_encode(&e, false, out, sizeof(out));
    CU_ASSERT(slice_eq_str(slice_make(out, n), "HTTP/1.1 404 \r\n"));
    e = (struct codec_http_event){.kind = CODEC_HTTP_DONE};
    CU_ASSERT_EQUAL(codec_http_encode(&e, false, out, sizeof(out)), 0);
    for (int k = CODEC_HTTP_OK; k <= CODEC_HTTP_BAD_CHUNK; k++)
        CU_ASSERT(strcmp(codec_http_error_text(k), "unknown error") != 0);
    CU_ASSERT_STRING_EQUAL(codec_http_error_text(-1), "unknown error");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_requests), UNIT_TEST(test_upgrade),     UNIT_TEST(test_responses),
    UNIT_TEST(test_refused),  UNIT_TEST(test_limit),       UNIT_TEST(test_no_body),
    UNIT_TEST(test_encode),   UNIT_TEST(test_error_stays), UNIT_TEST(test_header_names),
};
UNIT_MAIN("codec_http", tests)
