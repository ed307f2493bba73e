/* template.h: the text of a step, with its escapes, variables and captures.
 *
 *   \r \n \t \0 \s \\ \$ \xHH   bytes (\s is a space); not in here-documents, which keep backslashes
 *   ${name}                   the value of a variable
 *   ${?name} ${?}             in expectations: captures a run of non-blank bytes under the name, or under
 * none
 *   $(repeat N TEXT)          TEXT N times
 *   $(nkey-sign SEED TEXT)    Ed25519 signature in unpadded URL base64; nkey-sign-std: padded standard base64
 *   $(file PATH)              the content of a file
 *
 * A template is built anew for each use, because its variables may have changed. */
#ifndef TESTS_SCENARIO_TEMPLATE_H
#define TESTS_SCENARIO_TEMPLATE_H

#include "bytes.h"

enum template_flags {
    TEMPLATE_ESCAPES = 1,  /* understand backslashes */
    TEMPLATE_CAPTURES = 2, /* allow ${?name} */
    TEMPLATE_REGEX = 4,    /* quote the values of variables for an extended regular expression */
};

/* Finds the value of a variable; false when there is none. */
struct template_scope {
    bool (*lookup)(void *ctx, slice name, struct bytes *value);
    void *ctx;
};

/* Literal bytes, or (literal.len 0) a capture. */
struct template_part {
    bool capture;
    size_t at, len; /* in `bytes`: the literal, or the name of the capture */
};

struct template
{
    struct bytes bytes;
    struct template_part *parts;
    size_t count;
};

enum template_result { TEMPLATE_NO, TEMPLATE_YES, TEMPLATE_MORE };

/* False: *why says what is wrong; the template is empty then. */
bool template_build(struct template *t, slice source, unsigned flags, struct template_scope scope,
                    const char **why);
void template_free(struct template *t);

/* The bytes of a template without captures. */
slice template_bytes(const struct template *t);

/* Matches at the front of `in`. YES: *used bytes belong to it and captured[i] is the value of part i (room
 * for t->count). MORE: what is there fits, but it goes on. */
enum template_result template_match(const struct template *t, slice in, size_t *used, slice *captured);

/* Both work on a copy of the bytes with a NUL behind them. */
bool nkey_sign(const char *seed, slice text, bool url, struct bytes *out);

#endif
