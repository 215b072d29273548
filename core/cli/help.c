#include "help.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 80

/* Prints words, broken at WIDTH, further lines indented; the cursor stands at `column`. */
static void flow(const char *text, size_t column, size_t indent) {
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        if (column > indent && column + 1 + length > WIDTH) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)length, text);
        column += length;
        text += length + (text[length] == ' ');
    }
    putchar('\n');
}

/* Two columns: a term, and what it means. A term that is too long has a line of its own. */
static void entry(const char *term, const char *meaning, size_t indent) {
    size_t length = strlen(term) + 2;
    printf("  %s", term);
    if (length + 2 > indent) {
        printf("\n%*s", (int)indent, "");
    } else {
        printf("%*s", (int)(indent - length), "");
    }
    flow(meaning, indent, indent);
}

static void print_examples(const cli_command *command) {
    for (size_t i = 0; i < CLI_EXAMPLES_MAX && command->examples[i].line != NULL; i++) {
        const cli_example *example = &command->examples[i];
        entry(example->line, example->what, 54);
    }
}

/* The words that a flag takes in this command, where there is a list. */
static void append_words(const cli_command *command, cli_flag flag, char *out, size_t size) {
    size_t used = strlen(out), count = 0;
    for (int i = 0; flag == CLI_FLAG_FORMAT && i < TACHO_FORMAT_COUNT && used < size; i++) {
        if ((command->formats >> i & 1u) != 0) {
            used += (size_t)snprintf(out + used, size - used, "%s%s", count++ > 0 ? ", " : ": ", tacho_format_text(i));
        }
    }
    for (int i = 0; flag == CLI_FLAG_BY && i < TACHO_BY_COUNT && used < size; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : ": ", tacho_by_text(i));
    }
    if (flag == CLI_FLAG_BY && used < size) {
        snprintf(out + used, size - used, " (default: %s)", tacho_by_text(0));
    }
}

static void print_flags(const cli_command *command) {
    for (int i = 0; i < CLI_FLAG_COUNT; i++) {
        const cli_flag_row *row = cli_flag_describe((cli_flag)i);
        char term[64], meaning[512];
        if ((command->flags >> i & 1u) == 0 && i != CLI_FLAG_HELP) {
            continue;
        }
        char letter[5] = "    ";
        if (row->letter != 0) {
            snprintf(letter, sizeof(letter), "-%c, ", row->letter);
        }
        snprintf(term, sizeof(term), "%s--%s%s%s", letter, row->name, row->value != NULL ? " " : "",
                 row->value != NULL ? row->value : "");
        snprintf(meaning, sizeof(meaning), "%s", row->help);
        append_words(command, (cli_flag)i, meaning, sizeof(meaning));
        entry(term, meaning, 26);
    }
}

/* The names that --columns and --sort take. */
static void print_columns(void) {
    size_t count;
    const tacho_field *fields = tacho_row_fields(&count);
    char names[4096] = "";
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof(names); i++) {
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i > 0 ? ", " : "", fields[i].name);
    }
    printf("\nColumns:\n  ");
    flow(names, 2, 2);
}

static void print_command(const cli_command *command) {
    printf("Examples:\n");
    print_examples(command);
    printf("\nUsage: tacho %s %s[FLAG...]\n\n", command->name, command->operands);
    printf("  ");
    flow(command->help, 2, 2);
    if (command->notes != NULL) {
        const char *line = command->notes;
        while (*line != '\0') {
            size_t length = strcspn(line, "\n");
            char text[256];
            snprintf(text, sizeof(text), "%.*s", (int)length, line);
            printf("  ");
            flow(text, 2, 2);
            line += length + (line[length] == '\n');
        }
    }
    printf("\nFlags:\n");
    print_flags(command);
    if ((command->flags & CLI_BIT(COLUMNS)) != 0) {
        print_columns();
    }
}

static void print_program(void) {
    size_t count;
    const cli_command *commands = cli_commands(&count);
    printf("tacho: what LLM applications and agents cost, and how they spend their time.\n\nExamples:\n");
    for (size_t i = 0; i < count; i++) {
        entry(commands[i].examples[0].line, commands[i].examples[0].what, 26);
    }
    printf("\nCommands (more: tacho COMMAND --help):\n");
    for (size_t i = 0; i < count; i++) {
        char term[64];
        snprintf(term, sizeof(term), "%s %s", commands[i].name, commands[i].operands);
        entry(term, commands[i].help, 26);
    }
    entry("", "without a command: summary", 26);
    printf("\nWhere numbers are read from: --history FILE, --from FILE, $TACHO_HISTORY, else\n"
           "  $XDG_STATE_HOME/tachograph/history.db (~/.local/state/tachograph/history.db).\n");
    printf("\nExit codes:\n"
           "  0 done   1 a gate is broken   2 wrong flag, value or configuration   3 no data\n"
           "  4 incomplete, with --strict   5 internal error or I/O   130, 143 interrupted\n");
}

void cli_help(const cli_command *command) {
    if (command == NULL) {
        print_program();
    } else {
        print_command(command);
    }
}
