/* log_sink.h: where lines go. Private to the log; included by log.c and the sinks.
 *
 * A sink is called under its log's lock, one line at a time. It may write lines of its own through
 * log_prefix (rotation notices), never through the log. */
#ifndef BASE_LOG_SINK_H
#define BASE_LOG_SINK_H

#include "base/log.h"

enum { LOG_PREFIX_MAX = 96 };

/* What the log knows of a line. */
struct log_line {
    enum log_level level;
    int64_t wall_ns;
    struct log_format format;
    slice text; /* without LF */
};

struct log_sink {
    /* false: the line is lost. */
    bool (*write)(struct log_sink *s, const struct log_line *line);
    /* NULL when there is no file. false: err (LOG_ERROR_MAX) says why and the old file stays in use. */
    bool (*reopen)(struct log_sink *s, const struct log_line *now, char *err);
    void (*close)(struct log_sink *s); /* frees the sink */
};

/* "[PID] time [LVL] " into buf (LOG_PREFIX_MAX bytes); the result points into it. */
slice log_prefix(char *buf, const struct log_line *line, bool colour);
/* prefix, text and end in one system call where the kernel takes them whole; a broken socket raises no
 * signal. */
bool log_write_fd(int fd, bool is_socket, slice prefix, slice text, slice end);

/* NULL on failure, with the reason in err. `now` dates the lines that rotation at the start writes. */
struct log_sink *log_sink_file(const char *path, int64_t size_limit, int64_t max_files,
                               const struct log_line *now, char *err);
struct log_sink *log_sink_syslog(const char *remote, const char *tag, char *err);

#endif
