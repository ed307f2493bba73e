#include "raft/node.h"

#include "raft/files.h"
#include "raft/log.h"
#include "raft/wire.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Events that come up while effects are carried out, and are stepped afterwards. */
struct later {
    bool failed, unreadable, applied;
    uint64_t damaged; /* 0: none */
    uint64_t processed_index, applied_index;
};

struct raft_node {
    struct raft *raft;
    struct raft_log *log;
    struct raft_files files;
    struct raft_host host;
    void *ctx;
    char group[RAFT_GROUP_MAX];
    size_t group_len;
    bool volatile_log, keep_commit;
    int64_t now, wall;
    int error;
    bool busy; /* inside run() */
    struct later later;

    struct raft_promise asked; /* what promise.idx will say after the next sync */
    uint64_t op;               /* the highest that waits for a sync; 0: none */
    bool sync_log, sync_vote;
    bool told_sync;
    int64_t armed;
    struct {
        bool out, log, vote; /* out: between begin and end; the node must stay */
        uint64_t op;
        struct raft_promise promise;
        int rc;
    } sync; /* the one in work; while it is out raft_node_sync_run alone touches promise.idx and tav.idx */

    uint64_t stored_commit; /* what a restart would find */

    struct raft_wire_entries entries; /* of a message */
    struct raft_wire_entries applied; /* of an entry handed up */
    uint8_t *body;
    size_t body_cap;
};

static slice group_of(const struct raft_node *n)
{
    return slice_make(n->group, n->group_len);
}

static uint8_t *body_room(struct raft_node *n, size_t need)
{
    if (need > n->body_cap) {
        uint8_t *grown = realloc(n->body, need + need / 2);
        if (grown == NULL)
            return NULL;
        n->body = grown;
        n->body_cap = need + need / 2;
    }
    return n->body;
}

/* Into n->body. Empty without memory, or when it cannot be encoded. */
static slice encode(struct raft_node *n, const struct raft_msg *m)
{
    size_t need = raft_wire_encode(m, n->body, n->body_cap);
    if (need > n->body_cap) {
        if (body_room(n, need) == NULL)
            return SLICE_EMPTY;
        raft_wire_encode(m, n->body, n->body_cap);
    }
    return slice_make(n->body, need);
}

static void send(struct raft_node *n, struct raft_addr to, struct raft_addr reply, slice body)
{
    char subject[RAFT_SUBJECT_MAX], back[RAFT_SUBJECT_MAX];
    size_t s = raft_wire_subject(to, group_of(n), subject);
    size_t b = raft_wire_subject(reply, group_of(n), back);
    if (s > 0 && body.len > 0)
        n->host.send(n->ctx, slice_make(subject, s), slice_make(back, b), body);
}

/* ---- effects ---- */

/* An entry tells a restart what was committed, at most itself (raft_load). */
static void note_stored(struct raft_node *n, const struct raft_append *ae)
{
    uint64_t commit = ae->commit <= ae->pindex ? ae->commit : ae->pindex + 1;
    if (commit > n->stored_commit)
        n->stored_commit = commit;
}

static int do_append(struct raft_node *n, const struct raft_effect *f)
{
    slice body = encode(n, &f->msg);
    if (body.len == 0)
        return -ENOMEM;
    assert(f->index == n->log->last + 1);
    note_stored(n, &f->msg.append);
    if (n->host.stored != NULL)
        n->host.stored(n->ctx, f->index, &f->msg.append);
    return raft_log_append(n->log, body, n->wall);
}

/* Damage heals from a peer. Any other error is the disk's: to cut off what it may still hold would make one
 * more member that has forgotten something. */
static void unreadable(struct raft_node *n, uint64_t index, int rc)
{
    if (rc == -EBADMSG) {
        n->later.damaged = index;
    } else {
        n->error = rc;
        n->later.failed = true;
    }
}

static void do_send_log(struct raft_node *n, const struct raft_effect *f)
{
    for (uint64_t i = f->index; i <= f->upto; i++) {
        slice stored;
        int rc = raft_log_read(n->log, i, &stored);
        if (rc != 0) {
            unreadable(n, i, rc);
            return;
        }
        uint8_t *out = body_room(n, stored.len + 10);
        size_t len = out == NULL ? 0 : raft_wire_restamp(stored, f->term, out, n->body_cap);
        send(n, f->to, f->reply, slice_make(out, len));
    }
}

static void do_send_snapshot(struct raft_node *n, const struct raft_effect *f)
{
    struct raft_snapshot_file s;
    raft_id *ids = malloc(RAFT_PEERS_MAX * sizeof *ids);
    uint8_t *peers = malloc(10 + RAFT_PEERS_MAX * sizeof *ids);
    int rc = ids == NULL || peers == NULL ? -ENOMEM : raft_files_load_snapshot(&n->files, &s, ids);
    if (rc == 0) {
        struct raft_entry entries[2] = {
            {RAFT_SNAPSHOT, s.data},
            {RAFT_PEER_STATE, slice_make(peers, raft_peers_encode(&s.peers, peers))},
        };
        struct raft_msg m = f->msg;
        m.append.pterm = s.term;
        m.append.pindex = s.index;
        m.append.entries = entries;
        m.append.count = 2;
        send(n, f->to, f->reply, encode(n, &m));
        free(s.bytes);
    } else if (rc != -ENOMEM) {
        n->later.unreadable = true;
    }
    free(ids);
    free(peers);
}

static int do_install(struct raft_node *n, const struct raft_effect *f)
{
    struct raft_snapshot_file s = {.term = f->term, .index = f->index, .peers = f->peers, .data = f->data};
    int rc = raft_files_save_snapshot(&n->files, &s);
    if (rc == 0)
        rc = raft_files_drop_snapshots(&n->files, f->term, f->index);
    return rc == 0 ? raft_log_reset(n->log, f->index) : rc;
}

static int do_compact(struct raft_node *n, const struct raft_effect *f)
{
    int rc = raft_log_compact(n->log, f->index);
    return rc == 0 ? raft_files_drop_snapshots(&n->files, raft_term_at(n->raft, f->index), f->index) : rc;
}

static void ask_for_sync(struct raft_node *n, uint64_t op)
{
    if (op > n->op)
        n->op = op;
    if (!n->told_sync) {
        n->told_sync = true;
        n->host.want_sync(n->ctx);
    }
}

static void do_save_state(struct raft_node *n, const struct raft_effect *f)
{
    n->asked.term = f->term;
    n->asked.vote = f->peer;
    n->asked.forgot_vote = f->on;
    n->sync_vote = true;
    ask_for_sync(n, f->op);
}

static void do_promise(struct raft_node *n, const struct raft_effect *f)
{
    if (!n->volatile_log) {
        n->asked.promise_term = f->term;
        n->asked.promise_index = f->index;
    }
    n->asked.forgot_log = f->on;
    n->sync_log = true;
    ask_for_sync(n, f->op);
}

static bool handed_up(const struct raft_entry *e)
{
    bool change = e->type == RAFT_ADD_PEER || e->type == RAFT_REMOVE_PEER;
    return e->type == RAFT_NORMAL || e->type == RAFT_OLD_SNAPSHOT || e->type == RAFT_SNAPSHOT ||
           (change && e->data.len == sizeof(raft_id));
}

/* 0, or why the entry cannot be read. */
static int apply_one(struct raft_node *n, uint64_t index)
{
    slice stored;
    struct raft_msg m;
    int rc = raft_log_read(n->log, index, &stored);
    if (rc != 0)
        return rc;
    if (!raft_wire_decode((struct raft_addr){.place = RAFT_TO_APPEND}, stored, &n->applied, &m))
        return -EBADMSG;
    size_t count = 0;
    for (size_t i = 0; i < m.append.count; i++) {
        if (handed_up(&n->applied.list[i]))
            n->applied.list[count++] = n->applied.list[i];
    }
    n->host.apply(n->ctx, index, m.append.term, n->applied.list, count);
    return 0;
}

static void do_apply(struct raft_node *n, const struct raft_effect *f)
{
    for (uint64_t i = f->index; i <= f->upto; i++) {
        int rc = apply_one(n, i);
        if (rc != 0) {
            unreadable(n, i, rc);
            return;
        }
    }
    if (n->keep_commit && f->upto > n->stored_commit) {
        int rc = raft_files_save_commit(&n->files, f->upto);
        if (rc == 0)
            n->stored_commit = f->upto;
        else
            n->error = rc;
        n->later.failed |= rc != 0;
    }
}

/* When it cannot be read the entries behind it must not be handed up. */
static int do_apply_snapshot(struct raft_node *n, const struct raft_effect *f)
{
    struct raft_snapshot_file s;
    raft_id *ids = malloc(RAFT_PEERS_MAX * sizeof *ids);
    int rc = ids == NULL ? -ENOMEM : raft_files_load_snapshot(&n->files, &s, ids);
    if (rc == 0) {
        n->host.apply_snapshot(n->ctx, f->index, s.data);
        free(s.bytes);
    }
    free(ids);
    return rc; /* it was good when the node opened, or was written just now */
}

static void do_subscribe(struct raft_node *n, const struct raft_effect *f, bool on)
{
    char subject[RAFT_SUBJECT_MAX];
    size_t len = raft_wire_subject(f->to, group_of(n), subject);
    n->host.subscribe(n->ctx, slice_make(subject, len), on);
}

/* 0, or the error of a write, after which the effects behind it must not happen. */
static int do_effect(struct raft_node *n, const struct raft_effect *f)
{
    switch (f->type) {
    case RAFT_DO_SUBSCRIBE:
    case RAFT_DO_UNSUBSCRIBE:
        do_subscribe(n, f, f->type == RAFT_DO_SUBSCRIBE);
        return 0;
    case RAFT_DO_SEND:
        send(n, f->to, f->reply, encode(n, &f->msg));
        return 0;
    case RAFT_DO_SEND_LOG:
        do_send_log(n, f);
        return 0;
    case RAFT_DO_SEND_SNAPSHOT:
        do_send_snapshot(n, f);
        return 0;
    case RAFT_DO_APPEND:
        return do_append(n, f);
    case RAFT_DO_TRUNCATE:
        return raft_log_truncate(n->log, f->index);
    case RAFT_DO_COMPACT:
        return do_compact(n, f);
    case RAFT_DO_INSTALL: {
        int rc = do_install(n, f);
        if (rc == 0)
            ask_for_sync(n, f->op);
        return rc;
    }
    case RAFT_DO_SAVE_STATE:
        do_save_state(n, f);
        return 0;
    case RAFT_DO_SAVE_PEERS: {
        int rc = raft_files_save_peers(&n->files, &f->peers);
        if (rc == 0)
            ask_for_sync(n, f->op);
        return rc;
    }
    case RAFT_DO_PROMISE:
        do_promise(n, f);
        return 0;
    case RAFT_DO_APPLY:
        do_apply(n, f);
        return 0;
    case RAFT_DO_APPLY_SNAPSHOT:
        return do_apply_snapshot(n, f);
    case RAFT_DO_NOTIFY:
        n->host.note(n->ctx, f);
        return 0;
    }
    return 0;
}

/* ---- stepping ---- */

static enum raft_rc step(struct raft_node *n, const struct raft_event *e, uint64_t *index)
{
    struct raft_update u;
    n->busy = true;
    enum raft_rc rc = raft_step(n->raft, e, &u);
    for (size_t i = 0; i < u.count; i++) {
        int error = do_effect(n, &u.effects[i]);
        if (error != 0) {
            n->error = error;
            n->later.failed = true;
            break;
        }
    }
    if (index != NULL)
        *index = u.index;
    n->busy = false;
    if (u.deadline != n->armed) {
        n->armed = u.deadline;
        n->host.arm(n->ctx, u.deadline);
    }
    return rc;
}

/* What came up meanwhile. Each round answers at least one thing that a file or the upper layer said. */
static void settle(struct raft_node *n)
{
    struct later l = n->later;
    while (l.failed || l.unreadable || l.applied || l.damaged > 0) {
        n->later = (struct later){0};
        struct raft_event e = {.now = n->now};
        if (l.failed) {
            e.type = RAFT_EV_DISK_FAILED;
            step(n, &e, NULL);
        }
        if (l.applied) {
            e.type = RAFT_EV_APPLIED;
            e.index = l.processed_index;
            e.applied = l.applied_index;
            step(n, &e, NULL);
        }
        if (l.damaged > 0) {
            e.type = RAFT_EV_DAMAGED;
            e.index = l.damaged;
            step(n, &e, NULL);
        }
        if (l.unreadable) {
            e.type = RAFT_EV_SNAPSHOT_UNREADABLE;
            step(n, &e, NULL);
        }
        l = n->later;
    }
}

enum raft_rc raft_node_event(struct raft_node *n, const struct raft_event *e, uint64_t *index)
{
    n->now = e->now;
    enum raft_rc rc = step(n, e, index);
    settle(n);
    return rc;
}

bool raft_node_message(struct raft_node *n, int64_t now, slice subject, slice reply, slice body)
{
    struct raft_msg m;
    struct raft_addr to = raft_wire_address(subject, group_of(n));
    if (!raft_wire_decode(to, body, &n->entries, &m))
        return false;
    struct raft_event e = {.type = RAFT_EV_MESSAGE,
                           .now = now,
                           .to = to,
                           .reply = raft_wire_address(reply, group_of(n)),
                           .msg = &m};
    struct raft_entry entry;
    if (m.type == RAFT_MSG_PROPOSAL) {
        entry = (struct raft_entry){RAFT_NORMAL, m.proposal};
        e.type = RAFT_EV_FORWARDED;
        e.entries = &entry;
        e.count = 1;
    }
    enum raft_rc rc = raft_node_event(n, &e, NULL);
    if (m.type == RAFT_MSG_PROPOSAL && rc == RAFT_OK && reply.len > 0)
        n->host.send(n->ctx, reply, SLICE_EMPTY, SLICE_EMPTY);
    return true;
}

void raft_node_tick(struct raft_node *n, int64_t now, int64_t wall)
{
    n->wall = wall;
    raft_node_event(n, &(struct raft_event){.type = RAFT_EV_TICK, .now = now}, NULL);
}

void raft_node_applied(struct raft_node *n, int64_t now, uint64_t processed, uint64_t applied)
{
    n->later.applied = true;
    n->later.processed_index = processed;
    n->later.applied_index = applied;
    if (n->busy)
        return;
    n->now = now;
    settle(n);
}

bool raft_node_sync_begin(struct raft_node *n)
{
    if (n->sync.out)
        return false;
    n->told_sync = false;
    if (n->op == 0 || n->error != 0)
        return false;
    n->sync.out = true;
    n->sync.op = n->op;
    n->sync.log = n->sync_log && !n->volatile_log;
    n->sync.vote = n->sync_vote;
    n->sync.promise = n->asked;
    n->op = 0;
    n->sync_log = n->sync_vote = false;
    if (n->sync.log)
        raft_log_sync_begin(n->log);
    return true;
}

/* First the log, then the promise that speaks of it; term and vote with it when they changed. */
void raft_node_sync_run(struct raft_node *n)
{
    int rc = 0;
    if (n->sync.log)
        rc = raft_log_sync_run(n->log);
    if (rc == 0 && n->sync.vote)
        rc = raft_files_save_vote(&n->files, &n->sync.promise);
    else if (rc == 0 && n->sync.log) {
        rc = raft_files_put_promise(&n->files, &n->sync.promise);
        if (rc == 0)
            rc = raft_files_sync_promise(&n->files);
    }
    n->sync.rc = rc;
}

void raft_node_sync_end(struct raft_node *n, int64_t now)
{
    struct raft_event e = {.type = RAFT_EV_DURABLE, .now = now, .op = n->sync.op};
    assert(n->sync.out);
    n->sync.out = false;
    n->now = now;
    if (n->sync.rc != 0) {
        n->error = n->sync.rc;
        e.type = RAFT_EV_DISK_FAILED;
    }
    step(n, &e, NULL);
    settle(n);
}

void raft_node_sync(struct raft_node *n, int64_t now)
{
    if (!raft_node_sync_begin(n))
        return;
    raft_node_sync_run(n);
    raft_node_sync_end(n, now);
}

enum raft_rc raft_node_snapshot(struct raft_node *n, int64_t now, slice state, bool force)
{
    struct raft_snapshot_file s = {.data = state};
    if (n->error != 0)
        return RAFT_WRITE_ERROR;
    enum raft_rc rc = raft_snapshot_head(n->raft, force, &s.term, &s.index, &s.peers);
    if (rc != RAFT_OK)
        return rc;
    /* A failed snapshot is no write error: the log still has all. */
    if (raft_files_save_snapshot(&n->files, &s) != 0)
        return RAFT_WRITE_ERROR;
    struct raft_event e = {.type = RAFT_EV_SNAPSHOT_SAVED, .now = now, .index = s.index, .bytes = state.len};
    return raft_node_event(n, &e, NULL);
}

const struct raft *raft_node_raft(const struct raft_node *n)
{
    return n->raft;
}

int raft_node_error(const struct raft_node *n)
{
    return n->error;
}

/* ---- opening ---- */

static int load_log(struct raft_node *n)
{
    for (uint64_t i = n->log->first; i <= n->log->last; i++) {
        slice stored;
        struct raft_msg m;
        int rc = raft_log_read(n->log, i, &stored);
        bool good =
            rc == 0 && raft_wire_decode((struct raft_addr){.place = RAFT_TO_APPEND}, stored, &n->entries, &m);
        enum raft_rc loaded = good ? raft_load(n->raft, &m.append) : RAFT_CORRUPT;
        if (loaded == RAFT_NO_MEMORY)
            return -ENOMEM;
        if (loaded == RAFT_CORRUPT)
            return raft_log_truncate(n->log, i - 1);
        note_stored(n, &m.append);
    }
    return 0;
}

static int open_log(struct raft_node *n, const struct raft_node_config *c, uint64_t base)
{
    bool damaged; /* the promise tells whether that matters */
    if (c->raft.volatile_log)
        return raft_log_open_memory(base, &n->log);
    struct raft_log_files files = {.disk = c->disk,
                                   .dir = c->dir,
                                   .group = c->group,
                                   .block_size = c->block_size > 0 ? c->block_size : RAFT_LOG_BLOCK,
                                   .base = base,
                                   .keys = c->keys};
    return raft_log_open_files(&files, &n->log, &damaged);
}

/* A damaged snapshot leaves nothing to build the log on: the member starts empty, behind its promise, and a
 * leader brings both again. */
static int load_snapshot(struct raft_node *n, const struct raft_node_config *c, raft_id *ids,
                         struct raft_stored *stored, bool *lost)
{
    struct raft_snapshot_file s;
    if (c->raft.volatile_log)
        return raft_files_drop_snapshots(&n->files, 0, 0);
    int rc = raft_files_load_snapshot(&n->files, &s, ids);
    *lost = rc == -EBADMSG;
    if (rc == -EBADMSG)
        return raft_files_drop_snapshots(&n->files, 0, 0);
    if (rc != 0)
        return rc == -ENOENT ? 0 : rc;
    stored->snapshot_term = s.term;
    stored->snapshot_index = s.index;
    stored->peers = s.peers;
    free(s.bytes);
    return raft_files_drop_snapshots(&n->files, s.term, s.index);
}

static int load_state(struct raft_node *n, const struct raft_node_config *c, bool fresh,
                      struct raft_stored *stored, raft_id *ids)
{
    struct raft_vote_state v;
    bool lost = false, found = true;
    int rc = raft_files_load_vote(&n->files, &v);
    if (rc == 0)
        rc = load_snapshot(n, c, ids, stored, &lost);
    if (rc == 0 && stored->snapshot_index == 0)
        rc = raft_files_load_peers(&n->files, &stored->peers, ids, &found);
    if (rc != 0)
        return rc;
    if (!found) {
        if (c->boot.size == 0)
            return -ENOENT;
        stored->peers = c->boot;
    }
    stored->term = v.p.term;
    stored->vote = v.p.vote;
    stored->vote_lost = v.vote_lost || fresh;
    stored->state_saved = v.have_promise && v.tav_agrees;
    stored->peers_saved = found;
    stored->promise_lost = v.promise_lost;
    stored->promise_known = v.have_promise;
    stored->promise_term = v.p.promise_term;
    stored->promise_index = v.p.promise_index;
    n->asked = v.p;
    if (c->keep_commit) {
        rc = raft_files_load_commit(&n->files, &stored->commit);
        n->stored_commit = stored->commit;
    }
    if (rc != 0 && rc != -EBADMSG) /* only a lower bound */
        return rc;
    rc = open_log(n, c, stored->snapshot_index);
    if (rc == 0 && lost) {
        /* Entries behind a lost snapshot hang in the air. The log's end was acknowledged, whether or not a
         * promise says so (the Go server writes none). */
        rc = raft_log_reset(n->log, 0);
        stored->promise_lost |= !v.have_promise;
    }
    return rc;
}

int raft_node_open(const struct raft_node_config *c, int64_t now, int64_t wall, struct raft_node **out)
{
    if (c->group.len > RAFT_GROUP_MAX)
        return -ENAMETOOLONG;
    struct raft_node *n = calloc(1, sizeof *n);
    raft_id *ids = malloc(RAFT_PEERS_MAX * sizeof *ids);
    if (n == NULL || ids == NULL) {
        free(n);
        free(ids);
        return -ENOMEM;
    }
    n->host = *c->host;
    n->ctx = c->ctx;
    n->now = now;
    n->wall = wall;
    n->volatile_log = c->raft.volatile_log;
    n->keep_commit = c->keep_commit;
    n->armed = INT64_MAX;
    memcpy(n->group, c->group.ptr, c->group.len);
    n->group_len = c->group.len;
    bool fresh;
    struct raft_stored stored = {.now = now};
    int rc = raft_files_open(&n->files, c->disk, c->dir, c->group, &fresh);
    if (rc == 0)
        rc = load_state(n, c, fresh, &stored, ids);
    if (rc == 0 && (n->raft = raft_new(&c->raft, &stored)) == NULL)
        rc = -ENOMEM;
    if (rc == 0)
        rc = load_log(n);
    free(ids);
    if (rc != 0) {
        raft_node_close(n);
        return rc;
    }
    *out = n;
    return 0;
}

void raft_node_start(struct raft_node *n, int64_t now)
{
    raft_node_event(n, &(struct raft_event){.type = RAFT_EV_START, .now = now}, NULL);
    raft_node_sync(n, now);
}

void raft_node_close(struct raft_node *n)
{
    if (n == NULL)
        return;
    assert(!n->sync.out);
    raft_free(n->raft);
    raft_log_close(n->log);
    raft_files_close(&n->files);
    raft_wire_entries_free(&n->entries);
    raft_wire_entries_free(&n->applied);
    free(n->body);
    free(n);
}
