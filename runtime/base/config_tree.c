/* Items -> tree.
 *
 * The parser keeps two stacks: the maps and lists that are open, and the keys that wait for a value. A value
 * in a map takes the key pushed last. They are apart because Go's are: a number with a malformed suffix
 * yields no value, its key stays, and the enclosing map is then stored under it. */
#include "base/config_tree.h"
#include "base/arena.h"
#include "base/config_lex.h"
#include "base/errtext.h"
#include "base/path.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the parsers of one file, its includes and the variables in them share. */
struct shared {
    const struct cfg_source *src;
    struct arena *arena;
    slice *error;
    size_t bytes_left;
    unsigned files_left;
};

/* The environment variables being resolved. */
struct resolving {
    const struct resolving *outer;
    slice name;
    unsigned depth;
};

struct pending_key {
    struct pending_key *below;
    slice key;
    int line, col;
};

struct parser {
    struct shared *shared;
    struct cfg_lexer lexer;
    const char *path;
    unsigned include_depth;
    const struct resolving *resolving; /* NULL: parsing a file */
    struct pending_key *keys;
    struct cfg_value *open[CFG_DEPTH_MAX + 1];
    size_t open_count;
};

static struct cfg_value *parse_text(struct parser *p, slice text);

/* ---- errors: each returns false ---------------------------------------------------------------------------
 */

__attribute__((format(printf, 2, 3))) static bool fail(struct parser *p, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    *p->shared->error = arena_vprintf(p->shared->arena, fmt, args);
    va_end(args);
    if (p->shared->error->len == 0)
        *p->shared->error = SLICE_LIT("out of memory");
    return false;
}

static bool out_of_memory(struct parser *p);

/* A text before a cause, which may hold NUL (the lexer shows the end of the file so), and a quote behind it.
 */
static bool fail_because(struct parser *p, slice before, slice cause, slice after)
{
    *p->shared->error = arena_concat(p->shared->arena, (slice[]){before, cause, after}, 3);
    return p->shared->error->len > 0 ? false : out_of_memory(p);
}

static bool out_of_memory(struct parser *p)
{
    *p->shared->error = SLICE_LIT("out of memory");
    return false;
}

#define S(s) (int)(s).len, (const char *)(s).ptr

/* ---- maps and lists ---------------------------------------------------------------------------------------
 */

static size_t hash(slice s)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ s.ptr[i]) * UINT64_C(1099511628211);
    return (size_t)(h ^ h >> 32);
}

static struct cfg_entry *find(const struct cfg_map *map, slice key)
{
    if (map->bucket_count == 0)
        return NULL;
    struct cfg_entry *e = map->buckets[hash(key) % map->bucket_count];
    while (e != NULL && !slice_eq(e->key, key))
        e = e->bucket_next;
    return e;
}

struct cfg_value *cfg_get(const struct cfg_map *map, slice key)
{
    const struct cfg_entry *e = find(map, key);
    return e == NULL ? NULL : e->value;
}

static bool map_grow(struct cfg_map *map, struct arena *arena)
{
    size_t count = map->bucket_count == 0 ? 8 : map->bucket_count * 4;
    struct cfg_entry **buckets = arena_array(arena, count, sizeof(struct cfg_entry *));
    if (buckets == NULL)
        return false;
    for (struct cfg_entry *e = map->first; e != NULL; e = e->next) {
        struct cfg_entry **b = &buckets[hash(e->key) % count];
        e->bucket_next = *b;
        *b = e;
    }
    map->buckets = buckets;
    map->bucket_count = count;
    return true;
}

/* A key that is there keeps its place and gets the new value. */
static bool map_set(struct cfg_map *map, slice key, struct cfg_value *value, struct arena *arena)
{
    struct cfg_entry *e = find(map, key);
    if (e != NULL) {
        e->value = value;
        return true;
    }
    if (map->count >= map->bucket_count && !map_grow(map, arena))
        return false;
    e = arena_alloc(arena, sizeof *e);
    if (e == NULL)
        return false;
    struct cfg_entry **b = &map->buckets[hash(key) % map->bucket_count];
    *e = (struct cfg_entry){.key = key, .value = value, .bucket_next = *b};
    *b = e;
    if (map->last != NULL)
        map->last->next = e;
    else
        map->first = e;
    map->last = e;
    map->count++;
    return true;
}

static bool list_add(struct cfg_list *list, struct cfg_value *value, struct arena *arena)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 4 : list->room * 2;
        struct cfg_value **items = arena_array(arena, room, sizeof(struct cfg_value *));
        if (items == NULL)
            return false;
        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof(struct cfg_value *));
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = value;
    return true;
}

/* ---- values -----------------------------------------------------------------------------------------------
 */

static struct cfg_value *new_value(struct parser *p, enum cfg_type type, const struct cfg_item *item)
{
    struct cfg_value *v = arena_alloc(p->shared->arena, sizeof *v);
    if (v == NULL)
        return NULL;
    *v = (struct cfg_value){.type = type, .weight = 8, .file = p->path, .line = item->line, .col = item->col};
    v->bare = p->resolving != NULL;
    return v;
}

/* Accounts for a child and refuses what would become too deep or too big. */
static bool charge(struct parser *p, struct cfg_value *parent, slice key, const struct cfg_value *child)
{
    size_t weight = child->weight + key.len + 4;
    if (child->depth >= CFG_DEPTH_MAX)
        return fail(p, "maps and arrays are nested more than %d deep", CFG_DEPTH_MAX);
    if (weight > CFG_BYTES_MAX || parent->weight + weight > CFG_BYTES_MAX)
        return fail(p, "the configuration is larger than %d bytes", CFG_BYTES_MAX);
    parent->weight += weight;
    if (parent->depth < child->depth + 1)
        parent->depth = child->depth + 1;
    return true;
}

/* Puts a value where the parser stands. */
static bool set_value(struct parser *p, struct cfg_value *v)
{
    if (v == NULL)
        return out_of_memory(p);
    struct cfg_value *in = p->open[p->open_count - 1];
    if (in->type == CFG_LIST)
        return charge(p, in, SLICE_EMPTY, v) && (list_add(in->list, v, p->shared->arena) || out_of_memory(p));
    struct pending_key *key = p->keys;
    if (key == NULL)
        return true; /* cannot happen: a map's value follows a key */
    p->keys = key->below;
    v->line = key->line;
    v->col = key->col;
    return charge(p, in, key->key, v) &&
           (map_set(in->map, key->key, v, p->shared->arena) || out_of_memory(p));
}

static bool push_key(struct parser *p, const struct cfg_item *item)
{
    struct pending_key *key = arena_alloc(p->shared->arena, sizeof *key);
    if (key == NULL)
        return out_of_memory(p);
    *key = (struct pending_key){.below = p->keys, .line = item->line, .col = item->col};
    key->key = arena_copy(p->shared->arena, item->text);
    p->keys = key;
    return true;
}

static bool open_value(struct parser *p, struct cfg_value *v)
{
    if (v == NULL)
        return out_of_memory(p);
    if (p->open_count > CFG_DEPTH_MAX)
        return fail(p, "maps and arrays are nested more than %d deep", CFG_DEPTH_MAX);
    if (v->type == CFG_MAP)
        v->map = arena_alloc(p->shared->arena, sizeof *v->map);
    else
        v->list = arena_alloc(p->shared->arena, sizeof *v->list);
    if (arena_failed(p->shared->arena))
        return out_of_memory(p);
    p->open[p->open_count++] = v;
    return true;
}

/* The place of a map or list that is no map's value is that of its end. */
static bool close_value(struct parser *p, const struct cfg_item *item)
{
    struct cfg_value *v = p->open[--p->open_count];
    v->line = item->line;
    v->col = item->col;
    return set_value(p, v);
}

/* ---- single items -----------------------------------------------------------------------------------------
 */

static bool add_string(struct parser *p, const struct cfg_item *item, enum cfg_type type)
{
    struct cfg_value *v = new_value(p, type, item);
    if (v == NULL)
        return out_of_memory(p);
    v->string = arena_copy(p->shared->arena, item->text);
    v->weight += v->string.len;
    return set_value(p, v);
}

static bool add_bool(struct parser *p, const struct cfg_item *item)
{
    struct cfg_value *v = new_value(p, CFG_BOOL, item);
    if (v == NULL)
        return out_of_memory(p);
    uint8_t c = item->text.ptr[0] | 0x20, d = item->text.ptr[1] | 0x20;
    v->boolean = c == 't' || c == 'y' || (c == 'o' && d == 'n');
    return set_value(p, v);
}

/* The factor of k, kb, ki, kib and so on; 0 for what only looks like one. */
static uint64_t suffix_factor(slice s)
{
    static const char letters[] = "kmgtpe";
    if (s.len == 0)
        return 1;
    char low[4] = {0};
    if (s.len > 3)
        return 0;
    for (size_t i = 0; i < s.len; i++)
        low[i] = (char)(s.ptr[i] | 0x20);
    bool binary = strcmp(low + 1, "b") == 0 || strcmp(low + 1, "i") == 0 || strcmp(low + 1, "ib") == 0;
    if (low[1] != '\0' && !binary)
        return 0;
    uint64_t factor = 1;
    for (const char *l = letters; l <= strchr(letters, low[0]); l++)
        factor *= binary ? 1024 : 1000;
    return factor;
}

/* Products wrap around as in Go; a malformed suffix drops the value and leaves its key waiting. */
static bool add_integer(struct parser *p, const struct cfg_item *item)
{
    slice s = item->text;
    size_t digits = s.len > 0 && s.ptr[0] == '-' ? 1 : 0;
    bool negative = digits == 1;
    uint64_t n = 0, max = negative ? UINT64_C(1) << 63 : INT64_MAX;
    for (; digits < s.len && s.ptr[digits] >= '0' && s.ptr[digits] <= '9'; digits++) {
        unsigned d = s.ptr[digits] - '0';
        if (n > (max - d) / 10)
            return fail(p, "integer '%.*s' is out of the range", S(s));
        n = n * 10 + d;
    }
    uint64_t factor = suffix_factor(slice_from(s, digits));
    if (factor == 0)
        return true;
    struct cfg_value *v = new_value(p, CFG_INTEGER, item);
    if (v == NULL)
        return out_of_memory(p);
    n *= factor;
    v->integer = (int64_t)(negative ? 0 - n : n);
    return set_value(p, v);
}

static bool add_float(struct parser *p, const struct cfg_item *item)
{
    struct cfg_value *v = new_value(p, CFG_FLOAT, item);
    slice text = arena_copy(p->shared->arena, item->text);
    if (v == NULL || text.ptr == NULL)
        return out_of_memory(p);
    v->number = strtod((const char *)text.ptr, NULL);
    if (!isfinite(v->number))
        return fail(p, "float '%.*s' is out of the range", S(item->text));
    return set_value(p, v);
}

static unsigned two_digits(const uint8_t *p)
{
    return (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
}

/* The lexer has seen to the shape: YYYY-MM-DDTHH:MM:SSZ. */
static bool add_datetime(struct parser *p, const struct cfg_item *item)
{
    const uint8_t *s = item->text.ptr;
    unsigned year = two_digits(s) * 100 + two_digits(s + 2), month = two_digits(s + 5),
             day = two_digits(s + 8);
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    unsigned days = month == 2                                              ? (leap ? 29 : 28)
                    : month == 4 || month == 6 || month == 9 || month == 11 ? 30
                                                                            : 31;
    if (month < 1 || month > 12 || day < 1 || day > days || two_digits(s + 11) > 23 ||
        two_digits(s + 14) > 59 || two_digits(s + 17) > 59)
        return fail(p, "expected Zulu formatted DateTime, but got '%.*s'", S(item->text));
    return add_string(p, item, CFG_DATETIME);
}

/* ---- variables --------------------------------------------------------------------------------------------
 */

/* A new value that shares the content of another. */
static bool add_alias(struct parser *p, const struct cfg_item *item, const struct cfg_value *of)
{
    struct cfg_value *v = arena_alloc(p->shared->arena, sizeof *v);
    if (v == NULL)
        return out_of_memory(p);
    *v = *of;
    v->used = false;
    v->bare = p->resolving != NULL;
    v->file = p->path;
    v->line = item->line;
    v->col = item->col;
    return set_value(p, v);
}

static struct cfg_value *lookup_open_maps(struct parser *p, slice name)
{
    for (size_t i = p->open_count; i-- > 0;) {
        struct cfg_value *v = p->open[i]->type == CFG_MAP ? cfg_get(p->open[i]->map, name) : NULL;
        if (v != NULL)
            return v;
    }
    return NULL;
}

static struct parser *sub_parser(struct parser *p, const char *path)
{
    struct parser *sub = calloc(1, sizeof *sub);
    if (sub == NULL) {
        out_of_memory(p);
        return NULL;
    }
    sub->shared = p->shared;
    sub->path = path;
    sub->include_depth = p->include_depth;
    sub->resolving = p->resolving;
    return sub;
}

/* The value of an environment variable's text: the text is parsed as the value of a key. NULL with an error
 * set, or with *missing when the text holds no value. */
static struct cfg_value *parse_variable(struct parser *p, const struct cfg_item *item, const char *text,
                                        bool *missing)
{
    struct shared *sh = p->shared;
    struct resolving here = {.outer = p->resolving, .name = item->text};
    here.depth = p->resolving == NULL ? 1 : p->resolving->depth + 1;
    for (const struct resolving *r = p->resolving; r != NULL; r = r->outer) {
        if (slice_eq(r->name, item->text)) {
            fail(p, "variable reference cycle for '%.*s'", S(item->text));
            return NULL;
        }
    }
    if (here.depth > CFG_VARIABLE_DEPTH_MAX) {
        fail(p, "variable references are nested more than %d deep", CFG_VARIABLE_DEPTH_MAX);
        return NULL;
    }
    slice entry = arena_printf(sh->arena, "pk=%s", text);
    struct parser *sub = sub_parser(p, "");
    if (sub == NULL || entry.ptr == NULL) {
        free(sub);
        out_of_memory(p);
        return NULL;
    }
    sub->resolving = &here;
    struct cfg_value *root = parse_text(sub, entry);
    free(sub);
    if (root == NULL)
        return NULL;
    struct cfg_value *v = cfg_get(root->map, SLICE_LIT("pk"));
    *missing = v == NULL;
    return v;
}

static bool add_variable(struct parser *p, const struct cfg_item *item)
{
    struct shared *sh = p->shared;
    struct cfg_value *v = lookup_open_maps(p, item->text);
    if (v != NULL) {
        v->used = true;
        return add_alias(p, item, v);
    }
    slice name = arena_copy(sh->arena, item->text);
    const char *text = name.ptr == NULL || memchr(name.ptr, 0, name.len) != NULL
                           ? NULL
                           : sh->src->variable(sh->src->ctx, (const char *)name.ptr);
    if (text == NULL)
        return fail(p, "variable reference for '%.*s' on line %d can not be found", S(item->text),
                    item->line);
    bool missing = false;
    v = parse_variable(p, item, text, &missing);
    if (v != NULL)
        return add_alias(p, item, v);
    if (missing)
        return fail(p, "variable reference for '%.*s' on line %d can not be found", S(item->text),
                    item->line);
    slice before = arena_printf(sh->arena, "variable reference for '%.*s' on line %d could not be parsed: ",
                                S(item->text), item->line);
    return fail_because(p, before, *sh->error, SLICE_EMPTY);
}

/* ---- files ------------------------------------------------------------------------------------------------
 */

static slice read_file(struct parser *p, const char *path)
{
    struct shared *sh = p->shared;
    slice text = SLICE_EMPTY;
    bool opened = false;
    char why[ERRTEXT_MAX];
    int rc = sh->src->read(sh->src->ctx, path, sh->bytes_left, sh->arena, &text, &opened);
    if (rc < 0) {
        fail(p, "%s %s: %s", opened ? "read" : "open", path, errtext(rc, why));
        return SLICE_EMPTY;
    }
    sh->bytes_left -= text.len;
    return text;
}

static struct cfg_value *parse_include(struct parser *p, slice target)
{
    struct shared *sh = p->shared;
    if (p->include_depth >= CFG_INCLUDE_DEPTH_MAX || sh->files_left == 0) {
        fail(p, "includes are nested more than %d deep or more than %d in all", CFG_INCLUDE_DEPTH_MAX,
             CFG_INCLUDE_MAX);
        return NULL;
    }
    sh->files_left--;
    slice path = path_join_dir(sh->arena, slice_str(p->path), target);
    struct parser *sub = path.ptr == NULL ? NULL : sub_parser(p, (const char *)path.ptr);
    if (sub == NULL) {
        out_of_memory(p);
        return NULL;
    }
    sub->include_depth++;
    slice text = read_file(sub, sub->path);
    struct cfg_value *root = text.ptr == NULL ? NULL : parse_text(sub, text);
    free(sub);
    return root;
}

/* The included file is parsed by itself, then its keys are put into the map at hand. */
static bool add_include(struct parser *p, const struct cfg_item *item)
{
    struct cfg_value *root = parse_include(p, item->text);
    if (root == NULL) {
        slice before = arena_printf(p->shared->arena, "error parsing include file '%.*s', ", S(item->text));
        return fail_because(p, before, *p->shared->error, SLICE_EMPTY);
    }
    struct cfg_value *in = p->open[p->open_count - 1];
    for (struct cfg_entry *e = root->map->first; e != NULL; e = e->next) {
        if (!charge(p, in, e->key, e->value))
            return false;
        if (!map_set(in->map, e->key, e->value, p->shared->arena))
            return out_of_memory(p);
    }
    return true;
}

/* ---- the parser -------------------------------------------------------------------------------------------
 */

static bool add_item(struct parser *p, const struct cfg_item *item)
{
    switch (item->type) {
    case CFG_ITEM_ERROR:
        return fail_because(p, arena_printf(p->shared->arena, "Parse error on line %d: '", item->line),
                            item->text, SLICE_LIT("'"));
    case CFG_ITEM_KEY:
        return push_key(p, item);
    case CFG_ITEM_STRING:
        return add_string(p, item, CFG_STRING);
    case CFG_ITEM_BOOL:
        return add_bool(p, item);
    case CFG_ITEM_INTEGER:
        return add_integer(p, item);
    case CFG_ITEM_FLOAT:
        return add_float(p, item);
    case CFG_ITEM_DATETIME:
        return add_datetime(p, item);
    case CFG_ITEM_VARIABLE:
        return add_variable(p, item);
    case CFG_ITEM_INCLUDE:
        return add_include(p, item);
    case CFG_ITEM_ARRAY_START:
        return open_value(p, new_value(p, CFG_LIST, item));
    case CFG_ITEM_MAP_START:
        return open_value(p, new_value(p, CFG_MAP, item));
    case CFG_ITEM_ARRAY_END:
    case CFG_ITEM_MAP_END:
        return close_value(p, item);
    case CFG_ITEM_END:
        break;
    }
    return true;
}

/* The file may end behind a lone '}', which the lexer takes for a key. */
static bool may_end_after(const struct cfg_item *last)
{
    return last->type != CFG_ITEM_KEY || slice_eq_str(last->text, "}");
}

static struct cfg_value *parse_text(struct parser *p, slice text)
{
    struct cfg_item item = {.line = 1, .type = CFG_ITEM_MAP_START}, last;
    struct cfg_value *root = new_value(p, CFG_MAP, &item);
    if (!open_value(p, root))
        return NULL;
    cfg_lexer_init(&p->lexer, text, p->shared->arena);
    do {
        last = item;
        item = cfg_lexer_next(&p->lexer);
        if (!add_item(p, &item))
            return NULL;
        if (arena_failed(p->shared->arena)) {
            out_of_memory(p);
            return NULL;
        }
    } while (item.type != CFG_ITEM_END);
    if (!may_end_after(&last)) {
        fail(p, "config is invalid (%s:%d:%d)", p->path, item.line, item.col);
        return NULL;
    }
    return root;
}

static struct cfg_value *parse_root(const struct cfg_source *src, const char *path, const slice *given,
                                    struct arena *arena, slice *error)
{
    struct shared sh = {.src = src,
                        .arena = arena,
                        .error = error,
                        .bytes_left = CFG_BYTES_MAX,
                        .files_left = CFG_INCLUDE_MAX};
    *error = SLICE_EMPTY;
    struct parser *p = calloc(1, sizeof *p);
    slice kept = arena_copy(arena, slice_str(path));
    if (p == NULL || kept.ptr == NULL) {
        free(p);
        *error = SLICE_LIT("out of memory");
        return NULL;
    }
    p->shared = &sh;
    p->path = (const char *)kept.ptr;
    slice text = given != NULL ? arena_copy(arena, *given) : read_file(p, p->path);
    struct cfg_value *root = text.ptr == NULL ? NULL : parse_text(p, text);
    if (root == NULL && error->len == 0)
        *error = SLICE_LIT("out of memory");
    free(p);
    return root;
}

struct cfg_value *cfg_parse_file(const struct cfg_source *src, const char *path, struct arena *arena,
                                 slice *error)
{
    return parse_root(src, path, NULL, arena, error);
}

struct cfg_value *cfg_parse(const struct cfg_source *src, const char *path, slice text, struct arena *arena,
                            slice *error)
{
    return parse_root(src, path, &text, arena, error);
}

const char *cfg_type_name(enum cfg_type type)
{
    static const char *const names[] = {
        [CFG_STRING] = "string",
        [CFG_INTEGER] = "int64",
        [CFG_FLOAT] = "float64",
        [CFG_BOOL] = "bool",
        [CFG_DATETIME] = "time.Time",
        [CFG_LIST] = "[]interface {}",
        [CFG_MAP] = "map[string]interface {}",
    };
    return names[type];
}

/* ---- the machine's files ----------------------------------------------------------------------------------
 */

/* Reads to the end: a pipe or a file in /proc has no size to go by. */
static int read_all(int fd, size_t limit, struct arena *arena, slice *out)
{
    size_t len = 0, room = (size_t)64 * 1024;
    uint8_t *buf = malloc(room);
    int rc = buf == NULL ? -ENOMEM : 0;
    while (rc == 0) {
        ssize_t n = read(fd, buf + len, room - len);
        if (n < 0 && errno != EINTR)
            rc = -errno;
        if (n == 0)
            break;
        len += n > 0 ? (size_t)n : 0;
        if (len > limit)
            rc = -EFBIG;
        if (rc == 0 && len == room) {
            uint8_t *more = realloc(buf, room * 2);
            rc = more == NULL ? -ENOMEM : 0;
            buf = more == NULL ? buf : more;
            room *= 2;
        }
    }
    if (rc == 0) {
        *out = arena_copy(arena, slice_make(buf, len));
        rc = out->ptr == NULL ? -ENOMEM : 0;
    }
    free(buf);
    return rc;
}

static int system_read(void *ctx, const char *path, size_t limit, struct arena *arena, slice *out,
                       bool *opened)
{
    (void)ctx;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *opened = true;
    int rc = read_all(fd, limit, arena, out);
    close(fd);
    return rc;
}

static const char *system_variable(void *ctx, const char *name)
{
    (void)ctx;
    return getenv(name);
}

const struct cfg_source cfg_source_system = {.read = system_read, .variable = system_variable};
