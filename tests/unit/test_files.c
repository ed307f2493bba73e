/* The pid file and the ports file. */
#include "server/files.h"
#include "unit.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *content(const char *path, mode_t *mode)
{
    static char buf[8192];
    struct stat st;
    int fd = open(path, O_RDONLY);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(fstat(fd, &st), 0);
    ssize_t n = read(fd, buf, sizeof buf - 1);
    CU_ASSERT_TRUE_FATAL(n >= 0);
    buf[n] = '\0';
    close(fd);
    *mode = st.st_mode & 0777;
    return buf;
}

/* covers: CF-142 */
static void test_pid_file(void)
{
    char err[FILES_ERROR_MAX];
    mode_t mode;
    CU_ASSERT_TRUE(pid_file_write(in_folder("pid"), 123456, err));
    CU_ASSERT_TRUE(pid_file_write(in_folder("pid"), 4242, err));
    CU_ASSERT_STRING_EQUAL(content(in_folder("pid"), &mode), "4242");
    CU_ASSERT_EQUAL(mode, 0600);
    CU_ASSERT_FALSE(pid_file_write("/nope/x", 1, err));
    CU_ASSERT_STRING_EQUAL(err, "open /nope/x: no such file or directory");
    CU_ASSERT_EQUAL(unlink(in_folder("pid")), 0);
}

/* covers: CF-143 */
static void test_ports_file(void)
{
    const struct files_port ports[] = {{"websocket", "ws", SLICE_LIT("127.0.0.1"), 1},
                                       {"nats", "nats", SLICE_LIT("127.0.0.1"), 4222},
                                       {"nats", "tls", SLICE_LIT("::1"), 5},
                                       {"monitoring", "http", SLICE_LIT("h"), 8222}};
    char path[DISK_PATH_MAX], err[FILES_ERROR_MAX];
    mode_t mode, mask = umask(022);
    CU_ASSERT_TRUE(ports_file_write(folder, "nats-server", 77, ports, 4, path, err));
    CU_ASSERT_STRING_EQUAL(path, in_folder("nats-server_77.ports"));
    CU_ASSERT_STRING_EQUAL(content(path, &mode),
                           "{\"nats\":[\"nats://127.0.0.1:4222\",\"tls://[::1]:5\"],"
                           "\"monitoring\":[\"http://h:8222\"],\"websocket\":[\"ws://127.0.0.1:1\"]}");
    CU_ASSERT_EQUAL(mode, 0644);
    umask(mask);
    CU_ASSERT_TRUE(ports_file_remove(path, err));
    CU_ASSERT_FALSE(ports_file_remove(path, err));
    char want[3 * DISK_PATH_MAX];
    snprintf(want, sizeof want, "Error cleaning up ports file %s: remove %s: no such file or directory", path,
             path);
    CU_ASSERT_STRING_EQUAL(err, want);
    CU_ASSERT_FALSE(ports_file_write("/nope/", "p", 7, ports, 1, path, err));
    CU_ASSERT_STRING_EQUAL(
        err, "Error writing ports file (/nope/p_7.ports): open /nope/p_7.ports: no such file or "
             "directory");
}

/* A wildcard stands for every address of the machine. */
static void test_wildcard(void)
{
    const struct files_port port = {"nats", "nats", SLICE_LIT("0.0.0.0"), 7};
    char path[DISK_PATH_MAX], err[FILES_ERROR_MAX];
    mode_t mode;
    CU_ASSERT_TRUE(ports_file_write(folder, "p", 1, &port, 1, path, err));
    const char *text = content(path, &mode);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"nats://127.0.0.1:7\""));
    CU_ASSERT_PTR_NULL(strstr(text, "0.0.0.0"));
    CU_ASSERT_TRUE(ports_file_remove(path, err));
}

static const struct unit_test tests[] = {UNIT_TEST(test_pid_file), UNIT_TEST(test_ports_file),
                                         UNIT_TEST(test_wildcard)};

int main(int argc, char **argv)
{
    snprintf(folder, sizeof folder, "/tmp/test_files.XXXXXX");
    if (mkdtemp(folder) == NULL) {
        perror("mkdtemp");
        return 2;
    }
    int rc = unit_run("files", tests, sizeof tests / sizeof tests[0], argc, argv);
    if (rmdir(folder) != 0) {
        perror("a test left files behind");
        rc = 1;
    }
    return rc;
}
