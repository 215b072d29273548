/** The list of dialects; positions are named so that choosing does not search. */
#ifndef TACHO_PRICE_DIALECT_ROWS_H
#define TACHO_PRICE_DIALECT_ROWS_H

#include "price/dialect.h"

typedef enum tacho__dialect_name {
    TACHO__DIALECT_OWN,
    TACHO__DIALECT_CHAT,
    TACHO__DIALECT_RESPONSES,
    TACHO__DIALECT_REALTIME,
    TACHO__DIALECT_IMAGES,
    TACHO__DIALECT_EMBEDDINGS,
    TACHO__DIALECT_ANTHROPIC,
    TACHO__DIALECT_GEMINI,
    TACHO__DIALECT_CONVERSE,
    TACHO__DIALECT_XAI_CHAT,
    TACHO__DIALECT_XAI,
    TACHO__DIALECT_OPENROUTER,
    TACHO__DIALECT_PERPLEXITY,
    TACHO__DIALECT_COHERE,
    TACHO__DIALECT_COHERE_TOKENS,
    TACHO__DIALECT_LANGCHAIN,
    TACHO__DIALECT_OTEL,
    TACHO__DIALECTS
} tacho__dialect_name;

extern const tacho_dialect tacho__dialects[TACHO__DIALECTS];

#endif
