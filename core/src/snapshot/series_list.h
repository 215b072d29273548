/**
 * The series of parts as plain structs: entries of equal labels added up (semantics 21: several segments are shown as
 * one). What tables, summaries and the ladder are made of; a snapshot makes its list when it is first asked.
 */
#ifndef TACHO_SNAPSHOT_SERIES_LIST_H
#define TACHO_SNAPSHOT_SERIES_LIST_H

#include "snapshot/part.h"

typedef struct tacho__series_list {
    tacho__arena arena;         /* of the series, their buckets and names of error types */
    tacho__part_series *series; /* in the order in which their labels first occur */
    size_t count;
} tacho__series_list;

/**
 * The series of all parts, each once. Labels are those of the parts, which have to live as long.
 *
 * @param newest  of each part, whether its operations in flight are still its
 * @return TACHO_OK; TACHO_NOMEM
 */
tacho_status tacho__series_of_parts(tacho__part *const *parts, const bool *newest, size_t count,
                                    tacho__series_list **out);
/** The series of one part, one by one as the part has them. */
tacho_status tacho__series_of_part(const tacho__part *part, tacho__series_list **out);
/** NULL is allowed. */
void tacho__series_list_free(tacho__series_list *list);

#endif
