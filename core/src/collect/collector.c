#include "collect/collector.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/seconds.h"
#include "base/text.h"
#include "collect/custom.h"
#include "collect/reading.h"
#include "segment/fold.h"
#include "segment/glance.h"
#include "segment/reader_clock.h"

#include <string.h>
#include <tachograph/registry.h>

/* The caller's time source becomes a clock; what it leaves out is the system's. */
static tacho__clock clock_of(const tacho_time_source *source) {
    tacho__clock clock = tacho__clock_system;
    if (source && source->struct_size >= sizeof *source) {
        clock.context = source->context;
        if (source->monotonic_ns) {
            clock.monotonic_ns = source->monotonic_ns;
        }
        if (source->wall_ns) {
            clock.wall_ns = source->wall_ns;
        }
    }
    return clock;
}

/* Fields beyond the caller's struct_size are those of TACHO_CONFIG_INIT. */
static bool read_config(const tacho_config *given, tacho_config *out) {
    *out = (tacho_config)TACHO_CONFIG_INIT;
    if (given) {
        if (given->struct_size < offsetof(tacho_config, max_bytes) || given->struct_size > 4096) {
            return false;
        }
        memcpy(out, given, given->struct_size < sizeof *out ? given->struct_size : sizeof *out);
    }
    out->max_bytes = out->max_bytes ? out->max_bytes : TACHO__SEGMENT_DEFAULT;
    out->window = out->window ? out->window : TACHO__WINDOW_DEFAULT;
    out->max_series = out->max_series ? out->max_series : TACHO__MAX_SERIES_DEFAULT;
    return out->max_bytes >= TACHO__SEGMENT_LEAST && out->max_bytes <= TACHO__SEGMENT_MOST &&
           out->max_series <= TACHO__MAX_SERIES_MOST && out->window <= TACHO__WINDOW_MOST &&
           out->tag_count <= TACHO__TAGS && (out->tag_count == 0 || out->tags) &&
           (out->flags & ~(TACHO_CONFIG_SERIALIZED | TACHO_CONFIG_STRICT)) == 0;
}

static bool copy_tags(tacho_collector *collector, const tacho_config *config) {
    for (size_t i = 0; i < config->tag_count; ++i) {
        char *name = config->tags[i] ? tacho__malloc(TACHO__TEXT_CAP + 1) : NULL;
        if (!name) {
            return false;
        }
        name[tacho__text_clean(config->tags[i], strlen(config->tags[i]), name)] = 0;
        collector->tag_names[collector->tag_count++] = name;
    }
    return true;
}

static tacho__segment_plan plan_of(const tacho_collector *collector, uint64_t generation, const uint8_t *id) {
    const tacho__clock_pair now = tacho__clock_read(&collector->clock);
    return (tacho__segment_plan){.bytes = collector->max_bytes,
                                 .generation = generation,
                                 .max_series = collector->max_series,
                                 .window = collector->window,
                                 .id = id,
                                 .wall_ns = now.wall_ns,
                                 .mono_ns = now.mono_ns,
                                 .clock = tacho__clock_number(&collector->clock),
                                 .registry = collector->registry,
                                 .prices = tacho_price_table_version(collector->prices)};
}

/* --------------------------------------------------------------------------------------------- the shared registry */

/* The host records in any case: what cannot be shared stays in private memory, is counted and said once an hour. */
static void say_refused(const char *dir, tacho_status status) {
    static tacho__log_class refused = TACHO__LOG_CLASS("registry_refused", TACHO__LOG_WARNING);
    char why[TACHO_REGISTRY_WHY];
    tacho_registry_why(dir, status, why);
    tacho__log(&refused, "the shared folder '%.200s' cannot be used (%s): recording in private memory", dir, why);
}

/*
 * The one place where this process gets a segment: when the collector is opened, at a reset (same id, next generation),
 * and at the first use after a fork (no id: a new one). In private memory if the registry refuses it; `insist`: then
 * the refusal instead.
 */
static tacho_status make_segment(tacho_collector *collector, uint64_t generation, const uint8_t *id, bool insist,
                                 tacho__segment **out) {
    if (collector->registry) {
        tacho__registry_reach(collector->registry);
    }
    tacho__segment_plan plan = plan_of(collector, generation, id);
    tacho_status status = tacho__segment_create(&plan, out);
    if (plan.registry && status != TACHO_OK && !insist) {
        say_refused(plan.registry->path, status);
        atomic_store_explicit(&collector->refusal, status, memory_order_relaxed);
        plan.registry = NULL;
        status = tacho__segment_create(&plan, out);
    } else if (plan.registry && status == TACHO_OK) {
        atomic_store_explicit(&collector->refusal, TACHO_OK, memory_order_relaxed);
    }
    if (status == TACHO_OK && atomic_load_explicit(&collector->refusal, memory_order_relaxed) != TACHO_OK) {
        tacho__drop_count(*out, TACHO__DROP_REGISTRY_REFUSED);
    }
    return status;
}

/* What begins with a new segment: everything that nobody holds is forgotten, the rest finds its place there. */
static void resolve_anew(tacho_collector *collector, tacho__segment *segment) {
    tacho__series_sweep(collector);
    tacho__custom_sweep(collector);
    tacho__session_start(collector, segment);
}

/* In a forked child, when the lock that it began anew under is free again. */
static void arrived(tacho__writer *writer) {
    tacho_collector *collector = (tacho_collector *)writer;
    const tacho__collector_told revive = atomic_exchange_explicit(&collector->reviving, NULL, memory_order_relaxed);
    if (revive) {
        revive(collector);
    }
}

static void disinherit_replaced(tacho_collector *collector);

/* In a forked child, under the lock. The generation goes on counting, so every handle, cache and operation of the
 * parent's time resolves anew as after a reset. */
static bool begin_anew(tacho__writer *writer) {
    tacho_collector *collector = (tacho_collector *)writer;
    tacho__segment *segment;
    disinherit_replaced(collector);
    tacho__registry_renew(&collector->registry);
    if (make_segment(collector, tacho__segment_of(collector)->generation + 1, NULL, false, &segment) != TACHO_OK) {
        return false;
    }
    tacho__session_rename(&collector->session);
    resolve_anew(collector, segment);
    atomic_store_explicit(&writer->arrived, arrived, memory_order_relaxed);
    return tacho__writer_arrive(writer, segment, tacho__is_enabled(collector));
}

static tacho_status open_registry(tacho_collector *collector, const char *dir) {
    if (!dir || !*dir) {
        return TACHO_OK;
    }
    const tacho_status status = tacho__registry_open(dir, TACHO__REGISTRY_CREATE, &collector->registry);
    if (status == TACHO_OK || collector->strict) {
        return status;
    }
    say_refused(dir, status);
    atomic_store_explicit(&collector->refusal, status, memory_order_relaxed);
    return TACHO_OK;
}

static tacho_status start(tacho_collector *collector, const char *dir) {
    tacho_status status = tacho__series_start(collector);
    if (status == TACHO_OK) {
        status = open_registry(collector, dir);
    }
    if (status != TACHO_OK) {
        return status;
    }
    tacho__segment *segment;
    status = make_segment(collector, 1, NULL, collector->strict, &segment);
    if (status != TACHO_OK) {
        return status;
    }
    status = tacho__writer_open(&collector->writer, segment);
    if (status == TACHO_OK) {
        tacho__session_start(collector, segment);
    }
    return status;
}

/* ------------------------------------------------------------------------------------------------ replaced segments */

void tacho__replaced_push(tacho_collector *collector, tacho__replaced *one) {
    one->next = atomic_load_explicit(&collector->replaced, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&collector->replaced, &one->next, one, memory_order_release,
                                                  memory_order_relaxed)) {
    }
    atomic_fetch_add_explicit(&collector->replaced_count, 1, memory_order_relaxed);
}

tacho__replaced *tacho__replaced_take(tacho_collector *collector) {
    tacho__replaced *all = atomic_exchange_explicit(&collector->replaced, NULL, memory_order_acquire);
    uint32_t count = 0;
    for (const tacho__replaced *one = all; one; one = one->next) {
        ++count;
    }
    atomic_fetch_sub_explicit(&collector->replaced_count, count, memory_order_relaxed);
    return all;
}

void tacho__replaced_free(tacho__replaced *one) {
    tacho__segment_release(one->segment);
    tacho__free(one);
}

static void forget_replaced(tacho_collector *collector) {
    for (tacho__replaced *one = tacho__replaced_take(collector), *next; one; one = next) {
        next = one->next;
        tacho__replaced_free(one);
    }
}

/* Those of a forked child are its parent's: they stay where they are. */
static void disinherit_replaced(tacho_collector *collector) {
    atomic_store_explicit(&collector->wants_replaced, false, memory_order_relaxed);
    atomic_store_explicit(&collector->replaced, NULL, memory_order_relaxed);
    atomic_store_explicit(&collector->replaced_count, 0, memory_order_relaxed);
}

static uint64_t records_of(const tacho__segment *segment) {
    uint64_t count = 0;
    for (uint32_t lane = 0; lane < TACHO__LANES; ++lane) {
        count += tacho__get(&segment->lanes[lane].records);
    }
    return count;
}

/* Under the lock. Where nobody takes them for long there is an end: then all its records count as missed. */
static void keep_replaced(tacho_collector *collector, tacho__segment *old, const tacho__segment *segment) {
    if (!atomic_load_explicit(&collector->wants_replaced, memory_order_relaxed)) {
        return;
    }
    const bool room = atomic_load_explicit(&collector->replaced_count, memory_order_relaxed) < TACHO__REPLACED_MOST;
    tacho__replaced *one = room ? tacho__calloc(1, sizeof *one) : NULL;
    if (!one) {
        atomic_fetch_add_explicit(&segment->header->drops[TACHO__DROP_HISTORY_MISSED], records_of(old),
                                  memory_order_relaxed);
        return;
    }
    tacho__segment_retain(old);
    one->segment = old;
    tacho__replaced_push(collector, one);
}

/* Others may fork, and their threads end, while this reads and writes files. */
static void fold_some(const tacho_collector *collector) {
    tacho__folding done; /* what is not folded now is folded by the next who comes */
    if (collector->registry) {
        tacho__fold_at_open(collector->registry, tacho__wall(&collector->clock), &done);
    }
}

static void dispose(tacho_collector *collector) {
    tacho__series_stop(collector);
    tacho__custom_stop(collector);
    for (uint32_t i = 0; i < collector->tag_count; ++i) {
        tacho__free(collector->tag_names[i]);
    }
    forget_replaced(collector);
    tacho__registry_release(collector->registry);
    tacho__pages_free(collector, sizeof *collector);
}

tacho_status tacho_collector_open(tacho_collector **out, const tacho_config *given) {
    if (!out) {
        return TACHO_INVALID;
    }
    *out = NULL;
    tacho_config config;
    if (!read_config(given, &config)) {
        return TACHO_INVALID;
    }
    bool wiped;
    tacho_collector *collector = tacho__pages_new(sizeof *collector, &wiped);
    if (!collector) {
        return TACHO_NOMEM;
    }
    collector->writer.wiped = wiped;
    collector->writer.begin_anew = begin_anew;
    atomic_init(&collector->enabled, 1);
    atomic_init(&collector->references, 1);
    atomic_init(&collector->refusal, TACHO_OK);
    collector->strict = config.flags & TACHO_CONFIG_STRICT;
    collector->max_series = config.max_series;
    collector->window = config.window;
    collector->max_bytes = config.max_bytes;
    collector->prices = config.prices ? config.prices : tacho_price_table_builtin();
    collector->clock = clock_of(config.time_source);
    collector->writer.serialized = config.flags & TACHO_CONFIG_SERIALIZED;
    collector->writer.clock = &collector->clock;
    collector->session.collector = collector;
    collector->session.borrowed = true;
    tacho_status status = tacho__session_name(&collector->session, config.session) ? TACHO_OK : TACHO_INVALID;
    if (status == TACHO_OK) {
        tacho__writers_hold(); /* no fork while a locked file is nobody's yet: the child could not let go of it */
        status = copy_tags(collector, &config) ? start(collector, config.dir) : TACHO_NOMEM;
        tacho__writers_let_go();
    }
    if (status != TACHO_OK) {
        dispose(collector);
        return status;
    }
    fold_some(collector);
    *out = collector;
    return TACHO_OK;
}

tacho_collector *tacho_collector_retain(tacho_collector *collector) {
    if (collector) {
        atomic_fetch_add_explicit(&collector->references, 1, memory_order_relaxed);
    }
    return collector;
}

void tacho_collector_close(tacho_collector *collector) {
    if (!collector || atomic_fetch_sub_explicit(&collector->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    const tacho__collector_leaving leaving = atomic_load_explicit(&collector->leaving, memory_order_acquire);
    if (!leaving || leaving(collector)) {
        tacho__collector_free(collector);
    }
}

void tacho__collector_free(tacho_collector *collector) {
    if (tacho__writer_is_inherited(&collector->writer)) {
        disinherit_replaced(collector);
    } else {
        tacho__put(&tacho__segment_of(collector)->header->ended_mono_ns, tacho__now(&collector->clock));
    }
    tacho__writer_close(&collector->writer);
    dispose(collector);
}

const char *tacho_collector_dir(const tacho_collector *collector, tacho_status *refusal) {
    const tacho_status status = collector ? atomic_load_explicit(&collector->refusal, memory_order_relaxed) : TACHO_OK;
    if (refusal) {
        *refusal = status;
    }
    return collector && collector->registry && status == TACHO_OK ? collector->registry->path : NULL;
}

tacho__registry *tacho__collector_registry(tacho_collector *collector) {
    if (!collector || !collector->registry) {
        return NULL;
    }
    tacho__registry_reach(collector->registry);
    return tacho__registry_retain(collector->registry);
}

/* Operations that have begun and not ended, as far as the segment knows. */
static bool in_flight(const tacho__segment *segment) {
    int64_t unlisted = 0;
    for (uint32_t lane = 0; lane < TACHO__LANES; ++lane) {
        for (uint32_t kind = 0; kind < TACHO__KIND_CELLS; ++kind) {
            unlisted += (int64_t)tacho__get(&segment->lanes[lane].unlisted[kind]);
        }
    }
    bool any = unlisted > 0;
    for (uint32_t i = 0; !any && i < tacho__get_half(&segment->open_chunks_given) * TACHO__OPEN_CHUNK; ++i) {
        any = tacho__get(&segment->open[i].id) != 0;
    }
    return any;
}

/* The old numbers are gone for everybody, also where no new file could replace theirs. */
static void withdraw(const tacho_collector *collector, const tacho__segment *old, const tacho__segment *segment) {
    char name[TACHO__REGISTRY_NAME];
    if (collector->registry && old->backing.file >= 0 && segment->backing.file < 0) {
        tacho__registry_name(old->header->id, name);
        tacho__registry_remove(collector->registry, name);
    }
}

tacho_status tacho_collector_reset(tacho_collector *collector) {
    if (!collector) {
        return TACHO_OK;
    }
    if (!tacho__writer_lock(&collector->writer, NULL)) {
        return TACHO_NOMEM;
    }
    tacho__segment *old = tacho__segment_of(collector);
    tacho__segment *segment;
    const tacho_status status =
        make_segment(collector, old->generation + 1, old->header->id, collector->strict, &segment);
    if (status == TACHO_OK) {
        withdraw(collector, old, segment);
        keep_replaced(collector, old, segment);
        tacho__put(&old->header->ended_mono_ns, (uint64_t)segment->header->started_mono_ns);
        resolve_anew(collector, segment);
        tacho__writer_replace(&collector->writer, segment, in_flight(old));
    }
    tacho__writer_unlock(&collector->writer);
    const tacho__collector_told told = atomic_load_explicit(&collector->reset, memory_order_acquire);
    if (told && status == TACHO_OK) {
        told(collector);
    }
    return status;
}

int tacho_collector_set_enabled(tacho_collector *collector, int enabled) {
    if (!collector) {
        return 0;
    }
    const int before = (int)atomic_exchange_explicit(&collector->enabled, enabled != 0, memory_order_relaxed);
    tacho__writer_set_gate(&collector->writer, enabled != 0);
    return before;
}

int tacho_collector_enabled(const tacho_collector *collector) {
    return collector ? tacho__is_enabled(collector) : 0;
}

int tacho_collector_has_tag(const tacho_collector *collector, const char *name) {
    uint32_t i = 0;
    while (collector && name && i < collector->tag_count && strcmp(collector->tag_names[i], name) != 0) {
        ++i;
    }
    return collector && name && i < collector->tag_count;
}

const tacho_price_table *tacho_collector_prices(const tacho_collector *collector) {
    return collector ? collector->prices : NULL;
}

/* Under the lock, so that no reset unmaps the segment meanwhile. A re-entrant call that may not wait counts nothing. */
void tacho__count(tacho_collector *collector, tacho__drop cause) {
    if (tacho__writer_lock(&collector->writer, NULL)) {
        tacho__drop_count(tacho__segment_of(collector), cause);
        tacho__writer_unlock(&collector->writer);
    }
}

tacho_status tacho__collector_view(tacho_collector *collector, tacho__view **out) {
    *out = NULL;
    if (!collector) {
        return TACHO_INVALID;
    }
    const tacho__clock_pair now = tacho__clock_read(&collector->clock);
    if (!tacho__writer_lock(&collector->writer, NULL)) {
        return TACHO_NOMEM;
    }
    tacho__segment *segment = tacho__segment_of(collector);
    tacho__segment_anchor(segment, now.mono_ns, now.wall_ns);
    tacho__segment_retain(segment);
    tacho__writer_unlock(&collector->writer);
    const tacho_status status = tacho__view_live(segment->base, now.mono_ns, now.wall_ns, out);
    tacho__segment_release(segment);
    return status;
}

bool tacho__collector_glance(tacho_collector *collector, tacho__glance *out) {
    if (!tacho__writer_lock(&collector->writer, NULL)) {
        return false;
    }
    tacho__glance_live(tacho__segment_of(collector), out);
    tacho__writer_unlock(&collector->writer);
    return true;
}

tacho_status tacho_seconds_to_ns(tacho_collector *collector, double seconds, uint64_t *out_ns) {
    if (!out_ns) {
        return TACHO_INVALID;
    }
    const tacho_status status = tacho__seconds_from_double(seconds, out_ns);
    if (status != TACHO_OK && collector) {
        tacho__count(collector, TACHO__DROP_NEGATIVE);
    }
    return status;
}
