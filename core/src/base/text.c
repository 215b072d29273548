#include "base/text.h"

#include "base/hash.h"

#include <string.h>

#define CUT_SUFFIX 9 /* '~' and 8 hexadecimal digits */

/* What a lead byte says (Unicode 15, table 3-7): how many bytes follow, and the bounds of the first of them. */
static unsigned lead(unsigned char byte, unsigned char *low, unsigned char *high) {
    *low = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
    *high = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
    return byte < 0xC2 ? 0 : byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : byte < 0xF5 ? 3 : 0;
}

size_t tacho__text_decode(const char *text, size_t length, uint32_t *code, bool *valid) {
    const unsigned char *bytes = (const unsigned char *)text;
    *valid = true;
    *code = bytes[0];
    if (bytes[0] < 0x80) {
        return 1;
    }
    unsigned char low, high;
    unsigned follow = lead(bytes[0], &low, &high);
    uint32_t value = bytes[0] & (0x3Fu >> follow);
    size_t at = 1;
    for (; at <= follow && at < length && bytes[at] >= low && bytes[at] <= high; at++) {
        value = value << 6 | (bytes[at] & 0x3Fu);
        low = 0x80;
        high = 0xBF;
    }
    *valid = follow > 0 && at > follow;
    *code = *valid ? value : TACHO__TEXT_REPLACEMENT;
    return at;
}

size_t tacho__text_encode(uint32_t code, char out[4]) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t follow = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    for (size_t at = follow; at > 0; at--, code >>= 6) {
        out[at] = (char)(0x80 | (code & 0x3F));
    }
    out[0] = (char)((0xF00u >> (follow + 1) & 0xFFu) | code);
    return follow + 1;
}

/* Length of the run of plain ASCII at the front, eight bytes at a time: the common case of every text. */
static size_t ascii_run(const char *text, size_t length) {
    size_t at = 0;
    for (uint64_t word; at + sizeof word <= length; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        if (word & UINT64_C(0x8080808080808080)) {
            break;
        }
    }
    while (at < length && !((unsigned char)text[at] & 0x80)) {
        at++;
    }
    return at;
}

bool tacho__text_valid(const char *text, size_t length) {
    for (size_t at = ascii_run(text, length); at < length; at += ascii_run(text + at, length - at)) {
        uint32_t code;
        bool valid;
        at += tacho__text_decode(text + at, length - at, &code, &valid);
        if (!valid) {
            return false;
        }
    }
    return true;
}

static bool is_control(uint32_t code) {
    return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

/* Replaces what did not fit, from the last code point that leaves room for it, by '~' and a hash of the original. */
static size_t cut(const char *text, size_t length, char *out, size_t keep) {
    char hex[17];
    tacho__hex_text(tacho__hash(text, length, 0), hex);
    out[keep] = '~';
    memcpy(out + keep + 1, hex, CUT_SUFFIX - 1);
    out[keep + CUT_SUFFIX] = '\0';
    return keep + CUT_SUFFIX;
}

/* True if nothing is to be cleaned: printable ASCII of a length that may be kept. Ids and names nearly always are. */
static bool is_clean(const char *text, size_t length) {
    unsigned char worst = 0; /* no early exit: the loop is vectorised */
    if (length > TACHO__TEXT_CAP) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char above_space = (unsigned char)((unsigned char)text[i] - 0x20);
        worst = above_space > worst ? above_space : worst;
    }
    return worst < 0x7F - 0x20;
}

size_t tacho__text_clean(const char *text, size_t length, char out[TACHO__TEXT_CAP + 1]) {
    if (length > 0 && is_clean(text, length)) {
        memcpy(out, text, length);
        out[length] = '\0';
        return length;
    }
    size_t used = 0, keep = 0; /* keep: the last boundary from which a cut still fits */
    for (size_t at = 0; at < length;) {
        uint32_t code;
        bool valid;
        at += tacho__text_decode(text + at, length - at, &code, &valid);
        if (is_control(code)) {
            continue;
        }
        char encoded[4];
        size_t size = tacho__text_encode(code, encoded);
        if (used + size > TACHO__TEXT_CAP) {
            return cut(text, length, out, keep);
        }
        memcpy(out + used, encoded, size);
        used += size;
        keep = used <= TACHO__TEXT_CAP - CUT_SUFFIX ? used : keep;
    }
    out[used] = '\0';
    return used;
}
