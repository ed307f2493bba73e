#include "client/client_internal.h"

#include <midge/json.h>
#include <stdlib.h>

/* Lines of section 27.5. All of these are called only while TRC is on, or test it first. */

void client_trace_in(struct client *c, const char *verb, slice args)
{
    if (!client_tracing(c))
        return;
    log_trc(c->host->log, "%s - <<- [%s%s%.*s]", c->label, verb, args.len > 0 ? " " : "", LOG_SLICE(args));
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
        log_trc(c->host->log, "%s - ->> [-ERR %.*s]", c->label, LOG_SLICE(text));
        return;
    }
    log_trc(c->host->log, "%s - ->> [%.*s]", c->label, LOG_SLICE(line));
}

/* "MSG_PAYLOAD: [\"...\"]", the header part alone with trace_headers, cut at max_traced_msg_len. */
void client_trace_payload(struct client *c, const char *direction, slice payload, uint32_t hdr_size)
{
    if (!client_tracing(c) || payload.len == 0)
        return;
    const struct client_settings *s = client_settings(c->host);
    if (s->trace_headers) {
        if (hdr_size == 0)
            return;
        payload = slice_first(payload, hdr_size);
    }
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

void client_trace_delivery(struct client *to, const struct sub *sub, const struct message *m)
{
    bool hmsg = m->hdr_size > 0 && to->headers;
    slice sid = sub_sid(sub);
    log_trc(to->host->log, "%s - ->> [%s %.*s %.*s%s%.*s %.*s%s%.*s]", to->label, hmsg ? "HMSG" : "MSG",
            LOG_SLICE(m->subject), LOG_SLICE(sid), m->reply.len > 0 ? " " : "", LOG_SLICE(m->reply),
            hmsg ? (int)m->hdr_text.len : 0, hmsg ? (const char *)m->hdr_text.ptr : "", hmsg ? " " : "",
            LOG_SLICE(m->size_text));
    client_trace_payload(to, "->>", hmsg ? m->payload : slice_from(m->payload, m->hdr_size),
                         hmsg ? m->hdr_size : 0);
}

static bool is_secret(const struct codec_json_token *key)
{
    static const char *const names[] = {"pass", "auth_token", "sig", "proxy_sig", "nkey"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (codec_json_key_is(key, slice_str(names[i])))
            return true;
    }
    return false;
}

/* The JSON with the values of secrets replaced; it is well-formed, CONNECT was read from it. */
static void redact(struct codec_out *out, slice json)
{
    struct codec_json p;
    struct codec_json_token tok;
    size_t done = 0;
    bool secret = false;
    codec_json_init(&p, json);
    for (;;) {
        enum codec_json_event ev = codec_json_next(&p, &tok);
        if (ev == CODEC_JSON_END || ev == CODEC_JSON_BAD)
            break;
        if (secret && ev == CODEC_JSON_STRING) {
            codec_out_put(out, slice_make(json.ptr + done, tok.at - done));
            codec_out_put(out, SLICE_LIT("\"[REDACTED]\""));
            done = tok.at + tok.text.len;
        }
        secret = ev == CODEC_JSON_KEY && is_secret(&tok);
    }
    codec_out_put(out, slice_from(json, done));
}

void client_trace_connect(struct client *c, slice json)
{
    if (!client_tracing(c))
        return;
    size_t room = json.len * 2 + 256; /* a secret of no bytes grows by ten, and needs six for its key */
    uint8_t *text = malloc(room);
    if (text == NULL)
        return;
    struct codec_out out = codec_out_on(text, room);
    redact(&out, json);
    if (codec_out_ok(&out))
        client_trace_in(c, "CONNECT", codec_out_slice(&out));
    free(text);
}
