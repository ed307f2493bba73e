/* The simulated world: loops and their turns, pipes and their ends, clocks, jobs, names, faults; and that one
 * seed is one history. */
#include "unit.h"
#include "sim/sim_env.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

static struct env_addr addr(const char *dotted, uint16_t port)
{
    struct env_addr a = {.len = sizeof(struct sockaddr_in)};
    struct sockaddr_in *in = (struct sockaddr_in *)&a.sa;
    unsigned b[4];
    CU_ASSERT_EQUAL_FATAL(sscanf(dotted, "%u.%u.%u.%u", &b[0], &b[1], &b[2], &b[3]), 4);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    in->sin_addr.s_addr = htonl(b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3]);
    return a;
}

static uint16_t port_of(const struct env_addr *a)
{
    return ntohs(((const struct sockaddr_in *)&a->sa)->sin_port);
}

/* ---- a loop that does what the test says ---- */

struct actor {
    struct env *env;
    struct env_loop *loop;
    void (*todo)(struct actor *a); /* run on the loop at the next wake */
    void *arg;
    const char *text;
    int wakes, timers, turns, starts, stops;
    int64_t timer_at;
    struct env_listener *listener;
    struct env_pipe *pipe;
    int readable, writable, accepted, accept_errors;
    int rc;
    char in[256];
    size_t in_len;
    size_t unsent; /* behind the last write, or when last looked for */
    ssize_t ended; /* what read said at last: 0 end, < 0 error; 1: nothing yet */
};

static void actor_start(void *ctx)
{
    struct actor *a = ctx;
    CU_ASSERT_EQUAL(a->turns, 0);
    a->starts++;
}

static void actor_wake(void *ctx)
{
    struct actor *a = ctx;
    a->wakes++;
    void (*todo)(struct actor *) = a->todo;
    a->todo = NULL;
    if (todo != NULL)
        todo(a);
}

static void actor_timer(void *ctx)
{
    struct actor *a = ctx;
    a->timers++;
    a->timer_at = env_mono_ns(a->env);
}

static void actor_turn_end(void *ctx)
{
    struct actor *a = ctx;
    CU_ASSERT_EQUAL(a->stops, 0);
    a->turns++;
}

static void actor_stop(void *ctx)
{
    struct actor *a = ctx;
    a->stops++;
    if (a->listener != NULL)
        env_listener_close(a->listener);
    if (a->pipe != NULL)
        env_pipe_close(a->pipe, false);
    a->listener = NULL;
    a->pipe = NULL;
}

static const struct env_loop_handler actor_handler = {.start = actor_start,
                                                      .wake = actor_wake,
                                                      .timer = actor_timer,
                                                      .turn_end = actor_turn_end,
                                                      .stop = actor_stop};

static void actor_new(struct actor *a, struct sim_env *e)
{
    *a = (struct actor){.env = sim_env_base(e), .ended = 1};
    CU_ASSERT_EQUAL_FATAL(env_loop_new(a->env, &actor_handler, a, &a->loop), 0);
}

static void actor_end(struct actor *a)
{
    env_loop_stop(a->loop);
    env_loop_join(a->loop);
    env_loop_free(a->loop);
    CU_ASSERT(a->starts == 1 && a->stops == 1);
}

static void act(struct actor *a, void (*todo)(struct actor *), void *arg)
{
    a->todo = todo;
    a->arg = arg;
    env_loop_wake(a->loop);
}

static void actor_readable(void *ctx)
{
    struct actor *a = ctx;
    a->readable++;
    ssize_t n = env_pipe_read(a->pipe, a->in + a->in_len, sizeof a->in - 1 - a->in_len);
    if (n > 0) {
        a->in_len += (size_t)n;
    } else if (n != -EAGAIN) {
        a->ended = n;
        env_pipe_want(a->pipe, 0);
    }
}

static void actor_writable(void *ctx)
{
    struct actor *a = ctx;
    a->writable++;
    env_pipe_want(a->pipe, ENV_WANT_READ);
}

static const struct env_pipe_handler actor_pipe = {.readable = actor_readable, .writable = actor_writable};

static void actor_acceptable(void *ctx)
{
    struct actor *a = ctx;
    struct env_pipe *p;
    a->rc = env_accept(a->listener, &p);
    if (a->rc < 0) {
        a->accept_errors++;
        env_listener_pause(a->listener, true);
        return;
    }
    a->accepted++;
    a->pipe = p;
    CU_ASSERT_EQUAL(env_pipe_attach(p, a->loop, &actor_pipe, a), 0);
    env_pipe_want(p, ENV_WANT_READ);
}

static void do_listen(struct actor *a)
{
    struct env_addr at = addr("0.0.0.0", 4222);
    a->rc = env_listen(a->loop, &at, 10, actor_acceptable, a, &a->listener);
}

static void do_connect(struct actor *a)
{
    a->rc = env_connect(a->env, a->arg, &a->pipe);
    CU_ASSERT_EQUAL_FATAL(a->rc, 0);
    CU_ASSERT_EQUAL(env_pipe_attach(a->pipe, a->loop, &actor_pipe, a), 0);
    env_pipe_want(a->pipe, ENV_WANT_WRITE);
}

/* Small texts fit into any window; a short write is finished by the next. */
static void do_look_for_unsent(struct actor *a)
{
    a->unsent = env_pipe_unsent(a->pipe);
}

static void do_write(struct actor *a)
{
    const char *text = a->text;
    for (size_t len = strlen(text), done = 0; done < len;) {
        struct iovec iov = {(void *)(uintptr_t)(text + done), len - done};
        ssize_t n = env_pipe_writev(a->pipe, &iov, 1);
        a->rc = n < 0 ? (int)n : 0;
        if (n <= 0)
            return;
        done += (size_t)n;
    }
    do_look_for_unsent(a);
}

static void say(struct actor *a, const char *text)
{
    a->text = text;
    act(a, do_write, NULL);
}

static void do_close(struct actor *a)
{
    env_pipe_close(a->pipe, false);
    a->pipe = NULL;
}

static void do_reset(struct actor *a)
{
    env_pipe_close(a->pipe, true);
    a->pipe = NULL;
}

/* Two machines, a server that listens and a client. */
struct rig {
    struct sched *s;
    struct sim_world *w;
    struct sim_host *host[2];
    struct sim_env *env[2];
    struct actor server, client;
    struct env_addr at;
};

static void rig_new(struct rig *r, uint64_t seed)
{
    *r = (struct rig){.s = sched_new(seed), .at = addr("10.0.0.1", 4222)};
    r->w = sim_world_new(r->s, NULL);
    r->host[0] = sim_host_new(r->w, "10.0.0.1");
    r->host[1] = sim_host_new(r->w, "10.0.0.2");
    for (int i = 0; i < 2; i++)
        r->env[i] = sim_env_new(r->host[i], NULL);
    actor_new(&r->server, r->env[0]);
    actor_new(&r->client, r->env[1]);
    act(&r->server, do_listen, NULL);
    sim_run(r->w, 20 * MS);
    CU_ASSERT_EQUAL_FATAL(r->server.rc, 0);
}

static void rig_connect(struct rig *r)
{
    act(&r->client, do_connect, &r->at);
    sim_run(r->w, 100 * MS);
    CU_ASSERT(r->client.writable == 1 && r->server.accepted == 1);
}

static void rig_free(struct rig *r)
{
    actor_end(&r->client);
    actor_end(&r->server);
    for (int i = 0; i < 2; i++)
        sim_env_free(r->env[i]);
    sim_world_free(r->w);
    sched_free(r->s);
}

/* ---- loops ---- */

static void test_turns(void)
{
    struct rig r;
    rig_new(&r, 1);
    struct actor *a = &r.client;
    CU_ASSERT(a->starts == 1 && a->turns == 1 && a->wakes == 0);
    for (int i = 0; i < 5; i++)
        env_loop_wake(a->loop); /* folded into one */
    sim_run(r.w, 20 * MS);
    CU_ASSERT(a->wakes == 1 && a->turns == 2);
    int64_t at = env_mono_ns(a->env) + 50 * MS;
    env_loop_arm(a->loop, env_mono_ns(a->env) + 10 * MS);
    env_loop_arm(a->loop, at);
    sim_run(r.w, 45 * MS);
    CU_ASSERT_EQUAL(a->timers, 0);
    sim_run(r.w, 50 * MS);
    CU_ASSERT(a->timers == 1 && a->timer_at >= at && a->timer_at < at + 10 * MS);
    sim_run(r.w, SECOND);
    CU_ASSERT_EQUAL(a->timers, 1);
    env_loop_arm(a->loop, env_mono_ns(a->env) + 10 * MS);
    env_loop_arm(a->loop, 0);
    sim_run(r.w, SECOND);
    CU_ASSERT_EQUAL(a->timers, 1);
    rig_free(&r);
}

static void test_clocks(void)
{
    struct rig r;
    rig_new(&r, 2);
    struct env *a = sim_env_base(r.env[0]), *b = sim_env_base(r.env[1]);
    int64_t mono = env_mono_ns(a), wall = env_wall_ns(a);
    CU_ASSERT_NOT_EQUAL(mono, env_mono_ns(b));
    CU_ASSERT_EQUAL(wall, env_wall_ns(b));
    sim_env_skew(r.env[0], -3 * SECOND);
    CU_ASSERT(env_wall_ns(a) == wall - 3 * SECOND && env_mono_ns(a) == mono);
    sim_env_drift(r.env[0], 1000);
    sim_run(r.w, 100 * SECOND);
    CU_ASSERT_EQUAL(env_mono_ns(a), mono + 100 * SECOND + 100 * MS);
    CU_ASSERT_EQUAL(env_wall_ns(a), wall + 97 * SECOND + 100 * MS);
    sim_env_drift(r.env[0], 0);
    sim_run(r.w, 100 * SECOND);
    CU_ASSERT_EQUAL(env_mono_ns(a), mono + 200 * SECOND + 100 * MS);
    CU_ASSERT_EQUAL(env_wall_ns(a), wall + 197 * SECOND + 100 * MS);
    uint8_t x[16], y[16];
    env_random(a, x, sizeof x);
    env_random(a, y, sizeof y);
    CU_ASSERT_NOT_EQUAL(memcmp(x, y, sizeof x), 0);
    rig_free(&r);
}

static void test_freeze(void)
{
    struct rig r;
    rig_new(&r, 3);
    sim_env_freeze(r.env[1], true);
    env_loop_wake(r.client.loop);
    env_loop_arm(r.client.loop, env_mono_ns(r.client.env) + MS);
    sim_run(r.w, SECOND);
    CU_ASSERT(r.client.wakes == 0 && r.client.timers == 0);
    sim_env_freeze(r.env[1], false);
    sim_run(r.w, SECOND);
    CU_ASSERT(r.client.wakes == 1 && r.client.timers == 1);
    rig_free(&r);
}

struct job {
    struct actor *a;
    bool worked;
    int done;
    struct env_addr found[4];
    int count;
};

static void job_work(void *ctx)
{
    struct job *j = ctx;
    j->worked = true;
    j->count = env_resolve(j->a->env, "peer.example", j->found, 4);
}

static void job_done(void *ctx)
{
    struct job *j = ctx;
    CU_ASSERT(j->worked);
    j->done++;
}

static void do_job(struct actor *a)
{
    a->rc = env_job(a->loop, &(struct env_job){.work = job_work, .done = job_done, .ctx = a->arg});
}

static void do_many_jobs(struct actor *a)
{
    int n = 0;
    while ((a->rc = env_job(a->loop, &(struct env_job){.work = job_work, .done = job_done, .ctx = a->arg})) ==
           0)
        n++;
    CU_ASSERT_EQUAL(n, SIM_JOBS_MAX);
}

/* Jobs out when a loop is stopped are still done before its join returns. */
static void test_jobs(void)
{
    struct rig r;
    rig_new(&r, 4);
    struct env_addr out[2];
    CU_ASSERT_EQUAL(env_resolve(r.client.env, "peer.example", out, 2), -ENOENT);
    sim_name(r.w, "peer.example", "10.0.0.1");
    sim_name(r.w, "peer.example", "10.0.0.2");
    CU_ASSERT_EQUAL(env_resolve(r.client.env, "localhost", out, 2), 1);
    CU_ASSERT_EQUAL(env_resolve(r.client.env, "10.1.2.3", out, 2), 1);
    CU_ASSERT_EQUAL(env_resolve(r.client.env, "peer.example", out, 1), 1);
    struct job j = {.a = &r.client};
    act(&r.client, do_job, &j);
    sim_run(r.w, 5 * MS);
    CU_ASSERT(j.done == 1 && j.count == 2);
    struct job many = {.a = &r.server};
    act(&r.server, do_many_jobs, &many);
    sim_run(r.w, MS / 10);
    CU_ASSERT_EQUAL(r.server.rc, -EAGAIN);
    actor_end(&r.server);
    CU_ASSERT_EQUAL(many.done, SIM_JOBS_MAX);
    actor_new(&r.server, r.env[0]); /* for rig_free */
    rig_free(&r);
}

static void do_join(struct actor *a)
{
    struct actor *other = a->arg;
    env_loop_stop(other->loop);
    env_loop_join(other->loop);
    env_loop_free(other->loop);
    a->rc = 77;
}

/* A loop may join another: the rest of the world runs meanwhile. */
static void test_join_inside(void)
{
    struct rig r;
    rig_new(&r, 5);
    struct actor other;
    actor_new(&other, r.env[1]);
    act(&r.client, do_join, &other);
    sim_run(r.w, 100 * MS);
    CU_ASSERT(r.client.rc == 77 && other.stops == 1);
    rig_free(&r);
}

/* ---- pipes ---- */

static void test_pipe(void)
{
    struct rig r;
    rig_new(&r, 6);
    rig_connect(&r);
    say(&r.client, "hello");
    say(&r.server, "INFO {}");
    sim_run(r.w, 100 * MS);
    CU_ASSERT_EQUAL(r.server.unsent, strlen("INFO {}"));
    act(&r.server, do_look_for_unsent, NULL);
    sim_run(r.w, 100 * MS);
    CU_ASSERT_EQUAL(r.server.unsent, 0);
    CU_ASSERT_STRING_EQUAL(r.server.in, "hello");
    CU_ASSERT_STRING_EQUAL(r.client.in, "INFO {}");
    struct env_addr local, peer, there;
    CU_ASSERT_EQUAL(env_pipe_addrs(r.client.pipe, &local, &peer), 0);
    CU_ASSERT(port_of(&peer) == 4222 && memcmp(&peer.sa, &r.at.sa, r.at.len) == 0);
    CU_ASSERT_EQUAL(env_pipe_addrs(r.server.pipe, NULL, &there), 0);
    CU_ASSERT_EQUAL(memcmp(&local.sa, &there.sa, local.len), 0);
    CU_ASSERT_EQUAL(sim_env_fds(r.env[0]), 2);
    /* bytes before the end are read first, then the end, again and again */
    say(&r.client, " bye");
    sim_run(r.w, 20 * MS);
    act(&r.client, do_close, NULL);
    sim_run(r.w, 100 * MS);
    CU_ASSERT_STRING_EQUAL(r.server.in, "hello bye");
    CU_ASSERT_EQUAL(r.server.ended, 0);
    char c;
    CU_ASSERT_EQUAL(env_pipe_read(r.server.pipe, &c, 1), 0);
    /* the first write to who has closed is taken, and answered by a reset */
    say(&r.server, "x");
    sim_run(r.w, 100 * MS);
    CU_ASSERT_EQUAL(r.server.rc, 0);
    say(&r.server, "y");
    sim_run(r.w, 100 * MS);
    CU_ASSERT_EQUAL(r.server.rc, -ECONNRESET);
    CU_ASSERT_EQUAL(sim_env_fds(r.env[1]), 0);
    rig_free(&r);
}

static void test_reset(void)
{
    for (int unread = 0; unread < 2; unread++) {
        struct rig r;
        rig_new(&r, 7);
        rig_connect(&r);
        if (unread) { /* a close that leaves bytes unread is a reset, too */
            env_pipe_want(r.client.pipe, 0);
            say(&r.server, "nobody reads this");
            sim_run(r.w, 100 * MS);
        }
        act(&r.client, unread ? do_close : do_reset, NULL);
        sim_run(r.w, 100 * MS);
        CU_ASSERT_EQUAL(r.server.ended, -ECONNRESET);
        rig_free(&r);
    }
}

static void test_no_listener(void)
{
    struct rig r;
    rig_new(&r, 8);
    struct env_addr closed = addr("10.0.0.1", 4223), nowhere = addr("10.9.9.9", 4222);
    act(&r.client, do_connect, &closed);
    sim_run(r.w, 100 * MS);
    char c;
    CU_ASSERT(r.client.writable == 1 && env_pipe_read(r.client.pipe, &c, 1) == -ECONNREFUSED);
    env_pipe_close(r.client.pipe, false);
    act(&r.client, do_connect, &nowhere);
    sim_run(r.w, 10 * SECOND);
    CU_ASSERT(r.client.writable == 2 && env_pipe_read(r.client.pipe, &c, 1) == -EHOSTUNREACH);
    env_pipe_close(r.client.pipe, false);
    r.client.pipe = NULL;
    struct env_listener *second;
    CU_ASSERT_EQUAL(env_listen(r.server.loop, &closed, 1, actor_acceptable, &r.server, &second), 0);
    struct env_listener *third;
    CU_ASSERT_EQUAL(env_listen(r.server.loop, &closed, 1, actor_acceptable, &r.server, &third), -EADDRINUSE);
    CU_ASSERT_EQUAL(env_listen(r.server.loop, &nowhere, 1, actor_acceptable, &r.server, &third),
                    -EADDRNOTAVAIL);
    env_listener_close(second);
    struct env_addr any = addr("127.0.0.1", 0), got;
    CU_ASSERT_EQUAL(env_listen(r.server.loop, &any, 1, actor_acceptable, &r.server, &second), 0);
    CU_ASSERT_EQUAL(env_listener_addr(second, &got), 0);
    CU_ASSERT(port_of(&got) >= 32768);
    env_listener_close(second);
    rig_free(&r);
}

static void do_unpause(struct actor *a)
{
    env_listener_pause(a->listener, false);
}

/* Out of descriptors: the connection waits, and is accepted later. */
static void test_emfile(void)
{
    for (int how = 0; how < 2; how++) {
        struct rig r;
        rig_new(&r, 9);
        if (how == 0)
            sim_env_fail_accepts(r.env[0], 1, -EMFILE);
        else
            sim_env_limit_fds(r.env[0], 1);
        act(&r.client, do_connect, &r.at);
        sim_run(r.w, 100 * MS);
        CU_ASSERT(r.server.accept_errors == 1 && r.server.rc == -EMFILE && r.server.accepted == 0);
        CU_ASSERT_EQUAL(r.client.writable, 1);
        sim_env_limit_fds(r.env[0], 0);
        act(&r.server, do_unpause, NULL);
        sim_run(r.w, 100 * MS);
        CU_ASSERT_EQUAL(r.server.accepted, 1);
        rig_free(&r);
    }
}

static void test_partition(void)
{
    struct rig r;
    rig_new(&r, 10);
    rig_connect(&r);
    sim_partition(r.w, 1, true);
    say(&r.client, "late");
    sim_run(r.w, 60 * SECOND);
    CU_ASSERT(r.server.in_len == 0 && r.server.ended == 1);
    sim_partition(r.w, 1, false);
    sim_run(r.w, 60 * SECOND);
    CU_ASSERT_STRING_EQUAL(r.server.in, "late");
    /* one way only: what the server says is lost, and at last its pipe breaks; the client hears nothing */
    sim_cut(r.host[0], r.host[1], true);
    say(&r.server, "never");
    sim_run(r.w, 1000 * SECOND);
    CU_ASSERT_EQUAL(r.server.ended, -ETIMEDOUT);
    CU_ASSERT(r.client.in_len == 0 && r.client.ended == 1);
    rig_free(&r);
}

/* A machine that dies says nothing; back again it resets what it does not know. */
static void test_power(void)
{
    struct rig r;
    rig_new(&r, 11);
    rig_connect(&r);
    sim_host_power(r.host[0], false);
    actor_end(&r.server);
    sim_env_free(r.env[0]);
    sim_run(r.w, 10 * SECOND);
    CU_ASSERT_EQUAL(r.client.ended, 1);
    sim_host_power(r.host[0], true);
    r.env[0] = sim_env_new(r.host[0], NULL);
    actor_new(&r.server, r.env[0]);
    act(&r.server, do_listen, NULL);
    sim_run(r.w, 10 * SECOND);
    CU_ASSERT_EQUAL(r.client.ended, 1);
    say(&r.client, "still there?");
    sim_run(r.w, SECOND);
    CU_ASSERT_EQUAL(r.client.ended, -ECONNRESET);
    rig_free(&r);
}

static void test_reset_all(void)
{
    struct rig r;
    rig_new(&r, 12);
    rig_connect(&r);
    sim_reset(r.host[1], NULL);
    sim_run(r.w, 20 * MS);
    CU_ASSERT(r.client.ended == -ECONNRESET && r.server.ended == -ECONNRESET);
    rig_free(&r);
}

/* ---- an echo server on several loops ---- */

#define CLIENTS 24
#define BYTES   60000
#define LOOPS   4

struct echo_conn {
    struct echo_loop *loop;
    struct env_pipe *pipe;
    uint8_t buf[4096];
    size_t from, to;
    bool eof;
};

struct echo_loop {
    struct env *env;
    struct env_loop *loop;
    struct echo_loop *all; /* the first listens and hands over */
    int loops;
    struct env_listener *listener;
    struct env_pipe *handed[CLIENTS]; /* for this loop to take at its next wake */
    int handed_count, next;
    int open, served;
};

static void echo_close(struct echo_conn *c, bool reset)
{
    c->loop->open--;
    env_pipe_close(c->pipe, reset);
    free(c);
}

static void echo_go_on(struct echo_conn *c)
{
    int want = c->to < sizeof c->buf && !c->eof ? ENV_WANT_READ : 0;
    env_pipe_want(c->pipe, want | (c->to > c->from ? ENV_WANT_WRITE : 0));
    if (c->eof && c->to == c->from)
        echo_close(c, false);
}

static void echo_readable(void *ctx)
{
    struct echo_conn *c = ctx;
    ssize_t n = env_pipe_read(c->pipe, c->buf + c->to, sizeof c->buf - c->to);
    if (n < 0 && n != -EAGAIN) {
        echo_close(c, true);
        return;
    }
    c->eof = n == 0;
    c->to += n > 0 ? (size_t)n : 0;
    echo_go_on(c);
}

static void echo_writable(void *ctx)
{
    struct echo_conn *c = ctx;
    size_t half = (c->to - c->from) / 2;
    struct iovec iov[2] = {{c->buf + c->from, half}, {c->buf + c->from + half, c->to - c->from - half}};
    ssize_t n = env_pipe_writev(c->pipe, iov, 2);
    if (n < 0 && n != -EAGAIN) {
        echo_close(c, true);
        return;
    }
    c->from += n > 0 ? (size_t)n : 0;
    if (c->from == c->to)
        c->from = c->to = 0;
    echo_go_on(c);
}

static const struct env_pipe_handler echo_pipe = {.readable = echo_readable, .writable = echo_writable};

static void echo_wake(void *ctx)
{
    struct echo_loop *l = ctx;
    while (l->handed_count > 0) {
        struct echo_conn *c = calloc(1, sizeof *c);
        c->loop = l;
        c->pipe = l->handed[--l->handed_count];
        l->open++;
        l->served++;
        CU_ASSERT_EQUAL(env_pipe_attach(c->pipe, l->loop, &echo_pipe, c), 0);
        env_pipe_want(c->pipe, ENV_WANT_READ);
    }
}

static void echo_acceptable(void *ctx)
{
    struct echo_loop *l = ctx;
    struct env_pipe *p;
    while (env_accept(l->listener, &p) == 0) {
        struct echo_loop *to = &l->all[l->next++ % l->loops];
        to->handed[to->handed_count++] = p;
        env_loop_wake(to->loop);
    }
}

static void echo_start(void *ctx)
{
    struct echo_loop *l = ctx;
    struct env_addr at = addr("10.0.0.1", 7);
    if (l == l->all)
        CU_ASSERT_EQUAL_FATAL(env_listen(l->loop, &at, CLIENTS, echo_acceptable, l, &l->listener), 0);
}

static void echo_turn_end(void *ctx)
{
    (void)ctx;
}

static void echo_stop(void *ctx)
{
    struct echo_loop *l = ctx;
    if (l->listener != NULL)
        env_listener_close(l->listener);
}

static const struct env_loop_handler echo_handler = {
    .start = echo_start, .wake = echo_wake, .turn_end = echo_turn_end, .stop = echo_stop};

/* A client sends BYTES bytes that depend on its number, and checks what comes back. */
struct echo_client {
    struct env *env;
    struct env_pipe *pipe;
    int number, *left;
    size_t sent, got;
};

static uint8_t byte_at(int number, size_t i)
{
    return (uint8_t)(i * 31 + (i >> 8) + (size_t)number);
}

static void client_readable(void *ctx)
{
    struct echo_client *c = ctx;
    uint8_t buf[3000];
    ssize_t n = env_pipe_read(c->pipe, buf, sizeof buf);
    if (n == -EAGAIN)
        return;
    CU_ASSERT_FATAL(n > 0);
    for (ssize_t i = 0; i < n; i++) {
        if (buf[i] != byte_at(c->number, c->got + (size_t)i))
            CU_FAIL_FATAL("wrong byte");
    }
    c->got += (size_t)n;
    if (c->got == BYTES) {
        env_pipe_close(c->pipe, false);
        c->pipe = NULL;
        --*c->left;
    }
}

static void client_writable(void *ctx)
{
    struct echo_client *c = ctx;
    uint8_t buf[5000];
    size_t len = BYTES - c->sent < sizeof buf ? BYTES - c->sent : sizeof buf;
    for (size_t i = 0; i < len; i++)
        buf[i] = byte_at(c->number, c->sent + i);
    struct iovec iov = {buf, len};
    ssize_t n = env_pipe_writev(c->pipe, &iov, 1);
    CU_ASSERT_FATAL(n > 0 || n == -EAGAIN);
    c->sent += n > 0 ? (size_t)n : 0;
    env_pipe_want(c->pipe, ENV_WANT_READ | (c->sent < BYTES ? ENV_WANT_WRITE : 0));
}

static const struct env_pipe_handler client_pipe = {.readable = client_readable, .writable = client_writable};

static void start_clients(struct actor *a)
{
    struct echo_client *c = a->arg;
    struct env_addr at = addr("10.0.0.1", 7);
    for (int i = 0; i < CLIENTS; i++) {
        CU_ASSERT_EQUAL_FATAL(env_connect(a->env, &at, &c[i].pipe), 0);
        CU_ASSERT_EQUAL(env_pipe_attach(c[i].pipe, a->loop, &client_pipe, &c[i]), 0);
        env_pipe_want(c[i].pipe, ENV_WANT_READ | ENV_WANT_WRITE);
    }
}

static bool none_left(void *ctx)
{
    return *(int *)ctx == 0;
}

static uint64_t echo_history(uint64_t seed, int loops)
{
    struct sched *s = sched_new(seed);
    struct sim_world *w = sim_world_new(s, NULL);
    struct sim_env *se = sim_env_new(sim_host_new(w, "10.0.0.1"), NULL);
    struct sim_env *ce = sim_env_new(sim_host_new(w, "10.0.0.2"), NULL);
    static struct echo_loop l[LOOPS];
    static struct echo_client clients[CLIENTS];
    struct actor a;
    int left = CLIENTS;
    for (int i = 0; i < loops; i++) {
        l[i] = (struct echo_loop){.env = sim_env_base(se), .all = l, .loops = loops};
        CU_ASSERT_EQUAL_FATAL(env_loop_new(l[i].env, &echo_handler, &l[i], &l[i].loop), 0);
    }
    sim_run(w, 50 * MS);
    actor_new(&a, ce);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = (struct echo_client){.number = i, .left = &left};
    act(&a, start_clients, clients);
    CU_ASSERT(sim_run_until(w, none_left, &left, 60 * SECOND));
    sim_run(w, SECOND);
    for (int i = 0; i < loops; i++) {
        CU_ASSERT(l[i].open == 0 && l[i].served == CLIENTS / loops);
        env_loop_stop(l[i].loop);
        env_loop_join(l[i].loop);
        env_loop_free(l[i].loop);
    }
    actor_end(&a);
    sim_env_free(se);
    sim_env_free(ce);
    uint64_t digest = sim_world_digest(w);
    sim_world_free(w);
    sched_free(s);
    return digest;
}

static void test_echo(void)
{
    for (int loops = 1; loops <= LOOPS; loops += 3) {
        uint64_t first = echo_history(1, loops);
        CU_ASSERT_EQUAL(echo_history(1, loops), first);
        for (uint64_t seed = 2; seed < 8; seed++)
            CU_ASSERT_NOT_EQUAL(echo_history(seed, loops), first);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_turns),     UNIT_TEST(test_clocks),      UNIT_TEST(test_freeze),
    UNIT_TEST(test_jobs),      UNIT_TEST(test_join_inside), UNIT_TEST(test_pipe),
    UNIT_TEST(test_reset),     UNIT_TEST(test_no_listener), UNIT_TEST(test_emfile),
    UNIT_TEST(test_partition), UNIT_TEST(test_power),       UNIT_TEST(test_reset_all),
    UNIT_TEST(test_echo),
};
UNIT_MAIN("sim_env", tests)
