/* nkey.c: signs as a client with an nkey seed does (Ed25519 over the nonce). */
#include "template.h"

#include <openssl/evp.h>

#define SEED_BYTES 32
#define RAW_BYTES  36 /* two prefix bytes, the seed, two check bytes */

/* RFC 4648 base32 without padding. The check bytes are not looked at: a wrong seed fails its login. */
static bool base32_decode(const char *text, uint8_t *out, size_t n)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    unsigned bits = 0, have = 0;
    size_t at = 0;
    for (; *text != '\0'; text++) {
        const char *digit = strchr(alphabet, *text);
        if (digit == NULL)
            return false;
        bits = bits << 5 | (unsigned)(digit - alphabet);
        have += 5;
        if (have >= 8) {
            if (at == n)
                return false;
            have -= 8;
            out[at++] = (uint8_t)(bits >> have);
            bits &= (1u << have) - 1;
        }
    }
    return at == n;
}

static void base64_add(struct bytes *out, const uint8_t *raw, size_t n, bool url)
{
    char text[128];
    int len = EVP_EncodeBlock((unsigned char *)text, raw, (int)n);
    for (int i = 0; i < len; i++) {
        if (url && text[i] == '=')
            break;
        bytes_add_byte(out, (uint8_t)(!url             ? text[i]
                                      : text[i] == '+' ? '-'
                                      : text[i] == '/' ? '_'
                                                       : text[i]));
    }
}

bool nkey_sign(const char *seed, slice text, bool url, struct bytes *out)
{
    uint8_t raw[RAW_BYTES], signature[64];
    if (!base32_decode(seed, raw, sizeof raw))
        return false;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw + 2, SEED_BYTES);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t n = sizeof signature;
    bool ok = key != NULL && ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestSign(ctx, signature, &n, text.ptr, text.len) == 1;
    if (ok)
        base64_add(out, signature, n, url);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok;
}
