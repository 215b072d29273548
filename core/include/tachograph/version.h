/** Version of the library, and the marks that every public declaration carries. */
#ifndef TACHOGRAPH_VERSION_H
#define TACHOGRAPH_VERSION_H

#define TACHO_VERSION       "0.1.0"
#define TACHO_VERSION_MAJOR 0
#define TACHO_VERSION_MINOR 1
#define TACHO_VERSION_PATCH 0

/* Empty unless the library is built or used as a shared object: a binding that links the static
 * library must export nothing but its own init function. */
#if defined(TACHO_SHARED) && defined(__GNUC__)
#define TACHO_API __attribute__((visibility("default")))
#else
#define TACHO_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Version of the library that runs (not of the header compiled against), as "major.minor.patch". Static storage. */
TACHO_API const char *tacho_version(void);

#ifdef __cplusplus
}
#endif
#endif
