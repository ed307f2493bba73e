/* config_lex.h: the words of the configuration language.
 *
 * A pull lexer over one whole file in memory; grammar/config.re is its description. It yields the items that
 * config_tree.c builds the tree from. The language is the Go server's, with its corners: docs/spec/config.md
 * section 1 is what it follows. NUL means "end" to every state, as there.
 *
 * The input must be readable one byte past its end and hold a NUL there. Item texts point into the input, or
 * into the arena when escapes were resolved. One thread. */
#ifndef BASE_CONFIG_LEX_H
#define BASE_CONFIG_LEX_H

#include <midge/slice.h>

struct arena;

enum {
    CFG_DEPTH_MAX = 512, /* maps and arrays inside one another; Go has no limit */
    CFG_ERROR_MAX = 256, /* room for an error text */
};

enum cfg_item_type {
    CFG_ITEM_END, /* of the file */
    CFG_ITEM_ERROR,
    CFG_ITEM_KEY,
    CFG_ITEM_STRING,
    CFG_ITEM_BOOL,
    CFG_ITEM_INTEGER, /* digits, perhaps a sign and a suffix */
    CFG_ITEM_FLOAT,
    CFG_ITEM_DATETIME,
    CFG_ITEM_VARIABLE, /* without its $ */
    CFG_ITEM_INCLUDE,  /* the path */
    CFG_ITEM_ARRAY_START,
    CFG_ITEM_ARRAY_END,
    CFG_ITEM_MAP_START,
    CFG_ITEM_MAP_END,
};

/* Line and column as Go counts them: lines by LF from 1; the column from the last LF before the item, so from
 * 1 but on the first line from 0. */
struct cfg_item {
    enum cfg_item_type type;
    slice text; /* of an error: its message */
    int line;
    int col;
};

struct cfg_lexer {
    const uint8_t *input, *limit; /* *limit is the NUL behind the input */
    const uint8_t *pos;           /* next byte */
    const uint8_t *start;         /* of the item at work */
    const uint8_t *lf;            /* the last LF passed, or the input's begin */
    const uint8_t *item_lf;       /* the same when the item began */
    int line;
    unsigned char state;
    unsigned depth;
    unsigned char stack[CFG_DEPTH_MAX]; /* states to return to */

    struct arena *arena;
    uint8_t *decoded; /* room for a string with escapes; made when the first one is met */
    size_t decoded_len;
    bool escaped; /* the string at work has an escape: what is resolved of it lies in decoded */

    bool ready; /* item was produced */
    struct cfg_item item;
    char error[CFG_ERROR_MAX];
};

void cfg_lexer_init(struct cfg_lexer *lx, slice input, struct arena *arena);
/* The next item; after END or ERROR the same again. */
struct cfg_item cfg_lexer_next(struct cfg_lexer *lx);

#endif
