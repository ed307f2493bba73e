/* The subject index: literal and wildcard questions, sums and bounds against a naive list.
 * covers: ST-107 */
#include "unit.h"
#include "sim/sched.h"
#include "store/subject_index.h"

#include <stdlib.h>

static const uint8_t seed[16] = "0123456789abcdef";

static bool matches(const char *subject, const char *filter)
{
    return store_subject_matches(slice_str(subject), slice_str(filter));
}

static void test_matches(void)
{
    CU_ASSERT(matches("a", "a") && matches("a.b", "a.b") && !matches("a.b", "a") && !matches("a", "a.b"));
    CU_ASSERT(matches("a", "*") && matches("a.b", "*.b") && matches("a.b", "a.*") && !matches("a.b", "*"));
    CU_ASSERT(matches("a", ">") && matches("a.b.c", "a.>") && !matches("a", "a.>") && matches("a.b", "*.>"));
    CU_ASSERT(matches("a.b.c", "a.*.c") && !matches("a.b.d", "a.*.c") && !matches("ab.c", "a.c"));
    CU_ASSERT(matches("a.>", "a.>") && matches("a.>", "a.*") && matches("a*", "a*") && !matches("ab", "a*"));
    CU_ASSERT(matches("a.>.b", "a.>.b") && !matches("a.x.b", "a.>.b") && matches("a.", "a.*"));
    CU_ASSERT(store_subject_has_wildcard(SLICE_LIT("a.*")) && store_subject_has_wildcard(SLICE_LIT(">")));
    CU_ASSERT(!store_subject_has_wildcard(SLICE_LIT("a.b*")) &&
              !store_subject_has_wildcard(SLICE_LIT("a.>.b")));
    slice filters[2] = {SLICE_LIT("a.b"), SLICE_LIT("c.>")};
    CU_ASSERT(store_subject_matches_any(SLICE_LIT("c.d"), filters, 2));
    CU_ASSERT(!store_subject_matches_any(SLICE_LIT("a.c"), filters, 2));
    CU_ASSERT(store_subject_matches_any(SLICE_LIT("a.c"), filters, 0));
}

/* first and last become bounds when an end is removed, and exact again when one message is left. */
static void test_bounds(void)
{
    struct subject_index *x = subject_index_new(seed);
    slice s = SLICE_LIT("foo.bar");
    for (uint64_t seq = 1; seq <= 9; seq += 2)
        subject_index_add(x, s, seq);
    struct subject_entry *e = subject_index_find(x, s);
    CU_ASSERT(e->msgs == 5 && e->first == 1 && e->last == 9 && !e->first_bound && !e->last_bound);
    e = subject_index_remove(x, s, 1);
    CU_ASSERT(e->msgs == 4 && e->first == 2 && e->first_bound && e->last == 9 && !e->last_bound);
    e = subject_index_remove(x, s, 5);
    CU_ASSERT(e->msgs == 3 && e->first == 2 && e->first_bound);
    e->first = 3;
    e->first_bound = false;
    e = subject_index_remove(x, s, 9);
    CU_ASSERT(e->msgs == 2 && e->first == 3 && !e->first_bound && e->last == 8 && e->last_bound);
    e = subject_index_remove(x, s, 7);
    CU_ASSERT(e->msgs == 1 && e->first == 3 && e->last == 3 && !e->first_bound && !e->last_bound);
    e = subject_index_add(x, s, 11);
    CU_ASSERT(e->msgs == 2 && e->first == 3 && e->last == 11);
    e = subject_index_remove(x, s, 3);
    CU_ASSERT(e->msgs == 1 && e->first == 11 && e->last == 11 && !e->first_bound && !e->last_bound);
    CU_ASSERT_PTR_NULL(subject_index_remove(x, SLICE_LIT("foo"), 1));
    CU_ASSERT_PTR_NULL(subject_index_remove(x, s, 11));
    CU_ASSERT_EQUAL(subject_index_count(x), 0);
    CU_ASSERT_PTR_NULL(subject_index_find(x, s));

    struct subject_entry loaded = {.msgs = 7, .first = 2, .last = 30, .first_bound = true};
    CU_ASSERT(subject_index_put(x, s, &loaded));
    CU_ASSERT_FALSE(subject_index_put(x, s, &loaded));
    e = subject_index_find(x, s);
    CU_ASSERT(e->msgs == 7 && e->first == 2 && e->last == 30 && e->first_bound);
    subject_index_clear(x);
    CU_ASSERT_EQUAL(subject_index_count(x), 0);
    subject_index_add(x, s, 1);
    subject_index_free(x);
}

/* ---- against a list ---- */

#define MODEL_MAX 6000

struct model {
    char subject[MODEL_MAX][40];
    uint64_t msgs[MODEL_MAX];
    size_t count;
};

struct got {
    char last[64];
    uint64_t msgs, subjects;
    bool ordered;
    uint64_t stop_after;
};

static bool on_match(void *ctx, slice subject, struct subject_entry *e)
{
    struct got *g = ctx;
    if (g->subjects > 0 && slice_cmp(slice_str(g->last), subject) >= 0)
        g->ordered = false;
    memcpy(g->last, subject.ptr, subject.len);
    g->last[subject.len] = 0;
    g->msgs += e->msgs;
    g->subjects++;
    return g->subjects != g->stop_after;
}

/* Few tokens, some that sort around the dot, so that prefixes and near misses are frequent. */
static void make_subject(struct sched *s, char *out, bool filter)
{
    static const char *const words[] = {"a",  "b",  "a-b", "a!", "ab",  "c", "orders", "x0",
                                        "x1", "x2", "x3",  "x4", "x10", "",  "zz*",    "a>"};
    size_t tokens = 1 + (size_t)sched_below(s, 4), len = 0;
    for (size_t i = 0; i < tokens; i++) {
        const char *w = words[sched_below(s, 16)];
        if (filter && sched_below(s, 2) == 0)
            w = i + 1 == tokens && sched_below(s, 2) == 0 ? ">" : "*";
        len += (size_t)sprintf(out + len, "%s%s", i == 0 ? "" : ".", w);
    }
    if (len == 0)
        sprintf(out, "q");
}

static size_t model_find(struct model *m, const char *subject)
{
    size_t i = 0;
    while (i < m->count && strcmp(m->subject[i], subject) != 0)
        i++;
    return i;
}

static void change(struct sched *s, struct subject_index *x, struct model *m, uint64_t seq)
{
    char subject[40];
    if (m->count > 0 && sched_below(s, 5) < 2) {
        size_t i = (size_t)sched_below(s, m->count);
        struct subject_entry *e = subject_index_remove(x, slice_str(m->subject[i]), seq);
        CU_ASSERT_EQUAL(e == NULL, m->msgs[i] == 1);
        if (--m->msgs[i] == 0) {
            m->count--;
            memcpy(m->subject[i], m->subject[m->count], sizeof m->subject[i]);
            m->msgs[i] = m->msgs[m->count];
        }
        return;
    }
    make_subject(s, subject, false);
    size_t i = model_find(m, subject);
    if (i == m->count) {
        strcpy(m->subject[m->count], subject);
        m->msgs[m->count++] = 0;
    }
    m->msgs[i]++;
    struct subject_entry *e = subject_index_add(x, slice_str(subject), seq);
    CU_ASSERT_EQUAL_FATAL(e != NULL && e->msgs == m->msgs[i] && e->last == seq, true);
}

static void ask(struct sched *s, struct subject_index *x, const struct model *m)
{
    char text[5][40];
    slice filters[5];
    size_t count = (size_t)sched_below(s, 4) == 0 ? (size_t)sched_below(s, 6) : 1;
    for (size_t i = 0; i < count; i++) {
        make_subject(s, text[i], true);
        filters[i] = slice_str(text[i]);
    }
    struct got got = {.ordered = true};
    CU_ASSERT(subject_index_match(x, filters, count, on_match, &got));
    uint64_t msgs = 0, subjects = 0, sum_msgs, sum_subjects;
    for (size_t i = 0; i < m->count; i++) {
        if (store_subject_matches_any(slice_str(m->subject[i]), filters, count)) {
            msgs += m->msgs[i];
            subjects++;
        }
    }
    subject_index_totals(x, filters, count, &sum_msgs, &sum_subjects);
    CU_ASSERT(got.ordered);
    CU_ASSERT_EQUAL(got.msgs, msgs);
    CU_ASSERT_EQUAL(got.subjects, subjects);
    CU_ASSERT_EQUAL(sum_msgs, msgs);
    CU_ASSERT_EQUAL(sum_subjects, subjects);
    CU_ASSERT_EQUAL(subject_index_count(x), m->count);
    if (subjects > 0) {
        struct got part = {.ordered = true, .stop_after = 1 + sched_below(s, subjects)};
        CU_ASSERT_FALSE(subject_index_match(x, filters, count, on_match, &part));
        CU_ASSERT_EQUAL(part.subjects, part.stop_after);
    }
}

static void test_model(void)
{
    static struct model m;
    for (uint64_t run = 0; run < 6; run++) {
        struct sched *s = sched_new(run);
        struct subject_index *x = subject_index_new(seed);
        m.count = 0;
        for (uint64_t seq = 1; seq <= 6000; seq++) {
            change(s, x, &m, seq);
            if (seq % 16 == 0)
                ask(s, x, &m);
        }
        while (m.count > 0) {
            size_t i = (size_t)sched_below(s, m.count);
            subject_index_remove(x, slice_str(m.subject[i]), 1);
            if (--m.msgs[i] == 0) {
                m.count--;
                memcpy(m.subject[i], m.subject[m.count], sizeof m.subject[i]);
                m.msgs[i] = m.msgs[m.count];
            }
            if (m.count % 8 == 0)
                ask(s, x, &m);
        }
        CU_ASSERT(subject_index_memory(x) < 1000);
        subject_index_free(x);
        sched_free(s);
    }
}

/* Many subjects: rising, then removed from the front, the back and at random; memory comes back. */
static void test_many(void)
{
    enum { N = 200000 };
    struct subject_index *x = subject_index_new(seed);
    char subject[40];
    for (int i = 0; i < N; i++) {
        int len = sprintf(subject, "orders.%d.item.%d", i % 100, (int)((unsigned)i * 2654435761u % N));
        CU_ASSERT_PTR_NOT_NULL_FATAL(subject_index_add(x, slice_make(subject, (size_t)len), (uint64_t)i + 1));
    }
    uint64_t msgs, subjects;
    slice f = SLICE_LIT("orders.*.item.*");
    subject_index_totals(x, &f, 1, &msgs, &subjects);
    CU_ASSERT(msgs == N && subjects == subject_index_count(x));
    f = SLICE_LIT("orders.7.>");
    subject_index_totals(x, &f, 1, &msgs, &subjects);
    CU_ASSERT_EQUAL(msgs, N / 100);
    struct got got = {.ordered = true};
    f = SLICE_LIT("*.42.item.*");
    subject_index_match(x, &f, 1, on_match, &got);
    CU_ASSERT(got.ordered && got.msgs == N / 100);
    size_t each = subject_index_memory(x) / (size_t)subject_index_count(x);
    CU_ASSERT(each <= 110 + 20);
    for (int i = 0; i < N; i++) {
        int k = i < N / 4   ? i
                : i < N / 2 ? N - 1 - (i - N / 4)
                            : N / 4 + (int)((unsigned)(i - N / 2) * 7919u % (N / 2));
        int len = sprintf(subject, "orders.%d.item.%d", k % 100, (int)((unsigned)k * 2654435761u % N));
        subject_index_remove(x, slice_make(subject, (size_t)len), (uint64_t)k + 1);
    }
    CU_ASSERT_EQUAL(subject_index_count(x), 0);
    CU_ASSERT(subject_index_memory(x) < 1000);
    subject_index_free(x);
}

static const struct unit_test tests[] = {UNIT_TEST(test_matches), UNIT_TEST(test_bounds),
                                         UNIT_TEST(test_model), UNIT_TEST(test_many)};
UNIT_MAIN("subject_index", tests)
