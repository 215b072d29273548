/**
 * The one table of settings (faces section 7): names, types, defaults. The name of an environment variable follows from
 * the name of the setting. Nothing else in the tree knows a default or reads a TACHO_* variable.
 */
#ifndef TACHO_CONFIG_KEYS_H
#define TACHO_CONFIG_KEYS_H

#include <stddef.h>
#include <stdint.h>

typedef enum tacho__setting_type {
    TACHO__SETTING_BOOLEAN,  /* "true" or "false"; also 1 0, on off, yes no, any case */
    TACHO__SETTING_COUNT,    /* an integer within minimum..maximum */
    TACHO__SETTING_RATIO,    /* a decimal number 0..1 */
    TACHO__SETTING_DURATION, /* "10s", "30d"; a bare number is seconds; more than 0 */
    TACHO__SETTING_TEXT,     /* at most `maximum` bytes */
    TACHO__SETTING_PATH,     /* in a file: "~/" is the home folder, else relative to the folder of that file */
    TACHO__SETTING_HISTORY,  /* "off", "auto" or a path */
    TACHO__SETTING_CHOICE,   /* one of `choices` */
    TACHO__SETTING_LIST,     /* texts with commas between them; in a file an array of texts; at most `maximum` */
    TACHO__SETTING_OPEN      /* a section whose members have names of the user's: "thresholds.vector_search" */
} tacho__setting_type;

typedef struct tacho__setting_key {
    const char *name;
    tacho__setting_type type;
    const char *fallback; /* the default in text form; "" = not set */
    uint64_t minimum, maximum;
    const char *choices; /* words with '|' between them; NULL */
    int user_only;       /* != 0: a project file may not set it (semantics 44) */
    const char *help;    /* one sentence with the unit */
} tacho__setting_key;

/** The table, in the order of faces section 7. Static storage. */
const tacho__setting_key *tacho__setting_keys(size_t *count);

/** Index of the key of this name, or of the open section that it lies in; -1 if there is none. */
int tacho__setting_find(const char *name);

/** The known name nearest to `name`; never NULL. */
const char *tacho__setting_nearest(const char *name);

#define TACHO__SETTING_VARIABLE 64 /* room for the longest name of a variable, with its NUL */

/** The environment variable of a setting: "serve.port" gives "TACHO_SERVE_PORT". */
void tacho__setting_variable(const char *name, char out[TACHO__SETTING_VARIABLE]);

/**
 * True if a project file may not set this member of an open section: it tells where something is sent, or what code is
 * loaded (semantics 44).
 */
int tacho__setting_member_user_only(const char *name);

#endif
