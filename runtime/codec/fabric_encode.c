/* fabric_encode.c: events between servers as bytes; the inverse of fabric.c. */
#include "codec/fabric.h"
#include "codec/sink.h"

static const char *const verb_names[] = {
    [CODEC_VERB_NONE] = "",       [CODEC_VERB_CONNECT] = "CONNECT", [CODEC_VERB_INFO] = "INFO",
    [CODEC_VERB_PING] = "PING",   [CODEC_VERB_PONG] = "PONG",       [CODEC_VERB_OK] = "+OK",
    [CODEC_VERB_ERR] = "-ERR",    [CODEC_VERB_RS_ADD] = "RS+",      [CODEC_VERB_RS_DEL] = "RS-",
    [CODEC_VERB_LS_ADD] = "LS+",  [CODEC_VERB_LS_DEL] = "LS-",      [CODEC_VERB_SUB] = "SUB",
    [CODEC_VERB_UNSUB] = "UNSUB", [CODEC_VERB_A_ADD] = "A+",        [CODEC_VERB_A_DEL] = "A-",
    [CODEC_VERB_RMSG] = "RMSG",   [CODEC_VERB_HMSG] = "HMSG",       [CODEC_VERB_LMSG] = "LMSG",
};

const char *codec_fabric_verb_name(enum codec_fabric_verb verb)
{
    return verb_names[verb];
}

/* The verbs that the grammar of each dialect knows. */
static bool knows(enum codec_fabric_dialect dialect, enum codec_fabric_verb verb)
{
    switch (verb) {
    case CODEC_VERB_NONE:
        return false;
    case CODEC_VERB_LS_ADD:
    case CODEC_VERB_LS_DEL:
    case CODEC_VERB_LMSG:
        return dialect != CODEC_GATEWAY;
    default:
        return true;
    }
}

static bool has_any(slice s, const char *bytes)
{
    for (; *bytes != '\0'; bytes++) {
        if (s.len > 0 && memchr(s.ptr, *bytes, s.len) != NULL)
            return true;
    }
    return false;
}

/* An argument, or (empty) none. */
static bool is_name(slice s)
{
    return !has_any(s, " \t\r\n");
}

/* Text up to the end of the line, whose first byte is whatever is no blank. */
static bool is_text(slice s)
{
    return s.len > 0 && s.ptr[0] != ' ' && s.ptr[0] != '\t' && !has_any(slice_from(s, 1), "\n");
}

static bool has_header_size(enum codec_fabric_dialect dialect, enum codec_fabric_verb verb)
{
    return verb == CODEC_VERB_HMSG || (dialect == CODEC_ROUTE && verb == CODEC_VERB_LMSG);
}

/* Forms without a header size have no headers. */
static bool can_msg(const struct codec_fabric_msg *m, bool has_hdr)
{
    return (has_hdr || m->hdr_size == 0) && m->subject.len > 0 && is_name(m->subject) && is_name(m->origin) &&
           is_name(m->account) && is_name(m->reply) && m->has_reply == (m->reply.len > 0) &&
           m->size <= CODEC_MAX_SIZE && m->hdr_size <= m->size &&
           (!m->payload_complete || m->payload.len == m->size);
}

static bool can_encode(enum codec_fabric_dialect dialect, const struct codec_fabric_event *e)
{
    const struct codec_fabric_interest *i = &e->interest;
    switch (e->kind) {
    case CODEC_FABRIC_PAYLOAD:
        return true;
    case CODEC_FABRIC_PING:
    case CODEC_FABRIC_PONG:
    case CODEC_FABRIC_OK:
        return knows(dialect, e->verb);
    case CODEC_FABRIC_SUB:
    case CODEC_FABRIC_UNSUB:
        return knows(dialect, e->verb) && i->subject.len > 0 && is_name(i->subject) && is_name(i->origin) &&
               is_name(i->account) && is_name(i->queue) && i->weight <= CODEC_MAX_SIZE;
    case CODEC_FABRIC_MSG:
        return knows(dialect, e->verb) && can_msg(&e->msg, has_header_size(dialect, e->verb));
    default: /* CONNECT, INFO, -ERR, A+, A-, ignored ones */
        return knows(dialect, e->verb) && is_text(e->text);
    }
}

static void put_word(struct sink *s, slice word)
{
    if (word.len > 0) {
        sink_byte(s, ' ');
        sink_put(s, word);
    }
}

static void put_size(struct sink *s, uint64_t n)
{
    sink_byte(s, ' ');
    sink_number(s, n);
}

static void put_interest(struct sink *s, const struct codec_fabric_event *e)
{
    const struct codec_fabric_interest *i = &e->interest;
    put_word(s, i->origin);
    put_word(s, i->account);
    put_word(s, i->subject);
    put_word(s, i->queue);
    if (i->queue.len > 0 && e->kind == CODEC_FABRIC_SUB)
        put_size(s, i->weight);
}

static void put_queues(struct sink *s, slice queues)
{
    slice queue;
    while (codec_fabric_queue_next(&queues, &queue))
        put_word(s, queue);
}

static void put_msg(struct sink *s, enum codec_fabric_dialect dialect, const struct codec_fabric_event *e)
{
    const struct codec_fabric_msg *m = &e->msg;
    put_word(s, m->origin);
    put_word(s, m->account);
    put_word(s, m->subject);
    if (m->queue_count > 0) {
        sink_put(s, m->has_reply ? SLICE_LIT(" +") : SLICE_LIT(" |"));
        put_word(s, m->reply);
        put_queues(s, m->queues);
    } else {
        put_word(s, m->reply);
    }
    if (has_header_size(dialect, e->verb))
        put_size(s, m->hdr_size);
    put_size(s, m->size);
}

static void put_event(struct sink *s, enum codec_fabric_dialect dialect, const struct codec_fabric_event *e)
{
    sink_put(s, slice_str(verb_names[e->verb]));
    switch (e->kind) {
    case CODEC_FABRIC_PING:
    case CODEC_FABRIC_PONG:
    case CODEC_FABRIC_OK:
        break;
    case CODEC_FABRIC_SUB:
    case CODEC_FABRIC_UNSUB:
        put_interest(s, e);
        break;
    case CODEC_FABRIC_MSG:
        put_msg(s, dialect, e);
        if (e->msg.payload_complete) {
            sink_lit(s, "\r\n");
            sink_put(s, e->msg.payload);
        }
        break;
    case CODEC_FABRIC_PAYLOAD:
        sink_put(s, e->payload);
        break;
    default: /* CONNECT, INFO, -ERR, A+, A-, ignored ones */
        put_word(s, e->text);
        break;
    }
    sink_lit(s, "\r\n");
}

size_t codec_fabric_encode(enum codec_fabric_dialect dialect, const struct codec_fabric_event *e,
                           uint8_t *out, size_t cap)
{
    if (!can_encode(dialect, e))
        return 0;
    struct sink s = {NULL, 0};
    put_event(&s, dialect, e);
    if (s.len > cap)
        return s.len;
    s = (struct sink){out, 0};
    put_event(&s, dialect, e);
    return s.len;
}

const char *codec_fabric_error_text(int kind)
{
    switch ((enum codec_fabric_error)kind) {
    case CODEC_FABRIC_NO_ERROR:
        return "no error";
    case CODEC_FABRIC_UNKNOWN_OP:
        return "unknown protocol operation";
    case CODEC_FABRIC_MAX_CONTROL_LINE:
        return "maximum control line exceeded";
    case CODEC_FABRIC_SUB_ARGS:
        return "interest takes a subject, perhaps a queue with its weight, and what stands before them";
    case CODEC_FABRIC_UNSUB_ARGS:
        return "the end of interest takes a subject, perhaps a queue, and what stands before them";
    case CODEC_FABRIC_MSG_ARGS:
        return "a message takes a subject, perhaps replies and queues, and its size";
    case CODEC_FABRIC_REPLY_INDICATOR:
        return "a list of queues begins with + or |";
    case CODEC_FABRIC_MSG_SIZE:
        return "the size of a message is not a number of 1 to 9 digits";
    case CODEC_FABRIC_MSG_HDR_SIZE:
        return "the header size of a message is not a number of 1 to 9 digits";
    case CODEC_FABRIC_HDR_GT_TOTAL:
        return "the header size of a message is larger than its total size";
    }
    return "unknown error";
}
