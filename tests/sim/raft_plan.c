/* From a seed to a plan, and from a failing plan to a shorter one. Swarm testing: each seed leaves out some
 * kinds of faults altogether and has much of others, so that one kind cannot hide another. */
#include "sim/raft_sim.h"

#include "raft/raft.h"
#include "sim/sched.h"

#include <stdlib.h>
#include <string.h>

static double draw(struct sched *s, double lo, double hi)
{
    return lo + (hi - lo) * (double)sched_below(s, 1000001) / 1e6;
}

static void draw_size(struct raft_plan *p, struct sched *s, const struct raft_sim_options *o)
{
    static const uint32_t sizes[] = {3, 3, 3, 5, 5, 4, 2, 1};
    p->members = o->nodes > 0 ? o->nodes : sizes[sched_below(s, sizeof sizes / sizeof *sizes)];
    p->nodes = p->members;
    if (o->faults >> RAFT_FAULT_MEMBER & 1)
        p->nodes += (uint32_t)sched_below(s, 3);
    if (p->nodes > RAFT_SIM_NODES)
        p->nodes = RAFT_SIM_NODES;
    p->managed = sched_below(s, 4) != 0 || p->members == 1;
    p->memory = sched_below(s, 12) == 0;
}

static void draw_load(struct raft_plan *p, struct sched *s, unsigned faults)
{
    bool bad_network = sched_chance(s, 0.5);
    p->latency_min = sched_between(s, 50000, 2 * RAFT_MS);
    p->latency_max = p->latency_min + sched_between(s, 0, sched_chance(s, 0.2) ? RAFT_S : 20 * RAFT_MS);
    p->loss = bad_network && faults >> RAFT_FAULT_LOSS & 1 ? draw(s, 0, 0.05) : 0;
    p->dup = bad_network && faults >> RAFT_FAULT_DUP & 1 ? draw(s, 0, 0.05) : 0;
    p->reorder = bad_network && faults >> RAFT_FAULT_REORDER & 1 ? draw(s, 0, 0.02) : 0;
    p->rate = draw(s, 0.5, sched_chance(s, 0.2) ? 100 : 20);
    p->batch = 1 + (uint32_t)sched_below(s, 8);
    p->size = 1 + (uint32_t)sched_below(s, 240);
    p->huge_one_in = sched_below(s, 8) == 0 ? 20 : 0;
    p->snapshot_every = (uint32_t)sched_between(s, 3, sched_chance(s, 0.5) ? 30 : 400);
    p->sync_min = sched_between(s, 10000, RAFT_MS);
    p->sync_max = p->sync_min + sched_between(s, 0, sched_chance(s, 0.3) ? 200 * RAFT_MS : 2 * RAFT_MS);
    p->apply_delay = sched_between(s, 0, sched_chance(s, 0.2) ? RAFT_S : 5 * RAFT_MS);
}

static int64_t draw_length(struct sched *s, enum raft_fault fault)
{
    switch (fault) {
    case RAFT_FAULT_KILL:
    case RAFT_FAULT_POWER:
    case RAFT_FAULT_FLIP:
    case RAFT_FAULT_WIPE:
        return sched_between(s, 50 * RAFT_MS, sched_chance(s, 0.7) ? 3 * RAFT_S : 25 * RAFT_S);
    default:
        return sched_between(s, 50 * RAFT_MS, sched_chance(s, 0.7) ? 8 * RAFT_S : 30 * RAFT_S);
    }
}

static int by_time(const void *a, const void *b)
{
    const struct raft_action *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static void draw_actions(struct raft_plan *p, struct sched *s, unsigned faults)
{
    size_t cap = 256;
    p->actions = calloc(cap, sizeof *p->actions);
    if (p->actions == NULL)
        abort();
    double seconds = (double)p->until / 1e9;
    for (int f = 0; f < RAFT_FAULT_COUNT; f++) {
        if (!(faults >> f & 1) || sched_chance(s, 0.45))
            continue;
        /* From one in the whole run to one each three seconds. */
        double often = sched_chance(s, 0.3) ? draw(s, 3, 10) : draw(s, 10, 60);
        for (double at = draw(s, 0, often); at < seconds && p->action_count < cap;
             at += draw(s, 0, 2 * often))
            p->actions[p->action_count++] = (struct raft_action){.at = (int64_t)(at * 1e9),
                                                                 .fault = (enum raft_fault)f,
                                                                 .node = (uint32_t)sched_below(s, 1000),
                                                                 .arg = (uint32_t)sched_below(s, 1u << 31),
                                                                 .lasts = draw_length(s, (enum raft_fault)f)};
    }
    if (p->action_count > 1)
        qsort(p->actions, p->action_count, sizeof *p->actions, by_time);
}

void raft_plan_make(struct raft_plan *p, uint64_t seed, const struct raft_sim_options *o)
{
    struct sched *s = sched_new(seed);
    *p = (struct raft_plan){.seed = seed, .max_steps = o->max_steps};
    draw_size(p, s, o);
    draw_load(p, s, o->faults);
    p->until = o->until > 0 ? o->until : sched_between(s, 40 * RAFT_S, 120 * RAFT_S);
    draw_actions(p, s, o->faults);
    sched_free(s);
}

void raft_plan_free(struct raft_plan *p)
{
    free(p->actions);
    p->actions = NULL;
}

/* In the same way, that is: the first words say what was violated. */
static bool still_fails(struct raft_plan *p, const char *how, const struct raft_action *actions, size_t count)
{
    struct raft_result r;
    size_t words = strcspn(how, ":");
    struct raft_plan q = *p;
    q.actions = (struct raft_action *)(uintptr_t)actions;
    q.action_count = count;
    raft_plan_run(&q, &r, NULL);
    return r.failed && strncmp(r.violation, how, words) == 0;
}

/* Leave out ever smaller pieces. */
unsigned raft_plan_shrink(struct raft_plan *p, const char *violation, unsigned runs)
{
    unsigned done = 0;
    struct raft_action *kept = calloc(p->action_count + 1, sizeof *kept);
    if (kept == NULL)
        abort();
    for (size_t piece = (p->action_count + 1) / 2; piece > 0 && done < runs;) {
        bool shorter = false;
        for (size_t at = 0; at < p->action_count && done < runs;) {
            size_t n = piece < p->action_count - at ? piece : p->action_count - at;
            memcpy(kept, p->actions, at * sizeof *kept);
            memcpy(kept + at, p->actions + at + n, (p->action_count - at - n) * sizeof *kept);
            done++;
            if (still_fails(p, violation, kept, p->action_count - n)) {
                memcpy(p->actions, kept, (p->action_count - n) * sizeof *kept);
                p->action_count -= n;
                shorter = true;
            } else {
                at += n;
            }
        }
        if (!shorter || piece > 1)
            piece /= 2;
    }
    free(kept);
    return done;
}

void raft_plan_print(const struct raft_plan *p, FILE *out)
{
    fprintf(out, "plan of seed %llu: %u members and %u spare nodes, %s%s, %.1f requests a second\n",
            (unsigned long long)p->seed, p->members, p->nodes - p->members,
            p->managed ? "managed" : "boots from nothing", p->memory ? ", log in memory" : "", p->rate);
    for (size_t i = 0; i < p->action_count; i++) {
        const struct raft_action *a = &p->actions[i];
        fprintf(out, "%10.4f %-9s node %u arg %x for %.2f s\n", (double)a->at / 1e9,
                raft_fault_name[a->fault], a->node, a->arg, (double)a->lasts / 1e9);
    }
}
