/* The small text helpers of the base: arena, paths, error texts, floats. */
#include "base/arena.h"
#include "base/errtext.h"
#include "base/float_text.h"
#include "base/path.h"
#include "unit.h"
#include <errno.h>
#include <stdalign.h>

#define EQ(s, want) CU_ASSERT_TRUE(slice_eq_str((s), (want)))

static void test_arena(void)
{
    struct arena *a = arena_new(0);
    uint8_t *last = NULL;
    for (size_t i = 1; i < 3000; i += 37) {
        uint8_t *p = arena_alloc(a, i * 7);
        CU_ASSERT_PTR_NOT_NULL_FATAL(p);
        CU_ASSERT_EQUAL((uintptr_t)p % alignof(max_align_t), 0);
        CU_ASSERT_PTR_NOT_EQUAL(p, last);
        for (size_t k = 0; k < i * 7; k++)
            CU_ASSERT_EQUAL_FATAL(p[k], 0);
        memset(p, 0xff, i * 7);
        last = p;
    }
    EQ(arena_printf(a, "%d-%s", 5, "x"), "5-x");
    slice copy = arena_copy(a, SLICE_LIT("a\0b"));
    CU_ASSERT_EQUAL(copy.len, 3);
    CU_ASSERT_EQUAL(copy.ptr[3], '\0');
    slice parts[3] = {SLICE_LIT("a"), SLICE_EMPTY, SLICE_LIT("bc")};
    EQ(arena_concat(a, parts, 3), "abc");
    CU_ASSERT_FALSE(arena_failed(a));
    CU_ASSERT_PTR_NULL(arena_array(a, SIZE_MAX / 2, 3));
    CU_ASSERT_TRUE(arena_failed(a));
    arena_free(a);
    arena_free(NULL);
}

static void test_arena_limit(void)
{
    struct arena *a = arena_new(64);
    CU_ASSERT_PTR_NOT_NULL(arena_alloc(a, 48));
    CU_ASSERT_FALSE(arena_failed(a));
    CU_ASSERT_PTR_NULL(arena_alloc(a, 17));
    CU_ASSERT_TRUE(arena_failed(a));
    CU_ASSERT_PTR_NOT_NULL(arena_alloc(a, 16));
    CU_ASSERT_PTR_NULL(arena_copy(a, SLICE_LIT("x")).ptr);
    CU_ASSERT_PTR_NULL(arena_printf(a, "x").ptr);
    arena_free(a);
}

static void test_path(void)
{
    static const char *const clean[][2] = {
        {"", "."},       {"a", "a"},         {"a/./b//c/", "a/b/c"},
        {"a/../b", "b"}, {"../a", "../a"},   {"../../a", "../../a"},
        {"/../a", "/a"}, {"/", "/"},         {"//a", "/a"},
        {"a/..", "."},   {"a/../..", ".."},  {"/a/..", "/"},
        {"./x", "x"},    {"..a/b", "..a/b"}, {"a/b/../../c", "c"},
    };
    static const char *const join[][3] = {
        {"c.conf", "x.conf", "x.conf"},
        {"dir/c.conf", "x.conf", "dir/x.conf"},
        {"/etc/c.conf", "/x.conf", "/etc/x.conf"},
        {"dir/c.conf", "../x", "x"},
        {"./c.conf", "x", "x"},
        {"c.conf", "", "."},
    };
    struct arena *a = arena_new(0);
    for (size_t i = 0; i < sizeof clean / sizeof clean[0]; i++)
        EQ(path_clean(a, slice_str(clean[i][0])), clean[i][1]);
    for (size_t i = 0; i < sizeof join / sizeof join[0]; i++)
        EQ(path_join_dir(a, slice_str(join[i][0]), slice_str(join[i][1])), join[i][2]);
    EQ(path_base(SLICE_LIT("/a/b")), "b");
    EQ(path_base(SLICE_LIT("b")), "b");
    EQ(path_base(SLICE_LIT("a/")), "");
    arena_free(a);
}

static void test_errtext(void)
{
    char buf[ERRTEXT_MAX];
    CU_ASSERT_STRING_EQUAL(errtext(ENOENT, buf), "no such file or directory");
    CU_ASSERT_STRING_EQUAL(errtext(-EACCES, buf), "permission denied");
    CU_ASSERT_STRING_EQUAL(errtext(EADDRINUSE, buf), "address already in use");
    CU_ASSERT_STRING_EQUAL(errtext(EIO, buf), "input/output error");
    CU_ASSERT_STRING_EQUAL(errtext(ESRCH, buf), "no such process");
    CU_ASSERT_STRING_EQUAL(errtext(12345, buf), "errno 12345");
}

static void test_float_text(void)
{
    static const struct {
        double v;
        const char *want;
    } rows[] = {{0, "0"},
                {1, "1"},
                {-1.5, "-1.5"},
                {0.1, "0.1"},
                {100000.5, "100000.5"},
                {1000000, "1e+06"},
                {123456789, "1.23456789e+08"},
                {0.0001, "0.0001"},
                {0.00001, "1e-05"},
                {1e21, "1e+21"},
                {1.0 / 3, "0.3333333333333333"},
                {3.5, "3.5"},
                {999999, "999999"},
                {5e-324, "5e-324"},
                {1.7976931348623157e308, "1.7976931348623157e+308"}};
    char buf[FLOAT_TEXT_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CU_ASSERT_STRING_EQUAL(float_text(rows[i].v, buf), rows[i].want);
}

static const struct unit_test tests[] = {UNIT_TEST(test_arena), UNIT_TEST(test_arena_limit),
                                         UNIT_TEST(test_path), UNIT_TEST(test_errtext),
                                         UNIT_TEST(test_float_text)};

UNIT_MAIN("base text", tests)
