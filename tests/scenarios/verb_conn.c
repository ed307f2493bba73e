/* verb_conn.c: what a scenario does with its connections. */
#include "play.h"

#include "info.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#define TLS_OPTION_MAX 256 /* bytes of an option of connect */

/* ---- what is expected and what came ---- */

static bool fail_expected(struct play *p, const struct io_conn *conn, slice expected, const char *instead)
{
    struct bytes text = {0};
    bytes_add_slice(&text, conn->name);
    bytes_add_str(&text, " expected: ");
    bytes_add_shown(&text, expected, 300);
    bytes_add_str(&text, "\n  ");
    bytes_add_str(&text, instead);
    bytes_add_str(&text, ": ");
    bytes_add_shown(&text, io_pending(conn), 300);
    play_fail(p, "%s", bytes_str(&text));
    bytes_free(&text);
    return false;
}

/* Waits for more bytes; false (after a report) when none can come. */
static bool more_bytes(struct play *p, struct io_conn *conn, uint64_t deadline, slice expected)
{
    if (conn->end != IO_OPEN)
        return fail_expected(p, conn, expected, "the connection closed after");
    if (io_now_ms() >= deadline)
        return fail_expected(p, conn, expected, "timed out; unread");
    return play_wait(p, deadline + 1000, "bytes");
}

static void bind_captures(struct play *p, const struct template *t, const slice *captured)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->parts[i].capture && t->parts[i].len > 0)
            play_set(p, slice_make(t->bytes.ptr + t->parts[i].at, t->parts[i].len), captured[i]);
    }
}

/* Answers the PINGs at the front of what was read, or reads over them. */
static bool answer_pings(struct io_conn *conn)
{
    bool any = false;
    while (conn->answers && slice_starts(io_pending(conn), SLICE_LIT("PING\r\n"))) {
        io_consume(conn, 6);
        if (!conn->mute)
            io_send(conn, SLICE_LIT("PONG\r\n"));
        any = true;
    }
    return any;
}

/* Takes the template from the front of what was read. */
static enum template_result take(struct play *p, struct io_conn *conn, const struct template *t)
{
    size_t used = 0;
    slice *captured = calloc(t->count + 1, sizeof *captured);
    if (captured == NULL)
        abort();
    enum template_result result = template_match(t, io_pending(conn), &used, captured);
    if (result == TEMPLATE_YES) {
        bind_captures(p, t, captured);
        io_consume(conn, used);
    }
    free(captured);
    return result == TEMPLATE_NO && answer_pings(conn) ? take(p, conn, t) : result;
}

/* The text of a step (or a line of its set) as a template; a line ends in CR LF. */
static bool expected_template(struct play *p, slice source, bool line, struct template *t)
{
    struct bytes text = {0};
    bytes_add_slice(&text, source);
    if (line)
        bytes_add_str(&text, "\\r\\n");
    bool ok = play_template(p, bytes_slice(&text), TEMPLATE_ESCAPES | TEMPLATE_CAPTURES, t);
    bytes_free(&text);
    return ok;
}

static bool expect_text(struct play *p, struct io_conn *conn, slice source, bool line)
{
    struct template t;
    if (!expected_template(p, source, line, &t))
        return false;
    uint64_t deadline = play_deadline(p);
    enum template_result result;
    bool ok = true;
    while (ok && (result = take(p, conn, &t)) != TEMPLATE_YES) {
        if (result == TEMPLATE_NO)
            ok = fail_expected(p, conn, source, "got");
        else
            ok = more_bytes(p, conn, deadline, source);
    }
    template_free(&t);
    return ok;
}

/* All lines of the set, in any order and nothing between them. */
static bool expect_set(struct play *p, struct io_conn *conn)
{
    const struct step *step = p->step;
    bool *seen = calloc(step->set_count + 1, sizeof *seen);
    if (seen == NULL)
        abort();
    uint64_t deadline = play_deadline(p);
    bool ok = true;
    for (size_t left = step->set_count; ok && left > 0;) {
        enum template_result best = TEMPLATE_NO;
        for (size_t i = 0; ok && best != TEMPLATE_YES && i < step->set_count; i++) {
            struct template t;
            if (seen[i] || !(ok = expected_template(p, step->set[i], true, &t)))
                continue;
            enum template_result result = take(p, conn, &t);
            if (result != TEMPLATE_NO)
                best = result;
            seen[i] = result == TEMPLATE_YES;
            template_free(&t);
        }
        if (best == TEMPLATE_YES)
            left--;
        else if (ok && best == TEMPLATE_NO)
            ok = fail_expected(p, conn, SLICE_LIT("a line of the set"), "got");
        else if (ok)
            ok = more_bytes(p, conn, deadline, SLICE_LIT("a line of the set"));
    }
    free(seen);
    return ok;
}

/* The next line without its end; it is not consumed yet. */
static bool peek_line(struct play *p, struct io_conn *conn, slice expected, slice *line, size_t *used)
{
    uint64_t deadline = play_deadline(p);
    for (;;) {
        answer_pings(conn);
        slice in = io_pending(conn);
        const uint8_t *lf = in.len == 0 ? NULL : memchr(in.ptr, '\n', in.len);
        if (lf != NULL) {
            size_t n = (size_t)(lf - in.ptr);
            *used = n + 1;
            *line = slice_first(in, n > 0 && in.ptr[n - 1] == '\r' ? n - 1 : n);
            return true;
        }
        if (!more_bytes(p, conn, deadline, expected))
            return false;
    }
}

static bool expect_regex(struct play *p, struct io_conn *conn)
{
    slice line;
    size_t used;
    regex_t regex;
    if (!peek_line(p, conn, p->step->text, &line, &used) || !play_regex(p, p->step->text, &regex))
        return false;
    struct bytes copy = {0};
    bytes_add_slice(&copy, line);
    bool ok = regexec(&regex, bytes_str(&copy), 0, NULL, 0) == 0;
    if (ok)
        io_consume(conn, used);
    else
        fail_expected(p, conn, p->step->text, "got");
    bytes_free(&copy);
    regfree(&regex);
    return ok;
}

/* ---- sending ---- */

static bool flush(struct play *p, struct io_conn *conn)
{
    uint64_t deadline = play_deadline(p);
    while (io_unsent(conn) > 0 && conn->end == IO_OPEN) {
        if (!play_wait(p, deadline, "output to be taken"))
            return false;
    }
    return true;
}

/* Every byte in a segment of its own. */
static bool send_slowly(struct play *p, struct io_conn *conn, slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        io_send(conn, slice_make(bytes.ptr + i, 1));
        if (!flush(p, conn))
            return false;
        usleep(300);
    }
    return true;
}

static bool send_text(struct play *p, struct io_conn *conn, bool slowly)
{
    struct bytes text = {0};
    bool ok = play_text(p, p->step->text, TEMPLATE_ESCAPES, &text);
    if (ok && p->step->op == OP_SEND_LINE)
        bytes_add_str(&text, "\r\n");
    if (ok && slowly)
        ok = send_slowly(p, conn, bytes_slice(&text));
    else if (ok)
        io_send(conn, bytes_slice(&text));
    bytes_free(&text);
    return ok;
}

/* ---- INFO ---- */

static bool read_info(struct play *p, struct io_conn *conn)
{
    slice line;
    size_t used;
    if (!peek_line(p, conn, SLICE_LIT("INFO {...}"), &line, &used))
        return false;
    if (!slice_starts(line, SLICE_LIT("INFO {")) ||
        !slice_starts(slice_from(line, line.len - 2), SLICE_LIT("} ")))
        return fail_expected(p, conn, SLICE_LIT("INFO {...} "), "got");
    conn->info.len = 0;
    bytes_add(&conn->info, line.ptr + 5, line.len - 6);
    io_consume(conn, used);
    return true;
}

/* info keys NAME...: exactly these, in this order; a name that ends in ? may be absent */
static bool check_info_keys(struct play *p, struct io_conn *conn)
{
    struct info_reader reader = {.at = bytes_str(&conn->info)};
    slice key, value;
    size_t at = 3;
    while (info_next(&reader, &key, &value)) {
        for (; at < p->step->word_count; at++) {
            slice word = p->step->words[at];
            bool optional = word.len > 0 && word.ptr[word.len - 1] == '?';
            if (slice_eq(slice_first(word, word.len - optional), key) || !optional)
                break;
        }
        slice word = at < p->step->word_count ? p->step->words[at++] : SLICE_EMPTY;
        if (word.len < key.len || !slice_starts(word, key) || word.len > key.len + 1)
            return play_fail(p, "unexpected key '%.*s' in %s", (int)key.len, (const char *)key.ptr,
                             bytes_str(&conn->info));
    }
    while (at < p->step->word_count && p->step->words[at].ptr[p->step->words[at].len - 1] == '?')
        at++;
    if (!reader.done || at != p->step->word_count)
        return play_fail(p, "keys are missing in %s", bytes_str(&conn->info));
    return true;
}

static bool info_equals(struct play *p, slice value)
{
    struct bytes wanted = {0};
    bool ok = play_word(p, 4, &wanted) && slice_eq(bytes_slice(&wanted), value);
    bytes_free(&wanted);
    return ok;
}

static bool info_matches(struct play *p, slice value)
{
    regex_t regex;
    struct bytes copy = {0};
    if (!play_regex(p, p->step->text, &regex))
        return false;
    bytes_add_slice(&copy, value);
    bool ok = regexec(&regex, bytes_str(&copy), 0, NULL, 0) == 0;
    regfree(&regex);
    bytes_free(&copy);
    return ok;
}

/* info KEY == VALUE | != VALUE | ~ regex | absent | present | as NAME */
static bool check_info(struct play *p, struct io_conn *conn)
{
    if (conn->info.len == 0)
        return play_fail(p, "it has had no INFO");
    if (play_is(p, 2, "keys"))
        return check_info_keys(p, conn);
    struct bytes key = {0};
    slice value;
    bool ok = play_word(p, 2, &key);
    bool found = ok && info_find(bytes_str(&conn->info), bytes_str(&key), &value);
    bytes_free(&key);
    if (!ok)
        return false;
    if (play_is(p, 3, "absent"))
        ok = !found;
    else if (play_is(p, 3, "present"))
        ok = found;
    else if (play_is(p, 3, "=="))
        ok = found && info_equals(p, value);
    else if (play_is(p, 3, "!="))
        ok = found && !info_equals(p, value);
    else if (play_is(p, 3, "as") && p->step->word_count == 5 && found)
        play_set(p, p->step->words[4], value);
    else if (p->step->op == OP_MATCH)
        ok = found && info_matches(p, value);
    else
        return play_fail(p, "write: NAME info KEY == VALUE, != VALUE, ~ regex, absent, present, as VARIABLE");
    return ok || play_fail(p, "INFO is %s", bytes_str(&conn->info));
}

/* ---- connecting ---- */

static int tls_version(slice text)
{
    return slice_eq_str(text, "1.0")   ? TLS1_VERSION
           : slice_eq_str(text, "1.1") ? TLS1_1_VERSION
           : slice_eq_str(text, "1.2") ? TLS1_2_VERSION
           : slice_eq_str(text, "1.3") ? TLS1_3_VERSION
                                       : 0;
}

/* KEY=TEXT with its variables put in, kept in `to`; empty when it is not there. */
static bool tls_option(struct play *p, const char *key, char to[TLS_OPTION_MAX])
{
    slice value;
    struct bytes text = {0};
    to[0] = '\0';
    if (!play_option(p, 1, key, &value))
        return true;
    bool ok =
        play_text(p, value, 0, &text) && (text.len < TLS_OPTION_MAX || play_fail(p, "%s= is too long", key));
    if (ok)
        snprintf(to, TLS_OPTION_MAX, "%s", bytes_str(&text));
    bytes_free(&text);
    return ok;
}

static bool version_option(struct play *p, const char *key, int *version)
{
    char text[TLS_OPTION_MAX];
    if (!tls_option(p, key, text))
        return false;
    *version = tls_version(slice_str(text));
    return text[0] == '\0' || *version != 0 || play_fail(p, "%s=%s is no version of TLS", key, text);
}

static const char *or_none(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

/* cert=NAME (of the certs folder), ca=NAME|none, min=, max=, sni=NAME|none, sigalgs=LIST, ciphers=LIST,
 * resume=NAME; waits for the end of the handshake. */
static bool start_tls(struct play *p, struct io_conn *conn)
{
    char ca[600], cert[600], key[600], names[5][TLS_OPTION_MAX], resume[TLS_OPTION_MAX];
    static const char *const keys[] = {"ca", "cert", "sni", "sigalgs", "ciphers"};
    struct io_tls tls = {.server_name = "localhost", .ca = ca};
    for (int i = 0; i < 5; i++) {
        if (!tls_option(p, keys[i], names[i]))
            return false;
    }
    if (!version_option(p, "min", &tls.min_version) || !version_option(p, "max", &tls.max_version) ||
        !tls_option(p, "resume", resume))
        return false;
    snprintf(ca, sizeof ca, "%s/%s.pem", p->options->certs, names[0][0] != '\0' ? names[0] : "ca");
    if (strcmp(names[0], "none") == 0)
        tls.ca = NULL;
    if (names[1][0] != '\0') {
        snprintf(cert, sizeof cert, "%s/%s.pem", p->options->certs, names[1]);
        snprintf(key, sizeof key, "%s/%s-key.pem", p->options->certs, names[1]);
        tls.cert = cert;
        tls.key = key;
    }
    if (names[2][0] != '\0')
        tls.server_name = strcmp(names[2], "none") == 0 ? NULL : names[2];
    tls.signatures = or_none(names[3]);
    tls.ciphers = or_none(names[4]);
    if (resume[0] != '\0' && (tls.resume = play_conn(p, slice_str(resume))) == NULL)
        return false;
    if (io_pending(conn).len > 0)
        return fail_expected(p, conn, SLICE_LIT("nothing before the handshake"), "got");
    if (!io_start_tls(conn, &tls))
        return play_fail(p, "TLS cannot start: %s", conn->failure);
    uint64_t deadline = play_deadline(p);
    while (conn->handshaking) {
        if (!play_wait(p, deadline, "the TLS handshake"))
            return false;
    }
    if (tls.resume != NULL && conn->end == IO_OPEN && SSL_session_reused(conn->ssl) != 1)
        return play_fail(p, "the TLS session was not resumed");
    return true;
}

/* The handshake, or (in TLS 1.3 the client is done first) the first bytes after it, must fail. */
static bool tls_must_fail(struct play *p, struct io_conn *conn)
{
    uint64_t deadline = play_deadline(p);
    if (conn->end == IO_OPEN)
        io_send(conn, SLICE_LIT("PING\r\n"));
    while (conn->end == IO_OPEN && io_pending(conn).len == 0) {
        if (!play_wait(p, deadline, "TLS to fail"))
            return false;
    }
    return io_pending(conn).len == 0 || fail_expected(p, conn, SLICE_LIT("a failed handshake"), "got");
}

static bool must_be_refused(struct play *p, slice name, uint16_t port)
{
    uint64_t deadline = play_deadline(p);
    for (;;) {
        struct io_conn *conn = io_connect(&p->io, name, "127.0.0.1", port, 0);
        if (conn == NULL)
            return errno == ECONNREFUSED || play_fail(p, "connect: %s", strerror(errno));
        io_close(conn, false);
        if (!play_wait(p, deadline, "connections to be refused"))
            return false;
    }
}

static bool open_conn(struct play *p, struct io_conn **out)
{
    slice to;
    struct bytes name = {0};
    if (p->server_count == 0 || p->step->word_count < 2)
        return play_fail(p, "there is no server to connect to, or no name");
    struct server *server = p->servers[0];
    if (play_option(p, 2, "to", &to) && (server = play_server(p, to)) == NULL)
        return false;
    uint16_t port = server->port;
    if (play_option(p, 2, "port", &to)) {
        unsigned long number;
        if (!play_number(p, to, &number))
            return false;
        port = (uint16_t)number;
    }
    unsigned long buffer = 0;
    if (play_option(p, 2, "rcvbuf", &to) && !play_number(p, to, &buffer))
        return false;
    bool ok = play_word(p, 1, &name);
    if (ok && play_flag(p, 2, "refused")) {
        ok = must_be_refused(p, bytes_slice(&name), port);
    } else if (ok) {
        *out = io_connect(&p->io, bytes_slice(&name), "127.0.0.1", port, (int)buffer);
        if (*out == NULL)
            ok = play_fail(p, "connect: %s", strerror(errno));
    }
    bytes_free(&name);
    return ok;
}

static bool open_and_greet(struct play *p, struct io_conn **out)
{
    *out = NULL;
    if (!open_conn(p, out))
        return false;
    if (*out == NULL || play_flag(p, 2, "raw")) /* refused, as it must be */
        return true;
    bool first = play_flag(p, 2, "tls-first");
    if (first && !start_tls(p, *out))
        return false;
    if (first && play_flag(p, 2, "fails"))
        return tls_must_fail(p, *out);
    if (first && (*out)->end != IO_OPEN)
        return play_fail(p, "TLS: %s", (*out)->failure);
    if (!read_info(p, *out))
        return false;
    if (!play_flag(p, 2, "tls"))
        return true;
    if (!start_tls(p, *out))
        return false;
    if (play_flag(p, 2, "fails"))
        return tls_must_fail(p, *out);
    return (*out)->end == IO_OPEN || play_fail(p, "TLS: %s", (*out)->failure);
}

/* connect NAME [to=SERVER] [port=N] [rcvbuf=N] [raw] [refused] [tls|tls-first [fails] [cert=] [ca=] [min=]
 * [max=] [sni=] [sigalgs=] [ciphers=] [resume=]] */
bool verb_connect(struct play *p)
{
    struct io_conn *conn;
    return open_and_greet(p, &conn);
}

/* client NAME [as connect] [: members of CONNECT]: a connection that is not verbose and not pedantic,
 * connected */
bool verb_client(struct play *p)
{
    struct io_conn *conn = NULL;
    struct bytes text = {0}, members = {0};
    bool ok = open_and_greet(p, &conn) && (conn != NULL || play_fail(p, "a client cannot be refused")) &&
              (p->step->op != OP_TEXT || play_text(p, p->step->text, TEMPLATE_ESCAPES, &members));
    if (ok) {
        bytes_add_str(&text, "CONNECT {\"verbose\":false,\"pedantic\":false");
        bytes_add_str(&text, members.len > 0 ? "," : "");
        bytes_add_slice(&text, bytes_slice(&members));
        bytes_add_str(&text, "}\r\nPING\r\n");
        io_send(conn, bytes_slice(&text));
        ok = expect_text(p, conn, SLICE_LIT("PONG"), true);
        conn->answers = true;
    }
    bytes_free(&text);
    bytes_free(&members);
    return ok;
}

/* ---- other things to do with a connection ---- */

/* PING, and nothing but its PONG comes. */
static bool conn_sync(struct play *p, struct io_conn *conn)
{
    io_send(conn, SLICE_LIT("PING\r\n"));
    return expect_text(p, conn, SLICE_LIT("PONG"), true);
}

/* The length of a delivered message at the front of `in`: 0 when it is not all there, SIZE_MAX when it is
 * none. */
static size_t message_length(slice in)
{
    const uint8_t *lf = in.len == 0 ? NULL : memchr(in.ptr, '\n', in.len);
    if (!slice_starts(in, SLICE_LIT("MSG ")) && !slice_starts(in, SLICE_LIT("HMSG ")))
        return in.len >= 5 ? SIZE_MAX : 0;
    if (lf == NULL)
        return 0;
    const uint8_t *digits = lf - 1;
    while (digits > in.ptr && digits[-1] != ' ')
        digits--;
    size_t total = (size_t)(lf - in.ptr) + 1 + strtoul((const char *)digits, NULL, 10) + 2;
    return in.len < total ? 0 : total;
}

/* drain: PING, then counts messages up to its PONG */
static bool conn_drain(struct play *p, struct io_conn *conn)
{
    uint64_t deadline = play_deadline(p);
    conn->counted = 0;
    io_send(conn, SLICE_LIT("PING\r\n"));
    while (!slice_starts(io_pending(conn), SLICE_LIT("PONG\r\n"))) {
        if (answer_pings(conn))
            continue;
        size_t n = message_length(io_pending(conn));
        if (n == SIZE_MAX && io_pending(conn).len >= 6)
            return fail_expected(p, conn, SLICE_LIT("messages or PONG"), "got");
        if (n != 0 && n != SIZE_MAX) {
            io_consume(conn, n);
            conn->counted++;
        } else if (!more_bytes(p, conn, deadline, SLICE_LIT("messages or PONG"))) {
            return false;
        }
    }
    io_consume(conn, 6);
    return true;
}

/* rest: counts messages up to the end of the connection, which must not come in the middle of one. PINGs are
 * not answered: to a server that has ended its kernel would reply with a reset, and drop what is on its way.
 */
static bool conn_rest(struct play *p, struct io_conn *conn)
{
    uint64_t deadline = play_deadline(p);
    conn->counted = 0;
    for (;;) {
        if (slice_starts(io_pending(conn), SLICE_LIT("PING\r\n"))) {
            io_consume(conn, 6);
            continue;
        }
        size_t n = message_length(io_pending(conn));
        if (n == SIZE_MAX)
            return fail_expected(p, conn, SLICE_LIT("messages or the end"), "got");
        if (n > 0) {
            io_consume(conn, n);
            conn->counted++;
        } else if (conn->end != IO_OPEN) {
            return io_pending(conn).len == 0 ||
                   fail_expected(p, conn, SLICE_LIT("the rest of a message"), "it ended after");
        } else if (!more_bytes(p, conn, deadline, SLICE_LIT("messages or the end"))) {
            return false;
        }
    }
}

/* Something to read that is no TLS alert: a TLS server may send one to a plain client. */
static bool has_text(const struct io_conn *conn)
{
    slice in = io_pending(conn);
    return in.len > 0 && in.ptr[0] != 0x15;
}

static bool conn_ended(struct play *p, struct io_conn *conn)
{
    uint64_t deadline = play_deadline(p);
    while (conn->end == IO_OPEN && (answer_pings(conn), !has_text(conn))) {
        if (!play_wait(p, deadline, "the connection to close"))
            return false;
    }
    if (has_text(conn))
        return fail_expected(p, conn, SLICE_LIT("a close and nothing before it"), "got");
    if (play_is(p, 1, "eof") && conn->end != IO_EOF)
        return play_fail(p, "it was reset");
    io_close(conn, false);
    return true;
}

static bool conn_quiet(struct play *p, struct io_conn *conn)
{
    unsigned ms;
    if (p->step->word_count != 3 || !play_duration(p, p->step->words[2], &ms))
        return play_fail(p, "write: NAME quiet 100ms");
    for (uint64_t until = io_now_ms() + ms; io_now_ms() < until && io_pending(conn).len == 0;) {
        answer_pings(conn);
        if (conn->end != IO_OPEN)
            return fail_expected(p, conn, SLICE_LIT("silence"), "it closed");
        if (!play_wait(p, until + 1000, "silence"))
            return false;
    }
    return io_pending(conn).len == 0 || fail_expected(p, conn, SLICE_LIT("silence"), "got");
}

static bool conn_close(struct play *p, struct io_conn *conn)
{
    if (play_is(p, 1, "abort"))
        return io_close(conn, true), true;
    if (!flush(p, conn))
        return false;
    if (play_is(p, 1, "shut"))
        io_shut_write(conn);
    else
        io_close(conn, false);
    return true;
}

static bool conn_tls_version(struct play *p, struct io_conn *conn)
{
    const char *version = conn->ssl == NULL ? "none" : SSL_get_version(conn->ssl);
    return play_is(p, 2, version) || play_fail(p, "the TLS version is %s", version);
}

/* The common name of the certificate that the server showed. */
static bool conn_tls_name(struct play *p, struct io_conn *conn)
{
    char name[256] = "none";
    X509 *cert = conn->ssl == NULL ? NULL : SSL_get0_peer_certificate(conn->ssl);
    if (cert != NULL)
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof name);
    return play_is(p, 2, name) || play_fail(p, "the certificate's common name is %s", name);
}

static bool conn_word(struct play *p, struct io_conn *conn)
{
    if (play_is(p, 1, "info"))
        return check_info(p, conn);
    if (play_is(p, 1, "sync"))
        return conn_sync(p, conn);
    if (play_is(p, 1, "drain"))
        return conn_drain(p, conn);
    if (play_is(p, 1, "rest"))
        return conn_rest(p, conn);
    if (play_is(p, 1, "closed") || play_is(p, 1, "eof"))
        return conn_ended(p, conn);
    if (play_is(p, 1, "quiet"))
        return conn_quiet(p, conn);
    if (play_is(p, 1, "close") || play_is(p, 1, "abort") || play_is(p, 1, "shut"))
        return conn_close(p, conn);
    if (play_is(p, 1, "flush"))
        return flush(p, conn);
    if (play_is(p, 1, "answers"))
        return conn->answers = true;
    if (play_is(p, 1, "mute"))
        return conn->mute = true;
    if (play_is(p, 1, "read-info"))
        return read_info(p, conn);
    if (play_is(p, 1, "starttls"))
        return start_tls(p, conn) && (!play_flag(p, 2, "fails") || tls_must_fail(p, conn));
    if (play_is(p, 1, "tls-version"))
        return conn_tls_version(p, conn);
    if (play_is(p, 1, "tls-name"))
        return conn_tls_name(p, conn);
    if (play_is(p, 1, "pause") || play_is(p, 1, "resume"))
        return conn->paused = play_is(p, 1, "pause"), true;
    return play_fail(p, "unknown statement");
}

static bool conn_bytes(struct play *p, struct io_conn *conn, bool slowly)
{
    switch (p->step->op) {
    case OP_SEND_LINE:
    case OP_SEND_RAW:
        return send_text(p, conn, slowly);
    case OP_EXPECT_LINE:
    case OP_EXPECT_RAW:
        return expect_text(p, conn, p->step->text, p->step->op == OP_EXPECT_LINE);
    case OP_MATCH:
        return expect_regex(p, conn);
    case OP_SET:
        return expect_set(p, conn);
    default:
        return play_fail(p, "unknown statement");
    }
}

/* NAME [*N] [slow] OP text, or NAME statement. With *N, ${i} counts from 1. */
bool verb_conn(struct play *p)
{
    struct bytes name = {0};
    struct io_conn *conn = play_word(p, 0, &name) ? play_conn(p, bytes_slice(&name)) : NULL;
    bytes_free(&name);
    if (conn == NULL)
        return false;
    if (conn->fd < 0)
        return play_fail(p, "that connection is closed");
    size_t at = 1;
    unsigned long times = 1;
    if (at < p->step->word_count && p->step->words[at].len > 1 && p->step->words[at].ptr[0] == '*' &&
        !play_number(p, slice_from(p->step->words[at++], 1), &times))
        return false;
    bool slowly = play_is(p, at, "slow");
    at += slowly;
    if (at < p->step->word_count)
        return conn_word(p, conn);
    for (unsigned long i = 1; i <= times; i++) {
        char text[24];
        if (times > 1) {
            snprintf(text, sizeof text, "%lu", i);
            play_set(p, SLICE_LIT("i"), slice_str(text));
        }
        if (!conn_bytes(p, conn, slowly))
            return false;
    }
    return true;
}

/* Takes all copies of the template that have arrived. */
static bool take_all(struct play *p, struct io_conn *conn, const struct template *t, unsigned long *total)
{
    for (;;) {
        enum template_result result = take(p, conn, t);
        if (result == TEMPLATE_NO)
            return fail_expected(p, conn, p->step->text, "got");
        if (result == TEMPLATE_MORE)
            return true;
        conn->counted++;
        ++*total;
    }
}

/* total N NAME... < text: that many copies arrive, spread in any way over the connections */
bool verb_total(struct play *p)
{
    unsigned long wanted, total = 0;
    struct io_conn *conns[STEP_MAX_WORDS];
    size_t count = 0;
    struct template t;
    if (p->step->word_count < 3 || p->step->op != OP_EXPECT_LINE)
        return play_fail(p, "write: total N NAME... < text");
    if (!play_number(p, p->step->words[1], &wanted))
        return false;
    for (size_t i = 2; i < p->step->word_count; i++) {
        if ((conns[count] = play_conn(p, p->step->words[i])) == NULL)
            return false;
        conns[count++]->counted = 0;
    }
    if (!expected_template(p, p->step->text, true, &t))
        return false;
    uint64_t deadline = play_deadline(p);
    bool ok = true;
    while (ok) {
        for (size_t i = 0; ok && i < count; i++)
            ok = take_all(p, conns[i], &t, &total);
        if (!ok || total >= wanted)
            break;
        ok = play_wait(p, deadline, "all copies");
    }
    template_free(&t);
    if (ok && total != wanted)
        ok = play_fail(p, "%lu copies came, not %lu", total, wanted);
    return ok;
}
