#include "store/format/crypt.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <limits.h>

#define AES_NONCE    16
#define CHACHA_NONCE 24
#define CHACHA_BLOCK 64

size_t crypt_nonce_size(enum store_cipher c)
{
    return c == STORE_CIPHER_AES ? AES_NONCE : CHACHA_NONCE;
}

size_t crypt_key_file_size(enum store_cipher c)
{
    return crypt_nonce_size(c) + CRYPT_SEED_SIZE + CRYPT_TAG_SIZE;
}

void crypt_kek(slice server_key, slice info, slice context, uint8_t kek[32])
{
    crypto_auth_hmacsha256_state h;
    crypto_auth_hmacsha256_init(&h, server_key.ptr, server_key.len);
    crypto_auth_hmacsha256_update(&h, info.ptr, info.len);
    crypto_auth_hmacsha256_update(&h, context.ptr, context.len);
    crypto_auth_hmacsha256_final(&h, kek);
    sodium_memzero(&h, sizeof h);
}

/* ---- AES-256-GCM with a 16-byte nonce ---- */

/* Encrypts (or decrypts) in one go. `tag` is written (or checked). */
static bool gcm(bool seal, const uint8_t key[32], const uint8_t *nonce, slice in, uint8_t *out,
                uint8_t tag[CRYPT_TAG_SIZE])
{
    if (in.len > INT_MAX)
        return false;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n = 0, more = 0;
    bool ok = c != NULL && EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, NULL, NULL, seal) == 1 &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, AES_NONCE, NULL) == 1 &&
              EVP_CipherInit_ex(c, NULL, NULL, key, nonce, seal) == 1 &&
              (seal || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, CRYPT_TAG_SIZE, tag) == 1) &&
              (in.len == 0 || EVP_CipherUpdate(c, out, &n, in.ptr, (int)in.len) == 1) &&
              EVP_CipherFinal_ex(c, out + n, &more) == 1 &&
              (!seal || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, CRYPT_TAG_SIZE, tag) == 1);
    EVP_CIPHER_CTX_free(c);
    return ok;
}

static bool aead_seal(enum store_cipher cipher, const uint8_t key[32], const uint8_t *nonce, slice plain,
                      uint8_t *out)
{
    if (cipher == STORE_CIPHER_AES)
        return gcm(true, key, nonce, plain, out, out + plain.len);
    return crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, plain.ptr, plain.len, NULL, 0, NULL, nonce,
                                                      key) == 0;
}

/* `sealed` is ciphertext and tag. */
static bool aead_open(enum store_cipher cipher, const uint8_t key[32], const uint8_t *nonce, slice sealed,
                      uint8_t *out)
{
    if (sealed.len < CRYPT_TAG_SIZE)
        return false;
    size_t plain = sealed.len - CRYPT_TAG_SIZE;
    if (cipher == STORE_CIPHER_AES) {
        uint8_t tag[CRYPT_TAG_SIZE];
        memcpy(tag, sealed.ptr + plain, sizeof tag);
        return gcm(false, key, nonce, slice_first(sealed, plain), out, tag);
    }
    return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.ptr, sealed.len, NULL, 0, nonce,
                                                      key) == 0;
}

bool crypt_key_seal(const struct crypt_key *k, const uint8_t kek[32], uint8_t *file)
{
    size_t nonce = crypt_nonce_size(k->cipher);
    memcpy(file, k->nonce, nonce);
    return aead_seal(k->cipher, kek, k->nonce, slice_make(k->seed, CRYPT_SEED_SIZE), file + nonce);
}

bool crypt_key_open(struct crypt_key *k, enum store_cipher cipher, const uint8_t kek[32], slice file)
{
    size_t nonce = crypt_nonce_size(cipher);
    if (file.len != crypt_key_file_size(cipher))
        return false;
    *k = (struct crypt_key){.cipher = cipher};
    memcpy(k->nonce, file.ptr, nonce);
    return aead_open(cipher, kek, k->nonce, slice_from(file, nonce), k->seed);
}

bool crypt_seal(const struct crypt_key *k, const uint8_t *nonce, slice plain, struct byte_buf *out)
{
    size_t n = crypt_nonce_size(k->cipher), total = n + plain.len + CRYPT_TAG_SIZE;
    uint8_t *p = buf_room(out, total);
    if (p == NULL)
        return false;
    memcpy(p, nonce, n);
    if (!aead_seal(k->cipher, k->seed, nonce, plain, p + n))
        return false;
    out->len += total;
    return true;
}

bool crypt_open(const struct crypt_key *k, slice sealed, struct byte_buf *out)
{
    size_t n = crypt_nonce_size(k->cipher);
    if (sealed.len < n + CRYPT_TAG_SIZE)
        return false;
    size_t plain = sealed.len - n - CRYPT_TAG_SIZE;
    uint8_t *p = buf_room(out, plain + 1); /* never of size 0 */
    if (p == NULL || !aead_open(k->cipher, k->seed, sealed.ptr, slice_from(sealed, n), p))
        return false;
    out->len += plain;
    return true;
}

/* ---- the stream cipher over a block ---- */

/* The counter block at a position: the nonce as a 128-bit big endian number, plus the number of blocks
 * before. */
static void ctr_at(const uint8_t nonce[AES_NONCE], uint64_t blocks, uint8_t out[AES_NONCE])
{
    unsigned carry = 0;
    for (int i = AES_NONCE - 1; i >= 0; i--) {
        unsigned add = blocks > 0 ? (unsigned)(blocks & 0xff) : 0;
        unsigned sum = nonce[i] + add + carry;
        out[i] = (uint8_t)sum;
        carry = sum >> 8;
        blocks >>= 8;
    }
}

static bool aes_block(const struct crypt_key *k, uint64_t offset, const uint8_t *in, uint8_t *out, size_t len)
{
    uint8_t iv[AES_NONCE], skip[AES_NONCE] = {0};
    ctr_at(k->nonce, offset / AES_NONCE, iv);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n, lead = (int)(offset % AES_NONCE);
    bool ok = c != NULL && EVP_EncryptInit_ex(c, EVP_aes_256_ctr(), NULL, k->seed, iv) == 1 &&
              (lead == 0 || EVP_EncryptUpdate(c, skip, &n, skip, lead) == 1);
    while (ok && len > 0) {
        int piece = len > 1 << 30 ? 1 << 30 : (int)len;
        ok = EVP_EncryptUpdate(c, out, &n, in, piece) == 1;
        in += piece;
        out += piece;
        len -= (size_t)piece;
    }
    EVP_CIPHER_CTX_free(c);
    return ok;
}

static void chacha_block(const struct crypt_key *k, uint64_t offset, const uint8_t *in, uint8_t *out,
                         size_t len)
{
    uint64_t counter = offset / CHACHA_BLOCK;
    size_t lead = offset % CHACHA_BLOCK;
    if (lead > 0) {
        uint8_t piece[CHACHA_BLOCK] = {0};
        size_t n = len < CHACHA_BLOCK - lead ? len : CHACHA_BLOCK - lead;
        memcpy(piece + lead, in, n);
        crypto_stream_xchacha20_xor_ic(piece, piece, sizeof piece, k->nonce, counter, k->seed);
        memcpy(out, piece + lead, n);
        in += n;
        out += n;
        len -= n;
        counter++;
    }
    if (len > 0)
        crypto_stream_xchacha20_xor_ic(out, in, len, k->nonce, counter, k->seed);
}

bool crypt_block(const struct crypt_key *k, uint64_t offset, const uint8_t *in, uint8_t *out, size_t len)
{
    if (len == 0)
        return true;
    if (k->cipher == STORE_CIPHER_AES)
        return aes_block(k, offset, in, out, len);
    chacha_block(k, offset, in, out, len);
    return true;
}

void crypt_forget(struct crypt_key *k)
{
    sodium_memzero(k, sizeof *k);
}
