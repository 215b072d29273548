/** Records for tests of readers. */
#ifndef TACHO_TEST_MAKE_RECORD_H
#define TACHO_TEST_MAKE_RECORD_H

#include <tachograph/snapshot.h>

#define MS  INT64_C(1000000)
#define S   INT64_C(1000000000)
#define USD TACHO_PUSD_PER_USD

/** An operation that ended well, took 1 s and ended at 1,000 s Unix time; nothing else is known of it. */
tacho_record_view make_record(const char *kind, const char *operation);
/** Reports usage: all other units are 0, as tacho_usage does it (semantics 26). */
void set_usage(tacho_record_view *record, int64_t input, int64_t cache_read, int64_t output);
void set_cost(tacho_record_view *record, int64_t pusd, tacho_cost_state state);
void set_time(tacho_record_view *record, int64_t duration_ns, int64_t ended_at_ns);

/** The row with this key (by value of its first known key); NULL if there is none. */
const tacho_row *find_row(const tacho_rows *rows, const char *key);

#endif
