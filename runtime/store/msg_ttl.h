/* msg_ttl.h: what a message's headers ask of the store: a TTL, a schedule. Pure functions; any thread. */
#ifndef STORE_MSG_TTL_H
#define STORE_MSG_TTL_H

#include <midge/slice.h>

#define MSG_TTL_INVALID INT64_MIN

/* The value of "Nats-TTL": seconds, 0 for none, STORE_TTL_NEVER (-1) for "never" in any case, MSG_TTL_INVALID
 * when it is none of: a Go duration of at least one second (fractions dropped), or a decimal number of
 * seconds. */
int64_t msg_ttl_parse(slice value);

/* Of a header block: as above, but what is invalid or missing counts as 0, as the store treats it. */
int64_t msg_ttl(slice hdr);

/* That long after a time; INT64_MAX when it is beyond all time. */
static inline int64_t time_after(int64_t ts, int64_t ns)
{
    int64_t at;
    return __builtin_add_overflow(ts, ns, &at) ? INT64_MAX : at;
}
/* When a message of that time with a TTL of so many seconds (> 0) expires. */
static inline int64_t msg_expires(int64_t ts, int64_t ttl_s)
{
    int64_t ns;
    return __builtin_mul_overflow(ttl_s, INT64_C(1000000000), &ns) ? INT64_MAX : time_after(ts, ns);
}

/* The message is a schedule: it has a Nats-Schedule, whatever that says. */
bool msg_has_schedule(slice hdr);

/* The value of a header (exact name), blanks before it dropped, those behind it kept, as the Go server does;
 * empty when it is missing. */
slice msg_header(slice hdr, slice name);

#endif
