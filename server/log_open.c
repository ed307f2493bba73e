#include "server/log_open.h"

bool log_open(struct log *l, const struct options *o, const char *tag, char *err)
{
    log_set_levels(l, o->debug, o->trace);
    log_set_format(l, (struct log_format){.timestamps = o->logtime, .utc = o->logtime_utc});
    if (o->log_file.len > 0)
        return log_to_file(l, (const char *)o->log_file.ptr, o->log_size_limit, o->log_max_files, err);
    if (o->remote_syslog.len > 0)
        return log_to_syslog(l, (const char *)o->remote_syslog.ptr, tag, err);
    if (o->syslog)
        return log_to_syslog(l, NULL, tag, err);
    log_to_stderr(l);
    return true;
}
