/**
 * Settings: defaults, `TACHO_*` environment and explicit arguments, read once, here and nowhere else (faces section 7).
 * Order: argument > environment > project file `tachograph.json` > user file > default.
 */
#ifndef TACHOGRAPH_SETTINGS_H
#define TACHOGRAPH_SETTINGS_H

#include <tachograph/collector.h>

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
 * @return TACHO_OK; TACHO_INVALID (unknown key or value outside its range in the arguments); TACHO_NOMEM. A bad value in
 *         the environment or a file is skipped, counted and logged, never fatal for the host.
 */
TACHO_API tacho_status tacho_settings_read(tacho_settings **out, const tacho_setting *arguments, size_t count,
                                           char *problem, size_t problem_size);
TACHO_API void tacho_settings_free(tacho_settings *settings); /* NULL is allowed */
/** Value as text and the name of its source ("argument", "TACHO_SESSION", a path, "default"); NULL for an unknown key. Live as long as the settings. */
TACHO_API const char *tacho_settings_get(const tacho_settings *settings, const char *key, const char **source);
/** 1 unless `enabled` is off. */
TACHO_API int tacho_settings_enabled(const tacho_settings *settings);
/** Fill a collector configuration. Its pointers live as long as the settings. TACHO_OK; a status of loading `prices`. */
TACHO_API tacho_status tacho_settings_config(tacho_settings *settings, tacho_config *config);

/** Default paths under the XDG base directories, NUL-terminated into `out`: "history.db" in the state directory, "metrics/" in the data directory. TACHO_OK; TACHO_NOT_FOUND (neither XDG variable nor HOME); TACHO_FULL. */
TACHO_API tacho_status tacho_default_history_path(char *out, size_t size);
TACHO_API tacho_status tacho_default_save_path(char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
