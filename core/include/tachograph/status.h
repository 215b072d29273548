/**
 * The one list of results. It feeds the enum, tacho_status_text(), the exceptions of the Python package and the error
 * codes of the Lua module. Values are ABI: append, never renumber.
 */
#ifndef TACHOGRAPH_STATUS_H
#define TACHOGRAPH_STATUS_H

#include <tachograph/version.h>

#define TACHO_STATUS_MAP(X)                                                                                            \
    X(OK, 0, "success")                                                                                                \
    X(INVALID, -1, "argument outside its documented range")                                                            \
    X(NOMEM, -2, "out of memory")                                                                                      \
    X(FULL, -3, "a bound was reached; what did not fit was counted")                                                   \
    X(NOT_FOUND, -4, "no such thing")                                                                                  \
    X(NO_DATA, -5, "nothing was recorded yet")                                                                         \
    X(DAMAGED, -6, "the bytes are damaged or truncated")                                                               \
    X(FOREIGN, -7, "the bytes are not of this format")                                                                 \
    X(NEWER, -8, "the bytes were written by a newer version")                                                          \
    X(LIMIT, -9, "a size or depth limit of the reader was exceeded")                                                   \
    X(IO, -10, "the operating system refused an input or output operation")                                            \
    X(BUSY, -11, "somebody else holds it; try again later")                                                            \
    X(ENDED, -12, "it has already ended; the second end was counted and ignored")                                      \
    X(UNSUPPORTED, -13, "not available in this build")                                                                 \
    X(STOPPED, -14, "stopped on request before it was complete")                                                       \
    X(DENIED, -15, "permission denied")

typedef enum tacho_status {
#define X(name, value, text) TACHO_##name = value,
    TACHO_STATUS_MAP(X)
#undef X
} tacho_status;

#ifdef __cplusplus
extern "C" {
#endif

/** One English sentence for a status, without a full stop; "unknown status" for a value not on the list. Static
 * storage. */
TACHO_API const char *tacho_status_text(tacho_status status);
/** The name on the list without prefix ("INVALID"); "?" for a value not on the list. Static storage. */
TACHO_API const char *tacho_status_name(tacho_status status);

#ifdef __cplusplus
}
#endif
#endif
