/* fs.h: the inside of the file store, shared by its files and by nobody else.
 *
 * A store is a row of blocks by rising number. A block is a file of records; the last one takes the appends.
 * What is known of every block stays in memory (struct block); its content is an image that comes and goes
 * with the cache.
 *
 *   append.c    new records           block.c    the row of blocks        file_store.c  open, close, meta.inf
 *   remove.c    one message goes      load.c     block file -> image      recover.c     opening
 *   purge.c     many go               cache.c    images and their budget  rebuild.c     from blocks alone
 *   truncate.c  the end goes          rewrite.c  a block anew             index_file.c  index.db
 *   deletes.c   told and learned      commit.c   to the storage           replay.c      from the journal
 *   limits.c    what must go          read.c     messages out             salvage.c     damage in a block
 *   expire.c    what is too old       match.c    filters over blocks      lost.c        reported and repaired
 *   ttl.c       TTLs, thw.db          query.c    counts, subjects         maintain.c    background work
 *
 * Order of writes, the whole argument. (1) Records reach a block file in the order of their operations,
 * through one job at a time, so that a file holds a prefix of them plus at most one torn record. (2) A new
 * block's bytes are only submitted in or after the job that completes its predecessor. (3) A removal is a
 * tombstone in the last block, so it is ordered like an append; a file is unlinked only behind the sync of
 * everything before (post-operations of a job). (4) A block is rewritten beside itself, synced, and renamed
 * over: old or new, never a mixture; only blocks whose bytes are all synced are rewritten. (5) index.db is
 * written after a sync of the blocks that it describes, beside itself and renamed; it names the last record,
 * so one that is out of date is noticed. */
#ifndef STORE_FILE_FS_H
#define STORE_FILE_FS_H

#include "store/file_store.h"
#include "store/format/crypt.h"
#include "store/format/hash.h"
#include "store/format/record.h"
#include "store/format/seqset.h"
#include "store/expiry_heap.h"
#include "store/files.h"
#include "store/keyring.h"
#include "store/consumer/seqmap.h"
#include "store/storage_job.h"
#include "store/subject_index.h"

struct file_store;
struct block;

/* ---- images (cache.c) ---- */

/* Bytes that an image and a write under way share. */
struct image_buf {
    uint8_t *bytes;
    size_t cap;
    unsigned refs;
};

/* The content of a block in plain form, or (of the last block) the part from `base` on. `offsets` are the
 * places of message records, by rising sequence, relative to base. */
struct image {
    struct image_buf *buf;
    uint64_t base;
    size_t len;
    uint32_t *offsets;
    size_t count;
    size_t offset_cap;
    struct block *block;
    struct image *older; /* in the cache's ring */
    struct image *newer;
    size_t charged;
};

struct store_cache {
    size_t budget;
    size_t used;
    struct image ring; /* ring.newer: the oldest, ring.older: the newest */
    struct image_buf *spare;
};

struct image *image_new(struct store_cache *, struct block *, uint64_t base, size_t cap);
/* Around bytes of its own: takes them over (also when it fails). */
struct image *image_adopt(struct store_cache *, struct block *, struct byte_buf *);
void image_free(struct store_cache *, struct image *);
/* Room for n more bytes behind len: false when out of memory. Never moves bytes that a write under way uses.
 */
bool image_room(struct store_cache *, struct image *, size_t n);
bool image_add_offset(struct image *, uint32_t offset);
/* Charge what it has become, mark it as just used, and drop others until the budget holds. */
void image_touch(struct store_cache *, struct image *);
/* Images that could not be dropped because they were not on disk may be now. */
void image_settled(struct store_cache *);
void image_buf_release(struct image_buf *);

static inline uint8_t *image_record(const struct image *m, size_t i)
{
    return m->buf->bytes + m->offsets[i];
}
static inline uint64_t image_seq(const struct image *m, size_t i)
{
    return get_u64(image_record(m, i) + 4);
}
/* Index of the first message record with sequence >= seq; m->count when there is none. */
size_t image_lower_bound(const struct image *m, uint64_t seq);

/* ---- blocks ---- */

struct block {
    struct file_store *fs;
    uint32_t index;
    uint64_t raw;   /* plain bytes, those not yet written included */
    uint64_t disk;  /* bytes of the file when it is not the last block */
    uint64_t bytes; /* of live messages */
    uint64_t msgs;
    uint64_t first; /* first live message; last + 1 without one */
    uint64_t last;
    uint64_t base; /* the first message's record in the file, live or not; 0: not known, UINT64_MAX: none */
    int64_t first_ts; /* 0 without a message */
    int64_t last_ts;
    struct seqset deleted; /* above first, up to last */
    uint64_t ttls;         /* messages with a TTL that were ever put here; an upper bound */
    uint64_t schedules;
    uint64_t tomb_max; /* highest tombstone for a sequence below the block's own; 0: none */
    uint64_t top;      /* highest sequence that any record in the file names, or more; 0: none */
    bool tombs_known;  /* tomb_max and top are right (false: opened from index.db and never read) */
    bool compressed;   /* on disk */
    bool no_gain;      /* a compaction did not help; reset by a removal */
    bool needs_sync;   /* bytes were written that are not synced */
    bool new_name;     /* its folder entry is not synced */
    bool damaged;    /* some of its records are: what is lost was reported, and it is not rewritten unasked */
    bool key_waits;  /* it is N.key.new that `key` is from */
    bool key_loaded; /* `key` is valid, or the file is known to be plain */
    bool plain_file; /* not encrypted though the store is: from before a key was configured */
    bool rekey;      /* encrypted, but not as configured now: to be rewritten */
    struct crypt_key key;
    struct hash_key hash;
    struct image *image;
    struct storage_file *file; /* while it is written */
    uint64_t handed;           /* plain bytes handed to the storage */
    uint64_t durable;          /* plain bytes known to be on disk as far as the sync mode promises */
    uint64_t reserved;
};

/* ---- the store ---- */

struct lost_list {
    struct store_lost *ranges;
    size_t count;
    size_t cap;
    uint64_t bytes;
};

/* The one job of a store that the storage has: a run of bytes of one block. */
struct commit {
    struct storage_job job;
    struct storage_write write;
    struct block *block;
    struct image_buf *held; /* what write.ptr points into */
    uint8_t *cipher;        /* or this */
    char **unlinks;
    size_t unlink_count;
    uint64_t end;  /* plain length of the block behind the write */
    uint64_t mark; /* of the store, when this job completes all there was; else 0 */
    uint64_t last_seq;
    uint32_t named; /* the last block there was when the job went out, which may sync the folder */
    bool out;
};

/* A file to remove once everything written before it is durable, and before anything written later is on its
 * way: so a removal keeps its place among the records. */
struct later_unlink {
    char *path;     /* NULL: sync the folder */
    uint32_t block; /* the last one, */
    uint64_t end;   /* and its plain bytes, when the file became useless */
};

/* A file whose tail a failed write has left. */
struct cut_file {
    uint32_t block;
    uint64_t size; /* UINT64_MAX: all is good that is there, if only it is on disk */
    bool again;    /* it was tried before */
};

struct file_store {
    struct store base;
    struct store_host host;
    char *dir;  /* the stream's folder */
    char *msgs; /* its msgs folder */
    char *name; /* NUL-terminated, name_len bytes */
    size_t name_len;
    struct store_limits limits;
    struct store_hooks hooks;
    uint8_t *key_bytes; /* server key, previous key, info: copies */
    struct store_keys keys;
    bool encrypted;
    struct crypt_key meta_key;
    uint64_t block_size;
    enum store_sync sync;
    int64_t sync_interval;
    bool compress;
    bool allow_schedules;

    struct block **blocks; /* rising index; the last one takes appends; never empty once open */
    size_t block_count;
    size_t block_cap;
    struct subject_index *subjects; /* NULL: not tracked */
    struct hash_key hash;           /* of the stream's name */

    uint64_t msg_count;
    uint64_t byte_count;
    uint64_t first;
    uint64_t last;
    int64_t first_ts; /* 0: none */
    int64_t last_ts;
    bool last_ts_set;

    struct expiry_heap ttl; /* by when messages expire */
    size_t ttl_sweep_at;
    struct seqmap handed_up; /* expired messages that the owner was told of -> b: when */
    struct lost_list lost;

    uint64_t backlog; /* bytes of records that are not durable yet */
    uint64_t written; /* mark */
    uint64_t durable;
    uint64_t durable_seq;
    struct commit commit;
    bool journaled;               /* the storage's journal may hold bytes of this store */
    bool commit_wanted;           /* submit again when the job that is out is done */
    struct later_unlink *unlinks; /* in order */
    size_t unlink_count;
    size_t unlink_cap;

    unsigned generation;  /* of the blocks: counts reloads */
    enum store_rc failed; /* why appends are refused; STORE_OK: they are not */
    bool loaded;          /* ... but what is durable is loaded since: only the disk is missing */
    bool closed;
    bool index_stale;      /* something changed since index.db was written */
    bool index_on_disk;    /* there may be an index.db */
    bool ttl_counts_known; /* the blocks' `ttls` say which blocks need no look (index.db version 2 and later)
                            */
    bool quiet;            /* recovery: no hooks */
    bool recount;          /* ... and it is to begin again, from the blocks alone */
    bool over_limits;      /* there may be too much, because a removal has failed */
    int64_t index_due;
    int64_t sync_due;
    size_t maintain_at;    /* block to look at next */
    uint64_t idle_mark;    /* `written` when it was last seen to change ... */
    int64_t idle_since;    /* ... and when */
    uint32_t next_number;  /* of a new block, at least */
    struct cut_file *cuts; /* cut before anything is read again */
    size_t cut_count;
};

static inline struct file_store *fs_of(struct store *s)
{
    return (struct file_store *)s;
}
static inline struct block *last_block(const struct file_store *fs)
{
    return fs->blocks[fs->block_count - 1];
}
static inline bool is_last(const struct block *b)
{
    return b->fs->block_count > 0 && b == last_block(b->fs);
}
static inline slice fs_name(const struct file_store *fs)
{
    return slice_make(fs->name, fs->name_len);
}

/* block.c */
struct block *block_new(struct file_store *, uint32_t index);
void block_free(struct block *); /* with its image and file */
bool block_append_to_list(struct file_store *, struct block *);
void block_unlist(struct file_store *, struct block *);
/* Position of the first block with last >= seq; block_count when none. */
size_t block_position(const struct file_store *, uint64_t seq);
/* The block that covers seq (first <= seq <= last); NULL when none does. */
struct block *block_of(const struct file_store *, uint64_t seq);
static inline bool block_is_live(const struct block *b, uint64_t seq)
{
    return b->msgs > 0 && seq >= b->first && seq <= b->last && !seqset_has(&b->deleted, seq);
}
void block_path(const struct block *, const char *suffix, char out[DISK_PATH_MAX]); /* suffix like ".blk" */

/* The first run of live sequences at or above `from`: false when there is none. */
bool block_live_run(const struct block *, uint64_t from, uint64_t *first, uint64_t *last);

/* load.c */
/* The block's whole content as an image; recently used afterwards. Damage is reported. */
enum store_rc block_load(struct block *, struct image **);
/* Plain content of the file (decrypted, decompressed), whatever it holds. */
enum store_rc block_read_plain(struct block *, struct byte_buf *out);
enum store_rc block_load_key(struct block *);
size_t block_key_context(const struct block *, char *out, size_t cap); /* "stream:N": its length */
/* The live message seq of the block: STORE_NOT_FOUND when it is gone or damaged. */
enum store_rc block_message(struct block *, uint64_t seq, struct store_msg *);

/* append.c */
enum store_rc fs_append(struct store *, const struct store_append *, int64_t now, uint64_t *seq);
enum store_rc fs_skip(struct store *, uint64_t first, uint64_t count, int64_t now);
/* A block at the end that has room for n bytes and an image to append to: the present one or a new one. */
enum store_rc fs_room(struct file_store *, size_t n, struct block **);
enum store_rc fs_new_block(struct file_store *);
enum store_rc fs_tombstone(struct file_store *, uint64_t seq, int64_t ts);

/* remove.c */
enum store_rc fs_remove(struct store *, uint64_t seq, enum store_remove_how, bool *removed);
/* Remove a live message of a block: counts, indexes, block bounds, tombstone, hook. */
enum store_rc fs_remove_message(struct file_store *, struct block *, uint64_t seq, enum store_remove_how);
/* Drop a block with all that is in it (counts included), its file behind the next commit. */
enum store_rc fs_drop_block(struct file_store *, struct block *);
/* The files go behind the next commit that succeeds. When none does (an open that fails, a reload, a close
 * after a failure) they stay, their names are forgotten (fs_forget_all), and the next open finds them useless
 * again. With `last` only when all files before it are gone for good. */
void fs_unlink_later(struct file_store *, const struct block *, bool last);
void fs_unlink_path_later(struct file_store *, const char *path); /* NULL: sync the folder in between */
void fs_forget_unlinks(struct file_store *);
/* The block's file may hold tombstones for messages whose records other files still hold. */
enum store_rc fs_tombstones_needed(struct block *, bool *needed);
/* Where the oldest record may be that a tombstone of the block is for: 0 when no older file has any. */
uint64_t fs_oldest_record(const struct block *);
/* A block without messages goes unless it is the last or holds tombstones that are needed. Where it is all
 * that tells of the stream's last sequence, that is remembered at the end first. */
enum store_rc fs_drop_if_useless(struct file_store *, struct block *);
enum store_rc fs_forget_subjects(struct file_store *, struct block *);
/* A message that damage took is to go: start again from the blocks, which leaves it out. In a recovery it is
 * fs_recover that does. */
enum store_rc fs_remove_lost(struct file_store *, uint64_t seq);
/* First and first_ts anew after the front changed. */
enum store_rc fs_update_first(struct file_store *);

/* purge.c */
enum store_rc fs_purge(struct store *, slice filter, uint64_t below, uint64_t keep, uint64_t *purged);
enum store_rc fs_compact(struct store *, uint64_t first, uint64_t *purged);
enum store_rc fs_purge_all(struct file_store *, uint64_t first_seq, uint64_t *purged);
enum store_rc fs_finish_purge(struct file_store *); /* at open: one that was cut off */
enum store_rc fs_truncate(struct store *, uint64_t last, int64_t now);
enum store_rc fs_sync_deletes(struct store *, slice blocks);

/* limits.c */
enum store_rc fs_check_new(struct file_store *, const struct store_append *, uint64_t size);
enum store_rc fs_enforce(struct file_store *); /* messages and bytes */
enum store_rc fs_enforce_subject(struct file_store *, slice subject);
enum store_rc fs_enforce_all_subjects(struct file_store *);
enum store_rc fs_expire(struct store *, int64_t now, size_t max, int64_t *next_due);
enum store_rc fs_update(struct store *, const struct store_limits *, slice meta, int64_t now);

/* ttl.c */
bool ttl_add(struct file_store *, int64_t expires, uint64_t seq);
enum store_rc fs_write_side_files(struct file_store *);
enum store_rc fs_drop_side_files(struct file_store *); /* the folder is not synced */
/* `trusted`: thw.db and the state were written together, so what it leaves out has no TTL. */
enum store_rc fs_recover_ttl(struct file_store *, bool trusted);

/* read.c, query.c */
enum store_rc fs_load(struct store *, uint64_t seq, struct store_msg *);
enum store_rc fs_load_last(struct store *, slice filter, struct store_msg *);
enum store_rc fs_next(struct store *, struct store_filter, uint64_t from, struct store_msg *, uint64_t *skip);
enum store_rc fs_prev(struct store *, struct store_filter, uint64_t from, struct store_msg *, uint64_t *skip);
enum store_rc fs_batch(struct store *, struct store_filter, uint64_t from, struct store_msg *, size_t max,
                       size_t *count, uint64_t *next);
enum store_rc fs_subject_at(struct store *, uint64_t seq, slice *subject);
enum store_rc fs_filtered_state(struct store *, slice filter, uint64_t from, struct store_subject_state *);
enum store_rc fs_subject_state(struct store *, slice subject, struct store_subject_state *);
enum store_rc fs_subjects(struct store *, slice filter, store_subject_fn, void *ctx);
enum store_rc fs_last_seqs(struct store *, struct store_filter, uint64_t max_seq, size_t allowed,
                           store_range_fn, void *ctx);
enum store_rc fs_last_msgs(struct store *, struct store_filter, uint64_t min_seq, uint64_t max_seq,
                           size_t allowed, store_msg_fn, void *ctx, uint64_t *total);
enum store_rc fs_seq_from_time(struct store *, int64_t ts, uint64_t *seq);
enum store_rc fs_pending(struct store *, struct store_filter, uint64_t from, bool last_per_subject,
                         uint64_t *count);
enum store_rc fs_deleted(struct store *, store_range_fn, void *ctx);
enum store_rc fs_encode_state(struct store *, uint64_t failed, uint8_t **buf, size_t *len);
/* Make the bounds of an entry exact. */
enum store_rc fs_exact_first(struct file_store *, slice subject, struct subject_entry *);
enum store_rc fs_exact_last(struct file_store *, slice subject, struct subject_entry *);

/* commit.c */
enum store_rc fs_commit(struct store *);
enum store_rc fs_sync_now(struct store *);
/* Until everything written so far is durable and the files that wait have gone. */
enum store_rc fs_commit_and_wait(struct file_store *);
/* Sync the blocks that need it and have all their bytes in the file, while nothing is with the storage. */
enum store_rc fs_sync_blocks(struct file_store *);
/* Wait until nothing of this store is with the storage. */
enum store_rc fs_wait_idle(struct file_store *);
/* An operation has failed in its middle: all that is not durable is undone and reported as failed, as after a
 * write that fails. Blocks are new ones afterwards. */
void fs_undo(struct file_store *, enum store_rc);
/* Hand over what waits when it is much; at the end of an operation. */
void fs_relieve(struct file_store *);
void fs_progress(struct store *, struct store_progress *);
/* An operation has changed the store. */
static inline void fs_changed(struct file_store *fs)
{
    fs->written++;
    fs->index_stale = true;
}

/* replay.c */
/* At open: bytes that only the journal of a crashed process has go into their blocks. */
enum store_rc fs_replay(struct file_store *);
/* ... and the journal's are void before anything else happens to the blocks (commit.c). */
enum store_rc fs_void_claims(struct file_store *);

/* rewrite.c */
/* All bytes of the block must be in the file and synced (fs_settle). `plain` may be its image's own bytes. */
enum store_rc block_rewrite(struct block *, slice plain, bool compress);
enum store_rc block_compact(struct block *);
enum store_rc block_compress(struct block *);

enum store_rc block_convert(struct block *); /* to the cipher and key that are configured */

/* recover.c, rebuild.c, index_file.c, file_store.c, maintain.c, lost.c, expire.c */
/* How much of the block's file of that size counts. */
uint64_t fs_sound_size(const struct block *, uint64_t size);
/* The block's file ends at `size` for good. Where that is seen and may not be on disk, the next reload sees
 * to it. */
enum store_rc fs_cut_file(const struct block *, uint64_t size);
/* The file is to be cut before it is read again. Without memory for the note nothing can be said of the file:
 * the process ends here as in a crash, and the next start reads it. */
void fs_note_cut(struct file_store *, struct cut_file);
struct block_numbers {
    uint32_t *numbers; /* rising; malloc'ed */
    size_t count;
};
uint32_t fs_block_number(const char *name, const char *suffix);
enum store_rc fs_list_blocks(struct file_store *, struct block_numbers *);
enum store_rc fs_recover(struct file_store *, int64_t now);
enum store_rc fs_reload(struct file_store *);
enum store_rc fs_rebuild(struct file_store *, const struct block_numbers *);
enum store_rc fs_add_unlisted(struct file_store *, const struct block_numbers *);
/* *fits: the state was taken from index.db. Otherwise *prior is what it said of the last sequence. */
enum store_rc fs_read_index(struct file_store *, uint32_t highest, struct store_state *prior, bool *fits);
enum store_rc fs_write_index(struct file_store *);
bool fs_index_is_large(const struct file_store *);
/* Before blocks go away that an index.db on disk may name: it is the next file to be removed. */
void fs_drop_index(struct file_store *);
/* Before a block is rewritten without something that index.db still counts: gone when this returns. */
enum store_rc fs_drop_index_now(struct file_store *);
/* Before written bytes of blocks change or go: all is synced into the blocks, and what the storage's journal
 * holds for them is void. */
enum store_rc fs_settle(struct file_store *);
enum store_rc fs_write_meta(struct file_store *, slice meta);
enum store_rc fs_maintain(struct store *, int64_t now);
enum store_rc fs_expire_old(struct file_store *, int64_t now); /* at open, by max_age */
enum store_rc fs_repair(struct store *, const struct store_msg *);
enum store_rc fs_lost_data(struct store *, struct store_lost *out, size_t max, size_t *count,
                           uint64_t *bytes);
void fs_add_lost(struct file_store *, uint64_t first, uint64_t last, uint64_t bytes);
void fs_not_lost(struct file_store *, uint64_t first, uint64_t last);
void fs_log(struct file_store *, int level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void fs_report(struct file_store *, int64_t msgs, int64_t bytes, uint64_t seq, slice subject);
void fs_forget_all(struct file_store *); /* blocks, subjects, counts: before a reload */

#endif
