#include "history/migrate.h"

#include "base/memory.h"
#include "history/lock.h"
#include "history/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX_ROOM 32

/* A copy under a temporary name, which becomes `copy` when it is whole and on the disk. */
static tacho_status copy_pages(sqlite3 *from, const char *path) {
    sqlite3 *to = NULL;
    int result = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    sqlite3_backup *backup = result == SQLITE_OK ? sqlite3_backup_init(to, "main", from, "main") : NULL;
    if (backup) {
        sqlite3_backup_step(backup, -1);
        result = sqlite3_backup_finish(backup);
    } else if (to) {
        result = sqlite3_errcode(to);
    }
    int closed = sqlite3_close(to);
    return tacho__schema_status(result != SQLITE_OK ? result : closed);
}

static tacho_status copy_file(sqlite3 *from, const char *path, int64_t layout) {
    size_t room = strlen(path) + SUFFIX_ROOM;
    char *whole = tacho__malloc(2 * room);
    char *part = whole + room;
    if (!whole) {
        return TACHO_NOMEM;
    }
    snprintf(whole, room, "%s.layout%lld", path, (long long)layout);
    snprintf(part, room, "%s.layout%lld.new", path, (long long)layout);
    unlink(part); /* of a migration that was killed */
    int fd = open(part, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    tacho_status status = fd >= 0                                               ? TACHO_OK
                          : errno == EACCES || errno == EPERM || errno == EROFS ? TACHO_DENIED
                                                                                : TACHO_IO;
    if (fd >= 0) {
        close(fd);
        status = copy_pages(from, part);
        if (status == TACHO_OK && rename(part, whole) != 0) {
            status = TACHO_IO;
        }
        if (status != TACHO_OK) {
            unlink(part);
        }
    }
    tacho__free(whole);
    return status;
}

static tacho_status migrate_open(sqlite3 *db, const char *path) {
    int64_t layout = 0;
    tacho_status status = tacho__schema_layout(db, &layout);
    if (status != TACHO_OK || layout >= TACHO__HISTORY_VERSION) {
        return status;
    }
    status = copy_file(db, path, layout);
    return status == TACHO_OK ? tacho__schema_upgrade(db, layout) : status;
}

tacho_status tacho__migrate(const char *path, int wait_ms) {
    sqlite3 *db = NULL;
    int lock;
    tacho_status status = tacho__lock_take(path, wait_ms, &lock, NULL);
    if (status == TACHO_OK) {
        const int mode = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
        status = tacho__schema_status(sqlite3_open_v2(path, &db, mode, NULL));
        sqlite3_busy_timeout(db, wait_ms);
        status = status == TACHO_OK && sqlite3_db_readonly(db, "main") ? TACHO_DENIED : status;
        status = status == TACHO_OK ? migrate_open(db, path) : status;
        sqlite3_close(db);
        tacho__lock_give(&lock);
    }
    return status;
}
