/* What servers of a cluster say to each other; with and without account and origin. */
#include "wire_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct codec_wire wire;
    if (size < 2 || size > FUZZ_MAX)
        return 0;
    codec_wire_init(&wire, CODEC_NATS_ROUTE, CODEC_FROM_DIALER);
    wire.fabric.accountless = data[0] & 2;
    wire.fabric.plain_leaf_unsub = data[0] & 4;
    if (data[0] & 8)
        wire.fabric.max_control_line = 32;
    wire_fuzz(wire, slice_make(data + 2, size - 2), data[1]);
    return 0;
}
