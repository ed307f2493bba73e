/* info.re: the members of a flat JSON object, as INFO is one. */
#include "info.h"

enum json_token { JSON_OPEN, JSON_CLOSE, JSON_COLON, JSON_COMMA, JSON_STRING, JSON_PLAIN, JSON_END, JSON_BAD };

static enum json_token next_token(const char **at, slice *text)
{
    const char *cursor = *at;
    const char *YYMARKER;
    const char *start;
    enum json_token token;
    for (;;) {
        start = cursor;
        /*!re2c
        re2c:define:YYCTYPE = "unsigned char";
        re2c:define:YYCURSOR = "cursor";
        re2c:yyfill:enable = 0;

        [ \t\r\n]+              { continue; }
        "\x00"                  { cursor = start; token = JSON_END; break; }
        [{[]                    { token = JSON_OPEN; break; }
        [}\]]                   { token = JSON_CLOSE; break; }
        ":"                     { token = JSON_COLON; break; }
        ","                     { token = JSON_COMMA; break; }
        ["] ([^"\\\x00-\x1f] | "\\" [^\x00\n])* ["] { token = JSON_STRING; break; }
        [-+0-9a-zA-Z.]+         { token = JSON_PLAIN; break; }
        *                       { token = JSON_BAD; break; }
        */
    }
    *text = slice_make(start, (size_t)(cursor - start));
    *at = cursor;
    return token;
}

/* A whole value, with what it holds. */
static bool take_value(const char **at, slice *value)
{
    int depth = 0;
    slice text;
    const char *start = NULL;
    do {
        enum json_token token = next_token(at, &text);
        if (start == NULL)
            start = (const char *)text.ptr;
        if (token == JSON_BAD || token == JSON_END)
            return false;
        depth += token == JSON_OPEN ? 1 : token == JSON_CLOSE ? -1 : 0;
        if (depth < 0)
            return false;
    } while (depth > 0);
    *value = slice_make(start, (size_t)(*at - start));
    return true;
}

static slice unquote(slice s)
{
    return s.len >= 2 && s.ptr[0] == '"' ? slice_make(s.ptr + 1, s.len - 2) : s;
}

bool info_next(struct info_reader *reader, slice *key, slice *value)
{
    slice text;
    enum json_token token = next_token(&reader->at, &text);
    if (!reader->inside) {
        if (token != JSON_OPEN || text.ptr[0] != '{')
            return false;
        reader->inside = true;
        token = next_token(&reader->at, &text);
        if (token == JSON_CLOSE)
            return reader->done = true, false;
    } else {
        if (token == JSON_CLOSE)
            reader->done = true;
        if (token != JSON_COMMA)
            return false;
        token = next_token(&reader->at, &text);
    }
    if (token != JSON_STRING)
        return false;
    *key = unquote(text);
    if (next_token(&reader->at, &text) != JSON_COLON || !take_value(&reader->at, value))
        return false;
    *value = unquote(*value);
    return true;
}

bool info_find(const char *json, const char *key, slice *value)
{
    struct info_reader reader = {.at = json};
    slice name;
    while (info_next(&reader, &name, value)) {
        if (slice_eq_str(name, key))
            return true;
    }
    return false;
}
