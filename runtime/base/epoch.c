/* Epochs: stamping, looking at the readers, freeing. The proof stands in the header. */
#include "base/epoch.h"

#include <assert.h>
#include <string.h>

static void list_append(struct epoch_list *to, struct epoch_list *from)
{
    if (from->head == NULL)
        return;
    if (to->tail != NULL)
        to->tail->next = from->head;
    else
        to->head = from->head;
    to->tail = from->tail;
    to->count += from->count;
    *from = (struct epoch_list){NULL, NULL, 0};
}

/* Frees up to `budget` objects from the front. */
static size_t list_free(struct epoch_list *list, size_t budget)
{
    size_t freed = 0;
    while (list->head != NULL && freed < budget) {
        struct epoch_node *node = list->head;
        list->head = node->next;
        node->free_fn(node);
        freed++;
    }
    if (list->head == NULL)
        list->tail = NULL;
    list->count -= freed;
    return freed;
}

void epoch_domain_init(struct epoch_domain *d)
{
    memset(d, 0, sizeof(*d));
    atomic_init(&d->counter, 1);
    pthread_mutex_init(&d->lock, NULL);
}

void epoch_domain_close(struct epoch_domain *d)
{
    assert(d->readers == NULL);
    list_free(&d->orphans, SIZE_MAX);
    pthread_mutex_destroy(&d->lock);
}

void epoch_reader_join(struct epoch_reader *r, struct epoch_domain *d)
{
    memset(r, 0, sizeof(*r));
    atomic_init(&r->at, 0);
    r->domain = d;
    pthread_mutex_lock(&d->lock);
    r->next = d->readers;
    d->readers = r;
    pthread_mutex_unlock(&d->lock);
}

void epoch_reader_leave(struct epoch_reader *r)
{
    struct epoch_domain *d = r->domain;
    assert(!r->online);
    pthread_mutex_lock(&d->lock);
    struct epoch_reader **at = &d->readers;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    for (; r->used > 0; r->used--) {
        list_append(&d->orphans, &r->batch[r->first].list);
        r->first = (r->first + 1) % EPOCH_BATCHES;
    }
    list_append(&d->orphans, &r->fresh);
    d->orphans_stamp = atomic_fetch_add(&d->counter, 1);
    r->backlog = 0;
    pthread_mutex_unlock(&d->lock);
}

/* The lowest counter value that an online reader holds, UINT64_MAX when all are offline. The lock is held.
 * The read must be a read-modify-write: see the header. */
static uint64_t lowest_online(struct epoch_domain *d)
{
    uint64_t low = UINT64_MAX;
    for (struct epoch_reader *r = d->readers; r != NULL; r = r->next) {
        uint64_t at = atomic_fetch_add(&r->at, 0);
        if (at != 0 && at < low)
            low = at;
    }
    return low;
}

/* Stamps what was retired since the last time. When the ring is full it joins the newest batch, whose stamp
 * grows with it: that only keeps the older part of it a little longer. */
static void stamp_fresh(struct epoch_reader *r)
{
    if (r->fresh.head == NULL)
        return;
    if (r->used < EPOCH_BATCHES)
        r->used++;
    struct epoch_batch *b = &r->batch[(r->first + r->used - 1) % EPOCH_BATCHES];
    list_append(&b->list, &r->fresh);
    b->stamp = atomic_fetch_add(&r->domain->counter, 1);
}

size_t epoch_collect(struct epoch_reader *r, size_t budget)
{
    struct epoch_domain *d = r->domain;
    struct epoch_list orphans = {NULL, NULL, 0};
    stamp_fresh(r);
    if (r->used == 0)
        return 0;
    pthread_mutex_lock(&d->lock);
    uint64_t low = lowest_online(d);
    if (d->orphans.head != NULL && d->orphans_stamp < low)
        list_append(&orphans, &d->orphans);
    pthread_mutex_unlock(&d->lock);

    size_t freed = 0;
    while (r->used > 0 && r->batch[r->first].stamp < low && freed < budget) {
        freed += list_free(&r->batch[r->first].list, budget - freed);
        if (r->batch[r->first].list.head == NULL) {
            r->first = (r->first + 1) % EPOCH_BATCHES;
            r->used--;
        }
    }
    r->backlog -= freed;
    list_free(&orphans, SIZE_MAX); /* a record leaves when its thread ends: rare, so no budget */
    return freed;
}
