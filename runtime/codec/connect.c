#include <midge/connect.h>

enum { KEEP = 0, OMIT = CODEC_JSON_OMIT_EMPTY };

static bool read_json(const struct codec_json_table *table, void *into, slice json, struct codec_arena *arena,
                      struct codec_json_error *error)
{
    const struct codec_json_options options = {.arena = arena};
    return codec_json_read(table, into, json, &options, error);
}

static void write_line(struct codec_out *out, const struct codec_json_table *table, const void *from)
{
    codec_out_put(out, SLICE_LIT("CONNECT "));
    struct codec_json_writer w = codec_json_writer_on(out);
    codec_json_write(&w, table, from);
    codec_out_put(out, SLICE_LIT("\r\n"));
}

/* --------------------------------------------------------------------------------------- clients */

static const struct codec_json_field connect_fields[] = {
    CODEC_JSON_FIELD(struct codec_connect, echo, "echo", CODEC_JSON_T_BOOL, KEEP),
    CODEC_JSON_FIELD(struct codec_connect, verbose, "verbose", CODEC_JSON_T_BOOL, KEEP),
    CODEC_JSON_FIELD(struct codec_connect, pedantic, "pedantic", CODEC_JSON_T_BOOL, KEEP),
    CODEC_JSON_FIELD(struct codec_connect, tls_required, "tls_required", CODEC_JSON_T_BOOL, KEEP),
    CODEC_JSON_FIELD(struct codec_connect, nkey, "nkey", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_connect, jwt, "jwt", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_connect, sig, "sig", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_connect, auth_token, "auth_token", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_connect, user, "user", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_connect, pass, "pass", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_connect, name, "name", CODEC_JSON_T_STRING, KEEP),
    CODEC_JSON_FIELD(struct codec_connect, lang, "lang", CODEC_JSON_T_STRING, KEEP),
    CODEC_JSON_FIELD(struct codec_connect, version, "version", CODEC_JSON_T_STRING, KEEP),
    CODEC_JSON_FIELD(struct codec_connect, protocol, "protocol", CODEC_JSON_T_INT, KEEP),
    CODEC_JSON_FIELD(struct codec_connect, account, "account", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_connect, new_account, "new_account", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_connect, headers, "headers", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_connect, no_responders, "no_responders", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD_OBJECT(struct codec_connect, may_import, has_import, "import", OMIT,
                            &codec_permission_table),
    CODEC_JSON_FIELD_OBJECT(struct codec_connect, may_export, has_export, "export", OMIT,
                            &codec_permission_table),
    CODEC_JSON_FIELD(struct codec_connect, remote_account, "remote_account", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_connect, proxy_sig, "proxy_sig", CODEC_JSON_T_STRING, OMIT),
};
const struct codec_json_table codec_connect_table =
    CODEC_JSON_TABLE("server.ClientOpts", struct codec_connect, connect_fields);

void codec_connect_defaults(struct codec_connect *c)
{
    *c = (struct codec_connect){.verbose = true, .pedantic = true, .echo = true};
}

bool codec_connect_read(struct codec_connect *c, slice json, struct codec_arena *arena,
                        struct codec_json_error *error)
{
    return read_json(&codec_connect_table, c, json, arena, error);
}

void codec_connect_write(struct codec_out *out, const struct codec_connect *c)
{
    write_line(out, &codec_connect_table, c);
}

bool codec_connect_copy(struct codec_connect *to, const struct codec_connect *from, struct codec_arena *arena)
{
    return codec_json_copy(&codec_connect_table, to, from, arena);
}

/* --------------------------------------------------------------------------- routes and gateways */

static const struct codec_json_field route_fields[] = {
    CODEC_JSON_FIELD(struct codec_route_connect, echo, "echo", CODEC_JSON_T_BOOL, KEEP),
    CODEC_JSON_FIELD(struct codec_route_connect, verbose, "verbose", CODEC_JSON_T_BOOL, KEEP),
    CODEC_JSON_FIELD(struct codec_route_connect, pedantic, "pedantic", CODEC_JSON_T_BOOL, KEEP),
    CODEC_JSON_FIELD(struct codec_route_connect, user, "user", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_route_connect, pass, "pass", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_route_connect, tls_required, "tls_required", CODEC_JSON_T_BOOL, KEEP),
    CODEC_JSON_FIELD(struct codec_route_connect, headers, "headers", CODEC_JSON_T_BOOL, KEEP),
    CODEC_JSON_FIELD(struct codec_route_connect, name, "name", CODEC_JSON_T_STRING, KEEP),
    CODEC_JSON_FIELD(struct codec_route_connect, cluster, "cluster", CODEC_JSON_T_STRING, KEEP),
    CODEC_JSON_FIELD(struct codec_route_connect, cluster_dynamic, "cluster_dynamic", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_route_connect, lnoc, "lnoc", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_route_connect, lnocu, "lnocu", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_route_connect, ln, "ln", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_route_connect, gateway, "gateway", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_route_connect, lang, "lang", CODEC_JSON_T_STRING, CODEC_JSON_READ_ONLY),
};
const struct codec_json_table codec_route_connect_table =
    CODEC_JSON_TABLE("server.connectInfo", struct codec_route_connect, route_fields);

bool codec_route_connect_read(struct codec_route_connect *c, slice json, struct codec_arena *arena,
                              struct codec_json_error *error)
{
    return read_json(&codec_route_connect_table, c, json, arena, error);
}

void codec_route_connect_write(struct codec_out *out, const struct codec_route_connect *c)
{
    write_line(out, &codec_route_connect_table, c);
}

/* ------------------------------------------------------------------------------------ leaf nodes */

static const struct codec_json_field leaf_fields[] = {
    CODEC_JSON_FIELD(struct codec_leaf_connect, version, "version", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, nkey, "nkey", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, jwt, "jwt", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, sig, "sig", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, user, "user", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, pass, "pass", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, auth_token, "auth_token", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, server_id, "server_id", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, domain, "domain", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, name, "name", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, is_hub, "is_hub", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, cluster, "cluster", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, headers, "headers", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, jetstream, "jetstream", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, deny_pub, "deny_pub", CODEC_JSON_T_STRINGS, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, isolate, "isolate", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, compress_mode, "compress_mode", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, gateway, "gateway", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, remote_account, "remote_account", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, protocol, "protocol", CODEC_JSON_T_INT, OMIT),
    CODEC_JSON_FIELD(struct codec_leaf_connect, lang, "lang", CODEC_JSON_T_STRING, CODEC_JSON_READ_ONLY),
};
const struct codec_json_table codec_leaf_connect_table =
    CODEC_JSON_TABLE("server.leafConnectInfo", struct codec_leaf_connect, leaf_fields);

bool codec_leaf_connect_read(struct codec_leaf_connect *c, slice json, struct codec_arena *arena,
                             struct codec_json_error *error)
{
    return read_json(&codec_leaf_connect_table, c, json, arena, error);
}

void codec_leaf_connect_write(struct codec_out *out, const struct codec_leaf_connect *c)
{
    write_line(out, &codec_leaf_connect_table, c);
}
