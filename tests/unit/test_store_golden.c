/* Store directories that the Go server wrote open here with exactly what it reports of them. */
#include "store_fixture.h"

#define GOLDEN "tests/golden/store/"

struct golden_case {
    const char *dir;
    const char *account;
    const char *key;
    enum store_cipher cipher;
    size_t streams;
};

static const struct golden_case cases[] = {
    {"plain", "$G", NULL, 0, 6},
    {"encrypted-aes", "ACME", "golden-jetstream-key-1", STORE_CIPHER_AES, 2},
    {"encrypted-chacha", "$G", "golden-jetstream-key-2", STORE_CIPHER_CHACHA, 2},
    {"s2", "$G", NULL, 0, 2},
    {"s2-aes", "$G", "golden-jetstream-key-3", STORE_CIPHER_AES, 2},
    {"deletes-ttl-consumers", "$G", NULL, 0, 8},
    {"seqset", "$G", NULL, 0, 1},
    {"compacted", "$G", NULL, 0, 1},
    {"crash-base", "$G", NULL, 0, 2},
    {"crash-sigkill", "$G", NULL, 0, 6},
};

static void check_stream(struct fixture *f, const struct golden_case *c, const struct json *want,
                         bool has_index)
{
    char dir[512];
    struct store_keys keys = {.key = slice_str(c->key), .cipher = c->cipher, .info = slice_str(c->account)};
    snprintf(dir, sizeof dir, "%s/jetstream/%s/streams/%s", f->dir, c->account, want->key);
    struct file_store_options o = fixture_options(f, dir, json_get(want, "config"), &keys);
    struct store *s;
    enum store_rc rc = file_store_open(&o, &s);
    CU_ASSERT_EQUAL_FATAL(rc, STORE_OK);
    int64_t due;
    /* TTLs that passed while the server was down: gone with the first check. */
    CU_ASSERT_EQUAL(store_expire(s, FIXTURE_NOW, 1000, &due), STORE_OK);
    fixture_check_state(s, json_get(want, "state"));
    uint64_t seen = 0;
    for (const struct json *m = json_get(want, "messages")->first; m != NULL; m = m->next) {
        fixture_check_message(s, m);
        seen++;
    }
    struct store_state st;
    store_state(s, &st);
    CU_ASSERT(seen == st.msgs || strcmp(want->key, "AVL3") == 0);
    CU_ASSERT_EQUAL(store_close(s, FIXTURE_NOW), STORE_OK);
    if (f->log[0] != 0 && has_index && strcmp(want->key, "STALE") != 0 && strcmp(want->key, "TOMBX") != 0)
        printf("%s/%s: %s", c->dir, want->key, f->log);
    f->log[0] = 0;
}

static void check_case(const struct golden_case *c, const char *change)
{
    struct fixture f;
    char path[256];
    snprintf(path, sizeof path, GOLDEN "%s/store", c->dir);
    fixture_start(&f, path);
    if (change != NULL)
        fixture_shell("cd '%s' && %s", f.dir, change);
    snprintf(path, sizeof path, GOLDEN "%s/expected.json", c->dir);
    struct json *want = json_load(path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(want);
    /* Twice: what the first round wrote reads the same. */
    for (int round = 0; round < 2; round++) {
        size_t seen = 0;
        for (const struct json *s = want->first; s != NULL; s = s->next, seen++)
            check_stream(&f, c, s, change == NULL || round > 0);
        CU_ASSERT_EQUAL(seen, c->streams);
    }
    json_free(want);
    fixture_stop(&f);
}

/* covers: ST-242 ST-77 ST-53 ST-54 ST-50 ST-51 ST-67 ST-69 ST-102 ST-170 ST-180 ST-181 ST-183 ST-36 ST-63 */
static void test_golden_directories(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(&cases[i], NULL);
}

/* covers: ST-100 ST-159 */
static void test_golden_without_index(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(&cases[i], "find . -name index.db -delete; find . -name thw.db -delete");
}

/* covers: ST-101 ST-115 */
static void test_golden_with_bad_index(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(&cases[i],
                   "for x in $(find . -name index.db) $(find . -name thw.db); do printf 'short' > $x; done");
}

/* covers: ST-6 ST-149 */
static void test_foreign_names(void)
{
    check_case(
        &cases[0],
        "for d in $(find . -name msgs); do echo x > $d/7.blk.tmp; echo x > $d/3.new; echo x > $d/x.blk;"
        " echo x > $d/readme.txt; echo x > $d/1.idx; echo x > $d/1.fss; done");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_golden_directories),
    UNIT_TEST(test_golden_without_index),
    UNIT_TEST(test_golden_with_bad_index),
    UNIT_TEST(test_foreign_names),
};

UNIT_MAIN("store golden", tests)
