/* settings.h: from options (what the operator wrote) to what the layers below take: client settings,
 * accounts, TLS.
 *
 * Each conversion makes something new and complete or fails with a sentence; nothing running is touched. */
#ifndef SERVER_SETTINGS_H
#define SERVER_SETTINGS_H

#include "client/host.h"
#include "server/identity.h"
#include "server/options.h"

#define SETTINGS_ERROR_MAX 512

/* What does not come from options. */
struct settings_context {
    const struct server_identity *identity;
    int port; /* really bound */
};

/* Settings that point into the options and own them from here on, also on failure (they are freed then). */
struct client_settings *settings_new(struct options *o, const struct settings_context *ctx,
                                     char err[SETTINGS_ERROR_MAX]);
void settings_free(struct client_settings *s);
/* Free them when no loop can see them any more. */
void settings_retire(struct client_settings *s, struct epoch_reader *r);
static inline const struct options *settings_options(const struct client_settings *s)
{
    return s->owner;
}

/* The table of accounts and users; `old` as in accounts_new. */
struct accounts *settings_accounts(const struct options *o, struct client_host *h, unsigned slots,
                                   uint64_t *last_id, struct accounts *old, struct epoch_reader *r,
                                   char err[SETTINGS_ERROR_MAX]);

#endif
