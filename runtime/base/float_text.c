#include "base/float_text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "-d.ddde+XX" with the fewest digits that give v again. Returns the exponent; digits are left without point.
 */
static int shortest(double v, char digits[24], size_t *count)
{
    char buf[40];
    for (int precision = 0; precision <= 16; precision++) {
        snprintf(buf, sizeof buf, "%.*e", precision, v);
        if (strtod(buf, NULL) == v)
            break;
    }
    *count = 0;
    const char *s = buf;
    for (; *s != 'e'; s++)
        if (*s >= '0' && *s <= '9')
            digits[(*count)++] = *s;
    return (int)strtol(s + 1, NULL, 10);
}

static size_t plain(char *out, const char *digits, size_t count, int exponent)
{
    size_t n = 0;
    if (exponent < 0) {
        memcpy(out, "0.", 2);
        n = 2;
        for (int i = -1; i > exponent; i--)
            out[n++] = '0';
    }
    for (size_t i = 0; i < count || (int)i <= exponent; i++) {
        if (exponent >= 0 && (int)i == exponent + 1)
            out[n++] = '.';
        out[n++] = i < count ? digits[i] : '0';
    }
    return n;
}

size_t float_text(double v, char buf[static FLOAT_TEXT_MAX])
{
    char digits[24];
    size_t count, n = 0;
    int exponent = shortest(v, digits, &count);
    double size = v < 0 ? -v : v;
    if (v < 0 || (v == 0 && 1 / v < 0))
        buf[n++] = '-';
    if (size == 0 || (size >= 1e-6 && size < 1e21)) {
        n += plain(buf + n, digits, count, exponent);
    } else {
        buf[n++] = digits[0];
        if (count > 1) {
            buf[n++] = '.';
            memcpy(buf + n, digits + 1, count - 1);
            n += count - 1;
        }
        n += (size_t)snprintf(buf + n, FLOAT_TEXT_MAX - n, exponent < 0 ? "e-%d" : "e+%02d", abs(exponent));
    }
    buf[n] = '\0';
    return n;
}
