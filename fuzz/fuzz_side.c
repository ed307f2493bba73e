/* Any bytes as thw.db, sched.db and sources.db: the readers end, stay inside, and a store with such a thw.db
 * opens and expires its messages all the same. */
#include "store_fuzz.h"
#include "store/format/side_files.h"

static void read_all(slice bytes)
{
    struct side_reader r;
    int64_t at;
    uint64_t seq, entries = 0;
    slice subject;
    struct source_entry e;
    if (side_open(&r, bytes) == SIDE_GOOD) {
        while (side_get_ttl(&r, &at, &seq) == SIDE_GOOD)
            entries++;
    }
    if (side_open(&r, bytes) == SIDE_GOOD) {
        while (side_get_schedule(&r, &subject, &at, &seq) == SIDE_GOOD)
            entries++;
    }
    if (side_open(&r, bytes) == SIDE_GOOD) {
        while (side_get_source(&r, &e) == SIDE_GOOD)
            entries++;
    }
    fuzz_check(entries <= 3 * bytes.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store_fuzz f;
    struct store *s;
    struct store_state st;
    uint64_t seq;
    int64_t due;
    slice bytes = slice_make(data, size);
    read_all(bytes);
    store_fuzz_start(&f);
    f.o.limits.allow_ttl = true;
    fuzz_check(file_store_open(&f.o, &s) == STORE_OK);
    struct store_append a = {.ts = SIM_EPOCH_NS,
                             .ttl_s = 10,
                             .subject = SLICE_LIT("a"),
                             .hdr = SLICE_LIT("NATS/1.0\r\nNats-TTL: 10\r\n\r\n")};
    fuzz_check(store_append(s, &a, SIM_EPOCH_NS, &seq) == STORE_OK);
    fuzz_check(store_close(s, SIM_EPOCH_NS) == STORE_OK);
    store_fuzz_put(&f, "thw.db", bytes);
    fuzz_check(file_store_open(&f.o, &s) == STORE_OK);
    fuzz_check(store_expire(s, SIM_EPOCH_NS + INT64_C(11000000000), 100, &due) == STORE_OK);
    store_state(s, &st);
    fuzz_check(st.last == 1 && st.msgs <= 1);
    fuzz_check(store_close(s, SIM_EPOCH_NS) == STORE_OK);
    store_fuzz_stop(&f);
    return 0;
}
