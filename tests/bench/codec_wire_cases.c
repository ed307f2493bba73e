/* codec_wire_cases.c: routes, gateways, leaf nodes, MQTT, HTTP, WebSocket, PROXY and RAFT. */
#include "codec_bench.h"
#include <midge/gateway.h>
#include <midge/http.h>
#include <midge/leaf.h>
#include <midge/mqtt.h>
#include <midge/proxy.h>
#include <midge/raft.h>
#include <midge/route.h>
#include <midge/ws.h>

static size_t fill_line(uint8_t *buf, size_t cap, size_t *count, const char *line, size_t payload)
{
    uint8_t message[4096];
    size_t n = (size_t)snprintf((char *)message, sizeof(message), "%s", line);
    memset(message + n, 'x', payload);
    memcpy(message + n + payload, "\r\n", 2);
    return bench_repeat(buf, cap, count, slice_make(message, n + payload + 2));
}

/* ------------------------------------------------------------------------------------ routes and leaf nodes
 */

static size_t fabric_pass(struct codec_fabric *p, slice in)
{
    struct codec_fabric_event e;
    size_t n = 0;
    while (codec_fabric_next(p, &in, &e) == CODEC_EVENT)
        n++;
    return n;
}

static size_t route_pass(slice in)
{
    struct codec_fabric p;
    codec_route_init(&p);
    return fabric_pass(&p, in);
}

static size_t gateway_pass(slice in)
{
    struct codec_fabric p;
    codec_gateway_init(&p);
    return fabric_pass(&p, in);
}

static size_t leaf_pass(slice in)
{
    struct codec_fabric p;
    codec_leaf_init(&p);
    return fabric_pass(&p, in);
}

static size_t fill_rmsg(uint8_t *buf, size_t cap, size_t *count)
{
    return fill_line(buf, cap, count, "RMSG $G foo.bar 128\r\n", 128);
}

static size_t fill_rmsg_queues(uint8_t *buf, size_t cap, size_t *count)
{
    return fill_line(buf, cap, count, "RMSG $G foo.bar + _INBOX.abcdefghijkl.1 workers audit 128\r\n", 128);
}

static size_t fill_hmsg(uint8_t *buf, size_t cap, size_t *count)
{
    return fill_line(buf, cap, count, "HMSG $G foo.bar 22 128\r\n", 128);
}

static size_t fill_lmsg(uint8_t *buf, size_t cap, size_t *count)
{
    return fill_line(buf, cap, count, "LMSG foo.bar 128\r\n", 128);
}

static size_t fill_rs(uint8_t *buf, size_t cap, size_t *count)
{
    return bench_repeat(buf, cap, count, SLICE_LIT("RS+ $G foo.bar.baz workers 3\r\n"));
}

/* ---------------------------------------------------------------------------------------------------- MQTT
 */

static size_t fill_publish(uint8_t *buf, size_t cap, size_t *count)
{
    static const char head[] = "\x30\x4d\0\x0b"
                               "sensors/tmp";
    uint8_t message[79];
    memset(message, 'x', sizeof(message));
    memcpy(message, head, sizeof(head) - 1);
    return bench_repeat(buf, cap, count, slice_make(message, sizeof(message)));
}

static size_t fill_publish_q1(uint8_t *buf, size_t cap, size_t *count)
{
    static const char head[] = "\x32\x4f\0\x0b"
                               "sensors/tmp\0\7";
    uint8_t message[81];
    memset(message, 'x', sizeof(message));
    memcpy(message, head, sizeof(head) - 1);
    return bench_repeat(buf, cap, count, slice_make(message, sizeof(message)));
}

/* 5.0, with six properties. */
static size_t fill_publish_v5(uint8_t *buf, size_t cap, size_t *count)
{
    static const char head[] =
        "\x30\x70\0\x0bsensors/tmp\x22\1\0\2\0\0\0\x3c\3\0\4text\x08\0\1r\x09\0\2id\x26\0\1k\0\5value";
    uint8_t message[0x70 + 2];
    memset(message, 'x', sizeof(message));
    memcpy(message, head, sizeof(head) - 1);
    return bench_repeat(buf, cap, count, slice_make(message, sizeof(message)));
}

static size_t mqtt5_pass(slice in)
{
    struct codec_mqtt p;
    struct codec_mqtt_event e;
    struct codec_mqtt_property q;
    size_t n = 0;
    codec_mqtt_init(&p, CODEC_MQTT_FROM_ANY);
    p.version = 5;
    while (codec_mqtt_next(&p, &in, &e) == CODEC_EVENT) {
        size_t properties = 0;
        for (slice left = e.publish.properties; codec_mqtt_property_next(&left, &q);)
            properties++;
        n += properties == 6;
    }
    return n;
}

static size_t fill_puback(uint8_t *buf, size_t cap, size_t *count)
{
    return bench_repeat(buf, cap, count, SLICE_LIT("\x40\x02\0\x4d"));
}

static size_t mqtt_pass(slice in)
{
    struct codec_mqtt p;
    struct codec_mqtt_event e;
    size_t n = 0;
    codec_mqtt_init(&p, CODEC_MQTT_FROM_ANY);
    p.version = 4;
    while (codec_mqtt_next(&p, &in, &e) == CODEC_EVENT)
        n++;
    return n;
}

/* ---------------------------------------------------------------------------------------- HTTP and WebSocket
 */

static size_t fill_http(uint8_t *buf, size_t cap, size_t *count)
{
    return bench_repeat(
        buf, cap, count,
        SLICE_LIT("GET /varz?subs=1 HTTP/1.1\r\nHost: monitor.example.com:8222\r\n"
                  "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
                  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\n"
                  "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n"
                  "Connection: keep-alive\r\nCookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
                  "Upgrade-Insecure-Requests: 1\r\nCache-Control: max-age=0\r\n\r\n"));
}

/* An answer in chunks of 1,000 bytes. */
static size_t fill_chunked(uint8_t *buf, size_t cap, size_t *count)
{
    static const char head[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    uint8_t message[6000];
    size_t n = sizeof(head) - 1;
    memcpy(message, head, n);
    for (int i = 0; i < 5; i++, n += 1007) {
        memcpy(message + n, "3e8\r\n", 5);
        memset(message + n + 5, 'x', 1000);
        memcpy(message + n + 1005, "\r\n", 2);
    }
    memcpy(message + n, "0\r\n\r\n", 5);
    return bench_repeat(buf, cap, count, slice_make(message, n + 5));
}

static size_t answers_pass(slice in)
{
    struct codec_http p;
    struct codec_http_event e;
    size_t n = 0;
    codec_http_init(&p, CODEC_HTTP_RESPONSES);
    while (codec_http_next(&p, &in, &e) == CODEC_EVENT)
        n += e.kind == CODEC_HTTP_DONE;
    return n;
}

static size_t http_pass(slice in)
{
    struct codec_http p;
    struct codec_http_event e;
    size_t n = 0;
    codec_http_init(&p, CODEC_HTTP_REQUESTS);
    while (codec_http_next(&p, &in, &e) == CODEC_EVENT)
        n += e.kind == CODEC_HTTP_DONE;
    return n;
}

static size_t fill_ws(uint8_t *buf, size_t cap, size_t *count)
{
    uint8_t message[6 + 64] = {0x82, 0x80 | 64, 1, 2, 3, 4};
    return bench_repeat(buf, cap, count, slice_make(message, sizeof(message)));
}

static size_t ws_pass(slice in)
{
    struct codec_ws p;
    struct codec_ws_event e;
    uint8_t plain[64];
    size_t n = 0;
    codec_ws_init(&p, CODEC_WS_MASK_REQUIRED);
    while (codec_ws_next(&p, &in, &e) == CODEC_EVENT) {
        codec_ws_mask(plain, e.payload.ptr, e.payload.len, e.mask, e.payload_at);
        n++;
    }
    return n;
}

/* ------------------------------------------------------------------------------------- PROXY and RAFT
 */

static size_t proxy_pass(slice in)
{
    struct codec_proxy p;
    struct codec_proxy_event e;
    size_t n = 0;
    do
        codec_proxy_init(&p);
    while (in.len > 0 && codec_proxy_next(&p, &in, &e) == CODEC_EVENT && ++n > 0);
    return n;
}

static size_t fill_proxy1(uint8_t *buf, size_t cap, size_t *count)
{
    return bench_repeat(buf, cap, count, SLICE_LIT("PROXY TCP4 192.168.10.20 10.0.0.1 50123 4222\r\n"));
}

static size_t fill_proxy2(uint8_t *buf, size_t cap, size_t *count)
{
    return bench_repeat(
        buf, cap, count,
        slice_make("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\xa8\x0a\x14\x0a\0\0\1\xc3\xcb\x10\x7e", 28));
}

static size_t fill_votes(uint8_t *buf, size_t cap, size_t *count)
{
    static const uint8_t vote[CODEC_RAFT_VOTE_REQUEST_LEN] = {1};
    return bench_repeat(buf, cap, count, slice_make(vote, sizeof(vote)));
}

static size_t votes_pass(slice in)
{
    struct codec_raft_event e;
    size_t n = 0;
    for (; in.len >= CODEC_RAFT_VOTE_REQUEST_LEN; in = slice_from(in, CODEC_RAFT_VOTE_REQUEST_LEN))
        n += codec_raft_decode(CODEC_RAFT_VOTE_REQUEST, slice_first(in, CODEC_RAFT_VOTE_REQUEST_LEN), &e);
    return n;
}

enum { APPEND_LEN = 42 + 5 + 128 + 1, HEAD_COUNT_AT = 40, ENTRY_AT = 42 };

static size_t fill_append(uint8_t *buf, size_t cap, size_t *count)
{
    uint8_t message[APPEND_LEN] = {0};
    message[HEAD_COUNT_AT] = 1;
    message[ENTRY_AT] = 129;
    return bench_repeat(buf, cap, count, slice_make(message, sizeof(message)));
}

static size_t append_pass(slice in)
{
    struct codec_raft_append a;
    struct codec_error error;
    size_t n = 0;
    for (; in.len >= APPEND_LEN; in = slice_from(in, APPEND_LEN))
        n += codec_raft_append_decode(slice_first(in, APPEND_LEN), &a, &error);
    return n;
}

/* The pull parser, an event for the head, each entry and the end. */
static size_t append_pull(slice in)
{
    struct codec_raft p;
    struct codec_raft_event e;
    size_t n = 0;
    for (; in.len >= APPEND_LEN; in = slice_from(in, APPEND_LEN)) {
        slice body = slice_first(in, APPEND_LEN);
        codec_raft_init(&p, CODEC_RAFT_APPEND, APPEND_LEN);
        while (codec_raft_next(&p, &body, &e) == CODEC_EVENT)
            n += e.kind == CODEC_RAFT_APPEND_END;
    }
    return n;
}

struct bench_cases bench_wire_cases(void)
{
    static const struct bench_case cases[] = {
        {"route", "RMSG 128", 20, 0, fill_rmsg, route_pass},
        {"route", "RMSG 128 reply queues", 0, 0, fill_rmsg_queues, route_pass},
        {"route", "HMSG 128", 0, 0, fill_hmsg, route_pass},
        {"route", "RS+ queue", 0, 0, fill_rs, route_pass},
        {"gateway", "RMSG 128, gateway", 20, 0, fill_rmsg, gateway_pass},
        {"leaf", "LMSG 128", 20, 0, fill_lmsg, leaf_pass},
        {"mqtt", "MQTT PUBLISH 64", 20, 0, fill_publish, mqtt_pass},
        {"mqtt", "MQTT PUBLISH 64 QoS 1", 0, 0, fill_publish_q1, mqtt_pass},
        {"mqtt", "MQTT PUBACK", 0, 0, fill_puback, mqtt_pass},
        {"mqtt_property", "MQTT 5 PUBLISH 64", 0, 0, fill_publish_v5, mqtt5_pass},
        {"http", "HTTP head", 0, 500, fill_http, http_pass},
        {"http", "HTTP chunks of 1000", 0, 0, fill_chunked, answers_pass},
        {"ws", "WebSocket 64 masked", 0, 0, fill_ws, ws_pass},
        {"proxy", "PROXY v1", 0, 0, fill_proxy1, proxy_pass},
        {"proxy", "PROXY v2", 0, 0, fill_proxy2, proxy_pass},
        {"raft_msg", "RAFT vote request", 0, 0, fill_votes, votes_pass},
        {"raft_msg", "RAFT append 128", 0, 0, fill_append, append_pass},
        {"raft_msg", "RAFT append 128, pull", 0, 0, fill_append, append_pull},
    };
    return (struct bench_cases){cases, sizeof(cases) / sizeof(cases[0])};
}
