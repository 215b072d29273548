#include "codec/phrases.h"

#include "codec/text_width.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LABEL 10 /* columns of a label with the gap behind it */

void tacho__phrase(tacho__phrases *phrases, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *copy = *text ? tacho__arena_text(phrases->arena, text) : NULL;
    if (copy && phrases->count < TACHO__PHRASES) {
        phrases->phrase[phrases->count++] = copy;
    }
}

static void blanks(tacho__buffer *out, size_t count) {
    while (count-- > 0) {
        tacho__buffer_byte(out, ' ');
    }
}

void tacho__phrases_write(const tacho__phrases *phrases, const char *label, const tacho__text_layout *layout,
                          tacho__buffer *out) {
    size_t hang = layout->indent + (*label ? LABEL : 0), at = hang;
    if (phrases->count == 0) {
        return;
    }
    blanks(out, layout->indent);
    if (*label) {
        tacho__buffer_string(out, label);
        blanks(out, LABEL - strlen(label));
    }
    for (size_t i = 0; i < phrases->count; i++) {
        size_t width = tacho__text_width(phrases->phrase[i]) + (i + 1 < phrases->count); /* with its comma */
        if (i > 0 && layout->width > 0 && at + 1 + width > layout->width) {
            tacho__buffer_byte(out, '\n');
            blanks(out, hang);
            at = hang;
        } else if (i > 0) {
            tacho__buffer_byte(out, ' ');
            at++;
        }
        tacho__text_show(out, phrases->phrase[i], layout->ascii);
        if (i + 1 < phrases->count) {
            tacho__buffer_byte(out, ',');
        }
        at += width;
    }
    tacho__buffer_byte(out, '\n');
}
