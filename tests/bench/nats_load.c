/* nats_load.c: the load generator's command line. */
#include "nats_load.h"

#include <getopt.h>
#include <signal.h>

static int usage(void)
{
    fputs("usage: nats-load --server PATH [--loops N] [--seconds S] [--certs FOLDER] [--list] LOAD...\n",
          stderr);
    for (size_t i = 0; i < load_count; i++)
        fprintf(stderr, "  %-18s %s\n", loads[i].name, loads[i].what);
    return 2;
}

static void play(const struct load *load, const char *server, unsigned loops, double seconds,
                 const char *certs)
{
    struct run run = {.name = load->name, .seconds = seconds};
    char ca[512];
    snprintf(ca, sizeof ca, "%s/ca.pem", certs);
    subject_start(&run.subject, server, loops, certs, load->tls);
    net_open(&run.net, run.subject.port, load->tls ? ca : NULL);
    load->play(&run, load->a, load->b);
    net_close(&run.net);
    subject_stop(&run.subject);
}

int main(int argc, char **argv)
{
    static const struct option flags[] = {
        {"server", required_argument, NULL, 's'},  {"loops", required_argument, NULL, 'l'},
        {"seconds", required_argument, NULL, 't'}, {"certs", required_argument, NULL, 'c'},
        {"list", no_argument, NULL, 'L'},          {NULL, 0, NULL, 0}};
    const char *server = NULL, *certs = "build/certs";
    unsigned loops = 0;
    double seconds = 2;
    for (int c; (c = getopt_long(argc, argv, "", flags, NULL)) != -1;) {
        switch (c) {
        case 's':
            server = optarg;
            break;
        case 'l':
            loops = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 't':
            seconds = strtod(optarg, NULL);
            break;
        case 'c':
            certs = optarg;
            break;
        case 'L':
            for (size_t i = 0; i < load_count; i++)
                printf("%s\n", loads[i].name);
            return 0;
        default:
            return usage();
        }
    }
    char *folder = realpath(certs, NULL);
    if (server == NULL || optind == argc || seconds <= 0)
        return free(folder), usage();
    signal(SIGPIPE, SIG_IGN);
    for (int i = optind; i < argc; i++) {
        size_t at = 0;
        while (at < load_count && strcmp(loads[at].name, argv[i]) != 0)
            at++;
        if (at == load_count)
            return free(folder), usage();
        play(&loads[at], server, loops, seconds, folder == NULL ? certs : folder);
    }
    free(folder);
    return 0;
}
