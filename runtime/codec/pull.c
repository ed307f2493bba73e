/* pull.c: bodies of pull requests. */
#include "codec/text_lex.h"

static const struct codec_json_field fields[] = {
    CODEC_JSON_FIELD(struct codec_pull, expires, "expires", CODEC_JSON_T_INT, CODEC_JSON_OMIT_EMPTY),
    CODEC_JSON_FIELD(struct codec_pull, batch, "batch", CODEC_JSON_T_INT, CODEC_JSON_OMIT_EMPTY),
    CODEC_JSON_FIELD(struct codec_pull, max_bytes, "max_bytes", CODEC_JSON_T_INT, CODEC_JSON_OMIT_EMPTY),
    CODEC_JSON_FIELD(struct codec_pull, no_wait, "no_wait", CODEC_JSON_T_BOOL, CODEC_JSON_OMIT_EMPTY),
    CODEC_JSON_FIELD(struct codec_pull, idle_heartbeat, "idle_heartbeat", CODEC_JSON_T_INT,
                     CODEC_JSON_OMIT_EMPTY),
    CODEC_JSON_FIELD(struct codec_pull, group, "group", CODEC_JSON_T_STRING, CODEC_JSON_OMIT_EMPTY),
    CODEC_JSON_FIELD(struct codec_pull, min_pending, "min_pending", CODEC_JSON_T_INT, CODEC_JSON_OMIT_EMPTY),
    CODEC_JSON_FIELD(struct codec_pull, min_ack_pending, "min_ack_pending", CODEC_JSON_T_INT,
                     CODEC_JSON_OMIT_EMPTY),
    CODEC_JSON_FIELD(struct codec_pull, id, "id", CODEC_JSON_T_STRING, CODEC_JSON_OMIT_EMPTY),
    CODEC_JSON_FIELD(struct codec_pull, priority, "priority", CODEC_JSON_T_INT, CODEC_JSON_OMIT_EMPTY),
};
static const struct codec_json_table table =
    CODEC_JSON_TABLE("server.JSApiConsumerGetNextRequest", struct codec_pull, fields);

/* At most 18 digits, so it fits. */
static int64_t integer(slice text)
{
    bool negative = text.ptr[0] == '-';
    int64_t v = 0;
    for (size_t i = negative ? 1 : 0; i < text.len; i++)
        v = v * 10 + (text.ptr[i] - '0');
    return negative ? -v : v;
}

static int64_t *number_of(struct codec_pull *p, enum pull_token key)
{
    switch (key) {
    case PULL_BATCH:
        return &p->batch;
    case PULL_EXPIRES:
        return &p->expires;
    case PULL_MAX_BYTES:
        return &p->max_bytes;
    case PULL_IDLE_HEARTBEAT:
        return &p->idle_heartbeat;
    case PULL_MIN_PENDING:
        return &p->min_pending;
    case PULL_MIN_ACK_PENDING:
        return &p->min_ack_pending;
    case PULL_PRIORITY:
        return &p->priority;
    default:
        return NULL;
    }
}

static bool take_member(slice *text, enum pull_token key, struct codec_pull *p)
{
    slice value;
    enum pull_token token = pull_lex(text, &value);
    int64_t *number = number_of(p, key);
    if (number != NULL && token == PULL_INTEGER)
        return *number = integer(value), true;
    if (key == PULL_NO_WAIT && (token == PULL_TRUE || token == PULL_FALSE))
        return p->no_wait = token == PULL_TRUE, true;
    if (key == PULL_GROUP && token == PULL_STRING)
        return p->group = value, true;
    if (key == PULL_ID && token == PULL_STRING)
        return p->id = value, true;
    return false;
}

/* One pass over an object in its usual form; false: it is not in it, and may be right or wrong. */
static bool read_plain(slice text, struct codec_pull *p)
{
    slice value;
    if (pull_lex(&text, &value) != PULL_OPEN)
        return false;
    enum pull_token token = pull_lex(&text, &value);
    if (token != PULL_CLOSE) {
        for (;; token = pull_lex(&text, &value)) {
            if (!take_member(&text, token, p))
                return false;
            token = pull_lex(&text, &value);
            if (token == PULL_CLOSE)
                break;
            if (token != PULL_COMMA)
                return false;
        }
    }
    return pull_lex(&text, &value) == PULL_END;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A decimal number with an optional sign, as Go's Atoi reads it; anything else, and what does not fit, is 1.
 */
static int64_t read_batch(slice text)
{
    int64_t v = 0;
    size_t at = text.len > 0 && (text.ptr[0] == '+' || text.ptr[0] == '-') ? 1 : 0;
    if (at == text.len)
        return 1;
    for (size_t i = at; i < text.len; i++) {
        int digit = text.ptr[i] - '0';
        if (digit < 0 || digit > 9 || v > (INT64_MAX - digit) / 10)
            return 1;
        v = v * 10 + digit;
    }
    return text.ptr[0] == '-' || v == 0 ? 1 : v;
}

bool codec_pull_read(slice body, struct codec_pull *p, struct codec_arena *arena,
                     struct codec_json_error *error)
{
    while (body.len > 0 && is_space(body.ptr[0]))
        body = slice_from(body, 1);
    while (body.len > 0 && is_space(body.ptr[body.len - 1]))
        body.len--;
    *p = (struct codec_pull){.batch = 1};
    if (body.len == 0)
        return true;
    if (body.ptr[0] != '{') {
        p->batch = read_batch(body);
        return true;
    }
    p->batch = 0;
    if (!read_plain(body, p)) {
        const struct codec_json_options options = {.arena = arena, .borrow = true};
        *p = (struct codec_pull){.batch = 0};
        if (!codec_json_read(&table, p, body, &options, error))
            return false;
    }
    p->json = true;
    if (p->batch <= 0)
        p->batch = 1;
    return true;
}

void codec_pull_write(struct codec_out *out, const struct codec_pull *p)
{
    struct codec_json_writer w = codec_json_writer_on(out);
    codec_json_write(&w, &table, p);
}
