/* Any bytes as a block without an index.db: the store opens, and every message that it gives out stands in
 * the bytes with its checksum. */
#include "store_fuzz.h"
#include "store/format/envelope.h"
#include "store/format/hash.h"
#include "store/format/record.h"

/* The bytes stand in the block, but for one bit at most. */
static bool stands_in(const uint8_t *bytes, size_t len, slice block)
{
    for (size_t at = 0; at + len <= block.len; at++) {
        unsigned wrong = 0;
        for (size_t i = 0; i < len && wrong < 2; i++)
            wrong += (unsigned)__builtin_popcount(bytes[i] ^ block.ptr[at + i]);
        if (wrong < 2)
            return true;
    }
    return false;
}

/* The record without its length, which may have been put right, as may a bit of the rest. */
static void check_stands_in(const struct store_msg *m, slice block)
{
    struct hash_key key = hash_key_block(SLICE_LIT("ONE"), 1);
    size_t size = (size_t)record_size(m->subject.len, m->hdr.len, m->data.len);
    uint8_t *record = malloc(size);
    fuzz_check(record != NULL);
    fuzz_check(record_encode_message(record, &key, m->seq, m->ts, m->subject, m->hdr, m->data) == size);
    fuzz_check(stands_in(record + 4, size - 4, block));
    free(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store_fuzz f;
    struct store *s;
    struct store_state st;
    slice block = slice_make(data, size);
    store_fuzz_start(&f);
    store_fuzz_put(&f, "1.blk", block);
    fuzz_check(file_store_open(&f.o, &s) == STORE_OK);
    store_state(s, &st);
    fuzz_check(st.msgs <= size / RECORD_MIN || envelope_is(block));
    uint64_t from = 0, count = 0;
    struct store_msg m;
    while (store_next(s, STORE_ALL, from, &m, NULL) == STORE_OK) {
        fuzz_check(m.seq >= from && m.seq >= st.first && m.seq <= st.last);
        if (!envelope_is(block))
            check_stands_in(&m, block);
        from = m.seq + 1;
        count++;
    }
    fuzz_check(count == st.msgs);
    store_fuzz_goes_on(&f, s);
    store_fuzz_stop(&f);
    return 0;
}
