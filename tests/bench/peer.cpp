#include "peer.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>

extern "C" int peer_is_there() {
    return 1;
}

extern "C" void peer_counter(int times) {
    static prometheus::Counter counter;
    for (int i = 0; i < times; i++) {
        counter.Increment();
    }
}

extern "C" void peer_histogram(double value) {
    static prometheus::Histogram histogram(prometheus::Histogram::BucketBoundaries{
        0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0});
    histogram.Observe(value);
}
