/* Both directions of the client protocol, as data and back. */
#include "wire_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return wire_fuzz_protocol(CODEC_NATS, data, size);
}
