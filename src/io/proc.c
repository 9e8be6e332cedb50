#include "io/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/str.h"
#include "io/clock.h"
#include "io/files.h"
#include "proc_child.h"

enum look {
	LOOK_UNKNOWN = 0,
	LOOK_SEEN,
	LOOK_GONE,
};

struct look_stat {
	char state;
	pid_t session;
	uint64_t cpu_ticks;
	uint64_t start_time;
};

/* One read of a file in /proc. A process that is gone gives ENOENT or ESRCH, but so does a /proc that is not mounted. */
static enum look read_proc_file(pid_t pid, const char *name, char *text, size_t room)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT && access("/proc/self/stat", R_OK) == 0 ? LOOK_GONE : LOOK_UNKNOWN;
	n = read(fd, text, room - 1);
	if (n < 0) {
		enum look look = errno == ESRCH ? LOOK_GONE : LOOK_UNKNOWN;

		close(fd);
		return look;
	}
	close(fd);
	text[n] = '\0';
	return LOOK_SEEN;
}

static enum look look_at(pid_t pid, struct look_stat *ret)
{
	char text[1024];
	const char *rest;
	struct look_stat seen = {0};
	uint64_t user, system_;
	int session;
	enum look look;

	if (pid <= 0)
		return LOOK_GONE;
	look = read_proc_file(pid, "stat", text, sizeof(text));
	if (look != LOOK_SEEN)
		return look;
	/* The name in parentheses is the program's choice and may contain anything, ") R 1" too. */
	rest = strrchr(text, ')');
	if (!rest || sscanf(rest, ") %c %*d %*d %d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %*d %*d %*d %*d %*d %*d %" SCNu64,
			    &seen.state, &session, &user, &system_, &seen.start_time) != 5)
		return LOOK_UNKNOWN;
	seen.session = session;
	seen.cpu_ticks = user + system_;
	*ret = seen;
	return LOOK_SEEN;
}

/* glibc has these since 2.36 only. */
static int pidfd_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* A pidfd becomes readable when the last thread is gone. The state Z alone says that the first one is: a server in an unfinished disk
 * write can be Z for minutes and still hold its files and its lock. */
static bool all_threads_ended(pid_t pid)
{
	struct pollfd poll_fd = {.fd = pidfd_of(pid), .events = POLLIN};
	bool ended;

	if (poll_fd.fd < 0)
		return errno == ESRCH || errno == EINVAL;
	ended = poll(&poll_fd, 1, 0) == 1;
	close(poll_fd.fd);
	return ended;
}

enum proc_state proc_state(const struct proc *proc)
{
	struct look_stat seen;

	switch (look_at(proc->pid, &seen)) {
	case LOOK_UNKNOWN:
		return PROC_UNKNOWN;
	case LOOK_GONE:
		return PROC_DEAD;
	case LOOK_SEEN:
		break;
	}
	if (seen.start_time != proc->start_time)
		return PROC_DEAD;
	if (seen.state == 'Z' || seen.state == 'X')
		return all_threads_ended(proc->pid) ? PROC_DEAD : PROC_ALIVE;
	return seen.state == 'T' ? PROC_STOPPED : PROC_ALIVE;
}

int proc_usage(const struct proc *proc, struct proc_usage *ret, struct error *err)
{
	struct proc_usage usage = {0};
	struct look_stat seen;
	char text[1024];

	if (look_at(proc->pid, &seen) != LOOK_SEEN || seen.start_time != proc->start_time)
		return error_set(err, OCF_ERR_GENERIC, "the process %ld is gone, or /proc cannot be read", (long)proc->pid);
	usage.cpu_ticks = seen.cpu_ticks;
	if (read_proc_file(proc->pid, "io", text, sizeof(text)) == LOOK_SEEN) {
		const char *in = strstr(text, "\nread_bytes: "), *out = strstr(text, "\nwrite_bytes: ");
		uint64_t bytes;

		if (in && sscanf(in, "\nread_bytes: %" SCNu64, &bytes) == 1)
			usage.io_bytes += bytes;
		if (out && sscanf(out, "\nwrite_bytes: %" SCNu64, &bytes) == 1)
			usage.io_bytes += bytes;
	}
	*ret = usage;
	return 0;
}

int proc_of_pid(pid_t pid, struct proc *ret, struct error *err)
{
	struct look_stat seen;

	if (look_at(pid, &seen) != LOOK_SEEN)
		return error_set(err, OCF_ERR_GENERIC, "there is no process %ld, or /proc cannot be read", (long)pid);
	*ret = (struct proc){.pid = pid, .start_time = seen.start_time};
	return 0;
}

bool proc_works_in(const struct proc *proc, const char *dir)
{
	char cwd[64];
	enum proc_state state;

	snprintf(cwd, sizeof(cwd), "/proc/%ld/cwd", (long)proc->pid);
	if (proc->pid <= 0 || path_same(cwd, dir) != PRESENCE_YES)
		return false;
	/* Asked last, so that what was compared was this process and not the next one with its pid. */
	state = proc_state(proc);
	return state == PROC_ALIVE || state == PROC_STOPPED;
}

/* --- Markers --- */

static int read_boot_id(char **ret, struct error *err)
{
	const char *path = "/proc/sys/kernel/random/boot_id";
	char *text = NULL;

	if (file_read(path, 100, &text, err) < 0)
		return -1;
	if (!text)
		return error_set(err, OCF_ERR_GENERIC, "%s is not there: is /proc mounted?", path);
	text[strcspn(text, "\n")] = '\0';
	*ret = text;
	return 0;
}

int proc_marker_write(const char *path, const struct proc *proc, struct error *err)
{
	_cleanup_free_ char *boot_id = NULL;
	_cleanup_free_ char *text = NULL;

	if (read_boot_id(&boot_id, err) < 0)
		return -1;
	text = str_printf("%ld %" PRIu64 " %s\n", (long)proc->pid, proc->start_time, boot_id);
	return file_write(path, text, 0644, err);
}

/* Cuts the first word off *rest; NULL when there is none. */
static char *next_word(char **rest)
{
	char *word = *rest;
	size_t length = strcspn(word, " \n");

	if (length == 0)
		return NULL;
	*rest = word + length + (word[length] != '\0');
	word[length] = '\0';
	return word;
}

int proc_marker_read(const char *path, struct proc *ret, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *boot_id = NULL;
	uint64_t pid, start_time;
	char *rest, *words[3];

	if (file_read(path, 256, &text, err) < 0 || read_boot_id(&boot_id, err) < 0)
		return -1;
	*ret = (struct proc){0};
	rest = text ? text : (char[]){""};
	for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
		if (!(words[i] = next_word(&rest)))
			return 0;
	if (*rest == '\0' && str_equal(words[2], boot_id) && parse_u64(words[0], 2, INT32_MAX, &pid) &&
	    parse_u64(words[1], 0, UINT64_MAX, &start_time))
		*ret = (struct proc){.pid = (pid_t)pid, .start_time = start_time};
	return 0;
}

/* --- Signals --- */

/* *ret_fd -1: it is dead. The pidfd is opened first and the identity compared after: from then on no reused pid can be meant. */
static int open_identified(const struct proc *proc, int *ret_fd, struct error *err)
{
	int fd;

	*ret_fd = -1;
	if (proc->pid <= 0)
		return 0;
	fd = pidfd_of(proc->pid);
	if (fd < 0 && (errno == ESRCH || errno == EINVAL))
		return 0;
	if (fd < 0)
		return error_set(err, OCF_ERR_GENERIC, "cannot get hold of the process %ld: %s%s", (long)proc->pid, strerror(errno),
				 errno == ENOSYS ? " (Linux 5.3 or later is needed)" : "");
	switch (proc_state(proc)) {
	case PROC_UNKNOWN:
		close(fd);
		return error_set(err, OCF_ERR_GENERIC, "cannot tell which process %ld is: /proc cannot be read", (long)proc->pid);
	case PROC_DEAD:
		close(fd);
		return 0;
	case PROC_ALIVE:
	case PROC_STOPPED:
		break;
	}
	*ret_fd = fd;
	return 0;
}

int proc_signal(const struct proc *proc, int signal, struct error *err)
{
	int fd, number;

	if (open_identified(proc, &fd, err) < 0)
		return -1;
	if (fd < 0)
		return 0;
	number = syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) < 0 ? errno : 0;
	close(fd);
	if (number && number != ESRCH)
		return error_set(err, number == EPERM ? OCF_ERR_PERM : OCF_ERR_GENERIC, "cannot send %s to the process %ld: %s",
				 strsignal(signal), (long)proc->pid, strerror(number));
	return 0;
}

bool proc_wait_dead(const struct proc *proc, uint64_t deadline_ms)
{
	int fd;

	if (open_identified(proc, &fd, NULL) == 0) {
		bool dead = fd < 0 || child_wait_readable(fd, deadline_ms);

		if (fd >= 0)
			close(fd);
		return dead;
	}
	while (proc_state(proc) != PROC_DEAD) {
		if (clock_left_ms(deadline_ms) == 0)
			return false;
		clock_pause_ms(20);
	}
	return true;
}

/* The helpers have process groups of their own, so that each can be killed alone; what they share with their worker is its session. */
int proc_signal_group(const struct proc *leader, int signal, struct error *err)
{
	struct dirent *entry;
	int result;
	DIR *dir;

	if (proc_state(leader) == PROC_DEAD)
		return 0;
	dir = opendir("/proc");
	if (!dir)
		return error_set(err, OCF_ERR_GENERIC, "cannot list /proc: %s", strerror(errno));
	/* The leader comes first: it must not see a helper die and go on with something else. */
	result = proc_signal(leader, signal, err);
	while (result == 0 && (entry = readdir(dir))) {
		struct look_stat seen;
		uint64_t pid;

		if (!parse_u64(entry->d_name, 2, INT32_MAX, &pid) || (pid_t)pid == leader->pid)
			continue;
		if (look_at((pid_t)pid, &seen) == LOOK_SEEN && seen.session == leader->pid && seen.start_time >= leader->start_time)
			result = proc_signal(&(struct proc){.pid = (pid_t)pid, .start_time = seen.start_time}, signal, err);
	}
	closedir(dir);
	return result;
}

/* --- The lock --- */

int proc_lock_directory(const char *dir, int *ret_fd, struct error *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat held, named;

	if (fd < 0)
		return error_set(err, errno == EACCES ? OCF_ERR_PERM : OCF_ERR_GENERIC, "cannot open the directory %s: %s", dir,
				 strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int number = errno;

		close(fd);
		if (number == EWOULDBLOCK)
			return error_set(err, OCF_ERR_GENERIC,
					 "%s is locked by another process, a server or a worker that still uses it: see fuser -v '%s'", dir,
					 dir);
		return error_set(err, OCF_ERR_GENERIC, "cannot lock the directory %s: %s", dir, strerror(number));
	}
	/* The lock belongs to the directory that was opened; another may have been moved to its place meanwhile. */
	if (fstat(fd, &held) < 0 || stat(dir, &named) < 0 || held.st_dev != named.st_dev || held.st_ino != named.st_ino) {
		close(fd);
		return error_set(err, OCF_ERR_GENERIC, "%s was replaced by another directory while it was being locked", dir);
	}
	*ret_fd = fd;
	return 0;
}
