/* A consumer's state: what each delivery and acknowledgement makes of it, in memory and in files alike
 * (docs/spec/storage.md section 12). */
#include "store_fixture.h"
#include "store/consumer_store.h"
#include "store/format/hash.h"

#define GOLDEN "tests/golden/store/"
#define SECOND 1000000000LL

static const struct consumer_policy explicit_policy = {.ack = CONSUMER_ACK_EXPLICIT};

static char consumer_dir[128];

/* `kind` 0: in memory, 1: in files. */
static struct consumer_store *open_one(struct fixture *f, int kind, struct consumer_policy policy)
{
    char why[64];
    struct consumer_store *c;
    snprintf(consumer_dir, sizeof consumer_dir, "%s/S/obs/c", f->dir);
    struct consumer_store_options o = {.host = kind == 1 ? &f->host : NULL,
                                       .dir = consumer_dir,
                                       .stream = SLICE_LIT("S"),
                                       .name = SLICE_LIT("c"),
                                       .meta =
                                           SLICE_LIT("{\"Created\":\"2026-11-23T06:52:18Z\",\"Name\":\"c\"}"),
                                       .policy = policy};
    CU_ASSERT_EQUAL_FATAL(consumer_store_open(&o, &c, why), STORE_OK);
    return c;
}

static void close_one(struct consumer_store *c)
{
    CU_ASSERT_EQUAL(consumer_store_close(c, FIXTURE_NOW), STORE_OK);
}

static enum store_rc deliver(struct consumer_store *c, uint64_t dseq, uint64_t sseq, uint64_t count)
{
    struct consumer_delivery d = {dseq, sseq, count, FIXTURE_NOW + (int64_t)dseq * SECOND};
    return consumer_store_delivered(c, &d);
}

static void is_at(const struct consumer_store *c, uint64_t dc, uint64_t ds, uint64_t fc, uint64_t fs)
{
    const struct consumer_state *s = consumer_store_state(c);
    CU_ASSERT_EQUAL(s->delivered.consumer, dc);
    CU_ASSERT_EQUAL(s->delivered.stream, ds);
    CU_ASSERT_EQUAL(s->floor.consumer, fc);
    CU_ASSERT_EQUAL(s->floor.stream, fs);
}

static size_t pending(const struct consumer_store *c)
{
    return consumer_store_state(c)->pending.count;
}

/* covers: ST-134 ST-144 */
static void test_deliveries(void)
{
    for (int kind = 0; kind < 2; kind++) {
        struct fixture f;
        fixture_start(&f, NULL);
        struct consumer_policy p = {.ack = CONSUMER_ACK_EXPLICIT, .max_deliver = 2};
        struct consumer_store *c = open_one(&f, kind, p);
        CU_ASSERT_EQUAL(deliver(c, 1, 10, 1), STORE_OK);
        CU_ASSERT_EQUAL(deliver(c, 2, 12, 1), STORE_OK);
        is_at(c, 2, 12, 0, 0);
        CU_ASSERT_EQUAL(deliver(c, 3, 10, 2), STORE_OK); /* again: its consumer sequence stays the first */
        const struct consumer_state *s = consumer_store_state(c);
        CU_ASSERT_EQUAL(seqmap_get(&s->pending, 10)->a, 1);
        CU_ASSERT_EQUAL(seqmap_get(&s->pending, 10)->b, FIXTURE_NOW + 3 * SECOND);
        CU_ASSERT_EQUAL(seqmap_get(&s->redelivered, 10)->a, 1);
        is_at(c, 3, 12, 0, 0);
        CU_ASSERT_EQUAL(deliver(c, 4, 10, 3), STORE_OK); /* more often than it may be */
        CU_ASSERT_PTR_NULL(seqmap_get(&consumer_store_state(c)->pending, 10));
        CU_ASSERT_EQUAL(seqmap_get(&consumer_store_state(c)->redelivered, 10)->a, 2);
        close_one(c);
        fixture_stop(&f);
    }
}

/* covers: ST-135 ST-138 */
static void test_ack_explicit(void)
{
    for (int kind = 0; kind < 2; kind++) {
        struct fixture f;
        fixture_start(&f, NULL);
        struct consumer_store *c = open_one(&f, kind, explicit_policy);
        for (uint64_t i = 1; i <= 5; i++)
            CU_ASSERT_EQUAL(deliver(c, i, i * 2, 1), STORE_OK); /* stream sequences 2, 4, .. 10 */
        CU_ASSERT_EQUAL(deliver(c, 6, 4, 2), STORE_OK);
        CU_ASSERT_EQUAL(consumer_store_acked(c, 3, 6), STORE_OK); /* out of order: the floor waits */
        is_at(c, 6, 10, 0, 0);
        CU_ASSERT_EQUAL(consumer_store_acked(c, 1, 2), STORE_OK); /* up to just before the next pending one */
        is_at(c, 6, 10, 1, 3);
        CU_ASSERT_EQUAL(consumer_store_acked(c, 3, 6), STORE_NOT_FOUND); /* not pending any more */
        CU_ASSERT_STRING_EQUAL(store_rc_text(STORE_NOT_FOUND), "no message found");
        CU_ASSERT_EQUAL(consumer_store_acked(c, 1, 2), STORE_OK); /* below the floor: nothing happens */
        CU_ASSERT_EQUAL(consumer_store_acked(c, 6, 4), STORE_OK); /* by its second delivery */
        CU_ASSERT_EQUAL(consumer_store_state(c)->redelivered.count, 0);
        is_at(c, 6, 10, 3, 7);
        CU_ASSERT_EQUAL(consumer_store_acked(c, 5, 10), STORE_OK);
        CU_ASSERT_EQUAL(consumer_store_acked(c, 4, 8),
                        STORE_OK); /* nothing is pending: all that was delivered */
        is_at(c, 6, 10, 6, 10);
        CU_ASSERT_EQUAL(pending(c), 0);
        close_one(c);
        fixture_stop(&f);
    }
}

/* covers: ST-136 ST-137 */
static void test_other_policies(void)
{
    static const enum consumer_ack upto[] = {CONSUMER_ACK_ALL, CONSUMER_ACK_FLOW_CONTROL};
    for (int i = 0; i < 4; i++) {
        struct fixture f;
        fixture_start(&f, NULL);
        struct consumer_policy p = {.ack = upto[i % 2]};
        struct consumer_store *c = open_one(&f, i / 2, p);
        for (uint64_t k = 1; k <= 5; k++)
            CU_ASSERT_EQUAL(deliver(c, k, k * 2, 1), STORE_OK);
        CU_ASSERT_EQUAL(deliver(c, 6, 2, 2), STORE_OK);
        CU_ASSERT_EQUAL(consumer_store_acked(c, 3, 6), STORE_OK);
        is_at(c, 6, 10, 3, 6);
        CU_ASSERT_EQUAL(pending(c), 2);
        CU_ASSERT_EQUAL(consumer_store_state(c)->redelivered.count, 0);
        close_one(c);
        fixture_stop(&f);
        fixture_start(&f, NULL);
        p.ack = CONSUMER_ACK_NONE;
        c = open_one(&f, i / 2, p);
        CU_ASSERT_EQUAL(deliver(c, 1, 7, 1), STORE_OK);
        is_at(c, 1, 7, 1, 7);
        CU_ASSERT_EQUAL(deliver(c, 2, 7, 2), STORE_ACK_NONE);
        CU_ASSERT_EQUAL(consumer_store_acked(c, 1, 7), STORE_ACK_NONE);
        CU_ASSERT_STRING_EQUAL(store_rc_text(STORE_ACK_NONE), "ack policy is none");
        is_at(c, 1, 7, 1, 7);
        close_one(c);
        fixture_stop(&f);
    }
}

static enum store_rc update(struct consumer_store *c, uint64_t dc, uint64_t ds, uint64_t fc, uint64_t fs,
                            uint64_t pending_seq, bool force, char why[64])
{
    struct consumer_state s = {.delivered = {dc, ds}, .floor = {fc, fs}};
    if (pending_seq > 0)
        seqmap_put(&s.pending, pending_seq)->a = fc + 1;
    enum store_rc rc = consumer_store_update(c, &s, force, FIXTURE_NOW, why);
    consumer_state_free(&s);
    return rc;
}

/* covers: ST-139 ST-140 */
static void test_updates(void)
{
    for (int kind = 0; kind < 2; kind++) {
        struct fixture f;
        char why[64];
        fixture_start(&f, NULL);
        struct consumer_store *c = open_one(&f, kind, explicit_policy);
        CU_ASSERT_EQUAL(update(c, 5, 10, 2, 4, 7, false, why), STORE_OK);
        is_at(c, 5, 10, 2, 4);
        CU_ASSERT_EQUAL(pending(c), 1);
        CU_ASSERT_EQUAL(update(c, 1, 10, 2, 4, 0, false, why), STORE_INVALID);
        CU_ASSERT_STRING_EQUAL(why, "bad ack floor for consumer");
        CU_ASSERT_EQUAL(update(c, 5, 3, 2, 4, 0, false, why), STORE_INVALID);
        CU_ASSERT_STRING_EQUAL(why, "bad ack floor for stream");
        CU_ASSERT_EQUAL(update(c, 5, 10, 2, 4, 11, false, why), STORE_INVALID);
        CU_ASSERT_STRING_EQUAL(why, "bad pending entry, sequence [11] out of range");
        CU_ASSERT_EQUAL(update(c, 5, 10, 2, 4, 4, false, why), STORE_INVALID);
        CU_ASSERT_EQUAL(update(c, 4, 9, 2, 4, 0, false, why), STORE_OLD_UPDATE);
        CU_ASSERT_STRING_EQUAL(store_rc_text(STORE_OLD_UPDATE), "old update ignored");
        CU_ASSERT_EQUAL(update(c, 5, 10, 2, 3, 0, false, why), STORE_OLD_UPDATE);
        is_at(c, 5, 10, 2, 4);
        CU_ASSERT_EQUAL(update(c, 4, 9, 1, 2, 0, true, why), STORE_OK); /* forced: and on disk at once */
        is_at(c, 4, 9, 1, 2);
        if (kind == 1) {
            char copy[160];
            snprintf(copy, sizeof copy, "%s/o.dat", consumer_dir);
            size_t len = 0;
            char *bytes = json_read_file(copy, &len);
            struct consumer_state s = {0};
            char text[64];
            CU_ASSERT_EQUAL(consumer_state_decode(&s, slice_make(bytes, len), text, sizeof text), STORE_OK);
            CU_ASSERT_EQUAL(s.delivered.stream, 9);
            consumer_state_free(&s);
            free(bytes);
        }
        consumer_store_raise(c, 5); /* only upwards */
        is_at(c, 4, 9, 1, 2);
        consumer_store_raise(c, 20);
        is_at(c, 4, 20, 1, 2);
        CU_ASSERT_EQUAL(consumer_store_reset(c, 30, FIXTURE_NOW), STORE_OK);
        is_at(c, 0, 30, 0, 30);
        CU_ASSERT_EQUAL(pending(c), 0);
        close_one(c);
        fixture_stop(&f);
    }
}

/* covers: ST-141 */
static void test_reconciled(void)
{
    struct fixture f;
    char why[64];
    fixture_start(&f, NULL);
    struct consumer_store *c = open_one(&f, 1, explicit_policy);
    for (uint64_t i = 1; i <= 6; i++)
        CU_ASSERT_EQUAL(deliver(c, i, i, 1), STORE_OK);
    CU_ASSERT_EQUAL(deliver(c, 7, 6, 2), STORE_OK);
    CU_ASSERT_EQUAL(consumer_store_acked(c, 1, 1), STORE_OK);
    CU_ASSERT_FALSE(consumer_store_reconcile(c, 6));
    CU_ASSERT_TRUE(consumer_store_reconcile(c, 4)); /* a crash took 5 and 6 */
    const struct consumer_state *s = consumer_store_state(c);
    CU_ASSERT_EQUAL(s->pending.count, 3); /* 2, 3, 4 */
    CU_ASSERT_EQUAL(s->redelivered.count, 0);
    CU_ASSERT(s->delivered.stream <= 4);
    CU_ASSERT_EQUAL(update(c, 9, 20, 9, 20, 0, false, why), STORE_OK);
    CU_ASSERT_TRUE(consumer_store_reconcile(c, 4)); /* the floor, too */
    CU_ASSERT_EQUAL(consumer_store_state(c)->floor.stream, 4);
    close_one(c);
    fixture_stop(&f);
}

/* covers: ST-133 ST-132 ST-131 ST-128 */
static void test_when_it_is_written(void)
{
    struct fixture f;
    int64_t due;
    struct disk_stat st;
    char file[160];
    fixture_start(&f, NULL);
    struct consumer_store *c = open_one(&f, 1, explicit_policy);
    snprintf(file, sizeof file, "%s/o.dat", consumer_dir);
    CU_ASSERT_FALSE(consumer_store_has_state(c)); /* no o.dat: it starts by its policy */
    CU_ASSERT_EQUAL(consumer_store_reset(c, 4, FIXTURE_NOW), STORE_OK);
    size_t len = 0;
    char *bytes = json_read_file(file, &len); /* at once */
    static const uint8_t want[] = {22, 2, 0, 4, 0, 4, 0, 0};
    CU_ASSERT(slice_eq(slice_make(bytes, len), slice_make(want, sizeof want)));
    free(bytes);
    CU_ASSERT_EQUAL(deliver(c, 1, 5, 1), STORE_OK);
    CU_ASSERT_EQUAL(consumer_store_flush(c, FIXTURE_NOW + 10, &due), STORE_OK); /* not before 100 ms */
    CU_ASSERT_EQUAL(due, FIXTURE_NOW + CONSUMER_FLUSH_NS);
    CU_ASSERT_EQUAL(disk_stat(f.disk, file, &st), 0);
    CU_ASSERT_EQUAL(st.size, 8);
    CU_ASSERT_EQUAL(consumer_store_flush(c, FIXTURE_NOW + CONSUMER_FLUSH_NS, &due), STORE_OK);
    CU_ASSERT_EQUAL(due, STORE_TIME_NONE);
    CU_ASSERT_EQUAL(disk_stat(f.disk, file, &st), 0);
    CU_ASSERT(st.size > 8);
    CU_ASSERT_EQUAL(deliver(c, 2, 6, 1), STORE_OK);
    close_one(c); /* what is not written is written */
    c = open_one(&f, 1, explicit_policy);
    CU_ASSERT_TRUE(consumer_store_has_state(c));
    is_at(c, 2, 6, 0, 4);
    CU_ASSERT_EQUAL(pending(c), 2);
    int64_t t = seqmap_get(&consumer_store_state(c)->pending, 6)->b; /* to the second */
    CU_ASSERT_EQUAL(t % SECOND, 0);
    CU_ASSERT(t - (FIXTURE_NOW + 2 * SECOND) <= SECOND && FIXTURE_NOW + 2 * SECOND - t <= SECOND);
    close_one(c);
    fixture_stop(&f);
}

/* covers: ST-127 ST-129 ST-130 */
static void test_bytes(void)
{
    struct consumer_state s = {.delivered = {9, 20}, .floor = {5, 15}}, back = {0};
    char text[64];
    /* A redelivered one below the floor: the difference wraps, ten bytes long. */
    seqmap_put(&s.redelivered, 3)->a = 2;
    struct byte_buf b = {0};
    consumer_state_encode(&s, FIXTURE_NOW, &b);
    CU_ASSERT_EQUAL(b.len, 2 + 4 + 1 + 1 + 10 + 1);
    CU_ASSERT_EQUAL(consumer_state_decode(&back, buf_view(&b), text, sizeof text), STORE_OK);
    CU_ASSERT_EQUAL(seqmap_get(&back.redelivered, 3)->a, 2);
    consumer_state_free(&back);
    buf_free(&b);
    consumer_state_free(&s);

    /* Version 1: deliveries count from the floor, pending ones have no consumer sequence. */
    buf_u8(&b, 22);
    buf_u8(&b, 1);
    static const uint64_t head[] = {5, 15, 3, 4, 1};
    for (size_t i = 0; i < 5; i++)
        buf_uv(&b, head[i]);
    buf_sv(&b, 1000);
    buf_uv(&b, 2); /* 17 */
    buf_sv(&b, 7);
    buf_uv(&b, 0);
    CU_ASSERT_EQUAL(consumer_state_decode(&back, buf_view(&b), text, sizeof text), STORE_OK);
    CU_ASSERT_EQUAL(back.delivered.consumer, 3 + 5 - 1);
    CU_ASSERT_EQUAL(back.delivered.stream, 4 + 15 - 1);
    CU_ASSERT_EQUAL(seqmap_get(&back.pending, 17)->a, 0);
    CU_ASSERT_EQUAL(seqmap_get(&back.pending, 17)->b, 1007 * SECOND);
    consumer_state_free(&back);
    for (size_t cut = 1; cut + 1 < b.len; cut++)
        CU_ASSERT_EQUAL(consumer_state_decode(&back, slice_make(b.ptr, cut), text, sizeof text),
                        STORE_BAD_STATE);
    buf_free(&b);

    static const struct {
        uint8_t bytes[24];
        size_t len;
        const char *why;
    } bad[] = {
        {{21, 2, 0, 0, 0, 0, 0, 0}, 8, "corrupt state file"},
        {{22}, 1, "corrupt state file"},
        {{22, 9, 'j'}, 3, "unsupported version: 9"},
        {{22, 2, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 0, 0, 0, 0},
         17,
         "corrupt state file"},
        {{22, 2, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0}, 12, "corrupt state file"}, /* pending 0 */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CU_ASSERT_EQUAL(consumer_state_decode(&back, slice_make(bad[i].bytes, bad[i].len), text, sizeof text),
                        STORE_BAD_STATE);
        CU_ASSERT_STRING_EQUAL(text, bad[i].why);
    }
    CU_ASSERT_EQUAL(consumer_state_decode(&back, SLICE_EMPTY, text, sizeof text), STORE_OK);
    CU_ASSERT_EQUAL(back.delivered.stream, 0);
}

/* A file that cannot be read stays as it is. covers: ST-130 ST-22 */
static void test_bad_file_is_kept(void)
{
    struct fixture f;
    char why[64], cmd[300];
    fixture_start(&f, GOLDEN "crash-base/store/jetstream/$G/streams");
    snprintf(consumer_dir, sizeof consumer_dir, "%s/ONE/obs/dur", f.dir);
    struct consumer_store_options o = {.host = &f.host,
                                       .dir = consumer_dir,
                                       .stream = SLICE_LIT("ONE"),
                                       .name = SLICE_LIT("dur"),
                                       .policy = explicit_policy};
    struct consumer_store *c;
    fixture_shell("printf 0123456789abcdef > '%s/meta.sum'%s", consumer_dir, ""); /* may say anything */
    CU_ASSERT_EQUAL_FATAL(consumer_store_open(&o, &c, why), STORE_OK);
    is_at(c, 4, 4, 2, 2);
    close_one(c);
    fixture_shell("printf '\\026\\011junk' > '%s/o.dat'%s", consumer_dir, "");
    CU_ASSERT_EQUAL(consumer_store_open(&o, &c, why), STORE_BAD_STATE);
    CU_ASSERT_STRING_EQUAL(why, "unsupported version: 9");
    snprintf(cmd, sizeof cmd, "test \"$(wc -c < '%s/o.dat')\" = 6", consumer_dir);
    CU_ASSERT_EQUAL(system(cmd), 0);
    fixture_stop(&f);
}

/* What was written under the previous key and another cipher opens, and is under the new one from then on. */
static void test_previous_key(void)
{
    struct fixture f;
    char why[64];
    struct consumer_store *c;
    fixture_start(&f, NULL);
    snprintf(consumer_dir, sizeof consumer_dir, "%s/S/obs/c", f.dir);
    struct consumer_store_options o = {.host = &f.host,
                                       .dir = consumer_dir,
                                       .stream = SLICE_LIT("S"),
                                       .name = SLICE_LIT("c"),
                                       .meta = SLICE_LIT("{\"Name\":\"c\"}"),
                                       .policy = explicit_policy};
    for (uint64_t i = 0; i < 3; i++) {
        o.keys = fixture_rekeying(i);
        CU_ASSERT_EQUAL_FATAL(consumer_store_open(&o, &c, why), STORE_OK);
        is_at(c, i, 2 * i, 0, 0);
        CU_ASSERT_EQUAL(deliver(c, i + 1, 2 * (i + 1), 1), STORE_OK);
        close_one(c);
    }
    o.keys = fixture_rekeying(0);
    CU_ASSERT_EQUAL(consumer_store_open(&o, &c, why), STORE_WRONG_KEY);
    fixture_stop(&f);
}

/* covers: ST-142 ST-143 */
static void test_files(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    struct consumer_store *c = open_one(&f, 1, explicit_policy);
    char path[160];
    size_t len = 0;
    snprintf(path, sizeof path, "%s/meta.inf", consumer_dir);
    CU_ASSERT_EQUAL(consumer_store_write_meta(c, SLICE_LIT("{\"Name\":\"c\",\"max_deliver\":3}")), STORE_OK);
    char *meta = json_read_file(path, &len), want[17] = {0};
    CU_ASSERT_STRING_EQUAL(meta, "{\"Name\":\"c\",\"max_deliver\":3}");
    struct hash_key key = hash_key_consumer(SLICE_LIT("S"), SLICE_LIT("c"));
    hash_hex(&key, slice_make(meta, len), want);
    free(meta);
    snprintf(path, sizeof path, "%s/meta.sum", consumer_dir);
    meta = json_read_file(path, &len);
    CU_ASSERT_STRING_EQUAL(meta, want);
    free(meta);
    CU_ASSERT_EQUAL(consumer_store_destroy(c), STORE_OK);
    CU_ASSERT_NOT_EQUAL(access(consumer_dir, F_OK), 0);
    fixture_stop(&f);
}

/* The number whose splitmix64 finalizer is y: each step the other way round. */
static uint64_t unmix(uint64_t y)
{
    y ^= y >> 31 ^ y >> 62;
    y *= UINT64_C(0x319642b2d24d8ec3);
    y ^= y >> 27 ^ y >> 54;
    y *= UINT64_C(0x96de1b173f119089);
    return y ^ y >> 30 ^ y >> 60;
}

/* A restored state may have any sequences: none that can be chosen before all meet in one place of the table.
 */
static void test_chosen_sequences(void)
{
    struct seqmap m = {0};
    size_t run = 0, longest = 0;
    for (uint64_t i = 1; i <= 20000; i++)
        CU_ASSERT_PTR_NOT_NULL_FATAL(seqmap_put(&m, unmix(i << 32)));
    CU_ASSERT_EQUAL(m.count, 20000);
    for (size_t i = 0; i < m.cap; i++) {
        run = m.slots[i].key != 0 ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    CU_ASSERT(longest < 2000);
    struct seqmap copy;
    CU_ASSERT_TRUE(seqmap_copy(&copy, &m));
    for (uint64_t i = 1; i <= 20000; i++) {
        CU_ASSERT_PTR_NOT_NULL(seqmap_get(&copy, unmix(i << 32)));
        CU_ASSERT_TRUE(seqmap_remove(&m, unmix(i << 32)));
    }
    CU_ASSERT_EQUAL(m.count, 0);
    seqmap_free(&m);
    seqmap_free(&copy);
}

/* As the Go server reads it: a file that ends among the redelivered ones has those that are whole. */
static void test_cut_redelivered(void)
{
    static const uint8_t bytes[] = {22, 2, 0, 4, 3, 6, 0, 2, 1, 1, 2, 1};
    for (size_t len = 7; len <= sizeof bytes; len++) {
        struct consumer_state s = {0};
        char text[64];
        CU_ASSERT_EQUAL(consumer_state_decode(&s, slice_make(bytes, len), text, sizeof text), STORE_OK);
        CU_ASSERT_EQUAL(s.delivered.stream, 6);
        CU_ASSERT_EQUAL(s.redelivered.count, len < 10 ? 0 : len < sizeof bytes ? 1 : 2);
        consumer_state_free(&s);
    }
}

/* Without acknowledgements: a delivery that is known changes nothing. covers: ST-137 */
static void test_known_delivery(void)
{
    const struct consumer_policy none = {.ack = CONSUMER_ACK_NONE};
    struct consumer_state s = {0};
    struct consumer_delivery d = {2, 10, 1, FIXTURE_NOW}, replayed = {2, 12, 1, FIXTURE_NOW};
    CU_ASSERT_EQUAL(consumer_state_delivered(&s, &none, &d), STORE_OK);
    CU_ASSERT_EQUAL(consumer_state_delivered(&s, &none, &replayed), STORE_OK);
    CU_ASSERT_EQUAL(s.delivered.stream, 10);
    CU_ASSERT_EQUAL(s.floor.stream, 10);
    s.delivered.consumer = 5; /* of another policy before: only what moves takes the floor along */
    struct consumer_delivery next = {4, 14, 1, FIXTURE_NOW};
    CU_ASSERT_EQUAL(consumer_state_delivered(&s, &none, &next), STORE_OK);
    CU_ASSERT_EQUAL(s.delivered.consumer, 5);
    CU_ASSERT_EQUAL(s.floor.consumer, 2);
    CU_ASSERT_EQUAL(s.floor.stream, 14);
    consumer_state_free(&s);
}

/* Pending entries of a version 1 file have no consumer sequence: that of the acknowledgement counts, and the
 * floor stops behind it. covers: ST-129 */
static void test_acks_of_old_entries(void)
{
    struct consumer_state s = {.delivered = {9, 20}, .floor = {5, 15}};
    seqmap_put(&s.pending, 17);
    seqmap_put(&s.pending, 19);
    CU_ASSERT_EQUAL(consumer_state_acked(&s, &explicit_policy, 6, 17), STORE_OK);
    CU_ASSERT_EQUAL(s.floor.consumer, 6);
    CU_ASSERT_EQUAL(s.floor.stream, 17);
    consumer_state_free(&s);
    /* All that was delivered is below: the floor is where the acknowledgement was. */
    s = (struct consumer_state){.delivered = {6, 20}, .floor = {5, 15}};
    seqmap_put(&s.pending, 17)->a = 6;
    seqmap_put(&s.pending, 20)->a = 6;
    CU_ASSERT_EQUAL(consumer_state_acked(&s, &explicit_policy, 6, 17), STORE_OK);
    CU_ASSERT_EQUAL(s.floor.consumer, 6);
    CU_ASSERT_EQUAL(s.floor.stream, 17);
    consumer_state_free(&s);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_deliveries),     UNIT_TEST(test_ack_explicit),        UNIT_TEST(test_other_policies),
    UNIT_TEST(test_updates),        UNIT_TEST(test_reconciled),          UNIT_TEST(test_when_it_is_written),
    UNIT_TEST(test_bytes),          UNIT_TEST(test_bad_file_is_kept),    UNIT_TEST(test_files),
    UNIT_TEST(test_previous_key),   UNIT_TEST(test_chosen_sequences),    UNIT_TEST(test_cut_redelivered),
    UNIT_TEST(test_known_delivery), UNIT_TEST(test_acks_of_old_entries),
};

UNIT_MAIN("store consumer", tests)
