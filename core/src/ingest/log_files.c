#include "ingest/log_files.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Folders inside folders: more than any agent makes, few enough for the stack. */
#define DEPTH_MAX 32

static tacho_status failed(void) {
    return errno == ENOENT || errno == ENOTDIR ? TACHO_NOT_FOUND
           : errno == EACCES || errno == EPERM ? TACHO_DENIED
                                               : TACHO_IO;
}

static tacho_status add_file(tacho__log_files *list, const char *path, const struct stat *info) {
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 64;
        tacho__log_file *grown = tacho__realloc(list->files, room * sizeof *grown);
        if (!grown) {
            return TACHO_NOMEM;
        }
        list->files = grown;
        list->room = room;
    }
    size_t size = strlen(path) + 1;
    char *copy = tacho__malloc(size);
    if (!copy) {
        return TACHO_NOMEM;
    }
    memcpy(copy, path, size);
    list->files[list->count++] =
        (tacho__log_file){copy, (uint64_t)info->st_dev, (uint64_t)info->st_ino, (uint64_t)info->st_size};
    return TACHO_OK;
}

static bool ends_in(const char *name, const char *suffix) {
    size_t length = strlen(name), tail = strlen(suffix);
    return length > tail && strcmp(name + length - tail, suffix) == 0;
}

static tacho_status walk(tacho__log_files *list, char path[PATH_MAX], const char *suffix, int depth);

static void tell(const tacho__log_files *list, const char *path, const char *what) {
    if (list->trouble) {
        list->trouble(list->context, path, what);
    }
}

/* A file that vanished while we walk is none; one that may not be looked at could have been a log. */
static void tell_failed(const tacho__log_files *list, const char *path, const char *name, const char *suffix) {
    if (errno != ENOENT && errno != ENOTDIR && ends_in(name, suffix)) {
        tell(list, path, strerror(errno));
    }
}

static tacho_status add_folder(tacho__log_files *list, char path[PATH_MAX], const char *suffix, int depth) {
    if (depth > DEPTH_MAX) {
        tell(list, path, "the folder lies deeper than 32 folders and is passed over");
        return TACHO_OK;
    }
    errno = 0;
    tacho_status status = walk(list, path, suffix, depth);
    if (status != TACHO_OK && status != TACHO_NOMEM && status != TACHO_NOT_FOUND) {
        tell(list, path, strerror(errno));
    }
    return status;
}

/* Following links could go round in circles, or lead where nobody meant to look. */
static bool leads_to_folder(const char *path, const struct stat *entry) {
    struct stat target;
    return S_ISLNK(entry->st_mode) && stat(path, &target) == 0 && S_ISDIR(target.st_mode);
}

/* One entry of a folder. */
static tacho_status add_entry(tacho__log_files *list, char path[PATH_MAX], const char *name, const char *suffix,
                              int depth) {
    struct stat info;
    size_t length = strlen(path);
    int written = snprintf(path + length, PATH_MAX - length, "/%s", name);
    tacho_status status = TACHO_OK;
    if (written <= 0 || (size_t)written >= PATH_MAX - length) {
        path[length] = 0;
        tell(list, path, "a name in it makes too long a path");
        return TACHO_OK;
    }
    if (lstat(path, &info) != 0) {
        tell_failed(list, path, name, suffix);
    } else if (S_ISDIR(info.st_mode)) {
        status = add_folder(list, path, suffix, depth + 1);
    } else if (leads_to_folder(path, &info)) {
        tell(list, path, "a symbolic link to a folder is not followed; to import it, name it");
    } else if (ends_in(name, suffix)) {
        if (stat(path, &info) != 0) {
            tell_failed(list, path, name, suffix);
        } else if (S_ISREG(info.st_mode)) {
            status = add_file(list, path, &info);
        }
    }
    path[length] = 0;
    return status == TACHO_NOMEM ? status : TACHO_OK;
}

static tacho_status walk(tacho__log_files *list, char path[PATH_MAX], const char *suffix, int depth) {
    DIR *folder = opendir(path);
    const struct dirent *entry;
    tacho_status status = TACHO_OK;
    if (!folder) {
        return failed();
    }
    while (status == TACHO_OK && (errno = 0, entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            status = add_entry(list, path, entry->d_name, suffix, depth);
        }
    }
    int problem = errno;
    closedir(folder);
    errno = problem;
    return status == TACHO_OK && problem ? TACHO_IO : status;
}

tacho_status tacho__log_files_add(tacho__log_files *list, const char *path, const char *suffix) {
    char whole[PATH_MAX];
    struct stat info;
    if (!realpath(path, whole) || stat(whole, &info) != 0) {
        return failed();
    }
    if (S_ISDIR(info.st_mode)) {
        return walk(list, whole, suffix, 0);
    }
    return S_ISREG(info.st_mode) ? add_file(list, whole, &info) : TACHO_IO;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const tacho__log_file *)a)->path, ((const tacho__log_file *)b)->path);
}

static int by_inode(const void *a, const void *b) {
    const tacho__log_file *x = a, *y = b;
    if (x->device != y->device) {
        return x->device < y->device ? -1 : 1;
    }
    if (x->inode != y->inode) {
        return x->inode < y->inode ? -1 : 1;
    }
    return by_name(a, b);
}

void tacho__log_files_finish(tacho__log_files *list) {
    size_t kept = 0;
    if (list->count == 0) {
        return;
    }
    qsort(list->files, list->count, sizeof *list->files, by_inode);
    for (size_t i = 0; i < list->count; i++) {
        const tacho__log_file *file = &list->files[i], *last = kept ? &list->files[kept - 1] : NULL;
        if (last && last->device == file->device && last->inode == file->inode) {
            tacho__free(file->path);
        } else {
            list->files[kept++] = *file;
        }
    }
    list->count = kept;
    qsort(list->files, list->count, sizeof *list->files, by_name);
}

void tacho__log_files_free(tacho__log_files *list) {
    for (size_t i = 0; i < list->count; i++) {
        tacho__free(list->files[i].path);
    }
    tacho__free(list->files);
    *list = (tacho__log_files){0};
}
