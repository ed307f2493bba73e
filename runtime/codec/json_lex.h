/* codec/json_lex.h: the generated lexer of grammar/json.re. Private to the toolkit. */
#ifndef CODEC_JSON_LEX_H
#define CODEC_JSON_LEX_H

#include <midge/slice.h>

enum codec_json_lexeme {
    JSON_OPEN_OBJECT,
    JSON_CLOSE_OBJECT,
    JSON_OPEN_ARRAY,
    JSON_CLOSE_ARRAY,
    JSON_COLON,
    JSON_COMMA,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
    JSON_INTEGER,
    JSON_NUMBER,
    JSON_PLAIN_STRING, /* ASCII without escapes */
    JSON_STRING,
    JSON_BROKEN_STRING, /* a good beginning; *pos is the byte that breaks it (or the end) */
    JSON_BROKEN_NUMBER,
    JSON_BROKEN_TRUE,
    JSON_BROKEN_FALSE,
    JSON_BROKEN_NULL,
    JSON_NOTHING, /* a byte with which no token begins */
    JSON_TEXT_END,
};

/* The token at *pos or behind the white space there: *at is its first byte, *pos the byte behind it. */
enum codec_json_lexeme codec_json_lex(slice text, size_t *pos, size_t *at);

#endif
