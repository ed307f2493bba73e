#include "base/float_text.h"
#include <stdio.h>
#include <stdlib.h>

const char *float_text(double v, char buf[static FLOAT_TEXT_MAX])
{
    int precision = 0;
    for (; precision < 16; precision++) {
        snprintf(buf, FLOAT_TEXT_MAX, "%.*e", precision, v);
        if (strtod(buf, NULL) == v)
            break;
    }
    snprintf(buf, FLOAT_TEXT_MAX, "%.*e", precision, v);
    const char *e = buf;
    while (*e != 'e' && *e != '\0')
        e++;
    long exponent = *e == 'e' ? strtol(e + 1, NULL, 10) : 0;
    if (*e == 'e' && exponent >= -4 && exponent < 6) {
        int places = precision > exponent ? precision - (int)exponent : 0;
        snprintf(buf, FLOAT_TEXT_MAX, "%.*f", places, v);
    }
    return buf;
}
