/* log.h: the server's log, line for line in Go's layout.
 *
 *     [PID] YYYY/MM/DD HH:MM:SS.uuuuuu [LVL] text LF
 *
 * A log is an object that every server owns one of; there is no global one. It writes to one sink at a time:
 * stderr (the start), a file with size rotation, syslog, or a function (tests, the simulator). All calls are
 * allowed from any thread. A short lock orders lines; it covers the write(2) of the line, so a loop that logs
 * to a slow disk waits for it, as it would in Go: keep DBG and TRC off where that matters.
 *
 * Texts are printf formats; a slice prints as log_inf(l, "%.*s", LOG_SLICE(s)). Texts from the network are
 * written as they are: whoever logs them quotes them first, or uses log_text (a format stops at a NUL). Lines
 * have no length limit of their own; when memory for a long one is missing it is cut to LOG_SHORT_LINE bytes.
 *
 * LOG_FTL only writes the line. The caller ends the program (exit code 1), so that a simulated server can die
 * alone.
 *
 * Facts: docs/spec/config.md section 21, docs/spec/client-protocol.md section 27.
 *
 * The level names collide with <syslog.h>, which nothing here needs: syslog is spoken over its socket. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/env.h"
#include <stdarg.h>
#include <stdatomic.h>

enum log_level {
    LOG_INF,
    LOG_WRN,
    LOG_ERR,
    LOG_FTL,
    LOG_DBG,
    LOG_TRC,
};

enum {
    LOG_SHORT_LINE = 1024, /* texts up to here are formatted without the heap */
    LOG_ERROR_MAX = 512,   /* room that a buffer for an error text needs */
};

/* The rest of the object is private to log.c. */
struct log {
    atomic_uint levels; /* bit (1u << level) set: lines of that level are written */
};

struct log_format {
    bool timestamps; /* logtime; true in a new log */
    bool utc;        /* logtime_utc */
};

/* A new log to stderr with INF, WRN, ERR and FTL on; level names are coloured when stderr is a terminal.
 * Times come from env, which must outlive it. NULL when out of memory. */
struct log *log_new(struct env *env);
/* Closes the sink. No other thread may use the log any more. NULL is fine. */
void log_free(struct log *l);

/* Which of the optional levels are on. */
void log_set_levels(struct log *l, bool debug, bool trace);
void log_set_format(struct log *l, struct log_format format);

static inline bool log_enabled(const struct log *l, enum log_level level)
{
    return (atomic_load_explicit(&l->levels, memory_order_relaxed) >> level & 1u) != 0;
}

/* Sinks. Each call replaces the sink; on failure the old one stays, err (LOG_ERROR_MAX bytes) holds Go's text
 * and the result is false. */

bool log_to_stderr(struct log *l); /* false: out of memory */
/* Append to a file (made with mode 0640). size_limit bytes (0: none) rotate it to PATH.YYYY.MM.DD.HH.MM.SS.N
 * (N: 9 digits of nanoseconds, local time); max_files > 0 keeps that many files with the live one. Rotation
 * failures are logged, double the limit and lose no line. */
bool log_to_file(struct log *l, const char *path, int64_t size_limit, int64_t max_files, char *err);
/* The machine's syslog (remote NULL or "") or udp://host:port, tcp://host:port, unix:///path. The tag is the
 * program's base name. A lost connection is made again at the next line; lines that fail are counted. */
bool log_to_syslog(struct log *l, const char *remote, const char *tag, char *err);
/* fn gets the bare text, without prefix or LF, under the log's lock: it must not log. */
typedef void (*log_fn)(void *ctx, enum log_level level, int64_t wall_ns, slice text);
bool log_to_fn(struct log *l, log_fn fn, void *ctx);

/* Close and open the file again (after an outer rotation) and log what came of it, as SIGUSR1 does. */
void log_reopen(struct log *l);
/* Lines that could not be written since the start. */
uint64_t log_lost(struct log *l);

/* "YYYY/MM/DD HH:MM:SS TEXT" to stderr, without a log: how Go reports a log that cannot be opened. */
void log_bare(struct env *env, const char *text);

/* Write one line when the level is on. */
__attribute__((format(printf, 3, 4))) void log_at(struct log *l, enum log_level level, const char *fmt, ...);
void log_vat(struct log *l, enum log_level level, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

/* The text as it stands, NULs and all, when the level is on. */
void log_text(struct log *l, enum log_level level, slice text);

/* Like log_at, but a text (or, with a key, whatever text goes with that key) at most once a second. At most
 * 256 texts are remembered; when more repeat at once, some come more often. */
__attribute__((format(printf, 3, 4))) void log_limited(struct log *l, enum log_level level, const char *fmt,
                                                       ...);
__attribute__((format(printf, 4, 5))) void log_limited_key(struct log *l, enum log_level level, slice key,
                                                           const char *fmt, ...);

/* The arguments are evaluated only when the level is on. */
#define LOG_IF_(l, level, ...)                 \
    do {                                       \
        if (log_enabled((l), (level)))         \
            log_at((l), (level), __VA_ARGS__); \
    } while (0)
#define log_inf(l, ...) LOG_IF_(l, LOG_INF, __VA_ARGS__)
#define log_wrn(l, ...) LOG_IF_(l, LOG_WRN, __VA_ARGS__)
#define log_err(l, ...) LOG_IF_(l, LOG_ERR, __VA_ARGS__)
#define log_ftl(l, ...) LOG_IF_(l, LOG_FTL, __VA_ARGS__)
#define log_dbg(l, ...) LOG_IF_(l, LOG_DBG, __VA_ARGS__)
#define log_trc(l, ...) LOG_IF_(l, LOG_TRC, __VA_ARGS__)

/* For "%.*s". */
#define LOG_SLICE(s) (int)(s).len, (const char *)(s).ptr

#endif
