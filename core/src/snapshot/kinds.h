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

/**
 * A model call: an operation of kind llm or embedding, or any other that booked usage or a cost of its own. Usage is
 * booked once, where it was reported (semantics 22); leaving out a step that reported its own tokens would make the sum
 * over models smaller than the bill.
 */
static inline bool tacho__record_is_model_call(const tacho_record_view *record) {
    return tacho__kind_is_model(record->kind) || record->present != 0 || record->cost_pusd != TACHO_COST_UNKNOWN;
}

#endif
