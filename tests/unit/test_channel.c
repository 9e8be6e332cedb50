/* The program that carries copies, as its two sides run it: in a network of its own, without root where the kernel lets it. */
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "io/clock.h"
#include "io/files.h"
#include "unit.h"

#define PROGRAM "src/channel/channel"
#define PORT "13306"

static char dir[] = "/tmp/systole-channel-XXXXXX";

static char *in_dir(const char *name)
{
	return str_printf("%s/%s", dir, name);
}

/* Starts PROGRAM with standard input and output from and to these files (NULL: /dev/null). */
static pid_t start(const char *input, const char *output, char *const *argv)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	int in = open(input ? input : "/dev/null", O_RDONLY), out = open(output ? output : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0600),
	    null = open("/dev/null", O_WRONLY);
	dup2(in, 0);
	dup2(out, 1);
	dup2(null, 2);
	execv(PROGRAM, argv);
	_exit(127);
}

static int status_of(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The file that it is in; *ret_print: its fingerprint. The caller frees both. */
static char *identity(const char *name, char **ret_print)
{
	char *path = in_dir(name), *text = NULL;
	char *const argv[] = {(char *)PROGRAM, (char *)"identity", NULL};
	struct error err;

	assert_int_equal(status_of(start(NULL, path, argv)), 0);
	assert_int_equal(file_read(path, 65536, &text, &err), 0);
	*ret_print = str_ndup(text, strcspn(text, "\n"));
	assert_int_equal(strlen(*ret_print), 64);
	free(text);
	return path;
}

struct sides {
	char *giver, *giver_print, *taker, *taker_print, *data, *got, *count;
};

static void sides_clear(struct sides *s)
{
	char **all[] = {&s->giver, &s->giver_print, &s->taker, &s->taker_print, &s->data, &s->got, &s->count};

	for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
		str_set(all[i], NULL);
}

static struct sides sides_make(size_t bytes)
{
	struct sides s = {.data = in_dir("data"), .got = in_dir("got"), .count = in_dir("count")};
	FILE *file = fopen(s.data, "w");

	s.giver = identity("giver", &s.giver_print);
	s.taker = identity("taker", &s.taker_print);
	assert_non_null(file);
	for (size_t i = 0; i < bytes; i++)
		fputc((int)(i * 7 + i / 251) & 0xff, file);
	assert_int_equal(fclose(file), 0);
	return s;
}

static pid_t take(const struct sides *s, const char *print)
{
	char *const argv[] = {(char *)PROGRAM, (char *)"receive", s->taker, (char *)print, (char *)"5", s->count, (char *)PORT, NULL};

	return start(NULL, s->got, argv);
}

static pid_t give(const struct sides *s, const char *input, const char *print, const char *rate)
{
	char *const argv[] = {(char *)PROGRAM, (char *)"send",	    s->giver,	  (char *)print, (char *)"5",
			      (char *)rate,    (char *)"127.0.0.1", (char *)PORT, NULL};

	return start(input, NULL, argv);
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : st.st_size;
}

TEST(what_is_sent_arrives_as_it_was)
{
	_cleanup_(sides_clear) struct sides s = sides_make(3000001);
	_cleanup_free_ char *count = NULL;
	struct error err;
	pid_t taker = take(&s, s.giver_print), giver = give(&s, s.data, s.taker_print, "0");

	assert_int_equal(status_of(giver), 0);
	assert_int_equal(status_of(taker), 0);
	char *const same[] = {(char *)"cmp", (char *)"-s", s.data, s.got, NULL};
	pid_t compare = fork();
	if (compare == 0) {
		execvp("cmp", same);
		_exit(127);
	}
	assert_int_equal(status_of(compare), 0);
	assert_int_equal(file_read(s.count, 64, &count, &err), 0);
	assert_string_equal(count, "3000001");
}

TEST(a_sender_that_was_not_announced_is_turned_away_and_the_right_one_is_heard_after_it)
{
	_cleanup_(sides_clear) struct sides s = sides_make(100000);
	struct sides stranger = s;
	pid_t taker = take(&s, s.giver_print);

	/* It has the taker's own identity, which is a good one, only not the announced. */
	stranger.giver = s.taker;
	pid_t wrong = give(&stranger, s.data, s.taker_print, "0");
	assert_int_equal(status_of(wrong), 1);
	assert_int_equal(size_of(s.got), 0);
	assert_int_equal(status_of(give(&s, s.data, s.taker_print, "0")), 0);
	assert_int_equal(status_of(taker), 0);
	assert_int_equal(size_of(s.got), 100000);
}

TEST(nothing_is_sent_to_a_receiver_that_was_not_announced)
{
	_cleanup_(sides_clear) struct sides s = sides_make(100000);
	pid_t taker = take(&s, s.giver_print);

	assert_int_equal(status_of(give(&s, s.data, s.giver_print, "0")), 1);
	assert_int_equal(size_of(s.got), 0);
	assert_int_equal(status_of(taker), 1);
}

TEST(a_copy_that_breaks_off_is_no_copy)
{
	_cleanup_(sides_clear) struct sides s = sides_make(4000000);
	pid_t taker = take(&s, s.giver_print), giver = give(&s, s.data, s.taker_print, "1");

	for (int i = 0; i < 500 && size_of(s.got) < 500000; i++)
		clock_pause_ms(10);
	assert_int_equal(kill(giver, SIGKILL), 0);
	assert_int_equal(status_of(giver), 128 + SIGKILL);
	assert_int_equal(status_of(taker), 1);
	assert_true(size_of(s.got) < 4000000);
}

TEST(a_rate_is_kept)
{
	_cleanup_(sides_clear) struct sides s = sides_make(2u << 20);
	uint64_t began_ms = clock_now_ms();
	pid_t taker = take(&s, s.giver_print), giver = give(&s, s.data, s.taker_print, "2");

	assert_int_equal(status_of(giver), 0);
	assert_int_equal(status_of(taker), 0);
	assert_true(clock_now_ms() - began_ms >= 900);
}

TEST(a_sender_that_does_not_come_is_not_waited_for_for_ever)
{
	_cleanup_(sides_clear) struct sides s = sides_make(10);

	assert_int_equal(status_of(take(&s, s.giver_print)), 1);
}

TEST(other_words_are_refused)
{
	char *const none[] = {(char *)PROGRAM, NULL}, *const wrong[] = {(char *)PROGRAM, (char *)"send", (char *)"x", NULL};

	assert_int_equal(status_of(start(NULL, NULL, none)), 2);
	assert_int_equal(status_of(start(NULL, NULL, wrong)), 2);
}

/* A network without anybody else in it. */
static int network_make(void **state)
{
	struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	(void)state;
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return -1;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = ioctl(fd, SIOCSIFFLAGS, &loopback);
	close(fd);
	return rc || !mkdtemp(dir) ? -1 : 0;
}

static int network_forget(void **state)
{
	struct error err;

	(void)state;
	return tree_remove("/tmp", dir + strlen("/tmp/"), &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_sent_arrives_as_it_was),
	    cmocka_unit_test(a_sender_that_was_not_announced_is_turned_away_and_the_right_one_is_heard_after_it),
	    cmocka_unit_test(nothing_is_sent_to_a_receiver_that_was_not_announced),
	    cmocka_unit_test(a_copy_that_breaks_off_is_no_copy),
	    cmocka_unit_test(a_rate_is_kept),
	    cmocka_unit_test(a_sender_that_does_not_come_is_not_waited_for_for_ever),
	    cmocka_unit_test(other_words_are_refused),
	};

	return cmocka_run_group_tests_name("channel", tests, network_make, network_forget);
}
