/** Records of a base: the newest of all, and the slowest of each kind. */
#include "base/memory.h"
#include "segment/base_work.h"
#include "segment/notes.h"

#include <stdlib.h>
#include <string.h>

static void load(const tacho__stored_record *stored, tacho__record *out) {
    memcpy(out, stored, sizeof *out);
}

static int64_t end_of(const tacho__view *view, const tacho__record *record) {
    return record->flags & TACHO__RECORD_WALL ? record->end_wall_ns : tacho__view_wall(view, record->end_ns);
}

static int newest_first(const void *left, const void *right) {
    const tacho__record_pick *a = left, *b = right;
    if (a->end_wall_ns != b->end_wall_ns) {
        return a->end_wall_ns < b->end_wall_ns ? 1 : -1;
    }
    const uint64_t first = tacho__get(&a->record->word[1]), second = tacho__get(&b->record->word[1]); /* ids */
    return (first < second) - (first > second);
}

static void pick_of_view(tacho__base_work *work, uint32_t joining) {
    const tacho__view *view = work->joining[joining].view;
    for (uint32_t i = 0; i < view->record_count; ++i) {
        tacho__record record;
        load(view->records[i], &record);
        work->records[work->record_count++] = (tacho__record_pick){
            .end_wall_ns = end_of(view, &record), .record = view->records[i], .joining = joining, .index = i};
    }
}

/* What is in order already stays; `fresh` of the `count` are not, and go to their places. */
static bool merge(tacho__record_pick *picks, size_t count, size_t fresh) {
    const size_t old = count - fresh;
    qsort(picks + old, fresh, sizeof *picks, newest_first);
    tacho__record_pick *copy = tacho__calloc(old + 1, sizeof *copy);
    if (!copy) {
        return false;
    }
    memcpy(copy, picks, old * sizeof *copy);
    size_t left = 0, right = old, next = 0;
    while (left < old && right < count) {
        picks[next++] = newest_first(&copy[left], &picks[right]) <= 0 ? copy[left++] : picks[right++];
    }
    memcpy(&picks[next], &copy[left], (old - left) * sizeof *copy);
    tacho__free(copy);
    return true;
}

bool tacho__base_pick_records(tacho__base_work *work) {
    size_t most = 0, ordered = 0;
    for (size_t i = 0; i < work->count; ++i) {
        most += work->joining[i].view->record_count;
        work->records_lost += work->joining[i].view->info.records_lost;
    }
    work->records = tacho__calloc(most + 1, sizeof *work->records);
    if (!work->records) {
        return false;
    }
    for (uint32_t i = 0; i < work->count; ++i) {
        pick_of_view(work, i);
        const bool base = work->joining[i].view->header->role == TACHO__ROLE_BASE;
        ordered = i == 0 && base ? work->record_count : ordered;
    }
    for (size_t i = 1; i < ordered; ++i) { /* a base has them in order, unless somebody changed it */
        ordered = newest_first(&work->records[i - 1], &work->records[i]) <= 0 ? ordered : 0;
    }
    if (!merge(work->records, work->record_count, work->record_count - ordered)) {
        return false;
    }
    if (work->record_count > work->most_records) {
        work->records_lost += work->record_count - work->most_records;
        work->record_count = work->most_records;
    }
    return true;
}

static uint32_t new_series(const tacho__joining *joining, uint32_t series, uint32_t otherwise) {
    return series < tacho__view_series_count(joining->view) ? joining->series[series] : otherwise;
}

static void translate_components(const tacho__joining *joining, tacho__record *record) {
    for (uint32_t i = 0; i < record->component_count && i < TACHO__RECORD_COMPONENTS; ++i) {
        const uint64_t word = record->components[i];
        const uint32_t number = new_series(joining, (uint32_t)(word & 0xFFFF) - 1, TACHO__SERIES_COMPONENTS);
        record->components[i] = (word & ~UINT64_C(0xFFFF)) | (number + 1);
    }
}

/* Numbers, texts and times of a view into those of the base, in which the monotonic clock is Unix time. */
static void translate(tacho__base_work *work, const tacho__joining *joining, tacho__record *record) {
    const tacho__view *view = joining->view;
    record->begin_ns = tacho__view_wall(view, record->begin_ns);
    record->end_ns = tacho__view_wall(view, record->end_ns);
    record->series = new_series(joining, record->series, record->kind < TACHO__KINDS ? record->kind : 0);
    record->session_slot = record->session_slot < view->session_slots ? joining->sessions[record->session_slot]
                                                                      : (uint16_t)(work->session_slots - 1);
    record->session = tacho__base_text(work, view, record->session);
    record->requested_model = tacho__base_text(work, view, record->requested_model);
    record->model = tacho__base_text(work, view, record->model);
    record->provider = tacho__base_text(work, view, record->provider);
    record->tool = tacho__base_text(work, view, record->tool);
    record->error_type = tacho__base_text(work, view, record->error_type);
    translate_components(joining, record);
}

static void write_records(tacho__base_work *work, uint32_t joining, tacho__stored_record *out) {
    for (size_t i = 0; i < work->record_count; ++i) {
        if (work->records[i].joining != joining) {
            continue;
        }
        tacho__record record;
        load(work->records[i].record, &record);
        translate(work, &work->joining[joining], &record);
        tacho__view_record_origin(work->joining[joining].view, work->records[i].index, &record.maker, &record.place);
        record.sequence = i + 1;
        tacho__store_body(&out[i], &record, sizeof record);
    }
}

/* --------------------------------------------------------------------------------------------------------- slowest */

typedef struct slow_pick {
    uint64_t duration_ns;
    const tacho__stored_record *record;
    uint32_t joining;
} slow_pick;

/* Keeps the 32 slowest, in falling order. */
static void offer(slow_pick picks[TACHO__SLOWEST], uint32_t *count, const slow_pick *one) {
    uint32_t place = *count;
    while (place > 0 && picks[place - 1].duration_ns < one->duration_ns) {
        --place;
    }
    if (place == TACHO__SLOWEST) {
        return;
    }
    *count += *count < TACHO__SLOWEST;
    memmove(&picks[place + 1], &picks[place], (*count - place - 1) * sizeof *picks);
    picks[place] = *one;
}

static uint32_t pick_slowest(const tacho__base_work *work, uint32_t kind, slow_pick picks[TACHO__SLOWEST]) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < work->count; ++i) {
        const tacho__view *view = work->joining[i].view;
        for (uint32_t k = 0; k < view->slowest_count; ++k) {
            tacho__record record;
            load(view->slowest[k], &record);
            if (record.kind == kind && record.end_ns >= record.begin_ns) {
                const slow_pick one = {(uint64_t)record.end_ns - (uint64_t)record.begin_ns, view->slowest[k], i};
                offer(picks, &count, &one);
            }
        }
    }
    return count;
}

static bool write_slowest(tacho__base_work *work, uint32_t kind) {
    slow_pick picks[TACHO__SLOWEST];
    const uint32_t count = pick_slowest(work, kind, picks);
    if (count == 0) {
        return true;
    }
    const tacho__line line = tacho__segment_take(work->segment, TACHO__SLOWEST_LINES, TACHO__POCKET_DETAIL);
    if (line == 0) {
        return false;
    }
    tacho__slowest *table = tacho__at(work->segment, line);
    for (uint32_t i = 0; i < count; ++i) {
        tacho__record record;
        load(picks[i].record, &record);
        memset(work->texts, 0, sizeof work->texts);
        translate(work, &work->joining[picks[i].joining], &record);
        record.sequence = i + 1;
        tacho__store_body(&table->place[i], &record, sizeof record);
        tacho__put(&table->entry[i], (i + UINT64_C(1)) << 8 | (i + 1));
    }
    tacho__put_half(&work->segment->lanes[0].slowest[kind], line);
    return true;
}

/* ------------------------------------------------------------------------------------------------------------ notes */

/* An event says when it was: a MessagePack array that begins with a 64-bit integer. */
#define EVENT_BEGINNING "\x93\xd3"

static void translate_event(const tacho__view *view, uint8_t *bytes) {
    uint64_t mono = 0;
    for (int i = 2; i < 10; ++i) {
        mono = mono << 8 | bytes[i];
    }
    uint64_t wall = (uint64_t)tacho__view_wall(view, (int64_t)mono);
    for (int i = 9; i >= 2; --i, wall >>= 8) {
        bytes[i] = (uint8_t)wall;
    }
}

static void write_note(tacho__base_work *work, const tacho__view *view, uint64_t id, const tacho__note_view *from) {
    uint8_t bytes[TACHO__NOTE_BYTES];
    if (from->length > sizeof bytes) {
        return;
    }
    memcpy(bytes, from->bytes, from->length);
    if (from->sort == TACHO__NOTE_EVENT && from->length >= 10 && memcmp(bytes, EVENT_BEGINNING, 2) == 0) {
        translate_event(view, bytes);
    }
    const tacho__note note = {id, from->sort, from->length, bytes};
    tacho__notes_copy_to(work->segment, 0, &note);
}

/* Those of the newest records last: where there is no room for all, the oldest give way. */
static void write_notes(tacho__base_work *work) {
    for (size_t i = work->record_count; i > 0; --i) {
        const tacho__record_pick *pick = &work->records[i - 1];
        const tacho__view *view = work->joining[pick->joining].view;
        tacho__record record;
        load(pick->record, &record);
        tacho__note_view note;
        for (uint32_t n = 0; record.flags & TACHO__RECORD_NOTES && tacho__view_note(view, record.id, n, &note); ++n) {
            write_note(work, view, record.id, &note);
        }
    }
}

bool tacho__base_add_records(tacho__base_work *work) {
    const tacho__region *region = &work->segment->header->regions[TACHO__REGION_RECORDS];
    for (uint32_t i = 0; i < work->count && work->record_count; ++i) {
        memset(work->texts, 0, sizeof work->texts);
        write_records(work, i, tacho__at(work->segment, region->first));
    }
    tacho__put(&work->segment->lanes[0].records_unkept, work->records_lost);
    bool done = true;
    for (uint32_t kind = 0; kind < TACHO__KINDS && done; ++kind) {
        done = write_slowest(work, kind);
    }
    write_notes(work);
    return done;
}
