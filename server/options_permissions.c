/* permissions { publish, subscribe, allow_responses } */
#include "server/options_read.h"
#include <midge/subject.h>

/* ---- subjects ---------------------------------------------------------------------------------------------
 */

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next field of *rest, empty at the end. */
static slice next_field(slice *rest)
{
    size_t at = 0;
    while (at < rest->len && is_space(rest->ptr[at]))
        at++;
    size_t end = at;
    while (end < rest->len && !is_space(rest->ptr[end]))
        end++;
    slice field = slice_make(rest->ptr + at, end - at);
    *rest = slice_from(*rest, end);
    return field;
}

/* "subject" or (with queues) "subject queue"; what is wrong is NULL or a text. */
static const char *parse_subject(struct opt_reader *r, slice text, bool queues, struct permission_entry *out)
{
    slice rest = text, subject = next_field(&rest), queue = next_field(&rest);
    if (!queues || next_field(&rest).len > 0 || queue.len == 0) {
        subject = text; /* as a whole, for it is no pair */
        queue = SLICE_EMPTY;
    }
    const char *what = NULL;
    if (!codec_subject_is_valid(subject))
        what = "subject";
    else if (queue.len > 0 && !codec_subject_is_valid(queue))
        what = "queue";
    *out = (struct permission_entry){.subject = arena_copy(r->arena, subject),
                                     .queue = arena_copy(r->arena, queue)};
    if (what == NULL)
        return NULL;
    slice bad = what[0] == 's' ? text : queue;
    slice error = arena_printf(r->report->arena, "%s %s is not a valid %s", what, opt_quote(r, bad), what);
    return error.ptr == NULL ? "out of memory" : (const char *)error.ptr;
}

/* What may be wrong with a subject or a list of them: an element that is no string has a place of its own. */
struct subjects_error {
    const char *text; /* NULL: nothing */
    const struct cfg_value *at;
};

static struct subjects_error read_subjects(struct opt_reader *r, const struct cfg_value *v, bool queues,
                                           struct permission_list *out)
{
    struct cfg_value *single = (struct cfg_value *)(uintptr_t)v, **items = &single;
    size_t count = 1;
    struct subjects_error error = {NULL, NULL};
    if (v->type == CFG_LIST) {
        items = v->list->items;
        count = v->list->count;
    } else if (v->type != CFG_STRING) {
        slice text = arena_printf(
            r->report->arena, "Expected subject permissions to be a subject, or array of subjects, got %s",
            cfg_type_name(v->type));
        error.text = text.ptr == NULL ? "out of memory" : (const char *)text.ptr;
        return error;
    }
    for (size_t i = 0; i < count; i++)
        if (items[i]->type != CFG_STRING)
            return (struct subjects_error){"Subject in permissions array cannot be cast to string", items[i]};
    struct permission_entry *entries = arena_array(r->arena, count, sizeof *entries);
    for (size_t i = 0; i < count && entries != NULL && error.text == NULL; i++)
        error.text = parse_subject(r, items[i]->string, queues, &entries[i]);
    if (error.text == NULL && entries != NULL)
        *out = (struct permission_list){.items = entries, .count = count};
    return error;
}

/* ---- publish, subscribe -----------------------------------------------------------------------------------
 */

/* The map at work. */
struct rules {
    struct permission_rules *to;
    bool queues;
};

static bool set_list(struct opt_reader *r, const struct rules *rules, struct permission_list *list,
                     const struct cfg_entry *e)
{
    struct subjects_error error = read_subjects(r, e->value, rules->queues, list);
    if (error.text != NULL)
        opt_error(r, error.at != NULL ? error.at : e->value, "%s", error.text);
    return true;
}

static bool set_allow(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    const struct rules *rules = into;
    return set_list(r, rules, &rules->to->allow, e);
}

static bool set_deny(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    const struct rules *rules = into;
    return set_list(r, rules, &rules->to->deny, e);
}

static const struct opt_key rule_keys[] = {OPT_KEY_SET("allow", set_allow), OPT_KEY_SET("deny", set_deny)};
static const struct opt_block rule_block = {
    .keys = rule_keys,
    .count = 2,
    .unknown_before = "Unknown field name ",
    .unknown_after = " parsing subject permissions, only 'allow' or 'deny' are permitted"};

/* A map, or in short what is allowed. Errors of the short form have no place, as in Go. */
static bool read_rules(struct opt_reader *r, struct permission_rules *to, bool queues,
                       const struct cfg_entry *e)
{
    struct rules rules = {to, queues};
    *to = (struct permission_rules){.restricted = false};
    if (e->value->type == CFG_MAP)
        return opt_read_block(r, &rule_block, &rules, e->value->map, NULL);
    struct subjects_error error = read_subjects(r, e->value, queues, &to->allow);
    if (error.text != NULL)
        opt_error(r, error.at, "%s", error.text);
    return true;
}

static bool set_publish(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    return read_rules(r, &((struct permissions_config *)into)->publish, false, e);
}

static bool set_subscribe(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    return read_rules(r, &((struct permissions_config *)into)->subscribe, true, e);
}

/* ---- allow_responses --------------------------------------------------------------------------------------
 */

static bool set_expires(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    struct permissions_config *p = into;
    if (e->value->type != CFG_STRING) {
        opt_error(r, e->value, "error parsing expires, not a duration string");
        return true;
    }
    const char *error = opt_duration_error(r, e->value->string, &p->response_ns);
    if (error != NULL)
        opt_error(r, e->value, "error parsing expires: %s", error);
    return true;
}

#define RESPONSE(name) OPT_KEY(name, OPT_INTEGER, struct permissions_config, max_responses)

static const struct opt_key response_keys[] = {
    RESPONSE("max"),
    RESPONSE("max_msgs"),
    RESPONSE("max_messages"),
    RESPONSE("max_responses"),
    OPT_KEY_SET("expires", set_expires),
    OPT_KEY_SET("expiration", set_expires),
    OPT_KEY_SET("ttl", set_expires),
};
static const struct opt_block response_block = {.keys = response_keys,
                                                .count = sizeof response_keys / sizeof response_keys[0],
                                                .unknown_before = "Unknown field ",
                                                .unknown_after = " parsing permissions"};

/* A conversion error inside ends only this map. */
static bool set_responses(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    struct permissions_config *p = into;
    p->max_responses = 0; /* 0 stands for the default in both */
    p->response_ns = 0;
    if (e->value->type == CFG_BOOL) {
        p->responses = e->value->boolean;
    } else if (e->value->type == CFG_MAP) {
        p->responses = opt_read_block(r, &response_block, p, e->value->map, NULL);
    } else {
        opt_error(r, e->value, "error parsing response permissions, expected a boolean or a map");
    }
    return true;
}

/* ---- the block --------------------------------------------------------------------------------------------
 */

static const struct opt_key permission_keys[] = {
    OPT_KEY_SET("publish", set_publish),
    OPT_KEY_SET("pub", set_publish),
    OPT_KEY_SET("import", set_publish),
    OPT_KEY_SET("subscribe", set_subscribe),
    OPT_KEY_SET("sub", set_subscribe),
    OPT_KEY_SET("export", set_subscribe),
    OPT_KEY_SET("allow_responses", set_responses),
    OPT_KEY_SET("publish_allow_responses", set_responses),
};
static const struct opt_block permission_block = {.keys = permission_keys,
                                                  .count = sizeof permission_keys / sizeof permission_keys[0],
                                                  .unknown_before = "Unknown field ",
                                                  .unknown_after = " parsing permissions"};

/* Whoever may answer and has no list of what to publish may publish nothing else. */
struct permissions_config *opt_read_permissions(struct opt_reader *r, const struct cfg_value *v)
{
    if (v->type != CFG_MAP) {
        opt_error(r, v, "Expected permissions to be a map/struct, got %s", opt_show(r, v));
        return NULL;
    }
    struct permissions_config *p = arena_alloc(r->arena, sizeof *p);
    if (p == NULL || !opt_read_block(r, &permission_block, p, v->map, NULL))
        return NULL;
    if (p->responses && p->publish.allow.count == 0)
        p->publish.restricted = true;
    return p;
}
