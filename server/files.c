#include "server/files.h"
#include "base/arena.h"
#include "base/errtext.h"
#include "base/path.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <midge/json.h>
#include <midge/memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- writing a small file ---------------------------------------------------------------------------------
 */

static int write_all(int fd, slice s)
{
    while (s.len > 0) {
        ssize_t n = write(fd, s.ptr, s.len);
        if (n < 0 && errno != EINTR)
            return -errno;
        s = slice_from(s, n < 0 ? 0 : (size_t)n);
    }
    return 0;
}

/* 0 or -errno; *what names the call that failed. */
static int write_file(const char *path, mode_t mode, slice content, const char **what)
{
    *what = "open";
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    *what = "write";
    int rc = write_all(fd, content);
    if (close(fd) != 0 && rc == 0)
        rc = -errno;
    return rc;
}

bool pid_file_write(const char *path, int pid, char *err)
{
    char text[16], why[ERRTEXT_MAX];
    const char *what;
    size_t len = (size_t)snprintf(text, sizeof text, "%d", pid);
    int rc = write_file(path, 0600, slice_make(text, len), &what);
    if (rc != 0)
        snprintf(err, FILES_ERROR_MAX, "%s %.*s: %s", what, DISK_PATH_MAX, path, errtext(rc, why));
    return rc == 0;
}

/* ---- addresses --------------------------------------------------------------------------------------------
 */

static void put_url(struct codec_json_writer *w, const char *scheme, slice host, int port,
                    struct arena *arena)
{
    bool v6 = host.len > 0 && memchr(host.ptr, ':', host.len) != NULL;
    codec_json_string(w, arena_printf(arena, v6 ? "%s://[%.*s]:%d" : "%s://%.*s:%d", scheme, (int)host.len,
                                      (const char *)host.ptr, port));
}

static const char *address_text(const struct sockaddr *sa, char buf[INET6_ADDRSTRLEN])
{
    if (sa == NULL || (sa->sa_family != AF_INET && sa->sa_family != AF_INET6))
        return NULL;
    const void *raw = sa->sa_family == AF_INET
                          ? (const void *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr
                          : (const void *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
    return inet_ntop(sa->sa_family, raw, buf, INET6_ADDRSTRLEN);
}

/* The addresses of one interface: its IPv4 ones first. */
static void put_interface(struct codec_json_writer *w, const struct ifaddrs *all, const char *name,
                          const struct files_port *p, struct arena *arena)
{
    static const int families[] = {AF_INET, AF_INET6};
    char buf[INET6_ADDRSTRLEN];
    for (int f = 0; f < 2; f++) {
        for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
            if (strcmp(i->ifa_name, name) != 0 || i->ifa_addr == NULL ||
                i->ifa_addr->sa_family != families[f])
                continue;
            const char *text = address_text(i->ifa_addr, buf);
            if (text != NULL)
                put_url(w, p->scheme, slice_str(text), p->port, arena);
        }
    }
}

static bool seen_before(const struct ifaddrs *all, const struct ifaddrs *at)
{
    for (const struct ifaddrs *i = all; i != at; i = i->ifa_next)
        if (strcmp(i->ifa_name, at->ifa_name) == 0)
            return true;
    return false;
}

/* false: -errno of the interface list in *rc. */
static bool put_port(struct codec_json_writer *w, const struct files_port *p, struct arena *arena, int *rc)
{
    struct ifaddrs *all;
    if (!slice_eq_str(p->host, "0.0.0.0") && !slice_eq_str(p->host, "::")) {
        put_url(w, p->scheme, p->host, p->port, arena);
        return true;
    }
    if (getifaddrs(&all) != 0) {
        *rc = -errno;
        return false;
    }
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
        if (!seen_before(all, i))
            put_interface(w, all, i->ifa_name, p, arena);
    freeifaddrs(all);
    return true;
}

/* ---- the ports file ---------------------------------------------------------------------------------------
 */

static int put_ports(struct codec_out *out, const struct files_port *ports, size_t count, struct arena *arena)
{
    static const char *const kinds[] = {"nats", "monitoring", "cluster", "profile", "websocket"};
    struct codec_json_writer w = codec_json_writer_on(out);
    int rc = 0;
    codec_json_object(&w);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        bool any = false;
        for (size_t i = 0; i < count && rc == 0; i++) {
            if (strcmp(ports[i].kind, kinds[k]) != 0)
                continue;
            if (!any) {
                codec_json_key(&w, slice_str(kinds[k]));
                codec_json_array(&w);
            }
            any = true;
            put_port(&w, &ports[i], arena, &rc);
        }
        if (any)
            codec_json_array_end(&w);
    }
    codec_json_object_end(&w);
    return rc;
}

/* Written beside its name and renamed. */
static int write_renamed(const char *path, slice content, const char **what)
{
    char tmp[DISK_PATH_MAX + 8];
    snprintf(tmp, sizeof tmp, "%.*s.tmp", DISK_PATH_MAX, path);
    int rc = write_file(tmp, 0666, content, what);
    if (rc == 0 && rename(tmp, path) != 0) {
        *what = "rename";
        rc = -errno;
    }
    if (rc != 0)
        (void)unlink(tmp);
    return rc;
}

static int write_ports(const char *path, const struct files_port *ports, size_t count, const char **what)
{
    enum { CONTENT_MAX = 64 * 1024 };
    struct arena *arena = arena_new(0);
    uint8_t *buf = arena == NULL ? NULL : arena_alloc(arena, CONTENT_MAX);
    struct codec_out out = codec_out_on(buf, CONTENT_MAX);
    *what = "write";
    int rc = buf == NULL ? -ENOMEM : put_ports(&out, ports, count, arena);
    if (rc == 0 && (!codec_out_ok(&out) || arena_failed(arena)))
        rc = -ENOMEM;
    if (rc == 0)
        rc = write_renamed(path, codec_out_slice(&out), what);
    arena_free(arena);
    return rc;
}

bool ports_file_write(const char *dir, const char *program, int pid, const struct files_port *ports,
                      size_t count, char *path, char *err)
{
    char why[ERRTEXT_MAX];
    const char *what = "open";
    struct arena *arena = arena_new(0);
    slice name = arena == NULL ? SLICE_EMPTY : arena_printf(arena, "%s/%s_%d.ports", dir, program, pid);
    name = name.len == 0 ? name : path_clean(arena, name);
    bool fits = name.len > 0 && name.len < DISK_PATH_MAX;
    snprintf(path, DISK_PATH_MAX, "%.*s", fits ? (int)name.len : 0, (const char *)name.ptr);
    arena_free(arena);
    int rc = fits ? write_ports(path, ports, count, &what) : -ENAMETOOLONG;
    if (rc != 0)
        snprintf(err, FILES_ERROR_MAX, "Error writing ports file (%.*s): %s %.*s: %s", DISK_PATH_MAX / 2,
                 path, what, DISK_PATH_MAX / 2, path, errtext(rc, why));
    return rc == 0;
}

bool ports_file_remove(const char *path, char *err)
{
    char why[ERRTEXT_MAX];
    if (unlink(path) == 0)
        return true;
    snprintf(err, FILES_ERROR_MAX, "Error cleaning up ports file %.*s: remove %.*s: %s", DISK_PATH_MAX / 2,
             path, DISK_PATH_MAX / 2, path, errtext(errno, why));
    return false;
}
