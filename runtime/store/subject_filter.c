#include "store/subject_filter.h"
#include "store/subject_index.h"

/* Reads tokens off the front of a subject. */
struct tokens {
    slice rest;
    bool more; /* another token follows, possibly empty */
};

static struct tokens tokens_of(slice subject)
{
    return (struct tokens){subject, true};
}

static slice token_next(struct tokens *t)
{
    const uint8_t *dot = t->rest.len == 0 ? NULL : memchr(t->rest.ptr, '.', t->rest.len);
    size_t len = dot == NULL ? t->rest.len : (size_t)(dot - t->rest.ptr);
    slice token = slice_first(t->rest, len);
    t->more = dot != NULL;
    t->rest = slice_from(t->rest, len + (dot != NULL));
    return token;
}

static bool is_star(slice token)
{
    return token.len == 1 && token.ptr[0] == '*';
}

/* Is this token, just read, the ">" at the end? */
static bool is_tail(slice token, const struct tokens *t)
{
    return !t->more && token.len == 1 && token.ptr[0] == '>';
}

uint32_t subject_dots(slice subject)
{
    uint32_t n = 0;
    for (size_t i = 0; i < subject.len; i++)
        n += subject.ptr[i] == '.';
    return n;
}

bool store_subject_matches(slice subject, slice filter)
{
    if (subject.len == 0)
        return false;
    struct tokens s = tokens_of(subject), f = tokens_of(filter);
    while (f.more && s.more) {
        slice want = token_next(&f);
        if (is_tail(want, &f))
            return true;
        slice token = token_next(&s);
        if (!is_star(want) && !slice_eq(want, token))
            return false;
    }
    return !f.more && !s.more;
}

bool store_subject_matches_any(slice subject, const slice *filters, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (filters[i].len == 0 || store_subject_matches(subject, filters[i]))
            return true;
    }
    return count == 0;
}

bool store_subject_has_wildcard(slice filter)
{
    return !subject_filter_make(filter).literal;
}

struct subject_filter subject_filter_make(slice text)
{
    if (text.len == 0)
        text = SLICE_LIT(">");
    struct subject_filter f = {.text = text, .literal = true, .simple = true, .dots = subject_dots(text)};
    struct tokens t = tokens_of(text);
    while (t.more) {
        slice token = token_next(&t);
        f.tail = is_tail(token, &t);
        bool wild = f.tail || is_star(token);
        if (wild && f.literal) {
            f.prefix = slice_first(text, (size_t)(token.ptr - text.ptr));
            f.literal = false;
        } else if (!wild && !f.literal) {
            f.simple = false;
        }
    }
    if (f.literal)
        f.prefix = text;
    return f;
}

/* The token at `at` of the subject is not the literal one that the filter wants there. Matches with the same
 * tokens before it begin with want, then a dot or nothing. */
static struct subject_key next_with_token(slice subject, size_t at, slice want)
{
    static const uint8_t dot[] = ".", after_dot[] = "/";
    slice base = slice_first(subject, at), rest = slice_from(subject, at);
    struct subject_key key = {{base, want, SLICE_EMPTY}};
    if (slice_cmp(rest, want) < 0)
        return key;
    key.part[2] = slice_make(dot, 1);
    if (subject_key_cmp(subject, &key) < 0)
        return key;
    /* None is left: go behind everything that has these tokens before it. */
    return (struct subject_key){{slice_first(subject, at - 1), slice_make(after_dot, 1), SLICE_EMPTY}};
}

bool subject_filter_test(const struct subject_filter *f, slice subject, uint32_t dots,
                         struct subject_key *next)
{
    static const uint8_t zero[] = {0}, after_dot[] = "/";
    bool counts = f->tail ? dots >= f->dots : dots == f->dots;
    if (counts && f->simple)
        return true;
    struct tokens s = tokens_of(slice_from(subject, f->prefix.len));
    struct tokens w = tokens_of(slice_from(f->text, f->prefix.len));
    while (w.more && s.more) {
        slice want = token_next(&w);
        if (is_tail(want, &w))
            return true;
        slice token = token_next(&s);
        if (!is_star(want) && !slice_eq(want, token)) {
            *next = next_with_token(subject, (size_t)(token.ptr - subject.ptr), want);
            return false;
        }
    }
    if (!w.more && !s.more)
        return true;
    *next = (struct subject_key){{subject, slice_make(zero, 1), SLICE_EMPTY}};
    if (!w.more) /* too many tokens: go behind all that begin with these */
        *next = (struct subject_key){{slice_first(subject, (size_t)(s.rest.ptr - subject.ptr) - 1),
                                      slice_make(after_dot, 1), SLICE_EMPTY}};
    return false;
}

bool subject_filter_disjoint(const struct subject_filter *a, const struct subject_filter *b)
{
    struct tokens s = tokens_of(a->text), t = tokens_of(b->text);
    while (s.more && t.more) {
        slice x = token_next(&s), y = token_next(&t);
        if (is_tail(x, &s) || is_tail(y, &t))
            return false;
        if (!is_star(x) && !is_star(y) && !slice_eq(x, y))
            return true;
    }
    return s.more || t.more;
}

int subject_key_cmp(slice subject, const struct subject_key *key)
{
    for (int i = 0; i < 3; i++) {
        slice part = key->part[i];
        if (subject.len < part.len)
            return slice_cmp(subject, part);
        int c = slice_cmp(slice_first(subject, part.len), part);
        if (c != 0)
            return c;
        subject = slice_from(subject, part.len);
    }
    return subject.len > 0;
}
