/* WebSocket frames, with each rule on masks. */
#include "wire_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct codec_wire wire;
    if (size < 2 || size > FUZZ_MAX)
        return 0;
    codec_wire_init(&wire, CODEC_WS, CODEC_FROM_DIALER);
    wire.ws.masking = data[0] & 1   ? CODEC_WS_MASK_REQUIRED
                      : data[0] & 2 ? CODEC_WS_MASK_NONE
                                    : CODEC_WS_MASK_AS_SAID;
    wire.ws.deflate = data[0] & 4;
    wire_fuzz(wire, slice_make(data + 2, size - 2), data[1]);
    return 0;
}
