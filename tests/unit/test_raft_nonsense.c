/* What a peer says that no raft would: numbers beyond all groups, entries of wrong sizes, answers to nothing,
 * the same again. It must not stop, confuse or fill the engine. */
#include "raft/node.h"
#include "raft/raft.h"
#include "raft/wire.h"
#include "sim/raft_probe.h"
#include "sim/sched.h"
#include "sim/sim_disk.h"
#include "unit.h"

#include <stdlib.h>

static const uint64_t log_112[] = {1, 1, 2, 0};
static const struct raft_addr inbox = {RAFT_TO_REPLY, "strange1"};
static const struct raft_addr stream = {RAFT_TO_CATCHUP, "strange2"};

static struct probe *leader(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_elect(p);
    CU_ASSERT_FATAL(probe_status(p).leading);
    return p;
}

/* ---- numbers ---- */

static void hear(struct probe *p, struct raft_addr to, struct raft_addr reply, struct raft_msg m)
{
    probe_step(p, (struct raft_event){.type = RAFT_EV_MESSAGE, .to = to, .reply = reply, .msg = &m});
}

/* Nothing has happened at all. */
static void is_unmoved(struct probe *p, const struct raft_status *before)
{
    struct raft_status s = probe_status(p);
    CU_ASSERT(p->count == 0);
    CU_ASSERT(s.term == before->term && s.role == before->role && s.vote == before->vote);
    CU_ASSERT(s.pindex == before->pindex && s.commit == before->commit);
    CU_ASSERT(s.catching_up == before->catching_up);
}

static void impossible_votes(struct probe *p)
{
    static const struct raft_vote_request asks[] = {{.term = UINT64_MAX},
                                                    {.term = RAFT_NUMBER_MAX + 1},
                                                    {.term = 9, .last_term = 10},
                                                    {.term = 9, .last_index = UINT64_MAX}};
    static const uint64_t terms[] = {UINT64_MAX, RAFT_NUMBER_MAX + 1};
    struct raft_status before = probe_status(p);
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        struct raft_msg m = {.type = RAFT_MSG_VOTE_REQUEST, .vote_request = asks[i]};
        m.vote_request.candidate = probe_id('B');
        hear(p, ((struct raft_addr){.place = RAFT_TO_VOTE}), inbox, m);
        is_unmoved(p, &before);
    }
    for (size_t i = 0; i < 2; i++) {
        probe_vote(p, terms[i], 'B', true, false);
        is_unmoved(p, &before);
        probe_response(p, 'B', terms[i], 1, false, stream);
        is_unmoved(p, &before);
        probe_response(p, 'B', 1, terms[i], true, PROBE_NOBODY);
        is_unmoved(p, &before);
    }
}

static void impossible_entries(struct probe *p, struct raft_addr to)
{
    static const struct raft_append list[] = {
        {.term = UINT64_MAX},
        {.term = RAFT_NUMBER_MAX + 1},
        {.term = 9, .lterm = UINT64_MAX},
        {.term = 9, .lterm = 8},
        {.term = 9, .pterm = 10},
        {.term = 9, .pindex = UINT64_MAX},
        {.term = 9, .pindex = RAFT_NUMBER_MAX + 1},
        {.term = 9, .pindex = 3, .pterm = 2, .commit = UINT64_MAX},
    };
    struct raft_status before = probe_status(p);
    struct raft_entry e = {RAFT_NORMAL, SLICE_LIT("strange")};
    for (size_t i = 0; i < 2 * sizeof list / sizeof *list; i++) {
        struct raft_append ae = list[i / 2];
        ae.leader = probe_id('B');
        ae.entries = &e;
        ae.count = i % 2;
        probe_append_entry(p, to, inbox, &ae);
        is_unmoved(p, &before);
    }
}

static void numbers_beyond_all_groups_are_not_listened_to(void)
{
    struct probe *p = probe_follower(log_112, 2);
    impossible_votes(p);
    impossible_entries(p, PROBE_LIVE);
    probe_append(p, 'B', 2, 2, 9, 0, 1);
    CU_ASSERT_FATAL(probe_status(p).catching_up);
    impossible_entries(p, p->catchup);
    probe_free(p);

    p = leader();
    impossible_votes(p);
    impossible_entries(p, PROBE_LIVE);
    probe_free(p);
}

/* The last term of all is believed, and is the last. */
static void terms_do_not_wrap_around(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_vote_request(p, RAFT_NUMBER_MAX, 2, 3, 'B');
    CU_ASSERT(probe_status(p).term == RAFT_NUMBER_MAX && probe_status(p).vote == probe_id('B'));
    for (int i = 0; i < 10; i++) {
        probe_fire(p);
        CU_ASSERT(probe_status(p).role == RAFT_FOLLOWER && probe_status(p).term == RAFT_NUMBER_MAX);
    }
    CU_ASSERT(p->deadline > p->now);
    probe_append(p, 'B', RAFT_NUMBER_MAX, 2, 3, 0, 1);
    CU_ASSERT(probe_answer(p)->success && probe_answer(p)->term == RAFT_NUMBER_MAX);
    probe_free(p);

    p = probe_follower(log_112, UINT64_MAX); /* a disk says so */
    probe_fire(p);
    CU_ASSERT(probe_status(p).role == RAFT_FOLLOWER && probe_status(p).term == UINT64_MAX);
    probe_free(p);
}

static void a_term_before_the_last_can_be_campaigned_in(void)
{
    struct probe *p = probe_follower(log_112, RAFT_NUMBER_MAX - 1);
    probe_elect(p);
    CU_ASSERT(probe_status(p).leading && probe_status(p).term == RAFT_NUMBER_MAX);
    probe_free(p);
}

/* ---- entries ---- */

static void memberships_of_wrong_sizes_change_nothing(void)
{
    static const uint8_t bytes[32] = {'X', 'X', 'X', 'X', 'X', 'X', 'X', 'X', 'X'};
    static const uint8_t none[8];
    static const uint8_t nobody[] = {3, 0, 0, 0, 0, 0, 0, 0, 0, 0};               /* 3 expected, none known */
    static const uint8_t beyond[] = {1, 0, 0, 0, 2, 0, 0, 0, 'X', 'X', 'X', 'X'}; /* two known, half a one */
    static const uint8_t crowd[] = {1,   4,   0,   0,   1,   0,   0,   0,         /* 1,025 expected */
                                    'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 0, 0};
    const struct raft_entry list[] = {
        {RAFT_ADD_PEER, SLICE_EMPTY},
        {RAFT_ADD_PEER, slice_make(bytes, 7)},
        {RAFT_ADD_PEER, slice_make(bytes, 9)},
        {RAFT_ADD_PEER, slice_make(none, 8)},
        {RAFT_ADD_PEER, SLICE_LIT("AAAAAAAA")},
        {RAFT_REMOVE_PEER, slice_make("AAAAAAAA", 7)},
        {RAFT_REMOVE_PEER, slice_make(none, 8)},
        {RAFT_REMOVE_PEER, SLICE_LIT("STRANGER")},
        {RAFT_PEER_STATE, SLICE_EMPTY},
        {RAFT_PEER_STATE, slice_make(nobody, sizeof nobody)},
        {RAFT_PEER_STATE, slice_make(beyond, sizeof beyond)},
        {RAFT_PEER_STATE, slice_make(crowd, sizeof crowd)},
        {RAFT_LEADER_TRANSFER, slice_make("AAAAAAAA", 7)},
        {RAFT_LEADER_TRANSFER, SLICE_LIT("AAAAAAAAA")},
        {200, slice_make(bytes, 32)},
    };
    struct probe *p = probe_follower(log_112, 2);
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        probe_append_one(p, 'B', 2, 2, 3 + i, list[i]);
        CU_ASSERT(probe_answer(p)->success && probe_answer(p)->index == 4 + i);
        CU_ASSERT(probe_note(p, RAFT_NOTE_MEMBERS) == NULL);
        struct raft_status s = probe_status(p);
        CU_ASSERT(s.size == 3 && s.peers.count == 3 && s.quorum == 2);
        CU_ASSERT(p->deadline > p->now + RAFT_S); /* and nobody campaigns */
    }
    probe_free(p);
}

/* Who says that a group is smaller than the members it names does not make it elect by fewer. */
static void a_group_is_at_least_as_large_as_its_known_members(void)
{
    static const uint8_t small[] = {1,   0,   0,   0,   5,   0,   0,   0,   'A', 'A', 'A', 'A', 'A',
                                    'A', 'A', 'A', 'B', 'B', 'B', 'B', 'B', 'B', 'B', 'B', 'C', 'C',
                                    'C', 'C', 'C', 'C', 'C', 'C', 'D', 'D', 'D', 'D', 'D', 'D', 'D',
                                    'D', 'E', 'E', 'E', 'E', 'E', 'E', 'E', 'E', 0,   0};
    struct probe *p = probe_follower(log_112, 2);
    probe_append_one(p, 'B', 2, 2, 3, (struct raft_entry){RAFT_PEER_STATE, slice_make(small, sizeof small)});
    CU_ASSERT(probe_status(p).size == 5 && probe_status(p).quorum == 3 && probe_status(p).peers.count == 5);
    probe_free(p);

    p = probe_new(&(struct probe_setup){
        .members = "ABCDE", .size = 1, .config = {.managed = true}, .stored = {.term = 2}, .terms = log_112});
    CU_ASSERT(probe_status(p).size == 5 && probe_status(p).quorum == 3); /* a file says so */
    probe_free(p);
}

/* An entry's word for what is committed ends with itself: after a restart it does not settle later ones. */
static void a_stored_entry_speaks_of_no_later_one(void)
{
    struct raft_entry e = {RAFT_NORMAL, SLICE_LIT("x")};
    raft_id ids[] = {probe_id('A'), probe_id('B'), probe_id('C')};
    struct raft_config config = {.id = ids[0], .managed = true, .seed = 1};
    struct raft_stored stored = {
        .term = 1, .state_saved = true, .peers = {.size = 3, .count = 3, .ids = ids}};
    struct raft *r = raft_new(&config, &stored);
    CU_ASSERT_FATAL(r != NULL);
    for (uint64_t i = 0; i < 5; i++) {
        struct raft_append ae = {.leader = ids[1],
                                 .term = 1,
                                 .commit = i == 1 ? UINT64_MAX : 0,
                                 .pterm = i > 0,
                                 .pindex = i,
                                 .entries = &e,
                                 .count = 1};
        CU_ASSERT(raft_load(r, &ae) == RAFT_OK);
    }
    struct raft_update u;
    CU_ASSERT(raft_step(r, &(struct raft_event){.type = RAFT_EV_START, .now = RAFT_S}, &u) == RAFT_OK);
    struct raft_status s;
    raft_get_status(r, &s);
    CU_ASSERT(s.pindex == 5 && s.commit == 2);
    raft_free(r);
}

/* ---- strangers ---- */

static raft_id stranger(unsigned i)
{
    char id[9];
    snprintf(id, sizeof id, "strange%c", 'A' + (char)(i % 58));
    id[0] = (char)('a' + i / 58);
    return raft_id_of(id);
}

static void answer_of(struct probe *p, raft_id who)
{
    struct raft_status s = probe_status(p);
    struct raft_msg m = {.type = RAFT_MSG_APPEND_RESPONSE,
                         .append_response = {raft_term_at(p->r, s.pindex), s.pindex, who, true}};
    hear(p, p->appends, PROBE_NOBODY, m);
}

static size_t tracked(const struct probe *p, raft_id who, bool *found)
{
    struct raft_peer_status s;
    size_t n = 0;
    *found = false;
    for (; raft_peer_at(p->r, n, &s); n++)
        *found |= s.id == who;
    return n;
}

/* However many ids answer, few are remembered; and the silent ones make room for those who come later. */
static void strangers_do_not_pile_up(void)
{
    struct probe *p = leader();
    bool found;
    for (unsigned i = 0; i < 500; i++)
        answer_of(p, stranger(i));
    CU_ASSERT(tracked(p, stranger(3), &found) <= 3 + 64 && found);
    tracked(p, stranger(400), &found);
    CU_ASSERT(!found);
    for (int s = 0; s < 12; s++) { /* the members go on answering */
        p->now += RAFT_S;
        answer_of(p, probe_id('B'));
    }
    answer_of(p, stranger(400));
    tracked(p, stranger(400), &found);
    CU_ASSERT(found && probe_note(p, RAFT_NOTE_OBSERVED) != NULL);
    tracked(p, stranger(3), &found);
    CU_ASSERT(!found);
    tracked(p, probe_id('B'), &found);
    CU_ASSERT(found && probe_status(p).leading);
    probe_free(p);
}

/* A full meta group is not offered one more in each answer. */
static void a_full_group_takes_nobody(void)
{
    raft_id ids[RAFT_PEERS_MAX];
    for (unsigned i = 1; i < RAFT_PEERS_MAX; i++)
        ids[i] = stranger(i);
    ids[0] = probe_id('A');
    struct raft_config config = {.id = ids[0], .seed = 1, .initializing = true};
    struct raft_stored stored = {.peers = {.size = RAFT_PEERS_MAX, .count = RAFT_PEERS_MAX, .ids = ids}};
    struct raft *r = raft_new(&config, &stored);
    CU_ASSERT_FATAL(r != NULL);
    struct raft_update u;
    struct raft_status s;
    int64_t now = RAFT_S;
    raft_step(r, &(struct raft_event){.type = RAFT_EV_START, .now = now}, &u);
    raft_step(r, &(struct raft_event){.type = RAFT_EV_NETWORK, .now = now, .on = true}, &u);
    raft_step(r, &(struct raft_event){.type = RAFT_EV_TICK, .now = now = u.deadline}, &u);
    raft_step(r, &(struct raft_event){.type = RAFT_EV_DURABLE, .now = now, .op = 100}, &u);
    for (uint64_t op = 1; op < 10; op++)
        raft_step(r, &(struct raft_event){.type = RAFT_EV_DURABLE, .now = now, .op = op}, &u);
    for (unsigned i = 1; i < RAFT_PEERS_MAX; i++) {
        struct raft_msg m = {.type = RAFT_MSG_VOTE_RESPONSE, .vote_response = {1, ids[i], true, false}};
        raft_step(r, &(struct raft_event){.type = RAFT_EV_MESSAGE, .now = now, .to = inbox, .msg = &m}, &u);
    }
    for (unsigned i = 1; i < RAFT_PEERS_MAX; i++) {
        struct raft_msg m = {.type = RAFT_MSG_APPEND_RESPONSE, .append_response = {1, 1, ids[i], true}};
        raft_step(r, &(struct raft_event){.type = RAFT_EV_MESSAGE, .now = now, .to = inbox, .msg = &m}, &u);
    }
    for (uint64_t op = 1; op < 20; op++)
        raft_step(r, &(struct raft_event){.type = RAFT_EV_DURABLE, .now = now, .op = op}, &u);
    raft_get_status(r, &s);
    CU_ASSERT_FATAL(s.role == RAFT_LEADER && s.commit == 1);
    for (int i = 0; i < 10; i++) {
        struct raft_msg m = {.type = RAFT_MSG_APPEND_RESPONSE,
                             .append_response = {1, 1, probe_id('Z'), true}};
        raft_step(r, &(struct raft_event){.type = RAFT_EV_MESSAGE, .now = now, .to = inbox, .msg = &m}, &u);
    }
    raft_get_status(r, &s);
    CU_ASSERT(s.pindex == 1 && s.peers.count == RAFT_PEERS_MAX);
    raft_free(r);
}

/* ---- anything ---- */

/* Numbers near what the group has, and near every edge. */
static uint64_t number(struct sched *s, uint64_t near)
{
    switch (sched_below(s, 12)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX - sched_below(s, 2);
    case 2:
        return RAFT_NUMBER_MAX - 1 + sched_below(s, 3);
    case 3:
        return UINT64_C(1) << sched_below(s, 64);
    default:
        return near + sched_below(s, 5) - (near < 2 ? near : 2);
    }
}

static raft_id anybody(struct sched *s)
{
    uint64_t i = sched_below(s, 8);
    return i == 0 ? 0 : i == 1 ? stranger((unsigned)sched_below(s, 200)) : probe_id((char)('A' + i % 4));
}

struct drawn {
    struct raft_msg m;
    struct raft_addr to, reply;
    struct raft_entry entries[4];
    uint8_t bytes[4][64];
};

static void draw_entries(struct drawn *d, struct sched *s)
{
    size_t n = sched_below(s, 3) == 0 ? sched_below(s, 5) : sched_below(s, 2);
    for (size_t i = 0; i < n; i++) {
        uint8_t type = (uint8_t)(sched_below(s, 20) == 0 ? sched_below(s, 256) : sched_below(s, 7));
        raft_id id = anybody(s);
        for (size_t k = 0; k < sizeof d->bytes[i]; k++)
            d->bytes[i][k] = (uint8_t)sched_below(s, 256);
        size_t len = sched_below(s, 2) == 0 ? 8 : sched_below(s, 34);
        memcpy(d->bytes[i], &id, sizeof id);
        if (type == RAFT_PEER_STATE && sched_below(s, 2) == 0) { /* a good one, of one to three */
            uint32_t count = 1 + (uint32_t)sched_below(s, 3), size = (uint32_t)number(s, count);
            memcpy(d->bytes[i], &size, 4);
            memcpy(d->bytes[i] + 4, &count, 4);
            for (uint32_t k = 0; k < count; k++) {
                id = k == 0 ? probe_id('A') : anybody(s);
                memcpy(d->bytes[i] + 8 + 8 * (size_t)k, &id, 8);
            }
            len = 10 + 8 * (size_t)count;
        }
        d->entries[i] = (struct raft_entry){type, slice_make(d->bytes[i], len)};
    }
    if (sched_below(s, 8) == 0 && n < 3) { /* a snapshot */
        d->entries[1] = n > 0 ? d->entries[0] : (struct raft_entry){RAFT_PEER_STATE, SLICE_EMPTY};
        d->entries[1].type = RAFT_PEER_STATE;
        d->entries[0] = (struct raft_entry){RAFT_SNAPSHOT, SLICE_LIT("state")};
        n = 2;
    }
    d->m.append.entries = d->entries;
    d->m.append.count = n;
}

/* A well-formed message of any kind to any place, about what the member has. */
static void draw_message(struct drawn *d, struct sched *s, const struct raft *r, struct raft_addr catchup,
                         struct raft_addr progress)
{
    static const enum raft_place places[] = {RAFT_TO_VOTE,  RAFT_TO_REPLY,    RAFT_TO_APPEND, RAFT_TO_CATCHUP,
                                             RAFT_TO_REPLY, RAFT_TO_PROGRESS, RAFT_TO_REMOVE};
    static const enum raft_msg_type types[] = {
        RAFT_MSG_VOTE_REQUEST,    RAFT_MSG_VOTE_RESPONSE,   RAFT_MSG_APPEND,     RAFT_MSG_APPEND,
        RAFT_MSG_APPEND_RESPONSE, RAFT_MSG_APPEND_RESPONSE, RAFT_MSG_REMOVE_PEER};
    struct raft_status st;
    raft_get_status(r, &st);
    size_t k = (size_t)sched_below(s, 7);
    *d = (struct drawn){.m = {.type = types[k]}, .to = {.place = places[k]}, .reply = inbox};
    d->to = k == 3 ? catchup : k == 5 ? progress : d->to;
    if (sched_below(s, 3) == 0)
        d->reply = sched_below(s, 2) == 0 ? stream : PROBE_NOBODY;
    uint64_t index = number(s, st.pindex);
    uint64_t term = sched_below(s, 200) == 0 ? number(s, st.term) : st.term + (sched_below(s, 20) == 0);
    switch (d->m.type) {
    case RAFT_MSG_VOTE_REQUEST:
        d->m.vote_request = (struct raft_vote_request){term, number(s, st.pterm), index, anybody(s)};
        break;
    case RAFT_MSG_VOTE_RESPONSE:
        d->m.vote_response =
            (struct raft_vote_response){term, anybody(s), sched_below(s, 4) != 0, sched_below(s, 4) == 0};
        break;
    case RAFT_MSG_APPEND:
        d->m.append = (struct raft_append){.leader = anybody(s),
                                           .term = term,
                                           .commit = number(s, st.commit),
                                           .pterm = sched_below(s, 2) == 0 ? raft_term_at(r, index)
                                                                           : number(s, st.pterm),
                                           .pindex = index,
                                           .lterm = sched_below(s, 2) == 0 ? term : 0};
        draw_entries(d, s);
        break;
    case RAFT_MSG_APPEND_RESPONSE:
        d->m.append_response = (struct raft_append_response){sched_below(s, 2) == 0 ? raft_term_at(r, index)
                                                                                    : number(s, st.term),
                                                             index, anybody(s), sched_below(s, 2) == 0};
        break;
    default:
        d->m.removed = anybody(s);
        break;
    }
}

/* What the engine must keep, whatever it hears. */
static void is_sound(const struct raft *r, uint64_t *term)
{
    struct raft_status s;
    raft_get_status(r, &s);
    CU_ASSERT(s.applied <= s.processed && s.processed <= s.commit && s.commit <= s.pindex);
    CU_ASSERT(s.term >= *term && s.term <= RAFT_NUMBER_MAX && s.pterm <= s.term);
    CU_ASSERT(s.role != RAFT_CLOSED && s.peers.count <= RAFT_PEERS_MAX && s.size <= RAFT_PEERS_MAX);
    CU_ASSERT(s.size >= s.peers.count && 2 * s.quorum > s.size);
    *term = s.term;
}

struct listener {
    struct raft_addr catchup, progress;
    uint64_t op, commit;
    size_t most;
};

static enum raft_rc engine_step(struct raft *r, struct listener *l, struct raft_event e)
{
    struct raft_update u;
    enum raft_rc rc = raft_step(r, &e, &u);
    for (size_t i = 0; i < u.count; i++) {
        const struct raft_effect *f = &u.effects[i];
        if (f->type == RAFT_DO_SUBSCRIBE && f->to.place == RAFT_TO_CATCHUP)
            l->catchup = f->to;
        if (f->type == RAFT_DO_SUBSCRIBE && f->to.place == RAFT_TO_PROGRESS)
            l->progress = f->to;
        if (f->op > l->op)
            l->op = f->op;
        if (f->type == RAFT_DO_APPLY)
            l->commit = f->upto;
        if (f->type == RAFT_DO_APPLY_SNAPSHOT)
            l->commit = f->index;
    }
    l->most = u.count > l->most ? u.count : l->most;
    return rc;
}

/* What happens in between: time, the disk, the upper layer, clients. */
static void engine_lives(struct raft *r, struct listener *l, struct sched *s, int64_t *now)
{
    struct raft_event e = {.now = *now += (int64_t)sched_below(s, 400 * RAFT_MS)};
    struct raft_entry entry = {RAFT_NORMAL, SLICE_LIT("client")};
    switch (sched_below(s, 8)) {
    case 0:
        e.type = RAFT_EV_DURABLE;
        e.op = l->op;
        break;
    case 1:
        e.type = RAFT_EV_APPLIED;
        e.index = e.applied = l->commit;
        break;
    case 2:
        e.type = RAFT_EV_PROPOSE;
        e.entries = &entry;
        e.count = 1;
        break;
    case 3:
        e.now = *now += (int64_t)sched_below(s, 12 * RAFT_S);
        e.type = RAFT_EV_TICK;
        break;
    default:
        e.type = RAFT_EV_TICK;
        break;
    }
    engine_step(r, l, e);
}

static void the_engine_survives_whatever_it_hears(void)
{
    size_t led = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct sched *s = sched_new(seed);
        struct listener l = {.catchup = stream, .progress = stream};
        raft_id ids[] = {probe_id('A'), probe_id('B'), probe_id('C')};
        struct raft_config config = {
            .id = ids[0], .managed = seed % 3 != 0, .initializing = true, .seed = seed};
        struct raft_stored stored = {.peers = {.size = 3, .count = 3, .ids = ids}};
        struct raft *r = raft_new(&config, &stored);
        CU_ASSERT_FATAL(r != NULL);
        int64_t now = 1000 * RAFT_S;
        uint64_t term = 0;
        engine_step(r, &l, (struct raft_event){.type = RAFT_EV_START, .now = now});
        engine_step(r, &l, (struct raft_event){.type = RAFT_EV_NETWORK, .now = now, .on = true});
        for (int i = 0; i < 2000; i++) {
            struct drawn d;
            draw_message(&d, s, r, l.catchup, l.progress);
            engine_step(r, &l,
                        (struct raft_event){
                            .type = RAFT_EV_MESSAGE, .now = now, .to = d.to, .reply = d.reply, .msg = &d.m});
            is_sound(r, &term);
            if (sched_below(s, 2) == 0)
                engine_lives(r, &l, s, &now);
            is_sound(r, &term);
            struct raft_status st;
            raft_get_status(r, &st);
            led += st.role == RAFT_LEADER;
        }
        CU_ASSERT(l.most < 400);
        raft_free(r);
        sched_free(s);
    }
    CU_ASSERT(led > 1000); /* or half of the engine was not asked */
}

/* ---- a node, with its files ---- */

struct host {
    struct raft_node *node;
    struct raft_addr catchup, progress;
    uint64_t applied;
    bool want_sync;
    size_t sent;
};

static void on_subscribe(void *ctx, slice subject, bool on)
{
    struct host *h = ctx;
    struct raft_addr a = raft_wire_address(subject, SLICE_LIT("G"));
    if (on && a.place == RAFT_TO_CATCHUP)
        h->catchup = a;
    if (on && a.place == RAFT_TO_PROGRESS)
        h->progress = a;
}
static void on_send(void *ctx, slice subject, slice reply, slice body)
{
    (void)subject, (void)reply, (void)body;
    ((struct host *)ctx)->sent++;
}
static void on_apply(void *ctx, uint64_t index, uint64_t term, const struct raft_entry *entries, size_t count)
{
    (void)term;
    for (size_t i = 0; i < count; i++) {
        bool change = entries[i].type == RAFT_ADD_PEER || entries[i].type == RAFT_REMOVE_PEER;
        CU_ASSERT(!change || entries[i].data.len == 8);
    }
    ((struct host *)ctx)->applied = index;
}
static void on_apply_snapshot(void *ctx, uint64_t index, slice data)
{
    (void)data;
    ((struct host *)ctx)->applied = index;
}
static void on_note(void *ctx, const struct raft_effect *f)
{
    (void)ctx, (void)f;
}
static void on_arm(void *ctx, int64_t deadline)
{
    (void)ctx, (void)deadline;
}
static void on_want_sync(void *ctx)
{
    ((struct host *)ctx)->want_sync = true;
}

static struct raft_node *node_open(struct host *h, struct sim_disk *disk, uint64_t seed, int64_t now)
{
    static const struct raft_host host = {.subscribe = on_subscribe,
                                          .send = on_send,
                                          .apply = on_apply,
                                          .apply_snapshot = on_apply_snapshot,
                                          .note = on_note,
                                          .arm = on_arm,
                                          .want_sync = on_want_sync};
    raft_id ids[] = {probe_id('A'), probe_id('B'), probe_id('C')};
    struct raft_node_config c = {.disk = sim_disk_base(disk),
                                 .dir = "/js/g",
                                 .group = SLICE_LIT("G"),
                                 .block_size = 4096,
                                 .keep_commit = true,
                                 .raft = {.id = ids[0], .managed = true, .initializing = true, .seed = seed},
                                 .boot = {.size = 3, .count = 3, .ids = ids},
                                 .host = &host,
                                 .ctx = h};
    h->catchup = h->progress = stream;
    CU_ASSERT_FATAL(raft_node_open(&c, now, now, &h->node) == 0);
    raft_node_start(h->node, now);
    raft_node_event(h->node, &(struct raft_event){.type = RAFT_EV_NETWORK, .now = now, .on = true}, NULL);
    return h->node;
}

static void node_hears(struct host *h, struct sched *s, int64_t now)
{
    static uint8_t body[1024];
    char subject[RAFT_SUBJECT_MAX], reply[RAFT_SUBJECT_MAX];
    struct drawn d;
    draw_message(&d, s, raft_node_raft(h->node), h->catchup, h->progress);
    size_t len = raft_wire_encode(&d.m, body, sizeof body);
    CU_ASSERT_FATAL(len > 0 && len <= sizeof body);
    if (sched_below(s, 10) == 0)
        len = sched_below(s, len); /* ... or not even well-formed */
    size_t a = raft_wire_subject(d.to, SLICE_LIT("G"), subject);
    size_t b = raft_wire_subject(d.reply, SLICE_LIT("G"), reply);
    raft_node_message(h->node, now, slice_make(subject, a), slice_make(reply, b), slice_make(body, len));
}

/* An entry as large as the log takes is stored, a larger one is not, and does not end the member either. */
static void entries_that_no_log_can_hold_are_dropped(void)
{
    struct sched *s = sched_new(1);
    struct sim_disk *disk = sim_disk_new(s);
    struct host h = {0};
    int64_t now = 1000 * RAFT_S;
    uint64_t index = 0;
    size_t cap = (size_t)RAFT_APPEND_MAX + 4096;
    uint8_t *data = calloc(1, cap), *body = malloc(cap + 100);
    CU_ASSERT_FATAL(data != NULL && body != NULL);
    sim_disk_mkdirs(disk, "/js");
    node_open(&h, disk, 1, now);
    const size_t overhead = RAFT_APPEND_HEAD + RAFT_ENTRY_HEAD + 1;
    const size_t sizes[] = {RAFT_DATA_MAX, RAFT_APPEND_MAX - overhead, RAFT_APPEND_MAX - overhead + 1, cap};
    for (size_t i = 0; i < 4; i++) {
        struct raft_entry e = {RAFT_NORMAL, slice_make(data, sizes[i])};
        struct raft_msg m = {.type = RAFT_MSG_APPEND,
                             .append = {.leader = probe_id('B'),
                                        .term = 1,
                                        .pterm = index > 0,
                                        .pindex = index,
                                        .entries = &e,
                                        .count = 1}};
        size_t len = raft_wire_encode(&m, body, cap + 100);
        CU_ASSERT(raft_node_message(h.node, now, SLICE_LIT("$NRG.AE.G"), SLICE_LIT("$NRG.R.peerpeer"),
                                    slice_make(body, len)));
        index += i < 2;
        struct raft_status st;
        raft_get_status(raft_node_raft(h.node), &st);
        CU_ASSERT(raft_node_error(h.node) == 0 && st.role == RAFT_FOLLOWER && st.pindex == index);
    }
    raft_node_close(h.node);
    free(data);
    free(body);
    sim_disk_free(disk);
    sched_free(s);
}

/* What it believed it also stores, and finds again. */
static void a_node_survives_whatever_it_hears(void)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct sched *s = sched_new(seed);
        struct sim_disk *disk = sim_disk_new(s);
        struct host h = {0};
        int64_t now = 1000 * RAFT_S;
        uint64_t term = 0;
        sim_disk_mkdirs(disk, "/js");
        node_open(&h, disk, seed, now);
        for (int i = 0; i < 1500; i++) {
            now += (int64_t)sched_below(s, 300 * RAFT_MS);
            node_hears(&h, s, now);
            raft_node_tick(h.node, now, now);
            if (sched_below(s, 3) == 0)
                raft_node_applied(h.node, now, h.applied, h.applied);
            if (sched_below(s, 3) == 0)
                raft_node_sync(h.node, now);
            if (sched_below(s, 20) == 0)
                raft_node_snapshot(h.node, now, SLICE_LIT("state"), true);
            is_sound(raft_node_raft(h.node), &term);
            CU_ASSERT_FATAL(raft_node_error(h.node) == 0);
            if (sched_below(s, 300) == 0) {
                struct raft_status before, after;
                raft_node_sync(h.node, now);
                raft_get_status(raft_node_raft(h.node), &before);
                raft_node_close(h.node);
                node_open(&h, disk, seed + (uint64_t)i, now);
                raft_get_status(raft_node_raft(h.node), &after);
                CU_ASSERT(after.term == before.term && after.pindex == before.pindex);
            }
        }
        CU_ASSERT(h.sent > 0);
        raft_node_close(h.node);
        sim_disk_free(disk);
        sched_free(s);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(numbers_beyond_all_groups_are_not_listened_to),
    UNIT_TEST(terms_do_not_wrap_around),
    UNIT_TEST(a_term_before_the_last_can_be_campaigned_in),
    UNIT_TEST(memberships_of_wrong_sizes_change_nothing),
    UNIT_TEST(a_group_is_at_least_as_large_as_its_known_members),
    UNIT_TEST(a_stored_entry_speaks_of_no_later_one),
    UNIT_TEST(strangers_do_not_pile_up),
    UNIT_TEST(a_full_group_takes_nobody),
    UNIT_TEST(the_engine_survives_whatever_it_hears),
    UNIT_TEST(entries_that_no_log_can_hold_are_dropped),
    UNIT_TEST(a_node_survives_whatever_it_hears),
};

UNIT_MAIN("raft: a peer that talks nonsense", tests)
