/* mqtt_print [server 4|5] < BYTES: prints the packets that an MQTT client (or a server, of that version)
 * sent.
 *
 * Malformed input ends it with exit code 2, the offset and the reason. */
#include <midge/mqtt.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void print_text(const char *key, slice text)
{
    printf(" %s=%.*s", key, (int)text.len, text.len == 0 ? "" : (const char *)text.ptr);
}

static void print_properties(slice list)
{
    struct codec_mqtt_property p;
    while (codec_mqtt_property_next(&list, &p)) {
        printf(" [%s", codec_mqtt_property_name(p.id));
        if (p.value >= CODEC_MQTT_STRING)
            print_text("text", p.text);
        else
            printf(" %u", p.number);
        if (p.value == CODEC_MQTT_PAIR)
            print_text("value", p.pair);
        printf("]");
    }
}

static void print_packet(const struct codec_mqtt_event *e)
{
    struct codec_mqtt_filter filter;
    slice rest;
    printf("%llu %s", (unsigned long long)e->offset, codec_mqtt_type_name(e->type));
    switch (e->type) {
    case CODEC_MQTT_CONNECT:
        print_text("client", e->connect.client_id);
        printf(" version=%d keep_alive=%u", e->connect.level, e->connect.keep_alive);
        print_properties(e->connect.properties);
        break;
    case CODEC_MQTT_CONNACK:
        printf(" reason=%d session_present=%d", e->connack.reason, e->connack.session_present);
        print_properties(e->connack.properties);
        break;
    case CODEC_MQTT_PUBLISH: /* its payload has come along, or follows as an event of its own */
        print_text("topic", e->publish.topic);
        printf(" qos=%d retain=%d size=%u", e->publish.qos, e->publish.retain, e->publish.size);
        print_properties(e->publish.properties);
        print_text("payload", e->publish.payload);
        break;
    case CODEC_MQTT_PAYLOAD:
        print_text("payload", e->payload);
        break;
    case CODEC_MQTT_SUBSCRIBE:
    case CODEC_MQTT_UNSUBSCRIBE:
        rest = e->filters.filters;
        while (codec_mqtt_filter_next(&rest, e->type == CODEC_MQTT_SUBSCRIBE, &filter))
            print_text("filter", filter.filter);
        break;
    default: /* a packet id and codes at most */
        break;
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    static uint8_t buffer[1 << 20]; /* holds the longest packet that this program takes */
    struct codec_mqtt parser;
    struct codec_mqtt_event event;
    size_t len = 0;
    ssize_t n;
    codec_mqtt_init(&parser, argc > 2 ? CODEC_MQTT_FROM_SERVER : CODEC_MQTT_FROM_CLIENT);
    parser.version = argc > 2 ? (uint8_t)atoi(argv[2]) : 0; /* a client's CONNECT tells it */
    parser.max_packet = sizeof(buffer);
    while ((n = read(STDIN_FILENO, buffer + len, sizeof(buffer) - len)) > 0) {
        slice in = slice_make(buffer, len + (size_t)n);
        enum codec_rc rc;
        while ((rc = codec_mqtt_next(&parser, &in, &event)) == CODEC_EVENT)
            print_packet(&event);
        if (rc == CODEC_ERROR) {
            fprintf(stderr, "offset %llu: %s\n", (unsigned long long)event.error.offset,
                    codec_mqtt_error_text(event.error.kind));
            return 2;
        }
        len = in.len; /* the beginning of a packet: more comes behind it */
        memmove(buffer, in.ptr, len);
    }
    return len == 0 ? 0 : (fprintf(stderr, "the input ends inside a packet\n"), 2);
}
