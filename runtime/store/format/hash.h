/* hash.h: the checksums of the store's files.
 *
 * All are HighwayHash-64 under the SHA-256 of a name (spec/storage.md section 3): the stream's for meta.sum
 * and index.db, "STREAM-N" for the records of block N, "STREAM/CONSUMER" for a consumer's meta.sum, the
 * group's for raft files. Pure functions; any thread. The parts of a key's name have at most HASH_NAME_MAX
 * bytes together. */
#ifndef STORE_FORMAT_HASH_H
#define STORE_FORMAT_HASH_H

#include <midge/slice.h>

#define STORE_SUM_SIZE 8
#define HASH_NAME_MAX  1024

struct hash_key {
    uint64_t lane[4];
};

struct hash_key hash_key_of(slice name);                         /* SHA-256(name) */
struct hash_key hash_key_block(slice stream, uint64_t block);    /* SHA-256("stream-N") */
struct hash_key hash_key_consumer(slice stream, slice consumer); /* SHA-256("stream/consumer") */

uint64_t hash64(const struct hash_key *, const void *bytes, size_t len);
/* The 8 bytes as they are written to files, and as 16 lower case hex characters (no NUL). */
void hash_sum(const struct hash_key *, slice bytes, uint8_t sum[STORE_SUM_SIZE]);
void hash_hex(const struct hash_key *, slice bytes, char hex[16]);

/* The 8 characters that stand for a name in directory names and raft node ids (section 2). */
void hash_name8(slice name, char out[8]);

#endif
