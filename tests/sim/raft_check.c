/* What must always hold. */
#include "sim/raft_world.h"

#include <stdlib.h>

uint64_t hash_bytes(uint64_t h, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        h = mix(h, v);
    }
    uint64_t tail = len;
    for (size_t i = 0; i < len; i++)
        tail = tail << 8 | p[i];
    return mix(h, tail);
}

static void *grow(void *list, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return list;
    size_t to = *cap == 0 ? 256 : *cap;
    while (to < need)
        to *= 2;
    uint8_t *grown = realloc(list, to * size);
    if (grown == NULL)
        abort();
    memset(grown + *cap * size, 0, (to - *cap) * size);
    *cap = to;
    return grown;
}

struct canonical *check_canonical(struct world *w, uint64_t index)
{
    w->log = grow(w->log, &w->log_cap, (size_t)index + 1, sizeof *w->log);
    return &w->log[index];
}

/* ---- log matching: "If two logs contain an entry with the same index and term, then the logs are identical
 * in all entries up through the given index." By induction it is enough that such entries, and the terms of
 * those before them, are the same. */

static struct seen_entry *seen_slot(struct world *w, uint64_t index, uint64_t term)
{
    size_t i = (size_t)mix(mix(0, index), term) & (w->seen_cap - 1);
    while (w->seen[i].index != 0 && (w->seen[i].index != index || w->seen[i].term != term))
        i = (i + 1) & (w->seen_cap - 1);
    return &w->seen[i];
}

static void seen_grow(struct world *w)
{
    struct seen_entry *old = w->seen;
    size_t old_cap = w->seen_cap;
    w->seen_cap = old_cap == 0 ? 1024 : 2 * old_cap;
    w->seen = calloc(w->seen_cap, sizeof *w->seen);
    if (w->seen == NULL)
        abort();
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].index != 0)
            *seen_slot(w, old[i].index, old[i].term) = old[i];
    }
    free(old);
}

void check_stored(void *ctx, uint64_t index, const struct raft_append *ae)
{
    struct sim_node *n = ctx;
    struct world *w = n->w;
    uint64_t hash = ae->count;
    for (size_t i = 0; i < ae->count; i++)
        hash = hash_bytes(mix(hash, ae->entries[i].type), ae->entries[i].data.ptr, ae->entries[i].data.len);
    if (2 * (w->seen_count + 1) > w->seen_cap)
        seen_grow(w);
    struct seen_entry *e = seen_slot(w, index, ae->term);
    if (e->index == 0) {
        *e = (struct seen_entry){index, ae->term, ae->pterm, hash};
        w->seen_count++;
    } else if (e->pterm != ae->pterm || e->hash != hash) {
        world_fail(w, "log matching: %s stores another entry %llu of term %llu than others have", n->name,
                   (unsigned long long)index, (unsigned long long)ae->term);
    }
    if (ae->pindex + 1 != index)
        world_fail(w, "%s stores entry %llu behind %llu", n->name, (unsigned long long)index,
                   (unsigned long long)ae->pindex);
}

/* ---- elections ---- */

static struct claim *claim_slot(struct world *w, uint64_t term, raft_id who)
{
    size_t i = (size_t)mix(mix(1, term), who) & (w->claim_cap - 1);
    while (w->claims[i].value != 0 && (w->claims[i].term != term || w->claims[i].who != who))
        i = (i + 1) & (w->claim_cap - 1);
    return &w->claims[i];
}

static struct claim *claim(struct world *w, uint64_t term, raft_id who)
{
    if (2 * (w->claim_count + 1) > w->claim_cap) {
        struct claim *old = w->claims;
        size_t old_cap = w->claim_cap;
        w->claim_cap = old_cap == 0 ? 256 : 2 * old_cap;
        w->claims = calloc(w->claim_cap, sizeof *w->claims);
        if (w->claims == NULL)
            abort();
        for (size_t i = 0; i < old_cap; i++) {
            if (old[i].value != 0)
                *claim_slot(w, old[i].term, old[i].who) = old[i];
        }
        free(old);
    }
    struct claim *c = claim_slot(w, term, who);
    if (c->value == 0) {
        *c = (struct claim){.term = term, .who = who};
        w->claim_count++;
    }
    return c;
}

/* "At most one leader can be elected in a given term." */
static void check_one_leader(struct sim_node *n, uint64_t term)
{
    struct world *w = n->w;
    struct claim *c = claim(w, term, 0);
    if (c->value == 0) {
        c->value = n->id;
        w->result->elections++;
    } else if (c->value != n->id) {
        world_fail(w, "election safety: %s and %s both lead in term %llu", n->name,
                   world_node(w, c->value)->name, (unsigned long long)term);
    }
}

void check_vote(struct sim_node *voter, uint64_t term, raft_id candidate, bool empty)
{
    struct claim *c = claim(voter->w, term, voter->id);
    if (c->value == 0 || empty)
        c->value = candidate;
    else if (c->value != candidate)
        world_fail(voter->w, "one vote: %s votes twice in term %llu", voter->name, (unsigned long long)term);
}

/* "If a log entry is committed in a given term, then that entry will be present in the logs of the leaders
 * for all higher-numbered terms." The term is that of the commit, not of the entry: a leader of term 4 need
 * not have an entry of term 3 that the leader of term 5 brings to a majority. */
static void check_complete(struct sim_node *n, const struct raft_status *s)
{
    struct world *w = n->w;
    uint64_t c = w->committed;
    while (c > 0 && check_canonical(w, c)->committed >= s->term)
        c--;
    if (c == 0 || c <= s->snapshot_index)
        return;
    if (raft_term_at(raft_node_raft(n->node), c) != w->log[c].term)
        world_fail(w, "leader completeness: %s leads in term %llu without entry %llu, committed in term %llu",
                   n->name, (unsigned long long)s->term, (unsigned long long)c,
                   (unsigned long long)w->log[c].term);
}

/* ---- commit ---- */

/* "If a server has applied a log entry at a given index to its state machine, no other server will ever apply
 * a different log entry for the same index": held already against what is committed. */
static void check_committed(struct sim_node *n, const struct raft_status *s)
{
    struct world *w = n->w;
    uint64_t before = w->committed;
    uint64_t from = n->seen_commit > s->snapshot_index ? n->seen_commit : s->snapshot_index;
    for (uint64_t i = from + 1; i <= s->commit; i++) {
        uint64_t term = raft_term_at(raft_node_raft(n->node), i);
        struct canonical *c = check_canonical(w, i);
        if (c->committed == 0)
            c->committed = s->term;
        if (c->term == 0)
            c->term = term;
        else if (c->term != term)
            world_fail(w, "state machine safety: %s commits entry %llu of term %llu, others of term %llu",
                       n->name, (unsigned long long)i, (unsigned long long)term, (unsigned long long)c->term);
        if (i > w->committed)
            w->committed = i;
    }
    if (w->committed == before)
        return;
    for (uint32_t i = 0; i < w->plan->nodes; i++) {
        struct sim_node *other = &w->nodes[i];
        if (other->life == NODE_UP && other->seen_role == RAFT_LEADER) {
            struct raft_status os = node_status(other);
            if (os.role == RAFT_LEADER)
                check_complete(other, &os);
        }
    }
}

void check_applied(struct sim_node *n, uint64_t index, uint64_t term, uint64_t hash)
{
    struct world *w = n->w;
    struct canonical *c = check_canonical(w, index);
    if (c->term == 0)
        c->term = term;
    if (c->hash == 0)
        c->hash = hash;
    if (c->term != term || c->hash != hash)
        world_fail(w, "state machine safety: %s applies another entry %llu than others", n->name,
                   (unsigned long long)index);
}

void check_restarted(struct sim_node *n)
{
    n->seen_commit = n->seen_applied = n->seen_term = 0;
    n->seen_role = RAFT_FOLLOWER;
    n->cut_allowed = false;
}

void check_step(struct sim_node *n)
{
    struct world *w = n->w;
    struct raft_status s = node_status(n);
    if (s.term < n->seen_term)
        world_fail(w, "%s goes back from term %llu to %llu", n->name, (unsigned long long)n->seen_term,
                   (unsigned long long)s.term);
    if (s.role != n->seen_role || s.term != n->seen_term)
        TRACE(w, n, "%s in term %llu, log ends (%llu, %llu), commit %llu", raft_role_name(s.role),
              (unsigned long long)s.term, (unsigned long long)s.pterm, (unsigned long long)s.pindex,
              (unsigned long long)s.commit);
    if (s.role == RAFT_LEADER && (n->seen_role != RAFT_LEADER || s.term != n->seen_term)) {
        check_one_leader(n, s.term);
        check_complete(n, &s);
        nemesis_elected(n);
    }
    n->seen_role = s.role;
    n->seen_term = s.term;
    if (s.commit < n->seen_commit && !n->cut_allowed)
        world_fail(w, "commit of %s goes back from %llu to %llu", n->name, (unsigned long long)n->seen_commit,
                   (unsigned long long)s.commit);
    if (s.commit > s.pindex)
        world_fail(w, "commit %llu of %s is above its log %llu", (unsigned long long)s.commit, n->name,
                   (unsigned long long)s.pindex);
    if (s.commit > n->seen_commit)
        check_committed(n, &s);
    n->seen_commit = s.commit;
    n->cut_allowed = false;
    if (s.peers.count < n->fewest)
        n->fewest = s.peers.count;
}

void check_free(struct world *w)
{
    free(w->claims);
    free(w->log);
    free(w->seen);
}
