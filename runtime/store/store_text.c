#include "store/store.h"

/* In the order of enum store_rc; the Go server's words where it has some. */
static const char *const texts[STORE_RC_COUNT] = {
    [STORE_OK] = "ok",
    [STORE_CLOSED] = "store is closed",
    [STORE_NOT_FOUND] = "no message found",
    [STORE_EOF] = "stream store EOF",
    [STORE_MAX_MSGS] = "maximum messages exceeded",
    [STORE_MAX_BYTES] = "maximum bytes exceeded",
    [STORE_MAX_PER_SUBJECT] = "maximum messages per subject exceeded",
    [STORE_TOO_LARGE] = "message too large",
    [STORE_BAD_SEQUENCE] = "expected sequence does not match store",
    [STORE_TOO_MANY] = "too many matching results for request",
    [STORE_NO_SPACE] = "no space left on device",
    [STORE_IO] = "input/output error",
    [STORE_WRITE_FAILED] = "an earlier write failed",
    [STORE_CORRUPT] = "corrupt state file",
    [STORE_NO_MEMORY] = "out of memory",
    [STORE_NOT_SUPPORTED] = "partial purges not supported on memory store",
    [STORE_INVALID] = "invalid argument",
    [STORE_ACK_NONE] = "ack policy is none",
    [STORE_OLD_UPDATE] = "old update ignored",
    [STORE_BAD_STATE] = "stream state snapshot is corrupt",
    [STORE_NO_KEY] = "encryption not enabled",
    [STORE_WRONG_KEY] = "unable to recover keys",
};

const char *store_rc_text(enum store_rc rc)
{
    return (unsigned)rc < STORE_RC_COUNT ? texts[rc] : "unknown error";
}
