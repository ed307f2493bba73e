/* test_libnats.c: midge (or the Go server) as libnats, the C client, sees it.
 *
 * covers: CP-40 CP-41 CP-44 CP-78 CP-83 CP-99 CP-103 CP-105 CP-107 CP-109 CP-115 CP-117 CP-135 CP-137 CP-161
 * covers: CP-167 */
#include "peer.h"
#include "unit.h"

#include <nats/nats.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#define WAIT_MS    10000 /* for anything that must come */
#define SKIPPED    77
#define OK(status) CU_ASSERT_EQUAL((status), NATS_OK)

static struct peer peer;

/* What the callbacks of the library's threads saw. */
static struct {
    atomic_int messages, disconnected, reconnected, closed, lame_duck, errors;
    _Atomic(natsStatus) last_error;
} seen;

/* One by one: a callback of the connection before may still be running. */
static void reset_seen(void)
{
    atomic_store(&seen.messages, 0);
    atomic_store(&seen.disconnected, 0);
    atomic_store(&seen.reconnected, 0);
    atomic_store(&seen.closed, 0);
    atomic_store(&seen.lame_duck, 0);
    atomic_store(&seen.errors, 0);
    atomic_store(&seen.last_error, NATS_OK);
}

/* Waits until the counter has reached n. */
static bool reached(atomic_int *counter, int n)
{
    for (int i = 0; i < WAIT_MS / 5 && atomic_load(counter) < n; i++)
        nats_Sleep(5);
    return atomic_load(counter) >= n;
}

static void on_message(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *counter)
{
    (void)nc, (void)sub;
    atomic_fetch_add((atomic_int *)counter, 1);
    natsMsg_Destroy(msg);
}

static void on_echo(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *counter)
{
    (void)sub;
    atomic_fetch_add((atomic_int *)counter, 1);
    natsConnection_Publish(nc, natsMsg_GetReply(msg), natsMsg_GetData(msg), natsMsg_GetDataLength(msg));
    natsMsg_Destroy(msg);
}

static void on_event(natsConnection *nc, void *counter)
{
    (void)nc;
    atomic_fetch_add((atomic_int *)counter, 1);
}

static void on_error(natsConnection *nc, natsSubscription *sub, natsStatus error, void *closure)
{
    (void)nc, (void)sub, (void)closure;
    atomic_store(&seen.last_error, error);
    atomic_fetch_add(&seen.errors, 1);
}

static natsOptions *options_for(const char *scheme, const char *user)
{
    natsOptions *opts = NULL;
    char url[100];
    OK(natsOptions_Create(&opts));
    OK(natsOptions_SetURL(opts, peer_url(&peer, scheme, user, url, sizeof url)));
    OK(natsOptions_SetTimeout(opts, WAIT_MS));
    OK(natsOptions_SetErrorHandler(opts, on_error, NULL));
    OK(natsOptions_SetDisconnectedCB(opts, on_event, &seen.disconnected));
    OK(natsOptions_SetReconnectedCB(opts, on_event, &seen.reconnected));
    OK(natsOptions_SetClosedCB(opts, on_event, &seen.closed));
    OK(natsOptions_SetLameDuckModeCB(opts, on_event, &seen.lame_duck));
    return opts;
}

static natsStatus connect_with(natsConnection **nc, natsOptions *opts)
{
    natsStatus s = natsConnection_Connect(nc, opts);
    natsOptions_Destroy(opts);
    return s;
}

static natsConnection *connect_plain(void)
{
    natsConnection *nc = NULL;
    OK(connect_with(&nc, options_for("nats", "")));
    return nc;
}

static void expect_text(natsSubscription *sub, const char *subject, const char *text)
{
    natsMsg *msg = NULL;
    OK(natsSubscription_NextMsg(&msg, sub, WAIT_MS));
    if (msg == NULL)
        return;
    CU_ASSERT_STRING_EQUAL(natsMsg_GetSubject(msg), subject);
    CU_ASSERT_EQUAL((size_t)natsMsg_GetDataLength(msg), strlen(text));
    CU_ASSERT_EQUAL(memcmp(natsMsg_GetData(msg), text, strlen(text)), 0);
    natsMsg_Destroy(msg);
}

static void begin(const char *config)
{
    reset_seen();
    CU_ASSERT_TRUE_FATAL(peer_start(&peer, config));
}

static void end(void)
{
    CU_ASSERT_TRUE(peer_stop(&peer));
}

/* ---- connecting ---- */

static void connect_options(void)
{
    begin(NULL);
    natsConnection *nc = NULL;
    natsOptions *opts = options_for("nats", "");
    OK(natsOptions_SetName(opts, "app"));
    OK(natsOptions_SetVerbose(opts, true));
    OK(natsOptions_SetPedantic(opts, true));
    OK(connect_with(&nc, opts));
    char id[64] = "", url[100] = "";
    int64_t rtt = 0;
    uint64_t cid = 0;
    OK(natsConnection_GetConnectedServerId(nc, id, sizeof id));
    CU_ASSERT_EQUAL(strlen(id), 56);
    OK(natsConnection_GetConnectedUrl(nc, url, sizeof url));
    OK(natsConnection_GetRTT(nc, &rtt));
    OK(natsConnection_GetClientID(nc, &cid));
    CU_ASSERT_TRUE(rtt > 0);
    CU_ASSERT_TRUE(cid > 0);
    CU_ASSERT_EQUAL(natsConnection_GetMaxPayload(nc), 1048576);
    natsSubscription *sub = NULL;
    OK(natsConnection_SubscribeSync(&sub, nc, "foo"));
    OK(natsConnection_PublishString(nc, "foo", "verbose and pedantic"));
    expect_text(sub, "foo", "verbose and pedantic");
    natsSubscription_Destroy(sub);
    natsConnection_Destroy(nc);
    end();
}

static void no_echo(void)
{
    begin(NULL);
    natsConnection *nc = NULL, *other = connect_plain();
    natsOptions *opts = options_for("nats", "");
    OK(natsOptions_SetNoEcho(opts, true));
    OK(connect_with(&nc, opts));
    natsSubscription *sub = NULL;
    OK(natsConnection_SubscribeSync(&sub, nc, "foo"));
    OK(natsConnection_PublishString(nc, "foo", "own"));
    OK(natsConnection_Flush(nc));
    OK(natsConnection_PublishString(other, "foo", "other"));
    expect_text(sub, "foo", "other");
    natsSubscription_Destroy(sub);
    natsConnection_Destroy(nc);
    natsConnection_Destroy(other);
    end();
}

/* ---- publish and subscribe ---- */

static void publish_subscribe(void)
{
    begin(NULL);
    natsConnection *pub = connect_plain(), *nc = connect_plain();
    natsSubscription *sub = NULL, *async = NULL;
    OK(natsConnection_SubscribeSync(&sub, nc, "greet"));
    OK(natsConnection_Subscribe(&async, nc, "greet", on_message, &seen.messages));
    OK(natsConnection_Flush(nc));
    for (int i = 0; i < 1000; i++)
        OK(natsConnection_PublishString(pub, "greet", "hello"));
    for (int i = 0; i < 1000; i++)
        expect_text(sub, "greet", "hello");
    CU_ASSERT_TRUE(reached(&seen.messages, 1000));
    natsSubscription_Destroy(sub);
    natsSubscription_Destroy(async);
    natsConnection_Destroy(pub);
    natsConnection_Destroy(nc);
    end();
}

static void wildcards(void)
{
    begin(NULL);
    natsConnection *nc = connect_plain();
    natsSubscription *star = NULL, *tail = NULL;
    OK(natsConnection_SubscribeSync(&star, nc, "a.*.c"));
    OK(natsConnection_SubscribeSync(&tail, nc, "a.>"));
    OK(natsConnection_PublishString(nc, "a.b.c", "1"));
    OK(natsConnection_PublishString(nc, "a.b.c.d", "2"));
    OK(natsConnection_PublishString(nc, "a", "3"));
    OK(natsConnection_PublishString(nc, "a.x.c", "4"));
    expect_text(star, "a.b.c", "1");
    expect_text(star, "a.x.c", "4");
    expect_text(tail, "a.b.c", "1");
    expect_text(tail, "a.b.c.d", "2");
    expect_text(tail, "a.x.c", "4");
    natsSubscription_Destroy(star);
    natsSubscription_Destroy(tail);
    natsConnection_Destroy(nc);
    end();
}

static void queue_groups(void)
{
    begin(NULL);
    enum { MEMBERS = 4, COUNT = 2000 };
    natsConnection *pub = connect_plain(), *members[MEMBERS];
    natsSubscription *subs[MEMBERS] = {0};
    atomic_int counts[MEMBERS] = {0};
    for (int i = 0; i < MEMBERS; i++) {
        members[i] = connect_plain();
        OK(natsConnection_QueueSubscribe(&subs[i], members[i], "work", "q", on_message, &counts[i]));
        OK(natsConnection_Flush(members[i]));
    }
    for (int i = 0; i < COUNT; i++)
        OK(natsConnection_PublishString(pub, "work", "x"));
    OK(natsConnection_Flush(pub));
    int total = 0;
    for (int attempt = 0; attempt < WAIT_MS / 5 && total < COUNT; attempt++) {
        nats_Sleep(5);
        total = 0;
        for (int i = 0; i < MEMBERS; i++)
            total += atomic_load(&counts[i]);
    }
    CU_ASSERT_EQUAL(total, COUNT);
    for (int i = 0; i < MEMBERS; i++) {
        CU_ASSERT_TRUE(atomic_load(&counts[i]) > COUNT / MEMBERS / 2);
        natsSubscription_Destroy(subs[i]);
        natsConnection_Destroy(members[i]);
    }
    natsConnection_Destroy(pub);
    end();
}

static void headers(void)
{
    begin(NULL);
    natsConnection *nc = connect_plain();
    CU_ASSERT_EQUAL(natsConnection_HasHeaderSupport(nc), NATS_OK);
    natsSubscription *sub = NULL;
    natsMsg *msg = NULL;
    const char *value = NULL;
    OK(natsConnection_SubscribeSync(&sub, nc, "foo"));
    OK(natsMsg_Create(&msg, "foo", NULL, "body", 4));
    OK(natsMsgHeader_Set(msg, "Content-Type", "text/plain"));
    OK(natsMsgHeader_Add(msg, "x-lower", "1"));
    OK(natsMsgHeader_Add(msg, "x-lower", "2"));
    OK(natsConnection_PublishMsg(nc, msg));
    natsMsg_Destroy(msg);
    msg = NULL;
    OK(natsSubscription_NextMsg(&msg, sub, WAIT_MS));
    CU_ASSERT_PTR_NOT_NULL_FATAL(msg);
    OK(natsMsgHeader_Get(msg, "Content-Type", &value));
    CU_ASSERT_STRING_EQUAL(value, "text/plain");
    const char **values = NULL;
    int count = 0;
    OK(natsMsgHeader_Values(msg, "x-lower", &values, &count));
    CU_ASSERT_EQUAL(count, 2);
    free((void *)values);
    CU_ASSERT_EQUAL(natsMsg_GetDataLength(msg), 4);
    natsMsg_Destroy(msg);
    natsSubscription_Destroy(sub);
    natsConnection_Destroy(nc);
    end();
}

static void auto_unsubscribe(void)
{
    begin(NULL);
    natsConnection *nc = connect_plain();
    natsSubscription *sub = NULL;
    natsMsg *msg = NULL;
    OK(natsConnection_SubscribeSync(&sub, nc, "foo"));
    OK(natsSubscription_AutoUnsubscribe(sub, 3));
    for (int i = 0; i < 10; i++)
        OK(natsConnection_PublishString(nc, "foo", "x"));
    OK(natsConnection_Flush(nc));
    for (int i = 0; i < 3; i++)
        expect_text(sub, "foo", "x");
    CU_ASSERT_EQUAL(natsSubscription_NextMsg(&msg, sub, 50), NATS_MAX_DELIVERED_MSGS);
    natsSubscription_Destroy(sub);
    natsConnection_Destroy(nc);
    end();
}

static void large_payloads(void)
{
    begin(NULL);
    enum { MAX = 1048576 };
    natsConnection *nc = connect_plain();
    natsSubscription *sub = NULL;
    char *body = malloc(MAX + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(body);
    OK(natsConnection_SubscribeSync(&sub, nc, "foo"));
    for (int size = 1; size <= MAX; size *= 4) {
        memset(body, 'a' + size % 23, (size_t)size);
        natsMsg *msg = NULL;
        OK(natsConnection_Publish(nc, "foo", body, size));
        OK(natsSubscription_NextMsg(&msg, sub, WAIT_MS));
        CU_ASSERT_PTR_NOT_NULL_FATAL(msg);
        CU_ASSERT_EQUAL(natsMsg_GetDataLength(msg), size);
        CU_ASSERT_EQUAL(memcmp(natsMsg_GetData(msg), body, (size_t)size), 0);
        natsMsg_Destroy(msg);
    }
    CU_ASSERT_EQUAL(natsConnection_Publish(nc, "foo", body, MAX + 1), NATS_MAX_PAYLOAD);
    free(body);
    natsSubscription_Destroy(sub);
    natsConnection_Destroy(nc);
    end();
}

/* ---- requests ---- */

static void request_reply(void)
{
    begin(NULL);
    natsConnection *nc = connect_plain(), *service = connect_plain();
    natsSubscription *sub = NULL;
    OK(natsConnection_Subscribe(&sub, service, "echo", on_echo, &seen.messages));
    OK(natsConnection_Flush(service));
    for (int i = 0; i < 200; i++) {
        natsMsg *reply = NULL;
        OK(natsConnection_RequestString(&reply, nc, "echo", "marco", WAIT_MS));
        CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
        CU_ASSERT_EQUAL(natsMsg_GetDataLength(reply), 5);
        natsMsg_Destroy(reply);
    }
    CU_ASSERT_EQUAL(atomic_load(&seen.messages), 200);
    natsSubscription_Destroy(sub);
    natsConnection_Destroy(nc);
    natsConnection_Destroy(service);
    end();
}

static void no_responders(void)
{
    begin(NULL);
    natsConnection *nc = connect_plain();
    natsMsg *reply = NULL;
    CU_ASSERT_EQUAL(natsConnection_RequestString(&reply, nc, "nobody", "there?", WAIT_MS),
                    NATS_NO_RESPONDERS);
    natsConnection_Destroy(nc);
    end();
}

/* ---- drain, restart, lame duck ---- */

static void drain(void)
{
    begin(NULL);
    natsConnection *pub = connect_plain(), *nc = connect_plain();
    natsSubscription *sub = NULL, *other = NULL;
    OK(natsConnection_Subscribe(&sub, nc, "foo", on_message, &seen.messages));
    OK(natsConnection_Subscribe(&other, nc, "bar", on_message, &seen.messages));
    OK(natsConnection_Flush(nc));
    for (int i = 0; i < 500; i++)
        OK(natsConnection_PublishString(pub, "foo", "x"));
    OK(natsConnection_Flush(pub));
    OK(natsSubscription_Drain(sub));
    OK(natsSubscription_WaitForDrainCompletion(sub, WAIT_MS));
    CU_ASSERT_EQUAL(atomic_load(&seen.messages), 500);
    OK(natsConnection_PublishString(pub, "bar", "x"));
    OK(natsConnection_Flush(pub));
    OK(natsConnection_Drain(nc));
    CU_ASSERT_TRUE(reached(&seen.closed, 1));
    CU_ASSERT_EQUAL(atomic_load(&seen.messages), 501);
    natsSubscription_Destroy(sub);
    natsSubscription_Destroy(other);
    natsConnection_Destroy(nc);
    natsConnection_Destroy(pub);
    end();
}

static void reconnect(bool kill_it)
{
    begin(NULL);
    natsConnection *nc = NULL;
    natsOptions *opts = options_for("nats", "");
    OK(natsOptions_SetReconnectWait(opts, 20));
    OK(natsOptions_SetMaxReconnect(opts, 1000));
    OK(connect_with(&nc, opts));
    natsSubscription *sub = NULL;
    OK(natsConnection_SubscribeSync(&sub, nc, "foo"));
    OK(natsConnection_PublishString(nc, "foo", "before"));
    expect_text(sub, "foo", "before");
    if (kill_it) {
        peer_kill(&peer);
    } else {
        peer_signal(&peer, SIGTERM);
        while (!process_ended(&peer.process))
            nats_Sleep(5);
    }
    CU_ASSERT_TRUE(reached(&seen.disconnected, 1));
    OK(natsConnection_PublishString(nc, "foo", "buffered"));
    CU_ASSERT_TRUE(peer_restart(&peer));
    CU_ASSERT_TRUE(reached(&seen.reconnected, 1));
    expect_text(sub, "foo", "buffered");
    OK(natsConnection_PublishString(nc, "foo", "after"));
    expect_text(sub, "foo", "after");
    natsSubscription_Destroy(sub);
    natsConnection_Destroy(nc);
    end();
}

static void reconnect_after_kill(void)
{
    reconnect(true);
}

static void reconnect_after_stop(void)
{
    reconnect(false);
}

static void lame_duck(void)
{
    begin("lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"200ms\"\n");
    natsConnection *nc = NULL;
    natsOptions *opts = options_for("nats", "");
    OK(natsOptions_SetAllowReconnect(opts, false));
    OK(connect_with(&nc, opts));
    OK(natsConnection_Flush(nc));
    peer_signal(&peer, SIGUSR2);
    CU_ASSERT_TRUE(reached(&seen.lame_duck, 1));
    CU_ASSERT_TRUE(reached(&seen.closed, 1));
    natsConnection_Destroy(nc);
    end();
}

/* ---- who may do what ---- */

static void expect_auth_failure(natsOptions *opts)
{
    natsConnection *nc = NULL;
    natsStatus s = connect_with(&nc, opts);
    CU_ASSERT_EQUAL(s, NATS_CONNECTION_AUTH_FAILED);
    natsConnection_Destroy(nc);
}

static void user_and_password(void)
{
    begin("authorization { users: [ { user: u, password: p } ] }\n");
    natsConnection *nc = NULL;
    expect_auth_failure(options_for("nats", ""));
    expect_auth_failure(options_for("nats", "u:x"));
    expect_auth_failure(options_for("nats", "x:p"));
    OK(connect_with(&nc, options_for("nats", "u:p")));
    OK(natsConnection_Flush(nc));
    natsConnection_Destroy(nc);
    end();
}

static void token(void)
{
    begin("authorization { token: \"$2a$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\" }\n");
    natsConnection *nc = NULL;
    natsOptions *opts = options_for("nats", "");
    OK(natsOptions_SetToken(opts, "wrong"));
    expect_auth_failure(opts);
    opts = options_for("nats", "");
    OK(natsOptions_SetToken(opts, "secret"));
    OK(connect_with(&nc, opts));
    natsConnection_Destroy(nc);
    end();
}

static natsStatus sign_nonce(char **error, unsigned char **signature, int *length, const char *nonce,
                             void *closure)
{
    (void)error;
    return nats_Sign(closure, nonce, signature, length);
}

static void nkey(void)
{
    static char right[] = "SUAAOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOBZ5FE";
    static char wrong[] = "SUAASCIJBEEQSCIJBEEQSCIJBEEQSCIJBEEQSCIJBEEQSCIJBEEQSCKHGM";
    static const char public[] = "UDVEU3DD4KOFECV66VIHWEZOYX4ZKR3WV27L464SIIPOU2IUI3JCYSJF";
    begin(
        "authorization { users: [ { nkey: UDVEU3DD4KOFECV66VIHWEZOYX4ZKR3WV27L464SIIPOU2IUI3JCYSJF } ] }\n");
    natsConnection *nc = NULL;
    natsOptions *opts = options_for("nats", "");
    OK(natsOptions_SetNKey(opts, public, sign_nonce, wrong));
    expect_auth_failure(opts);
    opts = options_for("nats", "");
    OK(natsOptions_SetNKey(opts, public, sign_nonce, right));
    OK(connect_with(&nc, opts));
    natsConnection_Destroy(nc);
    end();
}

static void permissions(void)
{
    begin("authorization { users: [ { user: u, password: p, permissions: {\n"
          "  publish: [ \"ok\", \"_INBOX.>\" ], subscribe: { deny: \"no.*\" } } } ] }\n");
    natsConnection *nc = NULL;
    OK(connect_with(&nc, options_for("nats", "u:p")));
    OK(natsConnection_PublishString(nc, "forbidden", "x"));
    CU_ASSERT_TRUE(reached(&seen.errors, 1));
    CU_ASSERT_EQUAL(atomic_load(&seen.last_error), NATS_NOT_PERMITTED);
    natsSubscription *denied = NULL, *sub = NULL;
    OK(natsConnection_SubscribeSync(&denied, nc, "no.way"));
    CU_ASSERT_TRUE(reached(&seen.errors, 2));
    OK(natsConnection_SubscribeSync(&sub, nc, "ok"));
    OK(natsConnection_PublishString(nc, "ok", "x"));
    expect_text(sub, "ok", "x");
    natsSubscription_Destroy(denied);
    natsSubscription_Destroy(sub);
    natsConnection_Destroy(nc);
    end();
}

static void accounts(void)
{
    begin("accounts { A { users: [ { user: a, password: a } ] }, B { users: [ { user: b, password: b } ] } "
          "}\n");
    natsConnection *a = NULL, *b = NULL;
    OK(connect_with(&a, options_for("nats", "a:a")));
    OK(connect_with(&b, options_for("nats", "b:b")));
    natsSubscription *sub = NULL;
    OK(natsConnection_SubscribeSync(&sub, a, ">"));
    OK(natsConnection_Flush(a));
    OK(natsConnection_PublishString(b, "foo", "from b"));
    OK(natsConnection_Flush(b));
    OK(natsConnection_PublishString(a, "foo", "from a"));
    expect_text(sub, "foo", "from a");
    natsSubscription_Destroy(sub);
    natsConnection_Destroy(a);
    natsConnection_Destroy(b);
    end();
}

/* ---- TLS ---- */

static const char *tls_config(const char *more)
{
    static char text[1200];
    char cert[300], key[300], ca[300];
    snprintf(text, sizeof text,
             "tls { cert_file: \"%s\", key_file: \"%s\", ca_file: \"%s\", timeout: 5 %s }\n",
             peer_cert("server.pem", cert, sizeof cert), peer_cert("server-key.pem", key, sizeof key),
             peer_cert("ca.pem", ca, sizeof ca), more);
    return text;
}

static natsOptions *tls_options(const char *ca)
{
    char path[300];
    natsOptions *opts = options_for("tls", "");
    OK(natsOptions_SetSecure(opts, true));
    OK(natsOptions_LoadCATrustedCertificates(opts, peer_cert(ca, path, sizeof path)));
    return opts;
}

static void exchange(natsConnection *nc)
{
    natsSubscription *sub = NULL;
    OK(natsConnection_SubscribeSync(&sub, nc, "foo"));
    OK(natsConnection_PublishString(nc, "foo", "encrypted"));
    expect_text(sub, "foo", "encrypted");
    natsSubscription_Destroy(sub);
}

static void tls(void)
{
    begin(tls_config(""));
    natsConnection *nc = NULL;
    OK(connect_with(&nc, tls_options("ca.pem")));
    exchange(nc);
    natsConnection_Destroy(nc);
    nc = NULL;
    CU_ASSERT_NOT_EQUAL(connect_with(&nc, tls_options("other-ca.pem")), NATS_OK);
    end();
}

static void tls_with_client_certificate(void)
{
    begin(tls_config(", verify: true"));
    char cert[300], key[300];
    natsConnection *nc = NULL;
    natsOptions *opts = tls_options("ca.pem");
    OK(natsOptions_LoadCertificatesChain(opts, peer_cert("client.pem", cert, sizeof cert),
                                         peer_cert("client-key.pem", key, sizeof key)));
    OK(connect_with(&nc, opts));
    exchange(nc);
    natsConnection_Destroy(nc);
    nc = NULL;
    CU_ASSERT_NOT_EQUAL(connect_with(&nc, tls_options("ca.pem")), NATS_OK);
    end();
}

static const struct unit_test tests[] = {
    UNIT_TEST(connect_options),
    UNIT_TEST(no_echo),
    UNIT_TEST(publish_subscribe),
    UNIT_TEST(wildcards),
    UNIT_TEST(queue_groups),
    UNIT_TEST(headers),
    UNIT_TEST(auto_unsubscribe),
    UNIT_TEST(large_payloads),
    UNIT_TEST(request_reply),
    UNIT_TEST(no_responders),
    UNIT_TEST(drain),
    UNIT_TEST(reconnect_after_kill),
    UNIT_TEST(reconnect_after_stop),
    UNIT_TEST(lame_duck),
    UNIT_TEST(user_and_password),
    UNIT_TEST(token),
    UNIT_TEST(nkey),
    UNIT_TEST(permissions),
    UNIT_TEST(accounts),
    UNIT_TEST(tls),
    UNIT_TEST(tls_with_client_certificate),
};

int main(int argc, char **argv)
{
    const char *server = getenv("SERVER_UNDER_TEST");
    if (server == NULL || access(server, X_OK) != 0) {
        printf("SKIP test_libnats: SERVER_UNDER_TEST names no program (%s)\n",
               server == NULL ? "unset" : server);
        return SKIPPED;
    }
    signal(SIGPIPE, SIG_IGN);
    int rc = unit_run("libnats", tests, sizeof tests / sizeof tests[0], argc, argv);
    nats_Close();
    return rc;
}
