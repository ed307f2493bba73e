#include "client/client_internal.h"

#include <stdlib.h>
#include <strings.h>

/* Lines of section 27.5. All of these are called only while TRC is on, or test it first. */

void client_log_parts(struct client *c, enum log_level level, const slice *parts, size_t count)
{
    if (!log_enabled(c->host->log, level))
        return;
    const char *label = c->label;
    size_t room = strlen(label) + 3;
    for (size_t i = 0; i < count; i++)
        room += parts[i].len;
    uint8_t *text = malloc(room);
    if (text == NULL)
        return;
    struct codec_out out = codec_out_on(text, room);
    codec_out_put(&out, slice_str(label));
    codec_out_put(&out, SLICE_LIT(" - "));
    for (size_t i = 0; i < count; i++)
        codec_out_put(&out, parts[i]);
    log_text(c->host->log, level, codec_out_slice(&out));
    free(text);
}

void client_trace_in(struct client *c, const char *verb, slice args)
{
    CLIENT_LOG_PARTS(c, LOG_TRC, SLICE_LIT("<<- ["), slice_str(verb),
                     args.len > 0 ? SLICE_LIT(" ") : SLICE_EMPTY, args, SLICE_LIT("]"));
}

void client_trace_delsub(struct client *c, const struct sub *sub)
{
    CLIENT_LOG_PARTS(c, LOG_TRC, SLICE_LIT("<-> [DELSUB "), sub_sid(sub), SLICE_LIT("]"));
}

/* A protocol line of the server: without CRLF, +OK without its sign, -ERR without its quotes, no INFO. */
void client_trace_out(struct client *c, slice line)
{
    if (line.len >= 2 && line.ptr[line.len - 1] == '\n')
        line.len -= 2;
    if (slice_starts(line, SLICE_LIT("INFO ")))
        return;
    if (slice_eq(line, SLICE_LIT("+OK")))
        line = slice_from(line, 1);
    if (slice_starts(line, SLICE_LIT("-ERR '"))) {
        slice text = slice_make(line.ptr + 6, line.len - 7);
        CLIENT_LOG_PARTS(c, LOG_TRC, SLICE_LIT("->> [-ERR "), text, SLICE_LIT("]"));
        return;
    }
    CLIENT_LOG_PARTS(c, LOG_TRC, SLICE_LIT("->> ["), line, SLICE_LIT("]"));
}

/* "MSG_PAYLOAD: [\"...\"]", the header part alone (without the two line ends behind it) with trace_headers,
 * cut at max_traced_msg_len. */
void client_trace_payload(struct client *c, const char *direction, slice payload, uint32_t hdr_size)
{
    if (!client_tracing(c))
        return;
    const struct client_settings *s = client_settings(c->host);
    if (s->trace_headers)
        payload = slice_first(payload, hdr_size > 4 ? hdr_size - 4 : 0);
    if (payload.len == 0)
        return;
    bool cut = s->max_traced_msg_len > 0 && payload.len > s->max_traced_msg_len;
    if (cut)
        payload.len = s->max_traced_msg_len;
    size_t room = 4 * payload.len + 2; /* a byte becomes \x and two digits at most */
    uint8_t *quoted = malloc(room);
    if (quoted == NULL)
        return;
    struct codec_out out = codec_out_on(quoted, room);
    codec_quote(&out, payload);
    slice text = slice_first(codec_out_slice(&out), out.len - 1);
    log_trc(c->host->log, "%s - %s MSG_PAYLOAD: [%.*s%s\"]", c->label, direction, LOG_SLICE(text),
            cut ? "..." : "");
    free(quoted);
}

void client_trace_delivery(struct client *to, const struct sub *sub, const struct message *m, bool hmsg)
{
    const slice space = SLICE_LIT(" "), none = SLICE_EMPTY;
    CLIENT_LOG_PARTS(to, LOG_TRC, hmsg ? SLICE_LIT("->> [HMSG ") : SLICE_LIT("->> [MSG "), m->subject, space,
                     sub_sid(sub), m->reply.len > 0 ? space : none, m->reply, space,
                     hmsg ? m->hdr_text : none, hmsg ? space : none, m->size_text, SLICE_LIT("]"));
    client_trace_payload(to, "->>", hmsg ? m->payload : slice_from(m->payload, m->hdr_size),
                         hmsg ? m->hdr_size : 0);
}

/* ---- secrets of a CONNECT ---- */

static bool is_word(uint8_t b)
{
    return (b >= '0' && b <= '9') || (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || b == '_';
}

static bool is_blank(uint8_t b)
{
    return b == ' ' || (b >= '\t' && b <= '\r');
}

/* Does `text` have the name, in any case, at `at`? */
static bool has_name(slice text, size_t at, slice name)
{
    return text.len - at >= name.len &&
           strncasecmp((const char *)text.ptr + at, (const char *)name.ptr, name.len) == 0;
}

/* Behind a name's closing quote (if any) and its : or =; 0 when they do not stand at `at`. */
static size_t skip_separator(slice text, size_t at)
{
    if (at < text.len && text.ptr[at] == '"')
        at++;
    while (at < text.len && is_blank(text.ptr[at]))
        at++;
    if (at == text.len || (text.ptr[at] != ':' && text.ptr[at] != '='))
        return 0;
    do
        at++;
    while (at < text.len && is_blank(text.ptr[at]));
    return at;
}

/* Where the value of a secret begins when its key stands at `at`; 0: there is none. Keys that only begin with
 * the first two names count, as in Go. */
static size_t secret_at(slice text, size_t at)
{
    static const slice prefixes[] = {{(const uint8_t *)"pass", 4}, {(const uint8_t *)"auth_token", 10}};
    static const slice names[] = {
        {(const uint8_t *)"sig", 3}, {(const uint8_t *)"proxy_sig", 9}, {(const uint8_t *)"nkey", 4}};
    for (size_t i = 0; i < 2; i++) {
        if (!has_name(text, at, prefixes[i]))
            continue;
        for (size_t k = at + prefixes[i].len; k < text.len && !is_blank(text.ptr[k]); k++) {
            size_t value = skip_separator(text, k);
            if (value != 0)
                return value;
        }
    }
    for (size_t i = 0; i < 3 && (at == 0 || !is_word(text.ptr[at - 1])); i++) {
        if (has_name(text, at, names[i]))
            return skip_separator(text, at + names[i].len);
    }
    return 0;
}

/* The end of a value: a string's closing quote, or what ends a bare word. */
static size_t value_end(slice text, size_t at, bool quoted)
{
    for (; at < text.len; at++) {
        uint8_t b = text.ptr[at];
        if (quoted ? b == '"' : b == '"' || b == ',' || b == '}' || b == '\r' || b == '\n')
            break;
        if (quoted && b == '\\' && at + 1 < text.len)
            at++;
    }
    return at;
}

/* The text, which need not be JSON, with the values of secrets replaced. */
static void redact(struct codec_out *out, slice text)
{
    size_t done = 0;
    for (size_t at = 0; at < text.len; at++) {
        size_t value = secret_at(text, at);
        if (value == 0)
            continue;
        bool quoted = value < text.len && text.ptr[value] == '"';
        value += quoted;
        codec_out_put(out, slice_make(text.ptr + done, value - done));
        codec_out_put(out, SLICE_LIT("[REDACTED]"));
        done = value_end(text, value, quoted);
        at = done - 1;
    }
    codec_out_put(out, slice_from(text, done));
}

void client_trace_connect(struct client *c, slice json)
{
    if (!client_tracing(c))
        return;
    size_t room = json.len * 3 + 64; /* a value of no bytes grows by ten, and needs five for its key */
    uint8_t *text = malloc(room);
    if (text == NULL)
        return;
    struct codec_out out = codec_out_on(text, room);
    redact(&out, json);
    if (codec_out_ok(&out))
        client_trace_in(c, "CONNECT", codec_out_slice(&out));
    free(text);
}
