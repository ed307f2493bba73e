/* store_rig.h: a file store on a simulated disk of its own, for stories of what a crash, a failing call or
 * damage does to it.
 *
 * start, up, then work; die or down and up in between; stop at the end. Time is NOW throughout, and all
 * chance comes from the seed. A block takes three messages of `append`. */
#ifndef TESTS_STORE_RIG_H
#define TESTS_STORE_RIG_H

#include "unit.h"
#include "sim/sim_disk.h"
#include "store/file_store.h"

#define NOW   1795500000000000000LL
#define SEEDS 12 /* a power cut comes out differently under each */

/* One store on a disk of its own. Its storage runs when somebody waits, so that operations gather. */
struct rig {
    struct sched *sched;
    struct sim_disk *sim;
    struct disk *disk;
    struct storage *storage;
    struct store_host host;
    struct file_store_options o;
    struct store *s;
    int64_t msgs; /* the sum of what `changed` has reported */
    unsigned failures;
    enum store_rc last_failure;
    uint64_t durable_seq, lost_first, lost_last;
    unsigned losses; /* reported */
};

static inline void on_wake(void *ctx)
{
    (void)ctx;
}

static inline void on_help(void *ctx)
{
    storage_run(((struct rig *)ctx)->storage);
}

static inline void on_progress(void *ctx, struct store_progress p, enum store_rc rc)
{
    struct rig *r = ctx;
    r->durable_seq = p.durable_seq;
    if (rc != STORE_OK) {
        r->failures++;
        r->last_failure = rc;
    }
}

static inline void on_changed(void *ctx, int64_t msgs, int64_t bytes, uint64_t seq, slice subject)
{
    (void)bytes;
    (void)seq;
    (void)subject;
    ((struct rig *)ctx)->msgs += msgs;
}

static inline void on_lost(void *ctx, struct store_lost what)
{
    struct rig *r = ctx;
    r->lost_first = what.first;
    r->lost_last = what.last;
    r->losses++;
}

static inline enum store_rc try_up(struct rig *r)
{
    struct storage_options so = {
        .disk = r->disk, .dir = "/js", .journal_above = 1, .wake = on_wake, .wake_ctx = r, .help = on_help};
    r->s = NULL;
    r->storage = NULL;
    if (storage_open(&so, &r->storage) != 0)
        return STORE_IO;
    r->host = (struct store_host){.disk = r->disk,
                                  .port = storage_port_new(r->storage, NULL, NULL),
                                  .cache = store_cache_new(1 << 20),
                                  .random = sched_bytes,
                                  .random_ctx = r->sched};
    enum store_rc rc = file_store_open(&r->o, &r->s);
    r->s = rc == STORE_OK ? r->s : NULL;
    return rc;
}

static inline void up(struct rig *r)
{
    CU_ASSERT_EQUAL_FATAL(try_up(r), STORE_OK);
}

static inline void down(struct rig *r)
{
    if (r->storage == NULL)
        return;
    if (r->s != NULL)
        store_close(r->s, NOW);
    storage_port_free(r->host.port);
    storage_close(r->storage);
    store_cache_free(r->host.cache);
}

static inline void start(struct rig *r, uint64_t seed)
{
    *r = (struct rig){.sched = sched_new(seed)};
    r->sim = sim_disk_new(r->sched);
    r->disk = sim_disk_base(r->sim);
    sim_disk_mkdirs(r->sim, "/js");
    r->o = (struct file_store_options){
        .host = &r->host,
        .dir = "/js/S",
        .name = SLICE_LIT("S"),
        .meta = SLICE_LIT("{}"),
        .block_size = 300,
        .track_subjects = true,
        .now = NOW,
        .hooks = {.ctx = r, .progress = on_progress, .changed = on_changed, .lost = on_lost}};
}

static inline void stop(struct rig *r)
{
    down(r);
    sim_disk_free(r->sim);
    sched_free(r->sched);
}

/* The process or the power goes, and both come back. */
static inline void die(struct rig *r, bool power)
{
    if (!sim_disk_is_off(r->sim)) /* else the power has gone by itself */
        (power ? sim_disk_crash : sim_disk_kill)(r->sim);
    down(r);
    sim_disk_cut_at(r->sim, 0);
    sim_disk_start(r->sim);
    up(r);
}

/* A message of 100 bytes on disk, so that a block takes three. */
static inline enum store_rc append(struct rig *r, const char *subject)
{
    static const char data[69] = "";
    struct store_append a = {.ts = NOW, .subject = slice_str(subject), .data = slice_make(data, sizeof data)};
    uint64_t seq;
    return store_append(r->s, &a, NOW, &seq);
}

static inline void put(struct rig *r, const char *subjects)
{
    for (; *subjects != 0; subjects++) {
        char subject[] = {*subjects, 0};
        CU_ASSERT_EQUAL(append(r, subject), STORE_OK);
    }
}

static inline void drop(struct rig *r, uint64_t seq, enum store_remove_how how)
{
    bool removed;
    CU_ASSERT_EQUAL(store_remove(r->s, seq, how, &removed), STORE_OK);
    CU_ASSERT_TRUE(removed);
}

static inline bool has(struct rig *r, uint64_t seq)
{
    struct store_msg m;
    return store_load(r->s, seq, &m) == STORE_OK;
}

/* Exactly these sequences are there. */
static inline void check(struct rig *r, const uint64_t *seqs, size_t count)
{
    struct store_state st;
    store_state(r->s, &st);
    CU_ASSERT_EQUAL(st.msgs, count);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_TRUE(has(r, seqs[i]));
}
#define CHECK(r, ...)                                    \
    do {                                                 \
        static const uint64_t want_[] = {__VA_ARGS__};   \
        check(r, want_, sizeof want_ / sizeof want_[0]); \
    } while (0)

static inline bool exists(struct rig *r, const char *path)
{
    struct disk_stat st;
    return disk_stat(r->disk, path, &st) == 0;
}

/* However often blocks are tidied and the power goes: the next message gets the sequence `next`. */
static inline void check_next(struct rig *r, uint64_t next)
{
    struct store_state st;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 20; i++)
            CU_ASSERT_EQUAL(store_maintain(r->s, NOW), STORE_OK);
        CU_ASSERT_EQUAL(store_sync_now(r->s), STORE_OK);
        store_state(r->s, &st);
        CU_ASSERT_EQUAL(st.last + 1, next);
        die(r, true);
        store_state(r->s, &st);
        CU_ASSERT_EQUAL(st.last + 1, next);
    }
}

/* A second store: what both commit together goes through the journal. */
static inline struct store *open_other(struct rig *r)
{
    struct store *other;
    struct file_store_options o = r->o;
    o.dir = "/js/T";
    o.name = SLICE_LIT("T");
    o.hooks = (struct store_hooks){0};
    CU_ASSERT_EQUAL_FATAL(file_store_open(&o, &other), STORE_OK);
    return other;
}

/* A message in each that is safe in the journal alone. */
static inline void put_in_journal(struct rig *r, struct store *other, size_t data_len)
{
    static const uint8_t data[100];
    uint64_t seq;
    struct store_append a = {.ts = NOW, .subject = SLICE_LIT("a"), .data = slice_make(data, data_len)};
    CU_ASSERT_EQUAL(store_append(other, &a, NOW, &seq), STORE_OK);
    CU_ASSERT_EQUAL(store_commit(other), STORE_OK);
    CU_ASSERT_EQUAL(store_append(r->s, &a, NOW, &seq), STORE_OK);
    CU_ASSERT_EQUAL(store_sync_now(r->s), STORE_OK);
}

static inline struct store *journaled_pair(struct rig *r)
{
    struct store *other = open_other(r);
    put_in_journal(r, other, 69);
    return other;
}

#endif
