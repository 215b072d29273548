/**
 * Settings: defaults, files, `TACHO_*` environment and explicit arguments, read once, here and nowhere else (faces
 * section 7; every key is described in core/doc/settings.md).
 *
 * Order: argument > environment > project file `tachograph.json` (in the working directory or above it) > user file
 * `$XDG_CONFIG_HOME/tachograph/config.json` > default. The setting `config` (TACHO_CONFIG) names one file that is read
 * in place of both. Files are JSON with comments. A project file comes with other people's code, so it may not say
 * where something is sent or read from (semantics 44).
 *
 * Threads: settings may be read from any thread once tacho_settings_read has returned, except that
 * tacho_settings_config needs one thread at a time.
 */
#ifndef TACHOGRAPH_SETTINGS_H
#define TACHOGRAPH_SETTINGS_H

#include <tachograph/collector.h>
#include <tachograph/price.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tacho_settings tacho_settings; /* opaque; immutable once read */

typedef struct tacho_setting {
    const char *key;   /* as in faces section 7: "enabled", "session", "window", "serve.port" */
    const char *value; /* text form */
} tacho_setting;

/**
 * Read all sources.
 *
 * @param arguments  explicit settings, strongest; may be NULL with count 0; copied
 * @param problem    receives an English sentence when the result is not TACHO_OK ("unknown setting 'windw', nearest is
 *                   'window'"), at most problem_size bytes with NUL; may be NULL
 * @return TACHO_OK; TACHO_INVALID (unknown key or value outside its range in the arguments); TACHO_NOMEM. A bad value
 * in the environment or a file is skipped, counted and logged, never fatal for the host.
 */
TACHO_API tacho_status tacho_settings_read(tacho_settings **out, const tacho_setting *arguments, size_t count,
                                           char *problem, size_t problem_size);
TACHO_API void tacho_settings_free(tacho_settings *settings); /* NULL is allowed */
/**
 * Value as text and the name of its source ("argument", "TACHO_SESSION", a path, "default"; may be NULL). What is not
 * set is "". Booleans are "true" or "false", lists have commas, members of open sections are asked for by their whole
 * name
 * ("thresholds.vector_search"). NULL for an unknown key or an absent member. Live as long as the settings.
 */
TACHO_API const char *tacho_settings_get(const tacho_settings *settings, const char *key, const char **source);
/** The names of all settings in a fixed order: the i-th, or NULL after the last. Static storage. */
TACHO_API const char *tacho_setting_name(size_t index);
/**
 * What was skipped while reading, as English sentences without full stop: "tachograph.json, line 3, column 7: ...",
 * "TACHO_WINDOW is 'x', but must be ...". Live as long as the settings.
 *
 * @return the sentence, or NULL from the last one on. At most 32 are kept; tacho_settings_skipped counts all.
 */
TACHO_API const char *tacho_settings_problem(const tacho_settings *settings, size_t index);
TACHO_API size_t tacho_settings_skipped(const tacho_settings *settings);
/** 1 unless `enabled` is off. */
TACHO_API int tacho_settings_enabled(const tacho_settings *settings);
/**
 * Fill a collector configuration: session, dir, tags, window, max_series, prices and the flag STRICT. Its pointers live
 * as long as the settings. The file `prices` is a built table, or JSON prices that are asked before the table below:
 * that of tacho_default_prices, else the built-in one. A file of prices that was good when this process read it before
 * keeps its last good prices in force, and is told as a problem, unless it is an argument.
 *
 * @return TACHO_OK; TACHO_NOMEM; a status of reading or loading the file `prices` if that was an argument (from another
 *         source it is skipped like any bad value, and the built-in table is used); the sentence is the last one of
 *         tacho_settings_problem. The folder `dir` is not looked at here: tacho_collector_open does that.
 */
TACHO_API tacho_status tacho_settings_config(tacho_settings *settings, tacho_config *config);
/**
 * tacho_collector_open with a configuration that began as that of tacho_settings_config. A folder `dir` that could not
 * be used becomes a problem of the settings: "dir '/x' cannot be used (...): recording in private memory".
 */
TACHO_API tacho_status tacho_settings_open(tacho_settings *settings, const tacho_config *config, tacho_collector **out);

/**
 * Whether both read the same for what a collector has for life: session, dir, window, max_series, prices, tags, strict.
 * Where they do, tacho_collector_reset is all that reading the settings again takes; else it takes a new collector.
 *
 * @return 1; 0
 */
TACHO_API int tacho_settings_same_collector(const tacho_settings *a, const tacho_settings *b);

/**
 * Default paths below the XDG base directories, NUL-terminated into `out`: "tachograph/history.db" in the state
 * directory, "tachograph/metrics/" in the data directory, "tachograph/prices" in the cache directory. Nothing is
 * created.
 *
 * @return TACHO_OK; TACHO_NOT_FOUND (neither the XDG variable nor HOME is an absolute path); TACHO_FULL (`size`)
 */
TACHO_API tacho_status tacho_default_history_path(char *out, size_t size);
TACHO_API tacho_status tacho_default_save_path(char *out, size_t size);
TACHO_API tacho_status tacho_default_prices_path(char *out, size_t size);

/**
 * A new file to save to when no path is given: in tacho_default_save_path, which is made, named after the instant and
 * the process, ".msgpack". TACHO_OK; as tacho_default_save_path; TACHO_DENIED, TACHO_IO, TACHO_NOMEM.
 */
TACHO_API tacho_status tacho_default_save_file(char *out, size_t size);

/**
 * The price table that `tacho prices update` left at tacho_default_prices_path, unless the built-in one is newer.
 *
 * @param out  to be freed with tacho_price_table_free; NULL where the built-in table is to be used
 * @return TACHO_OK; TACHO_NOT_FOUND (none, or an older one); TACHO_FOREIGN, TACHO_DAMAGED, TACHO_NEWER, TACHO_LIMIT (no
 *         good table); TACHO_DENIED, TACHO_IO, TACHO_NOMEM, TACHO_FULL
 */
TACHO_API tacho_status tacho_default_prices(tacho_price_table **out);

/**
 * The word of a list that a person probably meant, for error messages: fewest letters added, left out, replaced or
 * swapped. NULL where count is 0. Pure; any thread.
 */
TACHO_API const char *tacho_nearest_word(const char *word, const char *const *words, size_t count);

#ifdef __cplusplus
}
#endif
#endif
