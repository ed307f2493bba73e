/* store_model.h: random work on a file store and a memory store, each compared with a naive one after every
 * step; the file store is closed and opened again now and then.
 *
 * One seed (or one string of bytes, from a fuzzer) is one run: configuration, operations, questions. The disk
 * is simulated and sound. */
#ifndef SIM_STORE_MODEL_H
#define SIM_STORE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_model_options {
    uint64_t seed;
    uint64_t ops;
    const uint8_t *bytes; /* choices come from these instead of the seed, until they are used up */
    size_t len;
};

/* true when no difference was found; else `report` (of `cap` bytes) says which, and at which step. */
bool store_model_run(const struct store_model_options *o, char *report, size_t cap);

#endif
