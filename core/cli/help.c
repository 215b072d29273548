#include "help.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define WIDTH        80
#define COMMAND_TERM 22 /* width of the column of commands */
#define EXAMPLES_MAX 32 /* of the whole program: one per command */

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

/* Two columns; where one of them would have to be broken, the meaning goes below its line. */
static void print_examples(const cli_example *examples, size_t count) {
    size_t longest = 0, widest = 0;
    for (size_t i = 0; i < count; i++) {
        size_t line = strlen(examples[i].line), meaning = strlen(examples[i].what);
        longest = line > longest ? line : longest;
        widest = meaning > widest ? meaning : widest;
    }
    for (size_t i = 0; i < count; i++) {
        if (longest + 4 + widest <= WIDTH) {
            entry(examples[i].line, examples[i].what, longest + 4);
        } else {
            printf("  %s\n      ", examples[i].line);
            flow(examples[i].what, 6, 6);
        }
    }
}

static size_t example_count(const cli_command *command) {
    size_t count = 0;
    while (count < CLI_EXAMPLES_MAX && command->examples[count].line != NULL) {
        count++;
    }
    return count;
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

/* Paragraphs end at line ends. */
static void print_paragraphs(const char *text) {
    while (text != NULL && *text != '\0') {
        char paragraph[512];
        size_t length = strcspn(text, "\n");
        snprintf(paragraph, sizeof(paragraph), "%.*s", (int)length, text);
        printf("  ");
        flow(paragraph, 2, 2);
        text += length + (text[length] == '\n');
    }
}

static void print_command(const cli_command *command) {
    printf("Examples:\n");
    print_examples(command->examples, example_count(command));
    char sentence[512];
    snprintf(sentence, sizeof(sentence), "%c%s.", toupper(command->help[0]), command->help + 1);
    char usage[256];
    snprintf(usage, sizeof(usage), "%s %s[FLAG...]", command->name, command->operands);
    printf("\nUsage: tacho ");
    flow(usage, 13, 13);
    printf("\n");
    print_paragraphs(sentence);
    print_paragraphs(command->notes);
    printf("\nFlags:\n");
    print_flags(command);
    if ((command->flags & CLI_BIT(COLUMNS)) != 0) {
        print_columns();
    }
}

/* One line per command; operands that are too long for it stand in the help of the command. */
static void print_commands(const cli_command *commands, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char term[COMMAND_TERM + 1];
        int length = snprintf(term, sizeof(term), "%s %s", commands[i].name, commands[i].operands);
        if (length > COMMAND_TERM) {
            snprintf(term, sizeof(term), "%s ...", commands[i].name);
        }
        entry(term, commands[i].help, COMMAND_TERM + 4);
    }
    entry("", "without a command: summary", COMMAND_TERM + 4);
}

static void print_program(void) {
    size_t count;
    const cli_command *commands = cli_commands(&count);
    cli_example first[EXAMPLES_MAX];
    for (size_t i = 0; i < count && i < EXAMPLES_MAX; i++) {
        first[i] = commands[i].examples[0];
    }
    printf("tacho: what LLM applications and agents cost, and how they spend their time.\n\nExamples:\n");
    print_examples(first, count < EXAMPLES_MAX ? count : EXAMPLES_MAX);
    printf("\nCommands (more: tacho COMMAND --help):\n");
    print_commands(commands, count);
    printf("\nWhere numbers are read from: --history FILE, --from FILE or FOLDER, the\n"
           "  registry $TACHO_DIR, the history $TACHO_HISTORY, else\n"
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
