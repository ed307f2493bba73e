/* subject.h: what a subject is, and how two of them relate (docs/spec/client-protocol.md, section 11).
 *
 * Tokens are the pieces between '.' bytes. `*` alone as a token stands for one token, `>` alone as the last
 * token for one or more. Inside a longer token both are ordinary bytes (`foo*`, `a>b`, `**`). All functions
 * are pure, take any bytes of any length, allocate nothing and may be called from any thread. */
#ifndef INTEREST_SUBJECT_H
#define INTEREST_SUBJECT_H

#include <midge/slice.h>

/* Walks the tokens: `while (subject_next_token(&it)) use(it.token)`. An empty subject has one empty token. */
struct subject_tokens {
    slice token;
    slice rest; /* private */
    bool more;  /* private */
};

static inline struct subject_tokens subject_tokens_of(slice subject)
{
    return (struct subject_tokens){.token = SLICE_EMPTY, .rest = subject, .more = true};
}

static inline bool subject_next_token(struct subject_tokens *it)
{
    if (!it->more)
        return false;
    const uint8_t *dot = it->rest.len == 0 ? NULL : (const uint8_t *)memchr(it->rest.ptr, '.', it->rest.len);
    if (dot == NULL) {
        it->token = it->rest;
        it->more = false;
    } else {
        size_t len = (size_t)(dot - it->rest.ptr);
        it->token = slice_first(it->rest, len);
        it->rest = slice_from(it->rest, len + 1);
    }
    return true;
}

static inline bool subject_token_is_star(slice token)
{
    return token.len == 1 && token.ptr[0] == '*';
}

static inline bool subject_token_is_gt(slice token)
{
    return token.len == 1 && token.ptr[0] == '>';
}

/* Number of tokens (dots and one). */
size_t subject_token_count(slice subject);

/* SUB: no empty token, nothing after a `>` token. */
bool subject_valid_subscription(slice subject);

/* PUB in pedantic mode: no empty token, no token that is `*` or `>`. */
bool subject_valid_literal(slice subject);

/* Configuration, mappings, permissions: as for a subscription, and no SP, TAB, LF, FF or CR. */
bool subject_valid(slice subject);

/* Trace destination: valid, without wildcard tokens. */
bool subject_valid_publish(slice subject);

/* Some token is `*` or `>`. */
bool subject_has_wildcard(slice subject);

/* Does `pattern` match `literal`, whose tokens are all taken as they are (a `*` in it is only a `*`)? A
 * subject with an empty token is matched by nothing. */
bool subject_matches(slice pattern, slice literal);

/* Is every literal that `a` matches also matched by `b`? Equal patterns are subsets of one another. */
bool subject_subset(slice a, slice b);

/* Is there a literal that both match? */
bool subject_collide(slice a, slice b);

#endif
