/** CRC-32C (Castagnoli), as in RFC 3720 appendix B.4: reflected, initial and final value 0xFFFFFFFF. */
#ifndef TACHO_SEGMENT_CRC32C_H
#define TACHO_SEGMENT_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/** Checksum of `length` bytes. Any thread. */
uint32_t tacho__crc32c(const void *bytes, size_t length);

#endif
