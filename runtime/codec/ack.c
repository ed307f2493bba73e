/* ack.c: acknowledgements and the subjects that ask for them. */
#include "codec/sink.h"
#include "codec/text_lex.h"

/* White space as Go's TrimSpace has it for ASCII. */
static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static slice trim(slice s)
{
    while (s.len > 0 && is_space(s.ptr[0]))
        s = slice_from(s, 1);
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

struct codec_ack codec_ack_read(slice payload)
{
    enum codec_ack_kind kind = ack_lex(&payload);
    return (struct codec_ack){kind, kind == CODEC_ACK_UNKNOWN ? payload : trim(payload)};
}

struct delay {
    int64_t delay;
};

static const struct codec_json_field delay_fields[] = {
    CODEC_JSON_FIELD(struct delay, delay, "delay", CODEC_JSON_T_INT, 0),
};
static const struct codec_json_table delay_table =
    CODEC_JSON_TABLE("server.ConsumerNakOptions", struct delay, delay_fields);

bool codec_ack_delay(slice rest, int64_t *ns)
{
    *ns = 0;
    if (rest.len == 0)
        return true;
    if (rest.ptr[0] != '{')
        return codec_duration_read(rest, ns, NULL) == CODEC_DURATION_OK;
    struct delay d = {0};
    struct codec_json_error error;
    const struct codec_json_options options = {.borrow = true};
    bool ok = codec_json_read(&delay_table, &d, rest, &options, &error);
    *ns = ok ? d.delay : 0;
    return ok;
}

size_t codec_ack_encode(const struct codec_ack *ack, uint8_t *out, size_t cap)
{
    static const slice words[] = {
        [CODEC_ACK_ACK] = {(const uint8_t *)"+ACK", 4},      [CODEC_ACK_NAK] = {(const uint8_t *)"-NAK", 4},
        [CODEC_ACK_PROGRESS] = {(const uint8_t *)"+WPI", 4}, [CODEC_ACK_NEXT] = {(const uint8_t *)"+NXT", 4},
        [CODEC_ACK_TERM] = {(const uint8_t *)"+TERM", 5},    [CODEC_ACK_UNKNOWN] = {NULL, 0},
    };
    slice word = words[ack->kind];
    bool blank = word.len > 0 && ack->rest.len > 0;
    size_t n = word.len + (blank ? 1 : 0) + ack->rest.len;
    if (n > cap)
        return n;
    struct sink s = {out, 0};
    sink_put(&s, word);
    if (blank)
        sink_byte(&s, ' ');
    sink_put(&s, ack->rest);
    return n;
}

/* ------------------------------------------------------------------------------------------- ack subjects */

static slice next_token(slice *subject)
{
    const uint8_t *dot = subject->len == 0 ? NULL : memchr(subject->ptr, '.', subject->len);
    size_t n = dot == NULL ? subject->len : (size_t)(dot - subject->ptr);
    slice token = slice_first(*subject, n);
    *subject = slice_from(*subject, dot == NULL ? n : n + 1);
    return token;
}

static bool read_number(slice token, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < token.len; i++) {
        unsigned digit = token.ptr[i] - (unsigned)'0';
        if (digit > 9 || *value > ((uint64_t)INT64_MAX - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    return token.len > 0;
}

static size_t count_tokens(slice subject)
{
    size_t n = 1;
    for (size_t i = 0; i < subject.len; i++)
        n += subject.ptr[i] == '.';
    return n;
}

bool codec_ack_reply_read(slice subject, struct codec_ack_reply *r)
{
    size_t tokens = count_tokens(subject);
    if (!slice_starts(subject, SLICE_LIT("$JS.ACK.")) || (tokens != 9 && tokens < 11))
        return false;
    *r = (struct codec_ack_reply){.v2 = tokens != 9};
    subject = slice_from(subject, 8);
    if (r->v2) {
        r->domain = next_token(&subject);
        r->account_hash = next_token(&subject);
    }
    r->stream = next_token(&subject);
    r->consumer = next_token(&subject);
    uint64_t timestamp;
    bool ok = read_number(next_token(&subject), &r->delivered) &&
              read_number(next_token(&subject), &r->stream_seq) &&
              read_number(next_token(&subject), &r->consumer_seq) &&
              read_number(next_token(&subject), &timestamp) && read_number(next_token(&subject), &r->pending);
    if (ok)
        r->timestamp = (int64_t)timestamp;
    return ok;
}

static void put_reply(struct sink *s, const struct codec_ack_reply *r)
{
    sink_lit(s, "$JS.ACK.");
    if (r->v2) {
        sink_put(s, r->domain);
        sink_byte(s, '.');
        sink_put(s, r->account_hash);
        sink_byte(s, '.');
    }
    sink_put(s, r->stream);
    sink_byte(s, '.');
    sink_put(s, r->consumer);
    const uint64_t numbers[] = {r->delivered, r->stream_seq, r->consumer_seq, (uint64_t)r->timestamp,
                                r->pending};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        sink_byte(s, '.');
        sink_number(s, numbers[i]);
    }
}

size_t codec_ack_reply_encode(const struct codec_ack_reply *r, uint8_t *out, size_t cap)
{
    struct sink s = {NULL, 0};
    put_reply(&s, r);
    if (s.len > cap)
        return s.len;
    s = (struct sink){out, 0};
    put_reply(&s, r);
    return s.len;
}

bool codec_ack_reply_split(slice reply, slice *ack, slice *subject)
{
    if (!slice_starts(reply, SLICE_LIT("$JS.ACK.")))
        return false;
    unsigned dots = 0;
    for (size_t i = 0; i < reply.len; i++) {
        if (reply.ptr[i] == '.') {
            dots++;
        } else if (reply.ptr[i] == '@' && dots >= 8) {
            *ack = slice_first(reply, i);
            *subject = slice_from(reply, i + 1);
            return true;
        }
    }
    return false;
}
