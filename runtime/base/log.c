#include "base/log.h"
#include "base/log_sink.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

enum { LIMITED_SLOTS = 256 };

/* Texts seen in the last second: a slot by hash, a newer text takes the place of an older one. */
struct limited {
    uint64_t hash; /* 0: free */
    int64_t mono_ns;
};

struct log_impl {
    struct log pub;
    struct env *env;
    pthread_mutex_t lock; /* all below */
    struct log_sink *sink;
    struct log_format format;
    uint64_t lost;
    struct limited limited[LIMITED_SLOTS];
};

static struct log_impl *impl(struct log *l)
{
    return (struct log_impl *)l;
}

/* ---- lines ----------------------------------------------------------------------------------------------
 */

static const char *const level_names[] = {"INF", "WRN", "ERR", "FTL", "DBG", "TRC"};
static const char *const level_colours[] = {"32", "0;93", "31", "31", "36", "33"};

/* "YYYY/MM/DD HH:MM:SS.uuuuuu " */
static size_t put_time(char *buf, size_t room, const struct log_line *line)
{
    time_t secs = (time_t)(line->wall_ns / NS_PER_S);
    int64_t micros = line->wall_ns % NS_PER_S / 1000;
    struct tm tm;
    if (line->format.utc)
        gmtime_r(&secs, &tm);
    else
        localtime_r(&secs, &tm);
    size_t n = strftime(buf, room, "%Y/%m/%d %H:%M:%S", &tm);
    int more = snprintf(buf + n, room - n, ".%06d ", (int)micros);
    return n + (size_t)more;
}

void log_bare(struct env *env, const char *text)
{
    char when[32];
    time_t secs = (time_t)(env_wall_ns(env) / NS_PER_S);
    struct tm tm;
    localtime_r(&secs, &tm);
    strftime(when, sizeof when, "%Y/%m/%d %H:%M:%S", &tm);
    fprintf(stderr, "%s %s\n", when, text);
}

slice log_prefix(char *buf, const struct log_line *line, bool colour)
{
    size_t n = (size_t)snprintf(buf, LOG_PREFIX_MAX, "[%d] ", (int)getpid());
    if (line->format.timestamps)
        n += put_time(buf + n, LOG_PREFIX_MAX - n, line);
    const char *name = level_names[line->level];
    int more = colour ? snprintf(buf + n, LOG_PREFIX_MAX - n, "[\x1b[%sm%s\x1b[0m] ",
                                 level_colours[line->level], name)
                      : snprintf(buf + n, LOG_PREFIX_MAX - n, "[%s] ", name);
    return slice_make(buf, n + (size_t)more);
}

bool log_write_fd(int fd, bool is_socket, slice prefix, slice text, slice end)
{
    slice parts[3] = {prefix, text, end};
    struct iovec iov[3];
    for (int i = 0; i < 3; i++)
        iov[i] = (struct iovec){(void *)(uintptr_t)parts[i].ptr, parts[i].len};
    int at = 0;
    while (at < 3) {
        struct msghdr msg = {.msg_iov = iov + at, .msg_iovlen = (size_t)(3 - at)};
        ssize_t n = is_socket ? sendmsg(fd, &msg, MSG_NOSIGNAL) : writev(fd, iov + at, 3 - at);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return false;
        }
        size_t left = (size_t)n;
        while (at < 3 && left >= iov[at].iov_len)
            left -= iov[at++].iov_len;
        if (at < 3) {
            iov[at].iov_base = (char *)iov[at].iov_base + left;
            iov[at].iov_len -= left;
        }
    }
    return true;
}

/* ---- the small sinks ------------------------------------------------------------------------------------
 */

struct stderr_sink {
    struct log_sink sink;
    bool colour;
};

static bool stderr_write(struct log_sink *s, const struct log_line *line)
{
    char buf[LOG_PREFIX_MAX];
    bool colour = ((struct stderr_sink *)s)->colour;
    return log_write_fd(STDERR_FILENO, false, log_prefix(buf, line, colour), line->text, SLICE_LIT("\n"));
}

static void sink_free(struct log_sink *s)
{
    free(s);
}

static struct log_sink *stderr_sink_new(void)
{
    struct stderr_sink *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    struct stat st;
    s->colour = fstat(STDERR_FILENO, &st) == 0 && S_ISCHR(st.st_mode);
    s->sink = (struct log_sink){.write = stderr_write, .close = sink_free};
    return &s->sink;
}

struct fn_sink {
    struct log_sink sink;
    log_fn fn;
    void *ctx;
};

static bool fn_write(struct log_sink *s, const struct log_line *line)
{
    struct fn_sink *f = (struct fn_sink *)s;
    f->fn(f->ctx, line->level, line->wall_ns, line->text);
    return true;
}

/* ---- the object -----------------------------------------------------------------------------------------
 */

struct log *log_new(struct env *env)
{
    struct log_impl *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    l->sink = stderr_sink_new();
    if (l->sink == NULL || pthread_mutex_init(&l->lock, NULL) != 0) {
        free(l->sink);
        free(l);
        return NULL;
    }
    tzset();
    l->env = env;
    l->format.timestamps = true;
    log_set_levels(&l->pub, false, false);
    return &l->pub;
}

void log_free(struct log *l)
{
    if (l == NULL)
        return;
    struct log_impl *i = impl(l);
    i->sink->close(i->sink);
    pthread_mutex_destroy(&i->lock);
    free(i);
}

void log_set_levels(struct log *l, bool debug, bool trace)
{
    unsigned levels = 1u << LOG_INF | 1u << LOG_WRN | 1u << LOG_ERR | 1u << LOG_FTL;
    levels |= debug ? 1u << LOG_DBG : 0;
    levels |= trace ? 1u << LOG_TRC : 0;
    atomic_store_explicit(&l->levels, levels, memory_order_relaxed);
}

void log_set_format(struct log *l, struct log_format format)
{
    struct log_impl *i = impl(l);
    pthread_mutex_lock(&i->lock);
    i->format = format;
    pthread_mutex_unlock(&i->lock);
}

/* Takes the new sink; NULL (out of memory) leaves the old one. */
static bool set_sink(struct log *l, struct log_sink *sink)
{
    if (sink == NULL)
        return false;
    struct log_impl *i = impl(l);
    pthread_mutex_lock(&i->lock);
    struct log_sink *old = i->sink;
    i->sink = sink;
    pthread_mutex_unlock(&i->lock);
    old->close(old);
    return true;
}

bool log_to_stderr(struct log *l)
{
    return set_sink(l, stderr_sink_new());
}

/* A line of the present moment for a sink's own use. */
static struct log_line line_now(struct log *l)
{
    struct log_impl *i = impl(l);
    struct log_line line = {.level = LOG_INF, .wall_ns = env_wall_ns(i->env)};
    pthread_mutex_lock(&i->lock);
    line.format = i->format;
    pthread_mutex_unlock(&i->lock);
    return line;
}

bool log_to_file(struct log *l, const char *path, int64_t size_limit, int64_t max_files, char *err)
{
    struct log_line now = line_now(l);
    return set_sink(l, log_sink_file(path, size_limit, max_files, &now, err));
}

bool log_to_syslog(struct log *l, const char *remote, const char *tag, char *err)
{
    return set_sink(l, log_sink_syslog(remote, tag, err));
}

bool log_to_fn(struct log *l, log_fn fn, void *ctx)
{
    struct fn_sink *f = calloc(1, sizeof *f);
    if (f == NULL)
        return false;
    *f = (struct fn_sink){.sink = {.write = fn_write, .close = sink_free}, .fn = fn, .ctx = ctx};
    return set_sink(l, &f->sink);
}

void log_reopen(struct log *l)
{
    struct log_impl *i = impl(l);
    struct log_line now = line_now(l);
    char err[LOG_ERROR_MAX];
    pthread_mutex_lock(&i->lock);
    bool file = i->sink->reopen != NULL;
    bool done = file && i->sink->reopen(i->sink, &now, err);
    pthread_mutex_unlock(&i->lock);
    if (done)
        log_inf(l, "File log re-opened");
    else if (file)
        log_err(l, "%s", err);
    else
        log_inf(l, "File log re-open ignored, not a file logger");
}

uint64_t log_lost(struct log *l)
{
    struct log_impl *i = impl(l);
    pthread_mutex_lock(&i->lock);
    uint64_t lost = i->lost;
    pthread_mutex_unlock(&i->lock);
    return lost;
}

/* ---- writing --------------------------------------------------------------------------------------------
 */

static void write_line(struct log *l, enum log_level level, slice text)
{
    struct log_impl *i = impl(l);
    while (text.len > 0 && text.ptr[text.len - 1] == '\n')
        text.len--;
    struct log_line line = {.level = level, .wall_ns = env_wall_ns(i->env), .text = text};
    pthread_mutex_lock(&i->lock);
    line.format = i->format;
    if (!i->sink->write(i->sink, &line))
        i->lost++;
    pthread_mutex_unlock(&i->lock);
}

/* A text formatted into the caller's short buffer, or into the heap when it is longer. */
struct text {
    char shortened[LOG_SHORT_LINE];
    char *heap;
    slice s;
};

__attribute__((format(printf, 2, 0))) static void text_format(struct text *t, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    t->heap = NULL;
    int n = vsnprintf(t->shortened, sizeof t->shortened, fmt, args);
    size_t len = n < 0 ? 0 : (size_t)n;
    if (len >= sizeof t->shortened) {
        t->heap = malloc(len + 1);
        if (t->heap != NULL)
            vsnprintf(t->heap, len + 1, fmt, again);
        else
            len = sizeof t->shortened - 1;
    }
    va_end(again);
    t->s = slice_make(t->heap != NULL ? t->heap : t->shortened, len);
}

void log_vat(struct log *l, enum log_level level, const char *fmt, va_list args)
{
    if (!log_enabled(l, level))
        return;
    struct text t;
    text_format(&t, fmt, args);
    write_line(l, level, t.s);
    free(t.heap);
}

void log_text(struct log *l, enum log_level level, slice text)
{
    if (log_enabled(l, level))
        write_line(l, level, text);
}

void log_at(struct log *l, enum log_level level, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    log_vat(l, level, fmt, args);
    va_end(args);
}

/* FNV-1a, never 0. */
static uint64_t hash_of(slice s)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ s.ptr[i]) * UINT64_C(1099511628211);
    return h == 0 ? 1 : h;
}

/* true when the key was not seen in the last second. */
static bool limited_pass(struct log *l, slice key)
{
    struct log_impl *i = impl(l);
    uint64_t hash = hash_of(key);
    int64_t now = env_mono_ns(i->env);
    pthread_mutex_lock(&i->lock);
    struct limited *slot = &i->limited[hash % LIMITED_SLOTS];
    bool pass = slot->hash != hash || now - slot->mono_ns >= NS_PER_S;
    if (pass)
        *slot = (struct limited){hash, now};
    pthread_mutex_unlock(&i->lock);
    return pass;
}

void log_limited(struct log *l, enum log_level level, const char *fmt, ...)
{
    if (!log_enabled(l, level))
        return;
    struct text t;
    va_list args;
    va_start(args, fmt);
    text_format(&t, fmt, args);
    va_end(args);
    if (limited_pass(l, t.s))
        write_line(l, level, t.s);
    free(t.heap);
}

void log_limited_key(struct log *l, enum log_level level, slice key, const char *fmt, ...)
{
    if (!log_enabled(l, level) || !limited_pass(l, key))
        return;
    va_list args;
    va_start(args, fmt);
    log_vat(l, level, fmt, args);
    va_end(args);
}
