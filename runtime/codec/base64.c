#include <midge/base64.h>

static bool is_padded(enum codec_base64 kind)
{
    return kind == CODEC_BASE64_STD || kind == CODEC_BASE64_URL;
}

static bool is_url(enum codec_base64 kind)
{
    return kind == CODEC_BASE64_URL || kind == CODEC_BASE64_URL_RAW;
}

size_t codec_base64_size(size_t n, enum codec_base64 kind)
{
    return is_padded(kind) ? (n + 2) / 3 * 4 : n / 3 * 4 + (n % 3 == 0 ? 0 : n % 3 + 1);
}

static uint8_t digit(unsigned six, bool url)
{
    if (six < 26)
        return (uint8_t)('A' + six);
    if (six < 52)
        return (uint8_t)('a' + six - 26);
    if (six < 62)
        return (uint8_t)('0' + six - 52);
    return (uint8_t)(six == 62 ? (url ? '-' : '+') : (url ? '_' : '/'));
}

static int value(uint8_t c, bool url)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (url ? '-' : '+'))
        return 62;
    return c == (url ? '_' : '/') ? 63 : -1;
}

void codec_base64_encode(slice bytes, enum codec_base64 kind, uint8_t *out)
{
    bool url = is_url(kind);
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        unsigned group = 0;
        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (k < n ? bytes.ptr[i + k] : 0u);
        for (size_t k = 0; k <= n; k++)
            *out++ = digit(group >> (18 - 6 * k) & 63, url);
        for (size_t k = n; k < 3 && is_padded(kind); k++)
            *out++ = '=';
    }
}

static bool is_newline(uint8_t c)
{
    return c == '\r' || c == '\n';
}

static size_t past_newlines(slice text, size_t i)
{
    while (i < text.len && is_newline(text.ptr[i]))
        i++;
    return i;
}

/* What follows `got` characters of the last group, with the first = at i: the rest of the padding and the
 * end. */
static bool check_padding(slice text, size_t i, size_t got, size_t *error_at)
{
    *error_at = i;
    if (got < 2)
        return false;
    i++;
    if (got == 2) {
        i = past_newlines(text, i);
        *error_at = i;
        if (i == text.len || text.ptr[i] != '=')
            return false;
        i++;
    }
    i = past_newlines(text, i);
    *error_at = i;
    return i == text.len;
}

bool codec_base64_decode(slice text, enum codec_base64 kind, uint8_t *out, size_t *len, size_t *error_at)
{
    bool url = is_url(kind);
    size_t got = 0, n = 0;
    unsigned group = 0;
    bool padding = false;
    for (size_t i = 0; i < text.len && !padding; i++) {
        uint8_t c = text.ptr[i];
        if (is_newline(c))
            continue;
        int six = value(c, url);
        padding = c == '=' && is_padded(kind);
        if (padding ? !check_padding(text, i, got, error_at) : six < 0) {
            *error_at = padding ? *error_at : i;
            return false;
        }
        if (padding)
            break;
        group = group << 6 | (unsigned)six;
        if (++got < 4)
            continue;
        for (size_t k = 0; k < 3 && out != NULL; k++)
            out[n + k] = (uint8_t)(group >> (16 - 8 * k));
        n += 3;
        got = 0;
        group = 0;
    }
    if (got == 1 || (got > 0 && is_padded(kind) && !padding)) {
        *error_at = text.len - got;
        return false;
    }
    group <<= 6 * (4 - got);
    for (size_t k = 0; k + 1 < got; k++) {
        if (out != NULL)
            out[n] = (uint8_t)(group >> (16 - 8 * k));
        n++;
    }
    *len = n;
    return true;
}
