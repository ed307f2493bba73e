/* Groups on shards: three members of a group, each on a loop of its own, with threads for the disk between
 * them. */
#include "base/env.h"
#include "net/env_uv.h"
#include "raft/shard.h"
#include "raft/wire.h"
#include "store_fixture.h"

#include <errno.h>
#include <semaphore.h>

#define MEMBERS 3
#define SUBS    64

static const char *const names[MEMBERS] = {"member-1", "member-2", "member-3"};

struct subscription {
    char subject[64];
    struct raft_group *group; /* NULL: free */
};

struct member {
    struct world *w;
    int number;
    struct raft_shard *shard;
    struct raft_group *group;
    struct net_task task;
    _Atomic unsigned applied, refused;
    _Atomic bool leads, closed;
    _Atomic int removed;     /* store_rc + 1 */
    uint32_t records[20000]; /* in the order of the log; read when the shards have stopped */
};

/* The machine's disk; while `broken`, opening anything of the second member fails. */
struct fragile_disk {
    struct disk base; /* first */
    struct disk_ops ops;
    struct disk *real;
    _Atomic bool broken;
};

struct world {
    struct env *env;
    struct fragile_disk disk;
    struct epoch_domain epochs;
    struct net_loops *loops, *storage;
    struct member members[MEMBERS];
    char dir[64];
    sem_t step;
    pthread_mutex_t lock;
    struct subscription subs[SUBS];
    raft_id successor; /* that the last LeaderTransfer named */
};

/* ---- a disk that breaks ---- */

static struct fragile_disk *fragile(struct disk *d)
{
    return (struct fragile_disk *)(void *)d;
}

static int fragile_open(struct disk *d, const char *path, int flags, struct disk_file **out)
{
    if (fragile(d)->broken && strstr(path, names[1]) != NULL)
        return -EIO;
    return disk_open(fragile(d)->real, path, flags, out);
}
static int fragile_stat(struct disk *d, const char *path, struct disk_stat *out)
{
    return disk_stat(fragile(d)->real, path, out);
}
static int fragile_rename(struct disk *d, const char *from, const char *to)
{
    return disk_rename(fragile(d)->real, from, to);
}
static int fragile_unlink(struct disk *d, const char *path)
{
    return disk_unlink(fragile(d)->real, path);
}
static int fragile_mkdir(struct disk *d, const char *path)
{
    return disk_mkdir(fragile(d)->real, path);
}
static int fragile_rmdir(struct disk *d, const char *path)
{
    return disk_rmdir(fragile(d)->real, path);
}
static int fragile_list(struct disk *d, const char *path, disk_list_fn fn, void *ctx)
{
    return disk_list(fragile(d)->real, path, fn, ctx);
}
static int fragile_sync_dir(struct disk *d, const char *path)
{
    return disk_sync_dir(fragile(d)->real, path);
}

static void fragile_make(struct fragile_disk *d)
{
    d->real = disk_posix();
    d->ops = (struct disk_ops){.open = fragile_open,
                               .stat = fragile_stat,
                               .rename = fragile_rename,
                               .unlink = fragile_unlink,
                               .mkdir = fragile_mkdir,
                               .rmdir = fragile_rmdir,
                               .list = fragile_list,
                               .sync_dir = fragile_sync_dir};
    d->base.ops = &d->ops;
    d->broken = false;
}

/* ---- a transport without wires ---- */

static void on_subscribe(void *ctx, struct raft_group *g, slice subject, bool on)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    struct subscription *found = NULL, *room = NULL;
    for (int i = 0; i < SUBS; i++) {
        struct subscription *s = &w->subs[i];
        if (s->group == g && slice_eq_str(subject, s->subject))
            found = s;
        else if (s->group == NULL)
            room = s;
    }
    if (!on && found != NULL) {
        found->group = NULL;
    } else if (on && found == NULL && room != NULL) {
        room->group = g;
        snprintf(room->subject, sizeof room->subject, "%.*s", (int)subject.len, (const char *)subject.ptr);
    }
    pthread_mutex_unlock(&w->lock);
}

static void note_transfer(struct world *w, slice body)
{
    struct raft_wire_entries v = {0};
    struct raft_msg m;
    CU_ASSERT_FATAL(raft_wire_decode((struct raft_addr){.place = RAFT_TO_APPEND}, body, &v, &m));
    if (m.append.count == 1 && m.append.entries[0].type == RAFT_LEADER_TRANSFER)
        memcpy(&w->successor, m.append.entries[0].data.ptr, sizeof w->successor);
    raft_wire_entries_free(&v);
}

static void on_send(void *ctx, struct raft_group *g, slice subject, slice reply, slice body)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    if (subject.len > 8 && memcmp(subject.ptr, "$NRG.AE.", 8) == 0)
        note_transfer(w, body);
    for (int i = 0; i < SUBS; i++) {
        const struct subscription *s = &w->subs[i];
        if (s->group != NULL && s->group != g && slice_eq_str(subject, s->subject))
            raft_group_message(s->group, subject, reply, body);
    }
    pthread_mutex_unlock(&w->lock);
}

static void on_forget(void *ctx, struct raft_group *g)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    for (int i = 0; i < SUBS; i++) {
        if (w->subs[i].group == g)
            w->subs[i].group = NULL;
    }
    pthread_mutex_unlock(&w->lock);
}

static const struct raft_transport transport = {on_subscribe, on_send, on_forget};

/* ---- the upper layer ---- */

static void on_apply(void *ctx, uint64_t index, uint64_t term, const struct raft_entry *entries, size_t count)
{
    struct member *m = ctx;
    (void)term;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].type == RAFT_NORMAL && entries[i].data.len == 4) {
            memcpy(&m->records[m->applied], entries[i].data.ptr, 4);
            m->applied++;
        }
    }
    raft_node_applied(raft_group_node(m->group), raft_group_now(m->group), index, index);
}

static void on_apply_snapshot(void *ctx, uint64_t index, slice data)
{
    (void)ctx;
    (void)index;
    (void)data;
    CU_FAIL("nobody takes snapshots here");
}

static void on_note(void *ctx, const struct raft_effect *f)
{
    struct member *m = ctx;
    CU_ASSERT(f->note != RAFT_NOTE_TWO_LEADERS);
    if (f->note == RAFT_NOTE_CLOSED)
        m->closed = true;
    if (f->note == RAFT_NOTE_LEADER || f->note == RAFT_NOTE_NOT_LEADER)
        m->leads = f->note == RAFT_NOTE_LEADER;
}

static void on_refused(void *ctx, slice data, enum raft_rc why)
{
    struct member *m = ctx;
    CU_ASSERT(data.len == 4 && why != RAFT_OK);
    m->refused++;
}

static const struct raft_upper upper = {on_apply, on_apply_snapshot, on_note, on_refused};

/* ---- life ---- */

static struct member *member_of(struct net_task *task)
{
    return (struct member *)(void *)((char *)task - offsetof(struct member, task));
}

static void open_group(struct net_task *task, struct net_loop *loop)
{
    struct member *m = member_of(task);
    struct world *w = m->w;
    char dir[128];
    raft_id ids[MEMBERS];
    struct disk_stat st;
    (void)loop;
    for (int i = 0; i < MEMBERS; i++)
        ids[i] = raft_id_of(names[i]);
    snprintf(dir, sizeof dir, "%s/%s", w->dir, names[m->number]);
    bool fresh = disk_stat(&w->disk.base, dir, &st) == -ENOENT;
    struct raft_node_config c = {.disk = &w->disk.base,
                                 .dir = dir,
                                 .group = SLICE_LIT("S-R3F-abcdefgh"),
                                 .raft = {.id = ids[m->number],
                                          .seed = (uint64_t)m->number + 1,
                                          .managed = true,
                                          .initializing = fresh,
                                          .preferred = fresh && m->number == 0},
                                 .boot = {.size = MEMBERS, .count = MEMBERS, .ids = ids}};
    CU_ASSERT_EQUAL_FATAL(raft_group_open(m->shard, &c, &upper, m, &m->group), 0);
    sem_post(&w->step);
}

static void join_network(struct net_task *task, struct net_loop *loop)
{
    struct member *m = member_of(task);
    struct raft_event e = {.type = RAFT_EV_NETWORK, .on = true, .now = raft_group_now(m->group)};
    (void)loop;
    raft_node_event(raft_group_node(m->group), &e, NULL);
    sem_post(&m->w->step);
}

static void stopped(void *ctx)
{
    struct world *w = ctx;
    sem_post(&w->step);
}

static void stop_shard(struct net_task *task, struct net_loop *loop)
{
    struct member *m = member_of(task);
    (void)loop;
    raft_shard_stop(m->shard, stopped, m->w);
}

static void on_all(struct world *w, void (*fn)(struct net_task *, struct net_loop *))
{
    for (int i = 0; i < MEMBERS; i++) {
        w->members[i].task.fn = fn;
        net_post(&w->loops->loops[i], &w->members[i].task);
    }
    for (int i = 0; i < MEMBERS; i++)
        sem_wait(&w->step);
}

static void world_begin(struct world *w)
{
    int rc;
    w->env = env_uv_new();
    epoch_domain_init(&w->epochs);
    sem_init(&w->step, 0, 0);
    pthread_mutex_init(&w->lock, NULL);
    struct net_loops_config c = {.count = 2, .epochs = &w->epochs};
    w->storage = net_loops_new(w->env, &c, &rc);
    c.count = MEMBERS;
    w->loops = net_loops_new(w->env, &c, &rc);
    CU_ASSERT_FATAL(w->storage != NULL && w->loops != NULL);
    for (int i = 0; i < MEMBERS; i++) {
        struct member *m = &w->members[i];
        struct raft_shard_config sc = {.loop = &w->loops->loops[i],
                                       .storage = w->storage,
                                       .transport = &transport,
                                       .transport_ctx = w,
                                       .hurry = 10};
        m->w = w;
        m->number = i;
        m->shard = raft_shard_new(&sc);
        m->applied = m->refused = 0;
        m->leads = m->closed = false;
        m->removed = 0;
        CU_ASSERT_FATAL(m->shard != NULL);
    }
    on_all(w, open_group);
    on_all(w, join_network);
}

static void world_end(struct world *w)
{
    on_all(w, stop_shard);
    net_loops_free(w->loops);
    net_loops_free(w->storage);
    for (int i = 0; i < MEMBERS; i++)
        raft_shard_free(w->members[i].shard);
    epoch_domain_close(&w->epochs);
    sem_destroy(&w->step);
    pthread_mutex_destroy(&w->lock);
    env_uv_free(w->env);
}

static struct world *world_new(void)
{
    struct world *w = aligned_alloc(alignof(struct world), sizeof *w);
    CU_ASSERT_FATAL(w != NULL);
    memset(w, 0, sizeof *w);
    fragile_make(&w->disk);
    snprintf(w->dir, sizeof w->dir, "%s/midge-shard-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    CU_ASSERT_FATAL(mkdtemp(w->dir) != NULL);
    return w;
}

static void world_free(struct world *w)
{
    fixture_shell("rm -rf '%s'%s", w->dir, "");
    free(w);
}

static struct member *wait_for_leader(struct world *w)
{
    for (int i = 0; i < 6000; i++) {
        for (int k = 0; k < MEMBERS; k++) {
            if (w->members[k].leads)
                return &w->members[k];
        }
        usleep(10000);
    }
    CU_FAIL_FATAL("no leader");
    return NULL;
}

static void propose(struct member *m, uint32_t record)
{
    CU_ASSERT(raft_group_propose(m->group, slice_make(&record, sizeof record)));
}

static bool all_applied(struct world *w, unsigned count)
{
    for (int i = 0; i < 6000; i++) {
        unsigned have = 0;
        for (int k = 0; k < MEMBERS; k++)
            have += w->members[k].applied >= count;
        if (have == MEMBERS)
            return true;
        usleep(10000);
    }
    return false;
}

/* What the leader is given it hands up in that order on every member; what others are given comes back. */
static void proposals_are_applied_in_order_or_refused(void)
{
    struct world *w = world_new();
    world_begin(w);
    struct member *leader = wait_for_leader(w), *other = &w->members[(leader->number + 1) % MEMBERS];
    for (uint32_t i = 0; i < 3000; i++)
        propose(leader, i);
    for (uint32_t i = 0; i < 10; i++)
        propose(other, 100000 + i);
    CU_ASSERT(all_applied(w, 3000));
    for (int i = 0; i < 6000 && other->refused < 10; i++)
        usleep(1000);
    CU_ASSERT_EQUAL(other->refused, 10);
    CU_ASSERT_EQUAL(leader->refused, 0);
    world_end(w);
    for (int k = 0; k < MEMBERS; k++) {
        CU_ASSERT_EQUAL(w->members[k].applied, 3000);
        for (uint32_t i = 0; i < 3000; i++)
            CU_ASSERT_FATAL(w->members[k].records[i] == i);
    }
    world_free(w);
}

/* Shards stop with proposals, messages and syncs on their way; what a member has applied is there in the next
 * life.
 */
static void a_shard_stops_in_the_middle_of_its_work(void)
{
    struct world *w = world_new();
    unsigned had = 0;
    for (int life = 0; life < 4; life++) {
        world_begin(w);
        struct member *leader = wait_for_leader(w);
        CU_ASSERT(all_applied(w, had)); /* from the files, up to what a leader commits */
        for (uint32_t i = 0; i < 2000; i++)
            propose(leader, (uint32_t)life * 10000 + i);
        usleep(2000 * (unsigned)life);
        world_end(w);
        for (int k = 0; k < MEMBERS; k++)
            had = w->members[k].applied > had ? w->members[k].applied : had;
        for (int k = 1; k < MEMBERS; k++) {
            unsigned n =
                w->members[k].applied < w->members[0].applied ? w->members[k].applied : w->members[0].applied;
            CU_ASSERT(memcmp(w->members[k].records, w->members[0].records, n * 4) == 0);
        }
    }
    CU_ASSERT(had > 0 && had <= 8000);
    world_free(w);
}

/* The disk of one member fails: it closes and says why, the two others go on. covers: RF-144 */
static void a_member_with_a_broken_disk_closes_and_the_others_go_on(void)
{
    struct world *w = world_new();
    world_begin(w);
    struct member *leader = wait_for_leader(w);
    propose(leader, 1);
    CU_ASSERT(all_applied(w, 1));
    w->disk.broken = true;
    if (leader->number == 1) { /* it closes at its next entry, and another one is elected */
        propose(leader, 7);
        for (int i = 0; i < 6000 && !(leader->closed && !leader->leads); i++)
            usleep(10000);
    }
    unsigned sent = 0;
    for (int i = 0; i < 6000 && !(w->members[1].closed && w->members[0].applied > 5); i++) {
        leader = wait_for_leader(w);
        if (sent < 18000)
            propose(leader, 100 + sent++);
        usleep(1000);
    }
    CU_ASSERT(w->members[1].closed && !w->members[0].closed && !w->members[2].closed);
    CU_ASSERT(w->members[0].applied > 5);
    w->disk.broken = false;
    world_end(w);
    world_free(w);
}

static void leave(struct net_task *task, struct net_loop *loop)
{
    struct member *m = member_of(task);
    (void)loop;
    raft_shard_leave(m->shard);
    sem_post(&m->w->step);
}

/* The leader of a shard that leaves names its successor, which leads the next term; when all have left nobody
 * leads any more. */
static void a_shard_that_leaves_hands_over(void)
{
    struct world *w = world_new();
    world_begin(w);
    struct member *first = wait_for_leader(w);
    propose(first, 1);
    CU_ASSERT(all_applied(w, 1));
    CU_ASSERT(w->successor == 0);
    first->task.fn = leave;
    net_post(&w->loops->loops[first->number], &first->task);
    sem_wait(&w->step);
    CU_ASSERT(!first->leads);
    struct member *next = wait_for_leader(w);
    CU_ASSERT(next != first);
    pthread_mutex_lock(&w->lock);
    raft_id named = w->successor;
    pthread_mutex_unlock(&w->lock);
    CU_ASSERT(named != 0 && named != raft_id_of(names[first->number]));
    propose(next, 2);
    CU_ASSERT(all_applied(w, 2)); /* who has left still stores and applies */
    on_all(w, leave);
    for (int k = 0; k < MEMBERS; k++)
        CU_ASSERT(!w->members[k].leads);
    world_end(w);
    world_free(w);
}

static void on_removed(void *ctx, enum store_rc rc)
{
    ((struct member *)ctx)->removed = (int)rc + 1;
}

static void remove_group(struct net_task *task, struct net_loop *loop)
{
    struct member *m = member_of(task);
    (void)loop;
    raft_group_close(m->group, m->number == 0, on_removed, m);
    raft_group_close(m->group, true, on_removed, m); /* it is closing already */
    sem_post(&m->w->step);
}

/* covers: RF-145 */
static void a_removed_group_takes_its_folder_and_a_closed_one_leaves_it(void)
{
    struct world *w = world_new();
    world_begin(w);
    propose(wait_for_leader(w), 1);
    CU_ASSERT(all_applied(w, 1));
    on_all(w, remove_group);
    for (int k = 0; k < MEMBERS; k++) {
        char dir[128];
        struct disk_stat st;
        for (int i = 0; i < 6000 && w->members[k].removed == 0; i++)
            usleep(1000);
        CU_ASSERT_EQUAL(w->members[k].removed, STORE_OK + 1);
        snprintf(dir, sizeof dir, "%s/%s", w->dir, names[k]);
        CU_ASSERT_EQUAL(disk_stat(disk_posix(), dir, &st), k == 0 ? -ENOENT : 0);
    }
    world_end(w);
    world_free(w);
}

/* ---- several groups of one shard ---- */

/* A group of one member, which leads it. */
struct lone {
    struct raft_group *group;
    _Atomic unsigned applied, refused;
    _Atomic bool leads, gone;
};

struct neighbours {
    struct net_task task; /* first */
    struct world *w;
    struct lone lone[3];
};

static void lone_apply(void *ctx, uint64_t index, uint64_t term, const struct raft_entry *entries,
                       size_t count)
{
    struct lone *l = ctx;
    (void)term;
    for (size_t i = 0; i < count; i++)
        l->applied += entries[i].type == RAFT_NORMAL;
    raft_node_applied(raft_group_node(l->group), raft_group_now(l->group), index, index);
}

static void lone_note(void *ctx, const struct raft_effect *f)
{
    if (f->note == RAFT_NOTE_LEADER)
        ((struct lone *)ctx)->leads = true;
}

static void lone_refused(void *ctx, slice data, enum raft_rc why)
{
    CU_ASSERT(data.len == 5 && why == RAFT_IS_CLOSED);
    ((struct lone *)ctx)->refused++;
}

static void lone_closed(void *ctx, enum store_rc rc)
{
    CU_ASSERT_EQUAL(rc, STORE_OK);
    ((struct lone *)ctx)->gone = true;
}

static const struct raft_upper lone_upper = {lone_apply, on_apply_snapshot, lone_note, lone_refused};

static void open_neighbours(struct net_task *task, struct net_loop *loop)
{
    struct neighbours *n = (struct neighbours *)(void *)task;
    raft_id id = raft_id_of(names[0]);
    (void)loop;
    for (unsigned i = 0; i < 3; i++) {
        char dir[128], group[16];
        snprintf(dir, sizeof dir, "%s/lone-%u", n->w->dir, i);
        snprintf(group, sizeof group, "S-R1F-lone%u", i);
        struct raft_node_config c = {.disk = disk_posix(),
                                     .dir = dir,
                                     .group = slice_str(group),
                                     .raft = {.id = id, .seed = i + 1, .managed = true, .initializing = true},
                                     .boot = {.size = 1, .count = 1, .ids = &id}};
        struct lone *l = &n->lone[i];
        CU_ASSERT_EQUAL_FATAL(raft_group_open(n->w->members[0].shard, &c, &lone_upper, l, &l->group), 0);
        struct raft_event e = {.type = RAFT_EV_NETWORK, .on = true, .now = raft_group_now(l->group)};
        raft_node_event(raft_group_node(l->group), &e, NULL);
    }
    sem_post(&n->w->step);
}

/* The second is closed with proposals on their way and a sync that is asked for. */
static void propose_and_close(struct net_task *task, struct net_loop *loop)
{
    struct neighbours *n = (struct neighbours *)(void *)task;
    (void)loop;
    struct raft_entry e = {RAFT_NORMAL, SLICE_LIT("first")};
    struct lone *middle = &n->lone[1];
    raft_node_event(
        raft_group_node(middle->group),
        &(struct raft_event){
            .type = RAFT_EV_PROPOSE, .now = raft_group_now(middle->group), .entries = &e, .count = 1},
        NULL);
    for (unsigned k = 0; k < 5; k++) {
        for (unsigned i = 0; i < 3; i++)
            CU_ASSERT(raft_group_propose(n->lone[i].group, SLICE_LIT("later")));
    }
    raft_group_close(middle->group, true, lone_closed, middle);
    sem_post(&n->w->step);
}

static void on_first_loop(struct neighbours *n, void (*fn)(struct net_task *, struct net_loop *))
{
    n->task.fn = fn;
    net_post(&n->w->loops->loops[0], &n->task);
    sem_wait(&n->w->step);
}

static bool comes(const _Atomic bool *what)
{
    for (int i = 0; i < 6000 && !*what; i++)
        usleep(10000);
    return *what;
}

/* One of several ends in the middle of its work; its neighbours go on. */
static void groups_of_one_shard_come_and_go(void)
{
    struct world *w = world_new();
    static struct neighbours n;
    n = (struct neighbours){.w = w};
    world_begin(w);
    on_first_loop(&n, open_neighbours);
    for (unsigned i = 0; i < 3; i++)
        CU_ASSERT(comes(&n.lone[i].leads));
    on_first_loop(&n, propose_and_close);
    CU_ASSERT(comes(&n.lone[1].gone));
    CU_ASSERT_EQUAL(n.lone[1].refused, 5);
    for (unsigned i = 0; i < 3; i += 2) {
        for (int k = 0; k < 6000 && n.lone[i].applied < 5; k++)
            usleep(10000);
        CU_ASSERT(n.lone[i].applied == 5 && n.lone[i].refused == 0 && !n.lone[i].gone);
    }
    propose(wait_for_leader(w), 1);
    CU_ASSERT(all_applied(w, 1));
    world_end(w);
    world_free(w);
}

static const struct unit_test tests[] = {
    UNIT_TEST(groups_of_one_shard_come_and_go),
    UNIT_TEST(a_member_with_a_broken_disk_closes_and_the_others_go_on),
    UNIT_TEST(a_shard_that_leaves_hands_over),
    UNIT_TEST(a_removed_group_takes_its_folder_and_a_closed_one_leaves_it),
    UNIT_TEST(proposals_are_applied_in_order_or_refused),
    UNIT_TEST(a_shard_stops_in_the_middle_of_its_work),
};
UNIT_MAIN("raft_shard", tests)
