/* Subjects: validity and relations, token by token. */
#include "interest/subject.h"

/* What the tokens of a subject contain. */
struct shape {
    bool empty_token;
    bool after_gt; /* a token follows one that is `>` */
    bool wildcard;
    size_t tokens;
};

static struct shape shape_of(slice subject)
{
    struct shape s = {false, false, false, 0};
    struct subject_tokens it = subject_tokens_of(subject);
    bool gt = false;
    while (subject_next_token(&it)) {
        s.tokens++;
        s.after_gt = s.after_gt || gt;
        s.empty_token = s.empty_token || it.token.len == 0;
        gt = gt || subject_token_is_gt(it.token);
        s.wildcard = s.wildcard || gt || subject_token_is_star(it.token);
    }
    return s;
}

static bool has_space(slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r')
            return true;
    }
    return false;
}

size_t subject_token_count(slice subject)
{
    return shape_of(subject).tokens;
}

bool subject_valid_subscription(slice subject)
{
    struct shape s = shape_of(subject);
    return !s.empty_token && !s.after_gt;
}

bool subject_valid_literal(slice subject)
{
    struct shape s = shape_of(subject);
    return !s.empty_token && !s.wildcard;
}

bool subject_valid(slice subject)
{
    return subject_valid_subscription(subject) && !has_space(subject);
}

bool subject_valid_publish(slice subject)
{
    return subject_valid_literal(subject) && !has_space(subject);
}

bool subject_has_wildcard(slice subject)
{
    return shape_of(subject).wildcard;
}

bool subject_matches(slice pattern, slice literal)
{
    struct subject_tokens p = subject_tokens_of(pattern), l = subject_tokens_of(literal);
    bool rest = false; /* `>` was met: what is left of the literal only has to be valid */
    while (subject_next_token(&l)) {
        if (l.token.len == 0)
            return false;
        if (rest)
            continue;
        if (!subject_next_token(&p))
            return false;
        rest = subject_token_is_gt(p.token) && !p.more;
        if (!rest && !subject_token_is_star(p.token) && !slice_eq(p.token, l.token))
            return false;
    }
    return rest || !p.more;
}

bool subject_subset(slice a, slice b)
{
    if (shape_of(a).empty_token || shape_of(b).empty_token)
        return false;
    struct subject_tokens ta = subject_tokens_of(a), tb = subject_tokens_of(b);
    while (subject_next_token(&ta)) {
        if (!subject_next_token(&tb))
            return false;
        if (subject_token_is_gt(tb.token))
            return true;
        if (subject_token_is_gt(ta.token))
            return false;
        if (subject_token_is_star(tb.token))
            continue;
        if (subject_token_is_star(ta.token) || !slice_eq(ta.token, tb.token))
            return false;
    }
    return !tb.more;
}

bool subject_collide(slice a, slice b)
{
    struct subject_tokens ta = subject_tokens_of(a), tb = subject_tokens_of(b);
    for (;;) {
        bool more_a = subject_next_token(&ta), more_b = subject_next_token(&tb);
        if (!more_a || !more_b)
            return more_a == more_b;
        if (subject_token_is_gt(ta.token) || subject_token_is_gt(tb.token))
            return true;
        if (subject_token_is_star(ta.token) || subject_token_is_star(tb.token))
            continue;
        if (!slice_eq(ta.token, tb.token))
            return false;
    }
}
