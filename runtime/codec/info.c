#include <midge/info.h>

enum { KEEP = 0, OMIT = CODEC_JSON_OMIT_EMPTY };

static const struct codec_json_field permission_fields[] = {
    CODEC_JSON_FIELD(struct codec_permission, allow, "allow", CODEC_JSON_T_STRINGS, OMIT),
    CODEC_JSON_FIELD(struct codec_permission, deny, "deny", CODEC_JSON_T_STRINGS, OMIT),
};
const struct codec_json_table codec_permission_table =
    CODEC_JSON_TABLE("server.SubjectPermission", struct codec_permission, permission_fields);

static const struct codec_json_field info_fields[] = {
    CODEC_JSON_FIELD(struct codec_info, server_id, "server_id", CODEC_JSON_T_STRING, KEEP),
    CODEC_JSON_FIELD(struct codec_info, server_name, "server_name", CODEC_JSON_T_STRING, KEEP),
    CODEC_JSON_FIELD(struct codec_info, version, "version", CODEC_JSON_T_STRING, KEEP),
    CODEC_JSON_FIELD(struct codec_info, proto, "proto", CODEC_JSON_T_INT, KEEP),
    CODEC_JSON_FIELD(struct codec_info, git_commit, "git_commit", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_info, go, "go", CODEC_JSON_T_STRING, KEEP),
    CODEC_JSON_FIELD(struct codec_info, host, "host", CODEC_JSON_T_STRING, KEEP),
    CODEC_JSON_FIELD(struct codec_info, port, "port", CODEC_JSON_T_INT, KEEP),
    CODEC_JSON_FIELD(struct codec_info, headers, "headers", CODEC_JSON_T_BOOL, KEEP),
    CODEC_JSON_FIELD(struct codec_info, auth_required, "auth_required", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_info, tls_required, "tls_required", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_info, tls_verify, "tls_verify", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_info, tls_available, "tls_available", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_info, max_payload, "max_payload", CODEC_JSON_T_INT, KEEP),
    CODEC_JSON_FIELD(struct codec_info, jetstream, "jetstream", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_info, ip, "ip", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_info, client_id, "client_id", CODEC_JSON_T_UINT, OMIT),
    CODEC_JSON_FIELD(struct codec_info, client_ip, "client_ip", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_info, nonce, "nonce", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_info, cluster, "cluster", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_info, cluster_dynamic, "cluster_dynamic", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_info, domain, "domain", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_info, connect_urls, "connect_urls", CODEC_JSON_T_STRINGS, OMIT),
    CODEC_JSON_FIELD(struct codec_info, ws_connect_urls, "ws_connect_urls", CODEC_JSON_T_STRINGS, OMIT),
    CODEC_JSON_FIELD(struct codec_info, ldm, "ldm", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_info, compression, "compression", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_info, connect_info, "connect_info", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_info, remote_account, "remote_account", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_info, acc_is_sys, "acc_is_sys", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_info, api_lvl, "api_lvl", CODEC_JSON_T_INT, OMIT),
    CODEC_JSON_FIELD_OBJECT(struct codec_info, may_import, has_import, "import", OMIT,
                            &codec_permission_table),
    CODEC_JSON_FIELD_OBJECT(struct codec_info, may_export, has_export, "export", OMIT,
                            &codec_permission_table),
    CODEC_JSON_FIELD(struct codec_info, lnoc, "lnoc", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_info, lnocu, "lnocu", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_info, ln, "ln", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_info, info_on_connect, "info_on_connect", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_info, route_pool_size, "route_pool_size", CODEC_JSON_T_INT, OMIT),
    CODEC_JSON_FIELD(struct codec_info, route_pool_idx, "route_pool_idx", CODEC_JSON_T_INT, OMIT),
    CODEC_JSON_FIELD(struct codec_info, route_account, "route_account", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_info, route_acc_add_reqid, "route_acc_add_reqid", CODEC_JSON_T_STRING,
                     OMIT),
    CODEC_JSON_FIELD(struct codec_info, gossip_mode, "gossip_mode", CODEC_JSON_T_UINT, OMIT),
    CODEC_JSON_FIELD(struct codec_info, gateway, "gateway", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_info, gateway_urls, "gateway_urls", CODEC_JSON_T_STRINGS, OMIT),
    CODEC_JSON_FIELD(struct codec_info, gateway_url, "gateway_url", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_info, gateway_cmd, "gateway_cmd", CODEC_JSON_T_UINT, OMIT),
    CODEC_JSON_FIELD(struct codec_info, gateway_cmd_payload, "gateway_cmd_payload", CODEC_JSON_T_BYTES, OMIT),
    CODEC_JSON_FIELD(struct codec_info, gateway_nrp, "gateway_nrp", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_info, gateway_iom, "gateway_iom", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_info, leafnode_urls, "leafnode_urls", CODEC_JSON_T_STRINGS, OMIT),
    CODEC_JSON_FIELD(struct codec_info, xkey, "xkey", CODEC_JSON_T_STRING, OMIT),
};
const struct codec_json_table codec_info_table =
    CODEC_JSON_TABLE("server.Info", struct codec_info, info_fields);

bool codec_info_read(struct codec_info *info, slice json, struct codec_arena *arena,
                     struct codec_json_error *error)
{
    const struct codec_json_options options = {.arena = arena};
    return codec_json_read(&codec_info_table, info, json, &options, error);
}

void codec_info_write(struct codec_out *out, const struct codec_info *info, enum codec_info_end end)
{
    codec_out_put(out, SLICE_LIT("INFO "));
    struct codec_json_writer w = codec_json_writer_on(out);
    codec_json_write(&w, &codec_info_table, info);
    codec_out_put(out, end == CODEC_INFO_SPACE ? SLICE_LIT(" \r\n") : SLICE_LIT("\r\n"));
}
