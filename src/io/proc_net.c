#include "io/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"

#define TCP_STATE_SYN_SENT 2
#define INODES_MAX 16

/* The inodes of sockets that wait for an answer from this port, of the network that the process lives in. */
static size_t unanswered(pid_t pid, const char *table, unsigned int port, unsigned long inodes[INODES_MAX])
{
	char line[512];
	size_t count = 0;
	_cleanup_free_ char *path = str_printf("/proc/%d/net/%s", (int)pid, table);
	FILE *file = fopen(path, "re");
	while (file && count < INODES_MAX && fgets(line, sizeof(line), file)) {
		unsigned int remote_port, state;
		unsigned long inode;
		/* sl local remote st tx:rx tr:when retrnsmt uid timeout inode */
		if (sscanf(line, " %*d: %*64[0-9A-F]:%*4x %*64[0-9A-F]:%4x %2x %*8x:%*8x %*2x:%*8x %*8x %*u %*d %lu", &remote_port, &state,
			   &inode) == 3 &&
		    remote_port == port && state == TCP_STATE_SYN_SENT && inode)
			inodes[count++] = inode;
	}
	if (file)
		fclose(file);
	return count;
}

static bool is_one_of(const char *link, const unsigned long *inodes, size_t count)
{
	unsigned long inode;
	if (sscanf(link, "socket:[%lu]", &inode) != 1)
		return false;
	for (size_t i = 0; i < count; i++)
		if (inodes[i] == inode)
			return true;
	return false;
}

/* A connection attempt that is shut down ends at once, as if it had been refused. */
static bool end_attempt(int pidfd, int fd)
{
	int copy = pidfd_getfd(pidfd, fd, 0);
	bool ended = copy >= 0 && shutdown(copy, SHUT_RDWR) == 0;
	if (copy >= 0)
		close(copy);
	return ended;
}

static unsigned int end_attempts(const struct proc *proc, int pidfd, const unsigned long *inodes, size_t count)
{
	unsigned int ended = 0;
	_cleanup_free_ char *path = str_printf("/proc/%d/fd", (int)proc->pid);
	DIR *dir = opendir(path);
	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
		char link[64];
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		if (n <= 0)
			continue;
		link[n] = '\0';
		if (is_one_of(link, inodes, count))
			ended += end_attempt(pidfd, (int)strtol(entry->d_name, NULL, 10));
	}
	if (dir)
		closedir(dir);
	return ended;
}

unsigned int proc_end_connects(const struct proc *proc, unsigned int port)
{
	unsigned long inodes[INODES_MAX];
	unsigned int ended = 0;
	size_t count = unanswered(proc->pid, "tcp", port, inodes);
	if (count == 0)
		count = unanswered(proc->pid, "tcp6", port, inodes);
	if (count == 0)
		return 0;
	int pidfd = pidfd_open(proc->pid, 0);
	if (pidfd >= 0 && proc_state(proc) == PROC_ALIVE)
		ended = end_attempts(proc, pidfd, inodes, count);
	if (pidfd >= 0)
		close(pidfd);
	return ended;
}
