/** The files of prices that settings lead to: the user's own, and the table of `tacho prices update` below them. */
#ifndef TACHO_CONFIG_PRICE_FILES_H
#define TACHO_CONFIG_PRICE_FILES_H

#include <stddef.h>
#include <tachograph/price.h>

/**
 * Load the file of the setting `prices`.
 *
 * A file that was good when this process read it last, and no longer is, keeps its last good prices in force: *out is
 * the table of then, the status says what is wrong now.
 *
 * @param base  stands below prices of the user's own
 * @param why   receives what is wrong ("line 2, column 5: ..."), at most `size` bytes with NUL
 * @return TACHO_OK, or why the file cannot be used; *out may be there all the same
 */
tacho_status tacho__prices_load(const char *path, const tacho_price_table *base, tacho_price_table **out, char *why,
                                size_t size);

#endif
