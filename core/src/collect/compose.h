/**
 * Parts of a record, composed word by word in registers and stored straight into their place. A struct in between would
 * be written in small pieces and read back in words, which stalls the processor at every word.
 */
#ifndef TACHO_COLLECT_COMPOSE_H
#define TACHO_COLLECT_COMPOSE_H

#include "collect/operation.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words of records are composed for little-endian processors");

static inline void tacho__record_store(tacho__stored_record *out, size_t offset, uint64_t word) {
    atomic_store_explicit(&out->word[offset / 8], word, TACHO__RECORD_ORDER);
}

static inline uint64_t tacho__record_pair(uint32_t low, uint32_t high) {
    return low | (uint64_t)high << 32;
}

static inline void tacho__record_names(const tacho__op *op, const tacho__bound *bound, tacho__line requested,
                                       tacho__stored_record *out) {
    const uint32_t series = tacho__get_half(&bound->block->duration.series);
    const tacho__line provider = op->provider ? op->provider : bound->descriptor->provider;
    tacho__record_store(
        out, offsetof(tacho__record, series),
        tacho__record_pair(series, op->session_slot | (uint32_t)op->kind << 16 | (uint32_t)op->outcome << 24));
    tacho__record_store(out, offsetof(tacho__record, session), tacho__record_pair(op->session, requested));
    tacho__record_store(out, offsetof(tacho__record, model), tacho__record_pair(op->model, provider));
    tacho__record_store(out, offsetof(tacho__record, tool), tacho__record_pair(op->tool, op->error_type));
}

static inline void tacho__record_head(const tacho__op *op, tacho__stored_record *out, int64_t end_wall_ns) {
    tacho__record_store(out, offsetof(tacho__record, id), op->id);
    tacho__record_store(out, offsetof(tacho__record, parent), op->parent);
    tacho__record_store(out, offsetof(tacho__record, trace), op->trace[0]);
    tacho__record_store(out, offsetof(tacho__record, trace) + 8, op->trace[1]);
    tacho__record_store(out, offsetof(tacho__record, begin_ns), (uint64_t)op->begin_ns);
    tacho__record_store(out, offsetof(tacho__record, end_ns), (uint64_t)op->end_ns);
    tacho__record_store(out, offsetof(tacho__record, end_wall_ns), (uint64_t)end_wall_ns);
}

static inline void tacho__record_components(const tacho__op *op, tacho__stored_record *out) {
    for (uint32_t i = 0; i < op->component_count; ++i) {
        tacho__record_store(out, offsetof(tacho__record, components) + 8 * i, op->components[i]);
    }
}

static inline void tacho__record_begin(tacho__stored_record *out) {
    tacho__put(&out->word[0], 0);
    TACHO__RECORD_FENCE();
}

static inline void tacho__record_end(tacho__stored_record *out, uint64_t sequence) {
    atomic_store_explicit(&out->word[0], sequence, memory_order_release);
}

#endif
