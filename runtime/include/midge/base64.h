/* base64.h: base64 (RFC 4648), as the texts of NATS use it: standard and padded for bytes in JSON, URL-safe
 * and unpadded for nonces and signatures. Pure. Decoding is as lenient as Go's: CR and LF are skipped
 * anywhere, unused bits of the last character are ignored. */
#ifndef MIDGE_BASE64_H
#define MIDGE_BASE64_H

#include <midge/codec.h>

#ifdef __cplusplus
extern "C" {
#endif

enum codec_base64 {
    CODEC_BASE64_STD, /* + and /, padded with = */
    CODEC_BASE64_STD_RAW,
    CODEC_BASE64_URL, /* - and _, padded */
    CODEC_BASE64_URL_RAW,
};

/* Characters that n bytes take. */
CODEC_API size_t codec_base64_size(size_t n, enum codec_base64 kind);

/* Writes codec_base64_size characters, no NUL. */
CODEC_API void codec_base64_encode(slice bytes, enum codec_base64 kind, uint8_t *out);

/* At most 3 bytes for each 4 characters begun are written at out (which may be NULL: only check and count).
 * false: not base64; *error_at is the character that Go names. */
CODEC_API bool codec_base64_decode(slice text, enum codec_base64 kind, uint8_t *out, size_t *len,
                                   size_t *error_at);

#ifdef __cplusplus
}
#endif

#endif
