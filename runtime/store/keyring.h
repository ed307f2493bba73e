/* keyring.h: which keys may open what lies encrypted on disk.
 *
 * Tried in this order: the current key with the configured cipher, the current key with the other cipher, the
 * previous key with the configured cipher, the previous key with the other one. What opens by anything but
 * the first is "foreign" and gets converted by who opened it. Pure functions over struct store_keys
 * (file_store.h). */
#ifndef STORE_KEYRING_H
#define STORE_KEYRING_H

#include "store/format/crypt.h"

typedef void (*random_fn)(void *ctx, void *buf, size_t len);

/* Open a key file: STORE_OK, STORE_NO_KEY (none configured), STORE_WRONG_KEY (none fits, or a bad size). */
enum store_rc keyring_open(const struct store_keys *, slice context, slice file, struct crypt_key *,
                           bool *foreign);
/* A new random key and its file's bytes (crypt_key_file_size of them, at most CRYPT_KEY_FILE_MAX). */
bool keyring_make(const struct store_keys *, slice context, random_fn, void *random_ctx, struct crypt_key *,
                  uint8_t *file);
/* The same seed sealed anew under the current key, for what was sealed under a previous one with the
 * configured cipher. */
bool keyring_reseal(const struct store_keys *, slice context, random_fn, void *random_ctx, struct crypt_key *,
                    uint8_t *file);

#endif
