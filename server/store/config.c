#include "server/store/config.h"

#include <midge/subject.h>
#include <stdio.h>
#include <stdlib.h>

#define T struct stream_config
static const struct codec_json_field rows[] = {
    CODEC_JSON_FIELD(T, name, "name", CODEC_JSON_T_STRING, 0),
    CODEC_JSON_FIELD(T, subjects, "subjects", CODEC_JSON_T_STRINGS, 0),
    CODEC_JSON_FIELD(T, retention, "retention", CODEC_JSON_T_STRING, 0),
    CODEC_JSON_FIELD(T, max_msgs, "max_msgs", CODEC_JSON_T_INT, 0),
    CODEC_JSON_FIELD(T, max_bytes, "max_bytes", CODEC_JSON_T_INT, 0),
    CODEC_JSON_FIELD(T, max_age, "max_age", CODEC_JSON_T_INT, 0),
    CODEC_JSON_FIELD(T, max_per_subject, "max_msgs_per_subject", CODEC_JSON_T_INT, 0),
    CODEC_JSON_FIELD(T, max_msg_size, "max_msg_size", CODEC_JSON_T_INT, 0),
    CODEC_JSON_FIELD(T, discard, "discard", CODEC_JSON_T_STRING, 0),
    CODEC_JSON_FIELD(T, storage, "storage", CODEC_JSON_T_STRING, 0),
    CODEC_JSON_FIELD(T, compression, "compression", CODEC_JSON_T_STRING, 0),
    CODEC_JSON_FIELD(T, first_seq, "first_seq", CODEC_JSON_T_UINT, 0),
    CODEC_JSON_FIELD(T, new_per_subject, "discard_new_per_subject", CODEC_JSON_T_BOOL, 0),
    CODEC_JSON_FIELD(T, allow_ttl, "allow_msg_ttl", CODEC_JSON_T_BOOL, 0),
    CODEC_JSON_FIELD(T, marker_ttl, "subject_delete_marker_ttl", CODEC_JSON_T_INT, 0),
    CODEC_JSON_FIELD(T, allow_schedules, "allow_msg_schedules", CODEC_JSON_T_BOOL, 0),
};
static const struct codec_json_table table = CODEC_JSON_TABLE("server.FileStreamInfo", T, rows);
#undef T

bool config_read(slice json, struct stream_config *c, char why[CODEC_JSON_ERROR_MAX])
{
    size_t size = json.len * 8 + 4096; /* a subject of one letter takes a slice */
    *c = (struct stream_config){.room = malloc(size)};
    if (c->room == NULL) {
        snprintf(why, CODEC_JSON_ERROR_MAX, "out of memory");
        return false;
    }
    struct codec_arena arena = codec_arena_on(c->room, size);
    struct codec_json_options o = {.arena = &arena};
    struct codec_json_error e;
    if (!codec_json_read(&table, c, json, &o, &e)) {
        codec_json_error_text(&e, json, why);
        return false;
    }
    if (c->name.len == 0)
        snprintf(why, CODEC_JSON_ERROR_MAX, "it has no name");
    return c->name.len > 0;
}

void config_free(struct stream_config *c)
{
    free(c->room);
    *c = (struct stream_config){0};
}

static size_t longest_literal(const struct stream_config *c)
{
    size_t longest = 0;
    for (size_t i = 0; i < c->subjects.count; i++) {
        slice s = c->subjects.items[i];
        bool wild = memchr(slice_ptr(s), '*', s.len) != NULL || memchr(slice_ptr(s), '>', s.len) != NULL;
        longest = !wild && s.len > longest ? s.len : longest;
    }
    return longest;
}

static bool is_word(slice s, const char *word)
{
    return s.len == strlen(word) && strncasecmp((const char *)slice_ptr(s), word, s.len) == 0;
}

struct file_store_options config_options(const struct stream_config *c, bool encrypted)
{
    struct file_store_options o = {
        .name = c->name,
        .limits = {.max_msgs = c->max_msgs,
                   .max_bytes = c->max_bytes,
                   .max_age_ns = c->max_age,
                   .max_per_subject = c->max_per_subject,
                   .discard = is_word(c->discard, "new") ? STORE_DISCARD_NEW : STORE_DISCARD_OLD,
                   .discard_new_per_subject = c->new_per_subject,
                   .allow_ttl = c->allow_ttl,
                   .marker_ttl_ns = c->marker_ttl},
        .first_seq = c->first_seq,
        .compress = is_word(c->compression, "s2"),
        .track_subjects = true,
        .allow_schedules = c->allow_schedules};
    struct file_store_sizing z = {.max_bytes = c->max_bytes,
                                  .max_msgs = c->max_msgs,
                                  .max_per_subject = c->max_per_subject,
                                  .max_payload = c->max_msg_size,
                                  .longest_literal = longest_literal(c),
                                  .encrypted = encrypted,
                                  .limits_retention = is_word(c->retention, "limits")};
    o.block_size = file_store_block_size(&z);
    return o;
}
