/* tls.h: the server side of TLS on a connection, by OpenSSL.
 *
 * A context is made from files once and shared by connections; it is counted, so that a reload can replace it
 * while old connections still use it. The session of one connection belongs to the connection's loop. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "net/conn.h"

/* PEM files: a certificate with those that lead to its authority behind it, and its key. */
struct net_tls_pair {
    const char *cert_file, *key_file;
};

struct net_tls_config {
    /* A client is shown the first one that bears the name it asked for (if it asked) and whose signatures it
     * understands; the first of all when none does. */
    const struct net_tls_pair *pairs;
    size_t pair_count;
    const char *ca_file;      /* PEM, or NULL */
    bool verify;              /* demand and verify a client certificate */
    int min_version;          /* 0: TLS 1.2; 12 or 13 */
    const char *ciphers;      /* OpenSSL list for TLS 1.2; NULL, here and below: what Go's library offers */
    const char *ciphersuites; /* for TLS 1.3 */
    const char *curves;       /* colon-separated groups */
};

/* NULL on failure, with a sentence in err. */
struct net_tls_context *net_tls_context_new(const struct net_tls_config *config, char *err, size_t err_size);
struct net_tls_context *net_tls_context_ref(struct net_tls_context *ctx);
void net_tls_context_drop(struct net_tls_context *ctx); /* NULL is allowed */

/* What the peer showed, after a successful handshake. Slices of DER; valid while the connection lives. */
const char *net_tls_version(const struct net_tls *t); /* "1.3" */
const char *net_tls_cipher(const struct net_tls *t);
/* The peer's leaf certificate in DER, to be freed by the caller; empty when none was shown. */
slice net_tls_peer_der(const struct net_tls *t);
/* Lower-case hex SHA-256 of the leaf's SubjectPublicKeyInfo; false when there is none. */
bool net_tls_peer_pin(const struct net_tls *t, char hex[65]);

/* Between conn.c and tls.c. */
struct net_tls *net_tls_new(struct net_conn *c, struct net_tls_context *ctx, slice first);
void net_tls_free(struct net_tls *t);
enum net_tls_step { NET_TLS_DONE, NET_TLS_WANT_READ, NET_TLS_WANT_WRITE, NET_TLS_FAILED };
enum net_tls_step net_tls_handshake(struct net_tls *t, char *err, size_t err_size);
bool net_tls_ready(const struct net_tls *t); /* the handshake is done */
/* As env_pipe_read and env_pipe_writev. */
ssize_t net_tls_read(struct net_tls *t, void *buf, size_t len);
ssize_t net_tls_write(struct net_tls *t, const void *buf, size_t len);
/* Decrypted bytes wait inside: the pipe will not report them. */
bool net_tls_pending(const struct net_tls *t);
struct net_timer *net_tls_again_timer(struct net_tls *t);

#endif
