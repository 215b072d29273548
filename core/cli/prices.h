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
/** All ids whose text contains `part` (NULL = all), with their rates now. */
void cli_prices_list(const tacho_price_table *table, const char *part, bool json, cli_output *output);
/** How a model's price is found, and its sheets; 0 = it has none. */
int cli_prices_explain(const tacho_price_table *table, const char *provider, const char *model, bool json,
                       cli_output *output);
/** Ids that only one of two tables has, or that cost otherwise. */
void cli_prices_diff(const tacho_price_table *before, const tacho_price_table *after, cli_output *output);

#endif
