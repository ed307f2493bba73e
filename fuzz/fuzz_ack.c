/* The small texts of JetStream: whatever is read is written and read back as the same. */
#include "fuzz.h"
#include <midge/ack.h>
#include <midge/duration.h>
#include <string.h>

static uint8_t room[1 << 16], out[1 << 17];

static void acks(slice text)
{
    struct codec_ack a = codec_ack_read(text);
    int64_t ns;
    codec_ack_delay(a.rest, &ns);
    size_t n = codec_ack_encode(&a, out, sizeof(out));
    fuzz_check(n <= sizeof(out));
    struct codec_ack b = codec_ack_read(slice_make(out, n));
    fuzz_check(a.kind == b.kind && slice_eq(a.rest, b.rest));
}

static void replies(slice text)
{
    struct codec_ack_reply a, b;
    slice ack, subject;
    if (codec_ack_reply_split(text, &ack, &subject))
        fuzz_check(ack.len + subject.len + 1 == text.len);
    if (!codec_ack_reply_read(text, &a))
        return;
    size_t n = codec_ack_reply_encode(&a, out, sizeof(out));
    fuzz_check(n <= sizeof(out) && codec_ack_reply_read(slice_make(out, n), &b));
    fuzz_check(a.v2 == b.v2 && slice_eq(a.stream, b.stream) && slice_eq(a.consumer, b.consumer) &&
               slice_eq(a.domain, b.domain) && a.delivered == b.delivered && a.stream_seq == b.stream_seq &&
               a.consumer_seq == b.consumer_seq && a.timestamp == b.timestamp && a.pending == b.pending);
}

static void durations(slice text)
{
    int64_t ns, again;
    slice unit;
    char buf[CODEC_DURATION_TEXT];
    struct codec_out o = codec_out_on(out, sizeof(out));
    enum codec_duration_error error = codec_duration_read(text, &ns, &unit);
    if (error != CODEC_DURATION_OK) {
        codec_duration_error_text(&o, error, text, error == CODEC_DURATION_UNKNOWN_UNIT ? unit : SLICE_EMPTY);
        return;
    }
    size_t n = codec_duration_text(ns, buf);
    fuzz_check(codec_duration_read(slice_make(buf, n), &again, NULL) == CODEC_DURATION_OK && again == ns);
    codec_size_read(text, &again);
}

/* The fast path and the JSON reader agree: a blank key in front sends the same members through the reader. */
static void pulls(slice text)
{
    struct codec_arena arena = codec_arena_on(room, sizeof(room));
    struct codec_json_error error;
    struct codec_pull a, b;
    if (!codec_pull_read(text, &a, &arena, &error) || !a.json)
        return;
    struct codec_out o = codec_out_on(out, sizeof(out));
    const uint8_t *open = memchr(text.ptr, '{', text.len);
    slice rest = slice_from(text, (size_t)(open + 1 - text.ptr));
    size_t at = 0;
    while (at < rest.len && (rest.ptr[at] == ' ' || (rest.ptr[at] >= '\t' && rest.ptr[at] <= '\r')))
        at++;
    codec_out_put(&o, rest.ptr[at] == '}' ? SLICE_LIT("{\"\":1") : SLICE_LIT("{\"\":1,"));
    codec_out_put(&o, rest);
    fuzz_check(codec_pull_read(codec_out_slice(&o), &b, &arena, &error));
    fuzz_check(a.batch == b.batch && a.expires == b.expires && a.max_bytes == b.max_bytes &&
               a.no_wait == b.no_wait && a.idle_heartbeat == b.idle_heartbeat && slice_eq(a.group, b.group) &&
               slice_eq(a.id, b.id) && a.min_pending == b.min_pending &&
               a.min_ack_pending == b.min_ack_pending && a.priority == b.priority);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 8192)
        return 0;
    slice text = slice_make(data, size);
    acks(text);
    replies(text);
    durations(text);
    pulls(text);
    return 0;
}
