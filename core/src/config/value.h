/** Checking the text of one setting, and bringing it into the one form that everything downstream reads. */
#ifndef TACHO_CONFIG_VALUE_H
#define TACHO_CONFIG_VALUE_H

#include "base/buffer.h"
#include "config/keys.h"

#include <tachograph/status.h>

/**
 * Appends the canonical text of `text` for a setting of this type.
 *
 * @param folder  folder that relative paths start from, for values out of a file; NULL = as they stand
 * @return NULL, or why the value is refused: an English phrase that continues "TACHO_WINDOW is 'x', " ("but must be a
 *         whole number from 1 to 65536"); then nothing was appended. In static storage or `reason`.
 */
const char *tacho__setting_canonical(const tacho__setting_key *key, const char *text, const char *folder,
                                     tacho__buffer *out, char reason[200]);

/** Reads "30d", "10s", "1.5h", "250ms", "0.5" (seconds): units ms s m h d w. TACHO_OK; TACHO_INVALID; TACHO_LIMIT. */
tacho_status tacho__setting_duration(const char *text, uint64_t *ns);

#endif
