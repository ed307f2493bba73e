/* Signatures: the vector of accounts-auth 1.5. */
#include "account/nkey.h"
#include "unit.h"

static void counting(uint8_t seed[CODEC_NKEY_KEY])
{
    for (unsigned i = 0; i < CODEC_NKEY_KEY; i++)
        seed[i] = (uint8_t)i;
}

static void test_signatures(void)
{
    static const uint8_t expected[NKEY_SIG] = {
        0x0a, 0xff, 0x42, 0xb9, 0x46, 0x39, 0x09, 0xc0, 0xf7, 0xe8, 0x3f, 0xbc, 0xe5, 0x9e, 0xa5, 0xa5,
        0xd3, 0x5c, 0x05, 0x54, 0x9d, 0xa6, 0xaa, 0x41, 0xf1, 0x9a, 0xbd, 0x52, 0xf9, 0xd2, 0x96, 0xb8,
        0xca, 0x7f, 0x4d, 0x62, 0x21, 0x75, 0x1d, 0xa9, 0xb5, 0xef, 0x79, 0x0b, 0xbc, 0x3d, 0xf2, 0x85,
        0x27, 0x57, 0xea, 0xc2, 0x82, 0x7a, 0x37, 0xfc, 0x50, 0x73, 0xd5, 0x26, 0x13, 0xcb, 0xf3, 0x04};
    uint8_t seed[CODEC_NKEY_KEY], key[CODEC_NKEY_KEY], text_key[CODEC_NKEY_KEY], sig[NKEY_SIG];
    enum codec_nkey_kind kind;
    counting(seed);
    CU_ASSERT(nkey_public_of_seed(seed, key));
    CU_ASSERT(codec_nkey_decode_public(SLICE_LIT("UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK"),
                                       &kind, text_key));
    CU_ASSERT_EQUAL(memcmp(key, text_key, sizeof(key)), 0);
    CU_ASSERT(nkey_sign(seed, SLICE_LIT("nats"), sig));
    CU_ASSERT_EQUAL(memcmp(sig, expected, NKEY_SIG), 0);
    CU_ASSERT(nkey_verify(key, SLICE_LIT("nats"), sig));
    CU_ASSERT_FALSE(nkey_verify(key, SLICE_LIT("nats!"), sig));
    sig[10] ^= 1;
    CU_ASSERT_FALSE(nkey_verify(key, SLICE_LIT("nats"), sig));
}

static const struct unit_test tests[] = {UNIT_TEST(test_signatures)};
UNIT_MAIN("nkey", tests)
