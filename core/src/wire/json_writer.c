#include "wire/json_writer.h"

#include "base/decimal.h"
#include "base/money.h"
#include "base/seconds.h"
#include "base/text.h"
#include "base/timestamp.h"

#include <math.h>
#include <string.h>

void tacho__json_writer_init(tacho__json_writer *writer, tacho__buffer *out, bool pretty) {
    *writer = (tacho__json_writer){.out = out, .pretty = pretty};
}

tacho_status tacho__json_writer_finish(const tacho__json_writer *writer) {
    if (writer->broken || !writer->done || writer->depth != 0) {
        return TACHO_INVALID;
    }
    return tacho__buffer_status(writer->out);
}

/* The bit of the innermost open container. Only with depth > 0. */
static uint64_t bit(const tacho__json_writer *writer) {
    return UINT64_C(1) << (writer->depth - 1);
}

static bool in_object(const tacho__json_writer *writer) {
    return writer->depth > 0 && (writer->object_bits & bit(writer)) != 0;
}

static void new_line(tacho__json_writer *writer) {
    if (!writer->pretty) {
        return;
    }
    tacho__buffer_byte(writer->out, '\n');
    for (uint32_t level = 0; level < writer->depth; level++) {
        tacho__buffer_append(writer->out, "  ", 2);
    }
}

/* What stands before an entry of the innermost container. */
static void begin_entry(tacho__json_writer *writer) {
    if (writer->filled_bits & bit(writer)) {
        tacho__buffer_byte(writer->out, ',');
    }
    writer->filled_bits |= bit(writer);
    new_line(writer);
}

/* Called before every value. False if a value may not stand here. */
static bool begin_value(tacho__json_writer *writer) {
    writer->broken = writer->broken || writer->done || in_object(writer) != writer->after_key;
    if (writer->broken) {
        return false;
    }
    if (writer->depth > 0 && !writer->after_key) {
        begin_entry(writer);
    }
    writer->after_key = false;
    writer->done = writer->depth == 0;
    return true;
}

static void write_text(tacho__json_writer *writer, const char *text, size_t length) {
    if (begin_value(writer)) {
        tacho__buffer_append(writer->out, text, length);
    }
}

static void begin_container(tacho__json_writer *writer, bool object) {
    if (writer->depth == TACHO__JSON_WRITER_DEPTH) {
        writer->broken = true;
    }
    if (!begin_value(writer)) {
        return;
    }
    tacho__buffer_byte(writer->out, object ? '{' : '[');
    writer->done = false;
    writer->depth++;
    writer->filled_bits &= ~bit(writer);
    writer->object_bits = object ? writer->object_bits | bit(writer) : writer->object_bits & ~bit(writer);
}

static void end_container(tacho__json_writer *writer, bool object) {
    writer->broken = writer->broken || writer->depth == 0 || in_object(writer) != object || writer->after_key;
    if (writer->broken) {
        return;
    }
    bool filled = (writer->filled_bits & bit(writer)) != 0;
    writer->depth--;
    if (filled) {
        new_line(writer);
    }
    tacho__buffer_byte(writer->out, object ? '}' : ']');
    writer->done = writer->depth == 0;
}

void tacho__json_object_begin(tacho__json_writer *writer) {
    begin_container(writer, true);
}

void tacho__json_object_end(tacho__json_writer *writer) {
    end_container(writer, true);
}

void tacho__json_array_begin(tacho__json_writer *writer) {
    begin_container(writer, false);
}

void tacho__json_array_end(tacho__json_writer *writer) {
    end_container(writer, false);
}

/*
 * Code points that do not stand for themselves. U+007F is a control character on terminals, U+2028 and U+2029 end lines
 * in older JavaScript; both are legal JSON, and escaping them is as well.
 */
static bool needs_escape(uint32_t code) {
    return code < 0x20 || code == '"' || code == '\\' || code == 0x7F || code == 0x2028 || code == 0x2029;
}

static void escape(tacho__buffer *out, uint32_t code) {
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = code != 0 && code < 0x80 ? strchr(plain, (int)code) : NULL;
    char text[6] = {'\\', 'u'};
    if (found != NULL) {
        text[1] = letters[found - plain];
        tacho__buffer_append(out, text, 2);
        return;
    }
    for (int at = 5; at >= 2; at--, code >>= 4) {
        text[at] = "0123456789abcdef"[code & 15];
    }
    tacho__buffer_append(out, text, sizeof text);
}

static void write_quoted(tacho__buffer *out, const char *text, size_t length) {
    size_t run = 0; /* start of the bytes that stand for themselves and are not yet written */
    tacho__buffer_byte(out, '"');
    for (size_t at = 0; at < length;) {
        uint32_t code;
        bool valid;
        size_t size = tacho__text_decode(text + at, length - at, &code, &valid);
        if (!valid || needs_escape(code)) {
            tacho__buffer_append(out, text + run, at - run);
            run = at + size;
            if (valid) {
                escape(out, code);
            } else {
                tacho__buffer_append(out, "\xEF\xBF\xBD", 3);
            }
        }
        at += size;
    }
    tacho__buffer_append(out, text + run, length - run);
    tacho__buffer_byte(out, '"');
}

void tacho__json_key_bytes(tacho__json_writer *writer, const char *key, size_t length) {
    writer->broken = writer->broken || !in_object(writer) || writer->after_key;
    if (writer->broken) {
        return;
    }
    begin_entry(writer);
    write_quoted(writer->out, key, length);
    tacho__buffer_append(writer->out, ": ", writer->pretty ? 2 : 1);
    writer->after_key = true;
}

void tacho__json_key(tacho__json_writer *writer, const char *key) {
    tacho__json_key_bytes(writer, key, strlen(key));
}

void tacho__json_string_bytes(tacho__json_writer *writer, const char *text, size_t length) {
    if (text == NULL) {
        tacho__json_null(writer);
    } else if (begin_value(writer)) {
        write_quoted(writer->out, text, length);
    }
}

void tacho__json_string(tacho__json_writer *writer, const char *text) {
    tacho__json_string_bytes(writer, text, text == NULL ? 0 : strlen(text));
}

void tacho__json_null(tacho__json_writer *writer) {
    write_text(writer, "null", 4);
}

void tacho__json_bool(tacho__json_writer *writer, bool value) {
    write_text(writer, value ? "true" : "false", value ? 4 : 5);
}

void tacho__json_int(tacho__json_writer *writer, int64_t value) {
    if (begin_value(writer)) {
        tacho__buffer_int(writer->out, value);
    }
}

void tacho__json_uint(tacho__json_writer *writer, uint64_t value) {
    if (begin_value(writer)) {
        tacho__buffer_uint(writer->out, value);
    }
}

void tacho__json_double(tacho__json_writer *writer, double value) {
    if (!isfinite(value)) {
        tacho__json_null(writer);
    } else if (begin_value(writer)) {
        tacho__buffer_double(writer->out, value);
    }
}

void tacho__json_number_text(tacho__json_writer *writer, const char *text, size_t length) {
    write_text(writer, text, length);
}

void tacho__json_decimal(tacho__json_writer *writer, int64_t value, unsigned digits) {
    char text[TACHO__DECIMAL_TEXT];
    size_t length = tacho__decimal_text(value, digits, text);
    write_text(writer, text, length);
}

void tacho__json_money(tacho__json_writer *writer, int64_t pusd) {
    char text[TACHO__DECIMAL_TEXT];
    size_t length = tacho__money_text(pusd, text);
    tacho__json_string_bytes(writer, pusd == TACHO__MONEY_UNKNOWN ? NULL : text, length);
}

void tacho__json_seconds(tacho__json_writer *writer, uint64_t ns) {
    char text[TACHO__DECIMAL_TEXT];
    size_t length = tacho__seconds_text(ns, text);
    write_text(writer, text, length);
}

void tacho__json_timestamp(tacho__json_writer *writer, int64_t unix_ns) {
    char text[TACHO__TIMESTAMP_TEXT];
    size_t length = tacho__timestamp_text(unix_ns, text);
    tacho__json_string_bytes(writer, text, length);
}
