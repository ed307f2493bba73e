/* ledger.h: a limited quantity that is reserved before it is used.
 *
 * Connections, subscriptions, storage: whoever wants some reserves it first, atomically, from any thread; a
 * refused reservation changes nothing, so two racing for the last place never both get it. The limit may
 * change at any time (reload); what is over a lowered limit stays until released. */
#ifndef BASE_LEDGER_H
#define BASE_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LEDGER_UNLIMITED (-1)

struct ledger {
    _Atomic int64_t used;
    _Atomic int64_t limit; /* LEDGER_UNLIMITED (or any negative number), else at most so much */
};

static inline void ledger_init(struct ledger *l, int64_t limit)
{
    atomic_init(&l->used, 0);
    atomic_init(&l->limit, limit);
}

/* [any] Takes n (not negative) if all of it fits. */
static inline bool ledger_reserve(struct ledger *l, int64_t n)
{
    int64_t limit = atomic_load_explicit(&l->limit, memory_order_relaxed);
    int64_t used = atomic_load_explicit(&l->used, memory_order_relaxed);
    do {
        if (limit >= 0 && (used > limit || n > limit - used))
            return false;
    } while (!atomic_compare_exchange_weak(&l->used, &used, used + n));
    return true;
}

/* [any] Takes n whatever the limit says (what is there already and must be counted). */
static inline void ledger_take(struct ledger *l, int64_t n)
{
    atomic_fetch_add(&l->used, n);
}

/* [any] Gives n back. */
static inline void ledger_release(struct ledger *l, int64_t n)
{
    atomic_fetch_sub(&l->used, n);
}

static inline void ledger_set_limit(struct ledger *l, int64_t limit)
{
    atomic_store(&l->limit, limit);
}

static inline int64_t ledger_used(const struct ledger *l)
{
    return atomic_load_explicit(&l->used, memory_order_relaxed);
}

static inline int64_t ledger_limit(const struct ledger *l)
{
    return atomic_load_explicit(&l->limit, memory_order_relaxed);
}

#endif
