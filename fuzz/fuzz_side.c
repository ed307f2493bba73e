/* Any bytes as thw.db, sched.db and sources.db: the readers end, stay inside, a store with such a thw.db
 * opens and expires its messages all the same, and the tables believe of the others only what the store's
 * messages allow. */
#include "store_fuzz.h"
#include "store/schedule_table.h"
#include "store/source_table.h"

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

static void no_schedule(void *ctx, const struct store_msg *m, struct schedule_message *out)
{
    (void)m;
    (void)out;
    ++*(uint64_t *)ctx;
}

/* The store holds one message at most, "a", without a schedule and from no source. */
static void fill_tables(struct store *s, slice bytes)
{
    static const uint8_t seed[16] = {1};
    slice name = SLICE_LIT("A > >"), identity;
    uint64_t read = 0, from, seq, looked_at;
    int64_t next;
    enum side_fault fault;
    struct schedule_table *t = schedule_table_new(seed);
    struct source_table *sources = source_table_new(&name, 1);
    fuzz_check(t != NULL && sources != NULL);
    fuzz_check(schedule_table_recover(t, s, bytes, no_schedule, &read, &from, &fault) == STORE_OK);
    fuzz_check(read <= 1 && schedule_table_count(t) <= 1);
    fuzz_check(schedule_table_find(t, SLICE_LIT("a"), &seq, &next) == (schedule_table_count(t) == 1));
    fuzz_check(source_table_recover(sources, s, bytes, &looked_at, &fault) == STORE_OK);
    fuzz_check(looked_at <= 1 && source_table_find(sources, name, &seq, &identity));
    struct byte_buf again = {0};
    if (source_table_encode(sources, 1, &again)) {
        uint64_t was = seq;
        source_table_free(sources);
        sources = source_table_new(&name, 1);
        fuzz_check(source_table_recover(sources, s, buf_view(&again), &looked_at, &fault) == STORE_OK);
        fuzz_check(source_table_find(sources, name, &seq, &identity) && seq == was);
    }
    buf_free(&again);
    source_table_free(sources);
    schedule_table_free(t);
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
    fill_tables(s, bytes);
    store_state(s, &st);
    fuzz_check(st.last == 1 && st.msgs <= 1);
    fuzz_check(store_close(s, SIM_EPOCH_NS) == STORE_OK);
    store_fuzz_stop(&f);
    return 0;
}
