/* A process that writes to a real folder and is killed at any moment: what it had acknowledged is there. The
 * Go server finds the same. KILL_RUNS=100 for more than the share that every test run does. */
#include "store_fixture.h"
#include "go_server.h"

#define RUNS_DEFAULT 10
#define STREAM       "KILLED"

static const char meta[] =
    "{\"Created\":\"2026-11-23T06:52:11.875336543Z\",\"name\":\"" STREAM "\",\"subjects\":[\"k.>\"],"
    "\"retention\":\"limits\",\"max_consumers\":-1,\"max_msgs\":-1,\"max_bytes\":-1,"
    "\"max_msgs_per_subject\":-1,\"max_age\":0,\"max_msg_size\":-1,\"discard\":\"old\","
    "\"storage\":\"file\",\"num_replicas\":1,\"duplicate_window\":120000000000,\"compression\":\"none\","
    "\"allow_direct\":false,\"mirror_direct\":false,\"sealed\":false,\"deny_delete\":false,"
    "\"deny_purge\":false,\"allow_rollup_hdrs\":false,\"consumer_limits\":{},\"allow_msg_ttl\":false}";

/* What one process has of the store. */
struct life {
    struct storage *storage;
    struct store_host host;
    struct store *s;
};

static bool begin_life(struct life *l, const char *dir)
{
    static char stream[128];
    struct storage_options so = {.disk = disk_posix(), .dir = dir};
    snprintf(stream, sizeof stream, "%s/jetstream/$G/streams/" STREAM, dir);
    if (storage_open(&so, &l->storage) != 0)
        return false;
    l->host = (struct store_host){.disk = so.disk,
                                  .port = storage_port_new(l->storage, NULL, NULL),
                                  .cache = store_cache_new(1 << 20),
                                  .random = fixture_random};
    struct file_store_options o = {.host = &l->host,
                                   .dir = stream,
                                   .name = SLICE_LIT(STREAM),
                                   .meta = slice_str(meta),
                                   .block_size = 20000,
                                   .track_subjects = true,
                                   .now = FIXTURE_NOW};
    return file_store_open(&o, &l->s) == STORE_OK;
}

static void end_life(struct life *l)
{
    CU_ASSERT_EQUAL(store_close(l->s, FIXTURE_NOW), STORE_OK);
    storage_port_free(l->host.port);
    CU_ASSERT_EQUAL(storage_close(l->storage), 0);
    store_cache_free(l->host.cache);
}

static size_t make_data(uint64_t seq, uint8_t *data)
{
    size_t len = (size_t)(seq * 7919 % 700);
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(seq + 13 * i);
    return len;
}

#define INTENT (INT64_C(1) << 62)

/* Told over the pipe: +seq stored, -seq removed, each only when it is durable; before a removal, that it is
 * under way. */
static void write_for_ever(const char *dir, int out)
{
    struct life l;
    if (!begin_life(&l, dir))
        _exit(3);
    for (;;) {
        uint8_t data[700];
        struct store_state st;
        struct store_progress p;
        int64_t told[8];
        size_t n = 0;
        for (uint64_t batch = 1 + (uint64_t)rand() % 4; batch > 0; batch--) {
            uint64_t seq = 0;
            bool removed = false;
            store_state(l.s, &st);
            struct store_append a = {.ts = FIXTURE_NOW, .subject = SLICE_LIT("k.a")};
            a.data = slice_make(data, make_data(st.last + 1, data));
            if (store_append(l.s, &a, FIXTURE_NOW, &seq) != STORE_OK)
                _exit(4);
            told[n++] = (int64_t)seq;
            uint64_t old = st.first + (uint64_t)rand() % (st.last - st.first + 1);
            if (rand() % 4 == 0 && st.msgs > 0) {
                int64_t intent = INTENT + (int64_t)old;
                if (write(out, &intent, sizeof intent) != sizeof intent)
                    _exit(8);
                enum store_remove_how how = rand() % 2 ? STORE_REMOVE : STORE_REMOVE_ERASE;
                if (store_remove(l.s, old, how, &removed) != STORE_OK)
                    _exit(5);
                if (removed)
                    told[n++] = -(int64_t)old;
            }
        }
        store_progress(l.s, &p);
        uint64_t mark = p.written;
        if (store_commit(l.s) != STORE_OK || store_maintain(l.s, FIXTURE_NOW) != STORE_OK)
            _exit(6);
        store_progress(l.s, &p);
        if (p.durable < mark || write(out, told, n * sizeof told[0]) != (ssize_t)(n * sizeof told[0]))
            _exit(7);
    }
}

/* What was acknowledged, by sequence: +1 stored, -1 removed; 0 is neither. */
struct acks {
    int8_t *is;
    uint64_t cap;
    uint64_t last;
};

/* Until the pipe ends, or (with `first`) until there is something. */
static void take_acks(struct acks *a, int in, bool first)
{
    int64_t told[512];
    ssize_t n;
    while ((n = read(in, told, sizeof told)) > 0) {
        for (size_t i = 0; i < (size_t)n / sizeof told[0]; i++) {
            uint64_t seq = (uint64_t)(told[i] < 0 ? -told[i] : told[i] & ~INTENT);
            if (seq >= a->cap) {
                uint64_t cap = seq * 2 + 1024;
                a->is = realloc(a->is, cap);
                memset(a->is + a->cap, 0, cap - a->cap);
                a->cap = cap;
            }
            a->is[seq] = told[i] < 0 ? -1 : told[i] < INTENT;
            a->last = seq > a->last ? seq : a->last;
        }
        if (first)
            break;
    }
}

/* In what is left nothing acknowledged is wrong, and the rest is sound. */
static void check_left(struct store *s, struct acks *a)
{
    struct store_state st;
    struct store_msg m;
    uint8_t data[700];
    uint64_t wrong = 0, found = 0;
    store_state(s, &st);
    CU_ASSERT(st.last >= a->last);
    for (uint64_t seq = 1; seq <= st.last; seq++) {
        bool there = store_load(s, seq, &m) == STORE_OK;
        int8_t is = seq < a->cap ? a->is[seq] : 0;
        found += there;
        wrong += is < 0 && there;
        if (there)
            wrong += !slice_eq(m.data, slice_make(data, make_data(seq, data)));
        else if (is > 0)
            wrong += 1;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(found, st.msgs);
}

/* A removal in flight may have happened: it is taken as it is found. */
static void take_as_found(struct store *s, struct acks *a)
{
    struct store_msg m;
    struct store_state st;
    store_state(s, &st);
    for (uint64_t seq = 1; seq <= st.last && seq < a->cap; seq++) {
        if (a->is[seq] >= 0)
            a->is[seq] = store_load(s, seq, &m) == STORE_OK ? 1 : -1;
    }
}

static void go_finds_the_same(const char *dir, struct store_state *want)
{
    struct go_server g;
    go_start(&g, dir, "", "", "");
    struct json *info = go_api(&g, "STREAM.INFO", STREAM, "");
    const struct json *state = json_get(info, "state");
    CU_ASSERT_EQUAL(json_u64(json_get(state, "messages")), want->msgs);
    CU_ASSERT_EQUAL(json_u64(json_get(state, "bytes")), want->bytes);
    CU_ASSERT_EQUAL(json_u64(json_get(state, "last_seq")), want->last);
    json_free(info);
    go_stop(&g, SIGTERM);
}

static void one_kill(const char *dir, struct acks *a, unsigned run, bool ask_go)
{
    int pipes[2];
    CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(pipes[0]);
        srand(run);
        write_for_ever(dir, pipes[1]);
    }
    close(pipes[1]);
    take_acks(a, pipes[0], true);
    usleep(2000 + (useconds_t)(run * 2654435761u % 40000));
    kill(pid, SIGKILL);
    take_acks(a, pipes[0], false);
    close(pipes[0]);
    int status;
    waitpid(pid, &status, 0);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    if (!WIFSIGNALED(status))
        printf("run %u: the writer ended with %d\n", run, WEXITSTATUS(status));
    struct life l;
    struct store_state st;
    CU_ASSERT_FATAL(begin_life(&l, dir));
    check_left(l.s, a);
    take_as_found(l.s, a);
    store_state(l.s, &st);
    end_life(&l);
    if (ask_go)
        go_finds_the_same(dir, &st);
}

/* covers: ST-146 */
static void test_kills(void)
{
    char dir[] = "/tmp/midge-kill-XXXXXX";
    const char *runs_text = getenv("KILL_RUNS");
    unsigned runs = runs_text == NULL ? RUNS_DEFAULT : (unsigned)atoi(runs_text);
    struct acks a = {0};
    bool go = go_server_program() != NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    for (unsigned run = 1; run <= runs; run++)
        one_kill(dir, &a, run, go && (run == runs || run % 25 == 0));
    printf("%u kills, %llu sequences acknowledged\n", runs, (unsigned long long)a.last);
    if (!go)
        printf("SKIP the Go server's view: no NATS_SERVER\n");
    CU_ASSERT(a.last > 0);
    free(a.is);
    fixture_shell("rm -rf '%s'%s", dir, "");
}

static const struct unit_test tests[] = {UNIT_TEST(test_kills)};
UNIT_MAIN("store kill", tests)
