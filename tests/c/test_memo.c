/* What a name was found to be: small numbers under 48 bits of a hash, in sets of eight. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/hash.h"
#include "collect/memo.h"

#define NAMES 2000u

static uint64_t key_of(uint32_t name) {
    return tacho__hash(&name, sizeof name, 7);
}

static void test_memo__remembers_as_many_names_as_it_was_made_for(void **state) {
    tacho__memo memo;
    (void)state;
    assert_true(tacho__memo_start(&memo, 2 * NAMES));
    for (uint32_t i = 0; i < NAMES; ++i) {
        assert_int_equal(tacho__memo_find(&memo, key_of(i)), TACHO__MEMO_NONE);
        tacho__memo_put(&memo, key_of(i), i);
    }
    uint32_t known = 0;
    for (uint32_t i = 0; i < NAMES; ++i) {
        known += tacho__memo_find(&memo, key_of(i)) == i;
    }
    assert_true(known >= NAMES - 2); /* a set of eight is full by chance now and then */
    tacho__memo_stop(&memo);
}

static void test_memo__gives_up_one_name_where_a_set_is_full_and_never_mixes_them_up(void **state) {
    tacho__memo memo;
    (void)state;
    assert_true(tacho__memo_start(&memo, 1));
    for (uint32_t i = 0; i < NAMES; ++i) {
        tacho__memo_put(&memo, key_of(i), i);
        assert_int_equal(tacho__memo_find(&memo, key_of(i)), i);
        uint32_t known = 0;
        for (uint32_t j = 0; j <= i; ++j) {
            const uint32_t found = tacho__memo_find(&memo, key_of(j));
            assert_true(found == j || found == TACHO__MEMO_NONE);
            known += found == j;
        }
        assert_int_equal(known, i < TACHO__MEMO_SET ? i + 1 : TACHO__MEMO_SET);
    }
    tacho__memo_stop(&memo);
}

static void test_memo__takes_a_name_again_for_something_else(void **state) {
    tacho__memo memo;
    (void)state;
    assert_true(tacho__memo_start(&memo, 64));
    tacho__memo_put(&memo, key_of(1), 0);
    tacho__memo_put(&memo, key_of(1), 65534);
    assert_int_equal(tacho__memo_find(&memo, key_of(1)), 65534);
    tacho__memo_clear(&memo);
    assert_int_equal(tacho__memo_find(&memo, key_of(1)), TACHO__MEMO_NONE);
    tacho__memo_stop(&memo);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memo__remembers_as_many_names_as_it_was_made_for),
        cmocka_unit_test(test_memo__gives_up_one_name_where_a_set_is_full_and_never_mixes_them_up),
        cmocka_unit_test(test_memo__takes_a_name_again_for_something_else),
    };
    return cmocka_run_group_tests_name("memo", tests, NULL, NULL);
}
