/* float_text.h: a float as Go's %v prints it: the shortest digits that read back as the same number, with an
 * exponent from 1e+06 on and below 1e-4. Any thread. */
#ifndef BASE_FLOAT_TEXT_H
#define BASE_FLOAT_TEXT_H

#include <stddef.h>

enum { FLOAT_TEXT_MAX = 40 };

/* Writes v with a NUL into buf and returns buf. */
const char *float_text(double v, char buf[static FLOAT_TEXT_MAX]);

#endif
