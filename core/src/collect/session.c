/**
 * Sessions (semantics 4, 5, 52): a slot per id in the segment, a cell per lane in the slot. Totals of a session are
 * exact because every booking goes to its cell; the 65th session and later ones share the slot `other`.
 */
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "collect/collector.h"
#include "collect/reading.h"

#include <stdio.h>
#include <string.h>

#define PLACE_GENERATION(generation) ((uint64_t)((generation)&0xFFFFFF) << 40)

static uint64_t pack(uint64_t generation, tacho__session_place place) {
    return PLACE_GENERATION(generation) | (uint64_t)place.slot << 32 | place.id;
}

static int64_t now_of(const tacho_collector *collector) {
    return (int64_t)tacho__now(&collector->clock);
}

static uint16_t find_slot(tacho__segment *segment, tacho__line id) {
    const uint32_t count = tacho__get_half(&segment->header->session_count);
    for (uint16_t slot = 0; slot < count; ++slot) {
        if (id && tacho__get_half(&segment->sessions[slot].id) == id) {
            return slot;
        }
    }
    return TACHO__SESSION_OTHER;
}

static uint16_t open_slot(tacho_collector *collector, tacho__segment *segment, tacho__line id) {
    const uint32_t count = tacho__get_half(&segment->header->session_count);
    const uint16_t number = count < TACHO__SESSION_SLOTS && id ? (uint16_t)count : TACHO__SESSION_OTHER;
    tacho__session_slot *slot = &segment->sessions[number];
    tacho__put(&slot->shared, tacho__get(&slot->shared) + 1);
    if (number != TACHO__SESSION_OTHER || tacho__get(&slot->opened) == 0) {
        tacho__put(&slot->opened, tacho__stamp(now_of(collector)));
    }
    if (number == TACHO__SESSION_OTHER) {
        tacho__drop_count(segment, TACHO__DROP_SESSION_OVERFLOW);
    } else {
        tacho__put_half(&slot->id, id);
    }
    atomic_store_explicit(&slot->state, TACHO__SESSION_USED, memory_order_release);
    if (number != TACHO__SESSION_OTHER) {
        atomic_store_explicit(&segment->header->session_count, count + 1, memory_order_release);
    }
    return number;
}

tacho__session_place tacho__session_place_of(tacho_collector *collector, tacho__segment *segment, const char *id,
                                             bool handle) {
    const tacho__line line = tacho__segment_intern(segment, id, strlen(id), TACHO__POCKET_DETAIL);
    uint16_t number = find_slot(segment, line);
    if (number == TACHO__SESSION_OTHER) {
        number = open_slot(collector, segment, line);
    }
    tacho__session_slot *slot = &segment->sessions[number];
    if (handle) {
        segment->session_handles[number] += 1;
        tacho__put(&slot->ended, 0);
        tacho__put_half(&slot->state, TACHO__SESSION_USED);
    }
    return (tacho__session_place){number, line};
}

tacho__session_place tacho__session_find(tacho_collector *collector, tacho__lane *lane, tacho_session *session) {
    uint64_t place = atomic_load_explicit(&session->place, memory_order_acquire);
    if (__builtin_expect((place ^ PLACE_GENERATION(lane->segment->generation)) >> 40 != 0, 0)) {
        tacho__session_place found = {TACHO__SESSION_OTHER, 0};
        if (tacho__writer_lock(&collector->writer, lane)) {
            found = tacho__session_place_of(collector, lane->segment, session->id, true);
            atomic_store_explicit(&session->place, pack(lane->segment->generation, found), memory_order_release);
            tacho__writer_unlock(&collector->writer);
        }
        return found;
    }
    return (tacho__session_place){(uint16_t)(place >> 32 & 0xFF), (tacho__line)place};
}

void tacho__session_start(tacho_collector *collector, tacho__segment *segment) {
    const tacho__session_place place = tacho__session_place_of(collector, segment, collector->session.id, true);
    atomic_store_explicit(&collector->session.place, pack(segment->generation, place), memory_order_release);
}

/* ----------------------------------------------------------------------------------------------------- public */

static void name_session(tacho_session *session, const char *id) {
    if (id) {
        session->id[tacho__text_clean(id, strlen(id), session->id)] = 0;
        return;
    }
    char high[17], low[17];
    tacho__hex_text(tacho__random_id(), high);
    tacho__hex_text(tacho__random_id(), low);
    snprintf(session->id, sizeof session->id, TACHO__SESSION_MADE_UP "%s%s", high, low);
}

bool tacho__session_name(tacho_session *session, const char *id) {
    if (id && (*id == 0 || strlen(id) > TACHO__STRING_BYTES)) {
        return false;
    }
    name_session(session, id);
    return session->id[0] != 0;
}

void tacho__session_rename(tacho_session *session) {
    if (strncmp(session->id, TACHO__SESSION_MADE_UP, sizeof TACHO__SESSION_MADE_UP - 1) == 0) {
        name_session(session, NULL);
    }
}

tacho_status tacho_session_open(tacho_collector *collector, const char *id, tacho_session **out) {
    if (!out) {
        return TACHO_INVALID;
    }
    *out = NULL;
    if (!collector) {
        return TACHO_OK;
    }
    tacho_session *session = tacho__calloc(1, sizeof *session);
    if (!session) {
        return TACHO_NOMEM;
    }
    if (!tacho__session_name(session, id)) {
        tacho__free(session);
        tacho__count(collector, TACHO__DROP_INVALID);
        return TACHO_INVALID;
    }
    if (!tacho__writer_lock(&collector->writer, NULL)) {
        tacho__free(session);
        return TACHO_NOMEM;
    }
    session->collector = tacho_collector_retain(collector);
    tacho__segment *segment = tacho__segment_of(collector);
    const tacho__session_place place = tacho__session_place_of(collector, segment, session->id, true);
    atomic_store_explicit(&session->place, pack(segment->generation, place), memory_order_release);
    tacho__writer_unlock(&collector->writer);
    *out = session;
    return place.slot == TACHO__SESSION_OTHER ? TACHO_FULL : TACHO_OK;
}

tacho_session *tacho_collector_session(tacho_collector *collector) {
    return collector ? &collector->session : NULL;
}

void tacho_session_end(tacho_session *session) {
    if (!session || session->borrowed) {
        return;
    }
    tacho_collector *collector = session->collector;
    const bool locked = tacho__writer_lock(&collector->writer, NULL);
    tacho__segment *segment = tacho__segment_of(collector);
    const uint64_t place = atomic_load_explicit(&session->place, memory_order_relaxed);
    const uint32_t number = (uint32_t)(place >> 32 & 0xFF);
    const bool current = locked && (place ^ PLACE_GENERATION(segment->generation)) >> 40 == 0;
    if (current && segment->session_handles[number] > 0 && --segment->session_handles[number] == 0 &&
        number != TACHO__SESSION_OTHER) {
        tacho__put(&segment->sessions[number].ended, tacho__stamp(now_of(collector)));
        tacho__put_half(&segment->sessions[number].state, TACHO__SESSION_ENDED);
    }
    tacho__writer_unlock(&collector->writer);
    tacho__free(session);
    tacho_collector_close(collector);
}

const char *tacho_session_id(const tacho_session *session) {
    return session ? session->id : "";
}
