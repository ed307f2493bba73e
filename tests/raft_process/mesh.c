#include "mesh.h"

#include "net/conn.h"
#include "subject_map.h"

#include <midge/route.h>

#include <arpa/inet.h>
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#define LINKS       256
#define MAX_PENDING (256u << 20)
#define REDIAL_NS   (50 * INT64_C(1000000))
#define ACCOUNT     SLICE_LIT("SYS")

enum { UNKNOWN = -1, CLIENT = -2 };

struct link {
    struct net_conn conn; /* first */
    struct mesh *mesh;
    struct codec_fabric parser;
    struct epoch_node dead;
    int peer; /* its number, UNKNOWN or CLIENT */
    struct mesh_from self;
    /* A message whose payload comes in pieces. */
    uint8_t *text;
    size_t subject_len, reply_len, size, have;
};

struct peer {
    struct mesh *mesh;
    struct mesh_peer config;
    bool self, dials;
    struct link *link;
    struct subject_map interest;
    struct net_timer redial;
};

struct mesh {
    struct mesh_config config;
    struct net_listener *listener;
    struct peer peers[MESH_PEERS_MAX];
    bool stopping, linked;
    sem_t ready;
    int error;
    struct net_task begin_task, stop_task;

    pthread_mutex_t lock;     /* of what follows, and of peer.link and peer.interest */
    struct subject_map local; /* subject to group */
    struct link *links[LINKS];
    uint32_t generations[LINKS];
};

/* ---- writing; the lock is held ---- */

static void put(struct link *l, const struct codec_fabric_event *e, struct touched *t)
{
    size_t n = codec_fabric_encode(CODEC_ROUTE, e, NULL, 0);
    outbox_lock(&l->conn.out);
    if (n > 0 && l->conn.out.state == OUTBOX_OPEN) {
        uint8_t *room = outbox_room(&l->conn.out, n);
        if (room != NULL) {
            codec_fabric_encode(CODEC_ROUTE, e, room, n);
            outbox_put(&l->conn.out, n, t);
        }
    }
    outbox_unlock(&l->conn.out);
}

static void put_interest(struct link *l, slice subject, bool on, struct touched *t)
{
    struct codec_fabric_event e = {.kind = on ? CODEC_FABRIC_SUB : CODEC_FABRIC_UNSUB,
                                   .verb = on ? CODEC_VERB_RS_ADD : CODEC_VERB_RS_DEL,
                                   .interest = {.account = ACCOUNT, .subject = subject}};
    put(l, &e, t);
}

static struct codec_fabric_event message_of(slice subject, slice reply, slice body)
{
    return (struct codec_fabric_event){.kind = CODEC_FABRIC_MSG,
                                       .verb = CODEC_VERB_RMSG,
                                       .msg = {.account = ACCOUNT,
                                               .subject = subject,
                                               .reply = reply,
                                               .has_reply = reply.len > 0,
                                               .size = (uint32_t)body.len,
                                               .payload_complete = true,
                                               .payload = body}};
}

static void greet_subject(void *ctx, slice subject)
{
    struct link *l = ctx;
    put_interest(l, subject, true, &l->conn.loop->touched);
}

/* Our name, and all that we listen to. */
static void greet(struct link *l)
{
    struct codec_fabric_event e = {
        .kind = CODEC_FABRIC_CONNECT, .verb = CODEC_VERB_CONNECT, .text = slice_str(l->mesh->config.name)};
    put(l, &e, &l->conn.loop->touched);
    subject_map_each(&l->mesh->local, greet_subject, l);
}

/* ---- the transport ---- */

static void mesh_subscribe(void *ctx, struct raft_group *g, slice subject, bool on)
{
    struct mesh_port *port = ctx;
    struct mesh *m = port->mesh;
    pthread_mutex_lock(&m->lock);
    if (on)
        subject_map_put(&m->local, subject, g);
    else
        subject_map_remove(&m->local, subject);
    for (size_t i = 0; i < m->config.peer_count; i++) {
        if (m->peers[i].link != NULL)
            put_interest(m->peers[i].link, subject, on, &port->loop->touched);
    }
    pthread_mutex_unlock(&m->lock);
}

static void mesh_send(void *ctx, struct raft_group *g, slice subject, slice reply, slice body)
{
    struct mesh_port *port = ctx;
    struct mesh *m = port->mesh;
    struct codec_fabric_event e = message_of(subject, reply, body);
    (void)g;
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < m->config.peer_count; i++) {
        struct peer *p = &m->peers[i];
        if (p->link != NULL && subject_map_get(&p->interest, subject) != NULL)
            put(p->link, &e, &port->loop->touched);
    }
    pthread_mutex_unlock(&m->lock);
}

static void mesh_forget(void *ctx, struct raft_group *g)
{
    struct mesh_port *port = ctx;
    pthread_mutex_lock(&port->mesh->lock);
    subject_map_remove_value(&port->mesh->local, g);
    pthread_mutex_unlock(&port->mesh->lock);
}

const struct raft_transport mesh_transport = {mesh_subscribe, mesh_send, mesh_forget};

void mesh_reply(struct mesh *m, struct net_loop *loop, struct mesh_from to, slice subject, slice body)
{
    struct codec_fabric_event e = message_of(subject, SLICE_EMPTY, body);
    pthread_mutex_lock(&m->lock);
    if (to.slot < LINKS && m->links[to.slot] != NULL && m->generations[to.slot] == to.generation)
        put(m->links[to.slot], &e, &loop->touched);
    pthread_mutex_unlock(&m->lock);
}

/* ---- reading ---- */

/* Who is at the other end. A peer's new connection takes the place of an old one. */
static void on_connect(struct link *l, slice name)
{
    struct mesh *m = l->mesh;
    struct link *old = NULL;
    bool first = false;
    int peer = CLIENT;
    for (size_t i = 0; i < m->config.peer_count; i++) {
        if (slice_eq_str(name, m->peers[i].config.name))
            peer = (int)i;
    }
    pthread_mutex_lock(&m->lock);
    if (l->peer == UNKNOWN) {
        l->peer = peer;
        if (peer >= 0) {
            old = m->peers[peer].link;
            subject_map_free(&m->peers[peer].interest);
            m->peers[peer].link = l;
            greet(l);
        }
    }
    if (l->peer >= 0 && !m->linked)
        first = m->linked = true;
    pthread_mutex_unlock(&m->lock);
    if (old != NULL)
        net_conn_close_now(&old->conn, true);
    if (first)
        m->config.linked(m->config.ctx);
}

static void on_interest(struct link *l, slice subject, bool on)
{
    struct mesh *m = l->mesh;
    pthread_mutex_lock(&m->lock);
    if (l->peer >= 0 && m->peers[l->peer].link == l) {
        if (on)
            subject_map_put(&m->peers[l->peer].interest, subject, l);
        else
            subject_map_remove(&m->peers[l->peer].interest, subject);
    }
    pthread_mutex_unlock(&m->lock);
}

static void on_message(struct link *l, slice subject, slice reply, slice body)
{
    struct mesh *m = l->mesh;
    if (!slice_starts(subject, SLICE_LIT("$NRG."))) {
        m->config.request(m->config.ctx, l->self, subject, reply, body);
        return;
    }
    /* Under the lock the group is open, and what is posted to it is taken before it is freed. */
    pthread_mutex_lock(&m->lock);
    struct raft_group *g = subject_map_get(&m->local, subject);
    if (g != NULL)
        raft_group_message(g, subject, reply, body);
    pthread_mutex_unlock(&m->lock);
}

static void keep_line(struct link *l, const struct codec_fabric_msg *msg)
{
    l->text = malloc(msg->subject.len + msg->reply.len + msg->size);
    if (l->text == NULL)
        abort();
    l->subject_len = msg->subject.len;
    l->reply_len = msg->reply.len;
    l->size = msg->size;
    l->have = 0;
    memcpy(l->text, msg->subject.ptr, msg->subject.len);
    memcpy(l->text + msg->subject.len, slice_ptr(msg->reply), msg->reply.len);
}

static void take_payload(struct link *l, slice *in)
{
    size_t n = codec_fabric_payload_left(&l->parser);
    n = n < in->len ? n : in->len;
    if (l->text == NULL || n == 0)
        return;
    memcpy(l->text + l->subject_len + l->reply_len + l->have, in->ptr, n);
    l->have += n;
    codec_fabric_payload_taken(&l->parser, n);
    *in = slice_from(*in, n);
}

static void payload_complete(struct link *l)
{
    slice subject = slice_make(l->text, l->subject_len);
    slice reply = slice_make(l->text + l->subject_len, l->reply_len);
    on_message(l, subject, reply, slice_make(l->text + l->subject_len + l->reply_len, l->size));
    free(l->text);
    l->text = NULL;
}

static void on_event(struct link *l, const struct codec_fabric_event *e)
{
    switch (e->kind) {
    case CODEC_FABRIC_CONNECT:
        on_connect(l, e->text);
        break;
    case CODEC_FABRIC_SUB:
    case CODEC_FABRIC_UNSUB:
        on_interest(l, e->interest.subject, e->kind == CODEC_FABRIC_SUB);
        break;
    case CODEC_FABRIC_MSG:
        if (e->msg.payload_complete)
            on_message(l, e->msg.subject, e->msg.reply, e->msg.payload);
        else
            keep_line(l, &e->msg);
        break;
    case CODEC_FABRIC_PAYLOAD:
        payload_complete(l);
        break;
    default:
        break;
    }
}

static size_t on_bytes(struct net_conn *c, slice in)
{
    struct link *l = (struct link *)(void *)c;
    struct codec_fabric_event e;
    size_t len = in.len;
    enum codec_rc rc = CODEC_EVENT;
    while (rc == CODEC_EVENT && !c->closing) {
        take_payload(l, &in);
        rc = codec_fabric_next(&l->parser, &in, &e);
        if (rc == CODEC_EVENT)
            on_event(l, &e);
    }
    if (rc == CODEC_ERROR && !c->closing)
        net_conn_close_now(c, true);
    return len - in.len;
}

static void on_down(struct net_conn *c, enum net_down why, int err)
{
    (void)why;
    (void)err;
    net_conn_close_now(c, true);
}

static void on_closed(struct net_conn *c)
{
    struct link *l = (struct link *)(void *)c;
    struct mesh *m = l->mesh;
    pthread_mutex_lock(&m->lock);
    m->links[l->self.slot] = NULL;
    if (l->peer >= 0 && m->peers[l->peer].link == l) {
        m->peers[l->peer].link = NULL;
        subject_map_free(&m->peers[l->peer].interest);
    }
    pthread_mutex_unlock(&m->lock);
}

static void on_free(struct net_conn *c)
{
    struct link *l = (struct link *)(void *)c;
    free(l->text);
    free(l);
}

static const struct net_conn_handler link_handler = {
    .bytes = on_bytes, .down = on_down, .closed = on_closed, .free = on_free};

/* ---- connections ---- */

static struct link *new_link(struct mesh *m, struct net_loop *loop, struct env_pipe *pipe, int peer)
{
    struct link *l = calloc(1, sizeof *l);
    if (l == NULL)
        abort();
    l->mesh = m;
    l->peer = peer;
    codec_route_init(&l->parser);
    if (net_conn_init(&l->conn, loop, pipe, &link_handler, MAX_PENDING) != 0) {
        free(l);
        return NULL;
    }
    pthread_mutex_lock(&m->lock);
    uint32_t slot = 0;
    while (slot < LINKS && m->links[slot] != NULL)
        slot++;
    if (slot == LINKS)
        abort();
    m->links[slot] = l;
    l->self = (struct mesh_from){slot, ++m->generations[slot]};
    if (peer >= 0) {
        m->peers[peer].link = l;
        greet(l);
    }
    pthread_mutex_unlock(&m->lock);
    net_conn_start(&l->conn);
    return l;
}

static void on_accepted(struct net_loop *loop, struct env_pipe *pipe, void *ctx)
{
    struct mesh *m = ctx;
    if (m->stopping || loop->stopping)
        env_pipe_close(pipe, true);
    else
        new_link(m, loop, pipe, UNKNOWN);
}

static void on_trouble(int err, int sleep_ms, void *ctx)
{
    (void)ctx;
    fprintf(stderr, "accept: %s, waiting %d ms\n", strerror(-err), sleep_ms);
}

static void loopback(struct env_addr *a, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *a = (struct env_addr){.len = sizeof in};
    memcpy(&a->sa, &in, sizeof in);
}

static void redial(void *ctx)
{
    struct peer *p = ctx;
    struct mesh *m = p->mesh;
    struct net_loop *loop = &m->config.loops->loops[0];
    struct env_addr a;
    struct env_pipe *pipe;
    if (m->stopping)
        return;
    loopback(&a, p->config.port);
    if (p->link == NULL && env_connect(loop->env, &a, &pipe) == 0)
        new_link(m, loop, pipe, (int)(p - m->peers));
    net_arm(loop, &p->redial, loop->now + REDIAL_NS, redial, p);
}

/* [first loop] */
static void begin(struct net_task *task, struct net_loop *loop)
{
    struct mesh *m = (struct mesh *)(void *)((char *)task - offsetof(struct mesh, begin_task));
    struct env_addr a, bound;
    (void)loop;
    loopback(&a, m->config.port);
    m->error = net_listener_open(m->listener, &a, &bound);
    for (size_t i = 0; i < m->config.peer_count && m->error == 0; i++) {
        if (m->peers[i].dials)
            redial(&m->peers[i]);
    }
    sem_post(&m->ready);
}

static void stop(struct net_task *task, struct net_loop *loop)
{
    struct mesh *m = (struct mesh *)(void *)((char *)task - offsetof(struct mesh, stop_task));
    m->stopping = true;
    net_listener_close(m->listener);
    for (size_t i = 0; i < m->config.peer_count; i++)
        net_disarm(loop, &m->peers[i].redial);
    sem_post(&m->ready);
}

struct mesh *mesh_new(const struct mesh_config *c)
{
    static const struct net_listener_handler handler = {.accepted = on_accepted, .trouble = on_trouble};
    struct mesh *m = calloc(1, sizeof *m);
    if (m == NULL)
        abort();
    m->config = *c;
    pthread_mutex_init(&m->lock, NULL);
    sem_init(&m->ready, 0, 0);
    for (size_t i = 0; i < c->peer_count; i++) {
        struct peer *p = &m->peers[i];
        p->mesh = m;
        p->config = c->peers[i];
        p->self = strcmp(p->config.name, c->name) == 0;
        p->dials = strcmp(p->config.name, c->name) > 0;
    }
    m->listener = net_listener_new(c->loops, &handler, m);
    if (m->listener == NULL)
        abort();
    return m;
}

int mesh_start(struct mesh *m)
{
    m->begin_task.fn = begin;
    net_post(&m->config.loops->loops[0], &m->begin_task);
    sem_wait(&m->ready);
    return m->error;
}

void mesh_stop(struct mesh *m)
{
    m->stop_task.fn = stop;
    net_post(&m->config.loops->loops[0], &m->stop_task);
    sem_wait(&m->ready);
}

void mesh_free(struct mesh *m)
{
    net_listener_free(m->listener);
    for (size_t i = 0; i < m->config.peer_count; i++)
        subject_map_free(&m->peers[i].interest);
    subject_map_free(&m->local);
    pthread_mutex_destroy(&m->lock);
    sem_destroy(&m->ready);
    free(m);
}
