/* Processes: started exactly, told apart, bounded, and gone when they are said to be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../../src/io/proc_child.h"
#include "base/str.h"
#include "io/clock.h"
#include "io/files.h"
#include "io/proc.h"

static char dir[64];

/* exec takes pointers to what it never changes. */
#define ARGV(words) ((char *const *)(words))

static char *in_dir(const char *name)
{
	return str_printf("%s/%s", dir, name);
}

/* Nobody's account when root runs the tests: the server never runs as root. */
static uid_t server_uid(void)
{
	return geteuid() == 0 ? 65534 : geteuid();
}

static gid_t server_gid(void)
{
	return geteuid() == 0 ? 65534 : getegid();
}

static uint64_t in_ms(uint64_t ms)
{
	return clock_now_ms() + ms;
}

static int shell(const char *script, uint64_t ms, int *status, char **out, char **errors, struct error *err)
{
	const char *argv[] = {"/bin/sh", "-c", script, NULL};
	struct proc_helper helper = {.argv = ARGV(argv), .uid = geteuid(), .gid = getegid(), .input = -1};

	return proc_help(&helper, in_ms(ms), status, out, errors, err);
}

static void a_helper_s_output_and_status_are_captured(void **state)
{
	_cleanup_free_ char *out = NULL;
	_cleanup_free_ char *errors = NULL;
	struct error err = {0};
	int status = -1;

	(void)state;
	assert_int_equal(shell("echo out; echo err >&2; exit 7", 5000, &status, &out, &errors, &err), 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_string_equal(out, "out\n");
	assert_string_equal(errors, "err\n");
}

static void a_helper_gets_a_clean_environment_and_no_descriptors(void **state)
{
	_cleanup_free_ char *out = NULL;
	int leak = open("/dev/null", O_RDONLY);

	(void)state;
	setenv("SECRET_OF_TEST", "x", 1);
	assert_int_equal(
	    shell("/usr/bin/env | /usr/bin/sort; cd /proc/self/fd && for i in 3 4 5 6 7 8 9 20; do [ -e $i ] && echo leak $i; done; true",
		  5000, NULL, &out, NULL, NULL),
	    0);
	close(leak);
	assert_null(strstr(out, "SECRET_OF_TEST"));
	assert_null(strstr(out, "leak"));
	assert_non_null(strstr(out, "HOME=/nonexistent\nLANG=C\n"));
}

static void a_late_helper_is_killed_with_all_it_started(void **state)
{
	_cleanup_free_ char *path = in_dir("grandchild");
	_cleanup_free_ char *script = str_printf("/bin/sleep 60 & echo $! > %s; wait", path);
	_cleanup_free_ char *text = NULL;
	uint64_t start = clock_now_ms();
	struct error err = {0};
	struct proc grandchild;

	(void)state;
	assert_int_equal(shell(script, 300, NULL, NULL, NULL, &err), -1);
	assert_true(clock_now_ms() - start >= 300);
	assert_true(clock_now_ms() - start < 1500);
	assert_non_null(strstr(err.sentence, "/bin/sh did not end within 0.3 s"));
	assert_int_equal(file_read(path, 100, &text, NULL), 0);
	if (proc_of_pid((pid_t)strtol(text, NULL, 10), &grandchild, NULL) == 0)
		assert_true(proc_wait_dead(&grandchild, in_ms(2000)));
	file_remove(path, NULL);
}

static void a_helper_that_leaves_somebody_behind_does_not_hold_us(void **state)
{
	uint64_t start = clock_now_ms();

	(void)state;
	assert_int_equal(shell("/bin/sleep 60 & exit 0", 20000, NULL, NULL, NULL, NULL), 0);
	assert_true(clock_now_ms() - start < 5000);
}

static void more_output_than_the_limit_is_dropped(void **state)
{
	_cleanup_free_ char *out = NULL;
	int status = -1;

	(void)state;
	assert_int_equal(shell("head -c 3000000 /dev/zero | tr '\\0' x", 10000, &status, &out, NULL, NULL), 0);
	assert_int_equal(status, 0);
	assert_int_equal(strlen(out), 1 << 20);
}

static void a_program_that_is_not_there_is_not_installed(void **state)
{
	const char *argv[] = {"/nonexistent/program", NULL}, *relative[] = {"sh", NULL};
	struct proc_helper helper = {.argv = ARGV(argv), .uid = geteuid(), .gid = getegid(), .input = -1};
	struct error err = {0};

	(void)state;
	assert_int_equal(proc_help(&helper, in_ms(1000), NULL, NULL, NULL, &err), -1);
	assert_int_equal(err.code, OCF_ERR_INSTALLED);
	assert_non_null(strstr(err.sentence, "/nonexistent/program"));
	helper.argv = ARGV(relative);
	assert_int_equal(proc_help(&helper, in_ms(1000), NULL, NULL, NULL, &err), -1);
	assert_non_null(strstr(err.sentence, "must begin with /"));
}

static void a_secret_is_in_no_argument(void **state)
{
	const char *argv[] = {"/bin/sh", "-c", "f=${0#*=}; tr '\\0' ' ' < /proc/$$/cmdline; cat $f; stat -Lc %a $f", "--file=@SECRET@",
			      NULL};
	struct proc_helper helper = {
	    .argv = ARGV(argv), .uid = server_uid(), .gid = server_gid(), .input = -1, .secret = "[client]\npassword=x\n"};
	_cleanup_free_ char *out = NULL;
	struct error err = {0};

	(void)state;
	if (proc_help(&helper, in_ms(5000), NULL, &out, NULL, &err) < 0)
		fail_msg("%s", err.sentence);
	assert_non_null(strstr(out, "--file=/proc/self/fd/3 [client]\npassword=x\n400\n"));
}

static int pipe_of(const char *from_script, const char *to_script, struct error *err)
{
	const char *from_argv[] = {"/bin/sh", "-c", from_script, NULL}, *to_argv[] = {"/bin/sh", "-c", to_script, NULL};
	struct proc_helper from = {.argv = ARGV(from_argv), .uid = geteuid(), .gid = getegid(), .input = -1};
	struct proc_helper to = {.argv = ARGV(to_argv), .uid = geteuid(), .gid = getegid(), .input = -1};

	return proc_help_pipe(&from, &to, in_ms(3000), err);
}

static void a_pipe_succeeds_only_when_both_ends_do(void **state)
{
	_cleanup_free_ char *path = in_dir("piped");
	_cleanup_free_ char *save = str_printf("cat > %s", path);
	_cleanup_free_ char *text = NULL;
	struct error err = {0};

	(void)state;
	assert_int_equal(pipe_of("echo through", save, &err), 0);
	assert_int_equal(file_read(path, 100, &text, NULL), 0);
	assert_string_equal(text, "through\n");
	file_remove(path, NULL);
	assert_int_equal(pipe_of("echo half; echo disk broke >&2; exit 3", "cat", &err), -1);
	assert_string_equal(err.sentence, "/bin/sh failed with status 3: disk broke");
	assert_int_equal(pipe_of("exec cat /dev/zero", "echo no space >&2; exit 4", &err), -1);
	assert_string_equal(err.sentence, "/bin/sh failed with status 4: no space");
}

static void a_reused_pid_is_another_process(void **state)
{
	struct proc self, other;

	(void)state;
	assert_int_equal(proc_of_pid(getpid(), &self, NULL), 0);
	assert_int_equal(proc_state(&self), PROC_ALIVE);
	assert_true(proc_works_in(&self, "."));
	assert_false(proc_works_in(&self, dir));
	other = self;
	other.start_time--;
	assert_int_equal(proc_state(&other), PROC_DEAD);
	assert_false(proc_works_in(&other, "."));
	/* Were it sent, it would end this test. */
	assert_int_equal(proc_signal(&other, SIGKILL, NULL), 0);
	assert_int_equal(proc_signal_group(&other, SIGKILL, NULL), 0);
	assert_int_equal(proc_state(&(struct proc){0}), PROC_DEAD);
	assert_int_equal(proc_of_pid(0, &other, NULL), -1);
}

static void a_zombie_is_dead_and_a_stopped_process_is_stopped(void **state)
{
	pid_t pid = fork();
	struct proc child;
	struct proc_usage usage;

	(void)state;
	if (pid == 0)
		for (;;)
			pause();
	assert_int_equal(proc_of_pid(pid, &child, NULL), 0);
	assert_int_equal(proc_usage(&child, &usage, NULL), 0);
	assert_int_equal(proc_signal(&child, SIGSTOP, NULL), 0);
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	assert_int_equal(proc_state(&child), PROC_STOPPED);
	assert_false(proc_wait_dead(&child, in_ms(50)));
	assert_int_equal(proc_signal(&child, SIGKILL, NULL), 0);
	assert_true(proc_wait_dead(&child, in_ms(2000)));
	assert_int_equal(proc_state(&child), PROC_DEAD);
	assert_int_equal(proc_signal(&child, SIGTERM, NULL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(proc_state(&child), PROC_DEAD);
}

static void markers_of_another_boot_and_garbage_name_nobody(void **state)
{
	static const char *const BAD[] = {
	    "", "\n", "12", "12 34", "12 34 00000000-0000-0000-0000-000000000000\n", "x y z\n", "-5 34 z", "1 2 3 4 5", "99999999999 1 x",
	};
	_cleanup_free_ char *path = in_dir("marker");
	struct proc self, seen;

	(void)state;
	assert_int_equal(proc_marker_read(path, &seen, NULL), 0);
	assert_int_equal(seen.pid, 0);
	proc_of_pid(getpid(), &self, NULL);
	assert_int_equal(proc_marker_write(path, &self, NULL), 0);
	assert_int_equal(proc_marker_read(path, &seen, NULL), 0);
	assert_int_equal(seen.pid, self.pid);
	assert_int_equal(seen.start_time, self.start_time);
	for (size_t i = 0; i < ARRAY_LENGTH(BAD); i++) {
		assert_int_equal(file_write(path, BAD[i], 0600, NULL), 0);
		assert_int_equal(proc_marker_read(path, &seen, NULL), 0);
		assert_int_equal(seen.pid, 0);
	}
	file_remove(path, NULL);
}

static void the_lock_lasts_as_long_as_the_server(void **state)
{
	const char *argv[] = {"/bin/sh", "-c",
			      "for i in 0 1 2 3 4 5 6 7 8 9 16 17 18 19 20; do [ -e /proc/self/fd/$i ] && echo -n $i \"\"; done; echo "
			      "env=$SECRET_OF_TEST; exec sleep 60",
			      NULL};
	_cleanup_free_ char *log = in_dir("server.log");
	_cleanup_free_ char *marker = in_dir("server.marker");
	struct proc_server server = {
	    .argv = ARGV(argv), .uid = server_uid(), .gid = server_gid(), .log = log, .directory = dir, .marker = marker};
	_cleanup_free_ char *text = NULL;
	struct error err = {0};
	struct proc proc, marked;
	int second = -1;

	(void)state;
	assert_int_equal(proc_lock_directory(dir, &server.lock_fd, &err), 0);
	if (proc_launch(&server, &proc, &err) < 0)
		fail_msg("%s", err.sentence);
	close(server.lock_fd);
	assert_int_equal(proc_marker_read(marker, &marked, NULL), 0);
	assert_int_equal(marked.pid, proc.pid);
	assert_int_equal(getsid(proc.pid), proc.pid);
	assert_int_equal(proc_state(&proc), PROC_ALIVE);
	assert_int_equal(proc_lock_directory(dir, &second, &err), -1);
	assert_int_equal(err.code, OCF_ERR_GENERIC);
	assert_non_null(strstr(err.sentence, "is locked by another process"));
	clock_pause_ms(100);
	assert_int_equal(proc_signal(&proc, SIGKILL, &err), 0);
	assert_true(proc_wait_dead(&proc, in_ms(2000)));
	assert_int_equal(proc_lock_directory(dir, &second, &err), 0);
	close(second);
	waitpid(proc.pid, NULL, 0);
	assert_int_equal(file_read(log, 1000, &text, &err), 0);
	assert_string_equal(text, "0 1 2 3 env=\n");
	file_remove(log, NULL);
	file_remove(marker, NULL);
}

static void a_server_that_cannot_run_leaves_no_marker(void **state)
{
	const char *argv[] = {"/nonexistent/mysqld", NULL};
	_cleanup_free_ char *log = in_dir("server.log");
	_cleanup_free_ char *marker = in_dir("server.marker");
	_cleanup_free_ char *target = in_dir("target");
	struct proc_server server = {
	    .argv = ARGV(argv), .uid = server_uid(), .gid = server_gid(), .log = log, .directory = dir, .marker = marker, .lock_fd = -1};
	struct error err = {0};
	struct proc proc;

	(void)state;
	assert_int_equal(proc_launch(&server, &proc, &err), -1);
	assert_int_equal(err.code, OCF_ERR_INSTALLED);
	assert_int_equal(path_exists(marker), PRESENCE_NO);
	file_remove(log, NULL);

	argv[0] = "/bin/true";
	server.marker = "/nonexistent/marker";
	assert_int_equal(proc_launch(&server, &proc, &err), -1);
	server.marker = marker;
	server.directory = "/nonexistent";
	assert_int_equal(proc_launch(&server, &proc, &err), -1);
	assert_non_null(strstr(err.sentence, "working directory"));
	server.directory = dir;
	file_remove(log, NULL);

	assert_int_equal(symlink(target, log), 0);
	assert_int_equal(proc_launch(&server, &proc, &err), -1);
	assert_non_null(strstr(err.sentence, "symbolic link"));
	assert_int_equal(path_exists(target), PRESENCE_NO);
	file_remove(log, NULL);
	server.uid = 0;
	assert_int_equal(proc_launch(&server, &proc, &err), -1);
	assert_non_null(strstr(err.sentence, "must not run as root"));
}

static void nothing_runs_when_the_agent_is_killed_before_the_marker(void **state)
{
	_cleanup_free_ char *ran = in_dir("ran");
	_cleanup_free_ char *script = str_printf("echo > %s", ran);
	const char *argv[] = {"/bin/sh", "-c", script, NULL};
	pid_t agent = fork();
	int status;

	(void)state;
	if (agent == 0) {
		struct child child;

		if (child_prepare(&child, CHILD_SERVER, ARGV(argv), geteuid(), getegid(), NULL) < 0)
			_exit(1);
		child.fds[0] = child.fds[1] = child.fds[2] = open("/dev/null", O_RDWR);
		child.gated = true;
		if (child_start(&child, NULL) < 0)
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(agent, &status, 0), agent);
	assert_true(WIFSIGNALED(status));
	clock_pause_ms(200);
	assert_int_equal(path_exists(ran), PRESENCE_NO);
}

static int sleep_with_helper(void *data)
{
	const char *argv[] = {"/bin/sh", "-c", data, NULL};
	struct proc_helper helper = {.argv = ARGV(argv), .uid = geteuid(), .gid = getegid(), .input = -1};

	return proc_help(&helper, in_ms(60000), NULL, NULL, NULL, NULL);
}

static struct proc started_worker(const char *marker, const char *log, const char *script)
{
	struct error err = {0};
	struct proc worker;

	if (proc_detach(marker, log, sleep_with_helper, (void *)script, &err) < 0)
		fail_msg("%s", err.sentence);
	assert_int_equal(proc_marker_read(marker, &worker, NULL), 0);
	return worker;
}

static void a_worker_is_named_until_it_ends(void **state)
{
	_cleanup_free_ char *marker = in_dir("worker.marker");
	_cleanup_free_ char *log = in_dir("worker.log");
	struct proc worker = started_worker(marker, log, "sleep 0.2");

	(void)state;
	assert_int_equal(proc_state(&worker), PROC_ALIVE);
	assert_true(proc_wait_dead(&worker, in_ms(5000)));
	waitpid(worker.pid, NULL, 0);
	assert_int_equal(path_exists(marker), PRESENCE_NO);
	file_remove(log, NULL);
}

static void ending_a_worker_ends_its_helpers(void **state)
{
	_cleanup_free_ char *marker = in_dir("worker.marker");
	_cleanup_free_ char *log = in_dir("worker.log");
	_cleanup_free_ char *pids = in_dir("pids");
	_cleanup_free_ char *script = str_printf("sleep 60 & echo $! > %s; wait", pids);
	_cleanup_free_ char *text = NULL;
	struct proc worker = started_worker(marker, log, script), grandchild;

	(void)state;
	for (int i = 0; i < 100 && (!text || !*text); i++) {
		clock_pause_ms(20);
		str_freep(&text);
		text = NULL;
		assert_int_equal(file_read(pids, 100, &text, NULL), 0);
	}
	assert_non_null(text);
	assert_int_equal(proc_of_pid((pid_t)strtol(text, NULL, 10), &grandchild, NULL), 0);
	assert_int_equal(proc_signal_group(&worker, SIGTERM, NULL), 0);
	assert_true(proc_wait_dead(&worker, in_ms(2000)));
	assert_true(proc_wait_dead(&grandchild, in_ms(2000)));
	waitpid(worker.pid, NULL, 0);
	file_remove(marker, NULL);
	file_remove(pids, NULL);
	file_remove(log, NULL);
}

static void the_last_error_of_a_log_is_found(void **state)
{
	_cleanup_free_ char *path = in_dir("log");
	_cleanup_free_ char *one = NULL;
	_cleanup_free_ char *two = NULL;

	(void)state;
	assert_null(log_last_error(path));
	assert_int_equal(
	    file_write(path, "a [ERROR] first\nb [ERROR] second\x1b[1m\nc [Note] bye\nd [ERROR] [Server] Aborting\n\n", 0600, NULL), 0);
	one = log_last_error(path);
	assert_string_equal(one, "b [ERROR] second [1m");
	assert_int_equal(file_write(path, "no error\nlast words\n", 0600, NULL), 0);
	two = log_last_error(path);
	assert_string_equal(two, "last words");
	file_remove(path, NULL);
}

/* A listener whose queue is full answers nobody: the next attempt stays unanswered, as one to a dead machine does. */
static int attempt(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)connect(fd, (const struct sockaddr *)address, sizeof(*address));
	return fd;
}

static bool unanswered(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

	return poll(&poll_fd, 1, 50) == 0;
}

static void an_unanswered_connection_attempt_is_ended_and_one_that_stands_is_not(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), attempts[8], count = 0;
	struct proc self;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	do
		attempts[count++] = attempt(&address);
	while (count < 8 && !unanswered(attempts[count - 1]));
	assert_true(unanswered(attempts[count - 1]));
	assert_int_equal(proc_of_pid(getpid(), &self, NULL), 0);
	assert_int_equal(proc_end_connects(&self, (unsigned int)ntohs(address.sin_port) + 1), 0);
	assert_true(proc_end_connects(&self, ntohs(address.sin_port)) >= 1);
	assert_false(unanswered(attempts[count - 1]));
	assert_int_equal(send(attempts[0], "x", 1, MSG_NOSIGNAL), 1);
	for (int i = 0; i < count; i++)
		close(attempts[i]);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_helper_s_output_and_status_are_captured),
	    cmocka_unit_test(a_helper_gets_a_clean_environment_and_no_descriptors),
	    cmocka_unit_test(a_late_helper_is_killed_with_all_it_started),
	    cmocka_unit_test(a_helper_that_leaves_somebody_behind_does_not_hold_us),
	    cmocka_unit_test(more_output_than_the_limit_is_dropped),
	    cmocka_unit_test(a_program_that_is_not_there_is_not_installed),
	    cmocka_unit_test(a_secret_is_in_no_argument),
	    cmocka_unit_test(a_pipe_succeeds_only_when_both_ends_do),
	    cmocka_unit_test(a_reused_pid_is_another_process),
	    cmocka_unit_test(a_zombie_is_dead_and_a_stopped_process_is_stopped),
	    cmocka_unit_test(markers_of_another_boot_and_garbage_name_nobody),
	    cmocka_unit_test(the_lock_lasts_as_long_as_the_server),
	    cmocka_unit_test(a_server_that_cannot_run_leaves_no_marker),
	    cmocka_unit_test(nothing_runs_when_the_agent_is_killed_before_the_marker),
	    cmocka_unit_test(a_worker_is_named_until_it_ends),
	    cmocka_unit_test(ending_a_worker_ends_its_helpers),
	    cmocka_unit_test(the_last_error_of_a_log_is_found),
	    cmocka_unit_test(an_unanswered_connection_attempt_is_ended_and_one_that_stands_is_not),
	};
	int failed;

	snprintf(dir, sizeof(dir), "/tmp/systole-proc.XXXXXX");
	if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
		return 99;
	failed = cmocka_run_group_tests_name("proc", tests, NULL, NULL);
	rmdir(dir);
	return failed;
}
