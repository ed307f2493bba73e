/* Header blocks: the same lines however they are cut, written lines read back as the same; and the server's
 * lookup and rewriting, which take any bytes. */
#include "pieces.h"
#include <midge/headers.h>

struct run {
    struct codec_headers parser;
    struct fuzz_trace trace;
    struct codec_out *copy;
};

static void write_event(struct codec_out *out, const struct codec_headers_event *e)
{
    if (e->kind == CODEC_HEADERS_STATUS)
        codec_headers_begin(out, e->code, e->value);
    else if (e->kind == CODEC_HEADERS_FIELD)
        codec_headers_field(out, e->name, e->value);
    else
        codec_headers_end(out);
}

static bool step(void *ctx, slice *in)
{
    struct run *r = (struct run *)ctx;
    struct codec_headers_event e;
    enum codec_rc rc;
    while ((rc = codec_headers_next(&r->parser, in, &e)) == CODEC_EVENT) {
        r->trace.events++;
        fuzz_mix_number(&r->trace, (uint64_t)e.kind);
        fuzz_mix_number(&r->trace, e.code);
        fuzz_mix_slice(&r->trace, e.name);
        /* a description without a status is not written */
        if (e.kind != CODEC_HEADERS_STATUS || e.code != 0)
            fuzz_mix_slice(&r->trace, e.value);
        if (r->copy != NULL)
            write_event(r->copy, &e);
    }
    if (rc == CODEC_ERROR)
        fuzz_mix_number(&r->trace, (uint64_t)e.error.kind << 32 | e.error.offset);
    return rc == CODEC_MORE;
}

static struct run run(slice all, uint32_t seed, struct codec_out *copy)
{
    struct run r = {.trace = {14695981039346656037u, 0}, .copy = copy};
    fuzz_feed(all, seed, step, &r);
    fuzz_check(r.trace.events <= all.len);
    return r;
}

/* Setting a header in a well-ended block makes it the one that is found, and removing all of that name leaves
 * none. */
static void rewrite(slice block, slice name)
{
    slice value, want = SLICE_LIT("v a l");
    size_t room = block.len + name.len + 64;
    uint8_t *one = (uint8_t *)malloc(room), *two = (uint8_t *)malloc(room);
    if (one == NULL || two == NULL)
        goto done;
    struct codec_out out = codec_out_on(one, room), size = codec_out_on(NULL, 0);
    codec_headers_set(&out, block, name, want);
    codec_headers_set(&size, block, name, want);
    fuzz_check(codec_out_ok(&out) && size.len == out.len);
    bool ended = block.len >= 4 && memcmp(block.ptr + block.len - 4, "\r\n\r\n", 4) == 0;
    if (ended && !codec_headers_get(block, name, &value))
        fuzz_check(codec_headers_get(codec_out_slice(&out), name, &value) && slice_eq(value, want));
    for (size_t left = block.len; codec_headers_get(block, name, &value) && left > 0;) {
        struct codec_out less = codec_out_on(two, room);
        codec_headers_remove(&less, block, name);
        fuzz_check(less.len < block.len);
        memcpy(one, two, less.len);
        block = slice_make(one, less.len);
        left = less.len;
    }
done:
    free(one);
    free(two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    slice all = slice_make(data + 2, size - 2);
    struct run whole = run(all, 0, NULL), pieces = run(all, 1u + data[1], NULL);
    fuzz_check(fuzz_same(&whole.trace, &pieces.trace));

    size_t room = 2 * size + 64;
    uint8_t *block = (uint8_t *)malloc(room);
    if (block != NULL) {
        struct codec_out copy = codec_out_on(block, room);
        struct run first = run(all, 0, &copy);
        fuzz_check(codec_out_ok(&copy));
        struct run second = run(codec_out_slice(&copy), 0, NULL);
        fuzz_check(first.parser.failed || fuzz_same(&first.trace, &second.trace));
    }
    free(block);

    /* A name that the fuzzer chooses: up to the first colon. */
    slice value, name = all.len == 0 ? SLICE_EMPTY : slice_first(all, data[0] % 16);
    const uint8_t *bad = name.len == 0 ? NULL : (const uint8_t *)memchr(name.ptr, '\n', name.len);
    if (bad == NULL && name.len > 0 && memchr(name.ptr, '\r', name.len) == NULL &&
        memchr(name.ptr, ':', name.len) == NULL)
        rewrite(all, name);
    rewrite(all, SLICE_LIT("Nats-Msg-Id"));
    if (codec_headers_get(all, SLICE_LIT("A"), &value))
        fuzz_check(value.ptr >= all.ptr && value.ptr + value.len <= all.ptr + all.len);
    return 0;
}
