/* The memory store where it differs from files, or where the model test does not look: sizes, markers, hooks,
 * wide gaps.
 * covers: ST-122 ST-182 ST-187 ST-190 ST-213 */
#include "unit.h"
#include "store/mem_store.h"
#include "store/mem/mem.h"

#include <stdlib.h>

#define SECOND INT64_C(1000000000)
#define NOW    INT64_C(1767225600000000000)

struct seen {
    int64_t msgs, bytes;
    uint64_t reports, last_seq, progress;
    char last_subject[32];
    uint64_t expired[8];
    bool last_of_subject[8];
    enum store_expire_why why[8];
    size_t expired_count;
};

static void on_changed(void *ctx, int64_t msgs, int64_t bytes, uint64_t seq, slice subject)
{
    struct seen *s = ctx;
    s->msgs += msgs;
    s->bytes += bytes;
    s->reports++;
    s->last_seq = seq;
    snprintf(s->last_subject, sizeof s->last_subject, "%.*s", (int)subject.len, (const char *)subject.ptr);
}

static void on_progress(void *ctx, struct store_progress p, enum store_rc rc)
{
    CU_ASSERT(rc == STORE_OK && p.durable == p.written);
    ((struct seen *)ctx)->progress++;
}

static void on_expired(void *ctx, const struct store_msg *m, enum store_expire_why why, bool last_of_subject)
{
    struct seen *s = ctx;
    CU_ASSERT_FATAL(s->expired_count < 8);
    s->expired[s->expired_count] = m->seq;
    s->why[s->expired_count] = why;
    s->last_of_subject[s->expired_count++] = last_of_subject;
}

static struct store *open_store(struct seen *seen, struct mem_store_options o)
{
    struct store *s = NULL;
    *seen = (struct seen){0};
    o.track_subjects = true;
    o.hooks = (struct store_hooks){
        .ctx = seen, .changed = on_changed, .progress = on_progress, .expired = on_expired};
    CU_ASSERT_EQUAL_FATAL(mem_store_new(&o, &s), STORE_OK);
    return s;
}

static uint64_t add(struct store *s, const char *subject, const char *hdr, const char *data, int64_t ts,
                    int64_t ttl)
{
    uint64_t seq = 0;
    struct store_append a = {.ts = ts,
                             .ttl_s = ttl,
                             .subject = slice_str(subject),
                             .hdr = slice_str(hdr),
                             .data = slice_str(data)};
    CU_ASSERT_EQUAL(store_append(s, &a, ts, &seq), STORE_OK);
    return seq;
}

static bool count_range(void *ctx, uint64_t first, uint64_t last)
{
    *(uint64_t *)ctx += last - first + 1;
    return true;
}

/* Five messages "x0".. on a seven byte subject are 125 bytes here and 185 in files of a five byte one. */
static void test_sizes(void)
{
    struct seen seen;
    struct store *s = open_store(&seen, (struct mem_store_options){0});
    struct store_state st;
    store_state(s, &st);
    CU_ASSERT(st.first == 0 && st.last == 0 && st.num_deleted == 0 && st.first_ts == STORE_TIME_NONE);
    uint64_t deleted = 0;
    CU_ASSERT(store_deleted(s, count_range, &deleted) == STORE_OK && deleted == 0);
    for (int i = 0; i < 5; i++)
        add(s, "seven.7", "", "x0", NOW, 0);
    store_state(s, &st);
    CU_ASSERT(st.msgs == 5 && st.bytes == 125 && seen.bytes == 125 && seen.last_seq == 5);
    CU_ASSERT_STRING_EQUAL(seen.last_subject, "seven.7");
    uint64_t total, live;
    store_utilization(s, &total, &live);
    CU_ASSERT(total == 125 && live == 125);
    CU_ASSERT(store_commit(s) == STORE_OK && store_commit(s) == STORE_OK && seen.progress == 1);
    struct store_progress p;
    store_progress(s, &p);
    CU_ASSERT(p.written == p.durable && p.durable_seq == 5);
    CU_ASSERT_EQUAL(store_destroy(s), STORE_OK);
    CU_ASSERT(seen.msgs == 0 && seen.bytes == 0);
}

static void test_remove(void)
{
    struct seen seen;
    struct store *s = open_store(&seen, (struct mem_store_options){.first_seq = 1000});
    struct store_state st;
    store_state(s, &st);
    CU_ASSERT(st.first == 1000 && st.last == 999);
    CU_ASSERT_EQUAL(add(s, "a", "", "one", NOW, 0), 1000);
    add(s, "b", "", "two", NOW + 1, 0);
    bool removed;
    CU_ASSERT(store_remove(s, 1001, STORE_REMOVE_ERASE, &removed) == STORE_OK && removed);
    CU_ASSERT(store_remove(s, 1001, STORE_REMOVE, &removed) == STORE_OK && !removed);
    CU_ASSERT(store_remove(s, 0, STORE_REMOVE, &removed) == STORE_OK && !removed);
    CU_ASSERT(store_remove(s, 5000, STORE_REMOVE, &removed) == STORE_OK && !removed);
    struct store_msg m;
    CU_ASSERT_EQUAL(store_load_last(s, SLICE_EMPTY, &m), STORE_NOT_FOUND);
    CU_ASSERT_EQUAL(store_repair(s, &(struct store_msg){.seq = 1001}), STORE_INVALID);
    struct store_subject_state fs;
    CU_ASSERT_EQUAL(store_filtered_state(s, SLICE_EMPTY, 1002, &fs), STORE_OK);
    CU_ASSERT(fs.msgs == 0 && fs.first == 0 && fs.last == 0);
    CU_ASSERT_EQUAL(store_truncate(s, 1002, NOW), STORE_INVALID);
    CU_ASSERT_EQUAL(store_truncate(s, 1000, NOW), STORE_OK);
    store_state(s, &st);
    CU_ASSERT(st.last == 1000 && st.last_ts == NOW);
    /* one message that goes is reported by name, several are not */
    uint64_t purged, reports = seen.reports;
    CU_ASSERT(store_purge(s, SLICE_LIT("a"), 0, 0, &purged) == STORE_OK && purged == 1);
    CU_ASSERT(seen.reports == reports + 1 && seen.last_seq == 1000 && strcmp(seen.last_subject, "a") == 0);
    add(s, "a", "", "", NOW, 0);
    add(s, "a", "", "", NOW, 0);
    CU_ASSERT(store_purge(s, SLICE_LIT("a"), 0, 0, &purged) == STORE_OK && purged == 2);
    CU_ASSERT(seen.last_seq == 0 && seen.last_subject[0] == 0 && seen.msgs == 0 && seen.bytes == 0);
    store_close(s, NOW);
}

/* A gap costs nothing, however wide. */
static void test_gaps(void)
{
    struct seen seen;
    struct store *s = open_store(&seen, (struct mem_store_options){0});
    add(s, "a", "", "x", NOW, 0);
    CU_ASSERT_EQUAL(store_skip(s, 0, UINT64_C(1) << 61, NOW), STORE_OK);
    uint64_t last = add(s, "a", "", "y", NOW, 0), count, deleted = 0;
    CU_ASSERT_EQUAL(last, (UINT64_C(1) << 61) + 2);
    CU_ASSERT_EQUAL(store_skip(s, 0, UINT64_C(1) << 61, NOW), STORE_INVALID);
    struct store_msg m;
    CU_ASSERT(store_next(s, STORE_ALL, 2, &m, NULL) == STORE_OK && m.seq == last);
    CU_ASSERT(store_prev(s, STORE_ALL, last - 1, &m, NULL) == STORE_OK && m.seq == 1);
    CU_ASSERT(store_pending(s, STORE_ALL, 2, false, &count) == STORE_OK && count == 1);
    CU_ASSERT(store_deleted(s, count_range, &deleted) == STORE_OK && deleted == UINT64_C(1) << 61);
    uint8_t *buf;
    size_t len;
    CU_ASSERT_EQUAL(store_encode_state(s, 0, &buf, &len), STORE_OK);
    CU_ASSERT(len < 100);
    free(buf);
    CU_ASSERT_EQUAL(store_sync_deletes(s, SLICE_LIT("\x21\x02\xff\xff\xff\xff\xff\xff\xff\x1f")), STORE_OK);
    store_close(s, NOW);
}

/* With subject delete markers what expires is handed up, again after two seconds, and not removed. */
static void test_markers(void)
{
    struct seen seen;
    struct mem_store_options o = {
        .limits = {.allow_ttl = true, .max_age_ns = 100 * SECOND, .marker_ttl_ns = SECOND}};
    struct store *s = open_store(&seen, o);
    int64_t due;
    add(s, "a", "", "1", NOW, 0);
    add(s, "b", "NATS/1.0\r\nNats-TTL: 10\r\n\r\n", "2", NOW + SECOND, 10);
    add(s, "a", "NATS/1.0\r\nNats-TTL: never\r\n\r\n", "3", NOW + 2 * SECOND, STORE_TTL_NEVER);
    CU_ASSERT_EQUAL(store_expire(s, NOW + 5 * SECOND, 100, &due), STORE_OK);
    CU_ASSERT(seen.expired_count == 0 && due == NOW + 11 * SECOND);
    CU_ASSERT_EQUAL(store_expire(s, NOW + 11 * SECOND, 100, &due), STORE_OK);
    CU_ASSERT(seen.expired_count == 1 && seen.expired[0] == 2 && seen.last_of_subject[0]);
    CU_ASSERT(seen.why[0] == STORE_EXPIRED_TTL && due == NOW + 13 * SECOND);
    CU_ASSERT_EQUAL(store_expire(s, NOW + 12 * SECOND, 100, &due), STORE_OK);
    CU_ASSERT_EQUAL(seen.expired_count, 1);
    CU_ASSERT_EQUAL(store_expire(s, NOW + 13 * SECOND, 100, &due), STORE_OK);
    CU_ASSERT_EQUAL(seen.expired_count, 2);
    bool removed;
    store_remove(s, 2, STORE_REMOVE, &removed);
    seen.expired_count = 0;
    CU_ASSERT_EQUAL(store_expire(s, NOW + 200 * SECOND, 100, &due), STORE_OK);
    CU_ASSERT(seen.expired_count == 1 && seen.expired[0] == 1 && !seen.last_of_subject[0]);
    CU_ASSERT(seen.why[0] == STORE_EXPIRED_AGE && seen.msgs == 2);
    CU_ASSERT_EQUAL(store_expire(s, NOW + 201 * SECOND, 100, &due), STORE_OK); /* asked too early */
    CU_ASSERT(seen.expired_count == 1 && due == NOW + 202 * SECOND);
    CU_ASSERT_EQUAL(store_expire(s, due, 100, &due), STORE_OK);
    CU_ASSERT_EQUAL(seen.expired_count, 2);
    store_close(s, NOW);
}

/* A call removes no more than it may, and says that there is more to do. */
static void test_expire_bounded(void)
{
    struct seen seen;
    struct store *s = open_store(&seen, (struct mem_store_options){.limits = {.max_age_ns = SECOND}});
    int64_t due;
    for (int i = 0; i < 10; i++)
        add(s, "a", "", "", NOW, 0);
    CU_ASSERT_EQUAL(store_expire(s, NOW + 2 * SECOND, 4, &due), STORE_OK);
    CU_ASSERT(seen.msgs == 6 && due == NOW + 2 * SECOND + SECOND / 4);
    CU_ASSERT_EQUAL(store_expire(s, NOW + 2 * SECOND, 100, &due), STORE_OK);
    CU_ASSERT(seen.msgs == 0 && due == STORE_TIME_NONE);
    store_close(s, NOW);
}

/* Many messages on few subjects among many others: the walks that ask the subject index. */
static void test_sparse(void)
{
    struct seen seen;
    struct store *s = open_store(&seen, (struct mem_store_options){0});
    char subject[32];
    for (int i = 1; i <= 20000; i++) {
        snprintf(subject, sizeof subject, i % 5000 == 0 ? "rare.%d" : "noise.%d", i % 100);
        add(s, subject, "", "", NOW + i, 0);
    }
    slice rare = SLICE_LIT("rare.*"), one = SLICE_LIT("rare.0");
    struct store_filter set = {&rare, 1}, literal = {&one, 1};
    struct store_msg m;
    uint64_t count;
    CU_ASSERT(store_next(s, set, 5001, &m, NULL) == STORE_OK && m.seq == 10000);
    CU_ASSERT(store_next(s, literal, 10001, &m, NULL) == STORE_OK && m.seq == 15000);
    CU_ASSERT(store_prev(s, set, 14999, &m, NULL) == STORE_OK && m.seq == 10000);
    CU_ASSERT(store_prev(s, literal, 9999, &m, NULL) == STORE_OK && m.seq == 5000);
    CU_ASSERT_EQUAL(store_prev(s, literal, 4999, &m, NULL), STORE_EOF);
    CU_ASSERT(store_pending(s, set, 5001, false, &count) == STORE_OK && count == 3);
    CU_ASSERT(store_pending(s, literal, 15001, false, &count) == STORE_OK && count == 1);
    uint64_t seq;
    CU_ASSERT(store_seq_from_time(s, NOW + 12345, &seq) == STORE_OK && seq == 12345);
    CU_ASSERT(store_seq_from_time(s, NOW + 20001, &seq) == STORE_OK && seq == 20001);
    struct store_msg out[4];
    size_t n;
    uint64_t next = 1, found = 0;
    while (store_batch(s, set, next, out, 4, &n, &next) == STORE_OK)
        found += n;
    CU_ASSERT_EQUAL(found, 4);
    store_close(s, NOW);
}

/* No sequence is beyond what a file could hold, and a refused call changes nothing. */
static void test_highest_sequence(void)
{
    struct seen seen;
    struct store *s;
    struct store_state st;
    uint64_t purged;
    struct mem_store_options beyond = {.first_seq = STORE_SEQUENCE_MAX + 2};
    CU_ASSERT_EQUAL(mem_store_new(&beyond, &s), STORE_INVALID);
    s = open_store(&seen, (struct mem_store_options){0});
    add(s, "a", "", "x", NOW, 0);
    CU_ASSERT_EQUAL(store_compact(s, UINT64_MAX, &purged), STORE_INVALID);
    CU_ASSERT_EQUAL(store_compact(s, STORE_SEQUENCE_MAX + 2, &purged), STORE_INVALID);
    store_state(s, &st);
    CU_ASSERT(st.msgs == 1 && st.last == 1);
    CU_ASSERT_EQUAL(store_compact(s, STORE_SEQUENCE_MAX + 1, &purged), STORE_OK);
    CU_ASSERT_EQUAL(purged, 1);
    CU_ASSERT_EQUAL(store_skip(s, 0, 1, NOW), STORE_INVALID);
    store_close(s, NOW);
}

/* A TTL that ends beyond all time does not end at once. */
static void test_endless_ttl(void)
{
    struct seen seen;
    struct store_state st;
    int64_t due;
    struct store *s = open_store(&seen, (struct mem_store_options){.limits = {.allow_ttl = true}});
    struct store_limits l = {.max_age_ns = INT64_MAX}, ttl = {.allow_ttl = true};
    add(s, "a", "NATS/1.0\r\nNats-TTL: 9223372036\r\n\r\n", "x", NOW, 9223372036);
    CU_ASSERT_EQUAL(store_expire(s, NOW + SECOND, 9, &due), STORE_OK);
    CU_ASSERT_EQUAL(store_update(s, &l, SLICE_EMPTY, NOW), STORE_OK); /* an age that ends beyond it, too */
    CU_ASSERT_EQUAL(store_update(s, &ttl, SLICE_EMPTY, NOW),
                    STORE_OK); /* ... and the headers are read again */
    CU_ASSERT_EQUAL(store_expire(s, NOW + SECOND, 9, &due), STORE_OK);
    store_state(s, &st);
    CU_ASSERT_EQUAL(st.msgs, 1);
    store_close(s, NOW);
}

/* Of messages that were handed up and then removed nothing is kept. */
static void test_handed_up_is_forgotten(void)
{
    struct seen seen;
    struct store_limits l = {.max_age_ns = SECOND, .marker_ttl_ns = SECOND};
    struct store *s = open_store(&seen, (struct mem_store_options){.limits = l});
    bool removed;
    int64_t due;
    add(s, "a", "", "x", NOW, 0);
    add(s, "a", "", "x", NOW + 60 * SECOND, 0);
    CU_ASSERT_EQUAL(store_expire(s, NOW + 5 * SECOND, 9, &due), STORE_OK);
    CU_ASSERT_EQUAL(seen.expired_count, 1);
    CU_ASSERT_EQUAL(mem_of(s)->handed_up.count, 1);
    CU_ASSERT_EQUAL(store_remove(s, 1, STORE_REMOVE, &removed), STORE_OK);
    CU_ASSERT_EQUAL(mem_of(s)->handed_up.count, 0);
    store_close(s, NOW);
}

/* A message without a subject matches everything and no pattern. */
static void test_no_subject(void)
{
    struct seen seen;
    struct store *s = open_store(&seen, (struct mem_store_options){0});
    slice star = SLICE_LIT("*");
    struct store_filter f = {&star, 1};
    struct store_msg m;
    uint64_t count, purged;
    const char *const subjects[] = {"", "a", "", "b.c", "a", ""};
    for (int i = 0; i < 6; i++)
        add(s, subjects[i], "", "x", NOW, 0);
    for (uint64_t from = 1; from <= 6; from++) {
        CU_ASSERT_EQUAL(store_pending(s, f, from, false, &count), STORE_OK);
        CU_ASSERT_EQUAL(count, from <= 2 ? 2 : from <= 5);
        CU_ASSERT_EQUAL(store_pending(s, STORE_ALL, from, false, &count), STORE_OK);
        CU_ASSERT_EQUAL(count, 7 - from);
    }
    CU_ASSERT(store_next(s, f, 1, &m, NULL) == STORE_OK && m.seq == 2);
    CU_ASSERT(store_prev(s, f, 6, &m, NULL) == STORE_OK && m.seq == 5);
    CU_ASSERT_EQUAL(store_purge(s, SLICE_LIT(">"), 0, 1, &purged), STORE_OK);
    CU_ASSERT_EQUAL(purged, 2);
    CU_ASSERT(store_load(s, 1, &m) == STORE_OK && store_load(s, 2, &m) == STORE_NOT_FOUND);
    store_close(s, NOW);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_no_subject),     UNIT_TEST(test_highest_sequence),
    UNIT_TEST(test_endless_ttl),    UNIT_TEST(test_handed_up_is_forgotten),
    UNIT_TEST(test_sizes),          UNIT_TEST(test_remove),
    UNIT_TEST(test_gaps),           UNIT_TEST(test_markers),
    UNIT_TEST(test_expire_bounded), UNIT_TEST(test_sparse),
};
UNIT_MAIN("mem_store", tests)
