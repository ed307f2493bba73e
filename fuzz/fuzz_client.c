/* What a client sends: the same events however the bytes are cut, also when the caller takes payloads past
 * the parser; and events that are written read back as the same. The first two bytes are options and the seed
 * of the cuts. */
#include "pieces.h"
#include <midge/client.h>

struct run {
    struct codec_client parser;
    struct fuzz_trace trace;
    bool take;     /* take payload bytes out of the parser's hands */
    bool lines;    /* argument texts count, too */
    uint8_t *copy; /* NULL, or where every event is written again */
    size_t copied, room;
};

static void mix_line(struct run *r, slice line)
{
    if (r->lines)
        fuzz_mix_slice(&r->trace, line);
}

/* A payload counts as the number of its bytes and their digest, in however many parts it came. */
static void mix_event(struct run *r, const struct codec_client_event *e)
{
    struct fuzz_trace *t = &r->trace;
    t->events++;
    if (e->kind != CODEC_CLIENT_PAYLOAD)
        fuzz_mix_number(t, (uint64_t)e->kind);
    switch (e->kind) {
    case CODEC_CLIENT_CONNECT:
    case CODEC_CLIENT_INFO:
    case CODEC_CLIENT_ERR:
        fuzz_mix_slice(t, e->text);
        break;
    case CODEC_CLIENT_PUB:
    case CODEC_CLIENT_HPUB:
    case CODEC_CLIENT_HMSG:
        mix_line(r, e->pub.line);
        fuzz_mix_slice(t, e->pub.subject);
        fuzz_mix_slice(t, e->pub.reply);
        fuzz_mix_slice(t, e->pub.size_text);
        fuzz_mix_slice(t, e->pub.hdr_text);
        fuzz_check(e->pub.hdr_size <= e->pub.size && e->pub.size <= CODEC_MAX_SIZE);
        fuzz_check(!e->pub.payload_complete || e->pub.payload.len == e->pub.size);
        if (e->pub.payload_complete) {
            t->events++;
            fuzz_mix(t, e->pub.payload.ptr, e->pub.payload.len);
        }
        break;
    case CODEC_CLIENT_PAYLOAD:
        fuzz_mix(t, e->payload.ptr, e->payload.len);
        break;
    case CODEC_CLIENT_SUB:
        mix_line(r, e->sub.line);
        fuzz_mix_slice(t, e->sub.subject);
        fuzz_mix_slice(t, e->sub.queue);
        fuzz_mix_slice(t, e->sub.sid);
        break;
    case CODEC_CLIENT_UNSUB:
        mix_line(r, e->unsub.line);
        fuzz_mix_slice(t, e->unsub.sid);
        fuzz_mix_slice(t, e->unsub.max_text);
        fuzz_mix_number(t, e->unsub.has_max ? e->unsub.max : UINT64_MAX);
        break;
    case CODEC_CLIENT_PING:
    case CODEC_CLIENT_PONG:
    case CODEC_CLIENT_OK:
        break;
    }
}

static void write_event(struct run *r, const struct codec_client_event *e)
{
    size_t n = codec_client_encode(e, r->copy + r->copied, r->room - r->copied);
    fuzz_check(n > 0 && n <= r->room - r->copied);
    r->copied += n;
}

static bool step(void *ctx, slice *in)
{
    struct run *r = (struct run *)ctx;
    struct codec_client_event e;
    for (;;) {
        size_t before = in->len;
        enum codec_rc rc = codec_client_next(&r->parser, in, &e);
        fuzz_check(in->len <= before);
        if (rc == CODEC_ERROR) {
            struct codec_client_event again;
            fuzz_check(e.error.kind != CODEC_CLIENT_NO_ERROR);
            fuzz_check(codec_client_next(&r->parser, in, &again) == CODEC_ERROR);
            fuzz_check(again.error.kind == e.error.kind && again.error.offset == e.error.offset);
            fuzz_mix_number(&r->trace, (uint64_t)e.error.kind << 32 | e.error.offset);
            if (r->lines)
                fuzz_mix_number(&r->trace, (uint64_t)e.fault.state);
            return false;
        }
        if (rc == CODEC_MORE) {
            size_t left = codec_client_payload_left(&r->parser);
            size_t n = left < in->len ? left : in->len;
            if (!r->take || n == 0)
                return true;
            fuzz_mix(&r->trace, in->ptr, n);
            *in = slice_from(*in, n);
            codec_client_payload_taken(&r->parser, n);
            continue;
        }
        mix_event(r, &e);
        if (r->copy != NULL)
            write_event(r, &e);
    }
}

static struct run run(slice all, uint32_t seed, uint8_t options, bool take, uint8_t *copy, size_t room)
{
    struct run r = {
        .trace = {14695981039346656037u, 0}, .take = take, .lines = copy == NULL, .copy = copy, .room = room};
    codec_client_init(&r.parser);
    r.parser.headers = (options & 1) != 0;
    if ((options & 2) != 0)
        r.parser.max_control_line = 16;
    fuzz_feed(all, seed, step, &r);
    fuzz_check(r.trace.events <= all.len);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    slice all = slice_make(data + 2, size - 2);
    uint32_t seed = 1u + data[1];
    struct run whole = run(all, 0, data[0], false, NULL, 0);
    struct run pieces = run(all, seed, data[0], false, NULL, 0);
    struct run taken = run(all, seed, data[0], true, NULL, 0);
    fuzz_check(fuzz_same(&whole.trace, &pieces.trace));
    /* Of a payload that does not end well, or not yet, the parser has shown nothing. */
    fuzz_check(whole.trace.hash == taken.trace.hash || whole.parser.phase != CODEC_IN_LINE);
    fuzz_check(whole.parser.phase == taken.parser.phase &&
               whole.parser.failure.offset == taken.parser.failure.offset);

    /* What is written is at most a little longer: a size takes no more digits, a blank stands for a blank. */
    size_t room = 2 * size + 64;
    uint8_t *copy = (uint8_t *)malloc(room);
    if (copy == NULL)
        return 0;
    struct run first = run(all, 0, data[0], false, copy, room);
    if (first.parser.phase != CODEC_FAILED) {
        uint8_t *again = (uint8_t *)malloc(room);
        struct run second = run(slice_make(copy, first.copied), 0, 1, false, again, room);
        fuzz_check(again == NULL || fuzz_same(&first.trace, &second.trace));
        fuzz_check(again == NULL ||
                   (second.copied == first.copied && memcmp(copy, again, first.copied) == 0));
        free(again);
    }
    free(copy);
    return 0;
}
