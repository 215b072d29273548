/** The matching rules of genai-prices (equals, starts_with, ends_with, contains, regex, and, or), for building only. */
#ifndef TACHO_PRICE_GENAI_RULE_H
#define TACHO_PRICE_GENAI_RULE_H

#include "price/json_tree.h"

#include <stdbool.h>

/** Whether a rule matches a lower-case id. A pattern that POSIX cannot express matches nothing. */
bool tacho__genai_matches(const tacho__json_node *rule, const char *id);

/** First of a provider's models (a list of nodes) whose rule matches; NULL when there is none. */
const tacho__json_node *tacho__genai_find(const tacho__json_node *models, const char *id);

/** Every id that a rule names: texts of equals, and the literal beginning of prefixes and patterns. */
void tacho__genai_ids(const tacho__json_node *rule, void (*found)(void *context, const char *id), void *context);

#endif
