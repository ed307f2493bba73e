/* The header of the PROXY protocol. */
#include "wire_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return wire_fuzz_protocol(CODEC_PROXY, data, size);
}
