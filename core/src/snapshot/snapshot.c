#include "snapshot/snapshot.h"

#include "base/memory.h"
#include "snapshot/session_match.h"

#include <stdio.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int part_order(const void *left, const void *right) {
    const tacho__part *a = *(tacho__part *const *)left, *b = *(tacho__part *const *)right;
    int order = memcmp(a->segment, b->segment, sizeof a->segment);
    if (order == 0) {
        order = (a->generation > b->generation) - (a->generation < b->generation);
    }
    return order != 0 ? order : (a->taken_at_ns < b->taken_at_ns) - (a->taken_at_ns > b->taken_at_ns);
}

static bool same_source(const tacho__part *a, const tacho__part *b) {
    return a->generation == b->generation && memcmp(a->segment, b->segment, sizeof a->segment) == 0;
}

/* A process that ended is in a sum of dead ones from then on; an earlier snapshot may still tell of it by itself. */
static bool is_contained(const tacho_snapshot *snapshot, const tacho__part *part) {
    for (size_t i = 0; i < snapshot->count; i++) {
        const tacho__part *sum = snapshot->parts[i];
        for (size_t j = 0; sum && j < sum->contains_count; j++) {
            const tacho__folded *one = &sum->contains[j];
            if (one->generation == part->generation && memcmp(one->id, part->segment, sizeof one->id) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void drop_contained(tacho_snapshot *snapshot) {
    size_t kept = 0;
    for (size_t i = 0; i < snapshot->count; i++) {
        if (snapshot->parts[i] && is_contained(snapshot, snapshot->parts[i])) {
            tacho__part_release(snapshot->parts[i]);
            snapshot->parts[i] = NULL;
        }
    }
    for (size_t i = 0; i < snapshot->count; i++) {
        if (snapshot->parts[i]) {
            snapshot->parts[kept++] = snapshot->parts[i];
        }
    }
    snapshot->count = kept;
}

tacho_status tacho__snapshot_of_parts(tacho__part **parts, size_t count, tacho_snapshot **out) {
    tacho_snapshot *snapshot = tacho__calloc(1, sizeof *snapshot + count * sizeof(tacho__part *));
    *out = snapshot;
    if (snapshot) {
        atomic_init(&snapshot->references, 1);
    }
    if (count > 1) {
        qsort(parts, count, sizeof *parts, part_order);
    }
    for (size_t i = 0; i < count; i++) {
        size_t kept = snapshot ? snapshot->count : 0;
        if (!snapshot || (kept > 0 && same_source(snapshot->parts[kept - 1], parts[i]))) {
            tacho__part_release(parts[i]); /* the later of the two stands first */
        } else {
            snapshot->parts[snapshot->count++] = parts[i];
        }
    }
    if (snapshot) {
        drop_contained(snapshot);
    }
    return snapshot ? TACHO_OK : TACHO_NOMEM;
}

tacho_snapshot *tacho_snapshot_retain(tacho_snapshot *snapshot) {
    if (snapshot) {
        atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
    }
    return snapshot;
}

void tacho_snapshot_free(tacho_snapshot *snapshot) {
    if (!snapshot || atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (size_t i = 0; i < snapshot->count; i++) {
        tacho__part_release(snapshot->parts[i]);
    }
    tacho__series_list_free(snapshot->series);
    tacho__free(snapshot);
}

static tacho__series_list *make_series(const tacho_snapshot *snapshot) {
    tacho__series_list *list = NULL;
    bool *newest = tacho__calloc(snapshot->count + 1, sizeof *newest);
    for (size_t i = 0; newest && i < snapshot->count; i++) {
        newest[i] = tacho__snapshot_is_newest(snapshot, i);
    }
    if (newest) {
        tacho__series_of_parts(snapshot->parts, newest, snapshot->count, &list);
    }
    tacho__free(newest);
    return list;
}

const tacho__series_list *tacho__snapshot_series(const tacho_snapshot *snapshot) {
    _Atomic(tacho__series_list *) *place = &((tacho_snapshot *)(uintptr_t)snapshot)->series;
    tacho__series_list *made = NULL, *there = atomic_load_explicit(place, memory_order_acquire);
    if (!there && (made = make_series(snapshot)) != NULL &&
        !atomic_compare_exchange_strong_explicit(place, &there, made, memory_order_acq_rel, memory_order_acquire)) {
        tacho__series_list_free(made); /* another thread was faster */
        made = NULL;
    }
    return there ? there : made;
}

tacho_status tacho_snapshot_merge(const tacho_snapshot *a, const tacho_snapshot *b, tacho_snapshot **out) {
    *out = NULL;
    size_t count = a->count + b->count;
    tacho__part **parts = tacho__calloc(count, sizeof(tacho__part *));
    if (!parts) {
        return TACHO_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        parts[i] = tacho__part_retain(i < a->count ? a->parts[i] : b->parts[i - a->count]);
    }
    tacho_status status = tacho__snapshot_of_parts(parts, count, out);
    tacho__free(parts);
    for (unsigned reason = 0; *out && reason < TACHO__SKIP_COUNT; reason++) {
        uint64_t most = a->skipped[reason] > b->skipped[reason] ? a->skipped[reason] : b->skipped[reason];
        (*out)->skipped[reason] = most; /* of one registry, seen twice: not more segments than the larger number */
    }
    return status;
}

const tacho_named *tacho__snapshot_skips(const tacho_snapshot *snapshot, tacho__arena *arena, uint32_t *count) {
    tacho_named *skips = tacho__arena_array(arena, TACHO__SKIP_COUNT, sizeof *skips);
    *count = 0;
    for (unsigned reason = 0; skips && reason < TACHO__SKIP_COUNT; reason++) {
        if (snapshot->skipped[reason] > 0) {
            skips[(*count)++] = (tacho_named){tacho__skip_name(reason), (int64_t)snapshot->skipped[reason]};
        }
    }
    return skips;
}

const char *tacho__skips_text(const tacho_named *skips, uint32_t count, tacho__arena *arena) {
    int64_t all = 0;
    const char *reasons = "";
    for (uint32_t i = 0; reasons && i < count; i++) {
        all += skips[i].value;
        reasons =
            tacho__arena_print(arena, "%s%s %s %" PRId64, reasons, i > 0 ? "," : "", skips[i].name, skips[i].value);
    }
    return all > 0 && reasons ? tacho__arena_print(arena, "%" PRId64 " segment%s of processes could not be read:%s",
                                                   all, all == 1 ? "" : "s", reasons)
                              : NULL;
}

const char *tacho__snapshot_unread(const tacho_snapshot *snapshot, tacho__arena *arena) {
    uint32_t count;
    const tacho_named *skips = tacho__snapshot_skips(snapshot, arena, &count);
    return skips ? tacho__skips_text(skips, count, arena) : NULL;
}

uint64_t tacho_snapshot_unread(const tacho_snapshot *snapshot, char *out, size_t size) {
    tacho__arena arena = {0};
    const char *text = snapshot ? tacho__snapshot_unread(snapshot, &arena) : NULL;
    if (out && size > 0) {
        snprintf(out, size, "%s", text ? text : "");
    }
    tacho__arena_free(&arena);
    return snapshot ? tacho__snapshot_skipped(snapshot) : 0;
}

uint64_t tacho__snapshot_skipped(const tacho_snapshot *snapshot) {
    uint64_t skipped = 0;
    for (unsigned reason = 0; reason < TACHO__SKIP_COUNT; reason++) {
        skipped += snapshot->skipped[reason];
    }
    return skipped;
}

bool tacho__snapshot_is_newest(const tacho_snapshot *snapshot, size_t part) {
    const tacho__part *const *parts = (const tacho__part *const *)snapshot->parts;
    return part + 1 == snapshot->count ||
           memcmp(parts[part]->segment, parts[part + 1]->segment, sizeof parts[part]->segment) != 0;
}

uint64_t tacho__snapshot_records_lost(const tacho_snapshot *snapshot) {
    uint64_t lost = 0;
    for (size_t i = 0; i < snapshot->count; i++) {
        uint64_t more = snapshot->parts[i]->records_lost;
        lost = lost > UINT64_MAX - more ? UINT64_MAX : lost + more;
    }
    return lost;
}

static int named_order(const void *a, const void *b) {
    return strcmp(((const tacho_named *)a)->name, ((const tacho_named *)b)->name);
}

const tacho_named *tacho__snapshot_drops(const tacho_snapshot *snapshot, tacho__arena *arena, uint32_t *count) {
    size_t all = 0;
    for (size_t i = 0; i < snapshot->count; i++) {
        all += snapshot->parts[i]->drop_count;
    }
    *count = 0;
    tacho_named *drops = all > 0 ? tacho__arena_array(arena, all, sizeof *drops) : NULL;
    size_t taken = 0;
    for (size_t i = 0; i < snapshot->count && drops; i++) {
        for (size_t j = 0; j < snapshot->parts[i]->drop_count; j++) {
            drops[taken++] = snapshot->parts[i]->drops[j];
        }
    }
    if (drops) {
        qsort(drops, taken, sizeof *drops, named_order);
    }
    for (size_t i = 0; i < taken; i++) { /* equal names stand beside each other now */
        if (*count > 0 && strcmp(drops[*count - 1].name, drops[i].name) == 0) {
            drops[*count - 1].value = tacho__sum(drops[*count - 1].value, drops[i].value);
        } else {
            drops[(*count)++] = drops[i];
        }
    }
    return drops;
}

const char *tacho__snapshot_prices(const tacho_snapshot *snapshot) {
    const tacho__part *latest = NULL;
    for (size_t i = 0; i < snapshot->count; i++) {
        const tacho__part *part = snapshot->parts[i];
        if (part->prices && (!latest || part->taken_at_ns > latest->taken_at_ns)) {
            latest = part;
        }
    }
    return latest ? latest->prices : NULL;
}

tacho_status tacho__snapshot_find_session(const tacho_snapshot *snapshot, const char *wanted, const char **found) {
    tacho__session_match match = {.wanted = wanted};
    for (size_t i = 0; i < snapshot->count; i++) {
        const tacho__part *part = snapshot->parts[i];
        for (size_t j = 0; j < part->session_count; j++) {
            tacho__session_match_show(&match, part->sessions[j].is_other ? NULL : part->sessions[j].id);
        }
        for (size_t j = 0; j < part->record_count; j++) { /* of sessions that found no slot */
            tacho__session_match_show(&match, part->records[j].session);
        }
    }
    *found = match.found;
    return tacho__session_match_result(&match);
}
