/* Errors in Go's words: servers log them and send them to clients. */
#include "codec/utf8.h"
#include <midge/json.h>
#include <midge/quote.h>
#include <stdio.h>

static void put(struct codec_out *out, const char *text)
{
    codec_out_put(out, slice_str(text));
}

/* So much of a value or key is shown: every sentence fits CODEC_JSON_ERROR_MAX. */
enum { LONGEST = 128 };

/* The offending value or key. */
static void put_token(struct codec_out *out, const struct codec_json_error *e, slice text)
{
    slice token = slice_first(slice_from(text, e->offset), e->length);
    codec_out_put(out, slice_first(token, LONGEST));
    if (token.len > LONGEST)
        put(out, "...");
}

static const char *context(enum codec_json_error_kind kind)
{
    switch (kind) {
    case CODEC_JSON_E_VALUE:
        return "looking for beginning of value";
    case CODEC_JSON_E_KEY:
        return "looking for beginning of object key string";
    case CODEC_JSON_E_COLON:
        return "after object key";
    case CODEC_JSON_E_OBJECT_NEXT:
        return "after object key:value pair";
    case CODEC_JSON_E_ARRAY_NEXT:
        return "after array element";
    case CODEC_JSON_E_STRING:
        return "in string";
    case CODEC_JSON_E_NUMBER:
        return "in numeric literal";
    default:
        return "after top-level value";
    }
}

/* The letter that would have gone on with the literal, of which a part stands before the offset. */
static void put_literal(struct codec_out *out, const char *literal, slice text, size_t at)
{
    size_t matched = strlen(literal) - 1;
    while (matched > 1 && (matched > at || memcmp(text.ptr + at - matched, literal, matched) != 0))
        matched--;
    put(out, " in literal ");
    put(out, literal);
    put(out, " (expecting ");
    codec_quote_char(out, slice_str(literal + matched));
    put(out, ")");
}

/* What is shown of a bad escape. */
static slice escape_at(slice text, size_t at)
{
    slice rest = slice_from(text, at);
    return slice_first(rest, rest.len > 1 && rest.ptr[1] == 'u' ? 6 : 2);
}

static void put_escape(struct codec_out *out, slice text, size_t at)
{
    put(out, "invalid escape sequence ");
    codec_quote_back(out, escape_at(text, at));
    put(out, " in string");
}

/* A decoder names the offset behind what is wrong. */
static void put_place(struct codec_out *out, const struct codec_json_error *e, slice text)
{
    uint32_t rune;
    size_t width = 1;
    slice wrong = slice_from(text, e->offset);
    if (!e->stream)
        return;
    if (e->kind == CODEC_JSON_E_ESCAPE)
        width = escape_at(text, e->offset).len;
    else if (e->kind != CODEC_JSON_E_DEPTH && wrong.len > 0)
        width = utf8_decode(wrong, &rune);
    char place[40];
    snprintf(place, sizeof(place), " at offset %zu", e->offset + width);
    put(out, place);
}

static void put_syntax(struct codec_out *out, const struct codec_json_error *e, slice text)
{
    put(out, "invalid character ");
    codec_quote_char(out, slice_from(text, e->offset));
    if (e->kind == CODEC_JSON_E_TRUE_LITERAL) {
        put_literal(out, "true", text, e->offset);
    } else if (e->kind == CODEC_JSON_E_FALSE_LITERAL) {
        put_literal(out, "false", text, e->offset);
    } else if (e->kind == CODEC_JSON_E_NULL_LITERAL) {
        put_literal(out, "null", text, e->offset);
    } else {
        put(out, " ");
        put(out, context(e->kind));
    }
}

static bool is_number(const struct codec_json_field *field)
{
    return field->type == CODEC_JSON_T_INT || field->type == CODEC_JSON_T_UINT ||
           field->type == CODEC_JSON_T_DOUBLE;
}

static void put_got(struct codec_out *out, const struct codec_json_error *e, slice text)
{
    switch (e->got) {
    case CODEC_JSON_OBJECT:
        put(out, "object");
        break;
    case CODEC_JSON_ARRAY:
        put(out, "array");
        break;
    case CODEC_JSON_STRING:
        put(out, "string");
        break;
    case CODEC_JSON_NUMBER:
        put(out, "number");
        if (e->field != NULL &&
            (is_number(e->field) || (e->element && e->field->type == CODEC_JSON_T_BYTES))) {
            put(out, " ");
            put_token(out, e, text);
        }
        break;
    default:
        put(out, "bool");
    }
}

/* "server.Info" without its package. */
static const char *short_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot == NULL ? name : dot + 1;
}

static void put_type(struct codec_out *out, const struct codec_json_error *e, slice text)
{
    put(out, "json: cannot unmarshal ");
    put_got(out, e, text);
    put(out, " into ");
    if (e->path[0] == 0) {
        put(out, "Go value of type ");
        put(out, e->table->name);
        return;
    }
    if (!e->element)
        put(out, "Go struct field ");
    put(out, short_name(e->table->name));
    put(out, ".");
    put(out, e->path);
    put(out, " of type ");
    put(out, e->want);
    if (e->field != NULL && !e->element && e->field->type == CODEC_JSON_T_BYTES &&
        e->got == CODEC_JSON_STRING) {
        char place[64];
        snprintf(place, sizeof(place), ": illegal base64 data at input byte %zu", e->base64_at);
        put(out, place);
    }
}

static void put_sentence(struct codec_out *out, const struct codec_json_error *e, slice text)
{
    switch (e->kind) {
    case CODEC_JSON_NO_ERROR:
        put(out, "no error");
        break;
    case CODEC_JSON_E_END:
        put(out, e->stream ? "unexpected EOF" : "unexpected end of JSON input");
        break;
    case CODEC_JSON_E_ESCAPE:
        put_escape(out, text, e->offset);
        put_place(out, e, text);
        break;
    case CODEC_JSON_E_DEPTH:
        put(out, "exceeded max depth");
        if (e->path[0] == 0)
            put_place(out, e, text);
        break;
    case CODEC_JSON_E_TYPE:
        put_type(out, e, text);
        break;
    case CODEC_JSON_E_UNKNOWN:
        put(out, "json: unknown field ");
        put_token(out, e, text);
        break;
    case CODEC_JSON_E_CUSTOM:
        put(out, "can not unmarshal ");
        codec_quote(out, slice_first(slice_first(slice_from(text, e->offset), e->length), LONGEST));
        break;
    case CODEC_JSON_E_ROOM:
        put(out, "json: text too large");
        break;
    default:
        put_syntax(out, e, text);
        put_place(out, e, text);
    }
}

size_t codec_json_error_text(const struct codec_json_error *error, slice text, char buf[CODEC_JSON_ERROR_MAX])
{
    struct codec_out out = codec_out_on(buf, CODEC_JSON_ERROR_MAX - 1);
    put_sentence(&out, error, text);
    size_t len = codec_out_ok(&out) ? out.len : 0;
    buf[len] = 0;
    return len;
}
