/* config.h: what of a stream's configuration (its meta.inf document) the store has to know. */
#ifndef STORE_TOOL_CONFIG_H
#define STORE_TOOL_CONFIG_H

#include "store/file_store.h"

#include <midge/json.h>

struct stream_config {
    slice name;
    slice retention;
    slice discard;
    slice storage;
    slice compression;
    struct codec_json_strings subjects;
    int64_t max_msgs;
    int64_t max_bytes;
    int64_t max_age;
    int64_t max_per_subject;
    int64_t max_msg_size;
    int64_t marker_ttl;
    uint64_t first_seq;
    bool allow_ttl;
    bool allow_schedules;
    bool new_per_subject;
    void *room; /* what the slices point into */
};

/* The document; `why` says what is wrong with one that cannot be read. config_free in any case. */
bool config_read(slice json, struct stream_config *, char why[CODEC_JSON_ERROR_MAX]);
void config_free(struct stream_config *);

/* Options for opening the stream as a server would; host, dir, hooks, keys and now are the caller's. The
 * strings stay the configuration's. */
struct file_store_options config_options(const struct stream_config *, bool encrypted);

#endif
