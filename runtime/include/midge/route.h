/* route.h: the protocol between servers of one cluster. Events, errors and payload rules are those of
 * fabric.h.
 *
 *     RS+ account subject [queue weight]             interest       RS- account subject [queue]
 *     LS+ origin account subject [queue weight]      of leaf nodes  LS- origin account subject [queue]
 *     RMSG account subject [reply] size
 *     RMSG account subject | queue ... size
 *     RMSG account subject + reply queue ... size
 *     HMSG                  as RMSG, with the header size before the total size
 *     LMSG origin ...       as HMSG, with the header size even when it is 0
 *     CONNECT, INFO, PING, PONG, +OK, -ERR           as a client
 *     A+ A- SUB UNSUB                                known, without effect
 *
 * On a connection that carries one account alone (`accountless`) the account is left out of all of them. */
#ifndef MIDGE_ROUTE_H
#define MIDGE_ROUTE_H

#include <midge/fabric.h>

#ifdef __cplusplus
extern "C" {
#endif

CODEC_API void codec_route_init(struct codec_fabric *p);

#ifdef __cplusplus
}
#endif

#endif
