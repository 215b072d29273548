/**
 * UTF-8 at the boundary: what comes from outside is made valid, printable and short before anything keeps it
 * (`reference/reliability.md` section 4 point 9). Every encoder still escapes for itself.
 */
#ifndef TACHO_BASE_TEXT_H
#define TACHO_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Most bytes a cleaned text has, without the closing NUL. */
#define TACHO__TEXT_CAP 200
/** The code point that stands for bytes that are not UTF-8. */
#define TACHO__TEXT_REPLACEMENT UINT32_C(0xFFFD)

/**
 * Decodes the code point at `text` (`length` >= 1 bytes are readable).
 *
 * @param code  the code point; TACHO__TEXT_REPLACEMENT for an ill-formed sequence (overlong forms, surrogates, values
 *              above U+10FFFF and truncated sequences are ill-formed)
 * @param valid false exactly for an ill-formed sequence; a genuine U+FFFD in the text is valid
 * @return bytes consumed, 1..4; of an ill-formed sequence its maximal subpart (Unicode 15 section 3.9, "U+FFFD
 *         Substitution of Maximal Subparts"), so that the number of replacements is what other decoders give
 */
size_t tacho__text_decode(const char *text, size_t length, uint32_t *code, bool *valid);

/** Writes the UTF-8 form of `code` (a valid scalar value) to `out`, 1..4 bytes; returns how many. No NUL. */
size_t tacho__text_encode(uint32_t code, char out[4]);

/** True if all `length` bytes are well-formed UTF-8 (NUL and control characters are). */
bool tacho__text_valid(const char *text, size_t length);

/**
 * Copies `text` to `out` as something that may be kept: ill-formed bytes become U+FFFD, control characters (U+0000..1F,
 * U+007F..9F) are dropped. What would be longer than TACHO__TEXT_CAP bytes is cut at a code point and ends in '~' and 8
 * hexadecimal digits of the hash of the whole original, so that two long names stay two names; the hash is the same in
 * every process. Cleaning a cleaned text changes nothing.
 *
 * @return bytes written without the closing NUL, 0..TACHO__TEXT_CAP
 */
size_t tacho__text_clean(const char *text, size_t length, char out[TACHO__TEXT_CAP + 1]);

#endif
