/* Subjects: validity and relations; the relations are compared with what literals say. */
#include "interest/subject.h"
#include "unit.h"

#define S(text) SLICE_LIT(text)

/* covers: CP-90 CP-91 (the predicates) */
static void test_valid(void)
{
    static const struct {
        const char *subject;
        bool subscription, literal, valid, publish;
    } cases[] = {
        {"foo", 1, 1, 1, 1},   {"foo.bar", 1, 1, 1, 1}, {"foo.*", 1, 0, 1, 0},  {"foo.>", 1, 0, 1, 0},
        {">", 1, 0, 1, 0},     {"*", 1, 0, 1, 0},       {"", 0, 0, 0, 0},       {".", 0, 0, 0, 0},
        {"foo.", 0, 0, 0, 0},  {".foo", 0, 0, 0, 0},    {"a..b", 0, 0, 0, 0},   {"foo.>.bar", 0, 0, 0, 0},
        {">.>", 0, 0, 0, 0},   {"foo*", 1, 1, 1, 1},    {"foo.**", 1, 1, 1, 1}, {">a", 1, 1, 1, 1},
        {"a>.b", 1, 1, 1, 1},  {"a b", 1, 1, 0, 0},     {"a.\tb", 1, 1, 0, 0},  {"a\n", 1, 1, 0, 0},
        {"a\r.b", 1, 1, 0, 0}, {"a.\f", 1, 1, 0, 0},    {"a\v", 1, 1, 1, 1},    {"\xc3\xa9.x", 1, 1, 1, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        slice s = slice_str(cases[i].subject);
        CU_ASSERT_EQUAL(subject_valid_subscription(s), cases[i].subscription);
        CU_ASSERT_EQUAL(subject_valid_literal(s), cases[i].literal);
        CU_ASSERT_EQUAL(subject_valid(s), cases[i].valid);
        CU_ASSERT_EQUAL(subject_valid_publish(s), cases[i].publish);
    }
    CU_ASSERT_EQUAL(subject_token_count(S("a.b.c")), 3);
    CU_ASSERT_EQUAL(subject_token_count(S("a")), 1);
    CU_ASSERT(subject_has_wildcard(S("a.*.c")));
    CU_ASSERT_FALSE(subject_has_wildcard(S("a.**.c")));
}

static void test_subset_by_hand(void)
{
    CU_ASSERT(subject_subset(S("foo.*"), S(">")));
    CU_ASSERT(subject_subset(S("foo.*"), S("*.*")));
    CU_ASSERT(subject_subset(S("foo.*"), S("foo.*")));
    CU_ASSERT(subject_subset(S("foo.>"), S("foo.>")));
    CU_ASSERT_FALSE(subject_subset(S("foo.*"), S("foo.bar")));
    CU_ASSERT_FALSE(subject_subset(S("foo"), S("foo.>")));
    CU_ASSERT_FALSE(subject_subset(S("foo.>"), S("foo.*")));
    CU_ASSERT_FALSE(subject_subset(S("foo..a"), S(">")));
    CU_ASSERT_FALSE(subject_subset(S(""), S(">")));
    CU_ASSERT(subject_collide(S("foo.*"), S("*.bar")));
    CU_ASSERT(subject_collide(S("foo.>"), S("foo.bar.baz")));
    CU_ASSERT_FALSE(subject_collide(S("foo.>"), S("foo")));
    CU_ASSERT_FALSE(subject_collide(S("foo.*"), S("foo.bar.baz")));
    CU_ASSERT_FALSE(subject_collide(S("foo.*.x"), S("foo.bar.y")));
}

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
        if (!subject_valid_subscription(slice_str(a)))
            continue;
        for (unsigned j = 0; j < PATTERNS; j++) {
            bool subset = true, collide = false;
            nth(j, wild, 5, b);
            if (!subject_valid_subscription(slice_str(b)))
                continue;
            for (unsigned n = 0; nth(n, lit, TOKENS, l); n++) {
                bool in_a = subject_matches(slice_str(a), slice_str(l));
                bool in_b = subject_matches(slice_str(b), slice_str(l));
                subset = subset && (!in_a || in_b);
                collide = collide || (in_a && in_b);
            }
            CU_ASSERT_EQUAL(subject_subset(slice_str(a), slice_str(b)), subset);
            CU_ASSERT_EQUAL(subject_collide(slice_str(a), slice_str(b)), collide);
        }
    }
}

static void test_matches(void)
{
    CU_ASSERT(subject_matches(S("foo.*"), S("foo.>")));
    CU_ASSERT(subject_matches(S("foo.*"), S("foo.*")));
    CU_ASSERT_FALSE(subject_matches(S("foo.bar"), S("foo.*")));
    CU_ASSERT_FALSE(subject_matches(S("foo.*"), S(">")));
    CU_ASSERT_FALSE(subject_matches(S(">"), S("a..b")));
    CU_ASSERT_FALSE(subject_matches(S(">"), S("a.")));
    CU_ASSERT_FALSE(subject_matches(S(">"), S("")));
    CU_ASSERT_FALSE(subject_matches(S("foo.>"), S("foo")));
}

static const struct unit_test tests[] = {UNIT_TEST(test_valid), UNIT_TEST(test_subset_by_hand),
                                         UNIT_TEST(test_relations_by_literals), UNIT_TEST(test_matches)};
UNIT_MAIN("subject", tests)
