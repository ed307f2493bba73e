/* http.c: HTTP/1.1 messages: what the headers say about the body, and the body. Lines are read by
 * grammar/http.rl. */
#include <strings.h>
#include "codec/http_line.h"
#include "codec/sink.h"

enum phase {
    START,
    HEADERS,
    END_OF_HEAD, /* the message without a body, or behind its body: DONE is due */
    LENGTH_BODY,
    CHUNK_SIZE,
    CHUNK_DATA,
    CHUNK_END,
    TRAILERS,
    OPEN_BODY, /* until the connection closes */
};

void codec_http_init(struct codec_http *ps, enum codec_http_side side)
{
    *ps = (struct codec_http){.side = side, .max_head = CODEC_HTTP_MAX_HEAD};
}

static enum codec_rc fail(struct codec_http *ps, struct codec_http_event *e, enum codec_http_error kind,
                          uint64_t at)
{
    if (ps->error.kind == CODEC_HTTP_OK)
        ps->error = (struct codec_error){(int)kind, ps->offset + at};
    e->error = ps->error;
    return CODEC_ERROR;
}

static enum codec_rc more(struct codec_http_event *e, uint64_t need)
{
    e->need = need > SIZE_MAX ? SIZE_MAX : (size_t)need;
    return CODEC_MORE;
}

static void advance(struct codec_http *ps, slice *in, size_t n)
{
    *in = slice_from(*in, n);
    ps->offset += n;
    ps->pos = 0;
}

/* Bytes from..to of a line. */
static slice part(slice line, uint32_t from, uint32_t to)
{
    return slice_make(line.ptr + from, to - from);
}

static slice trim_right(slice s)
{
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* A whole line of the given part, or why there is none. */
static enum codec_rc read_line(struct codec_http *ps, enum http_part what, slice in,
                               struct codec_http_event *e, enum codec_http_error bad, bool *empty)
{
    size_t room = ps->max_head > ps->head ? ps->max_head - ps->head : 0;
    slice shown = slice_first(in, room);
    switch (http_line_scan(ps, what, shown)) {
    case HTTP_LINE_DONE:
        *empty = false;
        return CODEC_EVENT;
    case HTTP_LINE_EMPTY:
        *empty = true;
        return CODEC_EVENT;
    case HTTP_LINE_MORE:
        return shown.len < in.len ? fail(ps, e, CODEC_HTTP_HEAD_TOO_LONG, room) : more(e, 0);
    case HTTP_LINE_FOLDED:
        return fail(ps, e, CODEC_HTTP_FOLDED, ps->pos - 1);
    case HTTP_LINE_VERSION:
        return fail(ps, e, CODEC_HTTP_BAD_VERSION, ps->pos - 1);
    case HTTP_LINE_BAD:
        break;
    }
    return fail(ps, e, bad, ps->pos);
}

/* ---------------------------------------------------------------------------------------------------- heads
 */

static void begin_message(struct codec_http *ps)
{
    ps->head = 0;
    ps->has_length = ps->chunked = ps->close = ps->keep_alive = false;
    ps->upgrade_header = ps->upgrade_token = ps->last = false;
    ps->length = ps->left = 0;
    ps->status = 0;
}

static enum codec_rc next_start(struct codec_http *ps, slice *in, struct codec_http_event *e)
{
    bool empty, request = ps->side == CODEC_HTTP_REQUESTS;
    if (ps->pos == 0)
        begin_message(ps);
    enum codec_rc rc =
        read_line(ps, request ? HTTP_PART_REQUEST : HTTP_PART_RESPONSE, *in, e, CODEC_HTTP_BAD_START, &empty);
    if (rc != CODEC_EVENT)
        return rc;
    e->start.minor = ps->minor;
    if (request) {
        e->kind = CODEC_HTTP_REQUEST;
        e->start.method = part(*in, 0, ps->mark[0]);
        e->start.target = part(*in, ps->mark[1], ps->mark[2]);
    } else {
        e->kind = CODEC_HTTP_RESPONSE;
        e->start.status = ps->status = (uint16_t)ps->number;
        e->start.reason = ps->mark[0] == 0 ? SLICE_EMPTY : part(*in, ps->mark[0], ps->mark[1]);
    }
    ps->head = (uint32_t)ps->pos;
    ps->phase = HEADERS;
    advance(ps, in, ps->pos);
    return CODEC_EVENT;
}

static bool read_length(slice text, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = text.ptr[i] - (unsigned)'0';
        if (digit > 9 || *value > ((uint64_t)INT64_MAX - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    return text.len > 0;
}

bool codec_http_has_token(slice value, slice token)
{
    while (value.len > 0) {
        const uint8_t *comma = memchr(value.ptr, ',', value.len);
        size_t n = comma == NULL ? value.len : (size_t)(comma - value.ptr);
        slice word = trim_right(slice_first(value, n));
        while (word.len > 0 && (word.ptr[0] == ' ' || word.ptr[0] == '\t'))
            word = slice_from(word, 1);
        if (word.len == token.len &&
            strncasecmp((const char *)word.ptr, (const char *)token.ptr, token.len) == 0)
            return true;
        value = slice_from(value, comma == NULL ? n : n + 1);
    }
    return false;
}

/* The headers that say how the body ends and what becomes of the connection. */
static enum codec_http_error heed(struct codec_http *ps, enum codec_http_name id, slice value)
{
    uint64_t length;
    switch (id) {
    case CODEC_HTTP_CONTENT_LENGTH:
        if (!read_length(value, &length) || (ps->has_length && length != ps->length))
            return CODEC_HTTP_BAD_LENGTH;
        ps->has_length = true;
        ps->length = length;
        return ps->chunked ? CODEC_HTTP_BAD_CODING : CODEC_HTTP_OK;
    case CODEC_HTTP_TRANSFER_ENCODING:
        if (ps->chunked || ps->has_length || value.len != 7 ||
            strncasecmp((const char *)value.ptr, "chunked", 7) != 0)
            return CODEC_HTTP_BAD_CODING;
        ps->chunked = true;
        return CODEC_HTTP_OK;
    case CODEC_HTTP_CONNECTION:
        ps->close |= codec_http_has_token(value, SLICE_LIT("close"));
        ps->keep_alive |= codec_http_has_token(value, SLICE_LIT("keep-alive"));
        ps->upgrade_token |= codec_http_has_token(value, SLICE_LIT("upgrade"));
        return CODEC_HTTP_OK;
    case CODEC_HTTP_UPGRADE:
        ps->upgrade_header = true;
        return CODEC_HTTP_OK;
    default:
        return CODEC_HTTP_OK;
    }
}

/* RFC 9112, section 6.3. */
static void end_head(struct codec_http *ps, struct codec_http_event *e)
{
    bool request = ps->side == CODEC_HTTP_REQUESTS;
    bool bodiless = !request && (ps->status < 200 || ps->status == 204 || ps->status == 304);
    e->kind = CODEC_HTTP_END;
    e->end.has_length = ps->has_length;
    e->end.length = ps->length;
    e->end.chunked = ps->chunked;
    e->end.upgrade = ps->upgrade_header && ps->upgrade_token;
    e->end.until_close = !request && !bodiless && !ps->chunked && !ps->has_length;
    e->end.keep_alive = !e->end.until_close && !ps->close && (ps->minor == 1 || ps->keep_alive);
    ps->left = ps->has_length ? ps->length : 0;
    if (bodiless)
        ps->phase = END_OF_HEAD;
    else if (ps->chunked)
        ps->phase = CHUNK_SIZE;
    else if (ps->has_length && ps->length > 0)
        ps->phase = LENGTH_BODY;
    else
        ps->phase = e->end.until_close ? OPEN_BODY : END_OF_HEAD;
    if (ps->phase == CHUNK_SIZE)
        ps->left = 0;
}

static enum codec_rc next_header(struct codec_http *ps, slice *in, struct codec_http_event *e, bool trailer)
{
    bool empty;
    enum codec_rc rc = read_line(ps, HTTP_PART_HEADER, *in, e, CODEC_HTTP_BAD_HEADER, &empty);
    if (rc != CODEC_EVENT)
        return rc;
    if (!empty) {
        e->kind = trailer ? CODEC_HTTP_TRAILER : CODEC_HTTP_HEADER;
        e->header.id = ps->name;
        e->header.name = part(*in, 0, ps->mark[0]);
        e->header.value = ps->mark[1] == 0 ? SLICE_EMPTY : trim_right(part(*in, ps->mark[1], ps->mark[2]));
        enum codec_http_error error = trailer ? CODEC_HTTP_OK : heed(ps, ps->name, e->header.value);
        if (error != CODEC_HTTP_OK)
            return fail(ps, e, error, 0);
    } else if (trailer) {
        e->kind = CODEC_HTTP_DONE;
        ps->phase = START;
    } else {
        end_head(ps, e);
    }
    ps->head += (uint32_t)ps->pos;
    advance(ps, in, ps->pos);
    return CODEC_EVENT;
}

/* --------------------------------------------------------------------------------------------------- bodies
 */

static enum codec_rc take_data(struct codec_http *ps, slice *in, struct codec_http_event *e)
{
    if (in->len == 0)
        return more(e, ps->phase == OPEN_BODY ? 0 : ps->left);
    e->kind = CODEC_HTTP_DATA;
    e->data = *in;
    if (ps->phase != OPEN_BODY) {
        e->data = slice_first(*in, ps->left > SIZE_MAX ? SIZE_MAX : (size_t)ps->left);
        ps->left -= e->data.len;
        if (ps->left == 0)
            ps->phase = ps->phase == CHUNK_DATA ? CHUNK_END : END_OF_HEAD;
    }
    advance(ps, in, e->data.len);
    return CODEC_EVENT;
}

/* The size of the next chunk, and the CRLF behind the one before it; false: rc says what is to be returned.
 */
static bool between_chunks(struct codec_http *ps, slice *in, struct codec_http_event *e, enum codec_rc *rc)
{
    bool empty;
    ps->head = 0; /* each line has the whole limit */
    if (ps->phase == CHUNK_END) {
        *rc = read_line(ps, HTTP_PART_CRLF, *in, e, CODEC_HTTP_BAD_CHUNK, &empty);
        if (*rc != CODEC_EVENT)
            return false;
        advance(ps, in, ps->pos);
        ps->phase = CHUNK_SIZE;
    }
    *rc = read_line(ps, HTTP_PART_CHUNK, *in, e, CODEC_HTTP_BAD_CHUNK, &empty);
    if (*rc != CODEC_EVENT)
        return false;
    e->offset = ps->offset;
    advance(ps, in, ps->pos);
    ps->phase = ps->left > 0 ? CHUNK_DATA : TRAILERS;
    return true;
}

static enum codec_rc next_body(struct codec_http *ps, slice *in, struct codec_http_event *e)
{
    enum codec_rc rc;
    if ((ps->phase == CHUNK_SIZE || ps->phase == CHUNK_END) && !between_chunks(ps, in, e, &rc))
        return rc;
    if (ps->phase == TRAILERS && !ps->last) {
        e->kind = CODEC_HTTP_LAST;
        ps->last = true;
        return CODEC_EVENT;
    }
    e->offset = ps->offset;
    return ps->phase == TRAILERS ? next_header(ps, in, e, true) : take_data(ps, in, e);
}

enum codec_rc codec_http_next(struct codec_http *ps, slice *in, struct codec_http_event *e)
{
    *e = (struct codec_http_event){.offset = ps->offset};
    if (ps->error.kind != CODEC_HTTP_OK)
        return fail(ps, e, (enum codec_http_error)ps->error.kind, 0);
    switch ((enum phase)ps->phase) {
    case START:
        return next_start(ps, in, e);
    case HEADERS:
        return next_header(ps, in, e, false);
    case END_OF_HEAD:
        e->kind = CODEC_HTTP_DONE;
        ps->phase = START;
        return CODEC_EVENT;
    default:
        return next_body(ps, in, e);
    }
}

void codec_http_no_body(struct codec_http *ps)
{
    ps->phase = END_OF_HEAD;
    ps->left = 0;
    ps->chunked = false;
}

bool codec_http_may_close(const struct codec_http *ps)
{
    return ps->phase == OPEN_BODY || (ps->phase == START && ps->pos == 0);
}

/* -------------------------------------------------------------------------------------------------- encoder
 */

static void put_hex(struct sink *s, uint64_t v)
{
    unsigned shift = 60;
    while (shift > 0 && v >> shift == 0)
        shift -= 4;
    for (;; shift -= 4) {
        sink_byte(s, (uint8_t) "0123456789abcdef"[v >> shift & 15]);
        if (shift == 0)
            break;
    }
}

static void put_event(struct sink *s, const struct codec_http_event *e, bool chunked)
{
    switch (e->kind) {
    case CODEC_HTTP_REQUEST:
        sink_put(s, e->start.method);
        sink_byte(s, ' ');
        sink_put(s, e->start.target);
        sink_put(s, e->start.minor == 0 ? SLICE_LIT(" HTTP/1.0\r\n") : SLICE_LIT(" HTTP/1.1\r\n"));
        break;
    case CODEC_HTTP_RESPONSE:
        sink_put(s, e->start.minor == 0 ? SLICE_LIT("HTTP/1.0 ") : SLICE_LIT("HTTP/1.1 "));
        sink_byte(s, (uint8_t)('0' + e->start.status / 100 % 10));
        sink_byte(s, (uint8_t)('0' + e->start.status / 10 % 10));
        sink_byte(s, (uint8_t)('0' + e->start.status % 10));
        sink_byte(s, ' ');
        sink_put(s, e->start.reason);
        sink_lit(s, "\r\n");
        break;
    case CODEC_HTTP_HEADER:
    case CODEC_HTTP_TRAILER:
        sink_put(s, e->header.name);
        sink_lit(s, ": ");
        sink_put(s, e->header.value);
        sink_lit(s, "\r\n");
        break;
    case CODEC_HTTP_END:
        sink_lit(s, "\r\n");
        break;
    case CODEC_HTTP_DATA:
        if (chunked) {
            put_hex(s, e->data.len);
            sink_lit(s, "\r\n");
        }
        sink_put(s, e->data);
        if (chunked)
            sink_lit(s, "\r\n");
        break;
    case CODEC_HTTP_LAST:
        sink_lit(s, "0\r\n");
        break;
    case CODEC_HTTP_DONE:
        if (chunked)
            sink_lit(s, "\r\n");
        break;
    }
}

/* Text without control characters; a word has no blanks either and is not empty. */
static bool is_text(slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((s.ptr[i] < 0x20 && s.ptr[i] != '\t') || s.ptr[i] == 0x7f)
            return false;
    }
    return true;
}

static bool is_word(slice s)
{
    return s.len > 0 && is_text(s) && memchr(s.ptr, ' ', s.len) == NULL && memchr(s.ptr, '\t', s.len) == NULL;
}

static bool can_encode(const struct codec_http_event *e, bool chunked)
{
    switch (e->kind) {
    case CODEC_HTTP_REQUEST:
        return is_word(e->start.method) && is_word(e->start.target);
    case CODEC_HTTP_RESPONSE:
        return is_text(e->start.reason) && e->start.status <= 999;
    case CODEC_HTTP_HEADER:
    case CODEC_HTTP_TRAILER:
        return is_word(e->header.name) && memchr(e->header.name.ptr, ':', e->header.name.len) == NULL &&
               is_text(e->header.value);
    case CODEC_HTTP_DATA:
        return !chunked || e->data.len > 0; /* an empty chunk would be the last one */
    default:
        return true;
    }
}

size_t codec_http_encode(const struct codec_http_event *e, bool chunked, uint8_t *out, size_t cap)
{
    if (!can_encode(e, chunked))
        return 0;
    struct sink s = {NULL, 0};
    put_event(&s, e, chunked);
    if (s.len > cap || s.len == 0)
        return s.len;
    s = (struct sink){out, 0};
    put_event(&s, e, chunked);
    return s.len;
}

const char *codec_http_error_text(int kind)
{
    switch ((enum codec_http_error)kind) {
    case CODEC_HTTP_OK:
        return "no error";
    case CODEC_HTTP_BAD_START:
        return "malformed request or status line";
    case CODEC_HTTP_BAD_VERSION:
        return "HTTP version is neither 1.0 nor 1.1";
    case CODEC_HTTP_BAD_HEADER:
        return "malformed header line";
    case CODEC_HTTP_FOLDED:
        return "folded header line";
    case CODEC_HTTP_HEAD_TOO_LONG:
        return "head longer than the limit";
    case CODEC_HTTP_BAD_LENGTH:
        return "Content-Length is no number, or given twice with different values";
    case CODEC_HTTP_BAD_CODING:
        return "Transfer-Encoding other than chunked alone";
    case CODEC_HTTP_BAD_CHUNK:
        return "malformed chunk";
    }
    return "unknown error";
}
