/** A list of records in the making; everything is copied, so the source may go away. One thread at a time. */
#ifndef TACHO_SNAPSHOT_RECORD_LIST_H
#define TACHO_SNAPSHOT_RECORD_LIST_H

#include <stdint.h>
#include <tachograph/snapshot.h>

typedef struct tacho__record_list tacho__record_list;

typedef enum tacho__record_order {
    TACHO__RECORDS_BY_END,     /* oldest first; ties by begin, operation, id; a limit keeps the newest */
    TACHO__RECORDS_BY_DURATION /* slowest first; ties by operation, end, id; a limit keeps the slowest */
} tacho__record_order;

/** @param limit most records that are kept, which also bounds the memory; 0 = all. NULL when out of memory. */
tacho__record_list *tacho__record_list_new(tacho__record_order order, size_t limit);
/** Copies a record with its texts and components. TACHO_OK; TACHO_NOMEM (remembered). */
tacho_status tacho__record_list_add(tacho__record_list *list, const tacho_record_view *record);
/** For tacho_records.unread; copied, may be NULL. */
void tacho__record_list_unread(tacho__record_list *list, const char *unread);
/**
 * Sorts and ends the list, also on failure.
 *
 * @param lost  for tacho_records.lost
 * @param out   freed with tacho_records_free
 * @return TACHO_OK; TACHO_NOMEM (now or earlier)
 */
tacho_status tacho__record_list_finish(tacho__record_list *list, uint64_t lost, tacho_records **out);
/** Drops a list that is not finished. NULL is allowed. */
void tacho__record_list_free(tacho__record_list *list);

#endif
