/* Any bytes as a consumer's state (o.dat): refused, or read into a state that is written and read again
 * unchanged. */
#include "fuzz.h"
#include "store/consumer/consumer_state.h"

#define NOW INT64_C(1767225600000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct consumer_state s = {0}, again = {0};
    struct byte_buf once = {0}, twice = {0};
    char why[64];
    if (consumer_state_decode(&s, slice_make(data, size), why, sizeof why) == STORE_OK) {
        fuzz_check(s.pending.count <= size && s.redelivered.count <= size);
        consumer_state_encode(&s, NOW, &once);
        fuzz_check(!once.failed);
        fuzz_check(consumer_state_decode(&again, buf_view(&once), why, sizeof why) == STORE_OK);
        consumer_state_encode(&again, NOW, &twice);
        fuzz_check(slice_eq(buf_view(&once), buf_view(&twice)));
    }
    consumer_state_free(&s);
    consumer_state_free(&again);
    buf_free(&once);
    buf_free(&twice);
    return 0;
}
