/* The sublist: matching rules, queue groups, reverse match, edges, watches; random comparison with a naive
 * list; threads that match while others change. */
#include "base/hash.h"
#include <midge/subject.h>
#include "interest/sublist.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>

struct fixture {
    struct epoch_domain d;
    struct epoch_reader r;
    struct sublist *sl;
    struct sublist_scratch *sc;
    struct sublist_result res;
};

static void setup(struct fixture *f, uint64_t seed)
{
    struct sublist_options opt = {.id = 1, .seed = seed, .slots = 1};
    memset(f, 0, sizeof(*f));
    epoch_domain_init(&f->d);
    epoch_reader_join(&f->r, &f->d);
    f->sl = sublist_new(&opt);
    f->sc = sublist_scratch_new(0);
    epoch_enter(&f->r);
}

static void turn(struct fixture *f)
{
    epoch_leave(&f->r);
    epoch_collect(&f->r, SIZE_MAX);
    epoch_enter(&f->r);
}

static void teardown(struct fixture *f)
{
    epoch_leave(&f->r);
    sublist_free(f->sl);
    sublist_scratch_free(f->sc);
    sublist_result_free(&f->res);
    epoch_reader_leave(&f->r);
    epoch_domain_close(&f->d);
}

static struct sub *add(struct fixture *f, const char *subject, const char *queue)
{
    struct sub *s = sub_new(slice_str(subject), slice_str(queue), SLICE_LIT("1"), NULL);
    CU_ASSERT_EQUAL_FATAL(sublist_insert(f->sl, &f->r, s), 0);
    return s;
}

static void match(struct fixture *f, const char *subject)
{
    CU_ASSERT_EQUAL_FATAL(sublist_match(f->sl, slice_str(subject), f->sc, &f->res), 0);
}

static uint32_t plain(struct fixture *f, const char *subject)
{
    match(f, subject);
    return f->res.plain_count;
}

/* covers: CP-91 CP-107 */
static void test_rules(void)
{
    struct fixture f;
    setup(&f, 7);
    add(&f, "foo.bar", "");
    add(&f, "foo.*", "");
    add(&f, "foo.>", "");
    add(&f, "*", "");
    add(&f, ">", "");
    add(&f, "*.bar", "");
    add(&f, "foo.*.baz", "");
    add(&f, "foo*", "");
    add(&f, "foo.**", "");
    add(&f, ">a", "");
    for (int i = 0; i < 3; i++) { /* first seen, then cached, then from the cache */
        CU_ASSERT_EQUAL(plain(&f, "foo"), 2);
        CU_ASSERT_EQUAL(plain(&f, "foo.bar"), 5);
        CU_ASSERT_EQUAL(plain(&f, "foo.baz"), 3);
        CU_ASSERT_EQUAL(plain(&f, "foo.x.baz"), 3);
        CU_ASSERT_EQUAL(plain(&f, "foo*"), 3);
        CU_ASSERT_EQUAL(plain(&f, "foo.**"), 4);
        CU_ASSERT_EQUAL(plain(&f, ">a"), 3);
        CU_ASSERT_EQUAL(plain(&f, "a.b.c.d"), 1);
        /* published wildcards are literal tokens */
        CU_ASSERT_EQUAL(plain(&f, "foo.*"), 3);
        CU_ASSERT_EQUAL(plain(&f, "foo.>"), 3);
        CU_ASSERT_EQUAL(plain(&f, "*.bar"), 2);
        /* empty tokens match nothing */
        CU_ASSERT_EQUAL(plain(&f, ""), 0);
        CU_ASSERT_EQUAL(plain(&f, "."), 0);
        CU_ASSERT_EQUAL(plain(&f, "foo."), 0);
        CU_ASSERT_EQUAL(plain(&f, ".foo"), 0);
        CU_ASSERT_EQUAL(plain(&f, "foo..bar"), 0);
    }
    teardown(&f);
}

/* covers: CP-90 */
static void test_refused(void)
{
    static const char *bad[] = {"", ".", "foo..bar", ".foo", "foo.", "foo.>.bar", ">.a", "a.>.>"};
    struct fixture f;
    setup(&f, 7);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct sub *s = sub_new(slice_str(bad[i]), SLICE_EMPTY, SLICE_LIT("1"), NULL);
        CU_ASSERT_EQUAL(sublist_insert(f.sl, &f.r, s), -EINVAL);
        sub_free(s);
    }
    CU_ASSERT_EQUAL(sublist_count(f.sl), 0);
    teardown(&f);
}

/* covers: CP-108 */
static void test_many_tokens(void)
{
    struct fixture f;
    char subject[4001], pattern[4001];
    setup(&f, 7);
    for (int i = 0; i < 2000; i++) {
        memcpy(subject + 2 * i, "a.", 2);
        memcpy(pattern + 2 * i, "*.", 2);
    }
    subject[3999] = pattern[3999] = 0;
    add(&f, subject, "");
    add(&f, pattern, "");
    pattern[3998] = '>';
    struct sub *gt = add(&f, pattern, "");
    CU_ASSERT_EQUAL(plain(&f, subject), 3);
    subject[3997] = 0; /* one token less */
    CU_ASSERT_EQUAL(plain(&f, subject), 0);
    sublist_remove(f.sl, &f.r, gt);
    subject[3997] = '.';
    CU_ASSERT_EQUAL(plain(&f, subject), 2);
    teardown(&f);
}

static uint32_t group_size(struct fixture *f, const char *queue)
{
    uint32_t n = 0, seen = 0;
    for (uint32_t i = 0; i < f->res.group_count; i++) {
        if (slice_eq_str(f->res.groups[i].queue, queue)) {
            n = f->res.groups[i].count;
            seen++;
        }
    }
    CU_ASSERT(seen <= 1);
    return n;
}

/* covers: CP-110 CP-111 */
static void test_groups(void)
{
    struct fixture f;
    setup(&f, 7);
    add(&f, "a.b", "q");
    match(&f, "a.b");
    CU_ASSERT_EQUAL(f.res.group_count, 1);
    CU_ASSERT_EQUAL(group_size(&f, "q"), 1);
    add(&f, "a.*", "q");
    add(&f, "a.>", "q");
    add(&f, "a.>", "r");
    struct sub *remote = sub_new(SLICE_LIT("a.b"), SLICE_LIT("r"), SLICE_LIT("9"), NULL);
    remote->weight = 3;
    CU_ASSERT_EQUAL(sublist_insert(f.sl, &f.r, remote), 0);
    add(&f, "a.b", "");
    for (int i = 0; i < 3; i++) {
        match(&f, "a.b");
        CU_ASSERT_EQUAL(f.res.plain_count, 1);
        CU_ASSERT_EQUAL(f.res.group_count, 2);
        CU_ASSERT_EQUAL(group_size(&f, "q"), 3);
        CU_ASSERT_EQUAL(group_size(&f, "r"), 4);
    }
    match(&f, "a.c");
    CU_ASSERT_EQUAL(group_size(&f, "q"), 2);
    teardown(&f);
}

/* More groups than are merged without an index, on two patterns. */
static void test_many_groups(void)
{
    enum { GROUPS = 300 };
    struct fixture f;
    char name[16];
    setup(&f, 7);
    for (int i = 0; i < GROUPS; i++) {
        snprintf(name, sizeof(name), "q%d", i);
        add(&f, "a.*", name);
        add(&f, "a.>", name);
    }
    for (int i = 0; i < 3; i++) {
        match(&f, "a.b");
        CU_ASSERT_EQUAL(f.res.group_count, GROUPS);
        for (uint32_t g = 0; g < f.res.group_count; g++)
            CU_ASSERT_EQUAL(f.res.groups[g].count, 2);
    }
    teardown(&f);
}

/* covers: CP-112 (the selection itself) */
static void test_queue_pick(void)
{
    enum { MEMBERS = 5, ROUNDS = 50000 };
    unsigned hits[MEMBERS] = {0};
    uint64_t x = 88172645463325252U;
    for (int i = 0; i < ROUNDS; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        uint32_t at = sublist_queue_start(MEMBERS, (uint32_t)(x >> 32));
        CU_ASSERT_FATAL(at < MEMBERS);
        hits[at]++;
    }
    for (int i = 0; i < MEMBERS; i++)
        CU_ASSERT(hits[i] > ROUNDS / MEMBERS * 9 / 10 && hits[i] < ROUNDS / MEMBERS * 11 / 10);
    CU_ASSERT_EQUAL(sublist_queue_start(MEMBERS, UINT32_MAX), MEMBERS - 1);
    unsigned seen = 0;
    uint32_t at = 3;
    for (int i = 0; i < MEMBERS; i++, at = sublist_queue_next(at, MEMBERS))
        seen |= 1U << at;
    CU_ASSERT_EQUAL(seen, (1U << MEMBERS) - 1);
    CU_ASSERT_EQUAL(at, 3);
}

static void test_removed_stay_readable(void)
{
    struct fixture f;
    setup(&f, 7);
    struct sub *a = add(&f, "x", ""), *b = add(&f, "x.*", "q");
    match(&f, "x");
    CU_ASSERT_EQUAL(f.res.plain_count, 1);
    sublist_remove(f.sl, &f.r, a);
    sublist_remove(f.sl, &f.r, b);
    epoch_collect(&f.r, SIZE_MAX);
    CU_ASSERT(sub_closed(f.res.plain[0])); /* removed, but not freed while we are online */
    CU_ASSERT(slice_eq_str(sub_subject(f.res.plain[0]), "x"));
    turn(&f);
    CU_ASSERT_EQUAL(epoch_backlog(&f.r), 0);
    CU_ASSERT_EQUAL(plain(&f, "x"), 0);
    match(&f, "x.y");
    CU_ASSERT_EQUAL(f.res.group_count, 0);
    CU_ASSERT_EQUAL(sublist_count(f.sl), 0);
    teardown(&f);
}

static void test_has_interest(void)
{
    struct fixture f;
    setup(&f, 7);
    CU_ASSERT_FALSE(sublist_has_interest(f.sl, SLICE_LIT("a"), f.sc));
    struct sub *s = add(&f, "a", "q");
    CU_ASSERT(sublist_has_interest(f.sl, SLICE_LIT("a"), f.sc));
    sub_close(s);
    CU_ASSERT_FALSE(sublist_has_interest(f.sl, SLICE_LIT("a"), f.sc));
    s = add(&f, ">", "");
    CU_ASSERT(sublist_has_interest(f.sl, SLICE_LIT("a"), f.sc));
    sub_close(s);
    CU_ASSERT_FALSE(sublist_has_interest(f.sl, SLICE_LIT("a"), f.sc));
    teardown(&f);
}

/* ---- against a naive list ---- */

enum { SUBS_MAX = 400 };

static uint64_t rnd_state;
static uint32_t rnd(uint32_t below)
{
    rnd_state = rnd_state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)((rnd_state >> 33) % below);
}

static void random_subject(char *to, bool pattern)
{
    static const char *tokens[] = {"a", "b", "c", "dd", "a*", "x>"};
    uint32_t n = 1 + rnd(4);
    *to = 0;
    for (uint32_t i = 0; i < n; i++) {
        const char *t = tokens[rnd(6)];
        if (pattern && rnd(4) == 0)
            t = i + 1 == n && rnd(2) == 0 ? ">" : "*";
        strcat(to, t);
        if (i + 1 < n)
            strcat(to, ".");
    }
}

static void random_queue(char *to)
{
    if (rnd(3) == 0)
        snprintf(to, 8, "q%u", (unsigned)rnd(3));
    else
        *to = 0;
}

/* Every sub that matches is in the result exactly once, in the right place, and nothing else is. */
static void check(struct fixture *f, struct sub **subs, size_t count, const char *subject)
{
    match(f, subject);
    uint32_t total = f->res.plain_count, expect = 0;
    for (uint32_t g = 0; g < f->res.group_count; g++)
        total += f->res.groups[g].count;
    for (size_t i = 0; i < count; i++) {
        if (!codec_subject_matches(sub_subject(subs[i]), slice_str(subject)))
            continue;
        uint32_t found = 0;
        expect++;
        for (uint32_t p = 0; p < f->res.plain_count; p++)
            found += subs[i]->queue_len == 0 && f->res.plain[p] == subs[i];
        for (uint32_t g = 0; g < f->res.group_count; g++) {
            for (uint32_t m = 0; m < f->res.groups[g].count; m++)
                found += f->res.groups[g].members[m] == subs[i] &&
                         slice_eq(f->res.groups[g].queue, sub_queue(subs[i]));
        }
        CU_ASSERT_EQUAL_FATAL(found, 1);
    }
    CU_ASSERT_EQUAL_FATAL(total, expect);
}

static void test_random(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct fixture f;
        struct sub *subs[SUBS_MAX];
        size_t count = 0;
        char subject[64], queue[8];
        setup(&f, seed);
        rnd_state = seed;
        for (int step = 0; step < 3000; step++) {
            uint32_t what = rnd(8), grow = step < 1500 ? 5 : 2;
            if (what < grow && count < SUBS_MAX) {
                random_subject(subject, true);
                random_queue(queue);
                subs[count++] = add(&f, subject, queue);
            } else if (what < 6 && count > 0) {
                size_t i = rnd((uint32_t)count);
                sublist_remove(f.sl, &f.r, subs[i]);
                subs[i] = subs[--count];
            } else {
                random_subject(subject, rnd(4) == 0);
                check(&f, subs, count, subject);
            }
            if (rnd(16) == 0)
                turn(&f);
        }
        CU_ASSERT_EQUAL(sublist_count(f.sl), count);
        sublist_remove_many(f.sl, &f.r, subs, count);
        turn(&f);
        check(&f, subs, 0, "a");
        CU_ASSERT_EQUAL(sublist_count(f.sl), 0);
        teardown(&f);
    }
}

/* A table that grows over many pages and shrinks again, by unique literals and by unique patterns. */
static void test_growth(void)
{
    enum { MANY = 20000 };
    static struct sub *subs[2 * MANY];
    struct fixture f;
    char subject[32];
    setup(&f, 99);
    for (int i = 0; i < MANY; i++) {
        snprintf(subject, sizeof(subject), "_INBOX.%d", i);
        subs[2 * i] = add(&f, subject, "");
        snprintf(subject, sizeof(subject), "dev.%d.*", i);
        subs[2 * i + 1] = add(&f, subject, "");
        if (i % 100 == 0)
            turn(&f);
    }
    for (int i = 0; i < MANY; i += 7) {
        snprintf(subject, sizeof(subject), "_INBOX.%d", i);
        CU_ASSERT_EQUAL(plain(&f, subject), 1);
        snprintf(subject, sizeof(subject), "dev.%d.x", i);
        CU_ASSERT_EQUAL(plain(&f, subject), 1);
        CU_ASSERT_PTR_EQUAL(f.res.plain[0], subs[2 * i + 1]);
    }
    for (size_t at = 0; at < 2 * MANY; at += 1000) {
        sublist_remove_many(f.sl, &f.r, subs + at, 1000);
        turn(&f);
    }
    CU_ASSERT_EQUAL(sublist_count(f.sl), 0);
    CU_ASSERT_EQUAL(plain(&f, "_INBOX.7"), 0);
    teardown(&f);
}

/* One subject with many subscribers that come and go. */
static void test_wide(void)
{
    enum { WIDE = 5000 };
    static struct sub *subs[WIDE];
    struct fixture f;
    setup(&f, 5);
    for (int i = 0; i < WIDE; i++)
        subs[i] = add(&f, i % 2 == 0 ? "wide" : "*", i % 5 == 0 ? "q" : "");
    check(&f, subs, WIDE, "wide");
    size_t left = WIDE;
    rnd_state = 1;
    while (left > 0) {
        size_t i = rnd((uint32_t)left);
        sublist_remove(f.sl, &f.r, subs[i]);
        subs[i] = subs[--left];
        if (left % 1000 == 3) {
            check(&f, subs, left, "wide");
            turn(&f);
        }
    }
    CU_ASSERT_EQUAL(plain(&f, "wide"), 0);
    teardown(&f);
}

/* ---- the cache ---- */

static uint64_t hits(struct fixture *f)
{
    struct sublist_stats st;
    sublist_stats(f->sl, &st);
    return st.hits;
}

/* Literal inboxes, members of known patterns and patterns under other first tokens leave it alone. */
static void test_cache_validity(void)
{
    struct fixture f;
    setup(&f, 3);
    add(&f, "orders.*", "");
    match(&f, "orders.new");
    match(&f, "orders.new");
    CU_ASSERT_EQUAL(hits(&f), 0); /* cached when seen for the second time */
    CU_ASSERT_EQUAL(sublist_scratch_cached(f.sc), 1);
    match(&f, "orders.new");
    CU_ASSERT_EQUAL(hits(&f), 1);
    add(&f, "_INBOX.1", "");
    add(&f, "orders.new", "");
    struct sub *member = add(&f, "orders.*", "q");
    struct sub *other = add(&f, "other.*", "");
    CU_ASSERT_EQUAL(plain(&f, "orders.new"), 2);
    CU_ASSERT_EQUAL(f.res.group_count, 1);
    CU_ASSERT_EQUAL(hits(&f), 2);
    sublist_remove(f.sl, &f.r, member);
    sublist_remove(f.sl, &f.r, other);
    turn(&f);
    match(&f, "orders.new");
    CU_ASSERT_EQUAL(f.res.group_count, 0);
    CU_ASSERT_EQUAL(hits(&f), 3);
    struct sub *deep = add(&f, "orders.>", "");
    CU_ASSERT_EQUAL(plain(&f, "orders.new"), 3);
    CU_ASSERT_EQUAL(hits(&f), 3);
    CU_ASSERT_EQUAL(plain(&f, "orders.new"), 3);
    CU_ASSERT_EQUAL(hits(&f), 4);
    sublist_remove(f.sl, &f.r, deep);
    turn(&f);
    CU_ASSERT_EQUAL(plain(&f, "orders.new"), 2);
    add(&f, "*.new", "");
    CU_ASSERT_EQUAL(plain(&f, "orders.new"), 3);
    struct sublist_stats st;
    sublist_stats(f.sl, &st);
    CU_ASSERT_EQUAL(st.count, 4);
    CU_ASSERT_EQUAL(st.inserts, 7);
    CU_ASSERT_EQUAL(st.removes, 3);
    CU_ASSERT_EQUAL(st.matches, 9);
    CU_ASSERT_EQUAL(st.fanout_max, 3);
    teardown(&f);
}

/* A result that is asked for again is the same until anything changes, in this sublist or in another one. */
static void test_result_remembered(void)
{
    char lengthy[SUBLIST_REMEMBERED_MAX + 3];
    struct fixture f;
    setup(&f, 3);
    struct sublist_options opt = {.id = 2, .seed = 4, .slots = 1};
    struct sublist *second = sublist_new(&opt);
    struct sub *s = add(&f, "a.b", ""), *q = add(&f, "a.b", "q");
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(plain(&f, "a.b"), 1);
        CU_ASSERT_PTR_EQUAL(f.res.plain[0], s);
        CU_ASSERT_EQUAL(f.res.group_count, 1);
        CU_ASSERT_PTR_EQUAL(f.res.groups[0].members[0], q);
        turn(&f);
    }
    CU_ASSERT_EQUAL(plain(&f, "a.c"), 0); /* as long, another one */
    CU_ASSERT_EQUAL(sublist_match(second, SLICE_LIT("a.b"), f.sc, &f.res), 0);
    CU_ASSERT_EQUAL(f.res.plain_count + f.res.group_count, 0);
    CU_ASSERT_EQUAL(plain(&f, "a.b"), 1);
    sublist_remove(f.sl, &f.r, s);
    turn(&f); /* its memory is gone */
    CU_ASSERT_EQUAL(plain(&f, "a.b"), 0);
    add(&f, "a.>", "");
    CU_ASSERT_EQUAL(plain(&f, "a.b"), 1);
    sublist_remove(f.sl, &f.r, q);
    turn(&f);
    CU_ASSERT_EQUAL(plain(&f, "a.b"), 1);
    CU_ASSERT_EQUAL(f.res.group_count, 0);
    /* Subjects of one length that differ in one byte. */
    for (int n = 1; n <= 40; n++) {
        memset(lengthy, 'z', sizeof lengthy);
        lengthy[n] = '\0';
        add(&f, lengthy, "");
        for (int i = 0; i < n; i++) {
            CU_ASSERT_EQUAL(plain(&f, lengthy), 1);
            lengthy[i] = 'y';
            CU_ASSERT_EQUAL(plain(&f, lengthy), 0);
            lengthy[i] = 'z';
        }
    }
    for (int n = SUBLIST_REMEMBERED_MAX - 1; n <= SUBLIST_REMEMBERED_MAX + 1; n++) {
        memset(lengthy, 'x', sizeof lengthy);
        lengthy[n] = '\0';
        CU_ASSERT_EQUAL(plain(&f, lengthy), 0);
        add(&f, lengthy, "");
        CU_ASSERT_EQUAL(plain(&f, lengthy), 1);
        CU_ASSERT_EQUAL(plain(&f, lengthy), 1);
        lengthy[n - 1] = 'y';
        CU_ASSERT_EQUAL(plain(&f, lengthy), 0);
    }
    struct sublist_stats st;
    sublist_stats(f.sl, &st);
    CU_ASSERT_EQUAL(st.matches, 3 + 1 + 1 + 3 + 40 * 41 + 3 * 4);
    sublist_free(second);
    teardown(&f);
}

static void test_cache_bounded(void)
{
    struct fixture f;
    char subject[32];
    setup(&f, 3);
    add(&f, "a.>", "");
    for (int i = 0; i < 3 * SUBLIST_CACHE_ENTRIES; i++) {
        snprintf(subject, sizeof(subject), "a.%d", i);
        CU_ASSERT_EQUAL(plain(&f, subject), 1);
        CU_ASSERT_EQUAL(plain(&f, subject), 1);
        CU_ASSERT_EQUAL(plain(&f, subject), 1);
    }
    CU_ASSERT(sublist_scratch_cached(f.sc) <= SUBLIST_CACHE_ENTRIES);
    CU_ASSERT(sublist_scratch_cached(f.sc) > SUBLIST_CACHE_ENTRIES / 2);
    teardown(&f);
}

/* Subjects that are seen once push out none that are seen often. */
static void test_cache_one_shot(void)
{
    enum { HOT = SUBLIST_CACHE_ENTRIES / 4 };
    struct fixture f;
    char subject[32];
    setup(&f, 3);
    add(&f, ">", "");
    for (int i = 0; i < 3 * HOT; i++) {
        snprintf(subject, sizeof(subject), "hot.%d", i % HOT);
        match(&f, subject);
    }
    for (int i = 0; i < 100 * HOT; i++) {
        snprintf(subject, sizeof(subject), "_INBOX.%d", i);
        match(&f, subject);
    }
    uint64_t before = hits(&f);
    for (int i = 0; i < HOT; i++) {
        snprintf(subject, sizeof(subject), "hot.%d", i);
        match(&f, subject);
    }
    CU_ASSERT(hits(&f) - before > HOT * 9 / 10); /* a few shared a full set from the beginning */
    teardown(&f);
}

/* Two accounts share a scratch and a subject. */
static void test_cache_accounts(void)
{
    struct fixture f;
    struct sublist_options opt = {.id = 2, .seed = 3, .slots = 1};
    setup(&f, 3);
    struct sublist *other = sublist_new(&opt), *mine = f.sl;
    add(&f, "a.*", "");
    f.sl = other;
    add(&f, "a.*", "");
    add(&f, "a.>", "");
    for (int i = 0; i < 3; i++) {
        f.sl = mine;
        CU_ASSERT_EQUAL(plain(&f, "a.b"), 1);
        f.sl = other;
        CU_ASSERT_EQUAL(plain(&f, "a.b"), 2);
    }
    f.sl = mine;
    sublist_free(other);
    teardown(&f);
}

/* Two accounts whose subject falls on the same key of the cache: ids and seeds are chosen so. */
static void test_cache_collision(void)
{
    struct fixture f;
    slice subject = SLICE_LIT("a.b");
    struct sublist_options opt = {
        .id = 1 ^ hash_bytes(subject, 3) ^ hash_bytes(subject, 4), .seed = 4, .slots = 1};
    setup(&f, 3);
    struct sublist *other = sublist_new(&opt), *mine = f.sl;
    add(&f, "*.b", ""); /* as many changes in both, so that the generations are alike, too */
    add(&f, "*.x", "");
    f.sl = other;
    add(&f, "*.b", "");
    add(&f, "*.*", "");
    for (int i = 0; i < 6; i++) {
        f.sl = i % 4 < 2 ? mine : other;
        CU_ASSERT_EQUAL(plain(&f, "a.b"), i % 4 < 2 ? 1 : 2);
    }
    f.sl = mine;
    sublist_free(other);
    teardown(&f);
}

/* ---- reverse match ---- */

static void count_seen(void *ctx, struct sub *s)
{
    (void)s;
    ++*(int *)ctx;
}

static int scan(struct fixture *f, enum sublist_relation rel, const char *pattern)
{
    struct sublist_scan sc = {0};
    int n = 0;
    while (sublist_scan_step(f->sl, &sc, rel, slice_str(pattern), count_seen, &n)) {
    }
    return n;
}

static void test_reverse(void)
{
    struct fixture f;
    setup(&f, 3);
    add(&f, "foo.bar", "");
    add(&f, "foo.bar", "q");
    add(&f, "foo.*", "");
    add(&f, "foo.>", "");
    add(&f, "*.bar", "");
    add(&f, "*.*.x", "");
    add(&f, ">", "");
    add(&f, "zoo", "");
    CU_ASSERT_EQUAL(scan(&f, SUBLIST_ALL, ""), 8);
    CU_ASSERT_EQUAL(scan(&f, SUBLIST_COVERED, ">"), 8);
    CU_ASSERT_EQUAL(scan(&f, SUBLIST_COVERED, "foo.*"), 3);
    CU_ASSERT_EQUAL(scan(&f, SUBLIST_COVERED, "foo.>"), 4);
    CU_ASSERT_EQUAL(scan(&f, SUBLIST_COVERED, "foo.bar"), 2);
    CU_ASSERT_EQUAL(scan(&f, SUBLIST_OVERLAP, "foo.*"), 6);
    CU_ASSERT_EQUAL(scan(&f, SUBLIST_OVERLAP, "foo.>"), 7);
    CU_ASSERT_EQUAL(scan(&f, SUBLIST_OVERLAP, "zoo"), 2);
    CU_ASSERT_EQUAL(scan(&f, SUBLIST_OVERLAP, "a.b.x"), 2);
    teardown(&f);
}

static void mark(void *ctx, struct sub *s)
{
    (void)ctx;
    s->delivered++;
}

/* What stays is seen exactly once although the table grows and shrinks under the scan. */
static void test_scan_under_change(void)
{
    enum { STAY = 2000, OTHERS = 6000 };
    static struct sub *stay[STAY], *others[OTHERS];
    struct fixture f;
    char subject[32];
    setup(&f, 11);
    for (int i = 0; i < STAY; i++) {
        snprintf(subject, sizeof(subject), i % 2 == 0 ? "s.%d" : "s.%d.*.>", i);
        stay[i] = add(&f, subject, "");
    }
    struct sublist_scan sc = {0};
    int n = 0;
    bool more = true;
    for (int step = 0; more; step++) {
        more = sublist_scan_step(f.sl, &sc, SUBLIST_ALL, SLICE_EMPTY, mark, NULL);
        for (int i = 0; i < 200 && n < OTHERS && step < 60; i++) {
            snprintf(subject, sizeof(subject), n % 2 == 0 ? "o.%d" : "o.*.%d", n);
            others[n++] = add(&f, subject, "");
        }
        while (step >= 60 && n > 0 && n % 500 != 1)
            sublist_remove(f.sl, &f.r, others[--n]);
        n -= step >= 60 && n > 0 ? (sublist_remove(f.sl, &f.r, others[n - 1]), 1) : 0;
        turn(&f);
    }
    for (int i = 0; i < STAY; i++)
        CU_ASSERT_EQUAL(stay[i]->delivered, 1);
    teardown(&f);
}

/* ---- edges and watches ---- */

struct edges {
    char text[512];
};

static void note_edge(void *ctx, slice subject, slice queue, uint64_t before, uint64_t after)
{
    struct edges *e = ctx;
    size_t len = strlen(e->text);
    snprintf(e->text + len, sizeof(e->text) - len, "%.*s/%.*s:%d>%d ", (int)subject.len,
             (const char *)subject.ptr, (int)queue.len, (const char *)queue.ptr, (int)before, (int)after);
}

static void test_edges(void)
{
    struct fixture f;
    struct edges e = {""};
    setup(&f, 3);
    sublist_set_edge(f.sl, note_edge, &e, false);
    struct sub *a = add(&f, "a", ""), *b = add(&f, "a", "");
    struct sub *q1 = add(&f, "b.*", "q"), *q2 = add(&f, "b.*", "q");
    struct sub *remote = sub_new(SLICE_LIT("a"), SLICE_EMPTY, SLICE_EMPTY, NULL);
    remote->flags = SUB_REMOTE;
    CU_ASSERT_EQUAL(sublist_insert(f.sl, &f.r, remote), 0);
    sublist_remove(f.sl, &f.r, a);
    sublist_remove(f.sl, &f.r, b);
    sublist_remove(f.sl, &f.r, q1);
    CU_ASSERT_STRING_EQUAL(e.text, "a/:0>1 b.*/q:0>1 b.*/q:1>2 a/:1>0 b.*/q:2>1 ");
    e.text[0] = 0;
    sublist_set_edge(f.sl, note_edge, &e, true);
    CU_ASSERT_STRING_EQUAL(e.text, "b.*/q:0>1 ");
    e.text[0] = 0;
    sublist_remove(f.sl, &f.r, q2);
    sublist_remove(f.sl, &f.r, remote);
    CU_ASSERT_STRING_EQUAL(e.text, "b.*/q:1>0 ");
    teardown(&f);
}

static void note_watch(void *ctx, bool interest)
{
    strcat(ctx, interest ? "+" : "-");
}

static void test_watches(void)
{
    struct fixture f;
    char any[32] = "", queue[32] = "";
    bool now = true;
    setup(&f, 3);
    CU_ASSERT_PTR_NULL(sublist_watch_new(f.sl, SLICE_LIT("a.*"), SLICE_EMPTY, note_watch, any, &now));
    struct sublist_watch *w = sublist_watch_new(f.sl, SLICE_LIT("a.b"), SLICE_EMPTY, note_watch, any, &now);
    CU_ASSERT_FALSE(now);
    struct sub *lit = add(&f, "a.b", ""), *star = add(&f, "*.b", "q");
    struct sublist_watch *v =
        sublist_watch_new(f.sl, SLICE_LIT("a.b"), SLICE_LIT("q"), note_watch, queue, &now);
    CU_ASSERT(now);
    add(&f, "a.c", "");
    add(&f, "b.*", "");
    sublist_remove(f.sl, &f.r, lit);
    CU_ASSERT_STRING_EQUAL(any, "+");
    sublist_remove(f.sl, &f.r, star);
    CU_ASSERT_STRING_EQUAL(any, "+-");
    CU_ASSERT_STRING_EQUAL(queue, "-");
    add(&f, "a.*", "q");
    add(&f, ">", "");
    CU_ASSERT_STRING_EQUAL(any, "+-+");
    CU_ASSERT_STRING_EQUAL(queue, "-+");
    sublist_watch_free(f.sl, w);
    add(&f, "a.b", "q");
    CU_ASSERT_STRING_EQUAL(any, "+-+");
    (void)v; /* goes with the sublist */
    teardown(&f);
}

/* ---- threads ---- */

enum { READERS = 3, WRITERS = 2, ROUNDS = 4000, HOLD = 64 };

struct world {
    struct epoch_domain d;
    struct sublist *sl;
    atomic_int writing;
    atomic_int wrong;
};

struct thread {
    pthread_t id;
    struct world *w;
    unsigned n;
};

/* The fixed subs are found every time, and whatever else is found matches. */
static void *thread_reader(void *arg)
{
    struct thread *t = arg;
    struct epoch_reader r;
    struct sublist_result res = {0};
    struct sublist_scratch *sc = sublist_scratch_new(t->n);
    uint64_t x = t->n + 1;
    epoch_reader_join(&r, &t->w->d);
    while (atomic_load(&t->w->writing) > 0) {
        char subject[32];
        epoch_enter(&r);
        x = x * 6364136223846793005U + 1442695040888963407U;
        snprintf(subject, sizeof(subject), "t.%u.x", (unsigned)(x >> 60));
        bool ok = sublist_match(t->w->sl, slice_str(subject), sc, &res) == 0;
        uint32_t fixed = 0;
        for (uint32_t i = 0; ok && i < res.plain_count; i++) {
            ok = codec_subject_matches(sub_subject(res.plain[i]), slice_str(subject));
            fixed += res.plain[i]->flags == 0x80;
        }
        for (uint32_t g = 0; ok && g < res.group_count; g++) {
            for (uint32_t i = 0; ok && i < res.groups[g].count; i++)
                ok = codec_subject_matches(sub_subject(res.groups[g].members[i]), slice_str(subject)) &&
                     slice_eq(sub_queue(res.groups[g].members[i]), res.groups[g].queue);
        }
        if (!ok || fixed != 3)
            atomic_fetch_add(&t->w->wrong, 1);
        epoch_leave(&r);
    }
    sublist_result_free(&res);
    sublist_scratch_free(sc);
    epoch_reader_leave(&r);
    return NULL;
}

static void *thread_writer(void *arg)
{
    struct thread *t = arg;
    struct epoch_reader r;
    struct sub *held[HOLD] = {NULL};
    uint64_t x = t->n + 100;
    epoch_reader_join(&r, &t->w->d);
    for (int i = 0; i < ROUNDS; i++) {
        static const char *forms[] = {"t.%u.x", "t.%u.*", "t.%u.>", "*.%u.x", "t.*.%u", "o.%u"};
        char subject[32];
        x = x * 6364136223846793005U + 1442695040888963407U;
        snprintf(subject, sizeof(subject), forms[(x >> 40) % 6], (unsigned)(x >> 60));
        struct sub **slot = &held[(x >> 30) % HOLD];
        epoch_enter(&r);
        if (*slot != NULL)
            sublist_remove(t->w->sl, &r, *slot);
        *slot =
            sub_new(slice_str(subject), (x >> 20) % 3 == 0 ? SLICE_LIT("q") : SLICE_EMPTY, SLICE_EMPTY, NULL);
        if (sublist_insert(t->w->sl, &r, *slot) != 0)
            atomic_fetch_add(&t->w->wrong, 1);
        epoch_leave(&r);
        if (i % 8 == 0)
            epoch_collect(&r, EPOCH_COLLECT_TURN);
    }
    for (int i = 0; i < HOLD; i++) {
        if (held[i] != NULL)
            sublist_remove(t->w->sl, &r, held[i]);
    }
    atomic_fetch_sub(&t->w->writing, 1);
    epoch_reader_leave(&r);
    return NULL;
}

static void test_threads(void)
{
    struct world w;
    struct thread t[READERS + WRITERS];
    struct sublist_options opt = {.id = 9, .seed = 42, .slots = READERS};
    struct epoch_reader r;
    static const char *fixed[] = {"t.>", "t.*.x", "*.*.x"};
    epoch_domain_init(&w.d);
    epoch_reader_join(&r, &w.d);
    w.sl = sublist_new(&opt);
    atomic_init(&w.writing, WRITERS);
    atomic_init(&w.wrong, 0);
    for (int i = 0; i < 3; i++) {
        struct sub *s = sub_new(slice_str(fixed[i]), SLICE_EMPTY, SLICE_EMPTY, NULL);
        s->flags = 0x80; /* a mark of this test */
        CU_ASSERT_EQUAL(sublist_insert(w.sl, &r, s), 0);
    }
    for (unsigned i = 0; i < READERS + WRITERS; i++) {
        t[i] = (struct thread){.w = &w, .n = i};
        CU_ASSERT_EQUAL_FATAL(
            pthread_create(&t[i].id, NULL, i < READERS ? thread_reader : thread_writer, &t[i]), 0);
    }
    for (unsigned i = 0; i < READERS + WRITERS; i++)
        pthread_join(t[i].id, NULL);
    CU_ASSERT_EQUAL(atomic_load(&w.wrong), 0);
    CU_ASSERT_EQUAL(sublist_count(w.sl), 3);
    sublist_free(w.sl);
    epoch_reader_leave(&r);
    epoch_domain_close(&w.d);
}

static const struct unit_test tests[] = {UNIT_TEST(test_rules),
                                         UNIT_TEST(test_refused),
                                         UNIT_TEST(test_many_tokens),
                                         UNIT_TEST(test_groups),
                                         UNIT_TEST(test_many_groups),
                                         UNIT_TEST(test_queue_pick),
                                         UNIT_TEST(test_removed_stay_readable),
                                         UNIT_TEST(test_has_interest),
                                         UNIT_TEST(test_random),
                                         UNIT_TEST(test_growth),
                                         UNIT_TEST(test_wide),
                                         UNIT_TEST(test_cache_validity),
                                         UNIT_TEST(test_result_remembered),
                                         UNIT_TEST(test_cache_bounded),
                                         UNIT_TEST(test_cache_accounts),
                                         UNIT_TEST(test_cache_one_shot),
                                         UNIT_TEST(test_cache_collision),
                                         UNIT_TEST(test_reverse),
                                         UNIT_TEST(test_scan_under_change),
                                         UNIT_TEST(test_edges),
                                         UNIT_TEST(test_watches),
                                         UNIT_TEST(test_threads)};
UNIT_MAIN("sublist", tests)
