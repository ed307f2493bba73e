/* io.c: sockets and TLS of the scenario runner. */
#include "io.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <time.h>
#include <unistd.h>

#define READ_CHUNK ((size_t)256 * 1024)
#define READ_LIMIT ((size_t)1 << 30) /* a runaway server must not eat the machine */

uint64_t io_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

struct io_conn *io_find(const struct io *io, slice name)
{
    for (size_t i = 0; i < io->count; i++) {
        if (slice_eq(io->conns[i]->name, name))
            return io->conns[i];
    }
    return NULL;
}

static void *must(void *memory)
{
    if (memory == NULL) {
        fputs("scenario: out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

static void conn_reset(struct io_conn *conn)
{
    SSL_free(conn->ssl);
    if (conn->fd >= 0)
        close(conn->fd);
    bytes_free(&conn->in);
    bytes_free(&conn->out);
    bytes_free(&conn->info);
    *conn = (struct io_conn){.name = conn->name, .fd = -1};
}

/* A fresh connection of that name around a socket. */
static struct io_conn *conn_make(struct io *io, slice name, int fd)
{
    struct io_conn *conn = io_find(io, name);
    if (conn == NULL) {
        conn = must(calloc(1, sizeof *conn));
        uint8_t *copy = must(malloc(name.len + 1));
        memcpy(copy, name.ptr, name.len);
        conn->name = slice_make(copy, name.len);
        conn->fd = -1;
        io->conns = must(realloc(io->conns, (io->count + 1) * sizeof(struct io_conn *)));
        io->polled = must(realloc(io->polled, (io->count + 1) * sizeof *io->polled));
        io->conns[io->count++] = conn;
    } else {
        conn_reset(conn);
    }
    conn->fd = fd;
    return conn;
}

static struct sockaddr_in address_of(const char *host, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

struct io_conn *io_connect(struct io *io, slice name, const char *host, uint16_t port, int receive_buffer)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = address_of(host, port);
    int one = 1;
    if (fd >= 0 && receive_buffer > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        errno = error;
        return NULL;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return conn_make(io, name, fd);
}

struct io_conn *io_bind(struct io *io, slice name, uint16_t port, int type)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = address_of("127.0.0.1", port);
    int one = 1;
    if (fd < 0)
        return NULL;
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        (type == SOCK_STREAM && listen(fd, 16) != 0)) {
        int error = errno;
        close(fd);
        errno = error;
        return NULL;
    }
    struct io_conn *conn = conn_make(io, name, fd);
    conn->datagrams = type == SOCK_DGRAM;
    conn->listening = type == SOCK_STREAM;
    return conn;
}

struct io_conn *io_accept(struct io *io, struct io_conn *listener, slice name)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int one = 1;
    if (fd < 0)
        return NULL;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return conn_make(io, name, fd);
}

static void tls_failed(struct io_conn *conn)
{
    unsigned long code = ERR_get_error();
    ERR_error_string_n(code, conn->failure, sizeof conn->failure);
    ERR_clear_error();
    conn->end = IO_FAILED;
    conn->handshaking = false;
}

/* True when the TLS call only wants to be called again. */
static bool tls_waits(struct io_conn *conn, int rc)
{
    int error = SSL_get_error(conn->ssl, rc);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return true;
    if (error == SSL_ERROR_ZERO_RETURN)
        conn->end = IO_EOF;
    else if (error == SSL_ERROR_SYSCALL && ERR_peek_error() == 0)
        conn->end = errno == ECONNRESET || errno == EPIPE ? IO_RESET : IO_EOF;
    else
        tls_failed(conn);
    ERR_clear_error();
    conn->handshaking = false;
    return false;
}

static void handshake(struct io_conn *conn)
{
    errno = 0;
    int rc = SSL_do_handshake(conn->ssl);
    if (rc == 1)
        conn->handshaking = false;
    else
        tls_waits(conn, rc);
}

bool io_start_tls(struct io_conn *conn, const struct io_tls *tls)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    bool ok = ctx != NULL;
    if (ok) {
        /* Security level 0 lets a test offer what a server must refuse. */
        SSL_CTX_set_security_level(ctx, 0);
        ok = SSL_CTX_set_min_proto_version(ctx, tls->min_version) == 1 &&
             SSL_CTX_set_max_proto_version(ctx, tls->max_version) == 1;
    }
    if (ok && tls->ca != NULL) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        ok = SSL_CTX_load_verify_locations(ctx, tls->ca, NULL) == 1;
    }
    if (ok && tls->cert != NULL)
        ok = SSL_CTX_use_certificate_chain_file(ctx, tls->cert) == 1 &&
             SSL_CTX_use_PrivateKey_file(ctx, tls->key, SSL_FILETYPE_PEM) == 1;
    if (ok && tls->signatures != NULL)
        ok = SSL_CTX_set1_sigalgs_list(ctx, tls->signatures) == 1;
    if (ok && tls->ciphers != NULL)
        ok = SSL_CTX_set_cipher_list(ctx, tls->ciphers) == 1;
    conn->ssl = ok ? SSL_new(ctx) : NULL;
    SSL_CTX_free(ctx);
    if (conn->ssl == NULL) {
        tls_failed(conn);
        return false;
    }
    SSL_set_fd(conn->ssl, conn->fd);
    SSL_set_mode(conn->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (tls->server_name != NULL)
        SSL_set_tlsext_host_name(conn->ssl, tls->server_name);
    if (tls->resume != NULL && tls->resume->ssl != NULL)
        SSL_set_session(conn->ssl, SSL_get0_session(tls->resume->ssl));
    SSL_set_connect_state(conn->ssl);
    conn->handshaking = true;
    handshake(conn);
    return true;
}

static void failed(struct io_conn *conn)
{
    conn->end = errno == ECONNRESET || errno == EPIPE ? IO_RESET : IO_EOF;
}

/* One read. False when there is nothing (more) to read now. */
static bool read_some(struct io_conn *conn)
{
    if (conn->in.len - conn->in_at > READ_LIMIT) {
        snprintf(conn->failure, sizeof conn->failure, "the server sent more than 1 GiB that nobody expected");
        conn->end = IO_FAILED;
        return false;
    }
    uint8_t *to = bytes_reserve(&conn->in, READ_CHUNK + 1);
    ssize_t n;
    errno = 0;
    if (conn->ssl != NULL) {
        int rc = SSL_read(conn->ssl, to, (int)READ_CHUNK);
        if (rc <= 0) {
            tls_waits(conn, rc);
            return false;
        }
        n = rc;
    } else {
        n = recv(conn->fd, to, READ_CHUNK, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return false;
        if (n < 0)
            failed(conn);
        else if (n == 0 && !conn->datagrams)
            conn->end = IO_EOF;
        if (n <= 0)
            return false;
    }
    conn->in.len += (size_t)n;
    if (conn->datagrams && to[n - 1] != '\n')
        bytes_add_byte(&conn->in, '\n');
    return true;
}

static void write_some(struct io_conn *conn)
{
    while (io_unsent(conn) > 0) {
        const uint8_t *from = conn->out.ptr + conn->out_at;
        size_t len = io_unsent(conn);
        ssize_t n;
        errno = 0;
        if (conn->ssl != NULL) {
            int rc = SSL_write(conn->ssl, from, len > (1 << 20) ? 1 << 20 : (int)len);
            if (rc <= 0) {
                tls_waits(conn, rc);
                return;
            }
            n = rc;
        } else {
            n = send(conn->fd, from, len, MSG_NOSIGNAL);
            if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
            if (n < 0) {
                /* What the peer said before it closed may still be there to read. */
                bytes_free(&conn->out);
                conn->out_at = 0;
                return;
            }
        }
        conn->out_at += (size_t)n;
    }
    conn->out.len = conn->out_at = 0;
}

void io_send(struct io_conn *conn, slice bytes)
{
    bytes_add_slice(&conn->out, bytes);
    if (conn->fd >= 0 && conn->end == IO_OPEN && !conn->handshaking)
        write_some(conn);
}

void io_consume(struct io_conn *conn, size_t n)
{
    conn->in_at += n;
    if (conn->in_at == conn->in.len) {
        conn->in.len = conn->in_at = 0;
    } else if (conn->in_at > conn->in.len / 2) {
        bytes_consume(&conn->in, conn->in_at);
        conn->in_at = 0;
    }
}

static bool is_polled(const struct io_conn *conn)
{
    return conn->fd >= 0 && conn->end == IO_OPEN && !conn->listening;
}

static short events_of(const struct io_conn *conn)
{
    short events = 0;
    if (!conn->paused || conn->handshaking)
        events |= POLLIN;
    if (conn->handshaking ? SSL_want_write(conn->ssl) : io_unsent(conn) > 0)
        events |= POLLOUT;
    return events;
}

static void serve(struct io_conn *conn)
{
    if (conn->handshaking) {
        handshake(conn);
        if (conn->handshaking)
            return;
    }
    /* A bounded number of reads, so that one flooding connection leaves time to the others. */
    if (!conn->paused) {
        for (int i = 0; i < 4 && conn->end == IO_OPEN && read_some(conn); i++)
            ;
    }
    if (conn->end == IO_OPEN)
        write_some(conn);
}

void io_turn(struct io *io, uint64_t deadline)
{
    bool buffered = false;
    for (size_t i = 0; i < io->count; i++) {
        struct io_conn *conn = io->conns[i];
        io->polled[i] = (struct pollfd){.fd = is_polled(conn) ? conn->fd : -1, .events = events_of(conn)};
        if (io->polled[i].events == 0)
            io->polled[i].fd = -1;
        buffered |= is_polled(conn) && conn->ssl != NULL && !conn->paused && SSL_pending(conn->ssl) > 0;
    }
    uint64_t now = io_now_ms();
    int wait = buffered || deadline <= now ? 0 : deadline - now > 1000 ? 1000 : (int)(deadline - now);
    if (poll(io->polled, io->count, wait) < 0 && errno != EINTR)
        return;
    for (size_t i = 0; i < io->count; i++) {
        struct io_conn *conn = io->conns[i];
        if (io->polled[i].revents != 0 ||
            (is_polled(conn) && conn->ssl != NULL && SSL_pending(conn->ssl) > 0))
            serve(conn);
    }
}

void io_shut_write(struct io_conn *conn)
{
    if (conn->ssl != NULL)
        SSL_shutdown(conn->ssl);
    shutdown(conn->fd, SHUT_WR);
}

void io_close(struct io_conn *conn, bool reset)
{
    if (conn->fd < 0)
        return;
    if (reset) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    } else if (conn->ssl != NULL && conn->end == IO_OPEN) {
        SSL_shutdown(conn->ssl);
    }
    ERR_clear_error();
    conn_reset(conn);
    conn->end = IO_CLOSED;
}

void io_close_all(struct io *io)
{
    for (size_t i = 0; i < io->count; i++) {
        conn_reset(io->conns[i]);
        free((void *)(uintptr_t)io->conns[i]->name.ptr);
        free(io->conns[i]);
    }
    free(io->conns);
    free(io->polled);
    *io = (struct io){0};
}
