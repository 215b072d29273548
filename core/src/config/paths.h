/** Where files of ours lie: the XDG base directories, and the project file above the working directory. */
#ifndef TACHO_CONFIG_PATHS_H
#define TACHO_CONFIG_PATHS_H

#include <stddef.h>
#include <tachograph/status.h>

#define TACHO__PATH_MAX 4096 /* bytes with NUL */

/** The user's configuration file. TACHO_OK; TACHO_NOT_FOUND (neither XDG_CONFIG_HOME nor HOME is set); TACHO_FULL. */
tacho_status tacho__user_settings_path(char *out, size_t size);

/** The nearest `tachograph.json` in the working directory or above it. TACHO_OK; TACHO_NOT_FOUND; TACHO_FULL. */
tacho_status tacho__project_settings_path(char *out, size_t size);

#endif
