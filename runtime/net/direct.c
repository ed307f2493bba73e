#include "net/direct.h"

#include <errno.h>

#define IOV_BATCH 16

/* All chunks, when this thread may write them; NULL else. */
static struct chunk *take(struct outbox *o)
{
    struct chunk *list = NULL;
    outbox_lock(o);
    if (o->idle && o->state == OUTBOX_OPEN && o->pending <= DIRECT_BYTES && o->head != NULL) {
        list = outbox_detach(o);
        o->idle = false;
    }
    outbox_unlock(o);
    return list;
}

static ssize_t write_chunks(struct net_conn *c, const struct chunk *list)
{
    struct iovec iov[IOV_BATCH];
    int count = 0;
    for (const struct chunk *k = list; k != NULL && count < IOV_BATCH; k = k->next)
        iov[count++] = (struct iovec){.iov_base = (void *)(uintptr_t)k->ptr, .iov_len = k->len};
    return env_pipe_writev(c->pipe, iov, count);
}

/* The list without its first n bytes. */
static struct chunk *drop_written(struct chunk *list, size_t n)
{
    while (list != NULL && n >= list->len) {
        struct chunk *next = list->next;
        n -= list->len;
        chunk_free(list);
        list = next;
    }
    if (list != NULL && n > 0) {
        list->ptr += n;
        list->len -= (uint32_t)n;
        list->cap = 0; /* its length no longer says where to append */
    }
    return list;
}

/* n bytes went out and `rest` did not. True when nothing is left to be done. */
static bool settle(struct outbox *o, struct chunk *rest, ssize_t n)
{
    outbox_lock(o);
    if (n > 0)
        outbox_count_written(o, (size_t)n);
    else if (n != -EAGAIN)
        o->write_error = (int)n;
    if (rest != NULL) {
        outbox_attach(o, rest);
        o->ahead = n > 0 ? (size_t)n : 0;
    }
    o->idle = rest == NULL;
    bool done = o->head == NULL && !o->attention && o->state == OUTBOX_OPEN;
    if (done)
        o->scheduled = false;
    outbox_unlock(o);
    return done;
}

bool net_direct_write(struct net_conn *c)
{
    bool done = false;
    if (pthread_mutex_trylock(&c->writer) != 0)
        return false; /* its owner is closing it */
    struct chunk *list = take(&c->out);
    if (list != NULL) {
        ssize_t n = write_chunks(c, list);
        done = settle(&c->out, n > 0 ? drop_written(list, (size_t)n) : list, n);
    }
    pthread_mutex_unlock(&c->writer);
    return done;
}

void net_direct_end(struct net_conn *c)
{
    if (c->alone)
        return;
    pthread_mutex_lock(&c->writer);
    outbox_lock(&c->out);
    c->out.idle = false;
    outbox_unlock(&c->out);
    pthread_mutex_unlock(&c->writer);
    c->alone = true;
}
