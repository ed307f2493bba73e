/* rewrite LISTEN_PORT HOST PORT FROM TO: a man in the middle between NATS clients and a server.
 *
 * What clients publish and subscribe to under FROM happens under TO on the server, and what the server sends
 * under TO reaches them under FROM; all else passes as it is. Each message is decoded, changed and encoded
 * again, so it is correct whatever lengths change. One process a client; a message may be as large as a
 * buffer. */
#include <midge/client.h>

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>

#include "dial.h"

#define BUFFER (2u << 20)

/* One direction. */
struct stream {
    int from, to;
    slice prefix, other; /* subjects that begin with the first will begin with the second */
    size_t len;          /* bytes at hand */
    uint8_t bytes[BUFFER], out[BUFFER + 8192];
};

static struct codec_client client; /* reads what the client says */
static struct codec_server server; /* reads what the server says */
static struct stream up, down;

/* The subject with its prefix changed; the new one lies in room. */
static void rewrite(const struct stream *s, slice *subject, uint8_t room[4096])
{
    slice rest = slice_from(*subject, s->prefix.len);
    if (!slice_starts(*subject, s->prefix) || s->other.len + rest.len > 4096)
        return;
    memcpy(room, s->other.ptr, s->other.len);
    memcpy(room + s->other.len, rest.ptr, rest.len);
    *subject = slice_make(room, s->other.len + rest.len);
}

/* Takes the next message of a client off `in`; its new bytes go out. */
static enum codec_rc pass_up(struct stream *s, slice *in, size_t *size)
{
    struct codec_client_event e;
    uint8_t room[4096];
    enum codec_rc rc = codec_client_next(&client, in, &e);
    if (rc != CODEC_EVENT)
        return rc;
    if (e.kind == CODEC_CLIENT_PUB || e.kind == CODEC_CLIENT_HPUB)
        rewrite(s, &e.pub.subject, room);
    else if (e.kind == CODEC_CLIENT_SUB)
        rewrite(s, &e.sub.subject, room);
    *size = codec_client_encode(&e, s->out, sizeof(s->out));
    return rc;
}

static enum codec_rc pass_down(struct stream *s, slice *in, size_t *size)
{
    struct codec_server_event e;
    uint8_t room[4096];
    enum codec_rc rc = codec_server_next(&server, in, &e);
    if (rc != CODEC_EVENT)
        return rc;
    if (e.kind == CODEC_SERVER_MSG || e.kind == CODEC_SERVER_HMSG)
        rewrite(s, &e.msg.subject, room);
    *size = codec_server_encode(&e, s->out, sizeof(s->out));
    return rc;
}

/* false: the side has closed, speaks another language, or says more at once than fits. */
static bool pass(struct stream *s)
{
    ssize_t n = s->len < BUFFER ? read(s->from, s->bytes + s->len, BUFFER - s->len) : 0;
    slice in = slice_make(s->bytes, s->len + (n > 0 ? (size_t)n : 0));
    enum codec_rc rc;
    size_t size;
    while ((rc = s == &up ? pass_up(s, &in, &size) : pass_down(s, &in, &size)) == CODEC_EVENT) {
        if (size > sizeof(s->out))
            return false;
        write_all(s->to, s->out, size);
    }
    s->len = in.len;
    memmove(s->bytes, in.ptr, in.len);
    return n > 0 && rc == CODEC_MORE;
}

static void serve(int near, int far, slice from, slice to)
{
    struct pollfd fds[] = {{near, POLLIN, 0}, {far, POLLIN, 0}};
    up.from = down.to = near;
    up.to = down.from = far;
    up.prefix = down.other = from;
    up.other = down.prefix = to;
    codec_client_init(&client);
    codec_server_init(&server);
    client.headers = true; /* HPUB, too */
    bool open = true;
    while (open && poll(fds, 2, -1) > 0)
        open = (fds[0].revents == 0 || pass(&up)) && (fds[1].revents == 0 || pass(&down));
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return fprintf(stderr, "usage: rewrite LISTEN_PORT HOST PORT FROM TO\n"), 1;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    socklen_t len = sizeof(here);
    int listener = socket(AF_INET, SOCK_STREAM, 0), near;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&here, len) != 0 || listen(listener, 16) != 0)
        die("listen");
    getsockname(listener, (struct sockaddr *)&here, &len);
    printf("listening on port %d\n", ntohs(here.sin_port));
    fflush(stdout);
    signal(SIGCHLD, SIG_IGN);
    while ((near = accept(listener, NULL, NULL)) >= 0) {
        if (fork() == 0) {
            close(listener);
            serve(near, dial(argv[2], argv[3]), slice_str(argv[4]), slice_str(argv[5]));
            return 0;
        }
        close(near);
    }
    die("accept");
}
