/* log_keys.h: the keys of an encrypted log, one a block: N.key beside N.blk, as the Go server writes them
 * (docs/spec/storage.md section 7). The key's info and context are the group's name; new keys are for
 * ChaCha20 whatever cipher streams have. Blocks under a previous key or another cipher, or without a key,
 * stay readable; nothing is appended to them any more, and the next snapshot takes them away.
 *
 * Results are 0 or -errno: -ENOKEY (encrypted, and no key is configured), -EKEYREJECTED (none of them fits).
 * One thread at a time. */
#ifndef RAFT_LOG_KEYS_H
#define RAFT_LOG_KEYS_H

#include "raft/log.h"
#include "store/format/crypt.h"

struct raft_block_key {
    bool encrypted;
    bool read_only; /* not what a new block of this log would have */
    struct crypt_key key;
};

struct raft_log_keyring; /* copies of what is configured */

/* keys NULL: the log is not encrypted. *out is never NULL on success. */
int raft_log_keyring_new(const struct raft_log_keys *keys, slice group, struct raft_log_keyring **out);
void raft_log_keyring_free(struct raft_log_keyring *k);

/* The key of the block whose key file would be `path`. Reads it. */
int raft_log_keyring_load(const struct raft_log_keyring *k, struct disk *disk, const char *path,
                          uint32_t block, struct raft_block_key *out);
/* A key for a new block; its file is written and synced. */
int raft_log_keyring_make(const struct raft_log_keyring *k, struct disk *disk, const char *path,
                          uint32_t block, struct raft_block_key *out);
/* En- or decrypt bytes that lie at `at` of the block, in place. */
int raft_block_key_apply(const struct raft_block_key *k, uint64_t at, uint8_t *bytes, size_t len);

#endif
