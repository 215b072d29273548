/** What differs between compilers and their sanitizers. */
#ifndef TACHO_BASE_COMPILER_H
#define TACHO_BASE_COMPILER_H

#if defined(__SANITIZE_THREAD__)
#define TACHO__UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TACHO__UNDER_TSAN 1
#endif
#endif

/* For large locals that are filled in before they are read: the compiler's zeroing of locals costs more than the rest.
 */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define TACHO__UNINITIALIZED __attribute__((uninitialized))
#endif
#endif
#ifndef TACHO__UNINITIALIZED
#define TACHO__UNINITIALIZED
#endif

#endif
