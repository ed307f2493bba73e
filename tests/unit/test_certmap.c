/* Certificates to users: which names a certificate offers, in which order, and who is found by them. The
 * certificates are made here. */
#include "account/auth.h"
#include "account/certmap.h"
#include "account/dn.h"
#include "unit.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/* A certificate out of "CN=bob,+OU=x,O=y" (in the order of encoding; a leading + joins the RDN before) and a
 * list of alternative names in OpenSSL's form. NULL stands for none. */
static struct cert_identity *make(const char *subject, const char *san)
{
    X509 *cert = X509_new();
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    X509_NAME *name = X509_NAME_new();
    char part[200];
    for (const char *p = subject; *p != 0;) {
        size_t len = strcspn(p, ",");
        bool join = *p == '+';
        snprintf(part, sizeof(part), "%.*s", (int)(len - join), p + join);
        char *value = strchr(part, '=');
        *value++ = 0;
        for (char *c = value; *c != 0; c++)
            *c = *c == ';' ? ',' : *c; /* a comma inside a value */
        CU_ASSERT_EQUAL(X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8, (const unsigned char *)value,
                                                   -1, -1, join ? -1 : 0),
                        1);
        p += len + (p[len] == ',');
    }
    X509_set_subject_name(cert, name);
    X509_NAME_free(name);
    if (san != NULL) {
        X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
        X509_add_ext(cert, ext, -1);
        X509_EXTENSION_free(ext);
    }
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    CU_ASSERT(X509_sign(cert, key, NULL) > 0);
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    struct cert_identity *id = cert_identity_new(slice_make(der, (size_t)len));
    OPENSSL_free(der);
    X509_free(cert);
    EVP_PKEY_free(key);
    CU_ASSERT_PTR_NOT_NULL_FATAL(id);
    return id;
}

static void expect(const struct cert_identity *id, const char *text)
{
    static const char kinds[] = {'e', 'd', 'u', 'N', 'D', 's'};
    char got[1000] = "";
    struct cert_candidate c;
    for (size_t i = 0; cert_candidate(id, i, &c); i++) {
        size_t len = strlen(got);
        snprintf(got + len, sizeof(got) - len, "%c:%.*s|", kinds[c.kind], (int)c.text.len,
                 (const char *)c.text.ptr);
    }
    CU_ASSERT_STRING_EQUAL(got, text);
}

static void test_candidates(void)
{
    struct cert_identity *id =
        make("C=US,O=Acme,CN=bob", "DNS:a.example,email:Bob@Example.com,URI:spiffe://x/y,"
                                   "DNS:b.example,IP:127.0.0.1,email:second@x");
    expect(id, "e:Bob@Example.com|e:second@x|d:a.example|d:b.example|u:spiffe://x/y|N:CN=bob,O=Acme,C=US|"
               "s:CN=bob,O=Acme,C=US|");
    cert_identity_free(id);
    id = make("DC=com,DC=example,OU=a,CN=old,CN=new", NULL);
    expect(id, "N:CN=new,OU=a|D:CN=new,OU=a,DC=com,DC=example|s:CN=new,OU=a|");
    cert_identity_free(id);
    id = make("CN=a; b+\"<,UID=7", NULL); /* a type that the comparison does not know */
    expect(id, "s:CN=a\\, b\\+\\\"\\<|");
    CU_ASSERT(slice_eq_str(cert_subject(id), "CN=a\\, b\\+\\\"\\<"));
    cert_identity_free(id);
    id = make("", "IP:127.0.0.1");
    expect(id, "");
    cert_identity_free(id);
    id = make("C=US,O=Org,OU=Unit1,OU=Unit2,CN=joe", NULL);
    expect(id, "N:CN=joe,OU=Unit1+OU=Unit2,O=Org,C=US|s:CN=joe,OU=Unit1+OU=Unit2,O=Org,C=US|");
    cert_identity_free(id);
    id = make("CN=#x", NULL);
    expect(id, "N:CN=\\#x|s:CN=\\#x|");
    cert_identity_free(id);
    CU_ASSERT_PTR_NULL(cert_identity_new(SLICE_LIT("no certificate")));
}

/* covers: AA-91 AA-92 AA-94 */
static void test_dn_matches(void)
{
    struct cert_identity *id = make("DC=com,DC=example,O=Acme; Inc,+ST=CA,CN=bob", NULL);
    static const char *const same[] = {"CN=bob,O=Acme\\, Inc+ST=CA,DC=example,DC=com",
                                       "cn=bob , st=CA + o=Acme\\2C Inc,dc=example, dc=com "};
    static const char *const reordered[] = {"DC=com,DC=example,ST=CA+O=Acme\\, Inc,CN=bob"};
    static const char *const other[] = {"CN=Bob,O=Acme\\, Inc+ST=CA,DC=example,DC=com",
                                        "CN=bob,O=Acme\\, Inc,ST=CA,DC=example,DC=com",
                                        "CN=bob,O=Acme\\, Inc+ST=CA,DC=com",
                                        "CN=bob,O=Acme\\, Inc+ST=CA,DC=example,DC=com,C=US",
                                        "",
                                        "bob",
                                        "CN=#04,O=x",
                                        "=bob",
                                        "CN=bob,",
                                        "CN=bob\\",
                                        "CN=bob\\4",
                                        "CN=bob\\zz"};
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        CU_ASSERT(cert_dn_matches(id, slice_str(same[i]), false));
        CU_ASSERT(cert_dn_matches(id, slice_str(same[i]), true));
    }
    CU_ASSERT_FALSE(cert_dn_matches(id, slice_str(reordered[0]), false));
    CU_ASSERT(cert_dn_matches(id, slice_str(reordered[0]), true));
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        CU_ASSERT_FALSE(cert_dn_matches(id, slice_str(other[i]), true));
    cert_identity_free(id);
}

static void test_dn_bounds(void)
{
    struct dn dn;
    char text[DN_TEXT_MAX + 10];
    size_t len = 0;
    for (int i = 0; i < DN_ATTRS_MAX + 1; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%sCN=%d", i == 0 ? "" : ",", i);
    CU_ASSERT_FALSE(dn_parse(slice_make(text, len), &dn));
    CU_ASSERT(dn_parse(slice_make(text, (size_t)(strstr(text, ",CN=64") - text)), &dn));
    CU_ASSERT(dn_equal(&dn, &dn, true));
    memset(text, 'x', sizeof(text));
    memcpy(text, "CN=", 3);
    CU_ASSERT_FALSE(dn_parse(slice_make(text, sizeof(text)), &dn));
    CU_ASSERT(dn_parse(slice_make(text, DN_TEXT_MAX), &dn));
}

/* ---- who is found ---- */

static void fixed_random(void *ctx, void *to, size_t len)
{
    (void)ctx;
    memset(to, 7, len);
}

struct mapping {
    struct epoch_domain d;
    struct epoch_reader r;
    struct accounts *t;
    struct auth a;
    struct auth_request req;
};

static void setup(struct mapping *m, const struct user_config *users, size_t count)
{
    static uint64_t last_id;
    char err[256];
    struct accounts_config cfg = {.users = users,
                                  .user_count = count,
                                  .slots = 1,
                                  .random = fixed_random,
                                  .last_id = &last_id,
                                  .tls_map_types = ACCOUNT_CONN_STANDARD};
    memset(m, 0, sizeof(*m));
    epoch_domain_init(&m->d);
    epoch_reader_join(&m->r, &m->d);
    m->t = accounts_new(&cfg, NULL, &m->r, err, sizeof(err));
    CU_ASSERT_PTR_NOT_NULL_FATAL(m->t);
    m->req = (struct auth_request){.connection_type = ACCOUNT_CONN_STANDARD, .tls_map = true};
}

static void teardown(struct mapping *m)
{
    accounts_free(m->t, &m->r);
    epoch_reader_leave(&m->r);
    epoch_domain_close(&m->d);
}

/* The name of the user that a certificate logs in as; "" when it does not. */
static const char *who(struct mapping *m, const char *subject, const char *san)
{
    static char name[100];
    struct cert_identity *id = make(subject, san);
    m->req.cert = id;
    name[0] = 0;
    if (auth_begin(&m->a, m->t, &m->req, &m->r) == AUTH_OK) {
        snprintf(name, sizeof(name), "%.*s", (int)m->a.user.len, (const char *)m->a.user.ptr);
        auth_cancel(&m->a, &m->r);
    }
    m->req.cert = NULL;
    cert_identity_free(id);
    return name;
}

/* covers: AA-89 AA-90 AA-93 AA-95 AA-96 AA-97 CP-142 */
static void test_mapping(void)
{
    const struct user_config users[] = {
        {.user = SLICE_LIT("mail@x")},
        {.user = SLICE_LIT("dns.x")},
        {.user = SLICE_LIT("uri:x")},
        {.user = SLICE_LIT("CN=joe,O=Org")},
        {.user = SLICE_LIT("CN=A\\, B,C=US")},
        {.user = SLICE_LIT("CN=joe,OU=Unit1+OU=Unit2,O=Org,C=US")},
        {.user = SLICE_LIT("CN=web"), .connection_types = ACCOUNT_CONN_WEBSOCKET}};
    struct mapping m;
    setup(&m, users, sizeof(users) / sizeof(users[0]));
    CU_ASSERT_STRING_EQUAL(who(&m, "CN=joe,O=Org", "URI:uri:x,DNS:dns.x,email:mail@x"), "mail@x");
    CU_ASSERT_STRING_EQUAL(m.a.debug, "Using email found in cert for auth [\"mail@x\"]");
    CU_ASSERT_STRING_EQUAL(who(&m, "CN=joe,O=Org", "URI:uri:x,DNS:dns.x,email:Mail@x"), "dns.x");
    CU_ASSERT_STRING_EQUAL(who(&m, "CN=joe,O=Org", "URI:uri:x,DNS:other.x"), "uri:x");
    CU_ASSERT_STRING_EQUAL(who(&m, "O=Org,CN=joe", "URI:other:x"), "CN=joe,O=Org");
    CU_ASSERT_STRING_EQUAL(m.a.debug, "Using DistinguishedNameMatch for auth [\"CN=joe,O=Org\"]");
    CU_ASSERT_STRING_EQUAL(who(&m, "CN=joe,O=Org", NULL), "CN=joe,O=Org"); /* in any order */
    CU_ASSERT_STRING_EQUAL(who(&m, "C=US,CN=A; B", NULL), "CN=A\\, B,C=US");
    CU_ASSERT_STRING_EQUAL(who(&m, "C=US,O=Org,OU=Unit1,OU=Unit2,CN=joe", NULL),
                           "CN=joe,OU=Unit1+OU=Unit2,O=Org,C=US");
    CU_ASSERT_STRING_EQUAL(m.a.debug,
                           "Using certificate subject for auth [\"CN=joe,OU=Unit1+OU=Unit2,O=Org,C=US\"]");
    CU_ASSERT_STRING_EQUAL(who(&m, "O=Org,CN=joe,UID=7", NULL), "CN=joe,O=Org"); /* by the string alone */
    CU_ASSERT_STRING_EQUAL(who(&m, "CN=nobody", NULL), "");
    CU_ASSERT_STRING_EQUAL(m.a.debug, "User in cert [\"CN=nobody\"], not found");
    CU_ASSERT_STRING_EQUAL(who(&m, "CN=web", NULL), "");
    CU_ASSERT_STRING_EQUAL(who(&m, "", "IP:127.0.0.1"), "");
    teardown(&m);
}

/* covers: AA-98 AA-100 */
static void test_passwords_beside(void)
{
    const struct user_config users[] = {{.user = SLICE_LIT("CN=open")},
                                        {.user = SLICE_LIT("CN=closed"), .password = SLICE_LIT("p")}};
    struct mapping m;
    setup(&m, users, 2);
    CU_ASSERT_FALSE(accounts_user(m.t, SLICE_LIT("CN=closed"), false)->cert_only);
    m.req.user = SLICE_LIT("someone");
    CU_ASSERT_STRING_EQUAL(who(&m, "CN=open", NULL), "CN=open");
    CU_ASSERT_STRING_EQUAL(m.a.warning,
                           "User \"someone\" found in connect proto, but user required from cert");
    CU_ASSERT_STRING_EQUAL(who(&m, "CN=closed", NULL), "");
    m.req.password = SLICE_LIT("p");
    CU_ASSERT_STRING_EQUAL(who(&m, "CN=closed", NULL), "CN=closed");
    CU_ASSERT_STRING_EQUAL(who(&m, "CN=open", NULL), "");

    m.req.tls_map = false; /* on a listener that does not map */
    m.req.user = SLICE_LIT("CN=open");
    m.req.password = SLICE_EMPTY;
    CU_ASSERT_STRING_EQUAL(who(&m, "CN=open", NULL), "");
    CU_ASSERT_STRING_EQUAL(m.a.debug, "User \"CN=open\" requires a client certificate");
    m.req.user = SLICE_LIT("CN=closed");
    m.req.password = SLICE_LIT("p");
    CU_ASSERT_STRING_EQUAL(who(&m, "CN=x", NULL), "CN=closed");
    teardown(&m);
}

static const struct unit_test tests[] = {UNIT_TEST(test_candidates), UNIT_TEST(test_dn_matches),
                                         UNIT_TEST(test_dn_bounds), UNIT_TEST(test_mapping),
                                         UNIT_TEST(test_passwords_beside)};
UNIT_MAIN("certmap", tests)
