/* subject_set.h: a list of subject patterns, compiled to be asked often and from anywhere.
 *
 * Made once by adding, then never changed: from then on any thread may ask without a lock. It is a tree of
 * tokens; asking costs O(tokens) times the wildcards on the way, whatever the length of the list.
 *
 * An entry may carry a queue pattern: permissions of the form "subject queue". Such entries are told apart
 * from plain ones in every answer. */
#ifndef INTEREST_SUBJECT_SET_H
#define INTEREST_SUBJECT_SET_H

#include <midge/slice.h>

enum {
    SUBJECT_SET_TOKENS_MAX = 4096, /* of a pattern: more than a control line of default length can carry */
};

struct subject_set;

/* NULL when out of memory. */
struct subject_set *subject_set_new(void);
void subject_set_free(struct subject_set *set);

/* Adds a pattern, copied. 0, -EINVAL when it is no valid subscription subject or has too many
 * tokens, -ENOMEM. */
int subject_set_add(struct subject_set *set, slice pattern, slice queue);

struct subject_set_hit {
    bool plain;       /* an entry without queue matches */
    bool queued;      /* an entry with a queue does ... */
    bool queue_match; /* ... and the queue that was asked for is its queue or a subset of it */
};

/* Which kinds of entries match the subject, whose tokens (wildcards, too) are taken literally? */
struct subject_set_hit subject_set_ask(const struct subject_set *set, slice subject, slice queue);

/* Is there an entry that has a literal in common with the pattern? Entries with a queue count only when
 * `queue` is not empty and matches theirs. Walks the whole list. */
bool subject_set_overlaps(const struct subject_set *set, slice pattern, slice queue);

#endif
