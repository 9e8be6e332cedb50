/* proc_server.c - what outlives us: the server and the detached worker. Each has its marker on disk before it does anything. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "io/clock.h"
#include "io/files.h"
#include "io/proc.h"
#include "proc_child.h"

#define EXEC_WAIT_MS 10000

/* The log's directory may belong to the server's user, who could put a link to another file there: links are not followed. */
static int open_log(const char *path, uid_t uid, gid_t gid, int *ret_fd, struct error *err)
{
	const int flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	_cleanup_close_ int fd = open(path, flags | O_CREAT | O_EXCL, 0640);
	bool made = fd >= 0;
	struct stat st;

	if (!made && errno == EEXIST)
		fd = open(path, flags);
	if (fd < 0)
		return error_set(err, errno == EACCES ? OCF_ERR_PERM : OCF_ERR_GENERIC, "cannot open the log %s: %s%s", path,
				 strerror(errno), errno == ELOOP ? " (it is a symbolic link: name the file itself)" : "");
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)
		return error_set(err, OCF_ERR_PERM, "the log %s is not a plain file with one name (mode %07o, %ju links): remove it", path,
				 st.st_mode, (uintmax_t)st.st_nlink);
	if (made && uid != geteuid() && fchown(fd, uid, gid) < 0)
		return error_set(err, OCF_ERR_GENERIC, "cannot give the log %s to uid %u: %s", path, (unsigned int)uid, strerror(errno));
	fcntl(fd, F_SETFL, O_APPEND);
	*ret_fd = fd;
	fd = -1;
	return 0;
}

static int open_null(int *ret_fd, struct error *err)
{
	*ret_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (*ret_fd < 0)
		return error_set(err, OCF_ERR_GENERIC, "cannot open /dev/null: %s", strerror(errno));
	return 0;
}

int proc_launch(const struct proc_server *server, struct proc *ret, struct error *err)
{
	_cleanup_close_ int null = -1;
	_cleanup_close_ int log = -1;
	struct child child;
	struct proc started;

	if (server->uid == 0)
		return error_set(err, OCF_ERR_PERM, "%s must not run as root: set the parameter user to the server's account",
				 server->argv[0]);
	if (child_prepare(&child, CHILD_SERVER, server->argv, server->uid, server->gid, err) < 0 || open_null(&null, err) < 0 ||
	    open_log(server->log, server->uid, server->gid, &log, err) < 0)
		return -1;
	child.directory = server->directory;
	child.fds[0] = null;
	child.fds[1] = child.fds[2] = log;
	child.fds[3] = server->lock_fd;
	child.gated = true;
	if (child_start(&child, err) < 0)
		return -1;
	/* When we die before the gate opens, the child ends without having run anything. */
	if (proc_of_pid(child.pid, &started, err) < 0 || proc_marker_write(server->marker, &started, err) < 0) {
		child_kill(&child);
		return -1;
	}
	child_release(&child);
	if (child_confirm(&child, clock_now_ms() + EXEC_WAIT_MS, err) < 0) {
		file_remove(server->marker, NULL);
		return -1;
	}
	*ret = started;
	return 0;
}

/* A worker that was replaced meanwhile leaves its successor's marker alone. */
static void remove_own_marker(const char *marker)
{
	struct proc named;

	if (proc_marker_read(marker, &named, NULL) == 0 && named.pid == getpid())
		file_remove(marker, NULL);
}

__attribute__((noreturn)) static void run_worker(int gate, int null, int log, const char *marker, int (*work)(void *data), void *data)
{
	int result;

	child_reset_signals();
	signal(SIGPIPE, SIG_IGN);
	if (!child_wait_gate(gate))
		_exit(127);
	close(gate);
	if (setsid() < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(127);
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	result = work(data);
	fflush(NULL);
	remove_own_marker(marker);
	/* Not exit(): what our parent registered for its own end is not ours to run. */
	_exit(result == 0 ? 0 : 1);
}

int proc_detach(const char *marker, const char *log_path, int (*work)(void *data), void *data, struct error *err)
{
	_cleanup_close_ int null = -1;
	_cleanup_close_ int log = -1;
	_cleanup_close_ int opener = -1;
	struct proc started;
	int gate[2];
	pid_t pid;

	if (open_null(&null, err) < 0 || open_log(log_path, geteuid(), getegid(), &log, err) < 0)
		return -1;
	if (pipe2(gate, O_CLOEXEC) < 0)
		return error_set(err, OCF_ERR_GENERIC, "cannot start a worker: no pipe: %s", strerror(errno));
	opener = gate[1];
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(gate[1]);
		run_worker(gate[0], null, log, marker, work, data);
	}
	close(gate[0]);
	if (pid < 0)
		return error_set(err, OCF_ERR_GENERIC, "cannot start a worker: fork: %s", strerror(errno));
	/* Failing here closes the gate, and the worker ends without having begun. */
	if (proc_of_pid(pid, &started, err) < 0 || proc_marker_write(marker, &started, err) < 0)
		return -1;
	if (write(opener, "g", 1) != 1)
		return error_set(err, OCF_ERR_GENERIC, "the worker ended before it began");
	return 0;
}
