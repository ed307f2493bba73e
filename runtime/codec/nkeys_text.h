/* codec/nkeys_text.h: between nkeys.c and its grammar (grammar/nkeys.re). */
#ifndef CODEC_NKEYS_TEXT_H
#define CODEC_NKEYS_TEXT_H

#include <midge/slice.h>

/* Base32 without padding: writes at most cap bytes, returns how many there are; 0 when a character is none of
 * base32 (CR and LF are skipped) or when they are more than cap. */
size_t codec_base32_decode(slice text, uint8_t *out, size_t cap);

#endif
