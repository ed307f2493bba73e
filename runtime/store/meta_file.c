#include "store/meta_file.h"

#include <errno.h>

#define META_MAX (16u << 20)

static const char *const update_set[] = {"meta.inf", "meta.sum"};
static const char *const convert_set[] = {"meta.inf", "meta.sum", "o.dat", "meta.key"};
#define UPDATE_SUFFIX  ".new"
#define CONVERT_SUFFIX ".conv"

static enum store_rc read_named(struct disk *d, const char *dir, const char *name, struct byte_buf *out)
{
    char path[DISK_PATH_MAX];
    return files_path(path, dir, name) ? files_read(d, path, META_MAX, out) : STORE_INVALID;
}

static enum meta_fault check_sum_file(struct disk *d, const char *dir, const struct hash_key *key, bool check,
                                      slice inf, struct meta_file *m)
{
    struct byte_buf sum = {0};
    enum meta_fault fault = META_GOOD;
    enum store_rc rc = read_named(d, dir, "meta.sum", &sum);
    if (rc != STORE_OK) {
        m->fault_rc = rc;
        fault = rc == STORE_NOT_FOUND ? META_SUM_MISSING : META_SUM_UNREADABLE;
    } else {
        hash_hex(key, inf, m->real_sum);
        size_t n = sum.len < sizeof m->file_sum - 1 ? sum.len : sizeof m->file_sum - 1;
        if (n > 0)
            memcpy(m->file_sum, sum.ptr, n);
        m->file_sum[n] = 0;
        if (check && (sum.len != 16 || memcmp(sum.ptr, m->real_sum, 16) != 0))
            fault = META_SUM_DIFFERS;
    }
    buf_free(&sum);
    return fault;
}

/* With a meta.key: its key into m->key. */
static enum meta_fault open_key(struct disk *d, const char *dir, const struct store_keys *keys, slice context,
                                struct meta_file *m)
{
    struct byte_buf file = {0};
    enum meta_fault fault = META_GOOD;
    enum store_rc rc = read_named(d, dir, "meta.key", &file);
    if (rc == STORE_OK) {
        m->encrypted = true;
        m->key_len = file.len;
        rc = file.len < CRYPT_KEY_FILE_MIN
                 ? STORE_INVALID
                 : keyring_open(keys, context, buf_view(&file), &m->key, &m->foreign);
        fault = rc == STORE_OK        ? META_GOOD
                : rc == STORE_INVALID ? META_KEY_LENGTH
                : rc == STORE_NO_KEY  ? META_NO_KEY
                                      : META_WRONG_KEY;
    } else if (rc != STORE_NOT_FOUND) {
        fault = META_UNREADABLE;
    }
    m->fault_rc = rc;
    buf_free(&file);
    return fault;
}

static enum meta_fault decrypt(struct meta_file *m, struct byte_buf *inf)
{
    if (!m->encrypted) {
        m->json = *inf;
        *inf = (struct byte_buf){0};
        return META_GOOD;
    }
    return crypt_open(&m->key, buf_view(inf), &m->json) ? META_GOOD : META_UNDECRYPTABLE;
}

enum meta_fault meta_read(struct disk *d, const char *dir, const struct hash_key *sum_key, bool check_sum,
                          const struct store_keys *keys, slice context, struct meta_file *m)
{
    *m = (struct meta_file){0};
    struct byte_buf inf = {0};
    enum meta_fault fault = META_GOOD;
    m->fault_rc = files_finish_set(d, dir, CONVERT_SUFFIX, convert_set, 4);
    if (m->fault_rc == STORE_OK)
        m->fault_rc = files_finish_set(d, dir, UPDATE_SUFFIX, update_set, 2);
    if (m->fault_rc == STORE_OK)
        m->fault_rc = read_named(d, dir, "meta.inf", &inf);
    if (m->fault_rc != STORE_OK)
        fault = m->fault_rc == STORE_NOT_FOUND ? META_MISSING : META_UNREADABLE;
    if (fault == META_GOOD)
        fault = check_sum_file(d, dir, sum_key, check_sum, buf_view(&inf), m);
    if (fault == META_GOOD)
        fault = open_key(d, dir, keys, context, m);
    if (fault == META_GOOD)
        fault = decrypt(m, &inf);
    buf_free(&inf);
    return fault;
}

void meta_free(struct meta_file *m)
{
    buf_free(&m->json);
    crypt_forget(&m->key);
    *m = (struct meta_file){0};
}

/* The bytes of meta.inf for a document. */
static bool inner_form(const struct crypt_key *key, random_fn random, void *random_ctx, slice json,
                       struct byte_buf *out)
{
    uint8_t nonce[CRYPT_NONCE_MAX];
    if (key == NULL) {
        buf_slice(out, json);
        return !out->failed;
    }
    random(random_ctx, nonce, crypt_nonce_size(key->cipher));
    return crypt_seal(key, nonce, json, out);
}

enum store_rc meta_write(struct disk *d, const char *dir, const struct hash_key *sum_key,
                         const struct crypt_key *key, random_fn random, void *random_ctx, slice json)
{
    struct byte_buf inf = {0};
    char sum[16];
    enum store_rc rc = STORE_NO_MEMORY;
    if (inner_form(key, random, random_ctx, json, &inf)) {
        hash_hex(sum_key, buf_view(&inf), sum);
        struct files_entry set[] = {{"meta.inf", buf_view(&inf)}, {"meta.sum", slice_make(sum, sizeof sum)}};
        rc = files_replace_set(d, dir, UPDATE_SUFFIX, set, 2);
    }
    buf_free(&inf);
    return rc;
}

enum store_rc meta_write_keyed(struct disk *d, const char *dir, const struct hash_key *sum_key,
                               const struct store_keys *keys, slice context, random_fn random,
                               void *random_ctx, slice json, const slice *state, struct crypt_key *key)
{
    struct byte_buf inf = {0}, dat = {0};
    char sum[16];
    uint8_t file[CRYPT_KEY_FILE_MAX];
    enum store_rc rc = STORE_NO_MEMORY;
    if (keyring_make(keys, context, random, random_ctx, key, file) &&
        inner_form(key, random, random_ctx, json, &inf) &&
        (state == NULL || inner_form(key, random, random_ctx, *state, &dat))) {
        hash_hex(sum_key, buf_view(&inf), sum);
        struct files_entry set[4] = {{"meta.inf", buf_view(&inf)}, {"meta.sum", slice_make(sum, sizeof sum)}};
        size_t n = 2;
        if (state != NULL)
            set[n++] = (struct files_entry){"o.dat", buf_view(&dat)};
        set[n++] = (struct files_entry){"meta.key", slice_make(file, crypt_key_file_size(key->cipher))};
        rc = files_replace_set(d, dir, CONVERT_SUFFIX, set, n);
    }
    buf_free(&inf);
    buf_free(&dat);
    return rc;
}

enum store_rc meta_remove(struct disk *d, const char *dir)
{
    /* The marks of replacements first: they are what would bring it back. */
    static const char *const names[] = {"meta.sum" UPDATE_SUFFIX, "meta.key" CONVERT_SUFFIX, "meta.inf"};
    char path[DISK_PATH_MAX];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!files_path(path, dir, names[i]))
            return STORE_INVALID;
        int rc = disk_unlink(d, path);
        if (rc < 0 && rc != -ENOENT)
            return files_rc(rc);
        if (i > 0 && (rc = disk_sync_dir(d, dir)) < 0 && rc != -ENOENT)
            return files_rc(rc);
    }
    return STORE_OK;
}
