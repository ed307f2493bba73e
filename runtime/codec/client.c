/* The client-to-server parser: what becomes of the lines that the machine in grammar/client.rl has found. */
#include "codec/line.h"
#include <midge/client.h>
#include <strings.h>

void codec_client_init(struct codec_client *p)
{
    memset(p, 0, sizeof(*p));
    p->max_control_line = CODEC_MAX_CONTROL_LINE;
}

const char *codec_client_error_text(enum codec_client_error kind)
{
    switch (kind) {
    case CODEC_CLIENT_NO_ERROR:
        return "no error";
    case CODEC_CLIENT_UNKNOWN_OP:
        return "unknown protocol operation";
    case CODEC_CLIENT_MAX_CONTROL_LINE:
        return "maximum control line exceeded";
    case CODEC_CLIENT_HEADERS_NOT_SUPPORTED:
        return "message headers not supported";
    case CODEC_CLIENT_PUB_ARGS:
        return "PUB takes a subject, perhaps a reply subject, and a size";
    case CODEC_CLIENT_PUB_SIZE:
        return "the size of a PUB is not a number of 1 to 9 digits";
    case CODEC_CLIENT_HPUB_ARGS:
        return "HPUB takes a subject, perhaps a reply subject, a header size and a total size";
    case CODEC_CLIENT_HPUB_HDR_SIZE:
        return "the header size of an HPUB is not a number of 1 to 9 digits";
    case CODEC_CLIENT_HPUB_TOTAL_SIZE:
        return "the total size of an HPUB is not a number of 1 to 9 digits";
    case CODEC_CLIENT_HPUB_HDR_GT_TOTAL:
        return "the header size of an HPUB is larger than its total size";
    case CODEC_CLIENT_SUB_ARGS:
        return "SUB takes a subject, perhaps a queue, and a subscription id";
    case CODEC_CLIENT_UNSUB_ARGS:
        return "UNSUB takes a subscription id and perhaps a maximum";
    }
    return "unknown error";
}

/* ---------------------------------------------------------------------------------------- errors */

static enum codec_rc fail(struct codec_client *p, enum codec_client_error kind, size_t at,
                          struct codec_client_fault fault, struct codec_client_event *ev)
{
    ev->error = (struct codec_error){(int)kind, p->line.offset + at};
    ev->fault = fault;
    p->phase = CODEC_FAILED;
    p->failure = ev->error;
    return CODEC_ERROR;
}

static enum codec_rc fail_again(const struct codec_client *p, struct codec_client_event *ev)
{
    ev->error = p->failure;
    ev->fault = (struct codec_client_fault){.state = 0};
    return CODEC_ERROR;
}

/* A complete line whose arguments are wrong. */
static enum codec_rc refuse(struct codec_client *p, enum codec_client_error kind, slice arg,
                            struct codec_client_event *ev)
{
    return fail(p, kind, p->line.tok[0].at, (struct codec_client_fault){.arg = arg}, ev);
}

static enum codec_rc refuse_long(struct codec_client *p, slice in, size_t breach,
                                 struct codec_client_event *ev)
{
    size_t at = p->line.tok[0].at;
    return fail(p, CODEC_CLIENT_MAX_CONTROL_LINE, breach,
                (struct codec_client_fault){.arg = slice_make(in.ptr + at, breach - at)}, ev);
}

/* The number by which nats-server's log calls the place where a verb went wrong (seen in its log lines). */
static int place_in_verb(slice prefix)
{
    static const struct {
        char verb[8];
        int first; /* the number after the first `from` letters; one more for each further letter */
        size_t from;
    } verbs[] = {
        {"+OK", 1, 1},   {"-ERR", 4, 1},   {"CONNECT", 10, 1}, {"HPUB", 18, 1},
        {"HMSG", 24, 2}, {"PUB", 29, 1},   {"PING", 34, 2},    {"PONG", 37, 2},
        {"SUB", 43, 1},  {"UNSUB", 59, 1}, {"INFO", 71, 1},
    };
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        slice verb = slice_str(verbs[i].verb);
        if (prefix.len >= verbs[i].from && prefix.len <= verb.len &&
            strncasecmp((const char *)prefix.ptr, verbs[i].verb, prefix.len) == 0)
            return verbs[i].first + (int)(prefix.len - verbs[i].from);
    }
    return 0;
}

enum { PLACE_PAYLOAD_CR = 41, PLACE_PAYLOAD_LF = 42 };

static enum codec_rc refuse_byte(struct codec_client *p, slice in, size_t at, int place,
                                 struct codec_client_event *ev)
{
    return fail(p, CODEC_CLIENT_UNKNOWN_OP, at,
                (struct codec_client_fault){.rest = slice_from(in, at), .state = place}, ev);
}

/* --------------------------------------------------------------------------------------- payload */

static enum codec_rc next_payload(struct codec_client *p, slice *in, struct codec_client_event *ev)
{
    size_t count;
    enum codec_rc rc = codec_line_trailer(*in, p->left, &count);
    if (rc == CODEC_ERROR)
        return refuse_byte(p, *in, count, count == p->left ? PLACE_PAYLOAD_CR : PLACE_PAYLOAD_LF, ev);
    ev->need = count;
    if (rc == CODEC_MORE)
        return CODEC_MORE;
    ev->kind = CODEC_CLIENT_PAYLOAD;
    ev->payload = slice_first(*in, p->left);
    p->phase = CODEC_IN_LINE;
    codec_line_advance(&p->line, in, p->left + 2);
    return CODEC_EVENT;
}

void codec_client_payload_taken(struct codec_client *p, size_t n)
{
    if (n > codec_client_payload_left(p))
        n = codec_client_payload_left(p);
    p->left -= n;
    p->line.offset += n;
}

/* The line is complete and *in stands behind it: bring the payload along when it is there, too. */
static enum codec_rc with_payload(struct codec_client *p, slice *in, struct codec_client_event *ev)
{
    size_t size = ev->pub.size;
    ev->pub.payload_complete = in->len >= size + 2 && in->ptr[size] == '\r' && in->ptr[size + 1] == '\n';
    if (ev->pub.payload_complete) {
        ev->pub.payload = slice_make(in->ptr, size);
        codec_line_advance(&p->line, in, size + 2);
        return CODEC_EVENT;
    }
    ev->pub.payload = SLICE_EMPTY;
    p->phase = CODEC_IN_PAYLOAD;
    p->left = size;
    return CODEC_EVENT;
}

/* ----------------------------------------------------------------------------------------- lines */

static enum codec_rc take_pub(struct codec_client *p, slice *in, slice text, struct codec_client_event *ev)
{
    struct codec_line *ln = &p->line;
    if (ln->odd)
        codec_line_split(ln, *in, text, false);
    if (ln->argc != 2 && ln->argc != 3)
        return refuse(p, CODEC_CLIENT_PUB_ARGS, text, ev);
    struct codec_client_pub *pub = &ev->pub;
    pub->size_text = codec_line_arg(ln, *in, ln->argc - 1);
    if (!codec_line_number(pub->size_text, &pub->size))
        return refuse(p, CODEC_CLIENT_PUB_SIZE, text, ev);
    pub->line = text;
    pub->subject = codec_line_arg(ln, *in, 0);
    pub->has_reply = ln->argc == 3;
    pub->reply = pub->has_reply ? codec_line_arg(ln, *in, 1) : SLICE_EMPTY;
    pub->hdr_text = SLICE_EMPTY;
    pub->hdr_size = 0;
    codec_line_leave(&p->line, in);
    return with_payload(p, in, ev);
}

static enum codec_rc take_hpub(struct codec_client *p, slice *in, slice text, struct codec_client_event *ev)
{
    struct codec_line *ln = &p->line;
    if (!p->headers)
        return refuse(p, CODEC_CLIENT_HEADERS_NOT_SUPPORTED, text, ev);
    if (ln->odd)
        codec_line_split(ln, *in, text, false);
    if (ln->argc != 3 && ln->argc != 4)
        return refuse(p, CODEC_CLIENT_HPUB_ARGS, text, ev);
    struct codec_client_pub *pub = &ev->pub;
    pub->line = text;
    pub->subject = codec_line_arg(ln, *in, 0);
    pub->has_reply = ln->argc == 4;
    pub->reply = pub->has_reply ? codec_line_arg(ln, *in, 1) : SLICE_EMPTY;
    pub->hdr_text = codec_line_arg(ln, *in, ln->argc - 2);
    pub->size_text = codec_line_arg(ln, *in, ln->argc - 1);
    if (!codec_line_number(pub->hdr_text, &pub->hdr_size))
        return refuse(p, CODEC_CLIENT_HPUB_HDR_SIZE, text, ev);
    if (!codec_line_number(pub->size_text, &pub->size))
        return refuse(p, CODEC_CLIENT_HPUB_TOTAL_SIZE, text, ev);
    if (pub->hdr_size > pub->size)
        return refuse(p, CODEC_CLIENT_HPUB_HDR_GT_TOTAL, text, ev);
    codec_line_leave(&p->line, in);
    return with_payload(p, in, ev);
}

static enum codec_rc take_hmsg(struct codec_client *p, slice *in, slice text, struct codec_client_event *ev)
{
    ev->pub = (struct codec_client_pub){.line = text};
    codec_line_leave(&p->line, in);
    return with_payload(p, in, ev);
}

static enum codec_rc take_sub(struct codec_client *p, slice *in, slice text, struct codec_client_event *ev)
{
    struct codec_line *ln = &p->line;
    if (ln->odd)
        codec_line_split(ln, *in, text, true);
    if (ln->argc != 2 && ln->argc != 3)
        return refuse(p, CODEC_CLIENT_SUB_ARGS, text, ev);
    ev->sub = (struct codec_client_sub){
        .line = text,
        .subject = codec_line_arg(ln, *in, 0),
        .queue = ln->argc == 3 ? codec_line_arg(ln, *in, 1) : SLICE_EMPTY,
        .sid = codec_line_arg(ln, *in, ln->argc - 1),
    };
    codec_line_leave(&p->line, in);
    return CODEC_EVENT;
}

static enum codec_rc take_unsub(struct codec_client *p, slice *in, slice text, struct codec_client_event *ev)
{
    struct codec_line *ln = &p->line;
    if (ln->odd)
        codec_line_split(ln, *in, text, true);
    if (ln->argc != 1 && ln->argc != 2)
        return refuse(p, CODEC_CLIENT_UNSUB_ARGS, text, ev);
    struct codec_client_unsub unsub = {.line = text, .sid = codec_line_arg(ln, *in, 0)};
    if (ln->argc == 2) {
        unsub.max_text = codec_line_arg(ln, *in, 1);
        unsub.has_max = codec_line_number(unsub.max_text, &unsub.max);
    }
    ev->unsub = unsub;
    codec_line_leave(&p->line, in);
    return CODEC_EVENT;
}

static enum codec_rc take_text(struct codec_client *p, slice *in, slice text, struct codec_client_event *ev)
{
    ev->text = text;
    codec_line_leave(&p->line, in);
    return CODEC_EVENT;
}

/* The input ends inside a line: nothing that was seen will be looked at again, and bytes that no event will
 * show (blanks behind a verb, ignored text) need not be kept. */
static enum codec_rc wait_for_line(struct codec_client *p, slice *in, struct codec_client_event *ev)
{
    struct codec_line *ln = &p->line;
    size_t breach;
    if (codec_line_too_long(ln, *in, ln->pos, p->max_control_line, &breach))
        return refuse_long(p, *in, breach, ev);
    if (ln->verb != 0 && ln->argc == 0 && ln->pos > 0)
        codec_line_advance(ln, in, ln->pos);
    ev->need = 0;
    return CODEC_MORE;
}

static enum codec_rc take_line(struct codec_client *p, slice *in, struct codec_client_event *ev)
{
    struct codec_line *ln = &p->line;
    ev->kind = (enum codec_client_kind)ln->verb;
    size_t breach;
    if (codec_line_too_long(ln, *in, ln->pos - 1, p->max_control_line, &breach))
        return refuse_long(p, *in, breach, ev);
    slice text = ln->argc > 0 ? codec_line_text(ln, *in) : SLICE_EMPTY;
    switch (ev->kind) {
    case CODEC_CLIENT_PUB:
        return take_pub(p, in, text, ev);
    case CODEC_CLIENT_HPUB:
        return take_hpub(p, in, text, ev);
    case CODEC_CLIENT_HMSG:
        return take_hmsg(p, in, text, ev);
    case CODEC_CLIENT_SUB:
        return take_sub(p, in, text, ev);
    case CODEC_CLIENT_UNSUB:
        return take_unsub(p, in, text, ev);
    case CODEC_CLIENT_CONNECT:
    case CODEC_CLIENT_INFO:
    case CODEC_CLIENT_ERR:
        return take_text(p, in, text, ev);
    case CODEC_CLIENT_PING:
    case CODEC_CLIENT_PONG:
    case CODEC_CLIENT_OK:
    case CODEC_CLIENT_PAYLOAD: /* which is no line */
        break;
    }
    codec_line_leave(ln, in);
    return CODEC_EVENT;
}

enum codec_rc codec_client_next(struct codec_client *p, slice *in, struct codec_client_event *ev)
{
    if (p->phase != CODEC_IN_LINE)
        return p->phase == CODEC_IN_PAYLOAD ? next_payload(p, in, ev) : fail_again(p, ev);
    struct codec_line *ln = &p->line;
    enum codec_line_rc rc = codec_client_scan(ln, *in);
    if (rc == CODEC_LINE_DONE)
        return take_line(p, in, ev);
    if (rc == CODEC_LINE_MORE)
        return wait_for_line(p, in, ev);
    return refuse_byte(p, *in, ln->pos, place_in_verb(slice_first(*in, ln->pos)), ev);
}
