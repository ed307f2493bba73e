/* duration.h: durations in Go's notation, "1h15m30.5s". Any thread. */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include <midge/slice.h>

enum { DURATION_TEXT_MAX = 32 };

enum duration_error {
    DURATION_OK,
    DURATION_INVALID,
    DURATION_NO_UNIT,      /* a number is left alone */
    DURATION_UNKNOWN_UNIT, /* *unit names it */
};

/* Decimal numbers with a unit ns, us, ms, s, m or h each, or "0"; one sign before all. Nanoseconds. */
enum duration_error duration_parse(slice text, int64_t *ns, slice *unit);

/* "2m0s", "1.5s", "50ms", "0s". Returns buf. */
const char *duration_text(int64_t ns, char buf[static DURATION_TEXT_MAX]);

#endif
