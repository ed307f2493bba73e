/* conversation.c: what two sides say to each other. */
#include "server/decode/conversation.h"
#include "server/decode/carried.h"
#include "server/decode/session.h"
#include "server/decode/stream.h"
#include <stdlib.h>

struct conversation {
    struct rules *rules;
    bool inner;
    enum codec_protocol protocol; /* NO_PROTOCOL: not known yet */
    bool upgrading;               /* the request asks for it */
    struct origin origin;         /* of what is being read */
    struct stream streams[2];
    struct frames *frames; /* NULL: no WebSocket so far */
};

struct conversation *conversation_new(struct rules *rules, bool inner)
{
    struct conversation *c = calloc(1, sizeof(*c));
    if (c != NULL) {
        c->rules = rules;
        c->inner = inner;
        c->protocol = inner ? CODEC_NO_PROTOCOL : rules->protocol;
    }
    return c;
}

void conversation_free(struct conversation *c)
{
    stream_free(&c->streams[0]);
    stream_free(&c->streams[1]);
    if (c->frames != NULL)
        frames_free(c->frames);
    free(c);
}

static void skip(struct stream *st)
{
    st->over = true;
    stream_use(st, stream_at_hand(st).len);
}

static void give_up(struct conversation *c, enum codec_direction d, uint64_t offset, const char *why)
{
    c->origin.direction = d;
    printer_problem(c->rules->printer, &c->origin, offset, why);
    c->rules->malformed++;
    skip(&c->streams[d]);
}

/* ---- events ---- */

/* A piece of a payload that is too large to be shown whole. */
static bool take_piece(struct conversation *c, struct stream *st)
{
    size_t left = codec_wire_payload_left(&st->wire);
    slice piece = slice_first(stream_at_hand(st), left);
    struct codec_event e = {.protocol = st->wire.protocol,
                            .direction = st->wire.direction,
                            .offset = st->base + st->wire.consumed};
    switch (st->wire.protocol) {
    case CODEC_NATS:
        if (st->wire.direction == CODEC_FROM_DIALER)
            e.client = (struct codec_client_event){.kind = CODEC_CLIENT_PAYLOAD, .payload = piece};
        else
            e.server = (struct codec_server_event){.kind = CODEC_SERVER_PAYLOAD, .payload = piece};
        break;
    case CODEC_MQTT:
        e.mqtt = (struct codec_mqtt_event){.type = CODEC_MQTT_PAYLOAD, .payload = piece};
        break;
    default:
        e.fabric = (struct codec_fabric_event){.kind = CODEC_FABRIC_PAYLOAD, .payload = piece};
    }
    codec_wire_payload_taken(&st->wire, piece.len);
    bool ok = printer_event(c->rules->printer, &c->origin, &e);
    stream_use(st, piece.len);
    return ok;
}

/* What is left of a payload that was shown in pieces is its end alone. */
static bool is_empty_payload(const struct codec_event *e)
{
    switch (e->protocol) {
    case CODEC_NATS:
        return e->direction == CODEC_FROM_DIALER
                   ? e->client.kind == CODEC_CLIENT_PAYLOAD && e->client.payload.len == 0
                   : e->server.kind == CODEC_SERVER_PAYLOAD && e->server.payload.len == 0;
    case CODEC_NATS_ROUTE:
    case CODEC_NATS_GATEWAY:
    case CODEC_NATS_LEAF:
        return e->fabric.kind == CODEC_FABRIC_PAYLOAD && e->fabric.payload.len == 0;
    default:
        return false;
    }
}

/* HTTP that becomes WebSocket: the request asks, the answer decides. Of one direction alone the half that is
 * there must do. */
static void heed_upgrade(struct conversation *c, const struct codec_event *e)
{
    struct stream *requests = &c->streams[CODEC_FROM_DIALER], *answers = &c->streams[CODEC_FROM_ACCEPTOR];
    if (e->protocol != CODEC_HTTP || e->http.kind != CODEC_HTTP_END)
        return;
    if (c->rules->one) {
        if (e->http.end.upgrade && (e->direction == CODEC_FROM_DIALER || requests->wire.http.status == 101)) {
            c->protocol = CODEC_WS;
            stream_begin(requests, CODEC_WS, e->direction);
        }
        return;
    }
    if (e->direction == CODEC_FROM_DIALER) {
        requests->paused = c->upgrading = e->http.end.upgrade;
        return;
    }
    if (!c->upgrading || answers->wire.http.status == 100)
        return;
    requests->paused = c->upgrading = false;
    if (answers->wire.http.status == 101) {
        c->protocol = CODEC_WS;
        stream_begin(requests, CODEC_WS, CODEC_FROM_DIALER);
        stream_begin(answers, CODEC_WS, CODEC_FROM_ACCEPTOR);
    }
}

/* What frames carry. Frames that cannot be opened are no fault of the stream: they have been shown. */
static bool open_frame(struct conversation *c, const struct codec_event *e)
{
    struct origin o = c->origin;
    const char *problem = NULL;
    o.in = "ws";
    if (c->frames == NULL && (c->frames = frames_new(c->rules)) == NULL)
        return false;
    bool ok = frames_take(c->frames, &o, &e->ws, &problem);
    if (problem != NULL)
        printer_problem(c->rules->printer, &c->origin, e->offset, problem);
    return ok;
}

static bool show(struct conversation *c, const struct codec_event *e)
{
    if (is_empty_payload(e))
        return true;
    bool ok = printer_event(c->rules->printer, &c->origin, e);
    if (ok && c->rules->raft)
        ok = carried_raft(c->rules, &c->origin, e);
    if (ok && e->protocol == CODEC_WS && !c->inner)
        ok = open_frame(c, e);
    return ok;
}

/* Behind a PROXY header, or where there is none, the stream itself begins; its protocol may not be known yet.
 */
static bool leave_proxy(struct conversation *c, struct stream *st, const struct codec_event *e)
{
    c->protocol = c->inner ? CODEC_NO_PROTOCOL : c->rules->protocol;
    st->proxy = false;
    bool shown = e->proxy.version == CODEC_PROXY_NONE || printer_event(c->rules->printer, &c->origin, e);
    st->begun = false;
    st->base += st->wire.consumed;
    return shown;
}

/* ---- streams ---- */

static bool take_event(struct conversation *c, enum codec_direction d, struct codec_event *e, size_t size)
{
    struct stream *st = &c->streams[d];
    e->offset += st->base;
    if (st->proxy) {
        stream_use(st, size);
        return leave_proxy(c, st, e);
    }
    st->settled = st->wire.consumed;
    bool ok = show(c, e); /* its bytes stay where they are until then */
    stream_use(st, size);
    if (e->protocol == CODEC_PROXY)
        skip(st);
    codec_wire_learn(&c->streams[!d].wire, e);
    heed_upgrade(c, e);
    return ok;
}

/* The parser needs more. Go on? *ok: the output works. */
static bool find_more(struct conversation *c, enum codec_direction d, bool *ok)
{
    struct stream *st = &c->streams[d];
    const char *problem = "a message is longer than this tool takes";
    if (codec_wire_payload_left(&st->wire) > WHOLE_MAX - 2 && stream_at_hand(st).len > 0)
        return *ok = take_piece(c, st);
    enum stream_rc rc = stream_at_hand(st).len > STREAM_MAX ? STREAM_BAD : stream_unpack(st, &problem);
    if (rc == STREAM_BAD)
        give_up(c, d, st->base + st->wire.consumed, problem);
    return rc == STREAM_OK;
}

static bool run_stream(struct conversation *c, enum codec_direction d)
{
    struct stream *st = &c->streams[d];
    struct codec_event e;
    const char *problem;
    bool ok = true, more = true;
    c->origin.direction = d;
    while (ok && more && st->begun && !st->over && !st->paused) {
        enum stream_rc s2 = stream_look_for_s2(st, &problem);
        slice in = stream_at_hand(st);
        if (s2 != STREAM_OK) {
            if (s2 == STREAM_BAD)
                give_up(c, d, st->base + st->wire.consumed, problem);
            break;
        }
        enum codec_rc rc = codec_wire_next(&st->wire, &in, &e);
        size_t size = stream_at_hand(st).len - in.len;
        if (rc == CODEC_ERROR) {
            give_up(c, d, st->base + e.error.offset, codec_event_error_text(&e));
        } else if (rc == CODEC_EVENT) {
            ok = take_event(c, d, &e, size);
        } else {
            stream_use(st, size); /* text that is ignored */
            more = find_more(c, d, &ok);
        }
    }
    return ok;
}

/* ---- which protocol ---- */

/* A single stream may be either side's. */
static enum codec_protocol guess_one(const struct rules *s, slice bytes, enum codec_direction *d)
{
    enum codec_protocol p = CODEC_NO_PROTOCOL;
    if (s->from != CODEC_FROM_ACCEPTOR)
        p = codec_protocol_guess(bytes, SLICE_EMPTY);
    *d = CODEC_FROM_DIALER;
    bool answer = slice_starts(bytes, SLICE_LIT("INFO ")) || slice_starts(bytes, SLICE_LIT("MSG ")) ||
                  slice_starts(bytes, SLICE_LIT("+OK")) || slice_starts(bytes, SLICE_LIT("-ERR")) ||
                  slice_starts(bytes, SLICE_LIT("HTTP/")) || slice_starts(bytes, SLICE_LIT("HMSG "));
    if (s->from == CODEC_FROM_ACCEPTOR || (s->from < 0 && (p == CODEC_NO_PROTOCOL || answer))) {
        enum codec_protocol q = codec_protocol_guess(SLICE_EMPTY, bytes);
        if (q != CODEC_NO_PROTOCOL) {
            *d = CODEC_FROM_ACCEPTOR;
            return q;
        }
    }
    return p;
}

/* No more is known from these bytes; of a stream inside another that is no fault, its frames were shown. */
static void give_up_guessing(struct conversation *c)
{
    bool dialer = stream_at_hand(&c->streams[CODEC_FROM_DIALER]).len > 0;
    bool acceptor = stream_at_hand(&c->streams[CODEC_FROM_ACCEPTOR]).len > 0;
    if (!c->inner && (dialer || acceptor))
        give_up(c, dialer ? CODEC_FROM_DIALER : CODEC_FROM_ACCEPTOR, 0, "no known protocol");
    skip(&c->streams[0]);
    skip(&c->streams[1]);
}

/* The dialler's header, while which the acceptor's bytes wait. Asked for by name it is all that is looked at.
 */
static void begin_proxy(struct conversation *c)
{
    struct stream *dialer = &c->streams[CODEC_FROM_DIALER], *acceptor = &c->streams[CODEC_FROM_ACCEPTOR];
    if (!dialer->begun) {
        stream_begin(dialer, CODEC_PROXY, CODEC_FROM_DIALER);
        dialer->proxy = c->rules->protocol != CODEC_PROXY;
    }
    if (!dialer->proxy)
        skip(acceptor);
    else if (stream_at_hand(acceptor).len > STREAM_MAX)
        give_up(c, CODEC_FROM_ACCEPTOR, 0, "it goes on before the PROXY header has ended");
}

/* Begins the streams that have bytes, once the protocol is known. `final`: no more bytes will come to tell.
 */
static void begin_streams(struct conversation *c, bool final)
{
    const struct rules *r = c->rules;
    struct stream *dialer = &c->streams[CODEC_FROM_DIALER], *acceptor = &c->streams[CODEC_FROM_ACCEPTOR];
    slice out = stream_at_hand(dialer), in = stream_at_hand(acceptor);
    enum codec_direction d = r->from < 0 ? CODEC_FROM_DIALER : (enum codec_direction)r->from;
    if (c->protocol == CODEC_NO_PROTOCOL) {
        c->protocol = r->one ? guess_one(r, out, &d) : codec_protocol_guess(out, in);
        bool long_enough = out.len >= GUESS_MAX || in.len >= GUESS_MAX;
        if (c->protocol == CODEC_NO_PROTOCOL && (final || long_enough))
            give_up_guessing(c);
    } else if (r->one && r->from < 0) {
        guess_one(r, out, &d);
    }
    if (c->protocol == CODEC_NO_PROTOCOL)
        return;
    if (c->protocol == CODEC_PROXY) {
        begin_proxy(c);
        return;
    }
    if (!dialer->begun)
        stream_begin(dialer, c->protocol, r->one ? d : CODEC_FROM_DIALER);
    if (!acceptor->begun)
        stream_begin(acceptor, c->protocol, CODEC_FROM_ACCEPTOR);
}

static bool run(struct conversation *c, bool final)
{
    struct stream *dialer = &c->streams[CODEC_FROM_DIALER], *acceptor = &c->streams[CODEC_FROM_ACCEPTOR];
    bool ok = true;
    /* a PROXY header, then the stream; an answer lets requests go on */
    for (int round = 0; ok && round < 3; round++) {
        if ((!dialer->begun || !acceptor->begun) && !(dialer->over && acceptor->over))
            begin_streams(c, final);
        ok = run_stream(c, CODEC_FROM_DIALER) && run_stream(c, CODEC_FROM_ACCEPTOR);
    }
    return ok;
}

/* ---- from outside ---- */

bool conversation_feed(struct conversation *c, const struct origin *origin, slice bytes)
{
    struct stream *st = &c->streams[origin->direction];
    c->origin = *origin;
    return st->over || (stream_put(st, bytes) && run(c, false));
}

void conversation_gap(struct conversation *c, const struct origin *origin, const char *why)
{
    struct stream *st = &c->streams[origin->direction];
    c->origin = *origin;
    if (!st->over)
        give_up(c, origin->direction, st->base + st->wire.consumed, why);
}

bool conversation_close(struct conversation *c, enum codec_direction direction)
{
    c->streams[direction].over = c->streams[direction].closed = true;
    return c->streams[0].closed && c->streams[1].closed;
}

bool conversation_finish(struct conversation *c)
{
    for (int d = 0; d < 2; d++) {
        c->streams[d].paused = false;
        c->streams[d].wire.whole = 0; /* a message without its payload is shown without it */
    }
    bool ok = run(c, true);
    struct stream *st = &c->streams[0];
    bool inside = stream_at_hand(st).len > 0 || st->packed.end > st->packed.begin ||
                  codec_wire_payload_left(&st->wire) > 0;
    if (c->rules->one && ok && !st->over && inside)
        give_up(c, CODEC_FROM_DIALER, st->base + st->wire.consumed, "the input ends inside a message");
    return ok && (c->frames == NULL || frames_finish(c->frames));
}
