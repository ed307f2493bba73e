/* The tables of schedules and of sources: what stored and removed messages make of them, and that a start
 * finds them again, with their files and without. */
#include "store_fixture.h"
#include "store/mem_store.h"
#include "store/msg_ttl.h"
#include "store/schedule_table.h"
#include "store/source_table.h"

#define SECOND 1000000000LL
#define NONE   STORE_TIME_NONE
#define GOLDEN "tests/golden/store/deletes-ttl-consumers/"

static const uint8_t seed[16] = "schedule tables";

/* ---- headers as the stream reads them: the two patterns of the golden stream ---- */

static int64_t seconds_of(slice pattern)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)pattern.len, (const char *)pattern.ptr);
    return strncmp(text, "@every ", 7) == 0 ? msg_ttl_parse(slice_str(text + 7)) : 0;
}

static void read_message(void *ctx, const struct store_msg *m, struct schedule_message *out)
{
    ++*(uint64_t *)ctx;
    slice pattern = msg_header(m->hdr, SLICE_LIT("Nats-Schedule")),
          next = msg_header(m->hdr, SLICE_LIT("Nats-Schedule-Next"));
    char time[64];
    out->scheduler = msg_header(m->hdr, SLICE_LIT("Nats-Scheduler"));
    out->purge = slice_eq_str(next, "purge");
    snprintf(time, sizeof time, "%.*s", (int)next.len, (const char *)next.ptr);
    if (next.len > 0 && !out->purge)
        out->move_to = fixture_time(time);
    if (slice_starts(pattern, SLICE_LIT("@at "))) {
        snprintf(time, sizeof time, "%.*s", (int)pattern.len - 4, (const char *)pattern.ptr + 4);
        out->next = fixture_time(time);
    } else if (seconds_of(pattern) > 0) {
        out->next = m->ts / SECOND * SECOND + seconds_of(pattern) * SECOND;
    }
}

static struct schedule_table *new_table(void)
{
    struct schedule_table *t = schedule_table_new(seed);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    return t;
}

/* A message of that subject, which fires at `next`, was made by `scheduler`, and moves it to `move_to` (0:
 * purges it). */
static void say(struct schedule_table *t, uint64_t seq, const char *subject, int64_t next,
                const char *scheduler, int64_t move_to)
{
    struct schedule_message m = {.seq = seq,
                                 .subject = slice_str(subject),
                                 .next = next,
                                 .scheduler = slice_str(scheduler),
                                 .move_to = move_to == 0 ? NONE : move_to,
                                 .purge = move_to == 0};
    CU_ASSERT_EQUAL(schedule_table_stored(t, &m), STORE_OK);
}

/* The subject holds the schedule of message seq for `next`; seq 0: none. */
static void holds(const struct schedule_table *t, const char *subject, uint64_t seq, int64_t next)
{
    uint64_t have = 0;
    int64_t at = 0;
    CU_ASSERT_EQUAL(schedule_table_find(t, slice_str(subject), &have, &at), seq > 0);
    CU_ASSERT_EQUAL(have, seq);
    CU_ASSERT_EQUAL(at, seq > 0 ? next : 0);
}

/* One schedule a subject: newer ones replace it, plain messages end it, Nats-Schedule-Next moves or ends it,
 * and so does the removal of its message. covers: ST-118 ST-119 */
static void test_entries(void)
{
    struct schedule_table *t = new_table();
    say(t, 1, "a", 100, NULL, NONE);
    say(t, 2, "b", 50, NULL, NONE);
    say(t, 3, "c", 70, NULL, NONE);
    say(t, 4, "a", 90, NULL, NONE); /* a newer one */
    holds(t, "a", 4, 90);
    CU_ASSERT_EQUAL(schedule_table_count(t), 3);
    schedule_table_removed(t, SLICE_LIT("a"), 1); /* the older message goes: nothing of the newer one */
    holds(t, "a", 4, 90);
    say(t, 5, "out", NONE, "b", 150); /* what b has made, with b's next time */
    holds(t, "b", 2, 150);
    holds(t, "out", 0, 0);
    say(t, 6, "a", NONE, "c", 170); /* made by c on a subject with a schedule, which stays */
    holds(t, "a", 4, 90);
    holds(t, "c", 3, 170);
    say(t, 7, "a", NONE, NULL, NONE); /* a plain message ends it */
    holds(t, "a", 0, 0);
    say(t, 8, "out", NONE, "c", 0); /* purge */
    holds(t, "c", 0, 0);
    say(t, 9, "out", NONE, "nobody", 0);
    say(t, 10, "out", NONE, "nobody", 99);
    CU_ASSERT_EQUAL(schedule_table_count(t), 1);
    schedule_table_removed(t, SLICE_LIT("b"), 2);
    holds(t, "b", 0, 0);
    CU_ASSERT_EQUAL(schedule_table_count(t), 0);
    int64_t at;
    CU_ASSERT_FALSE(schedule_table_due(t, &at));
    schedule_table_free(t);
}

/* What fired is in flight until it is moved, replaced, or all flights are called off. */
static void test_firing(void)
{
    struct schedule_table *t = new_table();
    slice subject;
    uint64_t seq;
    int64_t at = 0;
    say(t, 1, "late", 300, NULL, NONE);
    say(t, 2, "second", 200, NULL, NONE);
    say(t, 3, "first", 100, NULL, NONE);
    say(t, 4, "third", 200, NULL, NONE);
    CU_ASSERT_TRUE(schedule_table_due(t, &at));
    CU_ASSERT_EQUAL(at, 100);
    CU_ASSERT_FALSE(schedule_table_fire(t, 99, &subject, &seq));
    static const char *const order[] = {"first", "second", "third"};
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_TRUE_FATAL(schedule_table_fire(t, 200, &subject, &seq));
        CU_ASSERT(slice_eq_str(subject, order[i]));
    }
    CU_ASSERT_FALSE(schedule_table_fire(t, 200, &subject, &seq));
    CU_ASSERT_TRUE(schedule_table_due(t, &at));
    CU_ASSERT_EQUAL(at, 300);
    say(t, 5, "out", NONE, "first", 400);
    say(t, 6, "second", 350, NULL, NONE);
    say(t, 7, "late", 1000, NULL, NONE); /* in no flight */
    CU_ASSERT_TRUE(schedule_table_due(t, &at));
    CU_ASSERT_EQUAL(at, 350);
    schedule_table_reset(t);
    CU_ASSERT_TRUE(schedule_table_fire(t, 200, &subject, &seq));
    CU_ASSERT(slice_eq_str(subject, "third") && seq == 4);
    schedule_table_removed(t, SLICE_LIT("third"), 4); /* while in flight */
    schedule_table_reset(t);
    CU_ASSERT_TRUE(schedule_table_due(t, &at));
    CU_ASSERT_EQUAL(at, 350);
    CU_ASSERT_EQUAL(schedule_table_count(t), 3);
    schedule_table_free(t);
}

/* ---- against a naive list, on a store ---- */

#define SUBJECTS 37

struct naive {
    uint64_t seq[SUBJECTS];
    int64_t next[SUBJECTS];
};

static uint64_t chance(uint64_t *state, uint64_t n)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state % n;
}

static void compare(const struct schedule_table *t, const struct naive *n)
{
    size_t count = 0;
    int64_t first = INT64_MAX, at = INT64_MAX;
    for (size_t i = 0; i < SUBJECTS; i++) {
        char name[8];
        snprintf(name, sizeof name, "s%zu", i);
        holds(t, name, n->seq[i], n->next[i]);
        count += n->seq[i] > 0;
        first = n->seq[i] > 0 && n->next[i] < first ? n->next[i] : first;
    }
    CU_ASSERT_EQUAL(schedule_table_count(t), count);
    CU_ASSERT_EQUAL(schedule_table_due(t, &at), count > 0);
    CU_ASSERT_EQUAL(at, first);
}

/* Random messages and removals: the table, one that is filled from its file and the messages behind it, and
 * one that is filled from messages alone hold the same. covers: ST-119 */
static void test_random(void)
{
    uint64_t state = 88172645463325252ULL, seq, read = 0, from;
    struct mem_store_options o = {.track_subjects = true};
    struct naive n = {0};
    struct store *s;
    struct schedule_table *t = new_table();
    struct byte_buf file = {0};
    enum side_fault fault;
    CU_ASSERT_EQUAL_FATAL(mem_store_new(&o, &s), STORE_OK);
    for (int op = 0; op < 4000; op++) {
        size_t i = chance(&state, SUBJECTS);
        char subject[8], hdr[128] = "";
        snprintf(subject, sizeof subject, "s%zu", i);
        struct store_append a = {.ts = (op + 1) * SECOND, .subject = slice_str(subject)};
        if (chance(&state, 4) == 0) { /* one message, or all of a subject, goes */
            uint64_t purged;
            bool removed;
            if (n.seq[i] > 0 && chance(&state, 2) == 0) {
                CU_ASSERT_EQUAL(store_remove(s, n.seq[i], STORE_REMOVE, &removed), STORE_OK);
                schedule_table_removed(t, slice_str(subject), n.seq[i]);
            } else {
                CU_ASSERT_EQUAL(store_purge(s, slice_str(subject), 0, 0, &purged), STORE_OK);
                schedule_table_removed_many(t, s);
            }
            n.seq[i] = 0;
            n.next[i] = 0;
        } else {
            bool plain = chance(&state, 5) == 0;
            int64_t every = (int64_t)chance(&state, 500) + 1;
            if (!plain)
                snprintf(hdr, sizeof hdr, "NATS/1.0\r\nNats-Schedule: @every %llds\r\n\r\n",
                         (long long)every);
            a.hdr = slice_str(hdr);
            CU_ASSERT_EQUAL_FATAL(store_append(s, &a, a.ts, &seq), STORE_OK);
            say(t, seq, subject, plain ? NONE : a.ts + every * SECOND, NULL, NONE);
            uint64_t older; /* a schedule rolls its subject up */
            if (!plain)
                CU_ASSERT_EQUAL(store_purge(s, slice_str(subject), 0, 1, &older), STORE_OK);
            n.seq[i] = plain ? 0 : seq;
            n.next[i] = plain ? 0 : a.ts + every * SECOND;
        }
        if (op == 3980) {
            struct store_state st;
            store_state(s, &st);
            schedule_table_encode(t, st.last, &file);
        }
        if (op % 100 == 0)
            compare(t, &n);
    }
    compare(t, &n);
    struct store_state st;
    store_state(s, &st);
    for (int with_file = 0; with_file < 2; with_file++) {
        struct schedule_table *again = new_table();
        CU_ASSERT_EQUAL(schedule_table_recover(again, s, with_file ? buf_view(&file) : SLICE_EMPTY,
                                               read_message, &read, &from, &fault),
                        STORE_OK);
        CU_ASSERT_EQUAL(from > st.first, with_file == 1);
        compare(again, &n);
        schedule_table_free(again);
    }
    schedule_table_free(t);
    buf_free(&file);
    CU_ASSERT_EQUAL(store_destroy(s), STORE_OK);
}

/* ---- the Go server's streams ---- */

static struct store *open_golden(struct fixture *f, const char *name)
{
    static char dir[160];
    struct json *want = json_load(GOLDEN "expected.json");
    struct store *s;
    CU_ASSERT_PTR_NOT_NULL_FATAL(want);
    snprintf(dir, sizeof dir, "%s/jetstream/$G/streams/%s", f->dir, name);
    struct file_store_options o = fixture_options(f, dir, json_get(json_get(want, name), "config"), NULL);
    CU_ASSERT_EQUAL_FATAL(file_store_open(&o, &s), STORE_OK);
    json_free(want);
    return s;
}

static char *golden_file(const char *name, size_t *len)
{
    char path[256];
    *len = 0;
    snprintf(path, sizeof path, GOLDEN "store/jetstream/$G/streams/%s", name);
    char *file = json_read_file(path, len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    return file;
}

/* covers: ST-118 */
static void test_golden_schedules(void)
{
    struct fixture f;
    struct byte_buf again = {0};
    uint64_t read = 0, from;
    enum side_fault fault;
    size_t len;
    fixture_start(&f, GOLDEN "store");
    struct store *s = open_golden(&f, "SCHED");
    char *file = golden_file("SCHED/msgs/sched.db", &len);
    static const struct {
        size_t drop; /* bytes cut off the end */
        uint8_t version, stamp;
        uint64_t read, from;
        enum side_fault fault;
    } cases[] = {{0, 1, 3, 0, 0, SIDE_GOOD},
                 {0, 1, 2, 1, 2, SIDE_GOOD}, /* out of date */
                 {1, 1, 3, 2, 1, SIDE_SHORT},
                 {0, 2, 3, 2, 1, SIDE_VERSION},
                 {56, 1, 3, 2, 1, SIDE_GOOD}}; /* no file */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct schedule_table *t = new_table();
        file[0] = (char)cases[i].version;
        file[9] = (char)cases[i].stamp;
        read = 0;
        CU_ASSERT_EQUAL(schedule_table_recover(t, s, slice_make(file, len - cases[i].drop), read_message,
                                               &read, &from, &fault),
                        STORE_OK);
        CU_ASSERT_EQUAL(read, cases[i].read);
        CU_ASSERT_EQUAL(from, cases[i].from);
        CU_ASSERT_EQUAL(fault, cases[i].fault);
        CU_ASSERT_EQUAL(schedule_table_count(t), 2);
        holds(t, "s.once", 1, 4922899200000000000);
        holds(t, "s.every", 2, 4949016738000000000);
        again.len = 0;
        schedule_table_encode(t, 2, &again);
        CU_ASSERT_EQUAL(again.len, len);
        schedule_table_free(t);
    }
    /* Its message is gone: what the file says of it is not believed. */
    bool removed;
    CU_ASSERT_EQUAL(store_remove(s, 1, STORE_REMOVE, &removed), STORE_OK);
    struct schedule_table *t = new_table();
    file[0] = 1;
    file[9] = 3;
    CU_ASSERT_EQUAL(schedule_table_recover(t, s, slice_make(file, len), read_message, &read, &from, &fault),
                    STORE_OK);
    holds(t, "s.once", 0, 0);
    CU_ASSERT_EQUAL(schedule_table_count(t), 1);
    schedule_table_free(t);
    free(file);
    buf_free(&again);
    CU_ASSERT_EQUAL(store_close(s, FIXTURE_NOW), STORE_OK);
    fixture_stop(&f);
}

/* ---- sources ---- */

static void stands(const struct source_table *t, const char *name, uint64_t seq, const char *identity)
{
    uint64_t have = 0;
    slice id = SLICE_EMPTY;
    CU_ASSERT_TRUE(source_table_find(t, slice_str(name), &have, &id));
    CU_ASSERT_EQUAL(have, seq);
    CU_ASSERT(slice_eq_str(id, identity));
}

/* covers: ST-120 */
static void test_positions(void)
{
    slice names[] = {SLICE_LIT("A > >"), SLICE_LIT("A x.* y.$1"), SLICE_LIT("B > >")};
    struct source_table *t = source_table_new(names, 3);
    struct byte_buf file = {0};
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_FALSE(source_table_encode(t, 9, &file)); /* nothing to say: no file */
    static const struct {
        const char *value;
        bool known;
    } said[] = {{"A 7 > > a.b Id1", true},
                {"A 5 > > a.b Id0", true}, /* older: the position never falls */
                {"A 9 x.* y.$1 x.q", true},
                {"C 5 > > a Id", false},
                {"A 8 > z a Id", false},
                {"A eight > > a Id", false},
                {"A 18446744073709551616 > > a Id", false},
                {"A", false},
                {"", false}};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
        CU_ASSERT_EQUAL(source_table_stored(t, slice_str(said[i].value)), said[i].known);
    stands(t, "A > >", 7, "Id1");
    stands(t, "A x.* y.$1", 9, "");
    stands(t, "B > >", 0, "");
    CU_ASSERT_TRUE(source_table_encode(t, 9, &file));
    source_table_free(t);

    /* A source that is no longer configured is dropped with the next file. */
    struct mem_store_options o = {.track_subjects = true, .first_seq = 10};
    struct store *s;
    uint64_t looked_at;
    enum side_fault fault;
    CU_ASSERT_EQUAL_FATAL(mem_store_new(&o, &s), STORE_OK);
    t = source_table_new(names + 1, 2);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_EQUAL(source_table_recover(t, s, buf_view(&file), &looked_at, &fault), STORE_OK);
    CU_ASSERT_EQUAL(looked_at, 0);
    stands(t, "A x.* y.$1", 9, "");
    slice id;
    uint64_t seq;
    CU_ASSERT_FALSE(source_table_find(t, names[0], &seq, &id));
    size_t before = file.len;
    file.len = 0;
    CU_ASSERT_TRUE(source_table_encode(t, 9, &file));
    CU_ASSERT(file.len < before);
    source_table_free(t);
    buf_free(&file);
    CU_ASSERT_EQUAL(store_destroy(s), STORE_OK);
}

/* With the Go server's file, behind an old one, with a damaged one and without: sourcing goes on behind
 * message 4. covers: ST-120 ST-121 */
static void test_sourcing_resumes(void)
{
    struct fixture f;
    slice names[] = {SLICE_LIT("ORIG o.> >"), SLICE_LIT("OTHER > >")};
    size_t len;
    fixture_start(&f, GOLDEN "store");
    struct store *s = open_golden(&f, "AGG");
    char *file = golden_file("AGG/sources.db", &len);
    static const struct {
        size_t count, len;
        uint8_t version, stamp, position;
        uint64_t looked_at;
        enum side_fault fault;
    } cases[] = {{1, 38, 1, 5, 4, 0, SIDE_GOOD},
                 {1, 38, 1, 3, 2, 1, SIDE_GOOD}, /* written at message 2: the last one says it */
                 {2, 38, 1, 3, 2, 2, SIDE_GOOD}, /* and for a source without messages all behind the stamp */
                 {1, 37, 1, 5, 4, 1, SIDE_SHORT},
                 {1, 38, 2, 5, 4, 1, SIDE_VERSION},
                 {1, 0, 1, 5, 4, 1, SIDE_GOOD},
                 {2, 0, 1, 5, 4, 4, SIDE_GOOD}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct source_table *t = source_table_new(names, cases[i].count);
        struct byte_buf again = {0};
        uint64_t looked_at;
        enum side_fault fault;
        CU_ASSERT_PTR_NOT_NULL_FATAL(t);
        file[0] = (char)cases[i].version;
        file[9] = (char)cases[i].stamp;
        file[28] = (char)cases[i].position;
        CU_ASSERT_EQUAL(source_table_recover(t, s, slice_make(file, cases[i].len), &looked_at, &fault),
                        STORE_OK);
        CU_ASSERT_EQUAL(looked_at, cases[i].looked_at);
        CU_ASSERT_EQUAL(fault, cases[i].fault);
        stands(t, "ORIG o.> >", 4, "KMqcgnBW");
        file[0] = 1;
        file[9] = 5;
        file[28] = 4;
        CU_ASSERT_TRUE(source_table_encode(t, 4, &again));
        CU_ASSERT(slice_eq(buf_view(&again), slice_make(file, len)));
        buf_free(&again);
        source_table_free(t);
    }
    free(file);
    CU_ASSERT_EQUAL(store_close(s, FIXTURE_NOW), STORE_OK);
    fixture_stop(&f);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_entries),          UNIT_TEST(test_firing),    UNIT_TEST(test_random),
    UNIT_TEST(test_golden_schedules), UNIT_TEST(test_positions), UNIT_TEST(test_sourcing_resumes),
};

UNIT_MAIN("store tables", tests)
