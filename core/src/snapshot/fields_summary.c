/* The scalars of a summary: faces section 1 `summary()`, in that order. */
#include "snapshot/fields.h"
#include "snapshot/unit_fields.h"

#include <stddef.h>

#define FIELD(name, type, member, help)                                                                                \
    { #name, TACHO_FIELD_##type, offsetof(tacho_summary, member), help }
#define UNIT(unit, name, type, help) FIELD(name, type, units[TACHO_UNIT_##unit], help)

static const tacho_field fields[] = {
    FIELD(session, TEXT, session, "Id of the session; unknown for the whole process"),
    FIELD(started_at, TIME, started_at_ns, "Begin of the first operation"),
    FIELD(ended_at, TIME, ended_at_ns, "End of the last operation"),
    FIELD(total_operations, COUNT, total_operations, "Operations that are neither tool calls nor components"),
    FIELD(successful_operations, COUNT, successful_operations, "Those that ended well"),
    FIELD(failed_operations, COUNT, failed_operations, "Those that ended in an error or a timeout"),
    FIELD(cancelled_operations, COUNT, cancelled_operations, "Those that were cancelled"),
    FIELD(aborted_operations, COUNT, aborted_operations, "Those that were given up before their end"),
    FIELD(orphaned_operations, COUNT, orphaned_operations, "Those in flight when their process died"),
    FIELD(total_steps, COUNT, total_steps, "Operations of kind step"),
    FIELD(total_tool_calls, COUNT, total_tool_calls, "Operations of kind tool"),
    FIELD(total_seconds, SECONDS, total_ns, "Wall time in seconds from the first begin to the last end"),
    FIELD(avg_step_seconds, SECONDS, avg_step_ns, "Mean duration of a step in seconds"),
    FIELD(total_tokens, COUNT, total_tokens, "Sum of all token classes"),
    FIELD(total_input_tokens, COUNT, total_input_tokens, "Sum of all input token classes"),
    FIELD(total_output_tokens, COUNT, total_output_tokens, "Sum of all output token classes"),
    TACHO__UNIT_FIELDS(UNIT),
    FIELD(total_cost_usd, USD, total_cost_pusd, "Cost in USD of the part that has a price"),
    FIELD(cost_state, STATE, cost_state, "How sure the cost is: unknown, partial, estimated, reported, exact, free"),
    FIELD(model_calls, COUNT, model_calls, "Operations of kind llm and embedding"),
    FIELD(unpriced_calls, COUNT, unpriced_calls, "Calls with usage for which no price is known"),
    FIELD(success_rate, RATIO, success_rate,
          "ok / (ok + error + timeout) of the steps, else of the operations, 0 to 1"),
    FIELD(retries, COUNT, retries, "Attempts beyond the first"),
    FIELD(interventions, COUNT, interventions, "How often a human stepped in"),
    FIELD(intervention_rate, RATIO, intervention_rate, "Interventions per step, else per operation"),
    FIELD(context_size, COUNT, context_size, "Newest context size in tokens"),
    FIELD(context_limit, COUNT, context_limit, "Limit of the newest context in tokens"),
    FIELD(max_context_size, COUNT, max_context_size, "Largest context size in tokens"),
    FIELD(compressions, COUNT, compressions, "Times the context was compacted"),
    FIELD(cache_hit_rate, RATIO, cache_hit_rate,
          "Input tokens read from a cache, as a part of all input tokens, 0 to 1"),
    FIELD(most_used_tool, TEXT, most_used_tool, "Tool with the most calls"),
    FIELD(least_used_tool, TEXT, least_used_tool, "Tool with the fewest calls"),
    FIELD(price_table, TEXT, price_table, "Version of the price table, which begins with its day"),
    FIELD(records_lost, COUNT, records_lost, "Records that were overwritten before they were read"),
    FIELD(usage_absent, COUNT, usage_absent, "Model calls that reported no usage"),
    FIELD(low_confidence_calls, COUNT, low_confidence_calls, "Imported calls with preliminary counts only"),
    FIELD(series_overflow, COUNT, series_overflow, "Operations booked under `other` because a table was full"),
    FIELD(drops, NAMED, drops, "What was dropped or ignored in the whole process, by cause"),
    FIELD(segments_skipped, NAMED, segments_skipped, "Processes whose numbers could not be read, by reason"),
};

/* How far the numbers can be trusted. */
static const char *const quality[] = {"records_lost",    "unpriced_calls", "usage_absent",    "low_confidence_calls",
                                      "series_overflow", "drops",          "segments_skipped"};

const char *const *tacho_summary_quality(size_t *count) {
    *count = sizeof quality / sizeof *quality;
    return quality;
}

const tacho_field *tacho_summary_fields(size_t *count) {
    *count = sizeof fields / sizeof *fields;
    return fields;
}
