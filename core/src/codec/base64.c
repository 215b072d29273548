#include "codec/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void tacho__base64_encode(tacho__buffer *out, const void *bytes, size_t length) {
    const unsigned char *in = bytes;
    tacho__buffer_reserve(out, length / 3 * 4 + 4);
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        uint32_t group = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
        char text[4] = {alphabet[group >> 18], alphabet[group >> 12 & 63], left > 1 ? alphabet[group >> 6 & 63] : '=',
                        left > 2 ? alphabet[group & 63] : '='};
        tacho__buffer_append(out, text, sizeof text);
    }
}

static int value_of(char letter) {
    if (letter >= 'A' && letter <= 'Z') {
        return letter - 'A';
    }
    if (letter >= 'a' && letter <= 'z') {
        return letter - 'a' + 26;
    }
    if (letter >= '0' && letter <= '9') {
        return letter - '0' + 52;
    }
    return letter == '+' ? 62 : letter == '/' ? 63 : -1;
}

tacho_status tacho__base64_decode(tacho__buffer *out, const char *text, size_t length) {
    if (length % 4 != 0) {
        return TACHO_DAMAGED;
    }
    tacho__buffer_reserve(out, length / 4 * 3);
    for (size_t i = 0; i < length; i += 4) {
        bool last = i + 4 == length;
        size_t pads = last ? (size_t)(text[i + 3] == '=') + (text[i + 3] == '=' && text[i + 2] == '=') : 0;
        uint32_t group = 0;
        for (size_t j = 0; j < 4; j++) {
            int value = j < 4 - pads ? value_of(text[i + j]) : 0;
            if (value < 0) {
                return TACHO_DAMAGED;
            }
            group = group << 6 | (uint32_t)value;
        }
        char bytes[3] = {(char)(group >> 16), (char)(group >> 8 & 255), (char)(group & 255)};
        tacho__buffer_append(out, bytes, 3 - pads);
    }
    return tacho__buffer_status(out);
}
