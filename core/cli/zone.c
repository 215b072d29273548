#include "zone.h"
#include "message.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ZONES 1024 /* names in zone.tab that are compared */
#define NAME  64

static char zone_name[NAME];

static const char *zone_folder(void) {
    const char *folder = getenv("TZDIR");
    return folder != NULL && folder[0] == '/' ? folder : "/usr/share/zoneinfo";
}

/* A name is a relative path of letters, digits and "_+-/"; nothing that leaves the folder of zones. */
static int is_name(const char *text) {
    if (text[0] == '\0' || text[0] == '/' || strstr(text, "..") != NULL || strlen(text) >= NAME) {
        return 0;
    }
    for (; *text != '\0'; text++) {
        if (!isalnum((unsigned char)*text) && strchr("_+-/", *text) == NULL) {
            return 0;
        }
    }
    return 1;
}

/* True if the folder has a zone of this name: a file that begins as RFC 8536 says. */
static int exists(const char *name) {
    char path[PATH_MAX], magic[4] = "";
    struct stat found;
    snprintf(path, sizeof(path), "%s/%s", zone_folder(), name);
    if (!is_name(name) || stat(path, &found) != 0 || !S_ISREG(found.st_mode)) {
        return 0;
    }
    FILE *file = fopen(path, "re");
    size_t length = file != NULL ? fread(magic, 1, sizeof(magic), file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    return length == sizeof(magic) && memcmp(magic, "TZif", 4) == 0;
}

/* The nearest of the names in zone.tab (third column), or "UTC" where there is no such file. */
static const char *nearest(const char *text) {
    static char names[ZONES][NAME];
    const char *list[ZONES + 1] = {"UTC"};
    char path[PATH_MAX], line[256];
    size_t count = 1;
    snprintf(path, sizeof(path), "%s/zone.tab", zone_folder());
    FILE *file = fopen(path, "re");
    while (file != NULL && count <= ZONES && fgets(line, sizeof(line), file) != NULL) {
        if (line[0] != '#' && sscanf(line, "%*s %*s %63s", names[count - 1]) == 1) {
            list[count] = names[count - 1];
            count++;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return tacho_nearest_word(text, list, count);
}

/* What the local zone is called: /etc/localtime is a link into the folder of zones; without it the C library uses UTC.
 */
static const char *local_name(void) {
    static char target[PATH_MAX];
    ssize_t length = readlink("/etc/localtime", target, sizeof(target) - 1);
    if (length <= 0) {
        return access("/etc/localtime", R_OK) == 0 ? "local time" : "UTC";
    }
    target[length] = '\0';
    const char *name = strstr(target, "zoneinfo/");
    name = name != NULL ? name + strlen("zoneinfo/") : "local time";
    return strcmp(name, "Etc/UTC") == 0 ? "UTC" : name;
}

/* A POSIX rule such as "CET-1CEST,M3.5.0,M10.5.0": a name, then an offset. */
static int is_rule(const char *text) {
    return (isalpha((unsigned char)text[0]) || text[0] == '<') && strpbrk(text, "0123456789") != NULL;
}

/* The name for TZ as the environment has it. The C library takes what it does not know as UTC; so must the name. */
static const char *environment_name(const cli_arguments *arguments, const char *text) {
    const char *name = text[0] == ':' ? text + 1 : text;
    if (exists(name) || strcmp(name, "UTC") == 0) {
        return name;
    }
    if (is_rule(text) || name[0] == '/') {
        return text;
    }
    cli_warn(arguments, "TZ is '%s', which is no time zone here; UTC is used", text);
    return "UTC";
}

static int32_t offset_of(void *context, int64_t unix_seconds) {
    (void)context;
    time_t at = (time_t)unix_seconds;
    struct tm local;
    return localtime_r(&at, &local) != NULL ? (int32_t)local.tm_gmtoff : 0;
}

static int two_digits(const char *text) {
    return (text[0] - '0') * 10 + (text[1] - '0');
}

/* "+02:00": POSIX counts the other way round, "<+0200>-02:00". */
static int set_offset(const char *text) {
    char rule[32];
    int has_form = (text[0] == '+' || text[0] == '-') && strlen(text) == 6 && text[3] == ':';
    for (int i = 1; has_form && i < 6; i++) {
        has_form = i == 3 || isdigit((unsigned char)text[i]);
    }
    if (!has_form || two_digits(text + 1) > 14 || two_digits(text + 4) > 59) {
        return 0;
    }
    snprintf(rule, sizeof(rule), "<%.3s%s>%c%s", text, text + 4, text[0] == '+' ? '-' : '+', text + 1);
    setenv("TZ", rule, 1);
    return 1;
}

static const char *local_zone(const cli_arguments *arguments) {
    const char *variable = getenv("TZ");
    if (variable == NULL) {
        return local_name();
    }
    return variable[0] == '\0' ? "UTC" : environment_name(arguments, variable);
}

int cli_zone_set(const cli_arguments *arguments, tacho_zone *out) {
    const char *name = arguments->value[CLI_FLAG_TZ];
    if (name == NULL || strcmp(name, "local") == 0) {
        name = local_zone(arguments);
    } else if (strcmp(name, "UTC") == 0) {
        setenv("TZ", "UTC0", 1); /* known without any file */
    } else if (exists(name)) {
        setenv("TZ", name, 1);
    } else if (!set_offset(name)) {
        return cli_fail(CLI_USAGE, "--tz: there is no time zone '%s' in %s; the nearest is %s", name, zone_folder(),
                        nearest(name));
    }
    tzset();
    snprintf(zone_name, sizeof(zone_name), "%s", name);
    *out = (tacho_zone){.struct_size = (uint32_t)sizeof(*out), .name = zone_name, .offset_s = offset_of};
    return CLI_DONE;
}
