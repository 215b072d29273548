#include "command.h"

#include <string.h>

static const cli_flag_row flag_rows[CLI_FLAG_COUNT] = {
#define X(name, text, letter, value, help) {text, letter, value, help},
    CLI_FLAG_MAP(X)
#undef X
};

#define FORMAT(name) (1u << TACHO_FORMAT_##name)
#define READING                                                                                                        \
    (CLI_BIT(HISTORY) | CLI_BIT(FROM) | CLI_BIT(TZ) | CLI_BIT(FORMAT) | CLI_BIT(OUTPUT) | CLI_BIT(COLOR) |             \
     CLI_BIT(ASCII) | CLI_BIT(STRICT) | CLI_BIT(ALLOW_EMPTY) | CLI_BIT(QUIET) | CLI_BIT(VERBOSE))
#define TABLES (FORMAT(TABLE) | FORMAT(PLAIN) | FORMAT(JSON) | FORMAT(JSONL) | FORMAT(CSV))

static const cli_command commands[] = {
    {
        .name = "import",
        .operands = "KIND [PATH...] ",
        .operands_max = -1,
        .help = "read the logs of agents into the history",
        .flags = CLI_BIT(HISTORY) | CLI_BIT(AUTO) | CLI_BIT(PRICES) | CLI_BIT(FORMAT) | CLI_BIT(OUTPUT) |
                 CLI_BIT(STRICT) | CLI_BIT(ALLOW_EMPTY) | CLI_BIT(QUIET) | CLI_BIT(VERBOSE),
        .formats = FORMAT(PLAIN) | FORMAT(JSON),
        .examples = {{"tacho import --auto", "read the logs of your agents"},
                     {"tacho import claude-code", "Claude Code, where it writes"},
                     {"tacho import claude-code logs/ --history h.db", "these logs, into this file"},
                     {"tacho import claude-code --strict", "exit 4 on unreadable lines"}},
        .notes = "KIND is claude-code: transcripts (*.jsonl), as files or anywhere below folders. Without a path: "
                 "$CLAUDE_CONFIG_DIR, ~/.claude/projects and ~/.config/claude/projects.\n"
                 "Logs are only read, never changed. Importing again adds what is new; nothing is counted twice.\n"
                 "Prompts, answers and arguments of tools are not stored.",
        .run = cli_import,
    },
    {
        .name = "run",
        .operands = "[--] [CMD...] ",
        .operands_max = -1,
        .takes_command = 1,
        .help = "run a command and print at its end what it cost",
        .flags = CLI_BIT(KEEP) | CLI_BIT(TZ) | CLI_BIT(FORMAT) | CLI_BIT(OUTPUT) | CLI_BIT(COLOR) | CLI_BIT(ASCII) |
                 CLI_BIT(QUIET) | CLI_BIT(VERBOSE),
        .formats = TABLES,
        .examples = {{"tacho run -- python agent.py", "run it; the summary goes to standard error"},
                     {"tacho run -o run.json -f json -- make test", "the summary into a file, for a program"},
                     {"tacho run --keep -- ./worker --jobs 4", "keep the registry, to look at it later"},
                     {"tacho run", "a shell in which everything is recorded together"}},
        .notes = "The command and all that it starts share one registry and one session: TACHO_DIR and TACHO_SESSION "
                 "are set for it. Flags of tacho stand before the command. Signals are passed on; the exit code is "
                 "the command's (127 not found, 126 not to be run, 128 + N ended by signal N).",
        .run = cli_run,
    },
    {
        .name = "usage",
        .operands = "",
        .operands_max = 0,
        .help = "calls, tokens and cost by model, day, session, tool and others",
        .flags = READING | CLI_BIT(SINCE) | CLI_BIT(UNTIL) | CLI_BIT(WHERE) | CLI_BIT(BY) | CLI_BIT(SORT) |
                 CLI_BIT(LIMIT) | CLI_BIT(COLUMNS),
        .formats = TABLES,
        .examples = {{"tacho usage", "cost and tokens by model"},
                     {"tacho usage --by day --since 7d", "the last seven days"},
                     {"tacho usage --by tool --sort total_seconds -n 10", "the ten slowest tools"},
                     {"tacho usage --by day --where model=claude-opus-4-6", "one model, day by day"},
                     {"tacho usage --by tag:tier,model", "by a declared tag, and within it by model"},
                     {"tacho usage --by session --format csv -o usage.csv", "for a spreadsheet"},
                     {"tacho usage --format json | jq .totals", "for a program"}},
        .run = cli_usage,
    },
    {
        .name = "summary",
        .operands = "[SESSION] ",
        .operands_max = 1,
        .help = "one session: cost, tokens, models, tools, slowest operations",
        .flags = READING,
        .formats = TABLES,
        .examples = {{"tacho", "the newest session at a glance"},
                     {"tacho summary 7f3a", "the session whose id begins with 7f3a"},
                     {"tacho summary --from run.tacho", "a snapshot that a program saved"},
                     {"tacho summary --format json", "for a program"}},
        .notes = "SESSION is an id or a beginning of at least 4 characters; without it, the newest session.",
        .run = cli_summary,
    },
    {
        .name = "steps",
        .operands = "[SESSION] ",
        .operands_max = 1,
        .help = "one session step by step: what ran inside what, how long, at what cost",
        .flags = READING | CLI_BIT(SINCE) | CLI_BIT(UNTIL) | CLI_BIT(WHERE) | CLI_BIT(LIMIT),
        .formats = TABLES,
        .examples = {{"tacho steps", "the newest session, step by step"},
                     {"tacho steps 7f3a --since 1h", "the last hour of a session"},
                     {"tacho steps --format csv", "one line per step, for a spreadsheet"}},
        .notes = "SESSION is an id or a beginning of at least 4 characters; without it, the newest session.",
        .run = cli_steps,
    },
    {
        .name = "prices",
        .operands = "[MODEL | list [PART] | build FILE... | update FILE... | check FILE | diff A [B]] ",
        .operands_max = -1,
        .help = "what a model costs and why; files of prices",
        .flags = CLI_BIT(PRICES) | CLI_BIT(PROVIDER) | CLI_BIT(DATE) | CLI_BIT(FORMAT) | CLI_BIT(OUTPUT) |
                 CLI_BIT(QUIET) | CLI_BIT(VERBOSE),
        .formats = FORMAT(TABLE) | FORMAT(JSON),
        .examples = {{"tacho prices claude-opus-4-6", "how its price is found, and all its sheets"},
                     {"tacho prices list gpt-4", "ids that contain gpt-4, USD per million tokens in and out"},
                     {"tacho prices check my-prices.json", "is this file good? If not: line and column"},
                     {"tacho prices build genai-prices.json litellm.json -o t.prices", "a table out of sources"},
                     {"TACHO_PRICES=t.prices tacho import claude-code", "price with that table"}},
        .notes = "Works offline. FILE is JSON of genai-prices or litellm, or prices of your own (core/doc/prices.md).\n"
                 "update builds the table that all programs use from now on (or -o FILE), but keeps a price where the\n"
                 "new one is 10 times that.",
        .run = cli_prices,
    },
    {
        .name = "history",
        .operands = "reprice ",
        .operands_max = 1,
        .help = "price stored calls again",
        .flags = CLI_BIT(HISTORY) | CLI_BIT(PRICES) | CLI_BIT(DRY_RUN) | CLI_BIT(FORMAT) | CLI_BIT(OUTPUT) |
                 CLI_BIT(QUIET) | CLI_BIT(VERBOSE),
        .formats = FORMAT(PLAIN) | FORMAT(JSON),
        .examples = {{"tacho history reprice --dry-run", "which costs would change under the prices of now"},
                     {"tacho history reprice --dry-run --verbose", "the same, call by call"},
                     {"tacho history reprice --prices my-prices.json", "change them"}},
        .notes =
            "Each call is priced by the sheet that held at its start. Costs that a provider reported stay. Nothing "
            "else ever changes a stored cost.",
        .run = cli_history,
    },
    {
        .name = "doctor",
        .operands = "",
        .operands_max = 0,
        .help = "is everything all right: settings, registry, history, prices",
        .flags = CLI_BIT(HISTORY) | CLI_BIT(FROM) | CLI_BIT(FORMAT) | CLI_BIT(OUTPUT) | CLI_BIT(TZ) | CLI_BIT(STRICT) |
                 CLI_BIT(QUIET) | CLI_BIT(VERBOSE),
        .formats = FORMAT(PLAIN) | FORMAT(JSON),
        .examples = {{"tacho doctor", "each setting and where it came from, the files, and what is wrong"},
                     {"tacho doctor --from /run/user/1000/tacho", "who records in this registry, and what was dropped"},
                     {"tacho doctor --format json", "for a program"}},
        .notes = "Looks only: nothing is changed, no process notices. Exit code 1 with --strict when something is "
                 "wrong.",
        .run = cli_doctor,
    },
};

const cli_command *cli_commands(size_t *count) {
    *count = sizeof(commands) / sizeof(commands[0]);
    return commands;
}

const cli_command *cli_command_find(const char *name) {
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

const cli_flag_row *cli_flag_describe(cli_flag flag) {
    return &flag_rows[flag];
}
