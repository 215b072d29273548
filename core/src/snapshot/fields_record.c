/* The fields of a record: faces section 1 `Record`, its usage and its cost flattened. */
#include "snapshot/fields.h"
#include "snapshot/unit_fields.h"

#include <stddef.h>

#define FIELD(name, type, member, help)                                                                                \
    { #name, TACHO_FIELD_##type, offsetof(tacho_record_view, member), help }
#define UNIT(unit, name, type, help) FIELD(name, type, units[TACHO_UNIT_##unit], help)

static const tacho_field fields[] = {
    FIELD(operation, TEXT, operation, "Name of the operation; of a tool call the tool's"),
    FIELD(kind, TEXT, kind, "Kind of the operation: step, llm, tool, agent ..."),
    FIELD(started_at, TIME, started_at_ns, "Begin"),
    FIELD(ended_at, TIME, ended_at_ns, "End"),
    FIELD(seconds, SECONDS, duration_ns, "Duration in seconds"),
    FIELD(first_token_seconds, SECONDS, first_token_ns, "Seconds from the begin to the first token"),
    FIELD(outcome, TEXT, outcome, "ok, error, timeout, cancelled, aborted or orphaned"),
    FIELD(error_category, TEXT, error_category, "Why it failed: network, auth, rate_limit, timeout ..."),
    FIELD(error_type, TEXT, error_type, "Class name or code of the error"),
    FIELD(provider, TEXT, provider, "Provider, under its OpenTelemetry name"),
    FIELD(model, TEXT, model, "Model that answered, as it was recorded"),
    FIELD(requested_model, TEXT, requested_model, "Model that was asked for"),
    FIELD(tool, TEXT, tool, "Tool that was called, or that a step used"),
    TACHO__UNIT_FIELDS(UNIT),
    FIELD(total_tokens, COUNT, total_tokens, "Sum of all token classes"),
    FIELD(cost_usd, USD, cost_pusd, "Cost in USD; of a partial cost the priced part"),
    FIELD(cost_state, STATE, cost_state, "How sure the cost is: unknown, partial, estimated, reported, exact, free"),
    FIELD(reported_usd, USD, reported_pusd, "Cost in USD as the provider or the caller reported it"),
    FIELD(table_usd, USD, table_pusd, "Cost in USD as the price table says"),
    FIELD(price_sheet, TEXT, price_sheet, "Sheet of the price table that priced it"),
    FIELD(service_tier, TEXT, service_tier, "Class of service: standard, batch, flex, priority, ultrafast, fast"),
    FIELD(region, TEXT, region, "Where it was served, as far as prices tell: global, regional"),
    FIELD(retries, COUNT, retries, "Attempts beyond the first"),
    FIELD(interventions, COUNT, interventions, "How often a human stepped in"),
    FIELD(error_count, COUNT, error_count, "Errors, those of failed attempts included"),
    FIELD(warning_count, COUNT, warnings, "Warnings"),
    FIELD(tool_calls, COUNT, tool_calls, "Tool calls that were children of it"),
    FIELD(context_size, COUNT, context_size, "Context size in tokens"),
    FIELD(context_limit, COUNT, context_limit, "Size of the context window in tokens"),
    FIELD(compressions, COUNT, compressions, "Times the context was compacted"),
    FIELD(components, NAMED, components, "Seconds (nanoseconds in the struct) by component"),
    FIELD(tags, TAGS, tags, "Declared tags, by name"),
    FIELD(description, TEXT, description, "What it was about, as the caller put it"),
    FIELD(metadata, NOTES, metadata, "What the caller added, by name"),
    FIELD(events, EVENTS, events, "What happened during it: name, at, fields"),
    FIELD(session, TEXT, session, "Id of the session"),
    FIELD(id, TEXT, id, "Id of the operation, 16 hexadecimal digits, or that of its source"),
    FIELD(parent_id, TEXT, parent_id, "Id of the operation it ran in"),
    FIELD(trace_id, TEXT, trace_id, "Trace id, 32 hexadecimal digits"),
    FIELD(low_confidence, COUNT, low_confidence, "1 when imported with preliminary counts only"),
    FIELD(source, TEXT, source, "Where it was imported from"),
    FIELD(source_id, TEXT, source_id, "Its id at the source"),
};

const tacho_field *tacho_record_fields(size_t *count) {
    *count = sizeof fields / sizeof *fields;
    return fields;
}
