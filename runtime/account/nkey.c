/* Signatures by OpenSSL. */
#include "account/nkey.h"

#include <openssl/err.h>
#include <openssl/evp.h>

bool nkey_public_of_seed(const uint8_t seed[CODEC_NKEY_KEY], uint8_t key[CODEC_NKEY_KEY])
{
    size_t len = CODEC_NKEY_KEY;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, CODEC_NKEY_KEY);
    bool ok = pkey != NULL && EVP_PKEY_get_raw_public_key(pkey, key, &len) == 1;
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return ok;
}

bool nkey_sign(const uint8_t seed[CODEC_NKEY_KEY], slice message, uint8_t sig[NKEY_SIG])
{
    size_t len = NKEY_SIG;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, CODEC_NKEY_KEY);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = pkey != NULL && ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
              EVP_DigestSign(ctx, sig, &len, message.ptr, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return ok;
}

bool nkey_verify(const uint8_t key[CODEC_NKEY_KEY], slice message, const uint8_t sig[NKEY_SIG])
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, CODEC_NKEY_KEY);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = pkey != NULL && ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
              EVP_DigestVerify(ctx, sig, NKEY_SIG, message.ptr, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return ok;
}
