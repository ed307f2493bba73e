/* file_store.h: the message store in the Go server's file format.
 *
 * The contract is store.h, the format docs/storage.md. A store lives in one folder
 * (<store_dir>/jetstream/ACCOUNT/ streams/STREAM): meta.inf, meta.sum, meta.key and msgs/. It opens from
 * index.db when that fits the blocks and from the blocks alone otherwise; damaged records are isolated,
 * reported and kept aside, what is sound stays.
 *
 * Memory: subjects, block descriptions and sets of deleted sequences stay in memory; contents of blocks live
 * in the store_cache that all stores of a shard share, within its budget. */
#ifndef STORE_FILE_STORE_H
#define STORE_FILE_STORE_H

#include "store/storage.h"
#include "store/store.h"

#define STORE_BLOCK_MAX (8u << 20)

struct store_cache;

/* What the file stores of one shard share. Outlives them. */
struct store_host {
    struct disk *disk;
    struct storage_port *port;
    struct store_cache *cache;
    void (*random)(void *ctx, void *buf, size_t len); /* bytes fit for keys */
    void *random_ctx;
};

/* A cache that keeps at most about `budget` bytes of block contents (one block more while it is being read).
 */
struct store_cache *store_cache_new(size_t budget);
void store_cache_free(struct store_cache *);
size_t store_cache_memory(const struct store_cache *);

enum store_cipher { STORE_CIPHER_CHACHA, STORE_CIPHER_AES };

/* Encryption at rest: an empty key means none. Copied. */
struct store_keys {
    slice key;
    slice prev_key;
    enum store_cipher cipher;
    slice info; /* account name, or group name of a raft log */
};

struct file_store_options {
    const struct store_host *host;
    const char *dir;
    slice name; /* stream (or raft group) name: part of every checksum key */
    slice meta; /* meta.inf document, written when there is none yet */
    struct store_limits limits;
    struct store_hooks hooks;
    struct store_keys keys;
    uint64_t block_size; /* see file_store_block_size */
    uint64_t first_seq;  /* first sequence of a new store */
    enum store_sync sync;
    int64_t sync_interval_ns; /* 0: two minutes */
    bool compress;            /* S2 for blocks that are no longer the last */
    bool track_subjects;      /* false for raft logs and batch staging */
    bool allow_schedules;
    int64_t now;
};

enum store_rc file_store_open(const struct file_store_options *, struct store **out);

/* What decides the size of blocks. */
struct file_store_sizing {
    int64_t max_bytes;
    int64_t max_msgs;
    int64_t max_per_subject;
    int64_t max_payload;    /* max_msg_size, else the account's limit, else 1 MiB */
    size_t longest_literal; /* longest subject without wildcard, 0 when there is none */
    bool encrypted;
    bool limits_retention;
};
uint64_t file_store_block_size(const struct file_store_sizing *);

#endif
