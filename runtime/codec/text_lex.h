/* text_lex.h: between the small texts (duration.c, ack.c) and their lexers (grammar/duration.re, ack.re,
 * pull.re). All of them take a token off the front of *text. */
#ifndef CODEC_TEXT_LEX_H
#define CODEC_TEXT_LEX_H

#include <midge/ack.h>
#include <midge/duration.h>

/* One term of a duration: a number and what stands behind it. */
enum duration_term {
    DURATION_END,
    DURATION_NS,
    DURATION_US,
    DURATION_MS,
    DURATION_S,
    DURATION_M,
    DURATION_H,
    DURATION_NO_UNIT,
    DURATION_OTHER_UNIT,
    DURATION_BAD, /* no number */
};
enum duration_term duration_lex(slice *text, slice *number, slice *unit);

/* The factor of a size's suffix, which is all of the text; 0 when it is none. */
int64_t size_suffix_lex(slice text);

/* What an acknowledgement begins with, *text is the rest. */
enum codec_ack_kind ack_lex(slice *text);

/* Members of a pull request in their usual form: plain strings, plain numbers. */
enum pull_token {
    PULL_OPEN,
    PULL_CLOSE,
    PULL_COMMA,
    PULL_BATCH, /* a key with its colon */
    PULL_EXPIRES,
    PULL_MAX_BYTES,
    PULL_NO_WAIT,
    PULL_IDLE_HEARTBEAT,
    PULL_GROUP,
    PULL_MIN_PENDING,
    PULL_MIN_ACK_PENDING,
    PULL_ID,
    PULL_PRIORITY,
    PULL_INTEGER, /* *value: its digits, perhaps with a minus sign; at most 18 */
    PULL_STRING,  /* *value: without its quotes */
    PULL_TRUE,
    PULL_FALSE,
    PULL_END,
    PULL_OTHER, /* anything that needs the JSON reader */
};
enum pull_token pull_lex(slice *text, slice *value);

#endif
