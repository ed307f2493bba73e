/* Throughput of the parsers beside the client protocol's: one core, everything at hand. Run it on a release
 * build. */
#include "codec_bench.h"
#include <midge/ack.h>
#include <midge/gateway.h>
#include <midge/http.h>
#include <midge/leaf.h>
#include <midge/mqtt.h>
#include <midge/raft.h>
#include <midge/route.h>
#include <midge/ws.h>

/* As many copies of one message as fit. */
static size_t repeat(uint8_t *buf, size_t cap, size_t *count, slice message)
{
    *count = cap / message.len;
    for (size_t i = 0; i < *count; i++)
        memcpy(buf + i * message.len, message.ptr, message.len);
    return *count * message.len;
}

static size_t fill_line(uint8_t *buf, size_t cap, size_t *count, const char *line, size_t payload)
{
    uint8_t message[4096];
    size_t n = (size_t)snprintf((char *)message, sizeof(message), "%s", line);
    memset(message + n, 'x', payload);
    memcpy(message + n + payload, "\r\n", 2);
    return repeat(buf, cap, count, slice_make(message, n + payload + 2));
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
    return repeat(buf, cap, count, SLICE_LIT("RS+ $G foo.bar.baz workers 3\r\n"));
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
    return repeat(buf, cap, count, slice_make(message, sizeof(message)));
}

static size_t fill_publish_q1(uint8_t *buf, size_t cap, size_t *count)
{
    static const char head[] = "\x32\x4f\0\x0b"
                               "sensors/tmp\0\7";
    uint8_t message[81];
    memset(message, 'x', sizeof(message));
    memcpy(message, head, sizeof(head) - 1);
    return repeat(buf, cap, count, slice_make(message, sizeof(message)));
}

static size_t fill_puback(uint8_t *buf, size_t cap, size_t *count)
{
    return repeat(buf, cap, count, SLICE_LIT("\x40\x02\0\x4d"));
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
    return repeat(
        buf, cap, count,
        SLICE_LIT("GET /varz?subs=1 HTTP/1.1\r\nHost: monitor.example.com:8222\r\n"
                  "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
                  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\n"
                  "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n"
                  "Connection: keep-alive\r\nCookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
                  "Upgrade-Insecure-Requests: 1\r\nCache-Control: max-age=0\r\n\r\n"));
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
    return repeat(buf, cap, count, slice_make(message, sizeof(message)));
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

/* ------------------------------------------------------------------------------------- RAFT and small texts
 */

enum { APPEND_LEN = 42 + 5 + 128 + 1, HEAD_COUNT_AT = 40, ENTRY_AT = 42 };

static size_t fill_append(uint8_t *buf, size_t cap, size_t *count)
{
    uint8_t message[APPEND_LEN] = {0};
    message[HEAD_COUNT_AT] = 1;
    message[ENTRY_AT] = 129;
    return repeat(buf, cap, count, slice_make(message, sizeof(message)));
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

#define ACK_REPLY "$JS.ACK.ORDERS.worker.1.22334.5566.1700000000123456789.3"

static size_t fill_ack_reply(uint8_t *buf, size_t cap, size_t *count)
{
    return repeat(buf, cap, count, SLICE_LIT(ACK_REPLY));
}

static size_t ack_reply_pass(slice in)
{
    struct codec_ack_reply r;
    size_t n = 0;
    for (; in.len > 0; in = slice_from(in, sizeof(ACK_REPLY) - 1))
        n += codec_ack_reply_read(slice_first(in, sizeof(ACK_REPLY) - 1), &r);
    return n;
}

#define PULL_BODY "{\"expires\":30000000000,\"batch\":100,\"idle_heartbeat\":15000000000}"

static size_t fill_pull(uint8_t *buf, size_t cap, size_t *count)
{
    return repeat(buf, cap, count, SLICE_LIT(PULL_BODY));
}

static size_t pull_pass(slice in)
{
    struct codec_pull pull;
    struct codec_json_error error;
    size_t n = 0;
    for (; in.len > 0; in = slice_from(in, sizeof(PULL_BODY) - 1))
        n += codec_pull_read(slice_first(in, sizeof(PULL_BODY) - 1), &pull, NULL, &error);
    return n;
}

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {
        {"RMSG 128", 20, fill_rmsg, route_pass},
        {"RMSG 128 reply queues", 0, fill_rmsg_queues, route_pass},
        {"HMSG 128", 0, fill_hmsg, route_pass},
        {"RS+ queue", 0, fill_rs, route_pass},
        {"LMSG 128", 20, fill_lmsg, leaf_pass},
        {"MQTT PUBLISH 64", 20, fill_publish, mqtt_pass},
        {"MQTT PUBLISH 64 QoS 1", 0, fill_publish_q1, mqtt_pass},
        {"MQTT PUBACK", 0, fill_puback, mqtt_pass},
        {"HTTP head (500 MB/s)", 0, fill_http, http_pass},
        {"WebSocket 64 masked", 0, fill_ws, ws_pass},
        {"RAFT append 128", 0, fill_append, append_pass},
        {"ack subject", 0, fill_ack_reply, ack_reply_pass},
        {"pull request", 0, fill_pull, pull_pass},
    };
    return bench_run(cases, sizeof(cases) / sizeof(cases[0]), argc > 1 ? argv[1] : NULL);
}
