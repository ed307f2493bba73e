/* files.h: the small files of a raft group: term and vote, peers, commit, promise, snapshots.
 *
 * tav.idx, peers.idx, commit.idx and snapshots/snap.<term>.<index> are the Go server's (docs/spec/raft.md
 * section 11). Two of them have no checksum, and none says what was acknowledged, so there are two more,
 * which the Go server does not look at:
 *
 *   promise.idx   our own copy of term and vote, and the promise (see raft.h), in four 512 byte slots: two
 *                 generations of two copies, each with a checksum. A write replaces the older generation, so
 *                 that a power cut leaves the newer one; a flipped bit leaves the other copy.
 *   peers.sum     peers.idx with a checksum behind it.
 *
 * All functions block. Results are 0 or -errno; -EBADMSG is damage. One thread at a time. */
#ifndef RAFT_FILES_H
#define RAFT_FILES_H

#include "base/disk.h"
#include "raft/raft.h"
#include "store/format/hash.h"

struct raft_files {
    struct disk *disk;
    char dir[DISK_PATH_MAX - 64]; /* the group's folder */
    struct hash_key key;
    struct disk_file *promise; /* open while the group is */
    struct disk_file *commit;
    uint64_t generation; /* of promise.idx */
};

struct raft_promise {
    uint64_t term; /* current */
    raft_id vote;
    uint64_t promise_term, promise_index;
    bool forgot_log, forgot_vote;
};

/* The folder is made when it is missing; *fresh tells. Left-over temporary files go. */
int raft_files_open(struct raft_files *f, struct disk *disk, const char *dir, slice group, bool *fresh);
void raft_files_close(struct raft_files *f);

/* Term and vote as far as they can be trusted, and the promise. For a folder that only the Go server wrote
 * the promise is `none`; for one without any record of a vote vote_lost is set. */
struct raft_vote_state {
    struct raft_promise p;
    bool have_promise; /* false: promise.idx is missing */
    bool promise_lost; /* it is there and unreadable */
    bool tav_agrees;   /* both files say the same of term and vote */
    bool vote_lost;
};
int raft_files_load_vote(struct raft_files *f, struct raft_vote_state *out);
/* promise.idx alone: not yet synced. */
int raft_files_put_promise(struct raft_files *f, const struct raft_promise *p);
int raft_files_sync_promise(struct raft_files *f);
/* Both files, synced. */
int raft_files_save_vote(struct raft_files *f, const struct raft_promise *p);

/* *found false: there is none. ids has room for RAFT_PEERS_MAX. */
int raft_files_load_peers(struct raft_files *f, struct raft_peers *out, raft_id *ids, bool *found);
int raft_files_save_peers(struct raft_files *f, const struct raft_peers *peers);

/* 0 when there is none, or it is damaged (then -EBADMSG). */
int raft_files_load_commit(struct raft_files *f, uint64_t *commit);
int raft_files_save_commit(struct raft_files *f, uint64_t commit); /* not synced */

struct raft_snapshot_file {
    uint64_t term, index;
    struct raft_peers peers; /* ids in the caller's array */
    slice data;
    uint8_t *bytes; /* owner of data; free it */
};
/* The newest snapshot. -ENOENT: none. -EBADMSG: it is damaged. Names that are no snapshot's are removed. */
int raft_files_load_snapshot(struct raft_files *f, struct raft_snapshot_file *out, raft_id *ids);
/* Written and synced; older ones are removed with raft_files_drop_snapshots. */
int raft_files_save_snapshot(struct raft_files *f, const struct raft_snapshot_file *s);
/* All but that one (0, 0: all). */
int raft_files_drop_snapshots(struct raft_files *f, uint64_t term, uint64_t index);

/* Peer state as bytes (docs/spec/raft.md 3.5); out has room for 10 + 8 * count. */
size_t raft_peers_encode(const struct raft_peers *peers, uint8_t *out);
bool raft_peers_decode(slice bytes, struct raft_peers *out, raft_id *ids);

#endif
