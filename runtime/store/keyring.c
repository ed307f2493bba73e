#include "store/keyring.h"

static enum store_cipher other(enum store_cipher c)
{
    return c == STORE_CIPHER_AES ? STORE_CIPHER_CHACHA : STORE_CIPHER_AES;
}

enum store_rc keyring_open(const struct store_keys *k, slice context, slice file, struct crypt_key *out,
                           bool *foreign)
{
    if (k->key.len == 0)
        return STORE_NO_KEY;
    for (unsigned attempt = 0; attempt < 4; attempt++) {
        slice secret = attempt < 2 ? k->key : k->prev_key;
        uint8_t kek[32];
        if (secret.len == 0)
            continue;
        crypt_kek(secret, k->info, context, kek);
        if (crypt_key_open(out, attempt % 2 == 0 ? k->cipher : other(k->cipher), kek, file)) {
            *foreign = attempt > 0;
            return STORE_OK;
        }
    }
    return STORE_WRONG_KEY;
}

bool keyring_reseal(const struct store_keys *k, slice context, random_fn random, void *random_ctx,
                    struct crypt_key *key, uint8_t *file)
{
    uint8_t kek[32];
    random(random_ctx, key->nonce, crypt_nonce_size(key->cipher));
    crypt_kek(k->key, k->info, context, kek);
    return crypt_key_seal(key, kek, file);
}

bool keyring_make(const struct store_keys *k, slice context, random_fn random, void *random_ctx,
                  struct crypt_key *key, uint8_t *file)
{
    *key = (struct crypt_key){.cipher = k->cipher};
    random(random_ctx, key->seed, sizeof key->seed);
    return keyring_reseal(k, context, random, random_ctx, key, file);
}
