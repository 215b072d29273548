/* The fields of a row: grouping keys, then the columns of faces section 4 in that order, then what they leave out. */
#include "snapshot/fields.h"
#include "snapshot/unit_fields.h"

#include <stddef.h>

#define FIELD(name, type, member, help)                                                                                \
    { #name, TACHO_FIELD_##type, offsetof(tacho_row, member), help }
#define UNIT(unit, name, type, help) FIELD(name, type, units[TACHO_UNIT_##unit], help)

static const tacho_field fields[] = {
    FIELD(operation, TEXT, operation, "Name of the operation"),
    FIELD(kind, TEXT, kind, "Kind of the operation: step, llm, tool, agent ..."),
    FIELD(provider, TEXT, provider, "Provider, under its OpenTelemetry name"),
    FIELD(model, TEXT, model, "Model id as it was recorded"),
    FIELD(tool, TEXT, tool, "Name of the tool"),
    FIELD(session, TEXT, session, "Id of the session"),
    FIELD(day, TEXT, day, "Calendar day of the end, YYYY-MM-DD in the zone of the query"),
    FIELD(tags, TAGS, tags, "Tags that the table groups by, by name; null = operations without it"),
    FIELD(calls, COUNT, calls, "Operations that ended, whatever their outcome"),
    FIELD(attempts, COUNT, attempts, "Calls and their retries"),
    FIELD(errors, COUNT, errors, "Calls that ended in an error or a timeout"),
    TACHO__UNIT_FIELDS(UNIT),
    FIELD(cost_usd, USD, cost_pusd, "Cost in USD of the part that has a price"),
    FIELD(cost_state, STATE, cost_state, "How sure the cost is: unknown, partial, estimated, reported, exact, free"),
    FIELD(unpriced_calls, COUNT, unpriced_calls, "Calls with usage for which no price is known"),
    FIELD(total_input_tokens, COUNT, total_input_tokens, "Sum of all input token classes"),
    FIELD(total_output_tokens, COUNT, total_output_tokens, "Sum of all output token classes"),
    FIELD(total_tokens, COUNT, total_tokens, "Sum of all token classes"),
    FIELD(success_rate, RATIO, success_rate, "ok / (ok + error + timeout), 0 to 1"),
    FIELD(availability, RATIO, availability,
          "1 less the part that timed out or failed in the network, the provider or its limits, 0 to 1"),
    FIELD(timed_calls, COUNT, timed_calls, "Calls whose duration is known; the times below are about these"),
    FIELD(total_seconds, SECONDS, total_ns, "Sum of the durations in seconds, exact"),
    FIELD(min_seconds, SECONDS, min_ns, "Shortest duration in seconds, exact"),
    FIELD(avg_seconds, SECONDS, avg_ns, "Mean duration in seconds, exact to the nanosecond"),
    FIELD(p50_seconds, SECONDS, p50_ns, "Median duration in seconds, within 2.2 %"),
    FIELD(p95_seconds, SECONDS, p95_ns, "95th percentile of the duration in seconds, within 2.2 %"),
    FIELD(p99_seconds, SECONDS, p99_ns, "99th percentile of the duration in seconds, within 2.2 %"),
    FIELD(max_seconds, SECONDS, max_ns, "Longest duration in seconds, exact"),
    FIELD(std_seconds, SECONDS, std_ns, "Sample standard deviation of the duration in seconds, within about 3 %"),
    FIELD(first_token_seconds, SECONDS, first_token_ns, "Mean time to the first token in seconds"),
    FIELD(tokens_per_second, RATIO, tokens_per_second, "Output tokens per second of the timed calls with usage"),
    FIELD(ok, COUNT, ok, "Calls that ended well"),
    FIELD(error, COUNT, error, "Calls that ended in an error"),
    FIELD(timeout, COUNT, timeout, "Calls that ended in a timeout"),
    FIELD(cancelled, COUNT, cancelled, "Calls that were cancelled"),
    FIELD(aborted, COUNT, aborted, "Calls whose consumer went away"),
    FIELD(orphaned, COUNT, orphaned, "Calls whose process died"),
    FIELD(error_types, NAMED, error_types, "Failed calls by type of the error"),
    FIELD(in_flight, COUNT, in_flight, "Operations that have begun and not ended"),
    FIELD(retries, COUNT, retries, "Attempts beyond the first"),
    FIELD(interventions, COUNT, interventions, "How often a human stepped in"),
    FIELD(warnings, COUNT, warnings, "Warnings that calls gave"),
    FIELD(low_confidence_calls, COUNT, low_confidence_calls, "Imported calls with preliminary counts only"),
    FIELD(steps, COUNT, steps, "Operations of kind step"),
    FIELD(tool_calls, COUNT, tool_calls, "Operations of kind tool"),
    FIELD(context_size, COUNT, context_size, "Newest context size in tokens"),
    FIELD(context_limit, COUNT, context_limit, "Limit of the newest context in tokens"),
    FIELD(max_context_size, COUNT, max_context_size, "Largest context size in tokens"),
    FIELD(compressions, COUNT, compressions, "Times the context was compacted"),
    FIELD(started_at, TIME, started_at_ns, "Begin of the first call"),
    FIELD(ended_at, TIME, ended_at_ns, "End of the last call"),
    FIELD(recent_calls, COUNT, recent_calls, "Newest timed calls that the recent percentiles are about"),
    FIELD(recent_p50_seconds, SECONDS, recent_p50_ns, "Median of the newest durations in seconds, exact"),
    FIELD(recent_p95_seconds, SECONDS, recent_p95_ns, "95th percentile of the newest durations in seconds, exact"),
    FIELD(recent_p99_seconds, SECONDS, recent_p99_ns, "99th percentile of the newest durations in seconds, exact"),
};

const tacho_field *tacho_row_fields(size_t *count) {
    *count = sizeof fields / sizeof *fields;
    return fields;
}
