/* token.h: the two tokens of a pattern that are not literal. Private to this folder. */
#ifndef INTEREST_TOKEN_H
#define INTEREST_TOKEN_H

#include <midge/subject.h>

static inline bool token_is_star(slice token)
{
    return token.len == 1 && token.ptr[0] == '*';
}

static inline bool token_is_gt(slice token)
{
    return token.len == 1 && token.ptr[0] == '>';
}

static inline slice first_token(slice subject)
{
    slice rest = subject, token = SLICE_EMPTY;
    (void)codec_subject_token(&rest, &token);
    return token;
}

#endif
