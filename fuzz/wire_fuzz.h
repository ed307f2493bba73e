/* wire_fuzz.h: what must hold for any bytes of any stream protocol:
 *
 *  - any way of cutting the stream into reads gives the same events and the same error at the same offset;
 *  - what the events encode to is read back as the same events;
 *  - every event becomes JSON and MessagePack, and comes back from both as an event that encodes to the same
 * bytes;
 *  - a byte makes at most one event, and a few more at the end.
 *
 * A harness names its protocol and calls wire_fuzz. The first byte of the input chooses direction and
 * options, the second how the stream is cut. */
#ifndef FUZZ_WIRE_FUZZ_H
#define FUZZ_WIRE_FUZZ_H

#include "fuzz.h"
#include <midge/event_data.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_MAX ((size_t)1 << 16)

/* Grows; a harness frees it. */
struct bytes {
    uint8_t *ptr;
    size_t len, cap;
};

static inline uint8_t *bytes_room(struct bytes *b, size_t n)
{
    if (b->ptr == NULL || b->cap - b->len < n) {
        b->cap = (b->len + n + 1) * 2;
        b->ptr = realloc(b->ptr, b->cap);
        fuzz_check(b->ptr != NULL);
    }
    return b->ptr + b->len;
}

static inline void bytes_add(struct bytes *b, slice s)
{
    uint8_t *at = bytes_room(b, s.len);
    if (s.len > 0)
        memcpy(at, s.ptr, s.len);
    b->len += s.len;
}

/* What is compared: the events as JSON, without offsets when they may differ; pieces of a payload joined. */
struct transcript {
    bool offsets;
    bool data; /* each event is made data and back: once an input is enough, as it is most of the work */
    struct bytes text;
    struct bytes encoded;
    size_t events;
    struct codec_error error;
};

static inline void transcript_free(struct transcript *t)
{
    free(t->text.ptr);
    free(t->encoded.ptr);
}

/* A piece of a body whose cuts follow the reads: only its bytes count. */
static inline bool is_piece(const struct codec_event *e, slice *piece)
{
    if (e->protocol == CODEC_HTTP && e->http.kind == CODEC_HTTP_DATA)
        return *piece = e->http.data, true;
    if (e->protocol == CODEC_WS && e->ws.kind == CODEC_WS_PAYLOAD)
        return *piece = e->ws.payload, true;
    return false;
}

static inline size_t json_of(const struct codec_value *v, uint8_t *out, size_t cap)
{
    struct codec_out o = codec_out_on(out, cap);
    fuzz_check(codec_value_write_json(&o, v));
    fuzz_check(o.len <= cap);
    return o.len;
}

static uint8_t fuzz_arena[64 * FUZZ_MAX], fuzz_arena2[64 * FUZZ_MAX], fuzz_out[16 * FUZZ_MAX],
    fuzz_out2[16 * FUZZ_MAX];

/* Data has numbers, not how they were written: 07 is 7. */
static inline struct codec_event without_digits(const struct codec_event *event)
{
    struct codec_event e = *event;
    if (e.protocol != CODEC_NATS)
        return e;
    if (e.direction == CODEC_FROM_ACCEPTOR) {
        if (e.server.kind == CODEC_SERVER_MSG || e.server.kind == CODEC_SERVER_HMSG)
            e.server.msg.size_text = e.server.msg.hdr_text = SLICE_EMPTY;
    } else if (e.client.kind == CODEC_CLIENT_PUB || e.client.kind == CODEC_CLIENT_HPUB) {
        e.client.pub.size_text = e.client.pub.hdr_text = SLICE_EMPTY;
    } else if (e.client.kind == CODEC_CLIENT_UNSUB && e.client.unsub.has_max) {
        e.client.unsub.max_text = SLICE_EMPTY;
    }
    return e;
}

/* The event comes back from JSON and from MessagePack. */
static inline void check_data(const struct codec_event *e, const struct codec_value *v)
{
    struct codec_event plain = without_digits(e);
    size_t n = codec_event_encode(&plain, fuzz_out2, sizeof(fuzz_out2) / 2);
    fuzz_check(n <= sizeof(fuzz_out2) / 2);
    for (int msgpack = 0; msgpack < 2; msgpack++) {
        struct codec_arena arena = codec_arena_on(fuzz_arena2, sizeof(fuzz_arena2));
        struct codec_out o = codec_out_on(fuzz_out, sizeof(fuzz_out));
        struct codec_value back;
        struct codec_event again;
        const char *why;
        if (msgpack) {
            size_t need;
            enum codec_value_error error;
            fuzz_check(codec_value_write_msgpack(&o, v) && codec_out_ok(&o));
            slice in = codec_out_slice(&o);
            fuzz_check(codec_value_read_msgpack(&in, sizeof(fuzz_out), &arena, &back, &need, &error) ==
                       CODEC_EVENT);
            fuzz_check(in.len == 0);
        } else {
            fuzz_check(codec_value_write_json(&o, v) && codec_out_ok(&o));
            fuzz_check(codec_value_read_json(codec_out_slice(&o), &arena, &back) == CODEC_VALUE_OK);
        }
        fuzz_check(codec_event_from_value(&back, e->protocol, e->direction, &arena, &again, &why));
        fuzz_check(again.offset == e->offset);
        uint8_t *half = fuzz_out2 + sizeof(fuzz_out2) / 2;
        size_t m = codec_event_encode(&again, half, sizeof(fuzz_out2) / 2);
        fuzz_check(m == n && memcmp(half, fuzz_out2, n) == 0);
    }
}

/* Events that have no bytes of their own, or none that are theirs alone. */
static inline bool may_be_empty(const struct codec_event *e)
{
    switch (e->protocol) {
    case CODEC_HTTP:
        return e->http.kind == CODEC_HTTP_DONE;
    case CODEC_PROXY:
        return e->proxy.version == CODEC_PROXY_NONE;
    default:
        return false;
    }
}

static inline void note(struct transcript *t, const struct codec_event *event, bool *chunked)
{
    struct codec_event e = *event;
    struct codec_arena arena = codec_arena_on(fuzz_arena, sizeof(fuzz_arena));
    struct codec_value v;
    slice piece;
    size_t n;
    t->events++;
    fuzz_check(codec_event_to_value(&e, &arena, &v));
    if (t->data)
        check_data(&e, &v);
    if (e.protocol == CODEC_HTTP) {
        if (e.http.kind == CODEC_HTTP_END)
            *chunked = e.http.end.chunked;
        n = codec_http_encode(&e.http, *chunked, fuzz_out, sizeof(fuzz_out));
    } else {
        n = codec_event_encode(&e, fuzz_out, sizeof(fuzz_out));
    }
    fuzz_check(n <= sizeof(fuzz_out) && (n > 0 || may_be_empty(&e)));
    bytes_add(&t->encoded, slice_make(fuzz_out, n));
    if (is_piece(&e, &piece)) {
        bytes_add(&t->text, piece);
        return;
    }
    if (e.protocol == CODEC_WS && e.ws.kind == CODEC_WS_FRAME) { /* its first piece is one, too */
        piece = e.ws.payload;
        e.ws.payload = SLICE_EMPTY;
    } else {
        piece = SLICE_EMPTY;
    }
    if (!t->offsets)
        e.offset = 0;
    arena = codec_arena_on(fuzz_arena, sizeof(fuzz_arena));
    fuzz_check(codec_event_to_value(&e, &arena, &v));
    bytes_add(&t->text, slice_make(fuzz_out, json_of(&v, fuzz_out, sizeof(fuzz_out))));
    bytes_add(&t->text, SLICE_LIT("\n"));
    bytes_add(&t->text, piece);
}

/* Reads the stream, of which a few more bytes are shown each time, from a block of exactly those bytes. */
static inline void transcribe(struct transcript *t, struct codec_wire wire, slice all, uint32_t cuts)
{
    struct codec_event e;
    bool chunked = false;
    size_t at = 0, shown = cuts == 0 ? all.len : 0;
    for (;;) {
        uint8_t *copy = malloc(shown - at + (shown == at));
        fuzz_check(copy != NULL);
        if (shown > at)
            memcpy(copy, all.ptr + at, shown - at);
        slice in = slice_make(copy, shown - at);
        enum codec_rc rc = codec_wire_next(&wire, &in, &e);
        fuzz_check(in.ptr >= copy && in.ptr + in.len == copy + (shown - at));
        at += (size_t)(in.ptr - copy);
        if (rc == CODEC_EVENT)
            note(t, &e, &chunked);
        free(copy);
        fuzz_check(t->events <= 2 * all.len + 4);
        if (rc == CODEC_ERROR) {
            t->error = e.error;
            return;
        }
        if (rc == CODEC_EVENT)
            continue;
        if (shown == all.len)
            return;
        cuts = cuts * 1664525u + 1013904223u;
        size_t step = 1 + (cuts >> 16) % ((cuts >> 28) == 0 ? 4096 : 17);
        shown = all.len - shown < step ? all.len : shown + step;
    }
}

static inline void check_same(const struct transcript *a, const struct transcript *b)
{
    fuzz_check(a->text.len == b->text.len &&
               (a->text.len == 0 || memcmp(a->text.ptr, b->text.ptr, a->text.len) == 0));
}

static inline void wire_fuzz(struct codec_wire wire, slice stream, uint8_t cuts)
{
    struct transcript whole = {.offsets = true}, cut = {.offsets = true}, first = {.data = true},
                      again = {.data = false};
    wire.whole = FUZZ_MAX; /* so that a message is one event however it comes */
    transcribe(&whole, wire, stream, 0);
    transcribe(&cut, wire, stream, cuts + 1u);
    check_same(&whole, &cut);
    fuzz_check(whole.error.kind == cut.error.kind && whole.error.offset == cut.error.offset);
    fuzz_check(whole.error.offset <= stream.len);
    wire.whole = 0; /* a message whose payload is wrong is told, and written, by its line alone */
    transcribe(&first, wire, stream, 0);
    if (first.encoded.len == 0) /* no PROXY header: an event without bytes */
        first.text.len = 0;
    transcribe(&again, wire,
               slice_make(first.encoded.ptr == NULL ? (uint8_t *)"" : first.encoded.ptr, first.encoded.len),
               0);
    fuzz_check(again.error.kind == 0);
    check_same(&first, &again);
    transcript_free(&whole);
    transcript_free(&cut);
    transcript_free(&first);
    transcript_free(&again);
}

/* The harness of a protocol without options. */
static inline int wire_fuzz_protocol(enum codec_protocol protocol, const uint8_t *data, size_t size)
{
    struct codec_wire wire;
    if (size < 2 || size > FUZZ_MAX)
        return 0;
    codec_wire_init(&wire, protocol, data[0] & 1 ? CODEC_FROM_ACCEPTOR : CODEC_FROM_DIALER);
    wire_fuzz(wire, slice_make(data + 2, size - 2), data[1]);
    return 0;
}

#endif
