/**
 * Rows of any struct that a field table describes, in every format: caches and custom metrics. What tables of
 * operations need beyond that is in rows.h.
 */
#ifndef TACHO_CODEC_PLAIN_ROWS_H
#define TACHO_CODEC_PLAIN_ROWS_H

#include "codec/text_table.h"
#include "wire/json_writer.h"

#include <tachograph/snapshot.h>

/** The rows as an array. */
void tacho__json_caches(tacho__json_writer *writer, const tacho_cache_rows *rows);
void tacho__json_metrics(tacho__json_writer *writer, const tacho_metric_rows *rows);

/** The same as a table for people; nothing without rows. */
tacho_status tacho__caches_text(const tacho_cache_rows *rows, const tacho__text_layout *layout, const tacho_zone *zone,
                                tacho__buffer *out);
tacho_status tacho__metrics_text(const tacho_metric_rows *rows, const tacho__text_layout *layout,
                                 const tacho_zone *zone, tacho__buffer *out);

#endif
