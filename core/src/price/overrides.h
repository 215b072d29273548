/** Corrections, aliases and provider names that the library carries: generate/overrides.json, compiled in. */
#ifndef TACHO_PRICE_OVERRIDES_H
#define TACHO_PRICE_OVERRIDES_H

#include "price/build_read.h"

extern const char tacho__price_overrides_text[];
extern const size_t tacho__price_overrides_length;

/** Add them to a builder, above everything that it has. */
tacho_status tacho__add_overrides(tacho__price_builder *builder, tacho__build_report *report);

/**
 * The import gates of reference/cost-tables.md section 4, over everything in the builder: rejects token rates above
 * $0.001 and cache reads dearer than input; keeps the previous price where a new one is 10 times (or a tenth of) it;
 * tells zeros beside paid siblings.
 * @param previous NULL = no comparison
 */
void tacho__gate_all(tacho__price_builder *builder, const tacho_price_table *previous, tacho__build_report *report);

#endif
