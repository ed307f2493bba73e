#include "net/conn.h"

#include "net/direct.h"
#include "net/tls.h"

#include <errno.h>
#include <stdlib.h>

#define IOV_BATCH       64
#define FLUSH_MAX       (4u << 20) /* bytes written to one connection before others get their turn */
#define TLS_READ_ROUNDS 16
#define UNSENT_POLL_NS \
    10000000 /* how often a closing connection looks whether the kernel has sent its last */

static void on_readable(void *ctx);
static void flush(struct net_conn *c, bool listed);
static void end_lingering(struct net_conn *c);
static void on_writable(void *ctx);

static const struct env_pipe_handler pipe_handler = {.readable = on_readable, .writable = on_writable};

int net_conn_init(struct net_conn *c, struct net_loop *loop, struct env_pipe *pipe,
                  const struct net_conn_handler *handler, size_t max_pending)
{
    int rc = env_pipe_attach(pipe, loop->el, &pipe_handler, c);
    if (rc < 0) {
        env_pipe_close(pipe, false);
        return rc;
    }
    *c = (struct net_conn){.loop = loop, .pipe = pipe, .handler = handler};
    outbox_init(&c->out, loop, max_pending);
    pthread_mutex_init(&c->writer, NULL);
    c->next = loop->conns;
    if (c->next != NULL)
        c->next->prev = c;
    loop->conns = c;
    loop->conn_count++;
    return 0;
}

/* What the pipe should report, from the connection's state. */
static void update_want(struct net_conn *c)
{
    if (c->gone)
        return;
    int want = 0;
    if (c->started && c->parked == 0 && !c->closing && c->tls_next == NULL)
        want |= ENV_WANT_READ;
    if (c->wq != NULL)
        want |= ENV_WANT_WRITE;
    env_pipe_want(c->pipe, want);
}

/* Others may write to its pipe while nothing is under way. */
static bool may_be_direct(const struct net_conn *c)
{
    return c->started && !c->alone;
}

void net_conn_start(struct net_conn *c)
{
    c->started = true;
    outbox_lock(&c->out);
    c->out.idle = may_be_direct(c) && c->wq == NULL;
    outbox_unlock(&c->out);
    update_want(c);
}

/* ---- reading ---- */

/* Keep the unread bytes for later. `in` may lie in the spill itself. */
static void keep(struct net_conn *c, slice in)
{
    if (in.len == 0) {
        free(c->spill);
        c->spill = NULL;
        c->spill_len = 0;
        return;
    }
    if (c->spill != NULL && in.ptr >= c->spill && in.ptr < c->spill + c->spill_len) {
        memmove(c->spill, in.ptr, in.len);
        c->spill_len = in.len;
        return;
    }
    uint8_t *spill = malloc(in.len);
    if (spill == NULL) {
        c->handler->down(c, NET_DOWN_NO_MEMORY, -ENOMEM);
        return;
    }
    memcpy(spill, in.ptr, in.len);
    free(c->spill);
    c->spill = spill;
    c->spill_len = in.len;
}

static void fill_sink(struct net_conn *c, slice *in)
{
    size_t n = c->sink->len - c->sink_at;
    if (n > in->len)
        n = in->len;
    memcpy(c->sink->bytes + c->sink_at, in->ptr, n);
    c->sink_at += n;
    *in = slice_from(*in, n);
    if (c->sink_at == c->sink->len)
        c->handler->sunk(c);
}

/* Hand bytes to the layer above until it wants no more of them. */
static void deliver(struct net_conn *c, slice in)
{
    c->reading = true;
    while (in.len > 0 && c->parked == 0 && !c->closing) {
        if (c->sink != NULL) {
            fill_sink(c, &in);
            continue;
        }
        size_t used = c->handler->bytes(c, in);
        in = slice_from(in, used);
        if (c->sink == NULL)
            break;
    }
    c->reading = false;
    if (!c->closing)
        keep(c, in);
}

static ssize_t receive(struct net_conn *c, void *buf, size_t len)
{
    return c->tls != NULL ? net_tls_read(c->tls, buf, len) : env_pipe_read(c->pipe, buf, len);
}

/* Make room for the spill and a whole read behind it. */
static bool size_rbuf(struct net_loop *l, size_t spill)
{
    if (spill + NET_READ_SIZE <= l->rbuf_size)
        return true;
    uint8_t *buf = realloc(l->rbuf, spill + NET_READ_SIZE);
    if (buf == NULL)
        return false;
    l->rbuf = buf;
    l->rbuf_size = spill + NET_READ_SIZE;
    return true;
}

/* One read and its parsing. false when there is nothing more to read now. */
static bool read_once(struct net_conn *c)
{
    struct net_loop *l = c->loop;
    bool sinking = c->sink != NULL && c->spill_len == 0;
    if (!sinking && !size_rbuf(l, c->spill_len)) {
        c->handler->down(c, NET_DOWN_NO_MEMORY, -ENOMEM);
        return false;
    }
    uint8_t *at = sinking ? c->sink->bytes + c->sink_at : l->rbuf + c->spill_len;
    size_t room = sinking ? c->sink->len - c->sink_at : NET_READ_SIZE;
    ssize_t n = receive(c, at, room);
    if (n == -EAGAIN)
        return false;
    if (n <= 0) {
        c->handler->down(c, n == 0 ? NET_DOWN_EOF : NET_DOWN_READ, (int)n);
        return false;
    }
    /* Before parsing: what was posted before these bytes were sent must be seen before them. */
    net_drain_inbox(l);
    if (c->closing)
        return false;
    if (sinking) {
        c->sink_at += (size_t)n;
        if (c->sink_at == c->sink->len)
            c->handler->sunk(c);
        return true;
    }
    size_t spilled = c->spill_len;
    if (spilled > 0)
        memcpy(l->rbuf, c->spill, spilled);
    deliver(c, slice_make(l->rbuf, spilled + (size_t)n));
    return true;
}

static void read_again(void *ctx)
{
    on_readable(ctx);
}

static void handshake(struct net_conn *c)
{
    char err[256];
    switch (net_tls_handshake(c->tls, err, sizeof err)) {
    case NET_TLS_DONE:
        env_pipe_want(c->pipe, ENV_WANT_READ);
        c->handler->secured(c, NULL);
        if (!c->closing) {
            flush(c, false);
            update_want(c);
            if (c->started && c->parked == 0)
                on_readable(c); /* application data may have come with the last flight */
        }
        break;
    case NET_TLS_WANT_READ:
        env_pipe_want(c->pipe, ENV_WANT_READ);
        break;
    case NET_TLS_WANT_WRITE:
        env_pipe_want(c->pipe, ENV_WANT_READ | ENV_WANT_WRITE);
        break;
    case NET_TLS_FAILED:
        c->handler->secured(c, err);
        break;
    }
}

static void on_readable(void *ctx)
{
    struct net_conn *c = ctx;
    net_enter(c->loop);
    if (c->closing)
        return;
    if (c->tls != NULL && !net_tls_ready(c->tls)) {
        handshake(c);
        return;
    }
    if (c->parked > 0)
        return;
    if (c->tls == NULL) {
        read_once(c);
        return;
    }
    /* Decrypted bytes inside OpenSSL raise no readiness: read until it has none, but not for ever. */
    for (int round = 0; round < TLS_READ_ROUNDS; round++) {
        if (!read_once(c) || c->closing || c->parked > 0)
            return;
    }
    if (net_tls_pending(c->tls))
        net_arm(c->loop, net_tls_again_timer(c->tls), c->loop->now, read_again, c);
}

void net_conn_park(struct net_conn *c)
{
    if (c->parked++ == 0)
        update_want(c);
}

void net_conn_resume(struct net_conn *c)
{
    if (--c->parked > 0 || c->closing)
        return;
    if (c->spill_len > 0 && !c->reading)
        deliver(c, slice_make(c->spill, c->spill_len));
    if (c->closing)
        return;
    update_want(c);
    if (c->parked == 0 && c->tls != NULL && net_tls_ready(c->tls) && net_tls_pending(c->tls))
        net_arm(c->loop, net_tls_again_timer(c->tls), c->loop->now, read_again, c);
}

void net_conn_sink(struct net_conn *c, struct body *b, size_t at)
{
    c->sink = b;
    c->sink_at = at;
}

static void begin_tls(struct net_conn *c, struct net_tls_context *ctx, slice first)
{
    c->tls_next = NULL;
    c->tls = net_tls_new(c, ctx, first);
    if (c->tls == NULL) {
        c->handler->secured(c, "out of memory");
        return;
    }
    handshake(c);
}

void net_conn_tls(struct net_conn *c, struct net_tls_context *ctx, slice first)
{
    net_direct_end(c);
    /* What was sent in clear text goes first. */
    flush(c, false);
    if (c->closing)
        return;
    if (c->wq != NULL) {
        c->tls_next = ctx;
        keep(c, first);
        return;
    }
    begin_tls(c, ctx, first);
}

/* ---- writing ---- */

void net_conn_send(struct net_conn *c, slice bytes)
{
    outbox_append(&c->out, bytes, &c->loop->touched);
}

bool net_conn_idle_out(const struct net_conn *c)
{
    return c->wq == NULL && c->out.head == NULL;
}

static void push_wq(struct net_conn *c, struct chunk *list)
{
    for (; list != NULL; list = list->next) {
        if (c->wq_tail == NULL)
            c->wq = list;
        else
            c->wq_tail->next = list;
        c->wq_tail = list;
    }
}

/* Remove n written bytes, and chunks that hold none, from the front of wq. */
static void consume_wq(struct net_conn *c, size_t n)
{
    while (c->wq != NULL) {
        struct chunk *first = c->wq;
        size_t left = first->len - c->wq_at;
        if (n < left) {
            c->wq_at += n;
            return;
        }
        n -= left;
        c->wq = first->next;
        c->wq_at = 0;
        chunk_free(first);
    }
    if (c->wq == NULL)
        c->wq_tail = NULL;
}

static ssize_t write_some(struct net_conn *c)
{
    if (c->tls != NULL)
        return net_tls_write(c->tls, c->wq->ptr + c->wq_at, c->wq->len - c->wq_at);
    struct iovec iov[IOV_BATCH];
    int count = 0;
    size_t at = c->wq_at;
    for (struct chunk *k = c->wq; k != NULL && count < IOV_BATCH; k = k->next) {
        iov[count++] = (struct iovec){.iov_base = (void *)(uintptr_t)(k->ptr + at), .iov_len = k->len - at};
        at = 0;
    }
    return env_pipe_writev(c->pipe, iov, count);
}

static void on_late(void *ctx)
{
    struct net_conn *c = ctx;
    if (c->closing) {
        end_lingering(c);
        return;
    }
    c->late = true;
    bool wrote = c->wrote > 0;
    c->wrote = 0;
    c->handler->late(c, c->batch_chunks, c->batch_bytes, wrote);
    if (!c->closing && c->write_deadline > 0)
        net_arm(c->loop, &c->write_timer, c->loop->now + c->write_deadline, on_late, c);
}

/* The pipe takes no more: what waits now is the batch that the write deadline judges. */
static void begin_waiting(struct net_conn *c)
{
    update_want(c);
    if (c->closing || c->write_deadline == 0 || net_timer_armed(&c->write_timer))
        return;
    c->batch_chunks = 0;
    c->batch_bytes = 0;
    for (struct chunk *k = c->wq; k != NULL; k = k->next) {
        c->batch_chunks++;
        c->batch_bytes += k->len;
    }
    c->batch_bytes -= c->wq_at;
    c->batch_start = c->loop->now;
    net_arm(c->loop, &c->write_timer, c->loop->now + c->write_deadline, on_late, c);
}

static void end_waiting(struct net_conn *c)
{
    if (!net_timer_armed(&c->write_timer) || c->closing)
        return;
    net_disarm(c->loop, &c->write_timer);
    if (c->late) {
        c->late = false;
        c->handler->caught_up(c, c->loop->now - c->batch_start, c->batch_chunks, c->batch_bytes);
    }
}

/* Write wq until it is empty, the pipe is full, or others must have their turn. false when the pipe is
 * broken. Another loop may have begun: it wrote `ahead` bytes of this batch, or failed (`n` is then < 0). */
static bool drain(struct net_conn *c, size_t ahead, ssize_t n)
{
    size_t total = 0;
    while (n >= 0 && c->wq != NULL && total < FLUSH_MAX) {
        n = write_some(c);
        if (n < 0)
            break;
        total += (size_t)n;
        consume_wq(c, (size_t)n);
    }
    if (total > 0)
        outbox_written(&c->out, total, c->wq == NULL && may_be_direct(c));
    if (n < 0 && n != -EAGAIN) {
        if (c->closing)
            net_conn_close_now(c, false);
        else
            c->handler->down(c, NET_DOWN_WRITE, (int)n);
        return false;
    }
    if (!net_timer_armed(&c->write_timer)) {
        c->wrote = ahead + total; /* what went at once counts for the batch that will wait */
    } else if (total >= c->batch_bytes) {
        end_waiting(c);
        c->wrote = total;
    } else {
        c->batch_bytes -= total;
        c->wrote += total;
    }
    return true;
}

/* The clear text is out: begin TLS with what was read meanwhile. */
static void begin_waiting_tls(struct net_conn *c)
{
    uint8_t *first = c->spill;
    size_t len = c->spill_len;
    c->spill = NULL;
    c->spill_len = 0;
    begin_tls(c, c->tls_next, slice_make(first, len));
    free(first);
}

/* `listed`: a list of touched outboxes held it and does so no more. */
static void flush(struct net_conn *c, bool listed)
{
    outbox_lock(&c->out);
    if (listed)
        c->out.scheduled = false;
    struct chunk *list = outbox_detach(&c->out);
    uint8_t state = c->out.state;
    bool attention = c->out.attention;
    size_t ahead = c->out.ahead;
    int error = c->out.write_error;
    c->out.attention = false;
    c->out.ahead = 0;
    c->out.idle = c->out.idle && list == NULL;
    outbox_unlock(&c->out);
    push_wq(c, list);
    consume_wq(c, 0);
    if (c->gone) {
        if (listed)
            net_conn_close_now(c, false); /* its last touch: now it can go */
        return;
    }
    if (attention && !c->closing)
        c->handler->attention(c);
    if (state == OUTBOX_TOO_MUCH || state == OUTBOX_NO_MEMORY) {
        if (!c->closing)
            c->handler->down(c, state == OUTBOX_TOO_MUCH ? NET_DOWN_TOO_MUCH : NET_DOWN_NO_MEMORY, 0);
        return;
    }
    if (c->wq == NULL || (c->tls != NULL && !net_tls_ready(c->tls)))
        return;
    if (!drain(c, ahead, error) || c->gone)
        return;
    if (c->wq != NULL) {
        begin_waiting(c);
    } else if (c->closing) {
        end_lingering(c);
    } else {
        update_want(c);
        if (c->tls_next != NULL)
            begin_waiting_tls(c);
    }
}

void net_conn_flush(struct net_conn *c)
{
    flush(c, true);
}

static void on_writable(void *ctx)
{
    struct net_conn *c = ctx;
    net_enter(c->loop);
    if (c->tls != NULL && !net_tls_ready(c->tls)) {
        if (!c->closing)
            handshake(c);
        return;
    }
    flush(c, false);
}

/* ---- closing ---- */

static void free_chunks(struct net_conn *c)
{
    while (c->wq != NULL) {
        struct chunk *next = c->wq->next;
        chunk_free(c->wq);
        c->wq = next;
    }
    c->wq_tail = NULL;
}

static void release(struct epoch_node *node)
{
    struct net_conn *c = (struct net_conn *)(void *)((char *)node - offsetof(struct net_conn, dead));
    outbox_free(&c->out);
    pthread_mutex_destroy(&c->writer);
    c->handler->free(c);
}

/* The last step of a closed connection, when no list of touched outboxes and nobody else holds it. */
static void retire(struct net_conn *c, bool touched)
{
    if (c->gone && !touched && c->holds == 0)
        epoch_retire(&c->loop->reader, &c->dead, release);
}

void net_conn_hold(struct net_conn *c)
{
    c->holds++;
}

void net_conn_unhold(struct net_conn *c)
{
    outbox_lock(&c->out);
    bool touched = c->out.scheduled;
    outbox_unlock(&c->out);
    c->holds--;
    retire(c, touched);
}

void net_conn_seal(struct net_conn *c)
{
    outbox_lock(&c->out);
    if (c->out.state == OUTBOX_OPEN)
        c->out.state = OUTBOX_CLOSED;
    outbox_unlock(&c->out);
}

/* All is written, or it took too long. What the kernel has not sent yet would be lost if the peer goes on
 * talking to a closed socket: then wait for that, too. */
static void end_lingering(struct net_conn *c)
{
    if (c->wq != NULL || c->loop->now >= c->linger_until || env_pipe_unsent(c->pipe) == 0) {
        net_conn_close_now(c, false);
        return;
    }
    int64_t next = c->loop->now + UNSENT_POLL_NS;
    update_want(c);
    net_arm(c->loop, &c->write_timer, next < c->linger_until ? next : c->linger_until, on_late, c);
}

void net_conn_close(struct net_conn *c, int64_t linger_ns)
{
    if (c->closing)
        return;
    c->closing = true;
    net_direct_end(c);
    net_conn_seal(c);
    bool broken = c->out.state != OUTBOX_CLOSED; /* it stays what it is now */
    net_disarm(c->loop, &c->write_timer);
    if (broken || linger_ns == 0) {
        net_conn_close_now(c, false);
        return;
    }
    c->linger_until = c->loop->now + linger_ns;
    flush(c, false);
    if (c->gone)
        return;
    if (c->wq == NULL) {
        end_lingering(c);
        return;
    }
    update_want(c);
    net_arm(c->loop, &c->write_timer, c->linger_until, on_late, c);
}

void net_conn_close_now(struct net_conn *c, bool reset)
{
    if (!c->gone) {
        c->gone = c->closing = true;
        struct net_loop *l = c->loop;
        net_direct_end(c);
        net_disarm(l, &c->write_timer);
        if (c->tls != NULL) {
            net_disarm(l, net_tls_again_timer(c->tls));
            net_tls_free(c->tls);
            c->tls = NULL;
        }
        env_pipe_close(c->pipe, reset);
        c->pipe = NULL;
        if (c->prev != NULL)
            c->prev->next = c->next;
        else
            l->conns = c->next;
        if (c->next != NULL)
            c->next->prev = c->prev;
        l->conn_count--;
        free(c->spill);
        c->spill = NULL;
        c->spill_len = 0;
        c->handler->closed(c);
        net_conn_gone(l);
    }
    free_chunks(c);
    outbox_lock(&c->out);
    if (c->out.state == OUTBOX_OPEN)
        c->out.state = OUTBOX_CLOSED;
    bool touched = c->out.scheduled;
    outbox_unlock(&c->out);
    retire(c, touched); /* while somebody's list still holds it, the flush that ends this frees it */
}
