/* Three real processes agree while everything around them fails.
 *
 * RAFT_PROCESS_SECONDS (12) is how long the faults last, RAFT_PROCESS_SEED what they are drawn from,
 * RAFT_NODE the program. The nodes' clocks hurry (RAFT_PROCESS_HURRY, ten seconds of theirs in one), so that
 * elections are quick; on a machine that lets them wait for longer than an election takes nobody gets
 * elected, and a smaller number helps. With RAFT_PROCESS_KEEP the folder stays. soak.sh runs it for long. */
#include "clients.h"
#include "unit.h"

#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <unistd.h>

#define MS  INT64_C(1000000)
#define SEC (1000 * MS)

#define PATIENCE (180 * SEC) /* until they must agree: the machine may be busy */
#define PROGRESS (30 * SEC)  /* between lines about a long run */

static char folder[400];
static uint64_t seed = 1;

static uint64_t chance(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (seed >> 11) % n;
}

static int64_t between(int64_t least, int64_t most)
{
    return least + (int64_t)chance((uint64_t)(most - least));
}

static long number_from(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtol(text, NULL, 10);
}

/* ---- a cluster with clients ---- */

struct bench {
    struct cluster *c;
    struct clients *k;
};

static struct bench bench_new(struct cluster_options o, const struct clients_options *ko)
{
    struct bench b = {.k = clients_new(ko)};
    snprintf(folder, sizeof folder, "/tmp/raft-process-XXXXXX");
    CU_ASSERT_FATAL(mkdtemp(folder) != NULL);
    o.program = getenv("RAFT_NODE") != NULL ? getenv("RAFT_NODE") : "build/release/raft-node";
    o.dir = folder;
    o.answer = clients_answer;
    o.lost = clients_lost;
    o.ctx = b.k;
    b.c = cluster_open(&o);
    clients_use(b.k, b.c);
    for (unsigned i = 0; i < CLUSTER_NODES; i++)
        cluster_start(b.c, i);
    return b;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void bench_free(struct bench *b)
{
    cluster_close(b->c);
    clients_free(b->k);
    if (getenv("RAFT_PROCESS_KEEP") == NULL)
        nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    else
        printf("kept %s\n", folder);
}

static void run(struct bench *b, int64_t until)
{
    while (now_ns() < until) {
        int64_t next = clients_turn(b->k);
        cluster_poll(b->c, next < until ? next : until);
    }
}

/* All nodes have applied the same of a group, and one of them leads. */
static bool agreed(struct bench *b, unsigned group, struct status_answer s[CLUSTER_NODES])
{
    unsigned leaders = 0;
    for (unsigned i = 0; i < CLUSTER_NODES; i++) {
        if (!cluster_status(b->c, i, group, 2 * SEC, &s[i]))
            return false;
        leaders += s[i].leading != 0;
    }
    for (unsigned i = 0; i < CLUSTER_NODES; i++) {
        if (s[i].term != s[0].term || s[i].pindex != s[0].pindex || s[i].commit != s[i].pindex ||
            s[i].applied != s[i].commit || s[i].hash != s[0].hash || s[i].forgot)
            return false;
    }
    return leaders == 1;
}

static bool agree_within(struct bench *b, unsigned group, int64_t wait, struct status_answer s[CLUSTER_NODES])
{
    int64_t until = now_ns() + wait;
    while (!agreed(b, group, s)) {
        if (now_ns() > until)
            return false;
        run(b, now_ns() + 50 * MS);
    }
    return true;
}

static void show(struct bench *b, unsigned group)
{
    struct status_answer s;
    for (unsigned i = 0; i < CLUSTER_NODES; i++) {
        if (!cluster_status(b->c, i, group, SEC, &s))
            printf("node %u does not answer\n", i);
        else
            printf("node %u: term %llu leading %llu commit %llu end %llu applied %llu hash %llx%s\n", i,
                   (unsigned long long)s.term, (unsigned long long)s.leading, (unsigned long long)s.commit,
                   (unsigned long long)s.pindex, (unsigned long long)s.applied, (unsigned long long)s.hash,
                   s.forgot ? " forgot" : "");
    }
}

/* ---- what goes wrong ---- */

struct faults {
    unsigned kills, pauses, cuts, holds, blackouts;
    int64_t back[CLUSTER_NODES];                /* when a killed node starts again; 0: it runs */
    int64_t resume[CLUSTER_NODES];              /* when a stopped one goes on */
    int64_t heal[CLUSTER_NODES][CLUSTER_NODES]; /* of a hold (any), and of a cut (first < second) */
    bool held[CLUSTER_NODES][CLUSTER_NODES], severed[CLUSTER_NODES][CLUSTER_NODES];
};

static void kill_node(struct bench *b, struct faults *f, unsigned n)
{
    if (f->back[n] != 0)
        return;
    cluster_kill(b->c, n);
    f->resume[n] = 0;
    f->back[n] = now_ns() + between(50 * MS, 1500 * MS);
    f->kills++;
}

static void pause_node(struct bench *b, struct faults *f, unsigned n)
{
    if (f->back[n] != 0 || f->resume[n] != 0)
        return;
    cluster_signal(b->c, n, SIGSTOP);
    f->resume[n] = now_ns() + between(50 * MS, 1500 * MS);
    f->pauses++;
}

static void part(struct bench *b, struct faults *f, unsigned from, unsigned to, bool cut)
{
    unsigned x = cut && from > to ? to : from, y = cut && from > to ? from : to;
    if (f->heal[x][y] != 0 || x == y)
        return;
    if (cut)
        cluster_cut(b->c, x, y, true);
    else
        cluster_hold(b->c, x, y, true);
    f->severed[x][y] = cut;
    f->held[x][y] = !cut;
    f->heal[x][y] = now_ns() + between(100 * MS, 2500 * MS);
    f->cuts += cut;
    f->holds += !cut;
}

static void repair(struct bench *b, struct faults *f, int64_t now)
{
    for (unsigned i = 0; i < CLUSTER_NODES; i++) {
        if (f->back[i] != 0 && f->back[i] <= now) {
            cluster_start(b->c, i);
            f->back[i] = 0;
        }
        if (f->resume[i] != 0 && f->resume[i] <= now) {
            cluster_signal(b->c, i, SIGCONT);
            f->resume[i] = 0;
        }
        for (unsigned j = 0; j < CLUSTER_NODES; j++) {
            if (f->heal[i][j] == 0 || f->heal[i][j] > now)
                continue;
            if (f->severed[i][j])
                cluster_cut(b->c, i, j, false);
            if (f->held[i][j])
                cluster_hold(b->c, i, j, false);
            f->severed[i][j] = f->held[i][j] = false;
            f->heal[i][j] = 0;
        }
    }
}

static void something_fails(struct bench *b, struct faults *f)
{
    unsigned n = chance(2) == 0 ? clients_leader(b->k) : (unsigned)chance(CLUSTER_NODES);
    unsigned other = (n + 1 + (unsigned)chance(2)) % CLUSTER_NODES;
    switch (chance(10)) {
    case 0:
    case 1:
        kill_node(b, f, n);
        break;
    case 2:
    case 3:
        pause_node(b, f, n);
        break;
    case 4:
        part(b, f, n, other, true);
        break;
    case 5:
        part(b, f, n, other, false);
        break;
    case 6: /* nobody hears it */
        for (unsigned i = 0; i < CLUSTER_NODES; i++)
            part(b, f, n, i, false);
        break;
    case 7: /* it hears nobody */
        for (unsigned i = 0; i < CLUSTER_NODES; i++)
            part(b, f, i, n, false);
        break;
    case 8: /* alone */
        for (unsigned i = 0; i < CLUSTER_NODES; i++)
            part(b, f, n, i, true);
        break;
    case 9:
        f->blackouts++;
        for (unsigned i = 0; i < CLUSTER_NODES; i++)
            kill_node(b, f, i);
        break;
    }
}

static void print_counts(struct bench *b, const struct faults *f)
{
    struct clients_count n = clients_counted(b->k);
    printf(
        "%u kills, %u blackouts, %u pauses, %u cuts, %u holds; %llu sent, %llu acknowledged, %llu refused, "
        "%llu unknown\n",
        f->kills, f->blackouts, f->pauses, f->cuts, f->holds, (unsigned long long)n.sent,
        (unsigned long long)n.acked, (unsigned long long)n.refused, (unsigned long long)n.unknown);
    fflush(stdout);
}

static bool all_run(struct bench *b, const struct faults *f)
{
    for (unsigned i = 0; i < CLUSTER_NODES; i++) {
        if (f->back[i] == 0 && !cluster_alive(b->c, i)) {
            printf("node %u has ended by itself:\n%s\n", i, cluster_log(b->c, i));
            return false;
        }
    }
    return true;
}

/* Until the end, or until a node ends by itself. */
static bool fail_until(struct bench *b, struct faults *f, int64_t end)
{
    int64_t next = now_ns() + 500 * MS, began = now_ns(), said = began;
    bool good = true;
    while (now_ns() < end && good) {
        run(b, now_ns() + 20 * MS);
        repair(b, f, now_ns());
        if (now_ns() >= next) {
            something_fails(b, f);
            next = now_ns() + between(100 * MS, 1500 * MS);
        }
        if (now_ns() - said > PROGRESS) {
            said = now_ns();
            printf("\n  %5lld s: ", (long long)((said - began) / SEC));
            print_counts(b, f);
        }
        good = all_run(b, f);
    }
    repair(b, f, INT64_MAX);
    return good;
}

/* covers: RF-154 */
static void nothing_acknowledged_is_lost(void)
{
    seed = (uint64_t)number_from("RAFT_PROCESS_SEED", getpid()) * 2654435761u + 1;
    struct cluster_options o = {.groups = 2,
                                .hurry = (unsigned)number_from("RAFT_PROCESS_HURRY", 10),
                                .snapshot_every = 2000,
                                .proxied = true};
    struct clients_options ko = {
        .sessions = 8, .window = 4, .groups = 2, .bytes = 200, .patience = 2 * SEC, .pause = 20 * MS};
    struct bench b = bench_new(o, &ko);
    struct faults f = {0};
    struct status_answer s[CLUSTER_NODES];
    CU_ASSERT_FATAL(agree_within(&b, 0, PATIENCE, s));
    CU_ASSERT(fail_until(&b, &f, now_ns() + number_from("RAFT_PROCESS_SECONDS", 12) * SEC));
    clients_stop(b.k);
    for (unsigned g = 0; g < 2; g++) {
        bool same = agree_within(&b, g, PATIENCE, s);
        CU_ASSERT(same);
        if (!same)
            show(&b, g);
    }
    const char *bad = clients_judge(b.k, b.c);
    printf("\n  %s: ", bad == NULL ? "nothing acknowledged is lost, all nodes hold the same" : bad);
    print_counts(&b, &f);
    CU_ASSERT(bad == NULL);
    CU_ASSERT(clients_counted(b.k).acked > 0 && f.kills + f.pauses + f.cuts + f.holds > 0);
    for (unsigned i = 0; i < CLUSTER_NODES; i++)
        CU_ASSERT_EQUAL(cluster_end(b.c, i), 0);
    bench_free(&b);
}

/* ---- damage ---- */

/* The first name in a folder of group 0 of a node that ends like that; "" when there is none. */
static void find_file(unsigned node, const char *sub, const char *end, char path[900])
{
    char dir[800];
    snprintf(dir, sizeof dir, "%s/node000%u/S-R3F-00000000%s", folder, node + 1, sub);
    path[0] = '\0';
    DIR *d = opendir(dir);
    CU_ASSERT_FATAL(d != NULL);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        size_t n = strlen(e->d_name), m = strlen(end);
        if (e->d_name[0] != '.' && n >= m && strcmp(e->d_name + n - m, end) == 0)
            snprintf(path, 900, "%s/%.80s", dir, e->d_name);
    }
    closedir(d);
}

static void flip_byte(const char *path, long at)
{
    FILE *f = fopen(path, "r+b");
    CU_ASSERT_FATAL(f != NULL);
    fseek(f, at, at < 0 ? SEEK_END : SEEK_SET);
    int c = fgetc(f);
    CU_ASSERT_FATAL(c != EOF);
    fseek(f, -1, SEEK_CUR);
    fputc(c ^ 0x20, f);
    fclose(f);
}

enum damage { DAMAGED_ENTRY, DAMAGED_SNAPSHOT, TORN_VOTE, LOST_LOG, DAMAGES };

/* False: there is no such file just now (a snapshot has taken all entries away, or there is none). */
static bool damage_node(unsigned node, enum damage what)
{
    char path[900];
    find_file(node, what == DAMAGED_SNAPSHOT ? "/snapshots" : "/msgs", "", path);
    if (path[0] == '\0')
        return false;
    switch (what) {
    case DAMAGED_ENTRY: /* one that was acknowledged: the last block's last bytes */
        find_file(node, "/msgs", ".blk", path);
        flip_byte(path, -40);
        return true;
    case DAMAGED_SNAPSHOT:
        find_file(node, "/snapshots", "", path);
        flip_byte(path, 40);
        return true;
    case TORN_VOTE:
        find_file(node, "", "promise.idx", path);
        CU_ASSERT_EQUAL(remove(path), 0);
        find_file(node, "", "tav.idx", path);
        CU_ASSERT_EQUAL(truncate(path, 12), 0);
        return true;
    case LOST_LOG:
        for (find_file(node, "/msgs", ".blk", path); path[0] != '\0'; find_file(node, "/msgs", ".blk", path))
            CU_ASSERT_EQUAL(remove(path), 0);
        return true;
    case DAMAGES:
        break;
    }
    return false;
}

/* Whatever a node has lost: it says so, neither votes nor counts for what it may have known, and gets it
 * again from the others, who go on meanwhile. covers: RF-141 RF-155 RF-156 RF-157 */
static void a_damaged_node_is_healed_by_its_peers(void)
{
    struct cluster_options o = {.groups = 1, .hurry = 10, .snapshot_every = 150};
    struct clients_options ko = {
        .sessions = 4, .window = 2, .groups = 1, .bytes = 200, .patience = 2 * SEC, .pause = 5 * MS};
    struct bench b = bench_new(o, &ko);
    struct status_answer s[CLUSTER_NODES];
    CU_ASSERT_FATAL(agree_within(&b, 0, PATIENCE, s));
    for (enum damage what = 0; what < DAMAGES;) {
        uint64_t acked = clients_counted(b.k).acked;
        while (clients_counted(b.k).acked <
               acked + 200) /* so that there is a snapshot, and entries behind it */
            run(&b, now_ns() + 20 * MS);
        clients_stop(b.k);
        CU_ASSERT_FATAL(agree_within(&b, 0, PATIENCE, s)); /* all is acknowledged everywhere */
        unsigned node = what % 2 == 0 ? clients_leader(b.k) : (clients_leader(b.k) + 1) % CLUSTER_NODES;
        /* A commit needs two of three: what this one has not promised yet it may lose without a word. */
        int64_t until = now_ns() + PATIENCE;
        while (!cluster_status(b.c, node, 0, SEC, &s[0]) || s[0].durable != s[0].pindex) {
            CU_ASSERT_FATAL(now_ns() < until);
            run(&b, now_ns() + 20 * MS);
        }
        struct status_answer before = s[0];
        cluster_kill(b.c, node);
        size_t said = strlen(cluster_log(b.c, node));
        bool damaged = damage_node(node, what);
        clients_go_on(b.k);
        acked = clients_counted(b.k).acked;
        while (clients_counted(b.k).acked < acked + 10) /* the others go on */
            run(&b, now_ns() + 20 * MS);
        cluster_start(b.c, node);
        until = now_ns() + PATIENCE;
        while (!cluster_status(b.c, node, 0, SEC, &s[0]) || s[0].forgot || s[0].leader == 0) {
            CU_ASSERT_FATAL(now_ns() < until && cluster_alive(b.c, node));
            run(&b, now_ns() + 20 * MS);
        }
        if (!damaged)
            continue;
        what++;
        bool told = strstr(cluster_log(b.c, node) + said, "forgot") != NULL;
        if (!told)
            printf("\n  damage %d of a log to %llu, promised to %llu: not noticed\n%s\n", what - 1,
                   (unsigned long long)before.pindex, (unsigned long long)before.durable,
                   cluster_log(b.c, node) + said);
        CU_ASSERT(told);
    }
    clients_stop(b.k);
    CU_ASSERT(agree_within(&b, 0, PATIENCE, s));
    const char *bad = clients_judge(b.k, b.c);
    if (bad != NULL)
        printf("%s\n", bad);
    CU_ASSERT(bad == NULL);
    bench_free(&b);
}

/* ---- many groups ---- */

#define GROUPS 200

/* Who leads a group, and since which term; false: nobody, or not everywhere known yet. */
static bool led(struct bench *b, unsigned group, uint64_t *term, uint64_t *changes)
{
    struct status_answer s[CLUSTER_NODES];
    unsigned leaders = 0;
    *changes = 0;
    for (unsigned i = 0; i < CLUSTER_NODES; i++) {
        if (!cluster_status(b->c, i, group, 10 * SEC, &s[i]))
            return false;
        leaders += s[i].leading != 0;
        *changes += s[i].changes;
    }
    *term = s[0].term;
    return leaders == 1 && s[0].leader != 0 && s[1].leader == s[0].leader && s[2].leader == s[0].leader &&
           s[1].term == s[0].term && s[2].term == s[0].term;
}

static void idle_groups_stay_led_beside_a_busy_one(void)
{
    struct cluster_options o = {.groups = GROUPS, .hurry = 1, .snapshot_every = 20000};
    struct clients_options ko = {
        .sessions = 1, .window = 64, .groups = 1, .bytes = 128, .patience = 20 * SEC};
    struct bench b = bench_new(o, &ko);
    uint64_t term[GROUPS], changes[GROUPS], now_term, now_changes;
    int64_t until = now_ns() + PATIENCE;
    for (unsigned g = 0; g < GROUPS && now_ns() < until; g++) {
        while (!led(&b, g, &term[g], &changes[g]) && now_ns() < until)
            cluster_run(b.c, now_ns() + 20 * MS);
    }
    CU_ASSERT_FATAL(now_ns() < until);
    run(&b, now_ns() + 4 * SEC);
    clients_stop(b.k);
    for (unsigned g = 0; g < GROUPS; g++) {
        CU_ASSERT(led(&b, g, &now_term, &now_changes));
        CU_ASSERT(now_term == term[g] && now_changes == changes[g]);
    }
    struct clients_count n = clients_counted(b.k);
    printf("\n  %llu acknowledged beside %d idle groups\n  ", (unsigned long long)n.acked, GROUPS - 1);
    CU_ASSERT(n.acked > 0);
    for (unsigned i = 0; i < CLUSTER_NODES; i++)
        CU_ASSERT_EQUAL(cluster_end(b.c, i), 0);
    bench_free(&b);
}

static const struct unit_test tests[] = {
    UNIT_TEST(idle_groups_stay_led_beside_a_busy_one),
    UNIT_TEST(a_damaged_node_is_healed_by_its_peers),
    UNIT_TEST(nothing_acknowledged_is_lost),
};
UNIT_MAIN("raft_process", tests)
