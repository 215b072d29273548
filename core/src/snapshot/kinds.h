/** Which operations a reading is about, decided by the words of a record. */
#ifndef TACHO_SNAPSHOT_KINDS_H
#define TACHO_SNAPSHOT_KINDS_H

#include <stdbool.h>
#include <string.h>
#include <tachograph/snapshot.h>

static inline bool tacho__is_kind(const char *kind, const char *word) {
    return kind && strcmp(kind, word) == 0;
}

static inline bool tacho__kind_is_model(const char *kind) {
    return tacho__is_kind(kind, "llm") || tacho__is_kind(kind, "embedding");
}

/** A failure that says that a provider was not there, not that it refused (semantics 29). */
static inline bool tacho__category_is_unavailable(tacho_category category) {
    return category == TACHO_CATEGORY_NETWORK || category == TACHO_CATEGORY_TIMEOUT ||
           category == TACHO_CATEGORY_RATE_LIMIT || category == TACHO_CATEGORY_PROVIDER;
}

/** An operation that holds others and is not itself a request. */
static inline bool tacho__kind_is_container(const char *kind) {
    return tacho__is_kind(kind, "step") || tacho__is_kind(kind, "agent") || tacho__is_kind(kind, "workflow");
}

/**
 * A model call: an operation of kind llm or embedding, or any other that booked usage or a cost of its own. Usage is
 * booked once, where it was reported (semantics 22); leaving out a step that reported its own tokens would make the sum
 * over models smaller than the bill.
 */
static inline bool tacho__record_is_model_call(const tacho_record_view *record) {
    return tacho__kind_is_model(record->kind) || record->present != 0 || record->cost_pusd != TACHO_COST_UNKNOWN;
}

#endif
