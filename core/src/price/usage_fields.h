/** The counts of a tacho_usage as an array in the order of TACHO_UNIT_MAP, and masks over that list. */
#ifndef TACHO_PRICE_USAGE_FIELDS_H
#define TACHO_PRICE_USAGE_FIELDS_H

#include <stdint.h>
#include <tachograph/usage.h>

static inline int64_t *tacho__usage_counts(tacho_usage *usage) {
    return (int64_t *)(void *)((char *)usage + offsetof(tacho_usage, input));
}

static inline const int64_t *tacho__usage_counts_const(const tacho_usage *usage) {
    return (const int64_t *)(const void *)((const char *)usage + offsetof(tacho_usage, input));
}

#define X(name, field, key, is_token, direction, scale)                                                                \
    ((is_token) && (direction) == TACHO_DIRECTION_IN ? TACHO_UNIT_BIT(TACHO_UNIT_##name) : 0u) |
static const uint32_t tacho__units_input_tokens = TACHO_UNIT_MAP(X) 0u;
#undef X
#define X(name, field, key, is_token, direction, scale)                                                                \
    ((is_token) && (direction) == TACHO_DIRECTION_OUT ? TACHO_UNIT_BIT(TACHO_UNIT_##name) : 0u) |
static const uint32_t tacho__units_output_tokens = TACHO_UNIT_MAP(X) 0u;
#undef X

/** Masks of the token classes of a direction, and of both. */
#define TACHO__UNITS_INPUT_TOKENS  tacho__units_input_tokens
#define TACHO__UNITS_OUTPUT_TOKENS tacho__units_output_tokens
#define TACHO__UNITS_TOKENS        (tacho__units_input_tokens | tacho__units_output_tokens)

#endif
