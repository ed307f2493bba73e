/* nats_load_net.c: connections of the load generator. */
#include "nats_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCRATCH   ((size_t)1 << 20)
#define PATIENCE  30000 /* ms for an answer */
#define MAX_READY 256

void net_open(struct net *net, uint16_t port, const char *ca)
{
    *net = (struct net){
        .epoll = epoll_create1(EPOLL_CLOEXEC), .port = port, .ca = ca, .scratch = malloc(SCRATCH)};
    if (net->epoll < 0 || net->scratch == NULL)
        fail("epoll: %s", strerror(errno));
}

void net_close(struct net *net)
{
    close(net->epoll);
    free(net->scratch);
}

int link_socket(struct net *net)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(net->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        fail("connect: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* Blocking read of what is there; 0 at the end of the stream. */
static size_t read_blocking(struct link *link, uint8_t *to, size_t cap)
{
    if (link->ssl != NULL) {
        int n = SSL_read(link->ssl, to, (int)cap);
        return n > 0 ? (size_t)n : 0;
    }
    struct pollfd fd = {.fd = link->fd, .events = POLLIN};
    ssize_t n = poll(&fd, 1, PATIENCE) == 1 ? recv(link->fd, to, cap, 0) : -1;
    return n > 0 ? (size_t)n : 0;
}

/* Reads up to and with the first line that starts so. */
static void read_until(struct net *net, struct link *link, const char *start)
{
    struct bytes in = {0};
    size_t n = strlen(start);
    for (;;) {
        const uint8_t *line = in.len == 0 ? NULL : in.ptr, *lf;
        for (; line != NULL && (lf = memchr(line, '\n', in.len - (size_t)(line - in.ptr))) != NULL;
             line = lf + 1) {
            if ((size_t)(lf - line) >= n && memcmp(line, start, n) == 0) {
                bytes_free(&in);
                return;
            }
            if (*line == '-')
                fail("the server says %.*s", (int)(lf - line), (const char *)line);
        }
        size_t got = read_blocking(link, net->scratch, SCRATCH);
        if (got == 0)
            fail("the connection ended while %s was awaited", start);
        bytes_add(&in, net->scratch, got);
    }
}

static void write_all(struct link *link, const void *ptr, size_t n)
{
    const uint8_t *from = ptr;
    while (n > 0) {
        ssize_t done =
            link->ssl != NULL ? SSL_write(link->ssl, from, (int)n) : send(link->fd, from, n, MSG_NOSIGNAL);
        if (done <= 0)
            fail("send: %s", strerror(errno));
        from += done;
        n -= (size_t)done;
    }
}

static void set_blocking(struct link *link, bool blocking)
{
    int flags = fcntl(link->fd, F_GETFL);
    fcntl(link->fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

static void start_tls(struct net *net, struct link *link)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL || SSL_CTX_load_verify_locations(ctx, net->ca, NULL) != 1)
        fail("TLS: cannot read %s", net->ca);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    link->ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    SSL_set_fd(link->ssl, link->fd);
    SSL_set_mode(link->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_connect(link->ssl) != 1)
        fail("TLS: the handshake failed");
}

struct link *link_open(struct net *net)
{
    static const char connect_text[] = "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,"
                                       "\"no_responders\":true,\"lang\":\"load\"}\r\nPING\r\n";
    struct link *link = calloc(1, sizeof *link);
    if (link == NULL)
        fail("out of memory");
    link->fd = link_socket(net);
    read_until(net, link, "INFO ");
    if (net->ca != NULL)
        start_tls(net, link);
    write_all(link, connect_text, sizeof connect_text - 1);
    read_until(net, link, "PONG");
    set_blocking(link, false);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = link};
    if (epoll_ctl(net->epoll, EPOLL_CTL_ADD, link->fd, &event) != 0)
        fail("epoll: %s", strerror(errno));
    return link;
}

void link_tell(struct net *net, struct link *link, const void *text, size_t n)
{
    set_blocking(link, true);
    write_all(link, text, n);
    write_all(link, "PING\r\n", 6);
    read_until(net, link, "PONG");
    set_blocking(link, false);
}

void link_close(struct link *link)
{
    SSL_free(link->ssl);
    close(link->fd);
    bytes_free(&link->tail);
    free(link);
}

/* One write of at most n bytes of the block; 0 when the socket is full. */
static size_t write_some(struct link *link, size_t n)
{
    const uint8_t *from = link->block + link->block_at;
    if (link->ssl != NULL) {
        if (link->retry > 0)
            n = link->retry;
        int rc = SSL_write(link->ssl, from, (int)n);
        link->retry = rc > 0 ? 0 : n;
        if (rc > 0)
            return (size_t)rc;
        int why = SSL_get_error(link->ssl, rc);
        if (why != SSL_ERROR_WANT_WRITE && why != SSL_ERROR_WANT_READ)
            fail("TLS: cannot write");
        return 0;
    }
    /* Not sendfile: the receiver then copies from single pages, and the server pays for that. */
    ssize_t rc = send(link->fd, from, n, MSG_NOSIGNAL);
    if (rc < 0 && errno != EAGAIN)
        fail("send: %s", strerror(errno));
    return rc > 0 ? (size_t)rc : 0;
}

void link_pump(struct link *link)
{
    while (link->block != NULL && (link->sent < link->allowed || link->retry > 0) && !link->blocked) {
        size_t n = link->block_len - link->block_at;
        if (link->retry == 0 && n > link->allowed - link->sent)
            n = (size_t)(link->allowed - link->sent);
        size_t done = write_some(link, n);
        link->blocked = done == 0;
        link->sent += done;
        link->block_at = (link->block_at + done) % link->block_len;
    }
}

static void keep(struct link *link, const uint8_t *bytes, size_t n)
{
    enum { KEPT = 64 };
    if (n > KEPT) {
        bytes += n - KEPT;
        n = KEPT;
    }
    bytes_add(&link->tail, bytes, n);
    if (link->tail.len > KEPT)
        bytes_consume(&link->tail, link->tail.len - KEPT);
}

static void drain(struct net *net, struct link *link)
{
    for (;;) {
        ssize_t n;
        if (link->ssl != NULL) {
            n = SSL_read(link->ssl, net->scratch, (int)SCRATCH);
            if (n <= 0 && SSL_get_error(link->ssl, (int)n) == SSL_ERROR_WANT_READ)
                return;
        } else {
            /* What is only counted is not even copied. */
            bool looked_at = link->keep_tail || link->on_read != NULL;
            n = recv(link->fd, net->scratch, SCRATCH, looked_at ? 0 : MSG_TRUNC);
            if (n < 0 && errno == EAGAIN)
                return;
        }
        if (n <= 0)
            fail("the server closed a connection");
        link->received += (uint64_t)n;
        if (link->keep_tail)
            keep(link, net->scratch, (size_t)n);
        if (link->on_read != NULL)
            link->on_read(link, net->scratch, (size_t)n);
        if (link->ssl == NULL && (size_t)n < SCRATCH)
            return; /* edge-triggered: what comes later is a new edge */
    }
}

void net_turn(struct net *net, int ms)
{
    struct epoll_event ready[MAX_READY];
    int n = epoll_wait(net->epoll, ready, MAX_READY, ms);
    if (n < 0 && errno != EINTR)
        fail("epoll: %s", strerror(errno));
    for (int i = 0; i < n; i++) {
        struct link *link = ready[i].data.ptr;
        if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            drain(net, link);
        if (ready[i].events & EPOLLOUT) {
            link->blocked = false;
            link_pump(link);
        }
    }
}
