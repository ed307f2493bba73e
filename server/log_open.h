/* log_open.h: point the log where the options say. */
#ifndef SERVER_LOG_OPEN_H
#define SERVER_LOG_OPEN_H

#include "base/log.h"
#include "server/options.h"

/* Levels, layout and sink; `tag` is the program's name for syslog. On failure the old sink stays and err
 * (LOG_ERROR_MAX bytes) has Go's text. May block on a remote syslog. */
bool log_open(struct log *l, const struct options *o, const char *tag, char *err);

#endif
