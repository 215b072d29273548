#include "codec/text_width.h"

#include "base/text.h"

#include <string.h>

typedef struct range {
    uint32_t first, last;
} range;

static const range wide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0x33FF},   {0x3400, 0x4DBF},
                             {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},   {0xA960, 0xA97F},   {0xAC00, 0xD7A3},
                             {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
                             {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
static const range zero[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD},  {0x0610, 0x061A}, {0x064B, 0x065F},
                             {0x0E34, 0x0E3A}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},  {0x200B, 0x200F}, {0x20D0, 0x20FF},
                             {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xE0100, 0xE01EF}};
/* Marks, embeddings, overrides and isolates of Unicode Standard Annex 9. */
static const range turning[] = {{0x061C, 0x061C}, {0x200E, 0x200F}, {0x202A, 0x202E}, {0x2066, 0x2069}};

static bool within(const range *ranges, size_t count, uint32_t code) {
    for (size_t i = 0; i < count; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last) {
            return true;
        }
    }
    return false;
}
#define WITHIN(ranges, code) within(ranges, sizeof(ranges) / sizeof *(ranges), code)

static bool hidden(uint32_t code) {
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029;
}

/* Left out, a name with such a character would look like the name without it. */
static uint32_t shown_as(uint32_t code) {
    return WITHIN(turning, code) ? 0xFFFD : code;
}

size_t tacho__text_width(const char *text) {
    size_t length = strlen(text), width = 0;
    for (size_t at = 0; at < length;) {
        uint32_t code;
        bool valid;
        at += tacho__text_decode(text + at, length - at, &code, &valid);
        code = shown_as(code);
        if (!hidden(code) && !WITHIN(zero, code)) {
            width += code >= 0x1100 && WITHIN(wide, code) ? 2 : 1;
        }
    }
    return width;
}

void tacho__text_show(tacho__buffer *out, const char *text, bool ascii) {
    size_t length = strlen(text);
    for (size_t at = 0; at < length;) {
        uint32_t code;
        bool valid;
        at += tacho__text_decode(text + at, length - at, &code, &valid);
        code = shown_as(code);
        if (hidden(code)) {
            continue;
        }
        char bytes[4];
        if (code < 0x80 || !ascii) {
            tacho__buffer_append(out, bytes, tacho__text_encode(code, bytes));
        } else if (!WITHIN(zero, code)) {
            tacho__buffer_byte(out, '?');
        }
    }
}
