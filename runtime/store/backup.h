/* backup.h: a stream with its consumers as one stream of bytes, and back.
 *
 * What is written is what the Go server writes since 2.15: an S2 stream of an archive ("NATSARC1",
 * state.json, consumers, messages, an end mark). What is read is that, and the tar archives of servers before
 * (docs/storage.md, Backups). Always plain, whatever the store is.
 *
 * Writing pulls: each backup_next appends a piece and holds at most one batch of messages. Reading pushes:
 * pieces of any size go to restore_feed, which holds at most one entry of the archive. A restore builds the
 * stream in a folder of its own and moves it to its place when it is complete and synced; until then, and
 * after any error, there is nothing there. Owner: the stream's thread; calls may block on the disk. */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include "store/consumer/consumer_state.h"
#include "store/file_store.h"

#define BACKUP_PIECE     (1u << 20)  /* archive bytes in a piece, about */
#define BACKUP_ENTRY_MAX (64u << 20) /* largest entry that is read */

/* ---- writing ---- */

struct backup_consumer {
    slice name;
    slice config; /* its configuration, a JSON object without Created and Name */
    const struct consumer_state *state;
};

struct backup;

/* The state is that of now; messages that come later are not in it, such that go meanwhile are missing.
 * `consumers` is lent until backup_free. */
enum store_rc backup_new(struct store *, const struct backup_consumer *consumers, size_t count, int64_t now,
                         struct backup **out);
/* Append the next piece to `out`; *end: it was the last one. */
enum store_rc backup_next(struct backup *, struct byte_buf *out, bool *end);
void backup_free(struct backup *);

/* ---- restoring ---- */

struct restore_options {
    struct file_store_options store; /* of the new stream; `dir` is where it goes in the end */
    const char *staging;             /* folder to build it in, on the same disk; what lies there is removed */
    slice account;                   /* for error texts */
    int64_t max_payload;             /* of the server, and of the stream; <= 0: no bound */
    int64_t max_msg_size;
    /* The totals, false refuses them: those that the archive states, before anything is stored, and again
     * whenever what it holds turns out to be more. Of an old backup (`msgs` is 0) the bytes of its files so
     * far, before each is written. May be NULL. */
    bool (*admit)(void *ctx, uint64_t msgs, uint64_t bytes);
    void *ctx;
};

struct restore;

enum store_rc restore_new(const struct restore_options *, struct restore **out);
/* Any number of bytes. An error is final: restore_why says it in the Go server's words. */
enum store_rc restore_feed(struct restore *, slice bytes);
/* The bytes have ended: check that all is there, sync, move it to its place. STORE_OK: file_store_open and
 * consumer_store_open find it there. STORE_INVALID: a stream is there already. */
enum store_rc restore_finish(struct restore *);
const char *restore_why(const struct restore *);
/* Without a restore_finish that went well nothing is left. */
void restore_free(struct restore *);

#endif
