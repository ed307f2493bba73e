/* What servers say to each other: leaf. */
#include "wire_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return wire_fuzz_protocol(CODEC_NATS_LEAF, data, size);
}
