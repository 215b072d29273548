/** Cases of custom metrics and caches (kill_custom.c). */
#ifndef TACHO_TESTS_KILL_CUSTOM_H
#define TACHO_TESTS_KILL_CUSTOM_H

#include "kill/kill_cases.h"

/** Declares and binds what the cases record to, and lets go of it. */
void custom_open(world *w);
void custom_close(world *w);

void custom_declare_counter(world *w);
void custom_declare_gauge(world *w);
void custom_declare_histogram(world *w);
void custom_bind(world *w);
void custom_bind_cache(world *w);
void custom_count(world *w);
void custom_add(world *w);
void custom_set(world *w);
void custom_change(world *w);
void custom_observe(world *w);
void custom_observe_extremes(world *w);
void custom_observe_time(world *w);
void custom_hit(world *w);
void custom_size(world *w);
void custom_record_cache(world *w);
void custom_operation_cache(world *w);

#endif
