/* client_lines.c: what a server makes of client lines, against what the codec says.
 *
 * Each input is a connection: some lines drawn from a seed, many of them damaged, and a PING. The codec's
 * events, with the few rules about what a server answers to each, give the answers to be expected; the server
 * under test gives the real ones. Messages and INFO are left out (the codec reads the server's side, too). A
 * bystander looks on: whatever the others say, it gets its own messages and nothing else.
 *
 * Environment: SERVER_UNDER_TEST (default NATS_SERVER, then build/peer/nats-server), SEED (1), COUNT (3000).
 */
#include "peer_link.h"

#include <midge/client.h>
#include <midge/connect.h>
#include <midge/subject.h>
#include <stdio.h>

enum {
    INPUT_MAX =
        480, /* the Go server reads 512 bytes at first; it treats CR differently behind a read's end */
    ANSWER_MAX = 16384,
    MAX_PAYLOAD = 1048576,
};

/* ---------------------------------------------------------------------------------------- inputs */

static const char *const pieces[] = {
    "PING\r\n",
    "PONG\r\n",
    "+OK\r\n",
    "PINGxx yy\n",
    "SUB foo 1\r\n",
    "SUB foo.* q 2\r\n",
    "sub  a..b\t3 \r\n",
    "SUB foo.>.x 4\r\n",
    "UNSUB 1\r\n",
    "UNSUB 2 5\r\n",
    "unsub 2 x\r\n",
    "PUB foo 0\r\n\r\n",
    "PUB foo bar 3\r\nabc\r\n",
    "pub foo.* 000000002\r\n\r\n\r\n",
    "PUB foo 5\nhello\r\n",
    "PUB foo 1048577\r\n",
    "PUB foo 999999999\r\n",
    "PUB foo 1000000000\r\n",
    "PUB a b c 1\r\nx\r\n",
    "HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
    "HPUB foo r 0 2\r\nhi\r\n",
    "HPUB foo 3 2\r\nhi\r\n",
    "HPUB foo 12\r\n",
    "HMSG x\r\n\r\n",
    "HMSG x y 1\r\nab\r\n",
    "MSG a 1 0\r\n\r\n",
    "INFO {}\r\n",
    "INFO{\"port\":1} \r\n",
    "INFO {\"port\":\"x\"}\r\n",
    "-ERR 'x'\r\n",
    "-ERR\r\n",
    "CONNECT {}\r\n",
    "CONNECT{\"verbose\":true}\r\n",
    "CONNECT {\"NAME\":\"\\u00e4\",\"x\":[1,{\"y\":null}]}\r\n",
    "CONNECT {\"headers\":false}\r\n",
    "CONNECT {\"headers\":true,\"pedantic\":false}\r\n",
    "CONNECT {\"protocol\":1}\r\n",
    "CONNECT {\"protocol\":2}\r\n",
    "CONNECT {\"no_responders\":true,\"headers\":true}\r\n",
    "CONNECT {\"import\":{\"allow\":[\"a\",null]}}\r\n",
    "CONNECT {\"import\":{\"allow\":[1]}}\r\n",
    "CONNECT {\"verbose\":1}\r\n",
    "CONNECT null\r\n",
    "CONNECT []\r\n",
    "A+ x\r\n",
    "\r\n",
};

static const uint8_t damage[] = "  \t\r\n\r\n01239abPpSsUuHhIiCc+-.*>{}[]\":,\\/\x00\x01\x7f\x80\xff";

static size_t make_input(uint8_t *buf)
{
    static const char first[] =
        "CONNECT {\"verbose\":true,\"pedantic\":true,\"headers\":true,\"echo\":false}\r\n",
                      last[] = "PING\r\n";
    size_t n = sizeof(first) - 1;
    memcpy(buf, first, n);
    uint32_t lines = 1 + link_below(4);
    for (uint32_t i = 0; i < lines; i++) {
        const char *piece = pieces[link_below(sizeof(pieces) / sizeof(pieces[0]))];
        size_t len = strlen(piece);
        if (n + len + 16 > INPUT_MAX)
            break;
        memcpy(buf + n, piece, len);
        n += len;
    }
    for (uint32_t hits = link_below(4); hits > 0 && n >= sizeof(first); hits--) {
        size_t at = sizeof(first) - 1 + link_below((uint32_t)(n - sizeof(first) + 1));
        uint8_t byte = damage[link_below(sizeof(damage) - 1)];
        switch (link_below(3)) {
        case 0:
            buf[at] = byte;
            break;
        case 1:
            memmove(buf + at + 1, buf + at, n - at);
            buf[at] = byte;
            n++;
            break;
        default:
            memmove(buf + at, buf + at + 1, n - at - 1);
            n--;
        }
    }
    memcpy(buf + n, last, sizeof(last) - 1);
    return n + sizeof(last) - 1;
}

/* -------------------------------------------------------------------------------------- verdicts */

struct answer {
    char text[ANSWER_MAX];
    size_t len;
};

static void add(struct answer *a, const char *line)
{
    int n = snprintf(a->text + a->len, sizeof(a->text) - a->len, "%s\n", line);
    a->len += n > 0 && a->len + (size_t)n < sizeof(a->text) ? (size_t)n : 0;
}

enum { SIDS = 64 };

struct model {
    const char *once_more; /* what the Go server adds when a read ends inside the payload that is running */
    slice sids[SIDS];      /* in use */
    size_t sid_count;
    struct codec_client parser;
    struct codec_connect options;
    uint8_t block[4096];
};

static size_t find_sid(const struct model *m, slice sid)
{
    size_t i = 0;
    while (i < m->sid_count && !slice_eq(m->sids[i], sid))
        i++;
    return i;
}

static bool read_connect(struct model *m, slice json, struct answer *a)
{
    struct codec_json_error error;
    struct codec_arena arena = codec_arena_on(m->block, sizeof(m->block));
    if (!codec_connect_read(&m->options, json, &arena, &error))
        return false;
    struct codec_connect *o = &m->options;
    m->sid_count = 0;
    m->parser.headers = o->headers;
    if (o->account.len > 0 || o->new_account) {
        add(a, "-ERR Authorization Violation");
        return false;
    }
    if (o->protocol < 0 || o->protocol > 1) {
        add(a, "-ERR invalid client protocol");
        return false;
    }
    if (o->no_responders && !o->headers) {
        add(a, "-ERR no responders requires headers support");
        return false;
    }
    if (o->verbose)
        add(a, "+OK");
    return true;
}

static bool read_info(slice json)
{
    uint8_t block[4096];
    struct codec_info info = {.port = 0};
    struct codec_json_error error;
    struct codec_arena arena = codec_arena_on(block, sizeof(block));
    return codec_info_read(&info, json, &arena, &error);
}

static void acknowledge(const struct model *m, struct answer *a)
{
    if (m->options.verbose)
        add(a, "+OK");
}

/* The line of a PUB or HPUB; its +OK comes when its payload is complete. */
static bool begin_pub(struct model *m, const struct codec_client_event *e, struct answer *a)
{
    if (e->pub.size > MAX_PAYLOAD) {
        add(a, "-ERR Maximum Payload Violation");
        return false;
    }
    /* It takes the line apart again, and so complains about a subject twice, and about HMSG, whose line means
     * nothing. */
    static const char complaint[] = "-ERR Invalid Publish Subject";
    m->once_more = e->kind == CODEC_CLIENT_HMSG ? "-ERR Unknown Protocol Operation" : NULL;
    if (e->kind != CODEC_CLIENT_HMSG && m->options.pedantic && !codec_subject_is_literal(e->pub.subject)) {
        add(a, complaint);
        m->once_more = complaint;
    }
    if (e->pub.payload_complete)
        acknowledge(m, a);
    return true;
}

static void subscribe(struct model *m, const struct codec_client_event *e, struct answer *a)
{
    bool known = find_sid(m, e->sub.sid) < m->sid_count;
    if (!known && !codec_subject_is_subscription(e->sub.subject)) {
        add(a, "-ERR Invalid Subject");
        return;
    }
    if (!known && m->sid_count < SIDS)
        m->sids[m->sid_count++] = e->sub.sid;
    acknowledge(m, a);
}

static void unsubscribe(struct model *m, const struct codec_client_event *e, struct answer *a)
{
    size_t i = find_sid(m, e->unsub.sid);
    if (i < m->sid_count && e->unsub.max == 0)
        m->sids[i] = m->sids[--m->sid_count];
    acknowledge(m, a);
}

/* What a server answers to an event; false: it closes the connection. */
static bool react(struct model *m, const struct codec_client_event *e, struct answer *a)
{
    switch (e->kind) {
    case CODEC_CLIENT_CONNECT:
        return read_connect(m, e->text, a);
    case CODEC_CLIENT_INFO:
        return read_info(e->text);
    case CODEC_CLIENT_PUB:
    case CODEC_CLIENT_HPUB:
    case CODEC_CLIENT_HMSG:
        return begin_pub(m, e, a);
    case CODEC_CLIENT_PAYLOAD:
        acknowledge(m, a);
        return true;
    case CODEC_CLIENT_UNSUB:
        unsubscribe(m, e, a);
        return true;
    case CODEC_CLIENT_SUB:
        subscribe(m, e, a);
        return true;
    case CODEC_CLIENT_PING:
        add(a, "PONG");
        return true;
    case CODEC_CLIENT_PONG:
    case CODEC_CLIENT_OK:
        return true;
    case CODEC_CLIENT_ERR:
        return false;
    }
    return false;
}

/* What the Go server may say once more at the end, or NULL. */
static const char *expect(slice input, struct answer *a)
{
    struct model m;
    struct codec_client_event e;
    enum codec_rc rc;
    m.once_more = NULL;
    m.sid_count = 0;
    codec_client_init(&m.parser);
    codec_connect_defaults(&m.options);
    a->len = 0;
    a->text[0] = 0;
    while ((rc = codec_client_next(&m.parser, &input, &e)) == CODEC_EVENT) {
        if (!react(&m, &e, a))
            return NULL;
    }
    if (rc == CODEC_ERROR && e.error.kind == CODEC_CLIENT_UNKNOWN_OP)
        add(a, "-ERR Unknown Protocol Operation");
    if (rc == CODEC_ERROR && e.error.kind == CODEC_CLIENT_MAX_CONTROL_LINE)
        add(a, "-ERR maximum control line exceeded");
    return rc == CODEC_MORE && m.parser.phase == CODEC_IN_PAYLOAD ? m.once_more : NULL;
}

/* ---------------------------------------------------------------------------------- real answers */

static bool note_answers(slice bytes, struct answer *a)
{
    struct codec_server p;
    struct codec_server_event e;
    enum codec_rc rc;
    codec_server_init(&p);
    while ((rc = codec_server_next(&p, &bytes, &e)) == CODEC_EVENT) {
        char line[512];
        if (e.kind == CODEC_SERVER_OK)
            add(a, "+OK");
        if (e.kind == CODEC_SERVER_PONG)
            add(a, "PONG");
        if (e.kind == CODEC_SERVER_ERR) {
            snprintf(line, sizeof(line), "-ERR %.*s", (int)e.text.len, (const char *)e.text.ptr);
            add(a, line);
        }
    }
    return rc == CODEC_MORE && bytes.len == 0;
}

static bool ask(uint16_t port, slice input, struct answer *a)
{
    static uint8_t buf[65536];
    size_t len = 0;
    a->len = 0;
    a->text[0] = 0;
    int fd = link_dial(port);
    if (fd < 0)
        return false;
    bool ok = link_say(fd, input) && link_read_all(fd, buf, sizeof(buf), &len);
    close(fd);
    return ok && note_answers(slice_make(buf, len), a);
}

/* ------------------------------------------------------------------------------------- bystander */

/* Reads up to the PONG and answers the server's own PINGs; what came before it. false when it does not come.
 */
static bool read_to_pong(int fd, char *buf, size_t cap)
{
    static const char pong[] = "PONG\r\n", ping[] = "PING\r\n";
    size_t len = 0;
    buf[0] = '\0';
    while (strstr(buf, pong) == NULL) {
        ssize_t n = recv(fd, buf + len, cap - len - 1, 0);
        if (n <= 0 || len + (size_t)n + 1 == cap)
            return false;
        len += (size_t)n;
        buf[len] = '\0';
        char *at = strstr(buf, ping);
        if (at == NULL)
            continue;
        memmove(at, at + sizeof(ping) - 1, strlen(at + sizeof(ping) - 1) + 1);
        len -= sizeof(ping) - 1;
        if (send(fd, pong, sizeof(pong) - 1, MSG_NOSIGNAL) < 0)
            return false;
    }
    *strstr(buf, pong) = '\0';
    return true;
}

static int bystander_new(uint16_t port)
{
    static const char hello[] = "CONNECT {\"verbose\":false}\r\nSUB by.stander 1\r\nPING\r\n";
    char buf[4096];
    int fd = link_dial(port);
    if (fd < 0 || send(fd, hello, sizeof(hello) - 1, MSG_NOSIGNAL) < 0 || !read_to_pong(fd, buf, sizeof(buf)))
        return -1;
    return fd;
}

/* Is it left alone? */
static bool bystander_check(int fd, uint32_t number)
{
    char buf[4096], say[100], want[100];
    snprintf(say, sizeof(say), "PUB by.stander 8\r\n%08x\r\nPING\r\n", number);
    snprintf(want, sizeof(want), "MSG by.stander 1 8\r\n%08x\r\n", number);
    if (send(fd, say, strlen(say), MSG_NOSIGNAL) < 0 || !read_to_pong(fd, buf, sizeof(buf))) {
        printf("input %u: the bystander was cut off\n", number);
        return false;
    }
    if (strcmp(buf, want) == 0)
        return true;
    printf("input %u: the bystander got: %s\n", number, buf);
    return false;
}

/* ------------------------------------------------------------------------------------------ main */

static void show(const char *title, slice bytes)
{
    printf("%s\n    ", title);
    for (size_t i = 0; i < bytes.len; i++)
        printf(bytes.ptr[i] < 0x20 || bytes.ptr[i] > 0x7e || bytes.ptr[i] == '\\' ? "\\x%02x" : "%c",
               bytes.ptr[i]);
    printf("\n");
}

static bool compare(uint16_t port, uint32_t number)
{
    static struct answer want, longer, got;
    uint8_t buf[INPUT_MAX + 32];
    slice input = slice_make(buf, make_input(buf));
    const char *once_more = expect(input, &want);
    longer = want;
    if (once_more != NULL)
        add(&longer, once_more);
    /* A close with unread input may come as a reset that overtakes the last answers: ask again. */
    for (int attempt = 0; attempt < 5; attempt++) {
        if (ask(port, input, &got) &&
            (strcmp(want.text, got.text) == 0 || strcmp(longer.text, got.text) == 0))
            return true;
    }
    printf("input %u\n", number);
    show("  bytes", input);
    show("  the codec says", slice_str(want.text));
    show("  the server says", slice_str(got.text));
    return false;
}

int main(void)
{
    struct peer peer;
    int rc = link_start(&peer, "client lines");
    if (rc != 0)
        return rc;
    uint32_t count = link_setting("COUNT", 3000), failed = 0;
    int bystander = bystander_new(peer.port);
    for (uint32_t i = 0; i < count && failed < 20; i++) {
        bool same = compare(peer.port, i), alone = bystander_check(bystander, i);
        failed += !(same && alone);
    }
    if (bystander >= 0)
        close(bystander);
    return link_end(&peer, count, failed);
}
