/** The shape of prices in our own schema: which members there are and what kind of value each has. */
#ifndef TACHO_PRICE_OWN_SHAPE_H
#define TACHO_PRICE_OWN_SHAPE_H

#include "price/json_tree.h"

#include <stdbool.h>

/** Room for a sentence about a fault; that of tacho_price_built.fault. */
#define TACHO__FAULT_MAX 120

/** A value that is not as it should be, and why. */
typedef struct tacho__price_fault {
    const tacho__json_node *where; /* NULL = none */
    char reason[TACHO__FAULT_MAX];
} tacho__price_fault;

/** Fill `fault` (the reason is cut to fit). Always TACHO_INVALID, so that a caller can return it. */
tacho_status tacho__price_refuse(tacho__price_fault *fault, const tacho__json_node *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/**
 * Whether a document has the members that core/doc/prices.schema.json knows, each once and of its kind. What a member
 * may say besides its kind (days, units, services) is left to the reader. A member that is passed over because its name
 * is mistyped would make a price that nobody meant.
 *
 * @return TACHO_OK; TACHO_INVALID with `fault`
 */
tacho_status tacho__own_shape(const tacho__json_node *root, tacho__price_fault *fault);

#endif
