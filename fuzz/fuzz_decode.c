/* The decode tool's connections: chunks of several connections, in any order, cut anywhere, closed anywhere
 * and with gaps, of a protocol that is named or guessed. What is inside is opened: PROXY, S2, WebSocket,
 * RAFT.
 *
 * Nothing crashes or leaks, the output is written, and a named protocol shows the same however chunks are
 * cut; but for HTTP, whose bodies without a length are shown as they come.
 *
 * Input: a byte of options, then chunks: a byte (connection, side, end, gap), a byte of length, the bytes. */
#include "fuzz.h"
#include "server/decode/session.h"
#include <string.h>

struct show {
    char *text;
    size_t len;
    size_t malformed;
};

enum { CONNECTIONS = 3, SIDE = 4, END = 8, GAP = 16 };

/* A connection's chunk in pieces of `step` bytes. */
static void feed(struct sessions *sessions, uint8_t flags, slice bytes, size_t step)
{
    slice all = bytes;
    do {
        struct chunk c = {.connection = flags & CONNECTIONS,
                          .direction = flags & SIDE ? CODEC_FROM_ACCEPTOR : CODEC_FROM_DIALER,
                          .bytes = slice_first(all, step)};
        if (all.len == bytes.len && flags & GAP)
            c.missing = "packets are missing";
        all = slice_from(all, c.bytes.len);
        c.end = all.len == 0 && flags & END;
        fuzz_check(sessions_feed(sessions, &c));
    } while (all.len > 0);
}

static struct show show(enum codec_protocol protocol, bool one, bool raft, slice in, size_t step)
{
    struct show s = {0};
    struct printer printer;
    FILE *out = open_memstream(&s.text, &s.len);
    fuzz_check(out != NULL);
    printer_init(&printer, "fuzz_decode", out, FORMAT_JSON, false);
    printer.problems = NULL;
    struct sessions *sessions = sessions_new(&printer, protocol, one, -1);
    fuzz_check(sessions != NULL);
    if (raft)
        sessions_show_raft(sessions);
    while (in.len >= 2) {
        uint8_t flags = in.ptr[0], size = in.ptr[1];
        slice bytes = slice_first(slice_from(in, 2), size);
        in = slice_from(in, 2 + bytes.len);
        feed(sessions, one ? flags & GAP : flags, bytes, step);
    }
    fuzz_check(sessions_finish(sessions));
    s.malformed = sessions_malformed(sessions);
    sessions_free(sessions);
    fclose(out);
    printer_free(&printer);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    enum codec_protocol protocol = (enum codec_protocol)((data[0] & 63) % CODEC_RAFT);
    bool one = data[0] & 64, raft = data[0] & 128;
    slice in = slice_make(data + 1, size - 1);
    struct show whole = show(protocol, one, raft, in, SIZE_MAX), cut = show(protocol, one, raft, in, 3);
    bool named = protocol != CODEC_NO_PROTOCOL && !one;
    fuzz_check(!named || whole.malformed == cut.malformed);
    if (named && protocol != CODEC_HTTP)
        fuzz_check(whole.len == cut.len && memcmp(whole.text, cut.text, whole.len) == 0);
    free(whole.text);
    free(cut.text);
    return 0;
}
