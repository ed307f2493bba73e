/* go_server.h: a real Go server (environment NATS_SERVER) on a folder, and requests to it over its client
 * protocol. For tests; whatever goes wrong stops the program with a message. */
#ifndef TESTS_GO_SERVER_H
#define TESTS_GO_SERVER_H

#include "json_lite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct go_server {
    pid_t pid;
    int fd;
    char log[512]; /* path */
    char *buf;     /* bytes read and not yet used */
    size_t len;
    size_t cap;
    unsigned next_inbox;
};

/* NULL when there is none to test with. */
static inline const char *go_server_program(void)
{
    const char *p = getenv("NATS_SERVER");
    return p != NULL && access(p, X_OK) == 0 ? p : NULL;
}

static inline void go_nap(void)
{
    usleep(5000);
}

/* The log so far; the caller frees. */
static inline char *go_log(const struct go_server *g)
{
    size_t len;
    char *text = json_read_file(g->log, &len);
    return text == NULL ? strdup("") : text;
}

static inline void go_die(const struct go_server *g, const char *why)
{
    char *log = go_log(g);
    fprintf(stderr, "go server: %s\n%s\n", why, log);
    free(log);
    if (g->pid > 0)
        kill(g->pid, SIGKILL);
    exit(2);
}

static inline void go_write(struct go_server *g, const void *bytes, size_t len)
{
    const char *p = bytes;
    while (len > 0) {
        ssize_t n = send(g->fd, p, len, MSG_NOSIGNAL);
        if (n <= 0)
            go_die(g, "cannot write");
        p += n;
        len -= (size_t)n;
    }
}

static inline void go_fill(struct go_server *g)
{
    if (g->cap - g->len < 65536) {
        g->cap = g->cap * 2 + 131072;
        g->buf = realloc(g->buf, g->cap);
    }
    ssize_t n = read(g->fd, g->buf + g->len, g->cap - g->len - 1);
    if (n <= 0)
        go_die(g, "connection lost");
    g->len += (size_t)n;
    g->buf[g->len] = 0;
}

static inline void go_drop(struct go_server *g, size_t n)
{
    memmove(g->buf, g->buf + n, g->len - n);
    g->len -= n;
    g->buf[g->len] = 0;
}

/* The next line without its end; the caller frees. */
static inline char *go_line(struct go_server *g)
{
    for (;;) {
        char *end = g->len > 0 ? memchr(g->buf, '\n', g->len) : NULL;
        if (end != NULL) {
            size_t n = (size_t)(end - g->buf);
            char *line = strndup(g->buf, n > 0 && g->buf[n - 1] == '\r' ? n - 1 : n);
            go_drop(g, n + 1);
            return line;
        }
        go_fill(g);
    }
}

static inline int go_port(struct go_server *g)
{
    for (int i = 0; i < 4000; i++) {
        char *log = go_log(g), *at = strstr(log, "Listening for client connections on ");
        bool ready = strstr(log, "Server is ready") != NULL;
        int port = at != NULL && ready ? atoi(strchr(strchr(at, '.'), ':') + 1) : 0;
        free(log);
        if (port > 0)
            return port;
        if (waitpid(g->pid, NULL, WNOHANG) == g->pid)
            go_die(g, "ended while starting");
        go_nap();
    }
    go_die(g, "does not get ready");
    return 0;
}

/* `extra`: lines for the jetstream block; `login`: members for CONNECT, or ""; `more`: lines for the top. */
static inline void go_start(struct go_server *g, const char *dir, const char *extra, const char *more,
                            const char *login)
{
    char conf[512];
    *g = (struct go_server){.fd = -1};
    snprintf(conf, sizeof conf, "%s/server.conf", dir);
    snprintf(g->log, sizeof g->log, "%s/server.log", dir);
    unlink(g->log);
    FILE *f = fopen(conf, "w");
    fprintf(f, "listen: 127.0.0.1:-1\nlog_file: \"%s\"\njetstream { store_dir: \"%s\"\n%s\n}\n%s\n", g->log,
            dir, extra, more);
    fclose(f);
    g->pid = fork();
    if (g->pid == 0) {
        execl(go_server_program(), "nats-server", "-c", conf, (char *)NULL);
        _exit(127);
    }
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)go_port(g))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    g->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(g->fd, (struct sockaddr *)&to, sizeof to) < 0)
        go_die(g, "cannot connect");
    setsockopt(g->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    free(go_line(g)); /* INFO */
    char hello[512];
    int n = snprintf(hello, sizeof hello,
                     "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true%s}\r\nPING\r\n", login);
    go_write(g, hello, (size_t)n);
    for (;;) {
        char *line = go_line(g);
        bool pong = strcmp(line, "PONG") == 0;
        if (strncmp(line, "-ERR", 4) == 0)
            go_die(g, line);
        free(line);
        if (pong)
            break;
    }
}

/* With SIGTERM a clean stop, with SIGKILL none. */
static inline void go_stop(struct go_server *g, int sig)
{
    kill(g->pid, sig);
    waitpid(g->pid, NULL, 0);
    close(g->fd);
    free(g->buf);
    g->buf = NULL;
}

/* Send to a subject with an inbox as reply and return the answer as JSON (NULL: it is empty); the caller
 * frees. */
static inline struct json *go_request(struct go_server *g, const char *subject, slice hdr, slice data)
{
    char head[1024], inbox[32];
    snprintf(inbox, sizeof inbox, "_INBOX.%u", ++g->next_inbox);
    int n = snprintf(head, sizeof head, "SUB %s %u\r\nUNSUB %u 1\r\n", inbox, g->next_inbox, g->next_inbox);
    go_write(g, head, (size_t)n);
    if (hdr.len > 0)
        n = snprintf(head, sizeof head, "HPUB %s %s %zu %zu\r\n", subject, inbox, hdr.len,
                     hdr.len + data.len);
    else
        n = snprintf(head, sizeof head, "PUB %s %s %zu\r\n", subject, inbox, data.len);
    go_write(g, head, (size_t)n);
    go_write(g, hdr.ptr, hdr.len);
    go_write(g, data.ptr, data.len);
    go_write(g, "\r\n", 2);
    for (;;) {
        char *line = go_line(g), verb[8] = "";
        sscanf(line, "%7s", verb);
        if (strcmp(verb, "PING") == 0)
            go_write(g, "PONG\r\n", 6);
        if (strcmp(verb, "-ERR") == 0)
            go_die(g, line);
        bool is_msg = strcmp(verb, "MSG") == 0, is_hmsg = strcmp(verb, "HMSG") == 0;
        if (!is_msg && !is_hmsg) {
            free(line);
            continue;
        }
        size_t len = strtoul(strrchr(line, ' ') + 1, NULL, 10), hlen = 0;
        if (is_hmsg) {
            *strrchr(line, ' ') = 0;
            hlen = strtoul(strrchr(line, ' ') + 1, NULL, 10);
        }
        free(line);
        while (g->len < len + 2)
            go_fill(g);
        if (is_hmsg)
            go_die(g, "unexpected headers (no responders?)");
        char *body = strndup(g->buf + hlen, len - hlen);
        go_drop(g, len + 2);
        struct json *answer = body[0] == 0 ? NULL : json_parse(body);
        free(body);
        return answer;
    }
}

static inline struct json *go_api(struct go_server *g, const char *what, const char *stream, const char *body)
{
    char subject[512];
    snprintf(subject, sizeof subject, "$JS.API.%s.%s", what, stream);
    return go_request(g, subject, SLICE_EMPTY, slice_str(body));
}

static inline uint8_t *go_base64(const char *text, size_t *len)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t *out = malloc(strlen(text) + 1);
    uint32_t acc = 0;
    unsigned bits = 0;
    *len = 0;
    for (; *text != 0 && *text != '='; text++) {
        acc = acc << 6 | (uint32_t)(strchr(set, *text) - set);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[(*len)++] = (uint8_t)(acc >> bits);
        }
    }
    return out;
}

#endif
