/** The calls of custom metrics and caches, each in the situations in which it writes differently. */
#include "kill/kill_custom.h"

#include <stdio.h>

void custom_open(world *w) {
    static const char *const labels[] = {"route"};
    tacho_metric_spec spec = TACHO_METRIC_SPEC_INIT;
    spec.labels = labels;
    spec.label_count = 1;
    spec.name = "requests";
    tacho_counter(w->r.collector, &spec, &w->counter);
    spec.name = "depth";
    tacho_gauge(w->r.collector, &spec, &w->gauge);
    spec.name = "size";
    spec.unit = "By";
    tacho_histogram(w->r.collector, &spec, &w->histogram);
    tacho_cache_bind(w->r.collector, "prompt", &w->cache);
}

void custom_close(world *w) {
    tacho_metric_release(w->counter);
    tacho_metric_release(w->gauge);
    tacho_metric_release(w->histogram);
    tacho_cache_release(w->cache);
}

static void declare_as(world *w, const char *what,
                       tacho_status (*how)(tacho_collector *, const tacho_metric_spec *, tacho_metric **)) {
    char name[32];
    snprintf(name, sizeof name, "%s_%u", what, w->round);
    tacho_metric_spec spec = TACHO_METRIC_SPEC_INIT;
    spec.name = name;
    tacho_metric *metric;
    how(w->r.collector, &spec, &metric);
    tacho_metric_release(metric);
}

void custom_declare_counter(world *w) {
    declare_as(w, "counter", tacho_counter);
}
void custom_declare_gauge(world *w) {
    declare_as(w, "gauge", tacho_gauge);
}
void custom_declare_histogram(world *w) {
    declare_as(w, "histogram", tacho_histogram);
}
void custom_bind(world *w) {
    char value[32];
    snprintf(value, sizeof value, "/%u", w->round);
    tacho_metric *metric;
    tacho_metric_labels(w->counter, (const char *const[]){value}, 1, &metric);
    tacho_metric_release(metric);
}
void custom_bind_cache(world *w) {
    char name[32];
    snprintf(name, sizeof name, "cache %u", w->round);
    tacho_cache *cache;
    tacho_cache_bind(w->r.collector, name, &cache);
    tacho_cache_release(cache);
}
void custom_count(world *w) {
    tacho_counter_count(w->counter, 3);
}
void custom_add(world *w) {
    tacho_counter_add(w->counter, 0.25);
}
void custom_set(world *w) {
    tacho_gauge_set(w->gauge, 7.5 + w->round);
}
void custom_change(world *w) {
    tacho_gauge_add(w->gauge, -2);
}
void custom_observe(world *w) {
    tacho_histogram_observe(w->histogram, 700);
}
void custom_observe_extremes(world *w) {
    tacho_histogram_observe(w->histogram, 5);
    tacho_histogram_observe(w->histogram, 1e6 * (w->round + 1));
}
void custom_observe_time(world *w) {
    tacho_metric_spec spec = TACHO_METRIC_SPEC_INIT;
    spec.name = "seconds";
    spec.unit = "s";
    tacho_metric *metric;
    tacho_histogram(w->r.collector, &spec, &metric);
    tacho_histogram_observe_ns(metric, 5 * MS);
    tacho_histogram_stop(metric, tacho_histogram_start(metric) - 2 * MS);
    tacho_metric_release(metric);
}
void custom_hit(world *w) {
    tacho_cache_count(w->cache, TACHO_CACHE_HIT, 2);
}
void custom_size(world *w) {
    tacho_cache_size(w->cache, 10 + w->round, 64);
}
void custom_record_cache(world *w) {
    tacho_record_cache(w->r.collector, "prompt", TACHO_CACHE_EVICTION, 5);
}
void custom_operation_cache(world *w) {
    tacho_operation_cache(&w->op, "files", TACHO_CACHE_MISS);
}
