/* nkeys.h: the text form of NATS keys: a prefix byte, the key and a checksum, in base32.
 *
 * Only the text is treated here; signing is not. Pure functions. Facts: docs/spec/accounts-auth.md,
 * section 1. The text form does not fix the length of the key, so there are two levels of validity:
 * codec_nkey_is (a KIND key, of any length) and codec_nkey_decode_public (32 bytes, exact prefix). */
#ifndef MIDGE_NKEYS_H
#define MIDGE_NKEYS_H

#include <midge/codec.h>

#ifdef __cplusplus
extern "C" {
#endif

enum codec_nkey_kind {
    CODEC_NKEY_ACCOUNT = 0x00,  /* A... */
    CODEC_NKEY_CLUSTER = 0x10,  /* C... */
    CODEC_NKEY_SERVER = 0x68,   /* N... */
    CODEC_NKEY_OPERATOR = 0x70, /* O... */
    CODEC_NKEY_USER = 0xa0,     /* U... */
    CODEC_NKEY_CURVE = 0xb8,    /* X... */
};

#define CODEC_NKEY_KEY    32 /* bytes of a key or of the secret in a seed */
#define CODEC_NKEY_PUBLIC 56 /* characters of a public key */
#define CODEC_NKEY_SEED   58 /* characters of a seed */

/* A public key of that kind, as configuration files are checked: checksum and prefix right (the prefix's low
 * three bits are not looked at), at least one byte before the checksum and the prefix. */
CODEC_API bool codec_nkey_is(slice text, enum codec_nkey_kind kind);

/* A public key that can verify: exact prefix of one of the six kinds, 32 bytes. */
CODEC_API bool codec_nkey_decode_public(slice text, enum codec_nkey_kind *kind, uint8_t key[CODEC_NKEY_KEY]);

/* A seed: its kind and secret. */
CODEC_API bool codec_nkey_decode_seed(slice text, enum codec_nkey_kind *kind, uint8_t secret[CODEC_NKEY_KEY]);

CODEC_API void codec_nkey_encode_public(enum codec_nkey_kind kind, const uint8_t key[CODEC_NKEY_KEY],
                                        char text[CODEC_NKEY_PUBLIC]);
CODEC_API void codec_nkey_encode_seed(enum codec_nkey_kind kind, const uint8_t secret[CODEC_NKEY_KEY],
                                      char text[CODEC_NKEY_SEED]);

#ifdef __cplusplus
}
#endif

#endif
