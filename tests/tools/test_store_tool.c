/* The store tool on directories of the Go server: what it says of them is what that server says, it names
 * damage precisely, it never changes a byte, and what it salvages the Go server opens. */
#include "go_server.h"
#include "store_fixture.h"
#include <midge/value.h>
#include <stdarg.h>

#define GOLDEN "tests/golden/store/"

struct golden_case {
    const char *dir;
    const char *account;
    const char *key;
    const char *cipher;
};

static const struct golden_case cases[] = {
    {"plain", "$G", NULL, NULL},
    {"encrypted-aes", "ACME", "golden-jetstream-key-1", "aes"},
    {"encrypted-chacha", "$G", "golden-jetstream-key-2", "chacha"},
    {"s2", "$G", NULL, NULL},
    {"s2-aes", "$G", "golden-jetstream-key-3", "aes"},
    {"deletes-ttl-consumers", "$G", NULL, NULL},
    {"seqset", "$G", NULL, NULL},
    {"compacted", "$G", NULL, NULL},
    {"crash-base", "$G", NULL, NULL},
    {"crash-sigkill", "$G", NULL, NULL},
};
#define CASES (sizeof cases / sizeof cases[0])

/* ---- running it ---- */

struct ran {
    char *out;
    size_t len;
    char *err;
    int code;
};

static struct ran run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static struct ran run(const char *fmt, ...)
{
    char args[2048], cmd[4096], err[64] = "/tmp/midge-store-err-XXXXXX";
    va_list list;
    va_start(list, fmt);
    vsnprintf(args, sizeof args, fmt, list);
    va_end(list);
    int fd = mkstemp(err);
    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
    snprintf(cmd, sizeof cmd, "%s %s 2>%s", MIDGE_STORE, args, err);
    FILE *p = popen(cmd, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    struct ran r = {.out = malloc(1)};
    size_t cap = 0, n;
    do {
        cap = cap * 2 + 65536;
        r.out = realloc(r.out, cap + 1);
        n = fread(r.out + r.len, 1, cap - r.len, p);
        r.len += n;
    } while (n > 0);
    r.out[r.len] = 0;
    r.code = WEXITSTATUS(pclose(p));
    size_t len;
    r.err = json_read_file(err, &len);
    unlink(err);
    return r;
}

static void drop(struct ran *r)
{
    free(r->out);
    free(r->err);
}

/* The lines of JSON as one list. */
static struct json *lines_of(const struct ran *r)
{
    struct json *list = calloc(1, sizeof *list), **tail = &list->first;
    list->type = JSON_ARRAY;
    for (const char *p = r->out; *p != 0;) {
        *tail = json_value(&p);
        tail = &(*tail)->next;
        json_space(&p);
    }
    return list;
}

/* Names, sizes, times and contents of all that lies in a folder. */
static char *picture(const char *dir)
{
    char cmd[1024];
    snprintf(cmd, sizeof cmd,
             "cd '%s' && { find . -printf '%%p %%y %%s %%T@\\n' | sort; find . -type f -print0 | sort -z | "
             "xargs -0 sha256sum; }",
             dir);
    FILE *p = popen(cmd, "r");
    char *text = malloc(1 << 20);
    text[fread(text, 1, (1 << 20) - 1, p)] = 0;
    pclose(p);
    CU_ASSERT_FATAL(strlen(text) > 10);
    return text;
}

static const char *key_args(const struct golden_case *c)
{
    static char text[128];
    text[0] = 0;
    if (c->key != NULL)
        snprintf(text, sizeof text, "--key %s --cipher %s", c->key, c->cipher);
    return text;
}

/* ---- info and dump ---- */

static void check_info(const struct golden_case *c, const struct json *expected)
{
    struct ran r = run("info --format json --as-of now %s " GOLDEN "%s/store", key_args(c), c->dir);
    struct json *list = lines_of(&r);
    CU_ASSERT_EQUAL(r.code, 0);
    const struct json *got = list->first;
    for (const struct json *s = expected->first; s != NULL; s = s->next, got = got->next) {
        const struct json *state = json_get(s, "state"), *consumers = json_get(s, "consumers");
        CU_ASSERT_PTR_NOT_NULL_FATAL(got);
        CU_ASSERT_STRING_EQUAL(json_text(json_get(got, "stream")), s->key);
        CU_ASSERT_STRING_EQUAL(json_text(json_get(got, "account")), c->account);
        static const char *const same[] = {"messages", "bytes", "first_seq", "last_seq", "num_subjects"};
        for (size_t i = 0; i < 5; i++)
            CU_ASSERT_EQUAL(json_u64(json_get(got, same[i])), json_u64(json_get(state, same[i])));
        if (json_u64(json_get(state, "last_seq")) > 0) /* a never used stream "has" sequence 0 deleted */
            CU_ASSERT_EQUAL(json_u64(json_get(got, "num_deleted")), json_u64(json_get(state, "num_deleted")));
        CU_ASSERT_STRING_EQUAL(json_text(json_get(got, "first_ts")), json_text(json_get(state, "first_ts")));
        CU_ASSERT_STRING_EQUAL(json_text(json_get(got, "last_ts")), json_text(json_get(state, "last_ts")));
        CU_ASSERT_EQUAL(json_u64(json_get(got, "consumers")), json_u64(json_get(state, "consumer_count")));
        const struct json *have = json_get(got, "consumer_states")->first;
        for (const struct json *w = consumers->first; w != NULL; w = w->next, have = have->next) {
            CU_ASSERT_PTR_NOT_NULL_FATAL(have);
            CU_ASSERT_STRING_EQUAL(json_text(json_get(have, "name")), w->key);
            static const char *const positions[] = {"delivered", "ack_floor"};
            for (size_t i = 0; i < 2; i++) {
                const struct json *a = json_get(have, positions[i]), *b = json_get(w, positions[i]);
                CU_ASSERT_EQUAL(json_u64(json_get(a, "consumer_seq")), json_u64(json_get(b, "consumer_seq")));
                CU_ASSERT_EQUAL(json_u64(json_get(a, "stream_seq")), json_u64(json_get(b, "stream_seq")));
            }
            CU_ASSERT_EQUAL(json_u64(json_get(have, "num_ack_pending")),
                            json_u64(json_get(w, "num_ack_pending")));
        }
    }
    CU_ASSERT_PTR_NULL(got);
    json_free(list);
    drop(&r);
}

/* A member, or its base64 form. */
static slice bytes_of(const struct json *m, const char *key, uint8_t **owned)
{
    char b64[32];
    const struct json *plain = json_get(m, key);
    size_t len;
    *owned = NULL;
    snprintf(b64, sizeof b64, "%s_b64", key);
    if (plain != NULL)
        return slice_make(plain->text, plain->len);
    *owned = go_base64(json_text(json_get(m, b64)), &len);
    return slice_make(*owned, len);
}

static void check_message(const struct json *got, const struct json *want)
{
    uint8_t *a, *b;
    slice data = bytes_of(got, "data", &a), hdr = bytes_of(got, "headers", &b);
    CU_ASSERT_EQUAL(json_u64(json_get(got, "seq")), json_u64(json_get(want, "seq")));
    CU_ASSERT_STRING_EQUAL(json_text(json_get(got, "subject")), json_text(json_get(want, "subject")));
    CU_ASSERT_STRING_EQUAL(json_text(json_get(got, "time")), json_text(json_get(want, "time")));
    CU_ASSERT(slice_eq_str(hdr, json_text(json_get(want, "hdrs"))));
    const struct json *text = json_get(want, "data"), *hex = json_get(want, "data_hex");
    if (text != NULL) {
        CU_ASSERT(slice_eq(data, slice_make(text->text, text->len)));
    } else if (hex != NULL) {
        size_t len;
        uint8_t *bytes = json_hex(hex->text, &len);
        CU_ASSERT(slice_eq(data, slice_make(bytes, len)));
        free(bytes);
    } else {
        uint8_t digest[SHA256_DIGEST_LENGTH];
        char sum[2 * SHA256_DIGEST_LENGTH + 1];
        SHA256(data.ptr, data.len, digest);
        for (size_t i = 0; i < sizeof digest; i++)
            snprintf(sum + 2 * i, 3, "%02x", digest[i]);
        CU_ASSERT_STRING_EQUAL(sum, json_text(json_get(want, "data_sha256")));
    }
    free(a);
    free(b);
}

static void check_dump(const struct golden_case *c, const struct json *expected)
{
    for (const struct json *s = expected->first; s != NULL; s = s->next) {
        struct ran r = run("dump --as-of now %s --account '%s' --stream %s " GOLDEN "%s/store", key_args(c),
                           c->account, s->key, c->dir);
        struct json *list = lines_of(&r);
        const struct json *got = list->first;
        CU_ASSERT_EQUAL(r.code, 0);
        for (const struct json *w = json_get(s, "messages")->first; w != NULL; w = w->next) {
            CU_ASSERT_PTR_NOT_NULL_FATAL(got);
            CU_ASSERT_STRING_EQUAL(json_text(json_get(got, "stream")), s->key);
            CU_ASSERT_STRING_EQUAL(json_text(json_get(got, "account")), c->account);
            check_message(got, w);
            got = got->next;
        }
        CU_ASSERT(got == NULL || strcmp(s->key, "AVL3") == 0);
        json_free(list);
        drop(&r);
    }
}

/* covers: ST-242 ST-77 ST-87 ST-88 */
static void test_golden(void)
{
    for (size_t i = 0; i < CASES; i++) {
        char path[256];
        unsigned before = CU_get_number_of_failures();
        snprintf(path, sizeof path, GOLDEN "%s/store", cases[i].dir);
        char *was = picture(path);
        snprintf(path, sizeof path, GOLDEN "%s/expected.json", cases[i].dir);
        struct json *expected = json_load(path);
        CU_ASSERT_PTR_NOT_NULL_FATAL(expected);
        check_info(&cases[i], expected);
        check_dump(&cases[i], expected);
        struct ran r = run("verify %s " GOLDEN "%s/store", key_args(&cases[i]), cases[i].dir);
        CU_ASSERT_EQUAL(r.code, 0);
        CU_ASSERT_PTR_NULL(strstr(r.out, "DAMAGE"));
        CU_ASSERT_PTR_NOT_NULL(strstr(r.out, "no damage"));
        if (CU_get_number_of_failures() > before)
            printf("in %s: %s%s", cases[i].dir, r.out, r.err);
        drop(&r);
        snprintf(path, sizeof path, GOLDEN "%s/store", cases[i].dir);
        char *is = picture(path);
        CU_ASSERT_STRING_EQUAL(was, is);
        free(was);
        free(is);
        json_free(expected);
    }
}

/* After a change of keys: the present key opens nothing of what the one before it wrote. covers: ST-86 */
static void test_previous_key(void)
{
    static const char *const dirs[] = {"encrypted-aes", "encrypted-chacha"};
    for (size_t i = 0; i < 2; i++) {
        const struct golden_case *c = &cases[i + 1];
        CU_ASSERT_STRING_EQUAL_FATAL(c->dir, dirs[i]);
        char *was = picture(GOLDEN), *is;
        struct ran now = run("dump --key %s " GOLDEN "%s/store", c->key, c->dir);
        struct ran then = run("dump --key another --prev-key %s " GOLDEN "%s/store", c->key, c->dir);
        struct ran info = run("info --key another --prev-key %s " GOLDEN "%s/store", c->key, c->dir);
        struct ran wrong = run("dump --key another --prev-key third " GOLDEN "%s/store", c->dir);
        CU_ASSERT(now.code == 0 && then.code == 0 && info.code == 0 && now.len > 1000);
        CU_ASSERT_STRING_EQUAL(now.out, then.out);
        CU_ASSERT_EQUAL(wrong.code, 2);
        CU_ASSERT_PTR_NOT_NULL(strstr(wrong.err, "does not open it"));
        is = picture(GOLDEN);
        CU_ASSERT_STRING_EQUAL(was, is);
        free(was);
        free(is);
        drop(&now);
        drop(&then);
        drop(&info);
        drop(&wrong);
    }
}

/* MessagePack says what JSON says. */
static void test_msgpack(void)
{
    static uint8_t room[1 << 20], text[1 << 20];
    struct ran json = run("dump " GOLDEN "deletes-ttl-consumers/store");
    struct ran pack = run("dump --format msgpack " GOLDEN "deletes-ttl-consumers/store");
    struct codec_out out = codec_out_on(text, sizeof text);
    slice in = slice_make(pack.out, pack.len);
    while (in.len > 0) {
        struct codec_arena arena = codec_arena_on(room, sizeof room);
        struct codec_value v;
        size_t need;
        enum codec_value_error e;
        CU_ASSERT_EQUAL_FATAL(codec_value_read_msgpack(&in, 1 << 20, &arena, &v, &need, &e), CODEC_EVENT);
        CU_ASSERT_TRUE(codec_value_write_json(&out, &v));
        codec_out_byte(&out, '\n');
    }
    CU_ASSERT(codec_out_ok(&out) && json.len > 1000);
    CU_ASSERT(slice_eq(codec_out_slice(&out), slice_make(json.out, json.len)));
    drop(&json);
    drop(&pack);
}

static uint64_t count_lines(const char *args)
{
    struct ran r = run("dump %s " GOLDEN "plain/store", args);
    uint64_t n = 0;
    for (const char *p = r.out; (p = strchr(p, '\n')) != NULL; p++)
        n++;
    CU_ASSERT_EQUAL(r.code, 0);
    drop(&r);
    return n;
}

static void test_filters(void)
{
    CU_ASSERT_EQUAL(count_lines("--stream EVENTS"), 60);
    CU_ASSERT_EQUAL(count_lines("--stream EVENTS --subject 'events.1'"), 15);
    CU_ASSERT_EQUAL(count_lines("--subject 'events.*'"), 60);
    CU_ASSERT_EQUAL(count_lines("--subject '$KV.>'"), 3);
    CU_ASSERT_EQUAL(count_lines("--stream EVENTS --from 11 --to 20"), 10);
    CU_ASSERT_EQUAL(count_lines("--stream EVENTS --since 2026-11-23T06:52:11.885982493Z"), 1);
    CU_ASSERT_EQUAL(count_lines("--stream EVENTS --until 2026-11-23T06:52:11.878448321Z"), 1);
}

static void test_errors(void)
{
    static const struct {
        const char *args;
        int code;
        const char *says;
    } asks[] = {
        {"info /nonexistent", 1, "no folder `jetstream`"},
        {"info --stream NOPE " GOLDEN "plain/store", 1, "no such stream"},
        {"dump " GOLDEN "encrypted-aes/store", 2, "no key was given"},
        {"dump --key wrong " GOLDEN "encrypted-aes/store", 2, "does not open it"},
        {"verify --key wrong " GOLDEN "encrypted-chacha/store", 2, ""},
        {"dump --format text " GOLDEN "plain/store", 1, "dump has no format"},
        {"dump --from x " GOLDEN "plain/store", 1, "no value"},
        {"dump --cipher rot13 " GOLDEN "plain/store", 1, "no value"},
        {"dump", 1, "usage: midge store dump"},
        {"what", 1, "no such command"},
        {"repair " GOLDEN "plain/store " GOLDEN "plain/store", 1, "there is a store already"},
    };
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        struct ran r = run("%s", asks[i].args);
        CU_ASSERT_EQUAL(r.code, asks[i].code);
        CU_ASSERT_PTR_NOT_NULL(strstr(r.err, asks[i].says));
        if (r.code != asks[i].code)
            printf("%s: %s", asks[i].args, r.err);
        drop(&r);
    }
    static const char *const commands[] = {"ls", "info", "dump", "verify", "repair", "bench"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        char want[64];
        struct ran r = run("%s --help", commands[i]);
        snprintf(want, sizeof want, "usage: midge store %s", commands[i]);
        CU_ASSERT_EQUAL(r.code, 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(r.out, want));
        drop(&r);
    }
    struct ran r = run("ls " GOLDEN "plain/store");
    CU_ASSERT_PTR_NOT_NULL(strstr(r.out, "EVENTS"));
    drop(&r);
    r = run("bench --count 2000 --format json /tmp");
    CU_ASSERT_EQUAL(r.code, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.out, "durable append"));
    drop(&r);
}

/* ---- damage ---- */

#define INVERT                                                                                \
    "invert() { b=$(od -An -tu1 -j$2 -N1 $1); printf \"\\\\$(printf %%03o $((255 - b)))\" | " \
    "dd of=$1 bs=1 seek=$2 conv=notrunc status=none; }; "

/* One bit of a byte. */
#define FLIP                                                                               \
    "flip() { b=$(od -An -tu1 -j$2 -N1 $1); printf \"\\\\$(printf %%03o $((b ^ 16)))\" | " \
    "dd of=$1 bs=1 seek=$2 conv=notrunc status=none; }; "

static const struct damage_case {
    const char *command;
    const char *finding; /* a line of the report */
    uint64_t good;       /* messages of ONE and MULTI that can be had */
    bool note;           /* no damage: a start puts it right */
} damages[] = {
    {"printf '\\057\\000\\000\\000garbage-tail' >> ONE/msgs/1.blk",
     "DAMAGE  msgs/1.blk: offset 420: 16 bytes at the end are no whole record", 90, false},
    {"truncate -s -7 ONE/msgs/1.blk", "DAMAGE  msgs/1.blk: offset 378: 35 bytes at the end", 89, false},
    {"truncate -s -7 ONE/msgs/1.blk", "DAMAGE  msgs/1.blk: it ends at message 9; index.db knows of 10", 89,
     false},
    {INVERT "invert ONE/msgs/1.blk 202", "DAMAGE  msgs/1.blk: offset 168: the checksum of message 5", 89,
     false},
    {INVERT "invert ONE/msgs/1.blk 202; rm ONE/msgs/index.db",
     "DAMAGE  msgs/1.blk: offset 168: the checksum of message 5", 89, false},
    {FLIP "flip ONE/msgs/1.blk 202; rm ONE/msgs/index.db",
     "DAMAGE  msgs/1.blk: offset 168: the record is damaged, and its checksum tells how to mend it", 90,
     false},
    {INVERT "invert ONE/msgs/1.blk 169", "DAMAGE  msgs/1.blk: offset 168: the record is damaged, and its", 90,
     false},
    {"rm ONE/msgs/index.db", "note    msgs/index.db: missing", 90, true},
    {INVERT "invert ONE/msgs/index.db 5", "DAMAGE  msgs/index.db: its checksum does not match", 90, false},
    {"printf '\\013\\004short' > ONE/msgs/index.db", "DAMAGE  msgs/index.db: too short: 7 bytes", 90, false},
    {"rm MULTI/msgs/1.blk", "DAMAGE  msgs/1.blk: missing: index.db has messages 1 to 30 in it", 60, false},
    {"rm MULTI/msgs/2.blk", "DAMAGE  messages 31 to 60 are lost", 60, false},
    {"rm MULTI/msgs/3.blk", "DAMAGE  msgs/3.blk: missing: index.db has messages 61 to 80 in it", 70, false},
    {"rm ONE/msgs/1.blk", "DAMAGE  msgs/1.blk: missing: index.db has messages 1 to 10 in it", 80, false},
    {"truncate -s 0 ONE/msgs/1.blk", "DAMAGE  msgs/1.blk: it ends at message 0; index.db knows of 10", 80,
     false},
    {"printf 0123456789abcdef > ONE/meta.sum", "DAMAGE  meta.inf: checksums do not match", 90, false},
    {"rm ONE/meta.inf", "DAMAGE  meta.inf is missing", 90, false},
    {"rm ONE/obs/dur/meta.sum", "DAMAGE  obs/dur: meta.sum is missing", 90, false},
    {"printf '\\026\\011junk' > ONE/obs/dur/o.dat", "DAMAGE  obs/dur: o.dat: unsupported version: 9", 90,
     false},
    {"cp MULTI/msgs/3.blk MULTI/msgs/9.blk", "DAMAGE  msgs/9.blk: offset 0:", 90, false},
    {"cp MULTI/msgs/3.blk MULTI/msgs/3.new", "note    msgs/3.new: left over", 90, true},
    {"mkdir ONE/__new_msgs__; touch ONE/__new_msgs__/2.blk", "note    __new_msgs__: a purge was cut off", 80,
     true},
    {"cp -r ONE/msgs ONE/__msgs__", "note    __msgs__: left by a purge", 90, true},
};

/* The Go server on a salvaged directory says what the salvage said. */
static void check_salvaged(const char *dir, uint64_t good)
{
    struct go_server g;
    uint64_t total = 0;
    go_start(&g, dir, "", "", "");
    static const char *const names[] = {"ONE", "MULTI"};
    for (size_t i = 0; i < 2; i++) {
        struct json *info = go_api(&g, "STREAM.INFO", names[i], "");
        uint64_t last = json_u64(json_get(json_get(info, "state"), "last_seq"));
        total += json_u64(json_get(json_get(info, "state"), "messages"));
        for (uint64_t seq = 1; seq <= last; seq++) {
            char body[64];
            snprintf(body, sizeof body, "{\"seq\":%llu}", (unsigned long long)seq);
            struct json *answer = go_api(&g, "STREAM.MSG.GET", names[i], body);
            const struct json *m = json_get(answer, "message");
            size_t len;
            uint8_t *data = go_base64(json_text(json_get(m, "data")), &len);
            char want[16];
            int n = snprintf(want, sizeof want, i == 0 ? "body %02d" : "%06d:", (int)seq);
            if (m != NULL)
                CU_ASSERT(len >= (size_t)n && memcmp(data, want, (size_t)n) == 0);
            free(data);
            json_free(answer);
        }
        json_free(info);
    }
    CU_ASSERT_EQUAL(total, good);
    go_stop(&g, SIGTERM);
}

/* covers: ST-161 */
static void test_damage(void)
{
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        const struct damage_case *d = &damages[i];
        char dir[64] = "/tmp/midge-store-tool-XXXXXX", cmd[2048];
        unsigned before = CU_get_number_of_failures();
        CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
        snprintf(cmd, sizeof cmd,
                 "cp -r " GOLDEN "crash-base/store %s/ && cd '%s/store/jetstream/$G/streams' && ", dir, dir);
        snprintf(cmd + strlen(cmd), sizeof cmd - strlen(cmd), d->command, "");
        CU_ASSERT_EQUAL_FATAL(system(cmd), 0);
        snprintf(cmd, sizeof cmd, "%s/store", dir);
        char *was = picture(cmd);
        struct ran v = run("verify %s/store", dir);
        CU_ASSERT_EQUAL(v.code, d->note ? 0 : 2);
        CU_ASSERT_PTR_NOT_NULL(strstr(v.out, d->finding));
        struct ran r = run("repair %s/store %s/new", dir, dir);
        char *is = picture(cmd);
        CU_ASSERT_STRING_EQUAL(was, is);
        struct ran again = run("verify %s/new", dir);
        CU_ASSERT_EQUAL(again.code, 0);
        char want[64];
        snprintf(want, sizeof want, "with %llu messages", (unsigned long long)d->good);
        CU_ASSERT_PTR_NOT_NULL(strstr(r.out, want));
        if (go_server_program() != NULL && (d->good < 90 || i == 0)) {
            snprintf(cmd, sizeof cmd, "%s/new", dir);
            check_salvaged(cmd, d->good);
        }
        if (CU_get_number_of_failures() > before)
            printf("%s\n%s%s\n%s%s\n%s%s\n", d->command, v.out, v.err, r.out, r.err, again.out, again.err);
        free(was);
        free(is);
        drop(&v);
        drop(&r);
        drop(&again);
        fixture_shell("rm -rf '%s'%s", dir, "");
    }
}

/* Salvaging what is whole loses nothing: the Go server reads of the copy what it reads of the original. */
static void test_repair_golden(void)
{
    if (go_server_program() == NULL)
        return;
    for (size_t i = 0; i < CASES; i++) {
        const struct golden_case *c = &cases[i];
        char dir[64] = "/tmp/midge-store-tool-XXXXXX", path[256];
        CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
        struct ran r = run("repair %s " GOLDEN "%s/store %s/new", key_args(c), c->dir, dir);
        CU_ASSERT_EQUAL(r.code, 0);
        snprintf(path, sizeof path, GOLDEN "%s/expected.json", c->dir);
        struct json *expected = json_load(path);
        struct go_server g;
        char extra[128] = "";
        if (c->key != NULL)
            snprintf(extra, sizeof extra, "key: \"%s\"\ncipher: %s", c->key, c->cipher);
        bool acme = strcmp(c->account, "ACME") == 0;
        snprintf(path, sizeof path, "%s/new", dir);
        go_start(&g, path, extra,
                 acme ? "accounts { ACME { jetstream: enabled, users: [ { user: acme, password: pw } ] } }"
                      : "",
                 acme ? ",\"user\":\"acme\",\"pass\":\"pw\"" : "");
        for (const struct json *s = expected->first; s != NULL; s = s->next) {
            unsigned before = CU_get_number_of_failures();
            for (int tries = 0; tries < 100; tries++) { /* a TTL that has passed takes 250 ms to be seen */
                struct json *info = go_api(&g, "STREAM.INFO", s->key, "");
                bool same = json_u64(json_get(json_get(info, "state"), "messages")) ==
                            json_u64(json_get(json_get(s, "state"), "messages"));
                json_free(info);
                if (same)
                    break;
                go_nap();
            }
            struct json *info =
                go_api(&g, "STREAM.INFO", s->key, "{\"deleted_details\":true,\"subjects_filter\":\">\"}");
            const struct json *got = json_get(info, "state"), *want = json_get(s, "state");
            static const char *const same[] = {"messages",     "bytes",       "first_seq",     "last_seq",
                                               "num_subjects", "num_deleted", "consumer_count"};
            for (size_t k = 0; k < 7; k++)
                CU_ASSERT_EQUAL(json_u64(json_get(got, same[k])), json_u64(json_get(want, same[k])));
            CU_ASSERT_STRING_EQUAL(json_text(json_get(got, "first_ts")),
                                   json_text(json_get(want, "first_ts")));
            CU_ASSERT_STRING_EQUAL(json_text(json_get(json_get(info, "config"), "name")), s->key);
            CU_ASSERT_STRING_EQUAL(json_text(json_get(info, "created")), json_text(json_get(s, "created")));
            for (const struct json *w = json_get(s, "consumers")->first; w != NULL; w = w->next) {
                char name[128];
                snprintf(name, sizeof name, "%s.%s", s->key, w->key);
                struct json *ci = go_api(&g, "CONSUMER.INFO", name, "");
                CU_ASSERT_EQUAL(json_u64(json_get(json_get(ci, "ack_floor"), "stream_seq")),
                                json_u64(json_get(json_get(w, "ack_floor"), "stream_seq")));
                CU_ASSERT_EQUAL(json_u64(json_get(json_get(ci, "delivered"), "stream_seq")),
                                json_u64(json_get(json_get(w, "delivered"), "stream_seq")));
                CU_ASSERT_EQUAL(json_u64(json_get(ci, "num_ack_pending")),
                                json_u64(json_get(w, "num_ack_pending")));
                json_free(ci);
            }
            json_free(info);
            if (CU_get_number_of_failures() > before)
                printf("in %s/%s\n", c->dir, s->key);
        }
        go_stop(&g, SIGTERM);
        json_free(expected);
        drop(&r);
        fixture_shell("rm -rf '%s'%s", dir, "");
    }
}

/* A consumer that is not salvaged is not there, where it would begin anew; one that has no state yet gets
 * none, and starts by its deliver policy. */
static void test_repair_consumers(void)
{
    char dir[64] = "/tmp/midge-store-tool-XXXXXX", cmd[1024];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(cmd, sizeof cmd,
             "cp -r " GOLDEN
             "deletes-ttl-consumers/store %s/ && cd '%s/store/jetstream/$G/streams/WORK/obs' && "
             "printf '\\026\\002\\005\\005\\001\\001\\000\\000' > explicit/o.dat && rm ackall/o.dat",
             dir, dir);
    CU_ASSERT_EQUAL_FATAL(system(cmd), 0);
    struct ran r = run("repair %s/store %s/new", dir, dir);
    CU_ASSERT_EQUAL(r.code, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.err, "consumer explicit is not salvaged"));
    snprintf(cmd, sizeof cmd,
             "cd '%s/new/jetstream/$G/streams/WORK/obs' && test ! -e explicit && test -e ackall/meta.inf && "
             "test ! -e ackall/o.dat && test -e filtered/o.dat",
             dir);
    CU_ASSERT_EQUAL(system(cmd), 0);
    drop(&r);
    fixture_shell("rm -rf '%s'%s", dir, "");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_golden),        UNIT_TEST(test_previous_key),     UNIT_TEST(test_msgpack),
    UNIT_TEST(test_filters),       UNIT_TEST(test_errors),           UNIT_TEST(test_damage),
    UNIT_TEST(test_repair_golden), UNIT_TEST(test_repair_consumers),
};

UNIT_MAIN("store tool", tests)
