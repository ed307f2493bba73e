/* Restores of what anybody may have made: nothing but a whole stream comes of them, in its place or not at
 * all. */
#include "restore_rig.h"

/* covers: ST-234 */
static void test_extended_headers(void)
{
    struct rig r;
    char name[201];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    const char *names[] = {"c", "caf\xc3\xa9", name};
    for (size_t i = 0; i < 3; i++) {
        struct byte_buf b = {0};
        start(&r, 1);
        old_backup(&b, "a", names[i]);
        CU_ASSERT_EQUAL(restore(&r, &b), STORE_OK);
        if (r.why[0] != 0)
            printf("%s\n", r.why);
        else
            check_there(&r, names[i], 2);
        buf_free(&b);
        stop(&r);
    }
}

/* covers: ST-235 */
static void test_bad_extended_headers(void)
{
    static const struct {
        const char *records, *why;
    } cases[] = {
        {"13 path=../x\n", "unexpected content (account=$G)"},
        {"16 path=/etc/ab\n", "unexpected content (account=$G)"},
        {"24 path=obs/c/../../../\n", "unexpected content (account=$G)"},
        {"5 p=\n", NULL}, /* known to nobody: passed over, and the end is missing */
        {"4 p=\n", "archive/tar: invalid tar header"},
        {"99 path=x\n", "archive/tar: invalid tar header"},
        {"8 path=x\n", "archive/tar: invalid tar header"},
        {"10 path=xy", "archive/tar: invalid tar header"},
        {"10 path.x\n", "archive/tar: invalid tar header"},
        {"path=x\n", "archive/tar: invalid tar header"},
        {"18446744073709551626 path=x\n", "archive/tar: invalid tar header"},
        {"0 path=x\n", "archive/tar: invalid tar header"},
        {"28 size=9223372036854775808\n", "archive/tar: invalid tar header"},
        {"11 size=-1\n", "archive/tar: invalid tar header"},
        {"22 GNU.sparse.major=1\n", "archive/tar: invalid tar header"},
        {"22 GNU.sparse.major=1\n22 GNU.sparse.major=1\n", "archive/tar: invalid tar header"},
    };
    struct rig r;
    start(&r, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct byte_buf b = {0};
        tar_entry(&b, "x", 'x', slice_str(cases[i].records));
        tar_entry(&b, "meta.inf", '0', SLICE_LIT("{}"));
        check_refused(&r, &b, cases[i].why);
    }
    struct byte_buf b = {0}; /* two in a row; one of no file; one too large */
    tar_entry(&b, "x", 'x', SLICE_LIT("10 path=x\n"));
    tar_entry(&b, "x", 'x', SLICE_LIT("10 path=x\n"));
    check_refused(&r, &b, "archive/tar: invalid tar header");
    tar_entry(&b, "x", 'x', SLICE_LIT("10 path=x\n"));
    tar_end(&b);
    check_refused(&r, &b, "archive/tar: invalid tar header");
    tar_head(&b, "x", 'x', 1 << 21);
    check_refused(&r, &b, "archive/tar: invalid tar header");
    tar_entry(&b, "g", 'g', SLICE_LIT("10 path=x\n"));
    check_refused(&r, &b, "unexpected content (account=$G)");
    stop(&r);
}

/* A backup may state less than it holds: what is there counts. */
static void test_sizes_that_lie(void)
{
    struct rig r;
    struct byte_buf b = {0};
    start(&r, 1);
    whole(&b); /* states 40 bytes */
    CU_ASSERT_EQUAL(restore(&r, &b), STORE_OK);
    CU_ASSERT_EQUAL(r.admit_bytes, 2 * (30 + 1 + 3));
    CU_ASSERT_EQUAL(r.admit_msgs, 2);
    CU_ASSERT_EQUAL(files_remove_tree(r.disk, DIR), STORE_OK);
    r.admit_below = 60;
    check_refused(&r, &b, "insufficient storage resources available");
    /* Of an old one nothing tells the size but its members. */
    tar_entry(&b, "meta.inf", '0', SLICE_LIT("{}"));
    tar_head(&b, "msgs/1.blk", '0', 1000);
    check_refused(&r, &b, "insufficient storage resources available");
    CU_ASSERT_EQUAL(r.admit_bytes, 1002);
    r.admit_below = 0;
    tar_entry(&b, "x", 'x', SLICE_LIT("28 size=9000000000000000000\n"));
    tar_head(&b, "msgs/1.blk", '0', 1);
    tar_end(&b);
    check_refused(&r, &b, "unexpected EOF");
    stop(&r);
}

/* A subject goes into protocol lines as it is. */
static void test_subjects_that_cannot_be(void)
{
    static const char *const subjects[] = {"", "a b", "a\r\nMSG x 1 0\r\n", "a\tb", "a\n"};
    struct rig r;
    start(&r, 1);
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        struct byte_buf b = {0};
        head(&b, 1, 1);
        entry(&b, slice_str(subjects[i]), 1, "x");
        entry(&b, SLICE_EMPTY, 0, "");
        check_refused(&r, &b, "archive: invalid archive stream");
        old_backup(&b, subjects[i], "c");
        check_refused(&r, &b, NULL);
    }
    stop(&r);
}

/* Sequences that are far away take neither time nor room. */
static void test_far_sequences(void)
{
    struct rig r;
    struct store *s;
    struct store_state st;
    struct byte_buf b = {0};
    start(&r, 1);
    head(&b, 1, STORE_SEQUENCE_MAX);
    entry(&b, SLICE_LIT("a"), 1, "x");
    entry(&b, SLICE_LIT("a"), UINT64_C(1) << 61, "x");
    entry(&b, SLICE_EMPTY, 0, "");
    CU_ASSERT_EQUAL(restore(&r, &b), STORE_OK);
    struct file_store_options o = options(&r);
    CU_ASSERT_EQUAL_FATAL(file_store_open(&o, &s), STORE_OK);
    store_state(s, &st);
    CU_ASSERT_EQUAL(st.msgs, 2);
    CU_ASSERT_EQUAL(st.last, STORE_SEQUENCE_MAX);
    CU_ASSERT_EQUAL(store_destroy(s), STORE_OK);
    buf_free(&b);
    head(&b, 1, STORE_SEQUENCE_MAX + 1);
    entry(&b, SLICE_LIT("a"), 1, "x");
    entry(&b, SLICE_EMPTY, 0, "");
    check_refused(&r, &b, NULL);
    stop(&r);
}

static void check_meta(const char *config, const char *want)
{
    struct byte_buf b = {0};
    backup_put_consumer_meta(&b, SLICE_LIT("c"), slice_str(config), 0);
    CU_ASSERT(slice_eq_str(buf_view(&b), want));
    if (!slice_eq_str(buf_view(&b), want))
        printf("%s: %.*s\n", config, (int)b.len, (char *)b.ptr);
    buf_free(&b);
}

/* The name is that of the entry, whatever the configuration says. */
static void test_names_in_a_configuration(void)
{
#define MADE "{\"Created\":\"1970-01-01T00:00:00Z\",\"Name\":\"c\""
    check_meta("{}", MADE "}");
    check_meta("{ }", MADE "}");
    check_meta("{\"name\":\"x\"}", MADE ",\"name\":\"x\"}");
    check_meta("{\"Name\":\"x\"}", MADE "}");
    check_meta("{\"\\u004eame\":\"x\",\"a\":1}", MADE ",\"a\":1}");
}

/* A tar header gets its checksum anew, so that what was changed in it is looked at. */
static void sum_again(uint8_t *h)
{
    unsigned sum = 0;
    memset(h + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK_SIZE; i++)
        sum += h[i];
    snprintf((char *)h + 148, 8, "%06o", sum);
}

/* Change a few bytes, or cut it. */
static void spoil(struct sched *s, struct byte_buf *b, bool tar)
{
    if (sched_rand(s) % 8 == 0)
        b->len = sched_rand(s) % b->len;
    for (uint64_t n = sched_rand(s) % 4; b->len > TAR_BLOCK_SIZE && n < 4; n++) {
        size_t at = sched_rand(s) % b->len, block = at / TAR_BLOCK_SIZE * TAR_BLOCK_SIZE;
        static const uint8_t likely[] = {0, '/', '.', '7', '9', 0x80, 0xff, '='};
        b->ptr[at] = n % 2 == 0 ? (uint8_t)sched_rand(s) : likely[sched_rand(s) % sizeof likely];
        if (tar && block + TAR_BLOCK_SIZE <= b->len && b->ptr[block + 154] == 0)
            sum_again(b->ptr + block);
    }
}

static int count_name(void *ctx, const char *name, bool is_dir)
{
    (void)name;
    (void)is_dir;
    ++*(size_t *)ctx;
    return 0;
}

/* Whatever the bytes are: a stream that opens, or nothing; and nothing beside it. */
static void test_any_bytes(void)
{
    struct byte_buf sound[2] = {{0}, {0}};
    whole(&sound[0]);
    old_backup(&sound[1], "a", "c");
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct rig r;
        struct byte_buf b = {0};
        struct store *s;
        size_t names = 0;
        start(&r, seed);
        buf_slice(&b, buf_view(&sound[seed % 2]));
        spoil(r.sched, &b, seed % 2);
        enum store_rc rc = restore(&r, &b);
        CU_ASSERT_EQUAL(rc == STORE_OK, exists(&r, DIR));
        CU_ASSERT_FALSE(exists(&r, STAGING));
        struct file_store_options o = options(&r);
        if (rc == STORE_OK) {
            CU_ASSERT_EQUAL_FATAL(file_store_open(&o, &s), STORE_OK);
            CU_ASSERT_EQUAL(store_close(s, NOW), STORE_OK);
        }
        CU_ASSERT_EQUAL(disk_list(r.disk, "/", count_name, &names), 0);
        CU_ASSERT_EQUAL(names, 1); /* js */
        buf_free(&b);
        stop(&r);
    }
    buf_free(&sound[0]);
    buf_free(&sound[1]);
}

/* As in the Go server a consumer comes with both its parts. */
static void test_parts_of_a_consumer(void)
{
    static const char *const bad[] = {
        "",
        "{}",
        "{\"config\":{}}",
        "{\"config\":{},\"state\":null}",
        "{\"state\":{}}",
        "{\"config\":[],\"state\":{}}",
        "{\"config\":{},\"state\":{}} x",
        "{\"config\":{},\"state\":{\"pending\":{\"0\":{}}}}",
        "{\"config\":{},\"state\":{\"pending\":{\"1\":{}}}}", /* behind what was delivered */
        "{\"config\":{},\"state\":{\"redelivered\":{\"18446744073709551616\":1}}}",
        "{\"config\":{},\"state\":{\"ack_floor\":{\"stream_seq\":1}}}",
        "{\"config\":{},\"state\":{\"ack_floor\":{\"consumer_seq\":-1}}}",
    };
    struct rig r;
    start(&r, 1);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct byte_buf b = {0};
        head(&b, 1, 1);
        entry(&b, SLICE_LIT("consumers/c"), 0, bad[i]);
        entry(&b, SLICE_LIT("a"), 1, "x");
        entry(&b, SLICE_EMPTY, 0, "");
        check_refused(&r, &b, NULL);
    }
    stop(&r);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_extended_headers), UNIT_TEST(test_bad_extended_headers),
    UNIT_TEST(test_sizes_that_lie),   UNIT_TEST(test_subjects_that_cannot_be),
    UNIT_TEST(test_far_sequences),    UNIT_TEST(test_names_in_a_configuration),
    UNIT_TEST(test_any_bytes),        UNIT_TEST(test_parts_of_a_consumer),
};

UNIT_MAIN("store restore", tests)
