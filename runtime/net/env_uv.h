/* env_uv.h: the real world: libuv loops on threads, TCP sockets, the system clocks and the POSIX disk.
 *
 * libuv's headers stay inside env_uv.c. One object a process; free it when all loops are joined. */
#ifndef NET_ENV_UV_H
#define NET_ENV_UV_H

#include "base/env.h"

/* NULL when out of memory. */
struct env *env_uv_new(void);
void env_uv_free(struct env *e);

#endif
