#include "snapshot/buckets.h"

#include "base/memory.h"

#include <string.h>

/* Grown by half octaves on either side: most series use a handful of octaves. */
#define GROW 8

static int32_t clamp(int32_t index) {
    if (index < TACHO__BUCKET_ZERO) {
        return TACHO__BUCKET_ZERO;
    }
    return index > TACHO__BUCKET_HIGHEST ? TACHO__BUCKET_HIGHEST : index;
}

/* Makes room for lowest..highest, both within the bounds. */
static bool cover(tacho__buckets *buckets, int32_t lowest, int32_t highest) {
    int32_t first = buckets->counts ? buckets->first : lowest;
    int32_t last = buckets->counts ? first + (int32_t)buckets->length - 1 : highest;
    if (buckets->counts && lowest >= first && highest <= last && buckets->owner != TACHO__BUCKETS_LENT) {
        return true;
    }
    int32_t new_first = clamp((lowest < first ? lowest : first) - GROW);
    int32_t new_last = clamp((highest > last ? highest : last) + GROW);
    uint32_t length = (uint32_t)(new_last - new_first + 1);
    uint64_t *counts = tacho__calloc(length, sizeof *counts);
    if (!counts) {
        return false;
    }
    if (buckets->counts) {
        memcpy(counts + (first - new_first), buckets->counts, buckets->length * sizeof *counts);
    }
    if (buckets->owner == TACHO__BUCKETS_HEAP) {
        tacho__free(buckets->counts);
    }
    buckets->counts = counts;
    buckets->first = (int16_t)new_first;
    buckets->length = (uint16_t)length;
    buckets->owner = TACHO__BUCKETS_HEAP;
    return true;
}

bool tacho__buckets_add(tacho__buckets *buckets, int32_t index, uint64_t n) {
    index = clamp(index);
    if (n == 0) {
        return true;
    }
    if (!cover(buckets, index, index)) {
        return false;
    }
    buckets->counts[index - buckets->first] += n;
    buckets->total += n;
    return true;
}

static void add_all(uint64_t *restrict to, const uint64_t *restrict from, size_t count) {
    for (size_t i = 0; i < count; i++) {
        to[i] += from[i];
    }
}

bool tacho__buckets_merge(tacho__buckets *buckets, const tacho__buckets *more) {
    if (more->total == 0) {
        return true;
    }
    if (!cover(buckets, more->first, more->first + (int32_t)more->length - 1)) {
        return false;
    }
    add_all(buckets->counts + (more->first - buckets->first), more->counts, more->length);
    buckets->total += more->total;
    return true;
}

void tacho__buckets_subtract(tacho__buckets *buckets, const tacho__buckets *less) {
    for (uint32_t i = 0; i < less->length; i++) {
        int64_t at = (int64_t)less->first + i - buckets->first;
        if (at < 0 || at >= (int64_t)buckets->length) {
            continue;
        }
        uint64_t n = less->counts[i] < buckets->counts[at] ? less->counts[i] : buckets->counts[at];
        buckets->counts[at] -= n;
        buckets->total -= n;
    }
}

void tacho__buckets_free(tacho__buckets *buckets) {
    if (buckets->owner == TACHO__BUCKETS_HEAP) {
        tacho__free(buckets->counts);
    }
    *buckets = (tacho__buckets){0};
}
