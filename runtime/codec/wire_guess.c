/* wire_guess.c: which protocol is this? Looks at the first line or packet of each direction. The dialects of
 * NATS differ in the members of their first CONNECT or INFO (docs/spec/fabric.md, section 1.5 and the
 * recorded handshakes). */
#include <midge/json.h>
#include <midge/wire.h>

static bool starts(slice s, const char *prefix)
{
    return slice_starts(s, slice_str(prefix));
}

/* The first line without its end; false when it is not all there. */
static bool first_line(slice s, slice *line)
{
    const uint8_t *lf = s.len == 0 ? NULL : memchr(s.ptr, '\n', s.len);
    if (lf == NULL)
        return false;
    *line = slice_first(s, (size_t)(lf - s.ptr));
    return true;
}

/* A member of the object that the text begins with, other than false and "". */
static bool has_member(slice text, const char *key)
{
    struct codec_json p;
    struct codec_json_token token, value;
    codec_json_init(&p, text);
    codec_json_next(&p, &token); /* the brace */
    while (codec_json_next(&p, &token) == CODEC_JSON_KEY) {
        enum codec_json_event e = codec_json_next(&p, &value);
        bool empty =
            e == CODEC_JSON_FALSE || e == CODEC_JSON_NULL || (e == CODEC_JSON_STRING && value.text.len == 2);
        if (codec_json_key_is(&token, slice_str(key)) && e != CODEC_JSON_BAD)
            return !empty;
        if (!codec_json_skip(&p, e, &value, NULL))
            return false;
    }
    return false;
}

static enum codec_protocol guess_connect(slice json)
{
    if (has_member(json, "gateway"))
        return CODEC_NATS_GATEWAY;
    if (has_member(json, "lnoc") || has_member(json, "ln"))
        return CODEC_NATS_ROUTE;
    if (has_member(json, "server_id") || has_member(json, "compress_mode"))
        return CODEC_NATS_LEAF;
    return has_member(json, "cluster") && !has_member(json, "lang") ? CODEC_NATS_ROUTE : CODEC_NATS;
}

static enum codec_protocol guess_info(slice json)
{
    if (has_member(json, "gateway"))
        return CODEC_NATS_GATEWAY;
    if (has_member(json, "lnoc") || has_member(json, "ln"))
        return CODEC_NATS_ROUTE;
    return has_member(json, "info_on_connect") || has_member(json, "leafnode_urls") ? CODEC_NATS_LEAF
                                                                                    : CODEC_NATS;
}

static enum codec_protocol guess_line(slice line)
{
    static const struct {
        const char *verb;
        enum codec_protocol protocol;
    } verbs[] = {
        {"PUB ", CODEC_NATS},        {"HPUB ", CODEC_NATS},       {"SUB ", CODEC_NATS},
        {"UNSUB ", CODEC_NATS},      {"MSG ", CODEC_NATS},        {"PING", CODEC_NATS},
        {"PONG", CODEC_NATS},        {"+OK", CODEC_NATS},         {"-ERR", CODEC_NATS},
        {"RS+ ", CODEC_NATS_ROUTE},  {"RS- ", CODEC_NATS_ROUTE},  {"RMSG ", CODEC_NATS_ROUTE},
        {"LS+ ", CODEC_NATS_LEAF},   {"LS- ", CODEC_NATS_LEAF},   {"LMSG ", CODEC_NATS_LEAF},
        {"A- ", CODEC_NATS_GATEWAY}, {"A+ ", CODEC_NATS_GATEWAY}, {"HTTP/1.", CODEC_HTTP},
    };
    if (starts(line, "CONNECT {"))
        return guess_connect(slice_from(line, sizeof("CONNECT ") - 1));
    if (starts(line, "INFO {"))
        return guess_info(slice_from(line, sizeof("INFO ") - 1));
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (starts(line, verbs[i].verb))
            return verbs[i].protocol;
    }
    /* a request line ends in its version */
    for (size_t i = 0; i + 9 <= line.len; i++) {
        if (starts(slice_from(line, i), " HTTP/1."))
            return CODEC_HTTP;
    }
    return CODEC_NO_PROTOCOL;
}

/* CONNECT with its protocol name, or CONNACK. */
static bool is_mqtt(slice s, bool dialer)
{
    if (!dialer)
        return s.len >= 4 && s.ptr[0] == 0x20 && s.ptr[1] < 0x80 && s.ptr[1] >= 2 && s.ptr[2] <= 1;
    if (s.len < 8 || s.ptr[0] != 0x10)
        return false;
    for (size_t at = 2; at <= 5; at++) {
        slice name = slice_from(s, at);
        if (slice_starts(name, slice_make("\0\4MQTT", 6)) || slice_starts(name, slice_make("\0\6MQIsdp", 8)))
            return true;
    }
    return false;
}

static enum codec_protocol guess_one(slice s, bool dialer)
{
    slice line;
    if (dialer && (starts(s, "PROXY ") || slice_starts(s, slice_make("\r\n\r\n\0\r\nQUIT\n", 12))))
        return CODEC_PROXY;
    if (is_mqtt(s, dialer))
        return CODEC_MQTT;
    return first_line(s, &line) ? guess_line(line) : CODEC_NO_PROTOCOL;
}

enum codec_protocol codec_protocol_guess(slice from_dialer, slice from_acceptor)
{
    enum codec_protocol p = guess_one(from_dialer, true), q = guess_one(from_acceptor, false);
    /* the verbs of a client say less than a CONNECT or INFO of servers */
    return p == CODEC_NO_PROTOCOL || (p == CODEC_NATS && q != CODEC_NO_PROTOCOL) ? q : p;
}
