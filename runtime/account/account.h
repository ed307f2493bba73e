/* account.h: a tenant. It has its own subject space (sublist), its limits and its counters.
 *
 * Accounts are made from configuration by accounts.h and survive reloads under their name, so that their
 * connections and subscriptions do. An account is counted: each table that lists it and each connection
 * bound to it hold a reference; with the last one it is retired by epoch, so a reader that found it in a
 * table may use it until epoch_leave without a reference.
 *
 * Threads: all functions may be called from any thread. */
#ifndef ACCOUNT_ACCOUNT_H
#define ACCOUNT_ACCOUNT_H

#include "base/ledger.h"
#include "interest/sublist.h"

#define ACCOUNT_GLOBAL "$G"
#define ACCOUNT_SYSTEM "$SYS"

/* Traffic of one loop: written by it alone (account_count), read by anybody. */
struct account_cell {
    alignas(64) _Atomic uint64_t in_msgs;
    _Atomic uint64_t in_bytes;
    _Atomic uint64_t out_msgs;
    _Atomic uint64_t out_bytes;
    _Atomic uint64_t slow_consumers;
};

struct account_limits {
    int64_t connections; /* clients and leaf nodes; -1: unlimited, as for all */
    int64_t leafnodes;
    int64_t subscriptions; /* of each connection */
    int64_t payload;       /* bytes of a message */
};

struct account {
    struct epoch_node dead; /* private */
    _Atomic int64_t refs;   /* private */
    uint64_t id;            /* unique while the process lives; the sublist's, too */
    struct sublist *sublist;
    struct ledger connections; /* reserved when a client binds; used / limit */
    struct ledger leafnodes;
    _Atomic int64_t max_subscriptions; /* limits of each connection; -1: unlimited */
    _Atomic int64_t max_payload;
    _Atomic int64_t clients_ever; /* connections that were ever bound */
    _Atomic bool system;
    unsigned slots; /* cells */
    struct account_cell *cells;
    slice nkey; /* in `bytes` */
    slice name;
    uint8_t bytes[]; /* private: name, nkey */
};

/* One reference is the caller's. `id` also makes it the id of the sublist. NULL when out of memory. */
struct account *account_new(slice name, slice nkey, uint64_t id, uint64_t seed, unsigned slots);

void account_set_limits(struct account *a, const struct account_limits *limits);

/* A reference more, for who holds one or has found the account in a table and is online. NULL when it has
 * just lost its last one (the account was removed by a reload). */
struct account *account_ref(struct account *a);

/* Gives a reference back; with the last one the account is retired by `r`. NULL is allowed. */
void account_unref(struct account *a, struct epoch_reader *r);

/* Binds a client: takes a reference and a place among the connections. False when the limit is reached (or
 * the account was just removed). */
bool account_bind(struct account *a);

/* Undoes account_bind. */
void account_unbind(struct account *a, struct epoch_reader *r);

/* [the loop of that slot] */
static inline void account_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

struct account_traffic {
    uint64_t in_msgs, in_bytes, out_msgs, out_bytes, slow_consumers;
};

void account_traffic(const struct account *a, struct account_traffic *out);

#endif
