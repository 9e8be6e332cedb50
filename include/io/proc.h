/* proc.h - the one door to processes: bounded helpers, the server, the detached worker. A process is named by pid and start time,
 * so a reused pid is never taken for it, and a zombie counts as dead. It never signals what it has not identified. */
#ifndef SYSTOLE_IO_PROC_H
#define SYSTOLE_IO_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct proc {
	pid_t pid;	     /* 0: none */
	uint64_t start_time; /* clock ticks since boot, field 22 of /proc/PID/stat */
};

enum proc_state {
	PROC_UNKNOWN = 0, /* /proc could not be read */
	PROC_DEAD,	  /* gone, a zombie whose threads have all ended, or another process by now */
	PROC_ALIVE,
	PROC_STOPPED, /* SIGSTOP: state T of its main thread */
};

struct proc_usage {
	uint64_t cpu_ticks; /* user + system of all its threads */
	uint64_t io_bytes;  /* read + written, /proc/PID/io; 0 when not readable */
};

enum proc_state proc_state(const struct proc *proc);
int proc_usage(const struct proc *proc, struct proc_usage *ret, struct error *err);
/* The process with this pid, now. -1 when there is none. */
int proc_of_pid(pid_t pid, struct proc *ret, struct error *err);
/* True when the process's working directory is this directory (device and inode) : mysqld's is its data directory. */
bool proc_works_in(const struct proc *proc, const char *dir);

/* Marker files: "pid start_time boot_id" written by file_write. A marker of another boot, or garbage, reads as no process. */
int proc_marker_write(const char *path, const struct proc *proc, struct error *err);
int proc_marker_read(const char *path, struct proc *ret, struct error *err); /* ret->pid 0: no marker */

/* Sends a signal through a pidfd after the start time was compared; dead already is success. */
int proc_signal(const struct proc *proc, int signal, struct error *err);
/* Waits until it is dead (pidfd poll). False at the deadline. */
bool proc_wait_dead(const struct proc *proc, uint64_t deadline_ms);

/* A bounded helper program: argv[0] is an absolute path, environment is only PATH, LANG=C and HOME (none that exists: no ~/.my.cnf), stdin is /dev/null or fd `input`,
 * its stdout and stderr are captured (at most 1 MiB each, the rest is dropped). Killed with its group at the deadline: -1.
 * uid 0: stays root. *ret_status: wait status. Outputs may be NULL. */
struct proc_helper {
	char *const *argv;
	uid_t uid;
	gid_t gid;
	int input; /* -1: /dev/null */
	/* A secret for the helper: its text is given as an unlinked memory file whose path replaces the argument "@SECRET@" inside argv
	 * ("--defaults-extra-file=@SECRET@" becomes "--defaults-extra-file=/proc/self/fd/N"): nothing in argv, environment or on disk. NULL: none. */
	const char *secret;
};
/* One that was killed by a signal has said nothing: that is an error, whatever it is asked about. */
int proc_help(const struct proc_helper *helper, uint64_t deadline_ms, int *ret_status, char **ret_stdout, char **ret_stderr,
	      struct error *err);
/* from | to, both bounded helpers. Success only when both exit 0 (the sentence says which did not, with the last line of its stderr). */
int proc_help_pipe(const struct proc_helper *from, const struct proc_helper *to, uint64_t deadline_ms, struct error *err);

/* The lock of a data directory: flock on the directory itself, held by whoever has the descriptor open: the server inherits it, so it
 * lasts exactly as long as the server, through any crash of ours. -1 with OCF_ERR_GENERIC when another process holds it. */
int proc_lock_directory(const char *dir, int *ret_fd, struct error *err);

/* Starts the server in a session of its own: argv, user, group, stdin /dev/null, stdout and stderr appended to log (created for the user when missing),
 * lock_fd inherited, signals and oom score reset, environment only PATH, LANG=C, HOME. The marker is on disk before the program runs. */
struct proc_server {
	char *const *argv;
	uid_t uid;
	gid_t gid;
	const char *log;
	const char *directory; /* working directory */
	int lock_fd;
	const char *marker;
};
int proc_launch(const struct proc_server *server, struct proc *ret, struct error *err);

/* Runs work(data) in a detached process: session of its own, stdio on log, marker written before work begins and removed after it ends.
 * The parent returns at once. The worker has a copy of all that was open: close connections before, or never touch them in work().
 * proc_signal_group ends the worker and what it started: all processes of its session. */
int proc_detach(const char *marker, const char *log, int (*work)(void *data), void *data, struct error *err);
int proc_signal_group(const struct proc *leader, int signal, struct error *err);

/* Ends the TCP connections that this process tries to open to a port and that nobody has answered yet: they fail as if refused. Connections
 * that stand are not touched. Returns how many. Linux 5.6: pidfd_getfd. */
unsigned int proc_end_connects(const struct proc *proc, unsigned int port);

/* The last lines of a log file, for a sentence: the last one that has "[ERROR]", else the last one. Caller frees; NULL: nothing. */
char *log_last_error(const char *path);
/* A line with "[ERROR]" has this word, in any case, since the server began that wrote last. */
bool log_says(const char *path, const char *word);

#endif
