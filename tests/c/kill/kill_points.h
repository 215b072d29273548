/**
 * Compiled into a copy of the writer's code (-include): every store into a segment, which is always one of these atomic
 * operations, first calls a function. So a test sees the memory as a process leaves it that is killed there.
 */
#ifndef TACHO_TESTS_KILL_POINTS_H
#define TACHO_TESTS_KILL_POINTS_H

#include <stdatomic.h>

/** About to change the cell at `cell`. */
void kill_point(const volatile void *cell);

#undef atomic_store_explicit
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub_explicit
#undef atomic_fetch_or_explicit
#undef atomic_exchange_explicit
#undef atomic_compare_exchange_weak_explicit
#ifdef __clang__
#define atomic_store_explicit(cell, value, order)     (kill_point(cell), __c11_atomic_store(cell, value, order))
#define atomic_fetch_add_explicit(cell, value, order) (kill_point(cell), __c11_atomic_fetch_add(cell, value, order))
#define atomic_fetch_sub_explicit(cell, value, order) (kill_point(cell), __c11_atomic_fetch_sub(cell, value, order))
#define atomic_fetch_or_explicit(cell, value, order)  (kill_point(cell), __c11_atomic_fetch_or(cell, value, order))
#define atomic_exchange_explicit(cell, value, order)  (kill_point(cell), __c11_atomic_exchange(cell, value, order))
#define atomic_compare_exchange_weak_explicit(cell, before, value, order, failed)                                      \
    (kill_point(cell), __c11_atomic_compare_exchange_weak(cell, before, value, order, failed))
#else
#define atomic_store_explicit(cell, value, order)                                                                      \
    __extension__({                                                                                                    \
        __auto_type kill_cell = (cell);                                                                                \
        __typeof__((void)0, *kill_cell) kill_value = (value);                                                          \
        kill_point(kill_cell);                                                                                         \
        __atomic_store(kill_cell, &kill_value, (order));                                                               \
    })
#define atomic_compare_exchange_weak_explicit(cell, before, value, order, failed)                                      \
    __extension__({                                                                                                    \
        __auto_type kill_cell = (cell);                                                                                \
        __typeof__((void)0, *kill_cell) kill_value = (value);                                                          \
        kill_point(kill_cell);                                                                                         \
        __atomic_compare_exchange(kill_cell, (before), &kill_value, 1, (order), (failed));                             \
    })
#define atomic_fetch_add_explicit(cell, value, order) (kill_point(cell), __atomic_fetch_add(cell, value, order))
#define atomic_fetch_sub_explicit(cell, value, order) (kill_point(cell), __atomic_fetch_sub(cell, value, order))
#define atomic_fetch_or_explicit(cell, value, order)  (kill_point(cell), __atomic_fetch_or(cell, value, order))
#define atomic_exchange_explicit(cell, value, order)                                                                   \
    __extension__({                                                                                                    \
        __auto_type kill_cell = (cell);                                                                                \
        __typeof__((void)0, *kill_cell) kill_value = (value), kill_before;                                             \
        kill_point(kill_cell);                                                                                         \
        __atomic_exchange(kill_cell, &kill_value, &kill_before, (order));                                              \
        kill_before;                                                                                                   \
    })
#endif

#endif
