/* value.c: looking into value trees. */
#include <midge/value.h>

const struct codec_value *codec_value_get(const struct codec_value *value, const char *key)
{
    if (value->type != CODEC_VALUE_OBJECT)
        return NULL;
    for (size_t i = 0; i < value->object.count; i++) {
        if (slice_eq_str(value->object.items[i].key, key))
            return &value->object.items[i].value;
    }
    return NULL;
}

const char *codec_value_error_text(int kind)
{
    switch ((enum codec_value_error)kind) {
    case CODEC_VALUE_OK:
        return "no error";
    case CODEC_VALUE_SYNTAX:
        return "malformed text";
    case CODEC_VALUE_TYPE:
        return "a type that is not taken: a float, an extension, a key that is no text, a number above 64 "
               "bits";
    case CODEC_VALUE_TOO_DEEP:
        return "nested too deep";
    case CODEC_VALUE_BASE64:
        return "malformed base64";
    case CODEC_VALUE_NO_ROOM:
        return "out of room";
    case CODEC_VALUE_TOO_LONG:
        return "a value longer than the limit";
    }
    return "unknown error";
}
