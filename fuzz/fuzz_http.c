/* HTTP requests and responses. */
#include "wire_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return wire_fuzz_protocol(CODEC_HTTP, data, size);
}
