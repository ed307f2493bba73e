/* How subjects relate, compared with what all short literals say. */
#include <midge/subject.h>
#include "unit.h"

enum { TOKENS = 3, LONGEST = 4, PATTERNS = 5 + 25 + 125 };

/* The n-th text of up to `longest` tokens out of a list; false when it is not there. */
static bool nth(unsigned n, const char *const *tokens, unsigned count, char *to)
{
    unsigned len = 1, block = count;
    while (n >= block) {
        n -= block;
        block *= count;
        len++;
    }
    *to = 0;
    for (unsigned i = 0; i < len; i++, n /= count) {
        strcat(to, i == 0 ? "" : ".");
        strcat(to, tokens[n % count]);
    }
    return len <= LONGEST;
}

/* For every pair of patterns out of {a, b, c, *, >} with up to three tokens: subset and collide say what the
 * literals with up to four tokens show. */
static void test_relations_by_literals(void)
{
    static const char *const wild[] = {"a", "b", "c", "*", ">"}, *const lit[] = {"a", "b", "c"};
    for (unsigned i = 0; i < PATTERNS; i++) {
        char a[32], b[32], l[32];
        nth(i, wild, 5, a);
        if (!codec_subject_is_subscription(slice_str(a)))
            continue;
        for (unsigned j = 0; j < PATTERNS; j++) {
            bool subset = true, collide = false;
            nth(j, wild, 5, b);
            if (!codec_subject_is_subscription(slice_str(b)))
                continue;
            for (unsigned n = 0; nth(n, lit, TOKENS, l); n++) {
                bool in_a = codec_subject_matches(slice_str(a), slice_str(l));
                bool in_b = codec_subject_matches(slice_str(b), slice_str(l));
                subset = subset && (!in_a || in_b);
                collide = collide || (in_a && in_b);
            }
            CU_ASSERT_EQUAL(codec_subject_subset(slice_str(a), slice_str(b)), subset);
            CU_ASSERT_EQUAL(codec_subject_collide(slice_str(a), slice_str(b)), collide);
        }
    }
}

static const struct unit_test tests[] = {UNIT_TEST(test_relations_by_literals)};
UNIT_MAIN("subject", tests)
