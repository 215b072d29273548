/**
 * Booking of plain operations: nothing but names, times, a parent and components, and a duration between those already
 * seen. Most operations are. The numbers are those of the general case (book.c); only the way to them is shorter.
 */
#include "collect/compose.h"
#include "segment/ring.h"
#include "segment/window.h"

/* Nothing but a name, times, a parent, components: no usage, no failure, no children, nothing for its parent. */
static inline bool is_plain(const tacho__lane *lane, const tacho__op *op) {
    const uint32_t usual = TACHO__RECORD_WALL | TACHO__RECORD_ON_PARENT | TACHO__RECORD_MORE | TACHO__RECORD_NOTES;
    return (op->flags & ~usual) == TACHO__RECORD_TIMED && op->outcome == TACHO_OUTCOME_OK &&
           op->kind != TACHO_KIND_TOOL &&
           (op->slot == TACHO__NO_SLOT || tacho__get_half(&lane->segment->open[op->slot].had_child) == 0);
}

/* What a plain operation adds to its session. */
static inline void put_session(const tacho__op *op, tacho__session_cell *cell, tacho__set *set, unsigned group,
                               uint64_t duration_ns) {
    const uint64_t end = tacho__stamp(op->end_ns), begin = ~tacho__stamp(op->begin_ns);
    tacho__set_count(set, &cell->ok[group]);
    if (end > tacho__get(&cell->latest_end)) {
        tacho__set_word(set, &cell->latest_end, end);
    }
    if (__builtin_expect(begin > tacho__get(&cell->earliest_begin), 0)) {
        tacho__set_word(set, &cell->earliest_begin, begin);
    }
    if (group == TACHO__GROUP_STEP) {
        tacho__set_add(set, &cell->step_ns, duration_ns);
        tacho__set_count(set, &cell->timed_steps);
    } else if (op->kind == TACHO_KIND_LLM || op->kind == TACHO_KIND_EMBEDDING) {
        tacho__set_count(set, &cell->model_calls);
    }
}

/* A record of names, times and components. */
static inline void compose(tacho_collector *collector, tacho__lane *lane, const tacho__bound *bound,
                           const tacho__op *op, int64_t end_wall_ns, tacho__stored_record *out, uint64_t sequence) {
    const tacho__descriptor *descriptor = bound->descriptor;
    const bool other = descriptor->flags & (TACHO__SERIES_OTHER_MODEL | TACHO__SERIES_IS_OVERFLOW);
    const uint32_t flags = (op->flags & TACHO__OP_RECORD_FLAGS) | TACHO__RECORD_SHORT;
    tacho__record_begin(out);
    tacho__record_head(op, out, end_wall_ns);
    tacho__record_names(op, bound, other ? tacho__op_requested_model(collector, lane, op) : descriptor->model, out);
    tacho__record_store(out, offsetof(tacho__record, category),
                        tacho__record_pair((uint32_t)op->component_count << 16, flags));
    if (op->component_count) {
        tacho__record_components(op, out);
    }
    tacho__record_end(out, sequence);
}

bool tacho__op_book_plain(tacho_collector *collector, tacho__lane *lane, tacho__op *op, int64_t end_wall_ns) {
    const tacho_series *series = op->series;
    const tacho__bound *bound = &lane->bound[series->slot];
    tacho__session_cell *cell = lane->cells[op->session_slot];
    const uint64_t duration_ns = (uint64_t)(op->end_ns - op->begin_ns);
    if (!is_plain(lane, op) || !cell || tacho__slowest_wants(lane, op->kind, duration_ns)) {
        return false;
    }
    bool below;
    tacho__half *bucket = tacho__bucket_of_usual(lane, bound, duration_ns, &below);
    if (!bucket) {
        return false;
    }
    tacho__sketch *sketch = &bound->block->duration;
    const bool window = tacho__window_find(&collector->writer, lane, bound->window);
    tacho__set set = tacho__set_begin(lane);
    tacho__set_half(&set, bucket, tacho__get_half(bucket) + 1);
    if (below) {
        tacho__set_half(&set, &sketch->low, tacho__get_half(&sketch->low) + 1);
    }
    tacho__set_add(&set, &sketch->sum, duration_ns);
    if (window) {
        tacho__window_put(&set, bound->window, op->end_ns, duration_ns);
    }
    put_session(op, cell, &set, series->group, duration_ns);
    uint64_t sequence;
    tacho__stored_record *place = tacho__ring_place(lane, &set, &sequence);
    if (place) {
        compose(collector, lane, bound, op, end_wall_ns, place, sequence);
    }
    tacho__open_close(lane, &set, op);
    tacho__set_commit_sorted(&set, lane->redo, lane->base, 1u + below);
    tacho__open_return(collector, lane, op);
    tacho__lane_leave(&collector->writer, lane);
    return true;
}
