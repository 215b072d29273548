/* Series, from the view of a segment to a part: lane by lane, straight from the cells (snapshot/packed.h). */
#include "base/memory.h"
#include "snapshot/kinds.h"
#include "snapshot/packed.h"

#include <assert.h>
#include <string.h>

static_assert(TACHO_TAGS_MAX == TACHO__TAGS, "tags of a series fit");

#define AHEAD 4u /* series whose cells are fetched while one is packed */

static int64_t counted(uint64_t value) {
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* A series that is being put into entries. */
typedef struct taking {
    const tacho__view *view;
    tacho__part *part;
    tacho__series_head head;
    uint32_t identity;
    bool operation, model;
    uint64_t timed;
    uint64_t types[TACHO__ERROR_NAMES + 1]; /* errors by type, over all lanes */
    bool failed;                            /* some of these are not 0 */
    tacho__packed *last;                    /* NULL = no entry yet */
    tacho__sketch_octaves octaves;          /* scratch */
    tacho__packer packer;
} taking;

static uint32_t identify(const taking *t) {
    const tacho__series_head *head = &t->head;
    tacho_tag tags[TACHO_TAGS_MAX];
    const uint32_t tag_count = head->tags ? tacho__view_tags(t->view, head->tags, tags) : 0;
    const tacho__identity labels = {head->name,
                                    tacho_kind_text(head->kind),
                                    head->kind == TACHO_KIND_TOOL ? head->name : NULL,
                                    head->provider,
                                    head->model,
                                    t->operation      ? NULL
                                    : head->component ? head->component
                                                      : "",
                                    head->flags,
                                    head->hash,
                                    {tags, tag_count}};
    return tacho__series_store_identify(t->part->store, &labels);
}

/* ----------------------------------------------------------------------------------------------------------- sums */

static void put_usage(tacho__packer *packer, const tacho__usage_cell *from) {
    for (unsigned unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        tacho__packer_cell(packer, (uint8_t)(TACHO__CELL(sums.units) + unit), tacho__get(&from->units[unit]));
    }
    /* A call that said "no usage" is a call without usage (usage_absent), not one without a price. */
    const uint64_t absent = tacho__get(&from->absent), unpriced = tacho__get(&from->states[TACHO_COST_STATE_UNKNOWN]);
    tacho__packer_cell(packer, TACHO__CELL(sums.cost_calls), unpriced > absent ? unpriced - absent : 0);
    for (unsigned state = TACHO_COST_STATE_UNKNOWN + 1; state < TACHO__GROUP_COST_STATES; state++) {
        tacho__packer_cell(packer, (uint8_t)(TACHO__CELL(sums.cost_calls) + state), tacho__get(&from->states[state]));
    }
    int64_t cost = 0;
    for (unsigned i = 0; i < TACHO__COST_SUMS; i++) {
        cost = tacho__sum(cost, (int64_t)tacho__get(&from->cost[i]));
    }
    tacho__packer_amount(packer, TACHO__CELL(sums.cost_pusd), cost);
    tacho__packer_cell(packer, TACHO__CELL(sums.usage_calls), tacho__get(&from->calls));
    tacho__packer_cell(packer, TACHO__CELL(sums.speed_ns), tacho__get(&from->timed_ns));
    tacho__packer_cell(packer, TACHO__CELL(sums.speed_tokens), tacho__get(&from->timed_output));
    tacho__packer_cell(packer, TACHO__CELL(absent), absent);
    tacho__packer_cell(packer, TACHO__CELL(not_booked), tacho__get(&from->not_booked));
    tacho__packer_amount(packer, TACHO__CELL(table_of_reported_pusd), (int64_t)tacho__get(&from->table_of_reported));
    tacho__packer_cell(packer, TACHO__CELL(inclusive_calls), tacho__get(&from->inclusive_calls));
    tacho__packer_cell(packer, TACHO__CELL(inclusive_input), tacho__get(&from->inclusive_input));
    tacho__packer_cell(packer, TACHO__CELL(inclusive_output), tacho__get(&from->inclusive_output));
    tacho__packer_amount(packer, TACHO__CELL(inclusive_pusd), (int64_t)tacho__get(&from->inclusive_cost));
}

static void put_failures(tacho__packer *packer, const tacho__failure_cell *from) {
    int64_t unavailable = 0;
    for (unsigned category = 0; category < TACHO__CATEGORIES; category++) {
        const uint64_t count = tacho__get(&from->category[category]);
        tacho__packer_cell(packer, (uint8_t)(TACHO__CELL(categories) + category), count);
        if (category < TACHO_CATEGORY_COUNT && tacho__category_is_unavailable((tacho_category)category)) {
            unavailable = tacho__sum(unavailable, counted(count));
        }
    }
    tacho__packer_amount(packer, TACHO__CELL(sums.unavailable), unavailable);
    tacho__packer_cell(packer, TACHO__CELL(sums.warnings), tacho__get(&from->warnings));
}

/* Outcomes: `ok` is what no other outcome says (core/FORMAT.md 1.7). */
static void put_calls(taking *t, uint64_t timed, const tacho__lane_cells *cells) {
    tacho__packer *packer = &t->packer;
    const tacho__block *block = cells->block;
    const uint64_t calls = block ? timed + tacho__get(&block->untimed) : timed;
    uint64_t ok = calls;
    for (unsigned i = 0; block && i < TACHO__FAILED_OUTCOMES; i++) {
        const uint64_t failed = tacho__get(&block->outcome[i]);
        tacho__packer_cell(packer, (uint8_t)(TACHO__CELL(sums.outcomes) + 1 + i), failed);
        ok -= failed < ok ? failed : ok;
    }
    tacho__packer_cell(packer, TACHO__CELL(sums.outcomes), ok);
    if (block) {
        tacho__packer_cell(packer, TACHO__CELL(sums.retries), tacho__get(&block->retries));
        tacho__packer_cell(packer, TACHO__CELL(sums.interventions), tacho__get(&block->interventions));
    }
    tacho__packer_cell(packer, TACHO__CELL(sums.steps), t->head.kind == TACHO_KIND_STEP ? calls : 0);
    tacho__packer_cell(packer, TACHO__CELL(sums.tool_calls), t->head.kind == TACHO_KIND_TOOL ? calls : 0);
    if (t->model) {
        const uint64_t known = cells->usage ? tacho__get(&cells->usage->calls) : 0;
        tacho__packer_cell(packer, TACHO__CELL(sums.usage_absent), calls > known ? calls - known : 0);
    }
}

static const struct {
    uint8_t low, high;
} outside[TACHO__SKETCHES] = {
    {TACHO__CELL(duration_low), TACHO__CELL(duration_high)},
    {TACHO__CELL(first_token.low), TACHO__CELL(first_token.high)},
    {TACHO__CELL(time_per_token.low), TACHO__CELL(time_per_token.high)},
    {TACHO__CELL(input.low), TACHO__CELL(input.high)},
    {TACHO__CELL(output.low), TACHO__CELL(output.high)},
    {TACHO__CELL(cost.low), TACHO__CELL(cost.high)},
};

static uint64_t put_sketch(taking *t, unsigned which, const tacho__sketch *sketch) {
    tacho__view_octaves(t->view, sketch, &t->octaves);
    const uint64_t count =
        tacho__packer_sketch(&t->packer, which, sketch, &t->octaves, tacho__sketch_grid(&t->head, which));
    tacho__packer_cell(&t->packer, outside[which].low, tacho__get_half(&sketch->low));
    tacho__packer_cell(&t->packer, outside[which].high, tacho__get_half(&sketch->high));
    return count;
}

static void put_sketches(taking *t, const tacho__lane_cells *cells, uint64_t counts[TACHO__SKETCHES]) {
    for (unsigned which = 0; which < TACHO__SKETCHES; which++) {
        counts[which] = cells->sketch[which] ? put_sketch(t, which, cells->sketch[which]) : 0;
    }
}

/* -------------------------------------------------------------------------------------------------------- entries */

static bool end_entry(taking *t) {
    const uint8_t flags = t->operation ? TACHO__PACKED_IN_FLIGHT : 0;
    t->last = tacho__packer_end(&t->packer, t->identity, (uint32_t)t->part->series_count, flags, t->part);
    return true;
}

/* Who the series is, is asked for when there is something to tell of it. */
static bool begin_entry(taking *t) {
    if (!t->last) {
        t->identity = identify(t);
    }
    return t->identity != TACHO__IDENTITY_NONE && tacho__packer_begin(&t->packer, t->part->store);
}

static void count_types(taking *t, const tacho__failure_cell *failures) {
    for (unsigned i = 0; i <= TACHO__ERROR_NAMES; i++) {
        const uint64_t count = tacho__get(&failures->type[i]);
        t->types[i] = count > UINT64_MAX - t->types[i] ? UINT64_MAX : t->types[i] + count;
        t->failed |= count != 0;
    }
}

/* Lanes without a call leave no entry. */
static bool take_lane(taking *t, const tacho__lane_cells *cells) {
    uint64_t counts[TACHO__SKETCHES];
    if (!begin_entry(t)) {
        return false;
    }
    put_sketches(t, cells, counts);
    put_calls(t, counts[TACHO__SKETCH_DURATION], cells);
    tacho__packer_cell(&t->packer, TACHO__CELL(sums.timed), counts[TACHO__SKETCH_DURATION]);
    if (cells->usage) {
        put_usage(&t->packer, cells->usage);
    }
    if (counts[TACHO__SKETCH_FIRST_TOKEN] > 0) {
        tacho__packer_cell(&t->packer, TACHO__CELL(sums.first_tokens), counts[TACHO__SKETCH_FIRST_TOKEN]);
        tacho__packer_cell(&t->packer, TACHO__CELL(sums.first_token_ns),
                           tacho__get(&cells->sketch[TACHO__SKETCH_FIRST_TOKEN]->sum));
    }
    if (cells->failures) {
        put_failures(&t->packer, cells->failures);
        count_types(t, cells->failures);
    }
    t->timed |= counts[TACHO__SKETCH_DURATION];
    return t->packer.cells == 0 || end_entry(t);
}

static bool take_in_flight(taking *t) {
    const uint64_t in_flight = t->operation ? tacho__view_series_in_flight(t->view, t->head.number) : 0;
    if (in_flight == 0) {
        return true;
    }
    if (!begin_entry(t)) {
        return false;
    }
    tacho__packer_cell(&t->packer, TACHO__CELL(sums.in_flight), in_flight);
    return end_entry(t);
}

/* ------------------------------------------------------------------------------------------------- what few have */

static bool take_error_types(const taking *t, tacho__packed_more *more) {
    tacho__arena *arena = &t->part->store->arena;
    uint64_t rest = t->types[TACHO__ERROR_NAMES];
    more->error_types = tacho__arena_array(arena, TACHO__ERROR_NAMES + 1, sizeof *more->error_types);
    for (unsigned i = 0; more->error_types && i < TACHO__ERROR_NAMES; i++) {
        const char *name = t->types[i] ? tacho__view_error_name(t->view, &t->head, i) : NULL;
        if (name) {
            more->error_types[more->error_type_count++] =
                (tacho_named){tacho__arena_text(arena, name), counted(t->types[i])};
        } else {
            rest = t->types[i] > UINT64_MAX - rest ? UINT64_MAX : rest + t->types[i];
        }
    }
    if (more->error_types && rest) {
        more->error_types[more->error_type_count++] = (tacho_named){"other", counted(rest)};
    }
    return !arena->failed;
}

/* The newest durations, out of the windows of all lanes. */
static bool take_recent(const taking *t, tacho__recent_view *about, tacho__recent *to) {
    tacho__recent_value *values = tacho__malloc((about->count + 1) * sizeof *values);
    to->calls = tacho__arena_array(&t->part->store->arena, about->count, sizeof *to->calls);
    to->wanted = about->wanted;
    if (values && to->calls && about->count > 0) {
        tacho__view_recent(t->view, t->head.number, about, values, about->count);
        to->since_ns = about->since_mono_ns == INT64_MIN ? INT64_MIN : tacho__view_wall(t->view, about->since_mono_ns);
        for (to->count = 0; to->count < about->count; to->count++) {
            const tacho__recent_value *value = &values[to->count];
            to->calls[to->count] =
                (tacho__recent_call){tacho__view_wall(t->view, value->end_mono_ns), counted(value->duration_ns)};
        }
        tacho__recent_settle(to);
    }
    tacho__free(values);
    return values && to->calls;
}

/* What was timed without a window is "not known", which is an answer too. */
static bool take_more(taking *t) {
    tacho__recent_view about = {0};
    const bool wanted = t->last && t->operation && t->timed > 0;
    const bool recent = wanted && t->head.window && tacho__view_recent(t->view, t->head.number, &about, NULL, 0);
    if (wanted && !recent) {
        t->last->flags |= TACHO__PACKED_RECENT_MISSING;
    }
    if (!t->last || (!recent && !t->failed)) {
        return true;
    }
    tacho__packed_more *more = tacho__arena_take(&t->part->store->arena, sizeof *more);
    if (!more) {
        return false;
    }
    more->recent = (tacho__recent)TACHO__RECENT_NONE;
    t->last->more = more;
    return (!t->failed || take_error_types(t, more)) && (!recent || take_recent(t, &about, &more->recent));
}

static bool take_series(taking *t) {
    tacho__lane_cells cells;
    bool done = true;
    t->operation = t->head.type == TACHO__TYPE_OPERATION;
    t->model = tacho__kind_is_model(tacho_kind_text(t->head.kind));
    t->last = NULL;
    t->timed = 0;
    if (t->failed) {
        memset(t->types, 0, sizeof t->types);
        t->failed = false;
    }
    while (done && tacho__view_next_lane(t->view, &t->head, &cells)) {
        done = take_lane(t, &cells);
    }
    done = done && take_in_flight(t) && take_more(t);
    t->part->series_count += t->last != NULL;
    return done;
}

bool tacho__part_take_series(const tacho__view *view, tacho__part *part) {
    taking *t = tacho__calloc(1, sizeof *t);
    bool done = t != NULL;
    const uint32_t count = tacho__view_series_count(view);
    if (t) {
        t->view = view;
        t->part = part;
        done = tacho__series_store_expect(part->store, count);
    }
    for (uint32_t i = 0; i < count && done; i++) {
        tacho__view_expect_series(view, i + AHEAD);
        done = !tacho__view_series_head(view, i, &t->head) || take_series(t);
    }
    tacho__free(t);
    return done;
}
