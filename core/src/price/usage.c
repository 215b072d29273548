#include <tachograph/usage.h>

#include "price/usage_fields.h"

#include <stdbool.h>
#include <string.h>

static const tacho_unit_info units[TACHO_UNIT_COUNT] = {
#define X(name, field, key, is_token, direction, scale) {#field, #key, is_token, direction, scale},
    TACHO_UNIT_MAP(X)
#undef X
};

_Static_assert(TACHO_UNIT_COUNT <= 32, "presence masks and segments have 32 units");
_Static_assert(offsetof(tacho_usage, output_characters) - offsetof(tacho_usage, input) ==
                   (TACHO_UNIT_COUNT - 1) * sizeof(int64_t),
               "the counts of tacho_usage are one run of int64 in the order of the list");

const tacho_unit_info *tacho_unit_describe(tacho_unit unit) {
    return (unsigned)unit < TACHO_UNIT_COUNT ? &units[unit] : NULL;
}

/* The first letter tells most of them apart. */
static bool is_name(const char *name, const char *other) {
    return name[0] == other[0] && strcmp(name, other) == 0;
}

int tacho_unit_find(const char *name) {
    if (!name) {
        return -1;
    }
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        if (is_name(name, units[unit].field) || is_name(name, units[unit].key)) {
            return unit;
        }
    }
    return -1;
}

int64_t tacho_usage_get(const tacho_usage *usage, tacho_unit unit) {
    return usage && (unsigned)unit < TACHO_UNIT_COUNT ? tacho__usage_counts_const(usage)[unit] : 0;
}

void tacho_usage_set(tacho_usage *usage, tacho_unit unit, int64_t count) {
    if (usage && (unsigned)unit < TACHO_UNIT_COUNT) {
        tacho__usage_counts(usage)[unit] = count;
        usage->present |= TACHO_UNIT_BIT(unit);
    }
}

static int64_t add_capped(int64_t a, int64_t b) {
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static int64_t sum_of(const tacho_usage *usage, uint32_t mask) {
    const int64_t *counts = tacho__usage_counts_const(usage);
    int64_t sum = 0;
    for (; mask; mask &= mask - 1) {
        int64_t count = counts[__builtin_ctz(mask)];
        sum = count > 0 ? add_capped(sum, count) : sum;
    }
    return sum;
}

int64_t tacho_usage_input_tokens(const tacho_usage *usage) {
    return sum_of(usage, TACHO__UNITS_INPUT_TOKENS);
}

int64_t tacho_usage_output_tokens(const tacho_usage *usage) {
    return sum_of(usage, TACHO__UNITS_OUTPUT_TOKENS);
}

int64_t tacho_usage_total_tokens(const tacho_usage *usage) {
    return sum_of(usage, TACHO__UNITS_INPUT_TOKENS | TACHO__UNITS_OUTPUT_TOKENS);
}

/* Take the other classes of a direction out of its inclusive total. */
static void make_disjoint(tacho_usage *usage, tacho_unit total, uint32_t classes) {
    int64_t *counts = tacho__usage_counts(usage);
    int64_t parts = sum_of(usage, classes & ~TACHO_UNIT_BIT(total));
    if (parts > counts[total]) {
        usage->faults |= TACHO_USAGE_FAULT_SUBSET_LARGER;
        counts[total] = 0;
    } else {
        counts[total] -= parts;
    }
}

static void clamp_counts(tacho_usage *usage) {
    int64_t *counts = tacho__usage_counts(usage);
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        if (counts[unit] < 0) {
            usage->faults |= TACHO_USAGE_FAULT_NEGATIVE;
            counts[unit] = 0;
        } else if (counts[unit] > TACHO_COUNT_MAX) {
            usage->faults |= TACHO_USAGE_FAULT_TOO_LARGE;
            counts[unit] = TACHO_COUNT_MAX;
        }
    }
}

/* Whether a count may be out of range: a bit above those of the largest one. Without a branch for each. */
static bool any_wild(const tacho_usage *usage) {
    const int64_t *counts = tacho__usage_counts_const(usage);
    uint64_t all = 0;
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        all |= (uint64_t)counts[unit];
    }
    return all > TACHO_COUNT_MAX;
}

/* A count in a unit whose presence bit is off says that the unit is present after all, unless it is 0. */
static void settle_presence(tacho_usage *usage) {
    if (usage->flags & TACHO_USAGE_ABSENT) {
        usage->present = 0;
        memset(tacho__usage_counts(usage), 0, TACHO_UNIT_COUNT * sizeof(int64_t));
        return;
    }
    if (usage->present == 0) {
        usage->present = UINT32_MAX;
    }
    if (usage->present == UINT32_MAX) {
        return;
    }
    const int64_t *counts = tacho__usage_counts_const(usage);
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        usage->present |= counts[unit] != 0 ? TACHO_UNIT_BIT(unit) : 0;
    }
}

tacho_status tacho_usage_normalise(const tacho_usage *in, tacho_usage *out) {
    if (!in || !out || in->struct_size < offsetof(tacho_usage, input)) {
        return TACHO_INVALID;
    }
    if (in->struct_size >= sizeof *out) {
        memmove(out, in, sizeof *out); /* they may be the same */
    } else {
        tacho_usage usage = {0};
        memcpy(&usage, in, in->struct_size);
        *out = usage;
    }
    out->struct_size = (uint32_t)sizeof *out;
    if (any_wild(out)) {
        clamp_counts(out);
    }
    settle_presence(out);
    if (out->flags & TACHO_USAGE_INCLUSIVE) {
        make_disjoint(out, TACHO_UNIT_INPUT, TACHO__UNITS_INPUT_TOKENS);
        make_disjoint(out, TACHO_UNIT_OUTPUT, TACHO__UNITS_OUTPUT_TOKENS);
        out->flags &= ~TACHO_USAGE_INCLUSIVE;
    }
    return TACHO_OK;
}

static void keep_texts(tacho_usage *usage, const tacho_usage *from) {
#define KEEP(field) usage->field = from->field ? from->field : usage->field
    KEEP(model);
    KEEP(provider);
    KEEP(response_id);
    KEEP(service_tier);
    KEEP(requested_tier);
    KEEP(speed);
    KEEP(region);
#undef KEEP
}

/* Together they are absent only if both are. */
static void join_absence(tacho_usage *usage, const tacho_usage *other) {
    if (!(other->flags & TACHO_USAGE_ABSENT)) {
        usage->flags &= ~TACHO_USAGE_ABSENT;
    }
}

void tacho_usage_add(tacho_usage *sum, const tacho_usage *more) {
    int64_t *counts = tacho__usage_counts(sum);
    const int64_t *added = tacho__usage_counts_const(more);
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        counts[unit] = add_capped(counts[unit], added[unit]);
    }
    if (more->flags & TACHO_USAGE_REPORTED_COST) {
        int64_t before = sum->flags & TACHO_USAGE_REPORTED_COST ? sum->reported_cost_pusd : 0;
        sum->reported_cost_pusd = add_capped(before, more->reported_cost_pusd);
    }
    join_absence(sum, more);
    sum->flags |= more->flags & (TACHO_USAGE_REPORTED_COST | TACHO_USAGE_BYOK);
    sum->present |= more->present;
    sum->faults |= more->faults;
    keep_texts(sum, more);
}

/* Counts of `from` that `later` does not name are parts of what it calls `total`. */
static int64_t without_parts(const tacho_usage *from, const tacho_usage *later, uint32_t parts, int64_t total) {
    int64_t known = sum_of(from, parts & from->present & ~later->present);
    return known < total ? total - known : 0;
}

/* The total classes of `later`, less the parts that are known from before. */
static void take_totals(const tacho_usage *usage, const tacho_usage *later, int64_t *counts) {
    const uint32_t hour = TACHO_UNIT_BIT(TACHO_UNIT_CACHE_WRITE_1H);
    if (later->flags & TACHO_USAGE_INPUT_REST) {
        counts[TACHO_UNIT_INPUT] =
            without_parts(usage, later, TACHO__UNITS_INPUT_TOKENS & ~TACHO_UNIT_BIT(TACHO_UNIT_INPUT), later->input);
    }
    if (later->flags & TACHO_USAGE_OUTPUT_REST) {
        counts[TACHO_UNIT_OUTPUT] =
            without_parts(usage, later, TACHO__UNITS_OUTPUT_TOKENS & ~TACHO_UNIT_BIT(TACHO_UNIT_OUTPUT), later->output);
    }
    if (later->present & TACHO_UNIT_BIT(TACHO_UNIT_CACHE_WRITE)) {
        counts[TACHO_UNIT_CACHE_WRITE] = without_parts(usage, later, hour, later->cache_write);
    }
}

void tacho_usage_update(tacho_usage *usage, const tacho_usage *later) {
    int64_t *counts = tacho__usage_counts(usage);
    int64_t newer[TACHO_UNIT_COUNT];
    memcpy(newer, tacho__usage_counts_const(later), sizeof newer);
    take_totals(usage, later, newer);
    for (uint32_t mask = later->present; mask; mask &= mask - 1) {
        int unit = __builtin_ctz(mask);
        counts[unit] = newer[unit];
    }
    if (later->flags & TACHO_USAGE_REPORTED_COST) {
        usage->reported_cost_pusd = later->reported_cost_pusd;
    }
    join_absence(usage, later);
    usage->flags |= later->flags & (TACHO_USAGE_REPORTED_COST | TACHO_USAGE_BYOK);
    usage->present |= later->present;
    usage->faults |= later->faults;
    keep_texts(usage, later);
}
