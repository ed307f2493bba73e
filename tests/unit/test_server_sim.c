/* The whole server in the simulated world: the hard cases of delivery under random turn order, with 1 to 4
 * loops.
 *
 * SEEDS in the environment sets how many seeds each case plays. */
#include "unit.h"
#include "sim/sim_server.h"

#include <stdlib.h>

#define MS INT64_C(1000000)

static const char plain[] = "host: \"10.0.0.1\"\n";

static uint64_t seeds(void)
{
    const char *text = getenv("SEEDS");
    return text == NULL ? 10 : strtoull(text, NULL, 10);
}

/* Each case once a seed and a number of loops. */
static void play(void (*game)(struct sim_server *s))
{
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct sim_server *s = sim_server_new(seed, 1 + (unsigned)(seed % 4), plain);
        game(s);
        sim_server_free(s);
    }
}

/* covers: CP-1 CP-15 */
static void hello(struct sim_server *s)
{
    struct sim_client *c = sim_client_new(s, false);
    sim_client_send(c, "CONNECT {\"protocol\":1}\r\nPING\r\n");
    CU_ASSERT_STRING_EQUAL(sim_client_expect(c, "PONG\r\n"), "+OK\r\n");
    sim_client_expect(c, "\"connect_info\":true");
}

static void test_hello(void)
{
    play(hello);
}

/* covers: CP-241: the second of two pipelined requests to a responder that takes one gets its 503 before the
 * PONG. */
static void max_one(struct sim_server *s)
{
    struct sim_client *responder = sim_client_new(s, true), *asker = sim_client_new(s, true);
    sim_client_send(responder, "SUB svc 1\r\nUNSUB 1 1\r\n");
    sim_client_sync(responder);
    sim_client_send(asker, "SUB in.* 9\r\nPUB svc in.1 1\r\na\r\nPUB svc in.2 1\r\nb\r\n");
    const char *got = sim_client_sync(asker);
    CU_ASSERT(strstr(got, "HMSG in.2 9 35 35\r\nNATS/1.0 503\r\n") == got);
    CU_ASSERT_STRING_EQUAL(sim_client_sync(responder), "MSG svc 1 in.1 1\r\na\r\n");
    /* The sid is free again. */
    sim_client_send(responder, "SUB other 1\r\n");
    sim_client_sync(responder);
    sim_client_send(asker, "PUB other 1\r\nx\r\n");
    sim_client_sync(asker);
    CU_ASSERT_STRING_EQUAL(sim_client_sync(responder), "MSG other 1 1\r\nx\r\n");
}

static void test_max_one(void)
{
    play(max_one);
}

/* covers: CP-242 CP-109: a queue group with a member that takes one message delivers ten of ten. */
static void queue_max_one(struct sim_server *s)
{
    struct sim_client *a = sim_client_new(s, true), *b = sim_client_new(s, true),
                      *p = sim_client_new(s, true);
    sim_client_send(a, "SUB q g 1\r\nUNSUB 1 1\r\n");
    sim_client_send(b, "SUB q g 1\r\n");
    sim_client_sync(a);
    sim_client_sync(b);
    for (int i = 0; i < 10; i++)
        sim_client_send(p, "PUB q 1\r\n%d\r\n", i);
    sim_client_sync(p);
    unsigned first = sim_client_count(a, "MSG q 1 1\r\n"), rest = sim_client_count(b, "MSG q 1 1\r\n");
    CU_ASSERT(first <= 1);
    CU_ASSERT_EQUAL(first + rest, 10);
}

static void test_queue_max_one(void)
{
    play(queue_max_one);
}

/* covers: CP-243: members that unsubscribe under a flood lose nothing. */
static void queue_leavers(struct sim_server *s)
{
    enum { MEMBERS = 4, MESSAGES = 200 };
    struct sim_client *m[MEMBERS], *p = sim_client_new(s, true);
    unsigned got = 0;
    for (int i = 0; i < MEMBERS; i++) {
        m[i] = sim_client_new(s, true);
        sim_client_send(m[i], "SUB q g 1\r\n");
        sim_client_sync(m[i]);
    }
    for (int i = 0; i < MESSAGES; i++) {
        sim_client_send(p, "PUB q 3\r\nabc\r\n");
        if (i % 60 == 30)
            sim_client_send(m[i / 60], "UNSUB 1\r\n");
        if (i % 7 == 0)
            sim_server_run(s, MS / 4);
    }
    sim_client_sync(p);
    for (int i = 0; i < MEMBERS; i++)
        got += sim_client_count(m[i], "MSG q 1 3\r\n");
    CU_ASSERT_EQUAL(got, MESSAGES);
}

static void test_queue_leavers(void)
{
    play(queue_leavers);
}

/* covers: CP-244: A publishes and is told so; B, who knows that, publishes: C gets both in that order. */
static void causality(struct sim_server *s)
{
    struct sim_client *a = sim_client_new(s, true), *b = sim_client_new(s, true),
                      *c = sim_client_new(s, true);
    sim_client_send(c, "SUB x 1\r\nSUB y 2\r\n");
    sim_client_sync(c);
    for (int i = 0; i < 10; i++) {
        sim_client_send(a, "PUB x 1\r\na\r\n");
        sim_client_sync(a);
        sim_client_send(b, "PUB y 1\r\nb\r\n");
        sim_client_sync(b);
        CU_ASSERT_STRING_EQUAL(sim_client_sync(c), "MSG x 1 1\r\na\r\nMSG y 2 1\r\nb\r\n");
    }
}

static void test_causality(void)
{
    play(causality);
}

/* covers: CP-245: SUB and UNSUB churn of one subject from many connections ends with the right interest. */
static void churn(struct sim_server *s)
{
    enum { CONNS = 6, ROUNDS = 40 };
    struct sim_client *c[CONNS], *p = sim_client_new(s, true);
    bool on[CONNS] = {false};
    struct sched *r = sim_server_sched(s);
    for (int i = 0; i < CONNS; i++)
        c[i] = sim_client_new(s, true);
    for (int round = 0; round < ROUNDS; round++) {
        size_t i = (size_t)sched_below(r, CONNS);
        sim_client_send(c[i], on[i] ? "UNSUB 1\r\n" : "SUB hot 1\r\n");
        on[i] = !on[i];
        if (sched_chance(r, 0.3))
            sim_client_send(p, "PUB hot 0\r\n\r\n");
        if (sched_chance(r, 0.3))
            sim_server_run(s, MS / 5);
    }
    sim_client_sync(p);
    for (int i = 0; i < CONNS; i++)
        sim_client_sync(c[i]);
    sim_client_send(p, "PUB hot 4\r\nlast\r\n");
    sim_client_sync(p);
    for (int i = 0; i < CONNS; i++)
        CU_ASSERT_EQUAL(sim_client_count(c[i], "last"), on[i] ? 1 : 0);
}

static void test_churn(void)
{
    play(churn);
}

/* covers: CP-239: connections that vanish in the middle of anything disturb nobody. */
static void vanish(struct sim_server *s)
{
    struct sim_client *stays = sim_client_new(s, true);
    sim_client_send(stays, "SUB > 1\r\n");
    sim_client_sync(stays);
    for (int i = 0; i < 8; i++) {
        struct sim_client *c = sim_client_new(s, true);
        sim_client_send(c, "SUB gone.%d 1\r\nPUB a 5\r\nhel", i);
        sim_server_run(s, sched_between(sim_server_sched(s), 0, 2 * MS));
        sim_client_close(c);
    }
    sim_server_run(s, 1000 * MS);
    sim_client_send(stays, "PUB b 2\r\nok\r\n");
    CU_ASSERT_STRING_EQUAL(sim_client_sync(stays), "MSG b 1 2\r\nok\r\n");
}

static void test_vanish(void)
{
    play(vanish);
}

/* covers: CP-160: who does not read holds up nobody else, and is cut off at max_pending. */
static void stalled_reader(struct sim_server *s)
{
    enum { N = 3000 };
    struct sim_client *slow = sim_client_new(s, true), *fast = sim_client_new(s, true),
                      *p = sim_client_new(s, true);
    sim_client_send(slow, "SUB x 1\r\n");
    sim_client_send(fast, "SUB x 1\r\n");
    sim_client_sync(slow);
    sim_client_sync(fast);
    sim_client_pause(slow, true);
    for (int i = 0; i < N; i++)
        sim_client_send(p, "PUB x 1000\r\n%01000d\r\n", i);
    sim_client_sync(p);
    CU_ASSERT_EQUAL(sim_client_count(fast, "MSG x 1 1000\r\n"), N);
    sim_client_pause(slow, false);
    CU_ASSERT(sim_client_closed(slow));
}

static void test_stalled_reader(void)
{
    for (uint64_t seed = 1; seed <= seeds() / 5 + 1; seed++) {
        struct sim_server *s =
            sim_server_new(seed, 1 + (unsigned)(seed % 4),
                           "host: \"10.0.0.1\"\nmax_pending: 1500000\nmax_payload: 100000\n");
        stalled_reader(s);
        sim_server_free(s);
    }
}

/* covers: CP-158 CP-246: a consumer past 3/4 of max_pending: who publishes to it waits a little, who does not
 * waits not at all. */
static void stalled_others(struct sim_server *s)
{
    enum { ROUNDS = 50, ENOUGH = 1400 }; /* KB: past 3/4 of max_pending, whatever the pipes hold */
    struct sim_client *slow = sim_client_new(s, true), *fast = sim_client_new(s, true),
                      *p = sim_client_new(s, true), *q = sim_client_new(s, true);
    int64_t held = 0, free_of_it = 0;
    sim_client_send(slow, "SUB x 1\r\n");
    sim_client_sync(slow);
    sim_client_send(fast, "SUB y 1\r\n");
    sim_client_sync(fast);
    sim_client_pause(slow, true);
    for (int i = 0; i < ENOUGH; i++)
        sim_client_send(p, "PUB x 1000\r\n%01000d\r\n", i);
    sim_client_sync(p);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t start = sched_now(sim_server_sched(s));
        sim_client_send(p, "PUB x 1\r\nx\r\n");
        sim_client_sync(p);
        held += sched_now(sim_server_sched(s)) - start;
        start = sched_now(sim_server_sched(s));
        sim_client_send(q, "PUB y 1\r\ny\r\n");
        sim_client_sync(q);
        CU_ASSERT_STRING_EQUAL(sim_client_sync(fast), "MSG y 1 1\r\ny\r\n");
        free_of_it += sched_now(sim_server_sched(s)) - start;
    }
    /* Virtual time: exact for a seed. Two round trips take 3 ms with the world's own delays. */
    CU_ASSERT(held >= ROUNDS * 2 * MS);
    CU_ASSERT(held <= ROUNDS * 13 * MS);
    CU_ASSERT(free_of_it <= ROUNDS * 4 * MS);
    sim_client_pause(slow, false);
    CU_ASSERT_EQUAL(sim_client_count(slow, "MSG x 1 1000\r\n"), ENOUGH);
}

static void test_stalled_others(void)
{
    for (uint64_t seed = 1; seed <= seeds() / 5 + 4; seed++) {
        struct sim_server *s =
            sim_server_new(seed, 1 + (unsigned)(seed % 4),
                           "host: \"10.0.0.1\"\nmax_pending: 1500000\nmax_payload: 100000\n");
        stalled_others(s);
        sim_server_free(s);
    }
}

/* ---- many subscriptions ---- */

static void subscribe_many(struct sim_client *c, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        sim_client_send(c, i % 3 == 0 ? "SUB many.%u %u\r\n" : "SUB many.%u.* %u\r\n", i, i);
    sim_client_sync(c);
}

/* A client that has gone gets nothing more, however many subscriptions are still on their way out. */
static void many_gone(struct sim_server *s)
{
    struct sim_client *many = sim_client_new(s, true), *asker = sim_client_new(s, true);
    subscribe_many(many, 6000);
    sim_client_send(asker, "SUB in 9\r\nPUB many.5997 in 1\r\nx\r\n");
    CU_ASSERT_STRING_EQUAL(sim_client_sync(asker), "");
    sim_client_close(many);
    for (bool gone = false; !gone;) {
        sim_client_send(asker, "PUB many.5997 in 1\r\nx\r\n");
        gone = strstr(sim_client_sync(asker), "503") != NULL;
    }
    for (unsigned i = 0; i < 6000; i += 600) {
        sim_client_send(asker, "PUB many.%u in 1\r\nx\r\nPUB many.%u.x in 1\r\nx\r\n", i, i + 1);
        CU_ASSERT_EQUAL(sim_client_count(asker, "NATS/1.0 503"), 2);
    }
    sim_client_send(asker, "SUB many.9 1\r\nPUB many.9 1\r\nx\r\n");
    CU_ASSERT_STRING_EQUAL(sim_client_sync(asker), "MSG many.9 1 1\r\nx\r\n");
}

static void test_many_gone(void)
{
    play(many_gone);
}

/* covers: CP-35: with a second CONNECT all are gone at once, and their sids are free. */
static void many_again(struct sim_server *s)
{
    struct sim_client *many = sim_client_new(s, true), *p = sim_client_new(s, true);
    subscribe_many(many, 6000);
    sim_client_send(many, "CONNECT {}\r\nSUB many.3 3\r\nSUB many.7.* 7\r\n");
    CU_ASSERT_STRING_EQUAL(sim_client_sync(many), "");
    sim_client_send(p, "PUB many.3 1\r\na\r\nPUB many.6 1\r\nb\r\nPUB many.7.x 1\r\nc\r\n");
    sim_client_sync(p);
    CU_ASSERT_STRING_EQUAL(sim_client_sync(many), "MSG many.3 3 1\r\na\r\nMSG many.7.x 7 1\r\nc\r\n");
    subscribe_many(many, 6000); /* two of the sids are in use */
    sim_client_send(p, "PUB many.3 1\r\na\r\nPUB many.6 1\r\nb\r\n");
    sim_client_sync(p);
    CU_ASSERT_STRING_EQUAL(sim_client_sync(many), "MSG many.3 3 1\r\na\r\nMSG many.6 6 1\r\nb\r\n");
}

static void test_many_again(void)
{
    play(many_again);
}

/* The server ends while they are on their way out, and while the connection still writes. */
static void many_at_the_end(struct sim_server *s)
{
    struct sim_client *many = sim_client_new(s, true), *again = sim_client_new(s, true),
                      *stays = sim_client_new(s, true);
    subscribe_many(many, 6000);
    subscribe_many(again, 6000);
    subscribe_many(stays, 6000);
    sim_client_send(again, "CONNECT {}\r\nXYZ\r\n");
    sim_client_close(many);
    sim_server_run(s, sched_between(sim_server_sched(s), 0, 2 * MS));
}

static void test_many_at_the_end(void)
{
    play(many_at_the_end);
}

/* They leave over several turns: a large set takes the loop's time in pieces. */
static void test_many_turns(void)
{
    uint64_t steps[2];
    for (unsigned i = 0; i < 2; i++) {
        struct sim_server *s = sim_server_new(1, 1, plain);
        struct sim_client *c = sim_client_new(s, true);
        subscribe_many(c, i == 0 ? 30 : 30000);
        sim_server_run(s, 100 * MS);
        uint64_t before = sched_steps(sim_server_sched(s));
        sim_client_close(c);
        sim_server_run(s, 100 * MS);
        steps[i] = sched_steps(sim_server_sched(s)) - before;
        sim_server_free(s);
    }
    CU_ASSERT(steps[1] >= steps[0] + 10);
}

/* ---- peers that are not there any more ---- */

/* covers: CP-247: half open: the network swallows everything and nobody is told. The peer is stale, and its
 * interest ends. */
static void test_half_open(void)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct sim_server *s = sim_server_new(seed, 1 + (unsigned)seed % 4, plain);
        struct sim_client *c = sim_client_new(s, true);
        sim_client_send(c, "SUB foo 1\r\n");
        sim_client_sync(c);
        sim_server_run(s, 2500 * MS);
        sim_client_send(c, "PONG\r\n");
        sim_client_sync(c);
        sim_server_cut(s, true);
        sim_server_run(s, INT64_C(500000) * MS);
        sim_server_cut(s, false);
        struct sim_client *d = sim_client_new(s, true);
        sim_client_send(d, "SUB in 1\r\nPUB foo in 1\r\nx\r\n");
        CU_ASSERT_EQUAL(sim_client_count(d, "NATS/1.0 503"), 1);
        CU_ASSERT(sim_client_closed(c));
        sim_server_free(s);
    }
}

/* covers: CP-129 CP-131: long timers cost no time here: a mute client with the defaults is stale after
 * minutes. */
static void test_stale(void)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct sim_server *s = sim_server_new(seed, 2, plain);
        struct sim_client *c = sim_client_new(s, true);
        int64_t start = sched_now(sim_server_sched(s));
        for (int i = 0; i < 40 && sched_now(sim_server_sched(s)) - start < 1000 * MS; i++)
            sim_server_run(s, 100 * MS);
        sim_server_run(s, 1900 * MS);
        CU_ASSERT_STRING_EQUAL(sim_client_expect(c, "PING\r\n"), "");
        sim_server_run(s, 121000 * MS);
        CU_ASSERT_STRING_EQUAL(sim_client_expect(c, "PING\r\n"), "");
        sim_server_run(s, 121000 * MS);
        sim_client_expect(c, "-ERR 'Stale Connection'\r\n");
        CU_ASSERT(sim_client_closed(c));
        sim_server_free(s);
    }
}

/* covers: CP-129 CP-133: whoever talks gets the first PING, and then none until its round trip is an hour
 * old. */
static void talker(struct sim_server *s)
{
    struct sim_client *c = sim_client_new(s, true);
    sim_server_run(s, 3000 * MS);
    CU_ASSERT_EQUAL(sim_client_count(c, "PING\r\n"), 1);
    sim_client_send(c, "PONG\r\n");
    for (int minute = 0; minute < 58; minute++) {
        sim_client_send(c, "PUB x 0\r\n\r\n");
        sim_server_run(s, 60 * 1000 * MS);
        CU_ASSERT_EQUAL(sim_client_count(c, "PING\r\n"), 0);
    }
    unsigned pings = 0;
    for (int minute = 0; minute < 5; minute++) {
        sim_client_send(c, "PUB x 0\r\n\r\n");
        sim_server_run(s, 60 * 1000 * MS);
        pings += sim_client_count(c, "PING\r\n");
    }
    CU_ASSERT(pings >= 1);
}

static void test_talker(void)
{
    play(talker);
}

/* How long the next PING takes. */
static int64_t wait_for_ping(struct sim_server *s, struct sim_client *c)
{
    int64_t start = sched_now(sim_server_sched(s));
    CU_ASSERT_STRING_EQUAL(sim_client_expect(c, "PING\r\n"), "");
    return sched_now(sim_server_sched(s)) - start;
}

/* covers: CP-130: with an interval of a second the first PING takes that and a bit, the next one that. */
static void test_ping_interval(void)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct sim_server *s = sim_server_new(seed, 2, "host: \"10.0.0.1\"\nping_interval: \"1s\"\n");
        struct sim_client *c = sim_client_new(s, true);
        int64_t first = wait_for_ping(s, c);
        CU_ASSERT(first > 950 * MS && first < 1300 * MS);
        sim_client_send(c, "PONG\r\n");
        int64_t second = wait_for_ping(s, c);
        CU_ASSERT(second > 950 * MS && second < 1100 * MS);
        sim_server_free(s);
    }
}

/* A reload has the passwords of all connections hashed again, more than the pool takes at once: nobody goes
 * for that, and who comes meanwhile is let in. */
enum { HASHED = 2 * SIM_JOBS_MAX };

static void test_reload_hashes(void)
{
    static const char config[] =
        "host: \"10.0.0.1\"\n"
        "authorization { users: [ { user: u, "
        "password: \"$2b$04$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG\" } ] }\n";
    static const char login[] = "CONNECT {\"user\":\"u\",\"pass\":\"s3cret\",\"verbose\":true}\r\n";
    static struct sim_client *clients[HASHED];
    for (unsigned loops = 1; loops <= 4; loops += 3) {
        struct sim_server *s = sim_server_new(loops, loops, config);
        for (int i = 0; i < HASHED; i++) {
            clients[i] = sim_client_new(s, false);
            sim_client_send(clients[i], "%s", login);
            sim_client_expect(clients[i], "+OK");
        }
        CU_ASSERT(sim_server_reload(s, config));
        struct sim_client *late = sim_client_new(s, false);
        sim_client_send(late, "%s", login);
        sim_client_expect(late, "+OK");
        sim_server_run(s, 500 * MS);
        for (int i = 0; i < HASHED; i++)
            CU_ASSERT_STRING_EQUAL(sim_client_sync(clients[i]), "\r\n");
        sim_server_free(s);
    }
}

/* The same seed is the same history, another one another. */
static void test_replay(void)
{
    uint64_t digest[3];
    for (int i = 0; i < 3; i++) {
        struct sim_server *s = sim_server_new(i == 2 ? 8 : 7, 4, plain);
        queue_leavers(s);
        digest[i] = sim_server_free(s);
    }
    CU_ASSERT_EQUAL(digest[0], digest[1]);
    CU_ASSERT_NOT_EQUAL(digest[0], digest[2]);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_hello),         UNIT_TEST(test_max_one),        UNIT_TEST(test_queue_max_one),
    UNIT_TEST(test_queue_leavers), UNIT_TEST(test_causality),      UNIT_TEST(test_churn),
    UNIT_TEST(test_vanish),        UNIT_TEST(test_stalled_reader), UNIT_TEST(test_stalled_others),
    UNIT_TEST(test_many_gone),     UNIT_TEST(test_many_again),     UNIT_TEST(test_many_at_the_end),
    UNIT_TEST(test_many_turns),    UNIT_TEST(test_half_open),      UNIT_TEST(test_stale),
    UNIT_TEST(test_talker),        UNIT_TEST(test_ping_interval),  UNIT_TEST(test_replay),
    UNIT_TEST(test_reload_hashes),
};
UNIT_MAIN("server in the simulated world", tests)
