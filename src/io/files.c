#include "io/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"

static void fd_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define _cleanup_close_ _cleanup_(fd_closep)

static void dir_closep(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static enum ocf_code code_of_errno(int number)
{
	return number == EACCES || number == EPERM ? OCF_ERR_PERM : OCF_ERR_GENERIC;
}

static int fail_errno(struct error *err, const char *what, const char *path)
{
	int number = errno;

	return error_set(err, code_of_errno(number), "cannot %s %s: %s", what, path, strerror(number));
}

/* "/a/b" gives "/a"; "b" gives ".". */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return str_dup(".");
	return slash == path ? str_dup("/") : str_ndup(path, (size_t)(slash - path));
}

static bool write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		text += n;
		length -= (size_t)n;
	}
	return true;
}

/* The new file, complete. The name begins with a dot, so a leftover does not make a data directory look used. */
static int write_beside(const char *unfinished, const char *text, mode_t mode, bool durably, struct error *err)
{
	_cleanup_close_ int fd = -1;

	if (unlink(unfinished) < 0 && errno != ENOENT)
		return fail_errno(err, "remove the leftover", unfinished);
	fd = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(err, "create", unfinished);
	/* The mode comes last: nobody else may open the file while it is root's only by name. */
	if ((geteuid() == 0 && fchown(fd, 0, 0) < 0) || !write_all(fd, text, strlen(text)) || fchmod(fd, mode) < 0 ||
	    (durably && fsync(fd) < 0))
		return fail_errno(err, "write", unfinished);
	return 0;
}

static int sync_directory(const char *dir, struct error *err)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return fail_errno(err, "flush the directory", dir);
	return 0;
}

static int replace_file(const char *path, const char *text, mode_t mode, bool durably, struct error *err)
{
	_cleanup_free_ char *dir = parent_of(path);
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *unfinished = str_printf("%s/.%s.%ld.new", dir, slash ? slash + 1 : path, (long)getpid());

	if (write_beside(unfinished, text, mode, durably, err) < 0) {
		unlink(unfinished);
		return -1;
	}
	if (rename(unfinished, path) < 0) {
		int number = errno;

		unlink(unfinished);
		errno = number;
		return fail_errno(err, "replace", path);
	}
	return durably ? sync_directory(dir, err) : 0;
}

int file_write_durably(const char *path, const char *text, mode_t mode, struct error *err)
{
	return replace_file(path, text, mode, true, err);
}

int file_write(const char *path, const char *text, mode_t mode, struct error *err)
{
	return replace_file(path, text, mode, false, err);
}

/* Not a character more than max is taken in, even when the file grows meanwhile. */
static int read_text(int fd, const char *path, size_t max, char **ret_text, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_errno(err, "look at", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, OCF_ERR_GENERIC, "%s is not a regular file (mode %07o): put a plain file there", path, st.st_mode);
	if ((uintmax_t)st.st_size > max)
		return error_set(err, OCF_ERR_GENERIC, "%s has %ju bytes, at most %zu are expected", path, (uintmax_t)st.st_size, max);
	/* Files in /proc and /sys say 0, so the size is no more than a hint. */
	text = mem_alloc(max + 2);
	for (;;) {
		ssize_t n = read(fd, text + length, max + 1 - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(err, "read", path);
		length += (size_t)n;
		if (n == 0)
			break;
		if (length > max)
			return error_set(err, OCF_ERR_GENERIC, "%s has more than the %zu bytes that are expected", path, max);
	}
	if (memchr(text, '\0', length))
		return error_set(err, OCF_ERR_GENERIC, "%s has a NUL byte, so it is not a text file", path);
	*ret_text = str_ndup(text, length);
	return 0;
}

/* *ret_fd -1: no such file. Without O_NONBLOCK a FIFO in its place would hold us for ever. */
static int open_to_read(const char *path, int *ret_fd, struct error *err)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 && errno != ENOENT)
		return fail_errno(err, "open", path);
	*ret_fd = fd;
	return 0;
}

int file_read(const char *path, size_t max, char **ret_text, struct error *err)
{
	_cleanup_close_ int fd = -1;

	if (open_to_read(path, &fd, err) < 0)
		return -1;
	if (fd < 0) {
		*ret_text = NULL;
		return 0;
	}
	return read_text(fd, path, max, ret_text, err);
}

int file_read_secret(const char *path, size_t max, char **ret_text, struct error *err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (open_to_read(path, &fd, err) < 0)
		return -1;
	if (fd < 0) {
		*ret_text = NULL;
		return 0;
	}
	if (fstat(fd, &st) < 0)
		return fail_errno(err, "look at", path);
	if (st.st_uid != 0 || (st.st_mode & 077))
		return error_set(
		    err, OCF_ERR_PERM,
		    "%s holds a password but belongs to uid %u with mode %04o; it must belong to root and be closed to all others: "
		    "run chown root:root '%s' && chmod 600 '%s', and change the password if others could read it",
		    path, (unsigned int)st.st_uid, (unsigned int)(st.st_mode & 07777), path, path);
	return read_text(fd, path, max, ret_text, err);
}

int file_map(const char *path, struct file_map *ret, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	void *bytes = NULL;
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_errno(err, "open", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, OCF_ERR_GENERIC, "%s is not a regular file (mode %07o)", path, st.st_mode);
	if (st.st_size > 0)
		bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return fail_errno(err, "read", path);
	*ret = (struct file_map){.bytes = bytes, .size = (size_t)st.st_size};
	return 0;
}

void file_unmap(struct file_map *map)
{
	if (map->bytes)
		munmap((void *)(uintptr_t)map->bytes, map->size);
	*map = (struct file_map){0};
}

int file_save(const char *path, const struct file_map *parts, size_t count, struct error *err)
{
	_cleanup_free_ char *dir = parent_of(path);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(err, "create", path);
	for (size_t i = 0; i < count; i++)
		if (!write_all(fd, (const char *)parts[i].bytes, parts[i].size))
			return fail_errno(err, "write", path);
	if (fsync(fd) < 0)
		return fail_errno(err, "write", path);
	return sync_directory(dir, err);
}

int file_cut(const char *path, uint64_t length, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_errno(err, "open", path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < length)
		return error_set(err, OCF_ERR_GENERIC, "%s is not a regular file of at least %llu bytes", path, (unsigned long long)length);
	if (ftruncate(fd, (off_t)length) < 0 || fsync(fd) < 0)
		return fail_errno(err, "cut", path);
	return 0;
}

char *file_state(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return str_dup("none");
	return str_printf("%ju:%ju:%jd:%jd.%09ld", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino, (intmax_t)st.st_size,
			  (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

int file_remove(const char *path, struct error *err)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return fail_errno(err, "remove", path);
	return 0;
}

bool file_claim(const char *path, const char *claimed)
{
	return rename(path, claimed) == 0;
}

/* Makes one directory below `parent` if it is missing. *ret_fd is open on what is there now. What we did not make ourselves may be a
 * symbolic link (/var/run); what we made is opened without following one and changed through its descriptor only. */
static int make_one(int parent, const char *name, mode_t mode, uid_t uid, gid_t gid, int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	bool made = mkdirat(parent, name, 0700) == 0;

	if (!made && errno != EEXIST)
		return -1;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (made ? O_NOFOLLOW : 0));
	if (fd < 0)
		return -1;
	if (made && (fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0))
		return -1;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int dir_make(const char *path, mode_t mode, uid_t uid, gid_t gid, struct error *err)
{
	_cleanup_free_ char *names = str_dup(path);
	_cleanup_close_ int at = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *rest = NULL;

	if (path[0] != '/')
		return error_set(err, OCF_ERR_GENERIC, "cannot make the directory '%s': its path must begin with /", path);
	for (char *name = strtok_r(names, "/", &rest); name; name = strtok_r(NULL, "/", &rest)) {
		int next = -1;

		if (make_one(at, name, mode, uid, gid, &next) < 0)
			return error_set(err, code_of_errno(errno), "cannot make the directory %s (at '%s'): %s", path, name,
					 strerror(errno));
		close(at);
		at = next;
	}
	return 0;
}

enum presence dir_is_empty(const char *path)
{
	_cleanup_(dir_closep) DIR *dir = opendir(path);

	if (!dir)
		return PRESENCE_UNKNOWN;
	for (;;) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return errno ? PRESENCE_UNKNOWN : PRESENCE_YES;
		if (entry->d_name[0] != '.' && !str_equal(entry->d_name, "lost+found"))
			return PRESENCE_NO;
	}
}

bool file_age_ms(const char *path, uint64_t *ret_age_ms)
{
	struct timespec now;
	struct stat st;

	if (stat(path, &st) < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return false;
	int64_t age = (int64_t)(now.tv_sec - st.st_mtim.tv_sec) * 1000 + (now.tv_nsec - st.st_mtim.tv_nsec) / 1000000;
	*ret_age_ms = age > 0 ? (uint64_t)age : 0;
	return true;
}

bool file_size(const char *path, uint64_t *ret_bytes)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	*ret_bytes = (uint64_t)st.st_size;
	return true;
}

int dir_sync_all(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || syncfs(fd) < 0 ? fail_errno(err, "sync", path) : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

enum presence path_exists(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0)
		return PRESENCE_YES;
	if (errno != ENOENT && errno != ENOTDIR)
		return PRESENCE_UNKNOWN;
	/* A link to nowhere is more likely a storage that is not mounted than nothing at all. */
	return lstat(path, &st) == 0 ? PRESENCE_UNKNOWN : PRESENCE_NO;
}

enum presence path_same(const char *a, const char *b)
{
	struct stat sa, sb;

	if (stat(a, &sa) < 0 || stat(b, &sb) < 0)
		return PRESENCE_UNKNOWN;
	return sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino ? PRESENCE_YES : PRESENCE_NO;
}

int path_owner(const char *path, uid_t *ret_uid, gid_t *ret_gid, struct error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return fail_errno(err, "look at", path);
	*ret_uid = st.st_uid;
	*ret_gid = st.st_gid;
	return 0;
}

static int fail_account(struct error *err, const char *kind, const char *name)
{
	if (errno)
		return error_set(err, OCF_ERR_GENERIC, "cannot look up the %s '%s': %s", kind, name, strerror(errno));
	return error_set(err, OCF_ERR_INSTALLED, "there is no %s '%s' on this node: create it, or set the parameter to the right name",
			 kind, name);
}

int account_ids(const char *user, const char *group, uid_t *ret_uid, gid_t *ret_gid, struct error *err)
{
	struct passwd *pw;
	struct group *gr = NULL;

	/* POSIX: not found leaves errno alone; glibc's modules may set these for it as well. */
	errno = 0;
	pw = getpwnam(user);
	if (!pw) {
		if (errno == ENOENT || errno == ESRCH)
			errno = 0;
		return fail_account(err, "user", user);
	}
	if (!str_empty(group)) {
		errno = 0;
		gr = getgrnam(group);
		if (!gr) {
			if (errno == ENOENT || errno == ESRCH)
				errno = 0;
			return fail_account(err, "group", group);
		}
	}
	*ret_uid = pw->pw_uid;
	*ret_gid = gr ? gr->gr_gid : pw->pw_gid;
	return 0;
}

static int remove_tree(int parent, const char *name, int depth)
{
	if (unlinkat(parent, name, 0) == 0)
		return 0;
	int fd = depth < 16 ? openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir)
		return -1;
	int rc = 0;
	for (struct dirent *entry = readdir(dir); entry && rc == 0; entry = readdir(dir))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = remove_tree(fd, entry->d_name, depth + 1);
	closedir(dir);
	return rc ? rc : unlinkat(parent, name, AT_REMOVEDIR);
}

int tree_remove(const char *dir, const char *name, struct error *err)
{
	_cleanup_close_ int parent = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (parent < 0)
		return fail_errno(err, "open", dir);
	return remove_tree(parent, name, 0) ? fail_errno(err, "remove all of", name) : 0;
}
