/* tool.h: what the commands of `midge store` share: options, output, exit codes. */
#ifndef STORE_TOOL_TOOL_H
#define STORE_TOOL_TOOL_H

#include "server/decode/progress.h"
#include "server/store/tree.h"

#include <midge/value.h>
#include <stdio.h>

enum {
    TOOL_OK = 0,
    TOOL_TROUBLE = 1, /* wrong arguments, no such directory, output that cannot be written */
    TOOL_DAMAGE = 2,  /* something in the directory is damaged or cannot be read; the rest was worked on */
};

enum tool_format { TOOL_TEXT, TOOL_JSON, TOOL_MSGPACK };

struct tool {
    struct tree_options tree;
    enum tool_format format;
    bool format_given;
    bool progress;
    slice subject; /* filter; empty: all */
    uint64_t from; /* sequences, inclusive */
    uint64_t to;
    int64_t since; /* times, inclusive; INT64_MIN and INT64_MAX: no bound */
    int64_t until;
    const char *out_dir; /* of repair */
    uint64_t count;      /* of bench */
    uint64_t size;
    FILE *out;
    struct codec_out buffer;
    bool damage;
    bool write_failed;
};

/* The commands: an exit code. */
int tool_ls(struct tool *);
int tool_info(struct tool *);
int tool_dump(struct tool *);
int tool_verify(struct tool *);
int tool_repair(struct tool *);
int tool_bench(struct tool *);

/* Open the directory; false: it was told why. */
bool tool_open(struct tool *, struct tree *);
/* TOOL_OK, or what went wrong meanwhile. */
int tool_end(struct tool *, struct tree *);

/* On standard error: `ACCOUNT/STREAM: text`, and the exit code becomes TOOL_DAMAGE. */
void tool_damage(struct tool *, const struct tree_stream *, const char *text);
/* Lines of the store for tool_damage; ctx is a struct tool_lines. */
struct tool_lines {
    struct tool *tool;
    const struct tree_stream *stream;
};
void tool_log(void *ctx, const char *line);

/* A bar for work of `total` bytes; `quiet`: nothing is printed before the end, so it may stand on the same
 * terminal as the output. */
void tool_progress(const struct tool *, struct progress *, uint64_t total, bool quiet);

/* An object, as JSON line or MessagePack. */
void tool_emit(struct tool *, struct codec_member *members, size_t count);
static inline struct codec_member tool_text(const char *key, slice value)
{
    return (struct codec_member){slice_str(key), codec_value_text(value)};
}
static inline struct codec_member tool_number(const char *key, uint64_t value)
{
    return (struct codec_member){slice_str(key), codec_value_number(value)};
}

/* "12,345" and "1.5 MiB", for people. */
const char *tool_count(uint64_t n, char buf[32]);
const char *tool_bytes(uint64_t n, char buf[32]);

#endif
