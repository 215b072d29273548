#include "peer.h"

int peer_is_there(void) {
    return 0;
}

void peer_counter(int times) {
    (void)times;
}

void peer_histogram(double value) {
    (void)value;
}
