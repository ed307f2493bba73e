/* crash_book.h: what may be left of a store after a crash, and what must be.
 *
 * A book follows one file store from outside. It knows every message that was ever appended, the operation
 * that brought it, the operation that removed it, and which operations have been acknowledged as durable.
 * From that it judges a recovered store, message by message:
 *
 *  - what an acknowledged operation brought and none removed is there, byte for byte (but where removals by a
 *    subject's limit have come back, the stream's own limits may have taken its oldest messages instead);
 *  - what an acknowledged operation removed is gone (but removals by limits may come back: nothing records
 *    them, as in the Go server);
 *  - what was in flight is there as a whole or not at all, and nothing without everything before it, removals
 *    included;
 *  - nothing else is there, and every total is what a recount says.
 *
 * Then it takes the recovered state as the new truth. Aborts when out of memory. */
#ifndef SIM_CRASH_BOOK_H
#define SIM_CRASH_BOOK_H

#include "sim/naive_store.h"

struct crash_fate {
    struct naive_msg m;
    uint64_t born;
    uint64_t died; /* 0: it lives */
    bool by_limit; /* died by a limit: may come back */
};

struct crash_note {
    uint64_t mark; /* the store's write mark behind the operation; UINT64_MAX: it did not succeed */
    uint64_t last; /* sequence */
};

struct crash_book {
    struct naive_store n;
    struct crash_fate *fate;
    size_t fates, fate_cap;
    struct crash_note *note; /* by number of operation */
    size_t note_cap;
    uint64_t op;     /* the last one begun */
    uint64_t acked;  /* all up to this one are durable */
    uint64_t synced; /* all up to this one were synced in any mode */
    bool frozen;     /* something failed: the marks mean nothing until the state is taken anew */
    const char *name;
    char *report;
    size_t report_cap;
};

void crash_book_init(struct crash_book *b, const char *name, const struct store_limits *l, char *report,
                     size_t cap);
void crash_book_free(struct crash_book *b);

/* An operation: begin it, apply it to b->n, then `end` notes who died of it. `born`: an append's message. */
void crash_book_begin(struct crash_book *b);
void crash_book_born(struct crash_book *b, const struct naive_msg *m);
void crash_book_end(struct crash_book *b, bool by_limit);
/* It has succeeded; `mark` is the store's write mark now. */
void crash_book_done(struct crash_book *b, uint64_t mark);
/* Everything up to this mark is durable. */
void crash_book_ack(struct crash_book *b, uint64_t durable);
/* The store was opened at that time: what is too old has gone by a limit, whatever else had removed it. */
void crash_book_age(struct crash_book *b, int64_t now);
/* The stream was removed: nothing of it may ever come back. */
void crash_book_wipe(struct crash_book *b);

/* Judge the store, and take its state as the truth. `acked`: operations up to there must have survived;
 * `ordered`: nothing in flight may be there without all before it; `weak`: the store does not sync by itself,
 * so that the last sequence may fall. false with the report set when something is wrong. */
bool crash_book_judge(struct crash_book *b, struct store *s, uint64_t acked, bool ordered, bool weak);
/* The store says exactly what the book says. */
bool crash_book_same(struct crash_book *b, struct store *s);

/* The message's data into `out` (data_len bytes). */
void crash_data(const struct naive_msg *m, uint8_t *out);
void crash_fail(struct crash_book *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
