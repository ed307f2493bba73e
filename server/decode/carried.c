/* carried.c: what stands inside of events. */
#include "server/decode/carried.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define PIECE (16u << 10)

/* ---- WebSocket ---- */

/* One direction. Both peers of NATS forget what earlier messages said, others may not: the window is kept,
 * which is right for either. */
struct unframing {
    bool begun;    /* z is made */
    bool deflated; /* the message at hand */
    bool broken;
    z_stream z;
};

struct frames {
    struct conversation *inner;
    struct unframing sides[2];
};

struct frames *frames_new(struct rules *rules)
{
    struct frames *f = calloc(1, sizeof(*f));
    if (f != NULL && (f->inner = conversation_new(rules, true)) == NULL) {
        free(f);
        f = NULL;
    }
    return f;
}

void frames_free(struct frames *f)
{
    for (int d = 0; d < 2; d++) {
        if (f->sides[d].begun)
            inflateEnd(&f->sides[d].z);
    }
    conversation_free(f->inner);
    free(f);
}

bool frames_finish(struct frames *f)
{
    return conversation_finish(f->inner);
}

/* Inflates what it was given and hands it on, a piece at a time, however large it becomes. */
static bool inflate_piece(struct frames *f, struct unframing *u, const struct origin *o, slice bytes,
                          const char **problem)
{
    uint8_t out[PIECE];
    bool ok = true;
    if (!u->begun && !(u->begun = inflateInit2(&u->z, -15) == Z_OK))
        return false;
    u->z.next_in = (Bytef *)(uintptr_t)bytes.ptr; /* zlib reads it only */
    u->z.avail_in = (uInt)bytes.len;
    do {
        u->z.next_out = out;
        u->z.avail_out = sizeof(out);
        int rc = inflate(&u->z, Z_SYNC_FLUSH);
        ok = conversation_feed(f->inner, o, slice_make(out, sizeof(out) - u->z.avail_out));
        if (rc == Z_STREAM_END) { /* a last block: the next message begins anew */
            inflateReset(&u->z);
        } else if (rc != Z_OK && rc != Z_BUF_ERROR) {
            u->broken = true;
            *problem = "a frame's payload cannot be inflated";
            break;
        }
    } while (ok && (u->z.avail_in > 0 || u->z.avail_out == 0));
    return ok;
}

static bool take_piece(struct frames *f, struct unframing *u, const struct origin *o, slice bytes,
                       const char **problem)
{
    return u->deflated ? inflate_piece(f, u, o, bytes, problem) : conversation_feed(f->inner, o, bytes);
}

bool frames_take(struct frames *f, const struct origin *o, const struct codec_ws_event *e,
                 const char **problem)
{
    struct unframing *u = &f->sides[o->direction];
    uint8_t plain[PIECE];
    bool ok = true;
    if (u->broken || e->kind > CODEC_WS_PAYLOAD)
        return true;
    if (e->kind == CODEC_WS_FRAME && e->opcode != CODEC_WS_CONTINUATION)
        u->deflated = e->compressed;
    for (size_t at = 0; ok && at < e->payload.len && *problem == NULL; at += PIECE) {
        slice piece = slice_first(slice_from(e->payload, at), PIECE);
        if (e->masked) {
            codec_ws_mask(plain, piece.ptr, piece.len, e->mask, e->payload_at + at);
            piece.ptr = plain;
        }
        ok = take_piece(f, u, o, piece, problem);
    }
    bool complete = e->fin && e->payload_at + e->payload.len == e->length;
    if (ok && complete && u->deflated && *problem == NULL) /* what the sender has left out */
        ok = inflate_piece(f, u, o, SLICE_LIT("\0\0\xff\xff"), problem);
    return ok;
}

/* ---- RAFT ---- */

struct message {
    slice subject;
    slice payload;
    size_t hdr_size;
    bool complete;
};

static struct message message_of(const struct codec_event *e)
{
    switch (e->protocol) {
    case CODEC_NATS_ROUTE:
    case CODEC_NATS_GATEWAY:
    case CODEC_NATS_LEAF:
        if (e->fabric.kind == CODEC_FABRIC_MSG) {
            const struct codec_fabric_msg *m = &e->fabric.msg;
            return (struct message){m->subject, m->payload, m->hdr_size, m->payload_complete};
        }
        break;
    case CODEC_NATS:
        if (e->direction == CODEC_FROM_DIALER &&
            (e->client.kind == CODEC_CLIENT_PUB || e->client.kind == CODEC_CLIENT_HPUB)) {
            const struct codec_client_pub *m = &e->client.pub;
            return (struct message){m->subject, m->payload, m->hdr_size, m->payload_complete};
        }
        if (e->direction == CODEC_FROM_ACCEPTOR &&
            (e->server.kind == CODEC_SERVER_MSG || e->server.kind == CODEC_SERVER_HMSG)) {
            const struct codec_server_msg *m = &e->server.msg;
            return (struct message){m->subject, m->payload, m->hdr_size, m->payload_complete};
        }
        break;
    default:
        break;
    }
    return (struct message){.complete = false};
}

bool carried_raft(struct rules *rules, const struct origin *origin, const struct codec_event *e)
{
    struct message m = message_of(e);
    slice body = slice_from(m.payload, m.hdr_size);
    struct codec_raft parser;
    struct codec_event inner = {.protocol = CODEC_RAFT, .direction = e->direction};
    struct origin o = *origin;
    enum codec_rc rc;
    bool ok = true;
    enum codec_raft_kind kind = codec_raft_kind_of(m.subject, body.len);
    if (!m.complete || kind == CODEC_RAFT_NONE)
        return true;
    o.in = "raft";
    codec_raft_init(&parser, kind, body.len);
    while (ok && (rc = codec_raft_next(&parser, &body, &inner.raft)) == CODEC_EVENT) {
        inner.offset = inner.raft.offset;
        ok = printer_event(rules->printer, &o, &inner);
    }
    if (ok && rc == CODEC_ERROR) {
        printer_problem(rules->printer, &o, inner.raft.error.offset,
                        codec_raft_error_text(inner.raft.error.kind));
        rules->malformed++;
    }
    return ok;
}
