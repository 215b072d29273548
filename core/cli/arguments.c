/*
 * getopt_long reads the flags; what it does of its own accord is undone here: abbreviations are refused, and operands
 * are taken one by one (the "+" makes it stop at each), so that the text of a wrong flag is known.
 */
#include "arguments.h"
#include "message.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define LONG_BASE       256 /* what getopt_long returns for flag 0; above every letter */

/* The flags as getopt wants them, made from the one table. */
typedef struct getopt_tables {
    struct option options[CLI_FLAG_COUNT + 1];
    char letters[2 * CLI_FLAG_COUNT + 3];
} getopt_tables;

static void make_tables(getopt_tables *tables) {
    char *letter = tables->letters;
    *letter++ = '+';
    *letter++ = ':';
    for (int i = 0; i < CLI_FLAG_COUNT; i++) {
        const cli_flag_row *row = cli_flag_describe((cli_flag)i);
        tables->options[i] =
            (struct option){row->name, row->value != NULL ? required_argument : no_argument, NULL, LONG_BASE + i};
        if (row->letter != 0) {
            *letter++ = (char)row->letter;
            if (row->value != NULL) {
                *letter++ = ':';
            }
        }
    }
    tables->options[CLI_FLAG_COUNT] = (struct option){NULL, 0, NULL, 0};
    *letter = '\0';
}

/* Text of the list of words: "a, b, c"; what does not fit is left out. */
static void join(const char *const *words, size_t count, const char *prefix, char *out, size_t size) {
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s%s%s", i > 0 ? ", " : "", prefix, words[i]);
    }
}

/* Names of the flags that a command takes (NULL: of all). */
static size_t flag_names(const cli_command *command, const char *names[CLI_FLAG_COUNT]) {
    size_t count = 0;
    for (int i = 0; i < CLI_FLAG_COUNT; i++) {
        if (command == NULL || (command->flags >> i & 1u) != 0 || i == CLI_FLAG_HELP) {
            names[count++] = cli_flag_describe((cli_flag)i)->name;
        }
    }
    return count;
}

static int refuse_flag(const cli_command *command, const char *typed, size_t length) {
    const char *names[CLI_FLAG_COUNT];
    char name[80], list[1024];
    size_t count = flag_names(command, names);
    snprintf(name, sizeof(name), "%.*s", (int)length, typed);
    join(names, count, "--", list, sizeof(list));
    return cli_fail(CLI_USAGE, "unknown flag --%s; the nearest is --%s. %s%s takes: %s", name,
                    tacho_nearest_word(name, names, count), command != NULL ? "tacho " : "tacho",
                    command != NULL ? command->name : "", list);
}

static int refuse_letter(int letter) {
    char list[256];
    size_t used = 0;
    for (int i = 0; i < CLI_FLAG_COUNT; i++) {
        const cli_flag_row *row = cli_flag_describe((cli_flag)i);
        if (row->letter != 0) {
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s-%c (--%s)", used > 0 ? ", " : "",
                                     row->letter, row->name);
        }
    }
    return cli_fail(CLI_USAGE, "unknown flag -%c; there are %s", letter, list);
}

static int flag_of_letter(int letter) {
    for (int i = 0; i < CLI_FLAG_COUNT; i++) {
        if (cli_flag_describe((cli_flag)i)->letter == letter) {
            return i;
        }
    }
    return -1;
}

/* The command that the first operand names, for messages about flags that come before the whole line is read. */
static const cli_command *command_so_far(const cli_arguments *arguments) {
    return arguments->operand_count > 0 ? cli_command_find(arguments->operands[0]) : NULL;
}

static int keep_where(cli_arguments *arguments, char *text) {
    if (arguments->where_count == CLI_WHERE_MAX) {
        return cli_fail(CLI_USAGE, "--where: '%s' is too much; %d conditions are the most", text, CLI_WHERE_MAX);
    }
    arguments->where[arguments->where_count++] = text;
    return CLI_DONE;
}

/* One result of getopt_long. `typed` is the word that it came from. */
static int take_flag(cli_arguments *arguments, int result, int index, const char *typed) {
    size_t length = strcspn(typed, "=");
    if (result == ':') {
        return cli_fail(CLI_USAGE, "%s needs a value", typed);
    }
    int is_long = strncmp(typed, "--", 2) == 0;
    if (result == '?' || result < 0) {
        if (!is_long) {
            return refuse_letter(optopt);
        }
        int flag = optopt - LONG_BASE; /* a known flag that was given a value it does not take */
        return flag >= 0 ? cli_fail(CLI_USAGE, "--%s takes no value", cli_flag_describe((cli_flag)flag)->name)
                         : refuse_flag(command_so_far(arguments), typed + 2, length - 2);
    }
    int flag = result >= LONG_BASE ? index : flag_of_letter(result);
    const cli_flag_row *row = cli_flag_describe((cli_flag)flag);
    if (is_long && (strlen(row->name) != length - 2 || strncmp(row->name, typed + 2, length - 2) != 0)) {
        return refuse_flag(command_so_far(arguments), typed + 2, length - 2);
    }
    if (row->value != NULL && optarg[0] == '\0') {
        return cli_fail(CLI_USAGE, "--%s needs a value, not an empty text", row->name);
    }
    arguments->given |= UINT32_C(1) << flag;
    arguments->value[flag] = row->value != NULL ? optarg : NULL;
    return flag == CLI_FLAG_WHERE ? keep_where(arguments, optarg) : CLI_DONE;
}

/* Behind the command that `tacho run` starts, flags are its own. */
static int is_of_another(const cli_arguments *arguments) {
    const cli_command *command = arguments->operand_count > 1 ? cli_command_find(arguments->operands[0]) : NULL;
    return command != NULL && command->takes_command;
}

static int read_words(int argc, char **argv, const char **operands, cli_arguments *out) {
    getopt_tables tables;
    make_tables(&tables);
    opterr = 0;
    while (optind < argc) {
        int index = 0, before = optind;
        const char *typed = argv[before];
        int result = getopt_long(argc, argv, tables.letters, tables.options, &index);
        if (result >= 0) {
            /* inside a cluster of letters optind stays; `typed` is then the cluster, which is never a long flag */
            int code = take_flag(out, result, index, typed);
            if (code != CLI_DONE) {
                return code;
            }
        } else if (optind > before) { /* "--" */
            while (optind < argc) {
                operands[out->operand_count++] = argv[optind++];
            }
        } else {
            operands[out->operand_count++] = argv[optind++];
            while (is_of_another(out) && optind < argc) {
                operands[out->operand_count++] = argv[optind++];
            }
        }
    }
    return CLI_DONE;
}

static int refuse_command(const char *typed) {
    const char *names[32];
    char list[512];
    size_t count;
    const cli_command *commands = cli_commands(&count);
    for (size_t i = 0; i < count && i < 32; i++) {
        names[i] = commands[i].name;
    }
    join(names, count, "", list, sizeof(list));
    return cli_fail(CLI_USAGE, "unknown command '%s'; the nearest is '%s'. There are: %s. Try: tacho --help", typed,
                    tacho_nearest_word(typed, names, count), list);
}

static void shift(cli_arguments *out) {
    out->operands++;
    out->operand_count--;
}

/* The command stands first among the operands; without operands it is `summary`. `help` is --help in other clothes. */
static int find_command(cli_arguments *out) {
    if (out->operand_count > 0 && strcmp(out->operands[0], "help") == 0) {
        out->given |= CLI_BIT(HELP);
        shift(out);
    }
    out->is_bare = out->operand_count == 0;
    out->command = cli_command_find(out->is_bare ? "summary" : out->operands[0]);
    if (out->command == NULL) {
        return refuse_command(out->operands[0]);
    }
    if (!out->is_bare) {
        shift(out);
    }
    return CLI_DONE;
}

static int check(const cli_arguments *arguments) {
    const cli_command *command = arguments->command;
    const uint32_t everywhere = CLI_BIT(HELP) | CLI_BIT(VERSION);
    for (int i = 0; i < CLI_FLAG_COUNT; i++) {
        if ((arguments->given & ~(command->flags | everywhere)) >> i & 1u) {
            const char *names[CLI_FLAG_COUNT];
            char list[1024];
            join(names, flag_names(command, names), "--", list, sizeof(list));
            return cli_fail(CLI_USAGE, "tacho %s does not take --%s. It takes: %s", command->name,
                            cli_flag_describe((cli_flag)i)->name, list);
        }
    }
    if (command->operands_max >= 0 && arguments->operand_count > command->operands_max) {
        return cli_fail(CLI_USAGE, "tacho %s: '%s' is too much; it is called: tacho %s %s[FLAG...]", command->name,
                        arguments->operands[command->operands_max], command->name, command->operands);
    }
    return CLI_DONE;
}

int cli_arguments_read(int argc, char **argv, const char **operands, cli_arguments *out) {
    *out = (cli_arguments){.program = argc > 0 ? argv[0] : "tacho", .operands = operands};
    int code = read_words(argc, argv, operands, out);
    if (code == CLI_DONE && cli_given(out, CLI_FLAG_VERSION)) {
        return code;
    }
    if (code == CLI_DONE) {
        code = find_command(out);
    }
    return code == CLI_DONE && !cli_given(out, CLI_FLAG_HELP) ? check(out) : code;
}

int cli_refuse_word(cli_flag flag, const char *value, const char *const *words, size_t count) {
    char list[2048];
    join(words, count, "", list, sizeof(list));
    return cli_fail(CLI_USAGE, "--%s: '%s' is not one of: %s. The nearest is %s", cli_flag_describe(flag)->name, value,
                    list, tacho_nearest_word(value, words, count));
}

int cli_format_read(const cli_arguments *arguments, tacho_format fallback, tacho_format *out) {
    const char *text = arguments->value[CLI_FLAG_FORMAT];
    const char *words[TACHO_FORMAT_COUNT];
    size_t count = 0;
    *out = fallback;
    if (text == NULL) {
        return CLI_DONE;
    }
    for (int i = 0; i < TACHO_FORMAT_COUNT; i++) {
        if ((arguments->command->formats >> i & 1u) != 0) {
            words[count++] = tacho_format_text(i);
            if (strcmp(text, words[count - 1]) == 0) {
                *out = (tacho_format)i;
                return CLI_DONE;
            }
        }
    }
    return cli_refuse_word(CLI_FLAG_FORMAT, text, words, count);
}

int cli_where_read(const cli_arguments *arguments, tacho_query *query) {
    for (int i = 0; i < arguments->where_count; i++) {
        size_t count, length = strcspn(arguments->where[i], "=");
        char *key = arguments->where[i], *value = key + length + 1;
        const int of_tag = strncmp(key, "tag:", 4) == 0;
        if (key[length] == '\0' || (value[0] == '\0' && !of_tag)) {
            return cli_fail(CLI_USAGE, "--where: '%s' is not KEY=VALUE, as model=claude-opus-4-6", key);
        }
        key[length] = '\0';
        if (tacho_query_where(query, key, value) != TACHO_OK) {
            const char *const *keys = tacho_query_where_keys(&count);
            return cli_refuse_word(CLI_FLAG_WHERE, key, keys, count);
        }
    }
    return CLI_DONE;
}

int cli_limit_read(const cli_arguments *arguments, uint32_t *out) {
    const char *text = arguments->value[CLI_FLAG_LIMIT];
    *out = 0;
    if (text == NULL) {
        return CLI_DONE;
    }
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value == 0 || value > UINT32_MAX) {
        return cli_fail(CLI_USAGE, "--limit: '%s' is not a whole number from 1 to %u", text, UINT32_MAX);
    }
    *out = (uint32_t)value;
    return CLI_DONE;
}
