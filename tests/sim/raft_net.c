/* Messages between the nodes. Loss, delay, duplication and order are drawn for each message; what is on its
 * way to a process that ends is lost with it, as on a connection. */
#include "sim/raft_world.h"

#include "raft/wire.h"

#include <stdlib.h>

#define SLOW_MAX (3 * RAFT_S)

struct body {
    unsigned refs;
    size_t len;
    uint8_t bytes[];
};

struct packet {
    struct packet *next;        /* in the pool, or stuck at a stopped process */
    struct packet *after, **at; /* all that are on their way */
    struct sim_node *from, *to;
    unsigned incarnation;
    bool strange; /* nobody needs to understand it */
    struct raft_addr subject, reply;
    struct body *body;
};

static slice group = {(const uint8_t *)"S-R3F-simulate", 14};

static void body_drop(struct body *b)
{
    if (--b->refs == 0)
        free(b);
}

static struct packet *packet_new(struct world *w)
{
    struct packet *p = w->pool;
    if (p != NULL)
        w->pool = p->next;
    else if ((p = malloc(sizeof *p)) == NULL)
        abort();
    return p;
}

static void packet_link(struct world *w, struct packet *p)
{
    p->after = w->packets;
    p->at = &w->packets;
    if (p->after != NULL)
        p->after->at = &p->after;
    w->packets = p;
}

static void packet_free(struct packet *p)
{
    struct world *w = p->from->w;
    body_drop(p->body);
    *p->at = p->after;
    if (p->after != NULL)
        p->after->at = p->at;
    p->next = w->pool;
    w->pool = p;
}

void net_free(struct world *w)
{
    /* What is kept is among the packets, too. */
    while (w->packets != NULL)
        packet_free(w->packets);
    while (w->pool != NULL) {
        struct packet *p = w->pool;
        w->pool = p->next;
        free(p);
    }
}

void net_subscribe(void *ctx, slice subject, bool on)
{
    struct sim_node *n = ctx;
    struct raft_addr a = raft_wire_address(subject, group);
    if (a.place < RAFT_TO_REPLY) {
        n->places = on ? n->places | 1u << a.place : n->places & ~(1u << a.place);
        return;
    }
    for (size_t i = 0; i < n->inboxes; i++) {
        if (memcmp(&n->inbox[i], &a, sizeof a) == 0) {
            n->inbox[i] = n->inbox[--n->inboxes];
            break;
        }
    }
    if (on && n->inboxes == INBOXES)
        abort(); /* the engine forgot to unsubscribe */
    if (on)
        n->inbox[n->inboxes++] = a;
}

static bool hears(const struct sim_node *n, struct raft_addr a)
{
    if (n->life != NODE_UP)
        return false;
    if (a.place < RAFT_TO_REPLY)
        return (n->places & 1u << a.place) != 0;
    for (size_t i = 0; i < n->inboxes; i++) {
        if (memcmp(&n->inbox[i], &a, sizeof a) == 0)
            return true;
    }
    return false;
}

static bool linked(const struct world *w, const struct sim_node *from, const struct sim_node *to)
{
    return (w->cut[from->number] & UINT64_C(1) << to->number) == 0;
}

static struct packet *packet_to(struct sim_node *from, struct sim_node *to, struct raft_addr subject,
                                struct raft_addr reply, struct body *body)
{
    struct packet *p = packet_new(from->w);
    *p = (struct packet){.from = from,
                         .to = to,
                         .incarnation = to->incarnation,
                         .subject = subject,
                         .reply = reply,
                         .body = body};
    packet_link(from->w, p);
    body->refs++;
    return p;
}

/* While nonsense is talked, what came is kept until something else needs its place. */
static void keep_old(const struct packet *p)
{
    struct world *w = p->from->w;
    if (sched_now(w->s) > w->nonsense_until)
        return;
    struct packet **place = &w->old[w->old_at++ % OLD_PACKETS];
    if (*place != NULL)
        packet_free(*place);
    *place = packet_to(p->from, p->to, p->subject, p->reply, p->body);
    (*place)->incarnation = p->incarnation;
    (*place)->strange = p->strange;
}

static void hand_over(struct packet *p)
{
    struct sim_node *n = p->to;
    struct world *w = n->w;
    char subject[RAFT_SUBJECT_MAX], reply[RAFT_SUBJECT_MAX];
    size_t s = raft_wire_subject(p->subject, group, subject);
    size_t r = raft_wire_subject(p->reply, group, reply);
    bool good = raft_node_message(n->node, node_clock(n), slice_make(subject, s), slice_make(reply, r),
                                  slice_make(p->body->bytes, p->body->len));
    if (!good && !p->strange)
        world_fail(w, "%s cannot read a message of %s", n->name, p->from->name);
    keep_old(p);
    packet_free(p);
    node_stepped(n);
}

static bool still_wanted(const struct packet *p)
{
    return p->to->incarnation == p->incarnation && hears(p->to, p->subject) &&
           linked(p->to->w, p->from, p->to);
}

static void arrive(void *ctx)
{
    struct packet *p = ctx;
    struct sim_node *n = p->to;
    if (!still_wanted(p)) {
        packet_free(p);
        return;
    }
    if (n->paused) {
        p->next = NULL;
        *n->stuck_end = p;
        n->stuck_end = &p->next;
        return;
    }
    hand_over(p);
}

void net_deliver_stuck(struct sim_node *n)
{
    while (n->stuck != NULL && !n->paused && n->life == NODE_UP) {
        struct packet *p = n->stuck;
        n->stuck = p->next;
        if (n->stuck == NULL)
            n->stuck_end = &n->stuck;
        if (still_wanted(p))
            hand_over(p);
        else
            packet_free(p);
    }
}

void net_forget(struct sim_node *n)
{
    while (n->stuck != NULL) {
        struct packet *p = n->stuck;
        n->stuck = p->next;
        packet_free(p);
    }
    n->stuck_end = &n->stuck;
    n->inboxes = 0;
    n->places = 0;
}

static int64_t delay(struct world *w, uint32_t from, uint32_t to)
{
    int64_t d = sched_between(w->s, w->plan->latency_min, w->plan->latency_max);
    int64_t now = sched_now(w->s);
    if (now < w->slow_until && sched_chance(w->s, 0.3))
        d += sched_between(w->s, 0, SLOW_MAX);
    /* In order, as on a connection, unless this one is to overtake. */
    if (!sched_chance(w->s, w->reorder)) {
        if (now + d <= w->last_arrival[from][to])
            d = w->last_arrival[from][to] - now + 1;
        w->last_arrival[from][to] = now + d;
    }
    return d;
}

static void post(struct sim_node *from, struct sim_node *to, struct raft_addr subject, struct raft_addr reply,
                 struct body *body)
{
    struct world *w = from->w;
    if (!linked(w, from, to) || sched_chance(w->s, w->loss))
        return;
    int copies = sched_chance(w->s, w->dup) ? 2 : 1;
    for (int i = 0; i < copies; i++) {
        struct packet *p = packet_to(from, to, subject, reply, body);
        int64_t d = delay(w, from->number, to->number);
        if (i > 0 && sched_chance(w->s, 0.5)) /* a second copy may be late */
            d += sched_between(w->s, 0, 2 * RAFT_S);
        sched_after(w->s, d, arrive, p);
    }
}

static struct body *body_new(slice bytes)
{
    struct body *body = malloc(sizeof *body + bytes.len);
    if (body == NULL)
        abort();
    body->refs = 1;
    body->len = bytes.len;
    if (bytes.len > 0)
        memcpy(body->bytes, bytes.ptr, bytes.len);
    return body;
}

void net_inject(struct sim_node *to, struct raft_addr subject, struct raft_addr reply, slice bytes)
{
    struct body *body = body_new(bytes);
    struct packet *p = packet_to(to, to, subject, reply, body);
    p->strange = true;
    body_drop(body);
    arrive(p);
}

/* As late as it may be: while the one that it goes to lives, as a connection does. */
void net_repeat(struct world *w)
{
    const struct packet *o = w->old[sched_below(w->s, OLD_PACKETS)];
    if (o == NULL || o->incarnation != o->to->incarnation)
        return;
    struct packet *p = packet_to(o->from, o->to, o->subject, o->reply, o->body);
    p->strange = o->strange;
    arrive(p);
}

/* A vote that is told binds the voter. */
static void watch_votes(struct sim_node *from, struct sim_node *to, slice body)
{
    if (body.len != 17 || (body.ptr[16] & 1) == 0)
        return;
    uint64_t term = 0;
    memcpy(&term, body.ptr, sizeof term);
    check_vote(from, term, to->id, (body.ptr[16] & 2) != 0);
}

/* It may be back before the election is over in which it spoke. */
static void power_goes(void *ctx)
{
    struct sim_node *n = ctx;
    struct sched *s = n->w->s;
    node_stop(n, true);
    nemesis_restart(n, sched_between(s, 0, sched_chance(s, 0.5) ? 300 * RAFT_MS : 5 * RAFT_S));
}

/* The worst moment to lose power: something was just said. */
static void watch_power(struct sim_node *n, enum raft_place to)
{
    if (n->cut_after == 0 || to != n->cut_kind || --n->cut_after > 0)
        return;
    TRACE(n->w, n, "is about to lose power");
    sched_after(n->w->s, 0, power_goes, n);
}

void net_send(void *ctx, slice subject, slice reply, slice bytes)
{
    struct sim_node *from = ctx;
    struct world *w = from->w;
    struct raft_addr a = raft_wire_address(subject, group), b = raft_wire_address(reply, group);
    struct body *body = body_new(bytes);
    for (uint32_t i = 0; i < w->plan->nodes; i++) {
        struct sim_node *to = &w->nodes[i];
        if (to == from || !hears(to, a))
            continue;
        if (a.place == RAFT_TO_REPLY)
            watch_votes(from, to, bytes);
        post(from, to, a, b, body);
    }
    body_drop(body);
    watch_power(from, a.place);
}
