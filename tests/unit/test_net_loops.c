/* Loops, inboxes, gather, listener and connections over real sockets. */
#include "unit.h"
#include "net/conn.h"
#include "net/env_uv.h"
#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- a server that echoes lines of bytes, keeping a partial last one ---- */

struct echo {
    struct net_conn conn;
};

static atomic_int opened, closed_count, freed;
static atomic_int last_down;

#define LAST_WORDS ((size_t)8 << 20)

/* Says a lot, and closes. */
static void say_last_words(struct net_conn *c)
{
    uint8_t *words = malloc(LAST_WORDS);
    CU_ASSERT_PTR_NOT_NULL_FATAL(words);
    memset(words, 'w', LAST_WORDS);
    net_conn_send(c, slice_make(words, LAST_WORDS));
    free(words);
    net_conn_close(c, 20 * (int64_t)1000000000);
}

static size_t echo_bytes(struct net_conn *c, slice in)
{
    size_t used = 0;
    if (slice_eq(in, SLICE_LIT("quit\n"))) {
        say_last_words(c);
        return in.len;
    }
    for (size_t i = 0; i < in.len; i++) {
        if (in.ptr[i] == '\n')
            used = i + 1;
    }
    net_conn_send(c, slice_first(in, used));
    return used;
}

static void echo_down(struct net_conn *c, enum net_down why, int err)
{
    (void)err;
    atomic_store(&last_down, (int)why);
    net_conn_close(c, 0);
}

static void echo_closed(struct net_conn *c)
{
    (void)c;
    atomic_fetch_add(&closed_count, 1);
}

static void echo_free(struct net_conn *c)
{
    atomic_fetch_add(&freed, 1);
    free(c);
}

static void echo_late(struct net_conn *c, size_t chunks, size_t bytes, bool wrote)
{
    (void)chunks;
    (void)bytes;
    (void)wrote;
    net_conn_close(c, 0);
}

static void echo_nothing(struct net_conn *c)
{
    (void)c;
}

static const struct net_conn_handler echo_handler = {
    .bytes = echo_bytes,
    .sunk = echo_nothing,
    .attention = echo_nothing,
    .down = echo_down,
    .late = echo_late,
    .closed = echo_closed,
    .free = echo_free,
};

static void echo_accept(struct net_loop *l, struct env_pipe *pipe, void *ctx)
{
    struct echo *e = calloc(1, sizeof *e);
    CU_ASSERT_EQUAL(net_conn_init(&e->conn, l, pipe, &echo_handler, *(size_t *)ctx), 0);
    atomic_fetch_add(&opened, 1);
    net_conn_start(&e->conn);
}

static void no_trouble(int err, int sleep_ms, void *ctx)
{
    (void)err;
    (void)sleep_ms;
    (void)ctx;
    CU_FAIL("accept failed");
}

/* ---- a world for one test ---- */

struct open_task {
    struct net_task task;
    struct net_listener *listener;
    bool close;
    int port;
    sem_t done;
};

static void run_open(struct net_task *task, struct net_loop *l)
{
    (void)l;
    struct open_task *t = (struct open_task *)task;
    if (t->close) {
        net_listener_close(t->listener);
    } else {
        struct env_addr a = {.len = sizeof(struct sockaddr_in)}, bound;
        struct sockaddr_in *in = (struct sockaddr_in *)&a.sa;
        in->sin_family = AF_INET;
        in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        CU_ASSERT_EQUAL(net_listener_open(t->listener, &a, &bound), 0);
        t->port = ntohs(((struct sockaddr_in *)&bound.sa)->sin_port);
    }
    sem_post(&t->done);
}

static struct env *env;
static struct epoch_domain epochs;
static struct net_loops *loops;
static struct open_task open_task;
static size_t max_pending;

static void world_open(unsigned count, size_t pending)
{
    static const struct net_listener_handler h = {.accepted = echo_accept, .trouble = no_trouble};
    int err = 0;
    atomic_store(&opened, 0);
    atomic_store(&closed_count, 0);
    atomic_store(&freed, 0);
    max_pending = pending;
    env = env_uv_new();
    epoch_domain_init(&epochs);
    struct net_loops_config config = {.count = count, .epochs = &epochs};
    loops = net_loops_new(env, &config, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(loops);
    open_task = (struct open_task){.task = {.fn = run_open}};
    sem_init(&open_task.done, 0, 0);
    open_task.listener = net_listener_new(loops, &h, &max_pending);
    net_post(&loops->loops[0], &open_task.task);
    sem_wait(&open_task.done);
}

static void world_close(void)
{
    open_task.close = true;
    net_post(&loops->loops[0], &open_task.task);
    sem_wait(&open_task.done);
    net_loops_free(loops);
    net_listener_free(open_task.listener);
    epoch_domain_close(&epochs);
    env_uv_free(env);
    CU_ASSERT_EQUAL(atomic_load(&closed_count), atomic_load(&opened));
    CU_ASSERT_EQUAL(atomic_load(&freed), atomic_load(&opened));
}

static int dial_with(int rcvbuf)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (rcvbuf > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)open_task.port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static int dial(void)
{
    return dial_with(0);
}

static size_t read_n(int fd, char *buf, size_t n)
{
    size_t got = 0;
    while (got < n) {
        ssize_t k = read(fd, buf + got, n - got);
        if (k <= 0)
            break;
        got += (size_t)k;
    }
    return got;
}

/* ---- tests ---- */

static void test_echo_many(void)
{
    enum { CONNS = 40 };
    int fd[CONNS];
    char line[64], back[64];
    world_open(3, 1 << 20);
    for (int i = 0; i < CONNS; i++)
        fd[i] = dial();
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < CONNS; i++) {
            int n = snprintf(line, sizeof line, "conn %d round %d\n", i, round);
            CU_ASSERT_EQUAL(write(fd[i], line, (size_t)n / 2), n / 2);
            CU_ASSERT_EQUAL(write(fd[i], line + n / 2, (size_t)(n - n / 2)), n - n / 2);
        }
        for (int i = 0; i < CONNS; i++) {
            int n = snprintf(line, sizeof line, "conn %d round %d\n", i, round);
            CU_ASSERT_EQUAL(read_n(fd[i], back, (size_t)n), (size_t)n);
            CU_ASSERT_EQUAL(memcmp(line, back, (size_t)n), 0);
        }
    }
    for (int i = 0; i < CONNS; i += 2)
        close(fd[i]);
    world_close();
    for (int i = 1; i < CONNS; i += 2) {
        CU_ASSERT_EQUAL(read(fd[i], back, 1), 0); /* the end of the loops is an orderly end of file */
        close(fd[i]);
    }
    CU_ASSERT_EQUAL(atomic_load(&opened), CONNS);
}

/* A line longer than any read buffer comes back whole: the spill grows with it. */
static void test_long_line(void)
{
    enum { LEN = 1 << 20 };
    world_open(1, 8 << 20);
    char *line = malloc(LEN), *back = malloc(LEN);
    for (int i = 0; i < LEN; i++)
        line[i] = (char)('a' + i % 23);
    line[LEN - 1] = '\n';
    int fd = dial();
    size_t sent = 0;
    while (sent < LEN) {
        ssize_t n = write(fd, line + sent, LEN - sent);
        CU_ASSERT_FATAL(n > 0);
        sent += (size_t)n;
    }
    CU_ASSERT_EQUAL(read_n(fd, back, LEN), LEN);
    CU_ASSERT_EQUAL(memcmp(line, back, LEN), 0);
    close(fd);
    free(line);
    free(back);
    world_close();
}

/* Who does not read is cut off when more than max_pending waits for him. */
static void test_too_much(void)
{
    static char line[65536];
    world_open(1, 100000);
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    int fd = dial();
    atomic_store(&last_down, -1);
    for (int i = 0; i < 2000 && atomic_load(&last_down) < 0; i++) {
        if (send(fd, line, sizeof line, MSG_NOSIGNAL) < 0)
            break;
    }
    for (int i = 0; i < 2000 && atomic_load(&closed_count) == 0; i++)
        usleep(1000);
    CU_ASSERT_EQUAL(atomic_load(&last_down), NET_DOWN_TOO_MUCH);
    close(fd);
    world_close();
}

/* A slow reader that still talks gets all that was sent to it before the close: the end waits for what the
 * kernel has not sent, since bytes that come after it would have the rest thrown away. Bytes that came before
 * it and that nobody will read do not turn the end into a reset. */
static void test_last_words(void)
{
    enum { REST = 300000 };
    world_open(1, 2 * LAST_WORDS);
    char *got = malloc(LAST_WORDS);
    int fd = dial_with(65536);
    CU_ASSERT_EQUAL(write(fd, "quit\n", 5), 5);
    CU_ASSERT_EQUAL(read_n(fd, got, LAST_WORDS - REST), LAST_WORDS - REST);
    usleep(50000); /* the rest fits into the kernel's buffer */
    CU_ASSERT_EQUAL(send(fd, "more\n", 5, MSG_NOSIGNAL), 5);
    usleep(50000);
    CU_ASSERT_EQUAL(read_n(fd, got, REST), REST);
    CU_ASSERT_EQUAL(read(fd, got, 1), 0); /* not a reset for what nobody read */
    close(fd);
    free(got);
    world_close();
}

struct count_task {
    struct net_task task;
    int number;
    int *next;
    sem_t *done;
};

static void run_count(struct net_task *task, struct net_loop *l)
{
    (void)l;
    struct count_task *t = (struct count_task *)task;
    CU_ASSERT_EQUAL(*t->next, t->number);
    (*t->next)++;
    sem_post(t->done);
}

/* Tasks of one poster run in order. */
static void test_inbox_order(void)
{
    enum { N = 1000 };
    static struct count_task tasks[N];
    int next = 0;
    sem_t done;
    sem_init(&done, 0, 0);
    world_open(2, 1000);
    for (int i = 0; i < N; i++) {
        tasks[i] = (struct count_task){.task = {.fn = run_count}, .number = i, .next = &next, .done = &done};
        net_post(&loops->loops[1], &tasks[i].task);
    }
    for (int i = 0; i < N; i++)
        sem_wait(&done);
    world_close();
    sem_destroy(&done);
}

struct gathering {
    atomic_uint seen;
    atomic_int calls;
    sem_t done;
};

static void gather_each(struct net_loop *l, void *ctx)
{
    struct gathering *g = ctx;
    atomic_fetch_or(&g->seen, 1u << l->index);
    atomic_fetch_add(&g->calls, 1);
}

static void gather_done(void *ctx)
{
    struct gathering *g = ctx;
    CU_ASSERT_EQUAL(atomic_load(&g->calls), 4);
    sem_post(&g->done);
}

static void test_gather(void)
{
    struct gathering g = {0};
    sem_init(&g.done, 0, 0);
    world_open(4, 1000);
    CU_ASSERT_EQUAL(net_gather(loops, gather_each, gather_done, &g), 0);
    sem_wait(&g.done);
    CU_ASSERT_EQUAL(atomic_load(&g.seen), 15);
    world_close();
    sem_destroy(&g.done);
}

/* ---- the end ---- */

/* Two loops whose end the test watches. */
struct ending {
    sem_t ended; /* of loop 1 */
    sem_t go_on;
    struct net_loops *loops;
    struct net_task wait, late;
    atomic_int ran, done;
};

static struct ending ending;

static void on_loop_stop(struct net_loop *l, void *ctx)
{
    (void)ctx;
    if (l->index == 1)
        sem_post(&ending.ended);
    for (int i = 0; i < 4; i++)
        sem_post(&ending.go_on);
}

static void ending_open(unsigned count)
{
    int err = 0;
    struct net_loops_config config = {.count = count, .epochs = &epochs, .loop_stop = on_loop_stop};
    ending = (struct ending){0};
    sem_init(&ending.ended, 0, 0);
    sem_init(&ending.go_on, 0, 0);
    env = env_uv_new();
    epoch_domain_init(&epochs);
    ending.loops = net_loops_new(env, &config, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(ending.loops);
}

static void ending_close(void)
{
    net_loops_free(ending.loops);
    epoch_domain_close(&epochs);
    env_uv_free(env);
    sem_destroy(&ending.ended);
    sem_destroy(&ending.go_on);
}

static void run_late(struct net_task *task, struct net_loop *l)
{
    (void)task;
    CU_ASSERT(l->stopping);
    atomic_fetch_add(&ending.ran, 1);
}

static void post_late(struct net_task *task, struct net_loop *l)
{
    (void)task;
    (void)l;
    sem_wait(&ending.ended);
    net_post(&ending.loops->loops[1], &ending.late);
}

/* A loop that still runs may post to one that has ended: what was posted owns something, and must run. */
static void test_late_post(void)
{
    ending_open(2);
    ending.wait.fn = post_late;
    ending.late.fn = run_late;
    net_post(&ending.loops->loops[0], &ending.wait);
    ending_close();
    CU_ASSERT_EQUAL(atomic_load(&ending.ran), 1);
}

enum { JOBS = 64 };

static void job_work(void *ctx)
{
    (void)ctx;
    sem_wait(&ending.go_on);
    usleep(1000);
    sem_post(&ending.go_on);
    atomic_fetch_add(&ending.ran, 1);
}

static void job_done(void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&ending.done, 1);
}

static void ask_many(struct net_task *task, struct net_loop *l)
{
    (void)task;
    for (int i = 0; i < JOBS; i++)
        CU_ASSERT_EQUAL(env_job(l->el, &(struct env_job){.work = job_work, .done = job_done}), 0);
}

/* The end does not wait for jobs that have not begun, but all are told. */
static void test_jobs_at_the_end(void)
{
    ending_open(1);
    ending.wait.fn = ask_many;
    net_post(&ending.loops->loops[0], &ending.wait);
    ending_close();
    CU_ASSERT_EQUAL(atomic_load(&ending.done), JOBS);
    CU_ASSERT(atomic_load(&ending.ran) < JOBS);
}

static const struct unit_test tests[] = {UNIT_TEST(test_echo_many),   UNIT_TEST(test_long_line),
                                         UNIT_TEST(test_too_much),    UNIT_TEST(test_last_words),
                                         UNIT_TEST(test_inbox_order), UNIT_TEST(test_gather),
                                         UNIT_TEST(test_late_post),   UNIT_TEST(test_jobs_at_the_end)};
UNIT_MAIN("net loops", tests)
