/* script.re: the tokens of a scenario file (see script.h). */
#include "script.h"

/* The lines up to one that holds only the closing word; its own line is swallowed, too. */
static slice lines_until(struct script_lexer *lexer, const char *close, bool *found)
{
    const char *start = lexer->at;
    size_t n = strlen(close);
    *found = false;
    while (*lexer->at != '\0') {
        const char *line = lexer->at;
        const char *end = strchr(line, '\n');
        const char *word = line + strspn(line, " \t");
        lexer->at = end + 1;
        lexer->line++;
        if (strncmp(word, close, n) == 0 && word[n + strspn(word + n, " \t\r")] == '\n') {
            *found = true;
            return slice_make(start, (size_t)(line - start));
        }
    }
    return slice_make(start, (size_t)(lexer->at - start));
}

static struct token block(struct script_lexer *lexer, enum token_kind kind, enum step_op op, const char *close)
{
    struct token token = {.kind = kind, .op = op};
    bool found;
    token.text = lines_until(lexer, close, &found);
    if (!found)
        token.kind = TOKEN_BAD;
    return token;
}

/* The text after an OP: all behind it but one blank. */
static struct token text_after(struct script_lexer *lexer, enum step_op op, const char *start, size_t op_length)
{
    const char *text = start + op_length;
    if (*text == ' ' || *text == '\t')
        text++;
    struct token token = {.kind = TOKEN_OP, .op = op, .text = slice_make(text, (size_t)(lexer->at - text))};
    if (*lexer->at == '\r')
        lexer->at++;
    lexer->at++;
    lexer->line++;
    return token;
}

struct token script_token(struct script_lexer *lexer)
{
    const char *YYMARKER;
    const char *start;
    for (;;) {
        start = lexer->at;
        /*!re2c
        re2c:define:YYCTYPE = "unsigned char";
        re2c:define:YYCURSOR = "lexer->at";
        re2c:yyfill:enable = 0;

        blank = [ \t];
        eol   = "\r"? "\n";
        text  = blank [^\r\n\x00]*;
        word  = [^ \t\r\n\x00"'#] [^ \t\r\n\x00]*;

        blank+          { continue; }
        "#" [^\r\n\x00]* { continue; }
        eol             { lexer->line++; return (struct token){.kind = TOKEN_EOL}; }
        "\x00"          { lexer->at = start; return (struct token){.kind = TOKEN_EOF}; }

        "<<<" blank* eol { lexer->line++; return block(lexer, TOKEN_HERE, OP_HERE, ">>>"); }
        "<{" blank* eol  { lexer->line++; return block(lexer, TOKEN_SET, OP_SET, "}"); }

        ">"  text?      { return text_after(lexer, OP_SEND_LINE, start, 1); }
        ">>" text?      { return text_after(lexer, OP_SEND_RAW, start, 2); }
        "<"  text?      { return text_after(lexer, OP_EXPECT_LINE, start, 1); }
        "<<" text?      { return text_after(lexer, OP_EXPECT_RAW, start, 2); }
        "~"  text?      { return text_after(lexer, OP_MATCH, start, 1); }
        ":"  text?      { return text_after(lexer, OP_TEXT, start, 1); }

        ["] [^"\r\n\x00]* ["] | ['] [^'\r\n\x00]* ['] {
            return (struct token){.kind = TOKEN_WORD, .quoted = true,
                                  .text = slice_make(start + 1, (size_t)(lexer->at - start - 2))};
        }
        word {
            return (struct token){.kind = TOKEN_WORD, .text = slice_make(start, (size_t)(lexer->at - start))};
        }
        * { return (struct token){.kind = TOKEN_BAD}; }
        */
    }
}
