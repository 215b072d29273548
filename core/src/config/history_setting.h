/** The setting `history`: kept by a library above this one, which says how. */
#ifndef TACHO_CONFIG_HISTORY_SETTING_H
#define TACHO_CONFIG_HISTORY_SETTING_H

#include <tachograph/collector.h>

/** Hands the operations of a collector to a file (NULL = the default one) from now on. */
typedef tacho_status (*tacho__history_follow)(tacho_collector *collector, const char *path, uint64_t interval_ns);

/** What tacho_settings_open calls where the settings want a history. Any thread. */
void tacho__settings_follow_history(tacho__history_follow follow);

#endif
