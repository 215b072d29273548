/**
 * The command table: the only list of commands and flags. Parsing, help and error messages are made from it
 * (commands.c). A command is one file command_<name>.c with one function cli_<name>.
 *
 * A new command: add its function below, a row in commands.c and its file. A new flag: a row in CLI_FLAG_MAP. A flag
 * means the same in every command (reference: user experience 2.2).
 */
#ifndef TACHO_CLI_COMMAND_H
#define TACHO_CLI_COMMAND_H

#include <stdint.h>
#include <tachograph.h>

/* Exit codes, documented in core/doc/command.md; they are an interface. */
typedef enum cli_exit {
    CLI_DONE = 0,
    CLI_GATE = 1,       /* a gate is broken */
    CLI_USAGE = 2,      /* wrong flag, value, command or configuration */
    CLI_NO_DATA = 3,    /* nothing there, or not readable as what it should be */
    CLI_INCOMPLETE = 4, /* incomplete, and --strict was given */
    CLI_INTERNAL = 5    /* an error of ours, or input and output failed */
} cli_exit;

/* X(ENUM, long name, letter or 0, name of its value or NULL, help) */
#define CLI_FLAG_MAP(X)                                                                                                \
    X(HISTORY, "history", 0, "FILE", "the history file, in place of the default one")                                  \
    X(FROM, "from", 0, "PATH", "read a saved snapshot, or the registry in a folder, in place of the history")          \
    X(SINCE, "since", 0, "WHEN", "from this time on: 2026-02-03, an RFC 3339 time, 24h, 7d")                           \
    X(UNTIL, "until", 0, "WHEN", "up to this time; a date means its whole day")                                        \
    X(TZ, "tz", 0, "ZONE", "time zone of days and times: Europe/Berlin, +02:00, UTC (default: local)")                 \
    X(BY, "by", 0, "KEY[,KEY]", "one row per KEY, or per combination of several")                                      \
    X(WHERE, "where", 0, "KEY=VALUE",                                                                                  \
      "only this session, model, provider, operation, tool or tag:NAME; may be given several times")                   \
    X(SORT, "sort", 0, "COLUMN", "sort by this column, numbers falling; -COLUMN turns it round")                       \
    X(LIMIT, "limit", 'n', "N", "at most N rows; totals stay those of all rows")                                       \
    X(COLUMNS, "columns", 0, "A,B", "these columns, in this order")                                                    \
    X(FORMAT, "format", 'f', "FORMAT", "how to print")                                                                 \
    X(OUTPUT, "output", 'o', "FILE", "write the answer to FILE; - is standard output")                                 \
    X(COLOR, "color", 0, "WHEN", "auto, always or never (default: auto)")                                              \
    X(ASCII, "ascii", 0, NULL, "no characters outside ASCII")                                                          \
    X(AUTO, "auto", 0, NULL, "import from every agent whose logs are found on this machine")                           \
    X(PRICES, "prices", 0, "FILE", "price with this table")                                                            \
    X(PROVIDER, "provider", 0, "NAME", "whose price: a name, an alias or a base URL")                                  \
    X(DATE, "date", 0, "DAY", "day to write into a table (default: today)")                                            \
    X(DRY_RUN, "dry-run", 0, NULL, "say what would change, and change nothing")                                        \
    X(KEEP, "keep", 0, NULL, "leave the registry of the run where it is, and say where")                               \
    X(STRICT, "strict", 0, NULL, "exit 4 when the answer is incomplete: unreadable lines, unpriced calls")             \
    X(ALLOW_EMPTY, "allow-empty", 0, NULL, "no data is an empty answer, not exit 3")                                   \
    X(QUIET, "quiet", 'q', NULL, "no progress, hints and warnings")                                                    \
    X(VERBOSE, "verbose", 'v', NULL, "say more on standard error")                                                     \
    X(HELP, "help", 'h', NULL, "this help")                                                                            \
    X(VERSION, "version", 0, NULL, "the version")

typedef enum cli_flag {
#define X(name, text, letter, value, help) CLI_FLAG_##name,
    CLI_FLAG_MAP(X)
#undef X
        CLI_FLAG_COUNT
} cli_flag;

#define CLI_WHERE_MAX 8 /* conditions of --where */
#define CLI_BIT(flag) (UINT32_C(1) << CLI_FLAG_##flag)

/** A flag, as in CLI_FLAG_MAP. */
typedef struct cli_flag_row {
    const char *name;
    int letter;        /* 0 = none */
    const char *value; /* what its value is called in help; NULL = takes none */
    const char *help;
} cli_flag_row;

/** What a person typed, after the table has checked it. Values are those of argv. */
typedef struct cli_arguments {
    const struct cli_command *command;
    const char *program;
    uint32_t given;                    /* bit per flag */
    const char *value[CLI_FLAG_COUNT]; /* of flags that take one, the last one given; NULL = not given */
    char *where[CLI_WHERE_MAX];        /* of --where, all of them; read once, which cuts them in two */
    int where_count;
    const char *const *operands;
    int operand_count;
    int is_bare; /* no command was named: it is summary */
} cli_arguments;

/** A command line to be shown, and what it does. */
typedef struct cli_example {
    const char *line;
    const char *what;
} cli_example;

#define CLI_EXAMPLES_MAX 7

typedef struct cli_command {
    const char *name;
    const char *operands;                   /* "[SESSION]"; "" = takes none */
    int operands_max;                       /* -1 = any number */
    int takes_command;                      /* the first operand and all behind it are another command's line */
    const char *help;                       /* one sentence, lower case, without full stop */
    uint32_t flags;                         /* CLI_BIT of those it takes; --help is taken by all */
    uint32_t formats;                       /* bit per tacho_format; the first one of TACHO_FORMAT_MAP is the default */
    cli_example examples[CLI_EXAMPLES_MAX]; /* at least one; ends at the first without a line */
    const char *notes;                      /* further paragraphs of its help; NULL */
    int (*run)(const cli_arguments *arguments); /* returns an exit code */
} cli_command;

/** The table. Static storage. */
const cli_command *cli_commands(size_t *count);
/** The command of this name; NULL. */
const cli_command *cli_command_find(const char *name);
const cli_flag_row *cli_flag_describe(cli_flag flag);

static inline int cli_given(const cli_arguments *arguments, cli_flag flag) {
    return (arguments->given >> flag & 1u) != 0;
}

int cli_import(const cli_arguments *arguments);
int cli_usage(const cli_arguments *arguments);
int cli_summary(const cli_arguments *arguments);
int cli_steps(const cli_arguments *arguments);
int cli_prices(const cli_arguments *arguments);
int cli_history(const cli_arguments *arguments);
int cli_run(const cli_arguments *arguments);
int cli_doctor(const cli_arguments *arguments);

#endif
