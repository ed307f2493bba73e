#include "sim/sim_env.h"
#include "sim/sim_world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define US INT64_C(1000)
#define MS INT64_C(1000000)
/* Steps after which a wait is taken for endless. */
#define STEPS_MAX UINT64_C(1000000000)

void sim_must(bool holds, const char *rule)
{
    if (holds)
        return;
    fprintf(stderr, "sim_env: %s\n", rule);
    abort();
}

void *sim_alloc(size_t size)
{
    void *p = calloc(1, size);
    sim_must(p != NULL, "out of memory");
    return p;
}

void sim_note(struct sim_world *w, uint64_t what, uint64_t value)
{
    w->digest = (w->digest ^ what) * UINT64_C(0x100000001b3);
    w->digest = (w->digest ^ value) * UINT64_C(0x100000001b3);
    w->digest ^= w->digest >> 29;
}

/* ---- world ---- */

static int64_t default_time(int64_t v, int64_t otherwise)
{
    return v > 0 ? v : otherwise;
}

struct sim_world *sim_world_new(struct sched *s, const struct sim_options *given)
{
    struct sim_options o = given != NULL ? *given : (struct sim_options){0};
    struct sim_world *w = sim_alloc(sizeof *w);
    w->sched = s;
    w->digest = UINT64_C(0xcbf29ce484222325);
    w->o = (struct sim_options){
        .turn_delay = default_time(o.turn_delay, 20 * US),
        .stall_one_in = o.stall_one_in > 0 ? o.stall_one_in : 500,
        .stall = default_time(o.stall, 5 * MS),
        .latency_min = default_time(o.latency_min, 50 * US),
        .latency_max = default_time(o.latency_max, 500 * US),
        .buffer_min = o.buffer_min > 0 ? o.buffer_min : 4 * 1024,
        .buffer_max = o.buffer_max > 0 ? o.buffer_max : 256 * 1024,
        .split_one_in = o.split_one_in > 0 ? o.split_one_in : 4,
        .job_delay = default_time(o.job_delay, 2 * MS),
        .timer_slack = default_time(o.timer_slack, 1 * MS),
    };
    return w;
}

void sim_world_free(struct sim_world *w)
{
    if (w == NULL)
        return;
    sim_must(w->envs == 0, "a world was freed with envs in it");
    sim_conns_free(w);
    while (w->loops != NULL) { /* freed ones that events still point to */
        struct sim_loop *l = w->loops;
        w->loops = l->next;
        free(l->ready);
        free(l);
    }
    for (unsigned i = 0; i < w->host_count; i++)
        free(w->host[i]);
    while (w->names != NULL) {
        struct sim_name *n = w->names;
        w->names = n->next;
        free(n->name);
        free(n);
    }
    free(w);
}

uint64_t sim_world_digest(const struct sim_world *w)
{
    return w->digest;
}

void sim_run(struct sim_world *w, int64_t ns)
{
    sched_run_until(w->sched, sched_now(w->sched) + ns, STEPS_MAX);
}

bool sim_run_until(struct sim_world *w, bool (*condition)(void *ctx), void *ctx, int64_t ns)
{
    int64_t end = sched_now(w->sched) + ns;
    while (!condition(ctx)) {
        if (sched_run_until(w->sched, end, 1) == 0)
            return condition(ctx);
    }
    return true;
}

void sim_name(struct sim_world *w, const char *name, const char *ip)
{
    struct sim_name *n = sim_alloc(sizeof *n), **end = &w->names;
    n->name = strdup(name);
    sim_must(n->name != NULL && sim_ip_parse(ip, &n->ip), "a name needs a numeric address");
    while (*end != NULL)
        end = &(*end)->next;
    *end = n;
}

/* ---- env ---- */

struct sim_env *sim_env_new(struct sim_host *h, struct disk *disk)
{
    struct sim_env *e = sim_alloc(sizeof *e);
    e->base.ops = &sim_env_ops;
    e->base.disk = disk;
    e->world = h->world;
    e->host = h;
    /* Monotonic time has nothing to do with the wall clock, nor with that of other machines. */
    /* Half of the machines have just booted: their monotonic clock is less than any interval. */
    bool booted = sched_chance(h->world->sched, 0.5);
    int64_t uptime_max = booted ? 60 * 1000 * MS : INT64_C(30) * 24 * 3600 * 1000 * MS;
    e->clock_base = sched_between(h->world->sched, 1, uptime_max);
    e->clock_at = sched_now(h->world->sched);
    h->world->envs++;
    return e;
}

void sim_env_free(struct sim_env *e)
{
    if (e == NULL)
        return;
    sim_must(e->loops == 0, "an env was freed before its loops");
    sim_must(e->fds == 0, "an env was freed with listeners or pipes open");
    e->world->envs--;
    free(e);
}

struct env *sim_env_base(struct sim_env *e)
{
    return &e->base;
}

static int64_t drifted(const struct sim_env *e, int64_t span)
{
    return span + span / 1000000 * e->ppm + span % 1000000 * e->ppm / 1000000;
}

int64_t sim_mono(const struct sim_env *e)
{
    return e->clock_base + drifted(e, sched_now(e->world->sched) - e->clock_at);
}

static int64_t sim_wall(const struct sim_env *e)
{
    int64_t now = sched_now(e->world->sched), span = now - e->clock_at;
    return SIM_EPOCH_NS + now + e->skew + e->wall_ahead + (drifted(e, span) - span);
}

void sim_env_skew(struct sim_env *e, int64_t ns)
{
    e->skew = ns;
    e->wall_ahead = 0;
    e->clock_base = sim_mono(e);
    e->clock_at = sched_now(e->world->sched);
}

void sim_env_drift(struct sim_env *e, int ppm)
{
    int64_t now = sched_now(e->world->sched), span = now - e->clock_at;
    e->wall_ahead += drifted(e, span) - span;
    e->clock_base += drifted(e, span);
    e->clock_at = now;
    e->ppm = ppm;
}

void sim_env_limit_fds(struct sim_env *e, unsigned max)
{
    e->max_fds = max;
}

void sim_env_fail_accepts(struct sim_env *e, unsigned n, int error)
{
    e->accepts_to_fail = n;
    e->accept_error = error;
}

unsigned sim_env_fds(const struct sim_env *e)
{
    return e->fds;
}

static int64_t op_wall(struct env *e)
{
    return sim_wall((struct sim_env *)e);
}

static int64_t op_mono(struct env *e)
{
    return sim_mono((struct sim_env *)e);
}

static void op_random(struct env *e, void *buf, size_t len)
{
    struct sched *s = ((struct sim_env *)e)->world->sched;
    for (uint8_t *p = buf; len > 0; p++, len--)
        *p = (uint8_t)sched_rand(s);
}

static int op_resolve(struct env *e, const char *host, struct env_addr *out, int max)
{
    struct sim_world *w = ((struct sim_env *)e)->world;
    struct sim_ip ip;
    if (max <= 0)
        return 0;
    if (sim_ip_parse(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &ip)) {
        sim_ip_addr(&ip, 0, &out[0]);
        return 1;
    }
    int n = 0;
    for (struct sim_name *i = w->names; i != NULL && n < max; i = i->next) {
        if (strcmp(i->name, host) == 0)
            sim_ip_addr(&i->ip, 0, &out[n++]);
    }
    return n > 0 ? n : -ENOENT;
}

/* ---- loops ---- */

static struct sim_loop *loop_of(struct env_loop *l)
{
    return (struct sim_loop *)l;
}

void sim_loop_check(const struct sim_loop *l)
{
    const struct sim_loop *now = l->world->running;
    sim_must(now == NULL || now == l, "a loop's object was used on another loop");
}

/* Free a loop that its owner has freed and that no event points to. */
static void loop_release(struct sim_loop *l)
{
    if (!l->freed || l->events > 0)
        return;
    if (l->prev != NULL)
        l->prev->next = l->next;
    else
        l->world->loops = l->next;
    if (l->next != NULL)
        l->next->prev = l->prev;
    free(l->ready);
    free(l);
}

static void loop_event(struct sim_loop *l, int64_t delay, sched_fn fn)
{
    l->events++;
    sched_after(l->world->sched, delay, fn, l);
}

/* What can happen in a turn. */
enum item_kind { ITEM_WAKE, ITEM_TIMER, ITEM_DONE, ITEM_ACCEPT, ITEM_PIPE };

struct item {
    enum item_kind kind;
    void *what;
};

struct items {
    struct item *item;
    size_t count, cap;
};

static void add_item(struct items *t, enum item_kind kind, void *what)
{
    if (t->count == t->cap) {
        t->cap = t->cap == 0 ? 16 : 2 * t->cap;
        t->item = realloc(t->item, t->cap * sizeof *t->item);
        sim_must(t->item != NULL, "out of memory");
    }
    t->item[t->count++] = (struct item){kind, what};
}

static bool timer_due(const struct sim_loop *l)
{
    return l->timer != 0 && sim_mono(l->env) >= l->timer;
}

/* All that waits now, in an order of the seed's choice. What comes up meanwhile is for the next turn. */
static void gather(struct sim_loop *l, struct items *t)
{
    if (l->woken && !l->stopped)
        add_item(t, ITEM_WAKE, NULL);
    if (timer_due(l) && !l->stopped)
        add_item(t, ITEM_TIMER, NULL);
    for (struct sim_done *d = l->done; d != NULL; d = d->next)
        add_item(t, ITEM_DONE, d);
    l->done = l->done_last = NULL;
    for (struct sim_listener *s = l->listeners; s != NULL; s = s->next_of_loop) {
        if (sim_listener_ready(s))
            add_item(t, ITEM_ACCEPT, s);
    }
    for (size_t i = 0; i < l->ready_count; i++) {
        l->ready[i]->queued = false;
        add_item(t, ITEM_PIPE, l->ready[i]);
    }
    l->ready_count = 0;
    for (size_t i = t->count; i > 1; i--) {
        size_t k = (size_t)sched_below(l->world->sched, i);
        struct item swap = t->item[i - 1];
        t->item[i - 1] = t->item[k];
        t->item[k] = swap;
    }
}

static void handle_pipe(struct sim_pipe *p)
{
    if (!p->closed && sim_pipe_ready(p, ENV_WANT_READ) && p->handler.readable != NULL)
        p->handler.readable(p->ctx);
    if (!p->closed && sim_pipe_ready(p, ENV_WANT_WRITE) && p->handler.writable != NULL)
        p->handler.writable(p->ctx);
    if (!p->closed)
        sim_pipe_poke(p); /* level-triggered */
}

static void handle_done(struct sim_loop *l, struct sim_done *d)
{
    l->jobs--;
    l->env->jobs--;
    d->job.done(d->job.ctx);
    free(d);
}

static void handle(struct sim_loop *l, struct item item)
{
    sim_note(l->world, 0x100 + (uint64_t)item.kind, l->id);
    switch (item.kind) {
    case ITEM_WAKE:
        l->woken = false;
        if (l->handler.wake != NULL)
            l->handler.wake(l->ctx);
        break;
    case ITEM_TIMER:
        if (!timer_due(l)) /* set anew by a handler before this one */
            break;
        l->timer = 0;
        if (l->handler.timer != NULL)
            l->handler.timer(l->ctx);
        break;
    case ITEM_DONE:
        handle_done(l, item.what);
        break;
    case ITEM_ACCEPT: {
        struct sim_listener *s = item.what;
        if (!s->closed && sim_listener_ready(s))
            s->acceptable(s->ctx);
        break;
    }
    case ITEM_PIPE:
        handle_pipe(item.what);
        break;
    }
}

static void bury(struct sim_loop *l)
{
    while (l->grave != NULL) {
        struct sim_pipe *p = l->grave;
        l->grave = p->next;
        sim_pipe_free(p);
    }
    while (l->listener_grave != NULL) {
        struct sim_listener *s = l->listener_grave;
        l->listener_grave = s->next_of_loop;
        free(s);
    }
}

static bool more_to_do(const struct sim_loop *l)
{
    if (l->done != NULL || l->ready_count > 0)
        return true;
    if (l->stopped)
        return false;
    if (l->woken || l->stopping || timer_due(l))
        return true;
    for (struct sim_listener *s = l->listeners; s != NULL; s = s->next_of_loop) {
        if (sim_listener_ready(s))
            return true;
    }
    return false;
}

/* One turn, as env.h tells it. */
static void run_turn(struct sim_loop *l)
{
    struct items t = {0};
    bool stopping = l->stopping;
    if (!l->started) {
        l->started = true;
        if (l->handler.start != NULL)
            l->handler.start(l->ctx);
    } else {
        gather(l, &t);
        for (size_t i = 0; i < t.count; i++)
            handle(l, t.item[i]);
    }
    free(t.item);
    if (!l->stopped)
        l->handler.turn_end(l->ctx);
    if (stopping && !l->stopped) {
        if (l->handler.stop != NULL)
            l->handler.stop(l->ctx);
        l->stopped = true;
    }
}

static void on_turn(void *ctx)
{
    struct sim_loop *l = ctx;
    struct sim_world *w = l->world;
    l->events--;
    l->turn_scheduled = false;
    if (l->ended || l->env->frozen) {
        loop_release(l);
        return;
    }
    sim_note(w, l->id, (uint64_t)sched_now(w->sched));
    struct sim_loop *outer = w->running;
    w->running = l;
    l->in_turn = true;
    run_turn(l);
    l->in_turn = false;
    w->running = outer;
    bury(l);
    if (l->stopped && l->jobs == 0)
        l->ended = true;
    else if (more_to_do(l))
        sim_loop_due(l);
}

void sim_loop_due(struct sim_loop *l)
{
    struct sim_world *w = l->world;
    if (l->turn_scheduled || l->ended || l->in_turn || l->env->frozen)
        return;
    l->turn_scheduled = true;
    int64_t delay = sched_between(w->sched, 0, w->o.turn_delay);
    if (sched_below(w->sched, w->o.stall_one_in) == 0)
        delay += sched_between(w->sched, 0, w->o.stall);
    loop_event(l, delay, on_turn);
}

static int op_loop_new(struct env *base, const struct env_loop_handler *h, void *ctx, struct env_loop **out)
{
    struct sim_env *e = (struct sim_env *)base;
    struct sim_loop *l = sim_alloc(sizeof *l);
    sim_must(h->turn_end != NULL, "a loop needs turn_end");
    l->base.ops = &sim_env_ops;
    l->world = e->world;
    l->env = e;
    l->handler = *h;
    l->ctx = ctx;
    l->id = ++e->world->next_loop;
    l->timer_at = INT64_MAX;
    l->next = e->world->loops;
    if (l->next != NULL)
        l->next->prev = l;
    e->world->loops = l;
    e->loops++;
    *out = &l->base;
    sim_loop_due(l);
    return 0;
}

static void op_loop_wake(struct env_loop *base)
{
    struct sim_loop *l = loop_of(base);
    l->woken = true;
    sim_loop_due(l);
}

static void look_at_timer(struct sim_loop *l);

static void on_timer(void *ctx)
{
    struct sim_loop *l = ctx;
    l->events--;
    if (!l->ended && l->timer_at == sched_now(l->world->sched)) {
        l->timer_at = INT64_MAX;
        if (timer_due(l))
            sim_loop_due(l);
        else
            look_at_timer(l);
    }
    loop_release(l);
}

/* Have an event when the timer is due; one that comes too early looks again. */
static void look_at_timer(struct sim_loop *l)
{
    struct sim_world *w = l->world;
    if (l->timer == 0 || l->stopped)
        return;
    int64_t left = l->timer - sim_mono(l->env);
    if (left > 0)
        left += left / 1000000 * -l->env->ppm + 1 + sched_between(w->sched, 0, w->o.timer_slack);
    else
        left = 0;
    if (l->timer_at <= sched_now(w->sched) + left)
        return;
    l->timer_at = sched_now(w->sched) + left;
    loop_event(l, left, on_timer);
}

static void op_loop_arm(struct env_loop *base, int64_t mono_ns)
{
    struct sim_loop *l = loop_of(base);
    sim_loop_check(l);
    l->timer = mono_ns;
    look_at_timer(l);
}

static void op_loop_stop(struct env_loop *base)
{
    struct sim_loop *l = loop_of(base);
    l->stopping = true;
    l->woken = true; /* as in the real world it may wake for that */
    sim_loop_due(l);
}

static void op_loop_join(struct env_loop *base)
{
    struct sim_loop *l = loop_of(base);
    struct sim_world *w = l->world;
    sim_must(w->running != l, "a loop joined itself");
    struct sim_loop *outer = w->running;
    w->running = NULL;
    for (uint64_t steps = 0; !l->ended; steps++)
        sim_must(steps < STEPS_MAX && sched_step(w->sched), "a loop was joined that never ends");
    w->running = outer;
    sim_must(l->listeners == NULL && l->ready_count == 0, "a loop has ended with listeners or pipes open");
    l->joined = true;
}

static void op_loop_free(struct env_loop *base)
{
    struct sim_loop *l = loop_of(base);
    sim_must(l->joined, "a loop was freed before it was joined");
    l->env->loops--;
    l->freed = true;
    loop_release(l);
}

void sim_env_freeze(struct sim_env *e, bool frozen)
{
    e->frozen = frozen;
    for (struct sim_loop *l = e->world->loops; l != NULL && !frozen; l = l->next) {
        if (l->env == e && !l->ended && (!l->started || more_to_do(l)))
            sim_loop_due(l);
    }
}

/* ---- jobs ---- */

static void on_work(void *ctx)
{
    struct sim_done *d = ctx;
    struct sim_loop *l = d->loop, *outer = l->world->running;
    if (l->env->frozen) {
        sched_after(l->world->sched, MS, on_work, d);
        return;
    }
    l->world->running = NULL;
    d->job.work(d->job.ctx);
    l->world->running = outer;
    if (l->done_last != NULL)
        l->done_last->next = d;
    else
        l->done = d;
    l->done_last = d;
    sim_loop_due(l);
}

static int op_job(struct env_loop *base, const struct env_job *job)
{
    struct sim_loop *l = loop_of(base);
    struct sim_world *w = l->world;
    sim_loop_check(l);
    if (l->env->jobs == SIM_JOBS_MAX)
        return -EAGAIN;
    struct sim_done *d = sim_alloc(sizeof *d);
    d->job = *job;
    d->loop = l;
    l->jobs++;
    l->env->jobs++;
    sched_after(w->sched, sched_between(w->sched, 0, w->o.job_delay), on_work, d);
    return 0;
}

const struct env_ops sim_env_ops = {
    .wall_ns = op_wall,
    .mono_ns = op_mono,
    .random = op_random,
    .loop_new = op_loop_new,
    .loop_wake = op_loop_wake,
    .loop_arm = op_loop_arm,
    .loop_stop = op_loop_stop,
    .loop_join = op_loop_join,
    .loop_free = op_loop_free,
    .listen = sim_listen,
    .listener_addr = sim_listener_addr,
    .accept = sim_accept,
    .listener_pause = sim_listener_pause,
    .listener_close = sim_listener_close,
    .connect = sim_connect,
    .pipe_attach = sim_pipe_attach,
    .pipe_want = sim_pipe_want,
    .pipe_read = sim_pipe_read,
    .pipe_writev = sim_pipe_writev,
    .pipe_unsent = sim_pipe_unsent,
    .pipe_close = sim_pipe_close,
    .pipe_addrs = sim_pipe_addrs,
    .job = op_job,
    .resolve = op_resolve,
};
