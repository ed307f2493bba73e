/* Clients that append records to a queue, and the history of what they were told.
 *
 * A record is 8 bytes of number and filling. A request of some records goes to a node that believes it leads;
 * it is acknowledged when that node applies them in the term in which it took them. */
#include "sim/raft_world.h"

#include <stdlib.h>

#define HUGE_SIZE (300u * 1024)

static uint8_t filling[HUGE_SIZE];

static struct op *op_new(struct world *w)
{
    if (w->op_count == w->op_cap) {
        w->op_cap = w->op_cap == 0 ? 1024 : 2 * w->op_cap;
        w->ops = realloc(w->ops, w->op_cap * sizeof *w->ops);
        if (w->ops == NULL)
            abort();
    }
    struct op *op = &w->ops[w->op_count++];
    *op = (struct op){.state = OP_PENDING, .floor = w->told};
    return op;
}

static void remember(struct sim_node *n, struct request q)
{
    if (n->request_count == n->request_cap) {
        n->request_cap = n->request_cap == 0 ? 16 : 2 * n->request_cap;
        n->requests = realloc(n->requests, n->request_cap * sizeof *n->requests);
        if (n->requests == NULL)
            abort();
    }
    n->requests[n->request_count++] = q;
}

/* The engine says at which index the last of them went; several append entries may be needed for huge ones,
 * so that each record is proposed in an event of its own then. */
bool load_send(struct world *w, struct sim_node *n, uint32_t count)
{
    struct raft_entry entries[64];
    uint8_t bytes[64][8];
    static uint8_t big[HUGE_SIZE + 8];
    if (count > 64)
        count = 64;
    bool huge = w->plan->huge_one_in > 0 && sched_below(w->s, w->plan->huge_one_in) == 0;
    uint8_t data[64][256];
    if (huge)
        count = 1;
    uint32_t first = (uint32_t)w->op_count;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t number = w->op_count;
        op_new(w);
        memcpy(bytes[i], &number, 8);
        size_t len = 8 + (size_t)sched_below(w->s, w->plan->size);
        if (len > sizeof data[i])
            len = sizeof data[i];
        memcpy(data[i], bytes[i], 8);
        memcpy(data[i] + 8, filling, len - 8);
        entries[i] = (struct raft_entry){RAFT_NORMAL, slice_make(data[i], len)};
        if (huge) {
            memcpy(big, bytes[i], 8);
            entries[i].data = slice_make(big, sizeof big);
        }
    }
    uint64_t term = node_status(n).term, index = 0;
    struct raft_event e = {
        .type = RAFT_EV_PROPOSE, .now = node_clock(n), .term = term, .entries = entries, .count = count};
    enum raft_rc rc = raft_node_event(n->node, &e, &index);
    if (rc != RAFT_OK) {
        for (uint32_t i = 0; i < count; i++)
            w->ops[first + i].state = OP_REFUSED;
    } else {
        remember(n, (struct request){index, term, first, count});
    }
    node_stepped(n);
    return rc == RAFT_OK;
}

void load_lost(struct sim_node *n)
{
    for (size_t i = 0; i < n->request_count; i++) {
        const struct request *q = &n->requests[i];
        for (uint32_t k = 0; k < q->count; k++)
            n->w->ops[q->first_op + k].state = OP_UNKNOWN;
    }
    n->request_count = 0;
}

static void acknowledge(struct world *w, struct sim_node *n, const struct request *q)
{
    for (uint32_t k = 0; k < q->count; k++) {
        struct op *op = &w->ops[q->first_op + k];
        if (op->place == 0) {
            world_fail(w, "record %u was applied by %s without having a place", q->first_op + k, n->name);
            return;
        }
        op->state = OP_ACKED;
        w->result->acknowledged++;
        if (op->place > w->told)
            w->told = op->place;
        if (q->term > w->told_term)
            w->told_term = q->term;
    }
}

/* Requests of this index are answered; those that another entry took the place of are not known to be lost
 * (the records may be in the log a second time only if somebody proposed them again, which nobody does). */
static void answer(struct sim_node *n, uint64_t index, uint64_t term)
{
    size_t kept = 0;
    for (size_t i = 0; i < n->request_count; i++) {
        struct request q = n->requests[i];
        if (q.index > index) {
            n->requests[kept++] = q;
        } else if (q.index == index && q.term == term) {
            acknowledge(n->w, n, &q);
        } else {
            for (uint32_t k = 0; k < q.count; k++)
                n->w->ops[q.first_op + k].state = OP_UNKNOWN;
        }
    }
    n->request_count = kept;
}

static void apply_record(struct world *w, struct sim_node *n, slice data, bool first_time)
{
    uint64_t number;
    memcpy(&number, data.ptr, sizeof number);
    n->machine.count++;
    n->machine.hash = mix(n->machine.hash, number);
    if (number >= w->op_count) {
        world_fail(w, "%s applies record %llu that nobody sent", n->name, (unsigned long long)number);
        return;
    }
    struct op *op = &w->ops[number];
    if (!first_time)
        return;
    if (op->place != 0)
        world_fail(w, "record %llu is in the queue twice", (unsigned long long)number);
    if (op->state == OP_REFUSED)
        world_fail(w, "record %llu was refused and is in the queue", (unsigned long long)number);
    if (n->machine.count <= op->floor)
        world_fail(w, "record %llu stands before one that was acknowledged before it was sent",
                   (unsigned long long)number);
    op->place = n->machine.count;
}

void load_apply(void *ctx, uint64_t index, uint64_t term, const struct raft_entry *entries, size_t count)
{
    struct sim_node *n = ctx;
    struct world *w = n->w;
    if (index != n->machine.index + 1) {
        world_fail(w, "%s applies entry %llu after %llu", n->name, (unsigned long long)index,
                   (unsigned long long)n->machine.index);
        return;
    }
    uint64_t hash = count + 1;
    for (size_t i = 0; i < count; i++)
        hash = hash_bytes(mix(hash, entries[i].type), entries[i].data.ptr, entries[i].data.len);
    check_applied(n, index, term, hash);
    bool first_time = !check_canonical(w, index)->applied;
    for (size_t i = 0; i < count && !w->over; i++) {
        raft_id id;
        if (entries[i].type == RAFT_NORMAL && entries[i].data.len >= 8)
            apply_record(w, n, entries[i].data, first_time);
        if (entries[i].type == RAFT_REMOVE_PEER || entries[i].type == RAFT_ADD_PEER) {
            memcpy(&id, entries[i].data.ptr, sizeof id);
            struct sim_node *who = world_node(w, id);
            if (who != NULL && first_time)
                who->removed = entries[i].type == RAFT_REMOVE_PEER;
        }
    }
    n->machine.index = index;
    struct canonical *c = check_canonical(w, index);
    if (first_time) {
        c->applied = true;
        c->state_hash = n->machine.hash;
        c->state_count = n->machine.count;
    } else if (c->state_hash != n->machine.hash) {
        world_fail(w, "the queue of %s after entry %llu differs from that of others", n->name,
                   (unsigned long long)index);
    }
    answer(n, index, term);
}

void load_apply_snapshot(void *ctx, uint64_t index, slice data)
{
    struct sim_node *n = ctx;
    struct world *w = n->w;
    struct canonical *c = check_canonical(w, index);
    TRACE(w, n, "takes over the snapshot of %llu", (unsigned long long)index);
    if (data.len < 24) {
        world_fail(w, "%s got a snapshot that is none", n->name);
        return;
    }
    if (index < n->machine.index)
        world_fail(w, "%s goes back from %llu to the snapshot of %llu", n->name,
                   (unsigned long long)n->machine.index, (unsigned long long)index);
    memcpy(&n->machine.index, data.ptr, 8);
    memcpy(&n->machine.count, data.ptr + 8, 8);
    memcpy(&n->machine.hash, data.ptr + 16, 8);
    n->machine.snapshot_at = index;
    if (n->machine.index != index || !c->applied || c->state_hash != n->machine.hash)
        world_fail(w, "the snapshot of %llu at %s is not the state there", (unsigned long long)index,
                   n->name);
    answer(n, index, 0);
}

/* ---- the clients ---- */

/* A leader that has processed its first entry has the state of all that an earlier one acknowledged. A leader
 * that was replaced may not know it yet; what it reads may be old, as in the Go server. */
void load_read(struct sim_node *n)
{
    struct world *w = n->w;
    struct raft_status s = node_status(n);
    if (s.leading && s.term >= w->told_term && n->machine.count < w->told)
        world_fail(w, "stale read: %s leads in term %llu and has %llu records, a client was told of %llu",
                   n->name, (unsigned long long)s.term, (unsigned long long)n->machine.count,
                   (unsigned long long)w->told);
}

static void send_some(void *ctx)
{
    struct world *w = ctx;
    if (!w->load_on)
        return;
    double mean = 1e9 / w->plan->rate;
    int64_t gap = (int64_t)(mean * 2 * (double)sched_below(w->s, 1000) / 1000);
    sched_after(w->s, gap, send_some, w);
    if (sched_now(w->s) < w->clients_wait_until)
        return;
    /* Any node that thinks it leads, the outdated ones, too. */
    uint32_t at = (uint32_t)sched_below(w->s, w->plan->nodes);
    for (uint32_t i = 0; i < w->plan->nodes; i++) {
        struct sim_node *n = &w->nodes[(at + i) % w->plan->nodes];
        if (n->life == NODE_UP && !n->paused && n->seen_role == RAFT_LEADER) {
            load_read(n);
            load_send(w, n, 1 + (uint32_t)sched_below(w->s, w->plan->batch));
            return;
        }
    }
}

void load_begin(struct world *w)
{
    w->load_on = true;
    sched_after(w->s, 0, send_some, w);
}

void load_check_end(struct world *w)
{
    for (size_t i = 0; i < w->op_count && !w->over; i++) {
        const struct op *op = &w->ops[i];
        if (op->state == OP_ACKED && (op->place == 0 || op->place > w->applied_everywhere))
            world_fail(w, "record %zu was acknowledged at place %llu and is lost", i,
                       (unsigned long long)op->place);
    }
}
