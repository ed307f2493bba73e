#include "base/errtext.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *errtext(int err, char buf[static ERRTEXT_MAX])
{
    int code = abs(err);
    const char *text = strerrordesc_np(code);
    if (text == NULL) {
        snprintf(buf, ERRTEXT_MAX, "errno %d", code);
        return buf;
    }
    snprintf(buf, ERRTEXT_MAX, "%s", text);
    if (islower((unsigned char)buf[1]) || buf[1] == '/')
        buf[0] = (char)tolower((unsigned char)buf[0]);
    return buf;
}
