/**
 * MessagePack into a buffer, over msgpack-c's packer: always the smallest encoding, map keys always str. Counts of maps
 * and arrays are given before their content, and the caller keeps to them. Failures are the buffer's (base/buffer.h).
 */
#ifndef TACHO_WIRE_MSGPACK_WRITER_H
#define TACHO_WIRE_MSGPACK_WRITER_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Begins a map of `pairs` keys and values. */
void tacho__msgpack_put_map(tacho__buffer *out, uint32_t pairs);
/** Begins an array of `count` values. */
void tacho__msgpack_put_array(tacho__buffer *out, uint32_t count);
/** A map's key, or any other NUL-terminated str. Text is written as it is: it has to be UTF-8. */
void tacho__msgpack_put_key(tacho__buffer *out, const char *key);
/** A str of `length` bytes; NULL = nil. More than 2^32 - 1 bytes mark the buffer failed. */
void tacho__msgpack_put_str(tacho__buffer *out, const char *text, size_t length);
/** A bin of `length` bytes; NULL = nil, unless `length` is 0. Same limit as str. */
void tacho__msgpack_put_bin(tacho__buffer *out, const void *bytes, size_t length);
void tacho__msgpack_put_nil(tacho__buffer *out);
void tacho__msgpack_put_bool(tacho__buffer *out, bool value);
void tacho__msgpack_put_uint(tacho__buffer *out, uint64_t value);
void tacho__msgpack_put_int(tacho__buffer *out, int64_t value);
/** 64-bit float. Never for money. */
void tacho__msgpack_put_double(tacho__buffer *out, double value);
/** Money: int, or nil if unknown. */
void tacho__msgpack_put_money(tacho__buffer *out, int64_t pusd);

#endif
