#include "message.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* U+200E, U+200F, U+202A..2E, U+2066..69, U+061C: they turn the direction of writing. */
static int turns(const unsigned char *at) {
    if (at[0] == 0xd8 && at[1] == 0x9c) {
        return 2;
    }
    if (at[0] != 0xe2 || (at[1] != 0x80 && at[1] != 0x81)) {
        return 0;
    }
    return at[1] == 0x80 ? (at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xaa && at[2] <= 0xae) ? 3 : 0)
                         : (at[2] >= 0xa6 && at[2] <= 0xa9 ? 3 : 0);
}

/* Control characters, C1 (U+0080..9F) among them, become '?'; they could steer the terminal. */
static void clean(char *text) {
    for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
        if (*at < 0x20 || *at == 0x7f) {
            *at = '?';
        } else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) {
            at[0] = at[1] = '?';
        } else {
            memset(at, '?', (size_t)turns(at));
        }
    }
}

static void say(const char *prefix, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));
static void say(const char *prefix, const char *format, va_list arguments) {
    char text[8192];
    vsnprintf(text, sizeof(text), format, arguments);
    clean(text);
    fflush(stdout); /* the answer so far stands before what is said about it */
    fprintf(stderr, "%s%s\n", prefix, text);
}

int cli_fail(int code, const char *format, ...) {
    va_list list;
    va_start(list, format);
    say("tacho: ", format, list);
    va_end(list);
    return code;
}

void cli_hint(const cli_arguments *arguments, const char *format, ...) {
    va_list list;
    va_start(list, format);
    if (!cli_given(arguments, CLI_FLAG_QUIET)) {
        say("", format, list);
    }
    va_end(list);
}

void cli_warn(const cli_arguments *arguments, const char *format, ...) {
    va_list list;
    va_start(list, format);
    if (!cli_given(arguments, CLI_FLAG_QUIET)) {
        say("tacho: warning: ", format, list);
    }
    va_end(list);
}

void cli_tell(const cli_arguments *arguments, const char *format, ...) {
    va_list list;
    va_start(list, format);
    if (cli_given(arguments, CLI_FLAG_VERBOSE) && !cli_given(arguments, CLI_FLAG_QUIET)) {
        say("tacho: ", format, list);
    }
    va_end(list);
}

int cli_exit_of(tacho_status status) {
    switch (status) {
    case TACHO_OK:
        return CLI_DONE;
    case TACHO_INVALID:
        return CLI_USAGE;
    case TACHO_NOT_FOUND:
    case TACHO_NO_DATA:
    case TACHO_DAMAGED:
    case TACHO_FOREIGN:
    case TACHO_NEWER:
    case TACHO_LIMIT:
    case TACHO_UNSUPPORTED:
        return CLI_NO_DATA;
    default:
        return CLI_INTERNAL;
    }
}
