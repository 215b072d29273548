#include "segment/crc32c.h"

uint32_t tacho__crc32c(const void *bytes, size_t length) {
    const unsigned char *byte = bytes;
    uint32_t crc = 0xFFFFFFFFu;
    /* Bit by bit: it runs once per segment over a kilobyte. */
    for (size_t i = 0; i < length; ++i) {
        crc ^= byte[i];
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1) ^ (0x82F63B78u & (0u - (crc & 1u)));
        }
    }
    return ~crc;
}
