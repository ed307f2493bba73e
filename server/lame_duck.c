#include "server/lame_duck.h"

#include "net/conn.h"
#include <stdlib.h>

#define SECOND   ((int64_t)1000000000)
#define STEP_MIN ((int64_t)1000000) /* ns; with more clients than that, several are closed at once */

static struct net_loop *first_loop(const struct lame_duck *d)
{
    return &d->host->loops->loops[0];
}

static void tell_clients(struct net_loop *l, void *ctx)
{
    (void)ctx;
    for (struct net_conn *c = l->conns; c != NULL; c = c->next)
        client_send_lame_duck(client_of(c));
}

/* One round of closing: each loop takes its share of the connections to close now. */
struct close_round {
    _Atomic int64_t left;
};

static void close_some(struct net_loop *l, void *ctx)
{
    struct close_round *r = ctx;
    struct net_conn *next;
    for (struct net_conn *c = l->conns; c != NULL; c = next) {
        next = c->next;
        if (c->closing)
            continue;
        if (atomic_fetch_sub(&r->left, 1) <= 0)
            return;
        client_close(client_of(c), CLOSE_SHUTDOWN);
    }
}

static void on_step(void *ctx);

/* Half of the base interval at least, the base at most. */
static void schedule(struct lame_duck *d)
{
    uint64_t random;
    env_random(d->host->env, &random, sizeof random);
    int64_t half = d->interval / 2;
    int64_t delay = half + (int64_t)(random % (uint64_t)(half + 1));
    net_arm(first_loop(d), &d->timer, first_loop(d)->now + delay, on_step, d);
}

static void round_done(void *ctx)
{
    free(ctx);
}

static void on_step(void *ctx)
{
    struct lame_duck *d = ctx;
    if (ledger_used(&d->host->connections) <= 0) {
        d->done(d->ctx);
        return;
    }
    struct close_round *r = malloc(sizeof *r);
    if (r != NULL) {
        atomic_init(&r->left, d->per_close);
        if (net_gather(d->host->loops, close_some, round_done, r) < 0)
            free(r); /* no memory now: the next step tries again */
    }
    schedule(d);
}

static void on_grace_over(void *ctx)
{
    struct lame_duck *d = ctx;
    log_inf(d->host->log, "Closing existing clients");
    int64_t clients = ledger_used(&d->host->connections), time = d->duration - d->grace;
    d->interval = time / (clients > 0 ? clients : 1);
    d->per_close = 1;
    if (d->interval > SECOND)
        d->interval = SECOND;
    if (d->interval < STEP_MIN) {
        d->interval = STEP_MIN;
        d->per_close = clients / (time / STEP_MIN) + 1;
    }
    on_step(d);
}

void lame_duck_start(struct lame_duck *d)
{
    if (d->started)
        return;
    d->started = true;
    if (ledger_used(&d->host->connections) <= 0) {
        d->done(d->ctx);
        return;
    }
    if (net_gather(d->host->loops, tell_clients, NULL, NULL) < 0)
        log_err(d->host->log, "out of memory: clients are not told of lame duck mode");
    net_arm(first_loop(d), &d->timer, first_loop(d)->now + d->grace, on_grace_over, d);
}

void lame_duck_stop(struct lame_duck *d)
{
    if (d->started)
        net_disarm(first_loop(d), &d->timer);
}
