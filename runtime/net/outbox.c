#include "net/outbox.h"

#include <stdlib.h>

/* Chunks start small, so that a PONG does not cost 64 KiB, and double while bytes keep coming. Sizes include
 * the chunk's header, to fill malloc's own size classes. */
#define CHUNK_MIN 1024
#define CHUNK_MAX 65536

struct body *body_new(size_t len)
{
    struct body *b = malloc(sizeof *b + len);
    if (b == NULL)
        return NULL;
    atomic_init(&b->refs, 1);
    b->len = len;
    return b;
}

struct body *body_ref(struct body *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void body_drop(struct body *b)
{
    if (b != NULL && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
        free(b);
}

void outbox_init(struct outbox *o, struct net_loop *owner, size_t max_pending)
{
    *o = (struct outbox){.owner = owner, .max_pending = max_pending};
    /* Held for some fifty nanoseconds: to spin a little is far cheaper than to sleep and be woken. */
    pthread_mutexattr_t spins_first;
    pthread_mutexattr_init(&spins_first);
    pthread_mutexattr_settype(&spins_first, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&o->lock, &spins_first);
    pthread_mutexattr_destroy(&spins_first);
}

void chunk_free(struct chunk *c)
{
    body_drop(c->body);
    free(c);
}

static void free_chunks(struct chunk *c)
{
    while (c != NULL) {
        struct chunk *next = c->next;
        chunk_free(c);
        c = next;
    }
}

void outbox_free(struct outbox *o)
{
    free_chunks(o->head);
    o->head = o->tail = NULL;
    pthread_mutex_destroy(&o->lock);
}

/* The last chunk's length is told by `at` until now. */
static void seal(struct outbox *o)
{
    if (o->tail != NULL && o->tail->cap != 0)
        o->tail->len = (uint32_t)(o->at - o->tail->data);
}

static void append_chunk(struct outbox *o, struct chunk *c)
{
    seal(o);
    c->next = NULL;
    if (o->tail == NULL)
        o->head = c;
    else
        o->tail->next = c;
    o->tail = c;
}

uint8_t *outbox_room(struct outbox *o, size_t n)
{
    struct chunk *t = o->tail;
    if (t != NULL && t->cap != 0 && (size_t)(t->data + t->cap - o->at) >= n)
        return o->at;
    size_t size = t == NULL || t->cap == 0 ? CHUNK_MIN : 2 * (t->cap + sizeof *t);
    if (size > CHUNK_MAX)
        size = CHUNK_MAX;
    while (size < CHUNK_MAX && size < o->pending)
        size *= 2;
    if (size < n + sizeof *t)
        size = n + sizeof *t;
    struct chunk *c = malloc(size);
    if (c == NULL) {
        o->state = OUTBOX_NO_MEMORY;
        return NULL;
    }
    c->body = NULL;
    c->ptr = c->data;
    c->len = 0;
    c->cap = (uint32_t)(size - sizeof *c);
    append_chunk(o, c);
    return o->at = c->data;
}

void outbox_touch(struct outbox *o, struct touched *t)
{
    if (o->scheduled)
        return;
    o->scheduled = true;
    o->next = t->head;
    t->head = o;
}

static void account(struct outbox *o, size_t n, struct touched *t)
{
    o->pending += n;
    if (o->pending > o->max_pending && o->state == OUTBOX_OPEN)
        o->state = OUTBOX_TOO_MUCH;
    if (o->pending > o->max_pending / 4 * 3)
        o->stalls = true;
    outbox_touch(o, t);
}

void outbox_put(struct outbox *o, size_t n, struct touched *t)
{
    o->at += n;
    account(o, n, t);
}

bool outbox_put_body(struct outbox *o, struct body *b, const uint8_t *at, size_t len, struct touched *t)
{
    struct chunk *c = malloc(sizeof *c);
    if (c == NULL) {
        o->state = OUTBOX_NO_MEMORY;
        outbox_touch(o, t);
        return false;
    }
    c->body = body_ref(b);
    c->ptr = at;
    c->len = (uint32_t)len;
    c->cap = 0;
    append_chunk(o, c);
    account(o, len, t);
    return true;
}

bool outbox_append(struct outbox *o, slice bytes, struct touched *t)
{
    bool ok = bytes.len == 0;
    outbox_lock(o);
    if (o->state == OUTBOX_OPEN && !ok) {
        uint8_t *p = outbox_room(o, bytes.len);
        if (p != NULL) {
            memcpy(p, bytes.ptr, bytes.len);
            outbox_put(o, bytes.len, t);
            ok = true;
        } else {
            outbox_touch(o, t);
        }
    }
    outbox_unlock(o);
    return ok;
}

struct chunk *outbox_detach(struct outbox *o)
{
    struct chunk *c = o->head;
    seal(o);
    o->head = o->tail = NULL;
    return c;
}

void outbox_attach(struct outbox *o, struct chunk *list)
{
    struct chunk *last = list;
    while (last->next != NULL)
        last = last->next;
    last->next = o->head;
    if (o->head == NULL) {
        o->tail = last;
        o->at = last->data + last->len;
    }
    o->head = list;
}

struct chunk *outbox_take(struct outbox *o)
{
    outbox_lock(o);
    struct chunk *c = outbox_detach(o);
    outbox_unlock(o);
    return c;
}

void outbox_count_written(struct outbox *o, size_t n)
{
    o->pending -= n;
    if (o->pending <= o->max_pending / 4 * 3)
        o->stalls = false;
}

void outbox_written(struct outbox *o, size_t n, bool idle)
{
    outbox_lock(o);
    outbox_count_written(o, n);
    o->idle = idle;
    outbox_unlock(o);
}
