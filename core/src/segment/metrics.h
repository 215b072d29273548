/**
 * Custom metrics and caches in a segment (core/FORMAT.md 1.16): definitions, and the cells that their series have.
 *
 * A counter, a histogram and a cache have one cell per lane, so that a thread adds without asking anybody; a gauge has
 * one cell, because its value is what was set last, whoever set it. The built-in series have a cell from the start that
 * is written under the writer's lock: what finds no room anywhere else is counted there.
 */
#ifndef TACHO_SEGMENT_METRICS_H
#define TACHO_SEGMENT_METRICS_H

#include "segment/lane.h"

/** Definitions and series that exist from the start. Before `ready`. */
bool tacho__metrics_begin(tacho__segment *segment, tacho__line other);

/** Adds a definition; false when there is no room. Needs the lock. */
bool tacho__metric_define(tacho__segment *segment, const tacho__metric_definition *from, uint16_t *number);
/** Says which series takes what the metric has no room for. Needs the lock; before a reader can see any of its series.
 */
void tacho__metric_set_overflow(tacho__segment *segment, uint16_t number, uint32_t series);

/** A cell of series `number` for this lane; of a gauge the only one. NULL = no room. Needs the lock. */
void *tacho__metric_cell(tacho__lane *lane, uint32_t number);
/** The cell of a built-in series (TACHO__SERIES_CACHES and later). Written under the lock. */
void *tacho__metric_common(const tacho__segment *segment, uint32_t number);

/** Room for one more handle in what a lane knows; false when out of memory. */
tacho__known *tacho__customs_grow(tacho__customs *customs, uint32_t at);
void tacho__customs_free(tacho__customs *customs);
/** Nothing is resolved any more: the lane has a new segment. */
void tacho__customs_forget(tacho__customs *customs);

#endif
