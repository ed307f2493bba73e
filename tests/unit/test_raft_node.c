/* A node with its files: a group of one, which leads itself, on a simulated disk. */
#include "raft/files.h"
#include "raft/log.h"
#include "raft/node.h"
#include "sim/sched.h"
#include "sim/sim_disk.h"
#include "unit.h"

#include <stdlib.h>

#define GROUP "C-R1F-abcdefgh"
#define DIR   "/js/group"

struct host {
    struct sched *s;
    struct sim_disk *disk;
    struct raft_node *node;
    int64_t now, deadline;
    bool wants_sync;
    uint64_t applied, entries; /* of this life */
    bool in_turn;              /* no entry came before the one that precedes it */
    unsigned sends;
    char subject[64];
    size_t reply_len, body_len;
};

/* ---- what the node tells ---- */

static void on_subscribe(void *ctx, slice subject, bool on)
{
    (void)ctx;
    (void)subject;
    (void)on;
}

static void on_send(void *ctx, slice subject, slice reply, slice body)
{
    struct host *h = ctx;
    h->sends++;
    snprintf(h->subject, sizeof h->subject, "%.*s", (int)subject.len, (const char *)subject.ptr);
    h->reply_len = reply.len;
    h->body_len = body.len;
}

static void on_apply(void *ctx, uint64_t index, uint64_t term, const struct raft_entry *entries, size_t count)
{
    struct host *h = ctx;
    (void)term;
    (void)entries;
    h->in_turn = h->in_turn && index == h->applied + 1;
    h->applied = index;
    h->entries += count;
    raft_node_applied(h->node, h->now, index, index);
}

static void on_apply_snapshot(void *ctx, uint64_t index, slice data)
{
    struct host *h = ctx;
    (void)data;
    h->applied = index;
    raft_node_applied(h->node, h->now, index, index);
}

static void on_note(void *ctx, const struct raft_effect *f)
{
    (void)ctx;
    (void)f;
}

static void on_arm(void *ctx, int64_t deadline)
{
    ((struct host *)ctx)->deadline = deadline;
}

static void on_want_sync(void *ctx)
{
    ((struct host *)ctx)->wants_sync = true;
}

/* ---- life ---- */

static const char id[] = "nodenode";

static void host_start(struct host *h, bool meta, bool in_memory)
{
    static const struct raft_host callbacks = {.subscribe = on_subscribe,
                                               .send = on_send,
                                               .apply = on_apply,
                                               .apply_snapshot = on_apply_snapshot,
                                               .note = on_note,
                                               .arm = on_arm,
                                               .want_sync = on_want_sync};
    raft_id self = raft_id_of(id);
    struct raft_node_config c = {
        .disk = sim_disk_base(h->disk),
        .dir = DIR,
        .group = SLICE_LIT(GROUP),
        .block_size = RAFT_LOG_BLOCK,
        .keep_commit = meta,
        .raft = {.id = self, .seed = 1, .managed = true, .initializing = true, .volatile_log = in_memory},
        .boot = {.size = 1, .count = 1, .ids = &self},
        .host = &callbacks,
        .ctx = h};
    h->applied = h->entries = h->sends = 0;
    h->in_turn = true;
    h->wants_sync = false;
    CU_ASSERT_EQUAL_FATAL(raft_node_open(&c, h->now, SIM_EPOCH_NS, &h->node), 0);
    raft_node_start(h->node, h->now);
}

/* The process is killed: what was written stays. */
static void host_kill(struct host *h)
{
    sim_disk_kill(h->disk);
    raft_node_close(h->node);
    h->node = NULL;
    sim_disk_start(h->disk);
}

static struct host *host_new(void)
{
    struct host *h = calloc(1, sizeof *h);
    CU_ASSERT_FATAL(h != NULL);
    h->s = sched_new(1);
    h->disk = sim_disk_new(h->s);
    h->now = RAFT_S;
    sim_disk_mkdirs(h->disk, "/js");
    return h;
}

static void host_free(struct host *h)
{
    raft_node_close(h->node);
    sim_disk_free(h->disk);
    sched_free(h->s);
    free(h);
}

static void settle(struct host *h)
{
    while (h->wants_sync) {
        h->wants_sync = false;
        raft_node_sync(h->node, h->now);
    }
}

static struct raft_status status(const struct host *h)
{
    struct raft_status s;
    raft_get_status(raft_node_raft(h->node), &s);
    return s;
}

static void lead(struct host *h)
{
    raft_node_event(h->node, &(struct raft_event){.type = RAFT_EV_NETWORK, .now = h->now, .on = true}, NULL);
    settle(h);
    for (int i = 0; i < 10 && !status(h).leading; i++) {
        h->now = h->deadline;
        raft_node_tick(h->node, h->now, SIM_EPOCH_NS);
        settle(h);
    }
    CU_ASSERT_FATAL(status(h).leading);
}

static void propose(struct host *h, slice data)
{
    struct raft_entry e = {RAFT_NORMAL, data};
    struct raft_event ev = {.type = RAFT_EV_PROPOSE, .now = h->now, .entries = &e, .count = 1};
    CU_ASSERT_EQUAL(raft_node_event(h->node, &ev, NULL), RAFT_OK);
    settle(h);
}

/* ---- tests ---- */

static void forward(struct host *h, const char *reply, const char *data)
{
    h->sends = 0;
    h->subject[0] = '\0';
    CU_ASSERT(
        raft_node_message(h->node, h->now, SLICE_LIT("$NRG.P." GROUP), slice_str(reply), slice_str(data)));
}

/* covers: RF-93 */
static void a_forwarded_proposal_is_answered_when_it_is_in_the_log(void)
{
    struct host *h = host_new();
    host_start(h, false, false);
    forward(h, "back", "too early");
    CU_ASSERT(status(h).pindex == 0 && strcmp(h->subject, "back") != 0); /* no leader: no answer */
    lead(h);
    uint64_t end = status(h).pindex;
    forward(h, "back", "one");
    CU_ASSERT(status(h).pindex == end + 1 && status(h).commit == end); /* which says nothing of a commit */
    CU_ASSERT_STRING_EQUAL(h->subject, "back");
    CU_ASSERT(h->body_len == 0 && h->reply_len == 0);
    settle(h);
    CU_ASSERT(h->applied == end + 1);
    forward(h, "", "two");
    CU_ASSERT(status(h).pindex == end + 2 && strcmp(h->subject, "$NRG.AE." GROUP) == 0);
    settle(h);
    host_free(h);
}

static int snapshots(struct host *h)
{
    char path[DISK_PATH_MAX];
    uint64_t at;
    return sim_disk_rot(h->disk, "*/snap.*", path, &at) ? 1 : 0;
}

/* covers: RF-134 */
static void a_group_in_memory_begins_without_a_snapshot(void)
{
    for (int in_memory = 0; in_memory < 2; in_memory++) {
        struct host *h = host_new();
        host_start(h, false, in_memory == 1);
        lead(h);
        propose(h, SLICE_LIT("one"));
        CU_ASSERT_EQUAL(raft_node_snapshot(h->node, h->now, SLICE_LIT("state"), false), RAFT_OK);
        uint64_t index = status(h).snapshot_index;
        CU_ASSERT(index > 0);
        host_kill(h);
        host_start(h, false, in_memory == 1);
        CU_ASSERT_EQUAL(status(h).snapshot_index, in_memory == 1 ? 0 : index);
        CU_ASSERT_EQUAL(h->applied, in_memory == 1 ? 0 : index);
        CU_ASSERT_EQUAL(snapshots(h), in_memory == 1 ? 0 : 1);
        host_free(h);
    }
}

/* What was committed, but for the last entry, a later entry says anyway. covers: RF-140 */
static void a_meta_group_applies_again_what_it_knew_as_committed(void)
{
    for (int meta = 0; meta < 2; meta++) {
        struct host *h = host_new();
        host_start(h, meta == 1, false);
        lead(h);
        propose(h, SLICE_LIT("one"));
        propose(h, SLICE_LIT("two"));
        uint64_t commit = status(h).commit;
        CU_ASSERT(commit >= 3 && h->applied == commit);
        host_kill(h);
        host_start(h, meta == 1, false); /* no network yet: nobody leads and nothing new is committed */
        CU_ASSERT_EQUAL(h->applied, meta == 1 ? commit : commit - 1);
        CU_ASSERT(h->in_turn && status(h).role == RAFT_FOLLOWER);
        host_free(h);
    }
}

/* The reference queues what it replays, and pauses at 32 MiB; here each entry is read and handed up in turn.
 */
static void a_long_log_is_replayed_entry_by_entry(void)
{
    enum { SIZE = 1 << 20, COUNT = 40 };
    struct host *h = host_new();
    uint8_t *data = calloc(1, SIZE);
    CU_ASSERT_FATAL(data != NULL);
    host_start(h, true, false);
    lead(h);
    for (int i = 0; i < COUNT; i++)
        propose(h, slice_make(data, SIZE));
    uint64_t commit = status(h).commit;
    CU_ASSERT(status(h).log_bytes > (UINT64_C(32) << 20));
    host_kill(h);
    host_start(h, true, false);
    CU_ASSERT(h->applied == commit && h->entries == COUNT && h->in_turn);
    free(data);
    host_free(h);
}

static const struct unit_test tests[] = {
    UNIT_TEST(a_forwarded_proposal_is_answered_when_it_is_in_the_log),
    UNIT_TEST(a_group_in_memory_begins_without_a_snapshot),
    UNIT_TEST(a_meta_group_applies_again_what_it_knew_as_committed),
    UNIT_TEST(a_long_log_is_replayed_entry_by_entry),
};
UNIT_MAIN("raft_node", tests)
