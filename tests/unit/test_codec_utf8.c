/* UTF-8 as Go decodes it (RFC 3629): every form, each way in which a sequence is none, and the encoder as the
 * inverse. */
#include "unit.h"
#include "codec/utf8.h"

/* Every character is encoded, decoded from exactly its bytes, and valid; cut short or followed by more it is
 * not confused. */
static void test_every_character(void)
{
    for (uint32_t rune = 0; rune <= 0x10ffff; rune++) {
        uint8_t bytes[5] = {0, 0, 0, 0, 0x80};
        uint32_t back = 0;
        if (rune >= 0xd800 && rune <= 0xdfff)
            continue;
        size_t n = utf8_encode(rune, bytes);
        bool ok = n == (rune < 0x80      ? 1u
                        : rune < 0x800   ? 2u
                        : rune < 0x10000 ? 3u
                                         : 4u) &&
                  utf8_decode(slice_make(bytes, n), &back) == n && back == rune &&
                  utf8_valid(slice_make(bytes, n)) && utf8_decode(slice_make(bytes, 5), &back) == n &&
                  back == rune;
        if (n > 1)
            ok = ok && utf8_decode(slice_make(bytes, n - 1), &back) == 1 && back == UTF8_REPLACEMENT &&
                 !utf8_valid(slice_make(bytes, n - 1));
        if (!ok) {
            CU_FAIL("character");
            printf("  U+%04X\n", rune);
            return;
        }
    }
}

static void test_none(void)
{
    static const char *const none[] = {"\x80",
                                       "\xbf",
                                       "\xc0\x80",
                                       "\xc1\xbf",
                                       "\xc2",
                                       "\xc2\x41",
                                       "\xc2\xc2",
                                       "\xdf\x7f",
                                       "\xe0\x9f\xbf",
                                       "\xe0\xa0",
                                       "\xe1\x41\x80",
                                       "\xe1\x80\x41",
                                       "\xed\xa0\x80",
                                       "\xed\xbf\xbf",
                                       "\xef\xbf\xc0",
                                       "\xf0\x8f\xbf\xbf",
                                       "\xf0\x90\x80",
                                       "\xf1\x41\x80\x80",
                                       "\xf1\x80\x41\x80",
                                       "\xf1\x80\x80\x41",
                                       "\xf4\x90\x80\x80",
                                       "\xf5\x80\x80\x80",
                                       "\xf8\x88\x80\x80\x80",
                                       "\xff"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        slice s = slice_str(none[i]);
        uint32_t rune = 0;
        CU_ASSERT(utf8_decode(s, &rune) == 1 && rune == UTF8_REPLACEMENT);
        CU_ASSERT_FALSE(utf8_valid(s));
        char around[32];
        int n = snprintf(around, sizeof(around), "a long text %s and more", none[i]);
        CU_ASSERT_FALSE(utf8_valid(slice_make(around, (size_t)n)));
    }
    CU_ASSERT_TRUE(utf8_valid(SLICE_EMPTY));
    CU_ASSERT_TRUE(utf8_valid(slice_make("\0\xef\xbf\xbe\xef\xbf\xbf", 7)));
}

static void test_ascii_prefix(void)
{
    CU_ASSERT_EQUAL(utf8_ascii_prefix(SLICE_LIT("0123456")), 0);
    CU_ASSERT_EQUAL(utf8_ascii_prefix(SLICE_LIT("0123456789abcdefg")), 16);
    CU_ASSERT_EQUAL(utf8_ascii_prefix(SLICE_LIT("01234567\xc3\xa9 234567")), 8);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_every_character),
    UNIT_TEST(test_none),
    UNIT_TEST(test_ascii_prefix),
};
UNIT_MAIN("codec_utf8", tests)
