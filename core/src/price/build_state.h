/** Inside a builder: shared by the file that fills it (build.c) and the one that writes it out (build_write.c). */
#ifndef TACHO_PRICE_BUILD_STATE_H
#define TACHO_PRICE_BUILD_STATE_H

#include "price/build.h"
#include "price/build_pool.h"

#define TACHO__BUILD_PROVIDERS_MAX 1000u
#define TACHO__BUILD_SOURCES_MAX   8u
#define TACHO__BUILD_SOURCE_TEXT   96u

typedef struct tacho__build_source_name {
    char name[TACHO__BUILD_SOURCE_TEXT], version[TACHO__BUILD_SOURCE_TEXT], hash[TACHO__BUILD_SOURCE_TEXT];
} tacho__build_source_name;

struct tacho__price_builder {
    tacho__pool pools[TACHO__PRICE_SECTIONS]; /* all but MODELS, which is made at the end */
    tacho__pool ids;                          /* (provider, id) -> position in `models` */
    tacho__built_model *models;
    size_t count, capacity;
    tacho__price_provider providers[TACHO__BUILD_PROVIDERS_MAX];
    const tacho__json_node *rules[TACHO__BUILD_PROVIDERS_MAX];
    uint32_t provider_count;
    tacho__build_source_name sources[TACHO__BUILD_SOURCES_MAX];
    uint32_t source_count;
    uint32_t flags;
    bool failed; /* out of memory somewhere: told at the end */
    bool overfull;
};

/** A text of at most 255 bytes in the section TEXTS. */
tacho__price_text tacho__build_text(tacho__price_builder *builder, const char *text);
/** The model of that id, to change it. */
tacho__built_model *tacho__build_find_own(const tacho__price_builder *builder, uint16_t provider, const char *id);

#endif
