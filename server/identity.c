#include "server/identity.h"

#include <midge/nkeys.h>
#include <sodium.h>

void server_identity_make(struct server_identity *out, struct env *env)
{
    uint8_t key[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES],
        xkey[crypto_box_PUBLICKEYBYTES];
    env_random(env, out->seed, sizeof out->seed);
    env_random(env, out->xseed, sizeof out->xseed);
    crypto_sign_seed_keypair(key, secret, out->seed);
    crypto_scalarmult_base(xkey, out->xseed);
    sodium_memzero(secret, sizeof secret);
    codec_nkey_encode_public(CODEC_NKEY_SERVER, key, out->id);
    codec_nkey_encode_public(CODEC_NKEY_CURVE, xkey, out->xkey);
    out->id[CODEC_NKEY_PUBLIC] = out->xkey[CODEC_NKEY_PUBLIC] = '\0';
}
