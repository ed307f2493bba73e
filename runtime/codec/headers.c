#include "codec/headers_line.h"

const char *codec_headers_error_text(enum codec_headers_error kind)
{
    switch (kind) {
    case CODEC_HEADERS_NO_ERROR:
        return "no error";
    case CODEC_HEADERS_VERSION:
        return "the header block does not begin with NATS/1.0";
    case CODEC_HEADERS_CODE:
        return "the status is not three digits";
    case CODEC_HEADERS_NAME:
        return "a header name is empty or has a byte that is not visible ASCII";
    case CODEC_HEADERS_EOL:
        return "CR without LF, or LF without CR";
    }
    return "unknown error";
}

/* ---------------------------------------------------------------------------------------- parser */

/* The text from `at` to the end of the line, without CR LF and blanks before it. */
static slice text_from(slice line, size_t at)
{
    size_t end = line.len - 2;
    while (end > at && (line.ptr[end - 1] == ' ' || line.ptr[end - 1] == '\t'))
        end--;
    return slice_make(line.ptr + at, end - at);
}

enum codec_rc codec_headers_next(struct codec_headers *h, slice *in, struct codec_headers_event *event)
{
    if (h->failed) {
        event->error = h->failure;
        return CODEC_ERROR;
    }
    enum codec_rc rc = codec_headers_scan(h, *in, &event->kind);
    event->need = 0;
    if (rc == CODEC_ERROR) {
        h->failed = true;
        h->failure = (struct codec_error){h->part, h->offset + h->pos};
        event->error = h->failure;
        return CODEC_ERROR;
    }
    if (rc == CODEC_MORE)
        return CODEC_MORE;
    slice line = slice_first(*in, h->pos);
    event->name = SLICE_EMPTY;
    event->value = h->value_at == 0 ? SLICE_EMPTY : text_from(line, h->value_at);
    event->code = 0;
    if (event->kind == CODEC_HEADERS_STATUS && h->mark != 0) {
        const uint8_t *d = line.ptr + h->mark;
        event->code = (d[0] - 48u) * 100 + (d[1] - 48u) * 10 + (d[2] - 48u);
    } else if (event->kind == CODEC_HEADERS_FIELD) {
        event->name = slice_first(line, h->mark);
    }
    h->inside = event->kind != CODEC_HEADERS_END;
    h->offset += h->pos;
    *in = slice_from(*in, h->pos);
    h->pos = 0;
    return CODEC_EVENT;
}

/* ---------------------------------------------------------------------------------------- lookup */

/* Offset of the next CR LF from `at` on; the end when there is none. */
static size_t line_end(slice block, size_t at)
{
    while (at < block.len) {
        const uint8_t *cr = memchr(block.ptr + at, '\r', block.len - at);
        if (cr == NULL)
            break;
        at = (size_t)(cr - block.ptr);
        if (at + 1 < block.len && cr[1] == '\n')
            return at;
        at++;
    }
    return block.len;
}

/* Offset of the first header of that name; SIZE_MAX when there is none. Line by line, so a byte is looked at
 * a constant number of times whatever stands in the values. */
static size_t find(slice block, slice name)
{
    for (size_t at = line_end(block, 0); at + 2 < block.len; at = line_end(block, at)) {
        at += 2;
        slice line = slice_from(block, at);
        if (line.len > name.len && line.ptr[name.len] == ':' && slice_starts(line, name))
            return at;
    }
    return SIZE_MAX;
}

bool codec_headers_get(slice block, slice name, slice *value)
{
    size_t at = find(block, name);
    if (at == SIZE_MAX)
        return false;
    for (at += name.len + 1; at < block.len && block.ptr[at] == ' ';)
        at++;
    *value = slice_make(block.ptr + at, line_end(block, at) - at);
    return true;
}

/* --------------------------------------------------------------------------------------- writers */

#define VERSION "NATS/1.0"
#define CRLF    "\r\n"

void codec_headers_begin(struct codec_out *out, unsigned status, slice description)
{
    codec_out_put(out, SLICE_LIT(VERSION));
    if (status != 0) {
        char code[4] = {' ', (char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                        (char)('0' + status % 10)};
        codec_out_put(out, slice_make(code, sizeof(code)));
        if (description.len > 0) {
            codec_out_byte(out, ' ');
            codec_out_put(out, description);
        }
    }
    codec_out_put(out, SLICE_LIT(CRLF));
}

void codec_headers_field(struct codec_out *out, slice name, slice value)
{
    codec_out_put(out, name);
    codec_out_put(out, SLICE_LIT(": "));
    codec_out_put(out, value);
    codec_out_put(out, SLICE_LIT(CRLF));
}

void codec_headers_end(struct codec_out *out)
{
    codec_out_put(out, SLICE_LIT(CRLF));
}

/* A block in two pieces, between which a header was. */
struct pieces {
    slice before;
    slice after;
};

static struct pieces without(slice block, slice name)
{
    size_t at = find(block, name);
    if (at == SIZE_MAX)
        return (struct pieces){block, SLICE_EMPTY};
    size_t end = line_end(block, at);
    return (struct pieces){slice_first(block, at), slice_from(block, end + 2)};
}

/* No header and no status: at most NATS/1.0 and two line ends. */
static bool is_bare(const struct pieces *p)
{
    return p->before.len + p->after.len <= sizeof(VERSION CRLF CRLF) - 1;
}

void codec_headers_remove(struct codec_out *out, slice block, slice name)
{
    struct pieces p = without(block, name);
    if (is_bare(&p))
        return;
    codec_out_put(out, p.before);
    codec_out_put(out, p.after);
}

void codec_headers_set(struct codec_out *out, slice block, slice name, slice value)
{
    struct pieces p = without(block, name);
    if (is_bare(&p)) {
        codec_headers_begin(out, 0, SLICE_EMPTY);
    } else {
        /* up to the empty line */
        slice *last = p.after.len > 0 ? &p.after : &p.before;
        if (last->len >= 2 && last->ptr[last->len - 1] == '\n' && last->ptr[last->len - 2] == '\r')
            last->len -= 2;
        codec_out_put(out, p.before);
        codec_out_put(out, p.after);
    }
    codec_headers_field(out, name, value);
    codec_headers_end(out);
}
