/* The configuration on the Go server itself: the recorded messages of config_cases.h are what it says, and
 * texts made at random parse to the same tree (its digest) or fail with the same words. Skipped without
 * NATS_SERVER.
 *
 * covers: CF-1 CF-2 CF-5 CF-18 CF-36 CF-38 CF-57 CF-63 CF-64 CF-65 */
#include "base/arena.h"
#include "base/config_tree.h"
#include "config_cases.h"
#include "config_folder.h"
#include "server/options_read.h"
#include "unit.h"

enum { ANSWER_MAX = 64 * 1024, ASKED_MAX = 30, RANDOM_DOCUMENTS = 300 };

static const char *go;

/* What `-t` prints for c.conf, without the program's prefix; a NUL follows. */
static slice ask_go(char *buf)
{
    char command[512];
    snprintf(command, sizeof command, "'%s' -t -c c.conf 2>&1", go);
    FILE *f = popen(command, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    slice answer = slice_make(buf, fread(buf, 1, ANSWER_MAX - 1, f));
    buf[answer.len] = '\0';
    pclose(f);
    CU_ASSERT_TRUE_FATAL(slice_starts(answer, SLICE_LIT("nats-server: ")));
    return slice_from(answer, strlen("nats-server: "));
}

/* ---- recorded cases ---- */

static bool has_line(slice text, slice line)
{
    while (text.len > 0) {
        const uint8_t *lf = memchr(text.ptr, '\n', text.len);
        slice one = lf == NULL ? text : slice_first(text, (size_t)(lf - text.ptr));
        if (slice_eq(one, line))
            return true;
        text = slice_from(text, one.len + 1);
    }
    return false;
}

/* Every line of a, empty ones apart, is one of b. */
static bool lines_in(slice a, slice b)
{
    while (a.len > 0) {
        const uint8_t *lf = memchr(a.ptr, '\n', a.len);
        slice one = lf == NULL ? a : slice_first(a, (size_t)(lf - a.ptr));
        if (one.len > 0 && !has_line(b, one))
            return false;
        a = slice_from(a, one.len + 1);
    }
    return true;
}

static bool says(slice got, slice want)
{
    if (want.len == 0)
        return slice_starts(got, SLICE_LIT("configuration file c.conf is valid (sha256:"));
    return lines_in(got, want) && lines_in(want, got);
}

/* Go reads the keys of a block in random order, and an error may end the block: the recorded answer is one of
 * those that it gives. */
static void check_case(const struct config_case *c)
{
    static char buf[ANSWER_MAX];
    slice got = SLICE_EMPTY;
    bool ok = false;
    config_folder_text("c.conf", c->text);
    for (int i = 0; i < ASKED_MAX && !ok; i++) {
        got = ask_go(buf);
        ok = says(got, slice_str(c->want));
    }
    CU_ASSERT_TRUE(ok);
    if (!ok)
        printf("\n  text: %s\n  recorded: %s\n  Go says:  %.*s\n", c->text, c->want, (int)got.len,
               (const char *)got.ptr);
}

#define CASES(name)                                                               \
    static void test_##name(void)                                                 \
    {                                                                             \
        for (size_t i = 0; i < sizeof cases_##name / sizeof cases_##name[0]; i++) \
            check_case(&cases_##name[i]);                                         \
    }

CASES(general)
CASES(listen)
CASES(limits)
CASES(durations)
CASES(authorization)
CASES(permissions)
CASES(accounts)
CASES(tls)

/* ---- random texts ---- */

struct maker {
    uint64_t state;
    char text[4096];
    size_t len;
};

static unsigned below(struct maker *m, unsigned n)
{
    m->state = m->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(m->state >> 33) % n;
}

static void put(struct maker *m, slice s)
{
    if (s.len > sizeof m->text - m->len)
        return;
    memcpy(m->text + m->len, s.ptr, s.len);
    m->len += s.len;
}

#define PICK(m, ...)                                                               \
    do {                                                                           \
        static const char *const picks_[] = {__VA_ARGS__};                         \
        put((m), slice_str(picks_[below((m), sizeof picks_ / sizeof picks_[0])])); \
    } while (0)

static void put_token(struct maker *m)
{
    if (below(m, 60) == 0) {
        put(m, SLICE_LIT("\0"));
        return;
    }
    PICK(m, "a", "b", "port", "host", "include ", "include f.inc", "'", "\"", "{", "}", "[", "]", "(", ")",
         "\n", " ", "\t", ":", "=", ",", ";", "#", "//", "/", "$a", "$E1", "$E2", "$E3", "$", "1", "-", "1k",
         "1kb", "1kbb", "1.5", ".", "-1", "1e5", "2020-01-02T03:04:05Z", "12-", "2020-", "true", "off", "YES",
         "\\", "\\x41", "\\n", "\\\"", "\\q", "\\x4", "\r", "\xe2\x80\xa8", "\xc3\xa9", "\xc2\xa0", "(\n",
         "\n)", "\n)\n", "<", "$2a$x", "9eb", "99999999999999999999", "1.2.3", "-.5", "\xef\xbb\xbf",
         "INCLUDE ", "k", "foo bar", "x-y", "\"a\"", "'b'", "127.0.0.1:4", "}\n", "\xff", "\xe2\x80");
}

static void put_value(struct maker *m, unsigned depth)
{
    unsigned kind = below(m, 100);
    if (kind < 12 && depth < 3) {
        PICK(m, "[ ", "[", "[\n");
        for (unsigned i = below(m, 4); i > 0; i--) {
            put_value(m, depth + 1);
            PICK(m, ", ", ",", "\n");
        }
        PICK(m, " ]", "]", "\n]");
    } else if (kind < 25 && depth < 3) {
        PICK(m, "{ ", "{", "{\n");
        for (unsigned i = below(m, 4); i > 0; i--) {
            PICK(m, "a: ", "b=", "c ", "\"d\":");
            put_value(m, depth + 1);
            PICK(m, "; ", ",", "\n");
        }
        PICK(m, " }", "}", "\n}");
    } else {
        for (unsigned i = kind < 60 ? 1 + below(m, 3) : 1; i > 0; i--)
            put_token(m);
    }
}

/* In a resolver map Go takes any key and value, so that a text that parses shows its digest. */
static void make_document(struct maker *m)
{
    unsigned kind = below(m, 100);
    m->len = 0;
    if (kind < 25) {
        for (unsigned i = 1 + below(m, 13); i > 0; i--)
            put_token(m);
        return;
    }
    if (kind < 70)
        PICK(m, "resolver {type: MEM\n", "a: 5\nresolver { type: MEM\n");
    for (unsigned i = 1 + below(m, 4); i > 0; i--) {
        PICK(m, "a: ", "b=", "x ", "y:", "\"q\" ", "'s s'=");
        put_value(m, 0);
        PICK(m, "\n", "\n", ", ", ";");
    }
    if (kind < 70)
        PICK(m, "\n}", "}", " }\n");
}

/* A value of the tree stands where Go reports one. */
static bool has_place(const struct cfg_value *v, int line, int col)
{
    if (v->line == line && v->col == col)
        return true;
    if (v->type == CFG_MAP) {
        for (const struct cfg_entry *e = v->map->first; e != NULL; e = e->next)
            if (has_place(e->value, line, col))
                return true;
    } else if (v->type == CFG_LIST) {
        for (size_t i = 0; i < v->list->count; i++)
            if (has_place(v->list->items[i], line, col))
                return true;
    }
    return false;
}

static bool same(slice said, const struct cfg_value *root, slice error, struct arena *a)
{
    static const char valid[] = "configuration file c.conf is valid (";
    if (slice_starts(said, slice_str(valid))) {
        slice digest = root == NULL ? SLICE_EMPTY : opt_digest(root, a);
        return digest.len > 0 && slice_starts(slice_from(said, sizeof valid - 1), digest);
    }
    int line, col;
    bool option = slice_starts(said, SLICE_LIT("c.conf:")) || slice_starts(said, SLICE_LIT("f.inc:"));
    if (!option)
        return root == NULL && said.len == error.len + 1 && slice_eq(slice_first(said, error.len), error);
    if (root == NULL)
        return false;
    bool placed = sscanf((const char *)said.ptr, "c.conf:%d:%d: unknown field", &line, &col) == 2;
    return !placed || has_place(root, line, col);
}

static void test_random(void)
{
    static char buf[ANSWER_MAX];
    static struct maker m = {.state = 20260115};
    config_folder_text("f.inc", "inc1: 5\ninc2 { z: 1 }\n");
    setenv("E1", "1kb", 1);
    setenv("E2", "[1, 2 ]", 1);
    setenv("E3", "$E4", 1);
    setenv("E4", "{a: $E1, b: $E3}", 1);
    for (int i = 0; i < RANDOM_DOCUMENTS; i++) {
        make_document(&m);
        config_folder_write("c.conf", m.text, m.len);
        slice said = ask_go(buf), error;
        struct arena *a = arena_new(0);
        const struct cfg_value *root = cfg_parse_file(&cfg_source_system, "c.conf", a, &error);
        bool ok = same(said, root, error, a);
        CU_ASSERT_TRUE(ok);
        if (!ok)
            printf("\n  text: %.*s\n  Go says: %.*s\n  here:    %.*s\n", (int)m.len, m.text, (int)said.len,
                   (const char *)said.ptr, (int)error.len, (const char *)error.ptr);
        arena_free(a);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_general),   UNIT_TEST(test_listen),        UNIT_TEST(test_limits),
    UNIT_TEST(test_durations), UNIT_TEST(test_authorization), UNIT_TEST(test_permissions),
    UNIT_TEST(test_accounts),  UNIT_TEST(test_tls),           UNIT_TEST(test_random),
};

int main(int argc, char **argv)
{
    go = getenv("NATS_SERVER");
    if (go == NULL || go[0] == '\0') {
        printf("SKIP test_config_parity: NATS_SERVER names no Go server\n0 passed, 0 failed, 9 skipped\n");
        return 0;
    }
    struct config_folder folder;
    config_folder_enter(&folder);
    int rc = unit_run("config parity", tests, sizeof tests / sizeof tests[0], argc, argv);
    config_folder_leave(&folder);
    return rc;
}
