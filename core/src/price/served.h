/**
 * How a usage was served, as far as its price depends on it: class of service and kind of region. Small enough to stay
 * with an operation and its record, so that a later price table can price it in the same class.
 */
#ifndef TACHO_PRICE_SERVED_H
#define TACHO_PRICE_SERVED_H

#include <stdbool.h>
#include <stdint.h>
#include <tachograph/price.h>

#define TACHO__SERVED_BITS 5

/** TACHO_PRICE_SERVICE_* of a usage; *unknown is set for a tier that nobody knows, which then counts as standard. */
uint32_t tacho__served_service(const tacho_usage *usage, bool *unknown);
/** TACHO__PRICE_REGION_GLOBAL or _REGIONAL. */
uint32_t tacho__served_region(const tacho_usage *usage);

/** Both in TACHO__SERVED_BITS bits: class + 1 in the lower three, kind of region in the upper two; 0 = nobody said. */
uint32_t tacho__served_of(const tacho_usage *usage);
/** What was said last, part by part. */
uint32_t tacho__served_join(uint32_t before, uint32_t later);
/** As texts that a usage takes: "batch", "regional"; NULL = nobody said. Static storage. */
const char *tacho__served_tier(uint32_t served);
const char *tacho__served_place(uint32_t served);

#endif
