#include "snapshot/packed.h"

#include "base/hash.h"
#include "snapshot/kinds.h"

#include <string.h>

/* Octaves of all grids together: bit 0 is that of the lowest bucket but the zeros. */
#define LOWEST   (TACHO__BUCKET_ZERO + 1)
#define PER      ((int32_t)TACHO__OCTAVE_BUCKETS)
#define OCTAVES  ((unsigned)((TACHO__BUCKET_HIGHEST - LOWEST + 1) / PER))
#define MASK     ((UINT64_C(1) << OCTAVES) - 1)
#define WIDTH_AT OCTAVES /* two bits: counts of 1, 2, 4 or 8 bytes */
#define WHICH_AT (WIDTH_AT + 2)
#define CELLS    (sizeof(tacho__part_series) / sizeof(int64_t))

static_assert(OCTAVES == 54 && LOWEST % PER == 0, "octaves fit into a word, and are the octaves of every grid");
static_assert(CELLS < 256, "a place is a byte");

typedef struct packed_sketch {
    uint64_t octaves; /* bit per octave, width of counts, which histogram */
    uint64_t zero;    /* values of 0 */
    uint64_t total;   /* values in all */
    int64_t sum, min, max;
    uint8_t counts[]; /* 16 for each octave */
} packed_sketch;

#define MOST_BYTES                                                                                                     \
    (sizeof(tacho__packed) +                                                                                           \
     TACHO__SKETCHES * (sizeof(packed_sketch) + sizeof(uint64_t) * OCTAVES * TACHO__OCTAVE_BUCKETS) + (size_t)9 * 256)

/* ---------------------------------------------------------------------------------------------------------- packing */

bool tacho__packer_begin(tacho__packer *packer, tacho__series_store *store) {
    packer->store = store;
    packer->cells = 0;
    packer->entry = tacho__arena_open(&store->entries, MOST_BYTES);
    if (packer->entry) {
        packer->entry->more = NULL;
        packer->entry->sketches = 0;
        packer->at = packer->entry->words;
    }
    return packer->entry != NULL;
}

tacho__packed *tacho__packer_end(tacho__packer *packer, uint32_t identity, uint32_t number, uint8_t flags,
                                 tacho__part *part) {
    tacho__packed *entry = packer->entry;
    entry->next = NULL;
    entry->identity = identity;
    entry->number = number;
    entry->flags = flags;
    entry->cells = (uint8_t)packer->cells;
    uint8_t *places = (uint8_t *)(packer->at + packer->cells);
    for (unsigned i = 0; i < packer->cells; i++) { /* a handful, as a rule */
        packer->at[i] = packer->values[i];
        places[i] = packer->places[i];
    }
    const uint8_t *end = places + packer->cells;
    tacho__arena_close(&packer->store->entries, (size_t)(end - (const uint8_t *)entry));
    *part->series_end = entry;
    part->series_end = &entry->next;
    return entry;
}

/* log2 of the bytes that the largest of these counts takes; `any` has every bit that one of them has. */
static unsigned width_of(uint64_t any) {
    return any <= UINT8_MAX ? 0 : any <= UINT16_MAX ? 1 : any <= UINT32_MAX ? 2 : 3;
}

/* Loops over sixteen counts, in forms that compilers make a few vector instructions of. */
static void put_bytes(uint8_t *restrict to, const uint32_t *restrict counts) {
    for (int i = 0; i < PER; i++) {
        to[i] = (uint8_t)counts[i];
    }
}

static void put_halves(uint16_t *restrict to, const uint32_t *restrict counts) {
    for (int i = 0; i < PER; i++) {
        to[i] = (uint16_t)counts[i];
    }
}

static void put_octave(void *to, const uint32_t *counts, unsigned width) {
    if (width == 0) {
        put_bytes(to, counts);
    } else if (width == 1) {
        put_halves(to, counts);
    } else {
        memcpy(to, counts, (size_t)PER * sizeof *counts);
    }
}

/* Counts of a lane with their high halves, which few ever have. */
static uint8_t *put_wide(packed_sketch *to, const tacho__sketch_octaves *from) {
    uint8_t *at = to->counts;
    for (unsigned octave = 0; octave < from->count; octave++) {
        for (uint32_t i = 0; i < TACHO__OCTAVE_BUCKETS; i++, at += sizeof(uint64_t)) {
            uint64_t count = tacho__get_half(&from->low[octave]->bucket[i]);
            count |= from->high[octave] ? (uint64_t)tacho__get_half(&from->high[octave]->bucket[i]) << 32 : 0;
            memcpy(at, &count, sizeof count);
            to->total = __builtin_add_overflow(to->total, count, &to->total) ? UINT64_MAX : to->total;
        }
    }
    to->octaves |= UINT64_C(3) << WIDTH_AT;
    return at;
}

/* The copy belongs to the reader: plain loads, so that sixteen counts are a few instructions. */
static const uint32_t *counts_of(const tacho__octave *octave) {
    return (const uint32_t *)(const void *)octave;
}

static uint32_t bits_of(const uint32_t *counts) {
    uint32_t any = 0;
    for (int i = 0; i < PER; i++) {
        any |= counts[i];
    }
    return any;
}

static uint32_t sum_of(const uint32_t *counts) {
    uint32_t sum = 0;
    for (int i = 0; i < PER; i++) {
        sum += counts[i];
    }
    return sum;
}

/* The same of counts that are so large that sixteen of them need more than 32 bits. */
static uint64_t large_sum_of(const uint32_t *counts) {
    uint64_t sum = 0;
    for (int i = 0; i < PER; i++) {
        sum += counts[i];
    }
    return sum;
}

static uint8_t *put_counts(packed_sketch *to, const tacho__sketch_octaves *from) {
    uint32_t any = 0;
    uint64_t total = 0;
    for (unsigned i = 0; i < from->count; i++) {
        any |= bits_of(counts_of(from->low[i]));
    }
    const unsigned width = width_of(any);
    const bool large = any > UINT32_MAX / TACHO__OCTAVE_BUCKETS;
    uint8_t *at = to->counts;
    for (unsigned i = 0; i < from->count; i++, at += (size_t)PER << width) {
        const uint32_t *counts = counts_of(from->low[i]);
        total += large ? large_sum_of(counts) : sum_of(counts);
        put_octave(at, counts, width);
    }
    to->total = __builtin_add_overflow(to->total, total, &to->total) ? UINT64_MAX : to->total;
    to->octaves |= (uint64_t)width << WIDTH_AT;
    return at;
}

/* A sketch that says nothing is left out. */
static uint64_t end_sketch(tacho__packer *packer, packed_sketch *sketch, const uint8_t *end) {
    if ((sketch->total | (uint64_t)sketch->sum) != 0) {
        packer->at += (size_t)(end - (const uint8_t *)packer->at) / sizeof(uint64_t);
        packer->entry->sketches += 1;
    }
    return sketch->total;
}

static int64_t counted(uint64_t value) {
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

uint64_t tacho__packer_sketch(tacho__packer *packer, unsigned which, const tacho__sketch *sketch,
                              const tacho__sketch_octaves *octaves, uint32_t grid) {
    packed_sketch *to = (packed_sketch *)(void *)packer->at;
    const unsigned first = (unsigned)((tacho__grid_absolute(grid, 0) - LOWEST) / PER);
    to->octaves = ((uint64_t)octaves->present << first & MASK) | (uint64_t)which << WHICH_AT;
    to->zero = to->total = tacho__get(&sketch->zero);
    to->sum = counted(tacho__get(&sketch->sum));
    to->min = counted(~tacho__get(&sketch->min_inverse));
    to->max = counted(tacho__get(&sketch->max));
    return end_sketch(packer, to, octaves->wide ? put_wide(to, octaves) : put_counts(to, octaves));
}

/* ------------------------------------------------------------------------------------------------- a series, packed */

/* Sums of a series beside those of its histograms. */
#define ONE(member)                                                                                                    \
    { TACHO__CELL(member), 1 }
#define ALL(member)                                                                                                    \
    { TACHO__CELL(member), sizeof(((tacho__part_series *)0)->member) / sizeof(int64_t) }
static const struct {
    uint8_t place, count;
} summed[] = {
    ALL(sums.outcomes),
    ALL(sums.cost_calls),
    ALL(sums.units),
    ALL(categories),
    ONE(sums.unavailable),
    ONE(sums.retries),
    ONE(sums.interventions),
    ONE(sums.warnings),
    ONE(sums.timed),
    ONE(sums.first_tokens),
    ONE(sums.first_token_ns),
    ONE(sums.speed_ns),
    ONE(sums.speed_tokens),
    ONE(sums.usage_calls),
    ONE(sums.usage_absent),
    ONE(sums.cost_pusd),
    ONE(sums.steps),
    ONE(sums.tool_calls),
    ONE(duration_low),
    ONE(duration_high),
    ONE(absent),
    ONE(not_booked),
    ONE(table_of_reported_pusd),
    ONE(inclusive_calls),
    ONE(inclusive_input),
    ONE(inclusive_output),
    ONE(inclusive_pusd),
    ONE(first_token.low),
    ONE(first_token.high),
    ONE(time_per_token.low),
    ONE(time_per_token.high),
    ONE(input.low),
    ONE(input.high),
    ONE(output.low),
    ONE(output.high),
    ONE(cost.low),
    ONE(cost.high),
};

static void put_cells(tacho__packer *packer, const tacho__part_series *series) {
    const int64_t *cells = (const int64_t *)(const void *)series;
    for (size_t i = 0; i < sizeof summed / sizeof *summed; i++) {
        for (unsigned place = summed[i].place; place < (unsigned)summed[i].place + summed[i].count; place++) {
            tacho__packer_amount(packer, (uint8_t)place, cells[place]);
        }
    }
    if (series->sums.in_flight > 0) {
        tacho__packer_amount(packer, TACHO__CELL(sums.in_flight), series->sums.in_flight);
    }
}

static void put_buckets(tacho__packer *packer, unsigned which, const tacho__buckets *buckets, int64_t sum, int64_t min,
                        int64_t max) {
    packed_sketch *to = (packed_sketch *)(void *)packer->at;
    *to = (packed_sketch){(uint64_t)which << WHICH_AT | UINT64_C(3) << WIDTH_AT, 0, buckets->total, sum, min, max};
    uint8_t *at = to->counts;
    for (unsigned octave = 0; octave < OCTAVES; octave++) {
        uint64_t counts[TACHO__OCTAVE_BUCKETS], any = 0;
        for (int32_t i = 0; i < PER; i++) {
            const int32_t place = LOWEST + (int32_t)octave * PER + i - buckets->first;
            counts[i] = place >= 0 && place < (int32_t)buckets->length ? buckets->counts[place] : 0;
            any |= counts[i];
        }
        if (any) {
            memcpy(at, counts, sizeof counts);
            at += sizeof counts;
            to->octaves |= UINT64_C(1) << octave;
        }
    }
    const int32_t zero = TACHO__BUCKET_ZERO - buckets->first;
    to->zero = zero >= 0 && zero < (int32_t)buckets->length ? buckets->counts[zero] : 0;
    end_sketch(packer, to, at);
}

static void put_measure(tacho__packer *packer, unsigned which, const tacho__measure *measure) {
    put_buckets(packer, which, &measure->buckets, measure->sum, measure->min, measure->max);
}

/* What few series have: NULL where there is nothing of it. False when out of memory. */
static bool keep_more(tacho__arena *arena, const tacho__group *group, const tacho__packed_more **out) {
    *out = NULL;
    if (group->error_type_count == 0 && group->recent.wanted == 0) {
        return true;
    }
    tacho__packed_more *more = tacho__arena_take(arena, sizeof *more);
    if (!more || !tacho__recent_keep(&group->recent, arena, &more->recent)) {
        return false;
    }
    more->error_types = tacho__arena_array(arena, group->error_type_count, sizeof *more->error_types);
    for (uint32_t i = 0; more->error_types && i < group->error_type_count; i++) {
        const char *name = tacho__arena_text(arena, group->error_types[i].name);
        more->error_types[more->error_type_count++] = (tacho_named){name, group->error_types[i].value};
    }
    *out = more;
    return !arena->failed;
}

static uint32_t identify(tacho__series_store *store, const tacho__part_series *series) {
    const tacho__group *sums = &series->sums;
    const char *const texts[] = {sums->operation, sums->kind,  sums->tool,
                                 sums->provider,  sums->model, series->component};
    uint64_t hash = (uint64_t)series->flags;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        hash = texts[i] ? tacho__hash(texts[i], strlen(texts[i]), hash) : hash * 31 + 1;
    }
    for (uint32_t i = 0; i < sums->tags.count; i++) {
        const char *value = sums->tags.list[i].value;
        hash = value ? tacho__hash(value, strlen(value), hash) : hash * 31 + 1;
    }
    const tacho__identity labels = {sums->operation,   sums->kind,    sums->tool, sums->provider, sums->model,
                                    series->component, series->flags, hash,       sums->tags};
    return tacho__series_store_identify(store, &labels);
}

bool tacho__part_add_series(tacho__part *part, const tacho__part_series *series) {
    tacho__packer packer;
    const tacho__packed_more *more;
    const uint32_t identity = identify(part->store, series);
    if (identity == TACHO__IDENTITY_NONE || !keep_more(&part->store->arena, &series->sums, &more) ||
        !tacho__packer_begin(&packer, part->store)) {
        return false;
    }
    const tacho__group *sums = &series->sums;
    put_buckets(&packer, TACHO__SKETCH_DURATION, &sums->durations, sums->total_ns, sums->min_ns, sums->max_ns);
    put_measure(&packer, TACHO__SKETCH_FIRST_TOKEN, &series->first_token);
    put_measure(&packer, TACHO__SKETCH_TIME_PER_TOKEN, &series->time_per_token);
    put_measure(&packer, TACHO__SKETCH_INPUT, &series->input);
    put_measure(&packer, TACHO__SKETCH_OUTPUT, &series->output);
    put_measure(&packer, TACHO__SKETCH_COST, &series->cost);
    put_cells(&packer, series);
    const uint8_t flags = (uint8_t)((sums->in_flight >= 0 ? TACHO__PACKED_IN_FLIGHT : 0) |
                                    (sums->recent.missing ? TACHO__PACKED_RECENT_MISSING : 0));
    tacho__packer_end(&packer, identity, (uint32_t)part->series_count++, flags, part)->more = more;
    return true;
}

/* -------------------------------------------------------------------------------------------------------- unpacking */

/* Room for octaves [low, high] of all grids together, and for the zeros. */
static bool cover(tacho__buckets *to, tacho__arena *arena, int32_t first, int32_t end) {
    if (to->counts) {
        first = first < to->first ? first : to->first;
        end = end > to->first + (int32_t)to->length ? end : to->first + (int32_t)to->length;
        if (first == to->first && end == to->first + (int32_t)to->length) {
            return true;
        }
    }
    uint64_t *counts = tacho__arena_array(arena, (size_t)(end - first), sizeof *counts);
    if (counts && to->counts) {
        memcpy(counts + (to->first - first), to->counts, to->length * sizeof *counts);
    }
    if (counts) {
        to->counts = counts;
        to->first = (int16_t)first;
        to->length = (uint16_t)(end - first);
        to->owner = TACHO__BUCKETS_ARENA;
    }
    return counts != NULL;
}

static void add_bytes(uint64_t *restrict to, const uint8_t *restrict from) {
    for (int i = 0; i < PER; i++) {
        to[i] += from[i];
    }
}

static void add_halves(uint64_t *restrict to, const uint16_t *restrict from) {
    for (int i = 0; i < PER; i++) {
        to[i] += from[i];
    }
}

static void add_wholes(uint64_t *restrict to, const uint32_t *restrict from) {
    for (int i = 0; i < PER; i++) {
        to[i] += from[i];
    }
}

static void add_words(uint64_t *restrict to, const uint64_t *restrict from) {
    for (int i = 0; i < PER; i++) {
        to[i] += from[i];
    }
}

/* Sixteen counts of a width. */
static void add_octave(uint64_t *to, const void *from, unsigned width) {
    switch (width) {
    case 0:
        add_bytes(to, from);
        break;
    case 1:
        add_halves(to, from);
        break;
    case 2:
        add_wholes(to, from);
        break;
    default:
        add_words(to, from);
        break;
    }
}

static const uint8_t *add_counts(const packed_sketch *from, tacho__arena *arena, tacho__buckets *to) {
    const uint64_t octaves = from->octaves & MASK;
    const unsigned width = (unsigned)(from->octaves >> WIDTH_AT & 3);
    const uint8_t *at = from->counts;
    int32_t first = TACHO__BUCKET_ZERO, end = TACHO__BUCKET_ZERO + 1;
    if (octaves) {
        const int32_t low = LOWEST + (int32_t)__builtin_ctzll(octaves) * PER;
        first = from->zero ? first : low;
        end = LOWEST + (64 - (int32_t)__builtin_clzll(octaves)) * PER;
    }
    if (!cover(to, arena, first, end)) {
        return NULL;
    }
    if (from->zero) {
        to->counts[TACHO__BUCKET_ZERO - to->first] += from->zero;
    }
    for (uint64_t left = octaves; left; left &= left - 1, at += (size_t)PER << width) {
        add_octave(to->counts + (LOWEST + (int32_t)__builtin_ctzll(left) * PER - to->first), at, width);
    }
    to->total += from->total;
    return at;
}

static void add_extremes(const packed_sketch *from, bool first, int64_t *min, int64_t *max) {
    *min = first || from->min < *min ? from->min : *min;
    *max = first || from->max > *max ? from->max : *max;
}

/* Returns what follows the sketch; NULL when out of memory. */
static const uint64_t *add_sketch(const packed_sketch *from, tacho__arena *arena, tacho__part_series *to) {
    tacho__measure *const measures[] = {NULL,       &to->first_token, &to->time_per_token,
                                        &to->input, &to->output,      &to->cost};
    tacho__group *sums = &to->sums;
    tacho__measure *measure = measures[from->octaves >> WHICH_AT];
    tacho__buckets *buckets = measure ? &measure->buckets : &sums->durations;
    const bool first = buckets->total == 0;
    if (measure) {
        add_extremes(from, first, &measure->min, &measure->max);
        measure->sum = tacho__sum(measure->sum, from->sum);
    } else {
        add_extremes(from, first, &sums->min_ns, &sums->max_ns);
        sums->total_ns = tacho__sum(sums->total_ns, from->sum);
    }
    return (const uint64_t *)(const void *)add_counts(from, arena, buckets);
}

static void add_cells(const tacho__packed *entry, const uint64_t *values, bool in_flight, tacho__part_series *to) {
    const uint8_t *places = (const uint8_t *)(values + entry->cells);
    int64_t *cells = (int64_t *)(void *)to;
    if (entry->flags & TACHO__PACKED_IN_FLIGHT && to->sums.in_flight < 0) {
        to->sums.in_flight = 0;
    }
    for (unsigned i = 0; i < entry->cells; i++) {
        if (places[i] != TACHO__CELL(sums.in_flight) || in_flight) {
            cells[places[i]] = tacho__sum(cells[places[i]], (int64_t)values[i]);
        }
    }
}

static bool add_more(const tacho__packed_more *more, tacho__arena *arena, tacho__group *to) {
    for (uint32_t i = 0; i < more->error_type_count; i++) {
        if (!tacho__group_error_type(to, arena, more->error_types[i].name, more->error_types[i].value)) {
            return false;
        }
    }
    return tacho__recent_merge(&to->recent, &more->recent);
}

bool tacho__packed_add(const tacho__packed *entry, bool in_flight, tacho__arena *arena, tacho__part_series *to) {
    const uint64_t *at = entry->words;
    for (unsigned i = 0; i < entry->sketches && at; i++) {
        at = add_sketch((const packed_sketch *)(const void *)at, arena, to);
    }
    if (!at) {
        return false;
    }
    add_cells(entry, at, in_flight, to);
    to->sums.recent.missing |= (entry->flags & TACHO__PACKED_RECENT_MISSING) != 0;
    return !entry->more || add_more(entry->more, arena, &to->sums);
}
