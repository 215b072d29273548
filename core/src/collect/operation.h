/**
 * An operation in flight, and one that is being booked: tacho_operation's opaque words.
 *
 * It holds nothing of a lane, so any thread may end it; texts and slots are of the generation it remembers, and a reset
 * in between makes the next call carry them over. A finished operation that is recorded after the fact takes the same
 * path: it is filled in on the stack of tacho_record and booked.
 */
#ifndef TACHO_COLLECT_OPERATION_H
#define TACHO_COLLECT_OPERATION_H

#include "collect/collector.h"

#define TACHO__LAST_COUNTS 7u

enum { TACHO__OP_NONE, TACHO__OP_OPEN, TACHO__OP_ENDING, TACHO__OP_ENDED };

/* Bits of `flags`; those below 0x10000 are the flags of the record. */
#define TACHO__OP_COST_GIVEN   0x10000u   /* tacho_operation_cost: wins over every other figure */
#define TACHO__OP_COST         0x20000u   /* cost_state and cost_pusd are set */
#define TACHO__OP_SEVERAL      0x40000u   /* usages of several responses were added; last_* is the newest of them */
#define TACHO__OP_LAST_WIDE    0x80000u   /* ... and it has more counts than `last` holds */
#define TACHO__OP_MODEL        0x100000u  /* the model or provider that answered is known: `picked` is set */
#define TACHO__OP_UNLISTED     0x400000u  /* in flight without an open slot */
#define TACHO__OP_FAILED       0x800000u  /* tacho_operation_fail was called */
#define TACHO__OP_CLAMPED      0x1000000u /* a count did not fit into 48 bits */
#define TACHO__OP_TOLD         0x2000000u /* retries, interventions, warnings, tools, a tool, a context or another model */
#define TACHO__OP_RECORD_FLAGS 0xFFFFu
#define TACHO__OP_SERVED_SHIFT 27 /* the upper bits: how the newest response was served, see price/served.h */

typedef struct tacho__op {
    _Atomic uint32_t state;
    uint8_t kind, component_count;
    uint8_t outcome : 4, category : 4;
    uint8_t note_units; /* room that the notes take so far, in TACHO__NOTE_ALIGN bytes */
    uint64_t serial;    /* of the writer; 0 in an operation that records nothing */
    tacho_series *series;
    tacho_series *picked;
    uint32_t stamp; /* of `series` */
    uint32_t generation;
    uint64_t id, parent, trace[2];
    int64_t begin_ns, end_ns;
    int64_t first_token_ns; /* mono; valid with the flag */
    tacho__line session, model, provider, tool, error_type;
    uint16_t session_slot, slot, parent_slot; /* open slots: TACHO__NO_SLOT = none */
    uint8_t cost_state, compactions;
    uint32_t flags;
    uint32_t retries, interventions, warnings, tool_calls;
    uint32_t context_size, context_limit;
    uint32_t present;
    uint32_t nonzero; /* units with a count; set with the usage flag, as `low` and `high` */
    uint32_t sheet, table_date;
    int64_t cost_pusd, reported_pusd, table_pusd; /* TACHO_COST_UNKNOWN */
    uint64_t response;                            /* hash of the newest response id; 0 = none */
    uint64_t components[TACHO__RECORD_COMPONENTS];
    uint64_t last[TACHO__LAST_COUNTS]; /* counts of the newest response: unit << 58 | count */
    uint32_t low[TACHO__UNITS];        /* counts, low halves and the 16 bits above them; set with the usage flag */
    uint16_t high[TACHO__UNITS];
} tacho__op;

static_assert(sizeof(tacho__op) <= sizeof(tacho_operation), "tacho__op must fit into tacho_operation");

#define TACHO__OP_COUNT_MOST ((UINT64_C(1) << 48) - 1)

static inline uint64_t tacho__op_count(const tacho__op *op, unsigned unit) {
    return op->low[unit] | (uint64_t)op->high[unit] << 32;
}
static inline void tacho__op_set_count(tacho__op *op, unsigned unit, uint64_t count) {
    if (__builtin_expect(count > TACHO__OP_COUNT_MOST, 0)) {
        count = TACHO__OP_COUNT_MOST;
        op->flags |= TACHO__OP_CLAMPED;
    }
    op->low[unit] = (uint32_t)count;
    op->high[unit] = (uint16_t)(count >> 32);
    op->nonzero = (op->nonzero & ~TACHO_UNIT_BIT(unit)) | (count ? TACHO_UNIT_BIT(unit) : 0);
}

static inline uint32_t tacho__op_served(const tacho__op *op) {
    return op->flags >> TACHO__OP_SERVED_SHIFT;
}
static inline void tacho__op_set_served(tacho__op *op, uint32_t served) {
    op->flags = (op->flags & ((1u << TACHO__OP_SERVED_SHIFT) - 1)) | served << TACHO__OP_SERVED_SHIFT;
}

static inline tacho__op *tacho__op_of(tacho_operation *operation) {
    return (tacho__op *)operation;
}
static inline const tacho__op *tacho__op_of_const(const tacho_operation *operation) {
    return (const tacho__op *)operation;
}

/**
 * An operation on `series` without usage, cost or slots; nothing is booked yet. Trace, session and times are left to
 * the caller. Field by field: for a memset of this size compilers choose a string instruction that costs more than all
 * the stores. `lane` NULL: it will not be recorded.
 */
static inline void tacho__op_init(tacho__op *op, tacho_series *series, tacho__lane *lane) {
    atomic_store_explicit(&op->state, TACHO__OP_NONE, memory_order_relaxed);
    op->kind = series->names.kind;
    op->outcome = op->category = 0;
    op->component_count = op->note_units = 0;
    op->serial = atomic_load_explicit(&series->collector->writer.serial, memory_order_relaxed);
    op->series = series;
    op->picked = NULL;
    op->stamp = series->stamp;
    op->generation = lane ? (uint32_t)lane->segment->generation : 0;
    op->id = lane ? tacho__lane_id(lane) : 0;
    op->parent = 0;
    op->model = op->provider = op->tool = op->error_type = 0;
    op->slot = op->parent_slot = TACHO__NO_SLOT;
    op->cost_state = op->compactions = 0;
    op->flags = 0;
    op->retries = op->interventions = op->warnings = op->tool_calls = 0;
    op->context_size = op->context_limit = 0;
    op->present = op->sheet = op->table_date = 0;
    op->cost_pusd = op->reported_pusd = op->table_pusd = TACHO_COST_UNKNOWN;
    op->response = 0;
}

/**
 * Enters the lane of the calling thread for an operation in flight and carries the operation over a reset if there was
 * one. NULL: not in flight, its collector is gone or disabled, or no lane could be had; the reason is counted.
 */
tacho__lane *tacho__op_enter(tacho__op *op);
/**
 * Carries texts, session and slots into the lane's segment. False: another process began the operation, this one was
 * forked from it since; it is ended here and counted (semantics 8).
 */
bool tacho__op_carry(tacho_collector *collector, tacho__lane *lane, tacho__op *op);

/** Sets outcome and category of an operation that is about to be booked, so that they agree. */
void tacho__op_conclude(tacho__op *op, unsigned outcome);
/** Books a component of `ns` on its series at once and lists it in `op`. Gives the lane it ends in, or NULL: left. */
tacho__lane *tacho__op_component(tacho_collector *collector, tacho__lane *lane, tacho__op *op, const char *name,
                                 uint64_t ns);
/** Line of the model that was asked for; 0 = none. */
tacho__line tacho__op_requested_model(tacho_collector *collector, tacho__lane *lane, const tacho__op *op);
/** Takes the parent's trace and session (NULL = root). */
void tacho__op_adopt(tacho__lane *lane, tacho__op *op, const tacho__op *parent);
/** The session that was asked for, else the parent's (adopted before), else the collector's. */
void tacho__op_join(tacho_collector *collector, tacho__lane *lane, tacho__op *op, tacho_session *session);
/** Picks the series by the model and provider that answered; empty texts change nothing. */
void tacho__op_answered_by(tacho_collector *collector, tacho__lane *lane, tacho__op *op, const char *provider,
                           const char *model);
/** Adds a usage (normalised); prices it at the begin of the operation. */
void tacho__op_usage(tacho_collector *collector, tacho__lane *lane, tacho__op *op, const tacho_usage *usage);
/** Adds all parts of a response as one report. */
void tacho__op_response(tacho_collector *collector, tacho__lane *lane, tacho__op *op, const tacho_response *response);

/** Books a plain operation (collect/plain.c); false, and nothing done, if it is not plain. Leaves the lane if it is. */
bool tacho__op_book_plain(tacho_collector *collector, tacho__lane *lane, tacho__op *op, int64_t end_wall_ns);
/** The same for the usual model call (collect/model_call.c). */
bool tacho__op_book_model_call(tacho_collector *collector, tacho__lane *lane, tacho__op *op, int64_t end_wall_ns);
/** Books any operation (collect/book.c). Leaves the lane. */
void tacho__op_book_any(tacho_collector *collector, tacho__lane *lane, tacho__op *op, int64_t end_wall_ns);

/**
 * Books a finished operation as one set: `outcome`, `end_ns` and everything else stand in `op`. Leaves the lane. What
 * finds no room goes to the overflow series in the shared lane. `end_wall_ns`: Unix time of the end as the caller gave
 * it, else 0.
 */
static inline void tacho__op_book(tacho_collector *collector, tacho__lane *lane, tacho__op *op, int64_t end_wall_ns) {
    const bool done = op->flags & TACHO__RECORD_USAGE ? tacho__op_book_model_call(collector, lane, op, end_wall_ns)
                                                      : tacho__op_book_plain(collector, lane, op, end_wall_ns);
    if (!done) {
        tacho__op_book_any(collector, lane, op, end_wall_ns);
    }
}

/* ---- notes (notes.c) */

/** Adds notes of an operation that has an id; what does not fit is counted. The second gives TACHO_INVALID as
 * tacho_operation_metadata. */
void tacho__op_describe(tacho__lane *lane, tacho__op *op, const char *description);
tacho_status tacho__op_metadata(tacho__lane *lane, tacho__op *op, const tacho_note *notes, size_t count);
/** An event now, with one field; without a value nothing. */
void tacho__op_event(tacho__lane *lane, tacho__op *op, const char *name, const char *field, const char *value);
/** A component beyond the eighth. */
void tacho__op_more_component(tacho__lane *lane, tacho__op *op, const char *name, uint64_t ns);

/* ---- open slots (open.c) */

/** Writes an operation that begins into its slot, the id last. */
static inline void tacho__open_fill(tacho__lane *lane, const tacho__op *op) {
    const tacho__bound *bound = &lane->bound[op->series->slot];
    const uint32_t series = bound->block ? tacho__get_half(&bound->block->duration.series) : op->kind;
    const tacho__line model = bound->block ? bound->descriptor->model : 0;
    tacho__open_slot *slot = &lane->segment->open[op->slot];
    tacho__put(&slot->parent, op->parent);
    tacho__put(&slot->begin, (uint64_t)op->begin_ns);
    tacho__put(&slot->series, series | (uint64_t)op->session_slot << 32 | (uint64_t)op->kind << 48);
    tacho__put(&slot->texts, op->session | (uint64_t)model << 32);
    tacho__put(&slot->trace[0], op->trace[0]);
    tacho__put(&slot->trace[1], op->trace[1]);
    atomic_store_explicit(&slot->id, op->id, memory_order_release);
}

/* No slot on the stack, or one that had children. */
void tacho__open_claim_slow(tacho_collector *collector, tacho__lane *lane, tacho__op *op);

/** Lists an operation that begins. */
static inline void tacho__open_claim(tacho_collector *collector, tacho__lane *lane, tacho__op *op) {
    const uint32_t count = lane->open_free_count;
    const uint16_t number = count ? lane->open_free[count - 1] : 0;
    if (__builtin_expect(count == 0 || tacho__get_half(&lane->segment->open[number].had_child), 0)) {
        tacho__open_claim_slow(collector, lane, op);
        return;
    }
    lane->open_free_count = (uint16_t)(count - 1);
    op->slot = number;
    tacho__open_fill(lane, op);
}
/* An operation without a slot, or with the slot of another lane. */
void tacho__open_return_slow(tacho_collector *collector, tacho__lane *lane, tacho__op *op);

/** The set that books an operation also takes it off the list. */
static inline void tacho__open_close(const tacho__lane *lane, tacho__set *set, const tacho__op *op) {
    if (__builtin_expect(op->slot != TACHO__NO_SLOT, 1)) {
        tacho__set_close(set, &lane->segment->open[op->slot].id, op->id);
    }
}
/** Afterwards: the slot may be used again. */
static inline void tacho__open_return(tacho_collector *collector, tacho__lane *lane, tacho__op *op) {
    const uint16_t number = op->slot;
    if (__builtin_expect(number == TACHO__NO_SLOT || !(lane->open_chunks >> (number / TACHO__OPEN_CHUNK) & 1), 0)) {
        tacho__open_return_slow(collector, lane, op);
        return;
    }
    op->slot = TACHO__NO_SLOT;
    lane->open_free[lane->open_free_count++] = number;
}
/** Takes an operation off the list that is not booked. */
static inline void tacho__open_free(tacho_collector *collector, tacho__lane *lane, tacho__op *op) {
    if (op->slot != TACHO__NO_SLOT) {
        atomic_store_explicit(&lane->segment->open[op->slot].id, 0, memory_order_release);
    }
    tacho__open_return(collector, lane, op);
}

/** What descendants that have ended left in the slot of an operation. */
typedef struct tacho__inclusive {
    uint64_t input, output, booked, tools;
    int64_t cost_pusd;
    uint32_t states; /* bit per cost state */
} tacho__inclusive;

/** What the slot holds; false and untouched without a slot or children. */
bool tacho__open_read(const tacho__lane *lane, const tacho__op *op, tacho__inclusive *out);
/** Adds what an ended operation and its descendants booked to its parent's slot, if the parent is still in flight. */
void tacho__open_tell_parent(tacho__lane *lane, const tacho__op *op, const tacho__inclusive *sums);

/** Faults of whoever called, in counts that were named: negative, no number, too large. What can be booked is. */
static inline bool tacho__usage_is_wrong(uint32_t faults) {
    return (faults & (TACHO_USAGE_FAULT_NEGATIVE | TACHO_USAGE_FAULT_NOT_A_NUMBER | TACHO_USAGE_FAULT_TOO_LARGE)) != 0;
}
/** The same of a response: of one in a provider's dialect nobody here is to blame. */
static inline bool tacho__response_is_wrong(const tacho_response *response) {
    return !tacho_response_dialect(response) && tacho__usage_is_wrong(tacho_response_faults(response));
}

#endif
