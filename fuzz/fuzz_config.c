/* A configuration file of any bytes: the tree is built and written or refused with a text; options are read
 * from it or refused with texts; what was read can be compared with itself and has not changed. Files and
 * variables come from memory. */
#include "base/arena.h"
#include "base/config_lex.h"
#include "base/config_tree.h"
#include "fuzz.h"
#include "server/flags.h"
#include "server/options_diff.h"
#include "server/options_report.h"
#include <errno.h>
#include <midge/memory.h>
#include <string.h>

static int read_memory(void *ctx, const char *path, size_t limit, struct arena *arena, slice *out,
                       bool *opened)
{
    const slice *data = (const slice *)ctx;
    slice text = SLICE_LIT("inc: 1\nmore { a: [x, 2 ] }");
    if (strcmp(path, "c.conf") == 0)
        text = *data;
    else if (strcmp(path, "f.inc") != 0)
        return -ENOENT;
    *opened = true;
    if (text.len > limit)
        return -EFBIG;
    *out = arena_copy(arena, text);
    return out->ptr == NULL ? -ENOMEM : 0;
}

static const char *variable(void *ctx, const char *name)
{
    static const char *const values[] = {"1kb", "[a, {b: $E0}]", "$E3", "$E2", "a b", "x\ny: $E0"};
    (void)ctx;
    return name[0] == 'E' && name[1] >= '0' && name[1] <= '5' && name[2] == '\0' ? values[name[1] - '0']
                                                                                 : NULL;
}

static size_t check_value(const struct cfg_value *v, unsigned depth)
{
    size_t values = 1;
    fuzz_check(depth <= CFG_DEPTH_MAX + 1);
    fuzz_check(v->depth <= CFG_DEPTH_MAX);
    if (v->type == CFG_STRING || v->type == CFG_DATETIME) {
        fuzz_check(v->string.ptr[v->string.len] == '\0');
    } else if (v->type == CFG_LIST) {
        for (size_t i = 0; i < v->list->count && values < 100000; i++)
            values += check_value(v->list->items[i], depth + 1);
    } else if (v->type == CFG_MAP) {
        size_t n = 0;
        for (const struct cfg_entry *e = v->map->first; e != NULL && values < 100000; e = e->next, n++) {
            fuzz_check(cfg_get(v->map, e->key) == e->value);
            values += check_value(e->value, depth + 1);
        }
        fuzz_check(n == v->map->count || values >= 100000);
    }
    return values;
}

static bool grow(struct codec_out *out, size_t need)
{
    size_t cap = need < 4096 ? 4096 : need * 2;
    void *p = realloc(out->ptr, cap);
    if (p == NULL)
        return false;
    out->ptr = (uint8_t *)p;
    out->cap = cap;
    return true;
}

/* false: refused. */
static bool parse(const struct cfg_source *src)
{
    struct arena *arena = arena_new(256u << 20);
    fuzz_check(arena != NULL);
    slice error = SLICE_EMPTY;
    const struct cfg_value *root = cfg_parse_file(src, "c.conf", arena, &error);
    fuzz_check((root == NULL) == (error.len > 0));
    if (root != NULL) {
        check_value(root, 0);
        struct codec_out out = {.grow = grow};
        fuzz_check(cfg_write_json(root, &out));
        free(out.ptr);
    }
    arena_free(arena);
    return root != NULL;
}

static void compare_with_itself(const struct options *o)
{
    struct arena *arena = arena_new(0);
    struct options_diff diff;
    slice host;
    int64_t port;
    options_compare(o, o, 4222, arena, &diff);
    fuzz_check(diff.error == NULL && diff.count == 2 && diff.areas == OPTIONS_AREA_ACCOUNTS);
    options_advertise(o, 4222, &host, &port);
    options_check(o);
    options_plaintext_passwords(o);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice text = slice_make(data, size), error;
    struct cfg_source src = {.read = read_memory, .variable = variable, .ctx = &text};
    bool parsed = parse(&src);

    char *argv[] = {(char *)(uintptr_t) "midge", (char *)(uintptr_t) "-c", (char *)(uintptr_t) "c.conf"};
    struct arena *arena = arena_new(0);
    struct flags flags;
    struct options_report report;
    fuzz_check(flags_parse(3, argv, &flags, arena, &error) && options_report_init(&report));
    struct options *o = options_load(&flags, &src, &report);
    fuzz_check((o == NULL) == (report.errors.count > 0));
    fuzz_check(parsed || (o == NULL && report.bare));
    fuzz_check(o != NULL || options_report_text(&report).len > 0);
    if (o != NULL)
        compare_with_itself(o);
    options_free(o);
    options_report_done(&report);
    arena_free(arena);
    return 0;
}
