/* The configuration language: bytes of a file -> items.
 *
 * One function a state, one set of rules a function; a state yields at most one item and names the next state.
 * A value may stand in four places (top level, a top-level block, a map, an array), so the place pushes the
 * state that follows the value and the value pops it.
 *
 * The language is defined by what the Go server accepts, and these corners of it are deliberate:
 *   - NUL, and the end of the file, which the NUL behind the input stands for, ends every word.
 *   - White space inside a value is blank and tab; before and after keys it is all of Unicode's.
 *   - An integer may be followed only by a blank, a line end, ',' ';' or '}': "1]" is a word that has swallowed
 *     the bracket. With a size suffix in between the bracket is left alone, and the item is the word.
 *   - The text of an error goes behind the byte that caused it, line count included.
 * Bytes are read as they are: a code point matters only for Unicode spaces and for naming it in an error. */
#include "base/arena.h"
#include "base/config_lex.h"
#include <stdio.h>

enum state {
    S_TOP,
    S_TOP_VALUE_END,
    S_BLOCK_START,
    S_BLOCK_VALUE_END,
    S_BLOCK_END,
    S_KEY_START,
    S_KEY,
    S_KEY_SINGLE,
    S_KEY_DOUBLE,
    S_KEY_END,
    S_VALUE,
    S_ARRAY_VALUE,
    S_ARRAY_VALUE_END,
    S_MAP_KEY_START,
    S_MAP_KEY,
    S_MAP_KEY_SINGLE,
    S_MAP_KEY_DOUBLE,
    S_MAP_KEY_END,
    S_MAP_VALUE,
    S_MAP_VALUE_END,
    S_INCLUDE,
    S_STOP, /* END or ERROR was yielded */
};

/* ---- position ---- */

/* Moves to p (at most the end), counting lines. */
static void advance(struct cfg_lexer *lx, const uint8_t *p)
{
    if (p > lx->limit)
        p = lx->limit;
    for (; lx->pos < p; lx->pos++) {
        if (*lx->pos == '\n') {
            lx->line++;
            lx->lf = lx->pos;
        }
    }
}

/* The next item begins here. */
static void begin(struct cfg_lexer *lx)
{
    lx->start = lx->pos;
    lx->item_lf = lx->lf;
    lx->escaped = false;
    lx->decoded_len = 0;
}

static enum state skip(struct cfg_lexer *lx, const uint8_t *p, enum state next)
{
    advance(lx, p);
    begin(lx);
    return next;
}

/* ---- items ---- */

static void yield_text(struct cfg_lexer *lx, enum cfg_item_type type, slice text)
{
    /* Go takes the column from the end, less the length of the text with its escapes resolved */
    lx->item = (struct cfg_item){type, text, lx->line, (int)(lx->pos - lx->item_lf - (ptrdiff_t)text.len)};
    lx->ready = true;
    begin(lx);
}

/* Yields what lies between start and p. */
static void yield(struct cfg_lexer *lx, const uint8_t *p, enum cfg_item_type type)
{
    advance(lx, p);
    yield_text(lx, type, slice_make(lx->start, (size_t)(lx->pos - lx->start)));
}

static enum state end_of_input(struct cfg_lexer *lx)
{
    yield_text(lx, CFG_ITEM_END, SLICE_EMPTY);
    return S_STOP;
}

static enum state fail_text(struct cfg_lexer *lx, slice text)
{
    yield_text(lx, CFG_ITEM_ERROR, text);
    return S_STOP;
}

static enum state fail(struct cfg_lexer *lx, const char *text)
{
    return fail_text(lx, slice_str(text));
}

/* Length of the UTF-8 code point at p, 0 when there is none. */
static size_t rune_len(const uint8_t *p)
{
    const uint8_t *first = p, *m;
    /*!re2c
        re2c:define:YYCTYPE = "uint8_t";
        re2c:define:YYCURSOR = p;
        re2c:define:YYMARKER = m;
        re2c:yyfill:enable = 0;

        // The NUL behind the input stops every rule: no class below that may repeat holds it.
        cont   = [\x80-\xbf];
        utf8   = [\x01-\x7f] | [\xc2-\xdf] cont | "\xe0" [\xa0-\xbf] cont | [\xe1-\xec\xee\xef] cont cont
               | "\xed" [\x80-\x9f] cont | "\xf0" [\x90-\xbf] cont cont | [\xf1-\xf3] cont cont cont
               | "\xf4" [\x80-\x8f] cont cont;
        blank  = [ \t];
        nl     = [\r\n];
        uspace = [ \t-\r] | "\xc2" [\x85\xa0] | "\xe1\x9a\x80" | "\xe2\x80" [\x80-\x8a\xa8\xa9\xaf]
               | "\xe2\x81\x9f" | "\xe3\x80\x80";
        sep    = [:=];
        nul    = "\x00";
        comment = "#" | "//";
        digit  = [0-9];

        utf8 { return (size_t)(p - first); }
        *    { return 0; }
    */
}

/* before, the code point at `at`, after; the position is then behind it when `passed`. */
static enum state fail_at(struct cfg_lexer *lx, const char *before, const uint8_t *at, const char *after,
                          bool passed)
{
    size_t len = at < lx->limit ? rune_len(at) : 0;
    slice rune = slice_make(at, len);
    if (at >= lx->limit || *at == '\0')
        rune = slice_make("", 1); /* the end shows as NUL, as in Go */
    else if (*at == '\n')
        rune = SLICE_LIT("\\n");
    else if (len == 0)
        rune = SLICE_LIT("\xef\xbf\xbd");
    slice parts[3] = {slice_str(before), rune, slice_str(after)};
    size_t n = 0;
    for (int i = 0; i < 3; i++) {
        memcpy(lx->error + n, parts[i].ptr, parts[i].len);
        n += parts[i].len;
    }
    if (passed)
        advance(lx, at + (len == 0 ? 1 : len));
    return fail_text(lx, slice_make(lx->error, n));
}

/* ---- the stack of places ---- */

static bool push(struct cfg_lexer *lx, enum state s)
{
    if (lx->depth == CFG_DEPTH_MAX)
        return false;
    lx->stack[lx->depth++] = (unsigned char)s;
    return true;
}

static enum state pop(struct cfg_lexer *lx)
{
    return lx->depth == 0 ? S_TOP : (enum state)lx->stack[--lx->depth];
}

static enum state too_deep(struct cfg_lexer *lx)
{
    return fail(lx, "maps and arrays are nested more than 512 deep");
}

/* A comment that starts before p, then back to a state. */
static enum state comment(struct cfg_lexer *lx, const uint8_t *p, enum state back)
{
    while (*p != '\0' && *p != '\r' && *p != '\n')
        p++;
    return skip(lx, p, back);
}

/* The end of the input where one may be; inside of it NUL and a lone '/' are an error. */
static enum state end_or_fail(struct cfg_lexer *lx, const uint8_t *p)
{
    advance(lx, p);
    return lx->pos > lx->start ? fail(lx, "Unexpected EOF.") : end_of_input(lx);
}

/* ---- top level ---- */

static enum state top(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *m;
    /*!re2c
        uspace+       { return skip(lx, p, S_TOP); }
        comment       { return comment(lx, p, S_TOP); }
        "{"           { return push(lx, S_TOP) ? skip(lx, p, S_BLOCK_START) : too_deep(lx); }
        "/" | nul     { return end_or_fail(lx, p); }
        *             { return push(lx, S_TOP_VALUE_END) ? S_KEY_START : too_deep(lx); }
    */
}

static enum state top_value_end(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *m;
    /*!re2c
        blank+ | "/"       { return skip(lx, p, S_TOP_VALUE_END); }
        comment            { return comment(lx, p, S_TOP); }
        nl | nul | [;,}]   { return skip(lx, p, S_TOP); }
        *                  { return fail_at(lx, "Expected a top-level value to end with a new line, comment or EOF, "
                                            "but got '", p - 1, "' instead.", true); }
    */
}

/* ---- a block: braces around top-level entries ---- */

static enum state block_start(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *m;
    /*!re2c
        uspace+   { return skip(lx, p, S_BLOCK_START); }
        comment   { return comment(lx, p, S_BLOCK_START); }
        "{"       { return push(lx, S_BLOCK_END) ? skip(lx, p, S_BLOCK_START) : too_deep(lx); }
        "}"       { return skip(lx, p, pop(lx)); }
        "/" | nul { return end_or_fail(lx, p); }
        *         { return push(lx, S_BLOCK_VALUE_END) ? S_KEY_START : too_deep(lx); }
    */
}

static enum state block_value_end(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *m;
    /*!re2c
        blank+ | "/" { return skip(lx, p, S_BLOCK_VALUE_END); }
        comment      { return comment(lx, p, S_BLOCK_VALUE_END); }
        nl | [;,]    { return skip(lx, p, S_BLOCK_START); }
        "}"          { return skip(lx, p, pop(lx)); }
        *            { return fail_at(lx, "Expected a block-level value to end with a new line, comment or EOF, "
                                      "but got '", p - 1, "' instead.", true); }
    */
}

static enum state block_end(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *m;
    /*!re2c
        (blank | nl)+ { return skip(lx, p, S_BLOCK_END); }
        comment       { return comment(lx, p, S_BLOCK_START); }
        [;,]          { return skip(lx, p, S_BLOCK_START); }
        "}"           { return skip(lx, p, pop(lx)); }
        *             { return fail_at(lx, "Expected a block-level to end with a '}', but got '", p - 1,
                                       "' instead.", true); }
    */
}

/* ---- keys of the top level and of blocks ---- */

/* Behind the first byte of a key, which may be any. */
static const uint8_t *key_rest(const struct cfg_lexer *lx)
{
    return lx->pos < lx->limit ? lx->pos + 1 : lx->limit;
}

static enum state key_start(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *m;
    /*!re2c
        uspace+ { return skip(lx, p, S_KEY_START); }
        sep     { return fail_at(lx, "Unexpected key separator '", p - 1, "'", false); }
        ['"]    { return skip(lx, p, p[-1] == '"' ? S_KEY_DOUBLE : S_KEY_SINGLE); }
        *       { begin(lx);
                  return S_KEY; }
    */
}

/* The end of an unquoted key, at a space, a separator or NUL; p is behind its first byte. */
static const uint8_t *key_end_of(const uint8_t *p)
{
    const uint8_t *m;
    for (;;) {
        const uint8_t *at = p;
        /*!re2c
            uspace | sep | nul { return at; }
            *                  { continue; }
        */
    }
}

static bool is_space_at(const uint8_t *p)
{
    const uint8_t *m;
    /*!re2c
        uspace  { return true; }
        *       { return false; }
    */
}

/* `include` in any case, as a key that a space follows, is no key. */
static bool is_include(const struct cfg_lexer *lx, const uint8_t *end)
{
    const uint8_t *p = lx->start, *m;
    if (!is_space_at(end))
        return false;
    /*!re2c
        'include' { return p == end; }
        *         { return false; }
    */
}

static enum state key(struct cfg_lexer *lx)
{
    const uint8_t *end = key_end_of(key_rest(lx));
    if (is_include(lx, end))
        return skip(lx, end, S_INCLUDE);
    yield(lx, end, CFG_ITEM_KEY);
    return S_KEY_END;
}

/* Up to the quote, which is not consumed; false: the input ends before it does. */
static bool quoted(struct cfg_lexer *lx, uint8_t quote)
{
    const uint8_t *p = lx->pos;
    while (*p != '\0' && *p != quote)
        p++;
    advance(lx, p);
    return *p == quote;
}

static enum state key_quoted(struct cfg_lexer *lx, uint8_t quote)
{
    if (!quoted(lx, quote))
        return end_or_fail(lx, lx->pos);
    yield(lx, lx->pos, CFG_ITEM_KEY);
    return skip(lx, lx->pos + 1, S_KEY_END);
}

static enum state key_end(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *m;
    /*!re2c
        uspace+ { return skip(lx, p, S_KEY_END); }
        sep     { return skip(lx, p, S_VALUE); }
        nul     { return end_of_input(lx); }
        *       { return S_VALUE; }
    */
}

/* ---- values ---- */

/* Adds bytes to the string at work. The room is made once, as long as the input: no string is longer. */
static bool decoded_add(struct cfg_lexer *lx, const uint8_t *p, size_t len)
{
    if (lx->decoded == NULL)
        lx->decoded = arena_alloc(lx->arena, (size_t)(lx->limit - lx->input) + 1);
    if (lx->decoded == NULL)
        return false;
    if (len > 0)
        memcpy(lx->decoded + lx->decoded_len, p, len);
    lx->decoded_len += len;
    lx->escaped = true;
    return true;
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code point at p, or nothing at the end of the input. */
static const uint8_t *rune_end(const struct cfg_lexer *lx, const uint8_t *p)
{
    size_t len = rune_len(p);
    return p >= lx->limit ? lx->limit : p + (len == 0 ? 1 : len);
}

/* The two digits of \x at p. Returns the byte behind them, NULL after an error was yielded. */
static const uint8_t *hex_escape(struct cfg_lexer *lx, const uint8_t *p)
{
    const uint8_t *end = p;
    for (int i = 0; i < 2; i++) {
        bool line_end = *end == '\n' || *end == '\r';
        end = rune_end(lx, end);
        if (line_end) {
            advance(lx, end);
            fail(lx, "Expected two hexadecimal digits after '\\x', but hit end of line");
            return NULL;
        }
    }
    int high = hex_value(p[0]), low = high < 0 ? -1 : hex_value(p[1]);
    if (low < 0) {
        advance(lx, end);
        /* Go shows the last two bytes, which need not be the two characters */
        slice text[3] = {SLICE_LIT("Expected two hexadecimal digits after '\\x', but got '"), slice_make(end - 2, 2),
                         SLICE_LIT("'")};
        fail_text(lx, arena_concat(lx->arena, text, 3));
        return NULL;
    }
    uint8_t byte = (uint8_t)(high << 4 | low);
    decoded_add(lx, &byte, 1);
    return end;
}

/* The escape at p, behind its backslash. Returns the byte behind it, NULL after an error was yielded. */
static const uint8_t *escape(struct cfg_lexer *lx, const uint8_t *p)
{
    const uint8_t *at = p, *m;
    /*!re2c
        "x"  { return hex_escape(lx, p); }
        "t"  { decoded_add(lx, (const uint8_t *)"\t", 1); return p; }
        "n"  { decoded_add(lx, (const uint8_t *)"\n", 1); return p; }
        "r"  { decoded_add(lx, (const uint8_t *)"\r", 1); return p; }
        ["\\] { decoded_add(lx, at, 1); return p; }
        *       { fail_at(lx, "Invalid escape character '", at, "'. Only the following escape characters are "
                          "allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\.", true);
                  return NULL; }
    */
}

/* Yields the string that began at start; `part` is what follows its last escape. */
static void yield_string(struct cfg_lexer *lx, const uint8_t *part, const uint8_t *end)
{
    slice text = slice_make(lx->start, (size_t)(end - lx->start));
    if (lx->escaped) {
        decoded_add(lx, part, (size_t)(end - part));
        text = arena_copy(lx->arena, slice_make(lx->decoded, lx->decoded_len));
    }
    advance(lx, end);
    yield_text(lx, CFG_ITEM_STRING, text);
}

static bool is_bool(slice word)
{
    const uint8_t *p = word.ptr, *end = word.ptr + word.len, *m;
    /*!re2c
        'true' | 'yes' | 'on' | 'false' | 'no' | 'off' { return p == end; }
        *                                              { return false; }
    */
}

/* An unquoted word without escapes is a boolean, a variable ($2a$ begins a password hash, though) or a string. */
static enum state word_end(struct cfg_lexer *lx, const uint8_t *part, const uint8_t *end)
{
    slice raw = slice_make(lx->start, (size_t)(end - lx->start));
    if (lx->escaped) {
        yield_string(lx, part, end);
    } else if (is_bool(raw)) {
        yield(lx, end, CFG_ITEM_BOOL);
    } else if (slice_starts(raw, SLICE_LIT("$")) && !slice_starts(raw, SLICE_LIT("$2a$"))) {
        lx->start++;
        yield(lx, end, CFG_ITEM_VARIABLE);
    } else {
        yield_string(lx, part, end);
    }
    return pop(lx);
}

/* A word that begins at start; what lies before p belongs to it. */
static enum state word(struct cfg_lexer *lx, const uint8_t *p)
{
    const uint8_t *part = lx->start, *m;
    for (;;) {
        const uint8_t *at = p;
        /*!re2c
            [^\x00\r\n;,\]} \t\\']+         { continue; }
            nl | nul | blank | [;,] | "]" | "}" { return word_end(lx, part, at); }
            "'"  { yield_string(lx, part, at);
                   skip(lx, p, S_VALUE);
                   return pop(lx); }
            "\\" { decoded_add(lx, part, (size_t)(at - part));
                   part = p = escape(lx, p);
                   if (p == NULL)
                       return S_STOP;
                   continue; }
        */
    }
}

static enum state single_quoted(struct cfg_lexer *lx)
{
    if (!quoted(lx, '\''))
        return end_or_fail(lx, lx->pos + 1);
    yield(lx, lx->pos, CFG_ITEM_STRING);
    skip(lx, lx->pos + 1, S_VALUE);
    return pop(lx);
}

/* A double-quoted string that the end cuts off right behind an escape passes for the end of the file. */
static enum state unended(struct cfg_lexer *lx, const uint8_t *part, const uint8_t *at)
{
    advance(lx, at);
    if (!lx->escaped || part != at || at != lx->limit)
        return end_or_fail(lx, at + 1);
    yield_text(lx, CFG_ITEM_END, slice_make(lx->decoded, lx->decoded_len));
    return S_STOP;
}

static enum state double_quoted(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *part = p, *m;
    for (;;) {
        const uint8_t *at = p;
        /*!re2c
            [^\x00"\\]+ { continue; }
            "\""  { yield_string(lx, part, at);
                    skip(lx, p, S_VALUE);
                    return pop(lx); }
            "\\"  { decoded_add(lx, part, (size_t)(at - part));
                    part = p = escape(lx, p);
                    if (p == NULL)
                        return S_STOP;
                    continue; }
            nul   { return unended(lx, part, at); }
        */
    }
}

/* ( ... ) where the closing one stands alone on its line. Both line ends belong to the value and so does, as
 * in Go, a closing one that the end of the file follows. */
static enum state block(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *m;
    for (;;) {
        /*!re2c
            "\n)" { if (*p != '\n' && *p != '\0')
                        continue;
                    yield(lx, p == lx->limit ? p : p - 1, CFG_ITEM_STRING);
                    skip(lx, p, S_VALUE);
                    return pop(lx); }
            nul   { advance(lx, p);
                    return fail(lx, "Unexpected EOF processing block."); }
            *     { continue; }
        */
    }
}

/* Behind "YYYY-" of what must be a time in UTC. */
static enum state datetime(struct cfg_lexer *lx, const uint8_t *p)
{
    for (const char *want = "00-00T00:00:00Z"; *want != '\0'; want++, p++) {
        if (*want == '0') {
            if (*p < '0' || *p > '9')
                return fail_at(lx, "Expected digit in ISO8601 datetime, but found '", p, "' instead.", true);
        } else if (*p != (uint8_t)*want) {
            char before[64];
            snprintf(before, sizeof before, "Expected '%c' in ISO8601 datetime, but found '", *want);
            return fail_at(lx, before, p, "' instead.", true);
        }
    }
    yield(lx, p, CFG_ITEM_DATETIME);
    return pop(lx);
}

/* Behind a float; with a second point it is an address. */
static enum state float_or_address(struct cfg_lexer *lx, const uint8_t *p)
{
    enum cfg_item_type type = *p == '.' ? CFG_ITEM_STRING : CFG_ITEM_FLOAT;
    while (type == CFG_ITEM_STRING && *p != '\0' && strchr("0123456789.:-", *p) != NULL)
        p++;
    yield(lx, p, type);
    return pop(lx);
}

static bool ends_integer(uint8_t c)
{
    return c == '\0' || strchr("\r\n \t,;}", c) != NULL;
}

static enum state integer(struct cfg_lexer *lx, const uint8_t *p)
{
    yield(lx, p, CFG_ITEM_INTEGER);
    return pop(lx);
}

static enum state number(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *m;
    /*!re2c
        suffix = [kKmMgGtTpPeE] [bBiI]*;

        "-"? digit+ "." digit+ { return float_or_address(lx, p); }
        "-"? digit+ "."        { return fail_at(lx, "Floats must have a digit after the '.', but got '", p,
                                                "' instead.", true); }
        "-"? digit+ suffix     { return ends_integer(*p) ? integer(lx, p) : word(lx, p); }
        "-" digit+             { return integer(lx, p); }
        digit+                 { return ends_integer(*p) ? integer(lx, p) : word(lx, p + 1); }
        digit{4} "-"           { return datetime(lx, p); }
        digit+ "-"             { advance(lx, p);
                                 return fail(lx, "All ISO8601 dates must be in full Zulu form."); }
        "-."                   { advance(lx, p);
                                 return fail(lx, "Floats must start with a digit, not '.'."); }
        *                      { return fail_at(lx, "Expected a digit but got '", p, "'.", true); }
    */
}

static enum state value(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *m;
    /*!re2c
        blank+ { return skip(lx, p, S_VALUE); }
        "["    { skip(lx, p, S_VALUE);
                 yield(lx, p, CFG_ITEM_ARRAY_START);
                 return S_ARRAY_VALUE; }
        "{"    { skip(lx, p, S_VALUE);
                 yield(lx, p, CFG_ITEM_MAP_START);
                 return S_MAP_KEY_START; }
        "'"    { skip(lx, p, S_VALUE);
                 return single_quoted(lx); }
        "\""   { skip(lx, p, S_VALUE);
                 return double_quoted(lx); }
        "("    { skip(lx, p, S_VALUE);
                 return block(lx); }
        "-" | digit { return number(lx); }
        "."    { advance(lx, p);
                 return fail(lx, "Floats must start with a digit"); }
        nl     { advance(lx, p);
                 return fail(lx, "Expected value but found new line"); }
        *       { return word(lx, lx->pos); }
    */
}

/* ---- arrays ---- */

static enum state array_end(struct cfg_lexer *lx, const uint8_t *p)
{
    skip(lx, p, S_VALUE);
    yield(lx, p, CFG_ITEM_ARRAY_END);
    return pop(lx);
}

static enum state array_value(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *m;
    /*!re2c
        uspace+       { return skip(lx, p, S_ARRAY_VALUE); }
        comment       { return comment(lx, p, S_ARRAY_VALUE); }
        "," | "/"     { advance(lx, p);
                        return fail(lx, "Unexpected array value terminator ','."); }
        "]"           { return array_end(lx, p); }
        *             { return push(lx, S_ARRAY_VALUE_END) ? S_VALUE : too_deep(lx); }
    */
}

static enum state array_value_end(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *m;
    /*!re2c
        blank+         { return skip(lx, p, S_ARRAY_VALUE_END); }
        comment        { return comment(lx, p, S_ARRAY_VALUE_END); }
        "," | "/" | nl { return skip(lx, p, S_ARRAY_VALUE); }
        "]"            { return array_end(lx, p); }
        *              { return fail_at(lx, "Expected an array value terminator \",\" or an array terminator "
                                        "\"]\", but got '", p - 1, "' instead.", true); }
    */
}

/* ---- maps ---- */

static enum state map_end(struct cfg_lexer *lx, const uint8_t *p)
{
    skip(lx, p, S_VALUE);
    yield(lx, p, CFG_ITEM_MAP_END);
    return pop(lx);
}

static enum state map_key_start(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *m;
    /*!re2c
        uspace+ { return skip(lx, p, S_MAP_KEY_START); }
        comment { return comment(lx, p, S_MAP_KEY_START); }
        sep     { return fail_at(lx, "Unexpected key separator '", p - 1, "'.", false); }
        "]"     { return fail(lx, "Unexpected array end ']' processing map."); }
        "}"     { return map_end(lx, p); }
        ['"]    { return skip(lx, p, p[-1] == '"' ? S_MAP_KEY_DOUBLE : S_MAP_KEY_SINGLE); }
        nul     { advance(lx, p);
                  return fail(lx, "Unexpected EOF processing map."); }
        *       { begin(lx);
                  return S_MAP_KEY; }
    */
}

static enum state map_key(struct cfg_lexer *lx)
{
    const uint8_t *end = key_end_of(key_rest(lx));
    if (*end == '\0') {
        advance(lx, end);
        return fail(lx, "Unexpected EOF processing map key.");
    }
    if (is_include(lx, end))
        return push(lx, S_MAP_VALUE_END) ? skip(lx, end, S_INCLUDE) : too_deep(lx);
    yield(lx, end, CFG_ITEM_KEY);
    return S_MAP_KEY_END;
}

static enum state map_key_quoted(struct cfg_lexer *lx, uint8_t quote, const char *unended)
{
    if (!quoted(lx, quote))
        return fail(lx, unended);
    yield(lx, lx->pos, CFG_ITEM_KEY);
    return skip(lx, lx->pos + 1, S_MAP_KEY_END);
}

static enum state map_key_end(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *m;
    /*!re2c
        uspace+ { return skip(lx, p, S_MAP_KEY_END); }
        sep     { return skip(lx, p, S_MAP_VALUE); }
        *       { return S_MAP_VALUE; }
    */
}

static enum state map_value(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *m;
    /*!re2c
        uspace+ { return skip(lx, p, S_MAP_VALUE); }
        ","     { advance(lx, p);
                  return fail(lx, "Unexpected map value terminator \",\"."); }
        "}"     { return map_end(lx, p); }
        *       { return push(lx, S_MAP_VALUE_END) ? S_VALUE : too_deep(lx); }
    */
}

static enum state map_value_end(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *m;
    /*!re2c
        blank+           { return skip(lx, p, S_MAP_VALUE_END); }
        comment          { return comment(lx, p, S_MAP_VALUE_END); }
        [;,] | "/" | nl  { return skip(lx, p, S_MAP_KEY_START); }
        "}"              { return map_end(lx, p); }
        *                { return fail_at(lx, "Expected a map value terminator \",\" or a map terminator \"}\", "
                                          "but got '", p - 1, "' instead.", true); }
    */
}

/* ---- include ---- */

static enum state include_quoted(struct cfg_lexer *lx, uint8_t quote, const char *unended)
{
    if (!quoted(lx, quote))
        return fail(lx, unended);
    yield(lx, lx->pos, CFG_ITEM_INCLUDE);
    skip(lx, lx->pos + 1, S_VALUE);
    return pop(lx);
}

/* Up to where a value would end, but a ',' belongs to the path. */
static enum state include_word(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *m;
    for (;;) {
        const uint8_t *at = p;
        /*!re2c
            [^\x00\r\n;} \t']+           { continue; }
            "'"                          { yield(lx, at, CFG_ITEM_INCLUDE);
                                           skip(lx, p, S_VALUE);
                                           return pop(lx); }
            nul | nl | blank | ";" | "}" { yield(lx, at, CFG_ITEM_INCLUDE);
                                           return pop(lx); }
        */
    }
}

static enum state include_not(struct cfg_lexer *lx, const uint8_t *p, const char *text)
{
    advance(lx, p);
    return fail(lx, text);
}

static enum state include(struct cfg_lexer *lx)
{
    const uint8_t *p = lx->pos, *m;
    /*!re2c
        blank+      { return skip(lx, p, S_INCLUDE); }
        "'"         { skip(lx, p, S_VALUE);
                      return include_quoted(lx, '\'', "Unexpected EOF in quoted include"); }
        "\""        { skip(lx, p, S_VALUE);
                      return include_quoted(lx, '"', "Unexpected EOF in double quoted include"); }
        "["         { return include_not(lx, p, "Expected include value but found start of an array"); }
        "{"         { return include_not(lx, p, "Expected include value but found start of a map"); }
        "("         { return include_not(lx, p, "Expected include value but found start of a block"); }
        "-" | digit { return include_not(lx, p, "Expected include value but found start of a number"); }
        "\\"        { return include_not(lx, p, "Expected include value but found escape sequence"); }
        nl          { return include_not(lx, p, "Expected include value but found new line"); }
        *           { return include_word(lx); }
    */
}

/* ---- the machine ---- */

static enum state step(struct cfg_lexer *lx)
{
    switch ((enum state)lx->state) {
    case S_TOP:
        return top(lx);
    case S_TOP_VALUE_END:
        return top_value_end(lx);
    case S_BLOCK_START:
        return block_start(lx);
    case S_BLOCK_VALUE_END:
        return block_value_end(lx);
    case S_BLOCK_END:
        return block_end(lx);
    case S_KEY_START:
        return key_start(lx);
    case S_KEY:
        return key(lx);
    case S_KEY_SINGLE:
        return key_quoted(lx, '\'');
    case S_KEY_DOUBLE:
        return key_quoted(lx, '"');
    case S_KEY_END:
        return key_end(lx);
    case S_VALUE:
        return value(lx);
    case S_ARRAY_VALUE:
        return array_value(lx);
    case S_ARRAY_VALUE_END:
        return array_value_end(lx);
    case S_MAP_KEY_START:
        return map_key_start(lx);
    case S_MAP_KEY:
        return map_key(lx);
    case S_MAP_KEY_SINGLE:
        return map_key_quoted(lx, '\'', "Unexpected EOF processing quoted map key.");
    case S_MAP_KEY_DOUBLE:
        return map_key_quoted(lx, '"', "Unexpected EOF processing double quoted map key.");
    case S_MAP_KEY_END:
        return map_key_end(lx);
    case S_MAP_VALUE:
        return map_value(lx);
    case S_MAP_VALUE_END:
        return map_value_end(lx);
    case S_INCLUDE:
        return include(lx);
    case S_STOP:
        break;
    }
    lx->ready = true; /* the last item again */
    return S_STOP;
}

void cfg_lexer_init(struct cfg_lexer *lx, slice input, struct arena *arena)
{
    *lx = (struct cfg_lexer){.input = input.ptr, .limit = input.ptr + input.len, .line = 1, .arena = arena};
    lx->pos = lx->start = lx->lf = lx->item_lf = input.ptr;
    lx->state = S_TOP;
}

struct cfg_item cfg_lexer_next(struct cfg_lexer *lx)
{
    lx->ready = false;
    while (!lx->ready)
        lx->state = (unsigned char)step(lx);
    return lx->item;
}
