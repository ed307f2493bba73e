/* meta_file.h: the metadata of a stream or consumer: meta.inf (a JSON document), meta.sum, and meta.key.
 *
 * The document is opaque here. Encrypted when a meta.key stands beside it. An update replaces meta.inf and
 * meta.sum as one (files_replace_set), so that a crash between them loses nothing. All calls block; any
 * thread. */
#ifndef STORE_META_FILE_H
#define STORE_META_FILE_H

#include "store/format/hash.h"
#include "store/keyring.h"
#include "store/files.h"

/* What can be wrong, in the order in which it is looked for. */
enum meta_fault {
    META_GOOD,
    META_MISSING,     /* no meta.inf */
    META_UNREADABLE,  /* meta.inf cannot be read: fault_rc says why */
    META_SUM_MISSING, /* no meta.sum */
    META_SUM_UNREADABLE,
    META_SUM_DIFFERS,   /* file_sum and real_sum say how */
    META_KEY_LENGTH,    /* meta.key is shorter than any key file: key_len */
    META_NO_KEY,        /* encrypted, and no key configured */
    META_WRONG_KEY,     /* no key opens meta.key */
    META_UNDECRYPTABLE, /* meta.key opens, but meta.inf does not */
};

struct meta_file {
    struct byte_buf json; /* the document: free with meta_free */
    bool encrypted;
    bool foreign;         /* opened by another than the current key and cipher: to be converted */
    struct crypt_key key; /* when encrypted */
    enum store_rc fault_rc;
    char file_sum[64];
    char real_sum[17];
    size_t key_len;
};

/* `sum_key` hashes meta.sum; with check_sum false (consumers) it must exist but may say anything. `context`
 * is that of meta.key. Finishes a replacement that a crash cut short. */
enum meta_fault meta_read(struct disk *, const char *dir, const struct hash_key *sum_key, bool check_sum,
                          const struct store_keys *, slice context, struct meta_file *);
void meta_free(struct meta_file *);

/* Write the document, sealed under `key` when that is not NULL. */
enum store_rc meta_write(struct disk *, const char *dir, const struct hash_key *sum_key,
                         const struct crypt_key *key, random_fn, void *random_ctx, slice json);
/* A new key (returned in *key) and the document sealed under it: meta.inf, meta.sum and meta.key as one, and
 * with them the consumer's o.dat when `state` (its plain bytes) is given. */
enum store_rc meta_write_keyed(struct disk *, const char *dir, const struct hash_key *sum_key,
                               const struct store_keys *, slice context, random_fn, void *random_ctx,
                               slice json, const slice *state, struct crypt_key *key);

/* Remove the document for good, and replacements of it that had not been moved into place: without it nothing
 * else in the folder counts. It may be absent. */
enum store_rc meta_remove(struct disk *, const char *dir);

#endif
