/* relay.c: a transparent TCP proxy. */
#include "server/decode/relay.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* From one side to the other. */
struct pipe {
    size_t begin, end;
    bool closed; /* nothing more will be read */
    bool done;   /* and the other side was told */
    uint8_t bytes[RELAY_BUFFER];
};

struct link {
    uint64_t number;
    int fds[2];      /* by direction: the side that speaks */
    bool connecting; /* the far side is not there yet */
    struct pipe pipes[2];
};

struct relay {
    int listener;
    const struct relay_address *to;
    uint64_t accepted, limit;
    relay_observer *observe;
    void *context;
    size_t count;
    struct link *links[RELAY_CONNECTIONS];
};

bool relay_address_read(char *text, struct relay_address *a)
{
    char *colon = strrchr(text, ':'), *close = strchr(text, ']');
    *a = (struct relay_address){NULL, text};
    if (text[0] == '[') {
        if (close == NULL || colon != close + 1)
            return false;
        *close = '\0';
        *a = (struct relay_address){text + 1, colon + 1};
    } else if (colon != NULL) {
        *colon = '\0';
        *a = (struct relay_address){colon == text ? NULL : text, colon + 1};
    }
    return a->port[0] != '\0' && strspn(a->port, "0123456789") == strlen(a->port);
}

static struct addrinfo *resolve(const struct relay_address *a, int flags, const char **problem)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags},
                    *list = NULL;
    int rc = getaddrinfo(a->host, a->port, &hints, &list);
    if (rc != 0)
        *problem = gai_strerror(rc);
    return rc == 0 ? list : NULL;
}

int relay_listen(const struct relay_address *a, unsigned *port, const char **problem)
{
    struct addrinfo *list = resolve(a, AI_PASSIVE, problem);
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound = {0};
    socklen_t len = sizeof(bound);
    int fd = -1, on = 1;
    for (struct addrinfo *i = list; i != NULL && fd < 0; i = i->ai_next) {
        fd = socket(i->ai_family, i->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, i->ai_protocol);
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (bind(fd, i->ai_addr, i->ai_addrlen) == 0 && listen(fd, 64) == 0 &&
            getsockname(fd, &bound.any, &len) == 0)
            break;
        *problem = strerror(errno);
        close(fd);
        fd = -1;
    }
    if (list != NULL)
        freeaddrinfo(list);
    if (fd >= 0)
        *port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
    return fd;
}

static int dial(const struct relay_address *to)
{
    const char *problem;
    struct addrinfo *list = resolve(to, 0, &problem);
    int fd = -1;
    for (struct addrinfo *i = list; i != NULL && fd < 0; i = i->ai_next) {
        fd = socket(i->ai_family, i->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, i->ai_protocol);
        if (fd >= 0 && connect(fd, i->ai_addr, i->ai_addrlen) != 0 && errno != EINPROGRESS) {
            close(fd);
            fd = -1;
        }
    }
    if (list != NULL)
        freeaddrinfo(list);
    return fd;
}

/* ---- links ---- */

static void end_link(struct relay *r, size_t i)
{
    close(r->links[i]->fds[0]);
    close(r->links[i]->fds[1]);
    free(r->links[i]);
    r->links[i] = r->links[--r->count];
}

static void accept_link(struct relay *r)
{
    int near = accept4(r->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
    if (near < 0)
        return;
    int far = dial(r->to);
    struct link *l = far < 0 ? NULL : calloc(1, sizeof(*l));
    r->accepted++;
    if (l == NULL) {
        close(near);
        if (far >= 0)
            close(far);
        return;
    }
    setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    l->number = r->accepted;
    l->fds[CODEC_FROM_DIALER] = near;
    l->fds[CODEC_FROM_ACCEPTOR] = far;
    l->connecting = true;
    r->links[r->count++] = l;
}

/* Reads of a side. An error of the socket is the end of its stream. */
static bool read_side(struct relay *r, struct link *l, int d)
{
    struct pipe *p = &l->pipes[d];
    ssize_t n = read(l->fds[d], p->bytes + p->end, RELAY_BUFFER - p->end);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    slice bytes = slice_make(p->bytes + p->end, n > 0 ? (size_t)n : 0);
    p->end += bytes.len;
    p->closed = bytes.len == 0;
    return r->observe(r->context, l->number, (enum codec_direction)d, bytes);
}

/* Writes what a side has said to the other. */
static void write_side(struct link *l, int d)
{
    struct pipe *p = &l->pipes[d];
    int to = l->fds[!d];
    if (p->end > p->begin) {
        ssize_t n = send(to, p->bytes + p->begin, p->end - p->begin, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) { /* nobody listens any more */
            p->begin = p->end;
            p->closed = true;
        }
        p->begin += n > 0 ? (size_t)n : 0;
    }
    if (p->begin == p->end)
        p->begin = p->end = 0;
    if (p->closed && p->end == 0 && !p->done) {
        shutdown(to, SHUT_WR);
        p->done = true;
    }
}

static short wanted(const struct link *l, int d)
{
    const struct pipe *mine = &l->pipes[d], *other = &l->pipes[!d];
    bool may_read = !mine->closed && mine->end < RELAY_BUFFER && !l->connecting;
    bool must_write = other->end > other->begin || (l->connecting && d == CODEC_FROM_ACCEPTOR);
    return (short)((may_read ? POLLIN : 0) | (must_write ? POLLOUT : 0));
}

/* false: the observer says stop. */
static bool serve(struct relay *r, struct link *l, const struct pollfd *fds)
{
    bool ok = true;
    if (l->connecting && fds[CODEC_FROM_ACCEPTOR].revents != 0) {
        int error = 0;
        socklen_t len = sizeof(error);
        getsockopt(l->fds[CODEC_FROM_ACCEPTOR], SOL_SOCKET, SO_ERROR, &error, &len);
        l->connecting = false;
        if (error != 0)
            l->pipes[0].done = l->pipes[1].done = true;
    }
    for (int d = 0; d < 2 && ok; d++) {
        if (!l->connecting && fds[d].revents & (POLLIN | POLLHUP | POLLERR) && !l->pipes[d].closed &&
            l->pipes[d].end < RELAY_BUFFER)
            ok = read_side(r, l, d);
        write_side(l, d);
    }
    return ok;
}

/* ---- the loop ---- */

static bool turn(struct relay *r)
{
    struct pollfd fds[1 + 2 * RELAY_CONNECTIONS];
    bool open = r->count < RELAY_CONNECTIONS && (r->limit == 0 || r->accepted < r->limit);
    size_t n = 1;
    fds[0] = (struct pollfd){open ? r->listener : -1, POLLIN, 0};
    for (size_t i = 0; i < r->count; i++) {
        for (int d = 0; d < 2; d++) {
            short events = wanted(r->links[i], d);
            fds[n++] = (struct pollfd){events == 0 ? -1 : r->links[i]->fds[d], events, 0};
        }
    }
    if (poll(fds, n, 200) < 0)
        return errno == EINTR;
    for (size_t i = r->count; i-- > 0;) {
        if (!serve(r, r->links[i], &fds[1 + 2 * i]))
            return false;
        if (r->links[i]->pipes[0].done && r->links[i]->pipes[1].done)
            end_link(r, i);
    }
    if (fds[0].revents & POLLIN)
        accept_link(r);
    return true;
}

bool relay_run(int listener, const struct relay_address *to, uint64_t limit,
               const volatile sig_atomic_t *stop, relay_observer *observe, void *context,
               const char **problem)
{
    struct relay *r = calloc(1, sizeof(*r));
    bool ok = true;
    if (r == NULL)
        return *problem = "out of memory", false;
    *r = (struct relay){
        .listener = listener, .to = to, .limit = limit, .observe = observe, .context = context};
    while (ok && !*stop && (limit == 0 || r->accepted < limit || r->count > 0))
        ok = turn(r);
    if (!ok)
        *problem = "stopped";
    while (r->count > 0)
        end_link(r, r->count - 1);
    free(r);
    return ok;
}
