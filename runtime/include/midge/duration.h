/* duration.h: spans of time as Go writes and reads them: "1h15m", "1.5s", "300ms", "0".
 *
 * A sequence of decimal numbers, each with an optional fraction and a unit (ns us ms s m h; µs with either of
 * the two signs for micro), with a sign in front; "0" alone needs no unit. Values are nanoseconds in 64 bits.
 * Pure functions; nothing is allocated. */
#ifndef MIDGE_DURATION_H
#define MIDGE_DURATION_H

#include <midge/memory.h>

#ifdef __cplusplus
extern "C" {
#endif

enum codec_duration_error {
    CODEC_DURATION_OK,
    CODEC_DURATION_INVALID,      /* no duration, or one that does not fit */
    CODEC_DURATION_MISSING_UNIT, /* a number without one */
    CODEC_DURATION_UNKNOWN_UNIT, /* *unit is it */
};

/* *ns is set when the result is OK, *unit when a unit is not known; unit may be NULL. */
CODEC_API enum codec_duration_error codec_duration_read(slice text, int64_t *ns, slice *unit);

/* What Go says about it: `time: unknown unit "x" in duration "5x"`. Its quotes are not those of quote.h:
 * every byte above 0x7f and below a blank is \x and two hex digits. */
CODEC_API void codec_duration_error_text(struct codec_out *out, enum codec_duration_error error, slice text,
                                         slice unit);

/* As Go prints a duration: "0s", "1.5ms", "1h15m0s", "-2m0.5s". Returns the length; NUL-terminated. */
#define CODEC_DURATION_TEXT 32
CODEC_API size_t codec_duration_text(int64_t ns, char buf[CODEC_DURATION_TEXT]);

/* A size as the configuration language writes one: digits and perhaps a suffix in any letter case: k m g t p
 * e are powers of 1000; kb ki kib and so on powers of 1024. false: not a size, or above INT64_MAX. */
CODEC_API bool codec_size_read(slice text, int64_t *bytes);

#ifdef __cplusplus
}
#endif

#endif
