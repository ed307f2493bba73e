/* Bytes as a run of operations on a file store and a memory store, compared with a naive one. */
#include "fuzz.h"
#include "sim/store_model.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char report[512];
    struct store_model_options o = {.seed = 1, .ops = 3000, .bytes = data, .len = size};
    if (!store_model_run(&o, report, sizeof report)) {
        fprintf(stderr, "%s\n", report);
        fuzz_check(0);
    }
    return 0;
}
