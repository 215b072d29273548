/** A configuration file: JSON with comments, flattened to dotted keys and texts. */
#ifndef TACHO_CONFIG_FILE_H
#define TACHO_CONFIG_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <tachograph/status.h>

#define TACHO__SETTINGS_FILE_MAX ((size_t)1 << 20) /* bytes of a configuration file */

/**
 * Receives one value: {"serve": {"port": 9109}} is ("serve.port", "9109"). An array of plain values is their texts with
 * commas between them; null is not reported. Anything but TACHO_OK stops.
 */
typedef tacho_status (*tacho__settings_visit)(void *context, const char *key, const char *value);

/**
 * Reads a file.
 *
 * @param fault  why it could not be read, with line and column: "line 3, column 7: ..."; untouched after success
 * @return TACHO_OK; TACHO_NOT_FOUND (no such file); TACHO_DENIED; TACHO_IO; TACHO_FOREIGN (no regular file, or its
 * value is no object); TACHO_DAMAGED; TACHO_LIMIT; TACHO_NOMEM; what `visit` returned
 */
tacho_status tacho__settings_file_read(const char *path, tacho__settings_visit visit, void *context, char *fault,
                                       size_t fault_size);

/** The whole of a regular file. The caller frees *out with tacho__free. Results as above. */
tacho_status tacho__settings_slurp(const char *path, size_t most, char **out, size_t *length);

#endif
