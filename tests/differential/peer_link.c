#include "peer_link.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static uint64_t random_state;

uint32_t link_setting(const char *name, uint32_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : (uint32_t)strtoul(text, NULL, 10);
}

int link_prepare(const char *title)
{
    const char *program = getenv("SERVER_UNDER_TEST");
    if (program == NULL)
        program = getenv("NATS_SERVER") != NULL ? getenv("NATS_SERVER") : "build/peer/nats-server";
    if (access(program, X_OK) != 0) {
        printf("SKIP differential of %s: no server at %s\n0 passed, 0 failed, 1 skipped\n", title, program);
        return 77;
    }
    setenv("SERVER_UNDER_TEST", program, 1);
    random_state = 0x9e3779b97f4a7c15u * (link_setting("SEED", 1) + 1);
    return 0;
}

int link_start(struct peer *peer, const char *title)
{
    int rc = link_prepare(title);
    if (rc != 0 || peer_start(peer, NULL))
        return rc;
    printf("%s does not start\n0 passed, 1 failed\n", getenv("SERVER_UNDER_TEST"));
    return 1;
}

int link_end(struct peer *peer, uint32_t count, uint32_t failed)
{
    return link_count(count, failed + !peer_stop(peer));
}

int link_count(uint32_t count, uint32_t failed)
{
    printf("seed %u\n%u passed, %u failed\n", link_setting("SEED", 1), failed < count ? count - failed : 0,
           failed);
    return failed > 0;
}

uint32_t link_below(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % n;
}

int link_dial(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct timeval limit = {.tv_sec = 20};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

bool link_say(int fd, slice bytes)
{
    return send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL) == (ssize_t)bytes.len && shutdown(fd, SHUT_WR) == 0;
}

bool link_read_all(int fd, uint8_t *buf, size_t cap, size_t *len)
{
    for (*len = 0; *len < cap;) {
        ssize_t n = recv(fd, buf + *len, cap - *len, 0);
        if (n <= 0)
            return n == 0;
        *len += (size_t)n;
    }
    return false;
}
