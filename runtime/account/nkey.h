/* nkey.h: Ed25519 and X25519 keys as text (docs/spec/accounts-auth.md, section 1).
 *
 * Public text is unpadded upper-case base32 of one prefix byte, the key and a CRC-16 (XMODEM, little-endian).
 * A seed has two prefix bytes. Pure functions, any thread. */
#ifndef ACCOUNT_NKEY_H
#define ACCOUNT_NKEY_H

#include <midge/slice.h>

enum {
    NKEY_RAW = 32,       /* bytes of a key or seed */
    NKEY_TEXT = 56,      /* characters of a public key */
    NKEY_SEED_TEXT = 58, /* characters of a seed */
    NKEY_SIG = 64,       /* bytes of a signature */
};

/* Prefix bytes. */
enum nkey_kind {
    NKEY_ACCOUNT = 0x00,
    NKEY_CLUSTER = 0x10,
    NKEY_SERVER = 0x68,
    NKEY_OPERATOR = 0x70,
    NKEY_USER = 0xa0,
    NKEY_CURVE = 0xb8,
};

/* "Valid public KIND key": checksum right and the prefix, its low 3 bits aside, of that kind. The length of
 * the key is not looked at (as in Go: a key of 31 bytes passes here and can never sign). */
bool nkey_is_kind(slice text, enum nkey_kind kind);

/* The key of a public text of any kind: exact prefix, 32 bytes. */
bool nkey_public_decode(slice text, enum nkey_kind *kind, uint8_t key[NKEY_RAW]);

/* NUL-terminated. */
void nkey_public_encode(enum nkey_kind kind, const uint8_t key[NKEY_RAW], char text[NKEY_TEXT + 1]);

bool nkey_seed_decode(slice text, enum nkey_kind *kind, uint8_t seed[NKEY_RAW]);
void nkey_seed_encode(enum nkey_kind kind, const uint8_t seed[NKEY_RAW], char text[NKEY_SEED_TEXT + 1]);

/* The public Ed25519 key of a seed. False when the library fails. */
bool nkey_public_of_seed(const uint8_t seed[NKEY_RAW], uint8_t key[NKEY_RAW]);

bool nkey_sign(const uint8_t seed[NKEY_RAW], slice message, uint8_t sig[NKEY_SIG]);
bool nkey_verify(const uint8_t key[NKEY_RAW], slice message, const uint8_t sig[NKEY_SIG]);

#endif
