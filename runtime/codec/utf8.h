/* codec/utf8.h: UTF-8 as Go decodes it. Private to the toolkit; pure. */
#ifndef CODEC_UTF8_H
#define CODEC_UTF8_H

#include <midge/slice.h>

#define UTF8_REPLACEMENT 0xfffdu

/* utf8_decode of a character that is not ASCII. */
size_t utf8_decode_long(slice s, uint32_t *rune);

/* The character at the front of s (not empty) and how many bytes it takes. A byte that begins no valid
 * sequence (overlong forms, surrogates and what is above U+10FFFF included) gives U+FFFD and 1. */
static inline size_t utf8_decode(slice s, uint32_t *rune)
{
    if (s.ptr[0] >= 0x80)
        return utf8_decode_long(s, rune);
    *rune = s.ptr[0];
    return 1;
}

/* The 1 to 4 bytes of a character. */
size_t utf8_encode(uint32_t rune, uint8_t out[4]);

/* Printable as Go's strconv.IsPrint has it: letters, marks, numbers, punctuation, symbols and the space. */
bool utf8_printable(uint32_t rune);

/* All of the text is well-formed (grammar/utf8.rl); NUL and non-characters are. */
bool utf8_valid(slice text);

/* Bytes at the front of the text that are ASCII, rounded down to whole words: most texts are nothing else. */
static inline size_t utf8_ascii_prefix(slice text)
{
    size_t n = 0;
    uint64_t word;
    for (; text.len - n >= sizeof(word); n += sizeof(word)) {
        memcpy(&word, text.ptr + n, sizeof(word));
        if (word & 0x8080808080808080u)
            break;
    }
    return n;
}

#endif
