/** tachograph: how fast, how reliable and how expensive LLM applications and agents are. The only include a user needs.
 */
#ifndef TACHOGRAPH_H
#define TACHOGRAPH_H

#include <tachograph/version.h>
#include <tachograph/status.h>
#include <tachograph/instant.h>
#include <tachograph/usage.h>
#include <tachograph/price.h>
#include <tachograph/collector.h>
#include <tachograph/record.h>
#include <tachograph/metric.h>
#include <tachograph/cache.h>
#include <tachograph/query.h>
#include <tachograph/snapshot.h>
#include <tachograph/timeline.h>
#include <tachograph/registry.h>
#include <tachograph/codec.h>
#include <tachograph/settings.h>

/* Of libtachograph_io: <tachograph/history.h> and <tachograph/ingest.h> are included by those who link it. */

#endif
