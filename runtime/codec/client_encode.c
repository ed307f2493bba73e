/* Encoders of both directions of the client protocol. An event is first run through a sink that only counts.
 */
#include "codec/line.h"
#include "codec/sink.h"
#include <midge/client.h>

/* --------------------------------------------------------------------------- what can be written */

static bool has_any(slice s, const char *bytes)
{
    for (size_t i = 0; i < s.len; i++) {
        /* all that is ever asked for is a blank or a line end */
        if (s.ptr[i] <= ' ' && s.ptr[i] != 0 && strchr(bytes, s.ptr[i]) != NULL)
            return true;
    }
    return false;
}

/* An argument between blanks. */
static bool is_name(slice s)
{
    return s.len > 0 && !has_any(s, " \t\r\n");
}

/* An argument of a line in which CR is an ordinary byte. The line's very first byte may even be LF, as the
 * parser takes it. */
static bool is_pub_name(slice s, bool first)
{
    if (s.len == 0 || has_any(s, " \t"))
        return false;
    return !has_any(first ? slice_from(s, 1) : s, "\n");
}

/* Text up to the end of the line, whose first byte is whatever is no blank. */
static bool is_text(slice s)
{
    return s.len > 0 && s.ptr[0] != ' ' && s.ptr[0] != '\t' && !has_any(slice_from(s, 1), "\n");
}

/* Digits as written, which must say the same as the value, or none. */
static bool is_size(slice digits, uint32_t value)
{
    uint32_t written;
    return value <= CODEC_MAX_SIZE &&
           (digits.len == 0 || (codec_line_number(digits, &written) && written == value));
}

static void put_size(struct sink *s, slice digits, uint32_t value)
{
    if (digits.len > 0)
        sink_put(s, digits);
    else
        sink_number(s, value);
}

/* A payload without its CRLF was given in full, or not at all. */
static bool is_payload(bool complete, slice payload, uint32_t size, uint32_t hdr_size)
{
    return hdr_size <= size && (!complete || payload.len == size);
}

/* ------------------------------------------------------------------------------ client to server */

static bool can_pub(const struct codec_client_pub *pub)
{
    return is_pub_name(pub->subject, true) && (!pub->has_reply || is_pub_name(pub->reply, false)) &&
           is_size(pub->size_text, pub->size) && is_size(pub->hdr_text, pub->hdr_size) &&
           is_payload(pub->payload_complete, pub->payload, pub->size, pub->hdr_size);
}

/* A maximum that is none is written, too; but it must not look like one. */
static bool can_unsub(const struct codec_client_unsub *unsub)
{
    uint32_t written;
    if (!is_name(unsub->sid) || (unsub->max_text.len > 0 && !is_name(unsub->max_text)))
        return false;
    return unsub->has_max ? is_size(unsub->max_text, unsub->max)
                          : !codec_line_number(unsub->max_text, &written);
}

static bool can_encode_client(const struct codec_client_event *ev)
{
    switch (ev->kind) {
    case CODEC_CLIENT_CONNECT:
    case CODEC_CLIENT_INFO:
    case CODEC_CLIENT_ERR:
        return is_text(ev->text);
    case CODEC_CLIENT_PUB:
    case CODEC_CLIENT_HPUB:
        return can_pub(&ev->pub);
    case CODEC_CLIENT_HMSG:
        return is_text(ev->pub.line);
    case CODEC_CLIENT_SUB:
        return is_name(ev->sub.subject) && (ev->sub.queue.len == 0 || is_name(ev->sub.queue)) &&
               is_name(ev->sub.sid);
    case CODEC_CLIENT_UNSUB:
        return can_unsub(&ev->unsub);
    case CODEC_CLIENT_PAYLOAD:
    case CODEC_CLIENT_PING:
    case CODEC_CLIENT_PONG:
    case CODEC_CLIENT_OK:
        return true;
    }
    return false;
}

static void put_pub(struct sink *s, const struct codec_client_event *ev)
{
    const struct codec_client_pub *pub = &ev->pub;
    sink_put(s, ev->kind == CODEC_CLIENT_HPUB ? SLICE_LIT("HPUB ") : SLICE_LIT("PUB "));
    sink_put(s, pub->subject);
    sink_byte(s, ' ');
    if (pub->has_reply) {
        sink_put(s, pub->reply);
        sink_byte(s, ' ');
    }
    if (ev->kind == CODEC_CLIENT_HPUB) {
        put_size(s, pub->hdr_text, pub->hdr_size);
        sink_byte(s, ' ');
    }
    put_size(s, pub->size_text, pub->size);
    sink_lit(s, "\r\n");
}

static void put_payload(struct sink *s, slice payload)
{
    sink_put(s, payload);
    sink_lit(s, "\r\n");
}

static void put_text(struct sink *s, slice verb, slice text)
{
    sink_put(s, verb);
    sink_put(s, text);
    sink_lit(s, "\r\n");
}

static void put_sub(struct sink *s, const struct codec_client_sub *sub)
{
    sink_lit(s, "SUB ");
    sink_put(s, sub->subject);
    sink_byte(s, ' ');
    if (sub->queue.len > 0) {
        sink_put(s, sub->queue);
        sink_byte(s, ' ');
    }
    put_text(s, SLICE_EMPTY, sub->sid);
}

static void put_unsub(struct sink *s, const struct codec_client_unsub *unsub)
{
    sink_lit(s, "UNSUB ");
    sink_put(s, unsub->sid);
    if (unsub->has_max || unsub->max_text.len > 0) {
        sink_byte(s, ' ');
        put_size(s, unsub->max_text, unsub->max);
    }
    sink_lit(s, "\r\n");
}

static void put_client(struct sink *s, const struct codec_client_event *ev)
{
    switch (ev->kind) {
    case CODEC_CLIENT_CONNECT:
        put_text(s, SLICE_LIT("CONNECT "), ev->text);
        break;
    case CODEC_CLIENT_INFO:
        put_text(s, SLICE_LIT("INFO "), ev->text);
        break;
    case CODEC_CLIENT_ERR:
        put_text(s, SLICE_LIT("-ERR "), ev->text);
        break;
    case CODEC_CLIENT_PUB:
    case CODEC_CLIENT_HPUB:
        put_pub(s, ev);
        if (ev->pub.payload_complete)
            put_payload(s, ev->pub.payload);
        break;
    case CODEC_CLIENT_HMSG:
        put_text(s, SLICE_LIT("HMSG "), ev->pub.line);
        if (ev->pub.payload_complete)
            put_payload(s, ev->pub.payload);
        break;
    case CODEC_CLIENT_PAYLOAD:
        put_payload(s, ev->payload);
        break;
    case CODEC_CLIENT_SUB:
        put_sub(s, &ev->sub);
        break;
    case CODEC_CLIENT_UNSUB:
        put_unsub(s, &ev->unsub);
        break;
    case CODEC_CLIENT_PING:
        sink_lit(s, "PING\r\n");
        break;
    case CODEC_CLIENT_PONG:
        sink_lit(s, "PONG\r\n");
        break;
    case CODEC_CLIENT_OK:
        sink_lit(s, "+OK\r\n");
        break;
    }
}

size_t codec_client_encode(const struct codec_client_event *event, uint8_t *out, size_t cap)
{
    if (!can_encode_client(event))
        return 0;
    struct sink s = {NULL, 0};
    put_client(&s, event);
    if (s.len > cap)
        return s.len;
    s = (struct sink){out, 0};
    put_client(&s, event);
    return s.len;
}

/* ------------------------------------------------------------------------------ server to client */

/* The parser's oddest text begins with LF; quotes cannot be put around that. */
static bool is_bare_error(slice text)
{
    return text.len > 0 && text.ptr[0] == '\n';
}

static bool is_error(slice text)
{
    bool bare = is_bare_error(text);
    if (bare && has_any(slice_from(text, text.len - 1), " \t"))
        return false;
    return !has_any(bare ? slice_from(text, 1) : text, "\n");
}

static bool can_encode_server(const struct codec_server_event *ev)
{
    const struct codec_server_msg *m = &ev->msg;
    switch (ev->kind) {
    case CODEC_SERVER_INFO:
        return is_text(ev->text);
    case CODEC_SERVER_ERR:
        return is_error(ev->text);
    case CODEC_SERVER_MSG:
    case CODEC_SERVER_HMSG:
        return is_pub_name(m->subject, true) && is_pub_name(m->sid, false) &&
               (m->reply.len == 0 || is_pub_name(m->reply, false)) && is_size(m->size_text, m->size) &&
               is_size(m->hdr_text, m->hdr_size) &&
               is_payload(m->payload_complete, m->payload, m->size, m->hdr_size);
    case CODEC_SERVER_PAYLOAD:
    case CODEC_SERVER_PING:
    case CODEC_SERVER_PONG:
    case CODEC_SERVER_OK:
        return true;
    }
    return false;
}

static void put_msg_line(struct sink *s, const struct codec_server_msg *m, bool headers)
{
    sink_put(s, headers ? SLICE_LIT("HMSG ") : SLICE_LIT("MSG "));
    sink_put(s, m->subject);
    sink_byte(s, ' ');
    sink_put(s, m->sid);
    sink_byte(s, ' ');
    if (m->reply.len > 0) {
        sink_put(s, m->reply);
        sink_byte(s, ' ');
    }
    if (headers) {
        put_size(s, m->hdr_text, m->hdr_size);
        sink_byte(s, ' ');
    }
    put_size(s, m->size_text, m->size);
    sink_lit(s, "\r\n");
}

static void put_error(struct sink *s, slice text)
{
    slice quote = is_bare_error(text) ? SLICE_EMPTY : SLICE_LIT("'");
    sink_lit(s, "-ERR ");
    sink_put(s, quote);
    sink_put(s, text);
    sink_put(s, quote);
    sink_lit(s, "\r\n");
}

static void put_server(struct sink *s, const struct codec_server_event *ev)
{
    switch (ev->kind) {
    case CODEC_SERVER_INFO:
        put_text(s, SLICE_LIT("INFO "), ev->text);
        break;
    case CODEC_SERVER_ERR:
        put_error(s, ev->text);
        break;
    case CODEC_SERVER_MSG:
    case CODEC_SERVER_HMSG:
        put_msg_line(s, &ev->msg, ev->kind == CODEC_SERVER_HMSG);
        if (ev->msg.payload_complete)
            put_payload(s, ev->msg.payload);
        break;
    case CODEC_SERVER_PAYLOAD:
        put_payload(s, ev->payload);
        break;
    case CODEC_SERVER_PING:
        sink_lit(s, "PING\r\n");
        break;
    case CODEC_SERVER_PONG:
        sink_lit(s, "PONG\r\n");
        break;
    case CODEC_SERVER_OK:
        sink_lit(s, "+OK\r\n");
        break;
    }
}

size_t codec_server_encode(const struct codec_server_event *event, uint8_t *out, size_t cap)
{
    if (!can_encode_server(event))
        return 0;
    struct sink s = {NULL, 0};
    put_server(&s, event);
    if (s.len > cap)
        return s.len;
    s = (struct sink){out, 0};
    put_server(&s, event);
    return s.len;
}

size_t codec_server_msg_line(const struct codec_server_msg *msg, uint8_t *out, size_t cap)
{
    bool headers = msg->hdr_text.len > 0 || msg->hdr_size > 0;
    struct sink s = {NULL, 0};
    put_msg_line(&s, msg, headers);
    if (s.len > cap)
        return s.len;
    s = (struct sink){out, 0};
    put_msg_line(&s, msg, headers);
    return s.len;
}
