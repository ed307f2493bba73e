/* options_diff.h: what a reload changes.
 *
 * Two sets of options are compared key by key, in the order of Go's option structure. The first change that
 * cannot be made while the server runs is an error, and then nothing may be applied. Otherwise the caller
 * applies the areas that changed and logs the lines, in order.
 *
 * Pure; any thread. Facts: docs/spec/config.md section 25. */
#ifndef SERVER_OPTIONS_DIFF_H
#define SERVER_OPTIONS_DIFF_H

#include "server/options.h"

enum { OPTIONS_CHANGES_MAX = 48 };

enum options_area {
    OPTIONS_AREA_CLIENTS = 1 << 0,     /* limits, pings, deadlines, timeouts of connections */
    OPTIONS_AREA_LOG = 1 << 1,         /* levels, layout, target */
    OPTIONS_AREA_ADVERTISE = 1 << 2,   /* INFO */
    OPTIONS_AREA_CONNECTIONS = 1 << 3, /* max_connections: close the excess */
    OPTIONS_AREA_ACCOUNTS = 1 << 4,   /* users, accounts, credentials: always, everybody is authorised anew */
    OPTIONS_AREA_TLS = 1 << 5,        /* certificates and settings, for new connections */
    OPTIONS_AREA_PINS = 1 << 6,       /* close whose certificate is no longer pinned */
    OPTIONS_AREA_PID_FILE = 1 << 7,   /* write the new file; the old one stays */
    OPTIONS_AREA_PORTS_FILE = 1 << 8, /* remove the old file, write the new one */
};

struct options_change {
    enum options_area area;
    slice line; /* to log at INF; empty: none */
};

struct options_diff {
    const char *error; /* NULL: the reload may go on */
    struct options_change changes[OPTIONS_CHANGES_MAX];
    size_t count;
    unsigned areas; /* of all changes */
};

/* bound_port is where clients connect: a new port of -1 means that one. Texts lie in the arena. */
void options_compare(const struct options *before, const struct options *after, int bound_port,
                     struct arena *arena, struct options_diff *out);

#endif
