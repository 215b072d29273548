/**
 * Providers are stored under their OpenTelemetry names (gen_ai.provider.name); what people and libraries call them is
 * accepted everywhere (semantics 19).
 */
#include "collect/collector.h"

#include <ctype.h>
#include <string.h>

typedef struct alias {
    const char *given, *stored;
} alias;

/* Source: OpenTelemetry semantic conventions for generative AI 1.41, provider names; the names that litellm, LangChain
 * and the providers' own packages use. Sorted by `given` only for people. */
static const alias aliases[] = {
    {"aws", "aws.bedrock"},
    {"aws_bedrock", "aws.bedrock"},
    {"amazon_bedrock", "aws.bedrock"},
    {"azure", "azure.ai.openai"},
    {"azure_ai", "azure.ai.inference"},
    {"azure_openai", "azure.ai.openai"},
    {"az.ai.inference", "azure.ai.inference"},
    {"az.ai.openai", "azure.ai.openai"},
    {"bedrock", "aws.bedrock"},
    {"bedrock_converse", "aws.bedrock"},
    {"claude", "anthropic"},
    {"cohere_chat", "cohere"},
    {"gemini", "gcp.gemini"},
    {"google", "gcp.gemini"},
    {"google_genai", "gcp.gemini"},
    {"google_vertexai", "gcp.vertex_ai"},
    {"grok", "x_ai"},
    {"mistral", "mistral_ai"},
    {"mistralai", "mistral_ai"},
    {"vertex", "gcp.vertex_ai"},
    {"vertex_ai", "gcp.vertex_ai"},
    {"vertexai", "gcp.vertex_ai"},
    {"watsonx", "ibm.watsonx.ai"},
    {"xai", "x_ai"},
};

/* Letters of any case; '-', '.' and ' ' count as '_', except that stored names keep their dots. */
static bool same(const char *given, const char *name) {
    for (; *given && *name; ++given, ++name) {
        const int c = tolower((unsigned char)*name);
        if (c != *given && !(*given == '_' && (c == '-' || c == ' '))) {
            return false;
        }
    }
    return *given == *name;
}

const char *tacho__provider_name(const char *name) {
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; ++i) {
        if (same(aliases[i].given, name)) {
            return aliases[i].stored;
        }
        if (same(aliases[i].stored, name)) {
            return aliases[i].stored;
        }
    }
    static const char *const plain[] = {"openai",     "anthropic", "cohere",     "deepseek",  "groq",
                                        "perplexity", "together",  "openrouter", "fireworks", "ollama"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; ++i) {
        if (same(plain[i], name)) {
            return plain[i];
        }
    }
    return name;
}
