#include "sim/sim_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#define MS       INT64_C(1000000)
#define SECOND   INT64_C(1000000000)
#define RETRY    (200 * MS)     /* first retransmission; doubled each time */
#define RETRY_UP (30 * SECOND)  /* up to this */
#define GIVE_UP  (900 * SECOND) /* bytes that nobody takes */
#define SYN_UP   (127 * SECOND) /* connections that nobody answers */
#define NO_ROUTE (3 * SECOND)   /* addresses that nobody has */

/* A run of bytes (or the end) on its way. */
struct segment {
    uint64_t end; /* offset behind it */
    int64_t due;
    bool fin;
};

/* Bytes from one end to the other, counted from the first:
 *
 *     0 .. read .. arrived .. sent        acked <= read: what the writer knows to be read */
struct flow {
    uint8_t *buf; /* bytes read .. sent, at buf[head] */
    size_t head, cap;
    uint64_t read, arrived, sent, acked;
    size_t window;
    struct segment *seg;
    size_t seg_head, seg_count, seg_cap;
    bool pumping; /* an event will deliver the first segment */
    bool acking;
    bool fin_sent, fin_arrived;
    int64_t retry, held_since; /* while the link is cut; 0: it is not */
};

struct sim_conn {
    struct sim_world *world;
    struct sim_conn *next, *prev;
    unsigned events;
    struct sim_pipe *end[2]; /* NULL: closed, or not there yet */
    bool accepted;           /* the second end has been */
    struct sim_host *host[2];
    unsigned life[2];
    struct env_addr addr[2];
    struct flow flow[2]; /* [i]: from end i */
    int64_t syn_since, syn_retry;
};

/* ---- addresses and hosts ---- */

bool sim_ip_parse(const char *text, struct sim_ip *out)
{
    *out = (struct sim_ip){.family = AF_INET};
    if (inet_pton(AF_INET, text, out->bytes) == 1)
        return true;
    out->family = AF_INET6;
    return inet_pton(AF_INET6, text, out->bytes) == 1;
}

void sim_ip_addr(const struct sim_ip *ip, uint16_t port, struct env_addr *out)
{
    *out = (struct env_addr){0};
    if (ip->family == AF_INET) {
        struct sockaddr_in *a = (struct sockaddr_in *)&out->sa;
        a->sin_family = AF_INET;
        a->sin_port = htons(port);
        memcpy(&a->sin_addr, ip->bytes, 4);
        out->len = sizeof *a;
    } else {
        struct sockaddr_in6 *a = (struct sockaddr_in6 *)&out->sa;
        a->sin6_family = AF_INET6;
        a->sin6_port = htons(port);
        memcpy(&a->sin6_addr, ip->bytes, 16);
        out->len = sizeof *a;
    }
}

static bool ip_of(const struct env_addr *a, struct sim_ip *ip, uint16_t *port)
{
    *ip = (struct sim_ip){.family = a->sa.ss_family};
    if (ip->family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&a->sa;
        memcpy(ip->bytes, &in->sin_addr, 4);
        *port = ntohs(in->sin_port);
        return true;
    }
    if (ip->family != AF_INET6)
        return false;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->sa;
    memcpy(ip->bytes, &in6->sin6_addr, 16);
    *port = ntohs(in6->sin6_port);
    return true;
}

static bool ip_eq(const struct sim_ip *a, const struct sim_ip *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, 16) == 0;
}

static bool ip_is_any(const struct sim_ip *ip)
{
    static const uint8_t zero[16];
    return memcmp(ip->bytes, zero, 16) == 0;
}

static bool ip_is_loopback(const struct sim_ip *ip)
{
    static const uint8_t one[16] = {[15] = 1};
    return ip->family == AF_INET ? ip->bytes[0] == 127 : memcmp(ip->bytes, one, 16) == 0;
}

static bool host_has(const struct sim_host *h, const struct sim_ip *ip)
{
    bool has = ip_is_loopback(ip);
    for (int i = 0; i < h->addr_count; i++)
        has = has || ip_eq(&h->addr[i], ip);
    return has;
}

/* Who answers to this address, seen from a host. */
static struct sim_host *host_at(struct sim_host *from, const struct sim_ip *ip)
{
    if (ip_is_any(ip) || ip_is_loopback(ip))
        return from;
    for (unsigned i = 0; i < from->world->host_count; i++) {
        if (host_has(from->world->host[i], ip))
            return from->world->host[i];
    }
    return NULL;
}

struct sim_host *sim_host_new(struct sim_world *w, const char *ip)
{
    sim_must(w->host_count < SIM_HOSTS_MAX, "too many hosts");
    struct sim_host *h = sim_alloc(sizeof *h);
    h->world = w;
    h->id = w->host_count;
    h->next_port = 32768;
    w->host[w->host_count++] = h;
    sim_host_add_addr(h, ip);
    return h;
}

void sim_host_add_addr(struct sim_host *h, const char *text)
{
    struct sim_ip ip;
    sim_must(h->addr_count < SIM_ADDRS_MAX, "too many addresses");
    sim_must(sim_ip_parse(text, &ip) && !ip_is_any(&ip), "a host needs a numeric address");
    sim_must(ip_is_loopback(&ip) || host_at(h, &ip) == NULL, "two hosts with one address");
    h->addr[h->addr_count++] = ip;
}

unsigned sim_host_id(const struct sim_host *h)
{
    return h->id;
}

void sim_cut(struct sim_host *from, struct sim_host *to, bool cut)
{
    uint64_t bit = UINT64_C(1) << to->id;
    from->blocked = cut ? from->blocked | bit : from->blocked & ~bit;
}

void sim_partition(struct sim_world *w, uint64_t side, bool cut)
{
    for (unsigned i = 0; i < w->host_count; i++) {
        for (unsigned k = 0; k < w->host_count; k++) {
            if (((side >> i) & 1) != ((side >> k) & 1))
                sim_cut(w->host[i], w->host[k], cut);
        }
    }
}

/* ---- connections ---- */

static void conn_event(struct sim_conn *c, int64_t delay, sched_fn fn, void *ctx)
{
    c->events++;
    sched_after(c->world->sched, delay, fn, ctx);
}

static void conn_free(struct sim_conn *c)
{
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        c->world->conns = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    for (int i = 0; i < 2; i++) {
        free(c->flow[i].buf);
        free(c->flow[i].seg);
    }
    free(c);
}

static void conn_release(struct sim_conn *c)
{
    if (c->end[0] == NULL && c->end[1] == NULL && c->events == 0)
        conn_free(c);
}

void sim_conns_free(struct sim_world *w)
{
    while (w->conns != NULL)
        conn_free(w->conns);
}

static struct sim_conn *conn_new(struct sim_host *from)
{
    struct sim_world *w = from->world;
    struct sim_conn *c = sim_alloc(sizeof *c);
    c->world = w;
    c->next = w->conns;
    if (c->next != NULL)
        c->next->prev = c;
    w->conns = c;
    c->host[0] = from;
    c->life[0] = from->life;
    for (int i = 0; i < 2; i++)
        c->flow[i].window =
            (size_t)sched_between(w->sched, (int64_t)w->o.buffer_min, (int64_t)w->o.buffer_max);
    return c;
}

static int64_t latency(const struct sim_conn *c)
{
    const struct sim_options *o = &c->world->o;
    int64_t t = sched_between(c->world->sched, o->latency_min, o->latency_max);
    return c->host[0] == c->host[1] ? t / 10 : t;
}

/* Does the machine of this end still know the connection? */
static bool alive(const struct sim_conn *c, int side)
{
    return c->host[side] != NULL && !c->host[side]->off && c->host[side]->life == c->life[side];
}

/* Can something go from this end to the machine of the other now? */
static bool link_up(const struct sim_conn *c, int from)
{
    const struct sim_host *a = c->host[from], *b = c->host[1 - from];
    return !b->off && (a->blocked >> b->id & 1) == 0;
}

static void break_end(struct sim_conn *c, int side, int error)
{
    struct sim_pipe *p = c->end[side];
    if (p == NULL || p->error != 0)
        return;
    sim_note(c->world, 0x200, (uint64_t)-error);
    p->error = error;
    sim_pipe_poke(p);
}

/* A reset reaches an end; what lies there unread may be lost with it. */
static void reset_arrives(struct sim_conn *c, int side)
{
    struct flow *f = &c->flow[1 - side];
    if (sched_below(c->world->sched, 2) == 0)
        f->arrived = f->read;
    break_end(c, side, c->end[side] != NULL && !c->end[side]->connected ? -ECONNREFUSED : -ECONNRESET);
}

static void on_reset_0(void *ctx)
{
    struct sim_conn *c = ctx;
    c->events--;
    if (alive(c, 0) && link_up(c, 1))
        reset_arrives(c, 0);
    conn_release(c);
}

static void on_reset_1(void *ctx)
{
    struct sim_conn *c = ctx;
    c->events--;
    if (alive(c, 1) && link_up(c, 0))
        reset_arrives(c, 1);
    conn_release(c);
}

/* Resets are sent once: on a cut link they are lost. */
static void send_reset(struct sim_conn *c, int to)
{
    conn_event(c, latency(c), to == 0 ? on_reset_0 : on_reset_1, c);
}

/* ---- bytes on their way ---- */

static void pump(struct sim_conn *c, int from);

static void on_pump_0(void *ctx)
{
    ((struct sim_conn *)ctx)->events--;
    ((struct sim_conn *)ctx)->flow[0].pumping = false;
    pump(ctx, 0);
    conn_release(ctx);
}

static void on_pump_1(void *ctx)
{
    ((struct sim_conn *)ctx)->events--;
    ((struct sim_conn *)ctx)->flow[1].pumping = false;
    pump(ctx, 1);
    conn_release(ctx);
}

static void pump_at(struct sim_conn *c, int from, int64_t delay)
{
    c->flow[from].pumping = true;
    conn_event(c, delay, from == 0 ? on_pump_0 : on_pump_1, c);
}

static void drop_segments(struct flow *f)
{
    f->seg_head = f->seg_count = 0;
}

/* The link is cut: try again later, and give up in the end. */
static void hold(struct sim_conn *c, int from)
{
    struct flow *f = &c->flow[from];
    int64_t now = sched_now(c->world->sched);
    if (f->retry == 0) {
        f->retry = RETRY;
        f->held_since = now;
    }
    if (now - f->held_since > GIVE_UP) {
        drop_segments(f);
        break_end(c, from, -ETIMEDOUT);
        return;
    }
    pump_at(c, from, f->retry);
    f->retry = 2 * f->retry < RETRY_UP ? 2 * f->retry : RETRY_UP;
}

/* The first segment reaches the other machine. */
static void deliver(struct sim_conn *c, int from)
{
    struct flow *f = &c->flow[from];
    struct segment seg = f->seg[f->seg_head++];
    if (--f->seg_count == 0)
        f->seg_head = 0;
    struct sim_pipe *to = c->end[1 - from];
    f->retry = 0;
    if (!alive(c, 1 - from) || to == NULL) {
        /* Nobody there knows it (any more). The end of a stream that was closed both ways is no news. */
        if (!seg.fin || !alive(c, 1 - from))
            send_reset(c, from);
        drop_segments(f);
        return;
    }
    sim_note(c->world, 0x300 + (uint64_t)from, seg.end);
    f->arrived = seg.end;
    f->fin_arrived = seg.fin;
    to->connected = true; /* bytes can overtake the answer to a connect */
    sim_pipe_poke(to);
}

static void pump(struct sim_conn *c, int from)
{
    struct flow *f = &c->flow[from];
    if (!alive(c, from)) { /* it died with its machine */
        drop_segments(f);
        return;
    }
    if (f->seg_count == 0)
        return;
    if (!link_up(c, from)) {
        hold(c, from);
        return;
    }
    deliver(c, from);
    if (f->seg_count > 0 && !f->pumping) {
        int64_t left = f->seg[f->seg_head].due - sched_now(c->world->sched);
        pump_at(c, from, left > 0 ? left : 0);
    }
}

static void send_segment(struct sim_conn *c, int from, bool fin)
{
    struct flow *f = &c->flow[from];
    if (f->seg_head + f->seg_count == f->seg_cap) {
        if (f->seg_head > 0)
            memmove(f->seg, f->seg + f->seg_head, f->seg_count * sizeof *f->seg);
        f->seg_head = 0;
        if (f->seg_count * 2 > f->seg_cap || f->seg_cap == 0) {
            f->seg_cap = f->seg_cap == 0 ? 8 : 2 * f->seg_cap;
            f->seg = realloc(f->seg, f->seg_cap * sizeof *f->seg);
            sim_must(f->seg != NULL, "out of memory");
        }
    }
    int64_t delay = latency(c);
    f->seg[f->seg_head + f->seg_count++] =
        (struct segment){.end = f->sent, .due = sched_now(c->world->sched) + delay, .fin = fin};
    if (!f->pumping)
        pump_at(c, from, delay);
}

/* The reader's window update reaches the writer. */
static void ack(struct sim_conn *c, int from)
{
    struct flow *f = &c->flow[from];
    f->acking = false;
    if (!alive(c, 1 - from) || c->end[from] == NULL)
        return;
    f->acked = f->read;
    sim_pipe_poke(c->end[from]);
}

static void send_ack(struct sim_conn *c, int from);

static void on_ack_0(void *ctx)
{
    struct sim_conn *c = ctx;
    c->events--;
    if (link_up(c, 1))
        ack(c, 0);
    else
        send_ack(c, 0);
    conn_release(c);
}

static void on_ack_1(void *ctx)
{
    struct sim_conn *c = ctx;
    c->events--;
    if (link_up(c, 0))
        ack(c, 1);
    else
        send_ack(c, 1);
    conn_release(c);
}

static void send_ack(struct sim_conn *c, int from)
{
    struct flow *f = &c->flow[from];
    f->acking = c->end[from] != NULL;
    if (f->acking)
        conn_event(c, link_up(c, 1 - from) ? latency(c) : SECOND, from == 0 ? on_ack_0 : on_ack_1, c);
}

/* ---- listeners ---- */

static struct sim_listener *listener_of(struct env_listener *s)
{
    return (struct sim_listener *)s;
}

static bool serves(const struct sim_listener *s, const struct sim_ip *ip, uint16_t port)
{
    struct sim_ip mine;
    uint16_t mine_port;
    if (!ip_of(&s->addr, &mine, &mine_port) || mine_port != port)
        return false;
    return ip_eq(&mine, ip) || (ip_is_any(&mine) && (mine.family == ip->family || mine.family == AF_INET6));
}

static struct sim_listener *listener_at(const struct sim_host *h, const struct sim_ip *ip, uint16_t port)
{
    struct sim_listener *s = h->listeners;
    while (s != NULL && !serves(s, ip, port))
        s = s->next_of_host;
    return s;
}

static uint16_t free_port(struct sim_host *h)
{
    uint16_t port = h->next_port++;
    if (h->next_port < 32768)
        h->next_port = 32768;
    return port;
}

static bool take_fd(struct sim_env *e)
{
    if (e->max_fds > 0 && e->fds >= e->max_fds)
        return false;
    e->fds++;
    return true;
}

/* 0, or why this address cannot be bound here. */
static int check_bind(const struct sim_host *h, const struct sim_ip *ip, uint16_t port)
{
    if (!ip_is_any(ip) && !host_has(h, ip))
        return -EADDRNOTAVAIL;
    if (port != 0 && listener_at(h, ip, port) != NULL)
        return -EADDRINUSE;
    return 0;
}

int sim_listen(struct env_loop *base, const struct env_addr *a, int backlog, void (*acceptable)(void *),
               void *ctx, struct env_listener **out)
{
    struct sim_loop *l = (struct sim_loop *)base;
    struct sim_host *h = l->env->host;
    struct sim_ip ip;
    uint16_t port;
    sim_loop_check(l);
    if (!ip_of(a, &ip, &port))
        return -EAFNOSUPPORT;
    int rc = check_bind(h, &ip, port);
    if (rc < 0)
        return rc;
    if (!take_fd(l->env))
        return -EMFILE;
    struct sim_listener *s = sim_alloc(sizeof *s);
    s->base.ops = &sim_env_ops;
    s->loop = l;
    s->host = h;
    s->backlog = backlog > 0 ? (unsigned)backlog : 1;
    s->acceptable = acceptable;
    s->ctx = ctx;
    while (port == 0 || listener_at(h, &ip, port) != NULL)
        port = free_port(h);
    sim_ip_addr(&ip, port, &s->addr);
    s->next_of_host = h->listeners;
    h->listeners = s;
    s->next_of_loop = l->listeners;
    l->listeners = s;
    *out = &s->base;
    return 0;
}

int sim_listener_addr(struct env_listener *base, struct env_addr *out)
{
    *out = listener_of(base)->addr;
    return 0;
}

bool sim_listener_ready(const struct sim_listener *s)
{
    return !s->paused && s->waiting != NULL;
}

void sim_listener_pause(struct env_listener *base, bool paused)
{
    struct sim_listener *s = listener_of(base);
    sim_loop_check(s->loop);
    s->paused = paused;
    if (sim_listener_ready(s))
        sim_loop_due(s->loop);
}

int sim_accept(struct env_listener *base, struct env_pipe **out)
{
    struct sim_listener *s = listener_of(base);
    struct sim_env *e = s->loop->env;
    sim_loop_check(s->loop);
    if (s->waiting == NULL)
        return -EAGAIN;
    if (e->accepts_to_fail > 0) {
        e->accepts_to_fail--;
        return e->accept_error;
    }
    if (!take_fd(e))
        return -EMFILE;
    struct sim_pipe *p = s->waiting;
    s->waiting = p->next;
    s->waiting_count--;
    p->next = NULL;
    p->conn->accepted = true;
    *out = &p->base;
    return 0;
}

void sim_listener_close(struct env_listener *base)
{
    struct sim_listener *s = listener_of(base), **at;
    sim_loop_check(s->loop);
    for (at = &s->host->listeners; *at != s; at = &(*at)->next_of_host)
        ;
    *at = s->next_of_host;
    for (at = &s->loop->listeners; *at != s; at = &(*at)->next_of_loop)
        ;
    *at = s->next_of_loop;
    while (s->waiting != NULL) {
        struct sim_pipe *p = s->waiting;
        s->waiting = p->next;
        s->loop->env->fds++; /* as if it had been accepted */
        sim_pipe_close(&p->base, true);
    }
    s->loop->env->fds--;
    s->closed = true;
    if (s->loop->in_turn) {
        s->next_of_loop = s->loop->listener_grave;
        s->loop->listener_grave = s;
    } else {
        free(s);
    }
}

/* ---- connecting ---- */

static struct sim_pipe *pipe_new(struct sim_env *e, struct sim_conn *c, int side)
{
    struct sim_pipe *p = sim_alloc(sizeof *p);
    p->base.ops = &sim_env_ops;
    p->conn = c;
    p->side = side;
    p->env = e;
    c->end[side] = p;
    return p;
}

static void on_answered(void *ctx)
{
    struct sim_conn *c = ctx;
    c->events--;
    struct sim_pipe *p = c->end[0];
    if (p != NULL && !p->connected && alive(c, 1) && link_up(c, 1)) {
        p->connected = true;
        sim_pipe_poke(p);
    } else if (p != NULL && !p->connected && !alive(c, 1) &&
               sched_now(c->world->sched) - c->syn_since > SYN_UP) {
        break_end(c, 0, -ETIMEDOUT);
    } else if (p != NULL && !p->connected) {
        conn_event(c, SECOND, on_answered, c);
    }
    conn_release(c);
}

/* A new end at the listener, as the kernel makes it before anybody accepts. */
static void establish(struct sim_conn *c, struct sim_listener *s)
{
    struct sim_pipe *p = pipe_new(s->loop->env, c, 1);
    p->connected = true;
    if (s->waiting == NULL)
        s->waiting = p;
    else
        s->waiting_last->next = p;
    s->waiting_last = p;
    s->waiting_count++;
    c->life[1] = c->host[1]->life;
    sim_note(c->world, 0x400, s->waiting_count);
    if (sim_listener_ready(s))
        sim_loop_due(s->loop);
    conn_event(c, latency(c), on_answered, c);
}

static void on_syn(void *ctx)
{
    struct sim_conn *c = ctx;
    struct sim_ip ip = {0};
    uint16_t port = 0;
    c->events--;
    if (c->end[0] == NULL || !alive(c, 0) || c->end[0]->error != 0) {
        conn_release(c);
        return;
    }
    int64_t now = sched_now(c->world->sched);
    struct sim_listener *s = NULL;
    if (c->host[1] != NULL && link_up(c, 0)) {
        (void)ip_of(&c->addr[1], &ip, &port);
        s = listener_at(c->host[1], &ip, port);
        if (s == NULL) {
            c->life[1] = c->host[1]->life;
            send_reset(c, 0);
            return;
        }
        if (s->waiting_count < s->backlog) {
            establish(c, s);
            return;
        }
    }
    /* Unheard: nobody there, the link cut, or the backlog full. */
    if (c->host[1] == NULL && now - c->syn_since >= NO_ROUTE) {
        break_end(c, 0, -EHOSTUNREACH);
    } else if (now - c->syn_since >= SYN_UP) {
        break_end(c, 0, -ETIMEDOUT);
    } else {
        c->syn_retry = c->syn_retry == 0 ? SECOND : 2 * c->syn_retry;
        conn_event(c, c->syn_retry, on_syn, c);
    }
}

/* The address that a host uses to talk to another. */
static bool own_addr(const struct sim_host *h, const struct sim_ip *to, struct sim_ip *out)
{
    if (ip_is_loopback(to)) {
        *out = *to;
        return true;
    }
    for (int i = 0; i < h->addr_count; i++) {
        if (h->addr[i].family == to->family) {
            *out = h->addr[i];
            return true;
        }
    }
    return false;
}

int sim_connect(struct env *base, const struct env_addr *a, struct env_pipe **out)
{
    struct sim_env *e = (struct sim_env *)base;
    struct sim_ip to, from;
    uint16_t port;
    if (!ip_of(a, &to, &port))
        return -EAFNOSUPPORT;
    if (ip_is_any(&to)) { /* Linux takes it for this machine */
        to.bytes[to.family == AF_INET ? 0 : 15] = to.family == AF_INET ? 127 : 1;
        to.bytes[to.family == AF_INET ? 3 : 15] = 1;
    }
    if (!own_addr(e->host, &to, &from))
        return -ENETUNREACH;
    if (!take_fd(e))
        return -EMFILE;
    struct sim_conn *c = conn_new(e->host);
    c->host[1] = host_at(e->host, &to);
    sim_ip_addr(&from, free_port(e->host), &c->addr[0]);
    sim_ip_addr(&to, port, &c->addr[1]);
    c->syn_since = sched_now(c->world->sched);
    struct sim_pipe *p = pipe_new(e, c, 0);
    conn_event(c, latency(c), on_syn, c);
    *out = &p->base;
    return 0;
}

/* ---- pipes ---- */

static struct sim_pipe *pipe_of(struct env_pipe *p)
{
    return (struct sim_pipe *)p;
}

static struct flow *incoming(const struct sim_pipe *p)
{
    return &p->conn->flow[1 - p->side];
}

static struct flow *outgoing(const struct sim_pipe *p)
{
    return &p->conn->flow[p->side];
}

static size_t room(const struct flow *f)
{
    return f->window - (size_t)(f->sent - f->acked);
}

bool sim_pipe_ready(const struct sim_pipe *p, int want)
{
    const struct flow *in = incoming(p);
    want &= p->want;
    if (want == 0)
        return false;
    if (p->error != 0)
        return true;
    if (!p->connected)
        return false;
    return ((want & ENV_WANT_READ) && (in->arrived > in->read || in->fin_arrived)) ||
           ((want & ENV_WANT_WRITE) && room(outgoing(p)) > 0);
}

void sim_pipe_poke(struct sim_pipe *p)
{
    struct sim_loop *l = p->loop;
    if (l == NULL || p->queued || !sim_pipe_ready(p, ENV_WANT_READ | ENV_WANT_WRITE))
        return;
    if (l->ready_count == l->ready_cap) {
        l->ready_cap = l->ready_cap == 0 ? 16 : 2 * l->ready_cap;
        l->ready = realloc(l->ready, l->ready_cap * sizeof(struct sim_pipe *));
        sim_must(l->ready != NULL, "out of memory");
    }
    l->ready[l->ready_count++] = p;
    p->queued = true;
    sim_loop_due(l);
}

static void check_owner(const struct sim_pipe *p)
{
    sim_must(!p->closed, "a pipe was used after its close");
    if (p->loop != NULL)
        sim_loop_check(p->loop);
}

/* Any loop of the process may write. */
static void check_writer(const struct sim_pipe *p)
{
    const struct sim_loop *now = p->conn->world->running;
    sim_must(!p->closed, "a pipe was used after its close");
    sim_must(now == NULL || p->loop == NULL || now->env == p->loop->env,
             "a pipe of another process was written");
}

int sim_pipe_attach(struct env_pipe *base, struct env_loop *l, const struct env_pipe_handler *h, void *ctx)
{
    struct sim_pipe *p = pipe_of(base);
    sim_loop_check((struct sim_loop *)l);
    sim_must(p->loop == NULL, "a pipe was attached twice");
    sim_must(!((struct sim_loop *)l)->stopped, "a pipe was attached to a loop that has stopped");
    p->loop = (struct sim_loop *)l;
    p->handler = *h;
    p->ctx = ctx;
    return 0;
}

void sim_pipe_want(struct env_pipe *base, int want)
{
    struct sim_pipe *p = pipe_of(base);
    check_owner(p);
    sim_must(p->loop != NULL, "a pipe must be attached before it is asked for readiness");
    p->want = want;
    sim_pipe_poke(p);
}

/* Some of n, at least 1: all of it most times. */
static size_t split(struct sim_world *w, size_t n)
{
    return n > 1 && sched_below(w->sched, w->o.split_one_in) == 0 ? 1 + (size_t)sched_below(w->sched, n) : n;
}

ssize_t sim_pipe_read(struct env_pipe *base, void *buf, size_t len)
{
    struct sim_pipe *p = pipe_of(base);
    struct flow *f = incoming(p);
    check_owner(p);
    size_t n = (size_t)(f->arrived - f->read);
    if (n == 0)
        return p->error != 0 ? p->error : f->fin_arrived ? 0 : -EAGAIN;
    if (n > len)
        n = len;
    if (n == 0)
        return 0;
    n = split(p->conn->world, n);
    memcpy(buf, f->buf + f->head, n);
    f->head += n;
    f->read += n;
    if (!f->acking)
        send_ack(p->conn, 1 - p->side);
    sim_note(p->conn->world, 0x500, n);
    return (ssize_t)n;
}

/* Space for n bytes behind the last one. */
static uint8_t *append(struct flow *f, size_t n)
{
    size_t used = (size_t)(f->sent - f->read);
    if (f->head + used + n > f->cap) {
        if (used > 0)
            memmove(f->buf, f->buf + f->head, used);
        f->head = 0;
        if (used + n > f->cap) {
            f->cap = 2 * (used + n) + 256;
            f->buf = realloc(f->buf, f->cap);
            sim_must(f->buf != NULL, "out of memory");
        }
    }
    return f->buf + f->head + used;
}

ssize_t sim_pipe_writev(struct env_pipe *base, const struct iovec *iov, int count)
{
    struct sim_pipe *p = pipe_of(base);
    struct flow *f = outgoing(p);
    check_writer(p);
    sim_must(count <= 1024, "more than 1024 buffers in one write");
    if (p->error != 0)
        return p->error;
    if (!p->connected)
        return -EAGAIN;
    size_t total = 0;
    for (int i = 0; i < count; i++)
        total += iov[i].iov_len;
    if (total == 0)
        return 0;
    if (room(f) == 0)
        return -EAGAIN;
    size_t n = split(p->conn->world, total < room(f) ? total : room(f)), left = n;
    uint8_t *to = append(f, n);
    for (int i = 0; i < count && left > 0; i++) {
        size_t part = iov[i].iov_len < left ? iov[i].iov_len : left;
        if (part == 0)
            continue;
        memcpy(to, iov[i].iov_base, part);
        to += part;
        left -= part;
    }
    f->sent += n;
    send_segment(p->conn, p->side, false);
    sim_note(p->conn->world, 0x600, n);
    return (ssize_t)n;
}

static void unqueue(struct sim_pipe *p)
{
    if (!p->queued)
        return;
    struct sim_loop *l = p->loop;
    size_t i = 0;
    while (l->ready[i] != p)
        i++;
    memmove(&l->ready[i], &l->ready[i + 1], (--l->ready_count - i) * sizeof(struct sim_pipe *));
    p->queued = false;
}

void sim_pipe_free(struct sim_pipe *p)
{
    free(p);
}

/* What the other side hears of a close: an end behind all bytes, or a reset at once. Who closes without
 * having read everything resets, as Linux does. */
static void say_goodbye(struct sim_conn *c, int side, bool reset)
{
    struct flow *in = &c->flow[1 - side], *out = &c->flow[side];
    if (c->host[1] == NULL || c->end[1 - side] == NULL || !alive(c, side))
        return;
    if (reset || in->arrived > in->read) {
        drop_segments(out);
        send_reset(c, 1 - side);
    } else if (!out->fin_sent) {
        out->fin_sent = true;
        send_segment(c, side, true);
    }
}

size_t sim_pipe_unsent(struct env_pipe *base)
{
    struct sim_pipe *p = pipe_of(base);
    const struct flow *out = &p->conn->flow[p->side];
    return p->error != 0 ? 0 : (size_t)(out->sent - out->arrived);
}

void sim_pipe_close(struct env_pipe *base, bool reset)
{
    struct sim_pipe *p = pipe_of(base);
    struct sim_conn *c = p->conn;
    check_owner(p);
    unqueue(p);
    p->closed = true;
    p->env->fds--;
    c->end[p->side] = NULL;
    if (p->error == 0)
        say_goodbye(c, p->side, reset);
    if (p->loop != NULL && p->loop->in_turn) {
        p->next = p->loop->grave;
        p->loop->grave = p;
    } else {
        sim_pipe_free(p);
    }
    conn_release(c);
}

int sim_pipe_addrs(struct env_pipe *base, struct env_addr *local, struct env_addr *peer)
{
    struct sim_pipe *p = pipe_of(base);
    if (p->side == 0 && !p->connected && peer != NULL)
        return -ENOTCONN;
    if (local != NULL)
        *local = p->conn->addr[p->side];
    if (peer != NULL)
        *peer = p->conn->addr[1 - p->side];
    return 0;
}

/* ---- faults ---- */

void sim_reset(struct sim_host *a, struct sim_host *b)
{
    for (struct sim_conn *c = a->world->conns; c != NULL; c = c->next) {
        bool hit = (c->host[0] == a && (b == NULL || c->host[1] == b)) ||
                   (c->host[1] == a && (b == NULL || c->host[0] == b));
        for (int i = 0; hit && i < 2; i++) {
            if (c->end[i] != NULL && c->end[i]->connected) {
                drop_segments(&c->flow[i]);
                break_end(c, i, -ECONNRESET);
            }
        }
    }
}

/* Its own ends break, so that what is left of the process comes to an end; the others hear nothing. */
void sim_host_power(struct sim_host *h, bool on)
{
    if (h->off != on)
        return;
    h->off = !on;
    if (on) {
        h->life++;
        return;
    }
    for (struct sim_conn *c = h->world->conns; c != NULL; c = c->next) {
        for (int i = 0; i < 2; i++) {
            if (c->host[i] == h && c->end[i] != NULL)
                break_end(c, i, -ECONNRESET);
        }
    }
}
