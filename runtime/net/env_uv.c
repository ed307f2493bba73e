#include "net/env_uv.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#define JOBS_MAX     256 /* queued or running at once, all loops together */
#define MAX_DISCARDS 64  /* reads before a close, of 16 KiB each */

struct real_env {
    struct env base;
    atomic_int jobs;
};

struct real_loop {
    struct env_loop base;
    struct real_env *env;
    struct env_loop_handler handler;
    void *ctx;
    uv_loop_t uv;
    uv_thread_t thread;
    /* Wake-ups: an eventfd that is polled. (uv_async_t would do, but its receiver spins while a sender is
     * between its two steps, which on a busy machine costs more than the wake-up itself.) */
    int wake_fd;
    atomic_bool wake_pending;
    uv_poll_t wake;
    uv_timer_t timer;
    uv_prepare_t turn_end;
    atomic_bool stopping;
    struct real_job *jobs; /* that are out */
    bool stopped;          /* `stop` has run */
    bool in_timer;         /* the timer's handler runs */
};

struct real_listener {
    struct env_listener base;
    int fd;
    bool paused;
    uv_poll_t poll;
    void (*acceptable)(void *ctx);
    void *ctx;
};

struct real_job {
    uv_work_t req;
    struct env_job job;
    struct real_loop *loop;
    struct real_job *next, *prev;
};

struct real_pipe {
    struct env_pipe base;
    int fd;
    int want;
    bool attached, closed;
    struct env_pipe_handler handler;
    void *ctx;
    uv_poll_t poll;
};

static const struct env_ops real_ops;

/* ---- clocks and chance ---- */

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t real_wall_ns(struct env *e)
{
    (void)e;
    return read_clock(CLOCK_REALTIME);
}

static int64_t real_mono_ns(struct env *e)
{
    (void)e;
    return read_clock(CLOCK_MONOTONIC);
}

static void real_random(struct env *e, void *buf, size_t len)
{
    (void)e;
    uint8_t *p = buf;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            abort(); /* no entropy source: nothing that follows would be safe */
        p += n;
        len -= (size_t)n;
    }
}

/* ---- loops ---- */

static struct real_loop *loop_of(struct env_loop *l)
{
    return (struct real_loop *)l;
}

static void stop_now(struct real_loop *l)
{
    if (l->stopped)
        return;
    l->stopped = true;
    if (l->handler.stop != NULL)
        l->handler.stop(l->ctx);
    /* Nobody waits for jobs that have not begun: hundreds of password hashes would hold up the end. */
    for (struct real_job *j = l->jobs; j != NULL; j = j->next)
        uv_cancel((uv_req_t *)&j->req);
    uv_poll_stop(&l->wake);
    uv_close((uv_handle_t *)&l->wake, NULL);
    uv_close((uv_handle_t *)&l->timer, NULL);
    uv_close((uv_handle_t *)&l->turn_end, NULL);
}

static void on_wake(uv_poll_t *p, int status, int events)
{
    struct real_loop *l = p->data;
    uint64_t count;
    (void)status;
    (void)events;
    /* Cleared before the work is looked at: what is posted from here on writes again. */
    ssize_t n = read(l->wake_fd, &count, sizeof count);
    (void)n; /* EAGAIN: nothing to clear */
    atomic_exchange(&l->wake_pending, false);
    if (l->handler.wake != NULL)
        l->handler.wake(l->ctx);
    if (atomic_load(&l->stopping))
        stop_now(l);
}

static void on_timer(uv_timer_t *t)
{
    struct real_loop *l = t->data;
    l->in_timer = true;
    if (l->handler.timer != NULL)
        l->handler.timer(l->ctx);
    l->in_timer = false;
}

/* libuv runs prepare handles right before it waits: the end of a turn. */
static void on_turn_end(uv_prepare_t *p)
{
    struct real_loop *l = p->data;
    l->handler.turn_end(l->ctx);
}

static void loop_main(void *arg)
{
    struct real_loop *l = arg;
    if (l->handler.start != NULL)
        l->handler.start(l->ctx);
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

static int real_loop_new(struct env *e, const struct env_loop_handler *h, void *ctx, struct env_loop **out)
{
    struct real_loop *l = calloc(1, sizeof *l);
    if (l == NULL)
        return -ENOMEM;
    l->base.ops = &real_ops;
    l->env = (struct real_env *)e;
    l->handler = *h;
    l->ctx = ctx;
    int rc = uv_loop_init(&l->uv);
    if (rc < 0) {
        free(l);
        return rc;
    }
    l->wake.data = l->timer.data = l->turn_end.data = l;
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    rc = l->wake_fd < 0 ? -errno : uv_poll_init(&l->uv, &l->wake, l->wake_fd);
    if (rc < 0) {
        if (l->wake_fd >= 0)
            close(l->wake_fd);
        uv_loop_close(&l->uv);
        free(l);
        return rc;
    }
    uv_poll_start(&l->wake, UV_READABLE, on_wake);
    uv_timer_init(&l->uv, &l->timer);
    uv_prepare_init(&l->uv, &l->turn_end);
    uv_prepare_start(&l->turn_end, on_turn_end);
    *out = &l->base;
    rc = uv_thread_create(&l->thread, loop_main, l);
    if (rc < 0) {
        l->handler.stop = NULL; /* nothing started */
        stop_now(l);
        uv_run(&l->uv, UV_RUN_DEFAULT);
        close(l->wake_fd);
        uv_loop_close(&l->uv);
        free(l);
    }
    return rc;
}

static void real_loop_wake(struct env_loop *l)
{
    struct real_loop *r = loop_of(l);
    const uint64_t one = 1;
    if (atomic_exchange(&r->wake_pending, true))
        return;
    ssize_t n = write(r->wake_fd, &one, sizeof one);
    (void)n; /* EAGAIN: the counter is full, so the loop is awake anyway */
}

static void real_loop_arm(struct env_loop *l, int64_t mono_ns)
{
    struct real_loop *r = loop_of(l);
    if (r->stopped)
        return;
    if (mono_ns == 0) {
        uv_timer_stop(&r->timer);
        return;
    }
    int64_t left = mono_ns - read_clock(CLOCK_MONOTONIC);
    /* libuv runs timers until none is due: one that its own handler sets for now would keep out everything
     * else. */
    uint64_t ms = left <= 0 ? r->in_timer : (uint64_t)(left + 999999) / 1000000;
    uv_update_time(&r->uv);
    uv_timer_start(&r->timer, on_timer, ms, 0);
}

static void real_loop_stop(struct env_loop *l)
{
    atomic_store(&loop_of(l)->stopping, true);
    real_loop_wake(l);
}

static void real_loop_join(struct env_loop *l)
{
    uv_thread_join(&loop_of(l)->thread);
}

static void real_loop_free(struct env_loop *l)
{
    struct real_loop *r = loop_of(l);
    close(r->wake_fd);
    uv_loop_close(&r->uv);
    free(r);
}

/* ---- listeners ---- */

static void on_acceptable(uv_poll_t *p, int status, int events)
{
    (void)status;
    (void)events;
    struct real_listener *s = p->data;
    s->acceptable(s->ctx);
}

/* A bound, listening, non-blocking socket, or -errno. */
static int listening_socket(const struct env_addr *a, int backlog)
{
    int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->sa.ss_family == AF_INET6) {
        int off = 0; /* the any-address serves IPv4, too */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    if (bind(fd, (const struct sockaddr *)&a->sa, a->len) < 0 || listen(fd, backlog) < 0) {
        int err = errno;
        close(fd);
        return -err;
    }
    return fd;
}

static int real_listen(struct env_loop *l, const struct env_addr *a, int backlog, void (*acceptable)(void *),
                       void *ctx, struct env_listener **out)
{
    struct real_listener *s = calloc(1, sizeof *s);
    if (s == NULL)
        return -ENOMEM;
    s->fd = listening_socket(a, backlog);
    int rc = s->fd < 0 ? s->fd : uv_poll_init(&loop_of(l)->uv, &s->poll, s->fd);
    if (rc < 0) {
        if (s->fd >= 0)
            close(s->fd);
        free(s);
        return rc;
    }
    s->base.ops = &real_ops;
    s->acceptable = acceptable;
    s->ctx = ctx;
    s->poll.data = s;
    uv_poll_start(&s->poll, UV_READABLE, on_acceptable);
    *out = &s->base;
    return 0;
}

static int real_listener_addr(struct env_listener *s, struct env_addr *out)
{
    out->len = sizeof out->sa;
    return getsockname(((struct real_listener *)s)->fd, (struct sockaddr *)&out->sa, &out->len) < 0 ? -errno
                                                                                                    : 0;
}

static int pipe_of_fd(int fd, struct env_pipe **out)
{
    struct real_pipe *p = calloc(1, sizeof *p);
    if (p == NULL) {
        close(fd);
        return -ENOMEM;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    p->base.ops = &real_ops;
    p->fd = fd;
    *out = &p->base;
    return 0;
}

static int real_accept(struct env_listener *s, struct env_pipe **out)
{
    int fd;
    do {
        fd = accept4(((struct real_listener *)s)->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    return pipe_of_fd(fd, out);
}

static void real_listener_pause(struct env_listener *s, bool paused)
{
    struct real_listener *r = (struct real_listener *)s;
    if (r->paused == paused)
        return;
    r->paused = paused;
    if (paused)
        uv_poll_stop(&r->poll);
    else
        uv_poll_start(&r->poll, UV_READABLE, on_acceptable);
}

static void free_data(uv_handle_t *h)
{
    free(h->data);
}

static void real_listener_close(struct env_listener *s)
{
    struct real_listener *r = (struct real_listener *)s;
    /* The descriptor last: once it is closed another thread may get its number, and libuv still uses it here.
     */
    uv_close((uv_handle_t *)&r->poll, free_data);
    close(r->fd);
}

/* ---- pipes ---- */

static struct real_pipe *pipe_of(struct env_pipe *p)
{
    return (struct real_pipe *)p;
}

static int real_connect(struct env *e, const struct env_addr *a, struct env_pipe **out)
{
    (void)e;
    int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&a->sa, a->len) < 0 && errno != EINPROGRESS) {
        int err = errno;
        close(fd);
        return -err;
    }
    return pipe_of_fd(fd, out);
}

static void on_ready(uv_poll_t *h, int status, int events)
{
    struct real_pipe *p = h->data;
    if (status < 0)
        events = UV_READABLE | UV_WRITABLE; /* the next read or write tells what is wrong */
    if ((events & UV_READABLE) && (p->want & ENV_WANT_READ))
        p->handler.readable(p->ctx);
    if (!p->closed && (events & UV_WRITABLE) && (p->want & ENV_WANT_WRITE))
        p->handler.writable(p->ctx);
}

static int real_pipe_attach(struct env_pipe *ep, struct env_loop *l, const struct env_pipe_handler *h,
                            void *ctx)
{
    struct real_pipe *p = pipe_of(ep);
    int rc = uv_poll_init(&loop_of(l)->uv, &p->poll, p->fd);
    if (rc < 0)
        return rc;
    p->poll.data = p;
    p->handler = *h;
    p->ctx = ctx;
    p->attached = true;
    return 0;
}

/* libuv pays system calls for every start: ask only for changes. */
static void real_pipe_want(struct env_pipe *ep, int want)
{
    struct real_pipe *p = pipe_of(ep);
    if (p->want == want || p->closed)
        return;
    p->want = want;
    int events = ((want & ENV_WANT_READ) ? UV_READABLE : 0) | ((want & ENV_WANT_WRITE) ? UV_WRITABLE : 0);
    if (events == 0)
        uv_poll_stop(&p->poll);
    else
        uv_poll_start(&p->poll, events, on_ready);
}

static ssize_t real_pipe_read(struct env_pipe *ep, void *buf, size_t len)
{
    ssize_t n;
    do {
        n = read(pipe_of(ep)->fd, buf, len);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    return n;
}

static ssize_t real_pipe_writev(struct env_pipe *ep, const struct iovec *iov, int count)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};
    ssize_t n;
    do {
        n = count == 1 ? send(pipe_of(ep)->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL)
                       : sendmsg(pipe_of(ep)->fd, &msg, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    return n;
}

static size_t real_pipe_unsent(struct env_pipe *ep)
{
    int fd = pipe_of(ep)->fd, unsent = 0;
    struct tcp_info info;
    socklen_t len = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 || info.tcpi_state == TCP_CLOSE ||
        ioctl(fd, SIOCOUTQNSD, &unsent) < 0 || unsent < 0)
        return 0;
    return (size_t)unsent;
}

/* Take what the peer has sent and nobody will read: the kernel answers a close over unread bytes with a
 * reset, and the peer would see that instead of the end. Who goes on sending gets the reset nevertheless. */
static void discard_unread(int fd)
{
    uint8_t scrap[16384];
    ssize_t n = 1;
    for (int i = 0; i < MAX_DISCARDS && n > 0; i++)
        n = recv(fd, scrap, sizeof scrap, MSG_DONTWAIT);
}

static void real_pipe_close(struct env_pipe *ep, bool reset)
{
    struct real_pipe *p = pipe_of(ep);
    if (reset) {
        struct linger now = {.l_onoff = 1, .l_linger = 0};
        setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    } else {
        discard_unread(p->fd);
    }
    p->closed = true;
    if (!p->attached) {
        close(p->fd);
        free(p);
        return;
    }
    uv_close((uv_handle_t *)&p->poll, free_data); /* the descriptor last, as above */
    close(p->fd);
}

static int real_pipe_addrs(struct env_pipe *ep, struct env_addr *local, struct env_addr *peer)
{
    int fd = pipe_of(ep)->fd;
    if (local != NULL) {
        local->len = sizeof local->sa;
        if (getsockname(fd, (struct sockaddr *)&local->sa, &local->len) < 0)
            return -errno;
    }
    if (peer != NULL) {
        peer->len = sizeof peer->sa;
        if (getpeername(fd, (struct sockaddr *)&peer->sa, &peer->len) < 0)
            return -errno;
    }
    return 0;
}

/* ---- jobs and names ---- */

static void job_work(uv_work_t *req)
{
    struct real_job *j = req->data;
    j->job.work(j->job.ctx);
}

static void list_job(struct real_loop *l, struct real_job *j)
{
    j->next = l->jobs;
    if (j->next != NULL)
        j->next->prev = j;
    l->jobs = j;
}

static void unlist_job(struct real_loop *l, struct real_job *j)
{
    *(j->prev != NULL ? &j->prev->next : &l->jobs) = j->next;
    if (j->next != NULL)
        j->next->prev = j->prev;
}

static void job_done(uv_work_t *req, int status)
{
    (void)status; /* cancelled or not: its owner learns that it is over */
    struct real_job *j = req->data;
    unlist_job(j->loop, j);
    atomic_fetch_sub(&j->loop->env->jobs, 1);
    j->job.done(j->job.ctx);
    free(j);
}

static int real_job(struct env_loop *l, const struct env_job *job)
{
    struct real_loop *r = loop_of(l);
    if (atomic_fetch_add(&r->env->jobs, 1) >= JOBS_MAX) {
        atomic_fetch_sub(&r->env->jobs, 1);
        return -EAGAIN;
    }
    struct real_job *j = calloc(1, sizeof *j);
    if (j == NULL) {
        atomic_fetch_sub(&r->env->jobs, 1);
        return -ENOMEM;
    }
    j->req.data = j;
    j->job = *job;
    j->loop = r;
    int rc = uv_queue_work(&r->uv, &j->req, job_work, job_done);
    if (rc < 0) {
        atomic_fetch_sub(&r->env->jobs, 1);
        free(j);
        return rc;
    }
    list_job(r, j);
    return 0;
}

static int real_resolve(struct env *e, const char *host, struct env_addr *out, int max)
{
    (void)e;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
    int rc = getaddrinfo(host, NULL, &hints, &list);
    if (rc != 0)
        return rc == EAI_MEMORY ? -ENOMEM : rc == EAI_AGAIN ? -EAGAIN : -ENOENT;
    int n = 0;
    for (struct addrinfo *a = list; a != NULL && n < max; a = a->ai_next) {
        memcpy(&out[n].sa, a->ai_addr, a->ai_addrlen);
        out[n++].len = a->ai_addrlen;
    }
    freeaddrinfo(list);
    return n;
}

static const struct env_ops real_ops = {
    .wall_ns = real_wall_ns,
    .mono_ns = real_mono_ns,
    .random = real_random,
    .loop_new = real_loop_new,
    .loop_wake = real_loop_wake,
    .loop_arm = real_loop_arm,
    .loop_stop = real_loop_stop,
    .loop_join = real_loop_join,
    .loop_free = real_loop_free,
    .listen = real_listen,
    .listener_addr = real_listener_addr,
    .accept = real_accept,
    .listener_pause = real_listener_pause,
    .listener_close = real_listener_close,
    .connect = real_connect,
    .pipe_attach = real_pipe_attach,
    .pipe_want = real_pipe_want,
    .pipe_read = real_pipe_read,
    .pipe_writev = real_pipe_writev,
    .pipe_unsent = real_pipe_unsent,
    .pipe_close = real_pipe_close,
    .pipe_addrs = real_pipe_addrs,
    .job = real_job,
    .resolve = real_resolve,
};

struct env *env_uv_new(void)
{
    struct real_env *e = calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    e->base.ops = &real_ops;
    e->base.disk = disk_posix();
    return &e->base;
}

void env_uv_free(struct env *e)
{
    free(e);
}
