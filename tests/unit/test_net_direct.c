/* Loops that write to connections of other loops (net/direct.h): order, loss and closing; with a whole server
 * in the simulated world under random turn order, and with real threads and sockets.
 *
 * SEEDS in the environment sets how many seeds the simulated cases play. */
#include "unit.h"
#include "net/conn.h"
#include "net/env_uv.h"
#include "net/listener.h"
#include "sim/sim_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

#define MS INT64_C(1000000)

static uint64_t seeds(void)
{
    const char *text = getenv("SEEDS");
    return text == NULL ? 24 : strtoull(text, NULL, 10);
}

/* ---- the simulated world ---- */

enum { PUBLISHERS = 3, SUBSCRIBERS = 3, SENT_MAX = 400 };

/* Each publisher's messages in a text of MSG frames: numbered without a gap from 0 on. Returns how many. */
static unsigned in_order(const char *text)
{
    unsigned next[PUBLISHERS] = {0}, total = 0;
    for (const char *at = text; (at = strstr(at, "from:")) != NULL; at++) {
        unsigned from = 0, number = 0;
        CU_ASSERT_EQUAL_FATAL(sscanf(at, "from:%u:%u", &from, &number), 2);
        CU_ASSERT_FATAL(from < PUBLISHERS);
        CU_ASSERT_EQUAL_FATAL(number, next[from]);
        next[from]++;
        total++;
    }
    return total;
}

/* A payload of random length; now and then one that fills a pipe, so that writes end in the middle. */
static void publish(struct sim_server *s, struct sim_client *p, unsigned from, unsigned number)
{
    struct sched *r = sim_server_sched(s);
    int pad = (int)sched_below(r, sched_chance(r, 0.1) ? 4000 : 60);
    char head[32];
    int n = snprintf(head, sizeof head, "from:%u:%u:", from, number);
    sim_client_send(p, "PUB x %d\r\n%s%0*d\r\n", n + pad + 1, head, pad + 1, 0);
}

static void order(struct sim_server *s)
{
    struct sim_client *pub[PUBLISHERS], *sub[SUBSCRIBERS];
    struct sched *r = sim_server_sched(s);
    unsigned sent[PUBLISHERS] = {0}, total = 0;
    for (int i = 0; i < SUBSCRIBERS; i++) {
        sub[i] = sim_client_new(s, true);
        sim_client_send(sub[i], "SUB x 1\r\n");
        sim_client_sync(sub[i]);
    }
    for (int i = 0; i < PUBLISHERS; i++)
        pub[i] = sim_client_new(s, true);
    while (total < SENT_MAX) {
        unsigned from = (unsigned)sched_below(r, PUBLISHERS);
        for (uint64_t burst = 1 + sched_below(r, 6); burst > 0; burst--, total++)
            publish(s, pub[from], from, sent[from]++);
        if (sched_chance(r, 0.2))
            sim_client_pause(sub[sched_below(r, SUBSCRIBERS)], sched_chance(r, 0.5));
        if (sched_chance(r, 0.5))
            sim_server_run(s, sched_between(r, 0, MS));
    }
    for (int i = 0; i < PUBLISHERS; i++)
        sim_client_sync(pub[i]);
    for (int i = 0; i < SUBSCRIBERS; i++) {
        sim_client_pause(sub[i], false);
        CU_ASSERT_EQUAL(in_order(sim_client_sync(sub[i])), total);
    }
}

/* Subscribers come, take some and vanish while messages are on their way to them. */
static void vanishing(struct sim_server *s)
{
    struct sim_client *pub = sim_client_new(s, true), *other = sim_client_new(s, true);
    struct sched *r = sim_server_sched(s);
    sim_client_send(other, "SUB x 1\r\n");
    sim_client_sync(other);
    unsigned number = 0;
    for (int round = 0; round < 12; round++) {
        struct sim_client *c = sim_client_new(s, true);
        sim_client_send(c, "SUB x 1\r\nUNSUB 1 %u\r\n", 1 + (unsigned)sched_below(r, 8));
        if (sched_chance(r, 0.5))
            sim_client_sync(c);
        if (sched_chance(r, 0.5))
            sim_client_pause(c, true);
        for (uint64_t burst = sched_below(r, 8); burst > 0; burst--) {
            publish(s, pub, 0, number++);
            sim_server_run(s, sched_between(r, 0, MS / 10));
        }
        sim_client_close(c);
    }
    sim_client_sync(pub);
    CU_ASSERT_EQUAL(in_order(sim_client_sync(other)), number);
}

/* Small pipes that are often full, writes that are often cut short, and loops that come late to what waits.
 */
static void play(void (*game)(struct sim_server *s))
{
    static const struct sim_options narrow = {
        .buffer_min = 500, .buffer_max = 8000, .split_one_in = 2, .turn_delay = MS / 5, .latency_max = MS};
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct sim_server *s =
            sim_server_new_in(seed, 1 + (unsigned)(seed % 4), "host: \"10.0.0.1\"\n", &narrow);
        game(s);
        sim_server_free(s);
    }
}

static void test_order(void)
{
    play(order);
}

static void test_vanishing(void)
{
    play(vanishing);
}

/* ---- pipes that are watched: one writer at a time, and none while it is closed ---- */

enum { GUARDS = 512 };

static struct guard {
    _Atomic(struct env_pipe *) pipe;
    atomic_int inside;
} guards[GUARDS];
static atomic_uint guard_count, write_count;
static struct env_ops watched_ops;
static const struct env_ops *real_ops;

static struct guard *guard_of(const struct env_pipe *pipe)
{
    unsigned i = atomic_load(&guard_count);
    while (i > 0 && atomic_load(&guards[i - 1].pipe) != pipe)
        i--;
    return i == 0 ? NULL : &guards[i - 1];
}

/* Takes its time, and often only a part: so that others come in between. */
static ssize_t watched_writev(struct env_pipe *pipe, const struct iovec *iov, int count)
{
    struct guard *g = guard_of(pipe);
    struct iovec first = iov[0];
    unsigned n = atomic_fetch_add(&write_count, 1);
    CU_ASSERT_EQUAL(atomic_fetch_add(&g->inside, 1), 0);
    if (n % 3 == 0)
        usleep(20 + n % 100);
    if (n % 4 == 0) {
        first.iov_len = 1 + n % first.iov_len;
        iov = &first;
        count = 1;
    }
    ssize_t done = real_ops->pipe_writev(pipe, iov, count);
    if (n % 5 == 0)
        usleep(20);
    CU_ASSERT_EQUAL(atomic_fetch_sub(&g->inside, 1), 1);
    return done;
}

static void watched_close(struct env_pipe *pipe, bool reset)
{
    struct guard *g = guard_of(pipe);
    CU_ASSERT_EQUAL(atomic_load(&g->inside), 0);
    atomic_store(&g->pipe, NULL);
    real_ops->pipe_close(pipe, reset);
}

static void watch(struct env_pipe *pipe)
{
    unsigned i = atomic_fetch_add(&guard_count, 1);
    CU_ASSERT_FATAL(i < GUARDS);
    atomic_store(&guards[i].pipe, pipe);
    pipe->ops = &watched_ops;
}

/* ---- real threads: a server that passes records on ---- */

enum { PEERS = 12, RECORD = 8, LOOPS = 3, ROUNDS = 300, LIVES = 200 };

/* [0] where to, [1] from whom, [2] life of the target, [4..7] number. */
struct peer {
    struct net_conn conn;
    unsigned slot;
};

static _Atomic(struct peer *) slots[PEERS];
static atomic_uint accepted_count, closed_count, freed_count;

/* Who connects says its slot in one byte. Then come records for the connections of other slots. */
static size_t peer_bytes(struct net_conn *c, slice in)
{
    struct peer *p = (struct peer *)c;
    size_t used = 0;
    if (p->slot == PEERS) {
        p->slot = in.ptr[0] % PEERS;
        atomic_store(&slots[p->slot], p);
        net_conn_send(c, slice_first(in, 1));
        used = 1;
    }
    for (; in.len - used >= RECORD; used += RECORD) {
        struct peer *to = atomic_load(&slots[in.ptr[used] % PEERS]);
        if (to != NULL)
            outbox_append(&to->conn.out, slice_make(in.ptr + used, RECORD), &c->loop->touched);
    }
    return used;
}

static void peer_down(struct net_conn *c, enum net_down why, int err)
{
    (void)why;
    (void)err;
    net_conn_close(c, why == NET_DOWN_EOF ? 20 * MS : 0);
}

static void peer_closed(struct net_conn *c)
{
    struct peer *p = (struct peer *)c, *self = p;
    if (p->slot < PEERS)
        atomic_compare_exchange_strong(&slots[p->slot], &self, NULL);
    atomic_fetch_add(&closed_count, 1);
}

static void peer_free(struct net_conn *c)
{
    atomic_fetch_add(&freed_count, 1);
    free(c);
}

static void peer_late(struct net_conn *c, size_t chunks, size_t bytes, bool wrote)
{
    (void)chunks;
    (void)bytes;
    (void)wrote;
    net_conn_close(c, 0);
}

static void peer_nothing(struct net_conn *c)
{
    (void)c;
}

static const struct net_conn_handler peer_handler = {
    .bytes = peer_bytes,
    .sunk = peer_nothing,
    .attention = peer_nothing,
    .down = peer_down,
    .late = peer_late,
    .closed = peer_closed,
    .free = peer_free,
};

static void peer_accept(struct net_loop *l, struct env_pipe *pipe, void *ctx)
{
    (void)ctx;
    struct peer *p = calloc(1, sizeof *p);
    p->slot = PEERS;
    watch(pipe);
    CU_ASSERT_EQUAL(net_conn_init(&p->conn, l, pipe, &peer_handler, 64 << 20), 0);
    atomic_fetch_add(&accepted_count, 1);
    net_conn_start(&p->conn);
}

static void no_trouble(int err, int sleep_ms, void *ctx)
{
    (void)err;
    (void)sleep_ms;
    (void)ctx;
    CU_FAIL("accept failed");
}

struct door {
    struct net_task task;
    struct net_listener *listener;
    bool close;
    int port;
    sem_t done;
};

static void run_door(struct net_task *task, struct net_loop *l)
{
    struct door *d = (struct door *)task;
    (void)l;
    if (d->close) {
        net_listener_close(d->listener);
    } else {
        struct env_addr a = {.len = sizeof(struct sockaddr_in)}, bound;
        struct sockaddr_in *in = (struct sockaddr_in *)&a.sa;
        in->sin_family = AF_INET;
        in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        CU_ASSERT_EQUAL(net_listener_open(d->listener, &a, &bound), 0);
        d->port = ntohs(((struct sockaddr_in *)&bound.sa)->sin_port);
    }
    sem_post(&d->done);
}

/* The test's end of a slot. */
struct end {
    int fd;
    uint8_t life;
    uint8_t in[65536];
    size_t have;
    uint32_t sent[PEERS]; /* numbers given to records for each slot, in its present life */
    uint32_t seen[PEERS]; /* the next number from each slot */
};

static void connect_end(struct end *e, unsigned slot, int port)
{
    int small = 8192;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    e->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(e->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small); /* so that the server's pipe fills up */
    CU_ASSERT_EQUAL_FATAL(connect(e->fd, (struct sockaddr *)&a, sizeof a), 0);
    uint8_t byte = (uint8_t)slot;
    CU_ASSERT_EQUAL_FATAL(write(e->fd, &byte, 1), 1);
    CU_ASSERT_EQUAL_FATAL(read(e->fd, &byte, 1), 1);
    fcntl(e->fd, F_SETFL, O_NONBLOCK);
    e->have = 0;
    e->life++;
    memset(e->seen, 0, sizeof e->seen);
}

/* Every record was meant for this life, and each sender's come without a gap. */
static void check_records(struct end *all, unsigned slot)
{
    struct end *e = &all[slot];
    size_t at = 0;
    for (; e->have - at >= RECORD; at += RECORD) {
        const uint8_t *r = e->in + at;
        uint32_t number;
        memcpy(&number, r + 4, sizeof number);
        CU_ASSERT_EQUAL_FATAL(r[0], slot);
        if (r[2] != e->life)
            continue; /* sent to its predecessor, arrived after the change */
        CU_ASSERT_EQUAL_FATAL(number, e->seen[r[1]]);
        e->seen[r[1]]++;
    }
    memmove(e->in, e->in + at, e->have - at);
    e->have -= at;
}

static void read_end(struct end *all, unsigned slot)
{
    struct end *e = &all[slot];
    ssize_t n;
    while ((n = read(e->fd, e->in + e->have, sizeof e->in - e->have)) > 0) {
        e->have += (size_t)n;
        check_records(all, slot);
    }
    CU_ASSERT(n < 0 && errno == EAGAIN);
}

/* A burst of records from one slot to another. */
static void send_burst(struct end *all, unsigned from, unsigned to, unsigned count)
{
    uint8_t out[RECORD * 1024];
    for (unsigned i = 0; i < count; i++) {
        uint8_t *r = out + (size_t)i * RECORD;
        uint32_t number = all[from].sent[to]++;
        r[0] = (uint8_t)to;
        r[1] = (uint8_t)from;
        r[2] = all[to].life;
        r[3] = 0;
        memcpy(r + 4, &number, sizeof number);
    }
    for (size_t at = 0; at < (size_t)count * RECORD;) {
        ssize_t n = write(all[from].fd, out + at, (size_t)count * RECORD - at);
        if (n > 0)
            at += (size_t)n;
        else
            usleep(100);
    }
}

/* A new life for a slot: the others count anew for it. */
static void reconnect(struct end *all, unsigned slot, int port)
{
    if (all[slot].life % 2 == 0) { /* every other time by a reset */
        struct linger now = {.l_onoff = 1, .l_linger = 0};
        setsockopt(all[slot].fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    close(all[slot].fd);
    for (unsigned i = 0; i < PEERS; i++)
        all[i].sent[slot] = 0;
    memset(all[slot].sent, 0, sizeof all[slot].sent);
    connect_end(&all[slot], slot, port);
}

/* Everybody has received everything. */
static bool all_arrived(const struct end *all)
{
    for (unsigned to = 0; to < PEERS; to++) {
        for (unsigned from = 0; from < PEERS; from++) {
            if (all[to].seen[from] != all[from].sent[to])
                return false;
        }
    }
    return true;
}

static void drain_all(struct end *all)
{
    bool arrived = false;
    for (int i = 0; i < 20000 && !(arrived = all_arrived(all)); i++) {
        for (unsigned k = 0; k < PEERS; k++)
            read_end(all, k);
        usleep(500);
    }
    CU_ASSERT(arrived);
}

static void exchange(struct end *all, int port)
{
    unsigned rng = 7;
    for (unsigned i = 0; i < PEERS; i++)
        connect_end(&all[i], i, port);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < 8; i++) {
            rng = rng * 1664525 + 1013904223;
            unsigned from = (rng >> 8) % PEERS, to = (rng >> 16) % PEERS;
            send_burst(all, from, to, (rng >> 24) % 8 == 0 ? 1000 : 1 + (rng >> 28));
        }
        read_end(all, (rng >> 20) % PEERS); /* the others fall behind for a while */
        if (round % 100 == 99)
            drain_all(all);
    }
}

/* One after the other is closed while records for it are on their way from all others. */
static void replace(struct end *all, int port)
{
    for (unsigned life = 0; life < LIVES; life++) {
        unsigned victim = life % PEERS;
        drain_all(all);
        for (unsigned from = 0; from < PEERS; from++) {
            if (from != victim)
                send_burst(all, from, victim, 1 + (life + from) % 5);
        }
        usleep(life % 10 * 40);
        reconnect(all, victim, port);
        /* All that the victim itself had sent has arrived; its new life counts from 0. */
        for (unsigned to = 0; to < PEERS; to++)
            all[to].seen[victim] = 0;
    }
    drain_all(all);
}

static void test_threads(void)
{
    static const struct net_listener_handler h = {.accepted = peer_accept, .trouble = no_trouble};
    struct end *all = calloc(PEERS, sizeof *all);
    struct env *env = env_uv_new();
    struct epoch_domain epochs;
    int err = 0;
    real_ops = env->ops;
    watched_ops = *real_ops;
    watched_ops.pipe_writev = watched_writev;
    watched_ops.pipe_close = watched_close;
    epoch_domain_init(&epochs);
    struct net_loops_config config = {.count = LOOPS, .epochs = &epochs};
    struct net_loops *loops = net_loops_new(env, &config, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(loops);
    struct door door = {.task = {.fn = run_door}, .listener = net_listener_new(loops, &h, NULL)};
    sem_init(&door.done, 0, 0);
    net_post(&loops->loops[0], &door.task);
    sem_wait(&door.done);

    exchange(all, door.port);
    replace(all, door.port);

    door.close = true;
    net_post(&loops->loops[0], &door.task);
    sem_wait(&door.done);
    net_loops_free(loops);
    net_listener_free(door.listener);
    epoch_domain_close(&epochs);
    env_uv_free(env);
    for (unsigned i = 0; i < PEERS; i++)
        close(all[i].fd);
    CU_ASSERT_EQUAL(atomic_load(&closed_count), atomic_load(&accepted_count));
    CU_ASSERT_EQUAL(atomic_load(&freed_count), atomic_load(&accepted_count));
    sem_destroy(&door.done);
    free(all);
}

static const struct unit_test tests[] = {UNIT_TEST(test_order), UNIT_TEST(test_vanishing),
                                         UNIT_TEST(test_threads)};
UNIT_MAIN("writing for another loop", tests)
