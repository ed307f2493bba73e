/* float_text.h: a float as Go's JSON encoder writes it: the shortest digits that read back as the same
 * number, as a plain decimal from 1e-6 to below 1e21, else with an exponent ("1e+21", "1.5e-7"). Any thread.
 */
#ifndef BASE_FLOAT_TEXT_H
#define BASE_FLOAT_TEXT_H

#include <stddef.h>

enum { FLOAT_TEXT_MAX = 40 };

/* Writes the finite number v with a NUL into buf and returns the length without it. */
size_t float_text(double v, char buf[static FLOAT_TEXT_MAX]);

#endif
