/* The server-to-client parser: what becomes of the lines that the machine in grammar/server_client.rl has
 * found. */
#include "codec/line.h"
#include <midge/client.h>

void codec_server_init(struct codec_server *p)
{
    memset(p, 0, sizeof(*p));
    p->max_line = CODEC_SERVER_LINE_LIMIT;
}

const char *codec_server_error_text(enum codec_server_error kind)
{
    switch (kind) {
    case CODEC_SERVER_NO_ERROR:
        return "no error";
    case CODEC_SERVER_UNKNOWN_OP:
        return "unknown protocol operation";
    case CODEC_SERVER_LINE_TOO_LONG:
        return "line too long";
    case CODEC_SERVER_MSG_ARGS:
        return "MSG has a subject, a subscription id, perhaps a reply subject, and a size";
    case CODEC_SERVER_MSG_SIZE:
        return "the size of a MSG is not a number of 1 to 9 digits";
    case CODEC_SERVER_HMSG_ARGS:
        return "HMSG has a subject, a subscription id, perhaps a reply subject, a header size and a total "
               "size";
    case CODEC_SERVER_HMSG_HDR_SIZE:
        return "the header size of an HMSG is not a number of 1 to 9 digits";
    case CODEC_SERVER_HMSG_TOTAL_SIZE:
        return "the total size of an HMSG is not a number of 1 to 9 digits";
    case CODEC_SERVER_HMSG_HDR_GT_TOTAL:
        return "the header size of an HMSG is larger than its total size";
    }
    return "unknown error";
}

static enum codec_rc fail(struct codec_server *p, enum codec_server_error kind, size_t at,
                          struct codec_server_event *ev)
{
    p->phase = CODEC_FAILED;
    p->failure = (struct codec_error){(int)kind, p->line.offset + at};
    ev->error = p->failure;
    return CODEC_ERROR;
}

/* --------------------------------------------------------------------------------------- payload */

static enum codec_rc next_payload(struct codec_server *p, slice *in, struct codec_server_event *ev)
{
    size_t count;
    enum codec_rc rc = codec_line_trailer(*in, p->left, &count);
    if (rc == CODEC_ERROR)
        return fail(p, CODEC_SERVER_UNKNOWN_OP, count, ev);
    ev->need = count;
    if (rc == CODEC_MORE)
        return CODEC_MORE;
    ev->kind = CODEC_SERVER_PAYLOAD;
    ev->payload = slice_first(*in, p->left);
    p->phase = CODEC_IN_LINE;
    codec_line_advance(&p->line, in, p->left + 2);
    return CODEC_EVENT;
}

void codec_server_payload_taken(struct codec_server *p, size_t n)
{
    if (n > codec_server_payload_left(p))
        n = codec_server_payload_left(p);
    p->left -= n;
    p->line.offset += n;
}

/* The line is complete and *in stands behind it: bring the payload along when it is there, too. */
static enum codec_rc with_payload(struct codec_server *p, slice *in, struct codec_server_event *ev)
{
    size_t size = ev->msg.size, count;
    ev->msg.payload_complete = codec_line_trailer(*in, size, &count) == CODEC_EVENT;
    if (ev->msg.payload_complete) {
        ev->msg.payload = slice_make(in->ptr, size);
        codec_line_advance(&p->line, in, size + 2);
        return CODEC_EVENT;
    }
    ev->msg.payload = SLICE_EMPTY;
    p->phase = CODEC_IN_PAYLOAD;
    p->left = size;
    return CODEC_EVENT;
}

/* ----------------------------------------------------------------------------------------- lines */

static enum codec_rc take_msg(struct codec_server *p, slice *in, slice text, struct codec_server_event *ev)
{
    struct codec_line *ln = &p->line;
    struct codec_server_msg *msg = &ev->msg;
    size_t at = ln->tok[0].at;
    if (ln->odd)
        codec_line_split(ln, *in, text, false);
    if (ln->argc != 3 && ln->argc != 4)
        return fail(p, CODEC_SERVER_MSG_ARGS, at, ev);
    msg->size_text = codec_line_arg(ln, *in, ln->argc - 1);
    if (!codec_line_number(msg->size_text, &msg->size))
        return fail(p, CODEC_SERVER_MSG_SIZE, at, ev);
    msg->line = text;
    msg->subject = codec_line_arg(ln, *in, 0);
    msg->sid = codec_line_arg(ln, *in, 1);
    msg->reply = ln->argc == 4 ? codec_line_arg(ln, *in, 2) : SLICE_EMPTY;
    msg->hdr_text = SLICE_EMPTY;
    msg->hdr_size = 0;
    codec_line_leave(ln, in);
    return with_payload(p, in, ev);
}

static enum codec_rc take_hmsg(struct codec_server *p, slice *in, slice text, struct codec_server_event *ev)
{
    struct codec_line *ln = &p->line;
    struct codec_server_msg *msg = &ev->msg;
    size_t at = ln->tok[0].at;
    if (ln->odd)
        codec_line_split(ln, *in, text, false);
    if (ln->argc != 4 && ln->argc != 5)
        return fail(p, CODEC_SERVER_HMSG_ARGS, at, ev);
    msg->line = text;
    msg->subject = codec_line_arg(ln, *in, 0);
    msg->sid = codec_line_arg(ln, *in, 1);
    msg->reply = ln->argc == 5 ? codec_line_arg(ln, *in, 2) : SLICE_EMPTY;
    msg->hdr_text = codec_line_arg(ln, *in, ln->argc - 2);
    msg->size_text = codec_line_arg(ln, *in, ln->argc - 1);
    if (!codec_line_number(msg->hdr_text, &msg->hdr_size))
        return fail(p, CODEC_SERVER_HMSG_HDR_SIZE, at, ev);
    if (!codec_line_number(msg->size_text, &msg->size))
        return fail(p, CODEC_SERVER_HMSG_TOTAL_SIZE, at, ev);
    if (msg->hdr_size > msg->size)
        return fail(p, CODEC_SERVER_HMSG_HDR_GT_TOTAL, at, ev);
    codec_line_leave(ln, in);
    return with_payload(p, in, ev);
}

/* 'text' or text, perhaps with blanks behind it. */
static slice unquoted(slice text)
{
    size_t len = text.len;
    while (len > 0 && (text.ptr[len - 1] == ' ' || text.ptr[len - 1] == '\t'))
        len--;
    if (len >= 2 && text.ptr[0] == '\'' && text.ptr[len - 1] == '\'')
        return slice_make(text.ptr + 1, len - 2);
    return slice_first(text, len);
}

static enum codec_rc take_line(struct codec_server *p, slice *in, struct codec_server_event *ev)
{
    struct codec_line *ln = &p->line;
    ev->kind = (enum codec_server_kind)ln->verb;
    if (ln->argc == 0) { /* PING, PONG, +OK */
        codec_line_leave(ln, in);
        return CODEC_EVENT;
    }
    size_t breach;
    if (codec_line_too_long(ln, *in, ln->pos - 1, p->max_line, &breach))
        return fail(p, CODEC_SERVER_LINE_TOO_LONG, breach, ev);
    slice text = codec_line_text(ln, *in);
    if (ev->kind == CODEC_SERVER_MSG)
        return take_msg(p, in, text, ev);
    if (ev->kind == CODEC_SERVER_HMSG)
        return take_hmsg(p, in, text, ev);
    ev->text = ev->kind == CODEC_SERVER_ERR ? unquoted(text) : text;
    codec_line_leave(ln, in);
    return CODEC_EVENT;
}

static enum codec_rc wait_for_line(struct codec_server *p, slice *in, struct codec_server_event *ev)
{
    struct codec_line *ln = &p->line;
    size_t breach;
    if (codec_line_too_long(ln, *in, ln->pos, p->max_line, &breach))
        return fail(p, CODEC_SERVER_LINE_TOO_LONG, breach, ev);
    if (ln->verb != 0 && ln->argc == 0 && ln->pos > 0)
        codec_line_advance(ln, in, ln->pos);
    ev->need = 0;
    return CODEC_MORE;
}

enum codec_rc codec_server_next(struct codec_server *p, slice *in, struct codec_server_event *ev)
{
    if (p->phase == CODEC_IN_PAYLOAD)
        return next_payload(p, in, ev);
    if (p->phase == CODEC_FAILED) {
        ev->error = p->failure;
        return CODEC_ERROR;
    }
    enum codec_line_rc rc = codec_server_scan(&p->line, *in);
    if (rc == CODEC_LINE_DONE)
        return take_line(p, in, ev);
    if (rc == CODEC_LINE_MORE)
        return wait_for_line(p, in, ev);
    return fail(p, CODEC_SERVER_UNKNOWN_OP, p->line.pos, ev);
}
