#include "config/keys.h"
#include "base/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define ANY             0, 0, NULL, 0
#define USER            0, 0, NULL, 1

/*
 * What a project file may not set (semantics 44) is marked USER. Beyond the kinds named there that holds for what opens
 * the numbers to others: the address that is listened on, its token, foreign origins.
 */
static const tacho__setting_key keys[] = {
    {"enabled", TACHO__SETTING_BOOLEAN, "true", ANY,
     "off: nothing is recorded, tracked functions are left as they are"},
    {"config", TACHO__SETTING_PATH, "", USER, "configuration file to read in place of the project's and the user's"},
    {"dir", TACHO__SETTING_PATH, "", ANY, "folder of the shared registry; empty: private memory"},
    {"history", TACHO__SETTING_HISTORY, "off", USER, "off, auto (the default place) or a file for finished operations"},
    {"history_interval", TACHO__SETTING_DURATION, "10s", ANY, "time between two hand-overs of operations to history"},
    {"session", TACHO__SETTING_TEXT, "", 0, 200, NULL, 0, "id of the process's session; empty: a random one"},
    {"tags", TACHO__SETTING_LIST, "", 0, 8, NULL, 0, "names of tags that become labels, at most 8"},
    {"sample", TACHO__SETTING_RATIO, "1", ANY, "part of the records that is kept, 0..1; counters stay exact"},
    {"window", TACHO__SETTING_COUNT, "1000", 1, 65536, NULL, 0, "recent raw durations per series"},
    {"max_series", TACHO__SETTING_COUNT, "2000", 16, 65536, NULL, 0, "series per metric; beyond: the overflow series"},
    {"strict", TACHO__SETTING_BOOLEAN, "false", ANY, "misuse that is otherwise counted and ignored is an error"},
    {"retention.records", TACHO__SETTING_DURATION, "30d", ANY, "how long history keeps single operations"},
    {"retention.rollups", TACHO__SETTING_DURATION, "400d", ANY, "how long history keeps sums"},
    {"prices", TACHO__SETTING_PATH, "", USER,
     "file of prices that are asked before the built-in ones: JSON, or a built table"},
    {"budgets", TACHO__SETTING_OPEN, "", ANY, "budgets by name"},
    {"alerts", TACHO__SETTING_OPEN, "", ANY, "rules by name, and the thresholds of the older style"},
    {"thresholds", TACHO__SETTING_OPEN, "", ANY, "seconds by name of operation or component"},
    {"health", TACHO__SETTING_OPEN, "", ANY, "when a provider counts as degraded or unhealthy"},
    {"capture.error_message", TACHO__SETTING_BOOLEAN, "false", ANY, "keep the text of errors too"},
    {"export.format", TACHO__SETTING_TEXT, "", 0, 32, NULL, 0, "what is pushed: otlp, statsd; empty: nothing"},
    {"export.interval", TACHO__SETTING_DURATION, "60s", ANY, "time between two pushes"},
    {"export.endpoint", TACHO__SETTING_TEXT, "", 0, 1024, NULL, 1, "where to push to"},
    {"export.namespace", TACHO__SETTING_TEXT, "tacho", 0, 64, NULL, 0, "first part of the names of own metrics"},
    {"export.batch_size", TACHO__SETTING_COUNT, "512", 1, 65536, NULL, 0, "most points in one push"},
    {"export.headers_file", TACHO__SETTING_PATH, "", USER, "file of headers for pushes, one a line"},
    {"export.summary_quantiles", TACHO__SETTING_LIST, "0.5,0.95,0.99", 0, 16, NULL, 0, "quantiles of summaries, 0..1"},
    {"serve.address", TACHO__SETTING_TEXT, "127.0.0.1", 1, 255, NULL, 1, "address that serve listens on"},
    {"serve.port", TACHO__SETTING_COUNT, "9109", 0, 65535, NULL, 0, "port that serve listens on; 0: any free one"},
    {"serve.metrics_default", TACHO__SETTING_CHOICE, "prometheus", 0, 0, "prometheus|json", 0,
     "what /metrics answers to a client that asks for nothing special"},
    {"serve.token_file", TACHO__SETTING_PATH, "", USER, "file with the token that clients from elsewhere show"},
    {"serve.cors_origins", TACHO__SETTING_LIST, "", 0, 64, NULL, 1, "origins whose pages may read; empty: none"},
    {"dashboard.enabled", TACHO__SETTING_BOOLEAN, "true", ANY, "serve shows the page at /"},
    {"dashboard.interval", TACHO__SETTING_DURATION, "2s", ANY, "time between two refreshes of the page"},
    {"track.costs", TACHO__SETTING_BOOLEAN, "true", ANY, "price usage"},
    {"track.tools", TACHO__SETTING_BOOLEAN, "true", ANY, "record tool calls"},
    {"track.context", TACHO__SETTING_BOOLEAN, "true", ANY, "follow the size of the context window"},
};

const tacho__setting_key *tacho__setting_keys(size_t *count) {
    *count = COUNT_OF(keys);
    return keys;
}

/* An open section's name, a dot and at least one byte. */
static int lies_in(const char *name, const tacho__setting_key *section) {
    size_t length = strlen(section->name);
    return section->type == TACHO__SETTING_OPEN && strncmp(name, section->name, length) == 0 && name[length] == '.' &&
           name[length + 1] != '\0';
}

int tacho__setting_find(const char *name) {
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (lies_in(name, &keys[i]) || (keys[i].type != TACHO__SETTING_OPEN && strcmp(name, keys[i].name) == 0)) {
            return (int)i;
        }
    }
    return -1;
}

const char *tacho__setting_nearest(const char *name) {
    const char *names[COUNT_OF(keys)];
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        names[i] = keys[i].name;
    }
    return names[tacho__nearest(name, names, COUNT_OF(keys))];
}

void tacho__setting_variable(const char *name, char out[TACHO__SETTING_VARIABLE]) {
    size_t length = 6;
    memcpy(out, "TACHO_", length);
    for (; *name != '\0' && length + 1 < TACHO__SETTING_VARIABLE; name++) {
        out[length++] = (char)(*name == '.' ? '_' : toupper((unsigned char)*name));
    }
    out[length] = '\0';
}

int tacho__setting_member_user_only(const char *name) {
    static const char *const words[] = {"notify",   "webhook",   "webhooks", "url",    "urls",
                                        "endpoint", "endpoints", "headers",  "plugin", "plugins"};
    for (const char *part = name; part != NULL; part = strchr(part, '.')) {
        part += *part == '.';
        size_t length = strcspn(part, ".");
        for (size_t i = 0; i < COUNT_OF(words); i++) {
            if (strlen(words[i]) == length && strncasecmp(part, words[i], length) == 0) {
                return 1;
            }
        }
    }
    return 0;
}
