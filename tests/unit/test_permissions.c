/* Permissions: the tables of client-protocol 10 and accounts-auth 11, each line seen on the Go server. */
#include "account/permissions.h"
#include "unit.h"

#include <stdlib.h>

#define SECOND INT64_C(1000000000)

/* A list out of "a|b c|d" (entries split by '|', subject and queue by a blank). */
struct list_text {
    struct permission_entry items[16];
    struct permission_list list;
};

static struct permission_list parse(struct list_text *t, const char *text)
{
    size_t n = 0;
    while (text != NULL && *text != 0) {
        size_t len = strcspn(text, "|"), subject = 0;
        while (subject < len && text[subject] != ' ')
            subject++;
        t->items[n].subject = slice_make(text, subject);
        t->items[n++].queue = subject < len ? slice_make(text + subject + 1, len - subject - 1) : SLICE_EMPTY;
        text += len + (text[len] == '|');
    }
    t->list = (struct permission_list){t->items, n};
    return t->list;
}

static struct permissions *make(const char *pub_allow, const char *pub_deny, const char *sub_allow,
                                const char *sub_deny, int64_t responses, int64_t ttl)
{
    struct list_text t[4];
    struct permissions_config cfg = {.publish = {parse(&t[0], pub_allow), parse(&t[1], pub_deny), false},
                                     .subscribe = {parse(&t[2], sub_allow), parse(&t[3], sub_deny), false},
                                     .responses = responses != 0,
                                     .max_responses = responses,
                                     .response_ns = ttl,
                                     .seed = 12345};
    return permissions_new(&cfg, NULL);
}

static bool pub(struct permissions *p, struct permissions_cache **c, const char *subject)
{
    bool first = permissions_publish(p, c, slice_str(subject));
    CU_ASSERT_EQUAL(permissions_publish(p, c, slice_str(subject)), first); /* from the cache */
    CU_ASSERT_EQUAL(permissions_publish(p, NULL, slice_str(subject)), first);
    return first;
}

static bool sub(const struct permissions *p, const char *subject, const char *queue)
{
    return permissions_subscribe(p, slice_str(subject), slice_str(queue));
}

static bool filter(const struct permissions *p, const char *subject, const char *queue)
{
    return permissions_needs_filter(p, slice_str(subject), slice_str(queue));
}

static bool deliver(const struct permissions *p, const char *subject, const char *queue)
{
    return permissions_deliver(p, slice_str(subject), slice_str(queue));
}

/* covers: CP-115 AA-102 */
static void test_publish(void)
{
    struct permissions *p = make("foo|bar.*|baz.>", "bar.x|baz.*.z", NULL, NULL, 0, 0);
    struct permissions_cache *c = NULL;
    CU_ASSERT(pub(p, &c, "foo"));
    CU_ASSERT(pub(p, &c, "bar.a"));
    CU_ASSERT_FALSE(pub(p, &c, "bar.x"));
    CU_ASSERT_FALSE(pub(p, &c, "bar"));
    CU_ASSERT_FALSE(pub(p, &c, "bar.a.b"));
    CU_ASSERT(pub(p, &c, "baz.a.b"));
    CU_ASSERT_FALSE(pub(p, &c, "baz.a.z"));
    CU_ASSERT_FALSE(pub(p, &c, "baz"));
    CU_ASSERT_FALSE(pub(p, &c, "other"));
    CU_ASSERT_FALSE(pub(p, &c, ""));
    CU_ASSERT_FALSE(pub(p, &c, "foo."));
    CU_ASSERT(pub(p, &c, "bar.a-token-that-is-longer-than-a-line-of-the-cache-can-hold"));
    CU_ASSERT_FALSE(pub(p, &c, "car.a-token-that-is-longer-than-a-line-of-the-cache-can-hold"));
    for (int i = 0; i < 500; i++) { /* the cache is small: verdicts stay right */
        char subject[16];
        snprintf(subject, sizeof(subject), "%s.%d", i % 3 == 0 ? "car" : "bar", i);
        CU_ASSERT_EQUAL(pub(p, &c, subject), i % 3 != 0);
    }
    permissions_cache_free(c);
    permissions_unref(p);

    p = make(NULL, "foo", NULL, NULL, 0, 0);
    CU_ASSERT_FALSE(pub(p, NULL, "foo"));
    CU_ASSERT(pub(p, NULL, "bar"));
    CU_ASSERT(pub(NULL, NULL, "foo"));
    permissions_unref(p);
}

/* covers: AA-110 */
static void test_empty_lists(void)
{
    struct permissions *p = make("", NULL, "", NULL, 0, 0);
    CU_ASSERT(pub(p, NULL, "foo"));
    CU_ASSERT(sub(p, "foo", ""));
    permissions_unref(p);
    struct permissions_config cfg = {.publish = {.restricted = true}, .subscribe = {.restricted = true}};
    p = permissions_new(&cfg, NULL);
    CU_ASSERT_FALSE(pub(p, NULL, "foo"));
    CU_ASSERT(sub(p, "foo", ""));
    permissions_unref(p);
}

/* covers: CP-117 CP-118 AA-104 AA-107 */
static void test_subscribe_is_matched_as_literal(void)
{
    struct permissions *p = make(NULL, NULL, "foo.*|p.>", NULL, 0, 0);
    CU_ASSERT(sub(p, "foo.*", ""));
    CU_ASSERT(sub(p, "foo.>", ""));
    CU_ASSERT(sub(p, "foo.a", ""));
    CU_ASSERT_FALSE(sub(p, "foo.a.b", ""));
    CU_ASSERT_FALSE(sub(p, ">", ""));
    CU_ASSERT_FALSE(sub(p, "*.a", ""));
    CU_ASSERT_FALSE(sub(p, "foo", ""));
    CU_ASSERT(sub(p, "p.*", ""));
    CU_ASSERT(sub(p, "p.*.*", ""));
    CU_ASSERT(sub(p, "p.>", ""));
    CU_ASSERT(sub(p, "foo.a", "anyq"));
    permissions_unref(p);
    p = make(NULL, NULL, NULL, "foo.*", 0, 0);
    CU_ASSERT_FALSE(sub(p, "foo.>", ""));
    CU_ASSERT_FALSE(sub(p, "foo.*", ""));
    CU_ASSERT_FALSE(sub(p, "foo.a", ""));
    CU_ASSERT(sub(p, "foo.a.b", ""));
    CU_ASSERT(sub(p, ">", ""));
    permissions_unref(p);
}

/* covers: CP-120 AA-105 AA-106 */
static void test_queues(void)
{
    struct permissions *p = make(NULL, NULL, "foo|foo v1|w v.*|w *.x|only q|x.* q|gt a.>", NULL, 0, 0);
    CU_ASSERT(sub(p, "foo", ""));
    CU_ASSERT(sub(p, "foo", "v1"));
    CU_ASSERT_FALSE(sub(p, "foo", "v2"));
    CU_ASSERT(sub(p, "w", "v.1"));
    CU_ASSERT(sub(p, "w", "v.*"));
    CU_ASSERT(sub(p, "w", "b.x"));
    CU_ASSERT_FALSE(sub(p, "w", "v.>"));
    CU_ASSERT_FALSE(sub(p, "w", "u.1"));
    CU_ASSERT_FALSE(sub(p, "w", ""));
    CU_ASSERT(sub(p, "only", "q"));
    CU_ASSERT_FALSE(sub(p, "only", "r"));
    CU_ASSERT_FALSE(sub(p, "only", ""));
    CU_ASSERT(sub(p, "x.>", "q"));
    CU_ASSERT(sub(p, "gt", "a.b.c"));
    CU_ASSERT_FALSE(sub(p, "gt", "a"));
    permissions_unref(p);

    p = make(NULL, NULL, NULL, "foo|foo q1|qq q1|w v.*", 0, 0);
    CU_ASSERT_FALSE(sub(p, "foo", ""));
    CU_ASSERT_FALSE(sub(p, "foo", "q2"));
    CU_ASSERT_FALSE(sub(p, "qq", "q1"));
    CU_ASSERT(sub(p, "qq", "q2"));
    CU_ASSERT(sub(p, "qq", ""));
    CU_ASSERT_FALSE(sub(p, "w", "v.2"));
    CU_ASSERT(sub(p, "w", "v"));
    permissions_unref(p);
}

/* covers: CP-119 AA-108 AA-109 */
static void test_delivery_filter(void)
{
    struct permissions *p = make(NULL, NULL, NULL, "foo.*|ov.*.x|qq q1|q.* q1", 0, 0);
    CU_ASSERT(sub(p, ">", ""));
    CU_ASSERT(filter(p, ">", ""));
    CU_ASSERT_FALSE(deliver(p, "foo.c", ""));
    CU_ASSERT(deliver(p, "foo.a.b", ""));
    CU_ASSERT(filter(p, "ov.a.*", "")); /* neither is a subset of the other */
    CU_ASSERT_FALSE(deliver(p, "ov.a.x", ""));
    CU_ASSERT(deliver(p, "ov.a.y", ""));
    CU_ASSERT_FALSE(filter(p, "bar.*", ""));
    CU_ASSERT_FALSE(filter(p, "bar", ""));
    CU_ASSERT_FALSE(filter(p, "foo.a.b", ""));
    CU_ASSERT(filter(p, "q.>", "q1"));
    CU_ASSERT_FALSE(filter(p, "q.>", "q2"));
    CU_ASSERT_FALSE(filter(p, "q.>", ""));
    CU_ASSERT_FALSE(deliver(p, "q.a", "q1"));
    CU_ASSERT(deliver(p, "q.a", "q2"));
    CU_ASSERT(deliver(p, "q.a", ""));
    CU_ASSERT(deliver(p, "qq", ""));
    permissions_unref(p);
    CU_ASSERT(deliver(NULL, "foo", ""));
    CU_ASSERT_FALSE(filter(NULL, ">", ""));
}

static bool answer(struct permissions *p, struct permissions_replies *r, const char *subject, int64_t now)
{
    return permissions_publish(p, NULL, slice_str(subject)) ||
           permissions_respond(p, r, slice_str(subject), now);
}

static void request(struct permissions *p, struct permissions_replies *r, const char *reply, int64_t now)
{
    permissions_note_reply(p, r, slice_str(reply), now);
}

/* covers: CP-121 AA-114 AA-115 AA-116 */
static void test_responses(void)
{
    struct permissions_replies r = {0};
    struct permissions *p = make(NULL, NULL, NULL, NULL, 1, 0);
    CU_ASSERT(permissions_tracks_replies(p));
    CU_ASSERT_FALSE(answer(p, &r, "inbox.1", 0));
    request(p, &r, "inbox.1", 0);
    CU_ASSERT_FALSE(answer(p, &r, "inbox.2", 1));
    CU_ASSERT(answer(p, &r, "inbox.1", 1));
    CU_ASSERT_FALSE(answer(p, &r, "inbox.1", 1));
    CU_ASSERT_FALSE(answer(p, &r, "other", 1));
    request(p, &r, "inbox.3", 5);
    CU_ASSERT_FALSE(answer(p, &r, "inbox.3", 5 + 120 * SECOND + 1)); /* too late */
    request(p, &r, "inbox.4", 5);
    CU_ASSERT(answer(p, &r, "inbox.4", 5 + 120 * SECOND));
    request(p, &r, "same", 7); /* two requests, one reply subject: the second uses up the allowance */
    request(p, &r, "same", 7);
    CU_ASSERT_FALSE(answer(p, &r, "same", 8));
    CU_ASSERT_FALSE(answer(p, &r, "same", 8));
    request(p, &r, "same", 9);
    CU_ASSERT(answer(p, &r, "same", 9));
    permissions_replies_free(&r);
    permissions_unref(p);

    p = make("pub.ok", NULL, NULL, NULL, 2, 10);
    request(p, &r, "pub.ok", 0); /* may be published anyway: not recorded */
    CU_ASSERT_EQUAL(r.count, 0);
    request(p, &r, "two", 0);
    CU_ASSERT(answer(p, &r, "two", 1));
    CU_ASSERT(answer(p, &r, "two", 10));
    CU_ASSERT_FALSE(answer(p, &r, "two", 10));
    permissions_replies_free(&r);
    permissions_unref(p);

    p = make(NULL, NULL, NULL, NULL, -1, -1);
    request(p, &r, "any", 0);
    for (int i = 0; i < 1000; i++)
        CU_ASSERT(answer(p, &r, "any", i * SECOND * 1000));
    permissions_replies_free(&r);
    permissions_unref(p);

    p = make("a", NULL, NULL, NULL, 0, 0); /* no allow_responses */
    request(p, &r, "x", 0);
    CU_ASSERT_FALSE(answer(p, &r, "x", 0));
    CU_ASSERT_EQUAL(r.count, 0);
    permissions_unref(p);
}

static void test_responses_bounded(void)
{
    struct permissions_replies r = {0};
    struct permissions *p = make(NULL, NULL, NULL, NULL, 1, 0);
    char reply[4096];
    for (int i = 0; i < PERMISSIONS_REPLIES_MAX + 100; i++) {
        snprintf(reply, sizeof(reply), "r.%d", i);
        request(p, &r, reply, 1);
    }
    CU_ASSERT_EQUAL(r.count, PERMISSIONS_REPLIES_MAX);
    CU_ASSERT_FALSE(answer(p, &r, "r.0", 1)); /* the oldest went */
    CU_ASSERT(answer(p, &r, "r.1000", 1));
    request(p, &r, "late", 200 * SECOND); /* all others are stale by then */
    CU_ASSERT_EQUAL(r.count, 1);
    memset(reply, 'x', sizeof(reply));
    for (int i = 0; i < 5000; i++) {
        snprintf(reply, 16, "%d", i);
        reply[strlen(reply)] = '.';
        permissions_note_reply(p, &r, slice_make(reply, sizeof(reply)), 200 * SECOND);
    }
    CU_ASSERT(r.bytes <= PERMISSIONS_REPLIES_BYTES + sizeof(reply));
    CU_ASSERT(r.count > 1000);
    permissions_replies_free(&r);
    permissions_unref(p);
}

/* covers: AA-112 AA-113 */
static void test_reserved(void)
{
    CU_ASSERT(permissions_reserved_publish(SLICE_LIT("_GR_.abc.x"), true));
    CU_ASSERT_FALSE(permissions_reserved_publish(SLICE_LIT("_GR_."), false));
    CU_ASSERT(permissions_reserved_publish(SLICE_LIT("$GR.abcd.x"), false));
    CU_ASSERT_TRUE(permissions_reserved_publish(SLICE_LIT("$GR.abcde.x"), false));
    CU_ASSERT(permissions_reserved_publish(SLICE_LIT("$GR.abcd."), false));
    CU_ASSERT_FALSE(permissions_reserved_publish(SLICE_LIT("$GR."), false));
    CU_ASSERT(permissions_reserved_publish(SLICE_LIT("$NRG.x"), false));
    CU_ASSERT_FALSE(permissions_reserved_publish(SLICE_LIT("$NRG.x"), true));
    CU_ASSERT_FALSE(permissions_reserved_publish(SLICE_LIT("foo"), false));
    CU_ASSERT_FALSE(permissions_reserved_publish(SLICE_EMPTY, false));
    CU_ASSERT(permissions_reserved_reply(SLICE_LIT("_R_.x")));
    CU_ASSERT(permissions_reserved_reply(SLICE_LIT("$JS.ACK.x")));
    CU_ASSERT_FALSE(permissions_reserved_reply(SLICE_LIT("$JS.ACK.")));
    CU_ASSERT(permissions_reserved_reply(SLICE_LIT("_GR_.x")));
    CU_ASSERT_FALSE(permissions_reserved_reply(SLICE_LIT("_INBOX.x")));
    CU_ASSERT_FALSE(permissions_reserved_reply(SLICE_EMPTY));
}

/* covers: AA-117 (which entry is at fault) */
static void test_bad_entries(void)
{
    struct list_text t;
    struct permissions_config cfg = {.publish = {.allow = parse(&t, "ok|foo..bar")}};
    slice bad;
    CU_ASSERT_PTR_NULL(permissions_new(&cfg, &bad));
    CU_ASSERT(slice_eq_str(bad, "foo..bar"));
    cfg = (struct permissions_config){.subscribe = {.deny = parse(&t, "foo ..bar")}};
    CU_ASSERT_PTR_NULL(permissions_new(&cfg, &bad));
    CU_ASSERT(slice_eq_str(bad, "..bar"));
}

/* A list of many entries answers as a list of few does. */
static void test_long_lists(void)
{
    enum { MANY = 2000 };
    static struct permission_entry items[MANY];
    static char text[MANY][24];
    for (int i = 0; i < MANY; i++) {
        snprintf(text[i], sizeof(text[i]), i % 2 == 0 ? "t%d.a.*" : "t%d.*.b.>", i * 7 % MANY);
        items[i].subject = slice_str(text[i]);
    }
    struct permissions_config cfg = {.publish = {.allow = {items, MANY}}};
    struct permissions *p = permissions_new(&cfg, NULL);
    for (int i = 0; i < MANY; i++) {
        char subject[32];
        bool even = i % 2 == 0;
        snprintf(subject, sizeof(subject), "t%d.a.%s", i * 7 % MANY, even ? "x" : "b.c");
        CU_ASSERT(permissions_publish(p, NULL, slice_str(subject)));
        snprintf(subject, sizeof(subject), "t%d.a.%s", i * 7 % MANY, even ? "b.c" : "b");
        CU_ASSERT_FALSE(permissions_publish(p, NULL, slice_str(subject)));
    }
    permissions_unref(p);
}

static const struct unit_test tests[] = {UNIT_TEST(test_publish),
                                         UNIT_TEST(test_empty_lists),
                                         UNIT_TEST(test_subscribe_is_matched_as_literal),
                                         UNIT_TEST(test_queues),
                                         UNIT_TEST(test_delivery_filter),
                                         UNIT_TEST(test_responses),
                                         UNIT_TEST(test_responses_bounded),
                                         UNIT_TEST(test_reserved),
                                         UNIT_TEST(test_bad_entries),
                                         UNIT_TEST(test_long_lists)};
UNIT_MAIN("permissions", tests)
