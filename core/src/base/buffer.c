#include "base/buffer.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A buffer smaller than this is not worth a second visit to the heap. */
#define FIRST_CAPACITY 256

static bool refuse(tacho__buffer *buffer) {
    buffer->failed = true;
    return false;
}

bool tacho__buffer_reserve(tacho__buffer *buffer, size_t more) {
    if (buffer->failed) {
        return false;
    }
    if (more <= buffer->capacity - buffer->length && (buffer->limit == 0 || more + buffer->length <= buffer->limit)) {
        return true;
    }
    if (more > SIZE_MAX / 2 - buffer->length || (buffer->limit != 0 && more + buffer->length > buffer->limit)) {
        buffer->over_limit = true;
        return refuse(buffer);
    }
    size_t capacity = buffer->capacity < FIRST_CAPACITY ? FIRST_CAPACITY : buffer->capacity * 2;
    capacity = capacity < buffer->length + more ? buffer->length + more : capacity;
    char *data = tacho__realloc(buffer->data, capacity);
    if (data == NULL) {
        return refuse(buffer);
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void tacho__buffer_uint(tacho__buffer *buffer, uint64_t value) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    tacho__buffer_append(buffer, digits + at, sizeof digits - at);
}

void tacho__buffer_int(tacho__buffer *buffer, int64_t value) {
    if (value < 0) {
        tacho__buffer_byte(buffer, '-');
    }
    tacho__buffer_uint(buffer, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* printf and strtod use the locale's decimal mark, whatever it is: the only character that is no digit, sign or 'e'. */
static void point_instead_of_mark(char *text) {
    char *mark = text + strspn(text, "+-0123456789");
    size_t width = strcspn(mark, "+-0123456789eE");
    if (width > 0) {
        *mark = '.';
        memmove(mark + 1, mark + width, strlen(mark + width) + 1);
    }
}

void tacho__buffer_double(tacho__buffer *buffer, double value) {
    if (!isfinite(value)) {
        tacho__buffer_string(buffer, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        return;
    }
    char text[48];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) { /* 17 digits always read back; -0 is written with its sign */
            break;
        }
    }
    point_instead_of_mark(text);
    tacho__buffer_string(buffer, text);
}

const char *tacho__buffer_text(tacho__buffer *buffer) {
    /* The NUL counts against neither limit nor length. */
    size_t limit = buffer->limit;
    buffer->limit = 0;
    bool room = tacho__buffer_reserve(buffer, 1);
    buffer->limit = limit;
    if (!room) {
        return NULL;
    }
    buffer->data[buffer->length] = '\0';
    return buffer->data;
}

void tacho__buffer_clear(tacho__buffer *buffer) {
    buffer->length = 0;
    buffer->failed = false;
    buffer->over_limit = false;
}

void tacho__buffer_free(tacho__buffer *buffer) {
    tacho__free(buffer->data);
    *buffer = (tacho__buffer){.limit = buffer->limit};
}

tacho_status tacho__buffer_status(const tacho__buffer *buffer) {
    if (!buffer->failed) {
        return TACHO_OK;
    }
    return buffer->over_limit ? TACHO_LIMIT : TACHO_NOMEM;
}
