/** Readers of the sources of prices: each adds to a builder, and writes one line per finding into a report. */
#ifndef TACHO_PRICE_BUILD_READ_H
#define TACHO_PRICE_BUILD_READ_H

#include "base/buffer.h"
#include "price/build.h"
#include "price/json_tree.h"
#include "price/own_shape.h"

/** What a reader found, in words for people; `lines` counts them. */
typedef struct tacho__build_report {
    tacho__buffer text;
    uint32_t rejected;    /* prices that are not used */
    uint32_t quarantined; /* changes that wait for a look */
    uint32_t reviewed;    /* used, and worth a look */
} tacho__build_report;

/** Append "KIND PROVIDER/ID: WORDS" and count it by kind: "rejected", "quarantined", "review", or a remark. */
void tacho__report_line(tacho__build_report *report, const char *kind, const char *provider, const char *id,
                        const char *words);

/**
 * A price as its JSON text into a rate of at most femto-USD resolution, in lowest terms.
 * @param per  units that the price is for
 * @return TACHO_OK; TACHO_INVALID (not a number, negative); TACHO_LIMIT (does not fit)
 * A text with more digits than that (a binary float's artefact) is snapped to the nearest femto-USD within 1e-12 of
 * itself, else kept for a larger `per`.
 */
tacho_status tacho__build_rate(const char *text, size_t length, uint32_t per, tacho__price_rate *out);

/** Day as minutes since 1970 from "2026-11-21"; false for other texts. */
bool tacho__build_day(const char *text, uint32_t *minutes);
/** Minute of the day from "16:30" or "16:30:00Z". */
bool tacho__build_time_of_day(const char *text, uint16_t *minute);

/** genai-prices, JSON form v2. TACHO_FOREIGN when the document is something else. */
tacho_status tacho__read_genai(tacho__price_builder *builder, const tacho__json_node *root,
                               tacho__build_report *report);
/** litellm's price map; ids that genai-prices already has keep its prices and gain the rate classes it lacks. */
tacho_status tacho__read_litellm(tacho__price_builder *builder, const tacho__json_node *root,
                                 tacho__build_report *report);
/**
 * Our own schema (core/doc/prices.md): overrides and user prices.
 * @param fault  filled when TACHO_INVALID is returned: the value that is wrong, and why; else untouched
 */
tacho_status tacho__read_own(tacho__price_builder *builder, const tacho__json_node *root, bool user,
                             tacho__build_report *report, tacho__price_fault *fault);

/** Which of the three a document is. */
typedef enum tacho__build_source_kind {
    TACHO__SOURCE_UNKNOWN,
    TACHO__SOURCE_GENAI,
    TACHO__SOURCE_LITELLM,
    TACHO__SOURCE_OWN
} tacho__build_source_kind;
tacho__build_source_kind tacho__build_recognise(const tacho__json_node *root);

#endif
