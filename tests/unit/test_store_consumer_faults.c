/* What becomes of a consumer's files when the disk fails or the power goes, on the simulated disk. */
#include "unit.h"
#include "sim/sim_disk.h"
#include "store/consumer_store.h"
#include "store/files.h"
#include "store/meta_file.h"

#include <errno.h>
#include <stdlib.h>

#define NOW  1795500000000000000LL
#define DIR  "/js/S/obs/c"
#define MS   1000000LL
#define LAST 400 /* calls that any of the stories makes at most */

struct rig {
    struct sched *sched;
    struct sim_disk *sim;
    struct store_host host;
    struct consumer_store_options o;
    struct consumer_store *c;
};

static void start(struct rig *r, uint64_t seed, bool encrypted)
{
    *r = (struct rig){.sched = sched_new(seed)};
    r->sim = sim_disk_new(r->sched);
    sim_disk_mkdirs(r->sim, "/js/S/obs");
    r->host =
        (struct store_host){.disk = sim_disk_base(r->sim), .random = sched_bytes, .random_ctx = r->sched};
    r->o = (struct consumer_store_options){.host = &r->host,
                                           .dir = DIR,
                                           .stream = SLICE_LIT("S"),
                                           .name = SLICE_LIT("c"),
                                           .meta = SLICE_LIT("{\"Name\":\"c\"}"),
                                           .policy = {.ack = CONSUMER_ACK_EXPLICIT},
                                           .sync = true};
    if (encrypted)
        r->o.keys = (struct store_keys){.key = SLICE_LIT("k"), .info = SLICE_LIT("$G")};
}

static void stop(struct rig *r)
{
    sim_disk_free(r->sim);
    sched_free(r->sched);
}

static enum store_rc open_it(struct rig *r)
{
    char why[64];
    enum store_rc rc = consumer_store_open(&r->o, &r->c, why);
    r->c = rc == STORE_OK ? r->c : NULL;
    return rc;
}

static enum store_rc deliver(struct rig *r, uint64_t seq)
{
    struct consumer_delivery d = {seq, seq, 1, NOW};
    return consumer_store_delivered(r->c, &d);
}

static uint64_t delivered(const struct rig *r)
{
    return consumer_store_state(r->c)->delivered.stream;
}

/* The document as the next start reads it; its length, 0 when it cannot. */
static size_t meta_len(struct rig *r)
{
    struct meta_file m;
    struct hash_key sum = hash_key_consumer(r->o.stream, r->o.name);
    enum meta_fault fault = meta_read(r->host.disk, DIR, &sum, true, &r->o.keys, SLICE_LIT("S.c"), &m);
    size_t len = fault == META_GOOD ? m.json.len : 0;
    meta_free(&m);
    return len;
}

static bool exists(struct rig *r, const char *path)
{
    struct disk_stat st;
    return disk_stat(r->host.disk, path, &st) == 0;
}

#define OLD_META SLICE_LIT("{\"Name\":\"c\"}")
#define NEW_META SLICE_LIT("{\"Name\":\"c\",\"max_deliver\":3}")

/* A life of a consumer, as far as the disk lets it: how far it came. */
struct life {
    bool opened;         /* and its starting position written */
    uint64_t flushed;    /* delivered and told to be on disk */
    uint64_t handed;     /* delivered at all */
    bool updated, tried; /* the new configuration: told, tried */
    bool removed, leaving;
};

static enum store_rc live(struct rig *r, struct life *l)
{
    *l = (struct life){0};
    enum store_rc rc = open_it(r);
    if (rc == STORE_OK)
        rc = consumer_store_reset(r->c, 1, NOW);
    l->opened = rc == STORE_OK;
    l->handed = l->flushed = l->opened ? 1 : 0;
    for (uint64_t seq = 2; rc == STORE_OK && seq < 4; seq++) {
        rc = deliver(r, seq);
        l->handed = seq;
        if (rc == STORE_OK)
            rc = consumer_store_flush(r->c, NOW + (int64_t)seq * 200 * MS, NULL);
        l->flushed = rc == STORE_OK ? seq : l->flushed;
    }
    if (rc == STORE_OK) {
        l->tried = true;
        rc = consumer_store_write_meta(r->c, NEW_META);
        l->updated = rc == STORE_OK;
    }
    if (rc == STORE_OK) {
        l->leaving = true;
        rc = consumer_store_destroy(r->c);
        r->c = NULL;
        l->removed = rc == STORE_OK;
    }
    return rc;
}

/* What the next start finds fits how far it came. */
static void check_found(struct rig *r, const struct life *l)
{
    bool there = exists(r, DIR) && meta_len(r) > 0;
    if (l->removed)
        CU_ASSERT_FALSE(there);
    if (l->opened && !l->leaving)
        CU_ASSERT_TRUE(there);
    if (!there)
        return;
    size_t len = meta_len(r);
    if (l->updated)
        CU_ASSERT_EQUAL(len, NEW_META.len);
    if (!l->tried)
        CU_ASSERT_EQUAL(len, OLD_META.len);
    CU_ASSERT(len == NEW_META.len || len == OLD_META.len);
    CU_ASSERT_EQUAL_FATAL(open_it(r), STORE_OK);
    CU_ASSERT(delivered(r) >= l->flushed && delivered(r) <= l->handed + !l->opened);
    CU_ASSERT_EQUAL(consumer_store_close(r->c, NOW), STORE_OK);
    r->c = NULL;
}

static void leave(struct rig *r)
{
    if (r->c != NULL)
        (void)consumer_store_close(r->c, NOW);
    r->c = NULL;
}

/* Each call fails in turn, once or from then on; then the process ends or the power goes. */
static void test_each_call_fails(void)
{
    static const int errors[] = {-EIO, -ENOSPC};
    for (uint64_t how = 0; how < 8; how++) {
        uint64_t n = 0;
        for (bool failed = true; failed && n < LAST; n++) {
            struct rig r;
            struct life l;
            start(&r, n, how & 4);
            sim_disk_fail(r.sim,
                          (struct sim_disk_rule){
                              .ops = SIM_ALL_OPS, .after = n, .times = how & 1, .error = errors[how & 1]});
            enum store_rc rc = live(&r, &l);
            failed = sim_disk_counts(r.sim)->faults > 0;
            CU_ASSERT(failed || rc == STORE_OK);
            leave(&r);
            sim_disk_heal(r.sim);
            if (how & 2) {
                sim_disk_crash(r.sim);
                sim_disk_start(r.sim);
            }
            check_found(&r, &l);
            stop(&r);
        }
        CU_ASSERT(n > 30 && n < LAST);
    }
}

static void test_power_goes_in_each_call(void)
{
    for (uint64_t how = 0; how < 6; how++) {
        bool cut = true;
        for (uint64_t n = 1; cut && n < LAST; n++) {
            struct rig r;
            struct life l;
            start(&r, n * 6 + how, how & 1);
            sim_disk_cut_at(r.sim, n);
            enum store_rc rc = live(&r, &l);
            cut = sim_disk_is_off(r.sim);
            CU_ASSERT(cut || rc == STORE_OK);
            leave(&r);
            if (!cut)
                sim_disk_crash(r.sim);
            sim_disk_cut_at(r.sim, 0);
            sim_disk_start(r.sim);
            check_found(&r, &l);
            stop(&r);
        }
    }
}

/* An update that was not moved into place is, before the next one is written over it. */
static void test_update_after_a_failed_move(void)
{
    for (uint64_t n = 1; n < 40; n++) {
        struct rig r;
        start(&r, n, false);
        CU_ASSERT_EQUAL_FATAL(open_it(&r), STORE_OK);
        sim_disk_fail(r.sim, (struct sim_disk_rule){
                                 .ops = SIM_OP(SIM_RENAME), .path = "*/meta.inf.new", .error = -EIO});
        CU_ASSERT_EQUAL(consumer_store_write_meta(r.c, NEW_META), STORE_IO);
        sim_disk_heal(r.sim);
        sim_disk_cut_at(r.sim, n);
        (void)consumer_store_write_meta(r.c, SLICE_LIT("{\"Name\":\"c\",\"max_deliver\":12345}"));
        bool cut = sim_disk_is_off(r.sim);
        leave(&r);
        if (!cut)
            sim_disk_crash(r.sim);
        sim_disk_cut_at(r.sim, 0);
        sim_disk_start(r.sim);
        CU_ASSERT_NOT_EQUAL(meta_len(&r), 0);
        stop(&r);
    }
}

/* A disk that fails is tried again every 100 ms, not at each call; a clock that was set back does not stop
 * it. covers: ST-133 */
static void test_when_it_is_tried_again(void)
{
    struct rig r;
    int64_t due;
    start(&r, 1, false);
    CU_ASSERT_EQUAL_FATAL(open_it(&r), STORE_OK);
    CU_ASSERT_EQUAL(deliver(&r, 1), STORE_OK);
    sim_disk_fail(r.sim, (struct sim_disk_rule){.ops = SIM_OP(SIM_WRITE), .error = -EIO});
    CU_ASSERT_EQUAL(consumer_store_flush(r.c, NOW, &due), STORE_IO);
    CU_ASSERT_EQUAL(due, NOW + 100 * MS);
    CU_ASSERT_EQUAL(consumer_store_flush(r.c, NOW + MS, &due), STORE_OK);
    CU_ASSERT_EQUAL(consumer_store_flush(r.c, NOW + 100 * MS, &due), STORE_IO);
    CU_ASSERT_EQUAL(due, NOW + 200 * MS);
    CU_ASSERT_EQUAL(sim_disk_counts(r.sim)->faults, 2);
    sim_disk_heal(r.sim);
    CU_ASSERT_EQUAL(consumer_store_flush(r.c, NOW - 3600000 * MS, &due), STORE_OK);
    CU_ASSERT_EQUAL(due, NOW - 3600000 * MS + 100 * MS);
    CU_ASSERT_EQUAL(consumer_store_flush(r.c, due, &due), STORE_OK);
    CU_ASSERT_EQUAL(due, STORE_TIME_NONE);
    leave(&r);
    stop(&r);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_each_call_fails),
    UNIT_TEST(test_power_goes_in_each_call),
    UNIT_TEST(test_update_after_a_failed_move),
    UNIT_TEST(test_when_it_is_tried_again),
};

UNIT_MAIN("store consumer faults", tests)
