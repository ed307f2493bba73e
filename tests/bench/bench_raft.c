/* bench_raft.c: what three raft-node processes on this machine do: proposals a second and their latency with
 * 1, 64 and 1,024 in flight; and what many idle groups cost, alone and beside a busy one.
 *
 *     bench_raft [SECONDS [GROUPS]]      (5, 2000)
 *
 * Every proposal is of 128 bytes and acknowledged when it is on the disks of a majority and applied at the
 * leader. Files lie in TMPDIR (/tmp); those of the many groups in memory, since their making is not what is
 * measured. RAFT_NODE names the program. */
#include "raft_process/clients.h"

#include <errno.h>
#include <ftw.h>
#include <unistd.h>

#define MS  INT64_C(1000000)
#define SEC (1000 * MS)

static char folder[400];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

struct run {
    struct cluster *c;
    struct clients *k;
};

static void turn(struct run *r, int64_t until)
{
    while (now_ns() < until) {
        int64_t next = clients_turn(r->k);
        cluster_poll(r->c, next < until ? next : until);
    }
}

static struct run begin(const char *where, unsigned groups, unsigned window)
{
    struct clients_options ko = {
        .sessions = 1, .window = window, .groups = 1, .bytes = 128, .patience = 30 * SEC};
    struct run r = {.k = clients_new(&ko)};
    snprintf(folder, sizeof folder, "%.300s/bench-raft-XXXXXX", where);
    if (mkdtemp(folder) == NULL) {
        perror(folder);
        exit(2);
    }
    struct cluster_options o = {.program = getenv("RAFT_NODE") != NULL ? getenv("RAFT_NODE")
                                                                       : "build/release/raft-node",
                                .dir = folder,
                                .groups = groups,
                                .hurry = 1,
                                .snapshot_every = 100000,
                                .answer = clients_answer,
                                .lost = clients_lost,
                                .ctx = r.k};
    r.c = cluster_open(&o);
    clients_use(r.k, r.c);
    for (unsigned i = 0; i < CLUSTER_NODES; i++)
        cluster_start(r.c, i);
    return r;
}

static void end(struct run *r)
{
    clients_stop(r->k);
    while (!clients_idle(r->k))
        turn(r, now_ns() + 10 * MS);
    cluster_close(r->c);
    clients_free(r->k);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void in_flight(unsigned window, int64_t time)
{
    const char *tmp = getenv("TMPDIR");
    struct run r = begin(tmp == NULL ? "/tmp" : tmp, 1, window);
    while (clients_counted(r.k).acked == 0)
        turn(&r, now_ns() + 10 * MS);
    uint64_t before = clients_counted(r.k).acked;
    int64_t from = now_ns();
    turn(&r, from + time);
    int64_t took = now_ns() - from;
    uint64_t acked = clients_counted(r.k).acked;
    const int64_t *latency = clients_latencies(r.k);
    printf("%5u in flight: %8.0f proposals/s, latency p50 %6.0f us, p99 %6.0f us, max %6.0f us\n", window,
           (double)(acked - before) * 1e9 / (double)took, (double)latency[acked / 2] / 1e3,
           (double)latency[acked * 99 / 100] / 1e3, (double)latency[acked - 1] / 1e3);
    fflush(stdout);
    end(&r);
}

/* Seconds of processor that a node has used. */
static double cpu(struct run *r, unsigned node)
{
    char path[64];
    unsigned long user = 0, kernel = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)cluster_pid(r->c, node));
    FILE *f = fopen(path, "r");
    if (f == NULL ||
        fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) != 2)
        fprintf(stderr, "bench_raft: %s: %s\n", path, strerror(errno));
    if (f != NULL)
        fclose(f);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

/* Let time pass, with or without load; print what share of one processor each node used. */
static void spend(struct run *r, int64_t time, bool loaded)
{
    double used[CLUSTER_NODES];
    int64_t from = now_ns();
    for (unsigned i = 0; i < CLUSTER_NODES; i++)
        used[i] = cpu(r, i);
    if (loaded)
        turn(r, from + time);
    else
        cluster_run(r->c, from + time);
    double took = (double)(now_ns() - from) / 1e9;
    if (loaded)
        printf("%.0f proposals/s, ", (double)clients_counted(r->k).acked / took);
    printf("of one processor a node:");
    for (unsigned i = 0; i < CLUSTER_NODES; i++)
        printf(" %.1f %%", (cpu(r, i) - used[i]) * 100 / took);
    printf("\n");
}

/* Groups with one leader that all know; `changes` adds up what the nodes have noticed of leaders. */
static unsigned led(struct run *r, unsigned groups, uint64_t *changes)
{
    unsigned n = 0;
    *changes = 0;
    for (unsigned g = 0; g < groups; g++) {
        struct status_answer s[CLUSTER_NODES];
        unsigned leaders = 0, same = 0;
        for (unsigned i = 0; i < CLUSTER_NODES; i++) {
            if (!cluster_status(r->c, i, g, 30 * SEC, &s[i]))
                return n;
            leaders += s[i].leading != 0;
            same += s[i].leader != 0 && s[i].leader == s[0].leader;
            *changes += s[i].changes;
        }
        n += leaders == 1 && same == CLUSTER_NODES;
    }
    return n;
}

static void idle_groups(unsigned groups, int64_t time)
{
    struct run r = begin("/dev/shm", groups, 64);
    uint64_t before = 0, after = 0;
    int64_t from = now_ns();
    while (led(&r, groups, &before) < groups) {
        if (now_ns() - from > 300 * SEC) {
            printf("%u groups: not all are led after 300 s\n", groups);
            exit(1);
        }
    }
    printf("%5u groups: all led %.1f s after the start\n", groups, (double)(now_ns() - from) / 1e9);
    printf("%5u groups idle: ", groups);
    spend(&r, time, false);
    printf("%5u groups, one of them with 64 in flight: ", groups);
    spend(&r, time, true);
    unsigned still = led(&r, groups, &after);
    printf("%5u groups: %u led afterwards, %llu changes of leadership noticed meanwhile\n", groups, still,
           (unsigned long long)(after - before));
    end(&r);
}

int main(int argc, char **argv)
{
    int64_t time = (argc > 1 ? strtol(argv[1], NULL, 10) : 5) * SEC;
    unsigned groups = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 2000;
    static const unsigned windows[] = {1, 64, 1024};
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++)
        in_flight(windows[i], time);
    idle_groups(groups, time);
    return 0;
}
