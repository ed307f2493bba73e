/* files.h: the pid file and the ports file, by which scripts find a running server.
 *
 * Errors are Go's texts in a caller's buffer of FILES_ERROR_MAX bytes; the caller logs them. Blocking calls,
 * from one thread. Facts: docs/spec/config.md section 22, docs/spec/client-protocol.md section 26. */
#ifndef SERVER_FILES_H
#define SERVER_FILES_H

#include "base/disk.h"
#include <midge/slice.h>

enum { FILES_ERROR_MAX = 2 * DISK_PATH_MAX + 128 };

/* The decimal pid without line end, mode 0600. What is wrong reads "open F: no such file or directory". The
 * file stays when the server ends. */
bool pid_file_write(const char *path, int pid, char *err);

/* A listener to be named; host and port as bound. */
struct files_port {
    const char *kind;   /* key: "nats", "monitoring", "cluster", "profile" or "websocket" */
    const char *scheme; /* "nats", "tls", "http" ... */
    slice host;         /* 0.0.0.0 and :: stand for every address of every interface */
    int port;
};

/* DIR/PROGRAM_PID.ports: {"nats":["nats://127.0.0.1:4222"],...}, keys in the order above, mode 0666 before
 * the umask. It appears complete or not at all. path (DISK_PATH_MAX) gets its name, empty when there is none.
 * What is wrong reads "Error writing ports file (F): CAUSE". */
bool ports_file_write(const char *dir, const char *program, int pid, const struct files_port *ports,
                      size_t count, char *path, char *err);
/* "Error cleaning up ports file F: CAUSE". */
bool ports_file_remove(const char *path, char *err);

#endif
