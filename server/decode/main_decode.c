/* midge-decode: what was said in a stream, a capture or a packet file, one event a line. */
#include "server/decode/progress.h"
#include "server/decode/session.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_OK, EXIT_TROUBLE, EXIT_MALFORMED };

static const char usage[] =
    "usage: midge decode [options] [FILE]\n"
    "\n"
    "Prints the events of a raw stream, a capture of `midge capture` or a packet file (pcap, pcapng), one a "
    "line.\n"
    "Without FILE, or for -, standard input is read.\n"
    "\n"
    "  -p, --protocol NAME  client (or nats), route, gateway, leaf, mqtt, http, ws, proxy; or auto\n"
    "                       (default): guess it\n"
    "  -f, --format NAME    text (default), json (an object a line), msgpack\n"
    "      --from SIDE      who speaks in a raw stream: dialer (client) or acceptor (server); default: "
    "guess\n"
    "      --raw            the input is a raw stream, whatever its first byte is\n"
    "      --port PORT      in packet files: the port of the acceptor where no SYN was seen\n"
    "      --raft           show the RAFT messages that servers' messages carry\n"
    "      --color WHEN     auto (default), always, never\n"
    "      --no-progress    no bar on the terminal\n"
    "  -h, --help           this text\n"
    "\n"
    "Exit code: 0, 2 when a stream was malformed (its offset is told on standard error), 1 for other "
    "trouble.\n";

struct settings {
    enum codec_protocol protocol;
    enum format format;
    int from;
    bool raw, raft, progress;
    unsigned port;
    const char *color, *path;
};

static int complain(const char *what, const char *value)
{
    fprintf(stderr, "midge-decode: %s '%s'\n", what, value);
    return EXIT_TROUBLE;
}

static bool read_side(const char *name, int *from)
{
    if (strcmp(name, "dialer") == 0 || strcmp(name, "client") == 0)
        return *from = CODEC_FROM_DIALER, true;
    if (strcmp(name, "acceptor") == 0 || strcmp(name, "server") == 0)
        return *from = CODEC_FROM_ACCEPTOR, true;
    return false;
}

static bool read_port(const char *text, unsigned *port)
{
    char *end;
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    *port = (unsigned)v;
    return errno == 0 && end != text && *end == '\0' && v > 0 && v <= 65535;
}

/* -1: go on; else the exit code. */
static int read_options(int argc, char **argv, struct settings *o)
{
    enum { FROM = 256, RAW, RAFT, PORT, COLOR, NO_PROGRESS };
    static const struct option options[] = {
        {"protocol", required_argument, NULL, 'p'}, {"format", required_argument, NULL, 'f'},
        {"from", required_argument, NULL, FROM},    {"raw", no_argument, NULL, RAW},
        {"raft", no_argument, NULL, RAFT},          {"port", required_argument, NULL, PORT},
        {"color", required_argument, NULL, COLOR},  {"no-progress", no_argument, NULL, NO_PROGRESS},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "p:f:h", options, NULL)) != -1) {
        switch (c) {
        case 'p':
            if (!protocol_read(optarg, &o->protocol))
                return complain("not a protocol (" PROTOCOL_NAMES "):", optarg);
            break;
        case 'f':
            if (!format_read(optarg, &o->format))
                return complain("not a format (text, json, msgpack):", optarg);
            break;
        case FROM:
            if (!read_side(optarg, &o->from))
                return complain("not a side (dialer or client, acceptor or server):", optarg);
            break;
        case PORT:
            if (!read_port(optarg, &o->port))
                return complain("not a port:", optarg);
            break;
        case COLOR:
            o->color = optarg;
            if (strcmp(optarg, "auto") != 0 && strcmp(optarg, "always") != 0 && strcmp(optarg, "never") != 0)
                return complain("not auto, always or never:", optarg);
            break;
        case RAW:
            o->raw = true;
            break;
        case RAFT:
            o->raft = true;
            break;
        case NO_PROGRESS:
            o->progress = false;
            break;
        case 'h':
            fputs(usage, stdout);
            return EXIT_OK;
        default:
            fputs(usage, stderr);
            return EXIT_TROUBLE;
        }
    }
    if (argc - optind > 1)
        return complain("one input at a time, not also", argv[optind + 1]);
    o->path = optind < argc ? argv[optind] : "-";
    return -1;
}

static bool use_color(const struct settings *o)
{
    if (strcmp(o->color, "auto") == 0)
        return isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
    return strcmp(o->color, "always") == 0;
}

/* All chunks through the sessions; false: trouble, which was told. */
static bool decode(struct source *source, struct printer *printer, const struct settings *o,
                   size_t *malformed)
{
    struct progress progress;
    struct chunk chunk;
    struct sessions *sessions = NULL;
    enum source_rc rc;
    bool ok = true;
    progress_init(&progress, o->progress, source_size(source));
    while (ok && (rc = source_next(source, &chunk)) == SOURCE_CHUNK) {
        if (sessions == NULL) { /* a capture's header has been read by now */
            enum codec_protocol p = o->protocol != CODEC_NO_PROTOCOL ? o->protocol : source_protocol(source);
            sessions = sessions_new(printer, p, source_is_raw(source), o->from);
            if (sessions != NULL && o->raft)
                sessions_show_raft(sessions);
        }
        ok = sessions != NULL && sessions_feed(sessions, &chunk);
        progress_at(&progress, source_read_bytes(source));
    }
    progress_end(&progress, ok && rc == SOURCE_END);
    ok = ok && (sessions == NULL || sessions_finish(sessions)) && fflush(printer->out) == 0;
    if (!ok)
        fprintf(stderr, "midge-decode: cannot write: %s\n", strerror(errno));
    else if (rc == SOURCE_FAILED)
        fprintf(stderr, "midge-decode: %s: offset %llu: %s\n", o->path,
                (unsigned long long)source_offset(source), source_problem(source));
    if (sessions != NULL) {
        *malformed = sessions_malformed(sessions);
        sessions_free(sessions);
    }
    if (ok && rc == SOURCE_FAILED)
        *malformed += 1;
    return ok;
}

int main(int argc, char **argv)
{
    struct settings o = {.from = -1, .progress = true, .color = "auto"};
    struct printer printer;
    const char *problem = "";
    size_t malformed = 0;
    int code = read_options(argc, argv, &o);
    if (code >= 0)
        return code;
    struct source *source = source_open(o.path, o.raw, o.port, &problem);
    if (source == NULL) {
        fprintf(stderr, "midge-decode: %s: %s\n", o.path, problem);
        return EXIT_TROUBLE;
    }
    printer_init(&printer, "midge-decode", stdout, o.format, use_color(&o));
    bool ok = decode(source, &printer, &o, &malformed);
    printer_free(&printer);
    source_close(source);
    return !ok ? EXIT_TROUBLE : malformed > 0 ? EXIT_MALFORMED : EXIT_OK;
}
