/* Any bytes as the index.db of sound blocks, with a checksum that holds: the store opens, and what it gives
 * out are the messages that were stored, whatever the file says of them. */
#include "store_fuzz.h"
#include "store/format/hash.h"

#include <stdio.h>

#define MESSAGES 40

static slice text_of(uint64_t seq, char *buf)
{
    return slice_make(buf, (size_t)sprintf(buf, "message %llu", (unsigned long long)seq));
}

static void fill(struct store_fuzz *f)
{
    struct store *s;
    bool removed;
    uint64_t seq;
    fuzz_check(file_store_open(&f->o, &s) == STORE_OK);
    for (uint64_t i = 1; i <= MESSAGES; i++) {
        char buf[32];
        struct store_append a = {.ts = SIM_EPOCH_NS, .subject = SLICE_LIT("a.b"), .data = text_of(i, buf)};
        fuzz_check(store_append(s, &a, SIM_EPOCH_NS, &seq) == STORE_OK && seq == i);
    }
    fuzz_check(store_remove(s, 7, STORE_REMOVE, &removed) == STORE_OK && removed);
    fuzz_check(store_close(s, SIM_EPOCH_NS) == STORE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store_fuzz f;
    struct store *s;
    struct store_msg m;
    struct byte_buf file = {0};
    uint8_t sum[STORE_SUM_SIZE];
    store_fuzz_start(&f);
    f.o.block_size = 1000;
    fill(&f);
    struct hash_key key = hash_key_of(SLICE_LIT("ONE"));
    buf_bytes(&file, data, size);
    hash_sum(&key, buf_view(&file), sum);
    buf_bytes(&file, sum, sizeof sum);
    store_fuzz_put(&f, "index.db", buf_view(&file));
    buf_free(&file);
    fuzz_check(file_store_open(&f.o, &s) == STORE_OK);
    for (uint64_t seq = 1; seq <= MESSAGES; seq++) {
        char buf[32];
        if (store_load(s, seq, &m) == STORE_OK)
            fuzz_check(m.seq == seq && slice_eq(m.data, text_of(seq, buf)));
    }
    fuzz_check(store_close(s, SIM_EPOCH_NS) == STORE_OK);
    store_fuzz_stop(&f);
    return 0;
}
