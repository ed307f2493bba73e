#include "client/client_internal.h"

#include <stdlib.h>

#define INFO_MAX 65536 /* connect_urls of a large cluster fit */

/* 11 random bytes in unpadded URL-safe base64. */
static void make_nonce(struct env *env, char nonce[16])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t raw[12] = {0};
    env_random(env, raw, 11);
    for (size_t i = 0; i < 4; i++) {
        uint32_t v = (uint32_t)raw[3 * i] << 16 | (uint32_t)raw[3 * i + 1] << 8 | raw[3 * i + 2];
        for (size_t k = 0; k < 4; k++)
            nonce[4 * i + k] = digits[v >> (18 - 6 * k) & 63];
    }
    nonce[15] = '\0';
}

void client_make_nonce(struct client *c)
{
    if (accounts_nonce_required(accounts_now(&c->host->accounts)))
        make_nonce(c->host->env, c->nonce);
}

/* What this connection adds to the server's own INFO. */
static void fill(struct client *c, struct codec_info *info, bool after_connect)
{
    const struct client_settings *s = client_settings(c->host);
    const struct accounts *accounts = accounts_now(&c->host->accounts);
    info->client_id = c->cid;
    info->client_ip = slice_str(c->ip);
    info->max_payload = c->max_payload == UINT32_MAX ? -1 : (int32_t)c->max_payload;
    info->auth_required = c->auth_required;
    switch (s->tls_mode) {
    case CLIENT_TLS_OFF:
        break;
    case CLIENT_TLS_REQUIRED:
        info->tls_required = true;
        info->tls_verify = s->tls_verify;
        break;
    case CLIENT_TLS_AVAILABLE:
        info->tls_available = true;
        info->tls_verify = s->tls_verify;
        /* A client that began with TLS is told that TLS it must be. */
        info->tls_required = c->conn.tls != NULL && !after_connect;
        break;
    }
    if (after_connect && !info->ldm) {
        info->connect_info = true;
        info->remote_account = c->account != NULL ? c->account->name : SLICE_EMPTY;
        info->acc_is_sys = c->account != NULL && c->account->system;
    }
    if (!after_connect) {
        info->nonce = slice_str(c->nonce);
        info->auth_required = accounts_info_auth_required(accounts);
    }
}

void client_send_info(struct client *c, bool after_connect, bool lame_duck)
{
    struct codec_info info = client_settings(c->host)->info;
    uint8_t *buf = malloc(INFO_MAX);
    if (buf == NULL) {
        client_log(c, LOG_ERR, "out of memory");
        client_close(c, CLOSE_WRITE);
        return;
    }
    info.ldm = lame_duck;
    fill(c, &info, after_connect);
    struct codec_out out = codec_out_on(buf, INFO_MAX);
    codec_info_write(&out, &info, CODEC_INFO_SPACE);
    if (codec_out_ok(&out))
        client_send(c, codec_out_slice(&out));
    else
        client_log(c, LOG_ERR, "INFO would be longer than %d bytes", INFO_MAX);
    free(buf);
    c->info_sent = true;
}

void client_send_lame_duck(struct client *c)
{
    if (c->conn.closing || c->protocol < 1 || !c->first_pong_sent)
        return;
    client_send_info(c, true, true);
}
