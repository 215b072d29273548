#include "base/folders.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

tacho_status tacho__make_folders(const char *path) {
    size_t length = strlen(path);
    char *folder = tacho__malloc(length + 1);
    if (!folder) {
        return TACHO_NOMEM;
    }
    memcpy(folder, path, length + 1);
    int failed = 0;
    for (char *slash = strchr(folder + 1, '/'); slash && !failed; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        failed = mkdir(folder, S_IRWXU) != 0 && errno != EEXIST ? errno : 0;
        *slash = '/';
    }
    tacho__free(folder);
    errno = failed;
    return !failed ? TACHO_OK : failed == EACCES || failed == EPERM || failed == EROFS ? TACHO_DENIED : TACHO_IO;
}
