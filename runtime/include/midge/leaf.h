/* leaf.h: the protocol of leaf nodes, which carries one account. Events, errors and payload rules are those
 * of fabric.h.
 *
 *     LS+ subject [queue weight], LS- subject [queue]   interest (RS+ RS- SUB UNSUB are taken as the same)
 *     LMSG subject [reply] size                         (RMSG is taken as the same)
 *     LMSG subject | queue ... size
 *     LMSG subject + reply queue ... size
 *     HMSG                  as LMSG, with the header size before the total size
 *     CONNECT, INFO, PING, PONG, +OK, -ERR              as a client
 *     A+ A-                                             known, without effect */
#ifndef MIDGE_LEAF_H
#define MIDGE_LEAF_H

#include <midge/fabric.h>

#ifdef __cplusplus
extern "C" {
#endif

CODEC_API void codec_leaf_init(struct codec_fabric *p);

#ifdef __cplusplus
}
#endif

#endif
