/** Hashing (XXH3, 64 bit), random ids, and hexadecimal text. All functions may be called from any thread. */
#ifndef TACHO_BASE_HASH_H
#define TACHO_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * XXH3-64 of `length` bytes under `seed`. The value is the same on every platform and in every version, so it may stand
 * in files. In-memory tables that hold foreign text use a random seed, so that nobody can aim for collisions.
 */
uint64_t tacho__hash(const void *bytes, size_t length, uint64_t seed);

/** Fills `out` from the kernel's generator; where that is refused, from clocks, pid and addresses (ids stay distinct).
 */
void tacho__random_bytes(void *out, size_t length);
/** A random id: 64 bits, never 0. */
uint64_t tacho__random_id(void);

/** 16 lower-case digits and a NUL. */
void tacho__hex_text(uint64_t value, char out[17]);
/** Reads exactly `digits` (1..16) lower-case digits; false for anything else, upper case included. */
bool tacho__hex_parse(const char *text, size_t digits, uint64_t *value);

#endif
