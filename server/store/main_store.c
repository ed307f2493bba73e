/* midge-store: a look into store directories, midge's and the Go server's. */
#include "server/store/tool.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <time.h>

static const char usage[] =
    "usage: midge store COMMAND [options] STORE_DIR\n"
    "\n"
    "Looks into a store directory (what `store_dir` names in a configuration: it holds `jetstream/`) of "
    "midge or\n"
    "of the Go server. Nothing in it is changed: what a server's start would repair is repaired in memory.\n"
    "\n"
    "  ls       accounts and streams with their size on disk\n"
    "  info     the state of each stream and of its consumers\n"
    "  dump     every message\n"
    "  verify   read everything and report what is damaged\n"
    "  repair   salvage what is sound into a fresh directory\n"
    "  bench    what a disk gives a store\n"
    "\n"
    "`midge store COMMAND --help` has more.\n"
    "\n"
    "Exit code: 0; 2 when something is damaged or cannot be read (the rest was worked on); 1 for other "
    "trouble.\n";

static const char common_options[] =
    "\n"
    "      --account NAME   only this account (\"$G\" is the global one)\n"
    "      --stream NAME    only this stream\n"
    "      --key K          the server's encryption key (`key` of the configuration)\n"
    "      --prev-key K     the key before it\n"
    "      --cipher NAME    chacha or aes; without it both are tried\n"
    "      --as-of TIME     leave out what is too old at that time (2026-11-23T06:52:11Z, or now); without "
    "it\n"
    "                       nothing expires\n"
    "      --no-progress    no bar on the terminal\n"
    "  -h, --help           this text\n"
    "\n"
    "Exit code: 0; 2 when something is damaged or cannot be read (the rest was worked on); 1 for other "
    "trouble.\n";

struct command {
    const char *name;
    int (*run)(struct tool *);
    int operands;
    const char *help;
};

static const struct command commands[] = {
    {"ls", tool_ls, 1,
     "usage: midge store ls [options] STORE_DIR\n\nAccounts and streams with their size on disk.\n\n"
     "  -f, --format NAME    text (default), json (an object a line), msgpack\n"},
    {"info", tool_info, 1,
     "usage: midge store info [options] STORE_DIR\n\nThe state of each stream and of its consumers.\n\n"
     "  -f, --format NAME    text (default), json (an object a line), msgpack\n"},
    {"dump", tool_dump, 1,
     "usage: midge store dump [options] STORE_DIR\n\nEvery message: account, stream, seq, time, subject, "
     "headers, data (headers_b64 and data_b64 where they\nare no UTF-8).\n\n"
     "  -f, --format NAME    json (default: an object a line), msgpack\n"
     "      --subject FILTER only messages on these subjects (wildcards)\n"
     "      --from SEQ       from this sequence on\n"
     "      --to SEQ         up to this sequence\n"
     "      --since TIME     from this time on (2026-11-23T06:52:11.5Z)\n"
     "      --until TIME     up to this time\n"},
    {"verify", tool_verify, 1,
     "usage: midge store verify [options] STORE_DIR\n\nReads every record, checks every checksum and every "
     "total, and reports what is damaged and where. A note is\nwhat a start puts right.\n\n"
     "  -f, --format NAME    text (default), json (an object a finding and a stream), msgpack\n"},
    {"repair", tool_repair, 2,
     "usage: midge store repair [options] STORE_DIR NEW_DIR\n\nSalvages every sound message and consumer "
     "into "
     "NEW_DIR, which a server can start on. Sequences and times stay;\nwhat is lost becomes deleted. "
     "STORE_DIR is not changed. Raft groups are not copied: a cluster's servers catch up\nfrom one "
     "another.\n\n"},
    {"bench", tool_bench, 1,
     "usage: midge store bench [options] DIR\n\nTimes a store in a new folder below DIR, which is removed "
     "again.\n\n"
     "  -f, --format NAME    text (default), json, msgpack\n"
     "      --count N        messages (200000)\n"
     "      --size N         bytes of each (128)\n"},
};

enum {
    ACCOUNT = 256,
    STREAM,
    SUBJECT,
    KEY,
    PREV_KEY,
    CIPHER,
    AS_OF,
    FROM,
    TO,
    SINCE,
    UNTIL,
    COUNT,
    SIZE,
    QUIET
};

static const struct option long_options[] = {
    {"account", required_argument, NULL, ACCOUNT},
    {"stream", required_argument, NULL, STREAM},
    {"subject", required_argument, NULL, SUBJECT},
    {"key", required_argument, NULL, KEY},
    {"prev-key", required_argument, NULL, PREV_KEY},
    {"cipher", required_argument, NULL, CIPHER},
    {"as-of", required_argument, NULL, AS_OF},
    {"from", required_argument, NULL, FROM},
    {"to", required_argument, NULL, TO},
    {"since", required_argument, NULL, SINCE},
    {"until", required_argument, NULL, UNTIL},
    {"count", required_argument, NULL, COUNT},
    {"size", required_argument, NULL, SIZE},
    {"format", required_argument, NULL, 'f'},
    {"no-progress", no_argument, NULL, QUIET},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int complain(const char *what, const char *value)
{
    fprintf(stderr, "midge-store: %s '%s'\n", what, value);
    return TOOL_TROUBLE;
}

static bool read_number(const char *text, uint64_t *n)
{
    char *end;
    errno = 0;
    *n = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == 0 && text[0] != '-';
}

static bool read_moment(const char *text, int64_t *ns)
{
    struct timespec ts;
    if (strcmp(text, "now") != 0)
        return time_read(text, ns);
    clock_gettime(CLOCK_REALTIME, &ts);
    *ns = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
    return true;
}

static bool read_cipher(const char *text, struct tree_options *o)
{
    o->has_cipher = true;
    o->cipher = strcasecmp(text, "aes") == 0 ? STORE_CIPHER_AES : STORE_CIPHER_CHACHA;
    return strcasecmp(text, "aes") == 0 || strcasecmp(text, "chacha") == 0 ||
           strcasecmp(text, "chachapoly") == 0;
}

static bool read_format(const char *text, struct tool *t)
{
    t->format_given = true;
    t->format = strcmp(text, "json") == 0      ? TOOL_JSON
                : strcmp(text, "msgpack") == 0 ? TOOL_MSGPACK
                                               : TOOL_TEXT;
    return t->format != TOOL_TEXT || strcmp(text, "text") == 0;
}

/* false: the value is none such. */
static bool take_option(struct tool *t, int option, const char *value)
{
    switch (option) {
    case 'f':
        return read_format(value, t);
    case ACCOUNT:
        t->tree.account = value;
        return true;
    case STREAM:
        t->tree.stream = value;
        return true;
    case SUBJECT:
        t->subject = slice_str(value);
        return true;
    case KEY:
        t->tree.key = slice_str(value);
        return true;
    case PREV_KEY:
        t->tree.prev_key = slice_str(value);
        return true;
    case CIPHER:
        return read_cipher(value, &t->tree);
    case AS_OF:
        return read_moment(value, &t->tree.as_of);
    case FROM:
        return read_number(value, &t->from);
    case TO:
        return read_number(value, &t->to);
    case SINCE:
        return read_moment(value, &t->since);
    case UNTIL:
        return read_moment(value, &t->until);
    case COUNT:
        return read_number(value, &t->count) && t->count > 0;
    case SIZE:
        return read_number(value, &t->size) && t->size <= 1u << 20;
    default:
        t->progress = false;
        return true;
    }
}

/* -1: go on; else the exit code. */
static int read_arguments(struct tool *t, const struct command *c, int argc, char **argv)
{
    int option, at = 0;
    while ((option = getopt_long(argc, argv, "f:h", long_options, &at)) != -1) {
        if (option == 'h') {
            printf("%s%s", c->help, c->run == tool_bench ? "" : common_options);
            return TOOL_OK;
        }
        if (option == '?') {
            fputs(c->help, stderr);
            return TOOL_TROUBLE;
        }
        if (!take_option(t, option, optarg))
            return complain("no value that can be used:", optarg);
    }
    if (argc - optind != c->operands) {
        fputs(c->help, stderr);
        return TOOL_TROUBLE;
    }
    t->tree.dir = argv[optind];
    t->out_dir = c->operands > 1 ? argv[optind + 1] : NULL;
    if (c->run == tool_dump && t->format == TOOL_TEXT) {
        if (t->format_given)
            return complain("dump has no format", "text");
        t->format = TOOL_JSON;
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct tool t = {.tree = {.as_of = INT64_MIN},
                     .progress = true,
                     .to = UINT64_MAX,
                     .since = INT64_MIN,
                     .until = INT64_MAX,
                     .count = 200000,
                     .size = 128,
                     .out = stdout};
    if (argc < 2) {
        fputs(usage, stderr);
        return TOOL_TROUBLE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        fputs(usage, stdout);
        return TOOL_OK;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        int code = read_arguments(&t, &commands[i], argc - 1, argv + 1);
        return code >= 0 ? code : commands[i].run(&t);
    }
    return complain("no such command:", argv[1]);
}
