/* An account's life. */
#include "account/account.h"

#include <stdlib.h>

struct account *account_new(slice name, slice nkey, uint64_t id, uint64_t seed, unsigned slots)
{
    struct sublist_options opt = {.id = id, .seed = seed, .slots = slots};
    struct account *a = calloc(1, sizeof(*a) + name.len + nkey.len);
    if (a == NULL)
        return NULL;
    size_t size = slots * sizeof(struct account_cell);
    a->cells = aligned_alloc(alignof(struct account_cell), size);
    a->sublist = sublist_new(&opt);
    if (a->cells == NULL || a->sublist == NULL) {
        if (a->sublist != NULL)
            sublist_free(a->sublist);
        free(a->cells);
        free(a);
        return NULL;
    }
    memset(a->cells, 0, size);
    atomic_init(&a->refs, 1);
    a->id = id;
    a->slots = slots;
    memcpy(a->bytes, name.ptr, name.len);
    a->name = slice_make(a->bytes, name.len);
    if (nkey.len > 0)
        memcpy(a->bytes + name.len, nkey.ptr, nkey.len);
    a->nkey = slice_make(a->bytes + name.len, nkey.len);
    ledger_init(&a->connections, LEDGER_UNLIMITED);
    ledger_init(&a->leafnodes, LEDGER_UNLIMITED);
    atomic_init(&a->max_subscriptions, -1);
    atomic_init(&a->max_payload, -1);
    return a;
}

void account_set_limits(struct account *a, const struct account_limits *limits)
{
    ledger_set_limit(&a->connections, limits->connections);
    ledger_set_limit(&a->leafnodes, limits->leafnodes);
    atomic_store(&a->max_subscriptions, limits->subscriptions);
    atomic_store(&a->max_payload, limits->payload);
}

struct account *account_ref(struct account *a)
{
    int64_t refs = atomic_load_explicit(&a->refs, memory_order_relaxed);
    do {
        if (refs == 0)
            return NULL;
    } while (!atomic_compare_exchange_weak(&a->refs, &refs, refs + 1));
    return a;
}

static void account_dead(struct epoch_node *node)
{
    struct account *a = (struct account *)node;
    sublist_free(a->sublist);
    free(a->cells);
    free(a);
}

void account_unref(struct account *a, struct epoch_reader *r)
{
    if (a != NULL && atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) == 1)
        epoch_retire(r, &a->dead, account_dead);
}

bool account_bind(struct account *a)
{
    if (!ledger_reserve(&a->connections, 1))
        return false;
    if (account_ref(a) == NULL) {
        ledger_release(&a->connections, 1);
        return false;
    }
    atomic_fetch_add_explicit(&a->clients_ever, 1, memory_order_relaxed);
    return true;
}

void account_unbind(struct account *a, struct epoch_reader *r)
{
    ledger_release(&a->connections, 1);
    account_unref(a, r);
}

void account_traffic(const struct account *a, struct account_traffic *out)
{
    *out = (struct account_traffic){0};
    for (unsigned i = 0; i < a->slots; i++) {
        const struct account_cell *c = &a->cells[i];
        out->in_msgs += atomic_load_explicit(&c->in_msgs, memory_order_relaxed);
        out->in_bytes += atomic_load_explicit(&c->in_bytes, memory_order_relaxed);
        out->out_msgs += atomic_load_explicit(&c->out_msgs, memory_order_relaxed);
        out->out_bytes += atomic_load_explicit(&c->out_bytes, memory_order_relaxed);
        out->slow_consumers += atomic_load_explicit(&c->slow_consumers, memory_order_relaxed);
    }
}
