/* tls_names.h: Go's names of cipher suites and curves, and OpenSSL's. Constant tables, any thread. */
#ifndef SERVER_TLS_NAMES_H
#define SERVER_TLS_NAMES_H

#include <midge/slice.h>

enum tls_name_kind {
    TLS_CURVE,
    TLS_SUITE_13,       /* of TLS 1.3: their order cannot be configured in Go */
    TLS_SUITE,          /* of TLS 1.2 */
    TLS_SUITE_INSECURE, /* of TLS 1.2, needs allow_insecure_cipher_suites */
};

struct tls_name {
    const char *go;
    const char *openssl; /* NULL: the TLS library here does not have it */
    enum tls_name_kind kind;
};

extern const struct tls_name tls_suites[];
extern const size_t tls_suite_count;
extern const struct tls_name tls_curves[];
extern const size_t tls_curve_count;

/* By exact Go name; NULL when unknown. */
const struct tls_name *tls_suite_find(slice name);
const struct tls_name *tls_curve_find(slice name);

#endif
