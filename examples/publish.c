/* publish HOST PORT SUBJECT TEXT: sends one message to a NATS server and waits until the server has it. */
#include <midge/client.h>
#include <midge/connect.h>

#include "dial.h"

/* CONNECT, the message, and a PING whose answer says that both were taken. */
static void say(int fd, const char *subject, const char *text)
{
    uint8_t room[65536];
    struct codec_out out = codec_out_on(room, sizeof(room));
    struct codec_connect hello;
    codec_connect_defaults(&hello);
    hello.verbose = hello.pedantic = false;
    hello.name = SLICE_LIT("publish example");
    hello.lang = SLICE_LIT("C");
    codec_connect_write(&out, &hello);

    struct codec_client_event events[] = {
        {.kind = CODEC_CLIENT_PUB,
         .pub = {.subject = slice_str(subject),
                 .size = (uint32_t)strlen(text),
                 .payload_complete = true,
                 .payload = slice_str(text)}},
        {.kind = CODEC_CLIENT_PING},
    };
    for (size_t i = 0; i < 2; i++) {
        size_t size = codec_client_encode(&events[i], NULL, 0);
        uint8_t *at = size == 0 ? NULL : codec_out_room(&out, size);
        if (at == NULL) {
            fprintf(stderr, "publish: not a subject, or too long a text\n");
            exit(1);
        }
        codec_client_encode(&events[i], at, size);
    }
    write_all(fd, room, out.len);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: publish HOST PORT SUBJECT TEXT\n");
        return 1;
    }
    int fd = dial(argv[1], argv[2]);
    static uint8_t buffer[65536]; /* holds one line of the server: INFO is the longest */
    size_t len = 0;
    ssize_t n;
    struct codec_server parser;
    struct codec_server_event event;
    codec_server_init(&parser);
    while (len < sizeof(buffer) && (n = read(fd, buffer + len, sizeof(buffer) - len)) > 0) {
        slice in = slice_make(buffer, len + (size_t)n);
        enum codec_rc rc;
        while ((rc = codec_server_next(&parser, &in, &event)) == CODEC_EVENT) {
            if (event.kind == CODEC_SERVER_INFO) /* also sent later, when the cluster changes: */
                say(fd, argv[3], argv[4]);       /* this example is gone by then */
            else if (event.kind == CODEC_SERVER_PONG)
                return 0;
            else if (event.kind == CODEC_SERVER_ERR)
                return fprintf(stderr, "publish: %.*s\n", (int)event.text.len, event.text.ptr), 1;
        }
        if (rc == CODEC_ERROR)
            return fprintf(stderr, "publish: %s\n", codec_server_error_text(event.error.kind)), 1;
        len = in.len; /* what the parser has not used comes first */
        memmove(buffer, in.ptr, len);
    }
    fprintf(stderr, "publish: the server has closed\n");
    return 1;
}
