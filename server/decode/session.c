/* session.c: the connections of an input. */
#include "server/decode/session.h"
#include <midge/wire.h>
#include <stdlib.h>
#include <string.h>

/* One direction. */
struct stream {
    bool begun;    /* wire is made */
    bool proxy;    /* it reads the PROXY header in front */
    bool paused;   /* behind a request to upgrade: what follows depends on the answer */
    bool over;     /* closed, or malformed and skipped */
    uint64_t base; /* stream offset where the wire began */
    struct codec_wire wire;
    uint8_t *buffer;
    size_t begin, end, cap; /* bytes that were not used yet */
};

struct session {
    uint64_t number;
    uint64_t last;                /* chunk that touched it last */
    enum codec_protocol protocol; /* NO_PROTOCOL: not known yet */
    bool upgrading;               /* the request asks for it */
    struct origin origin;
    struct stream streams[2];
};

struct sessions {
    struct printer *printer;
    enum codec_protocol protocol;
    bool one;
    int from;
    uint64_t chunks;
    size_t malformed, count;
    struct session *table[SESSION_MAX];
};

struct sessions *sessions_new(struct printer *printer, enum codec_protocol protocol, bool one, int from)
{
    struct sessions *s = calloc(1, sizeof(*s));
    if (s != NULL)
        *s = (struct sessions){.printer = printer, .protocol = protocol, .one = one, .from = from};
    return s;
}

static void free_session(struct session *c)
{
    free(c->streams[0].buffer);
    free(c->streams[1].buffer);
    free(c);
}

void sessions_free(struct sessions *s)
{
    for (size_t i = 0; i < s->count; i++)
        free_session(s->table[i]);
    free(s);
}

size_t sessions_malformed(const struct sessions *s)
{
    return s->malformed;
}

static void forget(struct sessions *s, size_t i)
{
    free_session(s->table[i]);
    s->table[i] = s->table[--s->count];
}

static struct session *find(struct sessions *s, uint64_t number)
{
    size_t oldest = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (s->table[i]->number == number)
            return s->table[i];
        if (s->table[i]->last < s->table[oldest]->last)
            oldest = i;
    }
    if (s->count == SESSION_MAX)
        forget(s, oldest);
    struct session *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    c->number = number;
    c->protocol = s->protocol;
    return s->table[s->count++] = c;
}

/* ---- buffers ---- */

static slice at_hand(const struct stream *st)
{
    return slice_make(st->buffer == NULL ? (const uint8_t *)"" : st->buffer + st->begin, st->end - st->begin);
}

static bool append(struct stream *st, slice bytes)
{
    if (st->begin > 0 && st->end + bytes.len > st->cap) {
        memmove(st->buffer, st->buffer + st->begin, st->end - st->begin);
        st->end -= st->begin;
        st->begin = 0;
    }
    if (st->end + bytes.len > st->cap) {
        size_t cap = st->cap == 0 ? 4096 : st->cap;
        while (cap < st->end + bytes.len)
            cap *= 2;
        uint8_t *buffer = realloc(st->buffer, cap);
        if (buffer == NULL)
            return false;
        st->buffer = buffer;
        st->cap = cap;
    }
    if (bytes.len > 0)
        memcpy(st->buffer + st->end, bytes.ptr, bytes.len);
    st->end += bytes.len;
    return true;
}

static void use(struct stream *st, size_t n)
{
    st->begin += n;
    if (st->begin == st->end)
        st->begin = st->end = 0;
}

/* ---- streams ---- */

static void begin(struct stream *st, enum codec_protocol protocol, enum codec_direction direction)
{
    uint64_t base = st->begun ? st->base + st->wire.consumed : 0;
    codec_wire_init(&st->wire, protocol, direction);
    st->wire.whole = WHOLE_MAX;
    st->base = base;
    st->begun = true;
}

static void give_up(struct sessions *s, struct session *c, enum codec_direction d, uint64_t offset,
                    const char *why)
{
    c->origin.direction = d;
    printer_problem(&c->origin, offset, why);
    s->malformed++;
    c->streams[d].over = true;
    use(&c->streams[d], at_hand(&c->streams[d]).len);
}

/* A piece of a payload that is too large to be shown whole. */
static bool take_piece(struct sessions *s, struct session *c, struct stream *st)
{
    size_t left = codec_wire_payload_left(&st->wire);
    slice piece = slice_first(at_hand(st), left);
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
    bool ok = printer_event(s->printer, &c->origin, &e);
    use(st, piece.len);
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

/* HTTP that becomes WebSocket: the request asks, the answer decides. */
static void heed_upgrade(struct session *c, const struct codec_event *e)
{
    struct stream *requests = &c->streams[CODEC_FROM_DIALER], *answers = &c->streams[CODEC_FROM_ACCEPTOR];
    if (e->protocol != CODEC_HTTP || e->http.kind != CODEC_HTTP_END)
        return;
    if (e->direction == CODEC_FROM_DIALER) {
        requests->paused = c->upgrading = e->http.end.upgrade;
        return;
    }
    if (!c->upgrading || answers->wire.http.status == 100)
        return;
    requests->paused = c->upgrading = false;
    if (answers->wire.http.status == 101) {
        c->protocol = CODEC_WS;
        begin(requests, CODEC_WS, CODEC_FROM_DIALER);
        begin(answers, CODEC_WS, CODEC_FROM_ACCEPTOR);
    }
}

/* Behind a PROXY header, or where there is none, the stream itself begins; its protocol may not be known yet.
 */
static bool leave_proxy(struct sessions *s, struct session *c, enum codec_direction d,
                        const struct codec_event *e)
{
    struct stream *st = &c->streams[d];
    c->protocol = s->protocol;
    st->proxy = false;
    bool shown = e->proxy.version == CODEC_PROXY_NONE || printer_event(s->printer, &c->origin, e);
    st->begun = false;
    st->base += st->wire.consumed;
    return shown;
}

static bool run_stream(struct sessions *s, struct session *c, enum codec_direction d)
{
    struct stream *st = &c->streams[d];
    struct codec_event e;
    bool ok = true;
    c->origin.direction = d;
    while (ok && st->begun && !st->over && !st->paused) {
        slice in = at_hand(st);
        enum codec_rc rc = codec_wire_next(&st->wire, &in, &e);
        uint64_t base = st->base;
        e.offset += base;
        if (rc == CODEC_ERROR) {
            give_up(s, c, d, base + e.error.offset, codec_event_error_text(&e));
        } else if (rc == CODEC_EVENT) {
            if (st->proxy) {
                use(st, at_hand(st).len - in.len);
                return leave_proxy(s, c, d, &e);
            }
            /* the bytes of the event stay where they are until it is printed */
            ok = is_empty_payload(&e) || printer_event(s->printer, &c->origin, &e);
            use(st, at_hand(st).len - in.len);
            codec_wire_learn(&c->streams[!d].wire, &e);
            heed_upgrade(c, &e);
        } else if (codec_wire_payload_left(&st->wire) > WHOLE_MAX - 2 && in.len > 0) {
            use(st, at_hand(st).len - in.len);
            ok = take_piece(s, c, st);
        } else {
            size_t dropped = at_hand(st).len - in.len;
            use(st, dropped);
            if (at_hand(st).len > STREAM_MAX)
                give_up(s, c, d, e.offset, "a message is longer than this tool takes");
            break;
        }
    }
    return ok;
}

/* ---- which protocol ---- */

/* A single stream may be either side's. */
static enum codec_protocol guess_one(struct sessions *s, slice bytes, enum codec_direction *d)
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

/* Begins the streams that have bytes, once the protocol is known. `final`: no more bytes will come to tell.
 */
static bool begin_streams(struct sessions *s, struct session *c, bool final)
{
    struct stream *dialer = &c->streams[CODEC_FROM_DIALER], *acceptor = &c->streams[CODEC_FROM_ACCEPTOR];
    slice out = at_hand(dialer), in = at_hand(acceptor);
    enum codec_direction d = s->from < 0 ? CODEC_FROM_DIALER : (enum codec_direction)s->from;
    if (c->protocol == CODEC_NO_PROTOCOL) {
        c->protocol = s->one ? guess_one(s, out, &d) : codec_protocol_guess(out, in);
        bool long_enough = out.len >= GUESS_MAX || in.len >= GUESS_MAX;
        if (c->protocol == CODEC_NO_PROTOCOL && (final || long_enough)) {
            give_up(s, c, out.len > 0 ? CODEC_FROM_DIALER : CODEC_FROM_ACCEPTOR, 0, "no known protocol");
            dialer->over = acceptor->over = true;
        }
    } else if (s->one && s->from < 0) {
        guess_one(s, out, &d);
    }
    if (c->protocol == CODEC_NO_PROTOCOL)
        return true;
    if (c->protocol == CODEC_PROXY) {
        begin(dialer, CODEC_PROXY, CODEC_FROM_DIALER);
        dialer->proxy = s->protocol != CODEC_PROXY;
        return true;
    }
    uint64_t base = dialer->base;
    if (!dialer->begun) {
        begin(dialer, c->protocol, s->one ? d : CODEC_FROM_DIALER);
        dialer->base = base;
    }
    if (!acceptor->begun)
        begin(acceptor, c->protocol, CODEC_FROM_ACCEPTOR);
    return true;
}

static bool run(struct sessions *s, struct session *c, bool final)
{
    bool ok = true;
    for (int round = 0; ok && round < 3;
         round++) { /* a PROXY header, then the stream; an answer lets requests go on */
        struct stream *dialer = &c->streams[CODEC_FROM_DIALER], *acceptor = &c->streams[CODEC_FROM_ACCEPTOR];
        if ((!dialer->begun || !acceptor->begun) && !(dialer->over && acceptor->over))
            ok = begin_streams(s, c, final);
        ok = ok && run_stream(s, c, CODEC_FROM_DIALER) && run_stream(s, c, CODEC_FROM_ACCEPTOR);
    }
    return ok;
}

bool sessions_feed(struct sessions *s, const struct chunk *chunk)
{
    struct session *c = find(s, chunk->connection);
    if (c == NULL)
        return false;
    struct stream *st = &c->streams[chunk->direction];
    c->last = ++s->chunks;
    c->origin = (struct origin){s->one, chunk->connection, chunk->direction, chunk->has_time, chunk->time};
    if (chunk->missing != NULL && !st->over)
        give_up(s, c, chunk->direction, st->base + st->wire.consumed, chunk->missing);
    if (!st->over && !append(st, chunk->bytes))
        return false;
    bool ok = run(s, c, false);
    if (chunk->end)
        st->over = true;
    if (c->streams[0].over && c->streams[1].over) {
        for (size_t i = 0; i < s->count; i++) {
            if (s->table[i] == c) {
                forget(s, i);
                break;
            }
        }
    }
    return ok;
}

bool sessions_finish(struct sessions *s)
{
    bool ok = true;
    for (size_t i = 0; i < s->count && ok; i++) {
        struct session *c = s->table[i];
        for (int d = 0; d < 2; d++) {
            c->streams[d].paused = false;
            c->streams[d].wire.whole = 0; /* a message without its payload is shown without it */
        }
        ok = run(s, c, true);
        struct stream *st = &c->streams[0];
        bool inside = at_hand(st).len > 0 || codec_wire_payload_left(&st->wire) > 0;
        if (s->one && ok && !st->over && inside)
            give_up(s, c, CODEC_FROM_DIALER, st->base + st->wire.consumed, "the input ends inside a message");
    }
    return ok;
}
