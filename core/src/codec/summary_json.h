/** A summary as JSON values. */
#ifndef TACHO_CODEC_SUMMARY_JSON_H
#define TACHO_CODEC_SUMMARY_JSON_H

#include "codec/json_field.h"

/** The scalars, `data_quality`, `tools`, `models`, `slowest`, `caches` and `metrics` as one object. */
void tacho__json_summary(tacho__json_writer *writer, const tacho_summary *summary);
/** The scalars only, members of an object that is open. */
void tacho__json_summary_scalars(tacho__json_writer *writer, const tacho_summary *summary);
/** Rows as an array of objects with all fields but those of units that nobody used and keys of other tables. */
void tacho__json_rows_whole(tacho__json_writer *writer, const tacho_rows *rows);
/** Records as an array of objects without anything that is random: ids of operations, parents and traces. */
void tacho__json_records_plain(tacho__json_writer *writer, const tacho_records *records);

#endif
