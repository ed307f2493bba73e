/* Subjects against one another. What a subject is made of is found by grammar/subject.re. */
#include <midge/subject.h>

bool codec_subject_token(slice *rest, slice *token)
{
    if (rest->ptr == NULL)
        return false;
    const uint8_t *dot = rest->len == 0 ? NULL : memchr(rest->ptr, '.', rest->len);
    if (dot == NULL) {
        *token = *rest;
        *rest = SLICE_EMPTY;
        return true;
    }
    *token = slice_make(rest->ptr, (size_t)(dot - rest->ptr));
    *rest = slice_from(*rest, token->len + 1);
    return true;
}

static bool is(slice token, char c)
{
    return token.len == 1 && token.ptr[0] == (uint8_t)c;
}

/* An empty subject with a pointer, so that it has its one empty token. */
static slice walk(slice subject)
{
    return subject.ptr == NULL ? SLICE_LIT("") : subject;
}

bool codec_subject_matches(slice pattern, slice literal)
{
    slice p = walk(pattern), l = walk(literal), want, have;
    bool tail = false; /* the pattern's `>` was met: the rest need only be free of empty tokens */
    while (codec_subject_token(&l, &have)) {
        if (have.len == 0)
            return false;
        if (tail)
            continue;
        if (!codec_subject_token(&p, &want))
            return false;
        tail = is(want, '>') && p.ptr == NULL;
        if (!tail && !is(want, '*') && !slice_eq(want, have))
            return false;
    }
    return tail || p.ptr == NULL;
}

bool codec_subject_subset(slice a, slice b)
{
    if (codec_subject_scan(a).empty_token || codec_subject_scan(b).empty_token)
        return false;
    slice ra = walk(a), rb = walk(b), ta, tb;
    while (codec_subject_token(&ra, &ta)) {
        if (!codec_subject_token(&rb, &tb))
            return false;
        if (is(tb, '>'))
            return true;
        if (is(ta, '>') || (is(ta, '*') && !is(tb, '*')))
            return false;
        if (!is(tb, '*') && !slice_eq(ta, tb))
            return false;
    }
    return rb.ptr == NULL;
}

bool codec_subject_collide(slice a, slice b)
{
    slice ra = walk(a), rb = walk(b), ta, tb;
    for (;;) {
        bool more_a = codec_subject_token(&ra, &ta), more_b = codec_subject_token(&rb, &tb);
        if (!more_a || !more_b)
            return more_a == more_b;
        if (is(ta, '>') || is(tb, '>'))
            return true;
        if (!is(ta, '*') && !is(tb, '*') && !slice_eq(ta, tb))
            return false;
    }
}
