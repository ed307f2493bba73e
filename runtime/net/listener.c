#include "net/listener.h"

#include <errno.h>
#include <stdlib.h>

#define BACKLOG      4096
#define ACCEPT_BATCH 64 /* connections taken before others get their turn */
#define SLEEP_MAX_MS 1000
#define NS_PER_MS    1000000

struct net_listener {
    struct net_loops *group;
    struct net_listener_handler handler;
    void *ctx;
    struct env_listener *socket; /* NULL when closed */
    unsigned next_loop;
    int sleep_ms; /* of the last pause; 0 when the last accept went well */
    struct net_timer wake;
};

/* A pipe on its way to the loop that is to own it. */
struct handover {
    struct net_task task;
    struct net_listener *listener;
    struct env_pipe *pipe;
};

static void take_over(struct net_task *task, struct net_loop *l)
{
    struct handover *h = (struct handover *)task;
    if (l->stopping)
        env_pipe_close(h->pipe, false);
    else
        h->listener->handler.accepted(l, h->pipe, h->listener->ctx);
    free(h);
}

static void resume(void *ctx)
{
    struct net_listener *s = ctx;
    if (s->socket != NULL)
        env_listener_pause(s->socket, false);
}

static void pause_accepting(struct net_listener *s, int err)
{
    s->sleep_ms = s->sleep_ms == 0 ? NET_LISTENER_PAUSE_MS : 2 * s->sleep_ms;
    if (s->sleep_ms > SLEEP_MAX_MS)
        s->sleep_ms = SLEEP_MAX_MS;
    struct net_loop *l = &s->group->loops[0];
    env_listener_pause(s->socket, true);
    net_arm(l, &s->wake, l->now + (int64_t)s->sleep_ms * NS_PER_MS, resume, s);
    s->handler.trouble(err, s->sleep_ms, s->ctx);
}

static void on_acceptable(void *ctx)
{
    struct net_listener *s = ctx;
    net_enter(&s->group->loops[0]);
    for (int i = 0; i < ACCEPT_BATCH && s->socket != NULL; i++) {
        struct env_pipe *pipe;
        int err = env_accept(s->socket, &pipe);
        if (err == -EAGAIN)
            return;
        if (err < 0) {
            pause_accepting(s, err);
            return;
        }
        s->sleep_ms = 0;
        struct handover *h = malloc(sizeof *h);
        if (h == NULL) {
            env_pipe_close(pipe, true);
            s->handler.trouble(-ENOMEM, 0, s->ctx);
            return;
        }
        *h = (struct handover){.task = {.fn = take_over}, .listener = s, .pipe = pipe};
        net_post(&s->group->loops[s->next_loop], &h->task);
        s->next_loop = (s->next_loop + 1) % s->group->count;
    }
}

struct net_listener *net_listener_new(struct net_loops *g, const struct net_listener_handler *h, void *ctx)
{
    struct net_listener *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->group = g;
    s->handler = *h;
    s->ctx = ctx;
    return s;
}

int net_listener_open(struct net_listener *s, const struct env_addr *addr, struct env_addr *bound)
{
    int err = env_listen(s->group->loops[0].el, addr, BACKLOG, on_acceptable, s, &s->socket);
    if (err < 0) {
        s->socket = NULL;
        return err;
    }
    return env_listener_addr(s->socket, bound);
}

bool net_listener_close(struct net_listener *s)
{
    if (s->socket == NULL)
        return false;
    net_disarm(&s->group->loops[0], &s->wake);
    env_listener_close(s->socket);
    s->socket = NULL;
    return true;
}

void net_listener_free(struct net_listener *s)
{
    free(s);
}
