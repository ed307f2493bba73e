/* raft-sim: break a raft cluster, seed by seed.
 *
 * Ends with one summary line on stdout and exit status 0 when nothing was violated, 1 otherwise, 2 on wrong
 * usage. A failing seed is run again and its timeline printed, then its plan is shortened. */
#include "raft/bug.h"
#include "raft/raft.h"
#include "sim/raft_sim.h"

#include <stdlib.h>
#include <string.h>

#ifdef RAFT_WITH_BUGS
int raft_bug;
#endif

struct arguments {
    uint64_t from, to;
    struct raft_sim_options o;
    bool trace, shrink, keep_going;
    int bug;
};

static void usage(void)
{
    fputs("usage: raft-sim [--seed N | --seeds A..B] [--nodes N] [--steps N] [--until SECONDS]\n"
          "                [--faults all|none|NAME,NAME..] [--trace] [--no-shrink] [--keep-going] [--bug N]\n"
          "faults:",
          stderr);
    for (int i = 0; i < RAFT_FAULT_COUNT; i++)
        fprintf(stderr, " %s", raft_fault_name[i]);
    fputc('\n', stderr);
}

static bool parse_faults(const char *list, unsigned *mask)
{
    *mask = 0;
    if (strcmp(list, "all") == 0)
        *mask = RAFT_FAULT_ALL;
    if (strcmp(list, "all") == 0 || strcmp(list, "none") == 0)
        return true;
    for (const char *p = list; *p != '\0';) {
        size_t n = strcspn(p, ",");
        int f = 0;
        while (f < RAFT_FAULT_COUNT &&
               (strlen(raft_fault_name[f]) != n || strncmp(raft_fault_name[f], p, n) != 0))
            f++;
        if (f == RAFT_FAULT_COUNT)
            return false;
        *mask |= 1u << f;
        p += n + (p[n] == ',');
    }
    return true;
}

static bool parse_number(const char *s, uint64_t *out)
{
    char *end;
    *out = strtoull(s, &end, 10);
    return end != s && *end == '\0' && s[0] != '-';
}

static bool parse_seeds(const char *s, struct arguments *a)
{
    char *end;
    a->from = strtoull(s, &end, 10);
    return end != s && strncmp(end, "..", 2) == 0 && parse_number(end + 2, &a->to) && a->from <= a->to;
}

static bool parse_value(const char *name, const char *value, struct arguments *a)
{
    uint64_t n = 0;
    if (strcmp(name, "--seeds") == 0)
        return parse_seeds(value, a);
    if (strcmp(name, "--faults") == 0)
        return parse_faults(value, &a->o.faults);
    if (!parse_number(value, &n))
        return false;
    if (strcmp(name, "--seed") == 0)
        a->from = a->to = n;
    else if (strcmp(name, "--nodes") == 0 && n >= 1 && n <= RAFT_SIM_NODES)
        a->o.nodes = (uint32_t)n;
    else if (strcmp(name, "--steps") == 0)
        a->o.max_steps = n;
    else if (strcmp(name, "--until") == 0 && n < 1000000)
        a->o.until = (int64_t)n * RAFT_S;
    else if (strcmp(name, "--bug") == 0 && n < RAFT_BUG_COUNT)
        a->bug = (int)n;
    else
        return false;
    return true;
}

static bool parse(int argc, char **argv, struct arguments *a)
{
    *a = (struct arguments){.from = 1, .to = 1, .shrink = true, .o = {.faults = RAFT_FAULT_ALL}};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0)
            a->trace = true;
        else if (strcmp(argv[i], "--no-shrink") == 0)
            a->shrink = false;
        else if (strcmp(argv[i], "--keep-going") == 0)
            a->keep_going = true;
        else if (i + 1 == argc || !parse_value(argv[i], argv[i + 1], a))
            return false;
        else
            i++;
    }
    return true;
}

/* The last lines of a failing run, and the plan that is left of it. */
static void explain(struct raft_plan *p, const struct arguments *a, const struct raft_result *failed)
{
    struct raft_result r;
    unsigned runs = 0;
    printf("seed %llu: %s (at %.3f s)\n", (unsigned long long)p->seed, failed->violation,
           (double)failed->failed_at / 1e9);
    while (p->action_count > 0 && p->actions[p->action_count - 1].at > failed->failed_at)
        p->action_count--;
    if (a->shrink)
        runs = raft_plan_shrink(p, failed->violation, 300);
    if (runs > 0)
        printf("shortened in %u runs\n", runs);
    raft_plan_print(p, stdout);
    raft_plan_run(p, &r, stdout);
}

int main(int argc, char **argv)
{
    struct arguments a;
    struct raft_result sum = {0};
    unsigned violations = 0;
    if (!parse(argc, argv, &a)) {
        usage();
        return 2;
    }
#ifdef RAFT_WITH_BUGS
    raft_bug = a.bug;
#else
    if (a.bug != 0) {
        fputs("raft-sim: this build has no bugs; use raft-sim-bugs\n", stderr);
        return 2;
    }
#endif
    uint64_t seeds = 0;
    for (uint64_t seed = a.from; seed <= a.to; seed++) {
        struct raft_plan p;
        struct raft_result r;
        raft_plan_make(&p, seed, &a.o);
        raft_plan_run(&p, &r, a.trace ? stdout : NULL);
        seeds++;
        sum.steps += r.steps;
        sum.elections += r.elections;
        sum.committed += r.committed;
        violations += r.failed;
        if (r.failed && a.keep_going)
            printf("seed %llu: %s (at %.3f s)\n", (unsigned long long)seed, r.violation,
                   (double)r.failed_at / 1e9);
        else if (r.failed && !a.trace)
            explain(&p, &a, &r);
        raft_plan_free(&p);
        if (r.failed && !a.keep_going)
            break;
    }
    printf("seeds=%llu steps=%llu elections=%llu committed=%llu violations=%u\n", (unsigned long long)seeds,
           (unsigned long long)sum.steps, (unsigned long long)sum.elections,
           (unsigned long long)sum.committed, violations);
    return violations > 0;
}
