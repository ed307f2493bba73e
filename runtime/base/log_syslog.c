/* The syslog sink: RFC 3164 lines as Go's syslog clients write them.
 *
 * To the machine's own daemon (facility daemon):  <PRI>Mmm dd HH:MM:SS TAG[PID]: text
 * To a remote one (facility kernel, as Go does):  <PRI>RFC3339-time HOST TAG[PID]: text
 *
 * Each line ends in LF. A datagram is a line; on a stream LF separates them. */
#include "base/errtext.h"
#include "base/log_sink.h"
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

enum {
    FACILITY_DAEMON = 3 << 3,
    HOST_MAX = 256,
    SEND_TIMEOUT_S = 2, /* a stuck daemon must not stop the server */
};

struct syslog_sink {
    struct log_sink sink;
    int fd; /* -1: connect at the next line */
    bool local;
    bool stream;
    int family;                 /* AF_UNIX, or AF_UNSPEC for a name to look up */
    char address[HOST_MAX + 8]; /* host:port or path */
    char host[HOST_MAX];        /* this machine */
    char tag[64];
};

/* ---- connecting: results are 0 or -errno; EAI failures come as -EHOSTUNREACH with a text ----------------
 */

static int connected(int fd, const struct sockaddr *sa, socklen_t len)
{
    struct timeval wait = {.tv_sec = SEND_TIMEOUT_S};
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0 && connect(fd, sa, len) == 0)
        return fd;
    int err = -errno;
    close(fd);
    return err;
}

static int connect_unix(const char *path, int type)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof sa.sun_path)
        return -ENAMETOOLONG;
    memcpy(sa.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : connected(fd, (struct sockaddr *)&sa, sizeof sa);
}

/* Where syslog daemons listen, in Go's order; datagrams first. */
static int connect_local(struct syslog_sink *s)
{
    static const char *const paths[] = {"/dev/log", "/var/run/syslog", "/var/run/log"};
    for (int stream = 0; stream < 2; stream++) {
        for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
            int fd = connect_unix(paths[i], stream ? SOCK_STREAM : SOCK_DGRAM);
            if (fd >= 0) {
                s->stream = stream != 0;
                return fd;
            }
        }
    }
    return -ENOENT;
}

/* "host:port" or "[v6]:port" into its parts. */
static bool split_address(const char *address, char *host, char *port)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || strlen(colon + 1) >= 32)
        return false;
    size_t len = (size_t)(colon - address);
    const char *from = address;
    if (len >= 2 && from[0] == '[' && from[len - 1] == ']') {
        from++;
        len -= 2;
    }
    memcpy(host, from, len);
    host[len] = '\0';
    memcpy(port, colon + 1, strlen(colon + 1) + 1);
    return true;
}

static int connect_net(const struct syslog_sink *s)
{
    char host[sizeof s->address], port[32];
    if (!split_address(s->address, host, port))
        return -EINVAL;
    struct addrinfo hints = {.ai_socktype = s->stream ? SOCK_STREAM : SOCK_DGRAM}, *list;
    if (getaddrinfo(host[0] == '\0' ? NULL : host, port, &hints, &list) != 0)
        return -EHOSTUNREACH;
    int fd = -EHOSTUNREACH;
    for (struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
        int sock = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        fd = sock < 0 ? -errno : connected(sock, a->ai_addr, a->ai_addrlen);
    }
    freeaddrinfo(list);
    return fd;
}

static int reconnect(struct syslog_sink *s)
{
    int fd = s->local               ? connect_local(s)
             : s->family == AF_UNIX ? connect_unix(s->address, SOCK_DGRAM)
                                    : connect_net(s);
    s->fd = fd < 0 ? -1 : fd;
    return fd < 0 ? fd : 0;
}

/* ---- lines ----------------------------------------------------------------------------------------------
 */

static int severity(enum log_level level)
{
    static const int of[] = {
        [LOG_INF] = 5, [LOG_TRC] = 5, [LOG_WRN] = 4, [LOG_ERR] = 3, [LOG_FTL] = 2, [LOG_DBG] = 7};
    return of[level];
}

static slice syslog_prefix(const struct syslog_sink *s, const struct log_line *line, char *buf, size_t room)
{
    char when[40];
    time_t secs = (time_t)(line->wall_ns / NS_PER_S);
    struct tm tm;
    localtime_r(&secs, &tm);
    int pid = (int)getpid(), n;
    if (s->local) {
        strftime(when, sizeof when, "%b %e %H:%M:%S", &tm);
        n = snprintf(buf, room, "<%d>%s %s[%d]: ", FACILITY_DAEMON | severity(line->level), when, s->tag,
                     pid);
    } else {
        /* RFC 3339: "Z" for UTC, else "+hh:mm", where strftime gives "+hhmm" */
        size_t len = strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S%z", &tm);
        if (tm.tm_gmtoff == 0) {
            memcpy(when + len - 5, "Z", 2);
        } else {
            memmove(when + len - 1, when + len - 2, 3);
            when[len - 2] = ':';
        }
        n = snprintf(buf, room, "<%d>%s %s %s[%d]: ", severity(line->level), when, s->host, s->tag, pid);
    }
    return slice_make(buf, (size_t)n < room ? (size_t)n : room - 1);
}

static bool syslog_write(struct log_sink *sink, const struct log_line *line)
{
    struct syslog_sink *s = (struct syslog_sink *)sink;
    char buf[HOST_MAX + 160];
    slice prefix = syslog_prefix(s, line, buf, sizeof buf);
    for (int attempt = 0; attempt < 2; attempt++) {
        if (s->fd < 0 && reconnect(s) < 0)
            return false;
        if (log_write_fd(s->fd, true, prefix, line->text, SLICE_LIT("\n")))
            return true;
        close(s->fd);
        s->fd = -1;
    }
    return false;
}

static void syslog_close(struct log_sink *sink)
{
    struct syslog_sink *s = (struct syslog_sink *)sink;
    if (s->fd >= 0)
        close(s->fd);
    free(s);
}

/* ---- making one -----------------------------------------------------------------------------------------
 */

static bool parse_remote(struct syslog_sink *s, const char *remote, char *err)
{
    const char *sep = strstr(remote, "://");
    size_t len = sep == NULL ? 0 : (size_t)(sep - remote);
    slice scheme = slice_make(remote, len);
    const char *rest = sep == NULL ? remote : sep + 3;
    bool udp = slice_eq_str(scheme, "udp"), tcp = slice_eq_str(scheme, "tcp"),
         path = slice_eq_str(scheme, "unix");
    if (!udp && !tcp && !path) {
        snprintf(err, LOG_ERROR_MAX, "error invalid network type: \"%.*s\"", (int)(len < 64 ? len : 64),
                 remote);
        return false;
    }
    if (strlen(rest) >= sizeof s->address) {
        snprintf(err, LOG_ERROR_MAX, "error connecting to syslog: \"address too long\"");
        return false;
    }
    s->stream = tcp;
    s->family = path ? AF_UNIX : AF_UNSPEC;
    memcpy(s->address, rest, strlen(rest) + 1);
    return true;
}

static void connect_error(const struct syslog_sink *s, int code, char *err)
{
    char why[ERRTEXT_MAX];
    if (s->local)
        snprintf(err, LOG_ERROR_MAX, "error connecting to syslog: \"Unix syslog delivery error\"");
    else
        snprintf(err, LOG_ERROR_MAX, "error connecting to syslog: \"dial %s %s: connect: %s\"",
                 s->family == AF_UNIX ? "unixgram"
                 : s->stream          ? "tcp"
                                      : "udp",
                 s->address, errtext(code, why));
}

struct log_sink *log_sink_syslog(const char *remote, const char *tag, char *err)
{
    struct syslog_sink *s = calloc(1, sizeof *s);
    if (s == NULL) {
        snprintf(err, LOG_ERROR_MAX, "error connecting to syslog: \"out of memory\"");
        return NULL;
    }
    s->sink = (struct log_sink){.write = syslog_write, .close = syslog_close};
    const char *url = remote == NULL ? "" : remote;
    s->local = url[0] == '\0';
    snprintf(s->tag, sizeof s->tag, "%s", tag);
    if (gethostname(s->host, sizeof s->host - 1) != 0)
        snprintf(s->host, sizeof s->host, "localhost");
    int code = 0;
    if ((!s->local && !parse_remote(s, url, err)) || (code = reconnect(s)) < 0) {
        if (code < 0)
            connect_error(s, code, err);
        free(s);
        return NULL;
    }
    return &s->sink;
}
