/** Records and slowest records out of the copy: which of them are whole, and what they say. */
#include "base/hash.h"
#include "base/memory.h"
#include "segment/system.h"
#include "segment/view.h"

#include <string.h>

/* ------------------------------------------------------------------------------------------------------- collecting */

/* What stands now where the copy of `table` was taken from: memory, a second copy of the file, or the copy itself. */
static const uint8_t *look_again(const tacho__view *view, const tacho__slowest *table, const tacho__source *source,
                                 tacho__slowest *scratch) {
    const size_t offset = (size_t)((const uint8_t *)table - (const uint8_t *)view->words);
    if (source->live) {
        return source->live + offset;
    }
    if (source->file < 0) {
        return (const uint8_t *)table;
    }
    memset(scratch, 0, sizeof *scratch); /* what cannot be read again is not believed */
    (void)tacho__system_calls.read_at(source->file, scratch, sizeof *scratch, (off_t)offset);
    atomic_thread_fence(memory_order_acquire);
    return (const uint8_t *)scratch;
}

/* Whether the writer began to overwrite a record after it was copied: its sequence word is no longer the same. */
static bool is_steady(const tacho__stored_record *record, const void *now) {
    const tacho__stored_record *again = now;
    return atomic_load_explicit(&again->word[0], memory_order_acquire) == tacho__get(&record->word[0]);
}

static bool valid_capacity(uint32_t capacity) {
    return capacity == TACHO__RING_RECORDS || capacity == 256 || capacity == 64;
}

static void collect_ring(tacho__view *view, uint32_t number, const uint8_t *live) {
    const tacho__lane_header *lane = tacho__view_lane(view, number);
    const uint64_t written = view->heads.records[number];
    const uint32_t capacity = tacho__get_half(&lane->ring_capacity);
    view->info.records_lost += tacho__get(&lane->records_unkept);
    if (written == 0) {
        return;
    }
    const uint64_t lines = (uint64_t)capacity * TACHO__RECORD_BYTES / TACHO__LINE;
    const tacho__stored_record *ring =
        valid_capacity(capacity) ? tacho__view_lines(view, tacho__get_half(&lane->ring), lines) : NULL;
    if (!ring) {
        view->info.faults += 1;
        return;
    }
    const uint64_t first = written > capacity ? written - capacity + 1 : 1;
    uint64_t found = 0;
    for (uint64_t sequence = first; sequence <= written; ++sequence) {
        const tacho__stored_record *record = &ring[(sequence - 1) % capacity];
        const size_t offset = (size_t)((const uint8_t *)record - (const uint8_t *)view->words);
        if (tacho__get(&record->word[0]) == sequence && sequence >= view->heads.steady[number] &&
            (!live || is_steady(record, live + offset))) {
            view->record_lanes[view->record_count] = (uint8_t)number;
            view->records[view->record_count++] = record;
            ++found;
        }
    }
    view->info.records_lost += written - found;
}

static void collect_slowest(tacho__view *view, const tacho__lane_header *lane, const tacho__source *source,
                            tacho__slowest *scratch) {
    for (uint32_t kind = 0; kind < TACHO__KINDS; ++kind) {
        const tacho__line line = tacho__get_half(&lane->slowest[kind]);
        const tacho__slowest *table = tacho__view_lines(view, line, TACHO__SLOWEST_LINES);
        view->info.faults += line != 0 && !table;
        const uint8_t *again = table ? look_again(view, table, source, scratch) : NULL;
        for (uint32_t i = 0; table && i < TACHO__SLOWEST; ++i) {
            const uint64_t entry = tacho__get(&table->entry[i]);
            const uint32_t place = (uint32_t)(entry & 0xFF);
            if (place == 0 || place > TACHO__SLOWEST + 1) {
                continue;
            }
            const tacho__stored_record *record = &table->place[place - 1];
            const uint32_t series = (uint32_t)tacho__get(&record->word[offsetof(tacho__record, series) / 8]);
            const size_t offset = (size_t)((const uint8_t *)record - (const uint8_t *)table);
            if (tacho__get(&record->word[0]) == entry >> 8 && series < view->info.series &&
                is_steady(record, again + offset)) {
                view->slowest[view->slowest_count++] = record;
            }
        }
    }
}

static void collect_ended(tacho__view *view) {
    const tacho__stored_record *records = tacho__view_lines(view, view->ended_first, 1);
    for (uint32_t i = 0; i < view->ended_count; ++i) {
        if (tacho__get(&records[i].word[0]) != 0) {
            view->record_lanes[view->record_count] = TACHO__PLACE_ORPHAN;
            view->records[view->record_count++] = &records[i];
        } else {
            view->info.records_lost += 1;
        }
    }
}

tacho_status tacho__view_find_records(tacho__view *view, const tacho__source *source) {
    size_t records = view->ended_count, slowest = 0;
    for (uint32_t i = 0; i < TACHO__LANES; ++i) {
        const tacho__lane_header *lane = tacho__view_lane(view, i);
        const uint32_t capacity = tacho__get_half(&lane->ring_capacity);
        records += valid_capacity(capacity) ? capacity : 0;
        for (uint32_t kind = 0; kind < TACHO__KINDS; ++kind) {
            slowest += tacho__get_half(&lane->slowest[kind]) ? TACHO__SLOWEST : 0;
        }
    }
    view->records = tacho__calloc(records + 1, sizeof(*view->records));
    view->record_lanes = tacho__calloc(records + 1, sizeof *view->record_lanes);
    view->slowest = tacho__calloc(slowest + 1, sizeof(*view->slowest));
    tacho__slowest *scratch = tacho__malloc(sizeof *scratch);
    if (!view->records || !view->record_lanes || !view->slowest || !scratch) {
        tacho__free(scratch);
        return TACHO_NOMEM;
    }
    for (uint32_t i = 0; i < TACHO__LANES; ++i) {
        collect_ring(view, i, source->live);
        collect_slowest(view, tacho__view_lane(view, i), source, scratch);
    }
    collect_ended(view);
    view->key = tacho__segment_key(view->header->id, view->header->generation);
    tacho__free(scratch);
    return TACHO_OK;
}

/* --------------------------------------------------------------------------------------------------------- decoding */

static void decode_units(const tacho__record *record, tacho__record_view *out) {
    uint32_t used = 0;
    for (uint32_t left = record->flags & TACHO__RECORD_USAGE ? record->stored : 0; left; left &= left - 1) {
        const unsigned unit = (unsigned)__builtin_ctz(left);
        const uint32_t halves = record->wide >> unit & 1 ? 2 : 1;
        if (used + halves > TACHO__RECORD_COUNTS) {
            return;
        }
        out->units[unit] = record->counts[used];
        if (halves == 2) {
            out->units[unit] |= (uint64_t)record->counts[used + 1] << 32;
        }
        used += halves;
    }
}

static void decode_components(const tacho__view *view, const tacho__record *record, tacho__record_view *out) {
    for (uint32_t i = 0; i < record->component_count && i < TACHO__RECORD_COMPONENTS; ++i) {
        const uint64_t word = record->components[i];
        const tacho__descriptor *descriptor = tacho__view_descriptor(view, (uint32_t)(word & 0xFFFF) - 1);
        const char *name = descriptor ? tacho__view_text(view, descriptor->component) : NULL;
        if (name) {
            out->components[out->component_count++] = (tacho__component_view){name, word >> 16};
        }
    }
}

static void decode_times(const tacho__view *view, const tacho__record *record, tacho__record_view *out) {
    int64_t duration;
    if (__builtin_sub_overflow(record->end_ns, record->begin_ns, &duration) || duration < 0) {
        duration = 0;
    }
    out->begin_mono_ns = record->begin_ns;
    out->end_mono_ns = record->end_ns;
    out->end_wall_ns =
        record->flags & TACHO__RECORD_WALL ? record->end_wall_ns : tacho__view_wall(view, record->end_ns);
    out->duration_ns = record->flags & TACHO__RECORD_TIMED ? duration : -1;
    if (__builtin_sub_overflow(out->end_wall_ns, duration, &out->begin_wall_ns)) {
        out->begin_wall_ns = INT64_MIN;
    }
}

static void decode_texts(const tacho__view *view, const tacho__record *record, tacho__record_view *out) {
    const tacho__descriptor *descriptor = tacho__view_descriptor(view, record->series);
    out->session = tacho__view_text(view, record->session);
    out->operation = descriptor ? tacho__view_text(view, descriptor->name) : NULL;
    out->tags = descriptor ? descriptor->tags : 0;
    out->requested_model = tacho__view_text(view, record->requested_model);
    out->model = tacho__view_text(view, record->model);
    out->provider = tacho__view_text(view, record->provider);
    out->tool = tacho__view_text(view, record->tool);
    out->error_type = tacho__view_text(view, record->error_type);
    if (!out->tool && record->kind == 4) { /* a tool's own operation bears its name */
        out->tool = out->operation;
    }
}

static bool decode(const tacho__view *view, const tacho__stored_record *stored, tacho__record_view *out) {
    tacho__record record;
    memcpy(&record, stored, sizeof record);
    if (record.flags & TACHO__RECORD_SHORT) { /* the fields between are not written */
        memset((char *)&record + offsetof(tacho__record, present), 0,
               offsetof(tacho__record, components) - offsetof(tacho__record, present));
        record.weight = 1;
        record.cost_pusd = record.reported_pusd = record.table_pusd = INT64_MIN;
    }
    memset(out, 0, sizeof *out);
    if (record.kind >= TACHO__KINDS || record.outcome > TACHO__FAILED_OUTCOMES ||
        record.category >= TACHO__CATEGORIES || record.cost_state >= TACHO__COST_STATES ||
        record.inclusive_state >= TACHO__COST_STATES || record.session_slot >= view->session_slots) {
        return false;
    }
    out->id = record.id;
    out->parent = record.parent;
    out->trace[0] = record.trace[0];
    out->trace[1] = record.trace[1];
    out->first_token_ns = record.first_token_ns;
    out->series = record.series;
    out->flags = record.flags;
    out->kind = record.kind;
    out->outcome = record.outcome;
    out->category = record.category;
    out->cost_state = record.cost_state;
    out->inclusive_state = record.inclusive_state;
    out->session_slot = record.session_slot;
    out->present = record.flags & TACHO__RECORD_USAGE ? record.present : 0;
    out->weight = record.weight;
    out->cost_pusd = record.cost_pusd;
    out->reported_pusd = record.reported_pusd;
    out->table_pusd = record.table_pusd;
    out->sheet = record.sheet;
    out->table_date = record.table_date;
    out->retries = record.retries;
    out->interventions = record.interventions;
    out->warnings = record.warnings;
    out->tool_calls = record.tool_calls;
    out->context_size = record.context_size;
    out->context_limit = record.context_limit;
    if (record.flags & TACHO__RECORD_INCLUSIVE) {
        out->inclusive_input = record.inclusive_input;
        out->inclusive_output = record.inclusive_output;
        out->inclusive_cost_pusd = record.inclusive_cost;
    }
    decode_times(view, &record, out);
    decode_texts(view, &record, out);
    decode_units(&record, out);
    decode_components(view, &record, out);
    return true;
}

uint32_t tacho__view_record_count(const tacho__view *view) {
    return view->record_count;
}

uint64_t tacho__segment_key(const uint8_t id[16], uint64_t generation) {
    uint8_t both[16 + sizeof generation];
    memcpy(both, id, 16);
    memcpy(both + 16, &generation, sizeof generation);
    const uint64_t key = tacho__hash(both, sizeof both, 0);
    return key ? key : 1;
}

uint64_t tacho__view_lane_records(const tacho__view *view, uint32_t lane) {
    return lane < TACHO__LANES ? view->heads.records[lane] : 0;
}

void tacho__view_record_origin(const tacho__view *view, uint32_t index, uint64_t *maker, uint64_t *place) {
    const tacho__stored_record *stored = view->records[index];
    if (view->header->role == TACHO__ROLE_BASE) {
        *maker = tacho__get(&stored->word[offsetof(tacho__record, maker) / 8]);
        *place = tacho__get(&stored->word[offsetof(tacho__record, place) / 8]);
        return;
    }
    *maker = view->key;
    *place = (uint64_t)view->record_lanes[index] << TACHO__PLACE_LANE |
             (tacho__get(&stored->word[0]) & TACHO__PLACE_SEQUENCE);
}

bool tacho__view_record(const tacho__view *view, uint32_t index, tacho__record_view *out) {
    if (index >= view->record_count || !decode(view, view->records[index], out)) {
        return false;
    }
    tacho__view_record_origin(view, index, &out->maker, &out->place);
    return true;
}

uint32_t tacho__view_slowest_count(const tacho__view *view) {
    return view->slowest_count;
}

bool tacho__view_slowest(const tacho__view *view, uint32_t index, tacho__record_view *out) {
    return index < view->slowest_count && decode(view, view->slowest[index], out);
}
