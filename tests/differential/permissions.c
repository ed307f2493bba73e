/* permissions.c: what a server lets users publish, subscribe to and receive, against what our modules say.
 *
 * Each round draws users with random permissions, writes them as a configuration, and lets one connection for
 * each user subscribe and publish at random while a free user publishes to it. Every answer is compared: the
 * exact -ERR texts, the sids of plain subscriptions that got the message, the number of copies for queue
 * groups (their members are drawn by chance).
 *
 * Environment: SERVER_UNDER_TEST (default NATS_SERVER, then build/peer/nats-server), SEED (1), COUNT (rounds,
 * 3). covers: CP-107 CP-110 CP-111 CP-115 CP-117 CP-118 CP-119 CP-120 CP-121 AA-102 AA-104 AA-107 AA-108
 * AA-109 AA-114 AA-116 */
#include "peer_link.h"

#include "account/permissions.h"
#include <errno.h>
#include <midge/subject.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    USERS = 15,
    SUBS = 25,
    STEPS = 90,
    LIST = 4,
    TEXT = 24,
    ANSWER = 4096,
};

/* ---- random texts ---- */

static void draw_subject(char *to, bool wild)
{
    static const char *const tokens[] = {"a", "b", "c", "d*", "*", ">"};
    uint32_t n = 1 + link_below(4);
    *to = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t t = link_below(wild ? 6 : 4);
        if (t == 5 && i + 1 < n)
            t = 4;
        strcat(to, i == 0 ? "" : ".");
        strcat(to, tokens[t]);
    }
}

static const char *draw(const char *const *texts, uint32_t count)
{
    return texts[link_below(count)];
}

/* ---- a user: permissions as text and compiled ---- */

struct list {
    char subject[LIST][TEXT];
    struct permission_entry item[LIST];
    struct permission_list list;
};

struct sub_model {
    char subject[TEXT];
    char queue[TEXT];
};

struct user {
    struct list lists[4]; /* publish allow and deny, subscribe allow and deny */
    struct permissions *perms;
    struct permissions_replies replies;
    struct sub_model subs[SUBS]; /* sid is the position + 1; refused ones have no subject */
    unsigned sub_count;
};

static void put(struct bytes *b, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    bytes_add(b, text, (size_t)len);
}

static void draw_list(struct list *l, const char *name, bool queues, struct bytes *conf)
{
    static const char *const queue_names[] = {"q1", "q2", "q.*", "q.>", "*", "q.a"};
    size_t count = link_below(5) < 3 ? link_below(LIST + 1) : 0;
    put(conf, "%s: [", name);
    for (size_t i = 0; i < count; i++) {
        const char *queue = queues && link_below(10) < 3 ? draw(queue_names, 6) : "";
        draw_subject(l->subject[i], true);
        put(conf, "%s\"%s%s%s\"", i == 0 ? "" : ", ", l->subject[i], *queue == 0 ? "" : " ", queue);
        l->item[i] = (struct permission_entry){slice_str(l->subject[i]), slice_str(queue)};
    }
    put(conf, "]");
    l->list = (struct permission_list){l->item, count};
}

static bool draw_user(struct user *u, unsigned n, struct bytes *conf)
{
    memset(u, 0, sizeof *u);
    put(conf, "{user: u%u, password: p, permissions: {publish: {", n);
    draw_list(&u->lists[0], "allow", false, conf);
    put(conf, ", ");
    draw_list(&u->lists[1], "deny", false, conf);
    put(conf, "}, subscribe: {");
    draw_list(&u->lists[2], "allow", true, conf);
    put(conf, ", ");
    draw_list(&u->lists[3], "deny", true, conf);
    struct permissions_config cfg = {.publish = {u->lists[0].list, u->lists[1].list, false},
                                     .subscribe = {u->lists[2].list, u->lists[3].list, false},
                                     .responses = link_below(3) == 0,
                                     .max_responses = 1 + (int64_t)link_below(2),
                                     .seed = 1};
    put(conf, "}");
    if (cfg.responses)
        put(conf, ", allow_responses: {max: %d}", (int)cfg.max_responses);
    put(conf, "}}\n");
    u->perms = permissions_new(&cfg, NULL);
    return u->perms != NULL;
}

static void drop_user(struct user *u)
{
    permissions_unref(u->perms);
    permissions_replies_free(&u->replies);
}

/* ---- the model: answers as texts "E<error>\n", "P<sid>\n" in order of sid, "Q<copies>\n" ---- */

static void say(char *answer, const char *fmt, ...)
{
    size_t len = strlen(answer);
    va_list args;
    va_start(args, fmt);
    vsnprintf(answer + len, ANSWER - len, fmt, args);
    va_end(args);
}

static void model_sub(struct user *u, const char *subject, const char *queue, char *answer)
{
    struct sub_model *s = &u->subs[u->sub_count++];
    memset(s, 0, sizeof *s);
    if (!permissions_subscribe(u->perms, slice_str(subject), slice_str(queue))) {
        say(answer, "EPermissions Violation for Subscription to \"%s\"", subject);
        say(answer, *queue == 0 ? "\n" : " using queue \"%s\"\n", queue);
        return;
    }
    strcpy(s->subject, subject);
    strcpy(s->queue, queue);
}

static bool receives(const struct user *u, const struct sub_model *s, const char *subject)
{
    slice pattern = slice_str(s->subject), queue = slice_str(s->queue);
    if (pattern.len == 0 || !codec_subject_matches(pattern, slice_str(subject)))
        return false;
    return !permissions_needs_filter(u->perms, pattern, queue) ||
           permissions_deliver(u->perms, slice_str(subject), queue);
}

/* Is this the first sub of its queue that receives? One copy goes to each group. */
static bool first_of_group(const struct user *u, unsigned at, const char *subject)
{
    for (unsigned i = 0; i < at; i++) {
        if (strcmp(u->subs[i].queue, u->subs[at].queue) == 0 && receives(u, &u->subs[i], subject))
            return false;
    }
    return true;
}

static void model_delivery(struct user *u, const char *subject, const char *reply, char *answer)
{
    unsigned groups = 0, copies = 0;
    for (unsigned i = 0; i < u->sub_count; i++) {
        if (!receives(u, &u->subs[i], subject))
            continue;
        if (u->subs[i].queue[0] == 0) {
            say(answer, "P%u\n", i + 1);
            copies++;
        } else {
            groups += first_of_group(u, i, subject);
        }
    }
    say(answer, "Q%u\n", groups);
    for (unsigned i = 0; *reply != 0 && i < copies + groups; i++)
        permissions_note_reply(u->perms, &u->replies, slice_str(reply), 0);
}

static void model_pub(struct user *u, const char *subject, const char *reply, char *answer)
{
    if (!permissions_publish(u->perms, NULL, slice_str(subject)) &&
        !permissions_respond(u->perms, &u->replies, slice_str(subject), 0)) {
        say(answer, "EPermissions Violation for Publish to \"%s\"\nQ0\n", subject);
        return;
    }
    model_delivery(u, subject, reply, answer);
}

/* ---- the server ---- */

/* Reads up to PONG, behind which a PING of the server's own may stand; false when it does not come. */
static bool read_answer(int fd, char *text, size_t cap)
{
    size_t len = 0;
    while (len + 1 < cap) {
        ssize_t got = recv(fd, text + len, cap - 1 - len, 0);
        if (got <= 0) {
            printf("no answer: %s\n", got == 0 ? "the server closed" : strerror(errno));
            return false;
        }
        len += (size_t)got;
        text[len] = 0;
        if (strncmp(text, "PONG\r\n", 6) == 0 || strstr(text, "\nPONG\r\n") != NULL)
            return true;
    }
    return false;
}

/* Sends the line, or nothing, and a PING; the answer in the model's form. */
static bool ask(int fd, const struct user *u, const char *line, char *answer)
{
    char out[256], in[16384], *save;
    bool got[SUBS + 1] = {false};
    unsigned groups = 0;
    int len = snprintf(out, sizeof out, "%sPING\r\n", line);
    *answer = 0;
    if (send(fd, out, (size_t)len, MSG_NOSIGNAL) != len || !read_answer(fd, in, sizeof in))
        return false;
    for (char *l = strtok_r(in, "\r\n", &save); l != NULL; l = strtok_r(NULL, "\r\n", &save)) {
        unsigned sid = 0;
        if (strncmp(l, "-ERR '", 6) == 0) {
            l[strlen(l) - 1] = 0;
            say(answer, "E%s\n", l + 6);
        } else if (sscanf(l, "MSG %*s %u", &sid) == 1 && sid >= 1 && sid <= u->sub_count) {
            groups += u->subs[sid - 1].queue[0] != 0;
            got[sid] = u->subs[sid - 1].queue[0] == 0;
        }
    }
    for (unsigned sid = 1; sid <= SUBS; sid++) {
        if (got[sid])
            say(answer, "P%u\n", sid);
    }
    say(answer, "Q%u\n", groups);
    return true;
}

static int login(const struct peer *peer, const char *user)
{
    char line[128], in[16384];
    int fd = link_dial(peer->port);
    int len = snprintf(
        line, sizeof line,
        "CONNECT {\"user\":\"%s\",\"pass\":\"p\",\"verbose\":false,\"pedantic\":false}\r\nPING\r\n", user);
    if (fd >= 0 && send(fd, line, (size_t)len, MSG_NOSIGNAL) == len && read_answer(fd, in, sizeof in))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* ---- rounds ---- */

static bool same(unsigned user, const char *what, const char *want, const char *got)
{
    if (strcmp(want, got) == 0)
        return true;
    printf("user %u: %s\n  our modules say\n%s  the server says\n%s", user, what, want, got);
    return false;
}

/* One random step of a user: it subscribes or publishes, or the free user publishes to it. */
static bool step(struct user *u, unsigned n, int own, int free_user)
{
    static const char *const queues[] = {"", "", "", "q1", "q2", "q.a", "q.b", "q.a.b", "z"};
    static const char *const replies[] = {"", "rep.0", "rep.1", "rep.2"};
    char subject[TEXT], line[128], want[ANSWER] = "", got[ANSWER];
    uint32_t kind = link_below(4);
    if (kind == 0 && u->sub_count < SUBS) {
        const char *queue = draw(queues, 9);
        draw_subject(subject, true);
        snprintf(line, sizeof line, "SUB %s %s %u\r\n", subject, queue, u->sub_count + 1);
        model_sub(u, subject, queue, want);
        say(want, "Q0\n");
        return ask(own, u, line, got) && same(n, line, want, got);
    }
    const char *reply = draw(replies, 4);
    if (link_below(4) == 0)
        snprintf(subject, sizeof subject, "%s", draw(replies + 1, 3));
    else
        draw_subject(subject, link_below(5) == 0);
    snprintf(line, sizeof line, "PUB %s %s 0\r\n\r\n", subject, reply);
    if (kind == 1) {
        model_pub(u, subject, reply, want);
        return ask(own, u, line, got) && same(n, line, want, got);
    }
    model_delivery(u, subject, reply, want);
    return ask(free_user, u, line, got) && ask(own, u, "", got) && same(n, line, want, got);
}

static bool run_user(const struct peer *peer, struct user *u, unsigned n, int free_user)
{
    char name[16];
    snprintf(name, sizeof name, "u%u", n);
    int own = login(peer, name);
    bool ok = own >= 0;
    for (int i = 0; ok && i < STEPS; i++)
        ok = step(u, n, own, free_user);
    close(own);
    return ok;
}

static bool run_round(uint32_t round)
{
    static struct user users[USERS];
    struct bytes conf = {0};
    struct peer peer;
    bool ok = true;
    put(&conf, "authorization { users: [\n{user: free, password: p}\n");
    for (unsigned i = 0; i < USERS; i++)
        ok = draw_user(&users[i], i, &conf) && ok;
    put(&conf, "]}\n");
    bool started = ok && peer_start(&peer, bytes_str(&conf));
    int free_user = started ? login(&peer, "free") : -1;
    ok = free_user >= 0;
    for (unsigned i = 0; i < USERS; i++) {
        ok = ok && run_user(&peer, &users[i], i, free_user);
        drop_user(&users[i]);
    }
    if (!ok)
        printf("round %u, configuration\n%s", round, bytes_str(&conf));
    if (free_user >= 0)
        close(free_user);
    if (started)
        ok = peer_stop(&peer) && ok;
    bytes_free(&conf);
    return ok;
}

int main(void)
{
    int rc = link_prepare("permissions");
    if (rc != 0)
        return rc;
    uint32_t count = link_setting("COUNT", 3), failed = 0;
    for (uint32_t i = 0; i < count; i++)
        failed += !run_round(i);
    return link_count(count, failed);
}
