/* template.re: reads the text of a step (see template.h). */
#include "template.h"

struct builder {
    struct template *out;
    struct template_scope scope;
    unsigned flags;
    const char **why;
};

static bool fail(struct builder *b, const char *why)
{
    *b->why = why;
    return false;
}

static void add_part(struct template *t, bool capture, slice bytes)
{
    struct template_part *last = t->count > 0 ? &t->parts[t->count - 1] : NULL;
    if (last != NULL && !last->capture && !capture) {
        last->len += bytes.len;
    } else {
        t->parts = realloc(t->parts, (t->count + 1) * sizeof *t->parts);
        if (t->parts == NULL) {
            fputs("scenario: out of memory\n", stderr);
            exit(2);
        }
        t->parts[t->count++] = (struct template_part){capture, t->bytes.len, bytes.len};
    }
    bytes_add_slice(&t->bytes, bytes);
}

static void add_byte(struct builder *b, uint8_t byte)
{
    add_part(b->out, false, slice_make(&byte, 1));
}

static void add_quoted(struct builder *b, slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != 0 && strchr(".[]{}()*+?^$|\\", value.ptr[i]) != NULL)
            add_byte(b, '\\');
        add_byte(b, value.ptr[i]);
    }
}

static bool add_variable(struct builder *b, slice name)
{
    struct bytes value = {0};
    if (!b->scope.lookup(b->scope.ctx, name, &value))
        return fail(b, "a variable in it has no value");
    if (b->flags & TEMPLATE_REGEX)
        add_quoted(b, bytes_slice(&value));
    else
        add_part(b->out, false, bytes_slice(&value));
    bytes_free(&value);
    return true;
}

/* One blank-separated word from the front of *rest. */
static slice take_word(slice *rest)
{
    size_t n = 0;
    while (n < rest->len && rest->ptr[n] != ' ')
        n++;
    slice word = slice_first(*rest, n);
    *rest = slice_from(*rest, n < rest->len ? n + 1 : n);
    return word;
}

static bool add_repeated(struct builder *b, slice arguments)
{
    struct bytes number = {0};
    bytes_add_slice(&number, take_word(&arguments));
    char *end;
    unsigned long n = strtoul(bytes_str(&number), &end, 10);
    bool ok = number.len > 0 && *end == '\0' && n <= (1ul << 27) && arguments.len > 0;
    bytes_free(&number);
    if (!ok)
        return fail(b, "write: $(repeat N TEXT)");
    struct bytes all = {0};
    bytes_reserve(&all, n * arguments.len);
    while (n-- > 0)
        bytes_add_slice(&all, arguments);
    add_part(b->out, false, bytes_slice(&all));
    bytes_free(&all);
    return true;
}

static bool add_signature(struct builder *b, slice arguments, bool url)
{
    struct bytes seed = {0}, signature = {0};
    bytes_add_slice(&seed, take_word(&arguments));
    bool ok = nkey_sign(bytes_str(&seed), arguments, url, &signature);
    add_part(b->out, false, bytes_slice(&signature));
    bytes_free(&seed);
    bytes_free(&signature);
    return ok || fail(b, "no nkey seed");
}

static bool add_file(struct builder *b, slice path)
{
    struct bytes name = {0};
    bytes_add_slice(&name, path);
    FILE *f = fopen(bytes_str(&name), "rb");
    bytes_free(&name);
    if (f == NULL)
        return fail(b, "no such file");
    for (int c; (c = getc(f)) != EOF;)
        add_byte(b, (uint8_t)c);
    fclose(f);
    return true;
}

static bool add_function(struct builder *b, slice call)
{
    struct template arguments = {0};
    slice name = take_word(&call);
    if (!template_build(&arguments, call, b->flags & TEMPLATE_ESCAPES, b->scope, b->why))
        return false;
    slice text = template_bytes(&arguments);
    bool ok;
    if (slice_eq_str(name, "repeat"))
        ok = add_repeated(b, text);
    else if (slice_eq_str(name, "nkey-sign"))
        ok = add_signature(b, text, true);
    else if (slice_eq_str(name, "nkey-sign-std"))
        ok = add_signature(b, text, false);
    else if (slice_eq_str(name, "file"))
        ok = add_file(b, text);
    else
        ok = fail(b, "unknown function");
    template_free(&arguments);
    return ok;
}

static bool read_parts(struct builder *b, const char *cursor, size_t len)
{
    const char *limit = cursor + len;
    const char *YYMARKER;
    const char *start;
    for (;;) {
        start = cursor;
        if (cursor == limit)
            return true;
        if (*cursor == '\\' && !(b->flags & TEMPLATE_ESCAPES)) {
            add_byte(b, '\\');
            cursor++;
            continue;
        }
        /*!re2c
        re2c:define:YYCTYPE = "unsigned char";
        re2c:define:YYCURSOR = "cursor";
        re2c:yyfill:enable = 0;

        hex  = [0-9a-fA-F];
        name = [A-Za-z0-9_.:-]+;

        "\\r"  { add_byte(b, '\r'); continue; }
        "\\n"  { add_byte(b, '\n'); continue; }
        "\\t"  { add_byte(b, '\t'); continue; }
        "\\s"  { add_byte(b, ' '); continue; }
        "\\0"  { add_byte(b, 0); continue; }
        "\\\\" { add_byte(b, '\\'); continue; }
        "\\$"  { add_byte(b, '$'); continue; }
        "\\x" hex hex {
            char digits[3] = {start[2], start[3], 0};
            add_byte(b, (uint8_t)strtoul(digits, NULL, 16));
            continue;
        }
        "\\"   { return fail(b, "unknown escape; write \\\\ for a backslash"); }

        "${" name "}" {
            if (!add_variable(b, slice_make(start + 2, (size_t)(cursor - start - 3))))
                return false;
            continue;
        }
        "${?" name? "}" {
            if (!(b->flags & TEMPLATE_CAPTURES))
                return fail(b, "captures belong into expectations");
            add_part(b->out, true, slice_make(start + 3, (size_t)(cursor - start - 4)));
            continue;
        }
        "$(" [^()\x00]+ ")" {
            if (b->flags & TEMPLATE_REGEX) {
                add_part(b->out, false, slice_make(start, (size_t)(cursor - start)));
                continue;
            }
            if (!add_function(b, slice_make(start + 2, (size_t)(cursor - start - 3))))
                return false;
            continue;
        }
        [^\\$\x00]+ { add_part(b->out, false, slice_make(start, (size_t)(cursor - start))); continue; }
        *      { add_byte(b, (uint8_t)*start); continue; }
        */
    }
}

bool template_build(struct template *t, slice source, unsigned flags, struct template_scope scope, const char **why)
{
    *t = (struct template){0};
    struct bytes copy = {0};
    bytes_add_slice(&copy, source);
    struct builder b = {t, scope, flags, why};
    bool ok = read_parts(&b, bytes_str(&copy), copy.len);
    bytes_free(&copy);
    if (!ok)
        template_free(t);
    return ok;
}

void template_free(struct template *t)
{
    bytes_free(&t->bytes);
    free(t->parts);
    *t = (struct template){0};
}

slice template_bytes(const struct template *t)
{
    return bytes_slice(&t->bytes);
}

static size_t captured_length(slice in)
{
    size_t n = 0;
    while (n < in.len && in.ptr[n] != ' ' && in.ptr[n] != '\t' && in.ptr[n] != '\r' && in.ptr[n] != '\n')
        n++;
    return n;
}

enum template_result template_match(const struct template *t, slice in, size_t *used, slice *captured)
{
    slice rest = in;
    for (size_t i = 0; i < t->count; i++) {
        const struct template_part *part = &t->parts[i];
        captured[i] = SLICE_EMPTY;
        size_t n = part->len;
        if (part->capture) {
            n = captured_length(rest);
            if (n == rest.len)
                return TEMPLATE_MORE;
            if (n == 0)
                return TEMPLATE_NO;
            captured[i] = slice_first(rest, n);
        } else {
            size_t have = rest.len < n ? rest.len : n;
            if (have > 0 && memcmp(rest.ptr, t->bytes.ptr + part->at, have) != 0)
                return TEMPLATE_NO;
            if (have < n)
                return TEMPLATE_MORE;
        }
        rest = slice_from(rest, n);
    }
    *used = in.len - rest.len;
    return TEMPLATE_YES;
}
