/** Folders that are made for the user. */
#ifndef TACHO_BASE_FOLDERS_H
#define TACHO_BASE_FOLDERS_H

#include <tachograph/status.h>

/**
 * Makes the folders above a path that are missing, mode 0700; "a/b/" makes b too. On failure `errno` says why.
 *
 * @return TACHO_OK; TACHO_DENIED; TACHO_IO; TACHO_NOMEM
 */
tacho_status tacho__make_folders(const char *path);

#endif
