#include "price/dialect_rows.h"

#include "price/match.h"

#include <string.h>

/* ---------------------------------------------------------------------------------------------------- by fingerprint
 */

/* Keys that tell dialects apart: (name of the enclosing member, key). The first bit that is set decides. */
static const struct {
    const char *parent, *key;
    uint8_t dialect;
} marks[] = {
    {"", "usageMetadata", TACHO__DIALECT_GEMINI},
    {"", "promptTokenCount", TACHO__DIALECT_GEMINI},
    {"usage_metadata", "prompt_token_count", TACHO__DIALECT_GEMINI}, /* as its own package renames it */
    {"", "prompt_token_count", TACHO__DIALECT_GEMINI},
    {"", "gen_ai.usage.input_tokens", TACHO__DIALECT_OTEL},
    {"attributes", "gen_ai.usage.input_tokens", TACHO__DIALECT_OTEL},
    {"", "gen_ai.usage.output_tokens", TACHO__DIALECT_OTEL},
    {"usage", "inputTokens", TACHO__DIALECT_CONVERSE},
    {"", "inputTokens", TACHO__DIALECT_CONVERSE},
    {"usage", "billed_units", TACHO__DIALECT_COHERE},
    {"meta", "billed_units", TACHO__DIALECT_COHERE},
    {"", "billed_units", TACHO__DIALECT_COHERE},
    {"usage_metadata", "input_tokens", TACHO__DIALECT_LANGCHAIN},
    {"", "usage_metadata", TACHO__DIALECT_LANGCHAIN},
    {"", "input_token_details", TACHO__DIALECT_LANGCHAIN},
    {"usage", "input_token_details", TACHO__DIALECT_REALTIME},
    {"usage", "cost_in_usd_ticks", TACHO__DIALECT_XAI_CHAT},
    {"usage", "is_byok", TACHO__DIALECT_OPENROUTER},
    {"usage", "cost_details", TACHO__DIALECT_OPENROUTER},
    {"", "cost_details", TACHO__DIALECT_OPENROUTER},
    {"usage", "citation_tokens", TACHO__DIALECT_PERPLEXITY},
    {"usage", "search_context_size", TACHO__DIALECT_PERPLEXITY},
    {"usage", "prompt_tokens", TACHO__DIALECT_CHAT},
    {"", "prompt_tokens", TACHO__DIALECT_CHAT},
    {"usage", "cache_read_input_tokens", TACHO__DIALECT_ANTHROPIC},
    {"usage", "cache_creation_input_tokens", TACHO__DIALECT_ANTHROPIC},
    {"", "cache_read_input_tokens", TACHO__DIALECT_ANTHROPIC},
    {"", "cache_creation_input_tokens", TACHO__DIALECT_ANTHROPIC},
    {"usage", "input_tokens_details", TACHO__DIALECT_RESPONSES},
    {"", "input_tokens_details", TACHO__DIALECT_RESPONSES},
    {"usage", "output_tokens_details", TACHO__DIALECT_RESPONSES},
    {"", "stop_reason", TACHO__DIALECT_ANTHROPIC},
    {"usage", "input_tokens", TACHO__DIALECT_RESPONSES},
    /* events of streams */
    {"message", "usage", TACHO__DIALECT_ANTHROPIC},
    {"response", "usage", TACHO__DIALECT_RESPONSES},
    {"response", "usageMetadata", TACHO__DIALECT_GEMINI},
    {"metadata", "usage", TACHO__DIALECT_CONVERSE},
    {"x_groq", "usage", TACHO__DIALECT_CHAT},
    {"delta", "stop_reason", TACHO__DIALECT_ANTHROPIC},
    {"usage", "output_tokens", TACHO__DIALECT_RESPONSES},
};
#define MARKS (sizeof marks / sizeof *marks)
_Static_assert(MARKS <= 64, "a fingerprint has 64 bits");

static bool is_text(const char *text, const char *other, size_t length) {
    return strlen(text) == length && memcmp(text, other, length) == 0;
}

tacho__fingerprint tacho__fingerprint_key(const char *parent, size_t parent_length, const char *key, size_t length) {
    tacho__fingerprint bits = 0;
    for (size_t i = 0; i < MARKS; i++) {
        if (is_text(marks[i].key, key, length) && is_text(marks[i].parent, parent, parent_length)) {
            bits |= UINT64_C(1) << i;
        }
    }
    return bits;
}

tacho__fingerprint tacho__fingerprint_parent(const char *name, size_t length) {
    tacho__fingerprint bits = 0;
    for (size_t i = 0; i < MARKS; i++) {
        bits |= is_text(marks[i].parent, name, length) ? UINT64_C(1) << i : 0;
    }
    return bits;
}

bool tacho__fingerprint_question(size_t index, const char **parent, const char **key, tacho__fingerprint *bit) {
    if (index >= MARKS) {
        return false;
    }
    *parent = marks[index].parent;
    *key = marks[index].key;
    *bit = UINT64_C(1) << index;
    return true;
}

/* ------------------------------------------------------------------------------------------------------- by provider
 */

/* What providers call "default", and what they change about a shared shape. Names are those of the price table. */
static const struct {
    const char *provider;
    uint8_t standard, chat, responses;
} habits[] = {
    {"anthropic", TACHO__DIALECT_ANTHROPIC, TACHO__DIALECT_CHAT, TACHO__DIALECT_RESPONSES},
    {"aws", TACHO__DIALECT_CONVERSE, TACHO__DIALECT_CHAT, TACHO__DIALECT_RESPONSES},
    {"azure", TACHO__DIALECT_AZURE_CHAT, TACHO__DIALECT_AZURE_CHAT, TACHO__DIALECT_AZURE_RESPONSES},
    {"cohere", TACHO__DIALECT_COHERE, TACHO__DIALECT_CHAT, TACHO__DIALECT_RESPONSES},
    {"google", TACHO__DIALECT_GEMINI, TACHO__DIALECT_CHAT, TACHO__DIALECT_RESPONSES},
    {"minimax", TACHO__DIALECT_ANTHROPIC, TACHO__DIALECT_CHAT, TACHO__DIALECT_RESPONSES},
    {"openrouter", TACHO__DIALECT_OPENROUTER, TACHO__DIALECT_OPENROUTER, TACHO__DIALECT_RESPONSES},
    {"perplexity", TACHO__DIALECT_PERPLEXITY, TACHO__DIALECT_PERPLEXITY, TACHO__DIALECT_RESPONSES},
    {"x-ai", TACHO__DIALECT_XAI, TACHO__DIALECT_XAI_CHAT, TACHO__DIALECT_RESPONSES},
};

/* Position in `habits`; -1 for a provider that does everything the usual way, or that is not known. */
static int habit_of(const char *provider) {
    char folded[TACHO__MODEL_ID_MAX + 1];
    if (!provider || !tacho__match_fold(provider, folded)) {
        return -1;
    }
    const tacho_price_table *table = tacho_price_table_builtin();
    uint16_t index = tacho__match_provider(table, folded, strlen(folded));
    const char *id = folded;
    if (index != TACHO__PRICE_NONE) {
        id = tacho__price_text_at(table,
                                  TACHO__PRICE_AT(table, TACHO__PRICE_PROVIDERS, tacho__price_provider)[index].id);
    }
    for (int i = 0; i < (int)(sizeof habits / sizeof *habits); i++) {
        if (strcmp(habits[i].provider, id) == 0) {
            return i;
        }
    }
    return -1;
}

const tacho_dialect *tacho__dialect_choose(tacho__fingerprint seen, const char *provider) {
    if (!seen) {
        return NULL;
    }
    uint8_t found = marks[__builtin_ctzll(seen)].dialect;
    int habit = habit_of(provider);
    bool anthropic = habit >= 0 && habits[habit].standard == TACHO__DIALECT_ANTHROPIC;
    if (found == TACHO__DIALECT_CHAT && habit >= 0) {
        found = habits[habit].chat;
    } else if (found == TACHO__DIALECT_RESPONSES && habit >= 0) {
        /* "usage/output_tokens_details" is common to both */
        found = anthropic ? TACHO__DIALECT_ANTHROPIC : habits[habit].responses;
    }
    return &tacho__dialects[found];
}

/* ----------------------------------------------------------------------------------------------------------- by name
 */

static const struct {
    const char *name;
    uint8_t dialect;
} flavours[] = {
    {"chat", TACHO__DIALECT_CHAT},
    {"responses", TACHO__DIALECT_RESPONSES},
    {"realtime", TACHO__DIALECT_REALTIME},
    {"images", TACHO__DIALECT_IMAGES},
    {"embeddings", TACHO__DIALECT_EMBEDDINGS},
    {"tokens", TACHO__DIALECT_COHERE_TOKENS},
    {"openai", TACHO__DIALECT_CHAT},
    {"litellm", TACHO__DIALECT_CHAT},
    {"mistral", TACHO__DIALECT_CHAT},
    {"groq", TACHO__DIALECT_CHAT},
    {"deepseek", TACHO__DIALECT_CHAT},
    {"fireworks", TACHO__DIALECT_CHAT},
    {"together", TACHO__DIALECT_CHAT},
    {"messages", TACHO__DIALECT_ANTHROPIC},
    {"google", TACHO__DIALECT_GEMINI},
    {"bedrock", TACHO__DIALECT_CONVERSE},
    {"converse", TACHO__DIALECT_CONVERSE},
    {"opentelemetry", TACHO__DIALECT_OTEL},
};

static const tacho_dialect *by_provider(int habit) {
    return &tacho__dialects[habit < 0 ? TACHO__DIALECT_CHAT : habits[habit].standard];
}

const tacho_dialect *tacho_dialect_find(const char *name, const char *provider) {
    if (!name) {
        return NULL; /* the keys of the response decide, with the provider's habits */
    }
    int habit = habit_of(provider);
    if (strcmp(name, "default") == 0) {
        return by_provider(habit);
    }
    if (strcmp(name, "chat") == 0 && habit >= 0) {
        return &tacho__dialects[habits[habit].chat];
    }
    if (strcmp(name, "responses") == 0 && habit >= 0) {
        return &tacho__dialects[habits[habit].responses];
    }
    if (strcmp(name, "embeddings") == 0 && habit >= 0 && habits[habit].standard == TACHO__DIALECT_COHERE) {
        return &tacho__dialects[TACHO__DIALECT_COHERE];
    }
    for (size_t i = 0; i < TACHO__DIALECTS; i++) {
        if (strcmp(tacho__dialects[i].name, name) == 0) {
            return &tacho__dialects[i];
        }
    }
    for (size_t i = 0; i < sizeof flavours / sizeof *flavours; i++) {
        if (strcmp(flavours[i].name, name) == 0) {
            return &tacho__dialects[flavours[i].dialect];
        }
    }
    return NULL;
}

const char *tacho_dialect_name(const tacho_dialect *dialect) {
    return dialect ? dialect->name : "";
}

const tacho_dialect *tacho_dialect_at(size_t index) {
    return index < TACHO__DIALECTS ? &tacho__dialects[index] : NULL;
}
