/* print.h: events on their way out: as a line of text (coloured on a terminal), as JSON or as MessagePack. */
#ifndef DECODE_PRINT_H
#define DECODE_PRINT_H

#include <midge/event_data.h>
#include <stdio.h>

enum format {
    FORMAT_TEXT,
    FORMAT_JSON,
    FORMAT_MSGPACK,
};

/* Where an event was seen. */
struct origin {
    bool single; /* the only stream of its input: connection, direction and time are left out */
    uint64_t connection;
    enum codec_direction direction;
    bool has_time;
    uint64_t time;
    const char
        *in; /* "ws", "raft": it came out of an event of that kind, and counts offsets from there; NULL */
};

struct printer {
    FILE *out;
    FILE *problems;      /* standard error; NULL: they are only counted */
    const char *program; /* whose name stands before them */
    enum format format;
    bool color;
    struct codec_out buffer; /* grows */
    void *room;              /* for trees */
    size_t room_size;
    uint64_t events;
};

/* "text", "json", "msgpack". */
bool format_read(const char *name, enum format *format);

/* The protocol of a stream by its name; "auto" is NO_PROTOCOL. false: PROTOCOL_NAMES lists what it may be. */
#define PROTOCOL_NAMES "client (or nats), route, gateway, leaf, mqtt, http, ws, proxy, auto"
bool protocol_read(const char *name, enum codec_protocol *protocol);

void printer_init(struct printer *p, const char *program, FILE *out, enum format format, bool color);
void printer_free(struct printer *p);

/* false: out of memory, or the output cannot be written. */
bool printer_event(struct printer *p, const struct origin *origin, const struct codec_event *event);

/* A problem with a stream. */
void printer_problem(const struct printer *p, const struct origin *origin, uint64_t offset, const char *what);

#endif
