/**
 * Booking of plain operations: nothing but names, times, a parent and components, and a duration between those already
 * seen. Most operations are. The numbers are those of the general case (book.c); only the way to them is shorter.
 */
#include "collect/compose.h"
#include "segment/ring.h"
#include "segment/window.h"

/* Kinds of which the session counts more: tools, and operations that should have had usage. */
#define COUNTED_KINDS (1u << TACHO_KIND_TOOL | 1u << TACHO_KIND_LLM | 1u << TACHO_KIND_EMBEDDING)

/* Nothing but a name, times, a parent, components: no usage, no failure, no children, nothing for its parent; and not
 * the first of its session. */
static inline bool is_plain(const tacho__lane *lane, const tacho__op *op, const tacho__session_cell *cell) {
    const uint32_t usual = TACHO__RECORD_WALL | TACHO__RECORD_ON_PARENT | TACHO__RECORD_MORE | TACHO__RECORD_NOTES;
    return lane->ring && (op->flags & ~usual) == TACHO__RECORD_TIMED && op->outcome == TACHO_OUTCOME_OK &&
           !(COUNTED_KINDS >> op->kind & 1) && ~tacho__stamp(op->begin_ns) <= tacho__get(&cell->earliest_begin) &&
           (op->slot == TACHO__NO_SLOT || tacho__get_half(&lane->segment->open[op->slot].had_child) == 0);
}

/* The entries of the set, each at a place that the compiler knows. */
typedef struct entries {
    tacho__redo_entry bucket, below, sum, ok, records;
    struct {
        tacho__word target, value[3]; /* latest_end, step_ns, timed_steps */
    } session;
    tacho__redo_entry window; /* last, because not every series has one */
} entries;

static_assert(offsetof(tacho__session_cell, timed_steps) - offsetof(tacho__session_cell, latest_end) ==
                  2 * sizeof(tacho__word),
              "a run");

static inline uint64_t larger(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static inline void put_word(const tacho__set *set, tacho__redo_entry *entry, const tacho__word *cell, uint64_t value) {
    tacho__put(&entry->target, tacho__set_target(set, cell));
    tacho__put(&entry->value, value);
}

static inline void put_half(const tacho__set *set, tacho__redo_entry *entry, const tacho__half *cell, uint32_t value) {
    tacho__put(&entry->target, tacho__set_target(set, cell) | TACHO__REDO_HALF);
    tacho__put(&entry->value, value);
}

/* What a plain operation adds to its session. False: a sum would saturate. */
static inline bool put_session(const tacho__set *set, entries *e, const tacho__op *op, const tacho__session_cell *cell,
                               unsigned group, uint64_t duration_ns) {
    const uint64_t end = tacho__stamp(op->end_ns);
    const bool step = group == TACHO__GROUP_STEP;
    put_word(set, &e->ok, &cell->ok[group], tacho__get(&cell->ok[group]) + 1);
    tacho__put(&e->session.target, tacho__set_target(set, &cell->latest_end) | TACHO__REDO_RUN(3));
    tacho__put(&e->session.value[0], larger(end, tacho__get(&cell->latest_end)));
    uint64_t step_ns;
    const bool full = __builtin_add_overflow(tacho__get(&cell->step_ns), step ? duration_ns : 0, &step_ns);
    tacho__put(&e->session.value[1], step_ns);
    tacho__put(&e->session.value[2], tacho__get(&cell->timed_steps) + step);
    return !full;
}

/* What the entries change. */
typedef struct cells {
    tacho__half *bucket;
    tacho__sketch *sketch;
    uint32_t count; /* what the bucket becomes: known last, so not read back from the set */
    uint64_t sum;
    tacho__session_cell *session;
    unsigned group;
    tacho__lane_window *window; /* NULL = none */
} cells;

static inline void commit(const tacho__set *set, tacho__lane *lane, const cells *c) {
    const entries *e = (const entries *)lane->redo->word;
    tacho__set_publish(set, lane->redo);
    tacho__put_half(c->bucket, c->count);
    tacho__put_half(&c->sketch->low, (uint32_t)tacho__get(&e->below.value));
    tacho__put(&c->sketch->sum, c->sum);
    tacho__put(&c->session->ok[c->group], tacho__get(&e->ok.value));
    tacho__redo_copy(&c->session->latest_end, e->session.value, 3);
    tacho__put(&lane->header->records, tacho__get(&e->records.value));
    if (c->window) {
        tacho__put(c->window->written, tacho__get(&e->window.value));
    }
    tacho__set_conclude(set, lane->redo);
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
    if (!cell || !is_plain(lane, op, cell) || !bound->block || tacho__slowest_wants(lane, op->kind, duration_ns)) {
        return false;
    }
    bool below;
    tacho__sketch *sketch = &bound->block->duration;
    cells c = {tacho__bucket_of_usual(lane, bound, duration_ns, &below), sketch, 0, 0, cell, series->group, NULL};
    if (!c.bucket || __builtin_add_overflow(tacho__get(&sketch->sum), duration_ns, &c.sum)) {
        return false;
    }
    c.count = tacho__get_half(c.bucket) + 1;
    c.window = tacho__window_find(&collector->writer, lane, bound->window) ? bound->window : NULL;
    tacho__set set = tacho__set_begin(lane);
    entries *e = (entries *)lane->redo->word;
    put_half(&set, &e->bucket, c.bucket, c.count);
    put_half(&set, &e->below, &sketch->low, tacho__get_half(&sketch->low) + below);
    put_word(&set, &e->sum, &sketch->sum, c.sum);
    if (!put_session(&set, e, op, cell, c.group, duration_ns)) {
        return false; /* nothing was published yet */
    }
    set.next = &e->window.target;
    if (c.window) {
        tacho__window_put(&set, c.window, op->end_ns, duration_ns);
    }
    const uint64_t sequence = lane->records + 1;
    put_word(&set, &e->records, &lane->header->records, sequence);
    compose(collector, lane, bound, op, end_wall_ns, tacho__ring_turn(lane), sequence);
    tacho__open_close(lane, &set, op);
    commit(&set, lane, &c);
    tacho__open_return(collector, lane, op);
    tacho__lane_leave(&collector->writer, lane);
    return true;
}
