/* info.h: the JSON of an INFO line, one struct for every kind of peer.
 *
 * Clients, routes, gateways and leaf nodes get the same object with different members set
 * (docs/spec/client-protocol.md 2.2, fabric.md 1.5). Members stand here, and are written, in the order in
 * which nats-server 2.15.1 writes them; those without a comment on presence are left out when they have their
 * zero value, but for server_id, server_name, version, proto, go, host, port, headers and max_payload, which
 * are always there. Numbers are Go's: port and proto are read as 64-bit, max_payload as 32-bit integers. */
#ifndef MIDGE_INFO_H
#define MIDGE_INFO_H

#include <midge/json.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Subjects that are allowed and denied. */
struct codec_permission {
    struct codec_json_strings allow;
    struct codec_json_strings deny;
};

struct codec_info {
    slice server_id; /* public server nkey, N... */
    slice server_name;
    slice version; /* semver without v */
    int64_t proto; /* clients: 1; fabric: 0 to 3 */
    slice git_commit;
    slice go; /* runtime version */
    slice host;
    int64_t port;
    bool headers;
    bool auth_required;
    bool tls_required;
    bool tls_verify;
    bool tls_available;
    int32_t max_payload; /* bytes; -1: unlimited */
    bool jetstream;
    slice ip;           /* route and leaf: where to reach this server */
    uint64_t client_id; /* connection id */
    slice client_ip;
    slice nonce; /* 15 characters to be signed */
    slice cluster;
    bool cluster_dynamic; /* the cluster name was generated */
    slice domain;         /* JetStream domain */
    struct codec_json_strings connect_urls;
    struct codec_json_strings ws_connect_urls;
    bool ldm;             /* lame duck mode */
    slice compression;    /* mode of routes and leaf nodes */
    bool connect_info;    /* answers a CONNECT */
    slice remote_account; /* account that the peer is bound to */
    bool acc_is_sys;
    int64_t api_lvl;                    /* JetStream API level */
    struct codec_permission may_import; /* fabric.md 3.11 and 5.6 */
    bool has_import;
    struct codec_permission may_export; /* same */
    bool has_export;
    bool lnoc;  /* leaf node origin cluster supported */
    bool lnocu; /* same, for unsubscriptions */
    bool ln;
    bool info_on_connect; /* leaf: CONNECT is answered by INFO */
    int64_t route_pool_size;
    int64_t route_pool_idx;
    slice route_account; /* dedicated account of a route */
    slice route_acc_add_reqid;
    uint8_t gossip_mode;
    slice gateway; /* gateway name */
    struct codec_json_strings gateway_urls;
    slice gateway_url;
    uint8_t gateway_cmd;
    slice gateway_cmd_payload; /* account name */
    bool gateway_nrp;          /* new reply prefix */
    bool gateway_iom;          /* interest-only mode */
    struct codec_json_strings leafnode_urls;
    slice xkey; /* public curve key, X... */
};

/* For json.h's read, write and copy, and for tables of other structs that hold these. */
CODEC_API extern const struct codec_json_table codec_permission_table;
CODEC_API extern const struct codec_json_table codec_info_table;

/* Read the JSON over *info (zero it first, unless members are to be kept). Strings are copied into the arena.
 * Unknown members are ignored. */
CODEC_API bool codec_info_read(struct codec_info *info, slice json, struct codec_arena *arena,
                               struct codec_json_error *error);

/* How the line ends: servers put a space behind the JSON of their own INFO, none behind that of gateways and
 * gossip. */
enum codec_info_end { CODEC_INFO_SPACE, CODEC_INFO_NO_SPACE };

/* The whole line, from INFO to LF. */
CODEC_API void codec_info_write(struct codec_out *out, const struct codec_info *info,
                                enum codec_info_end end);

#ifdef __cplusplus
}
#endif

#endif
