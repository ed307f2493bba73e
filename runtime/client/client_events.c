#include "client/client_internal.h"

#include <midge/info.h>
#include <stdlib.h>

#define SINK_MIN           8192     /* payloads from here on are read straight into a body */
#define STALL_BUDGET       10000000 /* ns that one read may be held back in all */
#define SNIPPET            32       /* bytes of the stream shown in an error */
#define STALL_WORTH_A_LINE 5000000  /* ns */

/* ---- a PUB whose payload is not all there ---- */

static slice moved(slice s, const uint8_t *from, const uint8_t *to)
{
    return s.len == 0 ? SLICE_EMPTY : slice_make(to + (s.ptr - from), s.len);
}

/* Keep the line: the read buffer will move. */
static struct pending_pub *keep_line(const struct codec_client_pub *pub)
{
    struct pending_pub *p = malloc(sizeof *p + pub->line.len);
    if (p == NULL)
        return NULL;
    const uint8_t *from = pub->line.ptr;
    p->body = NULL;
    p->skip = false;
    if (pub->line.len > 0)
        memcpy(p->text, from, pub->line.len);
    p->pub = *pub;
    p->pub.line.ptr = p->text;
    p->pub.subject = moved(pub->subject, from, p->text);
    p->pub.reply = moved(pub->reply, from, p->text);
    p->pub.size_text = moved(pub->size_text, from, p->text);
    p->pub.hdr_text = moved(pub->hdr_text, from, p->text);
    return p;
}

static void drop_pending(struct client *c)
{
    if (c->pending == NULL)
        return;
    body_drop(c->pending->body);
    free(c->pending);
    c->pending = NULL;
}

static void out_of_memory(struct client *c)
{
    client_log(c, LOG_ERR, "out of memory");
    client_close(c, CLOSE_PROTOCOL);
}

static void begin_pending(struct client *c, const struct codec_client_pub *pub, slice *in)
{
    c->pending = keep_line(pub);
    if (c->pending == NULL) {
        out_of_memory(c);
        return;
    }
    if (pub->size < SINK_MIN)
        return;
    struct body *b = body_new((size_t)pub->size + 2);
    if (b == NULL) {
        out_of_memory(c);
        return;
    }
    c->pending->body = b;
    size_t have = in->len < pub->size ? in->len : pub->size;
    memcpy(b->bytes, in->ptr, have);
    *in = slice_from(*in, have);
    codec_client_payload_taken(&c->parser, have);
    /* The sink takes the payload alone; its CRLF goes through the parser, which checks it. */
    if (have < pub->size) {
        b->len = pub->size;
        net_conn_sink(&c->conn, b, have);
    }
}

void client_sunk(struct net_conn *conn)
{
    struct client *c = client_of(conn);
    size_t size = c->pending->pub.size;
    codec_client_payload_taken(&c->parser, codec_client_payload_left(&c->parser));
    c->pending->body->len = size + 2;
    net_conn_sink(conn, NULL, 0);
}

static void end_pending(struct client *c, slice payload)
{
    struct pending_pub *p = c->pending;
    if (p->body != NULL) {
        memcpy(p->body->bytes + p->pub.size, "\r\n", 2);
        payload = slice_make(p->body->bytes, p->pub.size);
    }
    client_trace_payload(c, "<<-", payload, p->pub.hdr_size);
    client_publish(c, &p->pub, payload, p->body);
    drop_pending(c);
}

static void on_pub(struct client *c, const struct codec_client_event *ev, slice *in)
{
    const struct codec_client_pub *pub = &ev->pub;
    static const char *const verbs[] = {[CODEC_CLIENT_PUB] = "PUB", [CODEC_CLIENT_HPUB] = "HPUB"};
    if (ev->kind != CODEC_CLIENT_HMSG) {
        if (client_tracing(c))
            client_trace_in(c, verbs[ev->kind], pub->line);
        if (!client_pub_line_is_plain(c, pub) && !client_pub_line(c, pub))
            return;
    }
    if (!pub->payload_complete) {
        begin_pending(c, pub, in);
        return;
    }
    if (client_tracing(c))
        client_trace_payload(c, "<<-", pub->payload, pub->hdr_size);
    client_publish(c, pub, pub->payload, NULL);
}

/* ---- errors of the stream ---- */

/* Ends the connection, and says why in Go's order. `carried`: bytes that an earlier read left; Go counts from
 * the start of the present one. */
static void on_error(struct client *c, const struct codec_client_event *ev, size_t carried)
{
    uint64_t at = ev->error.offset - c->consumed;
    static const struct {
        const char *verb, *text;
    } faults[] = {
        [CODEC_CLIENT_PUB_ARGS] = {"PUB", "processPub Parse Error"},
        [CODEC_CLIENT_PUB_SIZE] = {"PUB", "processPub Bad or Missing Size"},
        [CODEC_CLIENT_HPUB_ARGS] = {"HPUB", "processHeaderPub Parse Error"},
        [CODEC_CLIENT_HPUB_HDR_SIZE] = {"HPUB", "processHeaderPub Bad or Missing Header Size"},
        [CODEC_CLIENT_HPUB_TOTAL_SIZE] = {"HPUB", "processHeaderPub Bad or Missing Total Size"},
        [CODEC_CLIENT_HPUB_HDR_GT_TOTAL] = {"HPUB", "processHeaderPub Header Size larger then TotalSize"},
        [CODEC_CLIENT_SUB_ARGS] = {"SUB", "processSub Parse Error"},
        [CODEC_CLIENT_UNSUB_ARGS] = {"UNSUB", "processUnsub Parse Error"},
    };
    char quoted[CLIENT_QUOTE_MAX];
    slice rest = ev->fault.rest;
    switch ((enum codec_client_error)ev->error.kind) {
    case CODEC_CLIENT_UNKNOWN_OP:
        client_err(c, "Unknown Protocol Operation");
        /* Go shows up to 32 bytes, and leaves out the last byte of the read when fewer remain. */
        rest = slice_first(rest, rest.len > SNIPPET ? SNIPPET : rest.len > 0 ? rest.len - 1 : 0);
        client_quote(rest, quoted);
        client_log(c, LOG_ERR, "Client parser ERROR, state=%d, i=%llu: proto='%s...'", ev->fault.state,
                   (unsigned long long)(at > carried ? at - carried : 0), quoted);
        break;
    case CODEC_CLIENT_MAX_CONTROL_LINE:
        client_err(c, "maximum control line exceeded");
        client_close(c, CLOSE_MAX_CONTROL_LINE);
        client_log(c, LOG_ERR, "maximum control line exceeded");
        break;
    case CODEC_CLIENT_HEADERS_NOT_SUPPORTED:
        client_trace_in(c, "HPUB", ev->fault.arg);
        client_log(c, LOG_ERR, "message headers not supported");
        break;
    default:
        client_trace_in(c, faults[ev->error.kind].verb, ev->fault.arg);
        client_quote(ev->fault.arg, quoted);
        client_log(c, LOG_ERR, "%s: %s", faults[ev->error.kind].text, quoted);
        break;
    }
    client_close(c, CLOSE_PROTOCOL);
}

/* Read as a server's INFO, and ignored. */
static void on_info(struct client *c, slice json)
{
    struct codec_info info = {0};
    struct codec_json_error error;
    char why[CODEC_JSON_ERROR_MAX];
    size_t room = 4 * json.len + 1024;
    void *strings = malloc(room);
    if (strings == NULL) {
        out_of_memory(c);
        return;
    }
    struct codec_arena arena = codec_arena_on(strings, room);
    if (!codec_info_read(&info, json, &arena, &error)) {
        codec_json_error_text(&error, json, why);
        client_log(c, LOG_ERR, "%s", why);
        client_close(c, CLOSE_PROTOCOL);
    }
    free(strings);
}

/* ---- dispatch ---- */

static void on_event(struct client *c, const struct codec_client_event *ev, slice *in)
{
    switch (ev->kind) {
    case CODEC_CLIENT_PUB:
    case CODEC_CLIENT_HPUB:
    case CODEC_CLIENT_HMSG:
        on_pub(c, ev, in);
        break;
    case CODEC_CLIENT_PAYLOAD:
        end_pending(c, ev->payload);
        break;
    case CODEC_CLIENT_SUB:
        client_trace_in(c, "SUB", ev->sub.line);
        client_sub(c, &ev->sub);
        break;
    case CODEC_CLIENT_UNSUB:
        client_trace_in(c, "UNSUB", ev->unsub.line);
        client_unsub(c, &ev->unsub);
        break;
    case CODEC_CLIENT_PING:
        client_trace_in(c, "PING", SLICE_EMPTY);
        client_ping(c);
        break;
    case CODEC_CLIENT_PONG:
        client_trace_in(c, "PONG", SLICE_EMPTY);
        client_pong(c);
        break;
    case CODEC_CLIENT_CONNECT:
        client_connect(c, ev->text);
        break;
    case CODEC_CLIENT_INFO:
        on_info(c, ev->text);
        break;
    case CODEC_CLIENT_OK:
        break;
    case CODEC_CLIENT_ERR:
        CLIENT_LOG_PARTS(c, LOG_ERR, SLICE_LIT("Client Error "), ev->text);
        client_close(c, CLOSE_PARSE);
        break;
    }
}

static void on_stall_end(void *ctx)
{
    struct client *c = ctx;
    char text[CODEC_DURATION_TEXT];
    client_log(c, LOG_DBG, "Timed out of fast producer stall (%s)", client_duration(c->stall_wait, text));
    net_conn_resume(&c->conn);
}

/* A consumer is nearly full: hold this publisher back before its next message, within the read's budget. */
static void stall(struct client *c)
{
    int64_t wait = c->stalled_for < c->stall_budget ? c->stalled_for : c->stall_budget;
    c->stalled_for = 0;
    if (wait <= 0)
        return;
    c->stall_budget -= wait;
    c->stall_wait = wait;
    counter_add(&client_loop(c)->counters.stalled, 1);
    net_conn_park(&c->conn);
    net_arm(c->conn.loop, &c->stall_timer, c->conn.loop->now + wait, on_stall_end, c);
}

static bool may_go_on(const struct client *c)
{
    return !c->conn.closing && c->conn.parked == 0 && c->stage == STAGE_OPEN && c->conn.sink == NULL;
}

/* The bytes are what a stall or a job left over, not a new read. */
static bool is_leftover(const struct net_conn *conn, slice all)
{
    return conn->spill_len > 0 && all.ptr == conn->spill;
}

/* A new read: its stall budget, and a word about the last one's. */
static void begin_read(struct client *c)
{
    char text[CODEC_DURATION_TEXT];
    int64_t stalled = STALL_BUDGET - c->stall_budget;
    if (c->stall_budget != 0 && stalled >= STALL_WORTH_A_LINE)
        log_limited_key(c->host->log, LOG_WRN, slice_str("producer stalled"),
                        "%s - Producer was stalled for a total of %s", c->label,
                        client_duration(stalled, text));
    c->stall_budget = STALL_BUDGET;
}

size_t client_bytes(struct net_conn *conn, slice all)
{
    struct client *c = client_of(conn);
    if (c->stage != STAGE_OPEN)
        return client_sniff(c, all);
    if (!client_gate(c, all))
        return 0;
    slice in = all;
    if (!is_leftover(conn, all))
        begin_read(c);
    while (may_go_on(c)) {
        struct codec_client_event ev;
        enum codec_rc rc = codec_client_next(&c->parser, &in, &ev);
        if (rc == CODEC_MORE)
            break;
        if (rc == CODEC_ERROR) {
            on_error(c, &ev, is_leftover(conn, all) ? 0 : conn->spill_len);
            break;
        }
        on_event(c, &ev, &in);
        if (c->stalled_for > 0)
            stall(c);
    }
    c->consumed += (uint64_t)(in.ptr - all.ptr);
    return (size_t)(in.ptr - all.ptr);
}

void client_events_free(struct client *c)
{
    net_conn_sink(&c->conn, NULL, 0);
    drop_pending(c);
}
