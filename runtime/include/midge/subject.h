/* subject.h: subjects and the patterns made of them (docs/spec/client-protocol.md, section 11).
 *
 * Tokens are what stands between dots. `*` alone as a token stands for one token, `>` alone as the last one
 * for one or more; inside a longer token both are ordinary. All functions are pure, take any bytes and
 * allocate nothing. */
#ifndef MIDGE_SUBJECT_H
#define MIDGE_SUBJECT_H

#include <midge/codec.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What one look at a subject finds. */
struct codec_subject {
    size_t tokens;    /* dots and one */
    size_t wildcards; /* tokens that are `*` or `>` */
    bool empty_token; /* also when the subject is empty */
    bool after_gt;    /* a token follows a `>` */
    bool blank;       /* SP, TAB, LF, FF or CR somewhere */
};

CODEC_API struct codec_subject codec_subject_scan(slice subject);

/* May be subscribed to: no empty token, nothing after `>`. */
static inline bool codec_subject_is_subscription(slice subject)
{
    struct codec_subject s = codec_subject_scan(subject);
    return !s.empty_token && !s.after_gt;
}

/* May be published to in pedantic mode: no empty token, no wildcard. */
static inline bool codec_subject_is_literal(slice subject)
{
    struct codec_subject s = codec_subject_scan(subject);
    return !s.empty_token && s.wildcards == 0;
}

/* May stand in a configuration: as for a subscription, and no blanks. */
static inline bool codec_subject_is_valid(slice subject)
{
    struct codec_subject s = codec_subject_scan(subject);
    return !s.empty_token && !s.after_gt && !s.blank;
}

/* May be a message's destination: valid, without wildcards. */
static inline bool codec_subject_is_destination(slice subject)
{
    struct codec_subject s = codec_subject_scan(subject);
    return !s.empty_token && !s.blank && s.wildcards == 0;
}

static inline bool codec_subject_has_wildcard(slice subject)
{
    return codec_subject_scan(subject).wildcards > 0;
}

/* The next token of *rest, which is advanced behind its dot; false when there was none left. Start with the
 * subject; an empty one has one empty token. *rest with a NULL pointer has none. */
CODEC_API bool codec_subject_token(slice *rest, slice *token);

/* The pattern matches that literal: all tokens of the literal are taken as they are. An empty token is
 * matched by nothing. */
CODEC_API bool codec_subject_matches(slice pattern, slice literal);

/* Whatever `a` matches is also matched by `b`. */
CODEC_API bool codec_subject_subset(slice a, slice b);

/* Some literal is matched by both. */
CODEC_API bool codec_subject_collide(slice a, slice b);

#ifdef __cplusplus
}
#endif

#endif
