/* From a certificate to candidates. */
#include "account/certmap.h"

#include "account/dn.h"
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

enum {
    NAMES_MAX = 1024,
    NAMES_BYTES_MAX = 65536,
    SUBJECT_MAX = 2 * DN_TEXT_MAX,
};

/* Attribute types that a DN comparison knows. */
static const struct {
    const char *name;
    int nid;
} known[] = {{"CN", NID_commonName},      {"SERIALNUMBER", NID_serialNumber}, {"C", NID_countryName},
             {"L", NID_localityName},     {"ST", NID_stateOrProvinceName},    {"STREET", NID_streetAddress},
             {"O", NID_organizationName}, {"OU", NID_organizationalUnitName}, {"POSTALCODE", NID_postalCode},
             {"DC", NID_domainComponent}};

/* The subject string has them in this order, and only them. */
static const char *const shown[] = {"SERIALNUMBER", "CN", "POSTALCODE", "STREET", "ST", "L", "OU", "O", "C"};

struct cert_identity {
    struct cert_candidate *items;
    size_t count, cap;
    uint8_t *bytes;
    size_t bytes_len;
    bool dn_known; /* every type of the subject is a known one */
    struct dn dn;  /* most specific first */
    uint8_t subject[SUBJECT_MAX];
    size_t subject_len;
    size_t full_len; /* with the DC part; the same when there is none */
};

/* ---- candidates ---- */

static bool add(struct cert_identity *id, enum cert_candidate_kind kind, slice text)
{
    if (id->count == id->cap) {
        size_t cap = id->cap == 0 ? 8 : id->cap * 2;
        struct cert_candidate *p = realloc(id->items, cap * sizeof(*p));
        if (p == NULL)
            return false;
        id->items = p;
        id->cap = cap;
    }
    id->items[id->count++] = (struct cert_candidate){kind, text};
    return true;
}

/* The alternative names of one kind; the text is copied. */
static bool add_names(struct cert_identity *id, const GENERAL_NAMES *names, int type,
                      enum cert_candidate_kind kind)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int is = 0;
        const ASN1_IA5STRING *s = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &is);
        if (is != type)
            continue;
        slice text = slice_make(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
        if (text.len > NAMES_BYTES_MAX - id->bytes_len || id->count == NAMES_MAX)
            return false;
        if (text.len > 0)
            memcpy(id->bytes + id->bytes_len, text.ptr, text.len);
        if (!add(id, kind, slice_make(id->bytes + id->bytes_len, text.len)))
            return false;
        id->bytes_len += text.len;
    }
    return true;
}

static bool add_all_names(struct cert_identity *id, X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    if (names == NULL)
        return true;
    id->bytes = malloc(NAMES_BYTES_MAX);
    bool ok = id->bytes != NULL && add_names(id, names, GEN_EMAIL, CERT_EMAIL) &&
              add_names(id, names, GEN_DNS, CERT_DNS) && add_names(id, names, GEN_URI, CERT_URI);
    GENERAL_NAMES_free(names);
    return ok;
}

/* ---- the subject ---- */

static const char *known_name(int nid)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].nid == nid)
            return known[i].name;
    }
    return NULL;
}

/* Fills the DN, reversing the order of RDNs: certificates put the most specific one last. */
static bool read_subject(struct cert_identity *id, const X509_NAME *name)
{
    int count = X509_NAME_entry_count(name);
    int last = count == 0 ? -1 : X509_NAME_ENTRY_set(X509_NAME_get_entry(name, count - 1));
    id->dn_known = true;
    for (int set = last; set >= 0; set--) {
        for (int i = 0; i < count; i++) {
            const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
            if (X509_NAME_ENTRY_set(e) != set)
                continue;
            const char *type = known_name(OBJ_obj2nid(X509_NAME_ENTRY_get_object(e)));
            unsigned char *utf8 = NULL;
            int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(e));
            if (type == NULL || len < 0) {
                id->dn_known = false;
                OPENSSL_free(utf8);
                continue;
            }
            bool ok = dn_add(&id->dn, slice_str(type), slice_make(utf8, (size_t)len), (unsigned)(last - set));
            OPENSSL_free(utf8);
            if (!ok)
                return false;
        }
    }
    return true;
}

static bool put(struct cert_identity *id, slice s)
{
    if (s.len > SUBJECT_MAX - id->full_len)
        return false;
    if (s.len > 0)
        memcpy(id->subject + id->full_len, s.ptr, s.len);
    id->full_len += s.len;
    return true;
}

/* A value with what RFC 2253 wants escaped. */
static bool put_escaped(struct cert_identity *id, slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.ptr[i];
        bool escape = c != 0 && strchr(",+\"\\<>;", c) != NULL;
        escape = escape || (i == 0 && (c == '#' || c == ' ')) || (i + 1 == value.len && c == ' ');
        if ((escape && !put(id, SLICE_LIT("\\"))) || !put(id, slice_make(&c, 1)))
            return false;
    }
    return true;
}

static bool single_valued(const char *type)
{
    return strcmp(type, "CN") == 0 || strcmp(type, "SERIALNUMBER") == 0;
}

/* The next attribute of a type behind `at`, in the order of the certificate (the DN has its RDNs the other
 * way round); NULL when there is none. Start with NULL. */
static const struct dn_attr *next_of_type(const struct dn *dn, const char *type, const struct dn_attr *at)
{
    bool behind = at == NULL;
    for (unsigned rdn = dn->rdns; rdn-- > 0;) {
        for (size_t i = 0; i < dn->count; i++) {
            const struct dn_attr *a = &dn->attr[i];
            if (a->rdn != rdn)
                continue;
            if (behind && slice_eq_str(a->type, type))
                return a;
            behind = behind || a == at;
        }
    }
    return NULL;
}

static bool put_attr(struct cert_identity *id, const struct dn_attr *a)
{
    return put(id, a->type) && put(id, SLICE_LIT("=")) && put_escaped(id, a->value);
}

/* All values of one type as one RDN; of CN and SERIALNUMBER only the last. */
static bool put_type(struct cert_identity *id, const char *type)
{
    bool first = true;
    for (const struct dn_attr *a = NULL; (a = next_of_type(&id->dn, type, a)) != NULL;) {
        if (single_valued(type) && next_of_type(&id->dn, type, a) != NULL)
            continue;
        if (id->full_len > 0 && !put(id, first ? SLICE_LIT(",") : SLICE_LIT("+")))
            return false;
        if (!put_attr(id, a))
            return false;
        first = false;
    }
    return true;
}

static bool write_subject(struct cert_identity *id)
{
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        if (!put_type(id, shown[i]))
            return false;
    }
    id->subject_len = id->full_len;
    for (const struct dn_attr *a = NULL; (a = next_of_type(&id->dn, "DC", a)) != NULL;) {
        if (!put(id, SLICE_LIT(",DC=")) || !put(id, a->value))
            return false;
    }
    return true;
}

static bool add_subject(struct cert_identity *id)
{
    slice full = slice_make(id->subject, id->full_len), plain = slice_make(id->subject, id->subject_len);
    if (id->dn_known && id->dn.count > 0 && !add(id, CERT_DN, plain))
        return false;
    if (full.len > plain.len && !add(id, CERT_SUBJECT_DC, full))
        return false;
    return plain.len == 0 || add(id, CERT_SUBJECT, plain);
}

struct cert_identity *cert_identity_new(slice der)
{
    const unsigned char *p = der.ptr;
    if (der.len > INT32_MAX)
        return NULL;
    X509 *cert = d2i_X509(NULL, &p, (long)der.len);
    struct cert_identity *id = calloc(1, sizeof(*id));
    bool ok = cert != NULL && id != NULL && add_all_names(id, cert) &&
              read_subject(id, X509_get_subject_name(cert)) && write_subject(id) && add_subject(id);
    X509_free(cert);
    ERR_clear_error();
    if (!ok) {
        cert_identity_free(id);
        return NULL;
    }
    return id;
}

void cert_identity_free(struct cert_identity *id)
{
    if (id == NULL)
        return;
    free(id->items);
    free(id->bytes);
    free(id);
}

bool cert_candidate(const struct cert_identity *id, size_t i, struct cert_candidate *out)
{
    if (i >= id->count)
        return false;
    *out = id->items[i];
    return true;
}

slice cert_subject(const struct cert_identity *id)
{
    return slice_make(id->subject, id->subject_len);
}

bool cert_dn_matches(const struct cert_identity *id, slice name, bool any_order)
{
    struct dn dn;
    return dn_parse(name, &dn) && dn_equal(&dn, &id->dn, any_order);
}
