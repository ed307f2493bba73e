/* Who may come in: the order of the checks, passwords, nkeys, fallbacks, accounts and their limits. */
#include "account/auth.h"
#include "account/nkey.h"
#include "unit.h"

#include <midge/base64.h>
#include <stdlib.h>

/* Of the password "secret", cost 4. */
#define SALT_AND_HASH "$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"
#define USER_KEY      "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK"
#define OTHER_KEY     "UAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPGJXQ" /* 31 bytes: never signs */

struct fixture {
    struct epoch_domain d;
    struct epoch_reader r;
    struct accounts_config cfg;
    struct accounts_ref ref;
    uint64_t last_id;
    uint64_t random;
    char err[256];
    struct auth a;
    struct auth_request req;
};

static void pseudo_random(void *ctx, void *to, size_t len)
{
    struct fixture *f = ctx;
    for (uint8_t *p = to; len > 0; len--) {
        f->random = f->random * 6364136223846793005U + 1442695040888963407U;
        *p++ = (uint8_t)(f->random >> 56);
    }
}

static void setup(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    epoch_domain_init(&f->d);
    epoch_reader_join(&f->r, &f->d);
    f->cfg = (struct accounts_config){
        .slots = 1, .random = pseudo_random, .random_ctx = f, .last_id = &f->last_id};
    f->req = (struct auth_request){.connection_type = ACCOUNT_CONN_STANDARD, .nonce = SLICE_LIT("nats")};
    epoch_enter(&f->r);
}

static bool publish(struct fixture *f)
{
    struct accounts *t = accounts_new(&f->cfg, accounts_now(&f->ref), &f->r, f->err, sizeof(f->err));
    if (t != NULL)
        accounts_publish(&f->ref, t, &f->r);
    return t != NULL;
}

static void teardown(struct fixture *f)
{
    accounts_publish(&f->ref, NULL, &f->r);
    epoch_leave(&f->r);
    epoch_collect(&f->r, SIZE_MAX);
    CU_ASSERT_EQUAL(epoch_backlog(&f->r), 0);
    epoch_reader_leave(&f->r);
    epoch_domain_close(&f->d);
}

/* All three steps; gives the references back at once. */
static enum auth_verdict run(struct fixture *f)
{
    enum auth_verdict v = auth_begin(&f->a, accounts_now(&f->ref), &f->req, &f->r);
    if (v == AUTH_WORK) {
        auth_work(&f->a);
        v = auth_finish(&f->a, accounts_now(&f->ref), &f->r);
    }
    if (v == AUTH_OK) {
        account_unref(f->a.account, &f->r); /* the table keeps them alive for this test */
        permissions_unref(f->a.permissions);
    }
    return v;
}

static bool login(struct fixture *f, const char *user, const char *password)
{
    f->req.user = slice_str(user);
    f->req.password = slice_str(password);
    return run(f) == AUTH_OK;
}

static bool in_account(const struct fixture *f, const char *name)
{
    return slice_eq_str(f->a.account->name, name);
}

static void test_open(void)
{
    struct fixture f;
    setup(&f);
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT_FALSE(accounts_auth_required(accounts_now(&f.ref)));
    CU_ASSERT(login(&f, "anybody", "x"));
    CU_ASSERT(in_account(&f, "$G"));
    CU_ASSERT(slice_eq_str(accounts_system(accounts_now(&f.ref))->name, "$SYS"));
    CU_ASSERT_PTR_NULL(accounts_at(accounts_now(&f.ref), 2));
    teardown(&f);
}

/* covers: AA-35 AA-39 */
static void test_single_user(void)
{
    struct fixture f;
    setup(&f);
    f.cfg.user = SLICE_LIT("derek");
    f.cfg.password = SLICE_LIT("porkchop");
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT(accounts_info_auth_required(accounts_now(&f.ref)));
    CU_ASSERT(accounts_has_plaintext(accounts_now(&f.ref)));
    CU_ASSERT(login(&f, "derek", "porkchop"));
    CU_ASSERT(slice_eq_str(f.a.user, "derek"));
    CU_ASSERT_FALSE(login(&f, "derek", "porkchops"));
    CU_ASSERT_FALSE(login(&f, "derek", "porkchoq"));
    CU_ASSERT_FALSE(login(&f, "dere", "porkchop"));
    CU_ASSERT_FALSE(login(&f, "", "porkchop"));
    CU_ASSERT_FALSE(login(&f, "derek", ""));
    f.cfg.password = SLICE_EMPTY;
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT(login(&f, "derek", ""));
    CU_ASSERT_FALSE(login(&f, "derek", "x"));
    teardown(&f);
}

/* covers: AA-36 */
static void test_token(void)
{
    struct fixture f;
    setup(&f);
    f.cfg.token = SLICE_LIT("S3CRET");
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT_FALSE(accounts_has_plaintext(accounts_now(&f.ref)));
    f.req.token = SLICE_LIT("S3CRET");
    CU_ASSERT_EQUAL(run(&f), AUTH_OK);
    f.req.token = SLICE_LIT("S3CREt");
    CU_ASSERT_EQUAL(run(&f), AUTH_REFUSED);
    f.req.token = SLICE_EMPTY;
    CU_ASSERT_EQUAL(run(&f), AUTH_REFUSED);
    f.cfg.token = SLICE_LIT("$2a" SALT_AND_HASH);
    CU_ASSERT_FATAL(publish(&f));
    f.req.token = SLICE_LIT("secret");
    CU_ASSERT_EQUAL(run(&f), AUTH_OK);
    teardown(&f);
}

/* covers: AA-37 AA-38 */
static void test_bcrypt(void)
{
    static const char *const good[] = {"$2a" SALT_AND_HASH, "$2b" SALT_AND_HASH, "$2x" SALT_AND_HASH,
                                       "$2y" SALT_AND_HASH};
    static const char *const bad[] = {
        "$2a$04$short", "$2a$03$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
        "$2a$32$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", "$2a" SALT_AND_HASH "x",
        "$2a$04$!!!!efghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"};
    struct fixture f;
    char longest[200];
    setup(&f);
    f.cfg.user = SLICE_LIT("u");
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        f.cfg.password = slice_str(good[i]);
        CU_ASSERT_FATAL(publish(&f));
        CU_ASSERT_FALSE(accounts_has_plaintext(accounts_now(&f.ref)));
        CU_ASSERT(login(&f, "u", "secret"));
        CU_ASSERT_FALSE(login(&f, "u", "secreT"));
        CU_ASSERT_FALSE(login(&f, "u", good[i]));
        CU_ASSERT_FALSE(login(&f, "u", ""));
        f.req.password = slice_make("secret\0more", 11);
        CU_ASSERT_EQUAL(run(&f), AUTH_REFUSED);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        f.cfg.password = slice_str(bad[i]);
        CU_ASSERT_FATAL(publish(&f));
        CU_ASSERT_FALSE(login(&f, "u", "secret"));
        CU_ASSERT_FALSE(login(&f, "u", bad[i]));
    }
    f.cfg.password = SLICE_LIT("$2x$04$abcdefghijklmnopqrstuuztna9lUyBu9CMZg7uFWglG8Y9XCKbG2");
    CU_ASSERT_FATAL(publish(&f)); /* x would be another function of bytes above 0x7f; Go computes b */
    CU_ASSERT(login(&f, "u",
                    "s\xc3\xa9"
                    "cret\xc3\xbf\xc2\xa3"));
    memset(longest, 'p', sizeof(longest)); /* the hash is of 72 times p */
    f.cfg.password = SLICE_LIT("$2b$04$abcdefghijklmnopqrstuuNt.0ah97gHY3F7JC1Z6EXmQc0bQBhIO");
    CU_ASSERT_FATAL(publish(&f));
    f.req.password = slice_make(longest, 72);
    CU_ASSERT_EQUAL(run(&f), AUTH_OK);
    f.req.password = slice_make(longest, 200);
    CU_ASSERT_EQUAL(run(&f), AUTH_OK);
    f.req.password = slice_make(longest, 71);
    CU_ASSERT_EQUAL(run(&f), AUTH_REFUSED);
    teardown(&f);
}

/* covers: AA-42 AA-43 AA-44 AA-45 AA-46 */
static void test_nkeys(void)
{
    struct user_config users[] = {{.nkey = SLICE_LIT(USER_KEY), .account = SLICE_LIT("A")},
                                  {.nkey = SLICE_LIT(OTHER_KEY)},
                                  {.user = SLICE_LIT("u"), .password = SLICE_LIT("p")}};
    struct account_config account = {.name = SLICE_LIT("A"), .limits = {-1, -1, -1, -1}};
    struct fixture f;
    uint8_t seed[CODEC_NKEY_KEY], sig[NKEY_SIG];
    char url[100] = "", std[100] = "", bad[100];
    for (unsigned i = 0; i < CODEC_NKEY_KEY; i++)
        seed[i] = (uint8_t)i;
    CU_ASSERT_FATAL(nkey_sign(seed, SLICE_LIT("nats"), sig));
    codec_base64_encode(slice_make(sig, NKEY_SIG), CODEC_BASE64_URL_RAW, (uint8_t *)url);
    codec_base64_encode(slice_make(sig, NKEY_SIG), CODEC_BASE64_STD, (uint8_t *)std);
    setup(&f);
    f.cfg.users = users;
    f.cfg.user_count = 3;
    f.cfg.accounts = &account;
    f.cfg.account_count = 1;
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT(accounts_nonce_required(accounts_now(&f.ref)));
    f.req.nkey = SLICE_LIT(USER_KEY);
    f.req.sig = slice_str(url);
    CU_ASSERT_EQUAL(run(&f), AUTH_OK);
    CU_ASSERT(in_account(&f, "A"));
    CU_ASSERT(slice_eq_str(f.a.user, USER_KEY));
    f.req.sig = slice_str(std);
    CU_ASSERT_EQUAL(run(&f), AUTH_OK);
    CU_ASSERT(login(&f, "who", "cares")); /* not looked at beside a known nkey */

    f.req.nonce = SLICE_LIT("nats2"); /* replayed */
    CU_ASSERT_EQUAL(run(&f), AUTH_REFUSED);
    CU_ASSERT_STRING_EQUAL(f.a.debug, "Signature not verified");
    f.req.nonce = SLICE_LIT("nats");
    f.req.sig = SLICE_EMPTY;
    CU_ASSERT_EQUAL(run(&f), AUTH_REFUSED);
    CU_ASSERT_STRING_EQUAL(f.a.debug, "Signature missing");
    f.req.sig = SLICE_LIT("!!!");
    CU_ASSERT_EQUAL(run(&f), AUTH_REFUSED);
    snprintf(bad, sizeof(bad), "%.80s", url);
    f.req.sig = slice_str(bad);
    CU_ASSERT_EQUAL(run(&f), AUTH_REFUSED);
    f.req.sig = slice_str(url);
    f.req.nkey = SLICE_LIT(OTHER_KEY);
    CU_ASSERT_EQUAL(run(&f), AUTH_REFUSED);
    f.req.nkey = SLICE_LIT("UNKNOWN");
    CU_ASSERT_FALSE(login(&f, "u", "p"));
    f.req.nkey = SLICE_EMPTY;
    CU_ASSERT(login(&f, "u", "p"));
    CU_ASSERT(in_account(&f, "$G"));
    teardown(&f);
}

/* covers: AA-47 AA-49 AA-50 AA-51 AA-52 AA-53 */
static void test_no_auth_user(void)
{
    struct user_config users[] = {
        {.user = SLICE_LIT("guest"), .password = SLICE_LIT("g"), .account = SLICE_LIT("A")},
        {.user = SLICE_LIT("open")},
        {.user = SLICE_LIT("hash"), .password = SLICE_LIT("$2a" SALT_AND_HASH)},
        {.nkey = SLICE_LIT(USER_KEY)}};
    struct account_config account = {.name = SLICE_LIT("A"), .limits = {-1, -1, -1, -1}};
    struct fixture f;
    setup(&f);
    f.cfg.users = users;
    f.cfg.user_count = 3; /* no nkey at first */
    f.cfg.accounts = &account;
    f.cfg.account_count = 1;
    f.cfg.no_auth_user = SLICE_LIT("guest");
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT(accounts_auth_required(accounts_now(&f.ref)));
    CU_ASSERT_FALSE(accounts_info_auth_required(accounts_now(&f.ref)));
    CU_ASSERT(login(&f, "", ""));
    CU_ASSERT(f.a.no_auth);
    CU_ASSERT(in_account(&f, "A"));
    CU_ASSERT(slice_eq_str(f.a.user, "guest"));
    f.req.no_connect = true;
    CU_ASSERT_EQUAL(run(&f), AUTH_OK);
    f.req.no_connect = false;
    CU_ASSERT_FALSE(login(&f, "", "x"));
    CU_ASSERT_FALSE(login(&f, "guest", ""));
    CU_ASSERT(login(&f, "guest", "g"));
    CU_ASSERT_FALSE(f.a.no_auth);
    CU_ASSERT(login(&f, "open", ""));
    f.req.user = f.req.password = SLICE_EMPTY;
    f.req.token = SLICE_LIT("x");
    CU_ASSERT_EQUAL(run(&f), AUTH_REFUSED);
    f.req.token = SLICE_EMPTY;
    f.req.nkey = SLICE_LIT("UNKNOWN"); /* does not prevent it while there are no nkey users */
    CU_ASSERT_EQUAL(run(&f), AUTH_OK);
    f.cfg.user_count = 4;
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT_EQUAL(run(&f), AUTH_REFUSED);
    f.req.nkey = SLICE_EMPTY;

    f.cfg.no_auth_user = SLICE_LIT("hash"); /* the hash would be the password */
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT_FALSE(login(&f, "", ""));
    CU_ASSERT(login(&f, "hash", "secret"));

    f.cfg.no_auth_user = SLICE_LIT(USER_KEY);
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT(login(&f, "", ""));
    CU_ASSERT(slice_eq_str(f.a.user, USER_KEY));
    f.req.no_connect = true; /* helps password users only */
    CU_ASSERT_EQUAL(run(&f), AUTH_REFUSED);
    f.req.no_connect = false;
    f.req.nkey = SLICE_LIT(USER_KEY);
    CU_ASSERT_EQUAL(run(&f), AUTH_OK);
    teardown(&f);
}

/* covers: AA-54 AA-207 AA-41 */
static void test_errors(void)
{
    struct user_config users[] = {{.user = SLICE_LIT("a")}, {.user = SLICE_LIT("a")}};
    struct fixture f;
    setup(&f);
    f.cfg.no_auth_user = SLICE_LIT("z");
    CU_ASSERT_FALSE(publish(&f));
    CU_ASSERT_STRING_EQUAL(f.err, "no_auth_user: \"z\" present, but users/nkeys are not defined");
    f.cfg.users = users;
    f.cfg.user_count = 1;
    CU_ASSERT_FALSE(publish(&f));
    CU_ASSERT_STRING_EQUAL(f.err, "no_auth_user: \"z\" not present as user or nkey in authorization block or "
                                  "account configuration");
    f.cfg.no_auth_user = SLICE_EMPTY;
    f.cfg.system_account = SLICE_LIT("X");
    CU_ASSERT_FALSE(publish(&f));
    CU_ASSERT_STRING_EQUAL(f.err, "error resolving system account: account missing");
    f.cfg.system_account = SLICE_EMPTY;
    f.cfg.user_count = 2;
    CU_ASSERT_FALSE(publish(&f));
    CU_ASSERT_STRING_EQUAL(f.err, "Duplicate user \"a\" detected");
    users[1].user = SLICE_LIT("b");
    users[1].nkey = SLICE_LIT("UBAD");
    CU_ASSERT_FALSE(publish(&f));
    CU_ASSERT_STRING_EQUAL(f.err, "Not a valid public nkey for a user");
    teardown(&f);
}

/* covers: AA-79 AA-81 */
static void test_connection_types(void)
{
    struct user_config users[] = {
        {.user = SLICE_LIT("std"), .password = SLICE_LIT("p"), .connection_types = ACCOUNT_CONN_STANDARD},
        {.user = SLICE_LIT("web"),
         .password = SLICE_LIT("p"),
         .connection_types = ACCOUNT_CONN_WEBSOCKET | ACCOUNT_CONN_MQTT_WS},
        {.user = SLICE_LIT("all"), .password = SLICE_LIT("p")}};
    struct fixture f;
    setup(&f);
    f.cfg.users = users;
    f.cfg.user_count = 3;
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT(login(&f, "std", "p"));
    CU_ASSERT_FALSE(login(&f, "web", "p"));
    CU_ASSERT(login(&f, "all", "p"));
    f.req.connection_type = ACCOUNT_CONN_WEBSOCKET;
    CU_ASSERT_FALSE(login(&f, "std", "p"));
    CU_ASSERT(login(&f, "web", "p"));
    CU_ASSERT(login(&f, "all", "p"));
    f.req.connection_type = ACCOUNT_CONN_MQTT;
    CU_ASSERT_FALSE(login(&f, "web", "p"));
    teardown(&f);
}

/* covers: AA-119 (compiled ones are shared) AA-121 */
static void test_permissions_and_limits(void)
{
    struct permission_entry foo = {.subject = SLICE_LIT("foo")};
    struct permissions_config perms = {.publish = {.allow = {&foo, 1}}};
    struct user_config users[] = {{.user = SLICE_LIT("a"), .account = SLICE_LIT("A"), .permissions = &perms},
                                  {.user = SLICE_LIT("b"), .account = SLICE_LIT("A"), .permissions = &perms},
                                  {.user = SLICE_LIT("c"), .account = SLICE_LIT("A")}};
    struct account_config account = {
        .name = SLICE_LIT("A"),
        .limits = {.connections = 2, .leafnodes = -1, .subscriptions = 7, .payload = 100}};
    struct fixture f;
    setup(&f);
    f.cfg.users = users;
    f.cfg.user_count = 3;
    f.cfg.accounts = &account;
    f.cfg.account_count = 1;
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT(login(&f, "a", ""));
    const struct permissions *p = f.a.permissions;
    CU_ASSERT(permissions_publish(p, NULL, SLICE_LIT("foo")));
    CU_ASSERT_FALSE(permissions_publish(p, NULL, SLICE_LIT("bar")));
    CU_ASSERT(login(&f, "b", ""));
    CU_ASSERT_PTR_EQUAL(f.a.permissions, p);
    CU_ASSERT(login(&f, "c", ""));
    CU_ASSERT_PTR_NULL(f.a.permissions);
    struct account *a = f.a.account;
    CU_ASSERT_EQUAL(atomic_load(&a->max_subscriptions), 7);
    CU_ASSERT_EQUAL(atomic_load(&a->max_payload), 100);
    CU_ASSERT(account_bind(a));
    CU_ASSERT(account_bind(a));
    CU_ASSERT_FALSE(account_bind(a));
    account_unbind(a, &f.r);
    CU_ASSERT(account_bind(a));
    account.limits.connections = 1; /* lowered by a reload: who is there stays */
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT_PTR_EQUAL(accounts_find(accounts_now(&f.ref), SLICE_LIT("A")), a);
    account_unbind(a, &f.r);
    CU_ASSERT_FALSE(account_bind(a));
    account_unbind(a, &f.r);
    CU_ASSERT(account_bind(a));
    account_unbind(a, &f.r);
    teardown(&f);
}

/* covers: AA-202 */
static void test_isolation(void)
{
    struct account_config accounts[] = {{.name = SLICE_LIT("A"), .limits = {-1, -1, -1, -1}},
                                        {.name = SLICE_LIT("B"), .limits = {-1, -1, -1, -1}}};
    struct fixture f;
    struct sublist_scratch *sc = sublist_scratch_new(0);
    setup(&f);
    f.cfg.accounts = accounts;
    f.cfg.account_count = 2;
    CU_ASSERT_FATAL(publish(&f));
    struct account *a = accounts_find(accounts_now(&f.ref), SLICE_LIT("A"));
    struct account *b = accounts_find(accounts_now(&f.ref), SLICE_LIT("B"));
    struct sub *s = sub_new(SLICE_LIT("foo"), SLICE_EMPTY, SLICE_LIT("1"), NULL);
    CU_ASSERT_EQUAL(sublist_insert(a->sublist, &f.r, s), 0);
    CU_ASSERT(sublist_has_interest(a->sublist, SLICE_LIT("foo"), sc));
    CU_ASSERT_FALSE(sublist_has_interest(b->sublist, SLICE_LIT("foo"), sc));
    CU_ASSERT_FALSE(
        sublist_has_interest(accounts_global(accounts_now(&f.ref))->sublist, SLICE_LIT("foo"), sc));
    teardown(&f);
    sublist_scratch_free(sc);
}

/* covers: AA-203 AA-204 */
static void test_only_system_account(void)
{
    struct user_config users[] = {
        {.user = SLICE_LIT("sys"), .password = SLICE_LIT("p"), .account = SLICE_LIT("$SYS")}};
    struct account_config account = {.name = SLICE_LIT("$SYS"), .limits = {-1, -1, -1, -1}};
    struct fixture f;
    setup(&f);
    f.cfg.users = users;
    f.cfg.user_count = 1;
    f.cfg.accounts = &account;
    f.cfg.account_count = 1;
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT(accounts_info_auth_required(accounts_now(&f.ref)));
    CU_ASSERT(login(&f, "", ""));
    CU_ASSERT(in_account(&f, "$G"));
    CU_ASSERT(slice_starts(f.a.user, SLICE_LIT("nats-")));
    CU_ASSERT_EQUAL(f.a.user.len, 13);
    CU_ASSERT(login(&f, "sys", "p"));
    CU_ASSERT(in_account(&f, "$SYS"));
    CU_ASSERT(f.a.account->system);
    f.cfg.authorization_block = true;
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT_FALSE(login(&f, "", ""));
    f.cfg.authorization_block = false;
    f.cfg.no_system_account = true; /* $SYS is declared all the same */
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT_PTR_NOT_NULL(accounts_system(accounts_now(&f.ref)));
    teardown(&f);
}

/* A table that is replaced while a password is checked, and accounts that outlive their table. */
static void test_reload(void)
{
    struct user_config users[] = {
        {.user = SLICE_LIT("u"), .password = SLICE_LIT("$2a" SALT_AND_HASH), .account = SLICE_LIT("A")}};
    struct account_config account = {.name = SLICE_LIT("A"), .limits = {-1, -1, -1, -1}};
    struct fixture f;
    setup(&f);
    f.cfg.users = users;
    f.cfg.user_count = 1;
    f.cfg.accounts = &account;
    f.cfg.account_count = 1;
    CU_ASSERT_FATAL(publish(&f));
    uint64_t generation = accounts_generation(accounts_now(&f.ref));
    f.req.user = SLICE_LIT("u");
    f.req.password = SLICE_LIT("secret");
    CU_ASSERT_EQUAL(auth_begin(&f.a, accounts_now(&f.ref), &f.req, &f.r), AUTH_WORK);
    auth_work(&f.a);
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT(accounts_generation(accounts_now(&f.ref)) > generation);
    CU_ASSERT_EQUAL(auth_finish(&f.a, accounts_now(&f.ref), &f.r), AUTH_AGAIN);
    CU_ASSERT_EQUAL(run(&f), AUTH_OK);
    CU_ASSERT_EQUAL(auth_begin(&f.a, accounts_now(&f.ref), &f.req, &f.r), AUTH_WORK);
    auth_cancel(&f.a, &f.r); /* the connection is gone */

    struct account *a = accounts_find(accounts_now(&f.ref), SLICE_LIT("A"));
    CU_ASSERT(account_bind(a));
    struct accounts *stale = accounts_now(&f.ref);
    f.cfg.account_count = 0;
    f.cfg.user_count = 0;
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT_PTR_NULL(accounts_find(accounts_now(&f.ref), SLICE_LIT("A")));
    CU_ASSERT_PTR_EQUAL(accounts_find(stale, SLICE_LIT("A")), a); /* we are online still */
    CU_ASSERT(account_bind(a));                                   /* bound ones keep it alive */
    account_unbind(a, &f.r);
    account_unbind(a, &f.r);
    CU_ASSERT_FALSE(account_bind(a)); /* the last one has gone: it cannot be revived */
    epoch_leave(&f.r);
    epoch_collect(&f.r, SIZE_MAX);
    epoch_enter(&f.r);
    teardown(&f);
}

/* Loops that log in and bind while reloads add and remove an account: for the sanitizers. */
enum { LOOPS = 3, RELOADS = 300 };

struct race {
    struct fixture *f;
    atomic_bool stop;
    atomic_int logins;
};

static void *race_main(void *arg)
{
    struct race *race = arg;
    struct fixture *f = race->f;
    struct epoch_reader r;
    struct auth *a = malloc(sizeof(*a));
    struct auth_request req = {.user = SLICE_LIT("u"), .connection_type = ACCOUNT_CONN_STANDARD};
    epoch_reader_join(&r, &f->d);
    while (!atomic_load(&race->stop)) {
        epoch_enter(&r);
        if (auth_begin(a, accounts_now(&f->ref), &req, &r) == AUTH_OK) {
            bool bound = account_bind(a->account);
            account_unref(a->account, &r);
            epoch_leave(&r);
            epoch_enter(&r); /* turns later ... */
            atomic_fetch_add(&race->logins,
                             bound && permissions_publish(a->permissions, NULL, SLICE_LIT("foo")));
            if (bound)
                account_unbind(a->account, &r);
            permissions_unref(a->permissions);
        }
        epoch_leave(&r);
        epoch_collect(&r, EPOCH_COLLECT_TURN);
    }
    epoch_reader_leave(&r);
    free(a);
    return NULL;
}

static void test_reload_race(void)
{
    struct permission_entry foo = {.subject = SLICE_LIT("foo")};
    struct permissions_config perms = {.publish = {.allow = {&foo, 1}}};
    struct user_config user = {.user = SLICE_LIT("u"), .account = SLICE_LIT("A"), .permissions = &perms};
    struct account_config account = {.name = SLICE_LIT("A"), .limits = {-1, -1, -1, -1}};
    struct fixture f;
    struct race race = {.f = &f};
    pthread_t t[LOOPS];
    setup(&f);
    f.cfg.users = &user;
    f.cfg.accounts = &account;
    f.cfg.authorization_block = true;
    f.cfg.user = SLICE_LIT("other"); /* so that nobody comes in without the user */
    f.cfg.user_count = f.cfg.account_count = 1;
    CU_ASSERT_FATAL(publish(&f));
    epoch_leave(&f.r);
    for (int i = 0; i < LOOPS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&t[i], NULL, race_main, &race), 0);
    for (int i = 0; i < RELOADS || atomic_load(&race.logins) == 0; i++) {
        f.cfg.user_count = f.cfg.account_count = i % 3 == 0 ? 0 : 1;
        epoch_enter(&f.r);
        CU_ASSERT(publish(&f));
        epoch_leave(&f.r);
        epoch_collect(&f.r, SIZE_MAX);
    }
    atomic_store(&race.stop, true);
    for (int i = 0; i < LOOPS; i++)
        pthread_join(t[i], NULL);
    CU_ASSERT(atomic_load(&race.logins) > 0);
    epoch_enter(&f.r);
    teardown(&f);
}

/* Which connections a reload closes at once: those whose user is gone or lives in another account now. */
static void test_moved(void)
{
    struct user_config users[] = {{.user = SLICE_LIT("u"), .account = SLICE_LIT("A")},
                                  {.nkey = SLICE_LIT(USER_KEY), .account = SLICE_LIT("A")}};
    struct account_config accounts[] = {{.name = SLICE_LIT("A"), .limits = {-1, -1, -1, -1}},
                                        {.name = SLICE_LIT("B"), .limits = {-1, -1, -1, -1}}};
    struct fixture f;
    setup(&f);
    f.cfg.users = users;
    f.cfg.user_count = 2;
    f.cfg.accounts = accounts;
    f.cfg.account_count = 2;
    CU_ASSERT_FATAL(publish(&f));
    struct account *a = account_ref(accounts_find(accounts_now(&f.ref), SLICE_LIT("A")));
    slice u = SLICE_LIT("u"), key = SLICE_LIT(USER_KEY);
    CU_ASSERT_FATAL(publish(&f)); /* nothing changed */
    CU_ASSERT_FALSE(accounts_moved(accounts_now(&f.ref), u, SLICE_EMPTY, a));
    CU_ASSERT_FALSE(accounts_moved(accounts_now(&f.ref), SLICE_EMPTY, key, a));
    CU_ASSERT_FALSE(accounts_moved(accounts_now(&f.ref), SLICE_EMPTY, SLICE_EMPTY, a));
    CU_ASSERT(accounts_moved(accounts_now(&f.ref), SLICE_LIT("x"), SLICE_EMPTY, a));
    CU_ASSERT(accounts_moved(accounts_now(&f.ref), u, SLICE_LIT("x"), a));
    users[0].account = SLICE_LIT("B");
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT(accounts_moved(accounts_now(&f.ref), u, SLICE_EMPTY, a));
    f.cfg.accounts = &accounts[1]; /* the account itself goes, and comes again as another one */
    f.cfg.account_count = 1;
    users[1].account = SLICE_LIT("B");
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT(accounts_moved(accounts_now(&f.ref), SLICE_EMPTY, key, a));
    f.cfg.accounts = accounts;
    f.cfg.account_count = 2;
    users[1].account = SLICE_LIT("A");
    CU_ASSERT_FATAL(publish(&f));
    CU_ASSERT(accounts_moved(accounts_now(&f.ref), SLICE_EMPTY, key, a));
    account_unref(a, &f.r);
    teardown(&f);
}

/* covers: AA-34 */
static void test_error_text(void)
{
    char text[AUTH_NOTE_MAX];
    struct auth_request req = {0};
    auth_error_text(&req, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "authentication error");
    req.token = SLICE_LIT("t");
    auth_error_text(&req, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "authentication error - Token \"[REDACTED]\"");
    req.user = SLICE_LIT("a\"b");
    auth_error_text(&req, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "authentication error - User \"a\\\"b\"");
    req.nkey = SLICE_LIT("UABC");
    auth_error_text(&req, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "authentication error - Nkey \"UABC\"");
}

static const struct unit_test tests[] = {UNIT_TEST(test_open),
                                         UNIT_TEST(test_single_user),
                                         UNIT_TEST(test_token),
                                         UNIT_TEST(test_bcrypt),
                                         UNIT_TEST(test_nkeys),
                                         UNIT_TEST(test_no_auth_user),
                                         UNIT_TEST(test_errors),
                                         UNIT_TEST(test_connection_types),
                                         UNIT_TEST(test_permissions_and_limits),
                                         UNIT_TEST(test_isolation),
                                         UNIT_TEST(test_only_system_account),
                                         UNIT_TEST(test_reload),
                                         UNIT_TEST(test_reload_race),
                                         UNIT_TEST(test_moved),
                                         UNIT_TEST(test_error_text)};
UNIT_MAIN("auth", tests)
