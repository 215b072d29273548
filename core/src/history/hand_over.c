/*
 * Ids decide, and not times: an operation may be recorded with any end, clocks are set back, and an orphan is found
 * long after it began. Only who takes over from another process does not know the ids; for him the time of recording
 * has to do.
 */
#include "history/hand_over.h"

#include "base/memory.h"
#include "history/store.h"
#include "snapshot/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BATCH 1000 /* records in a transaction: others who write the file need not wait long */

typedef struct candidate {
    uint64_t id;
    const tacho_record_view *record;
} candidate;

typedef struct handing {
    candidate *all; /* by id, each once */
    size_t count;
    tacho_record_view *fresh;
    size_t fresh_count;
    uint64_t *ids;
    size_t id_count;
    tacho__handed_part *parts;
    size_t part_count;
    uint64_t recorded;
    int64_t taken_ns;
} handing;

static int by_id(const void *left, const void *right) {
    const candidate *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

static int by_end(const void *left, const void *right) {
    const tacho_record_view *a = left, *b = right;
    return (a->ended_at_ns > b->ended_at_ns) - (a->ended_at_ns < b->ended_at_ns);
}

static size_t count_records(const tacho_snapshot *snapshot) {
    size_t count = 0;
    for (size_t i = 0; i < snapshot->count; i++) {
        count += snapshot->parts[i]->record_count;
    }
    return count;
}

static void collect(const tacho_snapshot *snapshot, handing *self) {
    for (size_t i = 0; i < snapshot->count; i++) {
        const tacho__part *part = snapshot->parts[i];
        const uint64_t recorded = part->records_lost + part->record_count;
        self->recorded += recorded;
        if (!part->contains) { /* sums of dead ones only grow */
            tacho__handed_part *one = &self->parts[self->part_count++];
            *one = (tacho__handed_part){.generation = part->generation, .recorded = recorded};
            memcpy(one->id, part->segment, sizeof one->id);
        }
        self->taken_ns = part->taken_at_ns > self->taken_ns ? part->taken_at_ns : self->taken_ns;
        for (size_t j = 0; j < part->record_count; j++) {
            const tacho_record_view *record = &part->records[j];
            self->all[self->count++] = (candidate){strtoull(record->id, NULL, 16), record};
        }
    }
    qsort(self->all, self->count, sizeof *self->all, by_id);
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (i == 0 || self->all[i].id != self->all[i - 1].id) {
            self->all[kept++] = self->all[i];
        }
    }
    self->count = kept;
}

/* By somebody whose ids are not known. An orphan may be as old as it likes: it was found when its process had died. */
static bool was_handed_by_others(const tacho__handed *handed, const handing *self, const tacho_record_view *record) {
    const bool told = !handed->known && handed->until_ns > 0 && handed->until_ns <= self->taken_ns;
    return told && record->recorded_at_ns < handed->until_ns - TACHO__HAND_OVER_MARGIN && record->recorded_at_ns != 0 &&
           strcmp(record->outcome, "orphaned") != 0;
}

static void pick(const tacho__handed *handed, handing *self) {
    size_t before = 0;
    for (size_t i = 0; i < self->count; i++) {
        const uint64_t id = self->all[i].id;
        while (before < handed->count && handed->ids[before] < id) {
            before++;
        }
        const bool known = before < handed->count && handed->ids[before] == id;
        if (!known && !was_handed_by_others(handed, self, self->all[i].record)) {
            self->fresh[self->fresh_count++] = *self->all[i].record;
        }
        self->ids[i] = id;
    }
    self->id_count = self->count;
    qsort(self->fresh, self->fresh_count, sizeof *self->fresh, by_end);
}

typedef struct batch {
    const tacho_record_view *records;
    size_t count;
} batch;

static tacho_status add_batch(void *context, tacho_history *history) {
    const batch *self = context;
    return tacho_history_add(history, self->records, self->count);
}

static tacho_status add(tacho__visit *visit, const handing *self) {
    tacho_status status = TACHO_OK;
    for (size_t i = 0; i < self->fresh_count && status == TACHO_OK; i += BATCH) {
        const size_t left = self->fresh_count - i;
        batch next = {&self->fresh[i], left < BATCH ? left : BATCH};
        status = tacho__visit_history(visit, add_batch, &next);
    }
    return status;
}

void tacho__handed_free(tacho__handed *handed) {
    tacho__free(handed->ids);
    tacho__free(handed->parts);
}

void tacho__handed_forget(tacho__handed *handed) {
    tacho__free(handed->ids);
    *handed = (tacho__handed){.recorded = handed->recorded, .parts = handed->parts, .part_count = handed->part_count};
}

/* Makes the file if it is missing. */
static tacho_status look(void *context, tacho_history *history) {
    tacho__handed *handed = context;
    tacho__history_row row;
    if (!handed->one[0]) {
        return TACHO_OK;
    }
    const bool ready = tacho__store_ready(history);
    const tacho_status status =
        ready ? tacho__store_find(history, TACHO__SOURCE_LIVE, handed->one, &row) : TACHO_NOT_FOUND;
    if (status == TACHO_NOT_FOUND) {
        tacho__handed_forget(handed);
        return TACHO_OK;
    }
    return status;
}

static tacho_status look_first(tacho__visit *visit, tacho__handed *handed) {
    struct stat file;
    if (stat(visit->path, &file) != 0) {
        tacho__handed_forget(handed);
    }
    return tacho__visit_history(visit, look, handed);
}

static const tacho__handed_part *find_part(const tacho__handed *handed, const uint8_t id[16]) {
    for (size_t i = 0; i < handed->part_count; i++) {
        if (memcmp(handed->parts[i].id, id, sizeof handed->parts[i].id) == 0) {
            return &handed->parts[i];
        }
    }
    return NULL;
}

uint64_t tacho__handed_of(const tacho__handed *handed, const uint8_t id[16], uint64_t generation) {
    const tacho__handed_part *part = find_part(handed, id);
    return part && part->generation == generation ? part->recorded : 0;
}

/* What segments had made that began anew with a reset: it is in no sum any more. */
static uint64_t count_reset(const tacho__handed *handed, const handing *self) {
    uint64_t count = 0;
    for (size_t i = 0; i < self->part_count; i++) {
        const tacho__handed_part *before = find_part(handed, self->parts[i].id);
        count += before && before->generation != self->parts[i].generation ? before->recorded : 0;
    }
    return count;
}

/* What was made since, and is neither there nor was handed over. */
static uint64_t count_missed(const tacho__handed *handed, const handing *self) {
    const uint64_t seen = handed->recorded - count_reset(handed, self) + self->fresh_count;
    return self->recorded > seen ? self->recorded - seen : 0;
}

static bool make_room(const tacho_snapshot *snapshot, size_t more_ids, handing *self) {
    const size_t room = count_records(snapshot) + 1;
    self->all = tacho__calloc(room, sizeof *self->all);
    self->fresh = tacho__calloc(room, sizeof *self->fresh);
    self->ids = tacho__calloc(room + more_ids, sizeof *self->ids);
    self->parts = tacho__calloc(snapshot->count + 1, sizeof *self->parts);
    return self->all && self->fresh && self->ids && self->parts;
}

static int id_order(const void *left, const void *right) {
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void become_known(tacho__handed *handed, handing *self) {
    char one[sizeof handed->one] = "";
    if (self->count > 0) {
        snprintf(one, sizeof one, "%s", self->all[self->count - 1].record->id);
    }
    tacho__handed_free(handed);
    handed->ids = self->ids;
    handed->count = self->id_count;
    handed->parts = self->parts;
    handed->part_count = self->part_count;
    handed->known = true;
    memcpy(handed->one, one, sizeof one);
    self->ids = NULL;
    self->parts = NULL;
}

/*
 * Other segments could be read than in the turn before. What was there and cannot be seen now is neither missed nor,
 * when it can be seen again, new; and whoever takes over has to look at it again. A segment that stays unreadable is
 * not waited for: it is out of the sum from the next turn on.
 */
static void go_on_in_part(tacho__handed *handed, handing *self) {
    handed->recorded += self->fresh_count;
    for (size_t i = 0; i < handed->count; i++) {
        self->ids[self->id_count++] = handed->ids[i];
    }
    qsort(self->ids, self->id_count, sizeof *self->ids, id_order);
    tacho__free(self->parts);
    self->parts = handed->parts;
    self->part_count = handed->part_count;
    handed->parts = NULL;
    become_known(handed, self);
}

static void free_room(handing *self) {
    tacho__free(self->all);
    tacho__free(self->fresh);
    tacho__free(self->ids);
    tacho__free(self->parts);
}

tacho_status tacho__hand_over(tacho__visit *visit, const tacho_snapshot *snapshot, tacho__handed *handed,
                              uint64_t *missed) {
    handing self = {.count = 0};
    tacho_status status = make_room(snapshot, handed->count, &self) ? TACHO_OK : TACHO_NOMEM;
    *missed = 0;
    if (status == TACHO_OK) {
        status = look_first(visit, handed);
    }
    if (status == TACHO_OK) {
        collect(snapshot, &self);
        pick(handed, &self);
        status = add(visit, &self);
    }
    const uint64_t skipped = tacho__snapshot_skipped(snapshot);
    if (status == TACHO_OK && handed->known && skipped != 0 && skipped != handed->skipped) {
        go_on_in_part(handed, &self);
    } else if (status == TACHO_OK) {
        *missed = count_missed(handed, &self);
        handed->until_ns = self.taken_ns;
        handed->recorded = self.recorded;
        become_known(handed, &self);
    }
    handed->skipped = status == TACHO_OK ? skipped : handed->skipped;
    free_room(&self);
    return status;
}

tacho_status tacho__hand_over_replaced(tacho__visit *visit, const tacho_snapshot *snapshot, const tacho__handed *handed,
                                       uint64_t *seen, uint64_t *missed) {
    static const tacho__handed nothing;
    handing self = {.count = 0};
    tacho_status status = make_room(snapshot, 0, &self) ? TACHO_OK : TACHO_NOMEM;
    *missed = 0;
    if (status == TACHO_OK) {
        collect(snapshot, &self);
        pick(handed ? handed : &nothing, &self);
        status = add(visit, &self);
    }
    if (status == TACHO_OK) {
        const uint64_t known = *seen + self.fresh_count;
        *missed = handed && self.recorded > known ? self.recorded - known : 0;
        *seen = self.recorded;
    }
    free_room(&self);
    return status;
}
