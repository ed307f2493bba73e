/* subject_index.h: which subjects a store holds, how often, and where the first and last of each lie.
 *
 * For each subject: the number of messages and the sequences of the first and the last. Either end can be
 * known only as a bound: removing the first of several messages leaves "first is at least", and loading from
 * index.db gives bounds from block numbers. Whoever holds the messages finds the true value and tells it
 * (set_first, set_last).
 *
 * Cost: at most about 110 bytes a subject beyond its own bytes, O(1) for literal subjects, O(matches) or
 * better for wildcards; the totals of a filter that ends in ">" behind literal tokens cost O(tokens).
 *
 * Owner: one thread. Pointers to entries and slices of subjects stay valid until the next add or remove. A
 * subject is 1 to 65535 bytes; here any bytes go, tokens are what lies between dots. */
#ifndef STORE_SUBJECT_INDEX_H
#define STORE_SUBJECT_INDEX_H

#include <midge/slice.h>

struct subject_index;

struct subject_entry {
    uint64_t msgs;
    uint64_t first; /* exact, or a lower bound when first_bound */
    uint64_t last;  /* exact, or an upper bound when last_bound */
    bool first_bound;
    bool last_bound;
};

/* NULL when out of memory. `seed` keys the hash. */
struct subject_index *subject_index_new(const uint8_t seed[16]);
void subject_index_free(struct subject_index *);
void subject_index_clear(struct subject_index *);

/* One more message on this subject at seq (above every sequence added before). The entry after it; NULL when
 * out of memory, and then nothing has changed. */
struct subject_entry *subject_index_add(struct subject_index *, slice subject, uint64_t seq);
/* As loaded from a file: the whole entry. false when out of memory or present already. */
bool subject_index_put(struct subject_index *, slice subject, const struct subject_entry *);
/* A message at seq is gone. When it was an end and others remain, that end becomes a bound (exact when one
 * message remains and the other end is exact). The entry, or NULL when it was the last message and the entry
 * is gone, or the subject is unknown. */
struct subject_entry *subject_index_remove(struct subject_index *, slice subject, uint64_t seq);
/* NULL when the subject holds nothing. The caller may set first/last and clear the bound flags (they take
 * part in no aggregate). */
struct subject_entry *subject_index_find(struct subject_index *, slice subject);

/* Number of subjects; bytes of memory in use. */
uint64_t subject_index_count(const struct subject_index *);
size_t subject_index_memory(const struct subject_index *);

/* Called with each match; the entry may be changed as after find. Return false to stop. No add or remove
 * meanwhile. */
typedef bool (*subject_index_fn)(void *ctx, slice subject, struct subject_entry *entry);

/* Every subject that one of the `count` filters matches, once, in byte order. Count 0, an empty filter and
 * ">" match all. false when stopped. */
bool subject_index_match(struct subject_index *, const slice *filters, size_t count, subject_index_fn fn,
                         void *ctx);
/* Sum of messages and number of subjects over the matches, by aggregates where possible. */
void subject_index_totals(struct subject_index *, const slice *filters, size_t count, uint64_t *msgs,
                          uint64_t *subjects);

/* true when the literal subject is matched by the filter ("*" one token, ">" one or more at the end). The
 * empty subject, which no index holds, is matched by none. */
bool store_subject_matches(slice subject, slice filter);
bool store_subject_matches_any(slice subject, const slice *filters, size_t count);
/* true when the filter has a wildcard token. */
bool store_subject_has_wildcard(slice filter);

#endif
