/* The pull parser: the grammar of JSON over the lexer's tokens, with one bit of memory a level. */
#include "codec/json_lex.h"
#include <midge/json.h>

/* What may come next. */
enum {
    A_VALUE,          /* at the top, behind a colon, behind a comma of an array */
    A_VALUE_OR_CLOSE, /* behind [ */
    A_KEY,            /* behind a comma of an object */
    A_KEY_OR_CLOSE,   /* behind { */
    A_COMMA_OR_CLOSE, /* behind a member or an element */
    THE_END,
    NOTHING_MORE, /* the end was told */
    BROKEN,
};

void codec_json_init(struct codec_json *p, slice text)
{
    p->text = text;
    p->pos = 0;
    p->depth = 0;
    p->expect = A_VALUE;
    p->error = CODEC_JSON_NO_ERROR;
    p->error_at = 0;
}

static bool in_object(const struct codec_json *p)
{
    unsigned level = p->depth - 1;
    return (p->in_object[level / 8] >> (level % 8) & 1) != 0;
}

static enum codec_json_event broken(struct codec_json *p, enum codec_json_error_kind kind, size_t at)
{
    p->error = at < p->text.len || kind == CODEC_JSON_E_DEPTH ? kind : CODEC_JSON_E_END;
    p->error_at = at;
    p->expect = BROKEN;
    return CODEC_JSON_BAD;
}

/* A value is complete: what may follow it. */
static void after_value(struct codec_json *p)
{
    p->expect = p->depth == 0 ? THE_END : A_COMMA_OR_CLOSE;
}

static enum codec_json_event open_level(struct codec_json *p, bool object, size_t at)
{
    if (p->depth == CODEC_JSON_DEPTH)
        return broken(p, CODEC_JSON_E_DEPTH, at);
    uint8_t bit = (uint8_t)(1u << (p->depth % 8));
    uint8_t *byte = &p->in_object[p->depth / 8];
    *byte = (uint8_t)(object ? *byte | bit : *byte & ~bit);
    p->depth++;
    p->expect = object ? A_KEY_OR_CLOSE : A_VALUE_OR_CLOSE;
    return object ? CODEC_JSON_OBJECT : CODEC_JSON_ARRAY;
}

static enum codec_json_event close_level(struct codec_json *p)
{
    bool object = in_object(p);
    p->depth--;
    after_value(p);
    return object ? CODEC_JSON_OBJECT_END : CODEC_JSON_ARRAY_END;
}

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* A string that stopped at pos: is it a bad escape, a control character, or just not all there? An escape
 * that the end of the text cuts off may yet become a good one. */
static enum codec_json_event broken_string(struct codec_json *p)
{
    size_t at = p->pos;
    if (at < p->text.len && p->text.ptr[at] == '\\') {
        size_t i = at + 1;
        if (i < p->text.len && p->text.ptr[i] == 'u') {
            i++;
            while (i < p->text.len && i < at + 6 && is_hex(p->text.ptr[i]))
                i++;
        }
        return broken(p, CODEC_JSON_E_ESCAPE, i < p->text.len ? at : p->text.len);
    }
    return broken(p, CODEC_JSON_E_STRING, at);
}

static enum codec_json_event value(struct codec_json *p, enum codec_json_lexeme lexeme,
                                   struct codec_json_token *tok)
{
    switch (lexeme) {
    case JSON_OPEN_OBJECT:
        return open_level(p, true, tok->at);
    case JSON_OPEN_ARRAY:
        return open_level(p, false, tok->at);
    case JSON_PLAIN_STRING:
    case JSON_STRING:
        tok->plain = lexeme == JSON_PLAIN_STRING;
        after_value(p);
        return CODEC_JSON_STRING;
    case JSON_INTEGER:
    case JSON_NUMBER:
        tok->integer = lexeme == JSON_INTEGER;
        after_value(p);
        return CODEC_JSON_NUMBER;
    case JSON_TRUE:
        after_value(p);
        return CODEC_JSON_TRUE;
    case JSON_FALSE:
        after_value(p);
        return CODEC_JSON_FALSE;
    case JSON_NULL:
        after_value(p);
        return CODEC_JSON_NULL;
    case JSON_BROKEN_STRING:
        return broken_string(p);
    case JSON_BROKEN_NUMBER:
        return broken(p, CODEC_JSON_E_NUMBER, p->pos);
    case JSON_BROKEN_TRUE:
        return broken(p, CODEC_JSON_E_TRUE_LITERAL, p->pos);
    case JSON_BROKEN_FALSE:
        return broken(p, CODEC_JSON_E_FALSE_LITERAL, p->pos);
    case JSON_BROKEN_NULL:
        return broken(p, CODEC_JSON_E_NULL_LITERAL, p->pos);
    default:
        return broken(p, CODEC_JSON_E_VALUE, tok->at);
    }
}

static enum codec_json_event key(struct codec_json *p, enum codec_json_lexeme lexeme,
                                 struct codec_json_token *tok)
{
    if (lexeme == JSON_BROKEN_STRING)
        return broken_string(p);
    if (lexeme != JSON_PLAIN_STRING && lexeme != JSON_STRING)
        return broken(p, CODEC_JSON_E_KEY, tok->at);
    tok->plain = lexeme == JSON_PLAIN_STRING;
    size_t at;
    if (codec_json_lex(p->text, &p->pos, &at) != JSON_COLON)
        return broken(p, CODEC_JSON_E_COLON, at);
    p->expect = A_VALUE;
    return CODEC_JSON_KEY;
}

enum codec_json_event codec_json_next(struct codec_json *p, struct codec_json_token *tok)
{
    if (p->expect == BROKEN)
        return CODEC_JSON_BAD;
    if (p->expect == NOTHING_MORE)
        return CODEC_JSON_END;
    enum codec_json_lexeme lexeme = codec_json_lex(p->text, &p->pos, &tok->at);
    if (p->expect == A_COMMA_OR_CLOSE) {
        bool object = in_object(p);
        if (lexeme == (object ? JSON_CLOSE_OBJECT : JSON_CLOSE_ARRAY))
            return close_level(p);
        if (lexeme != JSON_COMMA)
            return broken(p, object ? CODEC_JSON_E_OBJECT_NEXT : CODEC_JSON_E_ARRAY_NEXT, tok->at);
        p->expect = object ? A_KEY : A_VALUE;
        lexeme = codec_json_lex(p->text, &p->pos, &tok->at);
    }
    tok->text = slice_make(slice_ptr(p->text) + tok->at, p->pos - tok->at);
    switch (p->expect) {
    case THE_END:
        if (lexeme != JSON_TEXT_END)
            return broken(p, CODEC_JSON_E_TRAILING, tok->at);
        p->expect = NOTHING_MORE;
        return CODEC_JSON_END;
    case A_KEY_OR_CLOSE:
        return lexeme == JSON_CLOSE_OBJECT ? close_level(p) : key(p, lexeme, tok);
    case A_KEY:
        return key(p, lexeme, tok);
    case A_VALUE_OR_CLOSE:
        return lexeme == JSON_CLOSE_ARRAY ? close_level(p) : value(p, lexeme, tok);
    default:
        return value(p, lexeme, tok);
    }
}

bool codec_json_again(struct codec_json *p)
{
    size_t pos = p->pos, at;
    if (p->expect != THE_END || codec_json_lex(p->text, &pos, &at) == JSON_TEXT_END)
        return false;
    p->expect = A_VALUE;
    return true;
}

bool codec_json_skip(struct codec_json *p, enum codec_json_event first, const struct codec_json_token *tok,
                     slice *raw)
{
    size_t begin = tok->at;
    if (first == CODEC_JSON_BAD)
        return false;
    if (first == CODEC_JSON_OBJECT || first == CODEC_JSON_ARRAY) {
        struct codec_json_token inner;
        for (unsigned outside = p->depth - 1; p->depth > outside;) {
            if (codec_json_next(p, &inner) == CODEC_JSON_BAD)
                return false;
        }
    }
    if (raw != NULL)
        *raw = slice_make(p->text.ptr + begin, p->pos - begin);
    return true;
}
