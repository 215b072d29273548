#include "config/store.h"
#include "base/buffer.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/value.h"

#include <stdio.h>
#include <string.h>

static tacho__log_class log_value = TACHO__LOG_CLASS("settings_value", TACHO__LOG_WARNING);
static tacho__log_class log_untrusted = TACHO__LOG_CLASS("settings_untrusted", TACHO__LOG_WARNING);

static char *adopt(tacho_settings *settings, char *text) {
    if (text == NULL) {
        return NULL;
    }
    if (settings->text_count == settings->text_capacity) {
        size_t capacity = settings->text_capacity > 0 ? settings->text_capacity * 2 : 16;
        char **texts = tacho__realloc(settings->texts, capacity * sizeof(*texts));
        if (texts == NULL) {
            tacho__free(text);
            return NULL;
        }
        settings->texts = texts;
        settings->text_capacity = capacity;
    }
    return settings->texts[settings->text_count++] = text;
}

const char *tacho__settings_keep(tacho_settings *settings, const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = tacho__malloc(size);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return adopt(settings, copy);
}

void tacho__settings_note(tacho_settings *settings, const char *sentence) {
    if (settings->skipped < TACHO__SETTINGS_PROBLEMS) {
        const char *kept = tacho__settings_keep(settings, sentence);
        settings->problems[settings->skipped] = kept != NULL ? kept : tacho_status_text(TACHO_NOMEM);
    }
    settings->skipped++;
}

void tacho__settings_skip(tacho_settings *settings, tacho_status why, const char *sentence) {
    tacho__settings_note(settings, sentence);
    tacho__log(why == TACHO_DENIED ? &log_untrusted : &log_value, "%s", sentence);
}

/* The place of a member of an open section, a new one if need be; NULL = out of memory or the bound. */
static tacho__setting_entry *member(tacho_settings *settings, const char *name) {
    for (size_t i = 0; i < settings->member_count; i++) {
        if (strcmp(settings->members[i].name, name) == 0) {
            return &settings->members[i];
        }
    }
    size_t count = settings->member_count;
    if ((count & (count - 1)) == 0) { /* full at every power of two */
        tacho__setting_entry *grown =
            tacho__realloc(settings->members, (count > 0 ? count * 2 : 1) * sizeof(*settings->members));
        if (grown == NULL) {
            return NULL;
        }
        settings->members = grown;
    }
    const char *kept = tacho__settings_keep(settings, name);
    if (kept == NULL) {
        return NULL;
    }
    settings->members[count] = (tacho__setting_entry){kept, NULL, NULL};
    settings->member_count++;
    return &settings->members[count];
}

static int is_forbidden(const tacho__setting_key *key, const tacho__setting_origin *origin, const char *name) {
    return origin->is_project &&
           (key->user_only || (key->type == TACHO__SETTING_OPEN && tacho__setting_member_user_only(name)));
}

static tacho_status refuse_unknown(const char *name, const tacho__setting_origin *origin, char *problem, size_t size) {
    const char *nearest = tacho__setting_nearest(name);
    if (origin->is_file) {
        snprintf(problem, size, "%s: unknown setting '%s', nearest is '%s'", origin->name, name, nearest);
    } else {
        snprintf(problem, size, "unknown setting '%s', nearest is '%s'", name, nearest);
    }
    return TACHO_NOT_FOUND;
}

static tacho_status refuse_value(const char *name, const char *text, const char *reason,
                                 const tacho__setting_origin *origin, char *problem, size_t size) {
    int is_variable = strncmp(origin->name, "TACHO_", 6) == 0;
    snprintf(problem, size, "%s%s%s is '%.60s', %s", origin->is_file ? origin->name : "", origin->is_file ? ": " : "",
             is_variable && !origin->is_file ? origin->name : name, text, reason);
    return TACHO_INVALID;
}

static tacho_status store(tacho_settings *settings, int at, const char *name, const char *source,
                          tacho__buffer *value) {
    size_t rows;
    const tacho__setting_key *key = &tacho__setting_keys(&rows)[at];
    const char *text = tacho__buffer_text(value);
    tacho__setting_entry *entry = &settings->fixed[at];
    if (key->type == TACHO__SETTING_OPEN) {
        if (settings->member_count >= TACHO__SETTINGS_MEMBERS) {
            return TACHO_FULL;
        }
        entry = member(settings, name);
    }
    const char *kept = text == NULL ? NULL : tacho__settings_keep(settings, text);
    if (kept == NULL || entry == NULL) {
        return TACHO_NOMEM;
    }
    entry->value = kept;
    entry->source = source;
    return TACHO_OK;
}

tacho_status tacho__settings_put(tacho_settings *settings, const tacho__setting_origin *origin, const char *name,
                                 const char *text, char *problem, size_t problem_size) {
    size_t rows;
    const tacho__setting_key *keys = tacho__setting_keys(&rows);
    int at = tacho__setting_find(name);
    char reason[200];
    if (at < 0) {
        return refuse_unknown(name, origin, problem, problem_size);
    }
    if (is_forbidden(&keys[at], origin, name)) {
        snprintf(problem, problem_size, "%s: '%s' is ignored in a project file; set it in your own configuration",
                 origin->name, name);
        return TACHO_DENIED;
    }
    tacho__buffer value = TACHO__BUFFER_INIT;
    const char *refused = tacho__setting_canonical(&keys[at], text, origin->folder, &value, reason);
    tacho_status status = refused != NULL ? refuse_value(name, text, refused, origin, problem, problem_size)
                                          : store(settings, at, name, origin->name, &value);
    if (status == TACHO_FULL || status == TACHO_NOMEM) {
        snprintf(problem, problem_size, "'%s': %s", name, tacho_status_text(status));
    }
    tacho__buffer_free(&value);
    return status;
}
