/** A JSON value given as text, written by our own writer: checked, and in the layout of what surrounds it. */
#ifndef TACHO_CODEC_JSON_COPY_H
#define TACHO_CODEC_JSON_COPY_H

#include "wire/json_writer.h"

/** TACHO_OK; TACHO_INVALID (not one JSON value); TACHO_LIMIT (too deep); TACHO_NOMEM. */
tacho_status tacho__json_copy(tacho__json_writer *writer, const char *text);

#endif
