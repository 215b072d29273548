#include "snapshot/ladder_inside.h"

#include "base/hash.h"
#include "base/memory.h"
#include "snapshot/snapshot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000000)

static const struct {
    int64_t step_ns;
    unsigned steps;
} tiers[TACHO__LADDER_TIERS] = {{10 * SECOND, 60}, {60 * SECOND, 120}, {900 * SECOND, 192}};

int64_t tacho__ladder_step(unsigned tier) {
    return tiers[tier].step_ns;
}

unsigned tacho__ladder_steps(unsigned tier) {
    return tiers[tier].steps;
}

/* ------------------------------------------------------------------------------------------------------------- series
 */

static const char **labels_of(tacho__labels *labels, const char *list[TACHO__LADDER_LABELS]) {
    list[0] = labels->operation;
    list[1] = labels->kind;
    list[2] = labels->provider;
    list[3] = labels->model;
    list[4] = labels->component;
    list[5] = labels->tags;
    return list;
}

static uint64_t hash_of(tacho__labels labels) {
    const char *list[TACHO__LADDER_LABELS];
    uint64_t hash = 0;
    labels_of(&labels, list);
    for (unsigned i = 0; i < TACHO__LADDER_LABELS; ++i) {
        hash = (hash ^ (list[i] ? tacho__hash(list[i], strlen(list[i]), 0) : 1)) * UINT64_C(0x9e3779b97f4a7c15);
    }
    return hash;
}

static bool same_text(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same(const tacho__labels *a, const tacho__labels *b) {
    return same_text(a->operation, b->operation) && same_text(a->kind, b->kind) &&
           same_text(a->provider, b->provider) && same_text(a->model, b->model) &&
           same_text(a->component, b->component) && same_text(a->tags, b->tags);
}

static bool copy_labels(tacho__ladder_series_state *series, tacho__labels labels) {
    const char *list[TACHO__LADDER_LABELS];
    size_t bytes = 0;
    labels_of(&labels, list);
    for (unsigned i = 0; i < TACHO__LADDER_LABELS; ++i) {
        bytes += list[i] ? strlen(list[i]) + 1 : 0;
    }
    char *at = series->text = tacho__malloc(bytes);
    for (unsigned i = 0; at && i < TACHO__LADDER_LABELS; ++i) {
        if (list[i]) {
            const size_t length = strlen(list[i]) + 1;
            list[i] = memcpy(at, list[i], length);
            at += length;
        }
    }
    series->labels = (tacho__labels){list[0], list[1], list[2], list[3], list[4], list[5]};
    return series->text != NULL;
}

tacho__ladder_series_state *tacho__ladder_find(tacho__ladder *ladder, const tacho__labels *labels, bool *failed) {
    const uint64_t hash = hash_of(*labels);
    for (uint32_t i = 1; i < ladder->count; ++i) {
        if (ladder->series[i].hash == hash && same(&ladder->series[i].labels, labels)) {
            return &ladder->series[i];
        }
    }
    if (ladder->count == TACHO__LADDER_ALL) {
        return NULL;
    }
    tacho__ladder_series_state *series = &ladder->series[ladder->count];
    if (!copy_labels(series, *labels)) {
        *failed = true;
        return NULL;
    }
    series->hash = hash;
    ladder->count += 1;
    return series;
}

/* --------------------------------------------------------------------------------------------------------------- life
 */

tacho__ladder *tacho__ladder_new(void) {
    tacho__ladder *ladder = tacho__calloc(1, sizeof *ladder);
    if (ladder) {
        ladder->count = 1;
        for (unsigned i = 0; i < TACHO__LADDER_TIERS; ++i) {
            ladder->tiers[i].since_ns = INT64_MAX;
        }
    }
    return ladder;
}

void tacho__ladder_free(tacho__ladder *ladder) {
    if (!ladder) {
        return;
    }
    for (uint32_t i = 0; i < ladder->count; ++i) {
        tacho__free(ladder->series[i].text);
        tacho__delta_clear(&ladder->series[i].total);
        for (unsigned tier = 0; tier < TACHO__LADDER_TIERS; ++tier) {
            tacho__delta_clear(&ladder->series[i].open[tier]);
        }
    }
    for (unsigned tier = 0; tier < TACHO__LADDER_TIERS; ++tier) {
        for (uint32_t i = 0; i < TACHO__LADDER_MOST; ++i) {
            tacho__free(ladder->tiers[tier].steps[i].bytes);
        }
    }
    tacho__free(ladder);
}

/* -------------------------------------------------------------------------------------------------------------- steps
 */

void tacho__ladder_pack(const tacho__ladder *ladder, unsigned tier, tacho__buffer *out) {
    tacho__buffer one = TACHO__BUFFER_INIT;
    for (uint32_t i = 0; i < ladder->count; ++i) {
        const tacho__delta *open = &ladder->series[i].open[tier];
        if (tacho__delta_any(open)) {
            tacho__buffer_clear(&one);
            tacho__delta_put(&one, open);
            tacho__varint_put(out, i);
            tacho__varint_put(out, one.length);
            tacho__buffer_append(out, one.data, one.length);
            out->failed |= one.failed;
        }
    }
    tacho__buffer_free(&one);
}

bool tacho__ladder_next(const uint8_t **at, const uint8_t *end, uint64_t *series, const uint8_t **bytes,
                        uint64_t *length) {
    if (!tacho__varint_get(at, end, series) || !tacho__varint_get(at, end, length) || *length > (uint64_t)(end - *at)) {
        return false;
    }
    *bytes = *at;
    *at += *length;
    return true;
}

static void drop_oldest(tacho__ladder *ladder, unsigned number) {
    tacho__ladder_tier *tier = &ladder->tiers[number];
    tacho__ladder_bytes_of_step *oldest = &tier->steps[tier->first];
    const int64_t end = oldest->start_ns + tiers[number].step_ns;
    if (tier->since_ns < end) {
        tier->since_ns = end;
    }
    ladder->bytes -= oldest->length;
    tacho__free(oldest->bytes);
    *oldest = (tacho__ladder_bytes_of_step){0};
    tier->first = (tier->first + 1) % tiers[number].steps;
    tier->count -= 1;
}

void tacho__ladder_push(tacho__ladder *ladder, unsigned number, tacho__ladder_bytes_of_step step) {
    tacho__ladder_tier *tier = &ladder->tiers[number];
    if (tier->count == tiers[number].steps) {
        drop_oldest(ladder, number);
    }
    tier->steps[(tier->first + tier->count) % tiers[number].steps] = step;
    tier->count += 1;
    ladder->bytes += step.length;
}

static uint64_t bytes_of_buckets(const tacho__delta *delta) {
    return delta->durations.length * sizeof *delta->durations.counts;
}

uint64_t tacho__ladder_bytes(const tacho__ladder *ladder) {
    uint64_t bytes = sizeof *ladder + ladder->bytes;
    for (uint32_t i = 0; i < ladder->count; ++i) {
        bytes += bytes_of_buckets(&ladder->series[i].total);
        for (unsigned tier = 0; tier < TACHO__LADDER_TIERS; ++tier) {
            bytes += bytes_of_buckets(&ladder->series[i].open[tier]);
        }
    }
    return bytes;
}

void tacho__ladder_fit(tacho__ladder *ladder) {
    for (unsigned tier = 0; tier < TACHO__LADDER_TIERS; ++tier) {
        while (ladder->tiers[tier].count > 0 && tacho__ladder_bytes(ladder) > TACHO__LADDER_BYTES) {
            drop_oldest(ladder, tier);
        }
    }
}

/* The step that was open is over. If there is no memory for it, the tier begins anew. */
static void close_step(tacho__ladder *ladder, unsigned number) {
    tacho__ladder_tier *tier = &ladder->tiers[number];
    tacho__buffer out = TACHO__BUFFER_INIT;
    tacho__ladder_pack(ladder, number, &out);
    uint8_t *bytes = out.length > 0 && !out.failed ? tacho__malloc(out.length) : NULL;
    if (bytes) {
        memcpy(bytes, out.data, out.length);
        tacho__ladder_push(ladder, number, (tacho__ladder_bytes_of_step){tier->open_ns, bytes, (uint32_t)out.length});
    } else if (out.length > 0) {
        tier->since_ns = tier->open_ns + tiers[number].step_ns;
    }
    tacho__buffer_free(&out);
    for (uint32_t i = 0; i < ladder->count; ++i) {
        tacho__delta_clear(&ladder->series[i].open[number]);
    }
}

/* Goes on to the step that `at_ns` is in; steps that are older than the tier reaches go away. */
static void move_to(tacho__ladder *ladder, unsigned number, int64_t at_ns) {
    tacho__ladder_tier *tier = &ladder->tiers[number];
    const int64_t step = tiers[number].step_ns, start = at_ns - at_ns % step;
    if (start <= tier->open_ns) {
        return; /* still in it, or the clock was set back */
    }
    close_step(ladder, number);
    tier->open_ns = start;
    const int64_t oldest = start - (int64_t)tiers[number].steps * step;
    while (tier->count > 0 && tier->steps[tier->first].start_ns < oldest) {
        drop_oldest(ladder, number);
    }
    if (tier->since_ns < oldest) {
        tier->since_ns = oldest;
    }
}

/* ------------------------------------------------------------------------------------------------------------ feeding
 */

typedef struct tacho__ladder_feeding {
    tacho__ladder *ladder;
    tacho__delta now[TACHO__LADDER_ALL];
    bool failed;
} feeding;

static void take_series(feeding *f, const tacho__part_series *from) {
    const tacho__group *sums = &from->sums;
    char tags[TACHO__TAGS_TEXT];
    const tacho__labels labels = {sums->operation, sums->kind,      sums->provider,
                                  sums->model,     from->component, tacho__tags_text(sums->tags, tags)};
    const tacho__ladder_series_state *series = tacho__ladder_find(f->ladder, &labels, &f->failed);
    if (series) {
        f->failed |= !tacho__delta_add_group(&f->now[series - f->ladder->series], sums);
    } else if (!from->component) {
        f->failed |= !tacho__delta_add_group(&f->now[0], sums);
    }
}

static uint64_t epoch_of(const tacho_snapshot *snapshot) {
    return snapshot->count == 1 ? snapshot->parts[0]->generation : 0;
}

/* The sums began anew, so what they are now is what was added. */
static void begin_anew(tacho__ladder *ladder) {
    for (uint32_t i = 0; i < ladder->count; ++i) {
        tacho__delta_clear(&ladder->series[i].total);
    }
}

/* `f->now` has the sums of now: turns the series' totals into them, and `f->now` into what was added. */
static void difference(feeding *f) {
    for (uint32_t i = 0; i < f->ladder->count; ++i) {
        tacho__delta *total = &f->ladder->series[i].total, sums = f->now[i];
        f->now[i].durations = (tacho__buckets){0};
        f->failed |= !tacho__buckets_merge(&f->now[i].durations, &sums.durations);
        tacho__delta_since(&f->now[i], total);
        tacho__buckets_free(&total->durations);
        /* A reader of a living segment may be a record ahead of the next one: a sum that falls is counted once. */
        for (int cell = 0; cell < TACHO__DELTA_CELLS && tacho__delta_calls(&sums) >= tacho__delta_calls(total);
             ++cell) {
            sums.cells[cell] = sums.cells[cell] > total->cells[cell] ? sums.cells[cell] : total->cells[cell];
        }
        *total = sums;
    }
}

static void add_to_tier(feeding *f, unsigned tier, int64_t middle_ns) {
    move_to(f->ladder, tier, middle_ns);
    for (uint32_t i = 0; i < f->ladder->count; ++i) {
        f->failed |= !tacho__delta_add(&f->ladder->series[i].open[tier], &f->now[i]);
    }
}

static void note_gap(tacho__ladder *ladder, int64_t from_ns, int64_t to_ns) {
    if (to_ns - from_ns <= tiers[0].step_ns + TACHO__LADDER_FEED) {
        return;
    }
    if (ladder->gap_count == TACHO__LADDER_GAPS) {
        memmove(ladder->gaps, ladder->gaps + 1, (TACHO__LADDER_GAPS - 1) * sizeof *ladder->gaps);
        ladder->gap_count -= 1;
    }
    ladder->gaps[ladder->gap_count++] = (tacho__ladder_gap){from_ns, to_ns};
}

static int64_t began_at(const tacho_snapshot *snapshot) {
    int64_t earliest = INT64_MAX;
    for (size_t i = 0; i < snapshot->count; ++i) {
        const int64_t at = snapshot->parts[i]->started_at_ns;
        earliest = at < earliest ? at : earliest;
    }
    return earliest;
}

/* ---------------------------------------------------------------------------------------------------- the first feed
 */

static int by_end(const void *a, const void *b) {
    const tacho_record_view *left = *(const tacho_record_view *const *)a, *right = *(const tacho_record_view *const *)b;
    return (left->ended_at_ns > right->ended_at_ns) - (left->ended_at_ns < right->ended_at_ns);
}

/* All records, the one that ended first first, if there is one for every operation that was counted; else NULL. */
static const tacho_record_view **every_record(const feeding *f, const tacho_snapshot *snapshot, size_t *count) {
    int64_t calls = 0, kept = 0;
    for (uint32_t i = 0; i < f->ladder->count; ++i) {
        calls = tacho__sum(calls, tacho__delta_calls(&f->now[i]));
    }
    *count = 0;
    for (size_t part = 0; part < snapshot->count; ++part) {
        kept += (int64_t)snapshot->parts[part]->record_count;
    }
    const tacho_record_view **all = calls == kept ? tacho__calloc((size_t)kept + 1, sizeof *all) : NULL;
    for (size_t part = 0; all && part < snapshot->count; ++part) {
        for (size_t i = 0; i < snapshot->parts[part]->record_count; ++i) {
            all[(*count)++] = &snapshot->parts[part]->records[i];
        }
    }
    if (all) {
        qsort(all, *count, sizeof *all, by_end);
    }
    return all;
}

static void add_record(feeding *f, unsigned tier, const tacho_record_view *record) {
    char text[TACHO__TAGS_TEXT];
    const tacho__tags_of tags = {record->tags, record->tag_count};
    const tacho__labels labels = {record->operation, record->kind, record->provider,
                                  record->model,     NULL,         tacho__tags_text(tags, text)};
    tacho__ladder_series_state *series = tacho__ladder_find(f->ladder, &labels, &f->failed);
    tacho__arena texts = {0};
    tacho__group group;
    tacho__group_init(&group);
    f->failed |= !tacho__group_add_record(&group, &texts, record) ||
                 !tacho__delta_add_group(&(series ? series : f->ladder->series)->open[tier], &group);
    tacho__group_free(&group);
    tacho__arena_free(&texts);
}

/* One tier from records; what says that it ended later than now ended now. */
static void begin_with(feeding *f, unsigned tier, const tacho_record_view *const *records, size_t count,
                       int64_t began_ns, int64_t now_ns) {
    const int64_t first = count > 0 && records[0]->ended_at_ns < began_ns ? records[0]->ended_at_ns : began_ns;
    f->ladder->tiers[tier].open_ns = first - first % tiers[tier].step_ns;
    f->ladder->tiers[tier].since_ns = f->ladder->tiers[tier].open_ns;
    for (size_t i = 0; i < count; ++i) {
        move_to(f->ladder, tier, records[i]->ended_at_ns < now_ns ? records[i]->ended_at_ns : now_ns);
        add_record(f, tier, records[i]);
    }
    move_to(f->ladder, tier, now_ns);
}

/*
 * What was before the first feed of all is known step by step if every operation still has its record (but not of
 * components); else a tier whose step is as long as everything has existed knows where it belongs.
 */
static void begin(feeding *f, const tacho_snapshot *snapshot, int64_t now_ns) {
    const int64_t began = began_at(snapshot);
    size_t count;
    const tacho_record_view **records = every_record(f, snapshot, &count);
    for (unsigned tier = 0; tier < TACHO__LADDER_TIERS; ++tier) {
        const int64_t step = tiers[tier].step_ns;
        const bool known = began <= now_ns && began / step == now_ns / step;
        f->ladder->tiers[tier].open_ns = now_ns - now_ns % step;
        f->ladder->tiers[tier].since_ns = known ? now_ns - now_ns % step : now_ns;
        if (known) {
            add_to_tier(f, tier, now_ns);
        } else if (records && began > 0 && began <= now_ns) {
            begin_with(f, tier, records, count, began, now_ns);
        }
    }
    tacho__free(records);
}

static void go_on(feeding *f, int64_t now_ns) {
    tacho__ladder *ladder = f->ladder;
    const int64_t middle = ladder->fed_ns < now_ns ? ladder->fed_ns + (now_ns - ladder->fed_ns) / 2 : now_ns;
    note_gap(ladder, ladder->fed_ns, now_ns);
    for (unsigned tier = 0; tier < TACHO__LADDER_TIERS; ++tier) {
        add_to_tier(f, tier, middle);
    }
}

tacho_status tacho__ladder_feed(tacho__ladder *ladder, const tacho_snapshot *snapshot, int64_t now_ns) {
    feeding *f = tacho__calloc(1, sizeof *f);
    if (!f) {
        return TACHO_NOMEM;
    }
    f->ladder = ladder;
    const tacho__series_list *list = tacho__snapshot_series(snapshot);
    f->failed = !list;
    for (size_t i = 0; list && i < list->count; ++i) {
        take_series(f, &list->series[i]);
    }
    if (!f->failed) {
        if (epoch_of(snapshot) != ladder->epoch && ladder->epoch != 0 && epoch_of(snapshot) != 0) {
            begin_anew(ladder);
        }
        ladder->epoch = epoch_of(snapshot);
        difference(f);
        ladder->fed_ns == 0 ? begin(f, snapshot, now_ns) : go_on(f, now_ns);
        ladder->fed_ns = now_ns;
        tacho__ladder_fit(ladder);
    }
    for (uint32_t i = 0; i < TACHO__LADDER_ALL; ++i) {
        tacho__delta_clear(&f->now[i]);
    }
    const tacho_status status = f->failed ? TACHO_NOMEM : TACHO_OK;
    tacho__free(f);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ reading
 */

static bool is_meant(const tacho__ladder *ladder, const tacho__selector *selector, uint64_t series) {
    if (series == 0) { /* all others: meant only where nothing is asked of the labels */
        return selector->count == 0;
    }
    return series < ladder->count && tacho__selector_matches(selector, &ladder->series[series].labels);
}

static tacho_status add_bytes(const tacho__ladder *ladder, const tacho__selector *selector,
                              const tacho__ladder_bytes_of_step *step, tacho__delta *sum) {
    const uint8_t *at = step->bytes, *end = at + step->length, *bytes;
    uint64_t series, length;
    tacho_status status = TACHO_OK;
    while (status == TACHO_OK && at < end && tacho__ladder_next(&at, end, &series, &bytes, &length)) {
        if (is_meant(ladder, selector, series)) {
            status = tacho__delta_get(bytes, length, sum);
        }
    }
    return status;
}

static tacho_status add_open(const tacho__ladder *ladder, const tacho__selector *selector, unsigned tier,
                             tacho__delta *sum) {
    bool added = true;
    for (uint32_t i = 0; i < ladder->count && added; ++i) {
        if (is_meant(ladder, selector, i)) {
            added = tacho__delta_add(sum, &ladder->series[i].open[tier]);
        }
    }
    return added ? TACHO_OK : TACHO_NOMEM;
}

static tacho_status add_up(const tacho__ladder *ladder, const tacho__selector *selector, unsigned number,
                           const tacho__ladder_point *point, tacho__delta *sum) {
    const tacho__ladder_tier *tier = &ladder->tiers[number];
    tacho_status status = TACHO_OK;
    for (uint32_t i = 0; i < tier->count && status == TACHO_OK; ++i) {
        const tacho__ladder_bytes_of_step *step = tacho__ladder_at(tier, number, i);
        if (step->start_ns >= point->start_ns && step->start_ns < point->end_ns) {
            status = add_bytes(ladder, selector, step, sum);
        }
    }
    const bool open = tier->open_ns >= point->start_ns && tier->open_ns < point->end_ns;
    return status == TACHO_OK && open ? add_open(ladder, selector, number, sum) : status;
}

static unsigned tier_of(int64_t step_ns) {
    unsigned tier = TACHO__LADDER_TIERS - 1;
    while (tier > 0 && (step_ns < tiers[tier].step_ns || step_ns % tiers[tier].step_ns != 0)) {
        --tier;
    }
    return tier;
}

/* What was added in a stretch without a feed is in its middle: a point that it goes beyond may have too little. */
static bool has_gap(const tacho__ladder *ladder, const tacho__ladder_point *point) {
    bool gap = false;
    for (uint32_t i = 0; i < ladder->gap_count; ++i) {
        const tacho__ladder_gap *one = &ladder->gaps[i];
        const bool inside = one->from_ns >= point->start_ns && one->to_ns <= point->end_ns;
        gap |= !inside && one->from_ns < point->end_ns && one->to_ns > point->start_ns;
    }
    return gap;
}

static tacho_status read_point(const tacho__ladder *ladder, const tacho__selector *selector,
                               tacho__ladder_point *point) {
    const unsigned number = tier_of(point->end_ns - point->start_ns);
    const int64_t since = ladder->tiers[number].since_ns;
    tacho__delta sum = {0};
    point->watched = ladder->fed_ns > 0 && since < point->end_ns && ladder->fed_ns >= point->start_ns;
    point->complete =
        point->watched && since <= point->start_ns && ladder->fed_ns >= point->end_ns && !has_gap(ladder, point);
    point->number = (double)NAN;
    point->pusd = TACHO_COST_UNKNOWN;
    point->n = 0;
    const tacho_status status = point->watched ? add_up(ladder, selector, number, point, &sum) : TACHO_OK;
    if (status == TACHO_OK && point->watched) {
        const int64_t from = since > point->start_ns ? since : point->start_ns;
        const int64_t to = ladder->fed_ns < point->end_ns ? ladder->fed_ns : point->end_ns;
        point->number = tacho__delta_number(&sum, selector, (double)(to - from) / 1e9);
        point->pusd = tacho__delta_money(&sum, selector);
        const int64_t calls = tacho__delta_calls(&sum);
        point->n = calls > 0 ? calls : sum.cells[TACHO__DELTA_TIMED];
    }
    tacho__delta_clear(&sum);
    return status;
}

tacho_status tacho__ladder_read(const tacho__ladder *ladder, const tacho__selector *selector,
                                tacho__ladder_point *points, size_t count) {
    tacho_status status = TACHO_OK;
    for (size_t i = 0; i < count && status == TACHO_OK; ++i) {
        status = read_point(ladder, selector, &points[i]);
    }
    return status;
}

int64_t tacho__ladder_since(const tacho__ladder *ladder, int64_t step_ns) {
    return ladder->tiers[tier_of(step_ns)].since_ns;
}

int64_t tacho__ladder_fed(const tacho__ladder *ladder) {
    return ladder->fed_ns;
}

uint32_t tacho__ladder_series(const tacho__ladder *ladder) {
    return ladder->count - 1;
}
