/* options_report.h: the warnings and errors found in a configuration.
 *
 * Every text is complete: "FILE:LINE:COL: TEXT", or the bare text where Go gives no position. One thread. */
#ifndef SERVER_OPTIONS_REPORT_H
#define SERVER_OPTIONS_REPORT_H

#include <midge/slice.h>

struct arena;

struct options_message {
    struct options_message *next;
    slice text;
};

struct options_messages {
    struct options_message *first, *last;
    size_t count;
};

struct options_report {
    struct arena *arena; /* owns the texts */
    struct options_messages warnings, errors;
    bool bare; /* the file could not be read or parsed: the one error stands alone */
};

/* false: out of memory. */
bool options_report_init(struct options_report *r);
void options_report_done(struct options_report *r);

/* A copy of text goes to one of the two lists. */
void options_report_add(struct options_report *r, struct options_messages *to, slice text);

/* As Go prints them: warnings, then errors, a line each, and one empty line when there is more than the bare
 * error of a file that cannot be read or parsed. The result lives in the report. */
slice options_report_text(struct options_report *r);

#endif
