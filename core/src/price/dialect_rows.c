/*
 * The dialects as data. Sources: the providers' API references and reference/cost-tables.md 2.7. A row names a key and
 * says how its number relates to the others; nothing here computes.
 */
#include "price/dialect_rows.h"

#define ADD(path, unit)                                                                                                \
    { path, TACHO_UNIT_##unit, TACHO__RULE_ADD, 0 }
#define TOTAL(path, unit)                                                                                              \
    { path, TACHO_UNIT_##unit, TACHO__RULE_TOTAL, 0 }
#define SUBSET(path, unit)                                                                                             \
    { path, TACHO_UNIT_##unit, TACHO__RULE_SUBSET, 0 }
#define OR_SUBSET(path, unit)                                                                                          \
    { path, TACHO_UNIT_##unit, TACHO__RULE_SUBSET, TACHO__ROW_OTHERWISE }
#define INSIDE(path, unit)                                                                                             \
    { path, TACHO_UNIT_##unit, TACHO__RULE_INSIDE, 0 }
#define LAST(path, what)                                                                                               \
    { path, TACHO__TARGET_##what, TACHO__RULE_LAST, 0 }
#define COUNT(rows) (uint8_t)(sizeof(rows) / sizeof *(rows))

/* Names, ids and tiers stand at the top of a response; in streams one level deeper. */
#define ENVELOPE                                                                                                       \
    LAST("/model", MODEL), LAST("/id", ID), LAST("/service_tier", TIER), LAST("/response/model", MODEL),               \
        LAST("/response/id", ID), LAST("/response/service_tier", TIER)

/* Everything that OpenAI's chat completions and its many relatives say; who lacks a key simply does not send it. */
#define CHAT_READS                                                                                                     \
    TOTAL("prompt_tokens", INPUT), SUBSET("prompt_tokens_details/cached_tokens", CACHE_READ),                          \
        OR_SUBSET("cached_tokens", CACHE_READ), OR_SUBSET("prompt_cache_hit_tokens", CACHE_READ),                      \
        OR_SUBSET("cache_read_input_tokens", CACHE_READ), OR_SUBSET("num_cached_tokens", CACHE_READ),                  \
        SUBSET("prompt_tokens_details/audio_tokens", INPUT_AUDIO),                                                     \
        SUBSET("prompt_tokens_details/image_tokens", INPUT_IMAGE),                                                     \
        SUBSET("prompt_tokens_details/video_tokens", INPUT_VIDEO),                                                     \
        SUBSET("prompt_tokens_details/cached_tokens_details/audio_tokens", CACHE_READ_AUDIO),                          \
        SUBSET("prompt_tokens_details/cached_tokens_details/image_tokens", CACHE_READ_IMAGE),                          \
        LAST("total_tokens", TOTAL), ADD("server_tool_use/web_search_requests", WEB_SEARCHES)
#define CHAT_WRITES                                                                                                    \
    SUBSET("prompt_tokens_details/cache_write_tokens", CACHE_WRITE),                                                   \
        OR_SUBSET("prompt_tokens_details/cache_creation_tokens", CACHE_WRITE),                                         \
        OR_SUBSET("cache_creation_input_tokens", CACHE_WRITE),                                                         \
        INSIDE("prompt_tokens_details/cache_creation_token_details/ephemeral_1h_input_tokens", CACHE_WRITE_1H)
#define CHAT_OUTPUT                                                                                                    \
    TOTAL("completion_tokens", OUTPUT), SUBSET("completion_tokens_details/audio_tokens", OUTPUT_AUDIO),                \
        SUBSET("completion_tokens_details/image_tokens", OUTPUT_IMAGE),                                                \
        SUBSET("completion_tokens_details/video_tokens", OUTPUT_VIDEO)
#define CHAT_REASONING                                                                                                 \
    SUBSET("completion_tokens_details/reasoning_tokens", REASONING), OR_SUBSET("reasoning_tokens", REASONING)

static const tacho__dialect_row chat_rows[] = {CHAT_READS, CHAT_WRITES, CHAT_OUTPUT, CHAT_REASONING, ENVELOPE};

/* Azure sells OpenAI's models without a price for writing to the cache: those tokens are plain input there. */
static const tacho__dialect_row azure_chat_rows[] = {CHAT_READS, CHAT_OUTPUT, CHAT_REASONING, ENVELOPE};

static const tacho__dialect_row openrouter_rows[] = {CHAT_READS,
                                                     CHAT_WRITES,
                                                     CHAT_OUTPUT,
                                                     CHAT_REASONING,
                                                     LAST("cost", COST),
                                                     LAST("cost_details/upstream_inference_cost", UPSTREAM),
                                                     LAST("is_byok", BYOK),
                                                     ENVELOPE};

static const tacho__dialect_row xai_chat_rows[] = {CHAT_READS,
                                                   CHAT_WRITES,
                                                   CHAT_OUTPUT,
                                                   CHAT_REASONING,
                                                   OR_SUBSET("cached_prompt_text_tokens", CACHE_READ),
                                                   ADD("num_sources_used", WEB_SEARCHES),
                                                   LAST("cost_in_usd_ticks", TICKS),
                                                   ENVELOPE};

static const tacho__dialect_row xai_rows[] = {TOTAL("prompt_tokens", INPUT),
                                              SUBSET("cached_prompt_text_tokens", CACHE_READ),
                                              TOTAL("completion_tokens", OUTPUT),
                                              SUBSET("reasoning_tokens", REASONING),
                                              LAST("total_tokens", TOTAL),
                                              LAST("cost_in_usd_ticks", TICKS),
                                              ENVELOPE};

static const tacho__dialect_row perplexity_rows[] = {TOTAL("prompt_tokens", INPUT),
                                                     ADD("completion_tokens", OUTPUT),
                                                     ADD("reasoning_tokens", REASONING),
                                                     ADD("citation_tokens", CITATION),
                                                     ADD("num_search_queries", WEB_SEARCHES),
                                                     LAST("cost/total_cost", COST),
                                                     ENVELOPE};

static const tacho__dialect_row embeddings_rows[] = {TOTAL("prompt_tokens", INPUT), ENVELOPE};

#define RESPONSES                                                                                                      \
    TOTAL("input_tokens", INPUT), SUBSET("input_tokens_details/cached_tokens", CACHE_READ),                            \
        SUBSET("input_tokens_details/audio_tokens", INPUT_AUDIO),                                                      \
        SUBSET("input_tokens_details/image_tokens", INPUT_IMAGE), TOTAL("output_tokens", OUTPUT),                      \
        SUBSET("output_tokens_details/reasoning_tokens", REASONING),                                                   \
        SUBSET("output_tokens_details/audio_tokens", OUTPUT_AUDIO), LAST("total_tokens", TOTAL)

static const tacho__dialect_row responses_rows[] = {RESPONSES,
                                                    SUBSET("input_tokens_details/cache_write_tokens", CACHE_WRITE),
                                                    LAST("cost_in_usd_ticks", TICKS), ENVELOPE};

static const tacho__dialect_row azure_responses_rows[] = {RESPONSES, ENVELOPE};

static const tacho__dialect_row realtime_rows[] = {
    TOTAL("input_tokens", INPUT),
    SUBSET("input_token_details/audio_tokens", INPUT_AUDIO),
    SUBSET("input_token_details/image_tokens", INPUT_IMAGE),
    SUBSET("input_token_details/cached_tokens", CACHE_READ),
    SUBSET("input_token_details/cached_tokens_details/audio_tokens", CACHE_READ_AUDIO),
    SUBSET("input_token_details/cached_tokens_details/image_tokens", CACHE_READ_IMAGE),
    TOTAL("output_tokens", OUTPUT),
    SUBSET("output_token_details/audio_tokens", OUTPUT_AUDIO),
    SUBSET("output_token_details/reasoning_tokens", REASONING),
    LAST("total_tokens", TOTAL),
    ENVELOPE};

static const tacho__dialect_row images_rows[] = {
    TOTAL("input_tokens", INPUT),
    SUBSET("input_tokens_details/image_tokens", INPUT_IMAGE),
    SUBSET("input_tokens_details/cached_tokens", CACHE_READ),
    SUBSET("input_tokens_details/cached_tokens_details/image_tokens", CACHE_READ_IMAGE),
    TOTAL("output_tokens", OUTPUT),
    SUBSET("output_tokens_details/image_tokens", OUTPUT_IMAGE),
    LAST("total_tokens", TOTAL),
    ENVELOPE};

/* Anthropic's classes are disjoint; thinking is inside the output. The same keys per element of iterations[]. */
#define ANTHROPIC_CLASSES(at)                                                                                          \
    ADD(at "input_tokens", INPUT), ADD(at "cache_read_input_tokens", CACHE_READ),                                      \
        ADD(at "cache_creation_input_tokens", CACHE_WRITE),                                                            \
        INSIDE(at "cache_creation/ephemeral_5m_input_tokens", CACHE_WRITE),                                            \
        INSIDE(at "cache_creation/ephemeral_1h_input_tokens", CACHE_WRITE_1H), TOTAL(at "output_tokens", OUTPUT)

static const tacho__dialect_row anthropic_rows[] = {ANTHROPIC_CLASSES(""),
                                                    SUBSET("output_tokens_details/thinking_tokens", REASONING),
                                                    ADD("server_tool_use/web_search_requests", WEB_SEARCHES),
                                                    LAST("service_tier", TIER),
                                                    LAST("speed", SPEED),
                                                    LAST("inference_geo", REGION),
                                                    ANTHROPIC_CLASSES("iterations[]/"),
                                                    LAST("iterations[]/model", MODEL),
                                                    LAST("iterations[]/type", FALLBACK),
                                                    LAST("/type", DELTA),
                                                    LAST("/model", MODEL),
                                                    LAST("/id", ID),
                                                    LAST("/message/model", MODEL),
                                                    LAST("/message/id", ID)};

#define MODALITIES(path, audio, image, video)                                                                          \
    SUBSET(path "[modality=AUDIO]/tokenCount", audio), SUBSET(path "[modality=IMAGE]/tokenCount", image),              \
        SUBSET(path "[modality=DOCUMENT]/tokenCount", image), SUBSET(path "[modality=VIDEO]/tokenCount", video)
#define TOOL_MODALITY(name, unit)                                                                                      \
    {                                                                                                                  \
        "toolUsePromptTokensDetails[modality=" name "]/tokenCount", TACHO_UNIT_##unit, TACHO__RULE_SUBSET,             \
            TACHO__ROW_OF_TOOL                                                                                         \
    }

static const tacho__dialect_row gemini_rows[] = {
    TOTAL("promptTokenCount", INPUT),
    SUBSET("cachedContentTokenCount", CACHE_READ),
    MODALITIES("cacheTokensDetails", CACHE_READ_AUDIO, CACHE_READ_IMAGE, CACHE_READ_VIDEO),
    MODALITIES("promptTokensDetails", INPUT_AUDIO, INPUT_IMAGE, INPUT_VIDEO),
    SUBSET("toolUsePromptTokenCount", INPUT_TOOL),
    TOOL_MODALITY("AUDIO", INPUT_AUDIO),
    TOOL_MODALITY("IMAGE", INPUT_IMAGE),
    TOOL_MODALITY("DOCUMENT", INPUT_IMAGE),
    TOOL_MODALITY("VIDEO", INPUT_VIDEO),
    TOTAL("candidatesTokenCount", OUTPUT),
    SUBSET("thoughtsTokenCount", REASONING),
    MODALITIES("candidatesTokensDetails", OUTPUT_AUDIO, OUTPUT_IMAGE, OUTPUT_VIDEO),
    LAST("totalTokenCount", TOTAL),
    LAST("serviceTier", TIER),
    LAST("/modelVersion", MODEL),
    LAST("/model_version", MODEL),
    LAST("/responseId", ID),
    LAST("/candidates[*]/groundingMetadata/webSearchQueries[*]", QUERY),
    LAST("/response/candidates[*]/groundingMetadata/webSearchQueries[*]", QUERY)};

static const tacho__dialect_row converse_rows[] = {ADD("inputTokens", INPUT),
                                                   ADD("cacheReadInputTokens", CACHE_READ),
                                                   ADD("cacheWriteInputTokens", CACHE_WRITE),
                                                   INSIDE("cacheDetails[ttl=1h]/inputTokens", CACHE_WRITE_1H),
                                                   ADD("outputTokens", OUTPUT),
                                                   LAST("totalTokens", TOTAL),
                                                   LAST("/model", MODEL),
                                                   LAST("/serviceTier/type", TIER)};

static const tacho__dialect_row cohere_rows[] = {ADD("billed_units/input_tokens", INPUT),
                                                 ADD("billed_units/output_tokens", OUTPUT),
                                                 ADD("billed_units/image_tokens", INPUT_IMAGE),
                                                 ADD("billed_units/search_units", SEARCH_UNITS),
                                                 LAST("/model", MODEL),
                                                 LAST("/id", ID)};

static const tacho__dialect_row cohere_tokens_rows[] = {
    TOTAL("tokens/input_tokens", INPUT), SUBSET("cached_tokens", CACHE_READ), TOTAL("tokens/output_tokens", OUTPUT),
    LAST("/model", MODEL), LAST("/id", ID)};

/* OpenTelemetry semantic conventions for generative AI: input and output are inclusive totals. */
static const tacho__dialect_row otel_rows[] = {TOTAL("gen_ai.usage.input_tokens", INPUT),
                                               TOTAL("gen_ai.usage.output_tokens", OUTPUT),
                                               SUBSET("gen_ai.usage.cache_read.input_tokens", CACHE_READ),
                                               SUBSET("gen_ai.usage.cache_creation.input_tokens", CACHE_WRITE),
                                               SUBSET("gen_ai.usage.reasoning.output_tokens", REASONING),
                                               LAST("gen_ai.request.model", MODEL),
                                               LAST("gen_ai.response.model", MODEL),
                                               LAST("gen_ai.response.id", ID),
                                               LAST("gen_ai.provider.name", PROVIDER),
                                               LAST("gen_ai.system", PROVIDER),
                                               LAST("gen_ai.openai.response.service_tier", TIER)};

static const tacho__dialect_row langchain_rows[] = {
    TOTAL("input_tokens", INPUT),
    SUBSET("input_token_details/cache_read", CACHE_READ),
    SUBSET("input_token_details/cache_creation", CACHE_WRITE),
    INSIDE("input_token_details/ephemeral_5m_input_tokens", CACHE_WRITE),
    INSIDE("input_token_details/ephemeral_1h_input_tokens", CACHE_WRITE_1H),
    SUBSET("input_token_details/audio", INPUT_AUDIO),
    SUBSET("input_token_details/image", INPUT_IMAGE),
    TOTAL("output_tokens", OUTPUT),
    SUBSET("output_token_details/reasoning", REASONING),
    SUBSET("output_token_details/audio", OUTPUT_AUDIO),
    LAST("total_tokens", TOTAL),
    LAST("/response_metadata/model_name", MODEL),
    LAST("/response_metadata/model", MODEL),
    LAST("/response_metadata/service_tier", TIER),
    LAST("/id", ID)};

/* Our own names: disjoint classes, each under its field and its key. */
static const tacho__dialect_row own_rows[] = {
#define X(name, field, key, is_token, direction, scale) ADD(#key, name),
    TACHO_UNIT_MAP(X)
#undef X
        ADD("input", INPUT),
    ADD("cache_read", CACHE_READ),
    ADD("cache_write", CACHE_WRITE),
    ADD("cache_write_1h", CACHE_WRITE_1H),
    ADD("output", OUTPUT),
    ADD("reasoning", REASONING),
    ADD("input_audio", INPUT_AUDIO),
    ADD("cache_read_audio", CACHE_READ_AUDIO),
    ADD("output_audio", OUTPUT_AUDIO),
    ADD("input_image", INPUT_IMAGE),
    ADD("cache_read_image", CACHE_READ_IMAGE),
    ADD("output_image", OUTPUT_IMAGE),
    ADD("input_video", INPUT_VIDEO),
    ADD("cache_read_video", CACHE_READ_VIDEO),
    ADD("output_video", OUTPUT_VIDEO),
    ADD("citation", CITATION),
    ADD("input_tool", INPUT_TOOL),
    LAST("model", MODEL),
    LAST("provider", PROVIDER),
    LAST("service_tier", TIER),
    LAST("speed", SPEED),
    LAST("region", REGION),
    LAST("cost_usd", COST),
    LAST("inclusive", INCLUSIVE)};

#define DIALECT(name, rows, fix, ...)                                                                                  \
    { name, {__VA_ARGS__}, rows, COUNT(rows), fix }

const tacho_dialect tacho__dialects[TACHO__DIALECTS] = {
    DIALECT("disjoint", own_rows, TACHO__FIX_NONE, "", "usage"),
    DIALECT("openai_chat", chat_rows, TACHO__FIX_NONE, "usage", "x_groq/usage", ""),
    DIALECT("openai_responses", responses_rows, TACHO__FIX_NONE, "usage", "response/usage", ""),
    DIALECT("openai_realtime", realtime_rows, TACHO__FIX_NONE, "response/usage", "usage", ""),
    DIALECT("openai_images", images_rows, TACHO__FIX_NONE, "usage", ""),
    DIALECT("openai_embeddings", embeddings_rows, TACHO__FIX_NONE, "usage", ""),
    DIALECT("anthropic", anthropic_rows, TACHO__FIX_ITERATIONS, "usage", "message/usage", ""),
    DIALECT("gemini", gemini_rows, TACHO__FIX_GEMINI, "usageMetadata", "response/usageMetadata", ""),
    DIALECT("bedrock_converse", converse_rows, TACHO__FIX_CONVERSE_INCLUSIVE, "usage", "metadata/usage", ""),
    DIALECT("xai_chat", xai_chat_rows, TACHO__FIX_XAI_REASONING, "usage", ""),
    DIALECT("xai", xai_rows, TACHO__FIX_XAI_REASONING, "usage", ""),
    DIALECT("openrouter", openrouter_rows, TACHO__FIX_NONE, "usage", ""),
    DIALECT("perplexity", perplexity_rows, TACHO__FIX_NONE, "usage", ""),
    DIALECT("cohere", cohere_rows, TACHO__FIX_NONE, "usage", "meta", "response/meta", "delta/usage", ""),
    DIALECT("cohere_tokens", cohere_tokens_rows, TACHO__FIX_NONE, "usage", "meta", ""),
    DIALECT("langchain", langchain_rows, TACHO__FIX_NONE, "usage_metadata", ""),
    DIALECT("otel", otel_rows, TACHO__FIX_NONE, "", "attributes"),
    DIALECT("azure_chat", azure_chat_rows, TACHO__FIX_NONE, "usage", ""),
    DIALECT("azure_responses", azure_responses_rows, TACHO__FIX_NONE, "usage", "response/usage", ""),
};
