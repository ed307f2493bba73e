/* midge-capture: a transparent TCP proxy that records what passes and prints its events live. */
#include "server/decode/relay.h"
#include "server/decode/session.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: midge capture [options] --to HOST:PORT [FILE]\n"
    "\n"
    "Listens, passes every connection on to HOST:PORT, records both directions in FILE (see `midge decode`) "
    "and prints\n"
    "the events as they come.\n"
    "\n"
    "  -t, --to HOST:PORT      where connections go\n"
    "  -l, --listen HOST:PORT  where they come from; default 127.0.0.1:0, the port is told on standard "
    "error\n"
    "  -p, --protocol NAME     client (or nats), route, gateway, leaf, mqtt, http, ws, proxy; or auto\n"
    "                          (default): guess it\n"
    "  -f, --format NAME       text (default), json, msgpack: of what is printed\n"
    "  -q, --quiet             print nothing\n"
    "  -n, --connections N     end after so many connections\n"
    "  -h, --help              this text\n"
    "\n"
    "Ends on SIGINT or SIGTERM; the capture is complete then.\n";

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

struct settings {
    struct relay_address to, listen;
    enum codec_protocol protocol;
    enum format format;
    bool quiet;
    uint64_t connections;
    const char *path;
};

struct recorder {
    FILE *file;                /* NULL: nothing is recorded */
    uint64_t started, begun;   /* wall clock and monotonic, ns */
    struct sessions *sessions; /* NULL: nothing is printed */
    struct printer *printer;
    uint8_t room[RELAY_BUFFER + 64];
};

static uint64_t clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool save(struct recorder *r, const struct codec_out *out)
{
    return r->file == NULL || fwrite(r->room, 1, out->len, r->file) == out->len;
}

/* Recorded first, then shown. */
static bool observe(void *context, uint64_t connection, enum codec_direction direction, slice bytes)
{
    struct recorder *r = context;
    struct codec_out out = codec_out_on(r->room, sizeof(r->room));
    uint64_t time = clock_ns(CLOCK_MONOTONIC) - r->begun;
    struct codec_capture_record record = {time, connection, direction, bytes};
    codec_capture_write_record(&out, &record);
    if (!save(r, &out))
        return false;
    if (r->sessions == NULL)
        return true;
    struct chunk chunk = {.connection = connection,
                          .direction = direction,
                          .has_time = true,
                          .time = r->started + time,
                          .bytes = bytes,
                          .end = bytes.len == 0};
    return sessions_feed(r->sessions, &chunk) && fflush(r->printer->out) == 0;
}

static bool begin(struct recorder *r, const struct settings *o, struct printer *printer)
{
    *r = (struct recorder){
        .started = clock_ns(CLOCK_REALTIME), .begun = clock_ns(CLOCK_MONOTONIC), .printer = printer};
    if (!o->quiet && (r->sessions = sessions_new(printer, o->protocol, false, -1)) == NULL)
        return false;
    if (o->path == NULL)
        return true;
    r->file = fopen(o->path, "wb");
    if (r->file == NULL)
        return false;
    struct codec_out out = codec_out_on(r->room, sizeof(r->room));
    struct codec_capture_header header = {o->protocol, r->started};
    codec_capture_write_header(&out, &header);
    return save(r, &out);
}

static bool end(struct recorder *r)
{
    if (r->sessions != NULL)
        sessions_free(r->sessions);
    return r->file == NULL || fclose(r->file) == 0;
}

static int complain(const char *what, const char *value)
{
    fprintf(stderr, "midge-capture: %s '%s'\n", what, value);
    return 1;
}

/* -1: go on; else the exit code. */
static int read_options(int argc, char **argv, struct settings *o)
{
    static const struct option options[] = {
        {"to", required_argument, NULL, 't'},       {"listen", required_argument, NULL, 'l'},
        {"protocol", required_argument, NULL, 'p'}, {"format", required_argument, NULL, 'f'},
        {"quiet", no_argument, NULL, 'q'},          {"connections", required_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "t:l:p:f:qn:h", options, NULL)) != -1) {
        switch (c) {
        case 't':
            if (!relay_address_read(optarg, &o->to))
                return complain("not HOST:PORT:", optarg);
            break;
        case 'l':
            if (!relay_address_read(optarg, &o->listen))
                return complain("not HOST:PORT:", optarg);
            break;
        case 'p':
            if (!protocol_read(optarg, &o->protocol))
                return complain("not a protocol (" PROTOCOL_NAMES "):", optarg);
            break;
        case 'f':
            if (!format_read(optarg, &o->format))
                return complain("not a format (text, json, msgpack):", optarg);
            break;
        case 'q':
            o->quiet = true;
            break;
        case 'n':
            o->connections = strtoull(optarg, NULL, 10);
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs(usage, stderr);
            return 1;
        }
    }
    if (o->to.port == NULL || argc - optind > 1) {
        fputs(usage, stderr);
        return 1;
    }
    o->path = optind < argc ? argv[optind] : NULL;
    return -1;
}

int main(int argc, char **argv)
{
    struct settings o = {.listen = {"127.0.0.1", "0"}};
    static struct recorder recorder;
    struct printer printer;
    const char *problem = "";
    unsigned port = 0;
    int code = read_options(argc, argv, &o);
    if (code >= 0)
        return code;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int listener = relay_listen(&o.listen, &port, &problem);
    if (listener < 0) {
        fprintf(stderr, "midge-capture: cannot listen: %s\n", problem);
        return 1;
    }
    printer_init(&printer, "midge-capture", stdout, o.format,
                 isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL);
    bool ok = begin(&recorder, &o, &printer);
    if (ok) {
        fprintf(stderr, "midge-capture: listening on port %u\n", port);
        ok = relay_run(listener, &o.to, o.connections, &stop, observe, &recorder, &problem);
    }
    int error = errno;
    ok = end(&recorder) && ok;
    if (!ok)
        fprintf(stderr, "midge-capture: %s: %s\n", o.path == NULL ? "output" : o.path, strerror(error));
    printer_free(&printer);
    close(listener);
    return ok ? 0 : 1;
}
