/*
 * The state of processes and of what runs in them (semantics 31). Sessions are counted by their ids, so that one
 * session of several processes is one; processes by pid and start, so that several copies of this library in one
 * process, or two snapshots of it, count it once (semantics 21).
 */
#include "snapshot/fields.h"
#include "snapshot/snapshot.h"

#include "base/memory.h"
#include "collect/reading.h"
#include "snapshot/kinds.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define ACTIVE_NS  (INT64_C(15) * 60 * 1000000000)
#define SAME_START INT64_C(1000000000) /* two readings of one start differ by clock ticks and slewing */

#define FIELD(name, type, member, help)                                                                                \
    { #name, TACHO_FIELD_##type, offsetof(tacho_system, member), help }

static const tacho_field fields[] = {
    FIELD(total_requests, COUNT, total_requests, "Ended operations of kind llm, embedding and tool"),
    FIELD(concurrent_requests, COUNT, concurrent_requests, "Operations of these kinds that have begun and not ended"),
    FIELD(active_sessions, COUNT, active_sessions, "Sessions used within 15 minutes and not ended"),
    FIELD(active_agents, COUNT, active_agents, "Operations of kind agent that have begun and not ended"),
    FIELD(in_flight, COUNT, in_flight, "Operations of any kind that have begun and not ended"),
    FIELD(processes, COUNT, processes, "Processes that the next three are about"),
    FIELD(cpu_seconds, SECONDS, cpu_ns, "Processor time of their threads in seconds, user and system"),
    FIELD(memory_bytes, COUNT, memory_bytes, "Their resident memory in bytes"),
    FIELD(open_descriptors, COUNT, descriptors, "Their open file descriptors"),
    FIELD(start_time, TIME, started_at_ns, "When recording began: at the start or the last reset"),
    FIELD(uptime_seconds, SECONDS, uptime_ns, "Seconds since then"),
};

const tacho_field *tacho_system_fields(size_t *count) {
    *count = sizeof fields / sizeof *fields;
    return fields;
}

static void add_series(const tacho__group *sums, tacho_system *out) {
    const int64_t in_flight = sums->in_flight > 0 ? sums->in_flight : 0;
    if (tacho__kind_is_model(sums->kind) || tacho__is_kind(sums->kind, "tool")) {
        out->total_requests = tacho__sum(out->total_requests, tacho__group_calls(sums));
        out->concurrent_requests = tacho__sum(out->concurrent_requests, in_flight);
    }
    if (tacho__is_kind(sums->kind, "agent")) {
        out->active_agents = tacho__sum(out->active_agents, in_flight);
    }
    out->in_flight = tacho__sum(out->in_flight, in_flight);
}

static void add_operations(const tacho__series_list *list, tacho_system *out) {
    for (size_t i = 0; i < list->count; i++) {
        if (!list->series[i].component) {
            add_series(&list->series[i].sums, out);
        }
    }
}

/* An id that nobody gave belongs to a process that may never have used it: only its operations tell. */
static int64_t last_use(const tacho__part_session *session) {
    bool given = session->id && strncmp(session->id, TACHO__SESSION_MADE_UP, sizeof TACHO__SESSION_MADE_UP - 1) != 0;
    int64_t opened = given ? session->opened_at_ns : 0;
    return session->sums.ended_at_ns > opened ? session->sums.ended_at_ns : opened;
}

static bool is_active(const tacho__part_session *session, int64_t now) {
    const int64_t used = last_use(session);
    int64_t ago;
    return !session->is_other && !session->ended && session->id && used != 0 &&
           !__builtin_sub_overflow(now, used, &ago) && ago < ACTIVE_NS;
}

static int text_order(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool count_sessions(const tacho_snapshot *snapshot, int64_t now, tacho_system *out) {
    size_t all = 0, active = 0;
    for (size_t i = 0; i < snapshot->count; i++) {
        all += snapshot->parts[i]->session_count;
    }
    const char **ids = tacho__calloc(all, sizeof *ids);
    for (size_t i = 0; i < snapshot->count && ids; i++) {
        for (size_t j = 0; j < snapshot->parts[i]->session_count; j++) {
            const tacho__part_session *session = &snapshot->parts[i]->sessions[j];
            if (is_active(session, now)) {
                ids[active++] = session->id;
            }
        }
    }
    if (active > 0) {
        qsort(ids, active, sizeof *ids, text_order);
    }
    for (size_t i = 0; i < active; i++) {
        out->active_sessions += i == 0 || strcmp(ids[i - 1], ids[i]) != 0;
    }
    tacho__free(ids);
    return ids != NULL;
}

static bool same_process(const tacho__process *a, const tacho__process *b) {
    int64_t apart;
    return a->pid == b->pid && !__builtin_sub_overflow(a->started_at_ns, b->started_at_ns, &apart) &&
           apart < SAME_START && apart > -SAME_START;
}

/* Of several readings of one process the latest counts. */
static bool is_latest(const tacho_snapshot *snapshot, size_t index) {
    const tacho__part *part = snapshot->parts[index];
    for (size_t i = 0; i < snapshot->count; i++) {
        const tacho__part *other = snapshot->parts[i];
        bool later = other->taken_at_ns > part->taken_at_ns || (other->taken_at_ns == part->taken_at_ns && i < index);
        if (i != index && later && same_process(&part->process, &other->process)) {
            return false;
        }
    }
    return true;
}

static int64_t add_known(int64_t sum, int64_t more) {
    return more < 0 ? sum : tacho__sum(sum < 0 ? 0 : sum, more);
}

static void add_processes(const tacho_snapshot *snapshot, tacho_system *out) {
    for (size_t i = 0; i < snapshot->count; i++) {
        const tacho__process *process = &snapshot->parts[i]->process;
        if (process->pid != 0 && is_latest(snapshot, i)) {
            out->processes++;
            out->cpu_ns = add_known(out->cpu_ns, process->cpu_ns);
            out->memory_bytes = add_known(out->memory_bytes, process->memory_bytes);
            out->descriptors = add_known(out->descriptors, process->descriptors);
        }
    }
}

tacho_status tacho_snapshot_system(const tacho_snapshot *snapshot, tacho_system *out) {
    tacho_system all = {
        .struct_size = sizeof all, .cpu_ns = -1, .memory_bytes = -1, .descriptors = -1, .uptime_ns = -1};
    int64_t now = 0;
    if (!snapshot || !out || out->struct_size < sizeof all) {
        return TACHO_INVALID;
    }
    for (size_t i = 0; i < snapshot->count; i++) {
        const tacho__part *part = snapshot->parts[i];
        now = part->taken_at_ns > now ? part->taken_at_ns : now;
        bool first = all.started_at_ns == 0 || part->started_at_ns < all.started_at_ns;
        all.started_at_ns = first ? part->started_at_ns : all.started_at_ns;
    }
    const tacho__series_list *list = tacho__snapshot_series(snapshot);
    if (!list) {
        return TACHO_NOMEM;
    }
    add_operations(list, &all);
    add_processes(snapshot, &all);
    bool known = all.started_at_ns != 0 && !__builtin_sub_overflow(now, all.started_at_ns, &all.uptime_ns);
    all.uptime_ns = known && all.uptime_ns >= 0 ? all.uptime_ns : -1;
    if (!count_sessions(snapshot, now, &all)) {
        return TACHO_NOMEM;
    }
    *out = all;
    return TACHO_OK;
}
