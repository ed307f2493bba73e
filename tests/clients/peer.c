/* peer.c: starts and stops the server of a client test. */
#include "peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define START_ATTEMPTS 1000 /* of 10 ms */

static void nap(void)
{
    usleep(10000);
}

static bool accepts(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

bool peer_restart(struct peer *peer)
{
    const char *program = getenv("SERVER_UNDER_TEST"), *loops = getenv("LOOPS");
    char port[8];
    snprintf(port, sizeof port, "%u", peer->port);
    char *path = realpath(program, NULL);
    char *argv[] = {path,           (char[]){"-a"}, (char[]){"127.0.0.1"},
                    (char[]){"-p"}, port,           (char[]){"-D"},
                    (char[]){"-c"}, peer->config,   NULL};
    struct process_options options = {.out = peer->log,
                                      .err = peer->log,
                                      .dir = peer->folder,
                                      .loops = loops == NULL ? 0 : (unsigned)strtoul(loops, NULL, 10)};
    bool ok = path != NULL && process_start(&peer->process, argv, &options);
    free(path);
    for (int i = 0; ok && i < START_ATTEMPTS && !process_ended(&peer->process); i++) {
        if (accepts(peer->port))
            return true;
        nap();
    }
    return false;
}

bool peer_start(struct peer *peer, const char *config)
{
    *peer = (struct peer){.port_holder = -1};
    snprintf(peer->folder, sizeof peer->folder, "/tmp/client-test-XXXXXX");
    if (mkdtemp(peer->folder) == NULL)
        return false;
    snprintf(peer->config, sizeof peer->config, "%s/server.conf", peer->folder);
    snprintf(peer->log, sizeof peer->log, "%s/server.log", peer->folder);
    peer->port = port_reserve(&peer->port_holder);
    return peer->port != 0 &&
           file_write(peer->config, slice_str(config == NULL ? "max_payload: 1MB\n" : config)) &&
           peer_restart(peer);
}

void peer_kill(struct peer *peer)
{
    process_kill(&peer->process);
}

void peer_signal(struct peer *peer, int number)
{
    if (peer->process.running)
        kill(peer->process.pid, number);
}

bool peer_stop(struct peer *peer)
{
    peer_signal(peer, SIGINT);
    for (int i = 0; i < START_ATTEMPTS && !process_ended(&peer->process); i++)
        nap();
    bool ok = process_ended(&peer->process) && peer->process.exit_code == 0;
    if (!ok) {
        struct bytes log = {0};
        file_read(peer->log, &log);
        fprintf(stderr, "server exit code %d, its log:\n%s\n", peer->process.exit_code, bytes_str(&log));
        bytes_free(&log);
    }
    process_kill(&peer->process);
    if (peer->port_holder >= 0)
        close(peer->port_holder);
    unlink(peer->config);
    unlink(peer->log);
    rmdir(peer->folder);
    return ok;
}

const char *peer_url(const struct peer *peer, const char *scheme, const char *user, char *out, size_t cap)
{
    snprintf(out, cap, "%s://%s%s127.0.0.1:%u", scheme, user, user[0] == '\0' ? "" : "@", peer->port);
    return out;
}

const char *peer_cert(const char *name, char *out, size_t cap)
{
    const char *folder = getenv("CERTS");
    char *path =
        realpath(folder == NULL ? "build/certs" : folder, NULL); /* the server runs in another folder */
    snprintf(out, cap, "%s/%s", path == NULL ? "" : path, name);
    free(path);
    return out;
}
