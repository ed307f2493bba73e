#include "net/timers.h"

#include <stdlib.h>

void net_timers_free(struct net_timers *t)
{
    free(t->heap);
    *t = (struct net_timers){0};
}

static void place(struct net_timers *t, size_t i, struct net_timer *timer)
{
    t->heap[i] = timer;
    timer->slot = i + 1;
}

static void sift_up(struct net_timers *t, size_t i, struct net_timer *timer)
{
    while (i > 0 && timer->at < t->heap[(i - 1) / 2]->at) {
        place(t, i, t->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(t, i, timer);
}

static void sift_down(struct net_timers *t, size_t i, struct net_timer *timer)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= t->count)
            break;
        if (child + 1 < t->count && t->heap[child + 1]->at < t->heap[child]->at)
            child++;
        if (t->heap[child]->at >= timer->at)
            break;
        place(t, i, t->heap[child]);
        i = child;
    }
    place(t, i, timer);
}

bool net_timer_arm(struct net_timers *t, struct net_timer *timer, int64_t at, void (*fn)(void *ctx),
                   void *ctx)
{
    net_timer_disarm(t, timer);
    if (t->count == t->cap) {
        size_t cap = t->cap == 0 ? 64 : 2 * t->cap;
        struct net_timer **heap = realloc(t->heap, cap * sizeof *heap);
        if (heap == NULL)
            return false;
        t->heap = heap;
        t->cap = cap;
    }
    timer->at = at;
    timer->fn = fn;
    timer->ctx = ctx;
    sift_up(t, t->count++, timer);
    return true;
}

void net_timer_disarm(struct net_timers *t, struct net_timer *timer)
{
    if (timer->slot == 0)
        return;
    size_t i = timer->slot - 1;
    timer->slot = 0;
    struct net_timer *last = t->heap[--t->count];
    if (last == timer)
        return;
    if (i > 0 && last->at < t->heap[(i - 1) / 2]->at)
        sift_up(t, i, last);
    else
        sift_down(t, i, last);
}

int64_t net_timers_next(const struct net_timers *t)
{
    return t->count == 0 ? 0 : t->heap[0]->at;
}

void net_timers_run(struct net_timers *t, int64_t now)
{
    /* At most as many as are armed now: timers that re-arm themselves into the past cannot hold the loop. */
    for (size_t left = t->count; left > 0 && t->count > 0 && t->heap[0]->at <= now; left--) {
        struct net_timer *timer = t->heap[0];
        net_timer_disarm(t, timer);
        timer->fn(timer->ctx);
    }
}
