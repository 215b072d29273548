/** Declaring custom metrics, and binding their series. */
#include "collect/custom.h"
#include "collect/metrics.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

static_assert((int)TACHO_MERGE_SUM == (int)TACHO__METRIC_SUM && (int)TACHO_MERGE_NEWEST == (int)TACHO__METRIC_NEWEST &&
                  (int)TACHO_MERGE_MAX == (int)TACHO__METRIC_MAX,
              "the rules have one order");

#define X(name, text) text,
static const char *const types[] = {TACHO_METRIC_TYPE_MAP(X)};
static const char *const rules[] = {TACHO_MERGE_MAP(X)};
#undef X

const char *tacho_metric_type_text(int type) {
    return type >= 0 && type < TACHO_METRIC_TYPE_COUNT ? types[type] : "";
}

const char *tacho_merge_text(int merge) {
    return merge >= 0 && merge < TACHO_MERGE_COUNT ? rules[merge] : "";
}

tacho_status tacho_merge_parse(const char *text, tacho_merge *out) {
    for (int i = 0; text && i < TACHO_MERGE_COUNT; ++i) {
        if (strcmp(rules[i], text) == 0) {
            *out = (tacho_merge)i;
            return TACHO_OK;
        }
    }
    return TACHO_NOT_FOUND;
}

/* ----------------------------------------------------------------------------------------------------------- names */

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* A letter or `_`, then letters, digits and what else is allowed. */
static bool is_name(const char *name, const char *others) {
    if (!name || !is_letter(*name)) {
        return false;
    }
    const char *c = name;
    for (; *c; ++c) {
        if (!is_letter(*c) && !(*c >= '0' && *c <= '9') && !strchr(others, *c)) {
            return false;
        }
    }
    return c - name <= TACHO__TEXT_CAP;
}

static bool is_own(const char *name) {
    bool own = false;
    for (int i = 0; i < TACHO__METRIC_COUNT && !own; ++i) {
        own = strcmp(tacho__metric_at((tacho__metric_id)i)->name, name) == 0;
    }
    return own;
}

static bool read_labels(const tacho_metric_spec *spec, tacho__family_plan *plan) {
    bool fine = spec->label_count <= TACHO__METRIC_LABELS && (spec->label_count == 0 || spec->labels);
    for (uint32_t i = 0; fine && i < spec->label_count; ++i) {
        const char *name = spec->labels[i];
        fine = is_name(name, ".") && strcmp(name, "le") != 0 && strcmp(name, "quantile") != 0;
        for (uint32_t j = 0; fine && j < i; ++j) {
            fine = strcmp(name, spec->labels[j]) != 0;
        }
        plan->label[i] = name;
    }
    plan->label_count = spec->label_count;
    return fine;
}

/* ----------------------------------------------------------------------------------------------------------- units */

static const char *plain_unit(const char *unit) {
    static const char *const words[][2] = {{"second", "s"}, {"seconds", "s"},     {"byte", "By"},
                                           {"bytes", "By"}, {"token", "{token}"}, {"tokens", "{token}"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; ++i) {
        if (strcmp(unit, words[i][0]) == 0) {
            return words[i][1];
        }
    }
    return *unit ? unit : "1";
}

static uint8_t grid_of_unit(const char *unit) {
    return strcmp(unit, "s") == 0         ? TACHO__GRID_SECONDS
           : strcmp(unit, "By") == 0      ? TACHO__GRID_BYTES
           : strcmp(unit, "{token}") == 0 ? TACHO__GRID_TOKENS
                                          : TACHO__GRID_ONE;
}

/* --------------------------------------------------------------------------------------------------------- declaring
 */

typedef struct plan_texts {
    char unit[TACHO__TEXT_CAP + 1], description[TACHO__TEXT_CAP + 1];
} plan_texts;

static const char *clean(const char *text, char out[TACHO__TEXT_CAP + 1]) {
    out[text ? tacho__text_clean(text, strlen(text), out) : 0] = 0;
    return out;
}

static bool read_spec(const tacho_metric_spec *given, uint8_t type, plan_texts *texts, tacho__family_plan *plan) {
    tacho_metric_spec spec = TACHO_METRIC_SPEC_INIT;
    if (!given || given->struct_size < offsetof(tacho_metric_spec, merge) || given->struct_size > 4096) {
        return false;
    }
    memcpy(&spec, given, given->struct_size < sizeof spec ? given->struct_size : sizeof spec);
    *plan = (tacho__family_plan){.type = type, .name = spec.name, .merge = TACHO__METRIC_SUM};
    if (!is_name(spec.name, ".-/") || is_own(spec.name) || !read_labels(&spec, plan)) {
        return false;
    }
    if (type == TACHO__TYPE_GAUGE) {
        plan->merge = (uint8_t)spec.merge;
    }
    plan->unit = plain_unit(clean(spec.unit, texts->unit));
    plan->grid = grid_of_unit(plan->unit);
    plan->description = clean(spec.description, texts->description);
    return type != TACHO__TYPE_GAUGE || spec.merge < TACHO_MERGE_COUNT;
}

static tacho_status give(tacho_metric *metric, tacho_metric **out) {
    *out = tacho_metric_retain(metric); /* under the lock: before a reset could give it up */
    return metric ? TACHO_OK : TACHO_NOMEM;
}

static tacho_status declare(tacho_collector *collector, const tacho_metric_spec *spec, uint8_t type,
                            tacho_metric **out) {
    static const char *const empty[TACHO__METRIC_LABELS] = {"", "", "", "", "", "", "", ""};
    plan_texts texts;
    tacho__family_plan plan;
    tacho__family *family = NULL;
    if (!out) {
        return TACHO_INVALID;
    }
    *out = NULL;
    if (!read_spec(spec, type, &texts, &plan)) {
        return TACHO_INVALID;
    }
    if (!collector) {
        return TACHO_OK;
    }
    if (!tacho__writer_lock(&collector->writer, NULL)) {
        return TACHO_BUSY;
    }
    tacho_status status = tacho__family_declare(collector, &plan, &family);
    if (status == TACHO_OK) {
        status = give(tacho__custom_bind(collector, family, empty), out);
    }
    tacho__writer_unlock(&collector->writer);
    return status;
}

tacho_status tacho_counter(tacho_collector *collector, const tacho_metric_spec *spec, tacho_metric **out) {
    return declare(collector, spec, TACHO__TYPE_COUNTER, out);
}

tacho_status tacho_gauge(tacho_collector *collector, const tacho_metric_spec *spec, tacho_metric **out) {
    return declare(collector, spec, TACHO__TYPE_GAUGE, out);
}

tacho_status tacho_histogram(tacho_collector *collector, const tacho_metric_spec *spec, tacho_metric **out) {
    return declare(collector, spec, TACHO__TYPE_HISTOGRAM, out);
}

/* ------------------------------------------------------------------------------------- what is declared, in words */

static void append(char *out, size_t size, const char *before, const char *text) {
    const size_t used = strlen(out);
    snprintf(out + used, size - used, "%s%s", before, text);
}

static void tell(const tacho__family_plan *plan, char *out, size_t size) {
    *out = 0;
    append(out, size, "a ", tacho_metric_type_text(plan->type - TACHO__TYPE_COUNTER));
    if (strcmp(plan->unit, "1") != 0) {
        append(out, size, " in ", plan->unit);
    }
    for (uint32_t i = 0; i < plan->label_count; ++i) {
        append(out, size,
               i > 0                   ? ", "
               : plan->label_count > 1 ? " with the labels "
                                       : " with the label ",
               plan->label[i]);
    }
    if (plan->type == TACHO__TYPE_GAUGE && plan->merge != TACHO__METRIC_NEWEST) {
        append(out, size, ", merged by ", tacho_merge_text(plan->merge));
    }
}

tacho_status tacho_metric_words(tacho_metric_type type, const tacho_metric_spec *spec, char *out, size_t size) {
    plan_texts texts;
    tacho__family_plan plan;
    if (!out || size == 0 || (unsigned)type >= TACHO_METRIC_TYPE_COUNT) {
        return TACHO_INVALID;
    }
    *out = 0;
    if (!read_spec(spec, (uint8_t)(TACHO__TYPE_COUNTER + type), &texts, &plan)) {
        return TACHO_INVALID;
    }
    tell(&plan, out, size);
    return TACHO_OK;
}

tacho_status tacho_metric_declared(tacho_collector *collector, const char *name, char *out, size_t size) {
    if (!name || !out || size == 0) {
        return TACHO_INVALID;
    }
    *out = 0;
    if (!collector) {
        return TACHO_NOT_FOUND;
    }
    if (!tacho__writer_lock(&collector->writer, NULL)) {
        return TACHO_BUSY;
    }
    const tacho__family *family = tacho__family_find(collector, name);
    if (family) {
        tacho__family_plan plan = {.type = family->type, .merge = family->merge, .unit = family->unit};
        plan.label_count = family->label_count;
        memcpy(plan.label, family->label, sizeof plan.label);
        tell(&plan, out, size);
    }
    tacho__writer_unlock(&collector->writer);
    return family ? TACHO_OK : TACHO_NOT_FOUND;
}

void tacho_metric_lost(tacho_collector *collector) {
    if (collector && tacho__is_enabled(collector)) {
        tacho__count(collector, TACHO__DROP_LOST);
    }
}

/* ---------------------------------------------------------------------------------------------------------- handles */

tacho_status tacho_metric_labels(tacho_metric *metric, const char *const *values, size_t count, tacho_metric **out) {
    if (!out) {
        return TACHO_INVALID;
    }
    *out = NULL;
    if (!metric) {
        return TACHO_OK;
    }
    if (count != metric->family->label_count || (count && !values)) {
        return TACHO_INVALID;
    }
    const char *texts[TACHO__METRIC_LABELS];
    for (size_t i = 0; i < count; ++i) {
        texts[i] = values[i] ? values[i] : "";
    }
    tacho_collector *collector = metric->collector;
    tacho_metric *known = tacho__custom_find(collector, metric->family, texts);
    if (known) {
        tacho_collector_retain(collector);
        *out = known;
        return TACHO_OK;
    }
    if (!tacho__writer_lock(&collector->writer, NULL)) {
        return TACHO_BUSY;
    }
    const tacho_status status = give(tacho__custom_bind(collector, metric->family, texts), out);
    tacho__writer_unlock(&collector->writer);
    return status;
}

int tacho_metric_label_find(const tacho_metric *metric, const char *name) {
    for (uint32_t i = 0; metric && name && i < metric->family->label_count; ++i) {
        if (strcmp(metric->family->label[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

uint32_t tacho_metric_label_count(const tacho_metric *metric) {
    return metric ? metric->family->label_count : 0;
}

const char *tacho_metric_label_name(const tacho_metric *metric, uint32_t index) {
    return metric && index < metric->family->label_count ? metric->family->label[index] : NULL;
}

tacho_metric *tacho_metric_retain(tacho_metric *metric) {
    if (metric) {
        tacho_collector_retain(metric->collector);
        atomic_fetch_add_explicit(&metric->references, 1, memory_order_relaxed);
    }
    return metric;
}

void tacho_metric_release(tacho_metric *metric) {
    if (metric) {
        tacho_collector *collector = metric->collector; /* read before a reset may give the slot to another series */
        atomic_fetch_sub_explicit(&metric->references, 1, memory_order_release);
        tacho_collector_close(collector);
    }
}
