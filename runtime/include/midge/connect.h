/* connect.h: the JSON of a CONNECT line, as clients, routes and gateways, and leaf nodes send it.
 *
 * docs/spec/client-protocol.md 3.2 and 3.3, fabric.md 3.4, 4.2 and 5.3. Members stand in the order in which
 * they are written.
 *
 * A client may send CONNECT more than once; a later one changes only the members that it names. So read over
 * the options that the connection has: codec_connect_read keeps what the text does not mention. Strings of
 * the earlier reading stay where they were, so a connection that keeps its options copies them together
 * (codec_connect_copy) into a block of their own and frees the old one. */
#ifndef MIDGE_CONNECT_H
#define MIDGE_CONNECT_H

#include <midge/info.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a client wants. Sections 3.2 of the specification says what each member means. */
struct codec_connect {
    bool echo;     /* false: no own messages */
    bool verbose;  /* +OK after verbs */
    bool pedantic; /* check publish subjects */
    bool tls_required;
    slice nkey; /* public user nkey */
    slice jwt;
    slice sig; /* of the nonce, base64 */
    slice auth_token;
    slice user;
    slice pass;
    slice name;
    slice lang;
    slice version;
    int64_t protocol; /* 0 or 1: asynchronous INFO */
    slice account;
    bool new_account;
    bool headers;
    bool no_responders;
    struct codec_permission may_import;
    bool has_import;
    struct codec_permission may_export;
    bool has_export;
    slice remote_account;
    slice proxy_sig;
};

/* What a server holds of a connection before its first CONNECT: verbose, pedantic and echo on, all else
 * empty. */
CODEC_API void codec_connect_defaults(struct codec_connect *c);

/* Read the JSON over *c. Unknown members are ignored. */
CODEC_API bool codec_connect_read(struct codec_connect *c, slice json, struct codec_arena *arena,
                                  struct codec_json_error *error);

/* A copy whose strings lie in the arena; false when it is full (see codec_json_copy). */
CODEC_API bool codec_connect_copy(struct codec_connect *to, const struct codec_connect *from,
                                  struct codec_arena *arena);

/* The whole line, from CONNECT to LF. */
CODEC_API void codec_connect_write(struct codec_out *out, const struct codec_connect *c);

/* Of a route, and of a gateway, which differ in the members that they set. */
struct codec_route_connect {
    bool echo;
    bool verbose;
    bool pedantic;
    slice user;
    slice pass;
    bool tls_required;
    bool headers;
    slice name; /* the sender's server_id */
    slice cluster;
    bool cluster_dynamic;
    bool lnoc;
    bool lnocu;
    bool ln;
    slice gateway; /* gateway name; of a gateway only */
    slice lang;    /* an application on the wrong port */
};

CODEC_API bool codec_route_connect_read(struct codec_route_connect *c, slice json, struct codec_arena *arena,
                                        struct codec_json_error *error);
CODEC_API void codec_route_connect_write(struct codec_out *out, const struct codec_route_connect *c);

/* Of a leaf node. */
struct codec_leaf_connect {
    slice version;
    slice nkey;
    slice jwt;
    slice sig;
    slice user;
    slice pass;
    slice auth_token;
    slice server_id;
    slice domain;
    slice name;
    bool is_hub;
    slice cluster;
    bool headers;
    bool jetstream;
    struct codec_json_strings deny_pub;
    bool isolate;
    slice compress_mode;
    slice gateway; /* never sent, only checked */
    slice remote_account;
    int64_t protocol;
    slice lang; /* an application on the wrong port */
};

CODEC_API bool codec_leaf_connect_read(struct codec_leaf_connect *c, slice json, struct codec_arena *arena,
                                       struct codec_json_error *error);
CODEC_API void codec_leaf_connect_write(struct codec_out *out, const struct codec_leaf_connect *c);

CODEC_API extern const struct codec_json_table codec_connect_table;
CODEC_API extern const struct codec_json_table codec_route_connect_table;
CODEC_API extern const struct codec_json_table codec_leaf_connect_table;

#ifdef __cplusplus
}
#endif

#endif
