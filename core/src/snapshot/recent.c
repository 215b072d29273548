#include "snapshot/recent.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

void tacho__recent_free(tacho__recent *recent) {
    tacho__free(recent->calls);
    *recent = (tacho__recent)TACHO__RECENT_NONE;
}

static int by_end(const void *left, const void *right) {
    const tacho__recent_call *a = left, *b = right;
    const int order = (a->ended_at_ns > b->ended_at_ns) - (a->ended_at_ns < b->ended_at_ns);
    /* The duration decides between equal ends, so that the same calls give the same window in any order of lanes. */
    return order != 0 ? order : (a->duration_ns > b->duration_ns) - (a->duration_ns < b->duration_ns);
}

/* Leaves out what is too old: more than `wanted`, or from a time of which not all is known. */
static void trim(tacho__recent *recent) {
    uint32_t first = recent->count > recent->wanted ? recent->count - recent->wanted : 0;
    while (first < recent->count && recent->calls[first].ended_at_ns < recent->since_ns) {
        ++first;
    }
    if (first > 0) {
        recent->count -= first;
        memmove(recent->calls, recent->calls + first, recent->count * sizeof *recent->calls);
    }
}

void tacho__recent_settle(tacho__recent *recent) {
    if (recent->count > 1) {
        qsort(recent->calls, recent->count, sizeof *recent->calls, by_end);
    }
    trim(recent);
}

bool tacho__recent_keep(const tacho__recent *recent, tacho__arena *arena, tacho__recent *out) {
    *out = *recent;
    out->calls = tacho__arena_array(arena, recent->count, sizeof *out->calls);
    if (out->calls && recent->count > 0) {
        memcpy(out->calls, recent->calls, recent->count * sizeof *out->calls);
    }
    return out->calls != NULL;
}

bool tacho__recent_merge(tacho__recent *recent, const tacho__recent *more) {
    recent->missing |= more->missing;
    recent->wanted = more->wanted > recent->wanted ? more->wanted : recent->wanted;
    recent->since_ns = more->since_ns > recent->since_ns ? more->since_ns : recent->since_ns;
    if (more->count > 0) {
        const uint32_t count = recent->count + more->count;
        tacho__recent_call *merged = tacho__malloc(count * sizeof *merged);
        if (!merged) {
            return false;
        }
        for (uint32_t i = 0, a = 0, b = 0; i < count; ++i) {
            const bool left =
                b == more->count || (a < recent->count && by_end(&recent->calls[a], &more->calls[b]) <= 0);
            merged[i] = left ? recent->calls[a++] : more->calls[b++];
        }
        tacho__free(recent->calls);
        recent->calls = merged;
        recent->count = count;
    }
    trim(recent);
    return true;
}

static int ascending(const void *left, const void *right) {
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

bool tacho__recent_quantiles(const tacho__recent *recent, const unsigned *permilles, int64_t *out, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
        out[i] = -1;
    }
    if (recent->missing || recent->count == 0) {
        return true;
    }
    int64_t *sorted = tacho__malloc(recent->count * sizeof *sorted);
    if (!sorted) {
        return false;
    }
    for (uint32_t i = 0; i < recent->count; ++i) {
        sorted[i] = recent->calls[i].duration_ns;
    }
    qsort(sorted, recent->count, sizeof *sorted, ascending);
    __extension__ typedef __int128 wide;
    for (unsigned i = 0; i < count; ++i) {
        const uint64_t position = (uint64_t)(recent->count - 1) * permilles[i];
        const uint64_t rank = position / 1000, rest = position % 1000;
        const int64_t step = rest ? sorted[rank + 1] - sorted[rank] : 0;
        out[i] = sorted[rank] + (int64_t)(((wide)step * (wide)rest + 500) / 1000);
    }
    tacho__free(sorted);
    return true;
}
