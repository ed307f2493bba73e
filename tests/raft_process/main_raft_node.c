/* raft-node: a small server whose groups agree on queues of records: the raft core on real loops, threads,
 * files and connections. For the process test and the bench; clients speak as protocol.h says.
 *
 *     raft-node NAME PORT DIR GROUPS HURRY SNAPSHOT NAME=PORT...
 *
 * NAME is eight characters, PORT where it listens; the list names all members, itself too, and where each is
 * dialled. Every SNAPSHOT records a group takes a snapshot. SIGTERM ends it in order. */
#include "mesh.h"
#include "net/env_uv.h"
#include "protocol.h"

#include <assert.h>
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SHARDS  2
#define STORAGE 2

struct app;

/* The upper layer of a group: all records in order. */
struct queue {
    struct app *app;
    unsigned number;
    struct raft_group *group;
    uint64_t *records;
    size_t count, cap;
    uint64_t index, hash; /* of the last applied entry; of all */
    uint64_t snapshot_at; /* records in the last snapshot */
    uint64_t changes;
    bool snapshot_posted;
    struct net_task snapshot_task;
};

/* A request on its way to a queue's shard. */
struct ask {
    struct net_task task; /* first */
    struct queue *queue;
    struct mesh_from from;
    bool records;
    uint64_t first;
    size_t reply_len;
    uint8_t reply[];
};

struct shard {
    struct app *app;
    struct net_task task, network_task;
    struct net_loop *loop;
    struct raft_shard *shard;
    struct mesh_port port;
};

struct app {
    const char *name, *dir;
    uint16_t port;
    unsigned group_count, hurry;
    uint64_t snapshot_every, life;
    struct mesh_peer peers[MESH_PEERS_MAX];
    size_t peer_count;
    struct env *env;
    struct epoch_domain epochs;
    struct net_loops *conns, *shard_loops, *storage;
    struct shard shards[SHARDS];
    struct queue *queues;
    struct mesh *mesh;
    sem_t step;
};

static void die(const char *what, int rc)
{
    fprintf(stderr, "raft-node: %s: %s\n", what, strerror(-rc));
    exit(1);
}

static struct shard *shard_of(const struct queue *q)
{
    return &q->app->shards[q->number % SHARDS];
}

/* ---- the queue ---- */

static uint64_t mix(uint64_t h, uint64_t v)
{
    h ^= v + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
    h *= 0xff51afd7ed558ccdu;
    return h ^ (h >> 32);
}

static void push(struct queue *q, uint64_t record)
{
    if (q->count == q->cap) {
        q->cap = q->cap == 0 ? 16 : 2 * q->cap;
        q->records = realloc(q->records, q->cap * sizeof *q->records);
        if (q->records == NULL)
            abort();
    }
    q->records[q->count++] = record;
}

static void answer(struct queue *q, const struct append_head *h, uint64_t index)
{
    char subject[32];
    struct raft_status s;
    if (h->life != q->app->life)
        return;
    raft_get_status(raft_node_raft(raft_group_node(q->group)), &s);
    struct append_answer a = {.record = h->record, .index = index, .leader = s.leader};
    snprintf(subject, sizeof subject, "app.answer.%u", q->number);
    mesh_reply(q->app->mesh, shard_of(q)->loop, (struct mesh_from){h->slot, h->generation},
               slice_str(subject), slice_make(&a, sizeof a));
}

static void take_snapshot(struct net_task *task, struct net_loop *loop)
{
    struct queue *q = (struct queue *)(void *)((char *)task - offsetof(struct queue, snapshot_task));
    (void)loop;
    q->snapshot_posted = false;
    size_t len = (3 + q->count) * 8;
    uint64_t *state = malloc(len);
    if (state == NULL)
        abort();
    state[0] = q->index;
    state[1] = q->hash;
    state[2] = q->count;
    memcpy(state + 3, q->records, q->count * 8);
    enum raft_rc rc = raft_node_snapshot(raft_group_node(q->group), raft_group_now(q->group),
                                         slice_make(state, len), false);
    if (rc == RAFT_OK)
        q->snapshot_at = q->count;
    free(state);
}

static void want_snapshot(struct queue *q)
{
    if (q->snapshot_posted)
        return;
    q->snapshot_posted = true;
    q->snapshot_task.fn = take_snapshot;
    net_post(shard_of(q)->loop, &q->snapshot_task);
}

static void on_apply(void *ctx, uint64_t index, uint64_t term, const struct raft_entry *entries, size_t count)
{
    struct queue *q = ctx;
    assert(index == q->index + 1);
    q->index = index;
    for (size_t i = 0; i < count; i++) {
        struct append_head h;
        if (entries[i].type != RAFT_NORMAL || entries[i].data.len < sizeof h)
            continue;
        memcpy(&h, entries[i].data.ptr, sizeof h);
        push(q, h.record);
        q->hash = mix(mix(mix(q->hash, index), term), h.record);
        answer(q, &h, index);
    }
    raft_node_applied(raft_group_node(q->group), raft_group_now(q->group), index, index);
    if (q->count - q->snapshot_at >= q->app->snapshot_every)
        want_snapshot(q);
}

static void on_apply_snapshot(void *ctx, uint64_t index, slice data)
{
    struct queue *q = ctx;
    uint64_t head[3];
    assert(data.len >= sizeof head);
    memcpy(head, data.ptr, sizeof head);
    assert(head[0] == index && data.len == sizeof head + head[2] * 8);
    q->index = index;
    q->hash = head[1];
    q->count = 0;
    for (size_t i = 0; i < head[2]; i++) {
        uint64_t record;
        memcpy(&record, data.ptr + sizeof head + 8 * i, 8);
        push(q, record);
    }
    q->snapshot_at = q->count;
    raft_node_applied(raft_group_node(q->group), raft_group_now(q->group), index, index);
}

static void on_note(void *ctx, const struct raft_effect *f)
{
    struct queue *q = ctx;
    q->changes += f->note == RAFT_NOTE_LEADER || f->note == RAFT_NOTE_NOT_LEADER;
    if (f->note == RAFT_NOTE_WANT_SNAPSHOT)
        want_snapshot(q);
    if (q->number > 0 || f->note == RAFT_NOTE_MEMBERS)
        return;
    printf("%.3f %s term %llu index %llu\n", (double)env_wall_ns(q->app->env) / 1e9, raft_note_name(f->note),
           (unsigned long long)f->term, (unsigned long long)f->index);
    fflush(stdout);
}

static void on_refused(void *ctx, slice data, enum raft_rc why)
{
    struct queue *q = ctx;
    struct append_head h;
    (void)why;
    memcpy(&h, data.ptr, sizeof h);
    answer(q, &h, 0);
}

static const struct raft_upper upper = {on_apply, on_apply_snapshot, on_note, on_refused};

/* ---- requests ---- */

static void tell_status(const struct ask *a, struct net_loop *loop)
{
    struct queue *q = a->queue;
    struct raft_status s;
    raft_get_status(raft_node_raft(raft_group_node(q->group)), &s);
    struct status_answer out = {.term = s.term,
                                .commit = s.commit,
                                .pindex = s.pindex,
                                .applied = q->index,
                                .leader = s.leader,
                                .leading = s.leading,
                                .records = q->count,
                                .hash = q->hash,
                                .changes = q->changes,
                                .forgot = s.forgot,
                                .durable = s.durable_index,
                                .closed = s.role == RAFT_CLOSED};
    memcpy(&out.id, q->app->name, sizeof out.id);
    mesh_reply(q->app->mesh, loop, a->from, slice_make(a->reply, a->reply_len), slice_make(&out, sizeof out));
}

static void tell_records(const struct ask *a, struct net_loop *loop)
{
    struct queue *q = a->queue;
    uint64_t out[2 + RECORDS_MAX];
    size_t n = a->first < q->count ? q->count - a->first : 0;
    if (n > RECORDS_MAX)
        n = RECORDS_MAX;
    out[0] = n;
    out[1] = q->count;
    if (n > 0)
        memcpy(out + 2, q->records + a->first, n * 8);
    mesh_reply(q->app->mesh, loop, a->from, slice_make(a->reply, a->reply_len),
               slice_make(out, (2 + n) * sizeof out[0]));
}

static void run_ask(struct net_task *task, struct net_loop *loop)
{
    struct ask *a = (struct ask *)(void *)task;
    if (a->records)
        tell_records(a, loop);
    else
        tell_status(a, loop);
    free(a);
}

static void post_ask(struct queue *q, struct mesh_from from, slice reply, slice body, bool records)
{
    struct ask *a = calloc(1, sizeof *a + reply.len);
    if (a == NULL)
        abort();
    a->task.fn = run_ask;
    a->queue = q;
    a->from = from;
    a->records = records;
    if (body.len >= 8)
        memcpy(&a->first, body.ptr, 8);
    a->reply_len = reply.len;
    memcpy(a->reply, slice_ptr(reply), reply.len);
    net_post(shard_of(q)->loop, &a->task);
}

static void post_append(struct queue *q, struct mesh_from from, slice body)
{
    struct append_head h;
    if (body.len < sizeof h)
        return;
    uint8_t *entry = malloc(body.len);
    if (entry == NULL)
        abort();
    memcpy(&h, body.ptr, sizeof h);
    h.life = q->app->life;
    h.slot = from.slot;
    h.generation = from.generation;
    memcpy(entry, body.ptr, body.len);
    memcpy(entry, &h, sizeof h);
    raft_group_propose(q->group, slice_make(entry, body.len)); /* not answered: the client does not know */
    free(entry);
}

/* [connections' loop] */
static void on_request(void *ctx, struct mesh_from from, slice subject, slice reply, slice body)
{
    struct app *app = ctx;
    char text[64];
    char verb[16];
    unsigned group;
    if (subject.len >= sizeof text)
        return;
    memcpy(text, subject.ptr, subject.len);
    text[subject.len] = '\0';
    if (sscanf(text, "app.%15[a-z].%u", verb, &group) != 2 || group >= app->group_count)
        return;
    struct queue *q = &app->queues[group];
    if (strcmp(verb, "append") == 0)
        post_append(q, from, body);
    else
        post_ask(q, from, reply, body, strcmp(verb, "records") == 0);
}

/* ---- life ---- */

static void open_group(struct shard *s, unsigned number)
{
    struct app *app = s->app;
    struct queue *q = &app->queues[number];
    char dir[DISK_PATH_MAX], name[32];
    raft_id ids[MESH_PEERS_MAX];
    struct disk_stat st;
    snprintf(name, sizeof name, "S-R3F-%08u", number);
    snprintf(dir, sizeof dir, "%s/%s", app->dir, name);
    for (size_t i = 0; i < app->peer_count; i++)
        ids[i] = raft_id_of(app->peers[i].name);
    q->app = app;
    q->number = number;
    struct raft_node_config c = {
        .disk = app->env->disk,
        .dir = dir,
        .group = slice_str(name),
        .raft = {.id = raft_id_of(app->name),
                 .seed = app->life + number,
                 .managed = true,
                 .initializing = disk_stat(app->env->disk, dir, &st) == -ENOENT,
                 .preferred = number % app->peer_count == (size_t)(app->name[7] - '1')},
        .boot = {.size = (uint32_t)app->peer_count, .count = (uint32_t)app->peer_count, .ids = ids},
    };
    c.raft.preferred &= c.raft.initializing;
    int rc = raft_group_open(s->shard, &c, &upper, q, &q->group);
    if (rc != 0)
        die(dir, rc);
}

static void open_groups(struct net_task *task, struct net_loop *loop)
{
    struct shard *s = (struct shard *)(void *)((char *)task - offsetof(struct shard, task));
    (void)loop;
    for (unsigned i = 0; i < s->app->group_count; i++) {
        if (i % SHARDS == (unsigned)(s - s->app->shards))
            open_group(s, i);
    }
    sem_post(&s->app->step);
}

/* [shard] There is a way to a peer. */
static void network_up(struct net_task *task, struct net_loop *loop)
{
    struct shard *s = (struct shard *)(void *)((char *)task - offsetof(struct shard, network_task));
    (void)loop;
    for (unsigned i = 0; i < s->app->group_count; i++) {
        struct queue *q = &s->app->queues[i];
        struct raft_event e = {.type = RAFT_EV_NETWORK, .on = true};
        if (shard_of(q) != s)
            continue;
        e.now = raft_group_now(q->group);
        raft_node_event(raft_group_node(q->group), &e, NULL);
    }
}

static void post_to_shards(struct app *app, void (*fn)(struct net_task *, struct net_loop *))
{
    for (unsigned i = 0; i < SHARDS; i++) {
        app->shards[i].task.fn = fn;
        net_post(app->shards[i].loop, &app->shards[i].task);
    }
}

/* [connections' loop] The groups are open: the mesh has been started after them. */
static void on_linked(void *ctx)
{
    struct app *app = ctx;
    for (unsigned i = 0; i < SHARDS; i++) {
        app->shards[i].network_task.fn = network_up;
        net_post(app->shards[i].loop, &app->shards[i].network_task);
    }
}

static void shard_stopped(void *ctx)
{
    struct app *app = ctx;
    sem_post(&app->step);
}

static void leave(struct net_task *task, struct net_loop *loop)
{
    struct shard *s = (struct shard *)(void *)((char *)task - offsetof(struct shard, task));
    (void)loop;
    raft_shard_leave(s->shard);
    sem_post(&s->app->step);
}

static void stop_shard(struct net_task *task, struct net_loop *loop)
{
    struct shard *s = (struct shard *)(void *)((char *)task - offsetof(struct shard, task));
    (void)loop;
    raft_shard_stop(s->shard, shard_stopped, s->app);
}

static void wait_for_shards(struct app *app)
{
    for (unsigned i = 0; i < SHARDS; i++)
        sem_wait(&app->step);
}

static struct net_loops *new_loops(struct app *app, unsigned count)
{
    int rc = 0;
    struct net_loops_config c = {.count = count, .epochs = &app->epochs};
    struct net_loops *g = net_loops_new(app->env, &c, &rc);
    if (g == NULL)
        die("loops", rc);
    return g;
}

static void begin(struct app *app)
{
    app->env = env_uv_new();
    app->queues = calloc(app->group_count, sizeof *app->queues);
    if (app->env == NULL || app->queues == NULL)
        die("start", -ENOMEM);
    env_random(app->env, &app->life, sizeof app->life);
    epoch_domain_init(&app->epochs);
    sem_init(&app->step, 0, 0);
    app->conns = new_loops(app, 1);
    app->storage = new_loops(app, STORAGE);
    app->shard_loops = new_loops(app, SHARDS);
    struct mesh_config c = {.loops = app->conns,
                            .port = app->port,
                            .name = app->name,
                            .peers = app->peers,
                            .peer_count = app->peer_count,
                            .request = on_request,
                            .linked = on_linked,
                            .ctx = app};
    app->mesh = mesh_new(&c);
    for (unsigned i = 0; i < SHARDS; i++) {
        struct shard *s = &app->shards[i];
        s->app = app;
        s->loop = &app->shard_loops->loops[i];
        s->port = (struct mesh_port){app->mesh, s->loop};
        struct raft_shard_config sc = {.loop = s->loop,
                                       .storage = app->storage,
                                       .transport = &mesh_transport,
                                       .transport_ctx = &s->port,
                                       .hurry = app->hurry};
        s->shard = raft_shard_new(&sc);
        if (s->shard == NULL)
            die("shard", -ENOMEM);
    }
    post_to_shards(app, open_groups);
    wait_for_shards(app);
    int rc = mesh_start(app->mesh);
    if (rc != 0)
        die("listen", rc);
}

/* Leadership is handed over, and what says so has a moment to go out. Then connections first, so that nothing
 * new comes; then the groups, with their last syncs; then the threads. */
static void end(struct app *app)
{
    post_to_shards(app, leave);
    wait_for_shards(app);
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    mesh_stop(app->mesh);
    net_loops_free(app->conns);
    post_to_shards(app, stop_shard);
    wait_for_shards(app);
    net_loops_free(app->shard_loops);
    net_loops_free(app->storage);
    for (unsigned i = 0; i < SHARDS; i++)
        raft_shard_free(app->shards[i].shard);
    mesh_free(app->mesh);
    epoch_domain_close(&app->epochs);
    for (unsigned i = 0; i < app->group_count; i++)
        free(app->queues[i].records);
    free(app->queues);
    sem_destroy(&app->step);
    env_uv_free(app->env);
}

static bool read_peer(struct app *app, const char *text)
{
    struct mesh_peer *p = &app->peers[app->peer_count++];
    unsigned port;
    if (sscanf(text, "%8[^=]=%u", p->name, &port) != 2 || strlen(p->name) != MESH_NAME_LEN || port > 65535)
        return false;
    p->port = (uint16_t)port;
    return true;
}

int main(int argc, char **argv)
{
    struct app *app = aligned_alloc(alignof(struct app), sizeof *app);
    if (app == NULL)
        return 1;
    memset(app, 0, sizeof *app);
    bool good = argc > 7 && argc - 7 <= MESH_PEERS_MAX;
    for (int i = 7; good && i < argc; i++)
        good = read_peer(app, argv[i]);
    if (!good || strlen(argv[1]) != MESH_NAME_LEN) {
        fprintf(stderr, "usage: raft-node NAME PORT DIR GROUPS HURRY SNAPSHOT NAME=PORT...\n");
        return 2;
    }
    app->name = argv[1];
    app->port = (uint16_t)strtoul(argv[2], NULL, 10);
    app->dir = argv[3];
    app->group_count = (unsigned)strtoul(argv[4], NULL, 10);
    app->hurry = (unsigned)strtoul(argv[5], NULL, 10);
    app->snapshot_every = strtoull(argv[6], NULL, 10);
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL); /* inherited by the threads */
    signal(SIGPIPE, SIG_IGN);
    begin(app);
    int which;
    sigwait(&ends, &which);
    end(app);
    free(app);
    return 0;
}
