/* Carrying out the actions of a plan, within what raft promises to survive: damage (flipped bits, wiped
 * disks, and any restart of a group whose log is in memory) hits a minority at a time, until it is healed. */
#include "sim/raft_world.h"

#include <errno.h>
#include <stdlib.h>

#define LOOK_EVERY (500 * RAFT_MS)

const char *const raft_fault_name[RAFT_FAULT_COUNT] = {
    "delay",  "loss",     "dup",  "reorder",  "partition", "oneway",   "pause",
    "kill",   "power",    "skew", "slowdisk", "flip",      "full",     "eio",
    "member", "stepdown", "wipe", "behind",   "duel",      "nonsense", "whim",
};

/* Links that will heal. */
struct cut_links {
    struct cut_links *next;
    struct world *w;
    uint64_t cut[RAFT_SIM_NODES];
};

/* ---- who ---- */

static size_t members(struct world *w, struct sim_node **out)
{
    size_t n = 0;
    for (uint32_t i = 0; i < w->plan->nodes; i++) {
        if (node_is_member(w, &w->nodes[i]))
            out[n++] = &w->nodes[i];
    }
    return n;
}

/* One time in three it is the leader that is hit. */
static struct sim_node *victim(struct world *w, const struct raft_action *a)
{
    struct sim_node *leader = world_leader(w);
    if (a->node % 3 == 0 && leader != NULL)
        return leader;
    return &w->nodes[a->node / 3 % w->plan->nodes];
}

/* A server that lost its disk and one that never was in the group look the same. A group that boots from
 * nothing elects its first leader by all the servers that it expects, whoever they are; so as many empty ones
 * as that would form a second group when they are cut off from the first. The operator of such a group
 * therefore adds servers only while none is lost. */
static bool has_newcomers(struct world *w)
{
    for (uint32_t i = 0; i < w->plan->nodes; i++) {
        if (w->nodes[i].newcomer)
            return true;
    }
    return false;
}

static bool has_damaged(struct world *w)
{
    for (uint32_t i = 0; i < w->plan->nodes; i++) {
        if (w->nodes[i].life != NODE_ABSENT && w->nodes[i].damaged)
            return true;
    }
    return false;
}

/* May one more member be damaged? Nobody may while the membership changes. */
static bool may_damage(struct world *w, const struct sim_node *n, size_t fewer)
{
    struct sim_node *list[RAFT_SIM_NODES];
    size_t count = members(w, list), damaged = 0, least = count;
    /* A minority of the members that anybody may know of: who is down may have missed the last change. */
    if (!w->plan->managed && has_newcomers(w))
        return false;
    for (uint32_t i = 0; i < w->plan->nodes; i++) {
        struct sim_node *x = &w->nodes[i];
        if (x->life == NODE_ABSENT)
            continue;
        damaged += x->damaged && x != n;
        uint32_t known = x->life == NODE_UP ? node_status(x).peers.count : x->fewest;
        if (known < least)
            least = known;
    }
    if (w->assigned_count < least)
        least = w->assigned_count;
    return w->booted && least > fewer && damaged + 1 <= (least - fewer - 1) / 2;
}

static void mark_damaged(struct sim_node *n)
{
    n->damaged = true;
    n->damage_seen = false;
}

/* ---- ends of actions ---- */

static void restart(void *ctx)
{
    struct sim_node *n = ctx;
    if (n->life != NODE_DOWN)
        return;
    sim_disk_heal(n->disk);
    sim_disk_limit(n->disk, 0, 0);
    node_start(n);
}

void nemesis_restart(struct sim_node *n, int64_t after)
{
    sched_after(n->w->s, after, restart, n);
}

static void resume(void *ctx)
{
    struct sim_node *n = ctx;
    TRACE(n->w, n, "resumes");
    node_resume(n);
}

static void mend(struct cut_links *l)
{
    for (uint32_t i = 0; i < RAFT_SIM_NODES; i++)
        l->w->cut[i] &= ~l->cut[i];
    memset(l->cut, 0, sizeof l->cut);
}

static void heal_links(void *ctx)
{
    struct cut_links *l = ctx, **at = &l->w->cuts;
    mend(l);
    TRACE(l->w, NULL, "links heal");
    if (l->w->lonely == l)
        l->w->lonely = NULL;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    free(l);
}

void nemesis_free(struct world *w)
{
    while (w->cuts != NULL) {
        struct cut_links *l = w->cuts;
        w->cuts = l->next;
        free(l);
    }
}

static void calm_network(void *ctx)
{
    struct world *w = ctx;
    if (w->calm)
        return;
    w->loss = w->plan->loss;
    w->dup = w->plan->dup;
    w->reorder = w->plan->reorder;
}

static void disk_is_fast(void *ctx)
{
    ((struct sim_node *)ctx)->slow_disk = false;
}

static void clock_is_right(void *ctx)
{
    node_set_rate(ctx, 1);
}

static void space_again(void *ctx)
{
    struct sim_node *n = ctx;
    TRACE(n->w, n, "has space again");
    sim_disk_limit(n->disk, 0, 0);
    if (n->life == NODE_DOWN)
        restart(n);
}

static void disk_works(void *ctx)
{
    sim_disk_heal(((struct sim_node *)ctx)->disk);
}

static void apply_again(void *ctx)
{
    struct sim_node *n = ctx;
    if (n->life != NODE_UP)
        return;
    TRACE(n->w, n, "upper layer goes on");
    raft_node_event(n->node, &(struct raft_event){.type = RAFT_EV_RESUME, .now = node_clock(n)}, NULL);
    node_stepped(n);
}

/* ---- actions ---- */

static struct cut_links *cut_new(struct world *w)
{
    struct cut_links *l = calloc(1, sizeof *l);
    if (l == NULL)
        abort();
    l->w = w;
    l->next = w->cuts;
    w->cuts = l;
    return l;
}

static void cut_until(struct cut_links *l, int64_t lasts)
{
    for (uint32_t i = 0; i < RAFT_SIM_NODES; i++)
        l->w->cut[i] |= l->cut[i];
    sched_after(l->w->s, lasts, heal_links, l);
}

/* Those of the mask and the others do not hear each other. */
static void cut_around(struct world *w, uint32_t mask, int64_t lasts)
{
    struct cut_links *l = cut_new(w);
    for (uint32_t i = 0; i < w->plan->nodes; i++) {
        for (uint32_t k = 0; k < w->plan->nodes; k++) {
            if ((mask >> i & 1) != (mask >> k & 1))
                l->cut[i] |= UINT64_C(1) << k;
        }
    }
    TRACE(w, NULL, "partition around %x for %.1f s", mask & 0xff, (double)lasts / 1e9);
    cut_until(l, lasts);
}

/* What those of the mask send, or what they are sent, is lost. */
static void cut_one_way(struct world *w, uint32_t mask, bool sending, int64_t lasts)
{
    struct cut_links *l = cut_new(w);
    for (uint32_t i = 0; i < w->plan->nodes; i++) {
        for (uint32_t k = 0; k < w->plan->nodes; k++) {
            bool from = mask >> i & 1, to = mask >> k & 1;
            if (from != to && from == sending)
                l->cut[i] |= UINT64_C(1) << k;
        }
    }
    TRACE(w, NULL, "what %x %s is lost for %.1f s", mask & 0xff, sending ? "sends" : "is sent",
          (double)lasts / 1e9);
    cut_until(l, lasts);
}

/* Two leaders in turn, after figure 8 of the paper: the newest is cut off from the others, and who was cut
 * off before it comes back with what only he has. */
static void alone(void *ctx)
{
    struct sim_node *n = ctx;
    struct world *w = n->w;
    if (w->calm)
        return;
    if (w->lonely != NULL)
        mend(w->lonely);
    cut_around(w, 1u << n->number, sched_between(w->s, 10 * RAFT_S, 30 * RAFT_S));
    w->lonely = w->cuts;
}

/* Either before anybody has heard of it, or when some of what earlier leaders left is settled. The clients
 * wait a while, so that it has nothing else to settle. */
void nemesis_elected(struct sim_node *n)
{
    struct world *w = n->w;
    if (w->duel == 0)
        return;
    w->duel--;
    int64_t wait = sched_chance(w->s, 0.5) ? 0 : sched_between(w->s, 0, 3 * RAFT_S);
    w->clients_wait_until = sched_now(w->s) + sched_between(w->s, 0, 4 * RAFT_S);
    sched_after(w->s, wait, alone, n);
}

static void cut_links(struct world *w, const struct raft_action *a)
{
    uint32_t mask = a->arg;
    struct sim_node *leader = world_leader(w);
    if (a->node % 4 == 0 && leader != NULL)
        mask = 1u << leader->number; /* the leader alone */
    if (a->fault == RAFT_FAULT_ONEWAY)
        cut_one_way(w, mask, a->arg >> 16 & 1, a->lasts);
    else
        cut_around(w, mask, a->lasts);
}

static void stop_and_restart(struct world *w, const struct raft_action *a, struct sim_node *n, bool power)
{
    if (n->life != NODE_UP)
        return;
    if (w->plan->memory) {
        if (!n->damaged && !may_damage(w, n, 0))
            return;
        mark_damaged(n);
    }
    if (power && a->arg % 5 == 0 && !w->plan->memory) {
        sim_disk_cut_at(n->disk, 1 + a->arg / 5 % 20); /* in the middle of something */
    } else if (power && a->arg % 5 < 3 && !w->plan->memory) {
        n->cut_after = 1 + (a->arg >> 8) % 4;
        n->cut_kind = a->arg >> 4 & 1 ? RAFT_TO_VOTE : RAFT_TO_REPLY;
        return;
    } else {
        node_stop(n, power);
    }
    sched_after(w->s, a->lasts, restart, n);
}

static void stop_many(struct world *w, const struct raft_action *a)
{
    if (w->plan->memory)
        return;
    TRACE(w, NULL, "power cut for many");
    for (uint32_t i = 0; i < w->plan->nodes; i++) {
        struct sim_node *n = &w->nodes[i];
        if (n->life == NODE_UP && a->arg >> i & 1) {
            node_stop(n, true);
            sched_after(w->s, a->lasts + (int64_t)i * 50 * RAFT_MS, restart, n);
        }
    }
}

/* Who was damaged comes back when it matters: the leader cannot be reached then. */
static void restart_without_leader(void *ctx)
{
    struct sim_node *n = ctx;
    struct sim_node *leader = world_leader(n->w);
    if (leader != NULL && leader != n && !n->w->calm)
        cut_around(n->w, 1u << leader->number, 10 * RAFT_S);
    restart(n);
}

static void flip(struct world *w, const struct raft_action *a, struct sim_node *n)
{
    static const char *const pattern[] = {"*.blk",   "*/snap.*", "*.idx",
                                          "*peers*", "*tav.idx", "*promise.idx"};
    if (n->life != NODE_UP || n->damaged || !may_damage(w, n, 0))
        return;
    mark_damaged(n);
    bool before = a->arg & 1;
    if (before)
        node_stop(n, a->arg >> 1 & 1);
    if (sim_disk_is_off(n->disk))
        sim_disk_start(n->disk);
    char path[DISK_PATH_MAX];
    uint64_t at;
    unsigned flips = 1 + (a->arg >> 8) % 3;
    const char *what = pattern[(a->arg >> 2) % (sizeof pattern / sizeof *pattern)];
    bool same_file = strcmp(what, "*.blk") == 0;
    for (unsigned i = 0; i < (same_file ? flips : 1); i++) {
        if (sim_disk_rot(n->disk, what, path, &at))
            TRACE(w, n, "bit flip in %s at %llu", path, (unsigned long long)at);
    }
    if (before)
        sched_after(w->s, a->lasts, a->arg >> 16 & 1 ? restart_without_leader : restart, n);
    else
        n->snapshot_wanted = false;
}

/* Damage that a running process has not met yet is met at its next start. */
static void restart_damaged(struct world *w, struct sim_node *n)
{
    if (n->life == NODE_UP && n->damaged && !n->damage_seen && sched_chance(w->s, 0.05)) {
        node_stop(n, false);
        sched_after(w->s, sched_between(w->s, 0, 2 * RAFT_S), restart, n);
    }
}

static void wipe(struct world *w, const struct raft_action *a, struct sim_node *n)
{
    if (n->life != NODE_UP || n->damaged || !may_damage(w, n, 0) || !node_is_member(w, n))
        return;
    mark_damaged(n);
    node_stop(n, false);
    TRACE(w, n, "is wiped");
    node_wipe(n);
    sched_after(w->s, a->lasts, restart, n);
}

static void fill_disk(struct world *w, const struct raft_action *a, struct sim_node *n)
{
    if (w->plan->memory)
        return; /* each restart loses the log there */
    TRACE(w, n, "disk is full");
    sim_disk_limit(n->disk, sim_disk_used(n->disk) + a->arg % 5000, 0);
    sched_after(w->s, a->lasts, space_again, n);
}

static void break_disk(struct world *w, const struct raft_action *a, struct sim_node *n)
{
    static const unsigned calls[] = {SIM_CHANGING_OPS, SIM_OP(SIM_SYNC) | SIM_OP(SIM_SYNC_DIR),
                                     SIM_OP(SIM_READ) | SIM_OP(SIM_LIST) | SIM_OP(SIM_STAT)};
    if (w->plan->memory)
        return;
    TRACE(w, n, "disk calls fail");
    sim_disk_fail(n->disk,
                  (struct sim_disk_rule){
                      .ops = calls[a->arg % 3], .after = a->arg / 3 % 10, .times = 1, .error = -EIO});
    sched_after(w->s, a->lasts, disk_works, n);
}

/* Whoever hears of a new server, by the route to it, expects it, too, as long as it has nothing of the
 * group's log. Else as many empty servers as it expected before would elect it beside a group that is there.
 */
static void expect(struct world *w, struct sim_node *newcomer)
{
    for (uint32_t i = 0; i < w->plan->nodes; i++) {
        struct sim_node *n = &w->nodes[i];
        if (n == newcomer || n->life != NODE_UP || node_status(n).role == RAFT_LEADER)
            continue;
        struct raft_event e = {
            .type = RAFT_EV_BOOT_SIZE, .now = node_clock(n), .index = node_servers(newcomer)};
        raft_node_event(n->node, &e, NULL);
        node_stepped(n);
    }
}

static void add_member(struct world *w)
{
    if (!w->plan->managed && has_damaged(w))
        return;
    for (uint32_t i = 0; i < w->plan->nodes; i++) {
        struct sim_node *n = &w->nodes[(w->spare_turn + i) % w->plan->nodes];
        if (n->life != NODE_ABSENT)
            continue;
        w->spare_turn = n->number + 1;
        TRACE(w, n, "joins");
        n->learner_start = w->plan->managed;
        n->newcomer = true;
        n->removed = false;
        n->damaged = false;
        node_wipe(n);
        node_start(n);
        if (!w->plan->managed)
            expect(w, n);
        return;
    }
}

/* False: this must not, or cannot, be asked for now. */
static bool remove_one(struct world *w, struct sim_node *n)
{
    struct sim_node *leader = world_leader(w), *list[RAFT_SIM_NODES];
    size_t count = members(w, list);
    if (leader == NULL)
        return false;
    /* The others must be a majority that is not damaged. */
    size_t damaged = 0;
    for (size_t i = 0; i < count; i++)
        damaged += list[i]->damaged && list[i] != n;
    if (count < 2 || damaged > (count - 2) / 2)
        return false;
    TRACE(w, n, "is to be removed");
    struct raft_event e = {.type = RAFT_EV_REMOVE_PEER, .now = node_clock(leader), .peer = n->id};
    raft_node_event(leader->node, &e, NULL);
    node_stepped(leader);
    return true;
}

/* One; or all but the leader at once: the second and later ones are refused, as the first is not settled. */
static void remove_members(struct world *w, const struct raft_action *a)
{
    struct sim_node *leader = world_leader(w), *list[RAFT_SIM_NODES];
    size_t count = members(w, list);
    bool many = a->arg >> 4 & 1;
    if (!many && count > 2)
        remove_one(w, list[a->node % count]);
    for (size_t i = 0; many && i < count && !w->over; i++) {
        struct sim_node *n = list[(a->node + i) % count];
        if (n != leader && !remove_one(w, n))
            return;
    }
}

static void step_down(struct world *w, const struct raft_action *a)
{
    struct sim_node *leader = world_leader(w);
    if (leader == NULL || leader->paused)
        return;
    TRACE(w, leader, "is asked to step down");
    struct raft_event e = {
        .type = RAFT_EV_STEP_DOWN, .now = node_clock(leader), .peer = w->nodes[a->node % w->plan->nodes].id};
    raft_node_event(leader->node, &e, NULL);
    node_stepped(leader);
}

static void hold_apply(struct world *w, const struct raft_action *a, struct sim_node *n)
{
    struct raft_event e = {.type = RAFT_EV_PAUSE, .now = node_clock(n)};
    if (n->life != NODE_UP || raft_node_event(n->node, &e, NULL) != RAFT_OK)
        return;
    TRACE(w, n, "upper layer pauses");
    node_stepped(n);
    sched_after(w->s, a->lasts, apply_again, n);
}

static void whim_ends(void *ctx)
{
    struct sim_node *n = ctx;
    if (n->life != NODE_UP)
        return;
    raft_node_event(n->node, &(struct raft_event){.type = RAFT_EV_OBSERVER, .now = node_clock(n)}, NULL);
    raft_node_event(n->node, &(struct raft_event){.type = RAFT_EV_RESOURCES, .now = node_clock(n)}, NULL);
    node_stepped(n);
}

static void whim(struct world *w, const struct raft_action *a, struct sim_node *n)
{
    static const enum raft_event_type types[] = {RAFT_EV_OBSERVER,  RAFT_EV_RESOURCES, RAFT_EV_RESUBSCRIBE,
                                                 RAFT_EV_HEARTBEAT, RAFT_EV_CAMPAIGN,  RAFT_EV_STOP};
    if (n->life != NODE_UP)
        return;
    struct raft_event e = {.type = types[a->arg % 6], .now = node_clock(n), .on = true};
    TRACE(w, n, "its upper layer has whim %u", a->arg % 6);
    raft_node_event(n->node, &e, NULL);
    node_stepped(n);
    sched_after(w->s, a->lasts, whim_ends, n);
}

/* A stopped machine that goes on, or one whose calendar was set. */
static void skew(struct world *w, const struct raft_action *a, struct sim_node *n)
{
    if (a->arg >> 8 & 1)
        node_jump(n, (int64_t)(a->arg >> 16) * RAFT_MS);
    if (a->arg >> 9 & 1)
        n->wall_off = (a->arg >> 10 & 1 ? 1 : -1) * (int64_t)(a->arg >> 12) * RAFT_S;
    node_set_rate(n, 0.5 + (a->arg % 150) / 100.0);
    TRACE(w, n, "clock runs at %.2f", n->rate);
    sched_after(w->s, a->lasts, clock_is_right, n);
}

static void act(void *ctx);

/* One after the other, so that a history does not depend on what would come after it. */
static void next_action(struct world *w)
{
    if (w->next_action < w->plan->action_count)
        sched_after(w->s, w->plan->actions[w->next_action].at - sched_now(w->s), act, w);
}

static void act(void *ctx)
{
    struct world *w = ctx;
    const struct raft_action *a = &w->plan->actions[w->next_action++];
    struct sim_node *n = victim(w, a);
    if (w->calm)
        return;
    next_action(w);
    w->result->faults++;
    switch (a->fault) {
    case RAFT_FAULT_DELAY:
        w->slow_until = sched_now(w->s) + a->lasts;
        break;
    case RAFT_FAULT_LOSS:
        w->loss = 0.3 * (a->arg % 100) / 100.0;
        sched_after(w->s, a->lasts, calm_network, w);
        break;
    case RAFT_FAULT_DUP:
        w->dup = 0.3;
        sched_after(w->s, a->lasts, calm_network, w);
        break;
    case RAFT_FAULT_REORDER:
        w->reorder = 0.5;
        sched_after(w->s, a->lasts, calm_network, w);
        break;
    case RAFT_FAULT_PARTITION:
    case RAFT_FAULT_ONEWAY:
        cut_links(w, a);
        break;
    case RAFT_FAULT_PAUSE:
        if (n->life == NODE_UP && !n->paused) {
            TRACE(w, n, "stops for %.1f s", (double)a->lasts / 1e9);
            n->paused = true;
            sched_after(w->s, a->lasts, resume, n);
        }
        break;
    case RAFT_FAULT_KILL:
        stop_and_restart(w, a, n, false);
        break;
    case RAFT_FAULT_POWER:
        if (a->arg % 4 == 0)
            stop_many(w, a);
        else
            stop_and_restart(w, a, n, true);
        break;
    case RAFT_FAULT_SKEW:
        skew(w, a, n);
        break;
    case RAFT_FAULT_SLOW_DISK:
        n->slow_disk = true;
        sched_after(w->s, a->lasts, disk_is_fast, n);
        break;
    case RAFT_FAULT_FLIP:
        flip(w, a, n);
        break;
    case RAFT_FAULT_FULL:
        fill_disk(w, a, n);
        break;
    case RAFT_FAULT_EIO:
        break_disk(w, a, n);
        break;
    case RAFT_FAULT_MEMBER:
        if (a->arg & 1)
            add_member(w);
        else
            remove_members(w, a);
        break;
    case RAFT_FAULT_STEPDOWN:
        step_down(w, a);
        break;
    case RAFT_FAULT_WIPE:
        wipe(w, a, n);
        break;
    case RAFT_FAULT_BEHIND:
        hold_apply(w, a, n);
        break;
    case RAFT_FAULT_DUEL:
        w->duel = 3 + a->arg % 8;
        break;
    case RAFT_FAULT_NONSENSE:
        strange_begin(w, a->lasts);
        break;
    case RAFT_FAULT_WHIM:
        whim(w, a, n);
        break;
    case RAFT_FAULT_COUNT:
        break;
    }
}

/* ---- the operator ---- */

static void look_at_damage(struct world *w, struct sim_node *n)
{
    if (n->damage_seen && n->damaged && n->heal_index == 0)
        n->heal_index = w->committed + 1;
    struct raft_status s = node_status(n);
    if (n->damaged && n->damage_seen && !s.forgot && s.commit + 1 >= n->heal_index &&
        s.durable_index + 1 >= n->heal_index) {
        n->damaged = false;
        n->heal_index = 0;
        TRACE(w, n, "is healed");
    }
}

/* What a stream's assignment would say. */
static void look_at_membership(struct world *w, struct sim_node *leader, struct sim_node *n)
{
    bool member = node_is_member(w, n);
    if (member)
        n->newcomer = false;
    if (member && n->learner_start && leader->machine.index >= node_status(leader).commit) {
        n->learner_start = false;
        if (n->life == NODE_UP)
            raft_node_event(n->node, &(struct raft_event){.type = RAFT_EV_LEARNER, .now = node_clock(n)},
                            NULL);
    }
    if (n->life == NODE_UP && !member && (n->removed || (!n->learner_start && w->plan->managed))) {
        struct raft_status s = node_status(leader);
        n->strange += s.commit == s.pindex; /* an unsettled change may need it */
        if (!n->removed && n->strange < 20)
            return;
        TRACE(w, n, "is deleted");
        node_stop(n, false);
        node_wipe(n);
        n->life = NODE_ABSENT;
        n->damaged = n->newcomer = n->removed = false;
    }
    n->strange = 0;
    if (n->life != NODE_UP || !n->learner_start || member)
        return;
    struct raft_peer_status p;
    for (size_t i = 0; raft_peer_at(raft_node_raft(leader->node), i, &p); i++) {
        if (p.id == n->id && p.caught_up) {
            struct raft_event e = {.type = RAFT_EV_ADD_PEER, .now = node_clock(leader), .peer = n->id};
            if (raft_node_event(leader->node, &e, NULL) == RAFT_OK)
                TRACE(w, n, "is to be added");
            node_stepped(leader);
            return;
        }
    }
}

/* Before that a group that boots from nothing does not survive the loss of a disk, whatever its size. */
static bool all_know_each_other(struct world *w)
{
    for (uint32_t i = 0; i < w->plan->members; i++) {
        if (w->nodes[i].life != NODE_UP || node_status(&w->nodes[i]).peers.count < w->plan->members ||
            (!w->plan->managed && node_status(&w->nodes[i]).commit < w->plan->members))
            return false;
    }
    return true;
}

static void look(void *ctx)
{
    struct world *w = ctx;
    sched_after(w->s, LOOK_EVERY, look, w);
    struct sim_node *leader = world_leader(w);
    if (leader != NULL) {
        struct raft_peers peers = node_status(leader).peers;
        w->assigned_count = peers.count;
        memcpy(w->assigned, peers.ids, peers.count * sizeof *peers.ids);
    }
    if (!w->booted && all_know_each_other(w)) {
        w->booted = true;
        for (uint32_t i = 0; i < w->plan->members; i++)
            w->nodes[i].fewest = w->plan->members;
    }
    for (uint32_t i = 0; i < w->plan->nodes && !w->over; i++) {
        struct sim_node *n = &w->nodes[i];
        if (n->life == NODE_UP && sim_disk_is_off(n->disk))
            node_stop(n, true); /* the power was cut in the middle of a call */
        if (n->life == NODE_DOWN && sched_chance(w->s, 0.05))
            restart(n);
        if (n->life == NODE_UP)
            look_at_damage(w, n);
        restart_damaged(w, n);
        if (leader != NULL && leader->life == NODE_UP && !leader->paused && n->life != NODE_ABSENT &&
            leader->seen_role == RAFT_LEADER)
            look_at_membership(w, leader, n);
    }
}

void nemesis_begin(struct world *w)
{
    next_action(w);
    sched_after(w->s, LOOK_EVERY, look, w);
}

void nemesis_calm(struct world *w)
{
    w->loss = w->dup = w->reorder = 0;
    w->duel = 0;
    w->slow_until = w->nonsense_until = 0;
    memset(w->cut, 0, sizeof w->cut);
    for (uint32_t i = 0; i < w->plan->nodes; i++) {
        struct sim_node *n = &w->nodes[i];
        n->slow_disk = false;
        n->cut_after = 0;
        node_set_rate(n, 1);
        sim_disk_heal(n->disk);
        sim_disk_limit(n->disk, 0, 0);
        sim_disk_cut_at(n->disk, 0);
        if (n->life == NODE_UP && n->paused)
            node_resume(n);
        if (n->life == NODE_UP && n->damaged && !n->damage_seen)
            node_stop(n, false);
        if (n->life == NODE_UP)
            apply_again(n);
        whim_ends(n);
        if (n->life == NODE_DOWN)
            restart(n);
    }
}
