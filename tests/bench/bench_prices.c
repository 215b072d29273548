/*
 * What a price costs a C program: with a bound model, from strings, by number of classes, and loading a table. Prints
 * one line per figure: name, measured, limit, separated by tabs. Each figure is the best of ROUNDS rounds, because
 * everything that disturbs a round makes it slower.
 *
 *   bench_prices [TABLE]   TABLE: a file of `tacho prices build`, to be loaded
 */
#include <tachograph.h>
#include <tachograph/price.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 31
#define CALLS  50000
#define AT     INT64_C(1784116800000000000) /* 2026-07-15 12:00 UTC */

static tacho_price_model model;
static tacho_usage usage;
static tacho_cost cost;
static char *table_bytes;
static size_t table_length;

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void price_bound(int calls) {
    for (int i = 0; i < calls; i++)
        tacho_price_cost(&model, &usage, AT, &cost);
}

static void price_strings(int calls) {
    for (int i = 0; i < calls; i++)
        tacho_calculate_cost(NULL, &usage, AT, &cost);
}

static void load_table(int calls) {
    for (int i = 0; i < calls; i++) {
        tacho_price_table *table;
        if (tacho_price_table_load(&table, table_bytes, table_length, NULL) != TACHO_OK)
            abort();
        tacho_price_table_free(table);
    }
}

/* Nanoseconds per call. */
static double best(void (*work)(int), int calls) {
    double least = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = now_ns();
        work(calls);
        double took = (double)(now_ns() - start);
        least = took < least ? took : least;
    }
    return least / calls;
}

static void price_of(const char *what, const char *provider, const char *id, tacho_usage used) {
    usage = used;
    usage.provider = provider;
    usage.model = id;
    if (tacho_price_model_find(NULL, provider, id, &model) != TACHO_OK)
        abort();
    double bound = best(price_bound, CALLS);
    printf("C price of %s, bound model, ns\t%.0f\t200\n", what, bound);
    if (cost.total_pusd <= 0)
        abort();
    printf("C price of %s, from strings, ns\t%.0f\t1000\n", what, best(price_strings, CALLS));
}

static int read_table(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    table_bytes = malloc(4u << 20);
    table_length = table_bytes ? fread(table_bytes, 1, 4u << 20, file) : 0;
    return fclose(file) == 0 && table_length > 0;
}

int main(int argc, char **argv) {
    price_of("2 classes", "openai", "gpt-4o", TACHO_USAGE(.input = 1000, .output = 100));
    price_of("4 classes", "anthropic", "claude-sonnet-4-5",
             TACHO_USAGE(.input = 14000, .cache_read = 155000, .cache_write = 3000, .output = 2000));
    price_of("6 classes", "openai", "gpt-realtime",
             TACHO_USAGE(.input = 1000, .cache_read = 250, .input_audio = 100, .cache_read_audio = 50, .output = 200,
                         .output_audio = 300));
    if (argc > 1) {
        if (!read_table(argv[1]))
            return 1;
        printf("load a whole price table, us\t%.0f\t1000\n", best(load_table, 5) / 1000);
        printf("bytes of a loaded price table\t%zu\t409600\n", table_length);
    }
    free(table_bytes);
    return 0;
}
