/* A peer that talks nonsense: what members can tell is false, because of its numbers, its sender or its
 * sizes, and what came before once more. Only groups whose members the upper layer chooses hear strangers: a
 * meta group would make them members. Lies that a member could tell are not told; raft does not survive
 * those. */
#include "sim/raft_world.h"

#include "raft/wire.h"

static uint64_t impossible(struct sched *s)
{
    return RAFT_NUMBER_MAX + 1 + sched_rand(s) % (UINT64_MAX - RAFT_NUMBER_MAX);
}

static raft_id stranger(struct sched *s)
{
    char id[9] = "stranger";
    id[0] = (char)('0' + sched_below(s, 4));
    return raft_id_of(id);
}

static struct raft_addr nowhere(struct sched *s)
{
    static const enum raft_place places[] = {RAFT_TO_NOBODY, RAFT_TO_REPLY, RAFT_TO_CATCHUP};
    return (struct raft_addr){places[sched_below(s, 3)], "nonsense"};
}

/* One of its inboxes of that kind; false: it has none. */
static bool inbox_of(const struct sim_node *n, enum raft_place place, struct raft_addr *out)
{
    size_t from = n->inboxes == 0 ? 0 : (size_t)sched_below(n->w->s, n->inboxes);
    for (size_t i = 0; i < n->inboxes; i++) {
        const struct raft_addr *a = &n->inbox[(from + i) % n->inboxes];
        if (a->place == place) {
            *out = *a;
            return true;
        }
    }
    return false;
}

static void say(struct sim_node *n, struct raft_addr to, const struct raft_msg *m)
{
    uint8_t body[512];
    size_t len = raft_wire_encode(m, body, sizeof body);
    if (len > 0 && len <= sizeof body)
        net_inject(n, to, nowhere(n->w->s), slice_make(body, len));
}

/* A stranger runs for leader; now and then in a term that nobody has reached. */
static void ask_for_a_vote(struct sim_node *n, struct sched *s, uint64_t term)
{
    struct raft_msg m = {.type = RAFT_MSG_VOTE_REQUEST,
                         .vote_request = {.term = term, .last_term = term, .candidate = stranger(s)}};
    switch (sched_below(s, 6)) {
    case 0:
        m.vote_request.term = m.vote_request.last_term = 0;
        break;
    case 1:
        m.vote_request.term = impossible(s);
        break;
    case 2:
        m.vote_request.last_index = impossible(s);
        break;
    case 3:
        m.vote_request.term += sched_below(s, 5) == 0;
        break;
    default:
        m.vote_request.last_index = sched_below(s, 1000);
        break;
    }
    say(n, (struct raft_addr){.place = RAFT_TO_VOTE}, &m);
}

static void answer(struct sim_node *n, struct sched *s, uint64_t term)
{
    struct raft_addr to;
    struct raft_msg m = {.type = RAFT_MSG_VOTE_RESPONSE};
    if (!inbox_of(n, sched_below(s, 3) == 0 ? RAFT_TO_PROGRESS : RAFT_TO_REPLY, &to))
        return;
    if (sched_below(s, 4) == 0)
        term = impossible(s);
    if (to.place == RAFT_TO_REPLY && sched_below(s, 3) == 0) {
        m.vote_response = (struct raft_vote_response){
            .term = term, .peer = stranger(s), .granted = true, .empty = sched_below(s, 2) == 0};
    } else {
        uint64_t index = sched_below(s, 2) == 0 ? sched_rand(s) : sched_below(s, 500);
        m.type = RAFT_MSG_APPEND_RESPONSE;
        m.append_response = (struct raft_append_response){
            .term = term, .index = index, .peer = stranger(s), .success = sched_below(s, 2) == 0};
    }
    say(n, to, &m);
}

/* An entry that no leader can have made, though a member seems to send it; or one of a leader of long ago. */
static void append(struct sim_node *n, struct sched *s, const struct raft_status *st)
{
    struct raft_addr to = {.place = RAFT_TO_APPEND};
    struct raft_entry e[2] = {{(uint8_t)sched_below(s, 8), SLICE_LIT("nonsense")},
                              {RAFT_PEER_STATE, SLICE_LIT("\1\0\0\0\1\0\0\0nonsense\0\0")}};
    struct raft_append ae = {.leader = n->w->nodes[(n->number + 1) % n->w->plan->nodes].id,
                             .term = st->term,
                             .commit = st->commit,
                             .pterm = st->pterm,
                             .pindex = st->pindex,
                             .entries = e,
                             .count = (size_t)sched_below(s, 3)};
    if (sched_below(s, 2) == 0)
        inbox_of(n, RAFT_TO_CATCHUP, &to);
    if (ae.count == 2 && sched_below(s, 2) == 0)
        e[0].type = RAFT_SNAPSHOT;
    switch (sched_below(s, 6)) {
    case 0:
        ae.term = impossible(s);
        break;
    case 1:
        ae.pterm = ae.term + 1 + sched_below(s, 3);
        break;
    case 2:
        ae.pindex = impossible(s);
        break;
    case 3:
        ae.lterm = ae.term > 1 ? ae.term - 1 : impossible(s);
        break;
    case 4:
        ae.commit = impossible(s);
        break;
    default:
        if (st->term < 2)
            return;
        ae.term = ae.lterm = 1 + sched_below(s, st->term - 1);
        ae.pterm = 1;
        break;
    }
    say(n, to, &(struct raft_msg){.type = RAFT_MSG_APPEND, .append = ae});
}

/* No message at all, or the removal of somebody who is not there. */
static void mumble(struct sim_node *n, struct sched *s)
{
    static const enum raft_place places[] = {RAFT_TO_VOTE, RAFT_TO_APPEND, RAFT_TO_REMOVE};
    struct raft_addr to = {.place = places[sched_below(s, 3)]};
    uint8_t bytes[42];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)sched_below(s, 256);
    size_t len = to.place == RAFT_TO_VOTE ? sched_below(s, 32) : sched_below(s, sizeof bytes);
    net_inject(n, to, nowhere(s), slice_make(bytes, len));
}

static void talk(void *ctx)
{
    struct world *w = ctx;
    struct sched *s = w->s;
    if (w->over || sched_now(s) > w->nonsense_until)
        return;
    sched_after(s, sched_between(s, 5 * RAFT_MS, 200 * RAFT_MS), talk, w);
    struct sim_node *n = &w->nodes[sched_below(s, w->plan->nodes)];
    if (n->life != NODE_UP)
        return;
    struct raft_status st = node_status(n);
    switch (sched_below(s, 6)) {
    case 0:
        ask_for_a_vote(n, s, st.term);
        break;
    case 1:
        answer(n, s, st.term);
        break;
    case 2:
        append(n, s, &st);
        break;
    case 3:
        mumble(n, s);
        break;
    default:
        net_repeat(w);
        break;
    }
}

void strange_begin(struct world *w, int64_t lasts)
{
    bool silent = sched_now(w->s) > w->nonsense_until;
    if (!w->plan->managed)
        return;
    TRACE(w, NULL, "nonsense is talked for %.1f s", (double)lasts / 1e9);
    w->nonsense_until = sched_now(w->s) + lasts;
    if (silent)
        sched_after(w->s, 0, talk, w);
}
