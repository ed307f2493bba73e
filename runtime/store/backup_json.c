#include "store/backup_json.h"

#include <midge/json.h>
#include <stdio.h>
#include <time.h>

static void put_text(struct byte_buf *out, const char *text)
{
    buf_bytes(out, text, strlen(text));
}

static void put_number(struct byte_buf *out, const char *key, uint64_t n)
{
    char text[64];
    snprintf(text, sizeof text, "\"%s\":%llu", key, (unsigned long long)n);
    put_text(out, text);
}

/* As Go writes times: nanoseconds without trailing zeros. */
static void put_time(struct byte_buf *out, const char *key, int64_t ns)
{
    char text[96], date[32] = "0001-01-01T00:00:00", fraction[16] = "";
    if (ns != STORE_TIME_NONE) {
        int64_t rest = ns % 1000000000;
        time_t s = (time_t)(ns / 1000000000) - (rest < 0);
        struct tm tm;
        gmtime_r(&s, &tm);
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
        rest += rest < 0 ? 1000000000 : 0;
        if (rest != 0)
            snprintf(fraction, sizeof fraction, ".%09d", (int)rest);
        for (size_t n = strlen(fraction); n > 0 && fraction[n - 1] == '0'; n--)
            fraction[n - 1] = 0;
    }
    snprintf(text, sizeof text, "\"%s\":\"%s%sZ\"", key, date, fraction);
    put_text(out, text);
}

void backup_put_state(struct byte_buf *out, const struct store_state *s, size_t consumers)
{
    put_text(out, "{");
    put_number(out, "messages", s->msgs);
    put_text(out, ",");
    put_number(out, "bytes", s->bytes);
    put_text(out, ",");
    put_number(out, "first_seq", s->first);
    put_text(out, ",");
    put_time(out, "first_ts", s->first_ts);
    put_text(out, ",");
    put_number(out, "last_seq", s->last);
    put_text(out, ",");
    put_time(out, "last_ts", s->last_ts);
    if (s->num_subjects > 0) {
        put_text(out, ",");
        put_number(out, "num_subjects", s->num_subjects);
    }
    if (s->num_deleted > 0) {
        put_text(out, ",");
        put_number(out, "num_deleted", s->num_deleted);
    }
    put_text(out, ",");
    put_number(out, "consumer_count", consumers);
    put_text(out, "}");
}

/* ---- consumers ---- */

static void put_position(struct byte_buf *out, const char *key, struct consumer_position p)
{
    char text[128];
    snprintf(text, sizeof text, "\"%s\":{\"consumer_seq\":%llu,\"stream_seq\":%llu}", key,
             (unsigned long long)p.consumer, (unsigned long long)p.stream);
    put_text(out, text);
}

/* Go sorts the keys of a map as texts. */
static int by_text(const void *a, const void *b)
{
    char x[24], y[24];
    snprintf(x, sizeof x, "%llu", (unsigned long long)((const struct seqmap_entry *)a)->key);
    snprintf(y, sizeof y, "%llu", (unsigned long long)((const struct seqmap_entry *)b)->key);
    return strcmp(x, y);
}

static void put_map(struct byte_buf *out, const char *key, const struct seqmap *map, uint64_t last,
                    bool pending)
{
    struct seqmap_entry *list = malloc((map->count + 1) * sizeof *list);
    size_t n = 0;
    char text[160];
    if (list == NULL) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < map->cap; i++) {
        if (map->slots[i].key != 0 && map->slots[i].key <= last)
            list[n++] = map->slots[i];
    }
    qsort(list, n, sizeof *list, by_text);
    for (size_t i = 0; i < n; i++) {
        if (i == 0) {
            snprintf(text, sizeof text, ",\"%s\":{", key);
            put_text(out, text);
        }
        if (pending)
            snprintf(text, sizeof text, "%s\"%llu\":{\"Sequence\":%llu,\"Timestamp\":%lld}", i > 0 ? "," : "",
                     (unsigned long long)list[i].key, (unsigned long long)list[i].a, (long long)list[i].b);
        else
            snprintf(text, sizeof text, "%s\"%llu\":%llu", i > 0 ? "," : "", (unsigned long long)list[i].key,
                     (unsigned long long)list[i].a);
        put_text(out, text);
    }
    if (n > 0)
        put_text(out, "}");
    free(list);
}

void backup_put_consumer(struct byte_buf *out, const struct backup_consumer *c, uint64_t last)
{
    struct consumer_position delivered = c->state->delivered, floor = c->state->floor;
    delivered.stream = delivered.stream < last ? delivered.stream : last;
    floor.stream = floor.stream < last ? floor.stream : last;
    put_text(out, "{\"config\":");
    buf_slice(out, c->config);
    put_text(out, ",\"state\":{");
    put_position(out, "delivered", delivered);
    put_text(out, ",");
    put_position(out, "ack_floor", floor);
    put_map(out, "pending", &c->state->pending, last, true);
    put_map(out, "redelivered", &c->state->redelivered, last, false);
    put_text(out, "}}");
}

void backup_put_consumer_meta(struct byte_buf *out, slice name, slice config, int64_t now)
{
    uint8_t quoted[6 * 256 + 2];
    struct codec_out o = codec_out_on(quoted, sizeof quoted);
    struct codec_json_writer w = codec_json_writer_on(&o);
    codec_json_string(&w, slice_first(name, 255));
    put_text(out, "{");
    put_time(out, "Created", now);
    put_text(out, ",\"Name\":");
    buf_slice(out, codec_out_slice(&o));
    struct byte_buf members = {0};
    backup_put_consumer_config(&members, config); /* without what stands here already */
    put_text(out, members.len > 2 ? "," : "");
    buf_slice(out, slice_from(buf_view(&members), 1));
    out->failed |= members.failed;
    buf_free(&members);
}

/* Go takes these two by their exact name, however it is escaped. */
static bool is_created_or_name(const struct codec_json_token *key)
{
    uint8_t text[3 * 64];
    if (key->text.len > 64)
        return false;
    slice name = slice_make(text, codec_json_decode(key, text));
    return slice_eq_str(name, "Created") || slice_eq_str(name, "Name");
}

void backup_put_consumer_config(struct byte_buf *out, slice meta)
{
    struct codec_json p;
    struct codec_json_token tok;
    bool first = true;
    codec_json_init(&p, meta);
    put_text(out, "{");
    if (codec_json_next(&p, &tok) == CODEC_JSON_OBJECT) {
        while (codec_json_next(&p, &tok) == CODEC_JSON_KEY) {
            struct codec_json_token key = tok;
            slice value;
            enum codec_json_event e = codec_json_next(&p, &tok);
            if (!codec_json_skip(&p, e, &tok, &value))
                break;
            if (is_created_or_name(&key))
                continue;
            put_text(out, first ? "" : ",");
            buf_slice(out, key.text);
            put_text(out, ":");
            buf_slice(out, value);
            first = false;
        }
    }
    put_text(out, "}");
}

/* ---- reading ---- */

static bool member_is(const struct codec_json_token *key, const char *name)
{
    return codec_json_key_is(key, slice_str(name));
}

/* Calls fn with each key and the text of its value. */
typedef bool (*member_fn)(void *ctx, const struct codec_json_token *key, enum codec_json_event first,
                          const struct codec_json_token *value, slice text);

static bool each_member(slice json, member_fn fn, void *ctx)
{
    struct codec_json *p = malloc(sizeof *p);
    struct codec_json_token key, tok;
    enum codec_json_event e = CODEC_JSON_BAD;
    bool ok = p != NULL;
    if (ok) {
        codec_json_init(p, json);
        ok = codec_json_next(p, &tok) == CODEC_JSON_OBJECT;
    }
    while (ok && (e = codec_json_next(p, &key)) == CODEC_JSON_KEY) {
        slice text;
        enum codec_json_event first = codec_json_next(p, &tok);
        struct codec_json_token value = tok;
        ok = codec_json_skip(p, first, &tok, &text) && fn(ctx, &key, first, &value, text);
    }
    ok = ok && e == CODEC_JSON_OBJECT_END && codec_json_next(p, &tok) == CODEC_JSON_END;
    free(p);
    return ok;
}

static bool number_of(enum codec_json_event first, const struct codec_json_token *value, uint64_t *n)
{
    return first == CODEC_JSON_NUMBER && codec_json_uint64(value, n);
}

static bool take_state(void *ctx, const struct codec_json_token *key, enum codec_json_event first,
                       const struct codec_json_token *value, slice text)
{
    struct store_state *s = ctx;
    (void)text;
    if (member_is(key, "messages"))
        return number_of(first, value, &s->msgs);
    if (member_is(key, "bytes"))
        return number_of(first, value, &s->bytes);
    if (member_is(key, "first_seq"))
        return number_of(first, value, &s->first);
    if (member_is(key, "last_seq"))
        return number_of(first, value, &s->last);
    return true;
}

bool backup_get_state(slice json, struct store_state *s)
{
    *s = (struct store_state){0};
    return each_member(json, take_state, s) && s->last < UINT64_MAX / 2 && s->first <= s->last + 1;
}

static bool take_position(void *ctx, const struct codec_json_token *key, enum codec_json_event first,
                          const struct codec_json_token *value, slice text)
{
    struct consumer_position *p = ctx;
    (void)text;
    if (member_is(key, "consumer_seq"))
        return number_of(first, value, &p->consumer);
    return !member_is(key, "stream_seq") || number_of(first, value, &p->stream);
}

/* The sequence that a member's name is. */
static bool sequence_of(const struct codec_json_token *key, uint64_t *seq)
{
    struct codec_json_token digits = {.text = slice_make(key->text.ptr + 1, key->text.len - 2),
                                      .integer = true};
    for (size_t i = 0; i < digits.text.len; i++)
        digits.integer = digits.integer && digits.text.ptr[i] >= '0' && digits.text.ptr[i] <= '9';
    return digits.text.len > 0 && codec_json_uint64(&digits, seq) && *seq > 0;
}

static bool take_pending_value(void *ctx, const struct codec_json_token *key, enum codec_json_event first,
                               const struct codec_json_token *value, slice text)
{
    struct seqmap_entry *e = ctx;
    (void)text;
    if (member_is(key, "Sequence"))
        return number_of(first, value, &e->a);
    return !member_is(key, "Timestamp") || (first == CODEC_JSON_NUMBER && codec_json_int64(value, &e->b));
}

static bool take_pending(void *ctx, const struct codec_json_token *key, enum codec_json_event first,
                         const struct codec_json_token *value, slice text)
{
    uint64_t seq;
    struct seqmap_entry got = {0};
    (void)value;
    if (!sequence_of(key, &seq) || first != CODEC_JSON_OBJECT || !each_member(text, take_pending_value, &got))
        return false;
    struct seqmap_entry *e = seqmap_put(ctx, seq);
    if (e == NULL)
        return false;
    e->a = got.a;
    e->b = got.b;
    return true;
}

static bool take_redelivered(void *ctx, const struct codec_json_token *key, enum codec_json_event first,
                             const struct codec_json_token *value, slice text)
{
    uint64_t seq, count;
    (void)text;
    if (!sequence_of(key, &seq) || !number_of(first, value, &count))
        return false;
    struct seqmap_entry *e = seqmap_put(ctx, seq);
    if (e != NULL)
        e->a = count;
    return e != NULL;
}

static bool take_consumer_state(void *ctx, const struct codec_json_token *key, enum codec_json_event first,
                                const struct codec_json_token *value, slice text)
{
    struct consumer_state *s = ctx;
    (void)value;
    if (first != CODEC_JSON_OBJECT)
        return first == CODEC_JSON_NULL;
    if (member_is(key, "delivered"))
        return each_member(text, take_position, &s->delivered);
    if (member_is(key, "ack_floor"))
        return each_member(text, take_position, &s->floor);
    if (member_is(key, "pending"))
        return each_member(text, take_pending, &s->pending);
    return !member_is(key, "redelivered") || each_member(text, take_redelivered, &s->redelivered);
}

struct consumer_parts {
    slice config;
    slice state;
};

static bool take_consumer(void *ctx, const struct codec_json_token *key, enum codec_json_event first,
                          const struct codec_json_token *value, slice text)
{
    struct consumer_parts *p = ctx;
    (void)value;
    if (first == CODEC_JSON_OBJECT && member_is(key, "config"))
        p->config = text;
    if (first == CODEC_JSON_OBJECT && member_is(key, "state"))
        p->state = text;
    return true;
}

bool backup_get_consumer(slice json, slice *config, struct consumer_state *state)
{
    struct consumer_parts p = {0};
    char why[64];
    if (!each_member(json, take_consumer, &p) || p.config.len == 0 || p.state.len == 0)
        return false;
    *config = p.config;
    if (!each_member(p.state, take_consumer_state, state))
        return false;
    struct consumer_state none = {0};
    return consumer_state_check(&none, state, false, why, sizeof why) == NULL;
}
