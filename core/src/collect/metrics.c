#include "collect/metrics.h"

#include <stddef.h>

#define L_NONE 0u
enum {
#define X(name, word) L_##name = 1u << TACHO__LABEL_PLACE_##name,
    TACHO__METRIC_LABEL_MAP(X)
#undef X
};

static const tacho__metric metrics[TACHO__METRIC_COUNT] = {
#define X(id, own, genai, next, statsd, instrument, unit, labels, merge, read, help)                                   \
    {own, genai, next, statsd, #read, help, (labels), TACHO__##instrument, TACHO__UNIT_##unit, TACHO__MERGE_##merge},
#include "collect/metrics.def"
#undef X
};

const tacho__metric *tacho__metric_at(tacho__metric_id id) {
    return (unsigned)id < TACHO__METRIC_COUNT ? &metrics[id] : NULL;
}

static const char *word_at(const char *const *words, size_t count, unsigned place) {
    return place < count ? words[place] : "";
}

const char *tacho__instrument_word(unsigned instrument) {
    static const char *const words[] = {"counter", "gauge", "histogram"};
    return word_at(words, sizeof words / sizeof *words, instrument);
}

const char *tacho__metric_unit_word(unsigned unit) {
    static const char *const words[] = {"1", "s", "{token}", "{USD}", "By"};
    return word_at(words, sizeof words / sizeof *words, unit);
}

const char *tacho__metric_merge_word(unsigned merge) {
    static const char *const words[] = {"sum", "sum of the living", "newest", "largest"};
    return word_at(words, sizeof words / sizeof *words, merge);
}

const char *tacho__metric_label_word(unsigned place) {
    static const char *const words[] = {
#define X(name, word) word,
        TACHO__METRIC_LABEL_MAP(X)
#undef X
    };
    return word_at(words, sizeof words / sizeof *words, place);
}
