#include "store/format/hash.h"

#include "store/format/bytes.h"

#include <assert.h>
#include <highwayhash/c_bindings.h>
#include <openssl/sha.h>
#include <stdio.h>

static struct hash_key key_of_digest(const uint8_t digest[SHA256_DIGEST_LENGTH])
{
    struct hash_key k;
    for (size_t i = 0; i < 4; i++)
        k.lane[i] = get_u64(digest + 8 * i);
    return k;
}

/* SHA-256 of up to three pieces in a row. */
static struct hash_key key_of_parts(slice a, slice b, slice c)
{
    uint8_t joined[HASH_NAME_MAX], digest[SHA256_DIGEST_LENGTH];
    const slice parts[3] = {a, b, c};
    size_t len = 0;
    for (size_t i = 0; i < 3; i++) {
        assert(parts[i].len <= sizeof joined - len);
        if (parts[i].len > 0)
            memcpy(joined + len, parts[i].ptr, parts[i].len);
        len += parts[i].len;
    }
    SHA256(joined, len, digest);
    return key_of_digest(digest);
}

struct hash_key hash_key_of(slice name)
{
    return key_of_parts(name, SLICE_EMPTY, SLICE_EMPTY);
}

struct hash_key hash_key_block(slice stream, uint64_t block)
{
    char number[24];
    int n = snprintf(number, sizeof number, "-%llu", (unsigned long long)block);
    return key_of_parts(stream, slice_make(number, (size_t)n), SLICE_EMPTY);
}

struct hash_key hash_key_consumer(slice stream, slice consumer)
{
    return key_of_parts(stream, SLICE_LIT("/"), consumer);
}

uint64_t hash64(const struct hash_key *key, const void *bytes, size_t len)
{
    return HighwayHash64(key->lane, bytes == NULL ? "" : bytes, len);
}

void hash_sum(const struct hash_key *key, slice bytes, uint8_t sum[STORE_SUM_SIZE])
{
    put_u64(sum, hash64(key, bytes.ptr, bytes.len));
}

void hash_hex(const struct hash_key *key, slice bytes, char hex[16])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t sum[STORE_SUM_SIZE];
    hash_sum(key, bytes, sum);
    for (size_t i = 0; i < STORE_SUM_SIZE; i++) {
        hex[2 * i] = digits[sum[i] >> 4];
        hex[2 * i + 1] = digits[sum[i] & 15];
    }
}

void hash_name8(slice name, char out[8])
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256(name.ptr == NULL ? (const uint8_t *)"" : name.ptr, name.len, digest);
    for (size_t i = 0; i < 8; i++)
        out[i] = alphabet[digest[i] % 62];
}
