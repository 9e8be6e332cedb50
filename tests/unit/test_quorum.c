/* The real module's question for quorum, with Corosync's three calls made up. The rest of the module is tried in the lab. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <corosync/corotypes.h>
#include <corosync/quorum.h>

/* The module calls these in place of the library's. */
static cs_error_t fake_initialize(quorum_handle_t *handle, quorum_callbacks_t *callbacks, uint32_t *type);
static cs_error_t fake_getquorate(quorum_handle_t handle, int *quorate);
static cs_error_t fake_finalize(quorum_handle_t handle);
#define quorum_initialize fake_initialize
#define quorum_getquorate fake_getquorate
#define quorum_finalize fake_finalize
#include "../../src/io/cluster_pacemaker.c"

static struct {
	uint32_t type;
	int quorate;
	cs_error_t answer;
	unsigned int opened, closed;
} world;

static cs_error_t fake_initialize(quorum_handle_t *handle, quorum_callbacks_t *callbacks, uint32_t *type)
{
	(void)callbacks;
	*handle = 1;
	*type = world.type;
	world.opened++;
	return CS_OK;
}

static cs_error_t fake_getquorate(quorum_handle_t handle, int *quorate)
{
	assert_int_equal(handle, 1);
	*quorate = world.quorate;
	return world.answer;
}

static cs_error_t fake_finalize(quorum_handle_t handle)
{
	assert_int_equal(handle, 1);
	world.closed++;
	return CS_OK;
}

static int setup(void **state)
{
	(void)state;
	corosync_close();
	world.type = QUORUM_SET;
	world.quorate = 1;
	world.answer = CS_OK;
	world.opened = world.closed = 0;
	return 0;
}

/* The same question with another part of the stack under it, which holds whatever somebody has left there. */
static __attribute__((noinline)) enum quorum asked(void)
{
	return corosync_quorum();
}

static __attribute__((noinline)) enum quorum ask_deeper(unsigned int depth)
{
	volatile unsigned char stack[512];
	for (size_t i = 0; i < sizeof(stack); i++)
		stack[i] = 0xa5;
	enum quorum quorum = depth ? ask_deeper(depth - 1) : asked();
	return stack[0] == 0xa5 ? quorum : QUORUM_UNKNOWN;
}

static void one_connection_answers_again_and_again(void **state)
{
	(void)state;
	(void)ask_deeper(8);
	for (unsigned int depth = 0; depth < 4; depth++)
		assert_int_equal(ask_deeper(depth), QUORUM_YES);
	world.quorate = 0;
	assert_int_equal(ask_deeper(4), QUORUM_NO);
	assert_int_equal(world.opened, 1);
}

static void without_a_provider_nothing_is_known(void **state)
{
	(void)state;
	world.type = QUORUM_FREE;
	assert_int_equal(corosync_quorum(), QUORUM_UNKNOWN);
	assert_int_equal(corosync_quorum(), QUORUM_UNKNOWN);
}

static void after_an_error_a_new_connection_is_made(void **state)
{
	(void)state;
	world.answer = CS_ERR_LIBRARY;
	assert_int_equal(corosync_quorum(), QUORUM_UNKNOWN);
	assert_int_equal(world.closed, 1);
	world.answer = CS_OK;
	assert_int_equal(corosync_quorum(), QUORUM_YES);
	assert_int_equal(world.opened, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(one_connection_answers_again_and_again, setup),
	    cmocka_unit_test_setup(without_a_provider_nothing_is_known, setup),
	    cmocka_unit_test_setup(after_an_error_a_new_connection_is_made, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
