/* What questions cost the file store, what they leave behind when the disk fails in their middle, and what an
 * index.db that says nonsense can not make it answer.
 *
 * The cost is counted in bytes read: the cache is so small that no block stays in it. */
#include "store_fixture.h"
#include "sim/sim_disk.h"
#include "store/file/fs.h"
#include "store/format/index_db.h"
#include "store/mem_store.h"

#define SUBJECTS 200
#define ROUNDS   5

struct rig {
    struct sched *sched;
    struct sim_disk *disk;
    struct fixture f;
    struct file_store_options o;
    struct store *s;
    char dir[128];
};

static void start(struct rig *r, struct store_limits limits)
{
    *r = (struct rig){.sched = sched_new(1)};
    r->disk = sim_disk_new(r->sched);
    sim_disk_mkdirs(r->disk, "/store");
    r->f = (struct fixture){.disk = sim_disk_base(r->disk), .dir = "/store"};
    struct storage_options so = {.disk = r->f.disk, .dir = r->f.dir};
    CU_ASSERT_EQUAL_FATAL(storage_open(&so, &r->f.storage), 0);
    r->f.host = (struct store_host){.disk = r->f.disk,
                                    .port = storage_port_new(r->f.storage, NULL, NULL),
                                    .cache = store_cache_new(1),
                                    .random = fixture_random};
    r->f.hooks = (struct store_hooks){.ctx = &r->f, .log = fixture_log};
    r->o = fixture_plain(&r->f, r->dir, sizeof r->dir);
    r->o.limits = limits;
    r->o.block_size = 500;
    r->s = fixture_open(&r->o);
}

static void stop(struct rig *r)
{
    fixture_close(r->s);
    storage_port_free(r->f.host.port);
    CU_ASSERT_EQUAL(storage_close(r->f.storage), 0);
    store_cache_free(r->f.host.cache);
    sim_disk_free(r->disk);
    sched_free(r->sched);
}

static void reopen(struct rig *r)
{
    fixture_close(r->s);
    r->s = fixture_open(&r->o);
}

static enum store_rc put(struct rig *r, unsigned subject, bool refuse)
{
    char name[16];
    snprintf(name, sizeof name, "s.%03u", subject);
    uint64_t seq;
    struct store_append a = {.ts = FIXTURE_NOW,
                             .subject = slice_str(name),
                             .data = SLICE_LIT("0123456789"),
                             .refuse_over_limit = refuse};
    return store_append(r->s, &a, FIXTURE_NOW, &seq);
}

/* Every subject once a round, in the same order. */
static void fill(struct rig *r, unsigned subjects, unsigned rounds)
{
    for (unsigned i = 0; i < subjects * rounds; i++)
        CU_ASSERT_EQUAL_FATAL(put(r, i % subjects, false), STORE_OK);
    CU_ASSERT_EQUAL(store_sync_now(r->s), STORE_OK);
}

static struct subject_entry *entry(struct rig *r, const char *subject)
{
    struct subject_entry *e = subject_index_find(fs_of(r->s)->subjects, slice_str(subject));
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    return e;
}

/* ---- what it costs ---- */

static bool count_subject(void *ctx, slice subject, const struct store_subject_state *s)
{
    (void)subject;
    *(uint64_t *)ctx += s->msgs;
    return true;
}

static bool count_range(void *ctx, uint64_t first, uint64_t last)
{
    *(uint64_t *)ctx += last - first + 1;
    return true;
}

/* The bytes read since then are not many times those of the blocks. */
static void check_cost(struct rig *r, uint64_t before)
{
    uint64_t total, live;
    store_utilization(r->s, &total, &live);
    CU_ASSERT_TRUE(sim_disk_counts(r->disk)->bytes_read - before <= 6 * total);
}

/* The first messages of all subjects have gone by a limit: where the next ones are is found in one pass. */
static void test_many_firsts(void)
{
    struct rig r;
    uint64_t msgs = 0, pending, before;
    start(&r, (struct store_limits){.max_msgs = (int64_t)SUBJECTS * (ROUNDS - 1)});
    fill(&r, SUBJECTS, ROUNDS);
    before = sim_disk_counts(r.disk)->bytes_read;
    CU_ASSERT_EQUAL(store_subjects(r.s, SLICE_EMPTY, count_subject, &msgs), STORE_OK);
    CU_ASSERT_EQUAL(msgs, (uint64_t)SUBJECTS * (ROUNDS - 1));
    check_cost(&r, before);
    const struct subject_entry *e = entry(&r, "s.007");
    CU_ASSERT(!e->first_bound && e->first == SUBJECTS + 8 && e->last == SUBJECTS * (ROUNDS - 1) + 8);
    reopen(&r); /* all ends are bounds */
    before = sim_disk_counts(r.disk)->bytes_read;
    CU_ASSERT_EQUAL(store_pending(r.s, STORE_ALL, SUBJECTS * (ROUNDS - 1) + 1, true, &pending), STORE_OK);
    CU_ASSERT_EQUAL(pending, SUBJECTS);
    check_cost(&r, before);
    stop(&r);
}

/* The last message of each subject as of a sequence in the past: one walk for all. */
static void test_lasts_in_the_past(void)
{
    struct rig r;
    slice filter = SLICE_LIT("s.*");
    uint64_t count = 0;
    start(&r, (struct store_limits){0});
    fill(&r, SUBJECTS, ROUNDS);
    uint64_t before = sim_disk_counts(r.disk)->bytes_read, past = SUBJECTS * 2 + SUBJECTS / 2;
    CU_ASSERT_EQUAL(store_last_seqs(r.s, (struct store_filter){&filter, 1}, past, 0, count_range, &count),
                    STORE_OK);
    CU_ASSERT_EQUAL(count, SUBJECTS);
    check_cost(&r, before);
    CU_ASSERT_EQUAL(store_last_seqs(r.s, STORE_ALL, UINT64_MAX, SUBJECTS, count_range, &count), STORE_OK);
    CU_ASSERT_EQUAL(count, 2 * SUBJECTS);
    CU_ASSERT_EQUAL(store_last_seqs(r.s, STORE_ALL, past, SUBJECTS - 1, count_range, &count), STORE_TOO_MANY);
    CU_ASSERT_EQUAL(count, 2 * SUBJECTS);
    stop(&r);
}

/* A limit of each subject that has become smaller is enforced in one pass. */
static void test_smaller_limit(void)
{
    struct rig r;
    start(&r, (struct store_limits){.max_per_subject = ROUNDS});
    fill(&r, SUBJECTS, ROUNDS);
    uint64_t before = sim_disk_counts(r.disk)->bytes_read, total, live;
    store_utilization(r.s, &total, &live);
    struct store_limits l = {.max_per_subject = 1};
    CU_ASSERT_EQUAL(store_update(r.s, &l, SLICE_EMPTY, FIXTURE_NOW), STORE_OK);
    CU_ASSERT_EQUAL(fixture_state(r.s).msgs, SUBJECTS);
    CU_ASSERT_EQUAL(fixture_state(r.s).first, SUBJECTS * (ROUNDS - 1) + 1);
    CU_ASSERT_EQUAL(fixture_state(r.s).num_subjects, SUBJECTS);
    CU_ASSERT_TRUE(sim_disk_counts(r.disk)->bytes_read - before <= 20 * total);
    stop(&r);
}

/* Who asks for the first or the last of one subject need not look for it a second time. */
static void test_found_ends_are_kept(void)
{
    struct rig r;
    struct store_msg m;
    slice name = SLICE_LIT("s.003");
    struct store_filter f = {&name, 1};
    start(&r, (struct store_limits){0});
    fill(&r, 20, 3);
    reopen(&r);
    CU_ASSERT(entry(&r, "s.003")->first_bound && entry(&r, "s.003")->last_bound);
    CU_ASSERT_EQUAL(store_prev(r.s, f, 30, &m, NULL), STORE_OK);
    CU_ASSERT(m.seq == 24 && entry(&r, "s.003")->last_bound); /* not its last */
    CU_ASSERT_EQUAL(store_next(r.s, f, 6, &m, NULL), STORE_OK);
    CU_ASSERT(m.seq == 24 && entry(&r, "s.003")->first_bound);
    CU_ASSERT_EQUAL(store_load_last(r.s, name, &m), STORE_OK);
    CU_ASSERT(m.seq == 44 && !entry(&r, "s.003")->last_bound && entry(&r, "s.003")->last == 44);
    CU_ASSERT_EQUAL(store_next(r.s, f, 0, &m, NULL), STORE_OK);
    CU_ASSERT(m.seq == 4 && !entry(&r, "s.003")->first_bound && entry(&r, "s.003")->first == 4);
    stop(&r);
}

/* Batches of a set that nothing matches, or only what is far away, do not read all that lies between. */
static void test_batches_jump(void)
{
    struct rig r;
    struct store_msg m[4];
    slice names[2] = {SLICE_LIT("s.*.x"), SLICE_LIT("t.>")};
    struct store_filter f = {names, 2};
    size_t n;
    uint64_t next = 1;
    start(&r, (struct store_limits){0});
    fill(&r, SUBJECTS, ROUNDS);
    uint64_t before = sim_disk_counts(r.disk)->bytes_read;
    CU_ASSERT_EQUAL(store_batch(r.s, f, 1, m, 4, &n, &next), STORE_EOF);
    CU_ASSERT(n == 0 && next == SUBJECTS * ROUNDS + 1);
    uint64_t seq;
    struct store_append a = {.ts = FIXTURE_NOW, .subject = SLICE_LIT("t.1")};
    CU_ASSERT_EQUAL(store_append(r.s, &a, FIXTURE_NOW, &seq), STORE_OK);
    CU_ASSERT_EQUAL(store_batch(r.s, f, 1, m, 4, &n, &next), STORE_OK);
    CU_ASSERT(n == 0 && next == seq);
    CU_ASSERT_EQUAL(store_batch(r.s, f, next, m, 4, &n, &next), STORE_OK);
    CU_ASSERT(n == 1 && m[0].seq == seq && next == seq + 1);
    CU_ASSERT_TRUE(sim_disk_counts(r.disk)->bytes_read - before <= 4 * 600); /* a few blocks */
    stop(&r);
}

/* ---- a disk that fails in the middle ---- */

/* A pass that ends with an error has not made up an answer, nor does a later question get one from it. */
static void test_error_in_the_middle(void)
{
    struct rig r;
    struct store_msg m;
    uint64_t msgs = 0, count = 7;
    slice wild = SLICE_LIT("s.*");
    start(&r, (struct store_limits){0});
    fill(&r, 40, 3);
    reopen(&r);
    sim_disk_fail(r.disk, (struct sim_disk_rule){.ops = SIM_OP(SIM_READ), .path = "*/7.blk", .error = -5});
    CU_ASSERT_EQUAL(store_subjects(r.s, wild, count_subject, &msgs), STORE_IO);
    CU_ASSERT_EQUAL(msgs, 0);
    CU_ASSERT_EQUAL(store_last_seqs(r.s, STORE_ALL, 0, 0, count_range, &msgs), STORE_IO);
    CU_ASSERT_EQUAL(store_last_seqs(r.s, STORE_ALL, 90, 0, count_range, &msgs), STORE_IO);
    CU_ASSERT_EQUAL(msgs, 0);
    CU_ASSERT_EQUAL(store_pending(r.s, (struct store_filter){&wild, 1}, 2, true, &count), STORE_IO);
    sim_disk_heal(r.disk);
    CU_ASSERT_EQUAL(store_load_last(r.s, SLICE_LIT("s.005"), &m), STORE_OK);
    CU_ASSERT_EQUAL(m.seq, 86);
    struct store_subject_state st;
    CU_ASSERT_EQUAL(store_subject_state(r.s, SLICE_LIT("s.005"), &st), STORE_OK);
    CU_ASSERT(st.msgs == 3 && st.first == 6 && st.last == 86);
    CU_ASSERT_EQUAL(store_subjects(r.s, wild, count_subject, &msgs), STORE_OK);
    CU_ASSERT_EQUAL(msgs, 120);
    stop(&r);
}

/* Whether a message may take the place of its subject's oldest can not be said while that can not be read. */
static void test_unread_oldest(void)
{
    struct rig r;
    start(&r, (struct store_limits){.max_per_subject = 2,
                                    .max_bytes = (int64_t)(80 * (30 + 5 + 10)),
                                    .discard = STORE_DISCARD_NEW});
    fill(&r, 40, 2);
    reopen(&r);
    CU_ASSERT_EQUAL(put(&r, 40, true), STORE_MAX_BYTES);
    sim_disk_fail(r.disk, (struct sim_disk_rule){.ops = SIM_OP(SIM_READ), .path = "*/1.blk", .error = -5});
    CU_ASSERT_EQUAL(put(&r, 0, true), STORE_IO);
    sim_disk_heal(r.disk);
    CU_ASSERT_EQUAL(fixture_state(r.s).last, 80);
    CU_ASSERT_EQUAL(put(&r, 0, true), STORE_OK);
    CU_ASSERT_EQUAL(fixture_state(r.s).msgs, 80);
    stop(&r);
}

/* ---- a long stream, most of it of one subject ---- */

#define LONG_LAST 5000

struct sparse {
    struct store *s;
    char subject[LONG_LAST + 1][8]; /* of each sequence; "": deleted */
};

static void fill_sparse(struct sparse *x)
{
    struct sched *chance = sched_new(7);
    for (uint64_t i = 1; i <= LONG_LAST; i++) {
        char *name = x->subject[i];
        bool gap = i > 2000 && i < 3400;
        strcpy(name, "b");
        if (i == 100 || i == LONG_LAST - 100)
            strcpy(name, "d.1");
        else if (!gap && sched_below(chance, 10) == 0)
            sprintf(name, "a.%u", (unsigned)sched_below(chance, 8));
        else if (!gap && sched_below(chance, 200) == 0)
            sprintf(name, "c.%u.x", (unsigned)sched_below(chance, 3));
        struct store_append a = {.ts = FIXTURE_NOW, .subject = slice_str(name)};
        uint64_t seq;
        CU_ASSERT_EQUAL(store_append(x->s, &a, FIXTURE_NOW, &seq), STORE_OK);
    }
    for (int i = 0; i < 1000; i++) {
        uint64_t seq = 1 + sched_below(chance, LONG_LAST - 200);
        bool removed;
        CU_ASSERT_EQUAL(store_remove(x->s, seq, STORE_REMOVE, &removed), STORE_OK);
        x->subject[seq][0] = 0;
    }
    sched_free(chance);
}

/* Count, next and previous match from one place, beside a look at every message. */
static void ask_sparse(const struct sparse *x, struct store_filter f, uint64_t from)
{
    uint64_t want = 0, next = 0, prev = 0, got;
    struct store_msg m;
    for (uint64_t i = 1; i <= LONG_LAST; i++) {
        if (!store_subject_matches_any(slice_str(x->subject[i]), f.subjects, f.count))
            continue;
        want += i >= from;
        next = i >= from && next == 0 ? i : next;
        prev = i <= from ? i : prev;
    }
    CU_ASSERT_EQUAL(store_pending(x->s, f, from, false, &got), STORE_OK);
    CU_ASSERT_EQUAL(got, want);
    CU_ASSERT_EQUAL(store_next(x->s, f, from, &m, NULL), next == 0 ? STORE_EOF : STORE_OK);
    CU_ASSERT(next == 0 || m.seq == next);
    CU_ASSERT_EQUAL(store_prev(x->s, f, from, &m, NULL), prev == 0 ? STORE_EOF : STORE_OK);
    CU_ASSERT(prev == 0 || m.seq == prev);
}

static void ask_all_sparse(const struct sparse *x)
{
    static const char *const filters[][3] = {
        {"a.*"}, {"a.3"},          {"d.*"},     {"c.>", "a.7"}, {"*.*", "a.2", "a.2"},
        {"*"},   {"c.*.x", "d.1"}, {"e.*", "e"}};
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        slice names[3];
        struct store_filter f = {names, 0};
        for (; f.count < 3 && filters[i][f.count] != NULL; f.count++)
            names[f.count] = slice_str(filters[i][f.count]);
        for (uint64_t from = 0; from <= LONG_LAST + 100; from += 67)
            ask_sparse(x, f, from);
    }
}

/* Where matches are rare and many messages lie on both sides, the subject index answers, in files and in
 * memory. covers: ST-201 ST-202 ST-208 */
static void test_sparse_matches(void)
{
    struct rig r;
    struct sparse *x = calloc(1, sizeof *x);
    start(&r, (struct store_limits){0});
    x->s = r.s;
    fill_sparse(x);
    ask_all_sparse(x);
    reopen(&r); /* all ends are bounds */
    x->s = r.s;
    ask_all_sparse(x);
    stop(&r);
    struct mem_store_options o = {.track_subjects = true, .hash_seed = "sparse"};
    memset(x, 0, sizeof *x);
    CU_ASSERT_EQUAL_FATAL(mem_store_new(&o, &x->s), STORE_OK);
    fill_sparse(x);
    ask_all_sparse(x);
    fixture_close(x->s);
    free(x);
}

/* ---- edges ---- */

/* From below the first is from the first, also where there is none: as the Go server says. covers: ST-204 */
static void test_filtered_state_of_an_emptied_stream(void)
{
    struct rig r;
    struct store_subject_state st;
    uint64_t purged;
    start(&r, (struct store_limits){0});
    CU_ASSERT_EQUAL(store_filtered_state(r.s, SLICE_EMPTY, 0, &st), STORE_OK);
    CU_ASSERT(st.msgs == 0 && st.first == 0 && st.last == 0);
    fill(&r, 3, 2);
    CU_ASSERT_EQUAL(store_purge(r.s, SLICE_EMPTY, 0, 0, &purged), STORE_OK);
    CU_ASSERT_EQUAL(store_filtered_state(r.s, SLICE_LIT("s.*"), 2, &st), STORE_OK);
    CU_ASSERT(st.msgs == 0 && st.first == 7 && st.last == 6);
    stop(&r);
}

/* A message without a subject matches everything and no pattern. */
static void test_no_subject(void)
{
    struct rig r;
    slice star = SLICE_LIT("*"), tail = SLICE_LIT(">");
    struct store_filter f = {&star, 1};
    struct store_append a = {.ts = FIXTURE_NOW};
    struct store_msg m;
    uint64_t seq, count, purged;
    start(&r, (struct store_limits){0});
    for (int i = 0; i < 12; i++) {
        a.subject = i % 3 == 0 ? SLICE_LIT("a") : i % 3 == 1 ? SLICE_EMPTY : SLICE_LIT("b.c");
        CU_ASSERT_EQUAL(store_append(r.s, &a, FIXTURE_NOW, &seq), STORE_OK);
    }
    for (uint64_t from = 1; from <= 12; from++) {
        CU_ASSERT_EQUAL(store_pending(r.s, f, from, false, &count), STORE_OK);
        CU_ASSERT_EQUAL(count, (12 - from) / 3 + (from % 3 == 1));
    }
    CU_ASSERT_EQUAL(store_next(r.s, f, 2, &m, NULL), STORE_OK);
    CU_ASSERT_EQUAL(m.seq, 4);
    CU_ASSERT_EQUAL(store_load_last(r.s, star, &m), STORE_OK);
    CU_ASSERT_EQUAL(m.seq, 10);
    CU_ASSERT_EQUAL(store_pending(r.s, (struct store_filter){&tail, 1}, 2, false, &count), STORE_OK);
    CU_ASSERT_EQUAL(count, 11);
    CU_ASSERT_EQUAL(store_purge(r.s, star, 0, 1, &purged), STORE_OK);
    CU_ASSERT(purged == 3 && fixture_state(r.s).msgs == 9 && fixture_state(r.s).num_subjects == 2);
    stop(&r);
}

/* ---- an index.db that says nonsense ---- */

enum nonsense { EMPTY_SUBJECT, DELETED_OUTSIDE, DELETED_FIRST, WRONG_FIRST, BACKWARDS, NONSENSE_COUNT };

/* Read what is there and write it again with one thing wrong, under a hash that holds. */
static void spoil_index(struct rig *r, enum nonsense what)
{
    char path[256];
    struct byte_buf file = {0}, out = {0};
    struct index_reader in;
    struct index_head h;
    struct index_subject s;
    struct index_block k[16];
    struct index_tail t;
    uint64_t blocks;
    snprintf(path, sizeof path, "%s/msgs/index.db", r->dir);
    CU_ASSERT_EQUAL_FATAL(files_read(r->f.disk, path, 1 << 20, &file), STORE_OK);
    slice plain = slice_make(file.ptr, file.len - STORE_SUM_SIZE);
    CU_ASSERT_EQUAL_FATAL(index_get_head(&in, plain, &h), INDEX_GOOD);
    uint64_t subjects = h.subjects;
    h.subjects += what == EMPTY_SUBJECT;
    h.first += what == WRONG_FIRST ? 3 : 0;
    index_put_head(&out, &h);
    for (uint64_t i = 0; i < subjects; i++) {
        CU_ASSERT_EQUAL_FATAL(index_get_subject(&in, &s), INDEX_GOOD);
        index_put_subject(&out, &s);
    }
    if (what == EMPTY_SUBJECT)
        index_put_subject(&out, &(struct index_subject){SLICE_LIT("nobody"), 0, 1, 1});
    CU_ASSERT_EQUAL_FATAL(index_get_block_count(&in, &blocks), INDEX_GOOD);
    CU_ASSERT_FATAL(blocks >= 3 && blocks < 16);
    index_put_block_count(&out, blocks);
    for (uint64_t i = 0; i < blocks; i++)
        CU_ASSERT_EQUAL_FATAL(index_get_block(&in, &k[i]), INDEX_GOOD);
    if (what == BACKWARDS) { /* sequences of the first two blocks are changed over */
        uint64_t first = k[0].first, last = k[0].last;
        k[0].first = k[1].first;
        k[0].last = k[1].last;
        k[1].first = first;
        k[1].last = last;
    } else if (what == DELETED_OUTSIDE || what == DELETED_FIRST) {
        seqset_insert(&k[1].deleted, what == DELETED_FIRST ? k[1].first : k[1].last + 5);
        h.msgs--;
    }
    for (uint64_t i = 0; i < blocks; i++) {
        index_put_block(&out, &k[i], h.first_ts);
        seqset_free(&k[i].deleted);
    }
    CU_ASSERT_EQUAL_FATAL(index_get_tail(&in, &t), INDEX_GOOD);
    index_put_tail(&out, &t);
    if (what == DELETED_OUTSIDE || what == DELETED_FIRST) { /* the totals are to fit */
        struct byte_buf head = {0};
        index_put_head(&head, &h);
        memcpy(out.ptr, head.ptr, head.len);
        buf_free(&head);
        uint8_t *at = memmem(out.ptr, out.len, "\5s.000\3", 7);
        CU_ASSERT_PTR_NOT_NULL_FATAL(at);
        at[6] = 2;
    }
    struct hash_key key = hash_key_of(SLICE_LIT("S"));
    uint8_t sum[STORE_SUM_SIZE];
    hash_sum(&key, buf_view(&out), sum);
    buf_bytes(&out, sum, sizeof sum);
    CU_ASSERT_EQUAL(files_write(r->f.disk, path, buf_view(&out), NULL), STORE_OK);
    buf_free(&file);
    buf_free(&out);
}

/* It is not believed, and the blocks are asked. covers: ST-171 */
static void test_nonsense_in_the_index(void)
{
    for (int what = 0; what < NONSENSE_COUNT; what++) {
        struct rig r;
        uint64_t msgs = 0;
        struct store_msg m;
        start(&r, (struct store_limits){0});
        fill(&r, 20, 3);
        struct store_state before = fixture_state(r.s);
        fixture_close(r.s);
        spoil_index(&r, (enum nonsense)what);
        r.s = fixture_open(&r.o);
        struct store_state after = fixture_state(r.s);
        CU_ASSERT_EQUAL(memcmp(&before, &after, sizeof after), 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(r.f.log, "Recovering stream state from index errored"));
        CU_ASSERT_EQUAL(store_subjects(r.s, SLICE_EMPTY, count_subject, &msgs), STORE_OK);
        CU_ASSERT_EQUAL(msgs, 60);
        for (uint64_t seq = 1; seq <= 60; seq++)
            CU_ASSERT_EQUAL(store_load(r.s, seq, &m), STORE_OK);
        stop(&r);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_many_firsts),           UNIT_TEST(test_lasts_in_the_past),
    UNIT_TEST(test_smaller_limit),         UNIT_TEST(test_found_ends_are_kept),
    UNIT_TEST(test_batches_jump),          UNIT_TEST(test_error_in_the_middle),
    UNIT_TEST(test_unread_oldest),         UNIT_TEST(test_filtered_state_of_an_emptied_stream),
    UNIT_TEST(test_sparse_matches),        UNIT_TEST(test_no_subject),
    UNIT_TEST(test_nonsense_in_the_index),
};
UNIT_MAIN("store query", tests)
