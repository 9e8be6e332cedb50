/* proc_child.h - what every program that we start goes through between fork and exec. It never runs anything but exec in the child:
 * no allocation, no stdio, no locks, so it is right even when other threads exist. */
#ifndef SYSTOLE_IO_PROC_CHILD_H
#define SYSTOLE_IO_PROC_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

enum child_kind {
	CHILD_HELPER = 0, /* process group of its own; dies with the thread that started it */
	CHILD_SERVER,	  /* session of its own; outlives us */
};

struct child {
	enum child_kind kind;
	char *const *argv; /* argv[0] is an absolute path */
	int fds[4];	   /* become 0, 1, 2, 3; the last may be -1. Nothing else stays open */
	const char *directory;
	uid_t uid; /* 0: stays root */
	gid_t gid;
	gid_t groups[64];
	int group_count;
	bool gated;    /* waits for child_release(), and ends when we end before that */
	bool no_core;  /* it will hold a secret */
	pid_t pid;     /* set by child_start() */
	int status_fd; /* where the child says what failed; closed by exec */
	int gate_fd;
};

/* Checks argv, fills uid, gid and the account's supplementary groups: the server may read its TLS key through one of them. */
int child_prepare(struct child *child, enum child_kind kind, char *const *argv, uid_t uid, gid_t gid, struct error *err);
int child_start(struct child *child, struct error *err);
void child_release(struct child *child);
/* Returns when the program runs; -1: it does not, and the child is gone. */
int child_confirm(struct child *child, uint64_t deadline_ms, struct error *err);
/* Kills and reaps. Bounded: a process that cannot die is left to init. */
void child_kill(struct child *child);

/* Resets what a parent may have set for itself and its children: signals, session. For proc_detach(). */
void child_reset_signals(void);
bool child_wait_gate(int fd);
/* True when the descriptor became readable or hung up before the deadline; a pidfd does when its process ended. */
bool child_wait_readable(int fd, uint64_t deadline_ms);

void fd_closep(int *fd);
#define _cleanup_close_ _cleanup_(fd_closep)

#endif
