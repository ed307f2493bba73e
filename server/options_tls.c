/* tls { ... }. The first error ends the block, as in Go. */
#include "base/float_text.h"
#include "server/options_read.h"
#include "server/tls_names.h"

/* The block at work. */
struct tls_block {
    struct opt_tls tls;
    slice cert_file, key_file;
    bool list; /* certs stands in the file */
    bool allow_insecure;
    slice insecure; /* names, joined */
};

#define IN_TLS "error parsing tls config, "

/* ---- files and switches -----------------------------------------------------------------------------------
 */

static bool read_file_name(struct opt_reader *r, const struct cfg_entry *e, const char *name, slice *out)
{
    if (e->value->type != CFG_STRING) {
        opt_error(r, e->value, IN_TLS "expected '%s' to be filename", name);
        return false;
    }
    *out = arena_copy(r->arena, e->value->string);
    return true;
}

static bool set_cert_file(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    return read_file_name(r, e, "cert_file", &((struct tls_block *)into)->cert_file);
}

static bool set_key_file(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    return read_file_name(r, e, "key_file", &((struct tls_block *)into)->key_file);
}

static bool set_ca_file(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    return read_file_name(r, e, "ca_file", &((struct tls_block *)into)->tls.ca_file);
}

static bool read_switch(struct opt_reader *r, const struct cfg_entry *e, const char *name, bool *out)
{
    if (e->value->type != CFG_BOOL) {
        opt_error(r, e->value, IN_TLS "expected '%s' to be a boolean", name);
        return false;
    }
    *out = e->value->boolean;
    return true;
}

static bool set_verify(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    return read_switch(r, e, "verify", &((struct tls_block *)into)->tls.verify);
}

static bool set_verify_and_map(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    struct opt_tls *tls = &((struct tls_block *)into)->tls;
    if (!read_switch(r, e, "verify_and_map", &tls->verify_and_map))
        return false;
    tls->verify = tls->verify || tls->verify_and_map;
    return true;
}

static bool set_known_urls(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    bool on;
    (void)into;
    if (read_switch(r, e, "verify_cert_and_check_known_urls", &on))
        opt_error(r, e->value, "verify_cert_and_check_known_urls not supported in this context");
    return false;
}

static bool set_insecure(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    return read_switch(r, e, "insecure", &((struct tls_block *)into)->tls.insecure);
}

static bool set_allow_insecure(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    return read_switch(r, e, "allow_insecure_cipher_suites", &((struct tls_block *)into)->allow_insecure);
}

static bool read_pair_file(struct opt_reader *r, const struct cfg_entry *e, slice *out)
{
    if (e->value->type != CFG_STRING) {
        opt_error(r, e->value, "error parsing certificates config: unsupported type %s",
                  cfg_type_name(e->value->type));
        return false;
    }
    *out = arena_copy(r->arena, e->value->string);
    return true;
}

/* One of certs; its keys are read with case. */
static bool read_pair(struct opt_reader *r, const struct cfg_value *v, struct opt_tls_cert *out)
{
    if (v->type != CFG_MAP) {
        opt_error(r, v, "error parsing certificates config: unsupported type %s", cfg_type_name(v->type));
        return false;
    }
    const struct cfg_value *last = v;
    for (const struct cfg_entry *e = v->map->first; e != NULL; e = e->next) {
        last = e->value;
        if (slice_eq_str(e->key, "cert_file")) {
            if (!read_pair_file(r, e, &out->cert_file))
                return false;
        } else if (slice_eq_str(e->key, "key_file")) {
            if (!read_pair_file(r, e, &out->key_file))
                return false;
        } else {
            opt_error(r, e->value, "error parsing tls certs config, unknown field %s", opt_quote(r, e->key));
            return false;
        }
    }
    if (out->cert_file.len == 0 || out->key_file.len == 0) {
        opt_error(r, last,
                  "error parsing certificates config: both 'cert_file' and 'cert_key' options are required");
        return false;
    }
    return true;
}

static bool set_certs(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    struct tls_block *b = into;
    if (e->value->type != CFG_LIST) {
        /* Go names the type of the whole block here */
        opt_error(r, e->value, "error parsing certificates config: unsupported type %s",
                  cfg_type_name(CFG_MAP));
        return false;
    }
    const struct cfg_list *list = e->value->list;
    b->tls.certs = arena_array(r->arena, list->count, sizeof *b->tls.certs);
    b->tls.cert_count = b->tls.certs == NULL ? 0 : list->count;
    b->list = true;
    for (size_t i = 0; i < b->tls.cert_count; i++)
        if (!read_pair(r, list->items[i], &b->tls.certs[i]))
            return false;
    return true;
}

/* ---- suites and curves ------------------------------------------------------------------------------------
 */

static void join(struct opt_reader *r, slice *to, const char *separator, const char *name)
{
    *to = arena_printf(r->arena, "%.*s%s%s", OPT_S(*to), to->len == 0 ? "" : separator, name);
}

/* The strings of a list that must not be empty. */
static bool read_names(struct opt_reader *r, const struct cfg_entry *e, const char *name,
                       const struct cfg_list **out)
{
    if (!opt_list(r, e->value, out))
        return false;
    if ((*out)->count == 0) {
        opt_error(r, e->value, IN_TLS "'%s' cannot be empty", name);
        return false;
    }
    return true;
}

static bool set_cipher_suites(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    struct tls_block *b = into;
    const struct cfg_list *list;
    if (!read_names(r, e, "cipher_suites", &list))
        return false;
    for (size_t i = 0; i < list->count; i++) {
        slice name;
        if (!opt_string(r, list->items[i], &name))
            return false;
        const struct tls_name *suite = tls_suite_find(name);
        if (suite == NULL) {
            opt_error(r, list->items[i], "unrecognized cipher %.*s", OPT_S(name));
            return false;
        }
        if (suite->kind == TLS_SUITE_INSECURE)
            join(r, &b->insecure, ", ", suite->go);
        if (suite->openssl != NULL && suite->kind != TLS_SUITE_13)
            join(r, &b->tls.ciphers, ":", suite->openssl);
    }
    return true;
}

static bool set_curves(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    struct tls_block *b = into;
    const struct cfg_list *list;
    if (!read_names(r, e, "curve_preferences", &list))
        return false;
    for (size_t i = 0; i < list->count; i++) {
        slice name;
        if (!opt_string(r, list->items[i], &name))
            return false;
        const struct tls_name *curve = tls_curve_find(name);
        if (curve == NULL) {
            opt_error(r, list->items[i], "unrecognized curve preference %.*s", OPT_S(name));
            return false;
        }
        if (curve->openssl != NULL)
            join(r, &b->tls.curves, ":", curve->openssl);
    }
    if (b->tls.curves.len == 0) {
        opt_error(r, e->value, "curve_preferences: none of the curves is supported by midge");
        return false;
    }
    return true;
}

/* ---- values -----------------------------------------------------------------------------------------------
 */

static bool set_timeout(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    const char *error = opt_seconds(r, e->value, &((struct tls_block *)into)->tls.timeout_s);
    if (error != NULL)
        opt_error(r, e->value, IN_TLS "'timeout' %s", error);
    return error == NULL;
}

static bool set_rate_limit(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    if (e->value->type != CFG_INTEGER) {
        opt_error(r, e->value, IN_TLS "'connection_rate_limit' wrong type");
        return false;
    }
    ((struct tls_block *)into)->tls.rate_limit = e->value->integer;
    return true;
}

static bool is_pin(slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
            return false;
    return s.len == 64;
}

static bool set_pinned(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    static const char what[] = "hex-encoded sha256 of DER encoded SubjectPublicKeyInfo";
    struct opt_list *pinned = &((struct tls_block *)into)->tls.pinned;
    if (e->value->type != CFG_LIST) {
        opt_error(r, e->value, IN_TLS "expected 'pinned_certs' to be a list of %s", what);
        return false;
    }
    const struct cfg_list *list = e->value->list;
    pinned->items = arena_array(r->arena, list->count, sizeof *pinned->items);
    for (size_t i = 0; i < list->count && pinned->items != NULL; i++) {
        slice key;
        if (!opt_string(r, list->items[i], &key))
            return false;
        key = opt_lower(r, key);
        if (!is_pin(key)) {
            opt_error(r, list->items[i], IN_TLS "'pinned_certs' key %.*s does not look like %s", OPT_S(key),
                      what);
            return false;
        }
        pinned->items[pinned->count++] = key;
    }
    return true;
}

static bool set_min_version(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    struct opt_tls *tls = &((struct tls_block *)into)->tls;
    const struct cfg_value *v = e->value;
    slice s = v->type == CFG_STRING ? v->string : SLICE_EMPTY;
    if (v->type != CFG_STRING)
        opt_error(r, v, "error parsing tls config: 'min_version' wrong type: %s", opt_show(r, v));
    else if (slice_eq_str(s, "1.2"))
        tls->min_version = 0x0303;
    else if (slice_eq_str(s, "1.3"))
        tls->min_version = 0x0304;
    else if (slice_eq_str(s, "1.0") || slice_eq_str(s, "1.1"))
        opt_error(r, v, "error parsing tls config: unsupported TLS version: TLS %.*s", OPT_S(s));
    else
        opt_error(r, v, "error parsing tls config: unknown version: %.*s", OPT_S(s));
    return tls->min_version != 0;
}

static bool set_first(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    struct opt_tls *tls = &((struct tls_block *)into)->tls;
    const struct cfg_value *v = e->value;
    if (v->type != CFG_BOOL && v->type != CFG_STRING) {
        opt_error(r, v, "field %s should be a boolean or a string, got %s", opt_quote(r, e->key),
                  cfg_type_name(v->type));
        return false;
    }
    slice s = v->type == CFG_STRING ? opt_lower(r, v->string) : SLICE_EMPTY;
    bool on = v->type == CFG_BOOL ? v->boolean : slice_eq_str(s, "true") || slice_eq_str(s, "on");
    bool off = v->type == CFG_BOOL ? !v->boolean : slice_eq_str(s, "false") || slice_eq_str(s, "off");
    tls->first = on ? OPT_TLS_FIRST_ON : off ? OPT_TLS_FIRST_OFF : OPT_TLS_FIRST_AUTO;
    tls->first_delay_ns = 0;
    if (slice_eq_str(s, "auto") || slice_eq_str(s, "auto_fallback")) {
        tls->first_delay_ns = INT64_C(50000000);
    } else if (!on && !off && opt_duration_error(r, v->string, &tls->first_delay_ns) != NULL) {
        opt_error(r, v, "field %s's value %s is invalid", opt_quote(r, e->key), opt_quote(r, v->string));
        return false;
    }
    return true;
}

/* ---- the block --------------------------------------------------------------------------------------------
 */

static const struct opt_key keys[] = {
    OPT_KEY_SET("cert_file", set_cert_file),
    OPT_KEY_SET("key_file", set_key_file),
    OPT_KEY_SET("ca_file", set_ca_file),
    OPT_KEY_SET("certs", set_certs),
    OPT_KEY_SET("certificates", set_certs),
    OPT_KEY_SET("verify", set_verify),
    OPT_KEY_SET("verify_and_map", set_verify_and_map),
    OPT_KEY_SET("verify_cert_and_check_known_urls", set_known_urls),
    OPT_KEY_SET("insecure", set_insecure),
    OPT_KEY_SET("cipher_suites", set_cipher_suites),
    OPT_KEY_SET("curve_preferences", set_curves),
    OPT_KEY_SET("allow_insecure_cipher_suites", set_allow_insecure),
    OPT_KEY_SET("timeout", set_timeout),
    OPT_KEY_SET("connection_rate_limit", set_rate_limit),
    OPT_KEY_SET("pinned_certs", set_pinned),
    OPT_KEY_SET("min_version", set_min_version),
    OPT_KEY_SET("handshake_first", set_first),
    OPT_KEY_SET("first", set_first),
    OPT_KEY_SET("immediate", set_first),
    OPT_KEY_LATER("ocsp_peer"),
    OPT_KEY_LATER("cert_store"),
    OPT_KEY_LATER("cert_match_by"),
    OPT_KEY_LATER("cert_match"),
    OPT_KEY_LATER("ca_certs_match"),
    OPT_KEY_LATER("cert_match_skip_invalid"),
};
static const struct opt_block tls_block = {.keys = keys,
                                           .count = sizeof keys / sizeof keys[0],
                                           .unknown_before = IN_TLS "unknown field ",
                                           .unknown_after = "",
                                           .unknown_if_used = true,
                                           .unknown_ends = true};

/* cert_file and key_file become the one certificate. What is wrong with them, or NULL. */
static const char *take_pair(struct opt_reader *r, struct tls_block *b)
{
    if (b->cert_file.len > 0 && b->list)
        return IN_TLS "cannot combine 'cert_file' option with 'certs' option";
    if (b->cert_file.len > 0 && b->key_file.len == 0)
        return "missing 'key_file' in TLS configuration";
    if (b->key_file.len > 0 && b->cert_file.len == 0 && !b->list)
        return "missing 'cert_file' in TLS configuration";
    if (b->cert_file.len == 0)
        return NULL;
    b->tls.certs = arena_alloc(r->arena, sizeof *b->tls.certs);
    if (b->tls.certs == NULL)
        return "out of memory";
    b->tls.certs[0] = (struct opt_tls_cert){b->cert_file, b->key_file};
    b->tls.cert_count = 1;
    return NULL;
}

const struct opt_tls *opt_read_tls(struct opt_reader *r, const struct cfg_value *v)
{
    const struct cfg_map *map;
    struct tls_block b = {.allow_insecure = false};
    size_t errors = r->report->errors.count;
    if (!opt_map(r, v, &map) || !opt_read_block(r, &tls_block, &b, map, NULL) ||
        r->report->errors.count > errors)
        return NULL;
    if (b.insecure.len > 0 && !b.allow_insecure) {
        opt_error(r, v,
                  "insecure cipher suites configured without 'allow_insecure_cipher_suites' option set: %.*s",
                  OPT_S(b.insecure));
        return NULL;
    }
    const char *error = take_pair(r, &b);
    if (error == NULL)
        error = opt_check_tls_files(r, &b.tls, b.list);
    if (error != NULL) {
        opt_error(r, v, "%s", error);
        return NULL;
    }
    struct opt_tls *tls = arena_alloc(r->arena, sizeof *tls);
    if (tls != NULL)
        *tls = b.tls;
    return tls;
}
