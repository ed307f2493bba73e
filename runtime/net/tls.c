#include "net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* OpenSSL reads and writes the connection's pipe through a BIO of our own: no bytes are copied on the way and
 * the simulated world's pipes work as sockets do. */

/* What Go's library calls its secure suites, in its order of preference: no static RSA, no CBC with SHA-2. */
#define CIPHERS                                                  \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:" \
    "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA"
#define CIPHERSUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define CURVES       "X25519:P-256:P-384:P-521"

struct net_tls_context {
    atomic_uint refs;
    SSL_CTX *ssl;
    BIO_METHOD *bio;
    SSL_CTX **pairs; /* when there are several: each holds one with its chain, and `ssl` itself has none */
    size_t pair_count;
};

struct net_tls {
    SSL *ssl;
    struct net_tls_context *ctx;
    struct net_conn *conn;
    uint8_t *first; /* bytes read before TLS began, served first */
    size_t first_at, first_len;
    bool ready;
    struct net_timer again;
};

/* ---- the BIO ---- */

static int bio_read(BIO *b, char *buf, int len)
{
    struct net_tls *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (len <= 0)
        return 0;
    if (t->first_at < t->first_len) {
        size_t n = t->first_len - t->first_at;
        if (n > (size_t)len)
            n = (size_t)len;
        memcpy(buf, t->first + t->first_at, n);
        t->first_at += n;
        return (int)n;
    }
    ssize_t n = env_pipe_read(t->conn->pipe, buf, (size_t)len);
    if (n == -EAGAIN)
        BIO_set_retry_read(b);
    if (n < 0)
        errno = (int)-n;
    return n < 0 ? -1 : (int)n;
}

static int bio_write(BIO *b, const char *buf, int len)
{
    struct net_tls *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    struct iovec iov = {.iov_base = (void *)(uintptr_t)buf, .iov_len = len > 0 ? (size_t)len : 0};
    ssize_t n = env_pipe_writev(t->conn->pipe, &iov, 1);
    if (n == -EAGAIN)
        BIO_set_retry_write(b);
    if (n < 0)
        errno = (int)-n;
    return n < 0 ? -1 : (int)n;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    (void)b;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

/* ---- contexts ---- */

/* The reason of the last OpenSSL error, as a sentence; the queue is emptied. */
static void last_error(char *err, size_t size, const char *fallback)
{
    unsigned long e = ERR_peek_last_error();
    const char *reason = e == 0 ? NULL : ERR_reason_error_string(e);
    snprintf(err, size, "%s", reason != NULL ? reason : fallback);
    ERR_clear_error();
}

static bool fail(char *err, size_t size, const char *what, const char *file)
{
    char reason[160];
    last_error(reason, sizeof reason, "unknown error");
    snprintf(err, size, "error %s \"%s\": %s", what, file, reason);
    return false;
}

static bool load_pair(SSL_CTX *ssl, const struct net_tls_pair *p, char *err, size_t size)
{
    if (SSL_CTX_use_certificate_chain_file(ssl, p->cert_file) != 1)
        return fail(err, size, "loading certificate", p->cert_file);
    if (SSL_CTX_use_PrivateKey_file(ssl, p->key_file, SSL_FILETYPE_PEM) != 1)
        return fail(err, size, "loading private key", p->key_file);
    if (SSL_CTX_check_private_key(ssl) != 1)
        return fail(err, size, "matching private key", p->key_file);
    return true;
}

static bool load_pairs(struct net_tls_context *ctx, const struct net_tls_config *c, char *err, size_t size)
{
    ctx->pairs = calloc(c->pair_count, sizeof(SSL_CTX *));
    for (; ctx->pairs != NULL && ctx->pair_count < c->pair_count; ctx->pair_count++) {
        SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
        if (ssl == NULL)
            break;
        if (!load_pair(ssl, &c->pairs[ctx->pair_count], err, size)) {
            SSL_CTX_free(ssl);
            return false;
        }
        ctx->pairs[ctx->pair_count] = ssl;
    }
    if (ctx->pair_count < c->pair_count)
        last_error(err, size, "out of memory");
    return ctx->pair_count == c->pair_count;
}

/* ---- which certificate a client is shown ---- */

static STACK_OF(X509) * chain_of(SSL_CTX *pair)
{
    STACK_OF(X509) *chain = NULL;
    SSL_CTX_get0_chain_certs(pair, &chain);
    return chain;
}

static bool suits(SSL *ssl, SSL_CTX *pair, const char *name)
{
    X509 *leaf = SSL_CTX_get0_certificate(pair);
    unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
    if (name != NULL && X509_check_host(leaf, name, 0, flags, NULL) != 1)
        return false;
    /* Not CERT_PKEY_VALID: in TLS 1.2 that wants the client to understand the authority's signature, too, and
     * an RSA certificate of an EC authority would never do for a client that knows RSA alone. */
    int wanted = CERT_PKEY_SIGN | CERT_PKEY_EE_PARAM;
    if (SSL_version(ssl) >= TLS1_3_VERSION)
        wanted |= CERT_PKEY_EE_SIGNATURE;
    return (SSL_check_chain(ssl, leaf, SSL_CTX_get0_privatekey(pair), chain_of(pair)) & wanted) == wanted;
}

/* OpenSSL calls it when it has read a ClientHello. */
static int show_certificate(SSL *ssl, void *arg)
{
    const struct net_tls_context *ctx = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    size_t i = 0;
    while (i < ctx->pair_count && !suits(ssl, ctx->pairs[i], name))
        i++;
    SSL_CTX *pair = ctx->pairs[i < ctx->pair_count ? i : 0];
    SSL_certs_clear(ssl);
    return SSL_use_cert_and_key(ssl, SSL_CTX_get0_certificate(pair), SSL_CTX_get0_privatekey(pair),
                                chain_of(pair), 1);
}

static bool configure(struct net_tls_context *ctx, const struct net_tls_config *c, char *err, size_t size)
{
    SSL_CTX *ssl = ctx->ssl;
    SSL_CTX_set_min_proto_version(ssl, c->min_version == 13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    /* Clients go on with their sessions by tickets; without a name OpenSSL refuses those that had to show a
     * certificate. */
    static const unsigned char sessions[] = "midge";
    if (SSL_CTX_set_session_id_context(ssl, sessions, sizeof sessions - 1) != 1) {
        last_error(err, size, "out of memory");
        return false;
    }
    if (c->pair_count == 1) {
        if (!load_pair(ssl, &c->pairs[0], err, size))
            return false;
    } else if (c->pair_count > 1) {
        if (!load_pairs(ctx, c, err, size))
            return false;
        SSL_CTX_set_cert_cb(ssl, show_certificate, ctx);
    }
    if (c->ca_file != NULL) {
        if (SSL_CTX_load_verify_file(ssl, c->ca_file) != 1)
            return fail(err, size, "loading CA file", c->ca_file);
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(c->ca_file);
        if (names != NULL)
            SSL_CTX_set_client_CA_list(ssl, names);
    }
    if (c->verify)
        SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    const char *ciphers = c->ciphers != NULL ? c->ciphers : CIPHERS;
    const char *suites = c->ciphersuites != NULL ? c->ciphersuites : CIPHERSUITES;
    const char *curves = c->curves != NULL ? c->curves : CURVES;
    if (SSL_CTX_set_cipher_list(ssl, ciphers) != 1)
        return fail(err, size, "setting ciphers", ciphers);
    if (SSL_CTX_set_ciphersuites(ssl, suites) != 1)
        return fail(err, size, "setting cipher suites", suites);
    if (SSL_CTX_set1_groups_list(ssl, curves) != 1)
        return fail(err, size, "setting curves", curves);
    return true;
}

static BIO_METHOD *make_bio(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "midge pipe");
    if (m == NULL)
        return NULL;
    BIO_meth_set_read(m, bio_read);
    BIO_meth_set_write(m, bio_write);
    BIO_meth_set_ctrl(m, bio_ctrl);
    return m;
}

struct net_tls_context *net_tls_context_new(const struct net_tls_config *config, char *err, size_t err_size)
{
    struct net_tls_context *ctx = calloc(1, sizeof *ctx);
    if (ctx == NULL) {
        snprintf(err, err_size, "out of memory");
        return NULL;
    }
    atomic_init(&ctx->refs, 1);
    ERR_clear_error();
    ctx->bio = make_bio();
    ctx->ssl = SSL_CTX_new(TLS_server_method());
    if (ctx->bio == NULL || ctx->ssl == NULL) {
        last_error(err, err_size, "out of memory");
        net_tls_context_drop(ctx);
        return NULL;
    }
    if (!configure(ctx, config, err, err_size)) {
        net_tls_context_drop(ctx);
        return NULL;
    }
    return ctx;
}

struct net_tls_context *net_tls_context_ref(struct net_tls_context *ctx)
{
    atomic_fetch_add(&ctx->refs, 1);
    return ctx;
}

void net_tls_context_drop(struct net_tls_context *ctx)
{
    if (ctx == NULL || atomic_fetch_sub(&ctx->refs, 1) != 1)
        return;
    for (size_t i = 0; i < ctx->pair_count; i++)
        SSL_CTX_free(ctx->pairs[i]);
    free(ctx->pairs);
    SSL_CTX_free(ctx->ssl);
    BIO_meth_free(ctx->bio);
    free(ctx);
}

/* ---- sessions ---- */

struct net_tls *net_tls_new(struct net_conn *c, struct net_tls_context *ctx, slice first)
{
    struct net_tls *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->conn = c;
    t->ctx = net_tls_context_ref(ctx);
    t->ssl = SSL_new(ctx->ssl);
    BIO *bio = BIO_new(ctx->bio);
    t->first = first.len > 0 ? malloc(first.len) : NULL;
    if (t->ssl == NULL || bio == NULL || (first.len > 0 && t->first == NULL)) {
        BIO_free(bio);
        net_tls_free(t);
        return NULL;
    }
    if (first.len > 0)
        memcpy(t->first, first.ptr, first.len);
    t->first_len = first.len;
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_accept_state(t->ssl);
    return t;
}

void net_tls_free(struct net_tls *t)
{
    if (t == NULL)
        return;
    if (t->ready) {
        ERR_clear_error();
        SSL_shutdown(t->ssl); /* close_notify if the pipe takes it; nobody waits for the answer */
    }
    SSL_free(t->ssl);
    ERR_clear_error();
    net_tls_context_drop(t->ctx);
    free(t->first);
    free(t);
}

enum net_tls_step net_tls_handshake(struct net_tls *t, char *err, size_t err_size)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(t->ssl);
    if (rc == 1) {
        t->ready = true;
        return NET_TLS_DONE;
    }
    switch (SSL_get_error(t->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return NET_TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return NET_TLS_WANT_WRITE;
    default:
        last_error(err, err_size, "EOF");
        return NET_TLS_FAILED;
    }
}

bool net_tls_ready(const struct net_tls *t)
{
    return t->ready;
}

/* The result of a read or write that did not succeed, as -errno (0: end of file). */
static ssize_t outcome(struct net_tls *t, int rc)
{
    int saved = errno;
    switch (SSL_get_error(t->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return saved != 0 ? -saved : 0;
    default:
        ERR_clear_error();
        return -EPROTO;
    }
}

ssize_t net_tls_read(struct net_tls *t, void *buf, size_t len)
{
    size_t n = 0;
    ERR_clear_error();
    errno = 0;
    int rc = SSL_read_ex(t->ssl, buf, len, &n);
    return rc == 1 ? (ssize_t)n : outcome(t, rc);
}

ssize_t net_tls_write(struct net_tls *t, const void *buf, size_t len)
{
    size_t n = 0;
    ERR_clear_error();
    errno = 0;
    int rc = SSL_write_ex(t->ssl, buf, len, &n);
    if (rc == 1)
        return (ssize_t)n;
    ssize_t err = outcome(t, rc);
    return err == 0 ? -EPIPE : err;
}

bool net_tls_pending(const struct net_tls *t)
{
    return SSL_has_pending(t->ssl) == 1 || t->first_at < t->first_len;
}

struct net_timer *net_tls_again_timer(struct net_tls *t)
{
    return &t->again;
}

const char *net_tls_version(const struct net_tls *t)
{
    return SSL_version(t->ssl) == TLS1_3_VERSION ? "1.3" : "1.2";
}

const char *net_tls_cipher(const struct net_tls *t)
{
    return SSL_CIPHER_standard_name(SSL_get_current_cipher(t->ssl));
}

slice net_tls_peer_der(const struct net_tls *t)
{
    X509 *cert = SSL_get0_peer_certificate(t->ssl);
    int len = cert == NULL ? 0 : i2d_X509(cert, NULL);
    uint8_t *der = len > 0 ? malloc((size_t)len) : NULL, *end = der;
    if (der == NULL)
        return SLICE_EMPTY;
    return slice_make(der, (size_t)i2d_X509(cert, &end));
}

bool net_tls_peer_pin(const struct net_tls *t, char hex[65])
{
    X509 *cert = SSL_get0_peer_certificate(t->ssl);
    uint8_t md[32], *der = NULL;
    if (cert == NULL)
        return false;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    if (len <= 0)
        return false;
    bool ok = EVP_Digest(der, (size_t)len, md, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    for (int i = 0; ok && i < 32; i++)
        snprintf(hex + 2 * (ptrdiff_t)i, 3, "%02x", md[i]);
    return ok;
}
