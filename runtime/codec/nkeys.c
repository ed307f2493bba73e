#include "codec/nkeys_text.h"
#include <midge/nkeys.h>

enum {
    SEED = 0x90,
    LONGEST = 512, /* bytes of a text that is looked at; a key has 35, a seed 36 */
};

/* CRC-16/XMODEM. */
static uint16_t crc16(const uint8_t *p, size_t n)
{
    unsigned crc = 0;
    for (size_t i = 0; i < n; i++) {
        crc ^= (unsigned)p[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1;
    }
    return (uint16_t)crc;
}

/* The bytes before a right checksum: their number, 0 when there are none. */
static size_t decode(slice text, uint8_t out[LONGEST])
{
    size_t n = codec_base32_decode(text, out, LONGEST);
    if (n < 4 || crc16(out, n - 2) != (uint16_t)(out[n - 1] << 8 | out[n - 2]))
        return 0;
    return n - 2;
}

static bool is_public_kind(uint8_t prefix)
{
    return prefix == CODEC_NKEY_ACCOUNT || prefix == CODEC_NKEY_CLUSTER || prefix == CODEC_NKEY_SERVER ||
           prefix == CODEC_NKEY_OPERATOR || prefix == CODEC_NKEY_USER || prefix == CODEC_NKEY_CURVE;
}

bool codec_nkey_is(slice text, enum codec_nkey_kind kind)
{
    uint8_t raw[LONGEST];
    return decode(text, raw) > 0 && (raw[0] & 0xf8) == kind;
}

bool codec_nkey_decode_public(slice text, enum codec_nkey_kind *kind, uint8_t key[CODEC_NKEY_KEY])
{
    uint8_t raw[LONGEST];
    if (decode(text, raw) != 1 + CODEC_NKEY_KEY || !is_public_kind(raw[0]))
        return false;
    *kind = (enum codec_nkey_kind)raw[0];
    memcpy(key, raw + 1, CODEC_NKEY_KEY);
    return true;
}

bool codec_nkey_decode_seed(slice text, enum codec_nkey_kind *kind, uint8_t secret[CODEC_NKEY_KEY])
{
    uint8_t raw[LONGEST];
    if (decode(text, raw) != 2 + CODEC_NKEY_KEY || (raw[0] & 0xf8) != SEED)
        return false;
    uint8_t prefix = (uint8_t)((raw[0] & 7) << 5 | raw[1] >> 3);
    if (!is_public_kind(prefix))
        return false;
    *kind = (enum codec_nkey_kind)prefix;
    memcpy(secret, raw + 2, CODEC_NKEY_KEY);
    return true;
}

/* n bytes and room for two more: puts the checksum there and writes all in base32. */
static void encode(uint8_t *raw, size_t n, char *text)
{
    uint16_t crc = crc16(raw, n);
    raw[n++] = (uint8_t)crc;
    raw[n++] = (uint8_t)(crc >> 8);
    for (size_t bit = 0; bit < 8 * n; bit += 5) {
        unsigned two = (unsigned)raw[bit / 8] << 8 | (bit / 8 + 1 < n ? raw[bit / 8 + 1] : 0u);
        *text++ = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[two >> (11 - bit % 8) & 31];
    }
}

void codec_nkey_encode_public(enum codec_nkey_kind kind, const uint8_t key[CODEC_NKEY_KEY],
                              char text[CODEC_NKEY_PUBLIC])
{
    uint8_t raw[1 + CODEC_NKEY_KEY + 2] = {(uint8_t)kind};
    memcpy(raw + 1, key, CODEC_NKEY_KEY);
    encode(raw, 1 + CODEC_NKEY_KEY, text);
}

void codec_nkey_encode_seed(enum codec_nkey_kind kind, const uint8_t secret[CODEC_NKEY_KEY],
                            char text[CODEC_NKEY_SEED])
{
    uint8_t raw[2 + CODEC_NKEY_KEY + 2] = {(uint8_t)(SEED | kind >> 5), (uint8_t)((kind & 31) << 3)};
    memcpy(raw + 2, secret, CODEC_NKEY_KEY);
    encode(raw, 2 + CODEC_NKEY_KEY, text);
}
