/* The nodes, their lives, their clocks; and the run of a plan. */
#include "sim/raft_world.h"

#include <stdarg.h>
#include <stdlib.h>

#define CALM_MAX (600 * RAFT_S)

void world_trace(struct world *w, const struct sim_node *n, const char *format, ...)
{
    va_list ap;
    fprintf(w->trace, "%10.4f %-4s ", (double)sched_now(w->s) / 1e9, n == NULL ? "" : n->name);
    va_start(ap, format);
    vfprintf(w->trace, format, ap);
    va_end(ap);
    fputc('\n', w->trace);
}

void world_fail(struct world *w, const char *format, ...)
{
    if (w->over)
        return;
    va_list ap;
    va_start(ap, format);
    vsnprintf(w->result->violation, sizeof w->result->violation, format, ap);
    va_end(ap);
    w->over = true;
    w->result->failed = true;
    w->result->failed_at = sched_now(w->s);
    TRACE(w, NULL, "VIOLATION: %s", w->result->violation);
}

/* ---- clocks ---- */

int64_t node_clock(const struct sim_node *n)
{
    return n->clock_base + (int64_t)((double)(sched_now(n->w->s) - n->clock_from) * n->rate);
}

static void timer_fired(void *ctx);
static void set_timer(struct sim_node *n);

void node_set_rate(struct sim_node *n, double rate)
{
    n->clock_base = node_clock(n);
    n->clock_from = sched_now(n->w->s);
    n->rate = rate;
    n->timer_at = INT64_MAX;
    set_timer(n);
}

void node_jump(struct sim_node *n, int64_t by)
{
    n->clock_base += by;
    node_set_rate(n, n->rate);
}

int64_t node_wall(const struct sim_node *n)
{
    return SIM_EPOCH_NS + sched_now(n->w->s) + n->wall_off;
}

/* One pending event is enough, as long as it is not later than the deadline. */
static void set_timer(struct sim_node *n)
{
    if (n->deadline == INT64_MAX)
        return;
    int64_t wait = (int64_t)((double)(n->deadline - node_clock(n)) / n->rate) + 1;
    int64_t at = sched_now(n->w->s) + (wait > 0 ? wait : 0);
    if (at >= n->timer_at)
        return;
    n->timer_at = at;
    sched_after(n->w->s, wait, timer_fired, n);
}

static void timer_fired(void *ctx)
{
    struct sim_node *n = ctx;
    if (sched_now(n->w->s) >= n->timer_at)
        n->timer_at = INT64_MAX;
    if (n->life != NODE_UP)
        return;
    if (n->paused) {
        n->tick_due = true;
    } else if (node_clock(n) >= n->deadline) {
        raft_node_tick(n->node, node_clock(n), node_wall(n));
        node_stepped(n);
    } else {
        set_timer(n);
    }
}

static void on_arm(void *ctx, int64_t deadline)
{
    struct sim_node *n = ctx;
    n->deadline = deadline;
    set_timer(n);
}

/* ---- the disk ---- */

static void sync_now(void *ctx)
{
    struct sim_node *n = ctx;
    n->sync_pending = false;
    if (n->life != NODE_UP)
        return;
    if (n->paused) {
        n->sync_due = true;
        return;
    }
    raft_node_sync(n->node, node_clock(n));
    node_stepped(n);
}

static void on_want_sync(void *ctx)
{
    struct sim_node *n = ctx;
    if (n->sync_pending)
        return;
    n->sync_pending = true;
    int64_t wait = sched_between(n->w->s, n->w->plan->sync_min, n->w->plan->sync_max);
    if (n->slow_disk)
        wait += sched_between(n->w->s, 0, 2 * RAFT_S);
    sched_after(n->w->s, wait, sync_now, n);
}

/* ---- the upper layer ---- */

void node_take_snapshot(struct sim_node *n, bool force)
{
    uint8_t state[24];
    memcpy(state, &n->machine.index, 8);
    memcpy(state + 8, &n->machine.count, 8);
    memcpy(state + 16, &n->machine.hash, 8);
    enum raft_rc rc = raft_node_snapshot(n->node, node_clock(n), slice_make(state, sizeof state), force);
    if (rc == RAFT_OK) {
        n->machine.snapshot_at = n->machine.index;
        n->snapshot_wanted = false;
        TRACE(n->w, n, "snapshot of %llu", (unsigned long long)n->machine.index);
    }
}

static void report(void *ctx)
{
    struct sim_node *n = ctx;
    n->applying = false;
    if (n->life != NODE_UP || n->node == NULL)
        return;
    n->reported = n->machine.index;
    raft_node_applied(n->node, node_clock(n), n->reported, n->reported);
    if (n->machine.index == n->reported &&
        (n->snapshot_wanted || n->machine.index - n->machine.snapshot_at >= n->w->plan->snapshot_every))
        node_take_snapshot(n, sched_chance(n->w->s, 0.2));
    node_stepped(n);
}

static void on_note(void *ctx, const struct raft_effect *f)
{
    struct sim_node *n = ctx;
    if (f->note == RAFT_NOTE_NEED_REPAIR)
        n->cut_allowed = true;
    if (f->note == RAFT_NOTE_WANT_SNAPSHOT)
        n->snapshot_wanted = true;
    if (f->note == RAFT_NOTE_LEADER)
        load_read(n);
    if (f->note != RAFT_NOTE_NOT_LEADER && f->note != RAFT_NOTE_OBSERVED)
        TRACE(n->w, n, "note: %s", raft_note_name(f->note));
    if (f->note == RAFT_NOTE_NOT_LEADER && f->peer == 0)
        TRACE(n->w, n, "leads no more");
}

/* ---- life ---- */

struct raft_status node_status(const struct sim_node *n)
{
    struct raft_status s;
    raft_get_status(raft_node_raft(n->node), &s);
    return s;
}

struct sim_node *world_node(struct world *w, raft_id id)
{
    for (uint32_t i = 0; i < w->plan->nodes; i++) {
        if (w->nodes[i].id == id)
            return &w->nodes[i];
    }
    return NULL;
}

struct sim_node *world_leader(struct world *w)
{
    struct sim_node *best = NULL;
    for (uint32_t i = 0; i < w->plan->nodes; i++) {
        struct sim_node *n = &w->nodes[i];
        if (n->life == NODE_UP && n->seen_role == RAFT_LEADER &&
            (best == NULL || n->seen_term > best->seen_term))
            best = n;
    }
    return best;
}

bool node_is_member(struct world *w, const struct sim_node *n)
{
    struct sim_node *leader = world_leader(w);
    if (leader == NULL)
        return n->life != NODE_ABSENT && !n->learner_start;
    struct raft_peers peers = node_status(leader).peers;
    for (uint32_t i = 0; i < peers.count; i++) {
        if (peers.ids[i] == n->id)
            return true;
    }
    return false;
}

static void disk_failed(void *ctx)
{
    struct sim_node *n = ctx;
    if (n->life != NODE_UP || node_status(n).role != RAFT_CLOSED)
        return;
    TRACE(n->w, n, "ends after a disk error");
    node_stop(n, true);
}

void node_stepped(struct sim_node *n)
{
    if (n->life != NODE_UP || n->w->over)
        return;
    check_step(n);
    if (!n->applying && n->machine.index > n->reported) {
        n->applying = true;
        sched_after(n->w->s, sched_between(n->w->s, 0, n->w->plan->apply_delay), report, n);
    }
    if (n->seen_role == RAFT_CLOSED)
        sched_after(n->w->s, 0, disk_failed, n);
}

uint32_t node_servers(const struct sim_node *n)
{
    const struct world *w = n->w;
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->plan->nodes; i++)
        count += w->nodes[i].life != NODE_ABSENT || i == n->number;
    return count > w->plan->members ? count : w->plan->members;
}

static size_t boot_peers(struct sim_node *n, raft_id *ids, uint32_t *size)
{
    struct world *w = n->w;
    size_t count = 0;
    if (!w->plan->managed) {
        *size = node_servers(n); /* its configuration names all of them */
        ids[count++] = n->id;
        return count;
    }
    /* What the meta group would assign it to. */
    memcpy(ids, w->assigned, w->assigned_count * sizeof *ids);
    *size = w->assigned_count;
    return w->assigned_count;
}

static void node_reset(struct sim_node *n)
{
    n->machine = (struct machine){0};
    n->reported = 0;
    n->applying = n->snapshot_wanted = n->apply_paused = n->paused = false;
    n->tick_due = n->sync_due = false;
    n->deadline = INT64_MAX;
    check_restarted(n);
}

static void network_up(void *ctx)
{
    struct sim_node *n = ctx;
    if (n->life != NODE_UP)
        return;
    struct raft_event e = {.type = RAFT_EV_NETWORK, .now = node_clock(n), .on = true};
    raft_node_event(n->node, &e, NULL);
    node_stepped(n);
}

void node_start(struct sim_node *n)
{
    static const struct raft_host host = {.subscribe = net_subscribe,
                                          .send = net_send,
                                          .apply = load_apply,
                                          .apply_snapshot = load_apply_snapshot,
                                          .note = on_note,
                                          .arm = on_arm,
                                          .want_sync = on_want_sync,
                                          .stored = check_stored};
    struct world *w = n->w;
    raft_id ids[RAFT_SIM_NODES];
    uint32_t size;
    size_t count = boot_peers(n, ids, &size);
    if (sim_disk_is_off(n->disk))
        sim_disk_start(n->disk);
    n->incarnation++;
    node_reset(n);
    bool brand_new = n->incarnation == 1 && n->number < w->plan->members && w->plan->managed;
    struct raft_node_config c = {
        .disk = sim_disk_base(n->disk),
        .dir = "/js/group",
        .group = SLICE_LIT("S-R3F-simulate"),
        .block_size = 32768,
        .keep_commit = !w->plan->managed,
        .raft = {.id = n->id,
                 .seed = sched_rand(w->s),
                 .managed = w->plan->managed,
                 .initializing = brand_new,
                 .learner = n->learner_start,
                 .preferred = brand_new && n->number == 0,
                 .volatile_log = w->plan->memory},
        .boot = {.size = size, .count = (uint32_t)count, .ids = ids},
        .host = &host,
        .ctx = n,
    };
    int rc = raft_node_open(&c, node_clock(n), node_wall(n), &n->node);
    if (rc != 0) {
        TRACE(w, n, "cannot start: %d", rc);
        n->life = NODE_DOWN;
        n->node = NULL;
        sim_disk_crash(n->disk);
        return;
    }
    n->life = NODE_UP;
    n->damage_seen = true;
    n->fewest = UINT32_MAX;
    raft_node_start(n->node, node_clock(n));
    struct raft_status s = node_status(n);
    TRACE(w, n, "starts: term %llu, snapshot %llu, log to (%llu, %llu)%s%s", (unsigned long long)s.term,
          (unsigned long long)s.snapshot_index, (unsigned long long)s.pterm, (unsigned long long)s.pindex,
          s.forgot ? ", has forgotten something" : "", n->learner_start ? ", learner" : "");
    node_stepped(n);
    sched_after(w->s, sched_between(w->s, 0, 100 * RAFT_MS), network_up, n);
}

void node_stop(struct sim_node *n, bool cut)
{
    if (n->life != NODE_UP)
        return;
    TRACE(n->w, n, "%s", cut ? "loses power" : "is killed");
    n->life = NODE_DOWN;
    n->incarnation++;
    if (cut)
        sim_disk_crash(n->disk);
    else
        sim_disk_kill(n->disk);
    raft_node_close(n->node);
    n->node = NULL;
    net_forget(n);
    load_lost(n);
    n->w->result->crashes++;
}

void node_wipe(struct sim_node *n)
{
    sim_disk_free(n->disk);
    n->disk = sim_disk_new(n->w->s);
    sim_disk_mkdirs(n->disk, "/js");
}

void node_resume(struct sim_node *n)
{
    n->paused = false;
    if (n->life != NODE_UP)
        return;
    if (n->sync_due) {
        n->sync_due = false;
        sync_now(n);
    }
    if (n->tick_due) {
        n->tick_due = false;
        raft_node_tick(n->node, node_clock(n), node_wall(n));
        node_stepped(n);
    }
    set_timer(n);
    net_deliver_stuck(n);
}

/* ---- a run ---- */

static void world_open(struct world *w, const struct raft_plan *p, struct raft_result *out, FILE *trace)
{
    *w = (struct world){.plan = p, .result = out, .trace = trace};
    *out = (struct raft_result){0};
    w->s = sched_new(p->seed * 2654435761u + 1);
    w->loss = p->loss;
    w->dup = p->dup;
    w->reorder = p->reorder;
    for (uint32_t i = 0; i < p->nodes; i++) {
        struct sim_node *n = &w->nodes[i];
        char id[9] = "nodenode";
        id[7] = (char)('0' + i);
        n->w = w;
        n->number = i;
        n->id = raft_id_of(id);
        snprintf(n->name, sizeof n->name, "n%u", i % 10);
        n->rate = 1;
        n->clock_base = (int64_t)(i + 1) * 1000 * RAFT_S;
        n->timer_at = INT64_MAX;
        n->stuck_end = &n->stuck;
        n->disk = sim_disk_new(w->s);
        sim_disk_mkdirs(n->disk, "/js");
    }
}

static void world_close(struct world *w)
{
    for (uint32_t i = 0; i < w->plan->nodes; i++) {
        struct sim_node *n = &w->nodes[i];
        raft_node_close(n->node);
        net_forget(n);
        free(n->requests);
        sim_disk_free(n->disk);
    }
    net_free(w);
    nemesis_free(w);
    check_free(w);
    free(w->ops);
    sched_free(w->s);
}

/* All members of the newest leader's group have the same, and nothing is open. */
static bool settled(struct world *w)
{
    struct sim_node *leader = world_leader(w);
    if (leader == NULL)
        return false;
    struct raft_status s = node_status(leader);
    if (!s.leading || s.commit != s.pindex || leader->machine.index != s.commit)
        return false;
    for (uint32_t i = 0; i < s.peers.count; i++) {
        struct sim_node *n = world_node(w, s.peers.ids[i]);
        if (n == NULL || n->life != NODE_UP)
            return false;
        struct raft_status ns = node_status(n);
        if (ns.commit != s.commit || ns.pindex != s.pindex || n->machine.index != s.commit ||
            ns.term != s.term || ns.forgot)
            return false;
        if (n->machine.hash != leader->machine.hash)
            world_fail(w, "in the calm %s and %s differ", n->name, leader->name);
    }
    return true;
}

static void run_for(struct world *w, int64_t time, uint64_t max_steps)
{
    int64_t until = sched_now(w->s) + time;
    uint64_t steps = sched_steps(w->s);
    while (!w->over && sched_steps(w->s) - steps < max_steps) {
        if (sched_run_until(w->s, until, 1) == 0)
            break;
    }
}

static void why_not(struct world *w, const char *what)
{
    struct sim_node *leader = world_leader(w);
    char text[340];
    size_t at = 0;
    for (uint32_t i = 0; i < w->plan->nodes; i++) {
        struct sim_node *n = &w->nodes[i];
        if (n->life != NODE_UP)
            continue;
        struct raft_status s = node_status(n);
        int k =
            snprintf(text + at, sizeof text - at, " %s:%s t%llu l%llu.%llu c%llu a%llu p%u/%u%s%s%s", n->name,
                     raft_role_name(s.role), (unsigned long long)s.term, (unsigned long long)s.pterm,
                     (unsigned long long)s.pindex, (unsigned long long)s.commit,
                     (unsigned long long)n->machine.index, s.peers.count, s.size, s.learner ? " learner" : "",
                     s.paused ? " paused" : "", s.forgot ? " forgot" : "");
        if (k < 0 || at + (size_t)k >= sizeof text)
            break;
        at += (size_t)k;
    }
    text[at] = '\0';
    world_fail(w, "liveness: %s in the calm; leader %s;%s", what, leader == NULL ? "none" : leader->name,
               text);
}

static void run_calm(struct world *w)
{
    TRACE(w, NULL, "the calm begins");
    w->calm = true;
    w->load_on = false;
    nemesis_calm(w);
    int64_t began = sched_now(w->s);
    do
        run_for(w, RAFT_S, UINT64_MAX);
    while (!w->over && !settled(w) && sched_now(w->s) - began < CALM_MAX);
    if (w->over)
        return;
    if (!settled(w)) {
        why_not(w, "no agreement");
        return;
    }
    w->applied_everywhere = world_leader(w)->machine.count;
    load_check_end(w);
    if (w->over)
        return;
    uint64_t before = w->result->acknowledged;
    if (!load_send(w, world_leader(w), 1)) {
        why_not(w, "the leader takes nothing");
        return;
    }
    run_for(w, 30 * RAFT_S, UINT64_MAX);
    if (!w->over && w->result->acknowledged == before)
        why_not(w, "a record was not accepted");
}

void raft_plan_run(const struct raft_plan *p, struct raft_result *out, FILE *trace)
{
    struct world w;
    world_open(&w, p, out, trace);
    for (uint32_t i = 0; i < p->members; i++)
        w.assigned[w.assigned_count++] = w.nodes[i].id;
    for (uint32_t i = 0; i < p->members; i++)
        node_start(&w.nodes[i]);
    nemesis_begin(&w);
    load_begin(&w);
    run_for(&w, p->until, p->max_steps > 0 ? p->max_steps : UINT64_MAX);
    if (!w.over)
        run_calm(&w);
    out->steps = sched_steps(w.s);
    out->committed = w.committed;
    out->time = sched_now(w.s);
    world_close(&w);
}
