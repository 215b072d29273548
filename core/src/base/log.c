#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static _Atomic(const tacho__log_sink *) installed;
static _Atomic(tacho__log_class *) classes;

const tacho__log_sink *tacho__log_install(const tacho__log_sink *sink) {
    return atomic_exchange(&installed, sink);
}

/* Classes are static objects and never leave the list, so pushing is all there is to do. */
static void register_class(tacho__log_class *class) {
    if (atomic_exchange(&class->registered, 1) != 0) {
        return;
    }
    class->next = atomic_load(&classes);
    while (!atomic_compare_exchange_weak(&classes, &class->next, class)) {
    }
}

/* True for exactly one caller per interval. A class that never spoke has next_ns 0. */
static bool its_turn(tacho__log_class *class, uint64_t now_ns) {
    uint64_t due = atomic_load(&class->next_ns);
    return now_ns >= due && atomic_compare_exchange_strong(&class->next_ns, &due, now_ns + TACHO__LOG_INTERVAL_NS);
}

/* One line, no control characters: what a message quotes may come from a file. */
static void flatten(char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7F) {
            *text = ' ';
        }
    }
}

static void speak(tacho__log_class *class, uint64_t now_ns, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

static void speak(tacho__log_class *class, uint64_t now_ns, const char *format, va_list arguments) {
    register_class(class);
    uint64_t count = atomic_fetch_add(&class->count, 1) + 1;
    const tacho__log_sink *sink = atomic_load(&installed);
    if (sink == NULL || !its_turn(class, now_ns)) {
        return;
    }
    char text[TACHO__LOG_TEXT];
    int used = vsnprintf(text, sizeof text, format, arguments);
    uint64_t shown = atomic_exchange(&class->shown, count);
    uint64_t held_back = shown < count ? count - 1 - shown : 0;
    if (used >= 0 && (size_t)used < sizeof text && held_back > 0) {
        snprintf(text + used, sizeof text - (size_t)used, " (and %llu more like this before)",
                 (unsigned long long)held_back);
    }
    flatten(text);
    sink->write(sink->context, class, text);
}

void tacho__log(tacho__log_class *class, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    speak(class, tacho__now(&tacho__clock_system), format, arguments);
    va_end(arguments);
}

void tacho__log_at(tacho__log_class *class, uint64_t now_ns, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    speak(class, now_ns, format, arguments);
    va_end(arguments);
}

void tacho__log_visit(void (*visit)(void *context, const tacho__log_class *class, uint64_t count), void *context) {
    for (const tacho__log_class *class = atomic_load(&classes); class != NULL; class = class->next) {
        visit(context, class, atomic_load(&class->count));
    }
}
