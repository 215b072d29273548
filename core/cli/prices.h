/** What `tacho prices` prints, and the files it reads. */
#ifndef TACHO_CLI_PRICES_H
#define TACHO_CLI_PRICES_H

#include "arguments.h"
#include "output.h"

#include <stdbool.h>
#include <stddef.h>
#include <tachograph/price_table.h>

/** A whole file; *text is freed by the caller. CLI_DONE; CLI_NO_DATA or CLI_INTERNAL, said why. */
int cli_prices_file(const char *path, char **text, size_t *length);

/** A table from a file of any form; `base` stands below user prices. CLI_DONE, or an exit code, said why. */
int cli_prices_table(const char *path, const tacho_price_table *base, tacho_price_table **out);

/** Version and size of a table. */
void cli_prices_about(const tacho_price_table *table, cli_output *output);
/** Which ids cli_prices_list prints. */
typedef struct cli_prices_wanted {
    const char *part;     /* id or provider contains it; NULL = any */
    const char *provider; /* name, alias or base URL; NULL = any */
} cli_prices_wanted;
/** Ids with their rates now, by provider and id; `base` = what stands below prices of the user's own. CLI_DONE;
 * CLI_NO_DATA or CLI_INTERNAL, said why. */
int cli_prices_list(const tacho_price_table *table, const tacho_price_table *base, const cli_prices_wanted *wanted,
                    bool json, cli_output *output);
/** Input and output per million tokens under the standard sheet of now; "" = unknown. */
void cli_prices_now(const tacho_price_model *model, char input[24], char out[24]);
void cli_prices_json_text(cli_output *output, const char *text);
/** How a model's price is found, and its sheets; 0 = it has none. */
int cli_prices_explain(const tacho_price_table *table, const char *provider, const char *model, bool json,
                       cli_output *output);
/** Ids that only one of two tables has, or that cost otherwise. */
void cli_prices_diff(const tacho_price_table *before, const tacho_price_table *after, cli_output *output);

#endif
