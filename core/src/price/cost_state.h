/** Between the files that price: a handle's content. */
#ifndef TACHO_PRICE_COST_STATE_H
#define TACHO_PRICE_COST_STATE_H

#include "price/match.h"

#include <stdbool.h>
#include <tachograph/price.h>

/** What a handle stands for; false for a model without a price. */
bool tacho__match_of_handle(const tacho_price_model *model, tacho__match *out);

/** What it stands for where the prices above do not hold; false when there is nothing else. */
bool tacho__match_below_handle(const tacho_price_model *model, tacho__match *out);

/** The handle of what a search found (`below` may be NULL); struct_size and all fields are set. */
void tacho__handle_of_match(const tacho__match *match, const tacho__match *below, tacho_price_model *out);

#endif
