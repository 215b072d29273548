/** What the commands that read have in common: zone, period, format, source and place of the answer. */
#ifndef TACHO_CLI_READING_H
#define TACHO_CLI_READING_H

#include "data.h"
#include "output.h"
#include "query_json.h"

typedef struct cli_reading {
    const cli_arguments *arguments;
    tacho_zone zone;
    tacho_query query; /* `by` is set by the command before */
    tacho_format format;
    tacho_style style;
    cli_data data;
    cli_output output;
    cli_json json;
    char prices[CLI_PRICES_MAX]; /* version of the price table; "" = nothing is priced */
} cli_reading;

/**
 * Checks the flags, then opens source and output. Flags are all checked before a file is touched.
 *
 * @return CLI_DONE, then cli_reading_end must follow; another exit code, said why
 */
int cli_reading_begin(const cli_arguments *arguments, cli_reading *reading);

/** Puts the query into the style; the strings live until the end. CLI_DONE or CLI_INTERNAL. */
int cli_reading_describe(cli_reading *reading);

/**
 * Says that segments of processes could not be read, unless the rows' warnings have said it (`is_told`). Returns
 * CLI_INCOMPLETE for CLI_DONE where that is so and --strict was given, else `code`.
 */
int cli_reading_unread(const cli_reading *reading, int is_told, int code);

/** Closes everything. Returns the exit code of the whole command. */
int cli_reading_end(cli_reading *reading, int code);

/** True if the answer is for a person. */
int cli_reading_for_people(const cli_reading *reading);

/** Prints a title for people, in bold where there are colours. */
void cli_reading_title(cli_reading *reading, const char *title, const char *of);

/** A tacho_sink that counts the bytes of the first line and then stops; the context is a size_t, 0 at first. */
int cli_measure(void *context, const char *bytes, size_t length);
/** Says that a table, which would be `width` wide, leaves columns out here. */
void cli_reading_hint_width(const cli_reading *reading, size_t width);

/** Exit code for a status that a writer returned. */
int cli_written(tacho_status status);

/** "2026-02-03 04:05" in the zone of the process; "-" for 0. */
const char *cli_instant(int64_t unix_ns, char out[32]);

#endif
