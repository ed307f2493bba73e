/* Group directories of a real cluster open as what they are, and what we write is what its server writes.
 * The expected numbers were read from the files by another program (docs/spec/raft.md, section 11). */
#include "store_fixture.h"
#include "raft/files.h"
#include "raft/log.h"
#include "raft/node.h"
#include "raft/wire.h"

#include <errno.h>
#include <fcntl.h>

struct group {
    const char *name;
    const char *vote;
    uint64_t snapshot;      /* index; term 1 */
    uint64_t first, last;   /* of the log; last is a LeaderTransfer but in new ones */
    uint64_t commit;        /* in the last entry */
    uint64_t commit_file;   /* commit.idx, 0: none */
    unsigned normal, other; /* entries */
    bool memory;
};

struct golden {
    const char *folder, *key;
    struct group groups[4];
};

static const struct golden golden[] = {
    {"raft3",
     NULL,
     {{"_meta_", "44jzkV9D", 7, 8, 8, 7, 7, 0, 1, false},
      {"S-R3F-2cYE0ZP0", "fjFyEjc1", 29, 30, 30, 29, 0, 0, 1, false},
      {"C-R3F-eMfcouz0", "fjFyEjc1", 0, 1, 7, 6, 0, 12, 2, false},
      {"S-R3M-k1v7OORa", "fjFyEjc1", 2, 3, 2, 0, 0, 0, 0, true}}},
    {"raft3-aes",
     "golden-jetstream-key-4",
     {{"_meta_", "44jzkV9D", 7, 8, 8, 7, 7, 0, 1, false},
      {"S-R3F-WxOzXhLI", "fjFyEjc1", 29, 30, 30, 29, 0, 0, 1, false},
      {"C-R3F-kDdg8QRz", "BXScrY9i", 0, 1, 7, 6, 0, 12, 2, false},
      {"S-R3M-k6CA05o8", "fjFyEjc1", 2, 3, 2, 0, 0, 0, 0, true}}},
};
#define CASES (sizeof golden / sizeof golden[0])

/* Folders here are short; files in them have PATH_SIZE. */
#define DIR_SIZE  200
#define PATH_SIZE (DIR_SIZE + 100)

static char scratch[64];

static void scratch_make(void)
{
    snprintf(scratch, sizeof scratch, "%s/midge-raft-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    CU_ASSERT_FATAL(mkdtemp(scratch) != NULL);
}

static void scratch_remove(void)
{
    fixture_shell("rm -rf '%s'%s", scratch, "");
}

/* A copy of a group's directory of node `n` (1 to 3), to work on. */
static void group_copy(const struct golden *g, int n, const struct group *of, char dir[DIR_SIZE])
{
    char from[PATH_SIZE];
    scratch_make();
    snprintf(from, sizeof from, "tests/golden/store/%s/n%d/store/jetstream/SYS/_js_/%s", g->folder, n,
             of->name);
    snprintf(dir, DIR_SIZE, "%s/%s", scratch, of->name);
    fixture_shell("cp -r '%s' '%s'", from, scratch);
}

static struct raft_log_keys keys_of(const struct golden *g)
{
    return (struct raft_log_keys){.key = slice_str(g->key), .random = fixture_random};
}

static bool same_file(const char *a, const char *b)
{
    size_t n = 0, m = 0;
    char *x = json_read_file(a, &n), *y = json_read_file(b, &m);
    bool same = x != NULL && y != NULL && n == m && memcmp(x, y, n) == 0;
    free(x);
    free(y);
    return same;
}

/* ---- the small files ---- */

static bool all_three(const struct raft_peers *p)
{
    unsigned seen = 0;
    static const char *const ids[] = {"fjFyEjc1", "44jzkV9D", "BXScrY9i"};
    for (uint32_t i = 0; i < p->count; i++) {
        for (unsigned k = 0; k < 3; k++)
            seen |= p->ids[i] == raft_id_of(ids[k]) ? 1u << k : 0;
    }
    return p->size == 3 && p->count == 3 && seen == 7;
}

static void check_small_files(const char *dir, const struct group *of)
{
    struct raft_files f;
    struct raft_vote_state v;
    struct raft_peers peers;
    struct raft_snapshot_file s;
    raft_id ids[RAFT_PEERS_MAX];
    bool fresh, found;
    uint64_t commit;
    CU_ASSERT_EQUAL_FATAL(raft_files_open(&f, disk_posix(), dir, slice_str(of->name), &fresh), 0);
    CU_ASSERT(!fresh);
    CU_ASSERT_EQUAL(raft_files_load_vote(&f, &v), 0);
    CU_ASSERT(v.p.term == 1 && v.p.vote == raft_id_of(of->vote));
    CU_ASSERT(!v.have_promise && !v.promise_lost && !v.vote_lost);
    CU_ASSERT_EQUAL(raft_files_load_peers(&f, &peers, ids, &found), 0);
    CU_ASSERT(found && all_three(&peers));
    CU_ASSERT_EQUAL(raft_files_load_commit(&f, &commit), 0);
    CU_ASSERT_EQUAL(commit, of->commit_file);
    int rc = raft_files_load_snapshot(&f, &s, ids);
    CU_ASSERT_EQUAL(rc, of->snapshot == 0 ? -ENOENT : 0);
    if (rc == 0) {
        CU_ASSERT(s.term == 1 && s.index == of->snapshot && all_three(&s.peers) && s.data.len > 0);
        free(s.bytes);
    }
    raft_files_close(&f);
}

/* covers: RF-131 RF-125 RF-139 */
static void what_we_write_is_what_the_server_writes(const char *dir, const struct group *of)
{
    struct raft_files from, to;
    struct raft_vote_state v;
    struct raft_peers peers;
    struct raft_snapshot_file s;
    raft_id ids[RAFT_PEERS_MAX];
    bool fresh, found;
    char own[DIR_SIZE], a[PATH_SIZE], b[PATH_SIZE];
    snprintf(own, sizeof own, "%s/own", scratch);
    CU_ASSERT_EQUAL_FATAL(raft_files_open(&from, disk_posix(), dir, slice_str(of->name), &fresh), 0);
    CU_ASSERT_EQUAL_FATAL(raft_files_open(&to, disk_posix(), own, slice_str(of->name), &fresh), 0);
    CU_ASSERT(fresh);
    CU_ASSERT_EQUAL(raft_files_load_vote(&from, &v), 0);
    CU_ASSERT_EQUAL(raft_files_save_vote(&to, &v.p), 0);
    CU_ASSERT_EQUAL(raft_files_load_peers(&from, &peers, ids, &found), 0);
    CU_ASSERT_EQUAL(raft_files_save_peers(&to, &peers), 0);
    static const char *const names[] = {"tav.idx", "peers.idx"};
    for (int i = 0; i < 2; i++) {
        snprintf(a, sizeof a, "%s/%s", dir, names[i]);
        snprintf(b, sizeof b, "%s/%s", own, names[i]);
        CU_ASSERT(same_file(a, b));
    }
    if (of->snapshot > 0) {
        CU_ASSERT_EQUAL_FATAL(raft_files_load_snapshot(&from, &s, ids), 0);
        CU_ASSERT_EQUAL(raft_files_save_snapshot(&to, &s), 0);
        free(s.bytes);
        snprintf(a, sizeof a, "%s/snapshots/snap.1.%d", dir, (int)of->snapshot);
        snprintf(b, sizeof b, "%s/snapshots/snap.1.%d", own, (int)of->snapshot);
        CU_ASSERT(same_file(a, b));
    }
    if (of->commit_file > 0) {
        CU_ASSERT_EQUAL(raft_files_save_commit(&to, of->commit_file), 0);
        snprintf(a, sizeof a, "%s/commit.idx", dir);
        snprintf(b, sizeof b, "%s/commit.idx", own);
        CU_ASSERT(same_file(a, b));
    }
    raft_files_close(&from);
    raft_files_close(&to);
}

/* ---- the log ---- */

static struct raft_log *open_log(const struct golden *g, const char *dir, const struct group *of)
{
    struct raft_log_keys keys = keys_of(g);
    struct raft_log_files c = {.disk = disk_posix(),
                               .dir = dir,
                               .group = slice_str(of->name),
                               .block_size = RAFT_LOG_BLOCK,
                               .base = of->snapshot,
                               .keys = g->key == NULL ? NULL : &keys};
    struct raft_log *l;
    bool damaged;
    CU_ASSERT_EQUAL_FATAL(raft_log_open_files(&c, &l, &damaged), 0);
    CU_ASSERT(!damaged);
    return l;
}

/* Every entry reads, follows the one before, and has what was counted. A hash of all is returned. */
static uint64_t check_entries(struct raft_log *l, const struct group *of)
{
    struct raft_wire_entries v = {0};
    unsigned normal = 0, other = 0;
    uint64_t pterm = of->snapshot > 0, hash = 0;
    for (uint64_t i = l->first; i <= l->last; i++) {
        slice body;
        struct raft_msg m;
        CU_ASSERT_EQUAL_FATAL(raft_log_read(l, i, &body), 0);
        CU_ASSERT_FATAL(raft_wire_decode((struct raft_addr){.place = RAFT_TO_APPEND}, body, &v, &m));
        CU_ASSERT(m.append.pindex == i - 1 && m.append.pterm == pterm && m.append.term == 1);
        for (size_t k = 0; k < m.append.count; k++) {
            normal += m.append.entries[k].type == RAFT_NORMAL;
            other += m.append.entries[k].type != RAFT_NORMAL;
        }
        if (i == of->last) {
            CU_ASSERT(m.append.commit == of->commit);
            CU_ASSERT_EQUAL(m.append.entries[0].type, RAFT_LEADER_TRANSFER);
        }
        pterm = m.append.term;
        for (size_t k = 0; k < body.len; k++)
            hash = hash * 1099511628211u + body.ptr[k];
    }
    CU_ASSERT(normal == of->normal && other == of->other);
    raft_wire_entries_free(&v);
    return hash;
}

/* Append, cut, append, compact; close and open again. */
static void check_changes(const struct golden *g, struct raft_log *l, const char *dir, const struct group *of)
{
    slice body;
    CU_ASSERT_EQUAL(raft_log_append(l, SLICE_LIT("one"), FIXTURE_NOW), 0);
    CU_ASSERT_EQUAL(raft_log_append(l, SLICE_LIT("two"), FIXTURE_NOW), 0);
    CU_ASSERT_EQUAL(raft_log_truncate(l, of->last + 1), 0);
    CU_ASSERT_EQUAL(raft_log_append(l, SLICE_LIT("three"), FIXTURE_NOW), 0);
    CU_ASSERT_EQUAL(raft_log_compact(l, of->last), 0);
    raft_log_sync_begin(l);
    CU_ASSERT_EQUAL(raft_log_sync_run(l), 0);
    raft_log_close(l);
    struct group later = *of;
    later.snapshot = of->last;
    l = open_log(g, dir, &later);
    CU_ASSERT(l->first == of->last + 1 && l->last == of->last + 2);
    CU_ASSERT(raft_log_read(l, of->last + 1, &body) == 0 && slice_eq_str(body, "one"));
    CU_ASSERT(raft_log_read(l, of->last + 2, &body) == 0 && slice_eq_str(body, "three"));
    raft_log_close(l);
}

/* covers: RF-143 */
static void golden_directories_open_as_what_they_are(void)
{
    unsigned opened = 0;
    for (size_t c = 0; c < CASES; c++) {
        for (size_t i = 0; i < 4; i++) {
            const struct group *of = &golden[c].groups[i];
            uint64_t hash = 0;
            for (int n = 1; n <= 3; n++) {
                char dir[DIR_SIZE];
                group_copy(&golden[c], n, of, dir);
                check_small_files(dir, of);
                what_we_write_is_what_the_server_writes(dir, of);
                if (!of->memory) {
                    struct raft_log *l = open_log(&golden[c], dir, of);
                    CU_ASSERT(l->first == of->first && l->last == of->last);
                    uint64_t own = check_entries(l, of);
                    CU_ASSERT(n == 1 || own == hash); /* the three nodes hold the same */
                    hash = own;
                    check_changes(&golden[c], l, dir, of);
                }
                opened++;
                scratch_remove();
            }
        }
    }
    CU_ASSERT_EQUAL(opened, 24);
}

/* Without the key, or with another, nothing is read and nothing is changed. */
static void an_encrypted_log_needs_its_key(void)
{
    const struct golden *g = &golden[1];
    char dir[DIR_SIZE], blk[PATH_SIZE], was[PATH_SIZE];
    group_copy(g, 1, &g->groups[2], dir);
    struct raft_log_keys keys = {.key = SLICE_LIT("another"), .random = fixture_random};
    struct raft_log_files c = {.disk = disk_posix(),
                               .dir = dir,
                               .group = slice_str(g->groups[2].name),
                               .block_size = RAFT_LOG_BLOCK};
    struct raft_log *l;
    bool damaged;
    CU_ASSERT_EQUAL(raft_log_open_files(&c, &l, &damaged), -ENOKEY);
    c.keys = &keys;
    CU_ASSERT_EQUAL(raft_log_open_files(&c, &l, &damaged), -EKEYREJECTED);
    snprintf(blk, sizeof blk, "%s/msgs/1.blk", dir);
    snprintf(was, sizeof was, "tests/golden/store/%s/n1/store/jetstream/SYS/_js_/%s/msgs/1.blk", g->folder,
             g->groups[2].name);
    CU_ASSERT(same_file(blk, was));
    /* The key was changed: the old one opens what is there, new entries go under the new one. */
    keys.prev_key = slice_str(g->key);
    CU_ASSERT_EQUAL_FATAL(raft_log_open_files(&c, &l, &damaged), 0);
    CU_ASSERT(l->last == 7 && !damaged);
    CU_ASSERT_EQUAL(raft_log_append(l, SLICE_LIT("new"), FIXTURE_NOW), 0);
    CU_ASSERT_EQUAL(raft_log_compact(l, 7), 0);
    raft_log_close(l);
    keys.prev_key = SLICE_EMPTY;
    c.base = 7;
    slice body;
    CU_ASSERT_EQUAL_FATAL(raft_log_open_files(&c, &l, &damaged), 0);
    CU_ASSERT(raft_log_read(l, 8, &body) == 0 && slice_eq_str(body, "new"));
    raft_log_close(l);
    scratch_remove();
}

/* ---- the node ---- */

struct seen {
    uint64_t applied, snapshot;
    unsigned entries;
};

static void on_subscribe(void *ctx, slice subject, bool on)
{
    (void)ctx;
    (void)subject;
    (void)on;
}
static void on_send(void *ctx, slice subject, slice reply, slice body)
{
    (void)ctx;
    (void)subject;
    (void)reply;
    (void)body;
}
static void on_apply(void *ctx, uint64_t index, uint64_t term, const struct raft_entry *entries, size_t count)
{
    struct seen *s = ctx;
    (void)entries;
    CU_ASSERT(index == (s->applied > 0 ? s->applied : s->snapshot) + 1 && term == 1);
    s->applied = index;
    s->entries += (unsigned)count;
}
static void on_apply_snapshot(void *ctx, uint64_t index, slice data)
{
    struct seen *s = ctx;
    CU_ASSERT(s->applied == 0 && data.len > 0);
    s->snapshot = index;
}
static void on_note(void *ctx, const struct raft_effect *f)
{
    (void)ctx;
    (void)f;
}
static void on_arm(void *ctx, int64_t deadline)
{
    (void)ctx;
    (void)deadline;
}
static void on_want_sync(void *ctx)
{
    (void)ctx;
}

static const struct raft_host host = {.subscribe = on_subscribe,
                                      .send = on_send,
                                      .apply = on_apply,
                                      .apply_snapshot = on_apply_snapshot,
                                      .note = on_note,
                                      .arm = on_arm,
                                      .want_sync = on_want_sync};

static int open_node(const struct golden *g, const char *dir, const struct group *of, struct seen *s,
                     struct raft_node **n)
{
    struct raft_log_keys keys = keys_of(g);
    struct raft_node_config c = {.disk = disk_posix(),
                                 .dir = dir,
                                 .group = slice_str(of->name),
                                 .keep_commit = of->commit_file > 0,
                                 .keys = g->key == NULL ? NULL : &keys,
                                 .raft = {.id = raft_id_of("fjFyEjc1"),
                                          .seed = 1,
                                          .managed = of->commit_file == 0,
                                          .volatile_log = of->memory},
                                 .host = &host,
                                 .ctx = s};
    int rc = raft_node_open(&c, RAFT_S, FIXTURE_NOW, n);
    if (rc == 0)
        raft_node_start(*n, RAFT_S);
    return rc;
}

/* covers: RF-136 */
static void a_node_starts_from_a_golden_directory(void)
{
    for (size_t c = 0; c < CASES; c++) {
        for (size_t i = 0; i < 4; i++) {
            const struct group *of = &golden[c].groups[i];
            struct raft_node *n;
            struct raft_status st;
            struct seen s = {0};
            char dir[DIR_SIZE];
            group_copy(&golden[c], 1, of, dir);
            CU_ASSERT_EQUAL_FATAL(open_node(&golden[c], dir, of, &s, &n), 0);
            raft_get_status(raft_node_raft(n), &st);
            CU_ASSERT(st.term == 1 && st.vote == raft_id_of(of->vote) && st.size == 3);
            uint64_t end = of->memory ? 0 : of->last;
            CU_ASSERT_EQUAL(st.pindex, end);
            CU_ASSERT_EQUAL(s.snapshot, of->memory ? 0 : of->snapshot);
            /* What the last entry says is committed was handed up, and not more. */
            CU_ASSERT_EQUAL(st.commit, of->memory ? 0 : of->commit);
            CU_ASSERT_EQUAL(s.applied, of->snapshot == 0 ? of->commit : 0);
            CU_ASSERT_EQUAL(s.entries, of->snapshot == 0 ? 12 : 0);
            CU_ASSERT(st.forgot ==
                      of->memory); /* a log in memory is gone: it does not count until caught up */
            raft_node_close(n);
            scratch_remove();
        }
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(golden_directories_open_as_what_they_are),
    UNIT_TEST(an_encrypted_log_needs_its_key),
    UNIT_TEST(a_node_starts_from_a_golden_directory),
};
UNIT_MAIN("raft_golden", tests)
