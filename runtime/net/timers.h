/* timers.h: the timers of one loop, a binary heap over deadlines.
 *
 * A timer is a field of whatever owns it. Owner thread: the loop. Times are monotonic nanoseconds. A timer
 * that is armed must be disarmed before its memory goes away. */
#ifndef NET_TIMERS_H
#define NET_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_timer {
    int64_t at;
    void (*fn)(void *ctx);
    void *ctx;
    size_t slot; /* 1 + index in the heap; 0 when not armed */
};

struct net_timers {
    struct net_timer **heap;
    size_t count, cap;
};

void net_timers_free(struct net_timers *t);

/* Arm (or move) a timer. false when out of memory: it is then not armed. */
bool net_timer_arm(struct net_timers *t, struct net_timer *timer, int64_t at, void (*fn)(void *ctx),
                   void *ctx);
void net_timer_disarm(struct net_timers *t, struct net_timer *timer);

static inline bool net_timer_armed(const struct net_timer *timer)
{
    return timer->slot != 0;
}

/* The earliest deadline, 0 when none is armed. */
int64_t net_timers_next(const struct net_timers *t);

/* Disarm and run every timer due at `now`. One that arms itself again for `now` or earlier waits for the next
 * call. */
void net_timers_run(struct net_timers *t, int64_t now);

#endif
