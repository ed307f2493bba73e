/* fuzz.h: what a harness is: one function that takes any bytes and must neither crash, hang nor leak. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that must hold for every input. */
static inline void fuzz_check(int holds)
{
    if (!holds)
        abort();
}

#endif
