#include "raft/log_keys.h"

#include "store/files.h"
#include "store/keyring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct raft_log_keyring {
    struct store_keys keys;
    void (*random)(void *ctx, void *buf, size_t len);
    void *random_ctx;
    size_t len;
    uint8_t text[]; /* key, previous key, group */
};

static int errno_of(enum store_rc rc)
{
    switch (rc) {
    case STORE_OK:
        return 0;
    case STORE_NO_KEY:
        return -ENOKEY;
    case STORE_WRONG_KEY:
        return -EKEYREJECTED;
    case STORE_NO_MEMORY:
        return -ENOMEM;
    case STORE_NO_SPACE:
        return -ENOSPC;
    default:
        return -EIO;
    }
}

static slice keep(uint8_t **at, slice s)
{
    slice kept = slice_make(*at, s.len);
    memcpy(*at, slice_ptr(s), s.len);
    *at += s.len;
    return kept;
}

int raft_log_keyring_new(const struct raft_log_keys *keys, slice group, struct raft_log_keyring **out)
{
    static const struct raft_log_keys none;
    const struct raft_log_keys *c = keys == NULL ? &none : keys;
    size_t len = c->key.len + c->prev_key.len + group.len;
    struct raft_log_keyring *k = calloc(1, sizeof *k + len);
    if (k == NULL)
        return -ENOMEM;
    uint8_t *at = k->text;
    k->len = len;
    k->keys.cipher = STORE_CIPHER_CHACHA;
    k->keys.key = keep(&at, c->key);
    k->keys.prev_key = keep(&at, c->prev_key);
    k->keys.info = keep(&at, group);
    k->random = c->random;
    k->random_ctx = c->random_ctx;
    *out = k;
    return 0;
}

void raft_log_keyring_free(struct raft_log_keyring *k)
{
    if (k == NULL)
        return;
    explicit_bzero(k->text, k->len);
    free(k);
}

static slice context_of(const struct raft_log_keyring *k, uint32_t block, char text[512])
{
    int n = snprintf(text, 512, "%.*s:%u", (int)k->keys.info.len, (const char *)k->keys.info.ptr, block);
    return slice_make(text, (size_t)n);
}

int raft_log_keyring_load(const struct raft_log_keyring *k, struct disk *disk, const char *path,
                          uint32_t block, struct raft_block_key *out)
{
    char text[512];
    struct byte_buf file = {0};
    bool foreign = false;
    *out = (struct raft_block_key){0};
    enum store_rc rc = files_read(disk, path, CRYPT_KEY_FILE_MAX, &file);
    if (rc == STORE_NOT_FOUND) {
        out->read_only = k->keys.key.len > 0;
        rc = STORE_OK;
    } else if (rc == STORE_OK || rc == STORE_CORRUPT) {
        rc = keyring_open(&k->keys, context_of(k, block, text), buf_view(&file), &out->key, &foreign);
        out->encrypted = true;
        out->read_only = foreign;
    }
    buf_free(&file);
    return errno_of(rc);
}

int raft_log_keyring_make(const struct raft_log_keyring *k, struct disk *disk, const char *path,
                          uint32_t block, struct raft_block_key *out)
{
    char text[512];
    uint8_t file[CRYPT_KEY_FILE_MAX];
    *out = (struct raft_block_key){0};
    if (k->keys.key.len == 0)
        return 0;
    out->encrypted = true;
    if (!keyring_make(&k->keys, context_of(k, block, text), k->random, k->random_ctx, &out->key, file))
        return -ENOMEM;
    return errno_of(files_write(disk, path, slice_make(file, crypt_key_file_size(out->key.cipher)), NULL));
}

int raft_block_key_apply(const struct raft_block_key *k, uint64_t at, uint8_t *bytes, size_t len)
{
    return !k->encrypted || crypt_block(&k->key, at, bytes, bytes, len) ? 0 : -ENOMEM;
}
