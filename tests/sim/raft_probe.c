#include "sim/raft_probe.h"

#include <stdio.h>
#include <stdlib.h>

raft_id probe_id(char letter)
{
    char id[8];
    memset(id, letter, sizeof id);
    return raft_id_of(id);
}

static void *copy(struct probe *p, const void *from, size_t len)
{
    if (p->used + len > sizeof p->bytes)
        abort();
    void *to = p->bytes + p->used;
    if (len > 0)
        memcpy(to, from, len);
    p->used += len;
    return to;
}

/* Effects die with the next step of the engine: keep them whole. */
static void keep(struct probe *p, const struct raft_effect *f)
{
    if (p->count == PROBE_EFFECTS)
        abort();
    struct probe_effect *k = &p->out[p->count++];
    k->f = *f;
    if (f->peers.count > 0) {
        if (f->peers.count > 32)
            abort();
        memcpy(k->ids, f->peers.ids, f->peers.count * sizeof *k->ids);
        k->f.peers.ids = k->ids;
    }
    k->f.data = slice_make(copy(p, f->data.ptr, f->data.len), f->data.len);
    bool append = (f->type == RAFT_DO_SEND || f->type == RAFT_DO_APPEND) && f->msg.type == RAFT_MSG_APPEND;
    if (append && f->msg.append.count > 0) {
        size_t n = f->msg.append.count < PROBE_ENTRIES ? f->msg.append.count : PROBE_ENTRIES;
        for (size_t i = 0; i < n; i++) {
            slice d = f->msg.append.entries[i].data;
            k->entries[i] = f->msg.append.entries[i];
            if (d.len <= 512)
                k->entries[i].data = slice_make(copy(p, d.ptr, d.len), d.len);
        }
        k->f.msg.append.entries = k->entries;
    }
    if (f->type == RAFT_DO_SUBSCRIBE && f->to.place == RAFT_TO_CATCHUP)
        p->catchup = f->to;
    if (f->type == RAFT_DO_SUBSCRIBE && f->to.place == RAFT_TO_REPLY)
        *(p->votes.place == RAFT_TO_NOBODY ? &p->votes : &p->appends) = f->to;
    if (f->op > p->op)
        p->op = f->op;
}

static enum raft_rc step(struct probe *p, const struct raft_event *e)
{
    struct raft_update u;
    enum raft_rc rc = raft_step(p->r, e, &u);
    for (size_t i = 0; i < u.count; i++)
        keep(p, &u.effects[i]);
    p->deadline = u.deadline;
    if (u.index > 0)
        p->index = u.index;
    return rc;
}

enum raft_rc probe_step(struct probe *p, struct raft_event e)
{
    p->count = 0;
    p->used = 0;
    e.now = p->now;
    if (e.type == RAFT_EV_RESUBSCRIBE)
        p->votes = p->appends = (struct raft_addr){RAFT_TO_NOBODY, {0}};
    uint64_t before = p->op;
    p->rc = step(p, &e);
    while (!p->hold_disk && p->op > before) {
        before = p->op;
        step(p, &(struct raft_event){.type = RAFT_EV_DURABLE, .now = p->now, .op = p->op});
    }
    return p->rc;
}

struct probe *probe_new(const struct probe_setup *s)
{
    struct probe *p = calloc(1, sizeof *p);
    if (p == NULL)
        abort();
    raft_id ids[32];
    uint32_t count = (uint32_t)strlen(s->members);
    for (uint32_t i = 0; i < count; i++)
        ids[i] = probe_id(s->members[i]);
    struct raft_config config = s->config;
    struct raft_stored stored = s->stored;
    p->self = config.id = probe_id('A');
    if (config.seed == 0)
        config.seed = 7;
    stored.peers = (struct raft_peers){.size = s->size > 0 ? s->size : count, .count = count, .ids = ids};
    p->now = 1000 * RAFT_S;
    p->r = raft_new(&config, &stored);
    if (p->r == NULL)
        abort();
    uint64_t pindex = stored.snapshot_index, pterm = stored.snapshot_term;
    struct raft_entry entry = {RAFT_NORMAL, SLICE_LIT("old")};
    for (const uint64_t *t = s->terms; t != NULL && *t != 0; t++) {
        struct raft_append ae = {.leader = probe_id('B'),
                                 .term = *t,
                                 .pterm = pterm,
                                 .pindex = pindex,
                                 .entries = &entry,
                                 .count = 1};
        if (raft_load(p->r, &ae) != RAFT_OK)
            abort();
        pterm = *t;
        pindex++;
    }
    probe_step(p, (struct raft_event){.type = RAFT_EV_START});
    if (!s->offline)
        probe_step(p, (struct raft_event){.type = RAFT_EV_NETWORK, .on = true});
    return p;
}

struct probe *probe_follower(const uint64_t *terms, uint64_t term)
{
    return probe_new(&(struct probe_setup){
        .members = "ABC", .config = {.managed = true}, .stored = {.term = term}, .terms = terms});
}

void probe_free(struct probe *p)
{
    raft_free(p->r);
    free(p);
}

void probe_tick_at(struct probe *p, int64_t at)
{
    p->now = at;
    probe_step(p, (struct raft_event){.type = RAFT_EV_TICK});
}

void probe_fire(struct probe *p)
{
    probe_tick_at(p, p->deadline > p->now ? p->deadline : p->now);
}

void probe_durable(struct probe *p)
{
    probe_step(p, (struct raft_event){.type = RAFT_EV_DURABLE, .op = p->op});
}

static void message(struct probe *p, struct raft_addr to, struct raft_addr reply, const struct raft_msg *m)
{
    probe_step(p, (struct raft_event){.type = RAFT_EV_MESSAGE, .to = to, .reply = reply, .msg = m});
}

static const struct raft_addr peer_inbox = {RAFT_TO_REPLY, "peerpeer"};

void probe_vote_request(struct probe *p, uint64_t term, uint64_t last_term, uint64_t last_index, char from)
{
    struct raft_msg m = {.type = RAFT_MSG_VOTE_REQUEST,
                         .vote_request = {term, last_term, last_index, probe_id(from)}};
    message(p, (struct raft_addr){.place = RAFT_TO_VOTE}, peer_inbox, &m);
}

void probe_vote(struct probe *p, uint64_t term, char from, bool granted, bool empty)
{
    struct raft_msg m = {.type = RAFT_MSG_VOTE_RESPONSE,
                         .vote_response = {term, probe_id(from), granted, empty}};
    message(p, p->votes, (struct raft_addr){.place = RAFT_TO_NOBODY}, &m);
}

void probe_append_entry(struct probe *p, struct raft_addr to, struct raft_addr reply,
                        const struct raft_append *ae)
{
    struct raft_msg m = {.type = RAFT_MSG_APPEND, .append = *ae};
    message(p, to, reply, &m);
}

void probe_append(struct probe *p, char leader, uint64_t term, uint64_t pterm, uint64_t pindex,
                  uint64_t commit, size_t count)
{
    struct raft_entry e[PROBE_ENTRIES];
    for (size_t i = 0; i < PROBE_ENTRIES; i++)
        e[i] = (struct raft_entry){RAFT_NORMAL, SLICE_LIT("data")};
    struct raft_append ae = {.leader = probe_id(leader),
                             .term = term,
                             .commit = commit,
                             .pterm = pterm,
                             .pindex = pindex,
                             .entries = e,
                             .count = count};
    probe_append_entry(p, (struct raft_addr){.place = RAFT_TO_APPEND}, peer_inbox, &ae);
}

void probe_append_one(struct probe *p, char leader, uint64_t term, uint64_t pterm, uint64_t pindex,
                      struct raft_entry e)
{
    struct raft_append ae = {.leader = probe_id(leader),
                             .term = term,
                             .pterm = pterm,
                             .pindex = pindex,
                             .entries = &e,
                             .count = 1};
    probe_append_entry(p, PROBE_LIVE, peer_inbox, &ae);
}

enum raft_rc probe_propose(struct probe *p, size_t bytes)
{
    uint8_t *data = calloc(1, bytes + 1);
    if (data == NULL)
        abort();
    struct raft_entry e = {RAFT_NORMAL, slice_make(data, bytes)};
    probe_step(p, (struct raft_event){.type = RAFT_EV_PROPOSE, .entries = &e, .count = 1});
    free(data);
    return p->rc;
}

void probe_response(struct probe *p, char from, uint64_t term, uint64_t index, bool success,
                    struct raft_addr reply)
{
    struct raft_msg m = {.type = RAFT_MSG_APPEND_RESPONSE,
                         .append_response = {term, index, probe_id(from), success}};
    message(p, p->appends, reply, &m);
}

static raft_id member_at(const struct probe *p, size_t i)
{
    struct raft_status s = probe_status(p);
    return i < s.peers.count ? s.peers.ids[i] : 0;
}

static char letter_of(raft_id id)
{
    char text[9];
    raft_id_text(id, text);
    return text[0];
}

void probe_commit_all(struct probe *p)
{
    struct raft_status s = probe_status(p);
    for (size_t i = 0; member_at(p, i) != 0; i++) {
        if (member_at(p, i) != p->self)
            probe_response(p, letter_of(member_at(p, i)), raft_term_at(p->r, s.pindex), s.pindex, true,
                           (struct raft_addr){.place = RAFT_TO_NOBODY});
    }
    s = probe_status(p);
    probe_step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = s.commit, .applied = s.commit});
}

void probe_elect(struct probe *p)
{
    probe_fire(p);
    while (probe_status(p).role == RAFT_FOLLOWER)
        probe_fire(p);
    uint64_t term = probe_status(p).term;
    for (size_t i = 0; member_at(p, i) != 0; i++) {
        if (member_at(p, i) != p->self && probe_status(p).role == RAFT_CANDIDATE)
            probe_vote(p, term, letter_of(member_at(p, i)), true, false);
    }
    probe_commit_all(p);
}

const struct raft_effect *probe_find(const struct probe *p, enum raft_effect_type type)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->out[i].f.type == type)
            return &p->out[i].f;
    }
    return NULL;
}

const struct raft_effect *probe_note(const struct probe *p, enum raft_note note)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->out[i].f.type == RAFT_DO_NOTIFY && p->out[i].f.note == note)
            return &p->out[i].f;
    }
    return NULL;
}

const struct raft_effect *probe_sent(const struct probe *p, enum raft_msg_type type)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->out[i].f.type == RAFT_DO_SEND && p->out[i].f.msg.type == type)
            return &p->out[i].f;
    }
    return NULL;
}

size_t probe_count(const struct probe *p, enum raft_effect_type type)
{
    size_t n = 0;
    for (size_t i = 0; i < p->count; i++)
        n += p->out[i].f.type == type;
    return n;
}

size_t probe_place(const struct probe *p, const struct raft_effect *f)
{
    for (size_t i = 0; i < p->count; i++) {
        if (&p->out[i].f == f)
            return i;
    }
    return SIZE_MAX;
}

const struct raft_append_response *probe_answer(const struct probe *p)
{
    static const struct raft_append_response none;
    const struct raft_effect *f = probe_sent(p, RAFT_MSG_APPEND_RESPONSE);
    return f == NULL ? &none : &f->msg.append_response;
}

struct raft_status probe_status(const struct probe *p)
{
    struct raft_status s;
    raft_get_status(p->r, &s);
    return s;
}
