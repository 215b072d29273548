/* Segments of processes that died since the last turn join `base`. Most turns find none, which costs one listing. */
#include "keeper/kept.h"

#include "segment/fold.h"

static void fold(void *context, int64_t now_ns) {
    tacho__registry *registry = context;
    tacho__folding done;
    if (tacho__fold_is_due(registry)) {
        tacho__fold(registry, now_ns, &done); /* what fails now is tried again in the next turn */
    }
}

tacho__keeper_job tacho__fold_job(tacho__registry *registry) {
    const uint64_t pace = atomic_load_explicit(&tacho__keeper.pace_ns, memory_order_relaxed);
    return (tacho__keeper_job){.name = "fold", .interval_ns = pace, .run = fold, .context = registry};
}
