#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "keeper/keeper.h"
#include "support/keeping.h"

#include <tachograph.h>

/* What a job did, and who waits for it. */
typedef struct worker {
    sem_t turns, begun, dropped;
    sem_t may_go; /* for `hold` */
    atomic_int count;
    sigset_t mask;
    int pipe; /* a byte per turn; -1 = none */
} worker;

static void worker_init(worker *self) {
    memset(self, 0, sizeof *self);
    sem_init(&self->turns, 0, 0);
    sem_init(&self->begun, 0, 0);
    sem_init(&self->dropped, 0, 0);
    sem_init(&self->may_go, 0, 0);
    self->pipe = -1;
}

static void turn(void *context, int64_t now_ns) {
    worker *self = context;
    if (now_ns <= 0) {
        abort();
    }
    pthread_sigmask(SIG_BLOCK, NULL, &self->mask);
    atomic_fetch_add(&self->count, 1);
    if (self->pipe >= 0) {
        if (write(self->pipe, "t", 1) != 1) {
            abort();
        }
    }
    sem_post(&self->turns);
}

static void begin(void *context, int64_t now_ns) {
    (void)now_ns;
    sem_post(&((worker *)context)->begun);
}

static void drop(void *context) {
    sem_post(&((worker *)context)->dropped);
}

static void hold(void *context, int64_t now_ns) {
    worker *self = context;
    turn(self, now_ns);
    while (sem_wait(&self->may_go) != 0) {
    }
}

static tacho__keeper_job job_of(worker *self, uint64_t interval) {
    return (tacho__keeper_job){
        .name = "work", .interval_ns = interval, .run = turn, .begin = begin, .drop = drop, .context = self};
}

/* Waits for an event, at most 30 s: a machine may be slow, a lost event is a failure. */
static void await(sem_t *event) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    int result;
    while ((result = sem_timedwait(event, &until)) != 0 && errno == EINTR) {
    }
    assert_int_equal(result, 0);
}

static bool happened(sem_t *event) {
    return sem_trywait(event) == 0;
}

static uint64_t now(void) {
    return tacho__now(&tacho__clock_system);
}

static tacho_status add(tacho_collector *collector, worker *self, uint64_t interval) {
    const tacho__keeper_job job = job_of(self, interval);
    return tacho__keeper_add(collector, &job);
}

static unsigned segments(void) {
    unsigned count = 0;
    DIR *listing = opendir(keeping_folder);
    for (const struct dirent *entry; listing && (entry = readdir(listing));) {
        count += strncmp(entry->d_name, "seg-", 4) == 0;
    }
    closedir(listing);
    return count;
}

/* ------------------------------------------------------------------------------------------------ one process alone */

static tacho_collector *hurried;

static void turn_and_hurry(void *context, int64_t now_ns) {
    worker *self = context;
    turn(self, now_ns);
    if (atomic_load(&self->count) < 3) {
        tacho__keeper_hurry(hurried, "work", SECOND / 100);
        tacho__keeper_hurry(hurried, "work", HOUR); /* no later than what was wanted before */
        tacho__keeper_hurry(hurried, "nothing", 0);
    }
}

static void test_hurry__brings_one_turn_forward(void **state) {
    (void)state;
    worker self;
    worker_init(&self);
    hurried = keeping_open(NULL);
    tacho__keeper_job job = job_of(&self, HOUR);
    job.run = turn_and_hurry;
    assert_int_equal(tacho__keeper_add(hurried, &job), TACHO_OK);
    for (int i = 0; i < 3; ++i) {
        await(&self.turns);
    }
    assert_int_equal(tacho__keeper_flush(hurried, 30 * SECOND), TACHO_OK);
    assert_int_equal(atomic_load(&self.count), 4); /* and with the flush */
    tacho_collector_close(hurried);
}

static void test_thread__begins_with_the_first_job_and_ends_with_the_last_collector(void **state) {
    (void)state;
    worker first, second;
    worker_init(&first);
    worker_init(&second);
    tacho_collector *one = keeping_open(NULL), *other = keeping_open(NULL);
    assert_false(tacho__keeper_runs());
    assert_int_equal(add(one, &first, HOUR), TACHO_OK);
    assert_int_equal(add(other, &second, HOUR), TACHO_OK);
    await(&first.begun);
    await(&first.turns);
    await(&second.turns);
    assert_ptr_equal(tacho__keeper_context(one, "work"), &first);
    assert_null(tacho__keeper_context(one, "other"));
    assert_true(tacho__keeper_holds(one, TACHO__LEASE_REGISTRY));
    tacho_collector_close(one);
    assert_true(happened(&first.dropped));
    assert_true(tacho__keeper_runs());
    tacho_collector_close(other);
    assert_false(tacho__keeper_runs());
    assert_int_equal(atomic_load(&first.count), 2); /* the last turn is at the close */
    assert_int_equal(atomic_load(&second.count), 2);
    assert_false(happened(&first.begun));
}

static void test_thread__runs_jobs_at_their_interval(void **state) {
    (void)state;
    worker self;
    worker_init(&self);
    tacho_collector *collector = keeping_open(NULL);
    const uint64_t before = now();
    assert_int_equal(add(collector, &self, SECOND / 50), TACHO_OK);
    for (int i = 0; i < 5; ++i) {
        await(&self.turns);
    }
    assert_true(now() - before >= 4 * (SECOND / 50));
    tacho_collector_close(collector);
}

static void test_thread__blocks_all_signals(void **state) {
    (void)state;
    worker self;
    worker_init(&self);
    tacho_collector *collector = keeping_open(NULL);
    assert_int_equal(add(collector, &self, HOUR), TACHO_OK);
    await(&self.turns);
    const int some[] = {SIGINT, SIGTERM, SIGALRM, SIGCHLD, SIGUSR1, SIGPROF, SIGRTMIN};
    for (size_t i = 0; i < sizeof some / sizeof *some; ++i) {
        assert_int_equal(sigismember(&self.mask, some[i]), 1);
    }
    sigset_t mine;
    pthread_sigmask(SIG_BLOCK, NULL, &mine);
    assert_int_equal(sigismember(&mine, SIGTERM), 0);
    tacho_collector_close(collector);
}

static void test_add__refuses_a_second_job_of_a_name_and_too_many(void **state) {
    (void)state;
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    worker self[9];
    tacho_collector *collector = keeping_open(NULL);
    for (uint32_t i = 0; i < 9; ++i) {
        worker_init(&self[i]);
        tacho__keeper_job job = job_of(&self[i], HOUR);
        job.name = names[i];
        assert_int_equal(tacho__keeper_add(collector, &job), i < TACHO__KEEPER_JOBS ? TACHO_OK : TACHO_FULL);
    }
    tacho__keeper_job again = job_of(&self[8], HOUR);
    again.name = "a";
    assert_int_equal(tacho__keeper_add(collector, &again), TACHO_BUSY);
    tacho_collector_close(collector);
    assert_true(happened(&self[7].dropped));
    assert_false(happened(&self[8].dropped));
}

static void test_add__without_memory_leaves_the_context_to_the_caller(void **state) {
    (void)state;
    worker self;
    worker_init(&self);
    tacho_collector *collector = keeping_open(NULL);
    tacho__memory_fail_after(0, 1);
    const tacho_status status = add(collector, &self, HOUR);
    tacho__memory_fail_after(-1, 0);
    assert_int_equal(status, TACHO_NOMEM);
    tacho_collector_close(collector);
    assert_false(happened(&self.dropped));
    worker waiting;
    worker_init(&waiting);
    collector = keeping_open(NULL); /* the thread that found nothing to do ends */
    assert_int_equal(add(collector, &waiting, HOUR), TACHO_OK);
    tacho_collector_close(collector);
}

static void test_flush__gives_every_job_a_turn(void **state) {
    (void)state;
    worker self;
    worker_init(&self);
    tacho_collector *collector = keeping_open(NULL);
    assert_int_equal(tacho__keeper_flush(collector, 30 * SECOND), TACHO_OK); /* nothing to do */
    assert_int_equal(add(collector, &self, HOUR), TACHO_OK);
    await(&self.turns);
    assert_int_equal(tacho__keeper_flush(collector, 30 * SECOND), TACHO_OK);
    assert_true(happened(&self.turns));
    tacho_collector_close(collector);
}

static void test_close__does_not_wait_longer_than_two_seconds_for_a_job(void **state) {
    (void)state;
    worker self;
    worker_init(&self);
    tacho__keeper_job job = job_of(&self, HOUR);
    job.run = hold;
    tacho_collector *collector = keeping_open(NULL);
    assert_int_equal(tacho__keeper_add(collector, &job), TACHO_OK);
    await(&self.turns);
    assert_int_equal(tacho__keeper_flush(collector, 1), TACHO_BUSY);
    const uint64_t before = now();
    tacho_collector_close(collector); /* the thread frees it when the job is over */
    const uint64_t took = now() - before;
    assert_true(took >= TACHO__KEEPER_PATIENCE && took < 2 * TACHO__KEEPER_PATIENCE);
    assert_false(happened(&self.dropped));
    for (int i = 0; i < 3; ++i) {
        sem_post(&self.may_go);
    }
    await(&self.dropped);
    worker next;
    worker_init(&next);
    collector = keeping_open(NULL); /* the thread is joined by whoever comes next */
    assert_int_equal(add(collector, &next, HOUR), TACHO_OK);
    await(&next.turns);
    tacho_collector_close(collector);
}

/* -------------------------------------------------------------------------------------------------------- a registry
 */

static void test_lease__one_acts_and_the_next_follows_a_close(void **state) {
    (void)state;
    worker first, second;
    worker_init(&first);
    worker_init(&second);
    tacho_collector *one = keeping_open(keeping_folder), *other = keeping_open(keeping_folder);
    assert_int_equal(add(one, &first, HOUR), TACHO_OK);
    await(&first.turns);
    assert_int_equal(add(other, &second, HOUR), TACHO_OK);
    assert_int_equal(tacho__keeper_flush(other, 30 * SECOND), TACHO_OK); /* it was asked, and does not act */
    assert_true(tacho__keeper_holds(one, TACHO__LEASE_REGISTRY));
    assert_false(tacho__keeper_holds(other, TACHO__LEASE_REGISTRY));
    assert_int_equal(atomic_load(&second.count), 0);
    const uint64_t before = now();
    tacho_collector_close(one);
    await(&second.turns);
    assert_true(now() - before < 2 * PACE);
    assert_true(tacho__keeper_holds(other, TACHO__LEASE_REGISTRY));
    tacho_collector_close(other);
}

/* Bytes until the end of the pipe or `most`; 30 s at most for each. */
static unsigned read_events(const keeping_child *self, unsigned most) {
    unsigned count = 0;
    while (count < most && keeping_event(self)) {
        ++count;
    }
    return count;
}

static void test_lease__that_the_host_closed_is_tried_anew(void **state) {
    (void)state;
    worker first, second;
    worker_init(&first);
    worker_init(&second);
    tacho_collector *one = keeping_open(keeping_folder), *other = keeping_open(keeping_folder);
    assert_int_equal(add(one, &first, HOUR), TACHO_OK);
    await(&first.turns);
    const int file = keeping_close_file("lease");
    assert_int_equal(add(other, &second, HOUR), TACHO_OK);
    await(&second.turns); /* the lock is free */
    assert_int_equal(tacho__keeper_flush(one, 30 * SECOND), TACHO_OK);
    assert_false(tacho__keeper_holds(one, TACHO__LEASE_REGISTRY));
    assert_true(tacho__keeper_holds(other, TACHO__LEASE_REGISTRY));
    tacho_collector_close(one);
    assert_true(fcntl(file, F_GETFD) != -1); /* the other one's lease, under the same number */
    assert_true(tacho__keeper_holds(other, TACHO__LEASE_REGISTRY));
    tacho_collector_close(other);
}

static void act_until_killed(int events) {
    static worker self;
    worker_init(&self);
    self.pipe = events;
    if (add(keeping_open(keeping_folder), &self, HOUR) != TACHO_OK) {
        _exit(1);
    }
    for (;;) {
        pause();
    }
}

static void test_lease__is_taken_over_after_a_kill_and_the_dead_are_folded(void **state) {
    (void)state;
    keeping_child holder = keeping_start(act_until_killed);
    assert_int_equal(read_events(&holder, 1), 1);
    worker self;
    worker_init(&self);
    tacho_collector *collector = keeping_open(keeping_folder);
    assert_int_equal(segments(), 2);
    assert_int_equal(add(collector, &self, HOUR), TACHO_OK);
    assert_int_equal(tacho__keeper_flush(collector, 30 * SECOND), TACHO_OK);
    assert_int_equal(atomic_load(&self.count), 0);
    const uint64_t before = now();
    kill(holder.pid, SIGKILL);
    await(&self.turns);
    const uint64_t took = now() - before;
    assert_true(took < 2 * PACE); /* 10 s at the usual 5 s */
    print_message("taken over after %.3f s at a pace of %.0f s\n", (double)took / 1e9, (double)PACE / 1e9);
    assert_true(WIFSIGNALED(keeping_end(&holder)));
    assert_int_equal(tacho__keeper_flush(collector, 30 * SECOND), TACHO_OK);
    assert_int_equal(segments(), 1);
    tacho_collector_close(collector);
}

/* -------------------------------------------------------------------------------------------------------------- forks
 */

static tacho_collector *inherited;

static void live_without_and_then_with_one(int events) {
    if (tacho__keeper_runs() || tacho__keeper_context(inherited, "work") ||
        tacho__keeper_holds(inherited, TACHO__LEASE_REGISTRY)) {
        _exit(2);
    }
    static worker self;
    worker_init(&self);
    self.pipe = events;
    if (add(inherited, &self, HOUR) != TACHO_OK || !tacho__keeper_runs()) {
        _exit(3);
    }
    if (tacho__keeper_flush(inherited, 30 * SECOND) != TACHO_OK) {
        _exit(4);
    }
    tacho_collector_close(inherited);
    _exit(tacho__keeper_runs() ? 5 : 0);
}

static void fork_with_keeper(const char *dir, bool acts) {
    worker self;
    worker_init(&self);
    inherited = keeping_open(dir);
    assert_int_equal(add(inherited, &self, HOUR), TACHO_OK);
    await(&self.turns);
    keeping_child other = keeping_start(live_without_and_then_with_one);
    const unsigned turns = read_events(&other, 10);
    assert_int_equal(keeping_end(&other), 0);
    assert_true(acts ? turns >= 1 : turns == 0); /* the lease stays the parent's */
    assert_true(tacho__keeper_holds(inherited, TACHO__LEASE_REGISTRY));
    assert_int_equal(tacho__keeper_flush(inherited, 30 * SECOND), TACHO_OK);
    assert_true(happened(&self.turns));
    assert_false(happened(&self.dropped));
    tacho_collector_close(inherited);
}

static void test_fork__child_has_none_and_may_have_its_own(void **state) {
    (void)state;
    fork_with_keeper(NULL, true);
}

static void test_fork__lease_stays_with_the_parent(void **state) {
    (void)state;
    fork_with_keeper(keeping_folder, false);
}

static void close_inherited(int events) {
    (void)events;
    tacho_collector_close(inherited);
    _exit(0);
}

static void test_fork__child_may_close_what_it_inherited(void **state) {
    (void)state;
    worker self;
    worker_init(&self);
    inherited = keeping_open(keeping_folder);
    assert_int_equal(add(inherited, &self, HOUR), TACHO_OK);
    await(&self.turns);
    keeping_child other = keeping_start(close_inherited);
    assert_int_equal(keeping_end(&other), 0);
    assert_true(tacho__keeper_holds(inherited, TACHO__LEASE_REGISTRY));
    assert_int_equal(tacho__keeper_flush(inherited, 30 * SECOND), TACHO_OK);
    tacho_collector_close(inherited);
}

/* --------------------------------------------------------------------------------------------------------------- exit
 */

static tacho_collector *left_open;

static tacho_collector *left_open_late;

static void close_left_open(void) {
    tacho_collector_close(left_open);
}

__attribute__((destructor(101))) static void close_late(void) { /* after the keeper's end */
    tacho_collector_close(left_open_late);
}

static void leave_by_exit(int events, bool late, bool early) {
    static worker self;
    worker_init(&self);
    self.pipe = events;
    left_open = keeping_open(keeping_folder);
    if (add(left_open, &self, HOUR) != TACHO_OK) {
        _exit(1);
    }
    await(&self.turns);
    if (early) {
        atexit(close_left_open);
    }
    left_open_late = late ? left_open : NULL;
    exit(0);
}

static void exit_running(int events) {
    leave_by_exit(events, false, false);
}

static void exit_closing_late(int events) {
    leave_by_exit(events, true, false);
}

static void exit_closing_early(int events) {
    leave_by_exit(events, false, true);
}

static void test_exit__has_a_last_turn_and_ends_in_any_order(void **state) {
    (void)state;
    void (*const ways[])(int) = {exit_running, exit_closing_late, exit_closing_early};
    for (size_t i = 0; i < 3; ++i) {
        const uint64_t before = now();
        keeping_child other = keeping_start(ways[i]);
        assert_int_equal(read_events(&other, 10), 2);
        assert_int_equal(keeping_end(&other), 0);
        assert_true(now() - before < 2 * SECOND);
    }
}

static void exit_inside_a_job(int events) {
    static worker self;
    worker_init(&self);
    self.pipe = events;
    tacho__keeper_job job = job_of(&self, HOUR);
    job.run = hold;
    left_open = keeping_open(NULL);
    if (tacho__keeper_add(left_open, &job) != TACHO_OK) {
        _exit(1);
    }
    await(&self.turns);
    exit(0); /* the job never ends */
}

static void test_exit__does_not_wait_longer_than_two_seconds_for_a_job(void **state) {
    (void)state;
    keeping_child other = keeping_start(exit_inside_a_job);
    assert_int_equal(read_events(&other, 1), 1);
    const uint64_t before = now();
    assert_int_equal(keeping_end(&other), 0);
    assert_true(now() - before < 2 * TACHO__KEEPER_PATIENCE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hurry__brings_one_turn_forward, keeping_make, keeping_unmake),
        cmocka_unit_test_setup_teardown(test_thread__begins_with_the_first_job_and_ends_with_the_last_collector,
                                        keeping_make, keeping_unmake),
        cmocka_unit_test_setup_teardown(test_thread__runs_jobs_at_their_interval, keeping_make, keeping_unmake),
        cmocka_unit_test_setup_teardown(test_thread__blocks_all_signals, keeping_make, keeping_unmake),
        cmocka_unit_test_setup_teardown(test_add__refuses_a_second_job_of_a_name_and_too_many, keeping_make,
                                        keeping_unmake),
        cmocka_unit_test_setup_teardown(test_add__without_memory_leaves_the_context_to_the_caller, keeping_make,
                                        keeping_unmake),
        cmocka_unit_test_setup_teardown(test_flush__gives_every_job_a_turn, keeping_make, keeping_unmake),
        cmocka_unit_test_setup_teardown(test_close__does_not_wait_longer_than_two_seconds_for_a_job, keeping_make,
                                        keeping_unmake),
        cmocka_unit_test_setup_teardown(test_lease__one_acts_and_the_next_follows_a_close, keeping_make,
                                        keeping_unmake),
        cmocka_unit_test_setup_teardown(test_lease__that_the_host_closed_is_tried_anew, keeping_make, keeping_unmake),
        cmocka_unit_test_setup_teardown(test_lease__is_taken_over_after_a_kill_and_the_dead_are_folded, keeping_make,
                                        keeping_unmake),
        cmocka_unit_test_setup_teardown(test_fork__child_has_none_and_may_have_its_own, keeping_make, keeping_unmake),
        cmocka_unit_test_setup_teardown(test_fork__lease_stays_with_the_parent, keeping_make, keeping_unmake),
        cmocka_unit_test_setup_teardown(test_fork__child_may_close_what_it_inherited, keeping_make, keeping_unmake),
        cmocka_unit_test_setup_teardown(test_exit__has_a_last_turn_and_ends_in_any_order, keeping_make, keeping_unmake),
        cmocka_unit_test_setup_teardown(test_exit__does_not_wait_longer_than_two_seconds_for_a_job, keeping_make,
                                        keeping_unmake),
    };
    return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
