/* Bodies of RAFT messages: cut anyhow they give the same events, which encode to the same bytes; and data. */
#include "wire_fuzz.h"

static void run(enum codec_raft_kind kind, slice body, uint8_t step, struct transcript *t)
{
    struct codec_raft ps;
    struct codec_event e = {.protocol = CODEC_RAFT};
    bool chunked = false;
    size_t at = 0, shown = 0;
    codec_raft_init(&ps, kind, body.len);
    for (;;) {
        slice in = slice_make(body.ptr + at, shown - at);
        enum codec_rc rc = codec_raft_next(&ps, &in, &e.raft);
        at = shown - in.len;
        e.offset = e.raft.offset;
        if (rc == CODEC_ERROR) {
            t->error = e.raft.error;
            return;
        }
        if (rc == CODEC_MORE) {
            if (shown == body.len)
                return;
            fuzz_check(e.raft.need > 0);
            shown = body.len - shown < (size_t)step + 1 ? body.len : shown + step + 1;
            continue;
        }
        struct transcript *noted = t;
        size_t before = t->encoded.len, n = codec_raft_encode(&e.raft, NULL, 0);
        if (n == 0) { /* an empty proposal, or the end of an append entry without anything */
            noted->events++;
            continue;
        }
        note(noted, &e, &chunked);
        fuzz_check(t->encoded.len - before == n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > FUZZ_MAX)
        return 0;
    enum codec_raft_kind kind = (enum codec_raft_kind)(data[0] % (CODEC_RAFT_APPEND_END + 1));
    slice body = slice_make(data + 2, size - 2);
    struct transcript whole = {.offsets = true, .data = true}, cut = {.offsets = true};
    run(kind, body, 255, &whole);
    run(kind, body, data[1], &cut);
    check_same(&whole, &cut);
    fuzz_check(whole.error.kind == cut.error.kind && whole.error.offset == cut.error.offset);
    if (whole.error.kind == 0)
        fuzz_check(whole.events <= body.len + 2);
    struct codec_raft_append a;
    struct codec_error error;
    if (codec_raft_append_decode(body, &a, &error)) {
        struct codec_raft_entry entry;
        unsigned entries = 0;
        while (codec_raft_entry_next(&a.entries, &entry))
            entries++;
        fuzz_check(entries == a.head.count && a.entries.len == 0);
    }
    transcript_free(&whole);
    transcript_free(&cut);
    return 0;
}
