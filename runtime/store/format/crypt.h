/* crypt.h: encryption at rest.
 *
 * Each stream, block and consumer has a key file: nonce || AEAD(KEK, nonce, seed), where KEK =
 * HMAC-SHA-256(server key, info || context) and seed is 32 random bytes. The seed seals metadata (nonce ||
 * ciphertext || tag) and, with the key file's nonce, drives the stream cipher over a block, position = file
 * offset (spec/storage.md section 7).
 *
 * Pure functions but for the key objects; a key belongs to one thread at a time. Randomness comes from the
 * caller. */
#ifndef STORE_FORMAT_CRYPT_H
#define STORE_FORMAT_CRYPT_H

#include "store/file_store.h"
#include "store/format/bytes.h"

#define CRYPT_SEED_SIZE     32
#define CRYPT_NONCE_MAX     24
#define CRYPT_TAG_SIZE      16
#define CRYPT_KEY_FILE_MIN  64
#define CRYPT_KEY_FILE_MAX  72
#define CRYPT_SEAL_OVERHEAD (CRYPT_NONCE_MAX + CRYPT_TAG_SIZE) /* at most */

/* What a key file holds once it is open. */
struct crypt_key {
    enum store_cipher cipher;
    uint8_t seed[CRYPT_SEED_SIZE];
    uint8_t nonce[CRYPT_NONCE_MAX];
};

size_t crypt_nonce_size(enum store_cipher);
size_t crypt_key_file_size(enum store_cipher);

/* KEK for one asset: `context` is "stream", "stream:N" or "stream.consumer". */
void crypt_kek(slice server_key, slice info, slice context, uint8_t kek[32]);

/* Seal k->seed under the KEK: file gets crypt_key_file_size bytes. k->nonce is the nonce of the file. */
bool crypt_key_seal(const struct crypt_key *k, const uint8_t kek[32], uint8_t *file);
/* false when the bytes are not a key file of that cipher under that KEK. */
bool crypt_key_open(struct crypt_key *k, enum store_cipher, const uint8_t kek[32], slice file);

/* Metadata: append nonce || ciphertext || tag to out; or the opened plain text. `nonce` has crypt_nonce_size
 * random bytes. false: wrong key, damaged, or no memory. */
bool crypt_seal(const struct crypt_key *, const uint8_t *nonce, slice plain, struct byte_buf *out);
bool crypt_open(const struct crypt_key *, slice sealed, struct byte_buf *out);

/* En- or decrypt `len` bytes that lie at `offset` of the block's file; in and out may be the same. */
bool crypt_block(const struct crypt_key *, uint64_t offset, const uint8_t *in, uint8_t *out, size_t len);

/* Overwrite secrets. */
void crypt_forget(struct crypt_key *);

#endif
