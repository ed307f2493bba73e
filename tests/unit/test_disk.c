/* The POSIX disk: what disk.h promises of reads, writes, names and locks. */
#include "unit.h"
#include "base/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/midge-disk-XXXXXX";
static char path[256];

static const char *in_dir(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void test_write_read(void)
{
    struct disk *d = disk_posix();
    struct disk_file *f;
    CU_ASSERT_EQUAL_FATAL(disk_open(d, in_dir("a"), DISK_WRITE | DISK_CREATE, &f), 0);
    struct iovec iov[3] = {{(void *)"hello", 5}, {(void *)"", 0}, {(void *)" disk", 5}};
    CU_ASSERT_EQUAL(disk_pwritev(f, iov, 3, 2), 10);
    char buf[32];
    CU_ASSERT_EQUAL(disk_pread(f, buf, sizeof buf, 0), 12);
    CU_ASSERT_EQUAL(memcmp(buf, "\0\0hello disk", 12), 0);
    CU_ASSERT_EQUAL(disk_truncate(f, 4), 0);
    CU_ASSERT_EQUAL(disk_reserve(f, 4096), 0);
    struct disk_stat st;
    CU_ASSERT_EQUAL(disk_file_stat(f, &st), 0);
    CU_ASSERT_EQUAL(st.size, 4);
    CU_ASSERT_EQUAL(disk_sync(f), 0);
    CU_ASSERT_EQUAL(disk_close(f), 0);
    CU_ASSERT_EQUAL(disk_open(d, in_dir("a"), DISK_WRITE | DISK_CREATE | DISK_EXCL, &f), -EEXIST);
    CU_ASSERT_EQUAL(disk_open(d, in_dir("none"), DISK_READ, &f), -ENOENT);
}

static int count_name(void *ctx, const char *name, bool is_dir)
{
    (void)name;
    *(int *)ctx += is_dir ? 10 : 1;
    return 0;
}

static void test_names(void)
{
    struct disk *d = disk_posix();
    CU_ASSERT_EQUAL(disk_mkdir(d, in_dir("sub")), 0);
    CU_ASSERT_EQUAL(disk_mkdir(d, in_dir("sub")), -EEXIST);
    int n = 0;
    CU_ASSERT_EQUAL(disk_list(d, dir, count_name, &n), 0);
    CU_ASSERT_EQUAL(n, 11);
    char to[300];
    snprintf(to, sizeof to, "%s/b", dir);
    CU_ASSERT_EQUAL(disk_rename(d, in_dir("a"), to), 0);
    CU_ASSERT_EQUAL(disk_sync_dir(d, dir), 0);
    CU_ASSERT_EQUAL(disk_unlink(d, to), 0);
    CU_ASSERT_EQUAL(disk_unlink(d, to), -ENOENT);
    CU_ASSERT_EQUAL(disk_rmdir(d, in_dir("sub")), 0);
    uint64_t avail, total;
    CU_ASSERT_EQUAL(disk_space(d, dir, &avail, &total), 0);
    CU_ASSERT(avail <= total);
}

static void test_lock(void)
{
    struct disk *d = disk_posix();
    struct disk_file *a, *b;
    CU_ASSERT_EQUAL_FATAL(disk_open(d, in_dir("lock"), DISK_WRITE | DISK_CREATE, &a), 0);
    CU_ASSERT_EQUAL_FATAL(disk_open(d, in_dir("lock"), DISK_WRITE, &b), 0);
    CU_ASSERT_EQUAL(disk_lock(a), 0);
    CU_ASSERT_EQUAL(disk_lock(b), -EWOULDBLOCK);
    disk_close(a);
    CU_ASSERT_EQUAL(disk_lock(b), 0);
    disk_close(b);
    disk_unlink(d, path);
    CU_ASSERT_EQUAL(rmdir(dir), 0);
}

static const struct unit_test tests[] = {UNIT_TEST(test_write_read), UNIT_TEST(test_names),
                                         UNIT_TEST(test_lock)};

int main(int argc, char **argv)
{
    if (mkdtemp(dir) == NULL)
        return 2;
    return unit_run("disk", tests, sizeof tests / sizeof tests[0], argc, argv);
}
