/* json_texts.c: what the Go server says about JSON that it cannot read, against what json.h says.
 *
 * Each input is an INFO line whose JSON is drawn from a seed and often damaged. The server logs the decoder's
 * sentence, or nothing; codec_json_error_text has to give the same bytes. Values are drawn so that all types
 * meet all members.
 *
 * Environment: SERVER_UNDER_TEST (default NATS_SERVER, then build/peer/nats-server), SEED (1), COUNT (3000).
 */
#include "peer_link.h"

#include <midge/client.h>
#include <midge/info.h>

enum { TEXT_MAX = 480, DEPTH = 4 };

/* ---------------------------------------------------------------------------------------------- inputs */

static const char *const keys[] = {
    "server_id",   "port",
    "headers",     "max_payload",
    "client_id",   "connect_urls",
    "import",      "allow",
    "deny",        "PORT",
    "Headers",     "proto",
    "x",           "",
    "gossip_mode", "gateway_cmd_payload",
};
static const char *const scalars[] = {
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "255",
    "256",
    "2147483648",
    "-0",
    "1.5",
    "1e3",
    "1E400",
    "0.1",
    "18446744073709551616",
    "\"\"",
    "\"a\"",
    "\"JEc=\"",
    "\"\\n\"",
    "\"\\u00e4\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud800\"",
    "\"\xc3\xa4\"",
    "\"\xff\"",
    "\"\\/\\\"\"",
};
static const uint8_t damage[] = "{}[]:,\"\\ \t0123456789.-+eEtrufalsn\x00\x01\x1f\x7f\x80\xff\xc3\xe2u/`'";

#define ANY(list) (list)[link_below(sizeof(list) / sizeof((list)[0]))]

struct draft {
    char text[4096];
    size_t len;
};

static void put(struct draft *d, const char *s)
{
    size_t n = strlen(s);
    if (d->len + n < sizeof(d->text)) {
        memcpy(d->text + d->len, s, n);
        d->len += n;
    }
}

/* A value without recursion: brackets are opened and closed at random, members and elements stand between
 * them. */
static void draw(struct draft *d)
{
    bool object[DEPTH] = {true};
    bool first[DEPTH] = {true};
    int depth = 0;
    put(d, "{");
    for (int steps = 0; depth >= 0 && steps < 40; steps++) {
        if (link_below(4) == 0) {
            put(d, object[depth] ? "}" : "]");
            depth--;
            continue;
        }
        put(d, first[depth] ? "" : ",");
        first[depth] = false;
        if (object[depth]) {
            put(d, "\"");
            put(d, ANY(keys));
            put(d, link_below(8) == 0 ? "\" : " : "\":");
        }
        if (link_below(3) > 0 || depth + 1 == DEPTH) {
            put(d, ANY(scalars));
            continue;
        }
        depth++;
        object[depth] = link_below(2) == 0;
        first[depth] = true;
        put(d, object[depth] ? "{" : "[");
    }
    for (; depth >= 0; depth--)
        put(d, object[depth] ? "}" : "]");
}

static void spoil(struct draft *d)
{
    for (uint32_t hits = link_below(4); hits > 0 && d->len > 1; hits--) {
        size_t at = link_below((uint32_t)d->len);
        char byte = (char)damage[link_below(sizeof(damage) - 1)];
        if (link_below(2) == 0 || d->len + 1 == sizeof(d->text)) {
            d->text[at] = byte;
        } else {
            memmove(d->text + at + 1, d->text + at, d->len - at);
            d->text[at] = byte;
            d->len++;
        }
    }
}

/* Neither too long nor beginning with what INFO would skip. */
static slice next_text(struct draft *d)
{
    do {
        d->len = 0;
        draw(d);
        spoil(d);
    } while (d->len > TEXT_MAX || d->text[0] == ' ' || d->text[0] == '\t');
    return slice_make(d->text, d->len);
}

/* -------------------------------------------------------------------------------------------- verdicts */

struct verdict {
    uint64_t client; /* the connection's id */
    char text[TEXT_MAX + 1];
    char sentence[CODEC_JSON_ERROR_MAX]; /* empty when the JSON is fine */
    bool seen;                           /* in the server's log */
};

static void judge(slice text, struct verdict *v)
{
    static uint8_t block[65536];
    struct codec_info info = {.port = 0};
    struct codec_json_error error;
    struct codec_arena arena = codec_arena_on(block, sizeof(block));
    v->sentence[0] = 0;
    v->seen = false;
    memcpy(v->text, text.ptr, text.len);
    v->text[text.len] = 0;
    if (!codec_info_read(&info, text, &arena, &error))
        codec_json_error_text(&error, text, v->sentence);
}

/* The id in the server's first line. */
static uint64_t greeting(int fd)
{
    static uint8_t buf[8192], block[8192];
    size_t len = 0;
    struct codec_server p;
    struct codec_server_event e;
    struct codec_info info = {.port = 0};
    struct codec_json_error error;
    codec_server_init(&p);
    for (slice in = SLICE_EMPTY; codec_server_next(&p, &in, &e) == CODEC_MORE; in = slice_make(buf, len)) {
        ssize_t n = recv(fd, buf + len, sizeof(buf) - len, 0);
        if (n <= 0)
            return 0;
        len += (size_t)n;
    }
    struct codec_arena arena = codec_arena_on(block, sizeof(block));
    return e.kind == CODEC_SERVER_INFO && codec_info_read(&info, e.text, &arena, &error) ? info.client_id : 0;
}

static bool tell(uint16_t port, slice text, uint64_t *client)
{
    uint8_t line[TEXT_MAX + 16], rest[4096];
    size_t len;
    int fd = link_dial(port);
    *client = fd < 0 ? 0 : greeting(fd);
    int n = snprintf((char *)line, sizeof(line), "INFO ");
    memcpy(line + n, text.ptr, text.len);
    memcpy(line + n + text.len, "\r\n", 2);
    bool ok = *client != 0 && link_say(fd, slice_make(line, (size_t)n + text.len + 2));
    ok = ok && link_read_all(fd, rest, sizeof(rest), &len);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* One line of the log: "... [ERR] address - cid:N - sentence". */
static uint32_t check_line(slice line, struct verdict *all, uint32_t count)
{
    const char *err = memmem(line.ptr, line.len, "[ERR]", 5);
    const char *cid = err == NULL ? NULL : memmem(line.ptr, line.len, "cid:", 4);
    if (cid == NULL)
        return 0;
    char *end;
    uint64_t id = strtoull(cid + 4, &end, 10);
    slice sentence = slice_from(line, (size_t)(end + 3 - (const char *)line.ptr));
    for (uint32_t i = 0; i < count; i++) {
        if (all[i].client != id)
            continue;
        all[i].seen = true;
        if (slice_eq_str(sentence, all[i].sentence))
            return 0;
        printf("%s\n  the codec says  %s\n  the server says %.*s\n", all[i].text, all[i].sentence,
               (int)sentence.len, (const char *)sentence.ptr);
        return 1;
    }
    return 0;
}

static uint32_t check_log(slice log, struct verdict *all, uint32_t count)
{
    uint32_t failed = 0;
    while (log.len > 0) {
        const uint8_t *lf = memchr(log.ptr, '\n', log.len);
        slice line = slice_first(log, lf == NULL ? log.len : (size_t)(lf - log.ptr));
        failed += check_line(line, all, count);
        log = slice_from(log, line.len + 1);
    }
    uint32_t refused = 0;
    for (uint32_t i = 0; i < count; i++) {
        refused += all[i].seen;
        if (all[i].sentence[0] != 0 && !all[i].seen) {
            printf("%s\n  the codec says  %s\n  the server says nothing\n", all[i].text, all[i].sentence);
            failed++;
        }
    }
    printf("%u of %u texts refused\n", refused, count);
    failed += refused < count / 4; /* else the drawing says little */
    return failed;
}

int main(void)
{
    struct peer peer;
    int rc = link_start(&peer, "JSON texts");
    if (rc != 0)
        return rc;
    uint32_t count = link_setting("COUNT", 3000), failed = 0;
    struct verdict *all = calloc(count, sizeof(*all));
    static struct draft draft;
    for (uint32_t i = 0; all != NULL && i < count; i++) {
        slice text = next_text(&draft);
        judge(text, &all[i]);
        failed += !tell(peer.port, text, &all[i].client);
    }
    struct bytes log = {.ptr = NULL};
    bool read = all != NULL && file_read(peer.log, &log);
    failed += !read + (read ? check_log(slice_make(log.ptr, log.len), all, count) : 0);
    free(log.ptr);
    free(all);
    return link_end(&peer, count, failed);
}
