/* The group directories of a real cluster go to midge, which elects, appends, takes snapshots and compacts in
 * them, and back to three real servers, which must serve the stream with what was appended, without a word of
 * complaint; then midge opens what they left. Needs NATS_SERVER. covers: RF-143 */
#include "go_server.h"
#include "store_fixture.h"
#include "raft/log.h"
#include "raft/node.h"

#include <errno.h>

struct cluster_case {
    const char *folder, *key;
    const char *groups[3];
};

static const struct cluster_case cases[] = {
    {"raft3", NULL, {"_meta_", "S-R3F-2cYE0ZP0", "C-R3F-eMfcouz0"}},
    {"raft3-aes", "golden-jetstream-key-4", {"_meta_", "S-R3F-WxOzXhLI", "C-R3F-kDdg8QRz"}},
};

static const char *const ids[3] = {"fjFyEjc1", "44jzkV9D", "BXScrY9i"};
static char scratch[64];

/* ---- three nodes and what passes between them, in one thread and without a clock ---- */

struct letter {
    struct letter *next;
    int from;
    size_t subject_len, reply_len, body_len;
    uint8_t bytes[];
};

struct member {
    struct world *w;
    int number;
    struct raft_node *node;
    int64_t deadline;
    bool wants_sync;
    uint64_t applied;
    uint8_t *state; /* of the last snapshot */
    size_t state_len;
};

struct world {
    struct member members[3];
    struct letter *first, **end;
    int64_t now;
};

static void on_subscribe(void *ctx, slice subject, bool on)
{
    (void)ctx;
    (void)subject;
    (void)on;
}

static void on_send(void *ctx, slice subject, slice reply, slice body)
{
    struct member *m = ctx;
    struct letter *l = malloc(sizeof *l + subject.len + reply.len + body.len);
    *l = (struct letter){
        .from = m->number, .subject_len = subject.len, .reply_len = reply.len, .body_len = body.len};
    memcpy(l->bytes, slice_ptr(subject), subject.len);
    memcpy(l->bytes + subject.len, slice_ptr(reply), reply.len);
    memcpy(l->bytes + subject.len + reply.len, slice_ptr(body), body.len);
    *m->w->end = l;
    m->w->end = &l->next;
}

static void on_apply(void *ctx, uint64_t index, uint64_t term, const struct raft_entry *entries, size_t count)
{
    struct member *m = ctx;
    (void)term;
    (void)entries;
    (void)count;
    m->applied = index;
}

static void on_apply_snapshot(void *ctx, uint64_t index, slice data)
{
    struct member *m = ctx;
    m->applied = index;
    m->state = realloc(m->state, data.len);
    m->state_len = data.len;
    memcpy(m->state, data.ptr, data.len);
}

static void on_note(void *ctx, const struct raft_effect *f)
{
    (void)ctx;
    CU_ASSERT(f->note != RAFT_NOTE_CLOSED && f->note != RAFT_NOTE_NEED_REPAIR && f->note != RAFT_NOTE_FORGOT);
}

static void on_arm(void *ctx, int64_t deadline)
{
    ((struct member *)ctx)->deadline = deadline;
}

static void on_want_sync(void *ctx)
{
    ((struct member *)ctx)->wants_sync = true;
}

static const struct raft_host host = {.subscribe = on_subscribe,
                                      .send = on_send,
                                      .apply = on_apply,
                                      .apply_snapshot = on_apply_snapshot,
                                      .note = on_note,
                                      .arm = on_arm,
                                      .want_sync = on_want_sync};

static void world_open(struct world *w, const struct cluster_case *c, const char *group)
{
    struct raft_log_keys keys = {.key = slice_str(c->key), .random = fixture_random};
    bool meta = strcmp(group, "_meta_") == 0;
    *w = (struct world){.now = RAFT_S};
    w->end = &w->first;
    for (int i = 0; i < 3; i++) {
        char dir[256];
        struct member *m = &w->members[i];
        m->w = w;
        m->number = i;
        m->deadline = INT64_MAX;
        snprintf(dir, sizeof dir, "%s/n%d/jetstream/SYS/_js_/%s", scratch, i + 1, group);
        struct raft_node_config nc = {
            .disk = disk_posix(),
            .dir = dir,
            .group = slice_str(group),
            .block_size = meta ? RAFT_LOG_BLOCK_META : RAFT_LOG_BLOCK,
            .keep_commit = meta,
            .keys = c->key == NULL ? NULL : &keys,
            .raft = {.id = raft_id_of(ids[i]), .seed = (uint64_t)i + 1, .managed = !meta},
            .host = &host,
            .ctx = m};
        CU_ASSERT_EQUAL_FATAL(raft_node_open(&nc, w->now, FIXTURE_NOW, &m->node), 0);
        raft_node_start(m->node, w->now);
        raft_node_event(m->node, &(struct raft_event){.type = RAFT_EV_NETWORK, .now = w->now, .on = true},
                        NULL);
    }
}

static void world_close(struct world *w)
{
    while (w->first != NULL) {
        struct letter *l = w->first;
        w->first = l->next;
        free(l);
    }
    for (int i = 0; i < 3; i++) {
        raft_node_close(w->members[i].node);
        free(w->members[i].state);
    }
}

static void deliver(struct world *w, struct letter *l)
{
    for (int i = 0; i < 3; i++) {
        struct member *m = &w->members[i];
        if (i != l->from)
            raft_node_message(m->node, w->now, slice_make(l->bytes, l->subject_len),
                              slice_make(l->bytes + l->subject_len, l->reply_len),
                              slice_make(l->bytes + l->subject_len + l->reply_len, l->body_len));
    }
    free(l);
}

/* Everybody does what there is to do at this moment. */
static void settle(struct world *w)
{
    for (bool busy = true; busy;) {
        busy = false;
        for (int i = 0; i < 3; i++) {
            struct member *m = &w->members[i];
            struct raft_status st;
            if (m->wants_sync) {
                m->wants_sync = false;
                raft_node_sync(m->node, w->now);
                busy = true;
            }
            raft_get_status(raft_node_raft(m->node), &st);
            if (m->applied > st.processed)
                raft_node_applied(m->node, w->now, m->applied, m->applied);
        }
        while (w->first != NULL) {
            struct letter *l = w->first;
            w->first = l->next;
            if (w->first == NULL)
                w->end = &w->first;
            deliver(w, l);
            busy = true;
        }
    }
}

static void pass_time(struct world *w, int64_t time)
{
    int64_t until = w->now + time;
    settle(w);
    for (;;) {
        int64_t next = INT64_MAX;
        for (int i = 0; i < 3; i++)
            next = w->members[i].deadline < next ? w->members[i].deadline : next;
        if (next > until)
            break;
        w->now = next > w->now ? next : w->now;
        for (int i = 0; i < 3; i++) {
            if (w->members[i].deadline <= w->now)
                raft_node_tick(w->members[i].node, w->now, FIXTURE_NOW + w->now);
        }
        settle(w);
    }
    w->now = until;
}

static struct member *leader(struct world *w)
{
    for (int i = 0; i < 3; i++) {
        struct raft_status st;
        raft_get_status(raft_node_raft(w->members[i].node), &st);
        if (st.leading)
            return &w->members[i];
    }
    return NULL;
}

static void agree(struct world *w, uint64_t index)
{
    for (int i = 0; i < 3; i++) {
        struct raft_status st;
        raft_get_status(raft_node_raft(w->members[i].node), &st);
        CU_ASSERT(st.commit == index && st.pindex == index && !st.forgot);
    }
}

/* ---- midge's turn ---- */

/* A message of the stream as an entry (docs/spec/raft.md names the document of its form). */
static size_t stream_message(uint64_t lseq, const char *text, uint8_t out[128])
{
    int64_t ts = FIXTURE_NOW + (int64_t)lseq;
    size_t n = 0, len = strlen(text);
    out[n++] = 4;
    memcpy(out + n, &lseq, 8);
    memcpy(out + n + 8, &ts, 8);
    n += 16;
    memcpy(out + n, "\3\0r.0\0\0\0\0", 9); /* subject, no reply, no headers */
    n += 9;
    memcpy(out + n, &(uint32_t){(uint32_t)len}, 4);
    memcpy(out + n + 4, text, len);
    n += 4 + len;
    out[n++] = 0;
    return n;
}

/* covers: RF-137 */
/* Elect, snapshot what was the state, compact; in the stream's group append two messages. `last` is where the
 * golden logs end. */
static void midge_works(const struct cluster_case *c, const char *group, uint64_t last)
{
    struct world w;
    world_open(&w, c, group);
    pass_time(&w, 30 * RAFT_S);
    struct member *m = leader(&w);
    CU_ASSERT_FATAL(m != NULL);
    agree(&w, last + 1);
    for (int i = 0; i < 3 && m->state != NULL;
         i++) { /* neither of the two entries behind it changed the state */
        struct member *each = &w.members[i];
        struct raft_status st;
        CU_ASSERT_EQUAL(raft_node_snapshot(each->node, w.now, slice_make(each->state, each->state_len), true),
                        RAFT_OK);
        raft_get_status(raft_node_raft(each->node), &st);
        CU_ASSERT(st.snapshot_index == last + 1 && st.first_index == last + 2);
    }
    pass_time(&w, RAFT_S);
    for (uint64_t seq = 26; seq <= 27 && group[0] == 'S'; seq++) {
        uint8_t bytes[128];
        char text[32];
        snprintf(text, sizeof text, "midge %d", (int)seq);
        struct raft_entry e = {RAFT_NORMAL, slice_make(bytes, stream_message(seq - 1, text, bytes))};
        struct raft_event ev = {.type = RAFT_EV_PROPOSE, .now = w.now, .entries = &e, .count = 1};
        CU_ASSERT_EQUAL(raft_node_event(m->node, &ev, NULL), RAFT_OK);
        pass_time(&w, RAFT_S);
    }
    agree(&w, last + (group[0] == 'S' ? 3 : 1));
    world_close(&w);
}

/* What the servers left: three logs that are the same, and another leader for them. */
static void midge_returns(const struct cluster_case *c, const char *group)
{
    struct world w;
    struct raft_status before, st;
    world_open(&w, c, group);
    raft_get_status(raft_node_raft(w.members[0].node), &before);
    pass_time(&w, 30 * RAFT_S);
    CU_ASSERT(leader(&w) != NULL);
    raft_get_status(raft_node_raft(w.members[0].node), &st);
    CU_ASSERT(st.term > before.term && st.pindex > before.pindex);
    agree(&w, st.pindex);
    world_close(&w);
}

/* ---- the servers' turn ---- */

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof a;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_FATAL(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0);
    getsockname(fd, (struct sockaddr *)&a, &len);
    close(fd);
    return ntohs(a.sin_port);
}

static void start_servers(const struct cluster_case *c, struct go_server g[3])
{
    int port[3] = {free_port(), free_port(), free_port()};
    for (int i = 0; i < 3; i++) {
        char dir[128], extra[200], more[1500];
        snprintf(dir, sizeof dir, "%s/n%d", scratch, i + 1);
        snprintf(extra, sizeof extra, "max_mem: 64MB\nmax_file: 64MB\n%s%s%s",
                 c->key == NULL ? "" : "key: \"", c->key == NULL ? "" : c->key,
                 c->key == NULL ? "" : "\"\ncipher: aes");
        snprintf(more, sizeof more,
                 "server_name: n%d\n"
                 "accounts { ACME { jetstream: enabled, users: [ {user: acme, password: pw} ] },"
                 " SYS { users: [ {user: sys, password: pw} ] } }\nsystem_account: SYS\n"
                 "cluster { name: GC, listen: \"127.0.0.1:%d\", routes: [ \"nats-route://127.0.0.1:%d\","
                 " \"nats-route://127.0.0.1:%d\", \"nats-route://127.0.0.1:%d\" ] }",
                 i + 1, port[i], port[0], port[1], port[2]);
        go_start(&g[i], dir, extra, more, ",\"user\":\"acme\",\"pass\":\"pw\"");
    }
}

/* Some server's log says so. */
static bool said(struct go_server g[3], const char *what)
{
    for (int i = 0; i < 3; i++) {
        char *log = go_log(&g[i]);
        bool found = strstr(log, what) != NULL;
        free(log);
        if (found)
            return true;
    }
    return false;
}

static void wait_for(struct go_server g[3], const char *what)
{
    for (int i = 0; i < 12000 && !said(g, what); i++)
        go_nap();
    if (!said(g, what))
        go_die(&g[0], what);
}

static int number_at(const struct json *j, const char *a, const char *b)
{
    const struct json *v = json_get(j, a);
    v = v == NULL ? NULL : json_get(v, b);
    return v == NULL || v->text == NULL ? -1 : atoi(v->text);
}

/* Message `seq` of R3 as text; the caller frees. NULL: there is none. */
static char *message(struct go_server *g, int seq)
{
    char ask[40];
    size_t len;
    snprintf(ask, sizeof ask, "{\"seq\":%d}", seq);
    struct json *j = go_api(g, "STREAM.MSG.GET", "R3", ask);
    const struct json *m = json_get(j, "message");
    const struct json *data = m == NULL ? NULL : json_get(m, "data");
    char *text = NULL;
    if (data != NULL) {
        uint8_t *bytes = go_base64(data->text, &len);
        text = strndup((char *)bytes, len);
        free(bytes);
    }
    json_free(j);
    return text;
}

static void check_messages(const struct cluster_case *c, struct go_server *g)
{
    char path[200];
    size_t len;
    int seen = 0;
    snprintf(path, sizeof path, "tests/golden/store/%s/expected.json", c->folder);
    char *text = json_read_file(path, &len);
    struct json *expected = json_parse(text);
    const struct json *all = json_get(json_get(expected, "R3"), "messages");
    for (const struct json *m = all->first; m != NULL; m = m->next, seen++) {
        char *got = message(g, atoi(json_get(m, "seq")->text));
        CU_ASSERT(got != NULL && strcmp(got, json_get(m, "data")->text) == 0);
        free(got);
    }
    CU_ASSERT_EQUAL(seen, 18);
    for (int seq = 26; seq <= 27; seq++) {
        char want[32], *got = message(g, seq);
        snprintf(want, sizeof want, "midge %d", seq);
        CU_ASSERT(got != NULL && strcmp(got, want) == 0);
        free(got);
    }
    json_free(expected);
    free(text);
}

/* Lines that are a complaint. That one server waits for the others, or for the first election, is none; nor
 * is that the memory stream, which no restart survives and midge does not touch, has nothing. */
static void check_log(struct go_server *g)
{
    char *log = go_log(g);
    for (char *line = strtok(log, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        bool bad =
            strstr(line, "[WRN]") != NULL || strstr(line, "[ERR]") != NULL || strstr(line, "[FTL]") != NULL;
        bool known = strstr(line, "Waiting for routing to be established") != NULL ||
                     strstr(line, "has not established contact with a meta leader") != NULL ||
                     strstr(line, "Plaintext passwords") != NULL || strstr(line, "'ACME > M3'") != NULL ||

                     strstr(line, "Error trying to connect to route") != NULL;
        if (bad && !known)
            printf("  %s\n", line);
        CU_ASSERT(!bad || known);
    }
    free(log);
}

static void servers_work(const struct cluster_case *c)
{
    struct go_server g[3];
    start_servers(c, g);
    wait_for(g, "JetStream cluster new metadata leader");
    wait_for(g, "JetStream cluster new stream leader for 'ACME > R3'");
    wait_for(g, "JetStream cluster new consumer leader for 'ACME > R3 > RC'");
    for (int i = 0; i < 3; i++) { /* whichever is asked */
        struct json *j = go_api(&g[i], "STREAM.INFO", "R3", "");
        CU_ASSERT(number_at(j, "state", "last_seq") == 27 && number_at(j, "state", "messages") == 20);
        json_free(j);
        check_messages(c, &g[i]);
    }
    struct json *ack = go_request(&g[0], "r.0", SLICE_EMPTY, SLICE_LIT("after"));
    const struct json *seq = json_get(ack, "seq");
    CU_ASSERT(seq != NULL && atoi(seq->text) == 28);
    json_free(ack);
    struct json *j = go_api(&g[0], "CONSUMER.INFO.R3", "RC", "");
    CU_ASSERT(number_at(j, "delivered", "stream_seq") == 12 && number_at(j, "ack_floor", "stream_seq") == 5);
    json_free(j);
    for (int i = 0; i < 3; i++)
        check_log(&g[i]);
    for (int i = 0; i < 3; i++)
        kill(g[i].pid, SIGTERM);
    for (int i = 0; i < 3; i++)
        go_stop(&g[i], SIGTERM);
}

static void there_and_back(const struct cluster_case *c)
{
    static const uint64_t last[3] = {8, 30, 7};
    snprintf(scratch, sizeof scratch, "%s/midge-raft-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    CU_ASSERT_FATAL(mkdtemp(scratch) != NULL);
    for (int i = 1; i <= 3; i++) {
        char from[128], to[128];
        snprintf(from, sizeof from, "tests/golden/store/%s/n%d/store", c->folder, i);
        snprintf(to, sizeof to, "%s/n%d", scratch, i);
        fixture_shell("cp -r '%s' '%s'", from, to);
    }
    for (int i = 0; i < 3; i++)
        midge_works(c, c->groups[i], last[i]);
    servers_work(c);
    for (int i = 0; i < 3; i++)
        midge_returns(c, c->groups[i]);
    fixture_shell("rm -rf '%s'%s", scratch, "");
}

static void a_plain_cluster_goes_there_and_back(void)
{
    there_and_back(&cases[0]);
}

static void an_encrypted_cluster_goes_there_and_back(void)
{
    there_and_back(&cases[1]);
}

static const struct unit_test tests[] = {
    UNIT_TEST(a_plain_cluster_goes_there_and_back),
    UNIT_TEST(an_encrypted_cluster_goes_there_and_back),
};

int main(int argc, char **argv)
{
    if (go_server_program() == NULL) {
        printf("SKIP raft interop: no Go server (NATS_SERVER)\n0 passed, 0 failed, %zu skipped\n",
               sizeof tests / sizeof tests[0]);
        return 0;
    }
    return unit_run("raft interop", tests, sizeof tests / sizeof tests[0], argc, argv);
}
