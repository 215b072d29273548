/**
 * Usage: what one call consumed, as disjoint token classes and other billed units, and how a provider's response is
 * read into it.
 *
 * Three rules hold everywhere (semantics 24 to 26, faces 0.4):
 *   - each token stands in exactly one class, so the sum of the classes is the number of tokens;
 *   - a unit that is present with 0 is zero, a unit that is absent is unknown;
 *   - the content of a response (text, arguments, results) is never read and never kept.
 */
#ifndef TACHOGRAPH_USAGE_H
#define TACHOGRAPH_USAGE_H

#include <stddef.h>
#include <stdint.h>
#include <tachograph/status.h>
#include <tachograph/version.h>

#define TACHO_DIRECTION_NONE 0 /* neither prompt nor answer: fees */
#define TACHO_DIRECTION_IN   1
#define TACHO_DIRECTION_OUT  2

/*
 * The one list of units: X(ENUM, field, key, is_token, direction, scale). Append only: the position is the bit in the
 * presence mask, the index in component arrays and in the counters of a series.
 *   field      name of the member of tacho_usage, and of the argument in Python and Lua
 *   key        name in JSON, CSV and SQL
 *   is_token   1 = a token class (counts in totals, selects the price band), 0 = another billed unit
 *   direction  TACHO_DIRECTION_*
 *   scale      the stored integer is the face value times this: seconds are stored as whole milliseconds, all else as
 *              it is
 * `cache_write` is the class that lives 5 minutes (and the default of providers that have one class only);
 * `cache_write_1h` the one that lives an hour. `output` is the visible answer, `reasoning` the thinking that is billed
 * but not shown. A modality class is outside the plain one: `input` has neither audio nor image nor video tokens.
 */
#define TACHO_UNIT_MAP(X)                                                                                              \
    X(INPUT, input, input_tokens, 1, TACHO_DIRECTION_IN, 1)                                                            \
    X(CACHE_READ, cache_read, cache_read_tokens, 1, TACHO_DIRECTION_IN, 1)                                             \
    X(CACHE_WRITE, cache_write, cache_write_tokens, 1, TACHO_DIRECTION_IN, 1)                                          \
    X(CACHE_WRITE_1H, cache_write_1h, cache_write_1h_tokens, 1, TACHO_DIRECTION_IN, 1)                                 \
    X(OUTPUT, output, output_tokens, 1, TACHO_DIRECTION_OUT, 1)                                                        \
    X(REASONING, reasoning, reasoning_tokens, 1, TACHO_DIRECTION_OUT, 1)                                               \
    X(INPUT_AUDIO, input_audio, input_audio_tokens, 1, TACHO_DIRECTION_IN, 1)                                          \
    X(CACHE_READ_AUDIO, cache_read_audio, cache_read_audio_tokens, 1, TACHO_DIRECTION_IN, 1)                           \
    X(OUTPUT_AUDIO, output_audio, output_audio_tokens, 1, TACHO_DIRECTION_OUT, 1)                                      \
    X(INPUT_IMAGE, input_image, input_image_tokens, 1, TACHO_DIRECTION_IN, 1)                                          \
    X(CACHE_READ_IMAGE, cache_read_image, cache_read_image_tokens, 1, TACHO_DIRECTION_IN, 1)                           \
    X(OUTPUT_IMAGE, output_image, output_image_tokens, 1, TACHO_DIRECTION_OUT, 1)                                      \
    X(REQUESTS, requests, requests, 0, TACHO_DIRECTION_NONE, 1)                                                        \
    X(WEB_SEARCHES, web_searches, web_searches, 0, TACHO_DIRECTION_NONE, 1)                                            \
    X(INPUT_VIDEO, input_video, input_video_tokens, 1, TACHO_DIRECTION_IN, 1)                                          \
    X(CACHE_READ_VIDEO, cache_read_video, cache_read_video_tokens, 1, TACHO_DIRECTION_IN, 1)                           \
    X(OUTPUT_VIDEO, output_video, output_video_tokens, 1, TACHO_DIRECTION_OUT, 1)                                      \
    X(CITATION, citation, citation_tokens, 1, TACHO_DIRECTION_OUT, 1)                                                  \
    X(INPUT_TOOL, input_tool, input_tool_tokens, 1, TACHO_DIRECTION_IN, 1)                                             \
    X(FILE_SEARCHES, file_searches, file_searches, 0, TACHO_DIRECTION_NONE, 1)                                         \
    X(CODE_SESSIONS, code_sessions, code_sessions, 0, TACHO_DIRECTION_NONE, 1)                                         \
    X(SEARCH_UNITS, search_units, search_units, 0, TACHO_DIRECTION_NONE, 1)                                            \
    X(INPUT_AUDIO_TIME, input_audio_ms, input_audio_seconds, 0, TACHO_DIRECTION_IN, 1000)                              \
    X(OUTPUT_AUDIO_TIME, output_audio_ms, output_audio_seconds, 0, TACHO_DIRECTION_OUT, 1000)                          \
    X(INPUT_VIDEO_TIME, input_video_ms, input_video_seconds, 0, TACHO_DIRECTION_IN, 1000)                              \
    X(OUTPUT_VIDEO_TIME, output_video_ms, output_video_seconds, 0, TACHO_DIRECTION_OUT, 1000)                          \
    X(INPUT_IMAGES, input_images, input_images, 0, TACHO_DIRECTION_IN, 1)                                              \
    X(OUTPUT_IMAGES, output_images, output_images, 0, TACHO_DIRECTION_OUT, 1)                                          \
    X(PIXELS, pixels, pixels, 0, TACHO_DIRECTION_OUT, 1)                                                               \
    X(PAGES, pages, pages, 0, TACHO_DIRECTION_IN, 1)                                                                   \
    X(INPUT_CHARACTERS, input_characters, input_characters, 0, TACHO_DIRECTION_IN, 1)                                  \
    X(OUTPUT_CHARACTERS, output_characters, output_characters, 0, TACHO_DIRECTION_OUT, 1)

typedef enum tacho_unit {
#define X(name, field, key, is_token, direction, scale) TACHO_UNIT_##name,
    TACHO_UNIT_MAP(X)
#undef X
        TACHO_UNIT_COUNT /* 32: a segment reserves that many counters and a 32-bit presence mask */
} tacho_unit;

#define TACHO_UNIT_BIT(unit) (UINT32_C(1) << (unit))

/* Bits of tacho_usage.flags. */
#define TACHO_USAGE_INCLUSIVE     1u  /* `input` includes every other input class, `output` every other output class */
#define TACHO_USAGE_REPORTED_COST 2u  /* reported_cost_pusd was reported by the provider or given by the caller */
#define TACHO_USAGE_ABSENT        4u  /* a call without any usage (a stream cut early): cost unknown, counted */
#define TACHO_USAGE_BYOK          8u  /* the reported cost already includes what the caller's own key paid upstream */
#define TACHO_USAGE_CONTINUES     16u /* an event of a stream without an id: it goes on with the response before it */
#define TACHO_USAGE_INPUT_REST    32u /* `input` is what the other classes left of the provider's total */
#define TACHO_USAGE_OUTPUT_REST   64u /* the same of `output` */

/*
 * What was wrong with a usage; bits of the fault masks below: X(ENUM, bit, name). Each is counted where the usage is
 * booked, none is an error for the host.
 */
#define TACHO_USAGE_FAULT_MAP(X)                                                                                       \
    X(NEGATIVE, 0, "negative")             /* a count below 0 became 0 */                                              \
    X(FRACTIONAL, 1, "fractional")         /* a count with a fraction was rounded half to even */                      \
    X(TOO_LARGE, 2, "too_large")           /* a count above 2^53 became 2^53 */                                        \
    X(SUBSET_LARGER, 3, "subset_larger")   /* a subset larger than its total: the rest became 0 */                     \
    X(TOTAL_MISMATCH, 4, "total_mismatch") /* the provider's own total is not the sum of its parts */                  \
    X(OVERLAP_SPLIT, 5, "overlap_split")   /* cached audio or image not given: split in proportion */                  \
    X(NOT_A_NUMBER, 6, "not_a_number")     /* a count that is text, NaN or infinite was left out */                    \
    X(TOO_MANY_PARTS, 7, "too_many_parts") /* more than TACHO_RESPONSE_PARTS_MAX; the rest was added up */             \
    X(UNKNOWN_CLASS, 8, "unknown_class")   /* a key that the dialect does not know carries tokens */

typedef enum tacho_usage_fault {
#define X(name, bit, text) TACHO_USAGE_FAULT_##name = 1 << (bit),
    TACHO_USAGE_FAULT_MAP(X)
#undef X
} tacho_usage_fault;

#define TACHO_COUNT_MAX (INT64_C(1) << 53)

/**
 * Usage of one call. Strings are UTF-8, NUL-terminated, NULL = not known, read during the call that takes the struct
 * (results of tacho_response_usage point into the response).
 */
typedef struct tacho_usage {
    uint32_t struct_size; /* set by TACHO_USAGE(...) and TACHO_USAGE_INIT */
    uint32_t flags;       /* TACHO_USAGE_* bits */
    uint32_t present;     /* bit per unit; 0 = the caller named what there is, everything else is 0 (semantics 26) */
    uint32_t faults;      /* TACHO_USAGE_FAULT_* bits found while reading it */
    const char *model;    /* the model that answered, as the provider writes it */
    const char *provider;
    const char *response_id;
    const char *service_tier;   /* served by the provider: "standard", "batch", "flex", "priority" ... */
    const char *requested_tier; /* asked for by the caller; used only where the served one is not known */
    const char *speed;          /* "fast", "standard" */
    const char *region;         /* "us", "global", "eu-west-1" ...: where the provider says it ran */
    int64_t reported_cost_pusd; /* pico-USD; valid with TACHO_USAGE_REPORTED_COST */
#define X(name, field, key, is_token, direction, scale) int64_t field;
    TACHO_UNIT_MAP(X)
#undef X
} tacho_usage; /* all 32 units are taken: members added later follow them */

/* Without designators, so that it is C++ too. */
#define TACHO_USAGE_ZERO_UNIT(name, field, key, is_token, direction, scale) 0,
#define TACHO_USAGE_INIT                                                                                               \
    { sizeof(tacho_usage), 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, TACHO_UNIT_MAP(TACHO_USAGE_ZERO_UNIT) }
/** C only: `&TACHO_USAGE(.input = 1200, .output = 340)`; lives as long as the enclosing block. */
#define TACHO_USAGE(...) ((tacho_usage){.struct_size = (uint32_t)sizeof(tacho_usage), __VA_ARGS__})

/** Description of one unit: a row of TACHO_UNIT_MAP. Static storage. */
typedef struct tacho_unit_info {
    const char *field; /* "input" */
    const char *key;   /* "input_tokens" */
    uint8_t is_token;
    uint8_t direction;
    uint16_t scale;
} tacho_unit_info;

#ifdef __cplusplus
extern "C" {
#endif

/** The row of a unit; NULL for a value not on the list. */
TACHO_API const tacho_unit_info *tacho_unit_describe(tacho_unit unit);

/** The unit with this field or key name ("input", "input_tokens"), or -1. Both spellings are accepted everywhere. */
TACHO_API int tacho_unit_find(const char *name);

/** Count of one unit; 0 where it is absent or `unit` is not on the list. */
TACHO_API int64_t tacho_usage_get(const tacho_usage *usage, tacho_unit unit);

/** Set the count of one unit and its presence bit. Ignores a unit that is not on the list. */
TACHO_API void tacho_usage_set(tacho_usage *usage, tacho_unit unit, int64_t count);

/** Sums over the token classes of a normalised usage, saturating at INT64_MAX. */
TACHO_API int64_t tacho_usage_input_tokens(const tacho_usage *usage);
TACHO_API int64_t tacho_usage_output_tokens(const tacho_usage *usage);
TACHO_API int64_t tacho_usage_total_tokens(const tacho_usage *usage);

/**
 * Make a usage canonical: inclusive numbers become disjoint classes, negative counts 0, counts above 2^53 are clamped,
 * a subset larger than its total leaves 0 of the total.
 *
 * @param in      as the caller gave it; may be shorter than this version's struct (struct_size)
 * @param out     the canonical copy (may be `in`); flag INCLUSIVE cleared, `present` set to all units where it was 0
 *                (unless ABSENT), `faults` = faults of `in` and those found now
 * @return TACHO_OK, or TACHO_INVALID for NULL or a struct_size of 0
 *
 * Any thread; no allocation, no lock.
 */
TACHO_API tacho_status tacho_usage_normalise(const tacho_usage *in, tacho_usage *out);

/** Add `more` to `sum`, both normalised: counts saturate, presence and faults are united, reported costs add up. */
TACHO_API void tacho_usage_add(tacho_usage *sum, const tacho_usage *more);

/**
 * Merge a second report of the same response (semantics 24): the last present value per unit and text wins. Both
 * normalised. Where `later` has a total without the parts that were known before (see TACHO_USAGE_INPUT_REST; a count
 * of cache writes without the split by time to live), the parts stay and are taken out of it.
 */
TACHO_API void tacho_usage_update(tacho_usage *usage, const tacho_usage *later);

/* ------------------------------------------------------------------------------------------------------ dialects */

/**
 * A usage dialect: the table that says which key of a provider's response feeds which unit. Built in, static, shared by
 * all threads.
 */
typedef struct tacho_dialect tacho_dialect;

/**
 * Look a dialect up.
 *
 * @param name      our name ("openai_chat", "openai_responses", "anthropic", "gemini", ...) or a flavour of
 *                  genai-prices ("chat", "responses", "anthropic", "embeddings", "default", "tokens", "realtime",
 *                  "images"); NULL gives NULL
 * @param provider  decides what "default" means, and what is special about "chat"; NULL = not known
 * @return the dialect; NULL for a NULL or unknown name: the response is then read by the fingerprint of its keys, with
 *         the habits of the provider
 */
TACHO_API const tacho_dialect *tacho_dialect_find(const char *name, const char *provider);

/** Name of a dialect; static storage. */
TACHO_API const char *tacho_dialect_name(const tacho_dialect *dialect);

/** The built-in dialects in a fixed order: the i-th, or NULL after the last. */
TACHO_API const tacho_dialect *tacho_dialect_at(size_t index);

/* ------------------------------------------------------------------------------------------------------ responses */

#define TACHO_RESPONSE_PARTS_MAX  64u       /* usages in one response (Anthropic iterations) */
#define TACHO_RESPONSE_BYTES_MAX  67108864u /* 64 MiB: longest JSON text of one response */
#define TACHO_RESPONSE_DEPTH_MAX  64u       /* deepest nesting that is walked */
#define TACHO_RESPONSE_STRING_MAX 256u      /* longest model name, id, tier that is kept; longer is cut */

/** Reader of responses: reusable, keeps the strings of the last response. One thread at a time. */
typedef struct tacho_response tacho_response;

/** What a host value is; the kind callback of tacho_value_source returns one of these. */
typedef enum tacho_value_kind {
    TACHO_VALUE_NULL = 0, /* absent, None, nil */
    TACHO_VALUE_BOOLEAN,
    TACHO_VALUE_NUMBER,
    TACHO_VALUE_TEXT,
    TACHO_VALUE_MAP,   /* has named members: dictionary, object with attributes, table */
    TACHO_VALUE_ARRAY, /* has members 0..length-1 */
    TACHO_VALUE_OTHER  /* anything else; ignored */
} tacho_value_kind;

/** Takes one member of a map from tacho_value_source.each. `name` need not be NUL-terminated. */
typedef void (*tacho_value_visit)(void *visitor, const char *name, size_t length, void *member);

/**
 * A response that lives in a host language. The core asks for the members that the dialect names and for nothing else,
 * so a large response costs no more than its usage. `value` is whatever the host uses for a value (a pointer, a stack
 * index); every value that a get callback hands out is released exactly once, in reverse order.
 */
typedef struct tacho_value_source {
    uint32_t struct_size;
    void *context; /* passed to every callback */
    void *root;    /* the response; not released by the core */
    /** Kind of a value. Must not raise or run long. */
    tacho_value_kind (*kind)(void *context, void *value);
    /** Member of a map by its name (NUL-terminated): 1 and *out, or 0 when there is none. */
    int (*get_key)(void *context, void *value, const char *name, void **out);
    /** Number of members of an array. */
    size_t (*length)(void *context, void *value);
    /** Member of an array: 1 and *out, or 0. */
    int (*get_index)(void *context, void *value, size_t index, void **out);
    /**
     * Text of a text, or decimal text of a number in its shortest exact form ("12", "0.0160614", "1e-06"): bytes
     * written without NUL, at most `size`; longer text is cut, a longer number is 0 bytes.
     */
    size_t (*text)(void *context, void *value, char *out, size_t size);
    /** Truth of a boolean. */
    int (*truth)(void *context, void *value);
    /** Give a value back. */
    void (*release)(void *context, void *value);
    /**
     * Optional, for maps whose members stand in a list anyway: hand every member whose name is a text to `visit`, in
     * the map's order, and return 1; return 0, having visited none, where get_key must be asked instead. `member` is
     * valid during the visit and not released by the core. Cheaper than asking for every name that a dialect knows.
     */
    int (*each)(void *context, void *value, tacho_value_visit visit, void *visitor);
} tacho_value_source;

/** New reader; TACHO_NOMEM. Free with tacho_response_free (NULL is harmless). */
TACHO_API tacho_status tacho_response_create(tacho_response **out);
TACHO_API void tacho_response_free(tacho_response *response);

/**
 * Read the usage out of a response given as JSON text.
 *
 * @param dialect   how to read it; NULL = by `provider`, else by the unique fingerprint of keys, else disjoint classes
 *                  under our own names (semantics 25)
 * @param provider  NULL = not known
 * @param text      UTF-8 JSON, `length` bytes, one value; comments are not accepted; not kept
 * @return TACHO_OK; TACHO_NO_DATA (a well-formed response without usage: one part with flag ABSENT);
 *         TACHO_DAMAGED (not JSON), TACHO_LIMIT (bytes or depth), TACHO_NOMEM. After an error there are 0 parts.
 *
 * A text may be the whole response, or the usage object alone. A list is the events of one stream, in their order.
 */
TACHO_API tacho_status tacho_response_read_json(tacho_response *response, const tacho_dialect *dialect,
                                                const char *provider, const char *text, size_t length);

/** The same for a value of the host language; gives the same numbers for the same members. */
TACHO_API tacho_status tacho_response_read(tacho_response *response, const tacho_dialect *dialect, const char *provider,
                                           const tacho_value_source *source);

/**
 * Fold the next event of a stream into the response: the last non-null value of each field wins, nothing is summed
 * (providers send cumulative counts). The first call after tacho_response_clear starts a response; the dialect must be
 * given or follow from the provider, or is chosen by the first event that has a fingerprint. Events without usage are
 * harmless. Results as above.
 */
TACHO_API tacho_status tacho_response_fold_json(tacho_response *response, const tacho_dialect *dialect,
                                                const char *provider, const char *text, size_t length);
TACHO_API tacho_status tacho_response_fold(tacho_response *response, const tacho_dialect *dialect, const char *provider,
                                           const tacho_value_source *source);

/** Forget everything read; keeps the memory. */
TACHO_API void tacho_response_clear(tacho_response *response);

/**
 * Number of usages of the last response. More than one where a provider runs several model calls for one answer
 * (Anthropic iterations): each has its own model and is priced as a request of its own.
 */
TACHO_API size_t tacho_response_parts(const tacho_response *response);

/** The i-th usage, normalised; NULL beyond the last. Valid until the next call on this response. */
TACHO_API const tacho_usage *tacho_response_usage(const tacho_response *response, size_t index);

/** The dialect that was used; NULL when the classes were read under our own names. */
TACHO_API const tacho_dialect *tacho_response_dialect(const tacho_response *response);

/** Faults of all parts together (TACHO_USAGE_FAULT_* bits). */
TACHO_API uint32_t tacho_response_faults(const tacho_response *response);

#ifdef __cplusplus
}
#endif
#endif
