/**
 * The only way the library says something to people. There is no sink until the command or a binding installs one.
 *
 * A message belongs to a class, a static object in the file that speaks; each class is passed on at most once an hour
 * and always counted. Lock-free, so it is safe after fork and from any thread. Not for the record path: it may format
 * text.
 */
#ifndef TACHO_BASE_LOG_H
#define TACHO_BASE_LOG_H

#include <stdatomic.h>
#include <stdint.h>

#define TACHO__LOG_INTERVAL_NS UINT64_C(3600000000000)
/** Longest message in bytes, with its NUL; longer ones are cut. */
#define TACHO__LOG_TEXT 512

typedef enum tacho__log_level { TACHO__LOG_INFO = 0, TACHO__LOG_WARNING = 1, TACHO__LOG_ERROR = 2 } tacho__log_level;

/** Make it with TACHO__LOG_CLASS; static storage; nobody writes its fields but log.c. */
typedef struct tacho__log_class {
    const char *name; /* stable, lower case with underscores: a label of self metrics */
    tacho__log_level level;
    _Atomic uint64_t count;      /* messages ever given */
    _Atomic uint64_t shown;      /* value of `count` when the last one was passed on */
    _Atomic uint64_t next_ns;    /* monotonic time from which the next one may pass */
    _Atomic uint32_t registered; /* 1 once it is on the list of classes */
    struct tacho__log_class *next;
} tacho__log_class;

#define TACHO__LOG_CLASS(class_name, class_level)                                                                      \
    { .name = (class_name), .level = (class_level) }

/** Receives a message: NUL-terminated, one line, no control characters. Called from any thread, possibly several at
 * once. */
typedef struct tacho__log_sink {
    void (*write)(void *context, const tacho__log_class *class, const char *text);
    void *context;
} tacho__log_sink;

/**
 * Installs a sink for the process, or none (NULL). It must stay valid for the rest of the process: another thread may
 * be inside it while it is replaced. Returns the one before.
 */
const tacho__log_sink *tacho__log_install(const tacho__log_sink *sink);

/** Counts a message, and passes it on if there is a sink and the class was silent for an hour. printf formats. */
void tacho__log(tacho__log_class *class, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** The same at a given monotonic time, for callers with a clock of their own. */
void tacho__log_at(tacho__log_class *class, uint64_t now_ns, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Calls `visit` for every class that has spoken at least once, newest class first. */
void tacho__log_visit(void (*visit)(void *context, const tacho__log_class *class, uint64_t count), void *context);

#endif
