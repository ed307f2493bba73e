/* subject_filter.h: a NATS subject pattern, taken apart for searching in byte order.
 *
 *     orders.eu.*.new      prefix "orders.eu."   what follows is tested token by token
 *     orders.*.*           prefix "orders."      simple: the number of tokens decides
 *     orders.>             prefix "orders."      simple, tail
 *     orders.eu.new        prefix is all of it   literal
 *
 * "*" stands for one token, ">" at the end for one or more; both only when they are the whole token. The
 * empty pattern is ">". Pure; any thread; the pattern's text must outlive the filter. */
#ifndef STORE_SUBJECT_FILTER_H
#define STORE_SUBJECT_FILTER_H

#include <midge/slice.h>

struct subject_filter {
    slice text;
    slice prefix; /* literal bytes that each match begins with */
    bool literal;
    bool tail;     /* ends in ">" */
    bool simple;   /* no literal token behind the prefix */
    uint32_t dots; /* in each match; with tail at least so many */
};

/* Where the next match can be, after a subject that does not match: at or behind the bytes of all parts in a
 * row. The first part lies in that subject. */
struct subject_key {
    slice part[3];
};

struct subject_filter subject_filter_make(slice text);

/* Does it match this subject, which has so many dots? If not, *next is behind the subject and not behind any
 * later match. */
bool subject_filter_test(const struct subject_filter *f, slice subject, uint32_t dots,
                         struct subject_key *next);

/* Can no subject match both? */
bool subject_filter_disjoint(const struct subject_filter *a, const struct subject_filter *b);

uint32_t subject_dots(slice subject);

/* The order of a subject against a key, as slice_cmp. */
int subject_key_cmp(slice subject, const struct subject_key *key);

#endif
