/* unit.h: the frame of a unit test program.
 *
 * A program lists its tests and calls UNIT_MAIN; CUnit runs them. The last line printed is
 * "N passed, N failed", counted in tests (not assertions), and the exit code is non-zero when one failed or
 * none ran. A single test is run with its name as argument. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

struct unit_test {
    const char *name;
    void (*run)(void);
};

#define UNIT_TEST(fn) \
    {                 \
#fn, fn       \
    }

static inline int unit_run(const char *suite, const struct unit_test *tests, size_t count, int argc,
                           char **argv)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    CU_pSuite s = CU_add_suite(suite, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        if (argc < 2 || strcmp(argv[1], tests[i].name) == 0)
            CU_add_test(s, tests[i].name, tests[i].run);
    }
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned ran = CU_get_number_of_tests_run();
    unsigned failed = CU_get_number_of_tests_failed();
    CU_cleanup_registry();
    printf("\n%u passed, %u failed\n", ran - failed, failed);
    return ran == 0 || failed != 0;
}

#define UNIT_MAIN(suite, tests)                                                        \
    int main(int argc, char **argv)                                                    \
    {                                                                                  \
        return unit_run(suite, tests, sizeof(tests) / sizeof((tests)[0]), argc, argv); \
    }

#endif
