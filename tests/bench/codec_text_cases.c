/* codec_text_cases.c: the small texts, and values. */
#include "base/config_lex.h"
#include "codec/utf8.h"
#include "codec_bench.h"
#include <midge/ack.h>
#include <midge/duration.h>
#include <midge/nkeys.h>
#include <midge/value.h>

#define ACK_REPLY "$JS.ACK.ORDERS.worker.1.22334.5566.1700000000123456789.3"

static size_t fill_ack_reply(uint8_t *buf, size_t cap, size_t *count)
{
    return bench_repeat(buf, cap, count, SLICE_LIT(ACK_REPLY));
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
    return bench_repeat(buf, cap, count, SLICE_LIT(PULL_BODY));
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

#define ACK_TERM "-NAK {\"delay\":5000000000}"

static size_t fill_ack(uint8_t *buf, size_t cap, size_t *count)
{
    return bench_repeat(buf, cap, count, SLICE_LIT(ACK_TERM));
}

static size_t ack_pass(slice in)
{
    size_t n = 0;
    for (; in.len > 0; in = slice_from(in, sizeof(ACK_TERM) - 1))
        n += codec_ack_read(slice_first(in, sizeof(ACK_TERM) - 1)).kind == CODEC_ACK_NAK;
    return n;
}

#define DURATION "1h15m30.5s"

static size_t fill_duration(uint8_t *buf, size_t cap, size_t *count)
{
    return bench_repeat(buf, cap, count, SLICE_LIT(DURATION));
}

static size_t duration_pass(slice in)
{
    size_t n = 0;
    int64_t ns;
    for (; in.len > 0; in = slice_from(in, sizeof(DURATION) - 1))
        n += codec_duration_read(slice_first(in, sizeof(DURATION) - 1), &ns, NULL) == CODEC_DURATION_OK;
    return n;
}

static size_t fill_nkey(uint8_t *buf, size_t cap, size_t *count)
{
    static const uint8_t key[CODEC_NKEY_KEY] = {1, 2, 3};
    char text[CODEC_NKEY_PUBLIC];
    codec_nkey_encode_public(CODEC_NKEY_USER, key, text);
    return bench_repeat(buf, cap, count, slice_make(text, sizeof(text)));
}

static size_t nkey_pass(slice in)
{
    enum codec_nkey_kind kind;
    uint8_t key[CODEC_NKEY_KEY];
    size_t n = 0;
    for (; in.len > 0; in = slice_from(in, CODEC_NKEY_PUBLIC))
        n += codec_nkey_decode_public(slice_first(in, CODEC_NKEY_PUBLIC), &kind, key);
    return n;
}

/* {"event":"PUB","size":16,"offset":70000,"payload":...} */
static size_t fill_msgpack(uint8_t *buf, size_t cap, size_t *count)
{
    return bench_repeat(buf, cap, count,
                        SLICE_LIT("\x84\xa5"
                                  "event\xa3PUB\xa4size\x10\xa6offset\xce\0\1\x11\x70\xa7payload\xb0"
                                  "0123456789abcdef"));
}

static size_t msgpack_pass(slice in)
{
    uint8_t block[1024];
    size_t n = 0, need;
    enum codec_value_error error;
    struct codec_value v;
    for (; in.len > 0; n++) {
        struct codec_arena arena = codec_arena_on(block, sizeof(block));
        if (codec_value_read_msgpack(&in, 1024, &arena, &v, &need, &error) != CODEC_EVENT)
            break;
    }
    return n;
}

/* A sentence of two- and three-byte characters. */
#define SENTENCE "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82, \xe4\xb8\x96\xe7\x95\x8c! caf\xc3\xa9"

static size_t fill_utf8(uint8_t *buf, size_t cap, size_t *count)
{
    return bench_repeat(buf, cap, count, SLICE_LIT(SENTENCE));
}

static size_t utf8_pass(slice in)
{
    size_t n = 0;
    for (; in.len > 0; in = slice_from(in, sizeof(SENTENCE) - 1))
        n += utf8_valid(slice_first(in, sizeof(SENTENCE) - 1));
    return n;
}

/* A user of a configuration file; the lexer alone. */
static size_t fill_config(uint8_t *buf, size_t cap, size_t *count)
{
    size_t n =
        bench_repeat(buf, cap - 1, count,
                     SLICE_LIT("user { name: alice, password: \"secret\", limits: [1, 2k, true] } # one\n"));
    buf[n] = 0;
    return n;
}

static size_t config_pass(slice in)
{
    struct cfg_lexer lx;
    size_t n = 0;
    cfg_lexer_init(&lx, in, NULL);
    for (;;) {
        struct cfg_item item = cfg_lexer_next(&lx);
        if (item.type == CFG_ITEM_END || item.type == CFG_ITEM_ERROR)
            return n;
        n += item.type == CFG_ITEM_ARRAY_END;
    }
}

struct bench_cases bench_text_cases(void)
{
    static const struct bench_case cases[] = {
        {"ack", "ack", 0, 0, fill_ack, ack_pass},
        {"ack", "ack subject", 0, 0, fill_ack_reply, ack_reply_pass},
        {"pull", "pull request", 0, 0, fill_pull, pull_pass},
        {"duration", "duration", 0, 0, fill_duration, duration_pass},
        {"nkeys", "public key", 0, 0, fill_nkey, nkey_pass},
        {"msgpack", "MessagePack, 4 members", 0, 0, fill_msgpack, msgpack_pass},
        {"utf8", "UTF-8 check", 0, 0, fill_utf8, utf8_pass},
        {"config", "configuration, a user", 0, 0, fill_config, config_pass},
    };
    return (struct bench_cases){cases, sizeof(cases) / sizeof(cases[0])};
}
