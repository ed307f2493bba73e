#include "server/options.h"
#include "base/arena.h"
#include "base/config_tree.h"
#include "server/flags.h"
#include "server/options_read.h"
#include "server/options_report.h"
#include <midge/memory.h>
#include <openssl/evp.h>
#include <limits.h>
#include <stdlib.h>

#define SECONDS(n) ((n)*INT64_C(1000000000))

/* ---- the digest -------------------------------------------------------------------------------------------
 */

static bool grow(struct codec_out *out, size_t need)
{
    size_t cap = out->cap == 0 ? 4096 : out->cap;
    while (cap < need)
        cap *= 2;
    void *p = realloc(out->ptr, cap);
    if (p == NULL)
        return false;
    out->ptr = p;
    out->cap = cap;
    return true;
}

slice opt_digest(const struct cfg_value *root, struct arena *arena)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct codec_out out = {.grow = grow};
    bool ok = cfg_write_json(root, &out);
    codec_out_byte(&out, '\n');
    ok = ok && codec_out_ok(&out) && EVP_Digest(out.ptr, out.len, hash, &len, EVP_sha256(), NULL) == 1;
    free(out.ptr);
    char text[7 + 64 + 1] = "sha256:";
    for (unsigned i = 0; i < len && i < 32; i++) {
        text[7 + 2 * i] = hex[hash[i] >> 4];
        text[8 + 2 * i] = hex[hash[i] & 15];
    }
    return ok ? arena_copy(arena, slice_make(text, 71)) : SLICE_EMPTY;
}

/* ---- the file ---------------------------------------------------------------------------------------------
 */

static bool read_config(struct opt_reader *r, const char *path)
{
    struct arena *tree = arena_new(0);
    slice error = SLICE_LIT("out of memory");
    struct cfg_value *root = tree == NULL ? NULL : cfg_parse_file(r->src, path, tree, &error);
    if (root == NULL) {
        r->report->bare = true;
        options_report_add(r->report, &r->report->errors, error);
    } else {
        r->o->config_file = arena_copy(r->arena, slice_str(path));
        r->o->digest = opt_digest(root, r->arena);
        if (root->map->count == 0)
            opt_warning(r, NULL, "%s: config has no values or is empty", path);
        opt_read_server(r, root->map);
        if (r->o->digest.len == 0)
            opt_error(r, NULL, "out of memory");
    }
    arena_free(tree);
    return root != NULL && r->report->errors.count == 0;
}

/* ---- TLS flags --------------------------------------------------------------------------------------------
 */

/* -tls=false takes the file's TLS away; any other TLS flag replaces it as a whole. */
static bool apply_tls_flags(struct opt_reader *r, const struct flags *f)
{
    const struct flag_value *v = f->values;
    bool any = v[FLAG_TLS].set || v[FLAG_TLS_VERIFY].set || v[FLAG_TLS_CERT].set || v[FLAG_TLS_KEY].set ||
               v[FLAG_TLS_CA_CERT].set;
    if (!any)
        return true;
    if (v[FLAG_TLS].set && !v[FLAG_TLS].on) {
        r->o->tls = NULL;
        return true;
    }
    struct opt_tls *tls = arena_alloc(r->arena, sizeof *tls);
    struct opt_tls_cert *cert = arena_alloc(r->arena, sizeof *cert);
    if (tls == NULL || cert == NULL)
        return false;
    *cert = (struct opt_tls_cert){arena_copy(r->arena, v[FLAG_TLS_CERT].text),
                                  arena_copy(r->arena, v[FLAG_TLS_KEY].text)};
    tls->certs = cert;
    tls->cert_count = 1;
    tls->ca_file = arena_copy(r->arena, v[FLAG_TLS_CA_CERT].text);
    tls->verify = v[FLAG_TLS_VERIFY].on;
    tls->timeout_s = r->o->tls == NULL ? 0 : r->o->tls->timeout_s;
    const char *error = NULL;
    if (cert->cert_file.len == 0)
        error = "TLS Server certificate must be present and valid";
    else if (cert->key_file.len == 0)
        error = "TLS Server private key must be present and valid";
    else
        error = opt_check_tls_files(r, tls, false);
    if (error != NULL) {
        r->report->bare = true;
        opt_error(r, NULL, "%s", error);
        return false;
    }
    r->o->tls = tls;
    return true;
}

int opt_port(int64_t n)
{
    return n > INT_MAX ? INT_MAX : n < INT_MIN ? INT_MIN : (int)n;
}

/* ---- defaults ---------------------------------------------------------------------------------------------
 */

static void default_number(int64_t *n, int64_t value)
{
    if (*n == 0)
        *n = value;
}

static void set_tls_defaults(struct opt_reader *r)
{
    if (r->o->tls == NULL)
        return;
    struct opt_tls *tls = arena_alloc(r->arena, sizeof *tls);
    if (tls == NULL)
        return;
    *tls = *r->o->tls;
    if (tls->timeout_s == 0)
        tls->timeout_s = 2;
    if (tls->min_version == 0)
        tls->min_version = 0x0303;
    r->o->tls = tls;
}

static void set_defaults(struct opt_reader *r)
{
    struct options *o = r->o;
    if (o->host.len == 0)
        o->host = arena_copy(r->arena, SLICE_LIT("0.0.0.0"));
    o->port = o->port == 0 ? 4222 : o->port;
    default_number(&o->max_connections, 65536);
    o->max_connections_given = o->max_connections;
    o->max_connections = o->max_connections < 0 ? 0 : o->max_connections;
    default_number(&o->max_pending, INT64_C(64) << 20);
    o->max_control_line = o->max_control_line == 0 ? 4096 : o->max_control_line;
    o->max_payload = o->max_payload == 0 ? 1 << 20 : o->max_payload;
    default_number(&o->ping_interval_ns, SECONDS(120));
    default_number(&o->ping_max, 2);
    default_number(&o->write_deadline_ns, SECONDS(10));
    default_number(&o->lame_duck_duration_ns, SECONDS(120));
    default_number(&o->lame_duck_grace_ns, SECONDS(10));
    set_tls_defaults(r);
    if (o->auth_timeout_s == 0)
        o->auth_timeout_s = o->tls != NULL ? o->tls->timeout_s + 1 : 2;
}

/* ---- all of it --------------------------------------------------------------------------------------------
 */

/* The flags' strings lie in argv: the options keep copies. */
static void own_strings(struct opt_reader *r)
{
    struct options *o = r->o;
    slice *all[] = {&o->host,           &o->server_name, &o->client_advertise, &o->pid_file,
                    &o->ports_file_dir, &o->user,        &o->password,         &o->token,
                    &o->remote_syslog,  &o->log_file};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        *all[i] = arena_copy(r->arena, *all[i]);
}

static bool load(struct opt_reader *r, const struct flags *flags)
{
    slice config = flags->values[FLAG_CONFIG].text;
    if (config.len > 0 && !read_config(r, (const char *)config.ptr))
        return false;
    /* -t looks at the file alone */
    if (!flags->values[FLAG_CHECK].on) {
        flags_apply(flags, r->o);
        if (!apply_tls_flags(r, flags))
            return false;
    }
    own_strings(r);
    set_defaults(r);
    return true;
}

struct options *options_load(const struct flags *flags, const struct cfg_source *src,
                             struct options_report *report)
{
    struct arena *arena = arena_new(0);
    struct options *o = arena == NULL ? NULL : arena_alloc(arena, sizeof *o);
    if (o == NULL) {
        options_report_add(report, &report->errors, SLICE_LIT("out of memory"));
        arena_free(arena);
        return NULL;
    }
    o->arena = arena;
    o->logtime = true;
    struct opt_reader r = {.o = o, .arena = arena, .src = src, .report = report};
    bool ok = load(&r, flags);
    if (ok && (arena_failed(arena) || arena_failed(report->arena))) {
        options_report_add(report, &report->errors, SLICE_LIT("out of memory"));
        ok = false;
    }
    if (ok)
        return o;
    arena_free(arena);
    return NULL;
}

void options_free(struct options *o)
{
    if (o != NULL)
        arena_free(o->arena);
}

/* ---- questions --------------------------------------------------------------------------------------------
 */

bool options_auth_required(const struct options *o)
{
    return o->user_count > 0 || o->user.len > 0 || o->password.len > 0 || o->token.len > 0;
}

/* $2a$, $2b$, $2x$ or $2y$, two digits, $ */
static bool is_bcrypt(slice s)
{
    return s.len >= 7 && s.ptr[0] == '$' && s.ptr[1] == '2' && s.ptr[2] != '\0' &&
           strchr("abxy", s.ptr[2]) != NULL && s.ptr[3] == '$' && s.ptr[4] >= '0' && s.ptr[4] <= '9' &&
           s.ptr[5] >= '0' && s.ptr[5] <= '9' && s.ptr[6] == '$';
}

/* Go looks at the single password and at all users (not those that a certificate names), not at the token. */
bool options_plaintext_passwords(const struct options *o)
{
    if (o->password.len > 0 && !is_bcrypt(o->password))
        return true;
    bool mapped = o->tls != NULL && o->tls->verify_and_map;
    for (size_t i = 0; i < o->user_count; i++) {
        const struct user_config *u = &o->users[i];
        if (u->nkey.len == 0 && !is_bcrypt(u->password) && !(mapped && u->password.len == 0))
            return true;
    }
    return false;
}
