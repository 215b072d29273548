#include "collect/operation.h"

#include "base/text.h"
#include "base/traceparent.h"

#include <string.h>

/* ------------------------------------------------------------------------------------------------ texts and resets */

/* A text that is new, or was not clean: cleaning it again each time needs less than the lock does. */
__attribute__((noinline)) static tacho__line text_as_stored(tacho_collector *collector, tacho__lane *lane,
                                                            const char *text, size_t length) {
    char clean[TACHO__TEXT_CAP + 1];
    const size_t kept = tacho__text_clean(text, length, clean);
    tacho__line line = tacho__segment_find(lane->segment, clean, kept);
    if (line == 0 && atomic_load_explicit(&lane->segment->detail_texts_over, memory_order_relaxed)) {
        tacho__drop_count(lane->segment, TACHO__DROP_STRING_REFUSED);
    } else if (line == 0 && kept != 0 && tacho__writer_lock(&collector->writer, lane)) {
        line = tacho__segment_intern(lane->segment, clean, kept, TACHO__POCKET_DETAIL);
        tacho__writer_unlock(&collector->writer);
    }
    return line;
}

tacho__line tacho__lane_text(tacho_collector *collector, tacho__lane *lane, const char *text) {
    if (!text || !*text) {
        return 0;
    }
    const size_t length = strlen(text);
    const tacho__line line = tacho__segment_find(lane->segment, text, length);
    return line ? line : text_as_stored(collector, lane, text, length);
}

tacho__line tacho__op_requested_model(tacho_collector *collector, tacho__lane *lane, const tacho__op *op) {
    const char *model = op->series->names.model;
    if (!*model) {
        return 0;
    }
    const tacho__bound *bound = &lane->bound[op->series->slot];
    if (bound->block && bound->descriptor->model && !(bound->descriptor->flags & TACHO__SERIES_OTHER_MODEL)) {
        return bound->descriptor->model;
    }
    return tacho__lane_text(collector, lane, model);
}

/* A text of the generation before the last reset, in the new segment; 0 when that generation is gone. */
static tacho__line carry_text(const tacho_collector *collector, tacho__lane *lane, const tacho__op *op,
                              tacho__line line) {
    const tacho__segment *before = collector->writer.previous;
    if (line == 0 || !before || (uint32_t)before->generation != op->generation) {
        return 0;
    }
    const char *text = tacho__segment_text(before, line);
    return tacho__segment_intern(lane->segment, text, strlen(text), TACHO__POCKET_DETAIL);
}

static void carry_session(tacho_collector *collector, tacho__lane *lane, tacho__op *op) {
    const tacho__segment *before = collector->writer.previous;
    const char *id = collector->session.id;
    if (op->session && before && (uint32_t)before->generation == op->generation) {
        id = tacho__segment_text(before, op->session);
    }
    const tacho__session_place place = tacho__session_place_of(collector, lane->segment, id, false);
    op->session = place.id;
    op->session_slot = place.slot;
}

/* Begun in the process that this one was forked from: the parent ends it. */
static void end_foreign(tacho__op *op) {
    const uint32_t before = atomic_exchange_explicit(&op->state, TACHO__OP_ENDED, memory_order_relaxed);
    if (before == TACHO__OP_OPEN || before == TACHO__OP_ENDING) {
        tacho__writer_count_foreign(op->serial);
    }
}

static bool is_foreign(const tacho__op *op) {
    return op->serial != atomic_load_explicit(&op->series->collector->writer.serial, memory_order_relaxed);
}

/* Nothing of the old generation is kept: what it names is not in this segment. Needs no lock. */
static void leave_behind(tacho_collector *collector, const tacho__lane *lane, tacho__op *op) {
    op->series = collector->overflow[op->kind];
    op->stamp = op->series->stamp;
    op->picked = NULL;
    op->session = op->model = op->provider = op->tool = op->error_type = 0;
    op->session_slot = 0;
    op->slot = op->parent_slot = TACHO__NO_SLOT;
    op->component_count = op->note_units = 0;
    op->flags &= ~(TACHO__OP_UNLISTED | TACHO__RECORD_NOTES | TACHO__OP_MODEL);
    op->generation = (uint32_t)lane->segment->generation;
    tacho__drop_count(lane->segment, TACHO__DROP_STALE_SERIES);
}

bool tacho__op_carry(tacho_collector *collector, tacho__lane *lane, tacho__op *op) {
    if (is_foreign(op)) { /* a fork that no handler announced */
        end_foreign(op);
        return false;
    }
    if (!tacho__writer_lock(&collector->writer, lane)) { /* a signal handler that must not wait */
        leave_behind(collector, lane, op);
        return true;
    }
    if (!op->series->used || op->series->stamp != op->stamp) {
        op->series = collector->overflow[op->kind];
        op->stamp = op->series->stamp;
        tacho__drop_count(lane->segment, TACHO__DROP_STALE_SERIES);
    }
    carry_session(collector, lane, op);
    op->model = carry_text(collector, lane, op, op->model);
    op->provider = carry_text(collector, lane, op, op->provider);
    op->tool = carry_text(collector, lane, op, op->tool);
    op->error_type = carry_text(collector, lane, op, op->error_type);
    op->generation = (uint32_t)lane->segment->generation;
    tacho__writer_unlock(&collector->writer);
    op->picked = NULL;
    op->slot = op->parent_slot = TACHO__NO_SLOT;
    op->flags &= ~TACHO__OP_UNLISTED;
    op->flags &= ~TACHO__RECORD_NOTES; /* they stay behind */
    op->note_units = 0;
    if (op->component_count) { /* their series are numbered anew */
        op->component_count = 0;
        op->flags |= TACHO__RECORD_MORE;
    }
    if (op->flags & TACHO__OP_MODEL) {
        op->picked = tacho__series_pick(collector, lane, op->series, tacho__segment_text(lane->segment, op->provider),
                                        tacho__segment_text(lane->segment, op->model));
    }
    return true;
}

tacho__lane *tacho__op_enter(tacho__op *op) {
    if (!op || atomic_load_explicit(&op->state, memory_order_relaxed) != TACHO__OP_OPEN ||
        !tacho__writer_lives(op->serial)) {
        return NULL;
    }
    tacho_collector *collector = op->series->collector;
    if (!tacho__is_enabled(collector)) {
        return NULL;
    }
    tacho__lane *lane = tacho__lane_enter(&collector->writer);
    if (lane && op->generation != (uint32_t)lane->segment->generation && !tacho__op_carry(collector, lane, op)) {
        tacho__lane_leave(&collector->writer, lane);
        return NULL;
    }
    return lane;
}

/* ------------------------------------------------------------------------------------------------------------ begin */

/* The upper half is random per lane only; the lower one is per operation. */
static inline void start_trace(tacho__lane *lane, tacho__op *op) {
    op->trace[0] = lane->random[1] + op->id;
    op->trace[1] = tacho__lane_random(lane) | 1; /* never all zero */
}

void tacho__op_adopt(tacho__lane *lane, tacho__op *op, const tacho__op *parent) {
    op->session = 0;
    const uint32_t state = parent ? atomic_load_explicit(&parent->state, memory_order_acquire) : TACHO__OP_NONE;
    if (state == TACHO__OP_NONE) {
        start_trace(lane, op);
        return;
    }
    op->parent = parent->id;
    op->trace[0] = parent->trace[0];
    op->trace[1] = parent->trace[1];
    if (parent->serial != op->serial || parent->generation != (uint32_t)lane->segment->generation) {
        return;
    }
    op->session = parent->session;
    op->session_slot = parent->session_slot;
    if (state == TACHO__OP_OPEN && parent->slot != TACHO__NO_SLOT) {
        op->parent_slot = parent->slot;
        tacho__put_half(&lane->segment->open[parent->slot].had_child, 1);
    }
}

__attribute__((noinline)) static void follow_trace(tacho__lane *lane, tacho__op *op, const char *text) {
    tacho__traceparent trace;
    if (tacho__traceparent_parse(text, strlen(text), &trace) != TACHO_OK) {
        tacho__drop_count(lane->segment, TACHO__DROP_TRACEPARENT_INVALID);
        return;
    }
    op->trace[0] = trace.trace_high;
    op->trace[1] = trace.trace_low;
    op->parent = op->parent ? op->parent : trace.parent;
}

tacho_status tacho_traceparent_check(const char *text) {
    tacho__traceparent trace;
    return text && tacho__traceparent_parse(text, strlen(text), &trace) == TACHO_OK ? TACHO_OK : TACHO_INVALID;
}

static inline void join_own(tacho_collector *collector, tacho__lane *lane, tacho__op *op) {
    if (__builtin_expect(lane->own_session == 0, 0)) {
        lane->own_session = tacho__session_find(collector, lane, &collector->session).id;
    }
    op->session = lane->own_session;
    op->session_slot = 0;
}

void tacho__op_join(tacho_collector *collector, tacho__lane *lane, tacho__op *op, tacho_session *session) {
    if (!session && op->session) {
        return;
    }
    if (!session || session->collector != collector) {
        join_own(collector, lane, op);
        return;
    }
    const tacho__session_place place = tacho__session_find(collector, lane, session);
    op->session = place.id;
    op->session_slot = place.slot;
}

/* Nobody had a lane for it. */
__attribute__((noinline)) static tacho_status begin_unrecorded(tacho_series *series, tacho__op *op) {
    tacho__op_init(op, series, TACHO__LANE_NONE);
    op->trace[0] = op->trace[1] = 0;
    op->session = op->session_slot = 0;
    op->begin_ns = op->end_ns = 0;
    return TACHO_OK;
}

/* Twice in the code: tacho_begin's has none of what only options can tell. */
__attribute__((always_inline)) static inline tacho_status begin(tacho_series *series, const tacho__op *parent,
                                                                tacho_session *session, const char *traceparent,
                                                                const char *description, tacho__op *op) {
    tacho_collector *collector = series->collector;
    tacho__lane *lane = tacho__lane_enter(&collector->writer);
    if (__builtin_expect(!lane, 0)) {
        return begin_unrecorded(series, op);
    }
    tacho__op_init(op, series, lane); /* after entering, which may have made this process the writer */
    if (parent || session) {
        tacho__op_adopt(lane, op, parent);
        tacho__op_join(collector, lane, op, session);
    } else {
        start_trace(lane, op);
        join_own(collector, lane, op);
    }
    if (traceparent) {
        follow_trace(lane, op, traceparent);
    }
    if (description) {
        tacho__op_describe(lane, op, description);
    }
    tacho__series_bound(collector, lane, series); /* the first use is paid here, not in the measured time */
    op->begin_ns = (int64_t)tacho__now(&collector->clock);
    tacho__open_claim(collector, lane, op);
    tacho__lane_leave(&collector->writer, lane);
    atomic_store_explicit(&op->state, TACHO__OP_OPEN, memory_order_release);
    return TACHO_OK;
}

__attribute__((noinline)) static tacho_status begin_nothing(tacho__op *op) {
    if (op) {
        memset(op, 0, sizeof *op);
    }
    return op ? TACHO_OK : TACHO_INVALID;
}

tacho_status tacho_begin(tacho_series *series, const tacho_operation *parent, tacho_operation *operation) {
    tacho__op *op = tacho__op_of(operation);
    if (!op || !series || !tacho__is_enabled(series->collector)) {
        return begin_nothing(op);
    }
    return begin(series, tacho__op_of_const(parent), NULL, NULL, NULL, op);
}

tacho_status tacho_begin_with(tacho_series *series, const tacho_begin_options *options, tacho_operation *operation) {
    tacho__op *op = tacho__op_of(operation);
    if (!op || !series || !tacho__is_enabled(series->collector)) {
        return begin_nothing(op);
    }
    if (!options || options->struct_size < offsetof(tacho_begin_options, description)) {
        return begin(series, NULL, NULL, NULL, NULL, op);
    }
    const bool described = options->struct_size >= sizeof *options;
    return begin(series, tacho__op_of_const(options->parent), options->session, options->traceparent,
                 described ? options->description : NULL, op);
}

/* -------------------------------------------------------------------------------------------------------------- end */

/* One winner among all who end it (semantics 8). Under a lock of the host's there is only one at a time. */
static bool win_end(tacho__op *op, const tacho_collector *collector) {
    uint32_t open = TACHO__OP_OPEN;
    if (collector->writer.serialized) {
        if (atomic_load_explicit(&op->state, memory_order_relaxed) != open) {
            return false;
        }
        atomic_store_explicit(&op->state, TACHO__OP_ENDING, memory_order_relaxed);
        return true;
    }
    return atomic_compare_exchange_strong_explicit(&op->state, &open, TACHO__OP_ENDING, memory_order_acquire,
                                                   memory_order_relaxed);
}

/* What a timeout may be besides: availability (semantics 29) is then a sum over categories. */
static uint8_t timeout_category(uint8_t category) {
    bool stays = category == TACHO_CATEGORY_NETWORK || category == TACHO_CATEGORY_RATE_LIMIT ||
                 category == TACHO_CATEGORY_PROVIDER;
    return stays ? category : (uint8_t)TACHO_CATEGORY_TIMEOUT;
}

void tacho__op_conclude(tacho__op *op, unsigned outcome) {
    if (outcome == TACHO_OUTCOME_OK && op->flags & TACHO__OP_FAILED) {
        outcome = op->category == TACHO_CATEGORY_TIMEOUT ? TACHO_OUTCOME_TIMEOUT : TACHO_OUTCOME_ERROR;
    }
    op->outcome = outcome & 15u;
    if (outcome == TACHO_OUTCOME_OK) {
        op->category = TACHO_CATEGORY_NONE;
        op->error_type = 0;
    } else if (outcome == TACHO_OUTCOME_TIMEOUT) {
        op->category = timeout_category(op->category) & 15u;
    } else if (outcome != TACHO_OUTCOME_ERROR) {
        op->category = TACHO_CATEGORY_NONE; /* cancelled, aborted: nothing failed */
    } else if (op->category == TACHO_CATEGORY_NONE) {
        op->category = TACHO_CATEGORY_OTHER;
    }
}

static void finish(tacho__op *op, tacho_collector *collector, tacho_outcome outcome, int64_t now) {
    op->end_ns = now > op->begin_ns ? now : op->begin_ns;
    if (outcome != TACHO_OUTCOME_OK || op->flags & TACHO__OP_FAILED) {
        tacho__op_conclude(op, outcome);
    }
    op->flags |= TACHO__RECORD_TIMED;
    tacho__lane *lane = tacho__lane_enter(&collector->writer);
    if (!lane) {
        return;
    }
    if (op->generation != (uint32_t)lane->segment->generation && !tacho__op_carry(collector, lane, op)) {
        tacho__lane_leave(&collector->writer, lane);
        return;
    }
    if (tacho__is_enabled(collector)) {
        tacho__op_book(collector, lane, op, 0);
        return;
    }
    tacho__open_free(collector, lane, op);
    tacho__lane_leave(&collector->writer, lane);
}

tacho_status tacho_end(tacho_operation *operation, tacho_outcome outcome) {
    tacho__op *op = tacho__op_of(operation);
    if (!op || op->serial == 0) {
        return TACHO_OK;
    }
    if (!tacho__writer_lives(op->serial)) { /* its collector is closed, or this is a forked child */
        end_foreign(op);
        return TACHO_OK;
    }
    tacho_collector *collector = op->series->collector;
    const int64_t now = (int64_t)tacho__now(&collector->clock);
    if ((unsigned)outcome >= TACHO_OUTCOME_COUNT) {
        tacho__count(collector, TACHO__DROP_INVALID);
        return tacho__misuse(collector, TACHO_INVALID);
    }
    if (!win_end(op, collector)) {
        if (atomic_load_explicit(&op->state, memory_order_relaxed) == TACHO__OP_NONE) {
            return TACHO_OK;
        }
        tacho__count(collector, TACHO__DROP_SECOND_END);
        return tacho__misuse(collector, TACHO_ENDED);
    }
    finish(op, collector, outcome, now);
    atomic_store_explicit(&op->state, TACHO__OP_ENDED, memory_order_release);
    return TACHO_OK;
}
