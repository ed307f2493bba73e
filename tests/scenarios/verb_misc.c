/* verb_misc.c: files, comparisons, time, and sockets of the scenario's own. */
#include "play.h"

#include <errno.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- files ---- */

static bool file_has_line(struct play *p, const char *path, bool *ok)
{
    struct bytes all = {0}, exact = {0};
    regex_t regex;
    bool found = false;
    if (p->step->op == OP_MATCH) {
        *ok = play_regex(p, p->step->text, &regex);
        if (*ok) {
            file_read(path, &all);
            for (char *line = (char *)(uintptr_t)bytes_str(&all), *next; line != NULL && !found;
                 line = next) {
                next = strchr(line, '\n');
                if (next != NULL)
                    *next++ = '\0';
                found = regexec(&regex, line, 0, NULL, 0) == 0;
            }
            regfree(&regex);
        }
    } else {
        *ok = play_text(p, p->step->text, TEMPLATE_ESCAPES, &exact);
        found = *ok && file_read(path, &all) && slice_eq(bytes_slice(&all), bytes_slice(&exact));
    }
    bytes_free(&all);
    bytes_free(&exact);
    return found;
}

/* One of the conditions that `file PATH ...` can name; `path` may be a pattern for exists, absent and count.
 */
static bool file_condition(struct play *p, const char *path, bool *ok)
{
    glob_t found;
    struct stat st;
    unsigned long number = 0;
    size_t n = glob(path, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
    globfree(&found);
    if (play_is(p, 2, "exists"))
        return n > 0;
    if (play_is(p, 2, "absent"))
        return n == 0;
    if (play_is(p, 2, "count")) {
        *ok = p->step->word_count == 4 && play_number(p, p->step->words[3], &number);
        return n == number;
    }
    if (play_is(p, 2, "mode")) {
        char text[8];
        snprintf(text, sizeof text, "%04o", stat(path, &st) == 0 ? (unsigned)st.st_mode & 07777u : 0);
        return play_is(p, 3, text);
    }
    if (p->step->op == OP_MATCH || p->step->op == OP_EXPECT_LINE)
        return file_has_line(p, path, ok);
    *ok = play_fail(p, "unknown statement");
    return false;
}

static bool file_action(struct play *p, const char *path, bool *done)
{
    struct bytes other = {0};
    bool ok = true;
    *done = true;
    if (p->step->op == OP_HERE) {
        ok = play_text(p, p->step->text, 0, &other) && file_write(path, bytes_slice(&other));
    } else if (play_is(p, 2, "remove")) {
        ok = unlink(path) == 0;
    } else if (play_is(p, 2, "folder")) {
        ok = mkdir(path, 0700) == 0;
    } else if (play_is(p, 2, "rename")) {
        ok = play_word(p, 3, &other) && rename(path, bytes_str(&other)) == 0;
    } else {
        *done = false;
    }
    bytes_free(&other);
    return ok || play_fail(p, "%s: %s", path, strerror(errno));
}

/* file PATH <<< | remove | folder | rename NEW; or a condition that is waited for:
 * exists | absent | count N | mode 0600 | ~ regex of a line | < the whole content */
bool verb_file(struct play *p)
{
    struct bytes path = {0};
    bool done = false;
    bool ok = play_word(p, 1, &path) && file_action(p, bytes_str(&path), &done);
    uint64_t deadline = play_deadline(p);
    while (ok && !done) {
        done = file_condition(p, bytes_str(&path), &ok);
        if (ok && !done)
            ok = play_wait(p, deadline, bytes_str(&path));
    }
    bytes_free(&path);
    return ok;
}

/* ---- comparisons ---- */

static bool as_number(const char *text, long long *number)
{
    char *end;
    *number = strtoll(text, &end, 10);
    return *text != '\0' && *end == '\0';
}

static bool compare(const char *left, const char *op, const char *right, bool *known)
{
    long long a, b;
    *known = true;
    if (strcmp(op, "==") == 0)
        return strcmp(left, right) == 0;
    if (strcmp(op, "!=") == 0)
        return strcmp(left, right) != 0;
    if (as_number(left, &a) && strcmp(op, "in") == 0) {
        char low[24] = "";
        const char *dots = strstr(right, "..");
        if (dots != NULL && (size_t)(dots - right) < sizeof low) {
            memcpy(low, right, (size_t)(dots - right));
            long long c;
            if (as_number(low, &b) && as_number(dots + 2, &c))
                return a >= b && a <= c;
        }
    }
    *known = as_number(left, &a) && as_number(right, &b);
    if (strcmp(op, ">=") == 0)
        return *known && a >= b;
    if (strcmp(op, "<=") == 0)
        return *known && a <= b;
    *known = false;
    return false;
}

/* check A [+ B]... ==|!=|<=|>=|in C, where `in` takes LOW..HIGH */
bool verb_check(struct play *p)
{
    struct bytes left = {0}, word = {0}, right = {0};
    bool ok = play_word(p, 1, &left);
    size_t at = 2;
    for (; ok && play_is(p, at, "+"); at += 2) {
        long long a = 0, b = 0;
        ok = play_word(p, at + 1, &word) &&
             ((as_number(bytes_str(&left), &a) && as_number(bytes_str(&word), &b)) ||
              play_fail(p, "no numbers to add"));
        if (ok) {
            char text[24];
            snprintf(text, sizeof text, "%lld", a + b);
            left.len = 0;
            bytes_add_str(&left, text);
        }
    }
    ok = ok && play_word(p, at, &word) && play_word(p, at + 1, &right);
    if (ok) {
        bool known;
        ok = compare(bytes_str(&left), bytes_str(&word), bytes_str(&right), &known);
        if (!ok)
            play_fail(p, known ? "it is '%s'" : "cannot compare '%s'", bytes_str(&left));
    }
    bytes_free(&left);
    bytes_free(&word);
    bytes_free(&right);
    return ok;
}

/* set NAME : text */
bool verb_set(struct play *p)
{
    struct bytes value = {0};
    if (p->step->word_count != 2 || p->step->op != OP_TEXT)
        return play_fail(p, "write: set NAME : text");
    bool ok = play_text(p, p->step->text, TEMPLATE_ESCAPES, &value);
    if (ok)
        play_set(p, p->step->words[1], bytes_slice(&value));
    bytes_free(&value);
    return ok;
}

/* ---- time ---- */

/* sleep DURATION: bytes keep moving */
bool verb_sleep(struct play *p)
{
    unsigned ms;
    if (p->step->word_count != 2 || !play_duration(p, p->step->words[1], &ms))
        return play_fail(p, "write: sleep 100ms");
    for (uint64_t until = io_now_ms() + ms; io_now_ms() < until;) {
        if (!play_wait(p, until + 1000, "time"))
            return false;
    }
    return true;
}

bool verb_mark(struct play *p)
{
    p->mark_ms = io_now_ms();
    return true;
}

/* elapsed >= DURATION, elapsed <= DURATION: since the last mark */
bool verb_elapsed(struct play *p)
{
    unsigned ms;
    if (p->step->word_count != 3 || !play_duration(p, p->step->words[2], &ms))
        return play_fail(p, "write: elapsed >= 900ms");
    uint64_t since = io_now_ms() - p->mark_ms;
    if (play_is(p, 1, ">=") ? since >= ms : play_is(p, 1, "<=") && since <= ms)
        return true;
    return play_fail(p, "%llu ms have passed", (unsigned long long)since);
}

/* ---- sockets of the scenario's own ---- */

static bool bind_own(struct play *p, int type)
{
    if (p->step->word_count != 2)
        return play_fail(p, "it needs a name");
    slice name = p->step->words[1];
    return io_bind(&p->io, name, play_port(p, name, true), type) != NULL ||
           play_fail(p, "bind: %s", strerror(errno));
}

/* udp NAME: receives datagrams on ${port:NAME}, each as a line */
bool verb_udp(struct play *p)
{
    return bind_own(p, SOCK_DGRAM);
}

/* listen NAME: on ${port:NAME} */
bool verb_listen(struct play *p)
{
    return bind_own(p, SOCK_STREAM);
}

/* accept NAME from=LISTENER */
bool verb_accept(struct play *p)
{
    slice from;
    if (p->step->word_count != 3 || !play_option(p, 2, "from", &from))
        return play_fail(p, "write: accept NAME from=LISTENER");
    struct io_conn *listener = play_conn(p, from);
    uint64_t deadline = play_deadline(p);
    while (listener != NULL && io_accept(&p->io, listener, p->step->words[1]) == NULL) {
        if (!play_wait(p, deadline, "a connection"))
            return false;
    }
    return listener != NULL;
}
