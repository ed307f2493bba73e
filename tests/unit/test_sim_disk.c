/* The simulated disk: sound operation, what a power cut may and may not take, injected faults. */
#include "unit.h"
#include "sim/sim_disk.h"

#include <errno.h>
#include <stdlib.h>

/* A disk with one folder /d, and short ways to use it. */
struct rig {
    struct sched *s;
    struct sim_disk *sim;
    struct disk *d;
};

static struct rig rig_new(uint64_t seed)
{
    struct rig r = {.s = sched_new(seed)};
    r.sim = sim_disk_new(r.s);
    r.d = sim_disk_base(r.sim);
    sim_disk_mkdirs(r.sim, "/d");
    return r;
}

static void rig_free(struct rig *r)
{
    sim_disk_free(r->sim);
    sched_free(r->s);
}

static struct disk_file *must_open(struct rig *r, const char *path, int flags)
{
    struct disk_file *f = NULL;
    CU_ASSERT_EQUAL_FATAL(disk_open(r->d, path, flags, &f), 0);
    return f;
}

static void put(struct rig *r, const char *path, const char *text, bool sync)
{
    struct disk_file *f = must_open(r, path, DISK_WRITE | DISK_CREATE | DISK_TRUNC);
    CU_ASSERT_EQUAL(disk_pwrite(f, text, strlen(text), 0), (ssize_t)strlen(text));
    if (sync)
        CU_ASSERT_EQUAL(disk_sync(f), 0);
    CU_ASSERT_EQUAL(disk_close(f), 0);
}

/* The text of a file, "-" when there is none. */
static const char *get(struct rig *r, const char *path)
{
    static char text[64];
    struct disk_file *f;
    if (disk_open(r->d, path, DISK_READ, &f) == -ENOENT)
        return "-";
    ssize_t n = disk_pread(f, text, sizeof text - 1, 0);
    CU_ASSERT_FATAL(n >= 0);
    text[n] = 0;
    disk_close(f);
    return text;
}

static void cut(struct rig *r)
{
    sim_disk_crash(r->sim);
    sim_disk_start(r->sim);
}

static void test_files(void)
{
    struct rig r = rig_new(1);
    struct disk_file *f = must_open(&r, "/d/a", DISK_WRITE | DISK_CREATE);
    struct iovec iov[3] = {{(void *)"hello", 5}, {(void *)"", 0}, {(void *)" disk", 5}};
    CU_ASSERT_EQUAL(disk_pwritev(f, iov, 3, 2), 10);
    char buf[32];
    CU_ASSERT_EQUAL(disk_pread(f, buf, sizeof buf, 0), 12);
    CU_ASSERT_EQUAL(memcmp(buf, "\0\0hello disk", 12), 0);
    CU_ASSERT_EQUAL(disk_pread(f, buf, sizeof buf, 12), 0);
    CU_ASSERT_EQUAL(disk_truncate(f, 4), 0);
    CU_ASSERT_EQUAL(disk_truncate(f, 6), 0);
    CU_ASSERT_EQUAL(disk_pread(f, buf, sizeof buf, 2), 4);
    CU_ASSERT_EQUAL(memcmp(buf, "he\0\0", 4), 0);
    CU_ASSERT_EQUAL(disk_reserve(f, 4096), 0);
    struct disk_stat st;
    CU_ASSERT_EQUAL(disk_file_stat(f, &st), 0);
    CU_ASSERT_EQUAL(st.size, 6);
    CU_ASSERT_EQUAL(st.mtime_ns, SIM_EPOCH_NS);
    CU_ASSERT_EQUAL(sim_disk_used(r.sim), 4096);
    disk_close(f);
    f = must_open(&r, "d//./a", DISK_READ);
    CU_ASSERT_EQUAL(disk_pwrite(f, "x", 1, 0), -EBADF);
    disk_close(f);
    CU_ASSERT_EQUAL(disk_open(r.d, "/d/a", DISK_WRITE | DISK_CREATE | DISK_EXCL, &f), -EEXIST);
    CU_ASSERT_EQUAL(disk_open(r.d, "/d/none", DISK_READ, &f), -ENOENT);
    CU_ASSERT_EQUAL(disk_open(r.d, "/d/a/b", DISK_READ, &f), -ENOTDIR);
    CU_ASSERT_EQUAL(disk_open(r.d, "/d", DISK_READ, &f), -EISDIR);
    CU_ASSERT_EQUAL(disk_open(r.d, "/d/../a", DISK_READ, &f), -EINVAL);
    rig_free(&r);
}

static int count_name(void *ctx, const char *name, bool is_dir)
{
    (void)name;
    *(int *)ctx += is_dir ? 10 : 1;
    return 0;
}

static void test_names(void)
{
    struct rig r = rig_new(1);
    struct disk_stat st;
    put(&r, "/d/a", "one", false);
    put(&r, "/d/b", "two", false);
    CU_ASSERT_EQUAL(disk_mkdir(r.d, "/d/sub"), 0);
    CU_ASSERT_EQUAL(disk_mkdir(r.d, "/d/sub"), -EEXIST);
    CU_ASSERT_EQUAL(disk_mkdir(r.d, "/x/sub"), -ENOENT);
    int n = 0;
    CU_ASSERT_EQUAL(disk_list(r.d, "/d", count_name, &n), 0);
    CU_ASSERT_EQUAL(n, 12);
    CU_ASSERT_EQUAL(disk_list(r.d, "/e", count_name, &n), -ENOENT);
    CU_ASSERT_EQUAL(disk_rename(r.d, "/d/a", "/d/b"), 0);
    CU_ASSERT_STRING_EQUAL(get(&r, "/d/b"), "one");
    CU_ASSERT_STRING_EQUAL(get(&r, "/d/a"), "-");
    CU_ASSERT_EQUAL(disk_rename(r.d, "/d/b", "/d/sub/c"), 0);
    CU_ASSERT_EQUAL(disk_rename(r.d, "/d/sub", "/d/sub/c"), -EINVAL);
    CU_ASSERT_EQUAL(disk_rename(r.d, "/d/sub/c", "/d/sub"), -EISDIR);
    CU_ASSERT_EQUAL(disk_rmdir(r.d, "/d/sub"), -ENOTEMPTY);
    CU_ASSERT_EQUAL(disk_stat(r.d, "/d/sub", &st), 0);
    CU_ASSERT(st.is_dir);
    CU_ASSERT_EQUAL(disk_unlink(r.d, "/d/sub"), -EISDIR);
    CU_ASSERT_EQUAL(disk_unlink(r.d, "/d/sub/c"), 0);
    CU_ASSERT_EQUAL(disk_unlink(r.d, "/d/sub/c"), -ENOENT);
    CU_ASSERT_EQUAL(disk_rmdir(r.d, "/d/sub"), 0);
    CU_ASSERT_EQUAL(disk_sync_dir(r.d, "/d/sub"), -ENOENT);
    CU_ASSERT_EQUAL(sim_disk_used(r.sim), 0);
    rig_free(&r);
}

static void test_lock(void)
{
    struct rig r = rig_new(1);
    struct disk_file *a = must_open(&r, "/d/lock", DISK_WRITE | DISK_CREATE);
    struct disk_file *b = must_open(&r, "/d/lock", DISK_WRITE);
    CU_ASSERT_EQUAL(disk_lock(a), 0);
    CU_ASSERT_EQUAL(disk_lock(b), -EWOULDBLOCK);
    disk_close(a);
    CU_ASSERT_EQUAL(disk_lock(b), 0);
    sim_disk_kill(r.sim);
    CU_ASSERT_EQUAL(disk_lock(b), -EIO);
    sim_disk_start(r.sim);
    CU_ASSERT_EQUAL(disk_lock(b), -EIO);
    a = must_open(&r, "/d/lock", DISK_WRITE);
    CU_ASSERT_EQUAL(disk_lock(a), 0);
    CU_ASSERT_EQUAL(disk_close(b), -EIO);
    disk_close(a);
    rig_free(&r);
}

/* Synced bytes under a synced name always survive; what is left of the rest differs by seed. */
static void test_cut_files(void)
{
    unsigned whole = 0, gone = 0, torn = 0, hole = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct rig r = rig_new(seed);
        struct disk_file *f = must_open(&r, "/d/a", DISK_WRITE | DISK_CREATE);
        disk_pwrite(f, "SAFE", 4, 0);
        disk_sync(f);
        disk_sync_dir(r.d, "/d");
        disk_pwrite(f, "first.", 6, 4);
        disk_pwrite(f, "second", 6, 10);
        sim_disk_crash(r.sim);
        CU_ASSERT_EQUAL(disk_pwrite(f, "x", 1, 0), -EIO);
        disk_close(f);
        sim_disk_start(r.sim);
        char buf[32] = "";
        f = must_open(&r, "/d/a", DISK_READ);
        ssize_t n = disk_pread(f, buf, sizeof buf - 1, 0);
        disk_close(f);
        CU_ASSERT(n >= 4 && n <= 16);
        CU_ASSERT_EQUAL(memcmp(buf, "SAFE", 4), 0);
        whole += n == 16 && memcmp(buf + 4, "first.second", 12) == 0;
        gone += n == 4;
        torn += n > 4 && n < 10;
        hole += n > 10 && buf[4] == 0;
        rig_free(&r);
    }
    CU_ASSERT(whole > 50 && gone > 50 && torn > 5 && hole > 5);
}

static void test_cut_overwrite(void)
{
    unsigned old = 0, new = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct rig r = rig_new(seed);
        put(&r, "/d/a", "old old old", true);
        disk_sync_dir(r.d, "/d");
        struct disk_file *f = must_open(&r, "/d/a", DISK_WRITE);
        disk_truncate(f, 3);
        disk_pwrite(f, "new", 3, 0);
        disk_close(f);
        cut(&r);
        const char *text = get(&r, "/d/a");
        old += strcmp(text, "old old old") == 0;
        new += strcmp(text, "new") == 0;
        CU_ASSERT(strlen(text) == 3 || strlen(text) == 11);
        rig_free(&r);
    }
    CU_ASSERT(old > 10 && new > 10);
}

/* The usual way to replace a file: afterwards it is wholly the old or wholly the new one. */
static void test_cut_replace(void)
{
    unsigned old = 0, new = 0, left_over = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct rig r = rig_new(seed);
        put(&r, "/d/a", "old", true);
        disk_sync_dir(r.d, "/d");
        put(&r, "/d/a.tmp", "new", true);
        disk_rename(r.d, "/d/a.tmp", "/d/a");
        if (seed % 2 == 0)
            disk_sync_dir(r.d, "/d");
        cut(&r);
        const char *text = get(&r, "/d/a");
        CU_ASSERT(strcmp(text, "new") == 0 || (seed % 2 == 1 && strcmp(text, "old") == 0));
        old += strcmp(text, "old") == 0;
        new += strcmp(text, "new") == 0;
        left_over += strcmp(get(&r, "/d/a.tmp"), "new") == 0;
        rig_free(&r);
    }
    CU_ASSERT(old > 20 && new > 120 && left_over > 5 && left_over <= old);
}

/* No file is ever seen under two names, none is lost by being moved out of the way. */
static void test_cut_names(void)
{
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct rig r = rig_new(seed);
        sim_disk_mkdirs(r.sim, "/e");
        put(&r, "/d/x", "A", true);
        disk_sync_dir(r.d, "/d");
        disk_rename(r.d, "/d/x", "/d/y");
        disk_rename(r.d, "/d/y", "/e/z");
        put(&r, "/d/x", "B", true);
        if (seed % 3 == 0)
            disk_sync_dir(r.d, "/e");
        cut(&r);
        int seen = 0;
        const char *paths[] = {"/d/x", "/d/y", "/e/z"};
        for (int i = 0; i < 3; i++)
            seen += strcmp(get(&r, paths[i]), "A") == 0;
        CU_ASSERT_EQUAL(seen, 1);
        if (seed % 3 == 0)
            CU_ASSERT_STRING_EQUAL(get(&r, "/e/z"), "A");
        rig_free(&r);
    }
}

/* A name is safe only when those of the folders above are. */
static void test_cut_folder(void)
{
    unsigned kept = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct rig r = rig_new(seed);
        disk_mkdir(r.d, "/d/sub");
        put(&r, "/d/sub/a", "x", true);
        disk_sync_dir(r.d, "/d/sub");
        cut(&r);
        const char *text = get(&r, "/d/sub/a");
        struct disk_stat st;
        CU_ASSERT(strcmp(text, "x") == 0 || disk_stat(r.d, "/d/sub", &st) == -ENOENT);
        kept += strcmp(text, "x") == 0;
        rig_free(&r);
    }
    CU_ASSERT(kept > 10 && kept < 90);
}

/* A process that dies loses nothing that it has written. */
static void test_kill(void)
{
    struct rig r = rig_new(3);
    put(&r, "/d/a", "text", false);
    uint64_t digest = sim_disk_digest(r.sim);
    sim_disk_kill(r.sim);
    struct disk_stat st;
    CU_ASSERT_EQUAL(disk_stat(r.d, "/d/a", &st), -EIO);
    sim_disk_start(r.sim);
    CU_ASSERT_EQUAL(sim_disk_digest(r.sim), digest);
    CU_ASSERT_STRING_EQUAL(get(&r, "/d/a"), "text");
    rig_free(&r);
}

/* Power goes in the n-th changing call: that call and all later ones fail. */
static void test_cut_at(void)
{
    for (uint64_t n = 1; n <= 4; n++) {
        struct rig r = rig_new(n);
        struct disk_file *f = NULL;
        sim_disk_cut_at(r.sim, n);
        int rc[4];
        rc[0] = disk_open(r.d, "/d/a", DISK_WRITE | DISK_CREATE, &f);
        if (rc[0] == 0) {
            rc[1] = (int)disk_pwrite(f, "abc", 3, 0);
            rc[2] = disk_sync(f);
            disk_close(f);
        } else {
            rc[1] = rc[2] = rc[0];
        }
        rc[3] = disk_sync_dir(r.d, "/d");
        for (uint64_t i = 0; i < 4; i++)
            CU_ASSERT_EQUAL(rc[i] < 0, i + 1 >= n);
        CU_ASSERT(sim_disk_is_off(r.sim));
        CU_ASSERT_EQUAL(sim_disk_counts(r.sim)->crashes, 1);
        rig_free(&r);
    }
}

static void test_rules(void)
{
    struct rig r = rig_new(5);
    struct disk_file *f;
    sim_disk_fail(r.sim,
                  (struct sim_disk_rule){
                      .ops = SIM_OP(SIM_OPEN), .path = "*.blk", .after = 1, .times = 2, .error = -EMFILE});
    put(&r, "/d/1.blk", "x", true);
    CU_ASSERT_EQUAL(disk_open(r.d, "/d/1.blk", DISK_READ, &f), -EMFILE);
    put(&r, "/d/other", "x", true);
    CU_ASSERT_EQUAL(disk_open(r.d, "/d/2.blk", DISK_READ, &f), -EMFILE);
    CU_ASSERT_EQUAL(disk_open(r.d, "/d/2.blk", DISK_READ, &f), -ENOENT);
    sim_disk_heal(r.sim);

    sim_disk_fail(r.sim, (struct sim_disk_rule){.ops = SIM_OP(SIM_STAT), .one_in = 4, .error = -EIO});
    unsigned failed = 0;
    struct disk_stat st;
    for (int i = 0; i < 400; i++)
        failed += disk_stat(r.d, "/d/other", &st) == -EIO;
    CU_ASSERT(failed > 50 && failed < 150);
    CU_ASSERT_EQUAL(sim_disk_counts(r.sim)->faults, failed + 2);
    sim_disk_heal(r.sim);

    sim_disk_fail(r.sim, (struct sim_disk_rule){.ops = SIM_OP(SIM_READ), .times = 1, .error = -EIO});
    f = must_open(&r, "/d/other", DISK_READ);
    char c;
    CU_ASSERT_EQUAL(disk_pread(f, &c, 1, 0), -EIO);
    CU_ASSERT_EQUAL(disk_pread(f, &c, 1, 0), 1);
    disk_close(f);
    rig_free(&r);
}

static void test_short_write(void)
{
    bool some = false, none = false;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct rig r = rig_new(seed);
        struct disk_file *f = must_open(&r, "/d/a", DISK_WRITE | DISK_CREATE);
        sim_disk_fail(r.sim, (struct sim_disk_rule){.ops = SIM_OP(SIM_WRITE), .times = 1, .error = -EIO});
        CU_ASSERT_EQUAL(disk_pwrite(f, "abcd", 4, 0), -EIO);
        struct disk_stat st;
        disk_file_stat(f, &st);
        CU_ASSERT(st.size <= 4);
        some = some || st.size > 0;
        none = none || st.size == 0;
        CU_ASSERT_EQUAL(disk_pwrite(f, "abcd", 4, 0), 4);
        disk_close(f);
        rig_free(&r);
    }
    CU_ASSERT(some && none);
}

/* After a failed sync the bytes can be lost although the next one says all is well. */
static void test_failed_sync(void)
{
    unsigned lost = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct rig r = rig_new(seed);
        struct disk_file *f = must_open(&r, "/d/a", DISK_WRITE | DISK_CREATE);
        disk_sync_dir(r.d, "/d");
        disk_pwrite(f, "lost", 4, 0);
        sim_disk_fail(r.sim, (struct sim_disk_rule){.ops = SIM_OP(SIM_SYNC), .times = 1, .error = -EIO});
        CU_ASSERT_EQUAL(disk_sync(f), -EIO);
        disk_pwrite(f, "kept", 4, 4);
        CU_ASSERT_EQUAL(disk_sync(f), 0);
        CU_ASSERT_STRING_EQUAL(get(&r, "/d/a"), "lostkept");
        disk_close(f);
        cut(&r);
        char buf[8];
        f = must_open(&r, "/d/a", DISK_READ);
        CU_ASSERT_EQUAL(disk_pread(f, buf, 8, 0), 8);
        disk_close(f);
        CU_ASSERT_EQUAL(memcmp(buf + 4, "kept", 4), 0);
        lost += memcmp(buf, "\0\0\0\0", 4) == 0;
        CU_ASSERT(memcmp(buf, "\0\0\0\0", 4) == 0 || memcmp(buf, "lost", 4) == 0);
        rig_free(&r);
    }
    CU_ASSERT(lost > 30 && lost < 120);
}

static void test_full(void)
{
    struct rig r = rig_new(1);
    sim_disk_limit(r.sim, 10, 2);
    struct disk_file *a = must_open(&r, "/d/a", DISK_WRITE | DISK_CREATE);
    struct disk_file *b = must_open(&r, "/d/b", DISK_WRITE | DISK_CREATE);
    struct disk_file *c;
    CU_ASSERT_EQUAL(disk_open(r.d, "/d/c", DISK_WRITE | DISK_CREATE, &c), -EMFILE);
    CU_ASSERT_EQUAL(disk_reserve(a, 6), 0);
    CU_ASSERT_EQUAL(disk_pwrite(b, "12345", 5, 0), -ENOSPC);
    struct disk_stat st;
    disk_file_stat(b, &st);
    CU_ASSERT_EQUAL(st.size, 4);
    CU_ASSERT_EQUAL(disk_pwrite(a, "123456", 6, 0), 6);
    CU_ASSERT_EQUAL(disk_pwrite(a, "7", 1, 6), -ENOSPC);
    CU_ASSERT_EQUAL(disk_reserve(a, 7), -ENOSPC);
    uint64_t avail, total;
    CU_ASSERT_EQUAL(disk_space(r.d, "/d", &avail, &total), 0);
    CU_ASSERT_EQUAL(avail, 0);
    CU_ASSERT_EQUAL(total, 10);
    disk_close(b);
    disk_unlink(r.d, "/d/b");
    CU_ASSERT_EQUAL(disk_pwrite(a, "7890", 4, 6), 4);
    disk_close(a);
    rig_free(&r);
}

static void test_rot(void)
{
    struct rig r = rig_new(9);
    put(&r, "/d/a", "aaaa", true);
    put(&r, "/d/b.blk", "bbbb", true);
    disk_sync_dir(r.d, "/d");
    CU_ASSERT_EQUAL(sim_disk_flip(r.sim, "/d/a", 1, 3), 0);
    CU_ASSERT_EQUAL(sim_disk_flip(r.sim, "/d/a", 4, 3), -EINVAL);
    CU_ASSERT_EQUAL(sim_disk_flip(r.sim, "/d/c", 0, 3), -ENOENT);
    char path[DISK_PATH_MAX];
    uint64_t at;
    CU_ASSERT(sim_disk_rot(r.sim, "*.blk", path, &at));
    CU_ASSERT_FALSE(sim_disk_rot(r.sim, "*.none", NULL, NULL));
    cut(&r);
    CU_ASSERT_STRING_EQUAL(path, "/d/b.blk");
    CU_ASSERT_STRING_EQUAL(get(&r, "/d/a"), "abaa");
    const char *b = get(&r, "/d/b.blk");
    CU_ASSERT_EQUAL_FATAL(strlen(b), 4);
    for (uint64_t i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(b[i] != 'b', i == at); /* one byte, whatever bits of it */
    rig_free(&r);
}

struct rotten {
    bool spare;
    uint64_t at;
};

static bool on_read_rot(void *ctx, const char *path, uint64_t at)
{
    struct rotten *x = ctx;
    CU_ASSERT_STRING_EQUAL(path, "/d/b.blk");
    x->at = at;
    return !x->spare;
}

/* A read that goes wrong leaves the file as it is. */
static void test_rot_of_reads(void)
{
    struct rig r = rig_new(9);
    struct rotten x = {0};
    put(&r, "/d/a", "aaaa", true);
    put(&r, "/d/b.blk", "bbbb", true);
    sim_disk_rot_reads(r.sim, "*.blk", 1, on_read_rot, &x);
    const char *b = get(&r, "/d/b.blk");
    CU_ASSERT_EQUAL_FATAL(strlen(b), 4);
    for (uint64_t i = 0; i < 4; i++) {
        unsigned bits = (uint8_t)b[i] ^ 'b';
        CU_ASSERT(i == x.at ? bits != 0 && (bits & (bits - 1)) == 0 : bits == 0);
    }
    CU_ASSERT_STRING_EQUAL(get(&r, "/d/a"), "aaaa");
    x.spare = true;
    CU_ASSERT_STRING_EQUAL(get(&r, "/d/b.blk"), "bbbb");
    sim_disk_rot_reads(r.sim, "*.blk", 0, NULL, NULL);
    CU_ASSERT_STRING_EQUAL(get(&r, "/d/b.blk"), "bbbb");
    rig_free(&r);
}

/* Random work with cuts: one seed is one history, and two seeds are two. */
static uint64_t history(uint64_t seed)
{
    struct rig r = rig_new(seed);
    for (int i = 0; i < 2000; i++) {
        char path[32], to[32];
        snprintf(path, sizeof path, "/d/%u", (unsigned)sched_below(r.s, 6));
        snprintf(to, sizeof to, "/d/%u", (unsigned)sched_below(r.s, 6));
        struct disk_file *f;
        switch (sched_below(r.s, 8)) {
        default:
            if (disk_open(r.d, path, DISK_WRITE | DISK_CREATE, &f) == 0) {
                disk_pwrite(f, "some bytes of text", 18, sched_below(r.s, 40));
                if (sched_below(r.s, 2) == 0)
                    disk_sync(f);
                disk_close(f);
            }
            break;
        case 4:
            disk_rename(r.d, path, to);
            break;
        case 5:
            disk_unlink(r.d, path);
            break;
        case 6:
            disk_sync_dir(r.d, "/d");
            break;
        case 7:
            if (sched_below(r.s, 10) == 0)
                cut(&r);
            break;
        }
    }
    uint64_t digest = sim_disk_digest(r.sim);
    rig_free(&r);
    return digest;
}

static void test_same_seed(void)
{
    for (uint64_t seed = 0; seed < 5; seed++)
        CU_ASSERT_EQUAL(history(seed), history(seed));
    CU_ASSERT_NOT_EQUAL(history(1), history(2));
}

/* The power goes while a file is opened: there is no handle. */
static void test_cut_in_open(void)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct rig r = rig_new(seed);
        struct disk_file *f = NULL;
        sim_disk_cut_at(r.sim, 1);
        CU_ASSERT_EQUAL(disk_open(r.d, "/d/a", DISK_WRITE | DISK_CREATE, &f), -EIO);
        CU_ASSERT_PTR_NULL(f);
        sim_disk_start(r.sim);
        rig_free(&r);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_files),        UNIT_TEST(test_names),         UNIT_TEST(test_lock),
    UNIT_TEST(test_cut_files),    UNIT_TEST(test_cut_overwrite), UNIT_TEST(test_cut_replace),
    UNIT_TEST(test_cut_names),    UNIT_TEST(test_cut_folder),    UNIT_TEST(test_kill),
    UNIT_TEST(test_cut_at),       UNIT_TEST(test_rules),         UNIT_TEST(test_short_write),
    UNIT_TEST(test_failed_sync),  UNIT_TEST(test_full),          UNIT_TEST(test_rot),
    UNIT_TEST(test_rot_of_reads), UNIT_TEST(test_same_seed),     UNIT_TEST(test_cut_in_open),
};
UNIT_MAIN("sim_disk", tests)
