/* A full disk, on a small file system of its own: appends are refused in clear words, reads go on, and all is
 * well when there is space again. Mounting needs root; without it this is skipped. */
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#define DATA_LEN 3000

/* A file system in memory that goes with this process, however it ends. */
static bool mount_small(const char *dir)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("midge-test", dir, "tmpfs", 0, "size=1m") == 0;
}

static void make_data(uint64_t seq, uint8_t *data)
{
    for (size_t i = 0; i < DATA_LEN; i++)
        data[i] = (uint8_t)(seq * 31 + i);
}

static enum store_rc append(struct store *s, uint64_t next, uint64_t *seq)
{
    uint8_t data[DATA_LEN];
    make_data(next, data);
    struct store_append a = {
        .ts = FIXTURE_NOW, .subject = SLICE_LIT("full"), .data = slice_make(data, sizeof data)};
    enum store_rc rc = store_append(s, &a, FIXTURE_NOW, seq);
    return rc == STORE_OK ? store_commit(s) : rc;
}

static void check_all(struct store *s, uint64_t last)
{
    struct store_state st;
    struct store_msg m;
    uint8_t data[DATA_LEN];
    store_state(s, &st);
    CU_ASSERT_EQUAL(st.msgs, last);
    CU_ASSERT_EQUAL(st.last, last);
    for (uint64_t seq = 1; seq <= last; seq++) {
        make_data(seq, data);
        CU_ASSERT_EQUAL_FATAL(store_load(s, seq, &m), STORE_OK);
        CU_ASSERT(slice_eq(m.data, slice_make(data, sizeof data)));
    }
}

static uint64_t fill(struct store *s, uint64_t last)
{
    uint64_t seq = 0;
    enum store_rc rc = STORE_OK;
    while (last < 1000 && (rc = append(s, last + 1, &seq)) == STORE_OK) {
        CU_ASSERT_EQUAL(seq, last + 1);
        last = seq;
    }
    CU_ASSERT_EQUAL(rc, STORE_NO_SPACE);
    CU_ASSERT_STRING_EQUAL(store_rc_text(rc), "no space left on device");
    return last;
}

static void test_full(void)
{
    char dir[] = "/tmp/midge-full-XXXXXX", ballast[64];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    if (!mount_small(dir)) {
        printf("SKIP a full disk: no file system can be mounted here (%s)\n", strerror(errno));
        rmdir(dir);
        return;
    }
    snprintf(ballast, sizeof ballast, "%s/ballast", dir);
    int fd = open(ballast, O_CREAT | O_WRONLY, 0600);
    CU_ASSERT_EQUAL_FATAL(posix_fallocate(fd, 0, 300000), 0);
    close(fd);
    struct fixture f = {.disk = disk_posix()};
    struct storage_options so = {.disk = f.disk, .dir = dir};
    CU_ASSERT_EQUAL_FATAL(storage_open(&so, &f.storage), 0);
    f.host = (struct store_host){.disk = f.disk,
                                 .port = storage_port_new(f.storage, NULL, NULL),
                                 .cache = store_cache_new(50000),
                                 .random = fixture_random};
    char stream[64];
    snprintf(stream, sizeof stream, "%s/S", dir);
    struct file_store_options o = {.host = &f.host,
                                   .dir = stream,
                                   .name = SLICE_LIT("S"),
                                   .meta = SLICE_LIT("{}"),
                                   .block_size = 64000,
                                   .track_subjects = true,
                                   .now = FIXTURE_NOW};
    struct store *s;
    CU_ASSERT_EQUAL_FATAL(file_store_open(&o, &s), STORE_OK);
    uint64_t last = fill(s, 0), again;
    CU_ASSERT(last > 50);
    check_all(s, last); /* reads go on, most of them from the disk */
    CU_ASSERT_EQUAL(append(s, last + 1, &again), STORE_NO_SPACE);
    CU_ASSERT_EQUAL(unlink(ballast), 0);
    uint64_t more = fill(s, last);
    CU_ASSERT(more > last + 50);
    check_all(s, more);
    uint64_t purged;
    CU_ASSERT_EQUAL(store_compact(s, more - 20, &purged), STORE_OK); /* space by the store's own means */
    CU_ASSERT_EQUAL(store_sync_now(s), STORE_OK);
    CU_ASSERT_EQUAL(append(s, more + 1, &again), STORE_OK);
    struct store_state before, after;
    store_state(s, &before);
    CU_ASSERT_EQUAL(store_close(s, FIXTURE_NOW), STORE_OK);
    CU_ASSERT_EQUAL_FATAL(file_store_open(&o, &s), STORE_OK);
    store_state(s, &after);
    CU_ASSERT(memcmp(&before, &after, sizeof after) == 0);
    CU_ASSERT_EQUAL(store_close(s, FIXTURE_NOW), STORE_OK);
    storage_port_free(f.host.port);
    CU_ASSERT_EQUAL(storage_close(f.storage), 0);
    store_cache_free(f.host.cache);
    CU_ASSERT_EQUAL(umount(dir), 0);
    CU_ASSERT_EQUAL(rmdir(dir), 0);
}

static const struct unit_test tests[] = {UNIT_TEST(test_full)};
UNIT_MAIN("store full", tests)
