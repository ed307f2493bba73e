/* options_read.h: how the setters of options_*.c read a configuration tree. Private to them.
 *
 * A block of the file is described by a table: a row for each key that Go knows, with the kind of its value
 * and where it goes, or a setter of its own, or "later" for what this server cannot do yet (it is refused by
 * name).
 *
 * Go converts types by assertions that panic; a recovered panic ends the block at work. So readers return
 * false after such an error and the block stops, while all other errors are collected and the block goes on.
 */
#ifndef SERVER_OPTIONS_READ_H
#define SERVER_OPTIONS_READ_H

#include "base/arena.h"
#include "base/config_tree.h"
#include "server/options.h"
#include "server/options_report.h"

struct opt_reader {
    struct options *o;
    struct arena *arena; /* of the options */
    const struct cfg_source *src;
    struct options_report *report;
    struct opt_names *names; /* seen so far (options_users.c) */
    size_t user_room, account_room;
};

/* For "%.*s". */
#define OPT_S(s) (int)(s).len, (const char *)(s).ptr

/* ---- messages: `at` is the value that they are about, NULL for none ---- */

__attribute__((format(printf, 3, 4))) void opt_error(struct opt_reader *r, const struct cfg_value *at,
                                                     const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void opt_warning(struct opt_reader *r, const struct cfg_value *at,
                                                       const char *fmt, ...);
/* `invalid use of field "FIELD": TEXT` */
__attribute__((format(printf, 4, 5))) void opt_misuse(struct opt_reader *r, const struct cfg_value *at,
                                                      const char *field, const char *fmt, ...);
/* Go's %q and %v of a value, in the arena. Maps and lists show as "map[...]" and "[...]", for Go prints the
 * addresses of their elements. */
const char *opt_quote(struct opt_reader *r, slice s);
const char *opt_show(struct opt_reader *r, const struct cfg_value *v);

/* ---- typed values: false after the conversion error was reported ---- */

bool opt_string(struct opt_reader *r, const struct cfg_value *v, slice *out);
bool opt_bool(struct opt_reader *r, const struct cfg_value *v, bool *out);
bool opt_integer(struct opt_reader *r, const struct cfg_value *v, int64_t *out);
bool opt_map(struct opt_reader *r, const struct cfg_value *v, const struct cfg_map **out);
bool opt_list(struct opt_reader *r, const struct cfg_value *v, const struct cfg_list **out);

/* A duration string, or seconds as an integer (with a warning that names `field`). */
bool opt_duration(struct opt_reader *r, const struct cfg_value *v, const char *field, int64_t *ns);
/* Go's text for a bad duration, after "BEFORE": NULL when `text` is one. */
const char *opt_duration_error(struct opt_reader *r, slice text, int64_t *ns);
/* Seconds as a number or as a duration string. What is wrong: NULL (fine), or a text that follows "'timeout'
 * ". */
const char *opt_seconds(struct opt_reader *r, const struct cfg_value *v, double *out);

/* A port number as options keep it: what no int holds becomes the nearest one. */
int opt_port(int64_t n);

/* ---- blocks ---- */

enum opt_kind {
    OPT_STRING,   /* slice */
    OPT_BOOL,     /* bool */
    OPT_INTEGER,  /* int64_t */
    OPT_DURATION, /* int64_t, nanoseconds */
    OPT_CUSTOM,   /* set */
    OPT_LATER,    /* known to Go, refused here */
};

/* `into` is what the block's table describes. false: the block ends. */
typedef bool (*opt_setter)(struct opt_reader *r, void *into, const struct cfg_entry *e);

struct opt_key {
    const char *name; /* in small letters */
    enum opt_kind kind;
    size_t offset; /* of the member in `into` */
    opt_setter set;
};

#define OPT_KEY(name, kind, type, member)         \
    {                                             \
        (name), (kind), offsetof(type, member), 0 \
    }
#define OPT_KEY_SET(name, fn)       \
    {                               \
        (name), OPT_CUSTOM, 0, (fn) \
    }
#define OPT_KEY_LATER(name)        \
    {                              \
        (name), OPT_LATER, 0, NULL \
    }

struct opt_block {
    const struct opt_key *keys;
    size_t count;
    const char *unknown_before; /* an unknown key NAME reports: unknown_before "NAME" unknown_after */
    const char *unknown_after;
    bool unknown_if_used; /* also when a variable named it */
    bool unknown_ends;    /* the block ends there */
};

/* Reads all entries of a map. *last (may be NULL) gets the value read last. false: a conversion ended it. */
bool opt_read_block(struct opt_reader *r, const struct opt_block *block, void *into,
                    const struct cfg_map *map, const struct cfg_value **last);

/* The lower-case form of a key (ASCII), in the arena. */
slice opt_lower(struct opt_reader *r, slice s);

/* "sha256:" and the hex of SHA-256 over the tree as JSON with a line end; empty when out of memory. */
slice opt_digest(const struct cfg_value *root, struct arena *arena);

/* ---- the blocks ---- */

/* The whole file. */
void opt_read_server(struct opt_reader *r, const struct cfg_map *root);
/* tls: NULL after an error. */
const struct opt_tls *opt_read_tls(struct opt_reader *r, const struct cfg_value *v);
/* Certificates and keys load and match, the CA file has certificates: NULL, or Go's text. Sets tls->content.
 */
const char *opt_check_tls_files(struct opt_reader *r, struct opt_tls *tls, bool from_list);
bool opt_read_authorization(struct opt_reader *r, void *into, const struct cfg_entry *e);
bool opt_read_accounts(struct opt_reader *r, void *into, const struct cfg_entry *e);

/* Names seen in the whole file, by kind. false: it was there before (or there is no memory, which the arena
 * remembers). The text must live as long as the options. */
enum opt_name_kind { OPT_NAME_USER, OPT_NAME_NKEY, OPT_NAME_ACCOUNT };
bool opt_name_add(struct opt_reader *r, enum opt_name_kind kind, slice text);

/* users lists (options_users.c) and permissions (options_permissions.c) */
struct opt_users {
    struct user_config *items;
    size_t count;
    bool present; /* the list stands in the file, even when it is empty */
};
/* What is wrong with the list itself is reported without a place when !position, as Go does in accounts. */
void opt_read_users(struct opt_reader *r, const struct cfg_value *v, struct opt_users *out, bool position);
struct permissions_config *opt_read_permissions(struct opt_reader *r, const struct cfg_value *v);
/* Adds users to the options with the account's name and default permissions; duplicates are errors at `at`.
 */
void opt_add_users(struct opt_reader *r, const struct opt_users *users, slice account,
                   const struct permissions_config *defaults, const struct cfg_value *at);

#endif
