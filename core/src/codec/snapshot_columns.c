/* The columns of a snapshot file. Names are a part of the format: add some, never rename one (core/FORMAT.md). */
#include "codec/snapshot_file.h"

#include <stddef.h>

#define COUNT  TACHO__FRAME_COUNT
#define AMOUNT TACHO__FRAME_AMOUNT
#define TEXT   TACHO_FIELD_TEXT
#define TIME   TACHO_FIELD_TIME

/* Sums that a series and a session have in common; T is the struct whose member `sums` they are. */
#define SUM(T, name, type, member)                                                                                     \
    { name, type, offsetof(T, sums.member), NULL }
#define UNIT(T, name, unit) SUM(T, name, COUNT, units[TACHO_UNIT_##unit])
#define SUMS(T)                                                                                                        \
    SUM(T, "retries", COUNT, retries), SUM(T, "interventions", COUNT, interventions),                                  \
        SUM(T, "warnings", COUNT, warnings), SUM(T, "usage_calls", COUNT, usage_calls),                                \
        SUM(T, "cost_pusd", AMOUNT, cost_pusd), SUM(T, "cost_unknown", COUNT, cost_calls[TACHO_COST_STATE_UNKNOWN]),   \
        SUM(T, "cost_partial", COUNT, cost_calls[TACHO_COST_STATE_PARTIAL]),                                           \
        SUM(T, "cost_estimated", COUNT, cost_calls[TACHO_COST_STATE_ESTIMATED]),                                       \
        SUM(T, "cost_reported", COUNT, cost_calls[TACHO_COST_STATE_REPORTED]),                                         \
        SUM(T, "cost_exact", COUNT, cost_calls[TACHO_COST_STATE_EXACT]),                                               \
        SUM(T, "cost_free", COUNT, cost_calls[TACHO_COST_STATE_FREE])
#define UNITS(T)                                                                                                       \
    UNIT(T, "input", INPUT), UNIT(T, "cache_read", CACHE_READ), UNIT(T, "cache_write", CACHE_WRITE),                   \
        UNIT(T, "cache_write_1h", CACHE_WRITE_1H), UNIT(T, "output", OUTPUT), UNIT(T, "reasoning", REASONING),         \
        UNIT(T, "input_audio", INPUT_AUDIO), UNIT(T, "cache_read_audio", CACHE_READ_AUDIO),                            \
        UNIT(T, "output_audio", OUTPUT_AUDIO), UNIT(T, "input_image", INPUT_IMAGE),                                    \
        UNIT(T, "cache_read_image", CACHE_READ_IMAGE), UNIT(T, "output_image", OUTPUT_IMAGE),                          \
        UNIT(T, "requests", REQUESTS), UNIT(T, "web_searches", WEB_SEARCHES), UNIT(T, "input_video", INPUT_VIDEO),     \
        UNIT(T, "cache_read_video", CACHE_READ_VIDEO), UNIT(T, "output_video", OUTPUT_VIDEO),                          \
        UNIT(T, "citation", CITATION), UNIT(T, "input_tool", INPUT_TOOL), UNIT(T, "file_searches", FILE_SEARCHES),     \
        UNIT(T, "code_sessions", CODE_SESSIONS), UNIT(T, "search_units", SEARCH_UNITS),                                \
        UNIT(T, "input_audio_ms", INPUT_AUDIO_TIME), UNIT(T, "output_audio_ms", OUTPUT_AUDIO_TIME),                    \
        UNIT(T, "input_video_ms", INPUT_VIDEO_TIME), UNIT(T, "output_video_ms", OUTPUT_VIDEO_TIME),                    \
        UNIT(T, "input_images", INPUT_IMAGES), UNIT(T, "output_images", OUTPUT_IMAGES), UNIT(T, "pixels", PIXELS),     \
        UNIT(T, "pages", PAGES), UNIT(T, "input_characters", INPUT_CHARACTERS),                                        \
        UNIT(T, "output_characters", OUTPUT_CHARACTERS)

#define FIGURE(name, type, member)                                                                                     \
    { name, type, offsetof(tacho__part_series, member), NULL }
#define MEASURE(m)                                                                                                     \
    FIGURE(#m "_sum", COUNT, m.sum), FIGURE(#m "_min", COUNT, m.min), FIGURE(#m "_max", COUNT, m.max),                 \
        FIGURE(#m "_low", COUNT, m.low), FIGURE(#m "_high", COUNT, m.high),                                            \
        FIGURE(#m "_buckets", TACHO__FRAME_BUCKETS, m.buckets)

static const tacho_field series[] = {
    {"operation", TEXT, offsetof(tacho__part_series, sums.operation), NULL},
    {"kind", TEXT, offsetof(tacho__part_series, sums.kind), NULL},
    {"provider", TEXT, offsetof(tacho__part_series, sums.provider), NULL},
    {"model", TEXT, offsetof(tacho__part_series, sums.model), NULL},
    {"tool", TEXT, offsetof(tacho__part_series, sums.tool), NULL},
    {"component", TEXT, offsetof(tacho__part_series, component), NULL},
    {"tags", TACHO_FIELD_TAGS, offsetof(tacho__part_series, sums.tags), NULL},
    {"flags", COUNT, offsetof(tacho__part_series, flags), NULL},
    {"ok", COUNT, offsetof(tacho__part_series, sums.outcomes[TACHO_OUTCOME_OK]), NULL},
    {"error", COUNT, offsetof(tacho__part_series, sums.outcomes[TACHO_OUTCOME_ERROR]), NULL},
    {"timeout", COUNT, offsetof(tacho__part_series, sums.outcomes[TACHO_OUTCOME_TIMEOUT]), NULL},
    {"cancelled", COUNT, offsetof(tacho__part_series, sums.outcomes[TACHO_OUTCOME_CANCELLED]), NULL},
    {"aborted", COUNT, offsetof(tacho__part_series, sums.outcomes[TACHO_OUTCOME_ABORTED]), NULL},
    {"orphaned", COUNT, offsetof(tacho__part_series, sums.outcomes[TACHO_OUTCOME_ORPHANED]), NULL},
    {"error_types", TACHO__FRAME_TYPES, offsetof(tacho__part_series, sums.error_types), NULL},
    {"steps", COUNT, offsetof(tacho__part_series, sums.steps), NULL},
    {"tool_calls", COUNT, offsetof(tacho__part_series, sums.tool_calls), NULL},
    {"usage_absent", COUNT, offsetof(tacho__part_series, sums.usage_absent), NULL},
    {"timed", COUNT, offsetof(tacho__part_series, sums.timed), NULL},
    {"total_ns", COUNT, offsetof(tacho__part_series, sums.total_ns), NULL},
    {"min_ns", COUNT, offsetof(tacho__part_series, sums.min_ns), NULL},
    {"max_ns", COUNT, offsetof(tacho__part_series, sums.max_ns), NULL},
    {"durations_low", COUNT, offsetof(tacho__part_series, duration_low), NULL},
    {"durations_high", COUNT, offsetof(tacho__part_series, duration_high), NULL},
    {"durations", TACHO__FRAME_BUCKETS, offsetof(tacho__part_series, sums.durations), NULL},
    {"recent", TACHO__FRAME_RECENT, offsetof(tacho__part_series, sums.recent), NULL},
    {"first_tokens", COUNT, offsetof(tacho__part_series, sums.first_tokens), NULL},
    {"first_token_ns", COUNT, offsetof(tacho__part_series, sums.first_token_ns), NULL},
    {"speed_ns", COUNT, offsetof(tacho__part_series, sums.speed_ns), NULL},
    {"speed_tokens", COUNT, offsetof(tacho__part_series, sums.speed_tokens), NULL},
    {"in_flight", TACHO_FIELD_COUNT, offsetof(tacho__part_series, sums.in_flight), NULL},
    {"absent", COUNT, offsetof(tacho__part_series, absent), NULL},
    {"not_booked", COUNT, offsetof(tacho__part_series, not_booked), NULL},
    {"table_of_reported_pusd", AMOUNT, offsetof(tacho__part_series, table_of_reported_pusd), NULL},
    {"inclusive_calls", COUNT, offsetof(tacho__part_series, inclusive_calls), NULL},
    {"inclusive_input", COUNT, offsetof(tacho__part_series, inclusive_input), NULL},
    {"inclusive_output", COUNT, offsetof(tacho__part_series, inclusive_output), NULL},
    {"inclusive_pusd", AMOUNT, offsetof(tacho__part_series, inclusive_pusd), NULL},
    {"failed_none", COUNT, offsetof(tacho__part_series, categories[TACHO_CATEGORY_NONE]), NULL},
    {"failed_network", COUNT, offsetof(tacho__part_series, categories[TACHO_CATEGORY_NETWORK]), NULL},
    {"failed_auth", COUNT, offsetof(tacho__part_series, categories[TACHO_CATEGORY_AUTH]), NULL},
    {"failed_rate_limit", COUNT, offsetof(tacho__part_series, categories[TACHO_CATEGORY_RATE_LIMIT]), NULL},
    {"failed_timeout", COUNT, offsetof(tacho__part_series, categories[TACHO_CATEGORY_TIMEOUT]), NULL},
    {"failed_invalid_request", COUNT, offsetof(tacho__part_series, categories[TACHO_CATEGORY_INVALID_REQUEST]), NULL},
    {"failed_context_length", COUNT, offsetof(tacho__part_series, categories[TACHO_CATEGORY_CONTEXT_LENGTH]), NULL},
    {"failed_content_filter", COUNT, offsetof(tacho__part_series, categories[TACHO_CATEGORY_CONTENT_FILTER]), NULL},
    {"failed_provider", COUNT, offsetof(tacho__part_series, categories[TACHO_CATEGORY_PROVIDER]), NULL},
    {"failed_tool", COUNT, offsetof(tacho__part_series, categories[TACHO_CATEGORY_TOOL]), NULL},
    {"failed_internal", COUNT, offsetof(tacho__part_series, categories[TACHO_CATEGORY_INTERNAL]), NULL},
    {"failed_other", COUNT, offsetof(tacho__part_series, categories[TACHO_CATEGORY_OTHER]), NULL},
    SUMS(tacho__part_series),
    UNITS(tacho__part_series),
    MEASURE(first_token),
    MEASURE(time_per_token),
    MEASURE(input),
    MEASURE(output),
    MEASURE(cost),
};

static const tacho_field sessions[] = {
    {"id", TEXT, offsetof(tacho__part_session, id), NULL},
    {"shared", COUNT, offsetof(tacho__part_session, shared), NULL},
    {"is_other", COUNT, offsetof(tacho__part_session, is_other), NULL},
    {"ended", COUNT, offsetof(tacho__part_session, ended), NULL},
    {"opened_at_ns", TIME, offsetof(tacho__part_session, opened_at_ns), NULL},
    {"ended_at_ns", TIME, offsetof(tacho__part_session, ended_at_ns), NULL},
    {"first_begin_ns", TIME, offsetof(tacho__part_session, sums.started_at_ns), NULL},
    {"last_end_ns", TIME, offsetof(tacho__part_session, sums.ended_at_ns), NULL},
    {"model_calls", COUNT, offsetof(tacho__part_session, model_calls), NULL},
    {"step_ns", COUNT, offsetof(tacho__part_session, step_ns), NULL},
    {"timed_steps", COUNT, offsetof(tacho__part_session, timed_steps), NULL},
    {"tool_ns", COUNT, offsetof(tacho__part_session, tool_ns), NULL},
    {"context_size", TACHO_FIELD_COUNT, offsetof(tacho__part_session, sums.context_size), NULL},
    {"context_at_ns", TIME, offsetof(tacho__part_session, sums.context_at_ns), NULL},
    {"max_context_size", TACHO_FIELD_COUNT, offsetof(tacho__part_session, sums.max_context_size), NULL},
    {"context_limit", TACHO_FIELD_COUNT, offsetof(tacho__part_session, sums.context_limit), NULL},
    {"compressions", COUNT, offsetof(tacho__part_session, sums.compressions), NULL},
    {"steps_ok", COUNT, offsetof(tacho__part_session, outcomes[TACHO__SESSION_STEPS][TACHO_OUTCOME_OK]), NULL},
    {"steps_error", COUNT, offsetof(tacho__part_session, outcomes[TACHO__SESSION_STEPS][TACHO_OUTCOME_ERROR]), NULL},
    {"steps_timeout", COUNT, offsetof(tacho__part_session, outcomes[TACHO__SESSION_STEPS][TACHO_OUTCOME_TIMEOUT]),
     NULL},
    {"steps_cancelled", COUNT, offsetof(tacho__part_session, outcomes[TACHO__SESSION_STEPS][TACHO_OUTCOME_CANCELLED]),
     NULL},
    {"steps_aborted", COUNT, offsetof(tacho__part_session, outcomes[TACHO__SESSION_STEPS][TACHO_OUTCOME_ABORTED]),
     NULL},
    {"steps_orphaned", COUNT, offsetof(tacho__part_session, outcomes[TACHO__SESSION_STEPS][TACHO_OUTCOME_ORPHANED]),
     NULL},
    {"tools_ok", COUNT, offsetof(tacho__part_session, outcomes[TACHO__SESSION_TOOLS][TACHO_OUTCOME_OK]), NULL},
    {"tools_error", COUNT, offsetof(tacho__part_session, outcomes[TACHO__SESSION_TOOLS][TACHO_OUTCOME_ERROR]), NULL},
    {"tools_timeout", COUNT, offsetof(tacho__part_session, outcomes[TACHO__SESSION_TOOLS][TACHO_OUTCOME_TIMEOUT]),
     NULL},
    {"tools_cancelled", COUNT, offsetof(tacho__part_session, outcomes[TACHO__SESSION_TOOLS][TACHO_OUTCOME_CANCELLED]),
     NULL},
    {"tools_aborted", COUNT, offsetof(tacho__part_session, outcomes[TACHO__SESSION_TOOLS][TACHO_OUTCOME_ABORTED]),
     NULL},
    {"tools_orphaned", COUNT, offsetof(tacho__part_session, outcomes[TACHO__SESSION_TOOLS][TACHO_OUTCOME_ORPHANED]),
     NULL},
    {"others_ok", COUNT, offsetof(tacho__part_session, outcomes[TACHO__SESSION_OTHERS][TACHO_OUTCOME_OK]), NULL},
    {"others_error", COUNT, offsetof(tacho__part_session, outcomes[TACHO__SESSION_OTHERS][TACHO_OUTCOME_ERROR]), NULL},
    {"others_timeout", COUNT, offsetof(tacho__part_session, outcomes[TACHO__SESSION_OTHERS][TACHO_OUTCOME_TIMEOUT]),
     NULL},
    {"others_cancelled", COUNT, offsetof(tacho__part_session, outcomes[TACHO__SESSION_OTHERS][TACHO_OUTCOME_CANCELLED]),
     NULL},
    {"others_aborted", COUNT, offsetof(tacho__part_session, outcomes[TACHO__SESSION_OTHERS][TACHO_OUTCOME_ABORTED]),
     NULL},
    {"others_orphaned", COUNT, offsetof(tacho__part_session, outcomes[TACHO__SESSION_OTHERS][TACHO_OUTCOME_ORPHANED]),
     NULL},
    SUMS(tacho__part_session),
    UNITS(tacho__part_session),
};

#define OF(T, name, type, member)                                                                                      \
    { name, type, offsetof(T, member), NULL }
#define LABELS(T, prefix, member)                                                                                      \
    OF(T, prefix "0", TEXT, member[0]), OF(T, prefix "1", TEXT, member[1]), OF(T, prefix "2", TEXT, member[2]),        \
        OF(T, prefix "3", TEXT, member[3]), OF(T, prefix "4", TEXT, member[4]), OF(T, prefix "5", TEXT, member[5]),    \
        OF(T, prefix "6", TEXT, member[6]), OF(T, prefix "7", TEXT, member[7])

static const tacho_field metrics[] = {
    OF(tacho__part_metric, "name", TEXT, name),
    OF(tacho__part_metric, "type", TEXT, type),
    OF(tacho__part_metric, "unit", TEXT, unit),
    OF(tacho__part_metric, "merge", TEXT, merge),
    OF(tacho__part_metric, "description", TEXT, description),
    OF(tacho__part_metric, "digits", COUNT, digits),
    OF(tacho__part_metric, "label_count", COUNT, label_count),
    LABELS(tacho__part_metric, "label", labels),
};

static const tacho_field custom[] = {
    OF(tacho__part_custom, "metric", COUNT, metric),
    OF(tacho__part_custom, "flags", COUNT, flags),
    LABELS(tacho__part_custom, "value_of_label", values),
    OF(tacho__part_custom, "value", AMOUNT, value),
    OF(tacho__part_custom, "changed_at_ns", TIME, changed_at_ns),
    OF(tacho__part_custom, "sum", COUNT, measure.sum),
    OF(tacho__part_custom, "min", COUNT, measure.min),
    OF(tacho__part_custom, "max", COUNT, measure.max),
    OF(tacho__part_custom, "low", COUNT, measure.low),
    OF(tacho__part_custom, "high", COUNT, measure.high),
    OF(tacho__part_custom, "buckets", TACHO__FRAME_BUCKETS, measure.buckets),
};

static const tacho_field caches[] = {
    OF(tacho__part_cache, "name", TEXT, name),
    OF(tacho__part_cache, "flags", COUNT, flags),
    OF(tacho__part_cache, "hits", COUNT, hits),
    OF(tacho__part_cache, "misses", COUNT, misses),
    OF(tacho__part_cache, "evictions", COUNT, evictions),
    OF(tacho__part_cache, "size_rejections", COUNT, size_rejections),
    OF(tacho__part_cache, "size", TACHO_FIELD_COUNT, size),
    OF(tacho__part_cache, "capacity", TACHO_FIELD_COUNT, capacity),
};

_Static_assert(sizeof series / sizeof *series <= TACHO__FRAME_COLUMNS, "a frame has room for all columns of a series");
_Static_assert(sizeof sessions / sizeof *sessions <= TACHO__FRAME_COLUMNS, "and of a session");
_Static_assert(offsetof(tacho__part_series, sums) == 0, "error types are read into the group at the start");

const tacho__frame_sort tacho__frame_series = {series, sizeof series / sizeof *series, sizeof(tacho__part_series)};
const tacho__frame_sort tacho__frame_sessions = {sessions, sizeof sessions / sizeof *sessions,
                                                 sizeof(tacho__part_session)};

const tacho__frame_sort tacho__frame_metrics = {metrics, sizeof metrics / sizeof *metrics, sizeof(tacho__part_metric)};
const tacho__frame_sort tacho__frame_custom = {custom, sizeof custom / sizeof *custom, sizeof(tacho__part_custom)};
const tacho__frame_sort tacho__frame_caches = {caches, sizeof caches / sizeof *caches, sizeof(tacho__part_cache)};

tacho__frame_sort tacho__frame_records(tacho_field columns[TACHO__FRAME_COLUMNS]) {
    size_t count;
    const tacho_field *fields = tacho_record_fields(&count);
    for (size_t i = 0; i < count; i++) {
        columns[i] = fields[i];
    }
    columns[count++] = (tacho_field){"present", TACHO__FRAME_SMALL, offsetof(tacho_record_view, present), NULL};
    columns[count++] = (tacho_field){"weight", TACHO__FRAME_SMALL, offsetof(tacho_record_view, weight), NULL};
    return (tacho__frame_sort){columns, count, sizeof(tacho_record_view)};
}
