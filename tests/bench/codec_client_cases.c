/* codec_client_cases.c: the client protocol, headers, INFO and CONNECT. */
#include "codec_bench.h"
#include <midge/client.h>
#include <midge/connect.h>
#include <midge/headers.h>
#include <midge/subject.h>

static size_t repeat(uint8_t *buf, size_t cap, const char *message, size_t *count)
{
    return bench_repeat(buf, cap, count, slice_str(message));
}

static size_t fill_pub16(uint8_t *buf, size_t cap, size_t *count)
{
    return repeat(buf, cap, "PUB foo 16\r\n0123456789abcdef\r\n", count);
}

static size_t fill_pub16_long(uint8_t *buf, size_t cap, size_t *count)
{
    return repeat(buf, cap,
                  "PUB orders.eu.berlin.created _INBOX.aBcDeFgHiJkLmNoPqRsTuV.1 16\r\n0123456789abcdef\r\n",
                  count);
}

static size_t fill_mixed(uint8_t *buf, size_t cap, size_t *count)
{
    size_t n = repeat(buf, cap, "SUB orders.* 17\r\nPUB foo 3\r\nabc\r\nPING\r\nUNSUB 17\r\n", count);
    *count *= 4;
    return n;
}

static size_t pass_client(slice in)
{
    struct codec_client p;
    struct codec_client_event e;
    codec_client_init(&p);
    p.headers = true;
    size_t n = 0;
    while (codec_client_next(&p, &in, &e) == CODEC_EVENT)
        n++;
    return n;
}

static size_t fill_msg128(uint8_t *buf, size_t cap, size_t *count)
{
    char one[256];
    snprintf(one, sizeof(one), "MSG orders.created 17 128\r\n%0128d\r\n", 0);
    return repeat(buf, cap, one, count);
}

static size_t pass_server(slice in)
{
    struct codec_server p;
    struct codec_server_event e;
    codec_server_init(&p);
    size_t n = 0;
    while (codec_server_next(&p, &in, &e) == CODEC_EVENT)
        n++;
    return n;
}

/* Each MSG is parsed and written again. */
static size_t pass_server_encode(slice in)
{
    struct codec_server p;
    struct codec_server_event e;
    uint8_t out[512];
    codec_server_init(&p);
    size_t n = 0;
    while (codec_server_next(&p, &in, &e) == CODEC_EVENT)
        n += codec_server_encode(&e, out, sizeof(out)) > 0;
    return n;
}

#define HEADERS                                                                                       \
    "NATS/1.0\r\nNats-Msg-Id: 8f7e2a\r\nTraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-01\r\nX-A: " \
    "b\r\n\r\n"

static size_t fill_hpub(uint8_t *buf, size_t cap, size_t *count)
{
    char one[512];
    size_t n = sizeof(HEADERS) - 1;
    snprintf(one, sizeof(one), "HPUB orders.created %zu %zu\r\n%s%s\r\n", n, n + 16, HEADERS,
             "0123456789abcdef");
    return repeat(buf, cap, one, count);
}

static size_t fill_headers(uint8_t *buf, size_t cap, size_t *count)
{
    return repeat(buf, cap, HEADERS, count);
}

static size_t pass_headers(slice in)
{
    struct codec_headers h = {0};
    struct codec_headers_event e;
    size_t n = 0;
    while (codec_headers_next(&h, &in, &e) == CODEC_EVENT)
        n += e.kind == CODEC_HEADERS_END;
    return n;
}

static size_t pass_headers_get(slice in)
{
    const size_t one = sizeof(HEADERS) - 1;
    slice value;
    size_t n = 0;
    for (; in.len >= one; in = slice_from(in, one))
        n += codec_headers_get(slice_first(in, one), SLICE_LIT("X-A"), &value);
    return n;
}

/* 523 bytes, as a cluster's server sends it. */
#define INFO                                                                                                 \
    "{\"server_id\":\"NDQXJEJW3Y5IK4WDPSXFFNDDQTVBDX45IRG5OVLYS3YELLRR2PJULJVB\",\"server_name\":\"A\","     \
    "\"version\":\"2.15.1\",\"proto\":1,\"git_commit\":\"abcdefg\",\"go\":\"go1.27.2\",\"host\":\"127.0.0."  \
    "1\","                                                                                                   \
    "\"port\":4222,\"headers\":true,\"auth_required\":true,\"max_payload\":1048576,\"jetstream\":true,"      \
    "\"client_id\":6,\"client_ip\":\"127.0.0.1\",\"nonce\":\"oPQcZw5EQLsX_-w\",\"cluster\":\"C\",\"connect_" \
    "urls\":"                                                                                                \
    "[\"10.0.0.1:4222\",\"10.0.0.2:4222\",\"10.0.0.3:4222\"],\"api_lvl\":5,\"xkey\":"                        \
    "\"XB5HWVNBYBB6DHWDVO46OAIBVQM"                                                                          \
    "ADWYFYOXPMYWVLAIUW7UDQDPCY553\"}"

static size_t fill_info(uint8_t *buf, size_t cap, size_t *count)
{
    return repeat(buf, cap, INFO, count);
}

static size_t pass_info(slice in)
{
    const size_t one = sizeof(INFO) - 1;
    uint8_t block[2048];
    size_t n = 0;
    for (; in.len >= one; in = slice_from(in, one)) {
        struct codec_info info = {.port = 0};
        struct codec_arena arena = codec_arena_on(block, sizeof(block));
        struct codec_json_error error;
        n += codec_info_read(&info, slice_first(in, one), &arena, &error);
    }
    return n;
}

static size_t pass_info_pull(slice in)
{
    const size_t one = sizeof(INFO) - 1;
    size_t n = 0;
    for (; in.len >= one; in = slice_from(in, one)) {
        struct codec_json p;
        struct codec_json_token tok;
        enum codec_json_event e;
        codec_json_init(&p, slice_first(in, one));
        do
            e = codec_json_next(&p, &tok);
        while (e != CODEC_JSON_END && e != CODEC_JSON_BAD);
        n += e == CODEC_JSON_END;
    }
    return n;
}

static size_t pass_info_write(slice in)
{
    const size_t one = sizeof(INFO) - 1;
    uint8_t block[2048], line[1024];
    struct codec_info info = {.port = 0};
    struct codec_arena arena = codec_arena_on(block, sizeof(block));
    struct codec_json_error error;
    size_t n = 0;
    if (!codec_info_read(&info, slice_first(in, one), &arena, &error))
        return 0;
    for (; in.len >= one; in = slice_from(in, one)) {
        struct codec_out out = codec_out_on(line, sizeof(line));
        codec_info_write(&out, &info, CODEC_INFO_SPACE);
        n += out.len == one + 8;
    }
    return n;
}

#define CONNECT                                                                                       \
    "{\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\"name\":\"bench\",\"lang\":\"c\"," \
    "\"version\":"                                                                                    \
    "\"3.4.1\",\"protocol\":1,\"echo\":true,\"headers\":true,\"no_responders\":true,\"user\":\"u\","  \
    "\"pass\":\"p\"}"

static size_t fill_connect(uint8_t *buf, size_t cap, size_t *count)
{
    return repeat(buf, cap, CONNECT, count);
}

static size_t pass_connect(slice in)
{
    const size_t one = sizeof(CONNECT) - 1;
    uint8_t block[512];
    size_t n = 0;
    for (; in.len >= one; in = slice_from(in, one)) {
        struct codec_connect c;
        struct codec_arena arena = codec_arena_on(block, sizeof(block));
        struct codec_json_error error;
        codec_connect_defaults(&c);
        n += codec_connect_read(&c, slice_first(in, one), &arena, &error);
    }
    return n;
}

static size_t fill_subject(uint8_t *buf, size_t cap, size_t *count)
{
    return repeat(buf, cap, "orders.eu.berlin.created.v1", count);
}

static size_t pass_subject(slice in)
{
    const size_t one = sizeof("orders.eu.berlin.created.v1") - 1;
    size_t n = 0;
    for (; in.len >= one; in = slice_from(in, one))
        n += codec_subject_is_literal(slice_first(in, one));
    return n;
}

struct bench_cases bench_client_cases(void)
{
    static const struct bench_case cases[] = {
        {"client", "PUB 16 B", 35, 0, fill_pub16, pass_client},
        {"client", "PUB 16 B, long subjects", 0, 0, fill_pub16_long, pass_client},
        {"client", "HPUB, 3 headers", 0, 0, fill_hpub, pass_client},
        {"client", "SUB PUB PING UNSUB", 0, 0, fill_mixed, pass_client},
        {"server_client", "MSG 128 B", 20, 0, fill_msg128, pass_server},
        {"server_client", "MSG 128 B, write", 0, 0, fill_msg128, pass_server_encode},
        {"headers", "header block", 0, 0, fill_headers, pass_headers},
        {"headers", "header lookup", 0, 0, fill_headers, pass_headers_get},
        {"json", "JSON pull, INFO", 0, 0, fill_info, pass_info_pull},
        {"json", "INFO read", 0, 0, fill_info, pass_info},
        {"json", "INFO write", 0, 0, fill_info, pass_info_write},
        {"json", "CONNECT read", 0, 0, fill_connect, pass_connect},
        {"subject", "subject scan", 0, 0, fill_subject, pass_subject},
    };
    return (struct bench_cases){cases, sizeof(cases) / sizeof(cases[0])};
}
