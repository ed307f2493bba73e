#include "net/loop.h"

#include "net/conn.h"
#include "net/direct.h"

#include <errno.h>
#include <stdlib.h>

#define RBUF_SIZE ((size_t)2 * NET_READ_SIZE)

void net_enter(struct net_loop *l)
{
    if (l->reader.online)
        return;
    epoch_enter(&l->reader);
    l->now = env_mono_ns(l->env);
}

/* ---- inbox ---- */

void net_post(struct net_loop *l, struct net_task *task)
{
    struct net_task *head = atomic_load(&l->inbox);
    do {
        task->next = head;
    } while (!atomic_compare_exchange_weak(&l->inbox, &head, task));
    if (head == NULL)
        env_loop_wake(l->el);
}

void net_drain_inbox(struct net_loop *l)
{
    if (atomic_load_explicit(&l->inbox, memory_order_relaxed) == NULL)
        return;
    struct net_task *newest = atomic_exchange(&l->inbox, NULL), *oldest = NULL;
    while (newest != NULL) {
        struct net_task *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct net_task *next = oldest->next;
        oldest->fn(oldest, l);
        oldest = next;
    }
}

/* ---- outboxes ---- */

static void hand_over(struct outbox *o)
{
    struct net_loop *l = o->owner;
    struct outbox *head = atomic_load(&l->foreign);
    do {
        o->next = head;
    } while (!atomic_compare_exchange_weak(&l->foreign, &head, o));
    if (head == NULL)
        env_loop_wake(l->el);
}

void net_touched_flush(struct touched *t, struct net_loop *self)
{
    struct outbox *o = t->head;
    int direct = self == NULL ? 0 : DIRECT_TURN; /* who is no loop has no epoch that keeps a connection */
    t->head = NULL;
    while (o != NULL) {
        struct outbox *next = o->next;
        if (o->owner == self)
            net_conn_flush(net_conn_of(o));
        else if (direct-- <= 0 || !net_direct_write(net_conn_of(o)))
            hand_over(o);
        o = next;
    }
}

static void flush_foreign(struct net_loop *l)
{
    if (atomic_load_explicit(&l->foreign, memory_order_relaxed) == NULL)
        return;
    struct touched t = {atomic_exchange(&l->foreign, NULL)};
    net_touched_flush(&t, l);
}

/* ---- timers ---- */

static void arm_env(struct net_loop *l)
{
    env_loop_arm(l->el, net_timers_next(&l->timers));
}

bool net_arm(struct net_loop *l, struct net_timer *t, int64_t at, void (*fn)(void *ctx), void *ctx)
{
    int64_t before = net_timers_next(&l->timers);
    bool ok = net_timer_arm(&l->timers, t, at, fn, ctx);
    if (net_timers_next(&l->timers) != before)
        arm_env(l);
    return ok;
}

void net_disarm(struct net_loop *l, struct net_timer *t)
{
    /* The env's timer may fire early for nothing; that is cheaper than setting it anew each time. */
    net_timer_disarm(&l->timers, t);
}

/* ---- the turn ---- */

static void on_start(void *ctx)
{
    struct net_loop *l = ctx;
    net_enter(l);
    if (l->group->config.loop_start != NULL)
        l->group->config.loop_start(l, l->group->config.ctx);
}

static void on_wake(void *ctx)
{
    struct net_loop *l = ctx;
    net_enter(l);
    net_drain_inbox(l);
}

static void on_timer(void *ctx)
{
    struct net_loop *l = ctx;
    net_enter(l);
    l->now = env_mono_ns(l->env);
    net_timers_run(&l->timers, l->now);
    arm_env(l);
}

static void on_turn_end(void *ctx)
{
    struct net_loop *l = ctx;
    net_enter(l);
    /* Flushing may close connections, and that may touch others (their owners learn of it): until quiet. */
    for (int round = 0; round < 8; round++) {
        flush_foreign(l);
        if (l->touched.head == NULL)
            break;
        net_touched_flush(&l->touched, l);
    }
    if (l->touched.head != NULL)
        env_loop_wake(l->el);
    epoch_leave(&l->reader);
    epoch_collect(&l->reader, EPOCH_COLLECT_TURN);
}

static void on_stop(void *ctx)
{
    struct net_loop *l = ctx;
    net_enter(l);
    l->stopping = true;
    net_drain_inbox(l);
    while (l->conns != NULL)
        net_conn_close_now(l->conns, 0);
    net_drain_inbox(l);
    flush_foreign(l);
    net_touched_flush(&l->touched, l);
    if (l->group->config.loop_stop != NULL)
        l->group->config.loop_stop(l, l->group->config.ctx);
    epoch_leave(&l->reader);
    epoch_collect(&l->reader, EPOCH_COLLECT_TURN);
}

static const struct env_loop_handler loop_handler = {
    .start = on_start,
    .wake = on_wake,
    .timer = on_timer,
    .turn_end = on_turn_end,
    .stop = on_stop,
};

/* ---- the group ---- */

static int loop_open(struct net_loops *g, unsigned index)
{
    struct net_loop *l = &g->loops[index];
    l->env = g->env;
    l->group = g;
    l->index = index;
    atomic_init(&l->inbox, NULL);
    atomic_init(&l->foreign, NULL);
    l->rbuf_size = RBUF_SIZE;
    l->rbuf = malloc(l->rbuf_size);
    if (l->rbuf == NULL)
        return -ENOMEM;
    epoch_reader_join(&l->reader, g->config.epochs);
    return env_loop_new(g->env, &loop_handler, l, &l->el);
}

static void loop_close(struct net_loop *l)
{
    if (l->reader.domain != NULL) {
        epoch_leave(&l->reader); /* a job that ended after the last turn may have entered */
        epoch_reader_leave(&l->reader);
    }
    net_timers_free(&l->timers);
    free(l->rbuf);
}

struct net_loops *net_loops_new(struct env *env, const struct net_loops_config *config, int *err)
{
    size_t size = sizeof(struct net_loops) + config->count * sizeof(struct net_loop);
    struct net_loops *g = aligned_alloc(alignof(struct net_loops), size); /* readers fill cache lines */
    if (g == NULL) {
        *err = -ENOMEM;
        return NULL;
    }
    memset(g, 0, size);
    g->env = env;
    g->config = *config;
    for (; g->count < config->count; g->count++) {
        *err = loop_open(g, g->count);
        if (*err < 0) {
            loop_close(&g->loops[g->count]);
            net_loops_free(g);
            return NULL;
        }
    }
    return g;
}

void net_conn_gone(struct net_loop *l)
{
    if (l->stopping && l->conns == NULL)
        env_loop_stop(l->el);
}

static void begin_stop(struct net_task *task, struct net_loop *l)
{
    (void)task;
    struct net_conn *next;
    l->stopping = true;
    for (struct net_conn *c = l->conns; c != NULL; c = next) {
        next = c->next;
        if (!c->closing)
            c->handler->down(c, NET_DOWN_SHUTDOWN, 0);
    }
    net_conn_gone(l);
}

void net_loops_free(struct net_loops *g)
{
    for (unsigned i = 0; i < g->count; i++) {
        g->loops[i].stop_task.fn = begin_stop;
        net_post(&g->loops[i], &g->loops[i].stop_task);
    }
    for (unsigned i = 0; i < g->count; i++)
        env_loop_join(g->loops[i].el);
    /* One that still ran may have posted to one that had ended (an accepted connection, a gather), or have
     * handed it the outbox of a closed connection: free those, and no loop before. */
    for (unsigned i = 0; i < g->count; i++)
        net_drain_inbox(&g->loops[i]);
    for (unsigned i = 0; i < g->count; i++)
        net_touched_flush(&g->loops[i].touched, NULL);
    for (unsigned i = 0; i < g->count; i++)
        flush_foreign(&g->loops[i]);
    for (unsigned i = 0; i < g->count; i++) {
        env_loop_free(g->loops[i].el);
        loop_close(&g->loops[i]);
    }
    free(g);
}

/* ---- barrier and gather ---- */

struct gather_task {
    struct net_task task;
    struct gather *gather;
};

struct gather {
    atomic_uint left;
    void (*each)(struct net_loop *l, void *ctx);
    void (*done)(void *ctx);
    void *ctx;
    struct gather_task tasks[];
};

static void gather_run(struct net_task *task, struct net_loop *l)
{
    struct gather *g = ((struct gather_task *)task)->gather;
    g->each(l, g->ctx);
    if (atomic_fetch_sub(&g->left, 1) != 1)
        return;
    if (g->done != NULL)
        g->done(g->ctx);
    free(g);
}

int net_gather(struct net_loops *loops, void (*each)(struct net_loop *l, void *ctx), void (*done)(void *ctx),
               void *ctx)
{
    struct gather *g = malloc(sizeof *g + loops->count * sizeof g->tasks[0]);
    if (g == NULL)
        return -ENOMEM;
    atomic_init(&g->left, loops->count);
    g->each = each;
    g->done = done;
    g->ctx = ctx;
    for (unsigned i = 0; i < loops->count; i++) {
        g->tasks[i] = (struct gather_task){.task = {.fn = gather_run}, .gather = g};
    }
    /* The last post may free g before this loop ends: count by what the group says. */
    for (unsigned i = 0, n = loops->count; i < n; i++)
        net_post(&loops->loops[i], &g->tasks[i].task);
    return 0;
}
