/* fabric.c: what becomes of the lines between servers that the machines in grammar/route.rl, gateway.rl and
 * leaf.rl have found. The meaning of an argument follows from the number of them and from what the dialect
 * puts before the subject. */
#include "codec/fabric.h"
#include <midge/gateway.h>
#include <midge/leaf.h>
#include <midge/route.h>

static void init(struct codec_fabric *p, enum codec_fabric_dialect dialect)
{
    *p = (struct codec_fabric){.dialect = dialect, .max_control_line = CODEC_FABRIC_LINE_LIMIT};
}

void codec_route_init(struct codec_fabric *p)
{
    init(p, CODEC_ROUTE);
}

void codec_gateway_init(struct codec_fabric *p)
{
    init(p, CODEC_GATEWAY);
}

void codec_leaf_init(struct codec_fabric *p)
{
    init(p, CODEC_LEAF);
    p->accountless = true;
}

/* ------------------------------------------------------------------------------------------------ errors */

static enum codec_rc fail(struct codec_fabric *p, enum codec_fabric_error kind, size_t at,
                          struct codec_fabric_fault fault, struct codec_fabric_event *ev)
{
    ev->error = (struct codec_error){(int)kind, p->line.offset + at};
    ev->fault = fault;
    p->phase = CODEC_FAILED;
    p->failure = ev->error;
    return CODEC_ERROR;
}

/* A complete line whose arguments are wrong. */
static enum codec_rc refuse(struct codec_fabric *p, enum codec_fabric_error kind, slice arg,
                            struct codec_fabric_event *ev)
{
    return fail(p, kind, p->line.tok[0].at, (struct codec_fabric_fault){.arg = arg}, ev);
}

static enum codec_rc refuse_long(struct codec_fabric *p, slice in, size_t breach,
                                 struct codec_fabric_event *ev)
{
    size_t at = p->line.tok[0].at;
    return fail(p, CODEC_FABRIC_MAX_CONTROL_LINE, breach,
                (struct codec_fabric_fault){.arg = slice_make(in.ptr + at, breach - at)}, ev);
}

static enum codec_rc refuse_byte(struct codec_fabric *p, slice in, size_t at, struct codec_fabric_event *ev)
{
    return fail(p, CODEC_FABRIC_UNKNOWN_OP, at, (struct codec_fabric_fault){.rest = slice_from(in, at)}, ev);
}

/* ------------------------------------------------------------------------------------------------ payload */

/* The payload (its first `left` bytes are *in's first) has its CRLF: CODEC_EVENT. */
static enum codec_rc check_trailer(struct codec_fabric *p, slice in, struct codec_fabric_event *ev)
{
    size_t left = p->left;
    if (in.len > left && in.ptr[left] != '\r')
        return refuse_byte(p, in, left, ev);
    if (in.len > left + 1 && in.ptr[left + 1] != '\n')
        return refuse_byte(p, in, left + 1, ev);
    ev->need = left + 2 - in.len;
    return in.len > left + 1 ? CODEC_EVENT : CODEC_MORE;
}

static enum codec_rc next_payload(struct codec_fabric *p, slice *in, struct codec_fabric_event *ev)
{
    enum codec_rc rc = check_trailer(p, *in, ev);
    if (rc != CODEC_EVENT)
        return rc;
    ev->kind = CODEC_FABRIC_PAYLOAD;
    ev->verb = CODEC_VERB_NONE;
    ev->payload = slice_first(*in, p->left);
    p->phase = CODEC_IN_LINE;
    codec_line_advance(&p->line, in, p->left + 2);
    return CODEC_EVENT;
}

void codec_fabric_payload_taken(struct codec_fabric *p, size_t n)
{
    if (n > codec_fabric_payload_left(p))
        n = codec_fabric_payload_left(p);
    p->left -= n;
    p->line.offset += n;
}

/* The line is complete and *in stands behind it: bring the payload along when it is there, too. */
static enum codec_rc with_payload(struct codec_fabric *p, slice *in, struct codec_fabric_event *ev)
{
    size_t size = ev->msg.size;
    ev->msg.payload_complete = in->len >= size + 2 && in->ptr[size] == '\r' && in->ptr[size + 1] == '\n';
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

/* ----------------------------------------------------------------------------------------------- interest
 *
 * Interest and messages are made in the event, each member by the one function that knows it: to clear such a
 * struct first, or to make it elsewhere and copy it, takes as long as to read the line. */

/* What stands before the subject. */
struct lead {
    bool origin;
    bool account;
    size_t count;
};

static struct lead lead_of(const struct codec_fabric *p, bool origin)
{
    bool account = !p->accountless;
    return (struct lead){origin, account, (size_t)origin + (size_t)account};
}

static void take_lead(struct codec_fabric *p, slice in, struct lead lead, slice *origin, slice *account)
{
    *origin = lead.origin ? codec_line_arg(&p->line, in, 0) : SLICE_EMPTY;
    *account = lead.account ? codec_line_arg(&p->line, in, lead.count - 1) : SLICE_EMPTY;
}

/* The parts that interest gained and lost have in common; no weight. */
static void take_interest(struct codec_fabric *p, slice in, slice text, struct lead lead,
                          struct codec_fabric_event *ev)
{
    const struct codec_line *ln = &p->line;
    struct codec_fabric_interest *interest = &ev->interest;
    interest->line = text;
    take_lead(p, in, lead, &interest->origin, &interest->account);
    interest->subject = codec_line_arg(ln, in, lead.count);
    interest->queue = ln->argc > lead.count + 1 ? codec_line_arg(ln, in, lead.count + 1) : SLICE_EMPTY;
    interest->weight_text = SLICE_EMPTY;
    interest->weight = 0;
}

static enum codec_rc take_sub(struct codec_fabric *p, slice *in, slice text, struct codec_fabric_event *ev)
{
    struct codec_line *ln = &p->line;
    bool origin = p->dialect == CODEC_ROUTE && ev->verb == CODEC_VERB_LS_ADD;
    struct lead lead = lead_of(p, origin);
    if (ln->argc != lead.count + 1 && ln->argc != lead.count + 3)
        return refuse(p, CODEC_FABRIC_SUB_ARGS, text, ev);
    take_interest(p, *in, text, lead, ev);
    if (ln->argc == lead.count + 3) {
        struct codec_fabric_interest *interest = &ev->interest;
        interest->weight_text = codec_line_arg(ln, *in, lead.count + 2);
        if (!codec_line_number(interest->weight_text, &interest->weight))
            interest->weight = 0; /* the server takes any text */
    }
    ev->kind = CODEC_FABRIC_SUB;
    codec_line_leave(ln, in);
    return CODEC_EVENT;
}

/* A leaf node's LS- may have any number of arguments: the server looks its whole text up. */
static enum codec_rc take_unsub(struct codec_fabric *p, slice *in, slice text, struct codec_fabric_event *ev)
{
    struct codec_line *ln = &p->line;
    bool origin = p->dialect == CODEC_ROUTE && ev->verb == CODEC_VERB_LS_DEL && !p->plain_leaf_unsub;
    struct lead lead = lead_of(p, origin);
    if (ln->argc < lead.count + 1 || (ln->argc > lead.count + 2 && p->dialect != CODEC_LEAF))
        return refuse(p, CODEC_FABRIC_UNSUB_ARGS, text, ev);
    take_interest(p, *in, text, lead, ev);
    ev->kind = CODEC_FABRIC_UNSUB;
    codec_line_leave(ln, in);
    return CODEC_EVENT;
}

/* ----------------------------------------------------------------------------------------------- messages */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The argument before the one that begins at `at`, which is not the first. */
static struct codec_span span_before(slice in, size_t at)
{
    struct codec_span s = {.end = at};
    while (is_blank(in.ptr[s.end - 1]))
        s.end--;
    s.at = s.end;
    while (s.at > 0 && !is_blank(in.ptr[s.at - 1]))
        s.at--;
    return s;
}

/* The last two arguments of a line of any length. */
static slice last_arg(const struct codec_line *ln, slice in)
{
    return codec_line_arg(ln, in, ln->argc < CODEC_LINE_TOKENS ? ln->argc - 1 : CODEC_LINE_TOKENS - 1);
}

static slice slice_of(slice in, struct codec_span s)
{
    return slice_make(in.ptr + s.at, s.end - s.at);
}

static enum codec_fabric_error read_sizes(struct codec_fabric_msg *m, slice in, bool has_hdr, slice size)
{
    m->size_text = size;
    m->hdr_text = SLICE_EMPTY;
    m->hdr_size = 0;
    if (has_hdr) {
        m->hdr_text = slice_of(in, span_before(in, (size_t)(size.ptr - in.ptr)));
        if (!codec_line_number(m->hdr_text, &m->hdr_size))
            return CODEC_FABRIC_MSG_HDR_SIZE;
    }
    if (!codec_line_number(m->size_text, &m->size))
        return CODEC_FABRIC_MSG_SIZE;
    return m->hdr_size > m->size ? CODEC_FABRIC_HDR_GT_TOTAL : CODEC_FABRIC_NO_ERROR;
}

/* The arguments between subject and sizes: none, a reply, or an indicator and names. */
static enum codec_fabric_error read_reply(const struct codec_line *ln, slice in, size_t first, size_t count,
                                          struct codec_fabric_msg *m)
{
    m->has_reply = false;
    m->reply = m->queues = SLICE_EMPTY;
    m->queue_count = 0;
    if (count == 0)
        return CODEC_FABRIC_NO_ERROR;
    slice reply = codec_line_arg(ln, in, first);
    if (count == 1) { /* even when it reads + or | */
        m->has_reply = true;
        m->reply = reply;
        return CODEC_FABRIC_NO_ERROR;
    }
    if (reply.len != 1 || (reply.ptr[0] != '+' && reply.ptr[0] != '|'))
        return CODEC_FABRIC_REPLY_INDICATOR;
    size_t at = first + 1;
    if (reply.ptr[0] == '+') {
        m->has_reply = true;
        m->reply = codec_line_arg(ln, in, at++);
    }
    m->queue_count = first + count - at;
    if (m->queue_count > 0) {
        const uint8_t *size = m->hdr_text.len > 0 ? m->hdr_text.ptr : m->size_text.ptr;
        size_t end = span_before(in, (size_t)(size - in.ptr)).end;
        m->queues = slice_make(in.ptr + ln->tok[at].at, end - ln->tok[at].at);
    }
    return CODEC_FABRIC_NO_ERROR;
}

/* LMSG between routes always has a header size; between leaf nodes it is what RMSG is. */
static enum codec_rc take_msg(struct codec_fabric *p, slice *in, slice text, struct codec_fabric_event *ev)
{
    struct codec_line *ln = &p->line;
    struct codec_fabric_msg *msg = &ev->msg;
    bool origin = p->dialect == CODEC_ROUTE && ev->verb == CODEC_VERB_LMSG;
    bool has_hdr = ev->verb == CODEC_VERB_HMSG || origin;
    struct lead lead = lead_of(p, origin);
    size_t sizes = has_hdr ? 2 : 1;
    if (ln->argc < lead.count + 1 + sizes)
        return refuse(p, CODEC_FABRIC_MSG_ARGS, text, ev);
    msg->line = text;
    msg->subject = codec_line_arg(ln, *in, lead.count);
    enum codec_fabric_error error = read_sizes(msg, *in, has_hdr, last_arg(ln, *in));
    if (error == CODEC_FABRIC_NO_ERROR)
        error = read_reply(ln, *in, lead.count + 1, ln->argc - lead.count - 1 - sizes, msg);
    if (error != CODEC_FABRIC_NO_ERROR)
        return refuse(p, error, text, ev);
    take_lead(p, *in, lead, &msg->origin, &msg->account);
    ev->kind = CODEC_FABRIC_MSG;
    codec_line_leave(ln, in);
    return with_payload(p, in, ev);
}

/* -------------------------------------------------------------------------------------------------- lines */

static enum codec_rc take_text(struct codec_fabric *p, enum codec_fabric_kind kind, slice *in, slice text,
                               struct codec_fabric_event *ev)
{
    ev->kind = kind;
    ev->text = text;
    codec_line_leave(&p->line, in);
    return CODEC_EVENT;
}

static enum codec_rc take_bare(struct codec_fabric *p, enum codec_fabric_kind kind, slice *in,
                               struct codec_fabric_event *ev)
{
    ev->kind = kind;
    codec_line_leave(&p->line, in);
    return CODEC_EVENT;
}

static enum codec_rc take_args(struct codec_fabric *p, slice *in, slice text, struct codec_fabric_event *ev)
{
    switch (ev->verb) {
    case CODEC_VERB_RS_ADD:
    case CODEC_VERB_LS_ADD:
        return take_sub(p, in, text, ev);
    case CODEC_VERB_RS_DEL:
    case CODEC_VERB_LS_DEL:
        return take_unsub(p, in, text, ev);
    case CODEC_VERB_SUB:
        return p->dialect == CODEC_ROUTE ? take_text(p, CODEC_FABRIC_IGNORED, in, text, ev)
                                         : take_sub(p, in, text, ev);
    case CODEC_VERB_UNSUB:
        if (p->dialect != CODEC_ROUTE)
            return take_unsub(p, in, text, ev);
        if (p->line.argc > 2)
            return refuse(p, CODEC_FABRIC_UNSUB_ARGS, text, ev);
        return take_text(p, CODEC_FABRIC_IGNORED, in, text, ev);
    default:
        return take_msg(p, in, text, ev);
    }
}

/* The input ends inside a line: nothing that was seen will be looked at again, and bytes that no event will
 * show (blanks behind a verb, ignored text) need not be kept. */
static enum codec_rc wait_for_line(struct codec_fabric *p, slice *in, struct codec_fabric_event *ev)
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

static enum codec_rc take_line(struct codec_fabric *p, slice *in, struct codec_fabric_event *ev)
{
    struct codec_line *ln = &p->line;
    ev->verb = (enum codec_fabric_verb)ln->verb;
    switch (ev->verb) {
    case CODEC_VERB_PING:
        return take_bare(p, CODEC_FABRIC_PING, in, ev);
    case CODEC_VERB_PONG:
        return take_bare(p, CODEC_FABRIC_PONG, in, ev);
    case CODEC_VERB_OK:
        return take_bare(p, CODEC_FABRIC_OK, in, ev);
    default:
        break;
    }
    size_t breach;
    if (codec_line_too_long(ln, *in, ln->pos - 1, p->max_control_line, &breach))
        return refuse_long(p, *in, breach, ev);
    slice text = codec_line_text(ln, *in);
    switch (ev->verb) {
    case CODEC_VERB_CONNECT:
        return take_text(p, CODEC_FABRIC_CONNECT, in, text, ev);
    case CODEC_VERB_INFO:
        return take_text(p, CODEC_FABRIC_INFO, in, text, ev);
    case CODEC_VERB_ERR:
        return take_text(p, CODEC_FABRIC_ERR, in, text, ev);
    case CODEC_VERB_A_ADD:
        return take_text(p, CODEC_FABRIC_ACCOUNT_ADD, in, text, ev);
    case CODEC_VERB_A_DEL:
        return take_text(p, CODEC_FABRIC_ACCOUNT_DEL, in, text, ev);
    default:
        if (ln->odd)
            codec_line_split(ln, *in, text, true);
        return take_args(p, in, text, ev);
    }
}

static enum codec_line_rc scan(struct codec_fabric *p, slice in)
{
    switch (p->dialect) {
    case CODEC_ROUTE:
        return codec_route_scan(&p->line, in);
    case CODEC_GATEWAY:
        return codec_gateway_scan(&p->line, in);
    case CODEC_LEAF:
        break;
    }
    return codec_leaf_scan(&p->line, in);
}

enum codec_rc codec_fabric_next(struct codec_fabric *p, slice *in, struct codec_fabric_event *ev)
{
    ev->offset = p->line.offset;
    if (p->phase == CODEC_IN_PAYLOAD)
        return next_payload(p, in, ev);
    if (codec_line_is_new(&p->line))
        p->begin = p->line.offset;
    ev->offset = p->begin;
    if (p->phase == CODEC_FAILED) {
        ev->error = p->failure;
        ev->fault = (struct codec_fabric_fault){.rest = SLICE_EMPTY};
        return CODEC_ERROR;
    }
    switch (scan(p, *in)) {
    case CODEC_LINE_DONE:
        return take_line(p, in, ev);
    case CODEC_LINE_MORE:
        return wait_for_line(p, in, ev);
    case CODEC_LINE_BAD:
        break;
    }
    return refuse_byte(p, *in, p->line.pos, ev);
}

bool codec_fabric_queue_next(slice *queues, slice *queue)
{
    size_t at = 0, end;
    while (at < queues->len && is_blank(queues->ptr[at]))
        at++;
    for (end = at; end < queues->len && !is_blank(queues->ptr[end]);)
        end++;
    if (end == at)
        return false;
    *queue = slice_make(queues->ptr + at, end - at);
    *queues = slice_from(*queues, end);
    return true;
}
