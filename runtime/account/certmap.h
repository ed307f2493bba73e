/* certmap.h: the identities that a client certificate offers (docs/spec/accounts-auth.md, section 7).
 *
 * With verify_and_map the certificate names the user. It offers candidates in a fixed order: e-mail, DNS and
 * URI names, the subject as a DN (compared structurally), the subject string with its domain components, the
 * subject string alone. The first that names a user wins.
 *
 * An identity is made once a connection from the certificate's DER bytes and never changes. */
#ifndef ACCOUNT_CERTMAP_H
#define ACCOUNT_CERTMAP_H

#include <midge/slice.h>

enum cert_candidate_kind {
    CERT_EMAIL,
    CERT_DNS,
    CERT_URI,
    CERT_DN, /* text is the subject string; compare by cert_dn_matches */
    CERT_SUBJECT_DC,
    CERT_SUBJECT,
};

struct cert_candidate {
    enum cert_candidate_kind kind;
    slice text;
};

struct cert_identity;

/* NULL when the bytes are no certificate, offer more than can be sensible, or memory is out. */
struct cert_identity *cert_identity_new(slice der);
void cert_identity_free(struct cert_identity *id);

/* The i-th candidate; false behind the last. */
bool cert_candidate(const struct cert_identity *id, size_t i, struct cert_candidate *out);

/* The subject string, for the log. */
slice cert_subject(const struct cert_identity *id);

/* Is `name`, read as a DN (RFC 4514), the certificate's? In the same order of RDNs, or in any. A name that
 * does not parse is not. */
bool cert_dn_matches(const struct cert_identity *id, slice name, bool any_order);

#endif
