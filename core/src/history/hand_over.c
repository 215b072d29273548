#include "history/hand_over.h"

#include "base/memory.h"
#include "history/store.h"
#include "segment/reader.h"
#include "snapshot/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 1000 /* records in a transaction: others who write the file need not wait long */

/* A segment that joined `base` since it was looked at last, or nobody knows when. */
typedef struct member {
    uint64_t key;
    const tacho__handed_segment *seen; /* by itself, before; NULL = never */
} member;

typedef struct handing {
    const tacho__handed *before;
    bool whole; /* all of the registry, not only what a reset replaced */
    tacho_record_view *fresh;
    size_t fresh_count;
    tacho__handed after;
    member *members; /* by key */
    size_t member_count;
    uint64_t missed;
} handing;

static int by_key(const void *left, const void *right) {
    const member *a = left, *b = right;
    return (a->key > b->key) - (a->key < b->key);
}

static int by_end(const void *left, const void *right) {
    const tacho_record_view *a = left, *b = right;
    return (a->ended_at_ns > b->ended_at_ns) - (a->ended_at_ns < b->ended_at_ns);
}

static uint64_t above(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

static uint64_t recorded_of(const tacho__part *part) {
    return part->records_lost + part->record_count;
}

/* -------------------------------------------------------------------------------------------------- what is not known
 */

static bool is_new(const tacho__handed_segment *seen, uint64_t place) {
    const uint64_t lane = place >> TACHO__PLACE_LANE;
    if (!seen) {
        return true;
    }
    return lane < TACHO__LANES ? (place & TACHO__PLACE_SEQUENCE) > seen->lanes[lane] : !seen->is_over;
}

static void take(handing *self, const tacho_record_view *record, bool fresh) {
    if (fresh || (self->whole && self->before->again)) {
        self->fresh[self->fresh_count++] = *record;
    }
}

static tacho__handed_segment entry_of(const tacho__part *part, const tacho__handed_segment *seen) {
    tacho__handed_segment entry = {.generation = part->generation, .recorded = recorded_of(part)};
    memcpy(entry.id, part->segment, sizeof entry.id);
    entry.is_over = part->is_dead;
    memcpy(entry.lanes, part->made, sizeof entry.lanes);
    if (seen) { /* a snapshot may be older than what was done meanwhile with a segment that a reset replaced */
        entry.recorded = seen->recorded > entry.recorded ? seen->recorded : entry.recorded;
        entry.is_over |= seen->is_over;
        for (uint32_t lane = 0; lane < TACHO__LANES; lane++) {
            entry.lanes[lane] = seen->lanes[lane] > entry.lanes[lane] ? seen->lanes[lane] : entry.lanes[lane];
        }
    }
    return entry;
}

static void take_process(handing *self, const tacho__part *part) {
    const tacho__handed_segment *seen = tacho__handed_find(self->before, part->segment, part->generation);
    uint64_t found = 0;
    for (size_t i = 0; i < part->record_count; i++) {
        const bool fresh = is_new(seen, part->origins[i].place);
        found += fresh;
        take(self, &part->records[i], fresh);
    }
    self->missed += above(recorded_of(part), (seen ? seen->recorded : 0) + found);
    self->after.segments[self->after.count++] = entry_of(part, seen);
}

/* ----------------------------------------------------------------------------------------------------------- the base
 */

static uint64_t key_of(const tacho__folded *one) {
    return tacho__segment_key(one->id, one->generation);
}

/* How many members of the base had joined when it was looked at last; SIZE_MAX = that cannot be told any more. */
static size_t joined_before(const handing *self, const tacho__part *base) {
    const tacho__handed *before = self->before;
    if (before->base_last == 0 || memcmp(before->base, base->segment, sizeof before->base) != 0) {
        return SIZE_MAX;
    }
    size_t count = base->contains_count; /* mostly the last one still */
    while (count > 0 && key_of(&base->contains[count - 1]) != before->base_last) {
        count--;
    }
    return count > 0 ? count : SIZE_MAX;
}

static bool find_members(handing *self, const tacho__part *base, size_t from) {
    self->members = tacho__calloc(base->contains_count - from + 1, sizeof *self->members);
    for (size_t i = from; self->members && i < base->contains_count; i++) {
        const tacho__folded *one = &base->contains[i];
        self->members[self->member_count++] =
            (member){key_of(one), tacho__handed_find(self->before, one->id, one->generation)};
    }
    if (self->members) {
        qsort(self->members, self->member_count, sizeof *self->members, by_key);
    }
    return self->members != NULL;
}

static const member *find_member(const handing *self, uint64_t key) {
    const member wanted = {key, NULL};
    return self->member_count ? bsearch(&wanted, self->members, self->member_count, sizeof wanted, by_key) : NULL;
}

static void take_base_records(handing *self, const tacho__part *base, bool all_new) {
    uint64_t known =
        memcmp(self->before->base, base->segment, sizeof self->before->base) == 0 ? self->before->base_recorded : 0;
    uint64_t found = 0;
    for (size_t i = 0; i < base->record_count; i++) {
        const member *maker = find_member(self, base->origins[i].maker);
        const bool fresh = maker ? is_new(maker->seen, base->origins[i].place) : all_new;
        found += fresh;
        take(self, &base->records[i], fresh);
    }
    for (size_t i = 0; i < self->member_count; i++) {
        known += self->members[i].seen ? self->members[i].seen->recorded : 0;
    }
    self->missed += above(recorded_of(base), known + found);
}

/* Sums of dead ones only grow: what is new in them are the members that joined since. */
static bool take_base(handing *self, const tacho__part *base) {
    const size_t joined = joined_before(self, base);
    const bool unknown = joined == SIZE_MAX;
    if (!find_members(self, base, unknown ? 0 : joined)) {
        return false;
    }
    take_base_records(self, base, unknown);
    memcpy(self->after.base, base->segment, sizeof self->after.base);
    self->after.base_recorded = recorded_of(base);
    self->after.base_last = key_of(&base->contains[base->contains_count - 1]);
    return true;
}

/* ---------------------------------------------------------------------------------------------------------- the whole
 */

/* Those that are not in the snapshot and have not joined: hidden for a turn, or gone. */
static void keep_unseen(handing *self) {
    const tacho__handed *before = self->before;
    const size_t most = self->whole ? self->after.count + TACHO__HANDED_UNSEEN : SIZE_MAX;
    for (size_t i = 0; i < before->count && self->after.count < most; i++) {
        const tacho__handed_segment *one = &before->segments[i];
        if (!tacho__handed_find(&self->after, one->id, one->generation) &&
            !find_member(self, tacho__segment_key(one->id, one->generation))) {
            self->after.segments[self->after.count++] = *one;
        }
    }
}

static size_t count_records(const tacho_snapshot *snapshot) {
    size_t count = 0;
    for (size_t i = 0; i < snapshot->count; i++) {
        count += snapshot->parts[i]->record_count;
    }
    return count;
}

static bool collect(handing *self, const tacho_snapshot *snapshot) {
    const size_t most = snapshot->count + self->before->count;
    self->fresh = tacho__calloc(count_records(snapshot) + 1, sizeof *self->fresh);
    self->after = *self->before;
    self->after.count = 0;
    self->after.segments = tacho__calloc(most + 1, sizeof *self->after.segments);
    bool done = self->fresh && self->after.segments;
    for (size_t i = 0; i < snapshot->count && done; i++) {
        const tacho__part *part = snapshot->parts[i];
        if (part->made) {
            take_process(self, part);
        } else if (part->contains_count > 0) {
            done = take_base(self, part);
        }
    }
    if (done) {
        keep_unseen(self);
        qsort(self->fresh, self->fresh_count, sizeof *self->fresh, by_end);
    }
    return done;
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

/* To tell later whether the file is still the one that has it. */
static void note_one(handing *self) {
    self->after.again = false;
    if (self->fresh_count > 0) {
        snprintf(self->after.one, sizeof self->after.one, "%s", self->fresh[self->fresh_count - 1].id);
    }
}

static tacho_status hand_over(tacho__visit *visit, const tacho_snapshot *snapshot, bool whole, tacho__handed *handed,
                              uint64_t *missed) {
    handing self = {.before = handed, .whole = whole};
    tacho_status status = collect(&self, snapshot) ? add(visit, &self) : TACHO_NOMEM;
    if (status == TACHO_OK) {
        if (whole) {
            note_one(&self);
        }
        tacho__free(handed->segments);
        *handed = self.after;
        *missed = self.missed;
    } else {
        tacho__free(self.after.segments);
    }
    tacho__free(self.fresh);
    tacho__free(self.members);
    return status;
}

/* Makes the file if it is missing. */
static tacho_status look(void *context, tacho_history *history) {
    tacho__handed *handed = context;
    tacho__history_row row;
    if (!handed->one[0]) {
        return TACHO_OK;
    }
    const tacho_status status = tacho__store_ready(history)
                                    ? tacho__store_find(history, TACHO__SOURCE_LIVE, handed->one, &row)
                                    : TACHO_NOT_FOUND;
    handed->again |= status == TACHO_NOT_FOUND;
    return status == TACHO_NOT_FOUND ? TACHO_OK : status;
}

tacho_status tacho__hand_over(tacho__visit *visit, const tacho_snapshot *snapshot, tacho__handed *handed,
                              uint64_t *missed) {
    *missed = 0;
    const tacho_status status = tacho__visit_history(visit, look, handed);
    return status == TACHO_OK ? hand_over(visit, snapshot, true, handed, missed) : status;
}

tacho_status tacho__hand_over_replaced(tacho__visit *visit, const tacho_snapshot *snapshot, tacho__handed *handed,
                                       uint64_t *missed) {
    *missed = 0;
    return hand_over(visit, snapshot, false, handed, missed);
}
