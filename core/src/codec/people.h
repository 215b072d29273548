/**
 * Numbers as people read them: units chosen by size, thousands separated, money with four decimals below ten dollars
 * and two above. Unknown is "-". A figure is rounded once, half to even, from its integer; nothing is ever cut.
 */
#ifndef TACHO_CODEC_PEOPLE_H
#define TACHO_CODEC_PEOPLE_H

#include "snapshot/arena.h"

#include <stddef.h>
#include <stdint.h>
#include <tachograph/snapshot.h>

#define TACHO__PEOPLE_TEXT 48 /* room for any of these with its NUL */

/** "1,204,118"; "-" for negative (unknown). */
const char *tacho__people_count(int64_t count, char out[TACHO__PEOPLE_TEXT]);
/** "141k", "1.2M": for sizes where the order of magnitude is what matters. */
const char *tacho__people_short(int64_t count, char out[TACHO__PEOPLE_TEXT]);
/** "340 ms", "4.10 s", "17m 05s", "2h 05m", "3d 04h"; "-" for negative (unknown). */
const char *tacho__people_time(int64_t ns, char out[TACHO__PEOPLE_TEXT]);
/** "$1.8427", "$24.82", "<$0.0001", "-" for unknown; with a "+" where a part has no price: it is a lower bound. */
const char *tacho__people_cost(int64_t pusd, tacho_cost_state state, char out[TACHO__PEOPLE_TEXT]);
/** "83 %", "3.4 %"; 100 % and 0 % only when it is all or nothing; "-" for NaN. */
const char *tacho__people_part(double ratio, char out[TACHO__PEOPLE_TEXT]);
/** "412.5"; "-" for NaN. */
const char *tacho__people_rate(double value, char out[TACHO__PEOPLE_TEXT]);
/** "2026-11-20 14:02" in the zone (NULL = UTC), "-" for 0; `seconds` appends ":31". */
const char *tacho__people_instant(int64_t unix_ns, const tacho_zone *zone, int seconds, char out[TACHO__PEOPLE_TEXT]);
/** Name of the zone for beside a time: its name, else "UTC". */
const char *tacho__people_zone(const tacho_zone *zone);

/** Any field of a row, record or summary for people; texts are returned as they are. */
const char *tacho__people_field(const tacho_field *field, const void *base, const tacho_zone *zone,
                                char out[TACHO__PEOPLE_TEXT]);

/** "route=/a status=200", "-" for none; in the arena. Never NULL. */
const char *tacho__people_tags(tacho__arena *arena, const tacho_tag *list, uint32_t count);
/** The title of a column: "cache_read_tokens" as "CACHE READ TOKENS"; in the arena. Never NULL. */
const char *tacho__people_title(tacho__arena *arena, const char *name);

#endif
