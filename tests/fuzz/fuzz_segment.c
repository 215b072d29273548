/*
 * Any damage to a segment: reading it as of a living process, as of a dead one and adding it to a base ends, and
 * touches nothing else. An input is a list of changes (u32 offset, u64 value) to a segment that holds something of
 * everything; the header's checksum is made to fit, since nobody guesses it.
 */
#include "collect/collector.h"
#include "segment/base.h"
#include "segment/crc32c.h"
#include "segment/reader.h"
#include "snapshot/part.h"
#include "snapshot/snapshot.h"

#include <tachograph.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHANGE 12u /* bytes */

static uint8_t *sample, *work;
static size_t length;

static void record_some(tacho_collector *collector) {
    tacho_series *step = NULL, *llm = NULL;
    tacho_operation parent, child;
    tacho_bind(collector, TACHO_KIND_STEP, "plan", NULL, &step);
    tacho_bind(collector, TACHO_KIND_LLM, "answer", &TACHO_LABELS(.provider = "openai", .model = "gpt-4o"), &llm);
    for (int i = 0; i < 8; i++) {
        tacho_begin(step, NULL, &parent);
        tacho_begin(llm, &parent, &child);
        tacho_operation_usage(&child, &TACHO_USAGE(.input = 100, .output = 20));
        tacho_operation_component(&child, "load", 1000000);
        tacho_operation_fail(&child, TACHO_CATEGORY_NETWORK, "Reset");
        tacho_end(&child, TACHO_OUTCOME_ERROR);
        if (i < 6) {
            tacho_end(&parent, TACHO_OUTCOME_OK);
        }
    }
    tacho_metric_spec spec = TACHO_METRIC_SPEC_INIT;
    tacho_metric *metric = NULL;
    spec.name = "wait";
    tacho_histogram(collector, &spec, &metric);
    tacho_histogram_observe(metric, 5);
    tacho_metric_release(metric);
    spec.name = "depth";
    tacho_gauge(collector, &spec, &metric);
    tacho_gauge_set(metric, 5);
    tacho_metric_release(metric);
    tacho_record_cache(collector, "prompts", TACHO_CACHE_HIT, 1);
    tacho_series_release(step);
    tacho_series_release(llm);
}

static void make_sample(void) {
    tacho_config config = TACHO_CONFIG_INIT;
    tacho_collector *collector = NULL;
    config.max_bytes = 1 << 20;
    if (tacho_collector_open(&collector, &config) != TACHO_OK) {
        abort();
    }
    record_some(collector);
    const tacho__segment *segment = tacho__segment_of(collector);
    length = tacho__base_length(segment);
    sample = malloc(length);
    work = malloc(length);
    if (!sample || !work) {
        abort();
    }
    memcpy(sample, segment->base, length);
    tacho_collector_close(collector);
}

static int swallow(void *context, const char *bytes, size_t n) {
    (void)bytes;
    *(size_t *)context += n;
    return 0;
}

/* The view is taken over. */
static void read_view(tacho__view *view) {
    tacho__part *part = NULL;
    tacho_snapshot *snapshot = NULL;
    size_t written = 0;
    if (tacho__part_of_view(view, NULL, &part) == TACHO_OK &&
        tacho__snapshot_of_parts(&part, 1, &snapshot) == TACHO_OK) {
        tacho_export(snapshot, TACHO_FORMAT_JSON, NULL, swallow, &written);
        tacho_snapshot_free(snapshot);
    }
    tacho__view_free(view);
}

static void read_all(void) {
    tacho__view *view = NULL;
    tacho__segment *base = NULL;
    if (tacho__view_of_bytes(work, length, 0, 0, &view) == TACHO_OK) {
        read_view(view);
    }
    if (tacho__view_of_dead(work, length, 0, 0, &view) != TACHO_OK) {
        return;
    }
    const tacho__base_plan plan = {.views = (const tacho__view *const[]){view}, .count = 1};
    if (tacho__base_build(&plan, &base) == TACHO_OK) {
        tacho__view *sum = NULL;
        if (tacho__view_of_bytes(base->base, tacho__base_length(base), 0, 0, &sum) != TACHO_OK) {
            abort(); /* what we write is always readable */
        }
        read_view(sum);
        tacho__segment_release(base);
    }
    read_view(view);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!sample) {
        make_sample();
    }
    memcpy(work, sample, length);
    for (; size >= CHANGE; data += CHANGE, size -= CHANGE) {
        uint32_t offset;
        memcpy(&offset, data, sizeof offset);
        memcpy(work + offset % (length - 8), data + sizeof offset, 8);
    }
    tacho__header *header = (tacho__header *)work;
    header->crc32c = tacho__crc32c(header, offsetof(tacho__header, crc32c));
    read_all();
    return 0;
}
