/* Nkeys: the vectors of accounts-auth 1.5, and everything that is no key. */
#include "account/nkey.h"
#include "unit.h"

static const struct vector {
    enum nkey_kind kind;
    const char *seed, *public;
} vectors[] = {
    {NKEY_USER, "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y",
     "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK"},
    {NKEY_ACCOUNT, "SAAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HYMHI",
     "AAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QPZV"},
    {NKEY_OPERATOR, "SOAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H2AJA",
     "OAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QZVT"},
    {NKEY_SERVER, "SNAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H2D5U",
     "NAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RSWB"},
};

static void counting(uint8_t seed[NKEY_RAW])
{
    for (unsigned i = 0; i < NKEY_RAW; i++)
        seed[i] = (uint8_t)i;
}

/* covers: AA-1 AA-2 AA-4 */
static void test_vectors(void)
{
    uint8_t seed[NKEY_RAW], key[NKEY_RAW], got[NKEY_RAW];
    char text[NKEY_SEED_TEXT + 1];
    enum nkey_kind kind;
    counting(seed);
    CU_ASSERT_FATAL(nkey_public_of_seed(seed, key));
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const struct vector *v = &vectors[i];
        nkey_seed_encode(v->kind, seed, text);
        CU_ASSERT_STRING_EQUAL(text, v->seed);
        nkey_public_encode(v->kind, key, text);
        CU_ASSERT_STRING_EQUAL(text, v->public);
        CU_ASSERT(nkey_seed_decode(slice_str(v->seed), &kind, got));
        CU_ASSERT_EQUAL(kind, v->kind);
        CU_ASSERT_EQUAL(memcmp(got, seed, NKEY_RAW), 0);
        CU_ASSERT(nkey_public_decode(slice_str(v->public), &kind, got));
        CU_ASSERT_EQUAL(kind, v->kind);
        CU_ASSERT_EQUAL(memcmp(got, key, NKEY_RAW), 0);
        CU_ASSERT(nkey_is_kind(slice_str(v->public), v->kind));
    }
    CU_ASSERT(
        nkey_is_kind(SLICE_LIT("XCHUBRNNW2HSKYSK4WZBJ2TWPJXMSTMCTU6XWXQ22G5G6PRBHAUF76G7"), NKEY_CURVE));
}

/* covers: AA-3 AA-5 AA-8 */
static void test_refused(void)
{
    const char *user = vectors[0].public;
    char text[80];
    enum nkey_kind kind;
    uint8_t key[NKEY_RAW];
    for (size_t i = 0; i < NKEY_TEXT; i++) {
        strcpy(text, user);
        text[i] = text[i] == 'A' ? 'B' : 'A';
        CU_ASSERT_FALSE(nkey_is_kind(slice_str(text), NKEY_USER));
        CU_ASSERT_FALSE(nkey_public_decode(slice_str(text), &kind, key));
    }
    snprintf(text, sizeof(text), "%s====", user);
    CU_ASSERT_FALSE(nkey_is_kind(slice_str(text), NKEY_USER));
    strcpy(text, user);
    text[1] = (char)(text[1] | 0x20); /* lower case */
    CU_ASSERT_FALSE(nkey_is_kind(slice_str(text), NKEY_USER));
    snprintf(text, sizeof(text), "%.20s\r\n%s", user, user + 20); /* line ends are skipped, as in Go */
    CU_ASSERT(nkey_is_kind(slice_str(text), NKEY_USER));
    CU_ASSERT_FALSE(nkey_is_kind(SLICE_EMPTY, NKEY_USER));
    CU_ASSERT_FALSE(nkey_is_kind(SLICE_LIT("UA"), NKEY_USER));
    CU_ASSERT_FALSE(nkey_is_kind(slice_str(vectors[1].public), NKEY_USER));
    CU_ASSERT_FALSE(nkey_is_kind(slice_str(vectors[0].seed), NKEY_USER));
    CU_ASSERT_FALSE(nkey_public_decode(slice_str(vectors[0].seed), &kind, key));
    CU_ASSERT_FALSE(nkey_seed_decode(slice_str(user), &kind, key));
    CU_ASSERT_FALSE(nkey_is_kind(slice_make("UA\0B", 4), NKEY_USER));
    char longest[2000];
    memset(longest, 'A', sizeof(longest));
    CU_ASSERT_FALSE(nkey_is_kind(slice_make(longest, sizeof(longest)), NKEY_ACCOUNT));
}

/* Keys of 31 and 33 bytes, and a prefix with low bits, pass the test of their kind and nothing else: made by
 * an independent encoder. covers: AA-6 AA-8 */
static void test_kind_is_lenient(void)
{
    static const char *const odd[] = {"UAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPGJXQ",
                                      "UAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB6IBFFU",
                                      "UEAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB7MJA"};
    enum nkey_kind kind;
    uint8_t key[NKEY_RAW];
    for (int i = 0; i < 3; i++) {
        CU_ASSERT(nkey_is_kind(slice_str(odd[i]), NKEY_USER));
        CU_ASSERT_FALSE(nkey_public_decode(slice_str(odd[i]), &kind, key));
    }
}

static void test_signatures(void)
{
    static const uint8_t expected[NKEY_SIG] = {
        0x0a, 0xff, 0x42, 0xb9, 0x46, 0x39, 0x09, 0xc0, 0xf7, 0xe8, 0x3f, 0xbc, 0xe5, 0x9e, 0xa5, 0xa5,
        0xd3, 0x5c, 0x05, 0x54, 0x9d, 0xa6, 0xaa, 0x41, 0xf1, 0x9a, 0xbd, 0x52, 0xf9, 0xd2, 0x96, 0xb8,
        0xca, 0x7f, 0x4d, 0x62, 0x21, 0x75, 0x1d, 0xa9, 0xb5, 0xef, 0x79, 0x0b, 0xbc, 0x3d, 0xf2, 0x85,
        0x27, 0x57, 0xea, 0xc2, 0x82, 0x7a, 0x37, 0xfc, 0x50, 0x73, 0xd5, 0x26, 0x13, 0xcb, 0xf3, 0x04};
    uint8_t seed[NKEY_RAW], key[NKEY_RAW], sig[NKEY_SIG];
    counting(seed);
    CU_ASSERT(nkey_public_of_seed(seed, key));
    CU_ASSERT(nkey_sign(seed, SLICE_LIT("nats"), sig));
    CU_ASSERT_EQUAL(memcmp(sig, expected, NKEY_SIG), 0);
    CU_ASSERT(nkey_verify(key, SLICE_LIT("nats"), sig));
    CU_ASSERT_FALSE(nkey_verify(key, SLICE_LIT("nats!"), sig));
    sig[10] ^= 1;
    CU_ASSERT_FALSE(nkey_verify(key, SLICE_LIT("nats"), sig));
}

static const struct unit_test tests[] = {UNIT_TEST(test_vectors), UNIT_TEST(test_refused),
                                         UNIT_TEST(test_kind_is_lenient), UNIT_TEST(test_signatures)};
UNIT_MAIN("nkey", tests)
