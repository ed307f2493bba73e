/* MQTT of both versions, from clients, servers and anybody. */
#include "wire_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct codec_wire wire;
    if (size < 2 || size > FUZZ_MAX)
        return 0;
    codec_wire_init(&wire, CODEC_MQTT, CODEC_FROM_DIALER);
    codec_mqtt_init(&wire.mqtt, data[0] & 1   ? CODEC_MQTT_FROM_CLIENT
                                : data[0] & 2 ? CODEC_MQTT_FROM_SERVER
                                              : CODEC_MQTT_FROM_ANY);
    wire.mqtt.version = data[0] & 4 ? 5 : data[0] & 8 ? 4 : 0;
    wire.mqtt.connected = data[0] & 16;
    wire_fuzz(wire, slice_make(data + 2, size - 2), data[1]);
    return 0;
}
