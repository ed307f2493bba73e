/* tree.h: a store directory as a server's configuration names it: which accounts and streams lie in it, and
 * each of them opened as a server would open it, without changing a byte.
 *
 * Everything goes through an overlay (overlay.h): recovery, replay of midge's journal and limits happen in
 * memory. One thread. */
#ifndef STORE_TOOL_TREE_H
#define STORE_TOOL_TREE_H

#include "server/store/config.h"
#include "store/consumer/consumer_state.h"
#include "store/meta_file.h"

#define TREE_CACHE  (32u << 20)
#define TREE_CHANGE (512u << 20) /* bytes that recovery may change before a directory is given up */

struct tree_options {
    const char *dir;
    const char *account; /* NULL: all */
    const char *stream;
    slice key;
    slice prev_key;
    enum store_cipher cipher;
    bool has_cipher; /* otherwise both are tried */
    int64_t as_of;   /* what is too old at that time is gone; INT64_MIN: nothing is */
};

struct tree_stream {
    char *account;
    char *name; /* of its folder */
    char *dir;
};

struct tree {
    const struct tree_options *opt;
    struct disk *disk; /* the overlay */
    struct storage *storage;
    struct store_host host;
    struct tree_stream *streams; /* by account, then name */
    size_t count;
    size_t cap;
};

/* false: `why` says what is wrong with the directory. */
bool tree_open(struct tree *, const struct tree_options *, char why[256]);
void tree_close(struct tree *);
/* Bytes and number of files in the msgs folders of a stream, and bytes of all streams. */
uint64_t tree_stream_bytes(struct tree *, const struct tree_stream *, uint64_t *files);
uint64_t tree_bytes(struct tree *);

/* A line of what the store said while it was opened and read: warnings and errors only. */
typedef void (*tree_log_fn)(void *ctx, const char *line);

struct opened {
    struct tree *tree;
    const struct tree_stream *where;
    struct meta_file meta;
    struct stream_config config;
    struct store_keys keys; /* lent */
    struct store *store;
    tree_log_fn log;
    void *log_ctx;
};

/* Only the metadata: meta, config and keys. */
bool tree_read_meta(struct tree *, const struct tree_stream *, struct opened *, char why[1200]);
/* And the store. false: `why` says why not. opened_close in any case. */
bool tree_open_stream(struct tree *, const struct tree_stream *, struct opened *, tree_log_fn, void *log_ctx,
                      char why[1200]);
void opened_close(struct opened *);

/* A consumer of a stream. */
struct tree_consumer {
    char *name;
    bool good;      /* `state` and `config` are what its files say */
    bool has_state; /* there is an o.dat with something in it; else it starts by its deliver policy */
    char why[1200];
    struct consumer_state state;
    struct byte_buf config; /* its meta.inf document */
};
/* By name. false: out of memory, or the folder cannot be read. Free in any case. */
bool tree_consumers(struct opened *, struct tree_consumer **out, size_t *count);
void tree_free_consumers(struct tree_consumer *, size_t count);

/* "2026-11-23T06:52:11.876521513Z", as Go writes a time; the zero time for STORE_TIME_NONE. */
void time_text(int64_t ns, char out[40]);
/* The other way round; false: no such time. */
bool time_read(const char *text, int64_t *ns);

#endif
