/* What a server sends to a client: as fuzz_client. */
#include "pieces.h"
#include <midge/client.h>

struct run {
    struct codec_server parser;
    struct fuzz_trace trace;
    uint8_t *copy; /* NULL, or where every event is written again */
    size_t copied, room;
};

static void mix_event(struct run *r, const struct codec_server_event *e)
{
    struct fuzz_trace *t = &r->trace;
    t->events++;
    if (e->kind != CODEC_SERVER_PAYLOAD)
        fuzz_mix_number(t, (uint64_t)e->kind);
    switch (e->kind) {
    case CODEC_SERVER_INFO:
    case CODEC_SERVER_ERR:
        fuzz_mix_slice(t, e->text);
        break;
    case CODEC_SERVER_MSG:
    case CODEC_SERVER_HMSG:
        fuzz_mix_slice(t, e->msg.subject);
        fuzz_mix_slice(t, e->msg.sid);
        fuzz_mix_slice(t, e->msg.reply);
        fuzz_mix_slice(t, e->msg.size_text);
        fuzz_mix_slice(t, e->msg.hdr_text);
        fuzz_check(e->msg.hdr_size <= e->msg.size && e->msg.size <= CODEC_MAX_SIZE);
        fuzz_check(!e->msg.payload_complete || e->msg.payload.len == e->msg.size);
        if (e->msg.payload_complete) {
            t->events++;
            fuzz_mix(t, e->msg.payload.ptr, e->msg.payload.len);
        }
        break;
    case CODEC_SERVER_PAYLOAD:
        fuzz_mix(t, e->payload.ptr, e->payload.len);
        break;
    case CODEC_SERVER_PING:
    case CODEC_SERVER_PONG:
    case CODEC_SERVER_OK:
        break;
    }
}

static bool step(void *ctx, slice *in)
{
    struct run *r = (struct run *)ctx;
    struct codec_server_event e;
    enum codec_rc rc;
    while ((rc = codec_server_next(&r->parser, in, &e)) == CODEC_EVENT) {
        mix_event(r, &e);
        if (r->copy == NULL)
            continue;
        size_t n = codec_server_encode(&e, r->copy + r->copied, r->room - r->copied);
        fuzz_check(n > 0 && n <= r->room - r->copied);
        r->copied += n;
    }
    if (rc == CODEC_ERROR)
        fuzz_mix_number(&r->trace, (uint64_t)e.error.kind << 32 | e.error.offset);
    return rc == CODEC_MORE;
}

static struct run run(slice all, uint32_t seed, bool narrow, uint8_t *copy, size_t room)
{
    struct run r = {.trace = {14695981039346656037u, 0}, .copy = copy, .room = room};
    codec_server_init(&r.parser);
    if (narrow)
        r.parser.max_line = 16;
    fuzz_feed(all, seed, step, &r);
    fuzz_check(r.trace.events <= all.len);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    slice all = slice_make(data + 2, size - 2);
    bool narrow = (data[0] & 2) != 0;
    struct run whole = run(all, 0, narrow, NULL, 0), pieces = run(all, 1u + data[1], narrow, NULL, 0);
    fuzz_check(fuzz_same(&whole.trace, &pieces.trace));
    size_t room = 2 * size + 64; /* quotes may be put around errors */
    uint8_t *copy = (uint8_t *)malloc(room), *again = (uint8_t *)malloc(room);
    if (copy != NULL && again != NULL) {
        struct run first = run(all, 0, narrow, copy, room);
        struct run second = run(slice_make(copy, first.copied), 0, false, again, room);
        fuzz_check(first.parser.phase == CODEC_FAILED || fuzz_same(&first.trace, &second.trace));
        fuzz_check(second.copied == first.copied && memcmp(copy, again, first.copied) == 0);
    }
    free(copy);
    free(again);
    return 0;
}
