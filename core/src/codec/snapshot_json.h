/** A snapshot as JSON. */
#ifndef TACHO_CODEC_SNAPSHOT_JSON_H
#define TACHO_CODEC_SNAPSHOT_JSON_H

#include "codec/output.h"

/**
 * {"schema": "tacho.snapshot/1", ..., "summary", "operations", "tools", "models", "sessions", "slowest", "warnings"}.
 *
 * Equal numbers give equal bytes, whatever process and language recorded them: nothing in it is random (ids of
 * operations and traces, session ids that nobody gave) or tells when or where it was written, unless asked.
 *
 * @param pretty  indented, else one line
 * @param carry   with the snapshot file itself, in base64, under the key "snapshot"
 */
tacho_status tacho__snapshot_json(const tacho_snapshot *snapshot, const tacho_style *style, bool pretty, bool carry,
                                  tacho__output *output);

#endif
