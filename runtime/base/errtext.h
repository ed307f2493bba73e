/* errtext.h: texts of system errors as Go prints them ("no such file or directory": the C library's text with
 * a small first letter, never translated). Any thread. */
#ifndef BASE_ERRTEXT_H
#define BASE_ERRTEXT_H

#include <stddef.h>

enum { ERRTEXT_MAX = 64 };

/* The text of errno value `err` (its sign does not matter), written into buf and returned. */
const char *errtext(int err, char buf[static ERRTEXT_MAX]);

#endif
