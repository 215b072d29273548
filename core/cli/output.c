#include "output.h"
#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define WIDTH_DEFAULT 80u
#define WIDTH_MIN     20u
#define WIDTH_MAX     10000u

/* An answer must not replace what it is made from. */
static int is_same_file(const char *a, const char *b) {
    struct stat left, right;
    return b != NULL && stat(a, &left) == 0 && stat(b, &right) == 0 && left.st_dev == right.st_dev &&
           left.st_ino == right.st_ino;
}

/* A pipe, a device: written as it is, nothing to rename. */
static int is_special(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && !S_ISREG(found.st_mode);
}

static int is_folder(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

static int open_file(cli_output *output) {
    if (is_special(output->path)) {
        output->file = fopen(output->path, "we");
        return output->file != NULL;
    }
    snprintf(output->temporary, sizeof(output->temporary), "%s.XXXXXX", output->path);
    int file = mkostemp(output->temporary, O_CLOEXEC);
    if (file < 0) {
        output->temporary[0] = '\0';
        return 0;
    }
    mode_t mask = umask(0);
    umask(mask);
    fchmod(file, 0666 & ~mask);
    output->file = fdopen(file, "w");
    return output->file != NULL;
}

static int refuse_path(const char *path, int problem) {
    return cli_fail(CLI_INTERNAL, "--output: '%s' cannot be written: %s", path, strerror(problem));
}

int cli_output_open(const cli_arguments *arguments, cli_output *output) {
    const char *path = arguments->value[CLI_FLAG_OUTPUT];
    *output = (cli_output){.file = stdout, .path = path};
    if (path == NULL || strcmp(path, "-") == 0) {
        output->path = NULL;
        output->is_terminal = isatty(STDOUT_FILENO);
        return CLI_DONE;
    }
    if (is_same_file(path, arguments->value[CLI_FLAG_HISTORY]) || is_same_file(path, arguments->value[CLI_FLAG_FROM])) {
        return cli_fail(CLI_USAGE, "--output: '%s' is what is read; it would be lost", path);
    }
    if (!open_file(output)) {
        return refuse_path(path, errno);
    }
    return CLI_DONE;
}

int cli_output_open_beside(const cli_arguments *arguments, cli_output *output) {
    if (arguments->value[CLI_FLAG_OUTPUT] != NULL) {
        return cli_output_open(arguments, output);
    }
    *output = (cli_output){.file = stderr, .is_terminal = isatty(STDERR_FILENO)};
    return CLI_DONE;
}

int cli_output_write(void *context, const char *bytes, size_t length) {
    cli_output *output = context;
    if (output->fault == 0 && fwrite(bytes, 1, length, output->file) != length) {
        output->fault = errno;
    }
    return output->fault;
}

void cli_output_print(cli_output *output, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (output->fault == 0 && vfprintf(output->file, format, arguments) < 0) {
        output->fault = errno;
    }
    va_end(arguments);
}

/* The new file takes the name of the old one, or goes. */
static void finish_file(cli_output *output, int keep) {
    if (output->temporary[0] == '\0') {
        return;
    }
    if (keep && output->fault == 0 && rename(output->temporary, output->path) != 0) {
        output->fault = errno;
    }
    if (!keep || output->fault != 0) {
        unlink(output->temporary);
    }
}

int cli_output_close(cli_output *output, int code) {
    if (fflush(output->file) != 0 && output->fault == 0) {
        output->fault = errno;
    }
    if (output->path != NULL && fclose(output->file) != 0 && output->fault == 0) {
        output->fault = errno;
    }
    finish_file(output, code == CLI_DONE || code == CLI_GATE || code == CLI_INCOMPLETE);
    if (output->fault == 0 || output->fault == EPIPE) {
        return code;
    }
    return cli_fail(CLI_INTERNAL, "%s cannot be written: %s", output->path != NULL ? output->path : "standard output",
                    strerror(output->fault));
}

int cli_output_check(const cli_arguments *arguments) {
    const char *path = arguments->value[CLI_FLAG_OUTPUT];
    cli_output output;
    if (path != NULL && is_special(path)) { /* opening a pipe would wait for who reads it */
        int problem = is_folder(path) ? EISDIR : access(path, W_OK) != 0 ? errno : 0;
        return problem != 0 ? refuse_path(path, problem) : CLI_DONE;
    }
    int code = cli_output_open(arguments, &output);
    if (code == CLI_DONE && output.path != NULL) {
        fclose(output.file);
        finish_file(&output, 0);
    }
    return code;
}

static int is_set(const char *variable) {
    const char *value = getenv(variable);
    return value != NULL && value[0] != '\0';
}

/* --color > NO_COLOR > FORCE_COLOR > TERM=dumb > is it a terminal. */
static uint32_t wants_color(const char *when, const cli_output *output) {
    if (when != NULL && strcmp(when, "auto") != 0) {
        return strcmp(when, "always") == 0;
    }
    const char *terminal = getenv("TERM");
    if (is_set("NO_COLOR")) {
        return 0;
    }
    if (is_set("FORCE_COLOR")) {
        return 1;
    }
    return output->is_terminal && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

static uint32_t width_of(const cli_output *output) {
    const char *columns = getenv("COLUMNS");
    unsigned long width = columns != NULL ? strtoul(columns, NULL, 10) : 0;
    struct winsize size;
    if (width == 0 && output->is_terminal && ioctl(fileno(output->file), TIOCGWINSZ, &size) == 0) {
        width = size.ws_col;
    }
    if (width == 0) {
        return WIDTH_DEFAULT;
    }
    return width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : (uint32_t)width;
}

/* The character set of the locale, by its name: setting the locale would read files. */
static int has_unicode(void) {
    const char *locale = is_set("LC_ALL") ? getenv("LC_ALL") : is_set("LC_CTYPE") ? getenv("LC_CTYPE") : getenv("LANG");
    return locale != NULL && (strcasestr(locale, "UTF-8") != NULL || strcasestr(locale, "utf8") != NULL);
}

void cli_style_read(const cli_arguments *arguments, const cli_output *output, tacho_style *style) {
    style->width = width_of(output);
    style->color = wants_color(arguments->value[CLI_FLAG_COLOR], output);
    style->ascii = cli_given(arguments, CLI_FLAG_ASCII) || (output->is_terminal && !has_unicode());
}
