/* Nkeys: base32, checksum, Ed25519. */
#include "account/nkey.h"

#include <openssl/err.h>
#include <openssl/evp.h>

enum {
    PREFIX_SEED = 0x90,
    DECODED_MAX = 512, /* longer texts are no keys */
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static uint16_t crc16(const uint8_t *p, size_t len)
{
    uint16_t crc = 0;
    for (size_t i = 0; i < len; i++) {
        crc = (uint16_t)(crc ^ (p[i] << 8));
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1);
    }
    return crc;
}

/* Unpadded base32 as Go reads it: CR and LF are skipped, and of a last group with 1, 3 or 6 characters (which
 * no encoder makes) nothing is taken. Bytes decoded, or -1. */
static int base32_decode(slice text, uint8_t out[DECODED_MAX])
{
    static const int whole[] = {0, -1, 1, -1, 2, 3, -1, 4}; /* bytes of a last group, by characters */
    uint64_t group = 0;
    int count = 0, len = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '\r' || c == '\n')
            continue;
        const char *at = c == 0 ? NULL : strchr(alphabet, c);
        if (at == NULL || len + 5 > DECODED_MAX)
            return -1;
        group = group << 5 | (uint64_t)(at - alphabet);
        if (++count == 8) {
            for (int b = 0; b < 5; b++)
                out[len++] = (uint8_t)(group >> (32 - 8 * b));
            group = 0;
            count = 0;
        }
    }
    group <<= 5 * (8 - count);
    for (int b = 0; b < whole[count]; b++)
        out[len++] = (uint8_t)(group >> (32 - 8 * b));
    return len;
}

static void base32_encode(const uint8_t *in, size_t len, char *out)
{
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | in[i];
        for (have += 8; have >= 5; have -= 5)
            *out++ = alphabet[bits >> (have - 5) & 31];
    }
    if (have > 0)
        *out++ = alphabet[bits << (5 - have) & 31];
    *out = 0;
}

/* Prefix and key with a right checksum; the number of bytes before it, or -1. */
static int decode(slice text, uint8_t out[DECODED_MAX])
{
    int len = base32_decode(text, out);
    if (len < 4)
        return -1;
    uint16_t crc = (uint16_t)(out[len - 2] | out[len - 1] << 8);
    return crc == crc16(out, (size_t)len - 2) ? len - 2 : -1;
}

static void encode(uint8_t *raw, size_t len, char *text)
{
    uint16_t crc = crc16(raw, len);
    raw[len] = (uint8_t)crc;
    raw[len + 1] = (uint8_t)(crc >> 8);
    base32_encode(raw, len + 2, text);
}

static bool is_public_kind(unsigned prefix)
{
    switch (prefix) {
    case NKEY_ACCOUNT:
    case NKEY_CLUSTER:
    case NKEY_SERVER:
    case NKEY_OPERATOR:
    case NKEY_USER:
    case NKEY_CURVE:
        return true;
    default:
        return false;
    }
}

bool nkey_is_kind(slice text, enum nkey_kind kind)
{
    uint8_t raw[DECODED_MAX];
    return decode(text, raw) > 0 && (raw[0] & 0xf8U) == (unsigned)kind;
}

bool nkey_public_decode(slice text, enum nkey_kind *kind, uint8_t key[NKEY_RAW])
{
    uint8_t raw[DECODED_MAX];
    if (decode(text, raw) != 1 + NKEY_RAW || !is_public_kind(raw[0]))
        return false;
    *kind = (enum nkey_kind)raw[0];
    memcpy(key, raw + 1, NKEY_RAW);
    return true;
}

void nkey_public_encode(enum nkey_kind kind, const uint8_t key[NKEY_RAW], char text[NKEY_TEXT + 1])
{
    uint8_t raw[1 + NKEY_RAW + 2];
    raw[0] = (uint8_t)kind;
    memcpy(raw + 1, key, NKEY_RAW);
    encode(raw, 1 + NKEY_RAW, text);
}

bool nkey_seed_decode(slice text, enum nkey_kind *kind, uint8_t seed[NKEY_RAW])
{
    uint8_t raw[DECODED_MAX];
    if (decode(text, raw) != 2 + NKEY_RAW || (raw[0] & 0xf8U) != PREFIX_SEED)
        return false;
    unsigned prefix = (raw[0] & 7U) << 5 | raw[1] >> 3;
    if (!is_public_kind(prefix))
        return false;
    *kind = (enum nkey_kind)prefix;
    memcpy(seed, raw + 2, NKEY_RAW);
    return true;
}

void nkey_seed_encode(enum nkey_kind kind, const uint8_t seed[NKEY_RAW], char text[NKEY_SEED_TEXT + 1])
{
    uint8_t raw[2 + NKEY_RAW + 2];
    raw[0] = (uint8_t)(PREFIX_SEED | (unsigned)kind >> 5);
    raw[1] = (uint8_t)((unsigned)kind << 3);
    memcpy(raw + 2, seed, NKEY_RAW);
    encode(raw, 2 + NKEY_RAW, text);
}

bool nkey_public_of_seed(const uint8_t seed[NKEY_RAW], uint8_t key[NKEY_RAW])
{
    size_t len = NKEY_RAW;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, NKEY_RAW);
    bool ok = pkey != NULL && EVP_PKEY_get_raw_public_key(pkey, key, &len) == 1;
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return ok;
}

bool nkey_sign(const uint8_t seed[NKEY_RAW], slice message, uint8_t sig[NKEY_SIG])
{
    size_t len = NKEY_SIG;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, NKEY_RAW);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = pkey != NULL && ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
              EVP_DigestSign(ctx, sig, &len, message.ptr, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return ok;
}

bool nkey_verify(const uint8_t key[NKEY_RAW], slice message, const uint8_t sig[NKEY_SIG])
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, NKEY_RAW);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = pkey != NULL && ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
              EVP_DigestVerify(ctx, sig, NKEY_SIG, message.ptr, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return ok;
}
