/* Do the certificates, keys and authorities of a tls block load? The texts are Go's where it has one of its
 * own; for what only a parser of X.509 or keys can say, the parsers differ. */
#include "base/errtext.h"
#include "server/options_read.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

enum { FILE_MAX = 1 << 20, NAMES_MAX = 256 };

static const char *text(struct opt_reader *r, const char *fmt, const char *a, const char *b)
{
    slice s = arena_printf(r->report->arena, fmt, a, b);
    return s.ptr == NULL ? "out of memory" : (const char *)s.ptr;
}

/* NULL, or "open F: no such file or directory". */
static const char *load(struct opt_reader *r, slice path, slice *out)
{
    char why[ERRTEXT_MAX];
    bool opened = false;
    int rc = r->src->read(r->src->ctx, (const char *)path.ptr, FILE_MAX, r->report->arena, out, &opened);
    if (rc == 0)
        return NULL;
    slice s = arena_printf(r->report->arena, "%s %.*s: %s", opened ? "read" : "open", OPT_S(path),
                           errtext(rc, why));
    return s.ptr == NULL ? "out of memory" : (const char *)s.ptr;
}

/* Its length first, so that bytes cannot wander from one file to the next. */
static void add_content(EVP_MD_CTX *content, slice file)
{
    uint64_t len = file.len;
    EVP_DigestUpdate(content, &len, sizeof len);
    EVP_DigestUpdate(content, file.ptr, file.len);
}

/* ---- PEM --------------------------------------------------------------------------------------------------
 */

struct pem_block {
    unsigned char *der;
    long len;
};

/* What was passed over on the way to a block of the type wanted. */
struct skipped {
    int count;
    bool certificate, key;
    char names[NAMES_MAX];
};

static bool is_key_type(const char *name)
{
    static const char want[] = "PRIVATE KEY";
    size_t len = strlen(name), n = sizeof want - 1;
    return len >= n && strcmp(name + len - n, want) == 0 && (len == n || name[len - n - 1] == ' ');
}

static void skip(struct skipped *s, const char *name)
{
    size_t len = strlen(s->names);
    snprintf(s->names + len, sizeof s->names - len, "%s%s", s->count > 0 ? " " : "", name);
    s->count++;
    s->certificate = s->certificate || strcmp(name, "CERTIFICATE") == 0;
    s->key = s->key || is_key_type(name);
}

/* The next block that is a certificate (or, with `key`, a private key). false at the end. */
static bool next_block(BIO *bio, bool key, struct pem_block *out, struct skipped *skipped)
{
    char *name, *header;
    while (PEM_read_bio(bio, &name, &header, &out->der, &out->len) == 1) {
        bool wanted = key ? is_key_type(name) : strcmp(name, "CERTIFICATE") == 0;
        if (!wanted)
            skip(skipped, name);
        OPENSSL_free(name);
        OPENSSL_free(header);
        if (wanted)
            return true;
        OPENSSL_free(out->der);
    }
    ERR_clear_error();
    return false;
}

static X509 *parse_certificate(const struct pem_block *block)
{
    const unsigned char *p = block->der;
    X509 *cert = d2i_X509(NULL, &p, block->len);
    if (cert != NULL && p != block->der + block->len) {
        X509_free(cert);
        cert = NULL;
    }
    ERR_clear_error();
    return cert;
}

static const char *no_certificate(struct opt_reader *r, const struct skipped *s)
{
    if (s->count == 0)
        return "tls: failed to find any PEM data in certificate input";
    if (s->count == 1 && s->key)
        return "tls: failed to find certificate PEM data in certificate input, but did find a private key; "
               "PEM inputs "
               "may have been switched";
    return text(
        r,
        "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks of the "
        "following types: [%s]%s",
        s->names, "");
}

static const char *no_key(struct opt_reader *r, const struct skipped *s)
{
    if (s->count == 0)
        return "tls: failed to find any PEM data in key input";
    if (s->count == 1 && s->certificate)
        return "tls: found a certificate rather than a key in the PEM for the private key";
    return text(
        r,
        "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after skipping PEM "
        "blocks of the following types: [%s]%s",
        s->names, "");
}

/* ---- a pair -----------------------------------------------------------------------------------------------
 */

/* The first certificate is the leaf; all must parse later, when the context is made. */
static const char *read_leaf(struct opt_reader *r, BIO *bio, X509 **leaf)
{
    struct skipped skipped = {.count = 0};
    struct pem_block block;
    if (!next_block(bio, false, &block, &skipped))
        return no_certificate(r, &skipped);
    *leaf = parse_certificate(&block);
    OPENSSL_free(block.der);
    return NULL;
}

static const char *read_key(struct opt_reader *r, BIO *bio, EVP_PKEY **key)
{
    struct skipped skipped = {.count = 0};
    struct pem_block block;
    if (!next_block(bio, true, &block, &skipped))
        return no_key(r, &skipped);
    const unsigned char *p = block.der;
    *key = d2i_AutoPrivateKey(NULL, &p, block.len);
    ERR_clear_error();
    OPENSSL_free(block.der);
    return NULL;
}

static const char *match(X509 *leaf, EVP_PKEY *key)
{
    if (leaf == NULL)
        return "x509: malformed certificate";
    if (key == NULL)
        return "tls: failed to parse private key";
    EVP_PKEY *public = X509_get0_pubkey(leaf);
    if (public == NULL)
        return "tls: unknown public key algorithm";
    if (EVP_PKEY_get_base_id(public) != EVP_PKEY_get_base_id(key))
        return "tls: private key type does not match public key type";
    return EVP_PKEY_eq(public, key) == 1 ? NULL : "tls: private key does not match public key";
}

static const char *check_pair(struct opt_reader *r, const struct opt_tls_cert *pair, EVP_MD_CTX *content)
{
    slice cert_text, key_text;
    const char *error = load(r, pair->cert_file, &cert_text);
    if (error == NULL)
        error = load(r, pair->key_file, &key_text);
    if (error != NULL)
        return error;
    add_content(content, cert_text);
    add_content(content, key_text);
    BIO *cert_bio = BIO_new_mem_buf(cert_text.ptr, (int)cert_text.len);
    BIO *key_bio = BIO_new_mem_buf(key_text.ptr, (int)key_text.len);
    X509 *leaf = NULL;
    EVP_PKEY *key = NULL;
    if (cert_bio == NULL || key_bio == NULL)
        error = "out of memory";
    if (error == NULL)
        error = read_leaf(r, cert_bio, &leaf);
    if (error == NULL)
        error = read_key(r, key_bio, &key);
    if (error == NULL)
        error = match(leaf, key);
    BIO_free(cert_bio);
    BIO_free(key_bio);
    X509_free(leaf);
    EVP_PKEY_free(key);
    return error;
}

/* ---- authorities ------------------------------------------------------------------------------------------
 */

/* One certificate that parses is enough, as in Go. */
static const char *check_authorities(struct opt_reader *r, slice path, EVP_MD_CTX *content)
{
    slice pem;
    const char *error = load(r, path, &pem);
    if (error != NULL)
        return error;
    add_content(content, pem);
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    struct skipped skipped = {.count = 0};
    struct pem_block block;
    bool found = false;
    while (bio != NULL && !found && next_block(bio, false, &block, &skipped)) {
        X509 *cert = parse_certificate(&block);
        OPENSSL_free(block.der);
        found = cert != NULL;
        X509_free(cert);
    }
    BIO_free(bio);
    return found ? NULL : "failed to parse root ca certificate";
}

static const char *check_all(struct opt_reader *r, const struct opt_tls *tls, bool from_list,
                             EVP_MD_CTX *content)
{
    for (size_t i = 0; i < tls->cert_count; i++) {
        const char *error = check_pair(r, &tls->certs[i], content);
        slice which =
            from_list ? arena_printf(r->report->arena, " %zu/%zu", i + 1, tls->cert_count) : SLICE_EMPTY;
        if (error != NULL)
            return text(r, "error parsing X509 certificate/key pair%s: %s",
                        which.ptr == NULL ? "" : (const char *)which.ptr, error);
    }
    return tls->ca_file.len == 0 ? NULL : check_authorities(r, tls->ca_file, content);
}

const char *opt_check_tls_files(struct opt_reader *r, struct opt_tls *tls, bool from_list)
{
    const char *error = "out of memory";
    EVP_MD_CTX *content = EVP_MD_CTX_new();
    if (content != NULL && EVP_DigestInit_ex(content, EVP_sha256(), NULL) == 1)
        error = check_all(r, tls, from_list, content);
    if (error == NULL && EVP_DigestFinal_ex(content, tls->content, NULL) != 1)
        error = "out of memory";
    EVP_MD_CTX_free(content);
    return error;
}
