/* config_tree.h: a configuration file as a tree of values, with includes merged and variables resolved.
 *
 * The tree lives in the caller's arena and is read-only once parsed; values may be shared between places
 * (a variable that names a map), so nothing may change them. One thread builds it, any may read it.
 *
 * Facts: docs/spec/config.md section 1. Where Go has no bound there is one here: nesting (CFG_DEPTH_MAX), the
 * bytes read and the size of the tree after variables are put in (CFG_BYTES_MAX), includes (CFG_INCLUDE_MAX).
 */
#ifndef BASE_CONFIG_TREE_H
#define BASE_CONFIG_TREE_H

#include <midge/slice.h>

struct arena;

enum {
    CFG_BYTES_MAX = 64 << 20, /* of all files together; of the tree written as JSON, roughly */
    CFG_INCLUDE_DEPTH_MAX = 32,
    CFG_INCLUDE_MAX = 1000,      /* files read */
    CFG_VARIABLE_DEPTH_MAX = 32, /* environment variables that name environment variables */
};

enum cfg_type {
    CFG_STRING,
    CFG_INTEGER,
    CFG_FLOAT,
    CFG_BOOL,
    CFG_DATETIME,
    CFG_LIST,
    CFG_MAP,
};

struct cfg_list {
    struct cfg_value **items;
    size_t count, room;
};

struct cfg_entry {
    slice key; /* as written */
    struct cfg_value *value;
    struct cfg_entry *next; /* in the order in which keys were first seen */
    struct cfg_entry *bucket_next;
};

struct cfg_map {
    struct cfg_entry *first, *last;
    size_t count;
    struct cfg_entry **buckets;
    size_t bucket_count;
};

struct cfg_value {
    enum cfg_type type;
    bool used;      /* a variable named it */
    bool bare;      /* an inner value of an environment variable: it has no position */
    unsigned depth; /* of lists and maps in it */
    size_t weight;  /* about its size in bytes when written out */
    const char *file;
    int line, col; /* of its key when in a map, else its own */
    union {
        slice string; /* of CFG_DATETIME, too: RFC 3339; a NUL follows it */
        int64_t integer;
        double number;
        bool boolean;
        struct cfg_list *list;
        struct cfg_map *map;
    };
};

/* Where files and variables come from. */
struct cfg_source {
    /* The file's bytes with a NUL behind them, in the arena: 0 or -errno, -EFBIG beyond limit. *opened tells
     * whether the error came from opening or from reading. */
    int (*read)(void *ctx, const char *path, size_t limit, struct arena *arena, slice *out, bool *opened);
    /* NULL when unset; valid until the next call. */
    const char *(*variable)(void *ctx, const char *name);
    void *ctx;
};

/* The machine's files and the process environment. */
extern const struct cfg_source cfg_source_system;

/* The root map of a file, or NULL and the error as Go words it (without the program's prefix). */
struct cfg_value *cfg_parse_file(const struct cfg_source *src, const char *path, struct arena *arena,
                                 slice *error);
/* The same for text in memory; `path` names it in positions and is what includes are relative to. */
struct cfg_value *cfg_parse(const struct cfg_source *src, const char *path, slice text, struct arena *arena,
                            slice *error);

/* The value of a key, by exact spelling; NULL when absent. */
struct cfg_value *cfg_get(const struct cfg_map *map, slice key);

/* Go's name of the type: "string", "int64", "[]interface {}" ... */
const char *cfg_type_name(enum cfg_type type);

struct codec_out;

/* Writes the value as Go's JSON encoder would: keys sorted, no white space. false: out of memory or of
 * room. */
bool cfg_write_json(const struct cfg_value *v, struct codec_out *out);

#endif
