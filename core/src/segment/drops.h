/**
 * What can be lost or refused, and why: X(ENUM, name, meaning). The position is the index in the segment's drop
 * counters (core/FORMAT.md 1.2): append only, at most 64. Nothing of this is an error for the host.
 */
#ifndef TACHO_SEGMENT_DROPS_H
#define TACHO_SEGMENT_DROPS_H

#define TACHO__DROP_MAP(X)                                                                                             \
    X(LOST, "operation_lost", "operations and values that could not be counted anywhere")                              \
    X(REENTRANT, "reentrant", "reserved: nothing is refused for this reason any more")                                 \
    X(INVALID, "invalid_value", "calls with a value off its list or outside its range")                                \
    X(NEGATIVE, "invalid_duration", "durations that are NaN, infinite, negative or too long")                          \
    X(SECOND_END, "second_end", "ends of operations that had ended")                                                   \
    X(FOREIGN_END, "foreign_end", "ends in another process than the begin")                                            \
    X(STALE_SERIES, "stale_series", "operations whose series was given back before they ended")                        \
    X(SERIES_OVERFLOW, "series_overflow", "bindings refused at the bound of series, booked to an overflow series")     \
    X(SEGMENT_FULL, "segment_full", "operations booked to an overflow series because the segment is full")             \
    X(MODEL_OVERFLOW, "model_overflow", "bindings of models beyond the bound, booked to `other`")                      \
    X(PROVIDER_OVERFLOW, "provider_overflow", "bindings of providers beyond the bound, booked to `other`")             \
    X(TOOL_OVERFLOW, "tool_overflow", "bindings of tools beyond the bound, booked to `other`")                         \
    X(TAG_UNDECLARED, "tag_undeclared", "tags that are not declared in the configuration")                             \
    X(SESSION_OVERFLOW, "session_overflow", "sessions beyond the bound, booked to `other`")                            \
    X(STRING_REFUSED, "string_refused", "texts not kept because the space for texts is used up")                       \
    X(ERROR_NAME_OVERFLOW, "error_name_overflow", "errors whose type is beyond the eighth of their series")            \
    X(COMPONENT_MORE, "component_more", "components beyond the eighth, in no record")                                  \
    X(COUNTS_CUT, "counts_cut", "records that could not hold all counts of their usage")                               \
    X(RECORD_UNKEPT, "record_unkept", "operations without a record because there was no room for a ring")              \
    X(SLOWEST_UNKEPT, "slowest_unkept", "operations not considered for the slowest because there was no room")         \
    X(OPEN_UNLISTED, "open_unlisted", "operations in flight without an open slot")                                     \
    X(LANE_SHARED, "lane_shared", "calls that took the shared lane")                                                   \
    X(USAGE_FAULT, "usage_fault", "usages that were clamped or inconsistent")                                          \
    X(USAGE_CONFLICT, "usage_conflict", "usages of a parent more than 1 % off the sum of its descendants")             \
    X(USAGE_REPEATED, "usage_repeated", "responses reported more than once")                                           \
    X(SATURATED, "saturated", "sums that reached the end of their range")                                              \
    X(TRACEPARENT_INVALID, "traceparent_invalid", "trace contexts that could not be read")                             \
    X(OUT_OF_MEMORY, "out_of_memory", "requests for memory that were refused")                                         \
    X(REGISTRY_REFUSED, "registry_refused", "segments in private memory because the shared folder was refused")        \
    X(WINDOW_SHORT, "window_short", "windows of recent durations that hold fewer than asked for, for lack of room")    \
    X(WINDOW_REFUSED, "window_refused", "windows of recent durations that found no room")                              \
    X(METRIC_OVERFLOW, "metric_overflow",                                                                              \
      "custom metrics beyond the bound, booked to the metric `other` of their type")                                   \
    X(NOTE_REFUSED, "note_refused", "notes beyond the 1 KiB of an operation, or without room")                         \
    X(NOTE_LOST, "note_lost", "notes that were overwritten by later ones")                                             \
    X(HISTORY_REFUSED, "history_refused", "hand-overs to history that failed; they are tried again")                   \
    X(HISTORY_MISSED, "history_missed", "records that were overwritten before they were handed over to history")       \
    X(SETTING_IGNORED, "setting_ignored", "settings that differ from those in force in the shared folder")

typedef enum tacho__drop {
#define X(name, text, meaning) TACHO__DROP_##name,
    TACHO__DROP_MAP(X)
#undef X
        TACHO__DROP_COUNT
} tacho__drop;

/** The name of a cause ("second_end"), "" beyond the list. Static storage. */
const char *tacho__drop_name(unsigned cause);

#endif
