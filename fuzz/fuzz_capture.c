/* Captures and values: any bytes are refused or read within bounds; what is read as JSON or MessagePack is
 * written and read back as the same. */
#include "wire_fuzz.h"
#include <midge/capture.h>

static void captures(slice in)
{
    struct codec_capture p = {0};
    struct codec_capture_record r;
    size_t need, records = 0, before;
    for (before = in.len; codec_capture_next(&p, &in, &r, &need) == CODEC_EVENT; before = in.len) {
        fuzz_check(in.len < before && ++records <= before);
        fuzz_check(r.bytes.len <= CODEC_CAPTURE_BYTES_MAX);
    }
}

static void values(slice text)
{
    struct codec_arena arena = codec_arena_on(fuzz_arena, sizeof(fuzz_arena));
    struct codec_value v, back;
    size_t need;
    enum codec_value_error error;
    slice in = text;
    bool ok = codec_value_read_json(text, &arena, &v) == CODEC_VALUE_OK ||
              codec_value_read_msgpack(&in, FUZZ_MAX, &arena, &v, &need, &error) == CODEC_EVENT;
    if (!ok)
        return;
    struct codec_out o = codec_out_on(fuzz_out, sizeof(fuzz_out)),
                     p = codec_out_on(fuzz_out2, sizeof(fuzz_out2));
    fuzz_check(codec_value_write_msgpack(&o, &v) && codec_out_ok(&o));
    in = codec_out_slice(&o);
    arena = codec_arena_on(fuzz_arena2, sizeof(fuzz_arena2));
    fuzz_check(codec_value_read_msgpack(&in, sizeof(fuzz_out), &arena, &back, &need, &error) == CODEC_EVENT);
    fuzz_check(codec_value_write_msgpack(&p, &back) && slice_eq(codec_out_slice(&o), codec_out_slice(&p)));
}

/* An object that claims to be an event of any protocol: refused, or an event that encodes or is refused by
 * that. */
static void events(slice text)
{
    for (int protocol = CODEC_NATS; protocol <= CODEC_RAFT; protocol++) {
        for (int d = 0; d < 2; d++) {
            struct codec_arena arena = codec_arena_on(fuzz_arena, sizeof(fuzz_arena));
            struct codec_value v;
            struct codec_event e;
            const char *why;
            if (codec_value_read_json(text, &arena, &v) == CODEC_VALUE_OK &&
                codec_event_from_value(&v, (enum codec_protocol)protocol, (enum codec_direction)d, &arena, &e,
                                       &why))
                codec_event_encode(&e, fuzz_out, sizeof(fuzz_out));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > FUZZ_MAX / 4)
        return 0;
    captures(slice_make(data, size));
    values(slice_make(data, size));
    events(slice_make(data, size));
    return 0;
}
