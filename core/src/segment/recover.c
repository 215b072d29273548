/**
 * Recovery: makes the copied segment of a dead process whole (core/FORMAT.md 1.17).
 *
 * Two things may have been left half done. A set that was published and not (all) applied: its values are absolute, so
 * they are stored once more; what a short set's bucket published is finished likewise. And operations in flight: each
 * is booked as orphaned, as its process would have done. All else is complete or invisible by the order in which a
 * writer stores.
 *
 * Nothing in the copy is trusted: a set with one entry that makes no sense is left out as a whole, a slot whose links
 * make no sense is booked to the overflow series of its kind.
 */
#include "base/memory.h"
#include "segment/redo.h"
#include "segment/view.h"

#include <string.h>
#include <tachograph/record.h>

/* Descriptors can be looked up from here on. */
static void find_series(tacho__view *view) {
    const uint32_t count = tacho__get_half(&view->header->series_count),
                   most = TACHO__SERIES_CHUNK * TACHO__SERIES_CHUNKS;
    view->info.series = count < most ? count : most;
}

/* ------------------------------------------------------------------------------------------------------------- sets */

/* A cell behind the header, inside the copy. */
static bool is_cell(const tacho__view *view, uint64_t offset, uint64_t size) {
    return offset % (size < 8 ? size : 8) == 0 && offset >= TACHO__HEADER_BYTES && size <= view->lines * TACHO__LINE &&
           offset <= view->lines * TACHO__LINE - size;
}

/* Words of the entry that begins at `word`, of which `left` are of the set; 0 = a writer cannot have meant it. */
static uint64_t words_of_entry(const tacho__view *view, const tacho__word *word, uint64_t left) {
    const uint64_t target = tacho__get(word), values = (target >> TACHO__REDO_MORE) + 1;
    const bool half = target & TACHO__REDO_HALF, closes = target & TACHO__REDO_CLOSE;
    const bool good = !(half && closes) && (values == 1 || !(half || closes)) && values + 1 <= left &&
                      is_cell(view, target & TACHO__REDO_OFFSETS, half ? 4 : values * sizeof(tacho__word));
    return good ? values + 1 : 0;
}

static void apply(tacho__view *view, const tacho__word *word) {
    const uint64_t target = tacho__get(word), values = (target >> TACHO__REDO_MORE) + 1;
    uint8_t *at = (uint8_t *)view->words + (target & TACHO__REDO_OFFSETS);
    tacho__word *cell = (tacho__word *)at;
    if (target & TACHO__REDO_HALF) {
        tacho__put_half((tacho__half *)at, (uint32_t)tacho__get(&word[1]));
    } else if (target & TACHO__REDO_CLOSE) {
        tacho__put(cell, tacho__get(cell) == tacho__get(&word[1]) ? 0 : tacho__get(cell));
    } else {
        for (uint64_t i = 0; i < values; ++i) {
            tacho__put(&cell[i], tacho__get(&word[1 + i]));
        }
    }
}

static void replay_entries(tacho__view *view, tacho__redo *redo, uint64_t count) {
    uint64_t next = 0, words = count <= TACHO__REDO_WORDS;
    while (next < count && words != 0) {
        words = words_of_entry(view, &redo->word[next], count - next);
        next += words;
    }
    view->info.faults += words == 0;
    if (words == 0) {
        return;
    }
    tacho__redo own; /* a copy: a hostile set may aim at its own area */
    memcpy(&own, redo, sizeof own);
    for (next = 0; next < count; next += (tacho__get(&own.word[next]) >> TACHO__REDO_MORE) + 2) {
        apply(view, &own.word[next]);
    }
    tacho__put(&redo->count, 0);
    view->info.sets_applied += 1;
}

/* What the counter of a short set becomes: it is the word's low half, or one less. False: neither. */
static bool count_up(tacho__view *view, uint64_t word) {
    const uint64_t target = word >> 32;
    if (!is_cell(view, target, sizeof(tacho__word))) {
        return false;
    }
    tacho__word *counter = (tacho__word *)((uint8_t *)view->words + target);
    const uint64_t now = tacho__get(counter);
    const uint32_t missing = (uint32_t)word - (uint32_t)now;
    tacho__put(counter, now + (missing == 1));
    return missing <= 1;
}

static bool bucket_was_stored(const tacho__view *view, uint64_t mark) {
    const uint8_t *base = (const uint8_t *)view->words;
    return tacho__mark_holds(mark, tacho__get_half((const tacho__half *)(base + tacho__mark_bucket(mark))));
}

/* A short set stays marked after it was applied; then nothing changes. */
static void replay_mark(tacho__view *view, tacho__redo *redo) {
    const uint64_t mark = tacho__get(&redo->mark), sum = tacho__get(&redo->sum), counter = tacho__get(&redo->counter);
    const uint64_t target = tacho__mark_histogram(mark);
    tacho__put(&redo->mark, 0);
    const bool whole =
        is_cell(view, tacho__mark_bucket(mark), sizeof(tacho__half)) && is_cell(view, target, sizeof(tacho__word));
    if (whole && !bucket_was_stored(view, mark)) {
        return;
    }
    if (!whole || (mark & TACHO__MARK_COUNTER && !count_up(view, counter))) {
        view->info.faults += 1;
        return;
    }
    tacho__word *known = (tacho__word *)((uint8_t *)view->words + target);
    view->info.sets_applied += tacho__get(known) != sum;
    tacho__put(known, sum);
}

static void replay(tacho__view *view, const tacho__lane_header *lane) {
    const tacho__line line = tacho__get_half(&lane->redo);
    tacho__redo *redo = (tacho__redo *)(uintptr_t)tacho__view_lines(view, line, TACHO__REDO_LINES);
    view->info.faults += line != 0 && !redo;
    if (redo && tacho__get(&redo->count) != 0) {
        replay_entries(view, redo, tacho__get(&redo->count));
    } else if (redo && tacho__get(&redo->mark) != 0) {
        replay_mark(view, redo);
    }
}

/* --------------------------------------------------------------------------------------------------- lines and cells
 */

/* What one orphan may need: a block, its failures, a cell of its session. */
#define ORPHAN_LINES (TACHO__BLOCK_LINES + TACHO__FAILURE_LINES + TACHO__CELL_LINES)

/* The copy as it is written to; room was made before. */
typedef struct copy {
    tacho__view *view;
    uint64_t next; /* first line that is not used */
    uint32_t records;
} copy;

static bool make_room(copy *c, uint64_t lines) {
    tacho__view *view = c->view;
    if (!tacho__view_make_room(view, view->lines + lines)) {
        return false;
    }
    memset((uint8_t *)view->words + view->lines * TACHO__LINE, 0, lines * TACHO__LINE);
    c->next = view->lines;
    view->header = (const tacho__header *)view->words;
    view->lines += lines;
    return true;
}

/* The cell that a link names, made if there is none. */
static void *cell_of(copy *c, tacho__half *link, uint32_t lines) {
    const void *cell = tacho__view_lines(c->view, tacho__get_half(link), lines);
    if (!cell) {
        tacho__put_half(link, (uint32_t)c->next);
        c->next += lines;
        cell = tacho__view_lines(c->view, tacho__get_half(link), lines);
    }
    return (void *)(uintptr_t)cell;
}

static void add(tacho__word *cell, uint64_t more) {
    uint64_t sum;
    tacho__put(cell, __builtin_add_overflow(tacho__get(cell), more, &sum) ? UINT64_MAX : sum);
}

/* A block of the series: any will do, lanes are added up. The overflow series of the kind where a number means nothing.
 */
static tacho__block *block_of(copy *c, uint32_t *number, uint32_t kind) {
    const tacho__descriptor *descriptor = tacho__view_descriptor(c->view, *number);
    if (!descriptor || descriptor->type != TACHO__TYPE_OPERATION || descriptor->kind != kind) {
        *number = kind;
        descriptor = tacho__view_descriptor(c->view, kind);
    }
    if (!descriptor) {
        return NULL;
    }
    tacho__half *first = (tacho__half *)(uintptr_t)&descriptor->first_block;
    const tacho__block *old = tacho__view_lines(c->view, tacho__get_half(first), TACHO__BLOCK_LINES);
    if (old && tacho__get_half(&old->duration.series) == *number) {
        return (tacho__block *)(uintptr_t)old;
    }
    tacho__put_half(first, 0);
    tacho__block *block = cell_of(c, first, TACHO__BLOCK_LINES);
    tacho__put_half(&block->duration.series, *number);
    return block;
}

/* ---------------------------------------------------------------------------------------------------------- orphans */

/* What its descendants left in the slot is not booked: the last one may have been killed half way through. */
static void book_series(copy *c, tacho__block *block) {
    add(&block->untimed, 1);
    add(&block->outcome[TACHO_OUTCOME_ORPHANED - 1], 1);
    tacho__failure_cell *failures = cell_of(c, &block->duration.failures, TACHO__FAILURE_LINES);
    add(&failures->category[TACHO_CATEGORY_NONE], 1);
}

static uint32_t group_of(uint32_t kind) {
    return kind == TACHO_KIND_STEP   ? TACHO__GROUP_STEP
           : kind == TACHO_KIND_TOOL ? TACHO__GROUP_TOOL
                                     : TACHO__GROUP_OTHER;
}

/* The slot of a session, `other` where a number means nothing. */
static tacho__session_slot *session_of(copy *c, uint16_t *number, uint64_t begin) {
    const uint16_t other = (uint16_t)(c->view->session_slots - 1);
    if (*number >= other || tacho__get_half(&tacho__view_slot(c->view, *number)->state) == TACHO__SESSION_FREE) {
        *number = other;
    }
    tacho__session_slot *session = (tacho__session_slot *)(uintptr_t)tacho__view_slot(c->view, *number);
    if (tacho__get_half(&session->state) == TACHO__SESSION_FREE) {
        tacho__put_half(&session->state, TACHO__SESSION_USED);
        tacho__put(&session->opened, begin);
    }
    return session;
}

static void book_session(copy *c, uint16_t *number, uint32_t kind, uint64_t begin) {
    tacho__session_slot *session = session_of(c, number, begin);
    tacho__session_cell *cell = cell_of(c, &session->cells[0], TACHO__CELL_LINES);
    add(&cell->outcome[group_of(kind)][TACHO_OUTCOME_ORPHANED - 1], 1);
    add(&cell->model_calls, kind == TACHO_KIND_LLM || kind == TACHO_KIND_EMBEDDING);
    if (begin > tacho__get(&cell->latest_end)) {
        tacho__put(&cell->latest_end, begin);
    }
    if (~begin > tacho__get(&cell->earliest_begin)) {
        tacho__put(&cell->earliest_begin, ~begin);
    }
}

/* When it ended nobody knows: its record ends where it began, without a duration. */
static void write_record(copy *c, const tacho__open_slot *slot, uint32_t series, uint16_t session, uint8_t kind) {
    const tacho__descriptor *descriptor = tacho__view_descriptor(c->view, series);
    const uint64_t texts = tacho__get(&slot->texts);
    tacho__record record = {
        .sequence = c->records + 1u,
        .id = tacho__get(&slot->id),
        .parent = tacho__get(&slot->parent),
        .trace = {tacho__get(&slot->trace[0]), tacho__get(&slot->trace[1])},
        .begin_ns = (int64_t)tacho__get(&slot->begin),
        .end_ns = (int64_t)tacho__get(&slot->begin),
        .series = series,
        .session_slot = session,
        .kind = kind,
        .outcome = TACHO_OUTCOME_ORPHANED,
        .session = (tacho__line)texts,
        .requested_model = (tacho__line)(texts >> 32),
        .provider = descriptor ? descriptor->provider : 0,
        .weight = 1,
        .cost_pusd = INT64_MIN,
        .reported_pusd = INT64_MIN,
        .table_pusd = INT64_MIN,
    };
    uint8_t *records = (uint8_t *)c->view->words + (uint64_t)c->view->ended_first * TACHO__LINE;
    memcpy(records + (size_t)c->records * sizeof record, &record, sizeof record);
    c->records += 1;
}

static void book_orphan(copy *c, tacho__open_slot *slot) {
    const uint64_t word = tacho__get(&slot->series);
    const uint8_t kind = (uint8_t)(word >> 48);
    uint32_t series = (uint32_t)word;
    uint16_t session = (uint16_t)(word >> 32);
    tacho__block *block = kind < TACHO__KINDS ? block_of(c, &series, kind) : NULL;
    if (!block) {
        c->view->info.faults += 1;
    } else {
        book_series(c, block);
        book_session(c, &session, kind, tacho__stamp((int64_t)tacho__get(&slot->begin)));
        write_record(c, slot, series, session, kind);
    }
    tacho__put(&slot->id, 0);
}

static tacho_status book_orphans(tacho__view *view) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < TACHO__OPEN_SLOTS; ++i) {
        count += tacho__get(&tacho__view_open_slot(view, i)->id) != 0;
    }
    if (count == 0) {
        return TACHO_OK;
    }
    const uint64_t record_lines = count * TACHO__RECORD_BYTES / TACHO__LINE;
    copy c = {view, 0, 0};
    if (view->lines + count * ORPHAN_LINES + record_lines > UINT32_MAX ||
        !make_room(&c, count * ORPHAN_LINES + record_lines)) {
        return TACHO_NOMEM;
    }
    view->ended_first = (uint32_t)c.next;
    c.next += record_lines;
    find_series(view);
    for (uint32_t i = 0; i < TACHO__OPEN_SLOTS && count > 0; ++i) {
        tacho__open_slot *slot = (tacho__open_slot *)(uintptr_t)tacho__view_open_slot(view, i);
        if (tacho__get(&slot->id) != 0) {
            book_orphan(&c, slot);
            --count; /* hostile links may aim at slots: room is for those counted before */
        }
    }
    view->ended_count = view->info.orphans = c.records;
    return TACHO_OK;
}

/* ------------------------------------------------------------------------------------------------ what died with it
 */

/* The size of a cache, and the part of a gauge that is summed over processes, end with the process. */
static void forget_cache(tacho__view *view, tacho__line line) {
    for (uint32_t cells = 0; line != 0 && cells <= TACHO__LANES; ++cells) {
        tacho__cache_cell *cell = (tacho__cache_cell *)(uintptr_t)tacho__view_lines(view, line, 1);
        if (!cell) {
            return;
        }
        tacho__put(&cell->size, 0);
        tacho__put(&cell->capacity, 0);
        tacho__put(&cell->stamp, 0);
        line = tacho__get_half(&cell->next);
    }
}

static void forget_gauge(tacho__view *view, const tacho__descriptor *descriptor) {
    tacho__metric_view metric;
    const uint32_t place = tacho__get_half(&descriptor->first_block), per_line = TACHO__LINE / TACHO__METRIC_CELL;
    const void *line = tacho__view_lines(view, place / per_line, 1);
    if (line && tacho__view_metric(view, descriptor->metric, &metric) && metric.merge == TACHO__METRIC_SUM) {
        tacho__put(&((tacho__gauge_cell *)(uintptr_t)line)[place % per_line].stamp, 0);
    }
}

static void forget_sizes(tacho__view *view) {
    find_series(view);
    for (uint32_t i = TACHO__SERIES_CACHES; i < view->info.series; ++i) {
        const tacho__descriptor *descriptor = tacho__view_descriptor(view, i);
        if (!descriptor) {
            return;
        }
        if (descriptor->type == TACHO__TYPE_CACHE) {
            forget_cache(view, tacho__get_half(&descriptor->first_block));
        } else if (descriptor->type == TACHO__TYPE_GAUGE) {
            forget_gauge(view, descriptor);
        }
    }
}

tacho_status tacho__view_recover(tacho__view *view) {
    for (uint32_t i = 0; i < TACHO__LANES; ++i) {
        tacho__lane_header *lane = (tacho__lane_header *)(uintptr_t)tacho__view_lane(view, i);
        replay(view, lane);
        for (uint32_t kind = 0; kind < TACHO__KIND_CELLS; ++kind) { /* nothing is in flight any more */
            tacho__put(&lane->unlisted[kind], 0);
        }
    }
    if (view->header->role == TACHO__ROLE_PROCESS) {
        forget_sizes(view);
    }
    return book_orphans(view);
}
