/** Finished operations after the fact, the fastest count, and binding. */
#include "base/text.h"
#include "collect/operation.h"

#include <string.h>

/* ------------------------------------------------------------------------------------------------------------- bind */

static const char *clean(const char *text, char out[TACHO__TEXT_CAP + 1]) {
    out[text ? tacho__text_clean(text, strlen(text), out) : 0] = 0;
    return out;
}

/* Texts of a call to bind, clean. Large: only on the slow path. */
typedef struct bind_texts {
    char name[TACHO__TEXT_CAP + 1], provider[TACHO__TEXT_CAP + 1], model[TACHO__TEXT_CAP + 1];
    char value[TACHO__TAGS][TACHO__TEXT_CAP + 1];
} bind_texts;

/* Declared tags in the order of their declaration, so that the order of a call does not make another series. */
static void bind_tags(tacho_collector *collector, const tacho_labels *labels, bind_texts *texts, tacho__names *names) {
    uint32_t known = 0;
    for (uint32_t declared = 0; declared < collector->tag_count; ++declared) {
        for (uint32_t i = 0; i < labels->tag_count; ++i) {
            const tacho_tag *tag = &labels->tags[i];
            if (!tag->name || !tag->value || strcmp(tag->name, collector->tag_names[declared]) != 0) {
                continue;
            }
            char *value = texts->value[names->tag_count];
            clean(tag->value, value);
            names->tag_name[names->tag_count] = collector->tag_names[declared];
            names->tag_value[names->tag_count++] = value;
            ++known;
            break;
        }
    }
    for (; known < labels->tag_count; ++known) {
        tacho__count(collector, TACHO__DROP_TAG_UNDECLARED);
    }
}

/* A series that exists, which is the usual case: found without keeping signals away. */
static tacho_series *bind_known(tacho_collector *collector, const tacho__names *names) {
    if (!tacho__writer_lock_to_look(&collector->writer)) {
        return NULL;
    }
    tacho_series *series = tacho_series_retain(tacho__series_look_up(collector, names));
    const bool lost = series && !series->used; /* to a reset by a signal handler, between the two calls above */
    tacho__writer_unlock(&collector->writer);
    if (lost) {
        tacho_series_release(series);
    }
    return lost ? NULL : series;
}

tacho_status tacho_bind(tacho_collector *collector, tacho_kind kind, const char *name, const tacho_labels *labels,
                        tacho_series **out) {
    if (!out) {
        return TACHO_INVALID;
    }
    *out = NULL;
    if (!collector) {
        return TACHO_OK;
    }
    bind_texts texts;
    tacho__names names = {.type = TACHO__TYPE_OPERATION, .kind = (uint8_t)kind, .component = ""};
    names.name = clean(name, texts.name);
    if ((unsigned)kind >= TACHO_KIND_COUNT || *names.name == 0) {
        tacho__count(collector, TACHO__DROP_INVALID);
        return TACHO_INVALID;
    }
    const bool labelled = labels && labels->struct_size >= sizeof *labels;
    names.provider =
        clean(labelled && labels->provider ? tacho__provider_name(labels->provider) : NULL, texts.provider);
    names.model = clean(labelled ? labels->model : NULL, texts.model);
    if (labelled && labels->tags) {
        bind_tags(collector, labels, &texts, &names);
    }
    *out = bind_known(collector, &names);
    if (*out) {
        return TACHO_OK;
    }
    if (!tacho__writer_lock(&collector->writer, NULL)) {
        return TACHO_NOMEM;
    }
    *out = tacho_series_retain(tacho__series_intern(collector, &names)); /* before a reset could give it up */
    tacho__writer_unlock(&collector->writer);
    return TACHO_OK;
}

tacho_series *tacho_series_retain(tacho_series *series) {
    if (series) {
        tacho_collector_retain(series->collector);
        atomic_fetch_add_explicit(&series->references, 1, memory_order_relaxed);
    }
    return series;
}

void tacho_series_release(tacho_series *series) {
    if (series) {
        tacho_collector *collector = series->collector; /* read before a reset may give the slot to another series */
        atomic_fetch_sub_explicit(&series->references, 1, memory_order_release);
        tacho_collector_close(collector);
    }
}

/* ----------------------------------------------------------------------------------------------------------- record */

static bool read_finished(const tacho_finished *given, tacho_finished *out) {
    *out = (tacho_finished)TACHO_FINISHED_INIT;
    if (!given || given->struct_size < offsetof(tacho_finished, ended_at_ns) || given->struct_size > 4096) {
        return false;
    }
    memcpy(out, given, given->struct_size < sizeof *out ? given->struct_size : sizeof *out);
    const bool timed = out->duration_ns != TACHO_DURATION_UNKNOWN;
    return out->outcome < TACHO_OUTCOME_COUNT && out->category < TACHO_CATEGORY_COUNT &&
           (!timed || out->duration_ns <= TACHO__DURATION_MOST) &&
           (out->cost_pusd >= 0 || out->cost_pusd == TACHO_COST_UNKNOWN) &&
           (out->component_count == 0 || out->components) && (out->metadata_count == 0 || out->metadata);
}

static uint32_t clamp(uint64_t value) {
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static void fill_times(tacho_collector *collector, const tacho__lane *lane, tacho__op *op,
                       const tacho_finished *finished) {
    op->end_ns = finished->ended_at_ns ? tacho__segment_mono(lane->segment, finished->ended_at_ns)
                                       : (int64_t)tacho__now(&collector->clock);
    op->begin_ns = op->end_ns;
    if (finished->ended_at_ns) {
        op->flags |= TACHO__RECORD_WALL;
    }
    if (finished->duration_ns == TACHO_DURATION_UNKNOWN) {
        return;
    }
    /* A duration reaches back at most to the beginning of what 64 bits can tell. */
    if (__builtin_sub_overflow(op->end_ns, (int64_t)finished->duration_ns, &op->begin_ns)) {
        op->begin_ns = INT64_MIN + 1;
        op->end_ns = op->begin_ns + (int64_t)finished->duration_ns;
    }
    op->flags |= TACHO__RECORD_TIMED;
    if (finished->first_token_ns && finished->first_token_ns <= TACHO__DURATION_MOST) {
        op->first_token_ns = op->begin_ns + (int64_t)finished->first_token_ns;
        op->flags |= TACHO__RECORD_FIRST_TOKEN;
    }
}

static void fill_rest(tacho_collector *collector, tacho__lane *lane, tacho__op *op, const tacho_finished *finished) {
    op->category = finished->category & 15u;
    op->error_type = tacho__lane_text(collector, lane, finished->error_type);
    op->tool = tacho__lane_text(collector, lane, finished->tool);
    op->retries = finished->retries;
    op->interventions = finished->interventions;
    op->warnings = finished->warnings;
    op->context_size = clamp(finished->context_size);
    op->context_limit = clamp(finished->context_limit);
    op->compactions = finished->compressed != 0;
    if (op->retries | op->interventions | op->warnings | op->context_size | op->context_limit | op->compactions) {
        op->flags |= TACHO__OP_TOLD;
    }
    tacho__op_conclude(op, finished->outcome);
    if (finished->cost_pusd != TACHO_COST_UNKNOWN) {
        op->flags |= TACHO__OP_COST | TACHO__OP_COST_GIVEN;
        op->cost_pusd = op->reported_pusd = finished->cost_pusd;
        op->cost_state = TACHO_COST_STATE_REPORTED;
    }
}

/* False: a count that was named is wrong. */
static bool fill_usage(tacho_collector *collector, tacho__lane *lane, tacho__op *op, const tacho_finished *finished) {
    tacho_usage usage;
    if (finished->response) {
        tacho__op_response(collector, lane, op, finished->response);
        return !tacho__response_is_wrong(finished->response);
    }
    if (finished->usage && tacho_usage_normalise(finished->usage, &usage) == TACHO_OK) {
        tacho__op_usage(collector, lane, op, &usage);
        return !tacho__usage_is_wrong(usage.faults);
    }
    return true;
}

static bool record(tacho_series *series, const tacho_finished *finished, tacho__lane *lane) {
    tacho_collector *collector = series->collector;
    tacho__op op TACHO__UNINITIALIZED;
    tacho__op_init(&op, series, lane);
    tacho__op_adopt(lane, &op, finished->parent ? tacho__op_of_const(finished->parent) : NULL);
    tacho__op_join(collector, lane, &op, finished->session);
    fill_times(collector, lane, &op, finished);
    fill_rest(collector, lane, &op, finished);
    const bool right = fill_usage(collector, lane, &op, finished);
    if (finished->description) {
        tacho__op_describe(lane, &op, finished->description);
    }
    if (finished->metadata_count) {
        tacho__op_metadata(lane, &op, finished->metadata, finished->metadata_count);
    }
    for (uint32_t i = 0; lane && i < finished->component_count; ++i) {
        const tacho_component *component = &finished->components[i];
        if (component->name && *component->name && component->duration_ns <= TACHO__DURATION_MOST) {
            lane = tacho__op_component(collector, lane, &op, component->name, component->duration_ns);
        }
    }
    if (lane) {
        tacho__op_book(collector, lane, &op, finished->ended_at_ns);
    }
    return right;
}

tacho_status tacho_record(tacho_series *series, const tacho_finished *given) {
    if (!series || !tacho__is_enabled(series->collector)) {
        return TACHO_OK;
    }
    tacho_finished finished;
    if (!read_finished(given, &finished)) {
        tacho__count(series->collector, TACHO__DROP_INVALID);
        return TACHO_INVALID;
    }
    tacho__lane *lane = tacho__lane_enter(&series->collector->writer);
    return !lane || record(series, &finished, lane) ? TACHO_OK : TACHO_INVALID;
}

/* ---------------------------------------------------------------------------------------------------------- observe */

/* A first use, a new extreme or octave, an unusual value, no room: the long way. No record comes of it either. */
static bool observe_in(tacho_collector *collector, tacho__lane *lane, tacho_series *series, uint64_t duration_ns) {
    tacho__writer *writer = &collector->writer;
    const tacho__bound *bound = tacho__series_bound(collector, lane, series);
    const tacho__session_place place = tacho__session_find(collector, lane, &collector->session);
    tacho__session_cell *cell = bound ? tacho__session_cell_find(writer, lane, place.slot) : NULL;
    if (!cell) {
        return false;
    }
    const bool overflow = bound->descriptor->flags & TACHO__SERIES_IS_OVERFLOW;
    tacho__sketch *sketch = &bound->block->duration;
    tacho__spot spot;
    if (!tacho__spot_find(writer, lane, sketch, series->grid, duration_ns, overflow, &spot)) {
        return false;
    }
    tacho__set set = tacho__set_begin(lane);
    tacho__spot_put(&set, &spot);
    tacho__set_count(&set, &cell->ok[series->group]);
    tacho__lane_commit(lane, &set);
    tacho__bound_quicken(&lane->bound[series->slot], &cell->ok[series->group]);
    return true;
}

__attribute__((noinline)) static tacho_status observe_slowly(tacho_series *series, uint64_t duration_ns) {
    tacho_collector *collector = series->collector;
    if (!tacho__is_enabled(collector)) {
        return TACHO_OK;
    }
    if (duration_ns > TACHO__DURATION_MOST) {
        tacho__count(collector, TACHO__DROP_NEGATIVE);
        return TACHO_INVALID;
    }
    tacho__writer *writer = &collector->writer;
    tacho__lane *lane = tacho__lane_enter(writer);
    if (lane && !observe_in(collector, lane, series, duration_ns)) {
        const bool reentrant = lane->reentrant;
        tacho__drop_count(lane->segment, TACHO__DROP_SEGMENT_FULL);
        if (!lane->shared) {
            tacho__lane_leave(writer, lane);
            lane = tacho__lane_enter_shared(writer, reentrant);
        }
        if (lane && !observe_in(collector, lane, collector->overflow[series->names.kind], duration_ns)) {
            tacho__drop_count(lane->segment, TACHO__DROP_LOST);
        }
    }
    if (lane) {
        tacho__lane_leave(writer, lane);
    }
    return TACHO_OK;
}

tacho_status tacho_observe(tacho_series *series, uint64_t duration_ns) {
    if (__builtin_expect(!series, 0)) {
        return TACHO_OK;
    }
    /* As tacho__lane_enter, but with everything unusual left to one call at the end, so that no register is saved. */
    const tacho__writer *writer = &series->collector->writer;
    if (__builtin_expect(!tacho__lane_is_cached(writer), 0)) {
        return observe_slowly(series, duration_ns);
    }
    tacho__lane *lane = tacho__lane_cached.lane;
    const uint64_t before = atomic_load_explicit(&lane->state, memory_order_relaxed);
    atomic_store_explicit(&lane->state, TACHO__LANE_BUSY, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    if (__builtin_expect(before != atomic_load_explicit(&writer->gate, memory_order_acquire), 0)) {
        atomic_store_explicit(&lane->state, before, memory_order_relaxed);
        return observe_slowly(series, duration_ns);
    }
    const bool done = tacho__count_duration(lane, &lane->bound[series->slot], duration_ns);
    atomic_store_explicit(&lane->state, before, memory_order_release);
    return __builtin_expect(done, 1) ? TACHO_OK : observe_slowly(series, duration_ns);
}
