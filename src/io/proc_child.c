#include "proc_child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/clock.h"

/* HOME is no real one: MySQL's and MariaDB's programs, the server too, read $HOME/.my.cnf. */
static const char *const ENVIRONMENT[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", "HOME=/nonexistent", NULL};

enum step {
	STEP_SESSION,
	STEP_DESCRIPTORS,
	STEP_ACCOUNT,
	STEP_DIRECTORY,
	STEP_EXEC,
	STEP_COUNT,
};

static const char *const STEP_NAMES[] = {
    [STEP_SESSION] = "cannot leave our session",
    [STEP_DESCRIPTORS] = "cannot arrange its descriptors",
    [STEP_ACCOUNT] = "cannot change to its user and group",
    [STEP_DIRECTORY] = "cannot enter its working directory",
    [STEP_EXEC] = "cannot run it",
};
_Static_assert(ARRAY_LENGTH(STEP_NAMES) == STEP_COUNT, "each step has a name");

struct report {
	enum step step;
	int number;
};

void fd_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int child_prepare(struct child *child, enum child_kind kind, char *const *argv, uid_t uid, gid_t gid, struct error *err)
{
	struct child c = {.kind = kind, .argv = argv, .fds = {-1, -1, -1, -1}, .directory = "/", .uid = uid, .gid = gid};

	c.status_fd = c.gate_fd = -1;
	if (str_empty(argv[0]) || argv[0][0] != '/')
		return error_set(err, OCF_ERR_ARGS, "cannot run '%s': the program's path must begin with /", argv[0] ? argv[0] : "");
	if (uid != geteuid()) {
		struct passwd *pw = getpwuid(uid);

		c.group_count = ARRAY_LENGTH(c.groups);
		c.groups[0] = gid;
		if (!pw)
			c.group_count = 1;
		else if (getgrouplist(pw->pw_name, gid, c.groups, &c.group_count) < 0)
			return error_set(err, OCF_ERR_INSTALLED, "the user '%s' is in more than %zu groups", pw->pw_name,
					 ARRAY_LENGTH(c.groups));
	}
	*child = c;
	return 0;
}

void child_reset_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	/* The client library ignores SIGPIPE for the whole process, and exec keeps that. */
	for (int signal = 1; signal < NSIG; signal++)
		sigaction(signal, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

bool child_wait_gate(int fd)
{
	ssize_t n;
	char go;

	do
		n = read(fd, &go, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

/* Raises all of them first: one may sit where another has to go, when we were started without 0, 1 or 2. */
static bool arrange_descriptors(const struct child *child)
{
	int raised[5];

	for (int i = 0; i < 5; i++) {
		int fd = i < 4 ? child->fds[i] : child->status_fd;

		raised[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 16);
		if (fd >= 0 && raised[i] < 0)
			return false;
	}
	for (int i = 0; i < 4; i++)
		if (raised[i] >= 0 && dup2(raised[i], i) < 0)
			return false;
	if (raised[3] < 0)
		close(3);
	return dup3(raised[4], 4, O_CLOEXEC) == 4 && close_range(5, ~0U, 0) == 0;
}

static bool change_account(const struct child *child)
{
	if (child->uid == geteuid())
		return true;
	return setgroups((size_t)child->group_count, child->groups) == 0 && setresgid(child->gid, child->gid, child->gid) == 0 &&
	       setresuid(child->uid, child->uid, child->uid) == 0;
}

/* Pacemaker's daemons may be protected from the kernel's memory killer or run with real-time priority; the server must not be. */
static void become_ordinary(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		ssize_t ignored = write(fd, "0", 1);

		(void)ignored;
		close(fd);
	}
	if (sched_getscheduler(0) != SCHED_OTHER)
		sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0});
}

static bool leave_session(const struct child *child, pid_t parent)
{
	if (child->kind == CHILD_SERVER) {
		become_ordinary();
		umask(027);
		return setsid() >= 0;
	}
	return setpgid(0, 0) == 0 && getppid() == parent;
}

__attribute__((noreturn)) static void run_child(const struct child *child, pid_t parent)
{
	struct report report = {.step = STEP_SESSION};
	int status_fd = child->status_fd;
	ssize_t ignored;

	if (child->gated && !child_wait_gate(child->gate_fd))
		_exit(127);
	child_reset_signals();
	if (!leave_session(child, parent))
		goto failed;
	report.step = STEP_DESCRIPTORS;
	if (!arrange_descriptors(child))
		goto failed;
	status_fd = 4;
	report.step = STEP_ACCOUNT;
	if (!change_account(child))
		goto failed;
	report.step = STEP_DIRECTORY;
	if (chdir(child->directory) < 0)
		goto failed;
	/* After the change of user, which clears it. */
	if (child->kind == CHILD_HELPER && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
		_exit(127);
	if (child->no_core)
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	report.step = STEP_EXEC;
	execve(child->argv[0], child->argv, (char *const *)ENVIRONMENT);
failed:
	report.number = errno;
	ignored = write(status_fd, &report, sizeof(report));
	(void)ignored;
	_exit(127);
}

int child_start(struct child *child, struct error *err)
{
	int status[2] = {-1, -1}, gate[2] = {-1, -1};
	pid_t parent = getpid(), pid;

	if (pipe2(status, O_CLOEXEC) < 0 || pipe2(gate, O_CLOEXEC) < 0) {
		fd_closep(&status[0]);
		fd_closep(&status[1]);
		return error_set(err, OCF_ERR_GENERIC, "cannot start %s: no pipe: %s", child->argv[0], strerror(errno));
	}
	/* Where SIGCHLD is ignored, children are reaped by themselves and what became of them is lost. */
	signal(SIGCHLD, SIG_DFL);
	pid = fork();
	if (pid == 0) {
		close(status[0]);
		/* Our own copy of the writing end would keep the gate from ever reading as closed. */
		close(gate[1]);
		child->status_fd = status[1];
		child->gate_fd = gate[0];
		run_child(child, parent);
	}
	close(status[1]);
	close(gate[0]);
	if (pid < 0) {
		int number = errno;

		close(status[0]);
		close(gate[1]);
		return error_set(err, OCF_ERR_GENERIC, "cannot start %s: fork: %s", child->argv[0], strerror(number));
	}
	child->pid = pid;
	child->status_fd = status[0];
	child->gate_fd = gate[1];
	return 0;
}

void child_release(struct child *child)
{
	ssize_t ignored = write(child->gate_fd, "g", 1);

	(void)ignored;
	fd_closep(&child->gate_fd);
}

bool child_wait_readable(int fd, uint64_t deadline_ms)
{
	for (;;) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		uint64_t left = clock_left_ms(deadline_ms);
		int n = poll(&poll_fd, 1, left > 3600000 ? 3600000 : (int)left);

		if (n == 1)
			return true;
		if (left == 0 || (n < 0 && errno != EINTR))
			return false;
	}
}

void child_kill(struct child *child)
{
	int pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);

	fd_closep(&child->gate_fd);
	fd_closep(&child->status_fd);
	/* Not reaped yet, so neither number can mean somebody else. A helper leads its group, a server its session's group. */
	kill(-child->pid, SIGKILL);
	kill(child->pid, SIGKILL);
	if (pidfd < 0 || child_wait_readable(pidfd, clock_now_ms() + 1000))
		waitpid(child->pid, NULL, pidfd < 0 ? WNOHANG : 0);
	fd_closep(&pidfd);
}

int child_confirm(struct child *child, uint64_t deadline_ms, struct error *err)
{
	struct report report;
	ssize_t n = -1;

	if (child_wait_readable(child->status_fd, deadline_ms))
		do
			n = read(child->status_fd, &report, sizeof(report));
		while (n < 0 && errno == EINTR);
	if (n == 0) {
		fd_closep(&child->status_fd);
		fd_closep(&child->gate_fd);
		return 0;
	}
	child_kill(child);
	if (n != sizeof(report) || (unsigned int)report.step >= STEP_COUNT)
		return error_set(err, OCF_ERR_GENERIC, "cannot start %s: it did not begin to run in time and was killed", child->argv[0]);
	return error_set(err, report.step == STEP_EXEC ? OCF_ERR_INSTALLED : OCF_ERR_GENERIC, "cannot start %s: %s: %s", child->argv[0],
			 STEP_NAMES[report.step], strerror(report.number));
}
