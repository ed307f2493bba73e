#include "cluster.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 64
#define PIPES_MAX   8
#define BUFFER_MAX  (4u << 20)
#define ASK_CLIENT  (CLIENTS_MAX - 1)

static const char *const names[CLUSTER_NODES] = {"node0001", "node0002", "node0003"};

struct node {
    struct process process;
    uint16_t port;
    int holder; /* keeps the port ours */
    char log[512], dir[512];
};

/* One connection through us: bytes of [0] go to [1] and the other way round. */
struct pipe {
    int fd[2];              /* -1: free */
    struct bytes buffer[2]; /* read from fd[i] */
};

struct pair {
    unsigned low, high;
    int listener;
    uint16_t port;
    bool cut, hold[2]; /* hold[0]: from low to high */
    struct pipe pipes[PIPES_MAX];
};

struct client {
    int fd; /* -1: free */
    struct codec_fabric parser;
    struct bytes in, out;
};

struct cluster {
    struct cluster_options o;
    struct node nodes[CLUSTER_NODES];
    struct pair pairs[CLUSTER_PAIRS];
    struct client clients[CLIENTS_MAX];
    struct bytes text, answer; /* of a log; to cluster_status and cluster_records */
    bool answered;
};

static void die(const char *what)
{
    fprintf(stderr, "cluster: %s: %s\n", what, strerror(errno));
    exit(2);
}

int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- sockets ---- */

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static void prepare(int fd)
{
    int one = 1;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* -1 when nobody listens. A connect on loopback is done or refused at once. */
static int dial(uint16_t port)
{
    struct sockaddr_in a = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        die("socket");
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        close(fd);
        return -1;
    }
    prepare(fd);
    return fd;
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in a = loopback(port);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        die("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 64) != 0)
        die("listen");
    prepare(fd);
    return fd;
}

/* False: the other side has gone. */
static bool read_into(int fd, struct bytes *b)
{
    ssize_t n = read(fd, bytes_reserve(b, 65536), 65536);
    if (n > 0)
        b->len += (size_t)n;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool write_from(int fd, struct bytes *b)
{
    ssize_t n = b->len == 0 ? 0 : send(fd, b->ptr, b->len, MSG_NOSIGNAL);
    if (n > 0)
        bytes_consume(b, (size_t)n);
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

/* ---- between the nodes ---- */

static void pipe_close(struct pipe *p)
{
    for (int i = 0; i < 2; i++) {
        if (p->fd[i] >= 0)
            close(p->fd[i]);
        p->fd[i] = -1;
        p->buffer[i].len = 0;
    }
}

static void pair_accept(struct cluster *c, struct pair *pair)
{
    int fd = accept(pair->listener, NULL, NULL);
    if (fd < 0)
        return;
    prepare(fd);
    struct pipe *p = NULL;
    for (int i = 0; i < PIPES_MAX && p == NULL; i++)
        p = pair->pipes[i].fd[0] < 0 ? &pair->pipes[i] : NULL;
    int other = pair->cut || p == NULL ? -1 : dial(c->nodes[pair->high].port);
    if (other < 0) {
        close(fd);
        return;
    }
    p->fd[0] = fd;
    p->fd[1] = other;
}

static struct pair *pair_of(struct cluster *c, unsigned a, unsigned b)
{
    for (int i = 0; i < CLUSTER_PAIRS; i++) {
        struct pair *p = &c->pairs[i];
        if ((p->low == a && p->high == b) || (p->low == b && p->high == a))
            return p;
    }
    abort();
}

void cluster_cut(struct cluster *c, unsigned a, unsigned b, bool cut)
{
    struct pair *p = pair_of(c, a, b);
    p->cut = cut;
    for (int i = 0; i < PIPES_MAX && cut; i++)
        pipe_close(&p->pipes[i]);
}

void cluster_hold(struct cluster *c, unsigned from, unsigned to, bool hold)
{
    struct pair *p = pair_of(c, from, to);
    p->hold[p->low == from ? 0 : 1] = hold;
}

/* ---- clients ---- */

static void client_put(struct client *k, const struct codec_fabric_event *e)
{
    size_t n = codec_fabric_encode(CODEC_ROUTE, e, NULL, 0);
    k->out.len += codec_fabric_encode(CODEC_ROUTE, e, bytes_reserve(&k->out, n), n);
}

static bool open_as(struct cluster *c, unsigned node, unsigned number)
{
    struct client *k = &c->clients[number];
    int fd = dial(c->nodes[node].port);
    if (fd < 0)
        return false;
    k->fd = fd;
    k->in.len = k->out.len = 0;
    codec_route_init(&k->parser);
    struct codec_fabric_event e = {
        .kind = CODEC_FABRIC_CONNECT, .verb = CODEC_VERB_CONNECT, .text = SLICE_LIT("client")};
    client_put(k, &e);
    return true;
}

bool client_open(struct cluster *c, unsigned node, unsigned *client)
{
    for (unsigned i = 0; i < ASK_CLIENT; i++) {
        if (c->clients[i].fd < 0) {
            *client = i;
            return open_as(c, node, i);
        }
    }
    die("too many clients");
    return false;
}

void client_close(struct cluster *c, unsigned client)
{
    struct client *k = &c->clients[client];
    if (k->fd >= 0)
        close(k->fd);
    k->fd = -1;
}

void client_send(struct cluster *c, unsigned client, const char *subject, const char *reply, slice body)
{
    struct client *k = &c->clients[client];
    struct codec_fabric_event e = {.kind = CODEC_FABRIC_MSG,
                                   .verb = CODEC_VERB_RMSG,
                                   .msg = {.account = SLICE_LIT("SYS"),
                                           .subject = slice_str(subject),
                                           .reply = slice_str(reply),
                                           .has_reply = reply != NULL,
                                           .size = (uint32_t)body.len,
                                           .payload_complete = true,
                                           .payload = body}};
    if (k->fd < 0)
        return;
    client_put(k, &e);
    write_from(k->fd, &k->out);
}

static void client_answer(struct cluster *c, unsigned number, const struct codec_fabric_msg *m)
{
    if (number != ASK_CLIENT) {
        c->o.answer(c->o.ctx, number, m->subject, m->payload);
        return;
    }
    c->answer.len = 0;
    bytes_add_slice(&c->answer, m->payload);
    c->answered = true;
}

/* Whole messages only: what is incomplete waits for more. */
static bool client_parse(struct cluster *c, unsigned number)
{
    struct client *k = &c->clients[number];
    slice in = bytes_slice(&k->in);
    struct codec_fabric_event e;
    while (k->fd >= 0) {
        struct codec_fabric before = k->parser;
        slice rest = in;
        enum codec_rc rc = codec_fabric_next(&k->parser, &rest, &e);
        if (rc == CODEC_ERROR)
            return false;
        if (rc != CODEC_EVENT || (e.kind == CODEC_FABRIC_MSG && !e.msg.payload_complete)) {
            k->parser = before;
            break;
        }
        in = rest;
        if (e.kind == CODEC_FABRIC_MSG)
            client_answer(c, number, &e.msg);
    }
    bytes_consume(&k->in, k->in.len - in.len);
    return true;
}

static void client_ready(struct cluster *c, unsigned number, short events)
{
    struct client *k = &c->clients[number];
    bool good = (events & POLLOUT) == 0 || write_from(k->fd, &k->out);
    if (good && (events & (POLLIN | POLLHUP | POLLERR)) != 0)
        good = read_into(k->fd, &k->in) && client_parse(c, number);
    if (!good && k->fd >= 0) {
        client_close(c, number);
        if (number != ASK_CLIENT)
            c->o.lost(c->o.ctx, number);
    }
}

/* ---- the poll ---- */

/* What a place in the poll's list stands for. */
struct watched {
    struct pair *pair;
    struct pipe *pipe; /* NULL: the pair's listener, or a client */
    unsigned side, client;
};

struct polling {
    struct pollfd fds[CLUSTER_PAIRS * (1 + 2 * PIPES_MAX) + CLIENTS_MAX];
    struct watched what[CLUSTER_PAIRS * (1 + 2 * PIPES_MAX) + CLIENTS_MAX];
    nfds_t count;
};

static void watch(struct polling *p, int fd, short events, struct watched what)
{
    p->fds[p->count] = (struct pollfd){.fd = fd, .events = events};
    p->what[p->count++] = what;
}

static void watch_pair(struct polling *p, struct pair *pair)
{
    watch(p, pair->listener, POLLIN, (struct watched){.pair = pair});
    for (int i = 0; i < PIPES_MAX; i++) {
        struct pipe *pipe = &pair->pipes[i];
        if (pipe->fd[0] < 0)
            continue;
        for (unsigned side = 0; side < 2; side++) {
            int events = 0;
            if (!pair->hold[side] && pipe->buffer[side].len < BUFFER_MAX)
                events |= POLLIN;
            if (pipe->buffer[1 - side].len > 0 && !pair->hold[1 - side])
                events |= POLLOUT;
            watch(p, pipe->fd[side], (short)events, (struct watched){pair, pipe, side, 0});
        }
    }
}

static void pipe_ready(const struct watched *w, short events)
{
    struct pipe *p = w->pipe;
    if (p->fd[w->side] < 0)
        return;
    bool good = (events & POLLOUT) == 0 || write_from(p->fd[w->side], &p->buffer[1 - w->side]);
    if (good && (events & POLLIN) != 0) {
        good = read_into(p->fd[w->side], &p->buffer[w->side]);
        if (good && !w->pair->hold[w->side])
            good = write_from(p->fd[1 - w->side], &p->buffer[w->side]);
    } else if ((events & (POLLHUP | POLLERR)) != 0) {
        good = false;
    }
    if (!good)
        pipe_close(p);
}

void cluster_poll(struct cluster *c, int64_t until)
{
    struct polling p = {.count = 0};
    for (int i = 0; i < CLUSTER_PAIRS && c->o.proxied; i++)
        watch_pair(&p, &c->pairs[i]);
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        const struct client *k = &c->clients[i];
        if (k->fd >= 0)
            watch(&p, k->fd, (short)(POLLIN | (k->out.len > 0 ? POLLOUT : 0)), (struct watched){.client = i});
    }
    int64_t wait = (until - now_ns() + 999999) / 1000000;
    int n = poll(p.fds, p.count, wait < 0 ? 0 : (int)(wait < 1000 ? wait : 1000));
    for (nfds_t i = 0; i < p.count && n > 0; i++) {
        if (p.fds[i].revents == 0)
            continue;
        if (p.what[i].pipe != NULL)
            pipe_ready(&p.what[i], p.fds[i].revents);
        else if (p.what[i].pair != NULL)
            pair_accept(c, p.what[i].pair);
        else if (c->clients[p.what[i].client].fd == p.fds[i].fd)
            client_ready(c, p.what[i].client, p.fds[i].revents);
    }
}

void cluster_run(struct cluster *c, int64_t until)
{
    while (now_ns() < until)
        cluster_poll(c, until);
}

/* ---- nodes ---- */

void cluster_start(struct cluster *c, unsigned node)
{
    struct node *n = &c->nodes[node];
    char port[16], groups[16], hurry[16], snapshot[32], member[CLUSTER_NODES][32];
    snprintf(port, sizeof port, "%u", n->port);
    snprintf(groups, sizeof groups, "%u", c->o.groups);
    snprintf(hurry, sizeof hurry, "%u", c->o.hurry);
    snprintf(snapshot, sizeof snapshot, "%llu", (unsigned long long)c->o.snapshot_every);
    for (unsigned i = 0; i < CLUSTER_NODES; i++) {
        bool through = c->o.proxied && i > node;
        snprintf(member[i], sizeof member[i], "%s=%u", names[i],
                 through ? pair_of(c, node, i)->port : c->nodes[i].port);
    }
    char *argv[] = {(char *)(uintptr_t)c->o.program,
                    (char *)(uintptr_t)names[node],
                    port,
                    n->dir,
                    groups,
                    hurry,
                    snapshot,
                    member[0],
                    member[1],
                    member[2],
                    NULL};
    struct process_options o = {.out = n->log, .err = n->log, .dir = "."};
    if (!process_start(&n->process, argv, &o))
        die("fork");
}

void cluster_kill(struct cluster *c, unsigned node)
{
    process_kill(&c->nodes[node].process);
}

bool cluster_alive(struct cluster *c, unsigned node)
{
    return c->nodes[node].process.running && !process_ended(&c->nodes[node].process);
}

void cluster_signal(struct cluster *c, unsigned node, int signal)
{
    if (c->nodes[node].process.running)
        kill(c->nodes[node].process.pid, signal);
}

int cluster_end(struct cluster *c, unsigned node)
{
    struct process *p = &c->nodes[node].process;
    int64_t until = now_ns() + 60 * INT64_C(1000000000);
    cluster_signal(c, node, SIGTERM);
    while (!process_ended(p) && now_ns() < until)
        cluster_run(c, now_ns() + 10000000);
    if (p->running)
        process_kill(p);
    return p->exit_code;
}

pid_t cluster_pid(const struct cluster *c, unsigned node)
{
    return c->nodes[node].process.pid;
}

raft_id cluster_id(unsigned node)
{
    return raft_id_of(names[node]);
}

const char *cluster_log(struct cluster *c, unsigned node)
{
    c->text.len = 0;
    file_read(c->nodes[node].log, &c->text);
    return bytes_str(&c->text);
}

/* ---- questions ---- */

static bool ask(struct cluster *c, unsigned node, const char *subject, slice body, int64_t wait)
{
    int64_t until = now_ns() + wait;
    c->answered = false;
    while (!open_as(c, node, ASK_CLIENT)) {
        if (now_ns() > until)
            return false;
        cluster_run(c, now_ns() + 10000000);
    }
    client_send(c, ASK_CLIENT, subject, "app.reply", body);
    while (!c->answered && now_ns() < until && c->clients[ASK_CLIENT].fd >= 0)
        cluster_poll(c, until);
    client_close(c, ASK_CLIENT);
    return c->answered;
}

bool cluster_status(struct cluster *c, unsigned node, unsigned group, int64_t wait, struct status_answer *out)
{
    char subject[48];
    snprintf(subject, sizeof subject, "app.status.%u", group);
    if (!ask(c, node, subject, SLICE_EMPTY, wait) || c->answer.len != sizeof *out)
        return false;
    memcpy(out, c->answer.ptr, sizeof *out);
    return true;
}

uint64_t *cluster_records(struct cluster *c, unsigned node, unsigned group, int64_t wait, size_t *count)
{
    char subject[48];
    uint64_t *all = NULL, head[2] = {0, 0}, have = 0;
    snprintf(subject, sizeof subject, "app.records.%u", group);
    do {
        if (!ask(c, node, subject, slice_make(&have, sizeof have), wait) || c->answer.len < sizeof head) {
            free(all);
            return NULL;
        }
        memcpy(head, c->answer.ptr, sizeof head);
        all = realloc(all, (have + head[0] + 1) * sizeof *all);
        if (all == NULL)
            die("memory");
        memcpy(all + have, c->answer.ptr + sizeof head, head[0] * sizeof *all);
        have += head[0];
    } while (have < head[1] && head[0] > 0);
    *count = have;
    return all;
}

/* ---- life ---- */

static void open_pairs(struct cluster *c)
{
    static const unsigned ends[CLUSTER_PAIRS][2] = {{0, 1}, {0, 2}, {1, 2}};
    for (int i = 0; i < CLUSTER_PAIRS; i++) {
        struct pair *p = &c->pairs[i];
        int holder;
        p->low = ends[i][0];
        p->high = ends[i][1];
        p->port = port_reserve(&holder);
        p->listener = listen_on(p->port);
        close(holder);
        for (int k = 0; k < PIPES_MAX; k++)
            p->pipes[k].fd[0] = p->pipes[k].fd[1] = -1;
    }
}

struct cluster *cluster_open(const struct cluster_options *o)
{
    struct cluster *c = calloc(1, sizeof *c);
    if (c == NULL)
        die("memory");
    c->o = *o;
    for (int i = 0; i < CLIENTS_MAX; i++)
        c->clients[i].fd = -1;
    open_pairs(c);
    for (unsigned i = 0; i < CLUSTER_NODES; i++) {
        struct node *n = &c->nodes[i];
        n->port = port_reserve(&n->holder);
        snprintf(n->dir, sizeof n->dir, "%s/%s", o->dir, names[i]);
        snprintf(n->log, sizeof n->log, "%s/%s.log", o->dir, names[i]);
        if (mkdir(n->dir, 0700) != 0)
            die(n->dir);
    }
    return c;
}

void cluster_close(struct cluster *c)
{
    for (unsigned i = 0; i < CLUSTER_NODES; i++) {
        if (c->nodes[i].process.running)
            process_kill(&c->nodes[i].process);
        close(c->nodes[i].holder);
    }
    for (int i = 0; i < CLUSTER_PAIRS; i++) {
        close(c->pairs[i].listener);
        for (int k = 0; k < PIPES_MAX; k++) {
            pipe_close(&c->pairs[i].pipes[k]);
            bytes_free(&c->pairs[i].pipes[k].buffer[0]);
            bytes_free(&c->pairs[i].pipes[k].buffer[1]);
        }
    }
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        client_close(c, i);
        bytes_free(&c->clients[i].in);
        bytes_free(&c->clients[i].out);
    }
    bytes_free(&c->text);
    bytes_free(&c->answer);
    free(c);
}
