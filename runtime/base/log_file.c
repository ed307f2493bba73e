/* The file sink: append, rotate by size, keep a number of files, reopen. */
#include "base/errtext.h"
#include "base/log_sink.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#define CRLF     SLICE_LIT("\r\n")

enum { STAMP_LEN = sizeof ".2026.11.24.02.24.18.326632781" - 1 };

struct file_sink {
    struct log_sink sink;
    char path[DISK_PATH_MAX];
    int fd;
    int64_t size;      /* bytes in the file */
    int64_t limit;     /* 0: never rotate */
    int64_t max_files; /* 0: keep all */
};

static bool file_open(struct file_sink *f)
{
    int fd = open(f->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    struct stat st;
    if (fd < 0)
        return false;
    if (fstat(fd, &st) != 0) {
        close(fd);
        return false;
    }
    f->fd = fd;
    f->size = (int64_t)st.st_size;
    return true;
}

static bool put(struct file_sink *f, const struct log_line *line, slice end)
{
    char buf[LOG_PREFIX_MAX];
    slice prefix = log_prefix(buf, line, false);
    if (!log_write_fd(f->fd, false, prefix, line->text, end))
        return false;
    f->size += (int64_t)(prefix.len + line->text.len + end.len);
    return true;
}

/* A line of the rotator itself, dated like the line that caused it. */
__attribute__((format(printf, 5, 6))) static void note(struct file_sink *f, const struct log_line *cause,
                                                       enum log_level level, slice end, const char *fmt, ...)
{
    char text[2 * DISK_PATH_MAX];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    size_t len = n < 0 ? 0 : (size_t)n;
    struct log_line line = *cause;
    line.level = level;
    line.text = slice_make(text, len < sizeof text ? len : sizeof text - 1);
    put(f, &line, end);
}

static slice base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slice_str(slash != NULL ? slash + 1 : path);
}

static bool is_stamp(const char *s)
{
    static const char shape[] = ".0000.00.00.00.00.00.000000000";
    for (size_t i = 0; i < STAMP_LEN; i++) {
        bool digit = s[i] >= '0' && s[i] <= '9';
        if (shape[i] == '.' ? s[i] != '.' : !digit)
            return false;
    }
    return s[STAMP_LEN] == '\0';
}

/* Names of backups sort by age, so the oldest is the least one. Finds it and counts them all. */
static int64_t oldest_backup(DIR *dir, slice base, char *oldest)
{
    int64_t count = 0;
    oldest[0] = '\0';
    rewinddir(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        slice name = slice_str(e->d_name);
        if (!slice_starts(name, base) || !is_stamp(e->d_name + base.len))
            continue;
        if (count++ == 0 || strcmp(e->d_name, oldest) < 0)
            memcpy(oldest, e->d_name, name.len + 1);
    }
    return count;
}

static void purge(struct file_sink *f, const struct log_line *cause)
{
    char folder[DISK_PATH_MAX], why[ERRTEXT_MAX];
    slice base = base_name(f->path);
    size_t cut = strlen(f->path) - base.len;
    memcpy(folder, f->path, cut);
    folder[cut] = '\0';
    DIR *dir = opendir(cut == 0 ? "." : folder);
    if (dir == NULL) {
        note(f, cause, LOG_ERR, CRLF,
             "Unable to read directory \"%s\" for log purge (%s), will attempt next rotation", folder,
             errtext(errno, why));
        return;
    }
    char oldest[sizeof((struct dirent *)0)->d_name];
    while (oldest_backup(dir, base, oldest) > f->max_files - 1) {
        if (unlinkat(dirfd(dir), oldest, 0) != 0) {
            note(f, cause, LOG_ERR, CRLF,
                 "Unable to remove backup log file \"%s\" (%s), will attempt next rotation", oldest,
                 errtext(errno, why));
            break;
        }
        note(f, cause, LOG_INF, CRLF, "Purged log file \"%s\"", oldest);
    }
    closedir(dir);
}

static void backup_name(const struct file_sink *f, int64_t wall_ns, char *out, size_t room)
{
    char stamp[32];
    time_t secs = (time_t)(wall_ns / NS_PER_S);
    struct tm tm;
    localtime_r(&secs, &tm);
    strftime(stamp, sizeof stamp, "%Y.%m.%d.%H.%M.%S", &tm);
    snprintf(out, room, "%s.%s.%09" PRId64, f->path, stamp, wall_ns % NS_PER_S);
}

/* On failure the live file goes on under its name and the limit doubles, so that the next try is far away. */
static void rotate(struct file_sink *f, const struct log_line *cause)
{
    char backup[DISK_PATH_MAX + 64];
    backup_name(f, cause->wall_ns, backup, sizeof backup);
    int old = f->fd;
    bool renamed = rename(f->path, backup) == 0;
    if (renamed && file_open(f)) {
        close(old);
        note(f, cause, LOG_INF, CRLF, "Rotated log, backup saved as \"%s\"", backup);
        if (f->max_files > 0)
            purge(f, cause);
        return;
    }
    char why[ERRTEXT_MAX];
    int err = errno;
    if (f->limit <= INT64_MAX / 2)
        f->limit *= 2;
    const char *what = renamed ? "Unable to re-open the logfile" : "Unable to rename logfile";
    note(f, cause, LOG_ERR, CRLF, "%s for rotation (%s), will attempt next rotation at size %" PRId64, what,
         errtext(err, why), f->limit);
    if (renamed && rename(backup, f->path) != 0)
        note(f, cause, LOG_ERR, CRLF, "The log goes on in \"%s\" (%s)", backup, errtext(errno, why));
}

static bool file_write(struct log_sink *s, const struct log_line *line)
{
    struct file_sink *f = (struct file_sink *)s;
    if (!put(f, line, SLICE_LIT("\n")))
        return false;
    if (f->limit > 0 && f->size > f->limit)
        rotate(f, line);
    return true;
}

static void rotate_at_start(struct file_sink *f, const struct log_line *now)
{
    if (f->limit <= 0 || f->size <= f->limit)
        return;
    note(f, now, LOG_INF, SLICE_LIT("\n"), "Rotating logfile...");
    rotate(f, now);
}

static void open_error(const struct file_sink *f, char *err)
{
    char why[ERRTEXT_MAX];
    snprintf(err, LOG_ERROR_MAX, "error opening file: open %.300s: %s", f->path, errtext(errno, why));
}

static bool file_reopen(struct log_sink *s, const struct log_line *now, char *err)
{
    struct file_sink *f = (struct file_sink *)s;
    int old = f->fd;
    if (!file_open(f)) {
        open_error(f, err);
        return false;
    }
    close(old);
    rotate_at_start(f, now);
    return true;
}

static void file_close(struct log_sink *s)
{
    close(((struct file_sink *)s)->fd);
    free(s);
}

struct log_sink *log_sink_file(const char *path, int64_t size_limit, int64_t max_files,
                               const struct log_line *now, char *err)
{
    if (strlen(path) >= DISK_PATH_MAX) {
        snprintf(err, LOG_ERROR_MAX, "error opening file: open %.300s...: file name too long", path);
        return NULL;
    }
    struct file_sink *f = calloc(1, sizeof *f);
    if (f == NULL) {
        snprintf(err, LOG_ERROR_MAX, "error opening file: out of memory");
        return NULL;
    }
    f->sink = (struct log_sink){.write = file_write, .reopen = file_reopen, .close = file_close};
    f->limit = size_limit;
    f->max_files = max_files;
    memcpy(f->path, path, strlen(path) + 1);
    if (!file_open(f)) {
        open_error(f, err);
        free(f);
        return NULL;
    }
    rotate_at_start(f, now);
    return &f->sink;
}
