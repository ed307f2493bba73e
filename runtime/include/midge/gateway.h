/* gateway.h: the protocol between clusters. Events, errors and payload rules are those of fabric.h.
 *
 *     RS+ account subject [queue weight]             interest, from the acceptor to the solicitor
 *     RS- account subject [queue]
 *     A+ account, A- account                         interest of a whole account
 *     RMSG, HMSG account subject ...                 messages, from the solicitor to the acceptor; forms of
 * route.h CONNECT, INFO, PING, PONG, +OK, -ERR           as a client; commands and gossip are INFO lines, too
 *
 * The direction of a line is the caller's to judge. */
#ifndef MIDGE_GATEWAY_H
#define MIDGE_GATEWAY_H

#include <midge/fabric.h>

#ifdef __cplusplus
extern "C" {
#endif

CODEC_API void codec_gateway_init(struct codec_fabric *p);

#ifdef __cplusplus
}
#endif

#endif
