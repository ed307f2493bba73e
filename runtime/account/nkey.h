/* nkey.h: Ed25519 with the keys that midge/nkeys.h reads (docs/spec/accounts-auth.md, section 1.4).
 *
 * Pure functions, any thread. A verification takes 0.1 ms: run it as a job. */
#ifndef ACCOUNT_NKEY_H
#define ACCOUNT_NKEY_H

#include <midge/nkeys.h>

enum {
    NKEY_SIG = 64, /* bytes of a signature */
};

/* The public key of a seed's secret. False when the library fails. */
bool nkey_public_of_seed(const uint8_t seed[CODEC_NKEY_KEY], uint8_t key[CODEC_NKEY_KEY]);

bool nkey_sign(const uint8_t seed[CODEC_NKEY_KEY], slice message, uint8_t sig[NKEY_SIG]);
bool nkey_verify(const uint8_t key[CODEC_NKEY_KEY], slice message, const uint8_t sig[NKEY_SIG]);

#endif
