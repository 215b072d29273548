/** What was read: the values of all settings with their sources, and what was skipped. */
#ifndef TACHO_CONFIG_STORE_H
#define TACHO_CONFIG_STORE_H

#include "config/keys.h"

#include <tachograph/price.h>
#include <tachograph/settings.h>

#define TACHO__SETTINGS_PROBLEMS 32   /* sentences that are kept */
#define TACHO__SETTINGS_MEMBERS  4096 /* members of open sections */

typedef struct tacho__setting_entry {
    const char *name;   /* owned for members of open sections, else of the table */
    const char *value;  /* owned; NULL = the default */
    const char *source; /* static, of the table of texts, or owned by the settings */
} tacho__setting_entry;

struct tacho_settings {
    tacho__setting_entry *fixed; /* one per row of the table of keys */
    tacho__setting_entry *members;
    size_t member_count;
    char **texts; /* everything that is freed at the end: values, names, sources, sentences */
    size_t text_count, text_capacity;
    const char *problems[TACHO__SETTINGS_PROBLEMS];
    size_t skipped;
    tacho_price_table *prices;  /* loaded by tacho_settings_config; NULL = none of the user's */
    tacho_price_table *updated; /* of tacho_default_prices, below `prices`; NULL = built in */
    int has_no_prices;          /* loading was tried and skipped */
    int has_looked_for_prices;  /* `updated` was looked for */
    const char **tags;          /* of tacho_config */
    size_t tag_count;
};

/** Where a value came from. */
typedef struct tacho__setting_origin {
    const char *name; /* as tacho_settings_get tells it: "argument", a variable, a path; copied by the caller's care */
    const char *folder; /* of a file: relative paths start here; else NULL */
    int is_project;     /* != 0: semantics 44 holds */
    int is_file;
} tacho__setting_origin;

/** Copies a text so that it lives as long as the settings; NULL = out of memory. */
const char *tacho__settings_keep(tacho_settings *settings, const char *text);

/**
 * Checks and stores one value; a later one replaces an earlier one.
 *
 * @param problem  receives why not, as a sentence
 * @return TACHO_OK; TACHO_NOT_FOUND (unknown name); TACHO_INVALID (value); TACHO_DENIED (semantics 44); TACHO_FULL;
 *         TACHO_NOMEM
 */
tacho_status tacho__settings_put(tacho_settings *settings, const tacho__setting_origin *origin, const char *name,
                                 const char *text, char *problem, size_t problem_size);

/** Keeps a sentence about something that was skipped, counts and logs it. */
void tacho__settings_skip(tacho_settings *settings, tacho_status why, const char *sentence);
/** The same without a message: it has been said. */
void tacho__settings_note(tacho_settings *settings, const char *sentence);

#endif
