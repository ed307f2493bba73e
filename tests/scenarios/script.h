/* script.h: the text of scenario files, read into steps.
 *
 * A file holds any number of scenarios. `scenario TITLE` starts one; attribute lines (`covers:`, `only:`,
 * `timeout:`, `serial`) may follow; then come steps, one a line:
 *
 *     words...                  a statement               server s
 *     words... OP text          with the rest of the line a > PUB foo 5\r\nhello
 *     words... <<<              with a here-document, up to a line `>>>`
 *     words... <{               with a set of lines, up to a line `}`
 *     repeat N VAR ... end      a block of steps, played N times
 *     each VAR <{ ... } ... end a block of steps, played for each line of the set
 *     [go] step, [midge] step   a step for one server only
 *
 * OP is one of `>` `>>` `<` `<<` `~` `:`; README.md beside this file explains the statements. A `#` that
 * starts a word begins a comment, except after an OP.
 *
 * All memory belongs to the script; slices point into its text and live until script_free. One thread. */
#ifndef TESTS_SCENARIO_SCRIPT_H
#define TESTS_SCENARIO_SCRIPT_H

#include <midge/slice.h>

#define STEP_MAX_WORDS 48

enum step_op {
    OP_NONE,
    OP_SEND_LINE,   /* >   text and CR LF */
    OP_SEND_RAW,    /* >>  text alone */
    OP_EXPECT_LINE, /* <   text and CR LF, nothing else before them */
    OP_EXPECT_RAW,  /* <<  text alone */
    OP_MATCH,       /* ~   an extended regular expression, for one line */
    OP_TEXT,        /* :   free text */
    OP_HERE,        /* <<< here-document */
    OP_SET,         /* <{  lines that may come in any order */
};

enum peer_kind { PEER_ANY, PEER_GO, PEER_MIDGE };

struct step {
    unsigned line;
    enum peer_kind peer; /* PEER_ANY, or the only server kind that takes the step */
    slice words[STEP_MAX_WORDS];
    size_t word_count;
    enum step_op op;
    slice text; /* of the OP, or the here-document with its common indentation */
    slice *set; /* lines of a set */
    size_t set_count;
    struct step *body; /* of a repeat or an each */
    size_t body_count;
};

struct scenario {
    const char *file;
    unsigned line;
    slice title;
    slice covers;        /* acceptance ids, blank-separated; several lines are joined */
    enum peer_kind only; /* PEER_ANY, or the kind of server it is for, with the reason */
    slice reason;
    unsigned timeout_ms; /* 0: the default */
    bool serial;         /* must not share the machine with other scenarios */
    struct step *steps;
    size_t step_count;
};

struct script {
    char *path;
    char *bytes; /* the file, with a final LF and a NUL */
    struct scenario *scenarios;
    size_t count;
    void **blocks; /* everything else that was allocated */
    size_t block_count;
};

/* Reads and parses a file. False: *error (of error_cap bytes) says where and why, as "path:line: reason". */
bool script_load(struct script *script, const char *path, char *error, size_t error_cap);
void script_free(struct script *script);

/* Tokens of the statement lexer, made by re2c from script.re. */
enum token_kind { TOKEN_WORD, TOKEN_OP, TOKEN_HERE, TOKEN_SET, TOKEN_EOL, TOKEN_EOF, TOKEN_BAD };

struct token {
    enum token_kind kind;
    enum step_op op;
    slice text; /* the word, the text after an OP, or the bytes of a here-document or set */
    bool quoted;
};

struct script_lexer {
    const char *at;
    unsigned line; /* of the next token */
};

/* The text must end in LF and NUL. A TOKEN_OP, TOKEN_HERE or TOKEN_SET takes in the end of its line. */
struct token script_token(struct script_lexer *lexer);

#endif
