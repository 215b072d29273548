/**
 * The bytes of a price table's `sheets` value (semantics 54): little-endian, offsets instead of pointers, used in
 * place. core/FORMAT.md, "Price table", is the text of this header; both change together.
 *
 * A model id has a list of sheets; a sheet says when it holds and has a card of rates and, above thresholds of the
 * whole prompt, further cards. Cards, sheets, lists and texts are shared: equal ones exist once.
 */
#ifndef TACHO_PRICE_TABLE_LAYOUT_H
#define TACHO_PRICE_TABLE_LAYOUT_H

#include <stdint.h>

#define TACHO__PRICE_MAGIC     UINT32_C(0x31535054) /* "TPS1" */
#define TACHO__PRICE_FORMAT    "tachograph.prices"
#define TACHO__PRICE_VERSION   1u
#define TACHO__PRICE_MAX       (UINT32_C(4) << 20) /* bytes of a table */
#define TACHO__PRICE_NONE      UINT16_C(0xffff)
#define TACHO__PRICE_ALWAYS    UINT32_C(0xffffffff) /* to_minute of a sheet without end */
#define TACHO__PRICE_ANY_HOUR  UINT16_C(0xffff)
#define TACHO__PRICE_FALLBACKS 3

/* Flags of a table. */
#define TACHO__PRICE_TABLE_USER          1u /* the user's prices: asked first, patterns allowed */
#define TACHO__PRICE_TABLE_OVER_REPORTED 2u /* they win over a cost that the provider reports */

/* Sections, in the order of tacho__price_header.sections: what an element is. */
#define TACHO__PRICE_SECTION_MAP(X)                                                                                    \
    X(TEXTS, char)                                                                                                     \
    X(RATES, tacho__price_rate)                                                                                        \
    X(CARDS, uint16_t)                                                                                                 \
    X(BANDS, tacho__price_band)                                                                                        \
    X(MODIFIERS, tacho__price_modifier)                                                                                \
    X(SHEETS, tacho__price_sheet)                                                                                      \
    X(LISTS, uint16_t)                                                                                                 \
    X(CONTEXTS, uint32_t)                                                                                              \
    X(MODELS, tacho__price_entry)                                                                                      \
    X(PROVIDERS, tacho__price_provider)                                                                                \
    X(ALIASES, tacho__price_alias)                                                                                     \
    X(GLOBS, tacho__price_glob)

typedef enum tacho__price_section {
#define X(name, type) TACHO__PRICE_##name,
    TACHO__PRICE_SECTION_MAP(X)
#undef X
        TACHO__PRICE_SECTIONS
} tacho__price_section;

typedef struct tacho__price_extent {
    uint32_t offset; /* bytes from the header; multiple of 8 */
    uint32_t count;  /* elements */
} tacho__price_extent;

typedef struct tacho__price_header {
    uint32_t magic;
    uint32_t length;   /* bytes of the whole value */
    uint64_t checksum; /* XXH3-64, seed 0, of all bytes after this field */
    uint32_t flags;    /* TACHO__PRICE_TABLE_* */
    uint32_t date;     /* day it was made: 20261121 */
    tacho__price_extent sections[TACHO__PRICE_SECTIONS];
} tacho__price_header;

/* A text: offset << 8 | length, at most 255 bytes; every text is followed by a NUL. */
typedef uint32_t tacho__price_text;

/* `amount` femto-USD for `per` units; -1 is never an amount. */
typedef struct tacho__price_rate {
    int64_t amount;
    uint32_t per;
    uint32_t reserved;
} tacho__price_rate;

/*
 * A card, in section CARDS: low and high half of a unit mask, then one index into RATES per set bit, lowest bit first.
 */

/* From this many tokens of prompt on (or above it: see the sheet's flag) the card holds for the whole request. */
typedef struct tacho__price_band {
    uint32_t threshold;
    uint32_t card;
} tacho__price_band;

#define TACHO__PRICE_MODIFIES_SERVICE 0 /* condition = tacho_price_service */
#define TACHO__PRICE_MODIFIES_REGION  1 /* condition = tacho__price_region */
#define TACHO__PRICE_MODIFIES_ALWAYS  2 /* a contract */

/* Multiplies every token rate of a sheet when its condition holds. */
typedef struct tacho__price_modifier {
    uint8_t kind;
    uint8_t condition;
    uint16_t numerator;
    uint16_t denominator;
    uint16_t reserved;
} tacho__price_modifier;

typedef enum tacho__price_region {
    TACHO__PRICE_REGION_ANY = 0,
    TACHO__PRICE_REGION_GLOBAL = 1,
    TACHO__PRICE_REGION_REGIONAL = 2
} tacho__price_region;

#define TACHO__PRICE_SHEET_INCLUSIVE 1u /* bands begin at their threshold (>=), not above it (>) */
#define TACHO__PRICE_SHEET_UNKNOWN   2u /* the source has a rate of a kind that this table cannot hold */

typedef struct tacho__price_sheet {
    uint32_t from_minute; /* holds from here on, minutes since 1970 UTC; 0 = always did */
    uint32_t to_minute;   /* before here; TACHO__PRICE_ALWAYS */
    uint32_t id;          /* hash of its content by value; never 0 */
    uint32_t card;
    uint16_t bands;     /* first of band_count in BANDS, thresholds rising */
    uint16_t modifiers; /* first of modifier_count */
    uint16_t hour_from; /* minute of the day, UTC; TACHO__PRICE_ANY_HOUR = all day; may lie after hour_to */
    uint16_t hour_to;
    uint8_t weekdays; /* bit 0 = Monday; 0x7f = all */
    uint8_t service;  /* tacho_price_service */
    uint8_t region;   /* tacho__price_region */
    uint8_t flags;    /* TACHO__PRICE_SHEET_* */
    uint8_t band_count;
    uint8_t modifier_count;
    uint16_t reserved;
} tacho__price_sheet;

#define TACHO__PRICE_ENTRY_SIBLINGS  1u /* dated ids of this base have other prices: a date may not be cut off */
#define TACHO__PRICE_ENTRY_ESTIMATED 2u /* sources disagree: costs are estimated */
#define TACHO__PRICE_ENTRY_FREE      4u /* known to be free */

/* Sorted by (hash, provider, text). */
typedef struct tacho__price_entry {
    uint32_t hash; /* low half of XXH3-64, seed 0, of the id */
    tacho__price_text id;
    uint32_t list; /* first in LISTS << 8 | TACHO__PRICE_ENTRY_* */
    uint16_t provider;
    uint8_t list_count;
    uint8_t context; /* index in CONTEXTS; element 0 is 0 = not known */
} tacho__price_entry;

typedef struct tacho__price_provider {
    tacho__price_text id;
    uint16_t fallbacks[TACHO__PRICE_FALLBACKS]; /* TACHO__PRICE_NONE = no more */
    uint16_t reserved;
} tacho__price_provider;

#define TACHO__PRICE_ALIAS_NAME  0 /* equal to the text */
#define TACHO__PRICE_ALIAS_HOST  1 /* a URL whose host is the text or ends in "." and the text */
#define TACHO__PRICE_ALIAS_MAKES 2 /* a pattern of model ids that the provider itself makes */

typedef struct tacho__price_alias {
    tacho__price_text text;
    uint16_t provider;
    uint16_t kind;
} tacho__price_alias;

typedef struct tacho__price_glob {
    tacho__price_text pattern; /* `*` and `?` */
    uint32_t list;             /* as in an entry; with list_count 0 a contract: index in MODIFIERS << 8 */
    uint16_t provider;         /* TACHO__PRICE_NONE = any */
    uint8_t list_count;
    uint8_t reserved;
} tacho__price_glob;

_Static_assert(sizeof(tacho__price_header) == 24 + 8 * TACHO__PRICE_SECTIONS, "header");
_Static_assert(sizeof(tacho__price_rate) == 16, "rate");
_Static_assert(sizeof(tacho__price_band) == 8, "band");
_Static_assert(sizeof(tacho__price_modifier) == 8, "modifier");
_Static_assert(sizeof(tacho__price_sheet) == 32, "sheet");
_Static_assert(sizeof(tacho__price_entry) == 16, "entry");
_Static_assert(sizeof(tacho__price_provider) == 12, "provider");
_Static_assert(sizeof(tacho__price_alias) == 8, "alias");
_Static_assert(sizeof(tacho__price_glob) == 12, "glob");

#endif
