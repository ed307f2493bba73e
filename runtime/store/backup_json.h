/* backup_json.h: the JSON documents inside a backup. For backup*.c. */
#ifndef STORE_BACKUP_JSON_H
#define STORE_BACKUP_JSON_H

#include "store/backup.h"

/* Append the document of a stream's state, of a consumer. out->failed without memory. */
void backup_put_state(struct byte_buf *out, const struct store_state *, size_t consumers);
void backup_put_consumer(struct byte_buf *out, const struct backup_consumer *, uint64_t last);

/* Read them. false: malformed, or no memory. */
bool backup_get_state(slice json, struct store_state *);
/* *config is the text of the configuration, in `json`; `state` must be empty and is the caller's to free. */
bool backup_get_consumer(slice json, slice *config, struct consumer_state *state);

/* The meta.inf document of a consumer made at `now`. */
void backup_put_consumer_meta(struct byte_buf *out, slice name, slice config, int64_t now);
/* The configuration alone: the document without its members Created and Name. */
void backup_put_consumer_config(struct byte_buf *out, slice meta);

#endif
