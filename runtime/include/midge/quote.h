/* quote.h: Go's quoting of untrusted bytes (fmt's %q), which the -ERR texts and log lines of the NATS server
 * show.
 *
 * Double quotes around; `"` and `\` get a backslash; the control characters that C has names for are \a \b \t
 * \n \v \f \r; other bytes below 0x20, 0x7f and bytes that are not valid UTF-8 are \x and two hex digits;
 * printable characters stand as they are, others are \u and four or \U and eight hex digits. Printable is
 * what Go 1.27 calls so (Unicode 17), as nats-server 2.15.1 showed it for every code point. */
#ifndef MIDGE_QUOTE_H
#define MIDGE_QUOTE_H

#include <midge/memory.h>

#ifdef __cplusplus
extern "C" {
#endif

/* %q of a string. */
CODEC_API void codec_quote(struct codec_out *out, slice bytes);

/* %q of the character at the front of bytes (not empty), in single quotes. */
CODEC_API void codec_quote_char(struct codec_out *out, slice bytes);

/* In back quotes when all of it is visible and no back quote, else as %q: so Go's JSON errors show an escape.
 */
CODEC_API void codec_quote_back(struct codec_out *out, slice bytes);

#ifdef __cplusplus
}
#endif

#endif
