/* The way out of a step: effects in order, and messages that wait until the disk is done.
 *
 * All that a step asks of the disk carries one op number. Promises to peers (votes, successes) are held with
 * the op that was the latest when they were made; RAFT_EV_DURABLE lets go of them. So whatever the order of
 * events, no promise overtakes what it rests on. */
#include "raft/raft_i.h"

enum {
    EFFECTS_FIXED = 64, /* more than any single event causes apart from what is counted below */
    HELD_PER_STEP = 16,
    OWN_PER_STEP = 8,
};

static bool reserve_effects(struct raft *r, size_t need)
{
    if (need <= r->effect_cap)
        return true;
    size_t cap = need > 2 * r->effect_cap ? need : 2 * r->effect_cap;
    struct raft_effect *grown = realloc(r->effects, cap * sizeof *grown);
    if (grown == NULL)
        return false;
    r->effects = grown;
    r->effect_cap = cap;
    return true;
}

static bool reserve_held(struct raft *r)
{
    if (r->held_cap - r->held_count >= HELD_PER_STEP)
        return true;
    size_t cap = r->held_cap == 0 ? (size_t)2 * HELD_PER_STEP : 2 * r->held_cap;
    struct raft_held *grown = malloc(cap * sizeof *grown);
    if (grown == NULL)
        return false;
    for (size_t i = 0; i < r->held_count; i++)
        grown[i] = r->held[(r->held_first + i) & (r->held_cap - 1)];
    free(r->held);
    r->held = grown;
    r->held_first = 0;
    r->held_cap = cap;
    return true;
}

static bool reserve_ids(struct raft *r, size_t n)
{
    if (n <= r->ids_cap)
        return true;
    raft_id *grown = realloc(r->ids, n * sizeof *grown);
    if (grown == NULL)
        return false;
    r->ids = grown;
    r->ids_cap = n;
    return true;
}

static bool reserve_own(struct raft *r, size_t bytes)
{
    if (r->own == NULL) {
        r->own = calloc(OWN_PER_STEP, sizeof *r->own);
        if (r->own == NULL)
            return false;
        r->own_cap = OWN_PER_STEP;
    }
    if (bytes <= r->arena_cap)
        return true;
    uint8_t *grown = realloc(r->arena, bytes);
    if (grown == NULL)
        return false;
    r->arena = grown;
    r->arena_cap = bytes;
    return true;
}

static bool reserve_peers(struct raft *r, size_t ids)
{
    size_t need = r->peer_count + ids + 2;
    if (need <= r->peer_cap)
        return true;
    struct raft_peer *grown = realloc(r->peers, need * sizeof *grown);
    if (grown == NULL)
        return false;
    r->peers = grown;
    r->peer_cap = need;
    return true;
}

/* The largest membership that an event can bring. */
static size_t ids_in(const struct raft_event *e)
{
    size_t most = 0;
    if (e->type != RAFT_EV_MESSAGE || e->msg->type != RAFT_MSG_APPEND)
        return 0;
    for (size_t i = 0; i < e->msg->append.count; i++) {
        const struct raft_entry *entry = &e->msg->append.entries[i];
        if (entry->type == RAFT_PEER_STATE && entry->data.len / 8 > most)
            most = entry->data.len / 8;
    }
    return most < RAFT_PEERS_MAX ? most : RAFT_PEERS_MAX;
}

bool raft_out_reserve(struct raft *r, const struct raft_event *e)
{
    size_t members = r->members.count > 0 ? raft_members_now(&r->members)->count : 0;
    size_t ids = ids_in(e) > members ? ids_in(e) : members;
    size_t batches = raft_batches(e->entries, e->count);
    size_t effects = EFFECTS_FIXED + 2 * r->peer_count + r->held_count + 2 * batches;
    return reserve_effects(r, effects) && reserve_held(r) && reserve_ids(r, ids + 1) &&
           reserve_own(r, OWN_PER_STEP * (16 + 8 * (ids + 2))) && reserve_peers(r, ids) &&
           raft_members_reserve(&r->members, ids + 2) && raft_map_reserve(&r->log, batches + OWN_PER_STEP);
}

void raft_out_begin(struct raft *r)
{
    r->effect_count = 0;
    r->arena_used = 0;
    r->own_count = 0;
    r->op_step = 0;
    r->op_emitted = false;
}

struct raft_effect *raft_emit(struct raft *r, enum raft_effect_type type)
{
    assert(r->effect_count < r->effect_cap);
    struct raft_effect *f = &r->effects[r->effect_count++];
    *f = (struct raft_effect){.type = type};
    return f;
}

struct raft_effect *raft_note(struct raft *r, enum raft_note note)
{
    struct raft_effect *f = raft_emit(r, RAFT_DO_NOTIFY);
    f->note = note;
    f->term = r->term;
    return f;
}

slice raft_arena(struct raft *r, const void *bytes, size_t len)
{
    assert(r->arena_cap - r->arena_used >= len);
    uint8_t *p = r->arena + r->arena_used;
    if (len > 0)
        memcpy(p, bytes, len);
    r->arena_used += len;
    return slice_make(p, len);
}

uint64_t raft_random(struct raft *r, uint64_t n)
{
    uint64_t z = (r->rng += 0x9e3779b97f4a7c15u); /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return n == 0 ? z : z % n; /* the bias is below 2^-30 for every n used here */
}

struct raft_addr raft_new_inbox(struct raft *r, enum raft_place place)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    struct raft_addr a = {.place = place};
    uint64_t v = raft_random(r, 0);
    for (int i = 0; i < RAFT_INBOX_LEN; i++, v /= 62)
        a.inbox[i] = digits[v % 62];
    return a;
}

void raft_subscribe(struct raft *r, struct raft_addr to, bool on)
{
    raft_emit(r, on ? RAFT_DO_SUBSCRIBE : RAFT_DO_UNSUBSCRIBE)->to = to;
}

/* ---- gates ---- */

uint64_t raft_disk_op(struct raft *r)
{
    if (r->op_step == 0)
        r->op_step = ++r->op;
    return r->op_step;
}

static bool promise_due(const struct raft *r)
{
    return r->promise_wanted &&
           (raft_pos_cmp(raft_end(r), r->promise_asked) != 0 || r->forgot_log != r->forgot_log_saved);
}

struct raft_effect *raft_emit_disk(struct raft *r, enum raft_effect_type type)
{
    struct raft_effect *f = raft_emit(r, type);
    f->op = raft_disk_op(r);
    r->op_emitted = true;
    return f;
}

/* What must be durable before a promise made now may leave. */
static uint64_t gate(struct raft *r)
{
    if (r->state_dirty || r->peers_dirty || promise_due(r))
        return raft_disk_op(r);
    return r->op;
}

void raft_send(struct raft *r, struct raft_addr to, struct raft_addr reply, const struct raft_msg *msg)
{
    struct raft_effect *f = raft_emit(r, RAFT_DO_SEND);
    f->to = to;
    f->reply = reply;
    f->msg = *msg;
}

void raft_hold(struct raft *r, const struct raft_held *h)
{
    if (r->held_count >= RAFT_HELD_MAX) {
        /* The disk hangs. A message may get lost; the newest promise takes the place of the one before. */
        struct raft_held *last = &r->held[(r->held_first + r->held_count - 1) & (r->held_cap - 1)];
        if (h->type == RAFT_HELD_SEND)
            return;
        if (h->type == RAFT_HELD_PROMISE && last->type == RAFT_HELD_PROMISE) {
            *last = *h;
            return;
        }
    }
    assert(r->held_count < r->held_cap);
    r->held[(r->held_first + r->held_count) & (r->held_cap - 1)] = *h;
    r->held_count++;
}

void raft_send_when_durable(struct raft *r, struct raft_addr to, struct raft_addr reply,
                            const struct raft_msg *msg, uint64_t term, uint64_t index)
{
    bool vote = msg->type == RAFT_MSG_VOTE_REQUEST || msg->type == RAFT_MSG_VOTE_RESPONSE;
    uint64_t op = gate(r);
    if (op <= r->op_durable || (RAFT_BUG(RAFT_BUG_VOTE_BEFORE_SYNC) && vote) ||
        (RAFT_BUG(RAFT_BUG_ACK_BEFORE_SYNC) && !vote)) {
        raft_send(r, to, reply, msg);
        return;
    }
    raft_hold(r, &(struct raft_held){.type = RAFT_HELD_SEND,
                                     .op = op,
                                     .term = term,
                                     .index = index,
                                     .to = to,
                                     .reply = reply,
                                     .msg = *msg});
}

void raft_want_promise(struct raft *r)
{
    r->promise_wanted = true;
}

static void emit_promise(struct raft *r)
{
    struct raft_pos end = raft_end(r);
    if (raft_pos_cmp(r->promise, end) < 0)
        r->promise = end;
    r->promise_asked = end;
    r->forgot_log_saved = r->forgot_log;
    struct raft_effect *f = raft_emit_disk(r, RAFT_DO_PROMISE);
    f->term = r->promise.term;
    f->index = r->promise.index;
    f->on = r->forgot_log;
    raft_hold(
        r, &(struct raft_held){.type = RAFT_HELD_PROMISE, .op = f->op, .term = end.term, .index = end.index});
}

void raft_out_end(struct raft *r, struct raft_update *u)
{
    if (r->role != RAFT_CLOSED) {
        if (r->state_dirty) {
            struct raft_effect *f = raft_emit_disk(r, RAFT_DO_SAVE_STATE);
            f->term = r->term;
            f->peer = r->vote;
            f->on = r->forgot_vote;
            r->state_dirty = false;
        }
        if (r->peers_dirty) {
            struct raft_effect *f = raft_emit_disk(r, RAFT_DO_SAVE_PEERS);
            f->peers = raft_membership_whole(raft_members_now(&r->members));
            r->peers_dirty = false;
        }
        /* The second case: an op was given out for a promise that is not due any more. */
        if (promise_due(r) || (r->op_step != 0 && !r->op_emitted))
            emit_promise(r);
        r->promise_wanted = false;
    }
    u->effects = r->effects;
    u->count = r->effect_count;
    u->deadline = raft_deadline(r);
}
