/* mqtt_body.h: between mqtt.c and its grammars (grammar/mqtt.rl, grammar/mqtt_property.rl). */
#ifndef CODEC_MQTT_BODY_H
#define CODEC_MQTT_BODY_H

#include <midge/mqtt.h>

/* Reading the body of one packet: what stands behind its fixed header. CONNECT, CONNACK's flag and the topic
 * of PUBLISH go into the event; what several packets have is left here. */
struct mqtt_reader {
    struct codec_mqtt_event *event; /* type, version, and of PUBLISH qos are set */
    bool accept_v5;
    slice body;
    uint16_t packet_id;
    uint8_t reason;
    slice properties;
    slice list;                    /* filters, topics or codes */
    struct codec_mqtt_fault fault; /* with an error: field, value, text */
    bool in_property;              /* with an error: `at` is that of a property */
    size_t at;                     /* where in the body the error is, or the end of the body */
};

/* Reads a whole body; of PUBLISH the variable header alone, whose length the caller has found. */
enum codec_mqtt_error mqtt_body_read(struct mqtt_reader *r, slice body);

/* Which packets a property may stand in: a bit for each type, and one for the will. */
#define MQTT_IN(type) (1u << CODEC_MQTT_##type)
#define MQTT_IN_WILL  1u /* type 0 is no packet */

/* Checks a list of properties of one kind of packet; *at is where a refused one begins. */
enum codec_mqtt_error mqtt_properties_check(slice properties, unsigned where, uint8_t *id, size_t *at);

/* What the value of a property is; 0: its id is not known. */
enum codec_mqtt_value mqtt_property_value(uint8_t id);

/* Reads one property off the front; returns the bytes it takes. 0: *error says why, TRUNCATED when the bytes
 * end. */
size_t mqtt_property_read(slice bytes, struct codec_mqtt_property *property, enum codec_mqtt_error *error);

#endif
