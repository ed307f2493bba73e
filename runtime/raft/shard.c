#include "raft/shard.h"

#include "store/files.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* A thing posted to a group, with its bytes behind it. */
struct parcel {
    struct net_task task; /* first */
    struct raft_group *group;
    struct parcel *next;
    size_t subject_len, reply_len, body_len;
    uint8_t bytes[];
};

struct group_list {
    struct raft_group *first, **end;
};

struct raft_group {
    struct raft_shard *shard;
    struct raft_node *node;
    struct raft_upper upper;
    void *upper_ctx;
    struct net_timer timer;
    struct raft_group *prev, *next; /* the shard's */
    struct net_task close_task;
    void (*closed)(void *ctx, enum store_rc rc);
    void *closed_ctx;
    struct disk *disk;
    char *dir;
    bool remove;  /* the folder when it is closed */
    bool closing; /* nothing is told to anybody any more */
    bool gone;    /* ... and nothing comes any more: it waits for its last sync */

    bool wants_sync;              /* on the shard's list of those */
    struct raft_group *next_sync; /* in that list */
    bool syncing;                 /* in a batch */
    struct raft_group *next_in_batch;

    struct parcel *proposals, **proposals_end; /* gathered */
    size_t proposal_count, proposal_bytes;
    struct raft_group *next_proposer; /* on the shard's list of those with proposals */
};

/* One storage loop's work. */
struct batch {
    struct net_task task; /* first */
    struct raft_shard *shard;
    struct net_loop *storage;
    struct raft_group *groups; /* empty: idle */
};

struct raft_shard {
    struct net_loop *loop;
    struct raft_transport transport;
    void *transport_ctx;
    int64_t hurry;
    struct raft_group *groups;
    struct group_list want_sync;
    struct raft_group *proposers;
    struct net_task turn; /* flush proposals, begin syncs: when the inbox has been drained */
    bool turn_posted;
    struct raft_entry *entries; /* scratch for proposals */
    void (*stopped)(void *ctx);
    void *stopped_ctx;
    unsigned batch_count;
    struct batch batches[];
};

static int64_t now_of(const struct raft_shard *s)
{
    return s->loop->now * s->hurry;
}

/* ---- syncs ---- */

static void list_push(struct group_list *l, struct raft_group *g)
{
    g->next_sync = NULL;
    if (l->first == NULL)
        l->end = &l->first;
    *l->end = g;
    l->end = &g->next_sync;
}

static struct raft_group *list_pop(struct group_list *l)
{
    struct raft_group *g = l->first;
    if (g != NULL)
        l->first = g->next_sync;
    return g;
}

static void next_turn(struct raft_shard *s)
{
    if (s->turn_posted)
        return;
    s->turn_posted = true;
    net_post(s->loop, &s->turn);
}

static void free_group(struct raft_group *g);
static void syncs_done(struct net_task *task, struct net_loop *loop);

/* [storage loop] */
static void run_syncs(struct net_task *task, struct net_loop *loop)
{
    struct batch *b = (struct batch *)(void *)task;
    (void)loop;
    for (struct raft_group *g = b->groups; g != NULL; g = g->next_in_batch)
        raft_node_sync_run(g->node);
    b->task.fn = syncs_done;
    net_post(b->shard->loop, &b->task);
}

static void syncs_done(struct net_task *task, struct net_loop *loop)
{
    struct batch *b = (struct batch *)(void *)task;
    struct raft_shard *s = b->shard;
    (void)loop;
    while (b->groups != NULL) {
        struct raft_group *g = b->groups;
        b->groups = g->next_in_batch;
        g->syncing = false;
        raft_node_sync_end(g->node, now_of(s));
        if (g->gone)
            free_group(g);
    }
    if (s->want_sync.first != NULL)
        next_turn(s);
}

/* Fill the idle storage loops evenly with the groups that wait. A group whose last sync is not over waits for
 * the next round. */
static void begin_syncs(struct raft_shard *s)
{
    size_t waiting = 0, idle = 0;
    for (const struct raft_group *g = s->want_sync.first; g != NULL; g = g->next_sync)
        waiting++;
    for (unsigned i = 0; i < s->batch_count; i++)
        idle += s->batches[i].groups == NULL;
    if (idle == 0)
        return;
    size_t share = (waiting + idle - 1) / idle;
    struct group_list later = {0};
    for (unsigned i = 0; i < s->batch_count; i++) {
        struct batch *b = &s->batches[i];
        if (b->groups != NULL)
            continue;
        for (size_t n = 0; n < share && s->want_sync.first != NULL; n++) {
            struct raft_group *g = list_pop(&s->want_sync);
            if (g->syncing) {
                list_push(&later, g);
                continue;
            }
            g->wants_sync = false;
            if (raft_node_sync_begin(g->node)) {
                g->syncing = true;
                g->next_in_batch = b->groups;
                b->groups = g;
            }
        }
        if (b->groups != NULL) {
            b->task.fn = run_syncs;
            net_post(b->storage, &b->task);
        }
    }
    struct raft_group *g;
    while ((g = list_pop(&later)) != NULL)
        list_push(&s->want_sync, g);
}

/* ---- the node's host ---- */

static void on_subscribe(void *ctx, slice subject, bool on)
{
    struct raft_group *g = ctx;
    if (!g->closing)
        g->shard->transport.subscribe(g->shard->transport_ctx, g, subject, on);
}

static void on_send(void *ctx, slice subject, slice reply, slice body)
{
    struct raft_group *g = ctx;
    if (!g->closing)
        g->shard->transport.send(g->shard->transport_ctx, g, subject, reply, body);
}

static void on_apply(void *ctx, uint64_t index, uint64_t term, const struct raft_entry *entries, size_t count)
{
    struct raft_group *g = ctx;
    if (!g->closing)
        g->upper.apply(g->upper_ctx, index, term, entries, count);
}

static void on_apply_snapshot(void *ctx, uint64_t index, slice data)
{
    struct raft_group *g = ctx;
    if (!g->closing)
        g->upper.apply_snapshot(g->upper_ctx, index, data);
}

static void on_note(void *ctx, const struct raft_effect *note)
{
    struct raft_group *g = ctx;
    if (!g->closing)
        g->upper.note(g->upper_ctx, note);
}

static void timer_due(void *ctx)
{
    struct raft_group *g = ctx;
    raft_node_tick(g->node, now_of(g->shard), env_wall_ns(g->shard->loop->env));
}

/* Rounded up, so that the engine is never woken before its time. Without memory for the timer the group is
 * deaf to time until the next thing that it does arms it again. */
static void on_arm(void *ctx, int64_t deadline)
{
    struct raft_group *g = ctx;
    struct raft_shard *s = g->shard;
    if (deadline == INT64_MAX)
        net_disarm(s->loop, &g->timer);
    else
        net_arm(s->loop, &g->timer, (deadline + s->hurry - 1) / s->hurry, timer_due, g);
}

static void on_want_sync(void *ctx)
{
    struct raft_group *g = ctx;
    if (g->wants_sync || g->gone)
        return;
    g->wants_sync = true;
    list_push(&g->shard->want_sync, g);
    next_turn(g->shard);
}

/* ---- messages and proposals ---- */

static struct parcel *pack(struct raft_group *g, slice subject, slice reply, slice body)
{
    struct parcel *p = malloc(sizeof *p + subject.len + reply.len + body.len);
    if (p == NULL)
        return NULL;
    *p =
        (struct parcel){.group = g, .subject_len = subject.len, .reply_len = reply.len, .body_len = body.len};
    uint8_t *at = p->bytes;
    memcpy(at, slice_ptr(subject), subject.len);
    memcpy(at + subject.len, slice_ptr(reply), reply.len);
    memcpy(at + subject.len + reply.len, slice_ptr(body), body.len);
    return p;
}

static slice body_of(const struct parcel *p)
{
    return slice_make(p->bytes + p->subject_len + p->reply_len, p->body_len);
}

static void take_message(struct net_task *task, struct net_loop *loop)
{
    struct parcel *p = (struct parcel *)(void *)task;
    struct raft_group *g = p->group;
    (void)loop;
    if (!g->closing)
        raft_node_message(g->node, now_of(g->shard), slice_make(p->bytes, p->subject_len),
                          slice_make(p->bytes + p->subject_len, p->reply_len), body_of(p));
    free(p);
}

void raft_group_message(struct raft_group *g, slice subject, slice reply, slice body)
{
    struct parcel *p = pack(g, subject, reply, body);
    if (p == NULL)
        return;
    p->task.fn = take_message;
    net_post(g->shard->loop, &p->task);
}

/* What was gathered becomes one event, and the group leaves the list of those with proposals. */
static void step_proposals(struct raft_group *g)
{
    struct raft_shard *s = g->shard;
    struct raft_group **at = &s->proposers;
    size_t n = 0;
    while (*at != g)
        at = &(*at)->next_proposer;
    *at = g->next_proposer;
    for (const struct parcel *p = g->proposals; p != NULL; p = p->next)
        s->entries[n++] = (struct raft_entry){RAFT_NORMAL, body_of(p)};
    enum raft_rc rc = RAFT_IS_CLOSED;
    if (!g->closing) {
        struct raft_event e = {.type = RAFT_EV_PROPOSE, .now = now_of(s), .entries = s->entries, .count = n};
        rc = raft_node_event(g->node, &e, NULL);
    }
    struct parcel *p = g->proposals;
    g->proposals = NULL;
    g->proposal_count = g->proposal_bytes = 0;
    while (p != NULL) {
        struct parcel *next = p->next;
        if (rc != RAFT_OK)
            g->upper.refused(g->upper_ctx, body_of(p), rc);
        free(p);
        p = next;
    }
}

static void take_proposal(struct net_task *task, struct net_loop *loop)
{
    struct parcel *p = (struct parcel *)(void *)task;
    struct raft_group *g = p->group;
    (void)loop;
    if (g->proposals == NULL) {
        g->proposals_end = &g->proposals;
        g->next_proposer = g->shard->proposers;
        g->shard->proposers = g;
        next_turn(g->shard);
    }
    *g->proposals_end = p;
    g->proposals_end = &p->next;
    g->proposal_count++;
    g->proposal_bytes += p->body_len;
    if (g->proposal_count == RAFT_SHARD_GATHER_ENTRIES || g->proposal_bytes >= RAFT_SHARD_GATHER_BYTES)
        step_proposals(g);
}

bool raft_group_propose(struct raft_group *g, slice data)
{
    struct parcel *p = pack(g, SLICE_EMPTY, SLICE_EMPTY, data);
    if (p == NULL)
        return false;
    p->task.fn = take_proposal;
    net_post(g->shard->loop, &p->task);
    return true;
}

/* All that was posted before has been taken. */
static void take_turn(struct net_task *task, struct net_loop *loop)
{
    struct raft_shard *s = (struct raft_shard *)(void *)((char *)task - offsetof(struct raft_shard, turn));
    (void)loop;
    s->turn_posted = false;
    while (s->proposers != NULL)
        step_proposals(s->proposers);
    begin_syncs(s);
}

/* ---- life ---- */

struct raft_shard *raft_shard_new(const struct raft_shard_config *c)
{
    unsigned batches = c->storage->count;
    struct raft_shard *s = calloc(1, sizeof *s + batches * sizeof s->batches[0]);
    if (s == NULL)
        return NULL;
    s->entries = malloc(RAFT_SHARD_GATHER_ENTRIES * sizeof *s->entries);
    if (s->entries == NULL) {
        free(s);
        return NULL;
    }
    s->loop = c->loop;
    s->transport = *c->transport;
    s->transport_ctx = c->transport_ctx;
    s->hurry = c->hurry > 0 ? c->hurry : 1;
    s->turn.fn = take_turn;
    s->batch_count = batches;
    for (unsigned i = 0; i < batches; i++) {
        s->batches[i].shard = s;
        s->batches[i].storage = &c->storage->loops[i];
    }
    return s;
}

static void free_group(struct raft_group *g)
{
    struct raft_shard *s = g->shard;
    net_disarm(s->loop, &g->timer);
    raft_node_close(g->node);
    if (g->prev != NULL)
        g->prev->next = g->next;
    else
        s->groups = g->next;
    if (g->next != NULL)
        g->next->prev = g->prev;
    enum store_rc rc = g->remove ? files_remove_tree(g->disk, g->dir) : STORE_OK;
    if (g->closed != NULL)
        g->closed(g->closed_ctx, rc);
    free(g->dir);
    free(g);
    if (s->groups == NULL && s->stopped != NULL)
        s->stopped(s->stopped_ctx);
}

void raft_shard_free(struct raft_shard *s)
{
    if (s == NULL)
        return;
    assert(s->groups == NULL);
    free(s->entries);
    free(s);
}

int raft_group_open(struct raft_shard *s, const struct raft_node_config *config,
                    const struct raft_upper *upper, void *upper_ctx, struct raft_group **out)
{
    static const struct raft_host host = {.subscribe = on_subscribe,
                                          .send = on_send,
                                          .apply = on_apply,
                                          .apply_snapshot = on_apply_snapshot,
                                          .note = on_note,
                                          .arm = on_arm,
                                          .want_sync = on_want_sync};
    struct raft_group *g = calloc(1, sizeof *g);
    if (g == NULL)
        return -ENOMEM;
    g->shard = s;
    g->disk = config->disk;
    g->dir = strdup(config->dir);
    g->upper = *upper;
    g->upper_ctx = upper_ctx;
    struct raft_node_config c = *config;
    c.host = &host;
    c.ctx = g;
    int rc = g->dir == NULL ? -ENOMEM : raft_node_open(&c, now_of(s), env_wall_ns(s->loop->env), &g->node);
    if (rc != 0) {
        free(g->dir);
        free(g);
        return rc;
    }
    g->next = s->groups;
    if (g->next != NULL)
        g->next->prev = g;
    s->groups = g;
    *out = g;
    raft_node_start(g->node, now_of(s));
    return 0;
}

static void leave_sync_list(struct raft_group *g)
{
    struct group_list keep = {0};
    struct raft_group *other;
    while ((other = list_pop(&g->shard->want_sync)) != NULL) {
        if (other != g)
            list_push(&keep, other);
    }
    g->shard->want_sync = keep;
}

/* What was posted to the group before lay ahead of this in the inbox. */
static void on_closed(struct net_task *task, struct net_loop *loop)
{
    struct raft_group *g =
        (struct raft_group *)(void *)((char *)task - offsetof(struct raft_group, close_task));
    (void)loop;
    if (g->proposals != NULL)
        step_proposals(g);
    if (g->wants_sync)
        leave_sync_list(g);
    g->gone = true;
    if (!g->syncing)
        free_group(g); /* else syncs_done does it */
}

void raft_group_close(struct raft_group *g, bool remove, void (*closed)(void *ctx, enum store_rc rc),
                      void *ctx)
{
    struct raft_shard *s = g->shard;
    if (g->closing)
        return;
    g->remove = remove;
    g->closed = closed;
    g->closed_ctx = ctx;
    s->transport.forget(s->transport_ctx, g);
    g->closing = true;
    g->close_task.fn = on_closed;
    net_post(s->loop, &g->close_task);
}

void raft_shard_leave(struct raft_shard *s)
{
    struct raft_event e = {.type = RAFT_EV_STOP, .now = now_of(s)};
    for (struct raft_group *g = s->groups; g != NULL; g = g->next) {
        if (!g->closing)
            raft_node_event(g->node, &e, NULL);
    }
}

void raft_shard_stop(struct raft_shard *s, void (*stopped)(void *ctx), void *ctx)
{
    s->stopped = stopped;
    s->stopped_ctx = ctx;
    if (s->groups == NULL)
        stopped(ctx);
    for (struct raft_group *g = s->groups; g != NULL; g = g->next)
        raft_group_close(g, false, NULL, NULL);
}

struct raft_node *raft_group_node(const struct raft_group *g)
{
    return g->node;
}

int64_t raft_group_now(const struct raft_group *g)
{
    return now_of(g->shard);
}
