/*
 * Plays one conformance case through the C interface: play CASE [SNAPSHOT] prints export("json") and saves the snapshot
 * where a path is given. README.md says what a case is.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tachograph.h>
#include <time.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_tree.h>

#define SESSIONS   16
#define COMPONENTS 64
#define TAGS       8

static tacho_collector *collector;
static tacho_session *sessions[SESSIONS];
static size_t session_count;
static tacho_response *response;

static void die(const char *what) {
    fprintf(stderr, "play: %s\n", what);
    exit(2);
}

/* ------------------------------------------------------------------------------------------------- values of a case */

static yajl_val member(yajl_val object, const char *name) {
    const char *path[] = {name, NULL};
    yajl_val value = yajl_tree_get(object, path, yajl_t_any);
    return value && !YAJL_IS_NULL(value) ? value : NULL;
}

/* A text, or the bytes of {"hex": ...}; kept until the program ends. NULL where there is none. */
static const char *text_of(yajl_val value) {
    if (!value || YAJL_IS_STRING(value))
        return value ? YAJL_GET_STRING(value) : NULL;
    const char *hex = text_of(member(value, "hex"));
    if (!hex)
        die("neither a text nor bytes");
    size_t length = strlen(hex) / 2;
    char *bytes = calloc(1, length + 1);
    unsigned byte;
    for (size_t i = 0; bytes && i < length && sscanf(hex + 2 * i, "%2x", &byte) == 1; i++)
        bytes[i] = (char)byte;
    return bytes;
}

static double number_of(yajl_val value) {
    if (YAJL_IS_STRING(value))
        return strcmp(value->u.string, "nan") == 0 ? NAN : (value->u.string[0] == '-' ? -INFINITY : INFINITY);
    return YAJL_IS_NUMBER(value) ? strtod(YAJL_GET_NUMBER(value), NULL) : 0;
}

static uint64_t count_of(yajl_val call, const char *name) {
    yajl_val value = member(call, name);
    return value ? (uint64_t)number_of(value) : 0;
}

/* "2026-06-01T12:00:01.5Z" */
static int64_t instant_of(const char *text) {
    struct tm at = {0};
    double seconds;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%lfZ", &at.tm_year, &at.tm_mon, &at.tm_mday, &at.tm_hour, &at.tm_min,
               &seconds) != 6)
        die("no instant");
    at.tm_year -= 1900;
    at.tm_mon -= 1;
    return (int64_t)timegm(&at) * 1000000000 + llround(seconds * 1e9);
}

/* ------------------------------------------------------------------------------------------------------------ usage */

/* A table of our own classes as a struct; 0 where it is a provider's response. */
static int read_classes(yajl_val value, tacho_usage *out) {
    *out = (tacho_usage)TACHO_USAGE_INIT;
    for (size_t i = 0; i < value->u.object.len; i++) {
        const char *key = value->u.object.keys[i];
        yajl_val item = value->u.object.values[i];
        int unit = tacho_unit_find(key);
        if (unit >= 0 && YAJL_IS_NUMBER(item))
            tacho_usage_set(out, (tacho_unit)unit, (int64_t)number_of(item));
        else if (strcmp(key, "inclusive") == 0)
            out->flags |= YAJL_IS_TRUE(item) ? TACHO_USAGE_INCLUSIVE : 0;
        else
            return 0;
    }
    out->present = 0;
    return 1;
}

static void write_json(yajl_gen to, yajl_val value) {
    if (YAJL_IS_OBJECT(value)) {
        yajl_gen_map_open(to);
        for (size_t i = 0; i < value->u.object.len; i++) {
            const char *key = value->u.object.keys[i];
            yajl_gen_string(to, (const unsigned char *)key, strlen(key));
            write_json(to, value->u.object.values[i]);
        }
        yajl_gen_map_close(to);
    } else if (YAJL_IS_STRING(value)) {
        yajl_gen_string(to, (const unsigned char *)value->u.string, strlen(value->u.string));
    } else if (YAJL_IS_NUMBER(value)) {
        yajl_gen_number(to, YAJL_GET_NUMBER(value), strlen(YAJL_GET_NUMBER(value)));
    } else {
        yajl_gen_null(to);
    }
}

static tacho_status read_response(yajl_val value, const char *dialect, const char *provider) {
    const unsigned char *text;
    size_t length;
    yajl_gen to = yajl_gen_alloc(NULL);
    write_json(to, value);
    yajl_gen_get_buf(to, &text, &length);
    const tacho_dialect *found = dialect ? tacho_dialect_find(dialect, provider) : NULL;
    tacho_status status = tacho_response_read_json(response, found, provider, (const char *)text, length);
    yajl_gen_free(to);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ calls */

static tacho_session *session_of(const char *id) {
    for (size_t i = 0; i < session_count; i++)
        if (strcmp(tacho_session_id(sessions[i]), id) == 0)
            return sessions[i];
    if (session_count == SESSIONS || tacho_session_open(collector, id, &sessions[session_count]) != TACHO_OK)
        die("no session");
    return sessions[session_count++];
}

/* What `error` and `success` say: a category, else the name of a class. */
static void read_outcome(yajl_val call, tacho_finished *out) {
    tacho_category category = TACHO_CATEGORY_NONE;
    tacho_outcome outcome = YAJL_IS_FALSE(member(call, "success")) ? TACHO_OUTCOME_ERROR : TACHO_OUTCOME_OK;
    const char *error = text_of(member(call, "error"));
    if (error && tacho_category_parse(error, &category) == TACHO_OK) {
        outcome = category == TACHO_CATEGORY_TIMEOUT ? TACHO_OUTCOME_TIMEOUT : TACHO_OUTCOME_ERROR;
    } else if (error) {
        tacho_failure failure = TACHO_FAILURE_INIT;
        failure.class_names = &error;
        failure.class_count = 1;
        tacho_classify(&failure, &category, &outcome);
        out->error_type = error;
    }
    out->category = category;
    out->outcome = outcome;
}

static tacho_status read_seconds(yajl_val call, tacho_component components[COMPONENTS], tacho_finished *out) {
    tacho_status status = TACHO_OK;
    yajl_val seconds = member(call, "seconds"), first = member(call, "first_token"), parts = member(call, "components");
    out->duration_ns = TACHO_DURATION_UNKNOWN;
    if (seconds)
        status = tacho_seconds_to_ns(collector, number_of(seconds), &out->duration_ns);
    if (first && status == TACHO_OK)
        status = tacho_seconds_to_ns(collector, number_of(first), &out->first_token_ns);
    for (size_t i = 0; parts && i < parts->u.object.len && status == TACHO_OK; i++) {
        components[i].name = parts->u.object.keys[i];
        status = tacho_seconds_to_ns(collector, number_of(parts->u.object.values[i]), &components[i].duration_ns);
        out->component_count = (uint32_t)i + 1;
    }
    out->components = components;
    return status;
}

static tacho_status read_money(yajl_val call, const char *provider, tacho_usage *usage, tacho_finished *out) {
    const char *cost = text_of(member(call, "cost"));
    yajl_val value = member(call, "usage");
    if (cost && tacho_money_parse(cost, strlen(cost), &out->cost_pusd) != TACHO_OK)
        return TACHO_INVALID;
    if (value && !member(call, "dialect") && read_classes(value, usage))
        out->usage = usage;
    else if (value && read_response(value, text_of(member(call, "dialect")), provider) == TACHO_OK)
        out->response = response;
    return TACHO_OK;
}

static void read_counts(yajl_val call, tacho_finished *out) {
    out->tool = text_of(member(call, "tool"));
    out->retries = (uint32_t)count_of(call, "retries");
    out->interventions = (uint32_t)count_of(call, "interventions");
    out->warnings = (uint32_t)count_of(call, "warnings");
    out->context_size = count_of(call, "context_size");
    out->context_limit = count_of(call, "context_limit");
    out->compressed = YAJL_IS_TRUE(member(call, "compressed"));
}

static tacho_kind kind_of(yajl_val call) {
    const char *word = text_of(member(call, "call")), *kind = text_of(member(call, "kind"));
    tacho_kind parsed = strcmp(word, "record_step") == 0        ? TACHO_KIND_STEP
                        : strcmp(word, "record_tool_call") == 0 ? TACHO_KIND_TOOL
                                                                : TACHO_KIND_CUSTOM;
    return kind && tacho_kind_parse(kind, &parsed) != TACHO_OK ? TACHO_KIND_COUNT : parsed;
}

/* --------------------------------------------------------------------------------------- custom metrics and caches */

static tacho_metric *declare(yajl_val call, const char *word) {
    const char *labels[8], *values[8];
    yajl_val declared = member(call, "declare"), names = declared ? member(declared, "labels") : NULL;
    tacho_metric_spec spec = TACHO_METRIC_SPEC_INIT;
    tacho_metric *metric = NULL, *bound = NULL;
    spec.name = text_of(member(call, "name"));
    spec.description = declared ? text_of(member(declared, "description")) : NULL;
    spec.unit = declared ? text_of(member(declared, "unit")) : NULL;
    spec.labels = labels;
    for (; names && spec.label_count < names->u.array.len; spec.label_count++) {
        labels[spec.label_count] = text_of(names->u.array.values[spec.label_count]);
        values[spec.label_count] = text_of(member(member(call, "labels"), labels[spec.label_count]));
    }
    (strcmp(word, "counter") == 0 ? tacho_counter
     : strcmp(word, "gauge") == 0 ? tacho_gauge
                                  : tacho_histogram)(collector, &spec, &metric);
    if (!names)
        return metric;
    tacho_metric_labels(metric, values, spec.label_count, &bound);
    tacho_metric_release(metric);
    return bound;
}

static void play_metric(yajl_val call, const char *word) {
    tacho_metric *metric = declare(call, word);
    yajl_val set = member(call, "set"), amount = member(call, "amount");
    if (set)
        tacho_gauge_set(metric, number_of(set));
    else if (strcmp(word, "gauge") == 0)
        tacho_gauge_add(metric, number_of(amount));
    else if (strcmp(word, "counter") == 0)
        tacho_counter_add(metric, number_of(amount));
    else
        tacho_histogram_observe(metric, number_of(amount));
    tacho_metric_release(metric);
}

static void play_cache(yajl_val call) {
    tacho_cache *cache = NULL;
    tacho_cache_event event = TACHO_CACHE_EVENT_COUNT;
    const char *name = text_of(member(call, "name")), *word = text_of(member(call, "event"));
    if (member(call, "size") && tacho_cache_bind(collector, name, &cache) == TACHO_OK)
        tacho_cache_size(cache, count_of(call, "size"),
                         member(call, "capacity") ? count_of(call, "capacity") : TACHO_CACHE_CAPACITY_UNKNOWN);
    if (word) {
        tacho_cache_event_parse(word, &event);
        tacho_record_cache(collector, name, event, member(call, "n") ? count_of(call, "n") : 1);
    }
    tacho_cache_release(cache);
}

/* Whether it was one of these calls. */
static int play_special(yajl_val call) {
    const char *word = text_of(member(call, "call"));
    int cache = strcmp(word, "cache") == 0;
    int metric = strcmp(word, "counter") == 0 || strcmp(word, "gauge") == 0 || strcmp(word, "histogram") == 0;
    if (cache)
        play_cache(call);
    if (metric)
        play_metric(call, word);
    return cache || metric;
}

/* One call; what the library refuses is not recorded and not an error of the case. */
static void play(yajl_val call, const char *session) {
    tacho_component components[COMPONENTS];
    tacho_usage usage;
    tacho_finished finished = TACHO_FINISHED_INIT;
    tacho_series *series = NULL;
    if (play_special(call))
        return;
    const char *own = text_of(member(call, "session"));
    tacho_labels labels = TACHO_LABELS_INIT;
    tacho_tag tags[TAGS];
    yajl_val tagged = member(call, "tags");
    labels.tags = tags;
    for (; tagged && labels.tag_count < tagged->u.object.len && labels.tag_count < TAGS; labels.tag_count++)
        tags[labels.tag_count] =
            (tacho_tag){tagged->u.object.keys[labels.tag_count], text_of(tagged->u.object.values[labels.tag_count])};
    labels.provider = text_of(member(call, "provider"));
    labels.model = text_of(member(call, "model"));
    finished.session = session_of(own ? own : session);
    finished.ended_at_ns = instant_of(text_of(member(call, "ended_at")));
    read_outcome(call, &finished);
    read_counts(call, &finished);
    if (read_seconds(call, components, &finished) == TACHO_OK &&
        read_money(call, labels.provider, &usage, &finished) == TACHO_OK &&
        tacho_bind(collector, kind_of(call), text_of(member(call, "name")), &labels, &series) == TACHO_OK)
        tacho_record(series, &finished);
    tacho_series_release(series);
}

static yajl_val read_case(const char *path) {
    static char text[1 << 20];
    char problem[256];
    FILE *file = fopen(path, "rb");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    text[length] = '\0';
    yajl_val tree = length ? yajl_tree_parse(text, problem, sizeof problem) : NULL;
    if (!tree)
        die("the case cannot be read");
    fclose(file);
    return tree;
}

static int print(void *stream, const char *bytes, size_t length) {
    return fwrite(bytes, 1, length, stream) != length;
}

int main(int argc, char **argv) {
    if (argc < 2)
        die("which case?");
    yajl_val tree = read_case(argv[1]), calls = member(tree, "calls");
    tacho_snapshot *snapshot = NULL;
    tacho_config config = TACHO_CONFIG_INIT;
    const char *tags[TAGS];
    yajl_val declared = member(tree, "tags");
    for (config.tags = tags; declared && config.tag_count < declared->u.array.len; config.tag_count++)
        tags[config.tag_count] = text_of(declared->u.array.values[config.tag_count]);
    if (tacho_collector_open(&collector, &config) != TACHO_OK || tacho_response_create(&response) != TACHO_OK)
        die("no collector");
    for (size_t i = 0; i < calls->u.array.len; i++)
        play(calls->u.array.values[i], text_of(member(tree, "session")));
    if (tacho_snapshot_take(collector, &snapshot) != TACHO_OK ||
        tacho_export(snapshot, TACHO_FORMAT_JSON, NULL, print, stdout) != TACHO_OK)
        die("no export");
    if (argc > 2 && tacho_save(snapshot, argv[2]) != TACHO_OK)
        die("not saved");
    for (size_t i = 0; i < session_count; i++)
        tacho_session_end(sessions[i]);
    tacho_snapshot_free(snapshot);
    tacho_response_free(response);
    tacho_collector_close(collector);
    yajl_tree_free(tree);
    return 0;
}
